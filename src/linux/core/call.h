/* SPDX-License-Identifier: Apache-2.0 */
/* The shape of a system-call handler, and the table of them (syscalls.def). */
#ifndef MOAT_LINUX_CORE_CALL_H
#define MOAT_LINUX_CORE_CALL_H

#include "linux/core/uaccess.h"
#include "linux/core/wait.h"

#include <asm/errno.h>

/* The arguments, read once from the registers. */
struct args {
    uint64_t v[6];
};
/* t is the current task. The result or -errno (or one of wait.h's restart numbers). Handlers stand in the file of their
 * subject, in the order copy in, check, act, copy out. */
typedef int64_t call_handler(struct task *t, const struct args *a);

static inline int arg_int(const struct args *a, int i)
{
    return (int)a->v[i];
}
static inline uint32_t arg_u32(const struct args *a, int i)
{
    return (uint32_t)a->v[i];
}
static inline struct uptr arg_ptr(const struct args *a, int i)
{
    return (struct uptr){a->v[i]};
}

enum call_status {
    CALL_FULL,
    CALL_PARTIAL,
    CALL_NONE
}; /* NONE: answered by -ENOSYS or another errno, with the reason */

struct call {
    const char *name; /* NULL: no such number */
    uint8_t status;
    uint8_t n_args;
    uint8_t kinds[6]; /* enum arg_kind, for strace */
    const char *note;
};
#define CALL_MAX 463
extern const struct call call_table[CALL_MAX]; /* what is known of each (calls.c): trace and documentation */
extern call_handler *const call_handlers[];    /* who serves it (handlers.c); NULL: nobody, -ENOSYS */
extern const uint32_t call_handlers_n;
/* Where its handler stands. In a kernel for one program (`moat build`) the table has those that it can make and no
 * gaps. */
#ifdef CALLS_INDEXED
extern const uint8_t call_index[];
#define CALL_PLACE(nr) call_index[nr]
#else
#define CALL_PLACE(nr) (nr)
#endif
call_handler sys_none;     /* -ENOSYS */
uint64_t call_count(void); /* calls ever made */

/* How strace prints an argument. */
enum arg_kind {
    A_NONE,
    A_INT,
    A_UINT,
    A_HEX,
    A_SIZE,
    A_OCT,
    A_FD,
    A_ATFD,
    A_PTR,
    A_PATH,
    A_STR,
    A_IN,  /* a buffer whose size is the next argument */
    A_OUT, /* a buffer whose size is the result */
    A_IOV,
    A_SIGNO,
    A_SIGSET,
    A_TIMESPEC,
    A_TIMEVAL,
    A_CLOCK,
    A_OPEN,
    A_PROT,
    A_MAP,
    A_STAT,
    A_SOCKADDR,
    A_SOCKADDR_OUT,
    A_DOMAIN,
    A_SOCKTYPE,
    A_FUTEX,
    A_CLONE,
    A_WAIT,
    A_WHENCE,
    A_POLLFDS,
    A_EPOLL_EVENT,
    A_ARGV,
    A_INT_OUT,
    A_FDPAIR_OUT,
    A_KINDS
};

/* Weak, so that a kernel for one program is linked from an archive with only the calls that are asked for by name; the
 * whole kernel has all of them (a test). */
#define CALL(nr, name, status, note, ...) call_handler sys_##name __attribute__((weak));
#define NOCALL(nr, name, note)
#include "linux/syscalls.def"
#undef CALL
#undef NOCALL

#endif
