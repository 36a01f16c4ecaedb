/* SPDX-License-Identifier: Apache-2.0 */
/* The module's bytes, as this process's own. */
#ifndef MOAT_WASMRUN_MODULE_FILE_H
#define MOAT_WASMRUN_MODULE_FILE_H

#include "base/err.h"

#include <stddef.h>
#include <stdint.h>

/* Copies the file behind `fd` (taken) into private memory, which is read-only from then on: whoever may write the file,
 * the program itself for one, cannot change what has been validated. */
int wasmrun_module_read(int fd, const uint8_t **bytes, size_t *size, struct err *err);

/* The descriptor that was handed over for it: the standard input where `path` is "-", else $MOAT_METER_FD; without one
 * `path` is opened. -errno: err is set. */
int wasmrun_module_open(const char *path, struct err *err);

#endif
