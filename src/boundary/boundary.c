/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/boundary.h"

#include <errno.h>
#include <string.h>

const struct boundary *const boundaries[] = {&boundary_container, &boundary_broker,    &boundary_jvm,
                                             &boundary_wasm,      &boundary_unikernel, &boundary_microvm,
                                             &boundary_sentry,    &boundary_vm,        NULL};

const char *const boundary_names_all[] = {"wasm",      "jvm",     "broker", "container", "sentry",
                                          "unikernel", "microvm", "vm",     NULL};

const struct boundary *boundary_find(const char *name)
{
    for (const struct boundary *const *b = boundaries; *b; b++)
        if (!strcmp((*b)->name, name))
            return *b;
    return &boundary_null && !strcmp(boundary_null.name, name) ? &boundary_null : NULL;
}

int lowering_add(struct lowering *l, enum lower_how how, const char *item, const char *value, const char *mechanism,
                 const char *note)
{
    if (l->n == l->cap) {
        uint32_t cap = l->cap ? l->cap * 2 : 64;
        struct lowering_item *more = arena_array(l->arena, cap, sizeof *more);
        if (!more)
            return -ENOMEM;
        if (l->n)
            memcpy(more, l->items, l->n * sizeof *more);
        l->items = more;
        l->cap = cap;
    }
    l->items[l->n++] = (struct lowering_item){item, value, mechanism, how, note, false};
    return 0;
}

void lowering_instead(struct lowering *l, const char *item, const char *value, const char *mechanism)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (!strcmp(l->items[i].item, item) && l->items[i].how != LOWER_REFUSED)
            l->items[i] = (struct lowering_item){item, value, mechanism, LOWER_ENFORCED, NULL, false};
}
