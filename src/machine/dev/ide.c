/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The registers of an IDE channel: which device they are of, resets, interrupts, and the data register, which is where
 * a guest spends its time. Touches its state, its line and its two media; guests write whatever they like here, so each
 * index comes from the record and stays within what ide_check() allows.
 */
#include "machine/dev/ide_unit.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

/* Offsets of the command block; another name for what is written. */
enum { REG_DATA, REG_ERROR, REG_COUNT, REG_LOW, REG_MID, REG_HIGH, REG_DEVICE, REG_STATUS };
enum { REG_FEATURES = REG_ERROR, REG_COMMAND = REG_STATUS };
/* The control register. */
enum { CONTROL_NO_INTERRUPT = 0x02, CONTROL_RESET = 0x04, CONTROL_PREVIOUS = 0x80 };
enum { DIAGNOSTIC_PASSED = 0x01 };
enum { COMMAND_DEVICE_RESET = 0x08, COMMAND_DIAGNOSTIC = 0x90 };
#define ONES UINT64_MAX

static struct ide_unit *selected(struct ide *c)
{
    return &c->unit[c->state.selected];
}

/* ---- Interrupts -------------------------------------------------------------------------------------------------- */

static void update_line(struct ide *c)
{
    irq_line_set(&c->irq, c->state.pending[c->state.selected] && !(c->state.control & CONTROL_NO_INTERRUPT));
}

void ide_interrupt(struct ide_unit *u)
{
    u->channel->state.pending[u->number] = 1;
    update_line(u->channel);
}

static void seen(struct ide_unit *u)
{
    u->channel->state.pending[u->number] = 0;
    update_line(u->channel);
}

/* ---- What commands are made of ----------------------------------------------------------------------------------- */

void ide_finish(struct ide_unit *u, uint8_t error)
{
    u->s->phase = IDE_IDLE;
    u->s->error = error;
    u->s->status = (uint8_t)(ide_status(u) | (error != 0 ? ATA_ERROR : 0));
    ide_interrupt(u);
}

bool ide_ahead(struct ide_unit *u, uint64_t offset, uint32_t n)
{
    if (offset < u->ahead || offset - u->ahead > u->ahead_bytes || n > u->ahead_bytes - (offset - u->ahead))
        return false;
    memcpy(u->s->buffer, u->medium->buffer + (offset - u->ahead), n);
    return true;
}

static uint32_t request_bytes(const struct ide_unit *u)
{
    const uint32_t sector = ide_sector(u);
    return u->s->left < MEDIUM_BUFFER / sector ? u->s->left * sector : MEDIUM_BUFFER;
}

static int request(struct ide_unit *u)
{
    const struct ide_device_state *s = u->s;
    const uint64_t offset = s->lba * ide_sector(u);
    u->ahead_bytes = 0;
    switch (s->phase) {
    case IDE_WRITING:
        memcpy(u->medium->buffer, s->buffer, s->end);
        return medium_write(u->medium, offset, s->end);
    case IDE_SYNCING:
        return medium_sync(u->medium);
    default:
        u->ahead = offset;
        return medium_read(u->medium, offset, request_bytes(u));
    }
}

static void answered(struct ide_unit *u, int64_t result)
{
    if (u->s->phase == IDE_READING && result > 0 && result <= MEDIUM_BUFFER)
        u->ahead_bytes = (uint32_t)result;
    if (u->kind == IDE_CDROM)
        atapi_answered(u, result);
    else
        ata_answered(u, result);
}

void ide_go(struct ide_unit *u, enum ide_phase phase)
{
    int r;
    u->s->phase = (uint8_t)phase;
    u->s->status = (uint8_t)(ide_status(u) | ATA_BUSY);
    if (u->medium->busy) { /* with what nobody waits for any more */
        u->drop = u->again = true;
        return;
    }
    if ((r = request(u)) < 0)
        answered(u, r);
}

static void medium_done(void *owner, int64_t result)
{
    struct ide_unit *u = owner;
    const bool again = u->again;
    if (!u->drop) {
        answered(u, result);
        return;
    }
    u->drop = u->again = false;
    if (again)
        ide_go(u, u->s->phase);
}

static void medium_changed(void *owner)
{
    struct ide_unit *u = owner;
    u->ahead_bytes = 0;
    if (u->kind == IDE_CDROM)
        atapi_changed(u);
}

/* ---- Resets ------------------------------------------------------------------------------------------------------ */

void ide_signature(struct ide_unit *u)
{
    struct ide_device_state *s = u->s;
    const bool packets = u->kind == IDE_CDROM;
    s->count = s->lba_low = 1;
    s->lba_mid = packets ? 0x14 : 0;
    s->lba_high = packets ? 0xeb : 0;
    s->device &= ATA_DEVICE_1;
}

/* Whatever it is doing, it does no longer. */
static void give_up(struct ide_unit *u)
{
    u->s->phase = IDE_IDLE;
    u->s->at = u->s->end = u->s->filled = u->s->left = 0;
    u->ahead_bytes = 0;
    u->again = false;
    u->drop = u->medium != NULL && u->medium->busy;
}

/* A packet device is not ready (for disks' commands) until it has been told to do something. */
static uint8_t tested_status(const struct ide_unit *u)
{
    if (u->channel->state.control & CONTROL_RESET)
        return ATA_BUSY;
    return u->kind == IDE_DISK ? ide_status(u) : 0;
}

static void self_test(struct ide_unit *u)
{
    give_up(u);
    ide_signature(u);
    u->s->error = DIAGNOSTIC_PASSED;
    u->s->status = tested_status(u);
    u->channel->state.pending[u->number] = 0;
}

static void select_first(struct ide *c)
{
    c->state.selected = 0;
    for (unsigned i = 0; i < 2; i++)
        c->state.device[i].device = 0;
}

static void diagnostic(struct ide *c)
{
    for (unsigned i = 0; i < 2; i++)
        self_test(&c->unit[i]);
    select_first(c);
    ide_interrupt(&c->unit[0]);
}

/* The software reset holds as long as its bit is set. */
static void write_control(struct ide *c, uint8_t value)
{
    const bool ends = (c->state.control & CONTROL_RESET) && !(value & CONTROL_RESET);
    c->state.control = value & (CONTROL_NO_INTERRUPT | CONTROL_RESET | CONTROL_PREVIOUS);
    if ((value & CONTROL_RESET) || ends) {
        for (unsigned i = 0; i < 2; i++) {
            if (ends && !c->unit[i].s->keep_settings)
                ata_reset(&c->unit[i]);
            self_test(&c->unit[i]);
        }
        select_first(c);
    }
    update_line(c);
}

/* ---- The data register ------------------------------------------------------------------------------------------- */

static void block_done(struct ide_unit *u)
{
    if (u->s->command == ATAPI_COMMAND)
        atapi_block(u);
    else
        ata_block(u);
}

/* The widths that drivers use are copies of a known size: a call of memcpy for each would cost more than all the rest.
 */
static inline uint64_t fetch(const uint8_t *from, unsigned size)
{
    uint64_t value = 0;
    if (size == 2)
        memcpy(&value, from, 2);
    else if (size == 4)
        memcpy(&value, from, 4);
    else
        for (unsigned i = 0; i < size; i++)
            value |= (uint64_t)from[i] << 8 * i;
    return value;
}

static inline void put(uint8_t *to, unsigned size, uint64_t value)
{
    if (size == 2)
        memcpy(to, &value, 2);
    else if (size == 4)
        memcpy(to, &value, 4);
    else
        for (unsigned i = 0; i < size; i++)
            to[i] = value >> 8 * i & 0xff;
}

/* The last word of an odd number of bytes is not whole. */
static uint64_t read_data(struct ide_unit *u, unsigned size)
{
    struct ide_device_state *s = u->s;
    uint64_t value;
    if (s->phase != IDE_DATA_IN)
        return ONES;
    if (size > s->end - s->at)
        size = s->end - s->at;
    value = fetch(s->buffer + s->at, size);
    s->at += size;
    if (s->at == s->end)
        block_done(u);
    return value;
}

/* Whole words up to the block's end: what comes then may be an interrupt. */
static uint32_t whole_words(const struct ide_device_state *s, unsigned size, uint32_t count)
{
    const uint32_t left = (uint32_t)(s->end - s->at) / size;
    return left < count ? left : count;
}

static uint32_t data_read_many(void *device, uint64_t offset, unsigned size, void *bytes, uint32_t count)
{
    struct ide_unit *u = selected(device);
    struct ide_device_state *s = u->s;
    if (offset != REG_DATA || s->phase != IDE_DATA_IN)
        return 0;
    count = whole_words(s, size, count);
    memcpy(bytes, s->buffer + s->at, (size_t)size * count);
    s->at += size * count;
    if (s->at == s->end)
        block_done(u);
    return count;
}

static uint32_t data_write_many(void *device, uint64_t offset, unsigned size, const void *bytes, uint32_t count)
{
    struct ide_unit *u = selected(device);
    struct ide_device_state *s = u->s;
    if (offset != REG_DATA || s->phase != IDE_DATA_OUT)
        return 0;
    count = whole_words(s, size, count);
    memcpy(s->buffer + s->at, bytes, (size_t)size * count);
    s->at += size * count;
    if (s->at == s->end)
        block_done(u);
    return count;
}

static void write_packet(struct ide_unit *u, unsigned size, uint64_t value)
{
    struct ide_device_state *s = u->s;
    for (unsigned i = 0; i < size && s->at < sizeof(s->packet); i++, value >>= 8)
        s->packet[s->at++] = value & 0xff;
    if (s->at == sizeof(s->packet))
        atapi_command(u);
}

static void write_data(struct ide_unit *u, unsigned size, uint64_t value)
{
    struct ide_device_state *s = u->s;
    if (s->phase == IDE_PACKET) {
        write_packet(u, size, value);
        return;
    }
    if (s->phase != IDE_DATA_OUT)
        return;
    if (size > s->end - s->at)
        size = s->end - s->at;
    put(s->buffer + s->at, size, value);
    s->at += size;
    if (s->at == s->end)
        block_done(u);
}

/* ---- The other registers ----------------------------------------------------------------------------------------- */

/* Who answers: device 0 for one that is missing (ATA/ATAPI-6, 9.16.1), but there is no status then. */
static const struct ide_device_state *answering(struct ide *c)
{
    const struct ide_unit *u = selected(c);
    if (u->kind == IDE_NONE)
        u = &c->unit[0];
    return u->kind == IDE_NONE ? NULL : u->s;
}

/* Who asks a busy device again and again has the answer as soon as it is there, and not a slice of time later. */
static uint8_t status(struct ide *c)
{
    const struct ide_unit *u = selected(c);
    if (u->kind == IDE_NONE)
        return 0;
    if ((u->s->status & ATA_BUSY) && u->medium->busy)
        medium_poll(u->medium);
    return u->s->status;
}

static uint8_t read_register(struct ide *c, unsigned reg)
{
    const struct ide_device_state *s = answering(c);
    const bool previous = c->state.control & CONTROL_PREVIOUS;
    uint8_t value;
    if (s == NULL)
        return 0;
    switch (reg) {
    case REG_ERROR:
        return s->error;
    case REG_COUNT:
        return previous ? s->previous[1] : s->count;
    case REG_LOW:
        return previous ? s->previous[2] : s->lba_low;
    case REG_MID:
        return previous ? s->previous[3] : s->lba_mid;
    case REG_HIGH:
        return previous ? s->previous[4] : s->lba_high;
    case REG_DEVICE:
        return s->device;
    default:
        value = status(c);
        seen(selected(c));
        return value;
    }
}

static void keep(struct ide_device_state *s, unsigned index, uint8_t *reg, uint8_t value)
{
    s->previous[index] = *reg;
    *reg = value;
}

/* Both devices have them, for who gets the command is told as one of them; a busy one does not listen. */
static void latch(struct ide_unit *u, unsigned reg, uint8_t value)
{
    struct ide_device_state *s = u->s;
    if (s->status & ATA_BUSY)
        return;
    switch (reg) {
    case REG_FEATURES:
        keep(s, 0, &s->features, value);
        break;
    case REG_COUNT:
        keep(s, 1, &s->count, value);
        break;
    case REG_LOW:
        keep(s, 2, &s->lba_low, value);
        break;
    case REG_MID:
        keep(s, 3, &s->lba_mid, value);
        break;
    case REG_HIGH:
        keep(s, 4, &s->lba_high, value);
        break;
    default:
        s->device = value;
        break;
    }
}

/* Without an interrupt, and whatever it was doing. */
static void device_reset(struct ide_unit *u)
{
    self_test(u);
    update_line(u->channel);
}

static void write_command(struct ide *c, uint8_t command)
{
    struct ide_unit *u = selected(c);
    if (c->state.control & CONTROL_RESET)
        return;
    if (command == COMMAND_DIAGNOSTIC) {
        diagnostic(c);
    } else if (command == COMMAND_DEVICE_RESET && u->kind == IDE_CDROM) {
        device_reset(u);
    } else if (u->kind != IDE_NONE && !(u->s->status & ATA_BUSY)) {
        give_up(u); /* a block that nobody wants to have */
        seen(u);
        ata_command(u, command);
    }
}

static void write_register(struct ide *c, unsigned reg, uint8_t value)
{
    c->state.control &= (uint8_t)~CONTROL_PREVIOUS;
    if (reg == REG_COMMAND) {
        write_command(c, value);
        return;
    }
    latch(&c->unit[0], reg, value);
    latch(&c->unit[1], reg, value);
    if (reg == REG_DEVICE) {
        c->state.selected = value & ATA_DEVICE_1 ? 1 : 0;
        update_line(c);
    }
}

static uint64_t command_read(void *device, uint64_t offset, unsigned size)
{
    struct ide *c = device;
    uint64_t value = 0;
    if (offset == REG_DATA)
        return read_data(selected(c), size);
    for (unsigned i = 0; i < size; i++)
        value |= (uint64_t)read_register(c, (unsigned)offset + i) << 8 * i;
    return value;
}

static void command_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct ide *c = device;
    if (offset == REG_DATA) {
        write_data(selected(c), size, value);
        return;
    }
    for (unsigned i = 0; i < size; i++)
        write_register(c, (unsigned)offset + i, value >> 8 * i & 0xff);
}

static uint64_t control_read(void *device, uint64_t offset, unsigned size)
{
    return status(device);
}

static void control_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    write_control(device, value & 0xff);
}

/* ---- The record -------------------------------------------------------------------------------------------------- */

/* Powered on: the medium that is there is the one that the guest will know of. */
static void reset_unit(struct ide_unit *u)
{
    memset(u->s, 0, sizeof(*u->s));
    u->s->kind = u->kind;
    self_test(u);
    ata_reset(u);
    if (u->kind != IDE_NONE && u->medium->present)
        u->s->seen_bytes = u->medium->bytes;
}

static void ide_reset(void *device)
{
    struct ide *c = device;
    c->state.selected = c->state.control = 0;
    for (unsigned i = 0; i < 2; i++)
        reset_unit(&c->unit[i]);
    update_line(c);
}

static bool indices_hold(const struct ide_device_state *s)
{
    return s->kind <= IDE_CDROM && s->phase < IDE_PHASES && s->at <= s->end && s->end <= s->filled &&
           s->filled <= IDE_BUFFER && s->multiple <= IDE_MULTIPLE && !(s->multiple & (s->multiple - 1u)) &&
           s->heads <= 16 && s->attention <= 1 && s->locked <= 1 && s->open <= 1 && s->write_cache <= 1 &&
           s->look_ahead <= 1 && s->keep_settings <= 1;
}

/* The phase and what the guest sees of it in the status register. */
static bool status_holds(const struct ide_device_state *s, bool in_reset)
{
    const bool waits = s->phase >= IDE_READING, data = s->phase > IDE_IDLE && s->phase < IDE_READING;
    return (bool)(s->status & ATA_BUSY) == (waits || in_reset) && (bool)(s->status & ATA_DATA) == data &&
           (!data || s->at < s->end) && !(in_reset && s->phase != IDE_IDLE);
}

static int ide_check(const void *state, const char **why)
{
    const struct ide_state *c = state;
    bool holds = c->selected <= 1 && c->pending[0] <= 1 && c->pending[1] <= 1 &&
                 !(c->control & ~(CONTROL_NO_INTERRUPT | CONTROL_RESET | CONTROL_PREVIOUS));
    for (unsigned i = 0; i < 2 && holds; i++) {
        const struct ide_device_state *s = &c->device[i];
        holds = indices_hold(s) && status_holds(s, c->control & CONTROL_RESET);
        if (holds && s->phase != IDE_IDLE)
            holds = s->command == ATAPI_COMMAND ? s->kind == IDE_CDROM && atapi_may_be(s) : ata_may_be(s);
    }
    if (holds)
        return 0;
    *why = "an IDE channel cannot be in this state";
    return -EINVAL;
}

/* What a command was waiting for is asked for once more. A device of another kind is not what the guest knew: it begins
 * anew. Of a drive's medium the size is all that is known: the guest is told of another one when it differs. */
static void loaded_unit(struct ide_unit *u)
{
    const bool waits = u->s->phase >= IDE_READING;
    uint64_t bytes;
    if (u->s->kind != u->kind)
        reset_unit(u);
    if (u->kind == IDE_NONE)
        return;
    u->ahead_bytes = 0;
    u->again = false;
    u->drop = u->medium->busy;
    bytes = u->medium->present ? u->medium->bytes : 0;
    if (u->kind == IDE_CDROM && (bytes != u->s->seen_bytes || (u->s->open && bytes != 0)))
        atapi_changed(u);
    if (waits && u->s->phase >= IDE_READING)
        ide_go(u, u->s->phase);
}

static void ide_loaded(void *device)
{
    struct ide *c = device;
    for (unsigned i = 0; i < 2; i++)
        loaded_unit(&c->unit[i]);
    update_line(c);
}

const struct device_ops ide_ops = {
    .name = "ide",
    .version = 1,
    .state_bytes = sizeof(struct ide_state),
    .reset = ide_reset,
    .check = ide_check,
    .loaded = ide_loaded,
};

static void init_unit(struct ide *c, unsigned i, struct medium *medium, enum ide_kind kind, unsigned number)
{
    struct ide_unit *u = &c->unit[i];
    *u = (struct ide_unit){
        .s = &c->state.device[i], .channel = c, .medium = medium, .number = (uint8_t)i, .kind = (uint8_t)kind};
    memcpy(u->serial, "moat-0000000000000000", sizeof(u->serial));
    u->serial[sizeof(u->serial) - 1] = (uint8_t)('1' + number);
    if (kind == IDE_NONE)
        u->medium = NULL;
    else
        medium_connect(medium, medium_done, medium_changed, u);
}

int ide_init(struct ide *c, struct bus *ports, uint16_t base, uint16_t control, struct irq_line irq,
             struct medium *const media[2], const enum ide_kind kinds[2])
{
    const struct bus_range ranges[] = {
        {base, 8, "IDE", c, command_read, command_write, data_read_many, data_write_many},
        {control, 1, "IDE control", c, control_read, control_write},
    };
    int r;
    memset(c, 0, sizeof(*c));
    c->irq = irq;
    for (unsigned i = 0; i < 2; i++)
        init_unit(c, i, media[i], media[i] == NULL ? IDE_NONE : kinds[i], (base == 0x170 ? 2 : 0) + i);
    ide_reset(c);
    if ((r = bus_add(ports, &ranges[0])) != 0)
        return r;
    return bus_add(ports, &ranges[1]);
}
