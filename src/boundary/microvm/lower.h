/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy of a microVM is enforced by, and what a PC has of it too (boundary/vm). */
#ifndef MOAT_BOUNDARY_MICROVM_LOWER_H
#define MOAT_BOUNDARY_MICROVM_LOWER_H

#include "boundary/boundary.h"

/* Walls, filters, and the rows of the machine itself. */
int microvm_lower_engine(const struct policy *p, struct lowering *out, struct err *err);
int microvm_lower(const struct policy *p, struct lowering *out, struct err *err);

#endif
