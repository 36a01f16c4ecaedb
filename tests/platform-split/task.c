/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest tasks: each has a thread in its guest process, made when it runs there first, and anew after execve(2) or
 * fork(2), which give it another process. While it has none its vector registers are in `state`. Called by virtual CPUs
 * under the kernel's lock; what moves a thread is done on the tracer.
 */
#include "split.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct guest *guest(struct task *t)
{
    return *bridge_slot(t);
}

/* ---- on the tracer ---- */

static int64_t start_do(void *of)
{
    struct guest *g = of;
    struct aspace *as = bridge_aspace(g->task);
    if (g->aspace != as) {
        guest_end(g);
        int64_t r = guest_make(g, as);
        if (r < 0)
            return r;
        g->state_is_new = true;
    }
    guest_go(g);
    return 0;
}

static int64_t kick_do(void *of)
{
    guest_interrupt(of);
    return 0;
}

static int64_t end_do(void *of)
{
    guest_end(of);
    return 0;
}

struct state_move {
    struct guest *g;
    void *to;
    const void *from;
};

static int64_t state_get_do(void *of)
{
    const struct state_move *m = of;
    return guest_state_get(m->g, m->to);
}

static int64_t state_set_do(void *of)
{
    const struct state_move *m = of;
    return guest_state_set(m->g, m->from);
}

/* ---- operations ---- */

static void task_start(struct task *t, uint64_t deadline)
{
    int64_t r = tracer_call(start_do, guest(t));
    if (r < 0)
        apart_fatal("a thread of a guest cannot be made: %s", strerror((int)-r));
}

static void task_kick(struct task *t)
{
    tracer_call(kick_do, guest(t));
}

static bool state_make(struct guest *g)
{
    if (!g->state)
        g->state = calloc(1, state_size);
    return g->state;
}

/* The state of `from`, who stands still, or NULL when it is the initial one. */
static int state_copy(struct guest *g, struct guest *from)
{
    bool on_thread = from->tid && !from->state_is_new;
    if (!on_thread && !from->state)
        return 0;
    if (!state_make(g))
        return -ENOMEM;
    if (!on_thread)
        memcpy(g->state, from->state, state_size);
    else if (tracer_call(state_get_do, &(struct state_move){.g = from, .to = g->state}))
        return -EAGAIN;
    return 0;
}

static int task_create(struct task *t, const struct task *from)
{
    struct guest *g = calloc(1, sizeof(*g));
    if (!g)
        return -ENOMEM;
    g->task = t;
    struct guest *other = from ? guest((struct task *)(uintptr_t)from) : NULL;
    int r = other ? state_copy(g, other) : 0;
    if (r) {
        free(g->state);
        free(g);
        return r;
    }
    *bridge_slot(t) = g;
    return 0;
}

static void task_destroy(struct task *t)
{
    struct guest *g = guest(t);
    if (!g)
        return;
    tracer_call(end_do, g);
    *bridge_slot(t) = NULL;
    free(g->state);
    free(g);
}

static int64_t xstate_get(struct task *t, void *to, size_t n)
{
    struct guest *g = guest(t);
    if (!n)
        return state_size;
    if (n < state_size)
        return -EINVAL;
    if (g->tid && !g->state_is_new) {
        int64_t r = tracer_call(state_get_do, &(struct state_move){.g = g, .to = to});
        return r < 0 ? r : state_size;
    }
    memset(to, 0, state_size);
    if (g->state)
        memcpy(to, g->state, state_size);
    return state_size;
}

static int xstate_set(struct task *t, const void *from, size_t n)
{
    struct guest *g = guest(t);
    if (!from) {
        free(g->state);
        g->state = NULL, g->state_is_new = true;
        return 0;
    }
    if (n < state_size)
        return -EINVAL;
    if (g->tid) {
        g->state_is_new = false;
        return (int)tracer_call(state_set_do, &(struct state_move){.g = g, .from = from});
    }
    if (!state_make(g))
        return -ENOMEM;
    memcpy(g->state, from, state_size);
    g->state_is_new = true;
    return 0;
}

const struct task_ops split_task = {.start = task_start,
                                    .kick = task_kick,
                                    .create = task_create,
                                    .destroy = task_destroy,
                                    .xstate_get = xstate_get,
                                    .xstate_set = xstate_set};
