/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Thumbnails of PNG files. libpng runs in a target, which is handed one open file at a time and writes pixels into a
 * buffer that both share; a picture that takes it over gets no file, no network, and no say in where we write.
 *
 *   thumbnail [--in-process] [--edge N] -o DIRECTORY FILE...      DIRECTORY/FILE.ppm for each
 *
 * --in-process calls the same function directly, as most programs do: for comparison.
 */
#include "decode.h"

#include <moat/moat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- both sides ----------------------------------------------------------------------------------------------- */

struct order {
    uint32_t edge, buffer;
};
/* Of the target's making, so no plain numbers. */
struct picture {
    moat_tainted_u32 width, height;
    moat_tainted_offset pixels;
};

static moat_function make;

static const struct moat_method methods[] = {{.method = 0,
                                              .name = "make a thumbnail",
                                              .states = MOAT_STATES_ALL,
                                              .request_min = sizeof(struct order),
                                              .request_max = sizeof(struct order),
                                              .reply_max = sizeof(struct picture),
                                              .fds_in = 1,
                                              .function = make}};

/* ---- the target ----------------------------------------------------------------------------------------------- */

static int make(struct moat_request *q)
{
    struct order order;
    uint32_t width, height;
    void *out;
    size_t room;

    memcpy(&order, q->bytes, sizeof order);
    if (q->n_fds != 1 || moat_session_buffer(q->session, order.buffer, &out, &room) < 0 ||
        room < 3 * (size_t)order.edge * order.edge)
        return -EINVAL;
    int r = decode_thumbnail(q->fds[0], order.edge, out, &width, &height);
    if (r < 0)
        return r;
    struct picture p = {moat_taint_u32(width), moat_taint_u32(height), moat_taint_offset(0)};
    memcpy(q->reply, &p, sizeof p);
    q->reply_size = sizeof p;
    return 0;
}

static int target(struct moat_session *session, void *unused)
{
    (void)unused;
    return moat_serve(session, methods, 1, NULL, NULL) < 0;
}

/* ---- the host ------------------------------------------------------------------------------------------------- */

struct host {
    struct moat_target *target; /* NULL: in this process */
    struct moat_buffer *buffer;
    uint32_t id, edge;
    unsigned char *pixels; /* our own copy */
    struct moat_error error;
};

static int start(struct host *h)
{
    struct moat_target_options options = {.methods = methods, .n_methods = 1, .restarts = 15};
    int r = moat_buffer_create(3 * (size_t)h->edge * h->edge, MOAT_BUFFER_WRITTEN, &h->buffer, &h->error);

    if (r == 0)
        r = moat_target_fork(&options, target, NULL, &h->target, &h->error);
    if (r == 0)
        r = moat_buffer_share(h->buffer, h->target, &h->id, &h->error);
    return r;
}

/* What the target says is a claim. The numbers are opened with their bounds, and the pixels are copied once. */
static int take(struct host *h, const struct picture *p, uint32_t *width, uint32_t *height)
{
    if (moat_untaint_range(p->width, 1, h->edge, width) < 0 || moat_untaint_range(p->height, 1, h->edge, height) < 0)
        return -EPROTO;
    return moat_buffer_read(h->buffer, p->pixels, h->pixels, 3 * (size_t)*width * *height);
}

static int by_target(struct host *h, int fd, uint32_t *width, uint32_t *height)
{
    struct order order = {.edge = h->edge, .buffer = h->id};
    struct picture picture;
    struct moat_call call = {.request = &order,
                             .request_size = sizeof order,
                             .reply = &picture,
                             .reply_max = sizeof picture,
                             .fds = &fd,
                             .n_fds = 1};
    int r = moat_call(h->target, &call, &h->error);

    if (r < 0) { /* this picture was its end; the next one gets a fresh target */
        fprintf(stderr, "thumbnail: %s\n", h->error.text);
        return moat_target_restart(h->target, &h->error) < 0 ? h->error.code : r;
    }
    if (call.result < 0)
        return call.result;
    return call.reply_size == sizeof picture ? take(h, &picture, width, height) : -EPROTO;
}

static int put(const struct host *h, const char *directory, const char *name, uint32_t width, uint32_t height)
{
    const char *base = strrchr(name, '/') ? strrchr(name, '/') + 1 : name;
    size_t n = 3 * (size_t)width * height;
    char path[4096];

    if (snprintf(path, sizeof path, "%s/%s.ppm", directory, base) >= (int)sizeof path)
        return -ENAMETOOLONG;
    FILE *f = fopen(path, "we");
    if (!f)
        return -errno;
    fprintf(f, "P6\n%u %u\n255\n", width, height);
    int r = fwrite(h->pixels, 1, n, f) == n ? 0 : -EIO;
    return fclose(f) == 0 ? r : -errno;
}

static int one(struct host *h, const char *directory, const char *name)
{
    uint32_t width, height;
    int fd = open(name, O_RDONLY | O_CLOEXEC), r = fd < 0 ? -errno : 0;

    if (r == 0)
        r = h->target ? by_target(h, fd, &width, &height) : decode_thumbnail(fd, h->edge, h->pixels, &width, &height);
    if (fd >= 0)
        close(fd);
    if (r == 0)
        r = put(h, directory, name, width, height);
    if (r < 0)
        fprintf(stderr, "thumbnail: %s: %s\n", name, strerror(-r));
    return r;
}

int main(int argc, char **argv)
{
    struct host h = {.edge = 128};
    const char *directory = NULL;
    bool alone = false;
    int i = 1, failed = 0;

    for (; i < argc && argv[i][0] == '-'; i++) {
        if (!strcmp(argv[i], "--in-process"))
            alone = true;
        else if (!strcmp(argv[i], "--edge") && i + 1 < argc)
            h.edge = (uint32_t)strtoul(argv[++i], NULL, 10);
        else if (!strcmp(argv[i], "-o") && i + 1 < argc)
            directory = argv[++i];
    }
    if (!directory || i == argc || h.edge == 0 || h.edge > EDGE_MAX) {
        fprintf(stderr, "usage: thumbnail [--in-process] [--edge 1..%d] -o DIRECTORY FILE...\n", EDGE_MAX);
        return 2;
    }
    h.pixels = malloc(3 * (size_t)h.edge * h.edge);
    if (!h.pixels || (!alone && start(&h) < 0)) {
        fprintf(stderr, "thumbnail: %s\n", h.pixels ? h.error.text : "no memory");
        return 1;
    }
    for (; i < argc; i++)
        failed |= one(&h, directory, argv[i]) < 0;
    moat_target_free(h.target);
    moat_buffer_free(h.buffer);
    free(h.pixels);
    return failed;
}
