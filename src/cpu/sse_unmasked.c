/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What an SSE operation reports when the guest has unmasked an exception (Intel 1, 11.5), found with all of the host's
 * masked. Three things are not as with masked ones:
 *
 *   - when one that is seen before the operation (invalid, denormal, divide by zero) is unmasked and happens, the
 *     operation is not done and the others are not reported
 *   - an unmasked underflow counts tiny results that are exact
 *   - beside an unmasked overflow or underflow, a result is inexact when it would be with any exponent. The x87 has
 *     enough of it, and rounds to the same precision: the operation is done there once more
 *
 * Leaves the host's MXCSR changed.
 */
#include "cpu/sse.h"

enum { BEFORE = FPU_INVALID | FPU_DENORMAL | FPU_ZERO };

/* ---- Parts ------------------------------------------------------------------------------------------------------ */

static unsigned parts_of(enum sse_parts parts)
{
    return parts == SINGLES ? 4 : parts == DOUBLES ? 2 : parts == NOT_TINY ? 0 : 1;
}
static bool single(enum sse_parts parts)
{
    return parts == SINGLE || parts == SINGLES;
}
static uint64_t part(vec v, bool narrow, unsigned i)
{
    uint64_t half = (uint64_t)v[narrow ? i >> 1 : i];
    return !narrow ? half : i & 1 ? half >> 32 : (uint32_t)half;
}
static bool denormal(uint64_t v, bool narrow)
{
    return narrow ? !(v & 0x7f800000) && v & 0x7fffff : !(v & UINT64_C(0x7ff) << 52) && v << 12;
}

static bool any_denormal(vec r, enum sse_parts parts)
{
    for (unsigned i = 0; i < parts_of(parts); i++)
        if (denormal(part(r, single(parts), i), single(parts)))
            return true;
    return false;
}

/* ---- With any exponent ------------------------------------------------------------------------------------------ */

struct wide {
    uint8_t number[10];
    uint16_t status;
};

static void push_part(uint64_t v, bool narrow)
{
    uint32_t low = (uint32_t)v;

    if (narrow)
        __asm__ volatile("flds %0" ::"m"(low));
    else
        __asm__ volatile("fldl %0" ::"m"(v));
}

/* x OP y on the x87, rounded to 24 or 53 bits. */
static struct wide compute(enum sse_arithmetic what, bool narrow, uint64_t x, uint64_t y, uint32_t mxcsr)
{
    struct wide w;
    uint16_t usual, control = (uint16_t)(0x7f | (narrow ? 0 : 0x200) | (mxcsr >> 13 & 3) << 10);

    __asm__ volatile("fnclex\n\tfnstcw %0" : "=m"(usual));
    host_control_set(control);
    push_part(x, what == NARROW ? false : narrow);
    if (what == NARROW)
        __asm__ volatile("fld1");
    else
        push_part(y, narrow);
    __asm__ volatile("fnclex"); /* loads are not the operation */
    if (what == ADD)
        __asm__ volatile("faddp");
    else if (what == SUBTRACT)
        __asm__ volatile(".byte 0xde, 0xe9"); /* st1 - st0: assemblers do not agree on the name */
    else if (what == DIVIDE)
        __asm__ volatile(".byte 0xde, 0xf9");
    else
        __asm__ volatile("fmulp");
    __asm__ volatile("fnstsw %0\n\tfstpt %1\n\tfnclex" : "=&a"(w.status), "=m"(w.number));
    host_control_set(usual);
    return w;
}

/* Is it inexact as a denormal of the narrower format? */
static bool inexact_as(const struct wide *w, bool narrow)
{
    uint16_t status;
    uint32_t low;
    uint64_t all;

    if (narrow)
        __asm__ volatile("fldt %2\n\tfstps %1\n\tfnstsw %0\n\tfnclex" : "=&a"(status), "=m"(low) : "m"(w->number));
    else
        __asm__ volatile("fldt %2\n\tfstpl %1\n\tfnstsw %0\n\tfnclex" : "=&a"(status), "=m"(all) : "m"(w->number));
    return status & FPU_INEXACT;
}

static bool part_inexact(enum sse_arithmetic what, bool narrow, uint64_t x, uint64_t y, uint32_t mxcsr)
{
    bool narrow_source = narrow && what != NARROW;
    uint64_t sign = narrow_source ? UINT64_C(1) << 31 : UINT64_C(1) << 63;

    if (mxcsr & MXCSR_DAZ) {
        x = denormal(x, narrow_source) ? x & sign : x;
        y = denormal(y, narrow_source) ? y & sign : y;
    }
    struct wide w = compute(what, narrow, x, y, mxcsr);
    int exponent = ((w.number[8] | w.number[9] << 8) & 0x7fff) - 0x3fff;
    bool inexact = w.status & FPU_INEXACT;

    if (exponent == 0x4000 || exponent == -0x3fff) /* infinite or not a number; zero */
        return inexact;
    if (exponent > (narrow ? 127 : 1023))
        return inexact || mxcsr & FPU_OVERFLOW << 7;
    if (exponent < (narrow ? -126 : -1022) && mxcsr & FPU_UNDERFLOW << 7)
        return inexact || mxcsr & MXCSR_FTZ || inexact_as(&w, narrow);
    return inexact;
}

static bool any_inexact(enum sse_arithmetic what, enum sse_parts parts, vec a, vec b, uint32_t mxcsr)
{
    bool narrow = single(parts), inexact = false;
    unsigned n = parts_of(parts);

    if (what == NARROW && n == 4)
        n = 2;
    for (unsigned i = 0; i < n; i++) {
        enum sse_arithmetic each = what;
        uint64_t x = part(what == NARROW ? b : a, narrow && what != NARROW, i), y = part(b, narrow, i);

        if (what == ADD_PAIRS || what == SUBTRACT_PAIRS) {
            vec from = i < n / 2 ? a : b;
            x = part(from, narrow, 2 * i % n);
            y = part(from, narrow, 2 * i % n + 1);
            each = what == ADD_PAIRS ? ADD : SUBTRACT;
        } else if (what == ALTERNATE) {
            each = i & 1 ? ADD : SUBTRACT;
        }
        inexact |= part_inexact(each, narrow, x, y, mxcsr);
    }
    return inexact;
}

/* ---- An operation -------------------------------------------------------------------------------------------------
 */

vec sse_run_unmasked(sse_kernel *run, enum sse_arithmetic what, enum sse_parts parts, vec a, vec b, uint32_t mxcsr,
                     uint32_t *flags)
{
    uint32_t unmasked = ~mxcsr >> 7 & FPU_EXCEPTIONS;
    uint32_t controls = (mxcsr & ~(uint32_t)FPU_EXCEPTIONS) | MXCSR_MASKS;

    if (unmasked & FPU_UNDERFLOW) /* flushing to zero is for the masked */
        controls &= ~(uint32_t)MXCSR_FTZ;
    host_mxcsr_set(controls);
    vec r = run(a, b);
    uint32_t happened = host_mxcsr_get() & FPU_EXCEPTIONS;
    if (unmasked & FPU_UNDERFLOW && any_denormal(r, parts))
        happened |= FPU_UNDERFLOW;
    if (happened & unmasked & BEFORE)
        happened &= BEFORE;
    else if (happened & unmasked & (FPU_OVERFLOW | FPU_UNDERFLOW) && what != OTHER)
        happened = (happened & ~(uint32_t)FPU_INEXACT) | (any_inexact(what, parts, a, b, mxcsr) ? FPU_INEXACT : 0);
    *flags = happened;
    return r;
}

/* ---- Dot products: three operations, of which the first that raises an exception ends it
 * ------------------------------ */

#define KERNEL(NAME, TEXT)                                                                                             \
    static vec NAME(vec a, vec b)                                                                                      \
    {                                                                                                                  \
        __asm__ volatile(TEXT " %1, %0" : "+x"(a) : "x"(b));                                                           \
        return a;                                                                                                      \
    }
KERNEL(multiply_singles, "mulps")
KERNEL(multiply_doubles, "mulpd")
KERNEL(add_singles, "haddps")
KERNEL(add_doubles, "haddpd")

/* The parts that bits 4 to 7 of the immediate choose; 0 for the others. */
static vec chosen(vec v, enum sse_parts parts, unsigned immediate)
{
    uint64_t halves[2];

    for (unsigned i = 0; i < 2; i++) {
        unsigned bits = parts == SINGLES ? immediate >> (4 + 2 * i) & 3 : (immediate >> (4 + i) & 1) * 3;
        halves[i] = (uint64_t)v[i] & ((bits & 1 ? 0xffffffff : 0) | (bits & 2 ? UINT64_C(0xffffffff) << 32 : 0));
    }
    return (vec){(long long)halves[0], (long long)halves[1]};
}

uint32_t sse_flags_of_halves(uint32_t low, uint32_t high, uint32_t mxcsr)
{
    uint32_t happened = low | high, unmasked = ~mxcsr >> 7 & FPU_EXCEPTIONS;

    return happened & unmasked & BEFORE ? happened & BEFORE : happened;
}

void sse_dot_unmasked(sse_kernel *run, unsigned immediate, enum sse_parts parts, unsigned n, const vec *a, const vec *b,
                      uint32_t mxcsr, uint32_t *flags, vec *r)
{
    uint32_t unmasked = ~mxcsr >> 7 & FPU_EXCEPTIONS, each[2] = {0};
    sse_kernel *add = parts == SINGLES ? add_singles : add_doubles;

    for (unsigned i = 0; i < n; i++)
        r[i] = sse_run_unmasked(parts == SINGLES ? multiply_singles : multiply_doubles, MULTIPLY, parts,
                                chosen(a[i], parts, immediate), chosen(b[i], parts, immediate), mxcsr, &each[i]);
    *flags = sse_flags_of_halves(each[0], each[1], mxcsr);
    for (unsigned step = 0; step < (parts == SINGLES ? 2 : 1) && !(*flags & unmasked); step++) {
        for (unsigned i = 0; i < n; i++)
            r[i] = sse_run_unmasked(add, ADD_PAIRS, parts, r[i], r[i], mxcsr, &each[i]);
        *flags |= sse_flags_of_halves(each[0], each[1], mxcsr);
    }
    for (unsigned i = 0; i < n && !(*flags & unmasked); i++)
        r[i] = run(a[i], b[i]); /* which of several that are not numbers is the result, the instruction knows */
}
