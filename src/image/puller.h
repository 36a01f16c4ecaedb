/* SPDX-License-Identifier: Apache-2.0 */
/* The trusted side of moat-pull. Life: puller_start() -> puller_ask() and puller_hear() -> puller_end(), always. */
#ifndef MOAT_IMAGE_PULLER_H
#define MOAT_IMAGE_PULLER_H

#include "base/err.h"
#include "base/mem.h"
#include "image/pull_record.h"

#include <signal.h>
#include <stdbool.h>
#include <sys/types.h>

struct puller {
    pid_t pid;           /* 0: none */
    int request, report; /* our ends */
    uint32_t asked;
    struct puller_asked *requests; /* [asked] */
    struct pull_report part;       /* a report of which part_len bytes have come */
    size_t part_len;
    int64_t news_ms;  /* when it last told something new, or was not listened to */
    int64_t quiet_ms; /* for how long it may tell nothing new while we wait */
    const volatile sig_atomic_t *interrupted;
};

/* One request, for telling news from repetition. */
struct puller_asked {
    uint64_t size;     /* it has, or may have */
    uint64_t furthest; /* of its bytes, as told */
    bool got;
};

/* dest: an empty directory with blobs/sha256 in it; borrowed. Certificates: SSL_CERT_FILE, else the system's.
 * interrupted: may be NULL; when it is set, each call that could wait gives up. */
int puller_start(struct arena *a, const struct pull_setup *setup, int dest, const volatile sig_atomic_t *interrupted,
                 struct puller *out, struct err *err);

/* *number: what its reports carry. */
int puller_ask(struct puller *p, enum pull_request_kind kind, const char *reference, uint64_t size, uint32_t *number,
               struct err *err);

/* The next report, checked: version, kind, number, strings. PULL_FAILED becomes an error with the helper's words, made
 * printable. Without `wait`: -EAGAIN when there is none now (err is untouched). -EINTR when *interrupted is set.
 * -ETIMEDOUT: ten times the stall limit went by without a byte or an answer more than before, whatever it kept saying.
 */
int puller_hear(struct puller *p, bool wait, struct pull_report *out, struct err *err);

/* Kills what still runs, and reaps it. */
void puller_end(struct puller *p);

#endif
