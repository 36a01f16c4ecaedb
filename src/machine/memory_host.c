/* SPDX-License-Identifier: Apache-2.0 */
/*
 * memfd_create, mmap, and nothing else.
 */
#include "machine/memory_host.h"

#include "machine/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGE UINT64_C(4096)

int memory_host_map(struct gmem *m, uint64_t bytes, int memfd, int flags, struct err *err)
{
    struct gmem_region regions[2];
    unsigned n = machine_memory_layout((bytes + PAGE - 1) & ~(PAGE - 1), regions);
    for (unsigned i = 0; i < n; i++) {
        struct gmem_region *r = &regions[i];
        void *at = mmap(NULL, r->bytes, PROT_READ | PROT_WRITE, flags | MAP_NORESERVE, memfd, (off_t)r->offset);
        if (at == MAP_FAILED)
            return err_sys(err, -errno, "map %llu bytes of guest memory", (unsigned long long)r->bytes);
        r->host = at;
        (void)madvise(at, r->bytes, MADV_DONTDUMP);
        int e = gmem_add(m, r);
        if (e != 0)
            return err_sys(err, e, "guest memory at 0x%llx", (unsigned long long)r->base);
    }
    return 0;
}

int memory_host_create(struct gmem *m, uint64_t bytes, int *memfd, struct err *err)
{
    int fd, r;
    bytes = (bytes + PAGE - 1) & ~(PAGE - 1);
    fd = memfd_create("moat guest memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (fd < 0)
        return err_sys(err, -errno, "make a memfd for guest memory");
    if (ftruncate(fd, (off_t)bytes) != 0 || fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) != 0)
        r = err_sys(err, -errno, "guest memory of %llu bytes", (unsigned long long)bytes);
    else
        r = memory_host_map(m, bytes, fd, MAP_SHARED, err);
    if (r != 0)
        close(fd);
    else
        *memfd = fd;
    return r;
}

void memory_host_unmap(struct gmem *m)
{
    for (unsigned i = 0; i < m->n; i++)
        munmap(m->regions[i].host, m->regions[i].bytes);
    m->n = 0;
}

void *memory_host_pages(size_t bytes)
{
    void *at = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    return at != MAP_FAILED ? at : NULL;
}

void memory_host_free(void *pages, size_t bytes)
{
    munmap(pages, bytes);
}
