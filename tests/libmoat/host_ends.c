/* SPDX-License-Identifier: Apache-2.0 */
/* See host.h: how a target starts and ends, and what its host is told of it. */
#include "host.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- ends -------------------------------------------------------------------------------------------------------- */

static void ends_are_told_apart(void)
{
    static const struct {
        int way, code;
        const char *says;
    } ways[] = {{WAY_EXIT, -ECONNRESET, "ended with status 7"},
                {WAY_CRASH, -ECONNRESET, "signal 11"},
                {WAY_ABORT, -ECONNRESET, "signal"},
                {WAY_FORBIDDEN, -ECONNRESET, "a system call that is not allowed"},
                {WAY_STACK, -ECONNRESET, "signal 11"},
                {WAY_HANG, -ETIMEDOUT, "within 50 ms"},
                {WAY_SPIN, -ETIMEDOUT, "within 50 ms"}};
    struct moat_target *t = start();

    for (size_t i = 0; i < sizeof ways / sizeof *ways; i++) {
        int before = moat_target_pid(t), value;
        struct moat_call c = {.method = COUNT, .reply = &value, .reply_max = sizeof value};
        IS(let_it_end(t, ways[i].way, ways[i].code == -ETIMEDOUT ? 50 : 0), ways[i].code);
        SAYS(ways[i].says);
        IS(moat_call(t, &c, &said), -ENOTCONN);
        SAYS("not running");
        IS(kill(before, 0), -1);
        IS(moat_target_restart(t, &said), 0);
        IS(ask_int(t, COUNT), 1); /* a fresh one */
    }
    moat_target_free(t);
}

static void restarts_are_limited(void)
{
    struct moat_target_options o = options();

    o.restarts = 3;
    o.restart_seconds = 1000;
    struct moat_target *t = start_with(&o);
    for (int i = 0; i < 3; i++) {
        IS(let_it_end(t, WAY_CRASH, 0), -ECONNRESET);
        IS(moat_target_restart(t, &said), 0);
    }
    IS(let_it_end(t, WAY_CRASH, 0), -ECONNRESET);
    IS(moat_target_restart(t, &said), -EAGAIN);
    SAYS("3 times within 1000 s");
    moat_target_free(t);
}

static void status_is_known_after_the_end(void)
{
    struct moat_target *t = start();

    IS(moat_target_status(t), -1);
    IS(let_it_end(t, WAY_EXIT, 0), -ECONNRESET);
    IS(WEXITSTATUS(moat_target_status(t)), 7);
    moat_target_free(t);
}

/* A program that was executed is a child like any other: a host that waits for all may take its status. */
static void host_may_take_the_status(void)
{
    struct moat_target *t = start();
    int way = WAY_EXIT, status = 0;
    struct moat_call c = {.method = END, .request = &way, .request_size = sizeof way};
    pid_t pid = moat_target_pid(t);

    IS(moat_call_begin(t, &c, &said), 0);
    IS(waitpid(-1, &status, 0), pid);
    IS(WEXITSTATUS(status), 7);
    IS(moat_call_end(t, &c, &said), -ECONNRESET);
    IS(moat_target_restart(t, &said), 0);
    IS(ask_int(t, COUNT), 1);
    moat_target_free(t);
    IS(waitpid(-1, NULL, WNOHANG), -1);
    IS(errno, ECHILD);
}

static void waits_to_be_killed(void)
{
    struct moat_target *t = start();

    printf("%d\n", moat_target_pid(t));
    fflush(stdout);
    for (;;)
        pause();
}

/* ---- starts ------------------------------------------------------------------------------------------------------ */

static void starts_that_fail_say_why(void)
{
    const char *argv[] = {"worker", "end", NULL};
    struct moat_target_options o = options(), table = options();
    struct moat_method two[2] = {methods[ECHO], methods[ECHO]};
    struct moat_target *t;

    o.argv = argv;
    IS(moat_target_spawn(&o, &t, &said), -ECHILD);
    SAYS("ended with status 5 before it was ready");
    argv[1] = "hang";
    o.start_ms = 100;
    IS(moat_target_spawn(&o, &t, &said), -ETIMEDOUT);
    SAYS("moat_session_enter");
    o.path = "/nonexistent/program";
    IS(moat_target_spawn(&o, &t, &said), -ENOENT);
    SAYS("/nonexistent/program");
    o.path = "/etc/passwd";
    IS(moat_target_spawn(&o, &t, &said), -EACCES);
    o.path = "/bin/true";
    IS(moat_target_spawn(&o, &t, &said), -ECHILD);
    table.methods = two;
    table.n_methods = 2;
    IS(moat_target_spawn(&table, &t, &said), -EINVAL);
    SAYS("row 1");
    table = options();
    table.ring_bytes = 5000;
    IS(moat_target_spawn(&table, &t, &said), -EINVAL);
    SAYS("power of two");
    table.ring_bytes = 4096;
    two[0].request_max = 4096;
    table.methods = two;
    table.n_methods = 1;
    IS(moat_target_spawn(&table, &t, &said), -EINVAL);
    SAYS("shared buffer");
    struct moat_zygote *z;
    table = options();
    argv[1] = NULL;
    table.argv = argv;
    IS(moat_zygote_start(&table, &z, &said), -EINVAL);
    SAYS("moat_zygote_ready");
}

static int fork_entry(struct moat_session *s, void *context)
{
    (void)s;
    _exit(*(int *)context); /* without a word */
}

static void *sleeper(void *unused)
{
    (void)unused;
    while (pause() < 0)
        ;
    return NULL;
}

static void fork_of_a_function(void)
{
    struct moat_target_options o = options();
    struct moat_target *t;
    pthread_t thread;
    int value = 9;

    o.path = NULL;
    IS(moat_target_fork(&o, fork_entry, &value, &t, &said), 0);
    IS(waitpid(-1, NULL, WNOHANG), -1); /* not seen by an ordinary wait */
    IS(errno, ECHILD);
    struct moat_call c = {.method = COUNT, .reply = &value, .reply_max = sizeof value};
    IS(moat_call(t, &c, &said), -ECONNRESET);
    SAYS("status 9");
    IS(pthread_create(&thread, NULL, sleeper, NULL), 0);
    IS(moat_target_restart(t, &said), -EBUSY);
    moat_target_free(t);
    IS(moat_target_fork(&o, fork_entry, &value, &t, &said), -EBUSY);
    SAYS("more than one thread");
}

const struct scenario end_scenarios[] = {
    {"ends_are_told_apart", ends_are_told_apart, SPAWN | ZYGOTE},
    {"restarts_are_limited", restarts_are_limited, SPAWN | ZYGOTE},
    {"status_is_known_after_the_end", status_is_known_after_the_end, SPAWN},
    {"host_may_take_the_status", host_may_take_the_status, SPAWN},
    {"waits_to_be_killed", waits_to_be_killed, SPAWN | ZYGOTE | HIDDEN},
    {"starts_that_fail_say_why", starts_that_fail_say_why, SPAWN},
    {"fork_of_a_function", fork_of_a_function, SPAWN},
    {0},
};
