/* SPDX-License-Identifier: Apache-2.0 */
/* --invoke: words become the arguments of an exported function by its type, and its results become words. Pure. */
#ifndef MOAT_WASMRUN_INVOKE_H
#define MOAT_WASMRUN_INVOKE_H

#include "base/err.h"
#include "wasm/module/module.h"
#include "wasm/runtime/value.h"

#include <errno.h>
#include <stdio.h>

#define INVOKE_TEXT   64
#define INVOKE_MISUSE EDOM /* arguments that do not fit the function: the caller's mistake, not the module's */

/* Integers are decimal, signed or not, or hexadecimal with 0x; floats as strtod(3) takes them; a vector is 0x and 32
 * hexadecimal digits, the last byte first, as an integer is written; a reference is `null`. -EINVAL names word and
 * type.
 */
int invoke_read(uint8_t type, const char *word, union wasm_value *out, struct err *err);

/* One value as a word. Integers are signed; of a float the shortest text that reads back as the same number. */
void invoke_write(uint8_t type, const union wasm_value *value, char out[INVOKE_TEXT]);

#endif
