/* SPDX-License-Identifier: Apache-2.0 */
/* cmocka sets handlers of its own before each test and puts the old ones back behind it: those of compiled code are
 * lost with that. A test that runs compiled code puts them back first. */
#ifndef MOAT_TESTS_WASM_HANDLERS_H
#define MOAT_TESTS_WASM_HANDLERS_H

#include "wasm/baseline/compile.h"

#include <signal.h>

static inline void wasm_handlers_begin(void)
{
    static const int faults[] = {SIGSEGV, SIGBUS, SIGFPE, SIGILL};
    static struct sigaction ours[ARRAY_LEN(faults)];
    static bool prepared;
    struct err err;
    if (!prepared && wasm_code_prepare(&err))
        fail_msg("%s", err.text);
    for (size_t k = 0; k < ARRAY_LEN(faults); k++)
        assert_int_equal(sigaction(faults[k], prepared ? &ours[k] : NULL, prepared ? NULL : &ours[k]), 0);
    prepared = true;
}

#endif
