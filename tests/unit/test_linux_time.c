/* SPDX-License-Identifier: Apache-2.0 */
/* Clocks, sleeping and timers of src/linux: the harness's clock stands still but for what guests wait for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux/core/time.h"
#include "linux/task/signal.h"
#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/siginfo.h>
#include <asm/unistd.h>
#include <linux/resource.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <linux/timex.h>
#include <string.h>

static struct seen {
    int n;
    siginfo_t info;
} seen;

static void note(int signo, siginfo_t *info, void *of)
{
    (void)signo, (void)of;
    seen.n++;
    seen.info = *info;
}

static void handle(int signo)
{
    struct signal_action a = {.handler = (uint64_t)(uintptr_t)note,
                              .flags = SA_SIGINFO | SA_RESTORER,
                              .restorer = (uint64_t)(uintptr_t)guest_restorer};
    assert_int_equal(sys(__NR_rt_sigaction, signo, &a, NULL, 8), 0);
}

static int run(void (*guest)(void))
{
    memset(&seen, 0, sizeof(seen));
    return harness_run(NULL, guest);
}

static struct __kernel_timespec span(int64_t ns)
{
    return (struct __kernel_timespec){ns / SECOND, ns % SECOND};
}

static int64_t told(int64_t clock)
{
    struct __kernel_timespec ts;
    assert_int_equal(sys(__NR_clock_gettime, clock, &ts), 0);
    return ts.tv_sec * SECOND + ts.tv_nsec;
}

static int64_t sleep_ns(int64_t ns)
{
    struct __kernel_timespec ts = span(ns);
    return sys(__NR_nanosleep, &ts, NULL);
}

/* ---- clocks ---- */

static void guest_clocks(void)
{
    struct __kernel_timespec ts;
    assert_int_equal(told(CLOCK_MONOTONIC), harness_clock());
    assert_int_equal(told(CLOCK_BOOTTIME), harness_clock());
    assert_in_range(told(CLOCK_MONOTONIC) - told(CLOCK_MONOTONIC_COARSE), 0, 4000000);
    sleep_ns(3 * SECOND);
    assert_int_equal(told(CLOCK_MONOTONIC), harness_clock());
    assert_int_equal(sys(__NR_clock_gettime, 99, &ts), -EINVAL);
    assert_int_equal(sys(__NR_clock_gettime, CLOCK_MONOTONIC, NULL), -EFAULT);
    assert_int_equal(sys(__NR_clock_getres, CLOCK_MONOTONIC, &ts), 0);
    assert_int_equal(ts.tv_nsec, 1);
    assert_int_equal(sys(__NR_clock_getres, CLOCK_REALTIME_COARSE, NULL), 0);
    struct __kernel_old_timeval tv;
    assert_int_equal(sys(__NR_gettimeofday, &tv, NULL), 0);
    assert_int_equal(tv.tv_sec, told(CLOCK_REALTIME) / SECOND);
    assert_int_equal(sys(__NR_time, NULL), tv.tv_sec);
    ts = span(told(CLOCK_REALTIME) + 100 * SECOND);
    assert_int_equal(sys(__NR_clock_settime, CLOCK_REALTIME, &ts), 0);
    assert_int_equal(told(CLOCK_REALTIME), ts.tv_sec * SECOND + ts.tv_nsec);
    assert_int_equal(sys(__NR_clock_settime, CLOCK_MONOTONIC, &ts), -EINVAL);
    assert_int_equal(sys(__NR_setuid, 1000), 0);
    assert_int_equal(sys(__NR_clock_settime, CLOCK_REALTIME, &ts), -EPERM);
}

static void test_clocks_tell_the_platforms_time(void **state)
{
    assert_int_equal(run(guest_clocks), 0);
}

static void guest_cpu_time(void)
{
    int64_t begin = told(CLOCK_PROCESS_CPUTIME_ID), thread = told(CLOCK_THREAD_CPUTIME_ID);
    guest_time(50000000);
    assert_int_equal(told(CLOCK_PROCESS_CPUTIME_ID) - begin, 50000000);
    assert_int_equal(told(CLOCK_THREAD_CPUTIME_ID) - thread, 50000000);
    sleep_ns(SECOND); /* takes none */
    assert_int_equal(told(CLOCK_PROCESS_CPUTIME_ID) - begin, 50000000);
    int64_t mine = (int64_t)(~(uint64_t)sys(__NR_getpid) << 3 | 2); /* as clock_getcpuclockid(3) makes it */
    assert_int_equal(told((int32_t)mine), told(CLOCK_PROCESS_CPUTIME_ID));
    struct rusage usage;
    assert_int_equal(sys(__NR_getrusage, RUSAGE_SELF, &usage), 0);
    assert_int_equal(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec, told(CLOCK_PROCESS_CPUTIME_ID) / 1000);
    assert_int_equal(sys(__NR_getrusage, 9, &usage), -EINVAL);
}

static void test_cpu_time_is_what_guest_code_took(void **state)
{
    assert_int_equal(run(guest_cpu_time), 0);
}

/* ---- sleeping ---- */

static void guest_sleep(void)
{
    struct __kernel_timespec ts;
    int64_t begin = (int64_t)harness_clock();
    assert_int_equal(sleep_ns(5), 0);
    assert_int_equal(harness_clock() - (uint64_t)begin, 5);
    assert_int_equal(sleep_ns(0), 0);
    ts = (struct __kernel_timespec){0, SECOND};
    assert_int_equal(sys(__NR_nanosleep, &ts, NULL), -EINVAL);
    ts = (struct __kernel_timespec){-1, 0};
    assert_int_equal(sys(__NR_nanosleep, &ts, NULL), -EINVAL);
    assert_int_equal(sys(__NR_nanosleep, NULL, NULL), -EFAULT);
    ts = span(told(CLOCK_MONOTONIC) + 100);
    assert_int_equal(sys(__NR_clock_nanosleep, CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL), 0);
    assert_int_equal(told(CLOCK_MONOTONIC), ts.tv_sec * SECOND + ts.tv_nsec);
    ts = span(told(CLOCK_REALTIME) + 100);
    begin = told(CLOCK_MONOTONIC);
    assert_int_equal(sys(__NR_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL), 0);
    assert_int_equal(told(CLOCK_MONOTONIC) - begin, 100);
    assert_int_equal(sys(__NR_clock_nanosleep, CLOCK_REALTIME, TIMER_ABSTIME, &ts, NULL), 0); /* over already */
    assert_int_equal(sys(__NR_clock_nanosleep, CLOCK_THREAD_CPUTIME_ID, 0, &ts, NULL), -EOPNOTSUPP);
    assert_int_equal(sys(__NR_clock_nanosleep, 99, 0, &ts, NULL), -EINVAL);
}

static void test_sleep_takes_its_time(void **state)
{
    assert_int_equal(run(guest_sleep), 0);
}

/* ---- interval timers ---- */

static void guest_alarm(void)
{
    handle(SIGALRM);
    assert_int_equal(sys(__NR_alarm, 10), 0);
    assert_int_equal(sys(__NR_alarm, 2), 10);
    int64_t begin = told(CLOCK_MONOTONIC);
    assert_int_equal(sys(__NR_pause), -EINTR);
    assert_int_equal(told(CLOCK_MONOTONIC) - begin, 2 * SECOND);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.info.si_code, SI_KERNEL);
    assert_int_equal(sys(__NR_alarm, 3), 0);
    assert_int_equal(sys(__NR_alarm, 0), 3);
    sleep_ns(5 * SECOND);
    assert_int_equal(seen.n, 1);
}

static void test_alarm_sends_sigalrm_once(void **state)
{
    assert_int_equal(run(guest_alarm), 0);
}

static void guest_itimer(void)
{
    struct __kernel_old_itimerval set = {.it_value = {1, 0}, .it_interval = {0, 500000}}, now;
    handle(SIGALRM);
    assert_int_equal(sys(__NR_setitimer, ITIMER_REAL, &set, NULL), 0);
    int64_t begin = told(CLOCK_MONOTONIC);
    for (int i = 0; i < 3; i++)
        assert_int_equal(sys(__NR_pause), -EINTR);
    assert_int_equal(told(CLOCK_MONOTONIC) - begin, 2 * SECOND);
    assert_int_equal(sys(__NR_getitimer, ITIMER_REAL, &now), 0);
    assert_int_equal(now.it_interval.tv_usec, 500000);
    assert_in_range(now.it_value.tv_usec, 1, 500000);
    memset(&set, 0, sizeof(set));
    assert_int_equal(sys(__NR_setitimer, ITIMER_REAL, &set, &now), 0);
    assert_int_equal(now.it_interval.tv_usec, 500000);
    assert_int_equal(sys(__NR_getitimer, ITIMER_REAL, &now), 0);
    assert_int_equal(now.it_value.tv_usec + now.it_value.tv_sec, 0);
    set.it_value.tv_usec = 1000000;
    assert_int_equal(sys(__NR_setitimer, ITIMER_REAL, &set, NULL), -EINVAL);
    assert_int_equal(sys(__NR_setitimer, 3, &set, NULL), -EINVAL);
    assert_int_equal(seen.n, 3);
}

static void test_interval_timer_goes_on(void **state)
{
    assert_int_equal(run(guest_itimer), 0);
}

static void guest_cpu_timers(void)
{
    struct __kernel_old_itimerval set = {.it_value = {0, 20000}};
    handle(SIGVTALRM);
    handle(SIGPROF);
    assert_int_equal(sys(__NR_setitimer, ITIMER_VIRTUAL, &set, NULL), 0);
    sleep_ns(SECOND); /* not CPU time */
    assert_int_equal(seen.n, 0);
    guest_time(30000000);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.info.si_signo, SIGVTALRM);
    guest_time(30000000);
    assert_int_equal(seen.n, 1);
    assert_int_equal(sys(__NR_setitimer, ITIMER_PROF, &set, NULL), 0);
    guest_time(30000000);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.info.si_signo, SIGPROF);
}

static void test_timers_of_cpu_time_count_guest_code(void **state)
{
    assert_int_equal(run(guest_cpu_timers), 0);
}

static void guest_cpu_limit(void)
{
    uint64_t limit[2] = {1, 2};
    handle(SIGXCPU);
    assert_int_equal(sys(__NR_setrlimit, RLIMIT_CPU, limit), 0);
    for (int i = 0; i < 15; i++)
        guest_time(100000000);
    if (seen.n != 1 || seen.info.si_signo != SIGXCPU)
        sys(__NR_exit_group, 50);
    for (int i = 0; i < 15; i++)
        guest_time(100000000);
    sys(__NR_exit_group, 51);
}

static void test_limit_of_cpu_time_ends_a_process(void **state)
{
    assert_int_equal(run(guest_cpu_limit), HARNESS_SIGNAL + SIGKILL);
}

/* ---- posix timers ---- */

static int32_t timer_new(int64_t clock, int notify, int signo, int number)
{
    struct sigevent e;
    int32_t id = -1;
    memset(&e, 0, sizeof(e));
    e.sigev_notify = notify, e.sigev_signo = signo, e.sigev_value.sival_int = number;
    assert_int_equal(sys(__NR_timer_create, clock, &e, &id), 0);
    return id;
}

static int64_t timer_start(int32_t id, int64_t value, int64_t interval, int flags)
{
    struct __kernel_itimerspec set = {.it_interval = span(interval), .it_value = span(value)};
    return sys(__NR_timer_settime, id, flags, &set, NULL);
}

static int64_t timer_left(int32_t id)
{
    struct __kernel_itimerspec now;
    assert_int_equal(sys(__NR_timer_gettime, id, &now), 0);
    return now.it_value.tv_sec * SECOND + now.it_value.tv_nsec;
}

static void guest_timer(void)
{
    handle(SIGUSR1);
    int32_t id = timer_new(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 42);
    assert_int_equal(timer_left(id), 0);
    assert_int_equal(timer_start(id, SECOND, 0, 0), 0);
    assert_int_equal(timer_left(id), SECOND);
    int64_t begin = told(CLOCK_MONOTONIC);
    assert_int_equal(sys(__NR_pause), -EINTR);
    assert_int_equal(told(CLOCK_MONOTONIC) - begin, SECOND);
    assert_int_equal(seen.info.si_code, SI_TIMER);
    assert_int_equal(seen.info.si_value.sival_int, 42);
    assert_int_equal(seen.info.si_tid, id);
    assert_int_equal(timer_left(id), 0);
    begin = told(CLOCK_REALTIME);
    int32_t other = timer_new(CLOCK_REALTIME, SIGEV_SIGNAL, SIGUSR1, 43);
    assert_int_equal(timer_start(other, begin + 7, 0, TIMER_ABSTIME), 0);
    assert_int_equal(sys(__NR_pause), -EINTR);
    assert_int_equal(told(CLOCK_REALTIME) - begin, 7);
    assert_int_equal(seen.info.si_value.sival_int, 43);
    assert_int_equal(sys(__NR_timer_delete, id), 0);
    assert_int_equal(sys(__NR_timer_delete, id), -EINVAL);
    assert_int_equal(timer_start(id, 1, 0, 0), -EINVAL);
    assert_int_equal(seen.n, 2);
}

static void test_timer_sends_its_signal_with_its_value(void **state)
{
    assert_int_equal(run(guest_timer), 0);
}

static void block(uint64_t mask)
{
    assert_int_equal(sys(__NR_rt_sigprocmask, SIG_SETMASK, &mask, NULL, 8), 0);
}

static void guest_overrun(void)
{
    handle(SIGUSR1);
    int32_t id = timer_new(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
    block(signal_bit(SIGUSR1));
    assert_int_equal(timer_start(id, SECOND, SECOND, 0), 0);
    sleep_ns(5 * SECOND + SECOND / 2); /* five periods, of which four are overruns */
    block(0);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.info.si_overrun, 4);
    assert_int_equal(sys(__NR_timer_getoverrun, id), 4);
    assert_int_equal(timer_left(id), SECOND / 2); /* the periods stay where they were */
    int64_t begin = told(CLOCK_MONOTONIC);
    assert_int_equal(sys(__NR_pause), -EINTR);
    assert_int_equal(told(CLOCK_MONOTONIC) - begin, SECOND / 2);
    assert_int_equal(sys(__NR_timer_getoverrun, id), 0);
    assert_int_equal(timer_start(id, 0, 0, 0), 0);
    sleep_ns(5 * SECOND);
    assert_int_equal(seen.n, 2);
}

static void test_periods_that_nobody_saw_are_overruns(void **state)
{
    assert_int_equal(run(guest_overrun), 0);
}

static void guest_deleted_while_pending(void)
{
    handle(SIGUSR1);
    block(signal_bit(SIGUSR1));
    int32_t id = timer_new(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 1);
    assert_int_equal(timer_start(id, 1, 1000, 0), 0);
    sleep_ns(100);
    assert_int_equal(sys(__NR_timer_delete, id), 0);
    int32_t next = timer_new(CLOCK_MONOTONIC, SIGEV_NONE, 0, 1);
    block(0);
    assert_int_equal(seen.n, 1);
    assert_int_equal(timer_left(next), 0);
}

static void test_timer_may_be_deleted_while_its_signal_waits(void **state)
{
    assert_int_equal(run(guest_deleted_while_pending), 0);
}

static void guest_no_signal(void)
{
    int32_t id = timer_new(CLOCK_MONOTONIC, SIGEV_NONE, 0, 1);
    assert_int_equal(timer_start(id, SECOND, 3 * SECOND, 0), 0);
    sleep_ns(2 * SECOND);
    assert_int_equal(timer_left(id), 2 * SECOND);
    struct sigevent e;
    int32_t out;
    memset(&e, 0, sizeof(e));
    e.sigev_signo = 65;
    assert_int_equal(sys(__NR_timer_create, CLOCK_MONOTONIC, &e, &out), -EINVAL);
    e.sigev_signo = SIGUSR1, e.sigev_notify = 99;
    assert_int_equal(sys(__NR_timer_create, CLOCK_MONOTONIC, &e, &out), -EINVAL);
    e.sigev_notify = SIGEV_THREAD_ID, e._sigev_un._tid = 999;
    assert_int_equal(sys(__NR_timer_create, CLOCK_MONOTONIC, &e, &out), -EINVAL);
    assert_int_equal(sys(__NR_timer_create, 99, NULL, &out), -EINVAL);
    assert_int_equal(sys(__NR_timer_create, CLOCK_MONOTONIC, NULL, NULL), -EFAULT);
}

static void test_timer_without_a_signal_only_counts(void **state)
{
    assert_int_equal(run(guest_no_signal), 0);
}

static void guest_cpu_clock_timer(void)
{
    handle(SIGUSR1);
    int32_t id = timer_new(CLOCK_PROCESS_CPUTIME_ID, SIGEV_SIGNAL, SIGUSR1, 0);
    assert_int_equal(timer_start(id, 20000000, 0, 0), 0);
    sleep_ns(SECOND);
    assert_int_equal(seen.n, 0);
    guest_time(40000000);
    assert_int_equal(seen.n, 1);
}

static void test_timer_of_a_cpu_clock_counts_guest_code(void **state)
{
    assert_int_equal(run(guest_cpu_clock_timer), 0);
}

static void guest_ignored_periods(void)
{
    struct signal_action ignore = {.handler = (uint64_t)SIG_IGN};
    assert_int_equal(sys(__NR_rt_sigaction, SIGUSR1, &ignore, NULL, 8), 0);
    int32_t id = timer_new(CLOCK_MONOTONIC, SIGEV_SIGNAL, SIGUSR1, 0);
    assert_int_equal(timer_start(id, 1, 1, 0), 0);
    sleep_ns(SECOND); /* comes to an end */
    handle(SIGUSR1);
    assert_int_equal(sys(__NR_pause), -EINTR);
    assert_int_equal(seen.n, 1);
}

static void test_short_period_of_an_ignored_signal_does_not_hold_the_kernel(void **state)
{
    assert_int_equal(run(guest_ignored_periods), 0);
}

/* ---- times ---- */

static void test_times_are_kept_within_what_the_clock_holds(void **state)
{
    static const struct {
        const char *label;
        struct __kernel_timespec ts;
        bool valid;
        uint64_t ns;
    } cases[] = {
        {"nothing", {0, 0}, true, 0},
        {"the last of a second", {1, 999999999}, true, 1999999999},
        {"a part of a second", {0, 1000000000}, false, 0},
        {"a part below zero", {0, -1}, false, 0},
        {"seconds below zero", {-1, 0}, false, 0},
        {"the last that is kept", {TIMES_MOST / SECOND - 1, 5}, true, (TIMES_MOST / SECOND - 1) * SECOND + 5},
        {"more than is kept", {TIMES_MOST / SECOND, 5}, true, TIMES_MOST},
        {"all there is", {INT64_MAX, 999999999}, true, TIMES_MOST},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        if (timespec_is_valid(&cases[i].ts) != cases[i].valid)
            fail_msg("%s: valid: %d", cases[i].label, !cases[i].valid);
        if (cases[i].valid && timespec_to_ns(&cases[i].ts) != cases[i].ns)
            fail_msg("%s: %llu ns", cases[i].label, (unsigned long long)timespec_to_ns(&cases[i].ts));
    }
    const struct __kernel_timespec back = ns_to_timespec(1999999999);
    const struct __kernel_old_timeval cut = ns_to_timeval(1999999999);
    assert_int_equal(back.tv_sec, 1);
    assert_int_equal(back.tv_nsec, 999999999);
    assert_int_equal(cut.tv_sec, 1);
    assert_int_equal(cut.tv_usec, 999999);
}

/* ---- what time daemons set ---- */

static void guest_adjust(void)
{
    struct __kernel_timex q = {0};
    assert_int_equal(sys(__NR_adjtimex, &q), TIME_ERROR); /* nobody has said that the clock is right */
    assert_int_equal(q.tick, 10000);
    assert_true(q.status & STA_UNSYNC);
    assert_int_equal(q.time.tv_sec, told(CLOCK_REALTIME) / SECOND);
    q = (struct __kernel_timex){.modes = ADJ_STATUS | ADJ_FREQUENCY | ADJ_MAXERROR, .freq = 1 << 30, .maxerror = 5};
    assert_int_equal(sys(__NR_clock_adjtime, CLOCK_REALTIME, &q), TIME_OK);
    assert_int_equal(q.freq, 500 << 16);
    assert_int_equal(q.maxerror, 5);
    q = (struct __kernel_timex){.modes = ADJ_TICK, .tick = 8999};
    assert_int_equal(sys(__NR_adjtimex, &q), -EINVAL);
    q = (struct __kernel_timex){.modes = 0x8000};
    assert_int_equal(sys(__NR_adjtimex, &q), -EINVAL);
    int64_t before = told(CLOCK_REALTIME);
    q = (struct __kernel_timex){.modes = ADJ_SETOFFSET | ADJ_NANO, .time = {.tv_sec = 3, .tv_usec = 7}};
    assert_int_equal(sys(__NR_adjtimex, &q), TIME_OK);
    assert_int_equal(told(CLOCK_REALTIME) - before, 3 * (int64_t)SECOND + 7);
    assert_int_equal(sys(__NR_adjtimex, NULL), -EFAULT);
    assert_int_equal(sys(__NR_clock_adjtime, CLOCK_MONOTONIC, &q), -EOPNOTSUPP);
    assert_int_equal(sys(__NR_clock_adjtime, 99, &q), -EINVAL);
    assert_int_equal(sys(__NR_setuid, 1000), 0);
    assert_int_equal(sys(__NR_adjtimex, &q), -EPERM);
    q.modes = 0;
    assert_int_equal(sys(__NR_adjtimex, &q), TIME_OK);
}

static void test_adjtimex_keeps_what_the_privileged_set(void **state)
{
    assert_int_equal(run(guest_adjust), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clocks_tell_the_platforms_time),
        cmocka_unit_test(test_cpu_time_is_what_guest_code_took),
        cmocka_unit_test(test_sleep_takes_its_time),
        cmocka_unit_test(test_alarm_sends_sigalrm_once),
        cmocka_unit_test(test_interval_timer_goes_on),
        cmocka_unit_test(test_timers_of_cpu_time_count_guest_code),
        cmocka_unit_test(test_limit_of_cpu_time_ends_a_process),
        cmocka_unit_test(test_timer_sends_its_signal_with_its_value),
        cmocka_unit_test(test_periods_that_nobody_saw_are_overruns),
        cmocka_unit_test(test_timer_may_be_deleted_while_its_signal_waits),
        cmocka_unit_test(test_timer_without_a_signal_only_counts),
        cmocka_unit_test(test_timer_of_a_cpu_clock_counts_guest_code),
        cmocka_unit_test(test_short_period_of_an_ignored_signal_does_not_hold_the_kernel),
        cmocka_unit_test(test_times_are_kept_within_what_the_clock_holds),
        cmocka_unit_test(test_adjtimex_keeps_what_the_privileged_set),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
