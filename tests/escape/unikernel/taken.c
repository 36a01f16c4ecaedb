/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A kernel of an attacker's: what a program becomes that has taken over its kernel, for the two are one domain. It
 * makes host calls from the gate and from everywhere else, with numbers and arguments of its own, turns memory into
 * what it is not, and forges frames. `acts` succeed where there is no filter (naive.c); `sweeps` are all of a kind at
 * once, and mean something only where there is one. Run: taken list | acts|sweeps|NAME [file=PATH] [pid=N]
 * [victim=PATH].
 */
#include "taken.h"

#include <asm/errno.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/mman.h>
#include <linux/time_types.h>

#define NARROW_NUMBER 20           /* getpid of i386 */
#define NEWUSER       0x10000000ul /* CLONE_NEWUSER */

static uint64_t room[64];
#define ROOM ((uintptr_t)room)

/* ---- acts: each with the instruction of another call's body ------------------------------------------------------ */

static void act(const struct row *r)
{
    struct answer x = call_at(INSTRUCTION(GATE_read), r->nr, r->a, r->b, r->c, r->d, 0, 0);

    if (!x.signo && r->nr == __NR_fork && x.value == 0)
        end(0);
    say(r->name, x.signo == SIGSYS || x.value < 0, x.signo ? "signal" : "returned",
        (uint64_t)(x.signo ? x.signo : x.value));
}

static void read_file(const struct row *r)
{
    static char text[128];
    struct answer x =
        call_at(INSTRUCTION(GATE_write), __NR_openat, (uint64_t)AT_FDCWD, (uintptr_t)fact("file="), 0, 0, 0, 0);

    if (x.signo || x.value < 0)
        return say(r->name, true, x.signo ? "signal" : "returned", (uint64_t)(x.signo ? x.signo : x.value));
    call_at(INSTRUCTION(GATE_write), __NR_read, (uint64_t)x.value, (uintptr_t)text, sizeof text - 1, 0, 0, 0);
    for (char *c = text; *c; c++)
        if (*c == '\n')
            *c = 0;
    say(r->name, false, text, 0);
}

static uint64_t number_of(const char *text)
{
    uint64_t n = 0;

    while (*text >= '0' && *text <= '9')
        n = n * 10 + (uint64_t)(*text++ - '0');
    return n;
}

static void signal_outside(const struct row *r)
{
    act(&(struct row){.name = r->name, .nr = __NR_kill, .a = number_of(fact("pid="))});
}

static void write_file(const struct row *r)
{
    act(&(struct row){.name = r->name, .nr = __NR_truncate, .a = (uintptr_t)fact("victim="), .b = 1});
}

static void remap_kernel(const struct row *r)
{
    struct answer x =
        call_at(INSTRUCTION(GATE_read), __NR_mprotect, KERNEL_BASE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, 0, 0, 0);

    say(r->name, !can_write(KERNEL_BASE), x.signo ? "signal" : "returned", (uint64_t)(x.signo ? x.signo : x.value));
}

const struct row acts[] = {
    {"getpid", act, __NR_getpid, 0, 0, 0, 0},
    {"file", read_file, 0, 0, 0, 0, 0},
    {"file-write", write_file, 0, 0, 0, 0, 0},
    {"signal", signal_outside, 0, 0, 0, 0, 0},
    {"fork", act, __NR_fork, 0, 0, 0, 0},
    {"namespace", act, __NR_unshare, NEWUSER, 0, 0, 0},
    {"socket", act, __NR_socket, 2, 1, 0, 0},
    {"socket-local", act, __NR_socket, 1, 1, 0, 0},
    {"map-code", act, __NR_mmap, 0, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS},
    {"kernel-text", remap_kernel, 0, 0, 0, 0, 0},
    {"unmap", act, __NR_munmap, KERNEL_LIMIT, PAGE, 0, 0},
    {"descriptor", act, __NR_dup, 1, 0, 0, 0},
    {"descriptor-flags", act, __NR_fcntl, 1, F_GETFL, 0, 0},
    {"memory-file", act, __NR_memfd_create, (uintptr_t) "x", 0, 0, 0},
    {"handler", act, __NR_rt_sigaction, SIGUSR1, 0, 0, 8},
    {"mask", act, __NR_rt_sigprocmask, SIG_BLOCK, 0, 0, 8},
    {"timer", act, __NR_getitimer, 0, ROOM, 0, 0},
    {"limits", act, __NR_prlimit64, 0, 7, 0, ROOM},
    {"dumpable", act, __NR_prctl, 4, 1, 0, 0},
    {"filter", act, __NR_prctl, 21, 0, 0, 0},
    {"names", act, __NR_uname, ROOM, 0, 0, 0},
    {"directory", act, __NR_chdir, (uintptr_t) "/", 0, 0, 0},
    {"descriptor-close", act, __NR_close, 0, 0, 0, 0},
    {NULL, NULL, 0, 0, 0, 0, 0},
};

/* ---- what ends the sandbox, or never ends ------------------------------------------------------------------------ */

/* Signals but SIGKILL stay blocked from here on. */
static void nothing(struct sigcontext *c)
{
    (void)c;
}

static void deaf(const struct row *r)
{
    uint64_t flags;

    (void)r;
    forge_mask = ~0ul;
    forged(nothing, &flags);
    put("begun\n");
    for (;;)
        __asm__ volatile("pause");
}

/* All of the memory that it can reach, whatever limit its kernel was told. */
static void eat(const struct row *r)
{
    (void)r;
    put("begun\n");
    for (uint64_t at = boot->heap_low; at < boot->objects_high; at += PAGE)
        *(volatile char *)at = 1;
    put("ESCAPED\n");
}

static void flood(const struct row *r)
{
    static char line[4096];

    (void)r;
    memset(line, 'x', sizeof line - 1);
    line[sizeof line - 1] = '\n';
    put("begun\n");
    for (;;)
        gate(GATE_write, 1, (uintptr_t)line, sizeof line, 0);
}

/* As many signals as a timer can give. */
static void alarm(const struct row *r)
{
    const struct __kernel_itimerspec often = {{0, 1}, {0, 1}};

    (void)r;
    put("begun\n");
    gate(GATE_timer_settime, (uint64_t)boot->timer, 1, (uintptr_t)&often, 0);
    for (;;)
        __asm__ volatile("pause");
}

/* One instruction, which a processor of another kind would not have had. */
static void int80(const struct row *r)
{
    put("begun\n");
    struct answer x = call_at((uintptr_t)machine_int80, NARROW_NUMBER, 0, 0, 0, 0, 0, 0);
    say(r->name, x.signo || x.value <= 0, "returned", (uint64_t)x.value);
}

static uintptr_t narrow_at;

/* To where code is 32 bits wide. */
static void narrow(struct sigcontext *c)
{
    c->cs = 0x23;
    c->rip = narrow_at;
}

static void compat(const struct row *r)
{
    uint64_t flags;

    put("begun\n");
    narrow_at = r->a;
    struct answer x = forged(narrow, &flags);
    /* An instruction that this processor has not leaves the number where it was. */
    say(r->name, x.value <= 0 || x.value == NARROW_NUMBER, "returned", (uint64_t)x.value);
}

static void leave(const struct row *r)
{
    put("begun\n");
    gate(GATE_exit_group, r->a, 0, 0, 0);
}

const struct row ends[] = {
    {"deaf", deaf, 0, 0, 0, 0, 0},
    {"eat", eat, 0, 0, 0, 0, 0},
    {"flood", flood, 0, 0, 0, 0, 0},
    {"alarm", alarm, 0, 0, 0, 0, 0},
    {"int80", int80, 0, 0, 0, 0, 0},
    {"compat-int80", compat, 0, (uintptr_t)machine_narrow_int80, 0, 0, 0},
    {"compat-sysenter", compat, 0, (uintptr_t)machine_narrow_sysenter, 0, 0, 0},
    {"compat-syscall", compat, 0, (uintptr_t)machine_narrow_syscall, 0, 0, 0},
    {"exit-125", leave, 0, 125, 0, 0, 0},
    {"exit-4096", leave, 0, 4096 + 7, 0, 0, 0},
    {NULL, NULL, 0, 0, 0, 0, 0},
};

/* ---- the command line -------------------------------------------------------------------------------------------- */

static const struct row *const tables[] = {acts, sweeps, ends};
static const char *const names[] = {"acts", "sweeps", "ends"};

int attack(int argc, const char *const *argv)
{
    bool any = false;

    for (int i = 1; i < argc; i++)
        for (unsigned t = 0; t < ROWS(tables); t++)
            for (const struct row *r = tables[t]; r->name; r++) {
                if (equal(argv[i], "list"))
                    put(names[t]), put("\t"), put(r->name), put("\n");
                else if (equal(argv[i], r->name) || (t < 2 && equal(argv[i], names[t])))
                    r->run(r);
                else
                    continue;
                any = true;
            }
    return any ? 0 : 64;
}
