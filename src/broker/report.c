/* SPDX-License-Identifier: Apache-2.0 */
/* See report.h. What a target can make it write is bounded, but in learn mode, where whoever reads may not miss any. */
#include "broker/report.h"

#include "broker/seen.h"
#include "host/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define REPORT_BYTES (16u << 20)
#define LINE_SIZE    (4 * PATH_SIZE)

static struct seen seen;
static struct json_writer writer;
static uint64_t told, lost;

void report_init(const struct broker *b)
{
    if (sys(SYS_getrandom, seen.key, sizeof seen.key, 1 /* GRND_NONBLOCK */) < 0)
        seen.key[0] = (uint64_t)(uintptr_t)b; /* early at boot: then only reports suffer */
    fcntl(b->events, F_SETFL, (fcntl(b->events, F_GETFL) & O_APPEND) | O_NONBLOCK);
}

void report_asker(const struct broker *b, const struct call *c, struct asker *out)
{
    char path[32], text[8192];
    const char *line;

    *out = (struct asker){.program = "?"};
    snprintf(path, sizeof path, "%u/status", c->n.pid);
    _cleanup_fd_ int fd = (int)sys(SYS_openat, b->proc, path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    text[n > 0 ? n : 0] = 0;
    if (!strncmp(text, "Name:\t", 6))
        snprintf(out->program, sizeof out->program, "%.*s", (int)strcspn(text + 6, "\n"), text + 6);
    line = strstr(text, "\nNStgid:");
    for (const char *p = line ? line + 8 : ""; *p == '\t';) {
        char *end;
        out->pid = strtol(p + 1, &end, 10); /* the last one is the innermost */
        p = end;
    }
}

/* In learn mode nothing may be missing: the target waits for whoever reads. */
static void tell_event(const struct broker *b)
{
    bool patient = b->rules.flags & BROKER_LEARN;
    size_t done = 0;

    json_line_end(&writer);
    if (writer.failed || (!patient && told + writer.len > REPORT_BYTES)) {
        lost++;
        return;
    }
    while (done < writer.len) {
        long n = sys(SYS_write, b->events, writer.buf + done, writer.len - done);
        if (n == -EAGAIN && (patient || done)) {
            poll(&(struct pollfd){.fd = b->events, .events = POLLOUT}, 1, -1);
        } else if (n < 0 && n != -EINTR) {
            lost++;
            return;
        } else if (n > 0) {
            done += (size_t)n;
        }
    }
    told += writer.len;
}

struct json_writer *report_begin(void)
{
    char *buf = writer.buf;
    size_t cap = writer.cap;

    writer = (struct json_writer){.buf = buf, .cap = cap};
    json_object_begin(&writer, NULL);
    return &writer;
}

void report_end(const struct broker *b, const struct asker *who)
{
    json_string(&writer, "program", who->program);
    json_int(&writer, "pid", who->pid);
    json_string(&writer, "sandbox", b->rules.sandbox);
    if (lost) {
        json_uint(&writer, "lost", lost);
        lost = 0;
    }
    json_object_end(&writer);
    tell_event(b);
}

/* Length of the UTF-8 sequence at `s` that may stand on a terminal as it is; 0: none. The NUL stops it. */
static size_t printable(const unsigned char *s)
{
    size_t n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;
    uint32_t code = n == 1 ? s[0] : s[0] & (0xffu >> (n + 1));

    for (size_t i = 1; i < n; i++) {
        if ((s[i] & 0xc0) != 0x80)
            return 0;
        code = code << 6 | (s[i] & 0x3f);
    }
    bool shortest = n < 3 || code >= (n == 3 ? 0x800u : 0x10000u);
    bool control = code < 0x20 || (code >= 0x7f && code < 0xa0);
    bool turns = (code >= 0x2028 && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069); /* lines, directions */
    bool text = code <= 0x10ffff && (code < 0xd800 || code > 0xdfff);
    return shortest && text && !control && !turns ? n : 0;
}

void report_line(const struct broker *b, const struct asker *who, const char *deed, const char *what,
                 const char *format, ...)
{
    static char raw[LINE_SIZE], line[4 * LINE_SIZE + 2];
    size_t n = 0;
    va_list ap;

    if (!(b->rules.flags & BROKER_TERMINAL) || told > REPORT_BYTES)
        return;
    int k = snprintf(raw, sizeof raw, "moat: denied: %s %s (%s, pid %ld): ", deed, what, who->program, who->pid);
    if (k < 0 || k >= (int)sizeof raw)
        k = (int)sizeof raw - 1;
    va_start(ap, format);
    vsnprintf(raw + k, sizeof raw - (size_t)k, format, ap);
    va_end(ap);
    for (const unsigned char *p = (unsigned char *)raw; *p;) {
        size_t length = printable(p);
        if (length) {
            memcpy(line + n, p, length);
            n += length;
            p += length;
        } else {
            n += (size_t)sprintf(line + n, "\\x%02x", *p++);
        }
    }
    line[n++] = '\n';
    sys(SYS_write, 2, line, n);
}

bool report_is_new(const char *kind, const char *call, const char *what, uint64_t more)
{
    const struct seen_part parts[] = {
        {kind, strlen(kind)}, {call, strlen(call)}, {what, strlen(what)}, {&more, sizeof more}};

    return seen_add(&seen, seen_hash(&seen, parts, ARRAY_LEN(parts)));
}
