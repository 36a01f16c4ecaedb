/* SPDX-License-Identifier: Apache-2.0 */
/* Flag values of any text: lines of a row's number and a value. */
#include "policy/defaults.h"
#include "policy/flags.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct policy policy;
    struct policy_build build;
    struct err err = {0};

    if (size > 4096 || arena_init(&arena, 8 << 20) < 0)
        return 0;
    char *text = malloc(size + 1);
    if (!text)
        abort();
    memcpy(text, data, size);
    text[size] = '\0';
    policy_init(&policy, &arena, POLICY_FROM_FLAGS);
    if (policy_default_container(&policy, POLICY_DEFAULTS_RUN, &err) < 0 ||
        policy_build_init(&build, &policy, "/home", &err) < 0)
        abort();
    policy_build_next_layer(&build);
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        if (next)
            *next++ = '\0';
        enum policy_flag flag = (enum policy_flag)((unsigned char)line[0] % POLICY_FLAGS);
        if (flag == FLAG_ENV_FILE) /* opens what it is told */
            continue;
        int r = policy_flag_apply(&build, flag, NULL, line + 1, &err);
        if (r < 0 && (err.code != r || strncmp(err.text, "--", 2) != 0))
            abort();
    }
    if (policy_build_finish(&build, &err) == 0 && policy_default_finish(&policy, &err) < 0 && err.code != -12)
        abort();
    for (uint32_t i = 0; i < policy.n_mounts; i++) {
        const char *d = policy.mounts[i].destination;
        if (d[0] != '/' || strstr(d, "/../") || (i >= 7 && !strncmp(d, "/proc/", 6)))
            abort();
    }
    free(text);
    arena_free(&arena);
    return 0;
}
