/* SPDX-License-Identifier: Apache-2.0 */
/* What modules do when the reference interpreter runs them. */
#include "wasm_run_tests.h"

int main(void)
{
    return run_all();
}
