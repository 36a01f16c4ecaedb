/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How the parts of a machine are joined: the processor's bus to memory and devices, lines to interrupt controllers,
 * controllers to the processor; and the loop. Kept safe by being alone: nothing here runs on another thread but
 * machine_stop().
 */
#include "machine/machine.h"

#include "machine/pc.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define SLICE     20000u /* instructions, when no timer is near */
#define SLICE_MIN 200u
#define SLICE_NS  UINT64_C(10000000) /* for an engine that goes by time */
#define FAR_TICKS (UINT64_C(1) << 62)

unsigned machine_memory_layout(uint64_t bytes, struct gmem_region regions[2])
{
    uint64_t low = bytes < MACHINE_LOW_MAX ? bytes : MACHINE_LOW_MAX;
    regions[0] = (struct gmem_region){.base = 0, .bytes = low, .offset = 0};
    regions[1] = (struct gmem_region){.base = MACHINE_HIGH_BASE, .bytes = bytes - low, .offset = low};
    return bytes > low ? 2 : 1;
}

/* ---- Interrupts -------------------------------------------------------------------------------------------------- */

/* Something has changed in a controller: is the processor's line up? */
static void update_line(void *owner)
{
    struct machine *m = owner;
    bool up = lapic_pending(&m->lapic) >= 0 || (pic_pending(&m->pic) && lapic_takes_extint(&m->lapic));
    if (up == m->intr || m->vcpu == NULL)
        return;
    m->intr = up;
    m->vcpu->ops->set_intr(m->vcpu, up);
}

static int acknowledge(void *owner)
{
    struct machine *m = owner;
    int vector = -1;
    if (pic_pending(&m->pic) && lapic_takes_extint(&m->lapic))
        vector = pic_acknowledge(&m->pic);
    else
        vector = lapic_acknowledge(&m->lapic);
    update_line(m);
    return vector;
}

/* Lines 0 to 15 are ISA's, and go to both controllers; the timer's is pin 2 of the I/O APIC, as the MADT says. */
void machine_set_line(void *machine, unsigned gsi, bool up)
{
    struct machine *m = machine;
    if (gsi < 16)
        pic_set(&m->pic, gsi, up);
    ioapic_set(&m->ioapic, gsi == 0 ? 2 : gsi, up);
}

static bool deliver(void *owner, const struct apic_message *message)
{
    struct machine *m = owner;
    if (message->delivery == APIC_EXTINT || !lapic_is_meant(&m->lapic, message))
        return false;
    lapic_deliver(&m->lapic, message);
    return true;
}

static void send_between(void *owner, const struct apic_message *message, enum apic_shorthand to)
{
    struct machine *m = owner;
    bool self = to == APIC_SELF || to == APIC_ALL || (to == APIC_NO_SHORTHAND && lapic_is_meant(&m->lapic, message));
    if (self)
        lapic_deliver(&m->lapic, message);
}

static void note(struct machine *m, const char *what, uint64_t number, uint64_t value)
{
    if (m->host.note != NULL)
        m->host.note(m->host.owner, what, number, value);
}

static void nmi(void *owner)
{
    struct machine *m = owner;
    m->vcpu->ops->set_nmi(m->vcpu);
}

static void init_signal(void *owner)
{
    note(owner, "INIT to the only processor", 0, 0);
}

static void end_of_level(void *owner, uint8_t vector)
{
    struct machine *m = owner;
    ioapic_end_of_interrupt(&m->ioapic, vector);
}

/* ---- Time -------------------------------------------------------------------------------------------------------- */

static uint64_t ticks(void *owner)
{
    const struct machine *m = owner;
    return clock_ticks(&m->clock);
}

static uint64_t tick_of(void *owner, uint64_t tsc)
{
    const struct machine *m = owner;
    uint64_t now = clock_ticks(&m->clock), guest = now + m->clock.state.adjust;
    if (tsc <= guest)
        return 0;
    return tsc - guest > FAR_TICKS ? NEVER : now + (tsc - guest);
}

/* A nanosecond later than the tick's own: who is woken finds that the counter has got there. */
static void lapic_arm(void *owner, uint64_t due)
{
    struct machine *m = owner;
    timer_set(&m->lapic_timer, due > FAR_TICKS ? NEVER : clock_ns(&m->clock, due) + 1);
}

static void lapic_ring(void *device)
{
    lapic_timer(device);
}

/* A timer was set that is due before the processor would come back by itself. */
static void sooner(void *owner)
{
    struct machine *m = owner;
    if (m->vcpu != NULL && m->timers.soonest < m->slice_until)
        m->vcpu->ops->kick(m->vcpu);
}

/* ---- The processor's bus ----------------------------------------------------------------------------------------- */

/* What lies at an address is what lies behind the A20 gate, and before all else the local APIC's page. */
static bool at_lapic(const struct machine *m, uint64_t *gpa, uint32_t *offset)
{
    uint64_t apic;
    if (m->pc != NULL)
        *gpa = pc_address(m->pc, *gpa);
    if (!lapic_mapped(&m->lapic, &apic) || *gpa - apic >= 4096)
        return false;
    *offset = (uint32_t)(*gpa - apic);
    return true;
}

static uint8_t *bus_page(void *owner, uint64_t gpa, bool *writable)
{
    const struct machine *m = owner;
    uint32_t offset;
    if (at_lapic(m, &gpa, &offset))
        return NULL;
    return gmem_page(m->pc != NULL ? &m->pc->view : &m->memory, gpa, writable);
}

static uint64_t registers_read(void *owner, uint64_t gpa, unsigned size)
{
    struct machine *m = owner;
    uint32_t offset;
    return at_lapic(m, &gpa, &offset) ? lapic_read(&m->lapic, offset, size) : bus_read(&m->registers, gpa, size);
}

static void registers_write(void *owner, uint64_t gpa, unsigned size, uint64_t value)
{
    struct machine *m = owner;
    uint32_t offset;
    if (at_lapic(m, &gpa, &offset))
        lapic_write(&m->lapic, offset, size, value);
    else
        bus_write(&m->registers, gpa, size, value);
}

static uint32_t port_in(void *owner, uint16_t port, unsigned size)
{
    struct machine *m = owner;
    return (uint32_t)bus_read(&m->ports, port, size);
}

static void port_out(void *owner, uint16_t port, unsigned size, uint32_t value)
{
    struct machine *m = owner;
    bus_write(&m->ports, port, size, value);
}

static uint32_t ports_in(void *owner, uint16_t port, unsigned size, void *bytes, uint32_t count)
{
    struct machine *m = owner;
    return bus_read_many(&m->ports, port, size, size, bytes, count);
}

static uint32_t ports_out(void *owner, uint16_t port, unsigned size, const void *bytes, uint32_t count)
{
    struct machine *m = owner;
    return bus_write_many(&m->ports, port, size, size, bytes, count);
}

static uint32_t registers_read_many(void *owner, uint64_t gpa, unsigned size, void *bytes, uint32_t count)
{
    struct machine *m = owner;
    uint32_t offset;
    return at_lapic(m, &gpa, &offset) ? 0
                                      : bus_read_many(&m->registers, gpa, (uint64_t)size * count, size, bytes, count);
}

static uint32_t registers_write_many(void *owner, uint64_t gpa, unsigned size, const void *bytes, uint32_t count)
{
    struct machine *m = owner;
    uint32_t offset;
    return at_lapic(m, &gpa, &offset) ? 0
                                      : bus_write_many(&m->registers, gpa, (uint64_t)size * count, size, bytes, count);
}

static uint8_t tpr_get(void *owner)
{
    const struct machine *m = owner;
    return lapic_tpr(&m->lapic);
}

static void tpr_set(void *owner, uint8_t tpr)
{
    struct machine *m = owner;
    lapic_set_tpr(&m->lapic, tpr);
}

static bool msr_read(void *owner, uint32_t index, uint64_t *value)
{
    struct machine *m = owner;
    enum lapic_msr r = lapic_msr_read(&m->lapic, index, value);
    return r == LAPIC_MSR_DONE || (r == LAPIC_MSR_OTHER && clock_msr_read(&m->clock, index, value));
}

static bool msr_write(void *owner, uint32_t index, uint64_t value)
{
    struct machine *m = owner;
    uint64_t before = m->lapic.state.base, adjusted = m->clock.state.adjust;
    enum lapic_msr r = lapic_msr_write(&m->lapic, index, value);
    if (r == LAPIC_MSR_OTHER && clock_msr_write(&m->clock, index, value))
        r = LAPIC_MSR_DONE;
    if (m->lapic.state.base != before)
        (void)m->vcpu->ops->map_changed(m->vcpu);
    if (m->clock.state.adjust != adjusted)
        lapic_timer_rearm(&m->lapic);
    return r == LAPIC_MSR_DONE;
}

static bool random_number(void *owner, uint64_t *value)
{
    struct machine *m = owner;
    return m->host.random != NULL && m->host.random(m->host.owner, value);
}

static void bus_note(void *owner, const char *what, uint64_t number, uint64_t value)
{
    note(owner, what, number, value);
}

static const struct cpu_bus bus = {
    .page = bus_page,
    .read = registers_read,
    .write = registers_write,
    .in = port_in,
    .out = port_out,
    .in_many = ports_in,
    .out_many = ports_out,
    .read_many = registers_read_many,
    .write_many = registers_write_many,
    .acknowledge = acknowledge,
    .tpr_get = tpr_get,
    .tpr_set = tpr_set,
    .msr_read = msr_read,
    .msr_write = msr_write,
    .tsc = ticks,
    .random = random_number,
    .note = bus_note,
};

static void memory_written(void *owner, gpa_t gpa, uint64_t n)
{
    struct machine *m = owner;
    if (m->vcpu != NULL)
        m->vcpu->ops->memory_written(m->vcpu, gpa, n);
}

static void unassigned_port(void *owner, bool write, uint64_t address, unsigned size, uint64_t value)
{
    note(owner, write ? "out to port" : "in from port", address, value);
}

static void unassigned_register(void *owner, bool write, uint64_t address, unsigned size, uint64_t value)
{
    note(owner, write ? "write to address" : "read from address", address, value);
}

/* ---- Ends -------------------------------------------------------------------------------------------------------- */

void machine_end(struct machine *m, enum machine_end end)
{
    bool panicked = m->uart[0].state.panicked || m->uart[1].state.panicked;
    if (m->end != MACHINE_RUNS)
        return;
    const bool reset = end == MACHINE_RESET || end == MACHINE_TRIPLE_FAULT;
    if (reset && m->pc != NULL && pc_begins_anew(m->pc))
        m->begin_anew = true;
    else
        m->end = reset && panicked ? MACHINE_PANIC : end;
    if (m->vcpu != NULL)
        m->vcpu->ops->stop(m->vcpu);
}

static void power_request(void *owner, enum power_request what)
{
    static const enum machine_end ends[] = {
        [POWER_OFF] = MACHINE_POWEROFF, [POWER_RESET] = MACHINE_RESET, [POWER_PANIC] = MACHINE_PANIC};
    machine_end(owner, ends[what]);
}

static void debug_exit(void *owner, uint32_t value)
{
    struct machine *m = owner;
    m->exit_value = value;
    machine_end(m, MACHINE_DEBUG_EXIT);
}

void machine_stop(struct machine *m)
{
    __atomic_store_n(&m->stop, 1, __ATOMIC_RELEASE);
    if (m->vcpu != NULL)
        m->vcpu->ops->kick(m->vcpu);
}

/* ---- Making it --------------------------------------------------------------------------------------------------- */

static void lapic_device_reset(void *device)
{
    struct lapic *l = device;
    lapic_reset(l, l->state.id, true);
}

static int lapic_device_check(const void *state, const char **why)
{
    return lapic_state_check(state, why);
}

static void lapic_device_loaded(void *device)
{
    lapic_loaded(device);
}

static const struct device_ops lapic_ops = {
    .name = "lapic",
    .version = LAPIC_STATE_VERSION,
    .state_bytes = sizeof(struct lapic_state),
    .reset = lapic_device_reset,
    .check = lapic_device_check,
    .loaded = lapic_device_loaded,
};

int machine_add_device(struct machine *m, const struct device_ops *ops, void *device)
{
    uint32_t number = 0;
    if (m->n_devices == DEVICES_MAX)
        return -ENOSPC;
    for (unsigned i = 0; i < m->n_devices; i++)
        number += m->devices[i].ops == ops;
    m->devices[m->n_devices++] = (struct machine_device){ops, device, number};
    return 0;
}

int machine_add_virtio(struct machine *m, void *device, uint64_t (*read)(void *device, uint64_t offset, unsigned size),
                       void (*write)(void *device, uint64_t offset, unsigned size, uint64_t value),
                       const struct device_ops *ops, struct irq_line *irq)
{
    unsigned slot = m->n_virtio;
    struct bus_range range = {VIRTIO_BASE + slot * VIRTIO_STRIDE, VIRTIO_STRIDE, ops->name, device, read, write};
    int r;
    if (slot == VIRTIO_SLOTS)
        return -ENOSPC;
    if ((r = bus_add(&m->registers, &range)) != 0 || (r = machine_add_device(m, ops, device)) != 0)
        return r;
    *irq = (struct irq_line){machine_set_line, m, VIRTIO_GSI + slot};
    m->n_virtio++;
    return 0;
}

static struct irq_line line(struct machine *m, unsigned gsi)
{
    return (struct irq_line){machine_set_line, m, gsi};
}

static void wire_lapic(struct machine *m, const struct cpu_model *model)
{
    uint32_t features = cpu_model_cpuid(model, 1, 0).ecx;
    m->lapic.wire = (struct lapic_wire){.owner = m,
                                        .ticks = ticks,
                                        .tick_of = tick_of,
                                        .arm = lapic_arm,
                                        .changed = update_line,
                                        .nmi = nmi,
                                        .reset = init_signal,
                                        .end_of_interrupt = end_of_level,
                                        .send = send_between};
    m->lapic.x2apic_allowed = features >> 21 & 1;
    m->lapic.deadline_allowed = features >> 24 & 1;
    lapic_reset(&m->lapic, model->apic_id, true);
}

static int make_devices(struct machine *m)
{
    uint64_t low = m->ram_bytes < MACHINE_LOW_MAX ? m->ram_bytes : MACHINE_LOW_MAX;
    int r;
    if ((r = pic_init(&m->pic, &m->ports, update_line, m)) != 0 ||
        (r = ioapic_init(&m->ioapic, &m->registers, deliver, m)) != 0 ||
        (r = pit_init(&m->pit, &m->ports, &m->clock, &m->timers, line(m, 0))) != 0 ||
        (r = rtc_init(&m->rtc, &m->ports, &m->clock, &m->timers, line(m, 8), low, m->ram_bytes - low)) != 0 ||
        (r = uart_init(&m->uart[0], &m->ports, 0x3f8, line(m, 4))) != 0 ||
        (r = uart_init(&m->uart[1], &m->ports, 0x2f8, line(m, 3))) != 0 ||
        (r = power_init(&m->power, &m->ports, &m->registers, &m->clock, &m->timers, line(m, POWER_IRQ), power_request,
                        m->kind != MACHINE_PC, m)) != 0)
        return r;
    if (m->kind == MACHINE_PC)
        return pc_init(m->pc, m);
    if (m->kind != MACHINE_KUT)
        return 0;
    r = testdev_init(&m->testdev, &m->ports, &m->registers, machine_set_line, debug_exit, m);
    if (r == 0)
        r = fwcfg_init(&m->fwcfg, &m->ports, m->ram_bytes, 1);
    m->fwcfg.no_display = true;
    return r;
}

static int list_devices(struct machine *m)
{
    const struct machine_device all[] = {
        {&clock_ops, &m->clock, 0},     {&lapic_ops, &m->lapic, 0},  {&pic_ops, &m->pic, 0},
        {&ioapic_ops, &m->ioapic, 0},   {&pit_ops, &m->pit, 0},      {&rtc_ops, &m->rtc, 0},
        {&uart_ops, &m->uart[0], 0},    {&uart_ops, &m->uart[1], 0}, {&power_ops, &m->power, 0},
        {&testdev_ops, &m->testdev, 0}, {&fwcfg_ops, &m->fwcfg, 0},
    };
    unsigned n = sizeof(all) / sizeof(all[0]) - (m->kind == MACHINE_KUT ? 0 : 2);
    int r = 0;
    for (unsigned i = 0; i < n && r == 0; i++)
        r = machine_add_device(m, all[i].ops, all[i].device);
    return r == 0 && m->kind == MACHINE_PC ? pc_list(m->pc) : r;
}

int machine_init(struct machine *m, const struct machine_setup *setup)
{
    struct cpu_bus cpu_bus = bus;
    int r;
    m->host = setup->host;
    m->kind = setup->kind;
    if (m->kind == MACHINE_PC) {
        m->pc = setup->pc;
        m->pc->setup = setup->pc_setup;
    }
    for (unsigned i = 0; i < m->memory.n; i++)
        m->ram_bytes += m->memory.regions[i].bytes;
    if (m->ram_bytes < MACHINE_RAM_MIN || m->ram_bytes > MACHINE_RAM_MAX)
        return -EINVAL;
    m->memory.written = memory_written;
    m->ports.unassigned = unassigned_port;
    m->registers.unassigned = unassigned_register;
    m->memory.owner = m->ports.owner = m->registers.owner = m->timers.owner = m;
    m->timers.sooner = sooner;
    clock_init(&m->clock, &m->memory, setup->model.tsc_hz, setup->wall_ns);
    cpu_bus.owner = m;
    if ((r = timer_add(&m->timers, &m->lapic_timer, lapic_ring, &m->lapic)) != 0)
        return r;
    wire_lapic(m, &setup->model);
    if ((r = make_devices(m)) != 0 || (r = list_devices(m)) != 0)
        return r;
    return setup->engine->create(&m->vcpu, &cpu_bus, &setup->model, m->pc != NULL ? &m->pc->view : &m->memory, m->why);
}

void machine_finish(struct machine *m)
{
    if (m->vcpu != NULL)
        m->vcpu->ops->destroy(m->vcpu);
    m->vcpu = NULL;
}

/* ---- Running ----------------------------------------------------------------------------------------------------- */

void machine_reset(struct machine *m)
{
    struct vcpu_state cpu;
    m->begin_anew = false;
    for (unsigned i = 0; i < m->n_devices; i++)
        m->devices[i].ops->reset(m->devices[i].device);
    vcpu_state_reset(&cpu);
    cpu.tsc = clock_ticks(&m->clock);
    if (m->vcpu->ops->set(m->vcpu, &cpu) != 0 || m->vcpu->ops->map_changed(m->vcpu) != 0)
        m->end = MACHINE_FAILED;
    m->intr = false;
    m->vcpu->ops->set_intr(m->vcpu, false);
    update_line(m);
}

/* How long the processor may run: to the next timer, at some four nanoseconds an instruction. */
static uint64_t slice(struct machine *m, uint64_t now, uint64_t *ns)
{
    uint64_t left = m->timers.soonest > now ? m->timers.soonest - now : 0, budget = left / 4;
    *ns = left < SLICE_NS ? left : SLICE_NS;
    budget = budget < SLICE_MIN ? SLICE_MIN : budget > SLICE ? SLICE : budget;
    m->slice_until = now + 16 * budget;
    if (m->slice_until < now + *ns && m->vcpu->ops->executed(m->vcpu) == 0)
        m->slice_until = now + *ns;
    return budget;
}

/* An interrupt that is up by now, and does not end this, is one that the processor has shut out. */
static void halt(struct machine *m)
{
    uint64_t now = clock_now(&m->clock);
    if (m->end != MACHINE_RUNS || __atomic_load_n(&m->stop, __ATOMIC_ACQUIRE))
        return;
    if (m->timers.soonest == NEVER)
        m->host.wait(m->host.owner, NEVER);
    else if (m->timers.soonest > now)
        m->host.wait(m->host.owner, m->timers.soonest - now);
}

static void ran(struct machine *m, enum vcpu_exit exit)
{
    switch (exit) {
    case VCPU_EXIT_HALT:
        halt(m);
        break;
    case VCPU_EXIT_SHUTDOWN:
        machine_end(m, MACHINE_TRIPLE_FAULT);
        break;
    case VCPU_EXIT_FAILED:
        machine_end(m, MACHINE_FAILED);
        break;
    case VCPU_EXIT_BUDGET:
    case VCPU_EXIT_KICK:
    case VCPU_EXIT_STOP:
        break;
    }
}

enum machine_end machine_run(struct machine *m)
{
    while (m->end == MACHINE_RUNS && !__atomic_exchange_n(&m->stop, 0, __ATOMIC_ACQ_REL)) {
        uint64_t now = clock_now(&m->clock), ns;
        timers_run(&m->timers, now);
        if (m->host.poll != NULL)
            m->host.poll(m->host.owner);
        if (m->begin_anew)
            machine_reset(m);
        if (m->end != MACHINE_RUNS)
            break;
        if (m->pc != NULL && pc_stalled(m->pc)) {
            m->host.wait(m->host.owner, SECOND_NS / 4);
            continue;
        }
        uint64_t budget = slice(m, now, &ns);
        ran(m, m->vcpu->ops->run(m->vcpu, budget, ns));
    }
    return m->end;
}
