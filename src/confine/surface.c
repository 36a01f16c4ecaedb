/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See surface.h. A value is known or not; of an unknown one is remembered whether it is half of the instruction
 * pointer, since what such a half is compared with are the places that a filter knows. First all comparisons are
 * collected with nothing known of the place; then each combination of the places next to them is tried with the place
 * known, for all filters together. The programs are the kernel's, so they are valid: jumps go forward only.
 */
#include "confine/surface.h"

#include <linux/seccomp.h>
#include <stdbool.h>

#define STEPS_MOST  200000 /* for one program and one place; what needs more may end in anything */
#define PATHS_MOST  512
#define PLACES_MOST 96 /* of a half; with more the place stays unknown */
#define SEEN        4096

enum half { NO_HALF, LOW_HALF, HIGH_HALF };

struct value {
    uint32_t v;
    bool known;
    uint8_t half;
};

struct state {
    uint32_t pc;
    struct value a, x, m[BPF_MEMWORDS];
    bool plain; /* x and m have not been written */
};

struct places {
    uint32_t v[PLACES_MOST];
    unsigned n;
    bool too_many;
};

struct walk {
    uint32_t arch, number;
    struct value place[2];     /* low, high */
    struct places *low, *high; /* not NULL: comparisons with the place are collected */
    struct state paths[PATHS_MOST];
    unsigned n_paths;
    struct {
        uint64_t key;
        uint32_t round;
    } seen[SEEN];
    uint32_t round; /* of the program that is followed now */
};

static const unsigned anything = SURFACE_ALLOWED | SURFACE_ANSWERED | SURFACE_REFUSED;

/* ---- values ------------------------------------------------------------------------------------------------------ */

static struct value known(uint32_t v)
{
    return (struct value){.v = v, .known = true};
}

static struct value load(const struct walk *w, uint32_t offset)
{
    switch (offset) {
    case offsetof(struct seccomp_data, nr):
        return known(w->number);
    case offsetof(struct seccomp_data, arch):
        return known(w->arch);
    case offsetof(struct seccomp_data, instruction_pointer):
        return w->place[0];
    case offsetof(struct seccomp_data, instruction_pointer) + 4:
        return w->place[1];
    default:
        return (struct value){0};
    }
}

static struct value compute(uint16_t code, struct value a, struct value b)
{
    if (BPF_OP(code) == BPF_NEG)
        return a.known ? known(-a.v) : (struct value){0};
    if (BPF_OP(code) == BPF_AND && ((a.known && !a.v) || (b.known && !b.v)))
        return known(0);
    if (!a.known || !b.known || ((BPF_OP(code) == BPF_DIV || BPF_OP(code) == BPF_MOD) && !b.v))
        return (struct value){0};
    switch (BPF_OP(code)) {
    case BPF_ADD:
        return known(a.v + b.v);
    case BPF_SUB:
        return known(a.v - b.v);
    case BPF_MUL:
        return known(a.v * b.v);
    case BPF_DIV:
        return known(a.v / b.v);
    case BPF_MOD:
        return known(a.v % b.v);
    case BPF_OR:
        return known(a.v | b.v);
    case BPF_AND:
        return known(a.v & b.v);
    case BPF_XOR:
        return known(a.v ^ b.v);
    case BPF_LSH:
        return known(b.v < 32 ? a.v << b.v : 0);
    case BPF_RSH:
        return known(b.v < 32 ? a.v >> b.v : 0);
    default:
        return (struct value){0};
    }
}

/* 1, 0, or -1: that depends. */
static int compare(uint16_t code, struct value a, struct value b)
{
    if (BPF_OP(code) == BPF_JA)
        return 1;
    if (BPF_OP(code) == BPF_JSET && b.known && !b.v)
        return 0;
    if (!a.known || !b.known)
        return -1;
    switch (BPF_OP(code)) {
    case BPF_JEQ:
        return a.v == b.v;
    case BPF_JGT:
        return a.v > b.v;
    case BPF_JGE:
        return a.v >= b.v;
    default:
        return (a.v & b.v) != 0;
    }
}

/* ---- one program ------------------------------------------------------------------------------------------------- */

static void collect_one(struct places *p, uint32_t v)
{
    for (unsigned i = 0; i < p->n; i++)
        if (p->v[i] == v)
            return;
    if (p->n == PLACES_MOST)
        p->too_many = true;
    else
        p->v[p->n++] = v;
}

static struct places *places_of(const struct walk *w, struct value a)
{
    return a.half == LOW_HALF ? w->low : a.half == HIGH_HALF ? w->high : NULL;
}

/* It is used in a way that no place next to another tells. */
static void give_up(const struct walk *w, struct value a)
{
    struct places *p = places_of(w, a);

    if (p)
        p->too_many = true;
}

/* What lies on both sides of a comparison, and on it. */
static void collect(const struct walk *w, uint16_t code, struct value a, struct value with)
{
    struct places *p = places_of(w, a);

    give_up(w, with);
    if (BPF_OP(code) == BPF_JSET || !with.known)
        give_up(w, a);
    if (!p || !with.known)
        return;
    collect_one(p, with.v);
    collect_one(p, with.v - 1);
    collect_one(p, with.v + 1);
}

/* Whether this state has been followed; only such as are told by the accumulator alone are remembered. */
static bool was_here(struct walk *w, const struct state *s)
{
    if (!s->plain)
        return false;
    const uint64_t key =
        ((uint64_t)s->pc << 35 | (uint64_t)(s->a.half | s->a.known << 2) << 32 | (s->a.known ? s->a.v : 0)) + 1;
    const uint32_t first = (uint32_t)(key * 0x9e3779b97f4a7c15u >> 52);

    for (uint32_t i = 0; i < 16; i++) {
        const uint32_t at = (first + i) % SEEN;
        if (w->seen[at].round != w->round) {
            w->seen[at].key = key;
            w->seen[at].round = w->round;
            return false;
        }
        if (w->seen[at].key == key)
            return true;
    }
    return false;
}

static bool push(struct walk *w, struct state *s, uint32_t pc)
{
    if (w->n_paths == PATHS_MOST)
        return false;
    w->paths[w->n_paths] = *s;
    w->paths[w->n_paths++].pc = pc;
    return true;
}

static unsigned verdict(struct value a)
{
    if (!a.known)
        return anything;
    switch (a.v & SECCOMP_RET_ACTION_FULL) {
    case SECCOMP_RET_ALLOW:
    case SECCOMP_RET_LOG:
        return SURFACE_ALLOWED;
    case SECCOMP_RET_USER_NOTIF:
    case SECCOMP_RET_TRACE:
        return SURFACE_ANSWERED;
    default:
        return SURFACE_REFUSED;
    }
}

/* A jump. False: there are too many paths. */
static bool branch(struct walk *w, struct state *s, const struct sock_filter *i)
{
    const struct value other = BPF_SRC(i->code) == BPF_X ? s->x : known(i->k);
    const int way = compare(i->code, s->a, other);

    if (BPF_OP(i->code) == BPF_JA) {
        s->pc += i->k;
        return true;
    }
    collect(w, i->code, s->a, other);
    if (way < 0 && !push(w, s, s->pc + i->jf))
        return false;
    s->pc += way ? i->jt : i->jf;
    return true;
}

static void move(const struct walk *w, struct state *s, const struct sock_filter *i)
{
    const uint16_t mode = BPF_MODE(i->code);
    const struct value from = mode == BPF_IMM   ? known(i->k)
                              : mode == BPF_LEN ? known(sizeof(struct seccomp_data))
                              : mode == BPF_MEM ? s->m[i->k % BPF_MEMWORDS]
                                                : load(w, i->k);

    switch (BPF_CLASS(i->code)) {
    case BPF_LD:
        s->a = from;
        break;
    case BPF_LDX:
        s->x = from, s->plain = false;
        break;
    case BPF_ST:
        s->m[i->k % BPF_MEMWORDS] = s->a, s->plain = false;
        break;
    case BPF_STX:
        s->m[i->k % BPF_MEMWORDS] = s->x, s->plain = false;
        break;
    case BPF_ALU:
        give_up(w, s->a);
        if (BPF_SRC(i->code) == BPF_X)
            give_up(w, s->x);
        s->a = compute(i->code, s->a, BPF_SRC(i->code) == BPF_X ? s->x : known(i->k));
        break;
    default:
        if (BPF_MISCOP(i->code) == BPF_TAX)
            s->x = s->a, s->plain = false;
        else
            s->a = s->x;
        break;
    }
}

static unsigned follow(struct walk *w, const struct sock_filter *f, size_t n)
{
    unsigned all = 0, steps = 0;

    w->round++;
    w->n_paths = 0;
    push(w, &(struct state){.plain = true}, 0);
    while (w->n_paths) {
        struct state s = w->paths[--w->n_paths];
        for (;;) {
            if (s.pc >= n || ++steps > STEPS_MOST)
                return anything;
            const struct sock_filter *i = &f[s.pc++];
            if (BPF_CLASS(i->code) == BPF_RET) {
                all |= verdict(BPF_RVAL(i->code) == BPF_A ? s.a : known(i->k));
                break;
            }
            if (BPF_CLASS(i->code) != BPF_JMP)
                move(w, &s, i);
            else if (!branch(w, &s, i))
                return anything;
            else if (was_here(w, &s))
                break;
        }
    }
    return all;
}

/* ---- all of them ------------------------------------------------------------------------------------------------- */

/* The kernel takes the strictest of all verdicts. */
static unsigned strictest(struct walk *w, const struct surface_filters *f)
{
    unsigned most = SURFACE_ALLOWED | SURFACE_ANSWERED, any = 0;
    bool answered = false;

    for (unsigned i = 0; i < f->n; i++) {
        const unsigned one = follow(w, f->v[i], f->length[i]);
        any |= one & SURFACE_REFUSED;
        answered |= one & SURFACE_ANSWERED;
        if (!(one & SURFACE_ALLOWED))
            most &= ~(unsigned)SURFACE_ALLOWED;
        if (!(one & (SURFACE_ALLOWED | SURFACE_ANSWERED)))
            most = 0;
    }
    if (!answered)
        most &= ~(unsigned)SURFACE_ANSWERED;
    return most | any;
}

unsigned surface_of(const struct surface_filters *f, uint32_t arch, uint32_t number)
{
    static struct walk w; /* one thread */
    struct places low = {.n = 0}, high = {.n = 0};
    unsigned all = 0;

    if (!f->n)
        return SURFACE_ALLOWED;
    w = (struct walk){
        .arch = arch, .number = number, .place = {{.half = LOW_HALF}, {.half = HIGH_HALF}}, .low = &low, .high = &high};
    const unsigned unknown = strictest(&w, f);
    if ((!low.n && !high.n) || low.too_many || high.too_many)
        return unknown;
    w.low = w.high = NULL;
    collect_one(&low, 0);
    collect_one(&high, 0);
    for (unsigned i = 0; i < low.n; i++)
        for (unsigned k = 0; k < high.n; k++) {
            w.place[0] = known(low.v[i]);
            w.place[1] = known(high.v[k]);
            all |= strictest(&w, f);
        }
    return all;
}
