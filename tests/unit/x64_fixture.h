/* SPDX-License-Identifier: Apache-2.0 */
/* What an emitted instruction must be in the eyes of a disassembler of others (Zydis): mnemonic and operands. */
#ifndef MOAT_TESTS_X64_FIXTURE_H
#define MOAT_TESTS_X64_FIXTURE_H

#include "codegen/x64.h"

enum operand_kind { OPERAND_REG, OPERAND_XMM, OPERAND_YMM, OPERAND_MEM, OPERAND_IMM };

struct operand {
    enum operand_kind kind;
    unsigned reg;
    enum x64_width width; /* of OPERAND_REG */
    struct x64_mem mem;
    unsigned bits; /* of OPERAND_MEM: 0 is any */
    int64_t imm;
};

static inline struct operand reg_operand(enum x64_width w, unsigned reg)
{
    return (struct operand){.kind = OPERAND_REG, .width = w, .reg = reg};
}

static inline struct operand xmm_operand(unsigned reg)
{
    return (struct operand){.kind = OPERAND_XMM, .reg = reg};
}

static inline struct operand mem_operand(unsigned bits, struct x64_mem m)
{
    return (struct operand){.kind = OPERAND_MEM, .bits = bits, .mem = m};
}

static inline struct operand imm_operand(int64_t imm)
{
    return (struct operand){.kind = OPERAND_IMM, .imm = imm};
}

/* Bits of a width. */
static inline unsigned width_bits(enum x64_width w)
{
    return 8u << w;
}

/* The buffer must hold exactly one instruction: this one. Fails the test naming `row` otherwise; empties the buffer. */
void expect(struct x64_buf *b, const char *row, const char *mnemonic, const struct operand *operands, unsigned n);
#define EXPECT(b, row, mnemonic, ...)                                                                                  \
    expect(b, row, mnemonic, (const struct operand[]){__VA_ARGS__},                                                    \
           sizeof((const struct operand[]){__VA_ARGS__}) / sizeof(struct operand))

/* The same for an instruction whose operands are not chosen: none, or any. */
void expect_bare(struct x64_buf *b, const char *row, const char *mnemonic, bool any_operands);

/* Memory operands that between them have every base, every index, every scale and every length of displacement. */
extern const struct x64_mem mem_cases[];
extern const unsigned mem_cases_count;

/* The buffer that the tests share, for the whole group. */
extern struct x64_buf x64_test;
int x64_setup(void **state);
int x64_teardown(void **state);

/* Whether there is a disassembler; otherwise says what is missing. A program then ends with 77. */
bool x64_disassembler(void);
#define X64_RUN(tests) (x64_disassembler() ? cmocka_run_group_tests(tests, x64_setup, x64_teardown) : 77)

#endif
