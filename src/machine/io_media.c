/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives whose media come and go: floppies and the CD-ROM of a PC. A medium is a descriptor that moat has opened and
 * locked; each drive has one number for it, which is what the filter lets be read and written. moat brings media over
 * connections to a socket of this process, so that no descriptor of a file ever passes the machine process; what is
 * said there is read as a stranger's, and who says nothing, or does not read his answer, delays nobody.
 *
 * Requests carry the generation that they are meant for: one that was under way while the medium was changed is
 * refused, and nothing meant for the one is written to the other. Bytes are in the ring's own pages alone.
 */
#include "machine/io.h"

#include "boundary/control.h"
#include "machine/dev/fdc.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define SECTOR       512u
#define BLOCK        2048u /* of a CD-ROM */
#define RECORDS_MOST 16    /* of one connection in one go: the machine has its turn too */

/* ---- the machine's requests ---- */

static int64_t word(const struct io_port *p)
{
    const struct io_drive *d = &p->drive;
    uint64_t w = (uint64_t)d->generation << RING_MEDIUM_GENERATION_AT;

    if (p->in >= 0)
        w |= RING_MEDIUM_PRESENT | (p->read_only ? RING_MEDIUM_READ_ONLY : 0) | p->bytes / SECTOR;
    return (int64_t)w;
}

/* The medium is another now. */
static void changed(struct io_port *p)
{
    struct io_drive *d = &p->drive;

    d->generation = (d->generation + 1) % RING_MEDIUM_GENERATIONS;
    if (d->watched)
        io_answer(p, d->watch_id, word(p));
    d->watched = false;
}

static int64_t tell(struct io_port *p, const struct ring_request *q)
{
    struct io_drive *d = &p->drive;

    if (q->offset == RING_WORD_EJECT) /* of another one than the guest means: nothing is done */
        return q->length == d->generation ? io_media_eject(p) : -ENOMEDIUM;
    if (q->offset != RING_WORD_MEDIUM)
        return -EINVAL;
    if (q->length != d->generation)
        return word(p);
    if (d->watched)
        return -EALREADY;
    d->watched = true, d->watch_id = q->id;
    return IO_LATER;
}

static int64_t media_now(struct io_port *p, const struct ring_request *q)
{
    if (q->operation == RING_TELL)
        return tell(p, q);
    if (p->in < 0 || q->length != p->drive.generation)
        return -ENOMEDIUM;
    return io_block_now(p, q);
}

const struct io_ops io_media = {
    .name = "media",
    .operations = 1u << RING_READ | 1u << RING_WRITE | 1u << RING_SYNC | 1u << RING_TELL,
    .now = media_now,
};

/* ---- in and out ---- */

uint64_t io_media_bytes(const struct io_drive *d, uint64_t file_bytes)
{
    const struct fdc_geometry *g;

    if (!d->floppy)
        return file_bytes < BLOCK || file_bytes / SECTOR > UINT32_MAX ? 0 : file_bytes / SECTOR * SECTOR;
    g = fdc_geometry(file_bytes);
    return g && fdc_drive_takes((enum fdc_drive_type)d->type, g) ? file_bytes : 0;
}

/* Nothing is known of the descriptor: a pipe has no size, a directory has no bytes. */
static int examine(const struct io_drive *d, int fd, bool read_only, uint64_t *bytes, const char **why)
{
    uint8_t byte;
    struct iovec v = {&byte, 1};
    const off_t end = lseek(fd, 0, SEEK_END);

    *why = "it is neither a file nor a block device";
    if (end < 0)
        return -EINVAL;
    *why = d->floppy ? "its size is no floppy disk's that fits the drive" : "its size is no CD-ROM's";
    if ((*bytes = io_media_bytes(d, (uint64_t)end)) == 0)
        return -EINVAL;
    *why = "it cannot be read";
    if (preadv(fd, &v, 1, 0) != 1)
        return -EBADF;
    *why = "it is not open for writing";
    return read_only || pwritev(fd, &v, 0, 0) == 0 ? 0 : -EBADF;
}

int io_media_insert(struct io_port *p, int fd, bool read_only, const char **why)
{
    uint64_t bytes;
    int r;

    read_only |= !p->drive.floppy;
    if ((r = examine(&p->drive, fd, read_only, &bytes, why)) < 0)
        return r;
    *why = "the drive cannot take it";
    if (dup2(fd, p->drive.number) < 0) /* what was there is closed, and another machine may have it */
        return -errno;
    p->in = p->out = p->drive.number;
    p->bytes = bytes, p->read_only = read_only;
    changed(p);
    return 0;
}

int io_media_eject(struct io_port *p)
{
    if (p->in < 0)
        return -ENOMEDIUM;
    close(p->in);
    p->in = p->out = -1;
    p->bytes = 0, p->read_only = false;
    changed(p);
    return 0;
}

/* ---- moat's words ---- */

static struct io_port *find_drive(const struct io_door *d, uint32_t drive)
{
    return drive < IO_DRIVES ? d->drives[drive] : NULL;
}

static int insert(const struct io_door *d, const struct control_record *r, const char **why)
{
    struct control_insert i;
    struct io_port *p;

    control_payload(r, &i, sizeof i);
    *why = "there is no such drive";
    if (!(p = find_drive(d, i.drive)))
        return -ENODEV;
    *why = "no file came with it";
    if (r->fd < 0)
        return -EINVAL;
    *why = "it asks for something that is not known here";
    if (i.flags & ~CONTROL_INSERT_READ_ONLY)
        return -EOPNOTSUPP;
    return io_media_insert(p, r->fd, i.flags & CONTROL_INSERT_READ_ONLY, why);
}

static int eject(const struct io_door *d, const struct control_record *r, const char **why)
{
    struct control_eject e;
    struct io_port *p;

    control_payload(r, &e, sizeof e);
    *why = "there is no such drive";
    if (!(p = find_drive(d, e.drive)))
        return -ENODEV;
    *why = "the drive is empty";
    return io_media_eject(p);
}

static void obey(const struct io_door *d, int from, const struct control_record *r)
{
    const char *why = "it is no word for drives";
    int code = -EOPNOTSUPP;

    if (r->header.type == CONTROL_INSERT)
        code = insert(d, r, &why);
    else if (r->header.type == CONTROL_EJECT)
        code = eject(d, r, &why);
    control_answer(from, &r->header, code, why);
}

/* ---- connections ---- */

unsigned io_door_poll(const struct io_door *d, struct pollfd *v)
{
    unsigned n = 0;

    v[n++] = (struct pollfd){d->listening, POLLIN, 0};
    for (unsigned i = 0; i < IO_CLIENTS; i++)
        if (d->clients[i] >= 0)
            v[n++] = (struct pollfd){d->clients[i], POLLIN, 0};
    return n;
}

static void serve_client(struct io_door *d, unsigned which)
{
    const int client = d->clients[which];
    struct control_record r;
    int n = 0;

    for (int i = 0; i < RECORDS_MOST && (n = control_receive(client, &r, false)) > 0; i++) {
        d->heard[which] = true;
        obey(d, client, &r);
        if (r.fd >= 0)
            close(r.fd);
    }
    if (n > 0 || n == -EAGAIN)
        return;
    close(client);
    d->clients[which] = -1;
}

/* Where the next one goes: when there is no place, to that of one who was heard and has his answer, or else of one who
 * has come and said nothing. */
static unsigned make_room(struct io_door *d)
{
    for (unsigned i = 0; i < IO_CLIENTS; i++)
        if (d->clients[i] < 0)
            return i;
    unsigned out = 0;
    while (out < IO_CLIENTS && !d->heard[out])
        out++;
    if (out == IO_CLIENTS)
        out = d->next++ % IO_CLIENTS;
    close(d->clients[out]);
    return out;
}

/* Who comes has mostly said it by then, and is heard before he could have to make room. */
static void accept_all(struct io_door *d)
{
    int fd;

    for (unsigned i = 0; i < IO_CLIENTS; i++)
        if ((fd = accept4(d->listening, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC)) >= 0) {
            const unsigned place = make_room(d);
            d->clients[place] = fd, d->heard[place] = false;
            serve_client(d, place);
        }
}

/* Those who are here are heard before others take their places. */
void io_door_work(struct io_door *d)
{
    for (unsigned i = 0; i < IO_CLIENTS; i++)
        if (d->clients[i] >= 0)
            serve_client(d, i);
    accept_all(d);
}
