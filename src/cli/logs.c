/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat logs`: the output of a sandbox, stdout's to stdout and stderr's to stderr, byte for byte. Lines are only
 * counted
 * (--tail) and marked (-t); a record may begin and end within one. Memory is bounded whatever the log's size: --tail
 * reads it twice. Following waits for inotify and for the monitor's word that all is over: an idle follower never
 * wakes.
 */
#include "base/io.h"
#include "cli/commands.h"
#include "cli/sandboxes.h"
#include "cli/when.h"
#include "policy/flags.h"
#include "sandbox/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#define CHUNK 65536

enum { OPTION_DETAILS, OPTION_FOLLOW, OPTION_SINCE, OPTION_TAIL, OPTION_TIMESTAMPS, OPTION_UNTIL };

const struct option_row logs_options[] = {
    {"details", 0, NULL, NULL, OPTION_DETAILS},
    {"follow", 'f', NULL, "Go on until the sandbox has ended", OPTION_FOLLOW},
    {"since", 0, "TIME", "Only lines from then on: 2026-01-31T12:00:00Z, seconds since 1970, or 10m", OPTION_SINCE},
    {"tail", 'n', "N", "Only the last N lines", OPTION_TAIL},
    {"timestamps", 't', NULL, "Put its time before each line", OPTION_TIMESTAMPS},
    {"until", 0, "TIME", "Only lines up to then", OPTION_UNTIL},
};
const size_t n_logs_options = ARRAY_LEN(logs_options);

/* Where one stream stands. */
struct stream {
    bool within; /* a line that has begun */
    bool shown;  /* it is one of those that are wanted */
};

struct logs {
    bool follow, timestamps;
    const char *since_text, *until_text;
    int64_t since, until; /* ns */
    int64_t tail;         /* -1: all */

    struct sandbox sb;
    struct arena arena;
    int dir;
    struct log_reader reader;
    bool open;
    /* lines: counted before, to skip, and met so far */
    uint64_t skip, met;
    uint64_t file, before[LOG_FILES_MAX + 1]; /* of the first pass: its first file, and lines before each */
    struct stream streams[3];
    char buf[CHUNK];
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct logs *o = ctx;
    bool on = !strcmp(value, "true");

    switch (id) {
    case OPTION_FOLLOW:
        o->follow = on;
        return 0;
    case OPTION_TIMESTAMPS:
        o->timestamps = on;
        return 0;
    case OPTION_SINCE:
        o->since_text = value;
        return 0;
    case OPTION_UNTIL:
        o->until_text = value;
        return 0;
    case OPTION_TAIL:
        if (!strcmp(value, "all") || (value[0] == '-' && flag_parse_i64(value, INT64_MIN, -1, &o->tail) == 0)) {
            o->tail = -1;
            return 0;
        }
        if (flag_parse_i64(value, 0, INT64_MAX, &o->tail) == 0)
            return 0;
        return err_set(err, -EINVAL, "--tail '%s': a number of lines, or all", value);
    default:
        return err_set(err, -EINVAL, "--details is refused: logs keep the output alone");
    }
}

/* ---- lines ---------------------------------------------------------------------------------------------------- */

static bool in_time(const struct logs *o, uint64_t ns)
{
    return (int64_t)ns >= o->since && (int64_t)ns <= o->until;
}

/* The end of the line's part that begins here. */
static size_t line_part(const char *p, size_t n)
{
    const char *end = memchr(p, '\n', n);

    return end ? (size_t)(end - p) + 1 : n;
}

/* How many lines begin in the piece, and are in time. */
static void count_piece(struct logs *o, const struct log_piece *piece)
{
    struct stream *s = &o->streams[piece->stream % 3];

    for (size_t at = 0, n; at < piece->n; at += n) {
        n = line_part(o->buf + at, piece->n - at);
        if (!s->within && in_time(o, piece->time_ns))
            o->met++;
        s->within = o->buf[at + n - 1] != '\n';
    }
}

static int put(struct logs *o, FILE *to, const struct log_piece *piece, struct err *err)
{
    struct stream *s = &o->streams[piece->stream % 3];
    char time[40];

    for (size_t at = 0, n; at < piece->n; at += n) {
        n = line_part(o->buf + at, piece->n - at);
        if (!s->within) {
            bool counts = in_time(o, piece->time_ns);
            s->shown = counts && o->met >= o->skip;
            o->met += counts;
            if (s->shown && o->timestamps) {
                when_format((int64_t)piece->time_ns, time);
                fprintf(to, "%s ", time);
            }
        }
        if (s->shown)
            fwrite(o->buf + at, 1, n, to);
        s->within = o->buf[at + n - 1] != '\n';
    }
    return ferror(to) ? err_set(err, -EPIPE, "cannot write the output") : 0;
}

static void say_gap(const struct log_piece *piece)
{
    fflush(stdout);
    if (piece->lost == UINT64_MAX)
        fputs("moat logs: output is missing here: a full file was given up before it was read\n", stderr);
    else
        fprintf(stderr, "moat logs: %llu bytes of output are missing here: the disk was full\n",
                (unsigned long long)piece->lost);
}

/* ---- reading -------------------------------------------------------------------------------------------------- */

/* All there is now. 1: --until was passed, so nothing more is wanted. */
static int read_on(struct logs *o, struct err *err)
{
    struct log_piece piece;
    int r;

    if (!o->open) { /* nothing was logged so far */
        r = log_reader_open(&o->reader, o->dir, err);
        if (r < 0)
            return r == -ENOENT ? 0 : r;
        o->open = true;
        if (o->reader.sequence > 1 && o->tail < 0 && !o->since_text)
            fputs("moat logs: what is older was dropped (--log-opt max-size, max-file)\n", stderr);
    }
    while ((r = log_read(&o->reader, o->buf, sizeof o->buf, &piece, err)) > 0) {
        if (piece.lost) {
            if (o->met >= o->skip)
                say_gap(&piece);
            continue;
        }
        if ((int64_t)piece.time_ns > o->until && !o->streams[1].within && !o->streams[2].within)
            return 1;
        FILE *to = piece.stream == 2 ? stderr : stdout, *other = piece.stream == 2 ? stdout : stderr;
        fflush(other); /* where both are one terminal, the order is the writing's */
        if ((r = put(o, to, &piece, err)) < 0)
            return r;
    }
    fflush(stdout);
    fflush(stderr);
    return r;
}

/* First pass of --tail: how many lines there are, and how many before each file, since the oldest may be gone when they
 * are read again. */
static int count_lines(struct logs *o, struct err *err)
{
    struct log_piece piece;
    uint64_t file = 0;
    int r = log_reader_open(&o->reader, o->dir, err);

    if (r < 0)
        return r == -ENOENT ? 0 : r;
    o->file = o->reader.sequence;
    while ((r = log_read(&o->reader, o->buf, sizeof o->buf, &piece, err)) > 0) {
        for (; file < o->reader.sequence - o->file && file < LOG_FILES_MAX; file++)
            o->before[file + 1] = o->met;
        if (!piece.lost)
            count_piece(o, &piece);
    }
    log_reader_close(&o->reader);
    o->skip = o->met > (uint64_t)o->tail ? o->met - (uint64_t)o->tail : 0;
    o->met = 0;
    memset(o->streams, 0, sizeof o->streams);
    if (r < 0 || (r = log_reader_open(&o->reader, o->dir, err)) < 0)
        return r == -ENOENT ? 0 : r;
    o->open = true;
    file = o->reader.sequence - o->file;
    o->met = o->before[file <= LOG_FILES_MAX ? file : LOG_FILES_MAX];
    return 0;
}

/* ---- following ------------------------------------------------------------------------------------------------ */

enum { WAKE_LOG, WAKE_END, WAKES };

/* The monitor, asked to answer when all is over. -ENOTCONN: it is. */
static int watch_end(struct logs *o, struct err *err)
{
    int sock = sandboxes_connect(&o->sb, err);

    if (sock == -ENOENT) /* removed by now */
        return -ENOTCONN;
    if (sock >= 0 && control_send(sock, CONTROL_WAIT, 1, 0, NULL, 0, -1) < 0) {
        close(sock);
        return -ENOTCONN;
    }
    return sock;
}

/* Waits for more. 1: there may be more; 0: it is over, and what is there by now is all. */
static int wait_for_more(struct logs *o, struct pollfd p[WAKES], struct err *err)
{
    char events[4096];
    struct control_record reply;
    int64_t left = -1;

    if (o->until_text) {
        left = (o->until - when_now()) / 1000000 + 1;
        if (left <= 0)
            return 0;
    }
    int n = poll(p, WAKES, left > INT32_MAX ? -1 : (int)left);
    if (n < 0)
        return errno == EINTR ? 1 : err_sys(err, -errno, "waiting for output");
    if (p[WAKE_LOG].revents)
        while (read(p[WAKE_LOG].fd, events, sizeof events) > 0)
            ;
    if (!p[WAKE_END].revents)
        return n > 0;
    int got = control_receive(p[WAKE_END].fd, &reply, false);
    if (got > 0 || got == -EPROTO || got == -EPROTONOSUPPORT)
        return 0;
    if (got == -EAGAIN)
        return 1;
    /* That monitor was killed. Its guard makes another, and the socket is the same. */
    close(p[WAKE_END].fd);
    int fd = p[WAKE_END].fd = watch_end(o, err);
    return fd >= 0 ? 1 : fd == -ENOTCONN ? 0 : fd;
}

static int follow(struct logs *o, struct err *err)
{
    _cleanup_fd_ int watch = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
    const char *path = arena_printf(&o->arena, "/proc/self/fd/%d", o->dir);

    if (watch < 0 || !path || inotify_add_watch(watch, path, IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_ONLYDIR) < 0)
        return err_sys(err, -errno, "log of %s", o->sb.id);
    int r, end = watch_end(o, err), more = end >= 0;
    struct pollfd p[WAKES] = {{.fd = watch, .events = POLLIN}, {.fd = end, .events = POLLIN}};
    if (end < 0 && end != -ENOTCONN)
        return end;
    /* The watch is there before the reading: nothing falls between. */
    while ((r = read_on(o, err)) == 0 && more > 0)
        more = wait_for_more(o, p, err);
    if (p[WAKE_END].fd >= 0)
        close(p[WAKE_END].fd);
    if (r >= 0 && more >= 0)
        *err = (struct err){0}; /* that the monitor is gone was no failure */
    return r < 0 ? r : more < 0 ? more : 0;
}

/* ---- the command ---------------------------------------------------------------------------------------------- */

static int read_times(struct logs *o, struct err *err)
{
    int64_t now = when_now();
    int r = 0;

    o->since = INT64_MIN;
    o->until = INT64_MAX;
    if (o->since_text)
        r = when_parse("since", o->since_text, now, &o->since, err);
    if (r == 0 && o->until_text)
        r = when_parse("until", o->until_text, now, &o->until, err);
    return r;
}

static int show(struct logs *o, const char *word, struct err *err)
{
    int r = sandboxes_load(&o->sb, &o->arena, word, err);

    if (r < 0)
        return r;
    if (!o->sb.kept)
        return err_set(err, -ENOTSUP,
                       "%s runs in the foreground, and its output goes to its own terminal: there is no log", o->sb.id);
    if (o->sb.spec.log_none)
        return err_set(err, -ENOTSUP,
                       "configured logging driver does not support reading: %s was made with "
                       "--log-driver none",
                       o->sb.id);
    o->dir = o->sb.layer_dir ? open(o->sb.layer_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (o->dir < 0)
        return err_sys(err, o->sb.layer_dir ? -errno : -ENOENT, "log of %s", o->sb.id);
    if (o->tail >= 0 && (r = count_lines(o, err)) < 0)
        return r;
    if (o->follow)
        return follow(o, err);
    r = read_on(o, err);
    return r < 0 ? r : 0;
}

int cmd_logs(int argc, char **argv)
{
    static struct logs o = {.tail = -1, .dir = -1};
    struct err err = {0};
    int operand;

    if (options_parse(logs_options, n_logs_options, argc, argv, false, &operand, apply, &o, &err) < 0)
        return command_fail("logs", &err);
    if (operand == argc)
        return sandboxes_no_operand("logs");
    if (operand + 1 < argc) {
        err_set(&err, -EINVAL, "requires 1 argument: '%s' is one too many", argv[operand + 1]);
        return sandboxes_fail("logs", &err);
    }
    if (arena_init(&o.arena, SANDBOXES_ARENA) < 0)
        err_set(&err, -ENOMEM, "out of memory");
    else if (read_times(&o, &err) == 0 && show(&o, argv[operand], &err) == 0)
        return 0;
    return sandboxes_fail("logs", &err);
}
