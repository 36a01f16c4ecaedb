/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts of network rules. Pure. The text is the user's or of a document, and not trusted; names also come out of DNS
 * messages, already in lower case. The C library's readers of addresses are not used: they differ in what they take. */
#include "policy/net_host.h"

#include <string.h>

#define GROUPS 8 /* of an IPv6 address, 16 bits each */

static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}; /* ::ffff:0:0/96, RFC 4291 2.5.5.2 */

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* ---- addresses from text ------------------------------------------------------------------------------------- */

/* Plain decimal of 1 to 3 digits: no sign, no leading zero (which some readers take for octal). */
static bool read_decimal(const char *s, size_t n, unsigned max, unsigned *out)
{
    unsigned v = 0;

    if (n < 1 || n > 3 || (n > 1 && *s == '0'))
        return false;
    for (size_t i = 0; i < n; i++) {
        if (!is_digit(s[i]))
            return false;
        v = v * 10 + (unsigned)(s[i] - '0');
    }
    *out = v;
    return v <= max;
}

static bool read_v4(const char *s, size_t n, uint8_t out[4])
{
    const char *end = s + n;

    for (int i = 0; i < 4; i++) {
        const char *dot = i < 3 ? memchr(s, '.', (size_t)(end - s)) : end;
        unsigned v;
        if (!dot || !read_decimal(s, (size_t)(dot - s), 255, &v))
            return false;
        out[i] = (uint8_t)v;
        s = dot + (i < 3);
    }
    return true;
}

static bool read_hex(const char *s, size_t n, uint16_t *out)
{
    unsigned v = 0;

    if (n < 1 || n > 4)
        return false;
    for (size_t i = 0; i < n; i++) {
        char c = (char)(s[i] | 0x20);
        if (is_digit(s[i]))
            v = v << 4 | (unsigned)(s[i] - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (unsigned)(c - 'a' + 10);
        else
            return false;
    }
    *out = (uint16_t)v;
    return true;
}

static bool read_v6(const char *s, size_t n, uint8_t out[16])
{
    const char *end = s + n;
    uint16_t groups[GROUPS] = {0};
    int have = 0, gap = -1; /* the groups before "::" */

    if (n >= 2 && s[0] == ':' && s[1] == ':') {
        gap = 0;
        s += 2;
    }
    while (s < end) {
        const char *colon = memchr(s, ':', (size_t)(end - s)), *stop = colon ? colon : end;
        if (!colon && memchr(s, '.', (size_t)(end - s))) {
            uint8_t v4[4];
            if (have > GROUPS - 2 || !read_v4(s, (size_t)(end - s), v4))
                return false;
            groups[have++] = (uint16_t)(v4[0] << 8 | v4[1]);
            groups[have++] = (uint16_t)(v4[2] << 8 | v4[3]);
            break;
        }
        if (have == GROUPS || !read_hex(s, (size_t)(stop - s), &groups[have]))
            return false;
        have++;
        if (!colon)
            break;
        s = colon + 1;
        if (s == end)
            return false;
        if (*s == ':') {
            if (gap >= 0)
                return false;
            gap = have;
            s++;
        }
    }
    if (gap < 0 ? have != GROUPS : have >= GROUPS)
        return false;
    memset(out, 0, 16);
    for (int i = 0; i < have; i++) {
        int at = gap < 0 || i < gap ? i : GROUPS - have + i;
        out[2 * at] = (uint8_t)(groups[i] >> 8);
        out[2 * at + 1] = (uint8_t)groups[i];
    }
    return true;
}

/* ---- addresses ----------------------------------------------------------------------------------------------- */

struct net_address net_address_v4(const uint8_t bytes[4])
{
    struct net_address a = {.bits = 32};

    memcpy(a.bytes, bytes, 4);
    return a;
}

struct net_address net_address_v6(const uint8_t bytes[16])
{
    struct net_address a = {.bits = 128};

    if (!memcmp(bytes, mapped, sizeof mapped))
        return net_address_v4(bytes + sizeof mapped);
    memcpy(a.bytes, bytes, 16);
    return a;
}

bool net_address_equal(const struct net_address *a, const struct net_address *b)
{
    return a->bits == b->bits && !memcmp(a->bytes, b->bytes, sizeof a->bytes);
}

/* No more than 128 bits are looked at, whatever is asked. */
static bool same_prefix(const uint8_t *a, const uint8_t *b, unsigned bits)
{
    size_t whole = bits / 8 < 16 ? bits / 8 : 16;

    if (memcmp(a, b, whole) != 0)
        return false;
    return whole == 16 || bits % 8 == 0 || (a[whole] ^ b[whole]) >> (8 - bits % 8) == 0;
}

bool net_host_matches_address(const struct net_host *host, const struct net_address *address)
{
    return host->kind == NET_HOST_ADDRESS && host->address.bits == address->bits &&
           same_prefix(host->address.bytes, address->bytes, host->prefix);
}

/* ---- names --------------------------------------------------------------------------------------------------- */

static bool is_name_byte(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || c == '-' || c == '_';
}

/* What readers of addresses take for one: "7", "0x7f". */
static bool is_number(const char *s, size_t n)
{
    size_t i = n >= 2 && s[0] == '0' && s[1] == 'x' ? 2 : 0;
    bool hex = i > 0;

    for (; i < n; i++)
        if (!is_digit(s[i]) && !(hex && s[i] >= 'a' && s[i] <= 'f'))
            return false;
    return true;
}

bool net_name_valid(const char *name, size_t n)
{
    size_t start = 0;

    if (n < 1 || n > NET_NAME_MAX)
        return false;
    for (size_t i = 0; i <= n; i++) {
        if (i < n && name[i] != '.') {
            if (!is_name_byte(name[i]))
                return false;
            continue;
        }
        if (i == start || i - start > NET_LABEL_MAX || name[start] == '-' || name[i - 1] == '-')
            return false;
        if (i == n)
            break;
        start = i + 1;
    }
    return !is_number(name + start, n - start);
}

bool net_host_matches_name(const struct net_host *host, const char *name)
{
    if (host->kind == NET_HOST_ANY)
        return true;
    if (host->kind == NET_HOST_NAME)
        return !strcmp(host->name, name);
    if (host->kind != NET_HOST_BELOW)
        return false;
    size_t all = strlen(name), end = strlen(host->name);
    return all > end + 1 && name[all - end - 1] == '.' && !strcmp(name + all - end, host->name);
}

static bool is_localhost(const char *name, size_t n)
{
    static const char word[] = "localhost"; /* and all below it: RFC 6761 6.3 */
    size_t w = sizeof word - 1;

    return n >= w && !memcmp(name + n - w, word, w) && (n == w || name[n - w - 1] == '.');
}

/* ---- hosts --------------------------------------------------------------------------------------------------- */

static const char *read_name(const char *text, struct net_host *out)
{
    bool below = text[0] == '*' && text[1] == '.';
    const char *name = below ? text + 2 : text;
    size_t n = strnlen(name, NET_NAME_MAX + 1);

    if (strchr(name, '*'))
        return "'*' stands alone or before the first dot, as in *.example.org";
    if (n > NET_NAME_MAX)
        return "the name is longer than 253 bytes";
    for (size_t i = 0; i < n; i++)
        if (name[i] & 0x80)
            return "the name is not in ASCII: write the form that starts with xn--";
    if (n && name[n - 1] == '.')
        return "leave out the dot at the end of the name";
    if (!net_name_valid(name, n))
        return "not a name (labels of 1 to 63 lower-case letters, digits, '-' or '_', joined by dots) nor an IPv4 "
               "address (four numbers from 0 to 255 without leading zeros)";
    if (is_localhost(name, n))
        return "localhost is the sandbox itself: write 127.0.0.1 or [::1] for the host's own services";
    *out = (struct net_host){.kind = below ? NET_HOST_BELOW : NET_HOST_NAME, .name = name};
    return NULL;
}

/* "10.0.0.0/8": nothing is set below the prefix, so that the text says what is meant. */
static const char *read_prefix(const char *digits, struct net_host *out)
{
    unsigned prefix;

    if (!read_decimal(digits, strnlen(digits, 4), out->address.bits, &prefix))
        return out->address.bits == 32 ? "the prefix length is a number from 0 to 32"
                                       : "the prefix length is a number from 0 to 128";
    for (unsigned bit = prefix; bit < out->address.bits; bit++)
        if (out->address.bytes[bit / 8] & 0x80 >> bit % 8)
            return "the address has bits below the prefix: write the first address of the range";
    out->prefix = (uint8_t)prefix;
    return NULL;
}

const char *net_host_read(const char *text, struct net_host *out)
{
    size_t n = strcspn(text, "/");
    struct net_host host = {.kind = NET_HOST_ADDRESS};
    uint8_t bytes[16];
    const char *wrong;

    if (!*text)
        return "the host is empty";
    if (!strcmp(text, "*")) {
        *out = (struct net_host){.kind = NET_HOST_ANY};
        return NULL;
    }
    if (memchr(text, '%', n))
        return "a rule cannot name an interface: leave out what follows '%'";
    if (memchr(text, ':', n)) {
        if (!read_v6(text, n, bytes))
            return "not an IPv6 address";
        host.address = net_address_v6(bytes);
        if (host.address.bits != 128)
            return "write the IPv4 address alone, without ::ffff:";
        if (bytes[0] == 0xfe && (bytes[1] & 0xc0) == 0x80)
            return "link-local IPv6 addresses need an interface, which a rule cannot name";
    } else if (read_v4(text, n, bytes)) {
        host.address = net_address_v4(bytes);
    } else if (text[n]) {
        return "only an address has a prefix length, as in 10.0.0.0/8";
    } else {
        return read_name(text, out);
    }
    host.prefix = host.address.bits;
    if (text[n] && (wrong = read_prefix(text + n + 1, &host)))
        return wrong;
    *out = host;
    return NULL;
}

/* ---- text ---------------------------------------------------------------------------------------------------- */

static char *put_decimal(char *to, unsigned v)
{
    if (v >= 10)
        to = put_decimal(to, v / 10);
    *to++ = (char)('0' + v % 10);
    return to;
}

static char *put_v4(char *to, const uint8_t *bytes)
{
    for (int i = 0; i < 4; i++) {
        if (i)
            *to++ = '.';
        to = put_decimal(to, bytes[i]);
    }
    return to;
}

static char *put_v6(char *to, const uint8_t *bytes)
{
    unsigned groups[GROUPS];
    int gap = -1, gap_length = 1; /* the longest run of two or more zeros, the first of those: RFC 5952 4.2 */

    for (int i = 0; i < GROUPS; i++)
        groups[i] = (unsigned)(bytes[2 * i] << 8 | bytes[2 * i + 1]);
    for (int i = 0; i < GROUPS; i++) {
        int run = 0;
        while (i + run < GROUPS && !groups[i + run])
            run++;
        if (run > gap_length) {
            gap = i;
            gap_length = run;
        }
    }
    for (int i = 0; i < GROUPS; i++) {
        if (i == gap) {
            *to++ = ':';
            *to++ = ':';
            i += gap_length - 1;
            continue;
        }
        if (i && i != gap + gap_length)
            *to++ = ':';
        bool started = false;
        for (int shift = 12; shift >= 0; shift -= 4) {
            unsigned digit = groups[i] >> shift & 0xf;
            started |= digit || !shift;
            if (started)
                *to++ = "0123456789abcdef"[digit];
        }
    }
    return to;
}

void net_address_text(const struct net_address *address, char out[NET_ADDRESS_TEXT_MAX])
{
    char *end = out;

    if (address->bits)
        end = address->bits == 32 ? put_v4(out, address->bytes) : put_v6(out, address->bytes);
    *end = '\0';
}

void net_host_text(const struct net_host *host, char out[NET_HOST_TEXT_MAX])
{
    char *to = out;

    if (host->kind == NET_HOST_ADDRESS) {
        net_address_text(&host->address, out);
        if (host->prefix == host->address.bits)
            return;
        to += strlen(out);
        *to++ = '/';
        to = put_decimal(to, host->prefix);
    } else {
        if (host->kind != NET_HOST_NAME)
            *to++ = '*';
        if (host->kind == NET_HOST_BELOW)
            *to++ = '.';
        if (host->kind != NET_HOST_ANY) {
            size_t n = strnlen(host->name, NET_NAME_MAX);
            memcpy(to, host->name, n);
            to += n;
        }
    }
    *to = '\0';
}
