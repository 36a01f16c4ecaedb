/* SPDX-License-Identifier: Apache-2.0 */
/* The header of a compressed kernel: whatever the file says, the payload lies in it. */
#include "bootfile/bzimage.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct bzimage image;
    struct err err = {0};

    if (bzimage_read(&image, data, size, &err) < 0)
        return 0;
    if (image.payload < data || image.length > size || (size_t)(image.payload - data) > size - image.length ||
        image.unpacked > BZIMAGE_KERNEL_MOST)
        abort();
    return 0;
}
