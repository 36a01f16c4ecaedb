/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs for `moat compare`: the command line that puts a program natively or behind a boundary, and its start, end and
 * last words. Starts processes of its own only and waits for each; what they write is bounded where it is read.
 */
#include "cli/compare_run.h"

#include "base/clock.h"
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define PATIENCE_MS 3000 /* with a run that was asked to end, and then with its keeper */

extern char **environ;

/* ---- what is run -------------------------------------------------------------------------------------------- */

static void push(struct command_line *l, const char *word)
{
    char *copy = arena_strdup(l->a, word);

    if (!copy || l->n + 1 >= l->cap)
        l->full = true;
    else
        l->v[l->n++] = copy;
}

static void push_all(struct command_line *l, const char *const *words, size_t max)
{
    for (size_t i = 0; i < max && words[i]; i++)
        push(l, words[i]);
}

/* Words of a row: {libexec} and {work} at the beginning of one are the directories. */
static void push_row(struct command_line *l, const struct compare *c, const char *const *words, size_t max)
{
    static const char libexec[] = "{libexec}", work[] = "{work}";

    for (size_t i = 0; i < max && words[i]; i++) {
        const char *w = words[i], *made = w;
        if (!strncmp(w, libexec, sizeof libexec - 1))
            made = arena_printf(l->a, "%s%s", c->libexec, w + sizeof libexec - 1);
        else if (!strncmp(w, work, sizeof work - 1))
            made = arena_printf(l->a, "%s%s", c->work, w + sizeof work - 1);
        push(l, made ? made : "");
    }
}

static int begin_line(struct command_line *l, struct arena *a, size_t words, struct err *err)
{
    *l = (struct command_line){.a = a, .cap = words + 1, .v = arena_array(a, words + 1, sizeof(char *))};
    return l->v ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int end_line(struct command_line *l, struct err *err)
{
    return l->full ? err_set(err, -ENOMEM, "out of memory") : 0;
}

#define OWN_WORDS (4 * COMPARE_ARGS_MAX + 16)

int compare_own_line(const struct compare *c, const struct compare_subject *s, const char *program,
                     const char *const *args, bool input, bool work, struct command_line *l, struct err *err)
{
    const struct compare_row *row = s->row;
    int r = begin_line(l, l->a, OWN_WORDS, err);

    if (r < 0)
        return r;
    if (row) {
        const char *const run[] = {c->moat, "run", "--rm", "-b", row->boundary, input ? "-i" : NULL};
        push_all(l, run, ARRAY_LEN(run));
        push_row(l, c, row->args, ARRAY_LEN(row->args));
        if (work)
            push_row(l, c, row->work_args, ARRAY_LEN(row->work_args));
        push_row(l, c, &row->root, 1);
    }
    const char *dir = row ? row->program_dir : NULL;
    char *path = row && row->packed ? arena_printf(l->a, "%s/%s.moat", c->work, program)
                                    : arena_printf(l->a, "%s/%s", dir ? dir : c->libexec, program);
    push(l, path ? path : "");
    for (; *args; args++)
        push(l, strcmp(*args, "{dir}") != 0 ? *args : row && row->work_dir ? row->work_dir : c->work);
    return end_line(l, err);
}

int compare_job_line(const struct compare *c, const struct compare_subject *s, struct command_line *l, struct err *err)
{
    size_t n = 0;

    while (c->job_command[n])
        n++;
    int r = begin_line(l, l->a, OWN_WORDS + c->n_job_options + n, err);
    if (r < 0)
        return r;
    if (s->row) {
        const char *const run[] = {c->moat, "run", "--rm", "-b", s->row->boundary};
        push_all(l, run, ARRAY_LEN(run));
        for (size_t i = 0; i < c->n_job_options; i++)
            push(l, c->job_options[i]);
        push(l, s->row->image ? c->job_image : "--");
    }
    for (size_t i = 0; i < n; i++)
        push(l, c->job_command[i]);
    return end_line(l, err);
}

/* ---- running it --------------------------------------------------------------------------------------------- */

static int64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* What else is open here is close-on-exec. */
int compare_spawn(char *const *argv, const int streams[3], struct running *run)
{
    posix_spawn_file_actions_t actions;
    posix_spawnattr_t attr;
    sigset_t none, usual;
    int r = -posix_spawn_file_actions_init(&actions);

    if (r < 0)
        return r;
    sigemptyset(&none);
    sigemptyset(&usual);
    sigaddset(&usual, SIGPIPE);
    posix_spawnattr_init(&attr);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &usual);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    for (int fd = 0; fd < 3 && r == 0; fd++)
        r = streams[fd] < 0 ? -posix_spawn_file_actions_addopen(&actions, fd, "/dev/null", fd ? O_WRONLY : O_RDONLY, 0)
                            : -posix_spawn_file_actions_adddup2(&actions, streams[fd], fd);
    if (r == 0)
        r = -posix_spawnp(&run->pid, argv[0], &actions, &attr, argv, environ);
    posix_spawnattr_destroy(&attr);
    posix_spawn_file_actions_destroy(&actions);
    if (r < 0)
        return r;
    run->pidfd = (int)syscall(SYS_pidfd_open, run->pid, 0);
    return 0;
}

int compare_wait(struct running *run, int64_t limit_ms, struct err *err)
{
    int64_t until = limit_ms ? clock_ms() + limit_ms : INT64_MAX;
    int status, stage = 0;

    while (run->pidfd >= 0 && helper_poll(run->pidfd, POLLIN, clock_ms() + 200) <= 0) {
        if (clock_ms() < until && !(compare_interrupted && !stage))
            continue;
        /* What it keeps goes first, so that a keeper can clear up behind it. */
        if (stage == 0)
            kill(run->pid, SIGTERM);
        else if (stage == 1)
            compare_kill_below(run->pid);
        else
            kill(run->pid, SIGKILL);
        stage++;
        until = clock_ms() + PATIENCE_MS;
    }
    cleanup_fd(&run->pidfd);
    run->pidfd = -1;
    int r = helper_wait(run->pid, false, &status);
    if (r < 0)
        return err_sys(err, r, "cannot wait for a process");
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

int compare_scratch(struct err *err)
{
    int fd = memfd_create("compare", MFD_CLOEXEC);

    return fd < 0 ? err_sys(err, -errno, "no memory for the output of a run") : fd;
}

void compare_last_words(int fd, char *out, size_t size)
{
    char text[4096];
    off_t end = lseek(fd, 0, SEEK_END), from = end > (off_t)sizeof text ? end - (off_t)sizeof text : 0;
    ssize_t n = pread(fd, text, sizeof text, from);

    while (n > 0 && (text[n - 1] == '\n' || text[n - 1] == ' '))
        n--;
    ssize_t begin = n > 0 ? n : 0;
    while (begin > 0 && text[begin - 1] != '\n')
        begin--;
    helper_printable(out, size, text + begin, n > 0 ? (size_t)(n - begin) : 0);
    if (!out[0])
        snprintf(out, size, "it said nothing");
}

int compare_run(char *const *argv, int out, int err_fd, int64_t limit_ms, double *ns, struct err *err)
{
    const int streams[3] = {-1, out, err_fd};
    struct running run;
    int64_t begin = now_ns();
    *ns = 0;
    int r = compare_spawn(argv, streams, &run);

    if (r == -ENOENT)
        return 127;
    if (r == -EACCES)
        return 126;
    if (r < 0)
        return err_sys(err, r, "cannot start %s", argv[0]);
    r = compare_wait(&run, limit_ms, err);
    *ns = (double)(now_ns() - begin);
    return r;
}
