/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Random programs for two processors, and what became of them. Private to moat-cpu fuzz.
 *
 * A case is made from its number and the seed alone. User mode: code, data and stack lie at the same linear addresses
 * in the guest and in the child in which the host's own processor runs it.
 */
#ifndef MOAT_CPU_TOOL_FUZZ_H
#define MOAT_CPU_TOOL_FUZZ_H

#include "cpu/decode/decode.h"
#include "cpu/tool/tool.h"

/* Linear addresses of user mode. Between and around the stretches nothing is mapped. */
#define AREA_BASE     UINT64_C(0x10000000)
#define AREA_CODE     AREA_BASE /* one page: read, written, executed */
#define AREA_DATA     (AREA_BASE + 0x2000)
#define AREA_READONLY (AREA_BASE + 0x6000) /* one page */
#define AREA_STACK    (AREA_BASE + 0x8000) /* two pages */
#define AREA_BYTES    0xa000u
/* Which pages of it there are, a bit each. */
#define AREA_PAGES 0x37du

#define CASE_INSTRUCTIONS_MAX 16
#define CASE_CODE_MAX         320

struct rng {
    uint64_t s[2];
};
void rng_seed(struct rng *r, uint64_t seed, uint64_t number);
uint64_t rng_next(struct rng *r);
uint64_t rng_below(struct rng *r, uint64_t n);
static inline bool rng_percent(struct rng *r, unsigned percent)
{
    return rng_below(r, 100) < percent;
}
/* Numbers at which something changes: powers of two and their neighbours, all ones, small ones; and any. */
uint64_t rng_edge(struct rng *r);

struct fuzz_insn {
    struct insn insn;
    uint16_t offset;          /* in the code */
    uint16_t flags_undefined; /* of those after it: not known */
};

struct fuzz_case {
    uint64_t seed, number;
    unsigned mode; /* 64 or 32; 16 in system mode */
    unsigned n;
    unsigned code_bytes; /* without the UD2 that ends it */
    uint8_t code[CASE_CODE_MAX];
    struct fuzz_insn insns[CASE_INSTRUCTIONS_MAX];
    uint64_t gpr[16], rflags;
    _Alignas(64) uint8_t fx[512]; /* as FXSAVE64 has it */
    uint8_t high[256];            /* upper halves of ymm; 0 where the model has no AVX */
};

/* What a processor had in it when it met the first exception. */
struct outcome {
    unsigned vector; /* OUTCOME_ENDLESS: it did not end in time */
    uint32_t error;
    uint64_t cr2; /* of #PF */
    uint64_t gpr[16], rip, rflags;
    uint16_t selectors[6];
    _Alignas(64) uint8_t fx[512];
    uint8_t high[256];
    const uint8_t *area; /* AREA_BYTES; holes are zeros */
    uint8_t *own_area;   /* ours: the same, may be changed */
};
#define OUTCOME_ENDLESS 256u

/* Has it AVX and AVX2? */
bool fuzz_has_avx(const struct cpu_model *model);

/* NULL, or why this instruction is not compared. */
typedef const char *fuzz_excluder(const struct insn *insn, const struct cpu_model *model);

enum decode_mode fuzz_decode_mode(unsigned mode);
/* Makes case `number`. `only`: an instruction's name, or NULL; `length`: at most so many instructions. */
void fuzz_generate(struct fuzz_case *c, uint64_t seed, uint64_t number, unsigned mode, unsigned length,
                   const char *only, const struct cpu_model *model, fuzz_excluder *excluded);
/* Flags of which nobody knows what they are after this instruction, when `before` were unknown before it. `skipped`: a
 * branch may have gone over it. */
uint16_t fuzz_unknown_after(const struct insn *insn, uint16_t before, bool skipped);
/* The contents of the area before it runs. */
void fuzz_memory(const struct fuzz_case *c, uint8_t area[AREA_BYTES]);
fuzz_excluder fuzz_excluded; /* with the host */
/* With libunicorn: of the code that is being made for now. */
fuzz_excluder fuzz_excluded_unicorn;
void fuzz_unicorn_makes(unsigned mode, unsigned ring);

/* Our processor in user mode (fuzz_soft.c). */
struct soft_user {
    struct flat flat;
    struct vcpu_state start, end;
};
int soft_user_make(struct soft_user *s, const char *model, struct err *err);
void soft_user_run(struct soft_user *s, const struct fuzz_case *c, const uint8_t *area, struct outcome *out);
/* Whether it runs an instruction that fuzz_generate() would not have put there, in code that it wrote itself or jumped
 * to: one that is left out, or asks for flags that nobody knows. */
bool soft_user_strays(struct soft_user *s, const struct fuzz_case *c, const uint8_t *area,
                      const struct cpu_model *model, fuzz_excluder *excluded);

/* System mode: 64-bit code, and 32- and 16-bit code of compatibility mode, in ring 0 or 3. 16-bit code has the area for
 * its segments, base and all, else they are flat. `pages`: bits of each page of the area's entry (P, W, U, A, D), and
 * control registers to begin with. What is above 1 MiB and the area is not there. */
struct soft_system {
    uint64_t pages[AREA_BYTES >> 12], cr0, cr4;
    unsigned ring; /* 0 or 3 */
};
/* Selectors for it. */
uint16_t soft_system_code(unsigned mode, unsigned ring);
uint16_t soft_system_data(unsigned mode, unsigned ring);
void soft_system_begin(struct soft_user *s, const struct fuzz_case *c, const struct soft_system *how,
                       const uint8_t *area);
void soft_system_run(struct soft_user *s, struct outcome *out);
#define SOFT_SYSTEM_BYTES UINT64_C(0x20000)  /* tables and descriptors, from 0 */
#define SOFT_AREA         UINT64_C(0x100000) /* where the area lies */

/* The host's processor, in this process (fuzz_host.c): for a child that may be lost. */
int host_make(struct err *err);
void host_run(const struct fuzz_case *c, const uint8_t *area, struct outcome *out);

/* A peer that does system mode (fuzz_unicorn.c); its exit status. */
struct fuzz_options {
    uint64_t seed, first, count;
    unsigned mode, length;
    const char *only, *model;
};
int fuzz_unicorn(const struct fuzz_options *o);

#endif
