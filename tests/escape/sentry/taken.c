/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A guest that owns its stub and does what it can with it: taken [SEED]. Each attack is a child, which has a stub of
 * its own; what it must not get is looked for, and the kernel has to go on answering. Linked with stub.S for the places
 * of its instructions. Prints a line for each attack, "ESCAPE" in it when one got something, and ends with 1 then.
 */
#include "sentry/stub.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#define ESCAPED 99
#define SECONDS 30
#define TARGET  0x300000000000ul /* where nothing is */
#define SLOTS   16u              /* how many are looked for */

static uint64_t state = 1;
static sigjmp_buf back;
static volatile bool expected;

static uint64_t any(void)
{
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state;
}

static void fault(int signo)
{
    if (!expected)
        _exit(70);
    siglongjmp(back, signo);
}

static bool readable(uint64_t at)
{
    bool r = false;
    expected = true;
    if (!sigsetjmp(back, 1)) {
        (void)*(volatile uint8_t *)at;
        r = true;
    }
    expected = false;
    return r;
}

static bool write_over(uint64_t at, size_t n)
{
    bool r = false;
    expected = true;
    if (!sigsetjmp(back, 1)) {
        for (size_t i = 0; i < n; i += 8)
            *(volatile uint64_t *)(at + i) = any() % 3 ? any() : STUB_SLOTS + any() % STUB_SLOT_SIZE;
        r = true;
    }
    expected = false;
    return r;
}

/* A jump to an instruction of the stub with all registers chosen; it does not come back. */
struct jump {
    uint64_t rax, rdi, rsi, rdx, r10, r8, r9, rsp;
};
static void jump_to(uint64_t to, const struct jump *j)
{
    __asm__ volatile("mov %1, %%rbx\n"
                     "mov %0, %%r12\n"
                     "mov 0(%%rbx), %%rax\n mov 8(%%rbx), %%rdi\n mov 16(%%rbx), %%rsi\n mov 24(%%rbx), %%rdx\n"
                     "mov 32(%%rbx), %%r10\n mov 40(%%rbx), %%r8\n mov 48(%%rbx), %%r9\n mov 56(%%rbx), %%rsp\n"
                     "jmp *%%r12\n"
                     :
                     : "r"(to), "r"(j)
                     : "memory", "rbx", "r12");
    __builtin_unreachable();
}

/* ---- attacks ------------------------------------------------------------------------------------------------------
 */

static void overwrite_slots(void)
{
    unsigned n = 0;
    for (unsigned i = 0; i < SLOTS; i++)
        if (readable(STUB_SLOTS + i * (uint64_t)STUB_SLOT_SIZE))
            n += write_over(STUB_SLOTS + i * (uint64_t)STUB_SLOT_SIZE, SLOT_STACK) ? 1 : 0;
    if (!n)
        _exit(71);
    for (int i = 0; i < 100; i++)
        if (getppid() <= 0)
            _exit(72);
    if (fork() == 0)
        _exit(0);
    wait(NULL);
}

static volatile bool over;
static void *overwrite_on(void *of)
{
    (void)of;
    uint64_t seed = state;
    while (!over)
        for (unsigned i = 0; i < SLOTS; i++)
            for (size_t k = 0; k < STUB_SLOT_SIZE; k += 8) {
                seed = seed * 6364136223846793005u + 1442695040888963407u;
                uint64_t at = STUB_SLOTS + i * (uint64_t)STUB_SLOT_SIZE + k;
                if (k == 0 && !readable(at))
                    break;
                if (seed >> 60 == 0)
                    *(volatile uint64_t *)at = seed;
            }
    return NULL;
}
static void nothing(int signo)
{
    (void)signo;
}
/* While one thread writes over all slots, another makes the calls that go by way of them. */
static void overwrite_while_running(void)
{
    pthread_t t;
    signal(SIGUSR1, nothing);
    pthread_create(&t, NULL, overwrite_on, NULL);
    for (int i = 0; i < 2000; i++)
        raise(SIGUSR1);
    over = true;
    pthread_join(t, NULL);
}

static uint64_t before(const uint8_t *behind)
{
    return STUB_ADDRESS(behind) - 2;
}

static bool try_call(uint64_t to, uint64_t rax, const uint64_t v[6])
{
    static uint8_t stack[65536];
    struct jump j = {rax, v[0], v[1], v[2], v[3], v[4], v[5], (uint64_t)(uintptr_t)(stack + 32768)};
    jump_to(to, &j);
    return false;
}

/* The instruction behind which the service would map memory: a page appears, or not. A watcher looks. */
static void *watch(void *of)
{
    (void)of;
    for (int i = 0; i < 20; i++) {
        usleep(10000);
        if (readable(TARGET))
            _exit(ESCAPED);
    }
    _exit(0);
}
static void service_mmap(void)
{
    pthread_t t;
    pthread_create(&t, NULL, watch, NULL);
    try_call(before(stub_behind_mmap), SYS_mmap,
             (uint64_t[]){TARGET, 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, UINT64_MAX, 0});
}
static void service_objects(void)
{
    pthread_t t;
    pthread_create(&t, NULL, watch, NULL);
    try_call(before(stub_behind_mmap), SYS_mmap,
             (uint64_t[]){TARGET, 1 << 20, 3, MAP_SHARED | MAP_FIXED, STUB_FD_OBJECTS, 0});
}
static void service_image(void)
{
    pthread_t t;
    pthread_create(&t, NULL, watch, NULL);
    try_call(before(stub_behind_mmap), SYS_mmap,
             (uint64_t[]){TARGET, 4096, 1, MAP_PRIVATE | MAP_FIXED, STUB_FD_IMAGE, 0});
}
static void service_fork(void)
{
    try_call(before(stub_behind_fork), SYS_clone, (uint64_t[]){0x8000 | SIGCHLD, 0, 0, 0, 0, 0});
}
static void service_task(void)
{
    try_call(before(stub_behind_task), SYS_clone,
             (uint64_t[]){0x8f00 | SIGCHLD, STUB_SLOTS + STUB_SLOT_SIZE, 0, 0, 0, 0});
}
static void service_from_its_start(void)
{
    try_call(STUB_ADDRESS(stub_service), 0, (uint64_t[]){0, 0, 0, 0, 0, 0});
}
static void born_again(void)
{
    try_call(before(stub_behind_born_order), SYS_getpid, (uint64_t[]){ORDER_BORN, 0, 0, 0, 0, 0});
}
static void every_instruction(void)
{
    static const uint8_t *const all[] = {
#define X(name, nr) stub_behind_##name,
        STUB_CALLS(X)
#undef X
    };
    static const uint32_t numbers[] = {
#define X(name, nr) nr,
        STUB_CALLS(X)
#undef X
    };
    for (unsigned i = 0; i < sizeof all / sizeof *all; i++) {
        int status;
        pid_t pid = fork();
        if (!pid) {
            uint64_t v[6];
            for (int k = 0; k < 6; k++)
                v[k] = any() % 2 ? any() % 16 : STUB_SLOTS + any() % STUB_SLOT_SIZE;
            alarm(3);
            try_call(before(all[i]), any() % 4 ? numbers[i] : any() % 463, v);
        }
        waitpid(pid, &status, 0);
    }
}
/* open, socket, execve, ptrace, kill of the sentry, by the stub's instructions and by int 0x80. */
static void other_numbers(void)
{
    static const uint32_t numbers[] = {SYS_open, SYS_openat, SYS_socket, SYS_execve,        SYS_ptrace,
                                       SYS_kill, SYS_mount,  SYS_bpf,    SYS_io_uring_setup};
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        pid_t pid = fork();
        if (!pid) {
            alarm(3);
            try_call(before(i % 2 ? stub_behind_mmap : stub_behind_sigreturn), numbers[i],
                     (uint64_t[]){1, (uint64_t)(uintptr_t) "/", 9, 0, 0, 0});
        }
        waitpid(pid, NULL, 0);
    }
    expected = true;
    if (!sigsetjmp(back, 1)) {
        long r = 20; /* getpid of 32-bit programs */
        __asm__ volatile("int $0x80" : "+a"(r) : : "memory", "r8", "r9", "r10", "r11");
        if (r > 0 && r != getpid())
            _exit(ESCAPED);
    }
    expected = false;
}

static void park_lies(void)
{
    static const uint64_t frames[] = {0,
                                      1,
                                      STUB_SLOTS,
                                      STUB_SLOTS + STUB_SLOT_SIZE - 8,
                                      STUB_SLOTS + STUB_SLOTS_SIZE - 16,
                                      STUB_TEXT,
                                      UINT64_MAX - 7,
                                      0x8000000000000000};
    for (unsigned i = 0; i < 5 * sizeof frames / sizeof *frames; i++) {
        pid_t pid = fork();
        if (!pid) {
            alarm(3);
            try_call(before(stub_behind_park), SYS_getpid,
                     (uint64_t[]){i % 5 ? any() % 66 : 0, frames[i % (sizeof frames / sizeof *frames)], any(), any(),
                                  any(), any()});
        }
        waitpid(pid, NULL, 0);
    }
}

/* A frame of its own: all signals blocked, so no kick arrives any more, and then it computes for ever. */
static void own_frame(int signo, siginfo_t *info, void *context)
{
    static ucontext_t u __attribute__((aligned(64)));
    (void)signo;
    (void)info;
    memcpy(&u, context, sizeof u);
    memset(&u.uc_sigmask, 0xff, sizeof u.uc_sigmask);
    u.uc_mcontext.fpregs = NULL;
    jump_to(before(stub_behind_sigreturn), &(struct jump){.rax = SYS_rt_sigreturn, .rsp = (uint64_t)(uintptr_t)&u});
}
static void deaf(void)
{
    struct sigaction sa = {.sa_sigaction = own_frame, .sa_flags = SA_SIGINFO};
    alarm(2);
    sigaction(SIGUSR1, &sa, NULL);
    raise(SIGUSR1);
    for (;;)
        __asm__ volatile("pause");
}
static void garbage_frames(void)
{
    for (int i = 0; i < 50; i++) {
        pid_t pid = fork();
        if (!pid) {
            static uint64_t frame[2048] __attribute__((aligned(64)));
            state += (uint64_t)i;
            for (unsigned k = 0; k < 2048; k++)
                frame[k] = any() % 3 ? any() : any() % 2 ? (uint64_t)(uintptr_t)frame : STUB_SLOTS;
            struct jump j = {.rax = SYS_rt_sigreturn, .rsp = (uint64_t)(uintptr_t)frame + any() % 64 * 8};
            alarm(3);
            jump_to(before(stub_behind_sigreturn), &j);
        }
        waitpid(pid, NULL, 0);
    }
}
static void into_the_middle(void)
{
    for (int i = 0; i < 200; i++) {
        pid_t pid = fork();
        if (!pid) {
            state += (uint64_t)i * 77;
            uint64_t v[6];
            for (int k = 0; k < 6; k++)
                v[k] = any() % 2 ? any() % 4096 : any();
            alarm(3);
            try_call(STUB_TEXT + any() % (uint64_t)(stub_text_end - stub_text), any() % 463, v);
        }
        waitpid(pid, NULL, 0);
    }
}

/* The first page of it is this program's: the end of its first stack. */
static void *unmap_over_the_edge(void *of)
{
    if (munmap((void *)(uintptr_t)(STUB_LOW - 4096), 1 << 20) == 0 && !readable(STUB_TEXT))
        _exit(ESCAPED);
    _exit(0);
    return of;
}
/* What lies in the stub is nobody's to change by calls. */
static void change_the_stub(void)
{
    static const uint64_t places[] = {STUB_TEXT, STUB_FILTER, STUB_ORDER, STUB_STACK, STUB_SLOTS};
    for (unsigned i = 0; i < 5; i++) {
        void *at = (void *)(uintptr_t)places[i];
        if (mprotect(at, 4096, PROT_READ | PROT_WRITE | PROT_EXEC) == 0 ||
            mmap(at, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == at ||
            mremap((void *)(uintptr_t)TARGET, 4096, 4096, MREMAP_FIXED | MREMAP_MAYMOVE, at) == at)
            _exit(ESCAPED);
        bool there = readable(places[i]); /* the first slot is another stub's */
        if (munmap(at, 4096) == 0 && there && !readable(places[i]))
            _exit(ESCAPED);
        madvise(at, 4096, MADV_DONTNEED);
    }
    if (write_over(STUB_TEXT, 8) || write_over(STUB_FILTER, 8) || write_over(STUB_ORDER, 8))
        _exit(ESCAPED);
    int fd = open("/proc/self/mem", O_RDWR);
    if (fd >= 0 && pwrite(fd, "\xcc", 1, STUB_TEXT) == 1)
        _exit(ESCAPED);
    int ends[2];
    if (pipe(ends) == 0 && write(ends[1], "12345678", 8) == 8 && read(ends[0], (void *)(uintptr_t)STUB_ORDER, 8) > 0)
        _exit(ESCAPED);
    pthread_t t;
    pthread_create(&t, NULL, unmap_over_the_edge, NULL);
    pthread_join(t, NULL);
}
/* Calls that the kernel inside has not, so whoever hears another answer has had it of the host. The sentry of
 * continues.c has the host make what is told. */
static void made_after_all(void)
{
    static const uint32_t numbers[] = {SYS_bpf,         SYS_io_uring_setup, SYS_perf_event_open,
                                       SYS_userfaultfd, SYS_kexec_load,     SYS_open_by_handle_at};
    /* The number is the argument, all of the call's are -1. Made here, where no tool has rewritten the instruction. */
    static const uint8_t code[] = {0x48, 0x89, 0xf8, 0x48, 0xc7, 0xc7, 0xff, 0xff, 0xff, 0xff, 0x48, 0x89, 0xfe, 0x48,
                                   0x89, 0xfa, 0x49, 0x89, 0xfa, 0x49, 0x89, 0xf8, 0x49, 0x89, 0xf9, 0x0f, 0x05, 0xc3};
    void *at = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        _exit(71);
    long (*call)(long) = (long (*)(long))(uintptr_t)memcpy(at, code, sizeof code);
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (call(numbers[i]) != -ENOSYS)
            _exit(ESCAPED);
    pid_t pid = fork();
    if (!pid)
        try_call(before(stub_behind_park), SYS_dup, (uint64_t[]){0, 0, 0, 0, 0, 0});
    waitpid(pid, NULL, 0);
}
/* One writes to a file's pages for as long as it is let; when it is killed, and they are another file's, nothing of it
 * may be there. */
static void write_until_the_end(void)
{
    for (int i = 0; i < 50; i++) {
        int ready[2], fd = memfd_create("first", 0), status;
        if (ftruncate(fd, 1 << 16) || pipe(ready))
            _exit(71);
        pid_t pid = fork();
        if (!pid) {
            volatile uint64_t *p = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
            close(fd);
            if (p == MAP_FAILED || write(ready[1], "", 1) != 1)
                _exit(71);
            for (;;)
                for (unsigned k = 0; k < 8192; k += 512)
                    p[k] = UINT64_MAX;
        }
        close(fd);
        char byte;
        if (read(ready[0], &byte, 1) != 1)
            _exit(71);
        usleep(1000);
        kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        uint8_t seen[1 << 16];
        fd = memfd_create("second", 0);
        if (ftruncate(fd, sizeof seen))
            _exit(71);
        volatile uint64_t *p = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        for (int again = 0; again < 3; again++)
            for (unsigned k = 0; k < 8192; k += 512)
                if (p[k])
                    _exit(ESCAPED);
        close(fd), close(ready[0]), close(ready[1]);
        munmap((void *)(uintptr_t)p, 1 << 16);
    }
}
/* Words that the service is to compare and change where there is nothing to change. */
static void odd_words(void)
{
    char *none = mmap(NULL, 8192, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *read_only = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = memfd_create("short", 0);
    char *past = ftruncate(fd, 4096) ? NULL : mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    uint32_t word = 0;
    uint64_t at[] = {(uint64_t)(uintptr_t)none,
                     (uint64_t)(uintptr_t)read_only,
                     (uint64_t)(uintptr_t)past + 4096,
                     STUB_SLOTS,
                     STUB_ORDER,
                     STUB_TEXT,
                     4,
                     UINT64_MAX - 3,
                     TARGET};
    for (unsigned i = 0; i < sizeof at / sizeof *at; i++) {
        syscall(SYS_futex, &word, FUTEX_WAKE_OP, 1, 1, at[i], FUTEX_OP(FUTEX_OP_SET, 7, FUTEX_OP_CMP_EQ, 0));
        syscall(SYS_futex, at[i], FUTEX_LOCK_PI, 0, NULL, NULL, 0);
        syscall(SYS_set_robust_list, at[i], 24);
        syscall(SYS_set_tid_address, at[i]);
    }
}
static void *short_lived(void *of)
{
    return of;
}
static void many_tasks(void)
{
    for (int i = 0; i < 50; i++) {
        pthread_t t[20];
        int n = 0;
        while (n < 20 && pthread_create(&t[n], NULL, short_lived, NULL) == 0)
            n++;
        while (n)
            pthread_join(t[--n], NULL);
    }
    while (fork() == 0)
        continue;
    wait(NULL);
}
static void all_memory(void)
{
    for (size_t n = (size_t)1 << 34; n >= 4096; n /= 2) {
        char *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (size_t i = 0; p != MAP_FAILED && i < n && i < (size_t)64 << 20; i += 4096)
            p[i] = 1;
    }
}

#define ATTACK(name)                                                                                                   \
    {                                                                                                                  \
#name, name, false                                                                                             \
    }
#define HARMLESS(name)                                                                                                 \
    {                                                                                                                  \
#name, name, true                                                                                              \
    }
static const struct attack {
    const char *name;
    void (*run)(void);
    bool survives; /* it does nothing for which it may be ended */
} attacks[] = {ATTACK(overwrite_slots),
               ATTACK(overwrite_while_running),
               ATTACK(service_mmap),
               ATTACK(service_objects),
               ATTACK(service_image),
               ATTACK(service_fork),
               ATTACK(service_task),
               ATTACK(service_from_its_start),
               ATTACK(born_again),
               HARMLESS(every_instruction),
               HARMLESS(other_numbers),
               ATTACK(park_lies),
               ATTACK(deaf),
               ATTACK(garbage_frames),
               ATTACK(into_the_middle),
               HARMLESS(change_the_stub),
               HARMLESS(odd_words),
               HARMLESS(many_tasks),
               ATTACK(all_memory),
               HARMLESS(made_after_all),
               HARMLESS(write_until_the_end)};

static int child_of(const struct attack *a)
{
    pid_t pid = fork();
    if (!pid) {
        static uint8_t stack[65536];
        stack_t alternate = {.ss_sp = stack, .ss_size = sizeof stack};
        struct sigaction sa = {.sa_handler = fault, .sa_flags = SA_ONSTACK | SA_NODEFER};
        setpgid(0, 0);
        sigaltstack(&alternate, NULL);
        sigaction(SIGSEGV, &sa, NULL);
        sigaction(SIGBUS, &sa, NULL);
        a->run();
        _exit(0);
    }
    int status = -1;
    for (int i = 0; i < SECONDS * 20; i++) {
        if (waitpid(pid, &status, WNOHANG) == pid) {
            kill(-pid, SIGKILL);
            return status;
        }
        usleep(50000);
    }
    kill(-pid, SIGKILL);
    kill(pid, SIGKILL);
    waitpid(pid, &status, 0);
    return status;
}

int main(int argc, char **argv)
{
    bool escaped = false, lost = false;
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (argc > 1)
        state = strtoull(argv[1], NULL, 0) * 2 + 1;
    for (unsigned i = 0; i < sizeof attacks / sizeof *attacks; i++) {
        if (argc > 2 && strcmp(argv[2], attacks[i].name))
            continue;
        int status = child_of(&attacks[i]);
        bool got = WIFEXITED(status) && WEXITSTATUS(status) == ESCAPED, ended = attacks[i].survives && status && !got;
        printf("%s: %s %d%s%s\n", attacks[i].name, WIFEXITED(status) ? "exit" : "signal",
               WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), got ? " ESCAPE" : "", ended ? " ENDED" : "");
        escaped |= got;
        lost |= ended;
        if (getppid() < 0 || access("/", R_OK))
            return 2;
    }
    puts(escaped ? "taken: ESCAPE" : lost ? "taken: somebody innocent was ended" : "taken: nothing was got");
    return escaped ? 1 : lost ? 3 : 0;
}
