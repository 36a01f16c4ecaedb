/* SPDX-License-Identifier: Apache-2.0 */
/* Random system calls against the kernel of src/linux. Input: a program of linux_calls.h. */
#include "linux_calls.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    linux_calls_run(data, size);
    return 0;
}
