#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat learn: what it writes is enough for the same run behind -b broker, and each line of it is needed. The jobs of well-known
# programs are in tests/learn/cases.bash; tests/learn/full runs all of them.
bats_require_minimum_version 1.5.0
load run

setup_file()
{
    require_root
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data
}

setup()
{
    . "$BATS_TEST_DIRNAME/../learn/cases.bash"
    run_setup
    # Not below /tmp, which is fresh inside.
    base=$(mktemp -d /var/tmp/moat-test-XXXXXX)
    work=$base/work shots=$base/shots policy=$base/policy.yaml
    mkdir -p "$work" "$shots"
    cd "$work" || return
}

teardown()
{
    cd /
    rm -rf "$base"
    run_teardown
}

learned() { run "$MOAT" learn -o "$policy" -- "$@"; }
under() { run "$MOAT" run -b broker --policy "$policy" -- "$@"; }
rules() { grep -E '^  (- |["/].*: )' "$policy" | sed 's/^  //'; }
has_rule() { rules | grep -qxF -- "$1" || { echo "no rule '$1' in:"; rules; return 1; } >&2; }
has_no_rule() { ! rules | grep -F -- "$1" >&2; }
noted() { sed -n 's/^#//p' "$policy" | tr -s '\n ' ' ' | grep -qF -- "$1" || { cat "$policy"; return 1; } >&2; }

# same NAME [EVERY]: learns, runs again, compares; then takes away every EVERYth line.
same()
{
    case_is_here "$1" || skip "needs ${program[$1]:-$1} (Debian package ${uses[$1]})"
    learn "$1" || { cat "$shots/err" >&2; return 1; }
    "$MOAT" policy check "$policy"
    confined "$1" "$policy" || { diff "$shots/$1" "$shots/confined"; cat "$shots/denied"; return 1; } >&2
    local line
    for line in $(rule_lines "$policy" | awk -v n="${2:-1}" 'NR % n == 0'); do needed "$1" "$line" || return 1; done
}

# ---- the program, while it is watched ---------------------------------------------------------------------------------

@test "its streams and its status are its own" {
    run --separate-stderr sh -c 'echo in | "$0" learn -o "$1" -- sh -c "cat; echo err >&2; exit 42"' "$MOAT" "$policy"
    assert_status 42
    assert_output in
    assert_equal "$stderr" err
    assert_exists "$policy"
    noted "ended with exit status 42"
    noted "sh, with 2 arguments"
}

@test "identity, group, session and limits are the caller's; the environment is what it will be" {
    MOAT_SECRET=1 learned sh -c 'id -u; ulimit -n; echo "$HOME"; ps -o pgid= -p $$; env'
    assert_line "$(id -u)"
    assert_line "$(ulimit -n)"
    assert_line /tmp
    assert_line "$(ps -o pgid= -p $$)"
    refute_match MOAT_SECRET
}

@test "a signal that ends it: the policy is written, and that is said" {
    echo x > file
    learned sh -c 'cat file; kill -USR2 $$'
    assert_status 140
    assert_match "signal 12 ended it"
    noted "ended with signal 12"
    has_rule "- $work/file:r"
}

@test "a signal for moat goes to the program" {
    "$MOAT" learn -o "$policy" -- sh -c 'trap "exit 7" TERM; echo up; while :; do sleep 0.05; done' > "$shots/out" &
    pid=$!
    wait_for 5 grep -q up "$shots/out"
    kill -TERM $pid
    wait $pid || status=$?
    assert_equal "$status" 7
    assert_exists "$policy"
}

@test "a terminal stays its own: Ctrl-C reaches the program, once, and moat writes what there is" {
    require_command script
    # a shell between them would die of the signal that goes to the whole group
    # shellcheck disable=SC2016
    run script -qec "exec $MOAT learn -o $policy -- sh -c 'tty; trap \"echo got\" INT; kill -INT 0; kill -INT \$\$; exit 3'" /dev/null < /dev/null
    assert_status 3
    assert_match "got"
    assert_exists "$policy"
}

@test "not found, not a program: as a shell says, and no policy" {
    run -127 "$MOAT" learn -o "$policy" -- no-such-program
    assert_error 127 no-such-program
    echo text > text
    chmod 644 text
    learned ./text
    assert_error 126 "text"
    refute_exists "$policy"
}

@test "what is refused before anything runs" {
    run "$MOAT" learn -- touch "$work/ran"
    assert_error 125 "-o"
    run "$MOAT" learn -o "$policy"
    assert_error 125 PROGRAM
    echo mine > "$policy"
    learned touch ran
    assert_error 125 "$policy" "--merge"
    assert_equal "$(cat "$policy")" mine
    run "$MOAT" learn -o no-such-dir/p.yaml -- touch ran
    assert_error 125 "no-such-dir"
    run "$MOAT" learn -o /dev/null -- touch ran
    assert_error 125 "/dev/null"
    run "$MOAT" learn --quick -o p.yaml -- touch ran
    assert_error 125 "quick"
    refute_exists ran
}

@test "processes that it leaves behind are waited for; what they use is in the policy" {
    echo x > late
    run --separate-stderr "$MOAT" learn -o "$policy" -- sh -c '(exec > /dev/null 2>&1 < /dev/null; sleep 1.5; cat late) & exit 4'
    assert_status 4
    assert_match "^$"
    [[ $stderr == *"have not"* ]]
    has_rule "- $work/late:r"
}

@test "the broker's death ends the program, and nothing is written" {
    "$MOAT" learn -o "$policy" -- sh -c 'echo up; while :; do cat /etc/debian_version > /dev/null; done' > "$shots/out" 2> "$shots/err" &
    pid=$!
    wait_for 5 grep -q up "$shots/out"
    kill -9 "$(pgrep -P $pid -x moat-broker)"
    wait $pid || status=$?
    assert_equal "$status" 125
    grep -q "broker process" "$shots/err"
    refute_exists "$policy"
}

@test "an ordinary user learns, too" {
    require_command setpriv util-linux
    chmod 755 "$base" && chown -R 12345:12345 "$work"
    run setpriv --reuid 12345 --regid 12345 --clear-groups "$MOAT" learn -o "$work/p.yaml" -- sh -c 'id -u; (head -n 1 < /etc/debian_version) > out'
    assert_status 0
    assert_output 12345
    policy=$work/p.yaml
    has_rule "- $work/out:wc"
    has_rule "- /etc/debian_version:r"
}

# ---- what is written --------------------------------------------------------------------------------------------------

@test "no rule without a use: what was not touched has none, what is not there has none" {
    mkdir -p dir && echo a > dir/a && echo b > dir/b
    learned sh -c 'cat dir/a; cat dir/none dir/none/more; [ -e dir/b ]'
    has_rule "- $work/dir/a:r"
    has_rule "- $work/dir/b:s"
    has_no_rule none
    has_no_rule "$work/dir:"
    has_no_rule /proc
    has_no_rule /dev/null
}

@test "a directory only for a reason, and the reason is its comment" {
    mkdir -p listed new many && echo a > listed/a
    learned sh -c 'ls listed; echo x > new/one; echo y > new/two; echo z > many/single'
    has_rule "- $work/listed:r"
    has_rule "- $work/new:wc"
    has_rule "- $work/many/single:wc"
    grep -B1 -F "$work/listed:r" "$policy" | grep -q "# its names were listed"
    grep -B1 -F "$work/new:wc" "$policy" | grep -q "# names in it were made or removed"
    sed -n '/^broker:/,$p' "$policy" | grep -q many/single
}

@test "made-up names are a rule of their directory: the next run makes up others" {
    # shellcheck disable=SC2016
    learned sh -c 'f=$(mktemp ./x.XXXXXX); echo t > "$f"; rm "$f"; mktemp -p . keep.XXXXXXXX > /dev/null'
    has_rule "- $work:rwc"
    rm -f keep.*
    # shellcheck disable=SC2016
    under sh -c 'f=$(mktemp ./x.XXXXXX); echo t > "$f"; rm "$f"; mktemp -p . keep.XXXXXXXX > /dev/null'
    assert_status 0
    assert_equal "$(find . -name 'keep.*' | wc -l)" 1
}

@test "files of nobody: /tmp needs no rule, /var/tmp is memory; but a name on the command line is kept" {
    # shellcheck disable=SC2016
    job='f=$(mktemp); echo t > "$f"; cat "$f"; rm "$f"; g=$(mktemp -p /var/tmp); echo v > "$g"; cat "$g"; rm "$g"'
    learned sh -c "$job"
    has_no_rule "- /tmp"
    has_no_rule "- /var/tmp/tmp"
    grep -q 'target: /var/tmp' "$policy"
    under sh -c "$job"
    assert_output "t
v"
    rm "$policy"
    learned sh -c "echo kept > /tmp/moat-test-kept-$$"
    has_rule "- /tmp/moat-test-kept-$$:wc"
    rm "/tmp/moat-test-kept-$$"
    under sh -c "echo kept > /tmp/moat-test-kept-$$"
    assert_equal "$(cat "/tmp/moat-test-kept-$$")" kept
    rm "/tmp/moat-test-kept-$$"
}

@test "scripts and their interpreters, programs and their loader, are rules though no call opens them" {
    printf '#!%s/interp\n' "$work" > script
    cp "$(type -P cat)" interp
    chmod +x script interp
    learned ./script
    has_rule "- $work/script:rx"
    has_rule "- $work/interp:rx"
    rules | grep -q 'ld-linux.*:rx'
    under ./script
    assert_output "#!$work/interp"
}

@test "links: followed, they are the path that was asked; looked at, they are links" {
    mkdir -p real && echo x > real/file
    ln -s real dir && ln -s dir/file link && ln -s nowhere dangling
    learned cat link
    has_rule "- $work/link:r"
    under cat link
    assert_output x
    rm "$policy"
    job='readlink link dangling; realpath link; cat link'
    learned sh -c "$job"
    expected=$output
    has_rule "$work/link: dir/file"
    has_rule "$work/dangling: nowhere"
    has_rule "- $work/real/file:r"
    under sh -c "$job"
    assert_output "$expected"
}

@test "'..' behind a link, and behind a directory that is only passed" {
    mkdir -p far/away near && echo x > far/file && echo y > file
    ln -s ../far/away near/link
    learned cat near/link/../file near/../file
    assert_output "x
y"
    under cat near/link/../file near/../file
    assert_output "x
y"
}

@test "names that YAML would read as something else" {
    touch 'a b' 'c#d: e' $'tab\there' '"quoted"' 'é' $'no\xfftext'
    learned sh -c 'cat "a b" "c#d: e" tab* \"quoted\" é'
    "$MOAT" policy check "$policy"
    rm "a b"
    echo here > "a b"
    under cat "a b"
    assert_output here
    rm "$policy"
    learned cat $'no\xfftext'
    assert_status 0
    noted "no text"
    "$MOAT" policy check "$policy"
}

@test "what no rule gives is said: sockets, devices, set-user-id, listening; arguments are not said" {
    require_command python3
    cp "$(type -P true)" suid && chmod u+s suid
    learned python3 -c 'import os, socket, sys
s = socket.socket(socket.AF_UNIX); s.bind("sock"); s.listen()
os.stat("sock")
t = socket.socket(); t.bind(("127.0.0.1", 28391)); t.listen()
socket.create_connection(("127.0.0.1", 28391))
os.stat("/dev/kmsg")
os.system("./suid")' hunter2
    assert_status 0
    noted "set-user-id"
    noted "127.0.0.1:28391"
    refute_exists hunter2
    ! grep -q hunter2 "$policy"
    ! grep -q allowNet "$policy"
}

@test "an address that is connected to is a rule, and works" {
    require_command python3
    echo hello > file
    python3 -m http.server 28392 --bind 127.0.0.1 > /dev/null 2>&1 3>&- &
    helpers+=($!)
    job='import urllib.request; print(urllib.request.urlopen("http://127.0.0.1:28392/file").read())'
    wait_for 5 python3 -c "$job"
    learned python3 -c "$job"
    assert_status 0
    has_rule '- "127.0.0.1:28392"'
    under python3 -c "$job"
    assert_output "b'hello\\n'"
}

@test "a name that is looked up and connected to is a rule by that name, and works" {
    require_command python3
    require_command ip iproute2
    require_command unshare util-linux
    echo "nameserver 127.0.0.1" > "$base/resolv.conf"
    echo hello > file
    # The host of this test: a network of its own with a name server, and a server at another address than loopback.
    cat > "$base/host" <<- 'END'
	ip link set lo up && ip addr add 192.0.2.7/32 dev lo && mount --bind "$base/resolv.conf" /etc/resolv.conf || exit 99
	python3 "$names" > "$base/up" 2>&1 & servers=$!
	python3 -m http.server 8080 --bind 192.0.2.7 > "$base/web" 2>&1 & servers="$servers $!"
	trap 'kill $servers' EXIT
	until grep -q up "$base/up" && python3 -c 'import socket; socket.create_connection(("192.0.2.7", 8080))' 2> /dev/null; do sleep 0.05; done
	job='import urllib.request; print(urllib.request.urlopen("http://peer.example:8080/file").read())'
	"$MOAT" learn -o "$policy" -- python3 -c "$job" && "$MOAT" run -b broker --policy "$policy" -- python3 -c "$job"
	END
    export base policy names="$BATS_TEST_DIRNAME/../learn/names.py"
    run timeout 60 unshare --net --mount --propagation private bash "$base/host" 3>&-
    assert_output "b'hello\\n'
b'hello\\n'"
    has_rule "- peer.example:8080"
    [ "$(sed -n '/^allowNet/,$p' "$policy" | grep -c '^  - ')" = 1 ]
}

@test "links of a policy: made inside, as old as the host's, and refused where they would not be seen" {
    mkdir d && ln -s d/x here && touch -h -d @1700000000 here
    run "$MOAT" run -b broker --symlink "$work/here=d/x" --symlink /srv/new=/usr/bin -- sh -c "stat -c %Y $work/here; readlink $work/here /srv/new; ls /srv/new/sh"
    assert_output "1700000000
d/x
/usr/bin
/srv/new/sh"
    # A link below a link is made where that leads inside, and nowhere on the host.
    run "$MOAT" run -b broker --symlink /srv/one=x --symlink /opt/a=/srv --symlink "/opt/a/moat-test-$$=c" -- readlink "/srv/moat-test-$$"
    assert_output c
    refute_exists "/srv/moat-test-$$"
    run "$MOAT" run -b broker --ro d --symlink "$work/d/x=y" -- true
    assert_error 125 "$work/d/x" "leave the link out"
    for path in /etc /proc/x /dev/x /tmp /; do
        run "$MOAT" run -b broker --symlink "$path=x" -- true
        assert_error 125 "$path"
    done
    run "$MOAT" run -b broker --symlink /srv/x -- true
    assert_error 125 "/srv/x"
    run "$MOAT" run --rm --symlink /srv/x=y busybox true
    assert_error 125 "/srv/x" "-b broker"
    run "$MOAT" run -b broker --symlink /bin=usr/sbin -- readlink /bin
    assert_output usr/sbin
    printf 'version: 1\nlinks: {/srv/l: /usr}\n' > "$policy"
    under readlink /srv/l
    assert_output /usr
}

# ---- adding to a policy ------------------------------------------------------------------------------------------------

@test "--merge adds what is missing, removes nothing, and keeps comments" {
    echo a > a; echo b > b
    learned cat a
    sed -i -e '1i # mine' -e 's/^version: 1/version: 1\ntimeout: 10s # a note/' "$policy"
    before=$(cat "$policy")
    run "$MOAT" learn --merge -o "$policy" -- cat a
    assert_equal "$(cat "$policy")" "$before"
    run "$MOAT" learn --merge -o "$policy" -- sh -c 'cat b; echo new > out'
    assert_status 0
    has_rule "- $work/a:r"
    has_rule "- $work/b:r"
    has_rule "- $work/out:wc"
    [ -z "$(diff <(echo "$before") "$policy" | grep '^<')" ]
    rm out
    under cat a b
    assert_output "a
b"
    under sh -c 'cat b; echo new > out'
    assert_equal "$(cat out)" new
}

@test "--merge: an access is added to the rule that is there, wherever it stands" {
    echo a > a; mkdir -p d
    printf 'version: 1\nallow: [./work/a:r, ./work/d] # short\nreadOnlyRoot: true\n' > "$policy"
    run "$MOAT" learn --merge -o "$policy" -- sh -c 'echo more >> a; cat a; echo n > d/new'
    assert_status 0
    has_rule "- ./work/a:rw"
    has_rule "- ./work/d:rwxc"
    grep -qx 'readOnlyRoot: true' "$policy"
    "$MOAT" policy check "$policy"
}

@test "--merge refuses by name what it cannot add to, after the run, and leaves the file as it was" {
    echo a > a
    printf '{"version": 1}' > "$base/p.json"
    run "$MOAT" learn --merge -o "$base/p.json" -- cat a
    assert_match "JSON"
    assert_status 125
    printf 'version: 1\ndefaults: none\nallow: [\n  ./x:r ]\n' > "$policy"
    before=$(cat "$policy")
    touch "$base/x"
    run "$MOAT" learn --merge -o "$policy" -- cat a
    assert_status 125
    assert_match "line of its own"
    assert_equal "$(cat "$policy")" "$before"
    printf 'version: 1\nro: [./work/a]\n' > "$policy"
    run "$MOAT" learn --merge -o "$policy" -- sh -c 'echo more >> a'
    assert_status 125
    assert_match "work/a.*ro, rw or mounts"
    printf 'version: 1\nallow: [./work/a:q\n' > "$policy"
    run "$MOAT" learn --merge -o "$policy" -- touch ran
    assert_status 125
    refute_exists ran
}

# ---- well-known programs -------------------------------------------------------------------------------------------------

@test "tar: the same bytes, and each line is needed" { same tar; }
@test "sqlite3: the same bytes, and each line is needed" { same sqlite3; }
@test "python3: the same" { same python3 5; }
@test "a shell and coreutils: the same" { same shell 5; }
@test "gcc: the same program" { same gcc 12; }
@test "git: the same commits" { same git 6; }
