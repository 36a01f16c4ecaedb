/* SPDX-License-Identifier: Apache-2.0 */
/* Native libraries that Java code wants to load, and that no rule lets be executed: refused, and told. What the user
 * has shown without x is on a mount without execution, so the kernel maps no code from it either; the system's own
 * libraries, which the JDK needs, have this refusal alone. */
#ifndef MOAT_JVM_LIBRARY_H
#define MOAT_JVM_LIBRARY_H

/* A path was looked for in vain: told where Java code was about to load it. errno stays. */
void library_looked_for(const char *path);

#endif
