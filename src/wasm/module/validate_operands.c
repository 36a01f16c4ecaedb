/* SPDX-License-Identifier: Apache-2.0 */
/* Operands, immediates and errors of the validator: what the loop does when a thing does not fit at once, and what the
 * special opcodes are made of. */
#include "wasm/module/validator.h"

#include "base/cursor.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

int validator_fail(struct wasm_validator *v, const uint8_t *at, int code, const char *fmt, ...)
{
    const struct wasm_name *name = wasm_function_name(v->m, v->function);
    char words[512], who[160] = "";
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(words, sizeof words, fmt, ap);
    va_end(ap);
    if (name)
        snprintf(who, sizeof who, " ($%.*s)", name->len < 128 ? (int)name->len : 128, name->text);
    return err_set(v->err, code, "function %u%s: at offset 0x%zx: %s", v->function, who, (size_t)(at - v->m->bytes),
                   words);
}

static __attribute__((cold)) int mismatch(struct wasm_validator *v, uint8_t want, const char *has)
{
    return validator_fail(v, v->at, -EINVAL, "type mismatch: %s wants %s, has %s", wasm_op_rows[v->op].name,
                          wasm_type_name(want), has);
}

/* ---- immediates ------------------------------------------------------------------------------------------------- */

int validator_byte(struct wasm_validator *v, uint8_t *out)
{
    if (v->p == v->end)
        return validator_fail(v, v->p, -EINVAL, "unexpected end");
    *out = *v->p++;
    return 0;
}

int validator_u32(struct wasm_validator *v, uint32_t *out)
{
    const char *fault;
    uint64_t value;

    if (v->p < v->end && *v->p < 0x80) {
        *out = *v->p++;
        return 0;
    }
    unsigned n = leb_decode(v->p, v->end, 32, false, &value, &fault);
    if (!n)
        return validator_fail(v, v->p, -EINVAL, "%s", fault);
    v->p += n;
    *out = (uint32_t)value;
    return 0;
}

int validator_index(struct wasm_validator *v, uint32_t n, const char *what, uint32_t *out)
{
    int r = validator_u32(v, out);

    if (r < 0)
        return r;
    if (*out >= n)
        return validator_fail(v, v->at, -EINVAL, "unknown %s %u, there are %u: %s", what, *out, n,
                              wasm_op_rows[v->op].name);
    return 0;
}

/* ---- operands --------------------------------------------------------------------------------------------------- */

int validator_pop(struct wasm_validator *v, uint8_t want, uint8_t *got)
{
    uint8_t type = UNKNOWN_TYPE;

    if (v->top > v->base)
        type = *--v->top;
    else if (!innermost(v)->unreachable)
        return mismatch(v, want, "nothing");
    if (type != want && type != UNKNOWN_TYPE && want != UNKNOWN_TYPE)
        return mismatch(v, want, wasm_type_name(type));
    if (got)
        *got = type;
    return 0;
}

/* The n operands on top are of these types; *here: how many of them are there (fewer in unreachable code). */
static int check_top(struct wasm_validator *v, const uint8_t *types, uint32_t n, uint32_t *here)
{
    size_t height = (size_t)(v->top - v->base);

    *here = height < n ? (uint32_t)height : n;
    const uint8_t *want = types + n - *here, *have = v->top - *here;
    if (*here && memcmp(want, have, *here) != 0)
        for (uint32_t i = *here; i-- > 0;)
            if (have[i] != want[i] && have[i] != UNKNOWN_TYPE)
                return mismatch(v, want[i], wasm_type_name(have[i]));
    if (height < n && !innermost(v)->unreachable)
        return mismatch(v, types[n - 1 - height], "nothing");
    return 0;
}

int validator_check_types(struct wasm_validator *v, const uint8_t *types, uint32_t n)
{
    uint32_t here;

    return check_top(v, types, n, &here);
}

int validator_pop_types(struct wasm_validator *v, const uint8_t *types, uint32_t n)
{
    uint32_t here;
    int r = check_top(v, types, n, &here);

    v->top -= here;
    return r;
}

int validator_push_types(struct wasm_validator *v, const uint8_t *types, uint32_t n)
{
    if (n > 1 && (size_t)(v->top - v->stack) + n > WASM_OPERANDS_MAX)
        return validator_fail(v, v->at, -ENOTSUP, "more than %u operands at once", WASM_OPERANDS_MAX);
    if (n)
        memcpy(v->top, types, n);
    v->top += n;
    return 0;
}

int validator_apply(struct wasm_validator *v, const struct op_rule *rule)
{
    for (unsigned i = 0; i < rule->pops; i++) {
        int r = validator_pop(v, (uint8_t)(rule->want >> (24 - 8 * i)), NULL);
        if (r < 0)
            return r;
    }
    if (rule->pushes)
        validator_push(v, rule->push);
    return 0;
}
