/* SPDX-License-Identifier: Apache-2.0 */
/* See host.h: what a host and its target have in common: descriptors that are passed, buffers that are shared. */
#include "host.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

static void descriptors_go_both_ways(void)
{
    struct moat_target *t = start();
    int pipes[2], before, n = 2, many = 4;
    char text[64] = "";

    IS(pipe(pipes), 0);
    IS(write(pipes[1], "through the pipe", 16), 16);
    before = descriptors();
    struct moat_call c = {.method = TAKE_FD, .fds = pipes, .n_fds = 1, .reply = text, .reply_max = sizeof text};
    IS(moat_call(t, &c, &said), 0);
    IS(c.result, 0);
    IS(memcmp(text, "through the pipe", 16), 0);
    IS(close(pipes[1]), 0);
    IS(ask(t, TAKE_FD, NULL, 0, text, sizeof text), -EBADF); /* none came */
    c = (struct moat_call){.method = GIVE_FD, .request = &n, .request_size = sizeof n};
    IS(moat_call(t, &c, &said), 0);
    IS(c.n_reply_fds, 2);
    for (unsigned i = 0; i < c.n_reply_fds; i++) {
        IS(fcntl(c.reply_fds[i], F_GETFD), FD_CLOEXEC);
        IS(close(c.reply_fds[i]), 0);
    }
    int bad = 999;
    c = (struct moat_call){.method = TAKE_FD, .fds = &bad, .n_fds = 1, .reply = text, .reply_max = sizeof text};
    IS(moat_call(t, &c, &said), -EBADF); /* the caller's mistake: the target lives */
    for (int i = 1; i <= 20; i++) {
        int kept = 0;
        c = (struct moat_call){.method = KEEP_FD, .fds = pipes, .n_fds = 1, .reply = &kept, .reply_max = 4};
        IS(moat_call(t, &c, &said), 0);
        IS(kept, i);
    }
    IS(descriptors(), before - 1); /* the one end that we closed */
    c = (struct moat_call){.method = GIVE_FD, .request = &many, .request_size = sizeof many};
    IS(moat_call(t, &c, &said), -ECONNRESET); /* more than its row: its own library ends it */
    moat_target_free(t);
}

/* ---- buffers ----------------------------------------------------------------------------------------------------- */

static struct sum sum_of(struct moat_target *t, uint32_t id, uint64_t offset, uint64_t size)
{
    struct place p = {.buffer = id, .offset = offset, .size = size};
    struct sum s = {moat_taint_u64(0), moat_taint_offset(0)};

    IS(ask(t, SUM, &p, sizeof p, &s, sizeof s), 0);
    return s;
}

static void buffers_are_shared(void)
{
    enum { SIZE = 1 << 20 };
    struct moat_target *t = start();
    struct moat_buffer *b, *other;
    uint32_t id, other_id;
    uint64_t total;
    unsigned char got[16];

    IS(moat_buffer_create(SIZE, MOAT_BUFFER_WRITTEN, &b, &said), 0);
    IS(moat_buffer_create(4096, MOAT_BUFFER_WRITTEN, &other, &said), 0);
    memset(moat_buffer_memory(b), 3, SIZE);
    IS(moat_buffer_share(b, t, &id, &said), 0);
    IS(moat_buffer_share(b, t, &id, &said), -EBUSY);
    IS(moat_buffer_share(other, t, &other_id, &said), 0);
    IS(other_id != id, 1);
    struct sum s = sum_of(t, id, 0, SIZE);
    IS(moat_untaint_range(s.sum, 0, 1u << 30, &total), 0);
    IS(total, 3 * SIZE);
    struct place p = {.buffer = id, .value = 0x41, .offset = SIZE - 16, .size = 16};
    IS(ask(t, FILL, &p, sizeof p, NULL, 0), 0);
    IS(moat_buffer_read(b, moat_taint_offset(SIZE - 16), got, 16), 0);
    IS(memcmp(got, "AAAAAAAAAAAAAAAA", 16), 0);
    IS(moat_buffer_read(b, moat_taint_offset(SIZE - 15), got, 16), -ERANGE);
    IS(moat_buffer_read(b, moat_taint_offset(~0ull), got, 16), -ERANGE);
    IS(moat_buffer_read(b, moat_taint_offset(~0ull - 7), got, 16), -ERANGE);
    IS(moat_buffer_read(b, s.last, got, 1), -ERANGE); /* one past the end */
    IS(let_it_end(t, WAY_CRASH, 0), -ECONNRESET);
    IS(moat_target_restart(t, &said), 0);
    s = sum_of(t, id, 0, SIZE); /* under the same number, with the same bytes */
    IS(moat_untaint_range(s.sum, 0, 1u << 30, &total), 0);
    IS(total, 3 * (SIZE - 16) + 16 * 0x41);
    IS(moat_buffer_unshare(b, &said), 0);
    p = (struct place){.buffer = id, .size = 1};
    IS(ask(t, FILL, &p, sizeof p, NULL, 0), -ENOENT);
    moat_buffer_free(b);
    moat_target_free(t); /* before a buffer that it shares */
    moat_buffer_free(other);
}

static void buffers_to_read_cannot_be_written(void)
{
    struct moat_target *t = start();
    struct moat_buffer *b;
    uint32_t id;
    uint64_t total;

    IS(moat_buffer_create(4096, MOAT_BUFFER_READ, &b, &said), 0);
    memset(moat_buffer_memory(b), 1, 4096);
    IS(moat_buffer_share(b, t, &id, &said), 0);
    struct sum s = sum_of(t, id, 0, 4096);
    IS(moat_untaint_range(s.sum, 4096, 4096, &total), 0);
    struct place p = {.buffer = id, .value = 256 + 2, .size = 1};
    struct moat_call c = {.method = FILL, .request = &p, .request_size = sizeof p};
    IS(moat_call(t, &c, &said), -ECONNRESET);
    SAYS("signal 11");
    IS(*(unsigned char *)moat_buffer_memory(b), 1);
    moat_buffer_free(b);
    moat_target_free(t);
}

static void buffers_are_limited_in_number(void)
{
    struct moat_target *t = start();
    struct moat_buffer *b[65];
    uint32_t id;

    for (int i = 0; i < 65; i++) {
        IS(moat_buffer_create(1, MOAT_BUFFER_WRITTEN, &b[i], &said), 0);
        IS(moat_buffer_share(b[i], t, &id, &said), i < 64 ? 0 : -ENOSPC);
    }
    moat_buffer_free(b[7]);
    IS(moat_buffer_share(b[64], t, &id, &said), 0);
    IS(id, 7);
    for (int i = 0; i < 65; i++)
        if (i != 7)
            moat_buffer_free(b[i]);
    IS(moat_buffer_create(0, MOAT_BUFFER_WRITTEN, &b[0], &said), -EINVAL);
    moat_target_free(t);
}

const struct scenario shared_scenarios[] = {
    {"descriptors_go_both_ways", descriptors_go_both_ways, SPAWN | ZYGOTE},
    {"buffers_are_shared", buffers_are_shared, SPAWN | ZYGOTE},
    {"buffers_to_read_cannot_be_written", buffers_to_read_cannot_be_written, SPAWN | ZYGOTE},
    {"buffers_are_limited_in_number", buffers_are_limited_in_number, SPAWN | ZYGOTE},
    {0},
};
