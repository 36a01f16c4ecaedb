/* SPDX-License-Identifier: Apache-2.0 */
/* See oci_layout.h. Trust: the directory and all documents are foreign. A document is read into memory once, its digest
 * is taken from that memory, and that memory is parsed. */
#include "image/oci_layout.h"

#include "base/io.h"
#include "base/json.h"
#include "image/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int oci_blob_open(const struct oci_image *o, const struct oci_blob *blob, struct err *err)
{
    char path[16 + SHA256_HEX_SIZE];
    struct stat st;

    snprintf(path, sizeof path, "blobs/sha256/%s", blob->hex);
    _cleanup_fd_ int fd = openat(o->fd, path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    if (fd < 0)
        return err_sys(err, -errno, "%s: fetch the image again", path);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
        return err_set(err, -EINVAL, "%s: is no regular file", path);
    if ((uint64_t)st.st_size != blob->size)
        return err_set(err, -EBADMSG, "%s: has %lld bytes, its descriptor says %llu: fetch the image again", path,
                       (long long)st.st_size, (unsigned long long)blob->size);
    return steal_fd(&fd);
}

static int parse(struct arena *a, char *text, size_t len, const char *name, struct json **out, struct err *err)
{
    int r = json_parse(a, text, len, out, err);

    if (r < 0)
        return err_wrap(err, "%s", name);
    return (*out)->type == JSON_OBJECT ? 0 : err_set(err, -EINVAL, "%s: is no JSON object", name);
}

static int read_document(struct arena *a, const struct oci_image *o, const struct oci_blob *blob, struct json **out,
                         struct err *err)
{
    char name[16 + SHA256_HEX_SIZE], hex[SHA256_HEX_SIZE], *text;
    size_t len;

    snprintf(name, sizeof name, "blob sha256:%.12s", blob->hex);
    if (blob->size > IMAGE_DOCUMENT_MAX)
        return err_set(err, -EFBIG, "%s: has %llu bytes; a document may have %u", name, (unsigned long long)blob->size,
                       IMAGE_DOCUMENT_MAX);
    _cleanup_fd_ int fd = oci_blob_open(o, blob, err);
    if (fd < 0)
        return fd;
    int r = io_read_fd(a, fd, IMAGE_DOCUMENT_MAX, &text, &len);
    if (r < 0)
        return err_sys(err, r, "%s", name);
    sha256_hex_of(text, len, hex);
    if (strcmp(hex, blob->hex) != 0)
        return err_set(err, -EBADMSG, "%s: its bytes have the digest sha256:%.12s: fetch the image again", name, hex);
    return parse(a, text, len, name, out, err);
}

static int read_plain(struct arena *a, const struct oci_image *o, const char *name, struct json **out, struct err *err)
{
    _cleanup_fd_ int fd = openat(o->fd, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
    char *text;
    size_t len;

    if (fd < 0)
        return err_sys(err, -errno, "%s: this is no OCI image layout", name);
    int r = io_read_fd(a, fd, IMAGE_DOCUMENT_MAX, &text, &len);
    if (r < 0)
        return err_sys(err, r, "%s", name);
    return parse(a, text, len, name, out, err);
}

int oci_image_descend(struct arena *a, struct oci_image *o, const struct oci_platform *platform, struct oci_blob *blob,
                      const char **type, bool *complete, struct err *err)
{
    struct json *document;
    enum oci_kind kind;
    int r = read_document(a, o, blob, &document, err);

    if (r < 0 || (r = oci_document_kind(document, *type, &kind, err)) < 0)
        return r;
    *complete = kind == OCI_MANIFEST;
    if (!*complete)
        return oci_index_choose(document, NULL, platform, blob, type, err);
    o->manifest = *blob;
    return oci_manifest_read(a, document, &o->content, err);
}

int oci_image_configure(struct arena *a, struct oci_image *o, const struct oci_platform *platform, struct err *err)
{
    struct json *config;
    int r = read_document(a, o, &o->content.config, &config, err);

    return r < 0 ? r : oci_config_read(a, config, platform, o->content.n_layers, &o->image_config, &o->created, err);
}

static int find_manifest(struct arena *a, struct oci_image *o, const struct oci_platform *platform, const char *ref,
                         struct err *err)
{
    struct json *index;
    struct oci_blob blob;
    const char *type;
    bool complete = false;
    int r = read_plain(a, o, "index.json", &index, err);

    if (r == 0)
        r = oci_index_choose(index, ref, platform, &blob, &type, err);
    for (int depth = 1; r == 0 && !complete; depth++) {
        if (depth > OCI_INDEX_DEPTH_MAX)
            return err_set(err, -ELOOP, "its indexes are nested deeper than %d", OCI_INDEX_DEPTH_MAX);
        r = oci_image_descend(a, o, platform, &blob, &type, &complete, err);
    }
    return r;
}

/* "DIR" or "DIR:REF": a directory of that whole name wins. */
static int open_directory(struct arena *a, const char *spec, int *fd, const char **ref, struct err *err)
{
    const char *colon = strchr(spec, ':');

    *ref = NULL;
    *fd = open(spec, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*fd < 0 && colon) {
        const char *dir = arena_strndup(a, spec, (size_t)(colon - spec));
        *ref = colon + 1;
        *fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    }
    return *fd < 0 ? err_sys(err, -errno, "open the image layout: give oci:DIR or oci:DIR:REF") : 0;
}

int oci_layout_open(struct arena *a, struct oci_image *out, const char *spec, const struct oci_platform *platform,
                    struct err *err)
{
    struct oci_image o = {.fd = -1};
    struct json *layout;
    const char *ref;
    int r = open_directory(a, spec, &o.fd, &ref, err);

    if (r == 0)
        r = read_plain(a, &o, "oci-layout", &layout, err);
    if (r == 0 && strncmp(json_get_text(layout, "imageLayoutVersion", ""), "1.", 2) != 0)
        r = err_set(err, -ENOTSUP, "oci-layout: version \"%.20s\" is not known: 1.0.0 is",
                    json_get_text(layout, "imageLayoutVersion", ""));
    if (r == 0 && (r = find_manifest(a, &o, platform, ref, err)) == 0 &&
        (r = oci_image_configure(a, &o, platform, err)) == 0) {
        *out = o;
        return 0;
    }
    oci_layout_close(&o);
    return r;
}

void oci_layout_close(struct oci_image *o)
{
    cleanup_fd(&o->fd);
    o->fd = -1;
}
