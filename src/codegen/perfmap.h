/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of generated code for perf(1): /tmp/perf-PID.map, the place that perf looks at
 * (tools/perf/Documentation/jit-interface.txt of Linux). Written only for a user who asked for it: the names tell what
 * runs, to him alone (mode 0600). The file is left for perf to read; who made it removes it.
 */
#ifndef MOAT_CODEGEN_PERFMAP_H
#define MOAT_CODEGEN_PERFMAP_H

#include "base/err.h"

#include <stddef.h>

struct code_perfmap;

/* Makes the file; one that is there already is not touched: -EEXIST. 0 or -errno. */
int code_perfmap_open(struct code_perfmap **out, struct err *err);
/* One line. The name may be foreign: what is not printable ASCII becomes '?', and it is cut at 256 bytes. Errors are
 * told by code_perfmap_close(). */
void code_perfmap_add(struct code_perfmap *p, const void *start, size_t size, const char *name, size_t name_len);
/* Writes what is left and frees; 0 or the first -errno. NULL is allowed, here and above. */
int code_perfmap_close(struct code_perfmap *p);

#endif
