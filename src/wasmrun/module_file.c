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
#include <sys/stat.h>
#include <unistd.h>

#define HANDED_OVER "MOAT_METER_FD" /* the one descriptor that a boundary may hand to what it runs */

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

int wasmrun_module_read(int fd, const uint8_t **bytes, size_t *size, struct err *err)
{
    _cleanup_fd_ int file = fd;
    struct stat st;

    if (fstat(file, &st) < 0)
        return err_sys(err, -errno, "the module");
    if (!S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "it is no file");
    if (st.st_size > (off_t)WASM_MODULE_SIZE_MAX)
        return err_set(err, -EFBIG, "%lld bytes: a module has at most %u", (long long)st.st_size, WASM_MODULE_SIZE_MAX);
    size_t room = (size_t)st.st_size + 1;
    uint8_t *to = mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (to == MAP_FAILED)
        return err_sys(err, -errno, "no memory for the module's %lld bytes", (long long)st.st_size);
    int r = read_whole(file, to, (size_t)st.st_size, size);
    if (r == 0 && mprotect(to, room, PROT_READ) < 0)
        r = -errno;
    *bytes = to;
    return r < 0 ? err_sys(err, r, "reading the module") : 0;
}
