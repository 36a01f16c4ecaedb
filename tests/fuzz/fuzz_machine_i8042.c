/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The keyboard controller as a guest could drive it, while keys are pressed and typed, the mouse moves, time passes,
 * and records from elsewhere are loaded. After each step its state is one that a snapshot may have and the lines are as
 * the state says; in the end a guest that opens both wires and reads has soon read everything.
 */
#include "input.h"
#include "unit/keyboard_board.h"

#include <errno.h>

enum { DATA = 0x60, COMMAND = 0x64, FULL = 1, OF_MOUSE = 0x20 };

/* A record that somebody made up: refused, or good enough to live with. */
static void load_record(struct keyboard_board *b, struct input *in)
{
    struct i8042_state s = b->controller.state;
    const char *why = NULL;

    for (unsigned i = 0, n = (unsigned)take(in, 1) % 8; i < n; i++)
        ((uint8_t *)&s)[take(in, 2) % sizeof(s)] = (uint8_t)take(in, 1);
    if (i8042_ops.check(&s, &why) != 0) {
        check(why != NULL);
        return;
    }
    b->controller.state = s;
    i8042_ops.loaded(&b->controller);
}

static void type(struct keyboard_board *b, struct input *in)
{
    uint16_t keys[8];
    const unsigned n = (unsigned)take(in, 1) % 8;
    bool good = true;

    for (unsigned i = 0; i < n; i++) {
        keys[i] = (uint16_t)(take(in, 2) & 0x7ff);
        good = good && i8042_is_key(keys[i]);
    }
    const int r = typist_put(&b->typist, keys, n);
    check(good ? r == 0 || r == -EAGAIN : r == -EINVAL || r == -EAGAIN);
}

static void step(struct keyboard_board *b, struct input *in)
{
    const uint8_t what = (uint8_t)take(in, 1);
    uint8_t moved[4];

    switch (what & 15) {
    case 0:
    case 1:
        keyboard_board_in(b, DATA);
        break;
    case 2:
        check((keyboard_board_in(b, COMMAND) & 0xc0) == 0);
        break;
    case 3:
    case 4:
        keyboard_board_out(b, DATA, (uint8_t)take(in, 1));
        break;
    case 5:
    case 6:
        keyboard_board_out(b, COMMAND, (uint8_t)take(in, 1));
        break;
    case 7: /* to the mouse */
        keyboard_board_out(b, COMMAND, 0xd4);
        keyboard_board_out(b, DATA, (uint8_t)take(in, 1));
        break;
    case 8:
    case 9:
        i8042_key(&b->controller, (uint16_t)(take(in, 2) & 0x7ff));
        break;
    case 10:
        for (unsigned i = 0; i < 4; i++)
            moved[i] = (uint8_t)take(in, 1);
        i8042_mouse(&b->controller, (int8_t)moved[0] * (what & 0x10 ? 70000 : 1), (int8_t)moved[1], (int8_t)moved[2],
                    moved[3]);
        break;
    case 11:
    case 12:
        keyboard_board_pass(b, take(in, 3));
        break;
    case 13:
        type(b, in);
        break;
    case 14:
        load_record(b, in);
        break;
    default:
        bus_write(&b->ports, DATA + (what >> 4), 4, take(in, 4));
        if (what == 15)
            i8042_ops.reset(&b->controller);
    }
}

static void hold(const struct keyboard_board *b)
{
    const struct i8042_state *s = &b->controller.state;
    const bool full = s->status & FULL, mouse = s->status & OF_MOUSE;
    const char *why;

    check(i8042_ops.check(s, &why) == 0);
    check(b->lines[1] == (full && !mouse && (s->ram[0] & 0x11) == 1));
    check(b->lines[12] == (full && mouse && (s->ram[0] & 2)));
    check(!i8042_idle(&b->controller) || !full);
}

static void drain(struct keyboard_board *b)
{
    const unsigned waiting = b->typist.put - b->typist.taken;
    unsigned rounds = 0;

    keyboard_board_out(b, COMMAND, 0xa8);
    keyboard_board_out(b, COMMAND, 0xae);
    for (unsigned i = 0; i < 2; i++) { /* a mouse that has far to tell is told to forget it: once may be a rate */
        keyboard_board_out(b, COMMAND, 0xd4);
        keyboard_board_out(b, DATA, 0xff);
    }
    while ((keyboard_board_in(b, COMMAND) & FULL) || b->timers.soonest != NEVER) {
        check(rounds++ < 256 + 16 * waiting);
        keyboard_board_in(b, DATA);
        keyboard_board_pass(b, I8042_BYTE_NS);
        hold(b);
    }
    check(i8042_idle(&b->controller) && typist_idle(&b->typist));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct keyboard_board b;
    struct input in = {data, size};

    check(keyboard_board_init(&b, true) == 0);
    for (unsigned i = 0; in.left > 0 && i < 4096; i++) {
        step(&b, &in);
        hold(&b);
    }
    drain(&b);
    return 0;
}
