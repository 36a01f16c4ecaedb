/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a taken-over machine process asks the I/O process for about the disks of a PC. Needs a floppy to be written, one
 * that is read-only, a disk, and a CD-ROM drive with nothing in it.
 */
#include "taken.h"

#include <errno.h>

static struct ring_request request(uint16_t operation, uint64_t offset, struct ring_segment piece)
{
    return (struct ring_request){.operation = operation, .offset = offset, .n_segments = 1, .segments = {piece}};
}

/* Their bytes are in the rings' own pages: neither what is behind those nor the guest's memory is theirs. Written to
 * the file first: what is read into the ring beside it would end an I/O process that believes all before it has
 * answered. */
static enum taken outside(struct vmm *v)
{
    enum taken r = HELD;

    for (unsigned i = 0; i < VMM_MEDIA; i++) {
        const uint32_t own = v->media[i]->io.own_bytes;
        const struct ring_segment pieces[] = {
            {RING_OWN, 512, own},
            {RING_OWN, own + 512, 0},
            {RING_OWN, 512, own - 511},
            {RING_OWN, 512, UINT64_MAX - 511},
            {0, 512, 0},
            {GMEM_REGIONS_MAX, 512, 0},
            {RING_OWN - 1, 512, 0},
            {RING_OWN, 0x7fffffff, 4096},
        };
        for (unsigned k = 0; k < sizeof pieces / sizeof pieces[0] && r == HELD; k++)
            for (uint16_t operation = RING_WRITE; operation >= RING_READ && r == HELD; operation--) {
                const struct ring_request q = request(operation, 0, pieces[k]);
                r = taken_refused(v, v->media[i], &q);
            }
    }
    return r == HELD ? taken_alive(v) : r;
}

/* Beyond the end of a disk and of a floppy, and what is read-only. */
static enum taken files(struct vmm *v)
{
    const struct ring_segment piece = {RING_OWN, 512, 0};
    static const unsigned written[] = {VMM_FLOPPY0, VMM_HDA};
    enum taken r = HELD;

    for (unsigned i = 0; i < 2 && r == HELD; i++) {
        const uint64_t end = v->media[written[i]]->io.bytes;
        const struct ring_request q[] = {
            request(RING_WRITE, end, piece),
            request(RING_WRITE, end - 511, piece),
            request(RING_WRITE, UINT64_MAX - 511, piece),
            request(RING_READ, end, piece),
        };
        for (unsigned k = 0; k < sizeof q / sizeof q[0] && r == HELD; k++)
            r = taken_refused(v, v->media[written[i]], &q[k]);
    }
    const struct ring_request protected = request(RING_WRITE, 0, piece);
    if (r == HELD)
        r = taken_refused(v, v->media[VMM_FLOPPY1], &protected);
    return r == HELD ? taken_alive(v) : r;
}

/* An empty drive has nothing, and one that was emptied nothing any more, whatever generation is meant. */
static enum taken empty(struct vmm *v)
{
    const struct ring_segment piece = {RING_OWN, 512, 0};
    const struct ring_request open = {.operation = RING_TELL, .offset = RING_WORD_EJECT};
    static const unsigned drives[] = {VMM_CDROM, VMM_FLOPPY0};
    int64_t result;
    enum taken r = HELD;

    if (!taken_ask(v, v->media[VMM_FLOPPY0], &open, &result) || result != 0)
        return NO_ANSWER;
    for (unsigned i = 0; i < 2; i++)
        for (uint16_t operation = RING_READ; operation <= RING_SYNC; operation++)
            for (uint64_t generation = 0; generation < 3 && r == HELD; generation++) {
                struct ring_request q = request(operation, 0, piece);
                q.n_segments = operation != RING_SYNC;
                q.length = generation;
                r = taken_refused(v, v->media[drives[i]], &q);
            }
    return r == HELD ? taken_alive(v) : r;
}

/* No word of a ring puts anything in, and none is of another thing than the ring's. */
static enum taken words(struct vmm *v)
{
    const uint64_t odd[] = {0, RING_WORD_EXIT, RING_WORD_SIGNAL, RING_WORD_SIZE, RING_WORD_EJECT + 1, 64, UINT64_MAX};
    const uint16_t operations[] = {0, RING_DISCARD, RING_ZERO, RING_CANCEL + 1, 33, 0x8001, UINT16_MAX};
    enum taken r = HELD;

    for (unsigned i = 0; i < VMM_MEDIA; i++) {
        for (unsigned k = 0; k < sizeof odd / sizeof odd[0] && r == HELD; k++) {
            const struct ring_request q = {.operation = RING_TELL, .offset = odd[k]};
            r = taken_refused(v, v->media[i], &q);
        }
        for (unsigned k = 0; k < sizeof operations / sizeof operations[0] && r == HELD; k++) {
            const struct ring_request q = {.operation = operations[k], .offset = UINT64_MAX, .length = 512};
            r = taken_refused(v, v->media[i], &q);
        }
    }
    return r == HELD ? taken_alive(v) : r;
}

const struct taken_row taken_media[] = {
    {"media-outside", outside}, {"media-files", files}, {"media-empty", empty}, {"media-words", words}, {NULL, NULL}};
