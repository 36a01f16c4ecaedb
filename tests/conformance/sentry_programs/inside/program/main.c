/* SPDX-License-Identifier: Apache-2.0 */
/* Threads that compute, a handler of a fault, memory that is protected: what a compiled program needs of a kernel. */
#include "work.h"
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static sigjmp_buf back;
static void *fault_at;

static void fault(int signo, siginfo_t *info, void *context)
{
    fault_at = info->si_addr;
    siglongjmp(back, signo);
}

static void *run(void *of)
{
    double *d = of;
    *d = work((unsigned)*d);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t t[4];
    double v[4];
    struct sigaction sa = {.sa_sigaction = fault, .sa_flags = SA_SIGINFO};
    for (int i = 0; i < 4; i++) {
        v[i] = atoi(argv[1]) + i;
        pthread_create(&t[i], NULL, run, &v[i]);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(t[i], NULL);
        printf("%.6f\n", v[i]);
    }
    sigaction(SIGSEGV, &sa, NULL);
    char *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int got = sigsetjmp(back, 1);
    if (!got)
        page[5] = 1;
    printf("signal %d %d\n", got, (char *)fault_at - page == 5);
    return mprotect(page, 4096, PROT_READ | PROT_WRITE) || (page[5] = 1) != 1;
}
