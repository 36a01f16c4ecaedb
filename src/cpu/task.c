/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Hardware task switches (Intel 3A chapter 8). All that can fail in the old task is done before anything changes: the
 * new task segment is read whole, the old one written, descriptors marked. What fails then is a fault of the new task
 * at its first instruction: task_switch() returns true with cpu->fault pending.
 */
#include "cpu/system.h"

struct task_image {
    uint64_t cr3, rip, flags, gpr[8], selectors[SEGMENTS], ldt, trap;
};

/* Where things lie in a TSS; 286's and 386's. */
struct task_layout {
    uint8_t size, rip, flags, gpr, selectors, n_selectors, step, ldt, limit;
};
static const struct task_layout layout16 = {2, 0x0e, 0x10, 0x12, 0x22, 4, 2, 0x2a, 0x2b};
static const struct task_layout layout32 = {4, 0x20, 0x24, 0x28, 0x48, 6, 4, 0x60, 0x67};

enum { TASK_CR3 = 0x1c, TASK_TRAP = 0x64 };

static bool task_word(struct cpu *cpu, uint64_t base, unsigned offset, unsigned size, enum access kind, uint64_t *value)
{
    if (kind == ACCESS_LOAD)
        *value = 0;
    return cpu_access_system(cpu, (uint32_t)(base + offset), size, kind, value);
}

static bool image_read(struct cpu *cpu, uint64_t base, const struct task_layout *t, struct task_image *i)
{
    memset(i, 0, sizeof *i);
    if (!task_word(cpu, base, t->rip, t->size, ACCESS_LOAD, &i->rip) ||
        !task_word(cpu, base, t->flags, t->size, ACCESS_LOAD, &i->flags) ||
        !task_word(cpu, base, t->ldt, 2, ACCESS_LOAD, &i->ldt))
        return false;
    for (unsigned n = 0; n < 8; n++)
        if (!task_word(cpu, base, t->gpr + n * t->size, t->size, ACCESS_LOAD, &i->gpr[n]))
            return false;
    for (unsigned n = 0; n < t->n_selectors; n++)
        if (!task_word(cpu, base, t->selectors + n * t->step, 2, ACCESS_LOAD, &i->selectors[n]))
            return false;
    return t->size == 2 || (task_word(cpu, base, TASK_CR3, 4, ACCESS_LOAD, &i->cr3) &&
                            task_word(cpu, base, TASK_TRAP, 2, ACCESS_LOAD, &i->trap));
}

/* The old task's state, without what a switch does not save: cr3, ldt. */
static bool image_write(struct cpu *cpu, const struct task_layout *t, uint64_t flags)
{
    uint64_t base = cpu->tr.base, rip = cpu->rip;

    if (!task_word(cpu, base, t->rip, t->size, ACCESS_STORE, &rip) ||
        !task_word(cpu, base, t->flags, t->size, ACCESS_STORE, &flags))
        return false;
    for (unsigned n = 0; n < 8; n++) {
        uint64_t value = cpu->gpr[n];
        if (!task_word(cpu, base, t->gpr + n * t->size, t->size, ACCESS_STORE, &value))
            return false;
    }
    for (unsigned n = 0; n < t->n_selectors; n++) {
        uint64_t value = cpu->segments[n].selector;
        if (!task_word(cpu, base, t->selectors + n * t->step, 2, ACCESS_STORE, &value))
            return false;
    }
    return true;
}

/* The busy bit of the present task's descriptor goes. */
static bool old_not_busy(struct cpu *cpu)
{
    struct descriptor d;

    return descriptor_read(cpu, cpu->tr.selector, VECTOR_TS, &d) &&
           descriptor_set_type(cpu, &d, descriptor_type(&d) & ~2u);
}

/* ---- In the new task ------------------------------------------------------------------------------------------- */

static bool load_ldt(struct cpu *cpu, uint16_t selector)
{
    struct descriptor d;

    cpu->ldtr = segment_null(selector);
    if (selector_null(selector))
        return true;
    if (selector & 4)
        return cpu_raise(cpu, VECTOR_TS, selector_error(cpu, selector));
    if (!descriptor_read(cpu, selector, VECTOR_TS, &d))
        return false;
    if (descriptor_ordinary(&d) || descriptor_type(&d) != TYPE_LDT || !descriptor_present(&d))
        return cpu_raise(cpu, VECTOR_TS, selector_error(cpu, selector));
    cpu->ldtr = descriptor_segment(&d, selector);
    return true;
}

static bool load_code(struct cpu *cpu, uint16_t selector)
{
    uint32_t error = selector_error(cpu, selector);
    unsigned rpl = selector & 3u;
    struct descriptor d;

    if (selector_null(selector))
        return cpu_raise(cpu, VECTOR_TS, error);
    if (!descriptor_read(cpu, selector, VECTOR_TS, &d))
        return false;
    if (!descriptor_ordinary(&d) || !descriptor_code(&d) ||
        (descriptor_conforming(&d) ? descriptor_dpl(&d) > rpl : descriptor_dpl(&d) != rpl))
        return cpu_raise(cpu, VECTOR_TS, error);
    if (!descriptor_present(&d))
        return cpu_raise(cpu, VECTOR_NP, error);
    if (!descriptor_set_accessed(cpu, &d))
        return false;
    cpu->segments[SEG_CS] = descriptor_segment(&d, selector);
    return true;
}

static bool load_segments(struct cpu *cpu, const struct task_image *i)
{
    static const uint8_t order[] = {SEG_SS, SEG_DS, SEG_ES, SEG_FS, SEG_GS};

    for (unsigned n = 0; n < SEGMENTS; n++) {
        cpu->segments[n] = segment_null((uint16_t)i->selectors[n]);
        if (cpu->rflags & RFLAGS_VM)
            segment_load_v86(cpu, n, (uint16_t)i->selectors[n]);
    }
    cpu->cpl = cpu->rflags & RFLAGS_VM ? 3 : i->selectors[SEG_CS] & 3;
    cpu_mode_changed(cpu);
    if (!load_ldt(cpu, (uint16_t)i->ldt))
        return false;
    if (cpu->rflags & RFLAGS_VM)
        return true;
    if (!load_code(cpu, (uint16_t)i->selectors[SEG_CS]))
        return false;
    for (unsigned n = 0; n < sizeof order; n++)
        if (!segment_check(cpu, order[n], (uint16_t)i->selectors[order[n]], cpu->cpl, VECTOR_TS,
                           &cpu->segments[order[n]]))
            return false;
    return true;
}

static bool begin_task(struct cpu *cpu, const struct task_image *i, bool wide, bool has_error, uint32_t error)
{
    bool loaded = load_segments(cpu, i);

    cpu_mode_changed(cpu);
    if (!loaded)
        return false;
    if (has_error) {
        struct stack s = stack_present(cpu);
        if (!stack_push(cpu, &s, wide ? 4 : 2, error))
            return false;
        stack_commit(cpu, &s);
    }
    return code_offset_check(cpu, &cpu->segments[SEG_CS], cpu->rip);
}

/* ---- The switch ------------------------------------------------------------------------------------------------ */

static bool leave_task(struct cpu *cpu, struct descriptor *d, enum task_reason reason)
{
    uint64_t flags = cpu_rflags(cpu), link = cpu->tr.selector;

    if (reason == TASK_RETURN)
        flags &= ~RFLAGS_NT;
    if (!image_write(cpu, cpu->tr.attributes & 8 ? &layout32 : &layout16, flags))
        return false;
    if ((reason == TASK_JUMP || reason == TASK_RETURN) && !old_not_busy(cpu))
        return false;
    if ((reason == TASK_CALL || reason == TASK_INTERRUPT) &&
        !task_word(cpu, descriptor_base(d), 0, 2, ACCESS_STORE, &link))
        return false;
    return reason == TASK_RETURN || descriptor_set_type(cpu, d, descriptor_type(d) | 2);
}

static void enter_registers(struct cpu *cpu, const struct task_image *i, bool wide, bool nested)
{
    cpu->cr0 |= CR0_TS;
    if (wide && (cpu->cr0 & CR0_PG)) {
        cpu->cr3 = i->cr3;
        if (cpu->cr4 & CR4_PAE)
            cpu_pdptes_load(cpu, i->cr3);
        cpu_tlb_flush(cpu, false);
    }
    for (unsigned n = 0; n < 8; n++)
        cpu->gpr[n] = wide ? i->gpr[n] : i->gpr[n] | 0xffff0000u; /* upper halves: undefined, as the 386 has them */
    cpu->dr[7] &= ~UINT64_C(0x155);
    cpu_debug_changed(cpu);
    cpu_flags_set_all(cpu, i->flags | (nested ? RFLAGS_NT : 0));
    cpu_leave(cpu, i->rip);
    if (i->trap & 1) {
        cpu->debug_pending |= DR6_BT;
        cpu_attention_slow(cpu);
    }
}

bool task_switch(struct cpu *cpu, uint16_t selector, struct descriptor *d, enum task_reason reason, bool has_error,
                 uint32_t error)
{
    bool wide = descriptor_type(d) & 8;
    const struct task_layout *t = wide ? &layout32 : &layout16;
    struct task_image image;

    if (descriptor_limit(d) < t->limit)
        return cpu_raise(cpu, VECTOR_TS, selector_error(cpu, selector));
    if (!image_read(cpu, descriptor_base(d), t, &image) || !leave_task(cpu, d, reason))
        return false;
    cpu->tr = descriptor_segment(d, selector);
    enter_registers(cpu, &image, wide, reason == TASK_CALL || reason == TASK_INTERRUPT);
    if (!begin_task(cpu, &image, wide, has_error, error))
        cpu->fault.rip = cpu->rip;
    return true;
}

bool task_gate(struct cpu *cpu, const struct descriptor *gate, enum task_reason reason, bool has_error, uint32_t error)
{
    uint16_t selector = gate_selector(gate);
    uint32_t code = selector_error(cpu, selector);
    struct descriptor d;

    if (selector & 4)
        return cpu_raise(cpu, VECTOR_GP, code);
    if (!descriptor_read(cpu, selector, VECTOR_GP, &d))
        return false;
    if (descriptor_ordinary(&d) || (descriptor_type(&d) != TYPE_TSS && descriptor_type(&d) != TYPE_TSS16))
        return cpu_raise(cpu, VECTOR_GP, code);
    if (!descriptor_present(&d))
        return cpu_raise(cpu, VECTOR_NP, code);
    return task_switch(cpu, selector, &d, reason, has_error, error);
}

bool task_return(struct cpu *cpu)
{
    uint64_t link;
    uint16_t selector;
    struct descriptor d;

    if (!task_word(cpu, cpu->tr.base, 0, 2, ACCESS_LOAD, &link))
        return false;
    selector = (uint16_t)link;
    if (selector & 4)
        return cpu_raise(cpu, VECTOR_TS, selector_error(cpu, selector));
    if (!descriptor_read(cpu, selector, VECTOR_TS, &d))
        return false;
    if (descriptor_ordinary(&d) || (descriptor_type(&d) & ~8u) != TYPE_TSS16_BUSY)
        return cpu_raise(cpu, VECTOR_TS, selector_error(cpu, selector));
    if (!descriptor_present(&d))
        return cpu_raise(cpu, VECTOR_NP, selector_error(cpu, selector));
    return task_switch(cpu, selector, &d, TASK_RETURN, false, 0);
}
