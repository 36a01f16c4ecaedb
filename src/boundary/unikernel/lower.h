/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy of a unikernel is enforced by. */
#ifndef MOAT_BOUNDARY_UNIKERNEL_LOWER_H
#define MOAT_BOUNDARY_UNIKERNEL_LOWER_H

#include "boundary/boundary.h"

int unikernel_lower(const struct policy *p, struct lowering *out, struct err *err);

#endif
