/* SPDX-License-Identifier: Apache-2.0 */
/* See oci_document.h. Loops go over the children of parsed JSON, whose number the parser's arena bounds. */
#include "image/oci_document.h"

#include "image/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define REF_NAME "org.opencontainers.image.ref.name"

#if defined(__x86_64__)
#define OWN_ARCH "amd64"
#elif defined(__aarch64__)
#define OWN_ARCH "arm64"
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

/* A descriptor: digest and size. Other members are looked at by whoever needs them. */
static int read_blob(const struct json *j, const char *what, struct oci_blob *out, struct err *err)
{
    const char *digest = json_get_text(j, "digest", "");
    const struct json *size = json_get(j, "size");

    if (strncmp(digest, "sha256:", 7) != 0 || !image_id_valid(digest + 7))
        return err_set(err, -EINVAL, "%s: its digest \"%.80s\" is not sha256 and 64 hex digits", what, digest);
    if (!size || size->type != JSON_INT || size->integer < 0)
        return err_set(err, -EINVAL, "%s: its descriptor has no size", what);
    strcpy(out->hex, digest + 7);
    out->size = (uint64_t)size->integer;
    return 0;
}

/* ---- platforms -------------------------------------------------------------------------------------------------- */

static bool word_valid(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!((s[i] >= 'a' && s[i] <= 'z') || (s[i] >= '0' && s[i] <= '9') || s[i] == '_'))
            return false;
    return n > 0;
}

int oci_platform_parse(const char *text, struct oci_platform *out, struct err *err)
{
    static const char *const spellings[][2] = {{"x86_64", "amd64"}, {"x86-64", "amd64"}, {"aarch64", "arm64"}};
    struct oci_platform p = {.os = "linux", .arch = OWN_ARCH};
    struct {
        char *at;
        size_t size;
    } parts[] = {{p.os, sizeof p.os}, {p.arch, sizeof p.arch}, {p.variant, sizeof p.variant}};
    const char *rest = text;

    for (size_t i = text && !strchr(text, '/') ? 1 : 0; text && i < ARRAY_LEN(parts) && rest; i++) {
        size_t n = strcspn(rest, "/");
        if (!word_valid(rest, n) || n >= parts[i].size)
            return err_set(err, -EINVAL, "platform %.80s: not OS/ARCH[/VARIANT]: use one like linux/arm64", text);
        memcpy(parts[i].at, rest, n);
        parts[i].at[n] = 0;
        rest = rest[n] ? rest + n + 1 : NULL;
    }
    if (text && rest)
        return err_set(err, -EINVAL, "platform %.80s: not OS/ARCH[/VARIANT]: use one like linux/arm64", text);
    if (strcmp(p.os, "linux") != 0)
        return err_set(err, -ENOTSUP, "platform %.80s: only images of linux are taken", text);
    for (size_t i = 0; i < ARRAY_LEN(spellings); i++)
        if (!strcmp(p.arch, spellings[i][0]))
            strcpy(p.arch, spellings[i][1]);
    *out = p;
    return 0;
}

bool oci_platform_is_own(const struct oci_platform *p)
{
    return !strcmp(p->arch, OWN_ARCH);
}

void oci_platform_show(const struct oci_platform *p, char out[64])
{
    snprintf(out, 64, "%s/%s%s%s", p->os, p->arch, *p->variant ? "/" : "", p->variant);
}

/* ---- index and manifest ----------------------------------------------------------------------------------------- */

int oci_document_kind(const struct json *document, const char *type, enum oci_kind *out, struct err *err)
{
    const struct json *version = json_get(document, "schemaVersion");
    const char *own = json_get_text(document, "mediaType", "");
    bool index = json_get(document, "manifests"), manifest = json_get(document, "layers");

    if ((version && version->type == JSON_INT && version->integer == 1) || strstr(type, "distribution.manifest.v1+"))
        return err_set(err, -ENOTSUP,
                       "it is a manifest of Docker's schema 1, which names no layers by what they hold: "
                       "push the image again with a newer program");
    if (index && manifest)
        return err_set(err, -EINVAL, "the document says that it is an index and a manifest");
    bool known = is_one_of(type, index_types) || is_one_of(type, manifest_types);
    if (*own && known && strcmp(own, type) != 0)
        return err_set(err, -EINVAL, "the document says that it is %.80s, and comes as %.80s", own, type);
    if (*own)
        type = own;
    if (is_one_of(type, index_types) || (!known && !*own && index))
        *out = OCI_INDEX;
    else if (is_one_of(type, manifest_types) || (!known && !*own && manifest))
        *out = OCI_MANIFEST;
    else
        return err_set(err, -ENOTSUP, "the document's type \"%.80s\" is not known: a manifest or an index is", type);
    if (*out == OCI_INDEX ? manifest : index)
        return err_set(err, -EINVAL, "the document's members are not those of its type %.80s", type);
    return 0;
}

/* A descriptor without a platform may be anything; one with a platform must be ours. */
static bool platform_fits(const struct json *descriptor, const struct oci_platform *p)
{
    const struct json *platform = json_get(descriptor, "platform");

    return !platform || (!strcmp(json_get_text(platform, "os", ""), p->os) &&
                         !strcmp(json_get_text(platform, "architecture", ""), p->arch) &&
                         (!*p->variant || !strcmp(json_get_text(platform, "variant", ""), p->variant)));
}

static bool is_image(const struct json *descriptor)
{
    const char *type = json_get_text(descriptor, "mediaType", "");

    return is_one_of(type, index_types) || is_one_of(type, manifest_types);
}

static void list_platforms(const struct json *manifests, const char *ref, char *out, size_t size)
{
    size_t n = 0;

    out[0] = 0;
    for (const struct json *m = manifests->child; m && n + 1 < size; m = m->next) {
        const struct json *platform = json_get(m, "platform");
        int k = ref ? snprintf(out + n, size - n, " %s", json_get_text(json_get(m, "annotations"), REF_NAME, ""))
                    : snprintf(out + n, size - n, " %s/%s", json_get_text(platform, "os", ""),
                               json_get_text(platform, "architecture", ""));
        n += k > 0 ? (size_t)k : 0;
    }
}

int oci_index_choose(const struct json *index, const char *ref, const struct oci_platform *platform,
                     struct oci_blob *out, const char **type, struct err *err)
{
    const struct json *manifests = json_get(index, "manifests"), *found = NULL;
    const char *found_ref = NULL;
    char have[200], wanted[64];

    if (!manifests || manifests->type != JSON_ARRAY)
        return err_set(err, -EINVAL, "the index has no manifests");
    for (const struct json *m = manifests->child; m; m = m->next) {
        const char *name = json_get_text(json_get(m, "annotations"), REF_NAME, "");
        if (!is_image(m) || !platform_fits(m, platform) || (ref && strcmp(name, ref) != 0))
            continue;
        if (!found) {
            found = m;
            found_ref = name;
        } else if (!ref && strcmp(name, found_ref) != 0) {
            list_platforms(manifests, "", have, sizeof have);
            return err_set(err, -EINVAL, "it holds several images (%s ): say which with oci:DIR:REF", have);
        }
    }
    if (found) {
        *type = json_get_text(found, "mediaType", "");
        return read_blob(found, "manifest", out, err);
    }
    list_platforms(manifests, ref, have, sizeof have);
    oci_platform_show(platform, wanted);
    if (ref)
        return err_set(err, -ENOENT, "it has no image %s for %s; it has:%s", ref, wanted, have);
    return err_set(err, -ENOENT, "it has no image for %s; it has:%s", wanted, have);
}

static int read_layers(struct arena *a, struct oci_manifest *o, const struct json *manifest, struct err *err)
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
        const char *type = json_get_text(l, "mediaType", "");
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

int oci_manifest_read(struct arena *a, const struct json *manifest, struct oci_manifest *out, struct err *err)
{
    const struct json *descriptor = json_get(manifest, "config");
    const char *type = json_get_text(descriptor, "mediaType", "");
    int r;

    *out = (struct oci_manifest){0};
    if ((r = read_layers(a, out, manifest, err)) < 0)
        return r;
    if (!is_one_of(type, config_types))
        return err_set(err, -ENOTSUP, "the manifest describes no image: its config has the type \"%.80s\"", type);
    return read_blob(descriptor, "config", &out->config, err);
}

int oci_config_read(struct arena *a, const struct json *config, const struct oci_platform *platform, size_t n_layers,
                    struct image_config *out, int64_t *created, struct err *err)
{
    const char *os = json_get_text(config, "os", ""), *arch = json_get_text(config, "architecture", "");
    const struct json *diff_ids = json_get(json_get(config, "rootfs"), "diff_ids");
    char wanted[64];

    oci_platform_show(platform, wanted);
    if ((*os && strcmp(os, platform->os) != 0) || (*arch && strcmp(arch, platform->arch) != 0))
        return err_set(err, -ENOTSUP, "the image is for %.40s/%.40s, %s %s", os, arch,
                       oci_platform_is_own(platform) ? "this host is" : "asked for was", wanted);
    if (diff_ids && diff_ids->count != n_layers)
        return err_set(err, -EINVAL, "the manifest has %zu layers, its config %u", n_layers, diff_ids->count);
    if (!image_time_read(json_get_text(config, "created", ""), created))
        *created = 0;
    return image_config_read(a, out, json_get(config, "config"), err);
}
