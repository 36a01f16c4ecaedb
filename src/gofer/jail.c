/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the gofer needs of the kernel, and nothing else; the walls themselves are confine/walls.h. It has no memory to
 * ask for, no program to run and nobody to connect to. openat(2), linkat(2) and fchmodat(2) begin at /proc/self/fd
 * alone; everything else is by descriptor, and below the trees by Landlock.
 */
#include "gofer/jail.h"

#include "base/mem.h"

#include <linux/capability.h>
#include <linux/seccomp.h>

#define ADDRESS_SPACE ((uint64_t)64 << 20)
#define BIT(cap)      (1ull << (cap))

static const char *const plain_calls[] = {
    "recvmsg",    "sendmsg",    "write",   "close",     "exit",       "exit_group", "restart_syscall", "openat2",
    "newfstatat", "fstat",      "fstatfs", "lseek",     "getdents64", "readlinkat",           /* looking */
    "fgetxattr",  "flistxattr", "fsync",   "fdatasync", "geteuid",    "getegid",    "munmap", /* of what the filter was
                                                                                                 made in */
};
static const char *const changing_calls[] = {
    "mkdirat", "symlinkat", "unlinkat", "renameat2", "ftruncate", "fchownat", "utimensat", "fsetxattr", "fremovexattr",
};
static const char *const proc_calls[] = {"openat"};
static const char *const changing_proc_calls[] = {"linkat", "fchmodat"};

#define NAMES(a)                                                                                                       \
    {                                                                                                                  \
        (char **)(uintptr_t)(a), ARRAY_LEN(a)                                                                          \
    }

int jail_enter(const struct jail *j, struct err *err)
{
    struct seccomp_arg from_proc = {.index = 0, .op = SECCOMP_OP_EQ, .value = (uint64_t)j->proc};
    const struct seccomp_rule rules[] = {
        {.names = NAMES(plain_calls), .action = SECCOMP_RET_ALLOW},
        {.names = NAMES(proc_calls), .action = SECCOMP_RET_ALLOW, .args = &from_proc, .n_args = 1},
        {.names = NAMES(changing_calls), .action = SECCOMP_RET_ALLOW},
        {.names = NAMES(changing_proc_calls), .action = SECCOMP_RET_ALLOW, .args = &from_proc, .n_args = 1},
    };
    const struct walls walls = {
        .who = "the gofer",
        .dest = -1,
        .source = -1,
        .trees = j->trees,
        .n_trees = j->n_trees,
        .stays = true, /* it ends with the sentry, whose end of the socket closes then */
        .descriptors = j->descriptors,
        .files = j->files,
        .file_bytes = UINT64_MAX,
        .memory = ADDRESS_SPACE,
        .capabilities =
            BIT(CAP_CHOWN) | BIT(CAP_DAC_OVERRIDE) | BIT(CAP_DAC_READ_SEARCH) | BIT(CAP_FOWNER) | BIT(CAP_FSETID),
        .calls = rules,
        .n_calls = j->writes ? 4 : 2,
    };
    return walls_enter(&walls, err);
}
