/* SPDX-License-Identifier: Apache-2.0 */
/* What modules do when they were compiled: the same as interpreted. */
#include "wasm_run_tests.h"

int main(void)
{
    fixture_compiled = true;
    return run_all();
}
