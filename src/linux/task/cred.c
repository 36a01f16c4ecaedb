/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who a task is: user and group numbers, groups, capabilities. credentials(7), capabilities(7). A struct cred is never
 * changed: a new one takes its place, so a reference stays what it was. Each task has its own, as on Linux (a C library
 * makes all threads call). Files with set-user-ID bits give nothing here.
 */
#include "linux/task/internal.h"

#include <linux/capability.h>
#include <linux/prctl.h>
#include <linux/securebits.h>

#include <string.h>

#define CAPS_ALL ((2ull << CAP_LAST_CAP) - 1)

HEAP_TYPE(cred, FIELD(cred, refs, FIELD_PLAIN), FIELD(cred, uid, FIELD_PLAIN), FIELD(cred, euid, FIELD_PLAIN),
          FIELD(cred, suid, FIELD_PLAIN), FIELD(cred, fsuid, FIELD_PLAIN), FIELD(cred, gid, FIELD_PLAIN),
          FIELD(cred, egid, FIELD_PLAIN), FIELD(cred, sgid, FIELD_PLAIN), FIELD(cred, fsgid, FIELD_PLAIN),
          FIELD(cred, caps_permitted, FIELD_PLAIN), FIELD(cred, caps_effective, FIELD_PLAIN),
          FIELD(cred, caps_inheritable, FIELD_PLAIN), FIELD(cred, caps_bounding, FIELD_PLAIN),
          FIELD(cred, caps_ambient, FIELD_PLAIN), FIELD(cred, n_groups, FIELD_PLAIN), FIELD(cred, groups, FIELD_PLAIN),
          FIELD(cred, securebits, FIELD_PLAIN), FIELD(cred, no_new_privs, FIELD_PLAIN));

struct cred *cred_get(struct cred *c)
{
    c->refs++;
    return c;
}

void cred_put(struct cred *c)
{
    if (!--c->refs)
        heap_free(&cred_type, c);
}

struct cred *cred_copy(const struct cred *from)
{
    struct cred *c = heap_new(&cred_type);
    if (!c)
        return NULL;
    *c = *from;
    c->refs = 1;
    return c;
}

struct cred *cred_boot(uint32_t uid, uint32_t gid)
{
    struct cred *c = heap_new(&cred_type);
    if (!c)
        return NULL;
    c->refs = 1;
    c->uid = c->euid = c->suid = c->fsuid = uid;
    c->gid = c->egid = c->sgid = c->fsgid = gid;
    c->caps_bounding = CAPS_ALL;
    if (!uid)
        c->caps_permitted = c->caps_effective = CAPS_ALL;
    return c;
}

void cred_limit(struct cred *c, const uint32_t *groups, uint32_t n, uint64_t caps_dropped)
{
    c->n_groups = n < CRED_GROUPS ? n : CRED_GROUPS;
    if (n)
        memcpy(c->groups, groups, c->n_groups * sizeof(*groups));
    c->caps_bounding &= ~caps_dropped;
    c->caps_permitted &= ~caps_dropped;
    c->caps_effective &= ~caps_dropped;
}

static void cred_set(struct task *t, struct cred *c)
{
    cred_put(t->cred);
    t->cred = c;
}

bool capable(const struct task *t, int cap)
{
    return t->cred->caps_effective >> cap & 1;
}

bool task_may_trace(const struct task *t, const struct task *of)
{
    const struct cred *mine = t->cred, *its = of->cred;
    if (of->process == t->process || capable(t, CAP_SYS_PTRACE))
        return true;
    return mine->fsuid == its->euid && mine->fsuid == its->suid && mine->fsuid == its->uid && of->process->dumpable;
}

/* capabilities(7), "Transformation of capabilities during execve", for files without capabilities of their own. */
int cred_exec(struct task *t)
{
    struct cred *c = cred_copy(t->cred);
    if (!c)
        return -ENOMEM;
    bool root = !(c->securebits & SECBIT_NOROOT) && (!c->uid || !c->euid);
    c->suid = c->fsuid = c->euid;
    c->sgid = c->fsgid = c->egid;
    if (root)
        c->caps_ambient = 0;
    c->caps_permitted = root ? c->caps_inheritable | c->caps_bounding : c->caps_ambient;
    c->caps_effective = root && c->euid ? 0 : c->caps_permitted;
    c->securebits &= ~(uint32_t)SECBIT_KEEP_CAPS;
    cred_set(t, c);
    return 0;
}

/* ---- numbers ----------------------------------------------------------------------------------------------------- */

#define KEEP UINT32_MAX /* -1: stays as it is */

int64_t sys_getuid(struct task *t, const struct args *a)
{
    (void)a;
    return t->cred->uid;
}

int64_t sys_geteuid(struct task *t, const struct args *a)
{
    (void)a;
    return t->cred->euid;
}

int64_t sys_getgid(struct task *t, const struct args *a)
{
    (void)a;
    return t->cred->gid;
}

int64_t sys_getegid(struct task *t, const struct args *a)
{
    (void)a;
    return t->cred->egid;
}

static int64_t put_three(const struct args *a, uint32_t x, uint32_t y, uint32_t z)
{
    if (put_user(arg_ptr(a, 0), x) || put_user(arg_ptr(a, 1), y) || put_user(arg_ptr(a, 2), z))
        return -EFAULT;
    return 0;
}

int64_t sys_getresuid(struct task *t, const struct args *a)
{
    return put_three(a, t->cred->uid, t->cred->euid, t->cred->suid);
}

int64_t sys_getresgid(struct task *t, const struct args *a)
{
    return put_three(a, t->cred->gid, t->cred->egid, t->cred->sgid);
}

/* What changing user numbers does to capabilities: capabilities(7), "Effect of user ID changes". */
static void caps_after_setuid(struct cred *c, const struct cred *before)
{
    bool was = !before->uid || !before->euid || !before->suid;
    bool is = !c->uid || !c->euid || !c->suid;
    if (c->securebits & SECBIT_NO_SETUID_FIXUP)
        return;
    if (was && !is) {
        if (!(c->securebits & SECBIT_KEEP_CAPS))
            c->caps_permitted = c->caps_effective = 0;
        c->caps_ambient = 0;
    }
    if (!before->euid && c->euid)
        c->caps_effective = 0;
    if (before->euid && !c->euid)
        c->caps_effective = c->caps_permitted;
}

static int64_t uid_change(struct task *t, uint32_t uid, uint32_t euid, uint32_t suid)
{
    struct cred *c = cred_copy(t->cred);
    if (!c)
        return -ENOMEM;
    if (uid != KEEP)
        c->uid = uid;
    if (euid != KEEP)
        c->euid = euid;
    if (suid != KEEP)
        c->suid = suid;
    c->fsuid = c->euid;
    caps_after_setuid(c, t->cred);
    cred_set(t, c);
    return 0;
}

static int64_t gid_change(struct task *t, uint32_t gid, uint32_t egid, uint32_t sgid)
{
    struct cred *c = cred_copy(t->cred);
    if (!c)
        return -ENOMEM;
    if (gid != KEEP)
        c->gid = gid;
    if (egid != KEEP)
        c->egid = egid;
    if (sgid != KEEP)
        c->sgid = sgid;
    c->fsgid = c->egid;
    cred_set(t, c);
    return 0;
}

static bool is_own_uid(const struct cred *c, uint32_t id)
{
    return id == KEEP || id == c->uid || id == c->euid || id == c->suid;
}

static bool is_own_gid(const struct cred *c, uint32_t id)
{
    return id == KEEP || id == c->gid || id == c->egid || id == c->sgid;
}

int64_t sys_setuid(struct task *t, const struct args *a)
{
    uint32_t id = arg_u32(a, 0);
    const struct cred *c = t->cred;
    if (id == KEEP)
        return -EINVAL;
    if (capable(t, CAP_SETUID))
        return uid_change(t, id, id, id);
    return id == c->uid || id == c->suid ? uid_change(t, KEEP, id, KEEP) : -EPERM;
}

int64_t sys_setgid(struct task *t, const struct args *a)
{
    uint32_t id = arg_u32(a, 0);
    const struct cred *c = t->cred;
    if (id == KEEP)
        return -EINVAL;
    if (capable(t, CAP_SETGID))
        return gid_change(t, id, id, id);
    return id == c->gid || id == c->sgid ? gid_change(t, KEEP, id, KEEP) : -EPERM;
}

/* The saved number follows when the real one is set, or the effective one to something new: setreuid(2). */
int64_t sys_setreuid(struct task *t, const struct args *a)
{
    uint32_t real = arg_u32(a, 0), effective = arg_u32(a, 1);
    const struct cred *c = t->cred;
    if (!capable(t, CAP_SETUID)) {
        if (real != KEEP && real != c->uid && real != c->euid)
            return -EPERM;
        if (!is_own_uid(c, effective))
            return -EPERM;
    }
    bool saved = real != KEEP || (effective != KEEP && effective != c->uid);
    return uid_change(t, real, effective, saved ? (effective != KEEP ? effective : c->euid) : KEEP);
}

int64_t sys_setregid(struct task *t, const struct args *a)
{
    uint32_t real = arg_u32(a, 0), effective = arg_u32(a, 1);
    const struct cred *c = t->cred;
    if (!capable(t, CAP_SETGID)) {
        if (real != KEEP && real != c->gid && real != c->egid)
            return -EPERM;
        if (!is_own_gid(c, effective))
            return -EPERM;
    }
    bool saved = real != KEEP || (effective != KEEP && effective != c->gid);
    return gid_change(t, real, effective, saved ? (effective != KEEP ? effective : c->egid) : KEEP);
}

int64_t sys_setresuid(struct task *t, const struct args *a)
{
    uint32_t real = arg_u32(a, 0), effective = arg_u32(a, 1), saved = arg_u32(a, 2);
    const struct cred *c = t->cred;
    if (!capable(t, CAP_SETUID) && !(is_own_uid(c, real) && is_own_uid(c, effective) && is_own_uid(c, saved)))
        return -EPERM;
    return uid_change(t, real, effective, saved);
}

int64_t sys_setresgid(struct task *t, const struct args *a)
{
    uint32_t real = arg_u32(a, 0), effective = arg_u32(a, 1), saved = arg_u32(a, 2);
    const struct cred *c = t->cred;
    if (!capable(t, CAP_SETGID) && !(is_own_gid(c, real) && is_own_gid(c, effective) && is_own_gid(c, saved)))
        return -EPERM;
    return gid_change(t, real, effective, saved);
}

/* They return the number before, also when nothing is changed. */
int64_t sys_setfsuid(struct task *t, const struct args *a)
{
    uint32_t id = arg_u32(a, 0), before = t->cred->fsuid;
    if (id == KEEP || (id != before && !is_own_uid(t->cred, id) && !capable(t, CAP_SETUID)))
        return before;
    struct cred *c = cred_copy(t->cred);
    if (!c)
        return before;
    c->fsuid = id;
    cred_set(t, c);
    return before;
}

int64_t sys_setfsgid(struct task *t, const struct args *a)
{
    uint32_t id = arg_u32(a, 0), before = t->cred->fsgid;
    if (id == KEEP || (id != before && !is_own_gid(t->cred, id) && !capable(t, CAP_SETGID)))
        return before;
    struct cred *c = cred_copy(t->cred);
    if (!c)
        return before;
    c->fsgid = id;
    cred_set(t, c);
    return before;
}

int64_t sys_getgroups(struct task *t, const struct args *a)
{
    const struct cred *c = t->cred;
    int n = arg_int(a, 0);
    if (n < 0)
        return -EINVAL;
    if (!n)
        return c->n_groups;
    if ((uint32_t)n < c->n_groups)
        return -EINVAL;
    int r = copy_out(arg_ptr(a, 1), c->groups, c->n_groups * sizeof(c->groups[0]));
    return r ? r : (int64_t)c->n_groups;
}

int64_t sys_setgroups(struct task *t, const struct args *a)
{
    uint32_t n = arg_u32(a, 0);
    if (!capable(t, CAP_SETGID))
        return -EPERM;
    if (n > CRED_GROUPS)
        return -EINVAL;
    struct cred *c = cred_copy(t->cred);
    if (!c)
        return -ENOMEM;
    c->n_groups = n;
    if (n && copy_in(c->groups, arg_ptr(a, 1), n * sizeof(c->groups[0]))) {
        cred_put(c);
        return -EFAULT;
    }
    cred_set(t, c);
    return 0;
}

/* ---- capabilities ------------------------------------------------------------------------------------------------ */

/* How many 32-bit words the version has; an unknown one is answered with the one that there is: capget(2). */
static int cap_words(struct uptr at, struct __user_cap_header_struct *header, uint32_t *words)
{
    if (get_user(*header, at))
        return -EFAULT;
    switch (header->version) {
    case _LINUX_CAPABILITY_VERSION_1:
        *words = 1;
        return 0;
    case _LINUX_CAPABILITY_VERSION_2:
    case _LINUX_CAPABILITY_VERSION_3:
        *words = 2;
        return 0;
    default:
        break;
    }
    header->version = _LINUX_CAPABILITY_VERSION_3;
    return put_user(at, *header) ? -EFAULT : -EINVAL;
}

int64_t sys_capget(struct task *t, const struct args *a)
{
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct data[2];
    uint32_t words;
    int r = cap_words(arg_ptr(a, 0), &header, &words);
    if (r)
        return r == -EINVAL && !a->v[1] ? 0 : r;
    if (header.pid < 0)
        return -EINVAL;
    const struct task *of = header.pid ? task_find(header.pid) : t;
    if (!of)
        return -ESRCH;
    if (!a->v[1])
        return 0;
    for (uint32_t i = 0; i < 2; i++) {
        data[i].effective = (uint32_t)(of->cred->caps_effective >> (32 * i));
        data[i].permitted = (uint32_t)(of->cred->caps_permitted >> (32 * i));
        data[i].inheritable = (uint32_t)(of->cred->caps_inheritable >> (32 * i));
    }
    return copy_out(arg_ptr(a, 1), data, words * sizeof(data[0]));
}

int64_t sys_capset(struct task *t, const struct args *a)
{
    struct __user_cap_header_struct header;
    struct __user_cap_data_struct data[2] = {{0}, {0}};
    uint32_t words;
    int r = cap_words(arg_ptr(a, 0), &header, &words);
    if (r)
        return r;
    if (header.pid && header.pid != t->tid)
        return -EPERM;
    if (copy_in(data, arg_ptr(a, 1), words * sizeof(data[0])))
        return -EFAULT;
    const struct cred *old = t->cred;
    uint64_t effective = (data[0].effective | (uint64_t)data[1].effective << 32) & CAPS_ALL;
    uint64_t permitted = (data[0].permitted | (uint64_t)data[1].permitted << 32) & CAPS_ALL;
    uint64_t inheritable = (data[0].inheritable | (uint64_t)data[1].inheritable << 32) & CAPS_ALL;
    uint64_t may_inherit = old->caps_inheritable | (capable(t, CAP_SETPCAP) ? CAPS_ALL : old->caps_permitted);
    if (inheritable & ~may_inherit)
        return -EPERM;
    if (inheritable & ~(old->caps_inheritable | old->caps_bounding))
        return -EPERM;
    if (permitted & ~old->caps_permitted)
        return -EPERM;
    if (effective & ~permitted)
        return -EPERM;
    struct cred *c = cred_copy(old);
    if (!c)
        return -ENOMEM;
    c->caps_effective = effective, c->caps_permitted = permitted, c->caps_inheritable = inheritable;
    c->caps_ambient &= permitted & inheritable;
    cred_set(t, c);
    return 0;
}
