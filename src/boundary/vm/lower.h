/* SPDX-License-Identifier: Apache-2.0 */
/* What the policy of a PC is enforced by. */
#ifndef MOAT_BOUNDARY_VM_LOWER_H
#define MOAT_BOUNDARY_VM_LOWER_H

#include "boundary/boundary.h"

int vm_lower(const struct policy *p, struct lowering *out, struct err *err);

#endif
