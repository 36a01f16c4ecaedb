/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a taken-over moat-screen can still do (jail_attempts.h).
 */
#include "jail_attempts.h"
#include "screen/jail.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>

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

static int enter(bool jailed)
{
    struct err err = {0};
    int null = open("/dev/null", O_RDWR);

    dup2(null, 0), dup2(null, 1), dup2(null, 2);
    leaked = open("/dev/null", O_RDONLY);
    return jailed ? screen_jail_enter(&err) : 0;
}

static void test_jail_attempts_end_as_the_table_says(void **state)
{
    static const struct attempt_place where = {enter, NULL};

    attempts_run(&where, attempts, ARRAY_LEN(attempts));
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_jail_attempts_end_as_the_table_says)};

    return cmocka_run_group_tests_name("screen_jail", tests, NULL, NULL);
}
