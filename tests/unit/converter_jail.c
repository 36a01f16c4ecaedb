/* SPDX-License-Identifier: Apache-2.0 */
/* See converter_jail.h. */
#include "converter_jail.h"
#include "jail_attempts.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

static int (*enter_jail)(struct err *err);
static int leaked = -1; /* a descriptor that should not have come along */

/* 0 when the attempt succeeded, else an errno. */
static int open_file(void)
{
    return open("/proc/self/status", O_RDONLY) < 0 ? errno : 0;
}

static int look_up(void)
{
    return access("/", F_OK) < 0 ? errno : 0;
}

static int make_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM, 0) < 0 ? errno : 0;
}

static int use_leaked(void)
{
    char c;

    return read(leaked, &c, 1) < 0 ? errno : 0;
}

static int more_memory_than_its_limit(void)
{
    return mmap(NULL, (size_t)1 << 30, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED ? errno
                                                                                                                 : 0;
}

static int its_work(void)
{
    char *p = malloc(8 << 20), c;

    if (!p || read(0, &c, 1) < 0 || write(1, "x", 1) != 1)
        return errno;
    free(p);
    return 0;
}

static const struct attempt attempts[] = {
    {"a file", open_file, KILLED},
    {"a look-up", look_up, KILLED},
    {"a socket", make_socket, KILLED},
    {"code from memory", make_code, KILLED},
    ATTEMPTS_KILLED,
    {"a leaked descriptor", use_leaked, EBADF},
    {"a gigabyte", more_memory_than_its_limit, ENOMEM},
    {"reading, writing, memory (its work)", its_work, ALLOWED},
};

/* Descriptors as moat hands them over, and one that should not be there. */
static int enter_helper(bool jailed)
{
    struct err err = {0};
    int null = open("/dev/null", O_RDWR);

    dup2(null, 0), dup2(null, 1), dup2(null, 2);
    leaked = open("/dev/null", O_RDONLY);
    return jailed ? enter_jail(&err) : 0;
}

static void test_jail_attempts_end_as_the_table_says(void **state)
{
    static const struct attempt_place where = {enter_helper, NULL};

    (void)state;
    attempts_run(&where, attempts, ARRAY_LEN(attempts));
}

int converter_jail_test(const char *name, int (*enter)(struct err *err))
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_jail_attempts_end_as_the_table_says)};

    enter_jail = enter;
    return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}
