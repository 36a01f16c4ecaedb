/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The canaries: a process of the host that has a secret wherever a probe looks for one, and gives it to everybody who
 * reaches it. It runs outside, unconfined, while a table is made; all that it makes ends with it.
 */
#include "probe.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <linux/keyctl.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netpacket/packet.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/un.h>
#include <unistd.h>

#define WORLD 0666 /* only confinement stands before a canary, not its mode */

static char secret[64];
static _Alignas(4096) char scratch[4096]; /* may be written from outside */
static char name[32];                     /* of everything that has one */
static int secret_fd = -1;
static struct {
    int shm, msg, sem;
    char mq[40], devshm[64], dir[500], file[512], victim[512], socket[512];
} made = {-1, -1, -1, "", "", "", "", "", ""};

static void remove_all(void)
{
    if (made.shm >= 0)
        shmctl(made.shm, IPC_RMID, NULL);
    if (made.msg >= 0)
        msgctl(made.msg, IPC_RMID, NULL);
    if (made.sem >= 0)
        semctl(made.sem, 0, IPC_RMID);
    if (*made.mq)
        mq_unlink(made.mq);
    const char *const files[] = {made.devshm, made.file, made.victim, made.socket};
    for (size_t i = 0; i < ARRAY_LEN(files); i++)
        if (*files[i])
            unlink(files[i]);
    rmdir(made.dir); /* where nobody else has put anything there */
}

static void end(int signo)
{
    remove_all();
    _exit(signo ? 128 + signo : 0);
}

/* ---- files -------------------------------------------------------------------------------------------------- */

static int write_file(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, WORLD);

    if (fd < 0 || write(fd, secret, strlen(secret)) < 0 || write(fd, "\n", 1) < 0 || fchmod(fd, WORLD) < 0)
        return -1;
    return fd;
}

static void say_handle(const char *path)
{
    union {
        struct file_handle h;
        char space[sizeof(struct file_handle) + 128];
    } f = {.h = {.handle_bytes = 128}};
    int mount_id;

    if (name_to_handle_at(AT_FDCWD, path, &f.h, &mount_id, 0) < 0)
        return;
    printf("handle=%d:", f.h.handle_type);
    for (unsigned i = 0; i < f.h.handle_bytes; i++)
        printf("%02x", f.h.f_handle[i]);
    putchar('\n');
}

/* The disk below, by its name, and any block device that this process may read. */
static void say_disks(const struct stat *below)
{
    struct dirent *e;
    struct stat st;
    char path[280];
    bool said = false;
    DIR *dev = opendir("/dev");

    while (dev && (e = readdir(dev))) {
        snprintf(path, sizeof path, "/dev/%s", e->d_name);
        if (lstat(path, &st) < 0 || !S_ISBLK(st.st_mode))
            continue;
        if (st.st_rdev == below->st_dev)
            printf("blockpath=%s\n", path);
        int fd = said ? -1 : open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
        if (fd >= 0)
            printf("block=%u:%u\n", major(st.st_rdev), minor(st.st_rdev));
        said |= fd >= 0;
        close(fd);
    }
    if (dev)
        closedir(dev);
}

static int plant_files(const char *dir)
{
    struct stat st;

    snprintf(made.file, sizeof made.file, "%s/secret", dir);
    snprintf(made.victim, sizeof made.victim, "%s/victim", dir);
    snprintf(made.devshm, sizeof made.devshm, "/dev/shm/%s", name);
    secret_fd = write_file(made.file);
    int victim = write_file(made.victim), shm = write_file(made.devshm);
    void *map = secret_fd < 0 ? MAP_FAILED : mmap(NULL, 4096, PROT_READ, MAP_SHARED, secret_fd, 0);
    if (map == MAP_FAILED || victim < 0 || chdir(dir) < 0 || fstat(secret_fd, &st) < 0)
        return -1;
    printf("file=%s\nvictim=%s\nfd=%d\nmap=%lx-%lx\n", made.file, made.victim, secret_fd, (unsigned long)map,
           (unsigned long)map + 4096);
    if (shm >= 0)
        printf("devshm=%s\n", made.devshm);
    else
        *made.devshm = '\0';
    say_handle(made.file);
    say_disks(&st);
    return 0;
}

/* ---- System V, POSIX ---------------------------------------------------------------------------------------- */

static void plant_objects(void)
{
    struct {
        long type;
        char text[sizeof secret];
    } message = {.type = 1};
    struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 128};
    key_t key = 0;

    memcpy(message.text, secret, sizeof secret);
    while (key <= 0)
        getrandom(&key, sizeof key, 0);
    made.shm = shmget(key, 4096, IPC_CREAT | IPC_EXCL | WORLD);
    char *m = made.shm < 0 ? (void *)-1 : shmat(made.shm, NULL, 0);
    if (m != (void *)-1) {
        memcpy(m, secret, sizeof secret);
        printf("shm=%d\n", key);
    }
    made.msg = msgget(key, IPC_CREAT | IPC_EXCL | WORLD);
    if (made.msg >= 0 && msgsnd(made.msg, &message, strlen(secret), 0) == 0)
        printf("msg=%d\n", key);
    made.sem = semget(key, 1, IPC_CREAT | IPC_EXCL | WORLD);
    if (made.sem >= 0 && semctl(made.sem, 0, SETVAL, 7) == 0)
        printf("sem=%d\n", key);
    snprintf(made.mq, sizeof made.mq, "/%s", name);
    mqd_t q = mq_open(made.mq, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, WORLD, &attr);
    if (q < 0)
        *made.mq = '\0';
    else if (fchmod(q, WORLD) == 0 && mq_send(q, secret, strlen(secret), 0) == 0)
        printf("mq=%s\n", made.mq);
}

/* ---- sockets ------------------------------------------------------------------------------------------------ */

static int bound(int fd, const void *a, size_t len, bool listens)
{
    if (fd >= 0 && bind(fd, a, (socklen_t)len) == 0 && (!listens || listen(fd, 16) == 0))
        return fd;
    close(fd);
    return -1;
}

static int plant_local(const char *text, bool abstract)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(text), at = abstract;

    if (n + 1 >= sizeof a.sun_path)
        return -1;
    memcpy(a.sun_path + at, text, n);
    int fd = bound(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), &a, offsetof(struct sockaddr_un, sun_path) + at + n,
                   true);
    if (fd >= 0 && !abstract)
        chmod(text, WORLD);
    if (fd >= 0)
        printf("%s=%s\n", abstract ? "abstract" : "socket", text);
    return fd;
}

static int plant_loopback(int family, int kind, const char *what)
{
    struct sockaddr_in a4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    const bool six = family == AF_INET6;
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    int fd = bound(socket(family, kind | SOCK_CLOEXEC, 0), six ? (void *)&a6 : (void *)&a4, six ? sizeof a6 : sizeof a4,
                   kind == SOCK_STREAM);

    if (fd >= 0 && getsockname(fd, (struct sockaddr *)&own, &len) == 0)
        printf("%s=%d\n", what,
               ntohs(six ? ((struct sockaddr_in6 *)&own)->sin6_port : ((struct sockaddr_in *)&own)->sin_port));
    return fd;
}

static void say_link(void)
{
    struct ifaddrs *list, *i;

    if (getifaddrs(&list) < 0)
        return;
    for (i = list; i; i = i->ifa_next) {
        const struct sockaddr_ll *a = (const struct sockaddr_ll *)i->ifa_addr;
        if (!a || a->sll_family != AF_PACKET || (i->ifa_flags & (IFF_LOOPBACK | IFF_UP)) != IFF_UP || a->sll_halen != 6)
            continue;
        const unsigned char *b = a->sll_addr;
        printf("link=%s\nmac=%02x:%02x:%02x:%02x:%02x:%02x\n", i->ifa_name, b[0], b[1], b[2], b[3], b[4], b[5]);
        break;
    }
    freeifaddrs(list);
}

/* A terminal at which somebody has typed the secret. */
static int plant_terminal(void)
{
    int n, unlock = 0, master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_CLOEXEC);
    char path[32];

    if (master < 0 || ioctl(master, TIOCSPTLCK, &unlock) < 0 || ioctl(master, TIOCGPTN, &n) < 0)
        return -1;
    snprintf(path, sizeof path, "/dev/pts/%d", n);
    int slave = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (slave < 0 || write(master, secret, strlen(secret)) < 0 || write(master, "\n", 1) < 0)
        return -1;
    fchmod(slave, WORLD);
    printf("pts=%s\n", path);
    return master; /* the slave stays open too: it is never hung up */
}

/* ---- serving ------------------------------------------------------------------------------------------------ */

/* The secret, and with it a descriptor. */
static void answer(int fd)
{
    char control[CMSG_SPACE(sizeof(int))] = "";
    struct iovec v = {secret, strlen(secret)};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct sockaddr_storage own;
    socklen_t len = sizeof own;
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &secret_fd, sizeof secret_fd);
    if (getsockname(fd, (struct sockaddr *)&own, &len) == 0 && own.ss_family == AF_UNIX)
        sendmsg(fd, &m, MSG_NOSIGNAL | MSG_DONTWAIT);
    else
        send(fd, secret, strlen(secret), MSG_NOSIGNAL | MSG_DONTWAIT);
    /* What it says is read first, else closing would take the answer back. */
    shutdown(fd, SHUT_WR);
}

static void serve(struct pollfd *fds, size_t n)
{
    int held[64] = {0};
    size_t next = 0;

    for (;;) {
        if (poll(fds, n, -1) < 0 && errno != EINTR)
            return;
        if (fds[0].revents)
            return;
        for (size_t i = 1; i < n; i++) {
            struct sockaddr_storage from;
            socklen_t len = sizeof from;
            char word[8];
            if (!fds[i].revents)
                continue;
            if (i == n - 1) { /* datagrams */
                if (recvfrom(fds[i].fd, word, sizeof word, MSG_DONTWAIT, (struct sockaddr *)&from, &len) >= 0)
                    sendto(fds[i].fd, secret, strlen(secret), MSG_DONTWAIT, (struct sockaddr *)&from, len);
                continue;
            }
            int fd = accept4(fds[i].fd, NULL, NULL, SOCK_CLOEXEC);
            if (fd < 0)
                continue;
            answer(fd);
            if (held[next])
                close(held[next]);
            held[next] = fd;
            next = (next + 1) % ARRAY_LEN(held);
        }
    }
}

int plant(const char *dir)
{
    const char *given = fact("canary") ? fact("canary") : getenv("MOAT_CANARY");
    char kernel[400];
    uint64_t random;

    if (!given || strncmp(given, "moat-canary", 11) || getrandom(&random, sizeof random, 0) != sizeof random) {
        fputs("moat-probe: plant wants canary=moat-canary...\n", stderr);
        return 125;
    }
    snprintf(secret, sizeof secret, "%s", given);
    snprintf(name, sizeof name, "moat-%016llx", (unsigned long long)random);
    snprintf(made.socket, sizeof made.socket, "%s/socket", dir);
    snprintf(made.dir, sizeof made.dir, "%s", dir);
    prctl(PR_SET_NAME, "moat-canary");
    prctl(PR_SET_PDEATHSIG, SIGTERM);
    signal(SIGTERM, end);
    signal(SIGINT, end);
    signal(SIGHUP, SIG_IGN);
    umask(0);

    if (plant_files(dir) < 0) {
        fprintf(stderr, "moat-probe: cannot make the canaries in %s: %s\n", dir, strerror(errno));
        remove_all();
        return 125;
    }
    plant_objects();
    printf("pid=%d\nsecret=%p\nscratch=%p\n", getpid(), (void *)secret, (void *)scratch);
    if (kernel_is(kernel, sizeof kernel))
        printf("kernel=%s\n", kernel);
    if (kernel_boot(kernel, sizeof kernel))
        printf("boot=%s\n", kernel);
    say_link();
    plant_terminal();
    struct pollfd fds[] = {{0, POLLIN, 0},
                           {plant_local(name, true), POLLIN, 0},
                           {plant_local(made.socket, false), POLLIN, 0},
                           {plant_loopback(AF_INET, SOCK_STREAM, "tcp"), POLLIN, 0},
                           {plant_loopback(AF_INET6, SOCK_STREAM, "tcp6"), POLLIN, 0},
                           {plant_loopback(AF_INET, SOCK_DGRAM, "udp"), POLLIN, 0}};
    puts("");
    if (fflush(stdout) == 0)
        serve(fds, ARRAY_LEN(fds));
    end(0);
    return 0;
}

int keyed(char **argv)
{
    const char *given = getenv("MOAT_CANARY");

    if (!given || syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL) < 0 ||
        syscall(SYS_add_key, "user", "moat-canary", given, strlen(given), KEY_SPEC_SESSION_KEYRING) < 0) {
        perror("moat-probe: keyed");
        return 125;
    }
    execvp(argv[0], argv);
    perror(argv[0]);
    return 127;
}

int witness(void)
{
    return 42;
}
