/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The helper is assumed to be taken over by the registry: its reports are copied and checked, its words are made
 * printable, and it gets nothing but a directory, three other descriptors and the one login that is for that registry.
 */
#include "image/puller.h"

#include "base/clock.h"
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define POLL_MS      200
#define QUIET_STALLS 10   /* moat-pull itself gives up after a few stalls in a row, and says so */
#define END_MS       5000 /* from the end of its reports to its own */

/* Where distributions keep the authorities' certificates in one file. */
static const char *const bundles[] = {"/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt",
                                      "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem"};

static int open_certificates(int *fd, struct err *err)
{
    const char *named = getenv("SSL_CERT_FILE");

    *fd = -1;
    if (named && *named) {
        *fd = open(named, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
        return *fd < 0 ? err_sys(err, -errno, "open SSL_CERT_FILE %s", named) : 0;
    }
    for (size_t i = 0; *fd < 0 && i < ARRAY_LEN(bundles); i++)
        *fd = open(bundles[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    return 0; /* none: https will fail, and say so */
}

/* One that died has said why, or its status does: no error here. One that lives may have stopped reading. */
static int write_request(struct puller *p, const char *record, size_t size, struct err *err)
{
    struct sigaction ignore = {.sa_handler = SIG_IGN}, before;
    int64_t until = clock_ms() + p->quiet_ms;
    int r = 0;

    sigaction(SIGPIPE, &ignore, &before);
    while (size && r == 0) {
        struct pollfd ready = {.fd = p->request, .events = POLLOUT};
        ssize_t n = write(p->request, record, size);
        if (n < 0 && errno != EINTR && errno != EAGAIN)
            break;
        record += n > 0 ? n : 0;
        size -= n > 0 ? (size_t)n : 0;
        if (n < 0 && errno == EAGAIN)
            poll(&ready, 1, POLL_MS);
        if (size && p->interrupted && *p->interrupted)
            r = err_set(err, -EINTR, "interrupted");
        else if (size && clock_ms() > until)
            r = err_set(err, -ETIMEDOUT, "moat-pull has taken no request for %lld seconds",
                        (long long)p->quiet_ms / 1000);
    }
    sigaction(SIGPIPE, &before, NULL);
    return r;
}

int puller_start(struct arena *a, const struct pull_setup *setup, int dest, const volatile sig_atomic_t *interrupted,
                 struct puller *out, struct err *err)
{
    _cleanup_fd_ int request_read = -1, request_write = -1, report_read = -1, report_write = -1, ca = -1;
    char *argv[] = {(char *)"moat-pull", NULL};
    const char *path;
    int ends[2], r;

    *out = (struct puller){.request = -1,
                           .report = -1,
                           .quiet_ms = setup->stall_seconds * 1000LL * QUIET_STALLS,
                           .interrupted = interrupted};
    if (!(out->requests = arena_array(a, PULL_REQUESTS_MAX, sizeof *out->requests)))
        return err_set(err, -ENOMEM, "out of memory");
    if ((r = libexec_find(a, "moat-pull", &path, err)) < 0 || (r = open_certificates(&ca, err)) < 0)
        return r;
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "make a pipe");
    request_read = ends[0];
    request_write = ends[1];
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "make a pipe");
    report_read = ends[0];
    report_write = ends[1];
    fcntl(request_write, F_SETFL, O_WRONLY | O_NONBLOCK);
    fcntl(report_write, F_SETPIPE_SZ, 1 << 20); /* room for a report a layer; a refusal costs only time */
    const struct helper_fd fds[] = {
        {request_read, PULL_FD_REQUEST}, {dest, PULL_FD_DEST}, {report_write, PULL_FD_REPORT}, {ca, PULL_FD_CA}};
    if ((r = helper_spawn(path, argv, fds, ARRAY_LEN(fds), &out->pid)) < 0)
        return err_sys(err, r, "start %s", path);
    out->request = steal_fd(&request_write);
    out->report = steal_fd(&report_read);
    cleanup_fd(&report_write);
    cleanup_fd(&request_read);
    report_write = request_read = -1;
    return write_request(out, (const char *)setup, sizeof *setup, err);
}

int puller_ask(struct puller *p, enum pull_request_kind kind, const char *reference, uint64_t size, uint32_t *number,
               struct err *err)
{
    struct pull_request r = {.version = PULL_RECORD_VERSION, .kind = kind, .size = size};

    if (p->asked == PULL_REQUESTS_MAX || strlen(reference) >= sizeof r.reference)
        return err_set(err, -E2BIG, "more than %u things to fetch", PULL_REQUESTS_MAX);
    strcpy(r.reference, reference);
    int w = write_request(p, (const char *)&r, sizeof r, err);
    if (w < 0)
        return w;
    p->requests[p->asked] = (struct puller_asked){.size = size ? size : PULL_DOCUMENT_MAX};
    p->news_ms = clock_ms();
    *number = p->asked++;
    return 0;
}

/* It ended without a last word. */
static int dead(struct puller *p, struct err *err)
{
    int status = 0;
    pid_t pid = p->pid;

    p->pid = 0;
    if (helper_wait_for(pid, END_MS, &status) < 0 || WIFEXITED(status))
        return err_set(err, -ECONNABORTED, "moat-pull ended with status %d and without a result",
                       WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    return err_set(err, -ECONNABORTED, "moat-pull was ended by signal %d%s", WTERMSIG(status),
                   WTERMSIG(status) == SIGSYS ? " (a forbidden system call): the registry is hostile, or this is a "
                                                "mistake in moat"
                                              : "");
}

static int check(struct puller *p, const struct pull_report *r, struct err *err)
{
    char text[sizeof r->text + 1];

    if (r->version != PULL_RECORD_VERSION || r->kind < PULL_PROGRESS || r->kind > PULL_FAILED ||
        r->text_len > sizeof r->text || !memchr(r->hex, 0, sizeof r->hex) || !memchr(r->type, 0, sizeof r->type) ||
        (r->kind != PULL_FAILED && r->request >= p->asked))
        return err_set(err, -EPROTO,
                       "moat-pull sends a report that is not understood: reinstall moat, both programs "
                       "together");
    if (r->kind != PULL_FAILED)
        return 0;
    helper_printable(text, sizeof text, r->text, r->text_len);
    return err_set(err, -EIO, "%s", *text ? text : "moat-pull failed without a reason");
}

/* Whether it tells that there is more than before; only so much of that can come. */
static bool is_news(struct puller *p, const struct pull_report *r)
{
    struct puller_asked *q = &p->requests[r->request];
    bool further = r->bytes > q->furthest && r->bytes <= q->size, got = r->kind == PULL_GOT && !q->got;

    if (further)
        q->furthest = r->bytes;
    q->got |= got;
    return further || got;
}

/* What is there of a report; 1: all of it. After poll(2), so never waits. */
static int hear_part(struct puller *p, struct err *err)
{
    ssize_t k = read(p->report, (char *)&p->part + p->part_len, sizeof p->part - p->part_len);

    if (k < 0)
        return errno == EINTR ? 0 : err_sys(err, -errno, "hear from moat-pull");
    if (k == 0)
        return dead(p, err);
    p->part_len += (size_t)k;
    return p->part_len == sizeof p->part;
}

int puller_hear(struct puller *p, bool wait, struct pull_report *out, struct err *err)
{
    if (!wait)
        p->news_ms = clock_ms();
    for (;;) {
        struct pollfd ready = {.fd = p->report, .events = POLLIN};
        int k = poll(&ready, 1, wait ? POLL_MS : 0), r = 0;
        if (p->interrupted && *p->interrupted)
            return err_set(err, -EINTR, "interrupted");
        if (k < 0 && errno != EINTR)
            return err_sys(err, -errno, "hear from moat-pull");
        if (k > 0 && (r = hear_part(p, err)) < 0)
            return r;
        bool whole = r > 0;
        if (whole) {
            p->part_len = 0;
            if ((r = check(p, &p->part, err)) < 0)
                return r;
            if (is_news(p, &p->part))
                p->news_ms = clock_ms();
            *out = p->part;
        }
        if (wait && clock_ms() - p->news_ms > p->quiet_ms)
            return err_set(err, -ETIMEDOUT, "moat-pull has told nothing new for %lld seconds",
                           (long long)p->quiet_ms / 1000);
        if (whole)
            return 0;
        if (!wait)
            return -EAGAIN;
    }
}

void puller_end(struct puller *p)
{
    int status;

    cleanup_fd(&p->request);
    cleanup_fd(&p->report);
    p->request = p->report = -1;
    if (p->pid > 0)
        helper_wait(p->pid, true, &status);
    p->pid = 0;
}
