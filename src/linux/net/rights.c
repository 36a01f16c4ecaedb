/* SPDX-License-Identifier: Apache-2.0 */
/* Control messages of unix sockets: open files and identities, unix(7), cmsg(3). */
#include "linux/core/call.h"
#include "linux/fs/fd.h"
#include "linux/net/socket.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <string.h>

#define CONTROL_MOST   4096u /* bytes of control messages that are looked at */
#define CMSG_ALIGN_(n) (((n) + 7) & ~(uint64_t)7)
#define CMSG_HEAD      sizeof(struct user_cmsghdr)

static size_t rights_bytes(uint32_t n)
{
    return sizeof(struct rights) + n * sizeof(struct file *);
}

struct rights *rights_new(uint32_t n)
{
    struct rights *r = heap_alloc(rights_bytes(n));
    if (!r)
        return NULL;
    list_init(&r->link);
    r->n = n;
    return r;
}

void rights_free(struct rights *r)
{
    if (!r)
        return;
    for (uint32_t i = 0; i < r->n; i++)
        if (r->files[i])
            file_put(r->files[i]);
    list_remove(&r->link);
    heap_release(r, rights_bytes(r->n));
}

static struct user_ucred rights_own_cred(void)
{
    const struct cred *c = current->cred;
    return (struct user_ucred){.pid = current->process->pid, .uid = c->uid, .gid = c->gid};
}

static int rights_files(const uint8_t *data, uint64_t size, struct rights **out)
{
    uint64_t n = size / sizeof(int32_t);
    if (!n)
        return 0;
    if (n > SCM_RIGHTS_MOST)
        return -EINVAL;
    if (*out)
        return -EINVAL; /* one such message is enough for anyone, and keeps the bookkeeping whole */
    struct rights *r = rights_new((uint32_t)n);
    if (!r)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++) {
        int32_t fd;
        memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
        if ((r->files[i] = fd_get_path(fd)))
            continue;
        rights_free(r);
        return -EBADF;
    }
    *out = r;
    return 0;
}

/* Who is not privileged may name only itself. */
static int rights_cred(const uint8_t *data, uint64_t size, struct user_ucred *cred)
{
    const struct cred *c = current->cred;
    if (size != sizeof(*cred))
        return -EINVAL;
    memcpy(cred, data, sizeof(*cred));
    if (cred->pid != current->process->pid && !capable(current, 21 /* CAP_SYS_ADMIN */))
        return -EPERM;
    bool uid =
        cred->uid == c->uid || cred->uid == c->euid || cred->uid == c->suid || capable(current, 7 /* CAP_SETUID */);
    bool gid =
        cred->gid == c->gid || cred->gid == c->egid || cred->gid == c->sgid || capable(current, 6 /* CAP_SETGID */);
    return uid && gid ? 0 : -EPERM;
}

/* `bytes` is the kernel's copy. */
static int rights_parse(const uint8_t *bytes, uint64_t size, struct rights **files, struct user_ucred *cred,
                        bool *has_cred)
{
    for (uint64_t at = 0; at + CMSG_HEAD <= size;) {
        struct user_cmsghdr h;
        memcpy(&h, bytes + at, sizeof(h));
        if (h.size < CMSG_HEAD || h.size > size - at)
            return -EINVAL;
        const uint8_t *data = bytes + at + CMSG_HEAD;
        if (h.level == SOL_SOCKET && h.type == SCM_RIGHTS_) {
            int r = rights_files(data, h.size - CMSG_HEAD, files);
            if (r)
                return r;
        } else if (h.level == SOL_SOCKET && h.type == SCM_CREDENTIALS_) {
            int r = rights_cred(data, h.size - CMSG_HEAD, cred);
            if (r)
                return r;
            *has_cred = true;
        } else if (h.level == SOL_SOCKET) {
            return -EINVAL;
        }
        if (CMSG_ALIGN_(h.size) > size - at)
            break;
        at += CMSG_ALIGN_(h.size);
    }
    return 0;
}

int rights_read(struct socket *s, uint64_t control, uint64_t size, struct rights **out)
{
    uint8_t bytes[CONTROL_MOST];
    struct rights *files = NULL;
    struct user_ucred cred = rights_own_cred();
    bool has_cred = false;
    *out = NULL;
    if (size > sizeof(bytes))
        return -ENOBUFS;
    if (size && copy_in(bytes, uptr(control), size))
        return -EFAULT;
    int r = rights_parse(bytes, size, &files, &cred, &has_cred);
    /* The receiver may ask who sent this: so each message of a unix socket says it when one of them wants to know. */
    if (!r && s->family == AF_UNIX_ && (has_cred || s->pass_cred || (s->peer && s->peer->pass_cred)))
        has_cred = true;
    if (!r && has_cred && !files && !(files = rights_new(0)))
        r = -ENOMEM;
    if (r) {
        rights_free(files);
        return r;
    }
    if (files)
        files->has_cred = has_cred, files->cred = cred;
    *out = s->family == AF_UNIX_ ? files : NULL;
    if (!*out)
        rights_free(files);
    return 0;
}

static uint64_t rights_put(uint64_t control, uint64_t used, uint64_t size, int type, const void *data, uint64_t n,
                           uint32_t *flags)
{
    struct user_cmsghdr h = {.size = CMSG_HEAD + n, .level = SOL_SOCKET, .type = type};
    if (used + h.size > size) {
        *flags |= MSG_CTRUNC_;
        return used;
    }
    if (copy_out(uptr(control + used), &h, sizeof(h)) || copy_out(uptr(control + used + CMSG_HEAD), data, n))
        return used;
    uint64_t next = used + CMSG_ALIGN_(h.size);
    return next < size ? next : size;
}

int64_t rights_write(struct socket *s, struct rights *r, uint64_t control, uint64_t size, uint32_t flags,
                     uint32_t *out_flags)
{
    int32_t fds[SCM_RIGHTS_MOST];
    uint64_t used = 0;
    uint32_t n = 0;
    if (s->pass_cred) {
        struct user_ucred cred = r && r->has_cred ? r->cred : (struct user_ucred){.uid = 65534, .gid = 65534};
        used = rights_put(control, used, size, SCM_CREDENTIALS_, &cred, sizeof(cred), out_flags);
    }
    if (!r || !r->n)
        return (int64_t)used;
    uint64_t room = size >= used + CMSG_HEAD ? (size - used - CMSG_HEAD) / sizeof(int32_t) : 0;
    while (n < r->n && n < room) {
        int fd = fd_install(r->files[n], flags & MSG_CMSG_CLOEXEC_, 0);
        if (fd < 0)
            break;
        r->files[n] = NULL;
        fds[n++] = fd;
    }
    if (n < r->n)
        *out_flags |= MSG_CTRUNC_;
    if (n)
        used = rights_put(control, used, size, SCM_RIGHTS_, fds, n * sizeof(int32_t), out_flags);
    return (int64_t)used;
}
