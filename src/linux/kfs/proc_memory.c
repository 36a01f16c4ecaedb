/* SPDX-License-Identifier: Apache-2.0 */
/* /proc/PID/maps and smaps, /proc/PID/mounts and mountinfo. */
#include "linux/kfs/proc.h"
#include "linux/mm/mm.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <linux/mman.h>
#include <linux/mount.h>
#include <string.h>

/* ---- mappings ---- */

static void proc_map_line(const struct vma *v, struct text *out)
{
    char room[PATH_MAX_];
    const struct inode *i = v->file ? v->file->inode : NULL;
    size_t before = out->n;
    text_printf(out, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", v->start, v->end, v->prot & PROT_READ ? 'r' : '-',
                v->prot & PROT_WRITE ? 'w' : '-', v->prot & PROT_EXEC ? 'x' : '-', v->flags & VMA_SHARED ? 's' : 'p',
                v->file ? vma_file_offset(v) : 0, i ? i->sb->dev >> 8 : 0, i ? i->sb->dev & 255 : 0, i ? i->ino : 0);
    const char *name = v->file ? path_name(&v->file->path, room, sizeof(room)) : v->label;
    if (name && *name) {
        size_t length = out->n - before;
        text_printf(out, "%*s%s", length < 73 ? 73 - (int)length : 0, "", name);
    }
    text_put(out, "\n", 1);
}

int proc_show_maps(const struct made_key *key, struct text *out)
{
    struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    if (!proc_may_look(t))
        return -EACCES;
    for (struct vma *v = t->mm ? vma_first(t->mm) : NULL; v; v = vma_next(v))
        proc_map_line(v, out);
    return 0;
}

/* How much of a mapping is resident is the platform's matter: what could be is shown. */
int proc_show_smaps(const struct made_key *key, struct text *out)
{
    struct task *t = proc_task(key);
    if (!t)
        return -ESRCH;
    if (!proc_may_look(t))
        return -EACCES;
    for (struct vma *v = t->mm ? vma_first(t->mm) : NULL; v; v = vma_next(v)) {
        uint64_t kb = (v->end - v->start) >> 10;
        proc_map_line(v, out);
        text_printf(out,
                    "Size:           %8lu kB\nKernelPageSize:        4 kB\nMMUPageSize:           4 kB\nRss:           "
                    " %8lu kB\n",
                    kb, kb);
        text_printf(
            out,
            "Pss:            %8lu kB\nPrivate_Dirty:  %8lu kB\nSwap:                  0 kB\nLocked:         %8lu kB\n",
            kb, kb, v->flags & VMA_LOCKED ? kb : 0);
    }
    return 0;
}

/* ---- mounts ---- */

/* A blank, a tab, a newline or a backslash in a name is written in octal, getmntent(3). */
static void proc_escaped(struct text *out, const char *s)
{
    for (; *s; s++) {
        if (*s == ' ' || *s == '\t' || *s == '\n' || *s == '\\')
            text_printf(out, "\\%03o", (unsigned)(uint8_t)*s);
        else
            text_put(out, s, 1);
    }
}

static const char *proc_mount_options(const struct mount *m)
{
    return (m->flags | m->sb->flags) & MS_RDONLY ? "ro" : "rw";
}

/* Where it is mounted, as the current task sees it; false: out of its sight. */
static bool proc_mount_place(const struct mount *m, struct text *out)
{
    char room[PATH_MAX_];
    struct path at = {.mount = (struct mount *)(uintptr_t)m, .dentry = m->root};
    const char *name = path_name(&at, room, sizeof(room));
    if (!name)
        return false;
    proc_escaped(out, name);
    return true;
}

int proc_show_mounts(const struct made_key *key, struct text *out)
{
    list_each (m, &mount_all, struct mount, all) {
        size_t before = out->n;
        proc_escaped(out, m->source && *m->source ? m->source : m->sb->type->name);
        text_put(out, " ", 1);
        if (!proc_mount_place(m, out)) {
            out->n = before;
            continue;
        }
        text_printf(out, " %s %s 0 0\n", m->sb->type->name, proc_mount_options(m));
    }
    return 0;
}

int proc_show_mountinfo(const struct made_key *key, struct text *out)
{
    list_each (m, &mount_all, struct mount, all) {
        size_t before = out->n;
        text_printf(out, "%u %u %u:%u / ", m->id, m->parent ? m->parent->id : 0, m->sb->dev >> 8, m->sb->dev & 255);
        if (!proc_mount_place(m, out)) {
            out->n = before;
            continue;
        }
        text_printf(out, " %s - %s ", m->flags & MS_RDONLY ? "ro" : "rw", m->sb->type->name);
        proc_escaped(out, m->source && *m->source ? m->source : m->sb->type->name);
        text_printf(out, " %s\n", m->sb->flags & MS_RDONLY ? "ro" : "rw");
    }
    return 0;
}
