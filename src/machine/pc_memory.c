/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the processor of a PC sees: RAM but for the display's window, and from 0xc0000 to 1 MiB, by segments, RAM or ROM
 * as the 440FX's PAM registers say (Intel 290549, 3.2.17). Writes pc->view alone; devices and the loader go on reaching
 * the RAM beneath by the machine's own map.
 */
#include "machine/machine.h"
#include "machine/pc.h"

#define SHADOW        UINT64_C(0xc0000)
#define SHADOW_END    UINT64_C(0x100000)
#define SEGMENT       UINT64_C(0x4000)
#define LOW_ROM       UINT64_C(0xe0000) /* the firmware's last 128 KiB are here as well */
#define LOW_ROM_BYTES UINT64_C(0x20000)

/* One more region, or more of the one before where it goes on there. Regions come in the order of their addresses. */
static void see(struct gmem *view, gpa_t base, uint64_t bytes, uint8_t *host, uint32_t flags)
{
    struct gmem_region *last = view->n > 0 ? &view->regions[view->n - 1] : NULL;
    if (bytes == 0)
        return;
    if (last != NULL && last->base + last->bytes == base && last->host + last->bytes == host && last->flags == flags) {
        last->bytes += bytes;
        return;
    }
    (void)gmem_add(view, &(struct gmem_region){.base = base, .bytes = bytes, .host = host, .flags = flags});
}

/* Where reads are not of RAM they are of ROM; what is written there is then lost, even where PAM would have it go to
 * the RAM beneath. */
static void see_segment(struct pc *pc, uint8_t *ram, unsigned n)
{
    const struct pc_setup *s = pc->setup;
    const gpa_t base = SHADOW + n * SEGMENT;
    const uint64_t bytes = n == PCI_PAM_SEGMENTS - 1 ? SHADOW_END - base : SEGMENT;
    const unsigned pam = s->firmware != NULL ? pci_pam(&pc->pci, n) : PAM_READ | PAM_WRITE;
    if (pam & PAM_READ)
        see(&pc->view, base, bytes, ram + base, pam & PAM_WRITE ? 0 : GMEM_ROM);
    else if (base >= LOW_ROM)
        see(&pc->view, base, bytes, s->firmware + s->firmware_bytes - LOW_ROM_BYTES + (base - LOW_ROM), GMEM_ROM);
}

void pc_map(struct pc *pc)
{
    const struct gmem *memory = &pc->machine->memory;
    const struct gmem_region *low = &memory->regions[0];
    const struct pc_setup *s = pc->setup;
    pc->view.n = 0;
    see(&pc->view, 0, VGA_WINDOW, low->host, 0);
    for (unsigned n = 0; n < PCI_PAM_SEGMENTS; n++)
        see_segment(pc, low->host, n);
    see(&pc->view, SHADOW_END, low->bytes - SHADOW_END, low->host + SHADOW_END, 0);
    if (s->firmware != NULL)
        see(&pc->view, (UINT64_C(1) << 32) - s->firmware_bytes, s->firmware_bytes, s->firmware, GMEM_ROM);
    for (unsigned i = 1; i < memory->n; i++)
        see(&pc->view, memory->regions[i].base, memory->regions[i].bytes, memory->regions[i].host, 0);
}
