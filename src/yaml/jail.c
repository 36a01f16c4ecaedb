/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What conversion needs of the kernel: reading, writing, memory, an end. There is no call that opens, looks up or
 * connects, so neither a root directory of its own nor Landlock has to stand for that to hold.
 */
#include "yaml/jail.h"

#include "base/mem.h"
#include "confine/walls.h"
#include "host/yaml_record.h"

#include <linux/seccomp.h>
#include <sys/mman.h>

#define MEMORY      ((uint64_t)512 << 20)
#define CPU_SECONDS 10

int yaml_jail_enter(struct err *err)
{
    static const char *const plain[] = {"read",    "write", "close",     "munmap", "mremap",     "brk",
                                        "madvise", "futex", "getrandom", "exit",   "exit_group", "restart_syscall"};
    static const char *const mapping[] = {"mmap", "mprotect"};
    static struct seccomp_arg no_exec = {.index = 2, .op = SECCOMP_OP_MASKED_EQ, .value = PROT_EXEC, .value_two = 0};
    const struct seccomp_rule rules[] = {
        {.names = {(char **)plain, ARRAY_LEN(plain)}, .action = SECCOMP_RET_ALLOW},
        {.names = {(char **)mapping, ARRAY_LEN(mapping)}, .action = SECCOMP_RET_ALLOW, .args = &no_exec, .n_args = 1},
    };
    const struct walls walls = {.who = "the YAML reader",
                                .dest = -1,
                                .source = -1,
                                .descriptors = 3,
                                .file_bytes = YAML_RECORD_MAX,
                                .memory = MEMORY,
                                .cpu_seconds = CPU_SECONDS,
                                .calls = rules,
                                .n_calls = ARRAY_LEN(rules)};

    return walls_enter(&walls, err);
}
