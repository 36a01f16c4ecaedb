/* SPDX-License-Identifier: Apache-2.0 */
/* `moat rm` and `moat prune`: sandboxes are removed, with their layers and logs. The monitor does it where one lives,
 * else this process, under the sandbox's lock. */
#include "cli/commands.h"
#include "cli/filter.h"
#include "cli/sandboxes.h"
#include "cli/usage.h"
#include "cli/when.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define LOCK_MS        15000
#define ANSWER_S       30
#define FIRST_ANSWER_S 3
#define TRIES          20 /* each waits for what another command or a monitor was about to do */

enum { OPTION_FILTER, OPTION_FORCE, OPTION_LINK, OPTION_VOLUMES };

const struct option_row rm_options[] = {
    {"force", 'f', NULL, "Kill those that run", OPTION_FORCE},
    {"link", 'l', NULL, NULL, OPTION_LINK},
    {"volumes", 'v', NULL, "Understood: a sandbox has no volumes of its own", OPTION_VOLUMES},
};
const size_t n_rm_options = ARRAY_LEN(rm_options);

const struct option_row prune_options[] = {
    {"filter", 0, "KEY=VALUE", "Only those: until=TIME (made before), label=KEY[=VALUE]", OPTION_FILTER},
    {"force", 'f', NULL, "Do not ask", OPTION_FORCE},
};
const size_t n_prune_options = ARRAY_LEN(prune_options);

static int refuse_running(const struct sandbox *sb, enum sandbox_status s, struct err *err)
{
    if (s == SANDBOX_PAUSED)
        return err_set(
            err, -EBUSY,
            "cannot remove container %s: container is paused and must be unpaused first, or force remove (-f)", sb->id);
    return err_set(
        err, -EBUSY,
        "cannot remove container %s: container is %s: stop the container before removing or force remove (-f)", sb->id,
        sandboxes_state_word(s));
}

/* Asks the monitor. -ENOTCONN: there is none (any more). A process in an uninterruptible sleep does not end: that is
 * said, and not waited for without end. */
static int ask_once(struct sandbox *sb, uint16_t what, int seconds, struct err *err)
{
    const struct timeval patience = {.tv_sec = seconds};
    struct control_record reply;
    _cleanup_fd_ int sock = monitor_connect(sb, err);

    if (sock < 0)
        return sock;
    setsockopt(sock, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    int r = monitor_ask(sock, what, NULL, 0, &reply, err);
    return r == -ECONNRESET || r == -EPIPE ? -ENOTCONN : r;
}

/* One that does not answer is held up, perhaps by the workload itself, which is then ended without it. */
static int ask_monitor(struct sandbox *sb, uint16_t what, struct err *err)
{
    int r = ask_once(sb, what, FIRST_ANSWER_S, err);

    if (r == -EAGAIN) {
        if (what == CONTROL_REMOVE)
            sb->inst.boundary->signal(&sb->inst, SIGKILL, &(struct err){0});
        r = ask_once(sb, what, ANSWER_S, err);
    }
    if (r == -EAGAIN)
        return err_set(err, -ETIMEDOUT, "cannot remove container %s: it did not end within %d s of SIGKILL", sb->id,
                       ANSWER_S);
    return r;
}

static int remove_kept(struct sandbox *sb, bool force, struct err *err)
{
    int r = -EBUSY;

    /* A frozen process does not die before it is thawed. */
    if (force && sandbox_status(sb) == SANDBOX_PAUSED && sb->inst.boundary->pause)
        sb->inst.boundary->pause(&sb->inst, false, &(struct err){0});
    for (int i = 0; i < TRIES; i++) {
        if (force && (r = ask_monitor(sb, CONTROL_REMOVE, err)) != -ENOTCONN)
            return r;
        if ((r = sandbox_lock(sb, LOCK_MS, err)) < 0)
            return r;
        enum sandbox_status s = sandbox_status(sb);
        if (!force && sandboxes_runs(s))
            return refuse_running(sb, s, err);
        if (!monitor_alive(sb)) {
            if ((r = sandbox_delete(sb, force, err)) == 0)
                sandboxes_event(sb, "destroy", NULL, NULL);
            return r;
        }
        /* One that runs and whose monitor cannot be asked (its socket is gone) is ended, and its monitor then ends too.
         */
        if (force && sb->inst.pid > 0)
            sb->inst.boundary->signal(&sb->inst, SIGKILL, &(struct err){0});
        /* A monitor that is just ending: it may need the lock for that. */
        sandboxes_unlock(sb);
        ask_monitor(sb, CONTROL_WAIT, &(struct err){0});
        r = err_set(err, -EBUSY, "cannot remove container %s: its monitor does not come to an end", sb->id);
        usleep(20000);
    }
    return r;
}

int sandboxes_remove(struct sandbox *sb, bool force, struct err *err)
{
    enum sandbox_status s = sandbox_status(sb);

    if (!force && sandboxes_runs(s))
        return refuse_running(sb, s, err);
    return sb->kept ? remove_kept(sb, force, err) : sandbox_delete(sb, force, err);
}

/* Whether it loads without one of its records; else that is put back. */
static bool loads_without(struct sandbox *sb, const char *id, int dir, const char *record, struct err *err)
{
    if (renameat(dir, record, dir, "damaged") < 0)
        return false;
    if (sandbox_load(sb, id, err) == 0)
        return true;
    sandbox_close(sb);
    renameat(dir, "damaged", dir, record);
    return false;
}

/* Every group of it was made for it alone. */
static bool group_is_own(const struct cgroup *cg)
{
    bool own = cg->host != NULL;

    for (uint32_t h = 0; own && h < cg->host->n; h++)
        own = cg->dir_fds[h] < 0 || cg->made[h];
    return own;
}

/* One whose records do not read: it is loaded without the damaged one, or else all are given up, one after the other,
 * until what is left tells enough to kill and to remove. */
static int load_damaged(struct sandbox *sb, struct arena *a, const char *word, struct err *err)
{
    static const char *const records[] = {"exit.json", "state.json", "sandbox.json", "config.json"};
    const char *id;
    bool loaded = false;
    int r = sandbox_open_root(sb, a, NULL, false, err), ms = LOCK_MS;

    if (r < 0 || (r = sandbox_find(sb, word, &id, err)) < 0)
        return r;
    _cleanup_fd_ int dir = openat(sb->root_fd, id, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    for (; dir >= 0 && ms > 0 && flock(dir, LOCK_EX | LOCK_NB) < 0; ms -= 10)
        usleep(10000);
    if (dir < 0 || ms <= 0)
        return err_set(err, dir < 0 ? -ENOENT : -EBUSY, "%s: another command is at work on it", id);
    for (size_t i = 0; i < ARRAY_LEN(records) && !loaded; i++)
        loaded = loads_without(sb, id, dir, records[i], err);
    for (size_t i = 0; i < ARRAY_LEN(records) && !loaded; i++) {
        unlinkat(dir, records[i], 0);
        loaded = (r = sandbox_load(sb, id, err)) == 0;
        if (!loaded)
            sandbox_close(sb);
    }
    if (!loaded)
        return r;
    /* Where the first process is not known any more, its group knows it. */
    if (group_is_own(&sb->inst.cgroup)) {
        cgroup_freeze(&sb->inst.cgroup, false, &(struct err){0});
        cgroup_signal_all(&sb->inst.cgroup, SIGKILL, &(struct err){0});
    }
    return 0;
}

/* ---- rm ------------------------------------------------------------------------------------------------------- */

static int apply_rm(void *ctx, int id, const char *value, struct err *err)
{
    if (id == OPTION_LINK)
        return err_set(err, -EINVAL, "--link is refused: there are no links between sandboxes");
    if (id == OPTION_FORCE)
        *(bool *)ctx = !strcmp(value, "true");
    return 0;
}

int cmd_rm(int argc, char **argv)
{
    struct err err = {0};
    bool force = false;
    int operand, status = 0;

    if (options_parse(rm_options, n_rm_options, argc, argv, false, &operand, apply_rm, &force, &err) < 0)
        return command_fail("rm", &err);
    if (operand == argc)
        return sandboxes_no_operand("rm");
    for (int i = operand; i < argc; i++) {
        struct arena a;
        struct sandbox sb;
        err = (struct err){0};
        int r = arena_init(&a, SANDBOXES_ARENA);
        if (r == 0 && (r = sandboxes_load(&sb, &a, argv[i], &err)) == -EINVAL && force)
            r = load_damaged(&sb, &a, argv[i], &err);
        if (r == 0) {
            r = sandboxes_remove(&sb, force, &err);
            sandboxes_close(&sb);
        }
        if (r == 0)
            puts(argv[i]);
        else if (sandboxes_fail("rm", &err) && !(force && r == -ENOENT)) /* as docker: said, and no failure */
            status = EXIT_DOCKER_ERROR;
        fflush(stdout);
        arena_free(&a);
    }
    return status;
}

/* ---- prune ---------------------------------------------------------------------------------------------------- */

static const char *const prune_keys[] = {"until", "label", NULL};

static int apply_prune(void *ctx, int id, const char *value, struct err *err)
{
    struct prune *p = ctx;

    if (id == OPTION_FILTER)
        return filter_add(&p->filters, value, err);
    p->force = !strcmp(value, "true");
    return 0;
}

static bool made_before(const struct prune *p, const struct sandbox *sb)
{
    int64_t limit, created;

    for (unsigned i = 0; i < p->filters.n; i++)
        if (!strcmp(p->filters.v[i].key, "until") &&
            (when_parse("filter until", p->filters.v[i].value, p->now, &limit, &(struct err){0}) < 0 ||
             time_parse(sandboxes_created(sb), &created) < 0 || created >= limit))
            return false;
    return true;
}

static int prune_one(struct sandbox *sb, void *ctx, struct err *err)
{
    struct prune *p = ctx;
    enum sandbox_status s = sandbox_status(sb);
    struct usage u = {0};
    struct err bad = {0};

    /* One of --rm that has stopped was left by a killed caller; those of an engine are the engine's. */
    bool ours = sb->kept || (sb->foreground && s == SANDBOX_STOPPED);
    if (!ours || (s != SANDBOX_CREATED && s != SANDBOX_STOPPED) || !made_before(p, sb) ||
        !filter_labels(&p->filters, &sb->policy))
        return 0;
    usage_path(sb->layer_dir, &u);
    int r = sandboxes_remove(sb, false, &bad);
    if (r == -ENOENT || r == -EBUSY) /* removed or started meanwhile */
        return 0;
    if (r < 0) {
        sandboxes_fail("prune", &bad);
        p->failed = true;
        return 0;
    }
    if (!p->removed++)
        puts("Deleted Containers:");
    puts(sb->id);
    p->bytes += u.bytes;
    return 0;
}

int prune_check(struct prune *p, struct err *err)
{
    int64_t limit;

    p->now = when_now();
    for (unsigned i = 0; i < p->filters.n; i++)
        if (!strcmp(p->filters.v[i].key, "until") &&
            when_parse("filter until", p->filters.v[i].value, p->now, &limit, err) < 0)
            return -EINVAL;
    return 0;
}

int prune_sandboxes(struct prune *p, struct err *err)
{
    int r = sandboxes_all("prune", prune_one, p, err);

    if (p->removed)
        putchar('\n');
    return r;
}

bool prune_confirm(const char *warning)
{
    char answer[64] = "";

    printf("WARNING! %s\nAre you sure you want to continue? [y/N] ", warning);
    fflush(stdout);
    if (!fgets(answer, sizeof answer, stdin)) {
        putchar('\n');
        return false;
    }
    return answer[0] == 'y' || answer[0] == 'Y';
}

int cmd_prune(int argc, char **argv)
{
    static struct prune p = {.filters.keys = prune_keys};
    struct err err = {0};
    char size[24];
    int operand;

    if (options_parse(prune_options, n_prune_options, argc, argv, false, &operand, apply_prune, &p, &err) < 0)
        return sandboxes_fail_line("prune", &err);
    if (operand < argc)
        err_set(&err, -EINVAL, "accepts no arguments: '%s' (moat rm removes it)", argv[operand]);
    else
        prune_check(&p, &err);
    if (err.code < 0)
        return sandboxes_fail("prune", &err);
    if (!p.force && !prune_confirm("This will remove all stopped containers."))
        return 0;
    if (prune_sandboxes(&p, &err) < 0)
        return sandboxes_fail("prune", &err);
    size_words(p.bytes, 4, size);
    printf("Total reclaimed space: %s\n", size);
    return p.failed ? EXIT_DOCKER_ERROR : 0;
}
