/* SPDX-License-Identifier: Apache-2.0 */
/* The thread that resets slots whose reset is dear, so that who releases them does not wait. */
#include "wasm/pool/slot.h"

#include <signal.h>

void pool_dirty_push(struct pool_slot *s)
{
    struct wasm_pool *p = s->pool;
    pthread_mutex_lock(&p->dirty_lock);
    s->next = p->dirty;
    p->dirty = pool_slot_number(s);
    pthread_cond_signal(&p->dirty_wake);
    pthread_mutex_unlock(&p->dirty_lock);
}

static struct pool_slot *pop_locked(struct wasm_pool *p)
{
    if (p->dirty == POOL_NONE)
        return NULL;
    struct pool_slot *s = &p->slots[p->dirty];
    p->dirty = s->next;
    return s;
}

struct pool_slot *pool_dirty_pop(struct wasm_pool *p)
{
    pthread_mutex_lock(&p->dirty_lock);
    struct pool_slot *s = pop_locked(p);
    pthread_mutex_unlock(&p->dirty_lock);
    return s;
}

/* NULL: the pool ends. */
static struct pool_slot *wait_dirty(struct wasm_pool *p)
{
    struct pool_slot *s = NULL;
    pthread_mutex_lock(&p->dirty_lock);
    while (!p->ends && !(s = pop_locked(p)))
        pthread_cond_wait(&p->dirty_wake, &p->dirty_lock);
    pthread_mutex_unlock(&p->dirty_lock);
    return s;
}

static void *reclaim(void *data)
{
    struct wasm_pool *p = data;
    for (struct pool_slot *s; (s = wait_dirty(p));)
        if (pool_slot_reset(s))
            pool_free_push(s);
    return NULL;
}

int pool_reclaimer_start(struct wasm_pool *p, struct err *err)
{
    sigset_t all, before;
    sigfillset(&all); /* the process's signals are not this thread's */
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int r = pthread_create(&p->reclaimer, NULL, reclaim, p);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (r)
        return err_sys(err, -r, "a thread that resets slots");
    p->reclaims = true;
    return 0;
}

void pool_reclaimer_end(struct wasm_pool *p)
{
    if (!p->reclaims)
        return;
    pthread_mutex_lock(&p->dirty_lock);
    p->ends = true;
    pthread_cond_signal(&p->dirty_wake);
    pthread_mutex_unlock(&p->dirty_lock);
    pthread_join(p->reclaimer, NULL);
    p->reclaims = false;
}
