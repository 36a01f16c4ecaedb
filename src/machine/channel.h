/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What moat and its init inside a Linux guest (guest/init) say to each other: frames over one stream of bytes in each
 * direction, the second serial port. The guest is hostile: the host's side takes frames out of a bounded buffer, and
 * what is not a frame ends the channel, not the machine.
 *
 * A frame: type, zero, length (16 bits, little-endian, at most CHANNEL_MOST), then so many bytes. No libc but mem*.
 */
#ifndef MOAT_MACHINE_CHANNEL_H
#define MOAT_MACHINE_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define CHANNEL_HEADER 4u
#define CHANNEL_MOST   4096u

enum channel_type {
    /* to the guest */
    CHANNEL_INPUT = 1, /* of the program's standard input; empty: its end */
    CHANNEL_SIGNAL,    /* one byte: the number */
    CHANNEL_SIZE,      /* of the terminal: rows, columns, 16 bits each */
    CHANNEL_RESUMED,   /* struct channel_resumed: it goes on from a snapshot, and somebody else listens */
    CHANNEL_CLOSED,    /* one byte, 1 or 2: nobody reads the program's output, or its errors, any more */
    CHANNEL_FRESH,     /* struct channel_resumed: of a snapshot in which init had not begun; it is not answered */
    /* from the guest */
    CHANNEL_OUTPUT = 16,
    CHANNEL_ERROR,
    CHANNEL_EXIT,   /* one byte: what the sandbox's exit status is to be */
    CHANNEL_CREDIT, /* 32 bits: so many more bytes of INPUT will be taken; none may be sent without */
    CHANNEL_READY,  /* empty: init runs */
};

/*
 * After a restore either side may have half a frame of the other's. The host sends as many zeros as the longest frame
 * has bytes (they end any frame, and between frames they mean nothing), then RESUMED. The guest answers with the
 * marker, which is no beginning of a frame, and grants credit anew; what the host hears before the marker is lost.
 * Where nothing had come of the guest yet it is heard from its first byte on.
 */
#define CHANNEL_ZEROS        (CHANNEL_HEADER + CHANNEL_MOST)
#define CHANNEL_MARKER       "\377\377MOAT-RESUMED\377"
#define CHANNEL_MARKER_BYTES ((uint32_t)(sizeof(CHANNEL_MARKER) - 1))

struct channel_resumed {
    uint64_t wall_ns; /* since 1970: the guest's clock is set to it */
    uint8_t seed[32]; /* for its random numbers */
};

struct channel_frame {
    uint8_t type;
    uint16_t length;
    const uint8_t *bytes;
};

/* The bytes of one direction until they make a frame. */
struct channel_reader {
    uint8_t bytes[CHANNEL_HEADER + CHANNEL_MOST];
    uint32_t n;
    bool broken; /* a length that cannot be: no more frames */
};

/* Takes as many bytes as it has use for and returns their number. A frame is whole then when *frame->bytes is not NULL;
 * it is valid until the next call. */
static inline uint32_t channel_take(struct channel_reader *r, const uint8_t *bytes, uint32_t n,
                                    struct channel_frame *frame)
{
    uint32_t wanted, used = 0;

    *frame = (struct channel_frame){0};
    if (r->broken)
        return n;
    while (used < n) {
        if (r->n == 0 && bytes[used] == 0) {
            used++;
            continue;
        }
        if (r->n < CHANNEL_HEADER) {
            r->bytes[r->n++] = bytes[used++];
            if (r->n < CHANNEL_HEADER)
                continue;
        }
        const uint32_t length = (uint32_t)r->bytes[2] | (uint32_t)r->bytes[3] << 8;
        if (length > CHANNEL_MOST || r->bytes[1]) {
            r->broken = true;
            return n;
        }
        wanted = CHANNEL_HEADER + length - r->n;
        if (wanted > n - used)
            wanted = n - used;
        memcpy(r->bytes + r->n, bytes + used, wanted);
        r->n += wanted;
        used += wanted;
        if (r->n == CHANNEL_HEADER + length) {
            *frame = (struct channel_frame){r->bytes[0], (uint16_t)length, r->bytes + CHANNEL_HEADER};
            r->n = 0;
            return used;
        }
    }
    return used;
}

/* Writes a header to out[CHANNEL_HEADER]. */
static inline void channel_header(uint8_t out[CHANNEL_HEADER], enum channel_type type, uint32_t length)
{
    out[0] = (uint8_t)type;
    out[1] = 0;
    out[2] = (uint8_t)length;
    out[3] = (uint8_t)(length >> 8);
}

#endif
