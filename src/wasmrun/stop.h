/* SPDX-License-Identifier: Apache-2.0 */
/* What ends a program from outside: the time limit, and the signals that ask it to end. One store a process. */
#ifndef MOAT_WASMRUN_STOP_H
#define MOAT_WASMRUN_STOP_H

#include "base/err.h"
#include "wasm/runtime/store.h"

#include <stdint.h>

/* From now on SIGTERM, SIGINT, SIGHUP, SIGQUIT and SIGXCPU end what runs in the store, and so does the time limit
 * (milliseconds; 0: none). SIGPIPE and SIGXFSZ are ignored: the program sees an error instead. */
int stop_prepare(struct wasm_store *s, int64_t timeout_ms, struct err *err);

/* Why WASM_TRAP_INTERRUPT came: a signal's number, SIGALRM for the time limit. */
int stop_reason(void);

#endif
