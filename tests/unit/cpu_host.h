/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instruction on this machine's own processor and on ours, from the same state: all registers but rsp, the flags
 * and 256 bytes of memory at HOST_DATA must be the same after it, and whether it is a #DE. For tests of 64-bit user
 * code that neither branches nor uses the stack.
 *
 *     struct pair *p = pair_make();                       skips the test when memory cannot be had at HOST_DATA
 *     pair_code(p, encode(4, 0x01, 1, 3));                add ebx, ecx
 *     p->in.gpr[3] = ...; p->in.flags = ...; p->data ...
 *     pair_compare(p, FLAG_A, "label");                   FLAG_A is not compared
 */
#ifndef MOAT_TESTS_CPU_HOST_H
#define MOAT_TESTS_CPU_HOST_H

#include "cpu_harness.h"

enum {
    HOST_DATA = 0xc00000, /* there in the host's process and in the guest's memory; the page before and after it, too */
    HOST_DATA_BYTES = 256,
    ENCODE_MEMORY = 0x100, /* as rm: memory at rsi + 2 * rdi + 0x10 */
    ENCODE_AH = 0x20,      /* as reg or rm, + n: ah, ch, dh, bh */
};

struct host_state {
    uint64_t gpr[16], flags;
};

struct code {
    uint8_t bytes[24];
    unsigned n;
};

struct pair {
    struct board *board;
    struct code code;
    struct host_state in;
    uint8_t data[HOST_DATA_BYTES];
    unsigned long compared;
};

struct pair *pair_make(void);
void pair_free(struct pair *p);
void pair_code(struct pair *p, struct code code);
/* Runs both and compares. Returns the vector of the exception that both raised, or -1. */
int pair_compare(struct pair *p, uint32_t ignored_flags, const char *label);

/* An instruction with ModRM: operand of `size` bytes, opcode (0x0fxx: of two bytes, 0x0f38xx of three, with 0xf20000
 * and the like in front: a mandatory prefix), reg and rm as numbers. */
struct code encode(unsigned size, uint32_t opcode, unsigned reg, unsigned rm);
/* The same with an immediate of so many bytes. */
struct code encode_imm(unsigned size, uint32_t opcode, unsigned reg, unsigned rm, unsigned imm_bytes, uint64_t imm);

/* Numbers at the edges of all widths, and a few others. */
extern const uint64_t edges[];
extern const unsigned edges_count;
uint64_t pair_random(void); /* the same in each run */
/* Other registers, so that nothing is right by chance; rsi and rdi for ENCODE_MEMORY. */
void pair_fill(struct pair *p);

#define FLAGS_SIX (FLAG_C | FLAG_P | FLAG_A | FLAG_Z | FLAG_S | FLAG_O)

#endif
