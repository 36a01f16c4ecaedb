/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the image whose system calls were rewritten jump to trampolines, which have to be at their place (a constant
 * distance above the file's load bias) whenever the file is mapped to be run. The loader knows the bias; a dynamic
 * linker maps a file piece by piece with mmap(2), so the bias is worked out from the file's own headers: the piece's
 * offset names its segment. The first piece, whose address is ours to choose, takes the trampolines along, so that
 * nothing else can get there in between.
 */
#include "linux/fs/imgfs_format.h"
#include "linux/fs/vfs.h"
#include "linux/mm/area.h"
#include "linux/mm/elf.h"
#include "linux/mm/load.h"

#include <asm/errno.h>
#include <linux/mman.h>

/* Absent in a kernel that is linked without images. */
extern __typeof__(imgfs_sites) imgfs_sites __attribute__((weak));

static const struct image_sites *sites_of(struct file *file, struct memobj **object)
{
    return file->inode->elf && imgfs_sites ? imgfs_sites(file->inode, object) : NULL;
}

uint64_t trampolines_end(struct file *file)
{
    struct memobj *object;
    const struct image_sites *s = sites_of(file, &object);
    return s ? page_up(s->address + s->blob_size) : 0;
}

/* The segment whose first page in the file is `offset`: executable ones if `exec`, else any. Its first page's address
 * in the file's own numbers. */
static bool segment_at(struct file *file, uint64_t offset, bool exec, uint64_t *address)
{
    struct elf64_hdr h;
    struct elf64_phdr p;
    if (vfs_read_kernel(file, &h, sizeof h, 0) != (int64_t)sizeof h || h.e_phnum > ELF_HEADERS)
        return false;
    for (uint32_t i = 0; i < h.e_phnum; i++) {
        if (vfs_read_kernel(file, &p, sizeof p, h.e_phoff + i * sizeof p) != (int64_t)sizeof p)
            return false;
        if (p.p_type != PT_LOAD || page_down(p.p_offset) != offset || (exec && !(p.p_flags & PF_X)))
            continue;
        *address = page_down(p.p_vaddr);
        return true;
    }
    return false;
}

uint64_t trampolines_room(struct file *file, uint64_t offset, int prot, uint64_t n)
{
    uint64_t end = trampolines_end(file), address;
    if (!end || !segment_at(file, offset, prot & PROT_EXEC, &address) || end <= address || end - address <= n)
        return 0;
    return end - address - n;
}

/* Whether nothing is there but what this program has reserved, as a dynamic linker does that is about to align a
 * library within: it does not know of the trampolines, and gives back what is behind the library. */
static bool only_reserved(struct mm *mm, uint64_t at, uint64_t end)
{
    vma_each(v, mm, at, end)
    {
        if (v->prot || v->file || v->object)
            return false;
    }
    return true;
}

int trampolines_map(struct mm *mm, struct file *file, uint64_t bias)
{
    struct memobj *object = NULL;
    const struct image_sites *s = sites_of(file, &object);
    if (!s || !s->blob_size)
        return 0;
    uint64_t at = bias + s->address;
    const struct vma *v = vma_find(mm, at);
    if (v && (v->flags & VMA_CALLS) && v->start == at && v->file && v->file->inode == file->inode)
        return 0;
    struct map_request q = {.at = at,
                            .n = page_up(s->blob_size),
                            .prot = PROT_READ | PROT_EXEC,
                            .flags = VMA_CALLS,
                            .file = file,
                            .object = object,
                            .object_offset = s->blob,
                            .fixed = true,
                            .replace = only_reserved(mm, at, at + page_up(s->blob_size))};
    int64_t r = map_request(mm, &q);
    return r < 0 ? -ENOMEM : 0;
}

int trampolines_follow(struct mm *mm, struct file *file, uint64_t offset, int prot, uint64_t at)
{
    uint64_t address;
    if (!trampolines_end(file) || !segment_at(file, offset, prot & PROT_EXEC, &address))
        return 0;
    /* Mapped to be read only, outside the text range: it will not be run there. */
    if (!(prot & PROT_EXEC) && !in_text(mm, at, PAGE_SIZE))
        return 0;
    return trampolines_map(mm, file, at - address);
}

bool trampolines_wanted(const struct vma *v)
{
    const struct vma *before = tree_before(v);
    while (before && before->mm != v->mm)
        before = tree_before(before);
    return before && before->file && before->file->inode == v->file->inode;
}

void trampolines_release(struct mm *mm, uint64_t end)
{
    struct vma *v = vma_from(mm, end);
    if (!v || !(v->flags & VMA_CALLS) || trampolines_wanted(v))
        return;
    uint64_t at = v->start, n = vma_size(v);
    if (!platform.aspace.unmap(mm->aspace, at, n))
        vma_forget(mm, at, at + n);
}
