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

/* Where trampolines begin in their first page: behind the file's last bytes, if they all have room there. */
static uint32_t skew_of(const struct tree_file *f, const struct rewrite_elf_needs *needs)
{
    const uint64_t used = (f->size % ELF_PAGE + 15) & ~15ull;

    return f->tight && used + needs->trampolines <= ELF_PAGE ? (uint32_t)used : 0;
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
                            .cell = GATE_ENTRY_CELL,
                            .skew = skew_of(f, &needs)};
    if (!r.marks || !r.sites || !r.trampolines || !(out->v = arena_array(t->arena, needs.sites + 1, sizeof *out->v)))
        return err_set(err, -ENOMEM, "out of memory");
    memcpy(bytes, f->bytes, f->size);
    if (rewrite_elf(bytes, f->size, &r, &reason) < 0) {
        refuse(out, rewrite_elf_reason_text(reason));
        return 0;
    }
    for (size_t i = 0; i < r.n_sites; i++) {
        const struct rewrite_site *s = &r.sites[i];
        const uint32_t at = s->trampoline == REWRITE_NO_TRAMPOLINE ? s->trampoline : s->trampoline + r.skew;
        out->v[i] = (struct image_site){s->address, at, (int16_t)s->nr, s->state, s->length};
    }
    *out = (struct sites){.v = out->v,
                          .n = (uint32_t)r.n_sites,
                          .trapped = r.states[REWRITE_TRAPPED],
                          .blob = r.trampolines,
                          .blob_size = r.trampolines_size ? r.skew + r.trampolines_size : 0,
                          .skew = r.skew,
                          .address = r.trampolines_address - r.skew};
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
