/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The attempts of guest/attempts for WASI: the same names, arguments, words and exit statuses, by the C library as an
 * ordinary program uses it. It judges nothing. What WASI has no call for is not here; tests/policy/wasm/cannot says
 * why. It changes what its arguments name, and nothing else.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <wasi/api.h>

#define TEXT          "moat-attempt"
#define ARRAY_LEN(a)  (sizeof(a) / sizeof *(a))
#define ATTEMPT(name) static int name(int argc, char **argv)

enum verdict { DONE, REFUSED, UNTRIED, HOLLOW, USAGE = 64 };

/* ---- words ---------------------------------------------------------------------------------------------------- */

static const char *errno_name(int e)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{EPERM, "EPERM"},   {ENOENT, "ENOENT"}, {EACCES, "EACCES"},   {EBUSY, "EBUSY"},
                 {EEXIST, "EEXIST"}, {EXDEV, "EXDEV"},   {EROFS, "EROFS"},     {ENOSPC, "ENOSPC"},
                 {EFBIG, "EFBIG"},   {EMFILE, "EMFILE"}, {ENOMEM, "ENOMEM"},   {ENOTCAPABLE, "ENOTCAPABLE"},
                 {EBADF, "EBADF"},   {ELOOP, "ELOOP"},   {ENOTDIR, "ENOTDIR"}, {EISDIR, "EISDIR"}};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].number == e)
            return names[i].name;
    return "OTHER";
}

static int say(enum verdict v, const char *word, const char *fmt, ...)
{
    va_list ap;

    printf("%s: ", word);
    va_start(ap, fmt);
    vprintf(fmt, ap);
    va_end(ap);
    putchar('\n');
    fflush(stdout);
    return v;
}

#define done(...)   say(DONE, "done", __VA_ARGS__)
#define hollow(...) say(HOLLOW, "hollow", __VA_ARGS__)

static int refused(const char *what)
{
    return say(REFUSED, "refused", "%s %s", errno_name(errno), what);
}

static long number(const char *text)
{
    char *end;
    long n = strtol(text, &end, 10);

    return n << (*end == 'k' ? 10 : *end == 'm' ? 20 : *end == 'g' ? 30 : 0);
}

/* ---- contents --------------------------------------------------------------------------------------------------- */

ATTEMPT(attempt_read)
{
    char buf[4096];
    int fd = open(argv[0], O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);

    if (n < 0)
        return refused(argv[0]);
    close(fd);
    buf[n] = 0;
    buf[strcspn(buf, "\n")] = 0;
    return argc > 1 ? done("%zd bytes", n) : done("%zd bytes: %.60s", n, buf);
}

ATTEMPT(attempt_list)
{
    DIR *d = opendir(argv[0]);
    int n = 0;

    (void)argc;
    if (!d)
        return refused(argv[0]);
    errno = 0;
    while (readdir(d))
        n++;
    if (errno)
        return refused(argv[0]);
    closedir(d);
    return done("%d names", n);
}

ATTEMPT(attempt_stat)
{
    struct stat st;

    (void)argc;
    return lstat(argv[0], &st) < 0 ? refused(argv[0]) : done("%lld bytes", (long long)st.st_size);
}

ATTEMPT(attempt_open)
{
    const char *how = argc > 1 ? argv[1] : "r";
    int fd = open(argv[0], !strcmp(how, "r") ? O_RDONLY : !strcmp(how, "w") ? O_WRONLY : O_RDWR);

    if (fd < 0)
        return refused(argv[0]);
    close(fd);
    return done("%s for %s", argv[0], how);
}

static int put(int argc, char **argv, int flags)
{
    const char *text = argc > 1 ? argv[1] : TEXT;
    int fd = open(argv[0], O_WRONLY | flags, 0666);
    struct stat st;

    if (fd < 0)
        return refused(argv[0]);
    if (flags & O_TRUNC && (fstat(fd, &st) < 0 || st.st_size))
        return hollow("%s is not empty after O_TRUNC", argv[0]);
    ssize_t n = write(fd, text, strlen(text));
    if (n < 0 || close(fd) < 0)
        return refused(argv[0]);
    return stat(argv[0], &st) == 0 && st.st_size >= n ? done("%zd bytes written", n)
                                                      : hollow("what was written to %s is not in it", argv[0]);
}

ATTEMPT(attempt_write)
{
    return put(argc, argv, 0);
}

ATTEMPT(attempt_append)
{
    return put(argc, argv, O_APPEND);
}

ATTEMPT(attempt_overwrite)
{
    return put(argc, argv, O_TRUNC);
}

ATTEMPT(attempt_create)
{
    return put(argc, argv, O_CREAT | O_EXCL);
}

ATTEMPT(attempt_truncate)
{
    struct stat st;
    int fd = open(argv[0], O_WRONLY);

    (void)argc;
    if (fd < 0 || ftruncate(fd, 0) < 0)
        return refused(argv[0]);
    close(fd);
    return stat(argv[0], &st) == 0 && st.st_size == 0 ? done("0 bytes are left") : hollow("%s has bytes", argv[0]);
}

ATTEMPT(attempt_fill)
{
    static char block[4096];
    long want = number(argv[1]), n = 0;
    int fd = open(argv[0], O_WRONLY | O_CREAT | O_EXCL, 0666);

    (void)argc;
    if (fd < 0)
        return refused(argv[0]);
    while (n < want) {
        ssize_t w = write(fd, block, sizeof block);
        if (w < 0) {
            int status = refused(argv[0]);
            unlink(argv[0]);
            return status;
        }
        n += w;
    }
    unlink(argv[0]);
    return done("%ld bytes", n);
}

ATTEMPT(attempt_file_size)
{
    int fd = open(argv[0], O_WRONLY | O_CREAT, 0666);
    ssize_t n = fd < 0 ? -1 : pwrite(fd, "", 1, number(argv[1]) - 1);
    int status = n == 1 ? done("a file of %s bytes", argv[1]) : refused(argv[0]);

    (void)argc;
    unlink(argv[0]);
    return status;
}

/* ---- names ------------------------------------------------------------------------------------------------------ */

static int is_there(const char *path)
{
    struct stat st;

    return lstat(path, &st) == 0;
}

ATTEMPT(attempt_mkdir)
{
    (void)argc;
    return mkdir(argv[0], 0777) < 0 ? refused(argv[0]) : is_there(argv[0]) ? done("made") : hollow("%s", argv[0]);
}

ATTEMPT(attempt_rename)
{
    (void)argc;
    if (rename(argv[0], argv[1]) < 0)
        return refused(argv[0]);
    return is_there(argv[1]) && !is_there(argv[0]) ? done("renamed") : hollow("%s is not renamed", argv[0]);
}

ATTEMPT(attempt_read_renamed)
{
    if (rename(argv[0], argv[1]) < 0)
        return refused(argv[0]);
    int status = attempt_read(argc - 2, argv + 2);
    rename(argv[1], argv[0]);
    return status;
}

ATTEMPT(attempt_unlink)
{
    (void)argc;
    return unlink(argv[0]) < 0 ? refused(argv[0]) : is_there(argv[0]) ? hollow("%s", argv[0]) : done("removed");
}

ATTEMPT(attempt_rmdir)
{
    (void)argc;
    return rmdir(argv[0]) < 0 ? refused(argv[0]) : is_there(argv[0]) ? hollow("%s", argv[0]) : done("removed");
}

ATTEMPT(attempt_symlink)
{
    (void)argc;
    return symlink(argv[0], argv[1]) < 0 ? refused(argv[1]) : is_there(argv[1]) ? done("made") : hollow("%s", argv[1]);
}

ATTEMPT(attempt_link)
{
    (void)argc;
    return link(argv[0], argv[1]) < 0 ? refused(argv[1]) : is_there(argv[1]) ? done("made") : hollow("%s", argv[1]);
}

/* ---- the process ------------------------------------------------------------------------------------------------ */

ATTEMPT(attempt_environment)
{
    const char *v = getenv(argv[0]);

    if (!v)
        return say(REFUSED, "refused", "ENOENT %s is not in the environment", argv[0]);
    return argc > 1 && strcmp(v, argv[1]) != 0 ? say(REFUSED, "refused", "OTHER %s is %s", argv[0], v)
                                               : done("%s is %s", argv[0], v);
}

ATTEMPT(attempt_wait)
{
    struct timespec ts = {number(argv[0]) / 1000, number(argv[0]) % 1000 * 1000000};

    (void)argc;
    return nanosleep(&ts, NULL) < 0 ? refused(argv[0]) : done("%s ms", argv[0]);
}

/* Of the process: the C library has no clock() without a library more. */
static uint64_t used_ms(void)
{
    __wasi_timestamp_t t = 0;

    __wasi_clock_time_get(__WASI_CLOCKID_PROCESS_CPUTIME_ID, 1000, &t);
    return t / 1000000;
}

ATTEMPT(attempt_burn)
{
    const uint64_t want = (uint64_t)number(argv[0]);

    (void)argc;
    while (used_ms() < want)
        for (volatile int i = 0; i < 100000; i++)
            ;
    return done("%s ms of processor time", argv[0]);
}

ATTEMPT(attempt_idle)
{
    attempt_burn(argc, argv);
    return attempt_wait(1, (char *[]){(char *)"30000"});
}

ATTEMPT(attempt_descriptors)
{
    long n = 0;

    (void)argc;
    for (; n < number(argv[0]); n++)
        if (open("/", O_RDONLY | O_DIRECTORY) < 0)
            return refused("one more");
    return done("%ld made", n);
}

ATTEMPT(attempt_memory)
{
    size_t n = (size_t)number(argv[0]);
    volatile char *p = malloc(n);

    (void)argc;
    if (!p)
        return refused(argv[0]);
    for (size_t i = 0; i < n; i += 4096)
        p[i] = 1;
    return done("%zu bytes", n);
}

/* ---- the table -------------------------------------------------------------------------------------------------- */

static const struct {
    const char *name;
    int (*make)(int argc, char **argv);
    int least;
} attempts[] = {
    {"read", attempt_read, 1},
    {"list", attempt_list, 1},
    {"stat", attempt_stat, 1},
    {"open", attempt_open, 1},
    {"write", attempt_write, 1},
    {"append", attempt_append, 1},
    {"overwrite", attempt_overwrite, 1},
    {"truncate", attempt_truncate, 1},
    {"create", attempt_create, 1},
    {"fill", attempt_fill, 2},
    {"file-size", attempt_file_size, 2},
    {"mkdir", attempt_mkdir, 1},
    {"rename", attempt_rename, 2},
    {"read-renamed", attempt_read_renamed, 3},
    {"unlink", attempt_unlink, 1},
    {"rmdir", attempt_rmdir, 1},
    {"symlink", attempt_symlink, 2},
    {"link", attempt_link, 2},
    {"environment", attempt_environment, 1},
    {"wait", attempt_wait, 1},
    {"burn", attempt_burn, 1},
    {"idle", attempt_idle, 1},
    {"descriptors", attempt_descriptors, 1},
    {"memory", attempt_memory, 1},
};

int main(int argc, char **argv)
{
    for (size_t i = 0; argc > 1 && i < ARRAY_LEN(attempts); i++)
        if (!strcmp(argv[1], attempts[i].name) && argc - 2 >= attempts[i].least)
            return attempts[i].make(argc - 2, argv + 2);
    fprintf(stderr, "no attempt of that name, or words are missing\n");
    return USAGE;
}
