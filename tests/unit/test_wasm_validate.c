/* SPDX-License-Identifier: Apache-2.0 */
/* Function bodies: what is valid, what is refused and with which words, what is said about a valid one, and that no
 * body costs more than its size allows. */
#include "wasm_build.h"

#include "wasm/module/opcode.h"
#include "wasm/module/validate.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena arena;
static struct wasm_module *module;
static struct wasm_validator *validator;
static struct err err;

static int teardown(void **state)
{
    (void)state;
    wasm_validator_free(validator);
    arena_free(&arena);
    return 0;
}

/* All bodies are checked in this module, as its function 2. Types: 0 []->[], 1 [i32]->[i32], 2 []->[i32 i64],
 * 3 [i32 i64]->[i32 i64], 4 [v128]->[v128], 5 []->[f32], 6 []->[i32]. Functions 0 (imported) and 1 are of type 1, 1 may
 * be referred to. Globals: 0 i32 imported, 1 i64 mutable, 2 externref mutable. Tables: 0 funcref, 1 externref. */
static const char before_body[] = "01 22 07 60 00 00 60 01 7f 01 7f 60 00 02 7f 7e 60 02 7f 7e 02 7f 7e 60 01 7b 01 7b "
                                  "60 00 01 7d 60 00 01 7f "
                                  "02 0a 02 00 00 00 01 00 00 03 7f 00 ";
static const char behind_types[] = "04 07 02 70 00 01 6f 00 01 05 03 01 00 01 "
                                   "06 0b 02 7e 01 42 00 0b 6f 01 d0 6f 0b "
                                   "09 0b 02 01 00 01 01 05 6f 01 d0 6f 0b 0c 01 01 ";

/* A body of a type, with its locals, put into that module, decoded and checked. */
static int check_bytes(unsigned type, const struct bytes *body, bool memory, struct wasm_features features,
                       struct wasm_body *out)
{
    static struct bytes b, s; /* out's offsets and the module's pointers lead here until the next call */

    wasm_validator_free(validator);
    validator = NULL;
    arena_free(&arena);
    b.n = 0;
    put_header(&b);
    put_hex(&b, before_body);
    put_hex(&b, "03 03 02 01");
    put_u8(&b, type);
    if (memory)
        put_hex(&b, behind_types);
    put_hex(&s, "02 04 00 20 00 0b");
    put_u32(&s, (uint32_t)body->n);
    put(&s, body->p, body->n);
    put_part(&b, 10, &s);
    if (memory)
        put_hex(&b, "0b 03 01 01 00");
    err = (struct err){0};
    assert_int_equal(arena_init(&arena, wasm_module_arena_size(b.n)), 0);
    if (wasm_module_decode(b.p, b.n, &features, &arena, &module, &err) < 0)
        fail_msg("the module itself: %s", err.text);
    assert_int_equal(wasm_validator_make(module, &features, &validator), 0);
    return wasm_validate_function(validator, 2, true, out, &err);
}

static int check(unsigned type, const char *hex, struct wasm_features features, struct wasm_body *out)
{
    struct bytes body = {0};

    put_hex(&body, hex);
    int r = check_bytes(type, &body, true, features, out);
    bytes_free(&body);
    return r;
}

struct body_case {
    const char *label;
    unsigned type;
    const char *body, *words; /* with its locals; words NULL: valid */
};

static void run_cases(const struct body_case *cases, size_t n, struct wasm_features features)
{
    struct wasm_body body;

    for (size_t i = 0; i < n; i++) {
        int r = check(cases[i].type, cases[i].body, features, &body);
        if ((r == 0) != !cases[i].words)
            fail_msg("%s: %d %s", cases[i].label, r, err.text);
        if (r && (!strstr(err.text, cases[i].words) || strncmp(err.text, "function 2: at offset 0x", 24) != 0 ||
                  err.code != r))
            fail_msg("%s: '%s'", cases[i].label, err.text);
    }
}

#define NO_FEATURES ((struct wasm_features){0})

static void test_bodies_end_where_they_end(void **state)
{
    static const struct body_case cases[] = {
        {"nothing to do", 0, "00 0b", NULL},
        {"no end", 0, "00 01", "unexpected end"},
        {"no end of a block", 0, "00 02 40 0b", "unexpected end"},
        {"bytes behind the end", 0, "00 0b 01", "section size mismatch"},
        {"another end", 0, "00 0b 0b", "section size mismatch"},
        {"cut in an index", 0, "00 20 80", "unexpected end"},
        {"cut in a constant", 0, "00 43 00 00 00", "unexpected end"},
        {"cut in an address", 0, "00 41 00 28 02", "unexpected end"},
        {"cut behind a prefix", 0, "00 fc", "unexpected end"},
        {"cut in a block type", 0, "00 02", "unexpected end"},
        {"cut in a label", 0, "00 0c", "unexpected end"},
        {"cut in br_table", 0, "00 41 00 0e 01 00", "unexpected end"},
        {"cut in lanes", 0, "00 41 00 fd 0f 41 00 fd 0f fd 0d 00 01", "unexpected end"},
        {"opcode 0x06", 0, "00 06 40 0b 0b", "illegal opcode 0x06: exceptions are not in this build"},
        {"opcode 0xfe", 0, "00 fe 03 00 0b", "illegal opcode 0xfe: threads are not in this build"},
        {"opcode 0x27", 0, "00 27 0b", "illegal opcode 0x27"},
        {"opcode 0xff", 0, "00 ff 0b", "illegal opcode 0xff"},
        {"opcode 0xfc 18", 0, "00 fc 12 0b", "illegal opcode 0xfc 18"},
        {"opcode 0xfd 154", 0, "00 fd 9a 01 0b", "illegal opcode 0xfd 154"},
        {"opcode 0xfd 256, relaxed", 0, "00 fd 80 02 0b", "illegal opcode 0xfd 256"},
        {"opcode 0xfc, over-long", 0, "00 fc 80 80 80 80 80 00 0b", "integer representation too long"},
        {"a prefixed number in more bytes", 0, "00 fc 89 80 00 00 0b", NULL},
    };

    (void)state;
    run_cases(cases, ARRAY_LEN(cases), NO_FEATURES);
}

static void test_operands_have_their_types(void **state)
{
    static const struct body_case cases[] = {
        {"constants of all types", 0, "00 41 00 1a 42 00 1a 43 00 00 00 00 1a 44 00 00 00 00 00 00 00 00 1a 0b", NULL},
        {"vector constant", 0, "00 fd 0c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 1a 0b", NULL},
        {"addition", 6, "00 41 01 41 02 6a 0b", NULL},
        {"addition of f32 and i32", 6, "00 43 00 00 00 00 41 02 6a 0b", "type mismatch: i32.add wants i32, has f32"},
        {"addition of i32 and i64", 6, "00 41 00 42 02 6a 0b", "type mismatch: i32.add wants i32, has i64"},
        {"addition of one", 6, "00 41 00 6a 0b", "type mismatch: i32.add wants i32, has nothing"},
        {"addition over a block", 6, "00 41 00 02 7f 41 00 6a 0b 0b", "type mismatch: i32.add wants i32, has nothing"},
        {"result missing", 6, "00 0b", "type mismatch: end wants i32, has nothing"},
        {"result of another type", 6, "00 42 00 0b", "type mismatch: end wants i32, has i64"},
        {"result too many", 0, "00 41 00 0b", "type mismatch: values remain at the end of a block: 1"},
        {"two results", 2, "00 41 00 42 00 0b", NULL},
        {"two results, in the other order", 2, "00 42 00 41 00 0b", "type mismatch: end wants i64, has i32"},
        {"three operands", 0, "00 41 00 fd 0f 41 00 fd 0f 41 00 fd 0f fd 52 1a 0b", NULL},
        {"three operands, one i32", 0, "00 41 00 41 00 fd 0f 41 00 fd 0f fd 52 1a 0b",
         "type mismatch: v128.bitselect wants v128, has i32"},
        {"drop of nothing", 0, "00 1a 0b", "type mismatch: drop wants any type, has nothing"},
        {"select", 6, "00 41 00 41 00 41 00 1b 0b", NULL},
        {"select of two types", 6, "00 41 00 42 00 41 00 1b 0b", "type mismatch: select wants i64, has i32"},
        {"select of references", 0, "00 d0 70 d0 70 41 00 1b 1a 0b", "type mismatch: select of references"},
        {"select of vectors", 0, "00 41 00 fd 0f 41 00 fd 0f 41 00 1b 1a 0b", NULL},
        {"select with a type", 0, "00 d0 70 d0 70 41 00 1c 01 70 1a 0b", NULL},
        {"select with another type", 0, "00 d0 70 d0 70 41 00 1c 01 6f 1a 0b", "type mismatch: select wants externref"},
        {"select with two types", 0, "00 41 00 41 00 41 00 1c 02 7f 7f 1a 1a 0b", "invalid result arity"},
        {"s32 over-long", 0, "00 41 80 80 80 80 80 00 1a 0b", "integer representation too long"},
        {"s32 too large", 0, "00 41 ff ff ff ff 0f 1a 0b", "integer too large"},
        {"s64 too large", 0, "00 42 80 80 80 80 80 80 80 80 80 02 1a 0b", "integer too large"},
    };

    (void)state;
    run_cases(cases, ARRAY_LEN(cases), NO_FEATURES);
}

static void test_unreachable_code_has_any_operands(void **state)
{
    static const struct body_case cases[] = {
        {"addition", 6, "00 00 6a 0b", NULL},
        {"addition of one", 6, "00 00 41 00 6a 0b", NULL},
        {"addition of a wrong one", 6, "00 00 42 00 6a 0b", "type mismatch: i32.add wants i32, has i64"},
        {"addition of a wrong one, deeper", 6, "00 00 42 00 41 00 6a 0b", "type mismatch: i32.add wants i32, has i64"},
        {"results", 2, "00 00 0b", NULL},
        {"one of two results", 2, "00 00 42 00 0b", NULL},
        {"a wrong one of two results", 2, "00 00 41 00 0b", "type mismatch: end wants i64, has i32"},
        {"too many", 6, "00 00 41 00 41 00 0b", "type mismatch: values remain"},
        {"select", 5, "00 00 1b 0b", NULL},
        {"select keeps what it knows", 5, "00 00 41 00 41 00 1b 0b", "type mismatch: end wants f32, has i32"},
        {"select of unknown and reference", 0, "00 00 d0 70 41 00 1b 1a 0b", "type mismatch: select of references"},
        {"local.tee keeps the local's type", 5, "01 01 7f 00 22 00 0b", "type mismatch: end wants f32, has i32"},
        {"br_if leaves the label's types", 6, "00 00 0d 00 8c 0b", "type mismatch: f32.neg wants f32, has i32"},
        {"not beyond the block", 6, "00 02 40 00 0b 6a 0b", "type mismatch: i32.add wants i32, has nothing"},
        {"behind br", 6, "00 41 01 0c 00 6a 0b", NULL},
        {"behind br_table", 6, "00 41 01 41 00 0e 00 00 6a 0b", NULL},
        {"behind return", 6, "00 41 01 0f 6a 0b", NULL},
        {"ref.is_null", 6, "00 00 d1 0b", NULL},
        {"labels are checked", 0, "00 00 0c 01 0b", "unknown label 1"},
        {"locals are checked", 0, "00 00 20 00 0b", "unknown local 0"},
        {"else is reachable", 6, "00 41 00 04 7f 00 05 6a 0b 0b", "type mismatch: i32.add wants i32, has nothing"},
        {"br_table with operands of no type", 0, "00 02 7f 02 7d 00 41 00 0e 01 00 01 0b 1a 41 00 0b 1a 0b", NULL},
        {"br_table with a wrong operand", 0, "00 02 7f 02 7d 00 43 00 00 00 00 41 00 0e 01 00 01 0b 1a 41 00 0b 1a 0b",
         "type mismatch: br_table wants i32, has f32"},
    };

    (void)state;
    run_cases(cases, ARRAY_LEN(cases), NO_FEATURES);
}

static void test_blocks_and_branches_are_checked(void **state)
{
    static const struct body_case cases[] = {
        {"block with a result", 6, "00 02 7f 41 00 0b 0b", NULL},
        {"block without its result", 6, "00 02 7f 0b 0b", "type mismatch: end wants i32, has nothing"},
        {"block with parameters", 2, "00 41 00 42 00 02 03 0b 0b", NULL},
        {"block without its parameters", 2, "00 41 00 02 03 0b 0b", "type mismatch: block wants i64, has i32"},
        {"block of an unknown type", 0, "00 02 07 0b 0b", "unknown type 7"},
        {"block type below zero", 0, "00 02 41 0b 0b", "malformed block type"},
        {"block type in more bytes", 2, "00 02 82 00 41 00 42 00 0b 0b", NULL},
        {"block type over-long", 0, "00 02 80 80 80 80 80 00 0b 0b", "integer representation too long"},
        {"block type's sign", 0, "00 02 ff ff ff ff 4f 0b 0b", "integer too large"},
        {"if", 0, "00 41 00 04 40 05 0b 0b", NULL},
        {"if without a condition", 0, "00 04 40 0b 0b", "type mismatch: if wants i32, has nothing"},
        {"if without else and with a result", 6, "00 41 00 04 7f 41 00 0b 0b", "type mismatch: an if without else"},
        {"if without else whose parameters are its results", 2, "00 41 00 42 00 41 00 04 03 0b 0b", NULL},
        {"else with another type", 6, "00 41 00 04 7f 41 00 05 42 00 0b 0b", "type mismatch: end wants i32, has i64"},
        {"then with another type", 6, "00 41 00 04 7f 42 00 05 41 00 0b 0b", "type mismatch: else wants i32, has i64"},
        {"else twice", 0, "00 41 00 04 40 05 05 0b 0b", "else without if"},
        {"else alone", 0, "00 05 0b", "else without if"},
        {"br to the function", 6, "00 41 00 0c 00 0b", NULL},
        {"br with a wrong value", 6, "00 42 00 0c 00 0b", "type mismatch: br wants i32, has i64"},
        {"br leaves what is below", 6, "00 42 00 41 00 0c 00 0b", NULL},
        {"br beyond", 0, "00 02 40 0c 02 0b 0b", "unknown label 2, there are 2"},
        {"br to a loop takes its parameters", 2, "00 41 00 42 00 03 03 0c 00 0b 0b", NULL},
        {"br to a loop with its result", 6, "00 03 7f 41 00 0c 00 0b 0b", NULL},
        {"br_if without a condition", 0, "00 0d 00 0b", "type mismatch: br_if wants i32, has nothing"},
        {"br_if", 6, "00 41 00 41 00 0d 00 0b", NULL},
        {"br_if without its value", 6, "00 02 7f 41 00 0d 00 41 00 0b 0b",
         "type mismatch: br_if wants i32, has nothing"},
        {"br_table", 6, "00 02 7f 41 00 41 00 0e 02 00 01 00 0b 0b", NULL},
        {"br_table to labels of other numbers", 6, "00 02 40 41 00 41 00 0e 01 00 01 0b 41 00 0b",
         "type mismatch: br_table to labels of 0 and of 1 values"},
        {"br_table to labels of other types", 6, "00 02 7d 41 00 41 00 0e 01 01 00 0b 1a 41 00 0b",
         "type mismatch: br_table wants f32, has i32"},
        {"br_table to an unknown label", 0, "00 41 00 0e 01 00 01 0b", "unknown label 1"},
        {"br_table longer than the body", 0, "00 41 00 0e ff ff ff ff 0f 00 0b", "length out of bounds"},
        {"return", 2, "00 02 40 41 00 42 00 0f 0b 00 0b", NULL},
        {"return without a value", 2, "00 41 00 0f 0b", "type mismatch: return wants i64, has i32"},
    };

    (void)state;
    run_cases(cases, ARRAY_LEN(cases), NO_FEATURES);
}

static void test_indices_are_in_range_and_of_the_right_kind(void **state)
{
    static const struct body_case cases[] = {
        {"parameter", 1, "00 20 00 0b", NULL},
        {"local behind parameters", 1, "01 01 7e 42 00 21 01 20 00 0b", NULL},
        {"unknown local", 1, "01 01 7e 20 02 1a 20 00 0b", "unknown local 2, there are 2"},
        {"unknown local to set", 1, "00 20 00 21 01 20 00 0b", "unknown local 1, there are 1"},
        {"local of another type", 1, "00 42 00 21 00 20 00 0b", "type mismatch: local.set wants i32, has i64"},
        {"tee of nothing", 1, "00 22 00 0b", "type mismatch: local.tee wants i32, has nothing"},
        {"local's type", 0, "01 01 6e 0b", "malformed value type 0x6e"},
        {"global", 6, "00 23 00 0b", NULL},
        {"unknown global", 0, "00 23 03 1a 0b", "unknown global 3"},
        {"global set", 0, "00 42 00 24 01 0b", NULL},
        {"global set with another type", 0, "00 41 00 24 01 0b", "type mismatch: global.set wants i64, has i32"},
        {"immutable global set", 0, "00 41 00 24 00 0b", "global is immutable"},
        {"call", 1, "00 20 00 10 00 10 01 0b", NULL},
        {"call of none", 0, "00 10 03 0b", "unknown function 3"},
        {"call without arguments", 6, "00 10 01 0b", "type mismatch: call wants i32, has nothing"},
        {"indirect call", 6, "00 41 00 41 00 11 01 00 0b", NULL},
        {"indirect call of no type", 0, "00 41 00 11 07 00 0b", "unknown type 7"},
        {"indirect call in no table", 0, "00 41 00 11 00 02 0b", "unknown table 2"},
        {"indirect call in a table of externref", 0, "00 41 00 11 00 01 0b", "type mismatch: call_indirect in a table"},
        {"ref.func", 0, "00 d2 01 1a 0b", NULL},
        {"ref.func of what nothing names", 0, "00 d2 02 1a 0b", "undeclared function reference"},
        {"ref.func of none", 0, "00 d2 03 1a 0b", "unknown function 3"},
        {"ref.null", 0, "00 d0 7f 1a 0b", "malformed reference type 0x7f"},
        {"ref.is_null of a number", 0, "00 41 00 d1 1a 0b", "type mismatch: ref.is_null"},
        {"table.get, table.set", 0, "00 41 00 41 00 25 01 26 01 0b", NULL},
        {"table.set of another type", 0, "00 41 00 d0 70 26 01 0b", "type mismatch: table.set wants externref"},
        {"table.grow, size, fill", 0, "00 d0 70 41 01 fc 0f 00 1a fc 10 00 d0 70 41 00 fc 11 00 0b", NULL},
        {"table.grow of no table", 0, "00 d0 70 41 01 fc 0f 02 1a 0b", "unknown table 2"},
        {"table.copy", 0, "00 41 00 41 00 41 00 fc 0e 01 01 0b", NULL},
        {"table.copy between types", 0, "00 41 00 41 00 41 00 fc 0e 00 01 0b",
         "type mismatch: table.copy from externref to funcref"},
        {"table.init", 0, "00 41 00 41 00 41 00 fc 0c 00 00 fc 0d 01 0b", NULL},
        {"table.init of another type", 0, "00 41 00 41 00 41 00 fc 0c 01 00 0b", "type mismatch: table.init"},
        {"table.init of no segment", 0, "00 41 00 41 00 41 00 fc 0c 02 00 0b", "unknown elem segment 2"},
        {"memory.init, data.drop", 0, "00 41 00 41 00 41 00 fc 08 00 00 fc 09 00 0b", NULL},
        {"data.drop of none", 0, "00 fc 09 01 0b", "unknown data segment 1"},
        {"memory.size, grow", 0, "00 3f 00 40 00 1a 0b", NULL},
        {"memory.size of memory 1", 0, "00 3f 01 1a 0b", "zero byte expected"},
        {"memory.copy, fill", 0, "00 41 00 41 00 41 00 fc 0a 00 00 41 00 41 00 41 00 fc 0b 00 0b", NULL},
        {"memory.copy to memory 1", 0, "00 41 00 41 00 41 00 fc 0a 00 01 0b", "zero byte expected"},
        {"load", 6, "00 41 00 28 02 ff ff ff ff 0f 0b", NULL},
        {"load with less alignment", 6, "00 41 00 28 00 00 0b", NULL},
        {"load with more alignment", 6, "00 41 00 28 03 00 0b", "alignment must not be larger than natural"},
        {"load, offset of 33 bits", 6, "00 41 00 28 02 ff ff ff ff 1f 0b", "integer too large"},
        {"store of another type", 0, "00 41 00 42 00 36 02 00 0b", "type mismatch: i32.store wants i32, has i64"},
        {"vector load with more alignment", 0, "00 41 00 fd 00 05 00 1a 0b", "alignment must not be larger"},
        {"lane of a vector", 6, "00 41 00 fd 0f fd 15 0f 0b", NULL},
        {"lane 16 of 16", 6, "00 41 00 fd 0f fd 15 10 0b", "invalid lane index 16"},
        {"lane 8 of 8", 6, "00 41 00 fd 0f fd 18 08 0b", "invalid lane index 8"},
        {"lane 4 of 4", 6, "00 41 00 fd 0f fd 1b 04 0b", "invalid lane index 4"},
        {"lane 4 of 4 floats", 5, "00 41 00 fd 0f fd 1f 04 0b", "invalid lane index 4"},
        {"lane 2 of 2", 0, "00 41 00 fd 0f fd 1d 02 1a 0b", "invalid lane index 2"},
        {"lane 2 of 2 floats", 0, "00 41 00 fd 0f fd 21 02 1a 0b", "invalid lane index 2"},
        {"shuffle", 4, "00 20 00 20 00 fd 0d 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 1f 0b", NULL},
        {"shuffle with lane 32", 4, "00 20 00 20 00 fd 0d 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 20 0b",
         "invalid lane index 32"},
        {"load of a lane", 4, "00 41 00 20 00 fd 57 03 00 01 0b", NULL},
        {"load of lane 2 of 2", 4, "00 41 00 20 00 fd 57 03 00 02 0b", "invalid lane index 2"},
        {"load of a lane with more alignment", 4, "00 41 00 20 00 fd 54 01 00 00 0b", "alignment must not be larger"},
    };

    (void)state;
    run_cases(cases, ARRAY_LEN(cases), NO_FEATURES);
}

static void test_what_is_not_in_the_module_is_not_used(void **state)
{
    static const struct {
        const char *label, *body, *words;
    } cases[] = {
        {"load", "00 41 00 28 02 00 1a 0b", "unknown memory 0"},
        {"memory.size", "00 3f 00 1a 0b", "unknown memory 0"},
        {"lane load", "00 41 00 41 00 fd 0f fd 54 00 00 00 1a 0b", "unknown memory 0"},
        {"memory.fill", "00 41 00 41 00 41 00 fc 0b 00 0b", "unknown memory 0"},
        {"table.get", "00 41 00 25 00 1a 0b", "unknown table 0"},
        {"indirect call", "00 41 00 11 00 00 0b", "unknown table 0"},
        {"data.drop", "00 fc 09 00 0b", "data count section required"},
        {"memory.init", "00 41 00 41 00 41 00 fc 08 00 00 0b", "data count section required"},
        {"elem.drop", "00 fc 0d 00 0b", "unknown elem segment 0"},
    };
    struct wasm_body out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes body = {0};
        put_hex(&body, cases[i].body);
        int r = check_bytes(0, &body, false, NO_FEATURES, &out);
        if (r != -EINVAL || !strstr(err.text, cases[i].words))
            fail_msg("%s: %d '%s'", cases[i].label, r, err.text);
        bytes_free(&body);
    }
}

static void test_tail_calls_are_a_feature(void **state)
{
    static const struct body_case off[] = {
        {"return_call", 0, "00 12 00 0b", "return_call needs the feature tail-call, which is off"},
        {"return_call_indirect", 0, "00 13 00 00 0b", "return_call_indirect needs the feature tail-call"},
    };
    static const struct body_case on[] = {
        {"return_call", 6, "00 41 00 12 01 0b", NULL},
        {"what is behind it is not reached", 6, "00 41 00 12 01 6a 0b", NULL},
        {"return_call of other results", 0, "00 41 00 12 01 0b", "type mismatch: return_call of a function with other"},
        {"return_call of results of other types", 5, "00 41 00 12 01 0b", "type mismatch"},
        {"return_call without arguments", 6, "00 12 01 0b", "type mismatch: return_call wants i32, has nothing"},
        {"return_call_indirect", 6, "00 41 00 41 00 13 01 00 0b", NULL},
        {"return_call_indirect of other results", 0, "00 41 00 41 00 13 01 00 0b", "type mismatch"},
    };

    (void)state;
    run_cases(off, ARRAY_LEN(off), NO_FEATURES);
    run_cases(on, ARRAY_LEN(on), (struct wasm_features){.tail_call = true});
}

/* Each row that has a signature is applied to operands of those types, and to them but one. */
static const char *push_of_letter(char letter)
{
    switch (letter) {
    case 'i':
        return "41 00";
    case 'I':
        return "42 00";
    case 'f':
        return "43 00 00 00 00";
    case 'F':
        return "44 00 00 00 00 00 00 00 00";
    }
    return "fd 0c 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00";
}

static void put_row(struct bytes *b, unsigned op)
{
    static const char *const zeros[] = {[WASM_IMM_NONE] = "",
                                        [WASM_IMM_TABLE] = "00",
                                        [WASM_IMM_MEMARG] = "00 00",
                                        [WASM_IMM_MEMORY] = "00",
                                        [WASM_IMM_I32] = "00",
                                        [WASM_IMM_I64] = "00",
                                        [WASM_IMM_F32] = "00 00 00 00",
                                        [WASM_IMM_F64] = "00 00 00 00 00 00 00 00",
                                        [WASM_IMM_DATA_MEMORY] = "00 00",
                                        [WASM_IMM_DATA] = "00",
                                        [WASM_IMM_MEMORY_MEMORY] = "00 00",
                                        [WASM_IMM_ELEM_TABLE] = "00 00",
                                        [WASM_IMM_ELEM] = "00",
                                        [WASM_IMM_TABLE_TABLE] = "00 00",
                                        [WASM_IMM_V128] = "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
                                        [WASM_IMM_LANES] = "00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00",
                                        [WASM_IMM_LANE] = "00",
                                        [WASM_IMM_MEMARG_LANE] = "00 00 00"};

    if (op >= WASM_OP_VECTOR) {
        put_u8(b, WASM_PREFIX_VECTOR);
        put_u32(b, op - WASM_OP_VECTOR);
    } else if (op >= WASM_OP_MISC) {
        put_u8(b, WASM_PREFIX_MISC);
        put_u32(b, op - WASM_OP_MISC);
    } else {
        put_u8(b, op);
    }
    put_hex(b, zeros[wasm_op_rows[op].immediate]);
}

static void test_rows_take_what_their_signature_says(void **state)
{
    struct wasm_body out;
    unsigned rows = 0;

    (void)state;
    for (unsigned op = 0; op < WASM_OPS; op++) {
        const char *s = wasm_op_rows[op].signature;
        if (!s)
            continue;
        unsigned pops = (unsigned)strcspn(s, ":");
        for (unsigned wrong = 0; wrong <= pops; wrong++) { /* wrong == pops: none */
            struct bytes b = {0};
            put_u8(&b, 0);
            for (unsigned i = 0; i < pops; i++)
                put_hex(&b, push_of_letter(i != wrong ? s[i] : s[i] == 'f' ? 'i' : 'f'));
            put_row(&b, op);
            put_hex(&b, s[pops + 1] ? "1a 0b" : "0b");
            int r = check_bytes(0, &b, true, NO_FEATURES, &out);
            if (r != (wrong < pops ? -EINVAL : 0) || (r && !strstr(err.text, "type mismatch")))
                fail_msg("%s, operand %u wrong: %d %s", wasm_op_rows[op].name, wrong, r, err.text);
            bytes_free(&b);
        }
        rows++;
    }
    assert_int_equal(rows, 409);
}

/* ---- what is said about a body ---------------------------------------------------------------------------------- */

static void valid(unsigned type, const char *hex, struct wasm_body *out)
{
    if (check(type, hex, NO_FEATURES, out) < 0)
        fail_msg("%s", err.text);
}

static void test_locals_are_counted_and_weighed(void **state)
{
    struct wasm_body b;

    (void)state;
    /* a parameter i32; two i64, one f32. local 0 three times outside, 1 in a loop, 2 in a loop of a loop, 3 never */
    valid(1,
          "02 02 7e 01 7d 20 00 21 00 03 40 20 01 1a 03 40 20 02 22 02 1a 41 01 10 01 1a 0b 0b 41 01 10 01 1a 20 00 0b",
          &b);
    assert_int_equal(b.n_locals, 4);
    assert_memory_equal(b.locals, ((uint8_t[]){WASM_I32, WASM_I64, WASM_I64, WASM_F32}), 4);
    assert_int_equal(b.local_weight[0], 3);
    assert_int_equal(b.local_weight[1], 10);
    assert_int_equal(b.local_weight[2], 200);
    assert_int_equal(b.local_weight[3], 0);
    assert_int_equal(b.call_weight, 101);
    assert_true(b.has_calls && b.has_loops && !b.has_vectors);
    /* the next one starts anew */
    valid(0, "01 04 7b 0b", &b);
    assert_int_equal(b.local_weight[2], 0);
    assert_int_equal(b.call_weight, 0);
    assert_true(!b.has_calls && !b.has_loops && b.has_vectors);
    valid(0, "00 41 00 fd 0f 1a 0b", &b);
    assert_true(b.has_vectors);
}

static void test_depths_are_the_largest(void **state)
{
    struct wasm_body b;

    (void)state;
    valid(0, "00 0b", &b);
    assert_int_equal(b.max_stack, 0);
    assert_int_equal(b.max_depth, 1);
    assert_int_equal(b.end - b.code, 1);
    valid(0, "00 41 00 41 00 41 00 6a 6a 1a 02 40 02 40 0b 0b 02 40 0b 0b", &b);
    assert_int_equal(b.max_stack, 3);
    assert_int_equal(b.max_depth, 3);
    valid(2, "00 02 02 00 0b 0b", &b); /* results that nothing has pushed */
    assert_int_equal(b.max_stack, 2);
}

static void test_blocks_say_where_they_lead(void **state)
{
    struct wasm_body b;

    (void)state;
    /* i32.const 0, i64.const 0, block (type 3), i32.const 0, if, nop, else, loop, end, end, end, end */
    valid(2, "00 41 00 42 00 02 03 41 00 04 40 01 05 03 40 0b 0b 0b 0b", &b);
    assert_int_equal(b.n_blocks, 3);
    const struct wasm_block *k = b.blocks;
    assert_int_equal(k[0].op, WASM_OP_BLOCK);
    assert_int_equal(k[0].start - b.code, 4);
    assert_int_equal(k[0].end - b.code, 17);
    assert_int_equal(k[0].height, 0);
    assert_int_equal(k[0].n_params, 2);
    assert_int_equal(k[0].else_, 0);
    assert_int_equal(k[1].op, WASM_OP_IF);
    assert_int_equal(k[1].start - b.code, 8);
    assert_int_equal(k[1].else_ - b.code, 12);
    assert_int_equal(k[1].end - b.code, 16);
    assert_int_equal(k[1].height, 2);
    assert_int_equal(k[2].op, WASM_OP_LOOP);
    assert_int_equal(k[2].start - b.code, 12);
    assert_int_equal(k[2].end - b.code, 15);
}

static void test_fuel_is_counted_by_loop(void **state)
{
    struct wasm_body b;

    (void)state;
    valid(0, "00 01 01 0b", &b);
    assert_int_equal(b.fuel, 3);
    /* nop loop nop block nop end loop nop end nop end nop end */
    valid(0, "00 01 03 40 01 02 40 01 0b 03 40 01 0b 01 0b 01 0b", &b);
    assert_int_equal(b.fuel, 4);           /* nop, loop, nop, end */
    assert_int_equal(b.blocks[0].fuel, 7); /* nop block nop end loop, nop, end */
    assert_int_equal(b.blocks[1].fuel, 0);
    assert_int_equal(b.blocks[2].fuel, 2); /* nop end */
    valid(0, "00 0f 01 fc 09 00 0b", &b);  /* not reached all the same; a prefix is no opcode of its own */
    assert_int_equal(b.fuel, 4);
}

static void test_names_are_in_the_words(void **state)
{
    struct bytes b = {0};
    struct wasm_features features = {0};

    (void)state;
    put_header(&b);
    put_hex(&b, "01 04 01 60 00 00 03 02 01 00 0a 05 01 03 00 1a 0b 00 0d 04 6e 61 6d 65 01 06 01 00 03 66 75 6e");
    arena_free(&arena);
    assert_int_equal(arena_init(&arena, wasm_module_arena_size(b.n)), 0);
    assert_int_equal(wasm_module_decode(b.p, b.n, &features, &arena, &module, &err), 0);
    assert_int_equal(wasm_validate(module, &features, &err), -EINVAL);
    assert_string_equal(err.text, "function 0 ($fun): at offset 0x17: type mismatch: drop wants any type, has nothing");
    bytes_free(&b);
}

/* ---- sizes ------------------------------------------------------------------------------------------------------ */

static void test_locals_have_a_limit(void **state)
{
    static const struct {
        const char *label;
        uint32_t groups[3];
        int r;
    } cases[] = {
        {"50,000", {50000, 0, 0}, 0},
        {"50,000 in parts", {49998, 1, 1}, 0},
        {"50,001", {50001, 0, 0}, -ENOTSUP},
        {"50,001 in parts", {49998, 2, 1}, -ENOTSUP},
        {"beyond 32 bits", {1, UINT32_MAX, 0}, -EINVAL},
    };
    struct wasm_body out;

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes b = {0};
        put_u8(&b, 3);
        for (int g = 0; g < 3; g++) {
            put_u32(&b, cases[i].groups[g]);
            put_u8(&b, WASM_I64);
        }
        put_u8(&b, WASM_OP_END);
        int r = check_bytes(0, &b, true, NO_FEATURES, &out);
        if (r != cases[i].r || (r && !strstr(err.text, "too many locals")))
            fail_msg("%s: %d %s", cases[i].label, r, err.text);
        bytes_free(&b);
    }
    /* parameters count: one of them */
    struct bytes b = {0};
    put_u8(&b, 1);
    put_u32(&b, 50000);
    put_hex(&b, "7e 20 00 0b");
    assert_int_equal(check_bytes(1, &b, true, NO_FEATURES, &out), -ENOTSUP);
    bytes_free(&b);
}

static void test_locals_of_all_functions_have_a_limit(void **state)
{
    struct wasm_features features = {0};
    unsigned many = WASM_LOCALS_ALL_MAX / WASM_LOCALS_MAX;

    (void)state;
    for (unsigned n = many; n <= many + 1; n++) {
        struct bytes b = {0}, s = {0};
        put_header(&b);
        put_hex(&b, "01 04 01 60 00 00");
        put_u32(&s, n);
        for (unsigned i = 0; i < n; i++)
            put_u8(&s, 0);
        put_part(&b, 3, &s);
        put_u32(&s, n);
        for (unsigned i = 0; i < n; i++)
            put_hex(&s, "06 01 d0 86 03 7e 0b"); /* 50,000 i64 */
        put_part(&b, 10, &s);
        arena_free(&arena);
        assert_int_equal(arena_init(&arena, wasm_module_arena_size(b.n)), 0);
        assert_int_equal(wasm_module_decode(b.p, b.n, &features, &arena, &module, &err), 0);
        assert_int_equal(wasm_validate(module, &features, &err), n > many ? -ENOTSUP : 0);
        bytes_free(&b);
        bytes_free(&s);
    }
    assert_non_null(strstr(err.text, "function 2000: at offset 0x"));
    assert_non_null(strstr(err.text, "too many locals"));
}

static void test_nesting_has_a_limit(void **state)
{
    struct wasm_body out;

    (void)state;
    for (unsigned n = WASM_CONTROL_DEPTH_MAX; n <= WASM_CONTROL_DEPTH_MAX + 1; n++) {
        struct bytes b = {0};
        put_u8(&b, 0);
        for (unsigned i = 0; i < n; i++)
            put_hex(&b, i % 2 ? "03 40" : "02 40");
        for (unsigned i = 0; i <= n; i++)
            put_u8(&b, WASM_OP_END);
        int r = check_bytes(0, &b, true, NO_FEATURES, &out);
        assert_int_equal(r, n > WASM_CONTROL_DEPTH_MAX ? -ENOTSUP : 0);
        if (!r) {
            assert_int_equal(out.max_depth, n + 1);
            assert_int_equal(out.n_blocks, n);
        }
        bytes_free(&b);
    }
}

static void test_branch_tables_may_be_long(void **state)
{
    struct wasm_body out;
    struct bytes b = {0};
    unsigned n = 1000000, depth = 120;

    (void)state;
    put_u8(&b, 0);
    for (unsigned i = 0; i < depth; i++)
        put_hex(&b, "02 03"); /* [i32 i64] -> [i32 i64], with what is there */
    b.n = 1;
    put_hex(&b, "41 00 42 00");
    for (unsigned i = 0; i < depth; i++)
        put_hex(&b, "02 03");
    put_hex(&b, "41 00 0e");
    put_u32(&b, n);
    for (unsigned i = 0; i <= n; i++)
        put_u8(&b, i % depth);
    for (unsigned i = 0; i <= depth; i++)
        put_u8(&b, WASM_OP_END);
    if (check_bytes(2, &b, true, NO_FEATURES, &out) < 0)
        fail_msg("%s", err.text);
    b.p[b.n - depth - 2] = (uint8_t)(depth + 1); /* the default label, one too far */
    assert_int_equal(check_bytes(2, &b, true, NO_FEATURES, &out), -EINVAL);
    assert_non_null(strstr(err.text, "unknown label"));
    bytes_free(&b);
}

static void test_operands_at_once_have_a_limit(void **state)
{
    struct wasm_body out;

    (void)state;
    for (unsigned n = WASM_OPERANDS_MAX; n <= WASM_OPERANDS_MAX + 1; n++) {
        struct bytes b = {0};
        put_u8(&b, 0);
        for (unsigned i = 0; i < n; i++)
            put_hex(&b, "23 00");
        put_hex(&b, "0f 0b");
        int r = check_bytes(0, &b, true, NO_FEATURES, &out);
        assert_int_equal(r, n > WASM_OPERANDS_MAX ? -ENOTSUP : 0);
        bytes_free(&b);
    }
    /* two values a call: half a million calls, and one more */
    for (unsigned more = 0; more < 2; more++) {
        struct bytes b = {0};
        put_u8(&b, 0);
        for (unsigned i = 0; i < WASM_OPERANDS_MAX / 2 + more; i++)
            put_hex(&b, "10 02"); /* itself */
        put_hex(&b, "0f 0b");
        int r = check_bytes(2, &b, true, NO_FEATURES, &out);
        assert_int_equal(r, more ? -ENOTSUP : 0);
        bytes_free(&b);
    }
}

/* Cut anywhere, and with any bit flipped, a body is refused or valid, and nothing is read beyond it. */
static void test_every_cut_and_every_flip_ends_in_order(void **state)
{
    static const char body[] = "02 01 7f 01 7b 41 00 42 00 02 03 03 40 20 00 04 7f 41 01 05 41 02 0b 0d 00 00 0b 0b "
                               "41 00 0e 02 00 00 00 41 00 28 02 04 41 00 20 01 fd 57 03 00 01 fd 15 0f 11 01 00 "
                               "d2 01 d1 fc 09 00 41 00 41 00 41 00 fc 0a 00 00 1b 1c 01 7f 44 00 00 00 00 00 00 00 00 "
                               "fd 0c 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 00 0b";
    struct bytes b = {0};
    struct wasm_body out;

    (void)state;
    put_hex(&b, body);
    size_t whole = b.n;
    for (b.n = 2; b.n < whole; b.n++)
        assert_int_equal(check_bytes(2, &b, true, NO_FEATURES, &out), -EINVAL);
    b.n = whole;
    if (check_bytes(2, &b, true, NO_FEATURES, &out) < 0)
        fail_msg("%s", err.text);
    for (size_t bit = 0; bit < whole * 8; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (check_bytes(2, &b, true, NO_FEATURES, &out) < 0)
            assert_non_null(strstr(err.text, "function 2: at offset 0x"));
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    bytes_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bodies_end_where_they_end),
        cmocka_unit_test(test_operands_have_their_types),
        cmocka_unit_test(test_unreachable_code_has_any_operands),
        cmocka_unit_test(test_blocks_and_branches_are_checked),
        cmocka_unit_test(test_indices_are_in_range_and_of_the_right_kind),
        cmocka_unit_test(test_what_is_not_in_the_module_is_not_used),
        cmocka_unit_test(test_tail_calls_are_a_feature),
        cmocka_unit_test(test_rows_take_what_their_signature_says),
        cmocka_unit_test(test_locals_are_counted_and_weighed),
        cmocka_unit_test(test_depths_are_the_largest),
        cmocka_unit_test(test_blocks_say_where_they_lead),
        cmocka_unit_test(test_fuel_is_counted_by_loop),
        cmocka_unit_test(test_names_are_in_the_words),
        cmocka_unit_test(test_locals_have_a_limit),
        cmocka_unit_test(test_locals_of_all_functions_have_a_limit),
        cmocka_unit_test(test_nesting_has_a_limit),
        cmocka_unit_test(test_branch_tables_may_be_long),
        cmocka_unit_test(test_operands_at_once_have_a_limit),
        cmocka_unit_test(test_every_cut_and_every_flip_ends_in_order),
    };
    return cmocka_run_group_tests_name("wasm_validate", tests, NULL, teardown);
}
