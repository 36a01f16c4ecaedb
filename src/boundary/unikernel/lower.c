/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds a unikernel: the broker's lowering, and the rows of the tender and of the kernel inside, read back from
 * the command line of moat-spt, since that is what is executed. Pure.
 */
#include "boundary/unikernel/lower.h"
#include "boundary/container/container.h"
#include "boundary/unikernel/words.h"
#include "policy/names.h"

#include <stdlib.h>
#include <string.h>

#define INSIDE "the kernel inside (src/linux)"

static int add(struct lowering *l, const char *item, const char *value, const char *mechanism)
{
    return lowering_add(l, LOWER_ENFORCED, item, value, mechanism, NULL);
}

static int say_memory(const struct strv *argv, struct lowering *l)
{
    const char *bytes = unikernel_word_value(argv, "--memory");
    const char *value = bytes ? arena_printf(l->arena, "%llu KiB", strtoull(bytes, NULL, 10) >> 10) : NULL;

    if (!bytes)
        return 0;
    return value ? add(l, "program's memory", value, INSIDE ": ENOMEM beyond it") : -1;
}

/* "--limit NUMBER:SOFT:HARD" */
static int say_limits(const struct strv *argv, struct lowering *l)
{
    const char *word, *value;
    uint32_t at = 0;
    int r = 0;

    while ((word = unikernel_next_word(argv, &at, &value)) && r == 0) {
        const char *soft = !strcmp(word, "--limit") && value ? strchr(value, ':') : NULL;
        if (!soft)
            continue;
        const char *name = rlimit_name(atoi(value));
        soft = arena_printf(l->arena, "%.*s", (int)strcspn(soft + 1, ":"), soft + 1);
        r = soft ? add(l, name ? name : "limit", soft, INSIDE) : -1;
    }
    return r;
}

int unikernel_lower(const struct policy *p, struct lowering *out, struct err *err)
{
    const struct strv *argv = &p->process.argv;
    const char *tasks = unikernel_word_value(argv, "--tasks");
    int r = container_lower_brokered(p, out, err);

    if (r < 0)
        return r;
    if (!p->seccomp.set)
        lowering_instead(out, "system calls", "ten of the host's",
                         "seccomp filter of moat-spt's own, by number, place and arguments");
    lowering_instead(out, "root file system", "the image, and what is written over it in memory", INSIDE);
    if ((r = say_memory(argv, out)) == 0 && tasks)
        r = add(out, "processes and threads", tasks, INSIDE ": EAGAIN beyond it");
    if (r == 0)
        r = say_limits(argv, out);
    if (r == 0)
        r = add(out, "program's system calls", "answered inside", INSIDE "; none of them reaches the host");
    if (r == 0)
        r = add(out, "executable memory", "the image's text, with jit all memory; never while writable",
                "seccomp filter of moat-spt's own: mprotect(2) by address and rights");
    if (r == 0 && unikernel_word_value(argv, "--read-only"))
        r = add(out, "image", "read-only", INSIDE ": no layer to write to");
    return r < 0 ? err_set(err, r, "no memory for the explanation") : 0;
}
