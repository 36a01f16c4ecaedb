/* SPDX-License-Identifier: Apache-2.0 */
/* See vm_medium.h. Looks at sizes and locks of files that their user named, and changes nothing. */
#include "cli/vm_medium.h"
#include "base/io.h"
#include "machine/dev/fdc.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR   512
#define CD_BLOCK 2048

const char *vm_medium_name(struct arena *a, const char *text, bool *read_only)
{
    const char *comma = strrchr(text, ',');

    *read_only = comma && !strcmp(comma, ",ro");
    return *read_only ? arena_strndup(a, text, (size_t)(comma - text)) : text;
}

static int refuse_locked(const char *said, const char *file, struct err *err)
{
    return err_set(err, -EBUSY,
                   "%s %s: another machine has it (a disk is one machine's; two may share one that is read-only for "
                   "both)",
                   said, file);
}

static int say(int r, const char *said, const char *file, struct err *err)
{
    return r == -EBUSY ? refuse_locked(said, file, err)
           : r < 0     ? err_sys(err, r, "lock %s, so that no other machine writes to it", file)
                       : 0;
}

int vm_medium_lock(int fd, bool read_only, const char *said, const char *file, struct err *err)
{
    return say(io_lock_disk(fd, read_only), said, file, err);
}

int vm_medium_fits(int fd, enum vm_medium kind, const char *said, const char *file, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(err, -errno, "%s %s", said, file);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return err_set(err, -EINVAL, "%s %s: it is neither a file nor a block device", said, file);
    const off_t bytes = lseek(fd, 0, SEEK_END);
    if (bytes < 0)
        return err_sys(err, -errno, "%s %s", said, file);
    if (kind == VM_MEDIUM_FLOPPY && !fdc_geometry((uint64_t)bytes))
        return err_set(err, -EINVAL, "%s %s: %lld bytes are no floppy disk's size: there are %s", said, file,
                       (long long)bytes, fdc_sizes);
    if (kind == VM_MEDIUM_CDROM && bytes < CD_BLOCK)
        return err_set(err, -EINVAL, "%s %s: %lld bytes are no CD-ROM: that is one or more blocks of %d bytes", said,
                       file, (long long)bytes, CD_BLOCK);
    if (kind == VM_MEDIUM_DISK && (bytes == 0 || bytes % SECTOR))
        return err_set(err, -EINVAL, "%s %s: %lld bytes are no disk: that is one or more sectors of %d bytes", said,
                       file, (long long)bytes, SECTOR);
    return 0;
}

int vm_medium_check(int fd, enum vm_medium kind, bool read_only, const char *said, const char *file, struct err *err)
{
    const int r = vm_medium_fits(fd, kind, said, file, err);

    return r < 0 ? r : say(io_disk_is_free(fd, read_only), said, file, err);
}
