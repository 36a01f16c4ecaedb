/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private: what the broker tells. A denial is one JSON line (docs/schema/denial.schema.json) and, with a terminal, one
 * line for people; in learn mode each use is a JSON line. Names come from the target and are escaped. The same is told
 * once. Life of one: report_is_new() -> report_asker() -> report_begin(), members -> report_end() -> report_line().
 */
#ifndef MOAT_BROKER_REPORT_H
#define MOAT_BROKER_REPORT_H

#include "base/json.h"
#include "broker/broker.h"

struct asker {
    char program[80]; /* of the thread; escaped by the kernel as in /proc/PID/status */
    long pid;         /* inside; 0: not known */
};

/* Whether this was not told before; remembers it. */
bool report_is_new(const char *kind, const char *call, const char *what, uint64_t more);

void report_asker(const struct broker *b, const struct call *c, struct asker *out);

struct json_writer *report_begin(void);
/* Adds who asked, and tells it. */
void report_end(const struct broker *b, const struct asker *who);

/* "moat: denied: DEED WHAT (PROGRAM, pid N): ...", control characters and what is not UTF-8 as \xHH; with a terminal
 * alone. */
void report_line(const struct broker *b, const struct asker *who, const char *deed, const char *what,
                 const char *format, ...) __attribute__((format(printf, 5, 6)));

/* denials_net.c. Of a name, nobody knows who asked. */
struct gate_decision;
struct gate_question;
void denial_address(struct broker *b, const struct call *c, const struct gate_decision *d);
void denial_name(struct broker *b, const struct gate_question *q);
void learned_address(struct broker *b, const struct call *c, const struct gate_decision *d);
void learned_name(struct broker *b, const struct call *c, const char *name);

#endif
