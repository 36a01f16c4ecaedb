/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The x87's environment and state in memory: FLDENV, FNSTENV, FRSTOR, FNSAVE, each with four layouts (Intel 1, figures
 * 8-9 to 8-12): 16 or 32 bits, real (and virtual-8086) or protected. Pointers: the code and data selectors are 0, as
 * CPUID says (FCS_FDS deprecated).
 */
#include "cpu/x87.h"

static bool real_form(const struct cpu *cpu)
{
    return cpu->mode == MODE_REAL || cpu->mode == MODE_V86;
}

/* 14 or 28 bytes; returns how many. */
static unsigned environment_make(const struct cpu *cpu, bool wide, uint8_t *out)
{
    uint32_t ip = (uint32_t)cpu->fpu.ip, dp = (uint32_t)cpu->fpu.dp;
    uint32_t opcode = cpu->fpu.opcode & 0x7ffu;
    uint32_t status = cpu->fpu.status | (uint32_t)cpu->fpu.top << 11;
    uint32_t words[7] = {cpu->fpu.control, status, x87_tags(cpu)};

    if (!real_form(cpu)) {
        words[3] = ip;
        words[4] = wide ? cpu->fpu.cs | opcode << 16 : cpu->fpu.cs;
        words[5] = dp;
        words[6] = cpu->fpu.ds;
    } else {
        ip += (uint32_t)cpu->fpu.cs << 4;
        dp += (uint32_t)cpu->fpu.ds << 4;
        words[3] = ip & 0xffff;
        words[4] = opcode | (wide ? ip >> 16 << 12 : (ip >> 16 & 15) << 12);
        words[5] = dp & 0xffff;
        words[6] = wide ? dp >> 16 << 12 : (dp >> 16 & 15) << 12;
    }
    for (unsigned i = 0; i < 7; i++) {
        if (wide && (i < 3 || i == 6 || (real_form(cpu) && (i == 3 || i == 5))))
            words[i] |= i == 6 && real_form(cpu) ? 0 : 0xffff0000; /* what is reserved is ones */
        memcpy(out + (wide ? 4 : 2) * i, &words[i], wide ? 4 : 2);
    }
    return wide ? 28 : 14;
}

static void environment_take(struct cpu *cpu, bool wide, const uint8_t *in)
{
    uint32_t words[7] = {0};

    for (unsigned i = 0; i < 7; i++)
        memcpy(&words[i], in + (wide ? 4 : 2) * i, wide ? 4 : 2);
    cpu->fpu.control = (uint16_t)words[0];
    cpu->fpu.status = (uint16_t)words[1];
    cpu->fpu.top = words[1] >> 11 & 7;
    cpu->fpu.empty = x87_empty_of_tags((uint16_t)words[2]);
    cpu->fpu.cs = cpu->fpu.ds = 0;
    if (!real_form(cpu)) {
        cpu->fpu.ip = words[3];
        cpu->fpu.dp = words[5];
        cpu->fpu.opcode = wide ? words[4] >> 16 & 0x7ff : 0;
    } else {
        cpu->fpu.ip = (words[3] & 0xffff) | (words[4] >> 12 & (wide ? 0xffffu : 15u)) << 16;
        cpu->fpu.dp = (words[5] & 0xffff) | (words[6] >> 12 & (wide ? 0xffffu : 15u)) << 16;
        cpu->fpu.opcode = words[4] & 0x7ff;
    }
    fpu_x87_changed(cpu);
}

#define STATE_BYTES 108
static bool wide(const struct op *op)
{
    return op->operand_size != 2;
}

/* ---- Memory, in one piece: nothing is changed when part of it cannot be reached --------------------------------- */

/* Alignment that user code may ask for is that of a field: its first access is one of that size. */
static bool image_load(struct cpu *cpu, const struct op *op, unsigned n, uint8_t *out)
{
    const unsigned field = wide(op) ? 4 : 2;
    uint64_t linear;

    if (!op_linear(cpu, op, n, ACCESS_LOAD, &linear) || !cpu_access(cpu, linear, field, ACCESS_LOAD, out))
        return false;
    for (unsigned at = field; at < n; at += 2)
        if (!cpu_access(cpu, linear + at, 2, ACCESS_LOAD, out + at))
            return false;
    return true;
}
static bool image_store(struct cpu *cpu, const struct op *op, unsigned n, uint8_t *in)
{
    uint64_t linear;

    if (!op_linear(cpu, op, n, ACCESS_STORE, &linear) || !cpu_probe_store(cpu, linear, wide(op) ? 4 : 2) ||
        !cpu_probe_store(cpu, linear, n))
        return false;
    for (unsigned at = 0; at < n; at += 2)
        if (!cpu_access(cpu, linear + at, 2, ACCESS_STORE, in + at))
            return false;
    return true;
}

static bool load_environment(struct cpu *cpu, const struct op *op)
{
    uint8_t bytes[28];

    if (!image_load(cpu, op, wide(op) ? 28 : 14, bytes))
        return false;
    environment_take(cpu, wide(op), bytes);
    return true;
}
static bool store_environment(struct cpu *cpu, const struct op *op)
{
    uint8_t bytes[28];

    if (!image_store(cpu, op, environment_make(cpu, wide(op), bytes), bytes))
        return false;
    cpu->fpu.control |= FPU_EXCEPTIONS; /* all masked from here on */
    fpu_x87_changed(cpu);
    return true;
}
static bool load_state(struct cpu *cpu, const struct op *op)
{
    uint8_t bytes[STATE_BYTES];
    unsigned environment = wide(op) ? 28 : 14;

    if (!image_load(cpu, op, environment + 80, bytes))
        return false;
    environment_take(cpu, wide(op), bytes);
    for (unsigned i = 0; i < 8; i++)
        memcpy(cpu->fpu.x87[(cpu->fpu.top + i) & 7], bytes + environment + 10 * (size_t)i, 10);
    return true;
}
static bool store_state(struct cpu *cpu, const struct op *op)
{
    uint8_t bytes[STATE_BYTES];
    unsigned environment = environment_make(cpu, wide(op), bytes);

    for (unsigned i = 0; i < 8; i++)
        memcpy(bytes + environment + 10 * (size_t)i, cpu->fpu.x87[(cpu->fpu.top + i) & 7], 10);
    if (!image_store(cpu, op, environment + 80, bytes))
        return false;
    fpu_x87_init(cpu);
    return true;
}

/* fldenv, frstor wait for errors that are due; fnstenv, fnsave do not. */
static bool may(struct cpu *cpu, const struct op *op, bool waits)
{
    if (cpu->cr0 & (CR0_EM | CR0_TS) || (waits && cpu->fpu.off & FPU_OFF_X87)) {
        fpu_refuse_x87(cpu, op);
        return false;
    }
    return true;
}

#define HANDLER(NAME, WAITS, DO)                                                                                       \
    static void NAME(struct cpu *cpu, const struct op *op)                                                             \
    {                                                                                                                  \
        if (!may(cpu, op, WAITS) || !DO(cpu, op))                                                                      \
            return;                                                                                                    \
        NEXT(cpu, op);                                                                                                 \
    }
HANDLER(fldenv, true, load_environment)
HANDLER(fnstenv, false, store_environment)
HANDLER(frstor, true, load_state)
HANDLER(fnsave, false, store_state)

op_handler *x87_state_handler(const struct insn *insn)
{
    switch (insn->name) {
    case INSN_FLDENV:
        return fldenv;
    case INSN_FNSTENV:
        return fnstenv;
    case INSN_FRSTOR:
        return frstor;
    case INSN_FNSAVE:
        return fnsave;
    default:
        return NULL;
    }
}
