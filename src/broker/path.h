/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as text: no look at any file system. What a clean path is: base/pathtext.h. Pure. */
#ifndef MOAT_BROKER_PATH_H
#define MOAT_BROKER_PATH_H

#include "base/pathtext.h"

#include <stdbool.h>
#include <stddef.h>

/* A path of the target's, with its NUL; the kernel takes no longer one. */
#define PATH_SIZE 4096

bool path_is_clean(const char *path);

/* Cleans an absolute path: ".." takes away the name before it, whatever that name is. Length, or -ENAMETOOLONG. */
int path_clean(const char *raw, char out[PATH_SIZE]);

/* dir + '/' + name. Length, or -ENAMETOOLONG. out may be dir. */
int path_join(char out[PATH_SIZE], const char *dir, const char *name);

/* Some component is "..". */
bool path_climbs(const char *path);

/* Below /proc, /dev or /sys, as far as the text says. */
bool path_is_kernels(const char *path);

/* Splits off the last name. *dir: bytes before it, with the slash; *name and *length: the name, without slashes behind
 * it; *slash: there were some. "" and "/" have no name: *length is 0. */
void path_split(const char *path, size_t *dir, const char **name, size_t *length, bool *slash);

#endif
