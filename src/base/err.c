/* SPDX-License-Identifier: Apache-2.0 */
#include "base/err.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* One line, and nothing that a terminal would obey: names come from images and documents. */
static void settle(struct err *err, int code)
{
    size_t n = strlen(err->text);

    if (code == -EMFILE && !strstr(err->text, "ulimit -n")) /* here the cause alone names the remedy */
        snprintf(err->text + n, sizeof err->text - n, "; raise the limit on open files (ulimit -n)");
    for (char *c = err->text; *c; c++)
        if ((unsigned char)*c < 0x20 || *c == 0x7f)
            *c = '?';
    err->code = code;
}

int err_set(struct err *err, int code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    settle(err, code);
    return code;
}

int err_sys(struct err *err, int code, const char *fmt, ...)
{
    va_list ap;

    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", strerror(-code));
    settle(err, code);
    return code;
}

int err_wrap(struct err *err, const char *fmt, ...)
{
    char inner[ERR_TEXT_MAX];
    va_list ap;

    memcpy(inner, err->text, sizeof inner);
    va_start(ap, fmt);
    int n = vsnprintf(err->text, sizeof err->text, fmt, ap);
    va_end(ap);
    if (n >= 0 && (size_t)n < sizeof err->text)
        snprintf(err->text + n, sizeof err->text - (size_t)n, ": %s", inner);
    settle(err, err->code);
    return err->code;
}
