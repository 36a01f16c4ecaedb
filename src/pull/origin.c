/* SPDX-License-Identifier: Apache-2.0 */
/* See origin.h. Name resolution is glibc's, in this process, which is shut in: its files are copies, its modules cannot
 * be loaded, and what a name server says is as hostile as the rest. */
#include "pull/origin.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define ADDRESSES_MAX 8
#define NAMES_MAX     8
#define PIN_MAX       (300 + ADDRESSES_MAX * (INET6_ADDRSTRLEN + 3))

static int take(CURLU *u, CURLUPart part, unsigned flags, char *out, size_t size)
{
    char *text = NULL;

    if (curl_url_get(u, part, &text, flags) != CURLUE_OK || !text)
        return -EINVAL;
    size_t n = strlen(text);
    bool fits = n < size;
    if (fits)
        memcpy(out, text, n + 1);
    curl_free(text);
    return fits ? 0 : -E2BIG;
}

static bool host_valid(const char *s)
{
    for (; *s; s++)
        if (!((*s >= 'a' && *s <= 'z') || (*s >= '0' && *s <= '9') || strchr(".-_:", *s)))
            return false;
    return true;
}

static int take_apart(CURLU *u, char whole[URL_MAX], struct origin *out)
{
    char scheme[16], port[8], host[256 + 2];
    size_t skip, n;

    if (take(u, CURLUPART_URL, 0, whole, URL_MAX) < 0 || take(u, CURLUPART_SCHEME, 0, scheme, sizeof scheme) < 0 ||
        take(u, CURLUPART_PORT, CURLU_DEFAULT_PORT, port, sizeof port) < 0 ||
        take(u, CURLUPART_HOST, 0, host, sizeof host) < 0)
        return -EINVAL;
    *out = (struct origin){.https = !strcmp(scheme, "https"), .port = (unsigned)atoi(port)};
    if (!out->https && strcmp(scheme, "http") != 0)
        return -EINVAL;
    for (char *p = host; *p; p++)
        *p = *p >= 'A' && *p <= 'Z' ? (char)(*p + 32) : *p;
    n = strlen(host);
    skip = *host == '[' && host[n - 1] == ']';
    if (n - 2 * skip == 0 || n - 2 * skip >= sizeof out->host)
        return -EINVAL;
    memcpy(out->host, host + skip, n - 2 * skip);
    return host_valid(out->host) && out->port ? 0 : -EINVAL;
}

int origin_of_url(const char *url, const char *base, char whole[URL_MAX], struct origin *out, struct err *err)
{
    CURLU *u = curl_url();
    bool fits = strlen(url) < URL_MAX && u;
    int r = fits ? 0 : -EINVAL;

    if (r == 0 && base && curl_url_set(u, CURLUPART_URL, base, 0) != CURLUE_OK)
        r = -EINVAL;
    if (r == 0 && curl_url_set(u, CURLUPART_URL, url, CURLU_DISALLOW_USER | CURLU_NON_SUPPORT_SCHEME) != CURLUE_OK)
        r = -EINVAL;
    if (r == 0)
        curl_url_set(u, CURLUPART_FRAGMENT, NULL, 0);
    if (r == 0)
        r = take_apart(u, whole, out);
    curl_url_cleanup(u);
    return r < 0 ? err_set(err, -EINVAL, "the address %.200s is none of http or https that is understood", url) : 0;
}

bool origin_equal(const struct origin *a, const struct origin *b)
{
    return a->https == b->https && a->port == b->port && !strcmp(a->host, b->host);
}

static bool is_loopback4(uint32_t a)
{
    return a >> 24 == 127;
}

bool origin_is_loopback(const struct origin *o)
{
    struct in6_addr six;
    struct in_addr four;

    if (!strcmp(o->host, "localhost"))
        return true;
    if (inet_pton(AF_INET, o->host, &four) == 1)
        return is_loopback4(ntohl(four.s_addr));
    return inet_pton(AF_INET6, o->host, &six) == 1 && IN6_IS_ADDR_LOOPBACK(&six);
}

void origin_show(const struct origin *o, char out[300])
{
    snprintf(out, 300, strchr(o->host, ':') ? "[%s]:%u" : "%s:%u", o->host, o->port);
}

/* "This network", loopback, link-local (the metadata services of clouds are there), multicast and beyond. */
static bool is_local4(uint32_t a)
{
    return a >> 24 == 0 || is_loopback4(a) || a >> 16 == 0xa9fe || a >> 28 >= 14;
}

static bool is_local(const struct sockaddr *sa)
{
    if (sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof in);
        return is_local4(ntohl(in.sin_addr.s_addr));
    }
    struct sockaddr_in6 in6;
    memcpy(&in6, sa, sizeof in6);
    const uint8_t *b = in6.sin6_addr.s6_addr;
    uint32_t low = (uint32_t)b[12] << 24 | (uint32_t)b[13] << 16 | (uint32_t)b[14] << 8 | b[15];
    if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr) || IN6_IS_ADDR_V4COMPAT(&in6.sin6_addr))
        return is_local4(low); /* :: and ::1 too */
    return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) || IN6_IS_ADDR_LINKLOCAL(&in6.sin6_addr) ||
           IN6_IS_ADDR_MULTICAST(&in6.sin6_addr) || IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr);
}

static int look_up(const struct origin *o, bool local_ok, char text[PIN_MAX], struct err *err)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found = NULL;
    char address[INET6_ADDRSTRLEN];
    unsigned n = 0, left_out = 0;
    int code = getaddrinfo(o->host, NULL, &hints, &found);

    if (code != 0)
        return err_set(err, -EHOSTUNREACH, "%s: %s: is the name right, and does name resolution work", o->host,
                       gai_strerror(code));
    size_t at = (size_t)snprintf(text, PIN_MAX, strchr(o->host, ':') ? "[%s]:%u:" : "%s:%u:", o->host, o->port);
    for (struct addrinfo *a = found; a && n < ADDRESSES_MAX; a = a->ai_next) {
        if (a->ai_family != AF_INET && a->ai_family != AF_INET6)
            continue;
        if (!local_ok && is_local(a->ai_addr)) {
            left_out++;
            continue;
        }
        if (getnameinfo(a->ai_addr, a->ai_addrlen, address, sizeof address, NULL, 0, NI_NUMERICHOST) != 0)
            continue;
        at += (size_t)snprintf(text + at, PIN_MAX - at, a->ai_family == AF_INET6 ? "%s[%s]" : "%s%s", n++ ? "," : "",
                               address);
    }
    freeaddrinfo(found);
    if (!n)
        return err_set(err, -EPERM, "%s: %s", o->host,
                       left_out ? "it is an address of this machine or of its link, and a registry elsewhere points "
                                  "to it: that is refused"
                                : "it has no address");
    return 0;
}

static bool is_address(const char *host)
{
    struct in6_addr any;

    return inet_pton(AF_INET, host, &any) == 1 || inet_pton(AF_INET6, host, &any) == 1;
}

/* One answer a name for the whole pull: a second look could give another one. */
int origin_pin(const struct origin *o, bool local_ok, struct curl_slist **line, struct err *err)
{
    static struct {
        struct origin origin;
        bool local_ok;
        char text[PIN_MAX];
    } known[NAMES_MAX];
    static unsigned n, next;

    unsigned i = 0;
    while (i < n && !(known[i].local_ok == local_ok && origin_equal(&known[i].origin, o)))
        i++;
    if (i == n) {
        i = next;
        known[i].origin = (struct origin){0};
        int r = look_up(o, local_ok, known[i].text, err);
        if (r < 0)
            return r;
        known[i].origin = *o;
        known[i].local_ok = local_ok;
        next = (next + 1) % NAMES_MAX;
        n = n < NAMES_MAX ? n + 1 : n;
    }
    *line = NULL;
    if (is_address(o->host)) /* it is its own pin; it was looked at all the same */
        return 0;
    *line = curl_slist_append(NULL, known[i].text);
    return *line ? 0 : err_set(err, -ENOMEM, "out of memory");
}
