/* SPDX-License-Identifier: Apache-2.0 */
/* A program that does one thing by its first word, natively and in a unikernel: the tests compare. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

extern char **environ;

static int show_arguments(int n, char **v)
{
    for (int i = 0; i < n; i++)
        printf("[%s]\n", v[i]);
    return 0;
}

static int show_environment(void)
{
    for (char **e = environ; *e; e++)
        puts(*e);
    return 0;
}

static int show_world(void)
{
    struct utsname u;
    struct rlimit files;
    char cwd[4096];
    mode_t mask = umask(0);

    uname(&u);
    getrlimit(RLIMIT_NOFILE, &files);
    printf("%s %s uid %u gid %u host %s pid %d cwd %s umask %03o files %lu\n", u.sysname, u.machine, getuid(), getgid(),
           u.nodename, getpid(), getcwd(cwd, sizeof cwd), mask, (unsigned long)files.rlim_cur);
    return 0;
}

static int copy_input(void)
{
    char piece[4096];
    ssize_t n;

    while ((n = read(0, piece, sizeof piece)) > 0)
        if (write(1, piece, (size_t)n) != n)
            return 1;
    return n < 0;
}

static int show_file(const char *name)
{
    int fd = open(name, O_RDONLY);

    if (fd < 0 || dup2(fd, 0) < 0) {
        fprintf(stderr, "%s: %s\n", name, strerror(errno));
        return 1;
    }
    return copy_input();
}

static int make_file(const char *name, const char *text)
{
    FILE *f = fopen(name, "w");

    if (!f || fputs(text, f) < 0 || fclose(f)) {
        fprintf(stderr, "%s: %s\n", name, strerror(errno));
        return 1;
    }
    return show_file(name);
}

static volatile sig_atomic_t asked;

static void on_signal(int signo)
{
    asked = signo;
}

/* Says "up", and waits for a signal. */
static int wait_signal(void)
{
    const struct sigaction action = {.sa_handler = on_signal};

    for (int s = 1; s < 32; s++)
        if (s != SIGKILL && s != SIGSTOP && s != SIGSEGV)
            sigaction(s, &action, NULL);
    puts("up");
    fflush(stdout);
    while (!asked)
        pause();
    printf("signal %d\n", asked);
    return 7;
}

static void *count(void *to)
{
    for (int i = 0; i < 100000; i++)
        __atomic_add_fetch((int *)to, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

static int run_threads(void)
{
    pthread_t threads[8];
    int sum = 0;

    for (int i = 0; i < 8; i++)
        if (pthread_create(&threads[i], NULL, count, &sum))
            return 1;
    for (int i = 0; i < 8; i++)
        pthread_join(threads[i], NULL);
    printf("%d\n", sum);
    return 0;
}

/* As many MiB as there are, touched; how it ends is the test. */
static int take_memory(size_t mebibytes)
{
    for (size_t i = 0; i < mebibytes; i++) {
        char *p = malloc(1 << 20);
        if (!p) {
            printf("no memory: %s\n", strerror(errno));
            return 3;
        }
        memset(p, 1, 1 << 20);
    }
    puts("enough memory");
    return 0;
}

static void *sleeper(void *nothing)
{
    (void)nothing;
    sleep(1000);
    return NULL;
}

static int take_tasks(int most)
{
    for (int i = 0; i < most; i++) {
        pthread_t t;
        int r = pthread_create(&t, NULL, sleeper, NULL);
        if (r) {
            printf("no thread: %s\n", strerror(r));
            return 3;
        }
    }
    puts("enough threads");
    return 0;
}

static int make_network(void)
{
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    printf("%s\n", fd < 0 ? strerror(errno) : "socket");
    return fd < 0;
}

int main(int argc, char **argv)
{
    const char *word = argc > 1 ? argv[1] : "", *value = argc > 2 ? argv[2] : "";

    if (!strcmp(word, "args"))
        return show_arguments(argc, argv);
    if (!strcmp(word, "env"))
        return show_environment();
    if (!strcmp(word, "world"))
        return show_world();
    if (!strcmp(word, "exit"))
        return atoi(value);
    if (!strcmp(word, "die"))
        return raise(atoi(value));
    if (!strcmp(word, "fault"))
        return *(volatile int *)(size_t)atoi(value);
    if (!strcmp(word, "input"))
        return copy_input();
    if (!strcmp(word, "read"))
        return show_file(value);
    if (!strcmp(word, "write"))
        return make_file(value, argc > 3 ? argv[3] : "");
    if (!strcmp(word, "wait"))
        return wait_signal();
    if (!strcmp(word, "threads"))
        return run_threads();
    if (!strcmp(word, "memory"))
        return take_memory((size_t)atoi(value));
    if (!strcmp(word, "tasks"))
        return take_tasks(atoi(value));
    if (!strcmp(word, "socket"))
        return make_network();
    if (!strcmp(word, "fork"))
        return fork() < 0 ? (printf("%s\n", strerror(errno)), 1) : 0;
    if (!strcmp(word, "spin"))
        for (;;)
            ;
    fprintf(stderr, "usage: act WORD [ARG...]\n");
    return 2;
}
