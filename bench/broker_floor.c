/* SPDX-License-Identifier: Apache-2.0 */
/*
 * broker_floor PROGRAM PATH...: what the walls of a start behind the broker cost in bare system calls. All namespaces,
 * a memory file system as root with each PATH and PROGRAM bound read-only, fresh /proc, /dev (six nodes, pts, shm) and
 * /tmp, pivot_root, exec, wait. No rules, no filter, no Landlock, no control group, no state, no second process; root
 * only; nothing is checked but for success. For benchmarks.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/mount.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef AT_RECURSIVE
#define AT_RECURSIVE 0x8000
#endif
#define READ_ONLY (MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)

static char stack[65536] __attribute__((aligned(64)));
static char **args;
static int go[2];

static long must(long r, const char *what)
{
    if (r < 0) {
        fprintf(stderr, "broker_floor: %s: %s\n", what, strerror(errno));
        _exit(1);
    }
    return r;
}

static int new_fs(const char *type, const char *mode)
{
    int fs = (int)must(syscall(SYS_fsopen, type, FSOPEN_CLOEXEC), type);

    if (mode)
        must(syscall(SYS_fsconfig, fs, FSCONFIG_SET_STRING, "mode", mode, 0), type);
    must(syscall(SYS_fsconfig, fs, FSCONFIG_CMD_CREATE, NULL, NULL, 0), type);
    int tree = (int)must(syscall(SYS_fsmount, fs, FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID), type);
    close(fs);
    return tree;
}

static void make_target(int root, const char *path, int directory)
{
    char name[4096];

    snprintf(name, sizeof name, "%s", path + 1);
    for (char *c = name; *c; c++) {
        if (*c != '/')
            continue;
        *c = '\0';
        mkdirat(root, name, 0755);
        *c = '/';
    }
    if (directory)
        mkdirat(root, name, 0755);
    else
        close(openat(root, name, O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
}

static void put(int root, int tree, const char *path)
{
    must(syscall(SYS_move_mount, tree, "", root, path + 1, MOVE_MOUNT_F_EMPTY_PATH), path);
    close(tree);
}

static void bind_path(int root, const char *path, uint64_t attributes)
{
    int tree =
        (int)must(syscall(SYS_open_tree, AT_FDCWD, path, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE), path);
    struct mount_attr a = {.attr_set = attributes};
    struct stat st;

    must(syscall(SYS_mount_setattr, tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &a, sizeof a), path);
    must(fstat(tree, &st), path);
    make_target(root, path, S_ISDIR(st.st_mode));
    put(root, tree, path);
}

static void fresh(int root, const char *path, const char *type, const char *mode)
{
    make_target(root, path, 1);
    put(root, new_fs(type, mode), path);
}

static int inside(void *unused)
{
    static const char *const nodes[] = {"/dev/null",   "/dev/zero",    "/dev/full",
                                        "/dev/random", "/dev/urandom", "/dev/tty"};
    static const char *const links[] = {"bin", "sbin", "lib", "lib64"};
    char c, target[32];

    (void)unused;
    must(read(go[0], &c, 1), "wait");
    must(mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL), "private");
    int root = new_fs("tmpfs", "755");
    must(syscall(SYS_move_mount, root, "", AT_FDCWD, "/", MOVE_MOUNT_F_EMPTY_PATH), "root");
    for (char **a = args + 1; *a; a++)
        bind_path(root, *a, READ_ONLY);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) {
        snprintf(target, sizeof target, "usr/%s", links[i]);
        symlinkat(target, root, links[i]);
    }
    fresh(root, "/proc", "proc", NULL);
    fresh(root, "/dev", "tmpfs", "755");
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        bind_path(root, nodes[i], MOUNT_ATTR_NOSUID);
    fresh(root, "/dev/pts", "devpts", NULL);
    fresh(root, "/dev/shm", "tmpfs", "1777");
    fresh(root, "/tmp", "tmpfs", "1777");
    must(fchdir(root), "root");
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "umount");
    execl(args[1], args[1], NULL);
    return (int)must(-1, "exec");
}

static void write_map(pid_t pid, const char *file)
{
    char path[48];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    int fd = (int)must(open(path, O_WRONLY | O_CLOEXEC), path);
    must(write(fd, "0 0 1", 5), path);
    close(fd);
}

int main(int argc, char **argv)
{
    int status;

    if (argc < 2)
        return 2;
    args = argv;
    must(pipe2(go, O_CLOEXEC), "pipe");
    pid_t pid = clone(inside, stack + sizeof stack,
                      CLONE_NEWUSER | CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS |
                          CLONE_NEWCGROUP | CLONE_VM | SIGCHLD,
                      NULL);
    must(pid, "clone");
    write_map(pid, "uid_map");
    write_map(pid, "gid_map");
    must(write(go[1], "", 1), "go");
    must(waitpid(pid, &status, 0), "wait");
    return status != 0;
}
