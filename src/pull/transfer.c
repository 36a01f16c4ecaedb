/* SPDX-License-Identifier: Apache-2.0 */
/* libcurl's callbacks and options. All that comes in is hostile; a callback that finds a fault leaves it in t->err and
 * stops libcurl, and answer.c sees to the rest. Redirects, proxies, netrc and logins by libcurl itself are off. */
#include "pull/transfer.h"

#include "base/io.h"
#include "base/mem.h"
#include "pull/session.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#define HEADERS_MAX (64u << 10)
#define SLOWEST     256L /* bytes a second, over the time a stall may last */
#define PROGRESS_MS 100
#define BUFFER_SIZE (256L << 10)

static const char accept_documents[] = "Accept: application/vnd.oci.image.index.v1+json, "
                                       "application/vnd.oci.image.manifest.v1+json, "
                                       "application/vnd.docker.distribution.manifest.list.v2+json, "
                                       "application/vnd.docker.distribution.manifest.v2+json";

static long status_of(struct transfer *t)
{
    long status = 0;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    return status;
}

/* ---- headers ---------------------------------------------------------------------------------------------------- */

static void keep(const char *value, size_t n, char *out, size_t size)
{
    while (n && (value[n - 1] == '\r' || value[n - 1] == '\n' || value[n - 1] == ' ' || value[n - 1] == '\t'))
        n--;
    while (n && (*value == ' ' || *value == '\t'))
        value++, n--;
    if (n >= size || memchr(value, 0, n)) {
        out[0] = 0; /* as if it had not come: what needs it then fails by name */
        return;
    }
    memcpy(out, value, n);
    out[n] = 0;
}

static void read_range(struct transfer *t, const char *text)
{
    unsigned long long start;

    t->has_range = sscanf(text, "bytes %llu-", &start) == 1;
    t->range_start = t->has_range ? start : 0;
}

static size_t on_header(char *line, size_t one, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    char range[80], challenge[sizeof t->challenge];
    struct {
        const char *name;
        char *out;
        size_t size;
    } rows[] = {{"content-type:", t->type, sizeof t->type},
                {"docker-content-digest:", t->digest, sizeof t->digest},
                {"www-authenticate:", challenge, sizeof challenge},
                {"location:", t->location, URL_MAX},
                {"content-range:", range, sizeof range}};

    (void)one;
    if ((t->header_bytes += n) > HEADERS_MAX) {
        err_set(&t->err, -E2BIG, "more than %u bytes of headers", HEADERS_MAX);
        return 0;
    }
    if (n >= 5 && !memcmp(line, "HTTP/", 5)) { /* a new answer: a 100 may come before the real one */
        t->type[0] = t->digest[0] = t->challenge[0] = t->location[0] = 0;
        t->has_range = false;
        return n;
    }
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        size_t k = strlen(rows[i].name);
        if (n <= k || strncasecmp(line, rows[i].name, k) != 0)
            continue;
        keep(line + k, n - k, rows[i].out, rows[i].size);
        if (rows[i].out == range)
            read_range(t, range);
        if (rows[i].out == challenge && *challenge) { /* there may be one line a scheme */
            size_t have = strlen(t->challenge);
            if (have + strlen(challenge) + 3 < sizeof t->challenge)
                snprintf(t->challenge + have, sizeof t->challenge - have, "%s%s", have ? ", " : "", challenge);
        }
    }
    return n;
}

/* ---- content ---------------------------------------------------------------------------------------------------- */

static size_t body_limit(const struct transfer *t, long status)
{
    if (status != 200)
        return ERROR_MAX;
    return t->kind == TRANSFER_MANIFEST ? PULL_DOCUMENT_MAX : t->kind == TRANSFER_LOGIN ? ANSWER_MAX : ERROR_MAX;
}

/* False: stop. */
static bool take_body(struct transfer *t, const char *data, size_t n, long status)
{
    size_t limit = body_limit(t, status);

    if (n > limit - t->body_len) {
        if (status == 200)
            err_set(&t->err, -EFBIG, "its answer has more than %zu bytes", limit);
        t->too_long = true;
        return false;
    }
    if (t->body_len + n + 1 > t->body_cap) {
        size_t cap = t->body_cap ? t->body_cap * 2 : 16384;
        while (cap < t->body_len + n + 1)
            cap *= 2;
        char *more = realloc(t->body, cap);
        if (!more) {
            err_set(&t->err, -ENOMEM, "out of memory");
            return false;
        }
        t->body = more;
        t->body_cap = cap;
    }
    memcpy(t->body + t->body_len, data, n);
    t->body_len += n;
    t->body[t->body_len] = 0;
    return true;
}

static void tell_progress(struct transfer *t)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - t->reported.tv_sec) * 1000 + (now.tv_nsec - t->reported.tv_nsec) / 1000000 < PROGRESS_MS)
        return;
    t->reported = now;
    struct pull_report r = {
        .version = PULL_RECORD_VERSION, .kind = PULL_PROGRESS, .request = t->number, .bytes = t->done};
    report_send(&r);
}

/* First bytes of a 200 or 206: does it begin where we are? */
static bool content_begins(struct transfer *t, long status)
{
    if (status == 200) {
        if (t->done)
            transfer_reset(t); /* it ignores ranges: from the start again */
        t->attempt_start = t->done;
        return true;
    }
    if (!t->has_range || t->range_start != t->done) {
        err_set(&t->err, -EPROTO, "its answer is another part than the one that was asked for");
        return false;
    }
    return true;
}

static bool take_content(struct transfer *t, const char *data, size_t n)
{
    if (n > t->size - t->done) {
        err_set(&t->err, -EFBIG, "it has more than the %llu bytes it should have", (unsigned long long)t->size);
        return false;
    }
    int r = io_write_all(t->fd, data, n);
    if (r < 0) {
        err_sys(&t->err, r, "write it");
        return false;
    }
    sha256_update(&t->sum, data, n);
    t->done += n;
    tell_progress(t);
    return true;
}

static size_t on_data(char *data, size_t one, size_t n, void *ctx)
{
    struct transfer *t = ctx;
    long status = status_of(t);

    (void)one;
    if (t->kind != TRANSFER_BLOB || (status != 200 && status != 206))
        return take_body(t, data, n, status) ? n : 0;
    if (!t->ignored++ && !content_begins(t, status))
        return 0;
    return take_content(t, data, n) ? n : 0;
}

void transfer_reset(struct transfer *t)
{
    t->done = t->attempt_start = 0;
    sha256_init(&t->sum);
    if (t->fd >= 0 && (lseek(t->fd, 0, SEEK_SET) != 0 || ftruncate(t->fd, 0) < 0))
        err_sys(&t->err, -errno, "start its file again");
}

/* ---- on and off the wire ---------------------------------------------------------------------------------------- */

static int open_file(const char *hex, int *fd, struct err *err)
{
    char path[16 + SHA256_HEX_SIZE];

    snprintf(path, sizeof path, "blobs/sha256/%s", hex);
    *fd = openat(PULL_FD_DEST, path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, 0600);
    return *fd < 0 ? err_sys(err, -errno, "create %s", path) : 0;
}

static int set_headers(struct transfer *t, struct err *err)
{
    static const char *const always[] = {"User-Agent: moat/" MOAT_VERSION, "Expect:"};

    if (!t->headers) /* auth_apply() may have set one */
        t->headers = curl_slist_append(NULL, always[0]);
    else
        t->headers = curl_slist_append(t->headers, always[0]);
    if (t->headers && t->kind == TRANSFER_MANIFEST)
        t->headers = curl_slist_append(t->headers, accept_documents);
    return t->headers ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static void set_options(const struct session *s, struct transfer *t)
{
    CURL *e = t->easy;
    bool unverified =
        (s->setup.flags & PULL_INSECURE) && (t->kind == TRANSFER_PING || origin_equal(&t->origin, &s->registry));
    char range[40];

    curl_easy_setopt(e, CURLOPT_URL, t->url);
    curl_easy_setopt(e, CURLOPT_PRIVATE, t);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, t->origin.https ? "https" : "http");
    curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_PROXY, "");
    curl_easy_setopt(e, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, t->note);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, t);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, t);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, BUFFER_SIZE);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, t->headers);
    curl_easy_setopt(e, CURLOPT_RESOLVE, t->addresses);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT, (long)s->setup.connect_seconds);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_LIMIT, SLOWEST);
    curl_easy_setopt(e, CURLOPT_LOW_SPEED_TIME, (long)s->setup.stall_seconds);
    curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, unverified ? 0L : 1L);
    curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, unverified ? 0L : 2L);
    curl_easy_setopt(e, CURLOPT_CAINFO, NULL);
    curl_easy_setopt(e, CURLOPT_CAPATH, NULL);
    if (s->ca.len)
        curl_easy_setopt(e, CURLOPT_CAINFO_BLOB, &s->ca);
    if (t->kind == TRANSFER_BLOB && t->done) {
        snprintf(range, sizeof range, "%llu-", (unsigned long long)t->done);
        curl_easy_setopt(e, CURLOPT_RANGE, range);
    }
}

int transfer_start(struct session *s, struct transfer *t, struct err *err)
{
    bool local_ok =
        t->kind == TRANSFER_PING || origin_is_loopback(&s->registry) || origin_equal(&t->origin, &s->registry);
    int r;

    t->header_bytes = t->body_len = 0;
    t->type[0] = t->digest[0] = t->challenge[0] = 0;
    t->has_range = t->too_long = false;
    t->ignored = 0;
    t->err = (struct err){0};
    t->attempt_start = t->done;
    if (!t->location && (!(t->location = calloc(1, URL_MAX)) || !(t->note = calloc(1, CURL_ERROR_SIZE))))
        return err_set(err, -ENOMEM, "out of memory");
    t->location[0] = t->note[0] = 0;
    if (t->kind == TRANSFER_BLOB && t->fd < 0) {
        if ((r = open_file(t->reference + 7, &t->fd, err)) < 0)
            return r;
        transfer_reset(t);
    }
    if (!(t->easy = curl_easy_init()))
        return err_set(err, -ENOMEM, "out of memory");
    if ((r = origin_pin(&t->origin, local_ok, &t->addresses, err)) < 0 || (r = auth_apply(s, t, err)) < 0 ||
        (r = set_headers(t, err)) < 0)
        return r;
    set_options(s, t);
    if (curl_multi_add_handle(s->multi, t->easy) != CURLM_OK)
        return err_set(err, -ENOMEM, "out of memory");
    t->state = TRANSFER_ACTIVE;
    return 0;
}

void transfer_stop(struct session *s, struct transfer *t)
{
    if (t->easy) {
        curl_multi_remove_handle(s->multi, t->easy);
        curl_easy_cleanup(t->easy);
    }
    curl_slist_free_all(t->headers);
    curl_slist_free_all(t->addresses);
    t->easy = NULL;
    t->headers = t->addresses = NULL;
    t->state = TRANSFER_WAITING;
}

int transfer_finish(struct transfer *t, char hex[SHA256_HEX_SIZE], struct err *err)
{
    const char *wanted = !strncmp(t->reference, "sha256:", 7) ? t->reference + 7 : NULL;
    uint8_t digest[SHA256_SIZE];
    int r;

    if (t->kind == TRANSFER_BLOB) {
        if (t->done != t->size)
            return err_set(err, -EBADMSG, "it has %llu bytes, not the %llu it should have", (unsigned long long)t->done,
                           (unsigned long long)t->size);
        sha256_final(&t->sum, digest);
        sha256_hex(digest, hex);
    } else {
        t->done = t->body_len;
        sha256_hex_of(t->body ? t->body : "", t->body_len, hex);
        if (t->size && t->done != t->size)
            return err_set(err, -EBADMSG, "it has %zu bytes, not the %llu it should have", t->body_len,
                           (unsigned long long)t->size);
    }
    if (wanted && strcmp(hex, wanted) != 0)
        return err_set(err, -EBADMSG, "its bytes have the digest sha256:%.12s: the registry serves other content", hex);
    if (t->kind == TRANSFER_MANIFEST && !strncmp(t->digest, "sha256:", 7) && strcmp(t->digest + 7, hex) != 0)
        return err_set(err, -EBADMSG, "the registry says its digest is %.19s, its bytes have sha256:%.12s", t->digest,
                       hex);
    if (t->kind == TRANSFER_MANIFEST) {
        if ((r = open_file(hex, &t->fd, err)) < 0)
            return r;
        if ((r = io_write_all(t->fd, t->body ? t->body : "", t->body_len)) < 0)
            return err_sys(err, r, "write it");
    }
    int closed = close(steal_fd(&t->fd)); /* a network file system says here that the disk is full */
    free(t->body);
    t->body = NULL;
    t->body_len = t->body_cap = 0;
    return closed < 0 ? err_sys(err, -errno, "write it") : 0;
}
