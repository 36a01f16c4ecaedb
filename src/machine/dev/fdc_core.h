/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the parts of the floppy controller know of each other: fdc.c has registers, interrupts and time, fdc_commands.c
 * the commands that move no data, fdc_transfer.c those that do.
 */
#ifndef MOAT_MACHINE_DEV_FDC_CORE_H
#define MOAT_MACHINE_DEV_FDC_CORE_H

#include "machine/dev/fdc.h"

enum fdc_phase {
    FDC_IDLE,
    FDC_COMMAND, /* bytes of a command are missing */
    FDC_BUSY,    /* it is carried out: what for is in `wait` */
    FDC_BYTES,   /* the host moves the FIFO's bytes, without DMA */
    FDC_RESULT,
};

enum fdc_wait {
    FDC_WAIT_NONE,
    FDC_WAIT_BEGIN,  /* the head is loaded */
    FDC_WAIT_DMA,    /* nobody has taken or given the first byte */
    FDC_WAIT_INDEX,  /* a drive without a disk: no hole comes by */
    FDC_WAIT_RESULT, /* the last byte has just been moved without DMA */
    FDC_WAIT_MEDIUM, /* a request; never in a snapshot */
    FDC_WAIT_HOST,   /* phase FDC_BYTES: a disk does not wait for its host */
};

enum fdc_transfer {
    FDC_READ,
    FDC_READ_DELETED,
    FDC_READ_TRACK,
    FDC_VERIFY,
    FDC_READ_ID,
    FDC_WRITE,
    FDC_FORMAT,
};

enum { DOR_NOT_RESET = 4, DOR_GATE = 8 };
enum { CONFIG_FIFO_THRESHOLD = 0xf, CONFIG_NO_POLL = 0x10, CONFIG_NO_FIFO = 0x20, CONFIG_IMPLIED_SEEK = 0x40 };
enum { SPECIFY_NO_DMA = 1 };
enum { COMMAND_MULTI = 0x80, COMMAND_MFM = 0x40, COMMAND_SKIP = 0x20, COMMAND_SIDE = 4, COMMAND_COUNT = 0x80 };

enum { ST0_CHECK = 0x10, ST0_SEEK_END = 0x20, ST0_ABNORMAL = 0x40, ST0_INVALID = 0x80, ST0_POLLED = 0xc0 };
enum { ST1_NO_MARK = 1, ST1_PROTECTED = 2, ST1_NO_DATA = 4, ST1_OVERRUN = 0x10, ST1_DATA = 0x20, ST1_END = 0x80 };
enum { ST2_WRONG_CYLINDER = 0x10, ST2_DATA = 0x20, ST2_MARK = 0x40 };
enum { ST3_TWO_SIDED = 8, ST3_TRACK_0 = 0x10, ST3_READY = 0x20, ST3_PROTECTED = 0x40 };

/* Between a command's last byte and what comes of it, so that a driver may get ready after it has sent it. */
#define FDC_BEGIN_NS (SECOND_NS / 10000)

/* ---- fdc.c ---- */
void fdc_update(struct fdc *f);                                                   /* line and timer follow the state */
void fdc_answer(struct fdc *f, const uint8_t *bytes, unsigned n, bool interrupt); /* the result phase; n = 0: idle */

/* ---- fdc_commands.c ---- */
/* How many bytes the command has that begins so. */
unsigned fdc_command_bytes(uint8_t first);
void fdc_command(struct fdc *f); /* all its bytes have come */
void fdc_seek_over(struct fdc *f, unsigned drive);
/* The drive's heads as they are after so many steps inwards, or outwards; a disk that is in makes the change line fall
 * at the first of them. */
void fdc_step(struct fdc *f, unsigned drive, int steps);

/* Which drive a command names, and its medium: NULL when there is no such drive. */
static inline unsigned fdc_selected(const struct fdc *f)
{
    return f->state.command[1] & 3;
}
static inline struct medium *fdc_medium(const struct fdc *f, unsigned drive)
{
    return drive < FDC_MEDIA && f->types[drive] != FDC_NONE ? f->media[drive] : NULL;
}

/* ---- fdc_transfer.c ---- */
void fdc_transfer(struct fdc *f, enum fdc_transfer what);
void fdc_transfer_waited(struct fdc *f);     /* `due` has come */
void fdc_transfer_byte(struct fdc *f);       /* the last byte of the FIFO has been moved */
bool fdc_transfer_into(const struct fdc *f); /* does the host read the FIFO's bytes? */
/* The medium has answered a request. */
void fdc_transfer_done(struct fdc *f, unsigned drive, int64_t result);
void fdc_transfer_abort(struct fdc *f);

#endif
