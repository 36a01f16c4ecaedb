/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A software x86-64 processor: real, virtual-8086, 16- and 32-bit protected, PAE, long and compatibility mode. An
 * interpreter over blocks of decoded instructions; it is the reference for what comes after it.
 *
 * It owns nothing but itself: memory, ports, interrupts and time come through struct cpu_bus, and all memory it needs
 * is handed to it. No libc but mem*: it is built freestanding as well. Not for several threads, but for cpu_kick(),
 * cpu_set_intr() and cpu_set_nmi().
 *
 * What a guest does has the effect it has on hardware; there is no sequence of bytes that ends the engine.
 */
#ifndef MOAT_CPU_CPU_H
#define MOAT_CPU_CPU_H

#include "cpu/state.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct cpu;

/* How the processor reaches what is not in it. All are called on the thread that runs it. */
struct cpu_bus {
    void *owner;
    /* The page of RAM or ROM at gpa (4 KiB aligned): where it lies in this process, and whether the guest may write it.
     * Host addresses are aligned to 4 KiB as well. NULL: a device, or nothing, is there; read() and write() are asked
     * then, for each access. */
    uint8_t *(*page)(void *owner, uint64_t gpa, bool *writable);
    /* size 1, 2, 4, 8; never over the end of a page. Nothing there: all ones, ignored. */
    uint64_t (*read)(void *owner, uint64_t gpa, unsigned size);
    void (*write)(void *owner, uint64_t gpa, unsigned size, uint64_t value);
    uint32_t (*in)(void *owner, uint16_t port, unsigned size);
    void (*out)(void *owner, uint16_t port, unsigned size, uint32_t value);
    /* Many at once, for repeated string instructions: up to `count` accesses of `size` to one port, or to memory from
     * gpa on (within its page), each as the functions above would do it. How many were done: fewer when one made the
     * device ask for something, 0 when they are to be done one by one. Reading memory that way has no effect, and may
     * be done again. Each may be NULL. */
    uint32_t (*in_many)(void *owner, uint16_t port, unsigned size, void *bytes, uint32_t count);
    uint32_t (*out_many)(void *owner, uint16_t port, unsigned size, const void *bytes, uint32_t count);
    uint32_t (*read_many)(void *owner, uint64_t gpa, unsigned size, void *bytes, uint32_t count);
    uint32_t (*write_many)(void *owner, uint64_t gpa, unsigned size, const void *bytes, uint32_t count);
    /* The vector to take now that the INTR line is up and the processor would take it: acknowledged. -1: none after
     * all. Calls cpu_set_intr() itself when the line changes. */
    int (*acknowledge)(void *owner);
    /* Task priority of the APIC, all 8 bits: CR8 is the upper four. */
    uint8_t (*tpr_get)(void *owner);
    void (*tpr_set)(void *owner, uint8_t tpr);
    /* Registers that the processor does not have itself: APIC, clock. false: nobody has it, #GP. */
    bool (*msr_read)(void *owner, uint32_t index, uint64_t *value);
    bool (*msr_write)(void *owner, uint32_t index, uint64_t value);
    uint64_t (*tsc)(void *owner);                 /* the guest's counter */
    bool (*random)(void *owner, uint64_t *value); /* rdrand, rdseed; false: none now */
    /* For --debug: "rdmsr 0x1234" and the like, unimplemented but harmless. May be NULL. */
    void (*note)(void *owner, const char *what, uint64_t number, uint64_t value);
};

/* What CPUID says: a named model, changed by what follows its name. */
#define CPU_FEATURE_WORDS 12
struct cpu_model {
    const char *name; /* "moat64", "qemu64", "max" ...: cpu_model_find() */
    uint64_t tsc_hz;  /* leaf 0x15 (whose crystal, and so the APIC's timer, counts at this rate), 0x16, and the
                         hypervisor's 0x40000010; below 2^32 */
    uint32_t apic_id;
    uint32_t physical_bits; /* of addresses, 36 to 46 */
    bool kvmclock;          /* hypervisor leaves of KVM with the clock */
    bool amd;               /* where AMD's and Intel's processors differ it is the former (syscall in 32-bit code) */
    char vendor[12];        /* of leaf 0 */
    uint32_t signature;     /* of leaf 1: family, model, stepping */
    uint32_t features[CPU_FEATURE_WORDS]; /* features.h */
};

/* A model by name, which may be followed by ",+feature", ",-feature", ",vendor=TEXT" and so on as QEMU has them; what
 * this processor cannot do is left out. tsc_hz, apic_id and kvmclock are the caller's to fill in. 0, -ENOENT: no such
 * model (*names lists them, for the error), or -EINVAL: a feature that is not known. */
int cpu_model_find(const char *name, struct cpu_model *out, const char **names);

/* One leaf as this processor answers it now (OSXSAVE and APIC bits follow cr4 and the base register). */
struct cpuid_answer {
    uint32_t eax, ebx, ecx, edx;
};
struct cpuid_answer cpu_model_cpuid(const struct cpu_model *m, uint32_t leaf, uint32_t subleaf);

/* Bytes that cpu_make() wants, aligned to a page; `blocks`: how much decoded code is kept, 0: as usual. */
size_t cpu_bytes(unsigned blocks);
/* In place, as after a reset. `bus` and `model` are copied. */
struct cpu *cpu_make(void *memory, size_t bytes, const struct cpu_bus *bus, const struct cpu_model *model);
void cpu_reset(struct cpu *cpu);

enum cpu_exit {
    CPU_EXIT_BUDGET,   /* as many instructions as were asked for */
    CPU_EXIT_KICK,     /* cpu_kick() */
    CPU_EXIT_HALT,     /* hlt: nothing to do before an interrupt */
    CPU_EXIT_SHUTDOWN, /* triple fault */
    CPU_EXIT_STOP,     /* a device called cpu_stop() */
};

/* Runs up to `instructions` of them, exactly; an interrupted string instruction counts once per iteration that was
 * begun anew. A delivered interrupt is no instruction. */
enum cpu_exit cpu_run(struct cpu *cpu, uint64_t instructions);
uint64_t cpu_executed(const struct cpu *cpu); /* since cpu_make() */

/* From any thread or signal handler: cpu_run() returns soon, or at once when it is called next. */
void cpu_kick(struct cpu *cpu);
/* The lines. From any thread. */
void cpu_set_intr(struct cpu *cpu, bool up);
void cpu_set_nmi(struct cpu *cpu); /* an edge */
/* From a bus function: this instruction is the last. */
void cpu_stop(struct cpu *cpu);

void cpu_state_get(struct cpu *cpu, struct vcpu_state *out);
/* Has this processor all that the checked state uses? One with AVX's registers is none for a model, or a host, without.
 */
bool cpu_state_fits(const struct cpu *cpu, const struct vcpu_state *s);
/* `s` has been checked. Forgets all decoded code and translations. */
void cpu_state_set(struct cpu *cpu, const struct vcpu_state *s);

/* Somebody else wrote n bytes of RAM at gpa (a device did), or the map of pages has changed. */
void cpu_memory_written(struct cpu *cpu, uint64_t gpa, uint64_t n);
void cpu_memory_map_changed(struct cpu *cpu);

#endif
