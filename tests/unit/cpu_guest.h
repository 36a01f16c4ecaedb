/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Small guests on the board (cpu_harness.h) for tests of the system's part of the processor: code written in assembly,
 * an IDT whose handlers halt, a task segment, descriptors of the test's own. What came of a run is which handler
 * halted, and what lies on its stack.
 */
#ifndef MOAT_TESTS_CPU_GUEST_H
#define MOAT_TESTS_CPU_GUEST_H

#include "cpu_harness.h"

/* Code of a guest, assembled here: name and name_end are its bytes. `bits` is 16, 32 or 64. */
#define GUEST_CODE(name, bits, text)                                                                                   \
    extern const uint8_t name[], name##_end[];                                                                         \
    __asm__(".pushsection .rodata\n.code" #bits "\n" #name ":\n" text "\n" #name "_end:\n.code64\n.popsection\n")

enum {
    GUEST_IDT = 0x9000,
    GUEST_HANDLERS = 0xb000, /* 16 bytes for each vector: hlt */
    GUEST_TSS = 0xc000,
    GUEST_TSS_TWO = 0xc800,
    GUEST_INNER_STACK = 0x28000, /* rsp0; rsp1 and rsp2 0x1000 above; ist1 to ist7 0x8000 above and on */
    GUEST_OWN = 0x60,            /* selector of the first descriptor that guest_descriptor() makes */
    GUEST_TSS_SELECTOR = 0xf0,   /* two slots in long mode */
    GUEST_TSS_TWO_SELECTOR = 0x100,
    GUEST_GDT_BYTES = 0x120,
};

struct guest {
    struct board *b;
    struct cpu *cpu;
    bool wide; /* long mode */
};

/* A board with IDT, task segment and handlers; in real mode vectors of the IVT. */
struct guest guest_make(enum board_mode mode);
void guest_free(struct guest *g);
/* Puts code at BOARD_CODE; rip goes there. */
#define guest_code(g, name) guest_code_at(g, BOARD_CODE, name, (size_t)(name##_end - name))
void guest_code_at(struct guest *g, uint64_t at, const uint8_t *bytes, size_t n);
/* The raw descriptor at a selector of the GDT. */
void guest_descriptor(struct guest *g, unsigned selector, uint64_t raw);
uint64_t guest_descriptor_read(struct guest *g, unsigned selector);
/* A gate at a vector: type and DPL as byte 5 of it (0x8e ...), ist in long mode. */
void guest_gate(struct guest *g, unsigned vector, unsigned selector, uint64_t offset, unsigned access, unsigned ist);
uint32_t guest_read32(struct guest *g, uint64_t at);
void guest_write32(struct guest *g, uint64_t at, uint32_t value);
void guest_write16(struct guest *g, uint64_t at, uint16_t value);

enum { GUEST_HALTED = -1, GUEST_SHUTDOWN = -2, GUEST_RUNS = -3 };
/* Runs until it halts or `instructions` are done: the vector whose handler halted, or one of the above. */
int guest_run(struct guest *g, unsigned instructions);
/* Word n of the stack, of 8 bytes in long mode, else 4. */
uint64_t guest_stack(struct guest *g, unsigned n);

#endif
