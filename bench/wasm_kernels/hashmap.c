/* SPDX-License-Identifier: Apache-2.0 */
/* A hash map with open addressing: insertions, look-ups, removals, growth; 64-bit keys. */
#include "kernel.h"

#define CAPACITY 16384

struct entry {
    uint64_t key; /* 0: free, 1: removed */
    uint32_t value;
};

static struct entry tables[2][CAPACITY];

struct map {
    struct entry *entries;
    uint32_t mask, used;
};

static uint32_t hash(uint64_t key)
{
    key ^= key >> 33;
    key *= 0xff51afd7ed558ccdull;
    key ^= key >> 33;
    key *= 0xc4ceb9fe1a85ec53ull;
    return (uint32_t)(key ^ key >> 33);
}

static struct entry *find(const struct map *m, uint64_t key)
{
    for (uint32_t i = hash(key) & m->mask;; i = (i + 1) & m->mask) {
        if (m->entries[i].key == key)
            return &m->entries[i];
        if (!m->entries[i].key)
            return NULL;
    }
}

static void insert(struct map *m, uint64_t key, uint32_t value)
{
    uint32_t i = hash(key) & m->mask;

    while (m->entries[i].key > 1 && m->entries[i].key != key)
        i = (i + 1) & m->mask;
    m->used += m->entries[i].key == 0;
    m->entries[i].key = key;
    m->entries[i].value = value;
}

static void grow(struct map *m, struct entry *to)
{
    struct map bigger = {to, m->mask * 2 + 1, 0};

    for (uint32_t i = 0; i <= bigger.mask; i++)
        to[i].key = 0;
    for (uint32_t i = 0; i <= m->mask; i++)
        if (m->entries[i].key > 1)
            insert(&bigger, m->entries[i].key, m->entries[i].value);
    *m = bigger;
}

EXPORT uint64_t run(void)
{
    struct map m = {tables[0], 63, 0};
    uint32_t state = 521288629u, other = 0, sum = 0;

    for (uint32_t i = 0; i <= m.mask; i++)
        m.entries[i].key = 0;
    for (uint32_t i = 0; i < 8000; i++) {
        uint64_t key = (uint64_t)next_number(&state) << 20 | (i + 2);

        insert(&m, key, i);
        if (m.used * 10 > m.mask * 7)
            grow(&m, tables[other ^= 1]);
    }
    for (int round = 0; round < 3; round++) {
        state = 521288629u;
        for (uint32_t i = 0; i < 8000; i++) {
            uint64_t key = (uint64_t)next_number(&state) << 20 | (i + 2);
            struct entry *e = find(&m, round == 1 ? key + 1 : key);

            if (e)
                sum = sum * 31 + e->value;
            if (e && round == 0 && i % 5 == 0)
                e->key = 1;
        }
    }
    return (uint64_t)sum << 32 | m.used;
}
