/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Traps that code raises itself: a conditional jump to two bytes of ud2 behind the function, and a third that says
 * which trap (enum wasm_trap). Each place has its own, so that the position tells the instruction.
 */
#include "wasm/baseline/internal.h"

struct x64_label *trap_label(struct compiler *c, enum wasm_trap kind)
{
    if (c->n_traps == c->cap_traps) {
        struct trap_site *more = array_more(c, c->traps, &c->cap_traps, sizeof(*more));

        if (!more)
            return &c->nowhere;
        c->traps = more;
    }
    struct trap_site *t = &c->traps[c->n_traps++];
    *t = (struct trap_site){.offset = op_offset(c), .kind = kind};
    return &t->label;
}

void trap_if(struct compiler *c, uint8_t cc, enum wasm_trap kind)
{
    x64_jcc(&c->b, cc, trap_label(c, kind));
}

void traps_emit(struct compiler *c)
{
    for (uint32_t i = 0; i < c->n_traps; i++) {
        struct trap_site *t = &c->traps[i];

        x64_reserve(&c->b, ROOM_CODE);
        map_reserve(c, ROOM_MAP);
        x64_bind(&c->b, &t->label);
        map_note(c, x64_size(&c->b), t->offset);
        x64_bare(&c->b, X64_UD2);
        c->b.at = x64_put8(c->b.at, t->kind);
    }
    c->n_traps = 0;
}
