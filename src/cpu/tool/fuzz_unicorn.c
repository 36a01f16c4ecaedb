/* SPDX-License-Identifier: Apache-2.0 */
/*
 * System mode beside libunicorn (which is QEMU's translator of 2019 without its machine): rings 0 and 3 of 64-bit code
 * and of 32- and 16-bit code in compatibility mode, page tables with random rights, descriptors, control registers. Not
 * real mode, not protected mode without long mode. The library is opened at run time; where it was not there at build
 * time, this says so.
 *
 * It does not deliver exceptions but stops at them, so ours are compared at the instruction that failed, without their
 * error code. Flags are compared of cases of one instruction alone; floating point not at all (the host's are).
 */
#include "cpu/tool/fuzz.h"

#include <stdio.h>

#if !__has_include(<unicorn/unicorn.h>)

int fuzz_unicorn(const struct fuzz_options *o)
{
    usage("fuzz", "built without libunicorn's headers (Debian package libunicorn-dev)");
    return 77;
}

#else

#include <dlfcn.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unicorn/unicorn.h>

#define LIBRARY             "libunicorn.so.2"
#define SOFT_TABLES         0x10000u /* in the low memory: where the descriptors are */
#define SOFT_STUB           0x12800u /* behind our stubs */
#define STUB_END            0xff0u   /* in the area: where it has stopped once it would stop again */

static struct {
    __typeof__(uc_open) *open;
    __typeof__(uc_close) *close;
    __typeof__(uc_mem_map_ptr) *map;
    __typeof__(uc_reg_write) *write;
    __typeof__(uc_reg_read) *read;
    __typeof__(uc_emu_start) *start;
    __typeof__(uc_emu_stop) *stop;
    __typeof__(uc_hook_add) *hook;
} unicorn;

static bool library_open(void)
{
    void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library)
        return false;
#define SYMBOL(field, name) (*(void **)(void *)&unicorn.field = dlsym(library, name)) != NULL
    return SYMBOL(open, "uc_open") && SYMBOL(close, "uc_close") && SYMBOL(map, "uc_mem_map_ptr") &&
           SYMBOL(write, "uc_reg_write") && SYMBOL(read, "uc_reg_read") && SYMBOL(start, "uc_emu_start") &&
           SYMBOL(stop, "uc_emu_stop") && SYMBOL(hook, "uc_hook_add");
}

/* ---- Its side ------------------------------------------------------------------------------------------------------
 */

struct peer {
    uint8_t *low, *area; /* its own memory: SOFT_SYSTEM_BYTES, AREA_BYTES */
    unsigned vector;
    bool unusable; /* its state to begin with could not be made */
};

static const int gprs[16] = {UC_X86_REG_RAX, UC_X86_REG_RCX, UC_X86_REG_RDX, UC_X86_REG_RBX,
                             UC_X86_REG_RSP, UC_X86_REG_RBP, UC_X86_REG_RSI, UC_X86_REG_RDI,
                             UC_X86_REG_R8,  UC_X86_REG_R9,  UC_X86_REG_R10, UC_X86_REG_R11,
                             UC_X86_REG_R12, UC_X86_REG_R13, UC_X86_REG_R14, UC_X86_REG_R15};
static const int selectors[6] = {UC_X86_REG_ES, UC_X86_REG_CS, UC_X86_REG_SS,
                                 UC_X86_REG_DS, UC_X86_REG_FS, UC_X86_REG_GS};

static void stopped(uc_engine *uc, uint32_t number, void *data)
{
    struct peer *p = data;
    p->vector = number;
    unicorn.stop(uc);
}

static void put(uc_engine *uc, int reg, uint64_t value)
{
    unicorn.write(uc, reg, &value);
}

static uint64_t got(uc_engine *uc, int reg)
{
    uint64_t value = 0;
    unicorn.read(uc, reg, &value);
    return value;
}

/* Segment registers are loaded by code, the last step of which goes to the case: written from outside, a load that
 * fails would end this program. */
static uint64_t put_stub(uint8_t *low, const struct vcpu_state *v)
{
    uint8_t code[] = {0xb8, 0,    0,    0,    0,                      /* mov eax, data */
                      0x8e, 0xd8, 0x8e, 0xc0, 0x8e, 0xe0, 0x8e, 0xe8, /* mov ds, es, fs, gs */
                      0x50,                                           /* push: stack segment, */
                      0x68, 0,    0,    0,    0,                      /* its pointer, */
                      0x6a, 0x02,                                     /* flags, */
                      0x6a, 0,                                        /* code segment, */
                      0x68, 0,    0,    0,    0,                      /* rip */
                      0x48, 0xcf};                                    /* iretq */
    const uint32_t sp = (uint32_t)AREA_STACK, ip = (uint32_t)v->rip + STUB_END;
    memcpy(code + 1, &v->segments[SEG_DS].selector, 2);
    memcpy(code + 15, &sp, 4);
    code[22] = (uint8_t)v->segments[SEG_CS].selector;
    memcpy(code + 24, &ip, 4);
    memcpy(low + SOFT_STUB, code, sizeof code);
    return v->gdtr.base + (SOFT_STUB - SOFT_TABLES);
}

static bool set_up(uc_engine *uc, uint8_t *low, const struct vcpu_state *v)
{
    uc_x86_msr efer = {.rid = 0xc0000080, .value = v->msrs.efer & ~UINT64_C(0x400)};
    uc_x86_mmr gdt = {.base = v->gdtr.base, .limit = v->gdtr.limit},
               idt = {.base = v->idtr.base, .limit = v->idtr.limit};
    const uint64_t stub = put_stub(low, v);
    put(uc, UC_X86_REG_CR4, v->cr4);
    put(uc, UC_X86_REG_CR3, v->cr3);
    unicorn.write(uc, UC_X86_REG_MSR, &efer);
    put(uc, UC_X86_REG_CR0, v->cr0);
    unicorn.write(uc, UC_X86_REG_GDTR, &gdt);
    unicorn.write(uc, UC_X86_REG_IDTR, &idt);
    put(uc, UC_X86_REG_RSP, v->gdtr.base + 0x4000);
    if (unicorn.start(uc, stub, AREA_CODE + STUB_END, 0, 0) != UC_ERR_OK ||
        got(uc, UC_X86_REG_RIP) != v->rip + STUB_END)
        return false;
    for (unsigned i = 0; i < 16; i++)
        put(uc, gprs[i], v->gpr[i]);
    put(uc, UC_X86_REG_EFLAGS, v->rflags);
    return true;
}

/* false: it met an address at which it has no memory, which is no exception there. */
static bool peer_run(struct peer *p, const struct fuzz_case *c, const struct vcpu_state *v, struct outcome *out,
                     uint64_t control[4])
{
    uc_engine *uc;
    uc_hook hook;
    static const int controls[4] = {UC_X86_REG_CR0, UC_X86_REG_CR2, UC_X86_REG_CR3, UC_X86_REG_CR4};
    if (unicorn.open(UC_ARCH_X86, UC_MODE_64, &uc) != UC_ERR_OK)
        return false;
    p->vector = OUTCOME_ENDLESS;
    unicorn.map(uc, 0, SOFT_SYSTEM_BYTES, UC_PROT_ALL, p->low);
    unicorn.map(uc, SOFT_AREA, AREA_BYTES, UC_PROT_ALL, p->area);
    /* It asks for memory at the linear address too, before it translates. */
    unicorn.map(uc, v->gdtr.base, 0x4000, UC_PROT_ALL, p->low + SOFT_TABLES);
    unicorn.map(uc, AREA_BASE, AREA_BYTES, UC_PROT_ALL, p->area);
    unicorn.hook(uc, &hook, UC_HOOK_INTR, (void *)stopped, p, (uint64_t)1, (uint64_t)0);
    if (!set_up(uc, p->low, v)) {
        unicorn.close(uc);
        p->unusable = true;
        return false;
    }
    p->vector = OUTCOME_ENDLESS;
    uc_err e = unicorn.start(uc, v->rip, AREA_CODE + c->code_bytes, 0, 0);
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < 16; i++)
        out->gpr[i] = got(uc, gprs[i]);
    for (unsigned i = 0; i < 6; i++)
        out->selectors[i] = (uint16_t)got(uc, selectors[i]);
    for (unsigned i = 0; i < 4; i++)
        control[i] = got(uc, controls[i]);
    out->rip = got(uc, UC_X86_REG_RIP);
    out->rflags = got(uc, UC_X86_REG_EFLAGS);
    out->vector = p->vector;
    if (e == UC_ERR_INSN_INVALID || out->rip == v->rip + c->code_bytes)
        out->vector = 6;
    out->area = p->area;
    unicorn.close(uc);
    return e == UC_ERR_OK || e == UC_ERR_INSN_INVALID || (e == UC_ERR_EXCEPTION && p->vector != OUTCOME_ENDLESS);
}

/* ---- Comparison -----------------------------------------------------------------------------------------------------
 */

/* Which code, of which ring, with what memory. */
static unsigned choose(struct rng *r, struct soft_system *how, unsigned mode)
{
    unsigned any = rng_percent(r, 60) ? 64 : rng_percent(r, 60) ? 32 : 16;
    how->ring = rng_percent(r, 40) ? 3 : 0;
    for (unsigned i = 0; i < AREA_BYTES >> 12; i++) {
        how->pages[i] = 3 | (rng_next(r) & 0x60) | (rng_percent(r, how->ring ? 92 : 30) ? 4 : 0);
        if (i && rng_percent(r, 12))
            how->pages[i] &= ~UINT64_C(2);
        if (i && rng_percent(r, 6))
            how->pages[i] &= ~UINT64_C(1);
    }
    /* Code is fetched before it is there to fail. */
    how->pages[0] = how->ring ? how->pages[0] | 4 : how->pages[0] & ~UINT64_C(4);
    how->cr0 = rng_percent(r, 70) ? 0x80010033 : 0x80000033; /* no AM: it has no alignment checks */
    how->cr4 = 0x620;                                        /* its model has neither NX nor SMEP and SMAP */
    return mode ? mode : any;
}

static const char *const gpr_names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                          "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};

static unsigned told(const char *what, uint64_t ours, uint64_t theirs, bool print)
{
    if (ours == theirs)
        return 0;
    if (print)
        printf("    %-12s ours %016" PRIx64 "  theirs %016" PRIx64 "\n", what, ours, theirs);
    return 1;
}

static uint32_t unknown_flags(const struct fuzz_case *c)
{
    uint32_t all = 0;
    for (unsigned i = 0; i < c->n; i++)
        all |= c->insns[i].flags_undefined;
    return all;
}

/* Whether an access that fails leaves accessed bits behind, or dirty ones of the first of its two pages, is for the
 * processor to choose. */
static unsigned compare_tables(const struct soft_user *s, const struct peer *p, bool failed, bool print)
{
    unsigned n = 0;
    for (uint64_t i = 0x1000; i < 0xe000; i += 8) {
        uint64_t ours, theirs, mask = failed ? ~UINT64_C(0x60) : ~UINT64_C(0);
        memcpy(&ours, s->flat.ram + i, 8);
        memcpy(&theirs, p->low + i, 8);
        n += told("table entry", ours & mask, theirs & mask, print);
    }
    return n;
}

static unsigned compare(const struct fuzz_case *c, const struct soft_user *s, const struct peer *p,
                        const struct outcome *a, const struct outcome *b, const uint64_t control[4], bool print)
{
    /* Of flags it keeps those that the code behind will ask for; alone, an instruction leaves all. */
    uint32_t flags = c->n > 1 ? 0 : ~(unknown_flags(c) | 1u << 16);
    unsigned n = told("rip", a->rip, b->rip, print) + told("vector", a->vector, b->vector, print) +
                 told("rflags", a->rflags & flags, b->rflags & flags, print) +
                 told("cr0", s->end.cr0, control[0], print) + told("cr3", s->end.cr3, control[2], print) +
                 told("cr4", s->end.cr4, control[3], print);
    /* Of one that loads, then stores, over a page's end, it names the page that the load misses, as it was before the
     * other one cannot be stored to; the host asks for stores to begin with, as we do. */
    bool later = control[1] == (s->end.cr2 | 0xfff) + 1 && control[1] - s->end.cr2 < 16;
    if (!later && (b->vector == 14 || (a->vector == 14 && print)))
        n += told("cr2", s->end.cr2, control[1], print);
    for (unsigned i = 0; i < 16; i++)
        n += told(gpr_names[i], a->gpr[i], b->gpr[i], print);
    for (unsigned i = 0; i < 6; i++)
        n += told("selector", a->selectors[i], b->selectors[i], print);
    for (uint64_t i = 0; i < AREA_BYTES; i += 8)
        if (memcmp(a->area + i, b->area + i, 8) != 0)
            n += told("area", i, 0, print && n < 12);
    n += compare_tables(s, p, b->vector == 14, print && n < 12);
    return n;
}

static void print_case(const struct fuzz_case *c, const struct soft_system *how)
{
    printf("DIFFERENCE --seed %" PRIu64 " --first %" PRIu64 " --count 1, %u-bit, ring %u, cr0 %" PRIx64 ":\n", c->seed,
           c->number, c->mode, how->ring, how->cr0);
    for (unsigned i = 0; i < c->n; i++) {
        printf("    %08" PRIx64 "  ", AREA_CODE + c->insns[i].offset);
        for (unsigned k = 0; k < c->insns[i].insn.length; k++)
            printf("%02x", c->code[c->insns[i].offset + k]);
        printf("  %s\n", insn_name_text(c->insns[i].insn.name));
    }
    for (unsigned i = 0; i < (c->mode == 64 ? 16 : 8); i++)
        printf("    %s %016" PRIx64 "%s", gpr_names[i], c->gpr[i], i % 4 == 3 ? "\n" : "");
    printf("    rflags %" PRIx64 "\n", c->rflags);
}

static unsigned one(struct soft_user *s, struct peer *p, const struct fuzz_case *c, const struct soft_system *how,
                    uint64_t counts[3], uint64_t *shown)
{
    static uint8_t area[AREA_BYTES];
    struct outcome ours, theirs;
    uint64_t control[4];
    fuzz_memory(c, area);
    soft_system_begin(s, c, how, area);
    memcpy(p->low, s->flat.ram, SOFT_SYSTEM_BYTES);
    memcpy(p->area, area, AREA_BYTES);
    struct vcpu_state start = s->end;
    soft_system_run(s, &ours);
    if (memcmp(ours.area, area, c->code_bytes + 2) != 0) { /* it stops behind code that is not there any more */
        counts[1]++;
        return 0;
    }
    /* A trap at the end: it has stopped before. */
    if (ours.vector == 1 || ours.vector >= OUTCOME_ENDLESS || !peer_run(p, c, &start, &theirs, control)) {
        counts[1]++;
        return 0;
    }
    unsigned n = compare(c, s, p, &ours, &theirs, control, false);
    if (n && (*shown)++ < 30) {
        print_case(c, how);
        compare(c, s, p, &ours, &theirs, control, true);
    }
    return n;
}

int fuzz_unicorn(const struct fuzz_options *o)
{
    static struct soft_user s;
    struct peer p = {.low = aligned_alloc(4096, SOFT_SYSTEM_BYTES), .area = aligned_alloc(4096, AREA_BYTES + 0x2000)};
    struct err err = {0};
    struct cpu_model model;
    const char *names;
    uint64_t counts[3] = {0}, shown = 0, by_name[INSN_NAMES] = {0}, by_kind[3][2] = {{0}};
    if (!library_open()) {
        usage("fuzz", "%s is not there (Debian package libunicorn2)", LIBRARY);
        return 77;
    }
    if (!p.low || !p.area || soft_user_make(&s, o->model, &err) < 0)
        return usage("fuzz", "%s", err.text[0] ? err.text : "no memory");
    cpu_model_find(o->model, &model, &names);
    for (uint64_t i = o->first; i < o->first + o->count; i++) {
        struct fuzz_case c;
        struct soft_system how;
        struct rng r;
        rng_seed(&r, o->seed ^ 77, i);
        const unsigned mode = choose(&r, &how, o->mode);
        fuzz_unicorn_makes(mode, how.ring);
        fuzz_generate(&c, o->seed, i, mode, o->length, o->only, &model, fuzz_excluded_unicorn);
        by_kind[mode == 64 ? 2 : mode / 32][how.ring != 0]++;
        if (c.n && one(&s, &p, &c, &how, counts, &shown)) {
            counts[2]++;
            by_name[c.insns[c.n - 1].insn.name]++;
        }
        counts[0]++;
    }
    for (unsigned i = 0; i < INSN_NAMES; i++)
        if (by_name[i])
            printf("%8" PRIu64 " %s\n", by_name[i], insn_name_text((enum insn_name)i));
    if (p.unusable)
        printf("the peer could not be brought into 64-bit mode\n");
    for (unsigned i = 0; i < 6; i++)
        printf("%s%u-bit ring %u: %" PRIu64, i ? ", " : "", 16u << i / 2, i & 1 ? 3 : 0, by_kind[i / 2][i & 1]);
    printf("\n%" PRIu64 " cases; %" PRIu64 " not comparable; %" PRIu64 " differ\n", counts[0], counts[1], counts[2]);
    return counts[2] != 0 || p.unusable;
}

#endif
