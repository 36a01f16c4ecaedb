/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A target of the tests: does what its host asks, among it everything that a target that was taken over would do. As
 * "worker" it is a target, as "worker zygote" a zygote; other words make it a program that does not do its part.
 */
#define WORKER
#include <moat/moat.h>

#include "attempts.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static moat_function echo, sum, fill, end, attempt, take_fd, give_fd, keep_fd, log_in, secret, count, started, cpu;
#include "methods.h"

static int at_start_up, asked, kept[64], n_kept;

static int answer_int(struct moat_request *q, int value)
{
    memcpy(q->reply, &value, sizeof value);
    q->reply_size = sizeof value;
    return 0;
}

static int number(const struct moat_request *q)
{
    int value;

    memcpy(&value, q->bytes, sizeof value);
    return value;
}

static int echo(struct moat_request *q)
{
    memcpy(q->reply, q->bytes, q->size);
    q->reply_size = q->size;
    return 0;
}

/* The worker trusts its host about the place, as a target may. */
static int find(const struct moat_request *q, struct place *place, unsigned char **at)
{
    size_t size;
    void *memory;

    memcpy(place, q->bytes, sizeof *place);
    if (moat_session_buffer(q->session, place->buffer, &memory, &size) < 0)
        return -ENOENT;
    *at = (unsigned char *)memory + place->offset;
    return place->offset > size || place->size > size - place->offset ? -ERANGE : 0;
}

static int sum(struct moat_request *q)
{
    struct place place;
    unsigned char *at;
    uint64_t total = 0;
    int r = find(q, &place, &at);

    for (uint64_t i = 0; r == 0 && i < place.size; i++)
        total += at[i];
    struct sum s = {moat_taint_u64(total), moat_taint_offset(place.offset + place.size)};
    memcpy(q->reply, &s, sizeof s);
    q->reply_size = sizeof s;
    return r;
}

static int fill(struct moat_request *q)
{
    struct place place;
    unsigned char *at;
    int r = find(q, &place, &at);

    if (r == 0 && place.value > 255) /* insistently */
        mprotect(at - (uintptr_t)at % 4096, 4096, PROT_READ | PROT_WRITE);
    if (r == 0)
        memset(at, (int)place.value, place.size);
    return r;
}

static int overflow(volatile int *depth)
{
    volatile int here[1024];

    here[0] = *depth + 1;
    if (here[0] < 0) /* never: the stack ends long before */
        return 0;
    return overflow(here) + here[0];
}

static int end(struct moat_request *q)
{
    volatile unsigned long nowhere = 64;
    volatile int zero = 0;

    switch (number(q)) {
    case WAY_EXIT:
        _exit(7);
    case WAY_CRASH:
        *(volatile int *)nowhere = 1;
        break;
    case WAY_ABORT:
        abort();
    case WAY_FORBIDDEN:
        syscall(SYS_mkdirat, AT_FDCWD, "/x", 0700);
        break;
    case WAY_HANG:
        poll(NULL, 0, -1);
        break;
    case WAY_SPIN:
        while (zero == 0)
            ;
        break;
    case WAY_STACK:
        return overflow(&zero);
    default:
        break;
    }
    return -EINVAL;
}

static int attempt(struct moat_request *q)
{
    unsigned i = (unsigned)number(q);

    return i < ATTEMPTS ? answer_int(q, attempts[i].try()) : -EINVAL;
}

static int take_fd(struct moat_request *q)
{
    if (q->n_fds != 1)
        return -EBADF;
    ssize_t n = read(q->fds[0], q->reply, 64);
    q->reply_size = n < 0 ? 0 : (size_t)n;
    return n < 0 ? -errno : 0;
}

static int give_fd(struct moat_request *q)
{
    for (int i = 0; i < number(q) && i < MOAT_FDS_MAX; i++)
        q->reply_fds[q->n_reply_fds++] = dup(0);
    return 0;
}

static int keep_fd(struct moat_request *q)
{
    if (q->n_fds == 1 && n_kept < 64) {
        kept[n_kept++] = q->fds[0];
        q->fds[0] = -1;
    }
    return answer_int(q, n_kept);
}

static int log_in(struct moat_request *q)
{
    return q->size == 6 && !memcmp(q->bytes, "sesame", 6) ? 0 : -EACCES;
}

static int secret(struct moat_request *q)
{
    memcpy(q->reply, "the treasure", 12);
    q->reply_size = 12;
    return 0;
}

static int count(struct moat_request *q)
{
    return answer_int(q, ++asked);
}

static int started(struct moat_request *q)
{
    return answer_int(q, at_start_up);
}

static int cpu(struct moat_request *q)
{
    return answer_int(q, sched_getcpu());
}

int main(int argc, char **argv)
{
    struct moat_error error = {0};
    struct moat_session *session;
    const char *word = argc > 1 ? argv[1] : "";
    struct stat st;

    if (!strcmp(word, "hang"))
        poll(NULL, 0, -1);
    if (!strcmp(word, "end"))
        return 5;
    at_start_up = stat("/proc/self/exe", &st) == 0; /* what only start-up can */
    int r = strcmp(word, "zygote") ? moat_session_enter(&session, &error) : moat_zygote_ready(&session, &error);
    if (r == 0)
        r = moat_serve(session, methods, METHODS, NULL, &error);
    fprintf(stderr, "worker: %s\n", error.text);
    return r < 0;
}
