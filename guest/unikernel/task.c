/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program's tasks on the one processor there is: whose registers are in it, when the time given is over. Vector
 * registers and the bases of FS and GS stay in the processor until another task needs it; so a system call moves
 * neither. Everything here is the kernel's, between traps; handlers read task_running alone.
 */
#include "linux/task/task.h"
#include "guest/unikernel/clock.h"
#include "guest/unikernel/internal.h"
#include "guest/unikernel/regs.h"
#include "linux/core/heap.h"
#include "linux/core/time.h"

#include <asm/signal.h>
#include <string.h>

_Static_assert(offsetof(struct task, regs) == 0, "regs.h");
#define ASSERT_REGS(member, name) _Static_assert(offsetof(struct regs, member) == REGS_##name, "regs.h")
ASSERT_REGS(rdi, RDI);
ASSERT_REGS(rsi, RSI);
ASSERT_REGS(rdx, RDX);
ASSERT_REGS(r10, R10);
ASSERT_REGS(r8, R8);
ASSERT_REGS(r9, R9);
ASSERT_REGS(rax, RAX);
ASSERT_REGS(rbx, RBX);
ASSERT_REGS(rbp, RBP);
ASSERT_REGS(r12, R12);
ASSERT_REGS(r13, R13);
ASSERT_REGS(r14, R14);
ASSERT_REGS(r15, R15);
ASSERT_REGS(rcx, RCX);
ASSERT_REGS(r11, R11);
ASSERT_REGS(rip, RIP);
ASSERT_REGS(rflags, RFLAGS);
ASSERT_REGS(rsp, RSP);
ASSERT_REGS(fs_base, FS_BASE);
ASSERT_REGS(gs_base, GS_BASE);
_Static_assert(offsetof(struct task, kernel_stack_top) == TASK_KERNEL_STACK, "regs.h");

#define STATE_LEGACY   576u       /* bytes of the FXSAVE area and the header of an XSAVE image */
#define STATE_AVX      832u       /* with AVX: the same on every processor */
#define STATE_KNOWN    0x2ffull   /* components up to PKRU */
#define STATE_KNOWN_AT 2704u      /* no processor puts them farther */
#define STATE_TILES    0x60000ull /* AMX: off until a process asks the host, which nobody here can */
#define STATE_ALIGN    64u
#define STATE_MXCSR    0x1f80u
#define STATE_MXCSR_AT 24          /* bytes into an image */
#define FLAGS_PROGRAM  0x254dd5ull /* bits of rflags that are a program's to set */
#define ADDRESS_END    0x7ffffffff000ull

struct task *task_running;
uint64_t task_fs_base, task_gs_base; /* in the processor, as far as the kernel has seen */

static struct task *loaded;               /* whose bases and vector registers are in the processor */
static bool used;                         /* the processor, by a program */
static uint64_t state_mask;               /* components that are saved */
static uint32_t state_bytes;              /* 0: not asked yet */
static uint64_t armed_until = UINT64_MAX; /* when the host's timer rings */

/* ---- vector registers ---- */

static uint32_t cpuid_state_end(uint32_t component)
{
    uint32_t a = 0xd, b, c = component, d;

    __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    return a + b; /* size, offset */
}

/* The instruction is slow where it is trapped, so it is asked when the first image is made. */
static uint32_t state_size(void)
{
    if (state_bytes)
        return state_bytes;
    uint32_t n = state_mask & 4 ? STATE_AVX : STATE_LEGACY;
    for (uint64_t left = state_mask & ~7ull; left; left &= left - 1) {
        uint32_t end = cpuid_state_end((uint32_t)__builtin_ctzll(left));
        n = end > n ? end : n;
    }
    return state_bytes = n;
}

void task_init(struct platform *p)
{
    uint32_t low, high;

    __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
    state_mask = (low | (uint64_t)high << 32) & ~STATE_TILES;
    p->xstate_mask = state_mask;
    if (!(state_mask & ~7ull))
        p->xstate_size = state_size();
    else
        p->xstate_size = state_mask & ~STATE_KNOWN ? state_size() : STATE_KNOWN_AT;
}

static void *image_of(const struct task *t)
{
    return (void *)(((uintptr_t)t->platform + STATE_ALIGN - 1) & ~(uintptr_t)(STATE_ALIGN - 1));
}

/* All components in their initial state: nothing of it is read but these bytes. */
static void image_reset(void *image)
{
    const uint32_t mxcsr = STATE_MXCSR;

    memset(image, 0, STATE_LEGACY);
    memcpy((uint8_t *)image + STATE_MXCSR_AT, &mxcsr, sizeof mxcsr);
}

/* A task without an image of its own has the initial state, or has it in the processor. XRSTOR may touch a byte of each
 * component that the mask has, also of one that is to be as at a start, so an image is as long as all of them. */
static int image_make(struct task *t)
{
    if (t->platform)
        return 0;
    if (!(t->platform = heap_alloc(state_size() + STATE_ALIGN)))
        return -ENOMEM;
    image_reset(image_of(t));
    return 0;
}

static int image_load(struct task *t)
{
    int r = image_make(t);

    return r < 0 ? r : state_restore(image_of(t), state_mask);
}

static int task_create(struct task *t, const struct task *from)
{
    t->platform = NULL;
    if (!from || (from != loaded && !from->platform))
        return 0;
    int r = image_make(t);
    if (r < 0)
        return r;
    if (from == loaded)
        state_save(image_of(t), state_mask);
    else
        memcpy(image_of(t), image_of(from), state_size());
    return 0;
}

static void task_destroy(struct task *t)
{
    if (loaded == t)
        loaded = NULL;
    if (task_running == t)
        task_running = NULL;
    if (t->platform)
        heap_release(t->platform, state_size() + STATE_ALIGN);
    t->platform = NULL;
}

static int64_t xstate_get(struct task *t, void *to, size_t n)
{
    uint32_t size = state_size();

    if (!n)
        return size;
    if (n < size)
        return -EINVAL;
    int r = image_make(t);
    if (r < 0)
        return r;
    if (t == loaded)
        state_save(image_of(t), state_mask);
    memcpy(to, image_of(t), size);
    return size;
}

/* What the processor would refuse (Intel's manual, XRSTOR) is refused here: the task need not be the one that is
 * loaded.
 */
static bool image_is_valid(const uint8_t *from)
{
    uint64_t header[8];
    uint32_t mxcsr;

    memcpy(header, from + 512, sizeof header);
    memcpy(&mxcsr, from + STATE_MXCSR_AT, sizeof mxcsr);
    if (header[0] & ~state_mask || mxcsr & ~0xffffu)
        return false;
    for (int i = 1; i < 8; i++)
        if (header[i])
            return false;
    return true;
}

static int xstate_set(struct task *t, const void *from, size_t n)
{
    if (!from && t->platform)
        image_reset(image_of(t));
    if (from) {
        int r = image_make(t);
        if (r < 0)
            return r;
        if (n < state_size() || !image_is_valid(from))
            return -EINVAL;
        memcpy(image_of(t), from, state_size());
    }
    return loaded == t ? image_load(t) : 0;
}

/* ---- bases ---- */

static uint64_t read_fs(void)
{
    uint64_t v;
    __asm__ volatile("rdfsbase %0" : "=r"(v));
    return v;
}

static uint64_t read_gs(void)
{
    uint64_t v;
    __asm__ volatile("rdgsbase %0" : "=r"(v));
    return v;
}

/* An address that the instruction would refuse is the program's mistake, which it finds at its next use. */
static void bases_load(const struct regs *r)
{
    task_fs_base = r->fs_base < ADDRESS_END ? r->fs_base : 0;
    task_gs_base = r->gs_base < ADDRESS_END ? r->gs_base : 0;
    __asm__ volatile("wrfsbase %0" ::"r"(task_fs_base));
    __asm__ volatile("wrgsbase %0" ::"r"(task_gs_base));
}

/* A program may change them by itself; then they are other than what was seen last. */
void task_bases_save(struct task *t)
{
    uint64_t fs, gs;

    if (t != loaded)
        return;
    fs = read_fs(), gs = read_gs();
    if (t->regs.fs_base == task_fs_base)
        t->regs.fs_base = fs;
    if (t->regs.gs_base == task_gs_base)
        t->regs.gs_base = gs;
    task_fs_base = fs, task_gs_base = gs;
}

/* ---- time ---- */

void task_timer_fired(void)
{
    armed_until = UINT64_MAX;
}

/* A timer that rings too early does no harm, so it is set anew only when it would ring too late. */
static void arm(uint64_t deadline)
{
    if (deadline >= armed_until)
        return;
    /* Zero would disarm it. */
    uint64_t at = deadline ? deadline : 1;
    const struct __kernel_itimerspec value = {.it_value = ns_to_timespec(at)};
    if (gate_timer_settime(boot->timer, 1 /* TIMER_ABSTIME */, &value, NULL) == 0)
        armed_until = deadline;
}

/* ---- running ---- */

static void need(int r)
{
    if (r == -ENOMEM) {
        host_say("the kernel is out of memory");
        host_exit(EXIT_OWN_ERROR, 0);
    }
}

/* The first finds the processor as the tender left it: in the initial state. */
static void load(struct task *t)
{
    if (loaded) {
        task_bases_save(loaded);
        need(image_make(loaded));
        state_save(image_of(loaded), state_mask);
    }
    if (used || t->platform)
        need(image_load(t));
    used = host_clock_runs = true;
    loaded = t;
}

static void task_start(struct task *t, uint64_t deadline)
{
    if (t != loaded) {
        load(t);
        bases_load(&t->regs);
    } else if (t->regs.fs_base != task_fs_base || t->regs.gs_base != task_gs_base)
        bases_load(&t->regs);
    t->regs.rflags = (t->regs.rflags & FLAGS_PROGRAM) | FLAGS_CLEAN;
    if (deadline != UINT64_MAX)
        arm(deadline);
    task_running = t;
    task_resume(t);
}

/* Nothing runs beside the kernel. */
static void task_kick(struct task *t)
{
    (void)t;
}

const struct task_ops task_ops = {.start = task_start,
                                  .kick = task_kick,
                                  .create = task_create,
                                  .destroy = task_destroy,
                                  .xstate_get = xstate_get,
                                  .xstate_set = xstate_set};
