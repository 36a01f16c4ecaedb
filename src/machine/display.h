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

#define DISPLAY_NS        UINT64_C(33000000) /* between two looks */
#define DISPLAY_ESCAPE_NS UINT64_C(50000000) /* an escape that nothing follows for so long is the key */

struct display {
    struct stream *stream;
    struct vga *vga;
    struct typist *typist;
    struct keys_terminal terminal;
    uint64_t seen_changes; /* of the VGA: all that the terminal was told of */
    uint64_t looked;       /* of the VGA: what `wanted` and `cells` are of */
    uint64_t next;         /* nanosecond of the next look */
    uint64_t byte_at;      /* nanosecond of the last byte of the terminal */
    bool stale;            /* to be looked at though nothing changed */
    bool drawing;          /* there was no room for all of it */
    bool drawn, ended;
    struct screen_header wanted;
    uint8_t cells[SCREEN_COLUMNS * SCREEN_ROWS][2]; /* of `wanted`, as screen_cells() has them */
    unsigned rows, columns;                         /* of the terminal, as far as known; 0: not */
    unsigned top;                                   /* the row of the screen that is in its first one */
    /* The terminal, as it is when it has read all: what stands there, how far each row from the left; where its cursor
     * is (DISPLAY_NOWHERE: not known), the attribute of what it writes. */
    uint8_t shown[SCREEN_ROWS][SCREEN_COLUMNS][2];
    uint8_t known[SCREEN_ROWS];
    unsigned shown_rows, shown_columns;
    unsigned row, column, attribute;
    bool cursor, clear; /* it is to be seen; all is to be drawn anew */
    char out[64];       /* for the stream, a piece at a time */
    uint8_t out_at, out_n;
};
enum { DISPLAY_NOWHERE = 0x10000 };

void display_init(struct display *d, struct stream *stream, struct vga *vga, struct typist *typist);
/* Input of the stream: stream_init()'s receive. */
unsigned display_receive(void *display, const uint8_t *bytes, unsigned n);
/* Draws when it is time to, as much as the stream has room for: never waits. `now` is the typist's clock's. Returns
 * when it wants to be asked again: NEVER, when nothing but a change of the VGA is a reason to. */
uint64_t display_poll(struct display *d, uint64_t now);
/* The terminal has another size (0: not known): all is drawn anew. Where it is lower than the screen, the row with the
 * cursor is kept in sight. */
void display_resized(struct display *d, unsigned rows, unsigned columns);
/* Before the end: the terminal as it is wont to be, the cursor below the picture. Waits for room in the stream. */
void display_end(struct display *d);

#endif
