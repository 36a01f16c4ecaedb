/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of the helpers' jails share: the attempts that every jail must stop, and the runner. Each attempt runs
 * first without the jail and must succeed there, then inside and must end as its row says.
 */
#ifndef MOAT_TESTS_JAIL_ATTEMPTS_H
#define MOAT_TESTS_JAIL_ATTEMPTS_H

#include "base/mem.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum { ALLOWED = 0, KILLED = -SIGSYS };

struct attempt {
    const char *label;
    int (*try)(void); /* 0 when it succeeded, else an errno */
    int inside;       /* 0, an errno, or KILLED */
};

static inline int make_code(void)
{
    void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    return mprotect(p, 4096, PROT_READ | PROT_EXEC) < 0 ? errno : 0;
}

static inline int run_program(void)
{
    char *argv[] = {(char *)"true", NULL};

    execve("/bin/true", argv, argv + 1);
    return errno;
}

static inline int start_process(void)
{
    pid_t pid = fork();

    if (pid == 0)
        _exit(0);
    return pid < 0 ? errno : 0;
}

static inline int leave_root(void)
{
    return chroot("/") < 0 ? errno : 0;
}

static inline int signal_parent(void)
{
    return kill(getppid(), 0) < 0 ? errno : 0;
}

static inline int mount_at(const char *place)
{
    /* in a namespace of its own even without the jail, so that nothing stays */
    if (syscall(SYS_unshare, 0x00020000) < 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
        return errno;
    return mount("none", place, "tmpfs", 0, NULL) < 0 ? errno : 0;
}

/* Rows of those of them that end everywhere alike. */
#define ATTEMPTS_KILLED                                                                                                \
    {"another program", run_program, KILLED}, {"another process", start_process, KILLED},                              \
    {                                                                                                                  \
        "a signal to the parent", signal_parent, KILLED                                                                \
    }

/* enter: makes a child what the helper is, with what should not be there too; with `jailed` the jail is entered.
 * clean: takes away what an attempt may have made; NULL. */
struct attempt_place {
    int (*enter)(bool jailed);
    void (*clean)(void);
};

static inline int attempt_run(const struct attempt_place *place, const struct attempt *a, bool jailed)
{
    pid_t pid = fork();
    int status;

    assert_true(pid >= 0);
    if (pid == 0)
        _exit(place->enter(jailed) < 0 ? 254 : a->try());
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (place->clean)
        place->clean();
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static inline void attempts_run(const struct attempt_place *place, const struct attempt *attempts, size_t n)
{
#if defined(__SANITIZE_ADDRESS__)
    skip(); /* the sanitizer's runtime needs what the jail forbids */
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
    skip();
#endif
#endif
    for (size_t i = 0; i < n; i++) {
        int without = attempt_run(place, &attempts[i], false);
        if (without != 0)
            fail_msg("%s: does not even work without the jail (%s): it proves nothing", attempts[i].label,
                     strerror(without));
        int inside = attempt_run(place, &attempts[i], true);
        if (inside != attempts[i].inside)
            fail_msg("%s: expected %d, got %d", attempts[i].label, attempts[i].inside, inside);
    }
}

#endif
