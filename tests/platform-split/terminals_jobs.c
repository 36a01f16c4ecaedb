/* SPDX-License-Identifier: Apache-2.0 */
/* Cases of terminals.c about jobs: a session of its own in a child, whose terminal the pair is. */
#include "terminals.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static int report[2];

static void tell(const char *what)
{
    (void)!write(report[1], what, strlen(what));
}

/* What a child has told, up to a full stop. */
static void hear(void)
{
    char c;
    printf("  told \"");
    while (read(report[0], &c, 1) == 1 && c != '.')
        putchar(c);
    puts("\"");
    fflush(stdout);
}

static void told(const char *what, long r)
{
    char line[64];
    snprintf(line, sizeof(line), "%s %s.", what, result(r));
    tell(line);
}

static volatile sig_atomic_t got;

static void on_signal(int signo)
{
    got = signo;
}

static void status_of(const char *who, pid_t pid, int options)
{
    int status;
    pid_t r = waitpid(pid, &status, options);
    if (r < 0)
        say("  %s: %s", who, result(r));
    else if (WIFSTOPPED(status))
        say("  %s stopped by SIG%s", who, sigabbrev_np(WSTOPSIG(status)));
    else if (WIFSIGNALED(status))
        say("  %s killed by SIG%s", who, sigabbrev_np(WTERMSIG(status)));
    else if (WIFCONTINUED(status))
        say("  %s goes on", who);
    else
        say("  %s exited %d", who, WEXITSTATUS(status));
}

/* What those in the session say is kept, and printed when its leader has ended. */
static int record;

/* A child that leads a session with the terminal; 0 in it. */
static pid_t session(void)
{
    (void)!pipe2(report, O_CLOEXEC);
    fcntl(slave, F_SETFL, O_RDWR);
    record = memfd_create("record", MFD_CLOEXEC);
    pid_t pid = fork();
    if (pid)
        return pid;
    dup2(record, 1);
    setsid();
    if (ioctl(slave, TIOCSCTTY, 0))
        told("TIOCSCTTY", -1);
    return 0;
}

static void session_ends(pid_t pid)
{
    char room[4096];
    status_of("leader", pid, 0);
    ssize_t n = pread(record, room, sizeof(room), 0);
    if (n > 0)
        fwrite(room, 1, (size_t)n, stdout);
    fflush(stdout);
    close(record), close(report[0]), close(report[1]);
}

static void wait_forever(void)
{
    for (;;)
        pause();
}

static void signal_case(const char *c, tcflag_t on)
{
    pair();
    local(on, 0);
    pid_t pid = session();
    if (!pid) {
        tell("ready.");
        wait_forever();
    }
    hear();
    type("lost");
    out();
    type(c);
    out();
    type("\n");
    in();
    if (*c == 26)
        kill(pid, SIGKILL);
    session_ends(pid);
    end();
}

void case_signals(void)
{
    signal_case("\003", 0);
    signal_case("\034", 0);
    signal_case("\003", NOFLSH);
    signal_case("\032", 0); /* an orphan's group is not stopped */
}

/* A shell and a job in the foreground, which is stopped and let go on. */
void case_stop(void)
{
    pair();
    pid_t pid = session();
    if (!pid) {
        signal(SIGTTOU, SIG_IGN);
        pid_t job = fork();
        if (!job) {
            setpgid(0, 0);
            wait_forever();
        }
        setpgid(job, job);
        told("foreground", tcsetpgrp(slave, job));
        status_of("job", job, WUNTRACED);
        told("is it", tcgetpgrp(slave) == job);
        told("back", tcsetpgrp(slave, getpgrp()));
        kill(-job, SIGCONT);
        status_of("job", job, WCONTINUED);
        told("foreground", tcsetpgrp(slave, job));
        status_of("job", job, WUNTRACED);
        told("back", tcsetpgrp(slave, getpgrp()));
        told("no group", tcsetpgrp(slave, 999999));
        told("below zero", tcsetpgrp(slave, -3));
        told("of another session", tcsetpgrp(slave, getppid()));
        _exit(0);
    }
    hear();
    type("\032");
    hear();
    hear();
    hear();
    type("\003");
    hear();
    hear();
    hear();
    hear();
    session_ends(pid);
    out();
    end();
}

static void job_read(void);

/* What a job in the background may do. */
static void background(const char *what, void (*job)(void), bool tostop)
{
    say("  -- %s", what);
    pair();
    if (tostop)
        local(TOSTOP, 0);
    pid_t pid = session();
    if (!pid) {
        pid_t child = fork();
        if (!child) {
            setpgid(0, 0);
            job();
            _exit(0);
        }
        setpgid(child, child);
        status_of("job", child, WUNTRACED);
        signal(SIGTTOU, SIG_IGN);
        tcsetpgrp(slave, child);
        kill(-child, SIGCONT);
        tell("going.");
        status_of("job", child, WUNTRACED);
        _exit(0);
    }
    hear();
    if (job == job_read)
        type("input\n");
    session_ends(pid);
    out();
    end();
}

static void job_read(void)
{
    char room[16];
    say("  read %s", result(read(slave, room, sizeof(room))));
}
static void job_write(void)
{
    say("  write %s", result(write(slave, "from the job\n", 13)));
}
static void job_modes(void)
{
    struct termios m = modes();
    say("  TCSETS %s", result(ioctl(slave, TCSETS, &m)));
    say("  TCFLSH %s", result(ioctl(slave, TCFLSH, TCIFLUSH)));
}
static void job_group(void)
{
    say("  TIOCSPGRP %s", result(tcsetpgrp(slave, getpgrp())));
}
static void job_ignores(void)
{
    char room[16];
    signal(SIGTTIN, SIG_IGN);
    signal(SIGTTOU, SIG_IGN);
    say("  ignored: read %s", result(read(slave, room, sizeof(room))));
    job_write();
    job_modes();
    raise(SIGSTOP);
}
static void job_catches(void)
{
    char room[16];
    struct sigaction act = {.sa_handler = on_signal};
    sigaction(SIGTTIN, &act, NULL);
    say("  caught: read %s", result(read(slave, room, sizeof(room))));
    say("  SIG%s", got ? sigabbrev_np(got) : "none");
    raise(SIGSTOP);
}

void case_background(void)
{
    background("read", job_read, false);
    background("write", job_write, false);
    background("write, TOSTOP", job_write, true);
    background("modes", job_modes, false);
    background("group", job_group, false);
    background("ignores", job_ignores, true);
    background("catches", job_catches, false);
}

/* A group in the background whose parents have gone. */
void case_orphans(void)
{
    char room[16];
    pair();
    local(TOSTOP, 0);
    pid_t pid = session();
    if (!pid) {
        pid_t middle = fork();
        if (!middle) {
            setpgid(0, 0);
            if (!fork()) {
                while (getppid() != 1 && kill(getppid(), 0) == 0 && getppid() == getpgrp())
                    usleep(1000);
                told("read", read(slave, room, sizeof(room)));
                told("write", write(slave, "x", 1));
                told("TIOCSPGRP", tcsetpgrp(slave, getpgrp()));
                _exit(0);
            }
            _exit(0);
        }
        setpgid(middle, middle);
        waitpid(middle, NULL, 0);
        wait_forever();
    }
    hear();
    hear();
    hear();
    kill(pid, SIGKILL);
    session_ends(pid);
    end();
}

void case_window(void)
{
    struct winsize w = {.ws_row = 10, .ws_col = 20};
    pair();
    pid_t pid = session();
    if (!pid) {
        sigset_t set;
        siginfo_t info;
        sigemptyset(&set);
        sigaddset(&set, SIGWINCH);
        sigprocmask(SIG_BLOCK, &set, NULL);
        signal(SIGWINCH, on_signal);
        tell("ready.");
        sigwaitinfo(&set, &info);
        ioctl(slave, TIOCGWINSZ, &w);
        told("rows", w.ws_row);
        told("kernel", info.si_code == SI_KERNEL);
        sigwaitinfo(&set, &info);
        ioctl(slave, TIOCGWINSZ, &w);
        told("rows", w.ws_row);
        _exit(0);
    }
    hear();
    ioctl(master, TIOCSWINSZ, &w);
    hear();
    hear();
    ioctl(master, TIOCSWINSZ, &w); /* the same: no signal */
    w.ws_row = 11;
    ioctl(slave, TIOCSWINSZ, &w);
    hear();
    session_ends(pid);
    end();
}

/* It reads: who comes later finds the end instead of an error. */
static void until_asleep(pid_t pid)
{
    char name[64], stat[256];
    for (bool asleep = false; !asleep;) {
        snprintf(name, sizeof(name), "/proc/%d/stat", pid);
        FILE *f = fopen(name, "r");
        const char *end = f && fgets(stat, sizeof(stat), f) ? strrchr(stat, ')') : NULL;
        if (f)
            fclose(f);
        asleep = !end || end[2] == 'S';
        if (!asleep)
            usleep(1000);
    }
}

/* The master is closed: the leader learns it, and with the leader's end its foreground group. */
void case_hangup(void)
{
    pair();
    pid_t pid = session();
    if (!pid) {
        signal(SIGHUP, on_signal);
        close(master);
        pid_t job = fork();
        if (!job) {
            signal(SIGHUP, SIG_DFL);
            tell("ready.");
            wait_forever();
        }
        char room[4];
        told("read", read(slave, room, 4));
        told("hung up", got == SIGHUP);
        told("/dev/tty", open("/dev/tty", O_RDWR));
        told("read again", read(slave, room, 4));
        told("write", write(slave, room, 1));
        told("group", tcgetpgrp(slave));
        told("job", waitpid(job, NULL, WNOHANG));
        if (!fork()) { /* of the same group: it is told with the leader's end */
            got = 0;
            tell("waits.");
            while (got != SIGHUP || getppid() == pid)
                usleep(1000);
            tell("told.");
            _exit(0);
        }
        wait_forever();
    }
    hear();
    until_asleep(pid);
    close(slave);
    close(master);
    for (int i = 0; i < 8; i++)
        hear();
    kill(pid, SIGKILL);
    status_of("leader", pid, 0);
    hear();
    close(record), close(report[0]), close(report[1]);
}

/* The leader ends: the foreground group gets SIGHUP, and the terminal is nobody's. */
void case_leader(void)
{
    int n;
    pair();
    pid_t pid = session();
    if (!pid) {
        pid_t job = fork();
        if (!job) {
            signal(SIGHUP, on_signal);
            tell("ready.");
            while (!got)
                usleep(1000);
            told("hung up", got == SIGHUP);
            int fd = open("/dev/tty", O_RDWR);
            told("/dev/tty", fd);
            told("write", write(slave, "still\n", 6));
            _exit(0);
        }
        char c;
        (void)!read(slave, &c, 1);
        _exit(3);
    }
    hear();
    say("  session %d", ioctl(master, TIOCGSID, &n) == 0 && n == pid);
    type("\n");
    status_of("leader", pid, 0);
    hear();
    hear();
    hear();
    close(record), close(report[0]), close(report[1]);
    say("  session %s", result(ioctl(master, TIOCGSID, &n)));
    out();
    end();
}

/* Who may have which controlling terminal. */
void case_control(void)
{
    pair();
    pid_t pid = session();
    if (!pid) {
        int n, fd;
        told("TIOCGSID", ioctl(slave, TIOCGSID, &n) == 0 && n == getpid());
        told("again", ioctl(slave, TIOCSCTTY, 0));
        fd = open("/dev/tty", O_RDWR);
        told("/dev/tty", fd >= 0);
        told("its group", tcgetpgrp(fd) == getpgrp());
        pid_t child = fork();
        if (!child) {
            told("not a leader", ioctl(slave, TIOCSCTTY, 0));
            told("TIOCNOTTY", ioctl(slave, TIOCNOTTY));
            told("/dev/tty", open("/dev/tty", O_RDWR));
            setsid();
            told("taken", ioctl(slave, TIOCSCTTY, 0));
            _exit(0);
        }
        waitpid(child, NULL, 0);
        signal(SIGHUP, on_signal);
        told("TIOCNOTTY", ioctl(slave, TIOCNOTTY));
        told("hung up", got == SIGHUP);
        told("/dev/tty", open("/dev/tty", O_RDWR));
        char name[64];
        unsigned number = 0;
        ioctl(master, TIOCGPTN, &number);
        snprintf(name, sizeof(name), "/dev/pts/%u", number);
        close(open(name, O_RDWR | O_NOCTTY));
        told("O_NOCTTY", open("/dev/tty", O_RDWR));
        close(open(name, O_WRONLY));
        told("O_WRONLY", open("/dev/tty", O_RDWR));
        fd = open(name, O_RDWR);
        told("by open", ioctl(fd, TIOCGSID, &n) == 0 && n == getpid());
        _exit(0);
    }
    for (int i = 0; i < 14; i++)
        hear();
    session_ends(pid);
    end();
}
