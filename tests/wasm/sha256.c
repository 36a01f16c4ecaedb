/* SPDX-License-Identifier: Apache-2.0 */
/* sha256 FILE: its digest (FIPS 180-4), as sha256sum prints it. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static uint32_t k[64], h[8];

static uint32_t turn(uint32_t x, int n)
{
    return x >> n | x << (32 - n);
}

/* The first 32 bits of the fractional part of the square or cube root of a prime, by whole numbers alone. */
static uint32_t root_bits(uint32_t prime, int power)
{
    uint64_t low = 0, high = (uint64_t)prime << 32;

    while (high - low > 1) { /* the largest r with (r / 2^32)^power <= prime */
        uint64_t middle = low + (high - low) / 2;
        unsigned __int128 r = middle, p = power == 2 ? r * r : r * r * r;
        if (middle < UINT64_C(1) << 40 && p <= (unsigned __int128)prime << 32 * power)
            low = middle;
        else
            high = middle;
    }
    return (uint32_t)low;
}

static void constants(void)
{
    int n = 0;

    for (uint32_t p = 2; n < 64; p++) {
        int prime = 1;
        for (uint32_t d = 2; d * d <= p; d++)
            prime &= p % d != 0;
        if (!prime)
            continue;
        if (n < 8)
            h[n] = root_bits(p, 2);
        k[n++] = root_bits(p, 3);
    }
}

static void block(const uint8_t *b)
{
    uint32_t w[64], s[8];

    for (int i = 0; i < 16; i++)
        w[i] = (uint32_t)b[4 * i] << 24 | (uint32_t)b[4 * i + 1] << 16 | (uint32_t)b[4 * i + 2] << 8 | b[4 * i + 3];
    for (int i = 16; i < 64; i++)
        w[i] = w[i - 16] + w[i - 7] + (turn(w[i - 15], 7) ^ turn(w[i - 15], 18) ^ w[i - 15] >> 3) +
               (turn(w[i - 2], 17) ^ turn(w[i - 2], 19) ^ w[i - 2] >> 10);
    memcpy(s, h, sizeof s);
    for (int i = 0; i < 64; i++) {
        uint32_t t1 =
            s[7] + (turn(s[4], 6) ^ turn(s[4], 11) ^ turn(s[4], 25)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) + k[i] + w[i];
        uint32_t t2 =
            (turn(s[0], 2) ^ turn(s[0], 13) ^ turn(s[0], 22)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof *s);
        s[4] += t1;
        s[0] = t1 + t2;
    }
    for (int i = 0; i < 8; i++)
        h[i] += s[i];
}

int main(int argc, char **argv)
{
    FILE *f = argc > 1 ? fopen(argv[1], "rb") : stdin;
    uint8_t b[64];
    uint64_t bits = 0;
    size_t n;

    if (!f) {
        perror(argv[1]);
        return 1;
    }
    constants();
    while ((n = fread(b, 1, sizeof b, f)) == sizeof b) {
        block(b);
        bits += 512;
    }
    bits += n * 8;
    b[n++] = 0x80;
    memset(b + n, 0, sizeof b - n);
    if (n > 56) {
        block(b);
        memset(b, 0, sizeof b);
    }
    for (int i = 0; i < 8; i++)
        b[56 + i] = (uint8_t)(bits >> (56 - 8 * i));
    block(b);
    for (int i = 0; i < 8; i++)
        printf("%08x", h[i]);
    printf("  %s\n", argc > 1 ? argv[1] : "-");
    return 0;
}
