/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PCI's configuration space (PCI 2.2, mechanism 1, ports 0xcf8 to 0xcff) with what an old PC has on bus 0: the 440FX
 * host bridge (Intel 290549: PAM), and the PIIX3/PIIX4 functions (Intel 290550, 290562): ISA bridge, IDE in its legacy
 * places, ACPI power management at port 0x600. No function has memory or ports that could be moved, or an interrupt
 * line.
 */
#ifndef MOAT_MACHINE_DEV_PCI_H
#define MOAT_MACHINE_DEV_PCI_H

#include "machine/bus.h"
#include "machine/device.h"

enum pci_function { PCI_HOST, PCI_ISA, PCI_IDE, PCI_POWER, PCI_FUNCTIONS };

struct pci_state {
    uint32_t address;      /* port 0xcf8 */
    uint8_t reset_control; /* port 0xcf9 */
    uint8_t zero8[3];
    uint8_t config[PCI_FUNCTIONS][256];
};

struct pci {
    struct pci_state state;
    void (*pam_changed)(void *owner); /* what is to be seen at 0xc0000 to 0xfffff may be another now */
    void (*reset)(void *owner);       /* port 0xcf9, which lies among these */
    void *owner;
};

/* PAM's 13 segments: 12 of 16 KiB from 0xc0000 on, and 64 KiB at 0xf0000. */
#define PCI_PAM_SEGMENTS 13u
enum { PAM_READ = 1 /* reads are of RAM, else of ROM */, PAM_WRITE = 2 };

int pci_init(struct pci *p, struct bus *ports, void (*pam_changed)(void *owner), void (*reset)(void *owner),
             void *owner);
unsigned pci_pam(const struct pci *p, unsigned segment);

extern const struct device_ops pci_ops;

#endif
