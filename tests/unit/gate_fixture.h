/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gate's tests share: a gate with rules from text, questions about addresses, and DNS messages made by hand,
 * so that the reader is not tested by the writer. A failure in here fails the test that called it.
 */
#ifndef MOAT_TESTS_GATE_FIXTURE_H
#define MOAT_TESTS_GATE_FIXTURE_H

#include "base/mem.h"
#include "net/gate.h"

#include <sys/un.h>

extern struct gate gate;
extern struct arena arena;
extern struct gate_question question; /* of the last query() */
extern struct gate_message sent;      /* by the last query() or answer() */
extern struct gate_heard heard;       /* of the last answer() */

/* For cmocka_run_group_tests(). */
int gate_fixture_start(void **state);
int gate_fixture_end(void **state);

/* A fresh gate. Rules as text, divided by spaces; "=" before one makes it a rule to listen. */
void set_rules(const char *rules);

/* ---- addresses ----------------------------------------------------------------------------------------------- */

union address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
    struct sockaddr_un local;
    struct sockaddr_storage room;
};

/* The length of the socket address. */
size_t make_address(const char *text, uint16_t port, union address *out);
bool ask(const char *text, uint16_t port, enum net_protocol protocol, int64_t now, struct gate_decision *d);

/* ---- messages ------------------------------------------------------------------------------------------------ */

#define A    1
#define AAAA 28

struct bytes {
    size_t n;
    uint8_t v[4096];
};

void put_8(struct bytes *b, unsigned v);
void put_16(struct bytes *b, unsigned v);
void put_32(struct bytes *b, uint32_t v);
void put_name(struct bytes *b, const char *name);
void put_header(struct bytes *b, unsigned id, unsigned flags, unsigned questions, unsigned answers,
                unsigned authorities, unsigned additional);
void put_opt(struct bytes *b, unsigned size, unsigned n_options);
/* owner NULL: a pointer to the question's name. */
void put_record(struct bytes *b, const char *owner, unsigned type, uint32_t ttl, const void *data, unsigned n);
void put_address(struct bytes *b, const char *owner, uint32_t ttl, const char *address);
void put_cname(struct bytes *b, const char *owner, uint32_t ttl, const char *target);

/* A query as the C libraries make it. edns: 0 none, else the size. */
struct bytes make_query(const char *name, unsigned type, unsigned edns);
/* The head of an answer to what was forwarded. */
struct bytes make_answer(const char *name, unsigned type, unsigned flags, unsigned answers);

enum spoil {
    NOTHING,
    CUT,            /* to `value` bytes */
    SET_8,          /* byte `at` = value */
    SET_16,         /* two bytes */
    APPEND,         /* value bytes of 0 */
    APPEND_OPT,     /* with a payload of value bytes, without counting it */
    LONG_NAME,      /* a name of value labels of 63 bytes */
    LONG_NAME_LESS, /* of 3 such labels and one of value bytes */
};
struct bytes spoil(struct bytes b, enum spoil how, size_t at, unsigned value);

enum gate_dns_act query(struct bytes b);
enum gate_dns_act answer(struct bytes b, int64_t now);
/* Asks for a name and gives addresses (divided by spaces) as its answer. */
void learn(const char *name, const char *addresses, uint32_t ttl, int64_t now);

/* Of what was sent: two bytes, the code, and what is the same in every reply (id, flags, counts), which gives how many
 * answers there are. */
unsigned at_16(size_t at);
unsigned code(void);
unsigned check_reply(const char *label);

#endif
