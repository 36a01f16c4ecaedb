/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/when.h"

#include "policy/flags.h"
#include "sandbox/spec.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#define NANO INT64_C(1000000000)

int64_t when_now(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_REALTIME, &ts);
    return (int64_t)ts.tv_sec * NANO + ts.tv_nsec;
}

int when_parse(const char *option, const char *text, int64_t now, int64_t *ns, struct err *err)
{
    int64_t ms, back;

    if (time_parse(text, ns) == 0)
        return 0;
    if (flag_parse_duration(text, &ms) == 0 && !__builtin_mul_overflow(ms, NANO / 1000, &back) &&
        !__builtin_sub_overflow(now, back, ns))
        return 0;
    return err_set(err, -EINVAL,
                   "--%s '%s': write a time as 2026-01-31T12:00:00Z, seconds since 1970, or a duration as 10m", option,
                   text);
}

void when_format(int64_t ns, char out[40])
{
    time_t t = (time_t)(ns / NANO - (ns % NANO < 0));
    int64_t rest = ns - (int64_t)t * NANO;
    struct tm tm;
    size_t n = gmtime_r(&t, &tm) ? strftime(out, 40, "%Y-%m-%dT%H:%M:%S", &tm) : 0;

    snprintf(out + n, 40 - n, ".%09dZ", (int)rest);
}

void when_words(int64_t s, char out[32])
{
    int64_t minutes = s / 60, hours = (s + 1800) / 3600;

    if (s < 1)
        strcpy(out, "Less than a second");
    else if (s < 60)
        snprintf(out, 32, "%lld second%s", (long long)s, s == 1 ? "" : "s");
    else if (minutes == 1)
        strcpy(out, "About a minute");
    else if (minutes < 60)
        snprintf(out, 32, "%lld minutes", (long long)minutes);
    else if (hours == 1)
        strcpy(out, "About an hour");
    else if (hours < 48)
        snprintf(out, 32, "%lld hours", (long long)hours);
    else if (hours < 24 * 7 * 2)
        snprintf(out, 32, "%lld days", (long long)hours / 24);
    else if (hours < 24 * 30 * 2)
        snprintf(out, 32, "%lld weeks", (long long)hours / 24 / 7);
    else if (hours < 24 * 365 * 2)
        snprintf(out, 32, "%lld months", (long long)hours / 24 / 30);
    else
        snprintf(out, 32, "%lld years", (long long)hours / 24 / 365);
}

static void put_size(uint64_t bytes, double base, const char *const units[], int digits, char out[24])
{
    double v = (double)bytes;
    size_t unit = 0;

    for (; v >= base && units[unit + 1]; unit++)
        v /= base;
    snprintf(out, 24, "%.*g%s", digits, v, units[unit]);
}

void size_words(uint64_t bytes, int digits, char out[24])
{
    static const char *const units[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB", NULL};

    put_size(bytes, 1000, units, digits, out);
}

void size_words_binary(uint64_t bytes, char out[24])
{
    static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB", NULL};

    put_size(bytes, 1024, units, 4, out);
}
