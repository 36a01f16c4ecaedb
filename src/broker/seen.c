/* SPDX-License-Identifier: Apache-2.0 */
/* See seen.h. Pure, but for its own table. */
#include "broker/seen.h"

#include <string.h>

struct sip {
    uint64_t v[4];
    uint64_t pending;
    unsigned n_pending;
    uint64_t total;
};

static uint64_t turn_left(uint64_t x, unsigned n)
{
    return x << n | x >> (64 - n);
}

static void round_once(uint64_t v[4])
{
    v[0] += v[1], v[2] += v[3];
    v[1] = turn_left(v[1], 13) ^ v[0];
    v[3] = turn_left(v[3], 16) ^ v[2];
    v[0] = turn_left(v[0], 32);
    v[2] += v[1], v[0] += v[3];
    v[1] = turn_left(v[1], 17) ^ v[2];
    v[3] = turn_left(v[3], 21) ^ v[0];
    v[2] = turn_left(v[2], 32);
}

static void take(struct sip *s, const void *data, size_t n)
{
    const unsigned char *p = data;

    for (size_t i = 0; i < n; i++) {
        s->pending |= (uint64_t)p[i] << (8 * s->n_pending);
        if (++s->n_pending == 8) {
            s->v[3] ^= s->pending;
            round_once(s->v);
            s->v[0] ^= s->pending;
            s->pending = 0;
            s->n_pending = 0;
        }
    }
    s->total += n;
}

uint64_t seen_hash(const struct seen *s, const struct seen_part *parts, size_t n)
{
    struct sip sip = {.v = {s->key[0] ^ 0x736f6d6570736575, s->key[1] ^ 0x646f72616e646f6d,
                            s->key[0] ^ 0x6c7967656e657261, s->key[1] ^ 0x7465646279746573}};

    for (size_t i = 0; i < n; i++) {
        uint64_t length = parts[i].n;
        take(&sip, &length, sizeof length);
        take(&sip, parts[i].data, parts[i].n);
    }
    uint64_t last = sip.pending | sip.total << 56;
    sip.v[3] ^= last;
    round_once(sip.v);
    sip.v[0] ^= last;
    sip.v[2] ^= 0xff;
    for (int i = 0; i < 3; i++)
        round_once(sip.v);
    uint64_t hash = sip.v[0] ^ sip.v[1] ^ sip.v[2] ^ sip.v[3];
    return hash ? hash : 1; /* 0 is an empty slot */
}

bool seen_has(const struct seen *s, uint64_t hash)
{
    for (uint32_t i = 0; i < SEEN_NEAR; i++) {
        if (s->slots[(hash + i) % SEEN_SLOTS] == hash)
            return true;
    }
    return false;
}

bool seen_add(struct seen *s, uint64_t hash)
{
    uint32_t free_slot = SEEN_SLOTS;

    for (uint32_t i = 0; i < SEEN_NEAR; i++) {
        uint32_t at = (uint32_t)((hash + i) % SEEN_SLOTS);
        if (s->slots[at] == hash)
            return false;
        if (!s->slots[at] && free_slot == SEEN_SLOTS)
            free_slot = at;
    }
    if (free_slot == SEEN_SLOTS)
        free_slot = (uint32_t)((hash + s->turn++ % SEEN_NEAR) % SEEN_SLOTS);
    s->slots[free_slot] = hash;
    return true;
}
