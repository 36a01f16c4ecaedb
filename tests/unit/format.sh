#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# C files look as clang-format makes them, and every source file names its licence. Prints TAP, one test per folder.
# `tests/unit/format.sh --fix` formats in place.
cd "$(dirname "$0")/../.." || exit 99
shopt -s nullglob

sources() { find src guest tests bench include examples -name '*.[ch]' -not -path '*/build*' 2>/dev/null | LC_ALL=C sort; }

command -v clang-format >/dev/null || { echo "needs clang-format (Debian package clang-format)"; exit 77; }
if [ "$1" = --fix ]; then
    sources | xargs -r clang-format -i
    exit
fi

n=0 failed=0
result() # CONDITION NAME DETAIL
{
    n=$((n + 1))
    if [ "$1" = 0 ]; then
        echo "ok $n - $2"
    else
        echo "not ok $n - $2"
        sed 's/^/# /' <<<"$3"
        failed=1
    fi
}

for d in $(sources | xargs -rn1 dirname | LC_ALL=C sort -u); do
    files=("$d"/*.c "$d"/*.h)
    out=$(clang-format --dry-run --Werror "${files[@]}" 2>&1)
    rc=$?
    result $rc "$d is formatted" "$(grep -E '^[^ ]+:[0-9]+' <<<"$out" | head -5)
to fix all: tests/unit/format.sh --fix"
done

out=$({ sources; find . -path ./.git -prune -o -path './build*' -prune -o \( -name '*.sh' -o -name '*.bats' -o -name '*.bash' \) -print; } |
    while read -r f; do head -5 "$f" | grep -q 'SPDX-License-Identifier: Apache-2.0' || echo "$f:1: error: no SPDX line"; done)
result "$([ -z "$out" ]; echo $?)" "every source file names its licence" "$out"
echo "1..$n"
exit $failed
