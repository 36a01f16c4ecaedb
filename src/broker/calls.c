/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The table of calls, and the way of one through the broker. Which calls there are, and where their paths stand, is
 * confine/notify_calls.h, which the filter reads too; what answers each kind is the service of that name here. A call
 * without a service does not link.
 *
 * ANSWER_CONTINUE lets the kernel run the call as if the broker had never seen it, with whatever the target's memory
 * holds by then. So it is the answer for "not my business" alone: the target's mount namespace, Landlock and network
 * namespace decide, and they do not know what the broker looked at. A brokered path is never continued.
 */
#include "broker/look.h"
#include "broker/looker.h"
#include "broker/services.h"
#include "confine/seccomp.h"
#include "host/openat2.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <string.h>

#if defined(__x86_64__)
#define NATIVE_ARCH AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define NATIVE_ARCH AUDIT_ARCH_AARCH64
#else
#error "no table of system calls for this architecture"
#endif

#define ROW(name, service, dir, path, dir2, path2, flags, only)                                                        \
    {name, &service_##service, {dir, dir2}, {path, path2}, flags, only},
#define NOTIFY_CALL(name, group, service, dir, path, dir2, path2, flags, only)                                         \
    ROW(#name, service, dir, path, dir2, path2, flags, only)
static const struct call_row rows[] = {
#include "confine/notify_calls.h"
};

#define NUMBERS 512
static uint8_t row_of[NUMBERS]; /* by system-call number; index + 1 */
_Static_assert(sizeof rows / sizeof rows[0] < 255, "one byte holds a row");

void calls_init(void)
{
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        int number = syscall_number(NATIVE_ARCH, rows[i].name);
        if (number >= 0 && number < NUMBERS)
            row_of[number] = (uint8_t)(i + 1);
    }
}

int call_judge(struct broker *b, struct call *c, int i)
{
    const struct spot *s = &c->spots[i];

    if (rule_gives(s->rule, c->access[i]))
        return 0;
    denial_path(b, c, i, s->rule ? REFUSED_BY_RULE : REFUSED_NO_RULE);
    return -EACCES;
}

int call_found(struct broker *b, struct call *c)
{
    int r = c->spots[0].way ? 0 : call_judge(b, c, 0);

    return r < 0 ? r : c->spots[0].error;
}

static void start(struct call *c, const struct call_row *row)
{
    const struct service *service = row->service;

    c->row = row;
    c->n_paths = row->path[1] >= 0 ? 2 : 1;
    c->changes = service->changes;
    c->creates = service->creates;
    c->quick = c->mode = c->scope = 0;
    c->flags = call_arg(c, row->flags);
    for (int i = 0; i < 2; i++) {
        c->dir[i] = row->dir[i];
        c->path[i] = row->path[i];
        c->access[i] = service->access;
        c->last[i] = service->nofollow && c->flags & service->nofollow ? LAST_KEPT : service->last;
        c->spots[i].fd = -1;
    }
}

/* What the kernel will refuse by itself is reported by what the rules say about it. */
static void report(struct broker *b, struct call *c, int i)
{
    struct spot *s = &c->spots[i];
    bool makes = !s->exists && c->creates >> i & 1, parent = false;

    if (s->system)
        return;
    if (makes) {
        c->access[i] |= PATH_CREATE;
        parent = spot_parent(b, s);
    }
    if (rule_gives(s->rule, c->access[i]))
        return;
    if (s->rule) {
        if (s->exists || parent || s->rule->verdict == PATH_DENY)
            denial_path(b, c, i, REFUSED_BY_RULE);
        return;
    }
    bool changes = c->access[i] & (PATH_WRITE | PATH_CREATE);
    if (s->exists || parent) {
        if (s->readonly && changes)
            denial_path(b, c, i, REFUSED_NO_RULE);
        return;
    }
    enum looker_answer host = looker_has(b, s->guest, makes);
    if (host != LOOKER_HAS_NOT)
        denial_path(b, c, i, host == LOOKER_HAS ? REFUSED_NO_RULE : REFUSED_UNSEEN);
}

/* A directory above a rule. One that nobody has looks like an empty one of root's, so that a path can be gone along;
 * one of the target's own root, where ".." led out of a tree, is shown as it is. */
static int show_way(struct broker *b, struct call *c)
{
    struct spot *s = &c->spots[0];
    struct open_how how = {.flags = O_PATH | O_CLOEXEC};

    s->error = 0;
    s->fd = s->exists ? look_up(b->root, s->guest, false, IN_ROOT | RESOLVE_NO_SYMLINKS)
                      : openat2_scoped(b->own_root, ".", &how);
    return s->fd < 0 ? s->fd : c->row->service->serve(b, c);
}

static int leave_to_kernel(struct broker *b, struct call *c)
{
    if (c->spots[0].way && c->row->service->looks && !(b->rules.flags & BROKER_LEARN))
        return show_way(b, c);
    for (unsigned i = 0; i < c->n_paths; i++) {
        if (c->spots[i].ours)
            return -EACCES; /* it would start in a place that the kernel's walls were not built around */
        if (b->rules.flags & BROKER_DENY_LOG)
            report(b, c, (int)i);
    }
    c->answer = ANSWER_CONTINUE;
    return 0;
}

static int answer_paths(struct broker *b, struct call *c)
{
    bool brokered = false;

    for (unsigned i = 0; i < c->n_paths; i++) {
        int n = target_string(c, c->text[i], PATH_SIZE, call_arg(c, c->path[i]));
        if (n == -ESRCH)
            return n;
        if (n <= 0) { /* unreadable, too long, or "", which names a descriptor: no path of ours */
            c->answer = ANSWER_CONTINUE;
            return 0;
        }
    }
    if (!c->quick && !notify_waits(b, c->n.id))
        return -ESRCH;
    for (unsigned i = 0; i < c->n_paths; i++) {
        int r = resolve(b, c, (int)i, c->text[i], c->changes);
        if (r < 0)
            return r;
        if (b->rules.flags & BROKER_LEARN)
            learned_path(b, c, (int)i);
        brokered |= c->spots[i].kind == SPOT_BROKERED;
    }
    /* Installing a descriptor asks the same question in the same breath, and opening for reading changed nothing. */
    if (c->quick && !c->spots[0].opened && !notify_waits(b, c->n.id))
        return -ESRCH;
    return brokered ? c->row->service->serve(b, c) : leave_to_kernel(b, c);
}

void calls_answer(struct broker *b, struct call *c)
{
    int number = c->n.data.nr, r = -ENOSYS;

    c->answer = ANSWER_VALUE;
    c->value = 0;
    c->fd = -1;
    if (c->n.data.arch == NATIVE_ARCH && number >= 0 && number < NUMBERS && row_of[number]) {
        start(c, &rows[row_of[number] - 1]);
        const struct service *service = c->row->service;
        r = service->decode ? service->decode(b, c) : 0;
        if (r == 0)
            r = service->network ? service->serve(b, c) : answer_paths(b, c);
        for (int i = 0; i < 2; i++)
            spot_close(&c->spots[i]);
    }
    if (r == 0 && c->fd >= 0)
        r = notify_send_fd(b, c->n.id, c->fd, c->cloexec); /* -EMFILE: the target's table is full */
    else if (r == 0 && c->answer != ANSWER_LATER)
        notify_send(b, c->n.id, c->answer, c->value, 0);
    if (r < 0) /* nobody waits any more, or a process that cannot be seen from here: that one must not wait for ever */
        notify_send(b, c->n.id, ANSWER_VALUE, 0, r == -ESRCH ? -EPERM : r);
    fd_drop(&c->fd);
}
