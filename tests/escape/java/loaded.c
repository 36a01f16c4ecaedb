/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A native library for the probes in Java: it is loaded by JNI, as an agent, as a PKCS #11 module. That it was loaded
 * is seen in the maps of the process, so it does nothing. No header of a JDK is needed, no library is.
 */
int JNI_OnLoad(void *vm, void *reserved);
int Agent_OnAttach(void *vm, char *options, void *reserved);
int Agent_OnLoad(void *vm, char *options, void *reserved);

#define JNI_VERSION_1_8 0x00010008

int JNI_OnLoad(void *vm, void *reserved)
{
    (void)vm;
    (void)reserved;
    return JNI_VERSION_1_8;
}

int Agent_OnAttach(void *vm, char *options, void *reserved)
{
    (void)vm;
    (void)options;
    (void)reserved;
    return 0;
}

int Agent_OnLoad(void *vm, char *options, void *reserved)
{
    return Agent_OnAttach(vm, options, reserved);
}
