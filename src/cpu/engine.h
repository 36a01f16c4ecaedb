/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the engine keeps beside the processor's state: translations, decoded blocks, the pages they were decoded from.
 * For run.c, block.c, bind.c, tlb.c, paging.c and memory.c alone.
 *
 * BLOCKS. A block is straight code of at most BLOCK_OPS instructions, nearly always within one page, and is known by
 * the host address of its first byte and by what of the processor's state its decoding depended on (cpu_block_key()).
 * So it is right wherever its page is mapped, and a change of mappings costs nothing but translations. Its memory is
 * taken from an arena that only ever grows; when it is full all blocks go at once, while none is running. A block whose
 * bytes were written is dropped: none of its operations does anything any more but leave, so it may be running, and
 * others may be linked to it.
 *
 * PAGES. Each page with code has the 64-byte lines that blocks were made of as bits, and for each line a chain of the
 * blocks that begin there. Stores into such a page take the slow path, which looks for blocks to drop only when the
 * line has some, and then only where one that reaches so far can begin: data beside code is usual in real mode.
 */
#ifndef MOAT_CPU_ENGINE_H
#define MOAT_CPU_ENGINE_H

#include "cpu/core.h"
#include "cpu/registers.h"

/* ---- Translations ------------------------------------------------------------------------------------------- */

/* Which translations hold: a table for each. TLB_CHECKED has none but of code: user code with alignment checks. */
enum { TLB_USER, TLB_SUPERVISOR, TLB_SUPERVISOR_AC, TLB_CHECKED, TLBS };

enum {
    TLB_GLOBAL = 1,
    TLB_2M = 2,
    TLB_4M = 4,
    TLB_1G = 8,
    TLB_LARGE = TLB_2M | TLB_4M | TLB_1G,
    TLB_LISTED = 16 /* in `used` */
};

struct tlb {
    struct tlb_entry entries[TLB_SETS]; /* first: cpu->tlb points here */
    uint64_t mixed[TLB_SETS];           /* page address where only code stands against a store, or TLB_NEVER */
    uint8_t kinds[TLB_SETS];            /* TLB_GLOBAL, size of the page that it is of */
    uint16_t used[TLB_SETS];            /* which entries hold anything: flushing looks at no others */
    unsigned n_used, n_large;
};

/* What a walk found out of a page. */
struct translation {
    uint64_t gpa;            /* of the 4 KiB page */
    bool load, store, fetch; /* allowed, as far as tables say */
    bool dirty;              /* a store needs no further update of the tables */
    uint8_t kind;            /* TLB_GLOBAL, sizes */
};
/* What a walk is for: whose access it is (`ac`: an explicit one of the supervisor's, which may reach user pages), and
 * whether accessed and dirty bits are set, or it only looks. */
enum walk_flags { WALK_USER = 1, WALK_AC = 2, WALK_LOOK = 4 };
/* Walks for an access of this kind. False: *error is a #PF's. */
bool paging_walk(struct cpu *cpu, uint64_t linear, enum access kind, unsigned flags, struct translation *out,
                 uint32_t *error);
/* The page in this process, from a small cache before the bus; NULL: a device. */
uint8_t *paging_host(struct cpu *cpu, uint64_t gpa, bool *writable);

/* Where one access within a page goes. */
struct target {
    uint8_t *host; /* of the byte; NULL: a device or nothing */
    uint64_t gpa;  /* of the byte, when host is NULL */
    bool code;     /* a store may hit decoded code */
    bool rom;      /* a store: host may not be written */
};
/* Translates by and into t. Raises #PF. */
bool tlb_resolve(struct cpu *cpu, struct tlb *t, uint64_t linear, enum access kind, struct target *out);
/* Would tlb_resolve() succeed? Raises what it would raise and changes no table: for the first page of an access of
 * which the second may fail. */
bool tlb_check(struct cpu *cpu, struct tlb *t, uint64_t linear, enum access kind);
/* The page at this host address has code from now on: stores go the slow way. */
void tlb_page_has_code(struct cpu *cpu, uintptr_t page);

/* ---- Blocks -------------------------------------------------------------------------------------------------- */

enum {
    BLOCK_OPS = 32,
    BLOCK_ENTRIES = 2, /* entering operations before the first instruction */
    BLOCK_LONGEST = BLOCK_OPS * 15
};

struct block {
    uint64_t tag;             /* host address ^ key << 48 */
    uint8_t *host, *host_two; /* first byte; first byte of the second page, when it goes on there */
    struct block *next;       /* with the same hash */
    struct block *others[2];  /* that begin in the same line, of the first page, of the second */
    uint16_t bytes;
    uint8_t count;
    bool dropped;
    struct op ops[]; /* checked entry, entry, instructions, and one behind them with links */
};

/* Where cpu_jump() looks: the blocks that computed branches went to. */
struct jump_entry {
    uint64_t tag;
    const struct op *enter;
    struct block *block;
};

struct code_page {
    uintptr_t page;        /* host address; 0: free */
    uint64_t lines;        /* of 64 bytes, with code */
    struct block **blocks; /* PAGE_LINES chains: those that begin in each line. From the arena's end */
};

enum { PAGE_LINES = 64, LINE_SHIFT = 6 };
enum { JUMPS = 8192, BUCKETS = 1 << 16, CODE_PAGES = 1 << 14, DEVICE_SITES = 4096, HOST_PAGES = 256 };

struct host_page {
    uint64_t gpa; /* of the page, | 1 when it is not writable; ~0: free */
    uint8_t *host;
};

struct cpu_engine {
    struct tlb tlbs[TLBS];
    struct host_page hosts[HOST_PAGES];
    struct jump_entry jumps[JUMPS];
    struct block *buckets[BUCKETS];
    struct code_page pages[CODE_PAGES]; /* open addressing by page */
    uint16_t used_pages[CODE_PAGES];    /* which of them are taken */
    unsigned n_pages;
    uintptr_t sites[DEVICE_SITES]; /* host addresses of instructions that reached devices: blocks end with them */
    const struct op **link;        /* the link to set once the next block is known, or NULL */
    bool link_checked;             /* it leads to another page, or code with a base or limit */
    uint64_t quota;                /* instructions of this cpu_run() */
    bool gigabyte_pages;
    struct cpu_block_counts {
        uint64_t made, dropped, flushes;
    } counts;
    _Alignas(64) struct op step[BLOCK_ENTRIES + 2]; /* a block of one, made anew each time */
    uint8_t *arena, *arena_at;                      /* blocks, from its beginning */
    uint8_t *chains, *arena_end;                    /* pages' chains, from its end */
};

static inline uint64_t cpu_linear_rip(const struct cpu *cpu)
{
    return (cpu->code_base + cpu->rip) & cpu->code_mask;
}

/* What decoding depends on, besides the model. Bit 0: code has a limit that matters, and is checked on entry. */
unsigned cpu_block_key(const struct cpu *cpu);

/* The block at cpu->rip, made if need be: the operation to enter it by. NULL: a fault was raised, or the instruction
 * there is one for a step (no RAM, or at a limit). */
const struct op *block_find(struct cpu *cpu);
/* The one instruction at cpu->rip, decoded now. NULL: a fault was raised. */
const struct op *block_step(struct cpu *cpu);
/* Bytes of RAM at this host address changed, all in one page. */
void block_written(struct cpu *cpu, const uint8_t *host, unsigned n);
/* Does the page have code? */
bool block_page_has_code(const struct cpu *cpu, uintptr_t page);
/* cpu->op has reached a device: from the next time on its block ends with it, and this time too. */
void block_device_reached(struct cpu *cpu);
/* No block that there is is run again; one may be running, so their memory stays. */
void block_drop_all(struct cpu *cpu);
void block_flush_all(struct cpu *cpu);
/* Where a block ends that has not been linked yet: run_unlinked[n]. */
extern const struct op block_unlinked[2];

/* ---- Binding ------------------------------------------------------------------------------------------------- */

/* Makes op of the instruction at `bytes`, of which n can be read, at op->offset of its block. Returns its length or
 * -ENODATA (more bytes are needed). What is no instruction becomes one that raises #UD, or #GP when it is too long; as
 * each of the bytes may be what is wrong, it counts as n long. */
int cpu_bind(const struct cpu *cpu, const uint8_t *bytes, unsigned n, struct op *op, bool *ends);

#endif
