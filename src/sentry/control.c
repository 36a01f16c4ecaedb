/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See control.h. The other end is moat's, which may do more than this process; still each record is looked at as a
 * whole before it is obeyed, and what it asks for has bounds. A session is a connection by which a program was started;
 * its number and one more is that of its set of streams. The descriptors of a set are somebody else's open files, whose
 * flags are not ours to change: each is asked whether it is ready, and then read or written no more than a pipe takes
 * at once.
 */
#include "sentry/control.h"

#include "boundary/control.h"
#include "linux/linux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define GIVEN_MS     2000 /* so long moat may take to give all */
#define ABOVE        64   /* what is kept for long has numbers from here on */
#define PIECE        4096 /* PIPE_BUF: pipe(7) */
#define RECORDS_MOST 16   /* of a session in one go */
#define WORDS_MOST   (1u << 20)
#define WORDS_COUNT  16384
#define WORDS        3 /* index of a session's descriptors, behind the streams */

struct session {
    int connection; /* -1: nobody listens any more */
    int fds[WORDS + 1];
    bool used, watched[HOST_STDERR + 1], detached, running;
    int32_t pid;
};

static struct {
    int listening;
    struct session sessions[CONTROL_SESSIONS];
    char words[WORDS_MOST + 1]; /* touched no further than they are long */
    const char *list[WORDS_COUNT + 2];
} control = {.listening = -1};

static void drop(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* ---- sessions ---------------------------------------------------------------------------------------------------- */

static struct session *session_new(int connection)
{
    for (unsigned i = 0; i < CONTROL_SESSIONS; i++) {
        struct session *s = &control.sessions[i];
        if (s->used)
            continue;
        *s = (struct session){.connection = connection, .fds = {-1, -1, -1, -1}, .used = true};
        return s;
    }
    return NULL;
}

/* Its place is free when its process has ended, nobody holds a stream, and nobody listens. */
static void session_look(struct session *s)
{
    for (int i = 0; i <= HOST_STDERR; i++)
        if (s->fds[i] >= 0)
            return;
    s->used = s->running || s->connection >= 0;
}

static uint32_t set_of(const struct session *s)
{
    return (uint32_t)(s - control.sessions) + 1;
}

static struct session *session_of(uint32_t set)
{
    return &control.sessions[set - 1];
}

/* The other end is gone. */
static void session_leave(struct session *s)
{
    drop(&s->connection);
    if (s->running && !s->detached)
        (void)linux_signal_to(s->pid, SIGKILL, false);
    for (int i = 0; !s->running && i <= WORDS; i++)
        if (i == WORDS || !s->pid) /* streams that the kernel has are closed by it */
            drop(&s->fds[i]);
    session_look(s);
}

/* ---- a program --------------------------------------------------------------------------------------------------- */

static void answer(const struct session *s, const struct control_header *to, int code, const char *why)
{
    (void)control_send(s->connection, to->type | CONTROL_REPLY, to->serial, code, why, strlen(why), -1);
}

/* The words one behind the other, as two lists in one array with a NULL behind each. */
static int read_words(const struct session *s, const struct control_spawn *c, const char **cwd)
{
    struct stat st;
    size_t at = 0, n = 0;

    if (s->fds[WORDS] < 0 || fstat(s->fds[WORDS], &st) < 0)
        return -EBADF;
    if (!c->n_args || c->n_args > WORDS_COUNT || c->n_env > WORDS_COUNT - c->n_args || st.st_size > WORDS_MOST)
        return -E2BIG;
    const ssize_t size = pread(s->fds[WORDS], control.words, (size_t)st.st_size, 0);
    if (size <= 0)
        return size < 0 ? -errno : -EINVAL;
    control.words[size] = 0;
    *cwd = control.words;
    at = strlen(control.words) + 1;
    for (uint32_t i = 0; i < c->n_args + c->n_env; i++) {
        if (i == c->n_args)
            control.list[n++] = NULL;
        if (at >= (size_t)size)
            return -EINVAL;
        control.list[n++] = control.words + at;
        at += strlen(control.words + at) + 1;
    }
    if (!c->n_env)
        control.list[n++] = NULL;
    control.list[n] = NULL;
    return 0;
}

static void spawn(struct session *s, const struct control_record *r)
{
    struct control_spawn c;
    char why[256] = "";
    const char *cwd = NULL;
    int32_t pid = -EINVAL;

    control_payload(r, &c, sizeof c);
    if (s->pid || s->fds[HOST_STDIN] < 0 || s->fds[HOST_STDOUT] < 0 || s->fds[HOST_STDERR] < 0 ||
        c.n_groups > CONTROL_GROUPS) {
        answer(s, &r->header, -EINVAL, "its streams did not come, or there is one already");
        return;
    }
    const int bad = read_words(s, &c, &cwd);
    if (bad) {
        answer(s, &r->header, bad, "its words are too many, too long, or not there");
        return;
    }
    const struct linux_program program = {.argv = control.list,
                                          .envp = control.list + c.n_args + 1,
                                          .cwd = cwd,
                                          .uid = c.uid,
                                          .gid = c.gid,
                                          .groups = c.groups,
                                          .n_groups = c.n_groups,
                                          .streams = set_of(s),
                                          .terminal = c.flags & CONTROL_SPAWN_TERMINAL,
                                          .rows = c.rows,
                                          .columns = c.cols};
    s->detached = c.flags & CONTROL_SPAWN_DETACHED;
    drop(&s->fds[WORDS]);
    pid = linux_spawn(&program, why, sizeof why);
    s->pid = pid > 0 ? pid : -1;
    s->running = pid > 0;
    answer(s, &r->header, pid > 0 ? 0 : pid, why);
}

/* A descriptor by its name, for the next program. */
static void take_descriptor(struct session *s, struct control_record *r)
{
    static const char *const names[] = {"stdin", "stdout", "stderr", "words"};

    r->payload[r->header.length < sizeof r->payload ? r->header.length : sizeof r->payload - 1] = 0;
    for (int i = 0; i <= WORDS; i++)
        if (!strcmp(r->payload, names[i]) && s->fds[i] < 0 && !s->pid) {
            s->fds[i] = r->fd;
            r->fd = -1;
        }
}

/* ---- records ----------------------------------------------------------------------------------------------------- */

static void obey(struct session *s, struct control_record *r)
{
    struct control_signal signal;
    struct control_resize size;

    switch (r->header.type) {
    case CONTROL_DESCRIPTOR:
        take_descriptor(s, r);
        break;
    case CONTROL_SPAWN:
        spawn(s, r);
        break;
    case CONTROL_SIGNAL:
        control_payload(r, &signal, sizeof signal);
        if (s->running && signal.signo > 0 && signal.signo < 65)
            (void)linux_signal_to(s->pid, signal.signo, false);
        break;
    case CONTROL_RESIZE:
        control_payload(r, &size, sizeof size);
        if (s->running)
            (void)linux_window_of(set_of(s), size.rows, size.cols);
        break;
    default:
        answer(s, &r->header, -EOPNOTSUPP, "a sentry does not do that");
        break;
    }
    drop(&r->fd);
}

static void serve(struct session *s)
{
    struct control_record r;
    int n = 0;

    for (int i = 0; i < RECORDS_MOST && s->connection >= 0 && (n = control_receive(s->connection, &r, false)) > 0; i++)
        obey(s, &r);
    if (n == 0 || (n < 0 && n != -EAGAIN))
        session_leave(s);
}

/* One that finds no place waits in the socket's queue. */
static void accept_all(void)
{
    bool place = true;

    while (place) {
        place = false;
        for (unsigned i = 0; i < CONTROL_SESSIONS; i++)
            place |= !control.sessions[i].used;
        const int fd = place ? accept4(control.listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC) : -1;
        if (fd < 0)
            return;
        (void)session_new(fd);
    }
}

/* ---- waiting ----------------------------------------------------------------------------------------------------- */

unsigned control_descriptors(struct pollfd *fds, uint32_t interest)
{
    unsigned n = 0;

    if (control.listening < 0)
        return 0;
    fds[n++] = (struct pollfd){.fd = control.listening, .events = POLLIN};
    for (unsigned i = 0; i < CONTROL_SESSIONS; i++) {
        const struct session *s = &control.sessions[i];
        if (s->used && s->connection >= 0)
            fds[n++] = (struct pollfd){.fd = s->connection, .events = POLLIN};
        for (int k = 0; s->used && interest & HOST_EVENT_STREAMS && k <= HOST_STDERR; k++)
            if (s->watched[k] && s->fds[k] >= 0)
                fds[n++] = (struct pollfd){.fd = s->fds[k], .events = k == HOST_STDIN ? POLLIN : POLLOUT};
    }
    return n;
}

bool control_waits(void)
{
    for (unsigned i = 0; i < CONTROL_SESSIONS; i++)
        if (control.sessions[i].used)
            return true;
    return false;
}

static uint32_t serve_one(const struct pollfd *p)
{
    if (p->fd == control.listening) {
        accept_all();
        return HOST_EVENT_WAKE;
    }
    for (unsigned i = 0; i < CONTROL_SESSIONS; i++) {
        struct session *s = &control.sessions[i];
        if (!s->used)
            continue;
        if (p->fd == s->connection) {
            serve(s);
            return HOST_EVENT_WAKE;
        }
        for (int k = 0; k <= HOST_STDERR; k++)
            if (p->fd == s->fds[k] && s->watched[k]) {
                s->watched[k] = false;
                return HOST_EVENT_STREAMS;
            }
    }
    return 0;
}

uint32_t control_serve(const struct pollfd *fds, unsigned n)
{
    uint32_t events = 0;

    for (unsigned i = 0; i < n; i++)
        if (fds[i].revents)
            events |= serve_one(&fds[i]);
    return events;
}

void control_look(void)
{
    struct pollfd fds[CONTROL_DESCRIPTORS];
    const unsigned n = control_descriptors(fds, 0);

    if (n && poll(fds, n, 0) > 0)
        control_serve(fds, n);
}

uint32_t control_streams_ready(uint32_t interest)
{
    struct pollfd p;
    uint32_t events = 0;

    for (unsigned i = 0; interest & HOST_EVENT_STREAMS && i < CONTROL_SESSIONS; i++) {
        struct session *s = &control.sessions[i];
        for (int k = 0; s->used && k <= HOST_STDERR; k++) {
            p = (struct pollfd){.fd = s->fds[k], .events = k == HOST_STDIN ? POLLIN : POLLOUT};
            if (s->watched[k] && p.fd >= 0 && poll(&p, 1, 0) > 0)
                s->watched[k] = false, events = HOST_EVENT_STREAMS;
        }
    }
    return events;
}

/* ---- streams ----------------------------------------------------------------------------------------------------- */

static bool stream_ready(uint32_t set, enum host_stream stream)
{
    struct pollfd p = {.fd = session_of(set)->fds[stream], .events = stream == HOST_STDIN ? POLLIN : POLLOUT};

    return p.fd < 0 || poll(&p, 1, 0) > 0;
}

static int64_t result_of(ssize_t r)
{
    if (r >= 0)
        return r;
    return errno == EINTR ? -EAGAIN : -errno;
}

static int64_t stream_read(uint32_t set, void *to, size_t n)
{
    const int fd = session_of(set)->fds[HOST_STDIN];

    if (fd < 0)
        return 0;
    return stream_ready(set, HOST_STDIN) ? result_of(read(fd, to, n)) : -EAGAIN;
}

static int64_t stream_write(uint32_t set, enum host_stream stream, const void *from, size_t n)
{
    const int fd = session_of(set)->fds[stream];

    if (fd < 0)
        return -EPIPE;
    return stream_ready(set, stream) ? result_of(write(fd, from, n < PIECE ? n : PIECE)) : -EAGAIN;
}

static void stream_watch(uint32_t set, enum host_stream stream)
{
    session_of(set)->watched[stream] = true;
}

static void stream_close(uint32_t set, enum host_stream stream)
{
    drop(&session_of(set)->fds[stream]);
    session_look(session_of(set));
}

/* Under the kernel's lock. */
static void stream_ended(uint32_t set, int32_t status)
{
    struct session *s = session_of(set);
    const int signo = status & 0x7f;
    const struct control_end end = {.exit_code = signo ? 128 + signo : status >> 8 & 0xff};

    s->running = false;
    if (s->connection >= 0)
        (void)control_send(s->connection, CONTROL_WAIT | CONTROL_REPLY, 0, 0, &end, sizeof end, -1);
    drop(&s->connection);
    session_look(s);
}

const struct stream_ops control_streams = {.read = stream_read,
                                           .write = stream_write,
                                           .ready = stream_ready,
                                           .watch = stream_watch,
                                           .close = stream_close,
                                           .ended = stream_ended};

/* ---- before the start -------------------------------------------------------------------------------------------- */

/* Away from the numbers that are to be used. */
static int keep(int fd, int *place)
{
    if (*place >= 0)
        return 0; /* the first one counts */
    *place = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE);
    return *place < 0 ? -errno : 0;
}

static int take_given(int connection, struct control_given *out)
{
    struct control_record r;
    int e = 0;

    while (e == 0 && control_receive(connection, &r, false) > 0) {
        r.payload[r.header.length < sizeof r.payload ? r.header.length : sizeof r.payload - 1] = 0;
        if (r.header.type == CONTROL_DESCRIPTOR && r.fd >= 0 && !strcmp(r.payload, "image"))
            e = keep(r.fd, &out->image);
        else if (r.header.type == CONTROL_DESCRIPTOR && r.fd >= 0 && !strcmp(r.payload, "gofer"))
            e = keep(r.fd, &out->gofer);
        else if (r.header.type == CONTROL_DESCRIPTOR && r.fd >= 0 && !strcmp(r.payload, "oom"))
            e = keep(r.fd, &out->oom);
        drop(&r.fd);
    }
    return e;
}

static bool comes(int fd)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};

    return poll(&p, 1, GIVEN_MS) > 0;
}

/* The last thing that moat gives is "oom", when this process is there already. */
static int take_all(struct control_given *out)
{
    int e = 0;

    while (e == 0) {
        const int connection = accept4(control.listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (connection < 0 && (errno != EAGAIN || out->oom >= 0 || !comes(control.listening)))
            break;
        if (connection < 0)
            continue;
        if (comes(connection))
            e = take_given(connection, out);
        close(connection);
    }
    return e;
}

int control_prepare(struct control_given *out, const char **why)
{
    const char *handed = getenv("MOAT_HANDED_FD");
    int fd = handed ? atoi(handed) : -1, e;
    sigset_t io;

    *out = (struct control_given){-1, -1, -1};
    if (!handed)
        return 0;
    sigemptyset(&io);
    sigaddset(&io, SIGIO);
    sigprocmask(SIG_BLOCK, &io, NULL); /* until there is a handler (signals.c): it would end this process */
    *why = "MOAT_HANDED_FD: it is no socket to listen on";
    if ((e = keep(fd, &control.listening)) < 0 || fcntl(control.listening, F_SETOWN, getpid()) < 0 ||
        fcntl(control.listening, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC) < 0)
        return e < 0 ? e : -errno;
    close(fd);
    *why = "MOAT_HANDED_FD: what it brings cannot be kept";
    return take_all(out);
}
