/* SPDX-License-Identifier: Apache-2.0 */
/* What the generator knows of instructions: signature from opcodes.def, treatment of NaNs and traps from their names,
 * which are regular (specification 4.3.3: which NaN an operator gives is open, but for abs, neg and copysign). */
#include "wasm_generator.h"

#include <string.h>

unsigned gen_type_slot(uint8_t type)
{
    switch (type) {
    case WASM_I32:
    case WASM_I64:
    case WASM_F32:
    case WASM_F64:
    case WASM_V128:
        return (unsigned)(WASM_I32 - type);
    case WASM_FUNCREF:
        return 5;
    case WASM_EXTERNREF:
        return 6;
    default:
        return 7;
    }
}

static uint8_t type_of(char letter)
{
    switch (letter) {
    case 'i':
        return WASM_I32;
    case 'I':
        return WASM_I64;
    case 'f':
        return WASM_F32;
    case 'F':
        return WASM_F64;
    default:
        return WASM_V128;
    }
}

static bool one_of(const char *word, const char *const *words)
{
    for (; *words; words++)
        if (!strcmp(word, *words))
            return true;
    return false;
}

static enum gen_nan lanes_of(const char *text)
{
    const char *single = strstr(text, "f32"), *twice = strstr(text, "f64");
    return single ? GEN_ANY_F32 : twice ? GEN_ANY_F64 : GEN_EXACT;
}

static void classify(struct gen_row *r, const char *name)
{
    static const char *const arithmetic[] = {"add",  "sub",  "mul",   "div",   "min",     "max",
                                             "sqrt", "ceil", "floor", "trunc", "nearest", NULL};
    static const char *const comparison[] = {"eq", "ne", "lt", "gt", "le", "ge", NULL};
    static const char *const moves[] = {"abs", "neg", "pmin", "pmax", "replace_lane", NULL};
    const char *word = strchr(name, '.') + 1;
    bool is_float = name[0] == 'f';
    enum gen_nan own = is_float ? lanes_of(name) : GEN_EXACT;
    r->lanes = (uint8_t)own;
    if (is_float && one_of(word, arithmetic)) {
        r->makes = r->tolerates = (uint8_t)own;
    } else if (is_float && one_of(word, comparison)) {
        r->tolerates = (uint8_t)own;
    } else if (is_float && one_of(word, moves)) {
        r->passes = r->n_params;
    } else if (is_float && (!strcmp(word, "splat") || !strcmp(word, "extract_lane") || !strcmp(word, "copysign"))) {
        r->passes = 1;
    } else if (!strncmp(word, "demote", 6)) {
        r->makes = GEN_ANY_F32;
        r->tolerates = GEN_ANY_F64;
    } else if (!strncmp(word, "promote", 7)) {
        r->makes = GEN_ANY_F64;
        r->tolerates = GEN_ANY_F32;
    } else if (!strncmp(word, "trunc_", 6)) {
        r->tolerates = (uint8_t)lanes_of(word);
        r->guard = strstr(word, "sat") ? GEN_TOTAL : GEN_TRUNCATION;
    } else if (!is_float && (!strncmp(word, "div_", 4) || !strncmp(word, "rem_", 4))) {
        r->guard = GEN_DIVISION;
    }
}

/* false: no signature, or more than operands matter. */
static bool row_make(unsigned op, struct gen_row *out)
{
    const struct wasm_op_row *row = &wasm_op_rows[op];
    const char *s = row->signature;
    if (!s)
        return false;
    *out = (struct gen_row){.op = (uint16_t)op};
    for (; *s != ':'; s++)
        out->params[out->n_params++] = type_of(*s);
    out->result = s[1] ? type_of(s[1]) : 0;
    return true;
}

void gen_rows_make(struct gen_rows *out)
{
    *out = (struct gen_rows){0};
    for (unsigned op = 0; op < WASM_OPS; op++) {
        struct gen_row r;
        if (!wasm_op_rows[op].name || !row_make(op, &r))
            continue;
        unsigned slot = gen_type_slot(r.result);
        switch (wasm_op_rows[op].immediate) {
        case WASM_IMM_NONE:
        case WASM_IMM_LANE:
        case WASM_IMM_LANES:
            classify(&r, wasm_op_rows[op].name);
            out->by_result[slot][out->n_by_result[slot]++] = (uint16_t)out->n_numeric;
            out->numeric[out->n_numeric++] = r;
            break;
        case WASM_IMM_MEMARG:
        case WASM_IMM_MEMARG_LANE:
            out->access_by_result[slot][out->n_access_by_result[slot]++] = (uint16_t)out->n_access;
            out->access[out->n_access++] = r;
            break;
        default: /* memory, tables, constants: by hand */
            break;
        }
    }
}
