/* SPDX-License-Identifier: Apache-2.0 */
#include "gofer_here.h"

#include "gofer/gofer.h"
#include "sentry/files.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static struct gofer gofer;
static struct reply reply;
uint32_t gofer_here_requests;
static uint8_t datagram[sizeof(struct files_request) + 2 * FILES_TEXT_MAX + FILES_BYTES_MAX];

int gofer_here_begin(void)
{
    static bool begun;
    if (begun)
        gofer_end(&gofer);
    else
        gofer_begin(&gofer, open("/proc/self/fd", O_RDONLY | O_DIRECTORY | O_CLOEXEC), GOFER_HANDLES_MAX);
    begun = true;
    gofer.most = GOFER_HANDLES_MAX;
    gofer_here_requests = 0;
    return gofer.proc < 0 ? -ENOENT : 0;
}

void gofer_here_most(uint32_t handles)
{
    gofer.most = handles;
}

int gofer_here_root(const char *path, uint32_t flags)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    int number = (int)gofer.n_roots, r = fd < 0 ? -errno : gofer_root(&gofer, fd, flags);
    return r ? r : number;
}

static int call(struct files_call *c)
{
    size_t n = sizeof(c->r);
    memcpy(datagram, &c->r, n);
    memcpy(datagram + n, c->name ? c->name : "", c->r.name), n += c->r.name;
    memcpy(datagram + n, c->second ? c->second : "", c->r.second), n += c->r.second;
    memcpy(datagram + n, c->value ? c->value : "", c->r.value), n += c->r.value;
    gofer_here_requests++;
    int r = gofer_serve(&gofer, datagram, n, &reply);
    if (r)
        return r;
    c->a = reply.a;
    c->fd = reply.fd;
    if (reply.a.bytes > c->room)
        return -EIO;
    if (reply.a.bytes)
        memcpy(c->to, reply.bytes, reply.a.bytes);
    return c->a.error;
}

const struct files_ops gofer_here = {
    .call = call,
    FILES_HOST_OPS,
};
