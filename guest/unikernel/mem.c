/* SPDX-License-Identifier: Apache-2.0 */
/* What a freestanding compiler asks for, and the few of string.h that src/linux may use. No vector registers: they are
 * the program's. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Above this many bytes the processor's string instructions win. */
#define STRING_FROM 64

typedef uint64_t __attribute__((may_alias, aligned(1))) word;

/* In a loop: it is not to become a call of the function that it is in. */
#define AS_WRITTEN __asm__ volatile("")

void *memcpy(void *restrict to, const void *restrict from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if (n >= STRING_FROM) {
        __asm__ volatile("rep movsb" : "+D"(t), "+S"(f), "+c"(n)::"memory");
        return to;
    }
    for (; n >= 8; n -= 8, t += 8, f += 8) {
        *(word *)t = *(const word *)f;
        AS_WRITTEN;
    }
    while (n--) {
        *t++ = *f++;
        AS_WRITTEN;
    }
    return to;
}

void *memmove(void *to, const void *from, size_t n)
{
    uint8_t *t = to;
    const uint8_t *f = from;

    if ((uintptr_t)t - (uintptr_t)f >= n)
        return memcpy(to, from, n);
    for (; n >= 8; n -= 8) {
        *(word *)(t + n - 8) = *(const word *)(f + n - 8);
        AS_WRITTEN;
    }
    while (n--) {
        t[n] = f[n];
        AS_WRITTEN;
    }
    return to;
}

void *memset(void *to, int value, size_t n)
{
    uint8_t *t = to;

    if (n >= STRING_FROM) {
        __asm__ volatile("rep stosb" : "+D"(t), "+c"(n) : "a"(value) : "memory");
        return to;
    }
    for (; n >= 8; n -= 8, t += 8) {
        *(word *)t = 0x0101010101010101u * (uint8_t)value;
        AS_WRITTEN;
    }
    while (n--) {
        *t++ = (uint8_t)value;
        AS_WRITTEN;
    }
    return to;
}

int memcmp(const void *a_, const void *b_, size_t n)
{
    const uint8_t *a = a_, *b = b_;

    for (; n >= 8 && *(const word *)a == *(const word *)b; n -= 8)
        a += 8, b += 8;
    for (; n; n--, a++, b++)
        if (*a != *b)
            return *a - *b;
    return 0;
}

void *memchr(const void *s, int c, size_t n)
{
    const uint8_t *p = s;

    for (; n; n--, p++)
        if (*p == (uint8_t)c)
            return (void *)(uintptr_t)p;
    return NULL;
}

size_t strlen(const char *s)
{
    size_t n = 0;

    for (; s[n]; n++)
        AS_WRITTEN;
    return n;
}

int strcmp(const char *a, const char *b)
{
    for (; *a && *a == *b; a++, b++)
        continue;
    return (uint8_t)*a - (uint8_t)*b;
}

size_t strnlen(const char *s, size_t n)
{
    const char *end = memchr(s, 0, n);

    return end ? (size_t)(end - s) : n;
}

/* What the compiler makes of __builtin_popcountll where the processor may lack the instruction. */
int __popcountdi2(long v);
int __popcountdi2(long v)
{
    int n = 0;

    for (uint64_t left = (uint64_t)v; left; left &= left - 1)
        n++;
    return n;
}

int strncmp(const char *a, const char *b, size_t n)
{
    for (; n && *a && *a == *b; a++, b++)
        n--;
    return n ? (uint8_t)*a - (uint8_t)*b : 0;
}

char *strchr(const char *s, int c)
{
    for (; *s != (char)c; s++)
        if (!*s)
            return NULL;
    return (char *)(uintptr_t)s;
}
