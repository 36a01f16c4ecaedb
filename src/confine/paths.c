/* SPDX-License-Identifier: Apache-2.0 */
/* See paths.h. */
#include "confine/paths.h"
#include "base/pathtext.h"

#include <errno.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <string.h>
#include <sys/stat.h>

#ifndef LANDLOCK_ACCESS_FS_TRUNCATE
#define LANDLOCK_ACCESS_FS_TRUNCATE (1ULL << 14)
#endif
#ifndef LANDLOCK_ACCESS_FS_IOCTL_DEV
#define LANDLOCK_ACCESS_FS_IOCTL_DEV (1ULL << 15)
#endif

const struct path_rule *paths_find(const struct policy *p, const char *guest)
{
    const struct path_rule *best = NULL;
    size_t length = 0;

    for (uint32_t i = 0; i < p->n_paths; i++) {
        size_t n = strlen(p->paths[i].guest);
        if (path_lies_in(guest, p->paths[i].guest) && (!best || n > length))
            best = &p->paths[i], length = n;
    }
    return best;
}

const struct path_rule *paths_above(const struct policy *p, const struct path_rule *rule)
{
    const struct path_rule *best = NULL;
    size_t length = 0;

    for (uint32_t i = 0; i < p->n_paths; i++) {
        size_t n = strlen(p->paths[i].guest);
        if (&p->paths[i] != rule && path_lies_in(rule->guest, p->paths[i].guest) && (!best || n > length))
            best = &p->paths[i], length = n;
    }
    return best;
}

uint64_t paths_landlock(uint32_t access, bool directory)
{
    uint64_t rights = 0;

    if (access & PATH_READ)
        rights |= LANDLOCK_ACCESS_FS_READ_FILE | (directory ? LANDLOCK_ACCESS_FS_READ_DIR : 0);
    if (access & PATH_WRITE)
        rights |= LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_TRUNCATE | LANDLOCK_ACCESS_FS_IOCTL_DEV;
    if (access & PATH_EXECUTE)
        rights |= LANDLOCK_ACCESS_FS_EXECUTE;
    if (access & PATH_CREATE && directory)
        rights |= LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_SYM |
                  LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO | LANDLOCK_ACCESS_FS_REMOVE_FILE |
                  LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REFER;
    return rights;
}

const char *paths_access_text(uint32_t access, char *buf)
{
    size_t n = 0;

    for (unsigned i = 0; i < 4; i++)
        if (access & (PATH_READ << i))
            buf[n++] = "rwxc"[i];
    if (!n && access & PATH_STAT)
        buf[n++] = 's';
    buf[n] = '\0';
    return buf;
}

bool paths_brokered(const struct policy *p)
{
    for (uint32_t i = 0; i < p->n_paths; i++)
        if (p->paths[i].verdict == PATH_BROKER)
            return true;
    return false;
}

static void refuse(struct path_lowering *out, const char *why)
{
    out->mechanism = NULL;
    out->refusal = why ? why : "no memory";
}

static void lower_deny(struct arena *a, const struct policy *p, const struct path_rule *rule, struct path_lowering *out)
{
    const struct path_rule *above = paths_above(p, rule);
    struct stat st;

    for (uint32_t i = 0; p->private_root && i < p->n_made; i++) {
        const struct made_file *f = &p->made[i];
        if (f->target ? !path_lies_in(rule->guest, f->path) : strcmp(rule->guest, f->path) != 0)
            continue;
        /* The rule would be about a name, and not about what the link shows. */
        refuse(out, f->target ? arena_printf(a, "%s is a link to %s inside: deny the path there", f->path, f->target)
                              : "it is made by moat, and holds no secret of the host: leave the rule out");
        return;
    }
    if (above && above->verdict == PATH_BROKER) {
        out->mechanism = "broker process";
        return;
    }
    if (p->private_root && !above) {
        out->mechanism = "nothing above it is granted";
        return;
    }
    if (lstat(rule->host, &st) == 0 && S_ISLNK(st.st_mode)) {
        refuse(out, arena_printf(a, "it is a symbolic link, and a mount would go to where it leads: deny that path"));
        return;
    }
    if (stat(rule->host, &st) == 0 || !above) { /* without one it is the image's, and looked for when it is mounted */
        out->mechanism = "mount that nobody can enter";
        return;
    }
    if (above && above->access & PATH_CREATE)
        refuse(out, arena_printf(a,
                                 "it does not exist, and %s may be written, so the workload could make it: create it "
                                 "first, or leave c (create) out of the rule above",
                                 above->guest));
    else
        out->mechanism = "nothing is there, and nothing can be made";
}

/* What holds around an allow rule: the rule above, or a fresh file system of the sandbox's own that is nearer. */
static uint32_t around(const struct policy *p, const struct path_rule *rule, const char **name, bool *fresh)
{
    const struct path_rule *above = paths_above(p, rule);
    uint32_t access = above ? above->access : 0;

    *name = above ? above->guest : "";
    *fresh = false;
    for (uint32_t i = 0; i < p->n_mounts; i++) {
        const struct mount_rule *m = &p->mounts[i];
        if (m->bind || !path_lies_in(rule->guest, m->destination) || strlen(m->destination) <= strlen(*name))
            continue;
        *name = m->destination;
        *fresh = true;
        access = PATH_ALL & ~(m->attr_set & MOUNT_ATTR_NOEXEC ? PATH_EXECUTE : 0u);
    }
    return access;
}

static void lower_allow(struct arena *a, const struct policy *p, const struct path_rule *rule,
                        struct path_lowering *out)
{
    const struct path_rule *above = paths_above(p, rule);
    const uint32_t changing = PATH_WRITE | PATH_CREATE;
    const char *outer;
    struct stat st;
    char have[8], more[8];
    bool fresh;

    if (above && above->verdict == PATH_BROKER) {
        refuse(out, arena_printf(a, "it lies in %s, which the broker answers for: make it --broker too", above->guest));
        return;
    }
    if (above && above->verdict == PATH_DENY) {
        refuse(out,
               arena_printf(a,
                            "it lies in %s, which is denied, and a denied directory cannot be passed: show it under "
                            "another name (--dir HOST::GUEST)",
                            above->guest));
        return;
    }
    int there = stat(rule->host, &st);
    if (there < 0 && (errno == ENOENT || errno == ENOTDIR) && !rule->optional) {
        out->missing = true;
        refuse(out, strcmp(rule->host, rule->guest) ? arena_printf(a, "%s does not exist on the host", rule->host)
                                                    : "does not exist on the host");
        return;
    }
    bool directory = there < 0 || S_ISDIR(st.st_mode);
    uint32_t split = rule->access & changing;
    if (!p->private_root) {
        bool plain =
            rule->access & PATH_READ && (split == 0 || split == changing || (!directory && split == PATH_WRITE));
        if (plain)
            out->mechanism = "mount";
        else
            refuse(out,
                   "the root is an image's, where only a mount can take rights away: -b broker can, or --ro, --rw");
        return;
    }
    /* Landlock's rights add up: what holds around and not here must be taken away by the mount. */
    uint32_t taken = around(p, rule, &outer, &fresh) & ~rule->access & ~(directory ? 0u : (uint32_t)PATH_CREATE);
    if (fresh && (taken & PATH_READ || (taken & changing && split))) {
        refuse(out,
               arena_printf(a,
                            "%s is the sandbox's own fresh file system, where all may be done, and neither a mount nor "
                            "Landlock takes %s away alone: show it elsewhere, --dir %s::/NAME",
                            outer, paths_access_text(taken, more), rule->host));
        return;
    }
    if (taken & PATH_READ || (taken & changing && split)) {
        refuse(out, arena_printf(
                        a,
                        "it lies in %s (%s), and neither a mount nor Landlock takes %s away alone: give both the "
                        "same, another place inside (--dir HOST::GUEST), or --broker %s",
                        outer, paths_access_text(taken | rule->access, have), paths_access_text(taken, more), outer));
        return;
    }
    out->mechanism = "mount and Landlock";
}

/* What a mount shows is the kernel's, which asks nobody: there the broker could neither take away nor add. */
static void lower_broker(struct arena *a, const struct policy *p, const struct path_rule *rule,
                         struct path_lowering *out)
{
    const struct path_rule *above = paths_above(p, rule);

    if (!p->private_root)
        refuse(out, "only the broker process answers for single calls: -b broker");
    else if (above && above->verdict == PATH_ALLOW)
        refuse(out, arena_printf(a,
                                 "it lies in %s, which a mount shows without asking the broker: make that --broker "
                                 "too",
                                 above->guest));
    else
        out->mechanism = "broker process";
}

void paths_lower(struct arena *a, const struct policy *p, const struct path_rule *rule, struct path_lowering *out)
{
    *out = (struct path_lowering){0};
    if (rule->verdict == PATH_DENY)
        lower_deny(a, p, rule, out);
    else if (rule->verdict == PATH_ALLOW)
        lower_allow(a, p, rule, out);
    else
        lower_broker(a, p, rule, out);
}
