/* SPDX-License-Identifier: Apache-2.0 */
/* A cursor over the header's text; each step moves it forward, so it ends with the text. */
#include "pull/challenge.h"

#include <string.h>
#include <strings.h>

static bool is_token_char(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           (c && strchr("!#$%&'*+-.^_`|~", c));
}

static const char *skip(const char *p, const char *what)
{
    return p + strspn(p, what);
}

static size_t token_length(const char *p)
{
    size_t n = 0;

    while (is_token_char(p[n]))
        n++;
    return n;
}

/* A token or a quoted string. NULL: malformed or too long for `out`. */
static const char *read_value(const char *p, char *out, size_t size)
{
    size_t n = 0;

    if (*p != '"') {
        while (p[n] > ' ' && p[n] < 0x7f && p[n] != ',')
            n++;
        if (!n || n >= size)
            return NULL;
        memcpy(out, p, n);
        out[n] = 0;
        return p + n;
    }
    for (p++; *p != '"'; p++) {
        if (*p == '\\')
            p++;
        if ((unsigned char)*p < 0x20 || *p == 0x7f || n + 1 >= size)
            return NULL;
        out[n++] = *p;
    }
    out[n] = 0;
    return p + 1;
}

/* The parameters of one scheme; *end is where the next scheme begins. */
static bool read_parameters(const char *p, struct challenge *c, const char **end)
{
    char ignored[1024];

    for (;;) {
        p = skip(p, " \t,");
        size_t n = token_length(p);
        const char *eq = skip(p + n, " \t");
        if (!n || *eq != '=') {
            *end = p; /* the end, or the next scheme */
            return true;
        }
        struct {
            const char *name;
            char *value;
            size_t size;
        } known[] = {{"realm", c->realm, sizeof c->realm},
                     {"service", c->service, sizeof c->service},
                     {"scope", c->scope, sizeof c->scope}};
        char *value = ignored;
        size_t size = sizeof ignored;
        for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
            if (strlen(known[i].name) == n && !strncasecmp(p, known[i].name, n)) {
                value = known[i].value;
                size = known[i].size;
            }
        }
        p = read_value(skip(eq + 1, " \t"), value, size);
        if (!p || (*p && !strchr(" \t,", *p)))
            return false;
    }
}

bool challenge_read(const char *header, struct challenge *out)
{
    struct challenge best = {0};

    for (const char *p = skip(header, " \t,"); *p;) {
        struct challenge c = {0};
        size_t n = token_length(p);
        if (!n || (p[n] && !strchr(" \t,", p[n])))
            return false;
        if (n == 6 && !strncasecmp(p, "Bearer", n))
            c.scheme = CHALLENGE_BEARER;
        else if (n == 5 && !strncasecmp(p, "Basic", n))
            c.scheme = CHALLENGE_BASIC;
        if (!read_parameters(p + n, &c, &p))
            return false;
        if (c.scheme > best.scheme)
            best = c;
    }
    if (best.scheme == CHALLENGE_NONE || (best.scheme == CHALLENGE_BEARER && !best.realm[0]))
        return false;
    *out = best;
    return true;
}

bool challenge_token_valid(const char *token, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (token[i] <= 0x20 || token[i] >= 0x7f)
            return false;
    return len > 0;
}
