/* SPDX-License-Identifier: Apache-2.0 */
/*
 * See surface.h. A task is seized, stopped, asked for its filters, and let go on (ptrace(2)); it notices no more than
 * that a call of its was begun again. Tasks with the same filters are shown once. What the filters are is the kernel's
 * word, and what they leave is worked out in confine/surface.h.
 */
#include "cli/surface.h"
#include "base/clock.h"
#include "base/io.h"
#include "base/json.h"
#include "base/sha256.h"
#include "boundary/boundary.h"
#include "cli/sandboxes.h"
#include "cli/term.h"
#include "confine/seccomp.h"
#include "confine/surface.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define STOP_MS     2000
#define KINDS_MOST  64
#define TASKS_MOST  65536
#define NUMBERS     1024 /* no architecture has more calls of its own */
#define X32         0x40000000u
#define NAME_COLUMN 18

#ifndef PTRACE_SECCOMP_GET_FILTER
#define PTRACE_SECCOMP_GET_FILTER 0x420c
#endif

/* Tasks with the same filters. */
struct kind {
    uint8_t digest[SHA256_SIZE];
    struct surface_filters filters;
    char name[20]; /* of the first one */
    pid_t first;
    unsigned tasks, processes;
    unsigned allowed, answered; /* calls */
    unsigned foreign;           /* SURFACE_* of calls of other architectures */
    uint8_t of[NUMBERS];        /* SURFACE_* of each number */
};

struct reading {
    struct arena *arena;
    struct kind *kinds;
    unsigned n, unread;
    struct surface_filters now; /* of the task that is looked at */
};

/* ---- one task ---------------------------------------------------------------------------------------------------- */

static int wait_stopped(pid_t tid)
{
    const int64_t until = clock_ms() + STOP_MS;
    int status;

    for (;;) {
        const pid_t r = waitpid(tid, &status, __WALL | WNOHANG);
        if (r == tid)
            return WIFSTOPPED(status) ? 0 : -ESRCH;
        if (r < 0)
            return -errno;
        if (clock_ms() > until)
            return -EBUSY;
        usleep(200);
    }
}

/* All of its filters, the newest first, in the arena. */
static int read_filters(struct reading *r, pid_t tid)
{
    struct surface_filters *f = &r->now;

    for (f->n = 0; f->n < SURFACE_FILTERS_MOST; f->n++) {
        const long n = ptrace(PTRACE_SECCOMP_GET_FILTER, tid, (void *)(uintptr_t)f->n, NULL);
        if (n < 0)
            return errno == ENOENT || (errno == EINVAL && !f->n) ? 0 : -errno; /* EINVAL: it has none */
        struct sock_filter *insns = arena_array(r->arena, (size_t)n, sizeof *insns);
        if (!insns)
            return -ENOMEM;
        if (ptrace(PTRACE_SECCOMP_GET_FILTER, tid, (void *)(uintptr_t)f->n, insns) < 0)
            return -errno;
        f->v[f->n] = insns;
        f->length[f->n] = (size_t)n;
    }
    return -E2BIG;
}

static int look_at(struct reading *r, pid_t tid)
{
    if (ptrace(PTRACE_SEIZE, tid, NULL, NULL) < 0)
        return -errno;
    int e = ptrace(PTRACE_INTERRUPT, tid, NULL, NULL) < 0 ? -errno : wait_stopped(tid);
    if (e == 0)
        e = read_filters(r, tid);
    ptrace(PTRACE_DETACH, tid, NULL, NULL); /* one that could not be stopped is let go by our end */
    return e;
}

static void task_name(pid_t tid, char *out, size_t size)
{
    char path[48];

    snprintf(path, sizeof path, "/proc/%d/comm", (int)tid);
    if (io_read_small(AT_FDCWD, path, out, size) < 0)
        snprintf(out, size, "?");
    out[strcspn(out, "\n")] = 0;
}

/* ---- which there are --------------------------------------------------------------------------------------------- */

static void digest_of(const struct surface_filters *f, uint8_t out[SHA256_SIZE])
{
    struct sha256 sha;

    sha256_init(&sha);
    for (unsigned i = 0; i < f->n; i++) {
        sha256_update(&sha, &f->length[i], sizeof f->length[i]);
        sha256_update(&sha, f->v[i], f->length[i] * sizeof *f->v[i]);
    }
    sha256_final(&sha, out);
}

static void count_calls(struct kind *k)
{
    const uint32_t native = AUDIT_ARCH_X86_64;

    for (uint32_t i = 0; i < NUMBERS; i++) {
        k->of[i] = (uint8_t)surface_of(&k->filters, native, i);
        if (!syscall_name(native, (int)i))
            continue; /* the kernel has none by that number, or one that came later */
        k->allowed += k->of[i] & SURFACE_ALLOWED ? 1 : 0;
        k->answered += !(k->of[i] & SURFACE_ALLOWED) && k->of[i] & SURFACE_ANSWERED ? 1 : 0;
        k->foreign |= surface_of(&k->filters, AUDIT_ARCH_I386, i) | surface_of(&k->filters, native, i | X32);
    }
}

static int note(struct reading *r, pid_t tid, bool leader)
{
    uint8_t digest[SHA256_SIZE];
    struct kind *k = r->kinds;

    digest_of(&r->now, digest);
    while (k < r->kinds + r->n && memcmp(k->digest, digest, sizeof digest) != 0)
        k++;
    if (k == r->kinds + r->n) {
        if (r->n == KINDS_MOST)
            return -E2BIG;
        r->n++;
        *k = (struct kind){.filters = r->now, .first = tid};
        memcpy(k->digest, digest, sizeof digest);
        task_name(tid, k->name, sizeof k->name);
        count_calls(k);
    }
    k->tasks++;
    k->processes += leader;
    return 0;
}

static int look_at_process(struct reading *r, pid_t pid)
{
    char path[48];
    const struct dirent *e;
    int result = 0;

    snprintf(path, sizeof path, "/proc/%d/task", (int)pid);
    DIR *dir = opendir(path);
    if (!dir)
        return 0; /* it has ended meanwhile */
    while (result == 0 && (e = readdir(dir))) {
        const pid_t tid = (pid_t)atoi(e->d_name);
        if (tid <= 0)
            continue;
        result = look_at(r, tid);
        if (result == 0)
            result = note(r, tid, tid == pid);
        else if (result == -EBUSY)
            r->unread++, result = 0;
        else if (result == -ESRCH)
            result = 0;
    }
    closedir(dir);
    return result;
}

/* ---- the sandbox's processes ------------------------------------------------------------------------------------- */

/* By its control group, or where it has none by its namespace of processes. */
static int find_processes(struct sandbox *sb, struct arena *a, pid_t **pids, size_t *n, struct err *err)
{
    char path[48];
    struct stat own, other;
    const struct dirent *e;

    if (sb->inst.cgroup.host && cgroup_pids(&sb->inst.cgroup, a, pids, n, &(struct err){0}) == 0 && *n)
        return 0;
    *n = 0;
    *pids = arena_array(a, TASKS_MOST, sizeof **pids);
    snprintf(path, sizeof path, "/proc/%d/ns/pid", (int)sb->inst.pid);
    DIR *dir = opendir("/proc");
    if (!*pids || !dir || stat(path, &own) < 0) {
        const int error = -errno;
        if (dir)
            closedir(dir);
        return err_sys(err, *pids ? error : -ENOMEM, "processes of %s", sb->id);
    }
    while ((e = readdir(dir)) && *n < TASKS_MOST) {
        snprintf(path, sizeof path, "/proc/%d/ns/pid", atoi(e->d_name));
        if (atoi(e->d_name) > 0 && stat(path, &other) == 0 && other.st_ino == own.st_ino)
            (*pids)[(*n)++] = (pid_t)atoi(e->d_name);
    }
    closedir(dir);
    return 0;
}

static int refused(int code, const char *name, struct err *err)
{
    if (code == -EPERM)
        return err_set(err, code, "--surface %s: reading filters back from the kernel needs root", name);
    if (code == -EACCES)
        return err_set(err, code, "--surface %s: whoever reads filters back must have none himself, and be root", name);
    if (code == -EIO || code == -EINVAL)
        return err_set(err, -ENOTSUP,
                       "--surface %s: this kernel does not hand out filters: it needs CONFIG_CHECKPOINT_RESTORE", name);
    return err_sys(err, code, "--surface %s: its filters", name);
}

static int read_all(struct reading *r, struct sandbox *sb, struct err *err)
{
    pid_t *pids;
    size_t n;
    int e = find_processes(sb, r->arena, &pids, &n, err);

    if (e < 0)
        return e;
    for (size_t i = 0; i < n && e == 0; i++)
        e = look_at_process(r, pids[i]);
    return e < 0 ? refused(e, sb->id, err) : 0;
}

/* ---- printing ---------------------------------------------------------------------------------------------------- */

static const char *call_name(uint32_t number)
{
    return syscall_name(AUDIT_ARCH_X86_64, (int)number);
}

static void write_calls(struct json_writer *w, const struct kind *k, unsigned what, unsigned but)
{
    for (uint32_t i = 0; i < NUMBERS; i++) {
        if (!(k->of[i] & what) || k->of[i] & but || !call_name(i))
            continue;
        json_object_begin(w, NULL);
        json_string(w, "name", call_name(i));
        json_int(w, "number", i);
        json_bool(w, "always", k->of[i] == what);
        json_object_end(w);
    }
}

static void write_kind(struct json_writer *w, const struct kind *k)
{
    json_object_begin(w, NULL);
    json_string(w, "name", k->name);
    json_int(w, "pid", k->first);
    json_uint(w, "processes", k->processes);
    json_uint(w, "tasks", k->tasks);
    json_uint(w, "filters", k->filters.n);
    json_uint(w, "allowed", k->allowed);
    json_uint(w, "answered", k->answered);
    json_bool(w, "foreign", k->foreign & SURFACE_ALLOWED);
    json_array_begin(w, "allowedCalls");
    write_calls(w, k, SURFACE_ALLOWED, 0);
    json_array_end(w);
    json_array_begin(w, "answeredCalls");
    write_calls(w, k, SURFACE_ANSWERED, SURFACE_ALLOWED);
    json_array_end(w);
    json_object_end(w);
}

static int print_json(const struct reading *r, const struct sandbox *sb, struct err *err)
{
    struct json_writer w = {.indent = 2};

    json_object_begin(&w, NULL);
    json_string(&w, "sandbox", sb->id);
    json_string(&w, "boundary", sb->inst.boundary->name);
    json_uint(&w, "unread", r->unread);
    json_array_begin(&w, "processes");
    for (unsigned i = 0; i < r->n; i++)
        write_kind(&w, &r->kinds[i]);
    json_array_end(&w);
    json_object_end(&w);
    return command_print_json(&w, err);
}

static void print_names(struct arena *a, const struct kind *k, unsigned what, unsigned but, unsigned columns)
{
    char *text = arena_strdup(a, "");

    for (uint32_t i = 0; i < NUMBERS && text; i++)
        if (k->of[i] & what && !(k->of[i] & but) && call_name(i))
            text = arena_printf(a, "%s%s%s%s", text, *text ? " " : "", call_name(i), k->of[i] == what ? "" : "*");
    if (!text || !*text)
        return;
    printf("%*s", NAME_COLUMN, "");
    term_wrap(text, NAME_COLUMN, NAME_COLUMN, columns);
}

static void print_kind(struct arena *a, const struct kind *k, unsigned columns)
{
    char name[NAME_COLUMN * 2];

    snprintf(name, sizeof name, "%.16s", k->name);
    for (char *c = name; *c; c++)
        *c = *c >= ' ' && *c < 127 ? *c : '?'; /* a program names itself */
    printf("%s", term_on(TERM_BOLD));
    term_cell(name, NAME_COLUMN);
    printf("%s%u process%s, %u task%s, %u filter%s: ", term_off(), k->processes, k->processes == 1 ? "" : "es",
           k->tasks, k->tasks == 1 ? "" : "s", k->filters.n, k->filters.n == 1 ? "" : "s");
    printf("%u call%s allowed", k->allowed, k->allowed == 1 ? "" : "s");
    if (k->answered)
        printf(", %u answered by another process", k->answered);
    puts(k->foreign & SURFACE_ALLOWED ? ", and those of other architectures" : "");
    if (k->filters.n)
        print_names(a, k, SURFACE_ALLOWED, 0, columns);
}

static void print_table(const struct reading *r, const struct sandbox *sb)
{
    const unsigned columns = term_columns();

    printf(
        "Calls of the host that the filters of %s leave, as the kernel has them (* for some arguments or places)\n\n",
        sb->id);
    for (unsigned i = 0; i < r->n; i++)
        print_kind(r->arena, &r->kinds[i], columns);
    if (r->unread)
        printf("\n%u task%s could not be stopped, and not read\n", r->unread, r->unread == 1 ? "" : "s");
}

int surface_show(struct arena *a, const char *name, bool json, struct err *err)
{
    static struct sandbox sb;
    struct reading r = {.arena = a};

    if (geteuid() != 0)
        return refused(-EPERM, name, err);
    if (!(r.kinds = arena_array(a, KINDS_MOST, sizeof *r.kinds)))
        return err_set(err, -ENOMEM, "out of memory");
    int e = sandboxes_load(&sb, a, name, err);
    if (e < 0)
        return e;
    const enum sandbox_status s = sandbox_status(&sb);
    if (s != SANDBOX_RUNNING)
        e = err_set(err, -EINVAL, "--surface %s: it is not running%s", name, s == SANDBOX_PAUSED ? ", but paused" : "");
    if (e == 0 && (e = read_all(&r, &sb, err)) == 0) {
        if (json)
            e = print_json(&r, &sb, err);
        else
            print_table(&r, &sb);
    }
    sandboxes_close(&sb);
    return e;
}
