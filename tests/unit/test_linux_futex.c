/* SPDX-License-Identifier: Apache-2.0 */
/* futex(2) and robust lists of src/linux, by threads of a guest. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/futex.h>
#include <linux/sched.h>
#include <linux/time.h>
#include <linux/time_types.h>
#include <string.h>

#define SECOND 1000000000ull

static uint32_t *word;            /* the futex of a run */
static volatile int woken, ready; /* counted by threads */

static int64_t futex(uint32_t *at, int op, uint32_t value, const void *timeout, uint32_t *at2, uint32_t value3)
{
    return sys(__NR_futex, at, op, value, timeout, at2, value3);
}

static struct __kernel_timespec span(uint64_t ns)
{
    return (struct __kernel_timespec){(int64_t)(ns / SECOND), (int64_t)(ns % SECOND)};
}

static int run(void (*guest)(void))
{
    woken = ready = 0;
    return harness_run(NULL, guest);
}

static void yield(int n)
{
    while (n--)
        sys(__NR_sched_yield);
}

static void start(int n, void (*fn)(void *), void *of)
{
    for (int i = 0; i < n; i++)
        assert_true(guest_thread(fn, of, NULL) > 0);
    yield(2 * n);
}

/* ---- waiting and waking ---- */

static void waits(void *of)
{
    uint32_t *at = of;
    if (!futex(at, FUTEX_WAIT_PRIVATE, 0, NULL, NULL, 0))
        woken++;
}

static void guest_wake(void)
{
    word = user_alloc(8);
    assert_int_equal(futex(word, FUTEX_WAIT, 1, NULL, NULL, 0), -EAGAIN);
    assert_int_equal(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0), 0);
    start(4, waits, word);
    assert_int_equal(futex(word + 1, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0);
    assert_int_equal(futex(word, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
    yield(2);
    assert_int_equal(woken, 1);
    assert_int_equal(futex(word, FUTEX_WAKE_PRIVATE, 2, NULL, NULL, 0), 2);
    yield(2);
    assert_int_equal(woken, 3);
    assert_int_equal(futex(word, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0), 1);
    yield(2);
    assert_int_equal(woken, 4);
}

static void test_wake_wakes_as_many_as_it_says(void **state)
{
    assert_int_equal(run(guest_wake), 0);
}

static void guest_bad(void)
{
    word = user_alloc(8);
    struct __kernel_timespec bad = {0, (int64_t)SECOND}, less = {-1, 0};
    assert_int_equal(futex((uint32_t *)((uintptr_t)word + 1), FUTEX_WAIT, 0, NULL, NULL, 0), -EINVAL);
    assert_int_equal(futex((uint32_t *)8, FUTEX_WAIT, 0, NULL, NULL, 0), -EFAULT);
    assert_int_equal(futex((uint32_t *)0x7ffffffff000, FUTEX_WAIT, 0, NULL, NULL, 0), -EFAULT);
    assert_int_equal(futex(word, FUTEX_WAIT, 0, &bad, NULL, 0), -EINVAL);
    assert_int_equal(futex(word, FUTEX_WAIT, 0, &less, NULL, 0), -EINVAL);
    assert_int_equal(futex(word, FUTEX_WAIT_BITSET, 0, NULL, NULL, 0), -EINVAL);
    assert_int_equal(futex(word, FUTEX_WAKE_BITSET, 0, NULL, NULL, 0), -EINVAL);
    assert_int_equal(futex(word, 99, 0, NULL, NULL, 0), -ENOSYS);
    assert_int_equal(futex(word, FUTEX_WAIT | FUTEX_CLOCK_REALTIME, 0, NULL, NULL, 0), -ENOSYS);
    assert_int_equal(futex(word, FUTEX_REQUEUE, (uint32_t)-1, NULL, word + 1, 0), -EINVAL);
    assert_int_equal(futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), -EPERM);
}

static void test_bad_arguments_are_refused(void **state)
{
    assert_int_equal(run(guest_bad), 0);
}

static void guest_timeout(void)
{
    struct __kernel_timespec ts = span(SECOND);
    word = user_alloc(4);
    uint64_t begin = harness_clock();
    assert_int_equal(futex(word, FUTEX_WAIT, 0, &ts, NULL, 0), -ETIMEDOUT);
    assert_int_equal(harness_clock() - begin, SECOND);
    ts = span(harness_clock() + 5); /* of FUTEX_WAIT_BITSET it is a point of time */
    assert_int_equal(futex(word, FUTEX_WAIT_BITSET, 0, &ts, NULL, FUTEX_BITSET_MATCH_ANY), -ETIMEDOUT);
    assert_int_equal(harness_clock() - begin, SECOND + 5);
    struct __kernel_timespec real;
    assert_int_equal(sys(__NR_clock_gettime, CLOCK_REALTIME, &real), 0);
    real.tv_sec += 2;
    begin = harness_clock();
    assert_int_equal(futex(word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &real, NULL, 1), -ETIMEDOUT);
    assert_int_equal(harness_clock() - begin, 2 * SECOND);
    assert_int_equal(futex(word, FUTEX_WAIT_BITSET | FUTEX_CLOCK_REALTIME, 0, &real, NULL, 1), -ETIMEDOUT);
    assert_int_equal(harness_clock() - begin, 2 * SECOND);
    assert_int_equal(futex(word, FUTEX_WAKE, 1, NULL, NULL, 0), 0); /* nobody is left in the queue */
}

static void test_wait_ends_at_its_time(void **state)
{
    assert_int_equal(run(guest_timeout), 0);
}

static void waits_for_bit(void *of)
{
    uint32_t bit = 1u << (uintptr_t)of;
    if (!futex(word, FUTEX_WAIT_BITSET, 0, NULL, NULL, bit))
        woken |= (int)bit;
}

static void guest_bitset(void)
{
    word = user_alloc(4);
    for (uintptr_t i = 0; i < 3; i++)
        start(1, waits_for_bit, (void *)i);
    assert_int_equal(futex(word, FUTEX_WAKE_BITSET, 9, NULL, NULL, 8), 0);
    assert_int_equal(futex(word, FUTEX_WAKE_BITSET, 9, NULL, NULL, 2), 1);
    yield(3);
    assert_int_equal(woken, 2);
    assert_int_equal(futex(word, FUTEX_WAKE, 9, NULL, NULL, 0), 2);
    yield(3);
    assert_int_equal(woken, 7);
}

static void test_bits_choose_whom_to_wake(void **state)
{
    assert_int_equal(run(guest_bitset), 0);
}

static void guest_requeue(void)
{
    word = user_alloc(8);
    start(5, waits, word);
    const void *two = (void *)2; /* val2 lies where the timeout does */
    assert_int_equal(futex(word, FUTEX_CMP_REQUEUE_PRIVATE, 1, two, word + 1, 7), -EAGAIN);
    assert_int_equal(futex(word, FUTEX_CMP_REQUEUE_PRIVATE, 1, two, word + 1, 0), 3);
    yield(2);
    assert_int_equal(woken, 1);
    assert_int_equal(futex(word + 1, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 2);
    yield(4);
    assert_int_equal(woken, 3);
    assert_int_equal(futex(word, FUTEX_REQUEUE_PRIVATE, 0, (void *)9, word + 1, 0), 0);
    assert_int_equal(futex(word, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 0);
    /* Onto itself: nothing moves, and it comes to an end. */
    assert_int_equal(futex(word + 1, FUTEX_CMP_REQUEUE_PRIVATE, 0, (void *)9, word + 1, 0), 2);
    assert_int_equal(futex(word + 1, FUTEX_WAKE_PRIVATE, 9, NULL, NULL, 0), 2);
    yield(4);
    assert_int_equal(woken, 5);
}

static void test_requeue_moves_waiters_to_another_word(void **state)
{
    assert_int_equal(run(guest_requeue), 0);
}

static void guest_wake_op(void)
{
    word = user_alloc(8);
    start(2, waits, word);
    start(1, waits, word + 1);
    /* word[1] = 5, and its waiters are woken as well if it was 0. */
    uint32_t code = FUTEX_OP(FUTEX_OP_SET, 5, FUTEX_OP_CMP_EQ, 0);
    assert_int_equal(futex(word, FUTEX_WAKE_OP_PRIVATE, 1, (void *)9, word + 1, code), 2);
    assert_int_equal(word[1], 5);
    yield(4);
    assert_int_equal(woken, 2);
    code = FUTEX_OP(FUTEX_OP_ADD, 0xfff, FUTEX_OP_CMP_GT, 7); /* -1 */
    assert_int_equal(futex(word, FUTEX_WAKE_OP_PRIVATE, 9, (void *)9, word + 1, code), 1);
    assert_int_equal(word[1], 4);
    code = FUTEX_OP((uint32_t)(FUTEX_OP_OR | FUTEX_OP_OPARG_SHIFT), 4, FUTEX_OP_CMP_LE, 0);
    assert_int_equal(futex(word, FUTEX_WAKE_OP_PRIVATE, 9, (void *)9, word + 1, code), 0);
    assert_int_equal(word[1], 20);
    assert_int_equal(futex(word, FUTEX_WAKE_OP_PRIVATE, 9, (void *)9, word + 1, 7u << 28), -ENOSYS);
}

static void test_wake_op_changes_and_compares_a_word(void **state)
{
    assert_int_equal(run(guest_wake_op), 0);
}

/* ---- interrupted ---- */

static void nothing(int signo)
{
    (void)signo;
    ready++;
}

static void waits_and_is_interrupted(void *of)
{
    struct __kernel_timespec ts = span(SECOND);
    *(int64_t *)of = futex(word, FUTEX_WAIT, 0, &ts, NULL, 0);
}

static void interrupt_a_wait(uint64_t flags, void (*handler)(int), int64_t expected)
{
    int64_t result = 1;
    uint64_t action[4] = {(uint64_t)(uintptr_t)handler, flags | SA_RESTORER, (uint64_t)(uintptr_t)guest_restorer, 0};
    assert_int_equal(sys(__NR_rt_sigaction, SIGUSR1, action, NULL, 8), 0);
    word = user_alloc(4);
    int64_t tid = guest_thread(waits_and_is_interrupted, &result, NULL);
    yield(2);
    assert_int_equal(sys(__NR_tgkill, sys(__NR_getpid), tid, SIGUSR1), 0);
    yield(4);
    futex(word, FUTEX_WAKE, 1, NULL, NULL, 0);
    yield(4);
    assert_int_equal(result, expected);
}

static void guest_interrupted(void)
{
    interrupt_a_wait(SA_RESTART, nothing, -EINTR); /* with a time it is ended by any handler, as on Linux */
    assert_int_equal(ready, 1);
}

static void test_wait_with_a_time_is_ended_by_a_handler(void **state)
{
    assert_int_equal(run(guest_interrupted), 0);
}

/* ---- robust lists ---- */

struct robust_lock {
    struct robust_list list;
    uint32_t word;
};
#define LOCK_OFFSET offsetof(struct robust_lock, word)

static struct robust_list_head *head;
static struct robust_lock *locks;

static void dies_with_locks(void *of)
{
    uint32_t tid = (uint32_t)sys(__NR_gettid);
    locks[0].word = tid | FUTEX_WAITERS;
    locks[1].word = tid;
    locks[2].word = tid + 1; /* somebody else's by now */
    head->list.next = &locks[0].list;
    locks[0].list.next = &locks[1].list;
    locks[1].list.next = &locks[2].list;
    locks[2].list.next = of ? &locks[0].list : &head->list; /* a circle that does not meet the head */
    head->futex_offset = LOCK_OFFSET;
    head->list_op_pending = &locks[3].list;
    locks[3].word = tid;
    assert_int_equal(sys(__NR_set_robust_list, head, sizeof(*head)), 0);
    yield(8); /* until somebody waits */
}

static void waits_for_lock(void *of)
{
    uint32_t tid = locks[0].word;
    (void)of;
    if (!futex(&locks[0].word, FUTEX_WAIT, tid, NULL, NULL, 0))
        woken++;
}

static void robust(bool circle)
{
    uint32_t *done = user_alloc(4);
    head = user_alloc(sizeof(*head));
    locks = user_alloc(4 * sizeof(*locks));
    assert_true(guest_thread(dies_with_locks, circle ? locks : NULL, done) > 0);
    yield(1);
    guest_thread(waits_for_lock, NULL, NULL);
    guest_join(done);
    yield(4);
    assert_int_equal(woken, 1);
    assert_int_equal(locks[0].word, FUTEX_WAITERS | FUTEX_OWNER_DIED);
    assert_int_equal(locks[1].word, FUTEX_OWNER_DIED);
    assert_int_not_equal(locks[2].word & FUTEX_OWNER_DIED, FUTEX_OWNER_DIED);
    assert_int_equal(locks[3].word, FUTEX_OWNER_DIED);
}

static void guest_robust(void)
{
    robust(false);
    assert_int_equal(sys(__NR_set_robust_list, head, 8), -EINVAL);
    uint64_t at, size;
    assert_int_equal(sys(__NR_set_robust_list, head, sizeof(*head)), 0);
    assert_int_equal(sys(__NR_get_robust_list, 0, &at, &size), 0);
    assert_int_equal(at, (uintptr_t)head);
    assert_int_equal(size, sizeof(*head));
    assert_int_equal(sys(__NR_get_robust_list, 999, &at, &size), -ESRCH);
}

static void guest_robust_circle(void)
{
    robust(true);
}

static void test_locks_of_a_thread_that_ends_are_marked(void **state)
{
    assert_int_equal(run(guest_robust), 0);
}

static void test_circle_in_a_robust_list_ends(void **state)
{
    assert_int_equal(run(guest_robust_circle), 0);
}

static void bad_robust_list(void *of)
{
    head->list.next = of;
    head->futex_offset = 0;
    head->list_op_pending = (void *)~0ull;
    assert_int_equal(sys(__NR_set_robust_list, head, sizeof(*head)), 0);
}

static void guest_bad_robust(void)
{
    void *leads[] = {NULL, (void *)8, (void *)0x7ffffffffff8, (void *)~0ull, (void *)0x8000000000000000};
    head = user_alloc(sizeof(*head));
    for (size_t i = 0; i < sizeof(leads) / sizeof(leads[0]); i++) {
        uint32_t *done = user_alloc(4);
        guest_thread(bad_robust_list, leads[i], done);
        guest_join(done);
    }
}

static void test_robust_list_that_leads_nowhere_is_left_alone(void **state)
{
    assert_int_equal(run(guest_bad_robust), 0);
}

/* ---- locks with an owner ---- */

static void locks_pi(void *of)
{
    (void)of;
    ready++;
    assert_int_equal(futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
    assert_int_equal(*word & FUTEX_TID_MASK, sys(__NR_gettid));
    woken++;
    assert_int_equal(futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
}

static void guest_pi(void)
{
    word = user_alloc(4);
    uint32_t tid = (uint32_t)sys(__NR_gettid);
    assert_int_equal(futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
    assert_int_equal(*word, tid);
    assert_int_equal(futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), -EDEADLK);
    start(2, locks_pi, NULL);
    assert_int_equal(ready, 2);
    assert_int_equal(woken, 0);
    assert_int_equal(*word, tid | FUTEX_WAITERS);
    assert_int_equal(futex(word, FUTEX_UNLOCK_PI, 0, NULL, NULL, 0), 0);
    yield(6);
    assert_int_equal(woken, 2);
    assert_int_equal(*word, 0);
    *word = 4000; /* an owner that does not exist */
    assert_int_equal(futex(word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), -ESRCH);
    *word = 0;
    assert_int_equal(futex(word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), 0);
}

static void test_lock_with_an_owner_is_handed_over(void **state)
{
    assert_int_equal(run(guest_pi), 0);
}

static void holds(void *of)
{
    (void)of;
    assert_int_equal(futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), 0);
    ready = 1;
    struct __kernel_timespec ts = span(5 * SECOND);
    sys(__NR_nanosleep, &ts, NULL);
}

static void guest_pi_timeout(void)
{
    struct __kernel_timespec until;
    word = user_alloc(4);
    guest_thread(holds, NULL, NULL);
    yield(2);
    assert_int_equal(ready, 1);
    assert_int_equal(futex(word, FUTEX_TRYLOCK_PI, 0, NULL, NULL, 0), -EAGAIN);
    sys(__NR_clock_gettime, CLOCK_REALTIME, &until);
    until.tv_sec++;
    assert_int_equal(futex(word, FUTEX_LOCK_PI, 0, &until, NULL, 0), -ETIMEDOUT);
    /* Its owner ends without having released it. */
    assert_int_equal(futex(word, FUTEX_LOCK_PI, 0, NULL, NULL, 0), -ESRCH);
}

static void test_lock_whose_owner_ends_is_not_waited_for(void **state)
{
    assert_int_equal(run(guest_pi_timeout), 0);
}

/* ---- several words ---- */

struct words {
    uint64_t value, address;
    uint32_t flags, reserved;
};
static struct words *several;

static int64_t wait_several(uint32_t n, const struct __kernel_timespec *until)
{
    return sys(449 /* futex_waitv */, several, n, 0, until, CLOCK_MONOTONIC);
}

static void waits_for_several(void *of)
{
    *(int64_t *)of = wait_several(3, NULL);
}

static void guest_several(void)
{
    uint32_t *at = user_alloc(3 * sizeof(*at));
    int64_t *which = user_alloc(sizeof(*which));
    struct __kernel_timespec until = {0};
    several = user_alloc(3 * sizeof(*several));
    for (int i = 0; i < 3; i++)
        several[i] = (struct words){.address = (uint64_t)(uintptr_t)(at + i), .flags = 2 | FUTEX_PRIVATE_FLAG};
    *which = -1;
    start(1, waits_for_several, which);
    assert_int_equal(futex(at + 1, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 1);
    yield(2);
    assert_int_equal(*which, 1);
    assert_int_equal(futex(at + 2, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0), 0); /* it stands at none of them any more */
    assert_int_equal(wait_several(3, &until), -ETIMEDOUT);
    at[2] = 1;
    assert_int_equal(wait_several(3, NULL), -EAGAIN);
    assert_int_equal(wait_several(0, NULL), -EINVAL);
    assert_int_equal(wait_several(129, NULL), -EINVAL);
    several[0].flags = FUTEX_PRIVATE_FLAG;
    assert_int_equal(wait_several(1, NULL), -EINVAL); /* no size */
    several[0].flags = 2, several[0].address = 2;
    assert_int_equal(wait_several(1, NULL), -EINVAL);
    several[0].address = 0;
    assert_int_equal(wait_several(1, NULL), -EFAULT);
}

static void test_wait_for_several_words_says_which_was_woken(void **state)
{
    assert_int_equal(run(guest_several), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_wake_wakes_as_many_as_it_says),
        cmocka_unit_test(test_bad_arguments_are_refused),
        cmocka_unit_test(test_wait_ends_at_its_time),
        cmocka_unit_test(test_bits_choose_whom_to_wake),
        cmocka_unit_test(test_requeue_moves_waiters_to_another_word),
        cmocka_unit_test(test_wake_op_changes_and_compares_a_word),
        cmocka_unit_test(test_wait_with_a_time_is_ended_by_a_handler),
        cmocka_unit_test(test_locks_of_a_thread_that_ends_are_marked),
        cmocka_unit_test(test_circle_in_a_robust_list_ends),
        cmocka_unit_test(test_robust_list_that_leads_nowhere_is_left_alone),
        cmocka_unit_test(test_lock_with_an_owner_is_handed_over),
        cmocka_unit_test(test_lock_whose_owner_ends_is_not_waited_for),
        cmocka_unit_test(test_wait_for_several_words_says_which_was_woken),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
