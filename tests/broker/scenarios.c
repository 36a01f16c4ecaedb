/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the driver's target does instead of running a program: rows of attempts against the tree that
 * tests/cli/broker_process.bats makes, each with the errno it must end in, and races of bounded length. Prints what
 * went otherwise; the exit status is the number of those, at most 99.
 */
#include "driver.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>
#include <utime.h>

static int wrong;

static void expect(const char *label, int got, int wanted)
{
    if (got == wanted)
        return;
    printf("%s: got %d (%s), expected %d (%s)\n", label, got, got ? strerror(got) : "success", wanted,
           wanted ? strerror(wanted) : "success");
    wrong++;
}

#define TRY(label, call, wanted) expect(label, (call) < 0 ? errno : 0, wanted)

static int opens(const char *path, int flags)
{
    int fd = open(path, flags, 0644);

    return fd < 0 ? -1 : close(fd);
}

static void expect_text(const char *label, int fd, const char *text)
{
    char buf[64] = "";

    if (fd < 0 || read(fd, buf, sizeof buf - 1) < 0 || strcmp(buf, text) != 0) {
        printf("%s: got '%s' (%s), expected '%s'\n", label, buf, fd < 0 ? strerror(errno) : "read", text);
        wrong++;
    }
    if (fd >= 0)
        close(fd);
}

/* ---- opening ----------------------------------------------------------------------------------------------------- */

static void opening(void)
{
    struct open_how how = {.flags = O_RDONLY};

    expect("links of the target's own", symlink("/b/f", "/tmp/in") + symlink("/b/deny/secret", "/tmp/dlink"), 0);
    expect_text("a file", open("/b/f", O_RDONLY), "hello\n");
    expect_text("by way of dots", open("/b/./sub/../f", O_RDONLY), "hello\n");
    expect_text("with slashes", open("//b//f", O_RDONLY), "hello\n");
    expect_text("by a link", open("/b/link", O_RDONLY), "hello\n");
    expect_text("by an absolute link into the same tree", open("/b/absolute", O_RDONLY), "hello\n");
    expect_text("by a link of the target's own into the tree", open("/tmp/in", O_RDONLY), "hello\n");
    expect_text("by openat2", (int)syscall(SYS_openat2, AT_FDCWD, "/b/f", &how, sizeof how), "hello\n");
    expect_text("a rule of one file", open("/etc/one", O_RDONLY), "one\n");
    TRY("below a rule of one file", opens("/etc/one/x", O_RDONLY), ENOTDIR);
    TRY("writing to a rule of one file that is read", opens("/etc/one", O_WRONLY), EACCES);
    TRY("a link out of the tree, into the target's own root", opens("/b/out", O_RDONLY), ENOENT);
    TRY("a link that climbs out", opens("/b/up", O_RDONLY), ENOENT);
    TRY("not there", opens("/b/none", O_RDONLY), ENOENT);
    TRY("not there either", opens("/none", O_RDONLY), ENOENT);
    TRY("a directory that is none", opens("/b/f/", O_RDONLY), ENOTDIR);
    TRY("a link that is not followed", opens("/b/link", O_RDONLY | O_NOFOLLOW), ELOOP);
    TRY("links in a circle", opens("/b/circle", O_RDONLY), ELOOP);
    TRY("denied", opens("/b/deny/secret", O_RDONLY), EACCES);
    TRY("denied, by a link", opens("/b/dlink", O_RDONLY), EACCES);
    TRY("denied, by a link of the target's own", opens("/tmp/dlink", O_RDONLY), EACCES);
    TRY("denied, by dots", opens("/b/sub/../deny/secret", O_RDONLY), EACCES);
    TRY("denied, whether it is there or not", opens("/b/deny/none", O_RDONLY), EACCES);
    TRY("denied, made", opens("/b/deny/new", O_WRONLY | O_CREAT), EACCES);
    TRY("a rule inside that reads", opens("/b/ro/file", O_RDONLY), 0);
    TRY("a rule inside that reads, written", opens("/b/ro/file", O_WRONLY), EACCES);
    TRY("a rule inside that reads, made", opens("/b/ro/new", O_WRONLY | O_CREAT), EACCES);
    TRY("a fifo, which would wait", opens("/b/fifo", O_RDONLY), EACCES);
    TRY("a fifo of a plain tree", opens("/p/fifo", O_RDONLY), EACCES);
    TRY("a fifo, written", opens("/b/fifo", O_WRONLY), EACCES);
    TRY("a device", opens("/b/null", O_RDONLY), EACCES);
    TRY("a device of a plain tree", opens("/p/null", O_RDONLY), EACCES);
    TRY("a nameless file", opens("/b", O_TMPFILE | O_WRONLY), EOPNOTSUPP);
    TRY("made", opens("/b/made", O_WRONLY | O_CREAT | O_EXCL), 0);
    TRY("made twice", opens("/b/made", O_WRONLY | O_CREAT | O_EXCL), EEXIST);
    TRY("made when there", opens("/b/made", O_WRONLY | O_CREAT | O_TRUNC), 0);
    TRY("made for reading", opens("/b/made2", O_RDONLY | O_CREAT), 0);
    TRY("made without a name", opens("/b/made3/", O_WRONLY | O_CREAT), EISDIR);
    TRY("made in what is not there", opens("/b/none/made", O_WRONLY | O_CREAT), ENOENT);
    TRY("made as a program of somebody's", open("/b/suid", O_WRONLY | O_CREAT, 04755), EPERM);
    TRY("made in a tree for reading", opens("/p/made", O_WRONLY | O_CREAT), EACCES);
    TRY("a directory, written", opens("/b/sub", O_WRONLY), EISDIR);
    TRY("a path that is too long", opens(memset((char[5000]){0}, '/', 4999), O_RDONLY), ENAMETOOLONG);
    umask(027);
    close(open("/b/masked", O_WRONLY | O_CREAT, 0777));
    struct stat st;
    expect("the umask of the target", stat("/b/masked", &st) == 0 && (st.st_mode & 0777) == 0750, 1);
}

/* ---- what is there ----------------------------------------------------------------------------------------------- */

static void looking(void)
{
    struct stat a, b;
    char text[64];
    void *bad = (void *)8;

    expect("stat", stat("/b/f", &a) == 0 && S_ISREG(a.st_mode) && a.st_size == 6, 1);
    int fd = open("/b/f", O_RDONLY);
    expect("stat and fstat agree", fstat(fd, &b) == 0 && a.st_ino == b.st_ino && a.st_dev == b.st_dev, 1);
    close(fd);
    expect("lstat of a link", lstat("/b/link", &a) == 0 && S_ISLNK(a.st_mode), 1);
    expect("stat of a link", stat("/b/link", &a) == 0 && S_ISREG(a.st_mode), 1);
    expect("stat of the tree", stat("/b", &a) == 0 && S_ISDIR(a.st_mode), 1);
    expect("stat of the way to a rule", stat("/far/away", &a) == 0 && S_ISDIR(a.st_mode), 1);
    expect("stat of the way, by dots", stat("/far/away/tree/..", &a) == 0 && S_ISDIR(a.st_mode), 1);
    TRY("the way is not opened", opens("/far/away", O_RDONLY | O_DIRECTORY), ENOENT);
    TRY("beside the way", stat("/far/other", &a), ENOENT);
    expect("readlink", readlink("/b/link", text, sizeof text) == 1 && text[0] == 'f', 1);
    expect("readlink, cut", readlink("/b/dlink", text, 3) == 3 && !memcmp(text, "den", 3), 1);
    TRY("readlink of a file", readlink("/b/f", text, sizeof text), EINVAL);
    TRY("readlink of nothing", readlink("/b/none", text, sizeof text), ENOENT);
    TRY("stat of what is denied", stat("/b/deny/secret", &a), EACCES);
    TRY("stat of the denied directory", stat("/b/deny", &a), EACCES);
    TRY("stat to nowhere", syscall(SYS_newfstatat, AT_FDCWD, "/b/f", bad, 0), EFAULT);
    TRY("stat of nowhere", syscall(SYS_newfstatat, AT_FDCWD, bad, &a, 0), EFAULT);
    TRY("access for reading", access("/b/f", R_OK), 0);
    TRY("access for writing", access("/b/f", W_OK), 0);
    TRY("access for running", access("/b/f", X_OK), EACCES);
    TRY("access for writing in a tree for reading", access("/p/f", W_OK), EACCES);
    TRY("access of what is denied", access("/b/deny/secret", F_OK), EACCES);
    TRY("access with a mode that is none", access("/b/f", 64), EINVAL);
    TRY("an attribute", syscall(SYS_getxattr, "/b/f", "user.x", text, sizeof text), EOPNOTSUPP);
    TRY("enter", chdir("/b"), EACCES);
    TRY("run", execl("/b/f", "f", (char *)NULL), EACCES);
    TRY("run what is not there", execl("/b/none", "f", (char *)NULL), ENOENT);
}

/* ---- changing ---------------------------------------------------------------------------------------------------- */

static void changing(void)
{
    struct timeval times[2] = {{1000, 0}, {2000, 0}};
    struct stat st;

    TRY("mkdir", mkdir("/b/d", 0755), 0);
    TRY("mkdir twice", mkdir("/b/d", 0755), EEXIST);
    TRY("mkdir with a slash", mkdir("/b/e/", 0755), 0);
    TRY("mkdir of the tree", mkdir("/b", 0755), EEXIST);
    TRY("mkdir in a tree for reading", mkdir("/p/d", 0755), EACCES);
    TRY("mkdir where denied", mkdir("/b/deny/d", 0755), EACCES);
    TRY("mkdir by a link to where denied", mkdir("/b/ddir/d", 0755), EACCES);
    TRY("rename", rename("/b/d", "/b/d2"), 0);
    TRY("rename of nothing", rename("/b/d", "/b/d3"), ENOENT);
    TRY("rename onto what is denied", rename("/b/e", "/b/deny"), EACCES);
    TRY("rename of what is denied", rename("/b/deny", "/b/free"), EACCES);
    TRY("rename out of what is denied", rename("/b/deny/secret", "/b/free"), EACCES);
    TRY("rename of what has a denied path below", rename("/n/top", "/n/free"), EACCES);
    TRY("rename between trees", rename("/b/d2", "/n/d2"), EXDEV);
    TRY("rename into the target's own root", rename("/b/d2", "/tmp/d2"), EXDEV);
    TRY("rename from the target's own root",
        (close(open("/tmp/mine", O_CREAT | O_WRONLY, 0600)), rename("/tmp/mine", "/b/mine")), EXDEV);
    TRY("rename of the tree", rename("/b", "/b2"), EBUSY);
    TRY("rename into a rule that gives less", rename("/b/d2", "/b/ro/d2"), EACCES);
    TRY("rename with dots", rename("/b/sub/..", "/b/x"), EBUSY);
    TRY("exchange", syscall(SYS_renameat2, AT_FDCWD, "/b/d2", AT_FDCWD, "/b/e", 2), 0);
    TRY("rename that makes a mark", syscall(SYS_renameat2, AT_FDCWD, "/b/d2", AT_FDCWD, "/b/e", 4), EINVAL);
    TRY("rmdir", rmdir("/b/d2"), 0);
    TRY("rmdir of the tree", rmdir("/b"), EBUSY);
    TRY("rmdir of a file", rmdir("/b/f"), ENOTDIR);
    TRY("rmdir with a dot", rmdir("/b/e/."), EINVAL);
    TRY("unlink of a directory", unlink("/b/e"), EISDIR);
    TRY("symlink", symlink("/anything", "/b/new"), 0);
    TRY("symlink twice", symlink("/anything", "/b/new"), EEXIST);
    TRY("unlink of a link", unlink("/b/new"), 0);
    TRY("symlink by a directory", symlinkat("f", open("/b/sub", O_RDONLY), "new"), 0);
    TRY("and there it is", unlink("/b/sub/new"), 0);
    TRY("unlink of nothing", unlink("/b/new"), ENOENT);
    TRY("unlink of what is denied", unlink("/b/deny/secret"), EACCES);
    TRY("unlink in a tree for reading", unlink("/p/f"), EACCES);
    TRY("unlink in a rule inside that reads", unlink("/b/ro/file"), EACCES);
    TRY("a second name", link("/b/f", "/b/f2"), EPERM);
    TRY("a fifo", mkfifo("/b/fifo2", 0600), EPERM);
    TRY("chmod", chmod("/b/f", 0640), 0);
    expect("chmod, seen", stat("/b/f", &st) == 0 && (st.st_mode & 07777) == 0640, 1);
    TRY("chmod to a program of somebody's", chmod("/b/f", 04755), EPERM);
    TRY("chmod in a tree for reading", chmod("/p/f", 0600), EACCES);
    TRY("chown to oneself", chown("/b/f", 0, 0), 0);
    TRY("utimes", utimes("/b/f", times), 0);
    expect("utimes, seen", stat("/b/f", &st) == 0 && st.st_mtime == 2000, 1);
    TRY("truncate", truncate("/b/f", 3), 0);
    expect("truncate, seen", stat("/b/f", &st) == 0 && st.st_size == 3, 1);
    TRY("truncate of a directory", truncate("/b/e", 3), EISDIR);
    TRY("an attribute", syscall(SYS_setxattr, "/b/f", "user.x", "y", 1, 0), EOPNOTSUPP);
}

/* ---- by descriptors of directories ------------------------------------------------------------------------------- */

static int by_number(const char *format, int fd, int flags)
{
    char path[128];

    snprintf(path, sizeof path, format, fd);
    return opens(path, flags);
}

static void by_descriptor(void)
{
    int b = open("/b", O_RDONLY | O_DIRECTORY), f = openat(b, "f", O_RDONLY), path = openat(b, "sub", O_PATH);
    struct stat st;

    expect("a directory and a file in it", b >= 0 && f >= 0 && path >= 0, 1);
    expect("openat, twice", dup(openat(path, "../f", O_RDONLY)) >= 0, 1);
    TRY("denied, by openat", openat(b, "deny/secret", O_RDONLY), EACCES);
    TRY("denied, by stat", fstatat(b, "deny/secret", &st, 0), EACCES);
    TRY("climbing out", openat(b, "../etc/passwd", O_RDONLY), EACCES);
    TRY("climbing far", openat(b, "../../../../../../etc/passwd", O_RDONLY), EACCES);
    TRY("a rule inside, written", openat(b, "ro/file", O_WRONLY), EACCES);
    TRY("made, by openat", openat(b, "by-openat", O_WRONLY | O_CREAT, 0600), 0);
    /* Past the broker, by a way that it leaves to the kernel. */
    TRY("the kernel opens a file of it", by_number("/proc/self/fd/%d/f", b, O_RDONLY), 0);
    TRY("denied, past the broker", by_number("/proc/self/fd/%d/deny/secret", b, O_RDONLY), EACCES);
    TRY("a rule inside, written past the broker", by_number("/proc/self/fd/%d/ro/file", b, O_WRONLY), EROFS);
    TRY("written past the broker", by_number("/proc/self/fd/%d/f", b, O_WRONLY), EROFS);
    TRY("climbing out past the broker", by_number("/proc/self/fd/%d/../../../../etc/passwd", b, O_RDONLY), ENOENT);
    TRY("opened anew for writing", by_number("/proc/self/fd/%d", f, O_RDWR), EROFS);
    TRY("its mode changed by descriptor", fchmod(f, 0777), EROFS);
    TRY("fchdir", fchdir(b), 0);
    expect_text("a relative path from there", open("f", O_RDONLY), "hello\n");
    TRY("denied, relative", opens("deny/secret", O_RDONLY), EACCES);
    TRY("climbing, relative", opens("../../../etc/passwd", O_RDONLY), EACCES);
    TRY("an absolute path from there", opens("/etc/passwd", O_RDONLY), 0);
    TRY("home again", chdir("/"), 0);
}

/* ---- a full table, many threads, signals ------------------------------------------------------------------------- */

static void full_table(void)
{
    struct rlimit limit = {16, 16};
    int fd;

    setrlimit(RLIMIT_NOFILE, &limit);
    while ((fd = open("/b/f", O_RDONLY)) >= 0)
        expect("a number within the limit", fd < 16, 1);
    expect("the last error", errno, EMFILE);
    for (fd = 3; fd < 16; fd++)
        close(fd);
    TRY("room again", opens("/b/f", O_RDONLY), 0);
}

static void expect_no_descriptors_left(void)
{
    int fd = open("/b/f", O_RDONLY);

    expect("the lowest free descriptor", fd, 3);
    close(fd);
}

static void *work(void *arg)
{
    struct stat st;
    char path[64];
    long k = (long)arg, bad = 0;

    snprintf(path, sizeof path, "/b/thread-%ld", k);
    for (int i = 0; i < 200; i++) {
        int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        bad += fd < 0 || write(fd, path, strlen(path)) < 0 || fstat(fd, &st) < 0 || close(fd) < 0;
        bad += stat(path, &st) < 0 || (size_t)st.st_size != strlen(path) || open("/b/deny/secret", O_RDONLY) >= 0 ||
               unlink(path) < 0;
    }
    return (void *)bad;
}

static void many_threads(void)
{
    pthread_t threads[16];
    void *bad;

    for (long i = 0; i < 16; i++)
        pthread_create(&threads[i], NULL, work, (void *)i);
    for (long i = 0; i < 16; i++) {
        pthread_join(threads[i], &bad);
        expect("a thread's calls that went wrong", (int)(long)bad, 0);
    }
    expect_no_descriptors_left();
}

static atomic_int alarms;

static void on_alarm(int signo)
{
    alarms++;
}

/* Each call ends as if no signal had come: the kernel runs it again, or it was not to be interrupted. */
static void signals(void)
{
    struct sigaction act = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};
    struct itimerval often = {{0, 200}, {0, 200}};
    long bad = 0;

    sigaction(SIGALRM, &act, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < 20000 && (i < 3000 || alarms < 50); i++)
        bad += opens("/b/f", O_RDONLY) < 0;
    setitimer(ITIMER_REAL, &(struct itimerval){0}, NULL);
    expect("calls that a signal broke", (int)bad, 0);
    expect("signals came", alarms >= 50, 1);
    expect_no_descriptors_left();
}

/* ---- the race ---------------------------------------------------------------------------------------------------- */

static char shared_path[256];
static const char *good, *bad_path;
static atomic_bool stop;

/* The one letter in which the two paths differ goes to and fro. */
static void *swap(void *arg)
{
    size_t at = 0;

    while (good[at] == bad_path[at])
        at++;
    volatile char *c = &shared_path[at];
    while (!stop) {
        *c = bad_path[at];
        *c = good[at];
    }
    return NULL;
}

/* argv: "@race" GOOD BAD TRIES [ENOUGH]. GOOD holds "good", BAD "bad!". Prints how often which was read; ends when BAD
 * was read ENOUGH times. */
static int race(char **argv)
{
    long tries = atol(argv[3]), enough = argv[4] ? atol(argv[4]) : tries + 1, read_good = 0, read_bad = 0;
    pthread_t thread;

    good = argv[1];
    bad_path = argv[2];
    if (strlen(good) != strlen(bad_path) || strlen(good) >= sizeof shared_path)
        return 2;
    strcpy(shared_path, good);
    pthread_create(&thread, NULL, swap, NULL);
    for (long i = 0; i < tries && read_bad < enough; i++) {
        char text[5] = "";
        int fd = open(shared_path, O_RDONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        if (read(fd, text, 4) == 4) {
            read_good += !strcmp(text, "good");
            read_bad += !strcmp(text, "bad!");
        }
        close(fd);
    }
    stop = true;
    pthread_join(thread, NULL);
    printf("good %ld bad %ld\n", read_good, read_bad);
    return 0;
}

/* ---- lies -------------------------------------------------------------------------------------------------------- */

static void lies(void)
{
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *edge = pages + 4096 - 5;
    struct open_how how = {.flags = O_RDONLY};
    struct stat st;

    munmap(pages + 4096, 4096);
    memcpy(edge, "/b/f", 5);
    expect_text("a path that ends with its page", open(edge, O_RDONLY), "hello\n");
    memcpy(edge, "/b/ff", 5);
    TRY("a path that goes on where nothing is", opens(edge, O_RDONLY), EFAULT);
    memset(pages, 'x', 4096);
    TRY("a path without an end", opens(pages, O_RDONLY), ENAMETOOLONG);
    TRY("no path", syscall(SYS_openat, AT_FDCWD, NULL, O_RDONLY), EFAULT);
    TRY("a path in the kernel", syscall(SYS_openat, AT_FDCWD, 0xffffffff81000000, O_RDONLY), EFAULT);
    TRY("a directory that is not open", syscall(SYS_openat, 999, "f", O_RDONLY), EBADF);
    TRY("a directory beyond all", syscall(SYS_openat, -7, "f", O_RDONLY), EBADF);
    TRY("openat2, too small", syscall(SYS_openat2, AT_FDCWD, "/b/f", &how, 8), EINVAL);
    TRY("openat2, nowhere", syscall(SYS_openat2, AT_FDCWD, "/b/f", 8, sizeof how), EFAULT);
    how.resolve = RESOLVE_IN_ROOT;
    TRY("openat2 with a scope of its own", syscall(SYS_openat2, AT_FDCWD, "/b/f", &how, sizeof how), ENOSYS);
    TRY("statx, nowhere", syscall(SYS_statx, AT_FDCWD, "/b/f", 0, 0x7ff, 8), EFAULT);
    TRY("an empty path", fstatat(AT_FDCWD, "", &st, 0), ENOENT);
    TRY("readlink, no room", syscall(SYS_readlinkat, AT_FDCWD, "/b/link", pages, 0), EINVAL);
    TRY("readlink, less than none", syscall(SYS_readlinkat, AT_FDCWD, "/b/link", pages, -5), EINVAL);
    TRY("unlinkat with flags that are none", syscall(SYS_unlinkat, AT_FDCWD, "/b/f", 0x8000), EINVAL);
    TRY("utimensat, nowhere", syscall(SYS_utimensat, AT_FDCWD, "/b/f", 8, 0), EFAULT);
    TRY("symlink of nowhere", syscall(SYS_symlinkat, 8, AT_FDCWD, "/b/x"), EFAULT);
}

/* Times an open+close; prints the fastest of ten rounds. */
static int bench(char **argv)
{
    struct timespec a, b;
    long n = 4000, best = 1L << 60;

    for (int k = 0; k < 10; k++) {
        clock_gettime(CLOCK_MONOTONIC, &a);
        for (long i = 0; i < n; i++) {
            int fd = open(argv[1], O_RDONLY | O_CLOEXEC);
            if (fd < 0)
                return 1;
            close(fd);
        }
        clock_gettime(CLOCK_MONOTONIC, &b);
        long ns = ((b.tv_sec - a.tv_sec) * 1000000000L + b.tv_nsec - a.tv_nsec) / n;
        best = ns < best ? ns : best;
    }
    printf("%ld ns\n", best);
    return 0;
}

int scenario_run(char **argv)
{
    static const struct {
        const char *name;
        void (*run)(void);
    } rows[] = {{"@opening", opening},       {"@looking", looking},
                {"@changing", changing},     {"@by-descriptor", by_descriptor},
                {"@full-table", full_table}, {"@many-threads", many_threads},
                {"@signals", signals},       {"@lies", lies}};

    setvbuf(stdout, NULL, _IOLBF, 0);
    if (!strncmp(argv[0], "@net-", 5))
        return scenario_net(argv);
    if (!strcmp(argv[0], "@race"))
        return race(argv);
    if (!strcmp(argv[0], "@bench"))
        return bench(argv);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(argv[0], rows[i].name) != 0)
            continue;
        rows[i].run();
        return wrong < 99 ? wrong : 99;
    }
    fprintf(stderr, "%s: no such scenario\n", argv[0]);
    return 100;
}
