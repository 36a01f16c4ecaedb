/* SPDX-License-Identifier: Apache-2.0 */
#include "boundary/engine.h"

#include "base/mem.h"

sigset_t engine_hold_back(const sigset_t *before)
{
    static const int asking[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT};
    sigset_t mask;

    sigprocmask(SIG_SETMASK, NULL, &mask);
    if (before)
        mask = *before;
    for (size_t i = 0; i < ARRAY_LEN(asking); i++)
        sigaddset(&mask, asking[i]);
    return mask;
}
