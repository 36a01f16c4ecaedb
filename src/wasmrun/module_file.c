/* SPDX-License-Identifier: Apache-2.0 */
/* See module_file.h. Foreign bytes are copied here and not looked at. */
#include "wasmrun/module_file.h"

#include "base/mem.h"
#include "wasm/module/module.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define HANDED_OVER "MOAT_HANDED_FD" /* the one descriptor that a boundary may hand to what it runs */

int wasmrun_module_open(const char *path, struct err *err)
{
    const char *number = getenv(HANDED_OVER);
    int fd = !strcmp(path, "-") ? STDIN_FILENO
             : number           ? atoi(number)
                                : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    return fd < 0 || fcntl(fd, F_SETFD, FD_CLOEXEC) < 0 ? err_sys(err, -errno, "%s", path) : fd;
}

static int read_whole(int fd, uint8_t *to, size_t size, size_t *got)
{
    for (*got = 0; *got < size;) {
        ssize_t n = pread(fd, to + *got, size - *got, (off_t)*got);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -errno;
        if (n == 0)
            break; /* it was cut meanwhile: what is there is what counts */
        *got += (size_t)n;
    }
    return 0;
}

static int check_file(int fd, off_t *size, struct err *err)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(err, -errno, "the module");
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "it is no file");
    *size = st.st_size;
    return 0;
}

int wasmrun_module_read(int fd, const uint8_t **bytes, size_t *size, struct err *err)
{
    _cleanup_fd_ int file = fd;
    off_t there;
    int r = check_file(file, &there, err);

    if (r < 0)
        return r;
    if (there > (off_t)WASM_MODULE_SIZE_MAX)
        return err_set(err, -EFBIG, "%lld bytes: a module has at most %u", (long long)there, WASM_MODULE_SIZE_MAX);
    size_t room = (size_t)there + 1;
    uint8_t *to = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (to == MAP_FAILED)
        return err_sys(err, -errno, "no memory for the module's %lld bytes", (long long)there);
    r = read_whole(file, to, (size_t)there, size);
    if (r == 0 && mprotect(to, room, PROT_READ) < 0)
        r = -errno;
    *bytes = to;
    return r < 0 ? err_sys(err, r, "reading the module") : 0;
}

int wasmrun_image_map(int fd, const uint8_t **bytes, size_t *size, bool *runs, struct err *err)
{
    _cleanup_fd_ int file = fd;
    off_t there;
    int r = check_file(file, &there, err);

    if (r < 0 || there == 0) {
        *size = 0;
        return r;
    }
    const uint8_t *at = mmap(NULL, (size_t)there, PROT_READ | PROT_EXEC, MAP_PRIVATE, file, 0);
    *runs = at != MAP_FAILED;
    if (!*runs)
        at = mmap(NULL, (size_t)there, PROT_READ, MAP_PRIVATE, file, 0);
    if (at == MAP_FAILED)
        return err_sys(err, -errno, "compiled code cannot be mapped");
    *bytes = at;
    *size = (size_t)there;
    return 0;
}

int wasmrun_companions_take(int *fd, int *listeners, uint32_t n, int *image, struct err *err)
{
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE((WASMRUN_LISTENERS_MAX + 2) * sizeof(int))];
    } control;
    int fds[WASMRUN_LISTENERS_MAX + 2];
    char byte;
    struct iovec iov = {&byte, 1};
    struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    const size_t bytes = ((size_t)n + 1) * sizeof(int);
    _cleanup_fd_ int from = *fd;

    *fd = -1;
    if (image)
        *image = -1;
    if (n > WASMRUN_LISTENERS_MAX || recvmsg(from, &msg, MSG_CMSG_CLOEXEC) != 1 || !CMSG_FIRSTHDR(&msg) ||
        control.head.cmsg_type != SCM_RIGHTS ||
        (control.head.cmsg_len != CMSG_LEN(bytes) &&
         (!image || control.head.cmsg_len != CMSG_LEN(bytes + sizeof(int)))))
        return err_set(err, -EPROTO, "the module and what belongs to it were not handed over");
    memcpy(fds, CMSG_DATA(&control.head), control.head.cmsg_len - CMSG_LEN(0));
    *fd = fds[0];
    for (uint32_t i = 0; i < n; i++)
        listeners[i] = fds[i + 1];
    if (control.head.cmsg_len != CMSG_LEN(bytes))
        *image = fds[n + 1];
    return 0;
}
