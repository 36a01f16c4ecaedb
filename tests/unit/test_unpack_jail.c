/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a taken-over moat-unpack can still do. Each attempt runs first without the jail and must succeed there, then
 * inside and must end as its row says. Needs root for the attempts that need root without the jail.
 */
#include "jail_attempts.h"
#include "unpack/jail.h"

#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

static char place[] = "/tmp/moat-test-jail-XXXXXX";
static int dest, outside, secret;

/* 0 when the attempt succeeded, else an errno. */
static int open_absolute(void)
{
    char path[128];

    snprintf(path, sizeof path, "%s/secret", place);
    return open(path, O_RDONLY) < 0 ? errno : 0;
}

static int open_dotdot(void)
{
    return openat(dest, "../secret", O_RDONLY) < 0 ? errno : 0;
}

/* A descriptor that leaked in: Landlock is what stands here, since the root directory does not. */
static int open_by_leaked_descriptor(void)
{
    return openat(outside, "secret", O_RDONLY) < 0 ? errno : 0;
}

static int write_by_leaked_descriptor(void)
{
    return openat(outside, "new", O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
}

static int make_device(void)
{
    return mknodat(dest, "null", S_IFCHR | 0666, (1 << 8) | 3) < 0 ? errno : 0;
}

static int make_socket(void)
{
    return socket(AF_INET, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int load_code(void)
{
    return mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE, secret, 0) == MAP_FAILED ? errno : 0;
}

static int mount_something(void)
{
    return mount_at(place);
}

static int other_ioctl(void)
{
    int flags;

    return ioctl(secret, FIONREAD, &flags) < 0 ? errno : 0;
}

static int make_regular_file(void)
{
    return openat(dest, "file", O_WRONLY | O_CREAT, 0600) < 0 ? errno : 0;
}

static int make_fifo(void)
{
    return mknodat(dest, "fifo", S_IFIFO | 0600, 0) < 0 ? errno : 0;
}

static int clone_file(void)
{
    int fd = openat(dest, "clone", O_RDWR | O_CREAT, 0600);

    return ioctl(fd, FICLONE, fd) < 0 && errno != EOPNOTSUPP && errno != EINVAL && errno != EBADF ? errno : 0;
}

static const struct attempt attempts[] = {
    {"an absolute path", open_absolute, ENOENT},
    {"dot-dot", open_dotdot, ENOENT},
    {"a leaked directory, reading", open_by_leaked_descriptor, EACCES},
    {"a leaked directory, writing", write_by_leaked_descriptor, EACCES},
    {"a device node", make_device, KILLED},
    {"a socket", make_socket, KILLED},
    {"code from a file", load_code, KILLED},
    {"code from memory", make_code, KILLED},
    ATTEMPTS_KILLED,
    {"another root", leave_root, KILLED},
    {"a mount", mount_something, KILLED},
    {"an ioctl that is no clone", other_ioctl, KILLED},
    {"a file (its work)", make_regular_file, ALLOWED},
    {"a fifo (its work)", make_fifo, ALLOWED},
    {"a clone (its work)", clone_file, ALLOWED},
};

/* Descriptors as moat hands them over, and one that should not be there: it moves below 6, where the jail keeps it. */
static int enter(bool jailed)
{
    struct err err = {0};
    struct jail jail = {.dest = 3, .source = -1, .max_bytes = 1 << 20};

    dup2(dest, 13), dup2(outside, 14), dup2(secret, 15);
    dup2(13, 3), dup2(14, 4), dup2(15, 5);
    dest = 3, outside = 4, secret = 5;
    return jailed ? jail_enter(&jail, &err) : 0;
}

static void clean_dest(void)
{
    static const char *const names[] = {"null", "file", "fifo", "clone"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlinkat(dest, names[i], 0);
}

static void test_jail_attempts_end_as_the_table_says(void **state)
{
    static const struct attempt_place where = {enter, clean_dest};

    (void)state;
    if (geteuid() != 0)
        skip();
    attempts_run(&where, attempts, ARRAY_LEN(attempts));
}

static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(place) || (outside = open(place, O_RDONLY | O_DIRECTORY)) < 0 || mkdirat(outside, "dest", 0755) < 0 ||
        (dest = openat(outside, "dest", O_RDONLY | O_DIRECTORY)) < 0 ||
        (secret = openat(outside, "secret", O_RDWR | O_CREAT, 0600)) < 0 || ftruncate(secret, 4096) < 0)
        return -1;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    unlinkat(outside, "secret", 0);
    unlinkat(outside, "new", 0);
    unlinkat(outside, "dest", AT_REMOVEDIR);
    return rmdir(place);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_jail_attempts_end_as_the_table_says)};

    return cmocka_run_group_tests_name("unpack_jail", tests, set_up, tear_down);
}
