/* SPDX-License-Identifier: Apache-2.0 */
/* See host.h: the walls around a target, by attempts that are first seen to succeed without them, and its limits. */
#include "attempts.h"
#include "host.h"

#include <stdlib.h>
#include <string.h>

static int unconfined(const struct attempt *a)
{
    int status;
    pid_t pid = fork();

    if (pid == 0)
        _exit(a->try() & 0xff);
    if (waitpid(pid, &status, 0) < 0 || !WIFEXITED(status))
        return ECHILD;
    return WEXITSTATUS(status);
}

static void walls_stop_what_works_outside(void)
{
    int live = 0;

    for (int i = 0; i < (int)ATTEMPTS; i++) {
        int inside = 0, control = unconfined(&attempts[i]);
        struct moat_call c = {
            .method = ATTEMPT, .request = &i, .request_size = sizeof i, .reply = &inside, .reply_max = 4};
        if (attempts[i].forks && !by_zygote)
            continue;
        if (control) {
            printf("not live here: %s (%s)\n", attempts[i].label, strerror(control));
            continue;
        }
        live++;
        struct moat_target *t = start();
        int r = moat_call(t, &c, &said);
        if (r == 0 && inside == 0)
            FAIL("a target could %s", attempts[i].label);
        if (r < 0)
            IS(r, -ECONNRESET);
        moat_target_free(t);
    }
    if (live < (int)ATTEMPTS - 8)
        FAIL("only %d of %zu attempts succeed without walls: they prove nothing", live, ATTEMPTS);
}

static void walls_are_reported(void)
{
    struct moat_target *t = start();
    uint32_t expected = MOAT_WALL_FILTER | MOAT_WALL_NAMESPACES | MOAT_WALL_ROOT | MOAT_WALL_USER | MOAT_WALL_LANDLOCK;

    if (geteuid() == 0)
        expected |= MOAT_WALL_IDENTITY;
    printf("walls %#x\n", moat_target_walls(t));
    if (!getenv("MOAT_TEST_FEWER_WALLS"))
        IS(moat_target_walls(t), expected);
    struct stat st;
    char path[64];
    snprintf(path, sizeof path, "/proc/%d", moat_target_pid(t));
    IS(stat(path, &st), 0);
    snprintf(path, sizeof path, "/proc/%d/status", moat_target_pid(t));
    FILE *f = fopen(path, "r");
    char line[256];
    unsigned uid = 0, seccomp = 0;
    unsigned long long caps = 1;
    while (f && fgets(line, sizeof line, f)) {
        sscanf(line, "Uid: %u", &uid);
        sscanf(line, "CapEff: %llx", &caps);
        sscanf(line, "Seccomp: %u", &seccomp);
    }
    fclose(f);
    IS(caps, 0);
    IS(seccomp, 2);
    if (geteuid() == 0 && !getenv("MOAT_TEST_FEWER_WALLS") && uid < 65536)
        FAIL("its uid is %u", uid);
    moat_target_free(t);
}

static void walls_required_and_missing_are_named(void)
{
    struct moat_target_options o = options();
    struct moat_target *t;

    o.require = MOAT_WALL_NAMESPACES | MOAT_WALL_USER;
    IS(moat_target_spawn(&o, &t, &said), -EPERM);
    SAYS("required");
    SAYS("user namespaces");
}

static void memory_is_limited(void)
{
    struct moat_target_options o = options();

    o.memory = 64 << 20;
    struct moat_target *t = start_with(&o);
    struct moat_buffer *b;
    uint32_t id;
    IS(moat_buffer_create(128 << 20, MOAT_BUFFER_WRITTEN, &b, &said), 0);
    IS(moat_buffer_share(b, t, &id, &said), -ENOMEM);
    IS(ask_int(t, COUNT), 1);
    moat_buffer_free(b);
    moat_target_free(t);
}

static void calls_named_in_the_options_are_allowed(void)
{
    static const char *const calls[] = {"mkdirat", NULL}, *const wrong[] = {"mkdri", NULL};
    struct moat_target_options o = options();
    struct moat_target *t;

    o.calls = calls;
    t = start_with(&o);
    IS(let_it_end(t, WAY_FORBIDDEN, 0), 0); /* it came to its end: the file system is read-only and empty */
    moat_target_free(t);
    o.calls = wrong;
    IS(moat_target_spawn(&o, &t, &said), -EINVAL);
    SAYS("\"mkdri\"");
}

const struct scenario wall_scenarios[] = {
    {"walls_stop_what_works_outside", walls_stop_what_works_outside, SPAWN | ZYGOTE},
    {"walls_are_reported", walls_are_reported, SPAWN | ZYGOTE},
    {"memory_is_limited", memory_is_limited, SPAWN | ZYGOTE},
    {"calls_named_in_the_options_are_allowed", calls_named_in_the_options_are_allowed, SPAWN},
    {"walls_required_and_missing_are_named", walls_required_and_missing_are_named, SPAWN | HIDDEN},
    {0},
};
