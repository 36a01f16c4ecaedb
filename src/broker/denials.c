/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the broker tells: a denial as one JSON line (docs/schema/denial.schema.json) and, with a terminal, as one line
 * for people; in learn mode each use of a path. Names come from the target and are escaped. The same is told once, and
 * not more than REPORT_BYTES in all but in learn mode: a target that is denied for ever fills no disk.
 */
#include "base/json.h"
#include "broker/broker.h"
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
#define LINE_SIZE    (3 * PATH_SIZE * 4)

static struct seen seen;
static struct json_writer writer;
static uint64_t told, lost;

void denials_init(struct broker *b)
{
    if (sys(SYS_getrandom, seen.key, sizeof seen.key, 1 /* GRND_NONBLOCK */) < 0)
        seen.key[0] = (uint64_t)(uintptr_t)b; /* early at boot: then only reports suffer */
    fcntl(b->events, F_SETFL, (fcntl(b->events, F_GETFL) & O_APPEND) | O_NONBLOCK);
}

/* ---- who ------------------------------------------------------------------------------------------------------- */

struct asker {
    char program[80]; /* escaped by the kernel as in /proc/PID/status */
    long pid;         /* inside */
};

static void find_asker(const struct broker *b, const struct call *c, struct asker *out)
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

/* ---- telling ----------------------------------------------------------------------------------------------------- */

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

static void begin_event(void)
{
    char *buf = writer.buf;
    size_t cap = writer.cap;

    writer = (struct json_writer){.buf = buf, .cap = cap};
    json_object_begin(&writer, NULL);
}

static void end_event(const struct broker *b)
{
    if (lost) {
        json_uint(&writer, "lost", lost);
        lost = 0;
    }
    json_object_end(&writer);
    tell_event(b);
}

static void put_asker(const struct broker *b, const struct asker *who)
{
    json_string(&writer, "program", who->program);
    json_int(&writer, "pid", who->pid);
    json_string(&writer, "sandbox", b->rules.sandbox);
}

/* A line for people: what is not printable ASCII is shown as \xHH. */
static void tell_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void tell_line(const char *format, ...)
{
    static char raw[LINE_SIZE], line[4 * LINE_SIZE + 2];
    size_t n = 0;
    va_list ap;

    va_start(ap, format);
    vsnprintf(raw, sizeof raw, format, ap);
    va_end(ap);
    for (const unsigned char *p = (unsigned char *)raw; *p; p++) {
        if (*p >= 0x20 && *p < 0x7f)
            line[n++] = (char)*p;
        else
            n += (size_t)sprintf(line + n, "\\x%02x", *p);
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

/* ---- paths ------------------------------------------------------------------------------------------------------- */

static const struct {
    uint32_t access;
    const char *name;
    char letter;
} accesses[] = {{PATH_STAT, "stat", 's'},
                {PATH_READ, "read", 'r'},
                {PATH_WRITE, "write", 'w'},
                {PATH_EXECUTE, "execute", 'x'},
                {PATH_CREATE, "create", 'c'}};

static void letters(uint32_t access, char out[8])
{
    size_t n = 0;

    for (size_t i = 1; i < ARRAY_LEN(accesses); i++) {
        if (access & accesses[i].access)
            out[n++] = accesses[i].letter;
    }
    if (!n)
        out[n++] = 's';
    out[n] = 0;
}

static void put_access(uint32_t access)
{
    json_array_begin(&writer, "access");
    for (size_t i = 0; i < ARRAY_LEN(accesses); i++) {
        if (access & accesses[i].access)
            json_string(&writer, NULL, accesses[i].name);
    }
    json_array_end(&writer);
}

static const char *deed_of(const struct call *c, int i)
{
    if (c->row->service->deed)
        return c->row->service->deed;
    uint32_t access = c->access[i];
    return access & PATH_CREATE                 ? "create"
           : !(access & PATH_WRITE)             ? "open for reading"
           : access & PATH_READ                 ? "open for reading and writing"
                                                : "open for writing";
}

/* The path on the host of what was asked for. */
static void host_path(const struct spot *s, char out[2 * PATH_SIZE])
{
    if (s->rule && strlen(s->guest) >= s->rule->length)
        snprintf(out, 2 * PATH_SIZE, "%s%s", s->rule->host[1] ? s->rule->host : "", s->guest + s->rule->length);
    else
        snprintf(out, 2 * PATH_SIZE, "%s", s->guest);
}

/* The flag that would allow it; "" where none would. */
static void remedy(const struct call *c, int i, enum refusal why, char out[3 * PATH_SIZE])
{
    const struct spot *s = &c->spots[i];
    uint32_t access = c->access[i];
    char path[2 * PATH_SIZE], want[8];

    out[0] = 0;
    if (s->rule && s->rule->verdict == PATH_DENY)
        return;
    host_path(s, path);
    char *slash = strrchr(path, '/');
    if (access & PATH_CREATE && slash)
        slash[slash == path] = 0; /* names are made in a directory */
    if (why == REFUSED_BY_RULE && s->rule->verdict == PATH_BROKER && !(access & PATH_EXECUTE)) {
        letters(access | s->rule->access, want);
        snprintf(out, 3 * PATH_SIZE, "--broker %s:%s", path, want);
    } else if (access & PATH_EXECUTE) {
        snprintf(out, 3 * PATH_SIZE, "--allow %s:rx", path);
    } else {
        snprintf(out, 3 * PATH_SIZE, "--%s %s", access & (PATH_WRITE | PATH_CREATE) ? "rw" : "ro", path);
    }
}

void denial_path(struct broker *b, const struct call *c, int i, enum refusal why)
{
    static char allow[3 * PATH_SIZE];
    const struct spot *s = &c->spots[i];
    const struct rule *rule = s->rule;
    static const char *const reasons[] = {"no-rule", "rule", "unsupported"};
    char have[8];
    struct asker who;

    if (!s->guest[0] || !report_is_new("denied", c->row->name, s->guest, c->access[i] | (uint64_t)why << 32))
        return;
    find_asker(b, c, &who);
    remedy(c, i, why, allow);
    begin_event();
    json_string(&writer, "denied", c->row->name);
    put_access(c->access[i]);
    json_string(&writer, "path", s->guest);
    if (strcmp(s->asked, s->guest) != 0)
        json_string(&writer, "asked", s->asked);
    json_string(&writer, "why", reasons[why]);
    if (rule)
        json_string(&writer, "rule", rule->guest);
    if (allow[0])
        json_string(&writer, "allow", allow);
    put_asker(b, &who);
    end_event(b);
    if (!(b->rules.flags & BROKER_TERMINAL))
        return;
    const char *deed = deed_of(c, i);
    if (why == REFUSED_UNSUPPORTED)
        tell_line("moat: denied: %s %s (%s, pid %ld): no such thing is done through the broker: %s shows the path itself",
                  deed, s->guest, who.program, who.pid, allow);
    else if (rule && rule->verdict == PATH_DENY)
        tell_line("moat: denied: %s %s (%s, pid %ld): --deny %s forbids it", deed, s->guest, who.program, who.pid,
                  rule->host);
    else if (rule)
        tell_line("moat: denied: %s %s (%s, pid %ld): %s is given %s alone: %s would allow it", deed, s->guest,
                  who.program, who.pid, rule->guest, (letters(rule->access, have), have), allow);
    else
        tell_line("moat: denied: %s %s (%s, pid %ld): %s would allow it", deed, s->guest, who.program, who.pid, allow);
}

void learned_path(struct broker *b, const struct call *c, int i)
{
    const struct spot *s = &c->spots[i];
    bool exists = s->kind == SPOT_BROKERED ? !s->error : s->exists;
    struct asker who;

    if (!s->asked[0] || s->system ||
        !report_is_new("learned", s->asked, s->guest, c->access[i] | (uint64_t)exists << 32))
        return;
    find_asker(b, c, &who);
    begin_event();
    json_string(&writer, "learn", c->row->name);
    put_access(c->access[i]);
    json_string(&writer, "path", s->guest);
    json_string(&writer, "asked", s->asked);
    json_bool(&writer, "exists", exists);
    json_bool(&writer, "creates", c->creates >> i & 1);
    put_asker(b, &who);
    end_event(b);
}
