/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is not compared with libunicorn, each with its reason: what it has not got (ports, a model like ours), what it
 * means to do differently (it stops where others deliver), and its faults, which differ in every run and would hide the
 * rest.
 */
#include "cpu/tool/fuzz.h"

#include <string.h>

static const struct {
    enum insn_name name;
    const char *reason;
} left_out[] = {
    {INSN_IN, "no ports"},
    {INSN_OUT, "no ports"},
    {INSN_INS, "no ports"},
    {INSN_OUTS, "no ports"},
    {INSN_HLT, "no interrupts"},
    {INSN_INT, "it stops there, before or behind it"},
    {INSN_INT3, "it stops there, before or behind it"},
    {INSN_INT1, "it stops there, before or behind it"},
    {INSN_INTO, "it stops there, before or behind it"},
    {INSN_CPUID, "another model"},
    {INSN_RDTSC, "another counter"},
    {INSN_RDTSCP, "another counter"},
    {INSN_RDPMC, "another counter"},
    {INSN_RDMSR, "another model's registers"},
    {INSN_WRMSR, "another model's registers"},
    {INSN_RDRAND, "random"},
    {INSN_RDSEED, "random"},
    {INSN_SYSCALL, "hooked by it"},
    {INSN_SYSENTER, "hooked by it"},
    {INSN_SYSRET, "wants STAR to be set up"},
    {INSN_SYSEXIT, "wants registers to be set up"},
    {INSN_MONITOR, "another model"},
    {INSN_MWAIT, "another model"},
    {INSN_RSM, "another model"},
};

/* Of what the case is that is being made; an excluder knows the instruction alone. */
static struct {
    unsigned mode, ring;
} making;

void fuzz_unicorn_makes(unsigned mode, unsigned ring)
{
    making.mode = mode;
    making.ring = ring;
}

static bool writes_memory(const struct insn *insn)
{
    for (unsigned i = 0; i < insn->n_operands; i++)
        if (insn->operands[i].kind == OPERAND_MEMORY && (insn->operands[i].access & ACCESS_WRITE))
            return true;
    return false;
}

/* The same, of code of 32 and 16 bits and of ring 3. */
static const char *known_fault_of_mode(const struct insn *insn)
{
    if (making.ring == 3 && insn->class == CLASS_FAR)
        return "it reads and writes the stack of far calls and returns with the supervisor's rights";
    if (making.mode == 64)
        return NULL;
    if (insn->has_memory && insn->memory.segment == SEG_CS && writes_memory(insn))
        return "it does not look whether a segment may be written";
    if (insn->has_memory && making.mode == 16 && insn->address_bytes != 2)
        return "it does not look at limits of segments";
    if (insn->name == INSN_PUSH && insn->operands[0].kind == OPERAND_REGISTER &&
        insn->operands[0].registers == REGISTERS_SEGMENT)
        return "it writes zeros above the selector (the host leaves what was there, as we do)";
    if (insn->name == INSN_PUSHA)
        return "it stores the last register first (the host the first, as we do)";
    if (insn->name == INSN_ARPL)
        return "it stores what has not changed, too (the host does not, as we do not)";
    bool loads = insn->name == INSN_LDS || insn->name == INSN_LES;
    for (unsigned i = 0; i < insn->n_operands; i++)
        loads = loads || (insn->operands[i].kind == OPERAND_REGISTER && (insn->operands[i].access & ACCESS_WRITE) &&
                          insn->operands[i].registers == REGISTERS_SEGMENT);
    if (loads)
        return "it does not look what a segment allows when it is used";
    if (insn->name == INSN_SMSW)
        return "what is above the 16 bits is undefined";
    return NULL;
}

/* What this library does in another way than processors do. Each of these was found by this comparison and read up in
 * Intel's manuals; of those that user mode can do, the host does as we do. */
static const char *known_fault(const struct insn *insn)
{
    bool near =
        insn->class == CLASS_JCC || insn->class == CLASS_JUMP || insn->class == CLASS_CALL || insn->class == CLASS_LOOP;
    bool through =
        insn->class == CLASS_RETURN || insn->class == CLASS_JUMP_INDIRECT || insn->class == CLASS_CALL_INDIRECT;
    if (near && (insn->prefixes & PREFIX_OPERAND))
        return "it cuts targets to 16 bits, as AMD's do";
    if (through)
        return "it does not look whether a target is canonical, and is ended by some";
    if (insn->name == INSN_SCAS || insn->name == INSN_CMPS)
        return "its flags after a repetition that failed are others";
    if (insn->class == CLASS_STRING && insn->address_bytes == 4)
        return "of a repetition of none, it leaves the upper half of rcx (so may a processor)";
    if (insn->class == CLASS_NOP)
        return "it does not know all forms";
    switch (insn->name) {
    case INSN_CLFLUSH:
    case INSN_CLWB:
    case INSN_CLFLUSHOPT:
    case INSN_POPCNT:
        return "its model has not got it";
    case INSN_CMPXCHG8B:
        return "it forgets flags from before it, which it should leave alone";
    case INSN_RET_FAR:
        return "it does not look whether its stack's address is canonical";
    case INSN_STR:
    case INSN_LTR:
        return "it has no task register to begin with, and takes a null one";
    case INSN_ENTER:
        return "it does not check what its frame will need";
    case INSN_LGDT:
    case INSN_LIDT:
        return "it does not look whether a base is canonical";
    case INSN_IRET:
        return "it enters virtual-8086 mode from long mode";
    case INSN_LAR:
        return "bits 16 to 19 are undefined";
    case INSN_RCL:
    case INSN_RCR:
        return "its carry and overflow are others for some counts";
    case INSN_LSS:
    case INSN_LFS:
    case INSN_LGS:
        return "it has no 64-bit offsets, as AMD's";
    case INSN_SHLD:
    case INSN_SHRD:
        return "it forgets the immediate in addresses relative to rip";
    case INSN_SAHF:
    case INSN_LAHF:
        return insn->prefixes & PREFIX_REX ? "it takes spl for ah" : NULL;
    case INSN_SIDT:
    case INSN_SGDT:
        return "it has stored the limit when the base cannot be, and cuts that to 24 bits in 64-bit mode, too";
    case INSN_LOOPE:
    case INSN_LOOPNE:
        return "it forgets the carry that a rotation before it made";
    case INSN_NEG:
        return insn->prefixes & PREFIX_LOCK ? "its flags after lock neg are wrong" : NULL;
    case INSN_BSWAP:
        return insn->operand_bytes == 2 ? "undefined" : NULL;
    case INSN_BSF:
    case INSN_BSR:
        /* Undefined; the host leaves all of it, as we do. */
        return insn->operand_bytes == 4 ? "it zeroes the upper half of a register when the source is 0" : NULL;
    case INSN_CMPXCHG:
        return insn->operand_bytes == 4 ? "it zeroes the upper half of a register that did not match" : NULL;
    case INSN_TEST:
        return (insn->opcode & 0xfe) == 0xf6 && (insn->modrm >> 3 & 7) == 1 ? "it does not know this form" : NULL;
    case INSN_MOV:
        if (insn->map == 0 && (insn->opcode & 0xfe) == 0xc6 && (insn->rex & REX_R))
            return "it takes REX.R for a part of the digit";
        return insn->map == 1 && insn->opcode == 0x22 ? "it does not check reserved bits" : NULL;
    default:
        return NULL;
    }
}

const char *fuzz_excluded_unicorn(const struct insn *insn, const struct cpu_model *model)
{
    const char *reason = fuzz_excluded(insn, model);
    bool system = insn->class == CLASS_SYSTEM || insn->class == CLASS_PRIVILEGED || insn->class == CLASS_FAR;
    if (reason && strncmp(reason, "the model", 9) == 0)
        return reason;
    if (insn->encoding != ENCODING_LEGACY || insn->class >= CLASS_X87 || insn->class == CLASS_TRANSACTION)
        return "compared with the host";
    for (size_t i = 0; i < sizeof left_out / sizeof *left_out; i++)
        if (left_out[i].name == insn->name)
            return left_out[i].reason;
    /* Of 0F 01, 0F AE, 0F C7, 0F 38 and 0F 3A the two models have different parts. */
    if (insn->map == 1 && (insn->opcode == 0x01 || insn->opcode == 0xae || insn->opcode == 0xc7) &&
        insn->modrm >= 0xc0 && insn->name != INSN_SMSW && insn->name != INSN_LMSW)
        return "another model";
    if (insn->map >= 2 || (insn->map == 1 && (insn->opcode == 0x21 || insn->opcode == 0x23)))
        return "another model";
    if (reason && !system && insn->class != CLASS_INT)
        return reason;
    reason = known_fault_of_mode(insn);
    return reason ? reason : known_fault(insn);
}
