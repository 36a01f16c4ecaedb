/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers, FIFOs and interrupts of the serial port. Touches only its state, its line and the callback.
 */
#include "machine/dev/uart.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { REG_DATA, REG_INTERRUPTS, REG_IDENTITY, REG_LINE, REG_MODEM, REG_LINE_STATUS, REG_MODEM_STATUS, REG_SCRATCH };
enum { IER_DATA = 1, IER_EMPTY = 2, IER_LINE = 4, IER_MODEM = 8 };
enum { IIR_NONE = 1, IIR_EMPTY = 2, IIR_DATA = 4, IIR_LINE = 6, IIR_TIMEOUT = 0xc, IIR_FIFO = 0xc0 };
enum { FCR_ENABLE = 1, FCR_CLEAR_RECEIVE = 2, FCR_CLEAR_TRANSMIT = 4 };
enum { LCR_DIVISOR = 0x80 };
enum { MCR_DTR = 1, MCR_RTS = 2, MCR_OUT1 = 4, MCR_OUT2 = 8, MCR_LOOP = 0x10 };
enum { LSR_DATA = 1, LSR_OVERRUN = 2, LSR_EMPTY = 0x20, LSR_IDLE = 0x40 };
enum { MSR_CTS = 0x10, MSR_DSR = 0x20, MSR_RI = 0x40, MSR_DCD = 0x80 };

static unsigned depth(const struct uart *u)
{
    return u->state.fifo & FCR_ENABLE ? UART_FIFO : 1;
}

static unsigned trigger(const struct uart *u)
{
    static const uint8_t levels[4] = {1, 4, 8, 14};
    return u->state.fifo & FCR_ENABLE ? levels[u->state.fifo >> 6] : 1;
}

static uint8_t identity(const struct uart *u)
{
    const struct uart_state *s = &u->state;
    if ((s->interrupts & IER_LINE) && s->overrun)
        return IIR_LINE;
    if ((s->interrupts & IER_DATA) && s->received > 0)
        return s->received >= trigger(u) ? IIR_DATA : IIR_TIMEOUT; /* the sender has always paused long enough */
    if ((s->interrupts & IER_EMPTY) && s->empty_pending)
        return IIR_EMPTY;
    return IIR_NONE;
}

/* On a PC, OUT2 lets the line through. */
static void update(struct uart *u)
{
    irq_line_set(&u->irq, (u->state.modem & MCR_OUT2) && identity(u) != IIR_NONE);
}

static void put_in(struct uart *u, uint8_t byte)
{
    struct uart_state *s = &u->state;
    if (s->received >= depth(u)) {
        s->overrun = 1;
        return;
    }
    s->receive[(s->first + s->received) % UART_FIFO] = byte;
    s->received++;
}

static bool offer(struct uart *u, uint8_t byte)
{
    return u->put == NULL || u->put(u->owner, byte);
}

/* No beginning of the sentence is in it again but at its first letter. */
static void listen(struct uart_state *s, uint8_t byte)
{
    static const char words[] = UART_PANIC;
    if (byte != (uint8_t)words[s->panic_matched])
        s->panic_matched = 0;
    if (byte == (uint8_t)words[s->panic_matched])
        s->panic_matched++;
    if (words[s->panic_matched] != '\0')
        return;
    s->panic_matched = 0;
    s->panicked = 1;
}

static void transmit(struct uart *u, uint8_t byte)
{
    struct uart_state *s = &u->state;
    listen(s, byte);
    s->empty_pending = 0;
    if (s->modem & MCR_LOOP) {
        put_in(u, byte);
    } else if (s->waiting > 0 || !offer(u, byte)) {
        if (s->waiting < UART_FIFO)
            s->transmit[s->waiting++] = byte;
        return;
    }
    s->empty_pending = 1;
}

void uart_poll(struct uart *u)
{
    struct uart_state *s = &u->state;
    unsigned sent = 0;
    if (s->waiting == 0)
        return;
    while (sent < s->waiting && offer(u, s->transmit[sent]))
        sent++;
    memmove(s->transmit, s->transmit + sent, s->waiting - sent);
    s->waiting -= (uint8_t)sent;
    if (s->waiting == 0)
        s->empty_pending = 1;
    update(u);
}

unsigned uart_room(const struct uart *u)
{
    return u->state.modem & MCR_LOOP || u->state.received >= depth(u) ? 0 : depth(u) - u->state.received;
}

unsigned uart_receive(struct uart *u, const uint8_t *bytes, unsigned n)
{
    unsigned room = uart_room(u);
    if (n > room)
        n = room;
    for (unsigned i = 0; i < n; i++)
        put_in(u, bytes[i]);
    if (n > 0)
        update(u);
    return n;
}

/* ---- Registers --------------------------------------------------------------------------------------------------- */

static void write_fifo(struct uart *u, uint8_t value)
{
    struct uart_state *s = &u->state;
    if ((value ^ s->fifo) & FCR_ENABLE)
        value |= FCR_CLEAR_RECEIVE | FCR_CLEAR_TRANSMIT;
    if (value & FCR_CLEAR_RECEIVE)
        s->received = 0;
    if (value & FCR_CLEAR_TRANSMIT) {
        s->waiting = 0;
        s->empty_pending = 1;
    }
    s->fifo = value & 0xc9;
}

static void uart_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct uart *u = device;
    struct uart_state *s = &u->state;
    uint8_t byte = (uint8_t)value;
    bool divisor = s->line & LCR_DIVISOR;
    switch (offset) {
    case REG_DATA:
        if (divisor)
            s->divisor[0] = byte;
        else
            transmit(u, byte);
        break;
    case REG_INTERRUPTS:
        if (divisor) {
            s->divisor[1] = byte;
        } else {
            if ((byte & ~s->interrupts & IER_EMPTY) && s->waiting == 0)
                s->empty_pending = 1;
            s->interrupts = byte & 0xf;
        }
        break;
    case REG_IDENTITY:
        write_fifo(u, byte);
        break;
    case REG_LINE:
        s->line = byte;
        break;
    case REG_MODEM:
        s->modem = byte & 0x1f;
        break;
    case REG_SCRATCH:
        s->scratch = byte;
        break;
    }
    update(u);
}

static uint8_t read_data(struct uart *u)
{
    struct uart_state *s = &u->state;
    uint8_t byte = s->receive[s->first];
    if (s->received == 0)
        return 0;
    s->first = (uint8_t)((s->first + 1) % UART_FIFO);
    if (--s->received == 0 && u->emptied)
        u->emptied(u->owner);
    return byte;
}

static uint8_t modem_status(const struct uart *u)
{
    uint8_t m = u->state.modem;
    if (!(m & MCR_LOOP))
        return MSR_CTS | MSR_DSR | MSR_DCD;
    return (uint8_t)((m & MCR_RTS ? MSR_CTS : 0) | (m & MCR_DTR ? MSR_DSR : 0) | (m & MCR_OUT1 ? MSR_RI : 0) |
                     (m & MCR_OUT2 ? MSR_DCD : 0));
}

static uint8_t read_identity(struct uart *u)
{
    uint8_t i = identity(u);
    if (i == IIR_EMPTY)
        u->state.empty_pending = 0;
    return (uint8_t)(i | (u->state.fifo & FCR_ENABLE ? IIR_FIFO : 0));
}

static uint8_t read_line_status(struct uart *u)
{
    struct uart_state *s = &u->state;
    uint8_t value = (uint8_t)((s->received > 0 ? LSR_DATA : 0) | (s->overrun ? LSR_OVERRUN : 0) |
                              (s->waiting == 0 ? LSR_EMPTY | LSR_IDLE : 0));
    s->overrun = 0;
    return value;
}

static uint64_t uart_read(void *device, uint64_t offset, unsigned size)
{
    struct uart *u = device;
    struct uart_state *s = &u->state;
    bool divisor = s->line & LCR_DIVISOR;
    uint8_t value = 0;
    switch (offset) {
    case REG_DATA:
        value = divisor ? s->divisor[0] : read_data(u);
        break;
    case REG_INTERRUPTS:
        value = divisor ? s->divisor[1] : s->interrupts;
        break;
    case REG_IDENTITY:
        value = read_identity(u);
        break;
    case REG_LINE:
        return s->line;
    case REG_MODEM:
        return s->modem;
    case REG_LINE_STATUS:
        value = read_line_status(u);
        break;
    case REG_MODEM_STATUS:
        return modem_status(u);
    case REG_SCRATCH:
        return s->scratch;
    }
    update(u);
    return value;
}

static void uart_reset(void *device)
{
    struct uart *u = device;
    memset(&u->state, 0, sizeof(u->state));
    u->state.divisor[0] = 12;
    update(u);
}

static int uart_check(const void *state, const char **why)
{
    const struct uart_state *s = state;
    if (s->received <= UART_FIFO && s->first < UART_FIFO && s->waiting <= UART_FIFO &&
        s->panic_matched < sizeof(UART_PANIC) - 1)
        return 0;
    *why = "a serial port holds more than its FIFO";
    return -EINVAL;
}

static void uart_loaded(void *device)
{
    update(device);
}

const struct device_ops uart_ops = {
    .name = "uart",
    .version = 1,
    .state_bytes = sizeof(struct uart_state),
    .reset = uart_reset,
    .check = uart_check,
    .loaded = uart_loaded,
};

void uart_connect(struct uart *u, bool (*put)(void *owner, uint8_t byte), void (*emptied)(void *owner), void *owner)
{
    u->put = put;
    u->emptied = emptied;
    u->owner = owner;
}

int uart_init(struct uart *u, struct bus *ports, uint16_t base, struct irq_line irq)
{
    struct bus_range range = {base, 8, "16550A", u, uart_read, uart_write};
    memset(u, 0, sizeof(*u));
    u->irq = irq;
    uart_reset(u);
    return bus_add(ports, &range);
}
