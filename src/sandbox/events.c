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

void events_add_all(const struct sandbox *sb, const struct event *events, size_t n)
{
    struct json_writer w = {0};
    struct timespec ts;
    struct stat st;

    clock_gettime(CLOCK_REALTIME, &ts);
    for (size_t i = 0; i < n; i++) {
        const struct event *e = &events[i];
        json_object_begin(&w, NULL);
        json_int(&w, "time", ts.tv_sec);
        json_int(&w, "timeNano", (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec + (int64_t)i); /* keeps their order */
        json_string(&w, "action", e->action);
        json_string(&w, "id", sb->id);
        json_string(&w, "image", sb->spec.image ? sb->spec.image : "");
        if (e->key)
            json_string(&w, e->key, e->value);
        json_object_end(&w);
        json_line_end(&w);
    }
    _cleanup_fd_ int fd =
        w.failed ? -1 : openat(sb->root_fd, ".events", O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
    /* One write, so that lines of several writers do not mix. */
    if (fd >= 0 && write(fd, w.buf, w.len) > 0 && fstat(fd, &st) == 0 && st.st_size > EVENTS_SIZE_MAX)
        rotate(sb->root_fd);
    json_writer_free(&w);
}

void events_add(const struct sandbox *sb, const char *action, const char *key, const char *value)
{
    events_add_all(sb, &(struct event){action, key, value}, 1);
}
