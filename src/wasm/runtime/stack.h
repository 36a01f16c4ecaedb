/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The stack on which compiled code runs: mapped at the first call, a guard below it. Code whose frame is larger than
 * the guard compares with store->stack_limit; any other frame that does not fit touches the guard.
 */
#ifndef MOAT_WASM_RUNTIME_STACK_H
#define MOAT_WASM_RUNTIME_STACK_H

#include "wasm/runtime/store_private.h"

#define WASM_STACK_GUARD   ((size_t)1 << 20)
#define WASM_STACK_DEFAULT ((size_t)1 << 20)

/* -ENOMEM. Nothing when it is there. */
int wasm_stack_make(struct wasm_store_whole *w);
void wasm_stack_free(struct wasm_store_whole *w);
/* Bytes above the guard. */
size_t wasm_stack_size(const struct wasm_store_whole *w);
/* Async-signal-safe: whether an access to this address is a stack that is used up. */
bool wasm_stack_guard_holds(const struct wasm_store *s, const void *address);

#endif
