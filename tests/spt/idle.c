/* SPDX-License-Identifier: Apache-2.0 */
/* idle: says "ready" and sleeps for ever. */
#include <stdio.h>
#include <unistd.h>

int main(void)
{
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
