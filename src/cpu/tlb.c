/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Translations from linear addresses to this process's memory: tables of the kinds of privilege, filled by walks,
 * emptied when the guest says so. An entry's tags say what may be done without looking any further.
 */
#include "cpu/engine.h"

static struct tlb *tlb_of(struct cpu *cpu, unsigned which)
{
    return &cpu->engine->tlbs[which];
}

void cpu_tlb_select(struct cpu *cpu)
{
    unsigned which = TLB_SUPERVISOR;

    if (cpu->cpl == 3)
        which = (cpu->rflags & RFLAGS_AC) && (cpu->cr0 & CR0_AM) ? TLB_CHECKED : TLB_USER;
    else if ((cpu->rflags & RFLAGS_AC) && (cpu->cr4 & CR4_SMAP))
        which = TLB_SUPERVISOR_AC;
    cpu->tlb = tlb_of(cpu, which)->entries;
}

/* ---- Emptying ------------------------------------------------------------------------------------------------- */

static void entry_clear(struct tlb *t, unsigned i)
{
    t->entries[i].load = t->entries[i].store = t->entries[i].fetch = TLB_NEVER;
    t->mixed[i] = TLB_NEVER;
    if (t->kinds[i] & TLB_LARGE)
        t->n_large--;
    t->kinds[i] &= TLB_LISTED;
}

/* The address of the page that entry i is of: whichever tag there is. */
static uint64_t entry_page(const struct tlb *t, unsigned i)
{
    const struct tlb_entry *e = &t->entries[i];

    return e->load != TLB_NEVER ? e->load : e->fetch != TLB_NEVER ? e->fetch : e->store;
}

void cpu_tlb_flush(struct cpu *cpu, bool global_too)
{
    for (unsigned which = 0; which < TLBS; which++) {
        struct tlb *t = tlb_of(cpu, which);
        unsigned kept = 0;

        for (unsigned u = 0; u < t->n_used; u++) {
            unsigned i = t->used[u];

            if (!global_too && (t->kinds[i] & TLB_GLOBAL)) {
                t->used[kept++] = (uint16_t)i;
            } else {
                entry_clear(t, i);
                t->kinds[i] = 0;
            }
        }
        t->n_used = kept;
    }
}

static uint64_t kind_mask(unsigned kind)
{
    unsigned bits = kind & TLB_1G ? 30 : kind & TLB_4M ? 22 : kind & TLB_2M ? 21 : 12;

    return ~UINT64_C(0) << bits;
}

/* One page; when it is a piece of a large one, all of that. Entries stay listed as used: they are empty. */
void cpu_tlb_flush_page(struct cpu *cpu, uint64_t linear)
{
    for (unsigned which = 0; which < TLBS; which++) {
        struct tlb *t = tlb_of(cpu, which);
        unsigned i = (linear >> 12) & (TLB_SETS - 1);

        if (entry_page(t, i) == (linear & ~PAGE_OFFSET))
            entry_clear(t, i);
        for (unsigned u = 0; t->n_large && u < t->n_used; u++) {
            i = t->used[u];
            if ((t->kinds[i] & TLB_LARGE) && !((entry_page(t, i) ^ linear) & kind_mask(t->kinds[i])))
                entry_clear(t, i);
        }
    }
}

void tlb_page_has_code(struct cpu *cpu, uintptr_t page)
{
    for (unsigned which = 0; which < TLBS; which++) {
        struct tlb *t = tlb_of(cpu, which);

        for (unsigned u = 0; u < t->n_used; u++) {
            struct tlb_entry *e = &t->entries[t->used[u]];

            if (e->store != TLB_NEVER && (uintptr_t)(e->host + e->store) == page) {
                t->mixed[t->used[u]] = e->store;
                e->store = TLB_NEVER;
            }
        }
    }
}

/* ---- Filling -------------------------------------------------------------------------------------------------- */

/* Data breakpoints in the page: accesses are to be looked at one by one. */
static bool watched(const struct cpu *cpu, uint64_t page)
{
    for (unsigned n = 0; n < 4; n++) {
        bool data = (cpu->dr[7] >> (16 + 4 * n) & 3) != 0;

        if ((cpu->dr[7] >> 2 * n & 3) && data && ((cpu->dr[n] & ~PAGE_OFFSET) == page))
            return true;
    }
    return false;
}

static void fill(struct cpu *cpu, struct tlb *t, uint64_t linear, const struct translation *of, uint8_t *host,
                 bool writable)
{
    unsigned i = (linear >> 12) & (TLB_SETS - 1);
    struct tlb_entry *e = &t->entries[i];
    uint64_t page = linear & ~PAGE_OFFSET;
    bool checked = t == tlb_of(cpu, TLB_CHECKED) || watched(cpu, page);
    bool store = of->store && of->dirty && writable && !checked;
    bool code = store && block_page_has_code(cpu, (uintptr_t)host);

    if (!(t->kinds[i] & TLB_LISTED))
        t->used[t->n_used++] = (uint16_t)i;
    if (t->kinds[i] & TLB_LARGE)
        t->n_large--;
    e->host = (uintptr_t)host - page;
    e->load = of->load && !checked ? page : TLB_NEVER;
    e->store = store && !code ? page : TLB_NEVER;
    e->fetch = of->fetch ? page : TLB_NEVER;
    t->mixed[i] = code ? page : TLB_NEVER;
    t->kinds[i] = of->kind | TLB_LISTED;
    if (of->kind & TLB_LARGE)
        t->n_large++;
}

static bool raise_page_fault(struct cpu *cpu, uint64_t linear, uint32_t error)
{
    if (!cpu->fault.pending)
        cpu->fault.cr2 = linear;
    return cpu_raise(cpu, VECTOR_PF, error);
}

static bool walk(struct cpu *cpu, const struct tlb *t, uint64_t linear, enum access kind, unsigned flags,
                 struct translation *of)
{
    uint32_t error;

    if (t == tlb_of(cpu, TLB_USER) || t == tlb_of(cpu, TLB_CHECKED))
        flags |= WALK_USER;
    else if (t == tlb_of(cpu, TLB_SUPERVISOR_AC))
        flags |= WALK_AC;
    return paging_walk(cpu, linear, kind, flags, of, &error) || raise_page_fault(cpu, linear, error);
}

static uint64_t tag_of(const struct tlb_entry *e, enum access kind)
{
    return kind == ACCESS_LOAD ? e->load : kind == ACCESS_STORE ? e->store : e->fetch;
}

bool tlb_check(struct cpu *cpu, struct tlb *t, uint64_t linear, enum access kind)
{
    unsigned i = (linear >> 12) & (TLB_SETS - 1);
    uint64_t page = linear & ~PAGE_OFFSET;
    struct translation of;

    return tag_of(&t->entries[i], kind) == page || (kind == ACCESS_STORE && t->mixed[i] == page) ||
           walk(cpu, t, linear, kind, WALK_LOOK, &of);
}

bool tlb_resolve(struct cpu *cpu, struct tlb *t, uint64_t linear, enum access kind, struct target *out)
{
    unsigned i = (linear >> 12) & (TLB_SETS - 1);
    const struct tlb_entry *e = &t->entries[i];
    uint64_t page = linear & ~PAGE_OFFSET, tag = tag_of(e, kind);
    struct translation of;

    *out = (struct target){0};
    if (tag == page || (kind == ACCESS_STORE && t->mixed[i] == page)) {
        out->host = (uint8_t *)(e->host + linear);
        out->code = tag != page;
        return true;
    }
    if (!walk(cpu, t, linear, kind, 0, &of))
        return false;
    bool writable = false;
    uint8_t *host = paging_host(cpu, of.gpa, &writable);
    out->gpa = of.gpa | (linear & PAGE_OFFSET);
    if (!host)
        return true;
    fill(cpu, t, linear, &of, host, writable);
    out->host = host + (linear & PAGE_OFFSET);
    out->rom = !writable;
    out->code = kind == ACCESS_STORE && e->store != page;
    return true;
}

bool cpu_translate(struct cpu *cpu, uint64_t linear, enum access kind, bool system, uint64_t *gpa)
{
    struct translation of;
    uint32_t error;
    unsigned flags = system                                                ? 0
                     : cpu->cpl == 3                                       ? WALK_USER
                     : cpu->tlb == tlb_of(cpu, TLB_SUPERVISOR_AC)->entries ? WALK_AC
                                                                           : 0;

    if (!paging_walk(cpu, linear, kind, flags, &of, &error))
        return raise_page_fault(cpu, linear, error);
    *gpa = of.gpa | (linear & PAGE_OFFSET);
    return true;
}
