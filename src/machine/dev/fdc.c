/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers, interrupts and time of the floppy controller; the disk change lines. Touches its state, its line and its
 * timer; what commands do is in fdc_commands.c and fdc_transfer.c. Each index of the state is one that a command's byte
 * was masked for, or that fdc_check() has seen.
 */
#include "machine/dev/fdc_core.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { REG_STATUS_A, REG_STATUS_B, REG_DOR, REG_TAPE, REG_MAIN, REG_FIFO };
enum { STATUS_A_PENDING = 0x80, STATUS_A_TRACK_0 = 0x10, STATUS_A_SIDE = 8, STATUS_A_INDEX = 4, STATUS_A_WRITABLE = 2 };
enum { MAIN_READY = 0x80, MAIN_INTO = 0x40, MAIN_NO_DMA = 0x20, MAIN_BUSY = 0x10 };
enum { DSR_RESET = 0x80, DSR_RATE = 3, RATE_250 = 2 };
enum { DIR_CHANGED = 0x80 };

/* ---- Line and timer ---------------------------------------------------------------------------------------------- */

static bool pending(const struct fdc_state *s)
{
    bool up = s->result_pending || s->reset_pending || s->phase == FDC_BYTES;
    for (unsigned i = 0; i < FDC_DRIVES; i++)
        up |= s->drive[i].sense != 0;
    return up;
}

static uint64_t soonest(const struct fdc_state *s)
{
    uint64_t due = s->due < s->reset_due ? s->due : s->reset_due;
    for (unsigned i = 0; i < FDC_DRIVES; i++)
        if (s->drive[i].due < due)
            due = s->drive[i].due;
    return due;
}

void fdc_update(struct fdc *f)
{
    const struct fdc_state *s = &f->state;
    irq_line_set(&f->irq, (s->dor & DOR_GATE) && (s->dor & DOR_NOT_RESET) && pending(s));
    if (f->timer.due != soonest(s))
        timer_set(&f->timer, soonest(s));
}

static void ring(void *device)
{
    struct fdc *f = device;
    struct fdc_state *s = &f->state;
    uint64_t now = clock_now(f->clock);
    if (s->reset_due <= now) {
        s->reset_due = NEVER;
        s->reset_pending = 1;
    }
    for (unsigned i = 0; i < FDC_DRIVES; i++)
        if (s->drive[i].due <= now)
            fdc_seek_over(f, i);
    if (s->due <= now) {
        s->due = NEVER;
        fdc_transfer_waited(f);
    }
    fdc_update(f);
}

/* What was left of a reset is over once another interrupt comes. */
void fdc_answer(struct fdc *f, const uint8_t *bytes, unsigned n, bool interrupt)
{
    struct fdc_state *s = &f->state;
    if (n > 0)
        memcpy(s->result, bytes, n);
    s->n_result = (uint8_t)n;
    s->at_result = 0;
    s->phase = n > 0 ? FDC_RESULT : FDC_IDLE;
    s->wait = FDC_WAIT_NONE;
    s->due = NEVER;
    s->result_pending = interrupt;
    if (interrupt)
        s->reset_sense = s->reset_pending = 0;
}

/* ---- Reset ------------------------------------------------------------------------------------------------------- */

/* By the DOR or the DSR: what LOCK keeps is kept, and where the heads are. */
static void soft_reset(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    fdc_transfer_abort(f);
    fdc_answer(f, NULL, 0, false);
    s->reset_sense = s->reset_pending = 0;
    s->reset_due = NEVER;
    s->at_command = s->n_command = 0;
    s->perpendicular &= 0x3c;
    if (!s->lock) {
        s->config = CONFIG_NO_FIFO;
        s->pretrack = 0;
    }
    for (unsigned i = 0; i < FDC_DRIVES; i++) {
        s->drive[i].seeks = s->drive[i].sense = 0;
        s->drive[i].due = NEVER;
    }
}

/* It polls its drives then, and finds that all four have become ready. */
static void reset_over(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    if (s->config & CONFIG_NO_POLL)
        return;
    s->reset_sense = FDC_DRIVES;
    s->reset_due = clock_now(f->clock) + FDC_BEGIN_NS;
}

static void write_dor(struct fdc *f, uint8_t value)
{
    struct fdc_state *s = &f->state;
    uint8_t before = s->dor;
    s->dor = value;
    if (!(value & DOR_NOT_RESET))
        soft_reset(f);
    else if (!(before & DOR_NOT_RESET))
        reset_over(f);
}

static void write_dsr(struct fdc *f, uint8_t value)
{
    struct fdc_state *s = &f->state;
    s->dsr = value & (uint8_t)~DSR_RESET;
    s->rate = value & DSR_RATE;
    if (!(value & DSR_RESET))
        return;
    soft_reset(f);
    if (s->dor & DOR_NOT_RESET)
        reset_over(f);
}

/* ---- FIFO -------------------------------------------------------------------------------------------------------- */

static bool in_reset(const struct fdc_state *s)
{
    return !(s->dor & DOR_NOT_RESET);
}

static uint8_t main_status(const struct fdc *f)
{
    const struct fdc_state *s = &f->state;
    static const uint8_t phases[] = {
        [FDC_IDLE] = MAIN_READY,
        [FDC_COMMAND] = MAIN_READY | MAIN_BUSY,
        [FDC_BUSY] = MAIN_BUSY,
        [FDC_BYTES] = MAIN_READY | MAIN_BUSY,
        [FDC_RESULT] = MAIN_READY | MAIN_BUSY | MAIN_INTO,
    };
    uint8_t value = phases[s->phase];
    if (in_reset(s))
        return 0;
    if ((s->phase == FDC_BUSY || s->phase == FDC_BYTES) && (s->specify[1] & SPECIFY_NO_DMA))
        value |= MAIN_NO_DMA;
    if (s->phase == FDC_BYTES && fdc_transfer_into(f))
        value |= MAIN_INTO;
    for (unsigned i = 0; i < FDC_DRIVES; i++)
        value |= (uint8_t)(s->drive[i].seeks << i);
    return value;
}

/* The chip asks for each byte, or for as many as its FIFO's threshold says: the line falls when they have been moved.
 */
static void byte_moved(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    unsigned each = s->config & CONFIG_NO_FIFO ? 1 : (s->config & CONFIG_FIFO_THRESHOLD) + 1u;
    if (++s->fifo_at == s->fifo_bytes || s->fifo_at % each == 0)
        irq_line_set(&f->irq, false);
    if (s->fifo_at == s->fifo_bytes)
        fdc_transfer_byte(f);
}

static void write_fifo(struct fdc *f, uint8_t value)
{
    struct fdc_state *s = &f->state;
    if (in_reset(s))
        return;
    if (s->phase == FDC_BYTES && !fdc_transfer_into(f)) {
        s->fifo[s->fifo_at] = value;
        byte_moved(f);
    } else if (s->phase == FDC_IDLE) {
        s->phase = FDC_COMMAND;
        s->command[0] = value;
        s->at_command = 1;
        s->n_command = (uint8_t)fdc_command_bytes(value);
    } else if (s->phase == FDC_COMMAND) {
        s->command[s->at_command++] = value;
    }
    if (s->phase == FDC_COMMAND && s->at_command == s->n_command)
        fdc_command(f);
}

static uint8_t read_fifo(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    uint8_t value = 0;
    if (s->phase == FDC_BYTES && fdc_transfer_into(f)) {
        value = s->fifo[s->fifo_at];
        byte_moved(f);
    } else if (s->phase == FDC_RESULT) {
        value = s->result[s->at_result++];
        s->result_pending = 0;
        if (s->at_result == s->n_result)
            s->phase = FDC_IDLE;
    }
    return value;
}

/* ---- Registers --------------------------------------------------------------------------------------------------- */

/* As on a PS/2, for the drive that the DOR selects: lines of the drive are low when they say yes. */
static uint8_t status_a(const struct fdc *f)
{
    const struct fdc_state *s = &f->state;
    unsigned drive = s->dor & 3;
    const struct medium *m = fdc_medium(f, drive);
    uint8_t value = STATUS_A_INDEX;
    if (pending(s))
        value |= STATUS_A_PENDING;
    if (s->drive[drive].track != 0)
        value |= STATUS_A_TRACK_0;
    if (s->side)
        value |= STATUS_A_SIDE;
    if (m == NULL || !m->present || !m->read_only)
        value |= STATUS_A_WRITABLE;
    return f->types[1] == FDC_NONE ? value | 0x40 : value;
}

static uint8_t status_b(const struct fdc_state *s)
{
    return (uint8_t)(0xc0 | (s->dor & 1) << 5 | (s->dor >> 4 & 3));
}

static uint8_t read_register(struct fdc *f, unsigned reg)
{
    const struct fdc_state *s = &f->state;
    switch (reg) {
    case REG_STATUS_A:
        return status_a(f);
    case REG_STATUS_B:
        return status_b(s);
    case REG_DOR:
        return s->dor;
    case REG_TAPE:
        return s->tdr | 0xfc;
    case REG_MAIN:
        return main_status(f);
    default:
        return read_fifo(f);
    }
}

static void write_register(struct fdc *f, unsigned reg, uint8_t value)
{
    if (reg == REG_DOR)
        write_dor(f, value);
    else if (reg == REG_TAPE)
        f->state.tdr = value & 3;
    else if (reg == REG_MAIN)
        write_dsr(f, value);
    else if (reg == REG_FIFO)
        write_fifo(f, value);
}

static uint64_t fdc_read(void *device, uint64_t offset, unsigned size)
{
    struct fdc *f = device;
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)read_register(f, (unsigned)offset + i) << 8 * i;
    fdc_update(f);
    return value;
}

static void fdc_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct fdc *f = device;
    for (unsigned i = 0; i < size; i++)
        write_register(f, (unsigned)offset + i, (uint8_t)(value >> 8 * i));
    fdc_update(f);
}

/* Port 0x3f7: the change line of the drive that is selected, in an AT; the data rate. */
static uint64_t change_read(void *device, uint64_t offset, unsigned size)
{
    const struct fdc *f = device;
    unsigned drive = f->state.dor & 3;
    return f->types[drive] != FDC_NONE && f->state.drive[drive].changed ? DIR_CHANGED : 0;
}

static void rate_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct fdc *f = device;
    f->state.rate = value & DSR_RATE;
}

/* ---- Media ------------------------------------------------------------------------------------------------------- */

static void see(struct fdc_drive_state *d, const struct medium *m)
{
    d->seen_present = m->present;
    d->seen_read_only = m->read_only;
    d->seen_bytes = m->bytes;
}

static void medium_done(void *owner, int64_t result)
{
    struct fdc_slot *slot = owner;
    fdc_transfer_done(slot->fdc, slot->drive, result);
    fdc_update(slot->fdc);
}

static void medium_changed(void *owner)
{
    struct fdc_slot *slot = owner;
    struct fdc *f = slot->fdc;
    f->state.drive[slot->drive].changed = 1;
    see(&f->state.drive[slot->drive], f->media[slot->drive]);
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static void fdc_reset(void *device)
{
    struct fdc *f = device;
    struct fdc_state *s = &f->state;
    fdc_transfer_abort(f);
    memset(s, 0, sizeof(*s));
    s->rate = RATE_250;
    soft_reset(f);
    for (unsigned i = 0; i < FDC_MEDIA; i++) {
        s->drive[i].changed = 1;
        see(&s->drive[i], f->media[i]);
    }
    fdc_update(f);
}

static bool phase_is_good(const struct fdc_state *s)
{
    bool no_dma = s->specify[1] & SPECIFY_NO_DMA;
    switch (s->phase) {
    case FDC_IDLE:
        return true;
    case FDC_COMMAND:
        return s->at_command > 0 && s->at_command < s->n_command && s->n_command == fdc_command_bytes(s->command[0]);
    case FDC_BUSY:
        return s->wait > FDC_WAIT_NONE && s->wait < FDC_WAIT_MEDIUM && s->due != NEVER;
    case FDC_BYTES:
        return no_dma && s->wait == FDC_WAIT_HOST && s->fifo_bytes <= FDC_FIFO && s->fifo_at < s->fifo_bytes;
    case FDC_RESULT:
        return s->n_result <= sizeof(s->result) && s->at_result < s->n_result;
    default:
        return false;
    }
}

static int fdc_check(const void *state, const char **why)
{
    const struct fdc_state *s = state;
    bool good = phase_is_good(s) && s->transfer <= FDC_FORMAT && s->side <= 1 && s->rate <= DSR_RATE &&
                s->reset_sense <= FDC_DRIVES && s->n_result <= sizeof(s->result) && s->fifo_bytes <= FDC_FIFO;
    for (unsigned i = 0; i < FDC_DRIVES; i++)
        good = good && s->drive[i].seeks == (s->drive[i].due != NEVER);
    if (good)
        return 0;
    *why = "a floppy controller is in no state that there is";
    return -EINVAL;
}

/* Others have been put in, or the same again: the guest is told of the former alone. */
static void fdc_loaded(void *device)
{
    struct fdc *f = device;
    fdc_transfer_abort(f);
    for (unsigned i = 0; i < FDC_MEDIA; i++) {
        struct fdc_drive_state *d = &f->state.drive[i], now = *d;
        see(&now, f->media[i]);
        if (now.seen_present != d->seen_present || now.seen_read_only != d->seen_read_only ||
            now.seen_bytes != d->seen_bytes)
            now.changed = 1;
        *d = now;
    }
    fdc_update(f);
}

/* A request's answer would come to nobody. */
static int fdc_saving(void *device)
{
    const struct fdc *f = device;
    for (unsigned i = 0; i < FDC_MEDIA; i++)
        if (f->media[i]->busy)
            return -EBUSY;
    return 0;
}

const struct device_ops fdc_ops = {
    .name = "fdc",
    .version = 1,
    .state_bytes = sizeof(struct fdc_state),
    .reset = fdc_reset,
    .check = fdc_check,
    .loaded = fdc_loaded,
    .saving = fdc_saving,
};

int fdc_init(struct fdc *f, struct bus *ports, struct dma *dma, const struct clock *clock, struct timers *timers,
             struct irq_line irq, struct medium *const media[FDC_MEDIA], const enum fdc_drive_type types[FDC_MEDIA])
{
    struct bus_range registers = {0x3f0, 6, "82077AA", f, fdc_read, fdc_write};
    struct bus_range change = {0x3f7, 1, "82077AA", f, change_read, rate_write};
    int r;
    memset(f, 0, sizeof(*f));
    f->dma = dma;
    f->clock = clock;
    f->irq = irq;
    for (unsigned i = 0; i < FDC_MEDIA; i++) {
        f->media[i] = media[i];
        f->types[i] = types[i];
        f->slots[i] = (struct fdc_slot){.fdc = f, .drive = i};
        medium_connect(media[i], medium_done, medium_changed, &f->slots[i]);
    }
    if ((r = timer_add(timers, &f->timer, ring, f)) != 0 || (r = bus_add(ports, &registers)) != 0 ||
        (r = bus_add(ports, &change)) != 0)
        return r;
    fdc_reset(f);
    return 0;
}
