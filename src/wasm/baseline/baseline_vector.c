/* SPDX-License-Identifier: Apache-2.0 */
/* Vector instructions (specification 4.3.5): none yet. */
#include "wasm/baseline/internal.h"

#include <errno.h>

void compile_vector(struct compiler *c, uint32_t op)
{
    c->failed = -ENOTSUP;
    c->p = c->end;
    (void)op;
}
