/* SPDX-License-Identifier: Apache-2.0 */
#include "host/idmap.h"

#include "base/io.h"
#include "host/clone.h"
#include "host/helper.h"
#include "host/subid.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define NS_GET_TYPE  _IO(0xb7, 0x3) /* NS_GET_NSTYPE, linux/nsfs.h */
#define MAP_TEXT_MAX 4096           /* the kernel takes at most a page */

#define HELPER_TEXT 300 /* of what a helper says */

int ioctl_ns_type(int fd)
{
    int r = ioctl(fd, NS_GET_TYPE);

    return r < 0 ? -errno : r;
}

static int write_map(pid_t pid, const char *file, const struct id_maps *maps, struct err *err)
{
    char path[64], text[MAP_TEXT_MAX];
    size_t n = 0;

    for (uint32_t i = 0; i < maps->n && n < sizeof text - 40; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%u %u %u\n", maps->v[i].inside, maps->v[i].outside,
                              maps->v[i].count);
    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int r = io_write_at(AT_FDCWD, path, text);
    return r < 0 ? err_sys(err, r, "user namespace: cannot write %s, which needs %s (%u %u %u ...)", file,
                           file[0] == 'u' ? "CAP_SETUID" : "CAP_SETGID", maps->n ? maps->v[0].inside : 0,
                           maps->n ? maps->v[0].outside : 0, maps->n ? maps->v[0].count : 0)
                 : 0;
}

/* What it said, in one line without its own name; a newline ends it. */
static void read_complaint(int fd, char text[HELPER_TEXT])
{
    char raw[HELPER_TEXT];
    size_t n = 0;
    ssize_t k;

    while (n < sizeof raw && ((k = read(fd, raw + n, sizeof raw - n)) > 0 || (k < 0 && errno == EINTR)))
        n += k > 0 ? (size_t)k : 0;
    const char *end = memchr(raw, '\n', n), *colon = memchr(raw, ':', n);
    size_t skip = colon && colon + 2 < raw + n && (!end || colon < end) ? (size_t)(colon + 2 - raw) : 0;
    helper_printable(text, HELPER_TEXT, raw + skip, (end ? (size_t)(end - raw) : n) - skip);
}

/* newuidmap PID inside outside count ...: a set-uid program, so from a fixed place and without our environment. */
static int run_helper(const char *name, pid_t pid, const struct id_maps *maps, struct err *err)
{
    char numbers[3 * 64][12], who[12], text[HELPER_TEXT];
    const char *helper;
    char *argv[3 * 64 + 3] = {(char *)(uintptr_t)name, who};
    pid_t child;
    int status = 0, ends[2];

    if (maps->n > 64)
        return err_set(err, -E2BIG, "%s: %u id map entries, at most 64 here", name, maps->n);
    int r = subid_helper(name, &helper, err);
    if (r < 0)
        return err_wrap(err, "user namespace: more than one id without root");
    snprintf(who, sizeof who, "%d", (int)pid);
    for (uint32_t i = 0; i < maps->n; i++) {
        const uint32_t v[3] = {maps->v[i].inside, maps->v[i].outside, maps->v[i].count};
        for (int k = 0; k < 3; k++) {
            snprintf(numbers[i * 3 + (uint32_t)k], sizeof numbers[0], "%u", v[k]);
            argv[2 + i * 3 + (uint32_t)k] = numbers[i * 3 + (uint32_t)k];
        }
    }
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "%s: make a pipe", helper);
    const struct helper_fd fds[] = {{ends[1], 2}};
    r = helper_spawn(helper, argv, fds, ARRAY_LEN(fds), &child);
    close(ends[1]);
    if (r == 0)
        read_complaint(ends[0], text);
    close(ends[0]);
    if (r < 0)
        return err_sys(err, r, "start %s", helper);
    r = helper_wait(child, false, &status);
    if (r < 0)
        return err_sys(err, r, "wait for %s", helper);
    return status ? err_set(
                        err, -EPERM,
                        "%s refused the map of ids: %s (/etc/sub%s must grant the range; --userns single does without)",
                        helper, *text ? text : "it did not say why", name[3] == 'u' ? "uid" : "gid")
                  : 0;
}

static bool only_own(const struct id_maps *maps, uint32_t own)
{
    return maps->n == 1 && maps->v[0].count == 1 && maps->v[0].outside == own;
}

int idmap_write(pid_t pid, const struct id_maps *uid, const struct id_maps *gid, bool unprivileged, struct err *err)
{
    char path[64];
    int r;

    if (!unprivileged) {
        r = write_map(pid, "uid_map", uid, err);
        return r < 0 ? r : write_map(pid, "gid_map", gid, err);
    }
    if (!only_own(uid, geteuid()) || !only_own(gid, getegid())) {
        r = run_helper("newuidmap", pid, uid, err);
        return r < 0 ? r : run_helper("newgidmap", pid, gid, err);
    }
    snprintf(path, sizeof path, "/proc/%d/setgroups", (int)pid);
    r = io_write_at(AT_FDCWD, path, "deny");
    if (r < 0)
        return err_sys(err, r, "user namespace: cannot write setgroups");
    r = write_map(pid, "uid_map", uid, err);
    return r < 0 ? r : write_map(pid, "gid_map", gid, err);
}

__attribute__((noreturn)) static int wait_for_kill(void *unused)
{
    for (;;)
        sys(SYS_ppoll, NULL, 0, NULL, NULL, 8);
}

int idmap_userns(const struct id_maps *uid, const struct id_maps *gid, int *fd, struct err *err)
{
    static char stack[4096] __attribute__((aligned(16)));
    struct clone_args args = {
        .flags = CLONE_VM | CLONE_NEWUSER, .stack = (uint64_t)(uintptr_t)stack, .stack_size = sizeof stack};
    char path[64];
    int pid = (int)clone3_call(&args, wait_for_kill, NULL);

    if (pid < 0)
        return err_sys(err, pid, "user namespace for an id-mapped mount");
    int r = idmap_write(pid, uid, gid, false, err);
    snprintf(path, sizeof path, "/proc/%d/ns/user", pid);
    if (r == 0 && (*fd = open(path, O_RDONLY | O_CLOEXEC)) < 0)
        r = err_sys(err, -errno, "%s", path);
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, __WALL) < 0 && errno == EINTR)
        ;
    return r;
}

uint32_t idmap_owner(uint32_t owner, const struct id_map *base, struct id_map out[3])
{
    uint32_t n = 0;

    if (owner == 0) {
        out[0] = (struct id_map){0, base->outside, base->count};
        return 1;
    }
    out[n++] = (struct id_map){owner, base->outside, 1};
    uint32_t below = owner < base->count ? owner - 1 : base->count - 1;
    if (below)
        out[n++] = (struct id_map){1, base->outside + 1, below};
    if (owner < base->count - 1)
        out[n++] = (struct id_map){owner + 1, base->outside + owner + 1, base->count - owner - 1};
    return n;
}
