/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which devices a group may open or make. The rules are read in order and the last one that speaks of a device and a
 * kind of access decides it; what none speaks of is denied. On v1 the kernel keeps a default and a list of exceptions:
 * the rules are folded into that form here, and what it cannot express is refused rather than granted. On v2 the rules
 * become a BPF program of type BPF_PROG_TYPE_CGROUP_DEVICE, read from the last rule to the first. Nothing here trusts
 * the number of rules. OCI runtime specification, config-linux, "Allowed Device list"; bpf(2).
 */
#include "host/cgroup_internal.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define ACCESS_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | BPF_DEVCG_ACC_WRITE)
static const char field[] = "linux.resources.devices";

/* The specification's "Default Devices", and mknod of any: a node that cannot be opened does no harm. */
static const struct device_access default_rules[] = {
    {true, 'c', -1, -1, false, false, true}, {true, 'b', -1, -1, false, false, true},
    {true, 'c', 1, 3, true, true, true},    /* null */
    {true, 'c', 1, 5, true, true, true},    /* zero */
    {true, 'c', 1, 7, true, true, true},    /* full */
    {true, 'c', 1, 8, true, true, true},    /* random */
    {true, 'c', 1, 9, true, true, true},    /* urandom */
    {true, 'c', 5, 0, true, true, true},    /* tty */
    {true, 'c', 5, 2, true, true, true},    /* ptmx */
    {true, 'c', 136, -1, true, true, true}, /* pts */
};

const struct device_access *cgroup_devices_default(uint32_t *n)
{
    *n = ARRAY_LEN(default_rules);
    return default_rules;
}

static uint8_t access_bits(const struct device_access *d)
{
    return (uint8_t)((d->read ? BPF_DEVCG_ACC_READ : 0) | (d->write ? BPF_DEVCG_ACC_WRITE : 0) |
                     (d->mknod ? BPF_DEVCG_ACC_MKNOD : 0));
}

/* ---- v1: a default and its exceptions ------------------------------------------------------------------------ */

static bool number_meets(int64_t a, int64_t b)
{
    return a == -1 || b == -1 || a == b;
}

static bool number_covers(int64_t wide, int64_t narrow)
{
    return wide == -1 || wide == narrow;
}

static int list_add(struct cgroup_device_list *l, char type, const struct device_access *d, struct err *err)
{
    for (uint32_t i = 0; i < l->n; i++)
        if (l->v[i].type == type && l->v[i].major == d->major && l->v[i].minor == d->minor) {
            l->v[i].access |= access_bits(d);
            return 0;
        }
    if (l->n == CGROUP_DEVICES_MAX)
        return err_set(err, -E2BIG, "%s: more than %d devices; widen some rules to whole majors", field,
                       CGROUP_DEVICES_MAX);
    l->v[l->n++] = (struct cgroup_device_entry){type, d->major, d->minor, access_bits(d)};
    return 0;
}

/* The rule says of its devices what the default says of all: exceptions inside it go. One that is wider would keep the
 * others and lose these; the kernel's list has no way to say that. */
static int list_remove(struct cgroup_device_list *l, char type, const struct device_access *d, uint32_t index,
                       struct err *err)
{
    for (uint32_t i = 0; i < l->n;) {
        struct cgroup_device_entry *e = &l->v[i];
        if (e->type != type || !number_meets(e->major, d->major) || !number_meets(e->minor, d->minor) ||
            !(e->access & access_bits(d))) {
            i++;
            continue;
        }
        if (!number_covers(d->major, e->major) || !number_covers(d->minor, e->minor))
            return err_set(
                err, -EINVAL,
                "%s[%u]: %s a part of what an earlier rule gives as a whole range cannot be said on cgroup v1; "
                "give the range's other devices one by one",
                field, index, d->allow ? "allowing" : "denying");
        e->access = (uint8_t)(e->access & ~access_bits(d));
        if (e->access)
            i++;
        else
            *e = l->v[--l->n];
    }
    return 0;
}

int cgroup_devices_list(struct cgroup_device_list *l, const struct device_access *rules, uint32_t n, struct err *err)
{
    int r = 0;

    for (uint32_t i = 0; r == 0 && i < n; i++) {
        const struct device_access *d = &rules[i];
        if (d->type == 'a' && d->major == -1 && d->minor == -1 && access_bits(d) == ACCESS_ALL) {
            l->allow = d->allow;
            l->n = 0;
            continue;
        }
        for (const char *type = "bc"; r == 0 && *type; type++)
            if (d->type == *type || d->type == 'a')
                r = d->allow == l->allow ? list_remove(l, *type, d, i, err) : list_add(l, *type, d, err);
    }
    return r;
}

static void entry_print(char *out, size_t size, const struct cgroup_device_entry *e)
{
    char major[24] = "*", minor[24] = "*";

    if (e->major != -1)
        snprintf(major, sizeof major, "%lld", (long long)e->major);
    if (e->minor != -1)
        snprintf(minor, sizeof minor, "%lld", (long long)e->minor);
    snprintf(out, size, "%c %s:%s %s%s%s", e->type, major, minor, e->access & BPF_DEVCG_ACC_READ ? "r" : "",
             e->access & BPF_DEVCG_ACC_WRITE ? "w" : "", e->access & BPF_DEVCG_ACC_MKNOD ? "m" : "");
}

/* The parent group may not have a device itself: the kernel then refuses to allow it here. For the rules that every
 * container gets that is no loss of isolation, so it is not an error. */
static bool entry_is_default(const struct cgroup_device_entry *e)
{
    for (uint32_t i = 0; i < ARRAY_LEN(default_rules); i++)
        if (default_rules[i].type == e->type && default_rules[i].major == e->major &&
            default_rules[i].minor == e->minor)
            return true;
    return false;
}

static int v1_write(const struct cgroup_target *t, const struct cgroup_device_list *l, struct err *err)
{
    const char *whole = l->allow ? "devices.allow" : "devices.deny";
    const char *file = l->allow ? "devices.deny" : "devices.allow";
    int r = cgroup_file_write(t, field, whole, "a", err);

    if (r < 0 || l->n == 0)
        return r;
    _cleanup_fd_ int fd = openat(t->cg->dir_fds[t->h], file, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return cgroup_file_error(t, -errno, field, file, "a", err);
    for (uint32_t i = 0; i < l->n; i++) {
        char text[80];
        entry_print(text, sizeof text, &l->v[i]);
        if (write(fd, text, strlen(text)) < 0 && !(errno == EPERM && entry_is_default(&l->v[i])))
            return cgroup_file_error(t, -errno, field, file, text, err);
    }
    return 0;
}

static int v1_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    struct cgroup_device_list l = {.allow = false, .n = 0};
    int rc = cgroup_devices_list(&l, r->devices, r->n_devices, err);

    if (rc == 0)
        rc = cgroup_devices_list(&l, default_rules, ARRAY_LEN(default_rules), err);
    return rc < 0 ? rc : v1_write(t, &l, err);
}

/* ---- v2: a program ------------------------------------------------------------------------------------------- */

enum { R0, R1, R2, R3, R4, R5 };
/* R1: struct bpf_cgroup_dev_ctx; then R2: type, R3: access not yet allowed, R4: major, R5: minor. */

struct program {
    struct bpf_insn *v;
    uint32_t n;
    bool full;
};

static void emit(struct program *p, unsigned code, unsigned dst, unsigned src, int off, int32_t imm)
{
    if (p->n == CGROUP_PROGRAM_MAX) {
        p->full = true;
        return;
    }
    p->v[p->n] = (struct bpf_insn){0};
    p->v[p->n].code = (uint8_t)code;
    p->v[p->n].dst_reg = dst & 15;
    p->v[p->n].src_reg = src & 15;
    p->v[p->n].off = (int16_t)off;
    p->v[p->n].imm = imm;
    p->n++;
}

static void emit_answer(struct program *p, bool allow)
{
    emit(p, BPF_ALU64 | BPF_MOV | BPF_K, R0, 0, 0, allow);
    emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static void emit_begin(struct program *p)
{
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R2, R1, 0, 0);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R4, R1, 4, 0);
    emit(p, BPF_LDX | BPF_MEM | BPF_W, R5, R1, 8, 0);
    emit(p, BPF_ALU64 | BPF_MOV | BPF_X, R3, R2, 0, 0);
    emit(p, BPF_ALU64 | BPF_RSH | BPF_K, R3, 0, 0, 16);
    emit(p, BPF_ALU64 | BPF_AND | BPF_K, R2, 0, 0, 0xffff);
}

/* One rule. Jumps to the next rule are patched when its place is known. True when it decides every request, so that
 * what would follow could never run (the verifier refuses such code). */
static bool emit_rule(struct program *p, const struct device_access *d)
{
    uint8_t access = access_bits(d);
    uint32_t jumps[4], n = 0;
    bool any = d->type == 'a' && d->major == -1 && d->minor == -1;

    if (access == 0)
        return false;
    if (d->type != 'a') {
        jumps[n++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R2, 0, 0, d->type == 'b' ? BPF_DEVCG_DEV_BLOCK : BPF_DEVCG_DEV_CHAR);
    }
    if (d->major != -1) {
        jumps[n++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R4, 0, 0, (int32_t)d->major);
    }
    if (d->minor != -1) {
        jumps[n++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R5, 0, 0, (int32_t)d->minor);
    }
    if (access != ACCESS_ALL && d->allow) {
        emit(p, BPF_ALU64 | BPF_AND | BPF_K, R3, 0, 0, ACCESS_ALL & ~access);
        jumps[n++] = p->n;
        emit(p, BPF_JMP | BPF_JNE | BPF_K, R3, 0, 0, 0);
    } else if (access != ACCESS_ALL) {
        emit(p, BPF_JMP | BPF_JSET | BPF_K, R3, 0, 1, access);
        jumps[n++] = p->n;
        emit(p, BPF_JMP | BPF_JA, 0, 0, 0, 0);
    }
    emit_answer(p, d->allow);
    for (uint32_t i = 0; i < n && !p->full; i++)
        p->v[jumps[i]].off = (int16_t)(p->n - jumps[i] - 1);
    return any && access == ACCESS_ALL;
}

int cgroup_devices_program(struct bpf_insn *out, const struct device_access *rules, uint32_t n, struct err *err)
{
    struct program p = {out, 0, false};
    bool decided = false;

    emit_begin(&p);
    for (uint32_t i = ARRAY_LEN(default_rules); i-- > 0 && !decided && !p.full;)
        decided = emit_rule(&p, &default_rules[i]);
    for (uint32_t i = n; i-- > 0 && !decided && !p.full;) {
        if (rules[i].major > INT32_MAX || rules[i].minor > INT32_MAX || rules[i].major < -1 || rules[i].minor < -1)
            return err_set(err, -EINVAL, "%s[%u]: device %lld:%lld is no device number; give 0 to %d or leave it out",
                           field, i, (long long)rules[i].major, (long long)rules[i].minor, INT32_MAX);
        decided = emit_rule(&p, &rules[i]);
    }
    if (!decided)
        emit_answer(&p, false);
    if (p.full)
        return err_set(err, -E2BIG,
                       "%s: %u rules make a program of more than %d instructions; widen some to whole majors", field, n,
                       CGROUP_PROGRAM_MAX);
    return (int)p.n;
}

static long bpf_call(int command, union bpf_attr *attr)
{
    long r = syscall(SYS_bpf, command, attr, sizeof *attr);

    return r < 0 ? -errno : r;
}

static const char *bpf_remedy(long code)
{
    return code == -EPERM || code == -EACCES ? "run with CAP_BPF and CAP_SYS_ADMIN, or leave the rules out"
           : code == -E2BIG                  ? "give fewer rules"
                                             : "the kernel needs CONFIG_CGROUP_BPF; or leave the rules out";
}

/* Programs attached before ours. A newer one is attached first, so at no moment is there none. */
#define ATTACHED_MAX 64

static uint32_t attached_query(int dirfd, uint32_t *ids)
{
    union bpf_attr a;

    memset(&a, 0, sizeof a);
    a.query.target_fd = (uint32_t)dirfd;
    a.query.attach_type = BPF_CGROUP_DEVICE;
    a.query.prog_ids = (uint64_t)(uintptr_t)ids;
    a.query.prog_cnt = ATTACHED_MAX;
    if (bpf_call(BPF_PROG_QUERY, &a) < 0)
        return 0;
    return a.query.prog_cnt < ATTACHED_MAX ? a.query.prog_cnt : ATTACHED_MAX;
}

static int attached_remove(int dirfd, uint32_t id)
{
    union bpf_attr a;

    memset(&a, 0, sizeof a);
    a.prog_id = id;
    _cleanup_fd_ int fd = (int)bpf_call(BPF_PROG_GET_FD_BY_ID, &a);
    if (fd < 0)
        return fd;
    memset(&a, 0, sizeof a);
    a.target_fd = (uint32_t)dirfd;
    a.attach_bpf_fd = (uint32_t)fd;
    a.attach_type = BPF_CGROUP_DEVICE;
    return (int)bpf_call(BPF_PROG_DETACH, &a);
}

static int program_load(const struct bpf_insn *v, uint32_t n, struct err *err)
{
    union bpf_attr a;

    memset(&a, 0, sizeof a);
    a.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE;
    a.insns = (uint64_t)(uintptr_t)v;
    a.insn_cnt = n;
    a.license = (uint64_t)(uintptr_t) "Apache-2.0";
    long fd = bpf_call(BPF_PROG_LOAD, &a);
    if (fd < 0)
        return err_set(err, (int)fd, "%s: cannot load the device filter of %u instructions: %s; %s", field, n,
                       strerror((int)-fd), bpf_remedy(fd));
    return (int)fd;
}

static int v2_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    struct bpf_insn v[CGROUP_PROGRAM_MAX];
    uint32_t old[ATTACHED_MAX], n_old = 0;
    union bpf_attr a;
    int dirfd = t->cg->dir_fds[t->h];
    int n = cgroup_devices_program(v, r->devices, r->n_devices, err);

    if (n < 0)
        return n;
    _cleanup_fd_ int fd = program_load(v, (uint32_t)n, err);
    if (fd < 0)
        return fd;
    if (t->update)
        n_old = attached_query(dirfd, old);
    memset(&a, 0, sizeof a);
    a.target_fd = (uint32_t)dirfd;
    a.attach_bpf_fd = (uint32_t)fd;
    a.attach_type = BPF_CGROUP_DEVICE;
    a.attach_flags = BPF_F_ALLOW_MULTI;
    long rc = bpf_call(BPF_PROG_ATTACH, &a);
    if (rc < 0)
        return err_set(err, (int)rc, "%s: cannot attach the device filter to %s%s: %s; %s", field,
                       t->cg->host->h[t->h].mountpoint, t->cg->path, strerror((int)-rc), bpf_remedy(rc));
    for (uint32_t i = 0; i < n_old; i++) {
        rc = attached_remove(dirfd, old[i]);
        if (rc < 0 && rc != -ENOENT)
            return err_set(err, (int)rc, "%s: cannot take the former device filter %u from %s%s: %s; %s", field, old[i],
                           t->cg->host->h[t->h].mountpoint, t->cg->path, strerror((int)-rc), bpf_remedy(rc));
    }
    return 0;
}

int cgroup_devices_apply(const struct cgroup_target *t, const struct resources *r, struct err *err)
{
    return t->cg->host->h[t->h].v2 ? v2_apply(t, r, err) : v1_apply(t, r, err);
}
