/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both files into memory; each pointer becomes an address; each checksum is made anew. Pure: bytes into a buffer, whose
 * room is looked at before each order.
 */
#include "machine/dev/acpi_loader.h"

#include <string.h>

enum { ORDER_ALLOCATE = 1, ORDER_ADD_POINTER = 2, ORDER_ADD_CHECKSUM = 3 };
enum { ZONE_HIGH = 1 /* below 4 GiB */, ZONE_F_SEGMENT = 2 /* 0xf0000 to 0xfffff, where an RSDP is looked for */ };
#define NAME_BYTES 56u
#define RSDP_ALIGN 16u

struct orders {
    uint8_t *bytes;
    uint32_t used, room;
    bool full;
};

/* An order of zeros but for its number, or NULL. */
static uint8_t *add(struct orders *o, uint8_t order)
{
    uint8_t *at = o->bytes + o->used;
    if (o->room - o->used < ACPI_LOADER_ORDER) {
        o->full = true;
        return NULL;
    }
    o->used += ACPI_LOADER_ORDER;
    memset(at, 0, ACPI_LOADER_ORDER);
    at[0] = order;
    return at;
}

static void put32(uint8_t *at, uint32_t value)
{
    memcpy(at, &value, sizeof(value));
}

static void put_name(uint8_t *at, const char *name)
{
    for (uint32_t i = 0; i < NAME_BYTES - 1 && name[i] != '\0'; i++)
        at[i] = (uint8_t)name[i];
}

static void allocate(struct orders *o, const char *file, uint32_t align, uint8_t zone)
{
    uint8_t *order = add(o, ORDER_ALLOCATE);
    if (order == NULL)
        return;
    put_name(order + 4, file);
    put32(order + 60, align);
    order[64] = zone;
}

/* Which file an offset is in, and where in it. */
static const char *file_of(uint32_t *at)
{
    if (*at < ACPI_TABLES_AT)
        return ACPI_LOADER_RSDP;
    *at -= ACPI_TABLES_AT;
    return ACPI_LOADER_FILE;
}

static void add_pointer(struct orders *o, const struct acpi_pointer *p)
{
    uint8_t *order = add(o, ORDER_ADD_POINTER);
    uint32_t at = p->at;
    if (order == NULL)
        return;
    put_name(order + 4, file_of(&at));
    put_name(order + 60, ACPI_LOADER_FILE);
    put32(order + 116, at);
    order[120] = p->bytes;
}

static void add_checksum(struct orders *o, const struct acpi_checksum *c)
{
    uint8_t *order = add(o, ORDER_ADD_CHECKSUM);
    uint32_t at = c->at, from = c->from;
    if (order == NULL)
        return;
    put_name(order + 4, file_of(&at));
    (void)file_of(&from);
    put32(order + 60, at);
    put32(order + 64, from);
    put32(order + 68, c->bytes);
}

uint32_t acpi_loader(uint8_t *out, uint32_t room, const struct acpi_notes *notes)
{
    struct orders o = {.bytes = out, .room = room};
    allocate(&o, ACPI_LOADER_FILE, ACPI_TABLES_AT, ZONE_HIGH);
    allocate(&o, ACPI_LOADER_RSDP, RSDP_ALIGN, ZONE_F_SEGMENT);
    for (unsigned i = 0; i < notes->n_pointers; i++)
        add_pointer(&o, &notes->pointers[i]);
    for (unsigned i = 0; i < notes->n_checksums; i++)
        add_checksum(&o, &notes->checksums[i]);
    return o.full ? 0 : o.used;
}
