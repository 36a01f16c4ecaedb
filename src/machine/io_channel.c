/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The channel (channel.h): the guest's init speaks frames over the second serial port. Its program's output goes to
 * this process's standard output and error, the standard input goes in as far as it has given credit, and the exit
 * status that it tells is kept. The guest is hostile: what is no frame ends the channel, and bytes go nowhere from then
 * on.
 */
#include "machine/channel.h"
#include "machine/io.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#define WRITE_MOST 4096u /* bytes: pipe(7), PIPE_BUF: what a pipe that can be written to takes without waiting */
#define WORDS_MOST 1024u /* bytes of frames other than INPUT that wait */

struct io_channel {
    struct channel_reader reader;
    uint8_t out[CHANNEL_MOST]; /* of the frame that is being written, at `fd` */
    uint32_t out_bytes, out_done;
    int fd;
    int64_t exit_status;       /* -ENODATA: the guest has told none */
    uint32_t credit;           /* bytes of INPUT that the guest will take */
    bool in_ended;             /* and it was told */
    bool heard;                /* init has its port open: what came before would be lost there */
    bool closed[3];            /* by descriptor: nobody reads it, and the guest was told */
    uint8_t words[WORDS_MOST]; /* frames for the guest, in order */
    uint32_t n_words;
    uint8_t input[CHANNEL_HEADER + CHANNEL_MOST]; /* a frame of INPUT */
    uint32_t n_input, input_done;
    uint32_t zeros;  /* still to be sent before anything else (CHANNEL_ZEROS) */
    uint32_t marker; /* how much of the marker was seen; CHANNEL_MARKER_BYTES: frames are listened to */
};

struct io_channel *io_channel_new(void)
{
    struct io_channel *c = calloc(1, sizeof *c);

    if (c)
        c->exit_status = -ENODATA, c->fd = -1, c->marker = CHANNEL_MARKER_BYTES;
    return c;
}

int io_channel_resume(struct io_channel *c, bool silent)
{
    struct channel_resumed resumed;
    struct timespec now;

    if (getrandom(resumed.seed, sizeof resumed.seed, 0) != (ssize_t)sizeof resumed.seed ||
        clock_gettime(CLOCK_REALTIME, &now) < 0)
        return -errno;
    resumed.wall_ns = (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
    if (!silent)
        c->zeros = CHANNEL_ZEROS, c->marker = 0, c->heard = true;
    channel_header(c->words, silent ? CHANNEL_FRESH : CHANNEL_RESUMED, sizeof resumed);
    memcpy(c->words + CHANNEL_HEADER, &resumed, sizeof resumed);
    c->n_words = CHANNEL_HEADER + sizeof resumed;
    return 0;
}

/* ---- frames but those of input ---- */

static int64_t send_word(struct io_channel *c, enum channel_type type, const uint8_t *bytes, uint32_t n)
{
    if (WORDS_MOST - c->n_words < CHANNEL_HEADER + n)
        return -EAGAIN;
    channel_header(c->words + c->n_words, type, n);
    memcpy(c->words + c->n_words + CHANNEL_HEADER, bytes, n);
    c->n_words += CHANNEL_HEADER + n;
    return 0;
}

static int64_t send_size(struct io_port *p, uint64_t argument)
{
    const int64_t now = io_terminal_size(p->in, argument);
    const uint16_t size[2] = {(uint16_t)(now >> 16), (uint16_t)now};
    const int64_t r = now < 0 ? now : send_word(p->channel, CHANNEL_SIZE, (const uint8_t *)size, sizeof size);

    return r < 0 ? r : now;
}

/* ---- from the guest ---- */

static void obey(struct io_port *p, const struct channel_frame *f)
{
    struct io_channel *c = p->channel;
    uint32_t credit;

    switch (f->type) {
    case CHANNEL_OUTPUT:
    case CHANNEL_ERROR:
        memcpy(c->out, f->bytes, f->length);
        c->out_bytes = f->length, c->out_done = 0;
        c->fd = f->type == CHANNEL_OUTPUT ? STDOUT_FILENO : STDERR_FILENO;
        break;
    case CHANNEL_EXIT:
        if (f->length == 1 && c->exit_status < 0)
            c->exit_status = f->bytes[0];
        break;
    case CHANNEL_CREDIT:
        if (f->length == sizeof credit) {
            memcpy(&credit, f->bytes, sizeof credit);
            c->credit = credit > UINT32_MAX - c->credit ? UINT32_MAX : c->credit + credit;
        }
        break;
    case CHANNEL_READY:
        c->heard = true;
        send_size(p, 0); /* where there is a terminal */
        break;
    default: /* what a later init says */
        break;
    }
}

/* So that the program ends of it, as one at the end of a pipe does. */
static void tell_closed(struct io_channel *c)
{
    const uint8_t which = (uint8_t)c->fd;

    if (!c->closed[which])
        c->closed[which] = send_word(c, CHANNEL_CLOSED, &which, 1) == 0;
}

/* What is left of a frame's bytes. False: the descriptor takes no more now. Who reads no more has lost the rest. */
static bool write_out(struct io_channel *c, bool *ready)
{
    while (c->out_done < c->out_bytes) {
        const uint32_t left = c->out_bytes - c->out_done;
        if (!*ready)
            return false;
        *ready = false; /* a pipe that could be written to may be full now */
        const ssize_t n = write(c->fd, c->out + c->out_done, left < WRITE_MOST ? left : WRITE_MOST);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return false;
        if (n < 0)
            tell_closed(c);
        c->out_done = n < 0 ? c->out_bytes : c->out_done + (uint32_t)n;
    }
    return true;
}

/* Some of the first request's bytes, copied out once. */
static uint32_t fetch(struct io_port *p, uint8_t bytes[CHANNEL_MOST])
{
    struct iovec v[RING_SEGMENTS];
    uint64_t all;
    int n = io_pieces(p, io_first(&p->writes), false, v, &all);

    n = io_pieces_cut(v, n, p->writes.done, CHANNEL_MOST);
    return (uint32_t)io_pieces_copy(v, n, bytes, CHANNEL_MOST, false);
}

/* After a restore: how many bytes are no frames of ours, up to the marker's end. */
static uint32_t skip_to_marker(struct io_channel *c, const uint8_t *bytes, uint32_t n)
{
    uint32_t at = 0;

    for (; at < n && c->marker < CHANNEL_MARKER_BYTES; at++) {
        if (bytes[at] == (uint8_t)CHANNEL_MARKER[c->marker])
            c->marker++;
        else if (c->marker != 2 ||
                 bytes[at] != (uint8_t)CHANNEL_MARKER[1]) /* it begins with two alike: a third keeps two */
            c->marker = bytes[at] == (uint8_t)CHANNEL_MARKER[0];
    }
    return at;
}

static void take_output(struct io_port *p, bool ready)
{
    struct io_channel *c = p->channel;
    uint8_t bytes[CHANNEL_MOST];

    while (write_out(c, &ready) && p->writes.n) {
        const uint32_t n = fetch(p, bytes);
        struct channel_frame frame;
        if (n == 0) {
            io_answer_first(p, &p->writes, (int64_t)p->writes.done);
            continue;
        }
        if (c->marker < CHANNEL_MARKER_BYTES) {
            p->writes.done += skip_to_marker(c, bytes, n);
            continue;
        }
        p->writes.done += channel_take(&c->reader, bytes, n, &frame);
        if (frame.bytes)
            obey(p, &frame);
    }
}

/* ---- to the guest ---- */

/* Takes bytes from the front of what waits. */
static void give(struct io_port *p, const uint8_t *from, uint32_t n, uint32_t *given)
{
    struct iovec v[RING_SEGMENTS];
    uint64_t bytes;
    const int pieces = io_pieces(p, io_first(&p->reads), true, v, &bytes);

    *given = (uint32_t)io_pieces_copy(v, pieces, (void *)(uintptr_t)from, n, true);
    io_answer_first(p, &p->reads, *given);
}

/* A frame of what there is to be read; of no bytes at the end. */
static void read_input(struct io_port *p)
{
    struct io_channel *c = p->channel;
    const uint32_t most = c->credit < CHANNEL_MOST ? c->credit : CHANNEL_MOST;
    const ssize_t n = p->in < 0 ? 0 : read(p->in, c->input + CHANNEL_HEADER, most);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    c->in_ended = n <= 0;
    c->n_input = n > 0 ? (uint32_t)n : 0;
    c->credit -= c->n_input;
    channel_header(c->input, CHANNEL_INPUT, c->n_input);
    c->n_input += CHANNEL_HEADER;
    c->input_done = 0;
}

static void give_input(struct io_port *p, bool ready)
{
    static const uint8_t zeros[CHANNEL_ZEROS];
    struct io_channel *c = p->channel;
    uint32_t given;

    if (!p->reads.n)
        return;
    if (c->zeros) {
        give(p, zeros, c->zeros, &given);
        c->zeros -= given;
    } else if (c->input_done < c->n_input) { /* a frame that was begun ends first */
        give(p, c->input + c->input_done, c->n_input - c->input_done, &given);
        c->input_done += given;
    } else if (c->n_words && c->heard) {
        give(p, c->words, c->n_words, &given);
        memmove(c->words, c->words + given, c->n_words -= given);
    } else if ((ready || p->in < 0) && c->credit && !c->in_ended) {
        read_input(p);
        if (c->input_done < c->n_input)
            give_input(p, false);
    }
}

static void channel_wants(const struct io_port *p, bool *in, bool *out)
{
    const struct io_channel *c = p->channel;

    *in = p->in >= 0 && p->reads.n && c->credit && !c->in_ended;
    *out = c->out_done < c->out_bytes;
}

static void channel_work(struct io_port *p, bool in, bool out)
{
    take_output(p, out);
    give_input(p, in);
    p->out = p->channel->fd; /* what is to be waited for */
}

static int64_t channel_tell(struct io_port *p, uint64_t word, uint64_t argument)
{
    const uint8_t signo = (uint8_t)argument;

    switch (word) {
    case RING_WORD_EXIT:
        return p->channel->exit_status;
    case RING_WORD_SIGNAL:
        return send_word(p->channel, CHANNEL_SIGNAL, &signo, 1);
    case RING_WORD_SIZE:
        return send_size(p, argument);
    default:
        return -EINVAL;
    }
}

const struct io_ops io_channel = {
    .name = "channel",
    .operations = 1u << RING_READ | 1u << RING_WRITE | 1u << RING_TELL,
    .wants = channel_wants,
    .work = channel_work,
    .tell = channel_tell,
};
