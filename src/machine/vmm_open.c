/* SPDX-License-Identifier: Apache-2.0 */
/* What moat-vmm has of the host before it parts and shuts itself in. Files are the caller's choice, and opened with the
 * caller's rights; what is in them is not looked at here. */
#include "machine/vmm.h"

#include "guest/init/run.h"
#include "machine/accel.h"
#include "machine/memory_host.h"
#include "machine/runfile.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define ABOVE 64 /* descriptors are kept from here on until each gets its number */

int vmm_keep_above(int fd)
{
    if (fd < 0 || fd >= ABOVE)
        return fd < 0 ? -errno : fd;
    const int kept = fcntl(fd, F_DUPFD_CLOEXEC, ABOVE), error = errno;
    close(fd);
    return kept < 0 ? -error : kept;
}

static int standard_streams(void)
{
    for (int fd = 0; fd < 3; fd++)
        if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", O_RDWR) != fd)
            return vmm_fail(EXIT_OWN_ERROR, "/dev/null", "open it for a standard stream that is closed", -errno);
    return 0;
}

/* ---- kernel and initial file systems ---- */

static int map_descriptor(const char *name, int fd, struct vmm_file *out)
{
    struct stat st;

    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return vmm_fail(EXIT_NOT_INVOKED, name, "it is no regular file", 0);
    if (st.st_size == 0) {
        *out = (struct vmm_file){(const uint8_t *)"", 0};
        return 0;
    }
    void *at = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (at == MAP_FAILED)
        return vmm_fail(EXIT_OWN_ERROR, name, "map it", -errno);
    *out = (struct vmm_file){at, (uint64_t)st.st_size};
    return 0;
}

static int map_file(const char *name, struct vmm_file *out)
{
    const int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);

    if (fd < 0)
        return vmm_fail(errno == ENOENT || errno == ENOTDIR ? EXIT_NOT_FOUND : EXIT_NOT_INVOKED, name, "open it",
                        -errno);
    const int r = map_descriptor(name, fd, out);
    close(fd);
    return r;
}

/* A command line is everybody's to read (proc(5)), and what is in a program's environment is not. */
static void forget_values(const struct vmm_options *o)
{
    for (unsigned i = 0; i < o->n_runs; i++) {
        char *value = o->runs[i][0] == RUN_ENVIRONMENT ? strchr(o->runs[i], '=') : NULL;
        if (value)
            memset(value + 1, '*', strlen(value + 1));
    }
}

/* What guest/init is to run, as one more archive behind the others. */
static int make_run_file(struct vmm *v)
{
    const struct vmm_options *o = &v->options;
    const int fd = memfd_create("moat-run", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : runfile_write(fd, o->runs, o->n_runs, o->program, o->n_program);

    forget_values(o);
    if (r == 0)
        r = map_descriptor("--run", fd, &v->initrds[v->n_initrds++]);
    else
        r = vmm_fail(EXIT_OWN_ERROR, "--run", "write what is to be run", r);
    if (fd >= 0)
        close(fd);
    return r;
}

static int map_files(struct vmm *v)
{
    const struct vmm_options *o = &v->options;
    int r = map_file(o->kernel, &v->kernel);

    for (unsigned i = 0; i < o->n_initrds && r == 0; i++)
        r = map_file(o->initrds[i], &v->initrds[v->n_initrds++]);
    if (r == 0 && (o->n_runs || o->n_program))
        r = make_run_file(v);
    return r;
}

/* ---- what the I/O process has ---- */

static int open_disk(struct vmm *v, const struct options_disk *d)
{
    struct io_port *p = &v->disks[v->n_disks]->io;
    const int r = vmm_disk_open(d, &p->in, &p->bytes);

    p->out = p->in, p->read_only = d->read_only;
    v->n_disks += r == 0;
    return r;
}

/* A tap device by its name, when nobody has opened it for us (control_prepare). */
static int open_tap(const char *name)
{
    struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    const size_t n = strlen(name);
    int fd;

    if (n >= sizeof r.ifr_name)
        return -EINVAL;
    memcpy(r.ifr_name, name, n);
    if ((fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK)) < 0)
        return -errno;
    if (ioctl(fd, TUNSETIFF, &r) < 0) {
        const int error = -errno;
        close(fd);
        return error;
    }
    return fd;
}

/* Whether frames have virtio's header there, and of what length: a socket knows none. */
static int net_header(int fd, bool *header)
{
    int bytes = 12;
    struct ifreq r;

    *header = ioctl(fd, TUNGETIFF, &r) == 0 && r.ifr_flags & IFF_VNET_HDR;
    if (*header && ioctl(fd, TUNSETVNETHDRSZ, &bytes) < 0)
        return -errno;
    const int flags = fcntl(fd, F_GETFL);
    return flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0 ? -errno : 0;
}

static int open_net(struct vmm *v)
{
    const struct vmm_options *o = &v->options;
    const char *name = o->tap ? o->tap : "--tap-fd";
    int fd = v->net->io.in, r;

    if (fd < 0)
        fd = o->tap_fd >= 0 ? o->tap_fd : open_tap(o->tap);

    fd = vmm_keep_above(fd < 0 ? (errno = -fd, -1) : fd);
    if (fd < 0)
        return vmm_fail(EXIT_OWN_ERROR, name, "open the tap device", fd);
    if ((r = net_header(fd, &v->net->io.header)) < 0)
        return vmm_fail(EXIT_OWN_ERROR, name, "set the tap device up", r);
    v->net->io.in = v->net->io.out = fd;
    return 0;
}

/* ---- what both have ---- */

static int open_control(struct vmm *v)
{
    int type = 0, fd = v->options.control_fd;
    socklen_t n = sizeof type;

    v->control = -1;
    if (fd < 0)
        return 0;
    if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &n) < 0 || type != SOCK_SEQPACKET)
        return vmm_fail(EXIT_OWN_ERROR, "--control-fd", "it is no socket for records", 0);
    /* A guest that never rests is told by a signal. */
    if ((v->control = vmm_keep_above(fd)) < 0 || fcntl(v->control, F_SETOWN, getpid()) < 0 ||
        fcntl(v->control, F_SETFL, O_RDWR | O_NONBLOCK | O_ASYNC) < 0)
        return vmm_fail(EXIT_OWN_ERROR, "--control-fd", "set it up", -errno);
    return 0;
}

static int open_events(struct vmm *v)
{
    int ends[2];

    v->answers = vmm_keep_above(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    for (unsigned i = 0; i < v->n_servers; i++)
        v->kicks[i] = vmm_keep_above(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    if (v->answers < 0 || v->kicks[v->n_servers - 1] < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return vmm_fail(EXIT_OWN_ERROR, "eventfd", "make what wakes the processes", -errno);
    v->life[0] = vmm_keep_above(ends[0]), v->life[1] = vmm_keep_above(ends[1]);
    return 0;
}

/* The socket that moat listens on for us, by which the rest of what it gives comes. */
static int open_listening(struct vmm *v)
{
    const char *handed = getenv("MOAT_HANDED_FD");

    if (!handed)
        return 0;
    v->listening = vmm_keep_above(atoi(handed));
    if (v->listening < 0 || fcntl(v->listening, F_SETFL, O_RDWR | O_NONBLOCK) < 0)
        return vmm_fail(EXIT_OWN_ERROR, "MOAT_HANDED_FD", "it is no socket to listen on", -errno);
    return control_prepare(v);
}

int vmm_open(struct vmm *v)
{
    const struct vmm_options *o = &v->options;
    struct err err;
    int r = standard_streams();

    /* First of all those that came with a number, which nothing else must take. */
    if (r == 0)
        r = open_control(v);
    if (r == 0 && o->restore) /* which says what machine it is */
        r = snapshot_open(v);
    if (r == 0)
        r = vmm_ports(v);
    if (r == 0)
        r = open_listening(v);
    if (r == 0 && v->net)
        r = open_net(v);
    if (r == 0 && !o->restore && o->kernel)
        r = map_files(v);
    if (r == 0 && o->pc) /* as its snapshot says, too */
        r = vmm_pc_open(v);
    if (r == 0 && o->pc)
        r = vmm_media_open(v);
    if (r == 0 && o->restore && v->channel && (r = io_channel_resume(v->channel->io.channel, v->snapshot.silent)) < 0)
        r = vmm_fail(EXIT_OWN_ERROR, o->restore, "random numbers for the guest", r);
    for (unsigned i = 0; i < o->n_disks && r == 0; i++)
        r = open_disk(v, &o->disks[i]);
    if (r == 0)
        r = open_events(v);
    if (r == 0) {
        kvm_device_give(v->kvm);
        v->engine = accel_choose(o->accel);
    }
    if (r == 0 && !o->restore &&
        memory_host_create(&v->machine.memory, o->memory ? o->memory : OPTIONS_MEMORY, &v->memory, &err) < 0)
        r = vmm_fail(EXIT_OWN_ERROR, "--memory", err.text, 0);
    if (r == 0 && v->memory >= 0 && (v->memory = vmm_keep_above(v->memory)) < 0)
        r = vmm_fail(EXIT_OWN_ERROR, "--memory", "keep its descriptor", v->memory);
    return r;
}
