/* SPDX-License-Identifier: Apache-2.0 */
/* What the cases about terminals have in common: one pseudo terminal, what is typed at it and what comes out. */
#ifndef MOAT_TEST_PLATFORM_SPLIT_TERMINALS_H
#define MOAT_TEST_PLATFORM_SPLIT_TERMINALS_H

#include <asm/termbits.h>
#include <stddef.h>

extern int master, slave;

void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
const char *result(long r);
struct termios modes(void);
void local(tcflag_t on, tcflag_t off);
void pair(void);
void end(void);
void type(const char *what);
void out(void);
void in(void);

/* terminals_jobs.c */
void case_signals(void);
void case_stop(void);
void case_background(void);
void case_orphans(void);
void case_window(void);
void case_hangup(void);
void case_leader(void);
void case_control(void);

#endif
