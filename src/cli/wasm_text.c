/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules in the text format: Debian's wat2wasm makes bytes of them, itself behind -b broker, which shows it the one
 * file and gives it a pipe. Text and tool are foreign: what comes is bounded in size and time, and is a module like any
 * other then, which the engine reads behind its walls.
 */
#include "base/clock.h"
#include "base/io.h"
#include "cli/wasm.h"
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULE_MOST (64u << 20)
#define SECONDS     "20"
#define PATIENCE_MS 30000

bool wasm_is_text(const char *word)
{
    size_t n = strlen(word);

    return n > 4 && !strcmp(word + n - 4, ".wat");
}

static _Noreturn void become(const char *file, int out)
{
    const char *const words[] = {"moat",
                                 "run",
                                 "-b",
                                 "broker",
                                 "-m",
                                 "512m",
                                 "--pids-limit",
                                 "16",
                                 "--timeout",
                                 SECONDS,
                                 "--ro",
                                 file,
                                 "--",
                                 "wat2wasm",
                                 "--debug-names",
                                 "--enable-tail-call",
                                 "--enable-extended-const",
                                 "--output=/dev/stdout",
                                 file,
                                 NULL};
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (null >= 0 && dup2(null, 0) == 0 && dup2(out, 1) == 1)
        execv("/proc/self/exe", (char *const *)(uintptr_t)words);
    _exit(125);
}

/* -EFBIG, -ETIMEDOUT */
static int take(int from, int to)
{
    static char bytes[65536];
    const int64_t until = clock_ms() + PATIENCE_MS;
    size_t all = 0;

    for (;;) {
        int ready = helper_poll(from, POLLIN, until);
        if (ready <= 0)
            return ready < 0 ? ready : -ETIMEDOUT;
        ssize_t n = read(from, bytes, sizeof bytes);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : 0;
        if ((all += (size_t)n) > MODULE_MOST)
            return -EFBIG;
        int r = io_write_all(to, bytes, (size_t)n);
        if (r < 0)
            return r;
    }
}

int wasm_assemble(const char *file, struct err *err)
{
    int ends[2], status = 0;
    _cleanup_fd_ int to = memfd_create("module", MFD_CLOEXEC);

    if (to < 0 || pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "%s: room for its module", file);
    _cleanup_fd_ int from = ends[0], out = ends[1];
    pid_t pid = fork();
    if (pid < 0)
        return err_sys(err, -errno, "%s: start of wat2wasm", file);
    if (pid == 0)
        become(file, out);
    close(steal_fd(&out));
    int r = take(from, to);
    if (r < 0)
        kill(pid, SIGTERM);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (r < 0)
        return err_sys(err, r, "%s: what wat2wasm makes of it", file);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
        return err_set(err, -ENOENT, "%s: text is assembled by wat2wasm, which is not there (Debian package wabt)",
                       file);
    if (status)
        return err_set(err, -ENOEXEC, "exec: \"%s\": wat2wasm cannot assemble it", file);
    return steal_fd(&to);
}
