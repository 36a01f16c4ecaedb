/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs the attempts of `moat probe --policy`: once outside, where a sample has to succeed to say anything, and once in
 * a sandbox that `moat run` makes of the same options. What the sandbox prints is bounded, parsed by number and made
 * printable.
 */
#include "cli/probe_policy.h"

#include "base/io.h"
#include "boundary/boundary.h"
#include "cli/commands.h"
#include "cli/compare_run.h"
#include "cli/kind.h"
#include "host/helper.h"
#include "image/tree.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define OUTPUT_MAX  (4u << 20)
#define LIMIT_MS    600000
#define ALONE_MS    60000
#define ROOT_PREFIX "/tmp/moat-probe-"
#define CONTROL     "MOAT_PROBE_CONTROL" /* a variable of ours that no policy passes on */

/* What stands around the runs, and goes with them. */
struct ground {
    char root[48];    /* an empty root for boundaries that take one; "" when there is none */
    char planted[48]; /* a file in /tmp */
    int listener;
    char port[8];
};

static int make_ground(struct ground *g, struct err *err)
{
    struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof at;

    snprintf(g->root, sizeof g->root, ROOT_PREFIX "root-XXXXXX");
    if (!mkdtemp(g->root)) {
        g->root[0] = '\0';
        return err_sys(err, -errno, "cannot make a directory in /tmp");
    }
    chmod(g->root, 0755); /* an ordinary uid of the sandbox has to pass it */
    snprintf(g->planted, sizeof g->planted, ROOT_PREFIX "file-XXXXXX");
    int fd = mkostemp(g->planted, O_CLOEXEC);
    if (fd < 0 || fchmod(fd, 0644) < 0 || write(fd, "planted\n", 8) != 8) {
        cleanup_fd(&fd);
        return err_sys(err, -errno, "cannot make a file in /tmp");
    }
    close(fd);
    g->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (g->listener < 0 || bind(g->listener, (struct sockaddr *)&at, sizeof at) < 0 || listen(g->listener, 64) < 0 ||
        getsockname(g->listener, (struct sockaddr *)&at, &len) < 0)
        return err_sys(err, -errno, "cannot listen on loopback");
    snprintf(g->port, sizeof g->port, "%u", ntohs(at.sin_port));
    return setenv(CONTROL, "1", 1) < 0 ? err_sys(err, -errno, "environment") : 0;
}

static void remove_ground(struct ground *g)
{
    cleanup_fd(&g->listener);
    _cleanup_fd_ int dir = open("/tmp", O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (g->root[0] && dir >= 0)
        tree_remove(dir, g->root + strlen("/tmp/"), &(struct err){0});
    if (g->planted[0])
        unlink(g->planted);
}

/* ---- the policy ------------------------------------------------------------------------------------------------- */

static int read_policy(struct policy_checks *c, const struct probe_policy_options *o, const char *root, struct err *err)
{
    const char **argv = arena_array(c->arena, o->n_run + 8, sizeof *argv);
    int argc = 0;

    if (!argv)
        return err_set(err, -ENOMEM, "out of memory");
    argv[argc++] = "run";
    argv[argc++] = "--boundary";
    argv[argc++] = c->boundary;
    for (size_t i = 0; i < o->n_run; i++)
        argv[argc++] = o->run[i];
    if (!c->program) {
        argv[argc++] = "--rootfs";
        argv[argc++] = root;
    }
    argv[argc++] = "--";
    argv[argc++] = c->attempts;
    return run_options_parse(c->arena, argc, (char **)(uintptr_t)argv, c->o, err);
}

/* ---- one run ---------------------------------------------------------------------------------------------------- */

struct words {
    char **v;
    size_t n;
};

static void push(struct policy_checks *c, struct words *w, const char *word)
{
    w->v[w->n++] = arena_strdup(c->arena, word);
}

/* `moat run` with the same options, and what makes the program reachable. */
static int confined_words(struct policy_checks *c, const struct probe_policy_options *o, const struct ground *g,
                          const struct policy_check *only, struct words *w, struct err *err)
{
    static const char inside[] = "/moat-attempts";

    w->v = arena_array(c->arena, o->n_run + POLICY_WORDS_MAX + 16, sizeof *w->v);
    if (!w->v)
        return err_set(err, -ENOMEM, "out of memory");
    const char *const head[] = {"/proc/self/exe", "run", "--rm", "-i", "-b", c->boundary};
    for (size_t i = 0; i < ARRAY_LEN(head); i++)
        push(c, w, head[i]);
    for (size_t i = 0; i < o->n_run; i++)
        push(c, w, o->run[i]);
    push(c, w, "--entrypoint=");
    push(c, w, "--tty=false");
    if (only && only->clock)
        push(c, w, "--stop-timeout=1");
    else
        push(c, w, "--timeout=0");
    if (c->program) {
        push(c, w, "--");
        push(c, w, c->attempts);
    } else {
        if (strchr(c->attempts, ':'))
            return err_set(err, -EINVAL, "%s cannot be shown inside: its path has a colon", c->attempts);
        w->v[w->n++] = arena_printf(c->arena, "--volume=%s:%s:ro", c->attempts, inside);
        w->v[w->n++] = arena_printf(c->arena, "--rootfs=%s", g->root);
        push(c, w, inside);
    }
    if (!only)
        push(c, w, "each");
    for (size_t i = 0; only && only->inside[i]; i++)
        push(c, w, only->inside[i]);
    for (size_t i = 0; i < w->n; i++)
        if (!w->v[i])
            return err_set(err, -ENOMEM, "out of memory");
    return 0;
}

/* The exit status; *text is what it said, *complaint the last line of its standard error. */
static int run_words(struct policy_checks *c, const struct words *w, int input, int64_t limit, char **text,
                     const char **complaint, struct err *err)
{
    struct running run;
    char last[512];
    size_t len;

    _cleanup_fd_ int out = compare_scratch(err), said = compare_scratch(err);
    if (out < 0 || said < 0)
        return err->code;
    const int streams[3] = {input, out, said};
    int r = compare_spawn(w->v, streams, &run);
    if (r < 0)
        return err_sys(err, r, "cannot start %s", w->v[0]);
    int status = compare_wait(&run, limit, err);
    if (status < 0 || compare_interrupted)
        return status < 0 ? status : err_set(err, -EINTR, "interrupted");
    if (lseek(out, 0, SEEK_SET) < 0 || (r = io_read_fd(c->arena, out, OUTPUT_MAX, text, &len)) < 0)
        return err_set(err, -EIO, "what the attempts said cannot be read");
    compare_last_words(said, last, sizeof last);
    if (!(*complaint = arena_strdup(c->arena, last)))
        return err_set(err, -ENOMEM, "out of memory");
    return status;
}

/* ---- what came of it -------------------------------------------------------------------------------------------- */

static void settle(struct policy_check *k, enum check_result result, const char *saw)
{
    k->result = result;
    k->saw = saw ? saw : "out of memory";
}

/* errno's name in "refused: NAME ...": of who was reached for and did not answer. */
static bool went_out(const char *line)
{
    static const char *const names[] = {"ECONNREFUSED ", "ETIMEDOUT ", "EHOSTUNREACH ", "ECONNRESET "};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (!strncmp(line, "refused: ", 9) && !strncmp(line + 9, names[i], strlen(names[i])))
            return true;
    return false;
}

static void judge(struct policy_checks *c, struct policy_check *k, int status, const char *line, int outside)
{
    char text[512];

    if (!strcmp(k->inside[0], "environment") && status < 2)
        line = status ? "refused: it is not there, or something else" : "done: it is as given"; /* maybe a secret */
    helper_printable(text, sizeof text, line, strlen(line));
    const char *saw = *text ? arena_strdup(c->arena, text)
                            : arena_printf(c->arena, status > 128 ? "ended by signal %d" : "ended with status %d",
                                           status > 128 ? status - 128 : status);
    const bool happened = status == 0, reached = k->network && (happened || went_out(line));

    if (status == 2 || status == 64)
        settle(k, CHECK_UNTRIED, saw);
    else if (status == 3)
        settle(k, CHECK_OTHERWISE, saw);
    else if (k->network)
        settle(k, reached == k->granted ? CHECK_AS_SAID : CHECK_OTHERWISE, saw);
    else if (happened == k->granted)
        settle(k, CHECK_AS_SAID, saw);
    else
        settle(k, CHECK_OTHERWISE, saw);
    /* What fails outside as well says nothing of the policy; who cannot be reached from outside, nothing of the gate.
     */
    if (k->outside[0] && outside != 0 && !happened && !(k->network && !k->granted))
        settle(k, CHECK_UNTRIED, arena_printf(c->arena, "it fails outside too; inside: %s", saw ? saw : ""));
}

/* ---- many in one sandbox ---------------------------------------------------------------------------------------- */

static bool is_batched(const struct policy_check *k)
{
    return !k->why_not && !k->alone;
}

static int make_records(struct policy_checks *c, bool outside, struct err *err)
{
    int fd = compare_scratch(err);
    bool ok = fd >= 0;

    for (uint32_t i = 0; i < c->n && ok; i++) {
        const char *const *words = outside ? c->v[i].outside : c->v[i].inside;
        if (!is_batched(&c->v[i]) || !words[0])
            continue;
        for (; ok && *words; words++)
            ok = io_write_all(fd, *words, strlen(*words) + 1) == 0;
        ok = ok && io_write_all(fd, "", 1) == 0;
    }
    if (fd >= 0 && (!ok || lseek(fd, 0, SEEK_SET) < 0)) {
        close(fd);
        return err_set(err, -EIO, "no memory for the attempts");
    }
    return fd;
}

/* "INDEX\tSTATUS\tLINE" of the i-th of those that were sent; a status of -1 where there is none. */
static char *answer_of(char **rest, uint32_t index, int *status)
{
    char *line = *rest ? strsep(rest, "\n") : NULL, *end;

    *status = -1;
    if (!line || strtoul(line, &end, 10) != index || *end != '\t')
        return (char *)"";
    *status = (int)strtol(end + 1, &end, 10);
    return *end == '\t' ? end + 1 : (char *)"";
}

static int run_outside(struct policy_checks *c, int *statuses, struct err *err)
{
    char each[] = "each", *argv[] = {arena_strdup(c->arena, c->attempts), each, NULL}, *text;
    const char *complaint;
    uint32_t sent = 0;

    _cleanup_fd_ int records = make_records(c, true, err);
    if (records < 0 || !argv[0])
        return records < 0 ? records : err_set(err, -ENOMEM, "out of memory");
    int r = run_words(c, &(struct words){argv, 2}, records, LIMIT_MS, &text, &complaint, err);
    for (uint32_t i = 0; i < c->n && r == 0; i++)
        if (is_batched(&c->v[i]) && c->v[i].outside[0])
            answer_of(&text, sent++, &statuses[i]);
    return r <= 0 ? r : err_set(err, -EIO, "%s ended with %d: %s", c->attempts, r, complaint);
}

static int run_together(struct policy_checks *c, const struct probe_policy_options *o, const struct ground *g,
                        const int *outside, struct err *err)
{
    struct words w = {0};
    const char *complaint;
    uint32_t sent = 0;
    char *text;

    _cleanup_fd_ int records = make_records(c, false, err);
    int r = records < 0 ? records : confined_words(c, o, g, NULL, &w, err);
    if (r < 0 || (r = run_words(c, &w, records, LIMIT_MS, &text, &complaint, err)) < 0)
        return r;
    if (r != 0)
        return err_set(err, -EIO, "the attempts were not run behind %s (status %d): %s", c->boundary, r, complaint);
    for (uint32_t i = 0; i < c->n; i++) {
        int status;
        if (!is_batched(&c->v[i]))
            continue;
        const char *line = answer_of(&text, sent++, &status);
        if (status < 0)
            settle(&c->v[i], CHECK_OTHERWISE, "it was sent, and no result came");
        else
            judge(c, &c->v[i], status, line, outside[i]);
    }
    return 0;
}

/* One that may end the sandbox: its status is the sandbox's. */
static int run_alone(struct policy_checks *c, const struct probe_policy_options *o, const struct ground *g,
                     struct policy_check *k, struct err *err)
{
    struct words w = {0};
    const char *complaint;
    char *text;
    int r = confined_words(c, o, g, k, &w, err);

    if (r < 0 || (r = run_words(c, &w, -1, ALONE_MS, &text, &complaint, err)) < 0)
        return r;
    if (r == 125)
        return err_set(err, -EIO, "%s: not run behind %s: %s", k->item, c->boundary, complaint);
    text[strcspn(text, "\r\n")] = '\0';
    judge(c, k, r, text, 0);
    return 0;
}

/* ---- all of it -------------------------------------------------------------------------------------------------- */

static int prepare(struct policy_checks *c, const struct probe_policy_options *o, struct ground *g, struct err *err)
{
    const struct boundary *b;
    int r;

    if ((r = boundary_choose(o->boundary, &b, err)) < 0 ||
        (r = libexec_find(c->arena, "moat-attempts", &c->attempts, err)) < 0 || (r = make_ground(g, err)) < 0)
        return r;
    const char *why_not = kind_behind(b->name)->no_programs;
    if (why_not)
        return err_set(err, -ENOTSUP, "the attempts are a program of this host, and %s", why_not);
    c->boundary = b->name;
    c->program = !strcmp(b->name, "broker");
    c->write = o->write;
    c->planted = g->planted;
    c->port = g->port;
    c->o = arena_alloc(c->arena, sizeof *c->o);
    c->v = arena_array(c->arena, POLICY_CHECKS_MAX, sizeof *c->v);
    if (!c->o || !c->v)
        return err_set(err, -ENOMEM, "out of memory");
    if ((r = read_policy(c, o, g->root, err)) < 0)
        return r;
    return probe_policy_checks(c, err);
}

static int make_attempts(struct policy_checks *c, const struct probe_policy_options *o, const struct ground *g,
                         struct err *err)
{
    int *outside = arena_array(c->arena, c->n + 1, sizeof *outside), r;

    if (!outside)
        return err_set(err, -ENOMEM, "out of memory");
    if ((r = run_outside(c, outside, err)) < 0 || (r = run_together(c, o, g, outside, err)) < 0)
        return r;
    for (uint32_t i = 0; i < c->n && r == 0; i++) {
        if (c->v[i].why_not)
            settle(&c->v[i], CHECK_UNTRIED, c->v[i].why_not);
        else if (c->v[i].alone)
            r = run_alone(c, o, g, &c->v[i], err);
    }
    return r;
}

static void interrupt(int signo)
{
    (void)signo;
    compare_interrupted = 1;
}

int probe_policy_run(const struct probe_policy_options *o, struct err *err)
{
    struct policy_checks c = {.arena = o->arena};
    struct ground g = {.listener = -1};
    const int ends[] = {SIGHUP, SIGINT, SIGTERM};
    int r;

    /* A run that is under way is ended and cleared up behind. */
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        sigaction(ends[i], &(struct sigaction){.sa_handler = interrupt}, NULL);
    r = prepare(&c, o, &g, err);

    if (r == 0)
        r = make_attempts(&c, o, &g, err);
    remove_ground(&g);
    return r < 0 ? r : probe_policy_show(&c, o->json, err);
}
