/* SPDX-License-Identifier: Apache-2.0 */
/* The table of methods, as both sides check it. */
#ifndef MOAT_LIBMOAT_METHODS_H
#define MOAT_LIBMOAT_METHODS_H

#include "libmoat/api.h"

struct method_limits {
    uint32_t request_max, reply_max;
};

/* Every row at its own index, with a name, with sizes that fit in a ring. `served`: functions are there too. */
int methods_check(const struct moat_method *methods, uint32_t n, uint32_t ring_bytes, bool served,
                  struct method_limits *limits, struct err *err);
/* What a request of a method may be, in a state. -EINVAL with a sentence. */
int methods_permit(const struct moat_method *row, uint32_t state, size_t size, uint32_t n_fds, struct err *err);

#endif
