/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The display in a terminal: text modes as the terminal's own characters and colours (UTF-8, 16 colours by SGR), only
 * what has changed; of a graphic mode one line that says so. Keys come back from it. In the machine process, over a
 * stream to the I/O process. No libc but mem*.
 */
#ifndef MOAT_MACHINE_DISPLAY_H
#define MOAT_MACHINE_DISPLAY_H

#include "machine/dev/stream.h"
#include "machine/dev/vga.h"
#include "machine/keys.h"
#include "machine/screen.h"
#include "machine/typist.h"

#define DISPLAY_NS UINT64_C(33000000) /* between two looks */

struct display {
    struct stream *stream;
    struct vga *vga;
    struct typist *typist;
    struct keys_terminal terminal;
    uint64_t seen_changes, next, byte_at;
    bool drawn, ended;
    struct screen_header shown;
    uint8_t cells[SCREEN_COLUMNS * SCREEN_ROWS][2];
    unsigned rows, columns; /* of the terminal, as far as known; 0: not */
};

void display_init(struct display *d, struct stream *stream, struct vga *vga, struct typist *typist);
/* Input of the stream: stream_init()'s receive. */
unsigned display_receive(void *display, const uint8_t *bytes, unsigned n);
/* Draws when it is time to. Returns when it wants to be asked again, in nanoseconds of `now`'s clock. */
uint64_t display_poll(struct display *d, uint64_t now);
/* The terminal has another size: all is drawn anew. */
void display_resized(struct display *d, unsigned rows, unsigned columns);
/* Before the end: the terminal as it is wont to be, the cursor below the picture. */
void display_end(struct display *d);

#endif
