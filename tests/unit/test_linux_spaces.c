/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces as src/linux has them, one of each kind: /proc/PID/ns, setns(2), unshare(2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_harness.h"

#include <asm/errno.h>
#include <asm/fcntl.h>
#include <asm/stat.h>
#include <asm/unistd.h>
#include <linux/nsfs.h>
#include <linux/sched.h>
#include <string.h>

#define RUN(guest) assert_int_equal(harness_run(NULL, guest), 0)

static int64_t space(const char *name)
{
    char path[64] = "/proc/self/ns/";
    strcpy(path + strlen(path), name);
    return sys(__NR_open, path, O_RDONLY);
}

static void guest_files(void)
{
    char text[64] = "";
    struct stat a, b;
    assert_int_equal(sys(__NR_readlink, user_string("/proc/self/ns/pid"), text, 63), 16);
    assert_string_equal(text, "pid:[4026531836]");
    int64_t pid = space("pid"), again = space("pid_for_children"), user = space("user"), uts = space("uts");
    assert_true(pid >= 0 && again >= 0 && user >= 0 && uts >= 0);
    assert_int_equal(space("none"), -ENOENT);
    assert_int_equal(sys(__NR_fstat, pid, &a), 0);
    assert_int_equal(sys(__NR_fstat, again, &b), 0);
    assert_int_equal(a.st_ino, 4026531836);
    assert_true(a.st_ino == b.st_ino && a.st_dev == b.st_dev); /* so programs see that it is the same one */
    assert_int_equal(sys(__NR_ioctl, pid, NS_GET_NSTYPE), CLONE_NEWPID);
    assert_int_equal(sys(__NR_ioctl, pid, NS_GET_PARENT), -EPERM);
    assert_int_equal(sys(__NR_ioctl, uts, NS_GET_PARENT), -EINVAL);
    assert_int_equal(sys(__NR_ioctl, user, NS_GET_USERNS), -EPERM);
    int64_t owner = sys(__NR_ioctl, uts, NS_GET_USERNS);
    assert_int_equal(sys(__NR_ioctl, owner, NS_GET_NSTYPE), CLONE_NEWUSER);
    uint32_t uid = 7;
    assert_int_equal(sys(__NR_ioctl, owner, NS_GET_OWNER_UID, &uid), 0);
    assert_int_equal(uid, 0);
    assert_int_equal(sys(__NR_ioctl, uts, NS_GET_OWNER_UID, &uid), -EINVAL);
    assert_int_equal(sys(__NR_ioctl, uts, 1), -ENOTTY);
    assert_int_equal(sys(__NR_read, uts, text, 1), -EINVAL);
}

static void test_links_lead_to_files_of_namespaces(void **state)
{
    RUN(guest_files);
}

static void guest_enters(void)
{
    int64_t uts = space("uts"), null = sys(__NR_open, user_string("/dev/null"), O_RDONLY);
    assert_int_equal(sys(__NR_setns, uts, 0), 0);
    assert_int_equal(sys(__NR_setns, uts, CLONE_NEWUTS), 0);
    assert_int_equal(sys(__NR_setns, uts, CLONE_NEWNET), -EINVAL);
    assert_int_equal(sys(__NR_setns, null, 0), -EINVAL);
    assert_int_equal(sys(__NR_setns, 99, 0), -EBADF);
    assert_int_equal(sys(__NR_setns, space("user"), 0), -EINVAL);
    assert_int_equal(sys(__NR_setuid, 1000), 0);
    assert_int_equal(sys(__NR_setns, uts, 0), -EPERM);
}

static void test_who_enters_a_namespace_stays_where_it_was(void **state)
{
    RUN(guest_enters);
}

static struct {
    uint32_t ended;
    int64_t fd, cwd;
} * parted;

static void parts(void *of)
{
    parted->cwd = sys(__NR_unshare, CLONE_FS | CLONE_FILES);
    sys(__NR_chdir, user_string("/dev"));
    parted->fd = sys(__NR_open, user_string("/dev/null"), O_RDONLY);
}

static void guest_unshares(void)
{
    char name[16];
    parted = user_alloc(sizeof(*parted));
    assert_int_equal(sys(__NR_unshare, 0), 0);
    assert_int_equal(sys(__NR_unshare, CLONE_NEWNET), -EINVAL);
    assert_int_equal(sys(__NR_unshare, CLONE_PARENT), -EINVAL);
    assert_int_equal(sys(__NR_chdir, user_string("/")), 0);
    assert_true(guest_thread(parts, NULL, &parted->ended) > 0);
    guest_join(&parted->ended);
    assert_int_equal(parted->cwd, 0);
    assert_true(parted->fd >= 0);
    assert_int_equal(sys(__NR_close, parted->fd), -EBADF); /* it was the thread's own */
    assert_int_equal(sys(__NR_getcwd, name, sizeof(name)), 2);
    assert_string_equal(name, "/");
}

static void test_thread_parts_from_its_fellows(void **state)
{
    RUN(guest_unshares);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_links_lead_to_files_of_namespaces),
        cmocka_unit_test(test_who_enters_a_namespace_stays_where_it_was),
        cmocka_unit_test(test_thread_parts_from_its_fellows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
