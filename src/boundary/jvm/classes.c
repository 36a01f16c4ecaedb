/* SPDX-License-Identifier: Apache-2.0 */
/* See classes.h. The program may have written to every byte of the page: each is read once, and the copy is checked. */
#include "boundary/jvm/classes.h"
#include "boundary/jvm/page.h"

#include <errno.h>
#include <unistd.h>

int jvm_classes_take(int state_fd, struct arena *a, struct jvm_classes *out)
{
    struct jvm_meter copy;
    _cleanup_fd_ int fd = page_copy(state_fd, &copy);

    *out = (struct jvm_classes){0};
    if (fd < 0)
        return 0;
    out->useless = copy.sharing == 2;
    if (!copy.list_length || copy.list_length > JVM_METER_LIST_MAX)
        return 0;
    char *list = arena_alloc(a, copy.list_length);
    if (!list)
        return -ENOMEM;
    ssize_t n = pread(fd, list, copy.list_length, JVM_METER_SIZE);
    out->list = n > 0 ? list : NULL;
    out->length = n > 0 ? (size_t)n : 0;
    return 0;
}
