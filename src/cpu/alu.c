/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addition, subtraction, logic and comparison (Intel 2A, 2B: ADD OR ADC SBB AND SUB XOR CMP TEST INC DEC NEG NOT). A
 * handler for each operation, width and form; locked ones by a loop around the host's own compare-and-exchange.
 */
#include "cpu/int.h"

/* ---- The operations: r of a and b, and the flags ------------------------------------------------------------- */

#define ALU_OPERATIONS(bits)                                                                                           \
    static inline uint##bits##_t add##bits(struct lazy_flags *f, uint##bits##_t a, uint##bits##_t b)                   \
    {                                                                                                                  \
        uint##bits##_t r = (uint##bits##_t)(a + b);                                                                    \
        flags_add(f, a, b, r, bits);                                                                                   \
        return r;                                                                                                      \
    }                                                                                                                  \
    static inline uint##bits##_t adc##bits(struct lazy_flags *f, uint##bits##_t a, uint##bits##_t b)                   \
    {                                                                                                                  \
        uint##bits##_t r = (uint##bits##_t)(a + b + flags_c(f));                                                       \
        flags_add(f, a, b, r, bits);                                                                                   \
        return r;                                                                                                      \
    }                                                                                                                  \
    static inline uint##bits##_t sub##bits(struct lazy_flags *f, uint##bits##_t a, uint##bits##_t b)                   \
    {                                                                                                                  \
        uint##bits##_t r = (uint##bits##_t)(a - b);                                                                    \
        flags_sub(f, a, b, r, bits);                                                                                   \
        return r;                                                                                                      \
    }                                                                                                                  \
    static inline uint##bits##_t sbb##bits(struct lazy_flags *f, uint##bits##_t a, uint##bits##_t b)                   \
    {                                                                                                                  \
        uint##bits##_t r = (uint##bits##_t)(a - b - flags_c(f));                                                       \
        flags_sub(f, a, b, r, bits);                                                                                   \
        return r;                                                                                                      \
    }                                                                                                                  \
    static inline uint##bits##_t and##bits(struct lazy_flags *f, uint##bits##_t a, uint##bits##_t b)                   \
    {                                                                                                                  \
        flags_logic(f, a &= b, bits);                                                                                  \
        return a;                                                                                                      \
    }                                                                                                                  \
    static inline uint##bits##_t or ##bits(struct lazy_flags *f, uint##bits##_t a, uint##bits##_t b)                   \
    {                                                                                                                  \
        flags_logic(f, a |= b, bits);                                                                                  \
        return a;                                                                                                      \
    }                                                                                                                  \
    static inline uint##bits##_t xor ##bits(struct lazy_flags *f, uint##bits##_t a, uint##bits##_t b)                  \
    {                                                                                                                  \
        flags_logic(f, a ^= b, bits);                                                                                  \
        return a;                                                                                                      \
    }                                                                                                                  \
    /* Those of one operand: b is not looked at. */                                                                    \
    static inline uint##bits##_t inc##bits(struct lazy_flags *f, uint##bits##_t a, uint##bits##_t b)                   \
    {                                                                                                                  \
        bool c = flags_c(f);                                                                                           \
        a = add##bits(f, a, 1);                                                                                        \
        flags_keep_c(f, c);                                                                                            \
        return a;                                                                                                      \
    }                                                                                                                  \
    static inline uint##bits##_t dec##bits(struct lazy_flags *f, uint##bits##_t a, uint##bits##_t b)                   \
    {                                                                                                                  \
        bool c = flags_c(f);                                                                                           \
        a = sub##bits(f, a, 1);                                                                                        \
        flags_keep_c(f, c);                                                                                            \
        return a;                                                                                                      \
    }                                                                                                                  \
    static inline uint##bits##_t neg##bits(struct lazy_flags *f, uint##bits##_t a, uint##bits##_t b)                   \
    {                                                                                                                  \
        return sub##bits(f, 0, a);                                                                                     \
    }                                                                                                                  \
    static inline uint##bits##_t not ##bits(struct lazy_flags * f, uint##bits##_t a, uint##bits##_t b)                 \
    {                                                                                                                  \
        return (uint##bits##_t) ~a;                                                                                    \
    }
ALU_OPERATIONS(8)
ALU_OPERATIONS(16)
ALU_OPERATIONS(32)
ALU_OPERATIONS(64)

/* ---- The slow ways: through devices, over the ends of pages, locked. op->extra says what is to be done ------- */

enum { ADD, OR, ADC, SBB, AND, SUB, XOR, INC, DEC, NEG, NOT, WRITING, CMP = WRITING, TEST, OPERATIONS };

#define ALU_SLOW(bits)                                                                                                 \
    static uint##bits##_t alu##bits(struct lazy_flags *f, unsigned operation, uint##bits##_t a, uint##bits##_t b)      \
    {                                                                                                                  \
        switch (operation) {                                                                                           \
        case ADD:                                                                                                      \
            return add##bits(f, a, b);                                                                                 \
        case OR:                                                                                                       \
            return or ##bits(f, a, b);                                                                                 \
        case ADC:                                                                                                      \
            return adc##bits(f, a, b);                                                                                 \
        case SBB:                                                                                                      \
            return sbb##bits(f, a, b);                                                                                 \
        case AND:                                                                                                      \
        case TEST:                                                                                                     \
            return and##bits(f, a, b);                                                                                 \
        case SUB:                                                                                                      \
        case CMP:                                                                                                      \
            return sub##bits(f, a, b);                                                                                 \
        case XOR:                                                                                                      \
            return xor##bits(f, a, b);                                                                                 \
        case INC:                                                                                                      \
            return inc##bits(f, a, b);                                                                                 \
        case DEC:                                                                                                      \
            return dec##bits(f, a, b);                                                                                 \
        case NEG:                                                                                                      \
            return neg##bits(f, a, b);                                                                                 \
        default:                                                                                                       \
            return not ##bits(f, a, b);                                                                                \
        }                                                                                                              \
    }                                                                                                                  \
    static __attribute__((noinline)) bool lock_do##bits(struct cpu *cpu, const struct op *op, uint64_t b)              \
    {                                                                                                                  \
        uint64_t a, r;                                                                                                 \
        struct place place;                                                                                            \
        struct lazy_flags f;                                                                                           \
        if (!int_place(cpu, op, bits / 8, &a, &place))                                                                 \
            return false;                                                                                              \
        do {                                                                                                           \
            f = cpu->flags;                                                                                            \
            r = alu##bits(&f, op->extra, (uint##bits##_t)a, (uint##bits##_t)b);                                        \
        } while (!int_place_exchange(cpu, &place, bits / 8, &a, r));                                                   \
        cpu->flags = f;                                                                                                \
        return true;                                                                                                   \
    }                                                                                                                  \
    static __attribute__((noinline)) void lock##bits##_mr(struct cpu *cpu, const struct op *op)                        \
    {                                                                                                                  \
        if (!lock_do##bits(cpu, op, reg_get##bits(cpu, op->reg)))                                                      \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static __attribute__((noinline)) void lock##bits##_mi(struct cpu *cpu, const struct op *op)                        \
    {                                                                                                                  \
        if (!lock_do##bits(cpu, op, (uint64_t)op->imm))                                                                \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static __attribute__((noinline)) void slow##bits##_rm(struct cpu *cpu, const struct op *op)                        \
    {                                                                                                                  \
        struct cpu_value b = op_load_slow(cpu, op, bits / 8);                                                          \
        uint##bits##_t r;                                                                                              \
        if (!b.ok)                                                                                                     \
            return;                                                                                                    \
        r = alu##bits(&cpu->flags, op->extra, reg_get##bits(cpu, op->reg), (uint##bits##_t)b.value);                   \
        if (op->extra < WRITING)                                                                                       \
            reg_set##bits(cpu, op->reg, r);                                                                            \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static __attribute__((noinline)) void slow##bits##_compare_mr(struct cpu *cpu, const struct op *op)                \
    {                                                                                                                  \
        struct cpu_value a = op_load_slow(cpu, op, bits / 8);                                                          \
        if (!a.ok)                                                                                                     \
            return;                                                                                                    \
        alu##bits(&cpu->flags, op->extra, (uint##bits##_t)a.value, reg_get##bits(cpu, op->reg));                       \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static __attribute__((noinline)) void slow##bits##_compare_mi(struct cpu *cpu, const struct op *op)                \
    {                                                                                                                  \
        struct cpu_value a = op_load_slow(cpu, op, bits / 8);                                                          \
        if (!a.ok)                                                                                                     \
            return;                                                                                                    \
        alu##bits(&cpu->flags, op->extra, (uint##bits##_t)a.value, (uint##bits##_t)op->imm);                           \
        NEXT(cpu, op);                                                                                                 \
    }
ALU_SLOW(8)
ALU_SLOW(16)
ALU_SLOW(32)
ALU_SLOW(64)

/* ---- Handlers ------------------------------------------------------------------------------------------------ */

/* A name per form; the flags are written only when nothing can fail any more. */
#define ALU_REGISTER(name, bits)                                                                                       \
    static void name##bits##_rr(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        reg_set##bits(cpu, op->reg, name##bits(&cpu->flags, reg_get##bits(cpu, op->reg), reg_get##bits(cpu, op->rm))); \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void name##bits##_rm(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        const void *at = op_host_load(cpu, op, bits / 8);                                                              \
        if (UNLIKELY(!at))                                                                                             \
            return slow##bits##_rm(cpu, op);                                                                           \
        reg_set##bits(cpu, op->reg, name##bits(&cpu->flags, reg_get##bits(cpu, op->reg), host_get##bits(at)));         \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void name##bits##_mr(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        void *at = op_host_place(cpu, op, bits / 8);                                                                   \
        if (UNLIKELY(!at))                                                                                             \
            return lock##bits##_mr(cpu, op);                                                                           \
        host_set##bits(at, name##bits(&cpu->flags, host_get##bits(at), reg_get##bits(cpu, op->reg)));                  \
        NEXT(cpu, op);                                                                                                 \
    }
#define ALU_IMMEDIATE(name, bits)                                                                                      \
    static void name##bits##_ri(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        reg_set##bits(cpu, op->reg, name##bits(&cpu->flags, reg_get##bits(cpu, op->reg), (uint##bits##_t)op->imm));    \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void name##bits##_mi(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        void *at = op_host_place(cpu, op, bits / 8);                                                                   \
        if (UNLIKELY(!at))                                                                                             \
            return lock##bits##_mi(cpu, op);                                                                           \
        host_set##bits(at, name##bits(&cpu->flags, host_get##bits(at), (uint##bits##_t)op->imm));                      \
        NEXT(cpu, op);                                                                                                 \
    }
/* cmp and test write nothing but flags. */
#define ALU_COMPARE(name, operation, bits)                                                                             \
    static void name##bits##_rr(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        operation##bits(&cpu->flags, reg_get##bits(cpu, op->reg), reg_get##bits(cpu, op->rm));                         \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void name##bits##_ri(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        operation##bits(&cpu->flags, reg_get##bits(cpu, op->reg), (uint##bits##_t)op->imm);                            \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void name##bits##_rm(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        const void *at = op_host_load(cpu, op, bits / 8);                                                              \
        if (UNLIKELY(!at))                                                                                             \
            return slow##bits##_rm(cpu, op);                                                                           \
        operation##bits(&cpu->flags, reg_get##bits(cpu, op->reg), host_get##bits(at));                                 \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void name##bits##_mr(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        const void *at = op_host_load(cpu, op, bits / 8);                                                              \
        if (UNLIKELY(!at))                                                                                             \
            return slow##bits##_compare_mr(cpu, op);                                                                   \
        operation##bits(&cpu->flags, host_get##bits(at), reg_get##bits(cpu, op->reg));                                 \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void name##bits##_mi(struct cpu *cpu, const struct op *op)                                                  \
    {                                                                                                                  \
        const void *at = op_host_load(cpu, op, bits / 8);                                                              \
        if (UNLIKELY(!at))                                                                                             \
            return slow##bits##_compare_mi(cpu, op);                                                                   \
        operation##bits(&cpu->flags, host_get##bits(at), (uint##bits##_t)op->imm);                                     \
        NEXT(cpu, op);                                                                                                 \
    }

#define FOUR(macro, name) macro(name, 8) macro(name, 16) macro(name, 32) macro(name, 64)
#define BOTH(name)        FOUR(ALU_REGISTER, name) FOUR(ALU_IMMEDIATE, name)
BOTH(add)
BOTH(or)
BOTH(adc)
BOTH(sbb)
BOTH(and)
BOTH(sub)
BOTH(xor)
/* The same without flags (int.h). */
#define ALU_QUIET(name, operator, bits)                                                                                \
    static void name##bits##_rr_quiet(struct cpu *cpu, const struct op *op)                                            \
    {                                                                                                                  \
        reg_set##bits(cpu, op->reg, reg_get##bits(cpu, op->reg) operator reg_get##bits(cpu, op->rm));                  \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void name##bits##_ri_quiet(struct cpu *cpu, const struct op *op)                                            \
    {                                                                                                                  \
        reg_set##bits(cpu, op->reg, reg_get##bits(cpu, op->reg) operator(uint##bits##_t) op->imm);                     \
        NEXT(cpu, op);                                                                                                 \
    }
#define ALU_QUIET_BOTH(name, operator) ALU_QUIET(name, operator, 32) ALU_QUIET(name, operator, 64)
ALU_QUIET_BOTH(add, +)
ALU_QUIET_BOTH(sub, -)
ALU_QUIET_BOTH(and, &)
ALU_QUIET_BOTH(or, |)
ALU_QUIET_BOTH(xor, ^)
#define ALU_QUIET_ONE(bits)                                                                                            \
    static void inc##bits##_quiet(struct cpu *cpu, const struct op *op)                                                \
    {                                                                                                                  \
        reg_set##bits(cpu, op->reg, reg_get##bits(cpu, op->reg) + 1);                                                  \
        NEXT(cpu, op);                                                                                                 \
    }                                                                                                                  \
    static void dec##bits##_quiet(struct cpu *cpu, const struct op *op)                                                \
    {                                                                                                                  \
        reg_set##bits(cpu, op->reg, reg_get##bits(cpu, op->reg) - 1);                                                  \
        NEXT(cpu, op);                                                                                                 \
    }
ALU_QUIET_ONE(32)
ALU_QUIET_ONE(64)

FOUR(ALU_IMMEDIATE, inc) /* forms of one operand are named as those with an immediate */
FOUR(ALU_IMMEDIATE, dec)
FOUR(ALU_IMMEDIATE, neg)
FOUR(ALU_IMMEDIATE, not )
#define CMP_(name, bits)  ALU_COMPARE(name, sub, bits)
#define TEST_(name, bits) ALU_COMPARE(name, and, bits)
FOUR(CMP_, cmp)
FOUR(TEST_, test)

/* xor and sub of a register with itself: 0, whatever was there. */
static void zero(struct cpu *cpu, const struct op *op)
{
    cpu->gpr[op->reg] = 0;
    flags_logic(&cpu->flags, 0, 64);
    NEXT(cpu, op);
}

/* ---- Which ---------------------------------------------------------------------------------------------------- */

#define ROW(name, bits)                                                                                                \
    {                                                                                                                  \
        [FORM_RR] = name##bits##_rr, [FORM_RI] = name##bits##_ri, [FORM_RM] = name##bits##_rm,                         \
        [FORM_MR] = name##bits##_mr, [FORM_MI] = name##bits##_mi,                                                      \
    }
#define ROW_UNARY(name, bits)                                                                                          \
    {                                                                                                                  \
        [FORM_R] = name##bits##_ri, [FORM_M] = name##bits##_mi,                                                        \
    }
#define ROWS(row, name)                                                                                                \
    {                                                                                                                  \
        row(name, 8), row(name, 16), row(name, 32), row(name, 64)                                                      \
    }

static op_handler *const handlers[OPERATIONS][4][INT_FORMS] = {
    [ADD] = ROWS(ROW, add),       [OR] = ROWS(ROW, or),          [ADC] = ROWS(ROW, adc),
    [SBB] = ROWS(ROW, sbb),       [AND] = ROWS(ROW, and),        [SUB] = ROWS(ROW, sub),
    [XOR] = ROWS(ROW, xor),       [INC] = ROWS(ROW_UNARY, inc),  [DEC] = ROWS(ROW_UNARY, dec),
    [NEG] = ROWS(ROW_UNARY, neg), [NOT] = ROWS(ROW_UNARY, not ), [CMP] = ROWS(ROW, cmp),
    [TEST] = ROWS(ROW, test),
};
static op_handler *const locked[4][2] = {
    {lock8_mr, lock8_mi},
    {lock16_mr, lock16_mi},
    {lock32_mr, lock32_mi},
    {lock64_mr, lock64_mi},
};

#define QUIET(name)                                                                                                    \
    {                                                                                                                  \
        {name##32_rr_quiet, name##32_ri_quiet},                                                                        \
        {                                                                                                              \
            name##64_rr_quiet, name##64_ri_quiet                                                                       \
        }                                                                                                              \
    }
static op_handler *const quiet[OPERATIONS][2][2] = {
    [ADD] = QUIET(add),
    [SUB] = QUIET(sub),
    [AND] = QUIET(and),
    [OR] = QUIET(or),
    [XOR] = QUIET(xor),
    [INC] = {{NULL, inc32_quiet}, {NULL, inc64_quiet}},
    [DEC] = {{NULL, dec32_quiet}, {NULL, dec64_quiet}},
};

/* What the flags of an operation on registers mean for those around it. */
static void bind_flags(unsigned operation, unsigned width, enum int_form form, struct op *op)
{
    if (operation == NOT)
        op->flags |= OP_PURE;
    if (operation != ADC && operation != SBB && operation != INC && operation != DEC && operation != NOT)
        int_overwritten(op);
    if (width >= 2 && quiet[operation][width - 2][form == FORM_RI])
        int_quiet(op, quiet[operation][width - 2][form == FORM_RI]);
}

static int operation_of(enum insn_name name)
{
    static const struct {
        uint16_t name;
        uint8_t operation;
    } names[] = {
        {INSN_ADD, ADD}, {INSN_OR, OR},   {INSN_ADC, ADC},   {INSN_SBB, SBB}, {INSN_AND, AND},
        {INSN_SUB, SUB}, {INSN_XOR, XOR}, {INSN_INC, INC},   {INSN_DEC, DEC}, {INSN_NEG, NEG},
        {INSN_NOT, NOT}, {INSN_CMP, CMP}, {INSN_TEST, TEST},
    };

    for (unsigned i = 0; i < sizeof names / sizeof *names; i++)
        if (names[i].name == name)
            return names[i].operation;
    return -1;
}

bool bind_alu(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    int operation = operation_of(insn->name);

    if (operation < 0)
        return bind_bits(cpu, insn, op, ends); /* adcx, adox */
    enum int_form form = int_bind_form(insn, op);
    unsigned width = int_width(op->operand_size);

    op->extra = (uint8_t)operation;
    if ((op->flags & OP_LOCK) && form >= FORM_MR && operation < WRITING)
        op->run = locked[width][form == FORM_MI];
    else if (form == FORM_RR && op->reg == op->rm && width >= 2 && (operation == XOR || operation == SUB))
        op->run = zero;
    else
        op->run = handlers[operation][width][form];
    if (form <= FORM_RI)
        bind_flags((unsigned)operation, width, form, op);
    return true;
}

int int_comparison(const struct op *op)
{
    for (unsigned form = FORM_RR; form <= FORM_RI; form++)
        for (unsigned width = 0; width < 4; width++) {
            if (op->run == handlers[CMP][width][form])
                return form == FORM_RI;
            if (op->run == handlers[TEST][width][form])
                return 2 + (form == FORM_RI);
        }
    return -1;
}
