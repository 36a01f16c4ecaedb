/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Interpreter against compiler, many times.
 *
 *   wasm-differ-many [--keep FOLDER] [--changes] [--list] N SEED
 *   wasm-differ-many [--keep FOLDER] --input FILE
 *
 * The first runs the cases SEED .. SEED + N - 1 (wasm_case.h); the second an input of fuzz_wasm_differ. A case that
 * differs is told with the options that repeat it, and put into FOLDER as SEED.wasm and SEED.input; FOLDER/running has
 * the seed of the case on the way, should it crash. --changes: a part of the modules is changed at random, and only
 * run. --list: the instructions and how often they were written. Exit status 1 when a case differed.
 */
#include "wasm_case.h"

#include "base/io.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define INPUT_MAX ((size_t)4 << 20)

static const char *keep;
static bool changes, list;
static int running = -1;
static uint64_t outcomes[4], n_changed, n_changed_valid, n_calls, n_traps, n_bytes;

static void write_file(uint64_t seed, const char *what, const void *bytes, size_t size)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%" PRIu64 ".%s", keep, seed, what);
    if (io_replace_file(AT_FDCWD, path, bytes, size, 0644))
        fprintf(stderr, "%s: cannot be written\n", path);
}

/* The choices of a seed as an input. */
static void write_input(struct wasm_case *c, uint64_t seed)
{
    struct wasm_choice choice = choice_from_seed(seed);
    choice.record = malloc(INPUT_MAX);
    choice.record_size = INPUT_MAX;
    if (!choice.record)
        return;
    wasm_case_choose(c, &choice, changes);
    write_file(seed, "input", choice.record, choice.recorded);
    free(choice.record);
}

static void run_one(struct wasm_case *c, struct wasm_choice *choice, uint64_t seed)
{
    struct wasm_pair_result result;
    char words[256];
    wasm_case_choose(c, choice, changes);
    enum wasm_pair_outcome outcome = wasm_case_run(c, &result);
    outcomes[outcome]++;
    n_changed += c->changed;
    n_changed_valid += c->changed && outcome != WASM_PAIR_REFUSED;
    n_calls += result.calls;
    n_traps += result.traps;
    n_bytes += c->size;
    if (outcome != WASM_PAIR_DIFFERENT)
        return;
    wasm_case_words(c, words, sizeof words);
    printf("%" PRIu64 ": %s\n    wasm-differ %s %s/%" PRIu64 ".wasm\n", seed, result.words, words, keep ? keep : ".",
           seed);
    fflush(stdout);
    if (!keep)
        return;
    write_file(seed, "wasm", c->bytes, c->size);
    if (!choice->data)
        write_input(c, seed);
}

static void run_seeds(struct wasm_case *c, uint64_t n, uint64_t first)
{
    for (uint64_t seed = first; seed < first + n; seed++) {
        struct wasm_choice choice = choice_from_seed(seed);
        if (running >= 0 && pwrite(running, &seed, sizeof seed, 0) < 0)
            running = -1;
        run_one(c, &choice, seed);
    }
}

static int run_input(struct wasm_case *c, const char *path)
{
    struct arena a;
    char *bytes;
    size_t size;
    if (arena_init(&a, INPUT_MAX + 4096) || io_read_file(&a, AT_FDCWD, path, INPUT_MAX, &bytes, &size)) {
        fprintf(stderr, "%s: cannot be read\n", path);
        return 2;
    }
    struct wasm_choice choice = choice_from_bytes((const uint8_t *)bytes, size);
    run_one(c, &choice, 0);
    arena_free(&a);
    return outcomes[WASM_PAIR_DIFFERENT] != 0;
}

static void print_counts(const struct wasm_generator *g)
{
    const uint64_t *counts = wasm_generator_counts(g);
    unsigned rows = 0, written = 0;
    for (unsigned op = 0; op < WASM_OPS; op++) {
        if (!wasm_op_rows[op].name)
            continue;
        rows++;
        written += counts[op] != 0;
        if (list)
            printf("%10" PRIu64 " %s\n", counts[op], wasm_op_rows[op].name);
        else if (!counts[op])
            printf("never: %s\n", wasm_op_rows[op].name);
    }
    printf("%u of %u instructions written\n", written, rows);
}

static void print_sums(uint64_t n, double seconds)
{
    printf("%" PRIu64 " modules (%" PRIu64 " changed, of those %" PRIu64 " valid) of %" PRIu64
           " bytes on average: %" PRIu64 " equal, %" PRIu64 " stopped early, %" PRIu64 " refused, %" PRIu64
           " differ; %" PRIu64 " calls, %" PRIu64 " traps; %.0f modules/s\n",
           n, n_changed, n_changed_valid, n ? n_bytes / n : 0, outcomes[WASM_PAIR_EQUAL], outcomes[WASM_PAIR_STOPPED],
           outcomes[WASM_PAIR_REFUSED], outcomes[WASM_PAIR_DIFFERENT], n_calls, n_traps, (double)n / seconds);
}

static const struct option options[] = {{"keep", required_argument, NULL, 'k'},
                                        {"input", required_argument, NULL, 'i'},
                                        {"changes", no_argument, NULL, 'c'},
                                        {"list", no_argument, NULL, 'l'},
                                        {0}};

int main(int argc, char **argv)
{
    struct wasm_case c;
    struct timespec a, b;
    struct err err;
    const char *input = NULL;
    bool bad = false;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        keep = o == 'k' ? optarg : keep;
        input = o == 'i' ? optarg : input;
        changes |= o == 'c';
        list |= o == 'l';
        bad |= o == '?';
    }
    if (bad || argc - optind != (input ? 0 : 2)) {
        fprintf(stderr, "usage: %s [--keep FOLDER] [--changes] [--list] N SEED | [--keep FOLDER] --input FILE\n",
                argv[0]);
        return 2;
    }
    if (!wasm_case_make(&c, &err)) {
        fprintf(stderr, "%s\n", err.text);
        return 2;
    }
    if (input)
        return run_input(&c, input);
    char path[4096];
    snprintf(path, sizeof path, "%s/running", keep ? keep : "");
    running = keep ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644) : -1;
    uint64_t n = strtoull(argv[optind], NULL, 10);
    clock_gettime(CLOCK_MONOTONIC, &a);
    run_seeds(&c, n, strtoull(argv[optind + 1], NULL, 10));
    clock_gettime(CLOCK_MONOTONIC, &b);
    print_counts(c.generator);
    print_sums(n, (double)(b.tv_sec - a.tv_sec) + (double)(b.tv_nsec - a.tv_nsec) / 1e9);
    wasm_case_free(&c);
    return outcomes[WASM_PAIR_DIFFERENT] != 0;
}
