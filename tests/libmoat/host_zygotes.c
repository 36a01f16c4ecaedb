/* SPDX-License-Identifier: Apache-2.0 */
/* See host.h: many targets, of a zygote or not: what they share, and what one must not find of another. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

static void start_up_is_done_once(void)
{
    struct moat_target *a = start(), *b = start();

    IS(ask_int(a, STARTED), 1);
    IS(ask_int(b, STARTED), 1);
    IS(ask_int(a, COUNT), 1);
    IS(ask_int(a, COUNT), 2);
    IS(ask_int(b, COUNT), 1); /* it has memory of its own */
    IS(let_it_end(a, WAY_CRASH, 0), -ECONNRESET);
    IS(ask_int(b, COUNT), 2);
    moat_target_free(a);
    moat_target_free(b);
}

static int children_of(pid_t pid)
{
    char path[64], text[8192] = "";
    int n = 0, fd;

    snprintf(path, sizeof path, "/proc/%d/task/%d/children", pid, pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || read(fd, text, sizeof text - 1) < 0)
        FAIL("%s: %s", path, strerror(errno));
    close(fd);
    for (const char *c = text; *c; c++)
        n += *c == ' ';
    return n;
}

static pid_t parent_of(pid_t pid)
{
    char path[64], line[256];
    pid_t parent = -1;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    FILE *f = fopen(path, "r");
    while (f && fgets(line, sizeof line, f))
        sscanf(line, "PPid: %d", &parent);
    if (f)
        fclose(f);
    return parent;
}

/* MOAT_TEST_SCALE times 100 forks of a zygote; a tenth as many programs, whose namespaces take their time to go. */
static void many_starts_leave_nothing(void)
{
    const char *scale = getenv("MOAT_TEST_SCALE");
    long n = (by_zygote ? 100 : 10) * (scale ? atol(scale) : 1);
    struct moat_target *t = start();
    pid_t zygote_pid = by_zygote ? parent_of(moat_target_pid(t)) : getpid();
    int fds;

    moat_target_free(t);
    fds = descriptors();
    for (long i = 0; i < n; i++) {
        t = start();
        if (i % 3 == 0)
            IS(ask_int(t, COUNT), 1);
        if (i % 3 == 1)
            IS(let_it_end(t, i % 2 ? WAY_CRASH : WAY_EXIT, 0), -ECONNRESET);
        moat_target_free(t);
    }
    IS(descriptors(), fds);
    for (int i = 0; i < 100 && children_of(zygote_pid); i++)
        usleep(10000);
    IS(children_of(zygote_pid), 0);
}

/* What one fork leaves in its rings, the next must not find: the second reads what the first has written. */
static void forks_find_nothing_of_each_other(void)
{
    unsigned char secret[ECHO_MAX], back[ECHO_MAX];
    struct moat_target *t = start();
    struct moat_call c = {
        .method = ECHO, .request = secret, .request_size = ECHO_MAX, .reply = back, .reply_max = ECHO_MAX};
    char path[64], map[256];
    long found = -1, size = 0;

    memset(secret, 0x77, sizeof secret);
    IS(moat_call(t, &c, &said), 0);
    moat_target_free(t);
    t = start();
    IS(ask_int(t, COUNT), 1);
    snprintf(path, sizeof path, "/proc/self/maps"); /* the rings, as we have them mapped */
    FILE *f = fopen(path, "r");
    while (f && fgets(map, sizeof map, f)) {
        unsigned long from, to;
        if (!strstr(map, "moat-ring") || sscanf(map, "%lx-%lx", &from, &to) != 2)
            continue;
        found = 0;
        for (const unsigned char *p = (const unsigned char *)from; p < (const unsigned char *)to; p++)
            found += *p == 0x77;
        size += (long)(to - from);
    }
    fclose(f);
    IS(found, 0);
    IS(size >= 65536, 1);
    moat_target_free(t);
}

static void zygote_that_dies_takes_its_forks_along(void)
{
    struct moat_target *t = start(), *u;
    pid_t fork_pid = moat_target_pid(t), zygote_pid = parent_of(fork_pid);
    int value;
    struct moat_call c = {.method = COUNT, .reply = &value, .reply_max = sizeof value};

    IS(ask_int(t, COUNT), 1);
    IS(kill(zygote_pid, SIGKILL), 0);
    for (int i = 0; i < 500 && kill(fork_pid, 0) == 0 && parent_of(fork_pid) > 0; i++)
        usleep(10000);
    IS(moat_call(t, &c, &said), -ECONNRESET);
    IS(moat_target_restart(t, &said), -ECONNRESET);
    SAYS("zygote");
    IS(moat_zygote_spawn(zygote, &u, &said), -ECONNRESET);
    SAYS("killed by signal 9");
    moat_target_free(t);
}

static void zygote_that_cannot_fork_says_so(void)
{
    struct moat_target *t = start(), *u;
    pid_t pid = parent_of(moat_target_pid(t));
    struct rlimit usual, none = {0, 0};
    int value;
    struct moat_call c = {.method = COUNT, .reply = &value, .reply_max = sizeof value};

    if (prlimit(pid, RLIMIT_NPROC, NULL, &usual) < 0) { /* root without CAP_SYS_RESOURCE; somebody else may */
        printf("not here: set a limit of a zygote: %s\n", strerror(errno));
        moat_target_free(t);
        return;
    }
    none.rlim_max = usual.rlim_max;
    IS(prlimit(pid, RLIMIT_NPROC, &none, NULL), 0);
    IS(moat_zygote_spawn(zygote, &u, &said), 0);
    IS(moat_call(u, &c, &said), -ECONNRESET);
    SAYS("never made: Resource temporarily unavailable");
    IS(prlimit(pid, RLIMIT_NPROC, &usual, NULL), 0);
    IS(moat_target_restart(u, &said), 0);
    IS(ask_int(u, COUNT), 1);
    IS(ask_int(t, COUNT), 1);
    moat_target_free(u);
    moat_target_free(t);
}

const struct scenario zygote_scenarios[] = {
    {"start_up_is_done_once", start_up_is_done_once, SPAWN | ZYGOTE},
    {"many_starts_leave_nothing", many_starts_leave_nothing, SPAWN | ZYGOTE},
    {"forks_find_nothing_of_each_other", forks_find_nothing_of_each_other, ZYGOTE},
    {"zygote_that_dies_takes_its_forks_along", zygote_that_dies_takes_its_forks_along, ZYGOTE},
    {"zygote_that_cannot_fork_says_so", zygote_that_cannot_fork_says_so, ZYGOTE},
    {0},
};
