/* SPDX-License-Identifier: Apache-2.0 */
/* The rings of a machine: one for each thing that the I/O process has, in memory that both processes share. */
#include "machine/vmm.h"

#include <errno.h>
#include <sys/mman.h>

#define PAGE 4096u

/* Bytes of one request, where they are bounced. Linux asks a disk for 1,280 KiB at once. */
enum { RANDOM_MOST = 4096, CONSOLE_MOST = 64 << 10, NET_MOST = 68 << 10, BLOCK_MOST = 1280 << 10 };
enum { SHARED_SERVER = 0 }; /* of all that may wait for a descriptor; each disk has its own, and drives one together */
enum { MEDIA_SLOTS = 8 };   /* a drive's: one request, the watch for another medium, the guest's ejecting */

static size_t whole_pages(size_t n)
{
    return (n + PAGE - 1) & ~(size_t)(PAGE - 1);
}

/* One more port; NULL: no memory, or no more places. */
static struct vmm_port *add_ring(struct vmm *v, const struct io_ops *ops, uint32_t slots, uint32_t own, uint32_t bounce,
                                 int in, int out)
{
    struct vmm_port *p = &v->ports[v->n_ports];
    const size_t ring = whole_pages(ring_bytes(slots));

    if (v->n_ports == IO_PORTS)
        return NULL;
    uint8_t *at = mmap(NULL, ring + whole_pages(own), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (at == MAP_FAILED || io_port_init(&p->io, ops, (struct ring_shared *)(void *)at, slots, &v->machine.memory) < 0)
        return NULL;
    p->io.own = own ? at + ring : NULL, p->io.own_bytes = own;
    p->io.in = in, p->io.out = out;
    p->server = ops == &io_block ? v->n_servers++ : SHARED_SERVER;
    ring_init(&p->backend.ring, p->io.ring.shared, slots, true);
    p->backend.own = p->io.own, p->backend.own_bytes = own;
    p->backend.bounce = bounce;
    p->backend.owner = v, p->backend.kick = vmm_backend_kick, p->backend.wait = vmm_backend_wait;
    v->n_ports++;
    return p;
}

/* A stream of bytes that are in no guest's memory. */
static struct vmm_port *add(struct vmm *v, const struct io_ops *ops, int in, int out)
{
    return add_ring(v, ops, 8, STREAM_OWN_BYTES, 0, in, out);
}

/* A virtio device's, with requests of at most `most` bytes. In a machine that goes on from a snapshot the processes do
 * not share the guest's memory, which is a copy of the file's, made page by page as it is written: its bytes go by way
 * of the ring's own pages, for so many requests at a time. */
static struct vmm_port *add_virtio(struct vmm *v, const struct io_ops *ops, uint32_t slots, uint32_t most,
                                   uint32_t at_a_time, int in, int out)
{
    return v->options.restore ? add_ring(v, ops, slots, at_a_time * most, most, in, out)
                              : add_ring(v, ops, slots, 0, 0, in, out);
}

/* A PC's disk: its bytes are in the ring's own pages, and no request of it can name guest memory. */
static struct vmm_port *add_medium(struct vmm *v, const struct io_ops *ops)
{
    static const struct gmem none;
    struct vmm_port *p = add_ring(v, ops, MEDIA_SLOTS, MEDIUM_BUFFER, 0, -1, -1);

    if (p)
        p->io.memory = &none;
    return p;
}

/* The drives are there whether anything is in them or not, so that something can be put in. */
static bool add_media(struct vmm *v)
{
    const unsigned server = v->n_servers++; /* of the drives together; the disk has its own */

    for (unsigned i = 0; i < VMM_MEDIA; i++) {
        if (i == VMM_HDA && !*v->options.hda.path)
            continue;
        struct vmm_port *p = add_medium(v, i == VMM_HDA ? &io_disk : &io_media);
        if (!p)
            return false;
        v->media[i] = p;
        p->server = i == VMM_HDA ? v->n_servers++ : server;
        if (i == VMM_HDA)
            continue;
        p->io.drive = (struct io_drive){.floppy = i != VMM_CDROM, .number = VMM_MEDIUM + (int)i};
        v->door.drives[i] = &p->io;
    }
    return true;
}

/* Who has the terminal: with the channel nobody but it, since what the program says is not to be mixed with the
 * kernel's lines. */
static void console_descriptors(const struct vmm_options *o, int *in, int *out)
{
    const enum options_console c = o->console ? o->console : o->channel ? CONSOLE_NONE : CONSOLE_SERIAL;

    *in = c == CONSOLE_SERIAL && !o->channel ? 0 : -1;
    *out = c == CONSOLE_SERIAL ? 1 : c == CONSOLE_STDERR ? 2 : -1;
}

int vmm_ports(struct vmm *v)
{
    const struct vmm_options *o = &v->options;
    bool ok = true;
    int in, out;

    v->n_servers = 1;
    console_descriptors(o, &in, &out);
    ok &= (v->serial = add(v, &io_stream, in, out)) != NULL;
    ok &= (v->messages = add(v, &io_stream, -1, 2)) != NULL;
    ok &= (v->random = add_virtio(v, &io_random, 16, RANDOM_MOST, 16, -1, -1)) != NULL;
    if (o->channel) {
        ok &= (v->channel = add(v, &io_channel, 0, -1)) != NULL;
        ok = ok && (v->channel->io.channel = io_channel_new());
    }
    if (o->console == CONSOLE_VIRTIO)
        ok &= (v->console = add_virtio(v, &io_stream, 16, CONSOLE_MOST, 16, 0, 1)) != NULL;
    if (o->console == CONSOLE_DISPLAY)
        ok &= (v->display = add(v, &io_stream, 0, 1)) != NULL;
    if (o->pc)
        ok = ok && add_media(v);
    if (o->tap || o->tap_fd >= 0)
        ok &= (v->net = add_virtio(v, &io_net, 128, NET_MOST, 128, -1, -1)) != NULL;
    for (unsigned i = 0; i < o->n_disks; i++)
        ok &= (v->disks[i] = add_virtio(v, &io_block, 128, BLOCK_MOST, 24, -1, -1)) != NULL;
    return ok ? 0 : vmm_fail(EXIT_OWN_ERROR, "rings", "no memory for them", -ENOMEM);
}
