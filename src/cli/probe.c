/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat probe`: the table of escape attempts (guest/probe), made unconfined and then behind a boundary as `moat run`
 * would confine a workload. What is not seen to succeed unconfined proves nothing; what succeeds confined has escaped.
 * What the confined side says is a sandbox's output: lines are looked up in the table that this host's own moat-probe
 * gave.
 */
#include "base/io.h"
#include "base/json.h"
#include "base/nearest.h"
#include "boundary/boundary.h"
#include "cli/commands.h"
#include "cli/probe_plant.h"
#include "cli/run_options.h"
#include "cli/term.h"
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define ARENA_SIZE  (64u << 20)
#define ROWS_MAX    512
#define CLASSES_MAX 16
#define WORDS_MAX   640
#define RUN_ROW     1000 /* ids of run's rows begin here */

enum { OPTION_BOUNDARY, OPTION_CLASS, OPTION_JSON, OPTION_LIST };

const struct option_row probe_options[] = {
    {"boundary", 'b', "NAME", "Which boundary is probed (moat boundaries lists them)", OPTION_BOUNDARY},
    {"class", 0, "CLASS", "Only this class of attempts", OPTION_CLASS},
    {"list", 0, NULL, "Print the attempts and make none", OPTION_LIST},
    {"json", 0, NULL, "Print an object for programs", OPTION_JSON},
};
const size_t n_probe_options = ARRAY_LEN(probe_options);

enum outcome { LOST, BLOCKED, ESCAPED, ABSENT };
static const char *const outcome_names[] = {
    [LOST] = "lost", [BLOCKED] = "blocked", [ESCAPED] = "escaped", [ABSENT] = "absent"};

struct result {
    enum outcome outcome;
    const char *saw;
};

struct row {
    const char *id, *class, *attempt;
    bool root, token;
    struct result unconfined, confined;
};

struct table {
    struct arena *arena;
    const char *boundary, *class, *program; /* path of moat-probe */
    bool json, list;
    char *run[WORDS_MAX]; /* options for `moat run` */
    size_t n_run;
    char **ids;
    int n_ids;
    struct row rows[ROWS_MAX];
    size_t n;
};

/* ---- the command line --------------------------------------------------------------------------------------- */

/* Options of `run` that would take the sandbox away from us. */
static const char *const not_here[] = {"detach", "rm",      "interactive", "tty",  "rootfs",  "bundle",    "type",
                                       "name",   "restart", "json",        "pull", "cidfile", "entrypoint"};

static int run_option(struct table *t, const struct option_row *row, const char *value, struct err *err)
{
    for (size_t i = 0; i < ARRAY_LEN(not_here); i++)
        if (!strcmp(not_here[i], row->name))
            return err_set(err, -EINVAL, "--%s has no meaning here: the sandbox lasts as long as the probes",
                           row->name);
    if (t->n_run == WORDS_MAX)
        return err_set(err, -E2BIG, "more than %d options", WORDS_MAX);
    t->run[t->n_run] = arena_printf(t->arena, "--%s=%s", row->name, value);
    return t->run[t->n_run++] ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct table *t = ctx;

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
    default:
        return run_option(t, &run_options_rows[id - RUN_ROW], value, err);
    }
}

/* Our own rows, then those of `run`. */
static int parse(struct table *t, int argc, char **argv, struct err *err)
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

static struct row *find(struct table *t, const char *id)
{
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(t->rows[i].id, id))
            return &t->rows[i];
    return NULL;
}

static bool is_wanted(const struct table *t, const struct row *row)
{
    if (t->class && strcmp(t->class, row->class))
        return false;
    for (int i = 0; i < t->n_ids; i++)
        if (!strcmp(t->ids[i], row->id))
            return true;
    return t->n_ids == 0;
}

/* "ID\tCLASS\tNEEDS\tATTEMPT" */
static int read_list(struct table *t, char *text, struct err *err)
{
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line && t->n < ROWS_MAX; line = strtok_r(NULL, "\n", &save)) {
        char *id = strsep(&line, "\t"), *class = strsep(&line, "\t"), *needs = strsep(&line, "\t");
        if (!line)
            return err_set(err, -EPROTO, "%s prints no table: does it belong to this moat?", t->program);
        t->rows[t->n++] = (struct row){id, class, line, strstr(needs, "root"), strstr(needs, "token")};
    }
    return 0;
}

/* Names that nobody has: with the nearest one, before anything is run. Those not asked for are dropped. */
static int choose(struct table *t, struct err *err)
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
static void read_results(struct table *t, char *text, const char *token, bool confined)
{
    char *save = NULL;

    for (char *line = strtok_r(text, "\n", &save); line; line = strtok_r(NULL, "\n", &save)) {
        char *id = strsep(&line, "\t"), *class = strsep(&line, "\t"), *word = strsep(&line, "\t");
        struct row *row = find(t, id);
        if (!row || !class || !word || !line)
            continue;
        struct result *r = confined ? &row->confined : &row->unconfined;
        for (size_t o = BLOCKED; o < ARRAY_LEN(outcome_names); o++)
            if (!strcmp(word, outcome_names[o]))
                r->outcome = (enum outcome)o;
        r->saw = line;
        if (r->outcome == ESCAPED && row->token && !strstr(line, token)) {
            r->outcome = BLOCKED;
            r->saw = arena_printf(t->arena, "not the host's: %s", line);
        }
    }
}

/* How a program that lies on the host is run behind a boundary. */
static int confined_words(struct table *t, const char **words, size_t *n, struct err *err)
{
    static const char image[] = "busybox", inside[] = "/moat-probe";
    const bool program = !strcmp(t->boundary, "broker"), nothing = !strcmp(t->boundary, "null");

    const char *const head[] = {"/proc/self/exe", "run", "--rm", "-i", "--quiet", "-b", t->boundary};
    for (size_t i = 0; i < ARRAY_LEN(head); i++)
        words[(*n)++] = head[i];
    for (size_t i = 0; i < t->n_run; i++)
        words[(*n)++] = t->run[i];
    if (program || nothing) {
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

static int run_once(struct table *t, bool confined, struct err *err)
{
    const char **words = arena_array(t->arena, WORDS_MAX * 2 + ROWS_MAX, sizeof *words);
    struct canaries canaries;
    size_t n = 0;
    int r = words ? 0 : err_set(err, -ENOMEM, "out of memory");

    if (r == 0 && confined)
        r = confined_words(t, words, &n, err);
    else if (r == 0)
        words[n++] = t->program;
    if (r < 0 || (r = canaries_plant(t->arena, t->program, &canaries, err)) < 0) {
        if (words && r < 0)
            canaries_remove(&canaries);
        return r;
    }
    words[n++] = "run";
    for (size_t i = 0; i < canaries.n_facts; i++)
        words[n++] = canaries.facts[i];
    for (size_t i = 0; i < t->n; i++)
        words[n++] = t->rows[i].id;
    struct canary_run run = {.argv = words, .probe = t->program, .own_mounts = !confined};
    r = canaries_run(t->arena, &canaries, &run, err);
    if (r == 0)
        read_results(t, run.output, canaries.token, confined);
    canaries_remove(&canaries);
    if (r == 0 && (!WIFEXITED(run.status) || WEXITSTATUS(run.status)))
        return err_set(err, -EIO, "the probes could not be run %s: %s", confined ? "confined" : "unconfined",
                       *run.complaint ? run.complaint : "their process was ended");
    return r;
}

/* What the two runs say together. */
static void judge(struct table *t)
{
    const bool ordinary = geteuid() != 0;

    for (size_t i = 0; i < t->n; i++) {
        struct result *u = &t->rows[i].unconfined, *c = &t->rows[i].confined;
        if (u->outcome == BLOCKED && ordinary && t->rows[i].root)
            *u = (struct result){ABSENT, "an ordinary user has none of it anyway"};
        if (u->outcome == ABSENT && c->outcome == BLOCKED)
            c->outcome = ABSENT;
        else if (u->outcome != ABSENT && c->outcome == ABSENT)
            c->outcome = BLOCKED;
    }
}

/* ---- printing ----------------------------------------------------------------------------------------------- */

struct counts {
    unsigned probes, blocked, escaped, absent, dead, lost;
};

static void count(struct counts *n, const struct row *row)
{
    n->probes++;
    n->escaped += row->confined.outcome == ESCAPED;
    n->lost += row->confined.outcome == LOST || row->unconfined.outcome == LOST;
    n->dead += row->unconfined.outcome == BLOCKED;
    n->absent += row->unconfined.outcome == ABSENT && row->confined.outcome != ESCAPED;
    n->blocked += row->unconfined.outcome == ESCAPED && row->confined.outcome == BLOCKED;
}

static bool passed(const struct counts *n)
{
    return !n->escaped && !n->dead && !n->lost;
}

static void print_group(const struct table *t, const char *heading, enum term_style style,
                        bool (*in)(const struct row *row), bool confined)
{
    unsigned columns = term_columns();
    bool first = true;

    for (size_t i = 0; i < t->n; i++) {
        const struct row *row = &t->rows[i];
        const struct result *r = confined ? &row->confined : &row->unconfined;
        if (!in(row))
            continue;
        if (first)
            printf("\n%s%s%s\n", term_on(style), heading, term_off());
        first = false;
        printf("  ");
        unsigned at = 2 + term_cell(row->id, 22);
        term_wrap(r->saw ? r->saw : "no word of it", at, 24, columns);
    }
}

static bool has_escaped(const struct row *row)
{
    return row->confined.outcome == ESCAPED;
}

static bool is_dead(const struct row *row)
{
    return row->unconfined.outcome == BLOCKED;
}

static bool is_lost(const struct row *row)
{
    return row->confined.outcome == LOST || row->unconfined.outcome == LOST;
}

static bool is_absent(const struct row *row)
{
    return row->unconfined.outcome == ABSENT && !has_escaped(row);
}

static void print_line(const char *name, const struct counts *n)
{
    printf("%-13s%6u  %7u  %7u  %6u  %8u\n", name, n->probes, n->blocked, n->escaped, n->absent, n->dead + n->lost);
}

static void print_table(const struct table *t, const struct counts *all)
{
    printf("%s%-13s%6s  %7s  %7s  %6s  %8s%s\n", term_on(TERM_BOLD), "CLASS", "PROBES", "BLOCKED", "ESCAPED", "ABSENT",
           "UNPROVEN", term_off());
    for (size_t i = 0; i < t->n;) {
        const char *class = t->rows[i].class;
        struct counts n = {0};
        size_t first = i;
        for (; i < t->n && !strcmp(t->rows[i].class, class); i++)
            count(&n, &t->rows[i]);
        print_line(class, &n);
        char *ids = arena_strdup(t->arena, "");
        for (size_t k = first; ids && k < i; k++)
            ids = arena_printf(t->arena, "%s%s%s", ids, k > first ? " " : "", t->rows[k].id);
        printf("%s  ", term_on(TERM_FAINT));
        term_wrap(ids ? ids : "", 2, 2, term_columns());
        fputs(term_off(), stdout);
    }
    print_line("all", all);
    print_group(t, "not in this kernel, or not for this user", TERM_PLAIN, is_absent, false);
    print_group(t, "did not succeed unconfined, so they prove nothing", TERM_WARN, is_dead, false);
    print_group(t, "made, and no result came", TERM_BAD, is_lost, true);
    print_group(t, "ESCAPED", TERM_BAD, has_escaped, true);
    printf("\n%s: %u of %u attempts that succeed unconfined are blocked, %u escaped\n", t->boundary, all->blocked,
           all->probes - all->absent - all->dead, all->escaped);
}

static int print_json(const struct table *t, const struct counts *n, struct err *err)
{
    struct json_writer w = {.indent = 2};

    json_object_begin(&w, NULL);
    json_string(&w, "boundary", t->boundary);
    json_bool(&w, "passed", passed(n));
    json_object_begin(&w, "counts");
    json_uint(&w, "probes", n->probes);
    json_uint(&w, "blocked", n->blocked);
    json_uint(&w, "escaped", n->escaped);
    json_uint(&w, "absent", n->absent);
    json_uint(&w, "unproven", n->dead + n->lost);
    json_object_end(&w);
    json_array_begin(&w, "probes");
    for (size_t i = 0; i < t->n; i++) {
        const struct row *row = &t->rows[i];
        json_object_begin(&w, NULL);
        json_string(&w, "id", row->id);
        json_string(&w, "class", row->class);
        json_string(&w, "attempt", row->attempt);
        json_string(&w, "unconfined", outcome_names[row->unconfined.outcome]);
        json_string(&w, "unconfinedSaw", row->unconfined.saw ? row->unconfined.saw : "");
        json_string(&w, "confined", outcome_names[row->confined.outcome]);
        json_string(&w, "confinedSaw", row->confined.saw ? row->confined.saw : "");
        json_object_end(&w);
    }
    json_array_end(&w);
    json_object_end(&w);
    return command_print_json(&w, err);
}

static void print_list(const struct table *t)
{
    for (size_t i = 0; i < t->n; i++) {
        term_cell(t->rows[i].class, 13);
        unsigned at = 13 + term_cell(t->rows[i].id, 24);
        term_wrap(t->rows[i].attempt, at, 37, term_columns());
    }
}

/* ---- all of it ---------------------------------------------------------------------------------------------- */

static int load(struct table *t, struct err *err)
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

static int probe(struct table *t, int argc, char **argv, struct counts *n, struct err *err)
{
    const struct boundary *b;
    int r;

    if ((r = parse(t, argc, argv, err)) < 0 || (r = load(t, err)) < 0)
        return r;
    if (t->list)
        return print_list(t), 0;
    if ((r = boundary_choose(t->boundary, &b, err)) < 0)
        return r;
    t->boundary = b->name;
    if ((r = run_once(t, false, err)) < 0 || (r = run_once(t, true, err)) < 0)
        return r;
    judge(t);
    for (size_t i = 0; i < t->n; i++)
        count(n, &t->rows[i]);
    if (t->json)
        return print_json(t, n, err);
    print_table(t, n);
    return 0;
}

int cmd_probe(int argc, char **argv)
{
    static struct err err;
    struct counts n = {0};
    struct arena a;

    struct table *t = arena_init(&a, ARENA_SIZE) < 0 ? NULL : arena_alloc(&a, sizeof *t);
    if (!t) {
        err_set(&err, -ENOMEM, "out of memory");
        return command_fail("probe", &err);
    }
    t->arena = &a;
    if (probe(t, argc, argv, &n, &err) < 0)
        return command_fail("probe", &err);
    return passed(&n) ? 0 : 1;
}
