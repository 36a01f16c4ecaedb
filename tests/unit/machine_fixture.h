/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A machine without a processor that computes: tests reach its ports and registers as a guest would, set its clock, and
 * see what would have come to the processor. For tests/unit/test_machine_*.c and tests/fuzz/fuzz_machine_*.c.
 */
#ifndef MOAT_TESTS_MACHINE_FIXTURE_H
#define MOAT_TESTS_MACHINE_FIXTURE_H

#include "machine/boot.h"
#include "machine/machine.h"
#include "machine/pc.h"

#define FIXTURE_HZ UINT64_C(1000000000) /* a tick is a nanosecond */

struct fixture {
    struct machine machine;
    struct vcpu vcpu;
    struct vcpu_state state; /* what was set last */
    uint64_t counter;
    uint64_t waited; /* nanoseconds that the machine's last wait asked for */
    unsigned nmis, kicks, written, stops;
    bool intr;
    enum vcpu_exit exit; /* what run() answers */
    char sent[4096];     /* by the first serial port */
    unsigned n_sent;
    unsigned refuse; /* bytes that the port's callback does not take */
    uint8_t *memory;
    uint64_t bytes;
    unsigned map_changes;
    struct pc pc; /* of MACHINE_PC: as pc_setup says, which fixture_make_pc() has copied */
    struct pc_setup pc_setup;
    struct medium floppies[PC_FLOPPIES]; /* without a back end, where the setup names none */
};

/* Ends the test (abort) when it cannot be made. */
struct fixture *fixture_make(enum machine_kind kind, uint64_t bytes, const char *model);
/* A PC; `setup` may leave out its drives. */
struct fixture *fixture_make_pc(uint64_t bytes, const char *model, const struct pc_setup *setup);
void fixture_free(struct fixture *f);
/* Time passes, and due timers ring. */
void fixture_pass(struct fixture *f, uint64_t ns);

static inline uint8_t fixture_in(struct fixture *f, uint16_t port)
{
    return (uint8_t)bus_read(&f->machine.ports, port, 1);
}
static inline void fixture_out(struct fixture *f, uint16_t port, uint8_t value)
{
    bus_write(&f->machine.ports, port, 1, value);
}

/* A file in memory, for boot_load(). */
struct fixture_file {
    const uint8_t *bytes;
    uint64_t n;
};
struct boot_file fixture_file(struct fixture_file *file);

/* What the processor's bus of the machine is: to read MSRs, acknowledge interrupts. */
const struct cpu_bus *fixture_bus(void);

#endif
