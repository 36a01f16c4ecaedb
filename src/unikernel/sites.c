/* SPDX-License-Identifier: Apache-2.0 */
/* See sites.h. Touches memory only; the ELF file is hostile, and the rewriter is made for that. */
#include "unikernel/sites.h"

#include "guest/unikernel/layout.h"
#include "rewrite/elf_sites.h"

#include <errno.h>
#include <string.h>

static struct sites *refuse(struct sites *s, const char *why)
{
    s->refused = why;
    return s;
}

static int rewrite(struct tree *t, const struct tree_file *f, struct sites *out, struct err *err)
{
    struct rewrite_elf_needs needs;
    enum rewrite_elf_reason reason;
    uint8_t *bytes = arena_alloc(t->arena, f->size);

    if (!bytes)
        return err_set(err, -ENOMEM, "out of memory");
    if (rewrite_elf_needs(f->bytes, f->size, &needs, &reason) < 0) {
        refuse(out, rewrite_elf_reason_text(reason));
        return 0;
    }
    struct rewrite_elf r = {.marks = arena_alloc(t->arena, needs.marks + 1),
                            .sites = arena_array(t->arena, needs.sites + 1, sizeof *r.sites),
                            .trampolines = arena_alloc(t->arena, needs.trampolines + 1),
                            .cell = GATE_ENTRY_CELL};
    if (!r.marks || !r.sites || !r.trampolines || !(out->v = arena_array(t->arena, needs.sites + 1, sizeof *out->v)))
        return err_set(err, -ENOMEM, "out of memory");
    memcpy(bytes, f->bytes, f->size);
    if (rewrite_elf(bytes, f->size, &r, &reason) < 0) {
        refuse(out, rewrite_elf_reason_text(reason));
        return 0;
    }
    for (size_t i = 0; i < r.n_sites; i++) {
        const struct rewrite_site *s = &r.sites[i];
        out->v[i] = (struct image_site){s->address, s->trampoline, (int16_t)s->nr, s->state, s->length};
    }
    *out = (struct sites){out->v,        (uint32_t)r.n_sites, r.states[REWRITE_TRAPPED],
                          r.trampolines, r.trampolines_size,  r.trampolines_address,
                          NULL};
    memcpy((void *)(uintptr_t)f->bytes, bytes, f->size);
    return 0;
}

int sites_rewrite(struct tree *t, struct tree_file *f, struct err *err)
{
    struct sites *s = arena_alloc(t->arena, sizeof *s);

    if (!s)
        return err_set(err, -ENOMEM, "out of memory");
    f->sites = s;
    return rewrite(t, f, s, err);
}

bool sites_calls(const struct sites *s, uint8_t calls[64])
{
    bool all = !s->refused;

    for (uint32_t i = 0; i < s->n; i++) {
        if (s->v[i].nr < 0 || s->v[i].nr >= 512)
            all = false;
        else
            calls[s->v[i].nr / 8] |= (uint8_t)(1u << s->v[i].nr % 8);
    }
    return all;
}
