/* SPDX-License-Identifier: Apache-2.0 */
/* See cpu_case.h. RAM is a block of the heap of its exact size, so that a sanitizer sees each access beside it. */
#include "cpu_case.h"

#include "cpu/core.h"
#include "cpu/registers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    RAM = 0x60000, /* the last quarter is mapped nowhere by our tables: they lie there */
    MAPPED = 0x48000,
    CODE = 0x10000,
    STACK = 0x20000,
    DATA = 0x28000,
    GDT = 0x8000,
    IDT = 0x9000,
    TSS = 0xb000,
    HANDLERS = 0xc000,
    TABLES = 0x50000, /* level 4, 3, 2, 1, four PDPTEs, two levels */
    ROM = 0xe0000,
    DEVICE = 0xf0000,
    INSTRUCTIONS = 2000,
};

struct machine {
    struct cpu *cpu;
    void *memory;
    uint8_t *ram, *rom;
    uint64_t ticks;
    uint32_t mixed;
};

static uint64_t mix(struct machine *m)
{
    m->mixed = m->mixed * 1664525u + 1013904223u;
    return m->mixed;
}

/* ---- The bus -------------------------------------------------------------------------------------------------- */

static uint8_t *bus_page(void *owner, uint64_t gpa, bool *writable)
{
    struct machine *m = owner;

    *writable = gpa < RAM;
    return gpa < RAM ? m->ram + gpa : gpa == ROM ? m->rom : NULL;
}
static uint64_t bus_read(void *owner, uint64_t gpa, unsigned size)
{
    struct machine *m = owner;

    return gpa >> 12 == DEVICE >> 12 ? mix(m) : ~UINT64_C(0);
}
static void bus_write(void *owner, uint64_t gpa, unsigned size, uint64_t value)
{
    struct machine *m = owner;

    if (gpa >> 12 != DEVICE >> 12)
        return;
    uint64_t to = value % (RAM - 8); /* a device that writes RAM */
    memcpy(m->ram + to, &value, 8);
    cpu_memory_written(m->cpu, to, 8);
    if (value & 1)
        cpu_set_nmi(m->cpu);
    cpu_set_intr(m->cpu, value & 2);
}
static uint32_t bus_in(void *owner, uint16_t port, unsigned size)
{
    return (uint32_t)mix(owner);
}
static void bus_out(void *owner, uint16_t port, unsigned size, uint32_t value)
{
    struct machine *m = owner;

    if (port & 1)
        cpu_set_intr(m->cpu, true);
}
static int bus_acknowledge(void *owner)
{
    struct machine *m = owner;
    uint64_t v = mix(m);

    bool some = v & 0x80; /* none after all: then the line is down, or each look would be another answer */

    if ((v & 0x300) || !some)
        cpu_set_intr(m->cpu, false);
    return some ? (int)(v & 0xff) : -1;
}
static uint8_t bus_tpr_get(void *owner)
{
    return (uint8_t)mix(owner);
}
static void bus_tpr_set(void *owner, uint8_t tpr)
{
}
static bool bus_msr_read(void *owner, uint32_t index, uint64_t *value)
{
    *value = index;
    return index & 1;
}
static bool bus_msr_write(void *owner, uint32_t index, uint64_t value)
{
    return index & 1;
}
static uint64_t bus_tsc(void *owner)
{
    return ((struct machine *)owner)->ticks++;
}
static bool bus_random(void *owner, uint64_t *value)
{
    *value = mix(owner);
    return *value & 1;
}

/* ---- The case ------------------------------------------------------------------------------------------------- */

struct reader {
    const uint8_t *at, *end;
};
static uint8_t take(struct reader *r)
{
    return r->at < r->end ? *r->at++ : 0;
}
static uint64_t take64(struct reader *r)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < 8; i++)
        v |= (uint64_t)take(r) << 8 * i;
    return v;
}

static void put64(uint8_t *ram, unsigned at, uint64_t v)
{
    memcpy(ram + at, &v, 8);
}

static const uint64_t gdt[] = {0,
                               UINT64_C(0x00af9b000000ffff), /* code 64 */
                               UINT64_C(0x00cf93000000ffff), /* data */
                               UINT64_C(0x00cf9b000000ffff), /* code 32 */
                               UINT64_C(0x00009b000000ffff), /* code 16 */
                               UINT64_C(0x000093000000ffff), /* data 16 */
                               UINT64_C(0x0000890b00000067) | TSS << 16,
                               0,
                               UINT64_C(0x00affb000000ffff), /* the same for users */
                               UINT64_C(0x00cff3000000ffff),
                               UINT64_C(0x00cffb000000ffff),
                               UINT64_C(0x0000fb000000ffff),
                               UINT64_C(0x0000f3000000ffff),
                               UINT64_C(0x0000ec000008c000),  /* a call gate to HANDLERS */
                               UINT64_C(0x000082000000007f),  /* an LDT */
                               UINT64_C(0x0000e50000300000)}; /* a task gate */

static void tables(uint8_t *ram)
{
    put64(ram, TABLES, (TABLES + 0x1000) | 7);
    put64(ram, TABLES + 0x1000, (TABLES + 0x2000) | 7);
    put64(ram, TABLES + 0x2000, (TABLES + 0x3000) | 7);
    for (unsigned i = 0; i < MAPPED >> 12; i++)
        put64(ram, TABLES + 0x3000 + 8 * i, (uint64_t)i << 12 | 7);
    put64(ram, TABLES + 0x3000 + 8 * (ROM >> 12), ROM | 7);
    put64(ram, TABLES + 0x3000 + 8 * (DEVICE >> 12), DEVICE | 7);
    put64(ram, TABLES + 0x4000, (TABLES + 0x2000) | 1);
    uint32_t e = (TABLES + 0x6000) | 7;
    memcpy(ram + TABLES + 0x5000, &e, 4);
    for (unsigned i = 0; i < 256; i++) {
        e = i << 12 | (i < MAPPED >> 12 || i == ROM >> 12 || i == DEVICE >> 12 ? 7 : 0);
        memcpy(ram + TABLES + 0x6000 + 4 * i, &e, 4);
    }
}

enum { FLAG_LONG = 1, FLAG_PROTECTED = 2, FLAG_PAGED = 4, FLAG_PAE = 8, FLAG_USER = 16, FLAG_16 = 32, FLAG_V86 = 64 };

static void gates(uint8_t *ram, unsigned flags)
{
    for (unsigned v = 0; v < 256; v++) {
        unsigned bytes = flags & FLAG_LONG ? 16 : 8, at = HANDLERS + 4 * v;

        if (flags & FLAG_PROTECTED)
            put64(ram, IDT + bytes * v,
                  at | (flags & FLAG_LONG ? 0x08u : 0x18u) << 16 | UINT64_C(0xee00) << 32 | (uint64_t)(v & 1) << 40);
        else
            put64(ram, 4 * v, at); /* vectors of real mode; the next one overwrites the upper half */
        ram[at] = 0xe9;            /* jmp to the code: what is on the stack stays there */
        put64(ram, at + 1, 0);
        uint16_t distance = (uint16_t)(CODE - (at + 3));
        uint32_t distance32 = CODE - (at + 5u);
        if (flags & FLAG_PROTECTED)
            memcpy(ram + at + 1, &distance32, 3);
        else
            memcpy(ram + at + 1, &distance, 2);
    }
}

static struct vcpu_segment segment(unsigned selector)
{
    uint64_t d = gdt[selector >> 3];
    struct vcpu_segment s = {.selector = (uint16_t)selector, .attributes = (uint32_t)(d >> 40) & 0xf0ff};

    s.limit = s.attributes & SEG_G ? 0xffffffff : 0xffff;
    return s;
}

static void state_of(struct vcpu_state *s, unsigned flags, struct reader *r)
{
    unsigned ring = flags & FLAG_USER ? 0x3b : 0;
    unsigned code = flags & FLAG_LONG ? 0x08 : flags & FLAG_16 ? 0x20 : 0x18;

    vcpu_state_reset(s);
    for (unsigned i = 0; i < GPRS; i++)
        s->gpr[i] = take64(r) >> (take(r) & 63);
    s->gpr[GPR_SP] = STACK, s->gpr[GPR_SI] = DATA, s->gpr[GPR_DI] = CODE + 64;
    s->rip = flags & FLAG_PROTECTED ? CODE : 0;
    s->cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT | CR4_OSXSAVE;
    s->xcr0 = 7;
    s->idtr = (struct vcpu_table){.base = flags & FLAG_PROTECTED ? IDT : 0, .limit = 0xfff};
    s->gdtr = (struct vcpu_table){.base = GDT, .limit = sizeof gdt - 1};
    for (unsigned i = 0; i < SEGMENTS; i++)
        s->segments[i] = (struct vcpu_segment){.limit = 0xffff, .attributes = i == SEG_CS ? 0x9b : 0x93};
    s->segments[SEG_CS].base = CODE, s->segments[SEG_CS].selector = CODE >> 4;
    if (!(flags & FLAG_PROTECTED))
        return;
    s->cr0 |= CR0_PE | CR0_NE;
    for (unsigned i = 0; i < SEGMENTS; i++)
        s->segments[i] = segment((i == SEG_CS ? code : 0x10) + ring);
    s->tr = (struct vcpu_segment){.selector = 0x30, .base = TSS, .limit = 0x67, .attributes = 0x8b};
    if (flags & (FLAG_PAGED | FLAG_LONG)) {
        s->cr0 |= CR0_PG | CR0_WP;
        s->cr3 = flags & FLAG_LONG ? TABLES : flags & FLAG_PAE ? TABLES + 0x4000 : TABLES + 0x5000;
        s->cr4 |= flags & (FLAG_PAE | FLAG_LONG) ? CR4_PAE | CR4_PGE : CR4_PSE;
    }
    if (flags & FLAG_LONG)
        s->msrs.efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
}

/* Damages what lies ready: pairs of a place and a byte. */
static void damage(uint8_t *at, unsigned bytes, struct reader *r, unsigned times)
{
    while (times--) {
        unsigned where = (take(r) | take(r) << 8u) % bytes;

        at[where] ^= take(r);
    }
}

/* ---- Running -------------------------------------------------------------------------------------------------- */

static void make(struct machine *m, unsigned blocks)
{
    struct cpu_bus bus = {
        .owner = m, .page = bus_page, .read = bus_read, .write = bus_write, .in = bus_in, .out = bus_out};
    struct cpu_model model;
    const char *names;

    bus.acknowledge = bus_acknowledge, bus.tpr_get = bus_tpr_get, bus.tpr_set = bus_tpr_set;
    bus.msr_read = bus_msr_read, bus.msr_write = bus_msr_write, bus.tsc = bus_tsc, bus.random = bus_random;
    if (!m->ram) { /* kept from case to case: what matters of it is made anew */
        m->ram = aligned_alloc(4096, RAM);
        m->rom = aligned_alloc(4096, 4096);
        m->memory = aligned_alloc(4096, cpu_bytes(blocks));
    }
    m->ticks = 0;
    if (!m->ram || !m->rom || !m->memory || cpu_model_find("max", &model, &names))
        abort();
    memset(m->ram, 0, RAM);
    memset(m->rom, 0x90, 4096);
    m->cpu = cpu_make(m->memory, cpu_bytes(blocks), &bus, &model);
}

static bool set_up(struct machine *m, const uint8_t *data, size_t n)
{
    struct reader r = {data, data + n};
    unsigned flags = take(&r), harm = take(&r);
    struct vcpu_state s;
    const char *why;

    if (flags & FLAG_LONG)
        flags |= FLAG_PROTECTED;
    m->mixed = take(&r);
    tables(m->ram);
    gates(m->ram, flags);
    memcpy(m->ram + GDT, gdt, sizeof gdt);
    uint32_t stack[] = {0, 0x1f000, 0x10, 0, 0x1f000, 0x10, 0x1f000};
    memcpy(m->ram + TSS, stack, sizeof stack);
    state_of(&s, flags, &r);
    if (harm & 1)
        damage(m->ram + GDT, sizeof gdt, &r, 8);
    if (harm & 2)
        damage(m->ram + TABLES, 0x7000, &r, 16);
    if (harm & 4)
        damage(m->ram + IDT, 0x1000, &r, 8);
    if (harm & 8)
        damage((uint8_t *)&s, sizeof s, &r, 4);
    if (vcpu_state_check(&s, &why))
        return false;
    for (unsigned at = CODE; r.at < r.end && at < CODE + 0x1000; at++)
        m->ram[at] = take(&r);
    cpu_state_set(m->cpu, &s);
    return true;
}

/* Slices of `slice` instructions, until there were so many or it is at its end. */
static uint64_t run(struct machine *m, uint64_t slice)
{
    while (cpu_executed(m->cpu) < INSTRUCTIONS) {
        uint64_t left = INSTRUCTIONS - cpu_executed(m->cpu), before = cpu_executed(m->cpu),
                 want = slice < left ? slice : left;
        enum cpu_exit exit = cpu_run(m->cpu, want);
        uint64_t did = cpu_executed(m->cpu) - before;

        if (did > want || (exit == CPU_EXIT_BUDGET && did != want)) {
            fprintf(stderr, "asked for %lu instructions, did %lu\n", (unsigned long)want, (unsigned long)did);
            abort();
        }
        if (exit != CPU_EXIT_BUDGET)
            break;
    }
    return cpu_executed(m->cpu);
}

static void compare(struct machine *a, struct machine *b)
{
    struct vcpu_state x, y;
    const char *why;

    cpu_state_get(a->cpu, &x);
    cpu_state_get(b->cpu, &y);
    x.shadow_sti = y.shadow_sti = 0; /* within a block none is needed */
    if (vcpu_state_check(&x, &why)) {
        fprintf(stderr, "a state that could not be: %s\n", why);
        abort();
    }
    if (memcmp(&x, &y, sizeof x)) {
        for (unsigned i = 0; i < sizeof x; i++)
            if (((uint8_t *)&x)[i] != ((uint8_t *)&y)[i]) {
                fprintf(stderr, "states differ at byte %u (rip %lx, %lx; executed %lu, %lu)\n", i, (unsigned long)x.rip,
                        (unsigned long)y.rip, (unsigned long)cpu_executed(a->cpu), (unsigned long)cpu_executed(b->cpu));
                break;
            }
        abort();
    }
    if (memcmp(a->ram, b->ram, RAM)) {
        fprintf(stderr, "memories differ\n");
        abort();
    }
}

uint64_t cpu_case_run(const uint8_t *data, size_t n)
{
    static struct machine a, b;
    uint64_t done = 0;

    make(&a, 64);
    make(&b, 1);
    if (set_up(&a, data, n) && set_up(&b, data, n)) {
        bool same = !(n > 1 && (data[1] & 2)); /* damaged tables may be changed by what runs on them */

        done = run(&a, 777) + run(&b, 1);
        if (same)
            compare(&a, &b);
    }
    return done;
}
