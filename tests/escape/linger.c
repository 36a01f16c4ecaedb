/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A process that stays behind with the streams it was given: when its user believes that it is gone (DIR/go is there),
 * it reads from each of them and writes to each. DIR/report gets what it saw: TRIES, READ or NOTHING, WROTE or REFUSED
 * per stream, DONE when DIR/stop is there. On a terminal its mark is PWNED.
 *   linger DIR [stay]   stay: the first process does not end
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define STREAMS 5
#define WAIT_MS 60000

static int report_fd;

__attribute__((format(printf, 1, 2))) static void report(const char *format, ...)
{
    char line[512];
    va_list ap;

    va_start(ap, format);
    int n = vsnprintf(line, sizeof line, format, ap);
    va_end(ap);
    if (write(report_fd, line, n < (int)sizeof line ? (size_t)n : sizeof line - 1) < 0)
        _exit(2);
}

static void wait_for(const char *file)
{
    for (int ms = 0; ms < WAIT_MS && access(file, F_OK) < 0; ms += 20)
        poll(NULL, 0, 20);
}

static pid_t reader(int fd)
{
    char text[256];
    pid_t pid = fork();

    if (pid)
        return pid;
    ssize_t n = read(fd, text, sizeof text);
    if (n > 0)
        report("READ %d %.*s\n", fd, (int)n, text);
    else
        report("NOTHING %d %s\n", fd, n ? strerror(errno) : "end");
    _exit(0);
}

static pid_t writer(int fd)
{
    char text[32];
    pid_t pid = fork();

    if (pid)
        return pid;
    int n = snprintf(text, sizeof text, "\r\nPWNED-%d\r\n", fd);
    if (write(fd, text, (size_t)n) == n)
        report("WROTE %d\n", fd);
    else
        report("REFUSED %d %s\n", fd, strerror(errno));
    _exit(0);
}

static void linger(void)
{
    pid_t pids[2 * STREAMS];
    int n = 0;

    wait_for("go");
    dup2(open("/dev/tty", O_RDWR), 3);
    dup2(open("/dev/console", O_RDWR), 4);
    for (int fd = 0; fd < STREAMS; fd++) {
        pids[n++] = reader(fd);
        pids[n++] = writer(fd);
    }
    report("TRIES\n");
    wait_for("stop");
    for (int i = 0; i < n; i++)
        kill(pids[i], SIGKILL);
    while (wait(NULL) > 0)
        ;
    report("DONE\n");
    _exit(0);
}

int main(int argc, char **argv)
{
    static const int ignored[] = {SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGTTIN, SIGTTOU, SIGTSTP};

    if (argc < 2 || chdir(argv[1]) < 0)
        return 2;
    int fd = open("report", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0666);
    report_fd = fcntl(fd, F_DUPFD_CLOEXEC, 10);
    if (report_fd < 0)
        return 2;
    close(fd);
    for (size_t i = 0; i < sizeof ignored / sizeof *ignored; i++)
        signal(ignored[i], SIG_IGN);
    pid_t pid = fork();
    if (pid == 0) {
        setsid();
        linger();
    }
    if (write(1, "LEFT\n", 5) < 0)
        return 2;
    while (argc > 2)
        pause();
    return 0;
}
