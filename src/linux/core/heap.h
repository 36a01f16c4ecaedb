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

struct heap_type {
    uint32_t size;
    uint32_t live; /* how many there are */
};

/* What a snapshot knows of a type. They lie side by side from __start_heap_types to __stop_heap_types, which the linker
 * makes; a kernel without snapshots does not ask for them, and then they are not linked. */
struct heap_type_fields {
    struct heap_type *type;
    const char *name;
    const struct field *fields; /* all of them, in order; what is not listed does not exist for a snapshot */
    uint64_t n;
};
extern const struct heap_type_fields __start_heap_types[], __stop_heap_types[];

#define FIELD(type, member, kind_)                                                                                     \
    {                                                                                                                  \
        .name = #member, .offset = (uint16_t)offsetof(struct type, member),                                            \
        .size = (uint16_t)sizeof(((struct type *)0)->member), .kind = (kind_)                                          \
    }
#define HEAP_TYPE(of, ...)                                                                                             \
    KERNEL_STATE struct heap_type of##_type = {.size = sizeof(struct of)};                                             \
    static const struct field of##_fields[] = {__VA_ARGS__};                                                           \
    static const struct heap_type_fields of##_type_fields __attribute__((section("heap_types"), used)) = {             \
        .type = &of##_type, .name = #of, .fields = of##_fields, .n = sizeof(of##_fields) / sizeof(of##_fields[0])}

void heap_init(void *arena, size_t size, size_t ready);
void *heap_new(struct heap_type *); /* zeroed; NULL */
void heap_free(struct heap_type *, void *);
void *heap_alloc(size_t n); /* bytes that a FIELD_BYTES owns; zeroed; NULL. At most 1 MiB */
void heap_release(void *bytes, size_t n);
void *heap_pages(size_t pages); /* zeroed, page-aligned; NULL */
void heap_pages_free(void *at, size_t pages);
uint64_t heap_used(void); /* bytes of objects and pages that are in use */

#endif
