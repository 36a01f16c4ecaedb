/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One pull: a registry, a repository, and what was asked for. Life: session_init() before the jail -> jail ->
 * session_run() until moat closes the requests. One thread, one loop; at most ACTIVE_MAX transfers at a time.
 */
#ifndef MOAT_PULL_SESSION_H
#define MOAT_PULL_SESSION_H

#include "image/pull_record.h"
#include "pull/challenge.h"
#include "pull/transfer.h"

#define ACTIVE_MAX 4u
#define TOKEN_MAX  (64u << 10)
#define ANSWER_MAX (256u << 10) /* what a login service says */
#define ERROR_MAX  (64u << 10)  /* what comes with an error or a redirect */
#define ATTEMPTS   4u
#define REDIRECTS  5u
#define LOGINS     2u

enum auth_kind { AUTH_NONE, AUTH_PASSWORD, AUTH_TOKEN };

struct session {
    struct pull_setup setup;
    CURLM *multi;
    struct curl_blob ca; /* certificates in PEM form; len 0: none */

    struct origin registry; /* set when the first answer has come */
    char base[512];         /* "https://HOST/v2/" */
    bool ready;             /* requests may go out */

    enum auth_kind auth;
    char token[TOKEN_MAX];
    unsigned generation; /* of the token */
    struct challenge challenge;

    /* The ping, then the login: never both; no request goes out meanwhile. */
    struct transfer service;
    bool service_busy;

    struct transfer *queue; /* PULL_REQUESTS_MAX; by number */
    uint32_t n_queue, n_done, n_active;
    bool no_more;
};

int session_init(struct session *s, struct err *err);
/* Until all is done and moat has closed, or something failed; the report of a failure is the caller's. *failed: the
 * number of the request. */
int session_run(struct session *s, uint32_t *failed, struct err *err);

/* answer.c: what to do with a finished transfer; `code` is libcurl's. */
int session_answer(struct session *s, struct transfer *t, CURLcode code, struct err *err);

/* auth.c */
/* What to say of the login that is missing. */
const char *auth_lack(const struct session *s);
/* Sets what this transfer may show of passwords and tokens. */
int auth_apply(struct session *s, struct transfer *t, struct err *err);
/* Starts the login that `challenge` asks for, or decides for the password. */
int auth_begin(struct session *s, const struct challenge *challenge, struct err *err);
/* The login service has answered. */
int auth_finish(struct session *s, struct transfer *t, struct err *err);

/* Sends one report; a progress report is dropped when moat is slow. */
int report_send(const struct pull_report *r);

#endif
