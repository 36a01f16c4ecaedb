/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events of libyaml become JSON text, with a position for each name and value. The text is hostile: nodes, depth,
 * members and output are counted here, and libyaml is only asked for the next event, so it holds no tree. Touches
 * memory only.
 */
#include "yaml/convert.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

#define SHOWN_MAX 40

struct conversion {
    yaml_parser_t parser;
    const char *text;
    size_t len;
    struct yaml_output *out;
    uint32_t nodes;
    unsigned mute; /* within what was refused already: read, not written */
    int failed;    /* -ENOMEM */
    bool ended;    /* the rest cannot be read */
    bool full;     /* the JSON is at its bound */
};

/* ---- output --------------------------------------------------------------------------------------------------- */

static void problem(struct conversion *c, const yaml_mark_t *at, const char *accepted, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));

static void problem(struct conversion *c, const yaml_mark_t *at, const char *accepted, const char *fmt, ...)
{
    struct yaml_output *o = c->out;
    va_list ap;

    if (o->n_problems == YAML_PROBLEMS_MAX || c->mute)
        return;
    struct yaml_problem *p = &o->problems[o->n_problems++];
    p->line = (uint32_t)at->line + 1;
    p->column = (uint32_t)at->column + 1;
    va_start(ap, fmt);
    vsnprintf(p->text, sizeof p->text, fmt, ap);
    va_end(ap);
    snprintf(p->accepted, sizeof p->accepted, "%s", accepted);
}

static void end_here(struct conversion *c, const yaml_mark_t *at, const char *accepted, const char *what)
{
    c->mute = 0;
    problem(c, at, accepted, "%s", what);
    c->ended = true;
}

/* Doubles what *v holds; false and c->failed when there is no memory. */
static bool grow(struct conversion *c, void *v, size_t size, size_t *cap)
{
    size_t more = *cap ? *cap * 2 : 64;
    void *grown = realloc(*(void **)v, more * size);

    if (!grown) {
        c->failed = -ENOMEM;
        return false;
    }
    *(void **)v = grown;
    *cap = more;
    return true;
}

static void put(struct conversion *c, const char *bytes, size_t n)
{
    struct yaml_output *o = c->out;

    if (c->mute || c->failed || c->ended || c->full)
        return;
    if (n > YAML_JSON_MAX - o->json_len) {
        c->full = true;
        return;
    }
    while (o->json_len + n + 1 > o->json_cap) {
        if (!grow(c, &o->json, 1, &o->json_cap))
            return;
    }
    memcpy(o->json + o->json_len, bytes, n);
    o->json_len += n;
    o->json[o->json_len] = '\0';
}

static void put_string(struct conversion *c, const char *text, size_t len)
{
    size_t plain = 0;

    put(c, "\"", 1);
    for (size_t i = 0; i < len; i++) {
        unsigned char b = (unsigned char)text[i];
        char escape[8];
        if (b >= 0x20 && b != '"' && b != '\\')
            continue;
        put(c, text + plain, i - plain);
        int n = b < 0x20 ? snprintf(escape, sizeof escape, "\\u%04x", b) : snprintf(escape, sizeof escape, "\\%c", b);
        put(c, escape, (size_t)n);
        plain = i + 1;
    }
    put(c, text + plain, len - plain);
    put(c, "\"", 1);
}

static void put_position(struct conversion *c, const yaml_mark_t *at)
{
    struct yaml_output *o = c->out;
    size_t cap = o->positions_cap;

    if (c->mute || c->failed || c->ended)
        return;
    if (o->n_positions == cap && !grow(c, &o->positions, sizeof *o->positions, &cap))
        return;
    o->positions_cap = (uint32_t)cap;
    o->positions[o->n_positions++] = (struct yaml_position){
        .offset = (uint32_t)o->json_len, .line = (uint32_t)at->line + 1, .column = (uint32_t)at->column + 1};
}

/* ---- events --------------------------------------------------------------------------------------------------- */

/* The reader counts bytes only. */
static yaml_mark_t mark_of_offset(const struct conversion *c, size_t offset)
{
    yaml_mark_t m = {0};

    for (size_t i = 0; i < offset && i < c->len; i++) {
        if (c->text[i] == '\n') {
            m.line++;
            m.column = 0;
        } else if ((c->text[i] & 0xc0) != 0x80) {
            m.column++;
        }
    }
    return m;
}

static void syntax_problem(struct conversion *c)
{
    const yaml_parser_t *p = &c->parser;
    const char *what = p->problem ? p->problem : "it cannot be read";
    yaml_mark_t at = p->problem_mark;
    char text[200];

    if (p->error == YAML_MEMORY_ERROR) {
        c->failed = -ENOMEM;
        return;
    }
    if (p->error == YAML_READER_ERROR)
        at = mark_of_offset(c, p->problem_offset);
    if (p->context && p->error != YAML_READER_ERROR)
        snprintf(text, sizeof text, "not YAML: %s (%s that begins in line %zu)", what, p->context,
                 p->context_mark.line + 1);
    else
        snprintf(text, sizeof text, "not YAML: %s", what);
    end_here(c, &at, "YAML 1.2 in UTF-8: `name: value` lines, indented by spaces, values with odd characters in quotes",
             text);
}

static bool next(struct conversion *c, yaml_event_t *e)
{
    if (c->failed || c->ended)
        return false;
    if (!yaml_parser_parse(&c->parser, e)) {
        syntax_problem(c);
        return false;
    }
    return true;
}

/* For messages: cut, and printable. */
static const char *show(const char *text, size_t len, char out[SHOWN_MAX + 4])
{
    size_t n = len < SHOWN_MAX ? len : SHOWN_MAX;

    for (size_t i = 0; i < n; i++)
        out[i] = text[i] >= 0x20 && text[i] < 0x7f ? text[i] : '?';
    strcpy(out + n, len > n ? "..." : "");
    return out;
}

/* What may stand before any node. */
static void check_properties(struct conversion *c, const yaml_event_t *e, const unsigned char *anchor,
                             const unsigned char *tag)
{
    char shown[SHOWN_MAX + 4];

    if (anchor)
        problem(c, &e->start_mark, "the value itself, each time it is wanted", "anchor &%s: anchors are refused",
                show((const char *)anchor, strlen((const char *)anchor), shown));
    if (!tag)
        return;
    const char *name = (const char *)tag, *common = "tag:yaml.org,2002:";
    bool own = strncmp(name, common, strlen(common)) != 0;
    name += own ? 0 : strlen(common);
    problem(c, &e->start_mark, "the value without a tag; text in quotes", "tag %s%s: tags are refused", own ? "" : "!!",
            show(name, strlen(name), shown));
}

static bool has_nul(struct conversion *c, const yaml_event_t *e)
{
    if (!memchr(e->data.scalar.value, 0, e->data.scalar.length))
        return false;
    problem(c, &e->start_mark, "text without it", "the text holds U+0000");
    return true;
}

static void scalar(struct conversion *c, const yaml_event_t *e)
{
    const char *text = (const char *)e->data.scalar.value, *why, *accepted;
    size_t len = e->data.scalar.length;
    char number[YAML_NUMBER_SIZE], shown[SHOWN_MAX + 4];
    enum yaml_scalar kind = SCALAR_TEXT;

    check_properties(c, e, e->data.scalar.anchor, e->data.scalar.tag);
    if (has_nul(c, e))
        len = 0;
    else if (e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !e->data.scalar.tag)
        kind = yaml_scalar_read(text, len, number, &why, &accepted);
    switch (kind) {
    case SCALAR_TRUE:
        put(c, "true", 4);
        break;
    case SCALAR_FALSE:
        put(c, "false", 5);
        break;
    case SCALAR_NUMBER:
        put(c, number, strlen(number));
        break;
    case SCALAR_REFUSED:
        if (len)
            problem(c, &e->start_mark, accepted, "'%s' without quotes %s", show(text, len, shown), why);
        else
            problem(c, &e->start_mark, accepted, "%s", why);
        put(c, "null", 4); /* so that what reads on sees nothing here */
        break;
    case SCALAR_TEXT:
        put_string(c, text, len);
        break;
    }
}

static void node(struct conversion *c, yaml_event_t *e, unsigned depth);

static void sequence(struct conversion *c, unsigned depth)
{
    bool first = true;
    yaml_event_t e;

    put(c, "[", 1);
    while (next(c, &e)) {
        bool end = e.type == YAML_SEQUENCE_END_EVENT;
        if (!end) {
            if (!first)
                put(c, ",", 1);
            first = false;
            node(c, &e, depth);
        }
        yaml_event_delete(&e);
        if (end)
            break;
    }
    put(c, "]", 1);
}

struct names {
    struct name {
        char *text;
        size_t len, line;
    } * v;
    size_t n, cap;
};

static void names_free(struct names *k)
{
    for (size_t i = 0; i < k->n; i++)
        free(k->v[i].text);
    free(k->v);
}

/* Whether a member may be written under this name; if not, it was said why. */
static bool name_is_good(struct conversion *c, const yaml_event_t *e, struct names *k)
{
    const char *text = (const char *)e->data.scalar.value;
    size_t len = e->data.scalar.length;
    bool plain = e->data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    char shown[SHOWN_MAX + 4];

    if (e->type != YAML_SCALAR_EVENT) {
        problem(c, &e->start_mark, "`name: value`", "the name of a member is no text");
        return false;
    }
    check_properties(c, e, e->data.scalar.anchor, e->data.scalar.tag);
    if (has_nul(c, e))
        return false;
    if (plain && (len == 0 || (len == 2 && !memcmp(text, "<<", 2)))) {
        problem(c, &e->start_mark, "`name: value`",
                len ? "merge keys (<<) are refused" : "a member has no name before its ':'");
        return false;
    }
    for (size_t i = 0; i < k->n; i++) {
        if (k->v[i].len == len && !memcmp(k->v[i].text, text, len)) {
            problem(c, &e->start_mark, "one of them", "member '%s' is given twice, first in line %zu",
                    show(text, len, shown), k->v[i].line);
            return false;
        }
    }
    if (k->n == YAML_MEMBERS_MAX) {
        end_here(c, &e->start_mark, "at most 4096 members in a map", "too many members");
        return false;
    }
    if (k->n == k->cap && !grow(c, &k->v, sizeof *k->v, &k->cap))
        return false;
    k->v[k->n].text = malloc(len + 1);
    if (!k->v[k->n].text) {
        c->failed = -ENOMEM;
        return false;
    }
    memcpy(k->v[k->n].text, text, len);
    k->v[k->n].len = len;
    k->v[k->n++].line = e->start_mark.line + 1;
    return true;
}

static void member(struct conversion *c, yaml_event_t *name, struct names *k, bool *first, unsigned depth)
{
    bool good = name_is_good(c, name, k);
    yaml_event_t e;

    if (good) {
        if (!*first)
            put(c, ",", 1);
        *first = false;
        put_position(c, &name->start_mark);
        put_string(c, (const char *)name->data.scalar.value, name->data.scalar.length);
        put(c, ":", 1);
    } else {
        c->mute++;
        if (name->type != YAML_SCALAR_EVENT)
            node(c, name, depth);
    }
    if (next(c, &e)) {
        node(c, &e, depth);
        yaml_event_delete(&e);
    }
    if (!good && c->mute)
        c->mute--;
}

static void mapping(struct conversion *c, unsigned depth)
{
    struct names names = {0};
    bool first = true;
    yaml_event_t e;

    put(c, "{", 1);
    while (next(c, &e)) {
        bool end = e.type == YAML_MAPPING_END_EVENT;
        if (!end)
            member(c, &e, &names, &first, depth);
        yaml_event_delete(&e);
        if (end)
            break;
    }
    put(c, "}", 1);
    names_free(&names);
}

/* One node; *e stays the caller's. The depth of recursion is bounded by YAML_DEPTH_MAX. */
static void node(struct conversion *c, yaml_event_t *e, unsigned depth)
{
    char shown[SHOWN_MAX + 4];

    if (++c->nodes > YAML_NODES_MAX || c->full) {
        end_here(c, &e->start_mark, "at most 65536 values, and 4 MiB as JSON", "the document is too large");
        return;
    }
    if (depth == YAML_DEPTH_MAX) {
        end_here(c, &e->start_mark, "at most 32 levels", "lists and maps are nested too deep");
        return;
    }
    put_position(c, &e->start_mark);
    switch (e->type) {
    case YAML_SCALAR_EVENT:
        scalar(c, e);
        break;
    case YAML_SEQUENCE_START_EVENT:
        check_properties(c, e, e->data.sequence_start.anchor, e->data.sequence_start.tag);
        sequence(c, depth + 1);
        break;
    case YAML_MAPPING_START_EVENT:
        check_properties(c, e, e->data.mapping_start.anchor, e->data.mapping_start.tag);
        mapping(c, depth + 1);
        break;
    case YAML_ALIAS_EVENT:
        problem(c, &e->start_mark, "the value itself, each time it is wanted", "alias *%s: aliases are refused",
                show((const char *)e->data.alias.anchor, strlen((const char *)e->data.alias.anchor), shown));
        put(c, "null", 4);
        break;
    default:
        end_here(c, &e->start_mark, "one document", "the structure of the document is broken");
    }
}

static void document_start(struct conversion *c, const yaml_event_t *e)
{
    const yaml_version_directive_t *v = e->data.document_start.version_directive;

    if (v && (v->major != 1 || v->minor != 2))
        problem(c, &e->start_mark, "%YAML 1.2, or no such line", "%%YAML %d.%d: the file is read as 1.2", v->major,
                v->minor);
    if (e->data.document_start.tag_directives.start != e->data.document_start.tag_directives.end)
        problem(c, &e->start_mark, "no %TAG line", "%%TAG: tags are refused");
}

static void stream(struct conversion *c)
{
    bool seen = false;
    yaml_event_t e;

    while (next(c, &e)) {
        yaml_event_type_t type = e.type;
        if (type == YAML_DOCUMENT_START_EVENT && seen)
            end_here(c, &e.start_mark, "one document a file", "a second document begins here");
        else if (type == YAML_DOCUMENT_START_EVENT)
            document_start(c, &e);
        else if (type == YAML_STREAM_END_EVENT && !seen)
            end_here(c, &e.start_mark, "`version: 1` and more lines like it", "the file holds no document");
        else if (type != YAML_STREAM_START_EVENT && type != YAML_STREAM_END_EVENT && type != YAML_DOCUMENT_END_EVENT)
            node(c, &e, 0);
        seen |= type == YAML_DOCUMENT_START_EVENT;
        yaml_event_delete(&e);
        if (type == YAML_STREAM_END_EVENT)
            break;
    }
}

int yaml_convert(const char *text, size_t len, struct yaml_output *out)
{
    struct conversion c = {.text = text, .len = len, .out = out};
    yaml_mark_t start = {0};

    *out = (struct yaml_output){0};
    if (len > YAML_TEXT_MAX) {
        problem(&c, &start, "at most 1 MiB", "the file is too large");
        return 0;
    }
    if (!yaml_parser_initialize(&c.parser))
        return -ENOMEM;
    yaml_parser_set_encoding(&c.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&c.parser, (const unsigned char *)text, len);
    stream(&c);
    yaml_parser_delete(&c.parser);
    if (c.full && !c.ended)
        end_here(&c, &start, "at most 4 MiB as JSON", "the document is too large");
    /* A document that ends in the middle is none. */
    if (c.ended || c.failed) {
        out->json_len = 0;
        out->n_positions = 0;
    }
    return c.failed;
}

void yaml_output_free(struct yaml_output *out)
{
    free(out->json);
    free(out->positions);
    *out = (struct yaml_output){0};
}
