/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The surroundings of a probe run: a directory of the host with secrets, the canaries' process (moat-probe plant, as
 * the caller), and a child that has all left open that a careless launcher might leave open. What the confined side
 * says is hostile: it is read up to a bound, and for a bounded time.
 */
#include "cli/probe_plant.h"
#include "base/clock.h"
#include "base/io.h"
#include "host/sys.h"

#include <fcntl.h>
#include <linux/keyctl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define FACTS_BYTES  (64u << 10)
#define OUTPUT_BYTES (1u << 20)
#define PLANT_MS     10000
#define RUN_MS       600000
#define LEFT_OPEN    20 /* first number of the descriptors that are left open */

static volatile sig_atomic_t asked_to_end;

static void note_end(int signo)
{
    asked_to_end = signo;
}

/* Reads to the end, or to an empty line where `line` is set. */
static ssize_t read_words(int fd, char *buf, size_t size, bool line, int ms)
{
    const int64_t until = clock_ms() + ms;
    size_t n = 0;

    while (n + 1 < size) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = until - clock_ms();
        if (left <= 0 || poll(&p, 1, (int)left) <= 0)
            return -ETIMEDOUT;
        ssize_t r = read(fd, buf + n, size - 1 - n);
        if (r < 0)
            return -errno;
        n += (size_t)r;
        buf[n] = '\0';
        if (r == 0 || (line && n >= 2 && !strcmp(buf + n - 2, "\n\n")))
            break;
    }
    return (ssize_t)n;
}

/* ---- the canaries ------------------------------------------------------------------------------------------- */

static int make_token(char *token, size_t size)
{
    unsigned char random[16];
    size_t n = (size_t)snprintf(token, size, "moat-canary-");

    if (getrandom(random, sizeof random, 0) != sizeof random)
        return -EIO;
    for (size_t i = 0; i < sizeof random && n + 2 < size; i++)
        n += (size_t)snprintf(token + n, size - n, "%02x", random[i]);
    return 0;
}

static int start_plant(const char *probe, struct canaries *c, int *output, struct err *err)
{
    int in[2], out[2];
    char canary[64];

    if (pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "pipe");
    snprintf(canary, sizeof canary, "canary=%s", c->token);
    c->pid = fork();
    if (c->pid == 0) {
        char environment[80], words[2][8] = {"probe", "plant"};
        snprintf(environment, sizeof environment, "MOAT_CANARY=%s", c->token);
        dup2(in[0], 0);
        dup2(out[1], 1);
        execve(probe, (char *[]){words[0], words[1], c->dir, canary, NULL}, (char *[]){environment, NULL});
        _exit(127);
    }
    close(in[0]);
    close(out[1]);
    c->input = in[1];
    *output = out[0];
    return c->pid < 0 ? err_sys(err, -errno, "fork") : 0;
}

int canaries_plant(struct arena *a, const char *probe, struct canaries *c, struct err *err)
{
    char *text = arena_alloc(a, FACTS_BYTES), *save = NULL;
    const char *tmp = getenv("TMPDIR");
    _cleanup_fd_ int output = -1;

    *c = (struct canaries){.input = -1};
    if (!text)
        return err_set(err, -ENOMEM, "out of memory");
    snprintf(c->dir, sizeof c->dir, "%.70s/moat-probe-XXXXXX", tmp && *tmp == '/' && strlen(tmp) < 70 ? tmp : "/tmp");
    if (!mkdtemp(c->dir)) {
        *c->dir = '\0';
        return err_sys(err, -errno, "cannot make a directory in %s", tmp && *tmp ? tmp : "/tmp");
    }
    /* only confinement stands before the canaries, not a mode */
    if (chmod(c->dir, 0777) < 0 || make_token(c->token, sizeof c->token) < 0)
        return err_sys(err, -errno, "%s", c->dir);
    int r = start_plant(probe, c, &output, err);
    if (r < 0)
        return r;
    ssize_t n = read_words(output, text, FACTS_BYTES, true, PLANT_MS);
    if (n < 2 || strcmp(text + n - 2, "\n\n"))
        return err_set(err, -EIO, "%s plant ended without its facts", probe);
    for (char *f = strtok_r(text, "\n", &save); f && c->n_facts < CANARY_FACTS; f = strtok_r(NULL, "\n", &save))
        c->facts[c->n_facts++] = f;
    return 0;
}

void canaries_remove(struct canaries *c)
{
    char path[112];

    if (c->input >= 0)
        close(c->input);
    if (c->pid > 0)
        while (waitpid(c->pid, NULL, 0) < 0 && errno == EINTR)
            ;
    snprintf(path, sizeof path, "%s/log", c->dir);
    if (*c->dir) {
        unlink(path);
        rmdir(c->dir);
    }
    *c = (struct canaries){.input = -1};
}

static const char *fact_of(const struct canaries *c, const char *name)
{
    const size_t n = strlen(name);

    for (size_t i = 0; i < c->n_facts; i++)
        if (!strncmp(c->facts[i], name, n) && c->facts[i][n] == '=')
            return c->facts[i] + n + 1;
    return "";
}

/* ---- the child ---------------------------------------------------------------------------------------------- */

struct streams {
    int master, slave, out, log;
};

static int memory_with(const char *token)
{
    int fd = (int)sys(SYS_memfd_create, "canary", 0);

    if (fd < 0 || ftruncate(fd, 4096) < 0 || io_write_all(fd, token, strlen(token)) < 0)
        return -1;
    return fd;
}

static int connected(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (strlen(path) >= sizeof a.sun_path)
        return -1;
    memcpy(a.sun_path, path, strlen(path));
    return connect(fd, (struct sockaddr *)&a, sizeof a) < 0 ? -1 : fd;
}

static void leave_open(const struct canaries *c, const char *probe)
{
    const int fds[] = {open(fact_of(c, "file"), O_RDONLY | O_CLOEXEC),
                       open(c->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC),
                       open(fact_of(c, "victim"), O_RDONLY | O_CLOEXEC),
                       memory_with(c->token),
                       connected(fact_of(c, "socket")),
                       open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC),
                       open(probe, O_RDONLY | O_CLOEXEC)};

    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        if (fds[i] >= 0)
            fcntl(fds[i], F_DUPFD, LEFT_OPEN); /* open across exec */
}

static _Noreturn void become(const struct canaries *c, const struct canary_run *run, const struct streams *s)
{
    sigset_t none;

    /* SIGKILL: whoever ends us has ended the run, and the sandbox dies with its launcher. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    signal(SIGPIPE, SIG_DFL);
    setsid();
    ioctl(s->slave, TIOCSCTTY, 0);
    tcsetpgrp(s->slave, getpid());
    if (sys(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) >= 0)
        sys(SYS_add_key, "user", "moat-canary", c->token, strlen(c->token), KEY_SPEC_SESSION_KEYRING);
    leave_open(c, run->probe);
    if (run->own_mounts && unshare(CLONE_NEWNS) == 0)
        mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL);
    if (dup2(s->slave, 0) < 0 || dup2(s->out, 1) < 0 || dup2(s->log, 2) < 0)
        _exit(125);
    execv(run->argv[0], (char *const *)run->argv);
    dprintf(2, "%s: %s\n", run->argv[0], strerror(errno));
    _exit(127);
}

/* A terminal that is the caller's as far as anybody inside can tell. */
static int open_streams(const struct canaries *c, struct streams *s, int *read_end, struct err *err)
{
    int n, unlock = 0, out[2];
    char path[112];

    s->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (s->master < 0 || ioctl(s->master, TIOCSPTLCK, &unlock) < 0 || ioctl(s->master, TIOCGPTN, &n) < 0)
        return err_sys(err, -errno, "cannot make a terminal: /dev/ptmx");
    snprintf(path, sizeof path, "/dev/pts/%d", n);
    if ((s->slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0)
        return err_sys(err, -errno, "cannot open the terminal %s", path);
    snprintf(path, sizeof path, "%s/log", c->dir);
    s->log = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    if (s->log < 0 || fchmod(s->log, 0666) < 0 || dprintf(s->log, "%s\n", c->token) < 0 || pipe2(out, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "%s", path);
    s->out = out[1];
    *read_end = out[0];
    return 0;
}

static void close_streams(struct streams *s)
{
    cleanup_fd(&s->master);
    cleanup_fd(&s->slave);
    cleanup_fd(&s->out);
    cleanup_fd(&s->log);
}

/* ---- its output --------------------------------------------------------------------------------------------- */

static int drain(int fd, char *buf, size_t *n)
{
    ssize_t r = read(fd, buf + *n, OUTPUT_BYTES - 1 - *n);

    if (r > 0)
        *n += (size_t)r;
    return r > 0 && *n < OUTPUT_BYTES - 1;
}

/* Until it has ended: something may hold the pipe longer than that. */
static int follow(pid_t pid, int fd, int master, char *buf, int *status, struct err *err)
{
    const int64_t until = clock_ms() + RUN_MS;
    char echo[256];
    size_t n = 0;
    bool ended = false, more = true;

    while (!ended) {
        struct pollfd p[] = {{.fd = more ? fd : -1, .events = POLLIN}, {.fd = master, .events = POLLIN}};
        if (asked_to_end || clock_ms() > until) {
            kill(pid, SIGTERM);
            for (int i = 0; i < 50 && waitpid(pid, status, WNOHANG) == 0; i++)
                poll(NULL, 0, 100);
            kill(pid, SIGKILL);
            while (waitpid(pid, status, 0) < 0 && errno == EINTR)
                ;
            return err_set(err, asked_to_end ? -EINTR : -ETIMEDOUT,
                           asked_to_end ? "interrupted" : "the probes did not come to an end");
        }
        poll(p, 2, 50);
        if (p[0].revents)
            more = drain(fd, buf, &n);
        if (p[1].revents && read(master, echo, sizeof echo) < 0)
            poll(NULL, 0, 10); /* hung up */
        ended = waitpid(pid, status, WNOHANG) == pid;
    }
    fcntl(fd, F_SETFL, O_NONBLOCK);
    while (more && drain(fd, buf, &n))
        ;
    return 0;
}

static void last_complaint(const struct canaries *c, char *out, size_t size)
{
    char path[112], text[4096];

    snprintf(path, sizeof path, "%s/log", c->dir);
    ssize_t n = io_read_small(AT_FDCWD, path, text, sizeof text);
    if (n <= 0)
        return;
    while (n && text[n - 1] == '\n')
        text[--n] = '\0';
    const char *last = strrchr(text, '\n');
    snprintf(out, size, "%s", last ? last + 1 : "");
}

int canaries_run(struct arena *a, const struct canaries *c, struct canary_run *run, struct err *err)
{
    static const int ends[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction act = {.sa_handler = note_end}, old[ARRAY_LEN(ends)];
    struct streams s = {-1, -1, -1, -1};
    _cleanup_fd_ int output = -1;

    run->output = arena_alloc(a, OUTPUT_BYTES);
    int r = run->output ? open_streams(c, &s, &output, err) : err_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        sigaction(ends[i], &act, &old[i]);
    pid_t pid = r < 0 ? -1 : fork();
    if (pid == 0)
        become(c, run, &s);
    if (r == 0 && pid < 0)
        r = err_sys(err, -errno, "fork");
    cleanup_fd(&s.out);
    s.out = -1;
    if (r == 0)
        r = follow(pid, output, s.master, run->output, &run->status, err);
    for (size_t i = 0; i < ARRAY_LEN(ends); i++)
        sigaction(ends[i], &old[i], NULL);
    close_streams(&s);
    last_complaint(c, run->complaint, sizeof run->complaint);
    return r;
}
