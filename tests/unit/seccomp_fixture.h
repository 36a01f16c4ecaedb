/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the tests of whole seccomp profiles share: the profiles, compiled, and what a program says of one call. A
 * failure in here fails the test that called it.
 */
#ifndef MOAT_TESTS_SECCOMP_FIXTURE_H
#define MOAT_TESTS_SECCOMP_FIXTURE_H

#include "base/mem.h"
#include "confine/seccomp.h"
#include "policy/ioctl_sets.h"

#include <linux/seccomp.h>

#define ALLOW    SECCOMP_RET_ALLOW
#define NOTIFY   SECCOMP_RET_USER_NOTIF
#define ERRNO(e) (SECCOMP_RET_ERRNO | (e))

#define NOTIFY_ALL (NOTIFY_FILES | NOTIFY_EXEC | NOTIFY_NETWORK)

extern struct arena arena;

/* For cmocka_run_group_tests(). */
int seccomp_fixture_start(void **state);
int seccomp_fixture_end(void **state);

/* A valid program. label: what a failure is told of. */
struct bpf_program compile(const struct seccomp_policy *p, const char *label);

/* The broker's profile under a policy of one rule, which gives all but execution. notify: NOTIFY_*, what goes to the
 * broker process. */
struct seccomp_policy broker_rules(uint32_t notify, bool host_network);
/* The same with another access (PATH_*). */
struct seccomp_policy broker_rules_of(uint32_t notify, bool host_network, uint32_t access);

/* As of --ioctl. */
struct ioctl_list list_of(const char *text);

/* Of a call of x86-64. */
uint32_t verdict_of(const struct bpf_program *prog, const char *name, const uint64_t args[6]);

#endif
