/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See java_archive.h: after the run. The archive is written by a run of moat's own: behind the same walls as the
 * program, with the JDK and the class path to read, the checked list, and one file to write. Classes are loaded and
 * looked at there; of the program nothing is run, and if it took that process over all the same, what it could write is
 * an archive that nobody uses but itself.
 */
#include "boundary/jvm/classes.h"
#include "classcache/making.h"
#include "classcache/names.h"
#include "cli/java.h"
#include "cli/java_archive.h"
#include "policy/list.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* From so many classes on a program is large: of its own, or of all of them, with which a JDK's own archive helps less.
 * Whatever it is told to do, most of what it loads is in its list then. */
#define APPLICATION_LEAST 100
#define CLASSES_LEAST     900

#define TIME_LIMIT "60"        /* seconds */
#define SIZE_LIMIT "536870912" /* CLASS_ARCHIVE_MOST */

static int put(struct arena *a, struct strv *argv, const char *option, const char *value)
{
    return !value || policy_strv_push(a, argv, option) < 0 ? -ENOMEM : policy_strv_push(a, argv, value);
}

/* As a user could write it himself, but for write:DIR. */
static int write_command(const struct java_archive *x, struct arena *a, const char *directory, struct strv *argv)
{
    static const char *const fixed[] = {"moat",           "run",  "-b",        "jvm",
                                        "--network",      "none", "--timeout", TIME_LIMIT,
                                        "--stop-timeout", "1",    "--ulimit",  ("fsize=" SIZE_LIMIT)};
    int r = 0;

    for (size_t i = 0; i < ARRAY_LEN(fixed) && r == 0; i++)
        r = policy_strv_push(a, argv, fixed[i]);
    if (r == 0 && (r = put(a, argv, "--jdk", x->jdk)) == 0)
        r = put(a, argv, "--class-archive", arena_printf(a, "write:%s", directory));
    for (uint32_t i = x->n_entries; i < x->files.n && r == 0; i++)
        r = put(a, argv, "--allow", arena_printf(a, "%s:r", x->files.v[i]));
    for (uint32_t i = 0; i < x->options.n && r == 0; i++) {
        const char *option = strcmp(x->options.v[i], "-XX:+UseZGC") ? x->options.v[i] : "-XX:-UseCompressedOops";
        r = put(a, argv, "--java-option", option);
    }
    /* The one collector under which objects are archived too; the others can use them, but for ZGC. */
    if (r == 0)
        r = put(a, argv, "--java-option", "-XX:+UseG1GC");
    if (r == 0 && !x->jdk_alone)
        r = put(a, argv, "--class-path", x->class_path);
    if (r == 0)
        r = put(a, argv, "--main-class", "moat.None");
    return r < 0 ? r : policy_strv_push(a, argv, NULL);
}

__attribute__((noreturn)) static void become(struct strv *argv, pid_t parent, const sigset_t *mask)
{
    int null = open("/dev/null", O_RDWR);

    /* When we are killed it ends, and clears up behind itself. */
    if (null < 0 || prctl(PR_SET_PDEATHSIG, SIGTERM) < 0 || getppid() != parent)
        _exit(127);
    for (int fd = 0; fd < 3; fd++)
        dup2(null, fd);
    if (null > 2)
        close(null);
    sigprocmask(SIG_SETMASK, mask, NULL);
    execv("/proc/self/exe", (char *const *)argv->v);
    _exit(127);
}

/* True where somebody wants it ended. */
static bool wait_for(pid_t pid, int *status)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP, SIGQUIT};
    const struct timespec patience = {.tv_nsec = 100 * 1000000};
    bool unwanted = false;
    sigset_t set;

    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        sigaddset(&set, ends[i]);
    sigaddset(&set, SIGCHLD);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (;;) {
        pid_t ended = waitpid(pid, status, WNOHANG);
        if (ended == pid || (ended < 0 && errno != EINTR))
            return unwanted || ended < 0;
        int signo = sigtimedwait(&set, NULL, &patience);
        if (signo > 0 && signo != SIGCHLD) {
            kill(pid, SIGTERM);
            unwanted = true;
        }
    }
}

enum result { MADE, FAILED, UNWANTED };

static enum result run_it(struct java_archive *x, struct arena *a, const struct class_making *m, const sigset_t *mask)
{
    struct strv argv = {0};
    pid_t parent = getpid();
    int status;

    if (write_command(x, a, m->path, &argv) < 0)
        return UNWANTED;
    pid_t pid = fork();
    if (pid == 0)
        become(&argv, parent, mask);
    if (pid < 0 || wait_for(pid, &status))
        return UNWANTED;
    return WIFEXITED(status) && WEXITSTATUS(status) == 0 ? MADE : FAILED;
}

/* What was read while it was written must be what the key says. */
static bool is_unchanged(struct java_archive *x, struct arena *a)
{
    struct java_archive_keys now;

    return java_archive_keys(x, a, &now) == 0 && !strcmp(now.command, x->keys.command);
}

static void make(struct java_archive *x, const char *key, struct arena *a, const struct class_cache *c,
                 const sigset_t *mask)
{
    struct class_making m;

    if (class_making_begin(&m, a, c, key, x->list, x->length, &(struct err){0}) < 0)
        return;
    enum result result = is_unchanged(x, a) ? run_it(x, a, &m, mask) : UNWANTED;
    if (result == MADE && is_unchanged(x, a) && class_making_finish(&m) == -EPROTO)
        result = FAILED;
    class_making_end(&m);
    if (result == FAILED)
        class_cache_refuse(c, key);
}

static void say(bool begins)
{
    if (isatty(2))
        fputs(begins ? "moat: keeping its classes for the next start ..." : "\r\033[K", stderr);
}

/* Who reads the program's output is not kept waiting. */
static void release_output(void)
{
    int null = open("/dev/null", O_WRONLY | O_CLOEXEC);

    fflush(stdout);
    if (null >= 0)
        dup2(null, 1);
    cleanup_fd(&null);
}

/* What the run left becomes an archive, or a note that the command has run. */
static void keep(struct java_archive *x, struct arena *a, const struct class_cache *c, const sigset_t *mask)
{
    struct class_names names = class_names_take(x->list, x->length);
    bool large = names.application >= APPLICATION_LEAST || names.classes >= CLASSES_LEAST;
    const char *key = large && *x->keys.program ? x->keys.program : x->again ? x->keys.command : NULL;

    if (!names.classes)
        return;
    if (!key) {
        class_cache_note(c, x->keys.command);
        return;
    }
    x->length = names.length;
    say(true);
    release_output();
    make(x, key, a, c, mask);
    say(false);
    class_cache_trim(c, CLASS_CACHE_MOST);
}

void java_archive_make(struct java_archive *x, struct arena *a, const sigset_t *mask)
{
    struct class_cache c;

    if ((!x->useless && !x->list) || class_cache_open(&c, a, true, &(struct err){0}) < 0)
        return;
    class_cache_trim(&c, CLASS_CACHE_MOST);
    if (x->useless)
        class_cache_refuse(&c, x->used);
    else
        keep(x, a, &c, mask);
    class_cache_close(&c);
}
