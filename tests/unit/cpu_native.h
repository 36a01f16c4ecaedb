/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One instruction of x87, MMX, SSE or AVX done twice from the same state: by this machine's processor, and by ours.
 * Memory operands are at the same address for both: our processor is told that pages are where they are in this
 * process.
 */
#ifndef MOAT_TESTS_CPU_NATIVE_H
#define MOAT_TESTS_CPU_NATIVE_H

#include "cpu/core.h"
#include "cpu/registers.h"

#define NATIVE_MEMORY 1024 /* bytes at rsi and rdi, over the end of a page; aligned to 64 */

struct native_state {
    _Alignas(64) uint8_t fx[512]; /* as fxsave64 has it */
    uint8_t high[256];            /* upper halves of ymm0 to ymm15; left alone where the host has no AVX */
    uint64_t rax, rcx, rdx, rsi, rdi, flags;
    int signal; /* that it ended with, 0 */
    uint8_t memory[NATIVE_MEMORY];
};

/* Once, before all. The memory that rsi and rdi of a state point to. */
uint8_t *native_setup(void);
/* Both: the state before, in place of it the one after. The code is `length` bytes: an instruction, or several. */
enum { NATIVE_INSTRUCTIONS = 12 };
void native_host(struct native_state *s, const uint8_t *code, unsigned length);
/* signal is that which Linux would send for the fault. Returns the fault, an enum vector. */
enum { NATIVE_NO_FAULT = 255 };
int native_ours(struct native_state *s, const uint8_t *code, unsigned length);
struct cpu *native_cpu(void);
/* Whether this machine has what the instructions of `class` need: tests skip when not. */
bool native_has(enum insn_class class);
/* Whether it keeps the x87's pointers and condition bits as ours does (Intel since 2015, CPUID 7.0 EBX bits 6 and 13).
 * When not they are not compared, and images that they are in are left out. */
bool native_is_alike(void);

/* Numbers that look for trouble; repeatable. */
uint64_t native_random(void);
void native_random_seed(uint64_t seed);
void native_random_state(struct native_state *s, bool unmasked);

/* 0, or a line for what differs (in a static buffer). */
const char *native_difference(const struct native_state *host, const struct native_state *ours);

/* All rows of the instruction table of one class: encodings at random for each, both processors, compared. Rows whose
 * name left_out() accepts are not; prepare(), if any, has the last word on a state. Reports differences on stderr and
 * returns how many there were. */
unsigned native_compare_rows(enum insn_class class, bool (*left_out)(enum insn_name name),
                             void (*prepare)(struct native_state *s, uint8_t *operand, enum insn_name name),
                             unsigned rounds, bool unmasked);

/* Of the class of AVX: what our processor does not have, and what another test is about. */
bool native_lacks(enum insn_name name);

/* Sequences of NATIVE_INSTRUCTIONS from all classes of numbers: what one leaves behind for the next. */
unsigned native_compare_sequences(bool (*left_out)(enum insn_name name), unsigned rounds, bool unmasked);

#endif
