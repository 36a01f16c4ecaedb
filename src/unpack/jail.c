/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What unpacking needs of the kernel, and nothing else; the walls themselves are confine/walls.h. After the last one no
 * code can be loaded: mappings with PROT_EXEC are refused, so a library planted in the tree (where "/" now is) cannot
 * get in by way of dlopen(3).
 */
#include "unpack/jail.h"

#include "base/mem.h"
#include "confine/walls.h"

#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define ADDRESS_SPACE ((uint64_t)3 << 30) /* xz and zstd windows, and lists of ten million entries */
#define BIT(cap)      (1ull << (cap))

static const char *plain_calls[] = {
    "read",       "write",         "pread64",    "pwrite64",        "close",     "lseek",
    "ftruncate",  "fcntl", /* data */
    "openat",     "openat2",       "newfstatat", "fstatat64",       "fstat",     "statx",
    "getdents64",                                                                              /* looking */
    "readlinkat", "flistxattr",    "fgetxattr",                                                /* copy: what is there */
    "mkdirat",    "symlinkat",     "linkat",     "unlinkat",        "renameat2",               /* making, replacing */
    "fchown",     "fchownat",      "fchmod",     "fchmodat",        "utimensat", "fsetxattr",  /* attributes */
    "munmap",     "mremap",        "brk",        "madvise",         "sysinfo",                 /* malloc(3), qsort(3) */
    "getrandom",  "clock_gettime", "futex",      "restart_syscall", "exit",      "exit_group", /* the rest of libc */
    NULL};
static const char *mapping_calls[] = {"mmap", "mprotect", NULL};
static const char *mknod_calls[] = {"mknodat", NULL};
static const char *ioctl_calls[] = {"ioctl", NULL};

int jail_enter(struct jail *j, struct err *err)
{
    static struct seccomp_arg no_exec = {.index = 2, .op = SECCOMP_OP_MASKED_EQ, .value = PROT_EXEC, .value_two = 0};
    static struct seccomp_arg fifo = {.index = 2, .op = SECCOMP_OP_MASKED_EQ, .value = S_IFMT, .value_two = S_IFIFO};
    static struct seccomp_arg clone_file = {.index = 1, .op = SECCOMP_OP_EQ, .value = FICLONE};
    const struct seccomp_rule rules[] = {
        {.names = {(char **)plain_calls, ARRAY_LEN(plain_calls) - 1}, .action = SECCOMP_RET_ALLOW},
        {.names = {(char **)mapping_calls, 2}, .action = SECCOMP_RET_ALLOW, .args = &no_exec, .n_args = 1},
        {.names = {(char **)mknod_calls, 1}, .action = SECCOMP_RET_ALLOW, .args = &fifo, .n_args = 1},
        {.names = {(char **)ioctl_calls, 1}, .action = SECCOMP_RET_ALLOW, .args = &clone_file, .n_args = 1},
    };
    const struct walls walls = {
        .who = "the unpacker",
        .dest = j->dest,
        .source = j->source,
        .descriptors = 6,
        .file_bytes = j->max_bytes,
        .memory = ADDRESS_SPACE,
        .capabilities = BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_FOWNER) | BIT(CAP_FSETID) | BIT(CAP_SETFCAP),
        .calls = rules,
        .n_calls = ARRAY_LEN(rules),
    };

    j->owners = geteuid() == 0;
    return walls_enter(&walls, err);
}
