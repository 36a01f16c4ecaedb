/* SPDX-License-Identifier: Apache-2.0 */
/* Strings of an image end in execve(2), setuid(2) and on terminals: types and shape are checked here, meaning by the
 * launcher. */
#include "image/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#define DEFAULT_PATH "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static char *no_strings[] = {NULL};
static char *path_only[] = {(char *)DEFAULT_PATH, NULL};

void image_config_default(struct image_config *c)
{
    *c = (struct image_config){.env = {path_only, 1},
                               .cmd = {no_strings, 0},
                               .entrypoint = {no_strings, 0},
                               .labels = {no_strings, 0},
                               .working_dir = "/",
                               .user = "",
                               .stop_signal = ""};
}

static int read_string(struct arena *a, const struct json *config, const char *key, const char **out, struct err *err)
{
    const struct json *j = json_get(config, key);

    if (!j)
        return 0;
    if (j->type != JSON_STRING)
        return err_set(err, -EINVAL, "image config %s: is %s, must be a string", key, json_type_name(j->type));
    *out = arena_strdup(a, j->string.s);
    return *out ? 0 : err_set(err, -ENOMEM, "image config %s: too large", key);
}

static int read_strings(struct arena *a, const struct json *config, const char *key, uint32_t spare,
                        struct image_strings *out, struct err *err)
{
    const struct json *j = json_get(config, key);

    if (j && j->type != JSON_ARRAY)
        return err_set(err, -EINVAL, "image config %s: is %s, must be an array of strings", key,
                       json_type_name(j->type));
    out->v = arena_array(a, (j ? j->count : 0) + (size_t)spare + 1, sizeof *out->v);
    out->n = 0;
    if (!out->v)
        return err_set(err, -ENOMEM, "image config %s: too large", key);
    for (const struct json *e = j ? j->child : NULL; e; e = e->next) {
        if (e->type != JSON_STRING)
            return err_set(err, -EINVAL, "image config %s: holds %s, must hold strings only", key,
                           json_type_name(e->type));
        out->v[out->n] = arena_strdup(a, e->string.s);
        if (!out->v[out->n++])
            return err_set(err, -ENOMEM, "image config %s: too large", key);
    }
    return 0;
}

static int read_labels(struct arena *a, const struct json *config, struct image_strings *out, struct err *err)
{
    const struct json *j = json_get(config, "Labels");

    if (!j)
        return 0;
    if (j->type != JSON_OBJECT)
        return err_set(err, -EINVAL, "image config Labels: is %s, must be an object", json_type_name(j->type));
    out->v = arena_array(a, (size_t)j->count + 1, sizeof *out->v);
    if (!out->v)
        return err_set(err, -ENOMEM, "image config Labels: too large");
    for (const struct json *e = j->child; e; e = e->next) {
        if (e->type != JSON_STRING)
            return err_set(err, -EINVAL, "image config Labels %s: is %s, must be a string", e->key,
                           json_type_name(e->type));
        if (strchr(e->key, '='))
            return err_set(err, -EINVAL, "image config Labels: the key \"%.80s\" holds '='", e->key);
        out->v[out->n] = arena_printf(a, "%s=%s", e->key, e->string.s);
        if (!out->v[out->n++])
            return err_set(err, -ENOMEM, "image config Labels: too large");
    }
    return 0;
}

/* An entry without '=' or with an empty name would be dropped or misread by the program: say so now. */
static int check_env(const struct image_config *c, bool *has_path, struct err *err)
{
    *has_path = false;
    for (uint32_t i = 0; i < c->env.n; i++) {
        const char *eq = strchr(c->env.v[i], '=');
        if (!eq || eq == c->env.v[i])
            return err_set(err, -EINVAL, "image config Env: \"%.80s\" is not NAME=VALUE", c->env.v[i]);
        *has_path |= !strncmp(c->env.v[i], "PATH=", 5);
    }
    return 0;
}

int image_config_read(struct arena *a, struct image_config *c, const struct json *config, struct err *err)
{
    bool has_path;
    int r;

    image_config_default(c);
    if (config && config->type != JSON_OBJECT)
        return err_set(err, -EINVAL, "image config: is %s, must be an object", json_type_name(config->type));
    if ((r = read_strings(a, config, "Env", 1, &c->env, err)) < 0 || (r = check_env(c, &has_path, err)) < 0 ||
        (r = read_strings(a, config, "Cmd", 0, &c->cmd, err)) < 0 ||
        (r = read_strings(a, config, "Entrypoint", 0, &c->entrypoint, err)) < 0 ||
        (r = read_string(a, config, "WorkingDir", &c->working_dir, err)) < 0 ||
        (r = read_string(a, config, "User", &c->user, err)) < 0 ||
        (r = read_string(a, config, "StopSignal", &c->stop_signal, err)) < 0 ||
        (r = read_labels(a, config, &c->labels, err)) < 0)
        return r;
    if (!has_path)
        c->env.v[c->env.n++] = (char *)DEFAULT_PATH;
    if (*c->working_dir != '/')
        c->working_dir = arena_printf(a, "/%s", c->working_dir);
    if (!c->working_dir)
        return err_set(err, -ENOMEM, "image config WorkingDir: too large");
    return 0;
}

static int64_t days_from_civil(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = y / 400;
    unsigned yoe = (unsigned)(y - era * 400);
    unsigned doy = (153 * (m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;

    return era * 146097 + (int64_t)(yoe * 365 + yoe / 4 - yoe / 100 + doy) - 719468;
}

bool image_time_read(const char *text, int64_t *seconds)
{
    unsigned y, mo, d, h, mi, s, zh, zm;
    int n = 0;

    if (strlen(text) > 64 || sscanf(text, "%4u-%2u-%2uT%2u:%2u:%2u%n", &y, &mo, &d, &h, &mi, &s, &n) != 6)
        return false;
    if (y < 1 || mo < 1 || mo > 12 || d < 1 || d > 31 || h > 23 || mi > 59 || s > 60)
        return false;
    const char *p = text + n;
    if (*p == '.')
        p += 1 + strspn(p + 1, "0123456789");
    *seconds = days_from_civil(y, mo, d) * 86400 + h * 3600 + mi * 60 + s;
    if (!strcmp(p, "Z"))
        return true;
    if ((*p != '+' && *p != '-') || sscanf(p + 1, "%2u:%2u%n", &zh, &zm, &n) != 2 || p[1 + n])
        return false;
    *seconds += (*p == '+' ? -1 : 1) * (int64_t)(zh * 3600 + zm * 60);
    return true;
}

static void write_strings(struct json_writer *w, const char *key, const struct image_strings *s)
{
    json_array_begin(w, key);
    for (uint32_t i = 0; i < s->n; i++)
        json_string(w, NULL, s->v[i]);
    json_array_end(w);
}

int image_document_write(const struct image *i, struct json_writer *w, struct err *err)
{
    const struct image_config *c = &i->config;

    *w = (struct json_writer){.indent = 2};
    json_object_begin(w, NULL);
    json_int(w, "moatImage", 1);
    json_int(w, "created", i->created);
    json_uint(w, "size", i->size);
    json_uint(w, "entries", i->entries);
    json_string(w, "source", i->source);
    json_bool(w, "flatOwners", i->flat_owners);
    json_object_begin(w, "config");
    write_strings(w, "Env", &c->env);
    write_strings(w, "Cmd", &c->cmd);
    write_strings(w, "Entrypoint", &c->entrypoint);
    json_string(w, "WorkingDir", c->working_dir);
    json_string(w, "User", c->user);
    json_string(w, "StopSignal", c->stop_signal);
    json_object_begin(w, "Labels");
    for (uint32_t l = 0; l < c->labels.n; l++) {
        char *eq = strchr(c->labels.v[l], '=');
        *eq = 0;
        json_string(w, c->labels.v[l], eq + 1);
        *eq = '=';
    }
    json_object_end(w);
    json_object_end(w);
    json_object_end(w);
    if (w->failed || !w->buf)
        return err_set(err, -ENOMEM, "image config: too large to write");
    return 0;
}

static bool get_unsigned(const struct json *root, const char *key, uint64_t *out)
{
    const struct json *j = json_get(root, key);

    if (!j || (j->type != JSON_INT && j->type != JSON_UINT) || (j->type == JSON_INT && j->integer < 0))
        return false;
    *out = j->uinteger; /* both members are 64 bits wide and the value is not negative */
    return true;
}

int image_document_read(struct arena *a, struct image *i, char *text, size_t len, struct err *err)
{
    struct json *root;
    uint64_t version;
    int r = json_parse(a, text, len, &root, err);

    if (r < 0)
        return r;
    if (root->type != JSON_OBJECT || !get_unsigned(root, "moatImage", &version) || version != 1)
        return err_set(err, -EINVAL, "moatImage is not 1: written by another version of moat: import the image again");
    const struct json *created = json_get(root, "created"), *flat = json_get(root, "flatOwners");
    if (!created || created->type != JSON_INT || !get_unsigned(root, "size", &i->size) ||
        !get_unsigned(root, "entries", &i->entries))
        return err_set(err, -EINVAL, "created, size or entries is missing: import the image again");
    i->created = created->integer;
    i->flat_owners = flat && flat->type == JSON_BOOL && flat->boolean;
    i->source = "";
    if ((r = read_string(a, root, "source", &i->source, err)) < 0)
        return r;
    return image_config_read(a, &i->config, json_get(root, "config"), err);
}
