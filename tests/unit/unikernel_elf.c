/* SPDX-License-Identifier: Apache-2.0 */
/* See unikernel_elf.h: headers, strings and the dynamic section on the first page, code on the second. */
#include "unikernel_elf.h"

#include <elf.h>
#include <string.h>

#define CODE     0x1000
#define PROGRAM  64
#define DYNAMIC  0x400
#define STRINGS  0x600
#define SYMBOLS  0xa00
#define SECTIONS 0xc00
#define NAMES    0xe00

struct maker {
    uint8_t *out;
    size_t strings;
    Elf64_Dyn *dynamic;
};

static uint64_t put_string(struct maker *m, const char *s)
{
    const size_t at = m->strings;

    memcpy(m->out + STRINGS + at, s, strlen(s) + 1);
    m->strings += strlen(s) + 1;
    return at;
}

static void put_dynamic(struct maker *m, int64_t tag, uint64_t value)
{
    *m->dynamic++ = (Elf64_Dyn){.d_tag = tag, .d_un = {.d_val = value}};
}

static void put_symbols(const struct small_elf *e, struct maker *m)
{
    Elf64_Sym *symbol = (Elf64_Sym *)(void *)(m->out + SYMBOLS);
    Elf64_Shdr *section = (Elf64_Shdr *)(void *)(m->out + SECTIONS);
    size_t names = 1, n = 1;

    for (size_t i = 0; i < sizeof e->symbols / sizeof *e->symbols && e->symbols[i].name; i++, n++) {
        symbol[n] = (Elf64_Sym){.st_name = (uint32_t)names,
                                .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                                .st_shndx = 1,
                                .st_value = CODE + e->symbols[i].at,
                                .st_size = e->symbols[i].size};
        memcpy(m->out + NAMES + names, e->symbols[i].name, strlen(e->symbols[i].name) + 1);
        names += strlen(e->symbols[i].name) + 1;
    }
    section[1] = (Elf64_Shdr){.sh_type = SHT_PROGBITS,
                              .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                              .sh_addr = CODE,
                              .sh_offset = CODE,
                              .sh_size = e->code_size};
    section[2] = (Elf64_Shdr){
        .sh_type = SHT_SYMTAB, .sh_offset = SYMBOLS, .sh_size = n * sizeof *symbol, .sh_link = 3, .sh_entsize = 24};
    section[3] = (Elf64_Shdr){.sh_type = SHT_STRTAB, .sh_offset = NAMES, .sh_size = names};
}

size_t small_elf_make(const struct small_elf *e, uint8_t *out)
{
    struct maker m = {.out = out, .strings = 1, .dynamic = (Elf64_Dyn *)(void *)(out + DYNAMIC)};
    Elf64_Ehdr *h = (Elf64_Ehdr *)(void *)out;
    Elf64_Phdr *p = (Elf64_Phdr *)(void *)(out + PROGRAM);
    const size_t size = CODE + e->code_size;

    memset(out, 0, SMALL_ELF_SIZE);
    *h = (Elf64_Ehdr){.e_ident = {0x7f, 'E', 'L', 'F', ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
                      .e_type = ET_DYN,
                      .e_machine = e->machine ? e->machine : EM_X86_64,
                      .e_version = EV_CURRENT,
                      .e_entry = CODE,
                      .e_phoff = PROGRAM,
                      .e_shoff = SECTIONS,
                      .e_ehsize = sizeof *h,
                      .e_phentsize = sizeof *p,
                      .e_shentsize = sizeof(Elf64_Shdr),
                      .e_shnum = 4};
    p[h->e_phnum++] =
        (Elf64_Phdr){.p_type = PT_LOAD, .p_flags = PF_R, .p_filesz = SYMBOLS, .p_memsz = SYMBOLS, .p_align = 4096};
    if (e->code_size)
        p[h->e_phnum++] = (Elf64_Phdr){.p_type = PT_LOAD,
                                       .p_flags = PF_R | PF_X,
                                       .p_offset = CODE,
                                       .p_vaddr = CODE,
                                       .p_filesz = e->code_size,
                                       .p_memsz = e->code_size,
                                       .p_align = 4096};
    if (e->code_size)
        memcpy(out + CODE, e->code, e->code_size);
    if (e->interpreter) {
        uint64_t at = STRINGS + put_string(&m, e->interpreter);
        p[h->e_phnum++] = (Elf64_Phdr){.p_type = PT_INTERP,
                                       .p_offset = at,
                                       .p_vaddr = at,
                                       .p_filesz = strlen(e->interpreter) + 1,
                                       .p_memsz = strlen(e->interpreter) + 1};
    }
    for (size_t i = 0; i < sizeof e->needed / sizeof *e->needed && e->needed[i]; i++)
        put_dynamic(&m, DT_NEEDED, put_string(&m, e->needed[i]));
    if (e->runpath)
        put_dynamic(&m, DT_RUNPATH, put_string(&m, e->runpath));
    if (e->rpath)
        put_dynamic(&m, DT_RPATH, put_string(&m, e->rpath));
    put_dynamic(&m, DT_STRTAB, STRINGS);
    put_dynamic(&m, DT_STRSZ, 0x400);
    put_dynamic(&m, DT_NULL, 0);
    p[h->e_phnum++] = (Elf64_Phdr){.p_type = PT_DYNAMIC,
                                   .p_offset = DYNAMIC,
                                   .p_vaddr = DYNAMIC,
                                   .p_filesz = STRINGS - DYNAMIC,
                                   .p_memsz = STRINGS - DYNAMIC};
    put_symbols(e, &m);
    return size;
}
