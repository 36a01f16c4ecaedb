/* SPDX-License-Identifier: Apache-2.0 */
/* Who serves which number, from syscalls.def. `moat build` links a table of its own in this one's place. */
#include "linux/core/call.h"

call_handler *const call_handlers[CALL_MAX] = {
#define CALL(nr, name, status, note, ...) [nr] = sys_##name,
#define NOCALL(nr, name, note)
#include "linux/syscalls.def"
#undef CALL
#undef NOCALL
};
const uint32_t call_handlers_n = CALL_MAX;
