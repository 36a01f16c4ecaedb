/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain scalars by the core schema (YAML 1.2.2, section 10.3.2). Where the older 1.1, which most tools still speak,
 * would read another value, nothing is guessed. Pure.
 */
#include "yaml/convert.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_LONGEST 64 /* digits and all; no value of ours needs more */

static bool is_one_of(const char *text, size_t len, const char *const *words)
{
    for (; *words; words++) {
        if (strlen(*words) == len && !memcmp(*words, text, len))
            return true;
    }
    return false;
}

static size_t span(const char *text, size_t len, const char *set)
{
    size_t n = 0;

    while (n < len && text[n] && strchr(set, text[n]))
        n++;
    return n;
}

#define DIGITS "0123456789"

/* [-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?  The parts, so that they can be written as JSON wants them. */
struct real {
    bool negative, point;
    const char *whole, *part, *exponent; /* exponent with its sign */
    size_t n_whole, n_part, n_exponent;
};

static bool scan_real(const char *text, size_t len, struct real *r)
{
    const char *p = text, *end = text + len;

    *r = (struct real){0};
    if (p < end && (*p == '-' || *p == '+'))
        r->negative = *p++ == '-';
    r->whole = p;
    p += r->n_whole = span(p, (size_t)(end - p), DIGITS);
    if (p < end && *p == '.') {
        r->point = true;
        r->part = ++p;
        p += r->n_part = span(p, (size_t)(end - p), DIGITS);
    }
    if (!r->n_whole && !r->n_part)
        return false;
    if (p < end && (*p == 'e' || *p == 'E')) {
        r->exponent = ++p;
        p += p < end && (*p == '-' || *p == '+');
        size_t digits = span(p, (size_t)(end - p), DIGITS);
        if (!digits)
            return false;
        p += digits;
        r->n_exponent = (size_t)(p - r->exponent);
    }
    return p == end;
}

/* Decimal digits in *out; false when they do not fit 64 bits. */
static bool fits(const char *digits, size_t n, unsigned base, uint64_t *out)
{
    uint64_t v = 0;

    for (size_t i = 0; i < n; i++) {
        char c = digits[i];
        unsigned d = c <= '9' ? (unsigned)(c - '0') : (unsigned)((c | 0x20) - 'a') + 10;
        if (__builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
            return false;
    }
    *out = v;
    return true;
}

static enum yaml_scalar refuse(const char **why, const char **accepted, const char *reason, const char *instead)
{
    *why = reason;
    *accepted = instead;
    return SCALAR_REFUSED;
}

static enum yaml_scalar read_based(const char *text, size_t len, char number[YAML_NUMBER_SIZE], const char **why,
                                   const char **accepted)
{
    uint64_t v;

    if (!fits(text + 2, len - 2, text[1] == 'x' ? 16 : 8, &v))
        return refuse(why, accepted, "does not fit 64 bits", "a number of at most 64 bits, or text in quotes");
    snprintf(number, YAML_NUMBER_SIZE, "%llu", (unsigned long long)v);
    return SCALAR_NUMBER;
}

static enum yaml_scalar read_real(const struct real *r, char number[YAML_NUMBER_SIZE], const char **why,
                                  const char **accepted)
{
    uint64_t v;

    if (r->n_whole > 1 && r->whole[0] == '0')
        return refuse(why, accepted, "begins with 0, which YAML 1.1 reads as octal and 1.2 as decimal",
                      "the number without the 0, 0o755 for octal, or text in quotes");
    if (!r->point && !r->exponent) {
        if (!fits(r->whole, r->n_whole, 10, &v) || (r->negative && v > (uint64_t)INT64_MAX + 1))
            return refuse(why, accepted, "does not fit 64 bits", "a number of at most 64 bits, or text in quotes");
        snprintf(number, YAML_NUMBER_SIZE, "%s%llu", r->negative && v ? "-" : "", (unsigned long long)v);
        return SCALAR_NUMBER;
    }
    snprintf(number, YAML_NUMBER_SIZE, "%s%.*s.%.*s%s%.*s", r->negative ? "-" : "", r->n_whole ? (int)r->n_whole : 1,
             r->n_whole ? r->whole : "0", r->n_part ? (int)r->n_part : 1, r->n_part ? r->part : "0",
             r->exponent ? "e" : "", (int)r->n_exponent, r->exponent ? r->exponent : "");
    errno = 0;
    if (!isfinite(strtod(number, NULL)) || errno == ERANGE)
        return refuse(why, accepted, "is out of range", "a smaller number, or text in quotes");
    return SCALAR_NUMBER;
}

enum yaml_scalar yaml_scalar_read(const char *text, size_t len, char number[YAML_NUMBER_SIZE], const char **why,
                                  const char **accepted)
{
    static const char *const nulls[] = {"", "~", "null", "Null", "NULL", NULL};
    static const char *const truths[] = {"true", "True", "TRUE", NULL};
    static const char *const untruths[] = {"false", "False", "FALSE", NULL};
    static const char *const yeses[] = {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON", NULL};
    static const char *const noes[] = {"n", "N", "no", "No", "NO", "off", "Off", "OFF", NULL};
    static const char *const odd[] = {".inf",  ".Inf",  ".INF", "+.inf", "+.Inf", "+.INF", "-.inf",
                                      "-.Inf", "-.INF", ".nan", ".NaN",  ".NAN",  NULL};
    struct real r;

    if (is_one_of(text, len, nulls))
        return refuse(why, accepted, "no value is given", "a value, or \"\" for an empty text, or leave the line out");
    if (is_one_of(text, len, truths))
        return SCALAR_TRUE;
    if (is_one_of(text, len, untruths))
        return SCALAR_FALSE;
    if (is_one_of(text, len, yeses))
        return refuse(why, accepted, "is true in YAML 1.1 and text in 1.2", "true, or the word in quotes for text");
    if (is_one_of(text, len, noes))
        return refuse(why, accepted, "is false in YAML 1.1 and text in 1.2", "false, or the word in quotes for text");
    if (is_one_of(text, len, odd))
        return refuse(why, accepted, "is no number that a limit could have", "a finite number, or text in quotes");
    if (len > 2 && text[0] == '0' &&
        ((text[1] == 'x' && span(text + 2, len - 2, DIGITS "abcdefABCDEF") == len - 2) ||
         (text[1] == 'o' && span(text + 2, len - 2, "01234567") == len - 2)))
        return read_based(text, len, number, why, accepted);
    if (!scan_real(text, len, &r))
        return SCALAR_TEXT;
    if (len > NUMBER_LONGEST)
        return refuse(why, accepted, "has too many digits", "a shorter number, or text in quotes");
    return read_real(&r, number, why, accepted);
}
