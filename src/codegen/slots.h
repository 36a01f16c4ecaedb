/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Jump slots: places in code memory that jump somewhere else and can be turned to another target while threads run
 * through them. A slot is eight aligned bytes, jmp rel32 and three int3, and is changed by one store of eight bytes: a
 * thread that comes by takes the old target or the new one. A thread that must take the new one is to be made to
 * serialize by the caller (membarrier(2), MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE); until then the old target must
 * stay good.
 */
#ifndef MOAT_CODEGEN_SLOTS_H
#define MOAT_CODEGEN_SLOTS_H

#include "codegen/arena.h"

#include <stdint.h>

#define CODE_SLOT_SIZE 8

struct code_slots {
    uint64_t *write; /* in the arena's writable view */
    uint8_t *run;    /* in its executable view */
    uint32_t count;
};

/* `count` slots out of the arena, all leading to `target`. 0, -ENOSPC, -EPERM (sealed), -ERANGE (as below). They belong
 * to the arena; code_arena_give_back(a, s->run, count * CODE_SLOT_SIZE) ends them. */
int code_slots_make(struct code_slots *s, struct code_arena *a, uint32_t count, const void *target);

/* Where to jump or call to get to the target of the moment. */
static inline uint8_t *code_slot(const struct code_slots *s, uint32_t i)
{
    return s->run + (uint64_t)i * CODE_SLOT_SIZE;
}

/* Turns a slot to a target within 2 GiB. 0, or -ERANGE and nothing is changed. Any thread may; async-signal-safe. */
int code_slot_set(struct code_slots *s, uint32_t i, const void *target);
const void *code_slot_target(const struct code_slots *s, uint32_t i);

#endif
