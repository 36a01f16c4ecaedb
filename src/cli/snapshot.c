/* SPDX-License-Identifier: Apache-2.0 */
/*
 * `moat snapshot`, which keeps the whole state of a running machine, and `moat restore`, which goes on from it in a new
 * sandbox, as often as wanted: memory is mapped from the file and copied where it is written. Whose boundary has no
 * verb for it is refused by name.
 */
#include "cli/snapshot.h"
#include "base/io.h"
#include "base/json.h"
#include "boundary/microvm/words.h"
#include "cli/commands.h"
#include "cli/sandboxes.h"
#include "image/store.h"
#include "policy/list.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define UNFINISHED "." /* before the name, as no snapshot's begins (snapshot_check_name) */

enum { OPTION_END, OPTION_LIST, OPTION_REMOVE, OPTION_JSON };

const struct option_row snapshot_options[] = {
    {.name = "end", .help = "The machine ends with it, instead of going on", .id = OPTION_END},
    {.name = "list", .short_name = 'l', .help = "List the snapshots that are kept", .id = OPTION_LIST},
    {.name = "json", .help = "With --list: an array for programs", .id = OPTION_JSON},
    {.name = "rm", .help = "Remove snapshots by their names", .id = OPTION_REMOVE},
};
const size_t n_snapshot_options = ARRAY_LEN(snapshot_options);

struct request {
    struct arena arena;
    bool ends, list, remove, json;
};

static int apply(void *ctx, int id, const char *value, struct err *err)
{
    struct request *q = ctx;
    bool *const members[] = {
        [OPTION_END] = &q->ends, [OPTION_LIST] = &q->list, [OPTION_REMOVE] = &q->remove, [OPTION_JSON] = &q->json};

    (void)err;
    *members[id] = !strcmp(value, "true");
    return 0;
}

/* ---- the directory ------------------------------------------------------------------------------------------------
 */

static int remove_directory(int all, const char *name)
{
    _cleanup_fd_ int dir = openat(all, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

    if (dir < 0)
        return -errno;
    if ((unlinkat(dir, SNAPSHOT_DOCUMENT, 0) < 0 && errno != ENOENT) ||
        (unlinkat(dir, SNAPSHOT_STATE, 0) < 0 && errno != ENOENT) || unlinkat(all, name, AT_REMOVEDIR) < 0)
        return -errno;
    return 0;
}

/* ---- making one ---------------------------------------------------------------------------------------------------
 */

/* Words whose files a machine that goes on has again. */
static bool names_file(const char *word)
{
    static const char *const words[] = {"--disk", "--floppy", "--cdrom", "--hda", "--firmware", "--display-firmware"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!strcmp(word, words[i]))
            return true;
    return false;
}

static bool starts_from(const char *word)
{
    static const char *const words[] = {"--kernel", "--initrd", "--append", "--run", "--restore", "--program"};

    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (!strcmp(word, words[i]))
            return true;
    return names_file(word);
}

static int put_disks(struct json_writer *w, struct sandbox *sb, struct err *err)
{
    const struct strv *argv = &sb->policy.process.argv;
    const char *word, *value;
    uint32_t at = 0;

    json_array_begin(w, "disks");
    while ((word = microvm_next_word(argv, &at, &value))) {
        if (!names_file(word) || !value)
            continue;
        const bool none = !strcmp(value, "none");
        const char *host = none ? "" : microvm_word_file(&sb->policy, value);
        if (host == value)
            return err_set(err, -EINVAL, "sandbox %s: which file its disk %s is is not known", sb->id, value);
        json_object_begin(w, NULL);
        json_string(w, "option", word);
        json_string(w, "word", value);
        json_string(w, "host", host);
        json_object_end(w);
    }
    json_array_end(w);
    return 0;
}

static int write_document(int dir, struct sandbox *sb, struct err *err)
{
    const struct strv *argv = &sb->policy.process.argv;
    const char *word, *value;
    struct json_writer w = {.indent = 2};
    uint32_t at = 0;

    json_object_begin(&w, NULL);
    json_int(&w, "version", strcmp(sb->inst.boundary->name, "microvm") ? SNAPSHOT_LATER : SNAPSHOT_VERSION);
    json_string(&w, "boundary", sb->inst.boundary->name);
    json_string(&w, "image", sb->spec.image ? sb->spec.image : "");
    json_string(&w, "created", time_now_text(sb->arena));
    json_array_begin(&w, "words");
    while ((word = microvm_next_word(argv, &at, &value))) {
        if (starts_from(word) || !strcmp(word, "--memory"))
            continue;
        json_string(&w, NULL, word);
        if (value)
            json_string(&w, NULL, value);
    }
    for (uint32_t i = microvm_program_words(argv), first = i; i < argv->n; i++) {
        if (i == first)
            json_string(&w, NULL, "--program");
        json_string(&w, NULL, argv->v[i]);
    }
    json_array_end(&w);
    const char *memory = microvm_word_value(argv, "--memory");
    json_int(&w, "memory", memory ? strtoll(memory, NULL, 10) : 0);
    int r = put_disks(&w, sb, err);
    json_object_end(&w);
    json_line_end(&w);
    if (r == 0 && w.failed)
        r = policy_no_memory(err);
    if (r == 0 && (r = io_replace_file(dir, SNAPSHOT_DOCUMENT, w.buf, w.len, 0600)) < 0)
        err_sys(err, r, "write " SNAPSHOT_DOCUMENT);
    json_writer_free(&w);
    return r;
}

/* The stretches of `from` that hold something, to the same places of `to`. */
static int copy_sparse(int from, int to)
{
    struct stat st;
    off_t at = 0, end;

    if (fstat(from, &st) < 0 || ftruncate(to, st.st_size) < 0)
        return -errno;
    while ((at = lseek(from, at, SEEK_DATA)) >= 0 && (end = lseek(from, at, SEEK_HOLE)) >= 0)
        while (at < end) {
            off_t there = at;
            ssize_t n = copy_file_range(from, &at, to, &there, (size_t)(end - at), 0);
            if (n <= 0)
                return n < 0 ? -errno : -EIO; /* it shrank meanwhile */
        }
    return errno == ENXIO ? 0 : -errno;
}

/* The machine writes to a file without a name, and what is kept is a copy: a machine that is taken over holds its file
 * still, and would write to the memory of all that go on from it. */
static int fill(struct request *q, struct sandbox *sb, int dir, struct err *err)
{
    _cleanup_fd_ int file = openat(dir, SNAPSHOT_STATE, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
    _cleanup_fd_ int written = openat(dir, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    int r = file < 0 || written < 0 ? err_sys(err, -errno, "make " SNAPSHOT_STATE) : write_document(dir, sb, err);

    if (r == 0 && (r = sb->inst.boundary->snapshot(&sb->inst, written, q->ends, err)) == 0 &&
        (r = copy_sparse(written, file)) < 0)
        err_sys(err, r, "keep the snapshot");
    return r;
}

static int check(struct sandbox *sb, struct err *err)
{
    const enum sandbox_status s = sandbox_status(sb);

    if (!sandboxes_runs(s) || s == SANDBOX_RESTARTING)
        return err_set(err, -ESRCH, "container %s is not running", sb->id);
    if (s == SANDBOX_PAUSED)
        return err_set(err, -EINVAL, "container %s is paused: moat unpause %s", sb->id, sb->id);
    if (!sb->inst.boundary->snapshot)
        return err_set(err, -ENOTSUP, "container %s: boundary %s has no snapshots: -b microvm has, and -b vm", sb->id,
                       sb->inst.boundary->name);
    return 0;
}

/* Its lock is ours; -EWOULDBLOCK: somebody else's, or it was removed before we had it. */
static int open_half(int all, const char *half)
{
    _cleanup_fd_ int dir = openat(all, half, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;

    if (dir < 0 || flock(dir, LOCK_EX | LOCK_NB) < 0 || fstat(dir, &st) < 0)
        return -errno;
    return st.st_nlink == 0 ? -EWOULDBLOCK : steal_fd(&dir);
}

/* The directory that is filled, and nobody else's while it is (flock(2)): what somebody left who died is removed. */
static int make_half(int all, const char *half, struct err *err)
{
    int dir = open_half(all, half);

    if (dir >= 0) {
        remove_directory(all, half);
        close(dir);
    }
    if (dir >= 0 || dir == -ENOENT)
        dir = mkdirat(all, half, 0700) < 0 ? -errno : open_half(all, half);
    if (dir == -EWOULDBLOCK || dir == -EEXIST)
        return err_set(err, -EBUSY, "another moat snapshot of this name is being made");
    return dir < 0 ? err_sys(err, dir, "make it") : dir;
}

static int take(struct request *q, struct sandbox *sb, const char *name, struct err *err)
{
    const char *path;
    int r = check(sb, err);

    if (r < 0 || (r = snapshot_check_name(name, err)) < 0)
        return r;
    _cleanup_fd_ int all = snapshots_open(&q->arena, true, &path, err);
    if (all < 0)
        return all;
    const char *half = arena_printf(&q->arena, UNFINISHED "%s", name);
    if (!half)
        return policy_no_memory(err);
    if (faccessat(all, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0)
        return err_set(err, -EEXIST, "there is a snapshot %s: moat snapshot --rm %s, or give another name", name, name);
    _cleanup_fd_ int dir = make_half(all, half, err);
    if (dir < 0)
        return err_wrap(err, "%s/%s", path, half);
    r = fill(q, sb, dir, err);
    if (r == 0 && renameat(all, half, all, name) < 0)
        r = err_sys(err, -errno, "%s/%s", path, name);
    if (r < 0)
        remove_directory(all, half);
    else
        sandboxes_event(sb, "snapshot", "name", name);
    return r;
}

/* ---- those that are there -----------------------------------------------------------------------------------------
 */

static void show(struct json_writer *w, struct arena *a, const char *name, const char *created, uint64_t bytes)
{
    struct snapshot s;
    struct err err = {0};
    const bool good = snapshot_read(a, name, &s, &err) == 0;

    if (!w) {
        printf("%-24s %-20.20s %10.1f MB  %s\n", name, created, (double)bytes / 1e6, good ? s.image : err.text);
        return;
    }
    json_object_begin(w, NULL);
    json_string(w, "name", name);
    json_string(w, "image", good ? s.image : "");
    json_string(w, "created", created);
    json_uint(w, "bytes", bytes);
    json_object_end(w);
}

static int list_all(struct request *q, struct err *err)
{
    struct json_writer w = {.indent = 2};
    const char *path;
    int all = snapshots_open(&q->arena, false, &path, err);
    const struct dirent *e;

    if (all < 0 && all != -ENOENT)
        return all;
    DIR *d = all < 0 ? NULL : fdopendir(all);
    if (q->json)
        json_array_begin(&w, NULL);
    else
        printf("%-24s %-20s %13s  %s\n", "NAME", "CREATED", "ON DISK", "IMAGE");
    while (d && (e = readdir(d))) {
        const char *state = arena_printf(&q->arena, "%s/" SNAPSHOT_STATE, e->d_name);
        struct stat st;
        char when[32] = "";
        if (*e->d_name == '.' || !state || fstatat(dirfd(d), state, &st, 0) < 0)
            continue;
        strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", gmtime(&st.st_mtime));
        show(q->json ? &w : NULL, &q->arena, e->d_name, when, (uint64_t)st.st_blocks * 512);
    }
    if (d)
        closedir(d);
    if (q->json) {
        json_array_end(&w);
        json_line_end(&w);
        fwrite(w.buf, 1, w.len, stdout);
        json_writer_free(&w);
    }
    *err = (struct err){0};
    return 0;
}

static int remove_named(struct request *q, const char *name, struct err *err)
{
    const char *path;
    int r = snapshot_check_name(name, err);

    if (r < 0)
        return r;
    _cleanup_fd_ int all = snapshots_open(&q->arena, false, &path, err);
    r = all < 0 ? all : remove_directory(all, name);
    if (r == -ENOENT)
        return err_set(err, r, "there is no snapshot %s: moat snapshot --list", name);
    return r < 0 ? err_sys(err, r, "%s/%s", path, name) : 0;
}

static int remove_all(struct request *q, int n, char **names, struct err *err)
{
    int r = 0;

    if (n < 1)
        return err_set(err, -EINVAL, "the name of a snapshot is missing: moat snapshot --rm NAME... (--list lists)");
    for (int i = 0; i < n && r == 0; i++)
        if ((r = remove_named(q, names[i], err)) == 0)
            puts(names[i]);
    return r;
}

/* ---- commands ------------------------------------------------------------------------------------------------------
 */

static int take_named(struct request *q, int n, char **operand, struct err *err)
{
    struct sandbox sb;
    int r;

    if (n < 1 || n > 2)
        return err_set(err, -EINVAL, "a sandbox and a name for the snapshot: moat snapshot [OPTIONS] SANDBOX [NAME]");
    if ((r = sandboxes_load(&sb, &q->arena, operand[0], err)) < 0)
        return r;
    const char *name = n > 1 ? operand[1] : sb.id;
    if ((r = take(q, &sb, name, err)) == 0)
        puts(name);
    sandboxes_close(&sb);
    return r;
}

int cmd_snapshot(int argc, char **argv)
{
    static struct request q;
    static struct err err;
    int at = 1, r = 0;

    if (arena_init(&q.arena, SANDBOXES_ARENA) < 0)
        return EXIT_MOAT_ERROR;
    if (options_parse(snapshot_options, n_snapshot_options, argc, argv, false, &at, apply, &q, &err) < 0)
        return command_fail("snapshot", &err);
    if (q.list)
        r = list_all(&q, &err);
    else if (q.remove)
        r = remove_all(&q, argc - at, argv + at, &err);
    else
        r = take_named(&q, argc - at, argv + at, &err);
    return r < 0 ? sandboxes_fail("snapshot", &err) : 0;
}

/* `moat restore [OPTIONS] NAME` is `moat run -b BOUNDARY [OPTIONS] --restore NAME`, NAME being the last word. */
int cmd_restore(int argc, char **argv)
{
    static char run[] = "run", option[] = "-b", restore[] = "--restore";
    static struct arena arena;
    static struct err err;
    char **words = calloc((size_t)argc + 5, sizeof *words);
    struct snapshot s;
    int n = 0;

    if (!words || arena_init(&arena, SANDBOXES_ARENA) < 0)
        return EXIT_MOAT_ERROR;
    if (argc < 2 || *argv[argc - 1] == '-') {
        err_set(&err, -EINVAL, "the name of a snapshot is missing: moat restore [OPTIONS] NAME (moat snapshot --list)");
        return command_fail("restore", &err);
    }
    if (snapshot_read(&arena, argv[argc - 1], &s, &err) < 0)
        return command_fail("restore", &err);
    words[n++] = run;
    words[n++] = option;
    words[n++] = arena_strdup(&arena, s.boundary);
    for (int i = 1; i < argc - 1; i++)
        words[n++] = argv[i];
    words[n++] = restore;
    words[n++] = argv[argc - 1];
    return cmd_run(n, words);
}
