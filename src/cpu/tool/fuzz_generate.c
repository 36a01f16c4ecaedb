/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random programs from the table of instructions: a row is drawn, bytes that its form allows are made around it, the
 * decoder says what they are, and addresses are bent so that most accesses find memory.
 *
 * Some registers hold addresses, some small numbers, the others edges; what would overwrite an address is mostly drawn
 * again. Branches go forward, over whole instructions.
 */
#include "cpu/decode/row.h"
#include "cpu/tool/fuzz.h"

#include <string.h>

/* ---- Numbers -------------------------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t *x)
{
    uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

void rng_seed(struct rng *r, uint64_t seed, uint64_t number)
{
    uint64_t x = seed * UINT64_C(0x2545f4914f6cdd1d) ^ number;
    r->s[0] = mix(&x);
    r->s[1] = mix(&x) | 1;
}

uint64_t rng_next(struct rng *r)
{
    uint64_t a = r->s[0], b = r->s[1], sum = a + b;
    r->s[0] = b;
    a ^= a << 23;
    r->s[1] = a ^ b ^ a >> 18 ^ b >> 5;
    return sum;
}

uint64_t rng_below(struct rng *r, uint64_t n)
{
    return (rng_next(r) >> 16) % n;
}

uint64_t rng_edge(struct rng *r)
{
    unsigned bit = (unsigned)rng_below(r, 64);
    switch (rng_below(r, 8)) {
    case 0:
        return UINT64_C(1) << bit;
    case 1:
        return (UINT64_C(1) << bit) - 1;
    case 2:
        return ~UINT64_C(0) << bit;
    case 3:
        return rng_below(r, 70);
    case 4:
        return -rng_below(r, 70);
    case 5:
        return rng_next(r) & 0xff ? rng_next(r) & UINT32_MAX : 0;
    default:
        return rng_next(r);
    }
}

/* ---- Registers and memory to begin with ------------------------------------------------------------------------- */

static const uint32_t singles[] = {0,          0x80000000, 0x3f800000, 0xbf800000, 0x7f800000, 0xff800000, 0x7fc00000,
                                   0x7f800001, 0xffc12345, 1,          0x80000001, 0x007fffff, 0x00800000, 0x7f7fffff,
                                   0x4f000000, 0xcf000000, 0x3f000000, 0x40490fdb, 0x33800000, 0x4b7fffff};
static const uint64_t doubles[] = {0,
                                   UINT64_C(0x8000000000000000),
                                   UINT64_C(0x3ff0000000000000),
                                   UINT64_C(0xbff0000000000000),
                                   UINT64_C(0x7ff0000000000000),
                                   UINT64_C(0xfff0000000000000),
                                   UINT64_C(0x7ff8000000000000),
                                   UINT64_C(0x7ff0000000000001),
                                   UINT64_C(0xfff8123456789abc),
                                   1,
                                   UINT64_C(0x000fffffffffffff),
                                   UINT64_C(0x0010000000000000),
                                   UINT64_C(0x7fefffffffffffff),
                                   UINT64_C(0x43e0000000000000),
                                   UINT64_C(0xc3e0000000000000),
                                   UINT64_C(0x41e0000000000000),
                                   UINT64_C(0xc1e0000000200000),
                                   UINT64_C(0x3fe0000000000000),
                                   UINT64_C(0x400921fb54442d18),
                                   UINT64_C(0x36a0000000000000)};

static void fill_vector(struct rng *r, uint8_t *out, unsigned bytes)
{
    unsigned kind = (unsigned)rng_below(r, 4);
    for (unsigned i = 0; i < bytes; i += 8) {
        uint64_t v = rng_next(r);
        if (kind == 0)
            v = singles[v % 20] | (uint64_t)singles[(v >> 32) % 20] << 32;
        else if (kind == 1)
            v = doubles[v % 20];
        else if (kind == 2)
            v = rng_edge(r);
        memcpy(out + i, &v, 8);
    }
}

static void fill_x87(struct rng *r, uint8_t *out)
{
    static const uint16_t exponents[] = {0, 1, 0x3fff, 0x3ffe, 0x4000, 0x403e, 0x403f, 0x7ffe, 0x7fff, 0x43fe, 0x3c00};
    uint64_t significand = rng_percent(r, 50) ? rng_next(r) : rng_edge(r);
    uint16_t exponent = rng_percent(r, 40) ? exponents[rng_below(r, 11)] : (uint16_t)(0x3fff - 40 + rng_below(r, 80));
    if (exponent == 0 && rng_percent(r, 50))
        significand = 0;
    else if (exponent == 0x7fff && rng_percent(r, 60))
        significand = UINT64_C(1) << 63 | (rng_percent(r, 50) ? 0 : UINT64_C(1) << 62);
    else if (exponent != 0 && rng_percent(r, 95)) /* else a number that no processor makes any more */
        significand |= UINT64_C(1) << 63;
    exponent |= (uint16_t)(rng_next(r) & 0x8000);
    memcpy(out, &significand, 8);
    memcpy(out + 8, &exponent, 2);
}

static void make_numbers(struct rng *r, uint8_t fx[512])
{
    uint16_t control = 0x37f, status = 0;
    uint32_t mxcsr = 0x1f80, mask = 0xffff;
    memset(fx, 0, 512);
    if (rng_percent(r, 50))
        control = (uint16_t)(0x40 | (rng_percent(r, 80) ? 0x3f : rng_next(r) & 0x3f) | (rng_next(r) & 0xf00));
    if (rng_percent(r, 50)) /* exceptions that are not masked are not pending to begin with */
        status = (uint16_t)((rng_next(r) & 0x7f00) | (rng_next(r) & 0x3f & control));
    if (rng_percent(r, 40))
        mxcsr = (rng_percent(r, 80) ? 0x1f80u : (uint32_t)rng_next(r) & 0x1f80u) | ((uint32_t)rng_next(r) & 0xe07fu);
    memcpy(fx, &control, 2);
    memcpy(fx + 2, &status, 2);
    fx[4] = rng_percent(r, 60) ? (uint8_t)rng_next(r) : 0xff;
    memcpy(fx + 24, &mxcsr, 4);
    memcpy(fx + 28, &mask, 4);
    for (unsigned i = 0; i < 8; i++)
        fill_x87(r, fx + 32 + 16 * i);
    for (unsigned i = 0; i < 16; i++)
        fill_vector(r, fx + 160 + 16 * i, 16);
}

enum role { ROLE_EDGE, ROLE_SMALL, ROLE_ADDRESS, ROLE_STACK };
static enum role role_of(unsigned reg)
{
    static const uint8_t roles[16] = {ROLE_EDGE,    ROLE_SMALL,   ROLE_EDGE,    ROLE_ADDRESS, ROLE_STACK, ROLE_ADDRESS,
                                      ROLE_ADDRESS, ROLE_ADDRESS, ROLE_ADDRESS, ROLE_ADDRESS, ROLE_EDGE,  ROLE_ADDRESS,
                                      ROLE_SMALL,   ROLE_SMALL,   ROLE_EDGE,    ROLE_EDGE};
    return roles[reg & 15];
}

static uint64_t some_address(struct rng *r)
{
    uint64_t a = AREA_DATA + 0x400 + rng_below(r, 0x3800);
    if (rng_percent(r, 70))
        a &= ~UINT64_C(15);
    if (rng_percent(r, 5))
        a = (a & ~UINT64_C(0xfff)) + 0xff0 + rng_below(r, 16); /* over a page's end */
    if (rng_percent(r, 4))
        a = AREA_READONLY + rng_below(r, 0x1000);
    if (rng_percent(r, 2))
        a = rng_edge(r);
    return a;
}

static void make_registers(struct fuzz_case *c, struct rng *r)
{
    for (unsigned i = 0; i < 16; i++)
        switch (role_of(i)) {
        case ROLE_ADDRESS:
            c->gpr[i] = some_address(r);
            break;
        case ROLE_SMALL:
            c->gpr[i] = rng_percent(r, 85) ? rng_below(r, 40) : rng_edge(r);
            break;
        case ROLE_STACK:
            c->gpr[i] = AREA_STACK + 0x1000 + rng_below(r, 0x100) * (rng_percent(r, 90) ? 8 : 1);
            break;
        default:
            c->gpr[i] = rng_edge(r);
        }
    for (unsigned i = 0; i < 16 && c->mode != 64; i++)
        c->gpr[i] = i >= 8 ? 0 : (uint32_t)c->gpr[i] & (c->mode == 16 && role_of(i) >= ROLE_ADDRESS ? 0xffff : ~0u);
    c->rflags = 0x202 | (rng_next(r) & (FLAG_C | FLAG_P | FLAG_A | FLAG_Z | FLAG_S | FLAG_O)) |
                (rng_percent(r, 15) ? FLAG_D : 0);
}

void fuzz_memory(const struct fuzz_case *c, uint8_t area[AREA_BYTES])
{
    struct rng r;
    rng_seed(&r, c->seed ^ UINT64_C(0xda7a), c->number);
    for (unsigned page = 0; page < AREA_BYTES >> 12; page++) {
        uint8_t *at = area + page * 4096;
        if (!(AREA_PAGES >> page & 1)) {
            memset(at, 0, 4096);
            continue;
        }
        for (unsigned i = 0; i < 4096; i += 8) {
            uint64_t v = rng_next(&r);
            memcpy(at + i, &v, 8);
        }
        for (unsigned i = 0; i < 24; i++)
            fill_vector(&r, at + (rng_below(&r, 4096 - 16) & ~UINT64_C(7)), 16);
        for (unsigned i = 0; i < 8; i++)
            fill_x87(&r, at + (rng_below(&r, 4096 - 16) & ~UINT64_C(7)));
    }
    memcpy(area, c->code, c->code_bytes);
    area[c->code_bytes] = 0x0f;
    area[c->code_bytes + 1] = 0x0b;
}

/* ---- One instruction -------------------------------------------------------------------------------------------- */

static unsigned form_field(const struct insn_row *row, unsigned shift, unsigned bits, unsigned otherwise)
{
    unsigned ones = (1u << bits) - 1, mask = row->mask >> shift & ones;
    return (row->match >> shift & mask) | (otherwise & ~mask & ones);
}

static unsigned put_prefixes(const struct insn_row *row, unsigned mode, struct rng *r, uint8_t *out)
{
    static const uint8_t segments[6] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65};
    unsigned n = 0, pp_mask = row->mask >> FORM_PP & 3, pp = row->match >> FORM_PP & pp_mask;
    if (rng_percent(r, 5))
        out[n++] = segments[rng_below(r, 6)];
    if (rng_percent(r, 3))
        out[n++] = 0x67;
    if ((row->attributes & LOCK) ? rng_percent(r, 25) : rng_percent(r, 1))
        out[n++] = 0xf0;
    if (pp_mask == 3 && pp)
        out[n++] = pp == 1 ? 0x66 : pp == 2 ? 0xf3 : 0xf2;
    else if (!(pp_mask & 1) && rng_percent(r, 25))
        out[n++] = 0x66;
    if (pp_mask == 0 && (row->class == CLASS_STRING ? rng_percent(r, 60) : rng_percent(r, 1)))
        out[n++] = rng_percent(r, 50) ? 0xf3 : 0xf2;
    if (pp_mask == 3 && pp > 1 && rng_percent(r, 15)) /* and a size */
        out[n++] = 0x66;
    if (mode == 64) {
        unsigned rex = rng_percent(r, 60) ? (unsigned)rng_below(r, 16) : 0;
        bool any = rex || rng_percent(r, 20);
        rex = form_field(row, FORM_W, 1, rex >> 3) << 3 | (rex & 7);
        rex = (rex & ~1u) | form_field(row, FORM_REXB, 1, rex & 1);
        if (any || (rex & 8))
            out[n++] = (uint8_t)(0x40 | rex);
    }
    return n;
}

static bool uses_vvvv(const struct insn_row *row)
{
    for (uint64_t words = row->operands; words & 63; words >>= 16)
        if (OPERAND_PLACE(words & 0xffff) == PLACE_H || OPERAND_PLACE(words & 0xffff) == PLACE_B)
            return true;
    return false;
}

/* VEX, with two bytes where they do, and rarely with what it may not have. */
static unsigned put_vex(const struct insn_row *row, unsigned mode, struct rng *r, uint8_t *out)
{
    static const uint8_t segments[6] = {0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65}, wrong[5] = {0x66, 0xf2, 0xf3, 0xf0, 0x48};
    unsigned n = 0, rxb = mode == 64 ? (unsigned)rng_below(r, 8) : 7,
             w = form_field(row, FORM_W, 1, rng_percent(r, 30));
    unsigned vvvv = uses_vvvv(row) || rng_percent(r, 1) ? (unsigned)rng_below(r, 16) : 15;
    unsigned low =
        vvvv << 3 | (form_field(row, FORM_L, 2, (unsigned)rng_below(r, 2)) & 1) << 2 | form_field(row, FORM_PP, 2, 0);
    if (rng_percent(r, 5))
        out[n++] = segments[rng_below(r, 6)];
    if (rng_percent(r, 1))
        out[n++] = wrong[rng_below(r, 5)];
    if ((rxb & 3) == 3 && !w && row->map == MAP_0F && rng_percent(r, 50)) {
        out[n++] = 0xc5;
        out[n++] = (uint8_t)((rxb & 4) << 5 | low);
        return n;
    }
    out[n++] = 0xc4;
    out[n++] = (uint8_t)(rxb << 5 | row->map);
    out[n++] = (uint8_t)(w << 7 | low);
    return n;
}

static unsigned put_escape(const struct insn_row *row, unsigned mode, struct rng *r, uint8_t *out)
{
    if ((row->match >> FORM_ENCODING & 3) == ENCODING_VEX)
        return put_vex(row, mode, r, out);
    unsigned n = put_prefixes(row, mode, r, out);
    if (row->map != MAP_0)
        out[n++] = 0x0f;
    if (row->map == MAP_38 || row->map == MAP_3A)
        out[n++] = row->map == MAP_38 ? 0x38 : 0x3a;
    return n;
}

/* Bytes of a row, the rest of 15 random. */
static void put_row(const struct insn_row *row, unsigned mode, struct rng *r, uint8_t out[16])
{
    unsigned n = put_escape(row, mode, r, out);
    out[n++] = row->opcode;
    if (row->modrm) {
        unsigned reg = form_field(row, FORM_DIGIT, 3, (unsigned)rng_below(r, 8));
        unsigned rm = form_field(row, FORM_RM, 3, (unsigned)rng_below(r, 8));
        unsigned mod = form_field(row, FORM_MOD, 1, rng_percent(r, 50)) ? 3 : (unsigned)rng_below(r, 3);
        out[n++] = (uint8_t)(mod << 6 | reg << 3 | rm);
        if (mod != 3 && rm == 4 && rng_percent(r, 60))
            out[n++] = (uint8_t)(4 << 3 | rng_below(r, 8)); /* no index, unless REX.X makes it r12 */
    }
    while (n < 15) {
        uint64_t v = rng_percent(r, 40) ? rng_edge(r) : rng_next(r);
        for (unsigned i = 0; i < 4 && n < 15; i++)
            out[n++] = (uint8_t)(v >> 8 * i);
    }
}

/* Displacements that reach memory. */
static void bend_address(const struct insn *insn, uint8_t *bytes, uint64_t rip, struct rng *r)
{
    const struct insn_memory *m = &insn->memory;
    if (!insn->has_memory || insn->disp_bytes < (insn->address_bytes == 2 ? 2 : 4))
        return;
    int64_t disp = (int64_t)rng_below(r, 0x400) - 0x200;
    if (rng_percent(r, 70))
        disp &= ~INT64_C(15);
    if (m->rip_relative)
        disp = (int64_t)(some_address(r) - rip - insn->length);
    else if (m->base == INSN_REGISTER_NONE)
        disp = (int64_t)some_address(r);
    if (rng_percent(r, 98))
        memcpy(bytes + insn->disp_offset, &disp, insn->disp_bytes);
}

static bool spoils_address(const struct insn *insn)
{
    for (unsigned i = 0; i < insn->n_operands; i++) {
        const struct insn_operand *o = &insn->operands[i];
        bool high = o->registers == REGISTERS_HIGH;
        if (o->kind == OPERAND_REGISTER && (o->access & ACCESS_WRITE) && (o->registers == REGISTERS_GENERAL || high) &&
            role_of(high ? o->reg & 3 : o->reg) >= ROLE_ADDRESS)
            return true;
    }
    return false;
}

/* In 16-bit code the area is its segment: lower halves of addresses are offsets in it, and so are most sums of two. */
static bool misses_memory(const struct insn *insn, unsigned mode)
{
    const struct insn_memory *m = &insn->memory;
    if (!insn->has_memory || insn->class == CLASS_STRING || insn->class == CLASS_IO)
        return false;
    if (mode == 16 && insn->address_bytes == 2)
        return false;
    return (m->base != INSN_REGISTER_NONE && role_of(m->base) < ROLE_ADDRESS) ||
           (m->index != INSN_REGISTER_NONE && role_of(m->index) != ROLE_SMALL) || insn->address_bytes == 2;
}

static bool is_branch(const struct insn *insn)
{
    return insn->class == CLASS_JUMP || insn->class == CLASS_JCC || insn->class == CLASS_LOOP ||
           insn->class == CLASS_CALL;
}

static bool row_wanted(const struct insn_row *row, unsigned mode, const char *only, const struct cpu_model *model)
{
    unsigned encoding = row->match >> FORM_ENCODING & 3;
    if ((row->mask >> FORM_ENCODING & 3) && encoding != ENCODING_LEGACY &&
        !(encoding == ENCODING_VEX && fuzz_has_avx(model)))
        return false;
    if ((row->mask >> FORM_MODE & 1) && (row->match >> FORM_MODE & 1) != (mode == 64))
        return false;
    return !only || strcmp(only, insn_name_text(row->name)) == 0;
}

/* The rows of a mode; a list made once for each of the two. */
static const uint16_t *wanted_rows(unsigned mode, const char *only, const struct cpu_model *model, unsigned *n)
{
    static uint16_t list[2][4096];
    static unsigned count[2];
    unsigned which = mode == 64;
    if (!count[which])
        for (unsigned i = 0; i < insn_rows_count && count[which] < 4096; i++)
            if (row_wanted(&insn_rows[i], mode, only, model))
                list[which][count[which]++] = (uint16_t)i;
    *n = count[which];
    return list[which];
}

enum decode_mode fuzz_decode_mode(unsigned mode)
{
    return mode == 64 ? DECODE_64 : mode == 32 ? DECODE_32 : DECODE_16;
}

static bool draw(struct fuzz_case *c, struct rng *r, const char *only, uint16_t undefined,
                 const struct cpu_model *model, fuzz_excluder *excluded, uint8_t bytes[16], struct insn *insn)
{
    unsigned n;
    const uint16_t *rows = wanted_rows(c->mode, only, model, &n);
    if (!n)
        return false;
    put_row(&insn_rows[rows[rng_below(r, n)]], c->mode, r, bytes);
    if (decode_insn(bytes, 15, fuzz_decode_mode(c->mode), insn) < 0 || excluded(insn, model))
        return false;
    if (insn->flags_read & undefined)
        return false;
    if (only && strcmp(only, insn_name_text(insn->name)) != 0)
        return false;
    if ((spoils_address(insn) && rng_percent(r, 85)) || (misses_memory(insn, c->mode) && rng_percent(r, 92)))
        return false;
    bend_address(insn, bytes, AREA_CODE + c->code_bytes, r);
    return decode_insn(bytes, 15, fuzz_decode_mode(c->mode), insn) >= 0;
}

/* A branch's distance: to the end of the instruction that comes next, or of itself. */
static void aim(struct fuzz_case *c, struct fuzz_insn *branch, int64_t distance)
{
    branch->insn.target = distance;
    if (branch->insn.imm_bytes)
        memcpy(c->code + branch->offset + branch->insn.imm_offset, &distance, branch->insn.imm_bytes);
}

/* A shift whose count is written out and is 0: no flag changes. Of a byte 5 bits of it count, with REX.W, too. */
static bool shifts_by_zero(const struct insn *insn)
{
    const struct insn_operand *count = &insn->operands[insn->n_operands - 1];
    bool shift =
        (insn->name >= INSN_ROL && insn->name <= INSN_SAR) || insn->name == INSN_SHLD || insn->name == INSN_SHRD;
    return shift && count->kind == OPERAND_IMMEDIATE && (insn->imm & (insn->operands[0].bytes == 8 ? 63 : 31)) == 0;
}

/* What may not happen (a count of 0) makes nothing known. */
uint16_t fuzz_unknown_after(const struct insn *insn, uint16_t before, bool skipped)
{
    bool certain = !(insn->flags_read & insn->flags_written) && !(insn->prefixes & (PREFIX_REP | PREFIX_REPNE));
    uint16_t known = certain && !skipped ? insn->flags_written : 0;
    if (shifts_by_zero(insn))
        return before;
    return (uint16_t)((before & ~known) | insn->flags_undefined);
}

void fuzz_generate(struct fuzz_case *c, uint64_t seed, uint64_t number, unsigned mode, unsigned length,
                   const char *only, const struct cpu_model *model, fuzz_excluder *excluded)
{
    struct rng r;
    memset(c, 0, sizeof *c);
    c->seed = seed;
    c->number = number;
    rng_seed(&r, seed, number);
    c->mode = mode ? mode : rng_percent(&r, 70) ? 64 : 32;
    make_registers(c, &r);
    make_numbers(&r, c->fx);
    for (unsigned i = 0; i < sizeof c->high && fuzz_has_avx(model); i += 16)
        fill_vector(&r, c->high + i, 16);
    unsigned wanted = 1 + (unsigned)rng_below(&r, length);
    uint16_t undefined = 0;
    bool over_next = false;
    for (unsigned tries = 0; c->n < wanted && tries < 4000; tries++) {
        uint8_t bytes[16];
        struct fuzz_insn *slot = &c->insns[c->n];
        if (!draw(c, &r, only, undefined, model, excluded, bytes, &slot->insn))
            continue;
        slot->offset = (uint16_t)c->code_bytes;
        memcpy(c->code + c->code_bytes, bytes, slot->insn.length);
        c->code_bytes += slot->insn.length;
        if (over_next)
            aim(c, slot - 1, slot->insn.length);
        undefined = fuzz_unknown_after(&slot->insn, undefined, over_next);
        slot->flags_undefined = undefined;
        over_next = is_branch(&slot->insn);
        if (over_next)
            aim(c, slot, 0);
        c->n++;
    }
}
