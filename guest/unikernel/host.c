/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The world: the console, waiting, memory of the kernel's own, the end. Standard streams are the host's and shared with
 * others, so they stay in the mode in which they came: one that may wait is asked before each call, and written to in
 * pieces that a pipe takes whole.
 */
#include "guest/unikernel/clock.h"
#include "guest/unikernel/internal.h"
#include "linux/core/time.h"

#include <asm/mman.h>
#include <linux/poll.h>
#include <linux/uio.h>
#include <stdarg.h>
#include <string.h>

#define PIPE_PIECE 4096u /* PIPE_BUF: pipe(7) */
#define SAY_MOST   512

static const short ready_to[] = {POLLIN, POLLOUT, POLLOUT};

void host_exit(int status, int signo)
{
    if (boot->control >= 0)
        control_exit(status, signo);
    gate_exit_group(signo ? 128 + signo : status & 0xff);
}

uint64_t host_monotonic(void)
{
    return host_clock_read(HOST_MONOTONIC);
}

/* A sentence that is being made. A whole printf would be a tenth of a kernel for one small program. */
struct say {
    char bytes[SAY_MOST];
    size_t n;
};

static void say_text(struct say *s, const char *text)
{
    while (*text && s->n < sizeof s->bytes - 1)
        s->bytes[s->n++] = *text++;
}

static void say_number(struct say *s, uint64_t v, unsigned base)
{
    char digits[24], *at = digits + sizeof digits - 1;

    *at = 0;
    do
        *--at = "0123456789abcdef"[v % base];
    while ((v /= base));
    say_text(s, at);
}

/* %s, %d of what is not negative, %llx. */
void host_say(const char *format, ...)
{
    struct say s = {.n = 0};
    va_list ap;

    say_text(&s, "moat-spt: ");
    say_text(&s, boot->name);
    say_text(&s, ": ");
    va_start(ap, format);
    for (; *format; format++) {
        if (*format != '%') {
            say_text(&s, (char[]){*format, 0});
        } else if (*++format == 's') {
            say_text(&s, va_arg(ap, const char *));
        } else if (*format == 'd') {
            say_number(&s, va_arg(ap, unsigned), 10);
        } else { /* llx */
            say_number(&s, va_arg(ap, unsigned long long), 16);
            format += 2;
        }
    }
    va_end(ap);
    s.bytes[s.n++] = '\n';
    gate_write(2, s.bytes, s.n);
}

/* ---- waiting ---- */

#define FDS_MOST 4

static unsigned fill_fds(struct pollfd *fds, uint32_t interest)
{
    unsigned n = 0;

    for (int i = 0; i < 3; i++)
        if (interest & 1u << i)
            fds[n++] = (struct pollfd){.fd = i, .events = ready_to[i]};
    if (boot->control >= 0)
        fds[n++] = (struct pollfd){.fd = boot->control, .events = POLLIN};
    return n;
}

static uint32_t events_of(const struct pollfd *fds, unsigned n, bool locked)
{
    uint32_t events = 0;

    for (unsigned i = 0; i < n; i++) {
        if (!fds[i].revents)
            continue;
        if (fds[i].fd < 3)
            events |= 1u << fds[i].fd;
        else {
            control_read(locked);
            events |= HOST_EVENT_WAKE;
        }
    }
    return events;
}

static uint32_t host_poll(uint64_t deadline, uint32_t interest)
{
    struct __kernel_timespec left = {0}, *wait = &left;
    struct pollfd fds[FDS_MOST];
    unsigned n = fill_fds(fds, interest);

    if (trap_pending && trap_take(deadline == 0))
        return HOST_EVENT_WAKE;
    if (deadline == UINT64_MAX)
        wait = NULL;
    else if (deadline) {
        uint64_t now = host_monotonic(), ns = deadline > now ? deadline - now : 0;
        left = ns_to_timespec(ns);
    }
    if (!wait || wait->tv_sec || wait->tv_nsec || n)
        if (poll_unless_pending(fds, n, wait) < 0)
            n = 0;
    uint32_t events = events_of(fds, n, deadline == 0);
    if (trap_pending && trap_take(deadline == 0))
        events |= HOST_EVENT_WAKE;
    return events;
}

/* ---- the console ---- */

static bool is_ready(int fd)
{
    struct pollfd p = {.fd = fd, .events = ready_to[fd]};
    const struct __kernel_timespec now = {0};

    return boot->streams[fd] == BOOT_STREAM_READY || gate_ppoll(&p, 1, &now, NULL, 8) > 0;
}

static int64_t console_read(void *to, size_t n)
{
    long r = is_ready(0) ? gate_read(0, to, n) : -EAGAIN;

    return r == -EINTR ? -EAGAIN : r;
}

static int64_t console_write(enum host_stream stream, const void *from, size_t n)
{
    int fd = stream == HOST_STDOUT ? 1 : 2;
    long r;

    if (boot->streams[fd] != BOOT_STREAM_READY && n > PIPE_PIECE)
        n = PIPE_PIECE;
    r = is_ready(fd) ? gate_write(fd, from, n) : -EAGAIN;
    return r == -EINTR ? -EAGAIN : r;
}

/* ---- the rest ---- */

static int host_memory(enum host_memory what, void *at, size_t n)
{
    uint64_t from = (uintptr_t)at;
    long r = 0;

    if (what == HOST_MEMORY_GUARD)
        return (int)gate_mprotect(from, n, PROT_NONE);
    if (what == HOST_MEMORY_COMMIT)
        r = gate_mprotect(from, n, PROT_READ | PROT_WRITE);
    return (int)(r < 0 ? r : gate_madvise(from, n, MADV_DONTNEED));
}

static int host_random(void *to, size_t n)
{
    if (n > sizeof boot->seed)
        return -EINVAL;
    memcpy(to, boot->seed, n);
    return 0;
}

static int64_t block_read(uint32_t device, void *to, size_t n, uint64_t offset)
{
    struct iovec v = {.iov_base = to, .iov_len = n};

    return device || boot->block < 0 ? -ENODEV : gate_preadv(boot->block, &v, 1, offset, 0);
}

static int64_t block_write(uint32_t device, const void *from, size_t n, uint64_t offset)
{
    struct iovec v = {.iov_base = (void *)(uintptr_t)from, .iov_len = n};

    if (device || boot->block < 0)
        return -ENODEV;
    return boot->write_back ? gate_pwritev(boot->block, &v, 1, offset, 0) : -EROFS;
}

static int no_frames(struct host_frame *frames, int n)
{
    (void)frames, (void)n;
    return -ENODEV;
}

static int no_frames_out(const struct host_frame *frames, int n)
{
    (void)frames, (void)n;
    return -ENODEV;
}

static int host_vcpu(enum host_vcpu what, uint32_t vcpu)
{
    (void)what, (void)vcpu;
    return -ENOSYS;
}

const struct hostops host_ops = {.exit = host_exit,
                                 .clock = host_clock_read,
                                 .poll = host_poll,
                                 .net_rx = no_frames,
                                 .net_tx = no_frames_out,
                                 .block_read = block_read,
                                 .block_write = block_write,
                                 .console_read = console_read,
                                 .console_write = console_write,
                                 .memory = host_memory,
                                 .random = host_random,
                                 .vcpu = host_vcpu};
