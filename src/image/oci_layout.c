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

#define REF_NAME "org.opencontainers.image.ref.name"

#if defined(__x86_64__)
#define HOST_ARCH "amd64"
#elif defined(__aarch64__)
#define HOST_ARCH "arm64"
#endif

static const char *const index_types[] = {"application/vnd.oci.image.index.v1+json",
                                          "application/vnd.docker.distribution.manifest.list.v2+json", NULL};
static const char *const manifest_types[] = {"application/vnd.oci.image.manifest.v1+json",
                                             "application/vnd.docker.distribution.manifest.v2+json", NULL};
static const char *const config_types[] = {"application/vnd.oci.image.config.v1+json",
                                           "application/vnd.docker.container.image.v1+json", NULL};
static const char *const layer_types[] = {"application/vnd.oci.image.layer.v1.tar",
                                          "application/vnd.oci.image.layer.v1.tar+gzip",
                                          "application/vnd.oci.image.layer.v1.tar+zstd",
                                          "application/vnd.oci.image.layer.nondistributable.v1.tar",
                                          "application/vnd.oci.image.layer.nondistributable.v1.tar+gzip",
                                          "application/vnd.oci.image.layer.nondistributable.v1.tar+zstd",
                                          "application/vnd.docker.image.rootfs.diff.tar",
                                          "application/vnd.docker.image.rootfs.diff.tar.gzip",
                                          "application/vnd.docker.image.rootfs.diff.tar.zstd",
                                          NULL};

static bool is_one_of(const char *s, const char *const *list)
{
    for (; *list; list++)
        if (!strcmp(s, *list))
            return true;
    return false;
}

static const char *text_of(const struct json *object, const char *key)
{
    const struct json *j = json_get(object, key);

    return j && j->type == JSON_STRING ? j->string.s : "";
}

/* A descriptor: digest and size. Other members are looked at by whoever needs them. */
static int read_blob(const struct json *j, const char *what, struct oci_blob *out, struct err *err)
{
    const char *digest = text_of(j, "digest");
    const struct json *size = json_get(j, "size");

    if (strncmp(digest, "sha256:", 7) != 0 || !image_id_valid(digest + 7))
        return err_set(err, -EINVAL, "%s: its digest \"%.80s\" is not sha256 and 64 hex digits", what, digest);
    if (!size || size->type != JSON_INT || size->integer < 0)
        return err_set(err, -EINVAL, "%s: its descriptor has no size", what);
    strcpy(out->hex, digest + 7);
    out->size = (uint64_t)size->integer;
    return 0;
}

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

/* A descriptor without a platform may be anything; one with a platform must be ours. */
static bool platform_fits(const struct json *descriptor)
{
    const struct json *platform = json_get(descriptor, "platform");

    return !platform ||
           (!strcmp(text_of(platform, "os"), "linux") && !strcmp(text_of(platform, "architecture"), HOST_ARCH));
}

static bool is_image(const struct json *descriptor)
{
    const char *type = text_of(descriptor, "mediaType");

    return is_one_of(type, index_types) || is_one_of(type, manifest_types);
}

static void list_platforms(const struct json *manifests, const char *ref, char *out, size_t size)
{
    size_t n = 0;

    out[0] = 0;
    for (const struct json *m = manifests->child; m && n + 1 < size; m = m->next) {
        const struct json *platform = json_get(m, "platform");
        int k = ref ? snprintf(out + n, size - n, " %s", text_of(json_get(m, "annotations"), REF_NAME))
                    : snprintf(out + n, size - n, " %s/%s", text_of(platform, "os"), text_of(platform, "architecture"));
        n += k > 0 ? (size_t)k : 0;
    }
}

/* The one descriptor of an index to go on with. Without a REF several images must differ by platform. */
static int choose(const struct json *index, const char *ref, const struct json **out, struct err *err)
{
    const struct json *manifests = json_get(index, "manifests");
    const char *found_ref = NULL;
    char have[200];

    *out = NULL;
    if (!manifests || manifests->type != JSON_ARRAY)
        return err_set(err, -EINVAL, "the index has no manifests");
    for (const struct json *m = manifests->child; m; m = m->next) {
        const char *name = text_of(json_get(m, "annotations"), REF_NAME);
        if (!is_image(m) || !platform_fits(m) || (ref && strcmp(name, ref) != 0))
            continue;
        if (!*out) {
            *out = m;
            found_ref = name;
        } else if (!ref && strcmp(name, found_ref) != 0) {
            list_platforms(manifests, "", have, sizeof have);
            return err_set(err, -EINVAL, "it holds several images (%s ): say which with oci:DIR:REF", have);
        }
    }
    if (*out)
        return 0;
    list_platforms(manifests, ref, have, sizeof have);
    if (ref)
        return err_set(err, -ENOENT, "it has no image %s for linux/" HOST_ARCH "; it has:%s", ref, have);
    return err_set(err, -ENOENT, "it has no image for linux/" HOST_ARCH "; it has:%s", have);
}

static int find_manifest(struct arena *a, struct oci_image *o, const char *ref, struct json **manifest, struct err *err)
{
    const struct json *chosen;
    struct json *index;
    int r = read_plain(a, o, "index.json", &index, err);

    for (int depth = 0; r == 0; depth++) {
        if (depth == OCI_INDEX_DEPTH_MAX)
            return err_set(err, -ELOOP, "its indexes are nested deeper than %d", OCI_INDEX_DEPTH_MAX);
        if ((r = choose(index, depth ? NULL : ref, &chosen, err)) < 0 ||
            (r = read_blob(chosen, "manifest", &o->manifest, err)) < 0)
            return r;
        if (is_one_of(text_of(chosen, "mediaType"), manifest_types))
            return read_document(a, o, &o->manifest, manifest, err);
        r = read_document(a, o, &o->manifest, &index, err);
    }
    return r;
}

static int read_layers(struct arena *a, struct oci_image *o, const struct json *manifest, struct err *err)
{
    const struct json *layers = json_get(manifest, "layers");

    if (!layers || layers->type != JSON_ARRAY)
        return err_set(err, -EINVAL, "the manifest has no layers");
    if (layers->count > OCI_LAYERS_MAX)
        return err_set(err, -E2BIG, "the manifest has %u layers; at most %d are taken", layers->count, OCI_LAYERS_MAX);
    o->layers = arena_array(a, (size_t)layers->count + 1, sizeof *o->layers);
    if (!o->layers)
        return err_set(err, -ENOMEM, "out of memory");
    for (const struct json *l = layers->child; l; l = l->next) {
        const char *type = text_of(l, "mediaType");
        if (!is_one_of(type, layer_types))
            return err_set(err, -ENOTSUP,
                           "layer %zu has the type \"%.80s\": only tar layers, plain, gzip or zstd, are taken",
                           o->n_layers + 1, type);
        int r = read_blob(l, "layer", &o->layers[o->n_layers++], err);
        if (r < 0)
            return r;
    }
    return 0;
}

static int read_config(struct arena *a, struct oci_image *o, const struct json *manifest, struct err *err)
{
    const struct json *descriptor = json_get(manifest, "config");
    const char *type = text_of(descriptor, "mediaType");
    struct json *config;
    int r;

    if (!is_one_of(type, config_types))
        return err_set(err, -ENOTSUP, "the manifest describes no image: its config has the type \"%.80s\"", type);
    if ((r = read_blob(descriptor, "config", &o->config, err)) < 0 ||
        (r = read_document(a, o, &o->config, &config, err)) < 0)
        return r;
    const char *os = text_of(config, "os"), *arch = text_of(config, "architecture");
    if ((*os && strcmp(os, "linux") != 0) || (*arch && strcmp(arch, HOST_ARCH) != 0))
        return err_set(err, -ENOTSUP, "the image is for %.40s/%.40s, this host is linux/" HOST_ARCH, os, arch);
    const struct json *diff_ids = json_get(json_get(config, "rootfs"), "diff_ids");
    if (diff_ids && diff_ids->count != o->n_layers)
        return err_set(err, -EINVAL, "the manifest has %zu layers, its config %u", o->n_layers, diff_ids->count);
    if (!image_time_read(text_of(config, "created"), &o->created))
        o->created = 0;
    return image_config_read(a, &o->image_config, json_get(config, "config"), err);
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

int oci_layout_open(struct arena *a, struct oci_image *out, const char *spec, struct err *err)
{
    struct oci_image o = {.fd = -1};
    struct json *layout, *manifest;
    const char *ref;
    int r = open_directory(a, spec, &o.fd, &ref, err);

    if (r == 0)
        r = read_plain(a, &o, "oci-layout", &layout, err);
    if (r == 0 && strncmp(text_of(layout, "imageLayoutVersion"), "1.", 2) != 0)
        r = err_set(err, -ENOTSUP, "oci-layout: version \"%.20s\" is not known: 1.0.0 is",
                    text_of(layout, "imageLayoutVersion"));
    if (r == 0 && (r = find_manifest(a, &o, ref, &manifest, err)) == 0 &&
        (r = read_layers(a, &o, manifest, err)) == 0 && (r = read_config(a, &o, manifest, err)) == 0) {
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
