/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See wasm_cache.h. The process that compiles reads a hostile module and may be taken over by it: it is given the
 * module to read and one file without a name to write, and nothing else. What is in that file then is believed for this
 * very module alone: whose bytes it holds is looked at here, and the name is made of what was read here before.
 */
#include "cli/wasm_cache.h"
#include "boundary/wasm/words.h"
#include "classcache/cache.h"
#include "cli/wasm.h"
#include "host/helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

#define MODULE_LEAST    (64 * 1024)         /* bytes; below, compiling takes half a millisecond */
#define MODULE_MOST     (UINT64_C(1) << 30) /* wasm/module/module.h, WASM_MODULE_SIZE_MAX */
#define HWCAP2_FSGSBASE 2                   /* asm/hwcap2.h */
#define LOOKED_AT       4096                /* files of the cache, for one of a module's size */
#define COMPILE_MS      120000
/* In the head of a file of the cache (wasm/baseline/image.c): its size, and where the module lies. */
#define HEAD_SIZE   16
#define HEAD_MODULE 32

struct keyed {
    char key[CLASS_KEY_SIZE];
    char module[SHA256_HEX_SIZE];
};

/* Of `size` bytes from `at` on. */
static int digest_of(int fd, uint64_t at, uint64_t size, char hex[SHA256_HEX_SIZE])
{
    static uint8_t bytes[1 << 18], digest[SHA256_SIZE];
    struct sha256 sum;

    sha256_init(&sum);
    while (size) {
        ssize_t n = pread(fd, bytes, size < sizeof bytes ? size : sizeof bytes, (off_t)at);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n < 0 ? -errno : -EIO;
        sha256_update(&sum, bytes, (size_t)n);
        at += (uint64_t)n;
        size -= (uint64_t)n;
    }
    sha256_final(&sum, digest);
    sha256_hex(digest, hex);
    return 0;
}

/* What the compiler asks the CPU and the kernel for; the engine looks again. */
static const char *cpu_text(void)
{
#if defined(__x86_64__)
    static char text[] = "-------";
    unsigned a, b, c = 0, d;

    __builtin_cpu_init();
    text[0] = __builtin_cpu_supports("sse4.1") ? 's' : '-';
    text[1] = __builtin_cpu_supports("popcnt") ? 'p' : '-';
    text[2] = __builtin_cpu_supports("avx") ? 'a' : '-';
    text[3] = __builtin_cpu_supports("bmi") ? 'b' : '-';
    text[4] = __builtin_cpu_supports("bmi2") ? 'c' : '-';
    text[5] = __get_cpuid(0x80000001u, &a, &b, &c, &d) && c & bit_ABM ? 'l' : '-'; /* LZCNT */
    text[6] = getauxval(AT_HWCAP2) & HWCAP2_FSGSBASE ? 'g' : '-';
    return text;
#else
    return "";
#endif
}

static int key_of(struct arena *a, int module, uint64_t size, struct keyed *out, struct err *err)
{
    const char *engine;
    struct class_key k;
    int r = libexec_find(a, WASM_PROGRAM, &engine, err);

    if (r == 0 && (r = digest_of(module, 0, size, out->module)) < 0)
        err_sys(err, r, "reading the module");
    if (r < 0)
        return r;
    class_key_begin(&k);
    class_key_text(&k, "module", out->module);
    class_key_text(&k, "cpu", cpu_text());
    r = class_key_file(&k, engine);
    class_key_end(&k, out->key);
    return r < 0 ? err_sys(err, r, "%s", engine) : 0;
}

static int open_module(const char *path, uint64_t *size)
{
    struct stat st;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0)
        return -errno;
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode)) {
        close(fd);
        return -EACCES;
    }
    *size = (uint64_t)st.st_size;
    return fd;
}

/* Whether a file of the cache holds a module of this size: reading heads is sooner done than reading the module. */
static bool may_hold(const struct class_cache *c, uint64_t size)
{
    int fd = openat(c->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);
    struct dirent *e;
    bool found = false;

    if (!dir) {
        cleanup_fd(&fd);
        return false;
    }
    for (int i = 0; !found && i < LOOKED_AT && (e = readdir(dir)); i++) {
        const char *suffix = strchr(e->d_name, '.');
        uint64_t there = 0;
        if (!suffix || strcmp(suffix, c->suffix) != 0)
            continue;
        _cleanup_fd_ int file = openat(c->fd, e->d_name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
        found = file >= 0 && pread(file, &there, sizeof there, HEAD_MODULE + 8) == sizeof there && there == size;
    }
    closedir(dir);
    return found;
}

static void file_name(const struct class_cache *c, const char *key, char name[NAME_MAX])
{
    snprintf(name, NAME_MAX, "%s%s", key, c->suffix);
}

/* The file of a key. One that was cut is removed: the engine could not map it whole. What else is damaged it finds by
 * the sum. */
static bool is_there(const struct class_cache *c, struct arena *a, const char *key, const char **path)
{
    char name[NAME_MAX];
    uint64_t size = 0;
    struct stat st;

    if (class_cache_find(c, a, key, path) != CLASS_CACHE_READY)
        return false;
    file_name(c, key, name);
    _cleanup_fd_ int fd = openat(c->fd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && pread(fd, &size, sizeof size, HEAD_SIZE) == sizeof size && fstat(fd, &st) == 0 &&
        (uint64_t)st.st_size == size)
        return true;
    unlinkat(c->fd, name, 0);
    return false;
}

void wasm_cache_find(struct arena *a, const char *module, const char **image)
{
    struct keyed k;
    struct class_cache c;
    struct err ignored = {0};
    const char *path;
    uint64_t size;
    _cleanup_fd_ int fd = open_module(module, &size);

    if (fd < 0 || size < MODULE_LEAST || size > MODULE_MOST ||
        class_cache_open_kind(&c, CLASS_CACHE_WASM, a, false, &ignored) < 0)
        return;
    if (may_hold(&c, size) && key_of(a, fd, size, &k, &ignored) == 0 && is_there(&c, a, k.key, &path))
        *image = path;
    class_cache_close(&c);
}

/* ---- making ----------------------------------------------------------------------------------------------------- */

static int compile(struct arena *a, const char *name, int module, int out, struct err *err)
{
    char program[] = WASM_PROGRAM, option[] = "--compile", from[] = "--module", input[] = "-";
    char *word = arena_strdup(a, name), *argv[] = {program, option, from, input, word, NULL};
    const char *path;
    int status = 0;
    pid_t pid;
    int r = word ? libexec_find(a, program, &path, err) : err_set(err, -ENOMEM, "out of memory");

    if (r < 0)
        return r;
    r = helper_spawn(path, argv, (struct helper_fd[]){{module, 0}, {out, 1}, {2, 2}}, 3, &pid);
    if (r == 0)
        r = helper_wait_for(pid, COMPILE_MS, &status);
    if (r < 0)
        return err_sys(err, r, "%s", path);
    if (WIFSIGNALED(status))
        return err_set(err, -ECONNABORTED, "%s: moat-wasm was ended by signal %d%s", name, WTERMSIG(status),
                       WTERMSIG(status) == SIGSYS ? " (a forbidden system call): the module is hostile" : "");
    return WEXITSTATUS(status) ? err_set(err, -ENOEXEC, "%s: not compiled", name) : 0;
}

/* That the file is for this module; and on disk before it has a name. */
static int check(int out, const struct keyed *k, uint64_t size, struct err *err)
{
    struct {
        uint64_t at, size;
    } piece;
    char hex[SHA256_HEX_SIZE];

    if (pread(out, &piece, sizeof piece, HEAD_MODULE) != sizeof piece || piece.size != size || piece.at > INT64_MAX ||
        digest_of(out, piece.at, piece.size, hex) < 0 || strcmp(hex, k->module) != 0)
        return err_set(err, -EPROTO, "what moat-wasm wrote is not about this module (has the file changed meanwhile?)");
    return fchmod(out, 0400) < 0 || fsync(out) < 0 ? err_sys(err, -errno, "compiled code cannot be kept") : 0;
}

static bool same_bytes(int a, int b, uint64_t size)
{
    static uint8_t x[1 << 16], y[1 << 16];

    for (uint64_t at = 0; at < size;) {
        size_t want = size - at < sizeof x ? (size_t)(size - at) : sizeof x;
        if (pread(a, x, want, (off_t)at) != (ssize_t)want || pread(b, y, want, (off_t)at) != (ssize_t)want ||
            memcmp(x, y, want) != 0)
            return false;
        at += want;
    }
    return true;
}

/* What has the name already is compared: compiling gives the same bytes each time, and others are damage. */
static bool is_named(const struct class_cache *c, const char *name, int file, const struct stat *made)
{
    _cleanup_fd_ int fd = openat(c->fd, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() && !(st.st_mode & 022) &&
           st.st_size == made->st_size && same_bytes(fd, file, (uint64_t)st.st_size);
}

static int give_name(const struct class_cache *c, int file, const char *key, struct wasm_cached *out, struct err *err)
{
    char name[NAME_MAX], self[64];
    struct stat st;

    file_name(c, key, name);
    snprintf(self, sizeof self, "/proc/self/fd/%d", file);
    if (fstat(file, &st) < 0)
        return err_sys(err, -errno, "%s/%s", c->path, name);
    out->image = (uint64_t)st.st_size;
    out->was_there = is_named(c, name, file, &st);
    if (out->was_there)
        return 0;
    out->replaced = unlinkat(c->fd, name, 0) == 0;
    if (linkat(AT_FDCWD, self, c->fd, name, AT_SYMLINK_FOLLOW) == 0 || errno == EEXIST)
        return 0;
    return err_sys(err, -errno, "%s/%s", c->path, name);
}

static int make(const struct class_cache *c, struct arena *a, const char *name, int module, struct wasm_cached *out,
                struct err *err)
{
    struct keyed k;
    _cleanup_fd_ int file = openat(c->fd, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    int r = key_of(a, module, out->module, &k, err);

    if (r < 0)
        return r;
    if (file < 0)
        return err_sys(err, -errno, "%s: a file without a name cannot be made in it", c->path);
    r = compile(a, name, module, file, err);
    if (r == 0)
        r = check(file, &k, out->module, err);
    return r < 0 ? r : give_name(c, file, k.key, out, err);
}

/* For what moat-wasm says of it alone. */
static int look_at(struct arena *a, const char *name, int module, struct wasm_cached *out, struct err *err)
{
    _cleanup_fd_ int file = memfd_create(name, MFD_CLOEXEC);

    out->too_small = true;
    return file < 0 ? err_sys(err, -errno, "a file in memory") : compile(a, name, module, file, err);
}

static int open_for(const char *module, uint64_t *size, struct err *err)
{
    if (wasm_is_text(module))
        return err_set(err, -ENOEXEC, "%s: compile takes modules: wat2wasm makes one of text", module);
    int fd = open_module(module, size);
    if (fd == -EACCES && access(module, R_OK) == 0)
        return err_set(err, fd, "exec: \"%s\": it is no file", module);
    if (fd < 0)
        return fd == -ENOENT ? err_set(err, fd, "exec: \"%s\": no such file or directory", module)
                             : err_sys(err, fd, "exec: \"%s\"", module);
    if (*size <= MODULE_MOST)
        return fd;
    close(fd);
    return err_set(err, -ENOEXEC, "%s: %llu bytes: a module has at most %llu", module, (unsigned long long)*size,
                   (unsigned long long)MODULE_MOST);
}

int wasm_cache_make(struct arena *a, const char *module, struct wasm_cached *out, struct err *err)
{
    struct class_cache c;
    *out = (struct wasm_cached){0};
    _cleanup_fd_ int fd = open_for(module, &out->module, err);

    if (fd < 0)
        return fd;
    if (out->module < MODULE_LEAST)
        return look_at(a, module, fd, out, err);
    int r = class_cache_open_kind(&c, CLASS_CACHE_WASM, a, true, err);
    if (r < 0)
        return err->code ? r : err_sys(err, r, "no place to keep compiled modules: set MOAT_CACHE_DIR");
    r = make(&c, a, module, fd, out, err);
    if (r == 0)
        class_cache_trim(&c, CLASS_CACHE_MOST);
    class_cache_close(&c);
    return r;
}
