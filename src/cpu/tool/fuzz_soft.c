/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Our processor in user mode: 64-bit tables that map the area where the host has it, selectors as Linux gives them, and
 * a handler for each exception that halts. So delivery is part of what is compared.
 */
#include "cpu/tool/fuzz.h"

#include <string.h>

/* Guest-physical. */
#define SOFT_RAM    (UINT64_C(4) << 20)
#define PHYS_TABLES UINT64_C(0x1000) /* page tables, one after the other */
#define PHYS_SYSTEM UINT64_C(0x10000)
#define PHYS_AREA   SOFT_AREA
/* Linear, of the supervisor: the system's pages are at LINEAR_SYSTEM. */
#define LINEAR_SYSTEM UINT64_C(0xffff800000000000)
#define SYSTEM_GDT    0u
#define SYSTEM_TSS    0x100u
#define SYSTEM_IDT    0x1000u
#define SYSTEM_STUBS  0x2000u /* a HLT for each vector */
#define SYSTEM_STACK  0x4000u
#define SYSTEM_PAGES  4u

#define GDT_ENTRIES  14u
#define STUB_VECTORS 32u
#define BUDGET       20000u

enum { PAGE_P = 1, PAGE_W = 2, PAGE_U = 4 };
#define PAGE_NX (UINT64_C(1) << 63)

static void store(struct flat *f, uint64_t gpa, uint64_t value)
{
    memcpy(flat_byte(f, gpa), &value, 8);
}

/* One page; tables are made as they are needed. */
static void map_page(struct flat *f, uint64_t *next, uint64_t linear, uint64_t gpa, uint64_t bits)
{
    uint64_t table = PHYS_TABLES;
    for (unsigned level = 3; level > 0; level--) {
        uint64_t slot = table + (linear >> (12 + 9 * level) & 511) * 8, entry;
        memcpy(&entry, flat_byte(f, slot), 8);
        if (!entry) {
            entry = *next | PAGE_P | PAGE_W | PAGE_U;
            *next += 4096;
            store(f, slot, entry);
        }
        table = entry & ~UINT64_C(0xfff);
    }
    store(f, table + (linear >> 12 & 511) * 8, gpa | bits);
}

static void map_all(struct flat *f)
{
    uint64_t next = PHYS_TABLES + 4096;
    for (unsigned page = 0; page < AREA_BYTES >> 12; page++) {
        uint64_t linear = AREA_BASE + page * 4096;
        uint64_t bits = PAGE_P | PAGE_U | (linear == AREA_READONLY ? 0 : PAGE_W) | (linear == AREA_CODE ? 0 : PAGE_NX);
        if (AREA_PAGES >> page & 1)
            map_page(f, &next, linear, PHYS_AREA + page * 4096, bits);
    }
    for (unsigned page = 0; page < SYSTEM_PAGES; page++)
        map_page(f, &next, LINEAR_SYSTEM + page * 4096, PHYS_SYSTEM + page * 4096, PAGE_P | PAGE_W);
}

static void make_gate(struct flat *f, unsigned vector)
{
    uint64_t handler = LINEAR_SYSTEM + SYSTEM_STUBS + vector * 16, at = PHYS_SYSTEM + SYSTEM_IDT + vector * 16;
    uint64_t dpl = vector == 3 || vector == 4 ? 3 : 0; /* INT3, INTO */
    store(f, at,
          (handler & 0xffff) | UINT64_C(0x10) << 16 | UINT64_C(1) << 32 | UINT64_C(0x8e) << 40 | dpl << 45 |
              (handler >> 16 & 0xffff) << 48);
    store(f, at + 8, handler >> 32);
    *flat_byte(f, PHYS_SYSTEM + SYSTEM_STUBS + vector * 16) = 0xf4;
}

static void make_system(struct flat *f)
{
    static const uint64_t table[GDT_ENTRIES] = {[2] = UINT64_C(0x00af9b000000ffff),   /* 10: kernel's code */
                                                [3] = UINT64_C(0x00cf93000000ffff),   /* 18 */
                                                [4] = UINT64_C(0x00cffb000000ffff),   /* 23: 32-bit code */
                                                [5] = UINT64_C(0x00cff3000000ffff),   /* 2b: data */
                                                [6] = UINT64_C(0x00affb000000ffff),   /* 33: 64-bit code */
                                                [7] = UINT64_C(0x00cf9b000000ffff),   /* 38: kernel's 32-bit code */
                                                [10] = UINT64_C(0x10009b000000ffff),  /* 50: 16 bits, of the area */
                                                [11] = UINT64_C(0x1000fb000000ffff),  /* 5b */
                                                [12] = UINT64_C(0x100093000000ffff),  /* 60: its data */
                                                [13] = UINT64_C(0x1000f3000000ffff)}; /* 6b */
    _Static_assert(AREA_BASE == 0x10000000, "the base in descriptors of 16 bits");
    for (unsigned i = 0; i < GDT_ENTRIES; i++)
        store(f, PHYS_SYSTEM + SYSTEM_GDT + 8 * i, table[i]);
    store(f, PHYS_SYSTEM + SYSTEM_TSS + 0x24, LINEAR_SYSTEM + SYSTEM_STACK); /* IST 1 */
    store(f, PHYS_SYSTEM + SYSTEM_TSS + 0x60, UINT64_C(0x68) << 48);         /* no map of ports */
    for (unsigned i = 0; i < STUB_VECTORS; i++)
        make_gate(f, i);
}

static struct vcpu_segment segment_of(uint16_t selector, uint32_t attributes)
{
    return (struct vcpu_segment){.selector = selector, .limit = UINT32_MAX, .attributes = attributes};
}

static void make_start(struct vcpu_state *s)
{
    uint32_t data = SEG_P | SEG_S | SEG_G | SEG_DB | 3u << SEG_DPL_SHIFT | 3;
    vcpu_state_reset(s);
    s->cr0 = 0x80050033;
    s->cr4 = 0x620 | 1u << 16 | 1u << 18; /* PAE, OSFXSR, OSXMMEXCPT, FSGSBASE, OSXSAVE */
    s->cr3 = PHYS_TABLES;
    s->msrs.efer = 0xd01; /* SCE, LME, LMA, NXE */
    for (unsigned i = 0; i < SEGMENTS; i++)
        s->segments[i] = segment_of(0x2b, data);
    for (unsigned i = SEG_FS; i <= SEG_GS; i++) {
        s->segments[i] = segment_of(0, SEG_UNUSABLE);
        s->segments[i].limit = 0;
        s->segments[i].base = i == SEG_FS ? AREA_DATA + 0x1000 : AREA_DATA + 0x2000;
    }
    s->ldtr = segment_of(0, SEG_UNUSABLE);
    s->ldtr.limit = 0;
    s->tr = segment_of(0x40, SEG_P | 0xb);
    s->tr.base = LINEAR_SYSTEM + SYSTEM_TSS;
    s->tr.limit = 0x67;
    s->gdtr = (struct vcpu_table){.base = LINEAR_SYSTEM + SYSTEM_GDT, .limit = 0x37};
    s->idtr = (struct vcpu_table){.base = LINEAR_SYSTEM + SYSTEM_IDT, .limit = STUB_VECTORS * 16 - 1};
}

int soft_user_make(struct soft_user *s, const char *model, struct err *err)
{
    if (flat_make(&s->flat, SOFT_RAM, model, NULL, err) < 0)
        return err->code;
    map_all(&s->flat);
    make_system(&s->flat);
    make_start(&s->start);
    s->start.xcr0 = 7; /* without AVX it means nothing */
    const char *why = NULL;
    if (vcpu_state_check(&s->start, &why) < 0)
        return err_set(err, -1, "the state to begin with is refused: %s", why ? why : "?");
    return 0;
}

static void begin(struct soft_user *s, const struct fuzz_case *c)
{
    struct vcpu_state *v = &s->end;
    uint32_t code = SEG_P | SEG_S | SEG_G | 3u << SEG_DPL_SHIFT | 0xb | (c->mode == 64 ? SEG_L : SEG_DB);
    uint64_t present = 7;
    *v = s->start;
    memcpy(v->gpr, c->gpr, sizeof v->gpr);
    v->rip = AREA_CODE;
    v->rflags = c->rflags;
    v->segments[SEG_CS] = segment_of(c->mode == 64 ? 0x33 : 0x23, code);
    memcpy(v->xsave, c->fx, 512);
    memcpy(v->xsave + 512, &present, 8);
    memcpy(v->xsave + 576, c->high, sizeof c->high);
    cpu_state_set(s->flat.cpu, v);
}

/* What is in its first state is not written out by everyone. */
static void numbers_of(const struct vcpu_state *v, uint8_t fx[512], uint8_t high[256])
{
    uint64_t present;
    memcpy(fx, v->xsave, 512);
    memcpy(&present, v->xsave + 512, 8);
    if (!(present & 1)) {
        memset(fx, 0, 24);
        memset(fx + 32, 0, 128);
        fx[0] = 0x7f;
        fx[1] = 3;
    }
    if (!(present & 2))
        memset(fx + 160, 0, 256);
    if (present & 4)
        memcpy(high, v->xsave + 576, 256);
}

static uint64_t load(const struct flat *f, uint64_t gpa)
{
    uint64_t v;
    memcpy(&v, f->ram + gpa, 8);
    return v;
}

/* The state before the exception, from what was pushed. */
static void pushed(struct soft_user *s, struct outcome *out)
{
    uint64_t at = s->end.gpr[GPR_SP] - LINEAR_SYSTEM + PHYS_SYSTEM;
    if (at >= SOFT_RAM - 64)
        return;
    if (out->vector == 8 || (out->vector >= 10 && out->vector <= 14) || out->vector == 17) {
        out->error = (uint32_t)load(&s->flat, at);
        at += 8;
    }
    out->rip = load(&s->flat, at);
    out->selectors[SEG_CS] = (uint16_t)load(&s->flat, at + 8);
    out->rflags = load(&s->flat, at + 16);
    out->gpr[GPR_SP] = load(&s->flat, at + 24);
    out->selectors[SEG_SS] = (uint16_t)load(&s->flat, at + 32);
}

static void finish(struct soft_user *s, enum cpu_exit exit, struct outcome *out)
{
    cpu_state_get(s->flat.cpu, &s->end);
    memcpy(out->gpr, s->end.gpr, sizeof out->gpr);
    out->rip = s->end.rip;
    out->rflags = s->end.rflags;
    for (unsigned i = 0; i < SEGMENTS; i++)
        out->selectors[i] = s->end.segments[i].selector;
    out->vector = OUTCOME_ENDLESS;
    uint64_t stub = s->end.rip - LINEAR_SYSTEM - SYSTEM_STUBS;
    if (exit == CPU_EXIT_HALT && stub < STUB_VECTORS * 16) {
        out->vector = (unsigned)(stub / 16);
        pushed(s, out);
    } else if (exit == CPU_EXIT_SHUTDOWN)
        out->vector = OUTCOME_ENDLESS + 1;
    if (out->vector == 14)
        out->cr2 = s->end.cr2;
    numbers_of(&s->end, out->fx, out->high);
    out->area = out->own_area = s->flat.ram + PHYS_AREA;
}

void soft_user_run(struct soft_user *s, const struct fuzz_case *c, const uint8_t *area, struct outcome *out)
{
    memset(out, 0, sizeof *out);
    memcpy(s->flat.ram + PHYS_AREA, area, AREA_BYTES);
    begin(s, c);
    finish(s, cpu_run(s->flat.cpu, BUDGET), out);
}

static bool is_own(const struct fuzz_case *c, uint64_t at, const uint8_t *bytes)
{
    for (unsigned i = 0; i < c->n; i++)
        if (c->insns[i].offset == at)
            return memcmp(c->code + at, bytes, c->insns[i].insn.length) == 0;
    return false;
}

bool soft_user_strays(struct soft_user *s, const struct fuzz_case *c, const uint8_t *area,
                      const struct cpu_model *model, fuzz_excluder *excluded)
{
    uint16_t unknown = 0;
    memcpy(s->flat.ram + PHYS_AREA, area, AREA_BYTES);
    begin(s, c);
    for (unsigned n = 0; n < BUDGET; n++) {
        struct insn insn;
        cpu_state_get(s->flat.cpu, &s->end);
        const uint64_t at = s->end.rip - AREA_CODE;
        const uint8_t *bytes = s->flat.ram + PHYS_AREA + at;
        if (at > 4096 - 15 || decode_insn(bytes, 15, fuzz_decode_mode(c->mode), &insn) < 0)
            return false;
        if (!is_own(c, at, bytes) && (excluded(&insn, model) || insn.flags_read & unknown))
            return true;
        unknown = fuzz_unknown_after(&insn, unknown, false);
        cpu_run(s->flat.cpu, 1);
    }
    return false;
}

/* ---- System mode ------------------------------------------------------------------------------------------------- */

static uint64_t *area_entry(struct soft_user *s, unsigned page)
{
    uint64_t linear = AREA_BASE + page * 4096, table = PHYS_TABLES;
    for (unsigned level = 3; level > 0; level--)
        table = load(&s->flat, table + (linear >> (12 + 9 * level) & 511) * 8) & ~UINT64_C(0xfff);
    return (uint64_t *)(void *)(s->flat.ram + table + (linear >> 12 & 511) * 8);
}

uint16_t soft_system_code(unsigned mode, unsigned ring)
{
    return ring == 0 ? (mode == 64 ? 0x10 : mode == 32 ? 0x38 : 0x50) : (mode == 64 ? 0x33 : mode == 32 ? 0x23 : 0x5b);
}

uint16_t soft_system_data(unsigned mode, unsigned ring)
{
    return ring == 0 ? (mode == 16 ? 0x60 : 0x18) : (mode == 16 ? 0x6b : 0x2b);
}

static void make_segments(struct vcpu_state *v, unsigned mode, unsigned ring)
{
    const uint32_t bits = SEG_P | SEG_S | ring << SEG_DPL_SHIFT | (mode == 16 ? 0 : SEG_G);
    for (unsigned i = 0; i < SEGMENTS; i++) {
        v->segments[i] = segment_of(soft_system_data(mode, ring), bits | 3 | (mode == 16 ? 0 : SEG_DB));
        if (i == SEG_CS)
            v->segments[i] = segment_of(soft_system_code(mode, ring), bits | 0xb |
                                                                          (mode == 64   ? SEG_L
                                                                           : mode == 32 ? SEG_DB
                                                                                        : 0));
        if (mode == 16)
            v->segments[i].base = AREA_BASE, v->segments[i].limit = 0xffff;
    }
}

void soft_system_begin(struct soft_user *s, const struct fuzz_case *c, const struct soft_system *how,
                       const uint8_t *area)
{
    struct vcpu_state *v = &s->end;
    uint64_t next = PHYS_TABLES + 4096;
    memset(s->flat.ram, 0, SOFT_SYSTEM_BYTES);
    map_all(&s->flat);
    make_system(&s->flat);
    for (unsigned page = 0; page < SYSTEM_PAGES; page++) /* used by our delivery alone: as if it had been before */
        map_page(&s->flat, &next, LINEAR_SYSTEM + page * 4096, PHYS_SYSTEM + page * 4096, PAGE_P | PAGE_W | 0x60);
    for (unsigned page = 0; page < AREA_BYTES >> 12; page++)
        if (AREA_PAGES >> page & 1)
            *area_entry(s, page) = (PHYS_AREA + page * 4096) | how->pages[page];
    memcpy(s->flat.ram + PHYS_AREA, area, AREA_BYTES);
    *v = s->start;
    memcpy(v->gpr, c->gpr, sizeof v->gpr);
    v->rip = c->mode == 16 ? 0 : AREA_CODE;
    v->rflags = c->rflags & ~UINT64_C(0x200);
    v->cr0 = how->cr0;
    v->cr4 = how->cr4;
    v->msrs.efer = 0x500;
    v->gdtr.limit = GDT_ENTRIES * 8 - 1;
    make_segments(v, c->mode, how->ring);
}

void soft_system_run(struct soft_user *s, struct outcome *out)
{
    memset(out, 0, sizeof *out);
    cpu_state_set(s->flat.cpu, &s->end);
    finish(s, cpu_run(s->flat.cpu, BUDGET), out);
}
