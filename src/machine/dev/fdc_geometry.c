/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The formats of floppy disks that a PC knows, by their size. Numbers only: the I/O process has this file as well, to
 * tell what a drive takes.
 */
#include "machine/dev/fdc.h"

#include <stddef.h>

#define SECTOR 512u

static const struct fdc_geometry formats[] = {
    {40, 1, 8, 2, FDC_360K},   {40, 1, 9, 2, FDC_360K},   {40, 2, 8, 2, FDC_360K},   {40, 2, 9, 2, FDC_360K},
    {80, 2, 9, 2, FDC_720K},   {80, 2, 15, 0, FDC_1200K}, {80, 2, 18, 0, FDC_1440K}, {80, 2, 21, 0, FDC_1440K},
    {82, 2, 21, 0, FDC_1440K}, {80, 2, 36, 3, FDC_2880K},
};

const char fdc_sizes[] = "160, 180, 320, 360 or 720 KB, 1.2, 1.44, 1.68, 1.72 or 2.88 MB";

const struct fdc_geometry *fdc_geometry(uint64_t bytes)
{
    for (unsigned i = 0; i < sizeof(formats) / sizeof(formats[0]); i++) {
        const struct fdc_geometry *g = &formats[i];
        if ((uint64_t)g->cylinders * g->heads * g->sectors * SECTOR == bytes)
            return g;
    }
    return NULL;
}

bool fdc_drive_takes(enum fdc_drive_type type, const struct fdc_geometry *g)
{
    switch (type) {
    case FDC_1200K:
        return g->drive == FDC_1200K || g->drive == FDC_360K;
    case FDC_1440K:
        return g->drive == FDC_1440K || g->drive == FDC_720K;
    case FDC_2880K:
        return g->drive >= FDC_720K;
    default:
        return type != FDC_NONE && g->drive == type;
    }
}

uint8_t fdc_rate(enum fdc_drive_type type, const struct fdc_geometry *g)
{
    return type == FDC_1200K && g->drive == FDC_360K ? 1 : g->rate;
}

uint8_t fdc_last_track(enum fdc_drive_type type)
{
    return type == FDC_360K ? 41 : 83;
}
