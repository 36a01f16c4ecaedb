/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a taken-over machine process of a PC tries besides: the pages of its firmware, the socket by which media come, a
 * floppy that is protected, a hole in its disk. Needs what taken_media.c needs; for the socket the variable MEDIA.
 *
 * WRITABLE=1: the firmware's pages are left writable. UNPROTECTED=1: the I/O process has forgotten which floppy is
 * protected, so that only its descriptor is.
 */
#include "taken.h"

#include "boundary/control.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>

#define SECTOR 512u

void taken_pc_without(struct vmm *v)
{
    if (getenv("WRITABLE") && v->firmware)
        mprotect(v->firmware, v->firmware_bytes, PROT_READ | PROT_WRITE);
}

void taken_pc_forget(struct vmm *v)
{
    if (getenv("UNPROTECTED") && v->media[VMM_FLOPPY1])
        v->media[VMM_FLOPPY1]->io.read_only = false;
}

/* ---- calls ---- */

static enum taken change(uint8_t *firmware)
{
    *(volatile uint8_t *)firmware ^= 0xff; /* SIGSEGV, where it is protected */
    return ESCAPED;
}

static enum taken firmware_opened(struct vmm *v)
{
    return mprotect(v->firmware, v->firmware_bytes, PROT_READ | PROT_WRITE) < 0 ? HELD : change(v->firmware);
}

static int connect_media(void)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *path = getenv("MEDIA");
    const int s = socket(AF_UNIX, SOCK_SEQPACKET, 0);

    if (!path || strlen(path) >= sizeof a.sun_path)
        return -1;
    memcpy(a.sun_path, path, strlen(path) + 1);
    return s < 0 || connect(s, (struct sockaddr *)&a, sizeof a) < 0 ? -1 : s;
}

/* A file of the host as its CD-ROM, read by way of the ring. */
static enum taken media_socket(struct vmm *v)
{
    const struct control_insert order = {.drive = CONTROL_CDROM0, .flags = CONTROL_INSERT_READ_ONLY};
    struct ring_request q = {.operation = RING_READ, .length = 1, .n_segments = 1, .segments = {{RING_OWN, SECTOR, 0}}};
    const int s = connect_media(), fd = open(getenv("FILE"), O_RDONLY);
    struct control_record reply;
    int64_t result;

    if (s < 0 || control_send(s, CONTROL_INSERT, 1, 0, &order, sizeof order, fd) < 0 ||
        control_receive(s, &reply, true) != 1)
        return HELD;
    if (reply.header.code < 0 || !taken_ask(v, v->media[VMM_CDROM], &q, &result))
        return NO_ANSWER;
    return result == SECTOR && !memcmp(v->media[VMM_CDROM]->io.own, "a file of", 9) ? ESCAPED : HELD;
}

const struct taken_row taken_pc_calls[] = {
    {"firmware-opened", firmware_opened}, {"media-socket", media_socket}, {NULL, NULL}};

static enum taken firmware_changed(struct vmm *v)
{
    return change(v->firmware);
}

const struct taken_row taken_pc_faults[] = {{"firmware-changed", firmware_changed}, {NULL, NULL}};

/* ---- rings ---- */

static bool works(struct vmm *v, unsigned which, uint16_t operation)
{
    struct ring_request q = {.operation = operation, .n_segments = 1, .segments = {{RING_OWN, SECTOR, 0}}};
    int64_t result;

    return taken_ask(v, v->media[which], &q, &result) && result == SECTOR;
}

/* The same request is done for the floppy beside it, and this one is still read after it. */
static enum taken protected(struct vmm *v) {
    const struct ring_request q = {.operation = RING_WRITE, .n_segments = 1, .segments = {{RING_OWN, SECTOR, 0}}};

    if (!works(v, VMM_FLOPPY0, RING_READ) || !works(v, VMM_FLOPPY0, RING_WRITE)) return NO_ANSWER;
    const enum taken r = taken_refused(v, v->media[VMM_FLOPPY1], &q);
    return r != HELD || works(v, VMM_FLOPPY1, RING_READ) ? r : NO_ANSWER;
}

/* Within the disk, where the call for it is one that the filter does not have. */
static enum taken holes(struct vmm *v)
{
    const struct ring_request q[] = {{.operation = RING_DISCARD, .length = SECTOR},
                                     {.operation = RING_ZERO, .length = SECTOR},
                                     {.operation = RING_DISCARD, .length = v->media[VMM_HDA]->io.bytes}};
    enum taken r = HELD;

    for (unsigned i = 0; i < sizeof q / sizeof q[0] && r == HELD; i++)
        r = taken_refused(v, v->media[VMM_HDA], &q[i]);
    return r != HELD || works(v, VMM_HDA, RING_WRITE) ? r : NO_ANSWER;
}

const struct taken_row taken_pc[] = {{"media-protected", protected}, {"media-holes", holes}, {NULL, NULL}};
