#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# compare: that it measures, what it prints, what it refuses. No figure is judged: bench/compare_agreement does that.
# Alone: its rounds are made again while others are busy.
bats_require_minimum_version 1.5.0
load look

setup_file() { look_setup_file; }
setup()
{
    look_setup
    export TMPDIR=$dir/tmp
    mkdir "$TMPDIR"
}
teardown()
{
    look_teardown
    assert_equal "$(ls "$TMPDIR")" "" # the directory for files is gone, whatever happened
}

GAUGED="syscall open write read pipe roundTrip"
gauge() { "$MOAT_BUILD/libexec/moat-gauge" "$@"; }
quick() { moat compare --quick --boundary container "$@"; }
# What runs any program.
available() { moat boundaries --json | jq -r '.[] | select(.available) | .name'; }

# ---- the gauge --------------------------------------------------------------------------------------------------

@test "gauge measure: one line of JSON, each figure with its best and its median" {
    gauge measure --quick --dir "$dir" > out
    assert_equal "$(wc -l < out)" 1
    assert_equal "$(jq -r 'keys_unsorted | join(" ")' out)" "$GAUGED"
    for f in syscall open roundTrip; do jq -e ".$f | .best > 0 and .best <= .median and .batches >= 3" out; done
    for f in write read pipe; do jq -e ".$f | .median > 0 and .best >= .median and .batches >= 1" out; done
    assert_equal "$(find "$dir" -name 'gauge-*')" ""
}
@test "gauge measure: a directory that cannot be written leaves its figures out, and says why" {
    run --separate-stderr gauge measure --quick --dir "$dir/none"
    assert_status 1
    assert_equal "$(jq -r 'keys_unsorted | join(" ")' <<<"$output")" "syscall pipe roundTrip"
    [[ $stderr == *"$dir/none/gauge-"*"No such file or directory" ]]
}
@test "gauge noop and hold" {
    gauge noop
    assert_equal "$(gauge hold < /dev/null)" ready
    run gauge something
    assert_status 2
}

# ---- what is measured -------------------------------------------------------------------------------------------

@test "compare --json: by its schema, with every figure of native and container" {
    quick --runs 3 --json > out
    judge compare.schema.json out
    assert_equal "$(jq -r '[.subjects[].name] | join(" ")' out)" "native container"
    assert_equal "$(jq -r '.rounds, .roundsMade, .quick, (.job | length)' out | xargs)" "3 3 true 0"
    for f in start memory $GAUGED; do
        jq -e "[.subjects[].readings.$f | .n == 3 and .min > 0 and .min <= .median and .median <= .max and (.rounds | length) == 3] | all" out ||
            { echo "figure $f" >&2; return 1; }
    done
    jq -e '.subjects[0].readings.start.ratio == 1 and (.subjects[1].readings.start.ratio > 1)' out
    jq -e '[.subjects[].missing | length == 0] | all' out
}
@test "compare: memory is that of the launcher and the workload together" {
    quick --runs 2 --json > out
    jq -e '.subjects[1].readings.memory.min > .subjects[0].readings.memory.max' out
}
@test "compare: without --boundary, all that this host has" {
    moat compare --quick --runs 1 --json > out 2> err
    # Each is measured, or it is said that it cannot be.
    sed -n "s/.*note: boundary '\(.*\)'\( cannot be compared yet\|: a start of it takes seconds\).*/\1/p" err > not
    assert_equal "$(jq -r '.subjects[].name' out | tail -n +2 | sort - not)" "$(available | sort)"
    jq -e '[.subjects[].name] | contains(["native", "container", "broker"])' out
}
@test "compare -b unikernel: every figure, of programs that are packed first, and no way to the host's kernel" {
    available | grep -qx unikernel || skip "the boundary unikernel is not available"
    moat compare --quick --runs 2 -b unikernel --json > out
    judge compare.schema.json out
    assert_equal "$(jq -r '[.subjects[].name] | join(" ")' out)" "native unikernel"
    jq -e '[.subjects[].missing | length == 0] | all' out
    jq -e '.subjects[1].readings.surface.median == 0 and .subjects[0].readings.surface.median > 0' out
}
@test "compare -b vm: every figure, of programs in a machine, and no way to the host's kernel" {
    available | grep -qx vm || skip "the boundary vm is not available"
    compgen -G '/boot/vmlinuz*' > /dev/null || skip "no kernel in /boot (Debian package linux-image-cloud-amd64)"
    moat compare --quick --runs 1 -b vm --json > out
    judge compare.schema.json out
    assert_equal "$(jq -r '[.subjects[].name] | join(" ")' out)" "native vm"
    jq -e '[.subjects[].missing | length == 0] | all' out
    jq -e '.subjects[1].readings.surface.median == 0 and .subjects[0].readings.surface.median > 0' out
}
@test "compare: the table names subjects and figures, in columns" {
    run quick
    assert_success
    for w in START MEMORY SYSCALL OPEN WRITE READ PIPE "ROUND TRIP" SURFACE "2 rounds" "Linux $(uname -r)"; do assert_contains "$w"; done
    assert_equal "$(grep -cE '^(native|container) ' <<<"$output")" 2
    at=$(grep -bo SYSCALL <<<"$(grep START <<<"$output")" | cut -d: -f1)
    for s in native container; do [[ "$(grep "^$s " <<<"$output" | cut -c$((at + 1))-)" =~ ^[0-9.]+" "[num]?s" " ]]; done
}
@test "compare: the surface, where the probe is built" {
    require_file "$MOAT_BUILD/libexec/moat-probe"
    quick --runs 1 --json > out
    jq -e '.subjects | .[1].readings.surface.median < .[0].readings.surface.median' out
    assert_equal "$(jq '.figures[] | select(.name == "surface").of' out)" 47
}

# ---- the picture ------------------------------------------------------------------------------------------------

@test "compare --svg: well-formed, with every subject and figure, no script and nothing from elsewhere" {
    require_command python3
    quick --svg picture.svg > /dev/null
    python3 - <<'PYTHON'
import re, xml.dom.minidom
text = open("picture.svg").read()
svg = xml.dom.minidom.parseString(text).documentElement
words = ["".join(n.data for n in t.childNodes if n.nodeType == n.TEXT_NODE) for t in svg.getElementsByTagName("text")]
assert svg.tagName == "svg" and svg.getAttribute("width") == "900", svg.tagName
assert words.count("native") == words.count("container") == 9, words
for figure in ("start to exit", "private memory", "system call", "pipe"):
    assert figure in words, (figure, words)
assert not re.search(r"<script|href|url\(|@import|@font-face|\son\w+=", text)
PYTHON
}
@test "compare --svg: the words of a job are text" {
    require_command python3
    quick --svg picture.svg -- busybox sh -c 'true "<&>"' > /dev/null
    assert_equal "$(python3 -c '
import xml.dom.minidom
print(xml.dom.minidom.parse("picture.svg").getElementsByTagName("text")[0].firstChild.data)')" 'sh -c true "<&>"'
}
@test "compare --svg: a place that cannot be written is refused before anything is measured" {
    run quick --svg "$dir/none/picture.svg"
    assert_error 125 "--svg $dir/none/picture.svg" "No such file or directory"
}

# ---- a job ------------------------------------------------------------------------------------------------------

@test "compare -- IMAGE COMMAND: the job is timed, with the status that it has everywhere" {
    quick --json -- busybox sh -c 'exit 3' > out
    judge compare.schema.json out
    assert_equal "$(jq -r '[.subjects[].jobStatus] | join(" ")' out)" "3 3"
    assert_equal "$(jq -r '.job | join("|")' out)" "sh|-c|exit 3"
    jq -e '[.subjects[].readings | has("start") and has("syscall")] | all' out
}
@test "compare -- OPTIONS IMAGE COMMAND: options of run go to the boundary" {
    K=7 quick --json -- -e K=7 --ro "$dir" -w "$dir" busybox sh -c 'exit $K' > out
    assert_equal "$(jq -r '[.subjects[].jobStatus] | join(" ")' out)" "7 7"
}
@test "compare -b broker -- PROGRAM: without an image, since none is needed" {
    moat compare --quick --json -b broker -- sh -c 'exit 3' > out
    assert_equal "$(jq -r '[.subjects[].jobStatus] | join(" ")' out)" "3 3"
    run moat compare --quick -b broker -b container -- true
    assert_error 125 "an image and a command"
}

@test "compare: a job that ends otherwise than natively is reported, and is not shown" {
    run --separate-stderr quick -- busybox sh -c 'echo of the job >&2; exit $(($$ == 1 ? 4 : 0))'
    assert_status 1
    assert_equal "$stderr" "moat compare: container: the job ended with 4, but natively with 0: of the job"
    [[ "$(grep '^container ' <<<"$output" | xargs)" == "container - - "* ]]
    quick --json -- busybox sh -c 'exit $(($$ == 1 ? 4 : 0))' > out 2> err || [ $? = 1 ]
    judge compare.schema.json out
    assert_equal "$(jq -c '.subjects[1] | [.failed != null, (.readings | length)]' out)" "[true,0]"
}
@test "compare: a job whose status changes from round to round is reported" {
    run --separate-stderr quick --runs 3 -- busybox sh -c "[ -e $dir/once ] && exit 1; touch $dir/once"
    assert_status 1
    [[ $stderr == *"native: the job ended with 1, and before with 0"* ]]
}
@test "compare: a boundary that cannot run the job is reported, and the others are shown" {
    run --separate-stderr quick -- "no-such-image-$n" true
    assert_status 1
    [[ $stderr == "moat compare: container: the job ended with 125, but natively with 0: "*"no-such-image-$n"* ]]
    assert_contains "native "
}
@test "compare: a command that this host has not is reported" {
    run --separate-stderr quick -- busybox no-such-program-$n
    assert_status 1
    [[ $stderr == *"native: 'no-such-program-$n' was not found"* ]]
}

# ---- what is refused --------------------------------------------------------------------------------------------

@test "compare --boundary: an unknown one is refused by name" {
    run moat compare --boundary contaner
    assert_error 125 "unknown boundary 'contaner'" "did you mean 'container'"
}
@test "compare --boundary: one that is not in this build is refused by name" {
    name=$(moat boundaries --json | jq -r '[.[] | select(.built | not)][0].name // empty')
    [ -n "$name" ] || skip "this build has all of them"
    run moat compare --boundary "$name"
    assert_error 125 "'$name'" "not in this build"
}
@test "compare: numbers, options and operands that make no sense are refused by name" {
    for c in "--runs 0" "--runs 1001" "--runs x" "--runs -1"; do
        run moat compare $c
        assert_error 125 "$c" "a number from 1 to 1000"
    done
    for o in -d -t -i --rm "--name x" "--boundary container"; do
        run moat compare --quick -- $o busybox true
        assert_error 125 "for the job" "leave it out"
    done
    run moat compare --quick -- busybox
    assert_error 125 "needs an image and a command"
    run moat compare --quick -- --no-such-option busybox true
    assert_error 125 "the job" "--no-such-option"
}

# ---- the end ----------------------------------------------------------------------------------------------------

@test "compare: interrupted, it ends by the signal, an old picture stays, and nothing is left" {
    echo old > picture.svg
    "$MOAT" compare --boundary container --runs 1000 --svg picture.svg > out 2> err 3>&- &
    pid=$!
    helpers+=("$pid")
    working() { [ -n "$(ls "$TMPDIR")" ]; }
    wait_for 10 working
    kill -TERM "$pid"
    code=0
    wait "$pid" || code=$?
    assert_equal "$code" 143
    assert_equal "$(cat out picture.svg)" old
}
@test "compare: interrupted in a job that does not listen, it ends, and nothing is left" {
    "$MOAT" compare --quick --boundary container -- busybox sh -c 'trap "" TERM; echo > /tmp/up; [ $$ = 1 ] && exec sleep 600; true' > out 2> err 3>&- &
    pid=$!
    helpers+=("$pid")
    inside() { pgrep -P "$(pgrep -P "$pid")" -x sleep; }
    wait_for 20 inside
    kill -TERM "$pid"
    code=0
    wait "$pid" || code=$?
    assert_equal "$code" 143
}
