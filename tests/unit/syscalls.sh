#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# docs/syscalls.md is what src/linux/syscalls.def says, and the table is in order. Prints TAP.
# `tests/unit/syscalls.sh --write` makes the page anew.
cd "$(dirname "$0")/../.." || exit 99
table=src/linux/syscalls.def page=docs/syscalls.md

# nr TAB name TAB status TAB note
rows() {
    sed -nE 's/^CALL\(([0-9]+), (\w+), (\w+), "([^"]*)".*/\1\t\2\t\3\t\4/p; s/^NOCALL\(([0-9]+), (\w+), "([^"]*)"\)$/\1\t\2\tNONE\t\3/p' "$table"
}

make_page() {
    rows | awk -F'\t' '
{ n[$3]++; note = $4; gsub(/\|/, "\\|", note); line[NR] = sprintf("| %d | %s | %s | %s |", $1, $2, tolower($3), note) }
END {
    print "# System calls of the unikernel\n"
    print "What programs behind `-b unikernel` find: the rows of src/linux/syscalls.def. Made by `tests/unit/syscalls.sh --write`.\n"
    printf "Of Linux'"'"'s %d calls of x86-64, %d are there in full, %d in part (what is missing stands beside them), and %d are answered by `-ENOSYS`.\n\n",
        NR, n["FULL"], n["PARTIAL"], n["NONE"]
    print "| number | name | support | note |\n|---|---|---|---|"
    for (i = 1; i <= NR; i++) print line[i]
}'
}

if [ "$1" = --write ]; then
    make_page > "$page"
    exit
fi

failed=0
result() # NUMBER NAME DETAIL: passes when there is no detail
{
    if [ -z "$3" ]; then echo "ok $1 - $2"; else
        echo "not ok $1 - $2"
        sed 's/^/# /' <<<"$3"
        failed=1
    fi
}
echo 1..4
result 1 "every row of the table can be read" "$(grep -nE '^(NO)?CALL\(' "$table" | wc -l | grep -vx "$(rows | wc -l)" |
    sed "s|.*|$table:1: error: a row does not have the form that the page is made from|")"
result 2 "rows stand in the order of their numbers, each once" "$(rows | awk -F'\t' -v f="$table" 'NR > 1 && $1 <= last { print f ":1: error: " $2 " (" $1 ") comes after " last } { last = $1 }')"
result 3 "a row that is not full says what is missing" "$(rows | awk -F'\t' -v f="$table" '$3 != "FULL" && $4 == "" { print f ":1: error: " $2 " has no note" }')"
result 4 "$page is up to date" "$(make_page | diff -q - "$page" >/dev/null 2>&1 || echo "$page:1: error: make it anew: tests/unit/syscalls.sh --write")"
exit $failed
