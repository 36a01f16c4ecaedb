/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Host tasks by pid. Each is a child of this process and a process of its own for the host, so it is killed and waited
 * for by its pid, which stays its own until then: so no other is ever killed.
 */
#include "sentry/sentry.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/wait.h>

#define BUCKETS 1024u /* a power of two */

static struct host_task *by_pid[BUCKETS];

static struct host_task **bucket(pid_t pid)
{
    return &by_pid[(uint32_t)pid & (BUCKETS - 1)];
}

struct host_task *host_task_find(pid_t pid)
{
    struct host_task *h = *bucket(pid);
    while (h && h->pid != pid)
        h = h->next;
    return h;
}

struct host_task *host_task_add(pid_t pid, struct aspace *as, struct guest *g)
{
    struct host_task *h = calloc(1, sizeof(*h));
    if (!h) {
        kill(pid, SIGKILL);
        return NULL;
    }
    *h = (struct host_task){.next = *bucket(pid), .pid = pid, .as = as, .guest = g, .service = !g};
    *bucket(pid) = h;
    as->live++;
    return h;
}

void host_task_end(struct host_task *h)
{
    if (h->guest)
        h->guest->host = NULL, h->guest = NULL;
    kill(h->pid, SIGKILL);
}

/* Its service is gone, so nothing can be done for it any more. */
static void end_all_of(const struct aspace *as)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (struct host_task *h = by_pid[i]; h; h = h->next)
            if (h->as == as)
                kill(h->pid, SIGKILL);
}

static void gone(struct host_task *h)
{
    struct aspace *as = h->as;
    struct host_task **at = bucket(h->pid);
    while (*at != h)
        at = &(*at)->next;
    *at = h->next;
    notify_forget(h->pid);
    if (h->service && !as->left)
        end_all_of(as);
    if (h->service)
        as->dead = true;
    else
        stub_slot_free(as, h->slot);
    if (h->guest)
        guest_host_gone(h->guest);
    free(h);
    as->live--;
    stub_reaped(as);
}

void host_tasks_reap(void)
{
    for (;;) {
        siginfo_t info = {0};
        if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | __WALL) || !info.si_pid)
            return;
        struct host_task *h = host_task_find(info.si_pid);
        if (h)
            gone(h);
    }
}

void host_tasks_end_all(void)
{
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (struct host_task *h = by_pid[i]; h; h = h->next)
            kill(h->pid, SIGKILL);
    for (uint32_t i = 0; i < BUCKETS; i++)
        for (struct host_task *h = by_pid[i]; h; h = h->next)
            while (waitid(P_PID, (id_t)h->pid, NULL, WEXITED | __WALL) && errno == EINTR)
                continue;
}
