/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address spaces: each is a process of its own. Mappings are made by host calls that its leader is made to do; bytes
 * are copied by src/sentry/copy.c. No page of a guest is ever mapped here but those of objects, which are the kernel's
 * own.
 */
#include "gate.h"
#include "split.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define DATA_LOW  0x100000000ull
#define DATA_HIGH 0x7e0000000000ull

bool split_jit;
uint64_t split_text;

/* ---- on the tracer ---- */

/* A host call with its process. */
struct host_call {
    struct aspace *as;
    long nr;
    uint64_t v[6];
};

static int64_t host_call_do(void *of)
{
    const struct host_call *c = of;
    return stub_call(c->as, c->nr, c->v[0], c->v[1], c->v[2], c->v[3], c->v[4], c->v[5]);
}

#define CALL(as, nr, ...) tracer_call(host_call_do, &(struct host_call){(as), (nr), {__VA_ARGS__}})

static int64_t copy_do(void *of)
{
    struct aspace **as = of;
    *as = stub_copy(*as);
    return *as ? 0 : -ENOMEM;
}

static int64_t kill_do(void *of)
{
    stub_kill(of);
    return 0;
}

/* ---- whole ones ---- */

static struct aspace *aspace_create(struct aspace_range *r)
{
    struct aspace *as = NULL;
    *r = (struct aspace_range){
        .low = DATA_LOW, .high = DATA_HIGH, .text_low = TEXT_LOW, .text_high = TEXT_LOW + split_text, .jit = split_jit};
    tracer_call(copy_do, &as);
    return as;
}

static void aspace_destroy(struct aspace *as)
{
    tracer_call(kill_do, as);
}

static int aspace_fork(struct aspace *as, struct aspace **out)
{
    *out = as;
    return (int)tracer_call(copy_do, out);
}

/* ---- mappings ---- */

static bool within(uint64_t at, size_t n, uint64_t low, uint64_t high)
{
    return at >= low && at <= high && n <= high - at;
}

static bool is_text(uint64_t at, size_t n)
{
    return within(at, n, TEXT_LOW, TEXT_LOW + split_text);
}

static int may_be(uint64_t at, size_t n, int prot)
{
    if (!is_text(at, n) && !within(at, n, DATA_LOW, DATA_HIGH))
        return -EINVAL;
    if ((prot & PROT_EXEC) && ((prot & PROT_WRITE) || !is_text(at, n)))
        return -EACCES;
    return 0;
}

/* A file of the host: the leader opens this process's descriptor anew by its name under /proc, which lies at the end of
 * the gate page meanwhile. */
struct host_map {
    struct aspace *as;
    int fd;
    bool writable;
    uint64_t v[6];
};

static int64_t host_map_do(void *of)
{
    struct host_map *m = of;
    char name[64] = "";
    snprintf(name, sizeof(name), "/proc/%d/fd/%d", (int)getpid(), m->fd);
    stub_poke(m->as, GATE_NAME, name, sizeof(name));
    int64_t fd = stub_call(m->as, SYS_open, GATE_NAME, m->writable ? O_RDWR : O_RDONLY, 0, 0, 0, 0);
    if (fd < 0)
        return fd;
    int64_t r = stub_call(m->as, SYS_mmap, m->v[0], m->v[1], m->v[2], m->v[3], (uint64_t)fd, m->v[5]);
    stub_call(m->as, SYS_close, (uint64_t)fd, 0, 0, 0, 0, 0);
    return r < 0 ? r : 0;
}

static int map_host(struct aspace *as, uint64_t at, size_t n, int prot, bool shared, struct memobj *object,
                    uint64_t offset)
{
    const uint64_t flags = (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED | MAP_NORESERVE;
    struct host_map m = {as, objects_host_fd(object, shared), false, {at, n, (uint64_t)prot, flags, 0, offset}};
    m.writable = shared && (fcntl(m.fd, F_GETFL) & O_ACCMODE) == O_RDWR;
    return (int)tracer_call(host_map_do, &m);
}

int apart_mmap(struct aspace *as, uint64_t at, size_t n, int prot, int flags, int fd, uint64_t offset)
{
    int64_t r = CALL(as, SYS_mmap, at, n, (uint64_t)prot, (uint64_t)flags, (uint64_t)fd, offset);
    return r < 0 ? (int)r : 0;
}

static int aspace_map(struct aspace *as, uint64_t at, size_t n, int prot, bool shared, struct memobj *object,
                      uint64_t offset)
{
    int r = may_be(at, n, prot);
    if (r)
        return r;
    if (object && objects_is_host(object))
        return map_host(as, at, n, prot, shared, object, offset);
    return apart_map(as, at, n, prot, shared, object, offset);
}

static int aspace_unmap(struct aspace *as, uint64_t at, size_t n)
{
    int r = may_be(at, n, PROT_NONE);
    return r ? r : (int)CALL(as, SYS_munmap, at, n);
}

static int aspace_protect(struct aspace *as, uint64_t at, size_t n, int prot)
{
    int r = may_be(at, n, prot);
    return r ? r : (int)CALL(as, SYS_mprotect, at, n, (uint64_t)prot);
}

static int aspace_advise(struct aspace *as, uint64_t at, size_t n, int advice)
{
    if (advice != MADV_DONTNEED)
        return 0;
    int r = may_be(at, n, PROT_NONE);
    return r ? r : (int)CALL(as, SYS_madvise, at, n, MADV_DONTNEED);
}

static uint64_t aspace_where(struct aspace *as, struct memobj *object, uint64_t offset, size_t n, bool shared)
{
    return 0;
}

/* What is one mapping here may be several for the host, which moves one at a time: then in halves. */
static int move_pages(struct aspace *as, uint64_t from, uint64_t to, size_t n)
{
    int64_t r = CALL(as, SYS_mremap, from, n, n, MREMAP_MAYMOVE | MREMAP_FIXED, to);
    if (r != -EFAULT || n == PAGE_SIZE)
        return r < 0 ? (int)r : 0;
    size_t half = n / PAGE_SIZE / 2 * PAGE_SIZE;
    int e = move_pages(as, from, to, half);
    return e ? e : move_pages(as, from + half, to + half, n - half);
}

static int aspace_move(struct aspace *as, uint64_t from, size_t from_n, uint64_t to, size_t to_n, int prot)
{
    size_t n = from_n < to_n ? from_n : to_n;
    int r = to_n > n ? aspace_map(as, to + n, to_n - n, prot, false, NULL, 0) : 0;
    if (!r)
        r = move_pages(as, from, to, n);
    return r || from_n == n ? r : aspace_unmap(as, from + n, from_n - n);
}

/* ---- copies (src/sentry/copy.c) ---- */

size_t apart_clip(uint64_t at, size_t n)
{
    size_t most = 0;
    if (is_text(at, 1))
        most = TEXT_LOW + split_text - at;
    else if (within(at, 1, DATA_LOW, DATA_HIGH))
        most = DATA_HIGH - at;
    return n < most ? n : most;
}

pid_t apart_pid(const struct aspace *as)
{
    return as->leader;
}

/* ---- words ---- */

struct word {
    struct aspace *as;
    uint64_t at;
    uint32_t *value, with;
    bool swap;
};

static int64_t word_do(void *of)
{
    const struct word *w = of;
    return w->swap ? stub_cmpxchg32(w->as, w->at, w->value, w->with) : stub_load32(w->as, w->at, w->value);
}

static int word(struct word w)
{
    return apart_clip(w.at, 4) < 4 ? -EFAULT : (int)tracer_call(word_do, &w);
}

static int load32(struct aspace *as, struct uptr at, uint32_t *value)
{
    return word((struct word){.as = as, .at = at.v, .value = value});
}

static int cmpxchg32(struct aspace *as, struct uptr at, uint32_t *value, uint32_t with)
{
    return word((struct word){.as = as, .at = at.v, .value = value, .with = with, .swap = true});
}

const struct aspace_ops split_aspace = {.create = aspace_create,
                                        .destroy = aspace_destroy,
                                        .fork = aspace_fork,
                                        .map = aspace_map,
                                        .unmap = aspace_unmap,
                                        .protect = aspace_protect,
                                        .advise = aspace_advise,
                                        .move = aspace_move,
                                        .where = aspace_where,
                                        APART_COPY_OPS,
                                        .load32 = load32,
                                        .cmpxchg32 = cmpxchg32};
