/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tracer: one thread that holds every guest process by ptrace(2). What a guest's thread does goes by PTRACE_SYSEMU,
 * so no system call of a guest is ever made; what the platform wants of a guest process is done by its leader, which is
 * given registers, runs a few instructions of the gate page (gate.h) and stands still again.
 * Touches only threads that descend from tracer_init's child; they end with this process (PTRACE_O_EXITKILL).
 */
#include "gate.h"
#include "split.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/poll.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/rseq.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPTIONS     (PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK)
#define ADDRESS_END 0x7ffffffff000ull
#define STATE_MOST  65536u
#define STATE_MASK  464 /* where in an XSAVE image the host says which components there are: asm/sigcontext.h */
#define STATE_TILES 0x60000ull
#define RSEQ_LENGTH 32u
#define BUCKETS     256u

uint32_t state_size;
uint64_t state_mask;

static struct aspace first, *all;     /* all: without the first */
static struct user_regs_struct fresh; /* segments and flags of any thread */
static struct guest *by_tid[BUCKETS];

/* ---- threads ---- */

/* PTRACE's requests are an enum of glibc's. */
#define TRACE(request, tid, address, data)                                                                             \
    ptrace((request), (tid), (void *)(uintptr_t)(address), (void *)(uintptr_t)(data))

static pid_t wait_for(pid_t tid, int *status)
{
    pid_t r;
    do
        r = waitpid(tid, status, __WALL);
    while (r < 0 && errno == EINTR);
    return r;
}

static int event_of(int status)
{
    return status >> 16;
}

static bool is_gone(int status)
{
    return WIFEXITED(status) || WIFSIGNALED(status);
}

static struct guest **bucket(pid_t tid)
{
    return &by_tid[(uint32_t)tid % BUCKETS];
}

static struct guest *guest_of(pid_t tid)
{
    struct guest *g = *bucket(tid);
    while (g && g->tid != tid)
        g = g->next;
    return g;
}

static void guest_forget(struct guest *g)
{
    for (struct guest **at = bucket(g->tid); *at; at = &(*at)->next) {
        if (*at != g)
            continue;
        *at = g->next;
        break;
    }
    g->tid = 0, g->aspace = NULL, g->running = false;
}

/* ---- injection ---- */

/* The leader goes on until the int3 behind what it was to do, or a fault of it. A thread or process that was born on
 * the way is *born. The signal that stopped it; 0: it is gone. */
static int leader_run(struct aspace *as, pid_t *born)
{
    int status;
    for (;;) {
        if (TRACE(PTRACE_CONT, as->leader, 0, 0) < 0 || wait_for(as->leader, &status) < 0 || is_gone(status)) {
            as->dead = true;
            return 0;
        }
        unsigned long message;
        if (event_of(status) == PTRACE_EVENT_CLONE || event_of(status) == PTRACE_EVENT_FORK) {
            if (born && TRACE(PTRACE_GETEVENTMSG, as->leader, 0, &message) == 0)
                *born = (pid_t)message;
        } else if (!event_of(status) && (WSTOPSIG(status) == SIGTRAP || WSTOPSIG(status) == SIGSEGV)) {
            return WSTOPSIG(status);
        }
    }
}

static int leader_do(struct aspace *as, struct user_regs_struct *r, pid_t *born)
{
    if (as->dead)
        return 0;
    r->orig_rax = (unsigned long long)-1;
    if (TRACE(PTRACE_SETREGS, as->leader, 0, r) < 0)
        return 0;
    int signo = leader_run(as, born);
    return signo && TRACE(PTRACE_GETREGS, as->leader, 0, r) == 0 ? signo : 0;
}

static int64_t call_born(struct aspace *as, struct user_regs_struct *r, pid_t *born)
{
    r->rip = GATE_CALL;
    if (leader_do(as, r, born) != SIGTRAP)
        split_fatal("a guest process is gone: it was killed from outside");
    return (int64_t)r->rax;
}

int64_t stub_call(struct aspace *as, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    struct user_regs_struct r = fresh;
    r.rax = (unsigned long long)nr;
    r.rdi = a, r.rsi = b, r.rdx = c, r.r10 = d, r.r8 = e, r.r9 = f;
    return call_born(as, &r, NULL);
}

int stub_load32(struct aspace *as, uint64_t at, uint32_t *value)
{
    struct user_regs_struct r = fresh;
    r.rip = GATE_LOAD, r.rdi = at;
    if (leader_do(as, &r, NULL) != SIGTRAP)
        return -EFAULT;
    *value = (uint32_t)r.rax;
    return 0;
}

int stub_cmpxchg32(struct aspace *as, uint64_t at, uint32_t *value, uint32_t with)
{
    struct user_regs_struct r = fresh;
    r.rip = GATE_CMPXCHG, r.rdi = at, r.rax = *value, r.rdx = with;
    if (leader_do(as, &r, NULL) != SIGTRAP)
        return -EFAULT;
    *value = (uint32_t)r.rax;
    return 0;
}

/* ---- processes ---- */

/* The first stop of what the leader has made by clone(2): its tid, or -errno. */
static int64_t born_by(struct aspace *as, uint64_t flags)
{
    struct user_regs_struct r = fresh;
    pid_t born = 0;
    int status;
    r.rax = SYS_clone, r.rdi = flags;
    int64_t result = call_born(as, &r, &born);
    if (result < 0)
        return result;
    if (!born || wait_for(born, &status) < 0 || is_gone(status))
        split_fatal("a guest process is gone while it was made");
    return born;
}

struct aspace *stub_copy(struct aspace *of)
{
    struct aspace *as = calloc(1, sizeof(*as));
    int64_t pid = as ? born_by(of ? of : &first, CLONE_PARENT | SIGCHLD) : -ENOMEM;
    if (pid < 0) {
        free(as);
        return NULL;
    }
    as->leader = (pid_t)pid;
    as->next = all, all = as;
    return as;
}

/* Threads first: the host keeps a leader until they are gone. */
void stub_kill(struct aspace *as)
{
    int status;
    kill(as->leader, SIGKILL);
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (struct guest *g = by_tid[i], *next; g; g = next) {
            next = g->next;
            if (g->aspace != as)
                continue;
            while (wait_for(g->tid, &status) == g->tid && !is_gone(status))
                continue;
            guest_forget(g);
        }
    while (wait_for(as->leader, &status) == as->leader && !is_gone(status))
        continue;
    for (struct aspace **at = &all; *at; at = &(*at)->next) {
        if (*at != as)
            continue;
        *at = as->next;
        free(as);
        break;
    }
}

void stub_kill_all(void)
{
    while (all)
        stub_kill(all);
    stub_kill(&first);
}

/* ---- guests ---- */

int64_t guest_make(struct guest *g, struct aspace *as)
{
    const uint64_t flags = CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM;
    int64_t tid = born_by(as, flags);
    if (tid < 0)
        return tid;
    g->tid = (pid_t)tid, g->aspace = as, g->running = false;
    g->next = *bucket(g->tid);
    *bucket(g->tid) = g;
    return 0;
}

void guest_end(struct guest *g)
{
    struct user_regs_struct r = fresh;
    int status;
    if (!g->tid)
        return;
    r.rip = GATE_CALL, r.rax = SYS_exit, r.orig_rax = (unsigned long long)-1;
    if (TRACE(PTRACE_SETREGS, g->tid, 0, &r) == 0)
        TRACE(PTRACE_CONT, g->tid, 0, 0);
    while (wait_for(g->tid, &status) == g->tid && !is_gone(status))
        TRACE(PTRACE_CONT, g->tid, 0, 0);
    guest_forget(g);
}

static uint64_t base_of(uint64_t v)
{
    return v < ADDRESS_END ? v : 0; /* the guest's mistake, which it finds at its next use */
}

static void regs_to_host(struct user_regs_struct *u, const struct regs *r)
{
    *u = fresh;
    u->rdi = r->rdi, u->rsi = r->rsi, u->rdx = r->rdx, u->r10 = r->r10, u->r8 = r->r8, u->r9 = r->r9;
    u->rax = r->rax, u->rbx = r->rbx, u->rbp = r->rbp, u->rcx = r->rcx, u->r11 = r->r11;
    u->r12 = r->r12, u->r13 = r->r13, u->r14 = r->r14, u->r15 = r->r15;
    u->rip = r->rip, u->rsp = r->rsp, u->eflags = r->rflags;
    u->fs_base = base_of(r->fs_base), u->gs_base = base_of(r->gs_base);
    u->orig_rax = (unsigned long long)-1;
}

static void regs_from_host(struct regs *r, const struct user_regs_struct *u)
{
    *r = (struct regs){.rdi = u->rdi,
                       .rsi = u->rsi,
                       .rdx = u->rdx,
                       .r10 = u->r10,
                       .r8 = u->r8,
                       .r9 = u->r9,
                       .rax = u->rax,
                       .rbx = u->rbx,
                       .rbp = u->rbp,
                       .r12 = u->r12,
                       .r13 = u->r13,
                       .r14 = u->r14,
                       .r15 = u->r15,
                       .rcx = u->rcx,
                       .r11 = u->r11,
                       .rip = u->rip,
                       .rflags = u->eflags,
                       .rsp = u->rsp,
                       .fs_base = u->fs_base,
                       .gs_base = u->gs_base};
}

/* 0, or what the host says to the image. */
static int64_t state_load(struct guest *g)
{
    static const uint32_t mxcsr = 0x1f80;
    uint8_t initial[STATE_MOST];
    struct iovec v = {g->state, state_size};
    if (!g->state) {
        memset(initial, 0, state_size);
        memcpy(initial + 24, &mxcsr, sizeof(mxcsr));
        v.iov_base = initial;
    }
    return TRACE(PTRACE_SETREGSET, g->tid, NT_X86_XSTATE, &v) < 0 ? -errno : 0;
}

void guest_go(struct guest *g)
{
    struct user_regs_struct u;
    if (g->state_is_new && state_load(g) < 0)
        split_fatal("the host refuses vector registers");
    g->state_is_new = false;
    regs_to_host(&u, bridge_regs(g->task));
    if (TRACE(PTRACE_SETREGS, g->tid, 0, &u) < 0 || TRACE(PTRACE_SYSEMU, g->tid, 0, 0) < 0)
        split_fatal("a guest thread is gone: it was killed from outside");
    g->running = true;
}

void guest_interrupt(struct guest *g)
{
    if (g->running)
        TRACE(PTRACE_INTERRUPT, g->tid, 0, 0);
}

int64_t guest_state_get(struct guest *g, void *to)
{
    struct iovec v = {to, state_size};
    return TRACE(PTRACE_GETREGSET, g->tid, NT_X86_XSTATE, &v) < 0 ? -errno : 0;
}

int64_t guest_state_set(struct guest *g, const void *from)
{
    struct iovec v = {(void *)(uintptr_t)from, state_size};
    return TRACE(PTRACE_SETREGSET, g->tid, NT_X86_XSTATE, &v) < 0 ? -EINVAL : 0;
}

/* ---- traps ---- */

#define TRAP_DEBUG      1
#define TRAP_BREAKPOINT 3
#define TRAP_OPCODE     6
#define TRAP_GENERAL    13
#define TRAP_PAGE       14
#define TRAP_ALIGNMENT  17
#define TRAP_VECTOR     19
#define ERROR_PRESENT   1u
#define ERROR_WRITE     2u
#define ERROR_USER      4u
#define ERROR_FETCH     16u

static bool is_readable(const struct guest *g, uint64_t at)
{
    uint8_t byte;
    struct iovec to = {&byte, 1}, from = {(void *)(uintptr_t)at, 1};
    return process_vm_readv(g->tid, &to, 1, &from, 1, 0) == 1;
}

/* The host does not tell what kind of access it was, so it is found out: of what is there and was denied, the
 * instruction itself is a fetch, and what can be read was written. */
static uint64_t page_error(const struct guest *g, const siginfo_t *info, uint64_t rip)
{
    uint64_t at = (uintptr_t)info->si_addr;
    if (info->si_signo != SIGSEGV || info->si_code != SEGV_ACCERR)
        return ERROR_USER;
    if (at - rip < 15)
        return ERROR_USER | ERROR_PRESENT | ERROR_FETCH;
    return ERROR_USER | ERROR_PRESENT | (is_readable(g, at) ? ERROR_WRITE : 0);
}

static void fault_fill(struct trap *t, const struct guest *g, const siginfo_t *info, uint64_t rip)
{
    t->kind = TRAP_FAULT, t->signo = info->si_signo, t->code = info->si_code;
    t->address = (uintptr_t)info->si_addr;
    switch (info->si_signo) {
    case SIGSEGV:
        t->number = info->si_code == SI_KERNEL ? TRAP_GENERAL : TRAP_PAGE;
        break;
    case SIGBUS:
        t->number = info->si_code == BUS_ADRALN ? TRAP_ALIGNMENT : TRAP_PAGE;
        break;
    case SIGFPE:
        t->number = info->si_code == FPE_INTDIV ? 0 : TRAP_VECTOR;
        break;
    case SIGILL:
        t->number = TRAP_OPCODE;
        break;
    default:
        t->number = info->si_code == SI_KERNEL ? TRAP_BREAKPOINT : TRAP_DEBUG;
        break;
    }
    if (t->number == TRAP_PAGE)
        t->error = page_error(g, info, rip);
}

/* `syscall` itself, or the old 32-bit way, which is not there: the processor then says so. */
static void syscall_fill(struct trap *t, struct guest *g, struct regs *r, uint64_t nr)
{
    uint8_t code[2] = {0};
    struct iovec to = {code, 2}, from = {(void *)(uintptr_t)(r->rip - 2), 2};
    r->rax = nr;
    if (process_vm_readv(g->tid, &to, 1, &from, 1, 0) == 2 && code[0] == 0x0f && code[1] == 0x05) {
        t->kind = TRAP_SYSCALL;
        return;
    }
    r->rip -= 2;
    *t = (struct trap){.kind = TRAP_FAULT, .signo = SIGSEGV, .code = SI_KERNEL, .number = TRAP_GENERAL};
}

static bool is_fault(int signo)
{
    return signo == SIGSEGV || signo == SIGBUS || signo == SIGFPE || signo == SIGILL || signo == SIGTRAP;
}

/* What a stop of a guest means. false: nothing, it goes on. */
static bool trap_fill(struct trap *t, struct guest *g, int status, struct regs *r, uint64_t nr)
{
    siginfo_t info = {0};
    if (event_of(status) == PTRACE_EVENT_STOP) {
        t->kind = TRAP_KICK;
        return true;
    }
    if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
        syscall_fill(t, g, r, nr);
        return true;
    }
    if (!is_fault(WSTOPSIG(status)) || TRACE(PTRACE_GETSIGINFO, g->tid, 0, &info) < 0 || info.si_code <= 0)
        return false;
    if (info.si_signo == SIGTRAP && r->rip == GATE_ENTRY + 1) {
        t->kind = TRAP_SYSCALL; /* as the instruction would have left the registers */
        r->rip = r->rcx, r->r11 = r->rflags;
        return true;
    }
    fault_fill(t, g, &info, r->rip);
    return true;
}

static void stopped(pid_t tid, int status)
{
    struct guest *g = guest_of(tid);
    struct user_regs_struct u;
    struct trap trap = {0};
    if (is_gone(status) && (g || tid == first.leader))
        split_fatal("a guest process is gone: it was killed from outside");
    if (!g || is_gone(status))
        return;
    if (TRACE(PTRACE_GETREGS, tid, 0, &u) < 0)
        return; /* it was killed meanwhile: that is told next */
    struct regs *r = bridge_regs(g->task);
    regs_from_host(r, &u);
    if (!trap_fill(&trap, g, status, r, u.orig_rax)) {
        TRACE(PTRACE_SYSEMU, tid, 0, 0); /* a signal from outside, which is not the guest's */
        return;
    }
    g->running = false;
    inbox_trap(g->task, &trap);
}

/* ---- calls from virtual CPUs ---- */

struct call {
    struct call *next;
    int64_t (*fn)(void *);
    void *of;
    int64_t result;
    bool done;
};

static struct {
    pthread_mutex_t mutex;
    pthread_cond_t done;
    struct call *first;
    int event;
} calls = {.mutex = PTHREAD_MUTEX_INITIALIZER, .done = PTHREAD_COND_INITIALIZER, .event = -1};

static void event_set(int fd)
{
    uint64_t one = 1;
    if (write(fd, &one, sizeof(one)) < 0 && errno != EAGAIN)
        split_fatal("eventfd: %s", strerror(errno));
}

int64_t tracer_call(int64_t (*fn)(void *of), void *of)
{
    struct call c = {.fn = fn, .of = of};
    pthread_mutex_lock(&calls.mutex);
    c.next = calls.first;
    calls.first = &c;
    event_set(calls.event);
    while (!c.done)
        pthread_cond_wait(&calls.done, &calls.mutex);
    pthread_mutex_unlock(&calls.mutex);
    return c.result;
}

static void calls_serve(void)
{
    pthread_mutex_lock(&calls.mutex);
    while (calls.first) {
        struct call *c = calls.first;
        calls.first = c->next;
        pthread_mutex_unlock(&calls.mutex);
        int64_t r = c->fn(c->of);
        pthread_mutex_lock(&calls.mutex);
        c->result = r, c->done = true;
        pthread_cond_broadcast(&calls.done);
    }
    pthread_mutex_unlock(&calls.mutex);
}

/* ---- life ---- */

#define HOST(nr, ...) syscall(SYS_##nr, __VA_ARGS__)

/* Nothing of this process is left in it but the gate page and two descriptors. It stops at GATE_READY. By host calls
 * alone: it is a copy of this process in which the C library knows nothing of the copying. */
__attribute__((no_sanitize("thread"), noreturn)) static void stub_begin(const int go[2], int objects_fd, int image_fd)
{
    volatile uint8_t *gate = (volatile uint8_t *)GATE_BASE;
    uint8_t byte;
    HOST(prctl, PR_SET_PDEATHSIG, SIGKILL, 0l, 0l, 0l);
    HOST(close, go[1]);
    while (HOST(read, go[0], &byte, 1l) < 0 && errno == EINTR)
        continue;
    HOST(setsid, 0l);
    HOST(rseq, (char *)__builtin_thread_pointer() + __rseq_offset, RSEQ_LENGTH, 1 /* unregister */, RSEQ_SIG);
    HOST(dup2, objects_fd, STUB_OBJECTS);
    HOST(dup2, image_fd, STUB_IMAGE);
    HOST(close_range, STUB_IMAGE + 1, ~0u, 0);
    HOST(close_range, 0, STUB_OBJECTS - 1, 0);
    const int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE;
    if (HOST(mmap, gate, PAGE_SIZE, PROT_READ | PROT_WRITE, flags, -1, 0l) != GATE_BASE)
        HOST(exit_group, 1);
    for (size_t i = 0; i < sizeof(gate_code); i++)
        gate[i] = gate_code[i];
    HOST(mprotect, gate, PAGE_SIZE, PROT_READ | PROT_EXEC);
    ((void (*)(void))GATE_READY)();
    __builtin_trap();
}

static void state_ask(void)
{
    uint8_t image[STATE_MOST];
    struct iovec v = {image, sizeof(image)};
    if (TRACE(PTRACE_GETREGSET, first.leader, NT_X86_XSTATE, &v) < 0 || v.iov_len < 576 || v.iov_len > sizeof(image))
        split_fatal("the host gives no vector registers by ptrace");
    state_size = (uint32_t)v.iov_len;
    memcpy(&state_mask, image + STATE_MASK, sizeof(state_mask));
    state_mask &= ~STATE_TILES;
}

/* Descriptors that will be closed or dup2()ed over are moved out of the way first. */
static int moved(int fd)
{
    int r = fcntl(fd, F_DUPFD_CLOEXEC, 16);
    if (r < 0)
        split_fatal("no descriptor: %s", strerror(errno));
    return r;
}

static void stub_seize(pid_t pid, int go)
{
    int status;
    if (TRACE(PTRACE_SEIZE, pid, 0, OPTIONS) < 0) {
        int e = errno;
        kill(pid, SIGKILL);
        wait_for(pid, &status);
        fprintf(stderr, "platform-split: ptrace is not permitted: %s\n", strerror(e));
        _exit(EXIT_CANNOT);
    }
    close(go);
    do {
        if (wait_for(pid, &status) < 0 || is_gone(status))
            split_fatal("the first guest process ended");
        if (WSTOPSIG(status) != SIGTRAP || event_of(status))
            TRACE(PTRACE_CONT, pid, 0, 0);
    } while (WSTOPSIG(status) != SIGTRAP || event_of(status));
    first.leader = pid;
}

void tracer_init(int objects_fd, int image_fd)
{
    int go[2];
    objects_fd = moved(objects_fd), image_fd = moved(image_fd);
    if (pipe(go))
        split_fatal("pipe: %s", strerror(errno));
    go[0] = moved(go[0]);
    /* fork(2), without what the C library and sanitizers do for it, such as threads of their own in the child. */
    pid_t pid = (pid_t)HOST(clone, (long)SIGCHLD, 0l, 0l, 0l, 0l);
    if (pid < 0)
        split_fatal("fork: %s", strerror(errno));
    if (!pid)
        stub_begin(go, objects_fd, image_fd);
    close(go[0]);
    stub_seize(pid, go[1]);
    if (TRACE(PTRACE_GETREGS, pid, 0, &fresh) < 0)
        split_fatal("ptrace: %s", strerror(errno));
    fresh = (struct user_regs_struct){.cs = fresh.cs, .ss = fresh.ss, .eflags = 0x202};
    if (stub_call(&first, SYS_munmap, 0, GATE_BASE, 0, 0, 0, 0) ||
        stub_call(&first, SYS_munmap, GATE_BASE + PAGE_SIZE, ADDRESS_END - GATE_BASE - PAGE_SIZE, 0, 0, 0, 0))
        split_fatal("the first guest process cannot be emptied");
    state_ask();
    calls.event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
}

static void signals_read(int fd)
{
    struct signalfd_siginfo s;
    while (read(fd, &s, sizeof(s)) == sizeof(s))
        if (s.ssi_signo != SIGCHLD)
            inbox_signal((int)s.ssi_signo);
}

_Noreturn void tracer_run(void)
{
    sigset_t every;
    uint64_t count;
    int status;
    pid_t tid;
    sigfillset(&every); /* as main() has blocked them */
    int signals = signalfd(-1, &every, SFD_CLOEXEC | SFD_NONBLOCK);
    for (;;) {
        struct pollfd fds[] = {{.fd = calls.event, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
        while ((tid = waitpid(-1, &status, __WALL | WNOHANG)) > 0)
            stopped(tid, status);
        calls_serve();
        if (poll(fds, 2, -1) < 0)
            continue;
        if (fds[0].revents && read(calls.event, &count, sizeof(count)) < 0)
            continue;
        if (fds[1].revents)
            signals_read(signals);
    }
}
