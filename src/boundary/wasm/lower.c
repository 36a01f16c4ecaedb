/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds a module: the broker's lowering, and the rows that are the engine's own. Those are read back from the
 * command line of moat-wasm, since that is what is executed. Pure.
 */
#include "boundary/wasm/lower.h"
#include "boundary/container/container.h"
#include "boundary/wasm/words.h"

#include <errno.h>
#include <string.h>

#define FILTER "seccomp filter of moat-wasm's own"

static int add(struct lowering *l, enum lower_how how, const char *item, const char *value, const char *mechanism)
{
    return lowering_add(l, how, item, value, mechanism, NULL);
}

static int say_memory(const struct strv *argv, struct lowering *l)
{
    const char *pages = wasm_word_value(argv, "--pages");
    const char *value = pages ? arena_printf(l->arena, "%s pages of 64 KiB", pages) : NULL;

    if (!pages)
        return 0;
    return value ? add(l, LOWER_ENFORCED, "module's memory", value, "engine: memory.grow gives -1 beyond it") : -ENOMEM;
}

static int say_fuel(const struct strv *argv, struct lowering *l)
{
    const char *fuel = wasm_word_value(argv, "--fuel");
    const char *value = fuel ? arena_printf(l->arena, "%s instructions", fuel) : NULL;

    if (!fuel)
        return 0;
    return value ? add(l, LOWER_ENFORCED, "fuel", value, "engine: counted in the code, a trap beyond it") : -ENOMEM;
}

static int say_directories(const struct strv *argv, struct lowering *l)
{
    const char *word, *value;
    uint32_t at = 0, n = 0;

    while ((word = wasm_next_word(argv, &at, &value)))
        n += !strncmp(word, "--preopen", 9);
    const char *text = arena_printf(l->arena, "%u", n);
    return text ? add(l, LOWER_ENFORCED, "directories of WASI", text,
                      "openat2(2) beneath each; what they hold is what is granted above")
                : -ENOMEM;
}

static int say_listeners(const struct strv *argv, struct lowering *l)
{
    const char *word, *value;
    uint32_t at = 0;
    int r = 0;

    while ((word = wasm_next_word(argv, &at, &value)) && r == 0)
        if (!strcmp(word, "--listen"))
            r = add(l, LOWER_GRANTED, "connections to", value, "a listening socket of the host's, handed over");
    return r;
}

int wasm_lower(const struct policy *p, struct lowering *out, struct err *err)
{
    const struct strv *argv = &p->process.argv;
    int r = container_lower_brokered(p, out, err);

    if (r < 0)
        return r;
    if (!p->seccomp.set) /* without a filter around its start there is one none the less: the engine's */
        lowering_instead(out, "system calls", "those of WASI and of the engine",
                         FILTER ", before the module is looked at");
    if ((r = say_memory(argv, out)) == 0 && (r = say_fuel(argv, out)) == 0 && argv->n)
        r = say_directories(argv, out);
    if (r == 0)
        r = say_listeners(argv, out);
    if (r == 0 && wasm_word_value(argv, "--file-size"))
        r = add(out, LOWER_ENFORCED, "RLIMIT_FSIZE", wasm_word_value(argv, "--file-size"),
                "setrlimit of moat-wasm's own");
    if (r == 0 && wasm_word_value(argv, "--clock"))
        r = add(out, LOWER_ENFORCED, "clock", "fixed", "engine: a time of its own that moves when it is read");
    if (r == 0 && wasm_word_value(argv, "--seed"))
        r = add(out, LOWER_ENFORCED, "random numbers", "the same in each run", "engine: a generator of its own");
    if (r == 0)
        r = add(out, LOWER_ENFORCED, "programs and processes", "none", FILTER);
    return r < 0 ? err_set(err, r, "no memory for the explanation") : 0;
}
