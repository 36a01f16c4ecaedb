/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The lists of test_linux_files.c, our side on a volume: a directory of the host behind a gofer, in this process
 * (test-linux_hostfs) or the one of this build, shut in, over its socket (test-linux_hostfs_gofer).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "linux_files_host.h"
#include "linux_harness.h"

#include "linux/linux.h"

#ifndef GOFER_PROCESS
#define GOFER_PROCESS 0
#endif

void script_on_host(struct harness *);
void script_on_host_end(void);

void script_on_host(struct harness *h)
{
    static const struct linux_mount volume = {.place = "/tmp/here", .kind = LINUX_MOUNT_HOST};
    const char *dir = host_place();
    if (dir)
        h->files = GOFER_PROCESS ? host_files_process(dir, FILES_RW) : host_files(dir, FILES_RW);
    h->mounts = &volume, h->n_mounts = 1;
}

void script_on_host_end(void)
{
    int status = GOFER_PROCESS ? host_files_process_end() : 0;
    host_place_end();
    assert_int_equal(status, 0); /* of the gofer, when the sentry is gone */
}
