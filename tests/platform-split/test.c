/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Runs images on the split platform, and on the same under sanitizers as far as that was built, and prints TAP. What
 * it runs lies beside it: platform-split, platform-split-tsan, platform-split-asan, guest.img, shell.img,
 * terminals.img, and split-terminals, the program of that, which runs on the host's kernel as well. test-platform_split
 * [ROUNDS]      rounds of the soak; MOAT_TEST_SCALE times 15 by default
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SECONDS     60 /* of one run: then it hangs */
#define EXIT_CANNOT 77
#define OUTPUT_MOST 65536
#define SENTRY      "../../libexec/moat-sentry"

struct point {
    const char *image, *words[3];
    const char *output;
    int status;
};

static const char script[] = "echo a b c | busybox cat | busybox cat\n"
                             "for i in 1 2 3; do (exit $i); echo $?; done\n"
                             "echo $(echo nested $(echo deep))\n"
                             "busybox seq 1 2000 | busybox sort -n | busybox tail -n 1\n"
                             "busybox sleep 60 & kill $!; wait $! 2>/dev/null; echo $?\n"
                             "(busybox yes | busybox head -n 3000) | busybox wc -l\n"
                             "busybox mkfifo /tmp/f; (echo through >/tmp/f) & busybox cat /tmp/f; wait\n"
                             "trap 'echo caught' USR1; kill -USR1 $$; busybox ls /proc/$$ | busybox grep -c '^maps$'\n"
                             "exit 5\n";

static const char script_output[] = "a b c\n1\n2\n3\nnested deep\n2000\n143\n3000\nthrough\ncaught\n1\n";

static char rounds[16];

static const struct point points[] = {
    {"guest.img", {"fork"}, "ok\n", 0},
    {"guest.img", {"kill"}, "ok\n", 0},
    {"guest.img", {"tree"}, "ok\n", 0},
    {"guest.img", {"exec"}, "ok\n", 0},
    {"guest.img", {"exec-threads"}, "ok\n", 0},
    {"guest.img", {"memory"}, "ok\n", 0},
    {"guest.img", {"code"}, "ok\n", 0},
    {"guest.img", {"copies"}, "ok\n", 0},
    {"guest.img", {"shared-file"}, "ok\n", 0},
    {"guest.img", {"threads"}, "ok\n", 0},
    {"guest.img", {"shared-futex"}, "ok\n", 0},
    {"guest.img", {"faults"}, "ok\n", 0},
    {"guest.img", {"vectors"}, "ok\n", 0},
    {"guest.img", {"signals"}, "ok\n", 0},
    {"guest.img", {"exit", "41"}, "", 41},
    {"guest.img", {"soak", rounds}, "ok\n", 0},
    {"shell.img", {"sh", "-c", script}, script_output, 5},
};

/* Which, and with how many virtual CPUs. Or the sentry, and how its guests' calls arrive: its memory may be writable
 * and executable, and nothing lies where the others have a page of their own. */
static const char *const runners[][2] = {{"platform-split", "2"},
                                         {"platform-split-tsan", "3"},
                                         {"platform-split-asan", "2"},
                                         {SENTRY, "notify"},
                                         {SENTRY, "trap"}};

static bool fits(const char *runner, const struct point *p)
{
    const char *word = p->words[0];
    return strcmp(runner, SENTRY) || (strcmp(word, "code") && strcmp(word, "copies"));
}

/* ---- one run ---- */

static char beside[4096]; /* this program's directory */

static const char *path_of(const char *name, char room[4096 + 64])
{
    snprintf(room, 4096 + 64, "%s/%s", beside, name);
    return room;
}

static void child(const char *runner, const char *vcpus, const struct point *p, int out)
{
    char room[2][4096 + 64];
    const char *argv[10] = {path_of(runner, room[0]), strcmp(runner, SENTRY) ? "--vcpus" : "--platform", vcpus,
                            "--image", path_of(p->image, room[1])};
    for (int i = 0; i < 3; i++)
        argv[5 + i] = p->words[i];
    if (!vcpus)
        argv[1] = NULL; /* a program of the host's, in a session of its own as guests are */
    (void)setsid();
    int nothing = open("/dev/null", O_RDONLY);
    if (nothing < 0 || dup2(nothing, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
        _exit(99);
    /* ThreadSanitizer wants to know where things lie; where that cannot be had it says so itself. The arena of the
     * kernel, where pointers are, is nothing that a search for leaks knows of. */
    (void)personality(ADDR_NO_RANDOMIZE);
    setenv("TSAN_OPTIONS", "atexit_sleep_ms=0 halt_on_error=0 exitcode=66", 1);
    setenv("ASAN_OPTIONS", "detect_leaks=0", 1);
    execv(argv[0], (char **)(uintptr_t)argv);
    _exit(98);
}

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Output and wait status. What is behind `room` is dropped. */
static int run(const char *runner, const char *vcpus, const struct point *p, char room[OUTPUT_MOST])
{
    int to[2], status = 0;
    size_t n = 0;
    char rest[4096];
    if (pipe2(to, O_CLOEXEC))
        return -1;
    pid_t pid = fork();
    if (!pid)
        child(runner, vcpus, p, to[1]);
    close(to[1]);
    struct pollfd fd = {.fd = to[0], .events = POLLIN};
    for (int64_t end = now_ms() + SECONDS * 1000, left; (left = end - now_ms()) > 0;) {
        if (poll(&fd, 1, (int)left) <= 0)
            continue;
        bool full = n == OUTPUT_MOST - 1;
        ssize_t r = read(to[0], full ? rest : room + n, full ? sizeof(rest) : OUTPUT_MOST - 1 - n);
        if (r <= 0)
            break;
        n += full ? 0 : (size_t)r;
    }
    room[n] = 0;
    if (poll(&fd, 1, 0) <= 0)
        kill(pid, SIGKILL); /* not at its end: it hangs */
    close(to[0]);
    return waitpid(pid, &status, 0) == pid ? status : -1;
}

/* Whether the last run has left a process; they come to this one, who takes what there is. */
static bool left(bool wait)
{
    bool any = false;
    while (waitpid(-1, NULL, wait ? 0 : WNOHANG) >= 0 || errno != ECHILD) {
        any = true;
        if (!wait)
            break;
    }
    return any;
}

/* ---- TAP ---- */

static int number, failures;
static bool cannot; /* no ptrace here */

static void comment(const char *text)
{
    char copy[OUTPUT_MOST];
    snprintf(copy, sizeof(copy), "%s", text);
    for (char *save, *line = strtok_r(copy, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        printf("# %s\n", line);
}

/* From the line on in which they differ. */
static void difference(const char *got, const char *wanted)
{
    size_t same = 0;
    for (size_t i = 0; got[i] && got[i] == wanted[i]; i++)
        if (got[i] == '\n')
            same = i + 1;
    comment("got");
    comment(got + same);
    comment("instead of");
    comment(wanted + same);
}

static void one(const char *runner, const char *vcpus, const struct point *p)
{
    char output[OUTPUT_MOST], name[64], room[4096 + 64];
    snprintf(name, sizeof(name), "%s on %s, %s", p->words[0] ? p->words[0] : p->image,
             strcmp(runner, SENTRY) ? runner : "sentry", vcpus);
    number++;
    if (access(path_of(p->image, room), R_OK)) { /* only what there was to pack */
        printf("ok %d - %s # SKIP needs a static busybox (Debian package busybox-static)\n", number, name);
        return;
    }
    int status = run(runner, vcpus, p, output);
    bool exited = status >= 0 && WIFEXITED(status);
    if (exited && WEXITSTATUS(status) == EXIT_CANNOT && strstr(output, "is not permitted")) {
        cannot = true;
        printf("ok %d - %s # SKIP this host does not permit ptrace here\n", number, name);
    } else if (strstr(output, "unexpected memory mapping")) {
        printf("ok %d - %s # SKIP ThreadSanitizer cannot live in this host's address space\n", number, name);
    } else if (exited && WEXITSTATUS(status) == p->status && !strcmp(output, p->output) && !left(false)) {
        printf("ok %d - %s\n", number, name);
    } else {
        failures++;
        printf("not ok %d - %s\n# wait status %#x\n", number, name, (unsigned)status);
        difference(output, p->output);
    }
    fflush(stdout);
}

/* What programs see of terminals is what the host's kernel shows them. */
static void terminals(void)
{
    static char native[OUTPUT_MOST];
    char room[4096 + 64];
    const struct point here = {.image = "terminals.img"};
    const struct point inside = {.image = "terminals.img", .output = native};
    int status = run("split-terminals", NULL, &here, native);
    alarm(SECONDS);
    left(true); /* its orphans, which end by themselves */
    alarm(0);
    if (status || strstr(native, "no pseudo terminal")) {
        printf("%s %d - terminals on the host%s\n", status ? "not ok" : "ok", ++number,
               status ? "" : " # SKIP this host gives no pseudo terminals here");
        failures += status != 0;
        return;
    }
    for (size_t j = 0; j < sizeof(runners) / sizeof(runners[0]); j++)
        if (!j || !access(path_of(runners[j][0], room), X_OK))
            one(runners[j][0], runners[j][1], &inside);
}

/* ---- a shell in a terminal: what is typed when something was seen ---- */

#define JOB "busybox sh -c 'trap \"echo a\"gain CONT; echo be\"g\"un; while :; do busybox sleep 0.1; done'"

static const struct {
    const char *seen, *typed; /* NULL typed: the window grows */
} dialogue[] = {
    {"# ", "busybox tty; busybox stty size; busybox stty -a | busybox grep -c icanon\r"},
    {"/dev/pts/0\r\n24 80\r\n1\r\n", ""},
    {"# ", "cd /tmp; ec\177\177echo re\"a\"dy; busybox wc -c; echo said\r"},
    {"ready\r\n", "one\r\004"},
    {"4\r\nsaid\r\n", ""},
    {"# ", JOB "\r"},
    {"begun\r\n", "\032"},
    {"Stopped", ""},
    {"# ", "fg\r"},
    {"again\r\n", "\003"},
    {"# ", "busybox cat &\r"},
    {"# ", "busybox sleep 0.3; jobs\r"},
    {"Stopped (tty input)", ""},
    {"# ", NULL},
    {"", "until [ \"$(busybox stty size)\" = '50 132' ]; do busybox sleep 0.1; done; echo gro\"w\"n\r"},
    {"grown\r\n", ""},
    {"# ", "exit 7\r"},
    {"You have stopped jobs", ""},
    {"# ", "exit 7\r"},
};

/* Reads until `what` has come, which is cut off with all before it. */
static bool await(int fd, char *room, size_t *n, const char *what, int64_t end)
{
    char *found;
    while (!(found = memmem(room, *n, what, strlen(what)))) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        int64_t left = end - now_ms();
        ssize_t r = left > 0 && poll(&p, 1, (int)left) > 0 && *n < OUTPUT_MOST - 1
                        ? read(fd, room + *n, OUTPUT_MOST - 1 - *n)
                        : -1;
        if (r <= 0)
            return false;
        *n += (size_t)r;
    }
    size_t cut = (size_t)(found - room) + strlen(what);
    memmove(room, room + cut, *n - cut);
    *n -= cut;
    return true;
}

static bool converse(int fd, char *room, size_t *n, const char **missing)
{
    int64_t end = now_ms() + SECONDS * 1000;
    for (size_t i = 0; i < sizeof(dialogue) / sizeof(dialogue[0]); i++) {
        const struct winsize larger = {.ws_row = 50, .ws_col = 132};
        const char *typed = dialogue[i].typed;
        *missing = dialogue[i].seen;
        if (!await(fd, room, n, dialogue[i].seen, end))
            return false;
        if (typed ? write(fd, typed, strlen(typed)) != (ssize_t)strlen(typed) : ioctl(fd, TIOCSWINSZ, &larger))
            return false;
    }
    *missing = "its end";
    while (now_ms() < end && *n < OUTPUT_MOST - 1) {
        struct pollfd p = {.fd = fd, .events = POLLIN};
        ssize_t r = poll(&p, 1, 1000) > 0 ? read(fd, room + *n, OUTPUT_MOST - 1 - *n) : 0;
        if (r < 0)
            return true; /* the last slave was closed */
        *n += (size_t)r;
    }
    return false;
}

static void console(void)
{
    static char room[OUTPUT_MOST];
    char path[2][4096 + 64];
    const struct winsize size = {.ws_row = 24, .ws_col = 80};
    const char *missing = "a terminal";
    size_t n = 0;
    int fd, status = -1;
    number++;
    if (cannot || access(path_of("shell.img", path[0]), R_OK)) {
        printf("ok %d - a shell in a terminal # SKIP needs ptrace and a static busybox\n", number);
        return;
    }
    pid_t pid = forkpty(&fd, NULL, NULL, &size);
    if (!pid) {
        execl(path_of("platform-split", path[0]), "platform-split", "--tty", "--image", path_of("shell.img", path[1]),
              "sh", "-i", NULL);
        _exit(98);
    }
    bool good = pid > 0 && converse(fd, room, &n, &missing);
    if (pid > 0 && !good)
        kill(pid, SIGKILL);
    good = pid > 0 && waitpid(pid, &status, 0) == pid && good && WIFEXITED(status) && WEXITSTATUS(status) == 7;
    printf("%s %d - a shell in a terminal\n", good ? "ok" : "not ok", number);
    if (!good) {
        printf("# wait status %#x; waited for: ", (unsigned)status);
        comment(missing);
        room[n] = 0;
        comment(room);
        failures++;
    }
    if (pid > 0)
        close(fd);
    left(true);
}

/* The kernel's process is killed while guests live, which wait for each other for ever. */
static void killed(const char *runner, const char *vcpus)
{
    const struct point p = {"guest.img", {"wait"}, NULL, 0};
    char byte;
    int to[2];
    number++;
    if (pipe2(to, O_CLOEXEC))
        return;
    pid_t pid = fork();
    if (!pid)
        child(runner, vcpus, &p, to[1]);
    close(to[1]);
    bool began = read(to[0], &byte, 1) == 1 && byte == 'w';
    close(to[0]);
    kill(pid, SIGKILL);
    alarm(SECONDS); /* one that lives on is waited for */
    left(true);
    alarm(0);
    failures += !began && !cannot;
    printf("%s %d - guests end with their kernel, %s%s\n", began || cannot ? "ok" : "not ok", number, vcpus,
           cannot && !began ? " # SKIP this host does not permit ptrace here" : "");
}

/* ---- what a guest of the sentry runs on is killed from outside ---- */

/* How many filters a process has, and whose child it is: 0, 0 when it is gone. */
static void look_at(pid_t pid, int *filters, pid_t *parent)
{
    char path[64], line[256];
    snprintf(path, sizeof(path), "/proc/%d/status", pid);
    FILE *f = fopen(path, "re");
    *filters = 0, *parent = 0;
    while (f && fgets(line, sizeof(line), f)) {
        sscanf(line, "PPid: %d", parent);
        sscanf(line, "Seccomp_filters: %d", filters);
    }
    if (f)
        fclose(f);
}

/* A child that has two filters, as guest tasks have: the first, or the last of several. 0: there is none. */
static pid_t guest_task(pid_t sentry, bool first)
{
    pid_t before = 0, last = 0, parent;
    int filters;
    for (pid_t pid = sentry + 1; pid < sentry + 3000; pid++) {
        look_at(pid, &filters, &parent);
        if (parent != sentry || filters != 2)
            continue;
        if (first)
            return pid;
        before = last, last = pid;
    }
    return before ? last : 0;
}

static void lost(bool first_program)
{
    const struct point p = {
        "shell.img", {"sh", "-c", "busybox sleep 1000 & echo begun; wait $!; echo status $?; exit 3"}, NULL, 0};
    char room[OUTPUT_MOST], path[4096 + 64];
    size_t n = 0;
    int to[2], status = -1;
    const int64_t end = now_ms() + SECONDS * 1000;
    number++;
    if (access(path_of("shell.img", path), R_OK) || pipe2(to, O_CLOEXEC)) {
        printf("ok %d - a guest task is killed from outside # SKIP needs a static busybox\n", number);
        return;
    }
    pid_t pid = fork();
    if (!pid)
        child(SENTRY, "notify", &p, to[1]);
    close(to[1]);
    bool good = await(to[0], room, &n, "begun\n", end);
    /* What runs the sleeper may be another one by now; and the first program's goes once its child is gone. */
    for (pid_t victim; good && waitpid(pid, &status, WNOHANG) == 0 && now_ms() < end; usleep(20000)) {
        if ((victim = guest_task(pid, first_program)))
            kill(victim, SIGKILL);
    }
    if (status == -1)
        kill(pid, SIGKILL);
    good &= first_program || await(to[0], room, &n, "status 137\n", end);
    good &= WIFEXITED(status) && WEXITSTATUS(status) == (first_program ? 137 : 3) && !left(false);
    failures += !good;
    printf("%s %d - what the %s program runs on is killed from outside, and the sentry lives\n", good ? "ok" : "not ok",
           number, first_program ? "first" : "second");
    if (!good)
        printf("# wait status %#x\n", (unsigned)status);
    close(to[0]);
}

int main(int argc, char **argv)
{
    const char *scale = getenv("MOAT_TEST_SCALE");
    prctl(PR_SET_CHILD_SUBREAPER, 1);
    char room[4096 + 64];
    ssize_t n = readlink("/proc/self/exe", beside, sizeof(beside) - 1);
    if (n < 0)
        return 99;
    *strrchr(beside, '/') = 0;
    long times = scale ? strtol(scale, NULL, 10) : 1;
    snprintf(rounds, sizeof(rounds), "%ld", argc > 1 ? strtol(argv[1], NULL, 10) : 15 * (times > 0 ? times : 1));
    for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++)
        for (size_t j = 0; j < sizeof(runners) / sizeof(runners[0]); j++)
            if ((!j || !access(path_of(runners[j][0], room), X_OK)) && fits(runners[j][0], &points[i]))
                one(runners[j][0], runners[j][1], &points[i]);
    terminals();
    console();
    killed("platform-split", "2");
    if (!access(path_of(SENTRY, room), X_OK))
        killed(SENTRY, "notify"), lost(false), lost(true);
    printf("1..%d\n", number);
    return failures != 0;
}
