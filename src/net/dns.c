/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading and writing DNS messages. Pure. Both directions are hostile: a query is the target's, an answer the
 * network's. Every read goes through a cursor that knows the end; every loop has a bound of ours beside that of the
 * message. Nothing of an answer is copied into a reply but addresses.
 */
#include "net/dns.h"

#include <string.h>

#define HEADER       12
#define NAME_MAX     255 /* on the wire, with the root's byte: RFC 1035 2.3.4 */
#define RECORDS_MAX  64  /* of an answer section */
#define CNAMES_MAX   16
#define POINTERS_MAX 32 /* of one name */
#define CLASS_IN     1
#define ROOM_LEAST   512 /* RFC 1035 2.3.4 */
#define EDE_OPTION   15
#define EDE_BLOCKED  15 /* RFC 8914 4.16 */
#define TTL_SIGN     0x80000000u
#define POINTER_BITS 0xc0

enum flag {
    FLAG_ANSWER = 0x8000,
    FLAG_OPCODE = 0x7800,
    FLAG_TRUNCATED = 0x0200,
    FLAG_RECURSION = 0x0100, /* desired */
    FLAG_RECURSIVE = 0x0080, /* available */
    FLAG_AUTHENTIC = 0x0020,
    FLAG_UNCHECKED = 0x0010,
    FLAG_CODE = 0x000f,
};

/* ---- a cursor ------------------------------------------------------------------------------------------------ */

struct cursor {
    const uint8_t *m;
    size_t n, at;
    bool bad; /* something was read past the end: what was read since is 0 */
};

static const uint8_t *take(struct cursor *c, size_t n)
{
    if (c->bad || c->n - c->at < n) {
        c->bad = true;
        return NULL;
    }
    c->at += n;
    return c->m + c->at - n;
}

static uint16_t take_16(struct cursor *c)
{
    const uint8_t *p = take(c, 2);

    return p ? (uint16_t)(p[0] << 8 | p[1]) : 0;
}

static uint32_t take_32(struct cursor *c)
{
    uint32_t high = take_16(c);

    return high << 16 | take_16(c);
}

struct name {
    uint8_t n; /* 0: none */
    uint8_t wire[NAME_MAX];
};

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? c | 0x20 : c;
}

/* A name, where it stands or where pointers lead. A pointer leads before the labels that it ends (and behind the
 * header), so that each one goes further back and there can be no circle. The cursor ends behind the name. Spelled as
 * it is: see lower_name(). */
static bool take_name(struct cursor *c, bool compressed, struct name *out)
{
    struct cursor here = *c; /* where labels are read; c stays behind the first pointer */
    size_t n = 0, start = c->at;
    unsigned jumps = 0;

    for (;;) {
        const uint8_t *length = take(&here, 1);
        if (!length)
            break;
        if ((*length & POINTER_BITS) == POINTER_BITS && compressed) {
            const uint8_t *low = take(&here, 1);
            size_t to = low ? (size_t)(*length & 0x3f) << 8 | *low : 0;
            if (to < HEADER || to >= start || jumps == POINTERS_MAX)
                break;
            if (!jumps++)
                c->at = here.at;
            here.at = start = to;
            continue;
        }
        const uint8_t *label = *length > NET_LABEL_MAX || n + 1 + *length > NAME_MAX ? NULL : take(&here, *length);
        if (!label)
            break;
        out->wire[n++] = *length;
        memcpy(out->wire + n, label, *length);
        n += *length;
        if (!*length) {
            if (!jumps)
                c->at = here.at;
            out->n = (uint8_t)n;
            return true;
        }
    }
    c->bad = true;
    out->n = 0;
    return false;
}

/* Length bytes are below 'A', so that they stay what they are. */
static void lower_name(struct name *name)
{
    for (size_t i = 0; i < name->n; i++)
        name->wire[i] = lower(name->wire[i]);
}

static bool same_name(const struct name *a, const struct name *b)
{
    return a->n == b->n && !memcmp(a->wire, b->wire, a->n);
}

/* "" when it is none that a rule could have: a dot within a label must not become one between two. */
static void name_text(const struct name *name, char out[NET_NAME_MAX + 1])
{
    size_t n = 0;

    for (size_t i = 0; i < name->n && name->wire[i]; i += name->wire[i] + 1u) {
        if (n)
            out[n++] = '.';
        for (size_t k = 1; k <= name->wire[i]; k++) {
            out[n++] = (char)lower(name->wire[i + k]);
            if (name->wire[i + k] == '.') {
                out[0] = '\0';
                return;
            }
        }
    }
    out[net_name_valid(out, n) ? n : 0] = '\0';
}

/* ---- queries ------------------------------------------------------------------------------------------------- */

/* The OPT record (RFC 6891 6.1): its options are nobody's business here, but they must be there. */
static bool take_opt(struct cursor *c, uint16_t *room)
{
    const uint8_t *root = take(c, 1);
    uint16_t type = take_16(c), size = take_16(c);
    uint32_t extended = take_32(c);

    if (!root || *root || type != DNS_OPT || extended >> 16) /* an extended code, or a version that is not 0 */
        return false;
    *room = size < ROOM_LEAST ? ROOM_LEAST : size < GATE_DNS_MAX ? size : GATE_DNS_MAX;
    return take(c, take_16(c)) != NULL;
}

int dns_query_read(const uint8_t *m, size_t n, struct gate_question *q)
{
    struct cursor c = {.m = m, .n = n};
    struct name name;

    memset(q, 0, sizeof *q);
    q->room = ROOM_LEAST;
    q->client_id = take_16(&c);
    uint16_t flags = take_16(&c), questions = take_16(&c), answers = take_16(&c), authorities = take_16(&c),
             additional = take_16(&c);
    if (c.bad || flags & FLAG_ANSWER)
        return DNS_DROP;
    q->recursion = flags & FLAG_RECURSION;
    if (flags & FLAG_OPCODE)
        return DNS_NOTIMP;
    if (n > GATE_DNS_MAX || flags & ~(FLAG_RECURSION | FLAG_AUTHENTIC | FLAG_UNCHECKED) || questions != 1 || answers ||
        authorities || additional > 1 || !take_name(&c, false, &name))
        return DNS_FORMERR;
    q->type = take_16(&c);
    uint16_t class = take_16(&c);
    if (c.bad || (additional && !take_opt(&c, &q->room)) || c.at != n)
        return DNS_FORMERR;
    q->edns = additional;
    if (class != CLASS_IN)
        return DNS_REFUSED;
    q->n_wire = name.n;
    memcpy(q->wire, name.wire, name.n);
    name_text(&name, q->name);
    return DNS_NOERROR;
}

/* ---- writing ------------------------------------------------------------------------------------------------- */

static void put(struct gate_message *out, const void *bytes, size_t n)
{
    memcpy(out->bytes + out->n, bytes, n);
    out->n += n;
}

static void put_16(struct gate_message *out, unsigned v)
{
    out->bytes[out->n++] = (uint8_t)(v >> 8);
    out->bytes[out->n++] = (uint8_t)v;
}

static void put_header(struct gate_message *out, uint16_t id, unsigned flags, unsigned questions, unsigned answers,
                       unsigned additional)
{
    const unsigned fields[] = {id, flags, questions, answers, 0, additional};

    out->n = 0;
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++)
        put_16(out, fields[i]);
}

static void put_question(struct gate_message *out, const struct name *name, uint16_t type)
{
    put(out, name->wire, name->n);
    put_16(out, type);
    put_16(out, CLASS_IN);
}

#define OPT_SIZE 11
#define EDE_SIZE 6

static void put_opt(struct gate_message *out, bool blocked)
{
    out->bytes[out->n++] = 0; /* the root */
    put_16(out, DNS_OPT);
    put_16(out, GATE_DNS_MAX);
    put_16(out, 0);
    put_16(out, 0);
    put_16(out, blocked ? EDE_SIZE : 0);
    if (blocked) {
        put_16(out, EDE_OPTION);
        put_16(out, 2);
        put_16(out, EDE_BLOCKED);
    }
}

static struct name question_name(const struct gate_question *q)
{
    struct name name = {.n = q->n_wire};

    memcpy(name.wire, q->wire, q->n_wire);
    return name;
}

void dns_query_write(const struct gate_question *q, struct gate_message *out)
{
    struct name name = question_name(q);

    lower_name(&name);
    put_header(out, q->upstream_id, FLAG_RECURSION, 1, 0, 1);
    put_question(out, &name, q->type);
    put_opt(out, false);
}

void dns_reply_write(const struct gate_question *q, enum dns_code code, const struct dns_addresses *addresses,
                     bool blocked, struct gate_message *out)
{
    struct name name = question_name(q);
    size_t size = q->type == DNS_A ? 4 : 16;
    size_t used = HEADER + (name.n ? name.n + 4u : 0) + (q->edns ? OPT_SIZE + (blocked ? EDE_SIZE : 0) : 0);
    size_t room = q->room < GATE_DNS_MAX ? q->room : GATE_DNS_MAX;
    size_t fit = room > used ? (room - used) / (12 + size) : 0;
    size_t n = addresses && name.n ? addresses->n : 0;

    /* The rest is left out and not marked as cut: there is no TCP service here to ask for it. */
    if (n > fit)
        n = fit;
    /* "Recursion available": glibc takes an empty answer without it for a lame server, and asks on. */
    put_header(out, q->client_id, FLAG_ANSWER | FLAG_RECURSIVE | (q->recursion ? FLAG_RECURSION : 0) | code,
               name.n != 0, (unsigned)n, q->edns);
    if (name.n)
        put_question(out, &name, q->type);
    for (size_t i = 0; i < n; i++) {
        put_16(out, POINTER_BITS << 8 | HEADER); /* the question's name */
        put_16(out, q->type);
        put_16(out, CLASS_IN);
        put_16(out, addresses->ttl >> 16);
        put_16(out, addresses->ttl & 0xffff);
        put_16(out, (unsigned)size);
        put(out, addresses->v[i].bytes, size);
    }
    if (q->edns)
        put_opt(out, blocked);
}

/* ---- answers ------------------------------------------------------------------------------------------------- */

struct record {
    size_t owner; /* where its name is */
    uint16_t type, class;
    uint32_t ttl;
    size_t data;
    uint16_t n_data;
};

static bool take_record(struct cursor *c, struct record *r)
{
    struct name owner;

    r->owner = c->at;
    if (!take_name(c, true, &owner))
        return false;
    r->type = take_16(c);
    r->class = take_16(c);
    r->ttl = take_32(c);
    r->n_data = take_16(c);
    r->data = c->at;
    if (r->ttl & TTL_SIGN) /* RFC 2181 8 */
        r->ttl = 0;
    return take(c, r->n_data) != NULL;
}

static bool name_at(const uint8_t *m, size_t n, size_t at, struct name *out, size_t *end)
{
    struct cursor c = {.m = m, .n = n, .at = at};

    if (!take_name(&c, true, out))
        return false;
    lower_name(out);
    *end = c.at;
    return true;
}

struct section {
    const uint8_t *m;
    size_t n;
    uint32_t n_records;
    struct record records[RECORDS_MAX];
};

/* The next record of that owner and type from `from` on; n_records when there is none. */
static uint32_t find(const struct section *s, uint32_t from, const struct name *owner, uint16_t type)
{
    struct name name;
    size_t end;

    for (; from < s->n_records; from++) {
        const struct record *r = &s->records[from];
        if (r->type == type && r->class == CLASS_IN && name_at(s->m, s->n, r->owner, &name, &end) &&
            same_name(&name, owner))
            break;
    }
    return from;
}

static void add_address(const struct section *s, const struct record *r, struct dns_addresses *out)
{
    const uint8_t *data = s->m + r->data;

    if (out->n == DNS_ADDRESSES_MAX || r->n_data != (r->type == DNS_A ? 4 : 16))
        return;
    struct net_address a = r->type == DNS_A ? net_address_v4(data) : net_address_v6(data);
    if (a.bits != r->n_data * 8) /* IPv4 in an AAAA record: it belongs into an A record */
        return;
    if (r->ttl < out->ttl)
        out->ttl = r->ttl;
    out->v[out->n++] = a;
}

/* From the question's name over CNAME records of this answer to addresses. */
static int follow(const struct section *s, const struct gate_question *q, struct dns_addresses *out)
{
    struct name owner = question_name(q);

    lower_name(&owner);
    out->ttl = UINT32_MAX;
    for (int links = 0; links <= CNAMES_MAX; links++) {
        uint32_t i = find(s, 0, &owner, q->type);
        for (; i < s->n_records; i = find(s, i + 1, &owner, q->type))
            add_address(s, &s->records[i], out);
        i = out->n ? s->n_records : find(s, 0, &owner, DNS_CNAME);
        if (i == s->n_records)
            return DNS_NOERROR;
        const struct record *link = &s->records[i];
        size_t end;
        if (!name_at(s->m, s->n, link->data, &owner, &end) || end != link->data + link->n_data)
            return DNS_SERVFAIL;
        if (link->ttl < out->ttl)
            out->ttl = link->ttl;
    }
    return DNS_SERVFAIL;
}

/* Whether the message is an answer to our question at all. The cursor ends at the first record. */
static bool is_answer(struct cursor *c, const struct gate_question *q, uint16_t *flags, uint16_t *answers)
{
    struct name asked = question_name(q), name;
    uint16_t id = take_16(c);

    *flags = take_16(c);
    uint16_t questions = take_16(c);
    *answers = take_16(c);
    take(c, 4);
    if (c->bad || id != q->upstream_id || !(*flags & FLAG_ANSWER) || *flags & FLAG_OPCODE || questions != 1 ||
        !take_name(c, false, &name))
        return false;
    uint16_t type = take_16(c), class = take_16(c);
    lower_name(&asked);
    lower_name(&name);
    return !c->bad && type == q->type && class == CLASS_IN && same_name(&name, &asked);
}

int dns_answer_read(const struct gate_question *q, const uint8_t *m, size_t n, struct dns_addresses *out)
{
    struct cursor c = {.m = m, .n = n};
    struct section s = {.m = m, .n = n};
    uint16_t flags, answers;

    memset(out, 0, sizeof *out);
    if (!is_answer(&c, q, &flags, &answers))
        return DNS_DROP;
    if ((flags & FLAG_CODE) == DNS_NXDOMAIN)
        return DNS_NXDOMAIN;
    if (flags & FLAG_CODE || answers > RECORDS_MAX || n > GATE_DNS_MAX)
        return DNS_SERVFAIL;
    while (s.n_records < answers && take_record(&c, &s.records[s.n_records]))
        s.n_records++;
    if (s.n_records < answers && !(flags & FLAG_TRUNCATED))
        return DNS_SERVFAIL;
    int r = follow(&s, q, out);
    /* Cut before the first address: that there is none would be a lie. */
    return r == DNS_NOERROR && flags & FLAG_TRUNCATED && !out->n ? DNS_SERVFAIL : r;
}
