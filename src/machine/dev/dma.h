/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The two 8237A DMA controllers of a PC (Intel 231466) with their page registers: ports 0x00 to 0x0f, 0xc0 to 0xdf,
 * 0x80 to 0x8f. A device moves its bytes by dma_transfer(), at no particular speed; memory to memory is not there.
 */
#ifndef MOAT_MACHINE_DEV_DMA_H
#define MOAT_MACHINE_DEV_DMA_H

#include "machine/bus.h"
#include "machine/device.h"
#include "machine/gmem.h"

struct dma_channel {
    uint16_t base_address, base_count, address, count;
    uint8_t mode, zero8[3];
};

struct dma_chip {
    struct dma_channel channel[4];
    uint8_t command, masked, requested, status, flip_flop, temporary, zero8[2]; /* a bit for each channel */
};

struct dma_state {
    struct dma_chip chip[2]; /* channels 0 to 3 by bytes, 4 to 7 by words */
    uint8_t pages[16];       /* ports 0x80 to 0x8f: which of them is whose is in dma.c */
};

struct dma {
    struct dma_state state;
    struct gmem *memory;
    struct dma_port {
        struct dma *dma;
        unsigned chip;
    } ports[2];
};

int dma_init(struct dma *d, struct bus *ports, struct gmem *memory);
/* May the channel (0 to 7) be used now: it is not masked, its controller is on? Those of the first controller go
 * through channel 4, which has to be open as well. */
bool dma_ready(const struct dma *d, unsigned channel);
/* At most n bytes (whole words of channels 5 to 7) between `bytes` and memory, in the direction that the channel's mode
 * says: `into` must agree with it, else nothing moves (verify moves nothing and counts; a device that takes bytes finds
 * ones). How many were counted; *terminal: the count has run out. Addresses that are no memory read as ones and lose
 * what is written. */
uint32_t dma_transfer(struct dma *d, unsigned channel, void *bytes, uint32_t n, bool into, bool *terminal);

extern const struct device_ops dma_ops;

#endif
