/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floppy controller's commands: one table, how long each is and who carries it out; those that move heads or tell
 * something are here (82077AA data sheet, section 5). Touches the controller's state alone.
 */
#include "machine/dev/fdc_core.h"

#include <stddef.h>
#include <string.h>

#define VERSION              0x90 /* an 82077AA */
#define STEPS_MOST           79   /* of one RECALIBRATE */
#define SEEK_NS              (SECOND_NS / 1000)
#define STEP_NS              (SECOND_NS / 40000) /* 80 of them are 2 ms: heads of no weight */
#define PERPENDICULAR_DRIVES 0x3c
#define PERPENDICULAR_OWN    0x80 /* the drives' bits are meant */

static struct fdc_drive_state *drive_of(struct fdc *f)
{
    return &f->state.drive[fdc_selected(f)];
}

static void idle(struct fdc *f)
{
    fdc_answer(f, NULL, 0, false);
}

/* ---- Heads ------------------------------------------------------------------------------------------------------- */

static uint8_t after_steps(const struct fdc *f, unsigned drive, int steps)
{
    int track = f->state.drive[drive].track + steps, last = fdc_last_track(f->types[drive]);
    return (uint8_t)(track < 0 ? 0 : track > last ? last : track);
}

static bool has_disk(const struct fdc *f, unsigned drive)
{
    const struct medium *m = fdc_medium(f, drive);
    return m != NULL && m->present;
}

static void arrive(struct fdc *f, unsigned drive, uint8_t track, bool stepped)
{
    f->state.drive[drive].track = track;
    if (stepped && has_disk(f, drive))
        f->state.drive[drive].changed = 0;
}

void fdc_step(struct fdc *f, unsigned drive, int steps)
{
    arrive(f, drive, after_steps(f, drive, steps), steps != 0);
}

/* The controller is free meanwhile: the other drive may seek as well. */
static void seek(struct fdc *f, int steps, uint8_t cylinder, uint8_t sense)
{
    struct fdc_drive_state *d = drive_of(f);
    d->seeks = 1;
    d->sense = 0;
    d->next_track = after_steps(f, fdc_selected(f), steps);
    d->next_cylinder = cylinder;
    d->next_sense = (uint8_t)(sense | fdc_selected(f));
    d->next_steps = steps != 0;
    d->due = clock_now(f->clock) + SEEK_NS + (uint64_t)(steps < 0 ? -steps : steps) * STEP_NS;
    idle(f);
}

void fdc_seek_over(struct fdc *f, unsigned drive)
{
    struct fdc_drive_state *d = &f->state.drive[drive];
    d->due = NEVER;
    d->seeks = 0;
    d->cylinder = d->next_cylinder;
    d->sense = d->next_sense | ST0_SEEK_END;
    arrive(f, drive, d->next_track, d->next_steps);
    f->state.reset_sense = f->state.reset_pending = 0;
}

static void run_seek(struct fdc *f)
{
    const struct fdc_state *s = &f->state;
    uint8_t target = s->command[2];
    seek(f, target - drive_of(f)->cylinder, target, s->command[1] & COMMAND_SIDE);
}

static void run_relative_seek(struct fdc *f)
{
    const struct fdc_state *s = &f->state;
    int steps = s->command[0] & COMMAND_MFM ? s->command[2] : -s->command[2]; /* bit 6: inwards */
    seek(f, steps, (uint8_t)(drive_of(f)->cylinder + steps), s->command[1] & COMMAND_SIDE);
}

/* Outwards until the drive says that it is at track 0: one that is not there never does. */
static void run_recalibrate(struct fdc *f)
{
    unsigned drive = fdc_selected(f);
    int track = f->state.drive[drive].track;
    bool reached = f->types[drive] != FDC_NONE && track <= STEPS_MOST;
    seek(f, reached ? -track : -STEPS_MOST, 0, reached ? 0 : ST0_ABNORMAL | ST0_CHECK);
}

/* ---- What is told ------------------------------------------------------------------------------------------------ */

static void run_sense_interrupt(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    static const uint8_t nothing = ST0_INVALID;
    unsigned drive = 0;
    uint8_t told[2];
    irq_line_set(&f->irq, false); /* and up again, when there is more to be told */
    if (s->reset_sense > 0) {
        drive = FDC_DRIVES - s->reset_sense--;
        told[0] = (uint8_t)(ST0_POLLED | drive);
        s->reset_pending = 0;
        s->reset_due = NEVER;
    } else {
        while (drive < FDC_DRIVES && s->drive[drive].sense == 0)
            drive++;
        if (drive == FDC_DRIVES) {
            fdc_answer(f, &nothing, 1, false);
            return;
        }
        told[0] = s->drive[drive].sense;
        s->drive[drive].sense = 0;
    }
    told[1] = s->drive[drive].cylinder;
    fdc_answer(f, told, sizeof(told), false);
}

static void run_sense_drive(struct fdc *f)
{
    const struct fdc_state *s = &f->state;
    const struct medium *m = fdc_medium(f, fdc_selected(f));
    uint8_t status = (s->command[1] & 7) | ST3_TWO_SIDED | ST3_READY;
    if (m != NULL && m->present && m->read_only)
        status |= ST3_PROTECTED;
    if (m != NULL && drive_of(f)->track == 0)
        status |= ST3_TRACK_0;
    fdc_answer(f, &status, 1, false);
}

static void run_dump(struct fdc *f)
{
    const struct fdc_state *s = &f->state;
    const uint8_t registers[10] = {
        s->drive[0].cylinder,
        s->drive[1].cylinder,
        s->drive[2].cylinder,
        s->drive[3].cylinder,
        s->specify[0],
        s->specify[1],
        s->transfer == FDC_FORMAT ? s->format_sectors : s->last_sector,
        (uint8_t)(s->lock << 7 | s->perpendicular),
        s->config,
        s->pretrack,
    };
    fdc_answer(f, registers, sizeof(registers), false);
}

static void run_version(struct fdc *f)
{
    static const uint8_t version = VERSION;
    fdc_answer(f, &version, 1, false);
}

/* ---- What is set ------------------------------------------------------------------------------------------------- */

static void run_specify(struct fdc *f)
{
    memcpy(f->state.specify, f->state.command + 1, 2);
    idle(f);
}

static void run_configure(struct fdc *f)
{
    f->state.config = f->state.command[2] & 0x7f;
    f->state.pretrack = f->state.command[3];
    idle(f);
}

static void run_lock(struct fdc *f)
{
    uint8_t told;
    f->state.lock = f->state.command[0] >> 7;
    told = (uint8_t)(f->state.lock << 4);
    fdc_answer(f, &told, 1, false);
}

static void run_perpendicular(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    uint8_t drives = s->command[1] & PERPENDICULAR_OWN ? s->command[1] : s->perpendicular;
    s->perpendicular = (drives & PERPENDICULAR_DRIVES) | (s->command[1] & 3);
    idle(f);
}

static void run_invalid(struct fdc *f)
{
    static const uint8_t status = ST0_INVALID;
    fdc_answer(f, &status, 1, false);
}

/* ---- The table --------------------------------------------------------------------------------------------------- */

static void run_read(struct fdc *f)
{
    fdc_transfer(f, FDC_READ);
}
static void run_read_deleted(struct fdc *f)
{
    fdc_transfer(f, FDC_READ_DELETED);
}
static void run_read_track(struct fdc *f)
{
    fdc_transfer(f, FDC_READ_TRACK);
}
static void run_verify(struct fdc *f)
{
    fdc_transfer(f, FDC_VERIFY);
}
static void run_read_id(struct fdc *f)
{
    fdc_transfer(f, FDC_READ_ID);
}
static void run_write(struct fdc *f)
{
    fdc_transfer(f, FDC_WRITE);
}
static void run_format(struct fdc *f)
{
    fdc_transfer(f, FDC_FORMAT);
}

static const struct row {
    uint8_t mask, code, bytes;
    void (*run)(struct fdc *f);
} rows[] = {
    {0x1f, 0x06, 9, run_read},
    {0x3f, 0x05, 9, run_write},
    {0xff, 0x08, 1, run_sense_interrupt},
    {0xff, 0x0f, 3, run_seek},
    {0xff, 0x07, 2, run_recalibrate},
    {0xbf, 0x0a, 2, run_read_id},
    {0xbf, 0x0d, 6, run_format},
    {0xff, 0x03, 3, run_specify},
    {0xff, 0x04, 2, run_sense_drive},
    {0xff, 0x13, 4, run_configure},
    {0xff, 0x12, 2, run_perpendicular},
    {0x1f, 0x16, 9, run_verify},
    {0xbf, 0x02, 9, run_read_track},
    {0x1f, 0x0c, 9, run_read_deleted},
    {0x3f, 0x09, 9, run_write}, /* WRITE DELETED DATA: an image has no place for the mark */
    {0xbf, 0x8f, 3, run_relative_seek},
    {0xff, 0x0e, 1, run_dump},
    {0xff, 0x10, 1, run_version},
    {0x7f, 0x14, 1, run_lock},
    {0x00, 0x00, 1, run_invalid},
};

static const struct row *row_of(uint8_t first)
{
    const struct row *r = rows;
    while ((first & r->mask) != r->code)
        r++;
    return r;
}

unsigned fdc_command_bytes(uint8_t first)
{
    return row_of(first)->bytes;
}

void fdc_command(struct fdc *f)
{
    row_of(f->state.command[0])->run(f);
}
