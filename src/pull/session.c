/* SPDX-License-Identifier: Apache-2.0 */
/* The loop. Requests come from moat and are trusted in their shape; they are checked all the same, since a mistake in
 * moat must not become a strange URL. */
#include "pull/session.h"

#include "base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define POLL_MS  500
#define RETRY_MS 50 /* one that waits for its next attempt becomes due */

int session_init(struct session *s, struct err *err)
{
    if (curl_global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK || !(s->multi = curl_multi_init()) ||
        !(s->queue = calloc(PULL_REQUESTS_MAX, sizeof *s->queue)))
        return err_set(err, -ENOMEM, "set up libcurl");
    curl_multi_setopt(s->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(s->multi, CURLMOPT_MAXCONNECTS, (long)ACTIVE_MAX * 2);
    return 0;
}

int report_send(const struct pull_report *r)
{
    for (;;) {
        if (write(PULL_FD_REPORT, r, sizeof *r) == (ssize_t)sizeof *r)
            return 0;
        if (errno != EINTR && errno != EAGAIN)
            return -errno;
        if (errno == EAGAIN && r->kind == PULL_PROGRESS)
            return 0;
        struct pollfd p = {.fd = PULL_FD_REPORT, .events = POLLOUT};
        if (errno == EAGAIN && poll(&p, 1, -1) < 0 && errno != EINTR)
            return -errno;
    }
}

/* ---- requests --------------------------------------------------------------------------------------------------- */

static bool reference_fits(const struct pull_request *r)
{
    if (!memchr(r->reference, 0, sizeof r->reference) || !r->reference[0])
        return false;
    if (r->kind == PULL_BLOB || !strncmp(r->reference, "sha256:", 7))
        return !strncmp(r->reference, "sha256:", 7) && strlen(r->reference) == 71 &&
               strspn(r->reference + 7, "0123456789abcdef") == 64;
    return strspn(r->reference, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") ==
           strlen(r->reference);
}

static int take_request(struct session *s, struct err *err)
{
    struct pull_request r;
    size_t n = 0;

    while (n < sizeof r) {
        ssize_t k = read(PULL_FD_REQUEST, (char *)&r + n, sizeof r - n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k < 0)
            return err_sys(err, -errno, "read a request");
        if (k == 0)
            break;
        n += (size_t)k;
    }
    if (n == 0) {
        s->no_more = true;
        return 0;
    }
    if (n != sizeof r || r.version != PULL_RECORD_VERSION || (r.kind != PULL_MANIFEST && r.kind != PULL_BLOB) ||
        !reference_fits(&r) || s->n_queue == PULL_REQUESTS_MAX)
        return err_set(err, -EPROTO, "a request is not understood: reinstall moat, both programs together");
    struct transfer *t = &s->queue[s->n_queue];
    *t = (struct transfer){.kind = r.kind == PULL_BLOB ? TRANSFER_BLOB : TRANSFER_MANIFEST,
                           .number = s->n_queue++,
                           .size = r.size,
                           .fd = -1};
    strcpy(t->reference, r.reference);
    return 0;
}

/* ---- the loop --------------------------------------------------------------------------------------------------- */

static bool is_due(const struct transfer *t)
{
    struct timespec now;

    if (!t->not_before.tv_sec)
        return true;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec > t->not_before.tv_sec ||
           (now.tv_sec == t->not_before.tv_sec && now.tv_nsec >= t->not_before.tv_nsec);
}

static int start_ping(struct session *s, struct err *err)
{
    struct transfer *t = &s->service;

    if (!s->base[0]) {
        snprintf(s->base, sizeof s->base, "https://%s/v2/", s->setup.host);
        *t = (struct transfer){.kind = TRANSFER_PING, .fd = -1};
        int r = origin_of_url(s->base, NULL, t->url, &t->origin, err);
        if (r < 0)
            return r;
    }
    s->service_busy = true;
    return is_due(t) ? transfer_start(s, t, err) : 0;
}

static int start_request(struct session *s, struct transfer *t, struct err *err)
{
    char url[URL_MAX];

    if (!t->url[0]) {
        snprintf(url, sizeof url, "%s%s/%s/%s", s->base, s->setup.repository,
                 t->kind == TRANSFER_BLOB ? "blobs" : "manifests", t->reference);
        int r = origin_of_url(url, NULL, t->url, &t->origin, err);
        if (r < 0)
            return r;
    }
    return transfer_start(s, t, err);
}

/* Gives the number of the one that could not be started. */
static int start_waiting(struct session *s, uint32_t *failed, struct err *err)
{
    int r;

    *failed = 0;
    if (!s->ready && !s->service_busy)
        return start_ping(s, err);
    if (s->service_busy && s->service.state == TRANSFER_WAITING && is_due(&s->service))
        return transfer_start(s, &s->service, err);
    if (!s->ready || s->service_busy)
        return 0;
    for (uint32_t i = 0, active = 0; i < s->n_queue && active < ACTIVE_MAX; i++) {
        struct transfer *t = &s->queue[i];
        if (t->state == TRANSFER_WAITING && is_due(t)) {
            *failed = i;
            if ((r = start_request(s, t, err)) < 0)
                return r;
        }
        active += t->state != TRANSFER_DONE;
    }
    return 0;
}

/* *some: there was one, so there may be something to start. */
static int take_answers(struct session *s, bool *some, uint32_t *failed, struct err *err)
{
    int running, left, r = 0;

    if (curl_multi_perform(s->multi, &running) != CURLM_OK)
        return err_set(err, -EIO, "libcurl fails");
    for (CURLMsg *m; r == 0 && (m = curl_multi_info_read(s->multi, &left));) {
        struct transfer *t = NULL;
        if (m->msg != CURLMSG_DONE)
            continue;
        *some = true;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, (char **)&t);
        *failed = t->number;
        r = session_answer(s, t, m->data.result, err);
    }
    return r;
}

int session_run(struct session *s, uint32_t *failed, struct err *err)
{
    int r;

    while (!s->no_more || s->n_done < s->n_queue) {
        struct curl_waitfd request = {.fd = PULL_FD_REQUEST, .events = CURL_WAIT_POLLIN};
        bool some = false;
        if ((r = start_waiting(s, failed, err)) < 0 || (r = take_answers(s, &some, failed, err)) < 0)
            return r;
        int ms = some ? 0 : s->n_done < s->n_queue || s->service_busy ? RETRY_MS : POLL_MS;
        if (curl_multi_poll(s->multi, &request, s->no_more ? 0 : 1, ms, NULL) != CURLM_OK)
            return err_set(err, -EIO, "libcurl cannot wait");
        *failed = 0;
        if (!s->no_more && request.revents && (r = take_request(s, err)) < 0)
            return r;
    }
    return 0;
}
