/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The queue of keys and the finger that presses them. Touches the keyboard and its own timer. When the guest does not
 * take a key, nothing runs until it does: the controller says so.
 */
#include "machine/typist.h"

#include <errno.h>

#define PAUSE_NS UINT64_C(8000000) /* between two keys: a hurried typist's, and time for a handler */

static void go_on(struct typist *t)
{
    const uint64_t now = clock_now(t->clock);

    if (typist_idle(t) || !i8042_idle(t->keyboard)) {
        timer_set(&t->timer, NEVER);
        return;
    }
    timer_set(&t->timer, t->next > now ? t->next : now);
}

static void press(void *typist)
{
    struct typist *t = typist;

    if (!typist_idle(t) && i8042_idle(t->keyboard) && i8042_key(t->keyboard, t->keys[t->taken % TYPIST_KEYS])) {
        t->taken++;
        t->next = clock_now(t->clock) + PAUSE_NS;
    }
    go_on(t);
}

static void taken(void *typist)
{
    go_on(typist);
}

int typist_put(struct typist *t, const uint16_t *keys, unsigned n)
{
    if (n > TYPIST_KEYS - (t->put - t->taken))
        return -EAGAIN;
    for (unsigned i = 0; i < n; i++) {
        if (!i8042_is_key(keys[i]))
            return -EINVAL;
    }
    for (unsigned i = 0; i < n; i++)
        t->keys[t->put++ % TYPIST_KEYS] = keys[i];
    go_on(t);
    return 0;
}

bool typist_idle(const struct typist *t)
{
    return t->put == t->taken;
}

int typist_init(struct typist *t, struct i8042 *keyboard, const struct clock *clock, struct timers *timers)
{
    *t = (struct typist){.keyboard = keyboard, .clock = clock};
    keyboard->taken = taken;
    keyboard->taken_owner = t;
    return timer_add(timers, &t->timer, press, t);
}
