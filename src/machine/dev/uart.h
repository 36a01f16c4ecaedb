/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A 16550A serial port (National Semiconductor PC16550D) at a PC's addresses. What is sent goes to a callback at once,
 * at no particular speed; what comes in waits in the receiver's FIFO.
 */
#ifndef MOAT_MACHINE_DEV_UART_H
#define MOAT_MACHINE_DEV_UART_H

#include "machine/bus.h"
#include "machine/device.h"

#define UART_FIFO 16u

struct uart_state {
    uint8_t receive[UART_FIFO], transmit[UART_FIFO]; /* transmit: what the callback would not have yet */
    uint8_t received, first, waiting;                /* bytes in each; where receive begins */
    uint8_t interrupts, fifo, line, modem, scratch;  /* IER, FCR, LCR, MCR, SCR */
    uint8_t overrun, empty_pending;                  /* LSR's bit; the transmitter's interrupt */
    uint8_t divisor[2];
    uint8_t panic_matched; /* bytes of the sentence below that were the last to be sent */
    uint8_t panicked;      /* 1: all of it was */
    uint8_t zero8[2];
};

/* How Linux begins its last words. A kernel without a driver for the panic notifier has no other way to tell. */
#define UART_PANIC "Kernel panic - not syncing"

struct uart {
    struct uart_state state;
    /* false: not now; uart_poll() asks again. */
    bool (*put)(void *owner, uint8_t byte);
    /* The last byte that was received has been read: there may be more. NULL: nobody. */
    void (*emptied)(void *owner);
    void *owner;
    struct irq_line irq;
};

int uart_init(struct uart *u, struct bus *ports, uint16_t base, struct irq_line irq);
/* Who gets the bytes. NULL: nobody, they are lost. */
void uart_connect(struct uart *u, bool (*put)(void *owner, uint8_t byte), void (*emptied)(void *owner), void *owner);
/* How many bytes there is room for; and takes so many of n. */
unsigned uart_room(const struct uart *u);
unsigned uart_receive(struct uart *u, const uint8_t *bytes, unsigned n);
/* Offers again what the callback would not have. */
void uart_poll(struct uart *u);

extern const struct device_ops uart_ops;

#endif
