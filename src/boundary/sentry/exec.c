/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A further program in a running sentry. Its kernel makes the process; here it is asked for over engine.sock
 * (boundary/control.h), and a child of the caller's stands for it: it hands signals and the size of its terminal on,
 * and ends with its status. What the sentry answers is hostile and decides no more than that status and a sentence.
 */
#include "base/clock.h"
#include "base/io.h"
#include "base/mem.h"
#include "boundary/control.h"
#include "boundary/engine.h"
#include "boundary/sentry/sentry.h"
#include "boundary/sentry/words.h"
#include "host/clone.h"
#include "host/helper.h"
#include "host/unixsock.h"
#include "policy/list.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define ANSWER_MS 20000
#define LOST      255 /* the sentry has ended without a word */

struct wish {
    struct control_spawn spawn;
    struct strv env;
    const char *cwd;
    int words, streams[3], terminal; /* terminal: its side of the program; -1: none */
};

/* ---- what is asked for ------------------------------------------------------------------------------------------- */

/* The first program's environment, from the command line of moat-sentry, under what was asked for. */
static int find_environment(struct instance *inst, const struct process *pr, struct wish *w)
{
    const char *word, *value;
    uint32_t at = 0;
    int r = 0;

    while (r == 0 && (word = sentry_next_word(&inst->policy->process.argv, &at, &value)))
        if (!strcmp(word, "--env") && value)
            r = policy_env_set(inst->arena, &w->env, value);
    for (uint32_t i = 0; i < pr->env.n && r == 0; i++)
        r = policy_env_set(inst->arena, &w->env, pr->env.v[i]);
    return r;
}

/* "UID:GID[:GROUP...]" */
static void find_user(struct instance *inst, const struct process *pr, struct control_spawn *c)
{
    const char *text = sentry_word_value(&inst->policy->process.argv, "--user");
    char *end;

    if (inst->exec_user || !text) {
        c->uid = pr->user.uid, c->gid = pr->user.gid;
        for (; c->n_groups < pr->user.n_groups && c->n_groups < CONTROL_GROUPS; c->n_groups++)
            c->groups[c->n_groups] = pr->user.groups[c->n_groups];
        return;
    }
    c->uid = (uint32_t)strtoul(text, &end, 10);
    c->gid = *end == ':' ? (uint32_t)strtoul(end + 1, &end, 10) : 0;
    while (*end == ':' && c->n_groups < CONTROL_GROUPS)
        c->groups[c->n_groups++] = (uint32_t)strtoul(end + 1, &end, 10);
}

static int put_words(int fd, char *const *words, uint32_t n)
{
    int r = 0;

    for (uint32_t i = 0; i < n && r == 0; i++)
        r = io_write_all(fd, words[i], strlen(words[i]) + 1);
    return r;
}

static int make_words(const struct process *pr, struct wish *w, struct err *err)
{
    char *cwd = (char *)(uintptr_t)w->cwd;
    int r;

    w->words = (int)sys(SYS_memfd_create, "moat-words", MFD_CLOEXEC);
    if (w->words < 0)
        return err_sys(err, w->words, "memfd for the words of a program");
    if ((r = put_words(w->words, &cwd, 1)) < 0 || (r = put_words(w->words, pr->argv.v, pr->argv.n)) < 0 ||
        (r = put_words(w->words, w->env.v, w->env.n)) < 0)
        return err_sys(err, r, "write the words of a program");
    w->spawn.n_args = pr->argv.n;
    w->spawn.n_env = w->env.n;
    return 0;
}

/* A terminal of this host's whose line discipline does nothing: that is the kernel's inside. */
static int make_terminal(struct instance *inst, const struct process *pr, struct wish *w, struct err *err)
{
    const struct winsize size = {.ws_row = pr->rows, .ws_col = pr->cols};
    struct termios modes;
    char name[64];
    _cleanup_fd_ int master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    int unlock = 0;

    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0 || ptsname_r(master, name, sizeof name) ||
        (w->terminal = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC)) < 0 || tcgetattr(w->terminal, &modes) < 0)
        return err_sys(err, -errno, "a terminal for exec");
    cfmakeraw(&modes);
    if (tcsetattr(w->terminal, TCSANOW, &modes) < 0 || ioctl(w->terminal, TIOCSWINSZ, &size) < 0)
        return err_sys(err, -errno, "a terminal for exec");
    for (int i = 0; i < 3; i++)
        w->streams[i] = w->terminal;
    w->spawn.flags |= CONTROL_SPAWN_TERMINAL;
    w->spawn.rows = pr->rows, w->spawn.cols = pr->cols;
    int r = unixsock_send_fds(inst->console_socket, &master, 1, "", 1);
    return r < 0 ? err_sys(err, r, "hand the terminal over") : 0;
}

static int make_wish(struct instance *inst, const struct process *pr, struct wish *w, struct err *err)
{
    const char *cwd = sentry_word_value(&inst->policy->process.argv, "--cwd");

    w->cwd = pr->cwd != inst->policy->process.cwd ? pr->cwd : cwd ? cwd : "/";
    find_user(inst, pr, &w->spawn);
    if (!inst->die_with_launcher)
        w->spawn.flags |= CONTROL_SPAWN_DETACHED;
    if (find_environment(inst, pr, w) < 0)
        return err_set(err, -ENOMEM, "no memory for the environment");
    int r = make_words(pr, w, err);
    return r < 0 || !pr->terminal ? r : make_terminal(inst, pr, w, err);
}

/* ---- asking ------------------------------------------------------------------------------------------------------ */

static int ask(const struct instance *inst, int sock, const struct wish *w, struct err *err)
{
    static const char *const names[] = {"stdin", "stdout", "stderr"};
    int r = 0;

    for (int i = 0; i < 3 && r == 0; i++)
        r = engine_give(sock, names[i], w->streams[i], err);
    if (r == 0)
        r = engine_give(sock, "words", w->words, err);
    if (r < 0)
        return r;
    r = control_send(sock, CONTROL_SPAWN, 1, 0, &w->spawn, sizeof w->spawn, -1);
    return r < 0 ? err_sys(err, r, "sandbox %s: ask for a program", inst->id) : 0;
}

static int hear(const struct instance *inst, int sock, const char *program, struct err *err)
{
    struct control_record reply;
    char said[200];
    int r = helper_poll(sock, POLLIN, clock_ms() + ANSWER_MS);

    if (r == 0)
        return err_set(err, -ETIMEDOUT, "sandbox %s: its kernel did not answer within %d s", inst->id,
                       ANSWER_MS / 1000);
    if (r > 0)
        r = control_receive(sock, &reply, false);
    if (r == 0)
        return err_set(err, -EINVAL, "sandbox %s: it has just ended", inst->id);
    if (r < 0)
        return err_sys(err, r, "sandbox %s: exec", inst->id);
    cleanup_fd(&reply.fd);
    if (reply.header.type != (CONTROL_SPAWN | CONTROL_REPLY))
        return err_set(err, -EPROTO, "sandbox %s: its kernel gave another answer than asked for", inst->id);
    if (reply.header.code == 0)
        return 0;
    helper_printable(said, sizeof said, reply.payload, reply.header.length);
    const int code = reply.header.code < 0 && reply.header.code > -4096 ? reply.header.code : -EIO;
    if (!strncmp(said, "the working", 11))
        return err_set(err, -ENOTDIR, "exec: \"%s\": %s", program, said);
    if (code == -ENOENT || code == -ENOTDIR)
        return err_set(err, -ENOENT, "exec: \"%s\": executable file not found", program);
    if (code == -EACCES)
        return err_set(err, code, "exec: \"%s\": permission denied", program);
    return err_set(err, code, code == -ENOEXEC ? "exec: \"%s\": %s" : "exec %s: %s", program, said);
}

/* ---- the child that stands for it ---------------------------------------------------------------------------------
 */

static void hand_on(int sock, int terminal, int signo)
{
    const struct control_signal s = {.signo = signo};
    struct winsize size;

    if (signo == SIGWINCH && terminal >= 0 && ioctl(terminal, TIOCGWINSZ, &size) == 0) {
        const struct control_resize resize = {.rows = size.ws_row, .cols = size.ws_col};
        control_send(sock, CONTROL_RESIZE, 0, 0, &resize, sizeof resize, -1);
    } else if (signo != SIGCHLD && signo != SIGWINCH) {
        control_send(sock, CONTROL_SIGNAL, 0, 0, &s, sizeof s, -1);
    }
}

static int status_of(const struct control_record *r)
{
    struct control_end end;

    control_payload(r, &end, sizeof end);
    return r->header.type == (CONTROL_WAIT | CONTROL_REPLY) ? end.exit_code & 0xff : -1;
}

_Noreturn static void stand_for(int sock, int terminal, int signals)
{
    struct signalfd_siginfo info;
    struct control_record r;
    int n, status;

    for (;;) {
        struct pollfd fds[] = {{.fd = sock, .events = POLLIN}, {.fd = signals, .events = POLLIN}};
        if (poll(fds, 2, -1) < 0 && errno != EINTR)
            _exit(LOST);
        while (fds[1].revents && read(signals, &info, sizeof info) == sizeof info)
            hand_on(sock, terminal, (int)info.ssi_signo);
        if (!fds[0].revents)
            continue;
        if ((n = control_receive(sock, &r, false)) == -EAGAIN)
            continue;
        if (n <= 0)
            _exit(LOST);
        cleanup_fd(&r.fd);
        if ((status = status_of(&r)) >= 0)
            _exit(status);
    }
}

/* What others wait for the end of is not held open here. */
static void close_others(int a, int b, int c)
{
    const long most = sysconf(_SC_OPEN_MAX);

    for (int fd = 0; fd < most && fd < 4096; fd++)
        if (fd != a && fd != b && fd != c)
            close(fd);
}

/* In a session of its own, with its terminal where it has one: so changes of its size are heard. */
static pid_t begin_standing(const struct instance *inst, int sock, int terminal)
{
    const pid_t parent = getpid();
    sigset_t all;
    pid_t pid = fork();

    if (pid)
        return pid < 0 ? -errno : pid;
    sigfillset(&all);
    sigprocmask(SIG_SETMASK, &all, NULL);
    if (inst->die_with_launcher && (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent))
        _exit(LOST);
    setsid();
    if (terminal >= 0)
        ioctl(terminal, TIOCSCTTY, 0);
    const int signals = signalfd(-1, &all, SFD_NONBLOCK | SFD_CLOEXEC);
    if (signals < 0)
        _exit(LOST);
    close_others(sock, terminal, signals);
    stand_for(sock, terminal, signals);
}

int sentry_exec(struct instance *inst, const struct process *pr, struct err *err)
{
    struct wish w = {.words = -1, .streams = {0, 1, 2}, .terminal = -1};
    _cleanup_fd_ int sock = engine_connect(inst, ENGINE_SOCKET, err);
    int r = sock < 0 ? sock : make_wish(inst, pr, &w, err);

    if (r == 0 && (r = ask(inst, sock, &w, err)) == 0 && (r = hear(inst, sock, pr->argv.v[0], err)) == 0 &&
        inst->die_with_launcher && (inst->exec_pid = begin_standing(inst, sock, w.terminal)) < 0)
        r = err_sys(err, inst->exec_pid, "cannot make a process");
    cleanup_fd(&w.words);
    cleanup_fd(&w.terminal);
    return r;
}
