/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Guest memory: regions of guest-physical addresses, each a stretch of one memfd mapped into this process. Everybody
 * but the processor reaches it through gmem_*: an address is checked against the regions each time, what is read is
 * copied out once, and nobody keeps a pointer over a change of the map.
 *
 * No libc but mem*; the mapping itself is made by who owns the memfd (memory_host.c), not here.
 */
#ifndef MOAT_MACHINE_GMEM_H
#define MOAT_MACHINE_GMEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef uint64_t gpa_t;

enum { GMEM_ROM = 1 /* the guest cannot write it */ };

struct gmem_region {
    gpa_t base;
    uint64_t bytes; /* of whole pages */
    uint8_t *host;
    uint64_t offset; /* in the memfd */
    uint32_t flags;
};

#define GMEM_REGIONS_MAX 24

struct gmem {
    struct gmem_region regions[GMEM_REGIONS_MAX]; /* sorted, apart */
    unsigned n;
    /* Told after somebody other than the processor has written: its decoded code may be of what was there. May be NULL.
     */
    void (*written)(void *owner, gpa_t gpa, uint64_t n);
    void *owner;
};

/* 0, -EINVAL (not whole pages, overlap, wraps), -ENOSPC. */
int gmem_add(struct gmem *m, const struct gmem_region *region);
/* Copies; the whole range must lie in regions that touch. 0 or -EFAULT, and nothing was copied then. */
int gmem_read(const struct gmem *m, gpa_t gpa, void *out, uint64_t n);
int gmem_write(struct gmem *m, gpa_t gpa, const void *in, uint64_t n);
int gmem_fill(struct gmem *m, gpa_t gpa, uint8_t byte, uint64_t n);
/* Little-endian numbers. Loads and stores of aligned ones are single: a guest that looks sees old or new. */
int gmem_read16(const struct gmem *m, gpa_t gpa, uint16_t *out);
int gmem_read32(const struct gmem *m, gpa_t gpa, uint32_t *out);
int gmem_read64(const struct gmem *m, gpa_t gpa, uint64_t *out);
int gmem_write16(struct gmem *m, gpa_t gpa, uint16_t v);
int gmem_write32(struct gmem *m, gpa_t gpa, uint32_t v);
int gmem_write64(struct gmem *m, gpa_t gpa, uint64_t v);
/* Which region a range lies in whole, and at what offset: what a ring's request carries. -EFAULT when in none. */
int gmem_locate(const struct gmem *m, gpa_t gpa, uint64_t n, unsigned *region, uint64_t *offset);
/* The page for cpu_bus.page; NULL when there is no RAM. */
uint8_t *gmem_page(const struct gmem *m, gpa_t gpa, bool *writable);
/* A device or the loader changed memory behind gmem_write()'s back (a back end wrote a buffer). */
void gmem_was_written(struct gmem *m, gpa_t gpa, uint64_t n);

#endif
