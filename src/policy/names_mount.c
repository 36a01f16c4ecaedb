/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Mount options: one row each, sorted by name. Later options win over earlier ones, as in mount(8). The access-time
 * mode is one field of several bits (MOUNT_ATTR__ATIME): whoever names a mode clears the whole field first. Pure.
 */
#include "policy/names.h"

#include "policy/policy.h"

#include <linux/mount.h> /* MS_* too; <sys/mount.h> would declare them again */
#include <string.h>

#ifndef MOUNT_ATTR_NOSYMFOLLOW
#define MOUNT_ATTR_NOSYMFOLLOW 0x00200000 /* Linux 5.14 */
#endif

enum option_kind {
    OPTION_NOTHING, /* known, and already so */
    OPTION_SET,     /* a mount attribute */
    OPTION_CLEAR,
    OPTION_ATIME,     /* this access-time mode */
    OPTION_NOT_ATIME, /* not this one: back to the kernel's default */
    OPTION_READONLY,  /* attribute and super block */
    OPTION_WRITABLE,
    OPTION_SB_SET, /* a super-block flag */
    OPTION_SB_CLEAR,
    OPTION_PROPAGATION,
    OPTION_BIND,
    OPTION_RBIND,
    OPTION_REMOUNT,
    OPTION_COPYUP,
    OPTION_NOFOLLOW,
    OPTION_IDMAP,
};

static const struct option_def {
    const char *name;
    enum option_kind kind;
    bool recursive;
    uint32_t value;
} options[] = {
    {"async", OPTION_SB_CLEAR, false, MS_SYNCHRONOUS},
    {"atime", OPTION_NOT_ATIME, false, MOUNT_ATTR_NOATIME},
    {"bind", OPTION_BIND, false, 0},
    {"defaults", OPTION_NOTHING, false, 0},
    {"dest-nofollow", OPTION_NOFOLLOW, false, 0},
    {"dev", OPTION_CLEAR, false, MOUNT_ATTR_NODEV},
    {"diratime", OPTION_CLEAR, false, MOUNT_ATTR_NODIRATIME},
    {"dirsync", OPTION_SB_SET, false, MS_DIRSYNC},
    {"exec", OPTION_CLEAR, false, MOUNT_ATTR_NOEXEC},
    {"idmap", OPTION_IDMAP, false, 0},
    {"iversion", OPTION_SB_SET, false, MS_I_VERSION},
    {"lazytime", OPTION_SB_SET, false, MS_LAZYTIME},
    {"loud", OPTION_SB_CLEAR, false, MS_SILENT},
    {"mand", OPTION_SB_SET, false, MS_MANDLOCK},
    {"noatime", OPTION_ATIME, false, MOUNT_ATTR_NOATIME},
    {"nodev", OPTION_SET, false, MOUNT_ATTR_NODEV},
    {"nodiratime", OPTION_SET, false, MOUNT_ATTR_NODIRATIME},
    {"noexec", OPTION_SET, false, MOUNT_ATTR_NOEXEC},
    {"noiversion", OPTION_SB_CLEAR, false, MS_I_VERSION},
    {"nolazytime", OPTION_SB_CLEAR, false, MS_LAZYTIME},
    {"nomand", OPTION_SB_CLEAR, false, MS_MANDLOCK},
    {"norelatime", OPTION_NOTHING, false,
     0}, /* relatime is also the kernel's default, so there is nothing to go back to */
    {"nostrictatime", OPTION_NOT_ATIME, false, MOUNT_ATTR_STRICTATIME},
    {"nosuid", OPTION_SET, false, MOUNT_ATTR_NOSUID},
    {"nosymfollow", OPTION_SET, false, MOUNT_ATTR_NOSYMFOLLOW},
    {"private", OPTION_PROPAGATION, false, MS_PRIVATE},
    {"ratime", OPTION_NOT_ATIME, true, MOUNT_ATTR_NOATIME},
    {"rbind", OPTION_RBIND, false, 0},
    {"rdev", OPTION_CLEAR, true, MOUNT_ATTR_NODEV},
    {"rdiratime", OPTION_CLEAR, true, MOUNT_ATTR_NODIRATIME},
    {"relatime", OPTION_ATIME, false, MOUNT_ATTR_RELATIME},
    {"remount", OPTION_REMOUNT, false, 0},
    {"rexec", OPTION_CLEAR, true, MOUNT_ATTR_NOEXEC},
    {"ridmap", OPTION_IDMAP, true, 0},
    {"rnoatime", OPTION_ATIME, true, MOUNT_ATTR_NOATIME},
    {"rnodev", OPTION_SET, true, MOUNT_ATTR_NODEV},
    {"rnodiratime", OPTION_SET, true, MOUNT_ATTR_NODIRATIME},
    {"rnoexec", OPTION_SET, true, MOUNT_ATTR_NOEXEC},
    {"rnorelatime", OPTION_NOTHING, true, 0},
    {"rnostrictatime", OPTION_NOT_ATIME, true, MOUNT_ATTR_STRICTATIME},
    {"rnosuid", OPTION_SET, true, MOUNT_ATTR_NOSUID},
    {"rnosymfollow", OPTION_SET, true, MOUNT_ATTR_NOSYMFOLLOW},
    {"ro", OPTION_READONLY, false, 0},
    {"rprivate", OPTION_PROPAGATION, false, MS_PRIVATE | MS_REC},
    {"rrelatime", OPTION_ATIME, true, MOUNT_ATTR_RELATIME},
    {"rro", OPTION_SET, true, MOUNT_ATTR_RDONLY},
    {"rrw", OPTION_CLEAR, true, MOUNT_ATTR_RDONLY},
    {"rshared", OPTION_PROPAGATION, false, MS_SHARED | MS_REC},
    {"rslave", OPTION_PROPAGATION, false, MS_SLAVE | MS_REC},
    {"rstrictatime", OPTION_ATIME, true, MOUNT_ATTR_STRICTATIME},
    {"rsuid", OPTION_CLEAR, true, MOUNT_ATTR_NOSUID},
    {"rsymfollow", OPTION_CLEAR, true, MOUNT_ATTR_NOSYMFOLLOW},
    {"runbindable", OPTION_PROPAGATION, false, MS_UNBINDABLE | MS_REC},
    {"rw", OPTION_WRITABLE, false, 0},
    {"shared", OPTION_PROPAGATION, false, MS_SHARED},
    {"silent", OPTION_SB_SET, false, MS_SILENT},
    {"slave", OPTION_PROPAGATION, false, MS_SLAVE},
    {"strictatime", OPTION_ATIME, false, MOUNT_ATTR_STRICTATIME},
    {"suid", OPTION_CLEAR, false, MOUNT_ATTR_NOSUID},
    {"symfollow", OPTION_CLEAR, false, MOUNT_ATTR_NOSYMFOLLOW},
    {"sync", OPTION_SB_SET, false, MS_SYNCHRONOUS},
    {"tmpcopyup", OPTION_COPYUP, false, 0},
    {"unbindable", OPTION_PROPAGATION, false, MS_UNBINDABLE},
};

static const struct option_def *option_find(const char *name)
{
    size_t low = 0, high = ARRAY_LEN(options);

    while (low < high) {
        size_t middle = (low + high) / 2;
        int order = strcmp(name, options[middle].name);
        if (order == 0)
            return &options[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

static void apply_attribute(const struct option_def *o, uint64_t *set, uint64_t *clear)
{
    switch (o->kind) {
    case OPTION_SET:
        *set |= o->value;
        *clear &= ~(uint64_t)o->value;
        break;
    case OPTION_CLEAR:
        *set &= ~(uint64_t)o->value;
        *clear |= o->value;
        break;
    case OPTION_ATIME:
        *set = (*set & ~(uint64_t)MOUNT_ATTR__ATIME) | o->value;
        *clear |= MOUNT_ATTR__ATIME;
        break;
    default: /* OPTION_NOT_ATIME */
        if ((*set & MOUNT_ATTR__ATIME) == o->value)
            *set &= ~(uint64_t)MOUNT_ATTR__ATIME;
        *clear |= MOUNT_ATTR__ATIME;
        break;
    }
}

bool mount_option_apply(struct mount_rule *m, const char *option)
{
    const struct option_def *o = option_find(option);

    if (!o) {
        if (strcmp(option, MOUNT_OPTION_OPTIONAL) != 0)
            return false;
        m->optional = true;
        return true;
    }
    switch (o->kind) {
    case OPTION_NOTHING:
        break;
    case OPTION_SET:
    case OPTION_CLEAR:
    case OPTION_ATIME:
    case OPTION_NOT_ATIME:
        if (o->recursive)
            apply_attribute(o, &m->rec_attr_set, &m->rec_attr_clear);
        else
            apply_attribute(o, &m->attr_set, &m->attr_clear);
        break;
    case OPTION_READONLY:
        m->attr_set |= MOUNT_ATTR_RDONLY;
        m->attr_clear &= ~(uint64_t)MOUNT_ATTR_RDONLY;
        m->sb_flags |= MS_RDONLY;
        break;
    case OPTION_WRITABLE:
        m->attr_set &= ~(uint64_t)MOUNT_ATTR_RDONLY;
        m->attr_clear |= MOUNT_ATTR_RDONLY;
        m->sb_flags &= ~(uint64_t)MS_RDONLY;
        break;
    case OPTION_SB_SET:
        m->sb_flags |= o->value;
        break;
    case OPTION_SB_CLEAR:
        m->sb_flags &= ~(uint64_t)o->value;
        break;
    case OPTION_PROPAGATION:
        m->propagation = o->value;
        break;
    case OPTION_BIND:
        m->bind = true;
        break;
    case OPTION_RBIND:
        m->bind = m->recursive = true;
        break;
    case OPTION_REMOUNT:
        m->remount = true;
        break;
    case OPTION_COPYUP:
        m->tmpcopyup = true;
        break;
    case OPTION_NOFOLLOW:
        m->nofollow = true;
        break;
    case OPTION_IDMAP:
        m->idmap = o->recursive ? IDMAP_RECURSIVE : IDMAP_TOP;
        break;
    }
    return true;
}

const char *mount_option_name(size_t i)
{
    return i < ARRAY_LEN(options) ? options[i].name : NULL;
}

/* What a row does when it stands alone, for the way back. False where a row says the same as an earlier one would. */
static bool option_describes(const struct option_def *o, const struct mount_rule *m)
{
    uint64_t set = o->recursive ? m->rec_attr_set : m->attr_set;
    uint64_t clear = o->recursive ? m->rec_attr_clear : m->attr_clear;

    switch (o->kind) {
    case OPTION_SET:
        return set & o->value;
    case OPTION_CLEAR:
        return clear & o->value;
    case OPTION_ATIME:
        return (clear & MOUNT_ATTR__ATIME) && (set & MOUNT_ATTR__ATIME) == o->value;
    case OPTION_READONLY:
        return set & MOUNT_ATTR_RDONLY;
    case OPTION_WRITABLE:
        return clear & MOUNT_ATTR_RDONLY;
    case OPTION_SB_SET:
        return m->sb_flags & o->value;
    case OPTION_PROPAGATION:
        return m->propagation == o->value;
    case OPTION_BIND:
        return m->bind && !m->recursive;
    case OPTION_RBIND:
        return m->bind && m->recursive;
    case OPTION_REMOUNT:
        return m->remount;
    case OPTION_COPYUP:
        return m->tmpcopyup;
    case OPTION_NOFOLLOW:
        return m->nofollow;
    case OPTION_IDMAP:
        return m->idmap == (o->recursive ? IDMAP_RECURSIVE : IDMAP_TOP);
    default: /* the negatives leave no trace of their own */
        return false;
    }
}

const char *mount_option_next(const struct mount_rule *m, size_t *i)
{
    while (*i < ARRAY_LEN(options)) {
        const struct option_def *o = &options[(*i)++];
        if (option_describes(o, m))
            return o->name;
    }
    if (*i == ARRAY_LEN(options)) {
        (*i)++;
        if (m->optional)
            return MOUNT_OPTION_OPTIONAL;
    }
    return NULL;
}

bool mount_propagation_from_name(const char *name, uint64_t *flags)
{
    const struct option_def *o = option_find(name);

    if (!o || o->kind != OPTION_PROPAGATION)
        return false;
    *flags = o->value;
    return true;
}

const char *mount_propagation_name(uint64_t flags)
{
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        if (options[i].kind == OPTION_PROPAGATION && options[i].value == flags)
            return options[i].name;
    }
    return NULL;
}
