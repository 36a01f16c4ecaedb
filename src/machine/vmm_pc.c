/* SPDX-License-Identifier: Apache-2.0 */
/* A PC's part of moat-vmm, in the machine process: firmware and terminal before it is shut in; display, keys and what
 * moat asks of it afterwards. The firmware's files are the caller's choice, mapped and not looked at here. */
#include "machine/vmm.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#define FIRMWARE_LEAST (128u << 10) /* what is seen below 1 MiB */
#define FIRMWARE_MOST  (16u << 20)
#define FIRMWARE_UNIT  (64u << 10)
#define DISPLAY_MOST   (64u << 10)
#define WRITE_MOST     (1u << 20)

/* ---- before it is shut in ---- */

/* A private copy: whoever writes the file later changes no machine. */
static int map_rom(const char *name, uint32_t least, uint32_t most, uint32_t unit, uint8_t **bytes, uint32_t *n)
{
    const int fd = open(name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    if (fd < 0)
        return vmm_fail(errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_INVOKED, name, "open it", -errno);
    if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode) || st.st_size < least || st.st_size > most || st.st_size % unit) {
        char why[128];
        snprintf(why, sizeof why, "no firmware's size: that is %u to %u bytes, a multiple of %u", least, most, unit);
        close(fd);
        return vmm_fail(EXIT_NOT_INVOKED, name, why, 0);
    }
    const size_t all = (size_t)st.st_size;
    void *at = mmap(NULL, all, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    const ssize_t got = at == MAP_FAILED ? -1 : pread(fd, at, all, 0);
    close(fd);
    if (got != (ssize_t)all)
        return vmm_fail(EXIT_OWN_ERROR, name, "read it", got < 0 ? -errno : -EIO);
    if (mprotect(at, all, PROT_READ) < 0)
        return vmm_fail(EXIT_OWN_ERROR, name, "protect it", -errno);
    *bytes = at, *n = (uint32_t)all;
    return 0;
}

/* Each key comes by itself and is shown by nobody but the guest. */
static int make_raw(int fd)
{
    struct termios t;

    if (tcgetattr(fd, &t) < 0)
        return 0; /* no terminal */
    cfmakeraw(&t);
    return tcsetattr(fd, TCSANOW, &t) < 0
               ? vmm_fail(EXIT_OWN_ERROR, "--console display", "make the terminal raw", -errno)
               : 0;
}

int vmm_pc_open(struct vmm *v)
{
    const struct vmm_options *o = &v->options;
    int r = o->console == CONSOLE_DISPLAY ? make_raw(0) : 0;

    if (r == 0 && o->firmware)
        r = map_rom(o->firmware, FIRMWARE_LEAST, FIRMWARE_MOST, FIRMWARE_UNIT, &v->firmware, &v->firmware_bytes);
    if (r == 0 && o->display_firmware)
        r = map_rom(o->display_firmware, 512, DISPLAY_MOST, 512, &v->display_firmware, &v->display_firmware_bytes);
    return r;
}

/* ---- the machine's setup ---- */

static void end_debug_line(struct vmm *v)
{
    v->debug_line[v->n_debug_line] = 0;
    vmm_say(v, "firmware", v->debug_line);
    v->n_debug_line = 0;
}

/* Line by line, what can be printed of them. */
static void debug(void *vmm, uint8_t byte)
{
    struct vmm *v = vmm;

    if (byte >= ' ' && byte < 0x7f)
        v->debug_line[v->n_debug_line++] = (char)byte;
    if ((byte == '\n' && v->n_debug_line) || v->n_debug_line == sizeof v->debug_line - 1)
        end_debug_line(v);
}

void vmm_pc_setup(struct vmm *v)
{
    const struct vmm_options *o = &v->options;
    struct pc_setup *s = &v->pc_setup;

    vmm_media_devices(v);
    *s = (struct pc_setup){.firmware = v->firmware,
                           .firmware_bytes = v->firmware_bytes,
                           .display_firmware = v->display_firmware,
                           .display_firmware_bytes = v->display_firmware_bytes,
                           .boot = o->boot ? o->boot : "acd",
                           .floppies = {&v->medium[VMM_FLOPPY0], &v->medium[VMM_FLOPPY1]},
                           .debug = o->debug ? debug : NULL,
                           .owner = v,
                           .debug_exit = o->debug};
    for (unsigned i = 0; i < PC_FLOPPIES; i++)
        s->floppy_types[i] = (enum fdc_drive_type)v->media[i]->io.drive.type;
    if (v->media[VMM_HDA])
        s->disks[0] = &v->medium[VMM_HDA], s->disk_kinds[0] = IDE_DISK;
    s->disks[2] = &v->medium[VMM_CDROM], s->disk_kinds[2] = IDE_CDROM;
}

void vmm_pc_devices(struct vmm *v)
{
    if (!v->display)
        return;
    display_init(&v->screen, &v->display_stream, &v->pc.vga, &v->pc.typist);
    stream_init(&v->display_stream, &v->display->backend, display_receive, &v->screen);
    vmm_resize(v, 0, 0);
}

/* ---- while it runs ---- */

void vmm_pc_poll(struct vmm *v)
{
    const uint64_t now = clock_now(&v->machine.clock);

    vmm_media_poll(v);
    if (!v->display)
        return;
    stream_poll(&v->display_stream);
    display_poll(&v->screen, now);
    stream_poll(&v->display_stream); /* what was drawn is sent */
}

/* A picture that was not yet drawn is in time, though the guest sleeps. */
uint64_t vmm_pc_wait(const struct vmm *v, uint64_t ns)
{
    const bool behind = v->display && (v->screen.seen_changes != v->pc.vga.changes || v->screen.terminal.n);

    ns = vmm_media_wait(v, ns);
    return behind && ns > DISPLAY_NS ? DISPLAY_NS : ns;
}

void vmm_pc_resize(struct vmm *v, uint16_t rows, uint16_t columns)
{
    display_resized(&v->screen, rows, columns);
}

void vmm_pc_end(struct vmm *v)
{
    display_end(&v->screen);
    stream_flush(&v->display_stream);
}

/* ---- what moat asks ---- */

int vmm_screen(struct vmm *v, int fd, const char **why)
{
    static _Alignas(64) uint8_t bytes[SCREEN_BYTES_MOST];

    *why = "a microVM has no display: -b vm has one";
    if (!v->options.pc)
        return -EOPNOTSUPP;
    *why = "the picture cannot be written";
    const uint32_t n = screen_build(&v->pc.vga, bytes);
    for (uint32_t at = 0; at < n;) {
        const ssize_t r = pwrite(fd, bytes + at, n - at < WRITE_MOST ? n - at : WRITE_MOST, at);
        if (r < 0 && errno == EINTR)
            continue;
        if (r <= 0)
            return r < 0 ? -errno : -EIO;
        at += (uint32_t)r;
    }
    return 0;
}

int vmm_keys(struct vmm *v, const uint16_t *keys, unsigned n)
{
    return v->options.pc ? typist_put(&v->pc.typist, keys, n) : -EOPNOTSUPP;
}

int vmm_machine_reset(struct vmm *v)
{
    if (!v->options.pc)
        return -EOPNOTSUPP;
    machine_end(&v->machine, MACHINE_RESET);
    return 0;
}

int vmm_power_button(struct vmm *v)
{
    power_button(&v->machine.power);
    return 0;
}
