/* SPDX-License-Identifier: Apache-2.0 */
/* The class list that a run leaves: hostile text, of which names of classes are taken and nothing else. Pure. */
#ifndef MOAT_CLASSCACHE_NAMES_H
#define MOAT_CLASSCACHE_NAMES_H

#include <stddef.h>

#define CLASS_NAME_MAX 512

struct class_names {
    size_t length;      /* of the text that is left */
    size_t classes;     /* lines that are left */
    size_t application; /* of them: marked with a plus sign, since not the boot loader loaded them */
    size_t dropped;
};

/* Leaves in text[0..length) the lines that are a class's name as a class list has it, "java/lang/Object", without their
 * plus signs; a last line without its end is none. What a class list knows besides (directives that begin with @,
 * loaders, sources, comments) has other characters, and is dropped with all else. */
struct class_names class_names_take(char *text, size_t length);

#endif
