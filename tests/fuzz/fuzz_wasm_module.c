/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebAssembly modules: decoder and validator. The first byte of an input says what the rest is: bit 0 a body, put into
 * a module that has one of each thing, or else a whole module; bits 1 and 2 switch tail calls and extended constants.
 *
 * What is refused has words with an offset. A body that is accepted is walked again by the readers that check nothing:
 * they must find its end where the validator found it, as many opcodes as it counted, and its blocks in their order.
 */
#include "wasm/module/leb.h"
#include "wasm/module/opcode.h"
#include "wasm/module/validate.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int holds)
{
    if (!holds)
        abort();
}

/* Types []->[], [i32]->[i32], []->[i32 i64], [i32 i64]->[i32 i64], [v128]->[v128], [f32 f64]->[]; function 0 and global
 * 0 imported; tables of funcref and externref; a memory; globals i64 and externref; a segment of each kind. Function 1
 * is of type 3: its body comes behind. */
static const uint8_t host_module[] = {
    0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00, /* header */
    0x01, 0x1f, 0x06, 0x60, 0x00, 0x00, 0x60, 0x01, 0x7f, 0x01, 0x7f, 0x60, 0x00, 0x02, 0x7f,
    0x7e, 0x60, 0x02,                                                                         /* types */
    0x7f, 0x7e, 0x02, 0x7f, 0x7e, 0x60, 0x01, 0x7b, 0x01, 0x7b, 0x60, 0x02, 0x7d, 0x7c, 0x00, /* */
    0x02, 0x0a, 0x02, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x03, 0x7f, 0x00,                   /* imports */
    0x03, 0x02, 0x01, 0x03,                                                                   /* functions */
    0x04, 0x07, 0x02, 0x70, 0x00, 0x01, 0x6f, 0x00, 0x01,                                     /* tables */
    0x05, 0x03, 0x01, 0x00, 0x01,                                                             /* memory */
    0x06, 0x0b, 0x02, 0x7e, 0x01, 0x42, 0x00, 0x0b, 0x6f, 0x01, 0xd0, 0x6f, 0x0b,             /* globals */
    0x07, 0x05, 0x01, 0x01, 0x66, 0x00, 0x01,                                                 /* export */
    0x09, 0x0b, 0x02, 0x01, 0x00, 0x01, 0x00, 0x05, 0x6f, 0x01, 0xd0, 0x6f, 0x0b,             /* elements */
    0x0c, 0x01, 0x01,                                                                         /* data count */
};
static const uint8_t host_data[] = {0x0b, 0x03, 0x01, 0x01, 0x00};

static size_t put_u32(uint8_t *p, uint32_t value)
{
    size_t n = 0;

    for (; value >= 0x80; value >>= 7)
        p[n++] = (uint8_t)(value | 0x80);
    p[n++] = (uint8_t)value;
    return n;
}

static uint8_t *module_of_body(const uint8_t *body, size_t size, size_t *out)
{
    uint8_t *m = malloc(sizeof host_module + sizeof host_data + size + 32), head[12];
    size_t n = sizeof host_module, h = put_u32(head, (uint32_t)size);

    check(m != NULL);
    memcpy(m, host_module, n);
    m[n++] = 10;
    n += put_u32(m + n, (uint32_t)(1 + h + size));
    m[n++] = 1;
    memcpy(m + n, head, h);
    memcpy(m + n + h, body, size);
    n += h + size;
    memcpy(m + n, host_data, sizeof host_data);
    *out = n + sizeof host_data;
    return m;
}

static void skip_lebs(const uint8_t **p, unsigned n)
{
    while (n--)
        wasm_skip_leb(p);
}

static void skip_immediate(const uint8_t **p, unsigned immediate)
{
    static const uint8_t lebs[] = {
        [WASM_IMM_BLOCK] = 1,      [WASM_IMM_LABEL] = 1,  [WASM_IMM_FUNC] = 1,        [WASM_IMM_TYPE_TABLE] = 2,
        [WASM_IMM_LOCAL] = 1,      [WASM_IMM_GLOBAL] = 1, [WASM_IMM_TABLE] = 1,       [WASM_IMM_MEMARG] = 2,
        [WASM_IMM_I32] = 1,        [WASM_IMM_I64] = 1,    [WASM_IMM_DATA_MEMORY] = 1, [WASM_IMM_DATA] = 1,
        [WASM_IMM_ELEM_TABLE] = 2, [WASM_IMM_ELEM] = 1,   [WASM_IMM_TABLE_TABLE] = 2, [WASM_IMM_MEMARG_LANE] = 2};
    static const uint8_t bytes[] = {
        [WASM_IMM_MEMORY] = 1,      [WASM_IMM_F32] = 4,        [WASM_IMM_F64] = 8,    [WASM_IMM_REFTYPE] = 1,
        [WASM_IMM_DATA_MEMORY] = 1, [WASM_IMM_V128] = 16,      [WASM_IMM_LANES] = 16, [WASM_IMM_MEMORY_MEMORY] = 2,
        [WASM_IMM_LANE] = 1,        [WASM_IMM_MEMARG_LANE] = 1};

    if (immediate == WASM_IMM_LABELS)
        skip_lebs(p, wasm_read_u32(p) + 1);
    else if (immediate == WASM_IMM_TYPES)
        *p += wasm_read_u32(p);
    if (immediate < sizeof lebs)
        skip_lebs(p, lebs[immediate]);
    if (immediate < sizeof bytes)
        *p += bytes[immediate];
}

/* The number of opcodes. */
static uint64_t walk(const struct wasm_module *m, const struct wasm_body *b)
{
    const uint8_t *p = m->bytes + b->code, *end = m->bytes + b->end;
    uint64_t n = 0;

    for (; p < end; n++) {
        unsigned op = *p++;
        if (op == WASM_PREFIX_MISC)
            op = WASM_OP_MISC + wasm_read_u32(&p);
        else if (op == WASM_PREFIX_VECTOR)
            op = WASM_OP_VECTOR + wasm_read_u32(&p);
        check(op < WASM_OPS && wasm_op_rows[op].name);
        skip_immediate(&p, wasm_op_rows[op].immediate);
    }
    check(p == end && end[-1] == WASM_OP_END);
    return n;
}

static void check_body(const struct wasm_module *m, const struct wasm_body *b)
{
    uint64_t fuel = b->fuel;
    uint32_t before = b->code;

    check(b->code < b->end && b->end <= m->size && b->n_locals <= WASM_LOCALS_MAX && b->max_depth >= 1);
    check(b->max_stack <= WASM_OPERANDS_MAX && b->max_depth <= b->n_blocks + 1);
    for (uint32_t i = 0; i < b->n_blocks; i++) {
        const struct wasm_block *k = &b->blocks[i];
        check(k->start >= before && k->start < k->end && k->end < b->end && m->bytes[k->start] == k->op);
        check(m->bytes[k->end - 1] == WASM_OP_END && k->height <= b->max_stack);
        check(!k->else_ || (k->op == WASM_OP_IF && k->else_ > k->start && k->else_ < k->end));
        check(k->op == WASM_OP_LOOP ? k->fuel >= 1 : !k->fuel);
        before = k->start + 1;
        fuel += k->fuel;
    }
    check(walk(m, b) == fuel);
}

static void check_module(const struct wasm_module *m, const struct wasm_features *features)
{
    struct wasm_validator *v;
    struct wasm_body body, plain;
    struct err err = {0};
    bool all = true;

    check(wasm_validator_make(m, features, &v) == 0);
    for (uint32_t f = m->n_imported_functions; f < m->n_functions; f++) {
        int r = wasm_validate_function(v, f, true, &body, &err);
        if (r < 0) {
            check(err.code == r && strstr(err.text, ": at offset 0x") && !strncmp(err.text, "function ", 9));
            all = false;
            continue;
        }
        check_body(m, &body);
        check(wasm_validate_function(v, f, false, &plain, &err) == 0 && plain.fuel == body.fuel && !plain.n_blocks);
    }
    wasm_validator_free(v);
    check(wasm_validate(m, features, &err) < 0 ? !all : all);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size)
        return 0;
    struct wasm_features features = {.tail_call = data[0] & 2, .extended_const = data[0] & 4};
    struct wasm_module *m = NULL;
    struct arena arena;
    struct err err = {0};
    uint8_t *made = NULL;
    size_t n = size - 1;

    if (data[0] & 1)
        made = module_of_body(data + 1, n, &n);
    else if ((made = malloc(n ? n : 1))) /* its own, so that its end is watched */
        memcpy(made, data + 1, n);
    check(made && arena_init(&arena, wasm_module_arena_size(n)) == 0);
    int r = wasm_module_decode(made, n, &features, &arena, &m, &err);
    check(r != -12); /* the arena's size is a promise */
    if (r < 0)
        check(err.code == r && (strstr(err.text, "at offset 0x") == err.text));
    else
        check_module(m, &features);
    arena_free(&arena);
    free(made);
    return 0;
}
