/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding (Intel's manual, volume 2, chapter 2): prefixes, opcode, ModRM, the row that matches, addressing, operands.
 * Reads at most the n bytes that it was given, through next(); writes *out alone.
 */
#include "cpu/decode/decode.h"

#include "cpu/decode/row.h"

#include <errno.h>
#include <string.h>

enum { LENGTH_MAX = 15 };

struct reader {
    const uint8_t *bytes;
    unsigned at, n;
    bool over; /* something was read that is not there */
    enum decode_mode mode;
    uint8_t pp; /* mandatory prefix as VEX numbers it: none, 66, f3, f2 */
    bool w;
    uint8_t segment;              /* override; INSN_REGISTER_NONE */
    uint8_t reg_high, index_high; /* EVEX: bit 4 of the register in reg, of a vector index (rm: bit X) */
    bool vvvv_used;
};

static uint8_t next(struct reader *r)
{
    if (r->at < r->n)
        return r->bytes[r->at++];
    r->over = true;
    return 0;
}

/* Little-endian, sign-extended. */
static int64_t next_signed(struct reader *r, unsigned bytes)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < bytes; i++)
        v |= (uint64_t)next(r) << (8 * i);
    unsigned unused = 64 - 8 * bytes;
    return bytes ? (int64_t)(v << unused) >> unused : 0;
}

/* ---- Prefixes and opcode ------------------------------------------------------------------------------------- */

static bool legacy_prefix(struct reader *r, struct insn *o, uint8_t byte)
{
    switch (byte) {
    case 0xf0:
        o->prefixes |= PREFIX_LOCK;
        return true;
    case 0xf2:
        o->prefixes = (o->prefixes | PREFIX_REPNE) & (uint8_t)~PREFIX_REP;
        return true;
    case 0xf3:
        o->prefixes = (o->prefixes | PREFIX_REP) & (uint8_t)~PREFIX_REPNE;
        return true;
    case 0x66:
        o->prefixes |= PREFIX_OPERAND;
        return true;
    case 0x67:
        o->prefixes |= PREFIX_ADDRESS;
        return true;
    case 0x26: /* es, cs, ss, ds: nothing in 64-bit mode, nor do they undo fs and gs */
    case 0x2e:
    case 0x36:
    case 0x3e:
        if (r->mode != DECODE_64)
            r->segment = byte >> 3 & 3;
        return true;
    case 0x64:
    case 0x65:
        r->segment = byte - 0x60;
        return true;
    default:
        return false;
    }
}

/* The byte after the prefixes. A REX counts only just before the opcode. */
static uint8_t prefixes(struct reader *r, struct insn *o)
{
    for (;;) {
        uint8_t byte = next(r);

        if (legacy_prefix(r, o, byte)) {
            o->rex = 0;
            o->prefixes &= (uint8_t)~PREFIX_REX;
        } else if (r->mode == DECODE_64 && (byte & 0xf0) == 0x40 && !r->over) {
            o->rex = byte & 15;
            o->prefixes |= PREFIX_REX;
        } else {
            return byte;
        }
    }
}

static void legacy_opcode(struct reader *r, struct insn *o, uint8_t byte)
{
    r->w = o->rex & REX_W;
    r->pp = o->prefixes & PREFIX_REP ? 2 : o->prefixes & PREFIX_REPNE ? 3 : o->prefixes & PREFIX_OPERAND ? 1 : 0;
    o->map = MAP_0;
    if (byte == 0x0f) {
        byte = next(r);
        o->map = MAP_0F;
        if (byte == 0x38 || byte == 0x3a) {
            o->map = byte == 0x38 ? MAP_38 : MAP_3A;
            byte = next(r);
        }
    }
    o->opcode = byte;
}

/* VEX and EVEX hold what these prefixes would say, and are invalid with them. */
static bool fit_for_vex(const struct insn *o)
{
    return !(o->prefixes & (PREFIX_LOCK | PREFIX_REP | PREFIX_REPNE | PREFIX_OPERAND | PREFIX_REX));
}

static void vex_common(struct reader *r, struct insn *o, uint8_t wvvvvlpp)
{
    r->w = wvvvvlpp & 0x80;
    r->pp = wvvvvlpp & 3;
    o->vvvv = ~wvvvvlpp >> 3 & 15;
    if (r->w)
        o->rex |= REX_W;
    if (r->mode != DECODE_64)
        o->rex &= REX_W; /* the others are opcode bits of les, lds, bound there, or without effect */
}

/* c5, and c4 and 8f, which have a byte more and the map in it. */
static bool vex_opcode(struct reader *r, struct insn *o, uint8_t byte)
{
    uint8_t first = next(r), second = first & 0x7f;

    o->map = MAP_0F;
    o->rex = ~first >> 5 & REX_R;
    if (byte != 0xc5) {
        o->rex = ~first >> 5 & 7;
        o->map = first & 31;
        second = next(r);
    }
    vex_common(r, o, second);
    o->encoding = byte == 0x8f ? ENCODING_XOP : ENCODING_VEX;
    o->vector_bytes = second & 4 ? 32 : 16;
    o->opcode = next(r);
    if (byte == 0x8f)
        return fit_for_vex(o) && o->map <= 10 && r->pp == 0;
    return fit_for_vex(o) && o->map >= MAP_0F && o->map <= MAP_3A;
}

static bool evex_opcode(struct reader *r, struct insn *o)
{
    uint8_t p0 = next(r), p1 = next(r), p2 = next(r);

    o->encoding = ENCODING_EVEX;
    o->map = p0 & 7;
    o->rex = ~p0 >> 5 & 7;
    vex_common(r, o, p1);
    if (r->mode == DECODE_64) {
        r->reg_high = ~p0 & 0x10;
        r->index_high = (uint8_t)((~p2 & 8) << 1);
        o->vvvv |= (uint8_t)((~p2 & 8) << 1);
    }
    o->evex_mask = p2 & 7;
    o->evex_zeroing = p2 & 0x80;
    o->evex_broadcast = p2 & 0x10;
    o->vector_bytes = (uint8_t)(16 << (p2 >> 5 & 3));
    o->opcode = next(r);
    return fit_for_vex(o) && !(p0 & 8) && (p1 & 4) && o->map != 0 && o->map != 4 && o->map != 7;
}

/* Whether c4, c5, 62 begin VEX or EVEX: always in 64-bit mode, else where les, lds, bound would have a register. 8f
 * begins XOP where pop would have another digit than 0. */
static bool begins_vex(const struct reader *r, uint8_t byte)
{
    uint8_t behind = r->at < r->n ? r->bytes[r->at] : 0;

    if (byte == 0x8f)
        return (behind & 31) >= 8;
    if (byte != 0xc4 && byte != 0xc5 && byte != 0x62)
        return false;
    return r->mode == DECODE_64 || behind >= 0xc0;
}

static bool opcode(struct reader *r, struct insn *o)
{
    uint8_t byte = prefixes(r, o);

    o->vector_bytes = 16;
    if (!begins_vex(r, byte)) {
        legacy_opcode(r, o, byte);
        return true;
    }
    return byte == 0x62 ? evex_opcode(r, o) : vex_opcode(r, o, byte);
}

/* ---- The row ------------------------------------------------------------------------------------------------- */

/* The row of what has no rows by opcode: 0 without an immediate, 1 with one byte, 2 with four. */
static unsigned bare_row(const struct insn *o)
{
    if (o->encoding == ENCODING_XOP)
        return o->map == 8 ? 1 : o->map == 10 ? 2 : 0;
    return o->map == MAP_3A || (o->map == MAP_0F && ((o->opcode >= 0x70 && o->opcode <= 0x73) || o->opcode == 0xc2 ||
                                                     (o->opcode >= 0xc4 && o->opcode <= 0xc6)));
}

static const struct insn_row *find_row(struct reader *r, struct insn *o)
{
    bool bare = o->encoding >= ENCODING_EVEX;
    unsigned map = bare ? (unsigned)MAP_0F : o->map, opcode = bare ? bare_row(o) : o->opcode;
    unsigned last = insn_rows_of(o->encoding, map, opcode);

    if (!last)
        return NULL;
    if (insn_rows[last - 1].modrm) {
        o->has_modrm = true;
        o->modrm = next(r);
    }
    uint32_t state = r->pp | (o->modrm >> 3 & 7u) << FORM_DIGIT | (uint32_t)(o->modrm >= 0xc0) << FORM_MOD |
                     (o->modrm & 7u) << FORM_RM | (uint32_t)r->w << FORM_W |
                     (uint32_t)(o->vector_bytes >> 5) << FORM_L | (uint32_t)(r->mode == DECODE_64) << FORM_MODE |
                     (uint32_t)(o->rex & REX_B) << FORM_REXB | (uint32_t)o->encoding << FORM_ENCODING;
    for (const struct insn_row *row = &insn_rows[last - 1]; row >= insn_rows; row--) {
        if (row->map != map || row->opcode != opcode)
            break;
        if ((state & row->mask) == row->match)
            return row;
    }
    return NULL;
}

static void sizes(const struct reader *r, const struct insn_row *row, struct insn *o)
{
    bool small = o->prefixes & PREFIX_OPERAND, address = o->prefixes & PREFIX_ADDRESS;

    if (r->mode == DECODE_64) {
        bool wide = r->w || (row->attributes & F64) || ((row->attributes & D64) && !small);

        o->operand_bytes = wide ? 8 : small ? 2 : 4;
        o->address_bytes = address ? 4 : 8;
    } else {
        o->operand_bytes = small == (r->mode == DECODE_16) ? 4 : 2;
        o->address_bytes = address == (r->mode == DECODE_16) ? 4 : 2;
    }
}

/* ---- Addressing ---------------------------------------------------------------------------------------------- */

static void displacement(struct reader *r, struct insn *o, unsigned bytes)
{
    o->disp_offset = (uint8_t)r->at;
    o->disp_bytes = (uint8_t)bytes;
    o->memory.disp = next_signed(r, bytes);
}

static void address_16(struct reader *r, struct insn *o)
{
    static const uint8_t bases[] = {3, 3, 5, 5, 6, 7, 5, 3}; /* bx bx bp bp si di bp bx */
    unsigned mod = o->modrm >> 6, rm = o->modrm & 7;

    o->memory.base = mod == 0 && rm == 6 ? INSN_REGISTER_NONE : bases[rm];
    if (rm < 4) {
        o->memory.index = rm & 1 ? 7 : 6;
        o->memory.scale = 1;
    }
    displacement(r, o, o->memory.base == INSN_REGISTER_NONE ? 2 : mod);
}

static void sib(struct reader *r, struct insn *o, bool vector_index)
{
    o->has_sib = true;
    o->sib = next(r);
    unsigned index = (o->sib >> 3 & 7u) | (o->rex & REX_X ? 8 : 0);

    o->memory.base = (o->sib & 7) | (o->rex & REX_B ? 8 : 0);
    if (vector_index || index != 4) {
        o->memory.index = (uint8_t)(index | (vector_index ? r->index_high : 0));
        o->memory.scale = (uint8_t)(1 << (o->sib >> 6));
        o->memory.vector_index = vector_index;
    }
}

static void address_32(struct reader *r, struct insn *o, bool vector_index)
{
    unsigned mod = o->modrm >> 6, rm = o->modrm & 7, bytes = mod == 1 ? 1 : mod == 2 ? 4 : 0;

    if (rm == 4)
        sib(r, o, vector_index);
    else
        o->memory.base = (uint8_t)(rm | (o->rex & REX_B ? 8 : 0));
    if (mod == 0 && (rm == 4 ? o->sib & 7 : rm) == 5) { /* the displacement alone; or from here on */
        o->memory.base = INSN_REGISTER_NONE;
        o->memory.rip_relative = rm == 5 && r->mode == DECODE_64;
        bytes = 4;
    }
    displacement(r, o, bytes);
}

/* es to gs; the stack's segment goes with its registers. */
static uint8_t segment(const struct reader *r, uint8_t base)
{
    if (r->segment != INSN_REGISTER_NONE)
        return r->segment;
    return base == 4 || base == 5 ? 2 : 3;
}

static bool address(struct reader *r, const struct insn_row *row, struct insn *o)
{
    bool vector_index = OPERAND_PLACE(row->operands >> 16) == PLACE_VM;

    o->memory = (struct insn_memory){.base = INSN_REGISTER_NONE, .index = INSN_REGISTER_NONE};
    o->memory.segment = segment(r, INSN_REGISTER_NONE); /* maskmovdqu has memory that is not written out */
    if (!o->has_modrm || o->modrm >= 0xc0 || (row->attributes & REGS))
        return true;
    o->has_memory = true;
    if (o->address_bytes == 2)
        address_16(r, o);
    else
        address_32(r, o, vector_index);
    o->memory.segment = segment(r, o->memory.base);
    return !vector_index || o->has_sib;
}

/* ---- Operands ------------------------------------------------------------------------------------------------ */

static unsigned width(const struct reader *r, const struct insn *o, enum operand_size size, bool memory)
{
    static const uint16_t fixed[] = {[SIZE_b] = 1,   [SIZE_w] = 2,   [SIZE_d] = 4,       [SIZE_q] = 8,   [SIZE_t] = 10,
                                     [SIZE_dq] = 16, [SIZE_qq] = 32, [SIZE_fx512] = 512, [SIZE_m64] = 64};
    unsigned v = o->operand_bytes;

    switch (size) {
    case SIZE_v:
        return v;
    case SIZE_z:
        return v == 2 ? 2 : 4;
    case SIZE_y:
        return r->w && r->mode == DECODE_64 ? 8 : 4;
    case SIZE_n:
        return r->mode == DECODE_64 ? 8 : 4;
    case SIZE_x:
        return o->vector_bytes;
    case SIZE_hx:
        return o->vector_bytes / 2;
    case SIZE_fx:
        return o->vector_bytes / 4;
    case SIZE_ex:
        return o->vector_bytes / 8;
    case SIZE_p:
        return v + 2;
    case SIZE_s:
        return r->mode == DECODE_64 ? 10 : 6;
    case SIZE_a:
        return 2 * v;
    case SIZE_env:
        return v == 2 ? 14 : 28;
    case SIZE_state:
        return v == 2 ? 94 : 108;
    case SIZE_rv:
        return memory ? 2 : v;
    case SIZE_rz:
        return memory || v == 2 ? 2 : 4;
    case SIZE_rd:
    case SIZE_rw:
        return !memory ? 4 : size == SIZE_rd ? 1 : 2;
    case SIZE_twice:
        return r->w ? 16 : 8;
    default:
        return fixed[size];
    }
}

static void set_register(struct insn_operand *p, enum insn_register_class registers, unsigned reg)
{
    p->kind = OPERAND_REGISTER;
    p->registers = registers;
    p->reg = (uint8_t)reg;
}

/* Without REX, 4 to 7 of one byte are ah, ch, dh, bh. */
static void set_general(const struct insn *o, struct insn_operand *p, unsigned reg)
{
    bool high = p->bytes == 1 && reg >= 4 && reg < 8 && !(o->prefixes & PREFIX_REX) && o->encoding == ENCODING_LEGACY;

    set_register(p, high ? REGISTERS_HIGH : REGISTERS_GENERAL, high ? reg - 4 : reg);
}

/* Registers in the reg field of ModRM. */
static bool reg_operand(const struct reader *r, const struct insn *o, enum operand_place place, struct insn_operand *p)
{
    unsigned low = o->modrm >> 3 & 7, reg = low | (o->rex & REX_R ? 8 : 0);

    switch (place) {
    case PLACE_G:
        set_general(o, p, reg);
        return true;
    case PLACE_V:
        set_register(p, REGISTERS_VECTOR, reg | r->reg_high);
        return true;
    case PLACE_P:
        set_register(p, REGISTERS_MMX, low);
        return true;
    case PLACE_S: /* six of them, and cs is not moved to */
        set_register(p, REGISTERS_SEGMENT, low);
        return low < 6 && !(p->access == ACCESS_WRITE && low == 1);
    case PLACE_C:
        set_register(p, REGISTERS_CONTROL, reg);
        return reg == 0 || (reg >= 2 && reg <= 4) || reg == 8;
    case PLACE_D:
        set_register(p, REGISTERS_DEBUG, reg);
        return reg < 8;
    default:
        set_register(p, REGISTERS_MASK, low);
        return !(o->rex & REX_R);
    }
}

/* Registers or memory in the rm field. */
static void rm_operand(const struct insn *o, enum operand_place place, struct insn_operand *p)
{
    unsigned low = o->modrm & 7, rm = low | (o->rex & REX_B ? 8 : 0);

    if (o->has_memory)
        p->kind = OPERAND_MEMORY;
    else if (place == PLACE_E)
        set_general(o, p, rm);
    else if (place == PLACE_W)
        set_register(p, REGISTERS_VECTOR, rm | (o->encoding == ENCODING_EVEX && (o->rex & REX_X) ? 16 : 0));
    else if (place == PLACE_Q)
        set_register(p, REGISTERS_MMX, low);
    else if (place == PLACE_T)
        set_register(p, REGISTERS_X87, low);
    else
        set_register(p, REGISTERS_MASK, low);
}

static bool vvvv_operand(struct reader *r, struct insn *o, enum operand_place place, struct insn_operand *p)
{
    r->vvvv_used = true;
    if (r->mode != DECODE_64)
        o->vvvv &= 7;
    if (place == PLACE_B)
        set_general(o, p, o->vvvv);
    else
        set_register(p, place == PLACE_H ? REGISTERS_VECTOR : REGISTERS_MASK, o->vvvv);
    return place != PLACE_KH || o->vvvv < 8;
}

/* Operands that are bytes of the instruction behind its address. */
static void imm_operand(struct reader *r, struct insn *o, enum operand_place place, struct insn_operand *p)
{
    unsigned bytes = p->bytes, offset = r->at;

    p->kind = place == PLACE_J ? OPERAND_TARGET : place == PLACE_A ? OPERAND_FAR : OPERAND_IMMEDIATE;
    if (place == PLACE_I2) {
        o->imm2 = next(r);
        return;
    }
    if (place == PLACE_A)
        bytes = o->operand_bytes;
    o->imm = next_signed(r, bytes);
    if (place == PLACE_U || place == PLACE_A)
        o->imm &= bytes == 1 ? 0xff : bytes == 2 ? 0xffff : 0xffffffff;
    if (place == PLACE_A)
        o->imm2 = (uint16_t)next_signed(r, 2);
    if (place == PLACE_I && bytes == 1 && o->n_operands && o->operands[0].bytes > 1)
        p->bytes = o->operands[0].bytes; /* extended to what it works with */
    o->imm_offset = (uint8_t)offset;
    o->imm_bytes = (uint8_t)bytes;
}

/* Memory that no ModRM tells of: at the address in the instruction, at rsi, rdi, rbx. */
static void implied_memory(struct reader *r, struct insn *o, enum operand_place place, struct insn_operand *p)
{
    p->kind = OPERAND_MEMORY;
    if (place == PLACE_Y) { /* beside the one at rsi, which `memory` tells of when there are both */
        if (!o->has_memory) {
            o->memory.base = 7;
            o->memory.segment = 0;
        }
        o->has_memory = true;
        return;
    }
    o->has_memory = true;
    o->memory.segment = segment(r, INSN_REGISTER_NONE);
    if (place == PLACE_O)
        displacement(r, o, o->address_bytes);
    else
        o->memory.base = place == PLACE_X ? 6 : 3;
}

/* Registers that the opcode alone tells of, and the constant 1. */
static void fixed_operand(struct insn *o, enum operand_place place, struct insn_operand *p)
{
    if (place == PLACE_Z)
        set_general(o, p, (o->opcode & 7u) | (o->rex & REX_B ? 8 : 0));
    else if (place == PLACE_ST0)
        set_register(p, REGISTERS_X87, 0);
    else if (place == PLACE_XMM0)
        set_register(p, REGISTERS_VECTOR, 0);
    else if (place == PLACE_ONE)
        p->kind = OPERAND_IMMEDIATE, o->imm = 1;
    else if (place >= PLACE_SEGMENT)
        set_register(p, REGISTERS_SEGMENT, place - PLACE_SEGMENT);
    else
        set_register(p, REGISTERS_GENERAL, place - PLACE_GENERAL);
}

static bool operand(struct reader *r, struct insn *o, unsigned word)
{
    enum operand_place place = OPERAND_PLACE(word);
    struct insn_operand *p = &o->operands[o->n_operands];

    p->access = OPERAND_ACCESS(word);
    p->bytes = (uint16_t)width(r, o, OPERAND_SIZE(word), o->has_memory);
    switch (place) {
    case PLACE_E:
    case PLACE_M:
    case PLACE_W:
    case PLACE_Q:
    case PLACE_KE:
    case PLACE_T:
    case PLACE_VM:
        rm_operand(o, place, p);
        break;
    case PLACE_G:
    case PLACE_V:
    case PLACE_P:
    case PLACE_S:
    case PLACE_C:
    case PLACE_D:
    case PLACE_K:
        if (!reg_operand(r, o, place, p))
            return false;
        break;
    case PLACE_B:
    case PLACE_H:
    case PLACE_KH:
        if (!vvvv_operand(r, o, place, p))
            return false;
        break;
    case PLACE_I:
    case PLACE_U:
    case PLACE_I2:
    case PLACE_J:
    case PLACE_A:
        imm_operand(r, o, place, p);
        break;
    case PLACE_L:
        o->imm_offset = (uint8_t)r->at;
        o->imm_bytes = 1;
        o->imm = next(r);
        set_register(p, REGISTERS_VECTOR, o->imm >> 4 & (r->mode == DECODE_64 ? 15 : 7));
        break;
    case PLACE_O:
    case PLACE_X:
    case PLACE_Y:
    case PLACE_XLAT:
        implied_memory(r, o, place, p);
        break;
    default:
        fixed_operand(o, place, p);
    }
    o->n_operands++;
    return true;
}

static bool operands(struct reader *r, const struct insn_row *row, struct insn *o)
{
    for (uint64_t words = row->operands; words & 63; words >>= 16)
        if (!operand(r, o, words & 0xffff))
            return false;
    return true;
}

/* ---- What the whole may not be ------------------------------------------------------------------------------- */

static bool sound(const struct reader *r, const struct insn_row *row, const struct insn *o)
{
    const struct insn_operand *p = o->operands;

    if ((o->prefixes & PREFIX_LOCK) && (!(row->attributes & LOCK) || !o->has_memory))
        return false;
    if (o->encoding == ENCODING_VEX && !r->vvvv_used && o->vvvv)
        return false;
    if (row->attributes & GATHER)
        return p[0].reg != p[2].reg && p[0].reg != o->memory.index && p[2].reg != o->memory.index;
    return true;
}

int decode_insn(const uint8_t *bytes, size_t n, enum decode_mode mode, struct insn *out)
{
    struct reader r = {.bytes = bytes, .n = n < LENGTH_MAX ? (unsigned)n : LENGTH_MAX, .mode = mode};
    const struct insn_row *row = NULL;
    bool valid;

    r.segment = INSN_REGISTER_NONE;
    memset(out, 0, sizeof *out);
    valid = opcode(&r, out) && (row = find_row(&r, out));
    if (valid && !r.over) {
        sizes(&r, row, out);
        valid = address(&r, row, out) && operands(&r, row, out) && sound(&r, row, out);
    }
    if (r.over)
        return n < LENGTH_MAX ? -ENODATA : -EILSEQ;
    if (!valid)
        return -EILSEQ;
    out->length = (uint8_t)r.at;
    out->pp = r.pp;
    out->row = (uint16_t)(row - insn_rows);
    out->name = row->name;
    out->class = row->class;
    out->flags_read = (uint16_t)row->flags;
    out->flags_written = (uint16_t)(row->flags >> 16);
    out->flags_undefined = (uint16_t)(row->flags >> 32);
    if (out->n_operands && out->operands[0].kind == OPERAND_TARGET)
        out->target = out->imm;
    return out->length;
}
