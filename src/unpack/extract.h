/* SPDX-License-Identifier: Apache-2.0 */
#ifndef MOAT_UNPACK_EXTRACT_H
#define MOAT_UNPACK_EXTRACT_H

#include "unpack/dest.h"
#include "unpack/tar.h"

/* All entries of the archive into the destination, and its directories' attributes. */
int extract_all(struct dest *d, struct tar *t, struct err *err);

#endif
