/* SPDX-License-Identifier: Apache-2.0 */
/* The module's bytes, as this process's own. */
#ifndef MOAT_WASMRUN_MODULE_FILE_H
#define MOAT_WASMRUN_MODULE_FILE_H

#include "base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Copies the file behind `fd` (taken) into private memory, which is read-only from then on: whoever may write the file,
 * the program itself for one, cannot change what has been validated. */
int wasmrun_module_read(int fd, const uint8_t **bytes, size_t *size, struct err *err);

/* Maps the file behind `fd` (taken) whole, to be read and run, and looks at none of it: it is compiled code that nobody
 * but its owner can write. *runs: false where its file system lets nothing be executed. */
int wasmrun_image_map(int fd, const uint8_t **bytes, size_t *size, bool *runs, struct err *err);

#define WASMRUN_LISTENERS_MAX 64

/* What comes with the module: `*fd` is then a socket, whose one message has the module, which takes its place, n
 * listeners, and, where one may come, compiled code behind them: *image, -1: none has come. image NULL: none may. */
int wasmrun_companions_take(int *fd, int *listeners, uint32_t n, int *image, struct err *err);

/* The descriptor that was handed over for it: the standard input where `path` is "-", else $MOAT_HANDED_FD; without one
 * `path` is opened. -errno: err is set. */
int wasmrun_module_open(const char *path, struct err *err);

#endif
