/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A launcher without guards: what the attacks of this folder must succeed against, or they prove nothing.
 *   naive run ROOT PROGRAM [ARG...]      new namespaces, chroot, exec; its own file is what /proc/PID/exe leads to
 *   naive init ROOT PROGRAM [ARG...]     the same, beside a first process (busybox, sleeping) that keeps the
 * namespace alive naive spawn PROGRAM [ARG...]         starts it and ends soon: what an attacker tells a launcher that
 * he runs inside naive exec PID PROGRAM [ARG...]      joins the namespaces of PID naive chroot ROOT PROGRAM [ARG...]
 * chroot alone naive mounts ROOT DESTINATION TRIES  checks the path, then makes the directory and the mount by that
 * path Trust: none; run it in private mount namespaces only.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static int wait_status(pid_t pid)
{
    int status;

    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return 125;
    return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}

static _Noreturn void enter_root(const char *root, char **argv)
{
    if (chroot(root) < 0 || chdir("/") < 0) {
        perror("chroot");
        exit(125);
    }
    mount("proc", "/proc", "proc", 0, NULL);
    execvp(argv[0], argv);
    perror("exec");
    exit(126);
}

static int run(const char *root, char **argv, bool with_init)
{
    static char *sleeper[] = {"/bin/busybox", "sleep", "5", NULL};

    if (unshare(CLONE_NEWPID | CLONE_NEWNS) < 0)
        return perror("unshare"), 125;
    mount(NULL, "/", NULL, MS_PRIVATE | MS_REC, NULL);
    if (with_init && fork() == 0)
        enter_root(root, sleeper);
    pid_t pid = fork();
    if (pid == 0)
        enter_root(root, argv);
    /* For the test, which needs the pid of the first process. */
    fprintf(stderr, "pid %d\n", (int)pid);
    return wait_status(pid);
}

static int join(const char *pid_text, char **argv)
{
    static const char *const kinds[] = {"pid", "mnt"};
    char path[64];
    int fds[2], root;

    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/proc/%s/ns/%s", pid_text, kinds[i]);
        fds[i] = open(path, O_RDONLY | O_CLOEXEC);
    }
    snprintf(path, sizeof path, "/proc/%s/root", pid_text);
    root = open(path, O_PATH | O_CLOEXEC);
    if (setns(fds[0], CLONE_NEWPID) < 0 || setns(fds[1], CLONE_NEWNS) < 0 || fchdir(root) < 0 || chroot(".") < 0)
        return perror("join"), 125;
    pid_t pid = fork();
    if (pid == 0) {
        execvp(argv[0], argv);
        perror("exec");
        _exit(126);
    }
    return wait_status(pid);
}

static int make_mounts(const char *root, const char *destination, long tries)
{
    char path[PATH_MAX], real[PATH_MAX], file[PATH_MAX + 8];
    size_t n = strlen(root);

    snprintf(path, sizeof path, "%s%s", root, destination);
    for (long i = 0; i < tries; i++) {
        if (!realpath(path, real) || strncmp(real, root, n) || real[n] != '/')
            continue; /* "is it inside?" is asked first, and then the name is used once more */
        if (mount("none", path, "tmpfs", 0, NULL) == 0)
            umount2(path, MNT_DETACH);
        snprintf(file, sizeof file, "%s/node", path);
        mknod(file, S_IFREG | 0600, 0);
        unlink(file); /* of whatever it is by now */
    }
    return 0;
}

int main(int argc, char **argv)
{
    if (argc >= 4 && !strcmp(argv[1], "run"))
        return run(argv[2], argv + 3, false);
    if (argc >= 4 && !strcmp(argv[1], "init"))
        return run(argv[2], argv + 3, true);
    if (argc >= 4 && !strcmp(argv[1], "exec"))
        return join(argv[2], argv + 3);
    if (argc >= 4 && !strcmp(argv[1], "chroot"))
        enter_root(argv[2], argv + 3);
    if (argc >= 5 && !strcmp(argv[1], "leak")) {
        if (chroot(argv[2]) < 0 || chdir(argv[3]) < 0)
            return perror("leak"), 125;
        execvp(argv[4], argv + 4);
        return 126;
    }
    if (argc == 5 && !strcmp(argv[1], "mounts"))
        return make_mounts(argv[2], argv[3], atol(argv[4]));
    if (argc >= 3 && !strcmp(argv[1], "spawn") && fork() == 0) {
        execvp(argv[2], argv + 2);
        _exit(126);
    }
    usleep(300000); /* run inside as /proc/self/exe: any launcher lives for a moment there */
    return 125;
}
