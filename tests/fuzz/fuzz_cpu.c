/* SPDX-License-Identifier: Apache-2.0 */
/* Random code, registers and tables on the software processor. See cpu_case.h. */
#include "cpu_case.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    cpu_case_run(data, size);
    return 0;
}
