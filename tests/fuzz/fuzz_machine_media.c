/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A drive with both its ends, each against a hostile other: the device's side (dev/medium.h) asks as a controller does,
 * while requests of a machine process that was taken over and raw bytes get into the shared pages; and moat's socket
 * brings records of any bytes with any descriptors. Whatever comes: a controller is told what it asked for or an error,
 * never from within its own call; files keep their size, those that are read-only their contents; nothing stays open.
 */
#include "boundary/control.h"
#include "input.h"
#include "machine/dev/fdc.h"
#include "machine/dev/medium.h"
#include "machine/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define SLOTS  8u
#define STEPS  64
#define FLOPPY (160u << 10)
#define DISC   (4096u + 512)
#define NUMBER 400 /* of the drives' descriptors */

enum { FILE_FLOPPY, FILE_FIXED, FILE_DISC, FILE_ODD, FILE_PIPE, FILE_FOLDER, FILES };

static const struct gmem no_memory;
static struct world {
    struct ring_shared *shared;
    uint8_t *own;
    int kicked, answers, files[FILES], pipe_end;
} world;

static struct medium medium;
static struct backend backend;
static bool within; /* a call of the controller's */

/* ---- what is made once ---- */

static int file_of(size_t bytes)
{
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);

    check(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
    return fd;
}

static int reopened(int fd)
{
    char path[64] = "/proc/self/fd/", digits[12];
    unsigned n = 0, at = (unsigned)strlen(path);

    do
        digits[n++] = (char)('0' + fd % 10);
    while ((fd /= 10));
    while (n)
        path[at++] = digits[--n];
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void make_world(void)
{
    struct world *w = &world;
    int ends[2];

    if (w->shared)
        return;
    w->shared = aligned_alloc(64, (ring_bytes(SLOTS) + 63) & ~(size_t)63);
    w->own = malloc(MEDIUM_BUFFER);
    check(w->shared && w->own && pipe2(ends, O_CLOEXEC) == 0);
    w->kicked = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), w->answers = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    w->files[FILE_FLOPPY] = file_of(FLOPPY);
    w->files[FILE_FIXED] = reopened(file_of(FLOPPY));
    w->files[FILE_DISC] = file_of(DISC), w->files[FILE_ODD] = file_of(1000);
    w->files[FILE_PIPE] = ends[0], w->pipe_end = ends[1];
    w->files[FILE_FOLDER] = open("/", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    check(w->files[FILE_FIXED] >= 0 && w->files[FILE_FOLDER] >= 0);
}

/* ---- the controller ---- */

static void done(void *owner, int64_t result)
{
    check(owner == &medium && !within && !medium.busy && !medium.stalled);
    const int64_t all = medium.operation == RING_SYNC ? 0 : medium.n;
    check(result == all || result == -EIO || result == -ENOMEDIUM || result == -EROFS);
}

static void changed(void *owner)
{
    check(owner == &medium && !within && medium.bytes % 512 == 0);
    check(medium.present || (!medium.read_only && medium.bytes == 0));
}

static void nobody(struct backend *b)
{
    check(b == &backend);
}

static bool never(struct backend *b)
{
    check(b == &backend);
    return false;
}

static void control_drive(struct input *in)
{
    const uint8_t what = (uint8_t)(take(in, 1) % 6);
    const uint64_t offset = take(in, 1) & 1 ? take(in, 8) : take(in, 2) * 64;
    const uint32_t n = (uint32_t)(take(in, 1) & 1 ? take(in, 4) : take(in, 1) * 512);
    const bool busy = medium.busy;
    int r = 0;

    within = true;
    if (what == 0)
        r = medium_read(&medium, offset, n);
    else if (what == 1)
        r = medium_write(&medium, offset, n);
    else if (what == 2)
        r = medium_sync(&medium);
    else if (what == 3)
        medium_eject(&medium);
    within = false;
    if (what == 4)
        medium_retry(&medium);
    if (what == 5)
        r = medium_pause(&medium);
    check(what > 2 || !busy || r < 0);
    check(what > 1 || r < 0 || (n <= MEDIUM_BUFFER && offset <= medium.bytes && n <= medium.bytes - offset));
}

/* ---- the machine process, taken over ---- */

static void put_request(struct input *in, struct ring *machine)
{
    static const uint32_t regions[] = {RING_OWN, RING_OWN, 0, 1, 0x7fffffff};
    struct ring_request q = {.id = take(in, 1),
                             .operation = (uint16_t)(take(in, 1) % 10),
                             .n_segments = (uint16_t)(take(in, 1) % 4),
                             .offset = take(in, 1) & 1 ? take(in, 8) : take(in, 1),
                             .length = take(in, 1) & 1 ? take(in, 8) : take(in, 1) % 4};

    for (unsigned i = 0; i < q.n_segments; i++)
        q.segments[i] = (struct ring_segment){regions[take(in, 1) % 5], (uint32_t)take(in, 2), take(in, 3)};
    ring_submit(machine, &q, &(bool){false});
}

static void write_anything(struct input *in)
{
    const uint64_t at = take(in, 2) % (ring_bytes(SLOTS) - 8), word = take(in, 8);

    memcpy((uint8_t *)world.shared + at, &word, 8);
}

/* ---- moat, or a stranger ---- */

static void send_record(struct input *in, int sock)
{
    struct {
        struct control_header header;
        uint8_t bytes[16];
    } r = {.header = {.magic = CONTROL_MAGIC, .version = CONTROL_VERSION}};
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } control = {.h = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    const unsigned fds = (unsigned)(take(in, 1) % 4), n = (unsigned)(take(in, 1) % sizeof r.bytes);

    r.header.type = (uint16_t)(take(in, 1) & 3 ? CONTROL_INSERT + (take(in, 1) & 1) : take(in, 1));
    r.header.length = take(in, 1) & 7 ? n : (uint32_t)take(in, 4);
    for (unsigned i = 0; i < n; i++)
        r.bytes[i] = (uint8_t)(take(in, 1) % (i ? 2 : 5));
    for (unsigned i = 0; i < fds; i++)
        memcpy(CMSG_DATA(&control.h) + i * sizeof(int), &world.files[take(in, 1) % FILES], sizeof(int));
    control.h.cmsg_len = CMSG_LEN(fds * sizeof(int));
    struct iovec v = {&r, sizeof r.header + n};
    const struct msghdr m = {.msg_iov = &v,
                             .msg_iovlen = 1,
                             .msg_control = fds ? &control : NULL,
                             .msg_controllen = fds ? CMSG_SPACE(fds * sizeof(int)) : 0};
    check(sendmsg(sock, &m, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0 || errno == EAGAIN || errno == EPIPE);
}

/* ---- one input ---- */

static bool step(struct input *in, struct io_server *s, struct io_door *door, int sock, bool corrupt)
{
    const uint8_t what = (uint8_t)(take(in, 1) & 7);

    if (what < 3)
        control_drive(in);
    else if (what < 5)
        send_record(in, sock);
    else if (what == 5 && corrupt)
        put_request(in, &backend.ring);
    else if (what == 6 && corrupt)
        write_anything(in);
    io_door_work(door);
    const bool alive = io_server_pass(s, 0) == 0;
    check(s->ports[0]->ring.in_flight <= SLOTS && s->ports[0]->drive.generation < RING_MEDIUM_GENERATIONS);
    medium_poll(&medium);
    return alive;
}

static void check_files(void)
{
    static const uint8_t zeros[FLOPPY];
    static uint8_t bytes[FLOPPY];
    const struct world *w = &world;

    check(lseek(w->files[FILE_FLOPPY], 0, SEEK_END) == FLOPPY);
    check(lseek(w->files[FILE_DISC], 0, SEEK_END) == DISC && lseek(w->files[FILE_ODD], 0, SEEK_END) == 1000);
    check(pread(w->files[FILE_FIXED], bytes, FLOPPY, 0) == FLOPPY && memcmp(bytes, zeros, FLOPPY) == 0);
    check(pread(w->files[FILE_DISC], bytes, DISC, 0) == DISC && memcmp(bytes, zeros, DISC) == 0);
}

static int lowest_free(void)
{
    const int fd = dup(world.kicked);

    close(fd);
    return fd;
}

static void make_drive(struct io_port *p, bool floppy)
{
    *p = (struct io_port){.in = -1, .out = -1, .own = world.own, .own_bytes = MEDIUM_BUFFER};
    check(io_port_init(p, &io_media, world.shared, SLOTS, &no_memory) == 0);
    p->drive = (struct io_drive){.floppy = floppy, .type = FDC_360K, .number = NUMBER};
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct input in = {data, size};
    struct io_port port;
    struct io_door door = {.listening = -1, .clients = {-1, -1, -1, -1}, .drives = {&port, NULL, &port}};
    const uint8_t flags = (uint8_t)take(&in, 1);
    int pair[2];

    make_world();
    const int before = lowest_free();
    check(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) == 0);
    memset(world.shared, 0, ring_bytes(SLOTS));
    memset(world.own, 0xa5, MEDIUM_BUFFER);
    make_drive(&port, flags & 1);
    backend = (struct backend){.own = world.own, .own_bytes = MEDIUM_BUFFER, .kick = nobody, .wait = never};
    ring_init(&backend.ring, world.shared, SLOTS, true);
    medium_init(&medium, &backend, true, false, 0, false);
    medium_connect(&medium, done, changed, &medium);
    door.clients[0] = pair[0];
    struct io_server s = {.ports = {&port}, .n = 1, .door = &door, .kicked = world.kicked, .answers = world.answers};
    for (unsigned i = 0; i < STEPS && in.left && step(&in, &s, &door, pair[1], flags & 2); i++)
        ;
    close(pair[1]);
    for (unsigned i = 0; i < STEPS && door.clients[0] >= 0; i++) /* what was sent comes before the end */
        io_door_work(&door);
    check(door.clients[0] < 0);
    if (port.in >= 0)
        close(port.in);
    check(lowest_free() == before && fcntl(NUMBER, F_GETFD) < 0);
    check_files();
    return 0;
}
