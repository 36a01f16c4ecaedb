/* SPDX-License-Identifier: Apache-2.0 */
/* Carrying a template out. Values are printed as Go prints them: [a b], map[k:v], <no value>. */
#include "cli/template_internal.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

struct run {
    struct arena *arena;
    const struct json *root;
    FILE *out;
    bool terminal; /* control characters of values must not reach it */
    struct err *err;
};

static const struct json nothing = {.type = JSON_NULL};

static const struct json *fail(struct run *r, const char *what, const char *name)
{
    err_set(r->err, -EINVAL, "--format: %s%s", what, name);
    return NULL;
}

static const struct json *no_memory(struct run *r)
{
    err_set(r->err, -ENOMEM, "--format: out of memory");
    return NULL;
}

/* json_get() does not tell a null from what is not there. */
static const struct json *member(const struct json *object, const char *name)
{
    for (const struct json *c = object->child; c; c = c->next)
        if (!strcmp(c->key, name))
            return c;
    return NULL;
}

static const struct json *walk_members(struct run *r, const struct expression *e, const struct json *v)
{
    for (unsigned i = 0; v && i < e->n_members; i++) {
        if (v->type != JSON_OBJECT) {
            err_set(r->err, -EINVAL, "--format: .%s: what it is asked of is %s, which has no members", e->members[i],
                    json_type_name(v->type));
            return NULL;
        }
        const struct json *next = member(v, e->members[i]);
        if (!next) {
            err_set(r->err, -EINVAL, "--format: .%s: map has no entry for key \"%s\"", e->members[i], e->members[i]);
            return NULL;
        }
        v = next;
    }
    return v;
}

/* ---- values as text ------------------------------------------------------------------------------------------- */

/* What a terminal would obey. C1 controls are U+0080 to U+009F; a byte of that range alone is one too where the
 * terminal does not take UTF-8, but behind the byte that begins a longer character it is part of a letter. */
void template_put_safe(const char *s, FILE *out)
{
    unsigned follow = 0; /* bytes that the character still has */

    for (const unsigned char *c = (const unsigned char *)s; *c; c++) {
        bool continues = (*c & 0xc0) == 0x80 && follow > 0;
        if (continues)
            follow--;
        else
            follow = *c >= 0xf0 ? 3 : *c >= 0xe0 ? 2 : *c >= 0xc0 ? 1 : 0;
        if (*c == 0xc2 && c[1] >= 0x80 && c[1] < 0xa0) {
            c++;
            follow = 0;
            fputc('?', out);
        } else if ((*c < 0x20 && *c != '\n' && *c != '\t') || *c == 0x7f || (*c >= 0x80 && *c < 0xa0 && !continues)) {
            fputc('?', out);
        } else {
            fputc(*c, out);
        }
    }
}

static void put_string(const char *s, bool safe, FILE *out)
{
    if (safe)
        template_put_safe(s, out);
    else
        fputs(s, out);
}

static void put_text(const struct json *v, bool safe, FILE *out, bool inside)
{
    const char *space = "";

    switch (v->type) {
    case JSON_NULL:
        fputs(inside ? "<nil>" : "<no value>", out);
        break;
    case JSON_BOOL:
        fputs(v->boolean ? "true" : "false", out);
        break;
    case JSON_INT:
        fprintf(out, "%" PRId64, v->integer);
        break;
    case JSON_UINT:
        fprintf(out, "%" PRIu64, v->uinteger);
        break;
    case JSON_REAL:
        fprintf(out, "%g", v->real);
        break;
    case JSON_STRING:
        put_string(v->string.s, safe, out);
        break;
    default: /* depth is bounded by the tree's, JSON_DEPTH_MAX */
        fputs(v->type == JSON_ARRAY ? "[" : "map[", out);
        for (const struct json *c = v->child; c; c = c->next, space = " ") {
            fputs(space, out);
            if (v->type == JSON_OBJECT) {
                put_string(c->key, safe, out);
                fputc(':', out);
            }
            put_text(c, safe, out, true);
        }
        fputc(']', out);
    }
}

static const struct json *make_string(struct run *r, const char *s, size_t len)
{
    struct json *v = arena_alloc(r->arena, sizeof *v);
    char *copy = arena_strndup(r->arena, s, len);

    if (!v || !copy || len > UINT32_MAX)
        return no_memory(r);
    *v = (struct json){.type = JSON_STRING, .string = {copy, (uint32_t)len}};
    return v;
}

/* ---- functions ------------------------------------------------------------------------------------------------- */

static const struct json *do_json(struct run *r, const struct json *v)
{
    struct json_writer w = {0};

    json_value(&w, NULL, v);
    const struct json *text = w.failed ? no_memory(r) : make_string(r, w.buf, w.len);
    json_writer_free(&w);
    return text;
}

static const struct json *index_one(struct run *r, const struct json *v, const struct json *key)
{
    static const struct json empty = {.type = JSON_STRING, .string = {"", 0}};

    if (v->type == JSON_OBJECT && key->type == JSON_STRING) {
        const struct json *found = member(v, key->string.s);
        return found ? found : &empty; /* as of a map of strings */
    }
    if (v->type != JSON_ARRAY || key->type != JSON_INT) {
        err_set(r->err, -EINVAL, "--format: index: %s cannot be asked by %s", json_type_name(v->type),
                json_type_name(key->type));
        return NULL;
    }
    int64_t i = key->integer;
    const struct json *c = v->child;
    for (; c && i > 0; i--)
        c = c->next;
    if (c && i == 0)
        return c;
    err_set(r->err, -EINVAL, "--format: index out of range: %" PRId64, key->integer);
    return NULL;
}

static const struct json *do_join(struct run *r, const struct json *list, const struct json *between)
{
    char *text = NULL;
    size_t len = 0;

    if (list->type != JSON_ARRAY || between->type != JSON_STRING)
        return fail(r, "join takes a list and a string", "");
    FILE *out = open_memstream(&text, &len);
    if (!out)
        return no_memory(r);
    for (const struct json *c = list->child; c; c = c->next) {
        put_text(c, false, out, true);
        if (c->next)
            fputs(between->string.s, out);
    }
    fclose(out);
    _cleanup_free_ char *owned = text;
    return make_string(r, owned, len);
}

static const struct json *do_case(struct run *r, const struct json *v, int (*change)(int))
{
    if (v->type != JSON_STRING)
        return fail(r, "upper and lower take a string", "");
    v = make_string(r, v->string.s, v->string.len);
    for (char *c = v ? (char *)(uintptr_t)v->string.s : NULL; c && *c; c++)
        if (!(*c & 0x80))
            *c = (char)change(*c);
    return v;
}

static const struct json *do_println(struct run *r, const struct json *const *args, unsigned n)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    if (!out)
        return no_memory(r);
    for (unsigned i = 0; i < n; i++) {
        put_text(args[i], false, out, true);
        if (i + 1 < n)
            fputc(' ', out);
    }
    fputc('\n', out);
    fclose(out);
    _cleanup_free_ char *owned = text;
    return make_string(r, owned, len);
}

static const struct json *evaluate(struct run *r, const struct expression *e, const struct json *dot);

static const struct json *call(struct run *r, const struct expression *e, const struct json *dot)
{
    const struct json *args[TEMPLATE_ARGS_MAX] = {&nothing, &nothing};

    for (unsigned i = 0; i < e->n_args; i++)
        if (!(args[i] = evaluate(r, e->args[i], dot)))
            return NULL;
    switch (e->function) {
    case FUNCTION_JSON:
        return do_json(r, args[0]);
    case FUNCTION_INDEX: {
        const struct json *v = args[0];
        for (unsigned i = 1; v && i < e->n_args; i++)
            v = index_one(r, v, args[i]);
        return v;
    }
    case FUNCTION_JOIN:
        return do_join(r, args[0], args[1]);
    case FUNCTION_UPPER:
        return do_case(r, args[0], toupper);
    case FUNCTION_LOWER:
        return do_case(r, args[0], tolower);
    case FUNCTION_PRINTLN:
        return do_println(r, args, e->n_args);
    }
    return &nothing;
}

/* As deep as the expression, which its reader has bounded. */
static const struct json *evaluate(struct run *r, const struct expression *e, const struct json *dot)
{
    switch (e->kind) {
    case EXPR_DOT:
        return walk_members(r, e, dot);
    case EXPR_ROOT:
        return walk_members(r, e, r->root);
    case EXPR_LITERAL:
        return &e->literal;
    case EXPR_CALL:
        return walk_members(r, e, call(r, e, dot));
    }
    return &nothing;
}

/* ---- nodes ----------------------------------------------------------------------------------------------------- */

/* Go's: what is zero or empty counts as false. */
static bool is_true(const struct json *v)
{
    switch (v->type) {
    case JSON_NULL:
        return false;
    case JSON_BOOL:
        return v->boolean;
    case JSON_INT:
        return v->integer != 0;
    case JSON_UINT:
        return true;
    case JSON_REAL:
        return v->real != 0;
    case JSON_STRING:
        return v->string.len != 0;
    default:
        return v->count != 0;
    }
}

static bool run_list(struct run *r, const struct node *n, const struct json *dot);

static bool run_range(struct run *r, const struct node *n, const struct json *v, const struct json *dot)
{
    if (v->type == JSON_NULL || ((v->type == JSON_ARRAY || v->type == JSON_OBJECT) && !v->child))
        return run_list(r, n->otherwise, dot);
    if (v->type != JSON_ARRAY && v->type != JSON_OBJECT)
        return fail(r, "range can't iterate over ", json_type_name(v->type));
    for (const struct json *c = v->child; c; c = c->next)
        if (!run_list(r, n->body, c))
            return false;
    return true;
}

static bool run_list(struct run *r, const struct node *n, const struct json *dot)
{
    for (; n; n = n->next) {
        if (n->kind == NODE_TEXT) {
            fwrite(n->text, 1, n->len, r->out);
            continue;
        }
        const struct json *v = evaluate(r, n->expression, dot);
        if (!v)
            return false;
        if (n->kind == NODE_VALUE)
            put_text(v, r->terminal, r->out, false);
        else if (n->kind == NODE_RANGE ? !run_range(r, n, v, dot)
                                       : !run_list(r, is_true(v) ? n->body : n->otherwise, dot))
            return false;
    }
    return true;
}

int template_run(const struct template *t, struct arena *a, const struct json *value, FILE *out, struct err *err)
{
    struct run r = {.arena = a, .root = value, .out = out, .terminal = isatty(STDOUT_FILENO) == 1, .err = err};

    return run_list(&r, t->first, value) ? 0 : err->code;
}
