/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat probe`: the table of escape attempts (guest/probe), made unconfined and then behind a boundary as `moat run`
 * would confine a workload. What is not seen to succeed unconfined proves nothing; what succeeds confined has escaped.
 * What the confined side says is a sandbox's output: lines are looked up in the table that this host's own moat-probe
 * gave.
 */
#include "cli/probe.h"
#include "base/io.h"
#include "base/nearest.h"
#include "boundary/boundary.h"
#include "cli/commands.h"
#include "cli/probe_plant.h"
#include "cli/probe_policy.h"
#include "cli/run_options.h"
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARENA_SIZE (64u << 20)
#define RUN_ROW    1000 /* ids of run's rows begin here */

enum { OPTION_BOUNDARY, OPTION_CLASS, OPTION_JSON, OPTION_LIST, OPTION_WRITE };

const struct option_row probe_options[] = {
    {"boundary", 'b', "NAME", "Which boundary is probed (moat boundaries lists them)", OPTION_BOUNDARY},
    {"class", 0, "CLASS", "Only this class of attempts", OPTION_CLASS},
    {"list", 0, NULL, "Print the attempts and make none", OPTION_LIST},
    {"write", 0, NULL, "With --policy: also make and remove a file where it lets files be made", OPTION_WRITE},
    {"json", 0, NULL, "Print an object for programs", OPTION_JSON},
};
const size_t n_probe_options = ARRAY_LEN(probe_options);

/* ---- the command line --------------------------------------------------------------------------------------- */

/* Options of `run` that would take the sandbox away from us. */
static const char *const not_here[] = {"detach", "rm",      "interactive", "tty",  "rootfs",  "bundle",    "type",
                                       "name",   "restart", "json",        "pull", "cidfile", "entrypoint"};

static int run_option(struct probe_table *t, const struct option_row *row, const char *value, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(not_here); i++)
        if (!strcmp(not_here[i], row->name))
            return err_set(err, -EINVAL, "--%s has no meaning here: the sandbox lasts as long as the probes",
                           row->name);
    if (t->n_run == PROBE_WORDS_MAX)
        return err_set(err, -E2BIG, "more than %d options", PROBE_WORDS_MAX);
    t->run[t->n_run] = arena_printf(t->arena, "--%s=%s", row->name, value);
    return t->run[t->n_run++] ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct probe_table *t = ctx;

    switch (id) {
    case OPTION_BOUNDARY:
        t->boundary = value;
        return 0;
    case OPTION_CLASS:
        t->class = value;
        return 0;
    case OPTION_JSON:
        t->json = !strcmp(value, "true");
        return 0;
    case OPTION_LIST:
        t->list = !strcmp(value, "true");
        return 0;
    case OPTION_WRITE:
        t->write = !strcmp(value, "true");
        return 0;
    default:
        return run_option(t, &run_options_rows[id - RUN_ROW], value, err);
    }
}

/* Our own rows, then those of `run`. */
static int parse(struct probe_table *t, int argc, char **argv, struct err *err)
{
    struct option_row *rows = arena_array(t->arena, n_probe_options + n_run_options_rows, sizeof *rows);
    size_t n = n_probe_options;

    if (!rows)
        return err_set(err, -ENOMEM, "out of memory");
    memcpy(rows, probe_options, sizeof probe_options);
    for (size_t i = 0; i < n_run_options_rows; i++) {
        if (!run_options_rows[i].name || !strcmp(run_options_rows[i].name, "boundary"))
            continue;
        rows[n] = run_options_rows[i];
        rows[n++].id = RUN_ROW + (int)i;
    }
    int operands, r = options_parse(rows, n, argc, argv, false, &operands, apply, t, err);
    t->ids = argv + operands;
    t->n_ids = argc - operands;
    return r;
}

/* ---- the table ---------------------------------------------------------------------------------------------- */

static struct probe_row *find(struct probe_table *t, const char *id)
{
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->rows[i].id, id))
            return &t->rows[i];
    return NULL;
}

static bool is_wanted(const struct probe_table *t, const struct probe_row *row)
{
    if (t->class && strcmp(t->class, row->class))
        return false;
    for (int i = 0; i < t->n_ids; i++)
        if (!strcmp(t->ids[i], row->id))
            return true;
    return t->n_ids == 0;
}

/* "ID\tCLASS\tNEEDS\tATTEMPT" */
static int read_list(struct probe_table *t, char *text, struct err *err)
{
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line && t->n < PROBE_ROWS_MAX; line = strtok_r(NULL, "\n", &save)) {
        char *id = strsep(&line, "\t"), *class = strsep(&line, "\t"), *needs = strsep(&line, "\t");
        if (!line)
            return err_set(err, -EPROTO, "%s prints no table: does it belong to this moat?", t->program);
        t->rows[t->n++] = (struct probe_row){id, class, line, strstr(needs, "root"), strstr(needs, "token")};
    }
    return 0;
}

/* Names that nobody has: with the nearest one, before anything is run. Those not asked for are dropped. */
static int choose(struct probe_table *t, struct err *err)
{
    struct nearest near = {.wanted = t->class ? t->class : ""};
    bool known = !t->class;
    size_t kept = 0;

    for (size_t i = 0; i < t->n; i++) {
        known |= t->class && !strcmp(t->class, t->rows[i].class);
        nearest_try(&near, t->rows[i].class);
    }
    if (!known && near.best)
        return err_set(err, -EINVAL, "unknown class '%s': did you mean '%s'?", t->class, near.best);
    if (!known)
        return err_set(err, -EINVAL, "unknown class '%s': `moat probe --list` shows them", t->class);
    for (int i = 0; i < t->n_ids; i++) {
        if (find(t, t->ids[i]))
            continue;
        near = (struct nearest){.wanted = t->ids[i]};
        for (size_t k = 0; k < t->n; k++)
            nearest_try(&near, t->rows[k].id);
        if (near.best)
            return err_set(err, -EINVAL, "unknown probe '%s': did you mean '%s'?", t->ids[i], near.best);
        return err_set(err, -EINVAL, "unknown probe '%s': `moat probe --list` shows them", t->ids[i]);
    }
    for (size_t i = 0; i < t->n; i++)
        if (is_wanted(t, &t->rows[i]))
            t->rows[kept++] = t->rows[i];
    t->n = kept;
    return kept ? 0 : err_set(err, -EINVAL, "no probe of that name is in class '%s'", t->class ? t->class : "");
}

/* ---- two runs ----------------------------------------------------------------------------------------------- */

/* "ID\tCLASS\tOUTCOME\tWHAT WAS SEEN". An escape that should have shown the secret and has not is none. */
static void read_results(struct probe_table *t, char *text, const char *token, bool confined)
{
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *id = strsep(&line, "\t"), *class = strsep(&line, "\t"), *word = strsep(&line, "\t");
        struct probe_row *row = find(t, id);
        if (!row || !class || !word || !line)
            continue;
        struct probe_result *r = confined ? &row->confined : &row->unconfined;
        for (size_t o = PROBE_BLOCKED; o < PROBE_OUTCOMES; o++)
            if (!strcmp(word, probe_outcome_names[o]))
                r->outcome = (enum probe_outcome)o;
        r->saw = line;
        if (r->outcome == PROBE_ESCAPED && row->token && !strstr(line, token)) {
            r->outcome = PROBE_BLOCKED;
            r->saw = arena_printf(t->arena, "not the host's: %s", line);
        }
    }
}

/* How a program that lies on the host is run behind a boundary. */
static int confined_words(struct probe_table *t, const char **words, size_t *n, struct err *err)
{
    static const char image[] = "busybox", inside[] = "/moat-probe";
    const bool program = !strcmp(t->boundary, "broker"), nothing = !strcmp(t->boundary, "null");

    const char *why_not = kind_behind(t->boundary)->no_programs;

    if (why_not && !t->image)
        return err_set(err, -ENOTSUP, "the probes are programs of this host, and %s", why_not);
    const char *const head[] = {"/proc/self/exe", "run", "--rm", "-i", "--quiet", "-b", t->boundary};
    for (size_t i = 0; i < ARRAY_LEN(head); i++)
        words[(*n)++] = head[i];
    for (size_t i = 0; i < t->n_run; i++)
        words[(*n)++] = t->run[i];
    if (t->image) {
        words[(*n)++] = t->image;
        if (t->inside)
            words[(*n)++] = t->inside;
    } else if (program || nothing) {
        words[(*n)++] = program ? "--" : "--rootfs=/";
        words[(*n)++] = t->program;
    } else {
        if (strchr(t->program, ':'))
            return err_set(err, -EINVAL, "%s cannot be shown inside: its path has a colon", t->program);
        words[(*n)++] = arena_printf(t->arena, "--volume=%s:%s:ro", t->program, inside);
        words[(*n)++] = image;
        words[(*n)++] = inside;
    }
    return words[*n - 1] && words[*n - 2] ? 0 : err_set(err, -ENOMEM, "out of memory");
}

/* Rows from `from` on, in order. */
static int run_rows(struct probe_table *t, const struct canaries *c, size_t from, bool confined, struct canary_run *run,
                    struct err *err)
{
    const char **words = arena_array(t->arena, PROBE_WORDS_MAX * 2 + PROBE_ROWS_MAX, sizeof *words);
    size_t n = 0;
    int r = words ? 0 : err_set(err, -ENOMEM, "out of memory");

    if (r == 0 && confined)
        r = confined_words(t, words, &n, err);
    else if (r == 0)
        words[n++] = t->program;
    if (r < 0)
        return r;
    words[n++] = "run";
    for (size_t i = 0; i < c->n_facts; i++)
        words[n++] = c->facts[i];
    for (size_t i = from; i < t->n; i++)
        words[n++] = t->rows[i].id;
    *run = (struct canary_run){.argv = words, .probe = t->program, .own_mounts = !confined};
    return canaries_run(t->arena, c, run, err);
}

/* The first row without a result: the attempt at which the sandbox ended. */
static size_t ended_at(const struct probe_table *t, size_t from)
{
    while (from < t->n && t->rows[from].confined.outcome != PROBE_LOST)
        from++;
    return from;
}

/* Where program and kernel are one, an attempt may end the sandbox: then it is blocked, and the others are made in
 * another one. */
static int run_until(struct probe_table *t, const struct canaries *c, bool confined, struct canary_run *run,
                     struct err *err)
{
    size_t from = 0;
    int r;

    for (;;) {
        if ((r = run_rows(t, c, from, confined, run, err)) < 0)
            return r;
        const bool begun = !strncmp(run->output, "begun\n", 6),
                   well = WIFEXITED(run->status) && !WEXITSTATUS(run->status);
        read_results(t, run->output, c->token, confined);
        if (well || !confined || !t->image || !begun || (from = ended_at(t, from)) == t->n)
            return 0;
        t->rows[from].confined =
            (struct probe_result){PROBE_BLOCKED, arena_printf(t->arena, "the sandbox ended, with status %d",
                                                              WIFEXITED(run->status) ? WEXITSTATUS(run->status) : 137)};
        if (++from == t->n) {
            run->status = 0;
            return 0;
        }
    }
}

static int run_once(struct probe_table *t, bool confined, struct err *err)
{
    struct canaries canaries;
    struct canary_run run;
    int r = canaries_plant(t->arena, t->program, &canaries, err);

    if (r == 0)
        r = run_until(t, &canaries, confined, &run, err);
    canaries_remove(&canaries);
    if (r == 0 && (!WIFEXITED(run.status) || WEXITSTATUS(run.status)))
        return err_set(err, -EIO, "the probes could not be run %s: %s", confined ? "confined" : "unconfined",
                       *run.complaint ? run.complaint : "their process was ended");
    return r;
}

/* ---- as an image -------------------------------------------------------------------------------------------- */

/* By `moat pack`, into a file that is the caller's to remove. */
static int pack(struct probe_table *t, struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    char words[3][16] = {"pack", "--quiet", "--output"};
    char *path = arena_printf(t->arena, "%.70s/moat-probe-image-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");
    char *program = arena_strdup(t->arena, t->program);
    int status = 0, fd = path && program ? mkostemp(path, O_CLOEXEC) : -1;
    pid_t pid;

    if (fd < 0)
        return err_sys(err, path && program ? -errno : -ENOMEM, "cannot make a file for the probes' image");
    close(fd);
    t->image = path;
    int r = helper_spawn("/proc/self/exe", (char *[]){words[0], words[0], words[1], words[2], path, program, NULL},
                         &(struct helper_fd){2, 2}, 1, &pid);
    if (r == 0)
        r = helper_wait(pid, false, &status);
    if (r < 0)
        return err_sys(err, r, "moat pack");
    return status ? err_set(err, -EIO, "moat pack could not make an image of the probes") : 0;
}

/* ---- in a root ---------------------------------------------------------------------------------------------- */

#define IN_ROOT      "/moat-probe"
#define PROGRAM_MOST ((size_t)16 << 20)

/* A directory that is the caller's to remove, with the program alone. */
static int make_root(struct probe_table *t, struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    char *path = arena_printf(t->arena, "%.70s/moat-probe-root-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp"), *bytes;
    size_t n;

    if (!path || !mkdtemp(path))
        return err_sys(err, path ? -errno : -ENOMEM, "cannot make a root for the probes");
    t->image = path;
    t->inside = IN_ROOT;
    _cleanup_fd_ int dir = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    int r = dir < 0 || chmod(path, 0755) < 0 ? -errno : io_read_regular(t->arena, t->program, PROGRAM_MOST, &bytes, &n);
    if (r == 0)
        r = io_replace_file(dir, &t->inside[1], bytes, n, 0755);
    return r < 0 ? err_sys(err, r, "%s" IN_ROOT, path) : 0;
}

static void remove_root(const struct probe_table *t)
{
    const char *program = arena_printf(t->arena, "%s%s", t->image, t->inside);

    if (program)
        unlink(program);
    rmdir(t->image);
}

/* ---- confined ----------------------------------------------------------------------------------------------- */

static int run_confined(struct probe_table *t, struct err *err)
{
    const struct workload_kind *kind = kind_behind(t->boundary);
    int r = kind->packs ? pack(t, err) : kind->roots ? make_root(t, err) : 0;

    if (r == 0)
        r = run_once(t, true, err);
    if (t->image && t->inside)
        remove_root(t);
    else if (t->image)
        unlink(t->image);
    return r;
}

/* What the two runs say together. */
static void judge(struct probe_table *t)
{
    const bool ordinary = geteuid() != 0;

    for (size_t i = 0; i < t->n; i++) {
        struct probe_result *u = &t->rows[i].unconfined, *c = &t->rows[i].confined;
        if (u->outcome == PROBE_BLOCKED && ordinary && t->rows[i].root)
            *u = (struct probe_result){PROBE_ABSENT, "an ordinary user has none of it anyway"};
        if (u->outcome == PROBE_ABSENT && c->outcome == PROBE_BLOCKED)
            c->outcome = PROBE_ABSENT;
        else if (u->outcome != PROBE_ABSENT && c->outcome == PROBE_ABSENT)
            c->outcome = PROBE_BLOCKED;
    }
}

/* ---- all of it ---------------------------------------------------------------------------------------------- */

static int load(struct probe_table *t, struct err *err)
{
    int r = libexec_find(t->arena, "moat-probe", &t->program, err);
    char command[2][8] = {"probe", "list"};
    int fds[2], status;
    char *text;
    size_t len;
    pid_t pid;

    if (r < 0)
        return r;
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "pipe");
    r = helper_spawn(t->program, (char *[]){command[0], command[1], NULL}, &(struct helper_fd){fds[1], 1}, 1, &pid);
    close(fds[1]);
    if (r == 0)
        r = io_read_fd(t->arena, fds[0], 1u << 20, &text, &len);
    close(fds[0]);
    if (r < 0)
        return err_sys(err, r, "%s", t->program);
    helper_wait(pid, false, &status);
    r = read_list(t, text, err);
    return r < 0 ? r : choose(t, err);
}

/* A policy that is named with nothing else is what is tried; with classes or probes it is what they run under. */
static bool is_of_a_policy(const struct probe_table *t)
{
    bool named = false;

    for (size_t i = 0; i < t->n_run; i++)
        named |= !strncmp(t->run[i], "--policy=", 9) || !strncmp(t->run[i], "--profile=", 10);
    return named && !t->class && !t->n_ids && !t->list;
}

static int probe(struct probe_table *t, int argc, char **argv, struct probe_counts *n, struct err *err)
{
    const struct boundary *b;
    int r;

    if ((r = parse(t, argc, argv, err)) < 0)
        return r;
    if (is_of_a_policy(t))
        return probe_policy_run(
            &(struct probe_policy_options){t->arena, t->boundary, t->run, t->n_run, t->write, t->json}, err);
    if (t->write)
        return err_set(err, -EINVAL, "--write is of --policy FILE: escape attempts undo what they make");
    if ((r = load(t, err)) < 0)
        return r;
    if (t->list)
        return probe_show_list(t), 0;
    if ((r = boundary_choose(t->boundary, &b, err)) < 0)
        return r;
    t->boundary = b->name;
    if ((r = run_once(t, false, err)) < 0 || (r = run_confined(t, err)) < 0)
        return r;
    judge(t);
    for (size_t i = 0; i < t->n; i++)
        probe_count(n, &t->rows[i]);
    if (t->json)
        return probe_show_json(t, n, err);
    probe_show_table(t, n);
    return 0;
}

int cmd_probe(int argc, char **argv)
{
    static struct err err;
    struct probe_counts n = {0};
    struct arena a;

    struct probe_table *t = arena_init(&a, ARENA_SIZE) < 0 ? NULL : arena_alloc(&a, sizeof *t);
    if (!t) {
        err_set(&err, -ENOMEM, "out of memory");
        return command_fail("probe", &err);
    }
    t->arena = &a;
    int r = probe(t, argc, argv, &n, &err);
    if (r < 0)
        return command_fail("probe", &err);
    return r || !probe_passed(&n) ? 1 : 0;
}
