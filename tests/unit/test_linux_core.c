/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel's core by guests that call it: dispatch, scheduler, clocks, names, the trace. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux/core/call.h"
#include "linux/core/panic.h"
#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/random.h>
#include <linux/sysinfo.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <linux/utsname.h>
#include <string.h>

#define SECOND 1000000000ull

/* ---- dispatch ---- */

static void guest_nothing(void)
{
}

static void test_guest_that_returns_ends_with_status_0(void **state)
{
    assert_int_equal(harness_run(NULL, guest_nothing), 0);
}

static void guest_exits(void)
{
    sys(__NR_exit_group, 7);
}

static void test_exit_group_gives_the_status(void **state)
{
    assert_int_equal(harness_run(NULL, guest_exits), 7);
}

static void guest_unknown(void)
{
    static const int64_t none[] = {461, 463, 4096, -1, INT64_MIN, INT64_MAX, __NR_uselib, 1l << 32};
    for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
        assert_int_equal(sys(none[i]), -ENOSYS);
}

static void test_numbers_that_nobody_serves_give_enosys(void **state)
{
    assert_int_equal(harness_run(NULL, guest_unknown), 0);
}

static void test_rows_of_the_table_have_a_handler_or_say_why_not(void **state)
{
    assert_int_equal(call_handlers_n, CALL_MAX);
    for (unsigned nr = 0; nr < CALL_MAX; nr++) {
        const struct call *c = &call_table[nr];
        bool served = c->name && c->status != CALL_NONE;
        if (served != (call_handlers[nr] != NULL))
            fail_msg("%u (%s): the row and the handler differ", nr, c->name);
        if (c->name && c->status != CALL_FULL && !*c->note)
            fail_msg("%s: no note", c->name);
    }
}

/* ---- names and numbers ---- */

static void guest_uname(void)
{
    struct new_utsname u;
    assert_int_equal(sys(__NR_uname, &u), 0);
    assert_string_equal(u.sysname, "Linux");
    assert_string_equal(u.nodename, "moat");
    assert_string_equal(u.machine, "x86_64");
    assert_int_equal(sys(__NR_uname, NULL), -EFAULT);
    assert_int_equal(sys(__NR_uname, (char *)user_guarded(sizeof(u)) + 1), -EFAULT);
    assert_int_equal(sys(__NR_sethostname, "of the test program", 5), -EFAULT);
    assert_int_equal(sys(__NR_sethostname, user_string("other"), 5), 0);
    assert_int_equal(sys(__NR_uname, &u), 0);
    assert_string_equal(u.nodename, "other");
    assert_int_equal(sys(__NR_sethostname, user_string("x"), 65), -EINVAL);
    assert_int_equal(sys(__NR_sethostname, user_string("x"), -1), -EINVAL);
}

static void test_uname_shows_what_sethostname_set(void **state)
{
    assert_int_equal(harness_run(NULL, guest_uname), 0);
}

static void guest_hostname_of_user(void)
{
    assert_int_equal(sys(__NR_sethostname, user_string("other"), 5), -EPERM);
}

static void test_sethostname_without_capability_is_refused(void **state)
{
    assert_int_equal(harness_run(&(struct harness){.uid = 1000, .gid = 1000}, guest_hostname_of_user), 0);
}

static void guest_sysinfo(void)
{
    struct sysinfo s;
    assert_int_equal(sys(__NR_sysinfo, &s), 0);
    assert_int_equal(s.uptime, 1);
    assert_int_equal(s.totalram, 32u << 20);
    assert_int_equal(s.mem_unit, 1);
    assert_int_equal(s.procs, 1);
    assert_true(s.freeram > 0 && s.freeram <= s.totalram);
}

static void test_sysinfo_shows_the_memory_limit(void **state)
{
    assert_int_equal(harness_run(&(struct harness){.memory_limit = 32u << 20}, guest_sysinfo), 0);
}

/* ---- random bytes ---- */

static void guest_random(void)
{
    /* ChaCha20 with the harness's seed as key and nonce 0, from the middle of block 0 on: by another implementation. */
    static const uint8_t expected[40] = {0x9e, 0x8d, 0x84, 0x3a, 0x74, 0xee, 0x7f, 0x65, 0x57, 0xd1,
                                         0x89, 0xd2, 0x7a, 0x8b, 0x9e, 0x31, 0xb0, 0x70, 0xb6, 0xcf,
                                         0x69, 0x70, 0xb4, 0x1d, 0xcd, 0x24, 0x0c, 0x37, 0x91, 0xae,
                                         0x8c, 0x4a, 0x6f, 0xa5, 0xc3, 0xe7, 0x85, 0x5a, 0x67, 0x43};
    uint8_t bytes[40], again[40];
    assert_int_equal(sys(__NR_getrandom, bytes, sizeof(bytes), 0), sizeof(bytes));
    assert_memory_equal(bytes, expected, sizeof(bytes));
    assert_int_equal(sys(__NR_getrandom, again, sizeof(again), GRND_NONBLOCK | GRND_RANDOM), sizeof(again));
    assert_memory_not_equal(again, bytes, sizeof(bytes));
    assert_int_equal(sys(__NR_getrandom, bytes, 1, 8), -EINVAL);
    assert_int_equal(sys(__NR_getrandom, bytes, 1, GRND_INSECURE | GRND_RANDOM), -EINVAL);
    assert_int_equal(sys(__NR_getrandom, NULL, 0, 0), 0);
    assert_int_equal(sys(__NR_getrandom, NULL, 1, 0), -EFAULT);
    assert_int_equal(sys(__NR_getrandom, user_guarded(1000), 1000000, 0), 1000);
}

static void test_getrandom_gives_the_seeds_stream(void **state)
{
    assert_int_equal(harness_run(NULL, guest_random), 0);
}

/* ---- clocks ---- */

static int64_t clock_of(int id)
{
    struct __kernel_timespec ts;
    assert_int_equal(sys(__NR_clock_gettime, id, &ts), 0);
    return ts.tv_sec * (int64_t)SECOND + ts.tv_nsec;
}

static void guest_clocks(void)
{
    struct __kernel_old_timeval tv;
    struct __kernel_timespec ts = {.tv_sec = 2000000000, .tv_nsec = 5};
    int64_t real = clock_of(CLOCK_REALTIME);
    assert_int_equal(clock_of(CLOCK_MONOTONIC), harness_clock());
    guest_time(1500);
    assert_int_equal(clock_of(CLOCK_REALTIME), real + 1500);
    assert_int_equal(clock_of(CLOCK_THREAD_CPUTIME_ID), 1500);
    assert_int_equal(clock_of(CLOCK_PROCESS_CPUTIME_ID), 1500);
    assert_int_equal(sys(__NR_time, NULL), real / (int64_t)SECOND);
    assert_int_equal(sys(__NR_clock_settime, CLOCK_REALTIME, &ts), 0);
    assert_int_equal(sys(__NR_gettimeofday, &tv, NULL), 0);
    assert_int_equal(tv.tv_sec, 2000000000);
    assert_int_equal(sys(__NR_clock_settime, CLOCK_MONOTONIC, &ts), -EINVAL);
    ts.tv_nsec = (long long)SECOND;
    assert_int_equal(sys(__NR_clock_settime, CLOCK_REALTIME, &ts), -EINVAL);
    assert_int_equal(sys(__NR_clock_gettime, 77, &ts), -EINVAL);
    assert_int_equal(sys(__NR_clock_gettime, CLOCK_REALTIME, NULL), -EFAULT);
    assert_int_equal(sys(__NR_clock_getres, CLOCK_MONOTONIC, &ts), 0);
    assert_int_equal(ts.tv_nsec, 1);
}

static void test_clocks_follow_the_platforms(void **state)
{
    assert_int_equal(harness_run(NULL, guest_clocks), 0);
}

/* ---- the scheduler ---- */

static char order[64];
static char name_a[] = "a", name_b[] = "b", name_m[] = "m";

static void note(char c)
{
    size_t n = strlen(order);
    if (n + 1 < sizeof(order))
        order[n] = c, order[n + 1] = 0;
}

static void thread_yields(void *of)
{
    for (int i = 0; i < 3; i++) {
        note(*(char *)of);
        sys(__NR_sched_yield);
    }
}

static void guest_yields(void)
{
    uint32_t *words = user_alloc(2 * sizeof(*words));
    order[0] = 0;
    assert_true(guest_thread(thread_yields, name_a, &words[0]) > 0);
    assert_true(guest_thread(thread_yields, name_b, &words[1]) > 0);
    thread_yields(name_m);
    guest_join(&words[0]);
    guest_join(&words[1]);
    assert_string_equal(order, "mabmabmab");
}

static void test_yielding_threads_take_turns(void **state)
{
    assert_int_equal(harness_run(NULL, guest_yields), 0);
}

static void thread_computes(void *of)
{
    for (int i = 0; i < 4; i++) {
        note(*(char *)of);
        guest_time(4100000);
    }
}

static void guest_computes(void)
{
    uint32_t *word = user_alloc(sizeof(*word));
    order[0] = 0;
    assert_true(guest_thread(thread_computes, name_a, word) > 0);
    thread_computes(name_m);
    guest_join(word);
    assert_true(strstr(order, "ma") && strstr(order, "am"));
    assert_int_equal(strlen(order), 8);
    assert_string_not_equal(order, "mmmmaaaa");
}

static void test_threads_that_never_call_are_sliced(void **state)
{
    assert_int_equal(harness_run(NULL, guest_computes), 0);
}

static bool stop;

static void thread_computes_on(void *of)
{
    while (!stop)
        guest_time(100000);
}

static void guest_sleeps_beside_computing(void)
{
    uint32_t *words = user_alloc(4 * sizeof(*words));
    struct __kernel_timespec ts = {.tv_nsec = 1000000};
    stop = false;
    for (int i = 0; i < 4; i++)
        assert_true(guest_thread(thread_computes_on, NULL, &words[i]) > 0);
    for (int i = 0; i < 8; i++)
        sys(__NR_sched_yield);
    uint64_t before = harness_clock();
    for (int i = 0; i < 50; i++)
        assert_int_equal(sys(__NR_nanosleep, &ts, NULL), 0);
    assert_in_range(harness_clock() - before, 50 * 1000000, 60 * 1000000);
    stop = true;
    for (int i = 0; i < 4; i++)
        guest_join(&words[i]);
}

static void test_sleeper_wakes_in_time_beside_computing_threads(void **state)
{
    assert_int_equal(harness_run(NULL, guest_sleeps_beside_computing), 0);
}

static void guest_sleeps(void)
{
    struct __kernel_timespec ts = {.tv_sec = 3600};
    uint64_t before = harness_clock();
    assert_int_equal(sys(__NR_nanosleep, &ts, NULL), 0);
    assert_int_equal(harness_clock(), before + 3600 * SECOND);
}

static void test_sleep_ends_at_its_deadline(void **state)
{
    assert_int_equal(harness_run(NULL, guest_sleeps), 0);
}

static void guest_pauses(void)
{
    sys(__NR_pause);
}

static void test_all_asleep_for_ever_is_a_deadlock(void **state)
{
    assert_int_equal(harness_run(NULL, guest_pauses), HARNESS_DEADLOCK);
}

static void send_term(void)
{
    linux_signal(SIGTERM, false);
}

static void guest_pauses_until_term(void)
{
    harness_at(5 * SECOND, send_term);
    sys(__NR_pause);
}

static void test_signal_from_outside_ends_the_program(void **state)
{
    assert_int_equal(harness_run(NULL, guest_pauses_until_term), HARNESS_SIGNAL + SIGTERM);
    assert_int_equal(harness_clock(), 5 * SECOND);
}

static void guest_faults(void)
{
    *(volatile int *)user_guarded(4096) = 1;
    *((volatile char *)user_guarded(4096) + 4096) = 1;
}

static void test_fault_of_a_guest_is_its_signal(void **state)
{
    assert_int_equal(harness_run(NULL, guest_faults), HARNESS_SIGNAL + SIGSEGV);
}

/* ---- calls that a signal interrupts ---- */

struct action {
    void (*handler)(int);
    uint64_t flags;
    void (*restorer)(void);
    uint64_t mask;
};

static int handled;

static void on_usr1(int signo)
{
    handled++;
}

static void send_usr1(void)
{
    linux_signal(SIGUSR1, false);
}

static void write_byte(void)
{
    harness_input("x", 1);
}

static void catch_usr1(uint64_t flags)
{
    struct action a = {.handler = on_usr1, .flags = flags | 0x04000000 /* SA_RESTORER */, .restorer = guest_restorer};
    handled = 0;
    assert_int_equal(sys(__NR_rt_sigaction, SIGUSR1, &a, NULL, 8), 0);
}

static void read_interrupted(uint64_t flags, int64_t expected)
{
    char c = 0;
    catch_usr1(flags);
    harness_at(2 * SECOND, send_usr1);
    harness_at(3 * SECOND, write_byte);
    assert_int_equal(sys(__NR_read, 0, &c, 1), expected);
    assert_int_equal(handled, 1);
    assert_int_equal(c, expected == 1 ? 'x' : 0);
}

static void guest_read_restarts(void)
{
    read_interrupted(SA_RESTART, 1);
    assert_int_equal(harness_clock(), 3 * SECOND);
}

static void guest_read_ends(void)
{
    read_interrupted(0, -EINTR);
    assert_int_equal(harness_clock(), 2 * SECOND);
}

static void test_read_with_sa_restart_goes_on_after_the_handler(void **state)
{
    assert_int_equal(harness_run(&(struct harness){.endless_input = true}, guest_read_restarts), 0);
}

static void test_read_without_sa_restart_ends_with_eintr(void **state)
{
    assert_int_equal(harness_run(&(struct harness){.endless_input = true}, guest_read_ends), 0);
}

static void guest_sleep_interrupted(void)
{
    struct __kernel_timespec ts = {.tv_sec = 10}, left;
    catch_usr1(SA_RESTART);
    harness_at(4 * SECOND, send_usr1);
    assert_int_equal(sys(__NR_nanosleep, &ts, &left), -EINTR);
    assert_int_equal(handled, 1);
    assert_int_equal(left.tv_sec, 7);
}

static void test_sleep_is_not_restarted_behind_a_handler(void **state)
{
    assert_int_equal(harness_run(NULL, guest_sleep_interrupted), 0);
}

static void send_winch(void)
{
    linux_signal(SIGWINCH, false);
}

static void guest_ignored_signal(void)
{
    struct __kernel_timespec ts = {.tv_sec = 10};
    harness_at(4 * SECOND, send_winch);
    assert_int_equal(sys(__NR_nanosleep, &ts, NULL), 0);
    assert_int_equal(harness_clock(), 11 * SECOND);
}

static void test_ignored_signal_does_not_end_a_sleep(void **state)
{
    assert_int_equal(harness_run(NULL, guest_ignored_signal), 0);
}

/* ---- the trace, the end ---- */

static void guest_traced(void)
{
    char bytes[4];
    struct __kernel_timespec ts = {.tv_sec = 1};
    sys(__NR_openat, -100, user_string("/no/such\n"), 0x80000, 0);
    sys(__NR_read, 99, bytes, 4);
    sys(__NR_write, 1, user_string("hello"), 5);
    sys(__NR_nanosleep, &ts, NULL);
    sys(__NR_mmap, NULL, 4096, 3, 0x22, -1, 1);
    sys(__NR_kill, 99, SIGTERM);
    sys(459);
    sys(500);
}

static void test_trace_has_the_form_of_strace(void **state)
{
    static const char *const lines[] = {
        "openat(AT_FDCWD, \"/no/such\\n\", O_RDONLY|O_CLOEXEC, 0) = -1 ENOENT\n",
        "write(1, \"hello\", 5) = 5\n",
        "nanosleep({tv_sec=1, tv_nsec=0}, NULL) = 0\n",
        "mmap(NULL, 4096, PROT_READ|PROT_WRITE, MAP_PRIVATE|MAP_ANONYMOUS, -1, 0x1) = -1 EINVAL\n",
        "kill(99, SIGTERM) = -1 ESRCH\n",
        "lsm_get_self_attr() = -1 ENOSYS\n",
        "exit_group(0) = ?\n",
    };
    assert_int_equal(harness_run(&(struct harness){.trace = true}, guest_traced), 0);
    const char *trace = harness_output(HOST_TRACE);
    for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
        if (!strstr(trace, lines[i]))
            fail_msg("not in the trace: %sthe trace:\n%s", lines[i], trace);
    assert_non_null(strstr(trace, "read(99, 0x"));
    assert_non_null(strstr(trace, "syscall_0x1f4(0x"));
}

static void guest_panics(void)
{
    kernel_panic("the test's");
}

static void test_panic_names_what_and_ends_by_sigabrt(void **state)
{
    assert_int_equal(harness_run(NULL, guest_panics), HARNESS_SIGNAL + SIGABRT);
    assert_string_equal(harness_output(HOST_STDERR), "kernel: the test's\n");
}

static void guest_stats(void)
{
    struct linux_stats s, t;
    linux_stats(&s);
    sys(__NR_getpid);
    linux_stats(&t);
    assert_int_equal(t.system_calls, s.system_calls + 1);
    assert_int_equal(t.tasks, 1);
    assert_int_equal(t.processes, 1);
    assert_true(t.heap_bytes > 0);
}

static void test_stats_count_calls_and_tasks(void **state)
{
    assert_int_equal(harness_run(NULL, guest_stats), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_guest_that_returns_ends_with_status_0),
        cmocka_unit_test(test_exit_group_gives_the_status),
        cmocka_unit_test(test_numbers_that_nobody_serves_give_enosys),
        cmocka_unit_test(test_rows_of_the_table_have_a_handler_or_say_why_not),
        cmocka_unit_test(test_uname_shows_what_sethostname_set),
        cmocka_unit_test(test_sethostname_without_capability_is_refused),
        cmocka_unit_test(test_sysinfo_shows_the_memory_limit),
        cmocka_unit_test(test_getrandom_gives_the_seeds_stream),
        cmocka_unit_test(test_clocks_follow_the_platforms),
        cmocka_unit_test(test_yielding_threads_take_turns),
        cmocka_unit_test(test_threads_that_never_call_are_sliced),
        cmocka_unit_test(test_sleeper_wakes_in_time_beside_computing_threads),
        cmocka_unit_test(test_sleep_ends_at_its_deadline),
        cmocka_unit_test(test_all_asleep_for_ever_is_a_deadlock),
        cmocka_unit_test(test_signal_from_outside_ends_the_program),
        cmocka_unit_test(test_fault_of_a_guest_is_its_signal),
        cmocka_unit_test(test_read_with_sa_restart_goes_on_after_the_handler),
        cmocka_unit_test(test_read_without_sa_restart_ends_with_eintr),
        cmocka_unit_test(test_sleep_is_not_restarted_behind_a_handler),
        cmocka_unit_test(test_ignored_signal_does_not_end_a_sleep),
        cmocka_unit_test(test_trace_has_the_form_of_strace),
        cmocka_unit_test(test_panic_names_what_and_ends_by_sigabrt),
        cmocka_unit_test(test_stats_count_calls_and_tasks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
