#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# moat run -b jvm: Java programs of tests/java on a JDK of the host. What moat-jvm does by itself is in the unit tests.
bats_require_minimum_version 1.5.0
load run
load java

setup_file()
{
    java_place
    # Whatever JDK this is: some tests run on the one that they find.
    "$JDK/bin/javac" --release 17 -d "$WORK/classes" "$MOAT_SRC"/tests/java/*.java
    "$JDK/bin/javac" -d "$WORK/modules/moat.test" "$MOAT_SRC"/tests/java/module/module-info.java "$MOAT_SRC"/tests/java/module/moat/test/Main.java
    printf 'Main-Class: Hello\n' > "$WORK/hello.mf"
    printf 'Main-Class: Act\nPremain-Class: Agent\n' > "$WORK/act.mf"
    mkdir "$WORK/lib"
    "$JDK/bin/jar" cfm "$WORK/hello.jar" "$WORK/hello.mf" -C "$WORK/classes" Hello.class
    "$JDK/bin/jar" cfm "$WORK/lib/act.jar" "$WORK/act.mf" -C "$WORK/classes" Act.class -C "$WORK/classes" Agent.class
}

teardown_file()
{
    java_gone
}

setup()
{
    run_setup
    cd "$WORK" || return
}

teardown()
{
    cd /
    run_teardown
}

jvm() { run "$MOAT" run -b jvm --jdk "$JDK" "$@"; }
class() { jvm --class-path classes --main-class "$@"; }
act() { class Act "$@"; }

# kept NAME OPTION... : started in the background, with a teardown that clears it whatever happens
kept() { run "$MOAT" run -d --name "$1" -b jvm --jdk "$JDK" --class-path classes "${@:2}"; assert_status 0; }

# ---- the program --------------------------------------------------------------------------------------------------

@test "a jar, a class and a module see what the bare java shows them" {
    local bare
    bare=$(cd "$WORK" && "$JDK/bin/java" -Dmoat.test=1 -ea -jar hello.jar a 'b c')
    jvm -D moat.test=1 --java-option -ea hello.jar a 'b c'
    assert_status 0
    assert_output "$bare"
    bare=$("$JDK/bin/java" -Dmoat.test=2 -cp classes:lib/act.jar Hello)
    jvm -Dmoat.test=2 --class-path classes:lib/act.jar --main-class Hello
    assert_status 0
    assert_output "$bare"
    jvm --module-path modules --module moat.test/moat.test.Main x y
    assert_status 0
    assert_output "module moat.test x|y"
}

@test "a jar is known by its looks, a class by its option, without -b" {
    run "$MOAT" run hello.jar z
    assert_status 0
    assert_line "arguments z"
    run "$MOAT" run --main-class Hello --class-path classes
    assert_status 0
    run "$MOAT" run --type java hello.jar
    assert_status 0
}

@test "a jar has its archive at the end too; a file of that name without one is no image" {
    { printf '#!/bin/sh\nexit\n'; cat hello.jar; } > looks.jar
    run "$MOAT" run looks.jar z
    assert_status 0
    assert_line "arguments z"
    cp classes/Hello.class looks.jar
    run "$MOAT" run --pull never looks.jar
    assert_error 125 "looks.jar is no jar (no zip archive)"
    run "$MOAT" run --pull never -b container looks.jar
    assert_status 125
    refute_match zip
    rm looks.jar
    run "$MOAT" run --pull never looks.jar
    assert_status 125
    refute_match zip
}

@test "streams and exit statuses are those of java" {
    run --separate-stderr sh -c 'echo in | "$0" run -b jvm --jdk "$1" --class-path classes --main-class Act stdin' "$MOAT" "$JDK"
    assert_status 0
    assert_output in
    act exit 42
    assert_status 42
    run --separate-stderr "$MOAT" run -b jvm --jdk "$JDK" --class-path classes --main-class Act throw boo
    assert_status 1
    assert_output ""
    [[ $stderr == *'Exception in thread "main" java.lang.IllegalStateException: boo'* ]]
    class NotThere
    assert_status 1
    assert_match "Could not find or load main class NotThere"
}

@test "127 and 126: no such jar, no file" {
    run -127 "$MOAT" run -b jvm --jdk "$JDK" nothing.jar
    assert_error 127 nothing.jar
    jvm classes
    assert_error 126 classes --main-class
    jvm --deny hello.jar hello.jar
    assert_error 126 hello.jar denies
}

@test "a star in a class path stands for the jars of its directory" {
    cp hello.jar lib/
    jvm --class-path 'lib/*' --main-class Hello
    assert_status 0
    assert_line "java.class.path lib/act.jar:lib/hello.jar"
    cd lib
    jvm --class-path '*' --main-class Act exit 3
    assert_status 3
    rm hello.jar
}

@test "names are the caller's, wherever they lead from, and links are followed" {
    mkdir -p deep/er
    ln -sf ../../hello.jar deep/er/link.jar
    cd deep/er
    jvm ../../hello.jar
    assert_status 0
    assert_line "java.class.path ../../hello.jar"
    jvm link.jar
    assert_status 0
    jvm -w / link.jar
    assert_line "java.class.path $WORK/deep/er/link.jar"
    jvm ../er/link.jar
    assert_status 0
    rm -r "$WORK/deep"
}

@test "a link in a directory that a rule shows leads to what is shown for it" {
    mkdir -p linked elsewhere
    cp hello.jar elsewhere/far.jar
    ln -s ../elsewhere/far.jar linked/near.jar
    ln -s linked/near.jar chain.jar
    ln -s "$PWD/classes" linked/classes
    local path
    for path in linked/near.jar linked/classes "$PWD/linked/near.jar"; do
        jvm --ro linked --class-path "$path" --main-class Hello
        assert_status 0
        assert_line "java.class.path $path"
    done
    jvm --ro linked linked/near.jar
    assert_status 0
    jvm --ro . chain.jar
    assert_status 0
    jvm --class-path 'linked/*' --main-class Hello
    assert_status 0
    jvm --ro linked --class-path linked/near.jar:classes --main-class Act write elsewhere/far.jar
    assert_status 1
    jvm --ro linked --deny elsewhere linked/near.jar
    assert_error 126 near.jar denies elsewhere
    rm -r linked elsewhere chain.jar
}

@test "no link that the program may have put there shows what no rule does" {
    mkdir -p linked elsewhere
    cp hello.jar elsewhere/far.jar
    echo secret > elsewhere/text
    ln -s ../elsewhere/far.jar linked/near.jar
    jvm --rw linked linked/near.jar
    assert_error 126 linked/near.jar "may write" "--ro $PWD/elsewhere/far.jar"
    jvm --rw linked --class-path 'linked/*' --main-class Hello
    assert_error 125 "--ro $PWD/elsewhere/far.jar"
    jvm --rw linked --ro elsewhere linked/near.jar
    assert_status 0
    # A star's names are nobody's words: they lead to jars, and to nothing else.
    ln -sf "$PWD/elsewhere/text" linked/other.jar
    ln -sf text elsewhere/another.jar
    ln -sf "$PWD/elsewhere/another.jar" linked/
    local path
    for path in text another.jar; do
        jvm --class-path 'linked/*:classes' --main-class Act exists "$PWD/elsewhere/$path"
        assert_output false
    done
    rm -r linked elsewhere
}

@test "an agent in Java, once its jar is shown" {
    jvm --java-option -javaagent:lib/act.jar=x hello.jar
    assert_error 125 -javaagent "--ro lib/act.jar"
    jvm --ro lib/act.jar --java-option -javaagent:lib/act.jar=x hello.jar
    assert_status 0
    assert_line "agent x true"
}

# ---- the JDK ------------------------------------------------------------------------------------------------------

@test "the JDK is the one that is named, or found" {
    jvm hello.jar
    assert_line "java.home $JDK"
    run env JAVA_HOME="$JDK" PATH=/usr/bin:/bin "$MOAT" run -b jvm hello.jar
    assert_line "java.home $JDK"
    run env PATH="$JDK/bin:/usr/bin:/bin" "$MOAT" run -b jvm hello.jar
    assert_line "java.home $JDK"
    run "$MOAT" run -b jvm --jdk /usr hello.jar
    assert_error 125 "--jdk /usr" libjvm.so
    ln -sfn "$JDK" jdk
    run "$MOAT" run -b jvm --jdk jdk hello.jar
    assert_line "java.home $JDK"
    rm jdk
}

@test "a \$JAVA_HOME that is no JDK is said, and another is taken" {
    run --separate-stderr env JAVA_HOME="$WORK/lib" PATH="$JDK/bin:/usr/bin:/bin" "$MOAT" run -b jvm hello.jar
    assert_status 0
    assert_line "java.home $JDK"
    [[ $stderr == *"warning: \$JAVA_HOME $WORK/lib is no JDK"*"$JDK is taken"* ]]
    run --separate-stderr env JAVA_HOME="$WORK/lib" "$MOAT" run -b jvm --jdk "$JDK" hello.jar
    assert_status 0
    [[ $stderr != *JAVA_HOME* ]]
}

@test "each JDK that is installed runs a program" {
    local jdk
    for jdk in /usr/lib/jvm/*; do
        [ -e "$jdk/lib/server/libjvm.so" ] && [ ! -L "$jdk" ] || continue
        run "$MOAT" run -b jvm --jdk "$jdk" --class-path classes --main-class Act exit 5
        assert_status 5
    done
}

# ---- what is there ------------------------------------------------------------------------------------------------

@test "no program, no secret and no other file of the host is there" {
    local path
    for path in /usr/bin /bin/sh /root /home /etc/shadow /etc/passwd- /var/run /sys /boot /dev/mem "$WORK/lib"; do
        act exists "$path"
        assert_line false
    done
    act list "$WORK"
    assert_output classes
}

@test "the environment is small and names nothing of the caller's" {
    MOAT_TEST_SECRET=1 JAVA_TOOL_OPTIONS=-Xint MOAT_HANDED_FD=9 run "$MOAT" run -b jvm --jdk "$JDK" -e GIVEN=2 -e MOAT_HANDED_FD=5 --class-path classes --main-class Act environment
    assert_status 0
    refute_match 'SECRET|TOOL_OPTIONS|METER|Picked up'
    assert_line GIVEN=2
    assert_line HOME=/tmp
}

@test "no descriptor is open but the streams and the JDK's own files" {
    act descriptors < /dev/null
    assert_status 0
    [ -z "$(grep -vE "^[012] |^[0-9]+ ($JDK/|$WORK/|/proc/)" <<< "$output")" ] || report_run "other descriptors"
}

@test "what is granted may be read, or written, and nothing of it executed" {
    mkdir -p data
    echo text > data/file
    cp "$(type -P true)" data/program
    act read "$PWD/data/file"
    assert_status 1
    assert_match "java.nio.file.AccessDeniedException: $PWD/data/file"
    assert_match "moat: denied: .*$PWD/data/file: --ro $PWD/data/file would allow it"
    jvm --ro data --class-path classes --main-class Act read data/file
    assert_output text
    jvm --ro data --class-path classes --main-class Act write data/new
    assert_status 1
    assert_match AccessDeniedException
    jvm --rw data --class-path classes --main-class Act write data/new
    assert_status 0
    assert_equal "$(cat data/new)" written
    jvm --rw data --class-path classes --main-class Act run data/program
    assert_status 1
    assert_match 'IOException: .*Permission denied'
    rm -r data
}

@test "a jar that a manifest names is told when no rule shows it" {
    mkdir -p more
    printf 'Main-Class: Hello\nClass-Path: more/hello.jar\n' > outer.mf
    "$JDK/bin/jar" cfm outer.jar outer.mf
    cp hello.jar more/
    jvm outer.jar
    assert_status 1
    assert_line "moat: denied: class path $WORK/more/hello.jar: --ro $WORK/more/hello.jar would allow it"
    jvm --deny-log=false outer.jar
    assert_status 1
    refute_match 'moat: denied'
    jvm --ro more/hello.jar outer.jar
    assert_status 0
    refute_match 'moat: denied'
    # What the user names and is not there is no denial.
    jvm --class-path hello.jar:more/none.jar --main-class NotThere
    assert_status 1
    refute_match 'moat: denied'
    rm -r more outer.jar outer.mf
}

@test "a denial names what a mapping shows by its name on the host" {
    mkdir -p data
    jvm --dir "$PWD/data::/app:ro" --class-path classes --main-class Act write /app/new
    assert_status 1
    assert_match "moat: denied: create /app/new: /app is given r alone: --dir $PWD/data::/app would allow it"
    jvm --dir "$PWD/data::/app" --class-path classes --main-class Act write /app/new
    assert_status 0
    rm -r data
}

@test "a class path is shown without execution, and only read" {
    jvm --class-path classes --main-class Act write classes/new
    assert_status 1
    run "$MOAT" explain -b jvm --jdk "$JDK" --json --class-path classes --main-class Act --rw lib
    assert_equal "$(jq -r --arg p "path $WORK/classes" '.items[] | select(.item == $p) | .value' <<< "$output")" r
    assert_equal "$(jq -r --arg p "path $WORK/lib" '.items[] | select(.item == $p) | .value' <<< "$output")" rwc
}

@test "a rule above the JDK takes nothing from it" {
    jvm --ro /usr --ro /etc --class-path classes --main-class Act list /usr/share/doc
    assert_status 0
    jvm --rw /tmp hello.jar
    assert_status 0
    jvm --tmpfs /usr hello.jar
    assert_status 0
}

@test "a link in a JDK shows what packages have in common, and nothing else of the host" {
    local jdk=$WORK/linked
    mkdir -p "$jdk/lib/server" "$WORK/secret"
    : > "$jdk/lib/server/libjvm.so"
    ln -s "$WORK/secret" "$jdk/conf"
    ln -s /etc/ssl/certs/../../../root "$jdk/lib/security"
    ln -s /usr/share/zoneinfo "$jdk/lib/tzdb.dat"
    run "$MOAT" explain -b jvm --jdk "$jdk" --json hello.jar
    assert_status 0
    assert_equal "$(jq -r '.items[].item' <<< "$output" | grep -cE "^path ($WORK/secret|/root)$")" 0
    assert_equal "$(jq -r '.items[].item' <<< "$output" | grep -c '^path /usr/share/zoneinfo$')" 1
    # And a machine that cannot be opened is a reason, in words.
    run "$MOAT" run -b jvm --jdk "$jdk" hello.jar
    assert_status 1
    assert_contains "$jdk/lib/server/libjvm.so: "
    rm -r "$jdk" "$WORK/secret"
}

@test "class archives are not there to be written, under whatever name" {
    local MOAT_CACHE_DIR=$WORK/keep/cache option
    export MOAT_CACHE_DIR
    mkdir -p "$WORK/keep/cache" "$WORK/keep/alone"
    mkdir -m 700 "$WORK/keep/cache/jvm"
    ln -s keep/cache "$WORK/kept"
    for option in "-v $WORK/keep:/mnt" "-v $WORK/keep/../keep:/mnt" "-v $WORK/kept:/mnt/cache"; do
        # shellcheck disable=SC2086 # an option and its value
        act $option write /mnt/cache/jvm/planted
        assert_status 1
    done
    MOAT_CACHE_DIR=$WORK/kept
    act -v "$WORK/keep:/mnt" write /mnt/cache/jvm/planted
    assert_status 1
    act -v "$WORK/keep:/mnt" write /mnt/alone/written
    assert_status 0
    # beside what moat itself keeps there
    assert_equal "$(find "$WORK/keep" -type f ! -name '*.seen' ! -name '*.jsa')" "$WORK/keep/alone/written"
    rm -r "$WORK/keep" "$WORK/kept"
}

@test "a program runs where a rule gives x, and then with its name in the denial" {
    local true
    true=$(readlink -f "$(type -P true)")
    act run "$true"
    assert_status 1
    assert_match "moat: denied: exec $true: --allow $true:rx would allow it"
    assert_match "java.io.IOException: Cannot run program .*Permission denied"
    jvm --allow "$true:rx" --class-path classes --main-class Act run "$true"
    assert_status 0
}

@test "a native library loads where a rule gives x" {
    local library
    library=$(printf '%s\n' /lib/*-linux-gnu/libz.so.1 | head -1)
    require_file "$library"
    cp "$(readlink -f "$library")" lib/libmine.so
    act load "$WORK/lib/libmine.so"
    assert_status 1
    assert_match UnsatisfiedLinkError
    jvm --ro lib --class-path classes --main-class Act load "$WORK/lib/libmine.so"
    assert_status 1
    assert_match UnsatisfiedLinkError
    jvm --allow lib/libmine.so:x --class-path classes --main-class Act load "$WORK/lib/libmine.so"
    assert_status 1
    assert_match "moat: denied: native library $WORK/lib/libmine.so: .*--allow $WORK/lib/libmine.so:rx would allow it"
    jvm --allow lib/libmine.so:rx --class-path classes --main-class Act load "$WORK/lib/libmine.so"
    assert_line loaded
    # Under another name, and from the program's own /tmp: the remedy that is told is the one that works.
    local told
    for told in "--dir $WORK/lib::/app:ro|-v $WORK/lib:/app:ro,exec|/app/libmine.so" \
        "--ro lib|--tmpfs /tmp:exec|$WORK/lib/libmine.so /tmp/mine.so"; do
        IFS='|' read -r shown remedy files <<< "$told"
        # shellcheck disable=SC2086 # options and their values
        jvm $shown --class-path classes --main-class Act load $files
        assert_status 1
        assert_match "moat: denied: native library /(app/lib|tmp/)mine.so: /(app|tmp) is given rw?c? alone: $remedy would allow it"
        [[ $remedy != -v* ]] || shown=
        # shellcheck disable=SC2086
        jvm $shown $remedy --class-path classes --main-class Act load $files
        assert_line loaded
    done
    rm lib/libmine.so
}

@test "no network, and a denial that names the rule" {
    act connect 192.0.2.1 80
    assert_status 1
    assert_match 'java.net.(Socket|Connect)Exception'
    assert_match 'moat: denied: connect to 192.0.2.1:80.*--allow-net 192.0.2.1:80'
    run --separate-stderr "$MOAT" run -b jvm --jdk "$JDK" --deny-log=false --class-path classes --main-class Act connect 192.0.2.1 80
    [[ $stderr != *"moat: denied"* ]]
}

@test "a destination that is allowed is reached through the broker" {
    require_command python3
    coproc SERVER { exec python3 -c 'import socket
s = socket.socket(); s.bind(("127.0.0.1", 0)); s.listen(9); print(s.getsockname()[1], flush=True)
while True: s.accept()[0].close()'; }
    helpers+=("$SERVER_PID")
    local port
    read -r port <&"${SERVER[0]}"
    jvm --allow-net "127.0.0.1:$port" --class-path classes --main-class Act connect 127.0.0.1 "$port"
    assert_status 0
    refute_match 'moat: denied'
    jvm --allow-net "127.0.0.1:$port" --class-path classes --main-class Act connect 192.0.2.1 80
    assert_status 1
    assert_match 'moat: denied: connect to 192.0.2.1:80.*--allow-net 192.0.2.1:80'
    jvm --allow-net "*.one.example:$port" --class-path classes --main-class Act connect two.example 80
    assert_match 'moat: denied: look up the name two.example.*--allow-net two.example'
    act connect 127.0.0.1 "$port"
    assert_status 1
}

# ---- refusals -----------------------------------------------------------------------------------------------------

@test "what makes no sense for a Java program is refused by name" {
    jvm
    assert_error 125 FILE.jar --main-class
    jvm --main-class Hello
    assert_error 125 --class-path
    jvm --class-path classes hello.jar
    assert_error 125 --class-path jar
    jvm --class-path hello.jar
    assert_error 125 "--main-class NAME" "moat run -b jvm hello.jar"
    jvm --class-path hello.jar Hello a
    assert_error 125 "--main-class Hello" "--"
    jvm --module-path modules moat.test
    assert_error 125 "--module moat.test"
    jvm --main-class Hello --module moat.test
    assert_error 125 --main-class --module
    jvm Hello.java
    assert_error 125 Hello.java javac
    jvm -- -jar hello.jar
    assert_error 125 -jar FILE.jar
    jvm --rootfs / hello.jar
    assert_error 125 --rootfs
    jvm --entrypoint sh hello.jar
    assert_error 125 --entrypoint --module
    jvm --defaults none hello.jar
    assert_error 125 --defaults JDK
    jvm -e JAVA_TOOL_OPTIONS=-Xint hello.jar
    assert_error 125 JAVA_TOOL_OPTIONS --java-option
    run "$MOAT" run -b broker --jdk "$JDK" -- true
    assert_error 125 --jdk "-b jvm"
    run "$MOAT" run --type java -b container hello.jar
    assert_error 125 "--type java" "-b jvm"
    run "$MOAT" probe -b jvm
    assert_error 125 JVM broker
}

@test "options of the virtual machine are checked one by one" {
    local option
    for option in -agentlib:jdwp -agentpath:/x.so -Xbootclasspath/a:/x -XX:OnError=id -XX:OnOutOfMemoryError=id @file -XX:Flags=/x \
        -XX:VMOptionsFile=/x -Xdebug -Xrunjdwp -Xverify:none -XX:-BytecodeVerificationRemote --patch-module=java.base=/x -XX:MaxRAMPercentage=90; do
        jvm --java-option "$option" hello.jar
        assert_error 125 "--java-option $option is refused"
    done
    jvm --java-option -Xlog:gc:file=/tmp/x hello.jar
    assert_error 125 -Xlog stdout
    jvm --java-option -XX:+UseFooGC hello.jar
    assert_error 125 "did you mean -XX:+Use"
    jvm --java-option -Xunknown hello.jar
    assert_error 125 -Xunknown "-D NAME=VALUE"
    jvm -D java.class.path=/x hello.jar
    assert_error 125 java.class.path --class-path
    jvm --java-option -Xlog:gc --java-option -XX:+UseParallelGC --java-option --add-opens=java.base/java.lang=ALL-UNNAMED hello.jar
    assert_status 0
    assert_match 'Using Parallel'
}

# ---- limits -------------------------------------------------------------------------------------------------------

@test "the machine's limits come from the sandbox's" {
    require_cgroup memory
    run "$MOAT" explain -b jvm --jdk "$JDK" -m 256m --cpus 1 --json hello.jar
    assert_status 0
    local sum
    sum=$(jq '[.items[] | select(.item == "Java heap" or .item == "classes (metaspace)" or .item == "direct memory" or .item == "compiled code") | .value | rtrimstr("m") | tonumber] | add' <<< "$output")
    [ "$sum" -gt 100 ] && [ "$sum" -lt 256 ] || report_run "the areas have $sum MiB together"
    jvm -m 256m --class-path classes --main-class Act heap
    [ "$output" -gt 64 ] && [ "$output" -lt 256 ] || report_run "a heap between 64 and 256 MiB"
    jvm --cpus 1 --class-path classes --main-class Act processors
    assert_output 1
    jvm -m 256m --java-option -Xmx64m --java-option -XX:+UseSerialGC --class-path classes --main-class Act heap
    [ "$output" -le 64 ]
    jvm -m 256m --java-option -Xmx300m hello.jar
    assert_error 125 -Xmx300m "-m 256m"
    jvm -m 20m hello.jar
    assert_error 125 "-m 20m" "the least that works"
    local least
    least=$(sed -n 's/.*: -m \([0-9]*m\) is the least.*/\1/p' <<< "$output")
    jvm -m "$least" hello.jar
    assert_status 0
}

@test "fewer processes than a JVM has threads are refused; with the least of them a program runs" {
    require_cgroup pids
    jvm --pids-limit 9 hello.jar
    assert_error 125 "--pids-limit 9" "the least that works"
    local least
    least=$(sed -n 's/.*: --pids-limit \([0-9]*\) is the least.*/\1/p' <<< "$output")
    jvm --pids-limit "$least" hello.jar
    assert_status 0
    jvm --pids-limit "$least" --class-archive off hello.jar
    assert_status 0
}

# bomb REASON WORDS OPTION... -- WHAT: in the foreground it is said, of a kept one it is the reason.
bomb()
{
    local reason=$1 words=$2 name
    shift 2
    name=$(new_id)
    jvm "${@:1:$#-2}" --class-path classes --main-class Bomb "${@: -1}"
    assert_failure
    assert_match "$words"
    kept "$name" "${@:1:$#-2}" --main-class Bomb "${@: -1}"
    "$MOAT" wait "$name" > /dev/null
    run "$MOAT" inspect -f '{{.State.ExitReason}}' "$name"
    "$MOAT" rm "$name" > /dev/null
    assert_output "$reason"
}

@test "a full heap, room for classes or direct memory is the reason of the end" {
    bomb java-heap "its Java heap was full" -m 128m -- heap
    bomb metaspace "its room for classes was full" -m 128m -- classes
    bomb direct-memory "outside the Java heap was full" -m 128m -- direct
}

@test "so are the limits on threads and processor time" {
    require_cgroup pids
    bomb pids-limit "its limit on processes was reached" --pids-limit 80 -- threads
    bomb cpu-limit "its limit of processor time was reached" --ulimit cpu=1:2 -- time
    bomb cpu-limit "its limit of processor time was reached" --ulimit cpu=1 -- time
}

@test "a program that swallows everything ends by its time limit" {
    jvm -m 128m --timeout 1s --stop-timeout 1 --class-path classes --main-class Bomb swallow
    assert_status 124
    assert_match "its time limit was reached"
}

@test "a heap that the program itself finds full and bears is no reason" {
    local name
    name=$(new_id)
    kept "$name" -m 128m --timeout 1s --stop-timeout 1 --main-class Bomb swallow
    "$MOAT" wait "$name" > /dev/null
    run "$MOAT" inspect -f '{{.State.ExitReason}}' "$name"
    "$MOAT" rm "$name" > /dev/null
    assert_output timeout
}

# ---- kept ---------------------------------------------------------------------------------------------------------

answers() { "$MOAT" stats --json "$1" | jq -e '.[0].jvm.heapUsedBytes > 0'; }
says_up() { [ "$("$MOAT" logs "$1" | grep -c up)" = "$2" ]; }

@test "detached: logs, stats, inspect, stop, start, restart" {
    local name
    name=$(new_id)
    kept "$name" -m 256m --main-class Act wait /tmp/never
    wait_for 10 says_up "$name" 1
    wait_for 5 answers "$name"
    run "$MOAT" stats --json "$name"
    assert_equal "$(jq '.[0].jvm | .heapUsedBytes <= .heapCommittedBytes and .heapMaxBytes < 268435456 and .threads >= 1 and .classes > 100' <<< "$output")" true
    run "$MOAT" stats --no-stream --format '{{.HeapUsage}} {{.Threads}} {{.Classes}}' "$name"
    assert_match '^[0-9.]+[KM]iB / [0-9.]+MiB [0-9]+ [0-9]+$'
    run "$MOAT" inspect -f '{{.Boundary}} {{.JVM.Threads}}' "$name"
    assert_match '^jvm [0-9]+$'
    run "$MOAT" ps --no-trunc --filter "name=^$name\$" --format '{{.Command}}'
    assert_output '"java -cp classes Act wait /tmp/never"'
    run "$MOAT" inspect -f '{{.Path}} {{json .Args}}' "$name"
    assert_output 'java ["-cp","classes","Act","wait","/tmp/never"]'
    run --separate-stderr "$MOAT" update -m 512m "$name"
    assert_status 0
    [[ $stderr == *"note: $name: "*"stay, as -Xmx"* ]] && [ "${#stderr_lines[@]}" = 1 ]
    run --separate-stderr "$MOAT" update --cpus 1 "$name"
    [ -z "$stderr" ]
    run "$MOAT" exec "$name" true
    assert_failure
    assert_match 'a JVM has no programs'
    "$MOAT" pause "$name"
    run "$MOAT" inspect "$name"
    refute_match '"JVM"'
    "$MOAT" unpause "$name"
    "$MOAT" stop "$name"
    run "$MOAT" inspect -f '{{.State.Status}} {{.State.ExitReason}} {{.State.ExitCode}}' "$name"
    assert_output "exited stopped 143"
    "$MOAT" start "$name"
    wait_for 10 says_up "$name" 2
    wait_for 5 answers "$name"
    "$MOAT" restart -t 2 "$name"
    wait_for 10 says_up "$name" 3
    "$MOAT" rm -f "$name"
}

@test "stats of others have no figures of Java" {
    local name
    name=$(new_id)
    "$MOAT" run -d --name "$name" -b broker -- sleep 60
    run "$MOAT" stats --json "$name"
    assert_equal "$(jq -c '.[0] | has("jvm")' <<< "$output")" false
    run "$MOAT" stats --no-stream --format '{{.HeapUsage}} {{.Threads}} {{.Classes}}' "$name"
    assert_output "-- / -- -- --"
    "$MOAT" rm -f "$name"
}

@test "a page that a program has scribbled over shows nothing, and stops nobody" {
    local name page
    name=$(new_id)
    kept "$name" --main-class Act wait /tmp/never
    wait_for 10 says_up "$name" 1
    page=$MOAT_RUN_DIR/$name/jvm
    assert_equal "$(stat -c %a "$page")" 600
    # As the program may write it: all bits, whatever they mean.
    head -c 4096 /dev/zero | tr '\0' '\377' | dd of="$page" conv=notrunc status=none
    run "$MOAT" stats --json "$name"
    assert_status 0
    assert_equal "$(jq -c '.[0] | has("jvm")' <<< "$output")" false
    run "$MOAT" inspect "$name"
    assert_status 0
    "$MOAT" stop -t 1 "$name"
    run "$MOAT" inspect -f '{{.State.ExitReason}}' "$name"
    assert_output stopped
    "$MOAT" rm "$name"
}

# ---- explain ------------------------------------------------------------------------------------------------------

@test "explain names the mechanism of each limit of Java's" {
    run "$MOAT" explain -b jvm --jdk "$JDK" --json hello.jar
    assert_status 0
    local item
    for item in "Java heap" "classes (metaspace)" "direct memory" "compiled code" "programs and processes" "native libraries"; do
        assert_equal "$(jq -r --arg i "$item" '[.items[] | select(.item == $i and .how == "enforced")] | length' <<< "$output")" 1
    done
    run "$MOAT" explain -b jvm --jdk "$JDK" --json --allow /usr/bin:rx hello.jar
    assert_equal "$(jq -r '.items[] | select(.item == "programs and processes") | .how' <<< "$output")" granted
    # The program's own words are no words about it.
    run "$MOAT" explain -b jvm --jdk "$JDK" --json --allow /usr/bin:rx hello.jar --no-exec --option -Xmx77m
    assert_equal "$(jq -r '.items[] | select(.item == "programs and processes") | .how' <<< "$output")" granted
    assert_equal "$(jq -r '.items[] | select(.item == "Java heap" and .value == "77m") | .how' <<< "$output")" ""
    run "$MOAT" explain -b jvm --jdk "$JDK"
    assert_status 0
    run "$MOAT" boundaries --json
    assert_equal "$(jq -r '.[] | select(.name == "jvm") | "\(.built) \(.available)"' <<< "$output")" "true true"
}
