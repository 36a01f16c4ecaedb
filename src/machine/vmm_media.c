/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of disks: opened with the caller's rights before the processes part, and locked, so that no two machines write
 * to one; and a PC's disks over their rings, in the machine process. What is in the files is not looked at.
 */
#include "base/io.h"
#include "machine/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECTOR   512u
#define RETRY_NS SECOND_NS

static const char *const names[VMM_MEDIA] = {"floppy0", "floppy1", "cdrom0", "hda"};

static const char no_disk[] = "it is neither a file nor a block device";

/* ---- opening ---- */

static int refuse_open(const struct options_disk *d, int error)
{
    if (error == -ENOENT || error == -ENOTDIR)
        return vmm_fail(EXIT_NOT_FOUND, d->path, "open the disk", error);
    if (error == -EISDIR)
        return vmm_fail(EXIT_NOT_INVOKED, d->path, no_disk, 0);
    if (d->read_only || !(error == -EACCES || error == -EPERM || error == -EROFS || error == -ETXTBSY))
        return vmm_fail(EXIT_NOT_INVOKED, d->path, "open the disk", error);
    return vmm_fail(EXIT_NOT_INVOKED, d->path, "open it for writing (with ,ro behind its name it is only read)", error);
}

/* The lock goes with the descriptor, to the I/O process; the last who closes it ends it. */
static int lock(const struct options_disk *d, int fd)
{
    const int r = io_lock_disk(fd, d->read_only);

    if (r == -EBUSY)
        return vmm_fail(
            EXIT_NOT_INVOKED, d->path,
            "another machine has it (a disk is one machine's; two may share one that is read-only for both)", 0);
    return r < 0 ? vmm_fail(EXIT_OWN_ERROR, d->path, "lock it, so that no other machine writes to it", r) : 0;
}

int vmm_disk_open(const struct options_disk *d, int *out, uint64_t *bytes)
{
    const int access = d->read_only ? O_RDONLY : O_RDWR | O_EXCL; /* of a block device the only user (open(2)) */
    const int fd = vmm_keep_above(open(d->path, access | O_CLOEXEC | O_NOCTTY | O_NONBLOCK));
    struct stat st;
    int r;

    if (fd < 0)
        return refuse_open(d, fd);
    *out = fd;
    if (fstat(fd, &st) < 0 || !(S_ISREG(st.st_mode) || S_ISBLK(st.st_mode)))
        return vmm_fail(EXIT_NOT_INVOKED, d->path, no_disk, 0);
    if ((r = lock(d, fd)))
        return r;
    const off_t end = lseek(fd, 0, SEEK_END);
    if (end < 0)
        return vmm_fail(EXIT_OWN_ERROR, d->path, "find its size", -errno);
    *bytes = (uint64_t)end;
    return 0;
}

/* ---- a PC's ---- */

static const struct options_disk *disk_of(const struct vmm_options *o, unsigned which)
{
    return which == VMM_HDA ? &o->hda : which == VMM_CDROM ? &o->cdrom : &o->floppies[which];
}

/* A drive that takes what is in it; an empty one is of the kind that takes most of what people have. */
static uint8_t drive_type(const struct fdc_geometry *g)
{
    return g && !fdc_drive_takes(FDC_1440K, g) ? g->drive : FDC_1440K;
}

static int refuse_size(const char *path, unsigned which, uint64_t bytes)
{
    char why[320];

    if (which == VMM_HDA)
        snprintf(why, sizeof why, "%llu bytes are no disk: that is one or more sectors of 512 bytes",
                 (unsigned long long)bytes);
    else if (which == VMM_CDROM)
        snprintf(why, sizeof why, "%llu bytes are no CD-ROM", (unsigned long long)bytes);
    else
        snprintf(why, sizeof why, "%llu bytes are no floppy disk's size: there are %s", (unsigned long long)bytes,
                 fdc_sizes);
    return vmm_fail(EXIT_NOT_INVOKED, path, why, 0);
}

static int open_medium(struct vmm *v, unsigned which)
{
    struct options_disk d = *disk_of(&v->options, which);
    struct io_port *p = &v->media[which]->io;
    uint64_t bytes;
    int r;

    d.read_only |= which == VMM_CDROM;
    if ((r = vmm_disk_open(&d, &p->in, &bytes)))
        return r;
    if (p->drive.floppy)
        p->drive.type = v->options.restore ? p->drive.type : drive_type(fdc_geometry(bytes));
    p->bytes = which == VMM_HDA ? (bytes % SECTOR ? 0 : bytes) : io_media_bytes(&p->drive, bytes);
    if (p->bytes == 0)
        return refuse_size(d.path, which, bytes);
    p->out = p->in, p->read_only = d.read_only;
    return 0;
}

int vmm_media_open(struct vmm *v)
{
    int r = 0;

    if (v->media_listening >= 0 && fcntl(v->media_listening, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
        return vmm_fail(EXIT_OWN_ERROR, "media", "set up the socket by which they come", -errno);
    for (unsigned i = 0; i < VMM_MEDIA && r == 0; i++) {
        if (!v->media[i])
            continue;
        v->media[i]->io.drive.type = FDC_1440K;
        if (v->options.restore && i < PC_FLOPPIES) /* drives are the machine's, whatever is in them now */
            v->media[i]->io.drive.type = (uint8_t)v->snapshot.floppies[i];
        if (*disk_of(&v->options, i)->path)
            r = open_medium(v, i);
    }
    return r;
}

void vmm_media_devices(struct vmm *v)
{
    for (unsigned i = 0; i < VMM_MEDIA; i++) {
        struct vmm_port *p = v->media[i];
        if (p)
            medium_init(&v->medium[i], &p->backend, i != VMM_HDA, p->io.in >= 0, p->io.bytes, p->io.read_only);
    }
}

/* ---- while it runs ---- */

/* Once for each time that there is none. */
static void tell(struct vmm *v, unsigned which)
{
    const uint32_t bit = 1u << which;
    const bool stalled = medium_stalled(&v->medium[which]);

    if (stalled && !(v->media_told & bit))
        vmm_say(v, names[which], "no room on the host for what is written: the machine waits until there is some");
    if (!stalled && v->media_told & bit)
        vmm_say(v, names[which], "there is room again: the machine goes on");
    v->media_told = stalled ? v->media_told | bit : v->media_told & ~bit;
}

void vmm_media_poll(struct vmm *v)
{
    for (unsigned i = 0; i < VMM_MEDIA; i++) {
        medium_poll(&v->medium[i]);
        tell(v, i);
    }
    if (!v->media_told)
        return;
    const uint64_t now = clock_now(&v->machine.clock);
    if (now < v->media_retry_at)
        return;
    v->media_retry_at = now + RETRY_NS;
    for (unsigned i = 0; i < VMM_MEDIA; i++)
        medium_retry(&v->medium[i]);
}

uint64_t vmm_media_wait(const struct vmm *v, uint64_t ns)
{
    return v->media_told && ns > RETRY_NS ? RETRY_NS : ns;
}
