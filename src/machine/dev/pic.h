/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The pair of 8259A interrupt controllers of a PC (Intel 231468), with ELCR: ISA's lines 0 to 15 become vectors.
 * Ports 0x20, 0x21, 0xa0, 0xa1; 0x4d0, 0x4d1.
 */
#ifndef MOAT_MACHINE_DEV_PIC_H
#define MOAT_MACHINE_DEV_PIC_H

#include "machine/bus.h"
#include "machine/device.h"

struct pic_chip {
    uint8_t lines;     /* as they are */
    uint8_t requested; /* IRR */
    uint8_t masked, in_service;
    uint8_t base;      /* of the vectors */
    uint8_t lowest;    /* the line of lowest priority */
    uint8_t level;     /* ELCR */
    uint8_t init_next; /* which ICW is awaited: 0, 2, 3, 4 */
    uint8_t init_wants_4, single, auto_end, rotate_auto, special_mask, nested, read_in_service, poll; /* 0: no */
    uint8_t zero8[2];
};

struct pic_state {
    struct pic_chip chip[2];
};

struct pic {
    struct pic_state state;
    void (*changed)(void *owner); /* pic_pending() may be another now */
    void *owner;
    struct pic_port {
        struct pic *pic;
        unsigned chip;
    } ports[2];
};

int pic_init(struct pic *p, struct bus *ports, void (*changed)(void *owner), void *owner);
void pic_set(struct pic *p, unsigned line, bool up);
bool pic_pending(const struct pic *p);
/* The vector; a spurious one when the line is gone. */
uint8_t pic_acknowledge(struct pic *p);

extern const struct device_ops pic_ops;

#endif
