/* SPDX-License-Identifier: Apache-2.0 */
/* Step 1 of the scan: decodes the code from end to end, and marks what its instructions say about each other. */
#include "rewrite/scan.h"

#include <string.h>

enum { INSN_BYTES_MAX = 15, PATTERN_MAX = 6 };

/* ---- Marks --------------------------------------------------------------------------------------------------- */

const struct rewrite_code *scan_code_at(const struct rewrite_image *image, uint64_t address, size_t *offset)
{
    for (unsigned i = 0; i < image->n; i++) {
        const struct rewrite_code *c = &image->code[i];

        if (address - c->address < c->size) {
            *offset = (size_t)(address - c->address);
            return c;
        }
    }
    return NULL;
}

void scan_mark(const struct rewrite_image *image, uint64_t address, uint8_t bits)
{
    size_t offset;
    const struct rewrite_code *c = scan_code_at(image, address, &offset);

    if (c)
        c->marks[offset] |= bits;
}

void rewrite_entry(struct rewrite_image *image, uint64_t address, enum rewrite_entry kind)
{
    static const uint8_t bits[] = {[REWRITE_ENTRY_TARGET] = MARK_TARGET,
                                   [REWRITE_ENTRY_FUNCTION] = MARK_TARGET | MARK_BOUNDARY,
                                   [REWRITE_ENTRY_END] = MARK_BOUNDARY};

    scan_mark(image, address, bits[kind]);
}

size_t scan_step_back(const struct rewrite_code *c, size_t offset, struct insn *in)
{
    for (size_t at = offset; at-- > 0 && offset - at <= INSN_BYTES_MAX;) {
        if (!(c->marks[at] & MARK_START))
            continue;
        int length = decode_insn(c->bytes + at, c->size - at, DECODE_64, in);
        return length > 0 && at + (size_t)length == offset ? at : offset;
    }
    return offset;
}

bool scan_writes_what_it_says(const struct insn *in)
{
    switch (in->name) {
    case INSN_MOV:
    case INSN_MOVSX:
    case INSN_MOVSXD:
    case INSN_MOVZX:
    case INSN_LEA:
    case INSN_XOR:
    case INSN_AND:
    case INSN_OR:
    case INSN_ADD:
    case INSN_SUB:
    case INSN_SHL:
    case INSN_SHR:
    case INSN_CMP:
    case INSN_TEST:
    case INSN_PUSH:
    case INSN_POP:
        return true;
    default:
        return in->class == CLASS_NOP || in->class == CLASS_JCC || in->class == CLASS_SSE ||
               (in->name >= INSN_CMOVO && in->name <= INSN_CMOVNLE);
    }
}

bool scan_writes(const struct insn *in, uint8_t reg)
{
    const struct insn_operand *to = &in->operands[0];

    return to->kind == OPERAND_REGISTER && (to->access & ACCESS_WRITE) &&
           ((to->registers == REGISTERS_GENERAL && to->reg == reg) ||
            (to->registers == REGISTERS_HIGH && to->reg == (reg & 3)));
}

/* ---- Sweep --------------------------------------------------------------------------------------------------- */

static bool is_direct_jump(const struct insn *in)
{
    return in->class == CLASS_JUMP || in->class == CLASS_JCC || in->class == CLASS_LOOP || in->name == INSN_XBEGIN;
}

bool scan_ends_path(const struct insn *in)
{
    switch (in->class) {
    case CLASS_JUMP:
    case CLASS_JUMP_INDIRECT:
    case CLASS_RETURN:
    case CLASS_CALL:
    case CLASS_CALL_INDIRECT:
    case CLASS_TRAP:
        return true;
    case CLASS_FAR:
        return in->name != INSN_CALL_FAR;
    default:
        return in->name == INSN_HLT;
    }
}

/* A jump through a fixed cell (a stub to another library) chooses no place in the function. */
static bool is_computed_jump(const struct insn *in)
{
    return in->class == CLASS_JUMP_INDIRECT &&
           !(in->has_memory && in->memory.base == INSN_REGISTER_NONE && in->memory.index == INSN_REGISTER_NONE);
}

/* `add x,y` with general registers of 64 bits, one of which is `reg`. */
static bool is_add_to(const struct insn *in, uint8_t reg)
{
    const struct insn_operand *to = &in->operands[0], *from = &in->operands[1];

    return in->name == INSN_ADD && to->kind == OPERAND_REGISTER && from->kind == OPERAND_REGISTER && to->bytes == 8 &&
           to->reg == reg;
}

uint8_t scan_table_base(const struct rewrite_code *c, size_t at, const struct insn *jump)
{
    const struct insn_memory *m;
    uint8_t sum = jump->operands[0].reg, other = INSN_REGISTER_NONE;
    struct insn in;

    if (jump->has_memory)
        return INSN_REGISTER_NONE;
    for (unsigned n = 0; n < PATTERN_MAX && !(c->marks[at] & MARK_TARGET); n++) {
        size_t before = scan_step_back(c, at, &in);

        if (before == at)
            break;
        at = before;
        if (other == INSN_REGISTER_NONE && is_add_to(&in, sum)) {
            other = in.operands[1].reg;
            continue;
        }
        if (!scan_writes_what_it_says(&in))
            break;
        if (!scan_writes(&in, sum) && (other == INSN_REGISTER_NONE || !scan_writes(&in, other)))
            continue;
        m = &in.memory;
        uint8_t base = in.operands[0].reg == sum ? other : sum;
        bool is_entry =
            in.name == INSN_MOVSXD && in.has_memory && m->scale == 4 && !m->disp && in.operands[0].bytes == 8;
        return is_entry && m->base == base && !m->rip_relative ? base : INSN_REGISTER_NONE;
    }
    return INSN_REGISTER_NONE;
}

/* Whether a computed jump goes through a table whose place step 2 may find: of distances, or of addresses. */
static bool is_table_jump(const struct rewrite_code *c, size_t at, const struct insn *in)
{
    if (in->has_memory)
        return in->memory.base == INSN_REGISTER_NONE && in->memory.scale == 8;
    return scan_table_base(c, at, in) != INSN_REGISTER_NONE;
}

/* What an instruction says about other places. `next` is the address behind it. */
static void mark_mentions(const struct scan *s, const struct insn *in, uint64_t next)
{
    if (in->n_operands && in->operands[0].kind == OPERAND_TARGET) {
        bool call = in->class == CLASS_CALL;

        scan_mark(s->image, next + (uint64_t)in->target, call ? MARK_TARGET | MARK_BOUNDARY : MARK_TARGET);
        return;
    }
    if (in->has_memory && in->memory.rip_relative && in->name == INSN_LEA)
        scan_mark(s->image, next + (uint64_t)in->memory.disp, MARK_TARGET);
    if (s->image->absolute && in->imm_bytes >= 4)
        scan_mark(s->image, in->imm_bytes == 4 ? (uint32_t)in->imm : (uint64_t)in->imm, MARK_TARGET);
    if (s->image->absolute && in->has_memory && in->disp_bytes >= 4 && in->name == INSN_LEA)
        scan_mark(s->image, (uint64_t)in->memory.disp, MARK_TARGET);
}

/* Marks one instruction; its length, 0 when there is none. `function` is the boundary that it belongs to. */
static size_t sweep_one(const struct scan *s, const struct rewrite_code *c, size_t at, size_t function)
{
    struct insn in;
    int length = decode_insn(c->bytes + at, c->size - at, DECODE_64, &in);

    if (length < 0)
        return 0;
    for (size_t i = at + 1; i < at + (size_t)length; i++)
        if (c->marks[i] & MARK_BOUNDARY)
            return 0;
    c->marks[at] |= MARK_START;
    bool computed = is_computed_jump(&in), table = computed && is_table_jump(c, at, &in);
    if (table || is_direct_jump(&in))
        c->marks[at] |= MARK_JUMP;
    if (computed && !table)
        c->marks[function] |= MARK_INDIRECT;
    if (in.name == INSN_SYSCALL) /* with prefixes, which nobody makes, it is left alone */
        c->marks[at + (size_t)length - SYSCALL_BYTES] |=
            length == SYSCALL_BYTES ? MARK_SYSCALL : MARK_SYSCALL | MARK_BROKEN;
    mark_mentions(s, &in, c->address + at + (uint64_t)length);
    return (size_t)length;
}

/* From a boundary on, to what is swept already, or (not sweep_all) to what does not decode. */
static void sweep_from(const struct scan *s, const struct rewrite_code *c, size_t at)
{
    size_t function = at;

    while (at < c->size && !(c->marks[at] & (MARK_START | MARK_BROKEN))) {
        if (c->marks[at] & MARK_BOUNDARY)
            function = at;
        size_t length = sweep_one(s, c, at, function);
        if (!length) {
            c->marks[at] |= MARK_BROKEN;
            c->marks[function] |= MARK_INDIRECT;
            if (!c->sweep_all)
                return;
            length = 1;
        }
        at += length;
    }
}

/* Functions that calls have named and that no sweep has met; false when there was none. Where one begins within an
 * instruction that was met, the function that has this is doubtful. */
static bool sweep_found(const struct scan *s, const struct rewrite_code *c)
{
    enum { NEW = MARK_BOUNDARY | MARK_TARGET };
    bool found = false;
    size_t function = 0;

    for (size_t at = 0; at < c->size; at++) {
        if (!(c->marks[at] & MARK_BOUNDARY))
            continue;
        if ((c->marks[at] & (NEW | MARK_START | MARK_BROKEN)) == NEW) {
            c->marks[function] |= MARK_INDIRECT;
            sweep_from(s, c, at);
            found = true;
        }
        function = at;
    }
    return found;
}

void scan_sweep(const struct scan *s)
{
    bool found = true;

    for (unsigned i = 0; i < s->image->n; i++) {
        const struct rewrite_code *c = &s->image->code[i];

        if (c->sweep_all && c->size) {
            c->marks[0] |= MARK_BOUNDARY;
            sweep_from(s, c, 0);
        }
    }
    for (unsigned pass = 0; found && pass < PASSES_MAX; pass++) {
        found = false;
        for (unsigned i = 0; i < s->image->n; i++)
            found |= sweep_found(s, &s->image->code[i]);
    }
}
