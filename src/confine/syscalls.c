/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names and numbers of system calls. The names looked up are foreign (a profile); the table is ours and sorted, which
 * tests/unit/test_seccomp.c checks.
 */
#include "confine/syscalls.h"

#include "base/mem.h"
#include "confine/seccomp.h"

#include <linux/audit.h>
#include <string.h>

#define NONE                                      (-1)
#define SYSCALL(name, x86_64, i386, aarch64, arm) {#name, {x86_64, i386, aarch64, arm}},

static const struct syscall_row rows[] = {
#include "confine/syscalls_table.h"
};

/* linux/net.h and linux/ipc.h; sorted by name. */
static const struct syscall_mux_row mux_rows[] = {
    {"accept", "socketcall", 5},
    {"accept4", "socketcall", 18},
    {"bind", "socketcall", 2},
    {"connect", "socketcall", 3},
    {"getpeername", "socketcall", 7},
    {"getsockname", "socketcall", 6},
    {"getsockopt", "socketcall", 15},
    {"listen", "socketcall", 4},
    {"msgctl", "ipc", 14},
    {"msgget", "ipc", 13},
    {"msgrcv", "ipc", 12},
    {"msgsnd", "ipc", 11},
    {"recv", "socketcall", 10},
    {"recvfrom", "socketcall", 12},
    {"recvmmsg", "socketcall", 19},
    {"recvmsg", "socketcall", 17},
    {"semctl", "ipc", 3},
    {"semget", "ipc", 2},
    {"semop", "ipc", 1},
    {"semtimedop", "ipc", 4},
    {"send", "socketcall", 9},
    {"sendmmsg", "socketcall", 20},
    {"sendmsg", "socketcall", 16},
    {"sendto", "socketcall", 11},
    {"setsockopt", "socketcall", 14},
    {"shmat", "ipc", 21},
    {"shmctl", "ipc", 24},
    {"shmdt", "ipc", 22},
    {"shmget", "ipc", 23},
    {"shutdown", "socketcall", 13},
    {"socket", "socketcall", 1},
    {"socketpair", "socketcall", 8},
};

int syscall_arch_column(uint32_t arch)
{
    switch (arch) {
    case AUDIT_ARCH_X86_64:
        return SYSCALL_X86_64;
    case AUDIT_ARCH_I386:
        return SYSCALL_I386;
    case AUDIT_ARCH_AARCH64:
        return SYSCALL_AARCH64;
    case AUDIT_ARCH_ARM:
        return SYSCALL_ARM;
    default:
        return -1;
    }
}

/* Eight bytes of a name as a number that orders as the bytes do. */
static uint64_t name_word(const char *name, int i)
{
    uint64_t w;

    memcpy(&w, name + 8 * i, sizeof w);
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? __builtin_bswap64(w) : w;
}

/* A name in the table's form; false when it is too long to be in it. */
static int name_pad(const char *name, char padded[SYSCALL_NAME_MAX])
{
    size_t n = strnlen(name, SYSCALL_NAME_MAX);

    if (n == SYSCALL_NAME_MAX)
        return 0;
    memset(padded, 0, SYSCALL_NAME_MAX);
    memcpy(padded, name, n);
    return 1;
}

/* A profile is some 400 names and every start of a sandbox looks them all up: whole words are compared, not bytes. */
int syscall_row_find(const char *name)
{
    char padded[SYSCALL_NAME_MAX];
    size_t low = 0, high = ARRAY_LEN(rows);

    if (!name_pad(name, padded))
        return -1;
    const uint64_t first = name_word(padded, 0);
    while (low < high) {
        size_t mid = (low + high) / 2;
        uint64_t a = first, b = name_word(rows[mid].name, 0);
        for (int i = 1; a == b && i < SYSCALL_NAME_MAX / 8; i++) {
            a = name_word(padded, i);
            b = name_word(rows[mid].name, i);
        }
        if (a == b)
            return (int)mid;
        if (a < b)
            high = mid;
        else
            low = mid + 1;
    }
    return -1;
}

const struct syscall_row *syscall_row_at(int i)
{
    return i >= 0 && (size_t)i < ARRAY_LEN(rows) ? &rows[i] : NULL;
}

const struct syscall_mux_row *syscall_mux_find(const char *name)
{
    size_t low = 0, high = ARRAY_LEN(mux_rows);

    while (low < high) {
        size_t mid = (low + high) / 2;
        int c = strcmp(name, mux_rows[mid].name);
        if (!c)
            return &mux_rows[mid];
        if (c < 0)
            high = mid;
        else
            low = mid + 1;
    }
    return NULL;
}

int syscall_number(uint32_t arch, const char *name)
{
    int column = syscall_arch_column(arch);
    int row = column < 0 ? -1 : syscall_row_find(name);

    return row < 0 ? -1 : rows[row].number[column];
}

/* For listings only, hence the walk. Where a number has two names the first in the table is given. */
const char *syscall_name(uint32_t arch, int number)
{
    int column = syscall_arch_column(arch);

    if (column < 0 || number < 0)
        return NULL;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (rows[i].number[column] == number)
            return rows[i].name;
    return NULL;
}
