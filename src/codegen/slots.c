/* SPDX-License-Identifier: Apache-2.0 */
/* Jump slots. Writes to the slots alone, a whole slot at a time. */
#include "codegen/slots.h"

#include <errno.h>

#define JMP_REL32 5 /* bytes */

int code_slot_set(struct code_slots *s, uint32_t i, const void *target)
{
    int64_t rel = (int64_t)((uintptr_t)target - (uintptr_t)(code_slot(s, i) + JMP_REL32));
    uint64_t bytes = 0xcccccc00000000e9u | (uint64_t)(uint32_t)rel << 8;

    if (rel != (int32_t)rel)
        return -ERANGE;
    __atomic_store_n(&s->write[i], bytes, __ATOMIC_RELEASE);
    return 0;
}

const void *code_slot_target(const struct code_slots *s, uint32_t i)
{
    uint64_t bytes = __atomic_load_n(&s->write[i], __ATOMIC_ACQUIRE);

    return code_slot(s, i) + JMP_REL32 + (int32_t)(uint32_t)(bytes >> 8);
}

int code_slots_make(struct code_slots *s, struct code_arena *a, uint32_t count, const void *target)
{
    uint8_t *write, *run;
    int r = code_arena_alloc(a, (size_t)count * CODE_SLOT_SIZE, CODE_SLOT_SIZE, &write, &run);

    if (r < 0)
        return r;
    *s = (struct code_slots){(uint64_t *)(void *)write, run, count};
    for (uint32_t i = 0; i < count && r == 0; i++)
        r = code_slot_set(s, i, target);
    if (r < 0)
        code_arena_give_back(a, run, (size_t)count * CODE_SLOT_SIZE);
    return r;
}
