/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of references: pure, no files. The text comes from a command line or a document and is not trusted. */
#include "image/reference.h"

#include <errno.h>
#include <string.h>

static bool is_lower_alnum(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
}

static bool is_alnum(char c)
{
    return is_lower_alnum(c) || (c >= 'A' && c <= 'Z');
}

/* Between alphanumeric runs: one dot, one or two underscores, any number of dashes. */
static size_t separator(const char *s, size_t n)
{
    if (n && s[0] == '.')
        return 1;
    if (n && s[0] == '_')
        return n > 1 && s[1] == '_' ? 2 : 1;
    size_t i = 0;
    while (i < n && s[i] == '-')
        i++;
    return i;
}

static bool part_valid(const char *s, size_t n)
{
    for (size_t i = 0;;) {
        size_t start = i;
        while (i < n && is_lower_alnum(s[i]))
            i++;
        if (i == start)
            return false;
        if (i == n)
            return true;
        size_t sep = separator(s + i, n - i);
        if (!sep)
            return false;
        i += sep;
    }
}

static bool host_valid(const char *s, size_t n)
{
    const char *colon = memchr(s, ':', n);
    size_t host = colon ? (size_t)(colon - s) : n;

    for (size_t i = 0, start = 0; i <= host; i++) {
        if (i < host && s[i] != '.') {
            if (!is_alnum(s[i]) && s[i] != '-')
                return false;
            continue;
        }
        if (i == start || s[start] == '-' || s[i - 1] == '-')
            return false;
        start = i + 1;
    }
    if (!colon)
        return true;
    for (size_t i = host + 1; i < n; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return host + 1 < n;
}

static bool is_host(const char *s, size_t n)
{
    return memchr(s, '.', n) || memchr(s, ':', n) || (n == 9 && !memcmp(s, "localhost", 9));
}

static bool tag_valid(const char *s)
{
    size_t n = strlen(s);

    if (!n || n > REFERENCE_TAG_MAX || (!is_alnum(*s) && *s != '_'))
        return false;
    for (size_t i = 0; i < n; i++)
        if (!is_alnum(s[i]) && !strchr("_.-", s[i]))
            return false;
    return true;
}

static bool name_valid(const char *name)
{
    const char *p = name;
    const char *slash = strchr(p, '/');

    if (slash && is_host(p, (size_t)(slash - p))) {
        if (!host_valid(p, (size_t)(slash - p)))
            return false;
        p = slash + 1;
    }
    for (;;) {
        slash = strchr(p, '/');
        size_t n = slash ? (size_t)(slash - p) : strlen(p);
        if (!part_valid(p, n))
            return false;
        if (!slash)
            return true;
        p = slash + 1;
    }
}

static const char *familiar(const char *name)
{
    static const char *const prefixes[] = {"docker.io/library/", "index.docker.io/library/", "docker.io/",
                                           "index.docker.io/"};

    for (size_t i = 0; i < sizeof prefixes / sizeof *prefixes; i++)
        if (!strncmp(name, prefixes[i], strlen(prefixes[i])))
            return name + strlen(prefixes[i]);
    return name;
}

int reference_parse(const char *text, struct reference *out, struct err *err)
{
    struct reference ref = {.tag = "latest"};
    const char *slash = strrchr(text, '/');
    const char *colon = strchr(slash ? slash : text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);

    if (strchr(text, '@'))
        return err_set(err, -EINVAL,
                       "image name %s: the local store keeps no references by digest: use NAME:TAG or the id", text);
    if (n > REFERENCE_NAME_MAX)
        return err_set(err, -EINVAL, "image name %.40s...: longer than %d bytes: use a shorter one", text,
                       REFERENCE_NAME_MAX);
    memcpy(ref.name, text, n);
    if (!name_valid(ref.name))
        return err_set(
            err, -EINVAL,
            "image name \"%s\": not [HOST[:PORT]/]NAME[:TAG] in lower-case letters, digits and single . _ or - "
            "between them: use a name like alpine:3.20",
            text);
    if (image_id_valid(ref.name))
        return err_set(err, -EINVAL, "image name %s: 64 hex digits would be taken for an id: use another name", text);
    if (colon) {
        if (!tag_valid(colon + 1))
            return err_set(
                err, -EINVAL,
                "image tag \"%.140s\": not letters, digits, _ . or - (at most %d, starting with none of . -): "
                "use a tag like 3.20",
                colon + 1, REFERENCE_TAG_MAX);
        strcpy(ref.tag, colon + 1);
        ref.tag_given = true;
    }
    const char *shorter = familiar(ref.name);
    memmove(ref.name, shorter, strlen(shorter) + 1);
    *out = ref;
    return 0;
}

void reference_to_file(const struct reference *ref, char out[REFERENCE_NAME_MAX + 1])
{
    strcpy(out, ref->name);
    for (char *p = out; *p; p++)
        if (*p == '/')
            *p = '+';
}

bool reference_from_file(const char *file, const char *tag, struct reference *out)
{
    struct reference ref = {.tag_given = true};

    if (strlen(file) > REFERENCE_NAME_MAX || !tag_valid(tag))
        return false;
    strcpy(ref.name, file);
    for (char *p = ref.name; *p; p++)
        if (*p == '+')
            *p = '/';
    strcpy(ref.tag, tag);
    if (!name_valid(ref.name))
        return false;
    *out = ref;
    return true;
}

static bool is_hex(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
}

bool image_id_valid(const char *s)
{
    size_t n = strlen(s);

    return n == IMAGE_ID_LEN && image_id_prefix(s) == s;
}

const char *image_id_prefix(const char *s)
{
    if (!strncmp(s, "sha256:", 7))
        s += 7;
    size_t n = 0;
    while (is_hex(s[n]))
        n++;
    return n && n <= IMAGE_ID_LEN && !s[n] ? s : NULL;
}
