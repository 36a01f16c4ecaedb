/* SPDX-License-Identifier: Apache-2.0 */
/* Between template.c, which reads a template, and template_run.c, which carries it out. */
#ifndef MOAT_CLI_TEMPLATE_INTERNAL_H
#define MOAT_CLI_TEMPLATE_INTERNAL_H

#include "cli/template.h"

#include <stdbool.h>
#include <stdio.h>

#define TEMPLATE_ARGS_MAX 16

enum template_function {
    FUNCTION_JSON,
    FUNCTION_INDEX,
    FUNCTION_JOIN,
    FUNCTION_UPPER,
    FUNCTION_LOWER,
    FUNCTION_PRINTLN
};

struct expression {
    enum { EXPR_DOT, EXPR_ROOT, EXPR_LITERAL, EXPR_CALL } kind;
    struct json literal;
    enum template_function function;
    const struct expression *args[TEMPLATE_ARGS_MAX];
    unsigned n_args;
    const char **members; /* .A.B behind it, in order */
    unsigned n_members;
};

struct node {
    enum { NODE_TEXT, NODE_VALUE, NODE_IF, NODE_RANGE } kind;
    const struct node *next;
    const char *text;
    size_t len;
    const struct expression *expression;
    const struct node *body, *otherwise;
};

struct template
{
    const struct node *first;
};

/* For a terminal: control characters other than a tab and an end of line as '?'. */
void template_put_safe(const char *s, FILE *out);

#endif
