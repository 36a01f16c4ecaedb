/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Expressions are trees: to make a value of a type, an instruction that gives it is drawn, and its operands are made
 * first. Loops need not end, since fuel is counted; recursion is avoided, since stacks differ: a function calls only
 * those behind it.
 */
#include "generate.h"

#include "base/mem.h"
#include "wasm/module/module.h"
#include "wasm/module/opcode.h"

#include <ctype.h>
#include <stdbool.h>

#define FUNCTIONS  5
#define LOCALS_MAX 12
#define LABELS_MAX 16
#define VOID       ' '

/* Types as in opcodes.def's signatures. */
static const char type_letters[] = "iIfFv";

static uint8_t type_byte(char letter)
{
    static const uint8_t bytes[] = {WASM_I32, WASM_I64, WASM_F32, WASM_F64, WASM_V128};
    return letter == VOID ? 0x40 : bytes[strchr(type_letters, letter) - type_letters];
}

struct signature {
    char params[5], results[4]; /* letters, terminated */
};

struct generator {
    uint64_t state;
    struct bytes *out; /* the body on the way */
    int budget;        /* instructions that it may still have, about */
    struct signature signatures[FUNCTIONS];
    uint32_t function;
    bool any_nan;                /* results of arithmetic stay as they are; otherwise a NaN becomes a constant */
    char locals[LOCALS_MAX + 1]; /* params first */
    char labels[LABELS_MAX]; /* what a branch there takes: a letter, or VOID; the function's own is not among them */
    unsigned n_labels;
};

static uint64_t draw(struct generator *g)
{
    g->state ^= g->state << 13;
    g->state ^= g->state >> 7;
    g->state ^= g->state << 17;
    return g->state * 0x2545f4914f6cdd1d >> 16;
}

static uint32_t below(struct generator *g, uint32_t n)
{
    return (uint32_t)(draw(g) % n);
}

static bool one_in(struct generator *g, uint32_t n)
{
    return below(g, n) == 0;
}

static void op(struct generator *g, unsigned number)
{
    g->budget--;
    if (number >= WASM_OP_MISC)
        put_u8(g->out, number < WASM_OP_VECTOR ? WASM_PREFIX_MISC : WASM_PREFIX_VECTOR);
    if (number >= WASM_OP_MISC)
        put_u32(g->out, number & 0xff);
    else
        put_u8(g->out, number);
}

static void put_signed(struct bytes *b, int64_t value)
{
    bool more;
    do {
        uint8_t byte = value & 0x7f;
        value >>= 7;
        more = value != (byte & 0x40 ? -1 : 0);
        put_u8(b, byte | (more ? 0x80 : 0));
    } while (more);
}

static uint64_t edge(struct generator *g)
{
    static const uint64_t edges[] = {
        0,
        1,
        2,
        0x7f,
        0x80,
        0xff,
        0x7fff,
        0x8000,
        0xffff,
        0x10000,
        0x7fffffff,
        0x80000000,
        0xffffffff,
        0x100000000,
        0x7fffffffffffffff,
        0x8000000000000000,
        0xffffffffffffffff,
    };
    static const uint64_t floats32[] = {0x80000000, 0x3f800000, 0xbf800000, 0x3f000000, 0x40200000,
                                        0x7f800000, 0xff800000, 0x7fc00000, 0xffc00000, 0x7fa00000,
                                        0x7f7fffff, 1,          0x807fffff, 0x4b000001, 0x4f000000,
                                        0xcf000000, 0x4f800000, 0x5f000000, 0x5f7fffff, 0xbf7fffff};
    static const uint64_t floats64[] = {
        0x8000000000000000, 0x3ff0000000000000, 0xbfe0000000000000, 0x7ff0000000000000, 0xfff0000000000000,
        0x7ff8000000000000, 0xfff8000000000001, 0x7ff0000000000001, 0x7fefffffffffffff, 1,
        0x4330000000000001, 0x41e0000000000000, 0xc1e0000000000000, 0x43e0000000000000, 0xc3e0000000000000,
        0x43f0000000000000, 0x41efffffffe00000, 0x36a0000000000000, 0x47effffff0000000, 0x3fe0000000000000};
    switch (below(g, 5)) {
    case 0:
        return edges[below(g, ARRAY_LEN(edges))];
    case 1:
        return floats32[below(g, ARRAY_LEN(floats32))];
    case 2:
        return floats64[below(g, ARRAY_LEN(floats64))];
    case 3:
        return below(g, 100);
    default:
        return draw(g) << 20 ^ draw(g);
    }
}

static void constant(struct generator *g, char type)
{
    uint64_t bits[2] = {edge(g), edge(g)};
    switch (type) {
    case 'i':
        op(g, WASM_OP_I32_CONST);
        put_signed(g->out, (int32_t)bits[0]);
        break;
    case 'I':
        op(g, WASM_OP_I64_CONST);
        put_signed(g->out, (int64_t)bits[0]);
        break;
    case 'f':
        op(g, WASM_OP_F32_CONST);
        put(g->out, bits, 4);
        break;
    case 'F':
        op(g, WASM_OP_F64_CONST);
        put(g->out, bits, 8);
        break;
    default:
        op(g, WASM_OP_V128_CONST);
        put(g->out, bits, 16);
    }
}

/* A local of this type; -1: there is none. */
static int local_of(struct generator *g, char type)
{
    size_t n = strlen(g->locals), from = n ? below(g, (uint32_t)n) : 0;
    for (size_t k = 0; k < n; k++)
        if (g->locals[(from + k) % n] == type)
            return (int)((from + k) % n);
    return -1;
}

static uint32_t global_of(char type)
{
    return (uint32_t)(strchr(type_letters, type) - type_letters);
}

static void leaf(struct generator *g, char type)
{
    int local = local_of(g, type);
    if (local >= 0 && !one_in(g, 3)) {
        op(g, WASM_OP_LOCAL_GET);
        put_u32(g->out, (uint32_t)local);
    } else if (one_in(g, 4)) {
        op(g, WASM_OP_GLOBAL_GET);
        put_u32(g->out, global_of(type));
    } else {
        constant(g, type);
    }
}

static void expression(struct generator *g, char type, int depth);
static void statements(struct generator *g, int depth);

/* Mostly within the one page; now and then just at its end, or anywhere. */
static void address(struct generator *g, int depth)
{
    expression(g, 'i', depth);
    if (one_in(g, 60))
        return;
    op(g, WASM_OP_I32_CONST);
    put_signed(g->out, one_in(g, 40) ? 0xffff : 0x7fff);
    op(g, WASM_OP_I32_AND);
}

static void memarg(struct generator *g, unsigned number)
{
    put_u32(g->out, below(g, wasm_op_rows[number].align + 1u));
    put_u32(g->out, one_in(g, 100) ? (uint32_t)edge(g) : below(g, 1000));
}

/* Lanes of a vector by the name of the instruction: "i8x16.", "v128.load8_lane". */
static unsigned lanes_of(unsigned number)
{
    const char *x = strchr(wasm_op_rows[number].name, 'x');
    if (wasm_op_rows[number].immediate == WASM_IMM_MEMARG_LANE)
        return 16u >> wasm_op_rows[number].align;
    return x && isdigit((unsigned char)x[1]) ? (unsigned)atoi(x + 1) : 2;
}

static void immediates(struct generator *g, unsigned number)
{
    switch ((enum wasm_immediate)wasm_op_rows[number].immediate) {
    case WASM_IMM_MEMARG:
        memarg(g, number);
        break;
    case WASM_IMM_MEMARG_LANE:
        memarg(g, number);
        put_u8(g->out, below(g, lanes_of(number)));
        break;
    case WASM_IMM_LANE:
        put_u8(g->out, below(g, lanes_of(number)));
        break;
    case WASM_IMM_LANES:
        for (unsigned k = 0; k < 16; k++)
            put_u8(g->out, below(g, 32));
        break;
    default:
        break;
    }
}

static bool touches_memory(unsigned number)
{
    uint8_t immediate = wasm_op_rows[number].immediate;
    return immediate == WASM_IMM_MEMARG || immediate == WASM_IMM_MEMARG_LANE;
}

/* Instructions that may trap by their operands, and so end a test early. */
static bool may_trap(unsigned number)
{
    const char *name = wasm_op_rows[number].name;
    return strstr(name, ".div_") || strstr(name, ".rem_") || (strstr(name, ".trunc_f") && number < WASM_OP_MISC);
}

static bool can_draw(unsigned number)
{
    static const uint8_t known[] = {WASM_IMM_NONE, WASM_IMM_MEMARG, WASM_IMM_MEMARG_LANE, WASM_IMM_LANE,
                                    WASM_IMM_LANES};
    const struct wasm_op_row *row = &wasm_op_rows[number];
    return row->name && row->signature && memchr(known, row->immediate, sizeof known) && row->signature[0] != ':';
}

/* An instruction that gives this type, VOID: a store. */
static unsigned draw_op(struct generator *g, char type)
{
    static uint16_t rows[6][WASM_OPS];
    static unsigned counts[6];
    if (!counts[0])
        for (unsigned k = 0; k < WASM_OPS; k++)
            if (can_draw(k)) {
                const char *result = strchr(wasm_op_rows[k].signature, ':') + 1;
                size_t t = *result ? (size_t)(strchr(type_letters, *result) - type_letters) : 5;
                rows[t][counts[t]++] = (uint16_t)k;
            }
    size_t t = type == VOID ? 5 : (size_t)(strchr(type_letters, type) - type_letters);
    for (;;) {
        unsigned number = rows[t][below(g, counts[t])];
        if (!may_trap(number) || one_in(g, 8))
            return number;
    }
}

/* Arithmetic of floats: where its result is a NaN, the specification leaves its bits open (4.3.3). */
static bool gives_some_nan(unsigned number)
{
    static const char *const names[] = {".add",  ".sub",   ".mul",   ".div",     ".min",        ".max",     ".sqrt",
                                        ".ceil", ".floor", ".trunc", ".nearest", ".demote_f64", ".promote_"};
    const char *name = wasm_op_rows[number].name, *dot = strchr(name, '.');
    bool found = false;
    for (size_t k = 0; k < ARRAY_LEN(names); k++)
        found |= !strncmp(dot, names[k], strlen(names[k]));
    return found && name[0] == 'f';
}

/* The three last locals are kept for this: f32, f64, v128. */
static void replace_nan(struct generator *g, unsigned number, char type)
{
    uint32_t local = (uint32_t)strlen(g->locals) + (type == 'f' ? 0 : type == 'F' ? 1 : 2);
    const uint8_t zeros[16] = {0};
    op(g, WASM_OP_LOCAL_TEE);
    put_u32(g->out, local);
    op(g, type == 'f' ? WASM_OP_F32_CONST : type == 'F' ? WASM_OP_F64_CONST : WASM_OP_V128_CONST);
    put(g->out, zeros, type == 'f' ? 4 : type == 'F' ? 8 : 16);
    for (int k = 0; k < 2; k++) {
        op(g, WASM_OP_LOCAL_GET);
        put_u32(g->out, local);
    }
    if (type == 'v')
        op(g, wasm_op_rows[number].name[1] == '3' ? WASM_OP_F32X4_EQ : WASM_OP_F64X2_EQ);
    else
        op(g, type == 'f' ? WASM_OP_F32_EQ : WASM_OP_F64_EQ);
    op(g, type == 'v' ? WASM_OP_V128_BITSELECT : WASM_OP_SELECT);
}

static void plain(struct generator *g, char type, int depth)
{
    unsigned number = draw_op(g, type);
    const char *p = wasm_op_rows[number].signature;
    if (touches_memory(number))
        address(g, depth), p++;
    for (; *p != ':'; p++)
        expression(g, *p, depth);
    op(g, number);
    immediates(g, number);
    if (!g->any_nan && type != VOID && gives_some_nan(number))
        replace_nan(g, number, type);
}

static void open(struct generator *g, unsigned number, char type, char branch)
{
    op(g, number);
    put_u8(g->out, type_byte(type));
    g->labels[g->n_labels++] = branch;
}

static void close(struct generator *g)
{
    op(g, WASM_OP_END);
    g->n_labels--;
}

/* A branch that is sometimes taken, with a value of this type (VOID: none); what is not taken goes on with it. */
static void branch(struct generator *g, char type, int depth)
{
    for (unsigned k = 0; k < g->n_labels; k++) {
        unsigned label = (k + below(g, g->n_labels)) % g->n_labels;
        if (g->labels[g->n_labels - 1 - label] != type)
            continue;
        if (type != VOID)
            expression(g, type, depth);
        expression(g, 'i', depth);
        op(g, WASM_OP_BR_IF);
        put_u32(g->out, label);
        return;
    }
    if (type != VOID)
        leaf(g, type);
}

static void structure(struct generator *g, char type, int depth)
{
    unsigned number = (unsigned[]){WASM_OP_BLOCK, WASM_OP_LOOP, WASM_OP_IF}[below(g, 3)];
    if (number == WASM_OP_IF)
        expression(g, 'i', depth);
    open(g, number, type, number == WASM_OP_LOOP ? VOID : type);
    statements(g, depth);
    if (one_in(g, 2))
        branch(g, VOID, depth);
    if (type != VOID)
        expression(g, type, depth);
    if (number == WASM_OP_IF) {
        op(g, WASM_OP_ELSE);
        statements(g, depth);
        if (type != VOID)
            expression(g, type, depth);
    }
    close(g);
}

/* Two blocks, left by a table of branches. */
static void table_of_branches(struct generator *g, char type, int depth)
{
    open(g, WASM_OP_BLOCK, type, type);
    open(g, WASM_OP_BLOCK, type, type);
    expression(g, type, depth);
    expression(g, 'i', depth);
    op(g, WASM_OP_BR_TABLE);
    put_u32(g->out, 3);
    for (unsigned k = 0; k < 4; k++)
        put_u32(g->out, below(g, 2));
    close(g);
    if (one_in(g, 2)) {
        op(g, WASM_OP_DROP);
        expression(g, type, depth);
    }
    close(g);
}

static void arguments(struct generator *g, const struct signature *s, int depth)
{
    for (const char *p = s->params; *p; p++)
        expression(g, *p, depth);
}

/* A call of a function behind this one whose first result is of this type; the others are dropped. false: none. */
static bool call(struct generator *g, char type, int depth)
{
    for (uint32_t k = g->function + 1; k < FUNCTIONS; k++) {
        const struct signature *s = &g->signatures[k];
        if (s->results[0] != type || one_in(g, 3))
            continue;
        arguments(g, s, depth);
        if (one_in(g, 2)) {
            op(g, WASM_OP_CALL);
            put_u32(g->out, k + 1); /* function 0 is imported */
        } else {
            op(g, WASM_OP_I32_CONST);
            put_signed(g->out, one_in(g, 30) ? below(g, FUNCTIONS + 3) : k);
            op(g, WASM_OP_CALL_INDIRECT);
            put_u32(g->out, k + 1); /* its type; a function in front of this one may recurse, if it has the same type */
            put_u32(g->out, 0);
        }
        for (const char *p = s->results + 1; *p; p++)
            op(g, WASM_OP_DROP);
        return true;
    }
    return false;
}

static void host_call(struct generator *g, int depth)
{
    expression(g, 'i', depth);
    expression(g, 'F', depth);
    op(g, WASM_OP_CALL);
    put_u32(g->out, 0);
}

static void select_one(struct generator *g, char type, int depth)
{
    expression(g, type, depth);
    expression(g, type, depth);
    expression(g, 'i', depth);
    op(g, WASM_OP_SELECT_T);
    put_u32(g->out, 1);
    put_u8(g->out, type_byte(type));
}

static void tee(struct generator *g, char type, int depth)
{
    int local = local_of(g, type);
    expression(g, type, depth);
    if (local < 0)
        return;
    op(g, WASM_OP_LOCAL_TEE);
    put_u32(g->out, (uint32_t)local);
}

/* i32 from what is no number: sizes, references. */
static void odd_integer(struct generator *g)
{
    switch (below(g, 4)) {
    case 0:
        op(g, WASM_OP_MEMORY_SIZE);
        put_u8(g->out, 0);
        break;
    case 1:
        op(g, WASM_OP_TABLE_SIZE);
        put_u32(g->out, below(g, 2));
        break;
    case 2:
        op(g, WASM_OP_I32_CONST);
        put_signed(g->out, below(g, FUNCTIONS));
        op(g, WASM_OP_TABLE_GET);
        put_u32(g->out, below(g, 2));
        op(g, WASM_OP_REF_IS_NULL);
        break;
    default:
        op(g, WASM_OP_I32_CONST);
        put_signed(g->out, below(g, 2));
        op(g, WASM_OP_MEMORY_GROW);
        put_u8(g->out, 0);
    }
}

static void expression(struct generator *g, char type, int depth)
{
    if (depth <= 0 || g->budget <= 0 || g->n_labels + 3 > LABELS_MAX) {
        leaf(g, type);
        return;
    }
    switch (below(g, 24)) {
    case 0:
        structure(g, type, depth - 1);
        return;
    case 1:
        table_of_branches(g, type, depth - 1);
        return;
    case 2:
        branch(g, type, depth - 1);
        return;
    case 3:
        select_one(g, type, depth - 1);
        return;
    case 4:
        tee(g, type, depth - 1);
        return;
    case 5:
        if (type == 'I')
            host_call(g, depth - 1);
        else if (type == 'i')
            odd_integer(g);
        else
            leaf(g, type);
        return;
    case 6:
    case 7:
        if (call(g, type, depth - 1))
            return;
        break;
    case 8:
    case 9:
        leaf(g, type);
        return;
    default:
        break;
    }
    plain(g, type, depth - 1);
}

static void small(struct generator *g, uint32_t n)
{
    op(g, WASM_OP_I32_CONST);
    put_signed(g->out, below(g, n));
}

static void bulk(struct generator *g, int depth)
{
    address(g, depth);
    switch (below(g, 3)) {
    case 0:
        expression(g, 'i', depth);
        small(g, 40);
        op(g, WASM_OP_MEMORY_FILL);
        put_u8(g->out, 0);
        break;
    case 1:
        address(g, depth);
        small(g, 40);
        op(g, WASM_OP_MEMORY_COPY);
        put_u8(g->out, 0);
        put_u8(g->out, 0);
        break;
    default:
        small(g, 10);
        small(g, 8);
        op(g, WASM_OP_MEMORY_INIT);
        put_u32(g->out, 1);
        put_u8(g->out, 0);
    }
}

/* Table 1: table 0 keeps its functions, so that indirect calls have somewhere to go. */
static void table_work(struct generator *g)
{
    switch (below(g, 3)) {
    case 0:
        small(g, FUNCTIONS);
        op(g, WASM_OP_REF_FUNC);
        put_u32(g->out, 1 + below(g, FUNCTIONS));
        op(g, WASM_OP_TABLE_SET);
        put_u32(g->out, 1);
        break;
    case 1:
        small(g, 4);
        small(g, 4);
        small(g, 4);
        op(g, WASM_OP_TABLE_COPY);
        put_u32(g->out, 1);
        put_u32(g->out, below(g, 2));
        break;
    default:
        op(g, WASM_OP_REF_NULL);
        put_u8(g->out, WASM_FUNCREF);
        small(g, 2);
        op(g, WASM_OP_TABLE_GROW);
        put_u32(g->out, 1);
        op(g, WASM_OP_DROP);
    }
}

static void statement(struct generator *g, int depth)
{
    char type = type_letters[below(g, 5)];
    int local = local_of(g, type);
    switch (below(g, 10)) {
    case 0:
        structure(g, VOID, depth - 1);
        break;
    case 1:
        branch(g, VOID, depth - 1);
        break;
    case 2:
        expression(g, type, depth);
        op(g, WASM_OP_DROP);
        break;
    case 3:
        bulk(g, depth - 1);
        break;
    case 4:
        table_work(g);
        break;
    case 5:
        expression(g, type, depth);
        op(g, WASM_OP_GLOBAL_SET);
        put_u32(g->out, global_of(type));
        break;
    case 6:
    case 7:
        plain(g, VOID, depth - 1);
        break;
    default:
        expression(g, type, depth);
        op(g, local < 0 ? WASM_OP_DROP : WASM_OP_LOCAL_SET);
        if (local >= 0)
            put_u32(g->out, (uint32_t)local);
    }
}

static void statements(struct generator *g, int depth)
{
    for (uint32_t n = below(g, 3); n && depth > 0 && g->budget > 0 && g->n_labels + 3 < LABELS_MAX; n--)
        statement(g, depth);
}

static void letters(struct generator *g, char *out, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        out[k] = type_letters[below(g, 5)];
    out[n] = 0;
}

static void body(struct generator *g, struct bytes *code, uint32_t function)
{
    struct bytes part = {0};
    const struct signature *s = &g->signatures[function];
    size_t n_params = strlen(s->params);
    g->function = function;
    g->out = &part;
    g->budget = 40 + (int)below(g, 400);
    g->n_labels = 0;
    memcpy(g->locals, s->params, n_params);
    letters(g, g->locals + n_params, below(g, (uint32_t)(LOCALS_MAX - n_params) + 1));
    size_t n = strlen(g->locals) - n_params;
    put_u32(&part, (uint32_t)n + 3);
    for (size_t k = 0; k < n; k++) {
        put_u32(&part, 1);
        put_u8(&part, type_byte(g->locals[n_params + k]));
    }
    put_hex(&part, "01 7d 01 7c 01 7b"); /* replace_nan()'s */
    for (uint32_t k = 1 + below(g, 5); k; k--)
        statement(g, 4);
    for (const char *p = s->results; *p; p++)
        expression(g, *p, 5);
    bool tail = function + 1 < FUNCTIONS && !strcmp(s->results, g->signatures[function + 1].results) && one_in(g, 2);
    if (tail) {
        arguments(g, &g->signatures[function + 1], 2);
        op(g, WASM_OP_RETURN_CALL);
        put_u32(&part, function + 2);
    }
    op(g, WASM_OP_END);
    put_part(code, -1, &part);
    bytes_free(&part);
}

static void put_letters(struct bytes *b, const char *letters_)
{
    put_u32(b, (uint32_t)strlen(letters_));
    for (; *letters_; letters_++)
        put_u8(b, type_byte(*letters_));
}

static void put_name(struct bytes *b, const char *name)
{
    put_u32(b, (uint32_t)strlen(name));
    put(b, name, strlen(name));
}

/* Type 0 is the import's, type k + 1 that of function k. */
static void put_declarations(struct generator *g, struct bytes *out)
{
    struct bytes part = {0};
    put_u32(&part, FUNCTIONS + 1);
    put_hex(&part, "60 02 7f 7c 01 7e");
    for (uint32_t k = 0; k < FUNCTIONS; k++) {
        put_u8(&part, 0x60);
        put_letters(&part, g->signatures[k].params);
        put_letters(&part, g->signatures[k].results);
    }
    put_part(out, 1, &part);
    put_u32(&part, 1);
    put_name(&part, "env");
    put_name(&part, "ask");
    put_hex(&part, "00 00");
    put_part(out, 2, &part);
    put_u32(&part, FUNCTIONS);
    for (uint32_t k = 0; k < FUNCTIONS; k++)
        put_u32(&part, k + 1);
    put_part(out, 3, &part);
    put_u32(&part, 2); /* a table of all functions and two nulls, one of nulls */
    put_hex(&part, "70 00");
    put_u32(&part, FUNCTIONS + 2);
    put_hex(&part, "70 00");
    put_u32(&part, FUNCTIONS);
    put_part(out, 4, &part);
    put_hex(&part, "01 01 01 03"); /* one page, three at most */
    put_part(out, 5, &part);
    bytes_free(&part);
}

static void put_globals_and_exports(struct generator *g, struct bytes *out)
{
    struct bytes part = {0};
    put_u32(&part, 5);
    for (const char *p = type_letters; *p; p++) {
        put_u8(&part, type_byte(*p));
        put_u8(&part, 1);
        g->out = &part;
        constant(g, *p);
        put_u8(&part, WASM_OP_END);
    }
    put_part(out, 6, &part);
    put_u32(&part, FUNCTIONS);
    for (uint32_t k = 0; k < FUNCTIONS; k++) {
        put_name(&part, (char[]){'f', (char)('0' + k), 0});
        put_u8(&part, 0);
        put_u32(&part, k + 1);
    }
    put_part(out, 7, &part);
    put_hex(&part, "01 00 41 00 0b");
    put_u32(&part, FUNCTIONS);
    for (uint32_t k = 0; k < FUNCTIONS; k++)
        put_u32(&part, k + 1);
    put_part(out, 9, &part);
    put_u32(&part, 2); /* data segments */
    put_part(out, 12, &part);
    bytes_free(&part);
}

static void put_data(struct generator *g, struct bytes *out)
{
    struct bytes part = {0};
    put_hex(&part, "02 00 41 80 20 0b"); /* active, at 4096 */
    put_u32(&part, 256);
    for (unsigned k = 0; k < 32; k++) {
        uint64_t bits = edge(g);
        put(&part, &bits, 8);
    }
    put_u8(&part, 1); /* passive */
    put_name(&part, "sixteen and more");
    put_part(out, 11, &part);
    bytes_free(&part);
}

void generate_module(uint64_t seed, bool any_nan, struct bytes *out)
{
    struct generator g = {.state = seed * 0x9e3779b97f4a7c15 + 0x632be59bd9b4e019, .any_nan = any_nan};
    struct bytes code = {0};
    if (!g.state)
        g.state = 1;
    for (unsigned k = 0; k < 8; k++)
        draw(&g);
    for (uint32_t k = 0; k < FUNCTIONS; k++) {
        letters(&g, g.signatures[k].params, below(&g, 5));
        letters(&g, g.signatures[k].results, 1 + below(&g, 3));
    }
    put_header(out);
    put_declarations(&g, out);
    put_globals_and_exports(&g, out);
    put_u32(&code, FUNCTIONS);
    for (uint32_t k = 0; k < FUNCTIONS; k++)
        body(&g, &code, k);
    put_part(out, 10, &code);
    put_data(&g, out);
    bytes_free(&code);
}
