/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The engine's part in class archives (class data sharing): the list of classes that one is made from, whether the one
 * that was given is in use, and the machine that is started to write one. Words to moat alone, as all of the page:
 * moat checks the list, and what it does with the rest harms the program that lied at most.
 */
#ifndef MOAT_JVM_ARCHIVE_H
#define MOAT_JVM_ARCHIVE_H

#include "jvm/hotspot.h"

/* Whether the machine is there to write an archive: it has done so when it is made, and nothing is to be run. */
bool archive_is_written(const struct jvm_config *c);

/* Where an archive was given (-XX:SharedArchiveFile): writes to the page whether this machine could use it. */
void archive_note(const struct hotspot *h, jni_env *env);

/* Lists the classes that are loaded, when the machine goes down: a line each, "java/lang/Object", or "+app/Main" where
 * it was not the boot loader that loaded it. */
void archive_list(jvmti_env *t);

#endif
