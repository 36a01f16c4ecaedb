/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a taken-over moat-yaml can still do. Each attempt runs first without the jail and must succeed there, then
 * inside and must end as its row says.
 */
#include "base/mem.h"
#include "yaml/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

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

static int make_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 ? errno : 0;
}

static int start_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : 0;
}

static int run_program(void)
{
    char *argv[] = {(char *)"true", NULL};

    execve("/bin/true", argv, argv + 1);
    return errno;
}

static int signal_parent(void)
{
    return kill(getppid(), 0) < 0 ? errno : 0;
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

enum { ALLOWED = 0, KILLED = -SIGSYS };
static const struct attempt {
    const char *label;
    int (*try)(void);
    int inside; /* 0, an errno, or KILLED */
} attempts[] = {
    {"a file", open_file, KILLED},
    {"a look-up", look_up, KILLED},
    {"a socket", make_socket, KILLED},
    {"code from memory", make_code, KILLED},
    {"another process", start_process, KILLED},
    {"another program", run_program, KILLED},
    {"a signal to the parent", signal_parent, KILLED},
    {"a leaked descriptor", use_leaked, EBADF},
    {"a gigabyte", more_memory_than_its_limit, ENOMEM},
    {"reading, writing, memory (its work)", its_work, ALLOWED},
};

static int run_attempt(const struct attempt *a, bool jailed)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0) {
        struct err err = {0};
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0), dup2(null, 1), dup2(null, 2);
        leaked = open("/dev/null", O_RDONLY);
        if (jailed && yaml_jail_enter(&err) < 0)
            _exit(254);
        _exit(a->try());
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static void test_jail_attempts_end_as_the_table_says(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* the sanitizer's runtime needs what the jail forbids */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    skip();
#endif
#endif
    for (size_t i = 0; i < ARRAY_LEN(attempts); i++) {
        int without = run_attempt(&attempts[i], false), inside;
        if (without != 0)
            fail_msg("%s: does not even work without the jail (%d): it proves nothing", attempts[i].label, without);
        inside = run_attempt(&attempts[i], true);
        if (inside != attempts[i].inside)
            fail_msg("%s: %d inside, expected %d", attempts[i].label, inside, attempts[i].inside);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_jail_attempts_end_as_the_table_says)};

    return cmocka_run_group_tests_name("yaml_jail", tests, NULL, NULL);
}
