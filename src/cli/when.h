/* SPDX-License-Identifier: Apache-2.0 */
/* Times as docker's users write and read them, and sizes and ages as docker prints them. Pure functions. */
#ifndef MOAT_CLI_WHEN_H
#define MOAT_CLI_WHEN_H

#include "base/err.h"

#include <stdint.h>

int64_t when_now(void); /* ns since 1970 */

/* A value of --since or --until: RFC 3339 (without a zone: UTC), seconds since 1970 with a fraction, or a duration
 * before `now` ("10m", "1h30m"). ns since 1970. */
int when_parse(const char *option, const char *text, int64_t now, int64_t *ns, struct err *err);

/* "2026-01-02T15:04:05.000000000Z" */
void when_format(int64_t ns, char out[40]);

/* Docker's words for a time that passed: "5 seconds", "About a minute", "2 weeks". */
void when_words(int64_t seconds, char out[32]);

/* "1.2MB", with `digits` significant ones; and "1.2MiB". */
void size_words(uint64_t bytes, int digits, char out[24]);
void size_words_binary(uint64_t bytes, char out[24]);

#endif
