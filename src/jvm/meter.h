/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The meter page: a regular file that moat makes and moat-jvm maps, by which a running virtual machine says how much it
 * uses. This header stands alone: both sides include it. The guest may own moat-jvm and write here what it likes: a
 * reader copies the page once, checks the copy with jvm_meter_valid(), and shows numbers; nothing else follows from
 * them.
 *
 * Life: moat makes the file of JVM_METER_SIZE bytes (more where it wants a class list) and gives its number in the
 * variable MOAT_HANDED_FD -> moat-jvm maps it shared and closes the descriptor before the virtual machine starts -> a
 * reader maps the file, adds one to `asked`, wakes that word (FUTEX_WAKE, not private) and waits a while on `answered`
 * -> moat-jvm writes the figures, sets `answered` to the value of `asked` that it saw, and wakes it. Without an answer
 * the figures are old.
 *
 * Version rule: both sides are built together; a change of layout changes the last character of the magic.
 */
#ifndef MOAT_JVM_METER_H
#define MOAT_JVM_METER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define JVM_METER_MAGIC    "moatjvm1"
#define JVM_METER_FD       "MOAT_HANDED_FD"
#define JVM_METER_SIZE     4096u
#define JVM_METER_LIST_MAX (2u << 20) /* bytes of a class list behind the page */
#define JVM_METER_WAIT_MS  200        /* as long as a reader should wait */

enum jvm_state {
    JVM_STATE_NONE,     /* moat-jvm has not looked at the page yet */
    JVM_STATE_STARTING, /* the virtual machine is being made */
    JVM_STATE_RUNNING,
    JVM_STATE_ENDED, /* the machine is down; end_reason is set where there is one */
    JVM_STATES,
};

/* What of its own the program ended by: an OutOfMemoryError that nothing caught. */
enum jvm_end {
    JVM_END_NONE,
    JVM_END_HEAP,
    JVM_END_METASPACE,
    JVM_END_DIRECT_MEMORY,
    JVM_END_THREADS,
    JVM_END_CODE_CACHE,
    JVM_ENDS,
};

/* Little endian, as everything that moat runs on. OUT: written by moat-jvm. IN: written by readers. */
struct jvm_meter {
    char magic[8];           /* OUT: JVM_METER_MAGIC */
    uint32_t asked;          /* IN: futex word */
    uint32_t answered;       /* OUT: futex word */
    uint32_t state;          /* OUT: enum jvm_state */
    uint32_t end_reason;     /* OUT: enum jvm_end */
    uint64_t heap_used;      /* OUT: bytes */
    uint64_t heap_committed; /* OUT: bytes */
    uint64_t heap_max;       /* OUT: bytes */
    uint64_t threads;        /* OUT: of Java, virtual ones not counted */
    uint64_t classes;        /* OUT: loaded */
    uint64_t collections;    /* OUT: garbage collections that stopped the program, since the first question */
    uint64_t collection_ns;  /* OUT: time in them */
    uint32_t list_length;    /* OUT: bytes of the class list at JVM_METER_SIZE */
    uint32_t list_cut;       /* OUT: 1: names did not fit */
    uint32_t exhausted; /* OUT: enum jvm_end: the limit that was run into last since the first question, be it caught
                           and borne */
    uint32_t sharing;   /* OUT: the class archive that was given: 0 not known yet or none, 1 in use, 2 of no use */
};
_Static_assert(offsetof(struct jvm_meter, asked) == 8, "layout changed: change the magic");
_Static_assert(offsetof(struct jvm_meter, heap_used) == 24, "layout changed: change the magic");
_Static_assert(offsetof(struct jvm_meter, list_length) == 80, "layout changed: change the magic");
_Static_assert(sizeof(struct jvm_meter) == 96, "layout changed: change the magic");

/* Whether a copy of a page can be shown. size: of the file that it came from. */
static inline bool jvm_meter_valid(const struct jvm_meter *copy, uint64_t size)
{
    return size >= JVM_METER_SIZE && !memcmp(copy->magic, JVM_METER_MAGIC, sizeof copy->magic) &&
           copy->state < JVM_STATES && copy->end_reason < JVM_ENDS && copy->exhausted < JVM_ENDS &&
           copy->list_cut <= 1 && copy->sharing <= 2 && copy->list_length <= size - JVM_METER_SIZE &&
           copy->heap_used <= copy->heap_committed &&
           /* signed for some who read them as JSON */
           (copy->heap_committed | copy->heap_max | copy->threads | copy->classes | copy->collections |
            copy->collection_ns) <= INT64_MAX;
}

#endif
