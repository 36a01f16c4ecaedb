/* SPDX-License-Identifier: Apache-2.0 */
/* Denials about paths, and in learn mode their uses, in words (docs/schema/denial.schema.json). */
#include "broker/report.h"

#include <stdio.h>
#include <string.h>

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

static void put_access(struct json_writer *w, uint32_t access)
{
    json_array_begin(w, "access");
    for (size_t i = 0; i < ARRAY_LEN(accesses); i++) {
        if (access & accesses[i].access)
            json_string(w, NULL, accesses[i].name);
    }
    json_array_end(w);
}

static const char *deed_of(const struct call *c, int i)
{
    if (c->row->service->deed)
        return c->row->service->deed;
    uint32_t access = c->access[i];
    return access & PATH_CREATE     ? "create"
           : !(access & PATH_WRITE) ? "open for reading"
           : access & PATH_READ     ? "open for reading and writing"
                                    : "open for writing";
}

/* A rule's host path as people read it. "a/.." stays: where a is a link that is not the same place. */
static const char *host_of(const struct rule *rule, char out[PATH_SIZE])
{
    return path_climbs(rule->host) || path_clean(rule->host, out) < 0 ? rule->host : out;
}

/* The path on the host of what was asked for. */
static void host_path(const struct spot *s, char out[2 * PATH_SIZE])
{
    char clean[PATH_SIZE];
    const char *host = s->rule ? host_of(s->rule, clean) : NULL;

    if (host && strlen(s->guest) >= s->rule->length)
        snprintf(out, 2 * PATH_SIZE, "%s%s", host[1] ? host : "", s->guest + s->rule->length);
    else
        snprintf(out, 2 * PATH_SIZE, "%s", s->guest);
}

/* The flag that would allow it; "" where none would. */
static void remedy(const struct broker *b, const struct call *c, int i, enum refusal why, char out[3 * PATH_SIZE])
{
    const struct spot *s = &c->spots[i];
    uint32_t access = c->access[i];
    char path[2 * PATH_SIZE], want[8];

    out[0] = 0;
    if (s->rule && s->rule->verdict == PATH_DENY)
        return;
    host_path(s, path);
    if (!b->rules.n_net && !strcmp(path, "/etc/resolv.conf")) { /* who reads it wants a name, and no file gives that */
        snprintf(out, 3 * PATH_SIZE, "--allow-net HOST:PORT");
        return;
    }
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
    char clean[PATH_SIZE];
    static const char *const reasons[] = {"no-rule", "rule", "unsupported", "cannot-be-looked-for"};
    char have[8];
    struct asker who;

    if (!s->guest[0] || !report_is_new("denied", c->row->name, s->guest, c->access[i] | (uint64_t)why << 32))
        return;
    report_asker(b, c, &who);
    remedy(b, c, i, why, allow);
    struct json_writer *w = report_begin();
    json_string(w, "denied", c->row->name);
    put_access(w, c->access[i]);
    json_string(w, "path", s->guest);
    if (strcmp(s->asked, s->guest) != 0)
        json_string(w, "asked", s->asked);
    json_string(w, "why", reasons[why]);
    if (rule)
        json_string(w, "rule", rule->guest);
    if (allow[0])
        json_string(w, "allow", allow);
    report_end(b, &who);
    const char *deed = deed_of(c, i);
    if (why == REFUSED_UNSUPPORTED)
        report_line(b, &who, deed, s->guest, "no such thing is done through the broker%s%s%s", *allow ? ": " : "",
                    allow, *allow ? " shows the path itself" : "");
    else if (rule && rule->verdict == PATH_DENY)
        report_line(b, &who, deed, s->guest, "--deny %s forbids it", host_of(rule, clean));
    else if (rule)
        report_line(b, &who, deed, s->guest, "%s is given %s alone: %s would allow it", rule->guest,
                    (letters(rule->access, have), have), allow);
    else
        report_line(b, &who, deed, s->guest, "%s would allow it", allow);
}

void learned_path(struct broker *b, const struct call *c, int i)
{
    const struct spot *s = &c->spots[i];
    bool exists = s->kind == SPOT_BROKERED ? !s->error : s->exists, creates = c->creates >> i & 1;
    uint64_t more = c->access[i] | (uint64_t)exists << 32 | (uint64_t)creates << 33 | (c->mode & 7) << 34;
    struct asker who;

    if (!s->asked[0] || s->system || !report_is_new("learned", s->asked, s->guest, more))
        return;
    report_asker(b, c, &who);
    struct json_writer *w = report_begin();
    json_string(w, "learn", c->row->name);
    put_access(w, c->access[i]);
    json_string(w, "path", s->guest);
    json_string(w, "asked", s->asked);
    json_bool(w, "exists", exists);
    json_bool(w, "creates", creates);
    json_uint(w, "flags", c->flags & UINT32_MAX);
    json_uint(w, "mode", c->mode & UINT32_MAX);
    report_end(b, &who);
}
