/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stubs: what their services are made to do, one order at a time, and the memory in them that is the sentry's: pages of
 * orders and slots, all of one file, which is mapped here whole. A slot has a number, and lies at the place of that
 * number in the file and in the stub that it is mapped in. It stays in that stub until nothing of the stub is left.
 */
#include "sentry/sentry.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ORDERS_MOST STUB_SLOTS_MOST
#define ORDERS_SIZE (ORDERS_MOST * PAGE_SIZE)
#define BORN_FORK   (CLONE_PARENT | SIGCHLD)
#define BORN_TASK   (CLONE_VM | CLONE_FS | CLONE_SIGHAND | CLONE_PARENT | SIGCHLD)

/* Numbers from 0 on that are given and taken back. */
struct numbers {
    uint32_t *free, n_free, room, next, most;
};

static struct {
    int fd;
    uint8_t *base;
    struct aspace *first;
    struct numbers orders, slots;
} stubs = {.orders = {.most = ORDERS_MOST}, .slots = {.most = STUB_SLOTS_MOST}};

static bool push(uint32_t **v, uint32_t *n, uint32_t *room, uint32_t value)
{
    if (*n == *room) {
        uint32_t more = *room ? *room * 2 : 16;
        uint32_t *w = realloc(*v, more * sizeof(*w));
        if (!w)
            return false;
        *v = w, *room = more;
    }
    (*v)[(*n)++] = value;
    return true;
}

static bool number_take(struct numbers *s, uint32_t *out)
{
    if (!s->n_free && s->next == s->most)
        return false;
    *out = s->n_free ? s->free[--s->n_free] : s->next++;
    return true;
}

static void number_give(struct numbers *s, uint32_t number)
{
    (void)push(&s->free, &s->n_free, &s->room, number); /* else it is lost, which harms nobody */
}

int stub_memory_file(void)
{
    stubs.fd = memfd_create("stubs", MFD_CLOEXEC);
    if (stubs.fd < 0 || ftruncate(stubs.fd, ORDERS_SIZE + STUB_SLOTS_SIZE))
        apart_fatal("memory for stubs: %s", strerror(errno));
    return stubs.fd;
}

void stub_memory_init(void)
{
    stubs.base =
        mmap(NULL, ORDERS_SIZE + STUB_SLOTS_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE, stubs.fd, 0);
    if (stubs.base == MAP_FAILED)
        apart_fatal("address space for stubs: %s", strerror(errno));
}

uint8_t *slot_memory(uint32_t slot)
{
    return stubs.base + ORDERS_SIZE + (size_t)slot * STUB_SLOT_SIZE;
}

uint64_t slot_address(uint32_t slot)
{
    return STUB_SLOTS + (uint64_t)slot * STUB_SLOT_SIZE;
}

/* ---- orders ---- */

/* Whoever is in it hears of that by SIGCHLD, or when it wants something. */
void stub_end(struct aspace *as)
{
    if (!as->dead) /* else it has been waited for */
        kill(as->pid, SIGKILL);
    as->dead = true;
}

int64_t stub_order(struct aspace *as, enum stub_order_kind kind, uint64_t a, uint64_t b, uint64_t c, uint64_t d,
                   uint64_t e, uint64_t f)
{
    volatile struct stub_order *order = (volatile struct stub_order *)(stubs.base + as->order * PAGE_SIZE);
    struct seccomp_notif n;
    const struct host_task *service = host_task_find(as->pid);
    if (as->dead || !service)
        return -ESRCH;
    *order = (struct stub_order){.kind = kind, .args = {a, b, c, d, e, f}};
    int r = notify_answer(as->waiting, 0);
    if (r == -ENOENT && !(r = notify_of(service, &n, 0))) /* it has been stopped from outside, and comes again */
        r = notify_is(&n, stub_behind_order) ? notify_answer(n.id, 0) : -ESRCH;
    if (!r)
        r = notify_of(service, &n, 0);
    if (!r && notify_is(&n, stub_behind_park)) { /* an order met a fault: the service goes on from there */
        r = notify_answer(n.id, PARK_FAULT);
        if (!r)
            r = notify_of(service, &n, 0);
    }
    if (!r && !notify_is(&n, stub_behind_order))
        r = -ESRCH;
    if (r) {
        stub_end(as);
        return -ESRCH;
    }
    as->waiting = n.id;
    return (int64_t)n.data.args[0];
}

/* ---- whole ones ---- */

struct aspace *stub_first(pid_t pid, uint64_t waiting)
{
    struct aspace *as = calloc(1, sizeof(*as));
    if (!as || !number_take(&stubs.orders, &as->order) || !host_task_add(pid, as, NULL))
        apart_fatal("out of memory");
    as->pid = pid, as->waiting = waiting;
    stubs.first = as;
    return as;
}

static void stub_free(struct aspace *as)
{
    for (uint32_t i = 0; i < as->n_slots; i++) {
        off_t at = (off_t)(ORDERS_SIZE + (size_t)as->slots[i] * STUB_SLOT_SIZE);
        if (!fallocate(stubs.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, STUB_SLOT_SIZE))
            number_give(&stubs.slots, as->slots[i]); /* empty: nothing of one guest is shown to the next */
    }
    number_give(&stubs.orders, as->order);
    free(as->slots);
    free(as);
}

static bool born(struct aspace *as)
{
    struct seccomp_notif n;
    const struct host_task *service = host_task_find(as->pid);
    int r;
    do { /* once more, if it was stopped from outside meanwhile */
        if (notify_of(service, &n, 0) || !notify_is(&n, stub_behind_born_order) || n.data.args[0] != ORDER_BORN)
            return false;
    } while ((r = notify_answer(n.id, as->order * PAGE_SIZE)) == -ENOENT);
    if (r || notify_of(service, &n, 0) || !notify_is(&n, stub_behind_order))
        return false;
    as->waiting = n.id;
    return true;
}

struct aspace *stub_copy(struct aspace *of)
{
    struct aspace *as = calloc(1, sizeof(*as));
    if (!as || !number_take(&stubs.orders, &as->order)) {
        free(as);
        return NULL;
    }
    int64_t pid = stub_order(of ? of : stubs.first, ORDER_fork, BORN_FORK, 0, 0, 0, 0, 0);
    if (pid <= 0 || !host_task_add((pid_t)pid, as, NULL)) {
        stub_free(as);
        return NULL;
    }
    as->pid = (pid_t)pid;
    if (born(as))
        return as;
    stub_leave(as);
    return NULL;
}

void stub_leave(struct aspace *as)
{
    struct host_task *service = host_task_find(as->pid);
    as->left = true;
    if (service && service->as == as)
        host_task_end(service);
    as->dead = true;
    stub_reaped(as);
}

void stub_reaped(struct aspace *as)
{
    if (as->left && !as->live)
        stub_free(as);
}

/* ---- tasks in them ---- */

static int64_t slot_take(struct aspace *as, uint32_t *slot)
{
    if (as->n_slots) {
        *slot = as->slots[--as->n_slots];
        return 0;
    }
    if (!number_take(&stubs.slots, slot))
        return -EAGAIN;
    int64_t r = stub_order(as, ORDER_mmap, slot_address(*slot), STUB_SLOT_SIZE, PROT_READ | PROT_WRITE,
                           MAP_SHARED | MAP_FIXED, STUB_FD_MEMORY, ORDERS_SIZE + (uint64_t)*slot * STUB_SLOT_SIZE);
    if (r < 0)
        number_give(&stubs.slots, *slot);
    return r < 0 ? r : 0;
}

void stub_slot_free(struct aspace *as, uint32_t slot)
{
    (void)push(&as->slots, &as->n_slots, &as->room, slot);
}

int stub_task(struct aspace *as, struct guest *g)
{
    uint32_t slot;
    int64_t r = slot_take(as, &slot);
    if (r < 0)
        return (int)r;
    slot_init(slot);
    r = stub_order(as, ORDER_task, BORN_TASK, slot_address(slot), 0, 0, 0, 0);
    struct host_task *h = r > 0 ? host_task_add((pid_t)r, as, g) : NULL;
    if (!h) {
        stub_slot_free(as, slot);
        return r < 0 ? (int)r : -ENOMEM;
    }
    h->slot = slot;
    g->host = h;
    return 0;
}
