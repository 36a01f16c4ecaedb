/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any x87 instruction, done by the host on the whole of the guest's registers: they are loaded with the guest's own
 * control word (frstor), the very instruction is done, and all is stored again (fnsave). Stack faults, tags, masked and
 * unmasked responses are so the hardware's. Nothing can trap on the way: the x87 reports an unmasked exception at the
 * next waiting instruction, and fnsave, that follows, does not wait. It leaves the host's x87 as after fninit.
 *
 * The instructions stand in two tables of code, by their last 11 bits: on registers, and on memory at rdi.
 */
#include "cpu/x87.h"

/* Entries are 4 bytes; opcode d8 to df, then ModRM (memory: its reg field). */
extern const uint8_t x87_code_registers[] __attribute__((visibility("hidden")));
extern const uint8_t x87_code_memory[] __attribute__((visibility("hidden")));
/* Loads *image, sets the arithmetic flags to `flags`, calls code with rdi = operand, stores. Returns the flags. */
uint64_t x87_host_run(struct x87_image *image, const uint8_t *code, void *operand, uint64_t flags)
    __attribute__((visibility("hidden")));

__asm__(".pushsection .text\n"
        ".balign 16\n"
        ".local x87_code_registers, x87_code_memory, x87_host_run\n"
        "x87_code_registers:\n"
        ".irp escape, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf\n"
        ".set modrm, 0xc0\n"
        ".rept 64\n"
        ".byte \\escape, modrm, 0xc3, 0x90\n"
        ".set modrm, modrm + 1\n"
        ".endr\n"
        ".endr\n"
        "x87_code_memory:\n"
        ".irp escape, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf\n"
        ".set modrm, 7\n"
        ".rept 8\n"
        ".byte \\escape, modrm, 0xc3, 0x90\n"
        ".set modrm, modrm + 8\n"
        ".endr\n"
        ".endr\n"
        ".balign 16\n"
        "x87_host_run:\n"
        "push %rbx\n"
        "mov %rdi, %rbx\n"
        "mov %rdx, %rdi\n"
        "frstor (%rbx)\n"
        "push %rcx\n"
        "popf\n"
        "call *%rsi\n"
        "pushf\n"
        "pop %rax\n"
        "fnsave (%rbx)\n"
        "pop %rbx\n"
        "ret\n"
        ".popsection\n");

uint16_t x87_tags(const struct cpu *cpu)
{
    uint16_t tags = 0;

    for (unsigned i = 0; i < 8; i++) {
        uint64_t significand;
        uint16_t exponent;
        unsigned tag = 2;

        memcpy(&significand, cpu->fpu.x87[i], 8);
        memcpy(&exponent, cpu->fpu.x87[i] + 8, 2);
        exponent &= 0x7fff;
        if (cpu->fpu.empty >> i & 1)
            tag = 3;
        else if (exponent == 0 && significand == 0)
            tag = 1;
        else if (exponent != 0 && exponent != 0x7fff && significand >> 63)
            tag = 0;
        tags |= (uint16_t)(tag << 2 * i);
    }
    return tags;
}

uint8_t x87_empty_of_tags(uint16_t tags)
{
    uint8_t empty = 0;

    for (unsigned i = 0; i < 8; i++)
        empty |= (uint8_t)((tags >> 2 * i & 3) == 3) << i;
    return empty;
}

/* Without exception flags: those that are there after the instruction are its own. */
static void image_make(const struct cpu *cpu, struct x87_image *image)
{
    memset(image, 0, sizeof *image);
    image->control = cpu->fpu.control;
    image->status = (uint16_t)((cpu->fpu.status & X87_CONDITIONS) | cpu->fpu.top << 11);
    image->tags = x87_tags(cpu);
    for (unsigned i = 0; i < 8; i++)
        memcpy(image->st[i], cpu->fpu.x87[(cpu->fpu.top + i) & 7], 10);
}

static void image_take(struct cpu *cpu, const struct x87_image *image)
{
    cpu->fpu.top = image->status >> 11 & 7;
    cpu->fpu.empty = x87_empty_of_tags(image->tags);
    for (unsigned i = 0; i < 8; i++)
        memcpy(cpu->fpu.x87[(cpu->fpu.top + i) & 7], image->st[i], 10);
    cpu->fpu.status = (uint16_t)((image->status & (X87_CONDITIONS | FPU_EXCEPTIONS | X87_STACK_FAULT)) |
                                 (cpu->fpu.status & (FPU_EXCEPTIONS | X87_STACK_FAULT)));
}

/* fcomi and its like write flags. */
static bool writes_flags(unsigned opcode)
{
    unsigned group = opcode >> 3;
    return group == (0x3c0 + 0x28) >> 3 || group == (0x3c0 + 0x30) >> 3 || group == (0x7c0 + 0x28) >> 3 ||
           group == (0x7c0 + 0x30) >> 3;
}

__attribute__((noinline)) static bool run(struct cpu *cpu, const struct op *op)
{
    struct x87_image image;
    _Alignas(16) uint8_t operand[16];
    unsigned opcode = op->extra2, size = op->extra & ~(unsigned)X87_STORES;
    const uint8_t *code = x87_code_registers + 4 * ((opcode >> 8) * 64 + (opcode & 63));

    if (size) {
        code = x87_code_memory + 4 * ((opcode >> 8) * 8 + (opcode >> 3 & 7));
        if (!(op->extra & X87_STORES)) {
            const void *p = fpu_source(cpu, op, size, UNALIGNED);
            if (!p)
                return false;
            memcpy(operand, p, size);
        }
    }
    image_make(cpu, &image);
    uint64_t flags = x87_host_run(&image, code, operand, flags_get(&cpu->flags) | 2);
    host_control_set(cpu->fpu.control | FPU_EXCEPTIONS);

    unsigned unmasked = image.status & ~cpu->fpu.control & FPU_EXCEPTIONS;
    /* an inexact result is stored all the same */
    if (op->extra & X87_STORES && !(unmasked & ~(unsigned)FPU_INEXACT) && !fpu_store(cpu, op, size, UNALIGNED, operand))
        return false;
    image_take(cpu, &image);
    if (writes_flags(opcode))
        flags_set(&cpu->flags, (uint32_t)flags & FLAGS_ARITHMETIC);
    cpu->fpu.ip = op_rip(cpu, op);
    if (unmasked) { /* the others are kept up to date for exceptions alone: CPUID says so (FDP_EXCPTN_ONLY) */
        cpu->fpu.opcode = op->extra2;
        if (size)
            cpu->fpu.dp = op_offset_of(cpu, op);
    }
    fpu_x87_changed(cpu);
    return true;
}

void x87_any(struct cpu *cpu, const struct op *op)
{
    if (UNLIKELY(cpu->fpu.off & FPU_OFF_X87)) {
        fpu_refuse_x87(cpu, op);
        return;
    }
    if (!run(cpu, op))
        return;
    NEXT(cpu, op);
}
