/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiled filters kept as files: <digest of the policy>.bpf holds the instructions and nothing else. Only the owner
 * may be able to write the directory and the files; both are checked, because a filter from a stranger is an open door.
 * Reading checks the length and every instruction; whatever is wrong with the cache, the filter is compiled as if there
 * were none.
 */
#include "confine/seccomp.h"

#include "base/io.h"
#include "base/sha256.h"
#include "confine/seccomp_emit.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* Goes into every digest: to be raised by one when the compiler's output or the table of system calls changes. */
#define COMPILER_VERSION 1

#define FILE_NAME_SIZE (SHA256_HEX_SIZE + 4)

/* Bytes on their way into the digest: many small pieces cost more than they weigh. */
struct serial {
    struct sha256 hash;
    size_t n;
    uint8_t buf[1024];
};

static void serial_bytes(struct serial *s, const void *p, size_t len)
{
    if (!len) /* p may be NULL */
        return;
    if (len > sizeof s->buf - s->n) {
        sha256_update(&s->hash, s->buf, s->n);
        s->n = 0;
    }
    if (len > sizeof s->buf) {
        sha256_update(&s->hash, p, len);
        return;
    }
    memcpy(s->buf + s->n, p, len);
    s->n += len;
}

static void serial_u32(struct serial *s, uint32_t v)
{
    serial_bytes(s, &v, sizeof v);
}

static void serial_u64(struct serial *s, uint64_t v)
{
    serial_bytes(s, &v, sizeof v);
}

/* Everything the program depends on, each list after its length, each name with its NUL: no two policies read alike. */
static void policy_digest(const struct seccomp_policy *p, char name[FILE_NAME_SIZE])
{
    struct serial s = {.n = 0};
    uint8_t digest[SHA256_SIZE];

    sha256_init(&s.hash);
    serial_u32(&s, COMPILER_VERSION);
    serial_u32(&s, p->default_action);
    serial_u32(&s, p->n_arches);
    serial_bytes(&s, p->arches, p->n_arches * sizeof *p->arches);
    serial_u32(&s, p->n_rules);
    for (uint32_t i = 0; i < p->n_rules; i++) {
        const struct seccomp_rule *r = &p->rules[i];
        serial_u32(&s, r->action);
        serial_u32(&s, r->n_args);
        for (uint32_t k = 0; k < r->n_args; k++) {
            serial_u32(&s, r->args[k].index);
            serial_u32(&s, (uint32_t)r->args[k].op);
            serial_u64(&s, r->args[k].value);
            serial_u64(&s, r->args[k].value_two);
        }
        serial_u32(&s, r->names.n);
        for (uint32_t k = 0; k < r->names.n; k++)
            serial_bytes(&s, r->names.v[k], strlen(r->names.v[k]) + 1);
    }
    sha256_update(&s.hash, s.buf, s.n);
    sha256_final(&s.hash, digest);
    sha256_hex(digest, name);
    memcpy(name + SHA256_HEX_SIZE - 1, ".bpf", 5);
}

static bool only_owner_writes(const struct stat *st)
{
    return st->st_uid == geteuid() && !(st->st_mode & (S_IWGRP | S_IWOTH));
}

/* Why it failed is of no interest: -errno only tells success from the rest. */
static int cache_read(struct arena *a, int dirfd, const char *name, struct bpf_program *out)
{
    _cleanup_fd_ int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    struct sock_filter *insns;
    struct stat st;

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || !only_owner_writes(&st))
        return -EPERM;
    if (st.st_size <= 0 || st.st_size % (off_t)sizeof *insns || st.st_size > (off_t)(BPF_MAXINSNS * sizeof *insns))
        return -EBADMSG;
    insns = arena_alloc(a, (size_t)st.st_size);
    if (!insns)
        return -ENOMEM;
    if (read(fd, insns, (size_t)st.st_size) != (ssize_t)st.st_size)
        return -EIO;
    if (!bpf_program_valid(insns, (uint32_t)(st.st_size / (off_t)sizeof *insns)))
        return -EBADMSG;
    *out = (struct bpf_program){insns, (uint32_t)(st.st_size / (off_t)sizeof *insns)};
    return 0;
}

int seccomp_compile_cached(struct arena *a, int dirfd, const struct seccomp_policy *p, struct bpf_program *out,
                           struct err *err)
{
    char name[FILE_NAME_SIZE];
    struct stat st;
    int rc;

    if (dirfd < 0 || p->moat_default)
        return seccomp_compile(a, p, out, err);
    if (fstat(dirfd, &st) < 0 || !S_ISDIR(st.st_mode) || !only_owner_writes(&st))
        return seccomp_compile(a, p, out, err);
    policy_digest(p, name);
    if (cache_read(a, dirfd, name, out) == 0)
        return 0;
    rc = seccomp_compile(a, p, out, err);
    if (rc < 0)
        return rc;
    /* A full disk or a read-only one makes the next start slower, not this one fail. */
    (void)io_replace_file(dirfd, name, out->insns, out->n * sizeof *out->insns, 0600);
    return 0;
}
