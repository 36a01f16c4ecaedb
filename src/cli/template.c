/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a template: text and actions become nodes, once. Pure: touches the text and the arena. */
#include "cli/template_internal.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct reader {
    struct arena *arena;
    const char *at;     /* where reading goes on */
    const char *action; /* the action under way: its text, for messages */
    size_t action_len;
    const char *end; /* of that action's inside */
    unsigned depth;
    struct err *err;
};

static const char *const function_names[] = {
    [FUNCTION_JSON] = "json",   [FUNCTION_INDEX] = "index", [FUNCTION_JOIN] = "join",
    [FUNCTION_UPPER] = "upper", [FUNCTION_LOWER] = "lower", [FUNCTION_PRINTLN] = "println",
};
static const unsigned function_args_min[] = {
    [FUNCTION_JSON] = 1,  [FUNCTION_INDEX] = 2, [FUNCTION_JOIN] = 2,
    [FUNCTION_UPPER] = 1, [FUNCTION_LOWER] = 1, [FUNCTION_PRINTLN] = 0,
};
static const unsigned function_args_max[] = {
    [FUNCTION_JSON] = 1,  [FUNCTION_INDEX] = TEMPLATE_ARGS_MAX,   [FUNCTION_JOIN] = 2, [FUNCTION_UPPER] = 1,
    [FUNCTION_LOWER] = 1, [FUNCTION_PRINTLN] = TEMPLATE_ARGS_MAX,
};

static void *no_memory(struct reader *r)
{
    err_set(r->err, -ENOMEM, "--format: out of memory");
    return NULL;
}

/* "--format: {{action}}: why"; NULL, so that the callers may return it. */
static void *refuse(struct reader *r, const char *why, const char *what, size_t len)
{
    err_set(r->err, -EINVAL, "--format: %.*s: %s%.*s", (int)(r->action_len < 80 ? r->action_len : 80), r->action, why,
            (int)(len < 80 ? len : 80), what);
    return NULL;
}

static void skip_blanks(struct reader *r)
{
    while (r->at < r->end && strchr(" \t\n\r", *r->at))
        r->at++;
}

static size_t word_length(const char *at, const char *end)
{
    size_t n = 0;

    while (at + n < end && (isalnum((unsigned char)at[n]) || at[n] == '_'))
        n++;
    return n;
}

static const struct expression *read_pipeline(struct reader *r);

/* ".A.B" behind what was read, added to the members that it has; each name is copied. */
static bool read_members(struct reader *r, struct expression *e)
{
    unsigned n = 0;
    const char *at = r->at;

    while (at < r->end && *at == '.') {
        size_t len = word_length(at + 1, r->end);
        if (!len)
            break;
        at += 1 + len;
        n++;
    }
    if (!n)
        return true;
    const char **members = arena_array(r->arena, e->n_members + n, sizeof *members);
    if (!members)
        return no_memory(r);
    for (unsigned i = 0; i < e->n_members; i++)
        members[i] = e->members[i];
    e->members = members;
    for (n += e->n_members; e->n_members < n; e->n_members++) {
        size_t len = word_length(r->at + 1, r->end);
        if (!(members[e->n_members] = arena_strndup(r->arena, r->at + 1, len)))
            return no_memory(r);
        r->at += 1 + len;
    }
    return true;
}

static bool read_string(struct reader *r, struct expression *e)
{
    char quote = *r->at++;
    char *out = arena_alloc(r->arena, (size_t)(r->end - r->at) + 1);
    uint32_t n = 0;

    if (!out)
        return no_memory(r);
    for (; r->at < r->end && *r->at != quote; r->at++) {
        char c = *r->at;
        if (c == '\\' && quote == '"' && r->at + 1 < r->end) {
            static const char from[] = "tnr\"\\", to[] = "\t\n\r\"\\";
            const char *known = strchr(from, *++r->at);
            if (!known || !*known)
                return refuse(r, "unknown escape in a string: \\", r->at, 1);
            c = to[known - from];
        }
        out[n++] = c;
    }
    if (r->at == r->end)
        return refuse(r, "a string without its end", "", 0);
    r->at++;
    e->kind = EXPR_LITERAL;
    e->literal = (struct json){.type = JSON_STRING, .string = {out, n}};
    return true;
}

static bool read_number(struct reader *r, struct expression *e)
{
    char *end;

    errno = 0;
    long long n = strtoll(r->at, &end, 10);
    if (errno || end > r->end || (end < r->end && !strchr(" \t\n\r)|", *end)))
        return refuse(r, "not a number: ", r->at, (size_t)(r->end - r->at));
    r->at = end;
    e->kind = EXPR_LITERAL;
    e->literal = (struct json){.type = JSON_INT, .integer = n};
    return true;
}

/* A value: a member, a literal, or a call in parentheses. */
static struct expression *read_operand(struct reader *r)
{
    struct expression *e = arena_alloc(r->arena, sizeof *e);
    char c = r->at < r->end ? *r->at : 0;

    if (!e)
        return no_memory(r);
    if (c == '"' || c == '`')
        return read_string(r, e) ? e : NULL;
    if (isdigit((unsigned char)c) || (c == '-' && r->at + 1 < r->end && isdigit((unsigned char)r->at[1])))
        return read_number(r, e) ? e : NULL;
    if (c == '(') {
        r->at++;
        if (++r->depth > TEMPLATE_DEPTH_MAX)
            return refuse(r, "nested too deep", "", 0);
        const struct expression *inner = read_pipeline(r);
        r->depth--;
        if (!inner)
            return NULL;
        if (r->at == r->end || *r->at != ')')
            return refuse(r, "a ) is missing", "", 0);
        r->at++;
        *e = *inner;
        return read_members(r, e) ? e : NULL;
    }
    if (c == '$') {
        r->at++;
        if (word_length(r->at, r->end))
            return refuse(r, "variables are not supported: $", r->at, word_length(r->at, r->end));
        e->kind = EXPR_ROOT;
        return read_members(r, e) ? e : NULL;
    }
    if (c != '.')
        return refuse(r, "not understood: ", r->at, (size_t)(r->end - r->at));
    e->kind = EXPR_DOT;
    if (!read_members(r, e))
        return NULL;
    if (!e->n_members)
        r->at++;
    return e;
}

static int find_function(const char *name, size_t len)
{
    for (int i = 0; i < (int)ARRAY_LEN(function_names); i++)
        if (strlen(function_names[i]) == len && !memcmp(function_names[i], name, len))
            return i;
    return -1;
}

static bool at_end_of_command(struct reader *r)
{
    skip_blanks(r);
    return r->at == r->end || *r->at == ')' || *r->at == '|';
}

/* A call, or one value. `last`: what a | hands over as the last argument; NULL. */
static const struct expression *read_command(struct reader *r, const struct expression *last)
{
    skip_blanks(r);
    size_t len = word_length(r->at, r->end);
    if (!len || isdigit((unsigned char)*r->at)) {
        struct expression *e = read_operand(r);
        if (e && !at_end_of_command(r))
            return refuse(r, "a value takes no arguments: ", r->at, (size_t)(r->end - r->at));
        if (e && last)
            return refuse(r, "behind a | stands a function: ", "json, join, upper, lower", 24);
        return e;
    }
    int function = find_function(r->at, len);
    if (function < 0)
        return refuse(r, "not among what is supported (json, index, join, upper, lower, println, range, if): ", r->at,
                      len);
    struct expression *e = arena_alloc(r->arena, sizeof *e);
    if (!e)
        return no_memory(r);
    *e = (struct expression){.kind = EXPR_CALL, .function = (enum template_function)function};
    r->at += len;
    while (!at_end_of_command(r)) {
        if (e->n_args == TEMPLATE_ARGS_MAX - 1)
            return refuse(r, "too many arguments", "", 0);
        if (!(e->args[e->n_args++] = read_operand(r)))
            return NULL;
    }
    if (last)
        e->args[e->n_args++] = last;
    if (e->n_args < function_args_min[function] || e->n_args > function_args_max[function])
        return refuse(r, "wrong number of arguments for ", function_names[function], strlen(function_names[function]));
    return e;
}

static const struct expression *read_pipeline(struct reader *r)
{
    const struct expression *e = read_command(r, NULL);

    for (int i = 0; e && r->at < r->end && *r->at == '|'; i++) {
        if (i == TEMPLATE_DEPTH_MAX)
            return refuse(r, "too many |", "", 0);
        r->at++;
        e = read_command(r, e);
    }
    return e;
}

/* ---- text and actions ------------------------------------------------------------------------------------------ */

enum stop { STOP_FAILED, STOP_END_OF_TEXT, STOP_ELSE, STOP_END };

/* Go's and docker's: \t and \n in the text. */
static char *unescape(struct reader *r, const char *text, size_t *len)
{
    char *out = arena_alloc(r->arena, *len + 1);
    size_t n = 0;

    for (size_t i = 0; out && i < *len; i++) {
        bool escape = text[i] == '\\' && i + 1 < *len && (text[i + 1] == 't' || text[i + 1] == 'n');
        out[n++] = !escape ? text[i] : text[i + 1] == 't' ? '\t' : '\n';
        i += escape;
    }
    *len = n;
    return out;
}

/* From behind "{{" to the "}}", which may not stand in a string. */
static bool open_action(struct reader *r)
{
    const char *c = r->at + 2;
    char quote = 0;

    r->action = r->at;
    for (; *c && (quote || strncmp(c, "}}", 2)); c++) {
        if (quote == '"' && *c == '\\' && c[1])
            c++;
        else if (quote)
            quote = *c == quote ? 0 : quote;
        else if (*c == '"' || *c == '`')
            quote = *c;
    }
    r->action_len = strlen(r->action);
    if (!*c)
        return refuse(r, "an action without }}", "", 0);
    r->end = c;
    r->action_len = (size_t)(c + 2 - r->action);
    r->at += 2;
    skip_blanks(r);
    if (r->at < r->end && *r->at == '-' && strchr(" \t\n", r->at[1]))
        return refuse(r, "trimming by {{- is not supported", "", 0);
    if (r->at < r->end && !strncmp(r->at, "/*", 2))
        return refuse(r, "comments are not supported", "", 0);
    return true;
}

/* Whether the action begins with the word; it is then read over. */
static bool keyword(struct reader *r, const char *word)
{
    size_t len = strlen(word);

    if (word_length(r->at, r->end) != len || memcmp(r->at, word, len))
        return false;
    r->at += len;
    skip_blanks(r);
    return true;
}

static enum stop read_list(struct reader *r, const struct node **first);

static bool close_action(struct reader *r)
{
    skip_blanks(r);
    if (r->at != r->end)
        return refuse(r, "not understood: ", r->at, (size_t)(r->end - r->at));
    r->at = r->end + 2;
    return true;
}

static bool read_block(struct reader *r, struct node *node)
{
    const char *action = r->action;
    size_t len = r->action_len;

    if (!(node->expression = read_pipeline(r)) || !close_action(r))
        return false;
    if (++r->depth > TEMPLATE_DEPTH_MAX)
        return refuse(r, "nested too deep", "", 0);
    enum stop stop = read_list(r, &node->body);
    if (stop == STOP_ELSE)
        stop = read_list(r, &node->otherwise);
    r->depth--;
    if (stop == STOP_FAILED || stop == STOP_END)
        return stop == STOP_END;
    r->action = action;
    r->action_len = len;
    return refuse(r, stop == STOP_ELSE ? "a second {{else}}" : "its {{end}} is missing", "", 0);
}

/* One action; *stop says when it ended the list. */
static bool read_action(struct reader *r, struct node *node, enum stop *stop)
{
    if (!open_action(r))
        return false;
    *stop = STOP_END_OF_TEXT;
    if (keyword(r, "end")) {
        *stop = STOP_END;
        return close_action(r);
    }
    if (keyword(r, "else")) {
        *stop = STOP_ELSE;
        return close_action(r);
    }
    bool is_if = keyword(r, "if");
    if (is_if || keyword(r, "range")) {
        node->kind = is_if ? NODE_IF : NODE_RANGE;
        return read_block(r, node);
    }
    node->kind = NODE_VALUE;
    return (node->expression = read_pipeline(r)) && close_action(r);
}

static enum stop read_list(struct reader *r, const struct node **first)
{
    const struct node **link = first;

    while (*r->at) {
        struct node *node = arena_alloc(r->arena, sizeof *node);
        enum stop stop = STOP_END_OF_TEXT;
        const char *open = strstr(r->at, "{{");
        if (!node) {
            no_memory(r);
            return STOP_FAILED;
        }
        if (open != r->at) {
            node->len = open ? (size_t)(open - r->at) : strlen(r->at);
            const char *text = r->at;
            r->at += node->len;
            if (!(node->text = unescape(r, text, &node->len))) {
                no_memory(r);
                return STOP_FAILED;
            }
        } else if (!read_action(r, node, &stop)) {
            return STOP_FAILED;
        }
        if (stop != STOP_END_OF_TEXT)
            return stop;
        *link = node;
        link = &node->next;
    }
    return STOP_END_OF_TEXT;
}

int template_parse(struct arena *a, const char *text, const struct template **out, struct err *err)
{
    struct reader r = {.arena = a, .at = text, .err = err};
    struct template *t = arena_alloc(a, sizeof *t);

    if (!t)
        return err_set(err, -ENOMEM, "--format: out of memory");
    enum stop stop = read_list(&r, &t->first);
    if (stop == STOP_END || stop == STOP_ELSE)
        refuse(&r, "without an {{if}} or {{range}} before it", "", 0);
    *out = t;
    return stop == STOP_END_OF_TEXT ? 0 : err->code;
}
