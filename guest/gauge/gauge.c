/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-gauge: what things cost, seen from inside a boundary (`moat compare` runs it there, and natively).
 *
 *   moat-gauge noop                              ends at once: the program of a start that is timed from outside
 *   moat-gauge hold                              touches nothing, says "ready" and waits for the end of its standard
 *                                                input: what it and its keepers take is counted from outside
 *   moat-gauge measure [--quick] [--dir DIR] [--mib N]
 *                                                measures, and prints one line of JSON
 *
 * Each figure is taken in batches, timed by the monotonic clock; printed are the best batch and the median of all, as
 * nanoseconds a call or bytes a second. The best tells what the boundary costs, the median what the machine had to
 * spare. Everything runs on one processor: waking another one costs many times a round trip and hides what is measured.
 * What cannot be measured is left out, with a line on standard error that says why; the exit status is then 1.
 *
 * It may touch DIR, where it makes one file and removes it, and nothing else. It trusts its arguments.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define BATCHES_MAX   400
#define BATCHES_LEAST 3
#define FILE_CHUNK    (128u << 10)
#define PIPE_CHUNK    (64u << 10)
#define MIB           (1u << 20)
#define NS            1000000000.0

struct options {
    const char *dir; /* NULL: no files */
    unsigned mib;
    bool quick;
};

/* A figure to be: seconds of each batch, which stood for `count` calls or bytes. */
struct batches {
    double seconds[BATCHES_MAX];
    unsigned n;
};

static char buffer[FILE_CHUNK];
static bool failed;

static double now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / NS;
}

static void complain(const char *what)
{
    dprintf(2, "moat-gauge: %s: %s\n", what, strerror(errno));
    failed = true;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Whether another batch is due: as many as wanted, but no more than `limit` seconds of them once a few are there. */
static bool more(const struct batches *b, unsigned wanted, double limit)
{
    double spent = 0;

    for (unsigned i = 0; i < b->n; i++)
        spent += b->seconds[i];
    return b->n < wanted && b->n < BATCHES_MAX && (b->n < BATCHES_LEAST || spent < limit);
}

static bool first_member = true;

static void print_figure(const char *name, double best, double median, unsigned n)
{
    printf("%s\"%s\":{\"best\":%.4g,\"median\":%.4g,\"batches\":%u}", first_member ? "" : ",", name, best, median, n);
    first_member = false;
}

/* `count` calls a batch, as nanoseconds a call. */
static void print_cost(const char *name, struct batches *b, double count)
{
    qsort(b->seconds, b->n, sizeof *b->seconds, by_size);
    print_figure(name, b->seconds[0] * NS / count, b->seconds[b->n / 2] * NS / count, b->n);
}

/* `bytes` a batch, as bytes a second. */
static void print_rate(const char *name, struct batches *b, double bytes)
{
    qsort(b->seconds, b->n, sizeof *b->seconds, by_size);
    print_figure(name, bytes / b->seconds[0], bytes / b->seconds[b->n / 2], b->n);
}

/* ---- system calls ------------------------------------------------------------------------------------------- */

/* getppid(2) takes no argument and finds its answer at once: what is timed is the way in and out. */
static void measure_syscall(const struct options *o)
{
    const unsigned calls = o->quick ? 100 : 500;
    struct batches b = {0};

    while (more(&b, o->quick ? 5 : 200, 1)) {
        double begin = now();
        for (unsigned i = 0; i < calls; i++)
            syscall(SYS_getppid);
        b.seconds[b.n++] = now() - begin;
    }
    print_cost("syscall", &b, calls);
}

/* ---- files -------------------------------------------------------------------------------------------------- */

/* A file that is there is opened, closed and looked at by name. */
static void measure_open(const struct options *o, const char *path)
{
    const unsigned calls = o->quick ? 20 : 100;
    struct batches b = {0};
    struct stat st;

    while (more(&b, o->quick ? 5 : 100, 1)) {
        double begin = now();
        for (unsigned i = 0; i < calls; i++) {
            int fd = open(path, O_RDONLY | O_CLOEXEC);
            if (fd < 0 || close(fd) < 0 || stat(path, &st) < 0) {
                complain(path);
                return;
            }
        }
        b.seconds[b.n++] = now() - begin;
    }
    print_cost("open", &b, calls);
}

static int write_file(int fd, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += FILE_CHUNK) {
        ssize_t n = write(fd, buffer, FILE_CHUNK);
        if (n != (ssize_t)FILE_CHUNK) {
            errno = n < 0 ? errno : ENOSPC;
            return -1;
        }
    }
    return 0;
}

static int read_file(int fd, size_t bytes)
{
    for (size_t done = 0; done < bytes; done += FILE_CHUNK) {
        ssize_t n = pread(fd, buffer, FILE_CHUNK, (off_t)done);
        if (n != (ssize_t)FILE_CHUNK) {
            errno = n < 0 ? errno : EIO;
            return -1;
        }
    }
    return 0;
}

/* Written anew each time, pages and all, and read back from memory: no disk is waited for. */
static void measure_content(const struct options *o, int fd)
{
    size_t bytes = (size_t)o->mib * MIB;
    struct batches w = {0}, r = {0};

    while (more(&w, o->quick ? 1 : 60, 2)) {
        if (ftruncate(fd, 0) < 0 || lseek(fd, 0, SEEK_SET) < 0) {
            complain("file");
            return;
        }
        double begin = now();
        int bad = write_file(fd, bytes);
        double between = now();
        if (bad || read_file(fd, bytes)) {
            complain("file");
            return;
        }
        w.seconds[w.n++] = between - begin;
        r.seconds[r.n++] = now() - between;
    }
    print_rate("write", &w, (double)bytes);
    print_rate("read", &r, (double)bytes);
}

static void measure_files(const struct options *o)
{
    char path[4096];

    if (!o->dir)
        return;
    snprintf(path, sizeof path, "%s/gauge-XXXXXX", o->dir);
    int fd = mkstemp(path);
    if (fd < 0) {
        complain(path);
        return;
    }
    measure_open(o, path);
    measure_content(o, fd);
    close(fd);
    unlink(path);
}

/* ---- pipes -------------------------------------------------------------------------------------------------- */

struct peer {
    int to, from; /* our ends */
    pid_t pid;    /* 0: it is a thread */
    pthread_t thread;
    struct ends {
        int from, to;
        size_t swallow;
    } ends; /* its own */
};

/* The other process: answers each byte, or swallows what comes and answers after every `swallow` bytes. */
static int answer(const struct ends *e)
{
    for (size_t had = 0;;) {
        ssize_t n = read(e->from, buffer, e->swallow ? PIPE_CHUNK : 1);
        if (n <= 0)
            return 0;
        had += (size_t)n;
        if (had < e->swallow)
            continue;
        had = 0;
        if (write(e->to, "", 1) != 1)
            return 1;
    }
}

static void *answer_here(void *ends)
{
    const struct ends *e = ends;

    answer(e);
    close(e->from);
    close(e->to);
    return NULL;
}

static int start_peer(struct peer *p, size_t swallow)
{
    int there[2], back[2];

    if (pipe2(there, O_CLOEXEC) < 0)
        return -1;
    if (pipe2(back, O_CLOEXEC) < 0) {
        close(there[0]);
        close(there[1]);
        return -1;
    }
    *p = (struct peer){.to = there[1], .from = back[0], .ends = {there[0], back[1], swallow}};
    p->pid = fork();
    if (p->pid == 0) {
        close(there[1]);
        close(back[0]);
        _exit(answer(&p->ends));
    }
    /* Where there is one address space and no fork, another thread is as far away as another process. */
    if (p->pid < 0 && errno == ENOSYS && pthread_create(&p->thread, NULL, answer_here, &p->ends) == 0) {
        p->pid = 0;
        return 0;
    }
    close(there[0]);
    close(back[1]);
    if (p->pid > 0)
        return 0;
    close(p->to);
    close(p->from);
    return -1;
}

static void end_peer(struct peer *p)
{
    close(p->to);
    close(p->from);
    if (!p->pid)
        pthread_join(p->thread, NULL);
    while (p->pid && waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
        ;
}

static int send_and_wait(const struct peer *p, size_t bytes, size_t chunk)
{
    char byte;

    for (size_t done = 0; done < bytes;) {
        ssize_t n = write(p->to, buffer, chunk);
        if (n <= 0)
            return -1;
        done += (size_t)n;
    }
    return read(p->from, &byte, 1) == 1 ? 0 : -1;
}

static void measure_pipes(const struct options *o)
{
    const size_t bytes = 4 * MIB;
    const unsigned trips = o->quick ? 20 : 100;
    struct batches rate = {0}, trip = {0};
    struct peer p;

    if (start_peer(&p, bytes) < 0) {
        complain("pipe");
        return;
    }
    int bad = send_and_wait(&p, bytes, PIPE_CHUNK); /* the first one makes the pipe's pages */
    while (!bad && more(&rate, o->quick ? 1 : 40, 1)) {
        double begin = now();
        bad = send_and_wait(&p, bytes, PIPE_CHUNK);
        rate.seconds[rate.n++] = now() - begin;
    }
    end_peer(&p);
    if (bad || start_peer(&p, 0) < 0) {
        complain("pipe");
        return;
    }
    while (!bad && more(&trip, o->quick ? 5 : 100, 1)) {
        double begin = now();
        for (unsigned i = 0; i < trips && !bad; i++)
            bad = send_and_wait(&p, 1, 1);
        trip.seconds[trip.n++] = now() - begin;
    }
    end_peer(&p);
    if (bad) {
        complain("pipe");
        return;
    }
    print_rate("pipe", &rate, (double)bytes);
    print_cost("roundTrip", &trip, trips);
}

/* ---- modes -------------------------------------------------------------------------------------------------- */

static void stay_on_one_processor(void)
{
    cpu_set_t one;
    unsigned cpu = 0;

    CPU_ZERO(&one);
    if (syscall(SYS_getcpu, &cpu, NULL, NULL) == 0 && cpu < CPU_SETSIZE) {
        CPU_SET(cpu, &one);
        sched_setaffinity(0, sizeof one, &one); /* where that is not allowed the figures are only less steady */
    }
}

static int measure(const struct options *o)
{
    stay_on_one_processor();
    signal(SIGPIPE, SIG_IGN);
    memset(buffer, 'm', sizeof buffer);
    printf("{");
    measure_syscall(o);
    measure_files(o);
    measure_pipes(o);
    printf("}\n");
    if (fflush(stdout) != 0)
        complain("standard output");
    return failed;
}

static int hold(void)
{
    char byte;
    ssize_t n;

    if (write(1, "ready\n", 6) != 6)
        return 1;
    do
        n = read(0, &byte, 1);
    while (n > 0 || (n < 0 && errno == EINTR));
    return 0;
}

static int usage(void)
{
    static const char text[] = "usage: moat-gauge noop | hold | measure [--quick] [--dir DIR] [--mib N]\n";

    return write(2, text, sizeof text - 1) < 0 ? 2 : 2;
}

int main(int argc, char **argv)
{
    struct options o = {.mib = 2}; /* which stays in the caches: larger ones measure what others do to those */

    if (argc == 2 && !strcmp(argv[1], "noop"))
        return 0;
    if (argc == 2 && !strcmp(argv[1], "hold"))
        return hold();
    if (argc < 2 || strcmp(argv[1], "measure") != 0)
        return usage();
    for (int i = 2; i < argc; i++) {
        if (!strcmp(argv[i], "--quick")) {
            o.quick = true;
            o.mib = 1;
        } else if (!strcmp(argv[i], "--dir") && i + 1 < argc) {
            o.dir = argv[++i];
        } else if (!strcmp(argv[i], "--mib") && i + 1 < argc) {
            long mib = strtol(argv[++i], NULL, 10);
            if (mib < 1 || mib > 4096)
                return usage();
            o.mib = (unsigned)mib;
        } else {
            return usage();
        }
    }
    return measure(&o);
}
