/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Commands of ioctl(2) by name, and named sets of them, for the policy's list of those that may be given. The kernel
 * reads a command as 32 bits and knows no more than its number: the same number is one thing to a terminal and another
 * to a disk, so a list says which commands may be given, not to what.
 */
#ifndef MOAT_POLICY_IOCTL_SETS_H
#define MOAT_POLICY_IOCTL_SETS_H

#include "policy/policy.h"

struct ioctl_set {
    const char *name;  /* "tty" */
    const char *about; /* "terminals: their mode, size, job control" */
};

const struct ioctl_set *ioctl_set_at(int i); /* NULL beyond the last */

/* The i-th command that has a name here: its number, its sets (bit i: ioctl_set_at(i)). NULL beyond the last. */
const char *ioctl_command_at(int i, uint32_t *number, uint32_t *sets);
const char *ioctl_command_name(uint32_t number); /* NULL when unknown */

/* "SET,COMMAND,0xNUMBER": sets, names as TIOCGWINSZ, numbers; or "none", or "all" (no list). The text is borrowed.
 * -EINVAL names the word. */
int ioctl_list_parse(struct arena *a, const char *text, struct ioctl_list *out, struct err *err);

#define IOCTL_LIST_ACCEPTED                                                                                            \
    "tty, pty, file, net, block, ns, random, names as TIOCGWINSZ, numbers as 0x5413; or none, or all"

struct policy_build;
/* The value of --ioctls, or of a policy file's member `ioctls`: replaces the list of an earlier layer. */
int flag_ioctls(struct policy_build *b, const char *value, struct err *err);

#endif
