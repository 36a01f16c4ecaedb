/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trusted side of moat-unpack. The helper is assumed to be taken over by the archive: its records are copied and
 * checked, its text is made printable, its exit must agree with its last record, and it gets nothing but the
 * descriptors it needs.
 */
#include "image/unpacker.h"

#include "host/helper.h"
#include "host/userns.h"
#include "image/unpack_record.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define FEED_SIZE   (256u << 10)
#define POLL_MS     200
#define END_MS      10000      /* from its last word to its end */
#define REPORTS_MAX (1u << 26) /* it tells of its progress at most 20 times a second: this is a month */

struct helper {
    pid_t pid;
    int feed;   /* write end of its descriptor 0; -1 when copying or given up */
    int report; /* read end of its descriptor 4 */
};

/* An ordinary user's range of ids gives the files of an archive owners; where it cannot be had, all are the user's,
 * and that is said. What is copied has the owners of this host, which mean nothing inside: all are the user's too. */
static int spawn(const struct unpack_job *job, const char *path, char *const argv[], const struct helper_fd *fds,
                 size_t n, pid_t *pid, struct err *err)
{
    _cleanup_fd_ int userns = -1;
    bool ranged = job->archive >= 0 && geteuid() != 0 && userns_open(&userns, &(struct err){0}) == 0;
    int r = ranged ? helper_spawn_in(userns, path, argv, fds, n, pid) : helper_spawn(path, argv, fds, n, pid);
    return r < 0 ? err_sys(err, r, "start %s", path) : 0;
}

static int start(struct arena *a, const struct unpack_job *job, struct helper *h, struct err *err)
{
    char numbers[3][48], *argv[12];
    const char *path;
    int n = 0, r = libexec_find(a, "moat-unpack", &path, err);

    if (r < 0)
        return r;
    snprintf(numbers[0], sizeof numbers[0], "%llu", (unsigned long long)job->max_bytes);
    snprintf(numbers[1], sizeof numbers[1], "%llu", (unsigned long long)job->max_entries);
    snprintf(numbers[2], sizeof numbers[2], "%llu:%llu", (unsigned long long)job->exclude_dev,
             (unsigned long long)job->exclude_ino);
    argv[n++] = (char *)"moat-unpack";
    if (job->archive < 0)
        argv[n++] = (char *)"--copy";
    if (job->layer)
        argv[n++] = (char *)"--layer";
    argv[n++] = (char *)"--max-bytes";
    argv[n++] = numbers[0];
    argv[n++] = (char *)"--max-entries";
    argv[n++] = numbers[1];
    argv[n++] = (char *)"--exclude";
    argv[n++] = numbers[2];
    argv[n] = NULL;

    _cleanup_fd_ int feed_read = -1, feed_write = -1, report_read = -1, report_write = -1;
    int ends[2];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "make a pipe");
    report_read = ends[0];
    report_write = ends[1];
    if (job->archive >= 0) {
        if (pipe2(ends, O_CLOEXEC) < 0)
            return err_sys(err, -errno, "make a pipe");
        feed_read = ends[0];
        feed_write = ends[1];
        fcntl(feed_write, F_SETPIPE_SZ, 1 << 20);          /* fewer switches; a refusal costs only time */
        fcntl(feed_write, F_SETFL, O_WRONLY | O_NONBLOCK); /* our end alone: it may stop reading, and we not notice */
    }
    const struct helper_fd fds[] = {{feed_read, UNPACK_FD_ARCHIVE},
                                    {job->dest, UNPACK_FD_DEST},
                                    {report_write, UNPACK_FD_REPORT},
                                    {job->source, UNPACK_FD_SOURCE}};
    r = spawn(job, path, argv, fds, ARRAY_LEN(fds), &h->pid, err);
    if (r < 0)
        return r;
    h->feed = steal_fd(&feed_write);
    h->report = steal_fd(&report_read);
    return 0;
}

/* Until a pipe of the helper's is ready, or has no other end. It may never be: the user decides how long he waits. */
static int wait_for(const struct unpack_job *job, int fd, short events, struct err *err)
{
    for (;;) {
        struct pollfd p = {.fd = fd, .events = events};
        int k = poll(&p, 1, POLL_MS);
        if (job->interrupted && *job->interrupted)
            return err_set(err, -EINTR, "interrupted");
        if (k > 0)
            return 0;
        if (k < 0 && errno != EINTR)
            return err_sys(err, -errno, "wait for moat-unpack");
    }
}

/* *gone: nobody reads it any more. */
static int feed_some(const struct unpack_job *job, int fd, const char *buf, size_t len, bool *gone, struct err *err)
{
    *gone = false;
    while (len) {
        ssize_t n = write(fd, buf, len);
        int r = n >= 0 || errno == EINTR ? 0 : -errno;
        if (r == -EPIPE) {
            *gone = true;
            return 0;
        }
        if (r == -EAGAIN)
            r = wait_for(job, fd, POLLOUT, err);
        else if (r < 0)
            err_sys(err, r, "hand the archive to moat-unpack");
        if (r < 0)
            return r;
        buf += n > 0 ? n : 0;
        len -= n > 0 ? (size_t)n : 0;
    }
    return 0;
}

/* Hands the archive over. When the helper stops reading (it failed, or saw the archive's end) the rest is only hashed.
 */
static int feed(const struct unpack_job *job, struct helper *h, uint8_t digest[SHA256_SIZE], struct err *err)
{
    _cleanup_free_ char *buf = malloc(FEED_SIZE);
    struct sha256 sum;
    uint64_t done = 0;

    if (!buf)
        return err_set(err, -ENOMEM, "out of memory");
    sha256_init(&sum);
    for (;;) {
        ssize_t n = read(job->archive, buf, FEED_SIZE);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(err, -errno, "read the archive");
        if (n == 0)
            break;
        done += (uint64_t)n;
        if (job->sha256 && done > job->archive_size)
            return err_set(err, -EINVAL, "the archive has more than the %llu bytes it should have",
                           (unsigned long long)job->archive_size);
        sha256_update(&sum, buf, (size_t)n);
        if (job->interrupted && *job->interrupted)
            return err_set(err, -EINTR, "interrupted");
        if (h->feed >= 0) {
            bool gone;
            int r = feed_some(job, h->feed, buf, (size_t)n, &gone, err);
            if (r < 0)
                return r;
            if (gone) {
                cleanup_fd(&h->feed);
                h->feed = -1;
            }
        }
        if (job->progress)
            job->progress(job->ctx, done, job->archive_size);
    }
    if (job->sha256 && done != job->archive_size)
        return err_set(err, -EINVAL, "the archive has %llu bytes, not the %llu it should have",
                       (unsigned long long)done, (unsigned long long)job->archive_size);
    sha256_final(&sum, digest);
    return 0;
}

/* One record, whole or not at all; *got false at the end. */
static int read_record(const struct unpack_job *job, int fd, struct unpack_record *r, bool *got, struct err *err)
{
    size_t n = 0;

    while (n < sizeof *r) {
        int ret = wait_for(job, fd, POLLIN, err);
        if (ret < 0)
            return ret;
        ssize_t k = read(fd, (char *)r + n, sizeof *r - n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return err_sys(err, -errno, "hear from moat-unpack");
        if (k == 0)
            break;
        n += (size_t)k;
    }
    *got = n == sizeof *r;
    if (n && (!*got || r->version != UNPACK_RECORD_VERSION || r->kind < UNPACK_PROGRESS || r->kind > UNPACK_FAILED ||
              r->text_len > sizeof r->text))
        return err_set(err, -EPROTO,
                       "moat-unpack sends a record of another version: reinstall moat, both programs together");
    return 0;
}

static int hear(const struct unpack_job *job, struct helper *h, struct unpack_record *last, struct err *err)
{
    struct unpack_record r;
    bool got;

    *last = (struct unpack_record){0};
    for (unsigned i = 0; i < REPORTS_MAX; i++) {
        int ret = read_record(job, h->report, &r, &got, err);
        if (ret < 0 || !got)
            return ret;
        *last = r;
        if (r.kind != UNPACK_PROGRESS)
            return 0;
        if (job->progress)
            job->progress(job->ctx, r.bytes, 0);
    }
    return err_set(err, -EPROTO, "moat-unpack tells of its progress for ever: the archive is hostile");
}

/* The helper never outlives us here: what it does after its last word is of no interest. */
static int finish(struct helper *h, bool kill_it, int *status)
{
    cleanup_fd(&h->feed);
    cleanup_fd(&h->report);
    h->feed = h->report = -1;
    return helper_wait_for(h->pid, kill_it ? 0 : END_MS, status);
}

static int judge(const struct unpack_record *last, int status, struct unpack_result *out, struct err *err)
{
    char text[sizeof last->text + 1];

    helper_printable(text, sizeof text, last->text, last->text_len);
    if (last->kind == UNPACK_FAILED)
        return err_set(err, -EINVAL, "%s", *text ? text : "moat-unpack failed without a reason");
    if (WIFSIGNALED(status))
        return err_set(err, -ECONNABORTED, "moat-unpack was ended by signal %d%s: the archive is hostile or damaged",
                       WTERMSIG(status), WTERMSIG(status) == SIGSYS ? " (a forbidden system call)" : "");
    if (last->kind != UNPACK_DONE || !WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(err, -ECONNABORTED, "moat-unpack ended with status %d and without a result",
                       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    out->bytes = last->bytes;
    out->entries = last->entries;
    out->skipped_devices = last->skipped_devices;
    out->skipped_special = last->skipped_special;
    out->dropped_xattrs = last->dropped_xattrs;
    out->flat_owners = last->flat_owners != 0;
    helper_printable(out->skipped, sizeof out->skipped, last->text, last->text_len);
    return 0;
}

static int check_digest(const struct unpack_job *job, const uint8_t digest[SHA256_SIZE], struct err *err)
{
    char hex[SHA256_HEX_SIZE];

    sha256_hex(digest, hex);
    if (!strcmp(hex, job->sha256))
        return 0;
    return err_set(err, -EBADMSG, "its bytes have the digest sha256:%.12s: fetch the image again", hex);
}

int unpack_run(struct arena *a, const struct unpack_job *job, struct unpack_result *out, struct err *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    struct helper h = {.feed = -1, .report = -1};
    struct unpack_record last = {0};
    int status = 0;

    *out = (struct unpack_result){0};
    int r = start(a, job, &h, err);
    if (r < 0)
        return r;
    sigaction(SIGPIPE, &ignore, &before); /* a helper that gives up is no reason for us to die */
    if (job->archive >= 0)
        r = feed(job, &h, out->digest, err);
    cleanup_fd(&h.feed);
    h.feed = -1;
    if (r == 0 && job->sha256)
        r = check_digest(job, out->digest, err);
    if (r == 0)
        r = hear(job, &h, &last, err);
    int w = finish(&h, r < 0, &status);
    sigaction(SIGPIPE, &before, NULL);
    if (r < 0)
        return r;
    if (w < 0)
        return err_sys(err, w, "wait for moat-unpack");
    if (job->archive < 0)
        memcpy(out->digest, last.digest, sizeof out->digest);
    return judge(&last, status, out, err);
}
