/* SPDX-License-Identifier: Apache-2.0 */
/* See java_limits.h. The shares and least sizes are choices of ours, made with HotSpot 17 and 25: at the least of all
 * of them a program of a few hundred classes runs, and its heap fills up before its group does. */
#include "cli/java_limits.h"
#include "base/mem.h"

#include <errno.h>

#define KIB       INT64_C(1024)
#define MIB       (KIB * 1024)
#define SIZE_MOST (KIB * KIB * KIB * KIB * KIB) /* so that sums of some do not overflow */

/* Below these HotSpot runs next to nothing, or refuses to start. `most` is what it takes by itself, or what no program
 * is known to fill; 0: all that is left. */
static const struct {
    const char *name, *option, *format;
    int64_t share; /* one part in so many of what is shared out; 0: the rest */
    int64_t least, most;
} areas[JAVA_AREAS] = {
    [JAVA_HEAP] = {"heap", "-Xmx", "-Xmx%lldm", 0, 8 * MIB, 0},
    [JAVA_METASPACE] = {"metaspace", "-XX:MaxMetaspaceSize=", "-XX:MaxMetaspaceSize=%lldm", 6, 12 * MIB, 256 * MIB},
    [JAVA_DIRECT] = {"direct memory", "-XX:MaxDirectMemorySize=", "-XX:MaxDirectMemorySize=%lldm", 10, 4 * MIB, 0},
    [JAVA_CODE] = {"code cache", "-XX:ReservedCodeCacheSize=", "-XX:ReservedCodeCacheSize=%lldm", 10, 8 * MIB,
                   240 * MIB},
};

/* Its own: symbols, the compilers' work, tables of the collector, the C library's heap. And stacks of threads, of which
 * most touch a few pages only. Both grow with the program, and small programs are what is run in little memory. */
#define OWN_LEAST    (14 * MIB)
#define OWN_MOST     (48 * MIB)
#define OWN_SHARE    8
#define STACKS_LEAST (2 * MIB)
#define STACKS_MOST  (64 * MIB)
#define STACKS_SHARE 16
#define TABLES_SHARE 20 /* of the heap, where the collector is not the serial one: its maps and sets */

/* Threads that the machine has for a program that has none but main, with ours and process 1: measured on HotSpot 17
 * (25 takes one less), where the classes are listed. Processors change nothing: further threads of compilers and
 * collectors are made when there is work. */
#define TASKS_LEAST 17
#define TASKS_OF_G1 5

/* What makes a machine a server's for HotSpot (is_server_class_machine), and so G1 its collector. */
#define SERVER_MEMORY     (1792 * MIB)
#define SERVER_PROCESSORS 2

static int64_t between(int64_t v, int64_t least, int64_t most)
{
    return v < least ? least : most && v > most ? most : v;
}

static int64_t whole_mib(int64_t v)
{
    return v / MIB * MIB;
}

const char *java_area_option(enum java_area area)
{
    return areas[area].option;
}

const char *java_area_name(enum java_area area)
{
    return areas[area].name;
}

int64_t java_size_parse(const char *text)
{
    int64_t n = 0, unit = 1;
    const char *c = text;

    for (; *c >= '0' && *c <= '9'; c++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *c - '0', &n))
            return 0;
    switch (*c | 0x20) {
    case 't':
        unit *= KIB; /* fallthrough */
    case 'g':
        unit *= KIB; /* fallthrough */
    case 'm':
        unit *= KIB; /* fallthrough */
    case 'k':
        unit *= KIB;
        c++;
    }
    return c == text || *c || __builtin_mul_overflow(n, unit, &n) || n > SIZE_MOST ? 0 : n;
}

static void fit_processors(struct java_limits *l)
{
    int64_t period = l->period > 0 ? l->period : 100000;
    int64_t n = l->quota > 0 ? (l->quota + period - 1) / period : 0;

    l->active_processors = n && (!l->processors || n < l->processors) ? (int)n : 0;
    int seen = l->active_processors ? l->active_processors : l->processors;
    l->serial =
        !l->collector_chosen && ((l->memory && l->memory < SERVER_MEMORY) || (seen && seen < SERVER_PROCESSORS));
}

/* What is not for the areas. */
static int64_t set_aside(const struct java_limits *l, int64_t memory)
{
    int64_t tables = l->serial ? 0 : memory / 2 / TABLES_SHARE;

    return between(memory / OWN_SHARE, OWN_LEAST, OWN_MOST) +
           between(memory / STACKS_SHARE, STACKS_LEAST, STACKS_MOST) + tables;
}

/* Shares out `rest` among the areas that the user left open. False: they do not get their least. */
static bool share_out(const int64_t asked[JAVA_AREAS], int64_t rest, int64_t out[JAVA_AREAS])
{
    int64_t open = rest;

    for (int i = 0; i < JAVA_AREAS; i++)
        open -= asked[i];
    for (int i = JAVA_AREAS - 1; i >= 0; i--) { /* the heap last: it takes what is left */
        if (asked[i]) {
            out[i] = asked[i];
            continue;
        }
        /* A part of what there is, unless others, who come later, need it for their least. */
        int64_t later = 0, wish = areas[i].share ? rest / areas[i].share : open;
        wish = between(wish, areas[i].least, areas[i].most);
        for (int k = 0; k < i; k++)
            later += asked[k] ? 0 : areas[k].least;
        wish = wish > open - later ? open - later : wish;
        out[i] = whole_mib(wish);
        if (out[i] < areas[i].least)
            return false;
        open -= out[i];
    }
    return open >= 0;
}

static int refuse(const struct java_limits *l, struct err *err)
{
    int64_t out[JAVA_AREAS], least = 0, rest = l->memory - set_aside(l, l->memory), need = MIB;
    int largest = -1;

    for (int i = 0; i < JAVA_AREAS; i++) {
        least += l->area[i] ? l->area[i] : areas[i].least;
        if (l->area[i] && (largest < 0 || l->area[i] > l->area[largest]))
            largest = i;
    }
    while (need < SIZE_MOST && !share_out(l->area, need - set_aside(l, need), out))
        need += need < 1024 * MIB ? MIB : need / 64 / MIB * MIB;
    if (largest < 0)
        return err_set(err, -EINVAL, "-m %s: too little for a Java virtual machine: -m %lldm is the least that works",
                       l->memory_text, (long long)(need / MIB));
    int64_t most = rest - (least - l->area[largest]);
    if (most < areas[largest].least)
        return err_set(err, -EINVAL,
                       "--java-option %s%lldm: does not fit into -m %s, with which there is nothing left "
                       "for it: -m %lldm would do",
                       areas[largest].option, (long long)(l->area[largest] / MIB), l->memory_text,
                       (long long)(need / MIB));
    return err_set(err, -EINVAL,
                   "--java-option %s%lldm: does not fit into -m %s beside what else a Java virtual machine "
                   "needs: %s%lldm is the most, or -m %lldm",
                   areas[largest].option, (long long)(l->area[largest] / MIB), l->memory_text, areas[largest].option,
                   (long long)(most / MIB), (long long)(need / MIB));
}

/* With fewer it ends at a random point of its start, without a word. */
static int check_tasks(const struct java_limits *l, struct err *err)
{
    int least = TASKS_LEAST + (l->serial || l->collector_chosen ? 0 : TASKS_OF_G1);

    return !l->tasks || l->tasks >= least
               ? 0
               : err_set(err, -EINVAL,
                         "--pids-limit %lld: too few for a Java virtual machine, whose own threads are counted: "
                         "--pids-limit %d is the least that works",
                         (long long)l->tasks, least);
}

int java_limits_fit(struct java_limits *l, struct err *err)
{
    int64_t out[JAVA_AREAS];

    fit_processors(l);
    if (check_tasks(l, err) < 0)
        return err->code;
    if (!l->memory)
        return 0;
    for (int i = 0; i < JAVA_AREAS; i++)
        if (l->area[i] < 0 || l->area[i] > l->memory)
            return refuse(l, err);
    if (!share_out(l->area, l->memory - set_aside(l, l->memory), out))
        return refuse(l, err);
    for (int i = 0; i < JAVA_AREAS; i++)
        l->area[i] = out[i];
    return 0;
}
