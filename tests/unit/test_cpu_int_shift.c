/* SPDX-License-Identifier: Apache-2.0 */
/* Shifts and rotations: each with every count, by one, an immediate and cl, together with the host's processor. */
#include "cpu_host.h"

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <setjmp.h>

#include <cmocka.h>

static const unsigned sizes[] = {1, 2, 4, 8};
static const char *const names[] = {"rol", "ror", "rcl", "rcr", "shl", "shr", "shl (6)", "sar"};

static void put_memory(struct pair *p, uint64_t v)
{
    memcpy(p->data + 0x30 + 2 * 0x20 + 0x10, &v, 8);
}

/* What the manual leaves open: A after a shift; O after more than one step; C of a shift by more than the width. */
static uint32_t ignored(unsigned digit, unsigned size, unsigned count)
{
    uint32_t open = 0;

    count &= size == 8 ? 63 : 31;
    if (count == 0)
        return 0;
    if (digit >= 4)
        open |= FLAG_A;
    if (count != 1)
        open |= FLAG_O;
    if (digit >= 4 && count >= 8 * size)
        open |= FLAG_C;
    return open;
}

static void values(struct pair *p, unsigned count, uint32_t skip_flags, const char *label)
{
    for (unsigned i = 0; i < edges_count; i++)
        for (unsigned flags = 0; flags < 2; flags++) {
            pair_fill(p);
            p->in.flags = flags ? FLAGS_SIX : 0;
            p->in.gpr[GPR_CX] = (p->in.gpr[GPR_CX] & ~UINT64_C(0xff)) | count;
            p->in.gpr[11] = edges[i];
            p->in.gpr[GPR_DX] = edges[(i + count) % edges_count];
            put_memory(p, edges[i]);
            pair_compare(p, skip_flags, label);
        }
}

static void test_by_one(void **state)
{
    struct pair *p = pair_make();

    for (unsigned digit = 0; digit < 8; digit++)
        for (unsigned s = 0; s < 4; s++) {
            pair_code(p, encode(sizes[s], 0xd0 + (s > 0), digit, 11));
            values(p, 0, ignored(digit, sizes[s], 1), names[digit]);
            pair_code(p, encode(sizes[s], 0xd0 + (s > 0), digit, ENCODE_MEMORY));
            values(p, 0, ignored(digit, sizes[s], 1), names[digit]);
        }
    pair_free(p);
}

static void test_by_immediate(void **state)
{
    struct pair *p = pair_make();

    for (unsigned digit = 0; digit < 8; digit++)
        for (unsigned s = 0; s < 4; s++)
            for (unsigned count = 0; count < 70; count++) {
                pair_code(p, encode_imm(sizes[s], 0xc0 + (s > 0), digit, count & 1 ? 11 : ENCODE_MEMORY, 1, count));
                values(p, 0, ignored(digit, sizes[s], count), names[digit]);
                pair_code(p, encode_imm(sizes[s], 0xc0 + (s > 0), digit, count & 1 ? ENCODE_MEMORY : 11, 1, count));
                values(p, 0, ignored(digit, sizes[s], count), names[digit]);
            }
    pair_free(p);
}

static void test_by_cl(void **state)
{
    struct pair *p = pair_make();

    for (unsigned digit = 0; digit < 8; digit++)
        for (unsigned s = 0; s < 4; s++)
            for (unsigned m = 0; m < 2; m++) {
                pair_code(p, encode(sizes[s], 0xd2 + (s > 0), digit, m ? ENCODE_MEMORY : 11));
                for (unsigned count = 0; count < 70; count++)
                    values(p, count, ignored(digit, sizes[s], count), names[digit]);
            }
    assert_true(p->compared > 100000);
    pair_free(p);
}

/* cl shifted by itself. */
static void test_cl_by_cl(void **state)
{
    struct pair *p = pair_make();

    for (unsigned digit = 0; digit < 8; digit++)
        for (unsigned s = 0; s < 4; s++) {
            pair_code(p, encode(sizes[s], 0xd2 + (s > 0), digit, GPR_CX));
            for (unsigned count = 0; count < 256; count++)
                values(p, count, ignored(digit, sizes[s], count), names[digit]);
        }
    pair_free(p);
}

static void test_double(void **state)
{
    struct pair *p = pair_make();

    for (unsigned right = 0; right < 2; right++)
        for (unsigned s = 1; s < 4; s++)
            for (unsigned m = 0; m < 2; m++)
                for (unsigned count = 0; count < 70; count++) {
                    unsigned opcode = right ? 0x0fac : 0x0fa4, n = count & (sizes[s] == 8 ? 63 : 31);
                    uint32_t open = n == 0 ? 0 : FLAG_A | (n != 1 ? FLAG_O : 0);

                    if (sizes[s] == 2 && n > 16) /* all of it is open; ours is as processors mostly are */
                        continue;
                    pair_code(p, encode_imm(sizes[s], opcode, GPR_DX, m ? ENCODE_MEMORY : 11, 1, count));
                    values(p, 0, open, "double by immediate");
                    pair_code(p, encode(sizes[s], opcode + 1, GPR_DX, m ? ENCODE_MEMORY : 11));
                    values(p, count, open, "double by cl");
                }
    pair_free(p);
}

static void test_count_zero_reads_memory_and_keeps_flags(void **state)
{
    static const uint8_t code[] = {0xc1, 0x23, 0x20}; /* shl dword [rbx], 32 */
    struct board *b = board_make(BOARD_64);
    struct cpu *cpu = b->cpu;

    board_code(b, code, sizeof code);
    board_write64(b, BOARD_DATA, 0x12345678);
    cpu->gpr[GPR_BX] = BOARD_DATA;
    flags_set(&cpu->flags, FLAGS_SIX);
    board_run(b, 1);
    assert_int_equal(board_read64(b, BOARD_DATA), 0x12345678);
    assert_int_equal(flags_get(&cpu->flags), FLAGS_SIX);
    board_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_by_one), cmocka_unit_test(test_by_immediate),
        cmocka_unit_test(test_by_cl),  cmocka_unit_test(test_cl_by_cl),
        cmocka_unit_test(test_double), cmocka_unit_test(test_count_zero_reads_memory_and_keeps_flags),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
