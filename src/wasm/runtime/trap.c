/* SPDX-License-Identifier: Apache-2.0 */
/* Words for traps: those of the specification's tests where it has some. */
#include "wasm/runtime/value.h"

static const char *const trap_texts[WASM_TRAPS] = {
    [WASM_TRAP_NONE] = "no trap",
    [WASM_TRAP_UNREACHABLE] = "unreachable",
    [WASM_TRAP_MEMORY_BOUNDS] = "out of bounds memory access",
    [WASM_TRAP_TABLE_BOUNDS] = "out of bounds table access",
    [WASM_TRAP_UNDEFINED_ELEMENT] = "undefined element",
    [WASM_TRAP_UNINITIALIZED_ELEMENT] = "uninitialized element",
    [WASM_TRAP_INDIRECT_TYPE] = "indirect call type mismatch",
    [WASM_TRAP_DIVIDE_BY_ZERO] = "integer divide by zero",
    [WASM_TRAP_INTEGER_OVERFLOW] = "integer overflow",
    [WASM_TRAP_INVALID_CONVERSION] = "invalid conversion to integer",
    [WASM_TRAP_STACK_EXHAUSTED] = "call stack exhausted",
    [WASM_TRAP_FUEL] = "fuel exhausted",
    [WASM_TRAP_INTERRUPT] = "interrupted",
    [WASM_TRAP_HOST] = "host function failed",
    [WASM_TRAP_EXIT] = "program ended",
};

const char *wasm_trap_text(enum wasm_trap trap)
{
    return (unsigned)trap < WASM_TRAPS ? trap_texts[trap] : "unknown trap";
}
