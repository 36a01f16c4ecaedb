/* SPDX-License-Identifier: Apache-2.0 */
/* Makes programs of random system calls from bytes, and runs them (linux_calls.h). */
#include "linux_calls.h"

#include "../unit/linux_harness.h"
#include "linux/core/call.h"

#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/fcntl.h>
#include <linux/futex.h>
#include <linux/time_types.h>
#include <string.h>

extern void abort(void) __attribute__((noreturn));

#define DATA       65536u /* bytes of user memory that calls read and write */
#define THREADS    8
#define CALLS      400 /* of one program */
#define WAITS      2000
#define ALT        16384
#define MAPPINGS   8u
#define NEIGHBOURS 24

static struct program {
    const uint8_t *at, *end;
    uint8_t *data;
    uint64_t calls;
    uint32_t threads;
    unsigned neighbourhood; /* in `served` */
    uint64_t mappings[MAPPINGS], mapped;
} p;

static uint8_t byte(void)
{
    return p.at < p.end ? *p.at++ : 0;
}

static uint64_t number(unsigned bytes)
{
    uint64_t v = 0;
    for (unsigned i = 0; i < bytes; i++)
        v = v << 8 | byte();
    return v;
}

/* ---- arguments ---- */

static const char *const names[] = {"/tmp/a",
                                    "/tmp/b",
                                    "/tmp/dir",
                                    "/tmp/dir/a",
                                    "/tmp/dir/../b",
                                    "/tmp/link",
                                    "/tmp/fifo",
                                    "a",
                                    "dir",
                                    ".",
                                    "..",
                                    "",
                                    "/",
                                    "/tmp/a/b",
                                    "user.x",
                                    "tmpfs",
                                    "security.capability",
                                    "proc",
                                    "/tmp/dir/b",
                                    "/tmp/sock/c",
                                    "/dev/null",
                                    "/dev/zero",
                                    "/dev/full",
                                    "/dev/urandom",
                                    "/dev/shm/x",
                                    "/dev/fd",
                                    "/dev/stdin",
                                    "/dev/tty",
                                    "/dev/console",
                                    "/dev/fd/3",
                                    "/proc",
                                    "/proc/self/fd/3",
                                    "/proc/self/maps",
                                    "/proc/self/status",
                                    "/proc/1/task",
                                    "/proc/self/cwd",
                                    "/proc/self/fd",
                                    "/proc/self/exe",
                                    "/proc/self/stat",
                                    "/proc/self/statm",
                                    "/proc/self/smaps",
                                    "/proc/self/mounts",
                                    "/proc/self/mountinfo",
                                    "/proc/self/limits",
                                    "/proc/self/environ",
                                    "/proc/self/cmdline",
                                    "/proc/self/auxv",
                                    "/proc/self/comm",
                                    "/proc/self/oom_score_adj",
                                    "/proc/thread-self/stat",
                                    "/proc/self/fdinfo/3",
                                    "/proc/self/mem",
                                    "/proc/meminfo",
                                    "/proc/cpuinfo",
                                    "/proc/stat",
                                    "/proc/uptime",
                                    "/proc/loadavg",
                                    "/proc/version",
                                    "/proc/filesystems",
                                    "/proc/net/tcp",
                                    "/proc/net/unix",
                                    "/proc/sys/kernel/hostname",
                                    "/proc/sys/vm",
                                    "/proc/sys/kernel/pid_max",
                                    "/sys",
                                    "/sys/devices/system/cpu/online",
                                    "/proc/sys/fs/file-max"};
#define NAMES     (sizeof(names) / sizeof(names[0]))
#define NAME_ROOM 40
#define LONG_NAME (NAMES * NAME_ROOM) /* then a path that is too long */
#define NAMES_END 8192u

static void data_begin(void)
{
    p.data = user_alloc(DATA);
    for (size_t i = 0; i < NAMES; i++)
        memcpy(p.data + i * NAME_ROOM, names[i], strlen(names[i]));
    memset(p.data + LONG_NAME, 'n', 5000);
    for (size_t i = 300; i < 5000; i += 256)
        p.data[LONG_NAME + i] = '/';
}

static uint64_t interesting(void)
{
    static const uint64_t values[] = {0,
                                      1,
                                      2,
                                      7,
                                      8,
                                      16,
                                      64,
                                      100,
                                      4095,
                                      4096,
                                      8192,
                                      65536,
                                      1u << 20,
                                      INT32_MAX,
                                      1u << 31,
                                      UINT32_MAX,
                                      1ull << 32,
                                      INT64_MAX,
                                      1ull << 63,
                                      UINT64_MAX,
                                      UINT64_MAX - 4095,
                                      UINT64_MAX - 1};
    uint8_t b = byte();
    if (b < sizeof(values) / sizeof(values[0]) * 4)
        return values[b / 4];
    return b < 200 ? b - 90u : number(b < 230 ? 4 : 8);
}

static uint8_t *room(void)
{
    return p.data + NAMES_END + number(2) % (DATA - NAMES_END - 4096) / 8 * 8;
}

static uint64_t address(const void *at)
{
    return (uint64_t)(uintptr_t)at;
}

/* A struct in user memory whose fields are 64-bit numbers of the given kinds. */
static uint64_t pair(uint64_t a, uint64_t b)
{
    uint8_t *at = room();
    memcpy(at, &a, 8);
    memcpy(at + 8, &b, 8);
    return address(at);
}

static uint64_t filled(unsigned n)
{
    uint8_t *at = room();
    for (unsigned i = 0; i < n; i++)
        at[i] = byte();
    return address(at);
}

static uint64_t buffers(void)
{
    uint8_t *at = room();
    for (unsigned i = 0; i < 4; i++) {
        uint64_t vec[2] = {byte() < 230 ? address(room()) : interesting(), byte() < 200 ? byte() : interesting()};
        memcpy(at + i * 16, vec, 16);
    }
    return address(at);
}

static uint64_t polls(void)
{
    uint8_t *at = room();
    for (unsigned i = 0; i < 4; i++) {
        uint64_t one = (byte() & 15) | (uint64_t)byte() << 32;
        memcpy(at + i * 8, &one, 8);
    }
    return address(at);
}

static uint64_t socket_address(void)
{
    uint8_t *at = room();
    static const uint8_t families[] = {1, 2, 10, 16};
    uint8_t which = byte();
    memset(at, 0, 112);
    at[0] = which < 240 ? families[which & 3] : which;
    if (at[0] == 1)
        at[2] = byte() & 1 ? '/' : 0, memcpy(at + 3, "tmp/sock", 8), at[11] = 'a' + (byte() & 3);
    if (at[0] == 2 || at[0] == 10)
        at[2] = 0x1f, at[3] = byte() & 3, at[4] = 127, at[7] = 1;
    if (at[0] == 10)
        at[4] = at[7] = 0, at[23] = 1;
    return address(at);
}

static uint64_t words(void)
{
    uint64_t list[3] = {address(p.data), address(p.data + NAME_ROOM), 0};
    uint8_t *at = room();
    memcpy(at, list, sizeof(list));
    return address(at);
}

/* Pages of the range in which mappings are made: often of one that was made. */
static uint64_t page_address(void)
{
    uint64_t data = address(p.data) & ~0xfffffffull;
    uint8_t b = byte();
    if (b < 64)
        return 0;
    if (b < 192 && p.mappings[b % MAPPINGS])
        return p.mappings[b % MAPPINGS] + (b & 32 ? (uint64_t)(byte() & 15) * 4096 : 0);
    return data + (32ull << 20) + (uint64_t)(byte() & 63) * 4096;
}

/* A struct msghdr: a name, buffers, control data that begins like descriptors to be passed. */
static uint64_t message(void)
{
    uint8_t *at = room(), *control = room();
    uint64_t head[3] = {16u + (byte() & 15), 1 | 1ull << 32, byte() & 15u};
    uint64_t m[7] = {byte() & 1 ? socket_address() : 0,
                     byte() & 127u,
                     buffers(),
                     byte() & 3u,
                     address(memcpy(control, head, sizeof(head))),
                     byte() & 1 ? 24 : byte(),
                     0};
    return address(memcpy(at, m, sizeof(m)));
}

static uint64_t path(void)
{
    uint8_t b = byte();
    if (b >= 250)
        return address(p.data + LONG_NAME + b - 250);
    return address(p.data + b % NAMES * NAME_ROOM);
}

static uint64_t open_flags(void)
{
    static const uint32_t flags[] = {O_RDONLY,
                                     O_RDWR,
                                     O_RDWR | O_CREAT,
                                     O_RDWR | O_CREAT | O_TRUNC,
                                     O_WRONLY | O_CREAT | O_APPEND,
                                     O_RDONLY | O_DIRECTORY,
                                     O_PATH,
                                     O_RDWR | O_CREAT | O_EXCL};
    uint8_t b = byte();
    return b < 224 ? flags[b & 7] | (b & 8 ? O_NONBLOCK : 0u) | (b & 16 ? O_CLOEXEC : 0u) : number(3);
}

/* Flags, commands, modes: mostly something that exists. */
static uint64_t small(void)
{
    uint8_t b = byte();
    if (b < 150)
        return 0;
    if (b < 186)
        return 1ull << (b & 15);
    if (b < 200)
        return b & 1 ? filled(32) : address(room());
    return b < 240 ? b & 31 : interesting();
}

static uint64_t one_of(const uint16_t *values, size_t n)
{
    return values[byte() % n];
}
#define ONE_OF(...) one_of((const uint16_t[]){__VA_ARGS__}, sizeof((uint16_t[]){__VA_ARGS__}) / sizeof(uint16_t))

static uint64_t argument(const struct call *c, unsigned i, bool of_memory)
{
    uint8_t before = i ? c->kinds[i - 1] : (uint8_t)A_NONE;
    if (byte() >= 250)
        return interesting();
    switch (c->kinds[i]) {
    case A_FD:
        return byte() & 15;
    case A_ATFD:
        return byte() & 3 ? (uint64_t)AT_FDCWD : byte() & 15u;
    case A_PATH:
    case A_STR:
        return path();
    case A_IOV:
        return buffers();
    case A_POLLFDS:
        return polls();
    case A_SIGSET:
        return filled(8);
    case A_TIMESPEC:
    case A_TIMEVAL:
        return byte() & 1 ? 0 : pair(byte() & 3, byte() * 1000u);
    case A_SOCKADDR:
        return socket_address();
    case A_ARGV:
        return words();
    case A_SIGNO:
        return byte() & 63;
    case A_OPEN:
        return open_flags();
    case A_PROT:
        return byte() & 3;
    case A_MAP:
        return byte() & 1 ? ONE_OF(0x22, 0x21, 0x32, 0x02, 0x01, 0x12, 0x11) : byte() | 0x100000u;
    case A_DOMAIN:
        return ONE_OF(1, 1, 2, 10, 16);
    case A_SOCKTYPE:
        return ONE_OF(1, 2, 5, 3) | (byte() & 1 ? 0x800u : 0);
    case A_FUTEX:
        return byte() & 0x8f;
    case A_WHENCE:
        return byte() % 6;
    case A_CLOCK:
        return byte() % 12;
    case A_OCT:
        return byte() & 1 ? 0777 : number(2);
    case A_SIZE:
        if (before == A_SOCKADDR)
            return ONE_OF(16, 28, 110, 20, 2, 0);
        if (before == A_SIGSET || before == A_PTR)
            return of_memory ? (uint64_t)(byte() & 31) * 4096 : 8;
        return byte() < 200 ? byte() : interesting();
    case A_IN:
    case A_OUT:
    case A_STAT:
    case A_SOCKADDR_OUT:
    case A_INT_OUT:
    case A_FDPAIR_OUT:
        return address(room());
    case A_EPOLL_EVENT:
        return filled(12);
    case A_PTR:
        if (of_memory)
            return page_address();
        if (before == A_SOCKADDR_OUT)
            return pair(ONE_OF(16, 110, 0), 0);
        return byte() & 1 ? filled(byte() & 63) : byte() & 3 ? pair(byte(), byte()) : 0;
    default:
        return before == A_IOV || before == A_POLLFDS ? byte() & 3 : small();
    }
}

/* ---- programs ---- */

static bool is_left_out(int64_t nr)
{
    return nr == __NR_rt_sigreturn || nr == __NR_clone || nr == __NR_fork || nr == __NR_vfork || nr == __NR_clone3;
}

/* Calls that are there, in order; those near each other belong together. */
static uint16_t served[CALL_MAX];
static unsigned n_served;

static void served_begin(void)
{
    if (n_served)
        return;
    for (unsigned nr = 0; nr < CALL_MAX; nr++)
        if (call_table[nr].name && call_table[nr].status != CALL_NONE && !is_left_out(nr))
            served[n_served++] = (uint16_t)nr;
}

/* Two of three calls are of the program's neighbourhood. */
static int64_t choose_call(void)
{
    uint8_t b = byte();
    if (b == 255)
        return (int64_t)interesting();
    if (b < 170)
        return served[(p.neighbourhood + b % NEIGHBOURS) % n_served];
    return served[number(2) % n_served];
}

static bool is_of_memory(int64_t nr)
{
    return nr == __NR_mmap || nr == __NR_munmap || nr == __NR_mprotect || nr == __NR_mremap || nr == __NR_madvise ||
           nr == __NR_msync || nr == __NR_mincore || nr == __NR_mlock || nr == __NR_munlock;
}

static void call_one(void)
{
    static const struct call unknown = {.n_args = 6};
    int64_t nr = choose_call();
    if (is_left_out(nr) || (nr == __NR_exit_group && byte()))
        return;
    const struct call *c = (uint64_t)nr < CALL_MAX ? &call_table[nr] : &unknown;
    uint64_t v[6] = {0};
    for (unsigned i = 0; i < c->n_args; i++)
        v[i] = argument(c, i, is_of_memory(nr));
    if (nr == __NR_sendmsg || nr == __NR_recvmsg)
        v[1] = message();
    p.calls++;
    int64_t r = guest_call(nr, v[0], v[1], v[2], v[3], v[4], v[5]);
    if (r <= -512 && r >= -516)
        abort();
    if (r > 0 && (nr == __NR_mmap || nr == __NR_shmat || nr == __NR_mremap))
        p.mappings[p.mapped++ % MAPPINGS] = (uint64_t)r;
}

static void on_signal(int signo)
{
}

/* Handlers run on a stack that system calls can reach, unlike the guests' own. */
static void alternate_stack(void)
{
    uint64_t stack[3] = {address(user_alloc(ALT)), 0, ALT};
    sys(__NR_sigaltstack, memcpy(room(), stack, sizeof(stack)), NULL);
}

static void catch_signals(void)
{
    uint64_t action[4] = {address((const void *)(uintptr_t)on_signal), SA_ONSTACK | SA_RESTART | 0x04000000,
                          address((const void *)(uintptr_t)guest_restorer), 0};
    for (int signo = 1; signo < 32; signo++)
        if (signo & 1)
            sys(__NR_rt_sigaction, signo, memcpy(room(), action, 32), NULL, 8);
}

static void send_usr1(void)
{
    linux_signal(SIGUSR1, false);
}

static void thread(void *of);

#define VM_     0x100u
#define VFORK_  0x4000u
#define THREAD_ 0x50f00u

/* A thread, a process in the same memory, one that is waited for, or whatever the flags say: each with a stack. */
static void new_task(void)
{
    uint32_t *word = (uint32_t *)(void *)(p.data + DATA - 4096 + p.threads++ * 64);
    uint8_t b = byte();
    if (b < 160)
        guest_thread(thread, NULL, word);
    else if (b < 200)
        guest_clone(VM_ | SIGCHLD, thread, NULL, word, word);
    else if (b < 230)
        guest_clone(VM_ | VFORK_ | SIGCHLD, thread, NULL, word, word);
    else
        guest_clone((b & 1 ? THREAD_ : VM_) | number(4), thread, NULL, word, word);
}

static void one_step(void)
{
    uint8_t what = byte();
    if (what < 240)
        call_one();
    else if (what < 244)
        guest_time((uint64_t)byte() << 16);
    else if (what < 248)
        harness_at(harness_clock() + ((uint64_t)byte() << 20), send_usr1);
    else if (what < 252 && p.threads < THREADS) {
        new_task();
    } else if (what < 254) {
        filled(byte());
    } else {
        alternate_stack();
    }
}

static void thread(void *of)
{
    while (p.at < p.end && p.calls < CALLS)
        one_step();
}

/* Files, pipes, sockets and the like at the first descriptors. */
static void begin_with(void)
{
    uint8_t *pair_of = room(); /* not on this stack, which calls cannot reach */
    const char *name = (const char *)p.data;
    sys(__NR_mkdir, name + 2 * NAME_ROOM, 0777);
    sys(__NR_symlink, name, name + 5 * NAME_ROOM);
    sys(__NR_open, name, O_RDWR | O_CREAT, 0644);
    sys(__NR_write, 3, name, 5000);
    sys(__NR_open, name + 2 * NAME_ROOM, O_RDONLY | O_DIRECTORY, 0);
    sys(__NR_pipe2, pair_of, O_NONBLOCK);
    sys(__NR_socketpair, 1, 1, 0, pair_of);
    sys(__NR_epoll_create1, 0);
    sys(__NR_eventfd2, 3, O_NONBLOCK);
    sys(__NR_timerfd_create, 1, O_NONBLOCK);
    sys(__NR_socket, 2, 1, 0);
    sys(__NR_socket, 2, 2, 0);
    sys(__NR_socket, 10, 1, 0);
    p.neighbourhood = number(2) % n_served;
}

static void guest(void)
{
    data_begin();
    alternate_stack();
    catch_signals();
    begin_with();
    thread(NULL);
}

uint64_t linux_calls_run(const uint8_t *program, size_t n)
{
    static struct harness options = {
        .shy_stacks = true, .polls = WAITS, .endless_input = true, .memory = 32u << 20, .input = "some input\n"};
    p = (struct program){.at = program, .end = program + n};
    options.trace = n && program[0] % 8 == 0;
    served_begin();
    if (harness_run(&options, guest) == HARNESS_NO_BOOT || strstr(harness_output(HOST_STDERR), "kernel: "))
        abort();
    return p.calls;
}
