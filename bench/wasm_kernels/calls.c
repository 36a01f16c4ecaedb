/* SPDX-License-Identifier: Apache-2.0 */
/* Calls through a table, quicksort with a comparison function, recursion. */
#include "kernel.h"

#define N 6000

typedef int compare_fn(uint32_t a, uint32_t b);
typedef uint32_t step_fn(uint32_t x, uint32_t y);

static uint32_t numbers[N];

static int up(uint32_t a, uint32_t b)
{
    return (a > b) - (a < b);
}

static int down(uint32_t a, uint32_t b)
{
    return (b > a) - (b < a);
}

static int by_low_byte(uint32_t a, uint32_t b)
{
    int c = up(a & 255, b & 255);

    return c ? c : up(a, b);
}

static uint32_t add(uint32_t x, uint32_t y)
{
    return x + y;
}

static uint32_t mix(uint32_t x, uint32_t y)
{
    return (x ^ y) * 0x9e3779b1u;
}

static uint32_t turn(uint32_t x, uint32_t y)
{
    return x << (y & 7) | x >> (32 - (y & 7)) % 32;
}

static uint32_t choose(uint32_t x, uint32_t y)
{
    return x > y ? x - y : y - x + 1;
}

/* Not constants to the compiler, so that the calls stay calls. */
static compare_fn *volatile compare[] = {up, down, by_low_byte};
static step_fn *volatile steps[] = {add, mix, turn, choose};

static void sort(uint32_t *a, int n, compare_fn *less)
{
    while (n > 1) {
        uint32_t pivot = a[n / 2];
        int i = 0, j = n - 1;

        while (i <= j) {
            while (less(a[i], pivot) < 0)
                i++;
            while (less(a[j], pivot) > 0)
                j--;
            if (i <= j) {
                uint32_t t = a[i];

                a[i++] = a[j];
                a[j--] = t;
            }
        }
        sort(a, j + 1, less);
        a += i;
        n -= i;
    }
}

static uint32_t ackermann(uint32_t m, uint32_t n)
{
    if (m == 0)
        return n + 1;
    return ackermann(m - 1, n == 0 ? 1 : ackermann(m, n - 1));
}

EXPORT uint64_t run(void)
{
    uint32_t state = 2463534242u, sum = 0;

    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < N; i++)
            numbers[i] = next_number(&state);
        sort(numbers, N, compare[round]);
        sum = sum * 31 + numbers[N / 3];
    }
    for (uint32_t i = 0; i < 100000; i++)
        sum = steps[i & 3](sum, i);
    return (uint64_t)sum << 32 | ackermann(2, 150);
}
