/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The microVM boundary: the broker's walls around libexec/moat-vmm (src/machine), which is two processes, one with the
 * machine and one with its files; each shuts itself in before the guest's first instruction. The program is opened here
 * and executed by descriptor; kernel, initramfs and disks are shown to it by the policy's own path rules and have no
 * other name inside.
 */
#include "boundary/microvm/microvm.h"
#include "base/io.h"
#include "base/json.h"
#include "boundary/broker/adaptor.h"
#include "boundary/container/container.h"
#include "boundary/control.h"
#include "boundary/engine.h"
#include "boundary/microvm/lower.h"
#include "boundary/microvm/words.h"
#include "host/helper.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define RATES_MS    2000
#define RATES_MOST  1024
#define END_FILE    "engine.end" /* in the sandbox's directory */
#define SNAPSHOT_MS 120000

/* Both engines, measured now: a loop in ring 0 (src/machine/accel.h). "" where moat-vmm does not say. */
static const char *measured(struct arena *a)
{
    static char program[] = VMM_PROGRAM, verb[] = "--rates";
    char *argv[] = {program, verb, NULL}, *text;
    struct json *rates;
    struct err err = {0};
    size_t n;
    _cleanup_fd_ int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

    if (nothing < 0 || helper_ask(a, argv, nothing, RATES_MS, RATES_MOST, &text, &n, &err) < 0 ||
        json_parse(a, text, n, &rates, &err) < 0)
        return "";
    const int64_t kvm = json_get_int(rates, "kvm"), soft = json_get_int(rates, "soft");
    const char *said = kvm ? arena_printf(a,
                                          "; a loop in ring 0, measured now: KVM %.1f, our own %.1f million "
                                          "instructions a second",
                                          (double)kvm / 1e6, (double)soft / 1e6)
                           : arena_printf(a, "; a loop in ring 0, measured now: %.1f million instructions a second",
                                          (double)soft / 1e6);
    return said ? said : "";
}

const char *microvm_speed(struct arena *a)
{
    const char *text = arena_printf(a, "%s%s",
                                    access("/dev/kvm", R_OK | W_OK) == 0
                                        ? "KVM where it is the faster one, else our own processor in software (--accel)"
                                        : "our own processor in software (there is no KVM)",
                                    measured(a));

    return text ? text : "";
}

static int microvm_offer(struct arena *a, struct offer *out)
{
    int r = container_offer(a, out);

    out->strength =
        "the guest has a kernel of its own; what it reaches is a few virtual devices, in a process that owns "
        "no file; container walls around it";
    out->speed = microvm_speed(a);
    return r;
}

/* An interface that is there already; it is the caller's right to attach to it. */
static int open_tap(const char *name, struct err *err)
{
    struct ifreq r = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
    _cleanup_fd_ int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC | O_NONBLOCK);

    if (fd < 0)
        return err_sys(err, -errno, "/dev/net/tun (the kernel's module tun)");
    if (strlen(name) >= sizeof r.ifr_name || !*name)
        return err_set(err, -EINVAL, "--network tap=%s: an interface has a name of 1 to %zu characters", name,
                       sizeof r.ifr_name - 1);
    if (!if_nametoindex(name))
        return err_set(err, -ENODEV, "--network tap=%s: there is no such interface: ip tuntap add dev %s mode tap",
                       name, name);
    memcpy(r.ifr_name, name, strlen(name) + 1);
    if (ioctl(fd, TUNSETIFF, &r) < 0)
        return err_sys(err, -errno, "--network tap=%s", name);
    return steal_fd(&fd);
}

/* Its processor, where it may use the host's; "auto" goes without. */
static int give_kvm(const struct instance *inst, int sock, struct err *err)
{
    const char *accel = microvm_word_value(&inst->policy->process.argv, "--accel");

    if (!accel || !strcmp(accel, "soft"))
        return 0;
    _cleanup_fd_ int kvm = open("/dev/kvm", O_RDWR | O_CLOEXEC);
    if (kvm < 0)
        return strcmp(accel, "kvm") ? 0 : err_sys(err, -errno, "--accel kvm: /dev/kvm (--accel soft needs no KVM)");
    return engine_give(sock, "kvm", kvm, err);
}

/* Its second socket, which is its I/O process's: by it media come (cli/vm_media.c). */
static int give_media(struct instance *inst, int sock, struct err *err)
{
    _cleanup_fd_ int media = engine_listen(inst, ENGINE_MEDIA_SOCKET, err);

    return media < 0 ? media : engine_give(sock, "media", media, err);
}

/* What moat-vmm gets by a name of ours: where it writes its end, the host's processor, its media's socket, its
 * interface. */
static int give_descriptors(struct instance *inst, const char *tap, bool media, struct err *err)
{
    _cleanup_fd_ int end =
        openat(inst->state_fd, END_FILE, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    _cleanup_fd_ int interface = -1;
    _cleanup_fd_ int sock = end < 0 ? err_sys(err, -errno, "make " END_FILE) : engine_connect(inst, ENGINE_SOCKET, err);

    if (sock < 0)
        return sock;
    int r = engine_give(sock, "end", end, err);
    if (r == 0)
        r = give_kvm(inst, sock, err);
    if (r == 0 && media)
        r = give_media(inst, sock, err);
    if (r < 0 || !tap)
        return r;
    interface = open_tap(tap, err);
    return interface < 0 ? interface : engine_give(sock, "tap", interface, err);
}

static int open_both(struct instance *inst, const char *tap, bool media, struct err *err)
{
    const char *vmm;
    int r = libexec_find(inst->arena, VMM_PROGRAM, &vmm, err);

    if (r < 0)
        return r;
    inst->program_fd = open(vmm, O_PATH);
    if (inst->program_fd < 0)
        return err_sys(err, -errno, "%s", vmm);
    _cleanup_fd_ int listening = engine_listen(inst, ENGINE_SOCKET, err);
    if (listening < 0)
        return listening;
    inst->handed_fd =
        fcntl(listening, F_DUPFD, 3); /* not close-on-exec: moat-enter closes it for all but the workload */
    return inst->handed_fd < 0 ? err_sys(err, -errno, "hand over a socket") : give_descriptors(inst, tap, media, err);
}

static int open_microvm(struct instance *inst, const char *tap, struct err *err)
{
    return open_both(inst, tap, false, err);
}

static int open_vm(struct instance *inst, const char *tap, struct err *err)
{
    return open_both(inst, tap, true, err);
}

int microvm_create_from(struct instance *inst, const char *const *from, bool media, const char *nothing,
                        struct err *err)
{
    const struct strv *argv = &inst->policy->process.argv;

    while (*from && !microvm_word_value(argv, *from))
        from++;
    if (!*from)
        return err_set(err, -EINVAL, "nothing to run: %s", nothing);
    return engine_create(inst, microvm_word_value(argv, "--tap"), media ? open_vm : open_microvm, err);
}

static int microvm_create(struct instance *inst, struct err *err)
{
    static const char *const from[] = {"--kernel", "--restore", NULL};

    return microvm_create_from(inst, from, false, "the policy names no kernel", err);
}

/* By the word that moat-vmm wrote: hostile only when that is taken over, and nothing hangs on it. */
enum boundary_end microvm_ended_by(struct instance *inst)
{
    static const struct {
        const char *word;
        enum boundary_end end;
    } rows[] = {{"poweroff", ENDED_POWEROFF},
                {"reset", ENDED_RESET},
                {"panic", ENDED_PANIC},
                {"triple-fault", ENDED_TRIPLE_FAULT}};
    char text[32];

    if (io_read_small(inst->state_fd, END_FILE, text, sizeof text) <= 0)
        return ENDED_OTHERWISE;
    text[strcspn(text, "\n")] = 0;
    for (size_t i = 0; i < ARRAY_LEN(rows); i++)
        if (!strcmp(text, rows[i].word))
            return rows[i].end;
    return ENDED_OTHERWISE;
}

int microvm_snapshot(struct instance *inst, int file, bool ends, struct err *err)
{
    const struct control_snapshot snapshot = {.flags = ends ? CONTROL_SNAPSHOT_ENDS : 0};
    const struct engine_order order = {.socket = ENGINE_SOCKET,
                                       .type = CONTROL_SNAPSHOT,
                                       .payload = &snapshot,
                                       .length = sizeof snapshot,
                                       .fd = file,
                                       .ms = SNAPSHOT_MS,
                                       .who = "its machine",
                                       .what = "snapshot"};

    return engine_ask(inst, &order, err);
}

int microvm_exec(struct instance *inst, const struct process *pr, struct err *err)
{
    (void)pr;
    return err_set(err, -ENOTSUP,
                   "sandbox %s: the processes of a machine are its own kernel's, and nothing is started in it from "
                   "outside yet: -b container does that",
                   inst->id);
}

const struct boundary boundary_microvm = {
    .name = "microvm",
    .offer = microvm_offer,
    .lower = microvm_lower,
    .create = microvm_create,
    MICROVM_VERBS,
};
