/* SPDX-License-Identifier: Apache-2.0 */
/* From the rows of opcodes.def to what the validator's loop looks at. */
#include "wasm/module/validator.h"

#include <string.h>

static uint8_t type_of_letter(char c)
{
    switch (c) {
    case 'i':
        return WASM_I32;
    case 'I':
        return WASM_I64;
    case 'f':
        return WASM_F32;
    case 'F':
        return WASM_F64;
    }
    return WASM_V128;
}

static const struct {
    uint8_t kind, size;
    op_function *special;
} immediates[] = {
    [WASM_IMM_NONE] = {KIND_PLAIN, 0, NULL},
    [WASM_IMM_TABLE] = {KIND_IMMEDIATE, 0, immediate_table},
    [WASM_IMM_MEMARG] = {KIND_MEMARG, 0, NULL},
    [WASM_IMM_MEMORY] = {KIND_IMMEDIATE, 0, immediate_memory},
    [WASM_IMM_I32] = {KIND_LEB32, 0, NULL},
    [WASM_IMM_I64] = {KIND_LEB64, 0, NULL},
    [WASM_IMM_F32] = {KIND_BYTES, 4, NULL},
    [WASM_IMM_F64] = {KIND_BYTES, 8, NULL},
    [WASM_IMM_DATA_MEMORY] = {KIND_IMMEDIATE, 0, immediate_memory_init},
    [WASM_IMM_DATA] = {KIND_IMMEDIATE, 0, immediate_data},
    [WASM_IMM_MEMORY_MEMORY] = {KIND_IMMEDIATE, 0, immediate_memory_copy},
    [WASM_IMM_ELEM_TABLE] = {KIND_IMMEDIATE, 0, immediate_table_init},
    [WASM_IMM_ELEM] = {KIND_IMMEDIATE, 0, immediate_elem},
    [WASM_IMM_TABLE_TABLE] = {KIND_IMMEDIATE, 0, immediate_table_copy},
    [WASM_IMM_V128] = {KIND_BYTES, 16, NULL},
    [WASM_IMM_LANES] = {KIND_IMMEDIATE, 0, immediate_lanes},
    [WASM_IMM_LANE] = {KIND_IMMEDIATE, 0, immediate_lane},
    [WASM_IMM_MEMARG_LANE] = {KIND_IMMEDIATE, 0, immediate_memarg_lane},
};

/* Rows without a signature. */
static const struct {
    uint16_t op;
    op_function *special;
} specials[] = {
    {WASM_OP_UNREACHABLE, validate_unreachable},
    {WASM_OP_BLOCK, validate_block},
    {WASM_OP_LOOP, validate_block},
    {WASM_OP_IF, validate_if},
    {WASM_OP_ELSE, validate_else},
    {WASM_OP_END, validate_end},
    {WASM_OP_BR, validate_br},
    {WASM_OP_BR_IF, validate_br_if},
    {WASM_OP_BR_TABLE, validate_br_table},
    {WASM_OP_RETURN, validate_return},
    {WASM_OP_CALL, validate_call},
    {WASM_OP_CALL_INDIRECT, validate_call_indirect},
    {WASM_OP_RETURN_CALL, validate_return_call},
    {WASM_OP_RETURN_CALL_INDIRECT, validate_return_call_indirect},
    {WASM_OP_DROP, validate_drop},
    {WASM_OP_SELECT, validate_select},
    {WASM_OP_SELECT_T, validate_select_t},
    {WASM_OP_GLOBAL_GET, validate_global_get},
    {WASM_OP_GLOBAL_SET, validate_global_set},
    {WASM_OP_TABLE_GET, validate_table_get},
    {WASM_OP_TABLE_SET, validate_table_set},
    {WASM_OP_REF_NULL, validate_ref_null},
    {WASM_OP_REF_IS_NULL, validate_ref_is_null},
    {WASM_OP_REF_FUNC, validate_ref_func},
    {WASM_OP_TABLE_GROW, validate_table_grow},
    {WASM_OP_TABLE_FILL, validate_table_fill},
};

static struct op_rule rule_of(const struct wasm_op_row *row)
{
    bool constant = immediates[row->immediate].kind == KIND_BYTES;
    struct op_rule rule = {.kind = immediates[row->immediate].kind,
                           .special = immediates[row->immediate].special,
                           .align = constant ? immediates[row->immediate].size : row->align};
    const char *s = row->signature;

    for (; *s != ':'; s++, rule.pops++) {
        rule.want = rule.want >> 8 | (uint32_t)type_of_letter(*s) << 24;
        rule.mask = rule.mask >> 8 | 0xff000000u;
    }
    if (*++s) {
        rule.push = type_of_letter(*s);
        rule.pushes = 1;
    }
    return rule;
}

void validator_rules_make(struct op_rule rules[WASM_OPS], const struct wasm_features *features)
{
    memset(rules, 0, WASM_OPS * sizeof *rules);
    for (unsigned op = 0; op < WASM_OPS; op++)
        if (wasm_op_rows[op].signature)
            rules[op] = rule_of(&wasm_op_rows[op]);
    for (size_t i = 0; i < ARRAY_LEN(specials); i++)
        if (wasm_op_rows[specials[i].op].feature != WASM_FEATURE_TAIL_CALL || features->tail_call)
            rules[specials[i].op] = (struct op_rule){.kind = KIND_SPECIAL, .special = specials[i].special};
    rules[WASM_OP_NOP] = (struct op_rule){.kind = KIND_PLAIN};
    rules[WASM_OP_LOCAL_GET] = (struct op_rule){.kind = KIND_LOCAL_GET, .pushes = 1};
    rules[WASM_OP_LOCAL_SET] = (struct op_rule){.kind = KIND_LOCAL_SET};
    rules[WASM_OP_LOCAL_TEE] = (struct op_rule){.kind = KIND_LOCAL_TEE, .pushes = 1};
    rules[WASM_PREFIX_MISC] = (struct op_rule){.kind = KIND_PREFIX, .align = WASM_OP_MISC >> 8};
    rules[WASM_PREFIX_VECTOR] = (struct op_rule){.kind = KIND_PREFIX, .align = WASM_OP_VECTOR >> 8};
}
