/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The program that test.c runs on the split platform: guest CASE. Each case prints "ok" and ends with 0, or says which
 * line did not hold. But for "code" and "copies" it does the same on Linux.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096

static const char *self; /* this program's path */
extern char **environ;

#define CHECK(holds)                                                                                                   \
    do {                                                                                                               \
        if (!(holds)) {                                                                                                \
            printf("line %d: %s (errno %d)\n", __LINE__, #holds, errno);                                               \
            fflush(stdout);                                                                                            \
            _exit(1);                                                                                                  \
        }                                                                                                              \
    } while (0)

static void *pages(size_t n, int prot, int flags)
{
    void *p = mmap(NULL, n, prot, flags | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    return p;
}

static int status_of(pid_t pid)
{
    int status;
    CHECK(waitpid(pid, &status, 0) == pid);
    return status;
}

static void ends_well(pid_t pid)
{
    int status = status_of(pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* ---- processes ---- */

static void case_fork(void)
{
    int value = 1, to[2];
    char text[6] = "";
    CHECK(!pipe(to));
    pid_t child = fork();
    if (!child) {
        value = 2;
        CHECK(write(to[1], "child", 5) == 5);
        _exit(value + 40);
    }
    CHECK(child > 0 && read(to[0], text, 5) == 5 && !strcmp(text, "child"));
    CHECK(WEXITSTATUS(status_of(child)) == 42 && value == 1);
    for (int i = 0; i < 20; i++) {
        if (!(child = fork()))
            _exit(i);
        CHECK(WEXITSTATUS(status_of(child)) == i);
    }
}

static void case_kill(void)
{
    pid_t child = fork();
    if (!child)
        for (;;) /* no call, ever */
            __asm__ volatile("");
    CHECK(!kill(child, SIGTERM));
    CHECK(WTERMSIG(status_of(child)) == SIGTERM);
    child = fork();
    if (!child)
        for (;;)
            pause();
    CHECK(!kill(child, SIGSTOP) && waitpid(child, &(int){0}, WUNTRACED) == child);
    CHECK(!kill(child, SIGCONT) && waitpid(child, &(int){0}, WCONTINUED) == child);
    CHECK(!kill(child, SIGKILL) && WTERMSIG(status_of(child)) == SIGKILL);
}

/* A tree of processes, all alive at once, each handing a sum to its parent. */
static uint64_t tree(int depth)
{
    uint64_t sum = 1, got;
    int to[2][2];
    pid_t child[2];
    for (int i = 0; depth && i < 2; i++) {
        CHECK(!pipe(to[i]));
        if (!(child[i] = fork())) {
            got = tree(depth - 1);
            CHECK(write(to[i][1], &got, sizeof(got)) == sizeof(got));
            _exit(0);
        }
    }
    for (int i = 0; depth && i < 2; i++) {
        CHECK(read(to[i][0], &got, sizeof(got)) == sizeof(got));
        sum += got;
        ends_well(child[i]);
        close(to[i][0]), close(to[i][1]);
    }
    return sum;
}

static void case_tree(void)
{
    CHECK(tree(4) == 31);
}

/* This program, which is to end with that status. */
static char *const *words(const char *status)
{
    static const char *argv[4];
    argv[0] = self, argv[1] = "exit", argv[2] = status;
    return (char *const *)(uintptr_t)argv;
}

static void case_exec(void)
{
    pid_t child;
    char *const *argv = words("23");
    if (!(child = fork())) {
        execv(self, argv);
        _exit(1);
    }
    CHECK(WEXITSTATUS(status_of(child)) == 23);
    if (!(child = vfork())) {
        execv(self, argv);
        _exit(1);
    }
    CHECK(WEXITSTATUS(status_of(child)) == 23);
    CHECK(!posix_spawn(&child, self, NULL, NULL, argv, environ));
    CHECK(WEXITSTATUS(status_of(child)) == 23);
}

/* exec while other threads live: they end, and the program begins anew in another address space. */
static void *exec_by(void *unused)
{
    char *const *argv = words("24");
    execv(self, argv);
    return NULL;
}

static void *spin(void *unused)
{
    for (;;)
        __asm__ volatile("");
    return unused;
}

static void case_exec_threads(void)
{
    pid_t child = fork();
    if (!child) {
        pthread_t t;
        CHECK(!pthread_create(&t, NULL, spin, NULL) && !pthread_create(&t, NULL, exec_by, NULL));
        for (;;)
            pause();
    }
    CHECK(WEXITSTATUS(status_of(child)) == 24);
}

/* Three processes that are there until somebody kills them; it says so. */
static void case_wait(void)
{
    if (fork() && fork())
        CHECK(write(1, "w", 1) == 1);
    for (;;)
        pause();
}

/* ---- memory ---- */

static void case_memory(void)
{
    char *p = pages(4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    memset(p, 'a', 4 * PAGE);
    pid_t child = fork(); /* the pages' copies part ways */
    if (!child) {
        memset(p, 'b', 2 * PAGE);
        CHECK(!munmap(p + 3 * PAGE, PAGE) && p[2 * PAGE] == 'a');
        _exit(0);
    }
    ends_well(child);
    CHECK(p[0] == 'a' && p[4 * PAGE - 1] == 'a');
    CHECK(!madvise(p, PAGE, MADV_DONTNEED) && p[0] == 0 && p[PAGE] == 'a');
    char *q = mremap(p, 4 * PAGE, 64 * PAGE, MREMAP_MAYMOVE);
    CHECK(q != MAP_FAILED && q[PAGE] == 'a' && q[63 * PAGE] == 0);
    char *r = pages(64 * PAGE, PROT_NONE, MAP_PRIVATE);
    CHECK(mremap(q, 64 * PAGE, 64 * PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, r) == r && r[4 * PAGE - 1] == 'a');
}

static void case_code(void)
{
    uint8_t *p = pages(PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    CHECK(mprotect(p, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC) && errno == EACCES);
    CHECK(mprotect(p, PAGE, PROT_READ | PROT_EXEC) && errno == EACCES); /* not in the text range */
}

/* What the kernel copies ends where the guest's own access would. */
static void case_copies(void)
{
    char *p = pages(3 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    int to[2];
    memset(p, 'x', 2 * PAGE);
    CHECK(!munmap(p + 2 * PAGE, PAGE) && !pipe(to));
    CHECK(write(to[1], p + 2 * PAGE - 10, 20) == 10 || errno == EFAULT);
    CHECK(write(to[1], p, 100) == 100);
    CHECK(write(to[1], (void *)0x70101000, 16) < 0 && errno == EFAULT); /* the platform's own page */
    CHECK(write(to[1], (void *)0x7fffffff0000, 16) < 0 && errno == EFAULT);
    CHECK(!mprotect(p, PAGE, PROT_READ) && read(to[0], p, 10) < 0 && errno == EFAULT);
    CHECK(!mprotect(p, PAGE, PROT_NONE) && open(p, O_RDONLY) < 0 && errno == EFAULT);
    strcpy(p + 2 * PAGE - 4, "/de"); /* a string that ends with its page */
    CHECK(open(p + 2 * PAGE - 4, O_RDONLY) < 0 && errno == ENOENT);
    p[2 * PAGE - 1] = 'v';
    CHECK(open(p + 2 * PAGE - 4, O_RDONLY) < 0 && errno == EFAULT);
}

static void case_shared_file(void)
{
    int fd = open("/tmp/shared", O_RDWR | O_CREAT | O_TRUNC, 0600);
    char text[8] = "";
    CHECK(fd >= 0 && !ftruncate(fd, 40 * PAGE));
    char *all = mmap(NULL, 40 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *own = mmap(NULL, 40 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    CHECK(all != MAP_FAILED && own != MAP_FAILED);
    pid_t child = fork();
    if (!child) {
        char *again = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 20 * PAGE);
        CHECK(again != MAP_FAILED);
        strcpy(again, "shared");
        strcpy(own, "own");
        strcpy(all + 30 * PAGE, "far");
        _exit(0);
    }
    ends_well(child);
    CHECK(!strcmp(all + 20 * PAGE, "shared") && !own[0] && !strcmp(own + 30 * PAGE, "far"));
    CHECK(pread(fd, text, 6, 20 * PAGE) == 6 && !strcmp(text, "shared"));
    CHECK(pwrite(fd, "WRITE", 5, 16 * PAGE - 2) == 5 && all[16 * PAGE - 2] == 'W' && all[16 * PAGE] == 'I');
    CHECK(!ftruncate(fd, PAGE) && !ftruncate(fd, 40 * PAGE) && pread(fd, text, 6, 20 * PAGE) == 6 && !text[0]);
    CHECK(!unlink("/tmp/shared"));
}

/* ---- threads, and words in shared memory ---- */

#define THREADS 6
#define ROUNDS  300

struct counter {
    pthread_mutex_t lock;
    pthread_cond_t change;
    int value, turn;
};

static void counter_make(struct counter *c, int shared)
{
    pthread_mutexattr_t m;
    pthread_condattr_t v;
    pthread_mutexattr_init(&m), pthread_condattr_init(&v);
    CHECK(!pthread_mutexattr_setpshared(&m, shared) && !pthread_condattr_setpshared(&v, shared));
    pthread_mutex_init(&c->lock, &m), pthread_cond_init(&c->change, &v);
}

static void count(struct counter *c, int n)
{
    for (int i = 0; i < n; i++) {
        pthread_mutex_lock(&c->lock);
        int v = c->value;
        if (i % 64 == 0)
            sched_yield();
        c->value = v + 1;
        pthread_mutex_unlock(&c->lock);
    }
}

/* Strictly by turns, so each hand-over is a wait and a wake. */
static void alternate(struct counter *c, int who, int n)
{
    for (int i = 0; i < n; i++) {
        pthread_mutex_lock(&c->lock);
        while (c->turn != who)
            pthread_cond_wait(&c->change, &c->lock);
        c->turn = !who;
        pthread_cond_broadcast(&c->change);
        pthread_mutex_unlock(&c->lock);
    }
}

static struct counter of_threads;

static void *count_in_thread(void *unused)
{
    count(&of_threads, ROUNDS);
    return unused;
}

static void *alternate_in_thread(void *who)
{
    alternate(&of_threads, (int)(intptr_t)who, ROUNDS);
    return NULL;
}

static void case_threads(void)
{
    pthread_t t[THREADS];
    counter_make(&of_threads, PTHREAD_PROCESS_PRIVATE);
    for (int i = 0; i < THREADS; i++)
        CHECK(!pthread_create(&t[i], NULL, count_in_thread, NULL));
    for (int i = 0; i < THREADS; i++)
        CHECK(!pthread_join(t[i], NULL));
    CHECK(of_threads.value == THREADS * ROUNDS);
    for (intptr_t i = 0; i < 2; i++)
        CHECK(!pthread_create(&t[i], NULL, alternate_in_thread, (void *)i));
    for (int i = 0; i < 2; i++)
        CHECK(!pthread_join(t[i], NULL));
}

static void case_shared_futex(void)
{
    struct counter *c = pages(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    pid_t child[3];
    counter_make(c, PTHREAD_PROCESS_SHARED);
    for (int i = 0; i < 3; i++)
        if (!(child[i] = fork())) {
            count(c, ROUNDS);
            _exit(0);
        }
    for (int i = 0; i < 3; i++)
        ends_well(child[i]);
    CHECK(c->value == 3 * ROUNDS);
    if (!(child[0] = fork())) {
        alternate(c, 1, ROUNDS);
        _exit(0);
    }
    alternate(c, 0, ROUNDS);
    ends_well(child[0]);
}

/* ---- faults and registers ---- */

static sigjmp_buf back;
static volatile siginfo_t seen;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    seen = *info;
    siglongjmp(back, 1);
}

#define FAULTS(signo_, code, statement)                                                                                \
    do {                                                                                                               \
        if (!sigsetjmp(back, 1)) {                                                                                     \
            statement;                                                                                                 \
            CHECK(!"a fault");                                                                                         \
        }                                                                                                              \
        CHECK(seen.si_signo == (signo_) && seen.si_code == (code));                                                    \
    } while (0)

static int deep(int n)
{
    volatile char room[2000];
    room[0] = (char)n;
    return n ? deep(n - 1) + room[0] - room[0] : 0;
}

static void case_faults(void)
{
    struct sigaction sa = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    char *p = pages(2 * PAGE, PROT_READ, MAP_PRIVATE);
    volatile int zero = 0;
    for (int i = 0; i < 4; i++)
        CHECK(!sigaction((int[]){SIGSEGV, SIGBUS, SIGFPE, SIGILL}[i], &sa, NULL));
    CHECK(!mprotect(p + PAGE, PAGE, PROT_NONE));
    FAULTS(SIGSEGV, SEGV_ACCERR, *(volatile char *)p = 1);
    CHECK(seen.si_addr == p);
    FAULTS(SIGSEGV, SEGV_ACCERR, (void)*(volatile char *)(p + PAGE + 5));
    CHECK(seen.si_addr == p + PAGE + 5);
    FAULTS(SIGSEGV, SEGV_ACCERR, ((void (*)(void))(uintptr_t)p)());
    CHECK(!munmap(p, PAGE));
    FAULTS(SIGSEGV, SEGV_MAPERR, *(volatile char *)p = 1);
    FAULTS(SIGFPE, FPE_INTDIV, zero = 100 / zero);
    FAULTS(SIGILL, ILL_ILLOPN, __asm__ volatile("ud2"));
    FAULTS(SIGSEGV, SI_KERNEL, *(volatile char *)0x8000000000000000 = 1);
    CHECK(deep(1000) == 0); /* two megabytes of stack */
    pid_t child = fork();
    if (!child) {
        signal(SIGSEGV, SIG_DFL);
        *(volatile char *)8 = 1;
    }
    CHECK(WTERMSIG(status_of(child)) == SIGSEGV);
}

static volatile int hits;

static void on_hit(int signo)
{
    double d = signo;
    hits += (int)(d * 1.0);
    __asm__ volatile("pxor %%xmm7, %%xmm7" ::: "xmm7");
}

/* Vector registers outlive calls, signals and fork(2). */
static void case_vectors(void)
{
    uint64_t out[2] = {0}, in[2] = {0x1122334455667788, 0x99aabbccddeeff00};
    pid_t parent = getpid();
    long r;
    signal(SIGUSR1, on_hit);
    for (int i = 0; i < 50; i++) {
        in[0]++;
        __asm__ volatile("movdqu %2, %%xmm7\n\tsyscall\n\tmovdqu %%xmm7, %1"
                         : "=a"(r), "=m"(out)
                         : "m"(in), "0"(62l), "D"((long)parent), "S"((long)SIGUSR1)
                         : "rcx", "r11", "memory", "xmm7");
        CHECK(!r && !memcmp(in, out, sizeof(in)) && hits == (i + 1) * SIGUSR1);
    }
    __asm__ volatile("movdqu %2, %%xmm7\n\tsyscall\n\tmovdqu %%xmm7, %1"
                     : "=a"(r), "=m"(out)
                     : "m"(in), "0"(57l)
                     : "rcx", "r11", "memory", "xmm7");
    CHECK(!memcmp(in, out, sizeof(in)));
    if (!r)
        _exit(0);
    ends_well((pid_t)r);
}

/* ---- signals and time ---- */

static void case_signals(void)
{
    sigset_t set, old;
    siginfo_t info;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR2);
    CHECK(!sigprocmask(SIG_BLOCK, &set, &old));
    pid_t parent = getpid(), child = fork();
    if (!child) {
        for (int i = 0; i < 10; i++)
            CHECK(!sigqueue(parent, SIGUSR2, (union sigval){.sival_int = i}) && sigwaitinfo(&set, &info) == SIGUSR2);
        _exit(0);
    }
    for (int i = 0; i < 10; i++) {
        CHECK(sigwaitinfo(&set, &info) == SIGUSR2 && info.si_pid == child && info.si_value.sival_int == i);
        CHECK(!sigqueue(child, SIGUSR2, (union sigval){0}));
    }
    ends_well(child);
    signal(SIGALRM, on_hit);
    hits = 0;
    alarm(1);
    while (!hits) /* a timer ends what makes no call */
        __asm__ volatile("");
    CHECK(hits == SIGALRM);
    const struct itimerval soon = {.it_value.tv_usec = 20000};
    signal(SIGPROF, on_hit);
    hits = 0;
    CHECK(!setitimer(ITIMER_PROF, &soon, NULL)); /* time on a CPU counts, wherever that is */
    while (!hits)
        __asm__ volatile("");
    CHECK(hits == SIGPROF && clock() > 0);
}

/* ---- all at once ---- */

static uint32_t seed;

static uint32_t dice(uint32_t n)
{
    seed = seed * 1664525 + 1013904223;
    return (seed >> 8) % n;
}

static void soak_memory(void)
{
    size_t n = (1 + dice(40)) * PAGE;
    char *p = pages(n, PROT_READ | PROT_WRITE, dice(2) ? MAP_PRIVATE : MAP_SHARED);
    memset(p, 7, n);
    if (dice(2))
        p = mremap(p, n, n * 2, MREMAP_MAYMOVE), n *= 2;
    CHECK(p != MAP_FAILED && p[PAGE - 1] == 7);
    CHECK(!munmap(p, n));
}

static void soak_file(int who)
{
    char name[32], text[64] = "";
    snprintf(name, sizeof(name), "/tmp/soak%d-%u", who, dice(4));
    int fd = open(name, O_RDWR | O_CREAT, 0600);
    CHECK(fd >= 0 && pwrite(fd, name, 20, dice(100) * 1000) == 20 && pread(fd, text, 20, 0) >= 0);
    close(fd);
    if (dice(2))
        unlink(name);
}

static void *soak_thread(void *of)
{
    count(of, 20);
    return NULL;
}

static void soak_threads(struct counter *c)
{
    pthread_t t[3];
    for (int i = 0; i < 3; i++)
        CHECK(!pthread_create(&t[i], NULL, soak_thread, c));
    for (int i = 0; i < 3; i++)
        CHECK(!pthread_join(t[i], NULL));
}

static void soak_child(struct counter *c)
{
    int to[2];
    char byte;
    CHECK(!pipe(to));
    pid_t child = fork();
    if (!child) {
        count(c, 20);
        CHECK(write(to[1], "x", 1) == 1);
        _exit(0);
    }
    CHECK(read(to[0], &byte, 1) == 1);
    if (dice(2))
        kill(child, SIGKILL);
    status_of(child);
    close(to[0]), close(to[1]);
}

static void soak(struct counter *c, int who, int rounds)
{
    seed = (uint32_t)who * 77 + 1;
    for (int i = 0; i < rounds; i++)
        switch (dice(5)) {
        case 0:
            soak_memory();
            break;
        case 1:
            soak_file(who);
            break;
        case 2:
            soak_threads(c);
            break;
        case 3:
            soak_child(c);
            break;
        default:
            usleep(dice(2000));
            break;
        }
}

static void case_soak(int rounds)
{
    struct counter *c = pages(PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
    pid_t child[4];
    counter_make(c, PTHREAD_PROCESS_SHARED);
    for (int i = 0; i < 4; i++)
        if (!(child[i] = fork())) {
            soak(c, i, rounds);
            _exit(0);
        }
    for (int i = 0; i < 4; i++)
        ends_well(child[i]);
    CHECK(c->value % 20 == 0);
}

/* ---- which ---- */

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {{"fork", case_fork},       {"kill", case_kill},
             {"tree", case_tree},       {"wait", case_wait},
             {"exec", case_exec},       {"exec-threads", case_exec_threads},
             {"memory", case_memory},   {"code", case_code},
             {"copies", case_copies},   {"shared-file", case_shared_file},
             {"threads", case_threads}, {"shared-futex", case_shared_futex},
             {"faults", case_faults},   {"vectors", case_vectors},
             {"signals", case_signals}};

int main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "", *number = argc > 2 ? argv[2] : "1";
    size_t ran = 0;
    static char path[4096];
    if (readlink("/proc/self/exe", path, sizeof(path) - 1) < 0)
        return 1;
    self = path;
    if (!strcmp(name, "exit"))
        return atoi(number);
    if (!strcmp(name, "soak"))
        case_soak(atoi(number)), ran++;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (!strcmp(name, cases[i].name))
            cases[i].run(), ran++;
    CHECK(ran);
    puts("ok");
    return 0;
}
