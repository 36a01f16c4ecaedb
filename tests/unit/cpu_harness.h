/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A processor on a board of its own for tests: 16 MiB of RAM from 0, a device that remembers, nothing else. Code is put
 * into memory, a mode is entered without any of the guest's work, instructions are run, the state is looked at.
 *
 *     struct board *b = board_make(BOARD_64);
 *     board_code(b, (const uint8_t[]){0x48, 0x01, 0xd8}, 3);      add rax, rbx, at BOARD_CODE, rip there
 *     cpu_state_get / cpu_state_set, or board_cpu(b)->gpr[GPR_AX] = 1
 *     board_run(b, 1);
 *     board_free(b);
 */
#ifndef MOAT_TESTS_CPU_HARNESS_H
#define MOAT_TESTS_CPU_HARNESS_H

#include "cpu/core.h"

enum board_mode {
    BOARD_REAL,    /* all segments 0 */
    BOARD_16,      /* protected, 16-bit code and stack, flat segments with a limit of 64 KiB */
    BOARD_32,      /* protected, flat, without paging */
    BOARD_32_USER, /* the same in ring 3 */
    BOARD_64,      /* long mode, 2 MiB pages, all of the RAM mapped one to one, for users too */
    BOARD_64_USER,
};

enum {
    BOARD_BYTES = 16 << 20,
    BOARD_CODE = 0x10000,  /* in real mode cs is 0x1000 and ip 0 */
    BOARD_STACK = 0x20000, /* rsp; in real mode sp 0xfff0 with ss 0x1000 */
    BOARD_DATA = 0x30000,
    BOARD_TABLES = 0x1000, /* page tables, to 0x8000 */
    BOARD_GDT = 0x8000,    /* 0x08 code 64, 0x10 data, 0x18 code 32, 0x20 code 16, 0x28 data 16, | 3: the same + 0x30 */
    BOARD_IDT = 0x9000,
    BOARD_TSS = 0xa000,         /* its stack for ring 0: BOARD_STACK - 0x1000 */
    BOARD_HANDLERS = 0xb000,    /* a hlt for each vector, 16 bytes apart */
    BOARD_DEVICE = 0xf0000000u, /* a page of device: reads are address + count of reads, writes are remembered */
};

struct board {
    struct cpu *cpu;
    uint8_t *ram;
    void *memory;
    uint8_t ports[65536]; /* what out wrote, in reads */
    uint64_t device_reads, device_writes, device_last, device_value;
    int interrupt; /* vector that acknowledge gives, or -1 */
    uint64_t tsc;
    bool stop_on_write; /* of the device: cpu_stop() */
};

struct board *board_make(enum board_mode mode);
/* With as little room for decoded code as there can be: blocks are thrown away often. */
struct board *board_make_small(enum board_mode mode);
void board_free(struct board *b);
/* Puts the processor into the mode again, registers 0 but for rsp, rip at BOARD_CODE. */
void board_mode(struct board *b, enum board_mode mode);
/* Bytes at BOARD_CODE, told to the processor as written by somebody else; rip goes there. */
void board_code(struct board *b, const uint8_t *bytes, size_t n);
void board_write(struct board *b, uint64_t gpa, const void *bytes, size_t n);
/* Runs and expects to have run them all. */
void board_run(struct board *b, uint64_t instructions);
static inline struct cpu *board_cpu(struct board *b)
{
    return b->cpu;
}
/* Exceptions and interrupts stop at a hlt from here on (protected modes of 32 and 64 bits). */
void board_catch(struct board *b);
struct caught {
    unsigned vector;
    uint64_t error, rip, cs, flags; /* error 0 where there is none */
};
/* Runs at most n instructions and expects one to be caught. */
struct caught board_run_caught(struct board *b, uint64_t n);
/* Little-endian numbers of the RAM. */
uint64_t board_read64(const struct board *b, uint64_t gpa);
void board_write64(struct board *b, uint64_t gpa, uint64_t value);

#endif
