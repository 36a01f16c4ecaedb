#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# archive.sh OBJECTS.a LIBRARY.a: one object file whose only global names are moat_*, so that a program that links it
# statically sees nothing of ours.
set -eu
object=$2.o
rm -f "$2" "$object"
ld -r --whole-archive "$1" -o "$object"
objcopy --localize-hidden "$object"
ar rcsD "$2" "$object"
rm -f "$object"
