/* SPDX-License-Identifier: Apache-2.0 */
/* codegen/x64.h, vectors: each row of x64_sse.def in its legacy and VEX forms with all registers and kinds of address,
 * read back by Zydis. */
#include "x64_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#define B (&x64_test)

enum reg_class { CLASS_X, CLASS_R, CLASS_Q };
enum rm_class { CLASS_XM, CLASS_RM, CLASS_QM, CLASS_XONLY, CLASS_MONLY };
#define FIRST_X   CLASS_X
#define FIRST_R   CLASS_R
#define FIRST_Q   CLASS_Q
#define SECOND_XM CLASS_XM
#define SECOND_RM CLASS_RM
#define SECOND_QM CLASS_QM
#define SECOND_X  CLASS_XONLY
#define SECOND_M  CLASS_MONLY
enum vex_operands { VEX_0 = 0, VEX_2 = 2, VEX_3 = 3, VEX_S = 4 };

struct row {
    const char *name, *mnemonic;
    uint32_t form;
    enum reg_class reg;
    enum rm_class rm;
    bool imm;
    enum vex_operands vex;
};

#define ROW(name, mnemonic, pp, map, opcode, reg, rm, imm, vex)                                                        \
    {#name, mnemonic, X64_##name, FIRST_##reg, SECOND_##rm, imm, VEX_##vex},

static const struct row sse_rows[] = {
#define SSE ROW
#include "codegen/x64_sse.def"
};
static const struct row store_rows[] = {
#define SSE_STORE ROW
#include "codegen/x64_sse.def"
};
static const struct row vex_rows[] = {
#define VEX(name, mnemonic, pp, map, opcode, vex) {#name, mnemonic, X64_##name, CLASS_X, CLASS_XM, false, VEX_##vex},
#include "codegen/x64_sse.def"
};
static const struct row shift_rows[] = {
#define SSE_SHIFT(name, mnemonic, opcode, digit) {#name, mnemonic, X64_##name, CLASS_X, CLASS_XM, true, VEX_2},
#include "codegen/x64_sse.def"
};
static const struct row blend_rows[] = {
#define VEX_BLEND(name, mnemonic, pp, map, opcode) {#name, mnemonic, X64_##name, CLASS_X, CLASS_XM, false, VEX_3},
#include "codegen/x64_sse.def"
};

#define EACH_ROW(rows) for (const struct row *r = (rows); r < (rows) + sizeof(rows) / sizeof((rows)[0]); r++)
#define EACH_REG(name) for (unsigned name = 0; name < 16; name++)
#define EACH_MEM(m)    for (const struct x64_mem *m = mem_cases; m < mem_cases + mem_cases_count; m++)

enum { IMM = 0x15 };

static struct operand reg_of(enum reg_class class, unsigned reg)
{
    return class == CLASS_X ? xmm_operand(reg) : reg_operand(class == CLASS_Q ? X64_W64 : X64_W32, reg);
}

static struct operand rm_of(enum rm_class class, unsigned reg)
{
    return class == CLASS_RM   ? reg_operand(X64_W32, reg)
           : class == CLASS_QM ? reg_operand(X64_W64, reg)
                               : xmm_operand(reg);
}

static void expect_sse(const struct row *r, struct operand first, struct operand second)
{
    struct operand all[] = {first, second, imm_operand(IMM)};

    expect(B, r->name, r->mnemonic, all, r->imm ? 3 : 2);
}

static void test_sse_rr_every_register(void **state)
{
    EACH_ROW(sse_rows)
    {
        EACH_REG(to)
        {
            EACH_REG(from)
            {
                if (r->rm == CLASS_MONLY)
                    continue;
                if (r->imm)
                    x64_sse_rri(B, (enum x64_sse)r->form, to, from, IMM);
                else
                    x64_sse_rr(B, (enum x64_sse)r->form, to, from);
                expect_sse(r, reg_of(r->reg, to), rm_of(r->rm, from));
            }
        }
    }
}

static void test_sse_rm_every_address(void **state)
{
    EACH_ROW(sse_rows)
    {
        EACH_MEM(m)
        {
            unsigned to = (unsigned)(m - mem_cases) & 15;

            if (r->rm == CLASS_XONLY)
                continue;
            if (r->imm)
                x64_sse_rmi(B, (enum x64_sse)r->form, to, *m, IMM);
            else
                x64_sse_rm(B, (enum x64_sse)r->form, to, *m);
            expect_sse(r, reg_of(r->reg, to), mem_operand(0, *m));
        }
    }
}

static void test_sse_store_every_register_and_address(void **state)
{
    EACH_ROW(store_rows)
    {
        EACH_REG(from)
        {
            EACH_REG(to)
            {
                if (r->rm == CLASS_MONLY)
                    continue;
                if (r->imm)
                    x64_sse_store_rri(B, (enum x64_sse_store)r->form, to, from, IMM);
                else
                    x64_sse_store_rr(B, (enum x64_sse_store)r->form, to, from);
                expect_sse(r, rm_of(r->rm, to), reg_of(r->reg, from));
            }
        }
        EACH_MEM(m)
        {
            if (r->imm)
                x64_sse_mri(B, (enum x64_sse_store)r->form, *m, X64_XMM11, IMM);
            else
                x64_sse_mr(B, (enum x64_sse_store)r->form, *m, X64_XMM11);
            expect_sse(r, mem_operand(0, *m), reg_of(r->reg, X64_XMM11));
        }
    }
}

static void test_sse_and_vex_shift_by_immediate(void **state)
{
    char name[32];

    EACH_ROW(shift_rows)
    {
        snprintf(name, sizeof(name), "v%s", r->mnemonic);
        EACH_REG(to)
        {
            x64_sse_shift(B, (enum x64_sse_shift)r->form, to, IMM);
            EXPECT(B, r->name, r->mnemonic, xmm_operand(to), imm_operand(IMM));
            EACH_REG(from)
            {
                x64_vex_shift(B, (enum x64_sse_shift)r->form, to, from, IMM);
                EXPECT(B, r->name, name, xmm_operand(to), xmm_operand(from), imm_operand(IMM));
            }
        }
    }
}

/* The memory operand's size is what the mnemonic says; a scalar's and a lane's are checked here, for W and for moves.
 */
static void test_sse_memory_has_the_size_of_the_element(void **state)
{
    static const struct {
        enum x64_sse op;
        const char *mnemonic;
        unsigned bits;
        bool imm;
    } loads[] = {{X64_MOVSS, "movss", 32, false},
                 {X64_MOVSD, "movsd", 64, false},
                 {X64_MOVD, "movd", 32, false},
                 {X64_MOVQ, "movq", 64, false},
                 {X64_MOVQ_X, "movq", 64, false},
                 {X64_MOVDQU, "movdqu", 128, false},
                 {X64_CVTSI2SD, "cvtsi2sd", 32, false},
                 {X64_CVTSI2SD64, "cvtsi2sd", 64, false},
                 {X64_CVTSI2SS64, "cvtsi2ss", 64, false},
                 {X64_PINSRB, "pinsrb", 8, true},
                 {X64_PINSRW, "pinsrw", 16, true},
                 {X64_PINSRD, "pinsrd", 32, true},
                 {X64_PINSRQ, "pinsrq", 64, true},
                 {X64_PMOVSXBW, "pmovsxbw", 64, false},
                 {X64_PMOVZXBQ, "pmovzxbq", 16, false},
                 {X64_ROUNDSS, "roundss", 32, true},
                 {X64_CVTTSD2SI64, "cvttsd2si", 64, false}};
    struct x64_mem m = x64_at(X64_R9, 40);

    for (unsigned i = 0; i < sizeof(loads) / sizeof(loads[0]); i++) {
        bool integer = loads[i].op == X64_CVTTSD2SI64;
        struct operand all[] = {integer ? reg_operand(X64_W64, 3) : xmm_operand(3), mem_operand(loads[i].bits, m),
                                imm_operand(2)};

        if (loads[i].imm)
            x64_sse_rmi(B, loads[i].op, 3, m, 2);
        else
            x64_sse_rm(B, loads[i].op, 3, m);
        expect(B, loads[i].mnemonic, loads[i].mnemonic, all, loads[i].imm ? 3 : 2);
    }
}

/* Emits the VEX form of a row, with registers or (m not NULL) memory, and checks it. */
static void check_vex(const struct row *r, unsigned to, unsigned first, unsigned second, const struct x64_mem *m)
{
    enum x64_sse op = (enum x64_sse)r->form;
    bool three = r->vex == VEX_3 || (r->vex == VEX_S && !m);
    struct operand all[4] = {reg_of(r->reg, to)};
    unsigned n = 1;
    char name[32];

    snprintf(name, sizeof(name), "%s%s", r->mnemonic[0] == 'v' ? "" : "v", r->mnemonic);
    if (three)
        all[n++] = xmm_operand(first);
    all[n++] = m ? mem_operand(0, *m) : rm_of(r->rm, second);
    if (r->imm)
        all[n++] = imm_operand(IMM);
    if (three && r->imm)
        m ? x64_vex_rrmi(B, op, to, first, *m, IMM) : x64_vex_rrri(B, op, to, first, second, IMM);
    else if (three)
        m ? x64_vex_rrm(B, op, to, first, *m) : x64_vex_rrr(B, op, to, first, second);
    else if (r->imm)
        m ? x64_vex_rmi(B, op, to, *m, IMM) : x64_vex_rri(B, op, to, second, IMM);
    else
        m ? x64_vex_rm(B, op, to, *m) : x64_vex_rr(B, op, to, second);
    expect(B, r->name, name, all, n);
}

static void check_vex_row(const struct row *r)
{
    EACH_REG(to)
    {
        EACH_REG(from)
        {
            if (r->rm != CLASS_MONLY)
                check_vex(r, to, to ^ from ^ 9, from, NULL);
        }
    }
    EACH_MEM(m)
    {
        if (r->rm != CLASS_XONLY)
            check_vex(r, (unsigned)(m - mem_cases) & 15, 7, 0, m);
    }
}

static void test_vex_every_register_and_address(void **state)
{
    EACH_ROW(sse_rows)
    {
        if (r->vex)
            check_vex_row(r);
    }
    EACH_ROW(vex_rows)
    {
        check_vex_row(r);
    }
}

static void test_vex_store_every_register_and_address(void **state)
{
    char name[32];

    EACH_ROW(store_rows)
    {
        enum x64_sse_store op = (enum x64_sse_store)r->form;

        snprintf(name, sizeof(name), "v%s", r->mnemonic);
        EACH_REG(from)
        {
            EACH_REG(to)
            {
                struct operand all[] = {rm_of(r->rm, to), reg_of(r->reg, from), imm_operand(IMM)};

                if (r->rm == CLASS_MONLY)
                    continue;
                r->imm ? x64_vex_store_rri(B, op, to, from, IMM) : x64_vex_store_rr(B, op, to, from);
                expect(B, r->name, name, all, r->imm ? 3 : 2);
            }
        }
        EACH_MEM(m)
        {
            struct operand all[] = {mem_operand(0, *m), reg_of(r->reg, X64_XMM12), imm_operand(IMM)};

            r->imm ? x64_vex_mri(B, op, *m, X64_XMM12, IMM) : x64_vex_mr(B, op, *m, X64_XMM12);
            expect(B, r->name, name, all, r->imm ? 3 : 2);
        }
    }
}

static void test_vex_blend_with_mask(void **state)
{
    EACH_ROW(blend_rows)
    {
        enum x64_vex_blend op = (enum x64_vex_blend)r->form;

        EACH_REG(a)
        {
            EACH_REG(c)
            {
                x64_vex_blend(B, op, a, c, a ^ 5, c ^ 10);
                EXPECT(B, r->name, r->mnemonic, xmm_operand(a), xmm_operand(c), xmm_operand(a ^ 5),
                       xmm_operand(c ^ 10));
            }
        }
        EACH_MEM(m)
        {
            x64_vex_blend_m(B, op, 1, 14, *m, 9);
            EXPECT(B, r->name, r->mnemonic, xmm_operand(1), xmm_operand(14), mem_operand(0, *m), xmm_operand(9));
        }
    }
}

static void test_vex_256_bits(void **state)
{
    struct operand ymm[3] = {
        {.kind = OPERAND_YMM, .reg = 1}, {.kind = OPERAND_YMM, .reg = 2}, {.kind = OPERAND_YMM, .reg = 12}};
    struct operand loaded[2] = {{.kind = OPERAND_YMM, .reg = 9}, mem_operand(256, x64_at(X64_RSI, 32))};

    x64_vex_rrr(B, X64_PADDD | X64_L256, 1, 2, 12);
    expect(B, "PADDD", "vpaddd", ymm, 3);
    x64_vex_rrr(B, X64_ADDPD | X64_L256, 1, 2, 12);
    expect(B, "ADDPD", "vaddpd", ymm, 3);
    x64_vex_rm(B, X64_MOVDQU | X64_L256, 9, x64_at(X64_RSI, 32));
    expect(B, "MOVDQU", "vmovdqu", loaded, 2);
    x64_vzeroupper(B);
    expect_bare(B, "VZEROUPPER", "vzeroupper", false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sse_rr_every_register),
        cmocka_unit_test(test_sse_rm_every_address),
        cmocka_unit_test(test_sse_store_every_register_and_address),
        cmocka_unit_test(test_sse_and_vex_shift_by_immediate),
        cmocka_unit_test(test_sse_memory_has_the_size_of_the_element),
        cmocka_unit_test(test_vex_every_register_and_address),
        cmocka_unit_test(test_vex_store_every_register_and_address),
        cmocka_unit_test(test_vex_blend_with_mask),
        cmocka_unit_test(test_vex_256_bits),
    };

    return X64_RUN(tests);
}
