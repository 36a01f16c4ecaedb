#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Programs that others wrote, under bare java and behind -b jvm: what they print, their exit status and the files that
# they make are the same. Their input is in tests/java/programs. MOAT_TEST_JDK: of another JDK than javac's.
bats_require_minimum_version 1.5.0
load run
load java

JARS=/usr/share/java

setup_file()
{
    java_place
    cp "$MOAT_SRC"/tests/java/programs/* "$WORK/"
    "$JDK/bin/javac" -d "$WORK/classes" "$MOAT_SRC/tests/java/Hello.java" "$WORK"/{Server,Picture,Threads}.java
}

teardown_file()
{
    java_gone
}

setup()
{
    run_setup
    cd "$WORK" || return
    shown=()
    input=/dev/null
}

teardown()
{
    cd /
    run_teardown
}

# attempt NAME COMMAND...: what it prints, its status and what it puts into out/ become the directory NAME.
attempt()
{
    local to=$dir/$1 status=0
    shift
    rm -rf out db "$to"
    mkdir out db "$to"
    timeout -k 5 120 "$@" < "$input" > "$to/stdout" 2> "$to/stderr" || status=$?
    echo $status > "$to/status"
    mv out db "$to/"
}

# same CLASS-PATH CLASS [ARGUMENT...]: `shown` are moat's options, `input` is standard input. Twice behind the boundary:
# the first run of a large program leaves an archive of its classes, and the second starts from it.
same()
{
    local path=$1 class=$2 run
    shift 2
    attempt bare "$JDK/bin/java" -cp "$path" "$class" "$@"
    for run in first second; do
        attempt ours "$MOAT" run -b jvm --jdk "$JDK" --rw out --rw db "${shown[@]}" --class-path "$path" --main-class "$class" -- "$@"
        diff -r -x db "$dir/bare" "$dir/ours" >&2 || { echo "the $run run differs"; return 1; } >&2
    done
}

# What the program printed and ended with, so that two failures alike are none the less failures.
# printed STATUS [TEXT]
printed()
{
    [ "$(cat "$dir/ours/status")" = "$1" ] && { [ -z "${2-}" ] || grep -qF -- "$2" "$dir/ours/stdout"; } && return
    echo "expected status $1 and the text: ${2-}, got status $(cat "$dir/ours/status")" >&2
    tail -n 20 "$dir"/ours/std* >&2
    return 1
}

# require_jar NAME PACKAGE
require_jar() { [ -e "$JARS/$1.jar" ] || skip "needs $JARS/$1.jar (Debian package $2)"; }

# ---- those of the first engine's bar ---------------------------------------------------------------------------------

@test "Hello" {
    same classes Hello a 'b c' ''
    printed 0 'arguments a|b c|'
}

@test "ecj compiles a file" {
    require_jar eclipse-jdt-core ecj
    shown=(--ro Small.java)
    same "$JARS/eclipse-jdt-core.jar" org.eclipse.jdt.internal.compiler.batch.Main -17 -proc:none -d out Small.java
    printed 0
    grep -q 'raw type' "$dir/ours/stderr"
    run "$JDK/bin/java" -cp "$dir/ours/out" small.Small bb a
    assert_line "1,2"
    same "$JARS/eclipse-jdt-core.jar" org.eclipse.jdt.internal.compiler.batch.Main -17 -proc:none -d out Missing.java
    printed 255
}

@test "clojure runs a script" {
    require_jar clojure clojure
    require_jar spec.alpha libspec-alpha-clojure
    printf 'to be or not to be' > text
    shown=(--ro words.clj)
    input=text
    same "$JARS/clojure.jar:$JARS/spec.alpha.jar:$JARS/core.specs.alpha.jar" clojure.main words.clj x y
    printed 3 '285 x-y'
    grep -q ':big 8841761993739701954543616000000N' "$dir/ours/out/answer.edn"
}

@test "antlr4 makes a parser" {
    require_jar antlr4 antlr4
    shown=(--ro Expression.g4)
    local jars=$JARS/antlr4.jar:$JARS/antlr4-runtime.jar:$JARS/antlr3-runtime.jar:$JARS/stringtemplate4.jar:$JARS/treelayout.jar
    same "$jars" org.antlr.v4.Tool -visitor -o out Expression.g4
    printed 0
    "$JDK/bin/javac" -cp "$JARS/antlr4-runtime.jar" -d "$dir/parser" "$dir"/ours/out/*.java
}

@test "H2 runs a script on a database in a file, which bare java opens, and the other way round" {
    require_jar h2 libh2-java
    shown=(--ro tables.sql)
    same "$JARS/h2.jar" org.h2.tools.RunScript -url 'jdbc:h2:./db/towns' -user sa -script tables.sql -showResults
    printed 0 '--> Ulm 1'
    grep -q '"3","Ulm","478.5"' "$dir/ours/out/towns.csv"
    local sum="select sum(height) s from town"
    mkdir -p db && cp "$dir"/ours/db/* db/
    run "$JDK/bin/java" -cp "$JARS/h2.jar" org.h2.tools.Shell -url 'jdbc:h2:./db/towns' -user sa -sql "$sum"
    assert_contains 747.5
    cp "$dir"/bare/db/* db/
    run "$MOAT" run -b jvm --jdk "$JDK" --rw db --class-path "$JARS/h2.jar" --main-class org.h2.tools.Shell -- \
        -url 'jdbc:h2:./db/towns' -user sa -sql "$sum"
    assert_contains 747.5
}

@test "a server of the JDK answers the program's own clients" {
    same classes Server
    printed 7 '200 HTTP_1_1 POST /post 300000'
}

# ---- others ------------------------------------------------------------------------------------------------------------

@test "a program is compiled, packed and run by the JDK's own tools, each behind the boundary" {
    mkdir -p built
    run "$MOAT" run -b jvm --jdk "$JDK" --ro Small.java --rw built --module jdk.compiler/com.sun.tools.javac.Main -- \
        -Xlint:all -d built Small.java
    assert_success
    assert_contains "[rawtypes]"
    assert_output "$("$JDK/bin/javac" -Xlint:all -d bare-built Small.java 2>&1)"
    diff -r bare-built built
    run "$MOAT" run -b jvm --jdk "$JDK" --rw built --module jdk.jartool/sun.tools.jar.Main -- \
        --create --file built/small.jar --main-class small.Small -C built small
    assert_success
    run "$MOAT" run -b jvm --jdk "$JDK" built/small.jar bb a
    assert_success
    assert_output "$("$JDK/bin/java" -jar built/small.jar bb a)"
    assert_line "1,2"
}

@test "jshell evaluates in its own process; the process that it would rather start is denied by name" {
    printf 'int twice(int x) { return 2 * x; }\nSystem.out.println(twice(21))\n/exit 3\n' > twice.jsh
    local shell=(--module jdk.jshell/jdk.internal.jshell.tool.JShellToolProvider)
    run --separate-stderr "$MOAT" run -b jvm --jdk "$JDK" --ro twice.jsh "${shell[@]}" -- -s --execution local twice.jsh
    assert_status 3
    assert_output 42
    run "$MOAT" run -b jvm --jdk "$JDK" --ro twice.jsh "${shell[@]}" -- -s twice.jsh
    assert_failure
    assert_contains "moat: denied: exec $JDK/bin/java"
}

@test "pictures are drawn, written and read without a display" {
    [ -e "$JDK/lib/libawt_headless.so" ] || skip "this JDK has no libawt_headless.so (Debian package openjdk-17-jre-headless)"
    same classes Picture out
    printed 0 'png true'
}

@test "pools, futures, parallel streams and hand-over, on one processor too" {
    same classes Threads
    printed 0 '1499998500000'
    shown=(--cpus 1 -m 128m)
    same classes Threads
}
