/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Errors. A function that can fail returns 0 or a negative errno and takes a `struct err *` as its last argument.
 * The struct is untouched on success. On failure it holds one line: lower case, no full stop, naming the thing, the
 * value and the remedy. Callers wrap outwards with err_wrap(), which gives "outer: inner".
 */
#ifndef MOAT_BASE_ERR_H
#define MOAT_BASE_ERR_H

#define ERR_TEXT_MAX 1024

struct err {
    int code;                /* negative errno; 0 while nothing failed */
    char text[ERR_TEXT_MAX]; /* NUL-terminated; cut, never overrun */
};

/* Sets text and code; returns code, so that `return err_set(err, -EINVAL, ...)` reads as one act. code must be < 0. */
int err_set(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Like err_set() and appends ": <strerror(-code)>". */
int err_sys(struct err *err, int code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "fmt...: " before the text that is there; returns err->code. */
int err_wrap(struct err *err, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

#endif
