/* SPDX-License-Identifier: Apache-2.0 */
/* The words and times of spec.h: pure functions, but for the clock. */
#include "sandbox/spec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *const reasons[END_REASONS] = {
    [END_EXITED] = "exited",
    [END_SIGNAL] = "signal",
    [END_STOPPED] = "stopped",
    [END_OOM] = "oom",
    [END_PIDS] = "pids-limit",
    [END_CPU] = "cpu-limit",
    [END_HEAP] = "java-heap",
    [END_METASPACE] = "metaspace",
    [END_DIRECT] = "direct-memory",
    [END_POWEROFF] = "poweroff",
    [END_RESET] = "reset",
    [END_PANIC] = "panic",
    [END_TRIPLE_FAULT] = "triple-fault",
    [END_TIMEOUT] = "timeout",
    [END_START_FAILED] = "start-failed",
    [END_LOST] = "lost",
};
static const char *const words[END_REASONS] = {
    [END_OOM] = "killed, and its memory limit was reached (-m raises it)",
    [END_PIDS] = "its limit on processes was reached (--pids-limit raises it)",
    [END_CPU] = "killed, and its limit of processor time was reached (--ulimit cpu=SECONDS raises it)",
    [END_HEAP] = "its Java heap was full (-m raises it, or --java-option -Xmx)",
    [END_METASPACE] = "its room for classes was full (-m raises it, or --java-option -XX:MaxMetaspaceSize=)",
    [END_DIRECT] = "its memory outside the Java heap was full (-m raises it, or --java-option "
                   "-XX:MaxDirectMemorySize=)",
    [END_PANIC] = "its kernel panicked",
    [END_TRIPLE_FAULT] = "its processor shut down (triple fault)",
    [END_TIMEOUT] = "its time limit was reached (--timeout raises it)",
};
static const char *const restart_words[] = {
    [RESTART_NO] = "no",
    [RESTART_ON_FAILURE] = "on-failure",
    [RESTART_ALWAYS] = "always",
    [RESTART_UNLESS_STOPPED] = "unless-stopped",
};

const char *end_reason_name(enum end_reason r)
{
    return reasons[r];
}

const char *end_reason_words(enum end_reason r)
{
    return words[r];
}

const char *restart_policy_name(enum restart_policy p)
{
    return restart_words[p];
}

int restart_rule_parse(const char *text, struct restart_rule *out, struct err *err)
{
    size_t len = strcspn(text, ":");

    *out = (struct restart_rule){0};
    for (size_t i = 0; i < ARRAY_LEN(restart_words); i++) {
        if (strlen(restart_words[i]) != len || strncmp(text, restart_words[i], len))
            continue;
        out->policy = (enum restart_policy)i;
        if (!text[len])
            return 0;
        char *end;
        unsigned long n = strtoul(text + len + 1, &end, 10);
        if (i != RESTART_ON_FAILURE)
            return err_set(err, -EINVAL, "--restart %s: only on-failure takes a maximum retry count", text);
        if (!text[len + 1] || *end || n > 1000000000 || text[len + 1] == '-' || text[len + 1] == '+')
            return err_set(err, -EINVAL, "--restart %s: the maximum retry count must be an integer, as on-failure:5",
                           text);
        out->max = (uint32_t)n;
        return 0;
    }
    return err_set(err, -EINVAL, "--restart %s: no, on-failure, on-failure:N, always or unless-stopped", text);
}

char *time_now_text(struct arena *a)
{
    struct timespec ts;
    struct tm tm;

    clock_gettime(CLOCK_REALTIME, &ts);
    gmtime_r(&ts.tv_sec, &tm);
    return arena_printf(a, "%04d-%02d-%02dT%02d:%02d:%02d.%09ldZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday,
                        tm.tm_hour, tm.tm_min, tm.tm_sec, ts.tv_nsec);
}

/* "" or ".5" -> nanoseconds; the rest of the text. */
static const char *parse_fraction(const char *c, int64_t *ns)
{
    int64_t unit = 100000000;

    *ns = 0;
    if (*c != '.')
        return c;
    for (c++; *c >= '0' && *c <= '9'; c++, unit /= 10)
        *ns += (*c - '0') * unit;
    return c;
}

int time_parse(const char *text, int64_t *ns)
{
    struct tm tm = {0};
    int64_t fraction, offset = 0;
    char *end;

    int n = 0;
    if (sscanf(text, "%4d-%2d-%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &n) != 3 || n != 10) {
        errno = 0;
        long long s = strtoll(text, &end, 10);
        const char *rest = parse_fraction(end, &fraction);
        if (end == text || *rest || errno || s < 0 || s > INT64_MAX / 1000000000 - 1)
            return -EINVAL;
        *ns = s * 1000000000 + fraction;
        return 0;
    }
    const char *c = text + n;
    if (*c == 'T' || *c == ' ') {
        int used = 0;
        if (sscanf(c + 1, "%2d:%2d%n", &tm.tm_hour, &tm.tm_min, &used) != 2 || used != 5)
            return -EINVAL;
        c += 1 + used;
        if (*c == ':') {
            if (sscanf(c + 1, "%2d%n", &tm.tm_sec, &used) != 1 || used != 2)
                return -EINVAL;
            c += 1 + used;
        }
    }
    c = parse_fraction(c, &fraction);
    if (*c == '+' || *c == '-') {
        int h, m, used = 0;
        if (sscanf(c + 1, "%2d:%2d%n", &h, &m, &used) != 2 || used != 5)
            return -EINVAL;
        offset = (h * 60 + m) * 60 * (*c == '-' ? -1 : 1);
        c += 1 + used;
    } else if (*c == 'Z') {
        c++;
    }
    if (*c || tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_year < 1970 ||
        tm.tm_year > 2200 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60)
        return -EINVAL;
    tm.tm_year -= 1900;
    tm.tm_mon--;
    *ns = ((int64_t)timegm(&tm) - offset) * 1000000000 + fraction;
    return 0;
}
