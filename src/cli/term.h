/* SPDX-License-Identifier: Apache-2.0 */
/* Text for people: width, colour, wrapping. Output goes to stdout by stdio; main checks it once at the
 * end. */
#ifndef MOAT_CLI_TERM_H
#define MOAT_CLI_TERM_H

#include <stdbool.h>
#include <stddef.h>

/* Columns to write for: the terminal's, at most 120, at least 60; 80 when stdout is no terminal. */
unsigned term_columns(void);

/* stdout is a terminal that wants colours: NO_COLOR unset or empty, TERM is not "dumb". */
bool term_has_color(void);

enum term_style { TERM_PLAIN, TERM_BOLD, TERM_GOOD, TERM_WARN, TERM_BAD, TERM_FAINT };
/* Escape sequences, or "" without colour. */
const char *term_on(enum term_style style);
const char *term_off(void);

/* Prints text wrapped at spaces; the cursor stands at column `at`, further lines begin at `indent`. Ends the line.
 * Control characters are shown as '?': names and values may come from people and files. */
void term_wrap(const char *text, unsigned at, unsigned indent, unsigned columns);

/* Prints text with control characters as '?', padded to width; returns the columns used. */
unsigned term_cell(const char *text, unsigned width);

#endif
