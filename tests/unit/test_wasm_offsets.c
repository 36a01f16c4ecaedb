/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses: every load and store of the table of instructions, with offsets and indices around 0, 2^31, 2^32 and the
 * memory's end, the index coming in each of the ways in which a compiler may treat it differently. An access either
 * touches the right bytes or traps, and then the fault lies in the memory's own reservation, at an address that the
 * access names. That the upper half of an index never counts is what the sandbox stands on.
 *
 * The memory is that of a pool's second slot, with others on both sides.
 */
#include "wasm_build.h"

#include "wasm/module/opcode.h"
#include "wasm/pool/pool.h"
#include "wasm/runtime/memory.h"

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "wasm_handlers.h"

/* How an index gets onto the stack. Functions have parameters (i32 a, i32 b, i64 wide). */
enum form {
    CONSTANT, /* i32.const: the case has its own */
    LOCAL,
    SUM,        /* a + b, the carry is lost */
    DIFFERENCE, /* a - b */
    PLUS_ONE,
    MINUS_ONE,
    PLUS_HALF, /* a + 0x80000000 */
    TWICE,     /* a + (b << 1) */
    FOUR_TIMES,
    EIGHT_TIMES,
    WRAPPED,  /* of an i64 with an upper half */
    CALLED,   /* what a function returns, of such an i64 */
    LOADED,   /* i32.load */
    SIGNED,   /* i32.load8_s of a negative byte */
    EXTENDED, /* i32.extend16_s */
    GLOBAL,
    SPILLED, /* a, and a call before it is used */
    SELECTED,
    FORMS
};

static const char *const form_names[FORMS] = {
    [CONSTANT] = "constant",     [LOCAL] = "local",       [SUM] = "sum",
    [DIFFERENCE] = "difference", [PLUS_ONE] = "plus one", [MINUS_ONE] = "minus one",
    [PLUS_HALF] = "plus half",   [TWICE] = "a + 2 b",     [FOUR_TIMES] = "a + 4 b",
    [EIGHT_TIMES] = "a + 8 b",   [WRAPPED] = "wrapped",   [CALLED] = "called",
    [LOADED] = "loaded",         [SIGNED] = "signed",     [EXTENDED] = "extended",
    [GLOBAL] = "global",         [SPILLED] = "spilled",   [SELECTED] = "selected",
};

#define CELL 32u /* where LOADED and SIGNED find the index */
#define HALF UINT64_C(0x80000000)
#define FULL UINT64_C(0x100000000)

static const uint64_t offsets[] = {0,         1,        7,        0xfff0,    0x10000,      HALF - 16,
                                   HALF - 1,  HALF,     HALF + 1, HALF + 15, FULL - 65536, FULL - 17,
                                   FULL - 16, FULL - 8, FULL - 1};
static const uint64_t constants[] = {0, 48, 0xfff0, HALF - 1, HALF, FULL - 16, FULL - 1};

struct access {
    uint16_t op;
    uint8_t form;
    bool added; /* what is loaded goes straight into an addition: a compiler may let that read the memory */
    uint32_t offset, constant;
};

static struct {
    struct access *accesses;
    size_t n;
    struct bytes bytes;
    struct arena arena;
    struct wasm_code *code;
    struct wasm_pool *pool;
    struct wasm_slot *below, *slot, *above;
    struct wasm_memory *memory;
    union wasm_value *global;
    bool compiled;
    size_t trapped, done;
} t;
static struct err err;

/* ---- The module -------------------------------------------------------------------------------------------------- */

static bool is_store(uint16_t op)
{
    const char *colon = strchr(wasm_op_rows[op].signature, ':');
    return !colon[1];
}

static bool has_vector(uint16_t op)
{
    return strchr(wasm_op_rows[op].signature, 'v') != NULL;
}

static uint32_t width_of(uint16_t op)
{
    return 1u << wasm_op_rows[op].align;
}

static void put_s64(struct bytes *b, int64_t v)
{
    for (; v < -64 || v > 63; v >>= 7)
        put_u8(b, ((unsigned)v & 0x7f) | 0x80);
    put_u8(b, (unsigned)v & 0x7f);
}

static void put_op(struct bytes *b, uint16_t op)
{
    if (op >= WASM_OP_VECTOR)
        put_u8(b, WASM_PREFIX_VECTOR);
    put_u32(b, op >= WASM_OP_VECTOR ? op - WASM_OP_VECTOR : op);
}

static void put_index(struct bytes *b, const struct access *a)
{
    static const char *const texts[FORMS] = {
        [LOCAL] = "20 00",
        [SUM] = "20 00 20 01 6a",
        [DIFFERENCE] = "20 00 20 01 6b",
        [PLUS_ONE] = "20 00 41 01 6a",
        [MINUS_ONE] = "20 00 41 7f 6a",
        [PLUS_HALF] = "20 00 41 80 80 80 80 78 6a",
        [TWICE] = "20 00 20 01 41 01 74 6a",
        [FOUR_TIMES] = "20 00 20 01 41 02 74 6a",
        [EIGHT_TIMES] = "20 00 20 01 41 03 74 6a",
        [WRAPPED] = "20 02 a7",
        [CALLED] = "20 02 10 00",
        [LOADED] = "41 20 28 02 00",
        [SIGNED] = "41 20 2c 00 00",
        [EXTENDED] = "20 00 c1",
        [GLOBAL] = "23 00",
        [SPILLED] = "20 00 10 01",
        [SELECTED] = "20 00 20 01 41 01 1b",
    };
    if (a->form == CONSTANT) {
        put_u8(b, WASM_OP_I32_CONST);
        put_s64(b, (int32_t)a->constant);
    } else {
        put_hex(b, texts[a->form]);
    }
}

/* A value whose bytes are all 0xa5. */
static void put_value(struct bytes *b, char type)
{
    switch (type) {
    case 'i':
        put_hex(b, "41 a5 cb 96 ad 7a");
        break;
    case 'I':
        put_hex(b, "42 a5 cb 96 ad da b4 e9 d2 a5 7f");
        break;
    case 'f':
        put_hex(b, "43 a5 a5 a5 a5");
        break;
    case 'F':
        put_hex(b, "44 a5 a5 a5 a5 a5 a5 a5 a5");
        break;
    default:
        put_hex(b, "fd 0c a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5 a5");
    }
}

/* To i64: the bits, of a vector the lower half. */
static void put_as_i64(struct bytes *b, char type)
{
    static const char *const texts[] = {"ad", "", "bc ad", "bd", "fd 1d 00"};
    put_hex(b, texts[strchr("iIfFv", type) - "iIfFv"]);
}

static void put_body(struct bytes *b, const struct access *a)
{
    static const char *const zeros[] = {"41 00", "42 00", "43 00 00 00 80", "44 00 00 00 00 00 00 00 80"};
    static const uint8_t adds[] = {WASM_OP_I32_ADD, WASM_OP_I64_ADD, WASM_OP_F32_ADD, WASM_OP_F64_ADD};
    const struct wasm_op_row *row = &wasm_op_rows[a->op];
    put_u8(b, 0); /* no locals */
    if (a->added)
        put_hex(b, zeros[a->op - WASM_OP_I32_LOAD]);
    put_index(b, a);
    if (row->signature[1] != ':')
        put_value(b, row->signature[1]);
    put_op(b, a->op);
    put_u32(b, a->offset % 2 ? 0 : row->align);
    put_u32(b, a->offset);
    if (row->immediate == WASM_IMM_MEMARG_LANE)
        put_u8(b, 0);
    if (a->added)
        put_u8(b, adds[a->op - WASM_OP_I32_LOAD]);
    if (is_store(a->op))
        put_hex(b, "42 00");
    else
        put_as_i64(b, *(strchr(row->signature, ':') + 1));
    put_u8(b, WASM_OP_END);
}

static void add_access(uint16_t op, enum form form, uint64_t offset, uint64_t constant)
{
    for (int added = 0; added <= (op <= WASM_OP_F64_LOAD); added++)
        t.accesses[t.n++] = (struct access){op, (uint8_t)form, added, (uint32_t)offset, (uint32_t)constant};
}

static void choose(bool vectors)
{
    t.accesses = calloc(64 * ARRAY_LEN(offsets) * (FORMS + ARRAY_LEN(constants)), sizeof *t.accesses);
    assert_non_null(t.accesses);
    for (uint16_t op = 0; op < WASM_OPS; op++) {
        const struct wasm_op_row *row = &wasm_op_rows[op];
        if (!row->name || (row->immediate != WASM_IMM_MEMARG && row->immediate != WASM_IMM_MEMARG_LANE) ||
            has_vector(op) != vectors)
            continue;
        for (size_t k = 0; k < ARRAY_LEN(offsets); k++) {
            for (size_t c = 0; c < ARRAY_LEN(constants); c++)
                add_access(op, CONSTANT, offsets[k], constants[c]);
            for (unsigned form = CONSTANT + 1; form < FORMS; form++)
                add_access(op, form, offsets[k], 0);
        }
    }
}

static void build(void)
{
    struct bytes *b = &t.bytes, part = {0}, body = {0};
    put_header(b);
    put_hex(&part, "03 60 03 7f 7f 7e 01 7e 60 01 7e 01 7f 60 00 00");
    put_part(b, 1, &part);
    put_u32(&part, (uint32_t)t.n + 2);
    put_hex(&part, "01 02");
    for (size_t k = 0; k < t.n; k++)
        put_u8(&part, 0);
    put_part(b, 3, &part);
    put_hex(&part, "01 00 01"); /* one page at first */
    put_part(b, 5, &part);
    put_hex(&part, "01 7f 01 41 00 0b");
    put_part(b, 6, &part);
    put_hex(&part, "02 01 6d 02 00 01 67 03 00"); /* m, g */
    put_part(b, 7, &part);
    put_u32(&part, (uint32_t)t.n + 2);
    put_hex(&part, "05 00 20 00 a7 0b 02 00 0b");
    for (size_t k = 0; k < t.n; k++) {
        put_body(&body, &t.accesses[k]);
        put_part(&part, -1, &body);
    }
    put_part(b, 10, &part);
    bytes_free(&part);
    bytes_free(&body);
}

/* ---- Running ----------------------------------------------------------------------------------------------------- */

/* Goes before the handler of compiled code, which ends the call or lets the program crash. */
static struct sigaction inner;
static volatile uintptr_t fault_address;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    fault_address = (uintptr_t)info->si_addr;
    inner.sa_sigaction(signo, info, context);
}

static void watch_faults(void)
{
    wasm_handlers_begin();
    assert_int_equal(sigaction(SIGSEGV, NULL, &inner), 0);
    struct sigaction outer = inner;
    outer.sa_sigaction = on_fault;
    assert_int_equal(sigaction(SIGSEGV, &outer, NULL), 0);
}

static uint8_t byte_at(uint64_t address)
{
    return (uint8_t)(address * 167 + (address >> 8) * 13 + (address >> 24) * 5 + 1);
}

/* Puts its byte at each address that a test may read. */
static void paint(void)
{
    const uint64_t around[] = {0, 65536, HALF, FULL};
    for (size_t k = 0; k < ARRAY_LEN(around); k++)
        for (uint64_t at = around[k] < 128 ? 0 : around[k] - 128; at < around[k] + 128; at++)
            if (at < t.memory->size)
                t.memory->base[at] = byte_at(at);
}

static struct wasm_slot *acquire(void)
{
    struct wasm_slot *s;
    enum wasm_trap trap;
    if (wasm_pool_acquire(t.pool, &s, &trap, &err))
        fail_msg("%s", err.text);
    return s;
}

/* how: NULL: interpreted. */
static void begin(const struct wasm_compile_options *how, bool vectors)
{
    struct wasm_features features = {0};
    struct wasm_pool_options o = {.store = {.fuel = -1}, .slots = 3};
    struct wasm_extern e;
    struct wasm_module *m;
    enum wasm_trap trap;
    choose(vectors);
    build();
    t.compiled = how;
    if (how)
        watch_faults();
    assert_int_equal(arena_init(&t.arena, wasm_module_arena_size(t.bytes.n)), 0);
    if (wasm_module_decode(t.bytes.p, t.bytes.n, &features, &t.arena, &m, &err) ||
        (how && wasm_compile(m, how, &t.code, &err)) || wasm_pool_make(m, t.code, &o, &t.pool, &trap, &err))
        fail_msg("%s", err.text);
    t.below = acquire();
    t.slot = acquire();
    t.above = acquire();
    assert_true(wasm_instance_export(t.slot->instance, "m", 1, &e));
    t.memory = e.memory;
    assert_true(wasm_instance_export(t.slot->instance, "g", 1, &e));
    t.global = e.global.value;
}

static int end(void **state)
{
    (void)state;
    wasm_pool_free(t.pool);
    if (t.code)
        wasm_code_free(t.code);
    arena_free(&t.arena);
    bytes_free(&t.bytes);
    free(t.accesses);
    memset(&t, 0, sizeof t);
    return 0;
}

/* Arguments that make the form give this index; false: it cannot. */
static bool arguments(const struct access *a, uint32_t index, union wasm_value *values)
{
    const uint32_t other = 0x9abcdef0;
    values[0] = (union wasm_value){.i32 = index};
    values[1] = (union wasm_value){.i32 = other};
    values[2] = (union wasm_value){.i64 = 0xdeadbeef00000000 | index};
    switch (a->form) {
    case CONSTANT:
        return a->constant == index;
    case SUM:
        values[0].i32 = index - other;
        return true;
    case DIFFERENCE:
        values[0].i32 = index + other;
        return true;
    case PLUS_ONE:
        values[0].i32 = index - 1;
        return true;
    case MINUS_ONE:
        values[0].i32 = index + 1;
        return true;
    case PLUS_HALF:
        values[0].i32 = index + 0x80000000;
        return true;
    case TWICE:
    case FOUR_TIMES:
    case EIGHT_TIMES:
        values[0].i32 = index - (other << (a->form - TWICE + 1));
        return true;
    case LOADED:
        memcpy(t.memory->base + CELL, &index, sizeof index);
        return true;
    case SIGNED:
        t.memory->base[CELL] = (uint8_t)index;
        return (uint32_t)(int8_t)index == index;
    case EXTENDED:
        values[0].i32 = (index & 0xffff) | 0x12340000;
        return (uint32_t)(int16_t)index == index;
    case GLOBAL:
        t.global->i32 = index;
        return true;
    default:
        return true;
    }
}

static void blame(const struct access *a, uint32_t index, const char *what, uint64_t expected, uint64_t got)
{
    fail_msg("%s offset=0x%x, index 0x%x (%s), memory of 0x%llx bytes: %s: expected 0x%llx, got 0x%llx",
             wasm_op_rows[a->op].name, a->offset, index, form_names[a->form], (unsigned long long)t.memory->size, what,
             (unsigned long long)expected, (unsigned long long)got);
}

static void check_trapped(const struct access *a, uint32_t index, uint64_t at)
{
    t.trapped++;
    if (!t.compiled)
        return;
    uint64_t fault = fault_address - (uintptr_t)t.memory->base;
    if (fault >= WASM_MEMORY_RESERVED || fault < at || fault >= at + width_of(a->op))
        blame(a, index, "the fault is at", at, fault);
}

/* The bytes of the access, and one on each side where there is one. */
static void check_stored(const struct access *a, uint32_t index, uint64_t at)
{
    uint8_t *p = t.memory->base;
    uint32_t width = width_of(a->op);
    for (uint64_t k = at; k < at + width; k++)
        if (p[k] != 0xa5)
            blame(a, index, "a byte stored", 0xa5, p[k]);
    if (at && at - 1 - CELL >= 4 && p[at - 1] != byte_at(at - 1))
        blame(a, index, "the byte below", byte_at(at - 1), p[at - 1]);
    if (at + width < t.memory->size && at + width - CELL >= 4 && p[at + width] != byte_at(at + width))
        blame(a, index, "the byte above", byte_at(at + width), p[at + width]);
    for (uint64_t k = at; k < at + width; k++)
        p[k] = byte_at(k);
}

/* A scalar's bits are compared as far as the access goes; of a vector, and of a sum that may be a NaN, the first byte.
 */
static void check_loaded(const struct access *a, uint32_t index, uint64_t at, uint64_t got)
{
    bool is_float = a->op == WASM_OP_F32_LOAD || a->op == WASM_OP_F64_LOAD;
    uint32_t width = has_vector(a->op) || (is_float && a->added) ? 1 : width_of(a->op);
    uint64_t expected = 0, mask = width == 8 ? UINT64_MAX : (UINT64_C(1) << 8 * width) - 1;
    memcpy(&expected, t.memory->base + at, width);
    if ((got & mask) != expected)
        blame(a, index, "loaded", expected, got & mask);
}

/* Only painted places can be told apart: others are not asked for unless they trap. */
static bool is_painted(uint64_t at, uint32_t width)
{
    const uint64_t around[] = {0, 65536, HALF, FULL};
    for (size_t k = 0; k < ARRAY_LEN(around); k++)
        if (at + 120 >= around[k] && at + width <= around[k] + 120)
            return true;
    return false;
}

static void try_one(size_t k, uint32_t index)
{
    const struct access *a = &t.accesses[k];
    uint64_t at = (uint64_t)index + a->offset;
    uint32_t width = width_of(a->op);
    bool outside = at + width > t.memory->size;
    union wasm_value values[3];
    struct wasm_func own;
    uint8_t cell[4];
    if (!outside && !is_painted(at, width))
        return;
    memcpy(cell, t.memory->base + CELL, sizeof cell);
    if (arguments(a, index, values)) {
        struct wasm_func *f = wasm_instance_callee(t.slot->instance, (uint32_t)k + 2, &own);
        enum wasm_trap trap = wasm_call(t.slot->store, f, values);
        if (trap != (outside ? WASM_TRAP_MEMORY_BOUNDS : WASM_TRAP_NONE))
            blame(a, index, "trap", outside ? WASM_TRAP_MEMORY_BOUNDS : WASM_TRAP_NONE, trap);
        t.done++;
        if (outside)
            check_trapped(a, index, at);
        else if (is_store(a->op))
            check_stored(a, index, at);
        else
            check_loaded(a, index, at, values[0].i64);
    }
    memcpy(t.memory->base + CELL, cell, sizeof cell);
}

/* Indices that bring the access near 2^31, 2^32 and the end; those that would be near if 2^32 were lost; and few more.
 */
static void try_all(size_t k)
{
    const struct access *a = &t.accesses[k];
    const uint64_t near[] = {0, HALF, FULL, FULL + 48, FULL + HALF, t.memory->size, 2 * FULL};
    static const uint64_t more[] = {0, 48, 0xfff0, HALF - 1, HALF, HALF + 1, FULL - 128, FULL - 16, FULL - 1};
    const uint32_t width = width_of(a->op);
    const int64_t around[] = {-(int64_t)width - 1, -(int64_t)width, 1 - (int64_t)width, -1, 0, 1};
    if (a->form == CONSTANT) {
        try_one(k, a->constant);
        return;
    }
    for (size_t j = 0; j < ARRAY_LEN(more); j++)
        try_one(k, (uint32_t)more[j]);
    for (size_t j = 0; j < ARRAY_LEN(near); j++)
        for (size_t d = 0; d < ARRAY_LEN(around); d++) {
            uint64_t index = near[j] - a->offset + (uint64_t)around[d];
            if (index < FULL)
                try_one(k, (uint32_t)index);
        }
}

static void sweep(const struct wasm_compile_options *how, bool vectors)
{
    static const uint32_t sizes[] = {1, 32768, 65536};
    begin(how, vectors);
    for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
        size_t trapped = t.trapped, done = t.done;
        wasm_memory_grow(t.slot->instance, sizes[s] - t.memory->pages);
        assert_int_equal(t.memory->pages, sizes[s]);
        paint();
        for (size_t k = 0; k < t.n; k++)
            try_all(k);
        assert_true(t.trapped > trapped + t.n); /* both outcomes came, often */
        assert_true(t.done - done > t.trapped - trapped + t.n / 2);
    }
    print_message("# %zu accesses, of which %zu trapped\n", t.done, t.trapped);
}

static void test_scalar_accesses_interpreted(void **state)
{
    (void)state;
    sweep(NULL, false);
}

static void test_scalar_accesses_compiled(void **state)
{
    (void)state;
    sweep(&(struct wasm_compile_options){0}, false);
}

static void test_scalar_accesses_compiled_with_the_base_in_a_register(void **state)
{
    (void)state;
    sweep(&(struct wasm_compile_options){.no_gs = true}, false);
}

static void test_scalar_accesses_compiled_for_an_old_cpu(void **state)
{
    (void)state;
    sweep(&(struct wasm_compile_options){.plain_cpu = true}, false);
}

static void test_vector_accesses_interpreted(void **state)
{
    (void)state;
    sweep(NULL, true);
}

static void test_vector_accesses_compiled(void **state)
{
    (void)state;
    sweep(&(struct wasm_compile_options){0}, true);
}

static void test_vector_accesses_compiled_with_the_base_in_a_register(void **state)
{
    (void)state;
    sweep(&(struct wasm_compile_options){.no_gs = true}, true);
}

static void test_vector_accesses_compiled_for_an_old_cpu(void **state)
{
    (void)state;
    sweep(&(struct wasm_compile_options){.plain_cpu = true}, true);
}

int main(void)
{
#define TEST(NAME) cmocka_unit_test_teardown(NAME, end)
    static const struct CMUnitTest tests[] = {
        TEST(test_scalar_accesses_interpreted),
        TEST(test_scalar_accesses_compiled),
        TEST(test_scalar_accesses_compiled_with_the_base_in_a_register),
        TEST(test_scalar_accesses_compiled_for_an_old_cpu),
        TEST(test_vector_accesses_interpreted),
        TEST(test_vector_accesses_compiled),
        TEST(test_vector_accesses_compiled_with_the_base_in_a_register),
        TEST(test_vector_accesses_compiled_for_an_old_cpu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
