/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose code is at this address, and what is known of that place.
 *
 * A region is a range of code with an owner's function for faults in it. Regions are looked up in signal handlers of
 * any thread while others add and remove: look-ups take no lock and wait for nobody; who removes waits until all
 * look-ups that may see the region are over.
 *
 * A pc table is a sorted map from offsets in code to 32 bits of the owner's (a place in a source, a number of a trap),
 * packed in one piece of memory without pointers that may lie in a file: some three bytes an entry.
 */
#ifndef MOAT_CODEGEN_PCMAP_H
#define MOAT_CODEGEN_PCMAP_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <ucontext.h>

/* ---- Regions ----------------------------------------------------------------------------------------------------- */

struct code_region;

/* A signal came while code of the region ran. It may rewrite the context (signals.h says how) and returns true, or
 * false when this is not the owner's doing after all. Async-signal-safe; it returns, and does not jump away. */
typedef bool code_fault_fn(struct code_region *region, int signo, siginfo_t *info, ucontext_t *context);

/* The owner's memory, unchanged from code_region_add() until code_region_remove() has returned. Regions do not overlap.
 */
struct code_region {
    const uint8_t *start;
    size_t size;
    code_fault_fn *fault; /* NULL: none of its faults is expected */
    void *data;           /* the owner's */
    struct code_region *next;
};

void code_region_add(struct code_region *r);
/* Waits until no other thread is inside code_region_visit() with it. Not in a signal handler. */
void code_region_remove(struct code_region *r);

/* The region of an address, while `fn` runs; what it returns, or false when there is none. Async-signal-safe. */
typedef bool code_visit_fn(struct code_region *region, void *context);
bool code_region_visit(const void *pc, code_visit_fn *fn, void *context);

/* ---- Tables ------------------------------------------------------------------------------------------------------ */

struct code_pc_entry {
    uint32_t pc; /* bytes from the start of the code */
    uint32_t value;
};

/* Builder: {0} -> code_pctable_add() with rising pc -> code_pctable_finish() -> code_pctable_free(). Errors are sticky
 * and told at the end. */
struct code_pctable {
    uint8_t *bytes;
    size_t n_bytes, cap_bytes;
    uint32_t *index; /* three words for each CODE_PC_BLOCK entries */
    size_t n_index, cap_index;
    struct code_pc_entry last;
    uint32_t count;
    int failed;
};

#define CODE_PC_BLOCK 32

/* Adds an entry. pc must be above that of the entry before, but equal pcs are allowed: the later one is dropped. Values
 * that are near the one before are the shortest. */
void code_pctable_add(struct code_pctable *t, uint32_t pc, uint32_t value);
/* The table as one malloced block, aligned to four bytes, for the caller to free(); 0, -ENOMEM or -EINVAL (pc fell). */
int code_pctable_finish(struct code_pctable *t, void **table, size_t *size);
void code_pctable_free(struct code_pctable *t);

/* The entry with this pc, or the last one before it; false: none, or the table is damaged. Async-signal-safe; it reads
 * nothing but the `size` bytes, whatever they are. table: aligned to four bytes. */
bool code_pctable_find(const void *table, size_t size, uint32_t pc, struct code_pc_entry *out);
/* The entry with exactly this pc. */
static inline bool code_pctable_exact(const void *table, size_t size, uint32_t pc, uint32_t *value)
{
    struct code_pc_entry e;

    if (!code_pctable_find(table, size, pc, &e) || e.pc != pc)
        return false;
    *value = e.value;
    return true;
}

/* Number of entries; 0 when damaged. */
uint32_t code_pctable_count(const void *table, size_t size);

#endif
