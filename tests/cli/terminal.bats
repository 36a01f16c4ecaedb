#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat run -it (and moat-oci exec -t) at a terminal: size, keys, job control, and the user's terminal as it was.
bats_require_minimum_version 1.5.0
load run

setup_file() { run_setup_file; }
setup() { run_setup; }
teardown() { run_teardown; }

# person STEP... -- COMMAND: at a terminal, see person.py.
person()
{
    require_command python3
    run python3 "$BATS_TEST_DIRNAME/person.py" "$@"
    output=${output//$'\r'/}
    [ "$status" != 99 ] || report_run "a step failed"
}

# A shell of the user's with job control, which runs moat.
SHELL_OF_USER=(env "PS1=user% " HISTFILE= bash --norc --noprofile -i)

@test "-it: the three streams are a terminal of the sandbox's own" {
    person -- "$MOAT" run --rm -it busybox sh -c 'tty; test -t 0 && test -t 1 && test -t 2 && echo all; ls -l /dev/console | cut -c1'
    assert_output $'/dev/pts/0\nall\nc'
}

@test "/dev/tty is the terminal of the sandbox" {
    person -- "$MOAT" run --rm -it busybox sh -c 'echo through > /dev/tty'
    assert_output through
}

@test "-it without a terminal is refused" {
    run "$MOAT" run --rm -it busybox true < /dev/null
    assert_error 125 "-t" "terminal"
}

@test "-t without -i, without a terminal: the output of a terminal" {
    run "$MOAT" run --rm -t busybox sh -c 'tty; echo line' < /dev/null
    assert_success
    assert_output $'/dev/pts/0\r\nline\r'
}

@test "a terminal is not given unless -t is" {
    person -- "$MOAT" run --rm -i busybox sh -c 'test -t 2; tty'
    # -i hands the user's streams over as they are.
    refute_contains "/dev/pts/0"$'\n'
}

@test "the window's size at the start" {
    person -s 33x111 -- "$MOAT" run --rm -it busybox stty size
    assert_output "33 111"
}

@test "the window's size after a change, and the workload is told" {
    person -s 24x80 expect:ready resize:41x132 expect:changed -- \
        "$MOAT" run --rm -it busybox sh -c 'trap "stty size; echo changed; exit" WINCH; echo ready; while :; do sleep 0.02; done'
    assert_contains "41 132"
}

@test "what is typed arrives, echoed once" {
    person 'expect:ready' 'send:hello\n' 'expect:got-hello' -- "$MOAT" run --rm -it busybox sh -c 'echo ready; read word; echo got-$word'
    assert_output $'ready\nhello\ngot-hello'
}

@test "Ctrl-C reaches the workload, not moat" {
    person expect:ready 'send:\x03' expect:interrupted -- \
        "$MOAT" run --rm -it busybox sh -c 'trap "echo interrupted; exit 5" INT; echo ready; while :; do sleep 0.02; done'
    assert_status 5
}

@test "Ctrl-C ends a program of the shell inside, not the shell" {
    person 'expect:# ' 'send:sh -c "echo be\"\"gin; exec sleep 1000"\n' expect:begin 'send:\x03' 'expect:# ' 'send:echo still-$((40+2))\n' expect:still-42 'send:exit 6\n' -- \
        "$MOAT" run --rm -it -e 'PS1=# ' busybox sh
    assert_status 6
}

@test "Ctrl-D ends the shell inside" {
    person 'expect:# ' 'send:\x04' -- "$MOAT" run --rm -it -e 'PS1=# ' busybox sh
    assert_success
}

@test "Ctrl-Z and fg in the shell inside" {
    person 'expect:# ' 'send:sh -c "echo be\\"\\"gin; read x; echo en\\"\\"d-\$x"\n' expect:begin 'send:\x1a' expect:Stopped 'expect:# ' \
        'send:echo shell-$((40+2))\n' expect:shell-42 'send:fg\n' 'expect:sh -c' 'send:word\n' expect:end-word 'expect:# ' 'send:exit 3\n' -- \
        "$MOAT" run --rm -it -e 'PS1=# ' busybox sh
    assert_status 3
}

@test "exit status by signal is kept: 128+N" {
    person expect:ready -- "$MOAT" run --rm -it --init busybox sh -c 'echo ready; kill -TERM $$'
    assert_status 143
}

@test "raw while it runs, as before afterwards" {
    person 'expect:user% ' modes 'send:"$MOAT" run --rm -it busybox sh -c "echo re\"\"ady; read x"\n' expect:ready raw 'send:\n' 'expect:user% ' same-modes 'send:exit\n' -- \
        "${SHELL_OF_USER[@]}"
    assert_success
}

@test "as before after an error of moat's, and after a kill of the workload" {
    person 'expect:user% ' modes 'send:"$MOAT" run --rm -it busybox no-such-program\n' expect:no-such-program 'expect:user% ' same-modes \
        'send:"$MOAT" run --rm -it --timeout 300ms --init busybox sleep 100; echo status-$?\n' expect:status-124 'expect:user% ' same-modes 'send:exit\n' -- \
        "${SHELL_OF_USER[@]}"
    assert_success
}

# go OPTION...: $dir/go runs moat with these; its pid is in $dir/pid.
go()
{
    { printf '#!/bin/sh\necho $$ > %q\nexec "$MOAT" run' "$dir/pid"; printf ' %q' "$@"; } > go
    chmod 755 go
}

after_term()
{
    go "$@" -it --init busybox sh -c 'echo ready; exec sleep 1000'
    person 'expect:user% ' modes 'send:./go; echo status-$?\n' expect:ready raw "kill:TERM:$dir/pid" expect:status-143 'expect:user% ' same-modes 'send:exit\n' -- \
        "${SHELL_OF_USER[@]}"
    assert_success
}

@test "as before after TERM to moat" { after_term --rm; }

@test "as before after TERM to moat, attached to a monitor" {
    after_term --name "term-$$"
    "$MOAT" rm -f "term-$$"
}

stopped_from_outside()
{
    for signal in TSTP STOP; do
        go "$@" -it -e 'PS1=in# ' busybox sh
        person 'expect:user% ' modes 'send:./go\n' 'expect:in# ' raw "kill:$signal:$dir/pid" expect:Stopped 'expect:user% ' same-modes \
            'send:echo here-$((40+2))\n' expect:here-42 'send:fg\n' raw 'send:echo in-$((50+2))\n' expect:in-52 'send:exit 9\n' \
            'expect:user% ' same-modes 'send:exit $?\n' -- "${SHELL_OF_USER[@]}"
        assert_status 9
        "$MOAT" ps -aq | xargs -r "$MOAT" rm > /dev/null
    done
}

@test "stopped from outside, the shell has its terminal; fg brings the session back" { stopped_from_outside --rm; }

@test "the same, attached to a monitor" { stopped_from_outside --name "stopped-$$"; }

@test "under script(1)" {
    require_command script bsdutils
    run script -qec "'$MOAT' run --rm -it busybox sh -c 'tty; exit 7'" /dev/null < /dev/null
    [ "$status" = 7 ] || report_run "expected status 7"
    assert_contains "/dev/pts/0"
}

@test "in tmux: runs, takes keys, follows the window" {
    require_command tmux
    tmux -L "moat-$$" -f /dev/null new-session -d -s t -x 100 -y 30 "'$MOAT' run --rm -it -e 'PS1=in# ' busybox sh" 3>&-
    shown() { tmux -L "moat-$$" capture-pane -p -t t | grep -q -- "$1"; }
    wait_for 8 shown '^in#' || { tmux -L "moat-$$" kill-server; false; }
    tmux -L "moat-$$" send-keys -t t 'stty size' Enter
    wait_for 8 shown '^30 100' || shown '^29 100'
    tmux -L "moat-$$" resize-window -t t -x 90 -y 20
    tmux -L "moat-$$" send-keys -t t 'stty size' Enter
    wait_for 8 shown '^\(20\|19\) 90'
    tmux -L "moat-$$" send-keys -t t 'exit' Enter
    over() { ! tmux -L "moat-$$" has-session -t t; }
    wait_for 8 over
}

@test "a megabyte through the terminal is all there" {
    require_command python3
    python3 "$BATS_TEST_DIRNAME/person.py" -- "$MOAT" run --rm -it busybox sh -c 'stty -opost; yes 0123456789abcdef | head -c 1000000; echo end' > out
    assert_equal "$(wc -c < out) $(tail -c 4 out)" "1000004 end"
}

@test "moat-oci exec -t at a terminal" {
    require_command jq
    make_bundle b '.process.args = ["sh", "-c", "echo up; while :; do sleep 0.05; done"]'
    "$MOAT_OCI" --root "$dir/state" run --detach --bundle b "$(basename "$dir")-x" < /dev/null > out 2>&1 3>&-
    person -s 20x70 'expect:# ' 'send:stty size; tty\n' 'expect:20 70' expect:/dev/pts/ 'send:exit 8\n' -- \
        "$MOAT_OCI" --root "$dir/state" exec -t --env 'PS1=# ' "$(basename "$dir")-x" sh
    delete_container "$(basename "$dir")-x" "$dir/state"
    assert_status 8
}
