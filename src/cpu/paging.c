/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paging (Intel 3A, chapter 4): two levels with 4 MiB pages, PAE, four levels with 2 MiB and 1 GiB pages. Walks read
 * the guest's tables out of its memory, which it may change at any time: every entry is read once, checked as a copy,
 * and updated only by an exchange that finds it unchanged.
 */
#include "cpu/engine.h"

enum { PTE_P = 1, PTE_W = 2, PTE_U = 4, PTE_A = 0x20, PTE_D = 0x40, PTE_PS = 0x80, PTE_G = 0x100 };
#define PTE_NX UINT64_C(0x8000000000000000)

enum { FAULT_P = 1, FAULT_W = 2, FAULT_U = 4, FAULT_RSVD = 8, FAULT_I = 16, FAULT_KEY = 32 };

#define BITS(high, low) ((~UINT64_C(0) >> (63 - (high))) & (~UINT64_C(0) << (low)))

/* ---- Pages of this process ------------------------------------------------------------------------------------- */

uint8_t *paging_host(struct cpu *cpu, uint64_t gpa, bool *writable)
{
    struct host_page *h = &cpu->engine->hosts[(gpa >> 12) & (HOST_PAGES - 1)];

    if ((h->gpa & ~UINT64_C(1)) != gpa || h->gpa == ~UINT64_C(0)) {
        bool may = false;
        uint8_t *host = cpu->bus.page(cpu->bus.owner, gpa, &may);

        if (!host || ((uintptr_t)host & PAGE_OFFSET))
            return NULL;
        h->host = host;
        h->gpa = gpa | !may;
    }
    *writable = !(h->gpa & 1);
    return h->host;
}

/* ---- Entries -------------------------------------------------------------------------------------------------- */

struct entry {
    uint64_t value;
    uint64_t gpa;
    uint8_t *host;
    unsigned bytes; /* 4 or 8 */
};

static void entry_read(struct cpu *cpu, uint64_t gpa, unsigned bytes, struct entry *e)
{
    bool writable;
    uint8_t *page = paging_host(cpu, gpa & ~PAGE_OFFSET, &writable);

    *e = (struct entry){.gpa = gpa, .bytes = bytes};
    if (!page) {
        e->value = cpu->bus.read(cpu->bus.owner, gpa, bytes);
        return;
    }
    uint8_t *at = page + (gpa & PAGE_OFFSET);
    e->host = writable ? at : NULL;
    e->value = bytes == 8 ? __atomic_load_n((uint64_t *)(void *)at, __ATOMIC_RELAXED)
                          : __atomic_load_n((uint32_t *)(void *)at, __ATOMIC_RELAXED);
}

/* False when the entry is no longer what was read: walk again. In ROM nothing changes; of devices' nothing is kept. */
static bool entry_set(struct cpu *cpu, struct entry *e, uint64_t bits)
{
    uint64_t new = e->value | bits, old64 = e->value;
    uint32_t old32 = (uint32_t)e->value;
    bool done;

    if (new == e->value || !e->host)
        return true;
    if (e->bytes == 8)
        done = __atomic_compare_exchange_n((uint64_t *)(void *)e->host, &old64, new, false, __ATOMIC_RELAXED,
                                           __ATOMIC_RELAXED);
    else
        done = __atomic_compare_exchange_n((uint32_t *)(void *)e->host, &old32, (uint32_t) new, false, __ATOMIC_RELAXED,
                                           __ATOMIC_RELAXED);
    if (done) {
        e->value = new;
        block_written(cpu, e->host, e->bytes);
    }
    return done;
}

/* ---- Walks ---------------------------------------------------------------------------------------------------- */

struct walk {
    struct cpu *cpu;
    uint64_t linear;
    enum access kind;
    bool user, ac, look;
    bool rw, us, nx; /* of the entries so far, together */
    uint32_t error;
    bool again;
    struct entry tables[3]; /* those above the page's own: accessed, when nothing fails below them */
    unsigned n_tables;
};

/* What must be 0 at a level: 4, 3, 2 of tables, or the page itself (1, or large with PS). */
static uint64_t reserved_of(const struct cpu *cpu, unsigned level, bool large)
{
    bool long_mode = cpu->msrs.efer & EFER_LMA;
    uint64_t r = BITS(51, cpu->model.physical_bits);

    if (!(cpu->msrs.efer & EFER_NXE))
        r |= PTE_NX;
    if (!long_mode)
        r |= BITS(62, 52);
    if (level == 4)
        r |= PTE_PS;
    else if (level == 3 && large)
        r |= cpu->engine->gigabyte_pages ? BITS(29, 13) : (uint64_t)PTE_PS;
    else if (level == 2 && large)
        r |= BITS(20, 13);
    return r;
}

static bool fail(struct walk *w, uint32_t bits)
{
    const struct cpu *cpu = w->cpu;

    w->error = bits | (w->kind == ACCESS_STORE ? FAULT_W : 0) | (w->user ? FAULT_U : 0);
    if (w->kind == ACCESS_FETCH && ((cpu->cr4 & CR4_SMEP) || ((cpu->cr4 & CR4_PAE) && (cpu->msrs.efer & EFER_NXE))))
        w->error |= FAULT_I;
    return false;
}

/* What the rights of all levels allow (4.6.1). */
static void rights(const struct walk *w, struct translation *out)
{
    const struct cpu *cpu = w->cpu;

    if (w->user) {
        out->load = w->us;
        out->store = w->us && w->rw;
        out->fetch = w->us && !w->nx;
        return;
    }
    bool reach = !(w->us && (cpu->cr4 & CR4_SMAP)) || w->ac;
    out->load = reach;
    out->store = reach && (w->rw || !(cpu->cr0 & CR0_WP));
    out->fetch = !w->nx && !(w->us && (cpu->cr4 & CR4_SMEP));
}

/* What the key of a supervisor's page takes away from data accesses (4.6.2). */
static void key_rights(const struct walk *w, uint64_t entry, struct translation *out)
{
    const struct cpu *cpu = w->cpu;
    unsigned key = (unsigned)(entry >> 59 & 15), denied = (unsigned)(CPU_PKRS(cpu) >> 2 * key & 3);

    if (w->us || !(cpu->cr4 & CR4_PKS) || !(cpu->msrs.efer & EFER_LMA))
        return;
    if (denied & 1)
        out->load = out->store = false;
    if ((denied & 2) && (cpu->cr0 & CR0_WP))
        out->store = false;
}

static bool page(struct walk *w, struct entry *e, uint64_t frame, unsigned bits, struct translation *out)
{
    rights(w, out);
    bool may = w->kind == ACCESS_LOAD ? out->load : out->store;
    key_rights(w, e->value, out);
    if (w->kind != ACCESS_FETCH && may && !(w->kind == ACCESS_LOAD ? out->load : out->store))
        return fail(w, FAULT_P | FAULT_KEY);
    if (!(w->kind == ACCESS_LOAD ? out->load : w->kind == ACCESS_STORE ? out->store : out->fetch))
        return fail(w, FAULT_P);
    for (unsigned i = 0; i < w->n_tables && !w->look; i++)
        w->again = !entry_set(w->cpu, &w->tables[i], PTE_A) || w->again;
    w->again = w->again || (!w->look && !entry_set(w->cpu, e, w->kind == ACCESS_STORE ? PTE_A | PTE_D : PTE_A));
    if (w->again)
        return false;
    uint64_t offset = (UINT64_C(1) << bits) - 1;
    out->gpa = (frame & ~offset) | (w->linear & offset & ~PAGE_OFFSET);
    out->dirty = e->value & PTE_D;
    out->kind = bits == 30 ? TLB_1G : bits == 22 ? TLB_4M : bits == 21 ? TLB_2M : 0;
    if ((e->value & PTE_G) && (w->cpu->cr4 & CR4_PGE))
        out->kind |= TLB_GLOBAL;
    return true;
}

/* Reads the entry of a level and takes its rights. */
static bool descend(struct walk *w, uint64_t table, unsigned shift, unsigned level, struct entry *e)
{
    entry_read(w->cpu, table + ((w->linear >> shift & 0x1ff) << 3), 8, e);
    if (!(e->value & PTE_P))
        return fail(w, 0);
    if (e->value & reserved_of(w->cpu, level, e->value & PTE_PS))
        return fail(w, FAULT_P | FAULT_RSVD);
    w->rw = w->rw && (e->value & PTE_W);
    w->us = w->us && (e->value & PTE_U);
    w->nx = w->nx || (e->value & PTE_NX);
    return true;
}

/* Entries of eight bytes: PAE from level 2 on, long mode from level 4. */
static bool walk_wide(struct walk *w, uint64_t table, unsigned level, struct translation *out)
{
    struct entry e;

    for (;; level--) {
        unsigned shift = 12 + 9 * (level - 1);

        if (!descend(w, table, shift, level, &e))
            return false;
        uint64_t frame = e.value & BITS(51, 12);
        if (level == 1)
            return page(w, &e, frame, 12, out);
        if ((level == 2 || level == 3) && (e.value & PTE_PS))
            return page(w, &e, frame, shift, out);
        w->tables[w->n_tables++] = e;
        table = frame;
    }
}

/* Two levels of four bytes. */
static bool walk_narrow(struct walk *w, struct translation *out)
{
    struct entry e;

    entry_read(w->cpu, (w->cpu->cr3 & BITS(31, 12)) + (w->linear >> 22 & 0x3ff) * 4, 4, &e);
    if (!(e.value & PTE_P))
        return fail(w, 0);
    w->rw = e.value & PTE_W;
    w->us = e.value & PTE_U;
    if ((e.value & PTE_PS) && (w->cpu->cr4 & CR4_PSE)) {
        if (e.value & BITS(21, 21)) /* bits 13 to 20 are 32 to 39 of the address */
            return fail(w, FAULT_P | FAULT_RSVD);
        return page(w, &e, (e.value & BITS(31, 22)) | (e.value & BITS(20, 13)) << 19, 22, out);
    }
    w->tables[w->n_tables++] = e;
    entry_read(w->cpu, (e.value & BITS(31, 12)) + (w->linear >> 12 & 0x3ff) * 4, 4, &e);
    if (!(e.value & PTE_P))
        return fail(w, 0);
    w->rw = w->rw && (e.value & PTE_W);
    w->us = w->us && (e.value & PTE_U);
    return page(w, &e, e.value & BITS(31, 12), 12, out);
}

static bool walk(struct walk *w, struct translation *out)
{
    struct cpu *cpu = w->cpu;

    if (cpu->msrs.efer & EFER_LMA)
        return walk_wide(w, cpu->cr3 & BITS(51, 12) & ~BITS(51, cpu->model.physical_bits), 4, out);
    if (!(cpu->cr4 & CR4_PAE))
        return walk_narrow(w, out);
    uint64_t pdpte = cpu->pdpte[w->linear >> 30 & 3];
    if (!(pdpte & PTE_P))
        return fail(w, 0);
    return walk_wide(w, pdpte & BITS(51, 12), 2, out);
}

bool paging_walk(struct cpu *cpu, uint64_t linear, enum access kind, unsigned flags, struct translation *out,
                 uint32_t *error)
{
    struct walk w;

    *out = (struct translation){0};
    if (!(cpu->cr0 & CR0_PG)) {
        *out = (struct translation){
            .gpa = linear & BITS(31, 12), .load = true, .store = true, .fetch = true, .dirty = true};
        return true;
    }
    /* An entry can only be found changed when somebody else changes it at this moment; he does not do it for ever, but
     * a bound of ours it is. */
    for (unsigned tries = 0;; tries++) {
        w = (struct walk){.cpu = cpu, .linear = linear, .kind = kind, .rw = true, .us = true};
        w.user = flags & WALK_USER;
        w.ac = flags & WALK_AC;
        w.look = flags & WALK_LOOK;
        if (walk(&w, out))
            return true;
        if (!w.again || tries == 100)
            break;
    }
    *error = w.error;
    return false;
}

bool cpu_pdptes_load(struct cpu *cpu, uint64_t cr3)
{
    uint64_t pdpte[4], reserved = BITS(63, cpu->model.physical_bits) | BITS(8, 5) | BITS(2, 1);

    for (unsigned i = 0; i < 4; i++) {
        struct entry e;

        entry_read(cpu, (cr3 & BITS(31, 5)) + 8 * i, 8, &e);
        pdpte[i] = e.value;
        if ((e.value & PTE_P) && (e.value & reserved))
            return false;
    }
    memcpy(cpu->pdpte, pdpte, sizeof pdpte);
    return true;
}
