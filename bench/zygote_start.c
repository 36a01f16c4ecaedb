/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Times starts of this very program, which is static glibc: by fork, execve and wait4 of a run that ends at once, and
 * as a fork of its own zygote by libmoat. Run by bench/zygote, one line a round:
 *
 *   zygote_start ROUNDS WARMUP      "EXEC VFORK FIRST WHOLE" in nanoseconds
 *
 *   EXEC   fork, execve, exit, wait4
 *   VFORK  the same with vfork, which copies nothing
 *   FIRST  moat_zygote_spawn() until the reply to the first call of the new target
 *   WHOLE  FIRST and moat_target_free(), which kills it and waits for its end
 *
 *   zygote_start --leak N           N starts; prints descriptors and children before and after
 */
#include <moat/moat.h>

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static int echo(struct moat_request *q)
{
    memcpy(q->reply, q->bytes, q->size);
    q->reply_size = q->size;
    return 0;
}

static const struct moat_method methods[] = {
    {.method = 0, .name = "echo", .states = MOAT_STATES_ALL, .request_max = 64, .reply_max = 64, .function = echo}};

static void die(const char *what)
{
    fprintf(stderr, "zygote_start: %s\n", what);
    exit(1);
}

static long ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return ts.tv_sec * 1000000000L + ts.tv_nsec;
}

static long by_exec(const char *self, pid_t (*copy)(void))
{
    char *argv[] = {(char *)(unsigned long)self, (char *)(unsigned long)"end", NULL};
    char *none[] = {NULL};
    long began = ns();
    int status;
    pid_t pid = copy();

    if (pid == 0) {
        execve(self, argv, none);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
        die("a start by execve failed");
    return ns() - began;
}

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
static long by_vfork(const char *self)
{
    char *argv[] = {(char *)(unsigned long)self, (char *)(unsigned long)"end", NULL};
    char *none[] = {NULL};
    long began = ns();
    int status;
    pid_t pid = vfork();

    if (pid == 0) {
        execve(self, argv, none);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &status, 0) < 0 || status != 0)
        die("a start by execve failed");
    return ns() - began;
}

static void by_zygote(struct moat_zygote *z, long *first, long *whole)
{
    char request[64] = "", reply[64];
    struct moat_call call = {
        .request = request, .request_size = sizeof request, .reply = reply, .reply_max = sizeof reply};
    struct moat_error error;
    struct moat_target *t;
    long began = ns();

    if (moat_zygote_spawn(z, &t, &error) < 0 || moat_call(t, &call, &error) < 0)
        die(error.text);
    *first = ns() - began;
    moat_target_free(t);
    *whole = ns() - began;
}

static int count(const char *path)
{
    DIR *d = opendir(path);
    int n = 0;

    while (d && readdir(d))
        n++;
    if (d)
        closedir(d);
    return n;
}

/* Processes of the whole machine, since forks of a zygote are its children and not ours. */
static int processes(void)
{
    int n = 0;
    DIR *d = opendir("/proc");

    for (struct dirent *e; d && (e = readdir(d));)
        n += e->d_name[0] >= '1' && e->d_name[0] <= '9';
    if (d)
        closedir(d);
    return n;
}

int main(int argc, char **argv)
{
    struct moat_error error = {0};
    struct moat_session *session;
    struct moat_zygote *zygote;
    long first, whole;

    if (argc < 2) {
        if (moat_zygote_ready(&session, &error) < 0)
            return 1;
        return moat_serve(session, methods, 1, NULL, &error) < 0;
    }
    if (!strcmp(argv[1], "end"))
        return 0;
    struct moat_target_options options = {.path = "/proc/self/exe", .methods = methods, .n_methods = 1};
    char self[4096];
    ssize_t n = readlink(options.path, self, sizeof self - 1);
    if (n < 0 || argc < 3)
        die("ROUNDS WARMUP, or --leak N");
    self[n] = 0;
    options.path = self;
    if (moat_zygote_start(&options, &zygote, &error) < 0)
        die(error.text);
    if (!strcmp(argv[1], "--leak")) {
        by_zygote(zygote, &first, &whole); /* the rings of a dead fork are kept for the next */
        int fds = count("/proc/self/fd"), all = processes();
        for (long i = 0; i < atol(argv[2]); i++)
            by_zygote(zygote, &first, &whole);
        usleep(200000);
        printf("descriptors %d %d processes %d %d\n", fds, count("/proc/self/fd"), all, processes());
    }
    for (long i = -atol(argv[2]); strcmp(argv[1], "--leak") && i < atol(argv[1]); i++) {
        long exec = by_exec(self, fork), spawn = by_vfork(self);
        by_zygote(zygote, &first, &whole);
        if (i >= 0)
            printf("%ld %ld %ld %ld\n", exec, spawn, first, whole);
    }
    moat_zygote_free(zygote);
    return 0;
}
