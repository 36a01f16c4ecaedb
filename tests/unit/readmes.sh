#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Every folder of src/ explains itself in one screen. Prints TAP.
cd "$(dirname "$0")/../.." || exit 99

n=0 failed=0
dirs=(src/*/)
echo "1..${#dirs[@]}"
for d in "${dirs[@]}"; do
    n=$((n + 1)) why=
    f=${d}README.md
    if [ ! -s "$f" ]; then
        why="$f:1: error: missing or empty: say what the folder is for, its types, who may call it, its invariants"
    elif [ "$(wc -l < "$f")" -gt 60 ]; then
        why="$f:61: error: longer than one screen ($(wc -l < "$f") lines, at most 60): move detail to docs/"
    fi
    if [ -z "$why" ]; then
        echo "ok $n - ${d%/} has a README of one screen"
    else
        echo "not ok $n - ${d%/} has a README of one screen"
        echo "# $why"
        failed=1
    fi
done
exit $failed
