/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of privilege, segments and mode share with one another: descriptors, stacks that are not the present
 * one yet, transfers, tasks. Private to src/cpu.
 *
 * All functions that return bool raise the exception that is due and return false; nothing of the processor has changed
 * then (the accessed bit of a descriptor may have).
 */
#ifndef MOAT_CPU_SYSTEM_H
#define MOAT_CPU_SYSTEM_H

#include "cpu/core.h"
#include "cpu/features.h"
#include "cpu/registers.h"

/* ---- Descriptors (segment.c; Intel 3A 3.4.5, 6.11, 7.2) -------------------------------------------------------- */

struct descriptor {
    uint32_t low, high;
    uint64_t at; /* its linear address */
};

enum { /* the type field of those with S 0; bit 2 set: 32 or 64 bits, clear: 16 */
       TYPE_TSS16 = 1,
       TYPE_LDT = 2,
       TYPE_TSS16_BUSY = 3,
       TYPE_CALL16 = 4,
       TYPE_TASK_GATE = 5,
       TYPE_INTERRUPT16 = 6,
       TYPE_TRAP16 = 7,
       TYPE_TSS = 9,
       TYPE_TSS_BUSY = 11,
       TYPE_CALL = 12,
       TYPE_INTERRUPT = 14,
       TYPE_TRAP = 15,
};
enum { /* of those with S 1 */
       TYPE_ACCESSED = 1,
       TYPE_WRITABLE = 2, /* data; of code: readable */
       TYPE_DOWN = 4,     /* data: expands down; of code: conforming */
       TYPE_CODE = 8,
};

static inline unsigned descriptor_type(const struct descriptor *d)
{
    return d->high >> 8 & 15;
}
static inline bool descriptor_ordinary(const struct descriptor *d) /* code or data */
{
    return d->high >> 12 & 1;
}
static inline unsigned descriptor_dpl(const struct descriptor *d)
{
    return d->high >> 13 & 3;
}
static inline bool descriptor_present(const struct descriptor *d)
{
    return d->high >> 15 & 1;
}
static inline bool descriptor_code(const struct descriptor *d)
{
    return (d->high >> 11 & 3) == 3;
}
static inline bool descriptor_conforming(const struct descriptor *d) /* of code */
{
    return d->high >> 10 & 1;
}
static inline bool descriptor_writable_data(const struct descriptor *d)
{
    return (d->high >> 11 & 3) == 2 && (d->high >> 9 & 1);
}
static inline bool descriptor_long(const struct descriptor *d)
{
    return d->high >> 21 & 1;
}
static inline bool descriptor_big(const struct descriptor *d)
{
    return d->high >> 22 & 1;
}
static inline uint32_t descriptor_limit(const struct descriptor *d)
{
    uint32_t limit = (d->low & 0xffff) | (d->high & 0xf0000);
    return d->high >> 23 & 1 ? limit << 12 | 0xfff : limit;
}
static inline uint32_t descriptor_base(const struct descriptor *d)
{
    return d->low >> 16 | (d->high & 0xff) << 16 | (d->high & 0xff000000);
}
/* Of gates. */
static inline uint16_t gate_selector(const struct descriptor *d)
{
    return (uint16_t)(d->low >> 16);
}
static inline uint32_t gate_offset(const struct descriptor *d) /* of 32 bits */
{
    return (d->low & 0xffff) | (d->high & 0xffff0000);
}

static inline bool selector_null(uint16_t selector)
{
    return (selector & ~3) == 0;
}
/* The error code of a selector: without its privilege, with the EXT bit of the event on its way. */
static inline uint32_t selector_error(const struct cpu *cpu, uint16_t selector)
{
    return (selector & 0xfffcu) | cpu->external;
}
static inline bool cpu_long_active(const struct cpu *cpu)
{
    return cpu->msrs.efer & EFER_LMA;
}
static inline bool cpu_real_like(const struct cpu *cpu)
{
    return cpu->mode == MODE_REAL || cpu->mode == MODE_V86;
}

/* Reads the descriptor of a selector that is not null from the GDT or LDT; `bad` when it is not within the table. */
bool descriptor_read(struct cpu *cpu, uint16_t selector, enum vector bad, struct descriptor *d);
/* Sets the accessed bit, in memory and in *d. */
bool descriptor_set_accessed(struct cpu *cpu, struct descriptor *d);
/* Writes the byte with the type field of a descriptor: busy or not. */
bool descriptor_set_type(struct cpu *cpu, struct descriptor *d, unsigned type);
struct vcpu_segment descriptor_segment(const struct descriptor *d, uint16_t selector);

/* Checks a selector for es, ss, ds, fs or gs in protected mode at privilege cpl and makes what is to be loaded. */
bool segment_check(struct cpu *cpu, unsigned segment, uint16_t selector, unsigned cpl, enum vector bad,
                   struct vcpu_segment *out);
struct vcpu_segment segment_null(uint16_t selector);
/* As real mode does it, or virtual-8086 mode. cs too. */
void segment_load_real(struct cpu *cpu, unsigned segment, uint16_t selector);
void segment_load_v86(struct cpu *cpu, unsigned segment, uint16_t selector);
/* Forgets data segments that the new, lower privilege may not have (return to outer privilege). */
void segments_drop_inner(struct cpu *cpu);

/* ---- Stacks of another privilege, and several pushes or pops that count together (transfer.c) ------------------ */

struct stack {
    uint64_t base, pointer;
    uint32_t limit, attributes;
    uint8_t size;    /* of the pointer: 2, 4, 8 */
    bool supervisor; /* written as the supervisor, whatever cpl is now */
    uint32_t error;  /* of #SS */
};
struct stack stack_present(const struct cpu *cpu);
struct stack stack_of(const struct vcpu_segment *ss, uint64_t pointer, bool long_mode);
bool stack_push(struct cpu *cpu, struct stack *s, unsigned size, uint64_t value);
bool stack_pop(struct cpu *cpu, struct stack *s, unsigned size, uint64_t *value);
/* rsp becomes the stack's pointer, as wide as it is. */
void stack_commit(struct cpu *cpu, const struct stack *s);

/* Is `offset` inside of the code segment (or canonical, in 64-bit code)? #GP(0) if not. */
bool code_offset_check(struct cpu *cpu, const struct vcpu_segment *cs, uint64_t offset);
/* In long mode a code segment cannot be both of 64 and of 32 bits. */
static inline bool code_long_valid(const struct cpu *cpu, const struct descriptor *d)
{
    return !cpu_long_active(cpu) || !descriptor_long(d) || !descriptor_big(d);
}
/* The stack of an inner privilege that the task segment has: selector and pointer, then checked. */
bool inner_stack(struct cpu *cpu, unsigned cpl, struct vcpu_segment *ss, uint64_t *pointer);
bool inner_stack_long(struct cpu *cpu, unsigned slot, uint64_t *pointer); /* 0-2: rsp0-2; 4-10: ist1-7 */
/* Returns, far and from interrupts: the code that a popped selector names, and the stack of an outer privilege. */
bool return_code(struct cpu *cpu, uint16_t selector, struct vcpu_segment *cs);
bool return_stack(struct cpu *cpu, uint16_t selector, const struct vcpu_segment *cs, struct vcpu_segment *ss);
/* rsp of a stack that has just become the present one. */
void return_pointer(struct cpu *cpu, const struct vcpu_segment *cs, const struct vcpu_segment *ss, uint64_t pointer);
/* In real and virtual-8086 mode: to selector:rip. */
void code_enter_real(struct cpu *cpu, uint16_t selector, uint64_t rip);
/* cs, cpl and rip become these, after everything else has: the last step of a transfer. */
void code_enter(struct cpu *cpu, const struct vcpu_segment *cs, unsigned cpl, uint64_t rip);

/* ---- Tasks (task.c; Intel 3A chapter 8) ------------------------------------------------------------------------ */

enum task_reason { TASK_JUMP, TASK_CALL, TASK_INTERRUPT, TASK_RETURN };
/* `d` is that of an available (TASK_RETURN: busy) TSS that was found at selector; cpu->rip is where the old task will
 * go on. An error code is pushed on the new task's stack. */
bool task_switch(struct cpu *cpu, uint16_t selector, struct descriptor *d, enum task_reason reason, bool has_error,
                 uint32_t error);
/* Through a task gate: checks the TSS that it names. */
bool task_gate(struct cpu *cpu, const struct descriptor *gate, enum task_reason reason, bool has_error, uint32_t error);
bool task_return(struct cpu *cpu); /* iret with NT set */

/* ---- Control registers, flags, debug registers, registers by number -------------------------------------------- */

bool cpu_cr0_write(struct cpu *cpu, uint64_t value);
bool cpu_cr3_write(struct cpu *cpu, uint64_t value);
bool cpu_cr4_write(struct cpu *cpu, uint64_t value);
bool cpu_efer_write(struct cpu *cpu, uint64_t value); /* false without an exception: a bit that is not allowed */
bool cpu_msr_read(struct cpu *cpu, uint32_t index, uint64_t *value);
bool cpu_msr_write(struct cpu *cpu, uint32_t index, uint64_t value);
/* What cpuid says in the present state. */
struct cpuid_answer cpu_cpuid(const struct cpu *cpu, uint32_t leaf, uint32_t subleaf);
/* Bits of cr4 that this model has. */
uint64_t cpu_cr4_valid(const struct cpu *cpu);

/* Flags of the stack of an interrupt: all of them. */
void cpu_flags_set_all(struct cpu *cpu, uint64_t value);

/* interrupt.c, iret.c: int n, int3, into, int1, iret */
bind_function bind_interrupt;
void op_iret(struct cpu *cpu, const struct op *op);

/* debug.c */
void cpu_debug_changed(struct cpu *cpu); /* dr0 to dr3, dr7 */

/* Rooms within the room of bind_system(). */
bind_function bind_rflags, bind_control, bind_verify;

/* Handlers that are the last of their block and change no flow. */
static inline void op_leave(struct cpu *cpu, const struct op *op)
{
    cpu_leave(cpu, op_next_rip(cpu, op));
}
static inline bool op_privileged(struct cpu *cpu, const struct op *op) /* #GP(0) outside of ring 0 */
{
    if (LIKELY(cpu->cpl == 0))
        return true;
    cpu_fault(cpu, op, VECTOR_GP, 0);
    return false;
}

#endif
