/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Segments: descriptors and what becomes of them in the hidden half of a segment register, the instructions that load
 * and store selectors, and the check of each address that is not flat (Intel 3A chapters 3 and 5).
 *
 * Descriptors are the guest's and may be anything; they are read whole, once, and the copy is checked and used.
 */
#include "cpu/system.h"

/* ---- Descriptors ----------------------------------------------------------------------------------------------- */

bool descriptor_read(struct cpu *cpu, uint16_t selector, enum vector bad, struct descriptor *d)
{
    bool local = selector & 4;
    uint32_t offset = selector & 0xfff8u;
    uint64_t base = local ? cpu->ldtr.base : cpu->gdtr.base, raw;
    uint32_t limit = local ? cpu->ldtr.limit : cpu->gdtr.limit;

    if ((local && (cpu->ldtr.attributes & SEG_UNUSABLE)) || offset + 7 > limit)
        return cpu_raise(cpu, bad, selector_error(cpu, selector));
    d->at = base + offset;
    if (!cpu_long_active(cpu))
        d->at = (uint32_t)d->at;
    if (!cpu_access_system(cpu, d->at, 8, ACCESS_LOAD, &raw))
        return false;
    d->low = (uint32_t)raw;
    d->high = (uint32_t)(raw >> 32);
    return true;
}

static bool write_access_byte(struct cpu *cpu, struct descriptor *d, uint32_t high)
{
    uint8_t byte = (uint8_t)(high >> 8);

    if (high != d->high && !cpu_access_system(cpu, d->at + 5, 1, ACCESS_STORE, &byte))
        return false;
    d->high = high;
    return true;
}

bool descriptor_set_accessed(struct cpu *cpu, struct descriptor *d)
{
    return write_access_byte(cpu, d, d->high | TYPE_ACCESSED << 8);
}

bool descriptor_set_type(struct cpu *cpu, struct descriptor *d, unsigned type)
{
    return write_access_byte(cpu, d, (d->high & ~0xf00u) | type << 8);
}

struct vcpu_segment descriptor_segment(const struct descriptor *d, uint16_t selector)
{
    return (struct vcpu_segment){.base = descriptor_base(d),
                                 .limit = descriptor_limit(d),
                                 .attributes = d->high >> 8 & 0xf0ff,
                                 .selector = selector};
}

/* ---- Loading a data or stack segment --------------------------------------------------------------------------- */

struct vcpu_segment segment_null(uint16_t selector)
{
    return (struct vcpu_segment){.attributes = SEG_UNUSABLE, .selector = selector};
}

static bool check_stack(struct cpu *cpu, uint16_t selector, unsigned cpl, enum vector bad, struct descriptor *d)
{
    uint32_t error = selector_error(cpu, selector);

    if ((selector & 3u) != cpl || !descriptor_ordinary(d) || !descriptor_writable_data(d) || descriptor_dpl(d) != cpl)
        return cpu_raise(cpu, bad, error);
    return descriptor_present(d) || cpu_raise(cpu, VECTOR_SS, error);
}

static bool check_data(struct cpu *cpu, uint16_t selector, unsigned cpl, enum vector bad, struct descriptor *d)
{
    uint32_t error = selector_error(cpu, selector);
    bool code = descriptor_code(d), readable = descriptor_type(d) & TYPE_WRITABLE;
    unsigned rpl = selector & 3u, dpl = descriptor_dpl(d);

    if (!descriptor_ordinary(d) || (code && !readable))
        return cpu_raise(cpu, bad, error);
    if (!(code && descriptor_conforming(d)) && (rpl > dpl || cpl > dpl))
        return cpu_raise(cpu, bad, error);
    return descriptor_present(d) || cpu_raise(cpu, VECTOR_NP, error);
}

bool segment_check(struct cpu *cpu, unsigned segment, uint16_t selector, unsigned cpl, enum vector bad,
                   struct vcpu_segment *out)
{
    struct descriptor d;

    if (selector_null(selector)) {
        /* The stack may have none in 64-bit code, but for programs. */
        if (segment == SEG_SS && (cpu->mode != MODE_LONG || cpl == 3 || (selector & 3u) != cpl))
            return cpu_raise(cpu, bad, cpu->external);
        *out = segment_null(selector);
        if (segment == SEG_SS)
            out->attributes |= cpl << SEG_DPL_SHIFT;
        return true;
    }
    if (!descriptor_read(cpu, selector, bad, &d))
        return false;
    if (!(segment == SEG_SS ? check_stack : check_data)(cpu, selector, cpl, bad, &d) ||
        !descriptor_set_accessed(cpu, &d))
        return false;
    *out = descriptor_segment(&d, selector);
    return true;
}

/* Real mode changes base and selector alone: a limit of 4 GiB stays ("unreal mode"). What had been null is as after a
 * reset. */
void segment_load_real(struct cpu *cpu, unsigned segment, uint16_t selector)
{
    struct vcpu_segment *s = &cpu->segments[segment];

    if (s->attributes & SEG_UNUSABLE)
        s->limit = 0xffff;
    s->selector = selector;
    s->base = (uint32_t)selector << 4;
    s->attributes = (s->attributes & (SEG_DB | SEG_G)) | SEG_P | SEG_S | TYPE_WRITABLE | TYPE_ACCESSED;
}

void segment_load_v86(struct cpu *cpu, unsigned segment, uint16_t selector)
{
    cpu->segments[segment] =
        (struct vcpu_segment){.base = (uint32_t)selector << 4,
                              .limit = 0xffff,
                              .attributes = SEG_P | SEG_S | TYPE_WRITABLE | TYPE_ACCESSED | 3 << SEG_DPL_SHIFT,
                              .selector = selector};
}

bool cpu_segment_load(struct cpu *cpu, unsigned segment, uint16_t selector)
{
    struct vcpu_segment loaded;

    if (cpu->mode == MODE_REAL) {
        segment_load_real(cpu, segment, selector);
    } else if (cpu->mode == MODE_V86) {
        segment_load_v86(cpu, segment, selector);
    } else {
        if (!segment_check(cpu, segment, selector, cpu->cpl, VECTOR_GP, &loaded))
            return false;
        cpu->segments[segment] = loaded;
    }
    cpu_segments_changed(cpu);
    return true;
}

void segments_drop_inner(struct cpu *cpu)
{
    static const uint8_t data[] = {SEG_ES, SEG_DS, SEG_FS, SEG_GS};

    for (unsigned i = 0; i < sizeof data; i++) {
        struct vcpu_segment *s = &cpu->segments[data[i]];
        bool conforming = (s->attributes & (TYPE_CODE | TYPE_DOWN)) == (TYPE_CODE | TYPE_DOWN);
        if (s->attributes & SEG_UNUSABLE)
            continue; /* a null selector stays, and with it the base that fs and gs were given without one */
        if (!conforming && (s->attributes >> SEG_DPL_SHIFT & 3) < cpu->cpl)
            *s = (struct vcpu_segment){.base = s->base, .attributes = segment_null(0).attributes};
    }
}

/* ---- Addresses ------------------------------------------------------------------------------------------------- */

/* Whether an access that wraps at 4 GiB within a full segment fails is for the processor to choose (Intel 3A 5.3): as
 * the host's do, one of a flat segment wraps, and fails in another. */
static bool limit_holds(const struct vcpu_segment *s, uint64_t offset, unsigned size)
{
    uint64_t last = offset + size - 1;

    if ((s->attributes & (SEG_S | TYPE_CODE | TYPE_DOWN)) == (SEG_S | TYPE_DOWN))
        return offset > s->limit && last <= (s->attributes & SEG_DB ? 0xffffffff : 0xffff);
    return last <= s->limit || (s->limit == UINT32_MAX && s->base == 0);
}

static bool type_allows(const struct vcpu_segment *s, enum access kind)
{
    bool code = s->attributes & TYPE_CODE;

    if (s->attributes & SEG_UNUSABLE)
        return false;
    if (kind == ACCESS_STORE)
        return !code && (s->attributes & TYPE_WRITABLE);
    return kind == ACCESS_FETCH || !code || (s->attributes & TYPE_WRITABLE);
}

struct cpu_value cpu_linear_slow(struct cpu *cpu, unsigned segment, uint64_t offset, unsigned size, enum access kind)
{
    const struct vcpu_segment *s = &cpu->segments[segment];
    enum vector vector = segment == SEG_SS ? VECTOR_SS : VECTOR_GP;
    uint64_t linear;
    bool inside;

    if (cpu->mode == MODE_LONG) {
        linear = offset + (segment >= SEG_FS ? s->base : 0);
        inside = address_canonical(linear) && address_canonical(linear + size - 1);
    } else {
        linear = (uint32_t)(s->base + offset);
        /* In real mode code is written as well. */
        inside = (cpu->mode == MODE_REAL || type_allows(s, kind)) && limit_holds(s, offset, size);
    }
    return (struct cpu_value){.value = linear, .ok = inside || cpu_raise(cpu, vector, 0)};
}

uint64_t cpu_segment_room(const struct cpu *cpu, unsigned segment, uint64_t offset, enum access kind, uint64_t *linear)
{
    const struct vcpu_segment *s = &cpu->segments[segment];
    bool down = (s->attributes & (SEG_S | TYPE_CODE | TYPE_DOWN)) == (SEG_S | TYPE_DOWN);

    if (cpu->mode == MODE_LONG || (0xdu >> segment & cpu->flat)) { /* es, ss, ds */
        *linear = offset + (segment >= SEG_FS ? s->base : 0);
        return ~UINT64_C(0);
    }
    *linear = (uint32_t)(s->base + offset);
    if ((cpu->mode != MODE_REAL && !type_allows(s, kind)) || down || offset > s->limit)
        return 0;
    uint64_t left = s->limit - offset + 1, end = (UINT64_C(1) << 32) - *linear;
    return left < end ? left : end;
}

/* ---- Instructions ---------------------------------------------------------------------------------------------- */

/* A segment register loaded; the stack's keeps interrupts off for one instruction. The block goes on where the ones
 * behind it mean what they meant (cpu_block_key()). */
static void finish_load(struct cpu *cpu, const struct op *op, unsigned segment, bool was_flat)
{
    if (LIKELY(segment != SEG_SS && was_flat == cpu->flat))
        NEXT(cpu, op);
    if (segment == SEG_SS)
        cpu->shadow_ss = true;
    op_leave(cpu, op);
    if (cpu->shadow_ss)
        cpu_attention_slow(cpu);
}

static void mov_to_segment(struct cpu *cpu, const struct op *op)
{
    uint16_t selector = gpr16(cpu, op->rm);
    bool flat = cpu->flat;

    if ((op->flags & OP_MEMORY) && !op_load16(cpu, op, &selector))
        return;
    if (cpu_segment_load(cpu, op->reg, selector))
        return finish_load(cpu, op, op->reg, flat);
}

static void mov_from_segment(struct cpu *cpu, const struct op *op)
{
    uint16_t selector = cpu->segments[op->reg].selector;

    if (op->flags & OP_MEMORY) {
        if (!op_store16(cpu, op, selector))
            return;
    } else {
        gpr_set(cpu, op->rm, op->operand_size, selector);
    }
    NEXT(cpu, op);
}

/* Of a push of 4 bytes, the lower 2 are written (Intel 2B, PUSH). */
static __attribute__((noinline)) bool push_selector(struct cpu *cpu, unsigned size, uint16_t selector)
{
    struct stack s = stack_present(cpu);

    if (size == 4)
        s.pointer -= 2;
    if (!stack_push(cpu, &s, size == 4 ? 2 : size, selector))
        return false;
    stack_commit(cpu, &s);
    return true;
}

static void push_segment(struct cpu *cpu, const struct op *op)
{
    if (push_selector(cpu, op->operand_size, cpu->segments[op->reg].selector))
        NEXT(cpu, op);
}

static __attribute__((noinline)) bool pop_selector(struct cpu *cpu, const struct op *op)
{
    struct stack s = stack_present(cpu);
    uint64_t selector;

    if (!stack_pop(cpu, &s, op->operand_size, &selector) || !cpu_segment_load(cpu, op->reg, (uint16_t)selector))
        return false;
    /* The pointer moves as wide as the stack was that was popped from. */
    stack_commit(cpu, &s);
    return true;
}

static void pop_segment(struct cpu *cpu, const struct op *op)
{
    bool flat = cpu->flat;

    if (pop_selector(cpu, op))
        return finish_load(cpu, op, op->reg, flat);
}

/* lds and its like: the offset is the lower part, the selector the two bytes above it. */
static __attribute__((noinline)) bool load_pointer(struct cpu *cpu, const struct op *op)
{
    uint64_t linear, offset = 0;
    uint16_t selector;
    unsigned size = op->operand_size;

    if (!op_linear(cpu, op, size + 2, ACCESS_LOAD, &linear) || !cpu_access(cpu, linear, size, ACCESS_LOAD, &offset) ||
        !cpu_access(cpu, linear + size, 2, ACCESS_LOAD, &selector) || !cpu_segment_load(cpu, op->extra, selector))
        return false;
    gpr_set(cpu, op->reg, size, offset);
    return true;
}

/* lss ends its block, without a shadow: it loads the pointer too. */
static void load_far(struct cpu *cpu, const struct op *op)
{
    bool flat = cpu->flat;

    if (!load_pointer(cpu, op))
        return;
    if (LIKELY(op->extra != SEG_SS && flat == cpu->flat))
        NEXT(cpu, op);
    op_leave(cpu, op);
}

static bool bind_far_pointer(const struct insn *insn, struct op *op, bool *ends)
{
    static const struct {
        uint16_t name;
        uint8_t segment;
    } rows[] = {{INSN_LES, SEG_ES}, {INSN_LDS, SEG_DS}, {INSN_LSS, SEG_SS}, {INSN_LFS, SEG_FS}, {INSN_LGS, SEG_GS}};

    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].name == insn->name) {
            op->run = load_far;
            op->extra = rows[i].segment;
            op->reg = insn->operands[0].reg;
            op->operand_size = (uint8_t)insn->operand_bytes;
            *ends = op->extra == SEG_SS;
            return true;
        }
    return false;
}

bool bind_segment(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    const struct insn_operand *to = &insn->operands[0], *from = &insn->operands[1];

    (void)cpu;
    switch (insn->name) {
    case INSN_MOV:
        if (to->kind == OPERAND_REGISTER && to->registers == REGISTERS_SEGMENT) {
            op->run = mov_to_segment;
            op->reg = to->reg;
            op->rm = from->reg;
            *ends = op->reg == SEG_SS;
        } else {
            op->run = mov_from_segment;
            op->reg = from->reg;
            op->rm = to->reg;
            op->operand_size = insn->operand_bytes;
        }
        return true;
    case INSN_PUSH:
        op->run = push_segment;
        op->reg = to->reg;
        op->operand_size = insn->operand_bytes;
        return true;
    case INSN_POP:
        op->run = pop_segment;
        op->reg = to->reg;
        op->operand_size = insn->operand_bytes;
        *ends = op->reg == SEG_SS;
        return true;
    default:
        return bind_far_pointer(insn, op, ends);
    }
}
