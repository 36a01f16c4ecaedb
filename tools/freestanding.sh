#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
# Objects that are to run without a C library: what they leave undefined together is memcpy, memmove, memset and memcmp
# alone. freestanding.sh OBJECT.o ... or ARCHIVE. Prints TAP.
echo 1..1
undefined=$(nm -P "$@" | LC_ALL=C awk '
    $2 == "U" || $2 == "w" { want[$1] = 1 }
    $2 ~ /^[A-Ta-tV-Xx-z]$/ && $2 != "w" { have[$1] = 1 }
    END { for (name in want) if (!(name in have) && name !~ /^(memcpy|memmove|memset|memcmp|_GLOBAL_OFFSET_TABLE_)$/) print name }' | sort)
if [ -z "$undefined" ]; then
    echo "ok 1 - nothing but mem* is asked of a C library"
else
    echo "not ok 1 - nothing but mem* is asked of a C library"
    printf '%s\n' "$undefined" | sed 's/^/# undefined: /'
    exit 1
fi
