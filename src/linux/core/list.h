/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive circular lists. A head that is all zero is not yet initialised: list_init first. */
#ifndef MOAT_LINUX_CORE_LIST_H
#define MOAT_LINUX_CORE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct list {
    struct list *next, *prev;
};

static inline void list_init(struct list *l)
{
    l->next = l->prev = l;
}
static inline bool list_empty(const struct list *l)
{
    return l->next == l;
}
static inline void list_insert(struct list *before, struct list *l)
{
    l->prev = before->prev, l->next = before;
    before->prev->next = l, before->prev = l;
}
static inline void list_append(struct list *head, struct list *l)
{
    list_insert(head, l);
}
static inline void list_prepend(struct list *head, struct list *l)
{
    list_insert(head->next, l);
}
/* Leaves the element initialised, so that removing it twice is harmless. */
static inline void list_remove(struct list *l)
{
    l->prev->next = l->next, l->next->prev = l->prev;
    list_init(l);
}
#define list_entry(l, type, member)    ((type *)((char *)(l)-offsetof(type, member)))
#define list_first(head, type, member) (list_empty(head) ? NULL : list_entry((head)->next, type, member))
/* `it` may be removed within. */
#define list_each(it, head, type, member)                                                                              \
    for (type *it = list_entry((head)->next, type, member), *it##_next = list_entry(it->member.next, type, member);    \
         &it->member != (head); it = it##_next, it##_next = list_entry(it->member.next, type, member))

#endif
