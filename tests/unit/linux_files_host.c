/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of test_linux_files.c on a directory of the host: a new one in a tmpfs, behind a gofer in this process. */
#include "linux_files_host.h"
#include "gofer_here.h"
#include "linux/linux.h"

#include <dirent.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

static char dir[64];

/* A new directory in a tmpfs; NULL: there is none. */
const char *host_place(void)
{
    static const char *const candidates[] = {"/dev/shm", "/tmp", "/run"};
    struct statfs fs;
    for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
        if (statfs(candidates[i], &fs) || fs.f_type != TMPFS_MAGIC)
            continue;
        snprintf(dir, sizeof(dir), "%s/moat-host-XXXXXX", candidates[i]);
        if (mkdtemp(dir) && !chmod(dir, 0755))
            return dir;
    }
    return NULL;
}

void host_place_end(void)
{
    char command[256];
    if (gofer_here_begin())
        fprintf(stderr, "no gofer\n");
    snprintf(command, sizeof(command), "chmod -R u+rwx %s 2>/dev/null; rm -rf %s", dir, dir);
    if (system(command)) /* its own directory under a fixed name */
        fprintf(stderr, "cannot remove %s\n", dir);
}

const struct files_ops *host_files(const char *root, uint32_t flags)
{
    return gofer_here_begin() || gofer_here_root(root, flags) ? NULL : &gofer_here;
}
