/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Robust futexes: a thread keeps a list of the locks that it holds in its own memory; when it ends, each is marked so
 * that the next owner learns of it. get_robust_list(2). The list is the program's and may lead anywhere, in circles
 * too: it is walked for ROBUST_LIST_LIMIT entries at most, and each word is changed only if it names this thread.
 */
#include "linux/task/internal.h"

#include "linux/mm/mm.h"

#include <linux/futex.h>

#define PI_BIT 1ull /* in the link to an entry */

static int64_t robust_wake(struct task *t, struct uptr word)
{
    int64_t n = futex_wake_at(t->mm, word, false, 1);
    return n ? n : futex_wake_at(t->mm, word, true, 1); /* a lock is one or the other; the word does not say */
}

/* `pending`: the lock that it was about to take or to release when it ended. False: leave the list alone. */
static bool robust_one(struct task *t, struct uptr word, bool pi, bool pending)
{
    uint32_t value;
    if (word.v & 3 || platform.aspace.load32(t->mm->aspace, word, &value))
        return false;
    /* Released already, but whoever waits was not woken any more. */
    if (pending && !pi && !value) {
        (void)robust_wake(t, word);
        return true;
    }
    for (;;) {
        if ((int32_t)(value & FUTEX_TID_MASK) != t->tid)
            return true;
        uint32_t seen = value;
        if (platform.aspace.cmpxchg32(t->mm->aspace, word, &seen, (value & FUTEX_WAITERS) | FUTEX_OWNER_DIED))
            return false;
        if (seen == value)
            break;
        value = seen;
    }
    if (!pi && (value & FUTEX_WAITERS))
        (void)robust_wake(t, word);
    return true;
}

void robust_list_exit(struct task *t)
{
    struct robust_list_head head;
    uint64_t entry;
    struct uptr list = t->robust_list;
    t->robust_list = uptr(0);
    if (!list.v || get_user(head, list))
        return;
    uint64_t offset = (uint64_t)head.futex_offset, pending = (uint64_t)(uintptr_t)head.list_op_pending;
    entry = (uint64_t)(uintptr_t)head.list.next;
    for (int left = ROBUST_LIST_LIMIT; left && (entry & ~PI_BIT) != list.v; left--) {
        uint64_t next, here = entry;
        /* The link is read first: the next owner may take the entry out of its list at once. */
        bool more = !get_user(next, uptr(here & ~PI_BIT));
        if ((here & ~PI_BIT) != (pending & ~PI_BIT) &&
            !robust_one(t, uptr((here & ~PI_BIT) + offset), here & PI_BIT, false))
            return;
        if (!more)
            break;
        entry = next;
    }
    if (pending & ~PI_BIT)
        (void)robust_one(t, uptr((pending & ~PI_BIT) + offset), pending & PI_BIT, true);
}

int64_t sys_set_robust_list(struct task *t, const struct args *a)
{
    if (a->v[1] != sizeof(struct robust_list_head))
        return -EINVAL;
    t->robust_list = arg_ptr(a, 0);
    return 0;
}

int64_t sys_get_robust_list(struct task *t, const struct args *a)
{
    const struct task *of = arg_int(a, 0) ? task_find(arg_int(a, 0)) : t;
    const uint64_t size = sizeof(struct robust_list_head);
    if (!of || !of->process)
        return -ESRCH;
    if (of->process != t->process)
        return -EPERM;
    if (put_user(arg_ptr(a, 2), size))
        return -EFAULT;
    return put_user(arg_ptr(a, 1), of->robust_list.v);
}
