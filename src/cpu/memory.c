/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The slow path of all accesses to the guest's memory: what has no translation yet, what goes over a page's end, what
 * reaches a device or changes code. An access is translated whole before any of it is done.
 */
#include "cpu/engine.h"

/* ---- Checks --------------------------------------------------------------------------------------------------- */

/* Whose fault an address that is not canonical is: the stack's segment has a vector of its own. */
static bool raise_not_canonical(struct cpu *cpu, enum access kind)
{
    const struct op *op = cpu->op;
    bool stack = (op->flags & OP_MEMORY) && op->segment == SEG_SS;

    if ((op->flags & OP_PUSHES) && kind == ACCESS_STORE)
        stack = true;
    if ((op->flags & OP_POPS) && kind == ACCESS_LOAD)
        stack = true;
    return cpu_raise(cpu, stack ? VECTOR_SS : VECTOR_GP, 0);
}

/* The parts of an access: one, or two when it goes over a page's end. */
struct parts {
    struct target at[2];
    unsigned first; /* bytes in the first page; the rest is in the second */
};

static bool resolve(struct cpu *cpu, struct tlb *t, uint64_t linear, unsigned size, enum access kind, struct parts *out)
{
    uint64_t last = linear + size - 1;
    unsigned room = 4096 - (unsigned)(linear & PAGE_OFFSET);

    if (cpu->msrs.efer & EFER_LMA) {
        if (!address_canonical(linear) || !address_canonical(last))
            return raise_not_canonical(cpu, kind);
    } else {
        linear = (uint32_t)linear;
        last = (uint32_t)last;
    }
    if (t == &cpu->engine->tlbs[TLB_CHECKED] && kind != ACCESS_FETCH && size <= 8 && (linear & (size - 1)))
        return cpu_raise(cpu, VECTOR_AC, 0);
    if ((cpu->dr[7] & 0xff) && kind != ACCESS_FETCH)
        cpu_debug_access(cpu, linear, size, kind);
    out->first = size <= room ? size : room;
    /* what fails in the second page has not made the first one dirty */
    if (out->first < size && !(tlb_check(cpu, t, linear, kind) && tlb_check(cpu, t, last & ~PAGE_OFFSET, kind)))
        return false;
    return tlb_resolve(cpu, t, linear, kind, &out->at[0]) &&
           (out->first == size || tlb_resolve(cpu, t, last & ~PAGE_OFFSET, kind, &out->at[1]));
}

/* ---- Doing it ------------------------------------------------------------------------------------------------- */

/* Devices are asked by 8, 4, 2, 1 bytes, in order. */
static void device(struct cpu *cpu, uint64_t gpa, unsigned size, enum access kind, uint8_t *value)
{
    cpu->device_accesses++;
    block_device_reached(cpu);
    while (size) {
        unsigned n = size >= 8 ? 8 : size >= 4 ? 4 : size >= 2 ? 2 : 1;
        uint64_t v = 0;

        if (kind == ACCESS_STORE) {
            memcpy(&v, value, n);
            cpu->bus.write(cpu->bus.owner, gpa, n, v);
        } else {
            v = cpu->bus.read(cpu->bus.owner, gpa, n);
            memcpy(value, &v, n);
        }
        gpa += n;
        value += n;
        size -= n;
    }
}

/* As one access of the host when it can be: another thread never sees a half of an aligned number. */
static void copy(uint8_t *to, const uint8_t *from, unsigned size)
{
    switch (size) {
    case 1:
        *to = *from;
        break;
    case 2:
        memcpy(to, from, 2);
        break;
    case 4:
        memcpy(to, from, 4);
        break;
    case 8:
        memcpy(to, from, 8);
        break;
    default:
        memcpy(to, from, size);
    }
}

static void part(struct cpu *cpu, const struct target *t, unsigned size, enum access kind, uint8_t *value)
{
    if (!t->host || (t->rom && kind == ACCESS_STORE)) {
        device(cpu, t->gpa, size, kind, value);
    } else if (kind == ACCESS_STORE) {
        copy(t->host, value, size);
        if (t->code)
            block_written(cpu, t->host, size);
    } else {
        copy(value, t->host, size);
    }
}

static void perform(struct cpu *cpu, const struct parts *p, unsigned size, enum access kind, void *value)
{
    part(cpu, &p->at[0], p->first, kind, value);
    if (p->first < size)
        part(cpu, &p->at[1], size - p->first, kind, (uint8_t *)value + p->first);
}

static bool access_by(struct cpu *cpu, struct tlb *t, uint64_t linear, unsigned size, enum access kind, void *value)
{
    struct parts p;

    if (!resolve(cpu, t, linear, size, kind, &p))
        return false;
    perform(cpu, &p, size, kind, value);
    return true;
}

static struct tlb *present(const struct cpu *cpu)
{
    return (struct tlb *)(void *)cpu->tlb; /* its first member */
}

/* For those who come here first: what has a translation needs none of the above. */
static bool access_known(const struct tlb *t, uint64_t linear, unsigned size, enum access kind, void *value)
{
    const struct tlb_entry *e = &t->entries[(linear >> 12) & (TLB_SETS - 1)];
    uint64_t tag = TLB_TAG(linear, size);

    if (kind == ACCESS_LOAD && e->load == tag)
        copy(value, (const uint8_t *)(e->host + linear), size);
    else if (kind == ACCESS_STORE && e->store == tag)
        copy((uint8_t *)(e->host + linear), value, size);
    else
        return false;
    return true;
}

bool cpu_access(struct cpu *cpu, uint64_t linear, unsigned size, enum access kind, void *value)
{
    struct tlb *t = present(cpu);

    return access_known(t, linear, size, kind, value) || access_by(cpu, t, linear, size, kind, value);
}

bool cpu_access_system(struct cpu *cpu, uint64_t linear, unsigned size, enum access kind, void *value)
{
    struct tlb *t = &cpu->engine->tlbs[TLB_SUPERVISOR];

    return access_known(t, linear, size, kind, value) || access_by(cpu, t, linear, size, kind, value);
}

bool cpu_probe_store(struct cpu *cpu, uint64_t linear, unsigned size)
{
    struct parts p;

    return resolve(cpu, present(cpu), linear, size, ACCESS_STORE, &p);
}

struct cpu_piece cpu_piece_at(struct cpu *cpu, uint64_t linear, enum access kind)
{
    struct target t;

    if (present(cpu) == &cpu->engine->tlbs[TLB_CHECKED] || (cpu->dr[7] & 0xff))
        return (struct cpu_piece){0};
    if (cpu->msrs.efer & EFER_LMA ? !address_canonical(linear) : linear >> 32)
        return (struct cpu_piece){0};
    if (!tlb_resolve(cpu, present(cpu), linear, kind, &t) || (t.host && kind == ACCESS_STORE && (t.rom || t.code)))
        return (struct cpu_piece){0};
    return (struct cpu_piece){.host = t.host, .gpa = t.gpa, .device = !t.host};
}

struct cpu_value cpu_load_slow(struct cpu *cpu, uint64_t linear, unsigned size)
{
    struct cpu_value v = {0};

    v.ok = cpu_access(cpu, linear, size, ACCESS_LOAD, &v.value);
    return v;
}

bool cpu_store_slow(struct cpu *cpu, uint64_t linear, unsigned size, uint64_t value)
{
    return cpu_access(cpu, linear, size, ACCESS_STORE, &value);
}

struct cpu_value cpu_place_slow(struct cpu *cpu, uint64_t linear, unsigned size)
{
    struct cpu_value v = {0};
    struct parts p;

    if (!resolve(cpu, present(cpu), linear, size, ACCESS_STORE, &p))
        return v;
    perform(cpu, &p, size, ACCESS_LOAD, &v.value);
    v.ok = p.first == size && p.at[0].host && !p.at[0].rom && !p.at[0].code ? (uint64_t)(uintptr_t)p.at[0].host : 1;
    return v;
}

/* Resolved as it was a moment ago: nothing has run in between that could change the outcome. */
void cpu_place_store_slow(struct cpu *cpu, const struct place *place, unsigned size, const void *value)
{
    uint64_t v = 0;

    memcpy(&v, value, size);
    access_by(cpu, present(cpu), place->linear, size, ACCESS_STORE, &v);
}
