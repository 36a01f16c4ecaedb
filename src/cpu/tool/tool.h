/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-cpu, the developer's tool around the software processor: it runs a ROM, single cases, the decoder, and random
 * programs beside another processor. It is a program of its own and no part of moat: what it runs may be anything, and
 * only `fuzz --against host` lets the machine's own processor execute bytes that were made here, in a child.
 */
#ifndef MOAT_CPU_TOOL_TOOL_H
#define MOAT_CPU_TOOL_TOOL_H

#include "base/err.h"
#include "base/json.h"
#include "cpu/cpu.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ---- A processor with memory and no devices (flat.c) ---------------------------------------------------------- */

struct flat_ports { /* NULL: reads are all ones, writes go nowhere */
    void *owner;
    uint32_t (*in)(void *owner, uint16_t port, unsigned size);
    void (*out)(void *owner, uint16_t port, unsigned size, uint32_t value);
};

struct flat {
    uint8_t *ram;
    uint64_t ram_bytes; /* from address 0, of whole pages */
    uint8_t *rom;       /* of rom_bytes, at rom_at and, once more, below 4 GiB; NULL without one */
    uint64_t rom_bytes, rom_at;
    uint8_t *touched; /* a byte for each page of RAM that the processor asked for */
    struct flat_ports ports;
    struct cpu *cpu;
    void *cpu_memory;
    size_t cpu_bytes;
    uint64_t ticks, random; /* what its counter and its random numbers are made of: the same in every run */
    uint64_t noted;         /* unimplemented things it met */
};

/* 0 or negative errno. `model`: a name that cpu_model_find() knows. */
int flat_make(struct flat *f, uint64_t ram_bytes, const char *model, const struct flat_ports *ports, struct err *err);
void flat_free(struct flat *f);
/* Zeroes the pages that were touched since the last time. */
void flat_forget(struct flat *f);
/* The byte at an address of RAM, marked as touched; NULL where there is none. */
uint8_t *flat_byte(struct flat *f, uint64_t gpa);

/* ---- Names of registers (registers.c) -------------------------------------------------------------------------- */

struct register_name {
    const char *name;
    uint16_t offset; /* in struct vcpu_state */
    uint8_t bytes;
    bool segment; /* a selector: with it go base, limit and attributes */
};

const struct register_name *register_find(const char *name);
/* The nth of the table; NULL behind the last. */
const struct register_name *register_at(unsigned n);
uint64_t register_get(const struct vcpu_state *s, const struct register_name *r);
void register_set(struct vcpu_state *s, const struct register_name *r, uint64_t value);

/* A state to begin with: real mode, flat 32-bit, or 64-bit with 1 GiB mapped one to one by tables in the last two pages
 * below `top`. -EINVAL of another mode. */
int state_of_mode(struct flat *f, unsigned mode, uint64_t top, struct vcpu_state *out);

/* ---- Commands: arguments behind the command's name. Exit status. ------------------------------------------------- */

int command_rom(int argc, char **argv);
int command_step(int argc, char **argv);
int command_decode(int argc, char **argv);
int command_fuzz(int argc, char **argv);

/* ---- Options ------------------------------------------------------------------------------------------------- */

/* The value of `--name VALUE` or `--name=VALUE` at argv[*i], *i moved on; NULL when argv[*i] is another word. */
const char *option_value(int argc, char **argv, int *i, const char *name);
/* A whole number, decimal or 0x. -EINVAL. */
int parse_number(const char *text, uint64_t *out);
/* "moat-cpu COMMAND: text" on standard error; 2. */
int usage(const char *command, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
