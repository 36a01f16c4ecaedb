/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The order of a pull: see src/image/README.md. moat-pull speaks with the registry and is not believed: it puts files
 * into a directory of the store, and here their digests are taken before they are parsed or unpacked. All that the
 * helper decides is what a tag means, and that nobody but the registry can say.
 */
#include "image/pull.h"

#include "image/puller.h"
#include "image/remote.h"
#include "image/store_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#define CONNECT_SECONDS 15
#define STALL_SECONDS   30

#define REPORTS_A_ROUND 16 /* that are heard between two pieces of an archive */

#define NONE UINT32_MAX

struct layer {
    uint32_t request; /* that fetches it; of a blob that stands there twice: the first's */
    size_t same_as;   /* the first layer with this blob; itself */
    bool here;
};

struct pull {
    struct store *s;
    const struct pull_options *o;
    struct remote remote;
    struct oci_platform platform;
    struct puller puller;
    struct store_build stage; /* the directory that moat-pull fills is its rootfs */
    struct oci_image oci;
    struct layer *layers; /* NULL: not known yet */
    uint32_t config;      /* request; NONE */
    bool config_here;
    size_t unpacking;  /* layer under way */
    struct err failed; /* of moat-pull, heard while a layer was unpacked */
    struct pull_result *out;
};

/* ---- hearing ---------------------------------------------------------------------------------------------------- */

static void tell(struct pull *p, size_t layer, enum pull_stage stage, uint64_t done, uint64_t total)
{
    struct pull_news news = {.layer = layer,
                             .n_layers = p->oci.content.n_layers,
                             .hex = p->oci.content.layers[layer].hex,
                             .stage = stage,
                             .done = done,
                             .total = total};

    if (p->o->progress)
        p->o->progress(p->o->ctx, &news);
}

static void note_report(struct pull *p, const struct pull_report *r)
{
    if (p->config != NONE && r->request == p->config)
        p->config_here |= r->kind == PULL_GOT;
    for (size_t i = 0; p->layers && i < p->oci.content.n_layers; i++) {
        struct layer *l = &p->layers[i];
        if (l->request != r->request || l->here)
            continue;
        l->here = r->kind == PULL_GOT;
        if (l->here && l->same_as == i)
            p->out->downloaded += p->oci.content.layers[i].size;
        tell(p, i, l->here ? PULL_LAYER_IS_HERE : PULL_LAYER_DOWNLOADS, r->bytes, p->oci.content.layers[i].size);
    }
}

static int hear(struct pull *p, struct pull_report *r, struct err *err)
{
    if (p->failed.code)
        return err_set(err, p->failed.code, "%s", p->failed.text);
    int ret = puller_hear(&p->puller, true, r, err);
    if (ret == 0)
        note_report(p, r);
    return ret;
}

/* While a layer is unpacked: some of what has come meanwhile, however fast more of it comes. A failure waits for the
 * end of the layer. */
static void on_unpack(void *ctx, uint64_t done, uint64_t total)
{
    struct pull *p = ctx;
    struct pull_report r;
    int ret = 0;

    for (int i = 0; i < REPORTS_A_ROUND && ret == 0 && !p->failed.code; i++) {
        ret = puller_hear(&p->puller, false, &r, &p->failed);
        if (ret == 0)
            note_report(p, &r);
    }
    if (total) /* else it tells of what it has written */
        tell(p, p->unpacking, PULL_LAYER_UNPACKS, done, total);
}

/* ---- documents -------------------------------------------------------------------------------------------------- */

static int fetch_document(struct pull *p, const char *reference, struct oci_blob *blob, const char **type,
                          struct err *err)
{
    struct pull_report r = {0};
    uint32_t number;
    int ret = puller_ask(&p->puller, PULL_MANIFEST, reference, blob->size, &number, err);

    if (ret < 0 || (ret = hear(p, &r, err)) < 0)
        return ret;
    if (r.kind != PULL_GOT || r.request != number || !image_id_valid(r.hex) || r.bytes > PULL_DOCUMENT_MAX)
        return err_set(err, -EPROTO, "moat-pull answers another request");
    if (!strncmp(reference, "sha256:", 7) && strcmp(r.hex, reference + 7) != 0)
        return err_set(err, -EBADMSG, "moat-pull brings sha256:%.12s instead of %.19s", r.hex, reference);
    strcpy(blob->hex, r.hex);
    blob->size = r.bytes;
    /* What an index says of a document counts; of the first one nobody but the registry has said anything. */
    if (!*type && !(*type = arena_strdup(p->s->arena, r.type)))
        return err_set(err, -ENOMEM, "out of memory");
    return 0;
}

/* From the name to the manifest for the platform. */
static int find_manifest(struct pull *p, struct err *err)
{
    char reference[IMAGE_ID_LEN + 8];
    const char *wanted = p->remote.wanted, *type = NULL;
    struct oci_blob blob = {.size = 0};
    bool complete = false;
    int r = 0;

    for (int depth = 0; r == 0 && !complete; depth++) {
        if (depth > OCI_INDEX_DEPTH_MAX)
            return err_set(err, -ELOOP, "its indexes are nested deeper than %d", OCI_INDEX_DEPTH_MAX);
        if (blob.size > PULL_DOCUMENT_MAX)
            return err_set(err, -EFBIG, "manifest sha256:%.12s: has %llu bytes; a document may have %u", blob.hex,
                           (unsigned long long)blob.size, PULL_DOCUMENT_MAX);
        if ((r = fetch_document(p, wanted, &blob, &type, err)) < 0)
            return r;
        if (depth == 0)
            strcpy(p->out->digest, blob.hex);
        r = oci_image_descend(p->s->arena, &p->oci, &p->platform, &blob, &type, &complete, err);
        if (r < 0)
            return err_wrap(err, "manifest sha256:%.12s", depth ? reference + 7 : p->out->digest);
        snprintf(reference, sizeof reference, "sha256:%s", blob.hex);
        wanted = reference;
    }
    return r;
}

/* ---- layers ----------------------------------------------------------------------------------------------------- */

static int check_sizes(struct pull *p, struct err *err)
{
    uint64_t limit = p->o->max_bytes ? p->o->max_bytes : UNPACK_BYTES_MAX, left = limit;

    for (size_t i = 0; i < p->oci.content.n_layers; i++) {
        uint64_t size = p->oci.content.layers[i].size;
        if (size > left)
            return err_set(err, -EFBIG, "its layers have more than %llu bytes", (unsigned long long)limit);
        left -= size;
    }
    if (p->oci.content.config.size > PULL_DOCUMENT_MAX)
        return err_set(err, -EFBIG, "its configuration has %llu bytes; a document may have %u",
                       (unsigned long long)p->oci.content.config.size, PULL_DOCUMENT_MAX);
    return 0;
}

static int ask_blob(struct pull *p, const struct oci_blob *blob, uint32_t *number, struct err *err)
{
    char reference[IMAGE_ID_LEN + 8];

    snprintf(reference, sizeof reference, "sha256:%s", blob->hex);
    return puller_ask(&p->puller, PULL_BLOB, reference, blob->size, number, err);
}

/* The configuration and all layers at once: moat-pull takes them in this order, a few at a time. */
static int ask_for_all(struct pull *p, struct err *err)
{
    const struct oci_manifest *m = &p->oci.content;
    int r = ask_blob(p, &m->config, &p->config, err);

    p->layers = r < 0 ? NULL : arena_array(p->s->arena, m->n_layers + 1, sizeof *p->layers);
    if (r == 0 && !p->layers)
        r = err_set(err, -ENOMEM, "out of memory");
    for (size_t i = 0; r == 0 && i < m->n_layers; i++) {
        size_t k = 0;
        while (k < i && strcmp(m->layers[k].hex, m->layers[i].hex) != 0)
            k++;
        if (k < i && m->layers[k].size != m->layers[i].size)
            return err_set(err, -EINVAL, "the manifest gives layer sha256:%.12s two sizes", m->layers[i].hex);
        p->layers[i].same_as = k;
        p->layers[i].request = NONE;
        if (k < i)
            p->layers[i].request = p->layers[k].request;
        else
            r = ask_blob(p, &m->layers[i], &p->layers[i].request, err);
        if (r == 0)
            tell(p, i, PULL_LAYER_WAITS, 0, m->layers[i].size);
    }
    return r;
}

/* The bytes of a layer are not needed again, unless it stands there twice. */
static void drop_blob(struct pull *p, size_t i)
{
    char path[16 + SHA256_HEX_SIZE];

    for (size_t k = i + 1; k < p->oci.content.n_layers; k++)
        if (p->layers[k].same_as == p->layers[i].same_as)
            return;
    snprintf(path, sizeof path, "blobs/sha256/%s", p->oci.content.layers[i].hex);
    unlinkat(p->oci.fd, path, 0);
}

static int before_layer(void *ctx, size_t i, struct err *err)
{
    struct pull *p = ctx;
    struct pull_report r;
    int ret = 0;

    if (i > 0) {
        tell(p, i - 1, PULL_LAYER_DONE, 0, 0);
        drop_blob(p, i - 1);
    }
    if (i == p->oci.content.n_layers)
        return 0;
    while (ret == 0 && !p->layers[i].here)
        ret = hear(p, &r, err);
    p->unpacking = i;
    return ret;
}

static int fetch_layers(struct pull *p, const struct reference *name, struct err *err)
{
    struct import in = {.name = *name,
                        .max_bytes = p->o->max_bytes,
                        .max_entries = p->o->max_entries,
                        .platform = &p->platform,
                        .progress = on_unpack,
                        .before_layer = before_layer,
                        .ctx = p,
                        .interrupted = p->o->interrupted};
    struct pull_report report;
    int r = check_sizes(p, err);

    if (r == 0)
        r = ask_for_all(p, err);
    while (r == 0 && !p->config_here)
        r = hear(p, &report, err);
    if (r < 0 || (r = oci_image_configure(p->s->arena, &p->oci, &p->platform, err)) < 0)
        return r;
    in.source = arena_printf(p->s->arena, "%s%c%s", p->out->full, name->by_digest ? '@' : ':', p->remote.wanted);
    if (!in.source)
        return err_set(err, -ENOMEM, "out of memory");
    return image_import_oci(p->s, &in, &p->oci, &p->out->import, err);
}

/* ---- the order of things ---------------------------------------------------------------------------------------- */

static int stall_seconds(uint32_t *out, struct err *err)
{
    const char *text = getenv("MOAT_PULL_STALL");
    char *end;

    *out = STALL_SECONDS;
    if (!text || !*text)
        return 0;
    unsigned long v = strtoul(text, &end, 10);
    if (*text < '0' || *text > '9' || *end || v < 1 || v > 3600)
        return err_set(err, -EINVAL, "MOAT_PULL_STALL=%.40s: not a number of seconds from 1 to 3600", text);
    *out = (uint32_t)v;
    return 0;
}

static int prepare(struct pull *p, struct pull_setup *setup, struct err *err)
{
    struct remote_login login;
    int r = remote_login_find(p->s->arena, p->remote.host, &login, err);

    *setup = (struct pull_setup){.version = PULL_RECORD_VERSION,
                                 .connect_seconds = CONNECT_SECONDS,
                                 .max_bytes = p->o->max_bytes ? p->o->max_bytes : UNPACK_BYTES_MAX};
    if (r < 0 || (r = stall_seconds(&setup->stall_seconds, err)) < 0)
        return r;
    if (setup->connect_seconds > setup->stall_seconds)
        setup->connect_seconds = setup->stall_seconds;
    bool insecure = p->remote.loopback;
    for (size_t i = 0; i < p->o->n_insecure; i++)
        insecure |= !strcasecmp(p->o->insecure[i], p->remote.host);
    setup->flags = insecure ? PULL_INSECURE : 0;
    strcpy(setup->host, p->remote.host);
    strcpy(setup->repository, p->remote.repository);
    if (!login.found && login.helper)
        setup->flags |= PULL_LOGIN_IN_HELPER;
    if (!login.found)
        return 0;
    if (strlen(login.user) >= sizeof setup->user || strlen(login.password) >= sizeof setup->password)
        return err_set(err, -E2BIG, "the login for %s in docker's config.json is too long", p->remote.host);
    strcpy(setup->user, login.user);
    strcpy(setup->password, login.password);
    setup->flags |= PULL_HAS_PASSWORD;
    return 0;
}

static int make_stage(struct pull *p, struct err *err)
{
    int r = store_build_begin(p->s, &p->stage, err);

    if (r < 0) {
        p->stage.fd = -1;
        return r;
    }
    p->oci.fd = p->stage.rootfs_fd;
    if (mkdirat(p->oci.fd, "blobs", 0700) < 0 || mkdirat(p->oci.fd, "blobs/sha256", 0700) < 0)
        return err_sys(err, -errno, "prepare a directory in %s", p->s->path);
    return 0;
}

/* The manifest's digest is the image's id: when the store has it nothing else is fetched. */
static int bring_in(struct pull *p, const struct reference *ref, struct err *err)
{
    struct reference name = *ref, before;
    char show[REFERENCE_TEXT_MAX], id[IMAGE_ID_LEN + 1];
    struct err none = {0};
    int r = find_manifest(p, err);

    if (r < 0)
        return r;
    strcpy(name.digest, p->out->digest);
    p->out->n_layers = p->oci.content.n_layers;
    if (!store_has(p->s, p->oci.manifest.hex))
        return fetch_layers(p, &name, err);
    reference_show(ref, show);
    p->out->up_to_date = store_find(p->s, show, &before, id, &none) == 0 && before.name[0] &&
                         !strcmp(id, p->oci.manifest.hex) && !strcmp(before.digest, name.digest) &&
                         before.by_digest == name.by_digest;
    p->out->import = (struct import_result){.existed = true};
    strcpy(p->out->import.id, p->oci.manifest.hex);
    return store_tag(p->s, &name, p->oci.manifest.hex, err);
}

int image_pull(struct store *s, const struct reference *ref, const struct pull_options *options,
               struct pull_result *out, struct err *err)
{
    struct pull p = {.s = s, .o = options, .config = NONE, .out = out, .puller = {.request = -1, .report = -1}};
    struct pull_setup setup;
    struct err ignored = {0};
    const char *registry;
    unsigned cleaned;
    int r;

    *out = (struct pull_result){0};
    p.stage.fd = p.stage.rootfs_fd = p.oci.fd = -1;
    if ((r = oci_platform_parse(options->platform, &p.platform, err)) < 0 ||
        (r = remote_default_registry(s->arena, &registry, err)) < 0 ||
        (r = remote_of(ref, registry, &p.remote, err)) < 0)
        return r;
    oci_platform_show(&p.platform, out->platform);
    out->foreign = !oci_platform_is_own(&p.platform);
    snprintf(out->full, sizeof out->full, "%s/%s", p.remote.host, p.remote.repository);
    store_clean(s, &cleaned, &ignored); /* rubbish that cannot be removed must not stop a pull */
    if ((r = prepare(&p, &setup, err)) == 0 && (r = make_stage(&p, err)) == 0 &&
        (r = puller_start(s->arena, &setup, p.oci.fd, options->interrupted, &p.puller, err)) == 0)
        r = bring_in(&p, ref, err);
    explicit_bzero(&setup, sizeof setup);
    puller_end(&p.puller);
    store_build_discard(s, &p.stage);
    if (r < 0 && options->interrupted && *options->interrupted && r != -EINTR)
        r = err_set(err, -EINTR, "interrupted");
    return r < 0 ? err_wrap(err, "%s", out->full) : 0;
}
