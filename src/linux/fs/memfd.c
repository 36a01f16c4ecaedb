/* SPDX-License-Identifier: Apache-2.0 */
/* memfd_create(2): a file in memory without a name, whose seals may be set by fcntl(2). */
#include "linux/core/text.h"
#include "linux/fs/internal.h"

#include <linux/memfd.h>

#define MEMFD_NAME_MAX (NAME_MAX_ - 6) /* less "memfd:" */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#define MFD_EXEC        16u
#endif
#ifndef F_SEAL_EXEC
#define F_SEAL_EXEC 0x20
#endif

/* Where there are no huge pages to be had, as on most hosts. */
static int check(uint32_t flags)
{
    uint32_t huge = flags & MFD_HUGETLB ? MFD_HUGETLB | (uint32_t)MFD_HUGE_MASK << MFD_HUGE_SHIFT : 0;
    if (flags & ~(MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL | MFD_EXEC | huge))
        return -EINVAL;
    if (huge)
        return -ENOENT;
    return (flags & (MFD_NOEXEC_SEAL | MFD_EXEC)) == (MFD_NOEXEC_SEAL | MFD_EXEC) ? -EINVAL : 0;
}

int64_t sys_memfd_create(struct task *t, const struct args *a)
{
    char name[MEMFD_NAME_MAX + 1], shown[MEMFD_NAME_MAX + 32];
    uint32_t flags = arg_u32(a, 1);
    struct file *f;
    int r = check(flags);
    if (r)
        return r;
    int64_t n = copy_string_in(name, arg_ptr(a, 0), sizeof(name));
    if (n < 0)
        return n == -ENAMETOOLONG ? -EINVAL : n;
    text_format(shown, sizeof(shown), "/memfd:%s (deleted)", name);
    r = tmpfs_anonymous(shown, &f);
    if (r)
        return r;
    f->inode->seals = flags & (MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL) ? 0 : F_SEAL_SEAL;
    if (flags & MFD_NOEXEC_SEAL) {
        f->inode->mode &= ~0111u;
        f->inode->seals |= F_SEAL_EXEC;
    }
    int fd = fd_install(f, flags & MFD_CLOEXEC, 0);
    if (fd < 0)
        file_put(f);
    return fd;
}
