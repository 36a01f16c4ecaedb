/* SPDX-License-Identifier: Apache-2.0 */
/* One request and its answer on the wire. An answer of 200 or 206 goes, hashed, into memory (documents) or a file
 * (blobs); of any other only a bounded part is looked at. */
#ifndef MOAT_PULL_TRANSFER_H
#define MOAT_PULL_TRANSFER_H

#include "base/sha256.h"
#include "image/pull_record.h"
#include "pull/origin.h"

#include <stdint.h>
#include <time.h>

struct session;

enum transfer_kind { TRANSFER_PING, TRANSFER_LOGIN, TRANSFER_MANIFEST, TRANSFER_BLOB };
enum transfer_state { TRANSFER_WAITING, TRANSFER_ACTIVE, TRANSFER_DONE };

struct transfer {
    enum transfer_kind kind;
    enum transfer_state state;
    uint32_t number;
    uint64_t size; /* wanted; 0 of a document: any */
    char reference[PULL_REFERENCE_MAX];

    char url[URL_MAX]; /* where it goes now; redirects change it */
    struct origin origin;
    unsigned attempts, breaks, redirects, logins, generation;
    struct timespec not_before;

    CURL *easy;
    struct curl_slist *headers, *addresses;
    char *note; /* libcurl's words, CURL_ERROR_SIZE */

    /* of this answer */
    size_t header_bytes;
    char type[128], digest[80], challenge[2048], *location; /* location: URL_MAX, "" when there is none */
    bool has_range, too_long;
    uint64_t range_start, ignored;

    /* content */
    int fd; /* of a blob; -1 */
    uint64_t done, attempt_start;
    struct sha256 sum;
    char *body; /* of a document; size in body_cap */
    size_t body_len, body_cap;
    struct timespec reported;
    struct err err; /* set in a callback, which can only stop libcurl */
};

/* Puts it on the wire: url and origin are set. */
int transfer_start(struct session *s, struct transfer *t, struct err *err);
/* Takes it off; what was got stays, so that transfer_start() goes on from there. */
void transfer_stop(struct session *s, struct transfer *t);
/* Forgets what was got. */
void transfer_reset(struct transfer *t);
/* 0 when the file or document is what was asked for; writes a document to its file. `hex` is its digest. */
int transfer_finish(struct transfer *t, char hex[SHA256_HEX_SIZE], struct err *err);

#endif
