/* SPDX-License-Identifier: Apache-2.0 */
/* System mode beside libunicorn. */
#include "cpu/tool/fuzz.h"

int fuzz_unicorn(const struct fuzz_options *o)
{
    usage("fuzz", "not there yet");
    return 77;
}
