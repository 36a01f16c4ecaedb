/* SPDX-License-Identifier: Apache-2.0 */
/* Parsing of references: pure, no files. The text comes from a command line or a document and is not trusted. */
#include "image/reference.h"

#include <errno.h>
#include <stdio.h>
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

static bool port_valid(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (s[i] < '0' || s[i] > '9')
            return false;
    return n > 0;
}

/* "[...]" and perhaps a port. Whether it is an address is for the resolver to say. */
static bool bracketed_valid(const char *s, size_t n)
{
    const char *end = memchr(s, ']', n);
    size_t inner = end ? (size_t)(end - s) - 1 : 0;

    if (!inner || !memchr(s, ':', inner + 1))
        return false;
    for (size_t i = 1; i <= inner; i++)
        if (s[i] != ':' && s[i] != '.' && !(s[i] >= '0' && s[i] <= '9') &&
            !((s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'f'))
            return false;
    size_t used = inner + 2;
    return used == n || (s[used] == ':' && port_valid(s + used + 1, n - used - 1));
}

static bool host_valid(const char *s, size_t n)
{
    if (n && *s == '[')
        return bracketed_valid(s, n);
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
    return !colon || port_valid(s + host + 1, n - host - 1);
}

static bool is_host(const char *s, size_t n)
{
    return memchr(s, '.', n) || memchr(s, ':', n) || (n == 9 && !memcmp(s, "localhost", 9));
}

size_t reference_host_length(const char *name)
{
    const char *slash = strchr(name, '/');
    size_t n = slash ? (size_t)(slash - name) : 0;

    return n && is_host(name, n) ? n : 0;
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
    const char *slash;
    size_t host = reference_host_length(name);

    if (host) {
        if (!host_valid(p, host))
            return false;
        p += host + 1;
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
        if (!strncmp(name, prefixes[i], strlen(prefixes[i]))) {
            const char *rest = name + strlen(prefixes[i]);
            size_t first = strcspn(rest, "/");
            bool like_host = rest[first] && (memchr(rest, '.', first) || memchr(rest, ':', first));
            return like_host ? name : rest; /* without what is before it, it would be another's */
        }
    return name;
}

/* "@sha256:HEX" at the end. */
static int parse_digest(const char *text, const char *at, struct reference *ref, struct err *err)
{
    if (strncmp(at, "@sha256:", 8) != 0 || !image_id_valid(at + 8))
        return err_set(err, -EINVAL, "image name %.300s: behind @ stands no sha256: and 64 hex digits: use NAME[:TAG]",
                       text);
    strcpy(ref->digest, at + 8);
    ref->by_digest = true;
    return 0;
}

int reference_parse(const char *text, struct reference *out, struct err *err)
{
    struct reference ref = {.tag = "latest"};
    char head[REFERENCE_TEXT_MAX];
    const char *whole = text, *at = strchr(text, '@');

    if (at) {
        if (parse_digest(text, at, &ref, err) < 0)
            return err->code;
        if ((size_t)(at - text) >= sizeof head)
            return err_set(err, -EINVAL, "image name %.40s...: longer than %d bytes: use a shorter one", whole,
                           REFERENCE_NAME_MAX);
        memcpy(head, text, (size_t)(at - text));
        head[at - text] = 0;
        text = head;
    }
    const char *slash = strrchr(text, '/');
    const char *colon = strchr(slash ? slash : text, ':');
    size_t n = colon ? (size_t)(colon - text) : strlen(text);

    if (n > REFERENCE_NAME_MAX)
        return err_set(err, -EINVAL, "image name %.40s...: longer than %d bytes: use a shorter one", text,
                       REFERENCE_NAME_MAX);
    memcpy(ref.name, text, n);
    if (!name_valid(ref.name))
        return err_set(
            err, -EINVAL,
            "image name \"%s\": not [HOST[:PORT]/]NAME[:TAG] in lower-case letters, digits and single . _ or - "
            "between them: use a name like alpine:3.20",
            whole);
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

void reference_to_tag_file(const struct reference *ref, char out[REFERENCE_TAG_MAX + 1])
{
    if (ref->by_digest) {
        out[0] = '@';
        strcpy(out + 1, ref->digest);
    } else {
        strcpy(out, ref->tag);
    }
}

void reference_show(const struct reference *ref, char out[REFERENCE_TEXT_MAX])
{
    snprintf(out, REFERENCE_TEXT_MAX, "%s%s%s", ref->name, ref->by_digest ? "@sha256:" : ":",
             ref->by_digest ? ref->digest : ref->tag);
}

bool reference_from_file(const char *file, const char *tag, struct reference *out)
{
    struct reference ref = {.tag_given = true};

    if (strlen(file) > REFERENCE_NAME_MAX)
        return false;
    if (*tag == '@') {
        if (!image_id_valid(tag + 1))
            return false;
        ref.by_digest = true;
        strcpy(ref.digest, tag + 1);
        tag = "latest";
    }
    if (!tag_valid(tag))
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
    return strnlen(s, IMAGE_ID_LEN + 1) == IMAGE_ID_LEN && image_id_prefix(s) == s;
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
