/* SPDX-License-Identifier: Apache-2.0 */
/* The harness's kernel side: boot, guests, traps, the world. Memory is in linux_harness_memory.c. */
#include "linux_harness.h"

#include "linux/core/poison.h"
#include "linux/core/sched.h"
#include "linux/task/task.h"
#include "linux_harness_host.h"
#include "linux_harness_memory.h"

#include <asm/errno.h>
#include <setjmp.h>
#include <string.h>

#define EVENTS      16
#define STREAM_MOST (8u << 20)
#define XSTATE      576          /* legacy area and header */
#define CLOCK_END   (1ull << 62) /* nobody waits so long: some hundred years */
#define MAIN_STACK  (256u << 10)

_Static_assert(offsetof(struct task, kernel_stack_top) == 160 && offsetof(struct regs, rsp) == 136 &&
                   offsetof(struct regs, rip) == 120 && offsetof(struct regs, rax) == 48,
               "linux_harness_entry.S knows them");

struct task *harness_task; /* whose guest code runs */
uint32_t harness_kicked;

static struct world {
    const struct harness *options;
    jmp_buf end;
    int result;
    uint64_t clock, deadline;
    uint32_t polls;
    bool in_guest;
    const char *input;
    size_t input_left;
    bool input_ended;
    struct harness_text out[HOST_STREAMS];
    struct {
        uint64_t at;
        void (*fn)(void);
    } events[EVENTS];
    char why[256];
    void *arena;
    size_t arena_size;
    uint64_t seed;
} world;

/* ---- what the sanitizers have to know ---- */

static void on_stack(const void *low, size_t n)
{
#ifdef POISON_ASAN
    void *save = NULL;
    const void *bottom;
    size_t size;
    __sanitizer_start_switch_fiber(&save, low, n);
    __sanitizer_finish_switch_fiber(save, &bottom, &size);
#else
    (void)low, (void)n;
#endif
}

/* What was left there by longjmp() is forgotten. */
static __attribute__((noinline)) void on_main_stack(void)
{
    size_t n;
    unpoison((uint8_t *)__builtin_frame_address(0) - MAIN_STACK, MAIN_STACK + 16);
    void *low = harness_main_stack(&n);
    if (low)
        on_stack(low, n);
}

static void on_kernel_stack(struct task *t)
{
    uint8_t *low = (uint8_t *)t->kernel_stack_top + 64 - KERNEL_STACK_SIZE;
    unpoison(low, KERNEL_STACK_SIZE - 64);
    on_stack(low, KERNEL_STACK_SIZE);
}

static void on_guest_stack(uint64_t rsp)
{
    uint64_t low = (rsp & ~(uint64_t)4095) - MAIN_STACK;
    on_stack((void *)(uintptr_t)low, 2 * MAIN_STACK);
}

/* ---- guests ---- */

static uint8_t *xstate(struct task *t)
{
    return t->platform;
}

void harness_resume(
    const struct regs *); /* never returns, but a sanitizer need not know: the stack is no longer ours */

/* An address that the processor would not even take: a fault, which is the guest's. */
static bool can_go_to(uint64_t rip)
{
    return (int64_t)(rip << 16) >> 16 == (int64_t)rip;
}

static _Noreturn void resume(struct task *t)
{
    if (!can_go_to(t->regs.rip))
        linux_trap(t, &(struct trap){.kind = TRAP_FAULT, .signo = SIGSEGV, .code = 0x80 /* SI_KERNEL */, .number = 13});
    harness_task = t;
    on_guest_stack(t->regs.rsp);
    world.in_guest = true;
    __asm__ volatile("fxrstor64 (%0)" : : "r"(xstate(t)) : "memory");
    harness_resume(&t->regs);
    __builtin_trap();
}

static void start(struct task *t, uint64_t deadline)
{
    world.deadline = deadline;
    resume(t);
}

/* On the kernel's stack: a guest function called guest_call(), or was kicked. */
void harness_entered(struct task *t);
void harness_entered(struct task *t)
{
    __asm__ volatile("fxsave64 (%0)" : : "r"(xstate(t)) : "memory");
    world.in_guest = false;
    on_kernel_stack(t);
    if (harness_kicked) {
        harness_kicked = 0;
        linux_trap(t, &(struct trap){.kind = TRAP_KICK});
    }
    int64_t result;
    if (!linux_syscall(t, &result))
        linux_trap_finish(t);
    t->regs.rax = (uint64_t)result;
    resume(t);
}

/* On the kernel's stack: guest code faulted. */
void harness_faulted(struct task *t, const struct trap *trap)
{
    struct trap copy = *trap;
    world.in_guest = false;
    on_kernel_stack(t);
    linux_trap(t, &copy);
}

struct harness_fault harness_fault_of(void)
{
    struct task *t = world.in_guest ? harness_task : NULL;
    return (struct harness_fault){.task = t,
                                  .regs = t ? &t->regs : NULL,
                                  .xstate = t ? xstate(t) : NULL,
                                  .stack = t ? t->kernel_stack_top : NULL};
}

static void kick(struct task *t)
{
    (void)t;
}

static int task_create(struct task *t, const struct task *from)
{
    uint8_t *x = memory_xstate(XSTATE);
    if (!x)
        return -ENOMEM;
    if (from && from->platform)
        memcpy(x, from->platform, XSTATE);
    else {
        __asm__ volatile("fxsave64 (%0)" : : "r"(x) : "memory");
        memset(x + 512, 0, XSTATE - 512);
        x[512] = 3; /* x87 and SSE are in use */
    }
    t->platform = x;
    return 0;
}

static void task_destroy(struct task *t)
{
    t->platform = NULL; /* the memory goes with the run */
}

static int64_t xstate_get(struct task *t, void *to, size_t n)
{
    if (!n)
        return XSTATE;
    memcpy(to, xstate(t), n < XSTATE ? n : XSTATE);
    return XSTATE;
}

static int xstate_set(struct task *t, const void *from, size_t n)
{
    uint8_t x[XSTATE] = {0};
    const uint16_t control = 0x37f;
    const uint32_t mxcsr = 0x1f80;
    memcpy(x, &control, sizeof(control));
    memcpy(x + 24, &mxcsr, sizeof(mxcsr));
    if (from)
        memcpy(x, from, n < XSTATE ? n : XSTATE);
    uint32_t m;
    memcpy(&m, x + 24, sizeof(m));
    if (m & ~0xffffu)
        return -EINVAL;
    memcpy(xstate(t), x, XSTATE);
    return 0;
}

/* ---- the world ---- */

static __attribute__((noreturn)) void world_end(int result)
{
    world.result = result;
    longjmp(world.end, 1);
}

static __attribute__((noreturn)) void world_exit(int status, int signo)
{
    world_end(signo ? HARNESS_SIGNAL + signo : status);
}

static uint64_t clock_of(enum host_clock which)
{
    return world.clock + (which == HOST_REALTIME ? 1700000000000000000ull : 0);
}

/* The first event that is to come; NULL: none. */
static uint64_t next_event(int *which)
{
    uint64_t first = UINT64_MAX;
    for (int i = 0; i < EVENTS; i++)
        if (world.events[i].fn && world.events[i].at < first)
            first = world.events[i].at, *which = i;
    return first;
}

static uint32_t world_poll(uint64_t deadline, uint32_t interest)
{
    if (world.options->polls && world.polls++ >= world.options->polls)
        world_end(HARNESS_DEADLOCK);
    uint32_t out = interest & (HOST_EVENT_STDOUT | HOST_EVENT_STDERR);
    bool readable = world.input_left || world.input_ended;
    if (readable)
        out |= interest & HOST_EVENT_STDIN;
    if (world.options->events)
        out |= world.options->events(interest);
    if (out || deadline <= world.clock)
        return out;
    int which = 0;
    uint64_t event = next_event(&which);
    if (event != UINT64_MAX && event <= deadline) {
        void (*fn)(void) = world.events[which].fn;
        world.events[which].fn = NULL;
        if (event > world.clock)
            world.clock = event;
        fn();
        return HOST_EVENT_WAKE;
    }
    if (deadline > CLOCK_END)
        world_end(HARNESS_DEADLOCK);
    world.clock = deadline;
    return 0;
}

static int no_frames(struct host_frame *frames, int n)
{
    return -ENODEV;
}

static int no_frames_out(const struct host_frame *frames, int n)
{
    return -ENODEV;
}

static int64_t no_block_read(uint32_t device, void *to, size_t n, uint64_t offset)
{
    return -ENODEV;
}

static int64_t no_block_write(uint32_t device, const void *from, size_t n, uint64_t offset)
{
    return -ENODEV;
}

static int64_t console_read(void *to, size_t n)
{
    if (!world.input_left)
        return world.input_ended ? 0 : -EAGAIN;
    if (n > world.input_left)
        n = world.input_left;
    memcpy(to, world.input, n);
    world.input += n, world.input_left -= n;
    return (int64_t)n;
}

static int64_t console_write(enum host_stream s, const void *from, size_t n)
{
    if (world.out[s].n + n > STREAM_MOST)
        return -EAGAIN;
    return harness_append(&world.out[s], from, n) ? (int64_t)n : -EAGAIN;
}

static int world_memory(enum host_memory what, void *at, size_t n)
{
    if (what == HOST_MEMORY_RELEASE)
        return harness_zero_pages(at, n);
    return harness_usable(at, n, what == HOST_MEMORY_COMMIT);
}

static int world_random(void *to, size_t n)
{
    for (size_t i = 0; i < n; i++)
        ((uint8_t *)to)[i] = (uint8_t)(i * 7 + ++world.seed);
    return 0;
}

static int one_vcpu(enum host_vcpu what, uint32_t vcpu)
{
    return what == HOST_VCPU_WAKE ? 0 : -ENOSYS;
}

static const struct platform harness_platform = {
    .name = "harness",
    .host = {.exit = world_exit,
             .clock = clock_of,
             .poll = world_poll,
             .net_rx = no_frames,
             .net_tx = no_frames_out,
             .block_read = no_block_read,
             .block_write = no_block_write,
             .console_read = console_read,
             .console_write = console_write,
             .memory = world_memory,
             .random = world_random,
             .vcpu = one_vcpu},
    .task = {.start = start,
             .kick = kick,
             .create = task_create,
             .destroy = task_destroy,
             .xstate_get = xstate_get,
             .xstate_set = xstate_set},
    .vcpus = 1,
    .hwcap = 0x78bfbff,
    .xstate_size = XSTATE,
    .xstate_mask = 3,
};

/* ---- a run ---- */

/* What the kernel changes of itself, as it was before the first boot. */
extern uint8_t __start_kernel_state[], __stop_kernel_state[];

/* One byte at a time by hand: a memcpy would be the sanitizer's, which looks at the red zones. */
__attribute__((no_sanitize("address", "undefined"), noinline)) static void copy_plainly(uint8_t *to,
                                                                                        const uint8_t *from, size_t n)
{
    for (volatile size_t i = 0; i < n; i++)
        to[i] = from[i];
}

static bool state_begin(void)
{
    static uint8_t *pristine;
    size_t n = (size_t)(__stop_kernel_state - __start_kernel_state);
    if (!pristine) {
        if (!(pristine = harness_reserve(n)) || harness_usable(pristine, n, true))
            return false;
        copy_plainly(pristine, __start_kernel_state, n);
    }
    copy_plainly(__start_kernel_state, pristine, n);
    return true;
}

static void world_begin(const struct harness *h)
{
    for (int i = 0; i < HOST_STREAMS; i++)
        harness_text_free(&world.out[i]);
    memset(world.events, 0, sizeof(world.events));
    world.options = h, world.result = HARNESS_NO_BOOT, world.clock = 1000000000, world.deadline = UINT64_MAX;
    world.in_guest = false, world.seed = 0, world.polls = 0, world.why[0] = 0;
    world.input = h->input ? h->input : "";
    world.input_left = h->input_size ? h->input_size : strlen(world.input);
    world.input_ended = !h->endless_input;
    if (world.arena) {
        unpoison(world.arena, world.arena_size);
        harness_unmap(world.arena, world.arena_size);
    }
    world.arena_size = h->arena ? h->arena : 64u << 20;
    world.arena = harness_reserve(world.arena_size);
}

void guest_end(void);

static void first_task(void (*guest)(void))
{
    struct task *t = process_init->leader;
    uint64_t *top = memory_stack(MAIN_STACK);
    *--top = (uint64_t)(uintptr_t)guest_end;
    t->regs.rip = (uint64_t)(uintptr_t)guest;
    t->regs.rsp = (uint64_t)(uintptr_t)top;
    t->regs.rflags = 0x202;
}

static void boot_and_run(const struct harness *h, const struct platform *p, void (*guest)(void))
{
    struct linux_config c = {.arena = world.arena,
                             .arena_size = world.arena_size,
                             .image = memory_image(),
                             .image_size = h->image_size,
                             .image_object = memory_image_object(),
                             .cwd = h->cwd,
                             .memory_limit = h->memory_limit,
                             .uid = h->uid,
                             .gid = h->gid,
                             .max_tasks = h->max_tasks,
                             .trace = h->trace,
                             .read_only = h->read_only,
                             .terminal = h->terminal,
                             .rows = 24,
                             .columns = 80,
                             .mounts = h->mounts,
                             .n_mounts = h->n_mounts,
                             .umask = 022};
    if (linux_boot(p, &c, world.why, sizeof(world.why)))
        return;
    first_task(guest);
    linux_run(0);
}

int harness_run(const struct harness *h, void (*guest)(void))
{
    static const struct harness defaults;
    static struct platform p;
    on_main_stack();
    world_begin(h ? h : &defaults);
    if (!state_begin() || !world.arena)
        return HARNESS_NO_BOOT;
    p = harness_platform;
    p.streams = world.options->streams;
    if (!memory_begin(world.options, &p))
        return HARNESS_NO_BOOT;
    p.files = memory_files(world.options);
    harness_catch_faults();
    if (!setjmp(world.end))
        boot_and_run(world.options, &p, guest);
    on_main_stack();
    return world.result;
}

const char *harness_output(enum host_stream s)
{
    return world.out[s].bytes ? world.out[s].bytes : "";
}

const char *harness_why(void)
{
    return world.why;
}

/* ---- for guests ---- */

int64_t guest_clone_call(uint64_t flags, void *top, uint32_t *ptid, uint32_t *ctid, void (*fn)(void *), void *of);

int64_t guest_clone(uint64_t flags, void (*fn)(void *), void *of, uint32_t *parent_tid, uint32_t *child_tid)
{
    return guest_clone_call(flags, memory_stack(MAIN_STACK), parent_tid, child_tid, fn, of);
}

#define THREAD_FLAGS 0x50f00ull /* CLONE_VM FS FILES SIGHAND THREAD SYSVSEM */

int64_t guest_thread(void (*fn)(void *), void *of, uint32_t *word)
{
    const uint64_t set = 0x100000, clear = 0x200000; /* CLONE_PARENT_SETTID, CLONE_CHILD_CLEARTID */
    return guest_clone(THREAD_FLAGS | (word ? set | clear : 0), fn, of, word, word);
}

void guest_join(uint32_t *word)
{
    const long futex = 202;
    uint32_t tid;
    while ((tid = __atomic_load_n(word, __ATOMIC_ACQUIRE))) {
        int64_t r = sys(futex, word, 0, tid, 0, 0, 0);
        if (r && r != -EAGAIN && r != -EINTR)
            __builtin_trap();
    }
}

void harness_kick_call(void);

void guest_time(uint64_t ns)
{
    uint64_t until = world.clock + ns;
    while (world.deadline <= until) {
        if (world.deadline > world.clock)
            world.clock = world.deadline;
        world.deadline = UINT64_MAX;
        harness_kick_call();
    }
    if (until > world.clock)
        world.clock = until;
}

uint64_t harness_clock(void)
{
    return world.clock;
}

bool harness_at(uint64_t ns, void (*fn)(void))
{
    for (int i = 0; i < EVENTS; i++) {
        if (world.events[i].fn)
            continue;
        world.events[i].at = ns, world.events[i].fn = fn;
        return true;
    }
    return false;
}

void harness_input(const char *bytes, size_t n)
{
    world.input = bytes, world.input_left = n;
}

void harness_input_end(void)
{
    world.input_ended = true;
}
