/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Paths. A path is text that a program chose and a directory that it has a descriptor of. It is resolved by the kernel,
 * once, beneath that directory (openat2(2), RESOLVE_BENEATH without magic links): neither "..", nor a link, nor a move
 * of a directory meanwhile leads out. Nothing is looked at by name and then used by name: what is opened is used by its
 * descriptor; where Linux wants a name (make, move, remove), it is one name in an opened directory, which is not
 * followed. What was opened is asked where it lies: nothing of procfs and its kin is kept, since a file there is this
 * process's own memory, by whatever mount and name it was reached.
 */
#include "wasi/program.h"

#include "base/kernelfs.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <unistd.h>

/* RESOLVE_BENEATH gives up when something moved while it went through "..": whoever moves things without end gets the
 * error. */
#define TRIES 128

int path_take_text(struct wasi_call *c, unsigned a, char text[PATH_MAX])
{
    uint32_t length = c->args[a + 1].i32;

    text[0] = 0;
    if (length >= PATH_MAX)
        return -ENAMETOOLONG;
    int r = memory_read(c->memory, call_address(c, a), text, length);
    text[length] = 0;
    if (r < 0)
        return r;
    if (!length)
        return -ENOENT;
    return memchr(text, 0, length) ? -EINVAL : text[0] == '/' ? -WASI_NOTCAPABLE : 0;
}

int path_take(struct wasi_call *c, unsigned n, unsigned a, uint32_t rights, struct wasi_path *out)
{
    int r = fd_get(c->wasi, c->args[n].i32, 0, &out->dir);

    if (r < 0) {
        out->dir = NULL;
        return r;
    }
    if ((r = path_take_text(c, a, out->text)) < 0)
        return r;
    if (out->dir->kind != WASI_DIRECTORY)
        return -ENOTDIR;
    return rights & ~out->dir->rights ? -WASI_NOTCAPABLE : 0;
}

int path_admit(int fd)
{
    int error;

    if (kernelfs_of(fd, &error))
        return -WASI_KERNELS;
    return error == -ENOSYS ? 0 : error; /* those always answer, but what a process serves (FUSE) need not */
}

int path_admit_device(int fd)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return -errno;
    const unsigned number = minor(st.st_rdev); /* mem(4): 1 is mem, 2 kmem, 4 port */
    const bool memory = S_ISCHR(st.st_mode) && major(st.st_rdev) == 1 && (number == 1 || number == 2 || number == 4);
    return memory ? -WASI_KERNELS : 0;
}

/* Takes it, and gives it or the error. */
static int admitted(int fd)
{
    int r = path_admit(fd);

    if (r == 0)
        return fd;
    close(fd);
    return r;
}

static int beneath(int dir, const char *text, uint64_t flags, mode_t mode)
{
    struct open_how how = {
        .flags = flags | O_CLOEXEC, .mode = mode, .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS};
    int error = EAGAIN;

    for (int i = 0; i < TRIES && (error == EAGAIN || error == EINTR); i++) {
        int fd = (int)syscall(SYS_openat2, dir, text, &how, sizeof how);
        if (fd >= 0)
            return admitted(fd);
        error = errno;
    }
    return error == EXDEV ? -WASI_NOTCAPABLE : -error;
}

int path_open_beneath(const struct wasi_path *p, uint64_t flags, mode_t mode)
{
    return beneath(p->dir->host, p->text, flags, mode);
}

int path_place(const struct wasi_path *p, int dots, struct wasi_place *out)
{
    const char *text = p->text;
    char parent[PATH_MAX];
    size_t end = strlen(text), name;

    *out = (struct wasi_place){.dir = p->dir->host};
    while (end && text[end - 1] == '/')
        end--;
    name = end;
    while (name && text[name - 1] != '/')
        name--;
    size_t length = end - name;
    if (length > NAME_MAX)
        return -ENAMETOOLONG;
    memcpy(out->name, text + name, length);
    if (!strcmp(out->name, ".") || !strcmp(out->name, "..")) {
        _cleanup_fd_ int fd = beneath(p->dir->host, text, O_PATH | O_DIRECTORY, 0);
        return fd < 0 ? fd : dots;
    }
    if (text[end])
        out->name[length] = '/';
    if (!name)
        return 0;
    memcpy(parent, text, name);
    parent[name] = 0;
    int fd = beneath(p->dir->host, parent, O_PATH | O_DIRECTORY, 0);
    if (fd < 0)
        return fd;
    out->dir = fd;
    out->opened = true;
    return 0;
}

void path_place_end(struct wasi_place *at)
{
    if (at->opened)
        close(at->dir);
}

/* The way from the preopen: where the directory was when it was opened. */
static void join(const struct wasi_path *p, char out[2 * PATH_MAX])
{
    const char *below = p->dir->below ? p->dir->below : "";
    size_t n = strlen(below);

    memcpy(out, below, n);
    if (n)
        out[n++] = '/';
    strcpy(out + n, p->text);
}

int path_done(struct wasi_call *c, const struct wasi_path *p, int result)
{
    static const int told[] = {-ENOENT, -EACCES, -EPERM, -EROFS, -WASI_NOTCAPABLE, -WASI_KERNELS};
    char path[2 * PATH_MAX];
    bool tell = false;

    for (size_t i = 0; i < ARRAY_LEN(told); i++)
        tell |= result == told[i];
    if (!tell || !c->wasi->denied || !p->dir || p->dir->kind != WASI_DIRECTORY || !p->text[0])
        return result;
    join(p, path);
    c->wasi->denied(c->wasi->data, &(struct wasi_denial){.deed = p->deed,
                                                         .directory = c->wasi->origins[p->dir->origin].name,
                                                         .path = path,
                                                         .access = p->access,
                                                         .error = result});
    return result;
}
