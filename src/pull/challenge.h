/* SPDX-License-Identifier: Apache-2.0 */
/* The WWW-Authenticate header (RFC 9110, 11.6.1), as registries use it. Pure; the text is hostile. */
#ifndef MOAT_PULL_CHALLENGE_H
#define MOAT_PULL_CHALLENGE_H

#include <stdbool.h>
#include <stddef.h>

enum challenge_scheme { CHALLENGE_NONE, CHALLENGE_BASIC, CHALLENGE_BEARER };

struct challenge {
    enum challenge_scheme scheme;
    char realm[1024], service[256], scope[512];
};

/* Reads one challenge of a scheme known here; Bearer wins over Basic when a header has several. False: none was found,
 * or it is malformed: a parameter without a value, an open quote, a value longer than its member, a control byte. */
bool challenge_read(const char *header, struct challenge *out);

/* The "token" or "access_token" of a login service's answer is put into JSON by it: the reading is the caller's. What
 * may stand in an Authorization header: visible ASCII, no blanks. */
bool challenge_token_valid(const char *token, size_t len);

#endif
