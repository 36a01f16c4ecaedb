/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which locals live in registers: the heaviest, by the validator's weights. A register that a call keeps costs its
 * saving and restoring once; another one costs a store and a load around each call, which pays only for locals that are
 * used more often than that. Parameters stay where they arrive when they can.
 */
#include "wasm/baseline/function.h"

#define GENERAL_MAX         9 /* pinned: four are left for values */
#define VOLATILE_MAX        5
#define VECTOR_MAX          11
#define PINNED_VECTOR_FIRST (R_XMM0 + 4)

struct candidate {
    uint32_t local, weight;
};

/* Keeps the `max` heaviest, the heaviest first. */
static void consider(struct candidate *list, unsigned *n, unsigned max, uint32_t local, uint32_t weight)
{
    unsigned i = *n;

    if (i == max) {
        if (list[--i].weight >= weight)
            return;
    } else {
        (*n)++;
    }
    for (; i && list[i - 1].weight < weight; i--)
        list[i] = list[i - 1];
    list[i] = (struct candidate){local, weight};
}

static void pin(struct compiler *c, uint32_t local, uint8_t reg)
{
    c->pinned |= BIT(reg);
    c->local_reg[local] = reg;
    c->pin_local[reg] = local;
    c->pin_vt[reg] = vt_of_type[c->local_type[local]];
    if (CALLEE_SAVED & BIT(reg))
        c->saved |= BIT(reg);
    else
        c->volatile_pins |= BIT(reg);
}

/* The lowest register that is free of `among`; where a parameter arrives only if there is no other. */
static uint8_t choose(const struct compiler *c, uint32_t among, uint32_t arrivals, uint8_t arrival)
{
    uint32_t free = among & ~c->pinned;

    if (arrival != R_NONE && (free & BIT(arrival)))
        return arrival;
    if (free & ~arrivals)
        return (uint8_t)__builtin_ctz(free & ~arrivals);
    return free ? (uint8_t)__builtin_ctz(free) : R_NONE;
}

/* Where the first parameters arrive, R_NONE for others; the registers in which used ones do. */
struct arrivals {
    uint8_t of[WASM_ARRIVALS];
    uint32_t all;
};

static void arrivals_find(const struct compiler *c, const struct wasm_body *body, struct arrivals *a)
{
    struct places places = {0};

    memset(a->of, R_NONE, sizeof(a->of));
    a->all = 0;
    for (uint32_t i = 0; i < c->type->n_params && i < WASM_ARRIVALS; i++) {
        a->of[i] = place_next(&places, vt_of_type[c->type->types[i]]).reg;
        if (a->of[i] != R_NONE && body->local_weight[i])
            a->all |= BIT(a->of[i]);
    }
}

static void pin_general(struct compiler *c, const struct candidate *list, unsigned n, uint32_t call_weight,
                        const struct arrivals *a)
{
    uint32_t kept = CALLEE_SAVED & ~(c->no_gs ? BIT(X64_R15) : 0);
    unsigned n_volatile = 0;

    for (unsigned i = 0; i < n; i++) {
        uint32_t local = list[i].local, weight = list[i].weight;
        bool may_be_volatile = (weight / 2 > call_weight || !call_weight) && n_volatile < VOLATILE_MAX;
        uint8_t at = local < WASM_ARRIVALS ? a->of[local] : R_NONE, reg = R_NONE;

        if (!call_weight && may_be_volatile)
            reg = choose(c, ARGUMENT_REGISTERS, a->all, at);
        if (reg == R_NONE && weight > 2)
            reg = choose(c, kept, 0, R_NONE);
        if (reg == R_NONE && may_be_volatile)
            reg = choose(c, ARGUMENT_REGISTERS, a->all, at);
        if (reg == R_NONE)
            continue;
        n_volatile += !(CALLEE_SAVED & BIT(reg));
        pin(c, local, reg);
    }
}

static void pin_vector(struct compiler *c, const struct candidate *list, unsigned n, uint32_t call_weight,
                       const struct arrivals *a)
{
    uint32_t among = VECTOR & ~(BIT(PINNED_VECTOR_FIRST) - 1) & ~BIT(R_SCRATCH);

    for (unsigned i = 0; i < n && (!call_weight || list[i].weight / 2 > call_weight); i++) {
        uint32_t local = list[i].local;
        uint8_t reg = choose(c, among, a->all, local < WASM_ARRIVALS ? a->of[local] : R_NONE);

        if (reg != R_NONE)
            pin(c, local, reg);
    }
}

bool pins_choose(struct compiler *c, const struct wasm_body *body)
{
    struct candidate general[GENERAL_MAX], vector[VECTOR_MAX];
    unsigned n_general = 0, n_vector = 0;
    uint32_t n_used = 0;
    struct arrivals a;

    arrivals_find(c, body, &a);
    for (uint32_t i = 0; i < body->n_locals; i++) {
        uint32_t weight = body->local_weight[i];

        n_used += weight != 0;
        if (weight < 2 && !(weight && i < WASM_ARRIVALS && a.of[i] != R_NONE))
            continue;
        if (vt_is_vector(vt_of_type[body->locals[i]]))
            consider(vector, &n_vector, VECTOR_MAX, i, weight);
        else
            consider(general, &n_general, GENERAL_MAX, i, weight);
    }
    pin_general(c, general, n_general, body->call_weight, &a);
    pin_vector(c, vector, n_vector, body->call_weight, &a);
    return n_used == (uint32_t)__builtin_popcount(c->pinned);
}
