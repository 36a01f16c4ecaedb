/* SPDX-License-Identifier: Apache-2.0 */
/* See report.h. */
#include "wasmrun/report.h"

#include "base/utf8.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FRAMES       20 /* as many are shown: a stack that was exhausted has thousands alike */
#define NAME_MOST    400
#define MESSAGE_MOST 2048

static void put(const char *line, int n)
{
    ssize_t ignored = write(STDERR_FILENO, line, (size_t)n);
    (void)ignored;
}

void report_error(const char *name, const char *text)
{
    char line[MESSAGE_MOST + NAME_MOST], safe_name[NAME_MOST], safe[MESSAGE_MOST];

    utf8_printable(safe_name, sizeof safe_name, name, strlen(name));
    utf8_printable(safe, sizeof safe, text, strlen(text));
    put(line, snprintf(line, sizeof line, "moat-wasm: %s: %s\n", safe_name, safe));
}

static void put_frame(uint32_t number, const struct wasm_frame *f)
{
    char line[NAME_MOST + 64], name[NAME_MOST], place[24] = "?";
    const struct wasm_name *known = f->module ? wasm_function_name(f->module, f->function) : NULL;

    if (known)
        utf8_printable(name, sizeof name, known->text, known->len);
    else
        snprintf(name, sizeof name, "function %u", f->function);
    if (f->offset)
        snprintf(place, sizeof place, "0x%06x", f->offset);
    put(line, snprintf(line, sizeof line, "  #%-2u %-8s  %s\n", number, place, name));
}

void report_trap(const struct wasm_store *s, const char *name, enum wasm_trap trap)
{
    struct wasm_frame frames[FRAMES];
    char text[MESSAGE_MOST];
    const char *words = trap == WASM_TRAP_HOST ? wasm_fail_text(s) : NULL;

    snprintf(text, sizeof text, "%s%s", trap == WASM_TRAP_FUEL || trap == WASM_TRAP_INTERRUPT ? "" : "trap: ",
             words && *words               ? words
             : trap == WASM_TRAP_FUEL      ? "the fuel is used up (--fuel)"
             : trap == WASM_TRAP_INTERRUPT ? "the time limit was reached (--timeout)"
                                           : wasm_trap_text(trap));
    report_error(name, text);
    uint32_t n = wasm_backtrace(s, frames, FRAMES);
    for (uint32_t i = 0; i < n; i++)
        put_frame(i, &frames[i]);
    if (n == FRAMES)
        put("  ... and those that called them\n", 33);
}
