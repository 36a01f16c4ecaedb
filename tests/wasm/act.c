/* SPDX-License-Identifier: Apache-2.0 */
/* One act a run: act WORD [ARG...]. Its errors are those of the C library, its exit status 1 then. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static int failed(const char *what)
{
    fprintf(stderr, "%s: %s\n", what, strerror(errno));
    return 1;
}

static int act_args(int argc, char **argv)
{
    for (int i = 0; i < argc; i++)
        printf("[%s]\n", argv[i]);
    return 0;
}

static int act_env(int argc, char **argv)
{
    (void)argc, (void)argv;
    for (char **e = environ; *e; e++)
        puts(*e);
    return 0;
}

static int act_read(int argc, char **argv)
{
    char line[256];
    FILE *f = argc > 2 ? fopen(argv[2], "r") : stdin;

    if (!f)
        return failed(argv[2]);
    while (fgets(line, sizeof line, f))
        fputs(line, stdout);
    return 0;
}

static int act_write(int argc, char **argv)
{
    FILE *f = argc > 3 ? fopen(argv[2], "w") : NULL;

    return !f || fputs(argv[3], f) < 0 || fclose(f) ? failed(argv[2]) : 0;
}

static int act_append(int argc, char **argv)
{
    int fd = argc > 3 ? open(argv[2], O_WRONLY | O_APPEND) : -1;

    return fd < 0 || write(fd, argv[3], strlen(argv[3])) < 0 ? failed(argv[2]) : 0;
}

static int act_stat(int argc, char **argv)
{
    struct stat st;

    return argc < 3 || stat(argv[2], &st) < 0 ? failed(argv[2]) : printf("%lld\n", (long long)st.st_size) < 0;
}

static int act_remove(int argc, char **argv)
{
    return argc < 3 || unlink(argv[2]) < 0 ? failed(argv[2]) : 0;
}

static int act_mkdir(int argc, char **argv)
{
    return argc < 3 || mkdir(argv[2], 0777) < 0 ? failed(argv[2]) : 0;
}

static int act_rename(int argc, char **argv)
{
    return argc < 4 || rename(argv[2], argv[3]) < 0 ? failed(argv[2]) : 0;
}

static int act_link(int argc, char **argv)
{
    return argc < 4 || symlink(argv[2], argv[3]) < 0 ? failed(argv[3]) : 0;
}

static int act_list(int argc, char **argv)
{
    DIR *d = argc > 2 ? opendir(argv[2]) : NULL;

    if (!d)
        return failed(argv[2]);
    for (struct dirent *e; (e = readdir(d));)
        puts(e->d_name);
    return closedir(d);
}

static int act_exit(int argc, char **argv)
{
    return argc > 2 ? atoi(argv[2]) : 0;
}

static int act_abort(int argc, char **argv)
{
    (void)argc, (void)argv;
    abort();
}

static int act_spin(int argc, char **argv)
{
    (void)argc, (void)argv;
    puts("up");
    fflush(stdout);
    for (volatile unsigned n = 0; n <= UINT_MAX; n++)
        ;
    return 0;
}

static int act_sleep(int argc, char **argv)
{
    struct timespec ts = {argc > 2 ? atoi(argv[2]) : 1000, 0};

    puts("up");
    fflush(stdout);
    return nanosleep(&ts, NULL);
}

static int act_alloc(int argc, char **argv)
{
    size_t n = (size_t)(argc > 2 ? atoi(argv[2]) : 1) << 20;
    volatile char *p = malloc(n);

    if (!p)
        return failed("malloc");
    for (size_t i = 0; i < n; i += 4096)
        p[i] = 1;
    return puts("allocated") < 0;
}

static int act_clock(int argc, char **argv)
{
    struct timespec ts;

    (void)argc, (void)argv;
    clock_gettime(CLOCK_REALTIME, &ts);
    return printf("%lld\n", (long long)ts.tv_sec) < 0;
}

static int act_random(int argc, char **argv)
{
    unsigned char bytes[8];

    (void)argc, (void)argv;
    if (getentropy(bytes, sizeof bytes) < 0)
        return failed("getentropy");
    for (size_t i = 0; i < sizeof bytes; i++)
        printf("%02x", bytes[i]);
    return puts("") < 0;
}

/* On the first descriptor that is a listener: each connection gets its own words back. */
static int act_serve(int argc, char **argv)
{
    long left = argc > 2 ? atoi(argv[2]) : 1;
    char text[256];
    struct stat st;
    int listener = 3;

    while (fstat(listener, &st) == 0 && !S_ISSOCK(st.st_mode))
        listener++;
    puts("up");
    fflush(stdout);
    for (; left > 0; left--) {
        struct pollfd ready = {.fd = listener, .events = POLLIN};
        int peer = poll(&ready, 1, -1) < 0 ? -1 : accept(listener, NULL, NULL);
        if (peer < 0)
            return failed("accept");
        ssize_t n = recv(peer, text, sizeof text, 0);
        if (n < 0 || send(peer, text, (size_t)n, 0) != n || shutdown(peer, SHUT_RDWR) < 0)
            return failed("connection");
        close(peer);
    }
    return 0;
}

static const struct {
    const char *word;
    int (*act)(int argc, char **argv);
} acts[] = {{"args", act_args},     {"env", act_env},       {"read", act_read},     {"write", act_write},
            {"append", act_append}, {"stat", act_stat},     {"remove", act_remove}, {"mkdir", act_mkdir},
            {"rename", act_rename}, {"link", act_link},     {"list", act_list},     {"exit", act_exit},
            {"abort", act_abort},   {"spin", act_spin},     {"sleep", act_sleep},   {"alloc", act_alloc},
            {"clock", act_clock},   {"random", act_random}, {"serve", act_serve}};

int main(int argc, char **argv)
{
    for (size_t i = 0; i < sizeof acts / sizeof *acts && argc > 1; i++)
        if (!strcmp(argv[1], acts[i].word))
            return acts[i].act(argc, argv);
    fprintf(stderr, "usage: act WORD [ARG...]\n");
    return 2;
}
