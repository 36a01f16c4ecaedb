/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts at what a process is and may do: its environment, identity, names, capabilities, calls, clock, devices. */
#include "attempts.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/bpf.h>
#include <linux/keyctl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

/* Equal, or refused with what is there instead. */
static int compare(const char *what, const char *is, const char *wanted)
{
    if (!strcmp(is, wanted))
        return done("%s is %s", what, is);
    return refused_as("OTHER", "%s is %s", what, *is ? is : "empty");
}

/* ---- what it is ----------------------------------------------------------------------------------------------- */

static int environment(char **args, int n)
{
    const char *v = getenv(args[0]);

    if (!v)
        return refused_as("ENOENT", "%s is not in the environment", args[0]);
    return n > 1 ? compare(args[0], v, args[1]) : done("%s is %s", args[0], shown(v, strlen(v)));
}

static int by_number(const void *a, const void *b)
{
    const gid_t x = *(const gid_t *)a, y = *(const gid_t *)b;

    return x < y ? -1 : x > y;
}

/* "UID:GID" or "UID:GID:GROUP,GROUP", as the kernel says it is; the group of the process is not among the others. */
static int identity(char **args, int n)
{
    uid_t r, e, s;
    gid_t rg, eg, sg, groups[64];
    char is[512];
    int many = getgroups(ARRAY_LEN(groups), groups), used;

    (void)n;
    if (getresuid(&r, &e, &s) < 0 || getresgid(&rg, &eg, &sg) < 0 || many < 0)
        return untried("the ids cannot be read");
    if (r != e || e != s || rg != eg || eg != sg)
        return refused_as("OTHER", "real, effective and saved ids differ");
    used = snprintf(is, sizeof is, "%u:%u", r, rg);
    qsort(groups, (size_t)many, sizeof *groups, by_number);
    bool first = true;
    for (int i = 0; i < many && used < (int)sizeof is - 16; i++)
        if (groups[i] != rg) {
            used += snprintf(is + used, sizeof is - (size_t)used, "%c%u", first ? ':' : ',', groups[i]);
            first = false;
        }
    return compare("identity", is, args[0]);
}

static int become(char **args, int n)
{
    long id;

    (void)n;
    if (!number(args[0], &id))
        return USAGE;
    if (setresuid((uid_t)id, (uid_t)id, (uid_t)id) < 0)
        return refused("setresuid %ld", id);
    return getuid() == (uid_t)id ? done("uid %ld", id) : hollow("the uid is %u", getuid());
}

/* Whether root inside is root outside: the kernel's word, in /proc. */
static int host_ids(char **args, int n)
{
    char map[256];
    unsigned inside, outside, count;

    (void)args;
    (void)n;
    if (read_small("/proc/self/uid_map", map, sizeof map) < 0 ||
        sscanf(map, "%u %u %u", &inside, &outside, &count) != 3)
        return untried("no /proc/self/uid_map");
    if (inside == outside && count == ~0u)
        return done("ids are the host's");
    return refused_as("OTHER", "uid %u is uid %u outside, %u in all", inside, outside, count);
}

static int one_id(char **args, int n)
{
    char map[256];
    unsigned inside, outside, count;

    (void)args;
    (void)n;
    if (read_small("/proc/self/uid_map", map, sizeof map) < 0 ||
        sscanf(map, "%u %u %u", &inside, &outside, &count) != 3)
        return untried("no /proc/self/uid_map");
    return count == 1 ? done("one id") : refused_as("OTHER", "%u ids", count);
}

static int host_name(char **args, int n)
{
    struct utsname u;

    (void)n;
    return uname(&u) < 0 ? untried("no uname") : compare("the host name", u.nodename, args[0]);
}

static int domain_name(char **args, int n)
{
    struct utsname u;

    (void)n;
    return uname(&u) < 0 ? untried("no uname") : compare("the domain name", u.domainname, args[0]);
}

static int working_directory(char **args, int n)
{
    char dir[4096];

    (void)n;
    return getcwd(dir, sizeof dir) ? compare("the working directory", dir, args[0]) : refused("getcwd");
}

static int terminal(char **args, int n)
{
    struct winsize ws;
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);

    (void)args;
    (void)n;
    if (fd < 0)
        return refused("open /dev/tty");
    if (!isatty(1) || ioctl(fd, TIOCGWINSZ, &ws) < 0)
        return refused("standard output");
    return done("a controlling terminal, and standard output is one");
}

/* Whether somebody reaps what nobody waits for. */
static int orphan(char **args, int n)
{
    char path[32], text[256] = "";
    int fds[2];
    pid_t left = 0;

    (void)args;
    (void)n;
    if (pipe(fds) < 0)
        return untried("no pipe");
    pid_t child = fork();
    if (child == 0) {
        pid_t orphaned = fork();
        if (orphaned == 0) { /* not before its parent has gone */
            close(fds[1]);
            while (getppid() == child)
                usleep(1000);
            _exit(0);
        }
        _exit(write(fds[1], &orphaned, sizeof orphaned) == sizeof orphaned ? 0 : 1);
    }
    if (child < 0 || read(fds[0], &left, sizeof left) != sizeof left || left <= 0 || waitpid(child, NULL, 0) < 0)
        return untried("no process for it");
    snprintf(path, sizeof path, "/proc/%d/stat", left);
    for (int i = 0; i < 200; i++) {
        if (read_small(path, text, sizeof text) < 0)
            return done("it was reaped");
        const char *state = strrchr(text, ')');
        /* Ours to reap, since we are process 1 here. */
        if (state && state[1] && state[2] == 'Z' && getpid() == 1)
            return refused_as("ZOMBIE", "nobody reaps process %d", left);
        usleep(5000);
    }
    return refused_as("ZOMBIE", "process %d is still there", left);
}

static int setting(char **args, int n)
{
    char path[256], text[256];

    (void)n;
    int len = snprintf(path, sizeof path, "/proc/sys/%s", args[0]);
    if (len >= (int)sizeof path)
        return USAGE;
    for (char *c = path; *c; c++)
        if (*c == '.')
            *c = '/';
    if (read_small(path, text, sizeof text) < 0)
        return refused("%s", path);
    text[strcspn(text, "\n")] = '\0';
    return compare(args[0], text, args[1]);
}

static int status_line(const char *name, char *value, size_t size)
{
    char text[4096];
    const char *line = read_small("/proc/self/status", text, sizeof text) > 0 ? strstr(text, name) : NULL;

    return line && snprintf(value, size, "%.*s", (int)strcspn(line + strlen(name), "\n"), line + strlen(name)) > 0 ? 0
                                                                                                                   : -1;
}

static int capability(char **args, int n)
{
    char mask[64];
    long bit;

    (void)n;
    if (!number(args[0], &bit) || bit < 0 || bit > 63)
        return USAGE;
    if (status_line("\nCapBnd:", mask, sizeof mask) < 0)
        return untried("no /proc/self/status");
    bool held = strtoull(mask, NULL, 16) >> bit & 1;
    return held ? done("capability %ld is not out of reach", bit) : refused_as("OTHER", "capability %ld is gone", bit);
}

/* The whole bounding set, in hexadecimal digits. */
static int capabilities(char **args, int n)
{
    char is[64], wanted[64], mask[64];

    (void)n;
    if (status_line("\nCapBnd:", mask, sizeof mask) < 0)
        return untried("no /proc/self/status");
    snprintf(is, sizeof is, "%llx", strtoull(mask, NULL, 16));
    snprintf(wanted, sizeof wanted, "%llx", strtoull(args[0], NULL, 16));
    return compare("the bounding set", is, wanted);
}

static int new_privileges(char **args, int n)
{
    (void)args;
    (void)n;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) ? refused_as("OTHER", "no new privileges") : done("not fenced off");
}

static int oom_score(char **args, int n)
{
    char text[64];

    (void)n;
    if (read_small("/proc/self/oom_score_adj", text, sizeof text) < 0)
        return untried("no /proc/self/oom_score_adj");
    text[strcspn(text, "\n")] = '\0';
    return compare("oom_score_adj", text, args[0]);
}

/* ---- what it may do ------------------------------------------------------------------------------------------- */

static int set_host_name(char **args, int n)
{
    struct utsname u;

    (void)n;
    if (sethostname(args[0], strlen(args[0])) < 0)
        return refused("sethostname");
    return uname(&u) < 0 || strcmp(u.nodename, args[0]) != 0 ? hollow("it is not %s", args[0])
                                                             : done("it is %s", args[0]);
}

static int set_clock(char **args, int n)
{
    struct timespec now;

    (void)args;
    (void)n;
    clock_gettime(CLOCK_REALTIME, &now);
    return clock_settime(CLOCK_REALTIME, &now) < 0 ? refused("clock_settime") : done("the clock was set");
}

/* Asks for the right to set the clock and leaves it as it is: the length of its tick is written back as it was read. */
static int adjust_clock(char **args, int n)
{
    struct timex t = {0};

    (void)args;
    (void)n;
    if (adjtimex(&t) < 0)
        return refused("adjtimex, reading");
    t.modes = ADJ_TICK;
    return adjtimex(&t) < 0 ? refused("adjtimex") : done("the tick was set to what it was, %ld", t.tick);
}

static int call_keyctl(void)
{
    return (int)syscall(SYS_keyctl, KEYCTL_GET_KEYRING_ID, KEY_SPEC_PROCESS_KEYRING, 1);
}

static int call_bpf(void)
{
    union bpf_attr attr = {.map_type = BPF_MAP_TYPE_ARRAY, .key_size = 4, .value_size = 4, .max_entries = 1};

    return (int)syscall(SYS_bpf, BPF_MAP_CREATE, &attr, sizeof attr);
}

static int call_getpriority(void)
{
    errno = 0;
    return (int)syscall(SYS_getpriority, PRIO_PROCESS, 0);
}

static int call_unshare(void)
{
    return (int)syscall(SYS_unshare, 0x10000000 /* CLONE_NEWUSER */);
}

static int call_ptrace(void)
{
    return (int)ptrace(PTRACE_TRACEME, 0, 0, 0);
}

static int call_personality(void)
{
    return (int)syscall(SYS_personality, 0x0040000 /* ADDR_NO_RANDOMIZE */);
}

static int call_chroot(void)
{
    return chroot("/");
}

static int call(char **args, int n)
{
    static const struct {
        const char *name;
        int (*run)(void);
    } calls[] = {
        {"keyctl", call_keyctl}, {"bpf", call_bpf},       {"getpriority", call_getpriority}, {"unshare", call_unshare},
        {"ptrace", call_ptrace}, {"chroot", call_chroot}, {"personality", call_personality},
    };

    (void)n;
    for (size_t i = 0; i < ARRAY_LEN(calls); i++)
        if (!strcmp(calls[i].name, args[0]))
            return calls[i].run() < 0 ? refused("%s", args[0]) : done("%s was answered", args[0]);
    return USAGE;
}

static int control(char **args, int n)
{
    int fds[2], room = 0, on = 1;
    struct winsize ws;
    bool pipe_one = !strcmp(args[0], "FIONREAD") || !strcmp(args[0], "FIONBIO") || !strcmp(args[0], "FIOCLEX");

    (void)n;
    if (pipe(fds) < 0 || write(fds[1], "12345", 5) != 5)
        return untried("no pipe");
    if (!strcmp(args[0], "FIONREAD") && ioctl(fds[0], FIONREAD, &room) == 0)
        return room == 5 ? done("5 bytes are there to be read") : hollow("it said %d", room);
    if (!strcmp(args[0], "FIONBIO") && ioctl(fds[0], FIONBIO, &on) == 0)
        return fcntl(fds[0], F_GETFL) & O_NONBLOCK ? done("set") : hollow("not set");
    if (!strcmp(args[0], "FIOCLEX") && ioctl(fds[0], FIOCLEX) == 0)
        return fcntl(fds[0], F_GETFD) & FD_CLOEXEC ? done("set") : hollow("not set");
    if (pipe_one)
        return refused("%s of a pipe", args[0]);
    if (strcmp(args[0], "TIOCGWINSZ") != 0)
        return USAGE;
    /* A pipe has no size: that answer comes from behind a filter. */
    if (ioctl(fds[0], TIOCGWINSZ, &ws) < 0 && errno != ENOTTY)
        return refused("TIOCGWINSZ");
    return done("TIOCGWINSZ was answered");
}

/* ---- signals and time ----------------------------------------------------------------------------------------- */

static volatile sig_atomic_t came;

static void note(int signo)
{
    came = signo;
}

/* Waits for a signal that asks it to end, and says which it was. */
static int await_signal(char **args, int n)
{
    static const struct {
        const char *name;
        int number;
    } signals[] = {{"TERM", SIGTERM}, {"USR1", SIGUSR1}, {"INT", SIGINT}, {"HUP", SIGHUP}, {"QUIT", SIGQUIT}};
    const char *name = "another";

    (void)n;
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        signal(signals[i].number, note);
    for (int i = 0; i < 600 && !came; i++)
        usleep(10000);
    for (size_t i = 0; i < ARRAY_LEN(signals); i++)
        if (signals[i].number == came)
            name = signals[i].name;
    return came ? compare("the signal", name, args[0]) : untried("no signal came in 6 seconds");
}

static int wait_a_while(char **args, int n)
{
    long ms;

    (void)n;
    if (!number(args[0], &ms))
        return USAGE;
    for (long left = ms; left > 0; left -= 100)
        usleep((useconds_t)(left < 100 ? left : 100) * 1000);
    return done("%ld ms", ms);
}

const struct attempt process_attempts[] = {
    {"environment", environment, "NAME [VALUE]", "whether a variable is there, and what it is"},
    {"identity", identity, "UID:GID[:GROUPS]", "whether these are the ids and the further groups"},
    {"become", become, "UID", "takes another uid"},
    {"host-ids", host_ids, "", "whether ids are the host's own"},
    {"one-id", one_id, "", "whether a single id is mapped"},
    {"hostname", host_name, "NAME", "whether this is the host name"},
    {"domainname", domain_name, "NAME", "whether this is the domain name"},
    {"directory", working_directory, "PATH", "whether this is the working directory"},
    {"terminal", terminal, "", "whether there is a controlling terminal"},
    {"orphan", orphan, "", "leaves a process that nobody waits for, and looks whether it is reaped"},
    {"setting", setting, "NAME VALUE", "whether a sysctl has this value"},
    {"capability", capability, "NUMBER", "whether a capability is in the bounding set"},
    {"capabilities", capabilities, "MASK", "whether the bounding set is this one"},
    {"new-privileges", new_privileges, "", "whether programs may gain privileges"},
    {"oom-score", oom_score, "N", "whether this is oom_score_adj"},
    {"set-hostname", set_host_name, "NAME", "sets the host name"},
    {"set-clock", set_clock, "", "sets the clock to the time it shows"},
    {"adjust-clock", adjust_clock, "", "asks for the right to set the clock, and leaves it as it is"},
    {"call", call, "NAME", "keyctl, bpf, getpriority, unshare, ptrace, chroot or personality"},
    {"ioctl", control, "NAME", "FIONREAD, FIONBIO, FIOCLEX or TIOCGWINSZ"},
    {"await", await_signal, "SIGNAL", "waits for the signal that asks it to end"},
    {"wait", wait_a_while, "MILLISECONDS", "waits"},
    {NULL},
};
