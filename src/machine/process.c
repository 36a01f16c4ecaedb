/* SPDX-License-Identifier: Apache-2.0 */
/* How moat-vmm becomes two processes, and what each gives up: descriptors, rights, and all calls but its filter's. */
#include "machine/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#define THREAD_STACK (128u << 10)

/* ---- descriptors ---- */

/* To its number; what has moved is nowhere else. */
static int place(int *fd, int to)
{
    if (*fd < 0)
        return 0;
    if (dup2(*fd, to) < 0)
        return -errno;
    *fd = to;
    return 0;
}

static int place_all(struct vmm *v, enum filter_process process)
{
    int r = place(&v->answers, VMM_ANSWERS);

    if (r == 0)
        r = place(&v->life[process == FILTER_IO], VMM_LIFE);
    for (unsigned i = 0; i < v->n_servers && r == 0; i++)
        r = place(&v->kicks[i], VMM_KICKS + (int)i);
    if (process == FILTER_MACHINE) {
        if (v->listening < 0)
            v->memory = -1; /* nobody will ask for a snapshot: it is closed with the others */
        r = r < 0 ? r : place(&v->control, VMM_CONTROL);
        r = r < 0 ? r : place(&v->listening, VMM_LISTENING);
        r = r < 0 ? r : place(&v->end, VMM_END);
        r = r < 0 ? r : place(&v->kvm, VMM_KVM);
        for (unsigned i = 0; i < VMM_CLIENTS && r == 0; i++)
            r = place(&v->clients[i], VMM_VISITORS + (int)i);
        return r < 0 ? r : place(&v->memory, VMM_MEMORY);
    }
    r = r < 0 ? r : place(&v->media_listening, VMM_LISTENING);
    for (unsigned i = 0; i < VMM_MEDIA && r == 0; i++)
        if (v->media[i]) {
            r = place(&v->media[i]->io.in, VMM_MEDIUM + (int)i);
            v->media[i]->io.out = v->media[i]->io.in;
        }
    for (unsigned i = 0; i < v->n_disks && r == 0; i++) {
        r = place(&v->disks[i]->io.in, VMM_DISKS + (int)i);
        v->disks[i]->io.out = v->disks[i]->io.in;
    }
    if (r == 0 && v->net) {
        r = place(&v->net->io.in, VMM_TAPS);
        v->net->io.out = v->net->io.in;
    }
    return r;
}

/* All that has no number of its own. The machine process keeps the standard streams until it is shut in. */
static int close_others(const struct vmm *v, enum filter_process process)
{
    const bool machine = process == FILTER_MACHINE;
    uint64_t keep = 7 | 1 << VMM_ANSWERS | 1 << VMM_LIFE | ((UINT64_C(1) << v->n_servers) - 1) << VMM_KICKS;

    if (machine)
        keep |= (uint64_t)(v->control >= 0) << VMM_CONTROL | (uint64_t)(v->listening >= 0) << VMM_LISTENING |
                (uint64_t)(v->end >= 0) << VMM_END | (uint64_t)(v->memory >= 0) << VMM_MEMORY |
                (uint64_t)(v->kvm >= 0) << VMM_KVM;
    for (unsigned i = 0; i < VMM_CLIENTS && machine; i++)
        keep |= (uint64_t)(v->clients[i] >= 0) << (VMM_VISITORS + i);
    if (!machine)
        keep |= ((UINT64_C(1) << v->n_disks) - 1) << VMM_DISKS | (uint64_t)(v->net != NULL) << VMM_TAPS |
                (uint64_t)(v->media_listening >= 0) << VMM_LISTENING;
    for (unsigned i = 0; i < VMM_MEDIA && !machine; i++)
        keep |= (uint64_t)(v->media[i] && v->media[i]->io.in >= 0) << (VMM_MEDIUM + i);
    for (int fd = 0; fd < 64; fd++)
        if (!(keep >> fd & 1))
            close(fd);
    return syscall(SYS_close_range, 64, ~0u, 0) < 0 ? -errno : 0;
}

/* Those who come later get the numbers from VMM_VISITORS on, which the filter knows. */
static int fill_lower_numbers(void)
{
    int fd;

    while ((fd = fcntl(VMM_LIFE, F_DUPFD_CLOEXEC, 0)) >= 0 && fd < VMM_VISITORS)
        ;
    return fd < 0 ? -errno : close(fd);
}

/* ---- rights ---- */

static int drop_rights(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    const struct __user_cap_data_struct nothing[2] = {0};
    const struct rlimit zero = {0};

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 || prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) < 0 ||
        setrlimit(RLIMIT_CORE, &zero) < 0 || syscall(SYS_capset, &header, nothing) < 0)
        return -errno;
    return 0;
}

static struct filter_world world(const struct vmm *v, enum filter_process process, int vcpu)
{
    const bool heard = (process == FILTER_MACHINE ? v->listening : v->media_listening) >= 0;
    struct filter_world w = {.of = {
                                 [FILTER_ANSWERS] = {VMM_ANSWERS, 1},
                                 [FILTER_KICKS] = {VMM_KICKS, v->n_servers},
                                 [FILTER_CONTROL] = {VMM_CONTROL, v->control >= 0},
                                 [FILTER_DISKS] = {VMM_DISKS, v->n_disks},
                                 [FILTER_MEDIA] = {VMM_MEDIUM, v->options.pc ? VMM_MEDIA : 0},
                                 [FILTER_TAPS] = {VMM_TAPS, v->net != NULL},
                                 [FILTER_VCPU] = {(uint32_t)vcpu, vcpu >= 0},
                                 [FILTER_VM] = {(uint32_t)v->vm, v->vm >= 0},
                                 [FILTER_LISTENING] = {VMM_LISTENING, heard},
                                 [FILTER_VISITORS] = {VMM_VISITORS, heard ? VMM_CLIENTS + VMM_BROUGHT : 0},
                                 [FILTER_END] = {VMM_END, v->end >= 0},
                                 [FILTER_MEMORY] = {VMM_MEMORY, v->memory >= 0},
                             }};

    return w;
}

/* A machine process that was taken over could fill the disk that a snapshot goes to. */
static int bound_files(const struct vmm *v)
{
    const rlim_t most = v->machine.ram_bytes + 2 * SNAPSHOT_RECORD_MOST;
    const struct rlimit limit = {most, most};

    return setrlimit(RLIMIT_FSIZE, &limit) < 0 ? -errno : 0;
}

/* For all threads. From here on what the machine process has to say goes through the I/O process. */
int vmm_shut_in(struct vmm *v, enum filter_process process, int vcpu)
{
    const struct filter_world w = world(v, process, vcpu);
    struct sock_filter room[FILTER_ROOM], *program;
    int n = filter_make(process, &w, room, &program);
    struct sock_fprog prog = {.len = (unsigned short)n, .filter = program};

    if (n >= 0 && process == FILTER_MACHINE && (bound_files(v) < 0 || syscall(SYS_close_range, 0, 2, 0) < 0))
        n = -errno;
    if (n >= 0 && process == FILTER_MACHINE && v->listening >= 0 && fill_lower_numbers() < 0)
        n = -errno;
    if (n >= 0 && syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &prog) != 0)
        n = -errno;
    return n < 0 ? vmm_fail(EXIT_OWN_ERROR, "filter", "set the system-call filter (CONFIG_SECCOMP_FILTER)", n) : 0;
}

static int part(struct vmm *v, enum filter_process process)
{
    int r = place_all(v, process);

    if (r == 0)
        r = close_others(v, process);
    if (r == 0)
        r = drop_rights();
    return r < 0 ? vmm_fail(EXIT_OWN_ERROR, "start", "give up descriptors and rights", r) : 0;
}

/* ---- the I/O process ---- */

static struct io_server servers[IO_PORTS];

static uint32_t
    serving; /* atomic: threads that are past what libc does at their start, which the filter would not have */

static void *serve(void *server)
{
    __atomic_add_fetch(&serving, 1, __ATOMIC_RELEASE);
    io_serve(server); /* returns when the machine process is not in its right mind */
    _exit(1);
}

/* For who brings media, at the server of the drives. */
static void open_door(struct vmm *v)
{
    v->door.listening = v->media_listening;
    for (unsigned i = 0; i < IO_CLIENTS; i++)
        v->door.clients[i] = -1;
    if (v->media_listening >= 0 && v->media[VMM_CDROM])
        servers[v->media[VMM_CDROM]->server].door = &v->door;
}

static int start_servers(struct vmm *v)
{
    pthread_attr_t attr;
    pthread_t thread;
    int r = 0;

    for (unsigned i = 0; i < v->n_ports; i++) {
        struct io_server *s = &servers[v->ports[i].server];
        s->ports[s->n++] = &v->ports[i].io;
    }
    for (unsigned i = 0; i < v->n_servers; i++)
        servers[i].kicked = v->kicks[i], servers[i].answers = v->answers;
    open_door(v);
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, THREAD_STACK);
    for (unsigned i = 1; i < v->n_servers && r == 0; i++)
        r = pthread_create(&thread, &attr, serve, &servers[i]);
    while (r == 0 && __atomic_load_n(&serving, __ATOMIC_ACQUIRE) < v->n_servers - 1)
        sched_yield();
    return r ? vmm_fail(EXIT_OWN_ERROR, "disks", "start their threads", -r) : 0;
}

static _Noreturn void io_process(struct vmm *v, pid_t machine)
{
    int r = prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) < 0 || getppid() != machine ? EXIT_OWN_ERROR : 0;

    signals_ignore();
    if (r == 0)
        r = part(v, FILTER_IO);
    if (r == 0 && v->media_listening >= 0 && (r = fill_lower_numbers()) < 0) /* before anybody is let in */
        r = vmm_fail(EXIT_OWN_ERROR, "media", "keep numbers of descriptors", r);
    if (r == 0)
        r = start_servers(v);
    if (r == 0)
        r = vmm_shut_in(v, FILTER_IO, -1);
    if (r == 0)
        serve(&servers[0]);
    _exit(r);
}

/* ---- both ---- */

int vmm_fork(struct vmm *v)
{
    const pid_t machine = getpid();

    v->io = fork();
    if (v->io < 0)
        return vmm_fail(EXIT_OWN_ERROR, "start", "make the I/O process", -errno);
    if (v->io == 0)
        io_process(v, machine);
    const int r = v->options.restore ? snapshot_map_memory(v) : 0;
    return r ? r : part(v, FILTER_MACHINE);
}
