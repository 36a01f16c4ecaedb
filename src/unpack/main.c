/* SPDX-License-Identifier: Apache-2.0 */
/*
 * moat-unpack: turns a foreign archive into files, shut in. Started by moat only, with the descriptors of
 * image/unpack_record.h and an empty environment; says what happened in one record on descriptor 4.
 *
 *   moat-unpack [--layer]   archive on 0 into the directory 3; with --layer, whiteouts apply
 *   moat-unpack --copy      the directory 5 into the directory 3
 *   --max-bytes N --max-entries N --exclude DEV:INO
 */
#include "image/unpack_record.h"
#include "unpack/copy.h"
#include "unpack/extract.h"
#include "unpack/jail.h"
#include "unpack/stream.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct options {
    bool copy, layer;
    uint64_t max_bytes, max_entries, exclude_dev, exclude_ino;
};

static int report(enum unpack_kind kind, const struct dest *d, const uint8_t digest[32], const char *text)
{
    struct unpack_record r = {.version = UNPACK_RECORD_VERSION,
                              .kind = kind,
                              .bytes = d->bytes,
                              .entries = d->entries,
                              .skipped_devices = d->skipped_devices,
                              .skipped_special = d->skipped_special,
                              .dropped_xattrs = d->dropped_xattrs,
                              .flat_owners = !d->owners};

    if (digest)
        memcpy(r.digest, digest, sizeof r.digest);
    r.text_len = (uint32_t)strnlen(text, sizeof r.text);
    memcpy(r.text, text, r.text_len);
    return write(UNPACK_FD_REPORT, &r, sizeof r) == (ssize_t)sizeof r ? 0 : -1;
}

static void progress(struct dest *d)
{
    static struct timespec last;
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    if ((now.tv_sec - last.tv_sec) * 1000 + (now.tv_nsec - last.tv_nsec) / 1000000 < 50)
        return;
    last = now;
    if (report(UNPACK_PROGRESS, d, NULL, "") < 0)
        _exit(1); /* nobody waits for the tree any more */
}

static int read_number(const char *text, uint64_t *out)
{
    char *end;

    errno = 0;
    *out = text ? strtoull(text, &end, 10) : 0;
    return text && *text && !*end && !errno ? 0 : -EINVAL;
}

static int read_options(char **argv, struct options *o, struct err *err)
{
    for (char **a = argv + 1; *a; a++) {
        int r = 0;
        char *colon;
        if (!strcmp(*a, "--copy")) {
            o->copy = true;
        } else if (!strcmp(*a, "--layer")) {
            o->layer = true;
        } else if (!strcmp(*a, "--max-bytes") && a[1]) {
            r = read_number(*++a, &o->max_bytes);
        } else if (!strcmp(*a, "--max-entries") && a[1]) {
            r = read_number(*++a, &o->max_entries);
        } else if (!strcmp(*a, "--exclude") && a[1] && (colon = strchr(*++a, ':'))) {
            *colon = 0;
            r = read_number(*a, &o->exclude_dev) < 0 ? -EINVAL : read_number(colon + 1, &o->exclude_ino);
        } else {
            r = -EINVAL;
        }
        if (r < 0)
            return err_set(err, r, "moat-unpack: the option %s is not understood: it is started by moat, not by hand",
                           *a);
    }
    return 0;
}

static int run_extract(struct dest *d, struct stream *s, struct err *err)
{
    struct tar t;
    int r = tar_init(&t, stream_next, s, err);

    if (r == 0 && (r = stream_begin(s, UNPACK_FD_ARCHIVE, err)) == 0)
        r = extract_all(d, &t, err);
    tar_free(&t);
    return r;
}

static int run(const struct options *o, struct dest *d, uint8_t digest[32], struct err *err)
{
    struct jail jail = {.dest = UNPACK_FD_DEST, .source = o->copy ? UNPACK_FD_SOURCE : -1, .max_bytes = o->max_bytes};
    struct stream stream = {0};
    int r = o->copy ? 0 : stream_open(&stream, err); /* allocates only */

    if (r < 0 || (r = jail_enter(&jail, err)) < 0)
        return r;
    d->owners = jail.owners;
    if (o->copy) {
        struct copy c = {.d = d,
                         .source = UNPACK_FD_SOURCE,
                         .exclude_dev = o->exclude_dev,
                         .exclude_ino = o->exclude_ino,
                         .progress = progress};
        return copy_tree(&c, digest, err);
    }
    r = run_extract(d, &stream, err);
    stream_close(&stream);
    return r;
}

int main(int argc, char **argv)
{
    struct options o = {.max_bytes = (uint64_t)64 << 30, .max_entries = 10000000};
    struct err err = {0};
    uint8_t digest[32] = {0};
    struct dest d;

    int r = read_options(argv, &o, &err);
    dest_init(&d, UNPACK_FD_DEST, o.layer, true);
    d.max_bytes = o.max_bytes;
    d.max_entries = o.max_entries;
    if (r == 0)
        r = run(&o, &d, digest, &err);
    if (report(r < 0 ? UNPACK_FAILED : UNPACK_DONE, &d, digest, r < 0 ? err.text : d.skipped) < 0)
        return 1;
    return r < 0 ? 1 : 0; /* memory goes with the process */
}
