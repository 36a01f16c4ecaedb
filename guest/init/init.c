/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Process 1 of a Linux that runs one program for moat (`moat run -b microvm IMAGE COMMAND`): it makes the few file
 * systems that a program expects, starts the program with pipes for its standard streams, carries their bytes through
 * the second serial port to moat and back (src/machine/channel.h), says how it ended, and switches the machine off.
 *
 * All of it lies within the guest: it protects nobody. It is static, needs no file of the root that it stands in, and
 * trusts the run file, which moat has written.
 */
#include "guest/init/run.h"
#include "machine/channel.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/random.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#define WORDS_MOST  16384
#define CREDIT_MOST 2048 /* of input on its way: less than a terminal's buffer */

static struct {
    char *arguments[WORDS_MOST], *environment[WORDS_MOST];
    gid_t groups[64];
    unsigned n_arguments, n_environment, n_groups;
    const char *directory, *hostname;
    unsigned uid, gid;
    bool read_only;
} run;

static int port = -1;

/* ---- the channel ------------------------------------------------------------------------------------------------ */

static void port_write(const uint8_t *bytes, size_t n)
{
    while (n) {
        ssize_t done = write(port, bytes, n);
        if (done < 0 && errno != EINTR)
            return; /* nobody is there to be told */
        if (done > 0) {
            bytes += done;
            n -= (size_t)done;
        }
    }
}

static void say(enum channel_type type, const void *bytes, size_t n)
{
    static uint8_t frame[CHANNEL_HEADER + CHANNEL_MOST];

    channel_header(frame, type, (uint32_t)n);
    memcpy(frame + CHANNEL_HEADER, bytes, n);
    port_write(frame, CHANNEL_HEADER + n);
}

__attribute__((format(printf, 1, 2))) static void say_text(const char *format, ...)
{
    char text[1024];
    va_list list;

    va_start(list, format);
    int n = vsnprintf(text, sizeof text, format, list);
    va_end(list);

    say(CHANNEL_ERROR, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1);
}

static _Noreturn void end(uint8_t status)
{
    say(CHANNEL_EXIT, &status, 1);
    tcdrain(port);
    sync();
    reboot(RB_POWER_OFF);
    for (;;)
        pause();
}

/* ---- what a program expects -------------------------------------------------------------------------------------- */

static void make_file_systems(void)
{
    static const struct {
        const char *type, *at, *options;
        unsigned long flags;
        mode_t mode;
    } rows[] = {
        {"devtmpfs", "/dev", "mode=755", MS_NOSUID, 0755},
        {"proc", "/proc", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, 0555},
        {"sysfs", "/sys", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY, 0555},
        {"devpts", "/dev/pts", "newinstance,ptmxmode=0666,mode=0620,gid=5", MS_NOSUID | MS_NOEXEC, 0755},
        {"tmpfs", "/dev/shm", "mode=1777", MS_NOSUID | MS_NODEV | MS_NOEXEC, 01777},
        {"mqueue", "/dev/mqueue", NULL, MS_NOSUID | MS_NODEV | MS_NOEXEC, 01777},
    };
    static const char *const links[][2] = {{"/proc/self/fd", "/dev/fd"},
                                           {"/proc/self/fd/0", "/dev/stdin"},
                                           {"/proc/self/fd/1", "/dev/stdout"},
                                           {"/proc/self/fd/2", "/dev/stderr"},
                                           {"pts/ptmx", "/dev/ptmx"}};

    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        mkdir(rows[i].at, rows[i].mode);
        mount(rows[i].type, rows[i].at, rows[i].type, rows[i].flags, rows[i].options);
    }
    unlink("/dev/ptmx");
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        if (symlink(links[i][0], links[i][1]) < 0)
            continue; /* the root has its own */
}

static bool open_port(void)
{
    struct termios t;

    port = open(RUN_PORT, O_RDWR | O_NOCTTY | O_CLOEXEC);
    if (port < 0 || tcgetattr(port, &t) < 0)
        return false;
    cfmakeraw(&t);
    t.c_cflag |= CLOCAL | CREAD;
    t.c_cflag &= ~(tcflag_t)CRTSCTS;
    cfsetspeed(&t, B115200);
    return tcsetattr(port, TCSANOW, &t) == 0;
}

static void load_module(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 || (syscall(SYS_finit_module, fd, "", 0) < 0 && errno != EEXIST))
        say_text("moat: the guest's kernel did not take the module %s: %s\n", path, strerror(errno));
    close(fd);
    unlink(path);
}

static void loopback_up(void)
{
    struct ifreq r = {.ifr_name = "lo", .ifr_flags = IFF_UP | IFF_RUNNING};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd >= 0) {
        ioctl(fd, SIOCSIFFLAGS, &r);
        close(fd);
    }
}

/* ---- the run file ------------------------------------------------------------------------------------------------ */

static void take_word(char *word)
{
    char *value = word + 1;

    switch (*word) {
    case RUN_ARGUMENT:
        if (run.n_arguments < WORDS_MOST - 1)
            run.arguments[run.n_arguments++] = value;
        break;
    case RUN_ENVIRONMENT:
        if (run.n_environment < WORDS_MOST - 1)
            run.environment[run.n_environment++] = value;
        break;
    case RUN_DIRECTORY_OF:
        run.directory = value;
        break;
    case RUN_USER:
        sscanf(value, "%u:%u", &run.uid, &run.gid);
        break;
    case RUN_GROUP:
        if (run.n_groups < sizeof run.groups / sizeof *run.groups)
            run.groups[run.n_groups++] = (gid_t)strtoul(value, NULL, 10);
        break;
    case RUN_HOSTNAME:
        run.hostname = value;
        break;
    case RUN_MODULE:
        load_module(value);
        break;
    case RUN_READ_ONLY:
        run.read_only = true;
        break;
    }
}

static bool read_run_file(void)
{
    static char text[RUN_MOST];
    size_t n = 0;
    ssize_t more = 0;
    int fd = open(RUN_FILE, O_RDONLY | O_CLOEXEC);

    while (fd >= 0 && n < sizeof text - 1 && (more = read(fd, text + n, sizeof text - 1 - n)) > 0)
        n += (size_t)more;
    if (fd < 0 || more < 0)
        return false;
    close(fd);
    for (char *at = text; at < text + n; at += strlen(at) + 1)
        take_word(at);
    return run.n_arguments > 0;
}

/* The working directory is made where there is none, as a container's is. What cannot be made is said by chdir(2). */
static void make_directory(const char *path)
{
    char part[4096];

    for (const char *at = path; path && *at;) {
        at += strspn(at, "/");
        at += strcspn(at, "/");
        if ((size_t)snprintf(part, sizeof part, "%.*s", (int)(at - path), path) < sizeof part)
            mkdir(part, 0755);
    }
}

/* The workload is not shown what brought it here. */
static void remove_traces(void)
{
    unlink(RUN_FILE);
    unlink(RUN_INIT);
    rmdir(RUN_DIRECTORY "/modules");
    rmdir(RUN_DIRECTORY);
}

/* ---- the program ------------------------------------------------------------------------------------------------- */

static const char *variable(const char *name)
{
    const size_t n = strlen(name);

    for (unsigned i = 0; i < run.n_environment; i++)
        if (!strncmp(run.environment[i], name, n) && run.environment[i][n] == '=')
            return run.environment[i] + n + 1;
    return NULL;
}

/* As execvp(3), with the program's own PATH. Returns the error that says most. */
static int execute(void)
{
    const char *name = run.arguments[0], *path = variable("PATH");
    char full[4096];
    int worst = ENOENT;

    if (strchr(name, '/')) {
        execve(name, run.arguments, run.environment);
        return errno;
    }
    for (size_t n; path && *path; path += n + (path[n] == ':')) {
        n = strcspn(path, ":");
        if ((size_t)snprintf(full, sizeof full, "%.*s/%s", (int)n, path, name) >= sizeof full)
            continue;
        execve(full, run.arguments, run.environment);
        if (errno != ENOENT && errno != ENOTDIR)
            worst = errno;
    }
    return worst;
}

static _Noreturn void child(int in, int out, int error, int failed)
{
    int r = 0;

    setsid();
    dup2(in, 0);
    dup2(out, 1);
    dup2(error, 2);
    for (int s = 1; s < NSIG; s++)
        signal(s, SIG_DFL);
    sigset_t none;
    sigemptyset(&none);
    sigprocmask(SIG_SETMASK, &none, NULL);
    if (setgroups(run.n_groups, run.groups) < 0 || setresgid(run.gid, run.gid, run.gid) < 0 ||
        setresuid(run.uid, run.uid, run.uid) < 0)
        r = errno;
    if (!r && run.directory && chdir(run.directory) < 0)
        r = errno | 0x10000;
    if (!r)
        r = execute();
    if (write(failed, &r, sizeof r) != sizeof r)
        _exit(126);
    _exit(126);
}

/* Why it did not start, as moat-enter says it; else returns. */
static void started_or_end(int failed)
{
    int why;

    if (read(failed, &why, sizeof why) != sizeof why)
        return;
    if (why & 0x10000) {
        say_text("moat: working directory \"%s\": %s\n", run.directory, strerror(why & 0xffff));
        end(126);
    }
    if (why == ENOENT)
        say_text("moat: exec: \"%s\": %s\n", run.arguments[0],
                 strchr(run.arguments[0], '/') ? "no such file or directory" : "executable file not found in $PATH");
    else
        say_text("moat: exec: \"%s\": %s\n", run.arguments[0], why == EACCES ? "permission denied" : strerror(why));
    end(why == ENOENT ? 127 : 126);
}

/* ---- its streams ------------------------------------------------------------------------------------------------- */

static struct {
    pid_t pid;
    int input, output, error; /* -1: closed */
    uint8_t waiting[CREDIT_MOST];
    unsigned n_waiting;
    bool input_ends;
    int status; /* of waitpid(2), once it has ended */
    bool ended;
} program = {.input = -1, .output = -1, .error = -1};

static void grant(uint32_t n)
{
    uint8_t bytes[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};

    say(CHANNEL_CREDIT, bytes, sizeof bytes);
}

static void feed(void)
{
    ssize_t done = program.n_waiting ? write(program.input, program.waiting, program.n_waiting) : 0;

    if (done < 0 && errno != EAGAIN && errno != EINTR) {
        program.n_waiting = 0; /* it reads no more */
        program.input_ends = true;
    }
    if (done > 0) {
        program.n_waiting -= (unsigned)done;
        memmove(program.waiting, program.waiting + done, program.n_waiting);
        grant((uint32_t)done);
    }
    if (program.input_ends && !program.n_waiting && program.input >= 0) {
        close(program.input);
        program.input = -1;
    }
}

/* Another time and other random numbers than those of the snapshot, which others go on from as well. */
static void freshen(const uint8_t *bytes)
{
    struct channel_resumed r;
    union {
        struct rand_pool_info head;
        uint8_t room[sizeof(struct rand_pool_info) + sizeof r.seed];
    } entropy;
    int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);

    memcpy(&r, bytes, sizeof r);
    const struct timespec now = {(time_t)(r.wall_ns / 1000000000), (long)(r.wall_ns % 1000000000)};
    clock_settime(CLOCK_REALTIME, &now);
    entropy.head.entropy_count = 8 * (int)sizeof r.seed;
    entropy.head.buf_size = sizeof r.seed;
    memcpy(entropy.head.buf, r.seed, sizeof r.seed);
    if (fd >= 0) {
        ioctl(fd, RNDADDENTROPY, &entropy);
        ioctl(fd, RNDRESEEDCRNG);
        close(fd);
    }
}

static void resume(const uint8_t *bytes)
{
    freshen(bytes);
    port_write((const uint8_t *)CHANNEL_MARKER, CHANNEL_MARKER_BYTES);
    grant((uint32_t)(sizeof program.waiting - program.n_waiting));
}

static void close_stream(int *stream)
{
    if (*stream >= 0)
        close(*stream);
    *stream = -1;
}

static void take_frame(const struct channel_frame *f)
{
    switch (f->type) {
    case CHANNEL_INPUT:
        if (!f->length)
            program.input_ends = true;
        if (f->length <= sizeof program.waiting - program.n_waiting && program.input >= 0) {
            memcpy(program.waiting + program.n_waiting, f->bytes, f->length);
            program.n_waiting += f->length;
        }
        break;
    case CHANNEL_RESUMED:
        if (f->length == sizeof(struct channel_resumed))
            resume(f->bytes);
        break;
    case CHANNEL_FRESH:
        if (f->length == sizeof(struct channel_resumed))
            freshen(f->bytes);
        break;
    case CHANNEL_CLOSED:
        if (f->length == 1)
            close_stream(f->bytes[0] == 1 ? &program.output : &program.error);
        break;
    case CHANNEL_SIGNAL:
        if (f->length == 1 && !program.ended)
            kill(program.pid, f->bytes[0]);
        break;
    }
}

static void hear(void)
{
    static struct channel_reader reader;
    uint8_t bytes[512];
    ssize_t n = read(port, bytes, sizeof bytes);
    struct channel_frame frame;

    for (uint32_t at = 0; n > 0 && at < (uint32_t)n;) {
        at += channel_take(&reader, bytes + at, (uint32_t)n - at, &frame);
        if (frame.bytes)
            take_frame(&frame);
    }
}

/* false: closed. */
static bool pass(int fd, enum channel_type type)
{
    uint8_t bytes[CHANNEL_MOST];
    ssize_t n = read(fd, bytes, sizeof bytes);

    if (n > 0)
        say(type, bytes, (size_t)n);
    return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR));
}

static void reap(void)
{
    int status;
    pid_t pid;

    while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
        if (pid == program.pid) {
            program.ended = true;
            program.status = status;
        }
}

static void look_after(int fd, short events, int *stream, enum channel_type type)
{
    if (fd >= 0 && fd == *stream && events && !pass(fd, type)) /* it may be closed meanwhile */
        close_stream(stream);
}

/* Until it has ended and what it wrote is out. What others still hold its streams open for is not waited for. */
static void serve(int signals)
{
    for (;;) {
        const bool hungry = program.input >= 0 && program.n_waiting;
        struct pollfd p[] = {{port, POLLIN, 0},
                             {program.output, POLLIN, 0},
                             {program.error, POLLIN, 0},
                             {hungry ? program.input : -1, POLLOUT, 0},
                             {signals, POLLIN, 0}};
        int n = poll(p, 5, program.ended ? 0 : -1);
        char drained[64];

        if (p[4].revents && read(signals, drained, sizeof drained) > 0)
            reap();
        if (n > 0 && p[0].revents)
            hear();
        if (n > 0) {
            look_after(p[1].fd, p[1].revents, &program.output, CHANNEL_OUTPUT);
            look_after(p[2].fd, p[2].revents, &program.error, CHANNEL_ERROR);
        }
        if (program.input >= 0)
            feed();
        if (program.ended && n == 0)
            return;
    }
}

static int child_pipe[2];

static void on_child(int signal)
{
    const int was = errno;

    (void)signal;
    if (write(child_pipe[1], "", 1) < 0)
        errno = was; /* full: it is awake already */
    errno = was;
}

int main(void)
{
    int in[2], out[2], error[2], failed[2];

    make_file_systems();
    if (!open_port()) {
        fprintf(stderr, "moat: the guest has no second serial port: %s: %s\n", RUN_PORT, strerror(errno));
        reboot(RB_POWER_OFF);
    }
    say(CHANNEL_READY, "", 0);
    if (!read_run_file()) {
        say_text("moat: " RUN_FILE ": it says nothing to run\n");
        end(125);
    }
    remove_traces();
    if (run.hostname)
        sethostname(run.hostname, strlen(run.hostname));
    loopback_up();
    make_directory(run.directory);
    /* The mount, not its file system: that has a file in use without a name, ourselves, and stays writable (EBUSY). */
    if (run.read_only && mount(NULL, "/", NULL, MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0) {
        say_text("moat: --read-only: the root: %s\n", strerror(errno));
        end(125);
    }
    signal(SIGPIPE, SIG_IGN);
    if (pipe2(child_pipe, O_CLOEXEC | O_NONBLOCK) < 0 || pipe2(in, O_CLOEXEC) < 0 || pipe2(out, O_CLOEXEC) < 0 ||
        pipe2(error, O_CLOEXEC) < 0 || pipe2(failed, O_CLOEXEC) < 0)
        end(125);
    signal(SIGCHLD, on_child);
    program.pid = fork();
    if (program.pid == 0)
        child(in[0], out[1], error[1], failed[1]);
    if (program.pid < 0) {
        say_text("moat: fork: %s\n", strerror(errno));
        end(125);
    }
    close(in[0]);
    close(out[1]);
    close(error[1]);
    close(failed[1]);
    started_or_end(failed[0]);
    program.input = in[1];
    program.output = out[0];
    program.error = error[0];
    fcntl(program.input, F_SETFL, O_NONBLOCK);
    fcntl(program.output, F_SETFL, O_NONBLOCK);
    fcntl(program.error, F_SETFL, O_NONBLOCK);
    grant(CREDIT_MOST);
    serve(child_pipe[0]);
    end((uint8_t)(WIFSIGNALED(program.status) ? 128 + WTERMSIG(program.status) : WEXITSTATUS(program.status)));
}
