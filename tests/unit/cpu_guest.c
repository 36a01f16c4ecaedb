/* SPDX-License-Identifier: Apache-2.0 */
/* See cpu_guest.h. */
#include "cpu_guest.h"

#include "cpu/registers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

void guest_descriptor(struct guest *g, unsigned selector, uint64_t raw)
{
    board_write64(g->b, BOARD_GDT + (selector & ~7u), raw);
}

uint64_t guest_descriptor_read(struct guest *g, unsigned selector)
{
    return board_read64(g->b, BOARD_GDT + (selector & ~7u));
}

uint32_t guest_read32(struct guest *g, uint64_t at)
{
    uint32_t v;

    memcpy(&v, g->b->ram + at, 4);
    return v;
}
void guest_write32(struct guest *g, uint64_t at, uint32_t value)
{
    board_write(g->b, at, &value, 4);
}
void guest_write16(struct guest *g, uint64_t at, uint16_t value)
{
    board_write(g->b, at, &value, 2);
}

void guest_gate(struct guest *g, unsigned vector, unsigned selector, uint64_t offset, unsigned access, unsigned ist)
{
    uint64_t at = GUEST_IDT + vector * (g->wide ? 16u : 8u);

    board_write64(g->b, at,
                  (offset & 0xffff) | (uint64_t)selector << 16 | (uint64_t)ist << 32 | (uint64_t)access << 40 |
                      (offset >> 16 & 0xffff) << 48);
    if (g->wide)
        board_write64(g->b, at + 8, offset >> 32);
}

void guest_code_at(struct guest *g, uint64_t at, const uint8_t *bytes, size_t n)
{
    board_write(g->b, at, bytes, n);
    if (at == BOARD_CODE)
        g->cpu->rip = at - (g->cpu->mode == MODE_LONG ? 0 : g->cpu->segments[SEG_CS].base);
}

static void task_segment(struct guest *g)
{
    struct cpu *cpu = g->cpu;

    memset(g->b->ram + GUEST_TSS, 0, 0x70);
    for (unsigned i = 0; i < 3; i++) {
        if (g->wide) {
            board_write64(g->b, GUEST_TSS + 4 + 8 * i, GUEST_INNER_STACK + 0x1000 * i);
        } else {
            guest_write32(g, GUEST_TSS + 4 + 8 * i, GUEST_INNER_STACK + 0x1000 * i);
            guest_write32(g, GUEST_TSS + 8 + 8 * i, 0x10);
        }
    }
    for (unsigned i = 0; g->wide && i < 7; i++)
        board_write64(g->b, GUEST_TSS + 0x24 + 8 * i, GUEST_INNER_STACK + 0x8000 + 0x1000 * i);
    guest_write16(g, GUEST_TSS + 0x66, 0x68);
    guest_descriptor(g, GUEST_TSS_SELECTOR, UINT64_C(0x00008b0000000067) | (uint64_t)GUEST_TSS << 16);
    guest_descriptor(g, GUEST_TSS_SELECTOR + 8, 0);
    cpu->tr = (struct vcpu_segment){
        .base = GUEST_TSS, .limit = 0x67, .attributes = SEG_P | 11, .selector = GUEST_TSS_SELECTOR};
}

struct guest guest_make(enum board_mode mode)
{
    struct board *b = board_make(mode);
    struct guest g = {.b = b, .cpu = b->cpu, .wide = mode >= BOARD_64};
    const uint8_t hlt = 0xf4;
    unsigned code = g.wide ? 0x08 : 0x18;

    for (unsigned v = 0; v < 256; v++) {
        uint64_t handler = GUEST_HANDLERS + 16 * v;

        board_write(b, handler, &hlt, 1);
        if (mode == BOARD_REAL)
            guest_write32(&g, 4 * v, (uint32_t)handler);
        else
            guest_gate(&g, v, code, handler, 0x8e, 0);
    }
    if (mode == BOARD_REAL) {
        b->cpu->idtr = (struct vcpu_table){.limit = 0x3ff};
    } else {
        b->cpu->idtr = (struct vcpu_table){.base = GUEST_IDT, .limit = g.wide ? 0xfff : 0x7ff};
        b->cpu->gdtr.limit = GUEST_GDT_BYTES - 1;
        task_segment(&g);
    }
    return g;
}

void guest_free(struct guest *g)
{
    board_free(g->b);
}

int guest_run(struct guest *g, unsigned instructions)
{
    enum cpu_exit exit = cpu_run(g->cpu, instructions);
    uint64_t rip = g->cpu->rip + (g->cpu->mode == MODE_REAL ? g->cpu->segments[SEG_CS].base : 0);

    if (exit == CPU_EXIT_SHUTDOWN)
        return GUEST_SHUTDOWN;
    if (exit != CPU_EXIT_HALT)
        return GUEST_RUNS;
    if (rip >= GUEST_HANDLERS && rip < GUEST_HANDLERS + 16 * 256 && rip % 16 == 1)
        return (int)((rip - GUEST_HANDLERS) / 16);
    return GUEST_HALTED;
}

uint64_t guest_stack(struct guest *g, unsigned n)
{
    uint64_t at = g->cpu->gpr[GPR_SP];

    return g->wide ? board_read64(g->b, at + 8 * n) : guest_read32(g, (uint32_t)at + 4 * n);
}
