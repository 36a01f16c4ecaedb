#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# libexec/moat-jvm by itself, without walls: it runs a program as `java` does, says what is denied, fills its page.
# Each test runs under every JDK of this machine. What the walls do is tested with `moat run -b jvm`.
load ../lib

MOAT_JVM=$MOAT_BUILD/libexec/moat-jvm

jdks()
{
    local d
    for d in ${MOAT_TEST_JDKS:-/usr/lib/jvm/*}; do
        [ -e "$d/lib/server/libjvm.so" ] && [ -x "$d/bin/java" ] && readlink -f "$d"
    done | LC_ALL=C sort -u
}

version_of() { sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release"; }

setup_file()
{
    [ -n "$(jdks)" ] && command -v javac >/dev/null || return 0
    cd "$BATS_FILE_TMPDIR" || return
    javac --release 17 -d classes "$MOAT_SRC/tests/cli/jvm_engine.java" || return

    # app.jar needs lib/part.jar, by its manifest; a module with a main class and one without
    mkdir -p src/part src/mod/m lib
    echo 'package part; public class Part { public static String text() { return "a part"; } }' > src/part/Part.java
    javac --release 17 -d part src/part/Part.java && jar -cf lib/part.jar -C part . || return
    echo 'public class App { public static void main(String[] a) { System.out.println(part.Part.text() + " " + a.length); } }' > src/App.java
    javac --release 17 -cp part -d app src/App.java || return
    printf 'Main-Class: App\nClass-Path: lib/part.jar\n' > manifest
    jar -cfm app.jar manifest -C app . && jar -cf nothing.jar -C app . || return
    echo 'module mod { }' > src/mod/module-info.java
    echo 'package m; public class M { public static void main(String[] a) { System.out.println(M.class.getModule() + " " + a[0]); } }' > src/mod/m/M.java
    javac --release 17 -d modules/mod src/mod/module-info.java src/mod/m/M.java || return
    mkdir -p mods && jar -cfe mods/mod.jar m.M -C modules/mod .
    mkdir -p data/no && echo text > data/file
}

setup()
{
    require_file "$MOAT_JVM"
    require_command javac default-jdk-headless
    [ -n "$(jdks)" ] || skip "needs a JDK (Debian package openjdk-17-jre-headless)"
    cd "$BATS_FILE_TMPDIR"
    unset JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH
    shown="--rule r:$PWD/classes --rule rx:/usr/lib --rule rx:/lib --rule rx:/lib64 --rule rwc:$PWD/data --rule -:$PWD/data/no"
}

# with_jdks FUNCTION: it finds $jdk and $version.
with_jdks()
{
    for jdk in $(jdks); do
        version=$(version_of "$jdk")
        "$@" || { echo "# with $jdk" >&2; return 1; }
    done
}

# jvm ARG...: moat-jvm with this JDK and the tests' classes.
jvm() { timeout -k 2 60 "$MOAT_JVM" --jdk "$jdk" --option -Djava.class.path=classes --option -Xmx64m "$@"; }
bare() { timeout -k 2 60 "$jdk/bin/java" -Xmx64m "$@"; }

# as_bare "JAVA'S ARGUMENTS" COMMAND...: the command's output, standard error and status are those of java.
as_bare()
{
    local java_arguments
    read -ra java_arguments <<<"$1"
    shift
    bare "${java_arguments[@]}" > bare.out 2> bare.err; local status=$?
    "$@" > ours.out 2> ours.err; local ours=$?
    diff bare.out ours.out >&2 && diff bare.err ours.err >&2 && assert_equal $ours $status
}

# ---- as java does -------------------------------------------------------------------------------------------------

hello()
{
    run jvm --class Hello "a b" "ä€" "" --jar
    assert_success && assert_output "$(printf '%s\n' hello '[a b]' '[ä€]' '[]' '[--jar]')"
}
@test "hello and its arguments, in UTF-8 too" { LC_ALL=C.UTF-8 with_jdks hello; }

properties()
{
    as_bare "-cp classes Properties a b" jvm --class Properties a b
}
@test "system properties, the thread and its stack are those of java" { with_jdks properties; }

exits()
{
    local n
    for n in 0 1 3 255; do
        run jvm --class Exits $n
        assert_status $n || return
    done
}
@test "exit status of System.exit" { with_jdks exits; }

@test "exit status of an uncaught exception is 1, and its stack trace is that of java" {
    throws() { as_bare "-cp classes Throws" jvm --class Throws && [ -s ours.err ]; }
    with_jdks throws
}

@test "other threads go on when main has thrown" {
    goes_on() { run jvm --class Throws more; assert_status 1 && assert_contains "the other thread has ended"; }
    with_jdks goes_on
}

@test "an exception of another thread leaves the status alone" {
    elsewhere() { as_bare "-cp classes ThrowsElsewhere" jvm --class ThrowsElsewhere && grep -q "not in main" ours.err; }
    with_jdks elsewhere
}

@test "daemon threads do not keep the machine up" {
    threads() { run jvm --class Threads; assert_success && assert_output "threads: 8"; }
    with_jdks threads
}

@test "a signal that ends java ends it with the same status" {
    signalled()
    {
        mkfifo in.$version
        jvm --class Waits 0 0 < in.$version > out.$version 8>&- & local pid=$!
        exec 8> in.$version
        wait_for 20 grep -q ready out.$version
        pkill -TERM -P $pid -x moat-jvm || kill -TERM $pid
        wait $pid; local status=$?
        exec 8>&-
        assert_equal $status 143
    }
    with_jdks signalled
}

@test "a jar with the Class-Path of its manifest" {
    jar_runs()
    {
        run timeout 60 "$MOAT_JVM" --jdk "$jdk" --jar app.jar x y
        assert_success && assert_output "a part 2"
    }
    with_jdks jar_runs
}

@test "a jar without a main class fails in the words of java" {
    no_main() { as_bare "-jar nothing.jar" timeout 60 "$MOAT_JVM" --jdk "$jdk" --jar nothing.jar && [ -s ours.err ]; }
    no_jar() { as_bare "-jar none.jar" timeout 60 "$MOAT_JVM" --jdk "$jdk" --jar none.jar && [ -s ours.err ]; }
    with_jdks no_main
    with_jdks no_jar
}

@test "a module, by its name and with a class" {
    module()
    {
        local what
        for what in mod mod/m.M; do
            run timeout 60 "$MOAT_JVM" --jdk "$jdk" --option --module-path=mods --module $what word
            assert_success && assert_output "module mod word" || return
        done
        as_bare "--module-path mods -m none/x.Y" timeout 60 "$MOAT_JVM" --jdk "$jdk" --option --module-path=mods --module none/x.Y
    }
    with_jdks module
}

@test "a missing class and a class without main fail in the words of java" {
    missing()
    {
        as_bare "-cp classes no.Such" jvm --class no.Such && [ -s ours.err ] &&
            as_bare "-cp classes NoMain" jvm --class NoMain && [ -s ours.err ]
    }
    with_jdks missing
}

@test "main methods without arguments and of an object, where the JDK has them" {
    shapes()
    {
        [ "$version" -ge 25 ] || return 0
        local shape
        mkdir -p shapes
        for shape in 'static void main(String[] a)' 'static void main()' 'void main(String[] a)' 'void main()'; do
            echo "class Shape { $shape { System.out.println(\"$shape\"); } }" > shapes/Shape.java
            "$jdk/bin/javac" -d shapes shapes/Shape.java
            run timeout 60 "$MOAT_JVM" --jdk "$jdk" --option -Djava.class.path=shapes --class Shape
            assert_success && assert_output "$shape" || return
        done
    }
    with_jdks shapes
}

@test "an option that the machine does not know is refused in its words" {
    unknown()
    {
        run jvm --option -XX:+NoSuchThing --class Hello
        assert_status 1 && assert_contains "Unrecognized VM option 'NoSuchThing'"
    }
    with_jdks unknown
}

@test "a directory that is no JDK is refused with a remedy" {
    run "$MOAT_JVM" --jdk "$PWD/data" --class Hello
    assert_error 1 "$PWD/data has no lib/server/libjvm.so" "--jdk DIR"
}

# ---- programs -----------------------------------------------------------------------------------------------------

no_exec()
{
    local way
    run jvm --class Starts /usr/bin/id -u # with the guard off
    assert_output "$(id -u)" || return
    for way in POSIX_SPAWN VFORK FORK; do
        run jvm --option -Djdk.lang.Process.launchMechanism=$way --no-exec --class Starts /usr/bin/id -u
        assert_success && assert_line "moat: denied: exec /usr/bin/id: --allow /usr/bin/id:rx would allow it" &&
            assert_line 'java.io.IOException: Cannot run program "/usr/bin/id": error=13, Permission denied' || return
    done
    run jvm --no-exec --class Starts id
    assert_line "moat: denied: exec /usr/bin/id: --allow /usr/bin/id:rx would allow it" || return
    run jvm --no-exec --class Threads
    assert_success && assert_output "threads: 8"
}
@test "--no-exec: a program is refused by name, threads are not" { with_jdks no_exec; }

@test "a program that no rule shows is denied, one that can be run is not" {
    hidden()
    {
        run jvm $shown --class Starts /opt/none/tool
        assert_line "moat: denied: exec /opt/none/tool: --allow /opt/none/tool:rx would allow it" &&
            assert_line 'java.io.IOException: Cannot run program "/opt/none/tool": error=13, Permission denied' || return
        run jvm $shown --class Starts /usr/bin/id -u
        assert_output "$(id -u)"
    }
    with_jdks hidden
}

# ---- denials ------------------------------------------------------------------------------------------------------

files()
{
    run jvm $shown --class Does stream /opt/none/x "$PWD/data/no/x" "$PWD/data/nothing" "$PWD/data/file"
    assert_success && assert_output "moat: denied: open for reading /opt/none/x: --ro /opt/none/x would allow it
java.io.FileNotFoundException: /opt/none/x (Permission denied)
moat: denied: open for reading $PWD/data/no/x: --deny $PWD/data/no forbids it
java.io.FileNotFoundException: $PWD/data/no/x (Permission denied)
java.io.FileNotFoundException: $PWD/data/nothing (No such file or directory)
done" || return
    run jvm $shown --class Does read /opt/none/x data/nothing
    assert_output "moat: denied: open for reading /opt/none/x: --ro /opt/none/x would allow it
java.nio.file.AccessDeniedException: /opt/none/x
java.nio.file.NoSuchFileException: data/nothing" || return
    run jvm $shown --class Does create /opt/none/x data/made
    assert_output "moat: denied: create /opt/none/x: --rw /opt/none would allow it
java.io.FileNotFoundException: /opt/none/x (Permission denied)
done" || return
    run jvm $shown --class Does mkdir /opt/none/x
    assert_output "moat: denied: make the directory /opt/none/x: --rw /opt/none would allow it
java.nio.file.AccessDeniedException: /opt/none/x" || return
    run jvm $shown --class Does list /opt/none/x
    assert_line "java.nio.file.AccessDeniedException: /opt/none/x" && assert_contains "/opt/none/x: --ro /opt/none/x"
}
@test "a file that is denied: the exception and the flag that would allow it" { with_jdks files; }

@test "a path is told once, and at most 64 are" {
    once()
    {
        run jvm $shown --class Does stream /opt/none/x /opt/none/x /opt/none/../none/x
        assert_equal "$(grep -c '^moat: denied' <<<"$output")" 1 || return
        run jvm $shown --class Does stream /opt/none/{1..80}
        assert_equal "$(grep -c '^moat: denied: open' <<<"$output")" 64 &&
            assert_equal "$(grep -c '^moat: denied: more, which is not told' <<<"$output")" 1 &&
            assert_equal "$(grep -c 'Permission denied' <<<"$output")" 80
    }
    with_jdks once
}

@test "what merely looks is told with --deny-log=all alone, and nothing with none" {
    looks()
    {
        run jvm $shown --class Does exists /opt/none/x
        assert_output "java.nio.file.NoSuchFileException: /opt/none/x" || return
        run jvm $shown --deny-log=all --class Does exists /opt/none/x
        assert_line "moat: denied: look at /opt/none/x: --ro /opt/none/x would allow it" || return
        run jvm $shown --deny-log=none --class Does stream /opt/none/x
        assert_output "java.io.FileNotFoundException: /opt/none/x (Permission denied)"
    }
    with_jdks looks
}

@test "without rules nothing is told, and errors are as they are" {
    silent() { run jvm --class Does stream /opt/none/x; assert_output "java.io.FileNotFoundException: /opt/none/x (No such file or directory)"; }
    with_jdks silent
}

@test "a whole start and end is silent under the rules that it has" {
    quiet() { run jvm $shown --deny-log=all --class Hello; assert_output "hello"; }
    with_jdks quiet
}

@test "a jar that a manifest names and no rule shows is told once, one that the command line names is not" {
    mkdir -p alone
    cp app.jar alone/
    local rules="--rule rx:/usr/lib --rule r:$PWD/alone/app.jar"
    unshown()
    {
        run timeout 60 "$MOAT_JVM" --jdk "$jdk" $rules --jar alone/app.jar
        assert_status 1 && assert_contains NoClassDefFoundError &&
            assert_equal "$(grep -c '^moat: denied' <<<"$output")" 1 &&
            assert_line "moat: denied: class path $PWD/alone/lib/part.jar: --ro $PWD/alone/lib/part.jar would allow it" || return
        run timeout 60 "$MOAT_JVM" --jdk "$jdk" $rules --deny-log=none --jar alone/app.jar
        assert_status 1 && refute_contains "moat: denied" || return
        run timeout 60 "$MOAT_JVM" --jdk "$jdk" $rules --option -Djava.class.path=alone/app.jar:alone/lib/part.jar --class App
        assert_status 1 && assert_contains NoClassDefFoundError && refute_contains "moat: denied"
    }
    with_jdks unshown
}

@test "a native library that is not shown is denied by name" {
    library()
    {
        run jvm $shown --class Does load /opt/none/libx.so
        assert_line "moat: denied: native library /opt/none/libx.so: --allow /opt/none/libx.so:rx would allow it" &&
            assert_line "java.lang.UnsatisfiedLinkError: Can't load library: /opt/none/libx.so" || return
        run jvm $shown --class Does load /usr/lib/libnone.so
        refute_contains "moat: denied" && assert_contains UnsatisfiedLinkError
    }
    with_jdks library
}

@test "a native library without execution is denied by name" {
    require_root
    mapped()
    {
        local so
        so=$(readlink -f "$jdk/lib/libextnet.so")
        run jvm --rule "rx:$PWD/x" --class Does load "$so" # with the guard off
        assert_line "done" || return
        run unshare -m sh -c 'mkdir -p x && mount -t tmpfs -o noexec none x && cp "$1" x/liby.so && shift && exec "$@"' sh \
            "$so" timeout 60 "$MOAT_JVM" --jdk "$jdk" --option -Djava.class.path=classes --rule "r:$PWD/x" --class Does load "$PWD/x/liby.so"
        assert_line "moat: denied: native library $PWD/x/liby.so: $PWD/x is given r alone: --allow $PWD/x/liby.so:rx would allow it" &&
            assert_contains "java.lang.UnsatisfiedLinkError: $PWD/x/liby.so" || return
        cp "$so" unread.so
        run jvm --rule "x:$PWD/unread.so" --class Does load "$PWD/unread.so"
        assert_line "moat: denied: native library $PWD/unread.so: $PWD/unread.so is given x alone: --allow $PWD/unread.so:rx would allow it"
    }
    with_jdks mapped
}

@test "a destination without network is denied by address and port" {
    require_root
    offline()
    {
        local way
        for way in connect channel; do
            run unshare -n timeout 60 "$MOAT_JVM" --jdk "$jdk" --option -Djava.class.path=classes $shown --class Does $way 192.0.2.1
            assert_line "moat: denied: connect to 192.0.2.1:443/tcp: no rule allows it: --allow-net 192.0.2.1:443 would allow it" &&
                assert_line "java.net.SocketException: Network is unreachable" || return
        done
        run unshare -n timeout 60 "$MOAT_JVM" --jdk "$jdk" --option -Djava.class.path=classes $shown --net example.org:443 --class Does connect 192.0.2.1
        refute_contains "moat: denied"
    }
    with_jdks offline
}

@test "a name that cannot be looked up is denied by name" {
    require_root
    names()
    {
        run unshare -n timeout 60 "$MOAT_JVM" --jdk "$jdk" --option -Djava.class.path=classes $shown --class Does look-up example.org localhost
        assert_line "moat: denied: look up the name example.org: no rule names it: --allow-net example.org:* would allow it" &&
            assert_contains "java.net.UnknownHostException: example.org" && assert_line "done"
    }
    with_jdks names
}

# ---- the meter ----------------------------------------------------------------------------------------------------

# metered OPTIONS... -- ARG...: moat-jvm with a page (jvm_meter.py).
metered()
{
    local options=()
    while [ "$1" != -- ]; do options+=("$1"); shift; done
    shift
    timeout -k 2 100 python3 "$MOAT_SRC/tests/cli/jvm_meter.py" "${options[@]}" "$MOAT_JVM" --jdk "$jdk" \
        --option -Djava.class.path=classes --option -Xmx64m "$@"
}
value() { sed -n "s/^$1 //p" <<<"$output"; }

@test "the meter answers with what the program uses" {
    require_command python3
    answers()
    {
        run metered --ask 2 -- --class Waits 20 0 1
        assert_line "1.magic moatjvm1" && assert_line "1.answered 1" && assert_line "2.answered 2" &&
            assert_line "1.state running" && assert_line "descriptor closed" && assert_line "end.state ended" &&
            assert_line "end.end_reason none" && assert_line "status 0" || return
        [ "$(value 1.heap_used)" -gt $((20 << 20)) ] && [ "$(value 1.heap_used)" -le "$(value 1.heap_committed)" ] &&
            [ "$(value 1.heap_committed)" -le "$(value 1.heap_max)" ] && [ "$(value 1.heap_max)" -le $((64 << 20)) ] &&
            [ "$(value 1.classes)" -gt 300 ] && [ "$(value 1.threads)" -ge 3 ] && [ "$(value 1.collections)" -ge 1 ] &&
            [ "$(value 1.collection_ns)" -gt 0 ] || report_run "figures"
        run metered --ask 1 -- --class Waits 0 5
        assert_line "status 5" && assert_line "end.state ended" # by System.exit
    }
    with_jdks answers
}

@test "a limit that is run into and borne is named to who has asked before" {
    require_command python3
    borne()
    {
        run metered --ask 2 -- --class Waits 0 0 10000
        assert_line "1.exhausted none" && assert_line "2.exhausted heap" && assert_line "end.end_reason none" &&
            assert_line "status 0" && refute_contains "Posting Resource"
    }
    with_jdks borne
}

@test "the program does not see that it is metered" {
    require_command python3
    unseen() { run metered -- --class Properties; assert_line "null" && refute_contains MOAT_HANDED_FD; }
    with_jdks unseen
}

@test "a page that is too small is refused" {
    require_command python3
    small() { run metered --size 100 -- --class Hello; assert_line "status 1" && assert_contains "a file of 4096 bytes or more is expected" && refute_contains hello; }
    with_jdks small
}

@test "classes are listed when the machine goes down, as a class list may hold them" {
    require_command python3
    listed()
    {
        run metered --list 200000 --ask 1 -- --list-classes --class Waits 0 3
        assert_line "class java/lang/Object" && assert_line "class +Waits" && assert_line "end.list_cut 0" &&
            assert_line "status 3" && refute_match $'\nclass [^\n]*([.;]|\\[|Lambda/)' || return
        run metered --list 500 --ask 1 -- --list-classes --class Waits 0 0
        assert_line "end.list_cut 1" && assert_line "status 0" || return
        run metered --list 200000 -- --class Hello
        assert_line "end.list_length 0"
    }
    with_jdks listed
}

@test "what a program ends by is named: heap, metaspace, direct memory" {
    require_command python3
    ends()
    {
        local case what reason
        for case in heap:heap init:heap direct:direct-memory classes:metaspace; do
            what=${case%:*} reason=${case#*:}
            run metered -- --option -XX:MaxMetaspaceSize=16m --class Exhausts $what
            assert_line "end.end_reason $reason" && assert_line "status 1" && refute_contains "Posting Resource" || return
        done
        run metered -- --option -XX:+ExitOnOutOfMemoryError --class Exhausts heap
        assert_line "end.end_reason heap" && assert_line "status 3" &&
            assert_contains "Terminating due to java.lang.OutOfMemoryError: Java heap space"
    }
    with_jdks ends
}

@test "a limit that is caught, or an error of the program's own, is no reason" {
    require_command python3
    caught()
    {
        run metered -- --class Exhausts caught
        assert_line "goes on" && assert_line "end.end_reason none" && assert_line "status 0" || return
        run metered -- --class Exhausts own
        assert_line "end.end_reason none" && assert_line "status 1"
    }
    with_jdks caught
}
