/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Multiboot 0.6.96: a header within the first 8 KiB; ELF32, or addresses in the header. 32-bit protected mode, eax a
 * magic number, ebx the record of what there is.
 */
#include "machine/boot.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define SEARCH       8192u
#define HEADER_MAGIC 0x1badb002u
#define ENTRY_MAGIC  0x2badb002u
#define INFO_LOW     UINT64_C(0x90000)
#define INFO_BYTES   UINT64_C(0xf000) /* record, map, modules, and the command line as far as it fits */

enum { HEADER_ADDRESSES = 1 << 16 };
enum { HEADER_UNKNOWN = 0xfff8 /* features that a loader has to know */ };
enum { INFO_MEMORY = 1, INFO_COMMAND = 4, INFO_MODULES = 8, INFO_MAP = 64, INFO_LOADER = 512 };

struct header {
    uint32_t magic, flags, checksum;
    uint32_t header, load, load_end, bss_end, entry; /* with HEADER_ADDRESSES */
};

struct info {
    uint32_t flags, lower, upper, boot_device, command_line, n_modules, modules, symbols[4];
    uint32_t map_bytes, map, drives_bytes, drives, config, loader, apm, vbe[4];
};
_Static_assert(sizeof(struct info) == 88, "ABI");
struct map_entry {
    uint32_t size;
    uint64_t base, bytes;
    uint32_t type;
} __attribute__((packed));
struct module {
    uint32_t start, end, command_line, zero32;
};

/* The header and where it lies in the file, or -ENOENT. */
static int find_header(const struct boot_file *f, struct header *h, uint64_t *at, const char **why)
{
    uint32_t words[SEARCH / 4] = {0};
    uint64_t n = f->bytes < SEARCH ? f->bytes & ~UINT64_C(3) : SEARCH;
    int r = n > 0 ? f->read(f->owner, 0, words, n) : 0;
    if (r != 0) {
        *why = "reading the file failed";
        return r;
    }
    for (uint64_t i = 0; i + 3 <= n / 4; i++) {
        if (words[i] != HEADER_MAGIC || words[i] + words[i + 1] + words[i + 2] != 0)
            continue;
        memset(h, 0, sizeof(*h));
        uint64_t bytes = n - 4 * i < sizeof(*h) ? n - 4 * i : sizeof(*h);
        memcpy(h, &words[i], bytes);
        *at = 4 * i;
        if ((h->flags & HEADER_ADDRESSES) && bytes < sizeof(*h))
            return -ENOENT;
        return 0;
    }
    return -ENOENT;
}

/* The header itself says where the image lies. */
static int load_flat(struct machine *m, const struct boot_file *f, const struct header *h, uint64_t header_at,
                     struct boot_elf *out, const char **why)
{
    uint64_t before = (uint64_t)h->header - h->load, offset = header_at - before, n, all;
    *why = "the addresses in the multiboot header make no sense";
    if (h->header < h->load || before > header_at)
        return -ENOEXEC;
    n = h->load_end != 0 ? (uint64_t)h->load_end - h->load : f->bytes - offset;
    if ((h->load_end != 0 && h->load_end < h->load) || n > f->bytes - offset)
        return -ENOEXEC;
    all = h->bss_end != 0 && h->bss_end > h->load ? (uint64_t)h->bss_end - h->load : n;
    if (all < n)
        all = n;
    *out = (struct boot_elf){.entry = h->entry, .lowest = h->load, .end = h->load + all};
    return boot_copy(m, f, offset, n, h->load, all, why);
}

static int load_image(struct machine *m, const struct boot_file *f, struct boot_elf *out, const char **why)
{
    struct header h;
    uint64_t at;
    int r = find_header(f, &h, &at, why);
    if (r != 0)
        return r;
    if (h.flags & HEADER_UNKNOWN) {
        *why = "the multiboot header wants what we do not have";
        return -ENOEXEC;
    }
    if (h.flags & HEADER_ADDRESSES)
        return load_flat(m, f, &h, at, out, why);
    if ((r = boot_elf_read(f, out, why)) != 0)
        return r;
    if (out->is_64) {
        *why = "a multiboot kernel as an ELF file is one of 32 bits";
        return -ENOEXEC;
    }
    return boot_elf_load(m, f, out, why);
}

/* A cursor over the stretch where the record and its strings go. */
struct writer {
    struct machine *m;
    gpa_t at, end;
    int error;
};

static uint32_t put(struct writer *w, const void *bytes, uint64_t n)
{
    gpa_t at = (w->at + 3) & ~UINT64_C(3);
    if (w->error == 0 && (at > w->end || n > w->end - at))
        w->error = -EFBIG;
    if (w->error == 0)
        w->error = gmem_write(&w->m->memory, at, bytes, n);
    w->at = at + n;
    return (uint32_t)at;
}

/* "kernel", as the first word that a program has for a name, and what is appended. */
static uint32_t put_command(struct writer *w, const char *append)
{
    uint32_t at = put(w, "kernel ", 7);
    uint64_t n = boot_text_bytes(append) + 1;
    if (w->error == 0 && n > w->end - w->at)
        w->error = -EFBIG;
    if (w->error == 0)
        w->error = gmem_write(&w->m->memory, w->at, append != NULL ? append : "", n);
    w->at += n;
    return at;
}

static uint32_t put_map(struct writer *w, uint32_t *bytes)
{
    struct boot_range ranges[BOOT_RANGES_MAX];
    struct map_entry entries[BOOT_RANGES_MAX];
    unsigned n = boot_ranges(w->m, ranges);
    for (unsigned i = 0; i < n; i++)
        entries[i] = (struct map_entry){sizeof(entries[i]) - 4, ranges[i].base, ranges[i].bytes, ranges[i].type};
    *bytes = (uint32_t)(n * sizeof(entries[0]));
    return put(w, entries, *bytes);
}

static void put_modules(struct writer *w, const struct boot_place *places, unsigned n, struct info *info)
{
    struct module modules[BOOT_MODULES_MAX];
    uint32_t name = put(w, "", 1);
    for (unsigned i = 0; i < n; i++)
        modules[i] = (struct module){(uint32_t)places[i].at, (uint32_t)(places[i].at + places[i].bytes), name, 0};
    info->n_modules = n;
    info->modules = put(w, modules, n * sizeof(modules[0]));
}

int boot_multiboot(struct machine *m, const struct boot_setup *setup, const char **why)
{
    struct boot_place places[BOOT_MODULES_MAX];
    uint64_t low = m->ram_bytes < MACHINE_LOW_MAX ? m->ram_bytes : MACHINE_LOW_MAX;
    struct info info = {.flags = INFO_MEMORY | INFO_COMMAND | INFO_MODULES | INFO_MAP | INFO_LOADER,
                        .lower = 639,
                        .upper = (uint32_t)((low - 0x100000) / 1024)};
    struct boot_elf image;
    struct vcpu_state s;
    int r;
    if ((r = load_image(m, &setup->kernel, &image, why)) != 0 ||
        (r = boot_modules(m, setup, image.end + INFO_BYTES, false, places, why)) != 0)
        return r;
    struct writer w = {.m = m, .at = INFO_LOW};
    if (image.lowest < INFO_LOW + INFO_BYTES && image.end > INFO_LOW)
        w.at = (image.end + 4095) & ~UINT64_C(4095);
    w.end = w.at + INFO_BYTES;
    info.command_line = put_command(&w, setup->append);
    info.map = put_map(&w, &info.map_bytes);
    info.loader = put(&w, "moat", 5);
    put_modules(&w, places, setup->n_initrds, &info);
    uint32_t at = put(&w, &info, sizeof(info));
    if (w.error != 0) {
        *why = "there is no room for the multiboot record and the command line";
        return w.error;
    }
    boot_state(&s, image.entry);
    s.gpr[GPR_AX] = ENTRY_MAGIC;
    s.gpr[GPR_BX] = at;
    if ((r = m->vcpu->ops->set(m->vcpu, &s)) != 0)
        *why = "the processor does not take its first state";
    return r;
}
