/* SPDX-License-Identifier: Apache-2.0 */
/* threads many|spin|vectors: as many as fit; ones that make no call; each with vector registers of its own. */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define MANY 3000

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t all = PTHREAD_COND_INITIALIZER;
static int alive;
static volatile int stop;

/* All of them are there at once. */
static void *meet(void *unused)
{
    pthread_mutex_lock(&lock);
    if (++alive == MANY)
        pthread_cond_broadcast(&all);
    while (alive < MANY)
        pthread_cond_wait(&all, &lock);
    pthread_mutex_unlock(&lock);
    return NULL;
}

static int many(void)
{
    static pthread_t t[MANY];
    pthread_attr_t a;

    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 32768);
    for (int i = 0; i < MANY; i++)
        if (pthread_create(&t[i], &a, meet, NULL)) {
            printf("FAILURE: only %d\n", i);
            return 1;
        }
    for (int i = 0; i < MANY; i++)
        pthread_join(t[i], NULL);
    printf("%d met\n", alive);
    return 0;
}

static void *spin(void *unused)
{
    while (!stop)
        continue;
    return NULL;
}

static int interrupt_spinners(void)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    pthread_t t[3];

    for (int i = 0; i < 3; i++)
        pthread_create(&t[i], NULL, spin, NULL);
    nanosleep(&moment, NULL);
    stop = 1;
    for (int i = 0; i < 3; i++)
        pthread_join(t[i], NULL);
    puts("interrupted");
    return 0;
}

/* Each keeps a number of its own in vector registers while the others run. */
static void *keep(void *number)
{
    const uint64_t want = (uintptr_t)number * 0x0101010101010101ul;
    uint64_t got = want;

    while (!stop) {
        for (int i = 0; i < 1000 && got == want; i++)
            __asm__ volatile("movq %1, %%xmm7; movq %1, %%xmm15; pause; paddq %%xmm7, %%xmm15; psubq %%xmm7, %%xmm15; "
                             "movq %%xmm15, %0"
                             : "=r"(got)
                             : "r"(want)
                             : "xmm7", "xmm15");
        if (got != want)
            return (void *)1;
    }
    return NULL;
}

static int vectors(void)
{
    const struct timespec moment = {.tv_nsec = 100000000};
    pthread_t t[8];
    void *bad = NULL, *one;

    for (uintptr_t i = 0; i < 8; i++)
        pthread_create(&t[i], NULL, keep, (void *)(i + 1));
    nanosleep(&moment, NULL);
    stop = 1;
    for (int i = 0; i < 8; i++) {
        pthread_join(t[i], &one);
        bad = bad ? bad : one;
    }
    puts(bad ? "FAILURE: another's" : "each its own");
    return bad != NULL;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (!strcmp(what, "many"))
        return many();
    if (!strcmp(what, "spin"))
        return interrupt_spinners();
    return strcmp(what, "vectors") ? 2 : vectors();
}
