/* SPDX-License-Identifier: Apache-2.0 */
/* What a finished transfer means: done, elsewhere (redirect), log in, once more, or failure. Each of these is counted,
 * so a registry cannot keep us here. */
#include "base/json.h"
#include "pull/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PROGRESS_THAT_COUNTS (1u << 20)
#define BREAKS_MAX           32u

static void what(const struct transfer *t, char out[PULL_REFERENCE_MAX + 16])
{
    if (t->kind == TRANSFER_MANIFEST)
        snprintf(out, PULL_REFERENCE_MAX + 16, "manifest %.*s", t->reference[6] == ':' ? 19 : 128, t->reference);
    else
        snprintf(out, PULL_REFERENCE_MAX + 16, "blob %.19s", t->reference);
}

/* Waits a little, longer each time; nothing is lost of what was got. A redirect is asked for anew: a signed address may
 * be too old by then. */
static void again(struct session *s, struct transfer *t)
{
    long ms = 100L << (t->attempts < 6 ? t->attempts : 6);

    transfer_stop(s, t);
    if (t->kind == TRANSFER_MANIFEST || t->kind == TRANSFER_BLOB)
        t->url[0] = 0;
    t->redirects = 0;
    clock_gettime(CLOCK_MONOTONIC, &t->not_before);
    t->not_before.tv_nsec += ms % 1000 * 1000000;
    t->not_before.tv_sec += ms / 1000 + t->not_before.tv_nsec / 1000000000;
    t->not_before.tv_nsec %= 1000000000;
}

static bool may_repeat(struct transfer *t)
{
    bool progress = t->done >= t->attempt_start + PROGRESS_THAT_COUNTS;

    t->attempts = progress ? 1 : t->attempts + 1;
    return ++t->breaks < BREAKS_MAX && t->attempts < ATTEMPTS;
}

static int broken(struct session *s, struct transfer *t, CURLcode code, struct err *err)
{
    const char *why = t->note && *t->note ? t->note : curl_easy_strerror(code);
    bool progress = t->done >= t->attempt_start + PROGRESS_THAT_COUNTS;
    char at[300];

    origin_show(&t->origin, at);
    if (t->kind == TRANSFER_PING && t->origin.https && (s->setup.flags & PULL_INSECURE)) {
        transfer_stop(s, t); /* as docker does: TLS first, and plain where that is allowed */
        snprintf(s->base, sizeof s->base, "http://%s/v2/", s->setup.host);
        return origin_of_url(s->base, NULL, t->url, &t->origin, err);
    }
    if (code == CURLE_OPERATION_TIMEDOUT && !progress)
        return err_set(err, -ETIMEDOUT, "%s: no answer, or less than 256 bytes a second, for %u seconds", at,
                       s->setup.stall_seconds);
    bool lost = code == CURLE_RECV_ERROR || code == CURLE_SEND_ERROR || code == CURLE_PARTIAL_FILE ||
                code == CURLE_GOT_NOTHING || code == CURLE_OPERATION_TIMEDOUT ||
                (code == CURLE_COULDNT_CONNECT && t->kind != TRANSFER_PING);
    if (lost && may_repeat(t)) {
        again(s, t);
        return 0;
    }
    if (t->kind == TRANSFER_BLOB && lost)
        return err_set(err, -EIO, "%s: the connection breaks again and again: %llu of %llu bytes came: %s", at,
                       (unsigned long long)t->done, (unsigned long long)t->size, why);
    if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE)
        return err_set(err, -EACCES,
                       "%s: its certificate is not trusted: %s: put the authority's certificate into the system's "
                       "store, or name a file in SSL_CERT_FILE",
                       at, why);
    return err_set(err, -EIO, "%s: %s", at, why);
}

/* The registry's own words, when it has some: {"errors":[{"code":...,"message":...}]}. */
static void words_of(struct transfer *t, char *out, size_t size)
{
    struct json *root, *errors;
    struct err ignored = {0};
    struct arena a;

    out[0] = 0;
    if (!t->body_len || t->too_long || arena_init(&a, 4u << 20) < 0)
        return;
    if (json_parse(&a, t->body, t->body_len, &root, &ignored) == 0 && (errors = json_get(root, "errors")) &&
        errors->type == JSON_ARRAY && errors->child) {
        const struct json *text = json_get(errors->child, "message");
        if (text && text->type == JSON_STRING)
            snprintf(out, size, ": it says: %.200s", text->string.s);
    }
    arena_free(&a);
}

static int refused(struct session *s, struct transfer *t, long status, struct err *err)
{
    char at[300], words[240];

    origin_show(&t->origin, at);
    words_of(t, words, sizeof words);
    if (status == 404)
        return err_set(err, -ENOENT, "%s: %s has no such %s%s", at, s->setup.repository,
                       t->kind == TRANSFER_MANIFEST ? "image" : "blob", words);
    if (status == 401 || status == 403)
        return err_set(err, -EACCES,
                       "%s: access to %s is refused (status %ld): there is no such repository, or it needs %s%s", at,
                       s->setup.repository, status, auth_lack(s), words);
    if (status == 429)
        return err_set(err, -EBUSY, "%s: too many requests: wait, or log in%s", at, words);
    return err_set(err, -EPROTO, "%s: answers with status %ld%s", at, status, words);
}

static int login_wanted(struct session *s, struct transfer *t, long status, struct err *err)
{
    struct challenge challenge;
    bool ours = t->kind == TRANSFER_PING || origin_equal(&t->origin, &s->registry);
    char at[300];

    origin_show(&t->origin, at);
    if (!ours || t->logins >= LOGINS)
        return refused(s, t, status, err);
    if (!challenge_read(t->challenge, &challenge))
        return err_set(err, -EPROTO, "%s: wants a login of a kind that is not known here: \"%.100s\"", at,
                       t->challenge);
    t->logins++;
    bool stale = t->kind != TRANSFER_PING && t->generation != s->generation; /* a new token has come meanwhile */
    bool shown = challenge.scheme == CHALLENGE_BASIC && s->auth == AUTH_PASSWORD;
    if (shown)
        return refused(s, t, status, err);
    if (t->kind != TRANSFER_PING)
        transfer_stop(s, t);
    if (stale || s->service_busy)
        return 0;
    return auth_begin(s, &challenge, err) < 0 ? err_wrap(err, "%s", at) : 0;
}

static int elsewhere(struct session *s, struct transfer *t, long status, struct err *err)
{
    char whole[URL_MAX], from[300], to[300];
    struct origin next;
    int r;

    origin_show(&t->origin, from);
    if (!t->location[0])
        return err_set(err, -EPROTO, "%s: a redirect (status %ld) without an address, or with one that is too long",
                       from, status);
    if (t->kind == TRANSFER_PING || t->kind == TRANSFER_LOGIN)
        return err_set(err, -EPERM, "%s: it points elsewhere, to %.200s: name that host instead", from, t->location);
    if (++t->redirects > REDIRECTS)
        return err_set(err, -ELOOP, "%s: more than %u redirects", from, REDIRECTS);
    if ((r = origin_of_url(t->location, t->url, whole, &next, err)) < 0)
        return err_wrap(err, "%s: its redirect", from);
    origin_show(&next, to);
    if (!next.https && (t->origin.https || !(origin_is_loopback(&next) || origin_equal(&next, &s->registry))))
        return err_set(err, -EPERM, "%s: its redirect to http://%s is refused: only https is taken", from, to);
    transfer_stop(s, t);
    strcpy(t->url, whole);
    t->origin = next;
    return 0;
}

static int report_got(struct session *s, struct transfer *t, struct err *err)
{
    struct pull_report r = {.version = PULL_RECORD_VERSION, .kind = PULL_GOT, .request = t->number};
    int ret = transfer_finish(t, r.hex, err);

    if (ret < 0)
        return ret;
    r.bytes = t->done;
    memcpy(r.type, t->type, strcspn(t->type, "; \t"));
    transfer_stop(s, t);
    t->state = TRANSFER_DONE;
    s->n_done++;
    return report_send(&r) < 0 ? err_set(err, -EPIPE, "nobody waits for it") : 0;
}

/* The registry has said what it is. */
static int pinged(struct session *s, struct transfer *t, long status, struct err *err)
{
    char at[300];

    origin_show(&t->origin, at);
    s->registry = t->origin;
    if (status == 401)
        return login_wanted(s, t, status, err);
    if (status != 200)
        return err_set(err, -EPROTO, "%s: is no registry: /v2/ answers with status %ld", at, status);
    s->ready = true;
    return 0;
}

static int service_answer(struct session *s, struct transfer *t, long status, struct err *err)
{
    s->service_busy = false;
    if (t->kind == TRANSFER_LOGIN) {
        int r = auth_finish(s, t, err);
        transfer_stop(s, t);
        t->state = TRANSFER_DONE;
        return r;
    }
    struct transfer ping = *t; /* the login takes the place of the ping */
    transfer_stop(s, &ping);
    t->easy = NULL;
    t->headers = t->addresses = NULL;
    t->state = TRANSFER_DONE;
    return pinged(s, &ping, status, err);
}

int session_answer(struct session *s, struct transfer *t, CURLcode code, struct err *err)
{
    char name[PULL_REFERENCE_MAX + 16];
    bool service = t->kind == TRANSFER_PING || t->kind == TRANSFER_LOGIN;
    long status = 0;
    int r;

    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (code == CURLE_WRITE_ERROR && t->too_long && !t->err.code)
        code = CURLE_OK;
    if (t->err.code)
        r = err_set(err, t->err.code, "%s", t->err.text);
    else if (code != CURLE_OK)
        r = broken(s, t, code, err);
    else if (status == 301 || status == 302 || status == 303 || status == 307 || status == 308)
        r = elsewhere(s, t, status, err);
    else if ((status >= 500 || status == 416) && may_repeat(t)) {
        transfer_reset(t);
        again(s, t);
        r = 0;
    } else if (service)
        r = service_answer(s, t, status, err);
    else if (status == 401)
        r = login_wanted(s, t, status, err);
    else if (status == 200 || (status == 206 && t->kind == TRANSFER_BLOB))
        r = report_got(s, t, err);
    else
        r = refused(s, t, status, err);
    if (r < 0 && !service) {
        what(t, name);
        return err_wrap(err, "%s", name);
    }
    return r;
}
