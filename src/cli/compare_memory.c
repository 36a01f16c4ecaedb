/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of one sandbox for `moat compare`: a program that touches nothing waits in it, and the private pages of
 * all processes that were started for it are added up, launcher and engine included. Reads /proc and nothing else.
 */
#include "base/clock.h"
#include "base/io.h"
#include "cli/compare_run.h"
#include "host/helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define PIDS_MAX     65536u
#define SCRATCH_SIZE (1u << 20)

struct process_row {
    pid_t pid, parent;
};

static pid_t parent_of(pid_t pid)
{
    char path[40], text[512];

    snprintf(path, sizeof path, "/proc/%d/stat", pid);
    ssize_t n = io_read_small(AT_FDCWD, path, text, sizeof text);
    char *end = n > 0 ? strrchr(text, ')') : NULL; /* the name before it may hold anything */
    int parent;
    return end && sscanf(end + 1, " %*c %d", &parent) == 1 ? parent : -1;
}

static size_t list_processes(struct process_row *rows, size_t max)
{
    DIR *d = opendir("/proc");
    size_t n = 0;

    for (struct dirent *e; d && n < max && (e = readdir(d));) {
        pid_t pid = (pid_t)strtol(e->d_name, NULL, 10);
        if (pid > 0)
            rows[n++] = (struct process_row){.pid = pid, .parent = parent_of(pid)};
    }
    if (d)
        closedir(d);
    return n;
}

static void swap(struct process_row *rows, size_t a, size_t b)
{
    struct process_row kept = rows[a];

    rows[a] = rows[b];
    rows[b] = kept;
}

/* Bytes that are this process's alone. -errno; one that has gone takes nothing. */
static int64_t private_of(pid_t pid)
{
    char path[48], text[2048];
    int64_t sum = 0;

    snprintf(path, sizeof path, "/proc/%d/smaps_rollup", pid);
    ssize_t n = io_read_small(AT_FDCWD, path, text, sizeof text);
    if (n == -ENOENT || n == -ESRCH)
        return 0;
    if (n < 0)
        return n;
    for (char *line = text; (line = strstr(line, "\nPrivate_")); line++) {
        char *value = strchr(line, ':');
        sum += value ? strtoll(value + 1, NULL, 10) * 1024 : 0;
    }
    return sum;
}

/* The process and all below it come to the front of the rows: how many these are. */
static size_t find_tree(struct process_row *rows, size_t max, pid_t root)
{
    size_t n = list_processes(rows, max), found = 0;

    for (size_t i = 0; i < n && !found; i++)
        if (rows[i].pid == root)
            swap(rows, i, found++);
    for (size_t done = 0; done < found; done++)
        for (size_t i = found; i < n; i++)
            if (rows[i].parent == rows[done].pid)
                swap(rows, i, found++);
    return found;
}

static int64_t private_of_tree(pid_t root)
{
    _cleanup_free_ struct process_row *rows = calloc(PIDS_MAX, sizeof *rows);
    int64_t sum = 0;

    if (!rows)
        return -ENOMEM;
    size_t n = find_tree(rows, PIDS_MAX, root);
    for (size_t i = 0; i < n; i++) {
        int64_t one = private_of(rows[i].pid);
        if (one < 0)
            return one;
        sum += one;
    }
    return sum;
}

/* A number may have become another's since the list was made: the parent is looked at again, behind a pidfd. */
void compare_kill_below(pid_t pid)
{
    _cleanup_free_ struct process_row *rows = calloc(PIDS_MAX, sizeof *rows);
    size_t n = rows ? find_tree(rows, PIDS_MAX, pid) : 0;

    for (size_t i = 1; i < n; i++) {
        _cleanup_fd_ int pidfd = (int)syscall(SYS_pidfd_open, rows[i].pid, 0);
        if (pidfd >= 0 && parent_of(rows[i].pid) == rows[i].parent)
            syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
    }
}

/* Those who started it may still be giving memory back: until two readings agree. */
static int64_t settled_memory(pid_t root)
{
    int64_t before = -1, now = private_of_tree(root);

    for (int i = 0; i < 20 && now >= 0 && now != before; i++) {
        usleep(10000);
        before = now;
        now = private_of_tree(root);
    }
    return now;
}

static bool is_ready(int fd)
{
    char text[16];
    size_t n = 0;
    int64_t until = clock_ms() + COMPARE_LIMIT_MS;

    while (n < 6 && !compare_interrupted && helper_poll(fd, POLLIN, until) > 0) {
        ssize_t got = read(fd, text + n, 6 - n);
        if (got <= 0)
            return false;
        n += (size_t)got;
    }
    return n == 6 && !memcmp(text, "ready\n", 6);
}

int compare_measure_memory(struct compare *c, struct compare_subject *s, struct err *err)
{
    static const char *const hold[] = {"hold", NULL};
    int in[2], out[2];
    char text[512];
    struct running run;
    struct arena a;
    struct command_line l = {.a = &a};

    _cleanup_fd_ int words = compare_scratch(err);
    if (words < 0)
        return words;
    if (pipe2(in, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "pipe");
    _cleanup_fd_ int in_read = in[0], in_write = in[1];
    if (pipe2(out, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "pipe");
    _cleanup_fd_ int out_read = out[0], out_write = out[1];
    if (arena_init(&a, SCRATCH_SIZE) < 0)
        return err_set(err, -ENOMEM, "out of memory");
    int r = compare_own_line(c, s, "moat-gauge", hold, true, false, &l, err);
    if (r == 0)
        r = compare_spawn(l.v, (const int[]){in_read, out_write, words}, &run);
    arena_free(&a);
    if (r < 0)
        return err->code ? r : err_sys(err, r, "cannot start %s", s->name);
    cleanup_fd(&out_write);
    out_write = -1;
    bool ready = is_ready(out_read);
    int64_t bytes = ready ? settled_memory(run.pid) : 0;
    cleanup_fd(&in_write);
    in_write = -1;
    r = compare_wait(&run, COMPARE_LIMIT_MS, err);
    if (r < 0 || compare_interrupted)
        return r < 0 ? r : 0;
    compare_last_words(words, text, sizeof text);
    if (!ready || r != 0)
        compare_note(c, s, COMPARE_MEMORY, "a program that waits ended with %d: %s", r, text);
    else if (bytes < 0)
        compare_note(c, s, COMPARE_MEMORY, "the memory of its processes cannot be read: %s%s", strerror((int)-bytes),
                     geteuid() ? ": root may read it" : "");
    else
        compare_add(c, s, COMPARE_MEMORY, (double)bytes, (double)bytes);
    return 0;
}
