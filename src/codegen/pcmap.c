/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Regions of code and tables of places in it. The list of regions is read without a lock: a reader counts itself in one
 * of two counters while it walks; a remover unlinks, then turns readers to the other counter and waits until the first
 * is empty, twice, since a reader may have chosen its counter before the turn and counted itself after it.
 */
#include "codegen/pcmap.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

static struct code_region *regions;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* of those who change the list */
static unsigned readers[2];
static unsigned turn; /* which counter new readers take */

void code_region_add(struct code_region *r)
{
    pthread_mutex_lock(&lock);
    r->next = __atomic_load_n(&regions, __ATOMIC_RELAXED);
    __atomic_store_n(&regions, r, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&lock);
}

static void wait_for_readers(void)
{
    for (int i = 0; i < 2; i++) {
        unsigned old = __atomic_load_n(&turn, __ATOMIC_SEQ_CST);

        __atomic_store_n(&turn, !old, __ATOMIC_SEQ_CST);
        while (__atomic_load_n(&readers[old], __ATOMIC_SEQ_CST))
            sched_yield();
    }
}

void code_region_remove(struct code_region *r)
{
    struct code_region **link = &regions;

    pthread_mutex_lock(&lock);
    while (*link && *link != r)
        link = &(*link)->next;
    if (*link)
        __atomic_store_n(link, r->next, __ATOMIC_SEQ_CST);
    wait_for_readers();
    pthread_mutex_unlock(&lock);
}

bool code_region_visit(const void *pc, code_visit_fn *fn, void *context)
{
    unsigned mine = __atomic_load_n(&turn, __ATOMIC_SEQ_CST);
    struct code_region *r;
    bool result = false;

    __atomic_fetch_add(&readers[mine], 1, __ATOMIC_SEQ_CST);
    r = __atomic_load_n(&regions, __ATOMIC_SEQ_CST);
    while (r && (uintptr_t)pc - (uintptr_t)r->start >= r->size)
        r = __atomic_load_n(&r->next, __ATOMIC_SEQ_CST);
    if (r)
        result = fn(r, context);
    __atomic_fetch_sub(&readers[mine], 1, __ATOMIC_SEQ_CST);
    return result;
}

/* ---- Tables: two words (entries, blocks), three words for each block (pc and value of its first entry, where the
 * bytes of its others begin), the bytes: for each entry the distance of pc, then that of the value, zigzag, both
 * LEB128. ---- */

#define HEAD_WORDS  2
#define BLOCK_WORDS 3
#define ENTRY_MAX   10 /* bytes */

static bool room(void **p, size_t *cap, size_t need, size_t item)
{
    size_t more = *cap ? 2 * *cap : 256;
    void *q;

    if (need <= *cap)
        return true;
    q = realloc(*p, more * item);
    if (!q)
        return false;
    *p = q;
    *cap = more;
    return true;
}

static size_t put_leb(uint8_t *p, uint32_t v)
{
    size_t n = 0;

    for (; v >= 0x80; v >>= 7)
        p[n++] = (uint8_t)(v | 0x80);
    p[n++] = (uint8_t)v;
    return n;
}

static uint32_t zigzag(int32_t v)
{
    return (uint32_t)v << 1 ^ (uint32_t)(v >> 31);
}

static uint32_t unzigzag(uint32_t v)
{
    return v >> 1 ^ -(v & 1);
}

static bool add_block(struct code_pctable *t, uint32_t pc, uint32_t value)
{
    void *index = t->index;
    uint32_t *block;

    if (!room(&index, &t->cap_index, t->n_index + BLOCK_WORDS, sizeof(*t->index)))
        return false;
    t->index = index;
    block = t->index + t->n_index;
    block[0] = pc;
    block[1] = value;
    block[2] = (uint32_t)t->n_bytes;
    t->n_index += BLOCK_WORDS;
    return true;
}

static bool add_bytes(struct code_pctable *t, uint32_t pc, uint32_t value)
{
    void *bytes = t->bytes;

    if (!room(&bytes, &t->cap_bytes, t->n_bytes + ENTRY_MAX, 1))
        return false;
    t->bytes = bytes;
    t->n_bytes += put_leb(t->bytes + t->n_bytes, pc - t->last.pc);
    t->n_bytes += put_leb(t->bytes + t->n_bytes, zigzag((int32_t)(value - t->last.value)));
    return true;
}

void code_pctable_add(struct code_pctable *t, uint32_t pc, uint32_t value)
{
    bool added;

    if (t->failed)
        return;
    if (t->count && pc <= t->last.pc) {
        if (pc < t->last.pc)
            t->failed = -EINVAL;
        return;
    }
    added = t->count % CODE_PC_BLOCK == 0 ? add_block(t, pc, value) : add_bytes(t, pc, value);
    if (!added) {
        t->failed = -ENOMEM;
        return;
    }
    t->last = (struct code_pc_entry){pc, value};
    t->count++;
}

int code_pctable_finish(struct code_pctable *t, void **table, size_t *size)
{
    size_t index = t->n_index * sizeof(uint32_t);
    uint32_t head[HEAD_WORDS] = {t->count, (uint32_t)(t->n_index / BLOCK_WORDS)};
    char *p;

    if (t->failed)
        return t->failed;
    p = malloc(sizeof(head) + index + t->n_bytes);
    if (!p)
        return -ENOMEM;
    memcpy(p, head, sizeof(head));
    if (index)
        memcpy(p + sizeof(head), t->index, index);
    if (t->n_bytes)
        memcpy(p + sizeof(head) + index, t->bytes, t->n_bytes);
    *table = p;
    *size = sizeof(head) + index + t->n_bytes;
    return 0;
}

void code_pctable_free(struct code_pctable *t)
{
    free(t->bytes);
    free(t->index);
    *t = (struct code_pctable){0};
}

uint32_t code_pctable_count(const void *table, size_t size)
{
    const uint32_t *head = table;

    if (size < HEAD_WORDS * sizeof(uint32_t) ||
        head[1] > (size - HEAD_WORDS * sizeof(uint32_t)) / (BLOCK_WORDS * sizeof(uint32_t)) ||
        head[1] != head[0] / CODE_PC_BLOCK + (head[0] % CODE_PC_BLOCK != 0))
        return 0;
    return head[0];
}

static bool get_leb(const uint8_t **p, const uint8_t *end, uint32_t *out)
{
    uint32_t v = 0;

    for (unsigned shift = 0; shift < 35; shift += 7) {
        if (*p == end)
            return false;
        v |= (uint32_t)(**p & 0x7f) << shift;
        if (!(*(*p)++ & 0x80)) {
            *out = v;
            return true;
        }
    }
    return false;
}

bool code_pctable_find(const void *table, size_t size, uint32_t pc, struct code_pc_entry *out)
{
    uint32_t count = code_pctable_count(table, size), blocks, low = 0, high, rest;
    const uint32_t *index = (const uint32_t *)table + HEAD_WORDS, *block;
    const uint8_t *p, *end = (const uint8_t *)table + size;

    if (count == 0 || pc < index[0])
        return false;
    blocks = ((const uint32_t *)table)[1];
    for (high = blocks; high - low > 1;) { /* index[low].pc <= pc < index[high].pc */
        uint32_t middle = low + (high - low) / 2;

        if (index[middle * BLOCK_WORDS] <= pc)
            low = middle;
        else
            high = middle;
    }
    block = index + (size_t)low * BLOCK_WORDS;
    p = (const uint8_t *)(index + (size_t)blocks * BLOCK_WORDS);
    if (block[2] > (size_t)(end - p))
        return false;
    p += block[2];
    *out = (struct code_pc_entry){block[0], block[1]};
    rest = low + 1 < blocks ? CODE_PC_BLOCK : count - low * CODE_PC_BLOCK;
    while (--rest) {
        uint32_t distance, change;

        if (!get_leb(&p, end, &distance) || !get_leb(&p, end, &change) || distance == 0 || out->pc + distance < out->pc)
            return false;
        if (out->pc + distance > pc)
            break;
        out->pc += distance;
        out->value += unzigzag(change);
    }
    return true;
}
