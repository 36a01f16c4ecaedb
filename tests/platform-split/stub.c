/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest processes, and what their leaders are made to do: given registers, a leader runs a few instructions of the gate
 * page (gate.h) and stands still again.
 * Touches only what descends from stub_init's child; it ends with this process (PTRACE_O_EXITKILL).
 */
#include "gate.h"
#include "trace.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define OPTIONS     (PTRACE_O_EXITKILL | PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK)
#define STATE_MASK  464 /* where in an XSAVE image the host says which components there are: asm/sigcontext.h */
#define STATE_TILES 0x60000ull
#define RSEQ_LENGTH 32u

uint32_t state_size;
uint64_t state_mask;
struct aspace stub_first;
struct user_regs_struct stub_fresh;

static struct aspace *all; /* without the first */

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
        apart_fatal("a guest process is gone: it was killed from outside");
    return (int64_t)r->rax;
}

int64_t stub_call(struct aspace *as, long nr, uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
    struct user_regs_struct r = stub_fresh;
    r.rax = (unsigned long long)nr;
    r.rdi = a, r.rsi = b, r.rdx = c, r.r10 = d, r.r8 = e, r.r9 = f;
    return call_born(as, &r, NULL);
}

void stub_poke(struct aspace *as, uint64_t at, const char *bytes, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        uint64_t word;
        memcpy(&word, bytes + i, sizeof(word));
        (void)TRACE(PTRACE_POKEDATA, as->leader, at + i, word);
    }
}

int stub_load32(struct aspace *as, uint64_t at, uint32_t *value)
{
    struct user_regs_struct r = stub_fresh;
    r.rip = GATE_LOAD, r.rdi = at;
    if (leader_do(as, &r, NULL) != SIGTRAP)
        return -EFAULT;
    *value = (uint32_t)r.rax;
    return 0;
}

int stub_cmpxchg32(struct aspace *as, uint64_t at, uint32_t *value, uint32_t with)
{
    struct user_regs_struct r = stub_fresh;
    r.rip = GATE_CMPXCHG, r.rdi = at, r.rax = *value, r.rdx = with;
    if (leader_do(as, &r, NULL) != SIGTRAP)
        return -EFAULT;
    *value = (uint32_t)r.rax;
    return 0;
}

/* ---- processes ---- */

/* The first stop of what the leader has made by clone(2): its tid, or -errno. */
int64_t stub_born(struct aspace *as, uint64_t flags)
{
    struct user_regs_struct r = stub_fresh;
    pid_t born = 0;
    int status;
    r.rax = SYS_clone, r.rdi = flags;
    int64_t result = call_born(as, &r, &born);
    if (result < 0)
        return result;
    if (!born || wait_for(born, &status) < 0 || is_gone(status))
        apart_fatal("a guest process is gone while it was made");
    return born;
}

struct aspace *stub_copy(struct aspace *of)
{
    struct aspace *as = calloc(1, sizeof(*as));
    int64_t pid = as ? stub_born(of ? of : &stub_first, CLONE_PARENT | SIGCHLD) : -ENOMEM;
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
    guest_reap(as);
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
    stub_kill(&stub_first);
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
    HOST(dup2, objects_fd, APART_OBJECTS);
    HOST(dup2, image_fd, APART_IMAGE);
    HOST(close_range, APART_IMAGE + 1, ~0u, 0);
    HOST(close_range, 0, APART_OBJECTS - 1, 0);
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
    if (TRACE(PTRACE_GETREGSET, stub_first.leader, NT_X86_XSTATE, &v) < 0 || v.iov_len < 576 ||
        v.iov_len > sizeof(image))
        apart_fatal("the host gives no vector registers by ptrace");
    state_size = (uint32_t)v.iov_len;
    memcpy(&state_mask, image + STATE_MASK, sizeof(state_mask));
    state_mask &= ~STATE_TILES;
}

/* Descriptors that will be closed or dup2()ed over are moved out of the way first. */
static int moved(int fd)
{
    int r = fcntl(fd, F_DUPFD_CLOEXEC, 16);
    if (r < 0)
        apart_fatal("no descriptor: %s", strerror(errno));
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
            apart_fatal("the first guest process ended");
        if (WSTOPSIG(status) != SIGTRAP || event_of(status))
            TRACE(PTRACE_CONT, pid, 0, 0);
    } while (WSTOPSIG(status) != SIGTRAP || event_of(status));
    stub_first.leader = pid;
}

void stub_init(int objects_fd, int image_fd)
{
    int go[2];
    objects_fd = moved(objects_fd), image_fd = moved(image_fd);
    if (pipe(go))
        apart_fatal("pipe: %s", strerror(errno));
    go[0] = moved(go[0]);
    /* fork(2), without what the C library and sanitizers do for it, such as threads of their own in the child. */
    pid_t pid = (pid_t)HOST(clone, (long)SIGCHLD, 0l, 0l, 0l, 0l);
    if (pid < 0)
        apart_fatal("fork: %s", strerror(errno));
    if (!pid)
        stub_begin(go, objects_fd, image_fd);
    close(go[0]);
    stub_seize(pid, go[1]);
    if (TRACE(PTRACE_GETREGS, pid, 0, &stub_fresh) < 0)
        apart_fatal("ptrace: %s", strerror(errno));
    stub_fresh = (struct user_regs_struct){.cs = stub_fresh.cs, .ss = stub_fresh.ss, .eflags = 0x202};
    if (stub_call(&stub_first, SYS_munmap, 0, GATE_BASE, 0, 0, 0, 0) ||
        stub_call(&stub_first, SYS_munmap, GATE_BASE + PAGE_SIZE, ADDRESS_END - GATE_BASE - PAGE_SIZE, 0, 0, 0, 0))
        apart_fatal("the first guest process cannot be emptied");
    state_ask();
}
