/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The image file: what `moat pack` and `moat build` write, the tender maps and the kernel reads in place. One file, the
 * same for every platform. All integers are little-endian and naturally aligned; all offsets are from the file's start;
 * a reader checks every one against the file's size before use. Version rule: a reader refuses another `version`;
 * fields are only added at the end of a section's records, whose size is in its row.
 *
 *     header | sections: kernel, manifest, program segments, tree, names, site tables | file data
 *
 * Data that is mapped (ELF files, kernel segments) begins on a page; other files lie on 8 bytes, one after the other.
 * Reproducible: the same input gives the same bytes (entries in order of name, times from the manifest).
 */
#ifndef MOAT_LINUX_FS_IMGFS_FORMAT_H
#define MOAT_LINUX_FS_IMGFS_FORMAT_H

#include <stdint.h>

#define IMAGE_MAGIC   "MOATUNI\n"
#define IMAGE_VERSION 1

enum image_section_kind {
    IMAGE_KERNEL,   /* struct image_segment[]: the kernel's own segments, mapped by the tender at their addresses */
    IMAGE_MANIFEST, /* JSON text: program, argv, env, cwd, calls, files with sha256, what made it (people and inspect)
                     */
    IMAGE_BOOT,     /* struct image_boot: what the tender needs, without parsing text */
    IMAGE_PREMAPS,  /* struct image_segment[]: segments of a program that the tender maps before its filter */
    IMAGE_INODES,   /* struct image_inode[]: number 0 is the root directory */
    IMAGE_ENTRIES,  /* struct image_entry[]: directory by directory, each sorted by name (memcmp, then length) */
    IMAGE_NAMES,    /* bytes */
    IMAGE_SITES,    /* struct image_sites[]: one per rewritten ELF file, by inode number */
    IMAGE_SITE,     /* struct image_site[] */
    IMAGE_DATA,     /* contents */
    IMAGE_SECTIONS
};

struct image_section {
    uint64_t offset, size;
    uint32_t record; /* bytes of one record; 1 for bytes */
    uint32_t unused;
};

struct image_header {
    char magic[8];
    uint32_t version, machine; /* EM_X86_64 */
    uint64_t size;             /* of the whole file: a truncated one is known by it */
    uint8_t sha256[32];        /* of everything behind the header */
    uint32_t n_sections, flags;
    struct image_section sections[IMAGE_SECTIONS];
};

struct image_segment {        /* pages of the file, or zeroes, at an address */
    uint64_t address, memory; /* page-aligned address; bytes in memory */
    uint64_t offset, file;    /* page-aligned offset; bytes from the file, the rest of `memory` is zero */
    uint32_t prot;            /* PROT_*; never write and exec */
    uint32_t inode;           /* of IMAGE_PREMAPS: whose bytes they are */
};

#define IMAGE_JIT   1u /* image_boot.flags: the program may turn pages of its own executable */
#define IMAGE_READY 2u /* the kernel has no loader: the first program is started from its premaps */
#define IMAGE_FILES 4u /* files alone, as they were: no kernel, no rewritten call (-b sentry) */
struct image_boot {
    uint64_t entry;  /* of the kernel: guest/unikernel/boot.h */
    uint64_t text;   /* bytes of address space, from 0x400000, in which PROT_EXEC may be set after start; 0: none */
    uint64_t memory; /* bytes of guest memory by default; 0: the tender's own */
    uint64_t stack;  /* of the first program; 0: 8 MiB */
    uint32_t flags, n_args, n_env; /* behind this struct: strings with NUL: program, cwd, args, env */
    uint32_t strings;              /* bytes */
    /* With IMAGE_READY, of the first program: AT_ENTRY, AT_PHDR, the page behind its last segment, AT_PHNUM. */
    uint64_t program_entry, program_headers, program_end;
    uint32_t n_program_headers, unused;
};

struct image_inode {
    uint32_t mode, uid, gid, nlink;
    uint64_t size,
        offset;     /* contents; a link's target; a directory: first entry and number of entries in offset, size */
    uint64_t mtime; /* seconds */
    uint32_t rdev, sites; /* sites: 1 + row of IMAGE_SITES; 0: none */
};
struct image_entry {
    uint32_t inode, name;  /* offset in IMAGE_NAMES */
    uint16_t length, type; /* DT_* */
};

/* Rewritten system calls of one ELF file. `blob` of the file's trampolines is mapped, readable and executable, at
 * `address` above the ELF file's load bias. It begins on a page; in front of the first trampoline may be the ELF file's
 * last bytes, where a kernel without a loader is the only one to map them (IMAGE_READY). */
struct image_sites {
    uint32_t inode, first, n, trapped; /* rows of IMAGE_SITE; how many of them trap */
    uint64_t blob, blob_size;          /* in the file, page-aligned */
    uint64_t address;
};
struct image_site {
    uint64_t address;    /* of the `syscall` instruction, in the ELF file's own addresses */
    uint32_t trampoline; /* offset in the blob */
    int16_t nr;          /* -1: not known */
    uint8_t state;       /* enum rewrite_state */
    uint8_t length;
};

#endif
