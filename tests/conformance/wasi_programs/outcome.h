/* SPDX-License-Identifier: Apache-2.0 */
/* What a call gave, in words that are the same under every C library. */
#ifndef OUTCOME_H
#define OUTCOME_H

#include <errno.h>
#include <stdio.h>

static inline const char *error_name(int error)
{
    static const struct {
        int number;
        const char *name;
    } names[] = {
#define NAME(e) {e, #e}
        NAME(EACCES), NAME(EAGAIN), NAME(EBADF),  NAME(EBUSY),  NAME(EEXIST),       NAME(EINVAL),
        NAME(EISDIR), NAME(ELOOP),  NAME(ENOENT), NAME(ENOSYS), NAME(ENOTDIR),      NAME(ENOTEMPTY),
        NAME(ENOTTY), NAME(EPERM),  NAME(EPIPE),  NAME(ESPIPE), NAME(ENAMETOOLONG),
#undef NAME
    };

    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        if (names[i].number == error)
            return names[i].name;
    }
    return "another error";
}

/* Says the call itself, and its result: descriptors, which differ, only as "done". */
#define SAY(call)        say(#call, (errno = 0, (long)(call)), 0)
#define SAY_NUMBER(call) say(#call, (errno = 0, (long)(call)), 1)

static inline void say(const char *what, long result, int number)
{
    if (result < 0)
        printf("%s: %s\n", what, error_name(errno));
    else if (number)
        printf("%s: %ld\n", what, result);
    else
        printf("%s: done\n", what);
}

#endif
