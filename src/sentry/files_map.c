/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the host in guests' memory: a stub's service is lent the descriptor for as long as it takes to map it, so
 * the pages are the host's page cache, and no guest task ever sees the descriptor.
 */
#include "sentry/files.h"
#include "sentry/sentry.h"

#include <sys/mman.h>

int files_map(struct aspace *as, uint64_t at, size_t n, int prot, bool shared, const struct memobj *object,
              uint64_t offset)
{
    const uint64_t flags = (shared ? MAP_SHARED : MAP_PRIVATE) | MAP_FIXED | MAP_NORESERVE;
    int r = notify_lend(as->waiting, objects_host_fd(object, shared), STUB_FD_OTHERS);
    if (r)
        return r;
    int64_t got = stub_order(as, ORDER_mmap, at, n, (uint64_t)prot, flags, STUB_FD_OTHERS, offset);
    (void)stub_order(as, ORDER_close_range, STUB_FD_OTHERS, STUB_FD_OTHERS, 0, 0, 0, 0);
    return got < 0 ? (int)got : 0;
}
