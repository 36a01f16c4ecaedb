/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory that an instance begins with. It is written once into a memfd, which is then sealed: nobody, this process
 * included, changes it again, and a private mapping of it shares its pages until they are written to.
 */
#include "wasm/pool/slot.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static bool is_zero(const uint8_t *p, size_t n)
{
    return !n || (!p[0] && !memcmp(p, p + 1, n - 1));
}

/* Up to the last host page that has something. Memory is whole host pages. */
static size_t used(const struct wasm_memory *m)
{
    size_t n = m->size;
    while (n && is_zero(m->base + n - HOST_PAGE, HOST_PAGE))
        n -= HOST_PAGE;
    return n;
}

static int write_all(int fd, const uint8_t *p, size_t n)
{
    while (n) {
        ssize_t k = write(fd, p, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k < 0 ? -errno : -EIO;
        p += k;
        n -= (size_t)k;
    }
    return 0;
}

static int fill(struct pool_image *i, const uint8_t *bytes)
{
    i->fd = memfd_create("wasm-image", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (i->fd < 0)
        return -errno;
    int r = write_all(i->fd, bytes, i->size);
    if (!r && fcntl(i->fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_GROW | F_SEAL_SHRINK | F_SEAL_SEAL) < 0)
        r = -errno;
    if (r)
        return r;
    void *p = mmap(NULL, i->size, PROT_READ, MAP_SHARED | MAP_POPULATE, i->fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    i->bytes = p;
    return 0;
}

/* What is resident: from the memory's beginning, where C and its kin have data and stack; behind a stack that comes
 * first, the end of the data and what is below. */
static void choose_resident(struct pool_image *i, size_t n)
{
    i->from = i->size > n ? i->size - n : 0;
    i->until = i->memory - i->from > n ? i->from + n : i->memory;
}

int pool_image_take(struct wasm_pool *p, const struct wasm_memory *m, struct err *err)
{
    struct pool_image i = {.fd = -1, .size = used(m), .memory = m->size};
    int r = i.size ? fill(&i, m->base) : 0;
    if (r) {
        pool_image_free(&i);
        return err_sys(err, r, "an image of %zu bytes of memory", i.size);
    }
    choose_resident(&i, p->options.resident);
    pool_image_free(&p->image);
    p->image = i;
    p->memory_cheap = i.from == 0 && i.until == i.memory;
    return 0;
}

void pool_image_free(struct pool_image *i)
{
    if (i->bytes)
        munmap((void *)(uintptr_t)i->bytes, i->size);
    if (i->fd >= 0)
        close(i->fd);
    *i = (struct pool_image){.fd = -1};
}

bool pool_image_equals(const struct pool_image *i, const struct wasm_memory *m)
{
    return m->size == i->memory && used(m) == i->size && (!i->size || !memcmp(m->base, i->bytes, i->size));
}

int pool_image_unmap(const struct pool_image *i, uint8_t *base, struct err *err)
{
    if (i->size <= i->until - i->from)
        return 0;
    void *p =
        mmap(base, i->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1, 0);
    return p == MAP_FAILED ? err_sys(err, -errno, "memory for a slot") : 0;
}

int pool_image_map(const struct pool_image *i, uint8_t *base, struct err *err)
{
    if (i->size <= i->until - i->from)
        return 0;
    void *p = mmap(base, i->size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE, i->fd, 0);
    return p == MAP_FAILED ? err_sys(err, -errno, "a mapping of the memory's image") : 0;
}
