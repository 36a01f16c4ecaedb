/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A PC's devices at their places, and what lies between them: the A20 gate, the ways to reset, the ports by which
 * firmware says what it does. Runs on the machine's thread, as all of it does.
 */
#include "machine/pc.h"

#include "machine/machine.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum { PORT92_RESET = 1, PORT92_A20 = 2 };
#define DEBUG_ANSWER 0xe9 /* by which firmware knows that somebody listens at port 0x402 */

/* ---- The gate and the ways to reset ------------------------------------------------------------------------------ */

static void map_anew(void *owner)
{
    struct pc *pc = owner;
    pc_map(pc);
    if (pc->machine->vcpu != NULL && pc->machine->vcpu->ops->map_changed(pc->machine->vcpu) != 0)
        machine_end(pc->machine, MACHINE_FAILED);
}

void pc_set_a20(struct pc *pc, bool open)
{
    if (pc->state.a20 == open)
        return;
    pc->state.a20 = open;
    map_anew(pc);
}

static void gate(void *owner, bool open)
{
    pc_set_a20(owner, open);
}

static bool gate_is_open(void *owner)
{
    const struct pc *pc = owner;
    return pc->state.a20;
}

static void reset_line(void *owner)
{
    struct pc *pc = owner;
    machine_end(pc->machine, MACHINE_RESET);
}

static uint64_t port92_read(void *device, uint64_t offset, unsigned size)
{
    const struct pc *pc = device;
    return pc->state.port92 | (pc->state.a20 ? PORT92_A20 : 0);
}

static void port92_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct pc *pc = device;
    pc->state.port92 = value & ~(PORT92_RESET | PORT92_A20) & 0xff;
    pc_set_a20(pc, value & PORT92_A20);
    if (value & PORT92_RESET)
        reset_line(pc);
}

/* ---- Ports by which firmware and tests speak --------------------------------------------------------------------- */

static uint64_t debug_read(void *device, uint64_t offset, unsigned size)
{
    return DEBUG_ANSWER;
}

static void debug_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    const struct pc *pc = device;
    if (pc->setup->debug != NULL)
        pc->setup->debug(pc->setup->owner, value & 0xff);
}

static void exit_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    const struct pc *pc = device;
    pc->machine->exit_value = (uint32_t)value;
    machine_end(pc->machine, MACHINE_DEBUG_EXIT);
}

/* ---- The record -------------------------------------------------------------------------------------------------- */

static void pc_reset(void *device)
{
    struct pc *pc = device;
    pc->state = (struct pc_state){.a20 = 1};
    pc_map(pc);
}

static int pc_check(const void *state, const char **why)
{
    const struct pc_state *s = state;
    if (s->a20 <= 1 && !(s->port92 & (PORT92_RESET | PORT92_A20)))
        return 0;
    *why = "a PC's gate is neither open nor shut";
    return -EINVAL;
}

/* It is the last of the PC's in the list, so the bridge has its PAM by now. */
static void pc_loaded(void *device)
{
    map_anew(device);
}

const struct device_ops pc_ops = {
    .name = "pc",
    .version = 1,
    .state_bytes = sizeof(struct pc_state),
    .reset = pc_reset,
    .check = pc_check,
    .loaded = pc_loaded,
};

/* ---- Making it --------------------------------------------------------------------------------------------------- */

static struct irq_line line(struct machine *m, unsigned gsi)
{
    return (struct irq_line){machine_set_line, m, gsi};
}

static int add_ports(struct pc *pc, struct bus *ports)
{
    const struct bus_range ranges[] = {
        {0x92, 1, "system control A", pc, port92_read, port92_write},
        {0x402, 1, "debug console", pc, debug_read, debug_write},
        {0xe9, 1, "debug console", pc, debug_read, debug_write},
        {0xf4, 4, "debug exit", pc, NULL, exit_write},
    };
    const unsigned n = sizeof(ranges) / sizeof(ranges[0]) - (pc->setup->debug_exit ? 0 : 1);
    int r = 0;
    for (unsigned i = 0; i < n && r == 0; i++)
        r = bus_add(ports, &ranges[i]);
    return r;
}

int pc_init(struct pc *pc, struct machine *m)
{
    const struct pc_setup *s = pc->setup;
    struct bus *ports = &m->ports;
    int r;
    pc->machine = m;
    if ((r = add_ports(pc, ports)) != 0 || (r = pci_init(&pc->pci, ports, map_anew, reset_line, pc)) != 0 ||
        (r = vga_init(&pc->vga, ports, &m->registers, &m->clock)) != 0 ||
        (r = i8042_init(&pc->keyboard, ports, &m->clock, &m->timers, line(m, 1), line(m, 12), reset_line, gate,
                        gate_is_open, pc)) != 0 ||
        (r = typist_init(&pc->typist, &pc->keyboard, &m->clock, &m->timers)) != 0 ||
        (r = dma_init(&pc->dma, ports, &m->memory)) != 0 ||
        (r = fdc_init(&pc->floppy, ports, &pc->dma, &m->clock, &m->timers, line(m, 6), s->floppies, s->floppy_types)) !=
            0 ||
        (r = ide_init(&pc->ide[0], ports, 0x1f0, 0x3f6, line(m, 14), s->disks, s->disk_kinds)) != 0 ||
        (r = ide_init(&pc->ide[1], ports, 0x170, 0x376, line(m, 15), s->disks + 2, s->disk_kinds + 2)) != 0 ||
        (r = fwcfg_init(&m->fwcfg, ports, m->ram_bytes, 1)) != 0)
        return r;
    pc_reset(pc);
    return pc_firmware(pc);
}

int pc_list(struct pc *pc)
{
    const struct machine_device all[] = {
        {&pci_ops, &pc->pci, 0},
        {&vga_ops, &pc->vga, 0},
        {&i8042_ops, &pc->keyboard, 0},
        {&dma_ops, &pc->dma, 0},
        {&fdc_ops, &pc->floppy, 0},
        {&ide_ops, &pc->ide[0], 0},
        {&ide_ops, &pc->ide[1], 0},
        {&fwcfg_ops, &pc->machine->fwcfg, 0},
        {&pc_ops, pc, 0},
    };
    int r = 0;
    for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]) && r == 0; i++)
        r = machine_add_device(pc->machine, all[i].ops, all[i].device);
    return r;
}

bool pc_begins_anew(const struct pc *pc)
{
    return pc->setup->firmware != NULL;
}

bool pc_stalled(const struct pc *pc)
{
    for (unsigned i = 0; i < PC_FLOPPIES; i++)
        if (medium_stalled(pc->setup->floppies[i]))
            return true;
    for (unsigned i = 0; i < PC_DISKS; i++)
        if (pc->setup->disks[i] != NULL && medium_stalled(pc->setup->disks[i]))
            return true;
    return false;
}
