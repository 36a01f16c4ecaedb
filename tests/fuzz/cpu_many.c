/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many random cases for the software processor without a fuzzer: cpu-many CASES SEED, or cpu-many FILE. The file
 * cpu-many-running has the case on the way, should it crash: that is an input of fuzz_cpu.
 */
#include "cpu_case.h"

#include "cpu/decode/decode.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static uint64_t random_next(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void keep(const uint8_t *bytes, size_t n)
{
    FILE *f = fopen("cpu-many-running", "wb");
    if (!f)
        return;
    fwrite(bytes, 1, n, f);
    fclose(f);
}

static int one(const char *name)
{
    static uint8_t bytes[1 << 16];
    FILE *f = fopen(name, "rb");
    if (!f)
        return 1;
    size_t n = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    printf("%" PRIu64 " instructions\n", cpu_case_run(bytes, n));
    return 0;
}

/* Bytes that decode, so that code gets further than random bytes do. */
static size_t instructions(uint8_t *out, size_t n, enum decode_mode mode, uint64_t *state)
{
    size_t at = 0;

    while (at + 16 < n) {
        uint8_t bytes[16];
        struct insn insn;

        for (unsigned i = 0; i < 16; i++)
            bytes[i] = (uint8_t)random_next(state);
        if (random_next(state) & 1)
            bytes[1] &= 0x3f;              /* memory at a register */
        if (random_next(state) % 4 == 0) { /* AVX, of which few random bytes are */
            bytes[0] = 0xc4;
            bytes[1] = (uint8_t)((bytes[1] & 0xe0) | (mode == DECODE_64 ? 0 : 0xc0) | (1 + bytes[5] % 3));
            bytes[4] &= bytes[6] & 1 ? 0x3f : 0xff;
        }
        int length = decode_insn(bytes, 15, mode, &insn);
        if (length <= 0 || insn.class == CLASS_TRAP)
            continue;
        memcpy(out + at, bytes, (size_t)length);
        at += (size_t)length;
    }
    return at;
}

int main(int argc, char **argv)
{
    static uint8_t bytes[2048];
    if (argc == 2)
        return one(argv[1]);
    if (argc != 3) {
        fprintf(stderr, "cpu-many CASES SEED, cpu-many FILE\n");
        return 2;
    }
    uint64_t cases = strtoull(argv[1], NULL, 10), seed = strtoull(argv[2], NULL, 10), done = 0;
    for (uint64_t c = 0; c < cases; c++) {
        uint64_t state = seed + c;
        size_t n = 256 + random_next(&state) % (sizeof bytes - 256);
        for (size_t i = 0; i < n; i++)
            bytes[i] = (uint8_t)random_next(&state);
        if (random_next(&state) & 1)
            bytes[1] = 0; /* undamaged tables */
        enum decode_mode mode = bytes[0] & 1 ? DECODE_64 : (bytes[0] & 0x22) == 2 ? DECODE_32 : DECODE_16;
        if (bytes[1] == 0)
            n = 147 + instructions(bytes + 147, sizeof bytes - 147, mode, &state);
        keep(bytes, n);
        done += cpu_case_run(bytes, n);
    }
    remove("cpu-many-running");
    printf("%" PRIu64 " instructions in %" PRIu64 " cases from seed %" PRIu64 "\n", done, cases, seed);
    return 0;
}
