/* SPDX-License-Identifier: Apache-2.0 */
/* Compare-and-exchange and its like together with the host's processor; decimal arithmetic, which it does not have in
 * 64-bit mode, against what the manual says, step by step. */
#include "cpu_host.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static const unsigned sizes[] = {1, 2, 4, 8};

/* Half of them equal to the accumulator. */
static void values(struct pair *p, const char *label)
{
    for (unsigned i = 0; i < edges_count; i++)
        for (unsigned j = 0; j < edges_count; j++) {
            uint64_t v = (i + j) & 1 ? edges[i] : edges[j];

            pair_fill(p);
            p->in.flags = i & 1 ? FLAGS_SIX : 0;
            p->in.gpr[GPR_AX] = edges[i];
            p->in.gpr[11] = v;
            memcpy(p->data + 0x30 + 2 * 0x20 + 0x10, &v, 8);
            pair_compare(p, 0, label);
        }
}

static struct code locked(struct code c)
{
    memmove(c.bytes + 1, c.bytes, c.n++);
    c.bytes[0] = 0xf0;
    return c;
}

static void test_cmpxchg_and_xadd(void **state)
{
    struct pair *p = pair_make();

    for (unsigned k = 0; k < 2; k++)
        for (unsigned s = 0; s < 4; s++) {
            unsigned opcode = (k ? 0x0fc0 : 0x0fb0) + (s > 0);

            pair_code(p, encode(sizes[s], opcode, 9, 11));
            values(p, "registers");
            pair_code(p, encode(sizes[s], opcode, 11, 11));
            values(p, "one register");
            pair_code(p, encode(sizes[s], opcode, 9, GPR_AX));
            values(p, "the accumulator");
            pair_code(p, encode(sizes[s], opcode, GPR_AX, 11));
            values(p, "from the accumulator");
            pair_code(p, encode(sizes[s], opcode, 9, ENCODE_MEMORY));
            values(p, "memory");
            pair_code(p, locked(encode(sizes[s], opcode, 9, ENCODE_MEMORY)));
            values(p, "locked");
        }
    pair_code(p, encode(1, 0x0fb0, ENCODE_AH + 1, ENCODE_AH + 0)); /* cmpxchg ah, ch */
    values(p, "cmpxchg ah");
    pair_free(p);
}

static void test_cmpxchg8b_and_16b(void **state)
{
    struct pair *p = pair_make();

    for (unsigned wide = 0; wide < 2; wide++)
        for (unsigned lock = 0; lock < 2; lock++) {
            struct code c = {.bytes = {0x48, 0x0f, 0xc7, 0x0e}, .n = 4}; /* [rsi] */

            if (!wide)
                memmove(c.bytes, c.bytes + 1, c.n--);
            pair_code(p, lock ? locked(c) : c);
            for (unsigned i = 0; i < 400; i++) {
                uint64_t low = pair_random(), high = pair_random();

                pair_fill(p);
                p->in.flags = i & 1 ? FLAGS_SIX : 0;
                p->in.gpr[GPR_SI] = HOST_DATA + (wide ? 32 : 29);
                if (i & 2) {
                    p->in.gpr[GPR_AX] = wide ? low : (low & 0xffffffff) | high << 32;
                    p->in.gpr[GPR_DX] = wide ? high : low >> 32 | high << 32;
                }
                memcpy(p->data + (wide ? 32 : 29), &low, 8);
                if (wide)
                    memcpy(p->data + 40, &high, 8);
                pair_compare(p, 0, "cmpxchg8b, 16b");
            }
        }
    pair_free(p);
}

static void test_cmpxchg16b_wants_alignment(void **state)
{
    static const uint8_t code[] = {0x48, 0x0f, 0xc7, 0x0e};
    struct board *b = board_make(BOARD_64);

    board_catch(b);
    board_code(b, code, sizeof code);
    b->cpu->gpr[GPR_SI] = BOARD_DATA + 8;
    assert_int_equal(board_run_caught(b, 2).vector, VECTOR_GP);
    board_free(b);
}

static void test_flags_set_and_cleared(void **state)
{
    static const uint8_t opcodes[] = {0xf5, 0xf8, 0xf9, 0xfc, 0xfd};
    struct pair *p = pair_make();

    for (unsigned k = 0; k < sizeof opcodes; k++) {
        pair_code(p, (struct code){.bytes = {opcodes[k]}, .n = 1});
        for (unsigned flags = 0; flags < 128; flags++) {
            pair_fill(p);
            p->in.flags = (flags & 1 ? FLAG_C : 0) | (flags & 2 ? FLAG_P : 0) | (flags & 4 ? FLAG_A : 0) |
                          (flags & 8 ? FLAG_Z : 0) | (flags & 16 ? FLAG_S : 0) | (flags & 32 ? FLAG_O : 0) |
                          (flags & 64 ? FLAG_D : 0);
            pair_compare(p, 0, "flags");
        }
    }
    pair_free(p);
}

/* ---- Decimal: the manual's operation, with ax and the two flags
 * ------------------------------------------------------ */

struct decimal {
    uint16_t ax;
    bool c, a;
};

static void add_al(struct decimal *d, int n)
{
    d->ax = (uint16_t)((d->ax & 0xff00) | ((d->ax + n) & 0xff));
}

static void daa_das(struct decimal *d, bool subtract)
{
    uint8_t al = (uint8_t)d->ax;
    bool c = d->c;

    d->c = false;
    if ((al & 15) > 9 || d->a) {
        add_al(d, subtract ? -6 : 6);
        d->c = c || (subtract ? al < 6 : al + 6 > 255);
        d->a = true;
    } else {
        d->a = false;
    }
    if (al > 0x99 || c) {
        add_al(d, subtract ? -0x60 : 0x60);
        d->c = true;
    } else if (!subtract) {
        d->c = false;
    }
}

static void aaa_aas(struct decimal *d, bool subtract)
{
    if ((d->ax & 15) > 9 || d->a) {
        d->ax = (uint16_t)(subtract ? d->ax - 6 - 0x100 : d->ax + 0x106);
        d->a = d->c = true;
    } else {
        d->a = d->c = false;
    }
    d->ax &= 0xff0f;
}

static void test_decimal_adjustments(void **state)
{
    static const uint8_t opcodes[] = {0x27, 0x2f, 0x37, 0x3f};
    struct board *b = board_make(BOARD_32);
    struct cpu *cpu = b->cpu;

    for (unsigned k = 0; k < 4; k++) {
        board_code(b, &opcodes[k], 1);
        for (unsigned ax = 0; ax < 0x10000; ax += ax < 0x300 || ax >= 0xfd00 ? 1 : 0x3f)
            for (unsigned f = 0; f < 4; f++) {
                struct decimal d = {.ax = (uint16_t)ax, .c = f & 1, .a = f & 2};

                cpu->rip = BOARD_CODE;
                cpu->gpr[GPR_AX] = 0xabcd0000 | ax;
                flags_set(&cpu->flags, (d.c ? FLAG_C : 0) | (d.a ? FLAG_A : 0));
                board_run(b, 1);
                (k < 2 ? daa_das : aaa_aas)(&d, k & 1);
                assert_int_equal(cpu->gpr[GPR_AX], 0xabcd0000 | d.ax);
                assert_int_equal(flags_c(&cpu->flags), d.c);
                assert_int_equal(flags_a(&cpu->flags), d.a);
                if (k < 2) {
                    assert_int_equal(flags_z(&cpu->flags), (d.ax & 0xff) == 0);
                    assert_int_equal(flags_s(&cpu->flags), d.ax >> 7 & 1);
                    assert_int_equal(flags_p(&cpu->flags), !__builtin_parity(d.ax & 0xff));
                }
            }
    }
    board_free(b);
}

static void test_decimal_multiplication_and_division(void **state)
{
    static const uint8_t bases[] = {10, 1, 2, 16, 255};
    struct board *b = board_make(BOARD_32);
    struct cpu *cpu = b->cpu;

    for (unsigned k = 0; k < sizeof bases; k++)
        for (unsigned ax = 0; ax < 0x10000; ax += 37) {
            const uint8_t aam[] = {0xd4, bases[k]}, aad[] = {0xd5, bases[k]};
            unsigned al = ax & 0xff, ah = ax >> 8, back = (al + ah * bases[k]) & 0xff;

            board_code(b, aam, 2);
            cpu->gpr[GPR_AX] = ax;
            board_run(b, 1);
            assert_int_equal(cpu->gpr[GPR_AX], al / bases[k] << 8 | al % bases[k]);
            assert_int_equal(flags_z(&cpu->flags), al % bases[k] == 0);
            board_code(b, aad, 2);
            cpu->gpr[GPR_AX] = ax;
            board_run(b, 1);
            assert_int_equal(cpu->gpr[GPR_AX], back);
            assert_int_equal(flags_s(&cpu->flags), back >> 7);
        }
    board_free(b);
}

/* ---- Exceptions
 * -------------------------------------------------------------------------------------------------------- */

static void test_exceptions(void **state)
{
    static const struct {
        uint8_t bytes[4];
        uint64_t ax;
        int vector;
    } rows[] = {
        {{0xd4, 0}, 0x1234, VECTOR_DE}, /* aam 0 */
        {{0x62, 0x03}, 9, VECTOR_BR},   /* bound eax, [ebx] */
        {{0x62, 0x03}, 21, VECTOR_BR},
        {{0x66, 0x62, 0x03}, 0xffff0014, -1}, /* of 16 bits: 10, 0 in memory */
        {{0x62, 0x03}, 10, -1},
        {{0x62, 0x03}, 20, -1},
        {{0x62, 0x03}, UINT32_C(0xfffffff0), VECTOR_BR},
    };
    struct board *b = board_make(BOARD_32);
    struct cpu *cpu = b->cpu;

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++) {
        board_mode(b, BOARD_32);
        board_catch(b);
        board_code(b, rows[i].bytes, 4);
        board_write64(b, BOARD_DATA, UINT64_C(0x000000140000000a)); /* 10, 20 */
        if (rows[i].bytes[0] == 0x66)
            board_write64(b, BOARD_DATA, 0x0014000a);
        cpu->gpr[GPR_BX] = BOARD_DATA;
        cpu->gpr[GPR_AX] = rows[i].ax;
        if (rows[i].vector < 0)
            board_run(b, 1);
        else
            assert_int_equal(board_run_caught(b, 2).vector, rows[i].vector);
        assert_int_equal(cpu->gpr[GPR_AX], rows[i].ax);
    }
    board_free(b);
}

static void test_salc_and_random(void **state)
{
    static const uint8_t salc[] = {0xd6}, random[] = {0x0f, 0xc7, 0xf1}; /* rdrand ecx */
    struct board *b = board_make(BOARD_32);

    for (unsigned c = 0; c < 2; c++) {
        board_code(b, salc, 1);
        b->cpu->gpr[GPR_AX] = 0x1255;
        flags_set(&b->cpu->flags, c ? FLAG_C : 0);
        board_run(b, 1);
        assert_int_equal(b->cpu->gpr[GPR_AX], c ? 0x12ff : 0x1200);
    }
    board_code(b, random, sizeof random);
    flags_set(&b->cpu->flags, FLAGS_SIX & ~FLAG_C);
    board_run(b, 1);
    assert_int_equal(b->cpu->gpr[GPR_CX], 0x89abcdef);
    assert_int_equal(flags_get(&b->cpu->flags), FLAG_C);
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cmpxchg_and_xadd),
        cmocka_unit_test(test_cmpxchg8b_and_16b),
        cmocka_unit_test(test_cmpxchg16b_wants_alignment),
        cmocka_unit_test(test_flags_set_and_cleared),
        cmocka_unit_test(test_decimal_adjustments),
        cmocka_unit_test(test_decimal_multiplication_and_division),
        cmocka_unit_test(test_exceptions),
        cmocka_unit_test(test_salc_and_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
