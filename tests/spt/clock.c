/* SPDX-License-Identifier: Apache-2.0 */
/* clock agree|set|spin: the vDSO's functions and the system calls tell the same time; one who only asks the time is
 * interrupted like others. */
#include <elf.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static const int clocks[] = {CLOCK_REALTIME,         CLOCK_MONOTONIC, CLOCK_MONOTONIC_RAW,      CLOCK_REALTIME_COARSE,
                             CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME,  CLOCK_PROCESS_CPUTIME_ID, 11 /* TAI */};

static int64_t ns(const struct timespec *t)
{
    return t->tv_sec * 1000000000ll + t->tv_nsec;
}

/* No more apart than a busy machine makes them. */
static int near(const char *what, int64_t a, int64_t b)
{
    const int64_t apart = a > b ? a - b : b - a;

    if (apart < 5000000000ll)
        return 0;
    printf("FAILURE: %s: %lld and %lld\n", what, (long long)a, (long long)b);
    return 1;
}

static int agree(void)
{
    struct timespec by_function, by_call;
    struct timeval tv, tv_call;
    int bad = 0;

    for (size_t i = 0; i < sizeof clocks / sizeof clocks[0]; i++) {
        if (clock_gettime(clocks[i], &by_function) < 0 || syscall(SYS_clock_gettime, clocks[i], &by_call) < 0)
            return 1;
        bad |= near("a clock", ns(&by_function), ns(&by_call));
    }
    gettimeofday(&tv, NULL);
    syscall(SYS_gettimeofday, &tv_call, NULL);
    bad |= near("gettimeofday", tv.tv_sec * 1000000000ll, tv_call.tv_sec * 1000000000ll);
    bad |= tv.tv_usec < 0 || tv.tv_usec > 999999;
    bad |= near("time", time(NULL) * 1000000000ll, tv.tv_sec * 1000000000ll);
    bad |= clock_gettime(10, &by_function) == 0 || clock_gettime(-3000, &by_function) == 0;
    puts(bad ? "FAILURE" : "agreed");
    return bad;
}

static int set(void)
{
    const struct timespec t = {.tv_sec = 1000000000};
    struct timespec now;
    struct timeval tv;

    if (clock_settime(CLOCK_REALTIME, &t) < 0)
        return 1;
    clock_gettime(CLOCK_REALTIME, &now);
    gettimeofday(&tv, NULL);
    printf("%d %d %d\n", now.tv_sec / 60 == 16666666, tv.tv_sec / 60 == 16666666, time(NULL) / 60 == 16666666);
    return 0;
}

static volatile int stop;

static void *ask(void *unused)
{
    struct timespec t;

    while (!stop)
        for (int i = 0; i < 1000; i++)
            clock_gettime(CLOCK_MONOTONIC, &t);
    return NULL;
}

static int spin(void)
{
    const struct timespec moment = {.tv_nsec = 20000000};
    pthread_t t[2];

    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, ask, NULL);
    nanosleep(&moment, NULL);
    stop = 1;
    for (int i = 0; i < 2; i++)
        pthread_join(t[i], NULL);
    puts("interrupted");
    return 0;
}

/* The object is as the programs' own readers want it: a name for each function, and its version. */
static int object(void)
{
    const Elf64_Ehdr *e = (const void *)getauxval(AT_SYSINFO_EHDR);
    const char *strings = NULL;
    const Elf64_Sym *symbols = NULL;
    const uint32_t *hash = NULL;
    const Elf64_Versym *versions = NULL;
    const Elf64_Verdef *defined = NULL;

    if (!e || memcmp(e->e_ident, ELFMAG, SELFMAG))
        return 1;
    const Elf64_Phdr *p = (const void *)((const char *)e + e->e_phoff);
    for (int i = 0; i < e->e_phnum; i++)
        for (const Elf64_Dyn *d = (const void *)((const char *)e + p[i].p_offset);
             p[i].p_type == PT_DYNAMIC && d->d_tag; d++) {
            const void *at = (const char *)e + d->d_un.d_ptr;
            strings = d->d_tag == DT_STRTAB ? at : strings;
            symbols = d->d_tag == DT_SYMTAB ? at : symbols;
            hash = d->d_tag == DT_HASH ? at : hash;
            versions = d->d_tag == DT_VERSYM ? at : versions;
            defined = d->d_tag == DT_VERDEF ? at : defined;
        }
    for (uint32_t i = 1; i < hash[1]; i++) {
        const Elf64_Verdef *v = defined;
        while (v->vd_ndx != versions[i] && v->vd_next)
            v = (const void *)((const char *)v + v->vd_next);
        const Elf64_Verdaux *name = (const void *)((const char *)v + v->vd_aux);
        printf("%s@%s %x\n", strings + symbols[i].st_name, strings + name->vda_name, v->vd_hash);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *what = argc > 1 ? argv[1] : "";

    if (!strcmp(what, "agree"))
        return agree();
    if (!strcmp(what, "set"))
        return set();
    if (!strcmp(what, "spin"))
        return spin();
    return strcmp(what, "object") ? 2 : object();
}
