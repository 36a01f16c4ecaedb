/* SPDX-License-Identifier: Apache-2.0 */
/* Drives of the I/O process: what the machine process may ask of them, and what comes over their socket. */
#include "boundary/control.h"
#include "machine/dev/fdc.h"
#include "machine/io.h"

// clang-format off
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
// clang-format on
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#define SLOTS  8u
#define NUMBER 200 /* of the drives' descriptors, away from all others */
#define SMALL  (720u << 10)
#define FLOPPY (1440u << 10)
#define DISC   (2048u * 10)

static const struct gmem no_memory;
static struct drive {
    struct io_port port;
    struct ring machine;
    struct ring_shared *shared;
    uint8_t own[4096];
} drives[IO_DRIVES];
static struct io_server server;
static struct io_door door;

static int image(uint64_t bytes)
{
    const int fd = memfd_create("medium", MFD_CLOEXEC);

    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, (off_t)bytes), 0);
    return fd;
}

static struct sockaddr_un address;
static socklen_t address_bytes;

/* A socket without a path, with a name that the kernel makes. */
static int listen_somewhere(void)
{
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    const sa_family_t family = AF_UNIX;

    assert_int_equal(bind(fd, (const struct sockaddr *)(const void *)&family, sizeof family), 0);
    address_bytes = sizeof address;
    assert_int_equal(getsockname(fd, (struct sockaddr *)(void *)&address, &address_bytes), 0);
    assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static int connect_to_it(void)
{
    const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (const struct sockaddr *)(const void *)&address, address_bytes), 0);
    return fd;
}

static int make(void **state)
{
    (void)state;
    door = (struct io_door){.listening = listen_somewhere(), .clients = {-1, -1, -1, -1}};
    server = (struct io_server){.door = &door};
    for (unsigned i = 0; i < IO_DRIVES; i++) {
        struct drive *d = &drives[i];
        memset(d, 0, sizeof *d);
        d->shared = aligned_alloc(4096, (ring_bytes(SLOTS) + 4095) & ~(size_t)4095);
        memset(d->shared, 0, ring_bytes(SLOTS));
        assert_int_equal(io_port_init(&d->port, &io_media, d->shared, SLOTS, &no_memory), 0);
        d->port.own = d->own, d->port.own_bytes = sizeof d->own;
        d->port.in = d->port.out = -1;
        d->port.drive = (struct io_drive){.floppy = i != CONTROL_CDROM0, .type = FDC_1440K, .number = NUMBER + (int)i};
        ring_init(&d->machine, d->shared, SLOTS, true);
        server.ports[server.n++] = door.drives[i] = &d->port;
    }
    server.kicked = eventfd(0, EFD_NONBLOCK), server.answers = eventfd(0, EFD_NONBLOCK);
    return 0;
}

static int unmake(void **state)
{
    (void)state;
    for (unsigned i = 0; i < IO_DRIVES; i++) {
        if (drives[i].port.in >= 0)
            close(drives[i].port.in);
        free(drives[i].shared);
    }
    for (unsigned i = 0; i < IO_CLIENTS; i++)
        if (door.clients[i] >= 0)
            close(door.clients[i]);
    close(door.listening);
    close(server.kicked);
    close(server.answers);
    return 0;
}

/* ---- the machine process ---- */

static void submit(struct drive *d, const struct ring_request *q)
{
    assert_int_equal(ring_submit(&d->machine, q, &(bool){false}), 0);
    assert_int_equal(io_server_pass(&server, 0), 0);
}

static bool answered(struct drive *d, uint64_t id, int64_t *result)
{
    struct ring_answer a;

    if (ring_answered(&d->machine, &a) != 1)
        return false;
    assert_int_equal(a.id, id);
    *result = a.result;
    return true;
}

static int64_t ask(struct drive *d, const struct ring_request *q)
{
    int64_t result = INT64_MIN;

    submit(d, q);
    assert_true(answered(d, q->id, &result));
    return result;
}

/* A sector at `offset`, in the ring's own pages. */
static int64_t transfer(struct drive *d, uint16_t operation, uint64_t offset, uint32_t generation)
{
    return ask(d, &(struct ring_request){.id = 9,
                                         .operation = operation,
                                         .offset = offset,
                                         .length = generation,
                                         .n_segments = operation != RING_SYNC,
                                         .segments = {{RING_OWN, 512, 0}}});
}

static int64_t tell(struct drive *d, uint64_t word, uint64_t argument)
{
    return ask(d, &(struct ring_request){.id = 8, .operation = RING_TELL, .offset = word, .length = argument});
}

/* ---- moat ---- */

/* One record's answer; the text that came with it is in r. */
static int said(int sock, struct control_record *r)
{
    io_door_work(&door); /* who has come is heard the next time */
    io_door_work(&door);
    assert_int_equal(io_server_pass(&server, 0), 0);
    assert_int_equal(control_receive(sock, r, false), 1);
    assert_int_equal(r->fd, -1);
    r->payload[r->header.length] = 0;
    return r->header.code;
}

static int put_in(int sock, uint32_t drive, uint32_t flags, int fd)
{
    const struct control_insert i = {drive, flags};
    struct control_record r;

    assert_int_equal(control_send(sock, CONTROL_INSERT, 77, 0, &i, sizeof i, fd), 0);
    const int code = said(sock, &r);
    assert_int_equal(r.header.type, CONTROL_INSERT | CONTROL_REPLY);
    assert_int_equal(r.header.serial, 77);
    assert_int_equal(r.header.length != 0, code < 0); /* a sentence says why not */
    return code;
}

static int take_out(int sock, uint32_t drive)
{
    const struct control_eject e = {drive};
    struct control_record r;

    assert_int_equal(control_send(sock, CONTROL_EJECT, 78, 0, &e, sizeof e, -1), 0);
    return said(sock, &r);
}

/* ---- requests of the machine process ---- */

static void test_drive_that_is_empty_refuses(void **state)
{
    (void)state;
    assert_int_equal(transfer(&drives[0], RING_READ, 0, 0), -ENOMEDIUM);
    assert_int_equal(transfer(&drives[0], RING_WRITE, 0, 0), -ENOMEDIUM);
    assert_int_equal(transfer(&drives[0], RING_SYNC, 0, 0), -ENOMEDIUM);
    assert_int_equal(tell(&drives[0], RING_WORD_EJECT, 0), -ENOMEDIUM);
    assert_int_equal(tell(&drives[0], RING_WORD_SIZE, 0), -EINVAL);
    assert_int_equal(io_media_eject(&drives[0].port), -ENOMEDIUM);
}

static void test_drive_reads_and_writes_its_medium_and_nothing_beyond(void **state)
{
    struct drive *d = &drives[0];
    const int fd = image(SMALL);
    const char *why;

    (void)state;
    assert_int_equal(pwrite(fd, "first", 5, 0), 5);
    assert_int_equal(io_media_insert(&d->port, fd, false, &why), 0);
    assert_int_equal(transfer(d, RING_READ, 0, 1), 512);
    assert_memory_equal(d->own, "first", 6);
    memset(d->own, 0x5a, 512);
    assert_int_equal(transfer(d, RING_WRITE, SMALL - 512, 1), 512);
    assert_int_equal(transfer(d, RING_SYNC, 0, 1), 0);
    assert_int_equal(pread(fd, d->own + 1000, 512, SMALL - 512), 512);
    assert_memory_equal(d->own + 1000, d->own, 512);
    assert_int_equal(transfer(d, RING_WRITE, SMALL - 511, 1), -EINVAL);
    assert_int_equal(transfer(d, RING_READ, UINT64_MAX - 511, 1), -EINVAL);
    assert_int_equal(transfer(d, RING_DISCARD, 0, 1), -EINVAL);
    assert_int_equal(transfer(d, RING_ZERO, 0, 1), -EINVAL);
    assert_int_equal(lseek(fd, 0, SEEK_END), SMALL);
    close(fd);
}

static void test_drive_reaches_no_guest_memory(void **state)
{
    struct ring_request q = {.id = 4, .operation = RING_READ, .length = 1, .n_segments = 1};
    const int fd = image(FLOPPY);
    const char *why;

    (void)state;
    assert_int_equal(io_media_insert(&drives[0].port, fd, false, &why), 0);
    q.segments[0] = (struct ring_segment){.region = 0, .length = 512};
    assert_int_equal(ask(&drives[0], &q), -EINVAL);
    q.segments[0] = (struct ring_segment){.region = RING_OWN, .length = 512, .offset = sizeof drives[0].own - 511};
    assert_int_equal(ask(&drives[0], &q), -EINVAL);
    close(fd);
}

/* What was meant for one medium is never done to another. */
static void test_requests_of_another_generation_are_refused(void **state)
{
    struct drive *d = &drives[0];
    const int one = image(FLOPPY), two = image(FLOPPY);
    const char *why;
    uint8_t byte;

    (void)state;
    assert_int_equal(io_media_insert(&d->port, one, false, &why), 0);
    assert_int_equal(io_media_insert(&d->port, two, false, &why), 0);
    memset(d->own, 0x5a, 512);
    for (uint32_t generation = 0; generation < 4; generation++)
        assert_int_equal(transfer(d, RING_WRITE, 512 * generation, generation), generation == 2 ? 512 : -ENOMEDIUM);
    assert_int_equal(tell(d, RING_WORD_EJECT, 1), -ENOMEDIUM);
    assert_int_equal(pread(two, &byte, 1, 0), 1);
    assert_int_equal(byte, 0);
    assert_int_equal(pread(two, &byte, 1, 1024), 1);
    assert_int_equal(byte, 0x5a);
    close(one);
    close(two);
}

static void test_drive_tells_of_another_medium_once(void **state)
{
    struct drive *d = &drives[0];
    const struct ring_request q = {.id = 5, .operation = RING_TELL, .offset = RING_WORD_MEDIUM, .length = 0};
    const int fd = image(SMALL);
    const char *why;
    int64_t word = 0;

    (void)state;
    submit(d, &q);
    assert_false(answered(d, 5, &word));
    assert_int_equal(tell(d, RING_WORD_MEDIUM, 0), -EALREADY);
    assert_int_equal(io_media_insert(&d->port, fd, true, &why), 0);
    assert_true(answered(d, 5, &word));
    assert_true((uint64_t)word & RING_MEDIUM_PRESENT && (uint64_t)word & RING_MEDIUM_READ_ONLY);
    assert_int_equal(RING_MEDIUM_SECTORS(word), SMALL / 512);
    assert_int_equal(RING_MEDIUM_GENERATION_OF(word), 1);
    assert_int_equal(tell(d, RING_WORD_MEDIUM, 0), word); /* who is behind is told at once */
    assert_int_equal(transfer(d, RING_WRITE, 0, 1), -EROFS);
    assert_int_equal(tell(d, RING_WORD_EJECT, 1), 0);
    assert_int_equal(RING_MEDIUM_GENERATION_OF(tell(d, RING_WORD_MEDIUM, 1)), 2);
    assert_int_equal(fcntl(NUMBER, F_GETFD), -1);
    close(fd);
}

static void test_drives_generation_begins_anew_after_the_last(void **state)
{
    struct drive *d = &drives[0];
    const int fd = image(SMALL);
    const char *why;

    (void)state;
    d->port.drive.generation = RING_MEDIUM_GENERATIONS - 1;
    assert_int_equal(io_media_insert(&d->port, fd, false, &why), 0);
    const int64_t word = tell(d, RING_WORD_MEDIUM, 1);
    assert_true(word > 0);
    assert_int_equal(RING_MEDIUM_GENERATION_OF(word), 0);
    close(fd);
}

/* ---- what fits ---- */

static void test_drives_take_media_of_their_sizes(void **state)
{
    static const struct {
        uint64_t bytes;
        enum fdc_drive_type type;
        bool fits;
    } rows[] = {
        {FLOPPY, FDC_1440K, true},       {SMALL, FDC_1440K, true},
        {2880u << 10, FDC_1440K, false}, {2880u << 10, FDC_2880K, true},
        {1200u << 10, FDC_1200K, true},  {1200u << 10, FDC_1440K, false},
        {0, FDC_1440K, false},           {512, FDC_1440K, false},
        {FLOPPY - 1, FDC_1440K, false},  {FLOPPY + 512, FDC_2880K, false},
    };
    struct io_drive d = {.floppy = true};

    (void)state;
    for (unsigned i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        d.type = (uint8_t)rows[i].type;
        if (io_media_bytes(&d, rows[i].bytes) != (rows[i].fits ? rows[i].bytes : 0))
            fail_msg("row %u", i);
    }
    d = (struct io_drive){0};
    assert_int_equal(io_media_bytes(&d, DISC + 700), DISC + 512);
    assert_int_equal(io_media_bytes(&d, 2047), 0);
    assert_int_equal(io_media_bytes(&d, UINT64_C(512) * UINT32_MAX), UINT64_C(512) * UINT32_MAX);
    assert_int_equal(io_media_bytes(&d, UINT64_C(512) << 32), 0);
}

static void test_what_is_no_medium_is_refused_and_the_old_one_stays(void **state)
{
    struct drive *d = &drives[0];
    const int good = image(FLOPPY), odd = image(FLOPPY + 1), again = image(FLOPPY);
    const char *why = NULL;
    char path[64];
    int ends[2];

    (void)state;
    assert_int_equal(io_media_insert(&d->port, good, false, &why), 0);
    snprintf(path, sizeof path, "/proc/self/fd/%d", again);
    const int reads = open(path, O_RDONLY), writes = open(path, O_WRONLY), folder = open("/", O_RDONLY | O_DIRECTORY);
    assert_int_equal(pipe(ends), 0);
    assert_int_equal(io_media_insert(&d->port, odd, false, &why), -EINVAL);
    assert_non_null(strstr(why, "size"));
    assert_int_equal(io_media_insert(&d->port, ends[0], false, &why), -EINVAL);
    assert_true(io_media_insert(&d->port, folder, false, &why) < 0);
    assert_true(io_media_insert(&drives[2].port, folder, false, &why) < 0);
    assert_int_equal(io_media_insert(&d->port, writes, false, &why), -EBADF);
    assert_int_equal(io_media_insert(&d->port, reads, false, &why), -EBADF);
    assert_non_null(strstr(why, "writing"));
    assert_int_equal(d->port.drive.generation, 1);
    assert_int_equal(transfer(d, RING_WRITE, 0, 1), 512);
    assert_int_equal(io_media_insert(&d->port, reads, true, &why), 0);
    assert_int_equal(d->port.drive.generation, 2);
    const int all[] = {good, odd, again, reads, writes, folder, ends[0], ends[1]};
    for (unsigned i = 0; i < sizeof all / sizeof all[0]; i++)
        close(all[i]);
}

/* The lock is of the open file: it is another's when nobody has that any more. */
static void test_what_was_taken_out_is_let_go(void **state)
{
    struct drive *d = &drives[0];
    struct flock lock = {.l_type = F_WRLCK};
    const char *why;
    char path[64];
    const int kept = image(FLOPPY);

    (void)state;
    snprintf(path, sizeof path, "/proc/self/fd/%d", kept);
    for (unsigned i = 0; i < 2; i++) {
        const int fd = open(path, O_RDWR);
        assert_int_equal(fcntl(fd, F_OFD_SETLK, &lock), 0);
        assert_int_equal(io_media_insert(&d->port, fd, false, &why), 0);
        close(fd);
        assert_int_equal(fcntl(kept, F_OFD_SETLK, &lock), -1);
        if (i == 0) {
            assert_int_equal(io_media_eject(&d->port), 0);
        } else {
            const int other = image(FLOPPY);
            assert_int_equal(io_media_insert(&d->port, other, false, &why), 0);
            close(other);
        }
        assert_int_equal(fcntl(kept, F_OFD_SETLK, &lock), 0);
        lock.l_type = F_UNLCK;
        assert_int_equal(fcntl(kept, F_OFD_SETLK, &lock), 0);
        lock.l_type = F_WRLCK;
    }
    close(kept);
}

/* ---- the socket ---- */

static void test_moat_puts_media_in_and_takes_them_out(void **state)
{
    struct drive *floppy = &drives[CONTROL_FLOPPY1], *disc = &drives[CONTROL_CDROM0];
    const int sock = connect_to_it(), one = image(FLOPPY), two = image(DISC);
    const struct ring_request q = {.id = 5, .operation = RING_TELL, .offset = RING_WORD_MEDIUM};
    uint64_t kicks;
    int64_t word = 0;

    (void)state;
    submit(floppy, &q);
    assert_false(ring_sleep(&floppy->machine));
    assert_int_equal(take_out(sock, CONTROL_FLOPPY1), -ENOMEDIUM);
    assert_int_equal(put_in(sock, CONTROL_FLOPPY1, CONTROL_INSERT_READ_ONLY, one), 0);
    assert_int_equal(read(server.answers, &kicks, sizeof kicks), sizeof kicks); /* the machine process is told */
    assert_true(answered(floppy, 5, &word));
    assert_true((uint64_t)word & RING_MEDIUM_READ_ONLY);
    assert_int_equal(put_in(sock, CONTROL_CDROM0, 0, two), 0);
    assert_true(disc->port.read_only); /* always */
    assert_int_equal(transfer(disc, RING_READ, 0, 1), 512);
    assert_int_equal(put_in(sock, CONTROL_FLOPPY1, 0, one), 0); /* in the place of what is there */
    assert_false(floppy->port.read_only);
    assert_int_equal(floppy->port.drive.generation, 2);
    assert_int_equal(take_out(sock, CONTROL_FLOPPY1), 0);
    assert_int_equal(take_out(sock, CONTROL_FLOPPY1), -ENOMEDIUM);
    assert_int_equal(drives[CONTROL_FLOPPY0].port.in, -1);
    close(sock);
    close(one);
    close(two);
}

static void test_moat_is_told_why_not(void **state)
{
    const int sock = connect_to_it(), fd = image(FLOPPY), odd = image(1000);
    const uint32_t half = CONTROL_FLOPPY0; /* of an older moat, which knew no flags */
    struct control_record r;

    (void)state;
    assert_int_equal(put_in(sock, CONTROL_DRIVES, 0, fd), -ENODEV);
    assert_int_equal(put_in(sock, UINT32_MAX, 0, fd), -ENODEV);
    assert_int_equal(put_in(sock, CONTROL_FLOPPY0, 0, -1), -EINVAL);
    assert_int_equal(put_in(sock, CONTROL_FLOPPY0, 2, fd), -EOPNOTSUPP);
    assert_int_equal(put_in(sock, CONTROL_FLOPPY0, 0, odd), -EINVAL);
    assert_int_equal(take_out(sock, CONTROL_DRIVES), -ENODEV);
    assert_int_equal(control_send(sock, CONTROL_SNAPSHOT, 1, 0, NULL, 0, fd), 0);
    assert_int_equal(said(sock, &r), -EOPNOTSUPP);
    assert_int_equal(control_send(sock, CONTROL_INSERT, 1, 0, &half, sizeof half, fd), 0);
    assert_int_equal(said(sock, &r), 0);
    close(sock);
    close(fd);
    close(odd);
}

static unsigned open_descriptors(void)
{
    unsigned n = 0;

    for (int fd = 0; fd < 512; fd++)
        n += fcntl(fd, F_GETFD) >= 0;
    return n;
}

/* Several descriptors in one message, or some with no record at all: none stays open. */
static void send_many(int sock, const void *bytes, size_t length, const int *fds, size_t n)
{
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(8 * sizeof(int))];
    } control = {.h = {.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(n * sizeof(int))}};
    struct iovec v = {(void *)(uintptr_t)bytes, length};
    const struct msghdr m = {
        .msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = CMSG_SPACE(n * sizeof(int))};

    memcpy(CMSG_DATA(&control.h), fds, n * sizeof(int));
    assert_int_equal(sendmsg(sock, &m, 0), length);
}

static void test_what_strangers_send_leaves_nothing_open(void **state)
{
    const int fd = image(FLOPPY), fds[8] = {fd, fd, fd, fd, fd, fd, fd, fd};
    struct {
        struct control_header header;
        struct control_insert insert;
    } record = {.header = {.magic = CONTROL_MAGIC,
                           .version = CONTROL_VERSION,
                           .type = CONTROL_INSERT,
                           .length = sizeof record.insert},
                .insert = {CONTROL_DRIVES, 0}};
    const unsigned before = open_descriptors();

    (void)state;
    for (unsigned i = 0; i < 6; i++) {
        const int sock = connect_to_it();
        if (i == 0)
            send_many(sock, "garbage", 7, fds, 1);
        else if (i == 1)
            send_many(sock, &record, sizeof record, fds, 8); /* and it is no such drive */
        else if (i == 2)
            send_many(sock, &record, sizeof record - 1, fds, 2); /* its length lies */
        else if (i == 3)
            record.header.version = 9, send_many(sock, &record, sizeof record, fds, 4);
        else if (i == 4)
            send_many(sock, "", 1, fds, 4);
        io_door_work(&door);
        io_door_work(&door);
        close(sock);
        io_door_work(&door);
        assert_int_equal(open_descriptors(), before);
    }
    close(fd);
}

/* Four that say nothing do not keep the fifth out, and who does not read his answers is not waited for. */
static void test_who_hangs_delays_nobody(void **state)
{
    const struct control_eject e = {CONTROL_CDROM0};
    int idle[IO_CLIENTS], deaf = connect_to_it();
    struct control_record r;

    (void)state;
    for (unsigned i = 0; i < 300; i++) { /* more than any socket holds answers */
        const int sent = control_send(deaf, CONTROL_EJECT, i, 0, &e, sizeof e, -1);
        assert_true(sent == 0 || sent == -EAGAIN);
        io_door_work(&door);
    }
    for (unsigned i = 0; i < IO_CLIENTS; i++) {
        idle[i] = connect_to_it();
        io_door_work(&door);
    }
    const int sock = connect_to_it(), fd = image(FLOPPY);
    assert_int_equal(put_in(sock, CONTROL_FLOPPY0, 0, fd), 0);
    assert_int_equal(control_receive(deaf, &r, false), 1);
    for (unsigned i = 0; i < IO_CLIENTS; i++)
        close(idle[i]);
    close(deaf);
    close(sock);
    close(fd);
}

/* ---- no room ---- */

static bool write_file(const char *path, const char *text)
{
    const int fd = open(path, O_WRONLY);
    const bool ok = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);

    close(fd);
    return ok;
}

/* Root of its own mounts, where that is allowed. */
static bool namespaces(void)
{
    char users[32], groups[32];

    snprintf(users, sizeof users, "0 %u 1", geteuid());
    snprintf(groups, sizeof groups, "0 %u 1", getegid());
    return unshare(CLONE_NEWNS) == 0 ||
           (unshare(CLONE_NEWUSER | CLONE_NEWNS) == 0 && write_file("/proc/self/setgroups", "deny") &&
            write_file("/proc/self/uid_map", users) && write_file("/proc/self/gid_map", groups));
}

/* A file system of a few pages, of a process of its own. */
static int full_file_system(void)
{
    struct drive *d = &drives[0];
    const char *why;

    if (!namespaces() || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
        mount("none", "/tmp", "tmpfs", 0, "size=16k,nr_inodes=16") < 0)
        return 77;
    const int fd = open("/tmp/floppy", O_RDWR | O_CREAT, 0600), filler = open("/tmp/filler", O_RDWR | O_CREAT, 0600);
    if (fd < 0 || filler < 0 || ftruncate(fd, FLOPPY) < 0 || io_media_insert(&d->port, fd, false, &why) < 0)
        return 1;
    while (write(filler, drives[1].own, 4096) == 4096)
        ;
    if (transfer(d, RING_WRITE, 4096, 1) != -ENOSPC)
        return 2;
    memset(d->own, 0x5a, 512);
    if (ftruncate(filler, 0) < 0 || transfer(d, RING_WRITE, 4096, 1) != 512)
        return 3;
    return pread(fd, d->own + 512, 512, 4096) == 512 && memcmp(d->own, d->own + 512, 512) == 0 ? 0 : 4;
}

static void test_a_write_without_room_says_so_and_can_be_tried_again(void **state)
{
    int status;

    (void)state;
    const pid_t child = fork();
    if (child == 0)
        _exit(full_file_system());
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    if (WEXITSTATUS(status) == 77)
        skip(); /* no namespaces here */
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- the loop ---- */

static void *serve(void *unused)
{
    io_serve(&server);
    return unused;
}

static void test_server_sleeps_and_hears_both(void **state)
{
    const struct ring_request q = {.id = 5, .operation = RING_TELL, .offset = RING_WORD_MEDIUM};
    struct drive *d = &drives[0];
    struct pollfd p = {server.answers, POLLIN, 0};
    struct control_record r;
    pthread_t thread;
    int64_t word = 0;
    uint64_t count;

    (void)state;
    bool kick = false;
    assert_int_equal(ring_submit(&d->machine, &q, &kick), 0);
    assert_int_equal(pthread_create(&thread, NULL, serve, NULL), 0);
    const int sock = connect_to_it(), fd = image(FLOPPY);
    const struct control_insert i = {CONTROL_FLOPPY0, 0};
    assert_int_equal(control_send(sock, CONTROL_INSERT, 1, 0, &i, sizeof i, fd), 0);
    assert_int_equal(control_receive(sock, &r, true), 1);
    assert_int_equal(r.header.code, 0);
    while (!ring_sleep(&d->machine) && poll(&p, 1, 20000) == 1 && read(server.answers, &count, 8) == 8)
        ;
    assert_true(answered(d, 5, &word));
    assert_true((uint64_t)word & RING_MEDIUM_PRESENT);
    d->shared->request_head += SLOTS + 1; /* ends it */
    assert_int_equal(write(server.kicked, &(uint64_t){1}, 8), 8);
    pthread_join(thread, NULL);
    close(sock);
    close(fd);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, make, unmake)
    const struct CMUnitTest tests[] = {
        T(test_drive_that_is_empty_refuses),
        T(test_drive_reads_and_writes_its_medium_and_nothing_beyond),
        T(test_drive_reaches_no_guest_memory),
        T(test_requests_of_another_generation_are_refused),
        T(test_drive_tells_of_another_medium_once),
        T(test_drives_generation_begins_anew_after_the_last),
        T(test_drives_take_media_of_their_sizes),
        T(test_what_is_no_medium_is_refused_and_the_old_one_stays),
        T(test_what_was_taken_out_is_let_go),
        T(test_moat_puts_media_in_and_takes_them_out),
        T(test_moat_is_told_why_not),
        T(test_what_strangers_send_leaves_nothing_open),
        T(test_who_hangs_delays_nobody),
        T(test_a_write_without_room_says_so_and_can_be_tried_again),
        T(test_server_sleeps_and_hears_both),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
