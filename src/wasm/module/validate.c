/* SPDX-License-Identifier: Apache-2.0 */
/* The validator's loop over the opcodes of a body, and what is around it. */
#include "wasm/module/validator.h"

#include "base/cursor.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "op_rule.want has the last operand in its upper byte");

#define STACK_BEFORE  8 /* bytes before the first operand: the loop reads four */
#define LOCALS_WANTED 1024

/* Room for the operands of any body of the module: an opcode of one byte pushes WASM_RESULTS_MAX at most. */
static size_t stack_size(const struct wasm_module *m)
{
    size_t largest = 0;

    for (uint32_t f = m->n_imported_functions; f < m->n_functions; f++)
        if (m->functions[f].size > largest)
            largest = m->functions[f].size;
    size_t many = largest * WASM_RESULTS_MAX;
    return STACK_BEFORE + largest + (many < WASM_OPERANDS_MAX ? many : WASM_OPERANDS_MAX) + 1;
}

int wasm_validator_make(const struct wasm_module *m, const struct wasm_features *features, struct wasm_validator **out)
{
    struct wasm_validator *v = calloc(1, sizeof *v);

    if (!v)
        return -ENOMEM;
    v->m = m;
    v->features = *features;
    v->stack_start = malloc(stack_size(m)); /* as a rule most of it is never touched */
    if (!v->stack_start) {
        free(v);
        return -ENOMEM;
    }
    memset(v->stack_start, 0, STACK_BEFORE);
    validator_rules_make(v->rules, features);
    *out = v;
    return 0;
}

void wasm_validator_free(struct wasm_validator *v)
{
    if (!v)
        return;
    free(v->stack_start);
    free(v->frames);
    free(v->locals);
    free(v->weights);
    free(v->blocks);
    free(v);
}

/* ---- locals ----------------------------------------------------------------------------------------------------- */

/* Room for n locals; those that there are stay. */
static int locals_room(struct wasm_validator *v, size_t n)
{
    if (n < v->locals_size)
        return 0;
    size_t size = n < LOCALS_WANTED ? LOCALS_WANTED : n * 2;
    uint8_t *locals = realloc(v->locals, size);
    if (locals)
        v->locals = locals;
    uint32_t *weights = locals ? realloc(v->weights, size * sizeof *weights) : NULL;
    if (!weights)
        return validator_fail(v, v->p, -ENOMEM, "no memory for %zu locals", n);
    v->weights = weights;
    v->locals_size = size;
    return 0;
}

static int one_group(struct wasm_validator *v, struct cursor *c)
{
    const uint8_t *at = c->p;
    uint32_t n = cursor_leb_u32(c);
    uint8_t type = cursor_u8(c);

    if (c->fault)
        return validator_fail(v, c->fault_at, -EINVAL, "%s", c->fault);
    if (!(type >= WASM_V128 && type <= WASM_I32) && !wasm_type_is_ref(type))
        return validator_fail(v, c->p - 1, -EINVAL, "malformed value type 0x%02x", type);
    if (n > WASM_LOCALS_MAX - v->n_locals)
        return validator_fail(v, at, n > UINT32_MAX - v->n_locals ? -EINVAL : -ENOTSUP,
                              "too many locals: %u and %u more, at most %u are supported", v->n_locals, n,
                              WASM_LOCALS_MAX);
    int r = locals_room(v, v->n_locals + n);
    if (r < 0)
        return r;
    memset(v->locals + v->n_locals, type, n);
    v->has_vectors |= type == WASM_V128 && n;
    v->n_locals += n;
    return 0;
}

/* A few bytes declare many: what they cost here and in the compiler has a bound for the module too. */
static int count_locals(struct wasm_validator *v)
{
    if (v->function < v->next_function)
        return 0;
    v->next_function = v->function + 1;
    v->n_all_locals += v->n_locals;
    if (v->n_all_locals > WASM_LOCALS_ALL_MAX)
        return validator_fail(v, v->p, -ENOTSUP, "too many locals: more than %u in all functions", WASM_LOCALS_ALL_MAX);
    return 0;
}

static int read_locals(struct wasm_validator *v)
{
    struct cursor c = cursor_make(v->p, (size_t)(v->end - v->p));
    uint32_t groups = cursor_leb_u32(&c);
    int r = locals_room(v, v->type->n_params);

    v->n_locals = v->type->n_params;
    if (r < 0)
        return r;
    memcpy(v->locals, v->type->types, v->n_locals);
    if (!c.fault && groups > cursor_left(&c) / 2)
        return validator_fail(v, v->p, -EINVAL, "unexpected end: length out of bounds: %u groups of locals", groups);
    for (uint32_t i = 0; i < groups; i++)
        if ((r = one_group(v, &c)) < 0)
            return r;
    if (c.fault)
        return validator_fail(v, c.fault_at, -EINVAL, "%s", c.fault);
    if ((r = count_locals(v)) < 0)
        return r;
    memset(v->weights, 0, v->n_locals * sizeof *v->weights);
    v->p = c.p;
    return 0;
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

/* One integer that is not of one byte, or is wrong: where the next thing is, or NULL. */
static __attribute__((noinline)) const uint8_t *leb_slow(struct wasm_validator *v, const uint8_t *p, unsigned bits,
                                                         bool is_signed, uint64_t *value)
{
    const char *fault;
    unsigned n = leb_decode(p, v->end, bits, is_signed, value, &fault);

    if (n)
        return p + n;
    validator_fail(v, p, -EINVAL, "%s", fault);
    return NULL;
}

static inline const uint8_t *read_u32(struct wasm_validator *v, const uint8_t *p, const uint8_t *end, uint32_t *out)
{
    uint64_t value;

    if (__builtin_expect(p < end && *p < 0x80, 1)) {
        *out = *p;
        return p + 1;
    }
    p = leb_slow(v, p, 32, false, &value);
    *out = (uint32_t)value;
    return p;
}

static inline const uint8_t *skip_signed(struct wasm_validator *v, const uint8_t *p, const uint8_t *end, unsigned bits)
{
    uint64_t value;

    if (__builtin_expect(p < end && *p < 0x80, 1))
        return p + 1;
    return leb_slow(v, p, bits, true, &value);
}

/* Opcodes of proposals that are not here. */
static const char *proposal_of(unsigned op)
{
    switch (op) {
    case 0x06:
    case 0x07:
    case 0x08:
    case 0x09:
    case 0x0a:
    case 0x18:
    case 0x19:
    case 0x1f:
        return ": exceptions are not in this build";
    case 0x14:
    case 0x15:
    case 0xd3:
    case 0xd4:
    case 0xd5:
    case 0xd6:
        return ": typed function references are not in this build";
    case 0xfb:
        return ": garbage collection is not in this build";
    case 0xfe:
        return ": threads are not in this build";
    }
    return "";
}

static __attribute__((cold)) int bad_opcode(struct wasm_validator *v, const uint8_t *at, unsigned op)
{
    if (op < WASM_OPS && wasm_op_rows[op].name && wasm_op_rows[op].feature == WASM_FEATURE_TAIL_CALL)
        return validator_fail(v, at, -ENOTSUP, "%s needs the feature tail-call, which is off", wasm_op_rows[op].name);
    if (op < WASM_OP_MISC)
        return validator_fail(v, at, -EINVAL, "illegal opcode 0x%02x%s", op, proposal_of(op));
    return validator_fail(v, at, -EINVAL, "illegal opcode 0x%02x %u", op < WASM_OP_VECTOR ? 0xfc : 0xfd, op & 0xff);
}

static __attribute__((cold)) int bad_memarg(struct wasm_validator *v, const uint8_t *at, unsigned op, uint32_t align)
{
    if (!v->m->n_memories)
        return validator_fail(v, at, -EINVAL, "unknown memory 0, there are 0: %s", wasm_op_rows[op].name);
    return validator_fail(v, at, -EINVAL, "alignment must not be larger than natural: 2**%u for %s", align,
                          wasm_op_rows[op].name);
}

/* The second part of an opcode with a prefix. */
static const uint8_t *read_prefixed(struct wasm_validator *v, const uint8_t *p, const struct op_rule *prefix,
                                    unsigned *op)
{
    uint32_t n;

    p = read_u32(v, p, v->end, &n);
    if (p && n > 255) {
        validator_fail(v, p, -EINVAL, "illegal opcode 0x%02x %u", *op, n);
        return NULL;
    }
    *op = prefix->align * 256u + n;
    return p;
}

#define TRY_READ(expression)                                                                                           \
    do {                                                                                                               \
        p = (expression);                                                                                              \
        if (__builtin_expect(!p, 0))                                                                                   \
            return v->err->code;                                                                                       \
    } while (0)

/* Longer than a screen: each case ends an opcode or falls to the comparison below, with all state in registers. */
static int check_code(struct wasm_validator *v)
{
    const uint8_t *p = v->p, *const end = v->end, *const locals = v->locals;
    uint8_t *top = v->top, *max = top, *base = v->base;
    uint32_t *const weights = v->weights, n_locals = v->n_locals;
    uint32_t n, weight = 1, fuel = 0;

    for (;;) {
        if (__builtin_expect(p == end, 0))
            return validator_fail(v, p, -EINVAL, "unexpected end: END opcode expected");
        const uint8_t *at = p;
        unsigned op = *p++;
        const struct op_rule *rule = &v->rules[op];
        fuel++;
    prefixed:
        switch ((enum op_kind)rule->kind) {
        case KIND_NONE:
            return bad_opcode(v, at, op);
        case KIND_PLAIN:
            break;
        case KIND_LOCAL_GET:
            TRY_READ(read_u32(v, p, end, &n));
            if (__builtin_expect(n >= n_locals, 0))
                return validator_fail(v, at, -EINVAL, "unknown local %u, there are %u", n, n_locals);
            weights[n] = add_saturating(weights[n], weight);
            *top++ = locals[n];
            max = top > max ? top : max;
            continue;
        case KIND_LOCAL_SET:
        case KIND_LOCAL_TEE:
            TRY_READ(read_u32(v, p, end, &n));
            if (__builtin_expect(n >= n_locals, 0))
                return validator_fail(v, at, -EINVAL, "unknown local %u, there are %u", n, n_locals);
            weights[n] = add_saturating(weights[n], weight);
            if (__builtin_expect(top > base && top[-1] == locals[n], 1)) {
                top -= rule->pushes ^ 1;
                continue;
            }
            v->at = at;
            v->top = top;
            v->op = op;
            if (validator_pop(v, locals[n], NULL) < 0)
                return v->err->code;
            top = v->top;
            *top = locals[n];
            top += rule->pushes;
            max = top > max ? top : max;
            continue;
        case KIND_MEMARG:
            TRY_READ(read_u32(v, p, end, &n));
            if (__builtin_expect(n > rule->align || !v->m->n_memories, 0))
                return bad_memarg(v, at, op, n);
            TRY_READ(read_u32(v, p, end, &n));
            break;
        case KIND_LEB32:
            TRY_READ(skip_signed(v, p, end, 32));
            break;
        case KIND_LEB64:
            TRY_READ(skip_signed(v, p, end, 64));
            break;
        case KIND_BYTES:
            if (__builtin_expect((size_t)(end - p) < rule->align, 0))
                return validator_fail(v, p, -EINVAL, "unexpected end: in the value of a constant");
            p += rule->align;
            break;
        case KIND_PREFIX:
            TRY_READ(read_prefixed(v, p, rule, &op));
            rule = &v->rules[op];
            v->has_vectors |= op >= WASM_OP_VECTOR;
            goto prefixed;
        case KIND_SPECIAL:
            v->at = at;
            v->p = p;
            v->top = top;
            v->op = op;
            v->fuel = fuel;
            int r = rule->special(v);
            p = v->p;
            top = v->top;
            max = top > max ? top : max;
            if (__builtin_expect(r != 0, 0)) {
                v->max_top = max;
                return r;
            }
            fuel = v->fuel;
            base = v->base;
            weight = innermost(v)->weight;
            continue;
        case KIND_IMMEDIATE:
            v->at = at;
            v->p = p;
            v->op = op;
            if (rule->special(v) < 0)
                return v->err->code;
            p = v->p;
            break;
        }
        uint32_t have;
        memcpy(&have, top - 4, 4);
        if (__builtin_expect(((have ^ rule->want) & rule->mask) || top - base < rule->pops, 0)) {
            v->at = at;
            v->top = top;
            v->op = op;
            if (validator_apply(v, rule) < 0)
                return v->err->code;
            top = v->top;
        } else {
            top -= rule->pops;
            *top = rule->push;
            top += rule->pushes;
        }
        max = top > max ? top : max;
    }
}

/* ---- a function ------------------------------------------------------------------------------------------------- */

static int begin(struct wasm_validator *v, uint32_t function)
{
    const struct wasm_function *f = &v->m->functions[function];

    v->function = function;
    v->type = &v->m->types[f->type];
    v->p = v->at = v->m->bytes + f->offset;
    v->end = v->p + f->size;
    v->fuel = v->n_frames = v->max_depth = v->n_blocks = v->n_tables_seen = 0;
    v->call_weight = 0;
    v->has_calls = v->has_loops = false;
    v->has_vectors = has_vector(v->type->types, v->type->n_params + v->type->n_results);
    v->stack = v->top = v->base = v->stack_start + STACK_BEFORE;
    int r = read_locals(v);
    if (r < 0)
        return r;
    return validator_open(v, WASM_OP_BLOCK, v->type->types, 0, v->type->types + v->type->n_params, v->type->n_results);
}

int wasm_validate_function(struct wasm_validator *v, uint32_t function, bool with_blocks, struct wasm_body *out,
                           struct err *err)
{
    v->err = err;
    v->with_blocks = with_blocks;
    int r = begin(v, function);
    if (r < 0)
        return r;
    const uint8_t *code = v->p;
    if ((r = check_code(v)) < 0)
        return r;
    if (v->p != v->end)
        return validator_fail(v, v->p, -EINVAL, "section size mismatch: %zu bytes behind the end of the body",
                              (size_t)(v->end - v->p));
    uint32_t max_stack = (uint32_t)(v->max_top - v->stack);
    if (max_stack > WASM_OPERANDS_MAX)
        return validator_fail(v, v->p, -ENOTSUP, "%u operands at once, at most %u are supported", max_stack,
                              WASM_OPERANDS_MAX);
    *out = (struct wasm_body){.code = (uint32_t)(code - v->m->bytes),
                              .end = (uint32_t)(v->end - v->m->bytes),
                              .n_locals = v->n_locals,
                              .locals = v->locals,
                              .local_weight = v->weights,
                              .max_stack = max_stack,
                              .max_depth = v->max_depth,
                              .fuel = v->fuel,
                              .n_blocks = v->n_blocks,
                              .blocks = v->blocks,
                              .call_weight = v->call_weight,
                              .has_calls = v->has_calls,
                              .has_loops = v->has_loops,
                              .has_vectors = v->has_vectors};
    return 0;
}

int wasm_validate(const struct wasm_module *m, const struct wasm_features *features, struct err *err)
{
    struct wasm_validator *v;
    struct wasm_body body;
    int r = wasm_validator_make(m, features, &v);

    if (r < 0)
        return err_set(err, r, "no memory for a validator");
    for (uint32_t f = m->n_imported_functions; !r && f < m->n_functions; f++)
        r = wasm_validate_function(v, f, false, &body, err);
    wasm_validator_free(v);
    return r;
}
