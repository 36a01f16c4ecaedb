/* SPDX-License-Identifier: Apache-2.0 */
/* What a registry says: a challenge, and the documents of an image. The first byte chooses. What is taken must keep its
 * promises: bounded, terminated, harmless as a file name or a header. */
#include "image/oci_document.h"
#include "image/remote.h"
#include "pull/challenge.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_challenge(const char *text)
{
    struct challenge c;

    if (!challenge_read(text, &c))
        return;
    if (c.scheme == CHALLENGE_NONE || (c.scheme == CHALLENGE_BEARER && !c.realm[0]))
        abort();
    for (const char *p = c.realm; *p; p++)
        if ((unsigned char)*p < 0x20)
            abort();
}

static void check_blob(const struct oci_blob *b)
{
    if (!image_id_valid(b->hex))
        abort();
}

static void try_document(struct arena *a, char *text, size_t size, const char *type)
{
    struct oci_platform platform;
    struct oci_manifest manifest;
    struct image_config config;
    struct oci_blob blob;
    struct err err = {0};
    struct json *root;
    const char *next;
    enum oci_kind kind;
    int64_t created;

    if (json_parse(a, text, size, &root, &err) < 0 || root->type != JSON_OBJECT ||
        oci_platform_parse(NULL, &platform, &err) < 0)
        return;
    if (oci_config_read(a, root, &platform, 1, &config, &created, &err) == 0 && !config.env.n)
        abort();
    if (oci_document_kind(root, type, &kind, &err) < 0) {
        if (!err.text[0] || strchr(err.text, '\n'))
            abort();
        return;
    }
    if (kind == OCI_INDEX && oci_index_choose(root, NULL, &platform, &blob, &next, &err) == 0)
        check_blob(&blob);
    if (kind == OCI_MANIFEST && oci_manifest_read(a, root, &manifest, &err) == 0) {
        check_blob(&manifest.config);
        if (manifest.n_layers > OCI_LAYERS_MAX)
            abort();
        for (size_t i = 0; i < manifest.n_layers; i++)
            check_blob(&manifest.layers[i]);
    }
}

static void try_login(struct arena *a, char *text, size_t size)
{
    struct remote_login login;
    struct err err = {0};

    if (remote_login_read(a, text, size, "h.example:5000", &login, &err) == 0 && login.found &&
        (!*login.user || !*login.password))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const types[] = {"", "application/vnd.oci.image.index.v1+json",
                                        "application/vnd.oci.image.manifest.v1+json"};
    struct arena a;

    if (size < 1 || size > 1u << 20 || arena_init(&a, 128u << 20) < 0)
        return 0;
    char *text = malloc(size);
    if (!text)
        abort();
    memcpy(text, data + 1, size - 1);
    text[size - 1] = 0;
    if (data[0] % 5 == 3)
        try_challenge(text);
    else if (data[0] % 5 == 4)
        try_login(&a, text, size - 1);
    else
        try_document(&a, text, size - 1, types[data[0] % 5]);
    free(text);
    arena_free(&a);
    return 0;
}
