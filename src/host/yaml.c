/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The trusted side of moat-yaml. The converter is assumed to be taken over by the text: it gets the text and one pipe,
 * what it says is counted and bounded here, and can only ever stand for this one text. The cache is written by us,
 * below a directory that nobody else may enter; that it fails is never an error, only slower.
 */
#include "host/yaml.h"

#include "base/clock.h"
#include "base/io.h"
#include "base/sha256.h"
#include "host/helper.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define CONVERT_MS 10000 /* by the clock: its limit of processor time does not count what it sleeps */

#define CACHE_ENTRIES 128 /* then all are thrown away: policy files are few, and edits of them old news */

/* ---- the record ------------------------------------------------------------------------------------------------ */

static void make_printable(char *text, size_t size)
{
    char copy[sizeof((struct yaml_problem *)0)->text];

    helper_printable(copy, size, text, size);
    memcpy(text, copy, strlen(copy) + 1);
}

int yaml_record_check(char *bytes, size_t len, struct yaml_text *out, struct err *err)
{
    struct yaml_head head;
    struct yaml_text t = {0};

    if (len < sizeof head)
        return err_set(err, -EPROTO, "moat-yaml said nothing: reinstall moat, both programs together");
    memcpy(&head, bytes, sizeof head);
    if (head.version != YAML_VERSION)
        return err_set(err, -EPROTO, "moat-yaml is of another version: reinstall moat, both programs together");
    if (head.n_positions > YAML_POSITIONS_MAX || head.n_problems > YAML_PROBLEMS_MAX || head.json_len > YAML_JSON_MAX ||
        (!head.json_len && !head.n_problems) ||
        len !=
            sizeof head + head.n_positions * sizeof *t.positions + head.n_problems * sizeof *t.problems + head.json_len)
        return err_set(err, -EPROTO, "moat-yaml sent a record that does not add up");
    t.positions = (const struct yaml_position *)(bytes + sizeof head);
    t.n_positions = head.n_positions;
    t.problems = (struct yaml_problem *)(bytes + sizeof head + head.n_positions * sizeof *t.positions);
    t.n_problems = head.n_problems;
    t.json = (char *)(t.problems + t.n_problems);
    t.json_len = head.json_len;
    for (uint32_t i = 0; i < t.n_positions; i++) {
        const struct yaml_position *p = &t.positions[i];
        if (p->offset >= t.json_len || !p->line || !p->column || (i && p->offset < p[-1].offset))
            return err_set(err, -EPROTO, "moat-yaml sent positions out of order");
    }
    for (uint32_t i = 0; i < t.n_problems; i++) {
        make_printable(t.problems[i].text, sizeof t.problems[i].text);
        make_printable(t.problems[i].accepted, sizeof t.problems[i].accepted);
    }
    *out = t;
    return 0;
}

void yaml_position_of(const struct yaml_text *t, size_t offset, unsigned *line, unsigned *column)
{
    uint32_t low = 0, high = t->n_positions;

    while (low < high) { /* the last one that is not behind the offset is low - 1 */
        uint32_t middle = low + (high - low) / 2;
        if (t->positions[middle].offset <= offset)
            low = middle + 1;
        else
            high = middle;
    }
    *line = low ? t->positions[low - 1].line : 1;
    *column = low ? t->positions[low - 1].column : 1;
}

/* ---- the cache ------------------------------------------------------------------------------------------------- */

struct entry {
    int dir; /* -1: no cache */
    char name[SHA256_HEX_SIZE + 16];
    uint8_t digest[SHA256_SIZE]; /* of the text */
};

/* A directory that is ours alone, made where it is missing; -1 otherwise. */
static int open_own_dir(int parent, const char *name)
{
    struct stat st;

    if (mkdirat(parent, name, 0700) < 0 && errno != EEXIST)
        return -1;
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (fd >= 0 && fstat(fd, &st) == 0 && st.st_uid == geteuid() && !(st.st_mode & 077))
        return fd;
    cleanup_fd(&fd);
    return -1;
}

static void open_entry(struct entry *e, const char *data_dir, const char *text, size_t len)
{
    char hex[SHA256_HEX_SIZE];
    struct sha256 sum;

    sha256_init(&sum);
    sha256_update(&sum, text, len);
    sha256_final(&sum, e->digest);
    sha256_hex(e->digest, hex);
    snprintf(e->name, sizeof e->name, "%s-%u", hex, YAML_VERSION);
    e->dir = -1;
    _cleanup_fd_ int data = data_dir ? open(data_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    _cleanup_fd_ int cache = data < 0 ? -1 : open_own_dir(data, "cache");
    if (cache >= 0)
        e->dir = open_own_dir(cache, "yaml");
}

/* Over the text's digest too, so that no entry stands for another text. */
static void sum_record(const struct entry *e, const char *record, size_t len, uint8_t out[SHA256_SIZE])
{
    struct sha256 sum;

    sha256_init(&sum);
    sha256_update(&sum, e->digest, sizeof e->digest);
    sha256_update(&sum, record, len);
    sha256_final(&sum, out);
}

static bool read_entry(struct arena *a, const struct entry *e, struct yaml_text *out)
{
    uint8_t sum[SHA256_SIZE];
    struct stat st;
    struct err ignored = {0};
    char *bytes;
    size_t len;

    if (e->dir < 0)
        return false;
    _cleanup_fd_ int fd = openat(e->dir, e->name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || (st.st_mode & 022) ||
        io_read_fd(a, fd, YAML_RECORD_MAX + sizeof sum, &bytes, &len) < 0 || len < sizeof sum)
        return false;
    sum_record(e, bytes + sizeof sum, len - sizeof sum, sum);
    if (memcmp(sum, bytes, sizeof sum) != 0 ||
        yaml_record_check(bytes + sizeof sum, len - sizeof sum, out, &ignored) < 0 || out->n_problems)
        return false;
    out->cached = true;
    return true;
}

static void make_room(int dir)
{
    int fd = openat(dir, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    unsigned n = 0;

    if (!d) {
        cleanup_fd(&fd);
        return;
    }
    while (readdir(d))
        n++;
    rewinddir(d);
    for (struct dirent *e; n > CACHE_ENTRIES && (e = readdir(d));)
        unlinkat(dir, e->d_name, 0); /* "." and ".." refuse */
    closedir(d);
}

static void write_entry(struct arena *a, const struct entry *e, const char *record, size_t len)
{
    char *bytes = e->dir < 0 ? NULL : arena_alloc(a, len + SHA256_SIZE);

    if (!bytes)
        return;
    make_room(e->dir);
    sum_record(e, record, len, (uint8_t *)bytes);
    memcpy(bytes + SHA256_SIZE, record, len);
    io_replace_file(e->dir, e->name, bytes, len + SHA256_SIZE, 0600);
}

/* ---- the converter --------------------------------------------------------------------------------------------- */

/* A file in memory: no pipe that both sides would have to empty at once. */
static int text_fd(const char *text, size_t len)
{
    int fd = memfd_create("yaml", MFD_CLOEXEC);
    int r = fd < 0 ? -errno : io_write_all(fd, text, len);

    if (r == 0 && lseek(fd, 0, SEEK_SET) < 0)
        r = -errno;
    if (r == 0)
        return fd;
    cleanup_fd(&fd);
    return r;
}

/* Its record, up to the end of the pipe. -ETIMEDOUT. */
static int hear(struct arena *a, int from, int64_t until, char **record, size_t *record_len)
{
    char *bytes = arena_alloc(a, YAML_RECORD_MAX + 1);
    size_t n = 0;

    if (!bytes)
        return -ENOMEM;
    for (;;) {
        int ready = helper_poll(from, POLLIN, until);
        if (ready <= 0)
            return ready < 0 ? ready : -ETIMEDOUT;
        ssize_t k = read(from, bytes + n, YAML_RECORD_MAX + 1 - n);
        if (k < 0 && errno != EINTR)
            return -errno;
        if (k == 0)
            break;
        n += k > 0 ? (size_t)k : 0;
        if (n > YAML_RECORD_MAX)
            return -EFBIG;
    }
    bytes[n] = 0;
    *record = bytes;
    *record_len = n;
    return 0;
}

static int convert(struct arena *a, const char *text, size_t len, char **record, size_t *record_len, struct err *err)
{
    char name[] = "moat-yaml", *argv[] = {name, NULL};
    const char *path;
    int ends[2], status = 0, r = libexec_find(a, name, &path, err);
    pid_t pid;

    if (r < 0)
        return r;
    _cleanup_fd_ int in = text_fd(text, len);
    if (in < 0)
        return err_sys(err, in, "hand the text to moat-yaml");
    if (pipe2(ends, O_CLOEXEC) < 0)
        return err_sys(err, -errno, "make a pipe");
    _cleanup_fd_ int from = ends[0], to = ends[1];
    r = helper_spawn(path, argv, (struct helper_fd[]){{in, 0}, {to, 1}}, 2, &pid);
    if (r < 0)
        return err_sys(err, r, "start %s", path);
    close(steal_fd(&to));
    int64_t until = clock_ms() + CONVERT_MS;
    r = hear(a, from, until, record, record_len);
    int64_t left = r < 0 ? 0 : until - clock_ms();
    int w = helper_wait_for(pid, left > 0 ? (int)left : 0, &status);
    if (r == -ETIMEDOUT)
        return err_set(err, r, "moat-yaml has not read it within %d seconds: write the policy as JSON",
                       CONVERT_MS / 1000);
    if (r < 0 || w < 0)
        return err_sys(err, r < 0 ? r : w, "hear from moat-yaml");
    if (WIFSIGNALED(status))
        return err_set(err, -ECONNABORTED, "moat-yaml was ended by signal %d%s: the file is hostile or damaged",
                       WTERMSIG(status), WTERMSIG(status) == SIGSYS ? " (a forbidden system call)" : "");
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        return err_set(err, -ECONNABORTED, "moat-yaml ended with status %d: %s", WEXITSTATUS(status),
                       WEXITSTATUS(status) == 2 ? "it cannot shut itself in on this host; write the policy as JSON"
                                                : "out of memory");
    return 0;
}

int yaml_read(struct arena *a, const char *text, size_t len, const char *data_dir, struct yaml_text *out,
              struct err *err)
{
    struct entry e;
    char *record = NULL;
    size_t n = 0;

    if (len > YAML_TEXT_MAX)
        return err_set(err, -EFBIG, "the file has %zu bytes: YAML of at most 1 MiB is read", len);
    open_entry(&e, data_dir, text, len);
    _cleanup_fd_ int dir = e.dir;
    e.dir = dir; /* borrowed from here on */
    if (read_entry(a, &e, out))
        return 0;
    int r = convert(a, text, len, &record, &n, err);
    if (r == 0)
        r = yaml_record_check(record, n, out, err);
    if (r == 0 && !out->n_problems)
        write_entry(a, &e, record, n);
    return r;
}
