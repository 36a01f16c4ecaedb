/* SPDX-License-Identifier: Apache-2.0 */
/* Directories, files, links, times and waits, each with the cases that go wrong: the same lines natively and as a WASI
 * program. Works in the directory where it is started, and leaves it empty. */
#include "outcome.h"

#include <dirent.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define MANY 2000

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *path)
{
    static char *names[MANY + 10];
    DIR *d = opendir(path);
    struct dirent *e;
    unsigned n = 0, hash = 0;

    if (!d) {
        printf("list %s: %s\n", path, error_name(errno));
        return;
    }
    while ((e = readdir(d)) && n < MANY + 10)
        names[n++] = strdup(e->d_name);
    closedir(d);
    qsort(names, n, sizeof *names, by_name);
    printf("list %s: %u names:", path, n);
    for (unsigned i = 0; i < n; i++) {
        for (const char *c = names[i]; *c; c++)
            hash = hash * 31 + (unsigned char)*c;
        if (n < 20)
            printf(" %s", names[i]);
        free(names[i]);
    }
    printf(" %u\n", hash);
}

static void directories(void)
{
    SAY(mkdir("d", 0777));
    SAY(mkdir("d", 0777));
    SAY(mkdir("none/y", 0777));
    SAY(mkdir("d/.", 0777));
    SAY(mkdir("d/..", 0777));
    SAY(mkdir("d/e/", 0777));
    SAY(rmdir("d"));
    SAY(rmdir("d/."));
    SAY(rmdir("none"));
    SAY(open("d", O_RDONLY | O_DIRECTORY));
    SAY(open("d", O_WRONLY));
    SAY(open("d/", O_RDWR));
}

static void files(void)
{
    struct stat st = {0};
    char text[100];
    int fd = open("d/f", O_CREAT | O_RDWR | O_EXCL, 0644);

    SAY_NUMBER(write(fd, "hello", 5));
    SAY_NUMBER(lseek(fd, 1, SEEK_SET));
    SAY_NUMBER(read(fd, text, 3));
    SAY_NUMBER(lseek(fd, -10, SEEK_CUR));
    SAY_NUMBER(lseek(fd, 2, SEEK_END));
    SAY(ftruncate(fd, 2));
    SAY(fstat(fd, &st));
    SAY_NUMBER(st.st_size);
    SAY_NUMBER(posix_fallocate(fd, 0, 100));
    SAY(fstat(fd, &st));
    SAY_NUMBER(st.st_size);
    SAY(fsync(fd));
    SAY(fdatasync(fd));
    SAY_NUMBER(posix_fadvise(fd, 0, 0, POSIX_FADV_WILLNEED));
    SAY(isatty(fd) ? 0 : -1);
    SAY(close(fd));
    SAY(close(fd));
    SAY(open("d/f", O_CREAT | O_RDWR | O_EXCL, 0644));
    SAY(open("d/f/", O_RDONLY));
    SAY(open("d/f/x", O_RDONLY));
    SAY(open("d/none", O_RDONLY));
    SAY(access("d/f", R_OK));
    SAY(access("d/f", W_OK));
    SAY(access("d/none", F_OK));
    fd = open("d/a", O_CREAT | O_RDWR | O_APPEND, 0644);
    SAY_NUMBER(write(fd, "abc", 3));
    SAY_NUMBER(lseek(fd, 0, SEEK_SET));
    SAY_NUMBER(write(fd, "def", 3));
    SAY_NUMBER(pread(fd, text, 10, 1));
    SAY_NUMBER(lseek(fd, 0, SEEK_CUR));
    SAY_NUMBER(memcmp(text, "bcdef", 5));
    SAY(fcntl(fd, F_GETFL) & O_APPEND ? 0 : -1);
    SAY(close(fd));
    SAY(unlink("d/a"));
}

static void links(void)
{
    struct stat st = {0};
    char text[100];

    SAY(link("d/f", "d/l"));
    SAY(stat("d/l", &st));
    SAY_NUMBER(st.st_nlink);
    SAY(link("d", "dl"));
    SAY(link("d/f", "d/l"));
    SAY(link("none", "q"));
    SAY(symlink("f", "d/s"));
    SAY(symlink("../d", "d/up"));
    SAY(symlink("s2", "d/s2"));
    SAY_NUMBER(readlink("d/s", text, sizeof text));
    SAY(readlink("d/f", text, sizeof text));
    SAY(readlink("d/none", text, sizeof text));
    SAY(lstat("d/s", &st));
    SAY_NUMBER(S_ISLNK(st.st_mode));
    SAY(stat("d/s", &st));
    SAY_NUMBER(S_ISREG(st.st_mode));
    SAY(stat("d/s2", &st));
    SAY(stat("d/up/up/up/f", &st));
    SAY(open("d/s", O_RDONLY | O_NOFOLLOW));
    SAY(stat("d/s/", &st));
    SAY(stat("d/up/", &st));
    SAY(lstat("d/up/", &st));
    SAY_NUMBER(S_ISDIR(st.st_mode));
    SAY(unlink("d/up/"));
}

static void moves(void)
{
    SAY(rename("d/f", "d/g"));
    SAY(rename("d/f", "d/h"));
    SAY(rename("d", "d/e/q"));
    SAY(rename("d/e", "d/g"));
    SAY(rename("d/g", "d/e"));
    SAY(rename("d/.", "z"));
    SAY(rename("d/g", "d/g/"));
    SAY(rename("d/e/", "d/e2/"));
    SAY(rmdir("d/g"));
    SAY(unlink("d/e2"));
    SAY(rmdir("d/e2/"));
    list("d");
    list("none");
    list("d/g");
}

/* More than one buffer of any library holds; all removed while they are listed. */
static void many(void)
{
    char path[300];
    struct dirent *e;
    unsigned removed = 0;

    SAY(mkdir("m", 0777));
    for (int i = 0; i < MANY; i++) {
        snprintf(path, sizeof path, "m/many%0*d", 1 + i % 200, i);
        int fd = open(path, O_CREAT | O_WRONLY, 0644);
        if (fd < 0 || close(fd) < 0)
            printf("%s: %s\n", path, error_name(errno));
    }
    list("m");
    DIR *d = opendir("m");
    while ((e = readdir(d))) {
        snprintf(path, sizeof path, "m/%s", e->d_name);
        removed += e->d_name[0] != '.' && unlink(path) == 0;
    }
    closedir(d);
    printf("removed %u\n", removed);
    SAY(rmdir("m"));
}

static void times_and_waits(void)
{
    const struct timespec times[2] = {{.tv_sec = 1000, .tv_nsec = 5}, {.tv_sec = 2000, .tv_nsec = 7}};
    const struct timespec nap = {.tv_nsec = 20000000};
    struct timespec before, after;
    struct stat st = {0};
    struct pollfd p = {.events = POLLIN | POLLOUT};

    SAY(utimensat(AT_FDCWD, "d/g", times, 0));
    SAY(stat("d/g", &st));
    printf("%ld.%09ld\n", (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    SAY(utimensat(AT_FDCWD, "d/s2", times, 0));
    SAY(utimensat(AT_FDCWD, "d/s2", times, AT_SYMLINK_NOFOLLOW));
    SAY(lstat("d/s2", &st));
    printf("%ld.%09ld\n", (long)st.st_mtim.tv_sec, st.st_mtim.tv_nsec);
    p.fd = open("d/g", O_RDWR);
    SAY_NUMBER(poll(&p, 1, 1000));
    SAY_NUMBER((p.revents & POLLIN) && (p.revents & POLLOUT));
    SAY_NUMBER(poll(NULL, 0, 5));
    clock_gettime(CLOCK_MONOTONIC, &before);
    SAY(nanosleep(&nap, NULL));
    clock_gettime(CLOCK_MONOTONIC, &after);
    SAY_NUMBER((after.tv_sec - before.tv_sec) * 1000000000LL + after.tv_nsec - before.tv_nsec >= nap.tv_nsec);
}

int main(void)
{
    static const char *const left[] = {"d/g", "d/l", "d/s", "d/s2", "d/up"};

    directories();
    files();
    links();
    moves();
    many();
    times_and_waits();
    for (unsigned i = 0; i < sizeof left / sizeof left[0]; i++)
        SAY(unlink(left[i]));
    SAY(rmdir("d"));
    list(".");
    return 0;
}
