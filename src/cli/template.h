/* SPDX-License-Identifier: Apache-2.0 */
/*
 * --format: the part of Go's text/template that docker's users write, over a JSON tree.
 *
 *   {{.A.B}} {{.}} {{$.A}}                          members; a missing one is an error
 *   {{json X}} {{index X "key" 0}} {{join X ","}} {{upper X}} {{lower X}} {{println X ...}}
 *   {{range X}}..{{else}}..{{end}} {{if X}}..{{else}}..{{end}}
 *   X: a member, a "string", a number, (a call).member, or call | call
 *
 * In the text, \t and \n stand for a tab and an end of line. Everything else is refused by name.
 *
 * Life: template_parse() once, then template_run() for each value. Trust: the template is the user's own; the values
 * are foreign, and nothing in them is ever read as a template. Depth is bounded, and so, by the values, is every loop.
 */
#ifndef MOAT_CLI_TEMPLATE_H
#define MOAT_CLI_TEMPLATE_H

#include "base/err.h"
#include "base/json.h"

#include <stdio.h>

#define TEMPLATE_DEPTH_MAX 32

struct template;

/* `text` is borrowed. -EINVAL with the part that is not understood. */
int template_parse(struct arena *a, const char *text, const struct template **out, struct err *err);

/* Writes to `out`, of which the caller prints nothing when this fails. `a` holds values made on the way. */
int template_run(const struct template *t, struct arena *a, const struct json *value, FILE *out, struct err *err);

#endif
