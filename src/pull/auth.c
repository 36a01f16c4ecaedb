/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may see what. The password belongs to the registry's origin; the login service that the registry names may see it
 * too, when both were reached by verified TLS (then the registry, which could ask for the password itself, vouches for
 * it). A token belongs to the registry's origin alone. Everybody else gets nothing.
 */
#include "base/json.h"
#include "pull/session.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static bool has_password(const struct session *s)
{
    return s->setup.flags & PULL_HAS_PASSWORD;
}

const char *auth_lack(const struct session *s)
{
    if (has_password(s))
        return "rights that the user in docker's config.json has not";
    if (s->setup.flags & PULL_LOGIN_IN_HELPER)
        return "a login, and docker's config.json leaves that to a credential helper, which is not run here: it must "
               "stand in auths";
    return "a login, and docker's config.json has none for it";
}

static bool password_may_go(const struct session *s, const struct origin *to)
{
    if (origin_equal(to, &s->registry))
        return true;
    return s->registry.https && to->https && !(s->setup.flags & PULL_INSECURE);
}

static void show_password(const struct session *s, struct transfer *t)
{
    curl_easy_setopt(t->easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
    curl_easy_setopt(t->easy, CURLOPT_USERNAME, s->setup.user);
    curl_easy_setopt(t->easy, CURLOPT_PASSWORD, s->setup.password);
}

int auth_apply(struct session *s, struct transfer *t, struct err *err)
{
    static const char prefix[] = "Authorization: Bearer ";
    static char header[sizeof prefix + TOKEN_MAX];

    t->generation = s->generation;
    if (t->kind == TRANSFER_PING)
        return 0;
    if (t->kind == TRANSFER_LOGIN) {
        if (has_password(s) && password_may_go(s, &t->origin))
            show_password(s, t);
        return 0;
    }
    if (!origin_equal(&t->origin, &s->registry))
        return 0;
    if (s->auth == AUTH_PASSWORD)
        show_password(s, t);
    if (s->auth != AUTH_TOKEN)
        return 0;
    snprintf(header, sizeof header, "%s%s", prefix, s->token);
    t->headers = curl_slist_append(NULL, header);
    return t->headers ? 0 : err_set(err, -ENOMEM, "out of memory");
}

static int append_query(CURLU *u, const char *name, const char *value)
{
    char text[1024];

    if (!*value)
        return 0;
    snprintf(text, sizeof text, "%s=%s", name, value);
    return curl_url_set(u, CURLUPART_QUERY, text, CURLU_APPENDQUERY | CURLU_URLENCODE) == CURLUE_OK ? 0 : -EINVAL;
}

static int login_url(const struct session *s, const struct challenge *c, char out[URL_MAX], struct origin *origin,
                     struct err *err)
{
    char scope[sizeof s->setup.repository + 32], whole[URL_MAX];
    CURLU *u = curl_url();
    char *text = NULL;
    int r = origin_of_url(c->realm, NULL, whole, origin, err);

    snprintf(scope, sizeof scope, "repository:%s:pull", s->setup.repository); /* ours, whatever it would like */
    if (r == 0 && (!u || curl_url_set(u, CURLUPART_URL, whole, 0) != CURLUE_OK ||
                   append_query(u, "service", c->service) < 0 || append_query(u, "scope", scope) < 0 ||
                   curl_url_get(u, CURLUPART_URL, &text, 0) != CURLUE_OK || strlen(text) >= URL_MAX))
        r = err_set(err, -EINVAL, "the login service %.200s is no address that is understood", c->realm);
    if (r == 0)
        strcpy(out, text);
    curl_free(text);
    curl_url_cleanup(u);
    return r;
}

int auth_begin(struct session *s, const struct challenge *challenge, struct err *err)
{
    struct transfer *t = &s->service;
    struct origin origin;
    char url[URL_MAX];

    if (challenge->scheme == CHALLENGE_BASIC) {
        if (!has_password(s))
            return err_set(err, -EACCES, "it wants a user name and a password: it needs %s: log in first",
                           auth_lack(s));
        s->auth = AUTH_PASSWORD;
        s->ready = true;
        return 0;
    }
    int r = login_url(s, challenge, url, &origin, err);
    if (r < 0)
        return r;
    if (!origin.https && !origin_equal(&origin, &s->registry) &&
        (s->registry.https || !origin_is_loopback(&origin) || !origin_is_loopback(&s->registry)))
        return err_set(err, -EPERM, "its login service %.200s is not reached by https: that is refused", url);
    *t = (struct transfer){.kind = TRANSFER_LOGIN,
                           .fd = -1,
                           .origin = origin,
                           .location = t->location,
                           .note = t->note,
                           .body = t->body,
                           .body_cap = t->body_cap};
    strcpy(t->url, url);
    s->challenge = *challenge;
    s->service_busy = true;
    return transfer_start(s, t, err);
}

static int read_token(struct session *s, struct transfer *t, struct err *err)
{
    struct json *root, *token = NULL;
    struct arena a;
    int r = arena_init(&a, 8u << 20);

    if (r < 0)
        return err_set(err, r, "out of memory");
    r = t->body_len ? json_parse(&a, t->body, t->body_len, &root, err) : err_set(err, -EINVAL, "no answer");
    if (r == 0 && !(token = json_get(root, "token")))
        token = json_get(root, "access_token");
    if (r == 0 && (!token || token->type != JSON_STRING || token->string.len >= sizeof s->token ||
                   !challenge_token_valid(token->string.s, token->string.len)))
        r = err_set(err, -EINVAL, "its answer has no token that is understood");
    if (r == 0)
        memcpy(s->token, token->string.s, token->string.len + 1);
    arena_free(&a);
    return r;
}

int auth_finish(struct session *s, struct transfer *t, struct err *err)
{
    char at[300];
    long status = 0;
    int r;

    origin_show(&t->origin, at);
    curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
    if (status == 401 || status == 403)
        return err_set(err, -EACCES, "the login service %s refuses %s (status %ld): log in again", at,
                       has_password(s) ? "the user name and password" : "a login without a user name", status);
    if (status != 200)
        return err_set(err, -EPROTO, "the login service %s answers with status %ld", at, status);
    if ((r = read_token(s, t, err)) < 0)
        return err_wrap(err, "the login service %s", at);
    s->auth = AUTH_TOKEN;
    s->generation++;
    s->ready = true;
    return 0;
}
