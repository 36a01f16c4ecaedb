/* SPDX-License-Identifier: Apache-2.0 */
/* What syscalls.def says of each call: for --trace and the documentation. Not linked where neither is wanted. */
#include "linux/core/call.h"

#define N_KINDS(...) .n_args = sizeof((uint8_t[]){__VA_ARGS__})
#define KINDS(...)   .kinds = {__VA_ARGS__}
const struct call call_table[CALL_MAX] = {
#define CALL(nr, name_, status_, note_, ...)                                                                           \
    [nr] = {.name = #name_, .status = CALL_##status_, .note = note_, N_KINDS(__VA_ARGS__), KINDS(__VA_ARGS__)},
#define NOCALL(nr, name_, note_) [nr] = {.name = #name_, .status = CALL_NONE, .note = note_},
#include "linux/syscalls.def"
#undef CALL
#undef NOCALL
};
