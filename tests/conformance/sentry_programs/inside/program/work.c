/* SPDX-License-Identifier: Apache-2.0 */
#include "work.h"
#include <math.h>

double work(unsigned n)
{
    double sum = 0;
    for (unsigned i = 1; i <= n * 1000; i++)
        sum += sqrt(i) * sin(i);
    return sum;
}
