/* SPDX-License-Identifier: Apache-2.0 */
/* Functions and landing pads out of .eh_frame (Linux Standard Base, core, 10.6; the Itanium C++ ABI's tables). Private.
 */
#ifndef MOAT_REWRITE_FRAMES_H
#define MOAT_REWRITE_FRAMES_H

#include "rewrite/rewrite.h"

/* Bytes of a file that are mapped one after another: file[offset + i] at address + i. */
struct frames_segment {
    uint64_t offset, size, address;
};

struct frames_file {
    const uint8_t *bytes;
    struct frames_segment segments[64];
    unsigned n_segments;
};

/* Where the address lies in the file, and how many bytes from there on; NULL when it does not. */
const uint8_t *frames_at(const struct frames_file *f, uint64_t address, uint64_t *size);

/* Tells the scan of the functions whose frames begin at the address; ends at the first thing that it does not know. */
void frames_entries(const struct frames_file *f, uint64_t eh_frame, struct rewrite_image *image);

#endif
