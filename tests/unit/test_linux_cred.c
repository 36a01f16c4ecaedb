/* SPDX-License-Identifier: Apache-2.0 */
/* Who a task of src/linux is, what it may do to others, and what it asks of the scheduler. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/signal.h>
#include <asm/unistd.h>
#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/resource.h>
#include <linux/sched.h>
#include <linux/securebits.h>
#include <linux/time_types.h>
#include <string.h>

static void expect_uids(uint32_t real, uint32_t effective, uint32_t saved)
{
    uint32_t r, e, s;
    assert_int_equal(sys(__NR_getresuid, &r, &e, &s), 0);
    assert_int_equal(r, real);
    assert_int_equal(e, effective);
    assert_int_equal(s, saved);
}

static uint64_t effective_caps(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    assert_int_equal(sys(__NR_capget, &header, data), 0);
    return data[0].effective | (uint64_t)data[1].effective << 32;
}

static void guest_root_becomes_user(void)
{
    expect_uids(0, 0, 0);
    assert_int_not_equal(effective_caps(), 0);
    assert_int_equal(sys(__NR_setgid, 100), 0);
    uint32_t groups[2] = {5, 6}, out[2];
    assert_int_equal(sys(__NR_setgroups, 2, groups), 0);
    assert_int_equal(sys(__NR_getgroups, 0, NULL), 2);
    assert_int_equal(sys(__NR_getgroups, 1, out), -EINVAL);
    assert_int_equal(sys(__NR_getgroups, 2, out), 2);
    assert_int_equal(out[1], 6);
    assert_int_equal(sys(__NR_setgroups, 100000, groups), -EINVAL);
    assert_int_equal(sys(__NR_setuid, 1000), 0);
    expect_uids(1000, 1000, 1000);
    assert_int_equal(effective_caps(), 0);
    assert_int_equal(sys(__NR_setuid, 0), -EPERM);
    assert_int_equal(sys(__NR_setresuid, -1, 0, -1), -EPERM);
    assert_int_equal(sys(__NR_setreuid, 0, -1), -EPERM);
    assert_int_equal(sys(__NR_setgid, 0), -EPERM);
    assert_int_equal(sys(__NR_setgroups, 0, NULL), -EPERM);
    assert_int_equal(sys(__NR_setuid, -1), -EINVAL);
    assert_int_equal(sys(__NR_setfsuid, 5), 1000);
    assert_int_equal(sys(__NR_setfsuid, -1), 1000);
}

static void test_root_that_becomes_a_user_stays_one(void **state)
{
    assert_int_equal(harness_run(NULL, guest_root_becomes_user), 0);
}

static void guest_temporarily(void)
{
    assert_int_equal(sys(__NR_setresuid, -1, 1000, -1), 0);
    expect_uids(0, 1000, 0);
    assert_int_equal(effective_caps(), 0);
    assert_int_equal(sys(__NR_setuid, 0), 0); /* to the saved one, without a capability */
    assert_int_not_equal(effective_caps(), 0);
    assert_int_equal(sys(__NR_setreuid, 1000, 2000), 0);
    expect_uids(1000, 2000, 2000);
    assert_int_equal(sys(__NR_setreuid, -1, 1000), 0);
    expect_uids(1000, 1000, 2000); /* to the real one: the saved one stays */
}

static void test_saved_number_is_the_way_back(void **state)
{
    assert_int_equal(harness_run(NULL, guest_temporarily), 0);
}

static void guest_keeps_caps(void)
{
    assert_int_equal(sys(__NR_prctl, PR_SET_KEEPCAPS, 1, 0, 0, 0), 0);
    assert_int_equal(sys(__NR_setresuid, 1000, 1000, 1000), 0);
    assert_int_equal(effective_caps(), 0);
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2];
    assert_int_equal(sys(__NR_capget, &header, data), 0);
    assert_int_not_equal(data[0].permitted, 0);
    data[0].effective = 1u << CAP_KILL;
    assert_int_equal(sys(__NR_capset, &header, data), 0);
    assert_int_equal(effective_caps(), 1u << CAP_KILL);
    data[0].permitted = 1u << CAP_KILL, data[1].permitted = 0;
    assert_int_equal(sys(__NR_capset, &header, data), 0);
    data[0].permitted |= 1u << CAP_CHOWN;
    assert_int_equal(sys(__NR_capset, &header, data), -EPERM);
    data[0].permitted = 0;
    assert_int_equal(sys(__NR_capset, &header, data), -EPERM); /* effective is not within */
    header.version = 1;
    assert_int_equal(sys(__NR_capget, &header, data), -EINVAL);
    assert_int_equal(header.version, _LINUX_CAPABILITY_VERSION_3);
    header.pid = 999;
    assert_int_equal(sys(__NR_capget, &header, data), -ESRCH);
    assert_int_equal(sys(__NR_capset, &header, data), -EPERM);
}

static void test_capabilities_are_kept_and_given_up(void **state)
{
    assert_int_equal(harness_run(NULL, guest_keeps_caps), 0);
}

static void guest_bounding(void)
{
    assert_int_equal(sys(__NR_prctl, PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0), 1);
    assert_int_equal(sys(__NR_prctl, PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0), 0);
    assert_int_equal(sys(__NR_prctl, PR_CAPBSET_READ, CAP_CHOWN, 0, 0, 0), 0);
    assert_int_equal(sys(__NR_prctl, PR_CAPBSET_READ, 64, 0, 0, 0), -EINVAL);
    assert_int_equal(sys(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, CAP_KILL, 0, 0),
                     -EPERM); /* not inheritable */
    assert_int_equal(sys(__NR_prctl, PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, CAP_KILL, 0, 0), 0);
    assert_int_equal(sys(__NR_prctl, PR_CAP_AMBIENT, 9, CAP_KILL, 0, 0), -EINVAL);
    uint64_t bits = SECBIT_NOROOT | SECBIT_NOROOT_LOCKED;
    assert_int_equal(sys(__NR_prctl, PR_SET_SECUREBITS, bits, 0, 0, 0), 0);
    assert_int_equal(sys(__NR_prctl, PR_GET_SECUREBITS, 0, 0, 0, 0), bits);
    assert_int_equal(sys(__NR_prctl, PR_SET_SECUREBITS, 0, 0, 0, 0), -EPERM); /* locked */
}

static void test_bounding_set_and_secure_bits_only_shrink(void **state)
{
    assert_int_equal(harness_run(NULL, guest_bounding), 0);
}

/* ---- others' signals ---- */

static void other_user(void *of)
{
    (void)of;
    sys(__NR_setresuid, 2000, 2000, 2000);
    struct __kernel_timespec ts = {10, 0};
    sys(__NR_nanosleep, &ts, NULL);
}

static void guest_signals(void)
{
    int status;
    int64_t pid = guest_clone(CLONE_VM | SIGCHLD, other_user, NULL, NULL, NULL);
    sys(__NR_sched_yield);
    assert_int_equal(sys(__NR_setresuid, 1000, 1000, 0), 0);
    assert_int_equal(sys(__NR_kill, pid, SIGTERM), -EPERM);
    assert_int_equal(sys(__NR_kill, pid, 0), -EPERM);
    assert_int_equal(sys(__NR_kill, -1, SIGTERM), 0);  /* nobody but it: nothing was sent */
    assert_int_equal(sys(__NR_kill, pid, SIGCONT), 0); /* of the same session */
    assert_int_equal(sys(__NR_tgkill, pid, pid, SIGTERM), -EPERM);
    assert_int_equal(sys(__NR_setresuid, -1, 0, -1), 0);
    assert_int_equal(sys(__NR_kill, pid, SIGTERM), 0);
    assert_int_equal(sys(__NR_wait4, pid, &status, 0, NULL), pid);
    assert_int_equal(status, SIGTERM);
}

static void test_signals_to_another_user_are_refused(void **state)
{
    assert_int_equal(harness_run(NULL, guest_signals), 0);
}

/* ---- the scheduler ---- */

static void guest_scheduler(void)
{
    int32_t priority = 10;
    assert_int_equal(sys(__NR_sched_getscheduler, 0), SCHED_NORMAL);
    assert_int_equal(sys(__NR_sched_setscheduler, 0, SCHED_FIFO, &priority), 0);
    assert_int_equal(sys(__NR_sched_getscheduler, 0), SCHED_FIFO);
    priority = 0;
    assert_int_equal(sys(__NR_sched_getparam, 0, &priority), 0);
    assert_int_equal(priority, 10);
    priority = 0;
    assert_int_equal(sys(__NR_sched_setparam, 0, &priority), -EINVAL);
    assert_int_equal(sys(__NR_sched_setscheduler, 0, SCHED_NORMAL | SCHED_RESET_ON_FORK, &priority), 0);
    assert_int_equal(sys(__NR_sched_getscheduler, 0), SCHED_NORMAL | SCHED_RESET_ON_FORK);
    priority = 1;
    assert_int_equal(sys(__NR_sched_setscheduler, 0, SCHED_NORMAL, &priority), -EINVAL);
    assert_int_equal(sys(__NR_sched_setscheduler, 0, 77, &priority), -EINVAL);
    assert_int_equal(sys(__NR_sched_setscheduler, 999, SCHED_NORMAL, &priority), -ESRCH);
    assert_int_equal(sys(__NR_sched_get_priority_max, SCHED_RR), 99);
    assert_int_equal(sys(__NR_sched_get_priority_min, SCHED_RR), 1);
    assert_int_equal(sys(__NR_sched_get_priority_max, SCHED_BATCH), 0);
    assert_int_equal(sys(__NR_sched_get_priority_max, 77), -EINVAL);
    struct __kernel_timespec ts;
    assert_int_equal(sys(__NR_sched_rr_get_interval, 0, &ts), 0);
    assert_int_equal(ts.tv_nsec, 100000000);
}

static void test_policies_are_checked_and_kept(void **state)
{
    assert_int_equal(harness_run(NULL, guest_scheduler), 0);
}

static void guest_nice(void)
{
    assert_int_equal(sys(__NR_getpriority, 0, 0), 20);
    assert_int_equal(sys(__NR_setpriority, 0, 0, -5), 0);
    assert_int_equal(sys(__NR_getpriority, 0, 0), 25);
    assert_int_equal(sys(__NR_setpriority, 0, 0, 100), 0);
    assert_int_equal(sys(__NR_getpriority, 1, 0), 1);
    assert_int_equal(sys(__NR_setpriority, 0, 999, 1), -ESRCH);
    assert_int_equal(sys(__NR_setpriority, 3, 0, 1), -EINVAL);
    assert_int_equal(sys(__NR_setuid, 1000), 0);
    assert_int_equal(sys(__NR_setpriority, 0, 0, 0), -EACCES);
    int32_t priority = 1;
    assert_int_equal(sys(__NR_sched_setscheduler, 0, SCHED_FIFO, &priority), -EPERM);
}

static void test_nice_values_fall_for_the_privileged_alone(void **state)
{
    assert_int_equal(harness_run(NULL, guest_nice), 0);
}

static void guest_affinity(void)
{
    uint64_t mask[2] = {0, 0};
    assert_int_equal(sys(__NR_sched_getaffinity, 0, sizeof(mask), mask), 8);
    assert_int_equal(mask[0], 1);
    assert_int_equal(sys(__NR_sched_getaffinity, 0, 4, mask), -EINVAL);
    mask[0] = 2;
    assert_int_equal(sys(__NR_sched_setaffinity, 0, 8, mask), -EINVAL); /* there is no second one */
    mask[0] = 3;
    assert_int_equal(sys(__NR_sched_setaffinity, 0, 8, mask), 0);
    assert_int_equal(sys(__NR_membarrier, 0, 0, 0) & 1, 1);
    assert_int_equal(sys(__NR_membarrier, 1, 0, 0), 0);
    assert_int_equal(sys(__NR_membarrier, 1, 5, 0), -EINVAL);
    assert_int_equal(sys(__NR_rseq, mask, 32, 0, 0), -ENOSYS);
}

static void test_affinity_is_within_what_there_is(void **state)
{
    assert_int_equal(harness_run(NULL, guest_affinity), 0);
}

static void guest_barriers(void)
{
    assert_int_equal(sys(__NR_membarrier, 0, 0, 0) & 31, 31);
    assert_int_equal(sys(__NR_membarrier, 8 /* PRIVATE_EXPEDITED */, 0, 0), -EPERM);
    assert_int_equal(sys(__NR_membarrier, 16, 0, 0), 0);
    assert_int_equal(sys(__NR_membarrier, 8, 0, 0), 0);
    assert_int_equal(sys(__NR_membarrier, 2 /* GLOBAL_EXPEDITED */, 0, 0), 0);
    assert_int_equal(sys(__NR_membarrier, 9, 0, 0), -EINVAL);
    assert_int_equal(sys(__NR_membarrier, -1, 0, 0), -EINVAL);
}

static void test_private_barriers_are_for_the_registered(void **state)
{
    assert_int_equal(harness_run(NULL, guest_barriers), 0);
}

static void guest_compares(void)
{
    enum { FILE, VM, FILES, FS, SIGHAND, IO, SYSVSEM };
    int64_t me = sys(__NR_getpid), a = sys(__NR_open, user_string("/dev/null"), 0), b = sys(__NR_dup, a);
    int64_t c = sys(__NR_open, user_string("/dev/null"), 0);
    assert_int_equal(sys(__NR_kcmp, me, me, FILE, a, b), 0);
    int64_t order = sys(__NR_kcmp, me, me, FILE, a, c);
    assert_true(order == 1 || order == 2);
    assert_int_equal(sys(__NR_kcmp, me, me, FILE, c, a), 3 - order);
    assert_int_equal(sys(__NR_kcmp, me, me, FILE, a, 99), -EBADF);
    assert_int_equal(sys(__NR_kcmp, me, me, SYSVSEM, 0, 0), 0);
    assert_int_equal(sys(__NR_kcmp, me, 999, VM, 0, 0), -ESRCH);
    assert_int_equal(sys(__NR_kcmp, me, me, 99, 0, 0), -EINVAL);
}

static void test_open_files_are_compared_behind_their_descriptors(void **state)
{
    assert_int_equal(harness_run(NULL, guest_compares), 0);
}

/* ---- another's memory ---- */

struct piece {
    const void *at;
    uint64_t n;
};

static void guest_moves(void)
{
    char *from = user_string("0123456789"), *to = user_alloc(16), *guarded = user_guarded(4096);
    int64_t me = sys(__NR_getpid);
    struct piece here[2] = {{to, 3}, {to + 8, 4}}, there[2] = {{from + 1, 5}, {from, 2}};
    assert_int_equal(sys(__NR_process_vm_readv, me, here, 2, there, 2, 0), 7);
    assert_memory_equal(to,
                        "123\0\0\0\0\0"
                        "4501",
                        12);
    there[0] = (struct piece){to + 4, 2};
    here[0] = (struct piece){from + 7, 2};
    assert_int_equal(sys(__NR_process_vm_writev, me, here, 1, there, 1, 0), 2);
    assert_memory_equal(to + 3,
                        "\0"
                        "78",
                        3);
    there[0] = (struct piece){guarded + 4093, 8}; /* the end of what there is */
    here[0] = (struct piece){to, 8};
    assert_int_equal(sys(__NR_process_vm_readv, me, here, 1, there, 1, 0), 3);
    there[0].at = guarded + 4096;
    assert_int_equal(sys(__NR_process_vm_readv, me, here, 1, there, 1, 0), -EFAULT);
    assert_int_equal(sys(__NR_process_vm_readv, me, here, 1, there, 1, 1), -EINVAL);
    assert_int_equal(sys(__NR_process_vm_readv, 999, here, 1, there, 1, 0), -ESRCH);
    assert_int_equal(sys(__NR_process_vm_readv, me, here, 2000, there, 1, 0), -EINVAL);
}

static void test_bytes_pass_between_two_lists_of_pieces(void **state)
{
    assert_int_equal(harness_run(NULL, guest_moves), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_root_that_becomes_a_user_stays_one),
        cmocka_unit_test(test_saved_number_is_the_way_back),
        cmocka_unit_test(test_capabilities_are_kept_and_given_up),
        cmocka_unit_test(test_bounding_set_and_secure_bits_only_shrink),
        cmocka_unit_test(test_signals_to_another_user_are_refused),
        cmocka_unit_test(test_policies_are_checked_and_kept),
        cmocka_unit_test(test_nice_values_fall_for_the_privileged_alone),
        cmocka_unit_test(test_affinity_is_within_what_there_is),
        cmocka_unit_test(test_private_barriers_are_for_the_registered),
        cmocka_unit_test(test_open_files_are_compared_behind_their_descriptors),
        cmocka_unit_test(test_bytes_pass_between_two_lists_of_pieces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
