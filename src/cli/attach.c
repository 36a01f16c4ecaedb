/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Following a sandbox: signals, our input, its log and its end in one poll(2). Single-threaded. Trust: bytes of the
 * workload go to our output as they are, as with every terminal.
 */
#include "cli/attach.h"

#include "base/io.h"
#include "cli/command.h"
#include "sandbox/console.h"
#include "sandbox/monitor.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#define KEYS_MAX     16
#define ASKED_MOST   3    /* as docker */
#define RECONNECT_MS 3000 /* a monitor that was killed is made anew meanwhile */

struct session {
    struct sandbox *sb;
    struct attach *a;
    int signals, changes;        /* signalfd, inotify; owned */
    int wait, ask;               /* connections to the monitor; owned; -1 */
    int input;                   /* where our input goes; owned; -1; never waited for: what reads it may not */
    char typed[4096 + KEYS_MAX]; /* on its way there */
    size_t typed_at, typed_len;
    bool closing; /* when that is gone, our input ends */
    unsigned char keys[KEYS_MAX];
    unsigned n_keys, matched;
    struct termios saved;
    unsigned asked; /* to end, by signals passed on */
    bool raw, ended, have_end;
    int status;
};

/* ---- detach keys -------------------------------------------------------------------------------------------- */

static int one_key(const char *word, size_t len)
{
    if (len == 1)
        return (unsigned char)word[0];
    if (len == 6 && !strncmp(word, "ctrl-", 5)) {
        char c = word[5];
        if (c >= 'a' && c <= 'z')
            return c - 'a' + 1;
        if (c >= '@' && c <= '_')
            return c - '@';
    }
    return -EINVAL;
}

static int keys_parse(const char *text, struct session *s, struct err *err)
{
    if (!text)
        text = "ctrl-p,ctrl-q";
    for (const char *c = text; *c;) {
        size_t len = strcspn(c, ",");
        int key = one_key(c, len);
        if (key < 0 || s->n_keys == KEYS_MAX)
            return err_set(err, -EINVAL, "--detach-keys %s: single characters or ctrl-X, with commas between", text);
        s->keys[s->n_keys++] = (unsigned char)key;
        c += len + (c[len] == ',');
    }
    return 0;
}

/* Takes the keys out of what was typed: what only began like them goes on. The bytes to pass on; *left: typed whole. */
static size_t keys_filter(struct session *s, const char *in, size_t n, char *out, bool *left)
{
    size_t to = 0;

    *left = false;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)in[i];
        if (s->n_keys && c == s->keys[s->matched]) {
            if (++s->matched == s->n_keys) {
                *left = true;
                return to;
            }
            continue;
        }
        for (unsigned k = 0; k < s->matched; k++)
            out[to++] = (char)s->keys[k];
        s->matched = 0;
        if (s->n_keys && c == s->keys[0])
            s->matched = 1;
        else
            out[to++] = (char)c;
    }
    return to;
}

/* ---- our terminal ------------------------------------------------------------------------------------------- */

static void raw_on(struct session *s)
{
    struct termios t;

    /* Modes of ours that are in force are not what is to be restored; in the background the terminal is the shell's. */
    if (!s->a->terminal || !s->a->input || tcgetpgrp(0) != getpgrp() || (!s->raw && tcgetattr(0, &s->saved) < 0))
        return;
    t = s->saved;
    cfmakeraw(&t);
    s->raw = tcsetattr(0, TCSADRAIN, &t) == 0;
}

static void raw_off(struct session *s)
{
    if (s->raw && tcgetpgrp(0) == getpgrp())
        tcsetattr(0, TCSADRAIN, &s->saved);
    s->raw = false;
}

static int ask(struct session *s, uint16_t type, const void *payload, size_t n, struct control_record *reply)
{
    struct err ignored = {0};

    for (int i = 0; i < 2; i++) { /* once more on a new connection: the monitor may have been made anew */
        if (s->ask < 0 && (s->ask = monitor_connect(s->sb, &ignored)) < 0)
            return s->ask;
        int r = monitor_ask(s->ask, type, payload, n, reply, &ignored);
        if (r != -ECONNRESET && r != -EPIPE)
            return r;
        close(s->ask);
        s->ask = -1;
    }
    return -ECONNRESET;
}

static void window_size(struct session *s)
{
    struct control_record reply;
    struct winsize ws;

    if (!s->a->terminal || (ioctl(1, TIOCGWINSZ, &ws) < 0 && ioctl(0, TIOCGWINSZ, &ws) < 0))
        return;
    struct control_resize size = {ws.ws_row, ws.ws_col};
    ask(s, CONTROL_RESIZE, &size, sizeof size, &reply);
}

/* Another size, and then ours: who draws draws anew, which one of the same size would not be told. */
static void draw_anew(struct session *s)
{
    struct control_record reply;
    struct winsize ws;

    if (!s->a->terminal || (ioctl(1, TIOCGWINSZ, &ws) < 0 && ioctl(0, TIOCGWINSZ, &ws) < 0) || !ws.ws_row)
        return;
    struct control_resize size = {(uint16_t)(ws.ws_row + 1), ws.ws_col};
    ask(s, CONTROL_RESIZE, &size, sizeof size, &reply);
}

/* ---- its output --------------------------------------------------------------------------------------------- */

static int write_log(struct session *s, struct err *err)
{
    static char buf[65536];
    struct log_piece piece;
    int r = 0;

    if (s->a->log.fd < 0 && log_reader_open(&s->a->log, s->a->dir_fd, &(struct err){0}) < 0)
        return 0; /* nothing yet */
    while ((r = log_read(&s->a->log, buf, sizeof buf, &piece, err)) > 0) {
        if (piece.lost)
            fprintf(stderr, "moat: some output was lost here (%s)\n",
                    piece.lost == UINT64_MAX ? "the log was rotated" : "the disk was full");
        else if ((r = io_write_all(piece.stream == 2 ? 2 : 1, buf, piece.n)) < 0)
            return r == -EPIPE || r == -EIO ? -EPIPE : err_sys(err, r, "standard output"); /* nobody looks any more */
    }
    return r;
}

/* ---- its end ------------------------------------------------------------------------------------------------ */

static int wait_again(struct session *s, struct err *err)
{
    if (s->wait >= 0)
        close(s->wait);
    for (int ms = 0; ms < RECONNECT_MS; ms += 20) {
        s->wait = monitor_connect(s->sb, err);
        if (s->wait >= 0 && control_send(s->wait, CONTROL_WAIT, 1, 0, NULL, 0, -1) == 0)
            return 0;
        if (s->wait >= 0)
            close(s->wait);
        s->wait = -1;
        /* Over, perhaps: then it is on record. */
        struct sandbox now;
        if (sandbox_open_root(&now, s->sb->arena, s->sb->root_path, false, err) == 0) {
            int r = sandbox_load(&now, s->sb->id, err);
            bool over = r == -ENOENT || (r == 0 && now.inst.pid <= 0 && now.end.known && !now.end.restarting);
            if (over) {
                s->ended = true;
                s->have_end = r == 0;
                if (r == 0) {
                    s->a->end = now.end;
                    s->status = now.end.exit_code;
                }
            }
            sandbox_close(&now);
            close(now.root_fd);
            if (over)
                return 0;
        }
        poll(NULL, 0, 20);
    }
    return err_set(err, -ENOTCONN, "%s has no monitor any more (moat system check recovers it)", s->sb->id);
}

static int read_end(struct session *s, struct err *err)
{
    struct control_record r;
    struct control_end end;
    int got = control_receive(s->wait, &r, false);

    if (got == -EAGAIN)
        return 0;
    if (got <= 0)
        return wait_again(s, err);
    if (r.header.type != (CONTROL_WAIT | CONTROL_REPLY))
        return 0;
    control_payload(&r, &end, sizeof end);
    s->ended = s->have_end = true;
    s->status = end.exit_code;
    s->a->end.oom_killed = end.oom_killed;
    end.reason[sizeof end.reason - 1] = 0;
    for (int i = 0; i < END_REASONS; i++)
        if (!strcmp(end.reason, end_reason_name((enum end_reason)i)))
            s->a->end.reason = (enum end_reason)i;
    return 0;
}

/* ---- our side ----------------------------------------------------------------------------------------------- */

static void pass_input(struct session *s)
{
    ssize_t n = write(s->input, s->typed + s->typed_at, s->typed_len - s->typed_at);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    s->typed_at += n > 0 ? (size_t)n : 0;
    if (n > 0 && s->typed_at < s->typed_len)
        return;
    s->typed_at = s->typed_len = 0;
    if (n < 0 || s->closing) {
        close(s->input);
        s->input = -1;
    }
}

static void read_input(struct session *s)
{
    char in[4096];
    bool left = false;
    ssize_t n = read(0, in, sizeof in);

    if (n < 0 && (errno == EINTR || errno == EAGAIN))
        return;
    if (n > 0)
        s->typed_len = keys_filter(s, in, (size_t)n, s->typed, &left);
    else if (s->raw) { /* our terminal was hung up: that is no end of what is typed, and the sandbox goes on */
        left = true;
        s->status = 128 + SIGHUP;
    } else if (s->a->terminal)
        s->typed[s->typed_len++] = '\004';
    s->closing = n <= 0 || left;
    s->a->detached = left;
    if (s->typed_len || s->closing)
        pass_input(s);
}

/* As any program stops; what we follow goes on. */
static void stop_ourselves(struct session *s)
{
    sigset_t one;

    raw_off(s);
    sigemptyset(&one);
    sigaddset(&one, SIGTSTP);
    raise(SIGTSTP);
    sigprocmask(SIG_UNBLOCK, &one, NULL);
    sigprocmask(SIG_BLOCK, &one, NULL);
    raw_on(s);
    window_size(s);
}

static void read_signals(struct session *s)
{
    struct signalfd_siginfo si;

    while (read(s->signals, &si, sizeof si) == sizeof si) {
        struct control_record reply;
        struct control_signal sig = {(int32_t)si.ssi_signo, 1};
        if (si.ssi_signo == SIGWINCH) {
            window_size(s);
        } else if (si.ssi_signo == SIGCHLD || si.ssi_signo == SIGPIPE) {
            continue;
        } else if (si.ssi_signo == SIGTSTP) {
            stop_ourselves(s);
        } else if (si.ssi_signo == SIGCONT) {
            raw_on(s);
            window_size(s);
        } else if (s->a->no_sig_proxy || s->a->terminal || si.ssi_signo == SIGHUP ||
                   ((si.ssi_signo == SIGINT || si.ssi_signo == SIGTERM) && ++s->asked == ASKED_MOST)) {
            /* Ours to obey: it is kept, and goes on. With a terminal its keys are its signals; ours is gone with HUP;
             * and who asks three times does not get it from the workload. */
            s->a->detached = true;
            s->status = 128 + (int)si.ssi_signo;
        } else {
            ask(s, CONTROL_SIGNAL, &sig, sizeof sig, &reply);
        }
    }
}

int attach_stdin(struct attach *a, struct err *err)
{
    int pair[2];

    a->input = false;
    if (!isatty(0))
        return 0;
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
        return err_sys(err, -errno, "standard input");
    a->input = true;
    a->input_fd = pair[1];
    return pair[0];
}

static int open_input(struct session *s, struct err *err)
{
    struct control_record reply = {.fd = -1};

    if (!s->a->input)
        return 0;
    if (s->a->input_fd > 0) {
        s->input = s->a->input_fd;
        fcntl(s->input, F_SETFL, O_RDWR | O_NONBLOCK);
        return 0;
    }
    s->ask = monitor_connect(s->sb, err);
    if (s->ask < 0)
        return 0; /* over already: its end will be found */
    int r = monitor_ask(s->ask, CONTROL_INPUT, NULL, 0, &reply, err);
    s->input = reply.fd;
    if (s->input >= 0) /* shared with its monitor and other attached ones, who do not wait either */
        fcntl(s->input, F_SETFL, fcntl(s->input, F_GETFL) | O_NONBLOCK);
    return r == -ENOTCONN ? 0 : r;
}

static int follow(struct session *s, struct err *err)
{
    int r = wait_again(s, err);

    while (r == 0 && !s->ended && !s->a->detached) {
        struct pollfd p[] = {{.fd = s->signals, .events = POLLIN},
                             {.fd = s->changes, .events = POLLIN},
                             {.fd = s->wait, .events = POLLIN},
                             {.fd = s->input < 0   ? -1
                                    : s->typed_len ? s->input
                                                   : 0,
                              .events = s->typed_len ? POLLOUT : POLLIN}};
        char events[4096];
        if ((r = write_log(s, err)) < 0)
            break;
        if (poll(p, ARRAY_LEN(p), -1) < 0)
            continue;
        if (p[0].revents)
            read_signals(s);
        if (p[1].revents && read(s->changes, events, sizeof events) < 0)
            r = 0; /* what changed is seen by looking */
        if (p[3].revents)
            s->typed_len ? pass_input(s) : read_input(s);
        if (p[2].revents)
            r = read_end(s, err);
    }
    return r < 0 ? r : write_log(s, err);
}

int attach_open(struct sandbox *sb, struct attach *a, struct err *err)
{
    a->log.fd = -1;
    a->dir_fd = sb->layer_dir ? open(sb->layer_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (sb->spec.log_none)
        return err_set(err, -ENOTSUP, "%s: keeps no log (--log-driver none), so nobody can be attached", sb->id);
    if (a->dir_fd < 0)
        return err_set(err, -ENOENT, "%s: its directory %s is gone", sb->id, sb->layer_dir ? sb->layer_dir : "(none)");
    if (log_reader_open(&a->log, a->dir_fd, &(struct err){0}) == 0)
        return log_reader_skip(&a->log, err);
    return 0;
}

int attach_run(struct sandbox *sb, struct attach *a, int *status, struct err *err)
{
    struct session s = {.sb = sb, .a = a, .signals = -1, .changes = -1, .wait = -1, .ask = -1, .input = -1};
    sigset_t old, set;
    int r;

    if (a->input && a->terminal && (r = keys_parse(a->detach_keys, &s, err)) < 0)
        return r;
    console_block_signals(&old);
    sigemptyset(&set);
    for (int i = 1; i < 32; i++)
        if (sigismember(&old, i) == 0 && i != SIGKILL && i != SIGSTOP)
            sigaddset(&set, i);
    sigset_t now;
    sigprocmask(SIG_BLOCK, NULL, &now);
    for (int i = 1; i < 32; i++)
        if (sigismember(&now, i) == 0)
            sigdelset(&set, i);
    s.signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    s.changes = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    if (s.signals < 0 || s.changes < 0 ||
        inotify_add_watch(s.changes, sb->layer_dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0)
        return err_sys(err, -errno, "following %s (sysctl fs.inotify.max_user_instances)", sb->id);
    if ((r = open_input(&s, err)) == 0) {
        raw_on(&s);
        draw_anew(&s);
        window_size(&s);
        r = follow(&s, err);
    }
    raw_off(&s);
    close(s.signals);
    close(s.changes);
    cleanup_fd(&s.wait);
    cleanup_fd(&s.ask);
    cleanup_fd(&s.input);
    sigprocmask(SIG_SETMASK, &old, NULL);
    /* With its own colours and cursor again, which who drew there cannot give back now: it is left, or was killed. */
    const bool killed = s.have_end && s.status == 128 + SIGKILL;
    if (r == 0 && a->terminal && (a->detached || killed) && isatty(2))
        fputs("\033[0m\033[?25h\r\n", stderr);
    else if (r == 0 && a->detached)
        fputs("\r\n", stderr);
    *status = s.status;
    if (r == 0 && s.ended && !s.have_end)
        return err_set(err, -ENOENT, "%s was removed before its exit status was read", sb->id);
    return r == -EPIPE ? 0 : r;
}
