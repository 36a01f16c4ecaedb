/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many random programs without a fuzzer: linux-calls-many CALLS SEED. Programs SEED, SEED + 1, ... run until so many
 * system calls were made. The file linux-calls-running has the program on the way, should it crash: that is an input of
 * fuzz_linux_calls.
 */
#include "linux_calls.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void keep(const uint8_t *program, size_t n)
{
    FILE *f = fopen("linux-calls-running", "wb");
    if (!f)
        return;
    fwrite(program, 1, n, f);
    fclose(f);
}

int main(int argc, char **argv)
{
    static uint8_t program[8192];
    if (argc != 3) {
        fprintf(stderr, "linux-calls-many CALLS SEED\n");
        return 2;
    }
    uint64_t calls = strtoull(argv[1], NULL, 10), seed = strtoull(argv[2], NULL, 10), done = 0, programs = 0;
    for (; done < calls; programs++) {
        uint64_t state = seed + programs;
        size_t n = 16 + random_next(&state) % (sizeof(program) - 16);
        for (size_t i = 0; i < n; i++)
            program[i] = (uint8_t)random_next(&state);
        keep(program, n);
        done += linux_calls_run(program, n);
    }
    remove("linux-calls-running");
    printf("%" PRIu64 " calls in %" PRIu64 " programs from seed %" PRIu64 "\n", done, programs, seed);
    return 0;
}
