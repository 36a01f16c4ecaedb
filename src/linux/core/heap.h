/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel's heap: one arena given at boot, cut into pages and objects. Every object has a type; a type lists the
 * fields that a snapshot saves in one table, and what a pointer among them points to, so that an arena can be written
 * out and brought back at another address without the handlers knowing. So: no function pointer in an object but
 * through a `const struct X_ops *` declared as FIELD_OPS; no pointer out of the arena but platform handles declared as
 * FIELD_HANDLE.
 *
 * All under the kernel's lock. Objects are zeroed when made. Nothing here fails but by NULL: callers turn that into
 * -ENOMEM.
 */
#ifndef MOAT_LINUX_CORE_HEAP_H
#define MOAT_LINUX_CORE_HEAP_H

#include "linux/platform.h"

enum field_kind {
    FIELD_PLAIN,  /* bytes, as they are */
    FIELD_REF,    /* pointer to an object of a type, or NULL */
    FIELD_LIST,   /* struct list: its links */
    FIELD_BYTES,  /* pointer to heap_alloc()ed bytes, or NULL */
    FIELD_OPS,    /* pointer to a constant table of the kernel's */
    FIELD_HANDLE, /* the platform's: aspace, memobj, task */
    FIELD_NONE,   /* made anew: wait queues (tasks restart their calls), caches */
};

struct field {
    const char *name;
    uint16_t offset, size;
    uint8_t kind;
};

/* What changes and is not on the heap: one struct a file, in a section of its own, so that a test can begin anew and a
 * snapshot finds it. Small, since it lies in every image: tables belong on the heap. */
#define KERNEL_STATE __attribute__((section("kernel_state")))

/* All of them: from __start_heap_types to __stop_heap_types, which the linker makes, lie their addresses. */
struct heap_type {
    const char *name;
    uint32_t size;
    uint16_t n_fields;
    const struct field *fields; /* all of them, in order; what is not listed does not exist for a snapshot */
    uint32_t live;              /* how many there are */
};

#define FIELD(type, member, kind_)                                                                                     \
    {                                                                                                                  \
        .name = #member, .offset = (uint16_t)offsetof(struct type, member),                                            \
        .size = (uint16_t)sizeof(((struct type *)0)->member), .kind = (kind_)                                          \
    }
#define HEAP_TYPE(type, ...)                                                                                           \
    static const struct field type##_fields[] = {__VA_ARGS__};                                                         \
    KERNEL_STATE struct heap_type type##_type = {.name = #type,                                                        \
                                                 .size = sizeof(struct type),                                          \
                                                 .n_fields = sizeof(type##_fields) / sizeof(type##_fields[0]),         \
                                                 .fields = type##_fields};                                             \
    static struct heap_type *const type##_in_heap_types __attribute__((section("heap_types"), used)) = &type##_type

void heap_init(void *arena, size_t size, size_t ready);
void *heap_new(struct heap_type *); /* zeroed; NULL */
void heap_free(struct heap_type *, void *);
void *heap_alloc(size_t n); /* bytes that a FIELD_BYTES owns; zeroed; NULL. At most 1 MiB */
void heap_release(void *bytes, size_t n);
void *heap_pages(size_t pages); /* zeroed, page-aligned; NULL */
void heap_pages_free(void *at, size_t pages);
uint64_t heap_used(void); /* bytes of objects and pages that are in use */

#endif
