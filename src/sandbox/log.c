/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writing the log: from a pipe to a file by splice(2), a record at a time, each within the size of its file. The bytes
 * are the workload's and are never looked at. A killed writer leaves at most one open record, which log_open() closes
 * at the end of the file.
 */
#include "sandbox/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define RESERVE 4096u

static uint64_t now_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void file_name(char out[16], uint32_t i)
{
    if (i)
        snprintf(out, 16, "log.%u", i);
    else
        strcpy(out, "log");
}

/* The head of an empty file, the next in order. */
static int begin_file(struct log *l)
{
    struct log_file_header f = {LOG_MAGIC, l->sequence + 1};

    if (ftruncate(l->fd, 0) < 0 || pwrite(l->fd, &f, sizeof f, 0) != sizeof f)
        return -ENOSPC;
    l->sequence++;
    l->at = sizeof f;
    l->reserved = false;
    return 0;
}

/* Takes a block at the file's end in advance: it is given back when the disk is full, and holds the note about that.
 * False: the disk is full. A file system that cannot do it, or a file that is small or nearly full, goes without. */
static bool reserve(struct log *l)
{
    uint64_t blocks = l->size_max / RESERVE * RESERVE;

    if (l->reserved || l->fd < 0 || blocks < 2 * RESERVE || blocks - RESERVE <= l->at)
        return true;
    l->reserved = fallocate(l->fd, FALLOC_FL_KEEP_SIZE, (off_t)(blocks - RESERVE), RESERVE) == 0;
    return l->reserved || errno != ENOSPC;
}

/* ---- where a killed writer stopped -------------------------------------------------------------------------- */

/* The number of the newest of the older files: where "log" is missing or says nothing, it goes on from there. */
static uint64_t newest_sequence(int dir_fd)
{
    uint64_t newest = 0;

    for (uint32_t i = 1; i < LOG_FILES_MAX; i++) {
        struct log_file_header f;
        char name[16];
        file_name(name, i);
        int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
        if (fd < 0)
            continue;
        if (pread(fd, &f, sizeof f, 0) == sizeof f && f.magic == LOG_MAGIC && f.sequence > newest)
            newest = f.sequence;
        close(fd);
    }
    return newest;
}

/* Walks the records to the end. What does not look like a record ends the log there. */
static int find_end(struct log *l)
{
    struct log_file_header f;
    struct stat st;

    if (fstat(l->fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode))
        return -EINVAL;
    if (st.st_size < (off_t)sizeof f) { /* killed before its header was written */
        l->sequence = newest_sequence(l->dir_fd);
        return begin_file(l);
    }
    if (pread(l->fd, &f, sizeof f, 0) != sizeof f || f.magic != LOG_MAGIC)
        return -EINVAL;
    l->sequence = f.sequence;
    l->at = sizeof f;
    for (;;) {
        struct log_header h;
        if (pread(l->fd, &h, sizeof h, (off_t)l->at) != sizeof h || h.mark != LOG_MARK)
            break;
        if (h.flags & LOG_CLOSED) /* killed before the rename: it goes on here */
            break;
        uint64_t end = l->at + sizeof h + h.length;
        if (h.flags & LOG_OPEN) { /* its bytes are all that is there */
            end = (uint64_t)st.st_size;
            if (end - l->at - sizeof h > UINT32_MAX) /* no writer of ours makes it so large */
                break;
            h.length = (uint32_t)(end - l->at - sizeof h);
            h.flags &= (uint8_t)~LOG_OPEN;
            if (h.length && pwrite(l->fd, &h, sizeof h, (off_t)l->at) != sizeof h)
                return -errno;
            if (!h.length)
                break;
        }
        if (end > (uint64_t)st.st_size)
            break;
        l->at = end;
    }
    return ftruncate(l->fd, (off_t)l->at) < 0 ? -errno : 0;
}

static int new_file(struct log *l)
{
    l->fd = openat(l->dir_fd, "log", O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (l->fd < 0)
        return -errno;
    int r = begin_file(l);
    if (r < 0) {
        close(l->fd);
        l->fd = -1;
        unlinkat(l->dir_fd, "log", 0);
    }
    return r;
}

static void shift_files(struct log *l)
{
    for (uint32_t i = l->files_max - 1; i > 0; i--) {
        char from[16], to[16];
        file_name(from, i - 1);
        file_name(to, i);
        renameat(l->dir_fd, from, l->dir_fd, to);
    }
    if (l->files_max == 1)
        unlinkat(l->dir_fd, "log", 0);
}

static int put_header(struct log *l, uint8_t stream, uint8_t flags, uint32_t length)
{
    struct log_header h = {.time_ns = now_ns(), .length = length, .stream = stream, .flags = flags, .mark = LOG_MARK};
    ssize_t n = pwrite(l->fd, &h, sizeof h, (off_t)l->at);

    return n == (ssize_t)sizeof h ? 0 : n < 0 ? -errno : -ENOSPC;
}

/* A reader of the full file sees by its last record that it has to go on in the next. */
static int rotate(struct log *l)
{
    put_header(l, 0, LOG_CLOSED, 0);
    close(l->fd);
    l->fd = -1;
    shift_files(l);
    return new_file(l);
}

int log_open(struct log *l, int dir_fd, uint64_t size_max, uint32_t files_max, struct err *err)
{
    *l = (struct log){.dir_fd = dir_fd, .fd = -1, .size_max = size_max, .files_max = files_max ? files_max : 1};
    l->null_fd = open("/dev/null", O_WRONLY | O_CLOEXEC);
    if (l->null_fd < 0)
        return err_sys(err, -errno, "/dev/null");
    if (!size_max)
        return 0;
    l->fd = openat(dir_fd, "log", O_RDWR | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    int r = l->fd >= 0 ? find_end(l) : -errno;
    if (r == -EINVAL) { /* not a log of this version: set aside, not overwritten */
        close(l->fd);
        shift_files(l);
    }
    if (r == -EINVAL || r == -ENOENT) {
        l->sequence = newest_sequence(dir_fd);
        r = new_file(l);
    }
    if (r == 0)
        reserve(l);
    return r < 0 && r != -ENOSPC ? err_sys(err, r, "log of the sandbox") : 0;
}

void log_close(struct log *l)
{
    if (l->fd >= 0)
        close(l->fd);
    if (l->null_fd >= 0)
        close(l->null_fd);
    l->fd = l->null_fd = -1;
}

/* ---- records ------------------------------------------------------------------------------------------------ */

/* Room for at least one byte behind a header, with place for the closing record. */
static int make_room(struct log *l, uint64_t *room)
{
    uint64_t used = l->at + 2 * sizeof(struct log_header);
    int r = 0;

    if (l->fd < 0)
        r = new_file(l); /* the disk was full */
    else if (used + 1 > l->size_max)
        r = rotate(l);
    if (r == 0)
        reserve(l);
    used = l->at + 2 * sizeof(struct log_header);
    *room = l->size_max > used ? l->size_max - used : 1;
    return r;
}

/* The disk is full. The older files are given up first: what is new says more. */
static void give_up_old(struct log *l)
{
    for (uint32_t i = 1; i < l->files_max; i++) {
        char name[16];
        file_name(name, i);
        unlinkat(l->dir_fd, name, 0);
    }
}

/* The number before its header: until that is there, the record is not. */
static void write_gap(struct log *l)
{
    const uint64_t size = sizeof(struct log_header) + sizeof l->lost;

    if (l->fd >= 0 && l->at + size + sizeof(struct log_header) > l->size_max)
        rotate(l);
    if (l->fd < 0)
        return;
    if (l->reserved && ftruncate(l->fd, (off_t)l->at) == 0)
        l->reserved = false;
    off_t number = (off_t)(l->at + sizeof(struct log_header));
    if (pwrite(l->fd, &l->lost, sizeof l->lost, number) != sizeof l->lost ||
        put_header(l, 0, LOG_LOST, sizeof l->lost) < 0)
        return;
    l->gap = (uint64_t)number;
    l->at += size;
}

/* More is missing. While the gap lasts its record is the last one, and its number grows in place, which takes no room.
 */
static void lose(struct log *l, uint64_t n)
{
    if (!l->lost)
        give_up_old(l);
    l->lost += n;
    if (!l->gap)
        write_gap(l);
    else if (pwrite(l->fd, &l->lost, sizeof l->lost, (off_t)l->gap) < 0)
        return; /* the number is too small then */
}

/* Whether there is room again, with the gap on record. */
static bool end_gap(struct log *l)
{
    if (!l->lost)
        return true;
    if (l->fd < 0 && new_file(l) < 0)
        return false;
    if (!l->gap)
        write_gap(l);
    if (!l->gap || !reserve(l))
        return false;
    l->gap = l->lost = 0;
    return true;
}

static int64_t drop(struct log *l, int pipe_fd, uint64_t most)
{
    ssize_t n = splice(pipe_fd, NULL, l->null_fd, NULL, most && most < (1 << 20) ? most : 1 << 20, SPLICE_F_NONBLOCK);

    if (n > 0 && l->size_max)
        lose(l, (uint64_t)n);
    return n < 0 ? (errno == EAGAIN ? 0 : -errno) : n;
}

int64_t log_take(struct log *l, int pipe_fd, uint8_t stream, uint64_t most)
{
    uint64_t room;

    if (!l->size_max)
        return drop(l, pipe_fd, most);
    if (!end_gap(l) || make_room(l, &room) < 0 || put_header(l, stream, LOG_OPEN, 0) < 0)
        return drop(l, pipe_fd, most);
    if (most && most < room)
        room = most;
    loff_t to = (loff_t)(l->at + sizeof(struct log_header));
    ssize_t n = splice(pipe_fd, NULL, l->fd, &to, room < (1 << 20) ? room : 1 << 20, SPLICE_F_NONBLOCK | SPLICE_F_MOVE);
    if (n < 0 && errno == EAGAIN)
        return 0;
    if (n < 0)
        return drop(l, pipe_fd, most);
    if (n > 0) {
        put_header(l, stream, 0, (uint32_t)n);
        l->at += sizeof(struct log_header) + (uint64_t)n;
    }
    return n;
}

int64_t log_write(struct log *l, uint8_t stream, const void *bytes, size_t n)
{
    size_t done = 0;

    if (!l->size_max)
        return (int64_t)n;
    while (done < n) {
        uint64_t room = 0;
        bool can = end_gap(l) && make_room(l, &room) == 0;
        size_t part = n - done < room ? n - done : (size_t)room;
        ssize_t w = -1;
        if (can && put_header(l, stream, LOG_OPEN, 0) == 0)
            w = pwrite(l->fd, (const char *)bytes + done, part, (off_t)(l->at + sizeof(struct log_header)));
        if (w <= 0) {
            lose(l, n - done);
            break;
        }
        put_header(l, stream, 0, (uint32_t)w);
        l->at += sizeof(struct log_header) + (uint64_t)w;
        done += (size_t)w;
    }
    return (int64_t)n;
}
