/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A program that uses a directory as programs do: volume DIR. What it prints depends on the kernel's answers alone (no
 * times, numbers of inodes or addresses), so the lines on a volume inside have to be those of a tmpfs on the host.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#define PAGE 4096

static char own[4096]; /* this program */

static void say(const char *what, long result)
{
    if (result < 0)
        printf("%s: %s\n", what, strerrorname_np(errno));
    else
        printf("%s: %ld\n", what, result);
    fflush(stdout);
}

#define SAY(call) say(#call, (long)(call))

static void put(const char *name, const char *text)
{
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        say(name, -1);
    close(fd);
}

static void show(const char *name)
{
    char text[256];
    int fd = open(name, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (n < 0) {
        say(name, -1);
    } else {
        text[n] = 0;
        printf("%s has \"%s\"\n", name, text);
    }
    if (fd >= 0)
        close(fd);
}

static void show_stat(const char *name)
{
    struct stat st;
    if (lstat(name, &st))
        say(name, -1);
    else
        printf("%s: mode %o, links %u, size %ld, ids %u %u\n", name, st.st_mode, (unsigned)st.st_nlink,
               S_ISDIR(st.st_mode) ? 0 : (long)st.st_size, st.st_uid, st.st_gid);
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static void list(const char *name)
{
    DIR *d = opendir(name);
    char *all[1000];
    size_t n = 0;
    for (struct dirent *e; d && (e = readdir(d)) && n < 1000;)
        all[n++] = strdup(e->d_name);
    qsort(all, n, sizeof *all, by_name);
    printf("%s:", name);
    for (size_t i = 0; i < n && i < 20; i++)
        printf(" %s", all[i]);
    printf(" (%zu)\n", n);
    if (d)
        closedir(d);
}

static void child(void (*what)(void))
{
    int status = -1;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        what();
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    printf("child: %d\n", status);
}

/* ---- mappings: two processes and the file are one ---- */

static char *shared;

static void write_mapping(void)
{
    memcpy(shared, "child", 5);
    shared[PAGE] = 'C';
}

static void change_file(void)
{
    int fd = open("map", O_WRONLY);
    SAY(pwrite(fd, "write", 5, 10));
    close(fd);
}

static void other_mapping(void)
{
    int fd = open("map", O_RDONLY);
    const char *p = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    printf("another mapping: %.5s\n", p);
}

static sigjmp_buf behind;

static void on_bus(int signo)
{
    siglongjmp(behind, signo);
}

static void mappings(void)
{
    int fd = open("map", O_RDWR | O_CREAT | O_TRUNC, 0644);
    char bytes[6] = "";
    SAY(ftruncate(fd, 2 * PAGE));
    shared = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *private = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
    child(write_mapping);
    printf("%.5s %c\n", shared, shared[PAGE]);
    SAY(pread(fd, bytes, 5, 0));
    printf("%s, private %.5s\n", bytes, private);
    memcpy(private, "mine!", 5);
    child(change_file);
    printf("%.5s %.5s %.5s\n", shared + 10, shared, private);
    memcpy(shared, "again", 5);
    child(other_mapping);
    SAY(msync(shared, PAGE, MS_SYNC));
    SAY(mprotect(shared, PAGE, PROT_READ));
    SAY(ftruncate(fd, PAGE));
    signal(SIGBUS, on_bus);
    int signo = sigsetjmp(behind, 1);
    if (!signo)
        shared[PAGE] = 'x';
    printf("behind the end: %d\n", signo);
    close(fd);
    fd = open("map", O_RDONLY);
    SAY(mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
    const char *kept = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, 0);
    SAY(mprotect((void *)(uintptr_t)kept, PAGE, PROT_READ | PROT_WRITE));
    close(fd);
    SAY(unlink("map"));
    printf("%.5s\n", kept);
    munmap(shared, 2 * PAGE);
}

/* ---- programs ---- */

static void run_copy(void)
{
    execl("./copy", "copy", (char *)NULL);
    say("exec", -1);
}

static void run_script(void)
{
    execl("./script", "script", (char *)NULL);
    say("exec", -1);
}

static void programs(void)
{
    int in = open(own, O_RDONLY), out = open("copy", O_WRONLY | O_CREAT, 0755);
    static char piece[65536];
    for (ssize_t n; (n = read(in, piece, sizeof piece)) > 0;)
        if (write(out, piece, (size_t)n) != n)
            say("copy", -1);
    child(run_copy); /* busy: it is open for writing */
    close(out);
    child(run_copy);
    put("script", "#!./copy\n");
    SAY(chmod("script", 0755));
    child(run_script);
    SAY(chmod("copy", 0644));
    child(run_copy);
    SAY(unlink("copy"));
    SAY(unlink("script"));
}

/* ---- two processes and one file ---- */

static void append_child(void)
{
    int fd = open("log", O_WRONLY | O_APPEND);
    for (int i = 0; i < 100; i++)
        if (write(fd, "child", 5) != 5)
            say("append", -1);
}

static void lock_child(void)
{
    int fd = open("log", O_RDWR);
    SAY(flock(fd, LOCK_EX | LOCK_NB));
    SAY(lockf(fd, F_TLOCK, 10));
}

static void together(void)
{
    struct stat st;
    int fd = open("log", O_RDWR | O_CREAT | O_APPEND, 0644);
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        append_child();
        _exit(0);
    }
    for (int i = 0; i < 100; i++)
        if (write(fd, "parent", 6) != 6)
            say("append", -1);
    waitpid(pid, NULL, 0);
    SAY(fstat(fd, &st));
    printf("both appended: %ld\n", (long)st.st_size);
    SAY(flock(fd, LOCK_EX));
    SAY(lseek(fd, 0, SEEK_SET));
    SAY(lockf(fd, F_LOCK, 10));
    child(lock_child);
    close(fd);
    SAY(unlink("log"));
}

/* ---- names ---- */

static void many(void)
{
    char name[32];
    SAY(mkdir("many", 0755));
    for (int i = 0; i < 700; i++) {
        snprintf(name, sizeof name, "many/file-%d", i);
        close(open(name, O_WRONLY | O_CREAT | O_EXCL, 0644));
    }
    list("many");
    DIR *d = opendir("many");
    int gone = 0;
    for (struct dirent *e; (e = readdir(d));)
        if (e->d_name[0] != '.' && !unlinkat(dirfd(d), e->d_name, 0))
            gone++;
    printf("gone: %d\n", gone);
    rewinddir(d);
    int left = 0;
    while (readdir(d))
        left++;
    printf("left: %d\n", left);
    closedir(d);
    SAY(rmdir("many"));
}

static void names(void)
{
    put("a", "text of a");
    SAY(link("a", "b"));
    SAY(symlink("a", "s"));
    SAY(mkdir("d", 0700));
    SAY(rename("b", "d/b"));
    SAY(rename("d", "e"));
    SAY(rmdir("e"));
    SAY(renameat2(AT_FDCWD, "a", AT_FDCWD, "e/b", RENAME_NOREPLACE));
    SAY(symlink("../../../../../../etc/passwd", "out"));
    show_stat("a");
    show_stat("s");
    show_stat("e");
    show("s");
    list(".");
    int fd = open("a", O_RDONLY);
    SAY(unlink("a"));
    SAY(unlink("e/b"));
    char bytes[10] = "";
    SAY(read(fd, bytes, 9));
    printf("%s\n", bytes);
    close(fd);
    fd = open(".", O_TMPFILE | O_RDWR, 0600);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    SAY(write(fd, "temporary", 9));
    SAY(linkat(AT_FDCWD, path, AT_FDCWD, "t", AT_SYMLINK_FOLLOW));
    show("t");
    SAY(unlink("t"));
    SAY(unlink("s"));
    SAY(unlink("out"));
    SAY(rmdir("e"));
}

/* ---- attributes ---- */

static void attributes(void)
{
    struct stat st;
    const struct timespec times[2] = {{1000, 5}, {2000, 7}};
    put("f", "0123456789");
    SAY(chmod("f", 01751));
    show_stat("f");
    put("f", "x"); /* a write by root leaves what it is */
    SAY(utimensat(AT_FDCWD, "f", times, 0));
    SAY(stat("f", &st));
    printf("times: %ld.%ld %ld.%ld\n", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec,
           st.st_mtim.tv_nsec);
    SAY(truncate("f", 100000));
    int fd = open("f", O_RDWR);
    SAY(lseek(fd, 0, SEEK_HOLE) > 0);
    SAY(lseek(fd, 200000, SEEK_DATA));
    SAY(fallocate(fd, 0, 0, 200000));
    SAY(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
    SAY(fsync(fd));
    SAY(fstat(fd, &st));
    printf("size %ld\n", (long)st.st_size);
    SAY(access("f", R_OK | W_OK));
    SAY(getxattr("f", "user.none", NULL, 0));
    SAY(unlink("f"));
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc == 1) { /* run_copy, run_script */
        puts("the copy runs");
        return 0;
    }
    if (!strcmp(argv[0], "./copy")) {
        printf("the copy runs %s\n", argv[1]);
        return 0;
    }
    if (!realpath("/proc/self/exe", own) || chdir(argv[1])) {
        say(argv[1], -1);
        return 1;
    }
    umask(022);
    mappings();
    programs();
    together();
    many();
    names();
    attributes();
    list(".");
    return 0;
}
