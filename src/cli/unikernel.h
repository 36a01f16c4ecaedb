/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Images of the unikernel as the workload (`-b unikernel`), and what the commands that make and show them share. The
 * command line of libexec/moat-spt stands in the policy's argv and is all that a later start needs. The row (kind.h) is
 * in unikernel.c.
 */
#ifndef MOAT_CLI_UNIKERNEL_H
#define MOAT_CLI_UNIKERNEL_H

#include "policy/flags.h"

enum unikernel_option { UNIKERNEL_TRACE, UNIKERNEL_OPTIONS };

#define UNIKERNEL_ROWS                                                                                                 \
    OPTION_HEADING("Unikernel (-b unikernel)"),                                                                        \
        {"trace", 0, NULL, "Show its system calls on standard error, as strace does",                                  \
         KIND_OPTION(KIND_UNIKERNEL, UNIKERNEL_TRACE)},

struct unikernel_options {
    bool trace;
    struct strv limits;  /* --limit of moat-spt */
    const char *image;   /* the operand, borrowed */
    const char *program; /* of a root: what runs in it, absolute */
};

/* Whether a file begins as an image of the unikernel does. */
bool unikernel_is_image(const char *file);

/* Words of one string as a shell reads them: quotes and backslashes, and nothing is expanded. said_by: for the sentence
 * about an open quote. */
int words_split(struct arena *a, const char *text, const char *said_by, struct strv *out, struct err *err);

#endif
