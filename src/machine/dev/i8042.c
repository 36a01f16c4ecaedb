/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The controller between the two ports and the two devices (ps2.h): one byte for the guest at a time, its own commands,
 * translation, interrupts, the processor's reset and the A20 gate. Touches only its state, its lines, its timer and the
 * owner's callbacks. What the guest writes are commands of one byte; all queues are bounded by ps2.c.
 */
#include "machine/dev/i8042.h"

#include <errno.h>
#include <string.h>

#define PORT_DATA    0x60u
#define PORT_COMMAND 0x64u

enum { STATUS_FULL = 1, STATUS_SYSTEM = 4, STATUS_COMMAND = 8, STATUS_UNLOCKED = 0x10, STATUS_MOUSE = 0x20 };
enum {
    BYTE_KEYBOARD_IRQ = 1,
    BYTE_MOUSE_IRQ = 2,
    BYTE_SYSTEM = 4,
    BYTE_KEYBOARD_OFF = 0x10,
    BYTE_MOUSE_OFF = 0x20,
    BYTE_TRANSLATE = 0x40,
};
enum { OUT_RUN = 1, OUT_A20 = 2, OUT_KEYBOARD_FULL = 0x10, OUT_MOUSE_FULL = 0x20, OUT_WIRES = 0xc0 };
enum {
    CMD_READ = 0x20,
    CMD_WRITE = 0x60,
    CMD_PASSWORD = 0xa4,
    CMD_MOUSE_OFF = 0xa7,
    CMD_MOUSE_ON,
    CMD_MOUSE_TEST,
    CMD_SELF_TEST,
    CMD_KEYBOARD_TEST,
    CMD_KEYBOARD_OFF = 0xad,
    CMD_KEYBOARD_ON,
    CMD_READ_INPUT_PORT = 0xc0,
    CMD_READ_OUTPUT_PORT = 0xd0,
    CMD_WRITE_OUTPUT_PORT,
    CMD_WRITE_KEYBOARD_OUTPUT,
    CMD_WRITE_MOUSE_OUTPUT,
    CMD_WRITE_MOUSE,
    CMD_A20_OFF = 0xdd,
    CMD_A20_ON = 0xdf,
    CMD_READ_TEST = 0xe0,
    CMD_PULSE = 0xf0,
};
enum { TEST_PASSED = 0x55, NO_PASSWORD = 0xf1, INPUT_PORT = 0x80 /* the lock is open */, BREAK = 0xf0 };

static bool has(const struct ps2_output *o)
{
    return o->n > 0 || o->reply_n > 0;
}

bool i8042_idle(const struct i8042 *k)
{
    return !(k->state.status & STATUS_FULL) && k->state.reply_waits == 0 && !has(&k->state.keyboard.output);
}

/* ---- A byte for the guest ---------------------------------------------------------------------------------------- */

static void set_lines(struct i8042 *k)
{
    const struct i8042_state *s = &k->state;
    const bool full = s->status & STATUS_FULL, mouse = s->status & STATUS_MOUSE;

    irq_line_set(&k->keyboard_irq,
                 full && !mouse && (s->ram[0] & (BYTE_KEYBOARD_IRQ | BYTE_KEYBOARD_OFF)) == BYTE_KEYBOARD_IRQ);
    irq_line_set(&k->mouse_irq, full && mouse && (s->ram[0] & BYTE_MOUSE_IRQ));
}

static void show(struct i8042_state *s, uint8_t byte, uint8_t status)
{
    s->output = byte;
    s->status = (uint8_t)((s->status & STATUS_COMMAND) | status);
}

/* A release is two bytes of the keyboard, and one of set 1. */
static uint8_t take_keyboard(struct i8042_state *s)
{
    struct ps2_output *o = &s->keyboard.output;
    const bool said = o->reply_n == 0;
    uint8_t byte = 0;

    (void)ps2_take(o, &byte);
    if (!(s->ram[0] & BYTE_TRANSLATE))
        return byte;
    if (byte == BREAK && said && ps2_take(o, &byte))
        return ps2_translate(byte) | 0x80;
    return ps2_translate(byte);
}

/* May the device's next byte come: it has one, is not told to be silent, and the wire has had its time? */
static bool comes(const struct i8042_state *s, const struct ps2_output *o, uint8_t off, uint64_t now)
{
    return has(o) && !(s->ram[0] & off) && (o->reply_n > 0 || now >= s->next);
}

static void fill(struct i8042 *k)
{
    struct i8042_state *s = &k->state;
    const uint64_t now = clock_now(k->clock);
    uint8_t byte = 0;

    timer_set(&k->timer, NEVER);
    if (s->reply_waits != 0) {
        show(s, s->reply, s->reply_waits);
        s->reply_waits = 0;
    } else if (comes(s, &s->keyboard.output, BYTE_KEYBOARD_OFF, now)) {
        show(s, take_keyboard(s), STATUS_FULL);
    } else if (comes(s, &s->mouse.output, BYTE_MOUSE_OFF, now)) {
        (void)ps2_take(&s->mouse.output, &byte);
        show(s, byte, STATUS_FULL | STATUS_MOUSE);
    } else if (now < s->next && (has(&s->keyboard.output) || has(&s->mouse.output))) {
        timer_set(&k->timer, s->next);
    }
}

static void update(struct i8042 *k)
{
    if (!(k->state.status & STATUS_FULL))
        fill(k);
    set_lines(k);
}

static void ring(void *device)
{
    update(device);
}

static void tell_taken(struct i8042 *k)
{
    if (k->taken != NULL && i8042_idle(k))
        k->taken(k->taken_owner);
}

/* The line goes down before it may go up again: an edge for each byte. */
static uint8_t read_data(struct i8042 *k)
{
    struct i8042_state *s = &k->state;
    const uint8_t byte = s->output;

    if (!(s->status & STATUS_FULL))
        return byte;
    s->status &= STATUS_COMMAND;
    s->next = clock_now(k->clock) + I8042_BYTE_NS;
    set_lines(k);
    ps2_mouse_gather(&s->mouse);
    update(k);
    tell_taken(k);
    return byte;
}

/* ---- Commands ---------------------------------------------------------------------------------------------------- */

static void reply(struct i8042_state *s, uint8_t byte)
{
    s->reply = byte;
    s->reply_waits = STATUS_FULL;
}

static void gate(struct i8042 *k, bool open)
{
    if (k->a20 != NULL)
        k->a20(k->owner, open);
}

static void pulse_reset(struct i8042 *k)
{
    if (k->reset != NULL)
        k->reset(k->owner);
}

static uint8_t output_port(const struct i8042 *k)
{
    const struct i8042_state *s = &k->state;
    const bool full = s->status & STATUS_FULL, mouse = s->status & STATUS_MOUSE;
    const bool a20 = k->a20_is == NULL || k->a20_is(k->owner);

    return (uint8_t)((s->output_port & ~(OUT_A20 | OUT_KEYBOARD_FULL | OUT_MOUSE_FULL)) | (a20 ? OUT_A20 : 0) |
                     (full && !mouse ? OUT_KEYBOARD_FULL : 0) | (full && mouse ? OUT_MOUSE_FULL : 0));
}

static void write_output_port(struct i8042 *k, uint8_t value)
{
    k->state.output_port = value | OUT_RUN | OUT_WIRES;
    gate(k, value & OUT_A20);
    if (!(value & OUT_RUN))
        pulse_reset(k);
}

/* What stood there is lost: who asks for the test looks for its result. */
static void self_test(struct i8042_state *s)
{
    s->ram[0] |= BYTE_SYSTEM;
    s->status &= STATUS_COMMAND;
    reply(s, TEST_PASSED);
}

static void command_to_switch(struct i8042_state *s, uint8_t command)
{
    switch (command) {
    case CMD_MOUSE_OFF:
        s->ram[0] |= BYTE_MOUSE_OFF;
        break;
    case CMD_MOUSE_ON:
        s->ram[0] &= (uint8_t)~BYTE_MOUSE_OFF;
        break;
    case CMD_KEYBOARD_OFF:
        s->ram[0] |= BYTE_KEYBOARD_OFF;
        break;
    case CMD_KEYBOARD_ON:
        s->ram[0] &= (uint8_t)~BYTE_KEYBOARD_OFF;
        break;
    }
}

static void command_that_answers(struct i8042 *k, uint8_t command)
{
    struct i8042_state *s = &k->state;

    switch (command) {
    case CMD_PASSWORD:
        reply(s, NO_PASSWORD);
        break;
    case CMD_MOUSE_TEST:
    case CMD_KEYBOARD_TEST:
    case CMD_READ_TEST:
        reply(s, 0);
        break;
    case CMD_SELF_TEST:
        self_test(s);
        break;
    case CMD_READ_INPUT_PORT:
        reply(s, INPUT_PORT);
        break;
    case CMD_READ_OUTPUT_PORT:
        reply(s, output_port(k));
        break;
    }
}

static void write_command(struct i8042 *k, uint8_t command)
{
    struct i8042_state *s = &k->state;

    s->status |= STATUS_COMMAND;
    s->pending = 0;
    if ((command & 0xe0) == CMD_READ)
        reply(s, s->ram[command & 0x1f]);
    else if ((command & 0xe0) == CMD_WRITE || (command >= CMD_WRITE_OUTPUT_PORT && command <= CMD_WRITE_MOUSE))
        s->pending = command;
    else if (command == CMD_A20_OFF || command == CMD_A20_ON)
        gate(k, command == CMD_A20_ON);
    else if (command >= CMD_PULSE && !(command & OUT_RUN))
        pulse_reset(k);
    command_to_switch(s, command);
    command_that_answers(k, command);
}

/* The byte of a command, or one for the keyboard. Who speaks to a device is listened to: its wire is opened. */
static void write_data(struct i8042 *k, uint8_t byte)
{
    struct i8042_state *s = &k->state;
    const uint8_t command = s->pending;

    s->status &= (uint8_t)~STATUS_COMMAND;
    s->pending = 0;
    switch (command) {
    case 0:
        s->ram[0] &= (uint8_t)~BYTE_KEYBOARD_OFF;
        ps2_keyboard_command(&s->keyboard, byte);
        break;
    case CMD_WRITE_OUTPUT_PORT:
        write_output_port(k, byte);
        break;
    case CMD_WRITE_KEYBOARD_OUTPUT:
        reply(s, byte);
        break;
    case CMD_WRITE_MOUSE_OUTPUT:
        reply(s, byte);
        s->reply_waits |= STATUS_MOUSE;
        break;
    case CMD_WRITE_MOUSE:
        s->ram[0] &= (uint8_t)~BYTE_MOUSE_OFF;
        ps2_mouse_command(&s->mouse, byte);
        break;
    default:
        s->ram[command & 0x1f] = byte;
    }
}

static uint64_t port_read_data(void *device, uint64_t offset, unsigned size)
{
    return read_data(device);
}

static uint64_t port_read_status(void *device, uint64_t offset, unsigned size)
{
    const struct i8042_state *s = &((struct i8042 *)device)->state;

    return s->status | STATUS_UNLOCKED | (s->ram[0] & BYTE_SYSTEM ? STATUS_SYSTEM : 0u);
}

/* A reset may be behind a write: then all is as after power-on, and so it stays. */
static void port_write_data(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    write_data(device, (uint8_t)value);
    update(device);
    tell_taken(device);
}

static void port_write_command(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    write_command(device, (uint8_t)value);
    update(device);
}

/* ---- Keys and movement ------------------------------------------------------------------------------------------- */

bool i8042_is_key(uint16_t key)
{
    const unsigned kind = key & ~KEY_RELEASE & ~0x7fu, make = key & 0x7f;

    return kind == 0 || kind == KEY_EXTENDED ? make != 0 : (kind == KEY_PAUSE || kind == KEY_PRINT) && make == 0;
}

bool i8042_key(struct i8042 *k, uint16_t key)
{
    if (!i8042_is_key(key))
        return true;
    if (!ps2_keyboard_key(&k->state.keyboard, key))
        return false;
    update(k);
    return true;
}

void i8042_mouse(struct i8042 *k, int dx, int dy, int dz, unsigned buttons)
{
    ps2_mouse_move(&k->state.mouse, dx, dy, dz, buttons);
    update(k);
}

/* ---- The record -------------------------------------------------------------------------------------------------- */

static void i8042_reset(void *device)
{
    struct i8042 *k = device;
    struct i8042_state *s = &k->state;
    const struct ps2_keyboard keyboard = s->keyboard;
    const struct ps2_mouse mouse = s->mouse;

    memset(s, 0, sizeof(*s));
    s->ram[0] = BYTE_KEYBOARD_IRQ | BYTE_TRANSLATE;
    s->output_port = OUT_RUN | OUT_WIRES;
    s->keyboard.modifiers = keyboard.modifiers; /* fingers and hand stay where they are */
    s->mouse.buttons = mouse.buttons;
    ps2_keyboard_reset(&s->keyboard);
    ps2_mouse_reset(&s->mouse);
    update(k);
    tell_taken(k);
}

static bool is_pending(uint8_t command)
{
    return command == 0 || (command & 0xe0) == CMD_WRITE ||
           (command >= CMD_WRITE_OUTPUT_PORT && command <= CMD_WRITE_MOUSE);
}

static int i8042_check(const void *state, const char **why)
{
    const struct i8042_state *s = state;

    *why = "a keyboard controller's queue or mode makes no sense";
    if (!ps2_check(&s->keyboard.output) || !ps2_check(&s->mouse.output) || !is_pending(s->pending) ||
        (s->status & ~(STATUS_FULL | STATUS_COMMAND | STATUS_MOUSE)) != 0 ||
        (s->reply_waits & ~(STATUS_FULL | STATUS_MOUSE)) != 0)
        return -EINVAL;
    return s->keyboard.scan_set >= 1 && s->keyboard.scan_set <= 2 && s->mouse.knock < 3 && s->mouse.buttons < 8
               ? 0
               : -EINVAL;
}

/* A time far ahead is one that nobody has set. */
static void i8042_loaded(void *device)
{
    struct i8042 *k = device;
    const uint64_t latest = clock_now(k->clock) + I8042_BYTE_NS;

    if (k->state.next > latest)
        k->state.next = latest;
    update(k);
}

const struct device_ops i8042_ops = {
    .name = "i8042",
    .version = 1,
    .state_bytes = sizeof(struct i8042_state),
    .reset = i8042_reset,
    .check = i8042_check,
    .loaded = i8042_loaded,
};

int i8042_init(struct i8042 *k, struct bus *ports, const struct clock *clock, struct timers *timers,
               struct irq_line keyboard, struct irq_line mouse, void (*reset)(void *owner),
               void (*a20)(void *owner, bool on), bool (*a20_is)(void *owner), void *owner)
{
    const struct bus_range ranges[] = {
        {PORT_DATA, 1, "keyboard controller", k, port_read_data, port_write_data},
        {PORT_COMMAND, 1, "keyboard controller", k, port_read_status, port_write_command},
    };
    int r;

    *k = (struct i8042){.keyboard_irq = keyboard,
                        .mouse_irq = mouse,
                        .clock = clock,
                        .reset = reset,
                        .a20 = a20,
                        .a20_is = a20_is,
                        .owner = owner};
    if ((r = timer_add(timers, &k->timer, ring, k)) < 0)
        return r;
    i8042_reset(k);
    r = bus_add(ports, &ranges[0]);
    return r < 0 ? r : bus_add(ports, &ranges[1]);
}
