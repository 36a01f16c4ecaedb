/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A CD-ROM drive's packets (ATA/ATAPI-6, 9.8; MMC-3; SPC-2): which commands there are, when they are refused, and how
 * data go to the guest, in blocks of at most the byte count that it gave. Short replies are made by atapi_replies.c. A
 * medium is its whole sectors of 2048 bytes: what is left of an image behind them is not there. Touches its unit alone.
 *
 * What a command asks for comes from the packet's copy in the record, which the guest cannot change while it runs.
 */
#include "machine/dev/atapi_replies.h"
#include "machine/dev/ide_unit.h"

#include <errno.h>
#include <string.h>

/* The interrupt reason, in the place of the count: command or data, and which way. */
enum { REASON_COMMAND = 1, REASON_TO_GUEST = 2 };
/* What PACKET's features register asks for, and nobody has here. */
enum { FEATURE_DMA = 1, FEATURE_OVERLAP = 2 };
enum { REQUEST_SENSE = 0x03 };
/* Sense keys and additional codes (SPC-2). */
enum { KEY_NOT_READY = 2, KEY_MEDIUM = 3, KEY_ILLEGAL = 5, KEY_ATTENTION = 6 };
enum {
    CODE_UNREADABLE = 0x11,
    CODE_NO_SUCH_COMMAND = 0x20,
    CODE_NO_SUCH_BLOCK = 0x21,
    CODE_FIELD = 0x24,
    CODE_CHANGED = 0x28,
    CODE_NO_MEDIUM = 0x3a, /* qualifier 1: the tray is in, 2: it is out */
    CODE_KEPT_IN = 0x53,   /* qualifier 2 */
    CODE_TRACK_MODE = 0x64,
};
#define FILL_SECTORS (IDE_BUFFER / ATAPI_SECTOR)

static uint32_t field16(const uint8_t *at)
{
    return (uint32_t)(at[0] << 8 | at[1]);
}

static uint32_t field32(const uint8_t *at)
{
    return field16(at) << 16 | field16(at + 2);
}

/* ---- How a command ends ------------------------------------------------------------------------------------------ */

static void good(struct ide_unit *u)
{
    u->s->count = REASON_COMMAND | REASON_TO_GUEST;
    ide_finish(u, 0);
}

static void refuse(struct ide_unit *u, uint8_t key, uint8_t code, uint8_t qualifier)
{
    struct ide_device_state *s = u->s;
    s->sense[0] = key, s->sense[1] = code, s->sense[2] = qualifier;
    s->count = REASON_COMMAND | REASON_TO_GUEST;
    ide_finish(u, (uint8_t)(key << 4 | ATA_ABORTED));
}

/* Is there what the command wants? false: it has been refused. */
static bool has_medium(struct ide_unit *u)
{
    if (atapi_blocks(u) > 0)
        return true;
    refuse(u, KEY_NOT_READY, CODE_NO_MEDIUM, u->s->open ? 2 : 1);
    return false;
}

static bool is_told(struct ide_unit *u)
{
    if (!u->s->attention)
        return true;
    u->s->attention = 0;
    refuse(u, KEY_ATTENTION, CODE_CHANGED, 0);
    return false;
}

/* ---- Data -------------------------------------------------------------------------------------------------------- */

/* What lies behind the last block in the buffer, as much of it as the guest takes at once. Without a byte count there
 * is no way to hand anything over. */
static void offer(struct ide_unit *u)
{
    struct ide_device_state *s = u->s;
    const uint32_t left = s->filled - s->end, n = left < s->limit ? left : s->limit;
    if (n == 0) {
        s->count = REASON_COMMAND | REASON_TO_GUEST;
        ide_finish(u, ATA_ABORTED);
        return;
    }
    s->at = s->end;
    s->end += n;
    s->lba_mid = n & 0xff, s->lba_high = n >> 8 & 0xff;
    s->count = REASON_TO_GUEST;
    s->phase = IDE_DATA_IN;
    s->status = ATA_READY | ATA_DATA;
    ide_interrupt(u);
}

/* The next sectors into the buffer; of the same medium that the command began with. */
static void fill(struct ide_unit *u)
{
    struct ide_device_state *s = u->s;
    const uint32_t sectors = s->left < FILL_SECTORS ? s->left : FILL_SECTORS;
    if (sectors == 0) {
        good(u);
    } else if (is_told(u) && has_medium(u)) {
        if (!ide_ahead(u, s->lba * ATAPI_SECTOR, sectors * ATAPI_SECTOR)) {
            ide_go(u, IDE_READING);
            return;
        }
        s->lba += sectors, s->left -= sectors;
        s->at = s->end = 0;
        s->filled = sectors * ATAPI_SECTOR;
        offer(u);
    }
}

void atapi_block(struct ide_unit *u)
{
    if (u->s->end < u->s->filled)
        offer(u);
    else
        fill(u);
}

void atapi_answered(struct ide_unit *u, int64_t result)
{
    if (result == -ENOMEDIUM) {
        if (is_told(u))
            refuse(u, KEY_NOT_READY, CODE_NO_MEDIUM, u->s->open ? 2 : 1);
    } else if (result <= 0 || result % ATAPI_SECTOR != 0) {
        refuse(u, KEY_MEDIUM, CODE_UNREADABLE, 0);
    } else {
        fill(u);
    }
}

static void give(struct ide_unit *u, uint32_t n, uint32_t allocated)
{
    struct ide_device_state *s = u->s;
    n = n < allocated ? n : allocated;
    s->left = 0;
    s->at = s->end = 0;
    s->filled = n;
    if (n > 0)
        offer(u);
    else
        good(u);
}

/* ---- Commands ---------------------------------------------------------------------------------------------------- */

static void begin_read(struct ide_unit *u, uint32_t lba, uint32_t n)
{
    const uint32_t all = atapi_blocks(u);
    if (lba > all || n > all - lba) {
        refuse(u, KEY_ILLEGAL, CODE_NO_SUCH_BLOCK, 0);
        return;
    }
    u->s->lba = lba, u->s->left = n;
    u->s->at = u->s->end = u->s->filled = 0;
    fill(u);
}

static void run_read10(struct ide_unit *u)
{
    begin_read(u, field32(u->s->packet + 2), field16(u->s->packet + 7));
}

static void run_read12(struct ide_unit *u)
{
    begin_read(u, field32(u->s->packet + 2), field32(u->s->packet + 6));
}

/* Of sectors of mode 1 the user's data, or nothing of them. */
static void run_read_cd(struct ide_unit *u)
{
    const uint8_t *p = u->s->packet;
    const uint8_t type = p[1] >> 2 & 7, parts = p[9] & 0xfe;
    if (type != 0 && type != 2)
        refuse(u, KEY_ILLEGAL, CODE_TRACK_MODE, 0);
    else if ((parts != 0 && parts != 0x10) || (p[9] & 0x06) || (p[10] & 7))
        refuse(u, KEY_ILLEGAL, CODE_FIELD, 0);
    else
        begin_read(u, field32(p + 2), parts == 0 ? 0 : field32(p + 5) & 0xffffff);
}

static void run_seek(struct ide_unit *u)
{
    if (field32(u->s->packet + 2) < atapi_blocks(u))
        good(u);
    else
        refuse(u, KEY_ILLEGAL, CODE_NO_SUCH_BLOCK, 0);
}

/* The tray goes out at once for the guest; for the host when it has let go of the file, and that is when it can come in
 * again. */
static void run_start_stop(struct ide_unit *u)
{
    struct ide_device_state *s = u->s;
    const bool power = s->packet[4] >> 4, tray = s->packet[4] & 2, start = s->packet[4] & 1;
    if (power || !tray) {
        good(u);
    } else if (start) {
        if (!u->medium->present)
            s->open = 0;
        good(u);
    } else if (s->locked) {
        refuse(u, KEY_ILLEGAL, CODE_KEPT_IN, 2);
    } else {
        if (!s->open) /* the host is asked once */
            medium_eject(u->medium);
        u->ahead_bytes = 0;
        s->open = 1;
        good(u);
    }
}

static void run_prevent(struct ide_unit *u)
{
    u->s->locked = u->s->packet[4] & 1;
    good(u);
}

/* ---- The rows ---------------------------------------------------------------------------------------------------- */

enum { MEDIUM = 1, QUIET = 2, LENGTH_8 = 4, LENGTH_16 = 8 }; /* wants one; goes on in spite of another one */

/* Either makes a reply, with the allocated length at `length` of the packet, or runs. */
static const struct row {
    uint8_t flags, length;
    int (*reply)(struct ide_unit *u, uint8_t *to);
    void (*run)(struct ide_unit *u);
} rows[256] = {
    [0x00] = {MEDIUM, 0, NULL, good},                                 /* TEST UNIT READY */
    [0x03] = {QUIET | LENGTH_8, 4, atapi_reply_sense, NULL},          /* REQUEST SENSE */
    [0x12] = {QUIET | LENGTH_8, 4, atapi_reply_inquiry, NULL},        /* INQUIRY */
    [0x1a] = {LENGTH_8, 4, atapi_reply_mode_sense6, NULL},            /* MODE SENSE (6) */
    [0x1b] = {0, 0, NULL, run_start_stop},                            /* START STOP UNIT */
    [0x1e] = {0, 0, NULL, run_prevent},                               /* PREVENT ALLOW MEDIUM REMOVAL */
    [0x25] = {MEDIUM, 0, atapi_reply_capacity, NULL},                 /* READ CAPACITY */
    [0x28] = {MEDIUM, 0, NULL, run_read10},                           /* READ (10) */
    [0x2b] = {MEDIUM, 0, NULL, run_seek},                             /* SEEK (10) */
    [0x43] = {MEDIUM | LENGTH_16, 7, atapi_reply_toc, NULL},          /* READ TOC/PMA/ATIP */
    [0x46] = {QUIET | LENGTH_16, 7, atapi_reply_configuration, NULL}, /* GET CONFIGURATION */
    [0x4a] = {QUIET | LENGTH_16, 7, atapi_reply_event, NULL},         /* GET EVENT/STATUS NOTIFICATION */
    [0x51] = {MEDIUM | LENGTH_16, 7, atapi_reply_disc, NULL},         /* READ DISC INFORMATION */
    [0x5a] = {LENGTH_16, 7, atapi_reply_mode_sense10, NULL},          /* MODE SENSE (10) */
    [0xa8] = {MEDIUM, 0, NULL, run_read12},                           /* READ (12) */
    [0xbd] = {LENGTH_16, 8, atapi_reply_mechanism, NULL},             /* MECHANISM STATUS */
    [0xbe] = {MEDIUM, 0, NULL, run_read_cd},                          /* READ CD */
};

static uint32_t allocated(const struct row *row, const uint8_t *packet)
{
    if (row->flags & LENGTH_16)
        return field16(packet + row->length);
    return row->flags & LENGTH_8 ? packet[row->length] : IDE_BUFFER;
}

static void run_reply(struct ide_unit *u, const struct row *row)
{
    const int n = row->reply(u, u->s->buffer);
    if (n == -EINVAL)
        refuse(u, KEY_ILLEGAL, CODE_FIELD, 0);
    else
        give(u, (uint32_t)n, allocated(row, u->s->packet));
}

void atapi_begin(struct ide_unit *u)
{
    struct ide_device_state *s = u->s;
    const uint32_t limit = (uint32_t)(s->lba_mid | s->lba_high << 8) & ~1u;
    if (s->features & (FEATURE_DMA | FEATURE_OVERLAP)) {
        ide_finish(u, ATA_ABORTED);
        return;
    }
    s->limit = limit < IDE_BUFFER ? limit : IDE_BUFFER;
    s->at = 0;
    s->end = s->filled = sizeof(s->packet);
    s->count = REASON_COMMAND;
    s->phase = IDE_PACKET;
    s->status = ATA_READY | ATA_DATA;
}

void atapi_command(struct ide_unit *u)
{
    struct ide_device_state *s = u->s;
    const struct row *row = &rows[s->packet[0]];
    if (s->packet[0] != REQUEST_SENSE)
        memset(s->sense, 0, sizeof(s->sense));
    if (row->reply == NULL && row->run == NULL) {
        refuse(u, KEY_ILLEGAL, CODE_NO_SUCH_COMMAND, 0);
        return;
    }
    if ((!(row->flags & QUIET) && !is_told(u)) || ((row->flags & MEDIUM) && !has_medium(u)))
        return;
    if (row->reply != NULL)
        run_reply(u, row);
    else
        row->run(u);
}

/* What the guest is told: that it was taken out, or that there is another one, once, before anything is read of it. */
void atapi_changed(struct ide_unit *u)
{
    struct ide_device_state *s = u->s;
    const bool present = u->medium->present;
    s->seen_bytes = present ? u->medium->bytes : 0;
    s->attention = present;
    s->event = present ? ATAPI_EVENT_NEW : ATAPI_EVENT_REMOVED;
    if (present)
        s->open = 0;
}

bool atapi_may_be(const struct ide_device_state *s)
{
    const struct row *row = &rows[s->packet[0]];
    const bool reads = row->run == run_read10 || row->run == run_read12 || row->run == run_read_cd;
    if (s->limit > IDE_BUFFER || s->limit % 2 != 0)
        return false;
    switch (s->phase) {
    case IDE_PACKET:
        return s->end == sizeof(s->packet);
    case IDE_DATA_IN:
        return s->limit > 0 && (reads || s->left == 0);
    default:
        return s->phase == IDE_READING && reads && s->left > 0;
    }
}
