/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a new program finds on its stack: arguments, environment and auxiliary vector (System V ABI for x86-64, 3.4.1;
 * getauxval(3)).
 */
#include "linux/core/random.h"
#include "linux/core/sched.h"
#include "linux/core/uaccess.h"
#include "linux/mm/area.h"
#include "linux/mm/load.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <linux/auxvec.h>
#include <linux/mman.h>
#include <linux/resource.h>
#include <string.h>

#define STACK_DEFAULT (8ull << 20) /* where RLIMIT_STACK names none */
#define STACK_LEAST   (128ull << 10)
#define FRAME_BYTES   1024 /* of a signal frame, without the extended state */

#define AT_MINSIGSTKSZ_ 51 /* newer than some headers */

/* ---- auxiliary vector ---- */

void auxv_make(struct mm *mm, const struct loaded *l)
{
    static const struct cred nobody;
    const struct cred *c = current && current->cred ? current->cred : &nobody;
    const uint64_t rows[][2] = {
        {AT_SYSINFO_EHDR, platform.vdso},
        {AT_MINSIGSTKSZ_, FRAME_BYTES + platform.xstate_size},
        {AT_HWCAP, platform.hwcap},
        {AT_PAGESZ, PAGE_SIZE},
        {AT_CLKTCK, 100},
        {AT_PHDR, l->headers},
        {AT_PHENT, 56},
        {AT_PHNUM, l->n_headers},
        {AT_BASE, l->base},
        {AT_FLAGS, 0},
        {AT_ENTRY, l->entry},
        {AT_UID, c->uid},
        {AT_EUID, c->euid},
        {AT_GID, c->gid},
        {AT_EGID, c->egid},
        {AT_SECURE, c->uid != c->euid || c->gid != c->egid},
        {AT_RANDOM, 0}, /* what lies on the stack is filled in by elf_stack */
        {AT_HWCAP2, 0},
        {AT_EXECFN, 0},
        {AT_PLATFORM, 0},
        {AT_NULL, 0},
    };
    _Static_assert(sizeof rows <= sizeof mm->auxv, "the vector has room for all rows");
    uint32_t skip = platform.vdso ? 0 : 1;
    memcpy(mm->auxv, rows[skip], sizeof rows - skip * sizeof rows[0]);
    mm->n_auxv = (uint32_t)(sizeof rows / sizeof rows[0][0] - skip * 2);
}

static void set(struct mm *mm, uint64_t type, uint64_t value)
{
    for (uint32_t i = 0; i < mm->n_auxv; i += 2)
        if (mm->auxv[i] == type)
            mm->auxv[i + 1] = value;
}

/* ---- stack ---- */

uint64_t stack_size(const struct mm *mm)
{
    uint64_t n = mm_limit(RLIMIT_STACK), most = (mm->range.high - mm->range.low) / 8;
    if (n == (uint64_t)RLIM_INFINITY)
        n = STACK_DEFAULT;
    n = n < most ? n : most;
    return page_up(n > STACK_LEAST ? n : STACK_LEAST);
}

/* Absent in a kernel for a program that maps nothing: then the stack is where plain_map() puts it. */
extern __typeof__(stack_map) stack_map __attribute__((weak));

static int stack_make(struct mm *mm)
{
    if (stack_map)
        return stack_map(mm);
    uint64_t n = stack_size(mm);
    int64_t at = plain_map(mm, n, PROT_READ | PROT_WRITE);
    if (at < 0)
        return (int)at;
    mm->stack_bottom = (uint64_t)at, mm->stack_top = mm->stack_bottom + n;
    return 0;
}

/* Words written upwards, a handful at a time. */
struct words {
    struct mm *mm;
    uint64_t at;
    uint32_t n;
    bool failed;
    uint64_t word[32];
};

static void flush(struct words *w)
{
    size_t n = w->n * sizeof(uint64_t);
    w->failed |= platform.aspace.copy_out(w->mm->aspace, uptr(w->at), w->word, n) != n;
    w->at += n, w->n = 0;
}

static void put(struct words *w, uint64_t value)
{
    w->word[w->n++] = value;
    if (w->n == sizeof w->word / sizeof w->word[0])
        flush(w);
}

static bool put_bytes(struct mm *mm, uint64_t at, const void *from, size_t n)
{
    return platform.aspace.copy_out(mm->aspace, uptr(at), from, n) == n;
}

/* Pointers to `count` strings from *s on, then NULL; moves on. false: the block has fewer. */
static bool put_pointers(struct words *w, const char *strings, size_t n, size_t *s, uint64_t base, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const char *end = *s < n ? memchr(strings + *s, 0, n - *s) : NULL;
        if (!end)
            return false;
        put(w, base + *s);
        *s = (size_t)(end - strings) + 1;
    }
    put(w, 0);
    return true;
}

/* From the top: a zero word, the program's path, the strings, the platform's name and the random bytes, the vectors. */
int64_t elf_stack(struct mm *mm, const char *strings, size_t n, uint32_t argc, uint32_t envc, const char *exec_path)
{
    static const char platform_name[8] = "x86_64";
    size_t path = strlen(exec_path) + 1, vectors = (3 + (size_t)argc + envc + mm->n_auxv) * 8, used = 0;
    uint64_t most = stack_size(mm) / 4;
    if (n + path + vectors > (most > STACK_LEAST ? most : STACK_LEAST) - PAGE_SIZE)
        return -E2BIG;
    int r = stack_make(mm);
    if (r)
        return r;
    uint8_t seed[16];
    random_bytes(seed, sizeof seed);
    uint64_t path_at = mm->stack_top - 8 - path, base = path_at - n, name_at = (base & ~15ull) - 16,
             seed_at = name_at - 16, sp = (seed_at - vectors) & ~15ull;
    set(mm, AT_RANDOM, seed_at), set(mm, AT_EXECFN, path_at), set(mm, AT_PLATFORM, name_at);
    struct words w = {.mm = mm, .at = sp};
    put(&w, argc);
    mm->args_start = base;
    if (!put_pointers(&w, strings, n, &used, base, argc))
        return -EINVAL;
    mm->args_end = mm->env_start = base + used;
    if (!put_pointers(&w, strings, n, &used, base, envc))
        return -EINVAL;
    mm->env_end = base + used;
    for (uint32_t i = 0; i < mm->n_auxv; i++)
        put(&w, mm->auxv[i]);
    flush(&w);
    bool done = !w.failed && put_bytes(mm, path_at, exec_path, path) && put_bytes(mm, base, strings, n) &&
                put_bytes(mm, name_at, platform_name, sizeof platform_name) &&
                put_bytes(mm, seed_at, seed, sizeof seed);
    return done ? (int64_t)sp : -ENOMEM;
}
