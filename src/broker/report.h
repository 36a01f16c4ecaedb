/* SPDX-License-Identifier: Apache-2.0 */
/* Private: denials.c for net.c. */
#ifndef MOAT_BROKER_REPORT_H
#define MOAT_BROKER_REPORT_H

#include "broker/broker.h"

/* Whether this was not told before; remembers it. */
bool report_is_new(const char *kind, const char *call, const char *what, uint64_t more);

#endif
