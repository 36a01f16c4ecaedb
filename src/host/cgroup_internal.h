/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the cgroup_*.c files share; nobody else includes it (its unit test does). Files of cgroupfs are written by the
 * kernel's rules, but names and numbers inside a group that a workload may own are foreign: every loop here is bounded.
 */
#ifndef MOAT_HOST_CGROUP_INTERNAL_H
#define MOAT_HOST_CGROUP_INTERNAL_H

#include "host/cgroup.h"

#include <linux/bpf.h>

#define CGROUP_BIT(c) (1u << (c))
/* A mountpoint, a path below it and the name of a file. */
#define CGROUP_ABSOLUTE_MAX (128 + 1024 + 256)

/* ---- probe (cgroup_probe.c) ---------------------------------------------------------------------------------- */

/* Text of /proc/self/cgroup: fills name, v2, controllers (v1) and own; mountpoints stay empty. -E2BIG, -ENAMETOOLONG.
 */
int cgroup_self_parse(struct cgroup_host *host, const char *text, struct err *err);
/* Text of /proc/self/mountinfo: fills the mountpoints that are still empty, each with `prefix` before it, and makes
 * `own` relative to the mount's root. */
int cgroup_mountinfo_parse(struct cgroup_host *host, const char *text, const char *prefix, struct err *err);
/* Drops what has no mountpoint and names the layout. */
void cgroup_host_settle(struct cgroup_host *host);
/* "cpu", "memory", "io" (v2's name of blkio): the controller, or CG_CONTROLLERS. */
enum cgroup_controller cgroup_controller_find(const char *name, size_t len);
/* Bits of a list separated by commas, spaces or a newline. */
uint32_t cgroup_controllers_parse(const char *list);

/* ---- what is asked (cgroup.c) -------------------------------------------------------------------------------- */

struct cgroup_need {
    uint32_t mask;
    const char *field[CG_CONTROLLERS]; /* the first item that asks for it, for messages */
};
/* r may be NULL: nothing is asked. */
void cgroup_need_read(struct cgroup_need *need, const struct resources *r);

/* ---- files of a group (cgroup_file.c) ------------------------------------------------------------------------ */

/* Where limits are written: hierarchy h of cg, on behalf of controller c (for the remedy). */
struct cgroup_target {
    const struct cgroup *cg;
    uint32_t h;
    enum cgroup_controller c;
    bool update;
};

/* One value into one file; the error names field, file, group, value and remedy. */
int cgroup_file_write(const struct cgroup_target *t, const char *field, const char *file, const char *value,
                      struct err *err);
int cgroup_file_write_u64(const struct cgroup_target *t, const char *field, const char *file, uint64_t v,
                          struct err *err);
/* Below 0 becomes `none`: "max" on v2, "-1" on v1. */
int cgroup_file_write_i64(const struct cgroup_target *t, const char *field, const char *file, int64_t v,
                          const char *none, struct err *err);
bool cgroup_file_exists(const struct cgroup_target *t, const char *file);
/* The error that cgroup_file_write() gives. */
int cgroup_file_error(const struct cgroup_target *t, int code, const char *field, const char *file, const char *value,
                      struct err *err);

/* Figures that limit one another (quota and burst, say) are accepted in one order only, which depends on the figures
 * that stand: what the kernel calls invalid is tried again after the others, as long as that gets on. */
struct cgroup_write {
    const char *field, *file;
    char value[64];
};
#define CGROUP_WRITES_MAX 4
int cgroup_writes_do(const struct cgroup_target *t, struct cgroup_write *w, uint32_t n, struct err *err);

/* The first number of a file; false when the file is not there or holds a word ("max"). */
bool cgroup_file_number(int dirfd, const char *file, uint64_t *v);
/* "key value" in a text of lines. */
bool cgroup_text_number(const char *text, const char *key, uint64_t *v);

/* Absolute path of the first `len` bytes of `path` below hierarchy h; `buf` holds CGROUP_ABSOLUTE_MAX. */
void cgroup_absolute(char *buf, const struct cgroup_host *host, uint32_t h, const char *path, size_t len);
/* The hierarchy that has the controller, or -1. */
int cgroup_hierarchy_of(const struct cgroup_host *host, enum cgroup_controller c);
/* Sleeps that long and makes it half as long again, 50 ms at most: for loops that wait for the kernel. */
void cgroup_nap(unsigned *microseconds);

/* Calls visit for each directory inside dirfd (opened without following links), deepest first. */
struct cgroup_walk {
    int (*visit)(int parent, const char *name, int fd, void *data);
    void *data;
    unsigned budget; /* directories that may still be visited */
};
#define CGROUP_DEPTH_MAX  64
#define CGROUP_NESTED_MAX 8192
/* 0, what visit gave, or -E2BIG beyond the bounds. */
int cgroup_tree_walk(int parent, unsigned depth, struct cgroup_walk *walk);

/* ---- limits -------------------------------------------------------------------------------------------------- */

/* Whole families for one hierarchy; only items of the controllers in `mask` are written. _check has no effects. */
int cgroup_v1_check(const struct resources *r, uint32_t mask, struct err *err);
int cgroup_v1_apply(const struct cgroup_target *t, const struct resources *r, uint32_t mask, struct err *err);
int cgroup_v2_check(const struct resources *r, uint32_t mask, struct err *err);
int cgroup_v2_apply(const struct cgroup_target *t, const struct resources *r, uint32_t mask, struct err *err);
int cgroup_unified_check(const struct resources *r, struct err *err);
int cgroup_unified_apply(const struct cgroup_target *t, const struct resources *r, struct err *err);

/* Common to both (cgroup.c): memory.checkBeforeUpdate against the file that tells the present use. */
int cgroup_memory_check_use(const struct cgroup_target *t, const struct resources *r, const char *file,
                            struct err *err);

/* The same files in both (cgroup_v1.c): rdma.max, and names of page sizes, interfaces and devices that become text. */
int cgroup_rdma_apply(const struct cgroup_target *t, const struct resources *r, struct err *err);
int cgroup_names_check(const struct resources *r, uint32_t mask, struct err *err);

/* v2 figures from v1 figures. */
uint64_t cgroup_weight_from_shares(uint64_t shares);
uint64_t cgroup_io_weight_from_blkio(uint64_t weight);
/* memory+swap and memory give swap: "max" or a number in value[64]. -EINVAL when they contradict each other. */
int cgroup_swap_from_total(char *value, int64_t total, bool limit_set, int64_t limit, struct err *err);

/* ---- devices (cgroup_devices.c) ------------------------------------------------------------------------------ */

#define CGROUP_DEVICES_MAX 384
#define CGROUP_PROGRAM_MAX 4096 /* BPF_MAXINSNS: the bound of kernels before 5.2 */

/* The v1 list, as the kernel keeps it: a default and the exceptions from it. */
struct cgroup_device_list {
    bool allow; /* the default; the exceptions are the other way round */
    uint32_t n;
    struct cgroup_device_entry {
        char type;
        int64_t major, minor; /* -1: any */
        uint8_t access;       /* BPF_DEVCG_ACC_* */
    } v[CGROUP_DEVICES_MAX];
};

/* Rules every container gets behind its own ones: the devices a runtime must supply, and mknod of any. */
const struct device_access *cgroup_devices_default(uint32_t *n);
/* -EINVAL when the kernel's list cannot express it (an allowed range with a hole), named by its index. */
int cgroup_devices_list(struct cgroup_device_list *list, const struct device_access *rules, uint32_t n,
                        struct err *err);
/* The program: instructions in out[CGROUP_PROGRAM_MAX], their number returned; -E2BIG. Last match wins, access by
 * access; what no rule speaks of is denied. */
int cgroup_devices_program(struct bpf_insn *out, const struct device_access *rules, uint32_t n, struct err *err);
int cgroup_devices_apply(const struct cgroup_target *t, const struct resources *r, struct err *err);

#endif
