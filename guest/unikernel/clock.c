/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The time, by the host's own vDSO function: the processor's counter and a page of the host's, without a system call.
 * The vDSO is the host kernel's, and is read as such, when the time is asked for.
 */
#include "guest/unikernel/clock.h"

#include "guest/unikernel/internal.h"
#include "linux/core/time.h"

#include <linux/elf.h>
#include <linux/time.h>
#include <string.h>

#define SYMBOLS_MOST 64 /* it has about twelve */

typedef int clock_function(int clock, struct __kernel_timespec *);

bool host_clock_runs;

static clock_function *clock_gettime_of_host;

struct vdso_dynamic {
    const Elf64_Sym *symbols;
    const char *strings;
    uint64_t strings_size;
};

static struct vdso_dynamic dynamic_of(const uint8_t *base)
{
    const Elf64_Ehdr *e = (const void *)base;
    const Elf64_Phdr *p = (const void *)(base + e->e_phoff);
    const Elf64_Dyn *d = NULL;
    struct vdso_dynamic out = {0};

    for (int i = 0; i < e->e_phnum; i++)
        if (p[i].p_type == PT_DYNAMIC)
            d = (const void *)(base + p[i].p_offset);
    for (; d && d->d_tag != DT_NULL; d++) {
        if (d->d_tag == DT_SYMTAB)
            out.symbols = (const void *)(base + d->d_un.d_ptr);
        else if (d->d_tag == DT_STRTAB)
            out.strings = (const void *)(base + d->d_un.d_ptr);
        else if (d->d_tag == DT_STRSZ)
            out.strings_size = d->d_un.d_val;
    }
    return out;
}

/* The number of symbols is not told but by a hash table; the names end with the last, so the strings bound them. */
static clock_function *find(const uint8_t *base)
{
    static const char name[] = "__vdso_clock_gettime";
    struct vdso_dynamic d = {0};

    if (base)
        d = dynamic_of(base);
    for (int i = 1; d.symbols && d.strings && i < SYMBOLS_MOST; i++) {
        const Elf64_Sym *s = &d.symbols[i];
        if ((const char *)s >= d.strings && d.strings > (const char *)d.symbols)
            break;
        if (s->st_name + sizeof name <= d.strings_size && !memcmp(d.strings + s->st_name, name, sizeof name))
            return (clock_function *)(base + s->st_value);
    }
    return NULL;
}

static clock_function *of_host(void)
{
    if (clock_gettime_of_host)
        return clock_gettime_of_host;
    clock_gettime_of_host = find((const uint8_t *)boot->vdso);
    if (!clock_gettime_of_host) {
        host_say("this host's kernel has no clock_gettime in its vDSO, from which the time is read here");
        host_exit(EXIT_OWN_ERROR, 0);
    }
    return clock_gettime_of_host;
}

uint64_t host_clock_read(enum host_clock which)
{
    struct __kernel_timespec t = {0};

    if (which == HOST_MONOTONIC && !host_clock_runs)
        return boot->started;
    of_host()(which == HOST_REALTIME ? CLOCK_REALTIME : CLOCK_MONOTONIC, &t);
    return timespec_to_ns(&t);
}

extern const char vdso_image[] __attribute__((weak));
extern clock_function *vdso_host_clock __attribute__((weak));
extern uint32_t vdso_own_time __attribute__((weak));

void vdso_init(struct platform *p)
{
    if (!vdso_image)
        return;
    vdso_host_clock = of_host();
    p->vdso = (uintptr_t)vdso_image;
    p->vdso_asks = &vdso_own_time;
}
