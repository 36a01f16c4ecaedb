#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Java programs that use up a resource, or will not end (tests/escape/java/Bombs.java), behind `moat run -b jvm`: each ends
# with the reason that the limit has, and the host is as before. Never under bare java.
bats_require_minimum_version 1.5.0
load java

setup_file()
{
    has_jvm || return 0
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data MOAT_CACHE_DIR=$BATS_FILE_TMPDIR/cache
    export WORK
    WORK=$(mktemp -d /var/tmp/moat-java-XXXXXX) && chmod 755 "$WORK" && mkdir "$WORK/classes"
    compile_probes "$WORK/classes"
}

teardown_file() { [ -z "${WORK-}" ] || rm -rf "$WORK"; }

setup()
{
    require_jvm
    require_cgroup memory
    names=()
    cd "$WORK" || return
    sleep 300 3>&- &
    beside=$!
}

teardown()
{
    kill "$beside" 2>/dev/null || true
    wait "$beside" 2>/dev/null || true
    [ ${#names[@]} = 0 ] || "$MOAT" rm -f "${names[@]}" > /dev/null 2>&1 || true
}

# begin NAME BOMB [OPTION...]
begin()
{
    local name=$1 bomb=$2
    shift 2
    names+=("$name")
    "$MOAT" run -d --name "$name" -b jvm --jdk "$MAIN_JDK" "$@" --class-path "$WORK/classes" --main-class Bombs "$bomb" > /dev/null 3>&-
}

how() { "$MOAT" inspect -f '{{.State.Status}} {{.State.ExitCode}} {{.State.ExitReason}}' "$1"; }

# The lines on standard input, "BOMB | HOW IT ENDS | OPTIONS", all at once.
all_end()
{
    local bomb want options got wrong=0 rows
    mapfile -t rows
    for row in "${rows[@]}"; do
        IFS='|' read -r bomb want options <<< "$row"
        # shellcheck disable=SC2086
        begin "${bomb// /}" ${bomb// /} $options
    done
    for row in "${rows[@]}"; do
        IFS='|' read -r bomb want options <<< "$row"
        bomb=${bomb// /}
        timeout 60 "$MOAT" wait "$bomb" > /dev/null || true
        got=$(how "$bomb")
        # It got so far that it could do something.
        "$MOAT" logs "$bomb" 2>&1 | grep -qx begun || { echo "$bomb has not begun" >&2; wrong=1; }
        read -r want <<< "$want"
        [ "$got" = "exited $want" ] || { echo "$bomb ended with: $got; expected: exited $want" >&2; "$MOAT" logs "$bomb" 2>&1 | head -5 >&2; wrong=1; }
    done
    [ $wrong = 0 ] && unharmed
}

unharmed()
{
    kill -0 "$beside"
    [ -z "$("$MOAT" ps -q)" ] || { "$MOAT" ps >&2; return 1; }
    local left
    left=$(find /tmp /var/tmp "$WORK" -maxdepth 1 \( -name 'fill-*' -o -name 'hs_err*' -o -name 'core*' \) -newer "$WORK/classes/Bombs.class")
    [ -z "$left" ] || { echo "left outside: $left" >&2; return 1; }
}

@test "what is used up is named as the reason" {
    all_end <<END
heap        | 1 java-heap     | -m 256m
zip         | 1 java-heap     | -m 256m
finalizers  | 1 java-heap     | -m 256m
direct      | 1 direct-memory | -m 256m
classes     | 1 metaspace     | -m 256m
threads     | 1 pids-limit    | --pids-limit 60
unsafe      | 137 oom         | -m 256m
files       | 137 oom         | -m 256m
END
}

@test "an array that is too large, deep recursion and open files end the program alone" {
    all_end <<END
array       | 1 exited | -m 256m
recursion   | 1 exited | -m 256m
descriptors | 1 exited | -m 256m
END
}

@test "what catches everything, listens to nothing or never comes to its end is ended" {
    all_end <<END
swallow      | 124 timeout | --timeout 1s --stop-timeout 1
heap-caught  | 124 timeout | --timeout 1s --stop-timeout 1 -m 256m
deserialise  | 124 timeout | --timeout 1s --stop-timeout 1
hook         | 124 timeout | --timeout 1s --stop-timeout 1
deaf         | 124 timeout | --timeout 1s --stop-timeout 1
threads-kept | 124 timeout | --timeout 1s --stop-timeout 1 --pids-limit 60
END
}

@test "processor time has a limit, with one thread and with many" {
    all_end <<END
burn | 137 cpu-limit | --ulimit cpu=1
END
    "$MOAT" rm burn > /dev/null
    all_end <<END
swallow | 152 cpu-limit | --ulimit cpu=1:9
END
}

@test "halt, a crash of the JVM and a signal to itself end it, beside threads that swallow everything" {
    all_end <<END
halt  | 7 exited   | -m 256m
END
    local bomb
    for bomb in crash:134 kill:137; do
        begin "${bomb%:*}" "${bomb%:*}"
        timeout 30 "$MOAT" wait "${bomb%:*}" > /dev/null
        assert_equal "$("$MOAT" inspect -f '{{.State.ExitCode}}' "${bomb%:*}")" "${bomb#*:}"
    done
    unharmed
}

@test "a jar whose manifest is larger than the heap ends by itself" {
    "$MAIN_JDK/bin/java" -cp classes Bombs manifest large.jar
    run timeout 60 "$MOAT" run --rm -b jvm --jdk "$MAIN_JDK" -m 256m large.jar heap
    assert_status 1
    refute_contains begun
    unharmed
}

@test "stop ends what listens to nothing" {
    begin deaf deaf
    wait_for 10 eval '"$MOAT" logs deaf | grep -qx begun'
    timeout 30 "$MOAT" stop -t 1 deaf
    assert_equal "$(how deaf)" "exited 137 stopped"
    unharmed
}

# What the JVM measures stands in memory that the program may write.
@test "nonsense in every page that is shared leaves stats, inspect and the end as they are" {
    begin scribble scribble
    wait_for 10 eval '"$MOAT" logs scribble | grep -q "^shared: [1-9]"'
    local i
    for i in 1 2 3; do
        run timeout 10 "$MOAT" stats --no-stream --format json scribble
        assert_success
        assert_equal "$(jq -r .Name <<< "$output")" scribble
        run timeout 10 "$MOAT" inspect scribble
        assert_success
        jq -e . <<< "$output" > /dev/null
        run timeout 10 "$MOAT" ps --format json
        assert_success
    done
    timeout 30 "$MOAT" stop -t 1 scribble
    assert_contains scribble
    [[ $(how scribble) =~ ^exited\ (137|143)\ stopped$ ]]
    unharmed
}
