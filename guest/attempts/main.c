/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-attempts: attempts at what a policy grants, each named by the command line. It judges nothing and undoes nothing
 * but what its row says; it prints one line and ends with the status of its word. `each` takes many attempts from
 * standard input, each in a process of its own. Trust: the command line is the test's; what is read is printed as
 * printable ASCII, at most 60 bytes of it.
 */
#include "attempts.h"

#include "../child.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define SECONDS_EACH 10 /* an attempt of `each` that takes longer was not answered */
#define RECORDS_MAX  (1 << 20)
#define ARGS_MAX     64
#define WORDS_MAX    512

static const struct attempt *const tables[] = {file_attempts, process_attempts, limit_attempts, net_attempts};

/* ---- words ---------------------------------------------------------------------------------------------------- */

static __attribute__((format(printf, 4, 0))) int say(enum verdict v, const char *word, const char *detail,
                                                     const char *fmt, va_list ap)
{
    printf("%s: %s%s", word, detail, *detail ? " " : "");
    vprintf(fmt, ap);
    putchar('\n');
    fflush(stdout);
    return v;
}

#define SAY(v, word, detail)                                                                                           \
    do {                                                                                                               \
        va_list ap;                                                                                                    \
        va_start(ap, fmt);                                                                                             \
        int r = say(v, word, detail, fmt, ap);                                                                         \
        va_end(ap);                                                                                                    \
        return r;                                                                                                      \
    } while (0)

int done(const char *fmt, ...)
{
    SAY(DONE, "done", "");
}

int refused(const char *fmt, ...)
{
    const char *name = errno_name(errno);

    SAY(REFUSED, "refused", name);
}

int refused_as(const char *word, const char *fmt, ...)
{
    SAY(REFUSED, "refused", word);
}

int untried(const char *fmt, ...)
{
    SAY(UNTRIED, "untried", "");
}

int hollow(const char *fmt, ...)
{
    SAY(HOLLOW, "hollow", "");
}

const char *errno_name(int e)
{
#define E(name)                                                                                                        \
    {                                                                                                                  \
        name, #name                                                                                                    \
    }
    static const struct {
        int number;
        const char *name;
    } names[] = {E(EPERM),        E(ENOENT),       E(ESRCH),           E(EINTR),      E(EIO),           E(ENXIO),
                 E(E2BIG),        E(ENOEXEC),      E(EBADF),           E(ECHILD),     E(EAGAIN),        E(ENOMEM),
                 E(EACCES),       E(EFAULT),       E(EBUSY),           E(EEXIST),     E(EXDEV),         E(ENODEV),
                 E(ENOTDIR),      E(EISDIR),       E(EINVAL),          E(ENFILE),     E(EMFILE),        E(ENOTTY),
                 E(ETXTBSY),      E(EFBIG),        E(ENOSPC),          E(ESPIPE),     E(EROFS),         E(EMLINK),
                 E(EPIPE),        E(ENAMETOOLONG), E(ENOSYS),          E(ENOTEMPTY),  E(ELOOP),         E(EPROTO),
                 E(EOPNOTSUPP),   E(EAFNOSUPPORT), E(EPROTONOSUPPORT), E(EADDRINUSE), E(EADDRNOTAVAIL), E(ENETDOWN),
                 E(ENETUNREACH),  E(ECONNRESET),   E(ENOTCONN),        E(ETIMEDOUT),  E(ECONNREFUSED),  E(EHOSTDOWN),
                 E(EHOSTUNREACH), E(EDQUOT)};
#undef E
    static char text[24];

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].number == e)
            return names[i].name;
    snprintf(text, sizeof text, "errno-%d", e);
    return text;
}

const char *shown(const char *text, size_t n)
{
    static char out[61];
    size_t i = 0;

    for (; i < n && i < sizeof out - 1 && text[i] && text[i] != '\n'; i++)
        out[i] = isprint((unsigned char)text[i]) ? text[i] : '?';
    out[i] = '\0';
    return out;
}

bool number(const char *text, long *out)
{
    static const char units[] = "kmg";
    char *end;

    errno = 0;
    *out = strtol(text, &end, 10);
    const char *u = *end ? strchr(units, *end) : NULL;
    if (end == text || errno || (*end && (!u || end[1])))
        return false;
    return !u || !__builtin_mul_overflow(*out, 1L << (10 * (u - units + 1)), out);
}

long read_small(const char *path, char *buf, size_t size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    size_t n = 0;
    ssize_t r = 1;

    while (fd >= 0 && n < size - 1 && (r = read(fd, buf + n, size - 1 - n)) > 0)
        n += (size_t)r;
    buf[fd < 0 ? 0 : n] = '\0';
    if (fd >= 0)
        close(fd);
    return fd < 0 || r < 0 ? -1 : (long)n;
}

/* ---- one attempt ---------------------------------------------------------------------------------------------- */

static const struct attempt *find(const char *name)
{
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const struct attempt *a = tables[t]; a->name; a++)
            if (!strcmp(a->name, name))
                return a;
    return NULL;
}

static void count_args(const char *args, int *least, int *most)
{
    *least = *most = 0;
    for (const char *c = args; *c; c += strspn(c, " ")) {
        size_t n = strcspn(c, " ");
        *least += *c != '[';
        *most += n > 3 && strstr(c, "...") && strstr(c, "...") < c + n ? ARGS_MAX : 1;
        c += n;
    }
}

static int attempt(char **argv, int argc)
{
    const struct attempt *a = argc ? find(argv[0]) : NULL;
    int least, most;

    if (!a) {
        fprintf(stderr, "moat-attempts: no attempt is called '%s': `moat-attempts names` shows them\n",
                argc ? argv[0] : "");
        return USAGE;
    }
    count_args(a->args, &least, &most);
    if (argc - 1 < least || argc - 1 > most) {
        fprintf(stderr, "moat-attempts: %s takes: %s\n", a->name, *a->args ? a->args : "no argument");
        return USAGE;
    }
    return a->run(argv + 1, argc - 1);
}

static int names(void)
{
    for (size_t t = 0; t < ARRAY_LEN(tables); t++)
        for (const struct attempt *a = tables[t]; a->name; a++)
            printf("%s\t%s\t%s\n", a->name, a->args, a->what);
    return fflush(stdout) ? 1 : 0;
}

/* ---- many ----------------------------------------------------------------------------------------------------- */

struct one {
    char **argv;
    int argc, from, to; /* ends of a pipe: the first is not its own */
};

static int attempt_here(void *ctx)
{
    const struct one *one = ctx;

    dup2(one->to, 1);
    close(one->from);
    close(one->to);
    alarm(SECONDS_EACH);
    return attempt(one->argv, one->argc);
}

/* One line for each: "INDEX\tSTATUS\tLINE"; of an attempt that a signal ended 128 + its number, and no line. */
static void one_of_many(unsigned index, char **argv, int argc)
{
    char line[WORDS_MAX] = "";
    int fds[2], status = USAGE << 8;
    ssize_t n;

    fflush(stdout);
    if (pipe(fds) < 0)
        return;
    pid_t pid = child_begin(attempt_here, &(struct one){argv, argc, fds[0], fds[1]});
    close(fds[1]);
    size_t used = 0;
    while (pid > 0 && used < sizeof line - 1 && (n = read(fds[0], line + used, sizeof line - 1 - used)) > 0)
        used += (size_t)n;
    close(fds[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    line[strcspn(line, "\t\r\n")] = '\0';
    printf("%u\t%d\t%s\n", index, WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status), line);
}

/* Standard input: the words of an attempt, each ended by NUL, an empty word behind them; and so on. */
static int each(void)
{
    static char records[RECORDS_MAX];
    char *argv[ARGS_MAX];
    size_t n = 0;
    ssize_t r;
    unsigned index = 0;
    int argc = 0;

    while (n < RECORDS_MAX && (r = read(0, records + n, RECORDS_MAX - n)) > 0)
        n += (size_t)r;
    if (n == RECORDS_MAX || (n && records[n - 1]))
        return USAGE;
    for (char *c = records; c < records + n; c += strlen(c) + 1) {
        if (*c && argc < ARGS_MAX - 1) {
            argv[argc++] = c;
            continue;
        }
        argv[argc] = NULL;
        one_of_many(index++, argv, argc);
        argc = 0;
    }
    return fflush(stdout) ? 1 : 0;
}

int main(int argc, char **argv)
{
    const char *command = argc > 1 ? argv[1] : "";

    setvbuf(stdout, NULL, _IOLBF, 0);
    signal(SIGPIPE, SIG_IGN);
    if (!strcmp(command, WITNESS)) {
        puts(WITNESS);
        return fflush(stdout) ? 1 : 0;
    }
    if (!strcmp(command, "names"))
        return names();
    if (!strcmp(command, "each"))
        return each();
    if (!strcmp(command, "serve"))
        return serve(argv + 2, argc - 2);
    return attempt(argv + 1, argc - 1);
}
