#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Documentation that can lie is tested: links lead somewhere, commands and test groups that pages name exist. Prints TAP.
cd "$(dirname "$0")/../.." || exit 99

n=0 failed=0
result() # NAME DETAIL: passes when there is no detail
{
    n=$((n + 1))
    if [ -z "$2" ]; then
        echo "ok $n - $1"
    else
        echo "not ok $n - $1"
        while IFS= read -r line; do echo "# $line"; done <<<"$2"
        failed=1
    fi
}

pages=(*.md docs/*.md src/*/README.md)

missing=
for f in LICENSE README.md CONTRIBUTING.md SECURITY.md CAVEATS.md CHANGES.md docs/architecture.md docs/dependencies.md \
    docs/performance.md docs/engines.md docs/policy.md; do
    [ -s "$f" ] || missing+="$f:1: error: missing or empty"$'\n'
done
result "the pages that a project has are there" "${missing%$'\n'}"

result "links between pages lead somewhere" "$(grep -noE '\]\([^):#]+' "${pages[@]}" | while IFS=: read -r page line link; do
    target=$(dirname "$page")/${link#](}
    [ -e "$target" ] || echo "$page:$line: error: no such file: ${link#](}"
done)"

# `moat WORD` at the start of an example or in backquotes is a command with a row.
commands=$(sed -nE 's/^    \{"([a-z]+)", .*/\1/p' src/cli/commands.c 2>/dev/null)
result "commands that pages name have a row" "$(grep -noE '(^    (\./)?|[`&] ?(\./)?)moat [a-z]+' "${pages[@]}" | while IFS=: read -r page line text; do
    grep -qx "${text##* }" <<<"$commands" || echo "$page:$line: error: no such command: moat ${text##* }"
done)"

groups=$(tests/run --list | sed 's/ .*//')
result "test groups that pages name exist" "$(grep -noE 'tests/run [a-z]+' "${pages[@]}" | while IFS=: read -r page line text; do
    grep -qx "${text##* }" <<<"$groups" || echo "$page:$line: error: no such group: $text"
done)"

result "the version in CHANGES.md is the one that is built" "$(
    version=$(sed -nE "s/^ *version: '([^']+)'.*/\1/p" meson.build)
    grep -q "^## $version" CHANGES.md || echo "CHANGES.md:1: error: no section for $version (meson.build)")"

echo "1..$n"
exit $failed
