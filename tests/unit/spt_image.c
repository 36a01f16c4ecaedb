/* SPDX-License-Identifier: Apache-2.0 */
/* See the header. */
#include "spt_image.h"

#include "guest/unikernel/boot.h"
#include "guest/unikernel/gate.h"
#include "guest/unikernel/layout.h"

#include <elf.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>

static struct image_segment segment(uint64_t address, int page, uint32_t prot)
{
    return (struct image_segment){
        .address = address, .memory = 4096, .offset = 4096u * (1u + (unsigned)page), .file = 4096, .prot = prot};
}

static struct image_section section(size_t offset, size_t size, size_t record)
{
    return (struct image_section){.offset = offset, .size = size, .record = (uint32_t)record};
}

void sample_make(struct sample *s)
{
    static const char strings[48] = "/bin/tool\0/\0tool\0word\0KEY=value";
    const struct kernel_header kernel = {.magic = KERNEL_MAGIC,
                                         .version = KERNEL_VERSION,
                                         .gate_version = GATE_VERSION,
                                         .start = KERNEL_BASE + 0x200,
                                         .signal = KERNEL_BASE + 0x300,
                                         .trap_stack_size = 32768};
    const size_t end = sizeof *s;

    memset(s, 0, sizeof *s);
    s->header = (struct image_header){.magic = IMAGE_MAGIC,
                                      .version = IMAGE_VERSION,
                                      .machine = EM_X86_64,
                                      .size = sizeof *s,
                                      .n_sections = IMAGE_SECTIONS};
    s->start.boot =
        (struct image_boot){.entry = KERNEL_BASE, .text = 1 << 21, .n_args = 2, .n_env = 1, .strings = sizeof strings};
    memcpy(s->start.strings, strings, sizeof strings);
    s->kernel[0] = segment(KERNEL_BASE, 0, PROT_READ | PROT_EXEC);
    s->kernel[1] = segment(KERNEL_BASE + 4096, 1, PROT_READ | PROT_WRITE);
    s->premaps[0] = segment(TEXT_LOW, 2, PROT_READ | PROT_EXEC);
    s->premaps[1] = segment(TEXT_LOW + 4096, 3, PROT_READ | PROT_WRITE);
    memcpy(s->pages[0], &kernel, sizeof kernel);

    struct image_section *v = s->header.sections;
    v[IMAGE_KERNEL] = section(offsetof(struct sample, kernel), sizeof s->kernel, sizeof s->kernel[0]);
    v[IMAGE_MANIFEST] = section(end, 0, 1);
    v[IMAGE_BOOT] = section(offsetof(struct sample, start), sizeof s->start, sizeof s->start.boot);
    v[IMAGE_PREMAPS] = section(offsetof(struct sample, premaps), sizeof s->premaps, sizeof s->premaps[0]);
    v[IMAGE_INODES] = section(end, 0, sizeof(struct image_inode));
    v[IMAGE_ENTRIES] = section(end, 0, sizeof(struct image_entry));
    v[IMAGE_NAMES] = section(end, 0, 1);
    v[IMAGE_SITES] = section(end, 0, sizeof(struct image_sites));
    v[IMAGE_SITE] = section(end, 0, sizeof(struct image_site));
    v[IMAGE_DATA] = section(4096, end - 4096, 1);
}
