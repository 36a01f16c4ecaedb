/* SPDX-License-Identifier: Apache-2.0 */
/* A policy file of any bytes: accepted or refused with a sentence, never a crash, and what is accepted is whole. */
#include "policy/defaults.h"
#include "policy/flags.h"
#include "policy/policyfile.h"
#include "policy/seccomp_profile.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct policy policy;
    struct policy_build build;
    struct err err = {0};

    if (size > 65536 || arena_init(&arena, 16 << 20) < 0)
        return 0;
    char *text = malloc(size + 1); /* as the contract says: one writable byte behind */
    if (!text)
        abort();
    memcpy(text, data, size);
    policy_init(&policy, &arena, POLICY_FROM_FLAGS);
    if (policy_default_container(&policy, POLICY_DEFAULTS_RUN, &err) < 0 ||
        policy_build_init(&build, &policy, "/x", &err) < 0)
        abort();
    int r = policy_file_read(&build, text, size, &err);
    if (!r)
        r = policy_build_finish(&build, &err);
    if (!r && build.seccomp_object)
        r = seccomp_profile_read(&arena, build.seccomp_object, policy.process.caps.bounding, &policy.seccomp, &err);
    if (r < 0 && (err.code != r || !err.text[0]))
        abort();
    if (!r) {
        if (policy_default_finish(&policy, &err) < 0 && err.code != -12)
            abort();
        for (uint32_t i = 0; i < policy.n_mounts; i++) {
            if (policy.mounts[i].destination[0] != '/')
                abort();
        }
        if (build.seccomp_file) /* a file cannot make moat open another */
            abort();
    }
    free(text);
    arena_free(&arena);
    return 0;
}
