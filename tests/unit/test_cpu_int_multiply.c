/* SPDX-License-Identifier: Apache-2.0 */
/* Multiplication and division, quotients that do not fit among them, together with the host's processor. */
#include "cpu_host.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static const unsigned sizes[] = {1, 2, 4, 8};
enum { OPEN = FLAG_S | FLAG_Z | FLAG_A | FLAG_P };

static void put_memory(struct pair *p, uint64_t v)
{
    memcpy(p->data + 0x30 + 2 * 0x20 + 0x10, &v, 8);
}

/* All of: what is multiplied, by what; dx besides. Returns how many were #DE. */
static unsigned long values(struct pair *p, uint32_t skip_flags, const char *label)
{
    unsigned long errors = 0;

    for (unsigned i = 0; i < edges_count; i++)
        for (unsigned j = 0; j < edges_count; j++)
            for (unsigned k = 0; k < 4; k++) {
                pair_fill(p);
                p->in.flags = k & 1 ? FLAGS_SIX : 0;
                p->in.gpr[GPR_AX] = edges[i];
                p->in.gpr[GPR_DX] = k == 0   ? 0
                                    : k == 1 ? ~UINT64_C(0)
                                    : k == 2 ? edges[(i * 7 + j) % edges_count]
                                             : edges[j] >> 1;
                p->in.gpr[11] = edges[j];
                put_memory(p, edges[j]);
                errors += pair_compare(p, skip_flags, label) == VECTOR_DE;
            }
    return errors;
}

static void test_one_operand(void **state)
{
    static const char *const names[] = {"mul", "imul", "div", "idiv"};
    struct pair *p = pair_make();

    for (unsigned digit = 4; digit < 8; digit++)
        for (unsigned s = 0; s < 4; s++)
            for (unsigned m = 0; m < 2; m++) {
                uint32_t open = digit < 6 ? OPEN : FLAGS_SIX;
                unsigned long errors;

                pair_code(p, encode(sizes[s], 0xf6 + (s > 0), digit, m ? ENCODE_MEMORY : 11));
                errors = values(p, open, names[digit - 4]);
                assert_true(digit < 6 ? errors == 0 : errors > 0);
            }
    pair_free(p);
}

static void test_high_byte(void **state)
{
    struct pair *p = pair_make();

    for (unsigned digit = 4; digit < 8; digit++) {
        pair_code(p, encode(1, 0xf6, digit, ENCODE_AH + 0));
        values(p, digit < 6 ? OPEN : FLAGS_SIX, "by ah");
        pair_code(p, encode(1, 0xf6, digit, ENCODE_AH + 2));
        values(p, digit < 6 ? OPEN : FLAGS_SIX, "by dh");
    }
    pair_free(p);
}

/* Quotients at the edge of what fits. */
static void test_division_near_overflow(void **state)
{
    struct pair *p = pair_make();

    for (unsigned s = 0; s < 4; s++)
        for (unsigned digit = 6; digit < 8; digit++) {
            unsigned bits = 8 * sizes[s];
            pair_code(p, encode(sizes[s], 0xf6 + (s > 0), digit, 11));
            for (unsigned n = 0; n < 4000; n++) {
                unsigned __int128 product;
                uint64_t divisor = pair_random() >> (pair_random() % 64), top = UINT64_C(1) << (bits - 1);
                int64_t off = (int64_t)(pair_random() % 5) - 2;

                divisor = flags_extend(divisor, bits);
                product = digit == 7
                              ? (unsigned __int128)((__int128)(int64_t)divisor * (int64_t)flags_extend(top, bits))
                              : (unsigned __int128)(bits == 64 ? divisor : divisor & (2 * top - 1)) << bits;
                if (n & 1 && digit == 7)
                    product = -product;
                product += (unsigned __int128)(__int128)off;
                pair_fill(p);
                p->in.gpr[11] = divisor;
                p->in.gpr[GPR_AX] = (uint64_t)product;
                p->in.gpr[GPR_DX] = (uint64_t)(product >> bits);
                pair_compare(p, FLAGS_SIX, "near overflow");
            }
        }
    pair_free(p);
}

static void test_two_and_three_operands(void **state)
{
    struct pair *p = pair_make();

    for (unsigned s = 1; s < 4; s++)
        for (unsigned m = 0; m < 2; m++) {
            unsigned rm = m ? ENCODE_MEMORY : 11, wide = sizes[s] == 8 ? 4 : sizes[s];

            pair_code(p, encode(sizes[s], 0x0faf, GPR_AX, rm));
            values(p, OPEN, "imul 2");
            for (unsigned k = 0; k < edges_count; k++) {
                pair_code(p, encode_imm(sizes[s], 0x69, 9, rm, wide, edges[k]));
                values(p, OPEN, "imul 3");
            }
            pair_code(p, encode_imm(sizes[s], 0x6b, GPR_AX, rm, 1, 0x80));
            values(p, OPEN, "imul 3, byte");
            pair_code(p, encode_imm(sizes[s], 0x6b, 11, rm, 1, 0x7f));
            values(p, OPEN, "imul 3, byte, same");
        }
    pair_free(p);
}

static void test_division_error_leaves_everything(void **state)
{
    static const uint8_t code[] = {0x48, 0xf7, 0xf3}; /* div rbx */
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    board_code(b, code, sizeof code);
    cpu->gpr[GPR_AX] = 7;
    cpu->gpr[GPR_DX] = 9;
    cpu->gpr[GPR_BX] = 9;
    flags_set(&cpu->flags, FLAG_C);
    cpu_run(cpu, 1);
    assert_int_equal(cpu->gpr[GPR_AX], 7);
    assert_int_equal(cpu->gpr[GPR_DX], 9);
    assert_int_equal(flags_get(&cpu->flags), FLAG_C);
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_one_operand),
        cmocka_unit_test(test_high_byte),
        cmocka_unit_test(test_division_near_overflow),
        cmocka_unit_test(test_two_and_three_operands),
        cmocka_unit_test(test_division_error_leaves_everything),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
