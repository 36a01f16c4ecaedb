/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An image or a directory behind a Linux of our own in another process (`-b sentry`). The command line of
 * libexec/moat-sentry stands in the policy's argv and is all that a later start needs. The row (kind.h) is in sentry.c.
 */
#ifndef MOAT_CLI_SENTRY_H
#define MOAT_CLI_SENTRY_H

#include "policy/flags.h"

enum sentry_option { SENTRY_STRACE, SENTRY_OPTIONS };

#define SENTRY_ROWS                                                                                                    \
    OPTION_HEADING("Sentry (-b sentry, -b sentry=notify, -b sentry=trap)"),                                            \
        {"strace", 0, NULL, "Show the system calls of all programs on standard error, as strace does",                 \
         KIND_OPTION(KIND_SENTRY, SENTRY_STRACE)},

struct sentry_options {
    bool strace;
    const char *platform;              /* notify, trap; NULL: moat-sentry chooses */
    const char *image;                 /* the operand, borrowed */
    struct strv limits;                /* --limit of moat-sentry */
    uint64_t caps;                     /* of programs inside */
    struct strv volumes, hosts, tmpfs; /* --volume with its --host, --tmpfs */
};

/* sentry_files.c. The mounts that were asked for are taken out of the policy; and are put into the command line. */
int sentry_take_files(struct policy *p, struct sentry_options *o, struct err *err);
int sentry_put_files(struct policy *p, const struct sentry_options *o, struct err *err);

#endif
