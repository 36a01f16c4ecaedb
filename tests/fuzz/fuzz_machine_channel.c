/* SPDX-License-Identifier: Apache-2.0 */
/* A guest's bytes on the channel, in pieces of any size: frames come out the same as in one piece. */
#include "machine/channel.h"

#include <stdlib.h>

static uint64_t digest(const uint8_t *bytes, size_t n, size_t step)
{
    struct channel_reader r = {.n = 0};
    struct channel_frame f;
    uint64_t sum = 0;

    for (size_t at = 0; at < n;) {
        const size_t some = n - at < step ? n - at : step;
        for (uint32_t used = 0; used < some;) {
            const uint32_t took = channel_take(&r, bytes + at + used, (uint32_t)(some - used), &f);
            if (!took)
                abort();
            used += took;
            if (!f.bytes)
                continue;
            if (f.length > CHANNEL_MOST)
                abort();
            sum = sum * 31 + f.type;
            for (unsigned i = 0; i < f.length; i++)
                sum = sum * 31 + f.bytes[i];
        }
        at += some;
    }
    return sum * 2 + r.broken;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint64_t whole = digest(data, size, size ? size : 1);

    if (whole != digest(data, size, 1) || whole != digest(data, size, 7))
        abort();
    return 0;
}
