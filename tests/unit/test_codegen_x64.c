/* SPDX-License-Identifier: Apache-2.0 */
/* codegen/x64.h, integers: each row of x64_int.def with all registers and kinds of address, read back by Zydis. */
#include "x64_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define B (&x64_test)

struct row {
    const char *name, *mnemonic;
    uint32_t form, flags;
};

#define ROW2(name, mnemonic, pp, map, opcode, flags)        {#name, mnemonic, X64_##name, flags},
#define ROW3(name, mnemonic, pp, map, opcode, digit, flags) {#name, mnemonic, X64_##name, flags},
#define ROW0(name, mnemonic, pp, map, opcode, digit)        {#name, mnemonic, X64_##name, 0},

static const struct row int_rows[] = {
#define INT ROW2
#include "codegen/x64_int.def"
};
static const struct row store_rows[] = {
#define INT_STORE ROW2
#include "codegen/x64_int.def"
};
static const struct row one_rows[] = {
#define ONE ROW3
#include "codegen/x64_int.def"
};
static const struct row bmi_count_rows[] = {
#define BMI_COUNT ROW0
#include "codegen/x64_int.def"
};
static const struct row bmi_rows[] = {
#define BMI ROW0
#include "codegen/x64_int.def"
};
static const struct row bmi_one_rows[] = {
#define BMI_ONE ROW0
#include "codegen/x64_int.def"
};
static const struct {
    const char *name, *mnemonic;
    enum x64_bare op;
} bare_rows[] = {
#define BARE(name, mnemonic, bytes) {#name, mnemonic, X64_##name},
#include "codegen/x64_int.def"
};

#define EACH_ROW(rows)     for (const struct row *r = (rows); r < (rows) + sizeof(rows) / sizeof((rows)[0]); r++)
#define EACH_WIDTH         for (enum x64_width w = X64_W8; w <= X64_W64; w++)
#define EACH_REG(name)     for (unsigned name = 0; name < 16; name++)
#define EACH_MEM(m)        for (const struct x64_mem *m = mem_cases; m < mem_cases + mem_cases_count; m++)
#define PAIRS_OF(to, from) EACH_REG(to) EACH_REG(from)

/* Widths that the instruction has. */
static bool has_width(const struct row *r, enum x64_width w)
{
    if (r->flags & X64_F_RM32)
        return w == X64_W64;
    if (r->flags & X64_F_RM16)
        return w >= X64_W32;
    if (r->form == X64_MOVNTI || (r->flags & X64_F_REG))
        return w >= X64_W32;
    return w != X64_W8 || (r->flags & X64_F_BYTE);
}

static enum x64_width source_width(const struct row *r, enum x64_width w)
{
    return r->flags & X64_F_RM8 ? X64_W8 : r->flags & X64_F_RM16 ? X64_W16 : r->flags & X64_F_RM32 ? X64_W32 : w;
}

static void test_int_rr_every_register(void **state)
{
    EACH_ROW(int_rows)
    {
        EACH_WIDTH
        {
            if (!has_width(r, w) || (r->flags & X64_F_MEM))
                continue;
            PAIRS_OF(to, from)
            {
                struct operand first = reg_operand(w, to), second = reg_operand(source_width(r, w), from);

                x64_rr(B, (enum x64_int)r->form, w, to, from);
                if (r->flags & X64_F_SYM)
                    EXPECT(B, r->name, r->mnemonic, second, first);
                else
                    EXPECT(B, r->name, r->mnemonic, first, second);
            }
        }
    }
}

static void test_int_rm_every_address(void **state)
{
    EACH_ROW(int_rows)
    {
        EACH_WIDTH
        {
            if (!has_width(r, w))
                continue;
            EACH_MEM(m)
            {
                unsigned to = (unsigned)(m - mem_cases) & 15;
                struct operand first = reg_operand(w, to);
                struct operand second = mem_operand(r->form == X64_LEA ? 0 : width_bits(source_width(r, w)), *m);

                if (r->form == X64_LEA && m->segment)
                    continue;
                x64_rm(B, (enum x64_int)r->form, w, to, *m);
                if (r->flags & X64_F_SYM)
                    EXPECT(B, r->name, r->mnemonic, second, first);
                else
                    EXPECT(B, r->name, r->mnemonic, first, second);
            }
        }
    }
}

static void test_int_mr_every_address(void **state)
{
    EACH_ROW(int_rows)
    {
        EACH_WIDTH
        {
            if (!has_width(r, w) || !(r->flags & (X64_F_DIR | X64_F_SYM)))
                continue;
            EACH_MEM(m)
            {
                unsigned from = (unsigned)(m - mem_cases) & 15;

                x64_mr(B, (enum x64_int)r->form, w, *m, from);
                EXPECT(B, r->name, r->mnemonic, mem_operand(width_bits(w), *m), reg_operand(w, from));
            }
        }
    }
}

/* Every base with every index, scale and length of displacement, once. */
static void test_address_every_combination(void **state)
{
    static const int32_t disps[] = {0, 1, -128, 127, -129, 128, INT32_MIN};

    EACH_REG(base)
    {
        EACH_REG(index)
        {
            for (unsigned i = 0; i < 4 * sizeof(disps) / sizeof(disps[0]); i++) {
                struct x64_mem m = x64_at_index(base, index == X64_RSP ? X64_NONE : index, i & 3, disps[i >> 2]);

                if (m.index == X64_NONE)
                    m.scale = 0;
                x64_rm(B, X64_MOV, X64_W64, X64_RAX, m);
                EXPECT(B, "MOV", "mov", reg_operand(X64_W64, X64_RAX), mem_operand(64, m));
                x64_mr(B, X64_MOV, X64_W8, x64_in(X64_GS, m), X64_RDI);
                EXPECT(B, "MOV", "mov", mem_operand(8, x64_in(X64_GS, m)), reg_operand(X64_W8, X64_RDI));
            }
        }
    }
}

static const int32_t imm_cases[] = {0, 1, -1, 127, -128, 128, -129, 0x1234, 0x7fff, INT32_MAX, INT32_MIN};
#define EACH_IMM(imm)                                                                                                  \
    for (unsigned i = 0, imm_ok = 1; imm_ok && i < sizeof(imm_cases) / sizeof(imm_cases[0]); i++)                      \
        for (int32_t imm = imm_cases[i], once = 1; once; once = 0)

/* What of an immediate a width can hold. */
static bool imm_fits(enum x64_width w, int32_t imm)
{
    return w == X64_W8 ? imm == (int8_t)imm : w == X64_W16 ? imm == (int16_t)imm : true;
}

static void test_int_imm_every_width(void **state)
{
    EACH_ROW(int_rows)
    {
        if (!(r->flags & X64_F_DIR) || r->form == X64_MOV)
            continue;
        EACH_WIDTH
        {
            EACH_IMM(imm)
            {
                if (!imm_fits(w, imm))
                    continue;
                EACH_REG(to)
                {
                    x64_ri(B, (enum x64_int)r->form, w, to, imm);
                    EXPECT(B, r->name, r->mnemonic, reg_operand(w, to), imm_operand(imm));
                }
                EACH_MEM(m)
                {
                    x64_mi(B, (enum x64_int)r->form, w, *m, imm);
                    EXPECT(B, r->name, r->mnemonic, mem_operand(width_bits(w), *m), imm_operand(imm));
                }
            }
        }
    }
}

static void test_test_and_mov_imm(void **state)
{
    EACH_WIDTH
    {
        EACH_IMM(imm)
        {
            if (!imm_fits(w, imm))
                continue;
            EACH_REG(r)
            {
                x64_test_ri(B, w, r, imm);
                EXPECT(B, "TEST imm", "test", reg_operand(w, r), imm_operand(imm));
            }
            EACH_MEM(m)
            {
                x64_test_mi(B, w, *m, imm);
                EXPECT(B, "TEST imm", "test", mem_operand(width_bits(w), *m), imm_operand(imm));
                x64_mov_mi(B, w, *m, imm);
                EXPECT(B, "MOV imm", "mov", mem_operand(width_bits(w), *m), imm_operand(imm));
            }
        }
    }
}

static void test_mov_ri_takes_the_shortest_form(void **state)
{
    static const struct {
        uint64_t value;
        unsigned bytes; /* with the registers below r8 */
        enum x64_width width;
    } cases[] = {{0, 5, X64_W32},
                 {1, 5, X64_W32},
                 {UINT32_MAX, 5, X64_W32},
                 {0x80000000u, 5, X64_W32},
                 {UINT64_MAX, 7, X64_W64},
                 {(uint64_t)INT32_MIN, 7, X64_W64},
                 {0x100000000u, 10, X64_W64},
                 {0x123456789abcdef0u, 10, X64_W64},
                 {0xffffffff7fffffffu, 10, X64_W64}};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        EACH_REG(r)
        {
            x64_mov_ri(B, r, cases[i].value);
            assert_int_equal(x64_size(B), cases[i].bytes + (cases[i].bytes == 5 && r >= 8));
            EXPECT(B, "mov_ri", "mov", reg_operand(cases[i].width, r), imm_operand((int64_t)cases[i].value));
            assert_int_equal(x64_movabs(B, r, cases[i].value), 2);
            EXPECT(B, "movabs", "mov", reg_operand(X64_W64, r), imm_operand((int64_t)cases[i].value));
        }
    }
    x64_zero(B, X64_R9);
    EXPECT(B, "zero", "xor", reg_operand(X64_W32, X64_R9), reg_operand(X64_W32, X64_R9));
}

static void test_imul_with_imm(void **state)
{
    for (enum x64_width w = X64_W16; w <= X64_W64; w++) {
        EACH_IMM(imm)
        {
            if (!imm_fits(w, imm))
                continue;
            PAIRS_OF(to, from)
            {
                x64_imul_rri(B, w, to, from, imm);
                EXPECT(B, "IMUL imm", "imul", reg_operand(w, to), reg_operand(w, from), imm_operand(imm));
            }
            EACH_MEM(m)
            {
                x64_imul_rmi(B, w, X64_R10, *m, imm);
                EXPECT(B, "IMUL imm", "imul", reg_operand(w, X64_R10), mem_operand(width_bits(w), *m),
                       imm_operand(imm));
            }
        }
    }
}

static void test_int_store_every_register_and_address(void **state)
{
    EACH_ROW(store_rows)
    {
        bool by_cl = r->form == X64_SHLD_CL || r->form == X64_SHRD_CL;
        struct operand cl = reg_operand(X64_W8, X64_RCX);

        EACH_WIDTH
        {
            if (!has_width(r, w))
                continue;
            PAIRS_OF(to, from)
            {
                if (r->flags & X64_F_MEM)
                    continue;
                x64_store_rr(B, (enum x64_int_store)r->form, w, to, from);
                expect(B, r->name, r->mnemonic, (struct operand[]){reg_operand(w, to), reg_operand(w, from), cl},
                       by_cl ? 3 : 2);
            }
            EACH_MEM(m)
            {
                x64_store_mr(B, (enum x64_int_store)r->form, w, *m, X64_RSI);
                expect(B, r->name, r->mnemonic,
                       (struct operand[]){mem_operand(width_bits(w), *m), reg_operand(w, X64_RSI), cl}, by_cl ? 3 : 2);
            }
        }
    }
}

static void test_one_operand_every_register_and_address(void **state)
{
    EACH_ROW(one_rows)
    {
        EACH_WIDTH
        {
            if (!has_width(r, w))
                continue;
            EACH_REG(reg)
            {
                x64_r(B, (enum x64_one)r->form, w, reg);
                EXPECT(B, r->name, r->mnemonic, reg_operand(w, reg));
            }
            EACH_MEM(m)
            {
                if (r->flags & X64_F_REG)
                    continue;
                x64_m(B, (enum x64_one)r->form, w, *m);
                EXPECT(B, r->name, r->mnemonic, mem_operand(width_bits(w), *m));
            }
        }
    }
}

static void test_shifts_by_number_and_cl(void **state)
{
    static const char *const names[] = {"rol", "ror", "rcl", "rcr", "shl", "shr", NULL, "sar"};
    struct operand cl = reg_operand(X64_W8, X64_RCX);

    for (unsigned op = 0; op < 8; op++) {
        EACH_WIDTH
        {
            if (!names[op])
                continue;
            EACH_REG(r)
            {
                x64_shift_ri(B, (enum x64_shift)op, w, r, 7);
                EXPECT(B, names[op], names[op], reg_operand(w, r), imm_operand(7));
                x64_shift_r_cl(B, (enum x64_shift)op, w, r);
                EXPECT(B, names[op], names[op], reg_operand(w, r), cl);
            }
            EACH_MEM(m)
            {
                x64_shift_mi(B, (enum x64_shift)op, w, *m, 31);
                EXPECT(B, names[op], names[op], mem_operand(width_bits(w), *m), imm_operand(31));
                x64_shift_m_cl(B, (enum x64_shift)op, w, *m);
                EXPECT(B, names[op], names[op], mem_operand(width_bits(w), *m), cl);
            }
        }
    }
}

static void test_double_shifts_and_bits(void **state)
{
    static const char *const names[] = {"bt", "bts", "btr", "btc"};

    for (enum x64_width w = X64_W16; w <= X64_W64; w++) {
        PAIRS_OF(to, from)
        {
            x64_shift_double(B, true, w, to, from, 9);
            EXPECT(B, "SHLD", "shld", reg_operand(w, to), reg_operand(w, from), imm_operand(9));
            x64_shift_double(B, false, w, to, from, 15);
            EXPECT(B, "SHRD", "shrd", reg_operand(w, to), reg_operand(w, from), imm_operand(15));
        }
        for (unsigned i = 0; i < 4; i++) {
            EACH_REG(r)
            {
                x64_bit_ri(B, (enum x64_bit)(X64_BT_IMM + i), w, r, 13);
                EXPECT(B, names[i], names[i], reg_operand(w, r), imm_operand(13));
            }
            EACH_MEM(m)
            {
                x64_bit_mi(B, (enum x64_bit)(X64_BT_IMM + i), w, *m, 3);
                EXPECT(B, names[i], names[i], mem_operand(width_bits(w), *m), imm_operand(3));
            }
        }
    }
}

static const char *const conditions[] = {"o", "no", "b", "nb", "z", "nz", "be", "nbe",
                                         "s", "ns", "p", "np", "l", "nl", "le", "nle"};

static void test_conditions_cmov_and_set(void **state)
{
    char cmov[16] = "cmov", set[16] = "set";

    for (unsigned cc = 0; cc < 16; cc++) {
        strcpy(cmov + 4, conditions[cc]);
        strcpy(set + 3, conditions[cc]);
        for (enum x64_width w = X64_W16; w <= X64_W64; w++) {
            PAIRS_OF(to, from)
            {
                x64_cmov_rr(B, (enum x64_cc)cc, w, to, from);
                EXPECT(B, cmov, cmov, reg_operand(w, to), reg_operand(w, from));
            }
            EACH_MEM(m)
            {
                x64_cmov_rm(B, (enum x64_cc)cc, w, X64_R11, *m);
                EXPECT(B, cmov, cmov, reg_operand(w, X64_R11), mem_operand(width_bits(w), *m));
            }
        }
        EACH_REG(r)
        {
            x64_set_r(B, (enum x64_cc)cc, r);
            EXPECT(B, set, set, reg_operand(X64_W8, r));
        }
        EACH_MEM(m)
        {
            x64_set_m(B, (enum x64_cc)cc, *m);
            EXPECT(B, set, set, mem_operand(8, *m));
        }
    }
}

static void test_stack_and_byte_swap(void **state)
{
    EACH_REG(r)
    {
        x64_push(B, r);
        EXPECT(B, "push", "push", reg_operand(X64_W64, r));
        x64_pop(B, r);
        EXPECT(B, "pop", "pop", reg_operand(X64_W64, r));
        x64_bswap(B, X64_W32, r);
        EXPECT(B, "bswap", "bswap", reg_operand(X64_W32, r));
        x64_bswap(B, X64_W64, r);
        EXPECT(B, "bswap", "bswap", reg_operand(X64_W64, r));
    }
    EACH_MEM(m)
    {
        x64_push_m(B, *m);
        EXPECT(B, "push", "push", mem_operand(64, *m));
        x64_pop_m(B, *m);
        EXPECT(B, "pop", "pop", mem_operand(64, *m));
    }
    EACH_IMM(imm)
    {
        x64_push_i(B, imm);
        EXPECT(B, "push", "push", imm_operand(imm));
    }
}

static void test_jumps_and_calls_through_registers_and_memory(void **state)
{
    EACH_REG(r)
    {
        x64_call_r(B, r);
        EXPECT(B, "call", "call", reg_operand(X64_W64, r));
        x64_jmp_r(B, r);
        EXPECT(B, "jmp", "jmp", reg_operand(X64_W64, r));
    }
    EACH_MEM(m)
    {
        x64_call_m(B, *m);
        EXPECT(B, "call", "call", mem_operand(64, *m));
        x64_jmp_m(B, *m);
        EXPECT(B, "jmp", "jmp", mem_operand(64, *m));
    }
    for (unsigned cc = 0; cc < 16; cc++) {
        char name[8] = "j";

        strcpy(name + 1, conditions[cc]);
        assert_int_equal(x64_jcc_rel32(B, (enum x64_cc)cc, 1000), 2);
        EXPECT(B, name, name, imm_operand(1000));
    }
    assert_int_equal(x64_call_rel32(B, -5), 1);
    EXPECT(B, "call", "call", imm_operand(-5));
    assert_int_equal(x64_jmp_rel32(B, 1 << 30), 1);
    EXPECT(B, "jmp", "jmp", imm_operand(1 << 30));
}

static void test_bmi_every_register_and_address(void **state)
{
    for (enum x64_width w = X64_W32; w <= X64_W64; w++) {
        EACH_REG(a)
        {
            EACH_REG(c)
            {
                struct operand first = reg_operand(w, a), second = reg_operand(w, c), third = reg_operand(w, a ^ 13);

                EACH_ROW(bmi_count_rows)
                {
                    x64_bmi_rrc(B, (enum x64_bmi_count)r->form, w, a, c, a ^ 13);
                    EXPECT(B, r->name, r->mnemonic, first, second, third);
                }
                EACH_ROW(bmi_rows)
                {
                    x64_bmi_rrr(B, (enum x64_bmi)r->form, w, a, c, a ^ 13);
                    EXPECT(B, r->name, r->mnemonic, first, second, third);
                }
                EACH_ROW(bmi_one_rows)
                {
                    x64_bmi_rr(B, (enum x64_bmi_one)r->form, w, a, c);
                    EXPECT(B, r->name, r->mnemonic, first, second);
                }
                x64_rorx_rri(B, w, a, c, 17);
                EXPECT(B, "RORX", "rorx", first, second, imm_operand(17));
            }
        }
        EACH_MEM(m)
        {
            struct operand memory = mem_operand(width_bits(w), *m), rdi = reg_operand(w, X64_RDI),
                           r14 = reg_operand(w, X64_R14);

            EACH_ROW(bmi_count_rows)
            {
                x64_bmi_rmc(B, (enum x64_bmi_count)r->form, w, X64_RDI, *m, X64_R14);
                EXPECT(B, r->name, r->mnemonic, rdi, memory, r14);
            }
            EACH_ROW(bmi_rows)
            {
                x64_bmi_rrm(B, (enum x64_bmi)r->form, w, X64_R14, X64_RDI, *m);
                EXPECT(B, r->name, r->mnemonic, r14, rdi, memory);
            }
            EACH_ROW(bmi_one_rows)
            {
                x64_bmi_rm(B, (enum x64_bmi_one)r->form, w, X64_R14, *m);
                EXPECT(B, r->name, r->mnemonic, r14, memory);
            }
            x64_rorx_rmi(B, w, X64_R14, *m, 63);
            EXPECT(B, "RORX", "rorx", r14, memory, imm_operand(63));
        }
    }
}

static void test_bare_instructions(void **state)
{
    for (unsigned i = 0; i < sizeof(bare_rows) / sizeof(bare_rows[0]); i++) {
        /* String instructions show their memory; that is not ours to choose. */
        bool string = !strncmp(bare_rows[i].name, "REP_", 4);

        x64_bare(B, bare_rows[i].op);
        if (string)
            assert_int_equal(B->start[0], 0xf3);
        expect_bare(B, bare_rows[i].name, bare_rows[i].mnemonic, string);
    }
    x64_lock(B);
    x64_store_mr(B, X64_XADD, X64_W32, x64_at(X64_RBX, 4), X64_RCX);
    EXPECT(B, "LOCK", "xadd", mem_operand(32, x64_at(X64_RBX, 4)), reg_operand(X64_W32, X64_RCX));
}

static void test_nops_of_every_length(void **state)
{
    for (size_t n = 1; n <= 9; n++) {
        x64_nop(B, n);
        assert_int_equal(x64_size(B), n);
        expect_bare(B, "NOP", "nop", true);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_int_rr_every_register),
        cmocka_unit_test(test_int_rm_every_address),
        cmocka_unit_test(test_int_mr_every_address),
        cmocka_unit_test(test_address_every_combination),
        cmocka_unit_test(test_int_imm_every_width),
        cmocka_unit_test(test_test_and_mov_imm),
        cmocka_unit_test(test_mov_ri_takes_the_shortest_form),
        cmocka_unit_test(test_imul_with_imm),
        cmocka_unit_test(test_int_store_every_register_and_address),
        cmocka_unit_test(test_one_operand_every_register_and_address),
        cmocka_unit_test(test_shifts_by_number_and_cl),
        cmocka_unit_test(test_double_shifts_and_bits),
        cmocka_unit_test(test_conditions_cmov_and_set),
        cmocka_unit_test(test_stack_and_byte_swap),
        cmocka_unit_test(test_jumps_and_calls_through_registers_and_memory),
        cmocka_unit_test(test_bmi_every_register_and_address),
        cmocka_unit_test(test_bare_instructions),
        cmocka_unit_test(test_nops_of_every_length),
    };

    return X64_RUN(tests);
}
