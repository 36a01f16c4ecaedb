/* SPDX-License-Identifier: Apache-2.0 */
/* Sun and planets for some thousand steps: doubles, square roots, divisions. */
#include "kernel.h"

#define BODIES 5
#define STEPS  12000

struct body {
    double x[3], v[3], mass;
};

static const struct body start[BODIES] = {
    {{0, 0, 0}, {0, 0, 0}, 39.4784176},
    {{4.84143144, -1.16032004, -0.10362204}, {0.60632639, 2.81198684, -0.02521836}, 0.03769367},
    {{8.34336671, 4.12479856, -0.40352341}, {-1.01077434, 1.82566237, 0.00841576}, 0.01128632},
    {{12.89436956, -15.11115140, -0.22330757}, {1.08279100, 0.86871301, -0.01083263}, 0.00172372},
    {{15.37969711, -25.91931460, 0.17925877}, {0.97909073, 0.59469899, -0.03475595}, 0.00203368},
};

static struct body body[BODIES];

static void step(double dt)
{
    for (int i = 0; i < BODIES; i++)
        for (int j = i + 1; j < BODIES; j++) {
            double dx = body[i].x[0] - body[j].x[0], dy = body[i].x[1] - body[j].x[1], dz = body[i].x[2] - body[j].x[2];
            double d2 = dx * dx + dy * dy + dz * dz;
            double magnitude = dt / (d2 * __builtin_sqrt(d2));

            body[i].v[0] -= dx * body[j].mass * magnitude;
            body[i].v[1] -= dy * body[j].mass * magnitude;
            body[i].v[2] -= dz * body[j].mass * magnitude;
            body[j].v[0] += dx * body[i].mass * magnitude;
            body[j].v[1] += dy * body[i].mass * magnitude;
            body[j].v[2] += dz * body[i].mass * magnitude;
        }
    for (int i = 0; i < BODIES; i++)
        for (int c = 0; c < 3; c++)
            body[i].x[c] += dt * body[i].v[c];
}

EXPORT uint64_t run(void)
{
    double sum = 0;

    for (int i = 0; i < BODIES; i++)
        body[i] = start[i];
    for (int i = 0; i < STEPS; i++)
        step(0.01);
    for (int i = 0; i < BODIES; i++)
        sum += body[i].x[0] + body[i].x[1] + body[i].x[2];
    /* Coarse, so that an order of additions that a compiler may choose does not show. */
    return (uint64_t)(int64_t)(sum * 1e6);
}
