/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queues of keyboard and mouse: answers, and what they say by themselves. All counts are bounded here.
 */
#include "machine/dev/ps2.h"

#include <string.h>

bool ps2_take(struct ps2_output *o, uint8_t *byte)
{
    if (o->reply_n > 0) {
        *byte = o->reply[o->reply_first++];
        o->reply_n--;
    } else if (o->n > 0) {
        *byte = o->bytes[o->first];
        o->first = (uint8_t)((o->first + 1) % PS2_QUEUE);
        o->n--;
    } else {
        return false;
    }
    o->last = *byte;
    return true;
}

bool ps2_check(const struct ps2_output *o)
{
    return o->first < PS2_QUEUE && o->n <= PS2_QUEUE && o->reply_n <= PS2_REPLY &&
           o->reply_first + o->reply_n <= PS2_REPLY;
}

void ps2_answer(struct ps2_output *o, const uint8_t *bytes, unsigned n)
{
    memcpy(o->reply, bytes, n);
    o->reply_first = 0;
    o->reply_n = (uint8_t)n;
}

bool ps2_say(struct ps2_output *o, const uint8_t *bytes, unsigned n)
{
    if (n > PS2_QUEUE - o->n)
        return false;
    for (unsigned i = 0; i < n; i++)
        o->bytes[(o->first + o->n++) % PS2_QUEUE] = bytes[i];
    return true;
}
