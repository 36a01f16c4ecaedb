/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Kernel stacks and the way between them (fiber.S), and what the sanitizers have to be told about it. A stack's top
 * bytes are a struct fiber_head; what the task calls kernel_stack_top lies below it.
 */
#ifndef MOAT_LINUX_CORE_FIBER_H
#define MOAT_LINUX_CORE_FIBER_H

#include "linux/core/poison.h"

#include <stdbool.h>
#include <stdint.h>

void fiber_switch(void **save, void *to);
void fiber_begin(void);

struct fiber_head {
    void *tsan;
    uint64_t unused[7];
};
_Static_assert(sizeof(struct fiber_head) == 64, "the stack below it stays aligned");

struct fiber_host { /* the stack of linux_run() */
    const void *bottom;
    size_t size;
    void *tsan, *save;
    bool away;
};

static inline struct fiber_head *fiber_head(void *top)
{
    return top;
}

/* The top of a stack of n bytes from `low` on. */
static inline void *fiber_stack(uint8_t *low, size_t n)
{
    struct fiber_head *head = (struct fiber_head *)(low + n) - 1;
    unpoison(low, n);
#ifdef POISON_TSAN
    head->tsan = __tsan_create_fiber(0);
#endif
    return head;
}

/* Where it began; nobody uses it any more. */
static inline uint8_t *fiber_stack_end(void *top, size_t n)
{
    uint8_t *low = (uint8_t *)(fiber_head(top) + 1) - n;
#ifdef POISON_TSAN
    __tsan_destroy_fiber(fiber_head(top)->tsan);
#endif
    unpoison(low, n);
    return low;
}

/* What fiber_switch() needs so that begin(of) is called on an empty stack. */
static inline void *fiber_make(void *top, void (*begin)(void *), void *of)
{
    uint64_t *sp = (uint64_t *)top - 9; /* r15 r14 r13 r12 rbx rbp, return; then rsp is aligned for a call */
    sp[0] = sp[1] = sp[2] = sp[5] = 0;
    sp[3] = (uint64_t)(uintptr_t)of;
    sp[4] = (uint64_t)(uintptr_t)begin;
    sp[6] = (uint64_t)(uintptr_t)fiber_begin;
    return sp;
}

/* What is on it will never be gone back to. */
static inline void fiber_emptied(void *top)
{
#ifdef POISON_TSAN
    __tsan_destroy_fiber(fiber_head(top)->tsan);
    fiber_head(top)->tsan = __tsan_create_fiber(0);
#endif
    (void)top;
}

static inline void fiber_host_init(struct fiber_host *h)
{
#ifdef POISON_TSAN
    h->tsan = __tsan_get_current_fiber();
#endif
    (void)h;
}

/* Just before fiber_switch(): `top` NULL: to linux_run()'s stack. What it returns is for fiber_arrived() on the way
 * back. */
static inline void *fiber_leaving(struct fiber_host *h, void *top, size_t n, bool for_ever)
{
    h->save = NULL; /* not a local: with a stack that is left for ever, what was on its fake stack is gone at once */
#ifdef POISON_ASAN
    const void *low = top ? (const uint8_t *)(fiber_head(top) + 1) - n : h->bottom;
    __sanitizer_start_switch_fiber(for_ever ? NULL : &h->save, low, top ? n : h->size);
#endif
#ifdef POISON_TSAN
    __tsan_switch_to_fiber(top ? fiber_head(top)->tsan : h->tsan, 0);
#endif
    h->away = top != NULL;
    (void)n, (void)for_ever;
    return h->save;
}

/* First thing on the stack that was switched to. `save` NULL: it is new. */
static inline void fiber_arrived(struct fiber_host *h, void *save)
{
#ifdef POISON_ASAN
    const void *bottom;
    size_t size;
    __sanitizer_finish_switch_fiber(save, &bottom, &size);
    if (h->away && !h->bottom)
        h->bottom = bottom, h->size = size; /* the first switch comes from there */
#endif
    (void)h, (void)save;
}

#endif
