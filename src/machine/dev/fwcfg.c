/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An item is chosen by its number, and read byte by byte; behind its end are zeros. Numbers from 0x20 on are the files,
 * in the directory's order. Nothing can be written but the choice. Touches its state, and reads what fwcfg_add() was
 * given.
 */
#include "machine/dev/fwcfg.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

enum {
    ITEM_SIGNATURE = 0,
    ITEM_ID = 1,
    ITEM_RAM_SIZE = 3,
    ITEM_GRAPHIC = 4,
    ITEM_PROCESSORS = 5,
    ITEM_PROCESSORS_MAX = 0xf,
    ITEM_DIRECTORY = 0x19,
    ITEM_FILES = 0x20,
    ITEM_TIMER_OVERRIDE = 0x8002, /* of x86: interrupt 0 is pin 2 of the I/O APIC */
};
#define PORT_SELECT 0x510u
#define NAME_BYTES  56u
#define ENTRY_BYTES 64u /* size and number, big-endian; two bytes of nothing; the name */

/* An item that is a little-endian number. */
static uint64_t number(const struct fwcfg *f, uint32_t *bytes)
{
    *bytes = 0;
    switch (f->state.selected) {
    case ITEM_SIGNATURE:
        *bytes = 4;
        return 'Q' | 'E' << 8 | 'M' << 16 | 'U' << 24;
    case ITEM_ID: /* the plain interface alone */
        *bytes = 4;
        return 1;
    case ITEM_RAM_SIZE:
        *bytes = 8;
        return f->ram_bytes;
    case ITEM_GRAPHIC:
        *bytes = 2;
        return f->no_display;
    case ITEM_PROCESSORS:
    case ITEM_PROCESSORS_MAX:
        *bytes = 2;
        return f->processors;
    case ITEM_TIMER_OVERRIDE:
        *bytes = 1;
        return 1;
    }
    return 0;
}

static uint8_t name_byte(const char *name, uint32_t at)
{
    for (uint32_t i = 0; i < at; i++) {
        if (name[i] == '\0')
            return 0;
    }
    return (uint8_t)name[at];
}

static uint8_t directory_byte(const struct fwcfg *f, uint32_t offset)
{
    uint32_t entry = (offset - 4) / ENTRY_BYTES, at = (offset - 4) % ENTRY_BYTES;
    if (offset < 4)
        return (uint8_t)(f->n_files >> 8 * (3 - offset));
    if (entry >= f->n_files)
        return 0;
    if (at < 4)
        return (uint8_t)(f->files[entry].n >> 8 * (3 - at));
    if (at < 6)
        return (uint8_t)((ITEM_FILES + entry) >> 8 * (5 - at));
    return at < 8 ? 0 : name_byte(f->files[entry].name, at - 8);
}

static uint8_t next_byte(struct fwcfg *f)
{
    const uint32_t offset = f->state.offset, file = f->state.selected - (uint32_t)ITEM_FILES;
    uint32_t bytes;
    uint64_t value;
    if (offset < UINT32_MAX)
        f->state.offset++;
    if (f->state.selected == ITEM_DIRECTORY)
        return directory_byte(f, offset);
    if (file < f->n_files)
        return offset < f->files[file].n ? ((const uint8_t *)f->files[file].bytes)[offset] : 0;
    value = number(f, &bytes);
    return offset < bytes ? (uint8_t)(value >> 8 * offset) : 0;
}

static uint64_t fwcfg_read(void *device, uint64_t offset, unsigned size)
{
    return offset == 1 ? next_byte(device) : 0;
}

static void fwcfg_write(void *device, uint64_t offset, unsigned size, uint64_t value)
{
    struct fwcfg *f = device;
    if (offset != 0)
        return;
    f->state.selected = (uint16_t)value;
    f->state.offset = 0;
}

static void fwcfg_reset(void *device)
{
    struct fwcfg *f = device;
    f->state = (struct fwcfg_state){.selected = 0};
}

/* Any number may be chosen, and any place in it: what is not there is zeros. */
static int fwcfg_check(const void *state, const char **why)
{
    return 0;
}

const struct device_ops fwcfg_ops = {
    .name = "fwcfg",
    .version = 1,
    .state_bytes = sizeof(struct fwcfg_state),
    .reset = fwcfg_reset,
    .check = fwcfg_check,
};

static bool before(const char *a, const char *b)
{
    while (*a != '\0' && *a == *b)
        a++, b++;
    return (uint8_t)*a < (uint8_t)*b;
}

int fwcfg_add(struct fwcfg *f, const char *name, const void *bytes, uint32_t n)
{
    unsigned at = f->n_files;
    if (f->n_files == FWCFG_FILES || name_byte(name, NAME_BYTES - 1) != '\0')
        return -ENOSPC;
    while (at > 0 && before(name, f->files[at - 1].name))
        at--;
    memmove(&f->files[at + 1], &f->files[at], (f->n_files - at) * sizeof(f->files[0]));
    f->files[at] = (struct fwcfg_file){name, bytes, n};
    f->n_files++;
    return 0;
}

int fwcfg_init(struct fwcfg *f, struct bus *ports, uint64_t ram_bytes, uint16_t processors)
{
    const struct bus_range range = {PORT_SELECT, 2, "fw_cfg", f, fwcfg_read, fwcfg_write};
    *f = (struct fwcfg){.ram_bytes = ram_bytes, .processors = processors};
    return bus_add(ports, &range);
}
