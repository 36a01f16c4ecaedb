/* SPDX-License-Identifier: Apache-2.0 */
/* See tools.h. Starts the user's own compiler and linker, with his environment. */
#include "unikernel/tools.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

int tools_run(struct arena *a, char *const argv[], const char *package, struct err *err)
{
    extern char **environ;
    pid_t pid;
    int status, r = posix_spawnp(&pid, argv[0], NULL, NULL, argv, environ);

    (void)a;
    if (r == ENOENT)
        return err_set(err, -ENOENT, "%s is not installed: %s has it", argv[0], package);
    if (r)
        return err_sys(err, -r, "start %s", argv[0]);
    while (waitpid(pid, &status, 0) < 0)
        if (errno != EINTR)
            return err_sys(err, -errno, "wait for %s", argv[0]);
    if (WIFEXITED(status) && !WEXITSTATUS(status))
        return 0;
    return WIFEXITED(status) && WEXITSTATUS(status) == 127
               ? err_set(err, -ENOENT, "%s cannot be started: %s has it", argv[0], package)
               : err_set(err, -ECHILD, "%s has failed", argv[0]);
}

int tools_musl(struct arena *a, const char **dir, struct err *err)
{
    static const char *const places[] = {"/usr/lib/x86_64-linux-musl", "/usr/lib/musl/lib", "/usr/local/musl/lib",
                                         "/usr/lib64/musl/lib"};

    for (size_t i = 0; i < ARRAY_LEN(places); i++) {
        const char *file = arena_printf(a, "%s/rcrt1.o", places[i]);
        if (file && access(file, R_OK) == 0) {
            *dir = places[i];
            return 0;
        }
    }
    return err_set(err, -ENOENT, "musl's rcrt1.o is in none of %s, %s: Debian package musl-dev has it", places[0],
                   places[1]);
}

int tools_directory(struct arena *a, const char **dir, struct err *err)
{
    const char *tmp = getenv("TMPDIR");
    char *path = arena_printf(a, "%s/moat-build-XXXXXX", tmp && *tmp == '/' ? tmp : "/tmp");

    if (!path)
        return err_set(err, -ENOMEM, "out of memory");
    if (!mkdtemp(path))
        return err_sys(err, -errno, "make a directory in %s", tmp && *tmp == '/' ? tmp : "/tmp");
    *dir = path;
    return 0;
}

void tools_remove_directory(const char *dir)
{
    int fd = open(dir, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *e;

    while (d && (e = readdir(d)))
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            unlinkat(fd, e->d_name, 0);
    if (d)
        closedir(d);
    rmdir(dir);
}

static const char *const names[] = {
#define CALL(nr, name, status, note, ...) [nr] = #name,
#define NOCALL(nr, name, note)
#include "linux/syscalls.def"
#undef CALL
#undef NOCALL
};

const char *tools_call_name(int nr)
{
    return nr >= 0 && (size_t)nr < ARRAY_LEN(names) ? names[nr] : NULL;
}

const char *tools_call_names(struct arena *a, const uint8_t calls[64])
{
    const char *text = "";

    for (int i = 0; i < 512 && text; i++)
        if (calls[i / 8] >> i % 8 & 1 && tools_call_name(i))
            text = arena_printf(a, "%s%s%s", text, *text ? " " : "", tools_call_name(i));
    return text;
}
