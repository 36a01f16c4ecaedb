/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy of a sentry is enforced by. */
#ifndef MOAT_BOUNDARY_SENTRY_LOWER_H
#define MOAT_BOUNDARY_SENTRY_LOWER_H

#include "boundary/boundary.h"

int sentry_lower(const struct policy *p, struct lowering *out, struct err *err);

#endif
