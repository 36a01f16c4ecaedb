/* SPDX-License-Identifier: Apache-2.0 */
/* See cpu_harness.h. */
#include "cpu_harness.h"

#include "cpu/registers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <cmocka.h>

/* ---- The bus -------------------------------------------------------------------------------------------------- */

static uint8_t *bus_page(void *owner, uint64_t gpa, bool *writable)
{
    struct board *b = owner;

    *writable = true;
    return gpa < BOARD_BYTES ? b->ram + gpa : NULL;
}

static bool is_device(uint64_t gpa)
{
    return gpa >> 12 == BOARD_DEVICE >> 12;
}

static uint64_t bus_read(void *owner, uint64_t gpa, unsigned size)
{
    struct board *b = owner;

    return is_device(gpa) ? gpa + b->device_reads++ : ~UINT64_C(0);
}

static void bus_write(void *owner, uint64_t gpa, unsigned size, uint64_t value)
{
    struct board *b = owner;

    if (!is_device(gpa))
        return;
    b->device_writes++;
    b->device_last = gpa;
    b->device_value = value;
    if (b->stop_on_write)
        cpu_stop(b->cpu);
}

static uint32_t bus_in(void *owner, uint16_t port, unsigned size)
{
    struct board *b = owner;
    uint32_t v = 0;

    for (unsigned i = 0; i < size; i++)
        v |= (uint32_t)b->ports[(uint16_t)(port + i)] << 8 * i;
    return v;
}

static void bus_out(void *owner, uint16_t port, unsigned size, uint32_t value)
{
    struct board *b = owner;

    for (unsigned i = 0; i < size; i++)
        b->ports[(uint16_t)(port + i)] = (uint8_t)(value >> 8 * i);
}

static int bus_acknowledge(void *owner)
{
    struct board *b = owner;
    int vector = b->interrupt;

    b->interrupt = -1;
    cpu_set_intr(b->cpu, false);
    return vector;
}

static uint8_t bus_tpr_get(void *owner)
{
    return 0;
}
static void bus_tpr_set(void *owner, uint8_t tpr)
{
}
static bool bus_msr_read(void *owner, uint32_t index, uint64_t *value)
{
    return false;
}
static bool bus_msr_write(void *owner, uint32_t index, uint64_t value)
{
    return false;
}
static uint64_t bus_tsc(void *owner)
{
    return ((struct board *)owner)->tsc++;
}
static bool bus_random(void *owner, uint64_t *value)
{
    *value = UINT64_C(0x0123456789abcdef);
    return true;
}

/* ---- Modes ---------------------------------------------------------------------------------------------------- */

static void tables(struct board *b)
{
    /* One entry each of level 4 and 3, eight of level 2 over the RAM, one more over the device. */
    board_write64(b, BOARD_TABLES, (BOARD_TABLES + 0x1000) | 7);
    board_write64(b, BOARD_TABLES + 0x1000, (BOARD_TABLES + 0x2000) | 7);
    board_write64(b, BOARD_TABLES + 0x1000 + 8 * 3, (BOARD_TABLES + 0x3000) | 7);
    for (unsigned i = 0; i < BOARD_BYTES >> 21; i++)
        board_write64(b, BOARD_TABLES + 0x2000 + 8 * i, (uint64_t)i << 21 | 0x87);
    board_write64(b, BOARD_TABLES + 0x3000 + 8 * (BOARD_DEVICE >> 21 & 511), BOARD_DEVICE | 0x87);
}

static const uint64_t gdt[] = {0,
                               UINT64_C(0x00af9b000000ffff),
                               UINT64_C(0x00cf93000000ffff),
                               UINT64_C(0x00cf9b000000ffff),
                               UINT64_C(0x00009b000000ffff),
                               UINT64_C(0x000093000000ffff),
                               0,
                               UINT64_C(0x00affb000000ffff),
                               UINT64_C(0x00cff3000000ffff),
                               UINT64_C(0x00cffb000000ffff),
                               UINT64_C(0x0000fb000000ffff),
                               UINT64_C(0x0000f3000000ffff)};

static struct vcpu_segment segment(unsigned selector)
{
    uint64_t d = gdt[selector >> 3];
    struct vcpu_segment s = {.selector = (uint16_t)selector, .attributes = (uint32_t)(d >> 40) & 0xf0ff};

    s.limit = s.attributes & SEG_G ? 0xffffffff : 0xffff;
    return s;
}

static void enter_protected(struct vcpu_state *s, enum board_mode mode)
{
    bool user = mode == BOARD_32_USER || mode == BOARD_64_USER;
    unsigned code = mode >= BOARD_64 ? 0x08 : mode == BOARD_16 ? 0x20 : 0x18, data = mode == BOARD_16 ? 0x28 : 0x10;
    unsigned ring = user ? 0x33 : 0;

    for (unsigned i = 0; i < SEGMENTS; i++)
        s->segments[i] = segment(i == SEG_CS ? code + ring : data + ring);
    s->gdtr = (struct vcpu_table){.base = BOARD_GDT, .limit = sizeof gdt - 1};
    s->tr = (struct vcpu_segment){.selector = 0, .attributes = 0x8b, .limit = 0x67};
    s->cr0 |= CR0_PE;
    if (mode < BOARD_64)
        return;
    s->cr0 |= CR0_PG | CR0_WP;
    s->cr4 |= CR4_PAE;
    s->cr3 = BOARD_TABLES;
    s->msrs.efer = EFER_LME | EFER_LMA | EFER_NXE | EFER_SCE;
}

void board_mode(struct board *b, enum board_mode mode)
{
    struct vcpu_state s;

    tables(b);
    board_write(b, BOARD_GDT, gdt, sizeof gdt);
    cpu_reset(b->cpu);
    cpu_state_get(b->cpu, &s);
    memset(s.gpr, 0, sizeof s.gpr);
    s.gpr[GPR_SP] = BOARD_STACK;
    s.rip = BOARD_CODE;
    s.cr0 = CR0_ET | CR0_NE;
    s.cr4 = CR4_OSFXSR | CR4_OSXMMEXCPT;
    if (mode != BOARD_REAL) {
        enter_protected(&s, mode);
    } else {
        for (unsigned i = 0; i < SEGMENTS; i++)
            s.segments[i] = (struct vcpu_segment){.limit = 0xffff, .attributes = i == SEG_CS ? 0x9b : 0x93};
        s.segments[SEG_CS].selector = s.segments[SEG_SS].selector = BOARD_CODE >> 4;
        s.segments[SEG_CS].base = s.segments[SEG_SS].base = BOARD_CODE;
        s.rip = 0;
        s.gpr[GPR_SP] = 0xfff0;
    }
    if (mode == BOARD_16) { /* cs begins where the code is: it is beyond 64 KiB */
        s.segments[SEG_CS].base = s.segments[SEG_SS].base = BOARD_CODE;
        s.rip = 0;
        s.gpr[GPR_SP] = 0xfff0;
    }
    cpu_state_set(b->cpu, &s);
}

/* ---- Life ----------------------------------------------------------------------------------------------------- */

static struct board *make(enum board_mode mode, unsigned blocks)
{
    struct board *b = calloc(1, sizeof *b);
    struct cpu_model model;
    const char *names;
    struct cpu_bus bus = {.page = bus_page,
                          .read = bus_read,
                          .write = bus_write,
                          .in = bus_in,
                          .out = bus_out,
                          .acknowledge = bus_acknowledge,
                          .tpr_get = bus_tpr_get,
                          .tpr_set = bus_tpr_set,
                          .msr_read = bus_msr_read,
                          .msr_write = bus_msr_write,
                          .tsc = bus_tsc,
                          .random = bus_random};

    assert_non_null(b);
    bus.owner = b;
    b->interrupt = -1;
    b->ram = mmap(NULL, BOARD_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0); /* untouched: zeros */
    b->memory = aligned_alloc(4096, cpu_bytes(blocks));
    assert_ptr_not_equal(b->ram, MAP_FAILED);
    assert_non_null(b->memory);
    assert_int_equal(cpu_model_find("max", &model, &names), 0);
    b->cpu = cpu_make(b->memory, cpu_bytes(blocks), &bus, &model);
    board_mode(b, mode);
    return b;
}

struct board *board_make(enum board_mode mode)
{
    return make(mode, 4096);
}
struct board *board_make_small(enum board_mode mode)
{
    return make(mode, 1);
}

void board_free(struct board *b)
{
    munmap(b->ram, BOARD_BYTES);
    free(b->memory);
    free(b);
}

/* ---- Memory --------------------------------------------------------------------------------------------------- */

void board_write(struct board *b, uint64_t gpa, const void *bytes, size_t n)
{
    assert_true(gpa + n <= BOARD_BYTES);
    memcpy(b->ram + gpa, bytes, n);
    if (b->cpu)
        cpu_memory_written(b->cpu, gpa, n);
}

void board_code(struct board *b, const uint8_t *bytes, size_t n)
{
    board_write(b, BOARD_CODE, bytes, n);
    b->cpu->rip = BOARD_CODE - b->cpu->segments[SEG_CS].base;
}

uint64_t board_read64(const struct board *b, uint64_t gpa)
{
    uint64_t v;

    assert_true(gpa + 8 <= BOARD_BYTES);
    memcpy(&v, b->ram + gpa, 8);
    return v;
}

void board_write64(struct board *b, uint64_t gpa, uint64_t value)
{
    board_write(b, gpa, &value, 8);
}

void board_run(struct board *b, uint64_t instructions)
{
    uint64_t before = cpu_executed(b->cpu);
    enum cpu_exit exit = cpu_run(b->cpu, instructions);

    assert_int_equal(exit, CPU_EXIT_BUDGET);
    assert_int_equal(cpu_executed(b->cpu) - before, instructions);
}

/* ---- What is caught ------------------------------------------------------------------------------------------- */

static bool wide(const struct board *b)
{
    return b->cpu->msrs.efer & EFER_LMA;
}

static void task_segment(struct board *b)
{
    uint32_t stack = BOARD_STACK - 0x1000, data = 0x10;

    board_write(b, BOARD_TSS + 4, &stack, 4); /* esp0, or the low half of rsp0 */
    if (!wide(b))
        board_write(b, BOARD_TSS + 8, &data, 4);
    b->cpu->tr = (struct vcpu_segment){.base = BOARD_TSS, .limit = 0x67, .attributes = 0x8b, .selector = 0x28};
}

void board_catch(struct board *b)
{
    unsigned bytes = wide(b) ? 16 : 8, code = wide(b) ? 0x08 : 0x18;

    for (unsigned v = 0; v < 256; v++) {
        uint32_t at = BOARD_HANDLERS + 16 * v;
        uint64_t gate = (at & 0xffff) | code << 16 | UINT64_C(0x8e00) << 32 | (uint64_t)(at >> 16) << 48;

        board_write64(b, BOARD_IDT + (uint64_t)bytes * v, gate);
        if (bytes == 16)
            board_write64(b, BOARD_IDT + (uint64_t)bytes * v + 8, 0);
        board_write(b, at, (const uint8_t[]){0xf4}, 1);
    }
    b->cpu->idtr = (struct vcpu_table){.base = BOARD_IDT, .limit = 256 * bytes - 1};
    task_segment(b);
}

static uint64_t on_stack(struct board *b, unsigned n)
{
    uint64_t at = b->cpu->gpr[GPR_SP];

    return wide(b) ? board_read64(b, at + 8u * n) : (uint32_t)board_read64(b, (uint32_t)at + 4u * n);
}

struct caught board_run_caught(struct board *b, uint64_t n)
{
    struct caught c;
    unsigned at = 0;

    assert_int_equal(cpu_run(b->cpu, n), CPU_EXIT_HALT);
    assert_in_range(b->cpu->rip, BOARD_HANDLERS + 1, BOARD_HANDLERS + 256 * 16);
    c.vector = (unsigned)(b->cpu->rip - BOARD_HANDLERS) / 16;
    c.error = c.vector == 8 || (c.vector >= 10 && c.vector <= 14) || c.vector == 17 ? on_stack(b, at++) : 0;
    c.rip = on_stack(b, at);
    c.cs = on_stack(b, at + 1);
    c.flags = on_stack(b, at + 2);
    return c;
}
