/* SPDX-License-Identifier: Apache-2.0 */
/* The lists of test_linux_files.c on a directory of the host: a new one in a tmpfs, behind a gofer in this process. */
#include "linux_files_host.h"
#include "gofer_here.h"
#include "linux/linux.h"

#include "sentry/files.h"

#include <fcntl.h>
#include <linux/magic.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/wait.h>
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

/* The gofer of this build, which lies two folders above this program. */
static void start_gofer(int socket, int root, uint32_t flags)
{
    char path[4096 + 64], words[2][64];
    ssize_t n = readlink("/proc/self/exe", path, 4096);
    if (n < 0)
        _exit(127);
    path[n] = 0;
    for (int i = 0; i < 3; i++)
        *strrchr(path, '/') = 0;
    strcat(path, "/libexec/moat-gofer");
    snprintf(words[0], sizeof(words[0]), "%d", socket);
    snprintf(words[1], sizeof(words[1]), "%d:%s", root, flags & FILES_RW ? "rw" : "ro");
    execl(path, path, "--socket", words[0], "--root", words[1], (char *)NULL);
    _exit(127);
}

static pid_t gofer;

const struct files_ops *host_files_process(const char *path, uint32_t flags)
{
    int pair[2], root = open(path, O_PATH);
    if (root < 0 || socketpair(AF_UNIX, SOCK_SEQPACKET, 0, pair) < 0)
        return NULL;
    gofer = fork();
    if (!gofer) {
        close(pair[0]);
        start_gofer(pair[1], root, flags);
    }
    close(pair[1]);
    close(root);
    fcntl(pair[0], F_SETFD, FD_CLOEXEC);
    return gofer < 0 ? NULL : files_begin(pair[0], NULL);
}

void host_files_process_kill(void)
{
    kill(gofer, SIGKILL);
}

bool host_files_process_apart(void)
{
    return getsid(gofer) == gofer;
}

int host_files_process_end(void)
{
    int status = -1;
    files_end();
    if (gofer > 0)
        waitpid(gofer, &status, 0);
    gofer = 0;
    return status;
}

const struct files_ops *host_files(const char *root, uint32_t flags)
{
    return gofer_here_begin() || gofer_here_root(root, flags) ? NULL : &gofer_here;
}

/* ---- another process of the host ---- */

static void must(bool done, const char *what, const char *name)
{
    if (done)
        return;
    fprintf(stderr, "# the host's side of the test: %s %s: %m\n", what, name);
    abort();
}

static int place_fd(void)
{
    static int fd = -1;
    if (fd >= 0)
        close(fd);
    fd = open(dir, O_PATH | O_CLOEXEC);
    return fd;
}

static void put(const char *name, const char *text, int flags)
{
    int fd = openat(place_fd(), name, O_WRONLY | O_CREAT | flags, 0644);
    must(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text) && !close(fd), "write", name);
}

void host_put(const char *name, const char *text)
{
    put(name, text, O_TRUNC);
}

void host_append(const char *name, const char *text)
{
    put(name, text, O_APPEND);
}

void host_directory(const char *name)
{
    must(!mkdirat(place_fd(), name, 0755), "mkdir", name);
}

void host_rename(const char *from, const char *to)
{
    int fd = place_fd();
    must(!renameat(fd, from, fd, to), "rename", from);
}

void host_link(const char *from, const char *to)
{
    int fd = place_fd();
    must(!linkat(fd, from, fd, to, 0), "link", from);
}

void host_symlink(const char *text, const char *name)
{
    must(!symlinkat(text, place_fd(), name), "symlink", name);
}

void host_fifo(const char *name)
{
    must(!mkfifoat(place_fd(), name, 0644), "mkfifo", name);
}

void host_remove(const char *name)
{
    int fd = place_fd();
    must(!unlinkat(fd, name, 0) || !unlinkat(fd, name, AT_REMOVEDIR), "remove", name);
}

const char *host_text(const char *name)
{
    static char text[8192];
    int fd = openat(place_fd(), name, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n < 0)
        return NULL;
    text[n] = 0;
    return text;
}

uint32_t host_mode(const char *name)
{
    struct stat st;
    return fstatat(place_fd(), name, &st, AT_SYMLINK_NOFOLLOW) ? 0 : st.st_mode;
}

const struct files_ops *host_few(const char *root, uint32_t flags, uint32_t handles)
{
    const struct files_ops *ops = host_files(root, flags);
    gofer_here_most(handles);
    return ops;
}

uint32_t host_requests(void)
{
    return gofer_here_requests;
}
