/* SPDX-License-Identifier: Apache-2.0 */
/* How a generated module is run, and what its outcome means. */
#include "wasm_case.h"

#include "wasm/baseline/compile.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_SIZE ((size_t)64 << 20)
#define ROUNDS     2
#define PAGES      6 /* little more than what two instances begin with, so that growing comes to the limit */

bool wasm_case_make(struct wasm_case *c, struct err *err)
{
    *c = (struct wasm_case){.generator = wasm_generator_make()};
    if (!c->generator) {
        err_set(err, -12, "no memory");
        return false;
    }
    if (wasm_code_prepare(err) || code_arena_make(&c->arena, ARENA_SIZE, err)) {
        wasm_generator_free(c->generator);
        return false;
    }
    return true;
}

void wasm_case_free(struct wasm_case *c)
{
    wasm_generator_free(c->generator);
    code_arena_free(&c->arena);
    free(c->bytes);
}

static void choose_options(struct wasm_case *c, struct wasm_choice *choice)
{
    static const int64_t fuels[] = {5000, 5000, 5000, 5000, 5000, 5000, 500, 100};
    uint32_t bits = choice_below(choice, 256);
    c->options = (struct wasm_pair_options){.rounds = ROUNDS,
                                            .memory_pages = PAGES,
                                            .plain_cpu = bits & 1,
                                            .no_gs = bits & 2,
                                            .uncounted = (bits & 12) == 12,
                                            .twins = (bits & 48) == 48,
                                            .image = (bits & 192) == 192,
                                            .arena = &c->arena};
    c->options.pool = choice_chance(choice, 1, 6);
    c->options.fuel = fuels[choice_below(choice, ARRAY_LEN(fuels))];
    if (c->options.fuel < 1000)
        c->options.fuel = choice_below(choice, (uint32_t)c->options.fuel);
    c->options.seed = choice_bytes(choice, 2);
    c->changed = false;
}

/* Some bytes behind the header become others. */
static void change(struct wasm_case *c, struct wasm_choice *choice)
{
    for (uint32_t n = 1 + choice_below(choice, 4); n; n--) {
        uint8_t *at = &c->bytes[8 + choice_below(choice, (uint32_t)c->size - 8)];
        *at = choice_chance(choice, 1, 2) ? (uint8_t)choice_bytes(choice, 1) : *at ^ 1u << choice_below(choice, 8);
    }
    c->changed = c->options.run_only = true;
}

void wasm_case_choose(struct wasm_case *c, struct wasm_choice *choice, bool changes)
{
    choose_options(c, choice);
    bool changed = choice_chance(choice, 1, 8) && changes;
    const uint8_t *made = wasm_generate(c->generator, choice, &c->size);
    free(c->bytes);
    c->bytes = malloc(c->size);
    if (!c->bytes)
        abort(); /* a test without memory */
    memcpy(c->bytes, made, c->size);
    if (changed)
        change(c, choice);
}

enum wasm_pair_outcome wasm_case_run(struct wasm_case *c, struct wasm_pair_result *result)
{
    enum wasm_pair_outcome outcome = wasm_pair_run(c->bytes, c->size, &c->options, result);
    return outcome == WASM_PAIR_REFUSED && !c->changed ? WASM_PAIR_DIFFERENT : outcome;
}

void wasm_case_words(const struct wasm_case *c, char *out, size_t size)
{
    const struct wasm_pair_options *o = &c->options;
    snprintf(out, size, "--seed %" PRIu64 " --fuel %" PRId64 " --rounds %u --pages %u%s%s%s%s%s%s%s", o->seed, o->fuel,
             o->rounds, o->memory_pages, o->no_gs ? " --no-gs" : "", o->plain_cpu ? " --plain-cpu" : "",
             o->uncounted ? " --uncounted" : "", o->twins ? " --twins" : "", o->image ? " --image" : "",
             o->pool ? " --pool" : "", o->run_only ? " --run-only" : "");
}
