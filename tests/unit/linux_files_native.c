/* SPDX-License-Identifier: Apache-2.0 */
/* The lines of linux_files_script.h on the host's kernel: in a child, in a new directory of a tmpfs. */
#include "linux_files_script.h"

#include <errno.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static int64_t native_call(int64_t nr, const uint64_t v[6])
{
    long r = syscall(nr, v[0], v[1], v[2], v[3], v[4], v[5]);
    return r < 0 ? -errno : r;
}

static void *native_memory(size_t n)
{
    return calloc(1, n);
}

/* A new directory in a tmpfs, mode 755, with the directory "here" in it; NULL: there is none. */
static char *place(char name[64])
{
    static const char *const candidates[] = {"/dev/shm", "/tmp", "/run"};
    struct statfs fs;
    for (size_t i = 0; i < sizeof(candidates) / sizeof(candidates[0]); i++) {
        if (statfs(candidates[i], &fs) || fs.f_type != TMPFS_MAGIC)
            continue;
        snprintf(name, 64, "%s/moat-files-XXXXXX", candidates[i]);
        if (mkdtemp(name) && !chmod(name, 0755))
            return name;
    }
    return NULL;
}

static void child(const char *dir, const char *const *lines, char *log, size_t n)
{
    const struct script_world world = {.call = native_call, .memory = native_memory};
    const struct rlimit files = {1024, 1024};
    umask(022);
    close_range(3, ~0u, 0);
    if (chdir(dir) || mkdir("here", 0755) || chdir("here") || setrlimit(RLIMIT_NOFILE, &files))
        _exit(1);
    script_run(&world, lines, log, n);
    _exit(0);
}

static void remove_tree(const char *dir)
{
    char command[256];
    snprintf(command, sizeof(command), "chmod -R u+rwx %s 2>/dev/null; rm -rf %s", dir, dir);
    if (system(command)) /* its own directory under a fixed name */
        fprintf(stderr, "cannot remove %s\n", dir);
}

int script_run_natively(const char *const *lines, char *log, size_t n)
{
    char name[64];
    int status = -1;
    if (!place(name))
        return 1;
    char *shared = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t pid = shared == MAP_FAILED ? -1 : fork();
    if (pid == 0)
        child(name, lines, shared, n);
    if (pid > 0)
        waitpid(pid, &status, 0);
    if (shared != MAP_FAILED) {
        memcpy(log, shared, n);
        munmap(shared, n);
    }
    remove_tree(name);
    return status ? -1 : 0;
}

bool script_host_since(int major, int minor)
{
    struct utsname u;
    int a = 0, b = 0;
    if (uname(&u) || sscanf(u.release, "%d.%d", &a, &b) < 2)
        return false;
    return a > major || (a == major && b >= minor);
}
