/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest tasks: each runs on a host task in its stub, made when it runs there first, and anew after execve(2) and
 * fork(2), which give it another stub. It comes to the kernel by a call that the host tells of (GUEST_CALLED: arguments
 * and address alone are known), or by a signal whose handler parks it (GUEST_PARKED: its frame is in the slot). It goes
 * on by the answer to the call, or by a frame.
 *
 * A kick is a signal, which may meet a task anywhere. It ends up parked in any case: with the call not yet seen, which
 * is then made again by itself; or with one that the kernel is about to answer. There the answer to the call would be
 * lost, so whoever was kicked and has not been seen to park is answered by a frame.
 */
#include "sentry/sentry.h"

#include "guest/unikernel/gate.h"

#include <errno.h>
#include <linux/audit.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SYSCALL_LENGTH 2u
#define FILTER_TRAPPED 1 /* SYS_SECCOMP: si_code */
#define KERNEL_SENT    0x80
#define TRAP_GENERAL   13u
#define VSYSCALLS      0xffffffffff600000ull /* vsyscall(2): calls that are made from no instruction */
#define GATE_ENTRY     (GATE_BASE + 0x40)
#define OVERSLEPT      1000000000u /* ns behind a deadline */
#define AGAIN_MOST     16          /* times that one may be stopped from outside while it is waited for */

static struct guest *lost_ones;

static struct guest *guest(struct task *t)
{
    return *bridge_slot(t);
}

/* ---- kicks: each is answered in time, or whoever was kicked is given up ---- */

/* In order of their deadlines, which all have the same distance. */
static struct guest *kicked_first, *kicked_last;

static void kick(struct guest *g)
{
    g->kicked = true;
    g->kick_deadline = apart_clock(HOST_MONOTONIC) + PATIENCE;
    g->kicked_before = kicked_last, g->kicked_next = NULL;
    *(kicked_last ? &kicked_last->kicked_next : &kicked_first) = g;
    kicked_last = g;
    syscall(SYS_tgkill, g->host->pid, g->host->pid, KICK_SIGNAL);
}

static void kick_over(struct guest *g)
{
    if (!g->kicked)
        return;
    g->kicked = false;
    *(g->kicked_before ? &g->kicked_before->kicked_next : &kicked_first) = g->kicked_next;
    *(g->kicked_next ? &g->kicked_next->kicked_before : &kicked_last) = g->kicked_before;
}

/* ---- the end of what it ran on ---- */

static void lost_forget(struct guest *g)
{
    for (struct guest **at = &lost_ones; *at; at = &(*at)->next_lost)
        if (*at == g) {
            *at = g->next_lost;
            break;
        }
}

static void lose(struct guest *g)
{
    if (g->lost)
        return;
    lost_forget(g);
    g->lost = true;
    g->next_lost = lost_ones;
    lost_ones = g;
}

/* It runs, and shall not any more: what its registers are is of no interest. The kernel is told when nothing of it runs
 * any more, since then it gives pages that this one has mapped to others. */
static void stop_for_ever(struct guest *g, bool lied)
{
    kill(g->host->pid, SIGKILL);
    kick_over(g);
    g->state = lied ? GUEST_ENDING_LOST : GUEST_ENDING;
}

void guest_host_gone(struct guest *g)
{
    const bool asked = g->state == GUEST_ENDING;
    g->host = NULL, g->state = GUEST_NONE;
    kick_over(g);
    if (!asked) {
        lose(g);
        return;
    }
    g->next_lost = lost_ones;
    lost_ones = g;
}

bool guests_lost(void)
{
    return lost_ones;
}

static void lost_tell(void)
{
    while (lost_ones) {
        struct guest *g = lost_ones;
        lost_ones = g->next_lost;
        if (g->lost)
            linux_task_lost(g->task, false);
        else
            linux_trap_ready(g->task, &(struct trap){.kind = TRAP_KICK});
    }
}

/* It says what cannot be. */
static void give_up(struct guest *g)
{
    if (g->state == GUEST_RUNNING) {
        stop_for_ever(g, true);
        return;
    }
    kick_over(g);
    host_task_end(g->host);
    g->state = GUEST_NONE;
    lose(g);
}

uint64_t guests_deadline(void)
{
    return kicked_first ? kicked_first->kick_deadline : UINT64_MAX;
}

void guests_look(void)
{
    uint64_t now = kicked_first ? apart_clock(HOST_MONOTONIC) : 0;
    while (kicked_first && kicked_first->kick_deadline <= now) {
        struct guest *g = kicked_first;
        if (now - g->kick_deadline < OVERSLEPT) {
            give_up(g);
            continue;
        }
        /* This process itself was stopped for so long, and most likely g was too: it has another chance. */
        kick_over(g);
        kick(g);
    }
    lost_tell();
}

/* ---- what has come ---- */

static void call_fill(struct trap *t, struct regs *r, const struct seccomp_data *d)
{
    t->kind = TRAP_SYSCALL;
    r->rdi = d->args[0], r->rsi = d->args[1], r->rdx = d->args[2];
    r->r10 = d->args[3], r->r8 = d->args[4], r->r9 = d->args[5];
    r->rax = (uint64_t)d->nr, r->rip = d->instruction_pointer;
}

/* A call that was trapped. The old 32-bit way is not there: the processor then says so. */
static void trapped_call_fill(struct trap *t, struct regs *r, const struct frame_seen *f)
{
    if (f->call_arch == AUDIT_ARCH_X86_64) {
        t->kind = TRAP_SYSCALL;
        return;
    }
    r->rip -= SYSCALL_LENGTH;
    *t = (struct trap){.kind = TRAP_FAULT, .signo = SIGSEGV, .code = KERNEL_SENT, .number = TRAP_GENERAL};
}

static void signal_fill(struct trap *t, struct regs *r, int signo, const struct frame_seen *f)
{
    *t = (struct trap){.kind = TRAP_KICK};
    if (signo == KICK_SIGNAL || signo != f->signo || f->code <= 0)
        return; /* or one from outside, which is not the guest's */
    if (signo == SIGSYS) {
        if (f->code == FILTER_TRAPPED)
            trapped_call_fill(t, r, f);
        return;
    }
    if (signo == SIGTRAP && r->rip == GATE_ENTRY + 1) { /* a rewritten call: as the instruction would have left it */
        t->kind = TRAP_SYSCALL;
        r->rip = r->rcx, r->r11 = r->rflags;
        return;
    }
    *t = (struct trap){.kind = TRAP_FAULT,
                       .signo = signo,
                       .code = f->code,
                       .address = f->address,
                       .error = f->error,
                       .number = (uint32_t)f->number};
}

static bool is_signal(uint64_t signo)
{
#define IS(n) signo == (n) ||
    return STUB_SIGNALS(IS) false;
#undef IS
}

/* The rest of the registers of one that waits in a call: its frame shows it before the call. */
static void merge(struct guest *g, const struct frame_seen *f)
{
    struct regs *r = bridge_regs(g->task), all = f->regs;
    all.rdi = r->rdi, all.rsi = r->rsi, all.rdx = r->rdx, all.r10 = r->r10, all.r8 = r->r8, all.r9 = r->r9;
    all.rax = r->rax;
    if (r->rip < VSYSCALLS)
        all.rip = r->rip, all.rcx = r->rip, all.r11 = all.rflags;
    *r = all;
}

/* PARK, of a guest that runs or is in a call. The trap is *t where the kernel is to hear of it: true. */
static bool parked(struct guest *g, const struct seccomp_notif *n, struct trap *t)
{
    struct frame_seen f;
    const uint64_t signo = n->data.args[0];
    if (!is_signal(signo) || !frame_read(g->host->slot, n->data.args[1], &f)) {
        give_up(g);
        return false;
    }
    const bool called = g->state == GUEST_CALLED;
    f.regs.fs_base = n->data.args[2], f.regs.gs_base = n->data.args[3];
    g->state = GUEST_PARKED, g->waiting = n->id, g->frame_xstate = f.state_at;
    if (!called || signo == KICK_SIGNAL) /* else the kick comes as soon as it runs again */
        kick_over(g);
    if (called) {
        merge(g, &f);
        return false;
    }
    struct regs *r = bridge_regs(g->task);
    *r = f.regs;
    signal_fill(t, r, (int)signo, &f);
    return true;
}

static bool same_call(const struct regs *r, const struct seccomp_data *d)
{
    return r->rdi == d->args[0] && r->rsi == d->args[1] && r->rdx == d->args[2] && r->r10 == d->args[3] &&
           r->r8 == d->args[4] && r->r9 == d->args[5] && r->rax == (uint64_t)d->nr && r->rip == d->instruction_pointer;
}

/* Whoever stops a task from outside for a moment (ptrace(2), as moat does to read its filters) makes it come again with
 * what it waits for: a call that is being answered, PARK, or the ORDER of a service. */
static bool came_again(struct host_task *h, const struct seccomp_notif *n)
{
    struct guest *g = h->guest;
    const bool park = notify_is(n, stub_behind_park);
    if (!g) {
        if (!h->service || !notify_is(n, stub_behind_order))
            return false;
        h->as->waiting = n->id;
        return true;
    }
    if (g->state == GUEST_AGAIN && park == g->was_parked && (park || same_call(&g->seen, &n->data))) {
        g->state = notify_answer(n->id, g->answer) == -ENOENT ? GUEST_AGAIN : GUEST_RUNNING;
        if (g->state == GUEST_RUNNING && g->kick_due)
            g->kick_due = false, kick(g);
        return true;
    }
    if ((g->state == GUEST_PARKED && park) || (g->state == GUEST_CALLED && !park && same_call(&g->seen, &n->data))) {
        g->waiting = n->id;
        return true;
    }
    return false;
}

void guest_notified(const struct seccomp_notif *n)
{
    struct host_task *h = host_task_find((pid_t)n->pid);
    struct guest *g = h ? h->guest : NULL;
    struct trap trap = {0};
    if (g && (g->state == GUEST_ENDING || g->state == GUEST_ENDING_LOST))
        return;
    if (h && came_again(h, n))
        return;
    if (!g) { /* being ended; or a service that says something unasked, as one does that is made to run away */
        if (h)
            host_task_end(h);
        return;
    }
    if (notify_is(n, stub_behind_park)) {
        if (g->state != GUEST_RUNNING && g->state != GUEST_CALLED)
            give_up(g);
        else if (parked(g, n, &trap))
            linux_trap_ready(g->task, &trap);
        return;
    }
    if (g->state != GUEST_RUNNING || n->data.arch != AUDIT_ARCH_X86_64) {
        give_up(g);
        return;
    }
    struct regs *r = bridge_regs(g->task);
    call_fill(&trap, r, &n->data);
    g->state = GUEST_CALLED, g->waiting = n->id, g->seen = *r;
    linux_trap_ready(g->task, &trap);
}

/* ---- all registers ---- */

static int regs_full(struct task *t)
{
    struct guest *g = guest(t);
    struct seccomp_notif n;
    struct trap unused;
    if (g->state != GUEST_CALLED)
        return g->lost ? -ESRCH : 0;
    if (!g->kicked)
        kick(g);
    int r = notify_of(g->host, &n, PATIENCE);
    for (int i = 0; !r && i < AGAIN_MOST && !notify_is(&n, stub_behind_park) && came_again(g->host, &n); i++)
        r = notify_of(g->host, &n, PATIENCE);
    if (!r && notify_is(&n, stub_behind_park))
        parked(g, &n, &unused);
    if (g->state == GUEST_PARKED)
        return 0;
    if (g->host)
        give_up(g);
    linux_task_lost(t, true);
    return -ESRCH;
}

/* ---- operations ---- */

static void xstate_drop(struct guest *g)
{
    free(g->xstate);
    g->xstate = NULL;
}

static int host_make(struct guest *g, struct aspace *as)
{
    struct seccomp_notif n;
    if (g->host)
        host_task_end(g->host);
    g->state = GUEST_NONE;
    kick_over(g);
    int r = stub_task(as, g);
    if (!r)
        r = notify_of(g->host, &n, 0);
    if (r)
        return r;
    if (!notify_is(&n, stub_behind_park) || n.data.args[0] != PARK_BORN)
        return -ESRCH;
    g->state = GUEST_PARKED, g->waiting = n.id, g->xstate_is_new = true;
    return 0;
}

static bool only_result_changed(const struct regs *a, const struct regs *b)
{
    const uint64_t *x = (const uint64_t *)a, *y = (const uint64_t *)b;
    uint64_t different = 0;
    for (size_t i = 0; i < sizeof(*a) / sizeof(*x); i++)
        different |= i == offsetof(struct regs, rax) / sizeof(*x) ? 0 : x[i] ^ y[i];
    return !different;
}

/* One that is gone is told of by SIGCHLD; else it has been stopped, and comes again. */
static int answer(struct guest *g, uint64_t value)
{
    const bool parked = g->state == GUEST_PARKED;
    int r = notify_answer(g->waiting, value);
    g->state = r == -ENOENT ? GUEST_AGAIN : GUEST_RUNNING;
    g->answer = value, g->was_parked = parked;
    return r;
}

static int go(struct guest *g)
{
    const struct regs *r = bridge_regs(g->task);
    if (g->state == GUEST_CALLED && !g->kicked && only_result_changed(r, &g->seen))
        return answer(g, r->rax);
    int e = regs_full(g->task);
    if (e)
        return e;
    uint64_t at = frame_write(g->host->slot, r, g->xstate, g->frame_xstate, g->xstate_is_new);
    xstate_drop(g);
    g->xstate_is_new = false;
    return answer(g, at);
}

static void task_start(struct task *t, uint64_t deadline)
{
    struct guest *g = guest(t);
    struct aspace *as = bridge_aspace(t);
    int r = g->lost ? -ESRCH : 0;
    (void)deadline;
    if (!r && (!g->host || g->host->as != as))
        r = host_make(g, as);
    if (!r)
        r = go(g);
    if (r == -ENOENT)
        return; /* it was killed from outside, which is told next */
    if (r && !g->lost) {
        if (g->host)
            host_task_end(g->host);
        g->state = GUEST_NONE, g->lost = true;
    }
    if (r)
        linux_task_lost(t, true);
}

static void task_kick(struct task *t)
{
    struct guest *g = guest(t);
    if (g->host && bridge_killed(t) && (g->state == GUEST_RUNNING || g->state == GUEST_AGAIN)) {
        stop_for_ever(g, false);
        return;
    }
    g->kick_due = g->state == GUEST_AGAIN;
    if (g->state == GUEST_RUNNING && !g->kicked)
        kick(g);
}

static void xstate_initial(uint8_t *to)
{
    static const uint16_t control = 0x37f;
    static const uint32_t mxcsr = 0x1f80;
    memset(to, 0, state_size);
    memcpy(to, &control, sizeof(control));
    memcpy(to + 24, &mxcsr, sizeof(mxcsr));
}

/* The image of one that stands still. */
static int xstate_copy(struct guest *g, uint8_t *to)
{
    if (!g->xstate_is_new && regs_full(g->task))
        return -EAGAIN;
    if (!g->xstate_is_new && g->state == GUEST_PARKED && g->frame_xstate)
        frame_state_copy(g->host->slot, g->frame_xstate, to);
    else if (g->xstate)
        memcpy(to, g->xstate, state_size);
    else
        xstate_initial(to);
    return 0;
}

static int task_create(struct task *t, const struct task *from)
{
    struct guest *g = calloc(1, sizeof(*g)), *other = from ? guest((struct task *)(uintptr_t)from) : NULL;
    if (!g)
        return -ENOMEM;
    g->task = t, g->xstate_is_new = true;
    int r = 0;
    if (other)
        r = (g->xstate = malloc(state_size)) ? xstate_copy(other, g->xstate) : -ENOMEM;
    if (r) {
        free(g->xstate);
        free(g);
        return r;
    }
    *bridge_slot(t) = g;
    return 0;
}

static void task_destroy(struct task *t)
{
    struct guest *g = guest(t);
    if (!g)
        return;
    if (g->host)
        host_task_end(g->host);
    kick_over(g);
    lost_forget(g);
    *bridge_slot(t) = NULL;
    free(g->xstate);
    free(g);
}

static int64_t xstate_get(struct task *t, void *to, size_t n)
{
    if (!n)
        return state_size;
    if (n < state_size)
        return -EINVAL;
    int r = xstate_copy(guest(t), to);
    return r ? r : (int64_t)state_size;
}

static int xstate_set(struct task *t, const void *from, size_t n)
{
    struct guest *g = guest(t);
    if (from && (n < state_size || frame_state_check(from)))
        return -EINVAL;
    if (!from) {
        xstate_drop(g);
        g->xstate_is_new = true;
        return 0;
    }
    if (!g->xstate && !(g->xstate = malloc(state_size)))
        return -ENOMEM;
    memcpy(g->xstate, from, state_size);
    g->xstate_is_new = true;
    return 0;
}

const struct task_ops sentry_task = {.start = task_start,
                                     .kick = task_kick,
                                     .create = task_create,
                                     .destroy = task_destroy,
                                     .xstate_get = xstate_get,
                                     .xstate_set = xstate_set,
                                     .regs_full = regs_full};
