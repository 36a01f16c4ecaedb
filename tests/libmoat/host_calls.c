/* SPDX-License-Identifier: Apache-2.0 */
/* See host.h: calls of all kinds, what is refused before it is sent, and where the target answers them. */
#include "host.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

static void calls_of_all_sizes(void)
{
    struct moat_target *t = start();
    unsigned char bytes[ECHO_MAX], back[ECHO_MAX];

    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (unsigned char)(i * 7);
    for (size_t size = 0; size <= ECHO_MAX; size += size < 100 ? 1 : 97) {
        struct moat_call c = {
            .method = ECHO, .request = bytes, .request_size = size, .reply = back, .reply_max = sizeof back};
        memset(back, 0, sizeof back);
        IS(moat_call(t, &c, &said), 0);
        IS(c.reply_size, size);
        IS(memcmp(back, bytes, size), 0);
    }
    moat_target_free(t);
}

static void calls_against_their_row(void)
{
    struct moat_target *t = start();
    unsigned char bytes[ECHO_MAX + 1] = {0};
    struct moat_call c = {
        .method = ECHO, .request = bytes, .request_size = sizeof bytes, .reply = bytes, .reply_max = ECHO_MAX};

    IS(moat_call(t, &c, &said), -EINVAL);
    SAYS("echo");
    SAYS("4001 bytes");
    c.request_size = 1;
    c.reply_max = 100;
    IS(moat_call(t, &c, &said), -EINVAL);
    SAYS("room for a reply of 100 bytes");
    c = (struct moat_call){.method = METHODS};
    IS(moat_call(t, &c, &said), -EINVAL);
    c = (struct moat_call){.method = 0xffff0000u, .request = bytes, .request_size = 16};
    IS(moat_call(t, &c, &said), -EINVAL);
    c = (struct moat_call){.method = END, .request = bytes, .request_size = 3};
    IS(moat_call(t, &c, &said), -EINVAL);
    c = (struct moat_call){.method = COUNT, .fds = (int[]){0}, .n_fds = 1, .reply = bytes, .reply_max = 4};
    IS(moat_call(t, &c, &said), -EINVAL);
    SAYS("1 descriptors");
    IS(moat_call_end(t, &c, &said), -EINVAL);
    IS(ask_int(t, COUNT), 1); /* it lives, and has seen none of them */
    moat_target_free(t);
}

static void states_permit_and_forbid(void)
{
    struct moat_target *t = start();
    char treasure[16] = "";
    struct moat_call c = {.method = SECRET, .reply = treasure, .reply_max = sizeof treasure};

    IS(moat_call(t, &c, &said), -EINVAL);
    SAYS("secret is not permitted in state 0");
    IS(ask(t, LOG_IN, "wrong", 5, NULL, 0), -EACCES);
    IS(moat_target_state(t), 0);
    IS(ask(t, LOG_IN, "sesame", 6, NULL, 0), 0);
    IS(moat_target_state(t), 1);
    IS(ask(t, SECRET, NULL, 0, treasure, sizeof treasure), 0);
    IS(memcmp(treasure, "the treasure", 12), 0);
    c = (struct moat_call){.method = LOG_IN, .request = "sesame", .request_size = 6};
    IS(moat_call(t, &c, &said), -EINVAL);
    IS(moat_target_restart(t, &said), 0);
    IS(moat_target_state(t), 0);
    moat_target_free(t);
}

static void calls_begun_are_ended_in_any_order(void)
{
    enum { N = 10 };
    struct moat_target *t = start();
    struct moat_call c[N];
    int values[N], back[N];
    unsigned char large[ECHO_MAX] = {0}, rest[40][ECHO_MAX];
    struct moat_call many[40], login = {.method = LOG_IN, .request = "sesame", .request_size = 6};
    int begun = 0;

    for (int i = 0; i < N; i++) {
        values[i] = i * 11;
        c[i] = (struct moat_call){.method = COUNT, .reply = &back[i], .reply_max = sizeof back[i]};
        IS(moat_call_begin(t, &c[i], &said), 0);
    }
    IS(moat_call_begin(t, &c[3], &said), -EINVAL); /* under way already */
    IS(moat_call_begin(t, &login, &said), -EAGAIN);
    SAYS("must be alone");
    for (int i = N - 1; i >= 0; i--) {
        IS(moat_call_end(t, &c[i], &said), 0);
        IS(back[i], i + 1);
    }
    for (; begun < 40; begun++) { /* until the replies would not fit */
        many[begun] = (struct moat_call){
            .method = ECHO, .request = large, .request_size = ECHO_MAX, .reply = rest[begun], .reply_max = ECHO_MAX};
        if (moat_call_begin(t, &many[begun], &said) < 0)
            break;
    }
    IS(said.code, -EAGAIN);
    IS(begun, 65536 / 4032);
    for (int i = 0; i < begun; i++)
        IS(moat_call_end(t, &many[i], &said), 0);
    IS(moat_call_begin(t, &login, &said), 0);
    c[0] = (struct moat_call){.method = COUNT, .reply = &back[0], .reply_max = 4};
    IS(moat_call_begin(t, &c[0], &said), -EAGAIN);
    while (!moat_call_is_done(t, &login))
        usleep(1000);
    IS(moat_call_end(t, &login, &said), 0);
    IS(moat_target_state(t), 1);
    IS(values[1], 11);
    moat_target_free(t);
}

static volatile sig_atomic_t alarms;
static void on_alarm(int signo)
{
    alarms += signo == SIGALRM;
}

static void signals_do_not_disturb_calls(void)
{
    struct sigaction sa = {.sa_handler = on_alarm};
    struct itimerval often = {{0, 500}, {0, 500}}, never = {{0, 0}, {0, 0}};
    struct moat_target *t = start();

    sigaction(SIGALRM, &sa, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 1; i <= 20000 || alarms < 20; i++)
        IS(ask_int(t, COUNT), i);
    IS(let_it_end(t, WAY_HANG, 100), -ETIMEDOUT);
    setitimer(ITIMER_REAL, &never, NULL);
    moat_target_free(t);
}

static void target_follows_its_host(void)
{
    struct moat_target_options o = options();
    cpu_set_t all, one;

    sched_getaffinity(0, sizeof all, &all);
    for (uint32_t p = 0; p <= MOAT_PLACE_APART; p++) {
        o.placement = p;
        struct moat_target *t = start_with(&o);
        for (int cpu = 0; cpu < CPU_SETSIZE; cpu++) {
            if (!CPU_ISSET(cpu, &all))
                continue;
            CPU_ZERO(&one);
            CPU_SET(cpu, &one);
            IS(sched_setaffinity(0, sizeof one, &one), 0);
            int there = ask_int(t, CPU);
            if (p == MOAT_PLACE_TOGETHER)
                IS(there, cpu);
            if (p == MOAT_PLACE_APART && CPU_COUNT(&all) > 1)
                IS(there != cpu, 1);
        }
        sched_setaffinity(0, sizeof all, &all);
        moat_target_free(t);
    }
}

const struct scenario call_scenarios[] = {
    {"calls_of_all_sizes", calls_of_all_sizes, SPAWN | ZYGOTE},
    {"calls_against_their_row", calls_against_their_row, SPAWN | ZYGOTE},
    {"calls_begun_are_ended_in_any_order", calls_begun_are_ended_in_any_order, SPAWN | ZYGOTE},
    {"states_permit_and_forbid", states_permit_and_forbid, SPAWN | ZYGOTE},
    {"signals_do_not_disturb_calls", signals_do_not_disturb_calls, SPAWN | ZYGOTE},
    {"target_follows_its_host", target_follows_its_host, SPAWN},
    {0},
};
