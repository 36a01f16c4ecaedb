/* SPDX-License-Identifier: Apache-2.0 */
/* A target from the host's side: options, start, end, start again. */
#include "libmoat/target.h"

#include "base/clock.h"
#include "libmoat/calls.h"
#include "libmoat/memory.h"
#include "libmoat/methods.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPTIONS_BYTES (1u << 20)

static char *const *copy_strings(struct arena *a, const char *const *v, const char *first)
{
    size_t n = 0;

    while (v && v[n])
        n++;
    char **copy = arena_array(a, n + 2, sizeof *copy);
    if (!copy)
        return NULL;
    if (!v && first)
        copy[n++] = arena_strdup(a, first);
    for (size_t i = 0; v && i < n; i++)
        if (!(copy[i] = arena_strdup(a, v[i])))
            return NULL;
    return copy;
}

static uint32_t or_default(uint32_t value, uint32_t usual)
{
    return value ? value : usual;
}

static int check_options(struct moat_target_options *o, struct err *err)
{
    struct method_limits limits;
    size_t size = 0;
    int r;

    o->ring_bytes = or_default(o->ring_bytes, 65536);
    o->deadline_ms = o->deadline_ms ? o->deadline_ms : 10000;
    o->start_ms = o->start_ms ? o->start_ms : 10000;
    o->memory = o->memory ? o->memory : (uint64_t)4 << 30;
    o->restarts = or_default(o->restarts, 5);
    o->restart_seconds = or_default(o->restart_seconds, 10);
    if (o->ring_bytes < RING_BYTES_MIN || o->ring_bytes > RING_BYTES_MAX || (o->ring_bytes & (o->ring_bytes - 1)))
        return err_set(err, -EINVAL, "rings of %u bytes: a power of two from %u to %u can be", o->ring_bytes,
                       RING_BYTES_MIN, RING_BYTES_MAX);
    if (o->placement > MOAT_PLACE_APART)
        return err_set(err, -EINVAL, "placement %u: see enum moat_placement", o->placement);
    if (o->restarts > ARRAY_LEN(((struct moat_target *)0)->starts) - 1)
        return err_set(err, -EINVAL, "%u restarts: at most %zu can be counted", o->restarts,
                       ARRAY_LEN(((struct moat_target *)0)->starts) - 1);
    for (size_t i = 0; o->calls && o->calls[i]; i++) {
        if ((r = calls_check(o->calls[i], err)) < 0)
            return r;
        size += strlen(o->calls[i]) + 1;
    }
    if (size > WIRE_CALLS_MAX)
        return err_set(err, -E2BIG, "names of system calls that are allowed too: %zu bytes, at most %d", size,
                       WIRE_CALLS_MAX);
    return methods_check(o->methods, o->n_methods, o->ring_bytes, false, &limits, err);
}

static struct moat_target *target_blank(const struct moat_target_options *options)
{
    struct moat_target *t = calloc(1, sizeof *t);

    if (t) {
        t->o = *options;
        t->last = &t->first;
        t->ring = -1;
        t->process = (struct started){.pidfd = -1, .sock = -1, .status = -1};
    }
    return t;
}

int target_of_zygote(struct moat_zygote *z, const struct moat_target_options *options, struct moat_target **target,
                     struct err *err)
{
    struct moat_target *t = target_blank(options);

    if (!t)
        return err_sys(err, -ENOMEM, "memory for a target");
    t->zygote = z;
    int r = target_start(t, err);
    if (r < 0)
        moat_target_free(t);
    else
        *target = t;
    return r;
}

int target_new(const struct moat_target_options *options, struct moat_target **target, struct err *err)
{
    struct moat_target *t = target_blank(options);
    int r = t ? arena_init(&t->arena, OPTIONS_BYTES) : -ENOMEM;

    if (r < 0) {
        free(t);
        return err_sys(err, r, "memory for a target");
    }
    t->o.path = options->path ? arena_strdup(&t->arena, options->path) : NULL;
    t->o.calls = options->calls ? (const char *const *)copy_strings(&t->arena, options->calls, NULL) : NULL;
    t->plan = (struct plan){.path = t->o.path,
                            .argv = copy_strings(&t->arena, options->argv, options->path),
                            .environ_ = copy_strings(&t->arena, options->environ_, NULL),
                            .keep_stderr = options->keep_stderr,
                            .require = options->require};
    if (!t->plan.argv || !t->plan.environ_ || (options->path && !t->o.path) || (options->calls && !t->o.calls))
        r = err_sys(err, -E2BIG, "copy the options of a target");
    else
        r = check_options(&t->o, err);
    if (r < 0)
        moat_target_free(t);
    else
        *target = t;
    return r;
}

void hello_fill(struct wire_hello *h, const struct moat_target_options *o, uint32_t ring_bytes, uint32_t flags,
                int32_t cpu)
{
    *h = (struct wire_hello){.head = {.magic = WIRE_MAGIC, .op = WIRE_HELLO, .n_fds = ring_bytes != 0},
                             .ring_bytes = ring_bytes,
                             .flags = flags,
                             .require = o->require,
                             .cpu = cpu,
                             .memory = o->memory,
                             .file_bytes = o->file_bytes,
                             .cpu_seconds = o->cpu_seconds};
    for (size_t i = 0; o->calls && o->calls[i]; i++) { /* their length was checked */
        size_t n = strlen(o->calls[i]) + 1;
        memcpy(h->calls + h->calls_size, o->calls[i], n);
        h->calls_size += (uint32_t)n;
    }
}

int32_t target_cpu(struct moat_target *t)
{
    int cpu = sched_getcpu();

    if (cpu < 0 || t->o.placement == MOAT_PLACE_FREE)
        return WIRE_CPU_FREE;
    if (t->o.placement == MOAT_PLACE_APART)
        return WIRE_CPU_NOT(cpu);
    return cpu;
}

static int start_process(struct moat_target *t, struct err *err)
{
    struct wire_hello *hello = malloc(sizeof *hello);
    int r;

    if (!hello)
        return err_sys(err, -ENOMEM, "memory for a target");
    hello_fill(hello, &t->o, t->o.ring_bytes, t->o.placement == MOAT_PLACE_APART ? WIRE_SPIN : 0, t->cpu);
    r = process_start(&t->plan, hello, t->ring, t->o.start_ms, &t->process, err);
    free(hello);
    return r;
}

int target_start(struct moat_target *t, struct err *err)
{
    uint32_t bytes = t->o.ring_bytes;
    int r = 0;

    if (!t->zygote || !zygote_rings_take(t->zygote, &t->ring, &t->map))
        r = memory_create("moat-ring", wire_bytes(bytes), false, &t->ring, &t->map, err);

    if (r == 0) {
        t->page = wire_rings(t->map, bytes, &t->request, &t->reply);
        t->cpu = target_cpu(t);
        t->state = t->reserved = t->short_calls = 0;
        t->exclusive = false;
        r = t->zygote ? zygote_fork(t->zygote, t, err) : start_process(t, err);
    }
    t->alive = r == 0;
    if (r < 0)
        target_drop(t);
    for (struct moat_buffer *b = t->buffers; b && r == 0; b = b->next)
        r = buffer_send(b, err);
    return r;
}

/* Nobody else has them: the target gave up the descriptor before it read a foreign byte, and is dead. */
static void drop_rings(struct moat_target *t)
{
    if (!t->map)
        return;
    if (!t->zygote || !t->process.ended || !zygote_rings_keep(t->zygote, t->ring, t->map)) {
        memory_unmap(t->map, wire_bytes(t->o.ring_bytes));
        cleanup_fd(&t->ring);
    }
    t->map = NULL;
    t->page = NULL;
    t->ring = -1;
}

void target_drop(struct moat_target *t)
{
    if (t->zygote)
        zygote_collect(t->zygote, t, t->o.start_ms, true);
    process_end(&t->process);
    t->alive = false;
    drop_rings(t);
}

static void lose_calls(struct moat_target *t)
{
    struct moat_call *next;

    for (struct moat_call *c = t->first; c; c = next) {
        next = c->next;
        c->state = CALL_LOST;
        c->next = NULL;
    }
    t->first = NULL;
    t->last = &t->first;
    t->reserved = 0;
    t->exclusive = false;
}

int target_fail(struct moat_target *t, struct err *err)
{
    t->why = *err;
    lose_calls(t);
    target_drop(t);
    return err->code;
}

int target_ended(struct moat_target *t, int ms, struct err *err)
{
    char how[128];

    if (t->process.pending)
        zygote_collect(t->zygote, t, ms, false);
    if (t->process.pending || !process_ended(&t->process, ms))
        return 0;
    process_describe(&t->process, how, sizeof how);
    return err_set(err, -ECONNRESET, "the target %s", how);
}

int target_alive(struct moat_target *t, struct err *err)
{
    return t->alive ? 0 : err_set(err, -ENOTCONN, "the target is not running: %.900s", t->why.text);
}

static int finish(struct moat_target *t, int r, struct moat_target **target, const struct err *err,
                  struct moat_error *error)
{
    if (r < 0)
        moat_target_free(t);
    else
        *target = t;
    return api_result(r, err, error);
}

int moat_target_spawn(const struct moat_target_options *o, struct moat_target **target, struct moat_error *error)
{
    struct moat_target *t = NULL;
    struct err err;
    int r = o->path ? target_new(o, &t, &err) : err_set(&err, -EINVAL, "moat_target_spawn: options without a path");

    if (r == 0 && (r = target_start(t, &err)) < 0)
        err_wrap(&err, "start the target %s", o->path);
    return finish(t, r, target, &err, error);
}

static bool has_threads(void)
{
    struct stat st;

    return stat("/proc/self/task", &st) == 0 && st.st_nlink > 3;
}

int moat_target_fork(const struct moat_target_options *o, int (*entry)(struct moat_session *, void *), void *context,
                     struct moat_target **target, struct moat_error *error)
{
    struct moat_target *t = NULL;
    struct err err;
    int r = has_threads() ? err_set(&err, -EBUSY,
                                    "this process has more than one thread: a fork would hold locks that nobody "
                                    "opens; fork before, or use moat_target_spawn()")
                          : target_new(o, &t, &err);

    if (r == 0) {
        t->plan.path = NULL;
        t->plan.entry = entry;
        t->plan.context = context;
        if ((r = target_start(t, &err)) < 0)
            err_wrap(&err, "fork a target");
    }
    return finish(t, r, target, &err, error);
}

/* So many starts lie within the last seconds; older ones are forgotten. */
static uint32_t recent_starts(struct moat_target *t, int64_t now)
{
    uint32_t n = 0;

    for (uint32_t i = 0; i < t->n_starts; i++)
        if (now - t->starts[i] < (int64_t)t->o.restart_seconds * 1000)
            t->starts[n++] = t->starts[i];
    return t->n_starts = n;
}

int moat_target_restart(struct moat_target *t, struct moat_error *error)
{
    int64_t now = clock_ms();
    struct err err;
    int r = 0;

    if (recent_starts(t, now) >= t->o.restarts)
        r = err_set(&err, -EAGAIN, "the target was restarted %u times within %u s: what it is given kills it",
                    t->n_starts, t->o.restart_seconds);
    else if (t->plan.entry && has_threads())
        r = err_set(&err, -EBUSY, "this process has more than one thread now: a fork cannot be made again");
    if (r < 0)
        return api_result(r, &err, error);
    t->starts[t->n_starts++] = now;
    if (t->alive) {
        err_set(&err, -ECANCELED, "it was restarted");
        target_fail(t, &err);
    }
    r = target_start(t, &err);
    if (r < 0) {
        err_wrap(&err, "restart the target");
        target_fail(t, &err);
    }
    return api_result(r, &err, error);
}

void moat_target_free(struct moat_target *t)
{
    if (!t)
        return;
    lose_calls(t);
    target_drop(t);
    for (struct moat_buffer *b = t->buffers; b; b = b->next)
        b->target = NULL;
    if (!t->zygote)
        arena_free(&t->arena);
    free(t);
}

uint32_t moat_target_walls(const struct moat_target *t)
{
    return t->process.walls;
}

uint32_t moat_target_state(const struct moat_target *t)
{
    return t->state;
}

int moat_target_pid(struct moat_target *t)
{
    if (t->process.pending)
        zygote_collect(t->zygote, t, t->o.start_ms, false);
    return t->alive ? process_pid(&t->process) : -1;
}

int moat_target_status(struct moat_target *t)
{
    if (t->process.pending)
        zygote_collect(t->zygote, t, t->o.start_ms, false);
    return process_ended(&t->process, 0) ? t->process.status : -1;
}
