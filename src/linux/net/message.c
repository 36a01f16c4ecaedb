/* SPDX-License-Identifier: Apache-2.0 */
/* send(2), sendmsg(2), recv(2), recvmsg(2) and their families: a struct msghdr is copied once, and its copy is used. */
#include "linux/core/call.h"
#include "linux/core/time.h"
#include "linux/fs/fd.h"
#include "linux/net/socket.h"
#include "linux/task/task.h"

#include <asm/errno.h>
#include <asm/fcntl.h>

#define MESSAGES_MOST 1024u /* of one sendmmsg or recvmmsg, as Linux */
#define MMSG_SIZE     (sizeof(struct user_msghdr) + 8)

/* ---- send ---- */

static int64_t message_send(struct socket *s, struct file *f, struct message *m)
{
    m->nonblock = f->flags & O_NONBLOCK || m->flags & MSG_DONTWAIT_;
    int64_t n = m->flags & MSG_OOB_ ? -EOPNOTSUPP : s->ops->send(s, m);
    if (n == -EPIPE && !(m->flags & MSG_NOSIGNAL_) && s->type != SOCK_DGRAM_)
        signal_task_number(current, SIGPIPE);
    return n;
}

static int message_name(struct message *m, uint64_t at, uint32_t n)
{
    if (!at || !n)
        return 0;
    if (n > sizeof(m->name))
        return -EINVAL;
    if (copy_in(&m->name, uptr(at), n))
        return -EFAULT;
    m->name_size = n;
    return 0;
}

int64_t sys_sendto(struct task *t, const struct args *a)
{
    struct file *f;
    struct socket *s;
    struct uio u;
    struct message m = {.u = &u, .flags = arg_u32(a, 3)};
    int64_t r = message_name(&m, a->v[4], arg_u32(a, 5));
    if (!r)
        r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    uio_user(&u, arg_ptr(a, 1), a->v[2]);
    r = rights_read(s, 0, 0, &m.rights);
    if (!r)
        r = message_send(s, f, &m);
    rights_free(m.rights);
    file_put(f);
    return r;
}

static int64_t sendmsg_one(struct socket *s, struct file *f, struct uptr at, uint32_t flags)
{
    struct user_msghdr h;
    struct uio_vec small[8];
    struct uio u;
    struct message m = {.u = &u, .flags = flags};
    if (get_user(h, at))
        return -EFAULT;
    int64_t r = message_name(&m, h.name, h.name_size);
    if (!r)
        r = uio_vecs(&u, uptr(h.iov), h.n_iov, small);
    if (r)
        return r;
    r = rights_read(s, h.control, h.control ? h.control_size : 0, &m.rights);
    if (!r)
        r = message_send(s, f, &m);
    rights_free(m.rights);
    uio_vecs_free(&u, small);
    return r;
}

int64_t sys_sendmsg(struct task *t, const struct args *a)
{
    struct file *f;
    struct socket *s;
    int64_t r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    r = sendmsg_one(s, f, arg_ptr(a, 1), arg_u32(a, 2));
    file_put(f);
    return r;
}

int64_t sys_sendmmsg(struct task *t, const struct args *a)
{
    struct file *f;
    struct socket *s;
    uint32_t n = arg_u32(a, 2) < MESSAGES_MOST ? arg_u32(a, 2) : MESSAGES_MOST, done = 0;
    int64_t r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    for (; done < n; done++) {
        struct uptr at = uptr_add(arg_ptr(a, 1), (uint64_t)done * MMSG_SIZE);
        r = sendmsg_one(s, f, at, arg_u32(a, 3));
        if (r < 0)
            break;
        uint32_t sent = (uint32_t)r;
        if (put_user(uptr_add(at, sizeof(struct user_msghdr)), sent)) {
            r = -EFAULT;
            break;
        }
    }
    file_put(f);
    return done ? (int64_t)done : r;
}

/* ---- receive ---- */

static int64_t message_receive(struct socket *s, struct file *f, struct message *m)
{
    m->nonblock = f->flags & O_NONBLOCK || m->flags & MSG_DONTWAIT_;
    return s->ops->receive(s, m);
}

int64_t sys_recvfrom(struct task *t, const struct args *a)
{
    struct file *f;
    struct socket *s;
    struct uio u;
    struct message m = {.u = &u, .flags = arg_u32(a, 3)};
    int32_t room = 0;
    if (a->v[4] && get_user(room, arg_ptr(a, 5)))
        return -EFAULT;
    if (room < 0)
        return -EINVAL;
    int64_t r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    uio_user(&u, arg_ptr(a, 1), a->v[2]);
    r = message_receive(s, f, &m);
    rights_free(m.rights);
    if (r >= 0 && a->v[4]) {
        uint32_t n = m.name_size < (uint32_t)room ? m.name_size : (uint32_t)room;
        if (copy_out(arg_ptr(a, 4), &m.name, n) || put_user(arg_ptr(a, 5), m.name_size))
            r = -EFAULT;
    }
    file_put(f);
    return r;
}

static int64_t recvmsg_out(struct socket *s, struct uptr at, const struct user_msghdr *h, struct message *m)
{
    struct user_msghdr out = *h;
    int64_t control = rights_write(s, m->rights, h->control, h->control ? h->control_size : 0, m->flags, &m->out_flags);
    if (h->name) {
        uint32_t n = m->name_size < h->name_size ? m->name_size : h->name_size;
        if (copy_out(uptr(h->name), &m->name, n))
            return -EFAULT;
        out.name_size = m->name_size;
    }
    out.control_size = (uint64_t)control;
    out.flags = m->out_flags | (m->flags & MSG_CMSG_CLOEXEC_);
    return copy_out(at, &out, sizeof(out));
}

static int64_t recvmsg_one(struct socket *s, struct file *f, struct uptr at, uint32_t flags)
{
    struct user_msghdr h;
    struct uio_vec small[8];
    struct uio u;
    struct message m = {.u = &u, .flags = flags};
    if (get_user(h, at))
        return -EFAULT;
    int64_t r = uio_vecs(&u, uptr(h.iov), h.n_iov, small);
    if (r)
        return r;
    r = message_receive(s, f, &m);
    if (r >= 0) {
        int64_t e = recvmsg_out(s, at, &h, &m);
        if (e)
            r = e;
    }
    rights_free(m.rights);
    uio_vecs_free(&u, small);
    return r;
}

int64_t sys_recvmsg(struct task *t, const struct args *a)
{
    struct file *f;
    struct socket *s;
    int64_t r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    r = recvmsg_one(s, f, arg_ptr(a, 1), arg_u32(a, 2));
    file_put(f);
    return r;
}

/* The time limit counts between messages only, as Linux has it. */
static int64_t recvmmsg_all(struct socket *s, struct file *f, const struct args *a, uint64_t deadline)
{
    uint32_t n = arg_u32(a, 2) < MESSAGES_MOST ? arg_u32(a, 2) : MESSAGES_MOST, done = 0, flags = arg_u32(a, 3);
    int64_t r = 0;
    while (done < n) {
        struct uptr at = uptr_add(arg_ptr(a, 1), (uint64_t)done * MMSG_SIZE);
        r = recvmsg_one(s, f, at, flags & ~(uint32_t)MSG_WAITFORONE_);
        if (r < 0)
            break;
        uint32_t got = (uint32_t)r;
        if (put_user(uptr_add(at, sizeof(struct user_msghdr)), got))
            return done ? (int64_t)done : -EFAULT;
        done++;
        if (flags & MSG_WAITFORONE_)
            flags |= MSG_DONTWAIT_;
        if (clock_now() >= deadline)
            break;
    }
    return done ? (int64_t)done : r;
}

int64_t sys_recvmmsg(struct task *t, const struct args *a)
{
    uint64_t ns, deadline = NEVER;
    struct file *f;
    struct socket *s;
    if (a->v[4]) {
        int e = timespec_in(arg_ptr(a, 4), &ns);
        if (e)
            return e;
        if (ns < TIMES_MOST)
            deadline = clock_now() + ns;
    }
    int64_t r = socket_get(arg_int(a, 0), &f, &s);
    if (r)
        return r;
    r = recvmmsg_all(s, f, a, deadline);
    file_put(f);
    return r;
}
