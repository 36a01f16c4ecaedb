/* SPDX-License-Identifier: Apache-2.0 */
/* Signals of src/linux: what guests see of sending, blocking, handlers, restarts, stops. test_linux_frames.c has the
 * rest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_signals.h"

#include <asm/errno.h>
#include <asm/sigcontext.h>
#include <asm/ucontext.h>
#include <asm/unistd.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/signal.h>
#include <linux/time_types.h>
#include <linux/wait.h>
#include <string.h>

/* ---- handlers ---- */

static void guest_handler(void)
{
    assert_int_equal(handle(SIGUSR1, note, 0, 0), 0);
    assert_int_equal(raise_to_self(SIGUSR1), 0);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.info.si_signo, SIGUSR1);
    assert_int_equal(seen.info.si_code, SI_TKILL);
    assert_int_equal(seen.info.si_pid, sys(__NR_getpid));
    assert_int_equal(seen.rax_in_frame, 0);
    assert_int_equal(sys(__NR_kill, sys(__NR_getpid), SIGUSR1), 0);
    assert_int_equal(seen.info.si_code, SI_USER);
    assert_int_equal(seen.n, 2);
    assert_int_equal(get_mask(), 0);
}

static void test_handler_runs_with_details_and_returns(void **state)
{
    assert_int_equal(run(guest_handler), 0);
}

static uint64_t mask_inside;

static void look_at_mask(int signo, siginfo_t *info, void *of)
{
    note(signo, info, of);
    mask_inside = get_mask();
}

static void guest_masks(void)
{
    assert_int_equal(handle(SIGUSR1, look_at_mask, 0, signal_bit(SIGUSR2)), 0);
    assert_int_equal(set_mask(SIG_SETMASK, signal_bit(SIGHUP)), 0);
    raise_to_self(SIGUSR1);
    assert_int_equal(mask_inside, signal_bit(SIGUSR1) | signal_bit(SIGUSR2) | signal_bit(SIGHUP));
    assert_int_equal(seen.mask_in_frame, signal_bit(SIGHUP));
    assert_int_equal(get_mask(), signal_bit(SIGHUP));
    assert_int_equal(handle(SIGUSR1, look_at_mask, SA_NODEFER | SA_RESETHAND, 0), 0);
    raise_to_self(SIGUSR1);
    assert_int_equal(mask_inside, signal_bit(SIGHUP));
    struct signal_action now;
    assert_int_equal(sys(__NR_rt_sigaction, SIGUSR1, NULL, &now, 8), 0);
    assert_int_equal(now.handler, (uint64_t)SIG_DFL);
    assert_int_equal(set_mask(SIG_SETMASK, ~0ull), 0);
    assert_int_equal(get_mask(), ~(uint64_t)SIGNAL_UNBLOCKABLE);
    assert_int_equal(set_mask(17, 0), -EINVAL);
    assert_int_equal(sys(__NR_rt_sigprocmask, SIG_BLOCK, NULL, NULL, 4), -EINVAL);
    assert_int_equal(handle(SIGKILL, note, 0, 0), -EINVAL);
    assert_int_equal(handle(SIGSTOP, note, 0, 0), -EINVAL);
    assert_int_equal(handle(65, note, 0, 0), -EINVAL);
    assert_int_equal(handle(0, note, 0, 0), -EINVAL);
}

static void test_mask_of_the_action_holds_while_the_handler_runs(void **state)
{
    assert_int_equal(run(guest_masks), 0);
}

static void raise_another(int signo, siginfo_t *info, void *of)
{
    raise_to_self(SIGUSR2);
    note(signo, info, of);
}

static void guest_nested(void)
{
    handle(SIGUSR1, raise_another, 0, 0);
    handle(SIGUSR2, note, 0, 0);
    raise_to_self(SIGUSR1);
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.order[0], SIGUSR2);
    assert_int_equal(seen.order[1], SIGUSR1);
    assert_int_equal(get_mask(), 0);
}

static void test_handlers_nest(void **state)
{
    assert_int_equal(run(guest_nested), 0);
}

static void guest_two_at_once(void)
{
    handle(SIGUSR1, note, 0, 0);
    handle(SIGUSR2, note, 0, 0);
    set_mask(SIG_SETMASK, signal_bit(SIGUSR1) | signal_bit(SIGUSR2));
    raise_to_self(SIGUSR2);
    raise_to_self(SIGUSR1);
    assert_int_equal(seen.n, 0);
    assert_int_equal(set_mask(SIG_SETMASK, 0), 0);
    /* Both frames are laid, the lower number first: the handler of the higher one runs first. */
    assert_int_equal(seen.n, 2);
    assert_int_equal(seen.order[0], SIGUSR2);
    assert_int_equal(seen.order[1], SIGUSR1);
}

static void test_two_that_were_blocked_are_both_delivered(void **state)
{
    assert_int_equal(run(guest_two_at_once), 0);
}

/* ---- the queue ---- */

static int64_t queue(int signo, int value)
{
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_code = SI_QUEUE;
    info.si_value.sival_int = value;
    return sys(__NR_rt_sigqueueinfo, sys(__NR_getpid), signo, &info);
}

static int64_t take(uint64_t set, siginfo_t *info, uint64_t ns)
{
    struct __kernel_timespec ts = {(int64_t)(ns / 1000000000), (int64_t)(ns % 1000000000)};
    return sys(__NR_rt_sigtimedwait, &set, info, &ts, 8);
}

static void guest_queue(void)
{
    siginfo_t info;
    uint64_t pending;
    set_mask(SIG_SETMASK, ~0ull);
    for (int i = 0; i < 3; i++)
        assert_int_equal(queue(SIGRTMIN + 1, i), 0);
    assert_int_equal(queue(SIGRTMIN, 10), 0);
    raise_to_self(SIGUSR1);
    raise_to_self(SIGUSR1);
    assert_int_equal(sys(__NR_rt_sigpending, &pending, 8), 0);
    assert_int_equal(pending, signal_bit(SIGUSR1) | signal_bit(SIGRTMIN) | signal_bit(SIGRTMIN + 1));
    assert_int_equal(take(~0ull, &info, 0), SIGUSR1);
    assert_int_equal(take(~0ull, &info, 0), SIGRTMIN);
    assert_int_equal(info.si_value.sival_int, 10);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(take(~0ull, &info, 0), SIGRTMIN + 1);
        assert_int_equal(info.si_value.sival_int, i);
        assert_int_equal(info.si_code, SI_QUEUE);
    }
    assert_int_equal(take(~0ull, &info, 0), -EAGAIN);
    uint64_t before = harness_clock();
    assert_int_equal(take(~0ull, &info, 5000), -EAGAIN);
    assert_int_equal(harness_clock() - before, 5000);
}

static void test_realtime_signals_queue_and_others_do_not(void **state)
{
    assert_int_equal(run(guest_queue), 0);
}

static void guest_queue_full(void)
{
    uint64_t limit[2] = {4, 4};
    set_mask(SIG_SETMASK, ~0ull);
    assert_int_equal(sys(__NR_prlimit64, 0, RLIMIT_SIGPENDING, limit, NULL), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(queue(SIGRTMIN, i), 0);
    assert_int_equal(queue(SIGRTMIN, 4), -EAGAIN);
    assert_int_equal(sys(__NR_kill, sys(__NR_getpid), SIGUSR1), 0); /* the number alone gets through */
    siginfo_t info;
    assert_int_equal(take(signal_bit(SIGUSR1), &info, 0), SIGUSR1);
    assert_int_equal(info.si_code, SI_USER);
}

static void test_full_queue_is_eagain_for_queued_signals_alone(void **state)
{
    assert_int_equal(run(guest_queue_full), 0);
}

static void guest_forged(void)
{
    siginfo_t info;
    memset(&info, 0, sizeof(info));
    info.si_code = SI_USER;
    set_mask(SIG_SETMASK, ~0ull);
    assert_int_equal(sys(__NR_rt_sigqueueinfo, sys(__NR_getpid), SIGUSR1, &info), 0);
    assert_int_equal(sys(__NR_rt_sigqueueinfo, 12345, SIGUSR1, &info), -EPERM);
    info.si_code = SI_QUEUE;
    assert_int_equal(sys(__NR_rt_sigqueueinfo, 12345, SIGUSR1, &info), -ESRCH);
    assert_int_equal(sys(__NR_kill, 12345, SIGUSR1), -ESRCH);
    assert_int_equal(sys(__NR_kill, sys(__NR_getpid), 65), -EINVAL);
    assert_int_equal(sys(__NR_kill, sys(__NR_getpid), 0), 0);
    assert_int_equal(sys(__NR_tgkill, 0, 1, SIGUSR1), -EINVAL);
    assert_int_equal(sys(__NR_tgkill, sys(__NR_getpid) + 1, sys(__NR_gettid), SIGUSR1), -ESRCH);
    assert_int_equal(sys(__NR_kill, INT32_MIN, SIGUSR1), -ESRCH);
}

static void test_senders_are_checked(void **state)
{
    assert_int_equal(run(guest_forged), 0);
}

/* ---- what waiting calls do ---- */

static int32_t main_tid;

static void send_later(void *of)
{
    struct __kernel_timespec ts = {0, 1000};
    (void)of;
    sys(__NR_nanosleep, &ts, NULL);
    sys(__NR_tgkill, sys(__NR_getpid), main_tid, SIGUSR1);
}

static void guest_sleep(void)
{
    struct __kernel_timespec ts = {1, 0}, left = {0, 0};
    main_tid = (int32_t)sys(__NR_gettid);
    handle(SIGUSR1, note, SA_RESTART, 0);
    guest_thread(send_later, NULL, NULL);
    assert_int_equal(sys(__NR_nanosleep, &ts, &left), -EINTR); /* never begun again with a handler: signal(7) */
    assert_int_equal(seen.n, 1);
    assert_int_equal(left.tv_sec, 0);
    assert_int_equal(left.tv_nsec, 999999000);
    assert_int_equal(seen.rax_in_frame, -EINTR);
}

static void test_handler_ends_a_sleep_and_the_rest_is_told(void **state)
{
    assert_int_equal(run(guest_sleep), 0);
}

static void guest_sleep_goes_on(void)
{
    struct __kernel_timespec ts = {1, 0};
    uint64_t begin = harness_clock();
    main_tid = (int32_t)sys(__NR_gettid);
    guest_thread(send_later, NULL, NULL);
    struct signal_action ignore = {.handler = (uint64_t)SIG_IGN};
    set_mask(SIG_SETMASK, signal_bit(SIGUSR1));
    assert_int_equal(sys(__NR_rt_sigaction, SIGUSR1, &ignore, NULL, 8), 0);
    assert_int_equal(set_mask(SIG_SETMASK, 0), 0);
    assert_int_equal(sys(__NR_nanosleep, &ts, NULL), 0);
    assert_int_equal(harness_clock() - begin, 1000000000);
}

static void test_ignored_signal_does_not_end_a_sleep(void **state)
{
    assert_int_equal(run(guest_sleep_goes_on), 0);
}

/* A call that waits and may be restarted: a child that never ends (as long as we wait). */
static void child_sleeps(void *of)
{
    struct __kernel_timespec ts = {2, 0};
    (void)of;
    sys(__NR_nanosleep, &ts, NULL);
    sys(__NR_exit, 3);
}

static void wait_for_child(uint64_t flags, int64_t expected)
{
    int status = 0;
    main_tid = (int32_t)sys(__NR_gettid);
    handle(SIGUSR1, note, flags, 0);
    int64_t pid = guest_clone(CLONE_VM | SIGCHLD, child_sleeps, NULL, NULL, NULL);
    assert_true(pid > 0);
    guest_thread(send_later, NULL, NULL);
    int64_t r = sys(__NR_wait4, pid, &status, 0, NULL);
    assert_int_equal(seen.n, 1);
    if (expected) {
        assert_int_equal(r, expected);
        return;
    }
    assert_int_equal(r, pid);
    assert_int_equal(status, 3 << 8);
    assert_int_equal(seen.rax_in_frame, __NR_wait4);
}

static void guest_restart(void)
{
    wait_for_child(SA_RESTART, 0);
}

static void guest_no_restart(void)
{
    wait_for_child(0, -EINTR);
}

static void test_sa_restart_makes_the_call_again(void **state)
{
    assert_int_equal(run(guest_restart), 0);
}

static void test_without_sa_restart_the_call_is_eintr(void **state)
{
    assert_int_equal(run(guest_no_restart), 0);
}

/* As a C library's cancellation does it: rip in the frame is changed, so the call is not made again. */
static void move_on(int signo, siginfo_t *info, void *of);
static void cancelled(void)
{
    sys(__NR_exit_group, 33);
}

static void move_on(int signo, siginfo_t *info, void *of)
{
    struct ucontext *uc = of;
    note(signo, info, of);
    uc->uc_mcontext.rip = (uint64_t)(uintptr_t)cancelled;
    uc->uc_mcontext.rsp = (uc->uc_mcontext.rsp & ~15ull) - 8;
}

static void guest_cancelled(void)
{
    main_tid = (int32_t)sys(__NR_gettid);
    handle(SIGUSR1, move_on, SA_RESTART, 0);
    int64_t pid = guest_clone(CLONE_VM | SIGCHLD, child_sleeps, NULL, NULL, NULL);
    guest_thread(send_later, NULL, NULL);
    sys(__NR_wait4, pid, NULL, 0, NULL);
    fail();
}

static void test_handler_that_moves_rip_is_obeyed(void **state)
{
    assert_int_equal(run(guest_cancelled), 33);
}

static void guest_suspend(void)
{
    uint64_t none = 0;
    main_tid = (int32_t)sys(__NR_gettid);
    handle(SIGUSR1, look_at_mask, 0, 0);
    set_mask(SIG_SETMASK, signal_bit(SIGUSR1) | signal_bit(SIGHUP));
    guest_thread(send_later, NULL, NULL);
    assert_int_equal(sys(__NR_rt_sigsuspend, &none, 8), -EINTR);
    assert_int_equal(seen.n, 1);
    assert_int_equal(mask_inside, signal_bit(SIGUSR1)); /* that of sigsuspend, and the signal itself */
    assert_int_equal(get_mask(), signal_bit(SIGUSR1) | signal_bit(SIGHUP));
    assert_int_equal(sys(__NR_rt_sigsuspend, &none, 7), -EINVAL);
    raise_to_self(SIGUSR1);
    assert_int_equal(seen.n, 1);
    assert_int_equal(sys(__NR_rt_sigsuspend, &none, 8), -EINTR); /* pending already */
    assert_int_equal(seen.n, 2);
}

static void test_sigsuspend_takes_a_mask_for_its_time(void **state)
{
    assert_int_equal(run(guest_suspend), 0);
}

static void guest_timedwait(void)
{
    siginfo_t info;
    main_tid = (int32_t)sys(__NR_gettid);
    set_mask(SIG_SETMASK, signal_bit(SIGUSR1));
    guest_thread(send_later, NULL, NULL);
    assert_int_equal(take(signal_bit(SIGUSR1), &info, 1000000000), SIGUSR1);
    assert_int_equal(info.si_code, SI_TKILL);
    handle(SIGUSR1, note, 0, 0);
    set_mask(SIG_SETMASK, 0);
    guest_thread(send_later, NULL, NULL);
    assert_int_equal(take(signal_bit(SIGUSR2), &info, 1000000000), -EINTR);
    assert_int_equal(seen.n, 1);
}

static void test_sigtimedwait_takes_a_blocked_signal(void **state)
{
    assert_int_equal(run(guest_timedwait), 0);
}

/* ---- whom a signal reaches ---- */

static void thread_blocks(void *of)
{
    set_mask(SIG_SETMASK, ~0ull);
    *(volatile int *)of = 1;
    struct __kernel_timespec ts = {0, 5000};
    sys(__NR_nanosleep, &ts, NULL);
}

static int32_t handled_by;

static void who(int signo, siginfo_t *info, void *of)
{
    note(signo, info, of);
    handled_by = (int32_t)sys(__NR_gettid);
}

static void guest_other_thread(void)
{
    volatile int ready = 0;
    uint32_t *word = user_alloc(4);
    handle(SIGUSR1, who, 0, 0);
    guest_thread(thread_blocks, (void *)&ready, word);
    while (!ready)
        sys(__NR_sched_yield);
    sys(__NR_kill, sys(__NR_getpid), SIGUSR1);
    assert_int_equal(seen.n, 1);
    assert_int_equal(handled_by, sys(__NR_getpid));
    guest_join(word);
}

static void test_process_signal_goes_to_a_thread_that_does_not_block_it(void **state)
{
    assert_int_equal(run(guest_other_thread), 0);
}

static void thread_waits(void *of)
{
    struct __kernel_timespec ts = {1, 0};
    (void)of;
    assert_int_equal(sys(__NR_nanosleep, &ts, NULL), -EINTR);
}

static void guest_main_blocks(void)
{
    uint32_t *word = user_alloc(4);
    handle(SIGUSR1, who, 0, 0);
    guest_thread(thread_waits, NULL, word);
    uint32_t tid = *word;
    sys(__NR_sched_yield);
    set_mask(SIG_SETMASK, ~0ull);
    sys(__NR_kill, sys(__NR_getpid), SIGUSR1);
    guest_join(word);
    assert_int_equal(seen.n, 1);
    assert_int_equal(handled_by, tid);
}

static void test_process_signal_wakes_a_thread_when_the_first_blocks_it(void **state)
{
    assert_int_equal(run(guest_main_blocks), 0);
}

/* ---- default actions ---- */

static int default_of;

static void guest_default(void)
{
    raise_to_self(default_of);
}

static void test_default_actions_end_or_do_nothing(void **state)
{
    static const struct {
        int signo, result;
    } cases[] = {{SIGHUP, 1},   {SIGINT, 2},   {SIGQUIT, 3},   {SIGABRT, 6}, {SIGKILL, 9},  {SIGUSR1, 10},
                 {SIGSEGV, 11}, {SIGPIPE, 13}, {SIGTERM, 15},  {SIGCHLD, 0}, {SIGWINCH, 0}, {SIGURG, 0},
                 {SIGCONT, 0},  {SIGSYS, 31},  {SIGRTMIN, 32}, {64, 64}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        default_of = cases[i].signo;
        print_message("signal %d\n", default_of);
        assert_int_equal(run(guest_default), cases[i].result ? HARNESS_SIGNAL + cases[i].result : 0);
    }
}

/* ---- stopping ---- */

static void child_stops(void *of)
{
    (void)of;
    raise_to_self(SIGSTOP);
    sys(__NR_exit, 5);
}

static void guest_stop(void)
{
    int status;
    handle(SIGCHLD, note, 0, 0);
    int64_t pid = guest_clone(CLONE_VM | SIGCHLD, child_stops, NULL, NULL, NULL);
    assert_int_equal(sys(__NR_wait4, pid, &status, WUNTRACED, NULL), pid);
    assert_int_equal(status, SIGSTOP << 8 | 0x7f);
    assert_int_equal(seen.info.si_code, CLD_STOPPED);
    assert_int_equal(sys(__NR_wait4, pid, &status, WUNTRACED | WNOHANG, NULL), 0); /* told once */
    sys(__NR_kill, pid, SIGTERM);                                                  /* waits until it goes on */
    assert_int_equal(sys(__NR_wait4, pid, &status, WNOHANG, NULL), 0);
    assert_int_equal(sys(__NR_kill, pid, SIGCONT), 0);
    assert_int_equal(sys(__NR_wait4, pid, &status, WCONTINUED, NULL), pid);
    assert_int_equal(status, 0xffff);
    assert_int_equal(sys(__NR_wait4, pid, &status, 0, NULL), pid);
    assert_int_equal(status, SIGTERM);
    assert_int_equal(seen.info.si_code, CLD_KILLED);
    assert_int_equal(seen.info.si_status, SIGTERM);
}

static void test_stopped_child_waits_for_sigcont(void **state)
{
    assert_int_equal(run(guest_stop), 0);
}

static void guest_kill_stopped(void)
{
    int status;
    int64_t pid = guest_clone(CLONE_VM | SIGCHLD, child_stops, NULL, NULL, NULL);
    assert_int_equal(sys(__NR_wait4, pid, &status, WUNTRACED, NULL), pid);
    sys(__NR_kill, pid, SIGKILL);
    assert_int_equal(sys(__NR_wait4, pid, &status, 0, NULL), pid);
    assert_int_equal(status, SIGKILL);
}

static void test_sigkill_ends_a_stopped_process(void **state)
{
    assert_int_equal(run(guest_kill_stopped), 0);
}

/* ---- from outside ---- */

static void interrupt(void)
{
    linux_signal(SIGINT, false);
}

static void guest_pause(void)
{
    handle(SIGINT, note, 0, 0);
    harness_at(harness_clock() + 1000, interrupt);
    assert_int_equal(sys(__NR_pause), -EINTR);
    assert_int_equal(seen.n, 1);
    assert_int_equal(seen.info.si_code, SI_KERNEL);
}

static void test_signal_from_outside_reaches_the_first_process(void **state)
{
    assert_int_equal(run(guest_pause), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handler_runs_with_details_and_returns),
        cmocka_unit_test(test_mask_of_the_action_holds_while_the_handler_runs),
        cmocka_unit_test(test_handlers_nest),
        cmocka_unit_test(test_two_that_were_blocked_are_both_delivered),
        cmocka_unit_test(test_realtime_signals_queue_and_others_do_not),
        cmocka_unit_test(test_full_queue_is_eagain_for_queued_signals_alone),
        cmocka_unit_test(test_senders_are_checked),
        cmocka_unit_test(test_handler_ends_a_sleep_and_the_rest_is_told),
        cmocka_unit_test(test_ignored_signal_does_not_end_a_sleep),
        cmocka_unit_test(test_sa_restart_makes_the_call_again),
        cmocka_unit_test(test_without_sa_restart_the_call_is_eintr),
        cmocka_unit_test(test_handler_that_moves_rip_is_obeyed),
        cmocka_unit_test(test_sigsuspend_takes_a_mask_for_its_time),
        cmocka_unit_test(test_sigtimedwait_takes_a_blocked_signal),
        cmocka_unit_test(test_process_signal_goes_to_a_thread_that_does_not_block_it),
        cmocka_unit_test(test_process_signal_wakes_a_thread_when_the_first_blocks_it),
        cmocka_unit_test(test_default_actions_end_or_do_nothing),
        cmocka_unit_test(test_stopped_child_waits_for_sigcont),
        cmocka_unit_test(test_sigkill_ends_a_stopped_process),
        cmocka_unit_test(test_signal_from_outside_reaches_the_first_process),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
