#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# install.sh LIBMOAT.SO LIBMOAT.A MOAT.PC LIBDIR INCLUDEDIR: run by `meson install`.
set -eu
to=$MESON_INSTALL_DESTDIR_PREFIX
real=$(basename "$(readlink -f "$1")")
install -D -m 755 "$(readlink -f "$1")" "$to/$4/$real"
ln -sf "$real" "$to/$4/libmoat.so.0"
ln -sf libmoat.so.0 "$to/$4/libmoat.so"
install -D -m 644 "$2" "$to/$4/libmoat.a"
install -D -m 644 "$3" "$to/$4/pkgconfig/moat.pc"
for header in moat taint; do
    install -D -m 644 "$(dirname "$0")/../../include/moat/$header.h" "$to/$5/moat/$header.h"
done
