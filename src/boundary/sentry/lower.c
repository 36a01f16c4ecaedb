/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What holds a sentry: the broker's lowering, and the rows of the kernel inside, read back from the command line of
 * moat-sentry, since that is what is executed. Pure.
 */
#include "boundary/sentry/lower.h"
#include "boundary/container/container.h"
#include "boundary/sentry/words.h"
#include "policy/names.h"

#include <stdlib.h>
#include <string.h>

#define INSIDE "the kernel inside (src/linux)"

static int add(struct lowering *l, const char *item, const char *value, const char *mechanism)
{
    return value ? lowering_add(l, LOWER_ENFORCED, item, value, mechanism, NULL) : -1;
}

/* "NUMBER:SOFT:HARD" */
static int say_limit(struct lowering *l, const char *value)
{
    const char *soft = strchr(value, ':'), *name = rlimit_name(atoi(value));

    return soft ? add(l, name ? name : "limit", arena_printf(l->arena, "%.*s", (int)strcspn(soft + 1, ":"), soft + 1),
                      INSIDE)
                : 0;
}

static int say_capabilities(struct lowering *l, const char *mask)
{
    const uint64_t caps = strtoull(mask, NULL, 16);
    const int n = __builtin_popcountll(caps);

    return add(l, "capabilities inside", n ? arena_printf(l->arena, "%d of %d", n, CAP_COUNT) : "none",
               INSIDE ": they reach nothing outside it");
}

/* "ROOT:FLAGS:PLACE" or "FLAGS:OPTIONS:PLACE": what lies behind the second colon. */
static const char *place_of(const char *value)
{
    const char *second = strchr(value, ':');

    second = second ? strchr(second + 1, ':') : NULL;
    return second ? second + 1 : "";
}

/* A volume, whose place on the host is the next word; a directory that is the root is one, too. */
static int say_volume(struct lowering *l, const char *volume, const char *host)
{
    const char *flags = strchr(volume, ':'), *place = place_of(volume);
    const bool reads = flags && memchr(flags + 1, 'r', strcspn(flags + 1, ":"));

    if (!strcmp(place, "/"))
        return add(l, "root directory", arena_printf(l->arena, "%s (read-only)", host),
                   "moat-gofer; " INSIDE " has a layer over it");
    return add(l, arena_printf(l->arena, "mount %s", place),
               reads ? arena_printf(l->arena, "%s (read-only)", host) : host,
               "moat-gofer, which opens what is below it and nothing else");
}

static int say_words(const struct strv *argv, struct lowering *l)
{
    const char *word, *value, *volume = NULL;
    uint32_t at = 0;
    int r = 0;

    while ((word = sentry_next_word(argv, &at, &value)) && r == 0) {
        if (!strcmp(word, "--memory") && value)
            r = add(l, "programs' memory", arena_printf(l->arena, "%llu KiB", strtoull(value, NULL, 10) >> 10),
                    INSIDE ": ENOMEM beyond it");
        else if (!strcmp(word, "--tasks") && value)
            r = add(l, "processes and threads", value, INSIDE ": EAGAIN beyond it");
        else if (!strcmp(word, "--limit") && value)
            r = say_limit(l, value);
        else if (!strcmp(word, "--caps") && value)
            r = say_capabilities(l, value);
        else if (!strcmp(word, "--user") && value)
            r = add(l, "user inside", value, INSIDE);
        else if (!strcmp(word, "--volume"))
            volume = value;
        else if (!strcmp(word, "--host") && value && volume)
            r = say_volume(l, volume, value);
        else if (!strcmp(word, "--tmpfs") && value)
            r = add(l, arena_printf(l->arena, "mount %s", place_of(value)), "tmpfs", INSIDE);
        else if (!strcmp(word, "--read-only"))
            r = add(l, "image", "read-only", INSIDE ": no layer to write to");
        else if (!strcmp(word, "--platform") && value)
            r = add(l, "how calls arrive", value,
                    !strcmp(value, "trap") ? "seccomp: SIGSYS in the guest's own process" : "seccomp notification");
    }
    return r;
}

int sentry_lower(const struct policy *p, struct lowering *out, struct err *err)
{
    int r = container_lower_brokered(p, out, err);

    if (r < 0)
        return r;
    if (!p->seccomp.set)
        lowering_instead(
            out, "system calls", "some dozen of the host's, one of a guest task",
            "seccomp filters of moat-sentry's own, by number, place and arguments (moat explain --surface)");
    lowering_instead(out, "root file system", "the image, and what is written over it in memory", INSIDE);
    r = say_words(&p->process.argv, out);
    if (r == 0)
        r = add(out, "programs' system calls", "answered inside", INSIDE "; none of them reaches the host");
    if (r == 0)
        r = add(out, "programs' memory spaces", "a process of the host each",
                "address spaces of the host; the sentry's own is another");
    return r < 0 ? err_set(err, r, "no memory for the explanation") : 0;
}
