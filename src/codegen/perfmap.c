/* SPDX-License-Identifier: Apache-2.0 */
/* The file of names for perf. Makes one file, never follows a link and never writes to a file that it has not made. */
#include "codegen/perfmap.h"

#include "base/io.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NAME_MAX_BYTES 256
#define LINE_MAX_BYTES (2 * 16 + 2 + NAME_MAX_BYTES + 1 + 1) /* two numbers, spaces, name, end of line, NUL */

struct code_perfmap {
    int fd, failed;
    size_t len;
    char buf[16384];
};

int code_perfmap_open(struct code_perfmap **out, struct err *err)
{
    struct code_perfmap *p = malloc(sizeof(*p));
    char path[64];

    if (!p)
        return err_sys(err, -ENOMEM, "map of names for perf");
    snprintf(path, sizeof(path), "/tmp/perf-%ld.map", (long)getpid());
    p->fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    if (p->fd < 0) {
        int code = -errno;

        free(p);
        return err_sys(err, code, "%s: names for perf", path);
    }
    p->failed = 0;
    p->len = 0;
    *out = p;
    return 0;
}

static void flush(struct code_perfmap *p)
{
    int r = io_write_all(p->fd, p->buf, p->len);

    if (r < 0 && !p->failed)
        p->failed = r;
    p->len = 0;
}

void code_perfmap_add(struct code_perfmap *p, const void *start, size_t size, const char *name, size_t name_len)
{
    char *at;

    if (!p)
        return;
    if (sizeof(p->buf) - p->len < LINE_MAX_BYTES)
        flush(p);
    at = p->buf + p->len;
    at += sprintf(at, "%jx %jx ", (uintmax_t)(uintptr_t)start, (uintmax_t)size);
    for (size_t i = 0; i < name_len && i < NAME_MAX_BYTES; i++)
        *at++ = (char)(name[i] >= ' ' && name[i] <= '~' ? name[i] : '?');
    *at++ = '\n';
    p->len = (size_t)(at - p->buf);
}

int code_perfmap_close(struct code_perfmap *p)
{
    int failed;

    if (!p)
        return 0;
    flush(p);
    failed = p->failed;
    close(p->fd);
    free(p);
    return failed;
}
