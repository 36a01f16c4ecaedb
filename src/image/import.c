/* SPDX-License-Identifier: Apache-2.0 */
/* The order of an import: see src/image/README.md. No archive byte is parsed here; that is moat-unpack's part. */
#include "image/import.h"

#include "image/config.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void limits(const struct import *in, struct unpack_job *job)
{
    job->max_bytes = in->max_bytes ? in->max_bytes : UNPACK_BYTES_MAX;
    job->max_entries = in->max_entries ? in->max_entries : UNPACK_ENTRIES_MAX;
    job->progress = in->progress;
    job->ctx = in->ctx;
    job->interrupted = in->interrupted;
    job->archive = job->source = -1;
}

/* Our config.json, from what is known; ends the build. */
static int commit(struct store *s, struct store_build *b, const struct import *in, struct image *image,
                  struct import_result *out, struct err *err)
{
    struct json_writer w = {0};

    image->size = out->unpacked.bytes;
    image->entries = out->unpacked.entries;
    image->flat_owners = out->unpacked.flat_owners;
    image->source = in->source;
    int r = image_document_write(image, &w, err);
    if (r == 0)
        r = store_build_commit(s, b, out->id, w.buf, w.len, &in->name, &out->existed, err);
    else
        store_build_discard(s, b);
    json_writer_free(&w);
    return r;
}

/* A plain tree: from a file or a directory, without a document. */
static int import_tree(struct store *s, const struct import *in, struct unpack_job *job, struct import_result *out,
                       struct err *err)
{
    struct store_build b;
    struct image image = {.created = time(NULL)};
    int r = store_build_begin(s, &b, err);

    if (r < 0)
        return r;
    job->dest = b.rootfs_fd;
    r = unpack_run(s->arena, job, &out->unpacked, err);
    if (r < 0) {
        store_build_discard(s, &b);
        return r;
    }
    sha256_hex(out->unpacked.digest, out->id);
    image_config_default(&image.config);
    return commit(s, &b, in, &image, out, err);
}

static int import_file(struct store *s, const struct import *in, int fd, const struct stat *st,
                       struct import_result *out, struct err *err)
{
    struct unpack_job job = {0};

    limits(in, &job);
    job.archive = fd;
    job.archive_size = S_ISREG(st->st_mode) ? (uint64_t)st->st_size : 0;
    return import_tree(s, in, &job, out, err);
}

static int import_directory(struct store *s, const struct import *in, int fd, struct import_result *out,
                            struct err *err)
{
    struct unpack_job job = {0};
    struct stat store;

    if (fstat(s->images_fd, &store) < 0)
        return err_sys(err, -errno, "look at the image store");
    limits(in, &job);
    job.source = fd;
    job.exclude_dev = store.st_dev;
    job.exclude_ino = store.st_ino;
    return import_tree(s, in, &job, out, err);
}

static void add_up(struct unpack_result *sum, const struct unpack_result *layer)
{
    sum->bytes += layer->bytes;
    sum->entries += layer->entries;
    sum->skipped_devices += layer->skipped_devices;
    sum->skipped_special += layer->skipped_special;
    sum->dropped_xattrs += layer->dropped_xattrs;
    sum->flat_owners = layer->flat_owners;
    if (!sum->skipped[0])
        strcpy(sum->skipped, layer->skipped);
}

/* The limits are for the whole image: each layer gets what is left. The digest is of the bytes that were unpacked; when
 * it is wrong the tree goes, so a blob that changes under our hands is never used. */
static int apply_layers(struct store *s, const struct import *in, const struct oci_image *oci, int dest,
                        struct unpack_result *sum, struct err *err)
{
    for (size_t i = 0; i < oci->content.n_layers; i++) {
        const struct oci_blob *blob = &oci->content.layers[i];
        struct unpack_job job = {0};
        struct unpack_result result;
        int r = in->before_layer ? in->before_layer(in->ctx, i, err) : 0;
        _cleanup_fd_ int fd = r < 0 ? r : oci_blob_open(oci, blob, err);

        if (fd < 0)
            return fd;
        limits(in, &job);
        job.dest = dest;
        job.archive = fd;
        job.archive_size = blob->size;
        job.sha256 = blob->hex;
        job.layer = true;
        job.max_bytes -= sum->bytes < job.max_bytes ? sum->bytes : job.max_bytes;
        job.max_entries -= sum->entries < job.max_entries ? sum->entries : job.max_entries;
        r = unpack_run(s->arena, &job, &result, err);
        if (r < 0)
            return err_wrap(err, "layer %zu of %zu (sha256:%.12s)", i + 1, oci->content.n_layers, blob->hex);
        add_up(sum, &result);
    }
    return in->before_layer ? in->before_layer(in->ctx, oci->content.n_layers, err) : 0;
}

int image_import_oci(struct store *s, const struct import *in, const struct oci_image *oci, struct import_result *out,
                     struct err *err)
{
    struct store_build b;
    int r;

    *out = (struct import_result){0};
    /* Not the config's digest, which docker uses: it vouches for the layers only by way of diff_ids, which nobody
     * checks here. Two images with one config would be taken for one. */
    strcpy(out->id, oci->manifest.hex);
    if (store_has(s, out->id)) {
        out->existed = true;
        return store_tag(s, &in->name, out->id, err);
    }
    if ((r = store_build_begin(s, &b, err)) < 0)
        return r;
    r = apply_layers(s, in, oci, b.rootfs_fd, &out->unpacked, err);
    if (r < 0) {
        store_build_discard(s, &b);
        return r;
    }
    struct image image = {.created = oci->created ? oci->created : time(NULL), .config = oci->image_config};
    return commit(s, &b, in, &image, out, err);
}

static int import_layout(struct store *s, const struct import *in, const char *spec, struct import_result *out,
                         struct err *err)
{
    struct oci_platform own;
    struct oci_image oci;
    int r = oci_platform_parse(NULL, &own, err);

    if (r < 0 || (r = oci_layout_open(s->arena, &oci, spec, in->platform ? in->platform : &own, err)) < 0)
        return r;
    r = image_import_oci(s, in, &oci, out, err);
    oci_layout_close(&oci);
    return r;
}

int image_import(struct store *s, const struct import *in, struct import_result *out, struct err *err)
{
    struct err ignored = {0};
    unsigned cleaned;
    struct stat st;
    int r;

    *out = (struct import_result){0};
    if (in->name.by_digest)
        return err_set(err, -EINVAL, "image name %s: a digest is what a registry gives: name it NAME[:TAG]",
                       in->name.name);
    store_clean(s, &cleaned, &ignored); /* rubbish that cannot be removed must not stop an import */
    if (!strncmp(in->source, "oci:", 4)) {
        r = import_layout(s, in, in->source + 4, out, err);
        return r < 0 ? err_wrap(err, "%s", in->source) : 0;
    }
    bool standard_input = !strcmp(in->source, "-");
    _cleanup_fd_ int fd =
        standard_input ? fcntl(0, F_DUPFD_CLOEXEC, 3) : open(in->source, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return err_set(err, -errno, "%s: %s: give a tar file, a directory, or oci:DIR", in->source, strerror(errno));
    if (fstat(fd, &st) < 0)
        return err_sys(err, -errno, "%s", in->source);
    if (!standard_input)
        fcntl(fd, F_SETFL, 0); /* non-blocking only so that opening a fifo or device could not hang */
    if (S_ISDIR(st.st_mode))
        r = import_directory(s, in, fd, out, err);
    else if (S_ISREG(st.st_mode) || S_ISFIFO(st.st_mode) || standard_input)
        r = import_file(s, in, fd, &st, out, err);
    else
        r = err_set(err, -EINVAL, "is neither a file nor a directory: give a tar file, a directory, or oci:DIR");
    return r < 0 ? err_wrap(err, "%s", in->source) : 0;
}
