/* SPDX-License-Identifier: Apache-2.0 */
/*
 * All of a kind at once: every number from every instruction, every argument that is not on the list, every page that
 * is not the program's. A row holds when nothing of it came through; what it says is how many there were.
 */
#include "taken.h"

#include <asm/errno.h>
#include <asm/unistd.h>
#include <elf.h>
#include <linux/mman.h>
#include <linux/poll.h>

#define NUMBERS 512
#define X32     0x40000000ul
#define OUTSIDE 0xffffffff81000000ul /* of the host's kernel */
#define VSYS    0xffffffffff600000ul

static uint64_t tried, through, example;

static void begin(void)
{
    tried = through = example = 0;
}

static void note(bool held, uint64_t which)
{
    tried++;
    if (!held) {
        through++;
        example = which;
    }
}

/* At least so many were tried, and none came through. */
static void tell(const struct row *r, uint64_t least)
{
    const bool held = !through && tried >= least;

    say(r->name, held, through ? "came through:" : "tried:", through ? example : tried);
}

/* Two that recent kernels let pass every filter, since they insert them into programs themselves (uretprobe, uprobe):
 * from anywhere but there they are a SIGILL, or an error. */
static bool is_of_probes(uint64_t nr)
{
    return (nr & ~X32) == 335 || (nr & ~X32) == 336;
}

static bool trapped(uint64_t at, uint64_t nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
    struct answer x = call_at(at, nr, a, b, c, d, 8, 0);

    return x.signo == SIGSYS || (is_of_probes((uint32_t)nr) && (x.signo || x.value < 0));
}

/* ---- numbers ------------------------------------------------------------------------------------------------------
 */

static bool is_of_the_end(uint64_t call, uint64_t nr)
{
    static const uint64_t numbers[] = {
#define X(name, nr) nr,
        GATE_CALLS(X)
#undef X
    };

    return (call == GATE_exit_group || call == GATE_rt_sigreturn) && nr == numbers[call];
}

/* With arguments that no row of the filter has. */
static void gate_numbers(const struct row *r)
{
    static const uint64_t kinds[] = {0, X32, 1ul << 31, 0xffffffff00000000ul, 1ul << 32};

    begin();
    for (uint64_t call = 0; call < GATE_CALLS_COUNT; call++)
        for (uint64_t k = 0; k < ROWS(kinds); k++)
            for (uint64_t nr = 0; nr < NUMBERS; nr++)
                /* The high half of rax is not looked at by anybody, so there the numbers are the same as without it. */
                if (!is_of_the_end(call, (uint32_t)(nr | kinds[k])))
                    note(trapped(INSTRUCTION(call), nr | kinds[k], 77, 0x7f7f, 77, 77), call << 48 | nr);
    tell(r, GATE_CALLS_COUNT * NUMBERS * 5 - 8);
}

/* Every byte of the gate page as an instruction. */
static void gate_bytes(const struct row *r)
{
    const uint64_t end = GATE_ADDRESS(GATE_exit_group), frame = GATE_ADDRESS(GATE_rt_sigreturn);

    begin();
    for (uint64_t at = GATE_BASE; at < GATE_BASE + PAGE; at++) {
        if ((at >= end && at < end + GATE_SYSCALL) || (at >= frame && at < frame + GATE_SYSCALL))
            continue; /* the end, and a frame that is none: forged frames have rows of their own */
        struct answer x = call_at(at, __NR_getpid, 77, 0x7f7f, 77, 77, 8, 0);
        note(x.signo || x.value == __NR_getpid, at);
    }
    tell(r, PAGE - 2 * GATE_SYSCALL);
}

static void own_instruction(const struct row *r)
{
    begin();
    for (uint64_t nr = 0; nr < NUMBERS; nr++) {
        note(trapped((uintptr_t)machine_syscall, nr, 1, 0, 0, 0), nr);
        note(trapped((uintptr_t)machine_syscall, nr | X32, 1, 0, 0, 0), nr | X32);
    }
    tell(r, 2 * NUMBERS);
}

static uint64_t vdso_end(void)
{
    const Elf64_Ehdr *e = (const void *)boot->vdso;
    const Elf64_Phdr *p = (const void *)(boot->vdso + e->e_phoff);

    for (int i = 0; i < e->e_phnum; i++)
        if (p[i].p_type == PT_LOAD)
            return boot->vdso + p[i].p_vaddr + p[i].p_memsz;
    return boot->vdso;
}

/* Instructions in code that is the host kernel's own. */
static void vdso_instructions(const struct row *r)
{
    begin();
    for (uint64_t at = boot->vdso; at + 1 < vdso_end(); at++) {
        if (*(const uint8_t *)at != 0x0f || *(const uint8_t *)(at + 1) != 0x05)
            continue;
        for (uint64_t nr = 0; nr < NUMBERS; nr++)
            note(trapped(at, nr, 1, 0, 0, 0), nr);
    }
    tell(r, NUMBERS);
}

/* Three fixed addresses, where some kernels still answer. */
static void vsyscalls(const struct row *r)
{
    static uint64_t answered[4];

    begin();
    for (uint64_t i = 0; i < 3; i++) {
        struct answer x = call_at(VSYS + 1024 * i, 0, (uintptr_t)answered, 0, 0, 0, 0, 0);
        note(x.signo && !answered[0], i);
    }
    tell(r, 3);
}

/* A gate of its own making, where code may be made. */
static void gate_copy(const struct row *r)
{
    const uint64_t at = boot->text_high - PAGE;

    begin();
    if (boot->text_low == boot->text_high || gate(GATE_mprotect, at, PAGE, PROT_READ | PROT_WRITE, 0) < 0)
        return say(r->name, false, "the image has no room for code", 0);
    memcpy((void *)at, (const void *)GATE_BASE, PAGE);
    if (gate(GATE_mprotect, at, PAGE, PROT_READ | PROT_EXEC, 0) < 0)
        return say(r->name, false, "its room cannot become code", 0);
    for (uint64_t call = 0; call < GATE_CALLS_COUNT; call++)
        note(call_at(GATE_ADDRESS(call) - GATE_BASE + at, 0, 1, ROWS("x"), 1, 0, 8, 0).signo == SIGSYS, call);
    tell(r, GATE_CALLS_COUNT);
}

/* ---- arguments ----------------------------------------------------------------------------------------------------
 */

static void descriptors(const struct row *r)
{
    static char text[8];

    begin();
    for (uint64_t fd = 0; fd < 1100; fd++) {
        if (fd != 0)
            note(trapped(INSTRUCTION(GATE_read), __NR_read, fd, (uintptr_t)text, 8, 0), fd);
        if (fd != 1 && fd != 2)
            note(trapped(INSTRUCTION(GATE_write), __NR_write, fd, (uintptr_t)text, 0, 0), fd);
        note(trapped(INSTRUCTION(GATE_preadv), __NR_preadv, fd, (uintptr_t)text, 0, 0), fd);
        note(trapped(INSTRUCTION(GATE_pwritev), __NR_pwritev, fd, (uintptr_t)text, 0, 0), fd);
    }
    for (uint64_t fd = 1ul << 31; fd; fd <<= 1)
        note(trapped(INSTRUCTION(GATE_write), __NR_write, fd | 3, (uintptr_t)text, 0, 0), fd);
    tell(r, 4 * 1100 - 3);
}

/* Which descriptors there are, by asking for all of them. */
static void open_descriptors(const struct row *r)
{
    struct pollfd fds[8];
    const uint64_t now[2] = {0, 0};

    begin();
    for (int from = 0; from < 65536; from += 8) {
        for (int i = 0; i < 8; i++)
            fds[i] = (struct pollfd){.fd = from + i};
        gate(GATE_ppoll, (uintptr_t)fds, 8, (uintptr_t)now, 0);
        for (int i = 0; i < 8; i++)
            note(from + i < 3 || fds[i].revents & POLLNVAL, (uint64_t)(from + i));
    }
    tell(r, 65536);
}

static void waits(const struct row *r)
{
    static struct pollfd fds[16];
    static uint64_t mask;

    begin();
    for (uint64_t n = 9; n < 1ul << 32; n = n * 2 + 1)
        note(trapped(INSTRUCTION(GATE_ppoll), __NR_ppoll, (uintptr_t)fds, n, 0, 0), n);
    note(trapped(INSTRUCTION(GATE_ppoll), __NR_ppoll, (uintptr_t)fds, 0, (uintptr_t)fds, (uintptr_t)&mask), 0);
    note(trapped(INSTRUCTION(GATE_ppoll), __NR_ppoll, (uintptr_t)fds, 0, (uintptr_t)fds, 1ul << 32), 0);
    for (uint64_t timer = 0; timer < 64; timer++)
        if (timer != (uint64_t)boot->timer)
            note(trapped(INSTRUCTION(GATE_timer_settime), __NR_timer_settime, timer, 1, 0, 0), timer);
    for (uint64_t flags = 0; flags < 64; flags++)
        if (flags != 1)
            note(trapped(INSTRUCTION(GATE_timer_settime), __NR_timer_settime, (uint64_t)boot->timer, flags, 0, 0),
                 flags);
    tell(r, 28 + 2 + 63 + 63);
}

/* ---- memory -------------------------------------------------------------------------------------------------------
 */

static void protections(const struct row *r)
{
    const uint64_t text = boot->text_high - PAGE, far = boot->objects_high - PAGE, image = (uintptr_t)boot->image;
    const struct {
        uint64_t at, n, prot;
    } rows[] = {
        {GATE_BASE, PAGE, 3},
        {GATE_BASE, PAGE, 0},
        {GATE_BASE, PAGE, 7},
        {TENDER_BASE, PAGE, 3},
        {TENDER_BASE, PAGE, 7},
        {KERNEL_BASE, PAGE, 3},
        {KERNEL_BASE, PAGE, 7},
        {KERNEL_BASE, boot->objects_high - KERNEL_BASE, 3},
        {boot->stack_high & -PAGE, PAGE, 7},
        {boot->stack_high & -PAGE, PAGE, 3},
        {boot->vdso, PAGE, 3},
        {boot->vdso, PAGE, 7},
        {boot->vdso - PAGE, PAGE, 3},
        {image & -PAGE, PAGE, 3},
        {image & -PAGE, PAGE, 5},
        {image & -PAGE, PAGE, 7},
        {boot->data_low, PAGE, 5},
        {boot->data_low, PAGE, 7},
        {boot->data_low, PAGE, 4},
        {boot->heap_low, PAGE, 5},
        {boot->heap_low, PAGE, 7},
        {boot->objects_low, PAGE, 7},
        {far, PAGE, 5},
        {text, PAGE, 7},
        {text, PAGE, 6},
        {text, 2 * PAGE, 5},
        {text, 2 * PAGE, 3},
        {text, boot->data_low - text + PAGE, 3},
        {text, 1ul << 32, 3},
        {text, (1ul << 32) + PAGE, 5},
        {text, -text, 3},
        {text, -PAGE, 3},
        {text, -1ul, 5},
        {boot->text_low - PAGE, PAGE, 3},
        {boot->text_low - PAGE, 2 * PAGE, 3},
        {boot->data_low - PAGE, 2 * PAGE, 3},
        {boot->data_low - PAGE, PAGE, 3},
        {far, 2 * PAGE, 3},
        {far, 0xfffff000, 3},
        {far, 1ul << 32, 3},
        {boot->objects_high, PAGE, 3},
        {far, -far, 3},
        {boot->data_low, (1ul << 32) + PAGE, 3},
        {boot->data_low, -boot->data_low, 3},
        {boot->data_low, ~0ul, 3},
        {boot->data_low | 1ul << 47, PAGE, 3},
        {boot->data_low | 1ul << 63, PAGE, 3},
        {text | 1ul << 32, PAGE, 5},
        {0, PAGE, 3},
        {0, 1ul << 32, 3},
        {0, TENDER_BASE, 3},
        {4096, PAGE, 3},
        {boot->data_low, PAGE, 3 | 1ul << 24},
        {boot->data_low, PAGE, 3 | 1ul << 25},
        {boot->data_low, PAGE, 3 | 8},
        {text, PAGE, 5 | 1ul << 24},
        {boot->data_low, PAGE, 3 | 1ul << 32},
        {boot->data_low, PAGE, 4ul << 32 | 3},
        {OUTSIDE, PAGE, 3},
        {VSYS, PAGE, 7},
    };

    begin();
    for (uint64_t i = 0; i < ROWS(rows); i++) {
        struct answer x =
            call_at(INSTRUCTION(GATE_mprotect), __NR_mprotect, rows[i].at, rows[i].n, rows[i].prot, 0, 0, 0);
        note(x.signo == SIGSYS || (!x.signo && x.value < 0), i);
    }
    tell(r, ROWS(rows));
}

/* What the rows of `protections` would have changed is as it was, and so is what only looks like memory. */
static void pages(const struct row *r)
{
    const uint64_t sealed[] = {
        GATE_BASE, TENDER_BASE,        KERNEL_BASE,     (uintptr_t)boot->image, boot->vdso,      VSYS, 0, 4096,
        OUTSIDE,   boot->objects_high, boot->data_high, IMAGE_FAR - PAGE,       0x7ffffffff000ul};
    const uint64_t dead[] = {boot->heap_low,           boot->objects_low,      boot->objects_high - PAGE,
                             boot->stack_high & -PAGE, (uintptr_t)boot->image, (uintptr_t)&tried};

    begin();
    for (uint64_t i = 0; i < ROWS(sealed); i++)
        note(!can_write(sealed[i]), sealed[i]);
    for (uint64_t i = 0; i < ROWS(dead); i++)
        note(!can_run(dead[i]), dead[i]);
    tell(r, ROWS(sealed) + ROWS(dead));
    /* And that these questions have two answers. */
    say("pages-live", can_write(boot->heap_low) && can_run((uintptr_t)machine_syscall + 2) && can_read(KERNEL_BASE),
        "asked", 3);
}

static void advice(const struct row *r)
{
    const uint64_t places[] = {GATE_BASE, KERNEL_BASE, boot->stack_high & -PAGE, (uintptr_t)boot->image, boot->vdso, 0};

    begin();
    for (uint64_t i = 0; i < 256; i++)
        if (i != MADV_DONTNEED)
            note(trapped(INSTRUCTION(GATE_madvise), __NR_madvise, boot->objects_low, PAGE, i, 0), i);
    for (uint64_t i = 0; i < ROWS(places); i++)
        note(trapped(INSTRUCTION(GATE_madvise), __NR_madvise, places[i], PAGE, MADV_DONTNEED, 0), places[i]);
    tell(r, 255 + ROWS(places));
}

/* Pointers to where only the host's kernel may read or write. */
static void pointers(const struct row *r)
{
    const uint64_t places[] = {OUTSIDE, ~0ul, 1ul << 47, 0xffff800000000000ul, 0x7ffffffff000ul};
    const uint64_t now[2] = {0, 0};

    begin();
    for (uint64_t i = 0; i < ROWS(places); i++) {
        note(gate(GATE_write, 1, places[i], 64, 0) < 0, places[i]);
        note(gate(GATE_read, 0, places[i], 64, 0) <= 0, places[i]);
        note(gate(GATE_ppoll, places[i], 1, (uintptr_t)now, 0) < 0, places[i]);
        note(gate(GATE_timer_settime, (uint64_t)boot->timer, 1, places[i], 0) < 0, places[i]);
        note(gate(GATE_timer_settime, (uint64_t)boot->timer, 1, (uintptr_t)now, places[i]) < 0, places[i]);
    }
    tell(r, 5 * ROWS(places));
}

/* ---- frames -------------------------------------------------------------------------------------------------------
 */

static uint64_t forging;

static void selector(struct sigcontext *c)
{
    c->cs = (uint16_t)forging;
}

static void stack_selector(struct sigcontext *c)
{
    c->ss = (uint16_t)forging;
}

static void place(struct sigcontext *c)
{
    c->rip = forging;
}

static void all_flags(struct sigcontext *c)
{
    c->eflags |= forging;
}

static void vectors(struct sigcontext *c)
{
    c->fpstate = (void *)forging;
}

static void all_of(void (*how)(struct sigcontext *), const uint64_t *values, uint64_t n)
{
    uint64_t flags;

    for (uint64_t i = 0; i < n; i++) {
        forging = values[i];
        forged(how, &flags);
        /* No I/O privilege (bits 12 and 13), interrupts on, no virtual 8086 mode. */
        note((flags & 0x23200) == 0x200, values[i]);
    }
}

/* What comes back is a signal, or goes on as before: in ring 3, without a right that was not there. */
static void frames(const struct row *r)
{
    static const uint64_t selectors[] = {0, 3, 8, 0x10, 0x13, 0x18, 0x1b, 0x2b, 0x30, 0x3b, 0x40, 0x7b, 0xffff};
    static const uint64_t places[] = {0, OUTSIDE, 1ul << 47, 0xffff800000000000ul, ~0ul, VSYS, GATE_BASE, TENDER_BASE};
    static const uint64_t flags[] = {0x3000, 0x20000, 0x200000, 0x80000, 0x100000, 0x4000, ~0x40100ul};
    const uint64_t states[] = {1, 64, GATE_BASE, KERNEL_BASE, OUTSIDE, ~63ul, boot->heap_low, boot->objects_high};
    static const uint64_t stack[] = {0, 3, 8, 0x10, 0x18, 0x1b, 0x23, 0x33, 0xffff};

    begin();
    all_of(selector, selectors, ROWS(selectors));
    all_of(stack_selector, stack, ROWS(stack));
    all_of(place, places, ROWS(places));
    all_of(all_flags, flags, ROWS(flags));
    all_of(vectors, states, ROWS(states));
    tell(r, ROWS(selectors) + ROWS(stack) + ROWS(places) + ROWS(flags) + ROWS(states));
}

const struct row sweeps[] = {
    {"gate-numbers", gate_numbers, 0, 0, 0, 0, 0},
    {"gate-bytes", gate_bytes, 0, 0, 0, 0, 0},
    {"gate-copy", gate_copy, 0, 0, 0, 0, 0},
    {"own-instruction", own_instruction, 0, 0, 0, 0, 0},
    {"vdso-instructions", vdso_instructions, 0, 0, 0, 0, 0},
    {"vsyscalls", vsyscalls, 0, 0, 0, 0, 0},
    {"descriptors", descriptors, 0, 0, 0, 0, 0},
    {"open-descriptors", open_descriptors, 0, 0, 0, 0, 0},
    {"waits", waits, 0, 0, 0, 0, 0},
    {"protections", protections, 0, 0, 0, 0, 0},
    {"pages", pages, 0, 0, 0, 0, 0},
    {"advice", advice, 0, 0, 0, 0, 0},
    {"pointers", pointers, 0, 0, 0, 0, 0},
    {"frames", frames, 0, 0, 0, 0, 0},
    {NULL, NULL, 0, 0, 0, 0, 0},
};
