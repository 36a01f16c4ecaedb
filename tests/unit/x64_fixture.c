/* SPDX-License-Identifier: Apache-2.0 */
/* The disassembler's side of the encoder's tests. */
#include "x64_fixture.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>
#ifdef HAVE_ZYDIS
#include <Zydis/Zydis.h>
#endif

struct x64_buf x64_test;

int x64_setup(void **state)
{
    (void)state;
    return x64_buf_init(&x64_test, 0);
}

int x64_teardown(void **state)
{
    (void)state;
    x64_buf_free(&x64_test);
    return 0;
}

const struct x64_mem mem_cases[] = {
    {X64_RAX, X64_NONE, 0, 0, 0},
    {X64_RCX, X64_NONE, 0, 0, 8},
    {X64_RDX, X64_NONE, 0, 0, -128},
    {X64_RBX, X64_NONE, 0, X64_GS, 127},
    {X64_RSP, X64_NONE, 0, 0, 0},
    {X64_RSP, X64_NONE, 0, 0, 16},
    {X64_RBP, X64_NONE, 0, 0, 0},
    {X64_RBP, X64_NONE, 0, 0, -129},
    {X64_RSI, X64_NONE, 0, X64_FS, 128},
    {X64_RDI, X64_NONE, 0, 0, INT32_MAX},
    {X64_R8, X64_NONE, 0, 0, INT32_MIN},
    {X64_R9, X64_NONE, 0, X64_GS, 0},
    {X64_R10, X64_NONE, 0, 0, 1},
    {X64_R11, X64_NONE, 0, 0, 0x1234},
    {X64_R12, X64_NONE, 0, 0, 0},
    {X64_R12, X64_NONE, 0, 0, -1},
    {X64_R13, X64_NONE, 0, 0, 0},
    {X64_R13, X64_NONE, 0, X64_GS, 0x12345678},
    {X64_R14, X64_NONE, 0, 0, 24},
    {X64_R15, X64_NONE, 0, 0, 400},
    {X64_RAX, X64_RCX, 0, 0, 0},
    {X64_RCX, X64_RAX, 1, 0, 4},
    {X64_RDX, X64_RBX, 2, 0, 4000},
    {X64_RBX, X64_RDX, 3, X64_GS, 0},
    {X64_RSP, X64_RBP, 0, 0, 0},
    {X64_RBP, X64_RSI, 1, 0, 0},
    {X64_RBP, X64_RDI, 2, 0, 127},
    {X64_R13, X64_R8, 3, 0, 0},
    {X64_R12, X64_R9, 0, 0, 0},
    {X64_R12, X64_R10, 1, X64_FS, -5},
    {X64_R8, X64_R11, 2, 0, 128},
    {X64_R9, X64_R12, 3, 0, 0},
    {X64_RAX, X64_R13, 0, X64_GS, 0},
    {X64_R14, X64_R14, 1, 0, 64},
    {X64_R15, X64_R15, 2, 0, -64},
    {X64_NONE, X64_NONE, 0, 0, 0},
    {X64_NONE, X64_NONE, 0, X64_GS, 0x7ffffff0},
    {X64_NONE, X64_RAX, 3, 0, 0},
    {X64_NONE, X64_R12, 2, X64_GS, 100},
    {X64_RIP, X64_NONE, 0, 0, 0},
    {X64_RIP, X64_NONE, 0, 0, -70000},
};
const unsigned mem_cases_count = sizeof(mem_cases) / sizeof(mem_cases[0]);

#ifdef HAVE_ZYDIS

bool x64_disassembler(void)
{
    return true;
}

static ZydisRegister integer_register(enum x64_width w, unsigned reg)
{
    static const int first[] = {0, ZYDIS_REGISTER_AX, ZYDIS_REGISTER_EAX, ZYDIS_REGISTER_RAX};

    if (w != X64_W8)
        return (ZydisRegister)(first[w] + (int)reg);
    return (ZydisRegister)(reg < 4   ? ZYDIS_REGISTER_AL + (int)reg
                           : reg < 8 ? ZYDIS_REGISTER_SPL + (int)reg - 4
                                     : ZYDIS_REGISTER_R8B + (int)reg - 8);
}

static ZydisRegister address_register(unsigned reg)
{
    return reg == X64_NONE ? ZYDIS_REGISTER_NONE : reg == X64_RIP ? ZYDIS_REGISTER_RIP : integer_register(X64_W64, reg);
}

static bool same_segment(ZydisRegister got, struct x64_mem m)
{
    if (m.segment)
        return got == (m.segment == X64_GS ? ZYDIS_REGISTER_GS : ZYDIS_REGISTER_FS);
    return got != ZYDIS_REGISTER_GS && got != ZYDIS_REGISTER_FS;
}

/* The displacement takes the fewest bytes that it can. */
static unsigned displacement_bits(struct x64_mem m)
{
    if (m.base == X64_NONE || m.base == X64_RIP || m.disp != (int8_t)m.disp)
        return 32;
    return m.disp || (m.base & 7) == X64_RBP ? 8 : 0;
}

static bool same_memory(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *got, const struct operand *want)
{
    struct x64_mem m = want->mem;
    unsigned scale = m.index == X64_NONE ? 0 : 1u << m.scale;

    return got->type == ZYDIS_OPERAND_TYPE_MEMORY && got->mem.base == address_register(m.base) &&
           got->mem.index == address_register(m.index) && got->mem.scale == scale && got->mem.disp.value == m.disp &&
           same_segment(got->mem.segment, m) && in->raw.disp.size == displacement_bits(m) &&
           (!want->bits || got->size == want->bits);
}

static bool same_operand(const ZydisDecodedInstruction *in, const ZydisDecodedOperand *got, const struct operand *want)
{
    if (want->kind == OPERAND_MEM)
        return same_memory(in, got, want);
    if (want->kind == OPERAND_IMM) /* as many bits as the operation has: some are shown with a sign, some without */
        return got->type == ZYDIS_OPERAND_TYPE_IMMEDIATE &&
               ((got->imm.value.u ^ (uint64_t)want->imm) << (64 - (in->operand_width ? in->operand_width : 64))) == 0;
    return got->type == ZYDIS_OPERAND_TYPE_REGISTER &&
           got->reg.value == (want->kind == OPERAND_XMM   ? (ZydisRegister)(ZYDIS_REGISTER_XMM0 + (int)want->reg)
                              : want->kind == OPERAND_YMM ? (ZydisRegister)(ZYDIS_REGISTER_YMM0 + (int)want->reg)
                                                          : integer_register(want->width, want->reg));
}

/* Fails with what was emitted and how it reads. */
static void refuse(struct x64_buf *b, const char *row, const char *mnemonic, const struct operand *operands, unsigned n)
{
    ZydisDisassembledInstruction text;
    char bytes[64] = "";
    size_t at = 0;

    for (uint32_t i = 0; i < x64_size(b) && i < 16; i++)
        at += (size_t)snprintf(bytes + at, sizeof(bytes) - at, "%02x ", b->start[i]);
    if (!ZYAN_SUCCESS(ZydisDisassembleIntel(ZYDIS_MACHINE_MODE_LONG_64, 0, b->start, x64_size(b), &text)))
        snprintf(text.text, sizeof(text.text), "no instruction");
    for (unsigned i = 0; i < n; i++)
        print_error("operand %u: kind %d register %u width %d base %u index %u scale %u segment %#x disp %d imm %lld\n",
                    i, (int)operands[i].kind, operands[i].reg, (int)operands[i].width, operands[i].mem.base,
                    operands[i].mem.index, operands[i].mem.scale, operands[i].mem.segment, operands[i].mem.disp,
                    (long long)operands[i].imm);
    x64_buf_reset(b);
    fail_msg("row %s: wanted %s with the operands above, got %s: %s", row, mnemonic, bytes, text.text);
}

/* The one instruction of the buffer; false when it is not one, whole, by that name. */
static bool decode(const struct x64_buf *b, const char *mnemonic, ZydisDecodedInstruction *in, ZydisDecodedOperand *got)
{
    static ZydisDecoder decoder;
    static bool ready;

    if (!ready)
        ready = ZYAN_SUCCESS(ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64));
    return x64_size(b) <= X64_INSTRUCTION_MAX &&
           ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, b->start, x64_size(b), in, got)) &&
           in->length == x64_size(b) && !strcmp(ZydisMnemonicGetString(in->mnemonic), mnemonic);
}

void expect(struct x64_buf *b, const char *row, const char *mnemonic, const struct operand *operands, unsigned n)
{
    ZydisDecodedInstruction in;
    ZydisDecodedOperand got[ZYDIS_MAX_OPERAND_COUNT];
    bool good = decode(b, mnemonic, &in, got) && in.operand_count_visible == n;

    for (unsigned i = 0; good && i < n; i++)
        good = same_operand(&in, &got[i], &operands[i]);
    if (!good)
        refuse(b, row, mnemonic, operands, n);
    x64_buf_reset(b);
}

void expect_bare(struct x64_buf *b, const char *row, const char *mnemonic, bool any_operands)
{
    ZydisDecodedInstruction in;
    ZydisDecodedOperand got[ZYDIS_MAX_OPERAND_COUNT];

    if (!decode(b, mnemonic, &in, got) || (!any_operands && in.operand_count_visible))
        refuse(b, row, mnemonic, NULL, 0);
    x64_buf_reset(b);
}

#else

bool x64_disassembler(void)
{
    puts("needs libzydis (Debian package libzydis-dev)");
    return false;
}

void expect(struct x64_buf *b, const char *row, const char *mnemonic, const struct operand *operands, unsigned n)
{
    fail_msg("row %s: no disassembler", row);
}

void expect_bare(struct x64_buf *b, const char *row, const char *mnemonic, bool any_operands)
{
    fail_msg("row %s: no disassembler", row);
}

#endif
