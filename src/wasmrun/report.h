/* SPDX-License-Identifier: Apache-2.0 */
/* Why the program ended, on standard error: a trap with its backtrace. Names in it are the module's, and so hostile. */
#ifndef MOAT_WASMRUN_REPORT_H
#define MOAT_WASMRUN_REPORT_H

#include "wasm/runtime/store.h"

/* "moat-wasm: NAME: trap: integer divide by zero", and a line for each frame: offset in the module, as in its listing,
 * and function. */
void report_trap(const struct wasm_store *s, const char *name, enum wasm_trap trap);

/* One line on standard error: "moat-wasm: NAME: TEXT". */
void report_error(const char *name, const char *text);

#endif
