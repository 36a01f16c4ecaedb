/* SPDX-License-Identifier: Apache-2.0 */
/*
 * WebAssembly: interpreter against compiler. An input decides what a generator does (wasm_generate.h): every input is a
 * valid module and a way to run it, which must come to the same in both. Up to 8 bytes are a seed, so that the first
 * inputs are whole modules already.
 */
#include "wasm_case.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The fuzzer's alarm may come while a guest's stack is the stack: it goes to the alternate one. */
static void alarm_elsewhere(void)
{
    struct sigaction a;
    if (sigaction(SIGALRM, NULL, &a) == 0) {
        a.sa_flags |= SA_ONSTACK;
        sigaction(SIGALRM, &a, NULL);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct wasm_case c;
    uint64_t seed = 0;
    if (size <= sizeof seed && size)
        memcpy(&seed, data, size);
    struct wasm_choice choice = size <= sizeof seed ? choice_from_seed(seed) : choice_from_bytes(data, size);
    struct wasm_pair_result result;
    struct err err;
    char words[256];
    if (!c.generator) {
        alarm_elsewhere();
        if (!wasm_case_make(&c, &err)) {
            fprintf(stderr, "%s\n", err.text);
            abort();
        }
    }
    wasm_case_choose(&c, &choice, false);
    if (wasm_case_run(&c, &result) != WASM_PAIR_DIFFERENT)
        return 0;
    wasm_case_words(&c, words, sizeof words);
    fprintf(stderr, "%s (%s)\n", result.words, words);
    abort();
}
