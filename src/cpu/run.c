/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The loop: what asks for attention, then a block, or one instruction where each has to be looked at by itself. Every
 * way through it costs an instruction of the budget, or delivers an event, of which there is a bound in a row.
 */
#include "cpu/engine.h"

#include <errno.h>

enum { STACK_BYTES = 64 << 10, EVENTS_IN_A_ROW = 300 };

/* ---- Failing -------------------------------------------------------------------------------------------------- */

static bool has_error(enum vector v)
{
    return v == VECTOR_DF || (v >= VECTOR_TS && v <= VECTOR_PF) || v == VECTOR_AC;
}

void cpu_fault(struct cpu *cpu, const struct op *op, enum vector vector, uint32_t error)
{
    struct cpu_fault *f = &cpu->fault;

    if (f->pending)
        return;
    f->pending = true;
    f->vector = (uint8_t)vector;
    f->has_error = has_error(vector);
    f->error = f->has_error ? error : 0;
    f->rip = op_rip(cpu, op);
}

bool cpu_raise(struct cpu *cpu, enum vector vector, uint32_t error)
{
    cpu_fault(cpu, cpu->op, vector, error);
    return false;
}

/* ---- Between instructions ------------------------------------------------------------------------------------- */

/* No instruction is on its way: what fails now fails at rip. */
static const struct op idle;
static void set_idle(struct cpu *cpu)
{
    cpu->op = &idle;
    cpu->gpr[GPR_BLOCK] = cpu->rip;
}

/* Code as it is to be run from here on. Blocks do not change it and go on with one another. */
static void refresh(struct cpu *cpu)
{
    const struct vcpu_segment *cs = &cpu->segments[SEG_CS];
    bool wide = cpu->code_size == 8;

    cpu->code_base = wide ? 0 : cs->base;
    cpu->code_limit = wide ? ~UINT64_C(0) : cs->limit;
    cpu->code_mask = wide ? ~UINT64_C(0) : 0xffffffff;
    cpu->block_key = (uint64_t)cpu_block_key(cpu) << 48;
    cpu_tlb_select(cpu);
}

/* Is the next instruction to be looked at by itself? A shadow matters while something waits to come in; RF while there
 * are breakpoints. */
static bool slow(struct cpu *cpu)
{
    bool waits = __atomic_load_n(&cpu->intr_line, __ATOMIC_RELAXED) || cpu->nmi_pending;

    if ((cpu->rflags & RFLAGS_TF) || (cpu->dr[7] & 0xff) || cpu->debug_pending)
        return true;
    cpu->rflags &= ~RFLAGS_RF;
    return (cpu->shadow_sti || cpu->shadow_ss) && waits;
}

/* Interrupts that may come in now. True when one was delivered. */
static bool event(struct cpu *cpu)
{
    if (cpu->nmi_pending && !cpu->nmi_masked && !cpu->shadow_ss) {
        cpu->nmi_pending = false;
        cpu->nmi_masked = true;
        cpu->halted = false;
        cpu_interrupt(cpu, VECTOR_NMI, SOURCE_EXTERNAL, false, 0);
        return true;
    }
    if (!__atomic_load_n(&cpu->intr_line, __ATOMIC_RELAXED) || !(cpu->rflags & RFLAGS_IF) || cpu->shadow_sti ||
        cpu->shadow_ss)
        return false;
    int vector = cpu->bus.acknowledge(cpu->bus.owner);
    if (vector < 0)
        return false;
    cpu->halted = false;
    cpu_interrupt(cpu, (uint8_t)vector, SOURCE_EXTERNAL, false, 0);
    return true;
}

/* True when cpu_run() is to end. */
static bool attend(struct cpu *cpu, enum cpu_exit *exit)
{
    uint32_t a = __atomic_load_n(&cpu->attention, __ATOMIC_ACQUIRE);

    if (!a)
        return false;
    if (a & (ATTENTION_STOP | ATTENTION_KICK)) {
        uint32_t bit = a & ATTENTION_STOP ? ATTENTION_STOP : ATTENTION_KICK;

        __atomic_and_fetch(&cpu->attention, ~bit, __ATOMIC_RELAXED);
        *exit = bit == ATTENTION_STOP ? CPU_EXIT_STOP : CPU_EXIT_KICK;
        return true;
    }
    __atomic_and_fetch(&cpu->attention, ~a, __ATOMIC_ACQUIRE);
    if (a & ATTENTION_NMI)
        cpu->nmi_pending = true;
    return false;
}

/* ---- Running -------------------------------------------------------------------------------------------------- */

/* One instruction with all that may have to be looked at before and after it. */
static void step(struct cpu *cpu, bool debugged)
{
    const struct op *op;

    cpu->budget--;
    if (debugged && !cpu_debug_before(cpu))
        return;
    cpu->shadow_sti = cpu->shadow_ss = false;
    op = block_step(cpu);
    if (!op)
        return;
    cpu->op = op;
    op->run(cpu, op);
    if (debugged && !cpu->fault.pending)
        cpu_debug_after(cpu);
}

static void blocks(struct cpu *cpu)
{
    const struct op *enter = block_find(cpu);

    if (enter && cpu->budget >= enter->imm) {
        bool sti = cpu->shadow_sti, ss = cpu->shadow_ss;

        cpu->shadow_sti = cpu->shadow_ss = false;
        enter->run(cpu, enter);
        cpu->budget += cpu->op->left;
        if (cpu->op == &idle) { /* nothing was run: somebody wants attention */
            cpu->shadow_sti = sti;
            cpu->shadow_ss = ss;
        }
    } else if (cpu->fault.pending) {
        cpu->budget--;
    } else {
        step(cpu, false);
    }
}

static enum cpu_exit loop(struct cpu *cpu)
{
    enum cpu_exit exit;
    unsigned events = 0;

    for (;;) {
        if (cpu->fault.pending) {
            cpu->rip = cpu->fault.rip;
            set_idle(cpu);
            cpu->engine->link = NULL;
            cpu_fault_deliver(cpu);
            cpu->fault.pending = false;
        }
        set_idle(cpu);
        if (cpu->shutdown)
            return CPU_EXIT_SHUTDOWN;
        if (attend(cpu, &exit))
            return exit;
        if (cpu->debug_pending && !cpu->shadow_ss && cpu->budget > 0 && !cpu_debug_before(cpu)) {
            cpu->budget--;
            continue;
        }
        if (events < EVENTS_IN_A_ROW && event(cpu)) {
            events++;
            cpu->fault.pending = false;
            cpu->engine->link = NULL;
            continue;
        }
        if (cpu->halted)
            return CPU_EXIT_HALT;
        if (cpu->budget <= 0)
            return CPU_EXIT_BUDGET;
        events = 0;
        refresh(cpu);
        if (UNLIKELY(slow(cpu))) {
            cpu->engine->link = NULL;
            step(cpu, true);
        } else {
            blocks(cpu);
        }
    }
}

enum cpu_exit cpu_run(struct cpu *cpu, uint64_t instructions)
{
    uint64_t n = instructions < INT64_MAX ? instructions : INT64_MAX;

    cpu->budget = (int64_t)n;
    cpu->engine->quota = n;
    cpu->stack_end = (uintptr_t)__builtin_frame_address(0) - STACK_BYTES;
    cpu->engine->link = NULL;
    fpu_enter(cpu);
    enum cpu_exit exit = loop(cpu);
    fpu_leave(cpu);
    cpu->executed += n - (uint64_t)cpu->budget;
    cpu->engine->quota = 0;
    cpu->budget = 0;
    return exit;
}

uint64_t cpu_executed(const struct cpu *cpu)
{
    return cpu->executed + cpu->engine->quota - (uint64_t)(cpu->budget + cpu->op->left);
}

/* ---- From outside --------------------------------------------------------------------------------------------- */

static void attention(struct cpu *cpu, uint32_t bit)
{
    __atomic_or_fetch(&cpu->attention, bit, __ATOMIC_RELEASE);
}

void cpu_kick(struct cpu *cpu)
{
    attention(cpu, ATTENTION_KICK);
}

void cpu_stop(struct cpu *cpu)
{
    attention(cpu, ATTENTION_STOP);
}

void cpu_set_intr(struct cpu *cpu, bool up)
{
    __atomic_store_n(&cpu->intr_line, up, __ATOMIC_RELAXED);
    if (up)
        attention(cpu, ATTENTION_INTR);
}

void cpu_set_nmi(struct cpu *cpu)
{
    attention(cpu, ATTENTION_NMI);
}

void cpu_memory_written(struct cpu *cpu, uint64_t gpa, uint64_t n)
{
    while (n) {
        uint64_t room = 4096 - (gpa & PAGE_OFFSET), piece = n < room ? n : room;
        bool writable;
        uint8_t *host = paging_host(cpu, gpa & ~PAGE_OFFSET, &writable);

        if (host)
            block_written(cpu, host + (gpa & PAGE_OFFSET), (unsigned)piece);
        gpa += piece;
        n -= piece;
    }
}

void cpu_memory_map_changed(struct cpu *cpu)
{
    struct cpu_engine *e = cpu->engine;

    block_drop_all(cpu);
    for (unsigned i = 0; i < HOST_PAGES; i++)
        e->hosts[i].gpa = ~UINT64_C(0);
    cpu_tlb_flush(cpu, true);
}

/* ---- Making one ----------------------------------------------------------------------------------------------- */

enum { BLOCKS_USUALLY = 1 << 16, BLOCK_BYTES = 512 };

static size_t rounded(size_t n)
{
    return (n + 4095) & ~(size_t)4095;
}

size_t cpu_bytes(unsigned blocks_wanted)
{
    size_t arena = (size_t)(blocks_wanted ? blocks_wanted : BLOCKS_USUALLY) * BLOCK_BYTES;

    if (arena < 16384)
        arena = 16384;
    return rounded(sizeof(struct cpu)) + rounded(sizeof(struct cpu_engine)) + rounded(arena);
}

struct cpu *cpu_make(void *memory, size_t bytes, const struct cpu_bus *bus, const struct cpu_model *model)
{
    struct cpu *cpu = memory;
    struct cpu_engine *e = (struct cpu_engine *)(void *)((uint8_t *)memory + rounded(sizeof *cpu));

    memset(cpu, 0, sizeof *cpu);
    memset(e, 0, sizeof *e);
    cpu->bus = *bus;
    cpu->model = *model;
    cpu->engine = e;
    cpu->jumps = e->jumps;
    e->arena = e->arena_at = (uint8_t *)e + rounded(sizeof *e);
    e->chains = e->arena_end = (uint8_t *)memory + (bytes & ~(size_t)7);
    e->gigabyte_pages = cpu_model_cpuid(model, 0x80000001, 0).edx >> 26 & 1;
    for (unsigned which = 0; which < TLBS; which++)
        for (unsigned i = 0; i < TLB_SETS; i++) {
            e->tlbs[which].entries[i] = (struct tlb_entry){TLB_NEVER, TLB_NEVER, TLB_NEVER, 0};
            e->tlbs[which].mixed[i] = TLB_NEVER;
        }
    for (unsigned i = 0; i < HOST_PAGES; i++)
        e->hosts[i].gpa = ~UINT64_C(0);
    for (unsigned i = 0; i < JUMPS; i++)
        e->jumps[i].tag = ~UINT64_C(0);
    cpu->op = &idle;
    cpu->tlb = e->tlbs[TLB_SUPERVISOR].entries;
    cpu_reset(cpu);
    return cpu;
}

/* Nothing decoded, nothing translated: a new state begins. Called by those who set it whole. */
void cpu_forget(struct cpu *cpu)
{
    block_flush_all(cpu);
    cpu_tlb_flush(cpu, true);
    set_idle(cpu);
    refresh(cpu);
}
