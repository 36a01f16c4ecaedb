/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the rooms of the integer instructions share: registers by width, the forms that handlers are made for, locked
 * operations. Private to src/cpu.
 *
 * WIDTHS. Macros make each hot handler four times, for 8, 16, 32 and 64 bits; `bits` is pasted into names. In byte
 * operations op->reg and op->rm are offsets of bytes, else numbers of registers: int_bind_form() fills them.
 */
#ifndef MOAT_CPU_INT_H
#define MOAT_CPU_INT_H

#include "cpu/core.h"
#include "cpu/features.h"

/* Where the two operands of an instruction are, the one that is written first. op->reg is the register that is written
 * or the only one, op->rm the other. */
enum int_form {
    FORM_RR, /* reg, rm */
    FORM_RI, /* reg, imm */
    FORM_RM, /* reg, memory */
    FORM_MR, /* memory, reg */
    FORM_MI, /* memory, imm */
    INT_FORMS,
    FORM_R = FORM_RI, /* of one operand */
    FORM_M = FORM_MI,
};

/* Index of tables by width: 1, 2, 4, 8 bytes. */
static inline unsigned int_width(unsigned bytes)
{
    return bytes == 8 ? 3 : bytes >> 1;
}

/* A register as op->reg and op->rm have it. */
uint8_t int_register(const struct insn_operand *o);
/* Fills op->reg, op->rm and op->operand_size (the first operand's width) from the first two operands. */
enum int_form int_bind_form(const struct insn *insn, struct op *op);

/* Registers by width. */
static inline uint8_t reg_get8(struct cpu *cpu, unsigned n)
{
    return *op_byte(cpu, n);
}
static inline uint16_t reg_get16(struct cpu *cpu, unsigned n)
{
    return gpr16(cpu, n);
}
static inline uint32_t reg_get32(struct cpu *cpu, unsigned n)
{
    return gpr32(cpu, n);
}
static inline uint64_t reg_get64(struct cpu *cpu, unsigned n)
{
    return cpu->gpr[n];
}
static inline void reg_set8(struct cpu *cpu, unsigned n, uint8_t v)
{
    *op_byte(cpu, n) = v;
}
static inline void reg_set16(struct cpu *cpu, unsigned n, uint16_t v)
{
    gpr_set16(cpu, n, v);
}
static inline void reg_set32(struct cpu *cpu, unsigned n, uint32_t v)
{
    gpr_set32(cpu, n, v);
}
static inline void reg_set64(struct cpu *cpu, unsigned n, uint64_t v)
{
    cpu->gpr[n] = v;
}

/* By op->operand_size, for those that are rare: values in the low bits, what is above them 0. */
static inline uint64_t reg_get(struct cpu *cpu, unsigned n, unsigned size)
{
    return size == 1 ? *op_byte(cpu, n) : gpr_get(cpu, n, size);
}
static inline void reg_set(struct cpu *cpu, unsigned n, unsigned size, uint64_t v)
{
    if (size == 1)
        *op_byte(cpu, n) = (uint8_t)v;
    else
        gpr_set(cpu, n, size, v);
}
static inline uint64_t int_cut(uint64_t v, unsigned size)
{
    return size == 8 ? v : v & ((UINT64_C(1) << 8 * size) - 1);
}
static inline bool op_load(struct cpu *cpu, const struct op *op, unsigned size, uint64_t *value)
{
    uint64_t linear;

    if (!op_linear(cpu, op, size, ACCESS_LOAD, &linear))
        return false;
    struct cpu_value v = cpu_load_slow(cpu, linear, size);

    *value = v.value;
    return v.ok;
}
static inline bool op_store(struct cpu *cpu, const struct op *op, unsigned size, uint64_t value)
{
    uint64_t linear;

    return op_linear(cpu, op, size, ACCESS_STORE, &linear) && cpu_store_slow(cpu, linear, size, value);
}

/* ---- Memory, the fast way ------------------------------------------------------------------------------------- */

/* A hot handler asks for a host address first, and when there is none it continues as another, slower handler: a call
 * in the middle that may come back would make it save registers at its beginning. */

/* The linear address of the operand, where that takes no checks. */
static inline bool op_linear_fast(const struct cpu *cpu, const struct op *op, uint64_t *linear)
{
    *linear = op_offset_of(cpu, op);
    if (LIKELY(0xdu >> op->segment & cpu->flat)) /* es, ss, ds */
        return true;
    if (op->segment >= SEG_FS)
        *linear += cpu->segments[op->segment].base;
    return cpu->mode == MODE_LONG;
}

/* Where `size` bytes at linear lie in this process, if they may be loaded, or stored, or both, without further ado. */
static inline const void *cpu_host_load(const struct cpu *cpu, uint64_t linear, unsigned size)
{
    const struct tlb_entry *t = tlb_slot(cpu, linear);

    return LIKELY(t->load == TLB_TAG(linear, size)) ? (const void *)(t->host + linear) : NULL;
}
static inline void *cpu_host_store(const struct cpu *cpu, uint64_t linear, unsigned size)
{
    const struct tlb_entry *t = tlb_slot(cpu, linear);

    return LIKELY(t->store == TLB_TAG(linear, size)) ? (void *)(t->host + linear) : NULL;
}
static inline void *cpu_host_place(const struct cpu *cpu, uint64_t linear, unsigned size)
{
    const struct tlb_entry *t = tlb_slot(cpu, linear);
    uint64_t page = TLB_TAG(linear, size);

    return LIKELY(t->store == page && t->load == page) ? (void *)(t->host + linear) : NULL;
}
static inline const void *op_host_load(const struct cpu *cpu, const struct op *op, unsigned size)
{
    uint64_t linear;

    return op_linear_fast(cpu, op, &linear) ? cpu_host_load(cpu, linear, size) : NULL;
}
static inline void *op_host_store(const struct cpu *cpu, const struct op *op, unsigned size)
{
    uint64_t linear;

    return op_linear_fast(cpu, op, &linear) ? cpu_host_store(cpu, linear, size) : NULL;
}
static inline void *op_host_place(const struct cpu *cpu, const struct op *op, unsigned size)
{
    uint64_t linear;

    return op_linear_fast(cpu, op, &linear) ? cpu_host_place(cpu, linear, size) : NULL;
}

/* What is at a host address, which need not be aligned. */
#define HOST_ACCESS(bits)                                                                                              \
    static inline uint##bits##_t host_get##bits(const void *at)                                                        \
    {                                                                                                                  \
        uint##bits##_t v;                                                                                              \
        memcpy(&v, at, sizeof v);                                                                                      \
        return v;                                                                                                      \
    }                                                                                                                  \
    static inline void host_set##bits(void *at, uint##bits##_t v)                                                      \
    {                                                                                                                  \
        memcpy(at, &v, sizeof v);                                                                                      \
    }
HOST_ACCESS(8)
HOST_ACCESS(16)
HOST_ACCESS(32)
HOST_ACCESS(64)
#undef HOST_ACCESS

/* The slow way, out of line. */
struct cpu_value op_load_slow(struct cpu *cpu, const struct op *op, unsigned size);
bool op_store_slow(struct cpu *cpu, const struct op *op, unsigned size, uint64_t value);

/* A handler that loads v, of `bits`, and then does `statement`; one that stores `value`. Each with its slow twin. */
#define INT_LOADER(name, bits, statement)                                                                              \
    static __attribute__((noinline)) void name##_slow(struct cpu *cpu, const struct op *op)                            \
    {                                                                                                                  \
        struct cpu_value l = op_load_slow(cpu, op, bits / 8);                                                          \
        uint##bits##_t v = (uint##bits##_t)l.value;                                                                    \
        if (!l.ok)                                                                                                     \
            return;                                                                                                    \
        statement;                                                                                                     \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void name(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        const void *at = op_host_load(cpu, op, bits / 8);                                                              \
        uint##bits##_t v;                                                                                              \
        if (UNLIKELY(!at))                                                                                             \
            return name##_slow(cpu, op);                                                                               \
        v = host_get##bits(at);                                                                                        \
        statement;                                                                                                     \
        NEXT(cpu, op);                                                                                                 \
    }
#define INT_STORER(name, bits, value)                                                                                  \
    static __attribute__((noinline)) void name##_slow(struct cpu *cpu, const struct op *op)                            \
    {                                                                                                                  \
        if (!op_store_slow(cpu, op, bits / 8, (uint##bits##_t)(value)))                                                \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void name(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        void *at = op_host_store(cpu, op, bits / 8);                                                                   \
        if (UNLIKELY(!at))                                                                                             \
            return name##_slow(cpu, op);                                                                               \
        host_set##bits(at, (uint##bits##_t)(value));                                                                   \
        NEXT(cpu, op);                                                                                                 \
    }

/* macro(n) for each condition. */
#define INT_CONDITIONS(macro)                                                                                          \
    macro(0) macro(1) macro(2) macro(3) macro(4) macro(5) macro(6) macro(7) macro(8) macro(9) macro(10) macro(11)      \
        macro(12) macro(13) macro(14) macro(15)

/* Memory that is read and then written, by width. */
static inline struct cpu_value int_place_at(struct cpu *cpu, uint64_t linear, unsigned size, struct place *place)
{
    struct cpu_value v = cpu_place_slow(cpu, linear, size);

    place->linear = linear;
    place->host = v.ok > 1 ? (void *)(uintptr_t)v.ok : NULL;
    return v;
}
static inline bool int_place(struct cpu *cpu, const struct op *op, unsigned size, uint64_t *value, struct place *place)
{
    uint64_t linear;

    if (!op_linear(cpu, op, size, ACCESS_STORE, &linear))
        return false;
    struct cpu_value v = int_place_at(cpu, linear, size, place);

    *value = v.value;
    return v.ok;
}
static inline void int_place_store(struct cpu *cpu, const struct place *place, unsigned size, uint64_t value)
{
    if (place->host)
        memcpy(place->host, &value, size);
    else
        cpu_place_store_slow(cpu, place, size, &value);
}

/* For locked operations: writes `new` if `*old` is still there, in one step that no other thread of the process sees a
 * half of; else *old is what is there now, and false. A place without a host address is this processor's alone. */
bool int_place_exchange(struct cpu *cpu, const struct place *place, unsigned size, uint64_t *old, uint64_t new);

/* ---- Flags -------------------------------------------------------------------------------------------------- */

/* C and O alone. */
static inline void flags_put_co(struct lazy_flags *f, bool c, bool o)
{
    f->delta = (f->delta & ~(UINT64_C(3) << 62)) | (uint64_t)c << 63 | (uint64_t)(c ^ o) << 62;
}

/* FLAGS THAT NOBODY SEES. An operation on registers writes flags for nothing when a later one of its block overwrites
 * all of them and between the two nothing reads them or could fail. bind functions mark those that could be done
 * without flags (int_quiet) and those that are harmless between (OP_PURE), and call int_overwritten() for one that
 * overwrites. */
static inline void int_quiet(struct op *op, op_handler *quiet)
{
    op->disp = (int64_t)(uintptr_t)quiet;
    op->flags |= OP_QUIET;
}
void int_overwritten(struct op *op);

/* ---- What one room takes from another ------------------------------------------------------------------------- */

/* Features that decide what an opcode means. */
enum {
    FEATURE_BMI1 = WORD_7_EBX * 32 + 3,
    FEATURE_BMI2 = WORD_7_EBX * 32 + 8,
    FEATURE_ADX = WORD_7_EBX * 32 + 19,
};
static inline bool int_has(const struct cpu *cpu, unsigned feature)
{
    return cpu_model_has(&cpu->model, (enum cpu_feature)feature);
}

/* stack.c: could so many bytes be pushed? Raises what the push would. */
bool int_stack_probe(struct cpu *cpu, unsigned size);

/* alu.c: is this bound op a comparison of registers, with nothing that could fail? 0 cmp of two registers, 1 with an
 * immediate, 2 and 3 the same of test; -1: something else. */
int int_comparison(const struct op *op);

#endif
