/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts to use so much of something: what a limit holds back is refused, or ends the process. Processes that are
 * made here are ended here. */
#include "attempts.h"

#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PAGE 4096
#define MANY 65536

static int touch_memory(char **args, int n)
{
    long bytes;

    (void)n;
    if (!number(args[0], &bytes) || bytes <= 0)
        return USAGE;
    volatile char *m =
        mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED)
        return refused("mmap of %ld bytes", bytes);
    for (long i = 0; i < bytes; i += PAGE)
        m[i] = 1;
    return done("%ld bytes in use", bytes);
}

static void *wait_for_all(void *end)
{
    char c;

    return read((int)(intptr_t)end, &c, 1) < 0 ? end : NULL;
}

/* Where no process can be made without a program: tasks, which are counted with them. */
static int threads(long wanted, int end)
{
    pthread_t thread;
    pthread_attr_t small;
    long made = 0;
    int e = 0;

    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 16 * PAGE);
    while (made < wanted && !(e = pthread_create(&thread, &small, wait_for_all, (void *)(intptr_t)end)))
        made++;
    errno = e;
    return made < wanted ? refused("clone, with %ld there", made) : done("%ld at once", made);
}

/* So many processes at once, beside this one. */
static int processes(char **args, int n)
{
    static pid_t pids[MANY];
    long wanted, made = 0;
    int fds[2], e = 0;

    (void)n;
    if (!number(args[0], &wanted) || wanted < 1 || wanted > MANY || pipe(fds) < 0)
        return USAGE;
    for (; made < wanted; made++) {
        pids[made] = fork();
        if (pids[made] < 0) {
            e = errno;
            break;
        }
        if (pids[made] == 0) { /* until all are there */
            char c;
            close(fds[1]);
            _exit(read(fds[0], &c, 1) < 0);
        }
    }
    if (e == ENOSYS && !made)
        return threads(wanted, fds[0]);
    close(fds[1]);
    for (long i = 0; i < made; i++)
        while (waitpid(pids[i], NULL, 0) < 0 && errno == EINTR)
            ;
    errno = e;
    return made < wanted ? refused("fork, with %ld there", made) : done("%ld at once", made);
}

static int descriptors(char **args, int n)
{
    long wanted, made = 0;

    (void)n;
    if (!number(args[0], &wanted) || wanted < 1)
        return USAGE;
    while (made < wanted && dup(1) >= 0)
        made++;
    return made < wanted ? refused("dup, with %ld made", made) : done("%ld made", made);
}

/* The last byte of a file of that size: nothing is written before it. */
static int file_size(char **args, int n)
{
    long bytes;

    (void)n;
    if (!number(args[1], &bytes) || bytes < 1)
        return USAGE;
    signal(SIGXFSZ, SIG_IGN);
    int fd = open(args[0], O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (fd < 0)
        return untried("open %s: %s", args[0], errno_name(errno));
    ssize_t put = pwrite(fd, "", 1, bytes - 1);
    int e = errno;
    unlink(args[0]);
    errno = e;
    return put < 0 ? refused("write at %ld", bytes - 1) : done("a file of %ld bytes", bytes);
}

/* Real bytes, as much as a file system takes. */
static int fill(char **args, int n)
{
    static char block[1 << 16];
    long bytes, put = 0;
    ssize_t r = 0;

    (void)n;
    if (!number(args[1], &bytes) || bytes < 1)
        return USAGE;
    int fd = open(args[0], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0)
        return refused("create %s", args[0]);
    while (put < bytes &&
           (r = write(fd, block, (size_t)(bytes - put < (long)sizeof block ? bytes - put : (long)sizeof block))) > 0)
        put += r;
    int e = r < 0 ? errno : ENOSPC;
    unlink(args[0]);
    errno = e;
    return put < bytes ? refused("write, with %ld there", put) : done("%ld bytes", put);
}

static int core_dump(char **args, int n)
{
    char pattern[256];
    int status = 0;

    (void)n;
    if (read_small("/proc/sys/kernel/core_pattern", pattern, sizeof pattern) > 0 && *pattern == '|')
        return untried("this host gives core files to a program: %s", shown(pattern, sizeof pattern));
    if (chdir(args[0]) < 0)
        return untried("chdir %s: %s", args[0], errno_name(errno));
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGABRT, SIG_DFL);
        abort();
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || !WIFSIGNALED(status))
        return untried("no process that could die");
    return WCOREDUMP(status) ? done("memory was written out") : refused_as("NOCORE", "nothing was written");
}

static int burn(char **args, int n)
{
    long ms;
    struct timespec used = {0};

    (void)n;
    if (!number(args[0], &ms))
        return USAGE;
    while (used.tv_sec * 1000 + used.tv_nsec / 1000000 < ms)
        clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
    return done("%ld ms of processor time", ms);
}

/* For what is looked at from outside. */
static int idle(char **args, int n)
{
    int r = burn(args, n);

    for (int i = 0; r == DONE && i < 300; i++)
        usleep(100000);
    return r;
}

static int on_processor(char **args, int n)
{
    long cpu;
    cpu_set_t set;

    (void)n;
    if (!number(args[0], &cpu) || cpu < 0 || cpu >= CPU_SETSIZE)
        return USAGE;
    CPU_ZERO(&set);
    CPU_SET((size_t)cpu, &set);
    if (sched_setaffinity(0, sizeof set, &set) < 0)
        return refused("sched_setaffinity to processor %ld", cpu);
    return sched_getcpu() == cpu ? done("on processor %ld", cpu) : hollow("it runs on processor %d", sched_getcpu());
}

/* ---- limits of setrlimit(2), by what they hold back ----------------------------------------------------------- */

static int use_address_space(long bytes)
{
    void *m = mmap(NULL, (size_t)bytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return m == MAP_FAILED ? -1 : munmap(m, (size_t)bytes);
}

static int use_data(long bytes)
{
    void *m = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return m == MAP_FAILED ? -1 : munmap(m, (size_t)bytes);
}

static int use_locked(long bytes)
{
    void *m = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

    return m == MAP_FAILED ? -1 : mlock(m, (size_t)bytes);
}

static int use_queue(long bytes)
{
    struct mq_attr attr = {.mq_maxmsg = 1, .mq_msgsize = bytes};
    mqd_t q = mq_open("/moat-attempt", O_RDWR | O_CREAT | O_EXCL, 0600, &attr);

    return q < 0 ? -1 : mq_unlink("/moat-attempt");
}

static int use_signals(long count)
{
    sigset_t set;

    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (long i = 0; i < count; i++)
        if (sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = 0}) < 0)
            return -1;
    return 0;
}

static int use_nice(long better)
{
    return setpriority(PRIO_PROCESS, 0, (int)-better);
}

static int use_realtime(long priority)
{
    /* musl's own function refuses. */
    return (int)syscall(SYS_sched_setscheduler, 0, SCHED_RR, &(int){(int)priority});
}

/* Writes below this frame, page after page, so that the kernel has to make the stack grow. */
static int use_stack(long bytes)
{
    volatile char *frame = __builtin_frame_address(0);

    for (long at = PAGE; at < bytes; at += PAGE)
        frame[-at] = 1;
    return 0;
}

static int rlimit(char **args, int n)
{
    static const struct {
        const char *name;
        int (*use)(long amount);
    } uses[] = {{"as", use_address_space}, {"data", use_data},          {"stack", use_stack}, {"memlock", use_locked},
                {"msgqueue", use_queue},   {"sigpending", use_signals}, {"nice", use_nice},   {"rtprio", use_realtime}};
    long amount;

    (void)n;
    if (!number(args[1], &amount))
        return USAGE;
    for (size_t i = 0; i < ARRAY_LEN(uses); i++)
        if (!strcmp(uses[i].name, args[0]))
            return uses[i].use(amount) < 0 ? refused("%s of %ld", args[0], amount) : done("%s of %ld", args[0], amount);
    return USAGE;
}

/* By the kernel's number of it; -1 is no limit. */
static int limit_is(char **args, int n)
{
    long resource;
    struct rlimit l;
    char is[64], wanted[64];

    (void)n;
    if (!number(args[0], &resource) || getrlimit((int)resource, &l) < 0)
        return USAGE;
    snprintf(is, sizeof is, "%lld:%lld", (long long)l.rlim_cur, (long long)l.rlim_max);
    snprintf(wanted, sizeof wanted, "%s:%s", args[1], args[2]);
    if (!strcmp(is, wanted))
        return done("the limit is %s", is);
    return refused_as("OTHER", "the limit is %s", is);
}

const struct attempt limit_attempts[] = {
    {"memory", touch_memory, "BYTES", "uses so much memory"},
    {"processes", processes, "N", "has so many processes at once, beside itself"},
    {"descriptors", descriptors, "N", "opens so many descriptors, beside those it was given"},
    {"file-size", file_size, "PATH BYTES", "makes a file of that size"},
    {"fill", fill, "PATH BYTES", "writes so many bytes into a new file"},
    {"core", core_dump, "DIR", "lets a process die, and looks whether its memory was written out"},
    {"burn", burn, "MILLISECONDS", "uses so much processor time"},
    {"idle", idle, "MILLISECONDS", "uses so much processor time, says so, and waits for its end"},
    {"processor", on_processor, "N", "runs on that processor"},
    {"limit", limit_is, "NUMBER SOFT HARD", "whether a limit of setrlimit(2) is this one"},
    {"rlimit", rlimit, "NAME AMOUNT",
     "as, data, stack, memlock, msgqueue, sigpending, nice, rtprio: uses so much of it"},
    {NULL},
};
