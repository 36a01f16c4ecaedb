/* SPDX-License-Identifier: Apache-2.0 */
/* See snapshot.h. What is read came from a file that somebody may have changed: header and records are checked before
 * they are used, and what is in guest memory is the guest's anyway. */
#include "machine/snapshot.h"

#include "machine/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PAGE       4096u
#define WRITE_MOST (16u << 20) /* bytes at once */

/* One of the records: this, then its bytes, up to a multiple of 8. */
struct head {
    char name[24];
    uint32_t number, version, bytes, zero;
};

static struct {
    _Alignas(64) uint8_t bytes[SNAPSHOT_RECORD_MOST];
    uint32_t n;
} record; /* no page of it is there before it is used */

/* Against a file that was cut or mixed up, not against anybody: FNV-1a. */
static uint64_t sum(const uint8_t *bytes, uint64_t n)
{
    uint64_t h = 0xcbf29ce484222325u;

    for (uint64_t i = 0; i < n; i++)
        h = (h ^ bytes[i]) * 0x100000001b3u;
    return h;
}

static uint32_t padded(uint32_t n)
{
    return (n + 7) & ~7u;
}

/* ---- writing ---- */

static int put(void *owner, const char *name, uint32_t number, uint32_t version, const void *bytes, uint32_t n)
{
    struct head h = {.number = number, .version = version, .bytes = n};
    const size_t length = strlen(name);

    (void)owner;
    if (length >= sizeof h.name || n > SNAPSHOT_RECORD_MOST || record.n + sizeof h + padded(n) > SNAPSHOT_RECORD_MOST)
        return -E2BIG;
    memcpy(h.name, name, length);
    memcpy(record.bytes + record.n, &h, sizeof h);
    memcpy(record.bytes + record.n + sizeof h, bytes, n);
    memset(record.bytes + record.n + sizeof h + n, 0, padded(n) - n);
    record.n += (uint32_t)sizeof h + padded(n);
    return 0;
}

static int write_all(int fd, const void *bytes, uint64_t n, uint64_t at)
{
    const uint8_t *from = bytes;

    while (n) {
        const ssize_t r = pwrite(fd, from, n < WRITE_MOST ? n : WRITE_MOST, (off_t)at);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -errno : -EIO;
        from += r, at += (uint64_t)r, n -= (uint64_t)r;
    }
    return 0;
}

static bool is_empty(const uint8_t *page)
{
    const uint64_t *w = (const uint64_t *)(const void *)page;

    for (unsigned i = 0; i < PAGE / sizeof *w; i++)
        if (w[i])
            return false;
    return true;
}

/* The pages of n bytes that hold something, in runs, to `at` of the file. */
static int write_pages(int fd, const uint8_t *bytes, uint64_t n, uint64_t at)
{
    for (uint64_t from = 0; from < n;) {
        uint64_t to = from;
        while (to < n && !is_empty(bytes + to))
            to += PAGE;
        const int e = to > from ? write_all(fd, bytes + from, to - from, at + from) : 0;
        if (e < 0)
            return e;
        from = to + PAGE;
    }
    return 0;
}

/* Looking at what the guest never used would make pages of it, where it is a memfd's; reading does not. */
static int write_region(const struct vmm *v, int fd, const struct gmem_region *r, uint64_t memory_at)
{
    static _Alignas(64) uint8_t buffer[256 << 10];

    for (uint64_t at = 0; at < r->bytes; at += sizeof buffer) {
        const uint64_t n = r->bytes - at < sizeof buffer ? r->bytes - at : sizeof buffer;
        const uint8_t *from = v->memory >= 0 ? buffer : r->host + at;
        if (v->memory >= 0 && pread(v->memory, buffer, n, (off_t)(r->offset + at)) != (ssize_t)n)
            return -EIO;
        const int e = write_pages(fd, from, n, memory_at + r->offset + at);
        if (e < 0)
            return e;
    }
    return 0;
}

static int write_file(const struct vmm *v, int fd, const struct snapshot_header *h)
{
    const struct gmem *m = &v->machine.memory;
    int r = write_all(fd, record.bytes, record.n, SNAPSHOT_RECORD_AT);

    for (unsigned i = 0; i < m->n && r == 0; i++)
        r = write_region(v, fd, &m->regions[i], h->memory_at);
    if (r == 0) { /* the last byte, so that the file is as long as it says */
        const struct gmem_region *last = &m->regions[m->n - 1];
        r = write_all(fd, &last->host[last->bytes - 1], 1, h->memory_at + h->memory_bytes - 1);
    }
    return r < 0 ? r : write_all(fd, h, sizeof *h, 0); /* the header last: without it there is no snapshot */
}

/* 0; -ENOSPC: a disk's write has found no room; -EPIPE: the back end of one is gone. */
static int stand_still(struct vmm *v)
{
    int r = 0;

    stream_pause(&v->serial_stream);
    if (v->channel)
        stream_pause(&v->channel_stream);
    for (unsigned i = 0; i < VMM_MEDIA && r == 0; i++)
        if (v->media[i])
            r = medium_pause(&v->medium[i]);
    return r;
}

static uint64_t firmware_sum(const struct vmm *v)
{
    return v->firmware ? sum(v->firmware, v->firmware_bytes) : 0;
}

static void describe(const struct vmm *v, struct snapshot_header *h)
{
    const struct vmm_options *o = &v->options;

    *h = (struct snapshot_header){.version = SNAPSHOT_VERSION,
                                  .kind = o->pc    ? SNAPSHOT_PC
                                          : o->kut ? SNAPSHOT_KUT
                                                   : SNAPSHOT_MICRO,
                                  .n_disks = v->n_disks,
                                  .net = v->net != NULL,
                                  .console = v->console != NULL,
                                  .channel = v->channel != NULL,
                                  .hz = v->machine.clock.state.hz,
                                  .silent = v->channel && !v->channel_stream.put && (!o->restore || v->snapshot.silent),
                                  .hda = v->media[VMM_HDA] != NULL};
    memcpy(h->magic, SNAPSHOT_MAGIC, sizeof h->magic);
    memcpy(h->cpu, v->cpu, sizeof h->cpu);
    h->firmware_sum = firmware_sum(v);
    for (unsigned i = 0; i < PC_FLOPPIES && o->pc; i++)
        h->floppies[i] = v->media[VMM_FLOPPY0 + i]->io.drive.type;
}

static int save(struct vmm *v, int fd, const char **why)
{
    struct snapshot_header h;
    int r;

    describe(v, &h);
    record.n = 0;
    if ((r = machine_save(&v->machine, NULL, put)) < 0) {
        *why = r == -EPIPE ? "a device has lost what is behind it: how it stands is not known"
                           : "its state cannot be told";
        return r;
    }
    h.record_bytes = record.n, h.record_sum = sum(record.bytes, record.n);
    h.memory_at = (SNAPSHOT_RECORD_AT + record.n + PAGE - 1) & ~(uint64_t)(PAGE - 1);
    h.memory_bytes = v->machine.ram_bytes;
    if ((r = write_file(v, fd, &h)) < 0)
        *why = r == -ENOSPC ? "there is no room for the snapshot" : "the snapshot cannot be written";
    return r;
}

int snapshot_write(struct vmm *v, int fd, const char **why)
{
    int r = stand_still(v);

    if (r < 0)
        *why = r == -ENOSPC ? "a write to one of its disks waits for room on the host"
                            : "a device has lost what is behind it: how it stands is not known";
    else
        r = save(v, fd, why);
    for (unsigned i = 0; i < v->n_virtio; i++)
        virtio_saved(v->virtio[i]);
    return r;
}

/* ---- reading ---- */

/* Media come and go; drives and a disk are the machine's. */
static const char *check_pc(const struct vmm_options *o, const struct snapshot_header *h)
{
    for (unsigned i = 0; i < PC_FLOPPIES; i++)
        if (h->floppies[i] < FDC_360K || h->floppies[i] > FDC_2880K)
            return "it is damaged";
    if (h->hda != (*o->hda.path != 0))
        return h->hda ? "--hda: it was made with a disk" : "--hda: it was made without a disk";
    return NULL;
}

static const char *check_header(const struct vmm *v, const struct snapshot_header *h, uint64_t file_bytes)
{
    const struct vmm_options *o = &v->options;
    const uint64_t record_end = SNAPSHOT_RECORD_AT + h->record_bytes;

    if (memcmp(h->magic, SNAPSHOT_MAGIC, sizeof h->magic) != 0)
        return "it is no snapshot of a machine";
    if (h->version != SNAPSHOT_VERSION)
        return "it is a snapshot of another version of moat-vmm";
    if (h->record_bytes > SNAPSHOT_RECORD_MOST || h->memory_at % PAGE || h->memory_at < record_end ||
        h->memory_bytes % PAGE || h->memory_bytes < MACHINE_RAM_MIN || h->memory_bytes > MACHINE_RAM_MAX ||
        h->memory_at > file_bytes || h->memory_bytes > file_bytes - h->memory_at || h->kind >= SNAPSHOT_KINDS ||
        h->silent > 1 || !memchr(h->cpu, 0, sizeof h->cpu))
        return "it is damaged";
    if (o->memory && o->memory != h->memory_bytes)
        return "--memory: it was made with another size";
    if (o->cpu && strcmp(o->cpu, h->cpu) != 0)
        return "--cpu: it was made with another processor";
    if ((o->kut && h->kind != SNAPSHOT_KUT) || (o->pc && h->kind != SNAPSHOT_PC))
        return "--machine: it was made with another kind of machine";
    if (h->n_disks != o->n_disks)
        return "--disk: it was made with another number of disks";
    if (h->net != (o->tap || o->tap_fd >= 0) || h->console != (o->console == CONSOLE_VIRTIO) ||
        h->channel != o->channel)
        return "--tap, --console and --channel have to be there as they were when it was made";
    if (h->kind != SNAPSHOT_PC && (o->firmware || o->n_floppies || *o->cdrom.path || *o->hda.path))
        return "--firmware, --floppy, --cdrom and --hda are a PC's, and it was made with another kind of machine";
    return h->kind == SNAPSHOT_PC ? check_pc(o, h) : NULL;
}

int snapshot_open(struct vmm *v)
{
    const char *name = v->options.restore;
    struct snapshot_header *h = &v->snapshot;
    const char *why;
    struct stat st;

    v->snapshot_fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    if (v->snapshot_fd < 0 || fstat(v->snapshot_fd, &st) < 0)
        return vmm_fail(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_INVOKED, name, "open it", -errno);
    if (!S_ISREG(st.st_mode) || pread(v->snapshot_fd, h, sizeof *h, 0) != sizeof *h)
        return vmm_fail(EXIT_NOT_INVOKED, name, "it is no snapshot of a machine", 0);
    if ((why = check_header(v, h, (uint64_t)st.st_size)))
        return vmm_fail(EXIT_NOT_INVOKED, name, why, 0);
    v->options.kut = h->kind == SNAPSHOT_KUT, v->options.pc = h->kind == SNAPSHOT_PC;
    v->options.cpu = h->cpu, v->options.memory = h->memory_bytes;
    if (h->record_bytes == 0)
        return vmm_fail(EXIT_NOT_INVOKED, name, "it is damaged", 0);
    /* Copied: what is checked is what is used, whatever becomes of the file. */
    void *at = mmap(NULL, h->record_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED)
        return vmm_fail(EXIT_OWN_ERROR, name, "read it", -errno);
    if (pread(v->snapshot_fd, at, h->record_bytes, SNAPSHOT_RECORD_AT) != (ssize_t)h->record_bytes)
        return vmm_fail(EXIT_NOT_INVOKED, name, "it is damaged", 0);
    v->kernel = (struct vmm_file){at, h->record_bytes};
    return 0;
}

int snapshot_map_memory(struct vmm *v)
{
    struct gmem_region regions[2];
    const unsigned n = machine_memory_layout(v->snapshot.memory_bytes, regions);
    int r = 0;

    for (unsigned i = 0; i < n && r == 0; i++) {
        void *at = mmap(NULL, regions[i].bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, v->snapshot_fd,
                        (off_t)(v->snapshot.memory_at + regions[i].offset));
        regions[i].host = at;
        r = at == MAP_FAILED ? -errno : gmem_add(&v->machine.memory, &regions[i]);
    }
    return r < 0 ? vmm_fail(EXIT_OWN_ERROR, v->options.restore, "map its memory", r) : 0;
}

/* One record at `at`; how many bytes it takes. */
static int64_t load_one(struct vmm *v, uint64_t at, const char **why)
{
    const uint64_t left = v->kernel.n - at;
    struct head h;

    *why = "it is damaged";
    if (left < sizeof h)
        return -EINVAL;
    memcpy(&h, v->kernel.bytes + at, sizeof h);
    if (!memchr(h.name, 0, sizeof h.name) || h.bytes > SNAPSHOT_RECORD_MOST || padded(h.bytes) > left - sizeof h)
        return -EINVAL;
    memcpy(record.bytes, v->kernel.bytes + at + sizeof h, h.bytes); /* once, and aligned */
    const int r = machine_load(&v->machine, h.name, h.number, h.version, record.bytes, h.bytes, why);
    return r < 0 ? r : (int64_t)(sizeof h + padded(h.bytes));
}

int snapshot_load(struct vmm *v, const char **why)
{
    struct timespec now;

    *why = "it is damaged: its checksum is another";
    if (sum(v->kernel.bytes, v->kernel.n) != v->snapshot.record_sum)
        return -EINVAL;
    *why = v->firmware ? "--firmware: it is another than the one that this was made with"
                       : "--firmware: this was made with one, and needs the same file";
    if (firmware_sum(v) != v->snapshot.firmware_sum)
        return -EINVAL;
    for (uint64_t at = 0; at < v->kernel.n;) {
        const int64_t n = load_one(v, at, why);
        if (n < 0)
            return (int)n;
        at += (uint64_t)n;
    }
    *why = "it is damaged: a record is missing";
    if (machine_loaded(&v->machine) < 0)
        return -EINVAL;
    clock_gettime(CLOCK_REALTIME, &now);
    clock_set_wall(&v->machine.clock, (uint64_t)now.tv_sec * SECOND_NS + (uint64_t)now.tv_nsec);
    return 0;
}
