/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat compare`: what the same job costs natively and behind each boundary, all measured in one run. The rounds go
 * over all subjects, and the order turns by one each round, so that a disturbance hits all of them. Parses and goes
 * round; compare.h says who measures and who shows.
 */
#include "cli/compare.h"
#include "base/io.h"

#include "boundary/boundary.h"
#include "cli/commands.h"
#include "cli/compare_run.h"
#include "cli/kinds.h"
#include "cli/run_options.h"
#include "host/helper.h"
#include "image/owned.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define ARENA_SIZE     (256u << 20)
#define ROUNDS_DEFAULT 15
#define PROGRAM_MOST   (64u << 20)
#define ROUNDS_QUICK   2

enum { OPTION_JSON, OPTION_SVG, OPTION_BOUNDARY, OPTION_RUNS, OPTION_QUICK };

const struct option_row compare_options[] = {
    {"boundary", 'b', "NAME",
     "Only this one, and natively; may be given several times (default: all of this host but machines)",
     OPTION_BOUNDARY},
    {"runs", 'n', "N", "Rounds, in each of which all is measured once (15)", OPTION_RUNS},
    {"quick", 0, NULL, "Few tries and 2 rounds: to see that it works, not what it costs", OPTION_QUICK},
    {"json", 0, NULL, "Print an object for programs", OPTION_JSON},
    {"svg", 0, "FILE", "Draw a picture, too", OPTION_SVG},
};
const size_t n_compare_options = ARRAY_LEN(compare_options);

struct options {
    bool json, quick;
    const char *svg;
    unsigned rounds; /* 0: not given */
    const struct boundary *wanted[KINDS];
    size_t n_wanted;
};

volatile sig_atomic_t compare_interrupted;

static void on_signal(int number)
{
    compare_interrupted = number;
}

/* ---- the command line --------------------------------------------------------------------------------------- */

static const struct compare_row *row_of(const char *boundary)
{
    const struct compare_row *row = kind_behind(boundary)->compare;

    return row && !strcmp(row->boundary, boundary) ? row : NULL;
}

static int want_boundary(struct options *o, const char *name, struct err *err)
{
    const struct boundary *b;
    int r = boundary_choose(name, &b, err);

    if (r < 0)
        return r;
    for (size_t i = 0; i < o->n_wanted; i++)
        if (o->wanted[i] == b)
            return 0;
    if (!row_of(b->name))
        return err_set(err, -ENOTSUP, "--boundary %s: cannot be compared in this build", b->name);
    o->wanted[o->n_wanted++] = b;
    return 0;
}

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct options *o = ctx;
    char *end;

    switch (id) {
    case OPTION_JSON:
        o->json = !strcmp(value, "true");
        return 0;
    case OPTION_QUICK:
        o->quick = !strcmp(value, "true");
        return 0;
    case OPTION_SVG:
        o->svg = value;
        return *value ? 0 : err_set(err, -EINVAL, "--svg: the name of the file is empty");
    case OPTION_BOUNDARY:
        return want_boundary(o, value, err);
    default:
        o->rounds = (unsigned)strtoul(value, &end, 10);
        if (*value < '0' || *value > '9' || *end || strlen(value) > 5 || !o->rounds || o->rounds > COMPARE_ROUNDS_MAX)
            return err_set(err, -EINVAL, "--runs %s: a number from 1 to %u", value, COMPARE_ROUNDS_MAX);
        return 0;
    }
}

/* Options of `run` that are ours to give, or of which a job that is timed can have no use. */
static int apply_job(void *ctx, int id, const char *value, struct err *err)
{
    static const char *const ours[] = {"boundary", "rm", "name", "detach", "tty", "interactive", "cidfile", "bundle"};

    (void)ctx, (void)value;
    for (size_t i = 0; i < n_run_options_rows; i++) {
        if (!run_options_rows[i].name || run_options_rows[i].id != id)
            continue;
        for (size_t k = 0; k < ARRAY_LEN(ours); k++)
            if (!strcmp(run_options_rows[i].name, ours[k]))
                return err_set(err, -EINVAL,
                               "--%s for the job: compare runs it attached, without a terminal, behind each boundary "
                               "in turn: leave it out%s",
                               ours[k], k ? "" : ", or write it before `--`");
    }
    return 0;
}

/* An image, unless nothing that is compared has one. */
static bool needs_image(const struct options *o)
{
    for (size_t i = 0; i < o->n_wanted; i++)
        if (row_of(o->wanted[i]->name)->image)
            return true;
    return !o->n_wanted;
}

/* What follows `--`: options of `run`, the image, the command. */
static int take_job(struct compare *c, const struct options *o, int argc, char **argv, int operand, struct err *err)
{
    const bool image = needs_image(o);
    int first, n = argc - operand;

    if (n == 0)
        return 0;
    char **line = argv + operand - 1; /* options_parse() begins behind a command's name */
    int r = options_parse(run_options_rows, n_run_options_rows, n + 1, line, true, &first, apply_job, NULL, err);
    if (r < 0)
        return err_wrap(err, "the job");
    if (first >= n + 1 && !image)
        return err_set(err, -EINVAL, "the job needs a program: moat compare -b broker -- PROGRAM [ARG...]");
    if (first + image >= n + 1)
        return err_set(err, -EINVAL,
                       "the job needs an image and a command: moat compare -- IMAGE COMMAND [ARG...] (natively the "
                       "command is this host's)");
    c->job_options = line + 1;
    c->n_job_options = (size_t)first - 1;
    c->job_image = image ? line[first] : NULL;
    c->job_command = line + first + image;
    return 0;
}

/* ---- subjects ----------------------------------------------------------------------------------------------- */

static int add_subject(struct compare *c, const char *name, const struct compare_row *row, struct err *err)
{
    struct compare_subject *s = &c->subjects[c->n_subjects];

    *s = (struct compare_subject){.name = name, .row = row, .job_status = -1};
    for (int i = 0; i < COMPARE_FIGURES; i++) {
        s->series[i].best = arena_array(c->arena, c->rounds_most, sizeof(double));
        s->series[i].typical = arena_array(c->arena, c->rounds_most, sizeof(double));
        if (!s->series[i].best || !s->series[i].typical)
            return err_set(err, -ENOMEM, "out of memory");
    }
    c->n_subjects++;
    return 0;
}

static int check_offer(struct compare *c, const struct boundary *b, bool *offered, struct err *err)
{
    struct offer offer = {0};
    int r = b->offer(c->arena, &offer);

    *offered = r >= 0 && offer.available;
    return *offered ? 0
                    : err_set(err, -ENOTSUP, "boundary '%s' is not available here: %s", b->name,
                              offer.why_not ? offer.why_not : "this host could not be examined");
}

static void note_left_out(struct compare *c, const struct boundary *b, const struct compare_row *row, const char *why)
{
    const char *said =
        !row ? arena_printf(c->arena, "boundary '%s' cannot be compared yet", b->name)
        : row->slow
            ? arena_printf(c->arena, "boundary '%s': a start of it takes seconds: -b %s compares it", b->name, b->name)
            : why;

    fprintf(stderr, "moat compare: note: %s\n", said ? said : "out of memory");
}

/* Native first: the others are held to it. A boundary that was not asked for and cannot be had is a note. */
static int find_subjects(struct compare *c, const struct options *o, struct err *err)
{
    bool offered;
    int r;

    c->subjects = arena_array(c->arena, 1 + KINDS, sizeof *c->subjects);
    if (!c->subjects)
        return err_set(err, -ENOMEM, "out of memory");
    r = add_subject(c, "native", NULL, err);
    for (size_t i = 0; i < o->n_wanted && r == 0; i++) {
        r = check_offer(c, o->wanted[i], &offered, err);
        if (r == 0)
            r = add_subject(c, o->wanted[i]->name, row_of(o->wanted[i]->name), err);
    }
    for (const struct boundary *const *b = boundaries; *b && !o->n_wanted && r == 0; b++) {
        struct err why = {0};
        const struct compare_row *row = row_of((*b)->name);
        if (row && !row->slow && check_offer(c, *b, &offered, &why) == 0)
            r = add_subject(c, row->boundary, row, err);
        else
            note_left_out(c, *b, row, why.text);
    }
    return r;
}

/* ---- the whole ---------------------------------------------------------------------------------------------- */

static int find_programs(struct compare *c, struct err *err)
{
    char exe[4096];
    const char *gauge;
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    int r = libexec_find(c->arena, "moat-gauge", &gauge, err);

    if (r < 0)
        return r;
    exe[n < 0 ? 0 : n] = 0;
    char *real = realpath(gauge, NULL);
    char *slash = real ? strrchr(real, '/') : NULL;
    if (slash)
        *slash = 0;
    c->moat = arena_strdup(c->arena, exe);
    c->libexec = real ? arena_strdup(c->arena, real) : NULL;
    free(real);
    return n > 0 && c->moat && c->libexec ? 0 : err_set(err, -ENOENT, "cannot tell where moat lies");
}

static int make_work(struct compare *c, struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    char *path = arena_printf(c->arena, "%s/moat-compare-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");

    if (!path || !mkdtemp(path))
        return err_sys(err, -errno, "cannot make a directory in %s (TMPDIR names another place)",
                       tmp && *tmp == '/' ? tmp : "/tmp");
    c->work = path;
    return 0;
}

/* Images of our own programs, for subjects that run nothing else. */
static int pack_programs(struct compare *c, struct err *err)
{
    static const char *const programs[] = {"moat-gauge", "moat-probe"};
    bool wanted = false;
    char text[512];
    double ns;
    int r = 0;

    for (size_t i = 0; i < c->n_subjects; i++)
        wanted |= c->subjects[i].row && c->subjects[i].row->packed;
    _cleanup_fd_ int words = wanted ? compare_scratch(err) : -1;
    if (wanted && words < 0)
        return words;
    for (size_t i = 0; wanted && i < ARRAY_LEN(programs) && r == 0; i++) {
        char *program = arena_printf(c->arena, "%s/%s", c->libexec, programs[i]);
        char *image = arena_printf(c->arena, "%s/%s.moat", c->work, programs[i]);
        char *moat = arena_strdup(c->arena, c->moat), options[3][12] = {"pack", "--quiet", "--output"};
        if (!program || !image || !moat)
            return err_set(err, -ENOMEM, "out of memory");
        char *const argv[] = {moat, options[0], options[1], options[2], image, program, NULL};
        r = compare_run(argv, -1, words, COMPARE_LIMIT_MS, &ns, err);
        if (r > 0) {
            compare_last_words(words, text, sizeof text);
            r = err_set(err, -EIO, "%s", text);
        }
    }
    return r;
}

/* A root of our own programs, for subjects that run images. */
static int root_programs(struct compare *c, struct err *err)
{
    static const char *const programs[] = {"moat-gauge", "moat-probe"};
    bool wanted = false;
    char *bytes;
    size_t n;
    int r = 0;

    for (size_t i = 0; i < c->n_subjects; i++)
        wanted |= c->subjects[i].row && c->subjects[i].row->rooted;
    if (!wanted)
        return 0;
    const char *root = arena_printf(c->arena, "%s/root", c->work);
    if (!root || mkdir(root, 0755) < 0)
        return err_sys(err, root ? -errno : -ENOMEM, "%s/root", c->work);
    _cleanup_fd_ int dir = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
    for (size_t i = 0; i < ARRAY_LEN(programs) && r == 0; i++) {
        const char *program = arena_printf(c->arena, "%s/%s", c->libexec, programs[i]);
        r = program ? io_read_regular(c->arena, program, PROGRAM_MOST, &bytes, &n) : -ENOMEM;
        if (r == 0)
            r = io_replace_file(dir, programs[i], bytes, n, 0755);
    }
    return r < 0 ? err_sys(err, r, "%s", root) : 0;
}

/* With what a killed gauge left there, which may belong to an id of the sandbox. */
static void remove_work(const struct compare *c)
{
    struct err why = {0};
    const char *name = strrchr(c->work, '/') + 1; /* an absolute path, as make_work() wrote it */
    char *parent = arena_printf(c->arena, "%.*s", (int)(name - c->work), c->work);
    _cleanup_fd_ int dir = parent ? open(parent, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;

    if (owned_tree_remove(dir, name, &why) < 0)
        fprintf(stderr, "moat compare: note: %s is left behind: %s\n", c->work, why.text);
}

static int show(const struct compare *c, const struct options *o, struct err *err)
{
    int r = o->svg ? compare_write_svg(c, o->svg, err) : 0;

    if (r == 0 && o->json)
        return compare_print_json(c, err);
    if (r == 0)
        compare_print_table(c);
    return r;
}

/* 1 when a subject could not be measured; a figure that is missing is a note. */
static int say_failures(const struct compare *c)
{
    int status = 0;

    for (size_t i = 0; i < c->n_subjects; i++) {
        const struct compare_subject *s = &c->subjects[i];
        if (s->failed) {
            fprintf(stderr, "moat compare: %s: %s\n", s->name, s->why ? s->why : "out of memory");
            status = 1;
            continue;
        }
        const char *said = NULL;
        for (int k = 0; k < COMPARE_FIGURES; k++) {
            if (!s->note[k] || (said && !strcmp(said, s->note[k])))
                continue;
            fprintf(stderr, "moat compare: note: %s: no figure for %s: %s\n", s->name, compare_figures[k].words,
                    s->note[k]);
            said = s->note[k];
        }
    }
    return status;
}

static int compare_all(struct compare *c, const struct options *o, struct err *err)
{
    struct sigaction catch = {.sa_handler = on_signal};
    int r;

    if ((r = find_subjects(c, o, err)) < 0 || (r = find_programs(c, err)) < 0 ||
        (r = o->svg ? compare_check_svg(o->svg, err) : 0) < 0)
        return r;
    c->when = time(NULL);
    if (getloadavg(&c->load, 1) != 1)
        c->load = 0;
    sigaction(SIGINT, &catch, NULL);
    sigaction(SIGTERM, &catch, NULL);
    sigaction(SIGHUP, &catch, NULL);
    if ((r = make_work(c, err)) < 0)
        return r;
    if ((r = pack_programs(c, err)) == 0 && (r = root_programs(c, err)) == 0)
        r = compare_rounds(c, err);
    remove_work(c);
    return r < 0 || compare_interrupted ? r : show(c, o, err);
}

int cmd_compare(int argc, char **argv)
{
    struct options o = {0};
    struct compare c = {0};
    struct arena arena;
    struct err err = {0};
    int operand;

    if (options_parse(compare_options, n_compare_options, argc, argv, true, &operand, apply, &o, &err) < 0 ||
        take_job(&c, &o, argc, argv, operand, &err) < 0)
        return command_fail("compare", &err);
    if (arena_init(&arena, ARENA_SIZE) < 0) {
        err_set(&err, -ENOMEM, "out of memory");
        return command_fail("compare", &err);
    }
    c.arena = &arena;
    c.quick = o.quick;
    c.rounds = o.rounds ? o.rounds : o.quick ? ROUNDS_QUICK : ROUNDS_DEFAULT;
    c.rounds_most = c.quick || c.job_command ? c.rounds : c.rounds * COMPARE_PATIENCE;
    int r = compare_all(&c, &o, &err);
    if (compare_interrupted) {
        signal(compare_interrupted, SIG_DFL);
        raise(compare_interrupted); /* its usual effect, now that all is tidy */
    }
    return r < 0 ? command_fail("compare", &err) : say_failures(&c);
}
