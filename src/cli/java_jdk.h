/* SPDX-License-Identifier: Apache-2.0 */
/* Which JDK of this host a Java program runs on. Looks at the host; runs nothing of it. */
#ifndef MOAT_CLI_JAVA_JDK_H
#define MOAT_CLI_JAVA_JDK_H

#include "base/err.h"
#include "base/mem.h"

#define JDK_LINKS_MAX 16

/* The first that has a libjvm.so of: `asked` (--jdk; alone, where it is given), $JAVA_HOME, that of the java in $PATH,
 * /usr/lib/jvm/default-java, the newest of /usr/lib/jvm. *jdk: absolute, without links. *warning: that $JAVA_HOME names
 * none; NULL: nothing. */
int jdk_find(struct arena *a, const char *asked, const char **jdk, const char **warning, struct err *err);

/* "17.0.15", of the file `release`; NULL: there is none, or it says nothing that looks like a version. */
const char *jdk_version(struct arena *a, const char *jdk);

/* Where a JDK keeps parts of itself outside (Debian: its settings in /etc): where links of known names lead to, each
 * once. At most JDK_LINKS_MAX; how many. */
int jdk_outside(struct arena *a, const char *jdk, const char *paths[JDK_LINKS_MAX]);

#endif
