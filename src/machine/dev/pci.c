/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Configuration registers as one table: what each reads after a reset, and which of its bits a guest may change. What
 * is in no row reads 0 and takes nothing; base addresses are among that, so there is nothing to place. Touches its
 * state and what its callbacks reach.
 */
#include "machine/dev/pci.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define PORT_ADDRESS 0xcf8u /* and port 0xcf9 in it, which is another register to an access of one byte */
#define PORTS        8u
#define DATA         4u /* offset of port 0xcfc */
#define ABSENT       PCI_FUNCTIONS
#define ADDRESS_BITS UINT32_C(0x80fffffc)

enum { ADDRESS_ENABLE = 1u << 31 };
enum { RESET_HARD = 2, RESET_DO = 4 };
enum { PAM_FIRST = 0x59, PAM_LAST = 0x5f };

struct row {
    uint8_t function, at, bytes;
    uint32_t value, writable;
};

/*
 * Little-endian. A machine that has no firmware is as a firmware would leave it: the IDE channels are decoded.
 * Left out: registers of memory timing, and of what these chips have and this machine has not (USB, bus master, SMBus,
 * system management mode).
 */
static const struct row rows[] = {
    /* 82441FX (290549, 3.2). Memory space and bus master are always on. */
    {PCI_HOST, 0x00, 4, 0x12378086, 0},
    {PCI_HOST, 0x04, 4, 0x02800006, 0x0140},
    {PCI_HOST, 0x08, 4, 0x06000002, 0},
    {PCI_HOST, 0x0d, 1, 0, 0xf8},
    {PCI_HOST, 0x2c, 4, 0x11001af4, 0}, /* by which firmware knows that this is no board */
    {PCI_HOST, 0x59, 1, 0, 0x30},
    {PCI_HOST, 0x5a, 4, 0, 0x33333333},
    {PCI_HOST, 0x5e, 2, 0, 0x3333},
    {PCI_HOST, 0x72, 1, 0x02, 0}, /* SMRAM: there is none to be opened */
    /* 82371SB (290550, 2.2) */
    {PCI_ISA, 0x00, 4, 0x70008086, 0},
    {PCI_ISA, 0x04, 4, 0x02000007, 0x0008},
    {PCI_ISA, 0x08, 4, 0x06010000, 0},
    {PCI_ISA, 0x0e, 1, 0x80, 0}, /* there are more functions */
    {PCI_ISA, 0x4c, 1, 0x4d, 0xff},
    {PCI_ISA, 0x4e, 2, 0x0003, 0x01ff},         /* which ISA addresses are decoded: all */
    {PCI_ISA, 0x60, 4, 0x80808080, 0x8f8f8f8f}, /* routes of PCI's four interrupts, which nobody has */
    {PCI_ISA, 0x69, 1, 0x02, 0xfe},
    {PCI_ISA, 0x82, 1, 0, 0x0f},
    /* Its IDE function, in the legacy places and without a bus master's registers. */
    {PCI_IDE, 0x00, 4, 0x70108086, 0},
    {PCI_IDE, 0x04, 4, 0x02800001, 0x0005},
    {PCI_IDE, 0x08, 4, 0x01010000, 0},
    {PCI_IDE, 0x0d, 1, 0, 0xf0},
    {PCI_IDE, 0x40, 4, 0x80008000, 0xf3fff3ff}, /* timing; bits 15: this channel's ports are decoded */
    {PCI_IDE, 0x44, 1, 0, 0xff},
    /* 82371AB's function 3 (290562, 7.1) */
    {PCI_POWER, 0x00, 4, 0x71138086, 0},
    {PCI_POWER, 0x04, 4, 0x02800001, 0x0001},
    {PCI_POWER, 0x08, 4, 0x06800003, 0},
    {PCI_POWER, 0x3c, 1, 9, 0xff},
    {PCI_POWER, 0x40, 4, 0x601, 0}, /* where power.h has its ports, for good */
    {PCI_POWER, 0x5b, 1, 0x02, 0},  /* APMC's interrupt is set up already: firmware leaves system management alone */
    {PCI_POWER, 0x80, 1, 0x01, 0x01},
    {PCI_POWER, 0x90, 4, 0x00000001, 0xfff0}, /* SMBus's base; 0xd2 says that it is off */
};
#define ROWS (sizeof(rows) / sizeof(rows[0]))

static void defaults(uint8_t config[PCI_FUNCTIONS][256])
{
    memset(config, 0, PCI_FUNCTIONS * sizeof(config[0]));
    for (unsigned i = 0; i < ROWS; i++)
        memcpy(&config[rows[i].function][rows[i].at], &rows[i].value, rows[i].bytes);
}

static void all_writable(uint8_t config[PCI_FUNCTIONS][256])
{
    memset(config, 0, PCI_FUNCTIONS * sizeof(config[0]));
    for (unsigned i = 0; i < ROWS; i++)
        memcpy(&config[rows[i].function][rows[i].at], &rows[i].writable, rows[i].bytes);
}

static uint8_t writable(unsigned function, uint8_t at)
{
    for (unsigned i = 0; i < ROWS; i++) {
        if (rows[i].function == function && at >= rows[i].at && at - rows[i].at < rows[i].bytes)
            return (uint8_t)(rows[i].writable >> 8 * (at - rows[i].at));
    }
    return 0;
}

/* Whom the address means; ABSENT: nobody, or it is not enabled. */
static unsigned chosen(const struct pci *p)
{
    uint32_t address = p->state.address;
    if (!(address & ADDRESS_ENABLE))
        return ABSENT;
    switch (address >> 8 & 0xffff) { /* bus, device, function */
    case 0x00 << 3:
        return PCI_HOST;
    case 0x01 << 3:
        return PCI_ISA;
    case 0x01 << 3 | 1:
        return PCI_IDE;
    case 0x01 << 3 | 3:
        return PCI_POWER;
    }
    return ABSENT;
}

unsigned pci_pam(const struct pci *p, unsigned segment)
{
    const uint8_t *pam = &p->state.config[PCI_HOST][PAM_FIRST];
    if (segment >= PCI_PAM_SEGMENTS - 1)
        return pam[0] >> 4 & 3;
    return pam[1 + segment / 2] >> 4 * (segment % 2) & 3;
}

/* ---- Ports ------------------------------------------------------------------------------------------------------- */

static uint64_t read_data(const struct pci *p, uint64_t offset, unsigned size)
{
    unsigned function = chosen(p);
    uint64_t value = 0;
    if (function == ABSENT)
        return UINT64_MAX;
    memcpy(&value, &p->state.config[function][(p->state.address & 0xfc) + offset], size);
    return value;
}

static void write_data(struct pci *p, uint64_t offset, unsigned size, uint64_t value)
{
    unsigned function = chosen(p);
    bool pam = false;
    if (function == ABSENT)
        return;
    for (unsigned i = 0; i < size; i++) {
        uint8_t at = (uint8_t)((p->state.address & 0xfc) + offset + i), mask = writable(function, at);
        uint8_t *byte = &p->state.config[function][at], was = *byte;
        *byte = (uint8_t)((was & ~mask) | (value >> 8 * i & mask));
        pam = pam || (function == PCI_HOST && at >= PAM_FIRST && at <= PAM_LAST && *byte != was);
    }
    if (pam && p->pam_changed != NULL)
        p->pam_changed(p->owner);
}

/* The address is a register of 32 bits to an access of 32 bits alone; others are ordinary ones, to nobody. */
static uint64_t pci_read(void *device, uint64_t offset, unsigned size)
{
    const struct pci *p = device;
    if (offset >= DATA)
        return read_data(p, offset - DATA, size);
    if (offset == 0 && size == 4)
        return p->state.address;
    return offset == 1 && size == 1 ? p->state.reset_control : UINT64_MAX;
}

static void pci_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct pci *p = device;
    if (offset >= DATA) {
        write_data(p, offset - DATA, size, value);
    } else if (offset == 0 && size == 4) {
        p->state.address = (uint32_t)value & ADDRESS_BITS;
    } else if (offset == 1 && size == 1) {
        p->state.reset_control = value & RESET_HARD;
        if ((value & RESET_DO) && p->reset != NULL)
            p->reset(p->owner);
    }
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

static void clear(struct pci *p)
{
    memset(&p->state, 0, sizeof(p->state));
    defaults(p->state.config);
}

static void pci_reset(void *device)
{
    struct pci *p = device;
    clear(p);
    if (p->pam_changed != NULL)
        p->pam_changed(p->owner);
}

static void pci_loaded(void *device)
{
    const struct pci *p = device;
    if (p->pam_changed != NULL)
        p->pam_changed(p->owner);
}

static int pci_check(const void *state, const char **why)
{
    const struct pci_state *s = state;
    uint8_t config[PCI_FUNCTIONS][256], may[PCI_FUNCTIONS][256];
    bool good = !(s->address & ~ADDRESS_BITS) && !(s->reset_control & ~RESET_HARD);
    defaults(config);
    all_writable(may);
    for (unsigned f = 0; f < PCI_FUNCTIONS && good; f++) {
        for (unsigned at = 0; at < 256 && good; at++)
            good = !((s->config[f][at] ^ config[f][at]) & ~may[f][at]);
    }
    if (good)
        return 0;
    *why = "a PCI register has a value that it cannot have";
    return -EINVAL;
}

const struct device_ops pci_ops = {
    .name = "pci",
    .version = 1,
    .state_bytes = sizeof(struct pci_state),
    .reset = pci_reset,
    .check = pci_check,
    .loaded = pci_loaded,
};

int pci_init(struct pci *p, struct bus *ports, void (*pam_changed)(void *owner), void (*reset)(void *owner),
             void *owner)
{
    const struct bus_range range = {PORT_ADDRESS, PORTS, "PCI configuration", p, pci_read, pci_write};
    p->pam_changed = pam_changed;
    p->reset = reset;
    p->owner = owner;
    clear(p);
    return bus_add(ports, &range);
}
