/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Speed of the encoder: nanoseconds an instruction and megabytes of code a second, of a mix like a baseline compiler's:
 * constant forms, and forms out of a table. Prints one line each, the best of several rounds.
 */
#include "codegen/x64.h"

#include <stdio.h>
#include <time.h>

enum { ROUNDS = 9, PIECES = 100000 };

static double seconds(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

/* Twelve instructions whose registers and displacements are not known when this is compiled. */
static void piece_constant(struct x64_buf *b, unsigned i)
{
    unsigned r = i & 7, s = 8 + (i >> 3 & 7);
    int32_t slot = (int32_t)(i & 255) * 8;

    x64_reserve(b, 256);
    x64_rm(b, X64_MOV, X64_W32, r, x64_at(X64_RBP, -slot));
    x64_rm(b, X64_MOV, X64_W32, s, x64_in(X64_GS, x64_at_index(X64_NONE, r, 0, slot)));
    x64_rr(b, X64_ADD, X64_W32, r, s);
    x64_ri(b, X64_AND, X64_W32, r, (int32_t)i);
    x64_shift_ri(b, X64_SHL, X64_W32, r, i & 31);
    x64_rr(b, X64_CMP, X64_W64, s, r);
    x64_set_r(b, X64_L, r);
    x64_rr(b, X64_MOVZX8, X64_W32, r, r);
    x64_sse_rm(b, X64_MOVSD, r, x64_at(X64_RBP, slot));
    x64_sse_rr(b, X64_ADDSD, r, s);
    x64_mr(b, X64_MOV, X64_W64, x64_at(X64_RBP, slot), r);
    x64_mov_ri(b, s, i);
}

static void piece_table(struct x64_buf *b, unsigned i)
{
    static const uint32_t ints[] = {X64_ADD, X64_SUB, X64_AND, X64_OR}, floats[] = {X64_ADDSD, X64_MULSD, X64_SUBSS};
    unsigned r = i & 7, s = 8 + (i >> 3 & 7);

    x64_reserve(b, 256);
    for (unsigned k = 0; k < 4; k++) {
        x64_rr(b, ints[(i + k) & 3], i & 1 ? X64_W32 : X64_W64, r, s);
        x64_rm(b, ints[(i + k) & 3], i & 1 ? X64_W32 : X64_W64, s, x64_at(X64_RBP, (int32_t)i));
        x64_sse_rr(b, floats[(i + k) % 3], r, s);
    }
}

static void measure(const char *name, void (*piece)(struct x64_buf *, unsigned))
{
    double best = 1e9;
    uint32_t size = 0;
    struct x64_buf b;

    if (x64_buf_init(&b, 16 << 20) < 0)
        return;
    for (int round = 0; round < ROUNDS; round++) {
        double start = seconds(), took;

        x64_buf_reset(&b);
        for (unsigned i = 0; i < PIECES; i++)
            piece(&b, i);
        took = seconds() - start;
        best = took < best ? took : best;
        size = x64_size(&b);
    }
    printf("%-10s %5.2f ns/instruction %7.0f MB/s of code (%u bytes)\n", name, best * 1e9 / PIECES / 12,
           size / best / 1e6, size);
    x64_buf_free(&b);
}

int main(void)
{
    measure("constant", piece_constant);
    measure("table", piece_table);
    return 0;
}
