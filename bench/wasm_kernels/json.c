/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a JSON text of some 100 KiB several times: byte by byte, many branches, recursion. */
#include "kernel.h"

static char text[160 * 1024];
static uint32_t length;

static void put(const char *s)
{
    while (*s)
        text[length++] = *s++;
}

static void put_number(uint32_t n)
{
    char digits[10];
    int i = 0;

    do {
        digits[i++] = (char)('0' + n % 10);
        n /= 10;
    } while (n);
    while (i)
        text[length++] = digits[--i];
}

static void make(void)
{
    uint32_t state = 88172645u;

    put("[");
    for (int i = 0; i < 1000; i++) {
        if (i)
            put(",\n  ");
        put("{\"id\": ");
        put_number(next_number(&state) >> 8);
        put(", \"name\": \"item \\\"");
        put_number((uint32_t)i);
        put("\\\"\", \"ratio\": -");
        put_number(next_number(&state) & 1023);
        put(".");
        put_number(next_number(&state) & 4095);
        put("e-2, \"tags\": [true, false, null, [\"a\", \"b\\u00e9\"]], \"on\": ");
        put(next_number(&state) & 1 ? "true" : "false");
        put("}");
    }
    put("]");
}

struct parser {
    const char *at, *end;
    uint32_t values, hash;
    int failed;
};

static void space(struct parser *p)
{
    while (p->at < p->end && (*p->at == ' ' || *p->at == '\n' || *p->at == '\t' || *p->at == '\r'))
        p->at++;
}

static void string(struct parser *p)
{
    p->at++;
    while (p->at < p->end && *p->at != '"') {
        if (*p->at == '\\')
            p->at++;
        p->hash = p->hash * 33 ^ (uint8_t)*p->at++;
    }
    p->at++;
}

static void number(struct parser *p)
{
    double value = 0, scale = 1;
    int negative = *p->at == '-', exponent = 0, down = 0;

    p->at += negative;
    while (*p->at >= '0' && *p->at <= '9')
        value = value * 10 + (*p->at++ - '0');
    if (*p->at == '.')
        for (p->at++; *p->at >= '0' && *p->at <= '9'; p->at++)
            value += (*p->at - '0') * (scale /= 10);
    if (*p->at == 'e' || *p->at == 'E') {
        p->at++;
        down = *p->at == '-';
        p->at += *p->at == '-' || *p->at == '+';
        while (*p->at >= '0' && *p->at <= '9')
            exponent = exponent * 10 + (*p->at++ - '0');
    }
    for (; exponent > 0; exponent--)
        value = down ? value / 10 : value * 10;
    p->hash += (uint32_t)(int32_t)(negative ? -value : value);
}

static void word(struct parser *p, const char *w)
{
    while (*w)
        if (p->at >= p->end || *p->at++ != *w++)
            p->failed = 1;
}

static void value(struct parser *p, int depth)
{
    char close;

    space(p);
    p->values++;
    if (depth > 100 || p->at >= p->end) {
        p->failed = 1;
        return;
    }
    switch (*p->at) {
    case '{':
    case '[':
        close = *p->at++ == '{' ? '}' : ']';
        for (space(p); !p->failed && p->at < p->end && *p->at != close; space(p)) {
            if (close == '}') {
                string(p);
                space(p);
                word(p, ":");
            }
            value(p, depth + 1);
            space(p);
            if (*p->at == ',') {
                p->at++;
                space(p);
            }
        }
        p->at++;
        return;
    case '"':
        string(p);
        return;
    case 't':
        word(p, "true");
        return;
    case 'f':
        word(p, "false");
        return;
    case 'n':
        word(p, "null");
        return;
    default:
        number(p);
    }
}

EXPORT uint64_t run(void)
{
    struct parser p = {.hash = 5381};

    if (!length)
        make();
    for (int i = 0; i < 4; i++) {
        p.at = text;
        p.end = text + length;
        value(&p, 0);
    }
    return p.failed ? 0 : (uint64_t)p.values << 32 | p.hash;
}
