/* SPDX-License-Identifier: Apache-2.0 */
/* The beginning of a program: ELF of this machine's word size and byte order, or "#!". See event.h. */
#include "learn/event.h"

#include <elf.h>
#include <string.h>

#define HEADERS_MAX 64

static void read_script(const char *data, size_t n, struct learn_image *out)
{
    const char *c = data + 2, *end = memchr(data, '\n', n);

    if (!end)
        end = data + n;
    while (c < end && (*c == ' ' || *c == '\t'))
        c++;
    size_t len = 0;
    while (c + len < end && c[len] != ' ' && c[len] != '\t' && c[len] != '\0')
        len++;
    if (len && len < sizeof out->interpreter)
        memcpy(out->interpreter, c, len);
}

static void read_interpreter(const char *data, size_t n, const Elf64_Phdr *ph, struct learn_image *out)
{
    if (ph->p_filesz < 2 || ph->p_filesz > sizeof out->interpreter)
        return;
    out->offset = ph->p_offset;
    out->size = (uint32_t)ph->p_filesz;
    if (ph->p_offset > n || ph->p_filesz > n - ph->p_offset)
        return;
    memcpy(out->interpreter, data + ph->p_offset, ph->p_filesz);
    out->interpreter[ph->p_filesz - 1] = '\0';
}

static void read_elf(const char *data, size_t n, struct learn_image *out)
{
    Elf64_Ehdr eh;
    bool code = false;

    if (data[EI_CLASS] == ELFCLASS32)
        out->elf32 = true;
    if (n < sizeof eh || data[EI_CLASS] != ELFCLASS64 || data[EI_DATA] != ELFDATA2LSB)
        return;
    memcpy(&eh, data, sizeof eh);
    if (eh.e_phentsize != sizeof(Elf64_Phdr) || (eh.e_type != ET_DYN && eh.e_type != ET_EXEC))
        return;
    for (unsigned i = 0; i < eh.e_phnum && i < HEADERS_MAX; i++) {
        Elf64_Phdr ph;
        if (eh.e_phoff > n || (i + 1) * sizeof ph > n - eh.e_phoff)
            break;
        memcpy(&ph, data + eh.e_phoff + i * sizeof ph, sizeof ph);
        if (ph.p_type == PT_INTERP && !out->size)
            read_interpreter(data, n, &ph, out);
        code |= ph.p_type == PT_LOAD && ph.p_flags & PF_X;
    }
    out->library = code && eh.e_type == ET_DYN;
}

void learn_image_read(const void *data, size_t n, struct learn_image *out)
{
    const char *bytes = data;

    *out = (struct learn_image){0};
    if (n > LEARN_IMAGE_MAX)
        n = LEARN_IMAGE_MAX;
    if (n > 2 && !memcmp(bytes, "#!", 2))
        read_script(bytes, n, out);
    else if (n >= EI_NIDENT && !memcmp(bytes, ELFMAG, SELFMAG))
        read_elf(bytes, n, out);
}
