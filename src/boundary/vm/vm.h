/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What moat asks of a PC that runs (-b vm), over the sockets in its sandbox's directory. All return 0 or -errno with a
 * sentence; what comes back is bounded and checked, since the machine may have been taken over.
 */
#ifndef MOAT_BOUNDARY_VM_VM_H
#define MOAT_BOUNDARY_VM_VM_H

#include "boundary/boundary.h"
#include "boundary/control.h"
#include "machine/screen.h"

/* What its display shows. The bytes lie in the arena and have passed screen_check(): cells, palette and pixels in them.
 * -EPROTO: what the machine wrote is no picture. */
struct vm_screen {
    const uint8_t *bytes;
    size_t n;
    struct screen_header header;
    const uint8_t *cells, *palette, *pixels;
};
int vm_screen(const struct instance *inst, struct arena *a, struct vm_screen *out, struct err *err);

/* Keys, pressed and released in this order, at most CONTROL_KEYS_MOST: all or none. -EAGAIN, without a sentence's
 * worth: there is no room for them now, ask again. */
int vm_keys(const struct instance *inst, const uint16_t *keys, unsigned n, struct err *err);

int vm_machine(const struct instance *inst, enum control_machine_what what, struct err *err);

/* A medium, open and locked, into a drive; what was there is gone. read_only: nothing is written to it. */
int vm_insert(const struct instance *inst, enum control_drive drive, int medium, bool read_only, struct err *err);
int vm_eject(const struct instance *inst, enum control_drive drive, struct err *err);

#endif
