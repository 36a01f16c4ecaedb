/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the log, beside a writer that goes on and rotates. A file once opened is read to its end whatever name it has
 * by then; the next is found by its sequence number. Trust: the files are ours, the bytes in the records are not. */
#include "sandbox/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static int open_file(struct log_reader *r, uint32_t i, struct log_file_header *f)
{
    char name[16] = "log";

    if (i)
        snprintf(name, sizeof name, "log.%u", i);
    int fd = openat(r->dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return -errno;
    if (pread(fd, f, sizeof *f, 0) == sizeof *f && f->magic == LOG_MAGIC)
        return fd;
    close(fd);
    return -EINVAL;
}

/* Opens the file with the lowest sequence that is at least `wanted`. Names move while we look: a second look finds what
 * a rotation hid. 1: open, 0: none. */
static int open_from(struct log_reader *r, uint64_t wanted)
{
    uint64_t best = UINT64_MAX;
    int found = -1;

    for (int look = 0; look < 2 && best != wanted; look++)
        for (uint32_t i = 0; i < LOG_FILES_MAX; i++) {
            struct log_file_header f;
            int fd = open_file(r, i, &f);
            if (fd == -ENOENT && i > 1)
                break;
            if (fd < 0)
                continue;
            if (f.sequence >= wanted && f.sequence < best) {
                if (found >= 0)
                    close(found);
                found = fd;
                best = f.sequence;
            } else {
                close(fd);
            }
        }
    if (found < 0)
        return 0;
    if (r->fd >= 0)
        close(r->fd);
    r->lost_file = wanted > 1 && best > wanted;
    r->fd = found;
    r->sequence = best;
    r->at = sizeof(struct log_file_header);
    return 1;
}

int log_reader_open(struct log_reader *r, int dir_fd, struct err *err)
{
    *r = (struct log_reader){.dir_fd = dir_fd, .fd = -1};
    return open_from(r, 1) ? 0 : err_set(err, -ENOENT, "nothing has been logged");
}

void log_reader_close(struct log_reader *r)
{
    if (r->fd >= 0)
        close(r->fd);
    r->fd = -1;
}

/* Whether another file goes on behind the one that is open, which is then complete. A look at "log" tells. */
static bool is_newest(const struct log_reader *r)
{
    struct stat ours, named;

    return fstat(r->fd, &ours) == 0 && fstatat(r->dir_fd, "log", &named, AT_SYMLINK_NOFOLLOW) == 0 &&
           ours.st_ino == named.st_ino && ours.st_dev == named.st_dev;
}

/* A header that is being written is seen in part: read until it is twice the same. */
static ssize_t read_header(const struct log_reader *r, struct log_header *h)
{
    struct log_header again = {0};
    ssize_t n;

    do {
        *h = again;
        n = pread(r->fd, &again, sizeof again, (off_t)r->at);
    } while (n == (ssize_t)sizeof again && memcmp(h, &again, sizeof again) != 0);
    return n < 0 ? -errno : n;
}

/* The next header into r->record. 1, 0 (none for now), -errno. */
static int next_record(struct log_reader *r, struct err *err)
{
    for (bool complete = false;;) {
        struct log_header h;
        ssize_t n = read_header(r, &h);
        if (n < 0)
            return err_sys(err, (int)n, "log");
        if (n != (ssize_t)sizeof h || h.mark == 0 || h.flags & LOG_OPEN) {
            if (complete) { /* its last record could not be written (full disk) */
                if (!open_from(r, r->sequence + 1))
                    return 0;
                complete = false;
            } else if (is_newest(r)) {
                return 0;
            } else {
                complete = true; /* and is looked at once more: it may have grown before the other was made */
            }
            continue;
        }
        if (h.mark != LOG_MARK)
            return err_set(err, -EINVAL, "the log is damaged at byte %llu of file %llu", (unsigned long long)r->at,
                           (unsigned long long)r->sequence);
        if (h.flags & LOG_CLOSED) {
            if (!open_from(r, r->sequence + 1))
                return 0;
            continue;
        }
        r->record = h;
        r->left = h.length;
        r->at += sizeof h;
        return 1;
    }
}

int log_read(struct log_reader *r, void *buf, size_t size, struct log_piece *piece, struct err *err)
{
    *piece = (struct log_piece){0};
    if (r->left == 0) {
        int got = next_record(r, err);
        if (r->lost_file) { /* said once, before the first record behind the gap */
            r->lost_file = false;
            if (got > 0) {
                r->at -= sizeof(struct log_header);
                r->left = 0;
            }
            piece->lost = UINT64_MAX;
            return got < 0 ? got : 1;
        }
        if (got <= 0)
            return got;
        piece->first = true;
    }
    piece->time_ns = r->record.time_ns;
    piece->stream = r->record.stream;
    if (r->record.flags & LOG_LOST) {
        uint64_t lost = 0;
        if (pread(r->fd, &lost, sizeof lost, (off_t)r->at) != sizeof lost)
            return err_set(err, -EINVAL, "the log is damaged at byte %llu", (unsigned long long)r->at);
        r->at += r->left;
        r->left = 0;
        piece->lost = lost;
        return 1;
    }
    size_t want = r->left < size ? (size_t)r->left : size;
    ssize_t n = pread(r->fd, buf, want, (off_t)r->at);
    if (n <= 0)
        return n < 0 ? err_sys(err, -errno, "log")
                     : err_set(err, -EINVAL, "the log is damaged: it ends within a record");
    r->at += (uint64_t)n;
    r->left -= (uint64_t)n;
    piece->n = (size_t)n;
    return 1;
}

int log_reader_skip(struct log_reader *r, struct err *err)
{
    int got;

    r->at += r->left;
    r->left = 0;
    while ((got = next_record(r, err)) > 0) {
        r->at += r->left;
        r->left = 0;
    }
    r->lost_file = false;
    return got;
}
