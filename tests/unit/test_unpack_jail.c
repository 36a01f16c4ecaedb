/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a taken-over moat-unpack can still do. Each attempt runs first without the jail and must succeed there, then
 * inside and must end as its row says. Needs root for the attempts that need root without the jail.
 */
#include "jail_attempts.h"
#include "jail_destination.h"
#include "unpack/jail.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

/* 0 when the attempt succeeded, else an errno. */
static int open_dotdot(void)
{
    return openat(destination.dest, "../secret", O_RDONLY) < 0 ? errno : 0;
}

static int make_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int mount_something(void)
{
    return mount_at(destination.place);
}

static int other_ioctl(void)
{
    int flags;

    return ioctl(destination.secret, FIONREAD, &flags) < 0 ? errno : 0;
}

static int make_fifo(void)
{
    return mknodat(destination.dest, "fifo", S_IFIFO | 0600, 0) < 0 ? errno : 0;
}

static int clone_file(void)
{
    int fd = openat(destination.dest, "clone", O_RDWR | O_CREAT, 0600);

    return ioctl(fd, FICLONE, fd) < 0 && errno != EOPNOTSUPP && errno != EINVAL && errno != EBADF ? errno : 0;
}

static const struct attempt attempts[] = {
    {"an absolute path", open_secret_by_path, ENOENT},
    {"dot-dot", open_dotdot, ENOENT},
    {"a leaked directory, reading", open_secret_by_leaked_descriptor, EACCES},
    {"a leaked directory, writing", write_by_leaked_descriptor, EACCES},
    {"a device node", make_device_in_destination, KILLED},
    {"a socket", make_socket, KILLED},
    {"code from a file", load_code_from_secret, KILLED},
    {"code from memory", make_code, KILLED},
    ATTEMPTS_KILLED,
    {"another root", leave_root, KILLED},
    {"a mount", mount_something, KILLED},
    {"an ioctl that is no clone", other_ioctl, KILLED},
    {"a file (its work)", make_regular_file_in_destination, ALLOWED},
    {"a fifo (its work)", make_fifo, ALLOWED},
    {"a clone (its work)", clone_file, ALLOWED},
};

static int enter(bool jailed)
{
    struct err err = {0};
    struct jail jail = {.dest = 3, .source = -1, .max_bytes = 1 << 20};

    destination_hand_over();
    return jailed ? jail_enter(&jail, &err) : 0;
}

static void clean_dest(void)
{
    static const char *const names[] = {"null", "file", "fifo", "clone"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlinkat(destination.dest, names[i], 0);
}

static void test_jail_attempts_end_as_the_table_says(void **state)
{
    static const struct attempt_place where = {enter, clean_dest};

    (void)state;
    if (geteuid() != 0)
        skip();
    attempts_run(&where, attempts, ARRAY_LEN(attempts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_jail_attempts_end_as_the_table_says)};

    return cmocka_run_group_tests_name("unpack_jail", tests, destination_set_up, destination_tear_down);
}
