/* SPDX-License-Identifier: Apache-2.0 */
/* Two files of any bytes as a log: a reader comes to an end and says one line, and a writer goes on behind what is
 * there. */
#include "sandbox/log.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void put(int dir, const char *name, const uint8_t *bytes, size_t n)
{
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

    if (fd < 0 || write(fd, bytes, n) != (ssize_t)n)
        abort();
    close(fd);
}

/* Whether it read to the end; more pieces than there are bytes would be a circle. */
static bool drink(int dir, size_t most, bool *last_is_ours)
{
    struct log_reader r;
    struct log_piece piece;
    struct err err = {0};
    char buf[64];
    int got;

    if (log_reader_open(&r, dir, &err) < 0)
        return false;
    for (size_t n = 0; (got = log_read(&r, buf, sizeof buf, &piece, &err)) > 0; n++) {
        if (n > most || piece.n > sizeof buf)
            abort();
        *last_is_ours = piece.n == 4 && !memcmp(buf, "ours", 4);
    }
    if (got < 0 && (!err.text[0] || strchr(err.text, '\n')))
        abort();
    log_reader_close(&r);
    return got == 0;
}

static char path[] = "/tmp/fuzz-log-XXXXXX";
static int dir = -1;

static void clear(void)
{
    static const char *const names[] = {"log", "log.1", "log.2", "log.3"};

    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        unlinkat(dir, names[i], 0);
}

static void remove_dir(void)
{
    clear();
    rmdir(path);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct err err = {0};
    struct log l;
    bool ours = false;

    if (dir < 0) {
        if (!mkdtemp(path) || (dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
            abort();
        atexit(remove_dir);
    }
    if (size < 2)
        return 0;
    clear();
    size_t older = data[0] * (size - 1) / 255;
    if (older)
        put(dir, "log.1", data + 1, older);
    put(dir, "log", data + 1 + older, size - 1 - older);
    drink(dir, size, &ours);
    if (log_open(&l, dir, 65536, 3, &err) < 0)
        abort(); /* whatever is there, a log can be begun */
    log_write(&l, 1, "ours", 4);
    log_close(&l);
    /* What comes behind a mended end is read, unless something before it is damaged, or an older file is the newer. */
    drink(dir, size + 64, &ours);
    return 0;
}
