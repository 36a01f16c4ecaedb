/* SPDX-License-Identifier: Apache-2.0 */
/* See walls.h. */
#include "sentry/walls.h"

#include "sentry/apart.h"

#include <errno.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

static void drop_rights(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct nothing[2] = {{0}};
    const struct rlimit none = {0, 0};
    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) || setrlimit(RLIMIT_CORE, &none) ||
        syscall(SYS_capset, &header, nothing))
        apart_fatal("rights cannot be given up: %s", strerror(errno));
}

/* Descriptors of whoever has started this, and those that were for the first stub. From WALLS_KEPT on lies what moat
 * has sent (control.h). */
static void close_others(const struct walls_world *w)
{
    unsigned from = STDERR_FILENO + 1;
    for (int left = 1; left;) {
        unsigned next = WALLS_KEPT;
        for (int i = 0; i < WALLS_NAMES; i++)
            if (w->of[i] >= (int)from && (unsigned)w->of[i] < next)
                next = (unsigned)w->of[i];
        left = next < WALLS_KEPT;
        if (from < next && syscall(SYS_close_range, from, next - 1, 0))
            apart_fatal("descriptors cannot be closed: %s (Linux 5.9)", strerror(errno));
        from = next + 1;
    }
}

void walls_raise(const struct walls_world *w)
{
    struct sock_filter room[WALLS_ROOM], *program;
    int n = walls_filter(w, room, &program);
    close_others(w);
    drop_rights();
    if (n < 0)
        apart_fatal("the filter is too long");
    struct sock_fprog prog = {.len = (unsigned short)n, .filter = program};
    if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &prog))
        apart_fatal("the filter of system calls: %s (CONFIG_SECCOMP_FILTER)", strerror(errno));
}
