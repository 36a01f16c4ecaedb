/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rounds of `moat compare`: in each all subjects are measured once, and their order turns by one. On a machine that
 * others use, too, a round is only as good as it was calm: of all that the processors did meanwhile, what was not ours
 * is counted, and the calmest rounds are kept. Touches /proc/stat, and this process's own place and priority.
 */
#include "base/clock.h"
#include "base/io.h"
#include "cli/compare.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#define TRIES        15u  /* starts in a round */
#define CALM         0.25 /* processors that others may keep busy in a calm round */
#define SUBJECTS_MAX 16
#define BAR_WIDTH    30u

/* ---- calm --------------------------------------------------------------------------------------------------- */

/* Seconds: of the clock, of all processors at work, and of us and those we waited for. */
struct moment {
    double clock, busy, ours;
};

static double seconds_of(int who)
{
    struct rusage u;

    getrusage(who, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) + (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static struct moment moment_now(void)
{
    struct moment m = {.clock = (double)clock_ms() / 1000,
                       .ours = seconds_of(RUSAGE_SELF) + seconds_of(RUSAGE_CHILDREN)};
    unsigned long long user, nice, system, idle, wait, irq, softirq, steal;
    char text[512];

    /* proc(5): user nice system idle iowait irq softirq steal */
    if (io_read_small(AT_FDCWD, "/proc/stat", text, sizeof text) > 0 &&
        sscanf(text, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &wait, &irq, &softirq,
               &steal) == 8)
        m.busy = (double)(user + nice + system + irq + softirq + steal) / (double)sysconf(_SC_CLK_TCK);
    return m;
}

/* How many processors worked for others since then. */
static double others_since(const struct moment *then)
{
    struct moment now = moment_now();
    double passed = now.clock - then->clock;

    return passed > 0 ? (now.busy - then->busy - (now.ours - then->ours)) / passed : 0;
}

/* ---- rounds ------------------------------------------------------------------------------------------------- */

struct bar {
    bool shown;          /* standard error is a terminal */
    unsigned calm, made; /* rounds */
};

/* It ends when there are enough calm rounds, or enough rounds. */
static void draw(const struct compare *c, const struct bar *b, const char *what)
{
    char filled[BAR_WIDTH + 1];
    unsigned by_calm = b->calm * BAR_WIDTH / c->rounds, by_made = b->made * BAR_WIDTH / c->rounds_most;
    unsigned n = by_calm > by_made ? by_calm : by_made;

    if (!b->shown)
        return;
    memset(filled, '#', n);
    memset(filled + n, '.', BAR_WIDTH - n);
    filled[BAR_WIDTH] = 0;
    fprintf(stderr, "\r\033[K%s round %u, %u of %u calm  %s ", filled, b->made + 1, b->calm, c->rounds, what);
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static unsigned tries_of(const struct compare *c, const struct compare_subject *s)
{
    return c->quick || c->job_command || (s->row && s->row->slow) ? 1 : TRIES;
}

/* The tries of a round go over all subjects, too. */
static int round_of_starts(struct compare *c, struct bar *bar, struct err *err)
{
    double times[SUBJECTS_MAX][TRIES];

    for (unsigned t = 0; t < TRIES; t++) {
        for (size_t i = 0; i < c->n_subjects; i++) {
            size_t k = (i + c->round + t) % c->n_subjects;
            struct compare_subject *s = &c->subjects[k];
            if (t >= tries_of(c, s))
                continue;
            if (t == 0)
                draw(c, bar, c->job_command ? s->name : "starts");
            int r = s->failed ? 0 : compare_measure_start(c, s, &times[k][t], err);
            if (r < 0 || compare_interrupted)
                return r;
        }
    }
    for (size_t i = 0; i < c->n_subjects; i++) {
        const unsigned tries = tries_of(c, &c->subjects[i]);
        if (c->subjects[i].failed)
            continue;
        qsort(times[i], tries, sizeof times[i][0], by_size);
        compare_add(c, &c->subjects[i], COMPARE_START, times[i][0], times[i][tries / 2]);
    }
    return 0;
}

static int round_of_gauges(struct compare *c, struct bar *bar, struct err *err)
{
    for (size_t i = 0; i < c->n_subjects; i++) {
        struct compare_subject *s = &c->subjects[(i + c->round) % c->n_subjects];
        int r = 0;
        draw(c, bar, s->name);
        if (s->failed)
            continue;
        if ((r = compare_measure_gauge(c, s, err)) < 0 || compare_interrupted ||
            (r = compare_measure_memory(c, s, err)) < 0 || compare_interrupted)
            return r;
    }
    return 0;
}

/* One start of each before anything counts: files are read from the disk, an image may be made. */
static int warm_up(struct compare *c, struct err *err)
{
    double ns;
    int r = 0;

    for (size_t i = 0; i < c->n_subjects && r == 0 && !compare_interrupted; i++) {
        if ((r = compare_measure_start(c, &c->subjects[i], &ns, err)) == 0 && !c->subjects[i].failed)
            r = compare_measure_surface(c, &c->subjects[i], err);
    }
    return r;
}

/* All on one processor, before others if we may: whether a process that is woken runs on a processor that sleeps, and
 * what else wants to run, changes a start by half its time and more. Whoever we start inherits both. The user's own job
 * gets the machine as it is. */
static void keep_apart(const struct compare *c)
{
    cpu_set_t all, one;

    if (c->job_command || sched_getaffinity(0, sizeof all, &all) < 0)
        return;
    CPU_ZERO(&one);
    for (int cpu = CPU_SETSIZE - 1; cpu >= 0; cpu--) { /* the first ones answer most interrupts */
        if (CPU_ISSET(cpu, &all)) {
            CPU_SET(cpu, &one);
            sched_setaffinity(0, sizeof one, &one);
            break;
        }
    }
    setpriority(PRIO_PROCESS, 0, -15);
}

struct made {
    unsigned round;
    double others; /* busy processors, during the starts */
};

/* What is measured inside takes the best of many short batches, which a busy machine hardly touches: the starts are
 * what needs calm. */
static int one_round(struct compare *c, struct bar *bar, double *others, struct err *err)
{
    struct moment begin = moment_now();
    int r = round_of_starts(c, bar, err);

    if (r < 0 || compare_interrupted)
        return r;
    *others = others_since(&begin);
    return round_of_gauges(c, bar, err);
}

static int by_calm(const void *a, const void *b)
{
    const struct made *x = a, *y = b;

    return x->others != y->others ? (x->others > y->others) - (x->others < y->others)
                                  : (x->round > y->round) - (x->round < y->round);
}

/* The readings of the rounds that are kept come to the front of each series. */
static void keep_calmest(struct compare *c, struct made *made)
{
    double best[COMPARE_ROUNDS_MAX], typical[COMPARE_ROUNDS_MAX];

    qsort(made, c->round, sizeof *made, by_calm);
    unsigned kept = c->round < c->rounds ? c->round : c->rounds;
    for (size_t k = 0; k < c->n_subjects * COMPARE_FIGURES; k++) {
        struct compare_series *s = &c->subjects[k / COMPARE_FIGURES].series[k % COMPARE_FIGURES];
        if (k % COMPARE_FIGURES == COMPARE_SURFACE)
            continue;
        s->n = 0;
        for (unsigned i = 0; i < kept; i++) {
            best[s->n] = s->best[made[i].round];
            typical[s->n] = s->typical[made[i].round];
            s->n += best[s->n] > 0;
        }
        memcpy(s->best, best, s->n * sizeof *best);
        memcpy(s->typical, typical, s->n * sizeof *typical);
    }
}

static int make_rounds(struct compare *c, struct bar *bar, struct made *made, struct err *err)
{
    for (c->round = 0; c->round < c->rounds_most && bar->calm < c->rounds; c->round++) {
        struct made *m = &made[c->round];
        *m = (struct made){.round = c->round};
        int r = one_round(c, bar, &m->others, err);
        if (r < 0 || compare_interrupted)
            return r;
        bar->calm += m->others <= CALM;
        bar->made = c->round + 1;
    }
    return 0;
}

int compare_rounds(struct compare *c, struct err *err)
{
    struct bar bar = {.shown = isatty(2)};
    int64_t begin = clock_ms();
    _cleanup_free_ struct made *made = calloc(c->rounds_most, sizeof *made);

    if (!made || c->n_subjects > SUBJECTS_MAX)
        return err_set(err, -ENOMEM, "out of memory");
    draw(c, &bar, "warming up");
    keep_apart(c);
    int r = warm_up(c, err);
    if (r == 0 && !compare_interrupted)
        r = make_rounds(c, &bar, made, err);
    if (bar.shown)
        fputs("\r\033[K", stderr);
    c->seconds = (double)(clock_ms() - begin) / 1000;
    if (r == 0 && !compare_interrupted)
        keep_calmest(c, made);
    return r;
}
