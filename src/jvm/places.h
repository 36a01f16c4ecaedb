/* SPDX-License-Identifier: Apache-2.0 */
/* Where in a JDK its libjvm.so lies: for who looks for a JDK, and for who opens it. Stands alone. */
#ifndef MOAT_JVM_PLACES_H
#define MOAT_JVM_PLACES_H

#ifdef __x86_64__
#define JVM_OLD_ARCHITECTURE "amd64"
#else
#define JVM_OLD_ARCHITECTURE "aarch64"
#endif

/* The first that there is. The last is that of JDK 8. */
#define JVM_PLACES                                                                                                     \
    {                                                                                                                  \
        "lib/server", "lib/client", "jre/lib/" JVM_OLD_ARCHITECTURE "/server"                                          \
    }

#endif
