/* SPDX-License-Identifier: Apache-2.0 */
/* A module but its bodies: what is accepted, what is refused and with which words, what the struct says afterwards, and
 * that no claim in the bytes costs more than the bytes allow. */
#include "wasm_build.h"

#include "wasm/module/module.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

static struct arena arena;
static struct wasm_module *module;
static struct err err;

static int decode(const struct bytes *b, struct wasm_features features)
{
    arena_free(&arena);
    err = (struct err){0};
    module = NULL;
    assert_int_equal(arena_init(&arena, wasm_module_arena_size(b->n)), 0);
    return wasm_module_decode(b->p, b->n, &features, &arena, &module, &err);
}

static int teardown(void **state)
{
    (void)state;
    arena_free(&arena);
    return 0;
}

/* Sections in hex, the header left out. `words` NULL: accepted. */
struct decode_case {
    const char *label, *sections, *words;
};

static void run_cases(const struct decode_case *cases, size_t n, struct wasm_features features)
{
    for (size_t i = 0; i < n; i++) {
        struct bytes b = {0};
        put_header(&b);
        put_hex(&b, cases[i].sections);
        int r = decode(&b, features);
        if ((r == 0) != !cases[i].words)
            fail_msg("%s: %d %s", cases[i].label, r, err.text);
        if (r && (!strstr(err.text, cases[i].words) || strncmp(err.text, "at offset 0x", 12) != 0 || err.code != r))
            fail_msg("%s: '%s'", cases[i].label, err.text);
        bytes_free(&b);
    }
}

static void test_header_is_checked(void **state)
{
    static const struct decode_case cases[] = {
        {"empty", "", "magic header not detected"},
        {"short", "00 61 73", "magic header not detected"},
        {"other", "7f 45 4c 46 01 00 00 00", "magic header not detected"},
        {"no version", "00 61 73 6d 01 00", "length out of bounds"},
        {"version 2", "00 61 73 6d 02 00 00 00", "unknown binary version 2"},
        {"component", "00 61 73 6d 0d 00 01 00", "a component"},
        {"module", "00 61 73 6d 01 00 00 00", NULL},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes b = {0};
        put(&b, "", 1); /* never a null pointer */
        b.n = 0;
        put_hex(&b, cases[i].sections);
        int r = decode(&b, (struct wasm_features){0});
        if ((r == 0) != !cases[i].words || (r && !strstr(err.text, cases[i].words)))
            fail_msg("%s: %d '%s'", cases[i].label, r, err.text);
        bytes_free(&b);
    }
}

static void test_sections_keep_their_order_and_their_ends(void **state)
{
    static const struct decode_case cases[] = {
        {"none", "", NULL},
        {"empty ones", "01 01 00 02 01 00 03 01 00", NULL},
        {"wrong order", "03 01 00 01 01 00", "out of order"},
        {"twice", "01 01 00 01 01 00", "out of order"},
        {"data count behind code", "0a 01 00 0c 01 00", "out of order"},
        {"data count before code", "0c 01 00 0a 01 00 0b 01 00", NULL},
        {"id 13", "0d 01 00", "malformed section id 13"},
        {"longer than the module", "01 05 00", "length out of bounds"},
        {"no size", "01", "unexpected end"},
        {"size over-long", "01 81 80 80 80 80 00 00", "integer representation too long"},
        {"bytes left", "01 02 00 00", "section size mismatch"},
        {"vector longer than the section", "01 01 01 03 01 00", "unexpected end"},
        {"custom", "00 04 03 61 62 63", NULL},
        {"custom without a name", "00 00", "unexpected end"},
        {"custom with a long name", "00 02 05 61 01 01 00", "length out of bounds"},
        {"custom, not UTF-8", "00 02 01 ff", "malformed UTF-8 encoding"},
        {"custom between", "01 01 00 00 01 00 02 01 00 00 02 01 61", NULL},
    };

    (void)state;
    run_cases(cases, ARRAY_LEN(cases), (struct wasm_features){0});
}

#define TYPE_VOID "01 04 01 60 00 00 "

static void test_declarations_are_checked(void **state)
{
    static const struct decode_case cases[] = {
        {"types", "01 0a 02 60 00 00 60 02 7f 7e 01 7b", NULL},
        {"type form", "01 04 01 61 00 00", "malformed type"},
        {"type of a parameter", "01 05 01 60 01 6e 00", "malformed value type 0x6e"},
        {"type cut", "01 04 01 60 02 7f", "unexpected end"},
        {"import of each kind",
         TYPE_VOID "02 18 04 00 00 00 00  00 01 61 01 70 00 05  00 01 62 02 00 01  00 01 63 03 7f 01", NULL},
        {"import kind", TYPE_VOID "02 05 01 00 00 04 00", "malformed import kind 0x04"},
        {"import of an unknown type", TYPE_VOID "02 05 01 00 00 00 01", "unknown type 1"},
        {"import of two memories", "02 0b 02 00 00 02 00 01 00 00 02 00 01", "multiple memories"},
        {"import's name, not UTF-8", TYPE_VOID "02 06 01 00 01 80 00 00", "malformed UTF-8 encoding"},
        {"function", TYPE_VOID "03 02 01 00 0a 04 01 02 00 0b", NULL},
        {"function of an unknown type", TYPE_VOID "03 02 01 01 0a 04 01 02 00 0b", "unknown type 1"},
        {"function without code", TYPE_VOID "03 02 01 00", "inconsistent lengths"},
        {"function with code of none", TYPE_VOID "03 02 01 00 0a 01 00", "inconsistent lengths"},
        {"code without function", "0a 04 01 02 00 0b", "inconsistent lengths"},
        {"body longer than its section", TYPE_VOID "03 02 01 00 0a 04 01 03 00 0b 00 01 00", "length out of bounds"},
        {"body of nothing", TYPE_VOID "03 02 01 00 0a 02 01 00", "unexpected end"},
        {"tables", "04 07 02 70 00 01 6f 01 00 ", "unexpected end"},
        {"tables of both types", "04 08 02 70 00 01 6f 01 00 07", NULL},
        {"table's type", "04 04 01 7f 00 01", "malformed reference type 0x7f"},
        {"table's limits", "04 05 01 70 01 02 01", "size minimum must not be greater than maximum"},
        {"table that is too large", "04 07 01 70 00 81 ad e2 04", "10000001 elements, at most 10000000"},
        {"memory", "05 03 01 00 01", NULL},
        {"memory of 4 GiB", "05 05 01 00 80 80 04", NULL},
        {"memory beyond", "05 05 01 00 81 80 04", "memory size must be at most 65536 pages"},
        {"memory's maximum beyond", "05 06 01 01 00 81 80 04", "memory size must be at most 65536 pages"},
        {"two memories", "05 05 02 00 01 00 01", "multiple memories"},
        {"import and memory", "02 06 01 00 00 02 00 01 05 03 01 00 01", "multiple memories"},
        {"shared memory", "05 04 01 03 01 01", "shared memories are not in this build"},
        {"64-bit memory", "05 03 01 04 01", "64-bit memories"},
        {"limits flags", "05 03 01 08 01", "malformed limits flags 0x08"},
    };

    (void)state;
    run_cases(cases, ARRAY_LEN(cases), (struct wasm_features){0});
}

#define IMPORT_I32     "02 06 01 00 00 03 7f 00 "
#define IMPORT_MUTABLE "02 06 01 00 00 03 7f 01 "

static void test_constant_expressions_are_checked(void **state)
{
    static const struct decode_case cases[] = {
        {"i32", "06 06 01 7f 00 41 2a 0b", NULL},
        {"i64", "06 06 01 7e 01 42 7f 0b", NULL},
        {"f32", "06 09 01 7d 00 43 00 00 80 7f 0b", NULL},
        {"f64", "06 0d 01 7c 00 44 00 00 00 00 00 00 f0 7f 0b", NULL},
        {"v128", "06 16 01 7b 00 fd 0c 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 0b", NULL},
        {"another vector opcode", "06 16 01 7b 00 fd 0d 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 0b",
         "constant expression required"},
        {"null", "06 06 01 6f 00 d0 6f 0b", NULL},
        {"null of another type", "06 06 01 6f 00 d0 70 0b", "type mismatch"},
        {"ref.func of none", "06 06 01 70 00 d2 00 0b", "unknown function 0"},
        {"mutability", "06 06 01 7f 02 41 2a 0b", "malformed mutability"},
        {"type", "06 06 01 7f 00 42 2a 0b", "type mismatch: a constant expression wants i32, has i64"},
        {"nothing", "06 04 01 7f 00 0b", "unexpected end"},
        {"no value", "06 05 01 7f 00 0b 00", "type mismatch: a constant expression with 0 results"},
        {"two values", "06 08 01 7f 00 41 01 41 02 0b", "type mismatch: a constant expression with 2 results"},
        {"no end", "06 05 01 7f 00 41 2a", "unexpected end"},
        {"nop", "06 07 01 7f 00 01 41 2a 0b", "constant expression required"},
        {"imported global", IMPORT_I32 "06 06 01 7f 00 23 00 0b", NULL},
        {"mutable global", IMPORT_MUTABLE "06 06 01 7f 00 23 00 0b",
         "constant expression required: global 0 is mutable"},
        {"own global", "06 0b 02 7f 00 41 01 0b 7f 00 23 00 0b", "unknown global"},
        {"constant cut", "06 06 01 7d 00 43 00 0b", "length out of bounds"},
        {"over-long", "06 0b 01 7f 00 41 80 80 80 80 80 00 0b", "integer representation too long"},
        {"addition", "06 09 01 7f 00 41 01 41 02 6a 0b", "needs the feature extended-const, which is off"},
    };

    (void)state;
    run_cases(cases, ARRAY_LEN(cases), (struct wasm_features){0});
}

static void test_extended_constant_expressions_are_checked(void **state)
{
    static const struct decode_case cases[] = {
        {"i32", "06 0c 01 7f 00 41 01 41 02 6a 41 03 6c 0b", NULL},
        {"i64", "06 09 01 7e 00 42 01 42 02 7d 0b", NULL},
        {"global", IMPORT_I32 "06 09 01 7f 00 23 00 41 02 6b 0b", NULL},
        {"one operand", "06 07 01 7f 00 41 01 6a 0b", "type mismatch: i32.add"},
        {"mixed", "06 09 01 7f 00 42 01 41 02 6a 0b", "type mismatch: i32.add"},
        {"division", "06 09 01 7f 00 41 01 41 02 6d 0b", "constant expression required"},
    };

    (void)state;
    run_cases(cases, ARRAY_LEN(cases), (struct wasm_features){.extended_const = true});

    /* operands at once */
    for (unsigned n = WASM_CONST_DEPTH_MAX; n <= WASM_CONST_DEPTH_MAX + 1; n++) {
        struct bytes b = {0}, s = {0};
        put_header(&b);
        put_hex(&s, "01 7f 00");
        for (unsigned i = 0; i < n; i++)
            put_hex(&s, "41 01");
        for (unsigned i = 1; i < n; i++)
            put_hex(&s, "6a");
        put_hex(&s, "0b");
        put_part(&b, 6, &s);
        int r = decode(&b, (struct wasm_features){.extended_const = true});
        assert_int_equal(r, n > WASM_CONST_DEPTH_MAX ? -ENOTSUP : 0);
        bytes_free(&b);
        bytes_free(&s);
    }
}

#define FUNCTION "03 02 01 00 "
#define CODE     "0a 04 01 02 00 0b "

static void test_exports_start_and_segments_are_checked(void **state)
{
    static const struct decode_case cases[] = {
        {"exports", TYPE_VOID FUNCTION "05 03 01 00 01 07 09 02 01 61 00 00 01 62 02 00 " CODE, NULL},
        {"the same name twice", TYPE_VOID FUNCTION "05 03 01 00 01 07 09 02 01 61 00 00 01 61 02 00 " CODE,
         "duplicate export name 'a'"},
        {"export of no function", "07 05 01 01 61 00 00", "unknown function 0"},
        {"export of no table", "07 05 01 01 61 01 00", "unknown table 0"},
        {"export of no memory", "07 05 01 01 61 02 00", "unknown memory 0"},
        {"export of no global", "07 05 01 01 61 03 00", "unknown global 0"},
        {"export kind", "07 05 01 01 61 04 00", "malformed export kind"},
        {"start", TYPE_VOID FUNCTION "08 01 00 " CODE, NULL},
        {"start of none", TYPE_VOID FUNCTION "08 01 01 " CODE, "unknown function 1"},
        {"start with a result", "01 05 01 60 00 01 7f " FUNCTION "08 01 00 " CODE, "start function 0 has"},
        {"elements, 0", TYPE_VOID FUNCTION "04 04 01 70 00 01 09 07 01 00 41 00 0b 01 00 " CODE, NULL},
        {"elements, 1", TYPE_VOID FUNCTION "09 05 01 01 00 01 00 " CODE, NULL},
        {"elements, 2", TYPE_VOID FUNCTION "04 04 01 70 00 01 09 09 01 02 00 41 00 0b 00 01 00 " CODE, NULL},
        {"elements, 3", TYPE_VOID FUNCTION "09 05 01 03 00 01 00 " CODE, NULL},
        {"elements, 4", TYPE_VOID FUNCTION "04 04 01 70 00 01 09 09 01 04 41 00 0b 01 d2 00 0b " CODE, NULL},
        {"elements, 5", TYPE_VOID FUNCTION "09 07 01 05 70 01 d0 70 0b " CODE, NULL},
        {"elements, 6", "04 04 01 6f 00 01 09 0b 01 06 00 41 00 0b 6f 01 d0 6f 0b ", NULL},
        {"elements, 7", TYPE_VOID FUNCTION "09 07 01 07 70 01 d2 00 0b " CODE, NULL},
        {"elements, 8", "09 03 01 08 00", "unexpected end"},
        {"elements, 9", "09 04 01 09 00 00", "malformed elements segment kind 9"},
        {"element kind", "09 04 01 01 01 00", "malformed element kind 0x01"},
        {"elements of another type", "04 04 01 6f 00 01 09 06 01 00 41 00 0b 00", "type mismatch: elements of funcref"},
        {"elements without a table", "09 06 01 00 41 00 0b 00", "unknown table 0"},
        {"elements of no function", "09 05 01 01 00 01 00", "unknown function 0"},
        {"expression of another type", TYPE_VOID FUNCTION "09 07 01 05 6f 01 d2 00 0b " CODE, "type mismatch"},
        {"offset of another type", "04 04 01 70 00 01 09 06 01 00 42 00 0b 00", "type mismatch"},
        {"data", "05 03 01 00 01 0b 08 01 00 41 00 0b 02 68 69", NULL},
        {"data without a memory", "0b 07 01 00 41 00 0b 01 68", "unknown memory 0"},
        {"data for memory 1", "05 03 01 00 01 0b 08 01 02 01 41 00 0b 01 68", "unknown memory 1"},
        {"data for memory 0", "05 03 01 00 01 0b 08 01 02 00 41 00 0b 01 68", NULL},
        {"data, passive", "0b 05 01 01 02 68 69", NULL},
        {"data kind", "0b 04 01 03 01 68", "malformed data segment kind 3"},
        {"data of 4 GiB", "0b 08 01 01 ff ff ff ff 0f 68", "length out of bounds"},
        {"data count", "0c 01 01 0b 04 01 01 01 68", NULL},
        {"data count of another number", "0c 01 02 0b 04 01 01 01 68", "inconsistent lengths"},
        {"data count without data", "0c 01 01", "inconsistent lengths"},
    };

    (void)state;
    run_cases(cases, ARRAY_LEN(cases), (struct wasm_features){0});
}

static void check_spaces(const struct wasm_module *m)
{
    assert_int_equal(m->n_functions, 3);
    assert_int_equal(m->n_imported_functions, 1);
    assert_int_equal(wasm_function_type(m, 0)->n_params, 0);
    assert_int_equal(wasm_function_type(m, 1)->n_params, 1);
    assert_int_equal(wasm_function_type(m, 2)->n_results, 0);
    assert_int_equal(m->functions[0].size, 0);
    assert_int_equal(m->functions[1].size, 5);
    assert_memory_equal(m->bytes + m->functions[2].offset, "\0\x0b", 2);
    assert_int_equal(m->n_tables, 1);
    assert_true(m->tables[0].limits.has_max);
    assert_int_equal(m->n_memories, 1);
    assert_int_equal(m->memories[0].max, UINT32_MAX);
    assert_int_equal(m->n_globals, 2);
    assert_true(m->globals[1].type.mutable);
    assert_memory_equal(m->bytes + m->globals[1].init.offset, "\x23\0\x0b", 3);
    assert_int_equal(m->globals[1].init.size, 3);
    assert_int_equal(m->start, 2);
}

static void test_module_is_what_its_bytes_say(void **state)
{
    static const char sections[] = "01 08 02 60 00 00 60 01 7f 00 "                          /* types */
                                   "02 10 02 01 6d 01 66 00 00  02 6d 6d 02 67 67 03 7f 00 " /* function, global */
                                   "03 03 02 01 00 "
                                   "04 05 01 70 01 01 02 "
                                   "05 03 01 00 01 "
                                   "06 06 01 7f 01 23 00 0b "
                                   "07 0b 02 03 6f 6e 65 00 01 01 6d 02 00 "
                                   "08 01 02 "
                                   "09 07 01 00 41 01 0b 01 00 "
                                   "0c 01 01 "
                                   "0a 0a 02 05 00 20 00 1a 0b 02 00 0b "
                                   "0b 05 01 01 02 68 69 "
                                   "00 16 04 6e 61 6d 65 00 02 01 78 01 0b 02 00 02 69 6e 02 04 6c 61 73 74";
    struct bytes b = {0};

    (void)state;
    put_header(&b);
    put_hex(&b, sections);
    if (decode(&b, (struct wasm_features){0}) < 0)
        fail_msg("%s", err.text);
    check_spaces(module);
    assert_int_equal(module->n_imports, 2);
    assert_int_equal(module->imports[1].kind, WASM_KIND_GLOBAL);
    assert_int_equal(module->imports[1].module.len, 2);
    /* exported or in a segment: functions 0 and 1 */
    assert_int_equal(module->n_ref_slots, 2);
    assert_int_equal(module->ref_slot[1], 1);
    assert_int_equal(module->ref_slot[2], UINT32_MAX);
    assert_memory_equal(module->declared, "\1\1\0", 3);
    assert_int_equal(module->elems[0].functions[0], 0);
    assert_memory_equal(module->datas[0].bytes, "hi", 2);
    /* names */
    assert_int_equal(wasm_export_find(module, "one", 3)->index, 1);
    assert_int_equal(wasm_export_find(module, "m", 1)->kind, WASM_KIND_MEMORY);
    assert_null(wasm_export_find(module, "on", 2));
    assert_memory_equal(wasm_function_name(module, 0)->text, "in", 2);
    assert_null(wasm_function_name(module, 1));
    assert_int_equal(wasm_function_name(module, 2)->len, 4);
    bytes_free(&b);
}

static void test_every_cut_and_every_flip_ends_in_order(void **state)
{
    static const char sections[] =
        TYPE_VOID "02 05 01 00 00 00 00 " FUNCTION "04 04 01 70 00 01 05 03 01 00 01 06 06 01 7f 00 41 2a 0b "
                  "07 05 01 01 61 00 01 09 07 01 00 41 00 0b 01 01 0c 01 01 " CODE
                  "0b 04 01 01 01 68 00 0a 04 6e 61 6d 65 01 03 01 00 00";
    struct bytes b = {0};
    size_t accepted = 0;

    (void)state;
    put_header(&b);
    put_hex(&b, sections);
    size_t whole = b.n;
    assert_int_equal(decode(&b, (struct wasm_features){0}), 0);
    for (b.n = 0; b.n < whole; b.n++)
        accepted += !decode(&b, (struct wasm_features){0});
    assert_int_equal(accepted, 4); /* after the header, types, imports; and without the names */
    b.n = whole;
    for (size_t bit = 0; bit < whole * 8; bit++) {
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (decode(&b, (struct wasm_features){0}) < 0)
            assert_non_null(strstr(err.text, "at offset 0x"));
        b.p[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    bytes_free(&b);
}

static void test_malformed_names_are_no_error(void **state)
{
    static const struct {
        const char *label, *subsections;
        unsigned names;
    } cases[] = {
        {"none", "", 0},
        {"one", "01 04 01 00 01 61", 1},
        {"behind others", "00 02 01 6d 01 04 01 00 01 61", 1},
        {"of no function", "01 07 02 00 01 61 09 01 62", 1},
        {"twice", "01 07 02 00 01 61 00 01 62", 0},
        {"not UTF-8", "01 04 01 00 01 ff", 0},
        {"longer than the subsection", "01 04 01 00 05 61", 0},
        {"subsection longer than the section", "01 09 01 00 01 61", 0},
        {"bytes left", "01 05 01 00 01 61 00", 0},
        {"claims", "01 05 ff ff ff ff 0f", 0},
        {"over-long", "01 07 80 80 80 80 80 00 00", 0},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes b = {0}, s = {0};
        put_header(&b);
        put_hex(&b, TYPE_VOID FUNCTION CODE);
        put_hex(&s, "04 6e 61 6d 65");
        put_hex(&s, cases[i].subsections);
        put_part(&b, 0, &s);
        if (decode(&b, (struct wasm_features){0}) < 0 || module->n_names != cases[i].names)
            fail_msg("%s: %s", cases[i].label, err.text);
        bytes_free(&b);
        bytes_free(&s);
    }
}

/* ---- claims and sizes ------------------------------------------------------------------------------------------- */

static void test_vectors_claim_no_memory(void **state)
{
    static const char *const sections[] = {"01", "02", "03", "04", "05", "06", "07", "09", "0a", "0b"};

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(sections); i++) {
        struct bytes b = {0};
        put_header(&b);
        put_hex(&b, sections[i]);
        put_hex(&b, "05 ff ff ff ff 0f");
        if (decode(&b, (struct wasm_features){0}) != -EINVAL || !strstr(err.text, "length out of bounds"))
            fail_msg("section %s: %s", sections[i], err.text);
        assert_true(arena.used < 4096);
        bytes_free(&b);
    }
}

static void test_numbers_have_limits(void **state)
{
    static const struct {
        const char *label, *item;
        unsigned section, limit;
    } cases[] = {
        {"types", "60 00 00", 1, WASM_TYPES_MAX},
        {"imports", "00 00 03 7f 00", 2, WASM_IMPORTS_MAX},
        {"tables", "70 00 00", 4, WASM_TABLES_MAX},
        {"globals", "7f 00 41 00 0b", 6, WASM_GLOBALS_MAX},
        {"element segments", "01 00 00", 9, WASM_SEGMENTS_MAX},
        {"data segments", "01 00", 11, WASM_SEGMENTS_MAX},
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bytes b = {0}, s = {0}, item = {0};
        put_hex(&item, cases[i].item);
        for (unsigned more = 0; more < 2; more++) {
            b.n = 0;
            put_header(&b);
            put_u32(&s, cases[i].limit + more);
            for (unsigned k = 0; k < cases[i].limit + more; k++)
                put(&s, item.p, item.n);
            put_part(&b, (int)cases[i].section, &s);
            int r = decode(&b, (struct wasm_features){0});
            if (r != (more ? -ENOTSUP : 0) || (more && !strstr(err.text, cases[i].label)))
                fail_msg("%s, %u more: %d %s", cases[i].label, more, r, err.text);
        }
        bytes_free(&b);
        bytes_free(&s);
        bytes_free(&item);
    }
}

static void test_parameters_and_results_have_limits(void **state)
{
    (void)state;
    for (unsigned n = 1000; n <= 1001; n++) {
        for (unsigned results = 0; results < 2; results++) {
            struct bytes b = {0}, s = {0};
            put_header(&b);
            put_hex(&s, results ? "01 60 00" : "01 60");
            put_u32(&s, n);
            for (unsigned i = 0; i < n; i++)
                put_u8(&s, WASM_F32);
            if (!results)
                put_u8(&s, 0);
            put_part(&b, 1, &s);
            assert_int_equal(decode(&b, (struct wasm_features){0}), n > 1000 ? -ENOTSUP : 0);
            bytes_free(&b);
            bytes_free(&s);
        }
    }
}

/* Many names of one length and one beginning: sorted, not compared each with each. */
static void test_a_million_exports_are_told_apart(void **state)
{
    struct bytes b = {0}, s = {0};
    unsigned n = WASM_EXPORTS_MAX;
    char name[24];

    (void)state;
    put_header(&b);
    put_hex(&b, "05 03 01 00 01");
    put_u32(&s, n);
    for (unsigned i = 0; i < n; i++) {
        put_u8(&s, 16);
        put(&s, name, (size_t)snprintf(name, sizeof name, "export-%09u", i));
        put_hex(&s, "02 00");
    }
    put_part(&b, 7, &s);
    if (decode(&b, (struct wasm_features){0}) < 0)
        fail_msg("%s", err.text);
    assert_ptr_equal(wasm_export_find(module, "export-000777777", 16), &module->exports[777777]);
    memcpy(b.p + b.n - 4, "0000", 2); /* the last but one's digits: export-000990099 is there already */
    assert_int_equal(decode(&b, (struct wasm_features){0}), -EINVAL);
    assert_non_null(strstr(err.text, "duplicate export name"));
    bytes_free(&b);
    bytes_free(&s);
}

/* What takes most for its bytes: imports of functions and one function more. */
static void test_arena_size_is_enough(void **state)
{
    struct bytes b = {0}, s = {0};
    unsigned n = 100000;

    (void)state;
    put_header(&b);
    put_hex(&b, TYPE_VOID);
    put_u32(&s, n);
    for (unsigned i = 0; i < n; i++)
        put_hex(&s, "00 00 00 00");
    put_part(&b, 2, &s);
    put_hex(&b, FUNCTION CODE);
    if (decode(&b, (struct wasm_features){0}) < 0)
        fail_msg("%s", err.text);
    assert_int_equal(module->n_functions, n + 1);
    bytes_free(&b);
    bytes_free(&s);
}

static void test_a_full_arena_is_an_error(void **state)
{
    struct bytes b = {0};

    (void)state;
    put_header(&b);
    put_hex(&b, TYPE_VOID "02 05 01 00 00 00 00 " FUNCTION "07 05 01 01 61 00 01 09 05 01 01 00 01 01 " CODE);
    assert_int_equal(decode(&b, (struct wasm_features){0}), 0);
    size_t used = arena.used;
    for (size_t size = 0; size < used; size += 16) {
        arena.used = arena.size - size;
        int r = wasm_module_decode(b.p, b.n, &(struct wasm_features){0}, &arena, &module, &err);
        if (r != -ENOMEM)
            fail_msg("%zu bytes of %zu: %d", size, used, r);
    }
    bytes_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_header_is_checked),
        cmocka_unit_test(test_sections_keep_their_order_and_their_ends),
        cmocka_unit_test(test_declarations_are_checked),
        cmocka_unit_test(test_constant_expressions_are_checked),
        cmocka_unit_test(test_extended_constant_expressions_are_checked),
        cmocka_unit_test(test_exports_start_and_segments_are_checked),
        cmocka_unit_test(test_module_is_what_its_bytes_say),
        cmocka_unit_test(test_every_cut_and_every_flip_ends_in_order),
        cmocka_unit_test(test_malformed_names_are_no_error),
        cmocka_unit_test(test_vectors_claim_no_memory),
        cmocka_unit_test(test_numbers_have_limits),
        cmocka_unit_test(test_parameters_and_results_have_limits),
        cmocka_unit_test(test_a_million_exports_are_told_apart),
        cmocka_unit_test(test_arena_size_is_enough),
        cmocka_unit_test(test_a_full_arena_is_an_error),
    };
    return cmocka_run_group_tests_name("wasm_decode", tests, NULL, teardown);
}
