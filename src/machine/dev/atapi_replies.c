/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See atapi_replies.h. Each reply is a few dozen bytes at the beginning of the unit's buffer, made of the packet, the
 * medium's size and a few flags of the record. Touches nothing else.
 */
#include "machine/dev/atapi_replies.h"

#include <errno.h>
#include <string.h>

#define SECTOR           2048u
#define DVD_BLOCKS       460800u /* from 900 MiB on no CD would hold it */
#define PROFILE_CD       0x0008u
#define PROFILE_DVD      0x0010u
#define TRACK_CONTROL    0x14 /* a data track, and where it begins */
#define LEAD_OUT         0xaa
#define FRAMES           75u
#define LEAD_IN_FRAMES   150u
#define SPEED_KILOBYTES  8467u /* a second: 48 times a CD's */
#define BUFFER_KILOBYTES 128u

uint32_t atapi_blocks(const struct ide_unit *u)
{
    const uint64_t n = u->medium->present && !u->s->open ? u->medium->bytes / SECTOR : 0;
    return n < UINT32_MAX ? (uint32_t)n : UINT32_MAX;
}

static void put16(uint8_t *to, uint32_t value)
{
    to[0] = value >> 8 & 0xff;
    to[1] = value & 0xff;
}

static void put32(uint8_t *to, uint32_t value)
{
    put16(to, value >> 16);
    put16(to + 2, value);
}

static void text(uint8_t *to, unsigned n, const char *from)
{
    for (unsigned i = 0; i < n; i++)
        to[i] = (uint8_t)(*from != '\0' ? *from++ : ' ');
}

/* ---- The drive --------------------------------------------------------------------------------------------------- */

/* SPC-2, 7.20: the last command's, or what has happened since. */
int atapi_reply_sense(struct ide_unit *u, uint8_t *to)
{
    struct ide_device_state *s = u->s;
    memset(to, 0, 18);
    to[0] = 0x70;
    to[7] = 10;
    if (s->sense[0] == 0 && s->attention) {
        s->sense[0] = 6, s->sense[1] = 0x28, s->sense[2] = 0;
        s->attention = 0;
    }
    to[2] = s->sense[0];
    to[12] = s->sense[1];
    to[13] = s->sense[2];
    memset(s->sense, 0, sizeof(s->sense));
    return 18;
}

/* SPC-2, 7.3; the version and format that packet devices have. No page of vital product data. */
int atapi_reply_inquiry(struct ide_unit *u, uint8_t *to)
{
    if ((u->s->packet[1] & 3) || u->s->packet[2] != 0)
        return -EINVAL;
    memset(to, 0, 8);
    to[0] = 0x05;
    to[1] = 0x80;
    to[3] = 0x21;
    to[4] = 36 - 5;
    text(to + 8, 8, "moat");
    text(to + 16, 16, "CD-ROM");
    text(to + 32, 4, "1");
    return 36;
}

/* A drive without a changer. */
int atapi_reply_mechanism(struct ide_unit *u, uint8_t *to)
{
    memset(to, 0, 8);
    to[1] = u->s->open ? 0x10 : 0;
    return 8;
}

/* Of all classes that of the medium, when polled for. The event is told once. */
int atapi_reply_event(struct ide_unit *u, uint8_t *to)
{
    struct ide_device_state *s = u->s;
    const uint32_t allocated = (uint32_t)(s->packet[7] << 8 | s->packet[8]);
    if (!(s->packet[1] & 1))
        return -EINVAL;
    memset(to, 0, 8);
    to[3] = 0x10; /* the classes that there are */
    if (!(s->packet[4] & 0x10)) {
        put16(to, 2);
        to[2] = 0x80;
        return 4;
    }
    put16(to, 6);
    to[2] = 4;
    to[4] = s->event;
    to[5] = (uint8_t)((s->open ? 1 : 0) | (atapi_blocks(u) > 0 ? 2 : 0));
    if (allocated > 4)
        s->event = ATAPI_EVENT_NONE;
    return 8;
}

/* ---- Mode pages (MMC-3) ------------------------------------------------------------------------------------------ */

static unsigned page_recovery(const struct ide_unit *u, uint8_t *to)
{
    to[0] = 0x01, to[1] = 6;
    to[3] = 5; /* tries */
    return 8;
}

static unsigned page_audio(const struct ide_unit *u, uint8_t *to)
{
    to[0] = 0x0e, to[1] = 14;
    to[2] = 0x04;
    return 16;
}

/* What it reads: CD-R, CD-RW, DVD-ROM. A tray, which can be locked and put out. */
static unsigned page_capabilities(const struct ide_unit *u, uint8_t *to)
{
    to[0] = 0x2a, to[1] = 18;
    to[2] = 0x0b;
    to[6] = (uint8_t)(0x29 | (u->s->locked ? 2 : 0));
    put16(to + 8, SPEED_KILOBYTES);
    put16(to + 12, BUFFER_KILOBYTES);
    put16(to + 14, SPEED_KILOBYTES);
    return 20;
}

static const struct {
    uint8_t code;
    unsigned (*make)(const struct ide_unit *u, uint8_t *to);
} pages[] = {{0x01, page_recovery}, {0x0e, page_audio}, {0x2a, page_capabilities}};
#define PAGES      (sizeof(pages) / sizeof(pages[0]))
#define PAGE_BYTES 20u

/* Behind the header: the page, or all. As they are, or which bits could be changed: none. */
static int mode_pages(const struct ide_unit *u, uint8_t *to)
{
    const uint8_t code = u->s->packet[2] & 0x3f, control = u->s->packet[2] >> 6;
    int n = 0;
    if (control == 3)
        return -EINVAL;
    for (unsigned i = 0; i < PAGES; i++) {
        unsigned bytes;
        if (code != 0x3f && code != pages[i].code)
            continue;
        memset(to + n, 0, PAGE_BYTES);
        bytes = pages[i].make(u, to + n);
        if (control == 1)
            memset(to + n + 2, 0, bytes - 2);
        n += (int)bytes;
    }
    return n > 0 ? n : -EINVAL;
}

static uint8_t medium_type(const struct ide_unit *u)
{
    if (u->s->open)
        return 0x71;
    return atapi_blocks(u) > 0 ? 0x01 : 0x70;
}

int atapi_reply_mode_sense6(struct ide_unit *u, uint8_t *to)
{
    const int n = mode_pages(u, to + 4);
    if (n < 0)
        return n;
    memset(to, 0, 4);
    to[0] = (uint8_t)(n + 4 - 1);
    to[1] = medium_type(u);
    return n + 4;
}

int atapi_reply_mode_sense10(struct ide_unit *u, uint8_t *to)
{
    const int n = mode_pages(u, to + 8);
    if (n < 0)
        return n;
    memset(to, 0, 8);
    put16(to, (uint32_t)n + 8 - 2);
    to[2] = medium_type(u);
    return n + 8;
}

/* ---- Features (MMC-3) -------------------------------------------------------------------------------------------- */

static uint32_t profile(const struct ide_unit *u)
{
    const uint32_t blocks = atapi_blocks(u);
    if (blocks == 0)
        return 0;
    return blocks > DVD_BLOCKS ? PROFILE_DVD : PROFILE_CD;
}

enum { ALWAYS = 1, WITH_MEDIUM, WITH_CD, WITH_DVD };

static const struct feature {
    uint16_t code;
    uint8_t when, n;
    uint8_t data[8];
} features[] = {
    {0x0000, ALWAYS, 8, {0x00, 0x10, 0, 0, 0x00, 0x08, 0, 0}},    /* profiles; which is current is put in */
    {0x0001, ALWAYS, 4, {0, 0, 0, 2}},                            /* core: on ATAPI */
    {0x0003, ALWAYS, 4, {0x29, 0, 0, 0}},                         /* removable medium: as in mode page 2a */
    {0x0010, WITH_MEDIUM, 8, {0, 0, SECTOR >> 8, 0, 0, 1, 0, 0}}, /* random readable */
    {0x001e, WITH_CD, 4, {0}},                                    /* CD read */
    {0x001f, WITH_DVD, 0, {0}},                                   /* DVD read */
};

static bool is_current(const struct feature *f, uint32_t now)
{
    switch (f->when) {
    case ALWAYS:
        return true;
    case WITH_MEDIUM:
        return now != 0;
    default:
        return now == (f->when == WITH_CD ? PROFILE_CD : PROFILE_DVD);
    }
}

static unsigned put_feature(const struct feature *f, uint32_t now, uint8_t *to)
{
    put16(to, f->code);
    to[2] = (uint8_t)((f->when == ALWAYS ? 2 : 0) | (is_current(f, now) ? 1 : 0));
    to[3] = f->n;
    memcpy(to + 4, f->data, f->n);
    if (f->code == 0) {
        to[4 + 2] = now == PROFILE_DVD;
        to[4 + 6] = now == PROFILE_CD;
    }
    return 4u + f->n;
}

int atapi_reply_configuration(struct ide_unit *u, uint8_t *to)
{
    const uint8_t *p = u->s->packet;
    const uint32_t now = profile(u), first = (uint32_t)(p[2] << 8 | p[3]);
    const uint8_t which = p[1] & 3; /* 0: from `first` on, 1: those of them that are current, 2: it alone */
    uint32_t n = 8;
    if (which == 3)
        return -EINVAL;
    memset(to, 0, 8);
    for (unsigned i = 0; i < sizeof(features) / sizeof(features[0]); i++) {
        const struct feature *f = &features[i];
        if (which == 2 ? f->code == first : f->code >= first && (which == 0 || is_current(f, now)))
            n += put_feature(f, now, to + n);
    }
    put32(to, n - 4);
    put16(to + 6, now);
    return (int)n;
}

/* ---- The medium: one session, one track of data ------------------------------------------------------------------ */

int atapi_reply_capacity(struct ide_unit *u, uint8_t *to)
{
    put32(to, atapi_blocks(u) - 1);
    put32(to + 4, SECTOR);
    return 8;
}

/* A block's number, or minute, second, frame from the beginning of the lead-in. */
static void put_address(uint8_t *to, uint32_t block, bool msf)
{
    const uint64_t frames = (uint64_t)block + LEAD_IN_FRAMES, minute = frames / (60 * FRAMES);
    if (!msf) {
        put32(to, block);
        return;
    }
    to[0] = 0;
    to[1] = minute < 255 ? (uint8_t)minute : 255; /* of a DVD */
    to[2] = (uint8_t)(frames / FRAMES % 60);
    to[3] = (uint8_t)(frames % FRAMES);
}

static int toc_tracks(const struct ide_unit *u, uint8_t *to, bool msf)
{
    const uint8_t first = u->s->packet[6];
    unsigned n = 4;
    if (first > 1 && first != LEAD_OUT)
        return -EINVAL;
    for (unsigned i = first == LEAD_OUT ? 1 : 0; i < 2; i++, n += 8) {
        memset(to + n, 0, 8);
        to[n + 1] = TRACK_CONTROL;
        to[n + 2] = i == 0 ? 1 : LEAD_OUT;
        put_address(to + n + 4, i == 0 ? 0 : atapi_blocks(u), msf);
    }
    return (int)n;
}

static int toc_session(const struct ide_unit *u, uint8_t *to, bool msf)
{
    memset(to + 4, 0, 8);
    to[5] = TRACK_CONTROL;
    to[6] = 1;
    put_address(to + 8, 0, msf);
    return 12;
}

/* As in the lead-in: first and last track, where the lead-out begins, and the track. */
static int toc_raw(const struct ide_unit *u, uint8_t *to)
{
    static const uint8_t points[] = {0xa0, 0xa1, 0xa2, 0x01};
    unsigned n = 4;
    for (unsigned i = 0; i < sizeof(points); i++, n += 11) {
        uint8_t *d = to + n, at[4] = {0, 1, 0, 0};
        memset(d, 0, 11);
        d[0] = 1;
        d[1] = TRACK_CONTROL;
        d[3] = points[i];
        if (i >= 2)
            put_address(at, i == 2 ? atapi_blocks(u) : 0, true);
        memcpy(d + 8, at + 1, 3);
    }
    return (int)n;
}

/* The format was elsewhere in older drives. */
int atapi_reply_toc(struct ide_unit *u, uint8_t *to)
{
    const uint8_t *p = u->s->packet, format = p[2] & 15 ? p[2] & 15 : p[9] >> 6;
    const bool msf = p[1] & 2;
    int n = -EINVAL;
    if (format == 0)
        n = toc_tracks(u, to, msf);
    else if (format == 1)
        n = toc_session(u, to, msf);
    else if (format == 2)
        n = toc_raw(u, to);
    if (n < 0)
        return n;
    put16(to, (uint32_t)n - 2);
    to[2] = to[3] = 1;
    return n;
}

/* Complete, and nothing can be added. */
int atapi_reply_disc(struct ide_unit *u, uint8_t *to)
{
    if (u->s->packet[1] & 7)
        return -EINVAL;
    memset(to, 0, 34);
    put16(to, 34 - 2);
    to[2] = 0x0e;
    to[3] = to[4] = to[5] = to[6] = 1;
    to[7] = 0x20;
    return 34;
}
