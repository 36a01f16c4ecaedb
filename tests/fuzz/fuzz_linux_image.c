/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as image of the kernel of src/linux. Input: linux_images.h. */
#include "linux_images.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    linux_images_run(data, size);
    return 0;
}
