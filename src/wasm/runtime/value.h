/* SPDX-License-Identifier: Apache-2.0 */
/* Values and traps (specification 4.2.1, 4.2.2). */
#ifndef MOAT_WASM_RUNTIME_VALUE_H
#define MOAT_WASM_RUNTIME_VALUE_H

#include <stdint.h>

/* One value in memory: of a global, in the arguments and results of a call. Floats are bits, so that no NaN changes on
 * the way. A reference is a word, 0 for null: of a function its struct wasm_func, of the host any word but 0. Bytes
 * beyond the value's own size mean nothing. */
union wasm_value {
    uint32_t i32;
    uint64_t i64;
    uint32_t f32;
    uint64_t f64;
    uint8_t v128[16];
    uint64_t ref;
} __attribute__((aligned(16)));

_Static_assert(sizeof(union wasm_value) == 16, "generated code counts on it");

/* Why execution ended. Append only: compiled code that is kept on disk has the numbers. */
enum wasm_trap {
    WASM_TRAP_NONE,
    WASM_TRAP_UNREACHABLE,
    WASM_TRAP_MEMORY_BOUNDS,
    WASM_TRAP_TABLE_BOUNDS,
    WASM_TRAP_UNDEFINED_ELEMENT,     /* call_indirect beyond the table */
    WASM_TRAP_UNINITIALIZED_ELEMENT, /* call_indirect of null */
    WASM_TRAP_INDIRECT_TYPE,
    WASM_TRAP_DIVIDE_BY_ZERO,
    WASM_TRAP_INTEGER_OVERFLOW,
    WASM_TRAP_INVALID_CONVERSION,
    WASM_TRAP_STACK_EXHAUSTED,
    WASM_TRAP_FUEL,      /* --fuel is used up */
    WASM_TRAP_INTERRUPT, /* time limit or stop */
    WASM_TRAP_HOST,      /* a host function failed: the store has its words */
    WASM_TRAP_EXIT,      /* a host function ends the program in order (proc_exit): the store has its status */
    WASM_TRAPS
};

/* The specification's words: "integer divide by zero". */
const char *wasm_trap_text(enum wasm_trap trap);

#endif
