#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The walls around the WebAssembly engine when a module has taken it over (tests/escape/wasm/taken.c): moat-wasm's own
# objects, and machine code of the attacker's where the module would run. All attempts of guest/probe, and those which the
# engine's filter leaves: live without walls, and none succeeds behind them.
bats_require_minimum_version 1.5.0
load wasm

setup_file()
{
    wasm_is_here && [ -x "$MOAT_BUILD/tests/escape/wasm-taken" ] || return 0
    wasm_place
    mkdir -p "$WORK/taken/libexec"
    cp "$MOAT" "$WORK/taken/moat"
    cp "$MOAT_BUILD/tests/escape/wasm-taken" "$WORK/taken/libexec/moat-wasm"
    printf '\0asm\1\0\0\0' > "$WORK/module.wasm"
    "$WORK/taken/libexec/moat-wasm" --module "$WORK/module.wasm" x list > "$WORK/rows"
    awk -F'\t' -v OFS='\t' '{ print $1, $3 ~ /token/ ? "token" : "-" }' "$WORK/rows" > "$WORK/list"
}

teardown_file() { wasm_unplace; }

setup()
{
    require_wasm
    require_file "$MOAT_BUILD/tests/escape/wasm-taken"
    wasm_trees
    dir=$BATS_TEST_TMPDIR out=$BATS_TEST_TMPDIR/out
    mkdir -m 777 "$WORK/planted"
    mkfifo "$dir/hold"
    exec 8<> "$dir/hold"
    "$MOAT_BUILD/libexec/moat-probe" plant "$WORK/planted" < "$dir/hold" > "$dir/facts" 3>&- 8>&- &
    planted=$!
    wait_for 5 grep -qx '' "$dir/facts"
    mapfile -t facts < <(grep . "$dir/facts")
    secret=$(sed -n 's/^file=//p' "$dir/facts")
    facts+=("readable=$WORK/readable" "writable=$WORK/granted")
}

teardown()
{
    kill "${planted:-}" 2>/dev/null || true
    wait "${planted:-}" 2>/dev/null || true
    exec 8>&-
    rm -rf "$WORK/planted"
}

# of CLASS|"": its rows; all_but NAME...: all but these
of() { awk -F'\t' -v class="$1" 'class == "" || $2 == class { print $1 }' "$WORK/rows"; }
all_but() { of "" | grep -vxF -f <(printf '%s\n' "$@"); }

# Attempts of which the listener is the means.
with_listener=(left-listener left-listener-to)

# with_secrets COMMAND...: in the caller's environment, keyring and descriptors
with_secrets() { timeout -k 5 60 "$MOAT_BUILD/libexec/moat-probe" keyed "$@" 4< "$WORK/canaries" 5< "$secret" 9< /; }

bare() { with_secrets unshare --mount --propagation private "$WORK/taken/libexec/moat-wasm" --module "$WORK/module.wasm" x "${facts[@]}" "$@"; }

behind() { with_secrets "$WORK/taken/moat" run --rm -b wasm --ro "$WORK/readable" --rw "$WORK/granted" "${options[@]}" "$WORK/module.wasm" "${facts[@]}" "$@"; }

# each COMMAND... < NAMES: "NAME WORD DETAIL" in $out; "killed" by the filter, with what the status says
each()
{
    local name status
    while read -r name; do
        status=0
        "$@" "$name" > "$dir/line" 2>&1 < /dev/null || status=$?
        if [ $status = 159 ]; then echo "killed $name"; else awk -F'\t' -v name="$name" -v status=$status \
            '{ last = $0 } $1 == name { print $3, $1, $4; found = 1 } END { if (!found) print "lost", name, status, last }' "$dir/line"; fi
    done > "$out"
}

got() { said "$out" "$1"; }
is() { sed 's/^escaped /ESCAPED /' "$out" > "$out.words"; said "$out.words" "$1"; }

# nothing_but NAME...: of all in $out, only these escaped, and none was lost
nothing_but()
{
    local bad
    bad=$({ is ESCAPED; is lost; } | grep -vxF -f <(printf '%s\n' "$@")) || true
    [ -z "$bad" ] || { echo "escaped:" >&2; grep -wF -f <(echo "$bad") "$out" >&2; return 1; }
}

@test "what the filter leaves is live: without walls it succeeds, and the filter stands before the rest" {
    local dead
    export FENCE=off
    each bare < <(of left | grep -vxF -f <(printf '%s\n' "${with_listener[@]}"))
    dead=$(of left | grep -vxF -f <(is ESCAPED; is absent; printf '%s\n' "${with_listener[@]}")) || true
    [ -z "$dead" ] || { grep -wF -f <(echo "$dead") "$out" >&2; return 1; }
    unset FENCE
    wasm_trees
    each bare < <(of left | grep -vxF -f <(printf '%s\n' "${with_listener[@]}"))
    assert_equal "$(is killed | tr '\n' ' ')" "left-tkill left-tgkill left-owner left-thread left-map-code left-protect-code left-key-code left-mode left-execve left-execveat "
    nothing_but $(of left)
    assert_equal "$(is blocked)" ""
}

@test "behind walls and filter nothing escapes" {
    local readable planted_tree options=()
    readable=$(tree_of "$WORK/readable") planted_tree=$(tree_of "$WORK/planted")
    each behind < <(of "")
    # What it may read is open as a directory: left-descriptors looks for all else.
    nothing_but inherited
    [ "$(is killed | wc -l)" -ge 100 ] || { cat "$out" >&2; return 1; }
    assert_equal "$(tree_of "$WORK/readable") $(tree_of "$WORK/planted")" "$readable $planted_tree"
    [ -z "$(find "$WORK/granted" -perm /6000)" ]
    kill -0 "$planted"
    echo "# $(is killed | wc -l) ended by the filter, $(is blocked | wc -l) refused; not in this kernel: $(is absent | tr '\n' ' ')" >&3
}

# A listener's network is the host's.
@test "a listener that was handed over accepts, and cannot be made one that connects" {
    local options=(--publish "127.0.0.1:$((20000 + RANDOM % 10000))" -e FENCE=off)
    each behind < <(printf '%s\n' "${with_listener[@]}")
    assert_equal "guard off: $(is ESCAPED | tr '\n' ' ')" "guard off: ${with_listener[*]} "
    options=("${options[@]:0:2}")
    each behind < <(printf '%s\n' "${with_listener[@]}" left-descriptors)
    assert_equal "$(is killed | tr '\n' ' ')" "${with_listener[*]} "
    assert_equal "$(is blocked)" left-descriptors
}

@test "without the filter the walls alone hold all that does not need one" {
    local options=(-e FENCE=off) all
    behind all > "$dir/lines" 2> "$dir/errors" < /dev/null
    awk -F'\t' '{ print $3, $1, $4 }' "$dir/lines" > "$out"
    # Rows that say themselves that only a filter stands before them, and those of the engine's filter; in that run each is a
    # child of the engine, which it sees; the name that it would take away is not there.
    all=$(awk -F'\t' '$3 ~ /filter/ { print $1 }' "$WORK/rows")
    # shellcheck disable=SC2086
    nothing_but $all left-thread left-map-code left-protect-code left-key-code left-mode left-execve left-execveat \
        left-tkill left-tgkill left-owner inherited unmount
    [ "$(is blocked | wc -l)" -ge 150 ]
    # And that it is off: these are the filter's.
    [[ " $(is ESCAPED | tr '\n' ' ') " == *" left-thread left-map-code "* ]]
    # shellcheck disable=SC2086
    [ "$(is ESCAPED | grep -cxF -f <(printf '%s\n' $all))" -ge 3 ]
}

@test "an engine that hears no signal and has no end is ended" {
    local options=(--timeout 300ms --stop-timeout 1) status=0
    behind deaf > "$out" 2>&1 < /dev/null || status=$?
    assert_equal "$(head -n 1 "$out") $status" "begun 124"
    "$WORK/taken/moat" run -d --name deaf-$$ -b wasm "$WORK/module.wasm" deaf > /dev/null 3>&-
    wait_for 10 eval '"$MOAT" logs deaf-$$ | grep -qx begun'
    timeout 20 "$MOAT" stop -t 1 deaf-$$ > /dev/null
    assert_equal "$("$MOAT" inspect -f '{{.State.ExitCode}} {{.State.ExitReason}}' deaf-$$)" "137 stopped"
    "$MOAT" rm deaf-$$ > /dev/null
}

@test "an engine that takes all memory is ended, with the reason" {
    require_cgroup memory
    local options=(-m 64m) status=0
    behind eat > "$out" 2>&1 < /dev/null || status=$?
    assert_equal "$status" 137
    grep -q "its memory limit was reached" "$out"
}
