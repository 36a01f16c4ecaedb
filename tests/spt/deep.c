/* SPDX-License-Identifier: Apache-2.0 */
/* deep [handled]: a stack without an end dies of SIGSEGV, or is handled on another stack. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

static sigjmp_buf back;

static void handler(int signo)
{
    siglongjmp(back, 1);
}

static int dig(volatile int n)
{
    volatile char room[1024];

    room[n % 1024] = (char)n;
    return dig(n + 1) + room[0];
}

int main(int argc, char **argv)
{
    static char other[65536];

    if (argc > 1) {
        const stack_t stack = {.ss_sp = other, .ss_size = sizeof other};
        const struct sigaction action = {.sa_handler = handler, .sa_flags = SA_ONSTACK};
        sigaltstack(&stack, NULL);
        sigaction(SIGSEGV, &action, NULL);
        if (sigsetjmp(back, 1)) {
            puts("handled");
            return 0;
        }
    }
    printf("FAILURE: %d\n", dig(0));
    return 1;
}
