/* SPDX-License-Identifier: Apache-2.0 */
/*
 * String instructions (Intel 2A, 2B: MOVS STOS LODS SCAS CMPS, REP). An iteration changes registers only when its
 * memory has been read and written, so a fault in the middle finds the instruction ready to go on. rep movs and rep
 * stos go page by page where memory is plain, or a device takes many at once; string.h has how repeated ones are
 * counted.
 */
#include "cpu/string.h"

/* ---- One element ------------------------------------------------------------------------------------------------- */

static enum string_result movs_one(struct cpu *cpu, const struct op *op)
{
    uint64_t from, to;

    if (!string_source(cpu, op, &from))
        return STRING_FAULT;
    struct cpu_value v = cpu_load_slow(cpu, from, op->operand_size);

    if (!v.ok || !string_target(cpu, op, ACCESS_STORE, &to) || !cpu_store_slow(cpu, to, op->operand_size, v.value))
        return STRING_FAULT;
    string_move(cpu, op, GPR_SI, 1);
    string_move(cpu, op, GPR_DI, 1);
    return STRING_MORE;
}

static enum string_result stos_one(struct cpu *cpu, const struct op *op)
{
    uint64_t to;

    if (!string_target(cpu, op, ACCESS_STORE, &to) ||
        !cpu_store_slow(cpu, to, op->operand_size, reg_get(cpu, GPR_AX, op->operand_size)))
        return STRING_FAULT;
    string_move(cpu, op, GPR_DI, 1);
    return STRING_MORE;
}

static enum string_result lods_one(struct cpu *cpu, const struct op *op)
{
    uint64_t from;

    if (!string_source(cpu, op, &from))
        return STRING_FAULT;
    struct cpu_value v = cpu_load_slow(cpu, from, op->operand_size);

    if (!v.ok)
        return STRING_FAULT;
    reg_set(cpu, GPR_AX, op->operand_size, v.value);
    string_move(cpu, op, GPR_SI, 1);
    return STRING_MORE;
}

/* Whether rep goes on after a comparison: repe while equal, repne while not. */
static enum string_result compared(struct cpu *cpu, const struct op *op, uint64_t a, uint64_t b)
{
    flags_sub(&cpu->flags, a, b, a - b, 8 * op->operand_size);
    return flags_z(&cpu->flags) == !!(op->flags & OP_REPNE) ? STRING_DONE : STRING_MORE;
}

static enum string_result scas_one(struct cpu *cpu, const struct op *op)
{
    uint64_t at;

    if (!string_target(cpu, op, ACCESS_LOAD, &at))
        return STRING_FAULT;
    struct cpu_value v = cpu_load_slow(cpu, at, op->operand_size);

    if (!v.ok)
        return STRING_FAULT;
    string_move(cpu, op, GPR_DI, 1);
    return compared(cpu, op, reg_get(cpu, GPR_AX, op->operand_size), v.value);
}

/* Processors read at rdi first: it decides which of two faults comes. */
static enum string_result cmps_one(struct cpu *cpu, const struct op *op)
{
    uint64_t at;

    if (!string_target(cpu, op, ACCESS_LOAD, &at))
        return STRING_FAULT;
    struct cpu_value b = cpu_load_slow(cpu, at, op->operand_size), a;

    if (!b.ok || !string_source(cpu, op, &at))
        return STRING_FAULT;
    a = cpu_load_slow(cpu, at, op->operand_size);
    if (!a.ok)
        return STRING_FAULT;
    string_move(cpu, op, GPR_SI, 1);
    string_move(cpu, op, GPR_DI, 1);
    return compared(cpu, op, a.value, b.value);
}

/* ---- Steps ------------------------------------------------------------------------------------------------------- */

static uint64_t step_of(const struct cpu *cpu, const struct op *op, unsigned most)
{
    uint64_t count = string_count(cpu, op);

    if (cpu->rflags & FLAG_T)
        most = 1;
    return count < most ? count : most;
}

static bool wanted(const struct cpu *cpu)
{
    return cpu->debug_pending || __atomic_load_n(&cpu->attention, __ATOMIC_RELAXED);
}

/* Iterations, one by one. Who looks in between, a handler of a fault, an interrupt or a debugger, finds the flags as
 * they were before all of them (Intel 2B, REP; of a debugger it does not say, processors do it): the last one writes
 * them. */
static enum string_result step(struct cpu *cpu, const struct op *op, string_element *element, uint64_t n)
{
    const struct lazy_flags flags = cpu->flags;
    uint32_t accesses = cpu->device_accesses;

    if (n == 0)
        string_count_down(cpu, op, 0); /* of 32 bits, its upper half becomes 0 */
    for (; n; n--) {
        enum string_result r = element(cpu, op);

        if (r == STRING_FAULT) {
            cpu->flags = flags;
            return r;
        }
        string_count_down(cpu, op, 1);
        if (r == STRING_DONE)
            return r;
        if (wanted(cpu) || cpu->device_accesses - accesses >= STRING_PORTS)
            break;
    }
    if (!string_count(cpu, op))
        return STRING_DONE;
    cpu->flags = flags;
    return STRING_MORE;
}

static void go_on(struct cpu *cpu, const struct op *op, enum string_result result)
{
    if (result == STRING_FAULT)
        return;
    if (result == STRING_MORE)
        return cpu_leave(cpu, op_rip(cpu, op));
    if (UNLIKELY(wanted(cpu)))
        return cpu_leave(cpu, op_next_rip(cpu, op));
    LEAVE_LINK(cpu, op, op_next_rip(cpu, op), 0);
}

void string_repeat(struct cpu *cpu, const struct op *op, string_element *element, unsigned most)
{
    return go_on(cpu, op, step(cpu, op, element, step_of(cpu, op, most)));
}

/* ---- rep movs and rep stos, page by page ------------------------------------------------------------------------ */

/* How many of n elements from an offset on lie in one page, need no checks of each and do not wrap. */
uint64_t string_room(const struct cpu *cpu, const struct op *op, unsigned segment, unsigned reg, enum access kind,
                     uint64_t n, uint64_t *linear)
{
    uint64_t offset = cpu->gpr[reg] & op->address_mask, left = op->address_mask - offset;
    uint64_t bytes = cpu_segment_room(cpu, segment, offset, kind, linear), page = 4096 - (*linear & PAGE_OFFSET);

    if (left < bytes)
        bytes = left;
    if (page < bytes)
        bytes = page;
    return bytes / op->operand_size < n ? bytes / op->operand_size : n;
}

/* One that overlaps what it reads writes what it will read: element after element. */
static void copy(uint8_t *to, const uint8_t *from, uint64_t n, unsigned size)
{
    if (to <= from || to >= from + n * size) {
        memmove(to, from, n * size);
        return;
    }
    for (; n; n--, to += size, from += size)
        memmove(to, from, size);
}

static void fill(uint8_t *to, uint64_t v, uint64_t n, unsigned size)
{
    uint64_t bytes = n * size, at = 0;

    for (unsigned bits = 8 * size; bits < 64; bits *= 2)
        v = (v & ((UINT64_C(1) << bits) - 1)) | v << bits;
    if (v == (v << 8 | v >> 56)) { /* the same in each byte */
        memset(to, (int)(uint8_t)v, bytes);
        return;
    }
    for (; at + 8 <= bytes; at += 8)
        memcpy(to + at, &v, 8);
    memcpy(to + at, &v, bytes & 7);
}

enum { PIECE = 512 };

/* The same to, from or between devices, such as a display's memory; none where one that is written is read again. */
static uint64_t movs_device(struct cpu *cpu, const struct op *op, uint64_t from, uint64_t to, uint64_t n)
{
    unsigned size = op->operand_size;
    uint8_t bytes[PIECE];

    if (!cpu->bus.read_many || !cpu->bus.write_many)
        return 0;
    struct cpu_piece source = cpu_piece_at(cpu, from, ACCESS_LOAD);
    if (!source.host && !source.device) /* what fails here has made no other page dirty */
        return 0;
    struct cpu_piece target = cpu_piece_at(cpu, to, ACCESS_STORE);
    if (!(target.host || target.device) || !(source.device || target.device))
        return 0;
    if (n > PIECE / size)
        n = PIECE / size;
    if (source.device && target.device && target.gpa > source.gpa && target.gpa - source.gpa < n * size)
        return 0;
    cpu->device_accesses++;
    if (source.device)
        n = cpu->bus.read_many(cpu->bus.owner, source.gpa, size, bytes, (uint32_t)n);
    if (!n)
        return 0;
    if (!target.device) {
        memcpy(target.host, bytes, n * size);
        return n;
    }
    return cpu->bus.write_many(cpu->bus.owner, target.gpa, size, source.device ? bytes : source.host, (uint32_t)n);
}

static uint64_t stos_device(struct cpu *cpu, const struct op *op, uint64_t to, uint64_t n)
{
    unsigned size = op->operand_size;
    uint8_t bytes[PIECE + 8];

    if (!cpu->bus.write_many)
        return 0;
    struct cpu_piece target = cpu_piece_at(cpu, to, ACCESS_STORE);
    if (!target.device)
        return 0;
    if (n > PIECE / size)
        n = PIECE / size;
    cpu->device_accesses++;
    fill(bytes, cpu->gpr[GPR_AX], n, size);
    return cpu->bus.write_many(cpu->bus.owner, target.gpa, size, bytes, (uint32_t)n);
}

/* As many of n elements as lie in one page on both sides; 0 when none can be moved this way. */
static uint64_t movs_some(struct cpu *cpu, const struct op *op, uint64_t n)
{
    uint64_t from, to;

    n = string_room(cpu, op, op->segment, GPR_SI, ACCESS_LOAD, n, &from);
    n = string_room(cpu, op, SEG_ES, GPR_DI, ACCESS_STORE, n, &to);
    if (n == 0)
        return 0;
    const uint8_t *source = cpu_host_load(cpu, from, 1);
    uint8_t *target = cpu_host_store(cpu, to, 1);

    if (source && target)
        copy(target, source, n, op->operand_size);
    else
        n = movs_device(cpu, op, from, to, n);
    string_move(cpu, op, GPR_SI, n);
    string_move(cpu, op, GPR_DI, n);
    return n;
}

static uint64_t stos_some(struct cpu *cpu, const struct op *op, uint64_t n)
{
    uint64_t to;

    n = string_room(cpu, op, SEG_ES, GPR_DI, ACCESS_STORE, n, &to);
    if (n == 0)
        return 0;
    uint8_t *target = cpu_host_store(cpu, to, 1);

    if (target)
        fill(target, cpu->gpr[GPR_AX], n, op->operand_size);
    else
        n = stos_device(cpu, op, to, n);
    string_move(cpu, op, GPR_DI, n);
    return n;
}

/* A step of these: page by page; where that does not go, the slow way for one element, which finds out why. */
static enum string_result step_fast(struct cpu *cpu, const struct op *op, string_element *element, string_many *some,
                                    unsigned most)
{
    uint64_t left = step_of(cpu, op, most);
    uint32_t accesses = cpu->device_accesses;

    if (left == 0)
        return step(cpu, op, element, 0);
    while (left) {
        uint64_t n = some(cpu, op, left);

        if (n) {
            string_count_down(cpu, op, n);
        } else {
            n = 1;
            if (step(cpu, op, element, 1) == STRING_FAULT)
                return STRING_FAULT;
        }
        left -= n;
        if (wanted(cpu) || cpu->device_accesses - accesses >= STRING_PORTS)
            break;
    }
    return string_count(cpu, op) ? STRING_MORE : STRING_DONE;
}

void string_repeat_many(struct cpu *cpu, const struct op *op, string_element *element, string_many *some, unsigned most)
{
    return go_on(cpu, op, step_fast(cpu, op, element, some, most));
}

static void rep_movs(struct cpu *cpu, const struct op *op)
{
    if (cpu->rflags & FLAG_D)
        return string_repeat(cpu, op, movs_one, STRING_ELEMENTS);
    return string_repeat_many(cpu, op, movs_one, movs_some, STRING_STEP / op->operand_size);
}

static void rep_stos(struct cpu *cpu, const struct op *op)
{
    if (cpu->rflags & FLAG_D)
        return string_repeat(cpu, op, stos_one, STRING_ELEMENTS);
    return string_repeat_many(cpu, op, stos_one, stos_some, STRING_STEP / op->operand_size);
}

/* ---- Handlers ------------------------------------------------------------------------------------------------ */

#define ONE(name)                                                                                                      \
    static void name(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        if (name##_one(cpu, op) == STRING_FAULT)                                                                       \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }
#define REPEATED(name)                                                                                                 \
    static void rep_##name(struct cpu *cpu, const struct op *op)                                                       \
    {                                                                                                                  \
        return string_repeat(cpu, op, name##_one, STRING_ELEMENTS);                                                    \
    }
ONE(movs)
ONE(stos)
ONE(lods)
ONE(scas)
ONE(cmps)
REPEATED(lods)
REPEATED(scas)
REPEATED(cmps)

bool bind_string(const struct cpu *cpu, const struct insn *insn, struct op *op, bool *ends)
{
    static const struct {
        uint16_t name;
        op_handler *one, *repeated;
    } rows[] = {
        {INSN_MOVS, movs, rep_movs}, {INSN_STOS, stos, rep_stos}, {INSN_LODS, lods, rep_lods},
        {INSN_SCAS, scas, rep_scas}, {INSN_CMPS, cmps, rep_cmps},
    };
    bool repeated = op->flags & (OP_REP | OP_REPNE);

    op->operand_size = (uint8_t)insn->operands[0].bytes;
    op->reg = op->rm = 0;
    *ends = repeated;
    for (unsigned i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].name == insn->name)
            op->run = repeated ? rows[i].repeated : rows[i].one;
    return op->run != NULL;
}
