/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The inside of the processor, for the files of src/cpu alone: its registers, what a decoded instruction is, how one
 * reaches memory and how it fails.
 *
 * HANDLERS. Each instruction of a block is a struct op with a function, its handler. A handler does its work and ends
 * with `NEXT(cpu, op)`, a call in tail position to the next one's; or, the last of a block, with a plain return to
 * cpu_run(). A handler that cannot go on calls cpu_fault() (or a memory function did) and returns. So that a fault
 * leaves the instruction as if it had not begun, a handler reads and checks all before it changes anything: registers,
 * flags and memory are written last, of memory only the one write that is last may fail.
 *
 * rip is not kept up to date within a block: gpr[GPR_BLOCK] is where the block began, and op_rip() says where op is.
 * cpu->op is the instruction on its way; NEXT keeps it, so that those who fail far below a handler know which it was.
 *
 * The last handler of a block sets cpu->rip and either returns (cpu_leave(): everything that may change the mode, the
 * privilege, segments of code and stack, `flat`, mappings, IF, TF), or goes straight on with the next block: LEAVE_LINK
 * after a direct branch, LEAVE_JUMP after one whose target was computed. Every handler must end in a true tail call: a
 * local whose address is handed on prevents it. Where it does the stack grows, and entering a block stops when it has.
 *
 * What a bind function makes of an instruction may depend on its bytes, the model, and of the processor's state on what
 * is in cpu_block_key() (mode, code_size, stack_size, flat, cpl 3 or not) alone: blocks are kept by that.
 */
#ifndef MOAT_CPU_CORE_H
#define MOAT_CPU_CORE_H

#include "cpu/cpu.h"
#include "cpu/decode/decode.h"
#include "cpu/flags.h"

#include <string.h>

#define LIKELY(x)   __builtin_expect(!!(x), 1)
#define UNLIKELY(x) __builtin_expect(!!(x), 0)

struct op;
typedef void op_handler(struct cpu *cpu, const struct op *op);

enum {                 /* beyond the sixteen: */
       GPR_ZERO = 16,  /* always 0: no base, no index */
       GPR_BLOCK = 17, /* where the block began, as rip has it (rip-relative addresses: disp is made to fit) */
       GPR_SLOTS = 18,
};

enum {
    OP_LOCK = 1,
    OP_REP = 2,
    OP_REPNE = 4,
    OP_MEMORY = 8,  /* its ModRM operand is memory */
    OP_PUSHES = 16, /* stores on the stack that no operand tells of */
    OP_POPS = 32,
    OP_PURE = 64,   /* registers alone: cannot fail, reads no flags (int.c) */
    OP_QUIET = 128, /* there is a handler that does the same without the flags: disp is its address (int.c) */
};

/* A decoded instruction, ready to be done. bind functions fill it from a struct insn. bind.c has filled everything that
 * is not run, reg, rm, extra and extra2 before it calls them. */
struct op {
    op_handler *run;
    union {
        struct {
            int64_t imm;           /* extended; a branch: its target's distance from the end; moffs: the address */
            uint64_t address_mask; /* of 16-, 32-, 64-bit addresses */
        };
        const struct op *to[2]; /* behind the last instruction of a block: where LEAVE_LINK goes on */
    };
    int64_t disp;
    uint16_t offset;      /* from the start of the block, in bytes */
    uint8_t length;       /* bytes, with prefixes */
    uint8_t operand_size; /* 1, 2, 4, 8: of the operation */
    uint8_t reg, rm; /* registers of ModRM, or of the opcode. Of byte operations: offsets into cpu->gpr (op_byte) */
    uint8_t base, index, scale; /* scale as a shift */
    uint8_t segment;            /* of the memory operand: SEG_ */
    uint8_t flags;              /* OP_ */
    uint8_t left;               /* instructions of the block behind this one: block.c's */
    uint8_t extra;              /* as the handler likes: condition, vvvv, imm2's low byte ... */
    uint16_t extra2;            /* far selector, enter's first ... */
};

enum cpu_mode { MODE_REAL, MODE_V86, MODE_PROTECTED, MODE_COMPAT, MODE_LONG };

enum vector {
    VECTOR_DE = 0,
    VECTOR_DB = 1,
    VECTOR_NMI = 2,
    VECTOR_BP = 3,
    VECTOR_OF = 4,
    VECTOR_BR = 5,
    VECTOR_UD = 6,
    VECTOR_NM = 7,
    VECTOR_DF = 8,
    VECTOR_TS = 10,
    VECTOR_NP = 11,
    VECTOR_SS = 12,
    VECTOR_GP = 13,
    VECTOR_PF = 14,
    VECTOR_MF = 16,
    VECTOR_AC = 17,
    VECTOR_MC = 18,
    VECTOR_XM = 19,
};

struct cpu_fault {
    bool pending;
    uint8_t vector;
    bool has_error;
    uint32_t error;
    uint64_t cr2; /* #PF: the address; taken over when it is delivered */
    uint64_t dr6; /* #DB: bits to set */
    uint64_t rip; /* of the instruction that failed, or (traps) of the one after it */
};

/* What asks for a look between blocks. Atomic: other threads set some. */
enum {
    ATTENTION_KICK = 1,
    ATTENTION_INTR = 2,
    ATTENTION_NMI = 4,
    ATTENTION_STOP = 8,
    ATTENTION_SLOW = 16 /* step by step: TF, shadows, breakpoints, a short budget */
};

/* ---- Translations ------------------------------------------------------------------------------------------- */

enum access { ACCESS_LOAD, ACCESS_STORE, ACCESS_FETCH };

/* One entry says of a page of linear addresses: where it lies in this process. A tag that matches means that the access
 * is allowed and needs nothing besides (accessed and dirty bits are set, no device, no code that a write would change);
 * everything else takes the slow path, cpu_access(). */
struct tlb_entry {
    uint64_t load, store, fetch; /* page address, or TLB_NEVER */
    uintptr_t host;              /* what to add to a linear address */
};
#define TLB_NEVER   UINT64_C(0x800) /* no page address, nor one with low bits that an alignment looks at */
#define TLB_SETS    4096u           /* of each kind of privilege */
#define PAGE_OFFSET UINT64_C(0xfff)

struct vector_register { /* ymm; xmm is its first half */
    _Alignas(16) uint8_t bytes[32];
};

struct cpu {
    uint64_t gpr[GPR_SLOTS];
    struct lazy_flags flags;
    uint64_t rflags;                /* all but the six arithmetic ones, which are 0 here; bit 1 is 1 */
    uint64_t rip;                   /* see above */
    struct tlb_entry *tlb;          /* of the present privilege: TLB_SETS of them. cpu_tlb_select() */
    const struct op *op;            /* the instruction on its way */
    int64_t budget;                 /* instructions left */
    uintptr_t stack_end;            /* of this process: no block is entered below it */
    const struct jump_entry *jumps; /* block.c */
    uint64_t code_base, code_limit; /* of cs as it counts now: 0 and ~0 in 64-bit code. Kept by cpu_run() */
    uint64_t code_mask;             /* of linear addresses of code: 32 or 64 bits */
    uint64_t block_key;             /* cpu_block_key() << 48 */
    uint32_t attention;             /* ATTENTION_, atomic */
    bool intr_line;                 /* atomic */
    uint8_t mode;                   /* enum cpu_mode */
    uint8_t cpl;
    uint8_t code_size;  /* 2, 4, 8: of the code segment */
    uint8_t stack_size; /* 2, 4, 8: of the stack pointer */
    bool flat; /* es, ss, ds have base 0 and no limit that matters: no segmentation to be done. Always in long mode */
    bool shadow_sti, shadow_ss, nmi_masked, nmi_pending, halted;
    bool shutdown;
    uint32_t device_accesses; /* counted by memory.c; who does many in one instruction looks at it (string.c) */
    bool stepping;            /* TF was set when this instruction began: #DB after it (debug.c) */
    uint8_t external;         /* EXT, 0 or 1, of error codes while an event is delivered (interrupt.c) */
    uint64_t debug_pending;   /* bits of dr6: a #DB is due before the next instruction */
    uint64_t executed;

    struct vcpu_segment segments[SEGMENTS], ldtr, tr;
    struct vcpu_table gdtr, idtr;
    uint64_t cr0, cr2, cr3, cr4, xcr0;
    uint64_t pdpte[4]; /* PAE: loaded with cr3, cpu_pdptes_load() */
    uint64_t dr[8];
    struct vcpu_msrs msrs;
    struct cpu_fault fault;

    /* x87: st(i) is x87[(top + i) & 7]; tags: bit i set when register i is empty */
    struct {
        _Alignas(16) uint8_t x87[8][16]; /* ten bytes of each */
        uint16_t control, status /* without top */, opcode;
        uint8_t top, empty;
        uint8_t off;  /* FPU_OFF_ (fpu.h): why an instruction cannot just be done; kept by fpu_mode_changed() */
        bool entered; /* the host computes with the guest's controls: between fpu_enter() and fpu_leave() */
        uint64_t ip, dp;
        uint16_t cs, ds;
        uint32_t mxcsr; /* its flags are behind while entered: fpu_gather() */
        uint32_t host_mxcsr;
        uint16_t host_control;
        _Alignas(16) uint8_t scratch[32]; /* memory operands that came the slow way */
        struct vector_register xmm[16];
        uint64_t xstate_bv; /* as xsave would say: what is not in its first state */
    } fpu;

    struct cpu_bus bus;
    struct cpu_model model;
    struct cpu_engine *engine; /* blocks and translations: run.c, block.c, tlb.c */
};

/* ---- Going on, and failing ---------------------------------------------------------------------------------- */

/* Rights by protection key of supervisors' pages (IA32_PKRS). Translations hold them: flush after a change. */
#define CPU_PKRS(cpu) ((cpu)->msrs.pkrs)

#define NEXT(cpu, at)                                                                                                  \
    do {                                                                                                               \
        const struct op *next_ = (at) + 1;                                                                             \
        (cpu)->op = next_;                                                                                             \
        return next_->run((cpu), next_);                                                                               \
    } while (0)
/* From the last handler of a block to the next block. rip has been checked (cpu->code_limit, canonical form) and cut.
 * Of a direct branch: n is 1 for the branch taken, 0 for what comes after it. */
#define LEAVE_LINK(cpu, at, target, n)                                                                                 \
    do {                                                                                                               \
        const struct op *to_ = (at)[1].to[n];                                                                          \
        (cpu)->rip = (target);                                                                                         \
        return to_->run((cpu), to_);                                                                                   \
    } while (0)
/* Of a computed one: return, ret, jmp and call of registers and memory. */
#define LEAVE_JUMP(cpu, at, target)                                                                                    \
    do {                                                                                                               \
        (cpu)->rip = (target);                                                                                         \
        return cpu_jump((cpu), (at));                                                                                  \
    } while (0)
op_handler cpu_jump;
/* A handler that does the work of op and of the one after it as well (compare and branch) says so when it goes over to
 * the second. */
static inline const struct op *op_advance(struct cpu *cpu, const struct op *op)
{
    return cpu->op = op + 1;
}

static inline uint64_t op_rip(const struct cpu *cpu, const struct op *op)
{
    return cpu->gpr[GPR_BLOCK] + op->offset;
}
/* Of the instruction after it, cut to the code segment's width. */
static inline uint64_t op_next_rip(const struct cpu *cpu, const struct op *op)
{
    uint64_t rip = cpu->gpr[GPR_BLOCK] + op->offset + op->length;
    return cpu->code_size == 8 ? rip : cpu->code_size == 4 ? (uint32_t)rip : (uint16_t)rip;
}

/* Records a fault of op (restartable: rip is op's). The handler returns after it. The first one that is recorded holds.
 */
void cpu_fault(struct cpu *cpu, const struct op *op, enum vector vector, uint32_t error);
/* The same without an op at hand: helpers below a handler. cpu_run() knows which instruction was on its way. Always
 * false, for `return cpu_raise(...)`. Vectors without an error code ignore it. */
bool cpu_raise(struct cpu *cpu, enum vector vector, uint32_t error);

/* Ends a block here with rip at `rip`: for handlers that are the last of their block (branches, everything that changes
 * mode, privilege, segments of code, mappings or flags that the loop looks at). */
static inline void cpu_leave(struct cpu *cpu, uint64_t rip)
{
    cpu->rip = rip;
}

/* ---- Memory -------------------------------------------------------------------------------------------------- */

/* All of the guest's memory passes here: linear address, size 1 to 32, kind. Fast when the translation is known and the
 * access stays within a page; else cpu_access() walks, splits, asks devices, and raises. Order within one access is as
 * on hardware: an access over a page's end is checked on both pages before anything is written. */
bool cpu_access(struct cpu *cpu, uint64_t linear, unsigned size, enum access kind, void *value);
/* As the supervisor, whatever the privilege: descriptor tables, task segments, pushes of an interrupt. */
bool cpu_access_system(struct cpu *cpu, uint64_t linear, unsigned size, enum access kind, void *value);
/* Would a store of up to a page's size succeed? Raises what it would raise. For those that must check before they
 * change something. */
bool cpu_probe_store(struct cpu *cpu, uint64_t linear, unsigned size);
/* For accesses that are done many at once: where the page goes that linear is in, to this place of the host's memory or
 * to a device at gpa. Neither: it is to be asked for access by access; what may have been raised will be so again. */
struct cpu_piece {
    uint8_t *host;
    uint64_t gpa;
    bool device;
};
struct cpu_piece cpu_piece_at(struct cpu *cpu, uint64_t linear, enum access kind);

static inline struct tlb_entry *tlb_slot(const struct cpu *cpu, uint64_t linear)
{
    return &cpu->tlb[(linear >> 12) & (TLB_SETS - 1)];
}

/* The slow path by value, so that no local's address is handed out by those who inline the fast one. */
struct cpu_value {
    uint64_t value;
    uint64_t ok; /* of a place: its host address, or 1 when it has none */
};
struct cpu_value cpu_load_slow(struct cpu *cpu, uint64_t linear, unsigned size);
bool cpu_store_slow(struct cpu *cpu, uint64_t linear, unsigned size, uint64_t value);

/* An access over a page's end never matches: the slot of its first byte does not hold the tag of its last one's page.
 */
#define TLB_TAG(linear, size) (((linear) + (size)-1) & ~PAGE_OFFSET)

#define CPU_MEMORY(bits)                                                                                               \
    static inline bool cpu_load##bits(struct cpu *cpu, uint64_t linear, uint##bits##_t *value)                         \
    {                                                                                                                  \
        const struct tlb_entry *t = tlb_slot(cpu, linear);                                                             \
        if (LIKELY(t->load == TLB_TAG(linear, bits / 8))) {                                                            \
            memcpy(value, (const void *)(t->host + linear), bits / 8);                                                 \
            return true;                                                                                               \
        }                                                                                                              \
        struct cpu_value v_ = cpu_load_slow(cpu, linear, bits / 8);                                                    \
        *value = (uint##bits##_t)v_.value;                                                                             \
        return v_.ok;                                                                                                  \
    }                                                                                                                  \
    static inline bool cpu_store##bits(struct cpu *cpu, uint64_t linear, uint##bits##_t value)                         \
    {                                                                                                                  \
        const struct tlb_entry *t = tlb_slot(cpu, linear);                                                             \
        if (LIKELY(t->store == TLB_TAG(linear, bits / 8))) {                                                           \
            memcpy((void *)(t->host + linear), &value, bits / 8);                                                      \
            return true;                                                                                               \
        }                                                                                                              \
        return cpu_store_slow(cpu, linear, bits / 8, value);                                                           \
    }
CPU_MEMORY(8)
CPU_MEMORY(16)
CPU_MEMORY(32)
CPU_MEMORY(64)
#undef CPU_MEMORY

/* A place that is read first and written then, without a fault in between: for operations on memory, locked or not.
 * `host` when it lies in one page of RAM (a locked operation uses the host's own atomic instruction on it); else
 * place_store() takes the long way, which cannot fail any more either. */
struct place {
    void *host;
    uint64_t linear;
};
struct cpu_value cpu_place_slow(struct cpu *cpu, uint64_t linear, unsigned size);
void cpu_place_store_slow(struct cpu *cpu, const struct place *place, unsigned size, const void *value);
#define CPU_PLACE(bits)                                                                                                \
    static inline bool cpu_place##bits(struct cpu *cpu, uint64_t linear, uint##bits##_t *value, struct place *place)   \
    {                                                                                                                  \
        const struct tlb_entry *t = tlb_slot(cpu, linear);                                                             \
        uint64_t page_ = TLB_TAG(linear, bits / 8);                                                                    \
        place->linear = linear;                                                                                        \
        if (LIKELY(t->store == page_ && t->load == page_)) {                                                           \
            place->host = (void *)(t->host + linear);                                                                  \
            memcpy(value, place->host, bits / 8);                                                                      \
            return true;                                                                                               \
        }                                                                                                              \
        struct cpu_value v_ = cpu_place_slow(cpu, linear, bits / 8);                                                   \
        place->host = v_.ok > 1 ? (void *)(uintptr_t)v_.ok : NULL;                                                     \
        *value = (uint##bits##_t)v_.value;                                                                             \
        return v_.ok;                                                                                                  \
    }                                                                                                                  \
    static inline void cpu_place_store##bits(struct cpu *cpu, const struct place *place, uint##bits##_t value)         \
    {                                                                                                                  \
        if (LIKELY(place->host != NULL))                                                                               \
            memcpy(place->host, &value, bits / 8);                                                                     \
        else                                                                                                           \
            cpu_place_store_slow(cpu, place, bits / 8, &value);                                                        \
    }
CPU_PLACE(8)
CPU_PLACE(16)
CPU_PLACE(32)
CPU_PLACE(64)
#undef CPU_PLACE

/* The offset that op's memory operand names, before its segment. */
static inline uint64_t op_offset_of(const struct cpu *cpu, const struct op *op)
{
    return (cpu->gpr[op->base] + (cpu->gpr[op->index] << op->scale) + (uint64_t)op->disp) & op->address_mask;
}

static inline bool address_canonical(uint64_t address)
{
    return (uint64_t)((int64_t)(address << 16) >> 16) == address;
}
/* Segment and offset to a linear address, checked: limit, type, canonical form. Raises #GP or #SS. */
struct cpu_value cpu_linear_slow(struct cpu *cpu, unsigned segment, uint64_t offset, unsigned size, enum access kind);
/* How many bytes from offset on this segment lets through without a check of each (0: ask for the first one), and the
 * first one's linear address. Of an offset: what its width lets wrap is the caller's to look at. */
uint64_t cpu_segment_room(const struct cpu *cpu, unsigned segment, uint64_t offset, enum access kind, uint64_t *linear);
static inline bool cpu_linear(struct cpu *cpu, unsigned segment, uint64_t offset, unsigned size, enum access kind,
                              uint64_t *out)
{
    /* In long mode addresses that are not canonical never match in the TLB: cpu_access() raises what is due. */
    if (LIKELY(0xdu >> segment & cpu->flat)) { /* es, ss, ds */
        *out = offset;
        return true;
    }
    if (cpu->mode == MODE_LONG) {
        *out = segment >= SEG_FS ? offset + cpu->segments[segment].base : offset;
        return true;
    }
    struct cpu_value v = cpu_linear_slow(cpu, segment, offset, size, kind);
    *out = v.value;
    return v.ok;
}
static inline bool op_linear(struct cpu *cpu, const struct op *op, unsigned size, enum access kind, uint64_t *out)
{
    return cpu_linear(cpu, op->segment, op_offset_of(cpu, op), size, kind, out);
}

/* The three ways in which a handler uses its memory operand. false: a fault was raised, return. */
#define OP_MEMORY_OF(bits)                                                                                             \
    static inline bool op_load##bits(struct cpu *cpu, const struct op *op, uint##bits##_t *value)                      \
    {                                                                                                                  \
        uint64_t linear;                                                                                               \
        return op_linear(cpu, op, bits / 8, ACCESS_LOAD, &linear) && cpu_load##bits(cpu, linear, value);               \
    }                                                                                                                  \
    static inline bool op_store##bits(struct cpu *cpu, const struct op *op, uint##bits##_t value)                      \
    {                                                                                                                  \
        uint64_t linear;                                                                                               \
        return op_linear(cpu, op, bits / 8, ACCESS_STORE, &linear) && cpu_store##bits(cpu, linear, value);             \
    }                                                                                                                  \
    static inline bool op_place##bits(struct cpu *cpu, const struct op *op, uint##bits##_t *value,                     \
                                      struct place *place)                                                             \
    {                                                                                                                  \
        uint64_t linear;                                                                                               \
        return op_linear(cpu, op, bits / 8, ACCESS_STORE, &linear) && cpu_place##bits(cpu, linear, value, place);      \
    }
OP_MEMORY_OF(8)
OP_MEMORY_OF(16)
OP_MEMORY_OF(32)
OP_MEMORY_OF(64)
#undef OP_MEMORY_OF

/* ---- Registers ---------------------------------------------------------------------------------------------- */

/* Byte operations: op->reg, op->rm are offsets of bytes in cpu->gpr (8 * n, + 1 for ah to bh). */
static inline uint8_t *op_byte(struct cpu *cpu, unsigned offset)
{
    return (uint8_t *)cpu->gpr + offset;
}
static inline uint16_t gpr16(const struct cpu *cpu, unsigned n)
{
    return (uint16_t)cpu->gpr[n];
}
static inline uint32_t gpr32(const struct cpu *cpu, unsigned n)
{
    return (uint32_t)cpu->gpr[n];
}
static inline void gpr_set16(struct cpu *cpu, unsigned n, uint16_t v)
{
    memcpy(&cpu->gpr[n], &v, 2);
}
static inline void gpr_set32(struct cpu *cpu, unsigned n, uint32_t v)
{
    cpu->gpr[n] = v;
}
/* By width 2, 4, 8. */
static inline uint64_t gpr_get(const struct cpu *cpu, unsigned n, unsigned size)
{
    return size == 8 ? cpu->gpr[n] : size == 4 ? (uint32_t)cpu->gpr[n] : (uint16_t)cpu->gpr[n];
}
static inline void gpr_set(struct cpu *cpu, unsigned n, unsigned size, uint64_t v)
{
    if (size == 2)
        gpr_set16(cpu, n, (uint16_t)v);
    else
        cpu->gpr[n] = size == 4 ? (uint32_t)v : v;
}

/* The whole of rflags. */
static inline uint64_t cpu_rflags(const struct cpu *cpu)
{
    return cpu->rflags | flags_get(&cpu->flags);
}

/* ---- The stack (stack.c) -------------------------------------------------------------------------------------- */

/* size 2, 4, 8. Pushes check and write, then move the pointer; pops read, then move it. */
bool cpu_push(struct cpu *cpu, unsigned size, uint64_t value);
bool cpu_pop(struct cpu *cpu, unsigned size, uint64_t *value);
/* Reads `depth` bytes above the pointer without moving it; moves it by n. For those who pop several and may fail. */
bool cpu_stack_peek(struct cpu *cpu, unsigned depth, unsigned size, uint64_t *value);
void cpu_stack_move(struct cpu *cpu, int64_t n);

/* ---- What the rooms offer one another ----------------------------------------------------------------------- */

/* system.c: writes rflags but for what the privilege forbids (mask: which bits the instruction may change). Looks at
 * TF, IF. */
void cpu_flags_write(struct cpu *cpu, uint64_t value, uint64_t mask);
/* mode.c: after a change of cr0, cr4, efer, cs, ss or rflags.VM: mode, sizes, cpl, flat, tlb. */
void cpu_mode_changed(struct cpu *cpu);
/* The part of it that follows from segments of data and stack: stack_size, flat. */
void cpu_segments_changed(struct cpu *cpu);
/* Is the port allowed to this code (iopl, the task's bitmap)? Raises #GP. (io.c) */
bool cpu_io_allowed(struct cpu *cpu, uint16_t port, unsigned size);
/* segment.c: mov to a segment register, and lds and its like. Raises. Not for cs. */
bool cpu_segment_load(struct cpu *cpu, unsigned segment, uint16_t selector);
/* interrupt.c: delivers; what goes wrong becomes #DF, then shutdown. Called by cpu_run() between instructions. */
enum interrupt_source { SOURCE_EXCEPTION, SOURCE_SOFTWARE /* int n, int3, into */, SOURCE_EXTERNAL };
void cpu_interrupt(struct cpu *cpu, uint8_t vector, enum interrupt_source source, bool has_error, uint32_t error);
void cpu_fault_deliver(struct cpu *cpu); /* cpu->fault */
/* debug.c: #DB of instruction breakpoints before an instruction, of data breakpoints and TF after it. */
bool cpu_debug_before(struct cpu *cpu);
void cpu_debug_access(struct cpu *cpu, uint64_t linear, unsigned size, enum access kind); /* called on the slow path */
void cpu_debug_after(struct cpu *cpu);
void cpu_debug_port(struct cpu *cpu, uint16_t port, unsigned size); /* for io.c, of each access */
/* tlb.c. Flushes may be called by any handler that ends its block. */
void cpu_tlb_flush(struct cpu *cpu, bool global_too);
void cpu_tlb_flush_page(struct cpu *cpu, uint64_t linear);
/* cpu->tlb for cpl, SMAP and AC, alignment checks. Called by cpu_run() between blocks, and by who goes on to access
 * memory after he has changed one of these. */
void cpu_tlb_select(struct cpu *cpu);
/* run.c. Forgets all that was decoded and translated: for cpu_reset() and cpu_state_set(), when all is in place. Not
 * from a handler. */
void cpu_forget(struct cpu *cpu);
/* paging.c. Loads cpu->pdpte as cr3 says. False when a reserved bit is set: nothing was changed. */
bool cpu_pdptes_load(struct cpu *cpu, uint64_t cr3);
/* Translates for the present privilege or, `system`, the supervisor's. Raises #PF. Sets accessed and dirty bits. */
bool cpu_translate(struct cpu *cpu, uint64_t linear, enum access kind, bool system, uint64_t *gpa);
/* Asks cpu_run() for a look before the next instruction. */
static inline void cpu_attention_slow(struct cpu *cpu)
{
    __atomic_or_fetch(&cpu->attention, ATTENTION_SLOW, __ATOMIC_RELAXED);
}
/* fpu.c. Around everything that runs handlers: the host takes over the guest's rounding and flags, and gives them back.
 */
void fpu_enter(struct cpu *cpu);
void fpu_leave(struct cpu *cpu);
/* After a change of cr0 or cr4 (cpu_mode_changed calls it), or of what is in cpu->fpu. */
void fpu_mode_changed(struct cpu *cpu);
void fpu_reset(struct cpu *cpu); /* as after power-on */
/* The state as XSAVE's standard form, 832 bytes with bits x87 and SSE in xstate_bv, AVX where an upper half is not 0;
 * and back (it has been checked). */
void fpu_to_xsave(struct cpu *cpu, uint8_t *image);
void fpu_from_xsave(struct cpu *cpu, const uint8_t *image);

/* ---- Binding (bind.c) ----------------------------------------------------------------------------------------- */

/* Fills op->run (and reg, rm, extra ... beyond what bind.c has already filled from the insn). false: no such
 * instruction here, #UD. *ends: this one ends its block. Each room binds the names that are its own (bind.c's table
 * says whose a name is). */
typedef bool bind_function(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends);
bind_function bind_alu, bind_move, bind_shift, bind_multiply, bind_bits, bind_string, bind_stack, bind_flow, bind_io,
    bind_misc;                                                    /* integers */
bind_function bind_segment, bind_far, bind_system, bind_syscall;  /* the system */
bind_function bind_x87, bind_mmx, bind_sse, bind_avx, bind_state; /* numbers; fxsave, xsave, emms, ldmxcsr */

#endif
