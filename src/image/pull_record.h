/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What moat and moat-pull tell each other. moat writes one pull_setup and then pull_requests to descriptor 0; end of
 * file means: no more. moat-pull answers on descriptor 4 with pull_reports, each one write(2) of at most PIPE_BUF, so
 * never torn. moat copies a report and checks it; what the documents say it reads itself, from files whose digest it
 * takes itself. A change of the layout raises the version; both programs are built together.
 */
#ifndef MOAT_IMAGE_PULL_RECORD_H
#define MOAT_IMAGE_PULL_RECORD_H

#include <stddef.h>
#include <stdint.h>

#define PULL_RECORD_VERSION 1u

#define PULL_DOCUMENT_MAX  (4u << 20) /* a manifest or index */
#define PULL_REQUESTS_MAX  1024u      /* under way or waiting */
#define PULL_CA_MAX        (4u << 20)
#define PULL_REFERENCE_MAX 136 /* a tag, or "sha256:" and 64 digits */

enum pull_fd { PULL_FD_REQUEST = 0, PULL_FD_DEST = 3, PULL_FD_REPORT = 4, PULL_FD_CA = 5 };

enum pull_flag {
    PULL_INSECURE = 1,        /* the registry may be spoken to without TLS, or with a certificate nobody vouches for */
    PULL_HAS_PASSWORD = 2,    /* user and password are set; they are for `host` alone */
    PULL_LOGIN_IN_HELPER = 4, /* none, but a credential helper may have them: for messages */
};

struct pull_setup {
    uint32_t version;
    uint32_t flags;
    uint32_t stall_seconds, connect_seconds;
    uint64_t max_bytes; /* of one blob */
    char host[272];     /* HOST[:PORT], printable, no slash */
    char repository[256];
    char user[256];
    char password[8192];
};

enum pull_request_kind { PULL_MANIFEST = 1, PULL_BLOB = 2 };

struct pull_request {
    uint32_t version;
    uint32_t kind;
    uint64_t size; /* it must have exactly; of a manifest by tag: 0, any */
    char reference[PULL_REFERENCE_MAX];
};

enum pull_report_kind { PULL_PROGRESS = 1, PULL_GOT = 2, PULL_FAILED = 3 };

/* PULL_GOT: the bytes are in blobs/sha256/HEX below the directory. */
struct pull_report {
    uint32_t version;
    uint32_t kind;
    uint32_t request; /* its number, from 0 */
    uint32_t text_len;
    uint64_t bytes; /* so far; all of them */
    char hex[72];   /* of what was got; NUL-terminated */
    char type[128]; /* Content-Type of a manifest; hostile, NUL-terminated */
    char text[800]; /* PULL_FAILED: the reason; hostile */
};
_Static_assert(sizeof(struct pull_report) == 1024, "report layout");
_Static_assert(sizeof(struct pull_request) == 152, "request layout");

#endif
