/* SPDX-License-Identifier: Apache-2.0 */
/* Code memory: two views of one memfd, a line of used bytes and a list of holes. Maps memory; nothing else. */
#include "codegen/arena.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8U /* Linux 6.3 */
#endif

#define GRAIN 16 /* all pieces begin and end at multiples of it */
#define INT3  0xcc

struct code_hole {
    struct code_hole *next;
    size_t start, size; /* bytes from the arena's start; multiples of GRAIN; two holes never touch */
};

static size_t round_up(size_t n, size_t to)
{
    return (n + to - 1) & ~(to - 1);
}

/* A memfd is no program: where the kernel can say so it does. It does not stop mmap(2). */
static int make_file(size_t size)
{
    _cleanup_fd_ int fd = memfd_create("moat-code", MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (fd < 0 && errno == EINVAL)
        fd = memfd_create("moat-code", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0 || ftruncate(fd, (off_t)size) < 0)
        return -errno;
    return steal_fd(&fd);
}

int code_arena_make(struct code_arena *a, size_t size, struct err *err)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    void *run, *write;

    *a = (struct code_arena){0};
    if (size == 0 || size > CODE_ARENA_MAX)
        return err_set(err, -EINVAL, "code memory of %zu bytes: 1 to %zu can be had", size, CODE_ARENA_MAX);
    size = round_up(size, page);
    _cleanup_fd_ int fd = make_file(size);
    if (fd < 0)
        return err_sys(err, fd, "code memory of %zu bytes", size);
    write = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (write == MAP_FAILED)
        return err_sys(err, -errno, "map %zu bytes of code memory to be written", size);
    /* From here on no mapping of the file can be written or made so, but that one: neither the view to be run nor a
     * copy of it by mremap(2). A kernel before 5.1 does not know the seal. */
    if (fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) < 0 && errno != EINVAL) {
        int code = -errno;

        munmap(write, size);
        return err_sys(err, code, "seal %zu bytes of code memory", size);
    }
    run = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    if (run == MAP_FAILED) {
        int code = -errno;

        munmap(write, size);
        return err_sys(err, code, "map %zu bytes of code memory to be run", size);
    }
    a->run = run;
    a->write = write;
    a->size = size;
    return 0;
}

void code_arena_seal(struct code_arena *a)
{
    if (a->write)
        munmap(a->write, a->size);
    a->write = NULL;
}

void code_arena_free(struct code_arena *a)
{
    code_arena_seal(a);
    if (a->run)
        munmap(a->run, a->size);
    while (a->holes) {
        struct code_hole *hole = a->holes;

        a->holes = hole->next;
        free(hole);
    }
    *a = (struct code_arena){0};
}

/* The first hole that is large enough, its front part. Alignment beyond GRAIN is served from the end only. */
static bool take_hole(struct code_arena *a, size_t size, size_t *start)
{
    for (struct code_hole **link = &a->holes, *hole; (hole = *link); link = &hole->next) {
        if (hole->size < size)
            continue;
        *start = hole->start;
        hole->start += size;
        hole->size -= size;
        if (hole->size == 0) {
            *link = hole->next;
            free(hole);
        }
        return true;
    }
    return false;
}

int code_arena_alloc(struct code_arena *a, size_t size, size_t alignment, uint8_t **write, uint8_t **run)
{
    size_t start, whole = round_up(size ? size : 1, GRAIN);

    if (!a->write)
        return -EPERM;
    if (whole < size)
        return -ENOSPC;
    if (alignment > GRAIN || !take_hole(a, whole, &start)) {
        start = round_up(a->used, alignment > GRAIN ? alignment : GRAIN);
        if (start > a->size || whole > a->size - start)
            return -ENOSPC;
        memset(a->write + a->used, INT3, start - a->used);
        a->used = start + whole;
    }
    *write = a->write + start;
    *run = a->run + start;
    return 0;
}

uint8_t *code_arena_put(struct code_arena *a, const void *code, size_t size, size_t alignment)
{
    uint8_t *write, *run;

    if (code_arena_alloc(a, size, alignment, &write, &run) < 0)
        return NULL;
    memcpy(write, code, size);
    memset(write + size, INT3, round_up(size ? size : 1, GRAIN) - size);
    return run;
}

/* A hole is joined with those that it touches. Without memory for its record it is lost until the arena is freed. */
static void add_hole(struct code_arena *a, size_t start, size_t size)
{
    struct code_hole **link = &a->holes, *before = NULL, *after;

    while (*link && (*link)->start < start) {
        before = *link;
        link = &before->next;
    }
    after = *link;
    if (before && before->start + before->size == start) {
        before->size += size;
        if (after && before->start + before->size == after->start) {
            before->size += after->size;
            before->next = after->next;
            free(after);
        }
    } else if (after && start + size == after->start) {
        after->start = start;
        after->size += size;
    } else {
        struct code_hole *hole = malloc(sizeof(*hole));

        if (hole) {
            *hole = (struct code_hole){after, start, size};
            *link = hole;
        }
    }
}

void code_arena_give_back(struct code_arena *a, uint8_t *run, size_t size)
{
    uint8_t *write = code_arena_writable(a, run);

    if (!write)
        return;
    size = round_up(size ? size : 1, GRAIN);
    memset(write, INT3, size);
    add_hole(a, (size_t)(run - a->run), size);
}

int code_image_map(int fd, uint64_t offset, size_t size, const uint8_t **run, struct err *err)
{
    struct stat st;
    void *p;

    if (fstat(fd, &st) < 0)
        return err_sys(err, -errno, "code image");
    if (!S_ISREG(st.st_mode) || size == 0 || offset > (uint64_t)st.st_size || size > (uint64_t)st.st_size - offset)
        return err_set(err, -EINVAL, "code image: not a file of %zu bytes from %llu on", size,
                       (unsigned long long)offset);
    p = mmap(NULL, size, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, (off_t)offset);
    if (p == MAP_FAILED)
        return err_sys(err, -errno, "map %zu bytes of a code image", size);
    *run = p;
    return 0;
}

void code_image_unmap(const uint8_t *run, size_t size)
{
    munmap((void *)(uintptr_t)run, size);
}
