/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat vm insert` and `moat vm eject`. A medium is opened here, with the rights of who asks, locked, and sent to the
 * machine's I/O process; the lock is the open file's and goes along. What is in the file is not looked at.
 */
#include "boundary/vm/vm.h"
#include "cli/vm_cmd.h"
#include "cli/vm_medium.h"
#include "policy/list.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const drives[CONTROL_DRIVES] = {
    [CONTROL_FLOPPY0] = "floppy0", [CONTROL_FLOPPY1] = "floppy1", [CONTROL_CDROM0] = "cdrom0"};

static int find_drive(const char *word, enum control_drive *out, struct err *err)
{
    for (unsigned i = 0; i < CONTROL_DRIVES; i++)
        if (!strcmp(word, drives[i])) {
            *out = (enum control_drive)i;
            return 0;
        }
    return err_set(err, -EINVAL, "'%s': the drives are floppy0 (A:), floppy1 (B:) and cdrom0%s", word,
                   !strcmp(word, "hda") ? "; a hard disk stays while its machine runs" : "");
}

/* Looked at before it is opened, since to open a device may do something (a tape is rewound); of a block device that is
 * to be written this one is the only user, whatever other names it has (open(2), O_EXCL). */
static int open_medium(const char *file, enum control_drive drive, bool read_only, struct err *err)
{
    const enum vm_medium kind = drive == CONTROL_CDROM0 ? VM_MEDIUM_CDROM : VM_MEDIUM_FLOPPY;
    struct stat st;

    if (stat(file, &st) < 0)
        return err_sys(err, -errno, "%s", file);
    if (!S_ISREG(st.st_mode) && !S_ISBLK(st.st_mode))
        return err_set(err, -EINVAL, "insert %s: it is neither a file nor a block device", file);
    _cleanup_fd_ int fd = open(file, (read_only ? O_RDONLY : O_RDWR | O_EXCL) | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (fd < 0 && !read_only && (errno == EACCES || errno == EPERM || errno == EROFS || errno == ETXTBSY))
        return err_sys(err, -errno, "%s cannot be written (%s,ro is only read)", file, file);
    if (fd < 0 && errno == EBUSY)
        return err_set(err, -EBUSY, "insert %s: it is in use: mounted, or a machine has it", file);
    if (fd < 0)
        return err_sys(err, -errno, "%s", file);
    int r = vm_medium_fits(fd, kind, "insert", file, err);
    if (r == 0)
        r = vm_medium_lock(fd, read_only, "insert", file, err);
    if (r == -EBUSY) /* the lock does not tell whose it is */
        return err_set(err, r,
                       "insert %s: another machine has it, or this one: then moat vm eject first (two may "
                       "share one that is read-only for both)",
                       file);
    return r < 0 ? r : steal_fd(&fd);
}

int vm_change(struct vm_request *q, struct err *err)
{
    enum control_drive drive;
    bool read_only;
    const char *file = vm_medium_name(&q->arena, q->operands[1], &read_only);
    int r = file ? find_drive(q->operands[0], &drive, err) : policy_no_memory(err);

    if (r < 0)
        return r;
    read_only |= drive == CONTROL_CDROM0;
    _cleanup_fd_ int fd = open_medium(file, drive, read_only, err);
    return fd < 0 ? fd : vm_insert(&q->sb.inst, drive, fd, read_only, err);
}

int vm_empty(struct vm_request *q, struct err *err)
{
    enum control_drive drive;
    int r = find_drive(q->operands[0], &drive, err);

    return r < 0 ? r : vm_eject(&q->sb.inst, drive, err);
}
