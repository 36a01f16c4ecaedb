/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers that are as they were written, lines that go up and down, and a way out. Touches only its state and what
 * its callbacks reach.
 */
#include "machine/dev/testdev.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define PORTS       0xe0u
#define PORTS_FLUSH 0xe4u
#define PORTS_BYTES 0xe8u
#define PORTS_LINES 0x2000u
#define LINES       24u
#define PORT_EXIT   0xf4u
#define MEMORY_BASE UINT64_C(0xff000000)

static uint64_t load(const uint8_t *from, unsigned size)
{
    uint64_t value = 0;
    memcpy(&value, from, size);
    return value;
}

static uint64_t ports_read(void *device, uint64_t offset, unsigned size)
{
    const struct testdev *t = device;
    return load(t->state.ports + offset, size);
}

static void ports_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct testdev *t = device;
    memcpy(t->state.ports + offset, &value, size);
}

static uint64_t bytes_read(void *device, uint64_t offset, unsigned size)
{
    return ports_read(device, offset + 4, size);
}

static void bytes_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    ports_write(device, offset + 4, size, value);
}

static uint64_t memory_read(void *device, uint64_t offset, unsigned size)
{
    const struct testdev *t = device;
    return load(t->state.memory + offset, size);
}

static void memory_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct testdev *t = device;
    memcpy(t->state.memory + offset, &value, size);
}

static void lines_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct testdev *t = device;
    t->set_line(t->owner, (unsigned)offset, value != 0);
}

static uint64_t exit_read(void *device, uint64_t offset, unsigned size)
{
    return 0;
}

static void exit_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct testdev *t = device;
    t->exit(t->owner, (uint32_t)value);
}

static void testdev_reset(void *device)
{
    struct testdev *t = device;
    memset(&t->state, 0, sizeof(t->state));
}

static int accept_all(const void *state, const char **why)
{
    return 0;
}

const struct device_ops testdev_ops = {
    .name = "testdev",
    .version = 1,
    .state_bytes = sizeof(struct testdev_state),
    .reset = testdev_reset,
    .check = accept_all,
};

int testdev_init(struct testdev *t, struct bus *ports, struct bus *memory,
                 void (*set_line)(void *owner, unsigned gsi, bool up), void (*exit)(void *owner, uint32_t value),
                 void *owner)
{
    const struct bus_range at_ports[] = {
        {PORTS, 4, "testdev", t, ports_read, ports_write},
        {PORTS_FLUSH, 4, "testdev flush", t, NULL, NULL},
        {PORTS_BYTES, 4, "testdev bytes", t, bytes_read, bytes_write},
        {PORTS_LINES, LINES, "testdev lines", t, NULL, lines_write},
        {PORT_EXIT, 4, "debug exit", t, exit_read, exit_write},
    };
    const struct bus_range at_memory = {MEMORY_BASE, TESTDEV_BYTES, "testdev memory", t, memory_read, memory_write};
    int r;
    t->set_line = set_line;
    t->exit = exit;
    t->owner = owner;
    testdev_reset(t);
    for (unsigned i = 0; i < sizeof(at_ports) / sizeof(at_ports[0]); i++) {
        if ((r = bus_add(ports, &at_ports[i])) != 0)
            return r;
    }
    return bus_add(memory, &at_memory);
}
