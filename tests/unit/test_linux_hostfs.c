/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of test_linux_files.c, our side on a volume: a directory of the host behind a gofer. */
#include "linux_files_host.h"
#include "linux_harness.h"

#include "linux/linux.h"

void script_on_host(struct harness *);
void script_on_host_end(void);

void script_on_host(struct harness *h)
{
    static const struct linux_mount volume = {.place = "/tmp/here", .kind = LINUX_MOUNT_HOST};
    const char *dir = host_place();
    h->files = dir ? host_files(dir, FILES_RW) : NULL;
    h->mounts = &volume, h->n_mounts = 1;
}

void script_on_host_end(void)
{
    host_place_end();
}
