/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The floppy controller's commands that move data: between a medium, a track or what is left of it at a time, and
 * memory by DMA channel 2, or the FIFO. A sector is found by its id as on a disk: the track under the heads has ids of
 * the medium's format, if the data rate is right. Touches media, the DMA controller and the controller's state; a
 * sector is within the medium since find() has compared each of its numbers, and medium_read() looks once more.
 *
 * The next sector is in the state (cylinder, head, sector, size); what the medium's buffer has is not, and is read anew
 * when it is missing.
 */
#include "machine/dev/fdc_core.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define SECTOR     512u
#define SIZE_CODE  2 /* 128 << 2 bytes */
#define ID_BYTES   4u
#define CHANNEL    2u
#define FORTY_MOST 42 /* cylinders of a disk of 40 */
#define TURN_NS    (SECOND_NS / 5)
#define INDEX_NS   (SECOND_NS / 200) /* how long a disk is waited for; a chip would wait for ever */
#define DMA_NS     (SECOND_NS / 1000)
#define DMA_WAITS  200              /* so often: a turn of the disk */
#define HOST_NS    (SECOND_NS / 20) /* bytes that are not moved for so long are lost; a chip gives them microseconds */

static bool by_dma(const struct fdc_state *s)
{
    return !(s->specify[1] & SPECIFY_NO_DMA);
}

static bool writes(const struct fdc_state *s)
{
    return s->transfer == FDC_WRITE || s->transfer == FDC_FORMAT;
}

static bool both_sides(const struct fdc_state *s)
{
    return s->transfer != FDC_READ_TRACK && (s->command[0] & COMMAND_MULTI);
}

bool fdc_transfer_into(const struct fdc *f)
{
    return !writes(&f->state);
}

/* ---- Ends -------------------------------------------------------------------------------------------------------- */

/* The seven bytes, and the interrupt. Without DMA a driver sees that there are no more bytes before the line rises. */
static void end(struct fdc *f, uint8_t st0, uint8_t st1, uint8_t st2)
{
    struct fdc_state *s = &f->state;
    const uint8_t result[7] = {
        (uint8_t)(st0 | s->status[0] | s->side << 2 | fdc_selected(f)),
        st1 | s->status[1],
        st2 | s->status[2],
        s->cylinder,
        s->head,
        s->sector,
        s->size,
    };
    f->expected = f->queued = false;
    if (s->phase != FDC_BYTES) {
        fdc_answer(f, result, sizeof(result), true);
        return;
    }
    memcpy(s->result, result, sizeof(result));
    s->phase = FDC_BUSY;
    s->wait = FDC_WAIT_RESULT;
    s->due = clock_now(f->clock) + FDC_BEGIN_NS;
}

static void fail(struct fdc *f, uint8_t st1, uint8_t st2)
{
    end(f, ST0_ABNORMAL, st1, st2);
}

static void fail_by(struct fdc *f, int64_t error)
{
    if (error == -ENOMEDIUM)
        fail(f, ST1_NO_MARK, 0);
    else if (error == -EROFS)
        fail(f, ST1_PROTECTED, 0);
    else
        fail(f, ST1_DATA, ST2_DATA);
}

static void wait_for(struct fdc *f, enum fdc_wait what, uint64_t ns)
{
    struct fdc_state *s = &f->state;
    s->phase = FDC_BUSY;
    s->wait = (uint8_t)what;
    s->due = ns == NEVER ? NEVER : clock_now(f->clock) + ns;
}

/* Nobody moves the bytes: a driver may still be about to open the channel; in the midst of a transfer they are lost. */
static void run_dry(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    if (!s->moved && s->waits < DMA_WAITS) {
        s->waits++;
        wait_for(f, FDC_WAIT_DMA, DMA_NS);
    } else {
        fail(f, ST1_OVERRUN, 0);
    }
}

static uint32_t move(struct fdc *f, uint8_t *bytes, uint32_t n, bool into, bool *terminal)
{
    struct fdc_state *s = &f->state;
    *terminal = false;
    if (!(s->dor & DOR_GATE))
        return 0;
    n = dma_transfer(f->dma, CHANNEL, bytes, n, into, terminal);
    s->moved |= n > 0;
    return n;
}

/* ---- The disk ---------------------------------------------------------------------------------------------------- */

/* A disk of 40 tracks in a drive of 80: each of its tracks is under every second one of the drive's. */
static bool double_steps(const struct fdc *f, const struct fdc_geometry *g)
{
    return g->cylinders <= FORTY_MOST && fdc_last_track(f->types[fdc_selected(f)]) > FORTY_MOST;
}

/* What the heads find at this side and rate: NULL is a track on which there is nothing to be read. */
static const struct fdc_geometry *format(const struct fdc *f)
{
    const struct fdc_state *s = &f->state;
    unsigned drive = fdc_selected(f);
    const struct medium *m = fdc_medium(f, drive);
    const struct fdc_geometry *g = m != NULL && m->present ? fdc_geometry(m->bytes) : NULL;
    if (g == NULL || !fdc_drive_takes(f->types[drive], g) || s->rate != fdc_rate(f->types[drive], g) ||
        !(s->command[0] & COMMAND_MFM) || s->side >= g->heads)
        return NULL;
    return s->drive[drive].track >> double_steps(f, g) < g->cylinders ? g : NULL;
}

/* Firmware that does not step twice finds the sectors too: it has sought for the cylinder that it wants. */
static bool on_cylinder(const struct fdc *f, const struct fdc_geometry *g, uint8_t cylinder)
{
    unsigned track = f->state.drive[fdc_selected(f)].track;
    return cylinder < g->cylinders && (cylinder == track || (double_steps(f, g) && cylinder * 2u == track));
}

static uint8_t cylinder_here(const struct fdc *f, const struct fdc_geometry *g)
{
    return f->state.drive[fdc_selected(f)].track >> double_steps(f, g);
}

/* The sector that comes next, from the medium's first; NULL geometry or false: the command has ended. */
static bool find(struct fdc *f, const struct fdc_geometry *g, uint32_t *at)
{
    const struct fdc_state *s = &f->state;
    if (g == NULL) {
        fail(f, ST1_NO_MARK, 0);
        return false;
    }
    bool here = on_cylinder(f, g, s->cylinder);
    if (!here || s->head != s->side || s->size != SIZE_CODE || s->sector == 0 || s->sector > g->sectors) {
        fail(f, ST1_NO_DATA, here ? 0 : ST2_WRONG_CYLINDER);
        return false;
    }
    *at = ((uint32_t)s->cylinder * g->heads + s->side) * g->sectors + s->sector - 1;
    return true;
}

/* READ TRACK takes the sectors as they come by, from the index hole on, and says whether all were those it knew of. */
static bool find_of_track(struct fdc *f, const struct fdc_geometry *g, uint32_t *at)
{
    struct fdc_state *s = &f->state;
    if (g == NULL || s->size != SIZE_CODE) {
        fail(f, g == NULL ? ST1_NO_MARK : ST1_NO_DATA, 0);
        return false;
    }
    uint8_t cylinder = cylinder_here(f, g), physical = s->count % g->sectors;
    if (s->cylinder != cylinder || s->head != s->side || s->sector != physical + 1)
        s->status[1] |= ST1_NO_DATA;
    *at = ((uint32_t)cylinder * g->heads + s->side) * g->sectors + physical;
    return true;
}

/* How many sectors lie behind one another from this one on that the command may go over. */
static uint32_t stretch(const struct fdc_state *s, const struct fdc_geometry *g)
{
    bool beyond = s->last_sector < s->sector || s->last_sector > g->sectors;
    uint32_t n = 1u + (beyond ? g->sectors : s->last_sector) - s->sector;
    if (both_sides(s) && s->side == 0 && g->heads == 2 && s->last_sector == g->sectors)
        n += g->sectors;
    return n;
}

/* ---- From one sector to the next --------------------------------------------------------------------------------- */

/* The id that comes next (data sheet, table 5-4), also as the result of a command that is over. */
static void count_on(struct fdc_state *s, bool last)
{
    if (!last) {
        s->sector++;
        return;
    }
    s->sector = 1;
    if (!both_sides(s)) {
        s->cylinder++;
        return;
    }
    s->head ^= 1;
    s->cylinder += s->side;
}

/* A sector has been moved. False: the command is over. */
static bool next(struct fdc *f, bool terminal)
{
    struct fdc_state *s = &f->state;
    bool last = s->sector == s->last_sector, at_its_end = false;
    if (s->transfer == FDC_READ_TRACK)
        at_its_end = last = ++s->count == s->last_sector || s->count == UINT8_MAX;
    else if (s->transfer == FDC_VERIFY && (s->command[1] & COMMAND_COUNT))
        terminal = --s->count == 0;
    else if (s->transfer == FDC_VERIFY)
        at_its_end = true;
    if (last && !terminal && !(both_sides(s) && s->side == 0)) {
        if (at_its_end)
            count_on(s, true);
        end(f, at_its_end ? 0 : ST0_ABNORMAL, at_its_end ? 0 : ST1_END, 0);
        return false;
    }
    count_on(s, last);
    if (terminal) {
        end(f, 0, 0, 0);
        return false;
    }
    s->side |= last;
    return true;
}

/* ---- Requests ---------------------------------------------------------------------------------------------------- */

/* One has been made: its answer is waited for. The medium is still busy with one of a command that was given up: that
 * one's is, and then this is tried again. */
static bool requested(struct fdc *f, int r)
{
    if (r != 0 && r != -EBUSY) {
        fail_by(f, r);
        return false;
    }
    f->expected = r == 0;
    f->queued = r == -EBUSY;
    wait_for(f, FDC_WAIT_MEDIUM, NEVER);
    return true;
}

/* The rest of the track; of the cylinder, where the command goes over both sides. */
static void fetch(struct fdc *f, const struct fdc_geometry *g, uint32_t at)
{
    const struct fdc_state *s = &f->state;
    unsigned drive = fdc_selected(f);
    struct medium *m = fdc_medium(f, drive);
    struct fdc_slot *slot = &f->slots[drive];
    uint32_t n = g->sectors - at % g->sectors;
    if (both_sides(s) && s->side == 0 && g->heads == 2)
        n += g->sectors;
    if (!m->busy)
        slot->n = 0;
    if (requested(f, medium_read(m, (uint64_t)at * SECTOR, n * SECTOR)) && f->expected) {
        slot->first = at;
        slot->n = n;
        slot->generation = m->generation;
    }
}

static const uint8_t *buffered(struct fdc *f, uint32_t at)
{
    unsigned drive = fdc_selected(f);
    const struct medium *m = fdc_medium(f, drive);
    const struct fdc_slot *slot = &f->slots[drive];
    bool there = !m->busy && slot->generation == m->generation && at - slot->first < slot->n;
    return there ? m->buffer + (size_t)(at - slot->first) * SECTOR : NULL;
}

static void put(struct fdc *f, uint32_t at, uint32_t sectors)
{
    unsigned drive = fdc_selected(f);
    f->slots[drive].n = 0;
    f->writing = sectors;
    requested(f, medium_write(fdc_medium(f, drive), (uint64_t)at * SECTOR, sectors * SECTOR));
}

/* May the medium's buffer be written to? */
static bool buffer_is_free(struct fdc *f)
{
    return !fdc_medium(f, fdc_selected(f))->busy || !requested(f, -EBUSY);
}

/* ---- Reading ----------------------------------------------------------------------------------------------------- */

static void offer_bytes(struct fdc *f, uint32_t n)
{
    struct fdc_state *s = &f->state;
    wait_for(f, FDC_WAIT_HOST, HOST_NS);
    s->phase = FDC_BYTES;
    s->fifo_at = s->fifo_seen = 0;
    s->fifo_bytes = n;
}

/* Some were moved since, or the command is over: it is how a driver without DMA ends one before the last sector. */
static void look_at_host(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    bool moves = s->fifo_at != s->fifo_seen;
    s->fifo_seen = s->fifo_at;
    if (moves)
        s->due = clock_now(f->clock) + HOST_NS;
    else
        fail(f, ST1_OVERRUN, 0);
}

/* An ordinary sector where deleted ones are wanted: skipped, or moved, and then the command is over. */
static bool next_deleted(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    s->status[2] |= ST2_MARK;
    if (s->command[0] & COMMAND_SKIP)
        return next(f, false);
    end(f, 0, 0, 0);
    return false;
}

/* A sector to who wants it. False: it is not the turn of the next one. */
static bool deliver(struct fdc *f, const uint8_t *sector)
{
    struct fdc_state *s = &f->state;
    bool terminal = false;
    memcpy(s->fifo, sector, SECTOR);
    if (s->transfer == FDC_VERIFY)
        return next(f, false);
    if (s->transfer == FDC_READ_DELETED && (s->command[0] & COMMAND_SKIP))
        return next_deleted(f);
    if (!by_dma(s)) {
        offer_bytes(f, SECTOR);
        return false;
    }
    if (move(f, s->fifo, SECTOR, true, &terminal) < SECTOR && !terminal) {
        run_dry(f);
        return false;
    }
    return s->transfer == FDC_READ_DELETED ? next_deleted(f) : next(f, terminal);
}

/* As far as it goes without waiting: at most the sectors of a cylinder, since each goes on to the next or ends. */
static void read_on(struct fdc *f)
{
    const struct fdc_geometry *g;
    const uint8_t *sector;
    uint32_t at;
    do {
        g = format(f);
        if (!(f->state.transfer == FDC_READ_TRACK ? find_of_track(f, g, &at) : find(f, g, &at)))
            return;
        sector = buffered(f, at);
        if (sector == NULL) {
            fetch(f, g, at);
            return;
        }
    } while (deliver(f, sector));
}

/* ---- Writing ----------------------------------------------------------------------------------------------------- */

/* What DMA gives for the sectors of this stretch; zeros behind its end. */
static void gather(struct fdc *f, uint32_t at, uint32_t most)
{
    uint8_t *buffer = fdc_medium(f, fdc_selected(f))->buffer;
    uint32_t n = 0, got = SECTOR;
    f->terminal = false;
    while (n < most && got > 0 && !f->terminal) {
        uint8_t *sector = buffer + (size_t)n * SECTOR;
        got = move(f, sector, SECTOR, false, &f->terminal);
        memset(sector + got, 0, SECTOR - got);
        n += got > 0;
    }
    if (n == 0)
        run_dry(f);
    else
        put(f, at, n);
}

static void write_on(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    const struct fdc_geometry *g = format(f);
    uint32_t at;
    if (!find(f, g, &at))
        return;
    if (by_dma(s)) {
        f->slots[fdc_selected(f)].n = 0;
        if (buffer_is_free(f))
            gather(f, at, stretch(s, g));
        return;
    }
    if (s->fifo_at < SECTOR) {
        offer_bytes(f, SECTOR);
        return;
    }
    if (!buffer_is_free(f))
        return;
    memcpy(fdc_medium(f, fdc_selected(f))->buffer, s->fifo, SECTOR);
    f->terminal = false;
    put(f, at, 1);
}

static void written(struct fdc *f)
{
    bool more = true;
    f->state.fifo_at = 0;
    for (uint32_t i = 1; i < f->writing && more; i++)
        more = next(f, false);
    if (more && next(f, f->terminal))
        write_on(f);
}

/* ---- FORMAT TRACK ------------------------------------------------------------------------------------------------ */

/* Are these the ids that the track has in any case, in some order? Another track could not be kept. */
static bool ids_fit(const struct fdc *f, const struct fdc_geometry *g)
{
    const struct fdc_state *s = &f->state;
    uint64_t seen = 0;
    if (s->size != SIZE_CODE || s->format_sectors != g->sectors)
        return false;
    for (unsigned i = 0; i < g->sectors; i++) {
        const uint8_t *id = s->fifo + (size_t)i * ID_BYTES;
        if (!on_cylinder(f, g, id[0]) || id[0] != s->fifo[0] || id[1] != s->side || id[2] == 0 || id[2] > g->sectors ||
            id[3] != SIZE_CODE || (seen >> id[2] & 1))
            return false;
        seen |= UINT64_C(1) << id[2];
    }
    return true;
}

static void format_on(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    const struct fdc_geometry *g = format(f);
    uint32_t n = s->format_sectors * ID_BYTES, got = s->fifo_at;
    bool terminal = false;
    if (got < n && !by_dma(s)) {
        offer_bytes(f, n);
        return;
    }
    if (got < n)
        got = move(f, s->fifo, n, false, &terminal);
    if (got < n && !terminal) {
        run_dry(f);
        return;
    }
    s->fifo_at = got; /* they have come, should the medium be busy */
    if (got < n || g == NULL || !ids_fit(f, g)) {
        fail(f, ST1_NO_MARK, 0);
        return;
    }
    if (!buffer_is_free(f))
        return;
    s->cylinder = s->fifo[0];
    s->head = s->side;
    memset(fdc_medium(f, fdc_selected(f))->buffer, s->format_fill, g->sectors * SECTOR);
    put(f, ((uint32_t)s->cylinder * g->heads + s->side) * g->sectors, g->sectors);
}

/* ---- Steps of a transfer ----------------------------------------------------------------------------------------- */

static void read_id(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    const struct fdc_geometry *g = format(f);
    if (g == NULL) {
        fail(f, ST1_NO_MARK, 0);
        return;
    }
    s->cylinder = cylinder_here(f, g);
    s->head = s->side;
    s->sector = (uint8_t)(clock_now(f->clock) % TURN_NS / (TURN_NS / g->sectors) % g->sectors + 1); /* comes by now */
    s->size = SIZE_CODE;
    end(f, 0, 0, 0);
}

static void go_on(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    const struct medium *m = fdc_medium(f, fdc_selected(f));
    if (m == NULL || !m->present)
        wait_for(f, FDC_WAIT_INDEX, INDEX_NS);
    else if (writes(s) && m->read_only)
        fail(f, ST1_PROTECTED, 0);
    else if (s->transfer == FDC_READ_ID)
        read_id(f);
    else if (s->transfer == FDC_FORMAT)
        format_on(f);
    else if (s->transfer == FDC_WRITE)
        write_on(f);
    else
        read_on(f);
}

static void implied_seek(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    struct fdc_drive_state *d = &s->drive[fdc_selected(f)];
    bool wanted = (s->config & CONFIG_IMPLIED_SEEK) && s->transfer != FDC_READ_ID && s->transfer != FDC_FORMAT;
    if (!wanted || d->cylinder == s->cylinder)
        return;
    fdc_step(f, fdc_selected(f), s->cylinder - d->cylinder);
    d->cylinder = s->cylinder;
    s->status[0] |= ST0_SEEK_END;
}

/* Heads that are still under way get there first. */
static void begin(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    const struct fdc_drive_state *d = &s->drive[fdc_selected(f)];
    if (d->seeks) {
        wait_for(f, FDC_WAIT_BEGIN, 0);
        s->due = d->due;
        return;
    }
    implied_seek(f);
    go_on(f);
}

void fdc_transfer(struct fdc *f, enum fdc_transfer what)
{
    struct fdc_state *s = &f->state;
    const uint8_t *c = s->command;
    s->transfer = (uint8_t)what;
    s->side = (c[1] & COMMAND_SIDE) != 0;
    s->moved = s->waits = 0;
    s->fifo_at = s->fifo_bytes = 0;
    memset(s->status, 0, sizeof(s->status));
    if (what == FDC_FORMAT) {
        s->size = c[2];
        s->format_sectors = c[3];
        s->format_fill = c[5];
    } else if (what != FDC_READ_ID) {
        s->cylinder = c[2];
        s->head = c[3];
        s->sector = c[4];
        s->size = c[5];
        s->last_sector = c[6];
        s->count = what == FDC_VERIFY ? c[8] : 0;
    }
    wait_for(f, FDC_WAIT_BEGIN, FDC_BEGIN_NS);
}

void fdc_transfer_waited(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    uint8_t result[7];
    switch (s->wait) {
    case FDC_WAIT_BEGIN:
        begin(f);
        break;
    case FDC_WAIT_DMA:
        go_on(f);
        break;
    case FDC_WAIT_INDEX:
        fail(f, ST1_NO_MARK, 0);
        break;
    case FDC_WAIT_HOST:
        look_at_host(f);
        break;
    case FDC_WAIT_RESULT:
        memcpy(result, s->result, sizeof(result));
        fdc_answer(f, result, sizeof(result), true);
        break;
    default:
        break;
    }
}

void fdc_transfer_byte(struct fdc *f)
{
    struct fdc_state *s = &f->state;
    if (writes(s)) {
        go_on(f);
        return;
    }
    s->phase = FDC_BYTES;
    if (s->transfer == FDC_READ_DELETED ? next_deleted(f) : next(f, false))
        read_on(f);
}

void fdc_transfer_done(struct fdc *f, unsigned drive, int64_t result)
{
    bool expected = f->expected, queued = f->queued;
    if (drive != fdc_selected(f) || (!expected && !queued))
        return; /* of a command that was given up */
    f->expected = f->queued = false;
    if (queued) {
        go_on(f);
    } else if (result < 0) {
        f->slots[drive].n = 0;
        fail_by(f, result);
    } else if (f->state.transfer == FDC_WRITE) {
        written(f);
    } else if (f->state.transfer == FDC_FORMAT) {
        end(f, 0, 0, 0);
    } else {
        read_on(f);
    }
}

void fdc_transfer_abort(struct fdc *f)
{
    f->expected = f->queued = false;
    for (unsigned i = 0; i < FDC_MEDIA; i++)
        f->slots[i].n = 0;
}
