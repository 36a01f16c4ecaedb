/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Modules in the text format: Debian's wat2wasm makes bytes of them, itself behind -b broker, which shows it the one
 * file and gives it two pipes. Text and tool are foreign: what comes is bounded in size and time; the bytes are a
 * module like any other then, which the engine reads behind its walls, and of the words nothing reaches a terminal that
 * it would obey.
 */
#include "base/clock.h"
#include "base/io.h"
#include "base/utf8.h"
#include "cli/wasm.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define MODULE_MOST (64u << 20)
#define WORDS_MOST  8192 /* of its errors; what is more is read and dropped */
#define SECONDS     "20"
#define PATIENCE_MS 30000
#define MEMORY      "536870912"

/* What a run of wat2wasm has said and done. */
struct assembly {
    int module; /* where its bytes go */
    size_t n_module;
    char words[WORDS_MOST]; /* on standard error */
    size_t n_words;
    int status; /* as a shell's */
};

bool wasm_is_text(const char *word)
{
    size_t n = strlen(word);

    return n > 4 && !strcmp(word + n - 4, ".wat");
}

/* An ordinary user may have no control group to limit it by: then the address space is limited alone. */
static _Noreturn void become(const char *file, int out, int words_out)
{
    const char *const words[] = {"moat",
                                 "run",
                                 "-b",
                                 "broker",
                                 "--best-effort",
                                 "-m",
                                 MEMORY,
                                 "--pids-limit",
                                 "16",
                                 "--ulimit",
                                 "as=" MEMORY,
                                 "--timeout",
                                 SECONDS,
                                 "--tty=false",
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

    if (null >= 0 && dup2(null, 0) == 0 && dup2(out, 1) == 1 && dup2(words_out, 2) == 2)
        execv("/proc/self/exe", (char *const *)(uintptr_t)words);
    _exit(125);
}

static int keep(struct assembly *a, bool is_module, const char *bytes, size_t n)
{
    if (is_module) {
        a->n_module += n;
        return a->n_module > MODULE_MOST ? -EFBIG : io_write_all(a->module, bytes, n);
    }
    size_t room = sizeof a->words - a->n_words;
    if (n > room)
        n = room;
    memcpy(a->words + a->n_words, bytes, n);
    a->n_words += n;
    return 0;
}

/* Both pipes to their ends. -EFBIG, -ETIMEDOUT */
static int take(struct assembly *a, int module, int words)
{
    static char bytes[65536];
    const int64_t until = clock_ms() + PATIENCE_MS;
    struct pollfd from[] = {{.fd = module, .events = POLLIN}, {.fd = words, .events = POLLIN}};

    while (from[0].fd >= 0 || from[1].fd >= 0) {
        int64_t left = until - clock_ms();
        int ready = left > 0 ? poll(from, 2, (int)left) : 0;
        if (ready < 0 && errno == EINTR)
            continue;
        if (ready <= 0)
            return ready < 0 ? -errno : -ETIMEDOUT;
        for (int i = 0; i < 2; i++) {
            ssize_t n = from[i].fd >= 0 && from[i].revents ? read(from[i].fd, bytes, sizeof bytes) : -1;
            if (n == 0)
                from[i].fd = -1;
            int r = n > 0 ? keep(a, i == 0, bytes, (size_t)n) : 0;
            if (r < 0)
                return r;
        }
    }
    return 0;
}

static int run(struct assembly *a, const char *file, struct err *err)
{
    int module[2], words[2], status = 0;

    if (pipe2(module, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "start of wat2wasm");
    _cleanup_fd_ int from = module[0], out = module[1];
    if (pipe2(words, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "start of wat2wasm");
    _cleanup_fd_ int words_from = words[0], words_out = words[1];
    pid_t pid = fork();
    if (pid < 0)
        return err_sys(err, -errno, "start of wat2wasm");
    if (pid == 0)
        become(file, out, words_out);
    close(steal_fd(&out));
    close(steal_fd(&words_out));
    int r = take(a, from, words_from);
    if (r < 0)
        kill(pid, SIGTERM);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    a->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
    return r < 0 ? err_sys(err, r, "what wat2wasm makes of it") : 0;
}

/* The next line of what it has said, *n bytes of it; NULL at the end. */
static const char *next_line(const struct assembly *a, size_t *at, size_t *n)
{
    const char *line = a->words + *at;
    size_t left = a->n_words - *at;
    const char *end = memchr(line, '\n', left);

    *n = end ? (size_t)(end - line) : left;
    *at += *n + (end ? 1 : 0);
    return left ? line : NULL;
}

/* Its words about the text, under the name that the user knows, without those of the run around it. */
static void show_words(const struct assembly *a, const char *file, const char *name)
{
    static const char others[] = "moat run: warning: ";
    const size_t n_file = strlen(file);
    char safe[WORDS_MOST + 1], safe_name[1024];
    size_t at = 0, n;

    utf8_printable(safe_name, sizeof safe_name, name, strlen(name));
    for (const char *line; (line = next_line(a, &at, &n));) {
        bool named = n > n_file && !memcmp(line, file, n_file) && line[n_file] == ':';
        if (n >= sizeof others - 1 && !memcmp(line, others, sizeof others - 1))
            continue;
        utf8_printable(safe, sizeof safe, line + (named ? n_file : 0), n - (named ? n_file : 0));
        fprintf(stderr, "%s%s\n", named ? safe_name : "", safe);
    }
}

/* The error of the run around it: its last line that is one. */
static int say_sandbox(const struct assembly *a, const char *name, struct err *err)
{
    static const char mark[] = "moat run: ", warning[] = "moat run: warning: ";
    char safe[512] = "it gives no reason";
    size_t at = 0, n;

    for (const char *line; (line = next_line(a, &at, &n));)
        if (n >= sizeof mark && !memcmp(line, mark, sizeof mark - 1) &&
            (n < sizeof warning || memcmp(line, warning, sizeof warning - 1) != 0))
            utf8_printable(safe, sizeof safe, line + sizeof mark - 1, n - sizeof mark + 1);
    return err_set(err, -EIO, "%s: the sandbox in which wat2wasm is to assemble it cannot be made: %s", name, safe);
}

static int say_end(const struct assembly *a, const char *file, const char *name, struct err *err)
{
    switch (a->status) {
    case 0:
        return 0;
    case 124:
        return err_set(err, -ENOEXEC, "exec: \"%s\": wat2wasm takes more than " SECONDS " seconds to assemble it",
                       name);
    case 125:
        return say_sandbox(a, name, err);
    case 126:
    case 127:
        return err_set(err, -ENOENT, "%s: text is assembled by wat2wasm, which %s (Debian package wabt)", name,
                       a->status == 127 ? "is not there" : "cannot be executed");
    default:
        show_words(a, file, name);
        if (a->status > 128)
            return err_set(err, -ENOEXEC, "exec: \"%s\": wat2wasm died of it (status %d; it may have 512 MiB)", name,
                           a->status);
        return err_set(err, -ENOEXEC, "exec: \"%s\": wat2wasm cannot assemble it", name);
    }
}

int wasm_assemble(const char *file, const char *name, struct err *err)
{
    static struct assembly a;

    a = (struct assembly){.module = -1};
    _cleanup_fd_ int to = memfd_create("module", MFD_CLOEXEC);
    if (to < 0)
        return err_sys(err, -errno, "%s: room for its module", name);
    a.module = to;
    if (run(&a, file, err) < 0)
        return err_wrap(err, "%s", name);
    int r = say_end(&a, file, name, err);
    return r < 0 ? r : steal_fd(&to);
}
