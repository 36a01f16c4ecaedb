/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds the two ways to run against each other (tests/fuzz/wasm_pair.h says what is compared).
 *
 *   wasm-differ [--rounds N] [--fuel N] [--seed N] [--pages N] [--no-gs] [--plain-cpu] [--uncounted] [--twins]
 *               [--image] [--pool] [--no-host-calls] [--run-only] [--list] FILE.wasm...
 *
 * Modules that are made at random are tests/fuzz/wasm_differ_many.c's. Prints a line for each difference, then the
 * counts; exit status 1 when there was a difference. --list prints each module's outcome.
 */
#include "../../fuzz/wasm_pair.h"

#include "base/io.h"

#include <fcntl.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define FILE_MAX ((size_t)64 << 20)

static struct wasm_pair_options how = {.seed = 1, .fuel = 20000, .rounds = 3};
static bool list;
static uint64_t n_modules, n_calls, outcomes[4];

static void run_module(const char *path, const uint8_t *bytes, size_t size)
{
    static const char *const words[] = {"equal", "stopped early", "refused", "different"};
    struct wasm_pair_result result;
    enum wasm_pair_outcome outcome = wasm_pair_run(bytes, size, &how, &result);
    n_modules++;
    n_calls += result.calls;
    outcomes[outcome]++;
    if (outcome == WASM_PAIR_DIFFERENT)
        printf("%s: error: %s (seed %" PRIu64 ")\n", path, result.words, how.seed);
    else if (list)
        printf("%s: %s%s%s\n", path, words[outcome], result.words[0] ? ": " : "", result.words);
}

static void run_file(const char *path)
{
    struct arena bytes;
    char *text;
    size_t size;
    if (arena_init(&bytes, FILE_MAX + 4096) || io_read_file(&bytes, AT_FDCWD, path, FILE_MAX, &text, &size)) {
        fprintf(stderr, "%s: cannot be read\n", path);
        exit(2);
    }
    run_module(path, (const uint8_t *)text, size);
    arena_free(&bytes);
}

static const struct option options[] = {
    {"rounds", required_argument, NULL, 'r'},  {"fuel", required_argument, NULL, 'f'},
    {"seed", required_argument, NULL, 's'},    {"list", no_argument, NULL, 'l'},
    {"no-gs", no_argument, NULL, 'n'},         {"plain-cpu", no_argument, NULL, 'p'},
    {"uncounted", no_argument, NULL, 'u'},     {"twins", no_argument, NULL, 't'},
    {"no-host-calls", no_argument, NULL, 'h'}, {"run-only", no_argument, NULL, 'o'},
    {"image", no_argument, NULL, 'i'},         {"pool", no_argument, NULL, 'P'},
    {"pages", required_argument, NULL, 'm'},   {0},
};

int main(int argc, char **argv)
{
    bool bad = false;
    for (int o; (o = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        how.rounds = o == 'r' ? (uint32_t)strtoul(optarg, NULL, 10) : how.rounds;
        how.fuel = o == 'f' ? strtoll(optarg, NULL, 10) : how.fuel;
        how.seed = o == 's' ? strtoull(optarg, NULL, 10) : how.seed;
        how.memory_pages = o == 'm' ? (uint32_t)strtoul(optarg, NULL, 10) : how.memory_pages;
        list |= o == 'l';
        how.no_gs |= o == 'n';
        how.plain_cpu |= o == 'p';
        how.uncounted |= o == 'u';
        how.twins |= o == 't';
        how.image |= o == 'i';
        how.pool |= o == 'P';
        how.no_host_calls |= o == 'h';
        how.run_only |= o == 'o';
        bad |= o == '?';
    }
    if (bad || optind == argc) {
        fprintf(
            stderr,
            "usage: %s [--rounds N] [--fuel N] [--seed N] [--pages N] [--no-gs] [--plain-cpu] [--uncounted] [--twins] "
            "[--image] [--pool] "
            "[--no-host-calls] [--run-only] [--list] FILE.wasm...\n",
            argv[0]);
        return 2;
    }
    for (int k = optind; k < argc; k++)
        run_file(argv[k]);
    printf("%" PRIu64 " modules (%" PRIu64 " refused), %" PRIu64 " calls, %" PRIu64 " differences\n", n_modules,
           outcomes[WASM_PAIR_REFUSED], n_calls, outcomes[WASM_PAIR_DIFFERENT]);
    return outcomes[WASM_PAIR_DIFFERENT] != 0;
}
