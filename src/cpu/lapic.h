/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The local APIC of one processor (Intel 3A chapter 11): xAPIC in memory and x2APIC as MSRs, interrupt priorities, the
 * timer (one-shot, periodic, TSC deadline), messages between processors. It belongs to the machine, whatever engine
 * computes the instructions, and reaches it through struct lapic_wire. No libc but mem*.
 */
#ifndef MOAT_CPU_LAPIC_H
#define MOAT_CPU_LAPIC_H

#include <stdbool.h>
#include <stdint.h>

#define LAPIC_BASE          UINT64_C(0xfee00000)
#define LAPIC_BROADCAST     UINT32_MAX
#define LAPIC_STATE_VERSION 1

enum { APIC_BASE_BSP = 1 << 8, APIC_BASE_X2 = 1 << 10, APIC_BASE_ENABLE = 1 << 11 };

enum apic_delivery { APIC_FIXED, APIC_LOWEST, APIC_SMI, APIC_RESERVED, APIC_NMI, APIC_INIT, APIC_STARTUP, APIC_EXTINT };

/* What an I/O APIC or another processor sends. */
struct apic_message {
    uint32_t destination; /* LAPIC_BROADCAST: all */
    bool logical;
    bool level;
    uint8_t delivery; /* enum apic_delivery */
    uint8_t vector;
};

enum apic_shorthand { APIC_NO_SHORTHAND, APIC_SELF, APIC_ALL, APIC_ALL_BUT_SELF };

enum lvt { LVT_TIMER, LVT_THERMAL, LVT_COUNTER, LVT_LINT0, LVT_LINT1, LVT_ERROR, LVT_CMCI, LVTS };

struct lapic_state {
    uint64_t base; /* IA32_APIC_BASE */
    uint64_t tsc_deadline;
    uint64_t timer_start; /* tick at which the count began */
    uint32_t id, tpr, ldr, dfr, svr, esr, esr_next;
    uint32_t icr_low, icr_high;
    uint32_t lvt[LVTS];
    uint32_t timer_count, timer_divide; /* registers; a count of 0 stands still */
    uint32_t irr[8], isr[8], tmr[8];
    uint32_t timer_rung; /* 1: a single count has come to its end, and stays there */
    uint32_t zero32[2];
};

struct lapic_wire {
    void *owner;
    uint64_t (*ticks)(void *owner);                 /* the machine's, which the timer counts */
    uint64_t (*tick_of)(void *owner, uint64_t tsc); /* at which the guest's counter is there */
    void (*arm)(void *owner, uint64_t due);         /* call lapic_timer() at this tick; UINT64_MAX: never */
    void (*changed)(void *owner);                   /* what lapic_pending() says may be another now */
    void (*nmi)(void *owner);
    void (*reset)(void *owner);                            /* INIT */
    void (*end_of_interrupt)(void *owner, uint8_t vector); /* of a level */
    void (*send)(void *owner, const struct apic_message *message, enum apic_shorthand to);
};

struct lapic {
    struct lapic_state state;
    struct lapic_wire wire;
    bool x2apic_allowed, deadline_allowed; /* as CPUID says */
};

/* After power-on. LINT0 is as firmware leaves it: the old interrupt controllers' way in. */
void lapic_reset(struct lapic *l, uint32_t id, bool boot_processor);

/* Where the registers lie now; false: nowhere in memory. */
bool lapic_mapped(const struct lapic *l, uint64_t *base);
uint64_t lapic_read(struct lapic *l, uint32_t offset, unsigned size);
void lapic_write(struct lapic *l, uint32_t offset, unsigned size, uint64_t value);

enum lapic_msr { LAPIC_MSR_OTHER /* not one of ours */, LAPIC_MSR_DONE, LAPIC_MSR_FAULT };
enum lapic_msr lapic_msr_read(struct lapic *l, uint32_t index, uint64_t *value);
enum lapic_msr lapic_msr_write(struct lapic *l, uint32_t index, uint64_t value);

/* Task priority: CR8 is its upper four bits. */
uint8_t lapic_tpr(const struct lapic *l);
void lapic_set_tpr(struct lapic *l, uint8_t tpr);

/* Is there an interrupt that the priorities let through? -1: none. */
int lapic_pending(const struct lapic *l);
/* Takes it: it is in service now. -1: none after all. */
int lapic_acknowledge(struct lapic *l);
/* Does the processor listen to the old controllers' line? */
bool lapic_takes_extint(const struct lapic *l);

/* Is the message for this one? And: takes it. */
bool lapic_is_meant(const struct lapic *l, const struct apic_message *message);
void lapic_deliver(struct lapic *l, const struct apic_message *message);
/* LINT1, the NMI pin. */
void lapic_nmi_pin(struct lapic *l);
/* The guest's counter was adjusted: the deadline is at another tick. */
void lapic_timer_rearm(struct lapic *l);
/* The time of the last arm() has come. */
void lapic_timer(struct lapic *l);

int lapic_state_check(const struct lapic_state *s, const char **why);
/* The state is another now: arms, and tells of changes. */
void lapic_loaded(struct lapic *l);

#endif
