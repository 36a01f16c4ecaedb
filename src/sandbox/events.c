/* SPDX-License-Identifier: Apache-2.0 */
#include "sandbox/events.h"

#include "base/json.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

/* Whoever finds the file full moves it, under a lock on the directory of sandboxes. */
static void rotate(int root_fd)
{
    _cleanup_fd_ int lock = openat(root_fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct stat st;

    if (lock >= 0 && flock(lock, LOCK_EX | LOCK_NB) == 0 && fstatat(root_fd, ".events", &st, 0) == 0 &&
        st.st_size > EVENTS_SIZE_MAX)
        renameat(root_fd, ".events", root_fd, ".events.1");
}

void events_add(const struct sandbox *sb, const char *action, const char *key, const char *value)
{
    struct json_writer w = {0};
    struct timespec ts;
    struct stat st;

    clock_gettime(CLOCK_REALTIME, &ts);
    json_object_begin(&w, NULL);
    json_int(&w, "time", ts.tv_sec);
    json_int(&w, "timeNano", (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec);
    json_string(&w, "action", action);
    json_string(&w, "id", sb->id);
    json_string(&w, "image", sb->spec.image ? sb->spec.image : "");
    if (key)
        json_string(&w, key, value);
    json_object_end(&w);
    _cleanup_fd_ int fd =
        w.failed ? -1 : openat(sb->root_fd, ".events", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    if (fd >= 0) {
        w.buf[w.len] = '\n'; /* in place of the NUL: one write, so lines of several writers do not mix */
        if (write(fd, w.buf, w.len + 1) > 0 && fstat(fd, &st) == 0 && st.st_size > EVENTS_SIZE_MAX)
            rotate(sb->root_fd);
    }
    json_writer_free(&w);
}
