/* SPDX-License-Identifier: Apache-2.0 */
/* Scheme, host and port: who is spoken to. URLs are hostile; libcurl's parser takes them apart, and the same parts are
 * what it connects to. */
#ifndef MOAT_PULL_ORIGIN_H
#define MOAT_PULL_ORIGIN_H

#include "base/err.h"

#include <curl/curl.h>
#include <stdbool.h>

#define URL_MAX 8192

struct origin {
    bool https;
    unsigned port;
    char host[256]; /* lower case; an IPv6 address without brackets */
};

/* `url` may be relative to `base` (NULL: it must be whole). Gives the whole URL and its origin. Refused: schemes other
 * than http and https, user names in it, what does not fit. */
int origin_of_url(const char *url, const char *base, char whole[URL_MAX], struct origin *out, struct err *err);
bool origin_equal(const struct origin *a, const struct origin *b);
/* localhost, 127.0.0.0/8, ::1: by the name alone. */
bool origin_is_loopback(const struct origin *o);
/* "host:port" for messages. */
void origin_show(const struct origin *o, char out[300]);

/* Looks the name up, in this thread, and gives libcurl's line that pins the host to what was found (NULL: it
 * is an address itself). Without `local_ok`
 * addresses of this machine and of its links are left out, and -EPERM says so when none is left. */
int origin_pin(const struct origin *o, bool local_ok, struct curl_slist **line, struct err *err);

#endif
