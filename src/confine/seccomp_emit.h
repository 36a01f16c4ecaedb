/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Private to the seccomp compiler: an assembler for classic BPF that works from the last instruction to the first.
 *
 * Classic BPF only jumps forwards, so in this order every target is known when a jump to it is written, and its
 * distance is exact. Life: bpf_builder_init() -> the pieces, last one first -> bpf_builder_finish(). A label is the
 * number of instructions behind the one it names; labels stay valid while code is put in front. Conditional jumps reach
 * 255 instructions; a farther target is reached by an island: a copy of a return, or an unconditional jump. No code
 * falls through into what was written before it, except a load into the branch it was written for, so islands are safe
 * anywhere between two pieces.
 */
#ifndef MOAT_CONFINE_SECCOMP_EMIT_H
#define MOAT_CONFINE_SECCOMP_EMIT_H

#include "base/err.h"
#include "base/mem.h"
#include "confine/seccomp.h"

#include <stdbool.h>
#include <stdint.h>

#define BPF_RETURNS_KEPT 64 /* a power of two */

/* In the place of an argument's index: the instruction pointer, which is that behind the call's instruction. */
#define BPF_POINTER 6u
/* For `wide`: everything is compared as 64 bits. */
#define BPF_ALL_WIDE 0x7fu

struct bpf_builder {
    struct sock_filter *insns; /* `room` of them, filled from the end */
    uint32_t n;                /* goes on counting beyond what there is room for */
    uint32_t room;
    struct {
        uint32_t verdict, label;
        bool used;
    } returns[BPF_RETURNS_KEPT]; /* the newest return of a verdict, to be shared while it is near */
};

int bpf_builder_init(struct bpf_builder *b, struct arena *a);
/* The same in memory of the caller's, at most BPF_MAXINSNS instructions. */
void bpf_builder_over(struct bpf_builder *b, struct sock_filter *insns, uint32_t room);
/* -E2BIG, with the count in the message, beyond the kernel's limit. */
int bpf_builder_finish(struct bpf_builder *b, struct bpf_program *out, struct err *err);

/* Each writes code before everything so far and returns its label. */
uint32_t bpf_emit_return(struct bpf_builder *b, uint32_t verdict);
/* "if (accumulator <op> k) goto yes; else goto no": op is BPF_JEQ, BPF_JGE, BPF_JGT or BPF_JSET. */
uint32_t bpf_emit_branch(struct bpf_builder *b, uint16_t op, uint32_t k, uint32_t yes, uint32_t no);
/* Loads a word of struct seccomp_data; the code it falls into must have been written by the call just before. */
uint32_t bpf_emit_load(struct bpf_builder *b, uint32_t offset);

/* Whether a label names a return. Where branches lead to the same verdict none is written, and there is nothing that a
 * load could fall into. */
bool bpf_label_returns(const struct bpf_builder *b, uint32_t label);

/* A rule's conditions as code: all hold -> yes, else no. Bit i of `wide`: argument i is compared as 64 bits; else the
 * low 32 on both sides are. */
uint32_t bpf_emit_conditions(struct bpf_builder *b, const struct seccomp_arg *args, uint32_t n, uint32_t wide,
                             uint32_t yes, uint32_t no);

/* One of a run of equalities on the same argument whose values have the same upper half; the first that holds decides.
 * v is put in order of its values. */
struct bpf_equal {
    uint32_t low, verdict;
};
uint32_t bpf_emit_equals(struct bpf_builder *b, uint32_t arg_index, uint32_t upper, struct bpf_equal *v, uint32_t n,
                         bool wide, uint32_t no);

/* Do arguments `index` (an address) and `index` + 1 (bytes from there) stay within [low, high], which lies below 2 GiB?
 * yes, else no. */
uint32_t bpf_emit_span(struct bpf_builder *b, uint32_t index, uint32_t low, uint32_t high, uint32_t yes, uint32_t no);
/* The same for the address alone and [low, high << 32), and a length of less than 4 GiB: so much behind the end has to
 * be nobody's. `below`: where it goes on with an address below low. */
uint32_t bpf_emit_far_span(struct bpf_builder *b, uint32_t index, uint32_t low, uint32_t high, uint32_t below,
                           uint32_t yes, uint32_t no);
/* As bpf_emit_span, where it is known that both are less than 4 GiB. */
uint32_t bpf_emit_near_span(struct bpf_builder *b, uint32_t index, uint32_t low, uint32_t high, uint32_t yes,
                            uint32_t no);

/* Is the low half of the argument one of these, which rise? yes, else no. */
uint32_t bpf_emit_member(struct bpf_builder *b, uint32_t arg_index, const uint32_t *sorted, uint32_t n, uint32_t yes,
                         uint32_t no);

/* Would the kernel take it, and is it made of what this compiler writes? For filters read back from a file. */
bool bpf_program_valid(const struct sock_filter *insns, uint32_t n);

#endif
