/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals on their way: who gets one, what is pending, what is taken next. signal(7). What becomes of one that was
 * taken stands in deliver.c.
 *
 * A signal for a process lies in shared_pending and one of its tasks that does not block it is woken to take it; that
 * is a hint only: whoever comes first takes it, and the others find nothing. One that nobody wants lies there until a
 * task unblocks it (signal_block_set) or asks for it (sigtimedwait, signalfd).
 */
#include "linux/task/internal.h"

#include <string.h>

HEAP_TYPE(queued_signal, FIELD(queued_signal, link, FIELD_LIST), FIELD(queued_signal, info, FIELD_PLAIN),
          FIELD(queued_signal, timer, FIELD_PLAIN), FIELD(queued_signal, queued, FIELD_PLAIN),
          FIELD(queued_signal, owned, FIELD_PLAIN));
HEAP_TYPE(signal_shared, FIELD(signal_shared, refs, FIELD_PLAIN), FIELD(signal_shared, actions, FIELD_PLAIN));

#define SIGNALS_STOP    (signal_bit(SIGSTOP) | signal_bit(SIGTSTP) | signal_bit(SIGTTIN) | signal_bit(SIGTTOU))
#define SIGNALS_IGNORED (signal_bit(SIGCHLD) | signal_bit(SIGCONT) | signal_bit(SIGURG) | signal_bit(SIGWINCH))
#define SIGNALS_FAULT                                                                                                  \
    (signal_bit(SIGSEGV) | signal_bit(SIGBUS) | signal_bit(SIGILL) | signal_bit(SIGTRAP) | signal_bit(SIGFPE) |        \
     signal_bit(SIGSYS))

__typeof__(posix_timer_taken) posix_timer_taken __attribute__((weak)); /* where there is none, no signal is one's */

/* ---- actions ----------------------------------------------------------------------------------------------------- */

struct signal_shared *signal_shared_new(void)
{
    struct signal_shared *s = heap_new(&signal_shared_type);
    if (s)
        s->refs = 1;
    return s;
}

struct signal_shared *signal_shared_copy(const struct signal_shared *from)
{
    struct signal_shared *s = signal_shared_new();
    if (s)
        memcpy(s->actions, from->actions, sizeof(s->actions));
    return s;
}

void signal_shared_put(struct signal_shared *s)
{
    if (!--s->refs)
        heap_free(&signal_shared_type, s);
}

bool signal_is_stop(int signo)
{
    return signal_bit(signo) & SIGNALS_STOP;
}

bool signal_is_default_fatal(int signo)
{
    return !(signal_bit(signo) & (SIGNALS_STOP | SIGNALS_IGNORED));
}

bool signal_is_ignored_action(const struct process *p, int signo)
{
    if (!p->signals)
        return true;
    uint64_t handler = p->signals->actions[signo - 1].handler;
    return handler == (uint64_t)SIG_IGN || (handler == (uint64_t)SIG_DFL && (signal_bit(signo) & SIGNALS_IGNORED));
}

/* ---- what is pending --------------------------------------------------------------------------------------------- */

void pending_init(struct pending *q)
{
    q->set = 0, q->n = 0;
    list_init(&q->queue);
}

static void queued_drop(struct pending *q, struct queued_signal *s)
{
    list_remove(&s->link);
    s->queued = false;
    q->n--;
    if (!s->owned)
        heap_free(&queued_signal_type, s);
}

static void pending_remove(struct pending *q, uint64_t set)
{
    if (!(q->set & set))
        return;
    q->set &= ~set;
    list_each (s, &q->queue, struct queued_signal, link)
        if (signal_bit(s->info.si_signo) & set)
            queued_drop(q, s);
}

void pending_flush(struct pending *q)
{
    pending_remove(q, UINT64_MAX);
}

static void process_pending_remove(struct process *p, uint64_t set)
{
    pending_remove(&p->shared_pending, set);
    each_task (t, p)
        pending_remove(&t->pending, set);
}

void signal_forget(struct process *p, uint64_t set)
{
    process_pending_remove(p, set);
}

/* A number without details: SI_USER of nobody, as Linux says when it could not keep them. */
static void info_bare(siginfo_t *info, int signo)
{
    memset(info, 0, sizeof(*info));
    info->si_signo = signo;
    info->si_code = SI_USER;
}

static void pending_take(struct pending *q, int signo, siginfo_t *info)
{
    bool found = false, more = false;
    list_each (s, &q->queue, struct queued_signal, link) {
        if (s->info.si_signo != signo)
            continue;
        if (found) {
            more = true;
            break;
        }
        found = true;
        *info = s->info;
        if (s->timer && posix_timer_taken)
            posix_timer_taken(s, info);
        queued_drop(q, s);
    }
    if (!found)
        info_bare(info, signo);
    if (!more)
        q->set &= ~signal_bit(signo);
}

static int signal_next(uint64_t set)
{
    if (set & SIGNALS_FAULT)
        set &= SIGNALS_FAULT; /* what the program's own instruction did comes first */
    return set ? __builtin_ctzll(set) + 1 : 0;
}

bool signal_take(struct task *t, uint64_t set, siginfo_t *info)
{
    int signo = signal_next(t->pending.set & set);
    struct pending *q = &t->pending;
    if (!signo) {
        q = &t->process->shared_pending;
        signo = signal_next(q->set & set);
    }
    if (!signo)
        return false;
    pending_take(q, signo, info);
    return true;
}

bool signal_wanted(const struct task *t)
{
    return t->killed || ((t->pending.set | t->process->shared_pending.set) & ~t->blocked);
}

bool signal_fatal_wanted(const struct task *t)
{
    if (t->killed || t->process->stopped)
        return t->killed; /* stopped: only SIGKILL gets through */
    uint64_t set = (t->pending.set | t->process->shared_pending.set) & ~t->blocked;
    for (; set; set &= set - 1) {
        int signo = __builtin_ctzll(set) + 1;
        if (!signal_is_default_fatal(signo))
            continue;
        if (t->process->signals->actions[signo - 1].handler == (uint64_t)SIG_DFL)
            return true;
    }
    return false;
}

/* ---- waking who is to take it ------------------------------------------------------------------------------------ */

static void signal_wake(struct task *t)
{
    sched_work(t);
    if (t->sigwait)
        task_wake(t); /* it takes signals that it blocks */
}

/* Whether it would take it: a task in sigtimedwait takes what it waits for. */
static bool task_wants(const struct task *t, int signo)
{
    return !t->exiting && (!(t->blocked & signal_bit(signo)) || (t->sigwait & signal_bit(signo)));
}

static void process_wake(struct process *p, int signo)
{
    if (p->leader && task_wants(p->leader, signo)) {
        signal_wake(p->leader);
        return;
    }
    each_task (t, p) {
        if (!task_wants(t, signo))
            continue;
        signal_wake(t);
        return;
    }
}

void signal_block_set(struct task *t, uint64_t blocked)
{
    uint64_t before = t->blocked;
    t->blocked = blocked & ~SIGNAL_UNBLOCKABLE;
    /* What it was woken for and now no longer takes: another one shall. */
    uint64_t left = t->process->shared_pending.set & t->blocked & ~before;
    for (; left; left &= left - 1)
        process_wake(t->process, __builtin_ctzll(left) + 1);
    if (signal_wanted(t))
        sched_work(t);
}

void process_kill(struct process *p, int32_t code)
{
    if (!p->exiting)
        p->exiting = true, p->group_exit_code = code;
    p->stopped = false;
    each_task (t, p) {
        if (t->exiting)
            continue;
        t->killed = true;
        signal_wake(t);
    }
}

/* ---- sending ----------------------------------------------------------------------------------------------------- */

/* What a signal does by being sent, before anybody takes it. */
static void signal_effects(struct process *p, int signo)
{
    if (signal_is_stop(signo)) {
        process_pending_remove(p, signal_bit(SIGCONT));
    } else if (signo == SIGCONT) {
        process_pending_remove(p, SIGNALS_STOP);
        process_continue(p);
    } else if (signo == SIGKILL) {
        process_kill(p, SIGKILL);
    }
}

/* Ignored, and nobody who blocks it may find it later. */
static bool signal_dropped(const struct process *p, const struct task *to, int signo)
{
    if (signo == SIGKILL || signo == SIGSTOP || !signal_is_ignored_action(p, signo))
        return false;
    if (!to)
        to = p->leader;
    return !((to->blocked | to->sigwait) & signal_bit(signo));
}

static int pending_add(struct process *p, struct pending *q, const siginfo_t *info)
{
    int signo = info->si_signo;
    if (signo < SIGRTMIN && (q->set & signal_bit(signo)))
        return 0;
    bool by_number = info->si_code == SI_USER || info->si_code > 0;
    if (q->n < p->limits[RLIMIT_SIGPENDING].rlim_cur) {
        struct queued_signal *s = heap_new(&queued_signal_type);
        if (s) {
            s->info = *info;
            s->queued = true;
            list_append(&q->queue, &s->link);
            q->n++;
        } else if (signo >= SIGRTMIN && !by_number) {
            return -EAGAIN;
        }
    } else if (signo >= SIGRTMIN && !by_number) {
        return -EAGAIN;
    }
    q->set |= signal_bit(signo);
    return 0;
}

static void signal_arrived(struct process *p, struct task *t, int signo)
{
    if (!t) {
        wait_wake_all(&p->signalled);
        process_wake(p, signo);
        return;
    }
    wait_wake_all(&t->signalled);
    if (task_wants(t, signo))
        signal_wake(t);
}

/* t NULL: any task of the process. */
static int signal_send(struct process *p, struct task *t, const siginfo_t *info)
{
    int signo = info->si_signo;
    if (p->zombie || p->exiting || (t && t->exiting))
        return 0;
    signal_effects(p, signo);
    if (signo == SIGKILL || signal_dropped(p, t, signo))
        return 0;
    int r = pending_add(p, t ? &t->pending : &p->shared_pending, info);
    if (!r)
        signal_arrived(p, t, signo);
    return r;
}

bool signal_send_queued(struct process *p, struct task *t, struct queued_signal *s)
{
    int signo = s->info.si_signo;
    if (p->zombie || p->exiting || (t && t->exiting))
        return false;
    signal_effects(p, signo);
    if (signo == SIGKILL || s->queued)
        return true;
    if (signal_dropped(p, t, signo))
        return false;
    struct pending *q = t ? &t->pending : &p->shared_pending;
    s->queued = true;
    list_append(&q->queue, &s->link);
    q->n++;
    q->set |= signal_bit(signo);
    signal_arrived(p, t, signo);
    return true;
}

int signal_task(struct task *t, const siginfo_t *info)
{
    return t->process ? signal_send(t->process, t, info) : 0;
}

int signal_process(struct process *p, const siginfo_t *info)
{
    return signal_send(p, NULL, info);
}

int signal_group(int32_t pgid, const siginfo_t *info)
{
    int r = -ESRCH;
    each_process (p) {
        if (p->pgid != pgid)
            continue;
        signal_send(p, NULL, info);
        r = 0;
    }
    return r;
}

static void info_kernel(siginfo_t *info, int signo)
{
    memset(info, 0, sizeof(*info));
    info->si_signo = signo;
    info->si_code = SI_KERNEL;
}

int signal_task_number(struct task *t, int signo)
{
    siginfo_t info;
    info_kernel(&info, signo);
    return signal_task(t, &info);
}

int signal_process_number(struct process *p, int signo)
{
    siginfo_t info;
    info_kernel(&info, signo);
    return signal_process(p, &info);
}

void signal_fill_user(siginfo_t *info, int signo, int code)
{
    memset(info, 0, sizeof(*info));
    info->si_signo = signo;
    info->si_code = code;
    info->si_pid = current->process->pid;
    info->si_uid = current->cred->uid;
}

void signal_force(struct task *t, int signo, int code, uint64_t address)
{
    struct signal_action *action = &t->process->signals->actions[signo - 1];
    uint64_t bit = signal_bit(signo);
    if ((t->blocked & bit) || action->handler == (uint64_t)SIG_IGN) {
        action->handler = (uint64_t)SIG_DFL; /* it cannot go on where it is, and shall not wait */
        t->blocked &= ~bit;
    }
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_signo = signo;
    info.si_code = code;
    info.si_addr = (void *)(uintptr_t)address;
    pending_remove(&t->pending, bit);
    (void)pending_add(t->process, &t->pending, &info);
    sched_work(t);
}
