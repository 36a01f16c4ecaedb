/* SPDX-License-Identifier: Apache-2.0 */
/* A processor with memory and no devices: its time and its random numbers are counters, so that a run can be repeated.
 */
#include "cpu/tool/tool.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

static uint8_t *flat_page(void *owner, uint64_t gpa, bool *writable)
{
    struct flat *f = owner;
    uint64_t high = (UINT64_C(1) << 32) - f->rom_bytes;
    *writable = false;
    if (f->rom && gpa - f->rom_at < f->rom_bytes)
        return f->rom + (gpa - f->rom_at);
    if (f->rom && gpa - high < f->rom_bytes)
        return f->rom + (gpa - high);
    if (gpa >= f->ram_bytes)
        return NULL;
    *writable = true;
    f->touched[gpa >> 12] = 1;
    return f->ram + gpa;
}

static uint64_t flat_read(void *owner, uint64_t gpa, unsigned size)
{
    return ~UINT64_C(0);
}
static void flat_write(void *owner, uint64_t gpa, unsigned size, uint64_t value)
{
}

static uint32_t flat_in(void *owner, uint16_t port, unsigned size)
{
    struct flat *f = owner;
    return f->ports.in ? f->ports.in(f->ports.owner, port, size) : ~UINT32_C(0);
}
static void flat_out(void *owner, uint16_t port, unsigned size, uint32_t value)
{
    struct flat *f = owner;
    if (f->ports.out)
        f->ports.out(f->ports.owner, port, size, value);
}

static int flat_acknowledge(void *owner)
{
    return -1;
}
static uint8_t flat_tpr_get(void *owner)
{
    return 0;
}
static void flat_tpr_set(void *owner, uint8_t tpr)
{
}
static bool flat_msr_read(void *owner, uint32_t index, uint64_t *value)
{
    return false;
}
static bool flat_msr_write(void *owner, uint32_t index, uint64_t value)
{
    return false;
}
static uint64_t flat_tsc(void *owner)
{
    struct flat *f = owner;
    return f->ticks += 1000;
}
static bool flat_random(void *owner, uint64_t *value)
{
    struct flat *f = owner;
    f->random = f->random * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
    *value = f->random ^ f->random >> 29;
    return true;
}
static void flat_note(void *owner, const char *what, uint64_t number, uint64_t value)
{
    struct flat *f = owner;
    f->noted++;
}

static void *pages(uint64_t bytes)
{
    void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? NULL : p;
}

int flat_make(struct flat *f, uint64_t ram_bytes, const char *model, const struct flat_ports *ports, struct err *err)
{
    struct cpu_bus bus = {.owner = f,
                          .page = flat_page,
                          .read = flat_read,
                          .write = flat_write,
                          .in = flat_in,
                          .out = flat_out,
                          .acknowledge = flat_acknowledge,
                          .tpr_get = flat_tpr_get,
                          .tpr_set = flat_tpr_set,
                          .msr_read = flat_msr_read,
                          .msr_write = flat_msr_write,
                          .tsc = flat_tsc,
                          .random = flat_random,
                          .note = flat_note};
    struct cpu_model chosen;
    const char *names = "";
    if (cpu_model_find(model, &chosen, &names) < 0)
        return err_set(err, -ENOENT, "no processor named %s; there are: %s", model, names);
    memset(f, 0, sizeof *f);
    if (ports)
        f->ports = *ports;
    f->ram_bytes = ram_bytes;
    f->ram = pages(ram_bytes);
    f->touched = pages(ram_bytes >> 12);
    f->cpu_bytes = cpu_bytes(0);
    f->cpu_memory = pages(f->cpu_bytes);
    if (!f->ram || !f->touched || !f->cpu_memory) {
        flat_free(f);
        return err_set(err, -ENOMEM, "no memory for a machine of %llu bytes", (unsigned long long)ram_bytes);
    }
    f->cpu = cpu_make(f->cpu_memory, f->cpu_bytes, &bus, &chosen);
    return 0;
}

void flat_free(struct flat *f)
{
    if (f->ram)
        munmap(f->ram, f->ram_bytes);
    if (f->touched)
        munmap(f->touched, f->ram_bytes >> 12);
    if (f->cpu_memory)
        munmap(f->cpu_memory, f->cpu_bytes);
    memset(f, 0, sizeof *f);
}

void flat_forget(struct flat *f)
{
    for (uint64_t page = 0; page < f->ram_bytes >> 12; page++)
        if (f->touched[page]) {
            memset(f->ram + (page << 12), 0, 4096);
            f->touched[page] = 0;
        }
}

uint8_t *flat_byte(struct flat *f, uint64_t gpa)
{
    if (gpa >= f->ram_bytes)
        return NULL;
    f->touched[gpa >> 12] = 1;
    return f->ram + gpa;
}
