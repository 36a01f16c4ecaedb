#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The manual page and the completions are printed from the rows of the commands: what help lists is in them.
load ../lib

setup()
{
    export NO_COLOR=1
    dir=$BATS_TEST_TMPDIR
    mkdir "$dir/bin" "$dir/here"
    page=$dir/moat.1 script=$dir/completion
    # The moat that the completions ask.
    cat > "$dir/bin/moat" <<'SH'
#!/bin/bash
case $1 in
images) printf '%s\n' 'REPOSITORY TAG IMAGE CREATED SIZE' 'debian 12 0123456789ab now 1MB' 'debian latest 0123456789ab now 1MB' \
    '<none> <none> ba9876543210 now 1MB' '$(touch${IFS}evaluated) `touch${IFS}evaluated` x now 1MB' ;;
ps) [ "$*" = 'ps -a --format {{.Names}}' ] && printf '%s\n' web-1 web-2 ;;
*) exec "$MOAT" "$@" ;;
esac
SH
    chmod +x "$dir/bin/moat"
    PATH=$dir/bin:$PATH
    cd "$dir/here" || return
}

commands() { "$MOAT" help | awk '/^Commands/ { on = 1; next } /^$/ { on = 0 } on && /^  [a-z]/ { print $1 }'; }

# option_lines COMMAND: "-m, --memory BYTES", one a line.
option_lines() { "$MOAT" help "$1" | sed -nE 's/^  (-., |    )(--[^ ]+( [^ ]+)?).*/\1\2/p' | sed 's/^ *//'; }

rendered()
{
    require_command mandoc
    "$MOAT" help --man > "$page"
    MANWIDTH=80 mandoc -T ascii "$page" | sed 's/.\x08//g'
}

# ---- the manual page ----------------------------------------------------------------------------------------------

@test "the manual page has every command, with its usage and its options" {
    rendered > "$dir/text"
    count=0
    for c in $(commands); do
        part=$(awk -v c="   $c" '$0 == c { on = 1; next } /^(   )?[^ ]/ { on = 0 } on' "$dir/text" | tr -s ' \n' ' ')
        output=$part
        assert_contains "moat $("$MOAT" help "$c" | sed -n 's/^Usage: moat //p')"
        # A table that two commands share is printed once.
        shared=$(sed -nE 's/.*The options of ([a-z]+).*/\1/p' <<<"$part")
        while read -r line; do
            if [ -n "$shared" ] && option_lines "$shared" | grep -qxF -- "$line"; then continue; fi
            # Where the help itself puts its words right behind, the option's name is what counts.
            assert_contains "${line%% [a-z]*}"
            count=$((count + 1))
        done < <(option_lines "$c")
    done
    [ "$count" -gt 60 ] # the loop above has read something
}

@test "the manual page says what exit statuses, variables and files mean, once" {
    run rendered
    for heading in NAME SYNOPSIS DESCRIPTION COMMANDS "EXIT STATUS" ENVIRONMENT FILES EXAMPLES "SEE ALSO"; do assert_line "$heading"; done
    for word in MOAT_RUN_DIR MOAT_DATA_DIR /run/moat /var/lib/moat "124 time limit"; do assert_contains "$word"; done
    assert_equal "$(grep -c 'time limit;' <<<"$output")" 1
}

@test "the manual page has no fault that mandoc finds" {
    rendered > /dev/null
    run mandoc -T lint -W warning "$page"
    assert_output ""
    assert_success
}

@test "man shows the manual page without a warning" {
    require_command man man-db
    "$MOAT" help --man > "$page"
    export MANWIDTH=80 MANPAGER=cat LC_ALL=C.UTF-8
    run man --warnings -l "$page"
    assert_success
    assert_match '-m, --memory BYTES'
    refute_contains warning
}

@test "examples in the manual page are those of the help, byte for byte" {
    rendered > "$dir/text"
    while IFS= read -r line; do
        grep -qF -- "$line" "$dir/text" || report_run "not in the page: $line"
    done < <(for c in $(commands); do "$MOAT" help "$c" | awk '/^Examples/ { on = 1; next } !/^  / { on = 0 } on { sub(/^  /, ""); print }'; done)
}

@test "the manual page's date can be fixed, and then two are the same" {
    run env SOURCE_DATE_EPOCH=86400 "$MOAT" help --man
    assert_match '\.TH MOAT 1 1970-01-02 "moat [0-9.]+"'
}

@test "the build has the page and the scripts that moat prints" {
    built=$(dirname "$MOAT")
    require_file "$built/moat.1"
    assert_equal "$(grep -v '^\.TH' "$built/moat.1")" "$("$MOAT" help --man | grep -v '^\.TH')"
    assert_equal "$(< "$built/moat.bash")" "$("$MOAT" completion bash)"
    assert_equal "$(< "$built/_moat")" "$("$MOAT" completion zsh)"
}

@test "help moat is the general help" {
    run "$MOAT" help moat
    assert_success
    assert_equal "$output" "$("$MOAT" help)"
}

@test "help that shows debian says where it comes from" {
    for c in moat $(commands); do
        run "$MOAT" help "$c"
        if [[ $output == *" debian "* && $c != import ]]; then assert_contains "debian stands for an image"; fi
    done
}

# ---- completion: bash ---------------------------------------------------------------------------------------------

# offered LINE: what bash offers at its end, sorted, on one line. +default, +plusdirs: readline adds files, directories.
offered()
{
    "$MOAT" completion bash > "$script"
    # shellcheck disable=SC2016
    bash --norc -c '
        compopt() { echo "+$2"; }
        . "$1" && complete -p moat > /dev/null || exit
        COMP_WORDBREAKS=$'\'' \t\n"\047><=;|&(:'\''
        COMP_LINE=$2 COMP_POINT=${#2} COMP_WORDS=()
        rest=$2
        while [[ $rest =~ ^([:=]+|[^:=\ ]+)(\ *)(.*)$ ]]; do
            COMP_WORDS+=("${BASH_REMATCH[1]}") rest=${BASH_REMATCH[3]} space=${BASH_REMATCH[2]}
        done
        [[ -z $space ]] || COMP_WORDS+=("")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _moat
        [ ${#COMPREPLY[@]} = 0 ] || printf "%s\n" "${COMPREPLY[@]}"
    ' bash "$script" "$1" | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//'
}

# assert_offered LINE WORDS
assert_offered()
{
    local got
    got=$(offered "$1")
    [ "$got" = "$2" ] || { printf 'line:     %s\ngot:      %s\nexpected: %s\n' "$1" "$got" "$2" >&2; return 1; }
}

@test "bash: commands, and options of moat itself" {
    assert_offered "moat exp" explain
    assert_offered "moat i" "images import inspect"
    assert_offered "moat --" "--help --version"
    assert_equal "$(offered "moat ")" "$(commands | LC_ALL=C sort | tr '\n' ' ' | sed 's/ $//')"
    assert_equal "$(offered "moat help ")" "$(offered "moat ")"
    assert_offered "moat nonsense " ""
}

@test "bash: options are those of the command" {
    assert_offered "moat run --memory-sw" "--memory-swap --memory-swappiness"
    assert_offered "moat run --rm -i --cap" "--cap-add --cap-drop"
    assert_offered "moat rmi -" "--force --help -f"
    assert_offered "moat run --js" ""
    assert_offered "moat explain --js" "--json"
    for c in $(commands); do
        while read -r line; do
            name=$(grep -oE -- '--[a-z-]+' <<<"$line" | head -1)
            [[ " $(offered "moat $c $name") " == *" $name "* ]] || { echo "moat $c: $name is not offered" >&2; return 1; }
        done < <(option_lines "$c" | if [ "$c" = explain ]; then tail -1; else cat; fi)
    done
}

@test "bash: values by the kind of the argument" {
    require_command jq
    assert_offered "moat run --network " "host none"
    assert_offered "moat run --network=h" host
    assert_offered "moat run --userns " "host moat single"
    assert_offered "moat run --policy " "+default"
    assert_offered "moat run --rootfs " "+plusdirs"
    assert_offered "moat run --rootfs=./t" "+plusdirs"
    assert_offered "moat run -v ./sr" "+default"
    assert_offered "moat run -b " "$("$MOAT" boundaries --json | jq -r '[.[] | select(.built) | .name] | sort | join(" ")')"
    assert_offered "moat run --stop-signal SIGT" "SIGTERM SIGTRAP SIGTSTP SIGTTIN SIGTTOU"
    assert_offered "moat run --cap-drop NET_A" NET_ADMIN
    assert_offered "moat run -m " ""
    assert_offered "moat run -itm " ""
    assert_offered "moat run --name x -e PATH" PATH
    assert_offered "moat run --cap-add=A" "ALL AUDIT_CONTROL AUDIT_READ AUDIT_WRITE"
}

@test "bash: operands by their place" {
    assert_offered "moat rmi deb" "debian debian:12"
    assert_offered "moat rmi debian:" 12 # readline has taken the word apart
    assert_offered "moat rmi debian b" "ba9876543210 busybox"
    assert_offered "moat run -m 1g bus" "+plusdirs busybox"
    assert_offered "moat run -m1g --rm bus" "+plusdirs busybox"
    assert_offered "moat run --memory=1g -it bus" "+plusdirs busybox"
    assert_offered "moat run -- bus" "+plusdirs busybox"
    assert_offered "moat run busybox " "+default"
    assert_offered "moat run busybox sh -" "+default" # the workload's options are not ours
    assert_offered "moat import " "+default +plusdirs"
    assert_offered "moat import x " ""
    assert_offered "moat images " ""
    assert_offered "moat completion " "bash zsh"
    [[ " $(offered "moat system ") " == *" check "* ]]
}

@test "bash: operands that are sandboxes are offered by name" {
    some=
    for c in $(commands); do
        "$MOAT" help "$c" | grep -qE "^Usage: moat $c (\[[^]]*\] )*\[?SANDBOX([] .]|\$)" || continue
        some=$c
        assert_offered "moat $c web" "web-1 web-2"
    done
    [ -n "$some" ] || skip "no command of this build takes a sandbox"
}

@test "bash: the words offered for an option are in its help" {
    "$MOAT" completion bash > "$script"
    count=0
    for c in run explain; do
        for row in $(sed -n "/^    $c)/,/;;/p" "$script" | grep -oE -- '--[a-z-]+=[a-z][a-z,-]*'); do
            words=$("$MOAT" help "$c" | awk -v o="${row%%=*}" '$0 ~ "^ .*" o "( |$)" { on = 1; print; next } /^  ( *|-., )--/ || /^[^ ]/ { on = 0 } on' | tr -s ' \n' ' ')
            for word in $(tr , ' ' <<<"${row#*=}"); do
                grep -qw -- "$word" <<<"${words#*"${row%%=*}"}" || { echo "moat $c ${row%%=*}: help does not say $word: $words" >&2; return 1; }
                count=$((count + 1))
            done
        done
    done
    [ "$count" -ge 8 ]
}

@test "bash: names are never evaluated, and the moat of this directory is never run" {
    printf '#!/bin/sh\ntouch ran\n' > moat
    chmod +x moat
    run offered './moat rmi '
    assert_contains '$(touch'
    refute_exists evaluated
    refute_exists ran
    # shellcheck disable=SC2016
    run offered 'moat rmi $(tou'
    refute_exists evaluated
}

# typed SHELL KEYS...
typed()
{
    require_command zsh
    "$MOAT" completion "$1" > "$script"
    timeout 50 zsh "$BATS_TEST_DIRNAME/typed.zsh" "$1" "$script" "${@:2}"
}

@test "bash: at a terminal" {
    mkdir tree && touch policy.json 'a file'
    run typed bash 'moat ru' 'moat run --network=h' 'moat run --policy po' 'moat run --policy=po' 'moat run --policy a' \
        'moat run --rootfs tr' 'moat run tr' 'moat rmi debian:' 'moat run --rm -v ./tr' 'moat images --no' 'moat run --net host bus'
    assert_success
    for line in 'moat run ' 'moat run --network=host ' 'moat run --policy policy.json ' 'moat run --policy=policy.json ' \
        'moat run --policy a\ file ' 'moat run --rootfs tree/' 'moat run tree/' 'moat rmi debian:12 ' 'moat run --rm -v ./tree/' \
        'moat images --no-trunc '; do
        assert_contains "<<$line>>"
    done
}

# ---- completion: zsh ----------------------------------------------------------------------------------------------

@test "zsh: the script is one that zsh reads" {
    require_command zsh
    "$MOAT" completion zsh > "$script"
    run zsh -n "$script"
    assert_output ""
    assert_success
}

@test "zsh: at a terminal" {
    mkdir tree && touch policy.json
    run typed zsh 'moat ru' 'moat run --network=h' 'moat run --network n' 'moat run --policy po' 'moat run --rootfs tr' 'moat run tr' \
        'moat rmi debian:' 'moat images --no' 'moat run --cap-add NET_A' 'moat system ch' 'moat completion z' 'moat run busybox sh --me' \
        'moat run --mo'
    assert_success
    for line in 'moat run ' 'moat run --network=host ' 'moat run --network none ' 'moat run --policy policy.json ' \
        'moat run --rootfs tree/' 'moat run tree/' 'moat rmi debian:12 ' 'moat images --no-trunc ' 'moat run --cap-add NET_ADMIN ' \
        'moat completion zsh ' 'moat run busybox sh --me'; do
        assert_contains "<<$line>>"
    done
}

@test "zsh: found by compinit under its own name, and lists with what the help says" {
    require_command zsh
    mkdir functions
    "$MOAT" completion zsh > functions/_moat
    echo 'fpath=($PWD/functions $fpath); compinit -u -D' > rc
    run timeout 50 zsh "$BATS_TEST_DIRNAME/typed.zsh" zsh "$PWD/rc" 'moat ' 'moat run --s'
    assert_success
    assert_match "run +-- Run a command behind a boundary"
    assert_match "--shm-size +-- Size of /dev/shm \(64m\)"
    assert_match "--security-opt +-- seccomp=default\|unconfined\|FILE, no-new-privileges\[=false"
    refute_exists evaluated
}

# ---- refusals -----------------------------------------------------------------------------------------------------

@test "completion for a shell that is not known is refused with those that are" {
    run "$MOAT" completion fish
    assert_error 125 "fish" "bash and zsh"
    run "$MOAT" completion
    assert_error 125 "bash|zsh"
}
