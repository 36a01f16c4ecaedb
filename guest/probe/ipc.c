/* SPDX-License-Identifier: Apache-2.0 */
/* Class ipc: objects and sockets of the host that have no path or a global name, and networks that are not ours. */
#include "../child.h"
#include "probe.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- System V, POSIX ---------------------------------------------------------------------------------------- */

static void show_shm(struct seen *s, int id)
{
    const char *m = id < 0 ? (void *)-1 : shmat(id, NULL, SHM_RDONLY);

    if (m == (void *)-1)
        return say_errno(s, "shmat");
    say_escaped(s, "read '%.80s' from a segment", m);
}

static void shm_key(const struct probe *p, struct seen *s)
{
    if (need_fact("shm", s))
        show_shm(s, shmget((key_t)fact_number("shm"), 0, 0));
}

/* Without its key, as ids go. */
static void shm_list(const struct probe *p, struct seen *s)
{
    struct shmid_ds ds;

    if (!need_fact("shm", s))
        return;
    errno = ENOENT;
    for (int i = 0; i < 4096; i++) {
        int id = shmctl(i, 13 /* SHM_STAT */, &ds);
        if (id >= 0 && ds.shm_perm.__key == (key_t)fact_number("shm"))
            return show_shm(s, id);
    }
    say_errno(s, "no segment of that key");
}

static void message(const struct probe *p, struct seen *s)
{
    struct {
        long type;
        char text[96];
    } m = {0};

    if (!need_fact("msg", s))
        return;
    int id = msgget((key_t)fact_number("msg"), 0);
    ssize_t n = id < 0 ? -1 : msgrcv(id, &m, sizeof m.text - 1, 0, IPC_NOWAIT);
    if (n < 0)
        return say_errno(s, "msgrcv");
    msgsnd(id, &m, (size_t)n, IPC_NOWAIT);
    say_escaped(s, "read '%s' from a queue", m.text);
}

static void semaphore(const struct probe *p, struct seen *s)
{
    if (!need_fact("sem", s))
        return;
    int id = semget((key_t)fact_number("sem"), 0, 0), value = id < 0 ? -1 : semctl(id, 0, GETVAL);
    if (value < 0)
        return say_errno(s, "semget");
    say_escaped(s, "a set of the host's, with the value %d", value);
}

static void posix_queue(const struct probe *p, struct seen *s)
{
    const char *name = need_fact("mq", s);
    char text[8192] = "";

    if (!name)
        return;
    mqd_t q = mq_open(name, O_RDWR | O_NONBLOCK);
    ssize_t n = q < 0 ? -1 : mq_receive(q, text, sizeof text - 1, NULL);
    if (n < 0)
        return say_errno(s, "mq_open");
    mq_send(q, text, (size_t)n, 0);
    say_escaped(s, "read '%.80s' from a queue", text);
}

/* ---- sockets that answer with the secret -------------------------------------------------------------------- */

static void show_socket(struct seen *s, int fd, const struct sockaddr *a, size_t len)
{
    struct pollfd p = {.fd = fd, .events = POLLIN};
    char text[96] = "";

    if (fd < 0 || connect(fd, a, (socklen_t)len) < 0)
        return say_errno(s, fd < 0 ? "socket" : "connect");
    if (send(fd, "?", 1, MSG_NOSIGNAL) < 0 || poll(&p, 1, 2000) != 1 || recv(fd, text, sizeof text - 1, 0) <= 0)
        return say_errno(s, "no answer");
    say_escaped(s, "read '%s' from a socket of the host", text);
}

static void local_socket(const struct probe *p, struct seen *s)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    const char *name = need_fact(p->arg, s);
    size_t n = name ? strlen(name) : 0;

    if (!name || n >= sizeof a.sun_path - 1)
        return;
    memcpy(a.sun_path + p->number, name, n);
    show_socket(s, socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), (struct sockaddr *)&a,
                offsetof(struct sockaddr_un, sun_path) + (size_t)p->number + n);
}

static void loopback(const struct probe *p, struct seen *s)
{
    const uint16_t port = htons((uint16_t)fact_number(p->arg));
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_port = port, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_port = port, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const bool six = p->number == AF_INET6;

    if (need_fact(p->arg, s))
        show_socket(s, socket((int)p->number, (int)p->second | SOCK_CLOEXEC, 0),
                    six ? (struct sockaddr *)&a6 : (struct sockaddr *)&a4, six ? sizeof a6 : sizeof a4);
}

/* ---- the host's network ------------------------------------------------------------------------------------- */

static void interface(const struct probe *p, struct seen *s)
{
    const char *name = need_fact("link", s);
    struct ifreq r = {0};
    int fd = name ? socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    char mac[24];

    if (!name)
        return;
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", name);
    if (fd < 0 || ioctl(fd, SIOCGIFHWADDR, &r) < 0)
        return say_errno(s, name);
    const unsigned char *b = (unsigned char *)r.ifr_hwaddr.sa_data;
    snprintf(mac, sizeof mac, "%02x:%02x:%02x:%02x:%02x:%02x", b[0], b[1], b[2], b[3], b[4], b[5]);
    if (fact("mac") && strcmp(mac, fact("mac")))
        say_blocked(s, "another interface of that name");
    else
        say_escaped(s, "the host's %s, %s", name, mac);
}

static void netlink_list(const struct probe *p, struct seen *s)
{
    struct {
        struct nlmsghdr h;
        struct ifinfomsg i;
    } ask = {{sizeof ask, RTM_GETLINK, NLM_F_REQUEST | NLM_F_DUMP, 1, 0}, {0}};
    const char *name = need_fact("link", s);
    char buf[32768];
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (!name)
        return;
    if (fd < 0 || send(fd, &ask, sizeof ask, 0) < 0)
        return say_errno(s, "netlink");
    for (int i = 0; i < 64; i++) {
        ssize_t n = recv(fd, buf, sizeof buf, 0);
        if (n < (ssize_t)sizeof(struct nlmsghdr) || ((struct nlmsghdr *)buf)->nlmsg_type == NLMSG_DONE)
            break;
        if (memmem(buf, (size_t)n, name, strlen(name) + 1))
            return say_escaped(s, "netlink lists the host's %s", name);
    }
    say_blocked(s, "the host's %s is not among them", name);
}

static void on_link(const struct probe *p, struct seen *s)
{
    host_link(s, socket((int)p->number, SOCK_RAW | SOCK_CLOEXEC, (int)p->second));
}

static int end_at_once(void *nothing)
{
    (void)nothing;
    return 0;
}

/* The connector tells of every process of the host that starts or ends: one of ours does. */
static void connector(const struct probe *p, struct seen *s)
{
    struct {
        struct nlmsghdr h;
        uint32_t id[2], seq, ack;
        uint16_t len, flags;
        uint32_t listen;
    } ask = {{sizeof ask, NLMSG_DONE, 0, 0, 0}, {1, 1} /* CN_IDX_PROC, CN_VAL_PROC */, 0, 0, 4, 0, 1};
    struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = 1};
    int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);
    struct pollfd ready = {.fd = fd, .events = POLLIN};

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 || send(fd, &ask, sizeof ask, 0) < 0)
        return say_errno(s, "netlink");
    pid_t pid = child_begin(end_at_once, NULL);
    if (pid > 0)
        waitpid(pid, NULL, 0);
    if (poll(&ready, 1, 500) == 1)
        say_escaped(s, "hears of processes of the host");
    else
        say_blocked(s, "hears nothing");
}

static void audit(const struct probe *p, struct seen *s)
{
    struct nlmsghdr h = {sizeof h, 1000 /* AUDIT_GET */, NLM_F_REQUEST | NLM_F_ACK, 1, 0};
    struct {
        struct nlmsghdr h;
        int error;
        char rest[256];
    } answer = {0};
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_AUDIT);

    if (fd < 0 || send(fd, &h, sizeof h, 0) < 0 || recv(fd, &answer, sizeof answer, 0) < 0)
        return say_errno(s, "netlink");
    errno = -answer.error;
    say_result(s, answer.h.nlmsg_type == NLMSG_ERROR && answer.error < 0 ? -1 : 0, "asked for the state of the audit");
}

/* Names that /proc/net gives away. */
static void listed(const struct probe *p, struct seen *s)
{
    char line[512], want[128];
    const char *f = need_fact(p->second ? "tcp" : "abstract", s);
    FILE *list = f ? fopen(p->arg, "re") : NULL;

    if (!f)
        return;
    if (!list)
        return say_errno(s, "open");
    if (p->second)
        snprintf(want, sizeof want, "0100007F:%04lX", fact_number("tcp"));
    else
        snprintf(want, sizeof want, "@%s", f);
    while (fgets(line, sizeof line, list))
        if (strstr(line, want))
            return say_escaped(s, "%s lists '%s'", p->arg, want);
    say_blocked(s, "%s does not list it", p->arg);
}

static const struct probe rows[] = {
    {"shm", shm_key, "attaches a System V segment of the host by its key", NEEDS_TOKEN},
    {"shm-list", shm_list, "attaches one without its key", NEEDS_TOKEN},
    {"message-queue", message, "receives from a System V queue of the host", NEEDS_TOKEN},
    {"semaphore", semaphore, "reads a System V semaphore of the host", 0},
    {"posix-queue", posix_queue, "receives from a POSIX queue of the host", NEEDS_TOKEN},
    {"posix-shm", attempt_read_fact, "reads POSIX shared memory of the host", NEEDS_TOKEN, "devshm"},
    {"socket-abstract", local_socket, "connects to an abstract socket of the host", NEEDS_TOKEN, "abstract", 1},
    {"socket-path", local_socket, "connects to a socket of the host by its path", NEEDS_TOKEN, "socket"},
    {"loopback-tcp", loopback, "connects to a listener on the host's loopback", NEEDS_TOKEN, "tcp", AF_INET,
     SOCK_STREAM},
    {"loopback-tcp6", loopback, "connects to a listener on ::1", NEEDS_TOKEN, "tcp6", AF_INET6, SOCK_STREAM},
    {"loopback-udp", loopback, "asks a UDP service on the host's loopback", NEEDS_TOKEN, "udp", AF_INET, SOCK_DGRAM},
    {"interface", interface, "asks for the address of an interface of the host", 0},
    {"netlink-links", netlink_list, "lists interfaces by netlink", 0},
    {"netlink-audit", audit, "asks the kernel's audit for its state", NEEDS_ROOT | NEEDS_KERNEL},
    {"netlink-connector", connector, "hears of all processes of the host", NEEDS_ROOT | NEEDS_KERNEL},
    {"packet-socket", on_link, "hears packets of an interface of the host", NEEDS_ROOT, .number = AF_PACKET},
    {"raw-socket", on_link, "a raw socket on an interface of the host", NEEDS_ROOT, .number = AF_INET,
     .second = IPPROTO_ICMP},
    {"vsock", attempt_socket, "a socket to the hypervisor", NEEDS_FILTER | NEEDS_KERNEL, .number = 40,
     .second = SOCK_STREAM},
    {"cipher-socket", attempt_socket, "a socket of the kernel's ciphers", NEEDS_FILTER | NEEDS_KERNEL, .number = 38,
     .second = SOCK_SEQPACKET},
    {"xdp-socket", attempt_socket, "a socket of AF_XDP", NEEDS_ROOT | NEEDS_KERNEL, .number = 44, .second = SOCK_RAW},
    {"can-socket", attempt_socket, "a socket of AF_CAN", NEEDS_KERNEL, .number = 29, .second = SOCK_RAW},
    {"tipc-socket", attempt_socket, "a socket of AF_TIPC", NEEDS_KERNEL, .number = 30, .second = SOCK_STREAM},
    {"bluetooth-socket", attempt_socket, "a socket of AF_BLUETOOTH", NEEDS_KERNEL, .number = 31, .second = SOCK_RAW},
    {"key-socket", attempt_socket, "a socket of PF_KEY", NEEDS_ROOT | NEEDS_KERNEL, .number = 15, .second = SOCK_RAW},
    {"names-abstract", listed, "finds the names of abstract sockets of the host", 0, "/proc/net/unix"},
    {"names-tcp", listed, "finds the ports of listeners of the host", 0, "/proc/net/tcp", .second = 1},
};

const struct probe_class ipc_class = {"ipc", rows, ARRAY_LEN(rows)};
