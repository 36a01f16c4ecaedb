/* SPDX-License-Identifier: Apache-2.0 */
/* A program that uses no name of a file, so its kernel is linked without file systems: memory, a thread, a signal. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>

static volatile sig_atomic_t caught;

static void on_signal(int signo)
{
    caught = signo;
}

static void *thread(void *shared)
{
    strcpy(shared, "a thread wrote this");
    return NULL;
}

int main(void)
{
    pthread_t t;
    char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    char *big = malloc(3 << 20);
    struct timespec nap = {.tv_nsec = 1000000};

    if (shared == MAP_FAILED || !big)
        return 1;
    memset(big, 1, 3 << 20);
    free(big);
    if (pthread_create(&t, NULL, thread, shared) || pthread_join(t, NULL))
        return 2;
    signal(SIGUSR1, on_signal);
    raise(SIGUSR1);
    nanosleep(&nap, NULL);
    printf("%s, signal %d\n", shared, (int)caught);
    return 3;
}
