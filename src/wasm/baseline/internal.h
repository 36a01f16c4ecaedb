/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the files of the compiler share: its state, the abstract value stack, registers. All of it is one function's at
 * a time; what outlives a function is the buffer with the machine code, the map of positions and the calls to patch.
 *
 * The value stack holds entries: a register, the entry's own slot in the frame, a constant, a local that was not copied
 * yet, or the flags of a comparison that the next instruction uses. A handler pops its operands; a popped register
 * belongs to the handler until it is released or pushed again.
 *
 * Registers are numbers 0 to 15, general, and 16 to 31, vector. rax, rcx, rdx and xmm0 to xmm3 are never given to a
 * local; xmm15 is scratch, for a few instructions of one function of this folder. `busy` says which registers hold
 * something; owner[] which entry, NULL: a handler.
 */
#ifndef MOAT_WASM_BASELINE_INTERNAL_H
#define MOAT_WASM_BASELINE_INTERNAL_H

#include "codegen/x64.h"
#include "wasm/baseline/compile.h"
#include "wasm/module/leb.h"
#include "wasm/module/opcode.h"
#include "wasm/module/validate.h"

enum {
    R_XMM0 = 16,
    R_SCRATCH = 31,
    R_NONE = 32,
};
#define BIT(r)       (1u << (r))
#define GENERAL      0x0000ffffu
#define VECTOR       0xffff0000u
#define CALLEE_SAVED (BIT(X64_RBX) | BIT(X64_R12) | BIT(X64_R13) | BIT(X64_R15))
/* The first six integers and references of a call, and the first eight floats and vectors (xmm0 to xmm7). */
#define ARGUMENT_REGISTERS (BIT(X64_RDI) | BIT(X64_RSI) | BIT(X64_R8) | BIT(X64_R9) | BIT(X64_R10) | BIT(X64_R11))
#define ARGUMENTS_GENERAL  6
#define ARGUMENTS_VECTOR   8
extern const uint8_t argument_registers[ARGUMENTS_GENERAL];

/* What one opcode may write without asking again: code, and the map of positions. */
#define ROOM_CODE 512
#define ROOM_MAP  64

/* The prefix by which an address is added up in 32 bits. */
#define ADDRESS_32 0x67

/* Types as code sees them; references are I64. */
enum vt { VT_I32, VT_I64, VT_F32, VT_F64, VT_V128 };

extern const uint8_t vt_of_type[128]; /* enum wasm_type to enum vt */

static inline bool vt_is_vector(uint8_t vt)
{
    return vt >= VT_F32;
}

static inline uint32_t vt_size(uint8_t vt)
{
    return vt == VT_V128 ? 16 : 8;
}

static inline uint32_t vt_class(uint8_t vt)
{
    return vt_is_vector(vt) ? VECTOR : GENERAL;
}

static inline enum x64_width vt_width(uint8_t vt)
{
    return vt == VT_I32 ? X64_W32 : X64_W64;
}

enum kind { K_REG, K_SLOT, K_CONST, K_LOCAL, K_FLAGS, K_MEMORY, K_ADDRESS };

/* Of K_MEMORY and K_ADDRESS: which registers are the entry's; whether the sum wraps at 32 bits, as an i32.add does;
 * whether there is an index. */
enum { M_OWNED = 1, M_INDEX_OWNED = 2, M_WRAPS = 4, M_INDEX = 8 };

struct value {
    uint8_t kind, vt;
    uint8_t reg;     /* of K_REG; of K_FLAGS the condition; of K_MEMORY the base, or R_NONE */
    uint8_t flags;   /* M_... */
    uint32_t height; /* bytes of the stack's slots up to and with this one */
    union {
        uint64_t imm; /* of K_CONST: bits */
        uint32_t local;
        struct {
            union {
                int32_t
                    disp; /* of K_MEMORY, a load that the next instruction does, and K_ADDRESS, a sum that it adds up */
                struct {
                    uint8_t index, scale; /* instead, with M_INDEX */
                };
            };
            uint32_t offset; /* of the load, in the module */
        };
    };
};

/* Equality of floats is two flags: equal and not unordered. The opposite of a condition is cc ^ 1, here too. */
enum { CC_FLOAT_EQ = 16, CC_FLOAT_NE = 17 };

struct control {
    uint8_t op;      /* WASM_OP_BLOCK (of the function too), LOOP, IF, ELSE */
    bool merges;     /* something branches to the label */
    uint32_t base;   /* values below the parameters */
    uint32_t height; /* of these, in bytes */
    uint32_t n_params, n_results;
    const uint8_t *params, *results; /* enum wasm_type */
    struct x64_label label;          /* the end; of a loop its head */
    struct x64_label other;          /* the else */
    uint32_t clean, clean_other;     /* pinned locals whose slots are up to date there */
    uint32_t table, place; /* where a table's entry leads: of the br_table behind this offset, or UINT32_MAX, of all */
};

struct trap_site { /* a jump to code that raises a trap */
    struct x64_label label;
    uint32_t offset;
    uint8_t kind; /* enum wasm_trap */
};

struct cross_site { /* a call of a function that may be another instance's */
    struct x64_label label;
    uint32_t back, offset;
    uint32_t stack; /* of a tail call: bytes of arguments on it */
    bool tail;
};

struct jump_table { /* n entries at this place in the code */
    uint32_t at, n;
};

struct literal {
    struct x64_label label;
    uint8_t size;
    uint8_t bytes[16];
};

struct call_site {
    uint32_t site, function;
};

struct compiler {
    struct x64_buf b;
    const uint8_t *p;  /* the next byte of the body */
    const uint8_t *op; /* the first of the instruction at hand */
    struct value *sp, *stack;
    struct value *flushed; /* entries below are constants or in their slots */
    struct value *settled; /* from here up to it in their slots, as stack_flush_all() left them; NULL: not known */

    uint32_t busy, allocatable;
    uint32_t pinned;        /* registers that are a local's in this function */
    uint32_t volatile_pins; /* those of them that a call does not keep */
    uint32_t valid, clean;  /* the register has the local's value, the slot has it */
    struct value *owner[32];
    uint32_t pin_local[32];
    uint8_t pin_vt[32];

    const uint8_t *local_type; /* enum wasm_type */
    uint8_t *local_reg;        /* R_NONE: in the frame */
    uint32_t *lazy;            /* how many entries are K_LOCAL of it */
    uint32_t n_locals, local_size;
    uint32_t local_base, stack_base; /* bytes below rbp where they begin */
    uint32_t saved;                  /* callee-saved registers in use */
    uint32_t max_height, outgoing;   /* bytes */
    uint32_t result_area;            /* below rbp: where the results go; 0: they are in registers */
    uint32_t incoming;               /* bytes of arguments above the frame */
    bool frameless;                  /* tried: it goes well when frame_used stays false and nothing is spilled */
    bool frame_used;

    uint32_t flags_at; /* if the code ends here, the zero flag tells of this register's value, of this type */
    uint8_t flags_reg, flags_vt;

    uint32_t dest_local; /* UINT32_MAX: none */
    bool dest_tee;

    struct control *control, *top;   /* top: the innermost */
    const struct wasm_block *blocks; /* with fuel */
    uint32_t n_blocks;               /* seen so far */
    const struct wasm_functype *type;
    uint32_t function;
    const uint8_t *end;
    const struct wasm_module *m;
    struct wasm_layout layout;
    bool fuel, no_gs, avx, bmi1, bmi2, lzcnt;

    struct trap_site *traps;
    struct cross_site *crosses;
    struct literal *literals;
    struct call_site *calls;
    struct jump_table *tables;
    uint32_t *places; /* that tables lead to */
    uint32_t n_traps, n_crosses, n_literals, n_calls, n_tables, n_places;
    uint32_t cap_traps, cap_crosses, cap_literals, cap_calls, cap_tables, cap_places, cap_stack, cap_control,
        cap_locals;
    uint32_t pending_literal; /* UINT32_MAX: none */

    uint8_t *map; /* positions: see map.c */
    size_t n_map, cap_map;
    uint32_t map_at, map_offset;
    uint32_t *entries, *maps; /* of the module's own functions: where code and positions begin */
    struct x64_label nowhere; /* for jumps when memory is out */
    int failed;               /* sticky, looked at once a function */
};

/* ---- Memory operands --------------------------------------------------------------------------------------------- */

static inline struct x64_mem slot_at(const struct compiler *c, uint32_t height)
{
    return x64_at(X64_RBP, -(int32_t)(c->stack_base + height));
}

static inline struct x64_mem local_at(const struct compiler *c, uint32_t local)
{
    return x64_at(X64_RBP, -(int32_t)(c->local_base + c->local_size * (local + 1)));
}

static inline uint32_t op_offset(const struct compiler *c)
{
    return (uint32_t)(c->op - c->m->bytes);
}

/* ---- stack.c: entries and registers ------------------------------------------------------------------------------ */

uint8_t reg_spill(struct compiler *c, uint32_t class);
/* This very register, for the handler; what an entry had in it goes elsewhere. Not when a handler holds it. */
void reg_take(struct compiler *c, uint8_t reg);
/* The same, and one of two operands may hold it: that moves. */
void reg_claim(struct compiler *c, uint8_t reg, struct value *a, struct value *b);

static inline uint8_t reg_alloc(struct compiler *c, uint32_t class)
{
    uint32_t free = c->allocatable & class & ~c->busy;

    if (__builtin_expect(!free, 0))
        return reg_spill(c, class);
    uint8_t reg = (uint8_t)__builtin_ctz(free);
    c->busy |= BIT(reg);
    c->owner[reg] = NULL;
    return reg;
}

static inline void reg_free(struct compiler *c, uint8_t reg)
{
    c->busy &= ~(BIT(reg) & c->allocatable);
}

static inline struct value value_pop(struct compiler *c)
{
    struct value v = *--c->sp;

    if (v.kind == K_REG)
        c->owner[v.reg] = NULL;
    else if (v.kind == K_LOCAL)
        c->lazy[v.local]--;
    if (c->flushed > c->sp)
        c->flushed = c->sp;
    return v;
}

void value_release_memory(struct compiler *c, const struct value *v, uint8_t kept);
/* Not when its register is `kept`, which goes on as the result. */
static inline void value_release_but(struct compiler *c, const struct value *v, uint8_t kept)
{
    if (v->kind == K_REG) {
        if (v->reg != kept)
            reg_free(c, v->reg);
    } else if (__builtin_expect(v->kind >= K_MEMORY, 0)) {
        value_release_memory(c, v, kept);
    }
}

static inline void value_release(struct compiler *c, const struct value *v)
{
    value_release_but(c, v, R_NONE);
}

/* Whether a memory operand has this register in its address. */
static inline bool value_mem_uses(const struct value *v, uint8_t reg)
{
    return v->kind == K_MEMORY && (v->reg == reg || ((v->flags & M_INDEX) && v->index == reg));
}

static inline struct value *value_push(struct compiler *c, uint8_t kind, uint8_t vt)
{
    struct value *v = c->sp++;

    v->kind = kind;
    v->vt = vt;
    v->height = v[-1].height + vt_size(vt);
    return v;
}

static inline void value_push_reg(struct compiler *c, uint8_t vt, uint8_t reg)
{
    struct value *v = value_push(c, K_REG, vt);

    v->reg = reg;
    c->busy |= BIT(reg);
    c->owner[reg] = v;
}

static inline void value_push_const(struct compiler *c, uint8_t vt, uint64_t imm)
{
    value_push(c, K_CONST, vt)->imm = imm;
}

static inline void value_push_local(struct compiler *c, uint8_t vt, uint32_t local)
{
    value_push(c, K_LOCAL, vt)->local = local;
    c->lazy[local]++;
}

/* Moves that keep the flags. Registers of the type's class. */
void emit_load(struct compiler *c, uint8_t vt, uint8_t to, struct x64_mem m);
void emit_store(struct compiler *c, uint8_t vt, struct x64_mem m, uint8_t from);
void emit_move(struct compiler *c, uint8_t vt, uint8_t to, uint8_t from);
void emit_const(struct compiler *c, uint8_t vt, uint8_t to, uint64_t imm);
/* Memory to memory by way of xmm15. */
void emit_copy(struct compiler *c, uint8_t vt, struct x64_mem to, struct x64_mem from);

/* A constant of 4, 8 or 16 bytes as a memory operand of the next instruction, which must have no immediate; then
 * literal_used(). */
struct x64_mem literal_at(struct compiler *c, const void *bytes, uint8_t size);
void literal_bind(struct compiler *c);
static inline void literal_used(struct compiler *c)
{
    if (c->pending_literal != UINT32_MAX)
        literal_bind(c);
}

/* The pinned local's register, loaded when a call left it in its slot only. */
static inline uint8_t pin_valid(struct compiler *c, uint8_t reg)
{
    if (__builtin_expect(!(c->valid & BIT(reg)), 0)) {
        emit_load(c, c->pin_vt[reg], reg, local_at(c, c->pin_local[reg]));
        c->valid |= BIT(reg);
        c->clean |= BIT(reg);
    }
    return reg;
}

/* The register that has the value now; R_NONE: it is in none. */
static inline uint8_t value_where(struct compiler *c, const struct value *v)
{
    if (v->kind == K_REG)
        return v->reg;
    if (v->kind == K_LOCAL && c->local_reg[v->local] != R_NONE)
        return pin_valid(c, c->local_reg[v->local]);
    return R_NONE;
}

uint8_t value_load(struct compiler *c, struct value *v);
/* In a register, to be read only: it may be a local's. */
static inline uint8_t value_reg(struct compiler *c, struct value *v)
{
    uint8_t reg = value_where(c, v);

    return reg != R_NONE ? reg : value_load(c, v);
}
/* In a register that the handler may overwrite. */
uint8_t value_own(struct compiler *c, struct value *v);
/* Into this register, whatever is in it. The value keeps its place. */
void value_to(struct compiler *c, const struct value *v, uint8_t reg);
/* To memory; from memory by way of xmm15. */
void value_store(struct compiler *c, const struct value *v, struct x64_mem to);
/* True: an operand in memory stands for it, to be used in the very next instruction, then value_mem_used(). */
bool value_mem(struct compiler *c, const struct value *v, struct x64_mem *m);
/* Just before the instruction that uses it is written: its position, and a prefix. */
void value_mem_note(struct compiler *c, const struct value *v);

/* A 32-bit immediate, sign-extended to the type's width, stands for it. */
static inline bool value_imm32(const struct value *v)
{
    return v->kind == K_CONST && (v->vt == VT_I32 || (int64_t)v->imm == (int32_t)v->imm);
}

/* All entries into slots; constants stay. */
void stack_flush(struct compiler *c);
/* Also constants: for loops and what else is the same from several sides. n: so many at the top. */
void stack_flush_all(struct compiler *c, uint32_t n);
/* Entries below `above` out of registers, as before a call. */
void stack_save(struct compiler *c, struct value *above);
/* Entries that stand for the local get its value now: it is about to be written. */
void local_preserve(struct compiler *c, uint32_t local);
/* Drops entries down to a number of them: behind a branch. */
void stack_drop(struct compiler *c, uint32_t n);
/* All pinned locals into their registers: before a label or a branch. */
void pins_validate(struct compiler *c);

/* Where a result goes: the register of the local that the next instruction sets, which is thereby done; else R_NONE.
 * Call it when the operands are popped; the register may be that of an operand. dest_end() pushes, or finishes the set.
 */
static inline uint8_t dest_begin(struct compiler *c)
{
    const uint8_t *p = c->p;
    c->dest_local = UINT32_MAX;
    if ((*p != WASM_OP_LOCAL_SET && *p != WASM_OP_LOCAL_TEE) || p[1] >= 0x80 || c->local_reg[p[1]] == R_NONE)
        return R_NONE;
    c->dest_local = p[1];
    c->dest_tee = *p == WASM_OP_LOCAL_TEE;
    c->p += 2;
    if (c->lazy[c->dest_local])
        local_preserve(c, c->dest_local);
    return c->local_reg[c->dest_local];
}

static inline void dest_end(struct compiler *c, uint8_t vt, uint8_t reg)
{
    if (c->dest_local == UINT32_MAX) {
        value_push_reg(c, vt, reg);
        return;
    }
    uint8_t pin = c->local_reg[c->dest_local];
    if (reg != pin) {
        emit_move(c, vt, pin, reg);
        reg_free(c, reg);
    }
    c->valid |= BIT(pin);
    c->clean &= ~BIT(pin);
    if (c->dest_tee)
        value_push_local(c, vt, c->dest_local);
}

/* For handlers that write their result before they have read all operands: a register that is none of theirs. */
static inline uint8_t dest_apart(struct compiler *c, uint8_t vt)
{
    dest_begin(c);
    return reg_alloc(c, vt_class(vt));
}

/* The zero flag was set by the instruction just written. */
static inline void flags_note(struct compiler *c, uint8_t vt, uint8_t reg)
{
    c->flags_at = x64_size(&c->b);
    c->flags_reg = reg;
    c->flags_vt = vt;
}

static inline bool flags_tell(const struct compiler *c, uint8_t vt, uint8_t reg)
{
    return c->flags_at == x64_size(&c->b) && c->flags_reg == reg && c->flags_vt == vt;
}

/* A label is bound: who comes from elsewhere has other flags. */
static inline void label_bind(struct compiler *c, struct x64_label *l)
{
    x64_bind(&c->b, l);
    c->flags_at = UINT32_MAX;
}

/* ---- map.c ------------------------------------------------------------------------------------------------------- */

void map_note_long(struct compiler *c, uint32_t at, uint32_t offset);
/* The code at `at` belongs to the instruction at `offset` of the module: a call's last byte, a load's first. */
static inline void map_note(struct compiler *c, uint32_t at, uint32_t offset)
{
    uint32_t code = at - c->map_at, source = offset - c->map_offset;

    if (__builtin_expect(code < 0x80 && source < 0x40, 1)) {
        c->map[c->n_map++] = (uint8_t)code;
        c->map[c->n_map++] = (uint8_t)(source << 1);
        c->map_at = at;
        c->map_offset = offset;
    } else {
        map_note_long(c, at, offset);
    }
}
static inline void map_note_here(struct compiler *c)
{
    map_note(c, x64_size(&c->b), op_offset(c));
}
/* Room for n bytes more. */
void map_reserve(struct compiler *c, size_t n);

/* ---- The instructions: each is done with when its function returns ------------------------------------------------
 */

void compile_control(struct compiler *c, uint8_t op);
void compile_call(struct compiler *c, uint8_t op);
void compile_integer(struct compiler *c, uint8_t op);
void compile_convert(struct compiler *c, uint32_t op);
void compile_float(struct compiler *c, uint8_t op);
void compile_memory(struct compiler *c, uint8_t op);
void compile_bulk(struct compiler *c, uint32_t op);
void compile_variable(struct compiler *c, uint8_t op);
void compile_constant(struct compiler *c, uint8_t op);
void compile_select(struct compiler *c, uint8_t op);
void compile_vector(struct compiler *c, uint32_t op);

/* ---- Parts of them that others use ------------------------------------------------------------------------------- */

/* control.c: a jump when the condition holds (enum x64_cc, CC_FLOAT_...). */
void emit_branch(struct compiler *c, uint8_t cc, struct x64_label *l);
/* Pops a condition: tests it where it is not in the flags; what is true when it is not zero. */
uint8_t condition_pop(struct compiler *c);
/* Pushes the flags, if the next instruction is one that takes them; else 0 or 1. */
void condition_push(struct compiler *c, uint8_t cc);
void control_push_function(struct compiler *c);
/* Distances into the tables, when all labels are bound. */
void tables_finish(struct compiler *c);
/* Skips to what can be reached again; false: the function is over. */
bool control_skip(struct compiler *c);

/* traps.c */
struct x64_label *trap_label(struct compiler *c, enum wasm_trap kind);
void trap_if(struct compiler *c, uint8_t cc, enum wasm_trap kind);
void traps_emit(struct compiler *c);

/* memory.c: the operand for an address popped, with the instruction's offset; *a is released when it was used. */
struct x64_mem memory_operand(struct compiler *c, struct value *a, uint32_t offset);
/* Instead of x + y (y: the register of a value, or an immediate) an address, when the instruction behind is an access
 * with no offset of its own; true: it was pushed, the operands are used up. */
bool address_push(struct compiler *c, struct value *x, struct value *y, uint8_t scale);
/* Reads alignment and offset. */
uint32_t memory_argument(struct compiler *c);

/* calls.c */
struct place {      /* where an argument is */
    uint8_t reg;    /* R_NONE: on the stack */
    uint32_t stack; /* bytes from the first */
};
struct places {
    uint8_t general, vector;
    uint32_t stack;
};
struct place place_next(struct places *p, uint8_t vt);
/* Bytes of arguments on the stack, a multiple of 16. */
uint32_t places_stack(const struct wasm_functype *type);
/* Moves between registers, all at once. */
struct shuffle {
    uint8_t from[32], uses[32];
    uint32_t pending;
};
void shuffle_add(struct shuffle *s, uint8_t to, uint8_t from);
void shuffle_emit(struct compiler *c, struct shuffle *s);
void crosses_emit(struct compiler *c);
/* The n entries at the top into these registers, all else out of registers that a call does not keep. */
void transfer_operands(struct compiler *c, uint32_t n, const uint8_t *to);

/* bulk.c: functions of the runtime; `fixed` is a number in the instruction: an index, or two, the second above bit 32.
 */
enum helper {
    HELPER_MEMORY_INIT,
    HELPER_MEMORY_COPY,
    HELPER_MEMORY_FILL,
    HELPER_TABLE_INIT,
    HELPER_TABLE_COPY,
    HELPER_TABLE_FILL,
    HELPER_TRAPS, /* those above end with a trap or none */
    HELPER_MEMORY_GROW = HELPER_TRAPS,
    HELPER_TABLE_GROW,
    HELPER_DATA_DROP,
    HELPER_ELEM_DROP,
    HELPERS
};
void emit_helper(struct compiler *c, enum helper h, uint64_t fixed);

/* function.c */
void emit_epilogue(struct compiler *c);
void emit_restore(struct compiler *c);
void emit_fuel(struct compiler *c, uint32_t n);
int compile_function(struct compiler *c, const struct wasm_body *body, uint32_t function);
void literals_emit(struct compiler *c);

/* Appends to an array of the compiler; NULL: no memory, and c->failed is set. */
void *array_more(struct compiler *c, void *array, uint32_t *capacity, size_t size);

#endif
