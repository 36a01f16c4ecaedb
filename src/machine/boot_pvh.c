/* SPDX-License-Identifier: Apache-2.0 */
/*
 * PVH: 32-bit protected mode, ebx points to a record of what there is (hvm_start_info version 1).
 */
#include "machine/boot.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define START_INFO   UINT64_C(0x6000)
#define MODULE_LIST  UINT64_C(0x6100)
#define MEMORY_MAP   UINT64_C(0x7000)
#define COMMAND_LINE UINT64_C(0x20000)

#define START_MAGIC 0x336ec578u

struct start_info {
    uint32_t magic, version, flags, n_modules;
    uint64_t modules, command_line, rsdp, memory_map;
    uint32_t n_memory_map, zero32;
};
struct module {
    uint64_t at, bytes, command_line, zero64;
};
struct map_entry {
    uint64_t base, bytes;
    uint32_t type, zero32;
};
_Static_assert(sizeof(struct start_info) == 56 && sizeof(struct module) == 32 && sizeof(struct map_entry) == 24, "ABI");

static int write_map(struct machine *m, uint32_t *n)
{
    struct boot_range ranges[BOOT_RANGES_MAX];
    int r = 0;
    *n = boot_ranges(m, ranges);
    for (unsigned i = 0; i < *n && r == 0; i++) {
        struct map_entry e = {ranges[i].base, ranges[i].bytes, ranges[i].type, 0};
        r = gmem_write(&m->memory, MEMORY_MAP + i * sizeof(e), &e, sizeof(e));
    }
    return r;
}

int boot_pvh(struct machine *m, const struct boot_setup *setup, struct boot_elf *elf, const char **why)
{
    struct boot_place places[BOOT_MODULES_MAX];
    struct start_info info = {
        .magic = START_MAGIC, .version = 1, .command_line = COMMAND_LINE, .rsdp = BOOT_ACPI, .memory_map = MEMORY_MAP};
    uint64_t line = boot_text_bytes(setup->append);
    struct vcpu_state s;
    int r;
    if ((r = boot_elf_load(m, &setup->kernel, elf, why)) != 0)
        return r;
    if (elf->lowest < 0x100000) {
        *why = "the kernel wants to lie below 1 MiB";
        return -ENOEXEC;
    }
    if ((r = boot_modules(m, setup, elf->end, true, places, why)) != 0)
        return r;
    if (setup->n_initrds > 0) {
        const struct boot_place *last = &places[setup->n_initrds - 1];
        struct module module = {.at = places[0].at, .bytes = last->at + last->bytes - places[0].at};
        info.n_modules = 1;
        info.modules = MODULE_LIST;
        r = gmem_write(&m->memory, MODULE_LIST, &module, sizeof(module));
    }
    *why = "the machine has too little memory: --memory gives more";
    if (r != 0 || (r = write_map(m, &info.n_memory_map)) != 0 ||
        (r = gmem_write(&m->memory, COMMAND_LINE, setup->append != NULL ? setup->append : "", line + 1)) != 0 ||
        (r = gmem_write(&m->memory, START_INFO, &info, sizeof(info))) != 0)
        return r;
    boot_state(&s, elf->pvh_entry);
    s.gpr[GPR_BX] = START_INFO;
    if ((r = m->vcpu->ops->set(m->vcpu, &s)) != 0)
        *why = "the processor does not take its first state";
    return r;
}
