/* SPDX-License-Identifier: Apache-2.0 */
/* The stubs between C and compiled code: entry.c has them in assembler. Offsets there are asserted there. */
#ifndef MOAT_WASM_BASELINE_NATIVE_H
#define MOAT_WASM_BASELINE_NATIVE_H

#include "wasm/runtime/abi.h"

/* What goes in and comes out of a call from C. */
struct native_call {
    uint8_t vector[8][16]; /* xmm0 to xmm7; the result in xmm0 */
    uint64_t general[6];   /* by calls.c; the result in general[0] */
    const void *entry;
    struct wasm_instance *instance;
    uint64_t sp; /* of the guest, arguments in memory there */
    uint64_t results;
    struct wasm_store *store;
};

/* Registers of code that calls a host function. */
struct native_host_call {
    uint8_t vector[8][16];
    uint64_t general[6];
    uint64_t results;
    const uint8_t *stack; /* arguments in memory */
    uint64_t popped;      /* bytes of them, told by C */
    uint64_t padding;
};

extern const uint8_t wasm_native_start[], wasm_native_end[];
enum wasm_trap wasm_native_enter(struct native_call *call);
/* Jumped to, with the store in r11 and its host_sp in rsp. */
extern const uint8_t wasm_native_exit[];
extern const uint8_t wasm_native_host[], wasm_native_helper_trap[], wasm_native_helper_value[];
extern const uint8_t wasm_native_return_gs[], wasm_native_return_r15[];
/* Whether the gs base may be set. */
extern uint8_t wasm_native_has_gs;

#endif
