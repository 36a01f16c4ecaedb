/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled vector instructions against the interpreter: each one with its operands wherever the compiler may have them,
 * at the edges and on random bits, in the VEX and the SSE form.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "wasm_build.h"
#include "wasm_vector_inputs.h"

#include "wasm/baseline/compile.h"
#include "wasm/runtime/store_private.h"

#include "wasm_handlers.h"

#define FUNCTIONS_MAX 4096
#define PAGE          65536
#define KEPT          12 /* locals that are more than there are registers for */

enum {
    LOCAL_GET = 0x20,
    LOCAL_SET = 0x21,
    LOCAL_TEE = 0x22,
    END = 0x0b,
    DROP = 0x1a,
    LOOP = 0x03,
    VOID = 0x40,
};

/* ---- Modules ----------------------------------------------------------------------------------------------------- */

/* Where operands are and where the result goes. */
enum shape { IN_LOCALS, IN_REGISTERS, IN_SLOTS, INTO_FIRST, INTO_LAST, UNDER_PRESSURE, LAST_CONSTANT, LAST_LOADED };

static struct function {
    uint16_t op;
    int fixed;         /* the edge that its last operand always is; -1: none */
    uint8_t immediate; /* variant */
} functions[FUNCTIONS_MAX];
static uint32_t n_functions;
static struct bytes types, functypes, exports, bodies, module_bytes;

static const char *params_of(uint16_t op)
{
    return wasm_op_rows[op].signature;
}

static size_t n_params(uint16_t op)
{
    return strcspn(params_of(op), ":");
}

static char result_of(uint16_t op)
{
    return params_of(op)[n_params(op) + 1];
}

static unsigned type_byte(char kind)
{
    return kind == 'v' ? 0x7b : kind == 'i' ? 0x7f : kind == 'I' ? 0x7e : kind == 'f' ? 0x7d : 0x7c;
}

static void put_type(const char *params, size_t n, char result, bool and_vector)
{
    put_u8(&types, 0x60);
    put_u32(&types, (uint32_t)n);
    for (size_t i = 0; i < n; i++)
        put_u8(&types, type_byte(params[i]));
    put_u32(&types, (result != 0) + and_vector);
    if (result)
        put_u8(&types, type_byte(result));
    if (and_vector)
        put_u8(&types, type_byte('v'));
}

/* The function's two types: of the instruction alone, and its own. */
static void add_function(struct function f, bool and_vector, struct bytes *body)
{
    char name[12];
    int len = snprintf(name, sizeof(name), "%u", n_functions);

    assert_true(n_functions < FUNCTIONS_MAX);
    put_type(params_of(f.op), n_params(f.op), result_of(f.op), false);
    put_type(params_of(f.op), n_params(f.op), result_of(f.op), and_vector);
    put_u32(&functypes, 2 * n_functions + 1);
    put_u32(&exports, (uint32_t)len);
    put(&exports, name, (size_t)len);
    put_u8(&exports, 0);
    put_u32(&exports, n_functions);
    put_u8(body, END);
    put_part(&bodies, -1, body);
    functions[n_functions++] = f;
}

static void put_counted(struct bytes *b, int id, uint32_t count, struct bytes *items)
{
    struct bytes section = {0};

    put_u32(&section, count);
    put(&section, items->p, items->n);
    put_part(b, id, &section);
    bytes_free(&section);
    bytes_free(items);
}

static void make_module(void)
{
    struct bytes *b = &module_bytes;

    put_header(b);
    put_counted(b, 1, 2 * n_functions, &types);
    put_counted(b, 3, n_functions, &functypes);
    put_hex(b, "05 03 01 00 01"); /* a memory of one page */
    put_u32(&exports, 3);
    put_hex(&exports, "6d 65 6d 02 00");
    put_counted(b, 7, n_functions + 1, &exports);
    put_counted(b, 10, n_functions, &bodies);
}

/* ---- The ways to run --------------------------------------------------------------------------------------------- */

static struct way {
    const char *name;
    bool compiled, plain_cpu;
    struct wasm_store *store;
    struct wasm_code *code;
    struct wasm_instance *instance;
    struct wasm_memory *memory;
    struct wasm_func *functions[FUNCTIONS_MAX];
} ways[] = {
    {.name = "interpreter"}, {.name = "AVX", .compiled = true}, {.name = "SSE", .compiled = true, .plain_cpu = true}};
static struct arena arena;

static struct wasm_extern export_named(const struct way *w, const char *name)
{
    struct wasm_extern e;

    if (!wasm_instance_export(w->instance, name, strlen(name), &e))
        fail_msg("no export %s", name);
    return e;
}

/* Makes the module of the functions that were added, in each of the ways. */
static void start(void)
{
    struct wasm_features features = {0};
    struct wasm_store_options options = {.fuel = -1};
    struct wasm_module *m;
    enum wasm_trap trap;
    struct err err;

    wasm_handlers_begin();
    make_module();
    assert_int_equal(arena_init(&arena, wasm_module_arena_size(module_bytes.n)), 0);
    if (wasm_module_decode(module_bytes.p, module_bytes.n, &features, &arena, &m, &err))
        fail_msg("%s", err.text);
    for (struct way *w = ways; w < ways + ARRAY_LEN(ways); w++) {
        struct wasm_compile_options compile = {.features = features, .plain_cpu = w->plain_cpu};

        assert_int_equal(wasm_store_make(&options, &w->store, &err), 0);
        if (w->compiled && wasm_compile(m, &compile, &w->code, &err))
            fail_msg("%s", err.text);
        if (wasm_instantiate(w->store, m, w->code, NULL, NULL, &w->instance, &trap, &err))
            fail_msg("%s", err.text);
        w->memory = export_named(w, "mem").memory;
        for (uint32_t n = 0; n < n_functions; n++) {
            char name[12];

            snprintf(name, sizeof(name), "%u", n);
            w->functions[n] = export_named(w, name).func;
        }
    }
}

static int teardown(void **state)
{
    for (struct way *w = ways; w < ways + ARRAY_LEN(ways); w++) {
        wasm_store_free(w->store);
        wasm_code_free(w->code);
        w->store = NULL;
        w->code = NULL;
    }
    arena_free(&arena);
    bytes_free(&module_bytes);
    bytes_free(&types);
    bytes_free(&functypes);
    bytes_free(&exports);
    bytes_free(&bodies);
    n_functions = 0;
    return 0;
}

static void describe(const char *title, const union wasm_value *v)
{
    uint64_t half[2];

    memcpy(half, v, sizeof(half));
    print_message("%s %016llx %016llx (upper, lower)\n", title, (unsigned long long)half[1],
                  (unsigned long long)half[0]);
}

static bool same_result(uint16_t op, const union wasm_value *operands, const union wasm_value *got,
                        const union wasm_value *expected)
{
    switch (result_of(op)) {
    case 'v':
        return result_fits(op, operands, n_params(op), got->v128, expected->v128);
    case 'i':
    case 'f':
        return got->i32 == expected->i32;
    case 'I':
    case 'F':
        return got->i64 == expected->i64;
    default:
        return true;
    }
}

/* Calls function n in each way. `pressed`: its second result is a vector that must be the same. */
static void compare(uint32_t n, const union wasm_value *operands, bool pressed)
{
    uint16_t op = functions[n].op;
    union wasm_value expected[4] = {{.i64 = 0}};
    enum wasm_trap trap = WASM_TRAP_NONE;

    for (const struct way *w = ways; w < ways + ARRAY_LEN(ways); w++) {
        union wasm_value values[4] = {{.i64 = 0}};

        memcpy(values, operands, n_params(op) * sizeof(*values));
        enum wasm_trap ended = wasm_call(w->store, w->functions[n], values);
        if (w == ways) {
            memcpy(expected, values, sizeof(expected));
            trap = ended;
            continue;
        }
        if (ended == trap && (trap || (same_result(op, operands, values, expected) &&
                                       (!pressed || !memcmp(&values[1], &expected[1], 16)))))
            continue;
        for (size_t i = 0; i < n_params(op); i++)
            describe("operand ", &operands[i]);
        describe("expected", &expected[0]);
        describe("got     ", &values[0]);
        fail_msg("%s, immediate %u, %s: expected \"%s\", got \"%s\"%s", wasm_op_rows[op].name, functions[n].immediate,
                 w->name, wasm_trap_text(trap), wasm_trap_text(ended), pressed ? ", or locals differ" : "");
    }
}

/* All pairs of edges, or each `every`-th; random ones. */
static void compare_all(uint32_t n, size_t every, bool pressed)
{
    const struct function *f = &functions[n];
    const char *kinds = params_of(f->op);
    size_t count = n_params(f->op), first = count ? (kinds[0] == 'v' ? VECTOR_EDGES : SCALAR_EDGES) : 1;
    size_t second = count > 1 && f->fixed < 0 ? (kinds[1] == 'v' ? VECTOR_EDGES : SCALAR_EDGES) : 1;
    uint64_t seed = f->op * 1000u + n;
    union wasm_value operands[4];

    if (second == 1)
        every = 1;
    for (size_t i = 0; i < first * second; i += every) {
        for (size_t k = 0; k < count; k++)
            operands[k] = edge_value(kinds[k], k == 0 ? i % first : k == 1 ? i / first : i);
        if (f->fixed >= 0)
            operands[count - 1] = edge_value(kinds[count - 1], (size_t)f->fixed);
        compare(n, operands, pressed);
    }
    for (size_t i = 0; i < 64 && count; i++) {
        for (size_t k = 0; k < count; k++)
            operands[k] = random_value(kinds[k], &seed);
        if (f->fixed >= 0)
            operands[count - 1] = edge_value(kinds[count - 1], (size_t)f->fixed);
        compare(n, operands, pressed);
    }
}

/* ---- Bodies ------------------------------------------------------------------------------------------------------ */

static const uint8_t shuffles[][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15},
    {16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31},
    {31, 3, 0, 16, 15, 14, 30, 29, 7, 7, 8, 24, 1, 17, 9, 25},
    {15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0},
    {0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23},
    {5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20},
};

static size_t n_immediates(uint16_t op)
{
    switch (wasm_op_rows[op].immediate) {
    case WASM_IMM_LANE:
    case WASM_IMM_MEMARG_LANE: { /* i8x16, load8_lane */
        const char *name = wasm_op_rows[op].name;

        if (name[0] != 'v')
            return (size_t)atoi(strchr(name, 'x') + 1);
        return 16u >> wasm_op_rows[op].align;
    }
    case WASM_IMM_LANES:
        return ARRAY_LEN(shuffles);
    case WASM_IMM_V128:
        return VECTOR_EDGES;
    default:
        return 1;
    }
}

static void put_vector_op(struct bytes *b, uint32_t op)
{
    put_u8(b, WASM_PREFIX_VECTOR);
    put_u32(b, op - WASM_OP_VECTOR);
}

static void put_vector_const(struct bytes *b, size_t edge)
{
    put_vector_op(b, WASM_OP_V128_CONST);
    put(b, vector_edges[edge], 16);
}

static void put_op(struct bytes *b, uint16_t op, unsigned immediate)
{
    put_vector_op(b, op);
    switch (wasm_op_rows[op].immediate) {
    case WASM_IMM_LANE:
        put_u8(b, immediate);
        break;
    case WASM_IMM_LANES:
        put(b, shuffles[immediate], 16);
        break;
    case WASM_IMM_V128:
        put(b, vector_edges[immediate], 16);
        break;
    default:
        break;
    }
}

/* Signed LEB128 */
static void put_signed(struct bytes *b, int64_t n)
{
    for (; n < -64 || n > 63; n >>= 7)
        put_u8(b, (n & 0x7f) | 0x80);
    put_u8(b, n & 0x7f);
}

static void put_get(struct bytes *b, size_t local)
{
    put_u8(b, LOCAL_GET);
    put_u32(b, (uint32_t)local);
}

/* The operand through instructions that change nothing. */
static void put_copied(struct bytes *b, size_t local, char kind)
{
    put_get(b, local);
    if (kind == 'v') {
        put_get(b, local);
        put_vector_op(b, WASM_OP_V128_OR);
    } else {
        /* or 0; to an integer and back */
        put_hex(b, kind == 'i' ? "41 00 72" : kind == 'I' ? "42 00 84" : kind == 'f' ? "bc be" : "bd bf");
    }
}

static void put_constant(struct bytes *b, char kind, size_t edge)
{
    union wasm_value v = edge_value(kind, edge);

    if (kind == 'v') {
        put_vector_const(b, edge);
    } else if (kind == 'f' || kind == 'F') {
        put_u8(b, kind == 'f' ? 0x43 : 0x44);
        put(b, &v, kind == 'f' ? 4 : 8);
    } else {
        put_u8(b, kind == 'i' ? 0x41 : 0x42);
        put_signed(b, kind == 'i' ? (int32_t)v.i32 : (int64_t)v.i64);
    }
}

/* Twelve locals made of the first vector there is, so heavy that they get all registers that locals can have. */
static void put_kept(struct bytes *b, uint16_t op)
{
    size_t base = n_params(op), vector = strcspn(params_of(op), "v:");

    put_u8(b, LOOP);
    put_u8(b, VOID);
    for (size_t i = 0; i < KEPT; i++) {
        if (vector < base)
            put_get(b, vector);
        else
            put_vector_const(b, 1);
        put_vector_const(b, i + 2);
        put_vector_op(b, WASM_OP_V128_XOR);
        put_u8(b, LOCAL_SET);
        put_u32(b, (uint32_t)(base + i));
        put_get(b, base + i);
        put_u8(b, LOCAL_SET);
        put_u32(b, (uint32_t)(base + i));
    }
    put_u8(b, END);
}

static void put_sum_of_kept(struct bytes *b, uint16_t op)
{
    put_get(b, n_params(op));
    for (size_t i = 1; i < KEPT; i++) {
        put_get(b, n_params(op) + i);
        put_vector_op(b, WASM_OP_I8X16_ADD);
    }
}

static void put_in_loop(struct bytes *b, uint16_t op, unsigned immediate)
{
    put_u8(b, LOOP);
    put_signed(b, 2 * (int64_t)n_functions); /* its type */
    put_op(b, op, immediate);
    put_u8(b, END);
}

static void put_body(struct bytes *b, const struct function *f, enum shape shape)
{
    const char *kinds = params_of(f->op);
    size_t n = n_params(f->op), last = n ? n - 1 : 0;

    if (shape == UNDER_PRESSURE) {
        put_hex(b, "01 0c 7b"); /* KEPT of v128 */
        put_kept(b, f->op);
    } else if (shape == IN_SLOTS) { /* an i32 below them: no slot is aligned */
        put_hex(b, "01 01");
        put_u8(b, type_byte(result_of(f->op)));
        put_hex(b, "41 00");
    } else {
        put_u8(b, 0);
    }
    if (shape == LAST_LOADED) {
        put_hex(b, "41 21");
        put_get(b, last);
        put_hex(b, "fd 0b 00 00"); /* v128.store, at 33 */
    }
    for (size_t i = 0; i < n; i++) {
        if (shape == IN_REGISTERS)
            put_copied(b, i, kinds[i]);
        else if (shape == LAST_CONSTANT && i == last)
            put_constant(b, kinds[i], (size_t)f->fixed);
        else if (shape == LAST_LOADED && i == last)
            put_hex(b, "41 01 fd 00 00 20"); /* v128.load, at 1 + 32 */
        else
            put_get(b, i);
    }
    if (shape == IN_SLOTS || shape == UNDER_PRESSURE)
        put_in_loop(b, f->op, f->immediate);
    else
        put_op(b, f->op, f->immediate);
    if (shape == INTO_FIRST || shape == INTO_LAST) {
        size_t to = shape == INTO_FIRST ? 0 : last;

        put_u8(b, shape == INTO_FIRST ? LOCAL_SET : LOCAL_TEE);
        put_u32(b, (uint32_t)to);
        if (shape == INTO_FIRST)
            put_get(b, to);
    }
    if (shape == IN_SLOTS) {
        put_u8(b, LOCAL_SET);
        put_u32(b, (uint32_t)n);
        put_u8(b, DROP);
        put_get(b, n);
    }
    if (shape == UNDER_PRESSURE)
        put_sum_of_kept(b, f->op);
}

static bool touches_memory(uint16_t op)
{
    return wasm_op_rows[op].immediate == WASM_IMM_MEMARG || wasm_op_rows[op].immediate == WASM_IMM_MEMARG_LANE;
}

static bool shape_fits(uint16_t op, enum shape shape)
{
    size_t n = n_params(op);

    if (shape == INTO_FIRST)
        return n && params_of(op)[0] == result_of(op);
    if (shape == INTO_LAST)
        return n && params_of(op)[n - 1] == result_of(op);
    if (shape == LAST_LOADED)
        return n && params_of(op)[n - 1] == 'v';
    return shape != LAST_CONSTANT || n;
}

static void add_shaped(uint16_t op, enum shape shape)
{
    size_t constants = 1, step = n_immediates(op) > 4 ? 5 : 3;

    if (shape == LAST_CONSTANT) {
        bool vector = params_of(op)[n_params(op) - 1] == 'v';

        constants = vector ? VECTOR_EDGES : SCALAR_EDGES;
        step = vector || step > 3 ? step : 1;
    }
    for (size_t immediate = 0; immediate < n_immediates(op); immediate++)
        for (size_t k = 0; k < constants; k += step) {
            struct function f = {op, shape == LAST_CONSTANT ? (int)k : -1, (uint8_t)immediate};
            struct bytes body = {0};

            put_body(&body, &f, shape);
            add_function(f, shape == UNDER_PRESSURE, &body);
            bytes_free(&body);
        }
}

static void test_shape(enum shape shape, uint16_t from, uint16_t to, size_t every)
{
    for (uint16_t op = from; op < to; op++)
        if (wasm_op_rows[op].name && !touches_memory(op) && shape_fits(op, shape))
            add_shaped(op, shape);
    assert_true(n_functions > 0);
    start();
    for (uint32_t n = 0; n < n_functions; n++)
        compare_all(n, every, shape == UNDER_PRESSURE);
}

#define SHAPE(name, shape, every)                                                                                      \
    static void test_vector_##name##_gives_interpreters_result(void **state)                                           \
    {                                                                                                                  \
        test_shape(shape, WASM_OP_VECTOR, WASM_OPS, every);                                                            \
    }
SHAPE(operands_in_locals, IN_LOCALS, 1)
SHAPE(operands_in_registers, IN_REGISTERS, 7)
SHAPE(operands_in_slots, IN_SLOTS, 7)
SHAPE(result_into_first_operand, INTO_FIRST, 7)
SHAPE(result_into_last_operand, INTO_LAST, 7)
SHAPE(all_registers_in_use, UNDER_PRESSURE, 7)
SHAPE(constant_operand, LAST_CONSTANT, 1)
SHAPE(loaded_operand, LAST_LOADED, 7)

/* ---- Shuffles ---------------------------------------------------------------------------------------------------- */

static void add_shuffle(const uint8_t *bytes, bool twice_the_first)
{
    struct function f = {WASM_OP_I8X16_SHUFFLE, -1, (uint8_t)n_functions};
    struct bytes body = {0};

    put_u8(&body, 0);
    put_get(&body, 0);
    put_get(&body, !twice_the_first);
    put_vector_op(&body, f.op);
    put(&body, bytes, 16);
    add_function(f, false, &body);
    bytes_free(&body);
}

/* All that is one machine instruction, with the operands this way and that way, and each with one byte changed. */
static void add_shuffles_like(const uint8_t *bytes, uint64_t *seed)
{
    for (unsigned k = 0; k < 3; k++) {
        uint8_t other[16];

        for (unsigned i = 0; i < 16; i++)
            other[i] = k == 1 ? bytes[i] ^ 16 : bytes[i];
        if (k == 2)
            other[random_next(seed) % 16] ^= 1u << random_next(seed) % 5;
        add_shuffle(other, false);
        add_shuffle(other, true);
    }
}

static void test_vector_shuffles_of_each_form_give_interpreters_result(void **state)
{
    uint64_t seed = 7;
    uint8_t bytes[16];

    for (unsigned width = 1; width <= 8; width *= 2)
        for (unsigned high = 0; high < 2; high++) { /* interleaved */
            for (unsigned i = 0; i < 16; i++)
                bytes[i] = (uint8_t)(8 * high + i / width / 2 * width + i % width + i / width % 2 * 16);
            add_shuffles_like(bytes, &seed);
        }
    for (unsigned at = 1; at < 16; at++) { /* a window on both */
        for (unsigned i = 0; i < 16; i++)
            bytes[i] = (uint8_t)(at + i);
        add_shuffles_like(bytes, &seed);
    }
    for (unsigned width = 1; width <= 8; width *= 2)
        for (unsigned k = 0; k < 24; k++) { /* any lanes; lanes at their places of either; of the first alone */
            uint64_t any = random_next(&seed);

            for (unsigned i = 0; i < 16; i++) {
                unsigned lane = any >> (i / width * 4) & (32 / width - 1);

                if (k % 3 == 1)
                    lane = i / width + (lane & 1) * 16 / width;
                if (k % 3 == 2)
                    lane &= 16 / width - 1;
                bytes[i] = (uint8_t)(lane * width + i % width);
            }
            add_shuffles_like(bytes, &seed);
        }
    for (unsigned k = 0; k < 64; k++) { /* words into one half; dwords, two of each */
        uint64_t any = random_next(&seed);

        for (unsigned i = 0; i < 16; i++) {
            unsigned word = any >> (i / 2 * 4) & (k % 8 == 0 ? 7 : 3), dword = any >> (i / 4 * 4) & 3;

            if (k % 3 == 0)
                bytes[i] = (uint8_t)(i < 8 ? word * 2 + i % 2 : i);
            else if (k % 3 == 1)
                bytes[i] = (uint8_t)(i < 8 ? i : (word ^ 4) * 2 + i % 2);
            else
                bytes[i] = (uint8_t)(dword * 4 + i % 4 + (i < 8 ? 0 : 16));
        }
        add_shuffles_like(bytes, &seed);
    }
    for (unsigned order = 0; order < 256; order++) { /* all orders of the first one's dwords */
        for (unsigned i = 0; i < 16; i++)
            bytes[i] = (uint8_t)((order >> i / 4 * 2 & 3) * 4 + i % 4);
        add_shuffle(bytes, false);
    }
    start();
    for (uint32_t n = 0; n < n_functions; n++)
        for (size_t k = 0; k < 4; k++) {
            union wasm_value operands[] = {edge_value('v', 11), edge_value('v', 12)};

            if (k > 1)
                operands[0] = random_value('v', &seed), operands[1] = random_value('v', &seed);
            compare(n, operands, false);
        }
}

/* ---- Memory ------------------------------------------------------------------------------------------------------ */

/* The instruction with a memory argument; the address is the first operand, or a constant. */
static void add_access(uint16_t op, unsigned lane, uint32_t offset, int64_t address)
{
    struct function f = {op, -1, (uint8_t)lane};
    struct bytes body = {0};

    put_u8(&body, 0);
    if (address < 0) {
        put_get(&body, 0);
    } else {
        put_u8(&body, 0x41);
        put_signed(&body, (int32_t)address);
    }
    if (n_params(op) > 1)
        put_get(&body, 1);
    put_vector_op(&body, op);
    put_u8(&body, 0); /* not aligned */
    put_u32(&body, offset);
    if (wasm_op_rows[op].immediate == WASM_IMM_MEMARG_LANE)
        put_u8(&body, lane);
    add_function(f, false, &body);
    bytes_free(&body);
}

/* A load whose value the next instruction takes. */
static void add_folded_access(uint16_t op)
{
    struct function f = {op, -1, 0};
    struct bytes body = {0};

    put_u8(&body, 0);
    put_get(&body, 1);
    put_get(&body, 0);
    put_hex(&body, "fd 00 00 05"); /* v128.load offset=5 */
    put_vector_op(&body, WASM_OP_I8X16_SUB);
    add_function(f, false, &body);
    bytes_free(&body);
}

/* Each way's memory, trap and the place of it as in the interpreter. */
static void compare_access(uint32_t n, uint32_t address, const union wasm_value *vector)
{
    union wasm_value operands[2] = {{.i32 = address}, *vector};
    struct wasm_frame at = {0};

    compare(n, operands, false);
    for (const struct way *w = ways; w < ways + ARRAY_LEN(ways); w++) {
        struct wasm_frame frame = {0};

        if (memcmp(w->memory->base, ways[0].memory->base, PAGE))
            fail_msg("%s, lane %u, %s: memory differs after address %u", wasm_op_rows[functions[n].op].name,
                     functions[n].immediate, w->name, address);
        union wasm_value values[2] = {operands[0], operands[1]};
        if (wasm_call(w->store, w->functions[n], values) != WASM_TRAP_NONE)
            assert_int_equal(wasm_backtrace(w->store, &frame, 1), 1);
        if (w == ways)
            at = frame;
        assert_int_equal(frame.function, at.function);
        assert_int_equal(frame.offset, at.offset);
    }
}

static void access_all(uint32_t n, uint32_t width)
{
    const uint32_t ends[] = {0, 1, 5, 6, 4095, 4096, PAGE - 16, PAGE, PAGE + 4096, 0x7fffffff, 0x80000000, UINT32_MAX};
    uint64_t seed = n;
    union wasm_value v = random_value('v', &seed);

    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        compare_access(n, ends[i], &v);
    for (uint32_t before = 0; before < 8; before++) {
        compare_access(n, PAGE - width - before, &v);
        compare_access(n, PAGE - width + 1 + before, &v);
    }
}

static void test_vector_accesses_up_to_the_last_byte_and_beyond_do_as_interpreted(void **state)
{
    uint64_t seed = 3;

    for (uint16_t op = WASM_OP_VECTOR; op < WASM_OPS; op++) {
        if (!wasm_op_rows[op].name || !touches_memory(op))
            continue;
        uint32_t width = 1u << wasm_op_rows[op].align;
        for (unsigned lane = 0; lane < n_immediates(op); lane++) {
            add_access(op, lane, 0, -1);
            add_access(op, lane, 5, -1);
        }
        add_access(op, 0, 0x80000000, -1);
        add_access(op, 0, UINT32_MAX, -1);
        add_access(op, 0, 0, PAGE - width);
        add_access(op, 0, 0, PAGE - width + 1);
        add_access(op, 0, 5, UINT32_MAX);
        add_access(op, 0, UINT32_MAX, 5);
    }
    add_folded_access(WASM_OP_V128_LOAD8_LANE); /* of the same type */
    start();
    for (size_t i = 0; i < PAGE; i++) {
        uint8_t byte = (uint8_t)random_next(&seed);

        for (struct way *w = ways; w < ways + ARRAY_LEN(ways); w++)
            w->memory->base[i] = byte;
    }
    for (uint32_t n = 0; n < n_functions; n++)
        access_all(n, n == n_functions - 1 ? 16 : 1u << wasm_op_rows[functions[n].op].align);
}

#define TEST(name) cmocka_unit_test_teardown(test_vector_##name, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(operands_in_locals_gives_interpreters_result),
        TEST(operands_in_registers_gives_interpreters_result),
        TEST(operands_in_slots_gives_interpreters_result),
        TEST(result_into_first_operand_gives_interpreters_result),
        TEST(result_into_last_operand_gives_interpreters_result),
        TEST(all_registers_in_use_gives_interpreters_result),
        TEST(constant_operand_gives_interpreters_result),
        TEST(loaded_operand_gives_interpreters_result),
        TEST(shuffles_of_each_form_give_interpreters_result),
        TEST(accesses_up_to_the_last_byte_and_beyond_do_as_interpreted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
