/* SPDX-License-Identifier: Apache-2.0 */
/* Denials in words on standard error: an operation of the program that the walls have refused. Words alone. */
#ifndef MOAT_WASMRUN_DENIALS_H
#define MOAT_WASMRUN_DENIALS_H

#include "wasmrun/config.h"

void denials_begin(const struct wasmrun_config *c);

/* An operation on a path has failed with `error` (an errno). name: of the preopened directory; path: relative to it, as
 * the program wrote it. looks: nothing was to be opened or changed. */
void denials_path(const char *deed, const char *name, const char *path, uint32_t access, int error, bool looks);

/* The same, of what lies in the kernel's own file systems (WASI_KERNELS), which no rule gives. */
void denials_kernels(const char *deed, const char *name, const char *path, bool looks);

/* The path that is meant, clean: a program's C library knows no working directory, and may have taken the slash from
 * the name of a file of the system before it came here. Pure, for tests. Length, or -errno. */
int denials_meant(const struct wasmrun_config *c, const char *name, const char *path, char out[ENGINE_PATH]);

/* engine_is_denied(), and what led out of the directory (EXDEV) is one too. Pure, for tests. */
bool denials_is_denied(const struct engine_rules *rules, const char *path, uint32_t access, int error);

#endif
