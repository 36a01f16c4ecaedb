/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The compiler writes no more for an instruction than it has asked room for. Code that is long for its bytes (a local
 * that stands on the operand stack many times and is then written) is put at every offset in the buffer: whoever writes
 * over is found out there (-EOVERFLOW).
 */
#include "wasm/baseline/compile.h"
#include "wasm_build.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

#include <cmocka.h>

enum { HOT = 9, PAD = 40, X = HOT + PAD, Y, WIDE, LOCALS };

/* Nine locals that take the registers, values beside them, and 32 times X below a write of it. */
static void put_unit(struct bytes *b)
{
    for (unsigned i = 0; i < 12; i++) {
        put_hex(b, "20");
        put_u32(b, WIDE);
        put_hex(b, "fc 05 1a"); /* i64.trunc_sat_f32_u, drop */
    }
    put_hex(b, "02 40");
    for (unsigned i = 0; i < 5; i++) {
        put_hex(b, "20");
        put_u32(b, i);
        put_hex(b, "41 cd 00 6a");
    }
    for (unsigned i = 0; i < 32; i++) {
        put_hex(b, "20");
        put_u32(b, X);
    }
    put_hex(b, "20");
    put_u32(b, Y);
    put_hex(b, "21");
    put_u32(b, X);
    put_hex(b, "0c 00 0b");
}

static void make(struct bytes *b, unsigned pad)
{
    struct bytes body = {0}, section = {0};

    put_hex(&body, "02");
    put_u32(&body, WIDE);
    put_hex(&body, "7f 01 7d 03 40 03 40 03 40");
    for (unsigned i = 0; i < HOT; i++) {
        put_hex(&body, "20");
        put_u32(&body, i);
        put_hex(&body, "41 01 6a 21");
        put_u32(&body, i);
    }
    put_hex(&body, "0b 0b 0b");
    for (unsigned i = 0; i < pad; i++) { /* some bytes of code each */
        put_hex(&body, "41 01 21");
        put_u32(&body, HOT + i % PAD);
    }
    for (unsigned i = 0; i < 60; i++)
        put_unit(&body);
    put_hex(&body, "0b");
    put_hex(b, "00 61 73 6d 01 00 00 00 01 04 01 60 00 00 03 02 01 00");
    put_u32(&section, 1);
    put_part(&section, -1, &body);
    put_part(b, 10, &section);
    free(body.p);
    free(section.p);
}

static void compile_all(bool plain_cpu)
{
    for (unsigned pad = 0; pad < 80; pad++) {
        struct wasm_compile_options o = {.plain_cpu = plain_cpu};
        struct wasm_code *code = NULL;
        struct wasm_module *m;
        struct bytes b = {0};
        struct err err = {0};
        struct arena a;

        make(&b, pad);
        assert_int_equal(arena_init(&a, wasm_module_arena_size(b.n)), 0);
        if (wasm_module_decode(b.p, b.n, &o.features, &a, &m, &err) < 0 || wasm_compile(m, &o, &code, &err) < 0)
            fail_msg("padding %u: %s", pad, err.text);
        wasm_code_free(code);
        arena_free(&a);
        free(b.p);
    }
}

static void test_local_under_many_uses_stays_within_its_room(void **state)
{
    (void)state;
    compile_all(false);
}

static void test_local_under_many_uses_stays_within_its_room_on_a_plain_cpu(void **state)
{
    (void)state;
    compile_all(true);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_local_under_many_uses_stays_within_its_room),
        cmocka_unit_test(test_local_under_many_uses_stays_within_its_room_on_a_plain_cpu),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
