/* SPDX-License-Identifier: Apache-2.0 */
#include "wasm/module/opcode.h"

#include <stddef.h>

const struct wasm_op_row wasm_op_rows[WASM_OPS] = {
#define ROW(number, op, text, imm, types, natural, proposal)                                                           \
    [number] = {.name = (text),                                                                                        \
                .signature = (types),                                                                                  \
                .immediate = WASM_IMM_##imm,                                                                           \
                .align = (natural),                                                                                    \
                .feature = WASM_FEATURE_##proposal},
#include "wasm/module/opcodes.def"
#undef ROW
};
