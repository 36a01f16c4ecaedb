/* SPDX-License-Identifier: Apache-2.0 */
/* Product of matrices of doubles, and of 32-bit integers: nested loops over arrays. */
#include "kernel.h"

#define N 96

static double a[N][N], b[N][N], c[N][N];
static uint32_t p[N][N], q[N][N], r[N][N];

EXPORT uint64_t run(void)
{
    double trace = 0;
    uint32_t sum = 0;

    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            a[i][j] = i - j;
            b[i][j] = i * j % 17;
            p[i][j] = (uint32_t)(i * 31 + j);
            q[i][j] = (uint32_t)(i ^ j * 7);
        }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double s = 0;
            uint32_t t = 0;

            for (int k = 0; k < N; k++) {
                s += a[i][k] * b[k][j];
                t += p[i][k] * q[k][j];
            }
            c[i][j] = s;
            r[i][j] = t;
        }
    for (int i = 0; i < N; i++) {
        trace += c[i][i];
        sum = sum * 33 + r[i][N - 1 - i];
    }
    return (uint64_t)sum << 32 | (uint32_t)(int32_t)trace;
}
