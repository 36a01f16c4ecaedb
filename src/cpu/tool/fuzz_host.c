/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The host's own processor in user mode. The process is its own supervisor: an exception on purpose brings it into its
 * signal handler, which exchanges the registers of the frame for those of the case; the exception that ends the case
 * brings them back. Nothing else is between the two, so a case costs two signals.
 *
 * The handler is entered with whatever the case left: base of fs, selectors, alignment checks. host_entry puts them
 * right before any C runs. The process may be lost all the same: it is a child that holds nothing.
 */
#include "cpu/tool/fuzz.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

enum { PHASE_IDLE, PHASE_ENTER, PHASE_RUNNING };

static struct {
    int phase;
    unsigned ticks; /* of the watchdog while the case runs */
    const struct fuzz_case *c;
    struct outcome *out;
    uint8_t *readonly; /* that page where it can be written */
    gregset_t own;
    _Alignas(64) uint8_t own_fx[512];
} host;

/* Shared with host_entry. */
uint64_t host_own_fs, host_own_gs, host_case_fs, host_case_gs, host_back;
uint16_t host_selectors[4]; /* es, ds, fs, gs as the case left them */

void host_signal(int number, siginfo_t *info, void *context);
void host_entry(int number, siginfo_t *info, void *context);

/* The case's bases and selectors are put away, ours put back; on the way into the case, or back into one that was only
 * interrupted, the other way round. */
__asm__(".text\n.globl host_entry\n.type host_entry, @function\nhost_entry:\n"
        "    pushfq\n"
        "    andq $~0x40000, (%rsp)\n"
        "    popfq\n"
        "    mov %es, host_selectors(%rip)\n"
        "    mov %ds, host_selectors+2(%rip)\n"
        "    mov %fs, host_selectors+4(%rip)\n"
        "    mov %gs, host_selectors+6(%rip)\n"
        "    rdfsbase %rax\n"
        "    mov %rax, host_case_fs(%rip)\n"
        "    rdgsbase %rax\n"
        "    mov %rax, host_case_gs(%rip)\n"
        "    xor %eax, %eax\n"
        "    mov %eax, %fs\n"
        "    mov %eax, %gs\n"
        "    mov $0x2b, %eax\n"
        "    mov %eax, %ds\n"
        "    mov %eax, %es\n"
        "    mov host_own_fs(%rip), %rax\n"
        "    wrfsbase %rax\n"
        "    mov host_own_gs(%rip), %rax\n"
        "    wrgsbase %rax\n"
        "    sub $8, %rsp\n"
        "    call host_signal\n"
        "    add $8, %rsp\n"
        "    cmpq $0, host_back(%rip)\n"
        "    je 1f\n"
        "    mov host_selectors(%rip), %es\n"
        "    mov host_selectors+2(%rip), %ds\n"
        "    mov host_selectors+4(%rip), %fs\n"
        "    mov host_selectors+6(%rip), %gs\n"
        "    mov host_case_fs(%rip), %rax\n"
        "    wrfsbase %rax\n"
        "    mov host_case_gs(%rip), %rax\n"
        "    wrgsbase %rax\n"
        "1:  ret\n"
        ".size host_entry, .-host_entry\n");

static const uint8_t frame_order[16] = {REG_RAX, REG_RCX, REG_RDX, REG_RBX, REG_RSP, REG_RBP, REG_RSI, REG_RDI,
                                        REG_R8,  REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15};

static void enter_case(ucontext_t *u)
{
    greg_t *g = u->uc_mcontext.gregs;
    uint8_t *fx = (uint8_t *)u->uc_mcontext.fpregs;
    uint64_t present;
    memcpy(host.own, g, sizeof host.own);
    memcpy(host.own_fx, fx, 512);
    for (unsigned i = 0; i < 16; i++)
        g[frame_order[i]] = (greg_t)host.c->gpr[i];
    g[REG_RIP] = (greg_t)AREA_CODE;
    g[REG_EFL] = (greg_t)host.c->rflags;
    uint64_t selectors = (uint64_t)g[REG_CSGSFS] & ~UINT64_C(0xffff);
    g[REG_CSGSFS] = (greg_t)(selectors | (host.c->mode == 64 ? 0x33u : 0x23u));
    memcpy(fx, host.c->fx, 464); /* what follows is the kernel's */
    memcpy(&present, fx + 512, 8);
    present |= 7;
    memcpy(fx + 512, &present, 8);
    memcpy(fx + 576, host.c->high, sizeof host.c->high);
    host_case_fs = AREA_DATA + 0x1000;
    host_case_gs = AREA_DATA + 0x2000;
    host_selectors[0] = host_selectors[1] = 0x2b;
    host_selectors[2] = host_selectors[3] = 0;
    host.phase = PHASE_RUNNING;
    host.ticks = 0;
    host_back = 1;
}

static void read_numbers(const ucontext_t *u, uint8_t fx[512], uint8_t high[256])
{
    const uint8_t *frame = (const uint8_t *)u->uc_mcontext.fpregs;
    uint64_t present;
    memcpy(fx, frame, 464);
    memcpy(&present, frame + 512, 8);
    if (!(present & 1)) {
        memset(fx, 0, 24);
        memset(fx + 32, 0, 128);
        fx[0] = 0x7f;
        fx[1] = 3;
    }
    if (!(present & 2))
        memset(fx + 160, 0, 256);
    if (present & 4)
        memcpy(high, frame + 576, 256);
}

static void leave_case(ucontext_t *u, int number)
{
    greg_t *g = u->uc_mcontext.gregs;
    struct outcome *out = host.out;
    for (unsigned i = 0; i < 16; i++)
        out->gpr[i] = (uint64_t)g[frame_order[i]];
    out->rip = (uint64_t)g[REG_RIP];
    out->rflags = (uint64_t)g[REG_EFL];
    out->vector = number == SIGVTALRM ? OUTCOME_ENDLESS : (unsigned)g[REG_TRAPNO];
    if (out->vector >= 10 && (out->vector <= 14 || out->vector == 17))
        out->error = (uint32_t)g[REG_ERR];
    if (out->vector == 14)
        out->cr2 = (uint64_t)g[REG_CR2];
    out->selectors[SEG_CS] = (uint16_t)g[REG_CSGSFS];
    out->selectors[SEG_SS] = (uint16_t)((uint64_t)g[REG_CSGSFS] >> 48);
    out->selectors[SEG_ES] = host_selectors[0];
    out->selectors[SEG_DS] = host_selectors[1];
    out->selectors[SEG_FS] = host_selectors[2];
    out->selectors[SEG_GS] = host_selectors[3];
    read_numbers(u, out->fx, out->high);
    memcpy(g, host.own, sizeof host.own);
    g[REG_RIP] += 2; /* over the UD2 */
    memcpy(u->uc_mcontext.fpregs, host.own_fx, 464);
    host.phase = PHASE_IDLE;
    host_back = 0;
}

void host_signal(int number, siginfo_t *info, void *context)
{
    if (number == SIGVTALRM && (host.phase != PHASE_RUNNING || host.ticks++ < 2)) {
        host_back = host.phase == PHASE_RUNNING;
        return;
    }
    if (host.phase == PHASE_ENTER)
        enter_case(context);
    else if (host.phase == PHASE_RUNNING)
        leave_case(context, number);
    else /* a fault of this program itself: once more, as it would have been */
        signal(number, SIG_DFL);
}

static int map_page(uint64_t at, int rights, int flags, int fd)
{
    void *p = mmap((void *)at, 4096, rights, flags | MAP_FIXED_NOREPLACE | MAP_POPULATE, fd, 0);
    return p == (void *)at ? 0 : -errno;
}

static int map_area(void)
{
    _cleanup_fd_ int fd = memfd_create("readonly", MFD_CLOEXEC);
    if (fd < 0 || ftruncate(fd, 4096) < 0)
        return -errno;
    host.readonly = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (host.readonly == MAP_FAILED)
        return -errno;
    int r = map_page(AREA_READONLY, PROT_READ, MAP_SHARED, fd);
    for (unsigned page = 0; page < AREA_BYTES >> 12 && r == 0; page++) {
        uint64_t at = AREA_BASE + page * 4096;
        int rights = PROT_READ | PROT_WRITE | (at == AREA_CODE ? PROT_EXEC : 0);
        if ((AREA_PAGES >> page & 1) && at != AREA_READONLY)
            r = map_page(at, rights, MAP_PRIVATE | MAP_ANONYMOUS, -1);
    }
    return r;
}

static int watch(void)
{
    static uint8_t stack[1 << 18];
    static const int signals[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP, SIGVTALRM};
    stack_t other = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction action = {.sa_sigaction = host_entry, .sa_flags = SA_SIGINFO | SA_ONSTACK | SA_RESTART};
    struct itimerval every = {{0, 100000}, {0, 100000}};
    sigfillset(&action.sa_mask);
    if (sigaltstack(&other, NULL) < 0)
        return -errno;
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        if (sigaction(signals[i], &action, NULL) < 0)
            return -errno;
    return setitimer(ITIMER_VIRTUAL, &every, NULL) < 0 ? -errno : 0;
}

int host_make(struct err *err)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx"))
        return err_set(err, -ENOSYS, "this host's processor is older than the comparison expects");
    int r = map_area();
    if (r < 0)
        return err_sys(err, r, "cannot map 0x%llx", (unsigned long long)AREA_BASE);
    __asm__ volatile("rdfsbase %0" : "=r"(host_own_fs));
    __asm__ volatile("rdgsbase %0" : "=r"(host_own_gs));
    __asm__ volatile("mov %0, %%ds; mov %0, %%es" : : "r"(0x2b));
    r = watch();
    return r < 0 ? err_sys(err, r, "cannot catch signals") : 0;
}

void host_run(const struct fuzz_case *c, const uint8_t *area, struct outcome *out)
{
    memset(out, 0, sizeof *out);
    for (unsigned page = 0; page < AREA_BYTES >> 12; page++) {
        uint64_t at = AREA_BASE + page * 4096;
        if (AREA_PAGES >> page & 1)
            memcpy(at == AREA_READONLY ? host.readonly : (void *)at, area + page * 4096, 4096);
    }
    host.c = c;
    host.out = out;
    host.phase = PHASE_ENTER;
    /* Flags that no signal's frame brings back (NT, ID) are as in the guest again. */
    __asm__ volatile("pushfq; andq $~0x244000, (%%rsp); popfq; ud2" : : : "memory", "cc");
    out->area = (const uint8_t *)AREA_BASE;
}
