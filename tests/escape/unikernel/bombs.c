/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Programs that use up one thing of their kernel's, by name: `bombs NAME`. Those of the first table go on until they
 * are refused, say by what, and end; those of the second never end by themselves. None undoes anything.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define MOST (1L << 40) /* more than anything can have */
#define PAGE 4096

/* Each does one more, and returns less than 0 with errno when it is refused. */
struct bomb {
    const char *name;
    long (*more)(long n);
};

static char page[PAGE];

/* ---- memory -------------------------------------------------------------------------------------------------------
 */

static long memory(long n)
{
    char *p = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    (void)n;
    if (p == MAP_FAILED)
        return -1;
    for (int i = 0; i < 1 << 20; i += PAGE)
        p[i] = 1;
    return 0;
}

static long heap(long n)
{
    char *p = malloc(100);

    if (p)
        *p = (char)n;
    return p ? 0 : -1;
}

/* Every other page, so that nothing can be joined. */
static long areas(long n)
{
    static char *from;

    if (!from && (from = mmap(NULL, (size_t)PAGE << 24, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
                              0)) == MAP_FAILED)
        return -1;
    return mprotect(from + 2 * PAGE * n, PAGE, PROT_READ | PROT_WRITE);
}

static long shared(long n)
{
    int id = shmget(IPC_PRIVATE, 1 << 20, 0600);
    char *p = id < 0 ? (void *)-1 : shmat(id, NULL, 0);

    if (p == (void *)-1)
        return -1;
    memset(p, (int)n, 1 << 20);
    return 0;
}

/* ---- files --------------------------------------------------------------------------------------------------------
 */

static long file_bytes(long n)
{
    static int fd = -1;

    (void)n;
    if (fd < 0 && (fd = open("/tmp/large", O_WRONLY | O_CREAT, 0600)) < 0)
        return -1;
    return write(fd, page, sizeof page);
}

static long file_holes(long n)
{
    static int fd = -1;

    if (fd < 0 && (fd = open("/tmp/holes", O_WRONLY | O_CREAT, 0600)) < 0)
        return -1;
    return pwrite(fd, "x", 1, n << 16);
}

static long names(long n)
{
    char path[64];

    snprintf(path, sizeof path, "/tmp/%0*ld", 40, n);
    int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    return fd < 0 ? -1 : close(fd);
}

static long depth(long n)
{
    if (!n && chdir("/tmp") < 0)
        return -1;
    return mkdir("d", 0700) < 0 ? -1 : chdir("d");
}

static long links(long n)
{
    char path[64];

    memset(page, 'x', sizeof page - 1);
    snprintf(path, sizeof path, "/tmp/link%ld", n);
    return symlink(page, path);
}

/* What is not there is remembered too: as many names as are enough. */
static long missing(long n)
{
    char path[64];

    snprintf(path, sizeof path, "/none-%ld", n);
    return access(path, F_OK) < 0 && errno != ENOENT ? -1 : n == 300000 ? -1 : 0;
}

/* As many as a file may have (64 KiB of names), then another file. */
static long attributes(long n)
{
    char name[64], path[64];

    snprintf(path, sizeof path, "/tmp/attributes-%ld", n / 4000);
    if (n % 4000 == 0)
        close(open(path, O_WRONLY | O_CREAT, 0600));
    snprintf(name, sizeof name, "user.%ld", n % 4000);
    return syscall(SYS_setxattr, path, name, page, 1024, 0);
}

static long mounts(long n)
{
    char path[64];

    snprintf(path, sizeof path, "/tmp/m%ld", n);
    return mkdir(path, 0700) < 0 ? -1 : syscall(SYS_mount, "none", path, "tmpfs", 0, "");
}

static long locks(long n)
{
    static int fd = -1;
    struct flock l = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2 * n, .l_len = 1};

    if (fd < 0)
        fd = open("/tmp/locks", O_RDWR | O_CREAT, 0600);
    return fcntl(fd, F_SETLK, &l);
}

/* ---- descriptors, and what hangs on them ---------------------------------------------------------------------------
 */

static long descriptors(long n)
{
    (void)n;
    return dup(0);
}

static long pipes(long n)
{
    int fds[2];

    (void)n;
    if (pipe2(fds, O_NONBLOCK) < 0)
        return -1;
    while (write(fds[1], page, sizeof page) > 0)
        ;
    return 0;
}

static long sockets(long n)
{
    int fds[2];

    (void)n;
    if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0, fds) < 0)
        return -1;
    while (send(fds[1], page, sizeof page, 0) > 0)
        ;
    return 0;
}

/* Descriptors that are nowhere but in flight, each with what was sent before it. */
static long in_flight(long n)
{
    static int last = -1;
    int fds[2];
    char control[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec v = {page, 1};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    struct cmsghdr *c = CMSG_FIRSTHDR(&m);

    (void)n;
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
        return -1;
    if (last < 0)
        last = dup(0);
    *c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(c), &last, sizeof last);
    if (sendmsg(fds[1], &m, 0) < 0)
        return -1;
    close(last);
    close(fds[1]);
    last = fds[0];
    return 0;
}

static long listeners(long n)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);

    snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "%ld", n);
    return fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof a) < 0 ? -1 : listen(fd, 1 << 20);
}

static long polls(long n)
{
    static int set = -1;
    struct epoll_event e = {.events = EPOLLIN};
    int fd = eventfd(1, 0);

    (void)n;
    if (set < 0)
        set = epoll_create1(0);
    return fd < 0 ? -1 : epoll_ctl(set, EPOLL_CTL_ADD, fd, &e);
}

/* Sets in sets. */
static long nested(long n)
{
    static int last = -1;
    struct epoll_event e = {.events = EPOLLIN};
    int set = epoll_create1(0);

    (void)n;
    if (set < 0 || (last >= 0 && epoll_ctl(set, EPOLL_CTL_ADD, last, &e) < 0))
        return -1;
    last = set;
    return 0;
}

static long memory_files(long n)
{
    int fd = (int)syscall(SYS_memfd_create, "bomb", 0);

    (void)n;
    return fd < 0 || ftruncate(fd, 1 << 20) < 0 ? -1 : write(fd, page, sizeof page);
}

static long watches(long n)
{
    static int fd = -1;
    char path[64];

    if (fd < 0)
        fd = inotify_init1(IN_NONBLOCK);
    snprintf(path, sizeof path, "/tmp/w%ld", n);
    return mkdir(path, 0700) < 0 ? -1 : inotify_add_watch(fd, path, IN_ALL_EVENTS);
}

static long clocks(long n)
{
    const struct itimerspec often = {{0, 1000}, {0, 1}};
    int fd = timerfd_create(CLOCK_MONOTONIC, 0);

    (void)n;
    return fd < 0 ? -1 : timerfd_settime(fd, 0, &often, NULL);
}

/* ---- tasks, signals, timers -----------------------------------------------------------------------------------------
 */

static void *sleeper(void *nothing)
{
    for (;;)
        pause();
    return nothing;
}

static long tasks(long n)
{
    pthread_attr_t small;
    pthread_t thread;

    (void)n;
    pthread_attr_init(&small);
    pthread_attr_setstacksize(&small, 4 * PAGE);
    errno = pthread_create(&thread, &small, sleeper, NULL);
    return errno ? -1 : 0;
}

static long signals(long n)
{
    sigset_t all;

    sigfillset(&all);
    if (!n)
        sigprocmask(SIG_BLOCK, &all, NULL);
    return sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = (int)n});
}

static long timers(long n)
{
    struct sigevent e = {.sigev_notify = SIGEV_NONE};
    const struct itimerspec often = {{0, 1}, {0, 1}};
    timer_t t;

    (void)n;
    return timer_create(CLOCK_MONOTONIC, &e, &t) < 0 ? -1 : timer_settime(t, 0, &often, NULL);
}

static long semaphores(long n)
{
    (void)n;
    return semget(IPC_PRIVATE, 250, 0600);
}

/* The least that a handler can do: again, in itself. */
static void again(int signo)
{
    raise(signo);
}

static long handlers(long n)
{
    const struct sigaction action = {.sa_handler = again, .sa_flags = SA_NODEFER};

    (void)n;
    sigaction(SIGUSR1, &action, NULL);
    return raise(SIGUSR1);
}

__attribute__((noinline)) static long deep(long n)
{
    volatile char frame[1024];

    frame[0] = (char)n;
    return deep(n + 1) + frame[0];
}

static const struct bomb refused[] = {
    {"memory", memory},
    {"heap", heap},
    {"areas", areas},
    {"shared", shared},
    {"file-bytes", file_bytes},
    {"file-holes", file_holes},
    {"names", names},
    {"depth", depth},
    {"links", links},
    {"missing", missing},
    {"mounts", mounts},
    {"locks", locks},
    {"descriptors", descriptors},
    {"pipes", pipes},
    {"sockets", sockets},
    {"in-flight", in_flight},
    {"nested", nested},
    {"memory-files", memory_files},
    {"watches", watches},
    {"tasks", tasks},
    {"signals", signals},
    {"timers", timers},
    {"semaphores", semaphores},
};

/* ---- those without an end -------------------------------------------------------------------------------------------
 */

static long loop(long n)
{
    for (;;)
        __asm__ volatile("pause");
    return n;
}

static long forks(long n)
{
    (void)n;
    if (fork() == 0)
        _exit(0);
    return 0;
}

static int end_at_once(void *nothing)
{
    (void)nothing;
    return 0;
}

static long vforks(long n)
{
    static char stack[65536];

    (void)n;
    pid_t pid = clone(end_at_once, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    return pid < 0 ? pid : waitpid(pid, NULL, 0);
}

/* Never waited for: what is left of each is a task. */
static long zombies(long n)
{
    static char stack[65536];

    (void)n;
    clone(end_at_once, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
    return 0;
}

static long calls(long n)
{
    (void)n;
    return getppid() < 0;
}

static long traps(long n)
{
    (void)n;
    syscall(9999);
    return 0;
}

static void note(int signo)
{
    (void)signo;
}

static long alarms(long n)
{
    const struct itimerval often = {{0, 1}, {0, 1}};

    if (!n) {
        signal(SIGALRM, note);
        setitimer(ITIMER_REAL, &often, NULL);
    }
    pause();
    return 0;
}

static int ways[2][2];

static void *echo(void *nothing)
{
    char c;

    while (read(ways[0][0], &c, 1) == 1 && write(ways[1][1], &c, 1) == 1)
        ;
    return nothing;
}

/* Each wakes the other. */
static long ping_pong(long n)
{
    pthread_t thread;
    char c = 0;

    if (!n && (pipe(ways[0]) < 0 || pipe(ways[1]) < 0 || pthread_create(&thread, NULL, echo, NULL)))
        return -1;
    return write(ways[0][1], &c, 1) < 0 ? -1 : read(ways[1][0], &c, 1);
}

static long output(long n)
{
    if (!n)
        memset(page, 'x', sizeof page);
    return write(1, page, sizeof page);
}

static const struct bomb endless[] = {
    {"attributes", attributes}, {"listeners", listeners}, {"polls", polls},     {"clocks", clocks}, {"loop", loop},
    {"forks", forks},           {"vforks", vforks},       {"zombies", zombies}, {"calls", calls},   {"traps", traps},
    {"alarms", alarms},         {"ping-pong", ping_pong}, {"output", output},
};

static const struct bomb faults[] = {{"deep", deep}, {"handlers", handlers}};

static const struct {
    const char *name;
    const struct bomb *rows;
    size_t n;
} tables[] = {
    {"refused", refused, sizeof refused / sizeof *refused},
    {"endless", endless, sizeof endless / sizeof *endless},
    {"faults", faults, sizeof faults / sizeof *faults},
};

static int explode(const struct bomb *b)
{
    long n = 0;

    puts("begun");
    fflush(stdout);
    while (n < MOST && b->more(n) >= 0)
        n++;
    printf("%s after %ld\n", n == MOST ? "no end" : strerror(errno), n);
    return n == MOST;
}

int main(int argc, char **argv)
{
    const struct rlimit many = {1 << 20, 1 << 20};

    setrlimit(RLIMIT_NOFILE, &many);
    for (size_t t = 0; t < 3; t++)
        for (size_t i = 0; i < tables[t].n; i++)
            if (argc > 1 && !strcmp(argv[1], "list"))
                printf("%s\t%s\n", tables[t].name, tables[t].rows[i].name);
            else if (argc > 1 && !strcmp(argv[1], tables[t].rows[i].name))
                return explode(&tables[t].rows[i]);
    return argc > 1 && !strcmp(argv[1], "list") ? 0 : 64;
}
