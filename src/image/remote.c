/* SPDX-License-Identifier: Apache-2.0 */
/* Names to hosts, and hosts to logins. The files are the user's own or root's; they are read with limits all the same.
 */
#include "image/remote.h"

#include "base/io.h"
#include "base/json.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define LOGINS_MAX   (1u << 20)
#define REGISTRY_MAX 1024u

int remote_default_registry(struct arena *a, const char **registry, struct err *err)
{
    const char *env = getenv("MOAT_REGISTRY");
    char *text;
    size_t len;

    *registry = env ? env : "";
    if (env && *env)
        return 0;
    int r = io_read_file(a, AT_FDCWD, REMOTE_REGISTRY_FILE, REGISTRY_MAX, &text, &len);
    if (r == -ENOENT || r == -ENOTDIR)
        return 0;
    if (r < 0)
        return err_sys(err, r, "read %s", REMOTE_REGISTRY_FILE);
    text += strspn(text, " \t\n");
    size_t n = strcspn(text, " \t\n");
    if (text[n + strspn(text + n, " \t\n")])
        return err_set(err, -EINVAL, "%s: it has more than one word: write HOST[:PORT][/PREFIX]", REMOTE_REGISTRY_FILE);
    text[n] = 0;
    *registry = text;
    return 0;
}

static bool is_loopback(const char *host)
{
    size_t n = *host == '[' ? strcspn(host, "]") + 1 : strcspn(host, ":");
    unsigned a, b, c, d;
    int used = 0;
    char name[64];

    if (n >= sizeof name)
        return false;
    memcpy(name, host, n);
    name[n] = 0;
    return !strcasecmp(name, "localhost") || !strcmp(name, "[::1]") ||
           (sscanf(name, "%3u.%3u.%3u.%3u%n", &a, &b, &c, &d, &used) == 4 && !name[used] && a == 127 && b < 256 &&
            c < 256 && d < 256);
}

int remote_of(const struct reference *ref, const char *registry, struct remote *out, struct err *err)
{
    struct remote r = {0};
    struct reference whole;
    struct err why = {0};
    char text[2 * REFERENCE_NAME_MAX + 8];
    const char *name = ref->name;
    size_t host = reference_host_length(name);

    if (!host) {
        const char *prefix = strchr(registry, '/');
        if (!*registry)
            return err_set(err, -EDESTADDRREQ,
                           "image %s: it names no registry, and no default is set: give HOST/%s, or set MOAT_REGISTRY "
                           "or %s to HOST[:PORT][/PREFIX]",
                           name, name, REMOTE_REGISTRY_FILE);
        size_t n = prefix && strchr(name, '/') ? (size_t)(prefix - registry) : strlen(registry);
        /* A host of one word is fine here, where nothing else can be meant; the grammar wants to see that it is one. */
        bool plain = !strpbrk(registry, ".:") && strncmp(registry, "localhost", 9) != 0;
        if (plain || snprintf(text, sizeof text, "%.*s/%s", (int)n, registry, name) >= (int)sizeof text ||
            reference_parse(text, &whole, &why) < 0 || !(host = reference_host_length(whole.name)))
            return err_set(err, -EINVAL,
                           "the default registry \"%.200s\" is no HOST[:PORT][/PREFIX]: correct MOAT_REGISTRY or %s",
                           registry, REMOTE_REGISTRY_FILE);
        name = whole.name;
    }
    memcpy(r.host, name, host);
    strcpy(r.repository, name + host + 1);
    snprintf(r.wanted, sizeof r.wanted, "%s%s", ref->by_digest ? "sha256:" : "",
             ref->by_digest ? ref->digest : ref->tag);
    r.loopback = is_loopback(r.host);
    *out = r;
    return 0;
}

/* ---- logins ----------------------------------------------------------------------------------------------------- */

static int base64_value(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *p = c ? strchr(digits, c) : NULL;

    return p ? (int)(p - digits) : -1;
}

/* RFC 4648, with padding or without; NULL when it is none or holds a NUL. */
static char *base64_decode(struct arena *a, const char *text)
{
    size_t n = strlen(text), at = 0;
    char *out = arena_alloc(a, n / 4 * 3 + 4);
    uint32_t bits = 0;
    unsigned have = 0;

    while (n && text[n - 1] == '=')
        n--;
    for (size_t i = 0; out && i < n; i++) {
        int v = base64_value(text[i]);
        if (v < 0)
            return NULL;
        bits = bits << 6 | (uint32_t)v;
        if ((have += 6) >= 8) {
            have -= 8;
            out[at++] = (char)(bits >> have);
            if (!out[at - 1])
                return NULL;
        }
    }
    return out;
}

/* A key may be HOST, HOST:PORT, or an address with a path, as old versions wrote it. */
static bool key_is_host(const char *key, const char *host)
{
    for (size_t i = 0; i < 2; i++) {
        const char *scheme = i ? "http://" : "https://";
        if (!strncmp(key, scheme, strlen(scheme)))
            key += strlen(scheme);
    }
    size_t n = strcspn(key, "/");
    return n == strlen(host) && !strncasecmp(key, host, n);
}

int remote_login_read(struct arena *a, char *text, size_t len, const char *host, struct remote_login *out,
                      struct err *err)
{
    struct json *root, *auths, *helpers;
    int r = json_parse(a, text, len, &root, err);

    *out = (struct remote_login){0};
    if (r < 0)
        return r;
    auths = json_get(root, "auths");
    helpers = json_get(root, "credHelpers");
    out->helper = *json_get_text(root, "credsStore", "");
    for (const struct json *h = helpers && helpers->type == JSON_OBJECT ? helpers->child : NULL; h; h = h->next)
        out->helper |= key_is_host(h->key, host);
    for (const struct json *e = auths && auths->type == JSON_OBJECT ? auths->child : NULL; e; e = e->next) {
        if (!key_is_host(e->key, host))
            continue;
        const char *user = json_get_text(e, "username", ""), *password = json_get_text(e, "password", ""),
                   *auth = json_get_text(e, "auth", "");
        if (*auth) {
            char *pair = base64_decode(a, auth), *colon = pair ? strchr(pair, ':') : NULL;
            if (!colon)
                return err_set(err, -EINVAL, "auths %.100s: its auth is not USER:PASSWORD in base64: log in again",
                               e->key);
            *colon = 0;
            user = pair;
            password = colon + 1;
        }
        if (!*user || !*password) {
            out->helper |= *json_get_text(e, "identitytoken", "");
            continue;
        }
        out->user = user;
        out->password = password;
        out->found = true;
        break;
    }
    return 0;
}

int remote_login_find(struct arena *a, const char *host, struct remote_login *out, struct err *err)
{
    const char *dir = getenv("DOCKER_CONFIG"), *home = getenv("HOME");
    const char *path = dir && *dir     ? arena_printf(a, "%s/config.json", dir)
                       : home && *home ? arena_printf(a, "%s/.docker/config.json", home)
                                       : NULL;
    char *text;
    size_t len;

    *out = (struct remote_login){0};
    if (!path)
        return 0;
    int r = io_read_regular(a, path, LOGINS_MAX, &text, &len);
    if (r == -ENOENT || r == -ENOTDIR)
        return 0;
    if (r < 0)
        return err_sys(err, r, "read %s", path);
    r = remote_login_read(a, text, len, host, out, err);
    return r < 0 ? err_wrap(err, "%s", path) : 0;
}
