/* SPDX-License-Identifier: Apache-2.0 */
/* What a Java program that has ended left on its page about classes. Hostile text: see classcache/names.h. */
#ifndef MOAT_BOUNDARY_JVM_CLASSES_H
#define MOAT_BOUNDARY_JVM_CLASSES_H

#include "base/mem.h"

#include <stdbool.h>

struct jvm_classes {
    bool useless; /* the class archive that it was given was of no use to it */
    char *list;   /* a copy in the arena; NULL: none was asked for, or it left none */
    size_t length;
};

/* From the state directory of its sandbox. 0, also where nothing is said; -ENOMEM. */
int jvm_classes_take(int state_fd, struct arena *a, struct jvm_classes *out);

#endif
