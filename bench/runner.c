/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times commands. Reads rows and orders from standard input, answers on standard output, so that what counts runs here,
 * in a small static program, and what computes medians can be a script.
 *
 *   row VIEW ARG...    (tab-separated)  the next row; VIEW: "plain", or "no-unified": a mount namespace without
 *                      /sys/fs/cgroup/unified, for runtimes that refuse hybrid cgroups
 *   go                 ends the rows
 *   run N WARMUP       N rounds of one start of each row, the order turning by one each round, after WARMUP untimed
 *                      ones; answers "ROW NANOSECONDS MAXRSS_KIB" a line
 *   flood ROW N K      N starts of one row, K at a time; answers "flood ROW N NANOSECONDS"
 *   facts              answers "cpuid NANOSECONDS"
 *
 * An order ends with "done". "{id}" in an argument becomes an identifier that no other start has. A start that does not
 * exit with 0 is an error: its standard error is shown and the runner ends with 1.
 *
 * Each view has its own worker, a child that lives in that mount namespace: entering it is not in the measured time. A
 * start is vfork, execve and wait4 in the worker, with the clock read before and after.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define ROWS_MAX       64
#define ARGS_MAX       256
#define LINE_MAX_BYTES 8192

enum { VIEW_PLAIN, VIEW_NO_UNIFIED, VIEWS };

struct row {
    int view, argc;
    char *argv[ARGS_MAX];
};

struct order {
    int row, count, at_once; /* row -1: end */
};

struct answer {
    int64_t ns;
    int64_t maxrss_kib;
    int failed; /* a wait status */
};

struct worker {
    pid_t pid;
    int to, from;
};

static struct row rows[ROWS_MAX];
static int n_rows;
static struct worker workers[VIEWS];
static int errors_fd; /* what the started programs say; emptied before each start */
extern char **environ;

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "runner: %s: %s\n", what, strerror(errno));
    exit(2);
}

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* ---- a worker ---- */

static void fill_in(char *const *from, char **to, char ids[][256])
{
    static unsigned counter;
    int i = 0;

    counter++;
    for (; from[i]; i++) {
        const char *at = strstr(from[i], "{id}");

        to[i] = from[i];
        if (!at)
            continue;
        snprintf(ids[i], 256, "%.*sbench-%d-%u%s", (int)(at - from[i]), from[i], (int)getpid(), counter, at + 4);
        to[i] = ids[i];
    }
    to[i] = NULL;
}

/* The clock starts before the vfork, after the arguments are ready. */
static pid_t start(const struct row *r, int64_t *began)
{
    static char ids[ARGS_MAX][256];
    char *argv[ARGS_MAX + 1];
    pid_t pid;

    fill_in(r->argv, argv, ids);
    *began = now_ns();
    pid = vfork();
    if (pid == 0) {
        execve(argv[0], argv, environ);
        _exit(127);
    }
    if (pid < 0)
        die("vfork");
    return pid;
}

static struct answer flood(const struct row *r, int count, int at_once)
{
    struct answer a = {0};
    struct rusage ru;
    int64_t first, ignored;
    int running = 0, st;

    if (ftruncate(errors_fd, 0) < 0)
        die("emptying the error file");
    first = now_ns();
    for (int left = count; (left > 0 && !a.failed) || running > 0;) {
        if (left > 0 && running < at_once && !a.failed) {
            start(r, at_once == 1 ? &first : &ignored);
            left--;
            running++;
            continue;
        }
        if (wait4(-1, &st, 0, &ru) < 0)
            die("wait4");
        running--;
        if (st)
            a.failed = st;
        if (ru.ru_maxrss > a.maxrss_kib)
            a.maxrss_kib = ru.ru_maxrss;
    }
    a.ns = now_ns() - first;
    return a;
}

static void enter_view(int view)
{
    if (view == VIEW_PLAIN)
        return;
    if (unshare(CLONE_NEWNS) < 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        die("making a mount namespace");
    if (umount2("/sys/fs/cgroup/unified", MNT_DETACH) < 0 && errno != EINVAL && errno != ENOENT)
        die("unmounting /sys/fs/cgroup/unified");
}

static _Noreturn void worker_main(int view, int from, int to)
{
    struct order o;
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);

    enter_view(view);
    if (null < 0 || dup2(null, 0) < 0 || dup2(null, 1) < 0 || dup2(errors_fd, 2) < 0)
        die("redirecting");
    while (read(from, &o, sizeof(o)) == sizeof(o)) {
        struct answer a = flood(&rows[o.row], o.count, o.at_once);

        if (write(to, &a, sizeof(a)) != sizeof(a))
            break;
    }
    _exit(0);
}

static void worker_start(int view)
{
    int there[2], back[2];

    if (pipe2(there, O_CLOEXEC) < 0 || pipe2(back, O_CLOEXEC) < 0)
        die("pipe2");
    workers[view].pid = fork();
    if (workers[view].pid < 0)
        die("fork");
    if (workers[view].pid == 0) {
        close(there[1]);
        close(back[0]);
        worker_main(view, there[0], back[1]);
    }
    close(there[0]);
    close(back[1]);
    workers[view].to = there[1];
    workers[view].from = back[0];
}

/* ---- orders ---- */

static _Noreturn void report_failure(const struct row *r, int status)
{
    char text[4096];
    ssize_t n = pread(errors_fd, text, sizeof(text) - 1, 0);

    fprintf(stderr, "runner: wait status 0x%x from:", (unsigned)status);
    for (int i = 0; i < r->argc; i++)
        fprintf(stderr, " %s", r->argv[i]);
    fprintf(stderr, "\n%.*s\n", n > 0 ? (int)n : 0, text);
    exit(1);
}

static struct answer ask(int row, int count, int at_once)
{
    struct order o = {row, count, at_once};
    struct worker *w = &workers[rows[row].view];
    struct answer a;

    if (write(w->to, &o, sizeof(o)) != sizeof(o) || read(w->from, &a, sizeof(a)) != sizeof(a))
        die("a worker is gone");
    if (a.failed)
        report_failure(&rows[row], a.failed);
    return a;
}

static void order_run(int rounds, int warmup)
{
    for (int k = -warmup; k < rounds; k++) {
        for (int i = 0; i < n_rows; i++) {
            int row = (i + k + warmup) % n_rows;
            struct answer a = ask(row, 1, 1);

            if (k >= 0)
                printf("%d %lld %lld\n", row, (long long)a.ns, (long long)a.maxrss_kib);
        }
    }
}

/* A virtual machine's monitor answers CPUID: what one costs tells how dear the machine's traps are. */
static void order_facts(void)
{
    unsigned a = 1, b, c = 0, d;
    int64_t began = now_ns();

    for (int i = 0; i < 2000; i++)
        __asm__ volatile("cpuid" : "+a"(a), "=b"(b), "+c"(c), "=d"(d));
    printf("cpuid %lld\n", (long long)((now_ns() - began) / 2000));
}

static void row_add(char *line)
{
    struct row *r = &rows[n_rows];
    char *word, *save = NULL;

    if (n_rows == ROWS_MAX)
        die("too many rows");
    word = strtok_r(line, "\t", &save); /* "row" */
    word = strtok_r(NULL, "\t", &save);
    r->view = word && !strcmp(word, "no-unified") ? VIEW_NO_UNIFIED : VIEW_PLAIN;
    while ((word = strtok_r(NULL, "\t", &save)) && r->argc < ARGS_MAX - 1)
        r->argv[r->argc++] = strdup(word);
    if (!r->argc) {
        errno = EINVAL;
        die("a row without a command");
    }
    n_rows++;
}

int main(void)
{
    static char line[LINE_MAX_BYTES];
    int a, b, c;

    errors_fd = open("/tmp", O_TMPFILE | O_RDWR | O_APPEND | O_CLOEXEC, 0600);
    if (errors_fd < 0)
        die("opening a temporary file in /tmp");
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    while (fgets(line, sizeof(line), stdin)) {
        line[strcspn(line, "\n")] = '\0';
        if (!strncmp(line, "row\t", 4)) {
            row_add(line);
            continue;
        }
        if (!strcmp(line, "go"))
            for (int v = 0; v < VIEWS; v++)
                worker_start(v);
        else if (sscanf(line, "run %d %d", &a, &b) == 2)
            order_run(a, b);
        else if (sscanf(line, "flood %d %d %d", &a, &b, &c) == 3 && a >= 0 && a < n_rows)
            printf("flood %d %d %lld\n", a, b, (long long)ask(a, b, c).ns);
        else if (!strcmp(line, "facts"))
            order_facts();
        else
            fprintf(stderr, "runner: no such order: %s\n", line);
        puts("done");
        fflush(stdout);
    }
    return 0;
}
