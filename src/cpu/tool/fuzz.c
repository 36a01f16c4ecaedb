/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-cpu fuzz: random programs on our processor and on another; what differs is printed as a case that can be
 * repeated, cut to the first instructions that show it. A child does the work, since a wrong guess about an instruction
 * may cost it its memory; another one goes on behind the case that took it along.
 */
#include "cpu/tool/fuzz.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SHOWN_OF_NAME 2  /* cases printed of one instruction */
#define LOST_MAX      50 /* children */
/* Flags that say nothing: RF is set in frames as the kernel likes, bit 1 always. */
#define FLAGS_COMPARED (0xffffffffu & ~(1u << 16))

struct progress {  /* shared with the child */
    uint64_t next; /* the case that is on its way */
    uint64_t instructions, faulted, endless, different;
    uint64_t over_itself, strayed; /* differ, and may: stores_over_itself(), soft_user_strays() */
    uint64_t by_name[INSN_NAMES];
    bool finished, unable;
};

struct worker {
    const struct fuzz_options *options;
    struct progress *progress;
    struct soft_user soft;
    struct cpu_model model;
    uint8_t area[AREA_BYTES];
};

/* ---- Comparison ----------------------------------------------------------------------------------------------- */

static const char *const gpr_names[16] = {"rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi",
                                          "r8",  "r9",  "r10", "r11", "r12", "r13", "r14", "r15"};
static const char *const selector_names[6] = {"es", "cs", "ss", "ds", "fs", "gs"};

static unsigned told(FILE *to, const char *what, uint64_t ours, uint64_t theirs)
{
    if (ours == theirs)
        return 0;
    if (to)
        fprintf(to, "    %-12s ours %016" PRIx64 "  theirs %016" PRIx64 "\n", what, ours, theirs);
    return 1;
}

static uint64_t number_at(const uint8_t *p, unsigned bytes)
{
    uint64_t v = 0;
    memcpy(&v, p, bytes);
    return v;
}

static unsigned differ_x87(FILE *to, const uint8_t *a, const uint8_t *b)
{
    unsigned n = told(to, "x87 control", number_at(a, 2), number_at(b, 2)) +
                 told(to, "x87 status", number_at(a + 2, 2), number_at(b + 2, 2)) + told(to, "x87 tags", a[4], b[4]);
    for (unsigned i = 0; i < 8; i++) {
        char name[16];
        snprintf(name, sizeof name, "st%u", i);
        n += told(to, name, number_at(a + 32 + 16 * i, 8), number_at(b + 32 + 16 * i, 8));
        snprintf(name, sizeof name, "st%u high", i);
        n += told(to, name, number_at(a + 40 + 16 * i, 2), number_at(b + 40 + 16 * i, 2));
    }
    return n;
}

static unsigned differ_sse(FILE *to, const uint8_t *a, const uint8_t *b)
{
    unsigned n = told(to, "mxcsr", number_at(a + 24, 4), number_at(b + 24, 4));
    for (unsigned i = 0; i < 32; i++) {
        char name[16];
        snprintf(name, sizeof name, "xmm%u%s", i / 2, i & 1 ? " high" : "");
        n += told(to, name, number_at(a + 160 + 8 * i, 8), number_at(b + 160 + 8 * i, 8));
    }
    return n;
}

static unsigned differ_memory(FILE *to, const uint8_t *a, const uint8_t *b)
{
    unsigned n = 0;
    for (unsigned page = 0; page < AREA_BYTES >> 12; page++) {
        if (!(AREA_PAGES >> page & 1) || memcmp(a + page * 4096, b + page * 4096, 4096) == 0)
            continue;
        for (unsigned i = page * 4096; i < page * 4096 + 4096; i++)
            if (a[i] != b[i] && n++ < 8) {
                char name[32];
                snprintf(name, sizeof name, "[%08" PRIx64 "]", AREA_BASE + i);
                told(to, name, a[i], b[i]);
            }
    }
    return n;
}

/* Flags that are not known where the case ended: after all before it, or, where code may go back, after any. */
static uint32_t unknown_flags(const struct fuzz_case *c, uint64_t rip)
{
    uint32_t before = 0, all = 0;
    bool found = false, back = false;
    for (unsigned i = 0; i < c->n; i++) {
        enum insn_class class = c->insns[i].insn.class;
        found = found || rip == AREA_CODE + c->insns[i].offset;
        back = back || class == CLASS_RETURN || class == CLASS_JUMP_INDIRECT || class == CLASS_CALL_INDIRECT;
        before = found ? before : c->insns[i].flags_undefined;
        all |= c->insns[i].flags_undefined;
    }
    return !back && (found || rip == AREA_CODE + c->code_bytes) ? before : all;
}

/* The instruction that failed, as it lay there then: the case may have written it. */
static struct insn failed_insn(const struct fuzz_case *c, const struct outcome *o)
{
    struct insn insn;
    uint64_t at = o->rip - AREA_CODE;
    if (at > 4096 - 15 || decode_insn(o->area + at, 15, fuzz_decode_mode(c->mode), &insn) < 0)
        return (struct insn){.name = INSN_NAMES, .class = CLASS_TRAP};
    return insn;
}

/* Which of its bytes or operands one asks for first is for the processor to choose: all that fail are right. */
static bool any_address(enum insn_name name)
{
    if (name == INSN_VMASKMOVPS || name == INSN_VMASKMOVPD || name == INSN_VPMASKMOVD || name == INSN_VPMASKMOVQ ||
        name == INSN_VMASKMOVDQU)
        return true;
    return name == INSN_CMPS || name == INSN_MASKMOVQ || name == INSN_MASKMOVDQU || name == INSN_FXRSTOR ||
           name == INSN_FRSTOR || name == INSN_FLDENV;
}

static void take_over(struct outcome *a, const struct outcome *b, uint64_t linear, unsigned n)
{
    if (linear - AREA_BASE < AREA_BYTES - n && (AREA_PAGES >> ((linear - AREA_BASE) >> 12) & 1))
        memcpy(a->own_area + (linear - AREA_BASE), b->area + (linear - AREA_BASE), n);
}

/* What instructions that failed may have done before, or not, as the processor chooses. A call whose target is wrong
 * may have written its return address: below the stack pointer. A store of ten bytes over a page's end may have written
 * the first eight. A string instruction with 32-bit addresses may have cut its registers, or not, when it did nothing.
 */
static void forget_half_done(const struct fuzz_case *c, struct outcome *a, const struct outcome *b)
{
    const struct insn failed = failed_insn(c, b);
    for (unsigned i = 0; i < c->n; i++) {
        if (c->insns[i].insn.class == CLASS_STRING && c->insns[i].insn.address_bytes == 4 && c->mode == 64)
            for (unsigned r = GPR_CX; r <= GPR_DI; r += r == GPR_CX ? GPR_SI - GPR_CX : 1)
                if (b->gpr[r] == (uint32_t)a->gpr[r])
                    a->gpr[r] = b->gpr[r];
    }
    if (failed.name == INSN_CALL)
        take_over(a, b, b->gpr[GPR_SP] - 8, 8);
    if (failed.class == CLASS_X87 && b->vector == 14)
        take_over(a, b, (b->cr2 & ~UINT64_C(0xfff)) - 16, 16);
}

/* How many things differ; `to`: where they are written, or NULL. */
static unsigned differ(FILE *to, const struct fuzz_case *c, const struct outcome *a, const struct outcome *b)
{
    const struct insn failed = failed_insn(c, b);
    uint32_t flags = FLAGS_COMPARED & ~unknown_flags(c, b->rip);
    bool either = a->vector == 13 && b->vector == 17 && failed.name == INSN_FXRSTOR; /* SDM: #GP or #AC */
    unsigned n = told(to, "rip", a->rip, b->rip) + (either ? 0 : told(to, "vector", a->vector, b->vector));
    if (a->vector == b->vector) {
        /* The kernel says of what is above user mode that a page is there. */
        uint32_t kernel = b->vector == 14 && b->cr2 >= UINT64_C(0x7ffffffff000) ? 1 : 0;
        bool any = any_address(failed.name); /* of two pages one is perhaps not there, the other read-only */
        kernel |= any && b->vector == 14 ? 1 : 0;
        n += told(to, "error", a->error | kernel, b->error | kernel) + (any ? 0 : told(to, "cr2", a->cr2, b->cr2));
    }
    for (unsigned i = 0; i < (c->mode == 64 ? 16 : 8); i++)
        n += told(to, gpr_names[i], a->gpr[i], b->gpr[i]);
    n += told(to, "rflags", a->rflags & flags, b->rflags & flags);
    for (unsigned i = 0; i < 6; i++)
        n += told(to, selector_names[i], a->selectors[i], b->selectors[i]);
    /* Whether an instruction of MMX that fails has changed over from x87 already is for the processor to choose. */
    if (failed.class != CLASS_MMX || b->vector == 1)
        n += differ_x87(to, a->fx, b->fx);
    for (unsigned i = 0; i < 32; i++) {
        char name[24];
        snprintf(name, sizeof name, "ymm%u upper%s", i / 2, i & 1 ? " high" : "");
        n += told(to, name, number_at(a->high + 8 * i, 8), number_at(b->high + 8 * i, 8));
    }
    return n + differ_sse(to, a->fx, b->fx) + differ_memory(to, a->area, b->area);
}

/* ---- One case ------------------------------------------------------------------------------------------------- */

static void truncate_case(struct fuzz_case *c, unsigned n)
{
    const struct fuzz_insn *last = &c->insns[n - 1];
    if (n < c->n)
        c->code_bytes = c->insns[n].offset;
    if (last->insn.target > 0) /* to the end, wherever it was */
        memset(c->code + last->offset + last->insn.imm_offset, 0, last->insn.imm_bytes);
    c->n = n;
}

static unsigned run_both(struct worker *w, const struct fuzz_case *c, FILE *to, struct outcome *ours,
                         struct outcome *theirs)
{
    fuzz_memory(c, w->area);
    soft_user_run(&w->soft, c, w->area, ours);
    if (ours->vector == OUTCOME_ENDLESS)
        return 0; /* the host would not end either, most likely */
    host_run(c, w->area, theirs);
    forget_half_done(c, ours, theirs);
    return differ(to, c, ours, theirs);
}

/* A repetition whose stores reach its own bytes: whether it goes on as it was fetched, or what lies there now is
 * fetched in the middle of it, is no part of the architecture; on one processor it changes with each interrupt. */
static bool stores_over_itself(const struct fuzz_case *c, const struct outcome *a, const struct outcome *b)
{
    const struct fuzz_insn *last = &c->insns[c->n - 1];
    const uint8_t *before = c->code + last->offset;
    bool repeats = last->insn.class == CLASS_STRING && last->insn.prefixes & (PREFIX_REP | PREFIX_REPNE);
    return repeats && (memcmp(a->area + last->offset, before, last->insn.length) != 0 ||
                       memcmp(b->area + last->offset, before, last->insn.length) != 0);
}

static void print_case(const struct fuzz_case *c)
{
    printf("DIFFERENCE --seed %" PRIu64 " --first %" PRIu64 " --count 1, %u-bit, the first %u instructions:\n", c->seed,
           c->number, c->mode, c->n);
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

/* The shortest beginning that still differs; the last instruction of it is taken to be the one. */
static void explain(struct worker *w, struct fuzz_case *c)
{
    struct outcome ours, theirs;
    unsigned n = c->n;
    for (unsigned k = 1; k <= n; k++) {
        struct fuzz_case shorter = *c;
        truncate_case(&shorter, k);
        if (!run_both(w, &shorter, NULL, &ours, &theirs) && k < n)
            continue;
        if (stores_over_itself(&shorter, &ours, &theirs)) {
            w->progress->over_itself++;
            return;
        }
        if (soft_user_strays(&w->soft, &shorter, w->area, &w->model, fuzz_excluded)) {
            w->progress->strayed++;
            return;
        }
        enum insn_name name = shorter.insns[k - 1].insn.name;
        w->progress->different++;
        if (w->progress->by_name[name]++ < SHOWN_OF_NAME) {
            print_case(&shorter);
            run_both(w, &shorter, stdout, &ours, &theirs);
            fflush(stdout);
        }
        return;
    }
}

static int work(struct worker *w)
{
    const struct fuzz_options *o = w->options;
    struct err err = {0};
    const char *names;
    if (soft_user_make(&w->soft, o->model, &err) < 0 || host_make(&err) < 0) {
        fprintf(stderr, "moat-cpu fuzz: %s\n", err.text);
        w->progress->unable = true;
        return 1;
    }
    cpu_model_find(o->model, &w->model, &names);
    for (; w->progress->next < o->first + o->count; w->progress->next++) {
        struct fuzz_case c;
        struct outcome ours, theirs;
        fuzz_generate(&c, o->seed, w->progress->next, o->mode, o->length, o->only, &w->model, fuzz_excluded);
        if (!c.n)
            continue;
        uint64_t before = cpu_executed(w->soft.flat.cpu);
        unsigned n = run_both(w, &c, NULL, &ours, &theirs);
        w->progress->instructions += cpu_executed(w->soft.flat.cpu) - before;
        w->progress->endless += ours.vector == OUTCOME_ENDLESS;
        w->progress->faulted += ours.rip != AREA_CODE + c.code_bytes;
        if (n)
            explain(w, &c);
    }
    w->progress->finished = true;
    return 0;
}

static int fuzz_host(const struct fuzz_options *o)
{
    struct progress *p = mmap(NULL, sizeof *p, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p == MAP_FAILED)
        return usage("fuzz", "no memory");
    p->next = o->first;
    unsigned lost = 0;
    while (!p->finished && !p->unable && lost < LOST_MAX) {
        fflush(stdout);
        pid_t child = fork();
        if (child == 0) {
            static struct worker w;
            w.options = o;
            w.progress = p;
            _exit(work(&w));
        }
        int status = 0;
        if (child < 0 || waitpid(child, &status, 0) < 0)
            return usage("fuzz", "cannot fork: %s", strerror(errno));
        if (!p->finished && !p->unable) {
            printf("LOST --seed %" PRIu64 " --first %" PRIu64 " --count 1: the child ended with %x\n", o->seed, p->next,
                   (unsigned)status);
            lost++;
            p->next++;
        }
    }
    for (unsigned i = 0; i < INSN_NAMES; i++)
        if (p->by_name[i])
            printf("%8" PRIu64 " %s\n", p->by_name[i], insn_name_text((enum insn_name)i));
    printf("%" PRIu64 " cases, %" PRIu64 " instructions; %" PRIu64 " ended early, %" PRIu64 " without end; %" PRIu64
           " differ, %u lost\n",
           p->next - o->first, p->instructions, p->faulted, p->endless, p->different, lost);
    if (p->strayed)
        printf("%" PRIu64
               " not compared: code of the case's own making runs what is left out, or asks for unknown flags\n",
               p->strayed);
    if (p->over_itself)
        printf("%" PRIu64 " not architectural: a repetition stores over its own bytes\n", p->over_itself);
    return p->unable ? 77 : p->different || lost;
}

int command_fuzz(int argc, char **argv)
{
    struct fuzz_options o = {.seed = 1, .count = 100000, .length = 8, .model = "moat64"};
    const char *against = "", *v;
    uint64_t mode = 0, length = o.length;
    for (int i = 0; i < argc; i++) {
        int bad = 0;
        if ((v = option_value(argc, argv, &i, "--against")))
            against = v;
        else if ((v = option_value(argc, argv, &i, "--seed")))
            bad = parse_number(v, &o.seed);
        else if ((v = option_value(argc, argv, &i, "--first")))
            bad = parse_number(v, &o.first);
        else if ((v = option_value(argc, argv, &i, "--count")))
            bad = parse_number(v, &o.count);
        else if ((v = option_value(argc, argv, &i, "--mode")))
            bad = parse_number(v, &mode);
        else if ((v = option_value(argc, argv, &i, "--length")))
            bad = parse_number(v, &length);
        else if ((v = option_value(argc, argv, &i, "--only")))
            o.only = v;
        else if ((v = option_value(argc, argv, &i, "--cpu")))
            o.model = v;
        else
            return usage("fuzz", "what is %s?", argv[i]);
        if (bad)
            return usage("fuzz", "%s is not a number", v);
    }
    o.mode = (unsigned)mode;
    o.length = length < 1 ? 1 : length > CASE_INSTRUCTIONS_MAX ? CASE_INSTRUCTIONS_MAX : (unsigned)length;
    if (strcmp(against, "host") == 0 && (mode == 0 || mode == 32 || mode == 64))
        return fuzz_host(&o);
    if (strcmp(against, "unicorn") == 0 && (mode == 0 || mode == 16 || mode == 32 || mode == 64))
        return fuzz_unicorn(&o);
    return usage("fuzz",
                 "wants --against host (--mode 32, 64 or both) or --against unicorn (--mode 16, 32, 64 or all)");
}
