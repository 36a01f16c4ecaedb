/* SPDX-License-Identifier: Apache-2.0 */
/* Zydis' side of the decoder's tests, and the list of what is known to differ. */
#include "decode_oracle.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#ifdef HAVE_ZYDIS
#include <Zydis/Zydis.h>

enum { /* what of an instruction may differ */
       VALIDITY = 1,
       NAME = 2,
       OPERANDS = 4,
       ACCESS = 8,
       FLAGS = 16,
       WIDTH = 32, /* of operands */
       ALL = 63,
};

/* Extensions that have no rows: refused here, or taken as another instruction with the same bytes. */
static const struct {
    ZydisISAExt ext;
    const char *why;
} no_rows[] = {
    {ZYDIS_ISA_EXT_AMD3DNOW, "3DNow!: gone from processors since 2010"},
    {ZYDIS_ISA_EXT_AMX_BF16, "AMX"},
    {ZYDIS_ISA_EXT_AMX_INT8, "AMX"},
    {ZYDIS_ISA_EXT_AMX_TILE, "AMX"},
    {ZYDIS_ISA_EXT_FMA4, "FMA4: AMD's, gone since 2017"},
    {ZYDIS_ISA_EXT_HRESET, "needs privilege, hints alone"},
    {ZYDIS_ISA_EXT_KEYLOCKER, "Key Locker"},
    {ZYDIS_ISA_EXT_KEYLOCKER_WIDE, "Key Locker"},
    {ZYDIS_ISA_EXT_KNC, "Knights Corner, no processor of today"},
    {ZYDIS_ISA_EXT_KNCE, "Knights Corner"},
    {ZYDIS_ISA_EXT_KNCV, "Knights Corner"},
    {ZYDIS_ISA_EXT_PADLOCK, "VIA's"},
    {ZYDIS_ISA_EXT_SNP, "AMD's memory encryption"},
    {ZYDIS_ISA_EXT_AMD_INVLPGB, "AMD's, of kernels"},
    {ZYDIS_ISA_EXT_SSE4A, "SSE4a: AMD's"},
    {ZYDIS_ISA_EXT_TDX, "of hypervisors"},
};

/* Single instructions. */
static const struct {
    ZydisMnemonic name;
    unsigned what;
    const char *why;
} known[] = {
    {ZYDIS_MNEMONIC_SYSCALL, FLAGS | VALIDITY, "it saves and masks them; out of 64-bit mode it is AMD's alone"},
    {ZYDIS_MNEMONIC_SYSRET, VALIDITY, "the same"},
    {ZYDIS_MNEMONIC_INT1, FLAGS, "it enters through a gate, as int3 does"},
    {ZYDIS_MNEMONIC_WBINVD, NAME, "with f3 it is wbnoinvd"},
    {ZYDIS_MNEMONIC_SBB, FLAGS, "theirs says that A is undefined"},
    {ZYDIS_MNEMONIC_BEXTR, FLAGS, "C and O become 0, theirs says that they are undefined"},
    {ZYDIS_MNEMONIC_VPTEST, FLAGS, "A, O, P and S become 0, as of ptest"},
    {ZYDIS_MNEMONIC_VTESTPS, FLAGS, "the same"},
    {ZYDIS_MNEMONIC_VTESTPD, FLAGS, "the same"},
    {ZYDIS_MNEMONIC_CMPSB, FLAGS, "theirs reads Z with a repeat, which it writes before"},
    {ZYDIS_MNEMONIC_CMPSW, FLAGS, "the same"},
    {ZYDIS_MNEMONIC_CMPSD, FLAGS, "the same"},
    {ZYDIS_MNEMONIC_CMPSQ, FLAGS, "the same"},
    {ZYDIS_MNEMONIC_SCASB, FLAGS, "the same"},
    {ZYDIS_MNEMONIC_SCASW, FLAGS, "the same"},
    {ZYDIS_MNEMONIC_SCASD, FLAGS, "the same"},
    {ZYDIS_MNEMONIC_SCASQ, FLAGS, "the same"},
    {ZYDIS_MNEMONIC_UIRET, FLAGS, "it loads all"},
    {ZYDIS_MNEMONIC_NOP, OPERANDS | WIDTH, "hints without a meaning: theirs has one operand or two"},
    {ZYDIS_MNEMONIC_UD0, OPERANDS | WIDTH, "never read: theirs knows no 16 bits"},
    {ZYDIS_MNEMONIC_UD1, OPERANDS | WIDTH, "the same"},
    {ZYDIS_MNEMONIC_MOVSXD, WIDTH, "to 16 bits from 16 (Intel), of theirs from 32"},
    {ZYDIS_MNEMONIC_SENDUIPI, OPERANDS, "all 64 bits of the register"},
    {ZYDIS_MNEMONIC_FCMOVB, ALL, "theirs moves the wrong way"},
    {ZYDIS_MNEMONIC_FCMOVE, ALL, "the same"},
    {ZYDIS_MNEMONIC_FCMOVBE, ALL, "the same"},
    {ZYDIS_MNEMONIC_FCMOVU, ALL, "the same"},
    {ZYDIS_MNEMONIC_FCMOVNB, ALL, "the same"},
    {ZYDIS_MNEMONIC_FCMOVNE, ALL, "the same"},
    {ZYDIS_MNEMONIC_FCMOVNBE, ALL, "the same"},
    {ZYDIS_MNEMONIC_FCMOVNU, ALL, "the same"},
    {ZYDIS_MNEMONIC_CLZERO, OPERANDS, "theirs writes rax out"},
    {ZYDIS_MNEMONIC_VPERMIL2PS, ALL, "XOP's, with VEX"},
    {ZYDIS_MNEMONIC_VPERMIL2PD, ALL, "XOP's, with VEX"},
};

bool decode_oracle(void)
{
    return true;
}

static const ZydisDecoder *decoder(enum decode_mode mode)
{
    static const ZydisMachineMode modes[] = {ZYDIS_MACHINE_MODE_LEGACY_16, ZYDIS_MACHINE_MODE_LEGACY_32,
                                             ZYDIS_MACHINE_MODE_LONG_64};
    static const ZydisStackWidth stacks[] = {ZYDIS_STACK_WIDTH_16, ZYDIS_STACK_WIDTH_32, ZYDIS_STACK_WIDTH_64};
    static ZydisDecoder decoders[3];
    static bool made;

    for (unsigned i = 0; i < 3 && !made; i++) {
        ZydisDecoderInit(&decoders[i], modes[i], stacks[i]);
        ZydisDecoderEnableMode(&decoders[i], ZYDIS_DECODER_MODE_MPX, false);
        ZydisDecoderEnableMode(&decoders[i], ZYDIS_DECODER_MODE_WBNOINVD, true);
    }
    made = true;
    return &decoders[mode];
}

/* ---- One difference ------------------------------------------------------------------------------------------ */

struct comparison {
    struct insn in;
    ZydisDecodedInstruction other;
    ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
    char *text;
    unsigned what; /* differs */
};

static void differs(struct comparison *c, unsigned what, const char *name, uint64_t ours, uint64_t theirs)
{
    size_t n = strlen(c->text);

    c->what |= what;
    snprintf(c->text + n, DECODE_TEXT_MAX - n, "; %s: 0x%llx, other 0x%llx", name, (unsigned long long)ours,
             (unsigned long long)theirs);
}

/* Names that differ in spelling: theirs tells the width in it. */
static bool same_name(const char *ours, const char *theirs)
{
    static const char *const alias[][2] = {
        {"CBW", "cwde"},          {"CBW", "cdqe"},
        {"CWD", "cdq"},           {"CWD", "cqo"},
        {"JRCXZ", "jecxz"},       {"JRCXZ", "jcxz"},
        {"PUSHF", "pushfd"},      {"PUSHF", "pushfq"},
        {"POPF", "popfd"},        {"POPF", "popfq"},
        {"PUSHA", "pushad"},      {"POPA", "popad"},
        {"IRET", "iretd"},        {"IRET", "iretq"},
        {"CALL_FAR", "call"},     {"JMP_FAR", "jmp"},
        {"RET_FAR", "ret"},       {"FXSAVE", "fxsave64"},
        {"FXRSTOR", "fxrstor64"}, {"XSAVE", "xsave64"},
        {"XRSTOR", "xrstor64"},   {"XSAVEOPT", "xsaveopt64"},
        {"XSAVEC", "xsavec64"},   {"XSAVES", "xsaves64"},
        {"XRSTORS", "xrstors64"}, {"CMPXCHG8B", "cmpxchg16b"},
        {"RDSSP", "rdsspd"},      {"RDSSP", "rdsspq"},
        {"INCSSP", "incsspd"},    {"INCSSP", "incsspq"},
        {"WRSS", "wrssd"},        {"WRSS", "wrssq"},
        {"WRUSS", "wrussd"},      {"WRUSS", "wrussq"},
        {"LOOPNE", "loopne"},
    };
    static const char *const strings[] = {"MOVS", "CMPS", "STOS", "LODS", "SCAS", "INS", "OUTS"};

    for (unsigned i = 0; i < sizeof alias / sizeof alias[0]; i++)
        if (!strcmp(ours, alias[i][0]) && !strcmp(theirs, alias[i][1]))
            return true;
    for (unsigned i = 0; i < sizeof strings / sizeof strings[0]; i++)
        if (!strcmp(ours, strings[i]))
            return !strncasecmp(ours, theirs, strlen(ours)) && strlen(theirs) == strlen(ours) + 1;
    return !strcasecmp(ours, theirs);
}

static bool register_is(const struct insn_operand *p, ZydisRegister theirs)
{
    static const int general[] = {
        [1] = ZYDIS_REGISTER_AL, [2] = ZYDIS_REGISTER_AX, [4] = ZYDIS_REGISTER_EAX, [8] = ZYDIS_REGISTER_RAX};
    int reg = p->reg, other = (int)theirs;

    switch (p->registers) {
    case REGISTERS_GENERAL:
        if (p->bytes == 1)
            reg = reg < 4 ? ZYDIS_REGISTER_AL + reg : ZYDIS_REGISTER_SPL + reg - 4;
        else
            reg += p->bytes ? general[p->bytes] : 0;
        if (!p->bytes) /* as wide as an address */
            return other == ZYDIS_REGISTER_RAX + reg || other == ZYDIS_REGISTER_EAX + reg ||
                   other == ZYDIS_REGISTER_AX + reg;
        break;
    case REGISTERS_HIGH:
        reg += ZYDIS_REGISTER_AH;
        break;
    case REGISTERS_SEGMENT:
        reg += ZYDIS_REGISTER_ES;
        break;
    case REGISTERS_CONTROL:
        reg += ZYDIS_REGISTER_CR0;
        break;
    case REGISTERS_DEBUG:
        reg += ZYDIS_REGISTER_DR0;
        break;
    case REGISTERS_X87:
        reg += ZYDIS_REGISTER_ST0;
        break;
    case REGISTERS_MMX:
        reg += ZYDIS_REGISTER_MM0;
        break;
    case REGISTERS_VECTOR:
        return other == ZYDIS_REGISTER_XMM0 + reg || other == ZYDIS_REGISTER_YMM0 + reg ||
               other == ZYDIS_REGISTER_ZMM0 + reg;
    default:
        reg += ZYDIS_REGISTER_K0;
    }
    return other == reg;
}

static ZydisRegister address_register(const struct insn *in, unsigned reg)
{
    if (reg == INSN_REGISTER_NONE)
        return ZYDIS_REGISTER_NONE;
    return (ZydisRegister)((int)reg + (in->address_bytes == 8   ? ZYDIS_REGISTER_RAX
                                       : in->address_bytes == 4 ? ZYDIS_REGISTER_EAX
                                                                : ZYDIS_REGISTER_AX));
}

static void compare_memory(struct comparison *c, const struct insn_operand *p, const ZydisDecodedOperand *o)
{
    struct insn_memory m = c->in.memory;
    ZydisRegister base = m.rip_relative ? (c->in.address_bytes == 4 ? ZYDIS_REGISTER_EIP : ZYDIS_REGISTER_RIP)
                                        : address_register(&c->in, m.base);

    if (o->mem.base == address_register(&c->in, 7) && base != o->mem.base && c->in.class >= CLASS_STRING &&
        c->in.class <= CLASS_IO && m.base == 6) { /* of two, the second one: at es:rdi */
        base = o->mem.base;
        m.segment = 0;
    }
    if (m.base == INSN_REGISTER_NONE && c->in.has_sib && c->in.address_bytes == 4 && (c->in.rex & REX_B))
        return; /* theirs takes r13d for a base where there is none */
    if (base != o->mem.base)
        differs(c, OPERANDS, "base", base, o->mem.base);
    if (m.vector_index ? (o->mem.index - ZYDIS_REGISTER_XMM0) % 32 != m.index || o->mem.index < ZYDIS_REGISTER_XMM0
                       : address_register(&c->in, m.index) != o->mem.index)
        differs(c, OPERANDS, "index", m.index, o->mem.index);
    if (m.scale != o->mem.scale)
        differs(c, OPERANDS, "scale", m.scale, o->mem.scale);
    bool notrack = c->in.class == CLASS_JUMP_INDIRECT || c->in.class == CLASS_CALL_INDIRECT; /* not ds, to theirs */
    if (p->access && !notrack && o->mem.segment != (ZydisRegister)(ZYDIS_REGISTER_ES + m.segment))
        differs(c, OPERANDS, "segment", m.segment, o->mem.segment);
    if (c->in.encoding != ENCODING_EVEX && c->in.disp_bytes && (uint64_t)m.disp != (uint64_t)o->mem.disp.value)
        differs(c, OPERANDS, "displacement", (uint64_t)m.disp, (uint64_t)o->mem.disp.value);
    if (p->bytes && p->access && p->bytes * 8 != o->size && !m.vector_index)
        differs(c, WIDTH, "bits of memory", p->bytes * 8, o->size);
}

/* Where ours says more: what a move of a part keeps is read; what only an address is taken of is not touched; cmov and
 * bsf may leave it as it is. */
static bool access_is_finer(const struct insn *in, const struct insn_operand *p, unsigned theirs)
{
    if (p->access == 0)
        return theirs == ACCESS_READ || in->class == CLASS_NOP;
    return p->access == (ACCESS_READ | ACCESS_WRITE) && theirs == ACCESS_WRITE &&
           (in->class == CLASS_SSE || in->name == INSN_BSF || in->name == INSN_BSR || in->name == INSN_LAR ||
            (in->name >= INSN_CMOVO && in->name <= INSN_CMOVNLE));
}

static void compare_operand(struct comparison *c, const struct insn_operand *p, const ZydisDecodedOperand *o)
{
    static const ZydisOperandType types[] = {[OPERAND_REGISTER] = ZYDIS_OPERAND_TYPE_REGISTER,
                                             [OPERAND_MEMORY] = ZYDIS_OPERAND_TYPE_MEMORY,
                                             [OPERAND_IMMEDIATE] = ZYDIS_OPERAND_TYPE_IMMEDIATE,
                                             [OPERAND_TARGET] = ZYDIS_OPERAND_TYPE_IMMEDIATE,
                                             [OPERAND_FAR] = ZYDIS_OPERAND_TYPE_POINTER};
    bool second = p > c->in.operands && c->in.name == INSN_ENTER;
    uint64_t imm = second ? c->in.imm2 : (uint64_t)c->in.imm;
    unsigned bits = o->imm.is_signed || c->in.operand_bytes == 8 ? 64 : c->in.operand_bytes * 8u;

    if (types[p->kind] != o->type) {
        differs(c, OPERANDS, "kind of operand", p->kind, o->type);
        return;
    }
    if (p->kind == OPERAND_REGISTER && !register_is(p, o->reg.value))
        differs(c, OPERANDS, "register", p->reg | p->registers << 8 | p->bytes << 16, o->reg.value);
    if (p->kind == OPERAND_MEMORY)
        compare_memory(c, p, o);
    if ((p->kind == OPERAND_IMMEDIATE || p->kind == OPERAND_TARGET) && (imm ^ o->imm.value.u) << (64 - bits))
        differs(c, OPERANDS, "immediate", imm, o->imm.value.u);
    if (p->kind == OPERAND_FAR && ((uint32_t)c->in.imm != o->ptr.offset || c->in.imm2 != o->ptr.segment))
        differs(c, OPERANDS, "far pointer", (uint64_t)c->in.imm, o->ptr.offset);
    unsigned access = (o->actions & ZYDIS_OPERAND_ACTION_MASK_READ ? ACCESS_READ : 0) |
                      (o->actions & ZYDIS_OPERAND_ACTION_MASK_WRITE ? ACCESS_WRITE : 0);
    if (p->kind <= OPERAND_MEMORY && access != p->access && !access_is_finer(&c->in, p, access))
        differs(c, ACCESS, "access", p->access, access);
}

static void compare_operands(struct comparison *c)
{
    unsigned what = c->what;
    size_t n = strlen(c->text);

    /* Theirs hides some that ours has: st0, what strings work on. */
    if (c->in.n_operands < c->other.operand_count_visible || c->in.n_operands > c->other.operand_count) {
        differs(c, OPERANDS, "number of operands", c->in.n_operands, c->other.operand_count_visible);
        return;
    }
    for (unsigned i = 0; i < c->in.n_operands; i++)
        compare_operand(c, &c->in.operands[i], &c->operands[i]);
    if (c->what == what || c->in.class != CLASS_X87 || c->in.n_operands != 2)
        return;
    c->what = what; /* hidden ones come last, ours has the destination first */
    c->text[n] = 0;
    for (unsigned i = 0; i < 2; i++)
        compare_operand(c, &c->in.operands[i], &c->operands[1 - i]);
}

/* Whether it shifts by cl, or by the constant one. */
static bool shifts_by(const struct insn *in, enum insn_operand_kind count)
{
    const struct insn_operand *p = &in->operands[in->n_operands ? in->n_operands - 1 : 0];

    if (count == OPERAND_IMMEDIATE)
        return in->map == 0 && (in->opcode == 0xd0 || in->opcode == 0xd1);
    return in->n_operands > 1 && p->kind == count && p->bytes == 1 && p->reg == 1 &&
           p->registers == REGISTERS_GENERAL &&
           (in->map == 0 ? in->opcode == 0xd2 || in->opcode == 0xd3 : in->opcode == 0xa5 || in->opcode == 0xad);
}

static void compare_flags(struct comparison *c)
{
    static const ZydisAccessedFlags none;
    const ZydisAccessedFlags *f = c->other.cpu_flags ? c->other.cpu_flags : &none;
    unsigned ours = FLAG_C | FLAG_P | FLAG_A | FLAG_Z | FLAG_S | FLAG_O | FLAG_D | FLAG_I;
    unsigned written = f->modified | f->set_0 | f->set_1;

    if (shifts_by(&c->in, OPERAND_REGISTER)) /* by cl: by 0 it keeps them, which theirs does not tell */
        c->in.flags_read = (uint16_t)f->tested;
    if (shifts_by(&c->in, OPERAND_IMMEDIATE)) /* by one: then O is known, which theirs tells sometimes */
        ours &= ~(unsigned)FLAG_O;
    if ((c->in.flags_read & ours) != (f->tested & ours))
        differs(c, FLAGS, "flags read", c->in.flags_read & ours, f->tested & ours);
    if ((c->in.flags_written & ours) != (written & ours))
        differs(c, FLAGS, "flags written", c->in.flags_written & ours, written & ours);
    if ((c->in.flags_undefined & ours) != (f->undefined & ours))
        differs(c, FLAGS, "flags undefined", c->in.flags_undefined & ours, f->undefined & ours);
}

static unsigned known_to_differ(const struct comparison *c)
{
    for (unsigned i = 0; i < sizeof no_rows / sizeof no_rows[0]; i++)
        if (c->other.meta.isa_ext == no_rows[i].ext)
            return ALL;
    for (unsigned i = 0; i < sizeof known / sizeof known[0]; i++)
        if (c->other.mnemonic == known[i].name)
            return known[i].what;
    if (c->other.meta.isa_ext == ZYDIS_ISA_EXT_SVM) /* theirs writes rax and ecx out */
        return OPERANDS;
    return c->in.class == CLASS_SYSTEM || c->in.class == CLASS_PRIVILEGED ? FLAGS : 0; /* theirs tells few of them */
}

static void compare_contents(struct comparison *c)
{
    if (c->in.encoding >= ENCODING_EVEX) /* they have no rows: memory alone */
        return;
    if (!same_name(insn_name_text((enum insn_name)c->in.name), ZydisMnemonicGetString(c->other.mnemonic)))
        differs(c, NAME, "name", c->in.name, (uint64_t)c->other.mnemonic);
    compare_operands(c);
    compare_flags(c);
}

enum decode_verdict decode_compare(const uint8_t *bytes, size_t n, enum decode_mode mode, char text[DECODE_TEXT_MAX])
{
    struct comparison c = {.text = text};
    bool valid = ZYAN_SUCCESS(ZydisDecoderDecodeFull(decoder(mode), bytes, n, &c.other, c.operands));
    int length = decode_insn(bytes, n, mode, &c.in);
    unsigned but;

    text[0] = 0;
    if (!valid && length < 0)
        return DECODE_SAME;
    snprintf(text, DECODE_TEXT_MAX, "%s, other %s", length > 0 ? insn_name_text((enum insn_name)c.in.name) : "invalid",
             valid ? ZydisMnemonicGetString(c.other.mnemonic) : "invalid");
    if (!valid && c.in.encoding >= ENCODING_EVEX)
        return DECODE_KNOWN; /* no rows: which of them there are is not known */
    if (!valid && length > 0 && c.in.name == INSN_PCOMMIT)
        return DECODE_KNOWN; /* theirs has forgotten it */
    but = valid ? known_to_differ(&c) : 0;
    if (!valid || length != c.other.length)
        differs(&c, VALIDITY, "length", (uint64_t)length, c.other.length);
    else
        compare_contents(&c);
    return c.what & ~but ? DECODE_DIFFERENT : c.what ? DECODE_KNOWN : DECODE_SAME;
}

unsigned decode_oracle_length(const uint8_t *bytes, size_t n)
{
    ZydisDecodedInstruction in;

    return ZYAN_SUCCESS(ZydisDecoderDecodeInstruction(decoder(DECODE_64), NULL, bytes, n, &in)) ? in.length : 0;
}

#else

bool decode_oracle(void)
{
    puts("# no Zydis to compare with (Debian package libzydis-dev)");
    return false;
}

enum decode_verdict decode_compare(const uint8_t *bytes, size_t n, enum decode_mode mode, char text[DECODE_TEXT_MAX])
{
    text[0] = 0;
    return DECODE_SAME;
}

unsigned decode_oracle_length(const uint8_t *bytes, size_t n)
{
    return 0;
}
#endif
