/* SPDX-License-Identifier: Apache-2.0 */
/* See classes.h. The program may have written to every byte of the page: each is read once, and the copy is checked. */
#include "boundary/jvm/classes.h"
#include "boundary/jvm/page.h"
#include "jvm/meter.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

int jvm_classes_take(int state_fd, struct arena *a, struct jvm_classes *out)
{
    struct jvm_meter copy;
    struct stat st;
    _cleanup_fd_ int fd = openat(state_fd, PAGE_FILE, O_RDONLY | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK);

    *out = (struct jvm_classes){0};
    if (fd < 0 || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || pread(fd, &copy, sizeof copy, 0) != sizeof copy ||
        !jvm_meter_valid(&copy, (uint64_t)st.st_size))
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
