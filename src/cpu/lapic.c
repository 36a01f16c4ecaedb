/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Registers and priorities of the local APIC; its timer is lapic_timer.c. Section numbers are of Intel 3A chapter 11.
 * Touches only its own state and what the wire leads to. Any offset, size and value may come.
 */
#include "cpu/lapic.h"

#include "cpu/lapic_inside.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

#define MSR_APIC_BASE    0x1bu
#define MSR_TSC_DEADLINE 0x6e0u
#define MSR_X2APIC       0x800u
#define MSR_X2APIC_LAST  0x8ffu

#define VERSION (0x14u | (LVTS - 2) << 16) /* integrated; the last of six entries */

enum { ESR_SEND_ILLEGAL = 1 << 5, ESR_RECEIVE_ILLEGAL = 1 << 6 };
enum { ICR_LOGICAL = 1 << 11, ICR_PENDING = 1 << 12, ICR_ASSERT = 1 << 14, ICR_LEVEL = 1 << 15 };

/* What of each entry can be written. */
static const uint32_t lvt_mask[LVTS] = {
    [LVT_TIMER] = 0x700ff, [LVT_THERMAL] = 0x107ff, [LVT_COUNTER] = 0x107ff, [LVT_LINT0] = 0x1a7ff,
    [LVT_LINT1] = 0x1a7ff, [LVT_ERROR] = 0x100ff,   [LVT_CMCI] = 0x107ff,
};

/* ---- Vectors ----------------------------------------------------------------------------------------------------- */

static void bit_set(uint32_t *bits, uint8_t vector)
{
    bits[vector / 32] |= 1u << vector % 32;
}
static void bit_clear(uint32_t *bits, uint8_t vector)
{
    bits[vector / 32] &= ~(1u << vector % 32);
}
static bool bit_is(const uint32_t *bits, uint8_t vector)
{
    return bits[vector / 32] >> vector % 32 & 1;
}
static int highest(const uint32_t *bits)
{
    for (int i = 7; i >= 0; i--) {
        if (bits[i] != 0)
            return 32 * i + 31 - __builtin_clz(bits[i]);
    }
    return -1;
}

static bool enabled(const struct lapic *l) /* by its base register */
{
    return l->state.base & APIC_BASE_ENABLE;
}
static bool x2apic(const struct lapic *l)
{
    return enabled(l) && (l->state.base & APIC_BASE_X2);
}
static bool software_enabled(const struct lapic *l)
{
    return enabled(l) && (l->state.svr & SVR_ENABLE);
}

/* 11.8.3.1 */
static uint32_t processor_priority(const struct lapic *l)
{
    int in_service = highest(l->state.isr);
    uint32_t class = in_service < 0 ? 0 : (uint32_t)in_service & 0xf0;
    return (l->state.tpr & 0xf0) >= class ? l->state.tpr & 0xff : class;
}

int lapic_pending(const struct lapic *l)
{
    int vector = software_enabled(l) ? highest(l->state.irr) : -1;
    return vector >= 0 && ((uint32_t)vector & 0xf0) > (processor_priority(l) & 0xf0) ? vector : -1;
}

int lapic_acknowledge(struct lapic *l)
{
    int vector = lapic_pending(l);
    if (vector < 0)
        return -1;
    bit_clear(l->state.irr, (uint8_t)vector);
    bit_set(l->state.isr, (uint8_t)vector);
    l->wire.changed(l->wire.owner);
    return vector;
}

bool lapic_takes_extint(const struct lapic *l)
{
    uint32_t lint0 = l->state.lvt[LVT_LINT0];
    return !enabled(l) || (!(lint0 & LVT_MASKED) && (lint0 >> 8 & 7) == APIC_EXTINT);
}

static void accept(struct lapic *l, uint8_t vector, bool level)
{
    if (vector < 16) {
        lapic_error(l, ESR_RECEIVE_ILLEGAL);
        return;
    }
    bit_set(l->state.irr, vector);
    if (level)
        bit_set(l->state.tmr, vector);
    else
        bit_clear(l->state.tmr, vector);
    l->wire.changed(l->wire.owner);
}

void lapic_deliver(struct lapic *l, const struct apic_message *message)
{
    switch (message->delivery) {
    case APIC_FIXED:
    case APIC_LOWEST:
        if (software_enabled(l))
            accept(l, message->vector, message->level);
        break;
    case APIC_NMI:
        l->wire.nmi(l->wire.owner);
        break;
    case APIC_INIT:
        l->wire.reset(l->wire.owner);
        break;
    default: /* system management and startup mean nothing to a processor that runs */
        break;
    }
}

/* 11.6.2 */
bool lapic_is_meant(const struct lapic *l, const struct apic_message *message)
{
    uint32_t d = message->destination, ldr = l->state.ldr;
    if (!enabled(l))
        return false;
    if (d == LAPIC_BROADCAST)
        return true;
    if (x2apic(l)) {
        ldr = (l->state.id >> 4) << 16 | 1u << (l->state.id & 15);
        return message->logical ? d >> 16 == ldr >> 16 && (d & ldr & 0xffff) : d == l->state.id;
    }
    if (!message->logical)
        return d == l->state.id;
    if (l->state.dfr >> 28 == 0xf)
        return d & ldr >> 24;
    return (d >> 4 & 0xf) == ldr >> 28 && (d & ldr >> 24 & 0xf);
}

/* An entry of the local vector table rings. */
void lapic_local(struct lapic *l, enum lvt entry)
{
    uint32_t lvt = l->state.lvt[entry];
    struct apic_message message = {.delivery = lvt >> 8 & 7, .vector = (uint8_t)lvt};
    if (lvt & LVT_MASKED)
        return;
    if (entry == LVT_TIMER || entry == LVT_ERROR)
        message.delivery = APIC_FIXED;
    lapic_deliver(l, &message);
}

void lapic_error(struct lapic *l, uint32_t bits)
{
    bool more = (l->state.esr_next & bits) != bits;
    l->state.esr_next |= bits;
    if (more && l->state.lvt[LVT_ERROR] % 256 >= 16) /* a vector that is illegal itself would ring for ever */
        lapic_local(l, LVT_ERROR);
}

void lapic_nmi_pin(struct lapic *l)
{
    if (!enabled(l))
        l->wire.nmi(l->wire.owner);
    else
        lapic_local(l, LVT_LINT1);
}

/* ---- Effects of writes ------------------------------------------------------------------------------------------- */

static void end_of_interrupt(struct lapic *l)
{
    int vector = highest(l->state.isr);
    if (vector < 0)
        return;
    bit_clear(l->state.isr, (uint8_t)vector);
    if (bit_is(l->state.tmr, (uint8_t)vector))
        l->wire.end_of_interrupt(l->wire.owner, (uint8_t)vector);
    l->wire.changed(l->wire.owner);
}

static void write_svr(struct lapic *l, uint32_t value)
{
    l->state.svr = value & 0x3ff;
    if (!(value & SVR_ENABLE)) {
        for (unsigned i = 0; i < LVTS; i++)
            l->state.lvt[i] |= LVT_MASKED;
    }
    l->wire.changed(l->wire.owner);
}

static void send(struct lapic *l, uint32_t low, uint32_t high)
{
    struct apic_message message = {
        .logical = low & ICR_LOGICAL, .level = low & ICR_LEVEL, .delivery = low >> 8 & 7, .vector = (uint8_t)low};
    if (x2apic(l))
        message.destination = high;
    else
        message.destination = high >> 24 == 0xff ? LAPIC_BROADCAST : high >> 24;
    if ((message.delivery == APIC_FIXED || message.delivery == APIC_LOWEST) && message.vector < 16) {
        lapic_error(l, ESR_SEND_ILLEGAL);
        return;
    }
    if (message.delivery == APIC_INIT && message.level && !(low & ICR_ASSERT))
        return; /* an INIT taken back */
    if (message.delivery == APIC_FIXED || message.delivery == APIC_LOWEST)
        message.level = false; /* 11.6.1: edges only */
    l->wire.send(l->wire.owner, &message, low >> 18 & 3);
}

static void write_lvt(struct lapic *l, enum lvt entry, uint32_t value)
{
    uint32_t before = l->state.lvt[entry];
    value &= lvt_mask[entry];
    if (!(l->state.svr & SVR_ENABLE))
        value |= LVT_MASKED;
    if (entry == LVT_TIMER && !l->deadline_allowed)
        value &= ~(uint32_t)LVT_TIMER_DEADLINE;
    if (entry == LVT_TIMER && ((value ^ before) & (LVT_TIMER_PERIODIC | LVT_TIMER_DEADLINE)))
        lapic_timer_settle(l);
    l->state.lvt[entry] = value;
    if (entry == LVT_TIMER)
        lapic_timer_mode(l, before);
    if (entry == LVT_LINT0)
        l->wire.changed(l->wire.owner);
}

/* ---- Registers, by their offset / 16 ----------------------------------------------------------------------------- */

static bool lvt_of(uint32_t reg, enum lvt *entry)
{
    if (reg >= REG_LVT && reg < REG_LVT + LVT_CMCI) {
        *entry = (enum lvt)(reg - REG_LVT);
        return true;
    }
    return false;
}

static bool read_register(struct lapic *l, uint32_t reg, uint32_t *value)
{
    struct lapic_state *s = &l->state;
    enum lvt entry;
    *value = 0;
    if (lvt_of(reg, &entry)) {
        *value = s->lvt[entry];
        return true;
    }
    if (reg >= REG_ISR && reg < REG_IRR + 8) {
        const uint32_t *bits = reg < REG_TMR ? s->isr : reg < REG_IRR ? s->tmr : s->irr;
        *value = bits[reg & 7];
        return true;
    }
    switch (reg) {
    case REG_ID:
        *value = x2apic(l) ? s->id : s->id << 24;
        return true;
    case REG_VERSION:
        *value = VERSION;
        return true;
    case REG_TPR:
        *value = s->tpr;
        return true;
    case REG_PPR:
        *value = processor_priority(l);
        return true;
    case REG_LDR:
        *value = x2apic(l) ? (s->id >> 4) << 16 | 1u << (s->id & 15) : s->ldr;
        return true;
    case REG_DFR:
        *value = s->dfr;
        return !x2apic(l);
    case REG_SVR:
        *value = s->svr;
        return true;
    case REG_ESR:
        *value = s->esr;
        return true;
    case REG_ICR_LOW:
        *value = s->icr_low;
        return true;
    case REG_ICR_HIGH:
        *value = s->icr_high;
        return !x2apic(l);
    case REG_TIMER_COUNT:
        *value = s->timer_count;
        return true;
    case REG_TIMER_CURRENT:
        *value = lapic_timer_current(l);
        return true;
    case REG_TIMER_DIVIDE:
        *value = s->timer_divide;
        return true;
    }
    return false;
}

static bool write_register(struct lapic *l, uint32_t reg, uint32_t value)
{
    struct lapic_state *s = &l->state;
    enum lvt entry;
    if (lvt_of(reg, &entry)) {
        write_lvt(l, entry, value);
        return true;
    }
    switch (reg) {
    case REG_ID:
        s->id = value >> 24;
        return true;
    case REG_TPR:
        lapic_set_tpr(l, (uint8_t)value);
        return true;
    case REG_EOI:
        end_of_interrupt(l);
        return true;
    case REG_LDR:
        s->ldr = value & 0xff000000;
        return true;
    case REG_DFR:
        s->dfr = value | 0x0fffffff;
        return true;
    case REG_SVR:
        write_svr(l, value);
        return true;
    case REG_ESR: /* 11.5.3: a write shows what has come together since the last */
        s->esr = s->esr_next;
        s->esr_next = 0;
        return true;
    case REG_ICR_LOW:
        s->icr_low = value & 0xccfff;
        send(l, s->icr_low, s->icr_high);
        return true;
    case REG_ICR_HIGH:
        s->icr_high = value & 0xff000000;
        return true;
    case REG_TIMER_COUNT:
        lapic_timer_start(l, value);
        return true;
    case REG_TIMER_DIVIDE:
        lapic_timer_set_divide(l, value & 0xb);
        return true;
    }
    return false;
}

/* ---- In memory --------------------------------------------------------------------------------------------------- */

bool lapic_mapped(const struct lapic *l, uint64_t *base)
{
    *base = l->state.base & ~UINT64_C(0xfff);
    return enabled(l) && !(l->state.base & APIC_BASE_X2);
}

/* Registers are 32 bits wide, 16 bytes apart (11.4.1); parts of one can be read. */
uint64_t lapic_read(struct lapic *l, uint32_t offset, unsigned size)
{
    uint32_t value, within = offset & 15;
    if (within + size > 4)
        return 0;
    (void)read_register(l, offset >> 4 & 0xff, &value);
    return value >> 8 * within;
}

void lapic_write(struct lapic *l, uint32_t offset, unsigned size, uint64_t value)
{
    if (size == 4 && offset % 16 == 0)
        (void)write_register(l, offset >> 4 & 0xff, (uint32_t)value);
}

/* ---- As MSRs ----------------------------------------------------------------------------------------------------- */

/* 11.12.1.2: bits of x2APIC's registers that can be written; no entry: no write. */
static bool x2apic_writable(uint32_t reg, uint64_t *mask)
{
    enum lvt entry;
    *mask = 0;
    if (lvt_of(reg, &entry)) {
        *mask = lvt_mask[entry] | (entry == LVT_LINT0 || entry == LVT_LINT1 ? 0x5000 : 0x1000);
        return true;
    }
    switch (reg) {
    case REG_TPR:
        *mask = 0xff;
        return true;
    case REG_EOI:
    case REG_ESR:
        return true;
    case REG_SVR:
        *mask = 0x3ff;
        return true;
    case REG_ICR_LOW:
        *mask = UINT64_C(0xffffffff000ccfff) | ICR_PENDING;
        return true;
    case REG_TIMER_COUNT:
        *mask = UINT32_MAX;
        return true;
    case REG_TIMER_DIVIDE:
        *mask = 0xb;
        return true;
    case REG_SELF:
        *mask = 0xff;
        return true;
    }
    return false;
}

static enum lapic_msr x2apic_write(struct lapic *l, uint32_t reg, uint64_t value)
{
    uint64_t mask;
    if (!x2apic(l) || !x2apic_writable(reg, &mask) || (value & ~mask))
        return LAPIC_MSR_FAULT;
    if (reg == REG_ICR_LOW) {
        l->state.icr_low = (uint32_t)value & 0xccfff;
        l->state.icr_high = (uint32_t)(value >> 32);
        send(l, l->state.icr_low, l->state.icr_high);
    } else if (reg == REG_SELF) {
        send(l, (uint32_t)value | APIC_SELF << 18, 0);
    } else {
        (void)write_register(l, reg, (uint32_t)value);
    }
    return LAPIC_MSR_DONE;
}

static enum lapic_msr x2apic_read(struct lapic *l, uint32_t reg, uint64_t *value)
{
    uint32_t low = 0;
    if (!x2apic(l) || !read_register(l, reg, &low))
        return LAPIC_MSR_FAULT;
    *value = reg == REG_ICR_LOW ? (uint64_t)l->state.icr_high << 32 | low : low;
    return LAPIC_MSR_DONE;
}

/* 11.12.5: which modes may follow which. */
static enum lapic_msr write_base(struct lapic *l, uint64_t value)
{
    uint64_t mode = value & (APIC_BASE_ENABLE | APIC_BASE_X2), was = l->state.base & (APIC_BASE_ENABLE | APIC_BASE_X2);
    uint64_t allowed = UINT64_C(0xfffffff000) | APIC_BASE_ENABLE | APIC_BASE_BSP;
    if (l->x2apic_allowed)
        allowed |= APIC_BASE_X2;
    if ((value & ~allowed) || mode == APIC_BASE_X2 ||
        (was == (APIC_BASE_ENABLE | APIC_BASE_X2) && mode == APIC_BASE_ENABLE) ||
        (was == 0 && mode == (APIC_BASE_ENABLE | APIC_BASE_X2)))
        return LAPIC_MSR_FAULT;
    if (was != 0 && mode == 0) {
        uint32_t id = l->state.id;
        lapic_reset(l, id, l->state.base & APIC_BASE_BSP);
    }
    if (was == APIC_BASE_ENABLE && (mode & APIC_BASE_X2))
        l->state.icr_high = 0;
    l->state.base = value;
    l->wire.changed(l->wire.owner);
    return LAPIC_MSR_DONE;
}

enum lapic_msr lapic_msr_read(struct lapic *l, uint32_t index, uint64_t *value)
{
    if (index == MSR_APIC_BASE) {
        *value = l->state.base;
        return LAPIC_MSR_DONE;
    }
    if (index == MSR_TSC_DEADLINE && l->deadline_allowed) {
        *value = l->state.tsc_deadline;
        return LAPIC_MSR_DONE;
    }
    if (index >= MSR_X2APIC && index <= MSR_X2APIC_LAST && l->x2apic_allowed)
        return x2apic_read(l, index - MSR_X2APIC, value);
    return LAPIC_MSR_OTHER;
}

enum lapic_msr lapic_msr_write(struct lapic *l, uint32_t index, uint64_t value)
{
    if (index == MSR_APIC_BASE)
        return write_base(l, value);
    if (index == MSR_TSC_DEADLINE && l->deadline_allowed) {
        lapic_timer_set_deadline(l, value);
        return LAPIC_MSR_DONE;
    }
    if (index >= MSR_X2APIC && index <= MSR_X2APIC_LAST && l->x2apic_allowed)
        return x2apic_write(l, index - MSR_X2APIC, value);
    return LAPIC_MSR_OTHER;
}

uint8_t lapic_tpr(const struct lapic *l)
{
    return (uint8_t)l->state.tpr;
}

void lapic_set_tpr(struct lapic *l, uint8_t tpr)
{
    l->state.tpr = tpr;
    l->wire.changed(l->wire.owner);
}

/* ---- The whole --------------------------------------------------------------------------------------------------- */

void lapic_reset(struct lapic *l, uint32_t id, bool boot_processor)
{
    l->state = (struct lapic_state){.base = LAPIC_BASE | APIC_BASE_ENABLE | (boot_processor ? APIC_BASE_BSP : 0),
                                    .id = id,
                                    .dfr = UINT32_MAX,
                                    .svr = 0xff};
    for (unsigned i = 0; i < LVTS; i++)
        l->state.lvt[i] = LVT_MASKED;
    if (boot_processor)
        l->state.lvt[LVT_LINT0] = APIC_EXTINT << 8;
    lapic_loaded(l);
}

int lapic_state_check(const struct lapic_state *s, const char **why)
{
    uint64_t mode = s->base & (APIC_BASE_ENABLE | APIC_BASE_X2);
    bool ok = mode != APIC_BASE_X2 && s->tpr <= 0xff && !(s->svr & ~0x3ffu) && !(s->timer_divide & ~0xbu) &&
              s->irr[0] % 65536 == 0 && s->isr[0] % 65536 == 0;
    for (unsigned i = 0; i < LVTS; i++)
        ok = ok && !(s->lvt[i] & ~lvt_mask[i]);
    if (ok)
        return 0;
    *why = "a register of the local APIC has bits that it cannot have";
    return -EINVAL;
}

void lapic_loaded(struct lapic *l)
{
    lapic_timer_arm(l);
    l->wire.changed(l->wire.owner);
}
