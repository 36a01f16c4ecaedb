/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the engine `hotspot`: one virtual machine of a JDK, and what its parts share. There is one in a process,
 * and it is made once: libjvm.so is never unloaded.
 */
#ifndef MOAT_JVM_HOTSPOT_H
#define MOAT_JVM_HOTSPOT_H

#include "jvm/config.h"
#include "jvm/jni.h"
#include "jvm/meter.h"

#include <stdatomic.h>

struct hotspot {
    const struct jvm_config *config;
    void *library;
    int32_t (*make)(jni_vm **vm, void **env, void *args);  /* JNI_CreateJavaVM */
    jobject (*boot_class)(jni_env *env, const char *name); /* JVM_FindClassFromBootLoader; NULL: find_class does */
    size_t stack;                                          /* of the main thread */
    jni_vm *vm;
    atomic_bool runs; /* the machine is there: threads may attach */
    int status;
    int result; /* of run: 0 or -errno */
    struct err err;
};

/* A class of the JDK, without running Java code for it where the machine can do that. NULL with an exception. */
static inline jobject hotspot_class(const struct hotspot *h, jni_env *env, const char *name)
{
    return h->boot_class ? h->boot_class(env, name) : jni_find_class(env, name);
}

/* launch.c: finds the main class as `java` does, and calls it. On the main thread. The exit status; an exception that
 * was not caught is still pending. */
int hotspot_launch(struct hotspot *h, jni_env *env);

/* tools.c: the tool interface of the running machine, made where somebody asks for the first time. */
void hotspot_tools_begin(struct hotspot *h);
/* The interface, from a thread of Java; NULL where the machine has none. */
jvmti_env *hotspot_tools(void);
int hotspot_tools_measure(struct hotspot *h, struct jvm_meter *page);

/* Whether the calling thread is in java.lang.Runtime.load0: it wants a native library by its path. */
bool hotspot_is_loading(void);
/* Whether it is about to open a jar of a class path (URLClassPath.JarLoader). */
bool hotspot_is_finding_classes(void);

/* Which limit an uncaught exception names (jvm/exhaustion.h). Leaves it pending. */
enum jvm_end hotspot_end_of(const struct hotspot *h, jni_env *env, jobject thrown);

#endif
