/* SPDX-License-Identifier: Apache-2.0 */
/* See vm.h: requests of boundary/control.h to a PC that runs. The picture comes in a file without a name that the
 * machine process fills; it is read once, into memory of ours, and only the copy is looked at. */
#include "base/mem.h"
#include "boundary/engine.h"
#include "boundary/vm/vm.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define ANSWER_MS 20000 /* a machine writes a snapshot meanwhile, or its host is busy */

static int ask(const struct instance *inst, const char *socket, uint16_t type, const char *what, const void *payload,
               size_t n, int fd, struct err *err)
{
    const struct engine_order order = {.socket = socket,
                                       .type = type,
                                       .payload = payload,
                                       .length = n,
                                       .fd = fd,
                                       .ms = ANSWER_MS,
                                       .who = "its machine",
                                       .what = what};

    return engine_ask(inst, &order, err);
}

/* It may have any size by now, and change still. */
static int take_bytes(int fd, struct arena *a, struct vm_screen *out)
{
    uint8_t *bytes = arena_alloc(a, SCREEN_BYTES_MOST + 1);
    ssize_t n;

    if (!bytes)
        return -ENOMEM;
    out->n = 0;
    while (out->n <= SCREEN_BYTES_MOST &&
           (n = pread(fd, bytes + out->n, SCREEN_BYTES_MOST + 1 - out->n, (off_t)out->n)) != 0) {
        if (n < 0 && errno != EINTR)
            return -errno;
        out->n += n > 0 ? (size_t)n : 0;
    }
    out->bytes = bytes;
    return 0;
}

int vm_screen(const struct instance *inst, struct arena *a, struct vm_screen *out, struct err *err)
{
    _cleanup_fd_ int file = memfd_create("screen", MFD_CLOEXEC);
    int r = file < 0 ? err_sys(err, -errno, "a file for the picture")
                     : ask(inst, ENGINE_SOCKET, CONTROL_SCREEN, "its display", NULL, 0, file, err);

    if (r < 0)
        return r;
    if ((r = take_bytes(file, a, out)) < 0)
        return err_sys(err, r, "sandbox %s: its display", inst->id);
    if (screen_check(out->bytes, out->n, &out->header, &out->cells, &out->palette, &out->pixels) < 0)
        return err_set(err, -EPROTO, "sandbox %s: what its machine wrote is no picture", inst->id);
    return 0;
}

int vm_keys(const struct instance *inst, const uint16_t *keys, unsigned n, struct err *err)
{
    struct control_keys order = {.n = n};

    if (n > CONTROL_KEYS_MOST)
        return err_set(err, -EINVAL, "%u keys at once: %d are the most", n, CONTROL_KEYS_MOST);
    memcpy(order.keys, keys, n * sizeof *keys);
    return ask(inst, ENGINE_SOCKET, CONTROL_KEYS, "its keyboard", &order,
               offsetof(struct control_keys, keys) + n * sizeof *keys, -1, err);
}

int vm_machine(const struct instance *inst, enum control_machine_what what, struct err *err)
{
    const struct control_machine order = {.what = (uint32_t)what};

    return ask(inst, ENGINE_SOCKET, CONTROL_MACHINE, what == CONTROL_MACHINE_RESET ? "reset" : "power button", &order,
               sizeof order, -1, err);
}

int vm_insert(const struct instance *inst, enum control_drive drive, int medium, bool read_only, struct err *err)
{
    const struct control_insert order = {.drive = (uint32_t)drive, .flags = read_only ? CONTROL_INSERT_READ_ONLY : 0};

    return ask(inst, ENGINE_MEDIA_SOCKET, CONTROL_INSERT, "insert", &order, sizeof order, medium, err);
}

int vm_eject(const struct instance *inst, enum control_drive drive, struct err *err)
{
    const struct control_eject order = {.drive = (uint32_t)drive};

    return ask(inst, ENGINE_MEDIA_SOCKET, CONTROL_EJECT, "eject", &order, sizeof order, -1, err);
}
