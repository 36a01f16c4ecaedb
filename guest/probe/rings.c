/* SPDX-License-Identifier: Apache-2.0 */
/* Class rings: work that is handed to the kernel through shared memory, past the calls that a filter sees. */
#include "probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/if_packet.h>
#include <linux/io_uring.h>
#include <linux/perf_event.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { SYS_io_uring_setup_ = 425, SYS_io_uring_enter_ = 426, SYS_io_uring_register_ = 427 };

static void uring_setup(const struct probe *p, struct seen *s)
{
    struct io_uring_params params = {.flags = (unsigned)p->number};
    /* second: a number whose high half the kernel drops */
    say_result(s, syscall(SYS_io_uring_setup_ | p->second, 4, &params), "a ring was made");
}

static void uring_register(const struct probe *p, struct seen *s)
{
    say_behind(s, syscall(SYS_io_uring_register_, -1, 0, NULL, 0), BEHIND(EBADF, EINVAL), "a descriptor was looked at");
}

/* One operation through a ring; its result, or -errno. */
static int uring_do(const struct io_uring_sqe *sqe)
{
    struct io_uring_params p = {0};
    int fd = (int)syscall(SYS_io_uring_setup_, 1, &p);

    if (fd < 0)
        return -errno;
    char *ring = mmap(NULL, p.sq_off.array + 64 + p.cq_off.cqes + 64, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
                      IORING_OFF_SQ_RING);
    struct io_uring_sqe *sqes = mmap(NULL, sizeof *sqes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, IORING_OFF_SQES);
    if (ring == MAP_FAILED || sqes == MAP_FAILED || !(p.features & IORING_FEAT_SINGLE_MMAP))
        return -ENOSYS;
    *sqes = *sqe;
    *(unsigned *)(void *)(ring + p.sq_off.array) = 0;
    __atomic_store_n((unsigned *)(void *)(ring + p.sq_off.tail), 1, __ATOMIC_RELEASE);
    if (syscall(SYS_io_uring_enter_, fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0) < 0)
        return -errno;
    return ((struct io_uring_cqe *)(void *)(ring + p.cq_off.cqes))->res;
}

static void uring_open(const struct probe *p, struct seen *s)
{
    const char *file = need_fact("file", s);
    struct io_uring_sqe sqe = {
        .opcode = IORING_OP_OPENAT, .fd = AT_FDCWD, .addr = (uintptr_t)file, .open_flags = O_RDONLY};

    if (!file)
        return;
    int fd = uring_do(&sqe);
    errno = -fd;
    if (fd < 0 || !show_fd(s, fd, "a file that a ring opened"))
        say_errno(s, "ring");
}

static void uring_socket(const struct probe *p, struct seen *s)
{
    struct io_uring_sqe sqe = {.opcode = 45 /* IORING_OP_SOCKET */, .fd = 40 /* AF_VSOCK */, .off = SOCK_STREAM};
    int fd = uring_do(&sqe);

    errno = -fd;
    say_result(s, fd < 0 ? -1 : 0, "a socket to the hypervisor that a ring made");
}

static void aio_read(const struct probe *p, struct seen *s)
{
    const char *file = need_fact("file", s);
    char text[96] = "";
    aio_context_t ctx = 0;
    struct iocb op = {.aio_lio_opcode = IOCB_CMD_PREAD, .aio_buf = (uintptr_t)text, .aio_nbytes = sizeof text - 1},
                *list = &op;
    struct io_event event = {0};

    if (!file)
        return;
    /* Descriptors that were left open count too. */
    for (int fd = open(file, O_RDONLY | O_CLOEXEC), i = 3; i < 64; fd = i++) {
        op.aio_fildes = (unsigned)fd;
        if ((!ctx && syscall(SYS_io_setup, 1, &ctx) < 0) || fd < 0)
            continue;
        if (syscall(SYS_io_submit, ctx, 1, &list) == 1 && syscall(SYS_io_getevents, ctx, 1, 1, &event, NULL) == 1 &&
            event.res > 0 && strstr(text, "moat-canary")) {
            text[strcspn(text, "\n")] = '\0';
            return say_escaped(s, "read '%s' from a file of the host", text);
        }
    }
    errno = EBADF;
    say_errno(s, "io_submit");
}

static void perf_ring(const struct probe *p, struct seen *s)
{
    struct perf_event_attr attr = {.type = PERF_TYPE_SOFTWARE,
                                   .size = sizeof attr,
                                   .config = PERF_COUNT_SW_CPU_CLOCK,
                                   .sample_period = 1000000,
                                   .sample_type = PERF_SAMPLE_IP};
    int fd = (int)syscall(SYS_perf_event_open, &attr, 0, -1, -1, 0);
    void *m = fd < 0 ? MAP_FAILED : mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    say_result(s, m == MAP_FAILED ? -1 : 0, "samples of the kernel's addresses");
}

static void packet_ring(const struct probe *p, struct seen *s)
{
    struct tpacket_req r = {.tp_block_size = 4096, .tp_block_nr = 1, .tp_frame_size = 2048, .tp_frame_nr = 2};
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return say_errno(s, "socket");
    if (setsockopt(fd, SOL_PACKET, PACKET_RX_RING, &r, sizeof r) < 0)
        return say_errno(s, "PACKET_RX_RING");
    host_link(s, fd);
}

static void bpf_ring(const struct probe *p, struct seen *s)
{
    struct {
        uint32_t type, key, value, entries;
        char rest[112];
    } attr = {27 /* ring buffer */, 0, 0, 4096, {0}};

    say_result(s, syscall(SYS_bpf, 0 /* MAP_CREATE */, &attr, sizeof attr), "a ring that BPF programs fill");
}

static const struct probe rows[] = {
    {"uring-setup", uring_setup, "io_uring_setup", NEEDS_FILTER | NEEDS_KERNEL},
    {"uring-thread", uring_setup, "io_uring_setup with a thread in the kernel", NEEDS_FILTER | NEEDS_KERNEL,
     .number = IORING_SETUP_SQPOLL},
    {"uring-high", uring_setup, "io_uring_setup with bit 32 of its number set", NEEDS_FILTER | NEEDS_KERNEL,
     .second = 1L << 32},
    {"uring-register", uring_register, "io_uring_register without a ring", NEEDS_FILTER | NEEDS_KERNEL},
    {"uring-open", uring_open, "a ring opens a file of the host", NEEDS_TOKEN},
    {"uring-socket", uring_socket, "a ring makes a socket to the hypervisor", NEEDS_FILTER | NEEDS_KERNEL},
    {"aio-read", aio_read, "asynchronous reads of a file of the host", NEEDS_TOKEN},
    {"perf-ring", perf_ring, "maps a ring of samples", NEEDS_ROOT | NEEDS_FILTER | NEEDS_KERNEL},
    {"packet-ring", packet_ring, "a ring of packets of an interface of the host", NEEDS_ROOT},
    {"bpf-ring", bpf_ring, "makes a ring buffer of BPF", NEEDS_ROOT | NEEDS_KERNEL},
};

const struct probe_class rings_class = {"rings", rows, ARRAY_LEN(rows)};
