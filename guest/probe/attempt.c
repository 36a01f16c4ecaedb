/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts that rows of several classes share, and the words in which all of them say what they saw. */
#include "../child.h"
#include "probe.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <net/if.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

#define FACTS_MAX 64

/* ---- words -------------------------------------------------------------------------------------------------- */

static void __attribute__((format(printf, 3, 0))) say(struct seen *s, enum outcome outcome, const char *fmt, va_list ap)
{
    s->outcome = outcome;
    vsnprintf(s->text, sizeof s->text, fmt, ap);
    for (char *c = s->text; *c; c++)
        if (!isprint((unsigned char)*c))
            *c = '?';
}

void say_escaped(struct seen *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(s, ESCAPED, fmt, ap);
    va_end(ap);
}

void say_blocked(struct seen *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(s, BLOCKED, fmt, ap);
    va_end(ap);
}

void say_absent(struct seen *s, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    say(s, ABSENT, fmt, ap);
    va_end(ap);
}

const char *errno_name(int e)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {{EPERM, "EPERM"},   {ENOENT, "ENOENT"},  {ESRCH, "ESRCH"},   {EINTR, "EINTR"},   {EIO, "EIO"},
                 {ENXIO, "ENXIO"},   {EBADF, "EBADF"},    {EAGAIN, "EAGAIN"}, {ENOMEM, "ENOMEM"}, {EACCES, "EACCES"},
                 {EFAULT, "EFAULT"}, {EBUSY, "EBUSY"},    {EEXIST, "EEXIST"}, {EXDEV, "EXDEV"},   {ENODEV, "ENODEV"},
                 {EINVAL, "EINVAL"}, {ENOTTY, "ENOTTY"},  {EROFS, "EROFS"},   {ENOSYS, "ENOSYS"}, {ELOOP, "ELOOP"},
                 {ENOKEY, "ENOKEY"}, {ENOTDIR, "ENOTDIR"}};
    static char number[24];

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].number == e)
            return names[i].name;
    snprintf(number, sizeof number, "errno %d", e);
    return number;
}

void say_errno(struct seen *s, const char *what)
{
    int e = errno;

    if (e == ENOSYS || e == EAFNOSUPPORT || e == EPROTONOSUPPORT || e == ESOCKTNOSUPPORT || e == EOPNOTSUPP)
        say_absent(s, "%s: %s, not in this kernel", what, errno_name(e));
    else
        say_blocked(s, "%s: %s", what, errno_name(e));
}

void say_result(struct seen *s, long result, const char *evidence)
{
    if (result < 0)
        say_errno(s, "refused");
    else
        say_escaped(s, "%s", evidence);
}

void say_behind(struct seen *s, long result, const int *errors, const char *evidence)
{
    for (const int *e = errors; result < 0 && *e; e++)
        if (*e == errno) {
            say_escaped(s, "%s (%s, behind the check of rights)", evidence, errno_name(errno));
            return;
        }
    say_result(s, result, evidence);
}

void say_without(struct seen *s, int cap, const char *name)
{
    struct __user_cap_header_struct h = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct d[2] = {{0}};

    if (s->outcome == BLOCKED && syscall(SYS_capget, &h, d) == 0 && !(d[cap / 32].permitted >> (cap % 32) & 1))
        say_absent(s, "without %s", name);
}

bool kernel_is(char *out, size_t size)
{
    struct utsname u;

    return uname(&u) == 0 && snprintf(out, size, "%s %s", u.release, u.version) > 0;
}

bool kernel_boot(char *out, size_t size)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, out, size - 1);

    if (fd >= 0)
        close(fd);
    out[n > 0 ? n : 0] = '\0';
    out[strcspn(out, "\n")] = '\0';
    return n > 0;
}

/* Of the same version it may be another one all the same. Who does not see when it began goes by that alone. */
bool has_own_kernel(void)
{
    char is[sizeof(struct utsname)];

    if (fact("kernel") && kernel_is(is, sizeof is) && strcmp(is, fact("kernel")) != 0)
        return true;
    return fact("boot") && kernel_boot(is, sizeof is) && strcmp(is, fact("boot")) != 0;
}

void say_own_kernel(struct seen *s)
{
    char saw[sizeof s->text];

    if (s->outcome != ESCAPED || !has_own_kernel())
        return;
    memcpy(saw, s->text, sizeof saw);
    say_blocked(s, "by a kernel of its own: %s", saw);
}

/* ---- facts -------------------------------------------------------------------------------------------------- */

static struct {
    const char *name, *value;
} facts[FACTS_MAX];
static size_t n_facts;

bool facts_add(char *word)
{
    char *equals = strchr(word, '=');

    if (!equals || n_facts == FACTS_MAX)
        return false;
    *equals = '\0';
    facts[n_facts].name = word;
    facts[n_facts++].value = equals + 1;
    return true;
}

const char *fact(const char *name)
{
    for (size_t i = 0; i < n_facts; i++)
        if (!strcmp(facts[i].name, name))
            return facts[i].value;
    return NULL;
}

const char *need_fact(const char *name, struct seen *s)
{
    const char *v = fact(name);

    if (!v)
        say_absent(s, "the host has none: no fact '%s'", name);
    return v;
}

long fact_number(const char *name)
{
    const char *v = fact(name);

    return v ? strtol(v, NULL, 0) : 0;
}

pid_t outside_pid(struct seen *s)
{
    char path[64], comm[32] = "";

    if (!need_fact("pid", s))
        return 0;
    pid_t pid = (pid_t)fact_number("pid");
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, comm, sizeof comm - 1);
    if (fd >= 0)
        close(fd);
    if (n > 0 && strcmp(comm, "moat-canary\n")) {
        say_blocked(s, "process %d is another's here", pid);
        return 0;
    }
    return pid;
}

/* ---- reading ------------------------------------------------------------------------------------------------ */

bool show_fd(struct seen *s, int fd, const char *where)
{
    char buf[96];
    ssize_t n = read(fd, buf, sizeof buf - 1);

    if (n <= 0) {
        if (n == 0)
            errno = ENODATA;
        return false;
    }
    buf[n] = '\0';
    buf[strcspn(buf, "\n")] = '\0';
    say_escaped(s, "read '%.80s' from %s", buf, where);
    return true;
}

bool show_file(struct seen *s, int dir, const char *path)
{
    int fd = openat(dir, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return false;
    bool shown = show_fd(s, fd, path);
    int e = errno;
    close(fd);
    errno = e;
    return shown;
}

bool show_secret_from(struct seen *s, int dir)
{
    const char *file = fact("file"), *name = file ? strrchr(file, '/') : NULL;
    char path[512];

    if (!name)
        return errno = ENOENT, false;
    if (show_file(s, dir, name + 1))
        return true;
    snprintf(path, sizeof path, "../../../../../../../../../../../..%s", file);
    return show_file(s, dir, path);
}

static bool in_kernel(const char *path, struct seen *s)
{
    struct stat st;

    if (lstat(path, &st) == 0 || (errno != ENOENT && errno != ENOTDIR))
        return true;
    say_absent(s, "no %s", path);
    return false;
}

void attempt_open(const struct probe *p, struct seen *s)
{
    static const char *const how[] = {"reading", "writing", "both", "both"};

    if (!in_kernel(p->arg, s))
        return;
    int fd = open(p->arg, (int)p->number | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 && (errno == ENXIO || errno == ENODEV))
        say_absent(s, "no device behind %s", p->arg);
    else if (fd < 0)
        say_errno(s, "open");
    else
        say_escaped(s, "opened %s for %s", p->arg, how[p->number & O_ACCMODE]);
    if (fd >= 0)
        close(fd);
}

void attempt_read(const struct probe *p, struct seen *s)
{
    if (in_kernel(p->arg, s) && !show_file(s, AT_FDCWD, p->arg))
        say_errno(s, "read");
}

void attempt_read_fact(const struct probe *p, struct seen *s)
{
    const char *path = need_fact(p->arg, s);

    if (path && !show_file(s, AT_FDCWD, path))
        say_errno(s, "open");
}

/* ---- calls -------------------------------------------------------------------------------------------------- */

void attempt_call(const struct probe *p, struct seen *s)
{
    long r = syscall(p->number, p->second, 0, 0, 0, 0, 0);

    say_behind(s, r, BEHIND(EINVAL, EFAULT, EBADF, ENOENT, ENOEXEC, ENODEV, ENOTBLK),
               "the call looked at its arguments");
}

void attempt_socket(const struct probe *p, struct seen *s)
{
    int fd = socket((int)p->number, (int)p->second | SOCK_CLOEXEC, 0);

    if (fd < 0)
        say_errno(s, "socket");
    else
        say_escaped(s, "a socket of family %ld", p->number);
    if (fd >= 0)
        close(fd);
}

void host_link(struct seen *s, int fd)
{
    const char *name = need_fact("link", s);
    struct ifreq r = {0};

    if (!name)
        return;
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    if (fd < 0)
        return say_errno(s, "socket");
    if (ioctl(fd, SIOCGIFINDEX, &r) < 0)
        return say_blocked(s, "a socket, and no %s of the host", name);
    say_escaped(s, "a socket on the host's %s", name);
}

/* ---- surroundings ------------------------------------------------------------------------------------------- */

static char scratch[64]; /* "": none */

const char *scratch_dir(struct seen *s)
{
    static const char *const places[] = {"/tmp", "/var/tmp", "/dev/shm", "."};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        snprintf(scratch, sizeof scratch, "%s/moat-attempt-XXXXXX", places[i]);
        if (mkdtemp(scratch))
            return scratch;
    }
    scratch[0] = '\0';
    say_blocked(s, "no directory can be written: %s", errno_name(errno));
    return NULL;
}

void scratch_drop(void)
{
    if (scratch[0])
        rmdir(scratch);
    scratch[0] = '\0';
}

struct reported {
    int (*f)(void *);
    void *ctx;
    int to;
};

static int report(void *ctx)
{
    const struct reported *r = ctx;
    int result = r->f(r->ctx);

    return write(r->to, &result, sizeof result) == sizeof result ? 0 : 1;
}

int in_child(int (*f)(void *), void *ctx)
{
    int status, result = -EIO, pipe_fd[2];

    if (pipe(pipe_fd) < 0)
        return -errno;
    pid_t pid = child_begin(report, &(struct reported){f, ctx, pipe_fd[1]});
    if (pid < 0)
        result = -errno;
    close(pipe_fd[1]);
    if (pid > 0 && read(pipe_fd[0], &result, sizeof result) != sizeof result)
        result = -ENOSYS;
    close(pipe_fd[0]);
    if (pid > 0)
        waitpid(pid, &status, 0);
    return result;
}

int own_terminal(int *master)
{
    int n, unlock = 0;
    char name[32];

    *master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (*master < 0 || ioctl(*master, TIOCSPTLCK, &unlock) < 0 || ioctl(*master, TIOCGPTN, &n) < 0)
        return -errno;
    snprintf(name, sizeof name, "/dev/pts/%d", n);
    setsid();
    int fd = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (fd < 0 || ioctl(fd, TIOCSCTTY, 0) < 0)
        return -errno;
    return fd;
}
