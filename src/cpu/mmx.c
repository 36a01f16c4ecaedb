/* SPDX-License-Identifier: Apache-2.0 */
/*
 * MMX: integers in the low 64 bits of the x87 registers. Every one of its instructions but emms marks all of these as
 * in use and makes register 0 the top; writing one sets its sign and exponent to ones (Intel 1, 9.5 and 9.6). The work
 * is done by the instruction's form for vector registers, so that the host's x87 stays untouched.
 */
#include "cpu/fpu.h"
#include "cpu/sse.h"

static inline vec low(uint64_t v)
{
    return (vec){(long long)v, 0};
}

/* The rm operand of `bytes`. */
#define FETCH(cpu, op, bits, into)                                                                                     \
    do {                                                                                                               \
        MMX_ALLOWED(cpu, op);                                                                                          \
        if (!((op)->flags & OP_MEMORY)) {                                                                              \
            into = (uint##bits##_t)mmx_get(cpu, (op)->rm);                                                             \
        } else {                                                                                                       \
            uint##bits##_t fetched;                                                                                    \
            if (!op_load##bits(cpu, op, &fetched))                                                                     \
                return;                                                                                                \
            into = fetched;                                                                                            \
        }                                                                                                              \
    } while (0)
#define DELIVER(cpu, op, value)                                                                                        \
    do {                                                                                                               \
        mmx_state(cpu);                                                                                                \
        mmx_set(cpu, (op)->reg, value);                                                                                \
        NEXT(cpu, op);                                                                                                 \
    } while (0)

/* ---- Rows of sse_integer.def ----------------------------------------------------------------------------------- */

enum form { PLAIN, JOIN };

#define HANDLER(NAME, TEXT, FORM, BITS)                                                                                \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        uint64_t source;                                                                                               \
        FETCH(cpu, op, BITS, source);                                                                                  \
        vec a = low(mmx_get(cpu, op->reg)), b = low(source);                                                           \
        if ((FORM) == JOIN)                                                                                            \
            a = b = (vec){a[0], b[0]};                                                                                 \
        __asm__(TEXT " %1, %0" : "+x"(a) : "x"(b));                                                                    \
        DELIVER(cpu, op, (uint64_t)a[0]);                                                                              \
    }
#define BOTH(NAME, TEXT, FORM) HANDLER(NAME, TEXT, FORM, 64)
#include "cpu/sse_integer.def"
HANDLER(PUNPCKLBW, "punpcklbw", PLAIN, 32)
HANDLER(PUNPCKLWD, "punpcklwd", PLAIN, 32)
HANDLER(PUNPCKLDQ, "punpckldq", PLAIN, 32)

/* The upper halves of 64 bits interleaved are the upper half of the low halves of 128 interleaved. */
#define UPPER(NAME, TEXT)                                                                                              \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        uint64_t source;                                                                                               \
        FETCH(cpu, op, 64, source);                                                                                    \
        vec a = low(mmx_get(cpu, op->reg)), b = low(source);                                                           \
        __asm__(TEXT " %1, %0" : "+x"(a) : "x"(b));                                                                    \
        DELIVER(cpu, op, (uint64_t)a[1]);                                                                              \
    }
UPPER(PUNPCKHBW, "punpcklbw")
UPPER(PUNPCKHWD, "punpcklwd")
UPPER(PUNPCKHDQ, "punpckldq")

#define ROW(NAME)              [INSN_##NAME - SSE_NAMES_FIRST] = NAME,
#define BOTH(NAME, TEXT, FORM) ROW(NAME)
static op_handler *const rows[SSE_NAMES] = {
#include "cpu/sse_integer.def"
    ROW(PUNPCKLBW) ROW(PUNPCKLWD) ROW(PUNPCKLDQ) ROW(PUNPCKHBW) ROW(PUNPCKHWD) ROW(PUNPCKHDQ)};

/* ---- Shuffles --------------------------------------------------------------------------------------------------- */

static void shuffle_bytes(struct cpu *cpu, const struct op *op)
{
    uint64_t source;
    FETCH(cpu, op, 64, source);
    vec a = low(mmx_get(cpu, op->reg)), b = low(source & UINT64_C(0x8787878787878787));
    __asm__("pshufb %1, %0" : "+x"(a) : "x"(b));
    DELIVER(cpu, op, (uint64_t)a[0]);
}
static void shuffle_words(struct cpu *cpu, const struct op *op)
{
    uint64_t source, r = 0;
    FETCH(cpu, op, 64, source);
    for (unsigned i = 0; i < 4; i++)
        r |= (source >> 16 * (op->extra >> 2 * i & 3) & 0xffff) << 16 * i;
    DELIVER(cpu, op, r);
}
static void align(struct cpu *cpu, const struct op *op)
{
    uint64_t source, r = 0;
    FETCH(cpu, op, 64, source);
    unsigned __int128 both = (unsigned __int128)mmx_get(cpu, op->reg) << 64 | source;
    if (op->extra < 16)
        r = (uint64_t)(both >> 8 * op->extra);
    DELIVER(cpu, op, r);
}

#define SHIFTS(row)                                                                                                    \
    row(PSRLW, "psrlw") row(PSRLD, "psrld") row(PSRLQ, "psrlq") row(PSRAW, "psraw") row(PSRAD, "psrad")                \
        row(PSLLW, "psllw") row(PSLLD, "pslld") row(PSLLQ, "psllq")
#define SHIFT(NAME, TEXT)                                                                                              \
    static void NAME##_immediate(struct cpu *cpu, const struct op *op)                                                 \
    {                                                                                                                  \
        MMX_ALLOWED(cpu, op);                                                                                          \
        vec a = low(mmx_get(cpu, op->reg)), b = low(op->extra);                                                        \
        __asm__(TEXT " %1, %0" : "+x"(a) : "x"(b));                                                                    \
        DELIVER(cpu, op, (uint64_t)a[0]);                                                                              \
    }
SHIFTS(SHIFT)

/* ---- Words and signs, general registers ------------------------------------------------------------------------- */

static void insert_word(struct cpu *cpu, const struct op *op)
{
    uint16_t word;
    MMX_ALLOWED(cpu, op);
    if (!(op->flags & OP_MEMORY))
        word = (uint16_t)cpu->gpr[op->rm];
    else if (!op_load16(cpu, op, &word))
        return;
    unsigned at = op->extra * 16;
    uint64_t r = (mmx_get(cpu, op->reg) & ~(UINT64_C(0xffff) << at)) | (uint64_t)word << at;
    DELIVER(cpu, op, r);
}
static void extract_word(struct cpu *cpu, const struct op *op)
{
    MMX_ALLOWED(cpu, op);
    mmx_state(cpu);
    cpu->gpr[op->reg] = (uint16_t)(mmx_get(cpu, op->rm & 7) >> 16 * op->extra);
    NEXT(cpu, op);
}
static void signs(struct cpu *cpu, const struct op *op)
{
    uint32_t r;
    MMX_ALLOWED(cpu, op);
    mmx_state(cpu);
    vec a = low(mmx_get(cpu, op->rm & 7));
    __asm__("pmovmskb %1, %0" : "=r"(r) : "x"(a));
    cpu->gpr[op->reg] = r;
    NEXT(cpu, op);
}

/* ---- Moves ------------------------------------------------------------------------------------------------------ */

static void load_64(struct cpu *cpu, const struct op *op)
{
    uint64_t v;
    FETCH(cpu, op, 64, v);
    DELIVER(cpu, op, v);
}
static void store_64(struct cpu *cpu, const struct op *op)
{
    MMX_ALLOWED(cpu, op);
    if (!(op->flags & OP_MEMORY))
        mmx_set(cpu, op->rm, mmx_get(cpu, op->reg));
    else if (!op_store64(cpu, op, mmx_get(cpu, op->reg)))
        return;
    mmx_state(cpu);
    NEXT(cpu, op);
}
/* From and to a general register or memory; op->extra: all 64 bits. */
static void load_general(struct cpu *cpu, const struct op *op)
{
    uint64_t wide;
    uint32_t v;
    MMX_ALLOWED(cpu, op);
    if (!(op->flags & OP_MEMORY)) {
        wide = op->extra ? cpu->gpr[op->rm] : (uint32_t)cpu->gpr[op->rm];
    } else if (op->extra) {
        if (!op_load64(cpu, op, &wide))
            return;
    } else {
        if (!op_load32(cpu, op, &v))
            return;
        wide = v;
    }
    DELIVER(cpu, op, wide);
}
static void store_general(struct cpu *cpu, const struct op *op)
{
    MMX_ALLOWED(cpu, op);
    uint64_t v = mmx_get(cpu, op->reg);
    if (!(op->flags & OP_MEMORY))
        cpu->gpr[op->rm] = op->extra ? v : (uint32_t)v;
    else if (!(op->extra ? op_store64(cpu, op, v) : op_store32(cpu, op, (uint32_t)v)))
        return;
    mmx_state(cpu);
    NEXT(cpu, op);
}
static void masked_store(struct cpu *cpu, const struct op *op)
{
    MMX_ALLOWED(cpu, op);
    if (!sse_masked_store(cpu, op, cpu->fpu.x87[op->reg], cpu->fpu.x87[op->rm], 8))
        return;
    mmx_state(cpu);
    NEXT(cpu, op);
}
static void emms(struct cpu *cpu, const struct op *op)
{
    MMX_ALLOWED(cpu, op);
    cpu->fpu.empty = 0xff;
    cpu->fpu.top = 0;
    NEXT(cpu, op);
}

/* ---- Binding ---------------------------------------------------------------------------------------------------- */

static op_handler *shift_immediate(const struct insn *insn)
{
    switch (insn->name) {
#define CASE(NAME, TEXT)                                                                                               \
    case INSN_##NAME:                                                                                                  \
        return NAME##_immediate;
        SHIFTS(CASE)
    default:
        return NULL;
    }
}

/* Those with general registers or an immediate: op->reg, rm and extra are set beyond the usual. */
static op_handler *other_handler(const struct insn *insn, struct op *op)
{
    switch (insn->name) {
    case INSN_EMMS:
        return emms;
    case INSN_PSHUFB:
        return shuffle_bytes;
    case INSN_PSHUFW:
        return shuffle_words;
    case INSN_PALIGNR:
        return align;
    case INSN_PINSRW:
        op->rm = (uint8_t)insn_rm(insn);
        op->extra &= 3;
        return insert_word;
    case INSN_PEXTRW:
        op->reg = (uint8_t)insn_reg(insn);
        op->extra &= 3;
        return extract_word;
    case INSN_PMOVMSKB:
        op->reg = (uint8_t)insn_reg(insn);
        return signs;
    case INSN_MASKMOVQ:
        op->segment = insn->memory.segment;
        return masked_store;
    case INSN_MOVNTQ:
        return store_64;
    case INSN_MOVD:
    case INSN_MOVQ:
        if (insn->opcode == 0x6f || insn->opcode == 0x7f)
            return insn->opcode == 0x6f ? load_64 : store_64;
        op->rm = (uint8_t)insn_rm(insn);
        op->extra = insn->name == INSN_MOVQ;
        return insn->opcode == 0x6e ? load_general : store_general;
    default:
        return rows[insn->name - SSE_NAMES_FIRST];
    }
}

bool bind_mmx(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    if (insn->encoding != ENCODING_LEGACY || insn->name < SSE_NAMES_FIRST || insn->name > SSE_NAMES_LAST)
        return false;               /* femms */
    op->reg = insn->modrm >> 3 & 7; /* REX does not reach MMX registers */
    op->rm = insn->modrm & 7;
    op->extra = (uint8_t)insn->imm;
    if (insn->map == 1 && insn->opcode >= 0x71 && insn->opcode <= 0x73) {
        op->reg = op->rm;
        op->run = shift_immediate(insn);
    } else {
        op->run = other_handler(insn, op);
    }
    return op->run != NULL;
}
