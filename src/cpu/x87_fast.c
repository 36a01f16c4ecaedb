/* SPDX-License-Identifier: Apache-2.0 */
/* The common x87 instructions when nothing is out of the ordinary; everything else goes to x87_any(). */
#include "cpu/x87.h"

op_handler *x87_fast_handler(const struct insn *insn)
{
    return NULL;
}
