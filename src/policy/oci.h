/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the files of the OCI reader. A reader carries its place in the document, so every refusal names the full path
 * ("linux.devices[2].type"). All functions return 0 or the negative errno of an error already set. An absent member
 * (or null) leaves the output as it is, unless OCI_REQUIRED. After a failure the place is not restored: nobody goes on.
 */
#ifndef MOAT_POLICY_OCI_H
#define MOAT_POLICY_OCI_H

#include "base/json.h"
#include "policy/policy.h"

#define OCI_PLACE_MAX 12

struct oci_reader {
    struct arena *a;
    struct err *err;
    unsigned depth;
    struct {
        const char *name; /* NULL: an index */
        uint32_t index;
    } place[OCI_PLACE_MAX];
};

enum {
    OCI_REQUIRED = 1,
    OCI_NONEMPTY = 2,      /* "" is refused */
    OCI_ABSOLUTE = 4,      /* a path that begins with '/' */
    OCI_EMPTY_IS_NONE = 8, /* "" counts as absent, as Go programs without omitempty write it */
    OCI_NO_NEWLINE = 16,
};

struct oci_word {
    const char *name;
    uint64_t value;
};

void oci_enter(struct oci_reader *r, const char *name);
void oci_enter_item(struct oci_reader *r, uint32_t index);
static inline void oci_leave(struct oci_reader *r)
{
    r->depth--;
}

/* "<place>.<name>: <sentence>"; name may be NULL. Returns -EINVAL. */
int oci_fail(struct oci_reader *r, const char *name, const char *fmt, ...) __attribute__((format(printf, 3, 4)));
int oci_fail_item(struct oci_reader *r, const char *name, uint32_t index, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
int oci_no_memory(struct oci_reader *r);

/* An object or array member; *out is NULL when absent. */
int oci_child(struct oci_reader *r, const struct json *o, const char *name, enum json_type type,
              const struct json **out);
/* The item itself must be an object. */
int oci_expect_object(struct oci_reader *r, const struct json *item);
/* An array member of objects, and room for its items (count of *list); *list NULL when absent. */
int oci_list(struct oci_reader *r, const struct json *o, const char *name, size_t size, const struct json **list,
             void *items);

int oci_string(struct oci_reader *r, const struct json *o, const char *name, unsigned how, const char **out);
int oci_bool(struct oci_reader *r, const struct json *o, const char *name, bool *out);
int oci_u64(struct oci_reader *r, const struct json *o, const char *name, unsigned how, uint64_t max,
            struct opt_u64 *out);
int oci_i64(struct oci_reader *r, const struct json *o, const char *name, unsigned how, int64_t min, int64_t max,
            struct opt_i64 *out);
int oci_u32(struct oci_reader *r, const struct json *o, const char *name, unsigned how, uint32_t max, uint32_t *out);
/* how is for the items: OCI_NONEMPTY, OCI_ABSOLUTE, OCI_NO_NEWLINE. The strings stay where they are. */
int oci_strings(struct oci_reader *r, const struct json *o, const char *name, unsigned how, struct strv *out);
/* A map of strings; the keys must not be empty. */
int oci_map(struct oci_reader *r, const struct json *o, const char *name, struct key_value **v, uint32_t *n);
/* One of the words. */
int oci_word(struct oci_reader *r, const struct json *o, const char *name, unsigned how, const struct oci_word *words,
             size_t n, uint64_t *out);
/* An array of the words, or-ed together. */
int oci_word_flags(struct oci_reader *r, const struct json *o, const char *name, const struct oci_word *words, size_t n,
                   uint64_t *out);
const char *oci_word_name(const struct oci_word *words, size_t n, uint64_t value); /* for the writer; NULL: none */

/* ids are 0 .. 2^32 - 2: the last one means "no change" to the kernel. */
#define OCI_ID_MAX (UINT32_MAX - 1)

/* ---- by subject --------------------------------------------------------------------------------------------- */

int oci_read_process(struct oci_reader *r, const struct json *o, struct process *p);
int oci_read_resources(struct oci_reader *r, const struct json *o, struct resources *res);
int oci_read_mounts(struct oci_reader *r, const struct json *root, struct policy *p);
int oci_read_id_maps(struct oci_reader *r, const struct json *o, const char *name, struct id_maps *out);
int oci_read_linux(struct oci_reader *r, const struct json *o, struct policy *p);
/* oci_moat.c: the member of our own. */
int oci_read_moat(struct oci_reader *r, const struct json *root, struct policy *p);
void oci_write_moat(const struct policy *p, struct json_writer *w);
int oci_read_seccomp(struct oci_reader *r, const struct json *o, struct seccomp_policy *s);

void oci_write_resources(const struct resources *res, struct json_writer *w, const char *key);

/* ---- words both ways ---------------------------------------------------------------------------------------- */

extern const struct oci_word oci_sched_policies[];
extern const size_t oci_n_sched_policies;
extern const struct oci_word oci_sched_flags[];
extern const size_t oci_n_sched_flags;
extern const struct oci_word oci_ioprio_classes[];
extern const size_t oci_n_ioprio_classes;
extern const struct oci_word oci_memory_modes[];
extern const size_t oci_n_memory_modes;
extern const struct oci_word oci_memory_flags[];
extern const size_t oci_n_memory_flags;
extern const struct oci_word oci_personalities[];
extern const size_t oci_n_personalities;
extern const char *const oci_hook_names[HOOK_POINTS];

/* What moat keeps beyond the specification travels in annotations of these names; they are not shown as annotations. */
#define OCI_STOP_SIGNAL   "org.opencontainers.image.stopSignal"
#define OCI_MOAT_INIT     "moat.init"
#define OCI_MOAT_TIMEOUT  "moat.timeout-ms"
#define OCI_MOAT_LANDLOCK "moat.landlock"
#define OCI_MOAT_SECCOMP  "moat.seccomp" /* "default" */

#endif
