/* SPDX-License-Identifier: Apache-2.0 */
/* Jars that the class path wants and no rule shows: those that a jar's manifest names (Class-Path). The class library
 * only looks whether such a jar is there, and goes on without it, so that what fails later is a class. Words alone. */
#ifndef MOAT_JVM_CLASSPATH_H
#define MOAT_JVM_CLASSPATH_H

/* A path was looked for in vain: told where it is a jar, and Java was about to take classes from it. errno stays. */
void classpath_looked_for(const char *path, const void *caller);

#endif
