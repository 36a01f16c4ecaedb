/* SPDX-License-Identifier: Apache-2.0 */
/* native.c RUNS: the kernel it is linked with, RUNS times; prints the shortest time in ns and the checksum. */
#include "kernel.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

int main(int argc, char **argv)
{
    int runs = argc > 1 ? atoi(argv[1]) : 80;
    uint64_t best = UINT64_MAX, sum = 0;

    for (int i = 0; i < runs; i++) {
        struct timespec a, b;

        clock_gettime(CLOCK_MONOTONIC, &a);
        sum = run();
        clock_gettime(CLOCK_MONOTONIC, &b);
        uint64_t ns = (uint64_t)(b.tv_sec - a.tv_sec) * 1000000000u + (uint64_t)b.tv_nsec - (uint64_t)a.tv_nsec;
        best = ns < best ? ns : best;
    }
    printf("%" PRIu64 " %" PRIu64 "\n", best, sum);
    return 0;
}
