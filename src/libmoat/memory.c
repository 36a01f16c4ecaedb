/* SPDX-License-Identifier: Apache-2.0 */
#include "libmoat/memory.h"

#include "base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Newer than Debian 12's headers: Linux 6.3. */
#ifndef MFD_NOEXEC_SEAL
#define MFD_NOEXEC_SEAL 8u
#endif

int memory_create(const char *name, size_t size, bool read_only, int *fd, void **map, struct err *err)
{
    int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL;
    _cleanup_fd_ int f = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING | MFD_NOEXEC_SEAL);

    if (f < 0 && errno == EINVAL)
        f = memfd_create(name, MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (f < 0 || ftruncate(f, (off_t)size) < 0)
        return err_sys(err, -errno, "make %zu bytes of shared memory", size);
    void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, f, 0);
    if (p == MAP_FAILED)
        return err_sys(err, -errno, "map %zu bytes of shared memory", size);
    if (read_only && fcntl(f, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) < 0) {
        munmap(p, size);
        return err_set(err, -ENOTSUP, "this kernel cannot share memory read-only: it needs Linux 5.1");
    }
    if (fcntl(f, F_ADD_SEALS, seals) < 0) {
        int r = err_sys(err, -errno, "seal %zu bytes of shared memory", size);
        munmap(p, size);
        return r;
    }
    *fd = steal_fd(&f);
    *map = p;
    return 0;
}

int memory_map(int fd, size_t size, bool writable, void **map, struct err *err)
{
    int seals = fcntl(fd, F_GET_SEALS);
    struct stat st;

    if (seals < 0 || (seals & (F_SEAL_SHRINK | F_SEAL_GROW)) != (F_SEAL_SHRINK | F_SEAL_GROW) || fstat(fd, &st) < 0 ||
        st.st_size < 0 || (size_t)st.st_size != size)
        return err_set(err, -EPROTO, "shared memory that is not sealed, or not of %zu bytes", size);
    void *p = mmap(NULL, size, PROT_READ | (writable ? PROT_WRITE : 0), MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return err_sys(err, -errno, "map %zu bytes of shared memory", size);
    *map = p;
    return 0;
}

void memory_unmap(void *map, size_t size)
{
    if (map)
        munmap(map, size);
}
