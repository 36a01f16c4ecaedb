/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The mouse: commands, and packets of 3 bytes, or of 4 with a wheel once the host has knocked (sampling rates 200, 100,
 * 80: IntelliMouse). Touches only its state. A packet says what has gathered since the last one; while one waits to be
 * taken, movement gathers, and only a button makes another.
 */
#include "machine/dev/ps2.h"

#include <string.h>

enum { ACK = 0xfa, RESEND = 0xfe, PASSED = 0xaa };
enum {
    CMD_SCALE_1 = 0xe6,
    CMD_SCALE_2,
    CMD_RESOLUTION,
    CMD_STATUS,
    CMD_STREAM,
    CMD_POLL,
    CMD_WRAP_END,
    CMD_WRAP = 0xee,
    CMD_REMOTE = 0xf0,
    CMD_IDENTIFY = 0xf2,
    CMD_RATE,
    CMD_ENABLE,
    CMD_DISABLE,
    CMD_DEFAULTS,
    CMD_RESEND = 0xfe,
    CMD_RESET,
};
enum { LEFT = 1, RIGHT = 2, MIDDLE = 4 };
enum { PACKET_ONE = 8, PACKET_X_NEGATIVE = 16, PACKET_Y_NEGATIVE = 32 };
enum { STATUS_DOUBLED = 16, STATUS_REPORTING = 32, STATUS_REMOTE = 64 };
enum { ID_PLAIN, ID_WHEEL = 3 };
enum { DEFAULT_RATE = 100, DEFAULT_RESOLUTION = 2 /* 4 a millimetre */ };
enum { MOST = 127, MOST_WHEEL = 7 }; /* of one packet */

static const uint8_t knocks[] = {200, 100, 80};

/* ---- Packets ----------------------------------------------------------------------------------------------------- */

/* A part of what has gathered. */
static int part(int16_t *gathered, int most)
{
    const int value = *gathered > most ? most : *gathered < -most ? -most : *gathered;

    *gathered = (int16_t)(*gathered - value);
    return value;
}

/* Scaling 2:1, of movement that is told unasked. */
static int doubled(int value)
{
    static const uint8_t small[] = {0, 1, 1, 3, 6, 9};
    const int size = value < 0 ? -value : value;
    const int more = size < (int)sizeof(small) ? small[size] : 2 * size;

    return value < 0 ? -more : more;
}

static unsigned packet(struct ps2_mouse *m, bool scaled, uint8_t out[4])
{
    int x = part(&m->dx, MOST), y = part(&m->dy, MOST);

    if (scaled && m->doubled) {
        x = doubled(x);
        y = doubled(y);
    }
    out[0] = (uint8_t)(PACKET_ONE | m->buttons | (x < 0 ? PACKET_X_NEGATIVE : 0) | (y < 0 ? PACKET_Y_NEGATIVE : 0));
    out[1] = (uint8_t)x;
    out[2] = (uint8_t)y;
    out[3] = (uint8_t)part(&m->dz, MOST_WHEEL);
    m->told = m->buttons;
    return m->wheel ? 4 : 3;
}

static bool has_news(const struct ps2_mouse *m)
{
    return m->dx != 0 || m->dy != 0 || (m->wheel && m->dz != 0) || m->buttons != m->told;
}

static void say_packet(struct ps2_mouse *m)
{
    uint8_t bytes[4];
    const unsigned n = m->wheel ? 4 : 3;

    if (!m->reporting || m->remote || m->wrap || !has_news(m) || PS2_QUEUE - m->output.n < n)
        return;
    (void)packet(m, true, bytes);
    (void)ps2_say(&m->output, bytes, n);
}

static int16_t sum(int16_t a, int b)
{
    const int most = INT16_MAX, bounded = b > most ? most : b < -most ? -most : b, n = a + bounded;

    return (int16_t)(n > most ? most : n < -most ? -most : n);
}

void ps2_mouse_move(struct ps2_mouse *m, int dx, int dy, int dz, unsigned buttons)
{
    m->dx = sum(m->dx, dx);
    m->dy = sum(m->dy, dy);
    m->dz = sum(m->dz, dz);
    m->buttons = buttons & (LEFT | RIGHT | MIDDLE);
    if (m->output.n == 0 || m->buttons != m->told)
        say_packet(m);
}

void ps2_mouse_gather(struct ps2_mouse *m)
{
    if (m->output.n == 0)
        say_packet(m);
}

/* ---- Commands ---------------------------------------------------------------------------------------------------- */

static void answer(struct ps2_mouse *m, uint8_t byte)
{
    ps2_answer(&m->output, &byte, 1);
}

/* What has not been told is forgotten. */
static void clear(struct ps2_mouse *m)
{
    m->output.first = m->output.n = 0;
    m->dx = m->dy = m->dz = 0;
    m->told = m->buttons;
}

static void defaults(struct ps2_mouse *m)
{
    clear(m);
    m->reporting = m->remote = m->wrap = m->doubled = 0;
    m->rate = DEFAULT_RATE;
    m->resolution = DEFAULT_RESOLUTION;
}

void ps2_mouse_reset(struct ps2_mouse *m)
{
    const uint8_t buttons = m->buttons;

    memset(m, 0, sizeof(*m));
    m->buttons = buttons;
    defaults(m);
}

static void answer_status(struct ps2_mouse *m)
{
    /* The buttons' order is another one here. */
    const uint8_t buttons =
        (uint8_t)((m->buttons & LEFT ? 4 : 0) | (m->buttons & MIDDLE ? 2 : 0) | (m->buttons & RIGHT ? 1 : 0));
    const uint8_t bytes[] = {ACK,
                             (uint8_t)(buttons | (m->doubled ? STATUS_DOUBLED : 0) |
                                       (m->reporting ? STATUS_REPORTING : 0) | (m->remote ? STATUS_REMOTE : 0)),
                             m->resolution, m->rate};

    ps2_answer(&m->output, bytes, sizeof(bytes));
}

static void answer_packet(struct ps2_mouse *m)
{
    uint8_t bytes[5] = {ACK};
    const unsigned n = packet(m, false, bytes + 1);

    ps2_answer(&m->output, bytes, 1 + n);
}

static void set_rate(struct ps2_mouse *m, uint8_t rate)
{
    m->rate = rate;
    if (rate != knocks[m->knock])
        m->knock = rate == knocks[0];
    else if (++m->knock == sizeof(knocks))
        m->knock = 0, m->wheel = 1;
}

static void argument(struct ps2_mouse *m, uint8_t command, uint8_t byte)
{
    if (command == CMD_RATE) {
        set_rate(m, byte);
    } else if (byte > 3) {
        answer(m, RESEND);
        return;
    } else {
        m->resolution = byte;
    }
    answer(m, ACK);
}

/* Those that are answered with an acknowledgement alone. False: no such command. */
static bool begin(struct ps2_mouse *m, uint8_t command)
{
    switch (command) {
    case CMD_SCALE_1:
    case CMD_SCALE_2:
        m->doubled = command == CMD_SCALE_2;
        return true;
    case CMD_STREAM:
    case CMD_REMOTE:
        clear(m);
        m->remote = command == CMD_REMOTE;
        return true;
    case CMD_WRAP:
    case CMD_WRAP_END:
        clear(m);
        m->wrap = command == CMD_WRAP;
        return true;
    case CMD_ENABLE:
    case CMD_DISABLE:
        clear(m);
        m->reporting = command == CMD_ENABLE;
        return true;
    case CMD_DEFAULTS:
        defaults(m);
        return true;
    case CMD_RESOLUTION:
    case CMD_RATE:
        m->pending = command;
        return true;
    default:
        return false;
    }
}

static void reset(struct ps2_mouse *m)
{
    static const uint8_t passed[] = {ACK, PASSED, ID_PLAIN};

    ps2_mouse_reset(m);
    ps2_answer(&m->output, passed, sizeof(passed));
}

void ps2_mouse_command(struct ps2_mouse *m, uint8_t byte)
{
    const uint8_t command = m->pending, identity[] = {ACK, m->wheel ? ID_WHEEL : ID_PLAIN};

    m->pending = 0;
    if (m->wrap && byte != CMD_RESET && byte != CMD_WRAP_END)
        answer(m, byte);
    else if (command != 0)
        argument(m, command, byte);
    else if (byte == CMD_RESET)
        reset(m);
    else if (byte == CMD_IDENTIFY)
        ps2_answer(&m->output, identity, sizeof(identity));
    else if (byte == CMD_STATUS)
        answer_status(m);
    else if (byte == CMD_POLL)
        answer_packet(m);
    else if (byte == CMD_RESEND)
        answer(m, m->output.last);
    else
        answer(m, begin(m, byte) ? ACK : RESEND);
}
