/* SPDX-License-Identifier: Apache-2.0 */
/* See vm_medium.h. Looks at sizes and locks of files that their user named, and changes nothing. */
#include "cli/vm_medium.h"
#include "base/clock.h"
#include "machine/dev/fdc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR   512
#define CD_BLOCK 2048
#define LOCK_MS  1000
#define RETRY_MS 20

const char *vm_medium_name(struct arena *a, const char *text, bool *read_only)
{
    const char *comma = strrchr(text, ',');

    *read_only = comma && !strcmp(comma, ",ro");
    return *read_only ? arena_strndup(a, text, (size_t)(comma - text)) : text;
}

/* One that has just ended has it for a moment still. */
static bool is_locked(int fd, bool read_only)
{
    const int64_t until = clock_ms() + LOCK_MS;
    struct flock l;

    do {
        l = (struct flock){.l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};
        if (fcntl(fd, F_OFD_GETLK, &l) < 0 || l.l_type == F_UNLCK)
            return false;
        poll(NULL, 0, RETRY_MS);
    } while (clock_ms() < until);
    return true;
}

static int refuse_locked(const char *said, const char *file, struct err *err)
{
    return err_set(err, -EBUSY,
                   "%s %s: another machine has it (a disk is one machine's; two may share one that is read-only for "
                   "both)",
                   said, file);
}

int vm_medium_lock(int fd, bool read_only, const char *said, const char *file, struct err *err)
{
    struct flock l = {.l_type = read_only ? F_RDLCK : F_WRLCK, .l_whence = SEEK_SET};

    if (fcntl(fd, F_OFD_SETLK, &l) == 0)
        return 0;
    return errno == EAGAIN || errno == EACCES
               ? refuse_locked(said, file, err)
               : err_sys(err, -errno, "lock %s, so that no other machine writes to it", file);
}

int vm_medium_check(int fd, enum vm_medium kind, bool read_only, const char *said, const char *file, struct err *err)
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
    return is_locked(fd, read_only) ? refuse_locked(said, file, err) : 0;
}
