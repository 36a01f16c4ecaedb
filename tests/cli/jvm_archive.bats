#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Class archives of moat run -b jvm: made after the first run of a large program or the second of the same command, used
# by the next, and what a hostile program, another user, or a death at the wrong moment can make of them. The directory itself: test_classcache.c.
bats_require_minimum_version 1.5.0
load run
load java

setup_file()
{
    java_place
    mkdir -p "$WORK/many"
    local i
    for i in {0..299}; do echo "package many; class C$i { int n = $i; }" > "$WORK/many/C$i.java"; done
    "$JDK/bin/javac" -nowarn --release 17 -d "$WORK/classes" "$MOAT_SRC/tests/java/Hello.java" "$WORK"/many/*.java
    "$JDK/bin/javac" -nowarn -source 17 -target 17 -d "$WORK/classes" -cp "$WORK/classes" "$MOAT_SRC"/tests/java/archive/*.java 2> /dev/null
    printf 'Main-Class: Many\n' > "$WORK/many.mf"
    "$JDK/bin/jar" cfm "$WORK/many.jar" "$WORK/many.mf" -C "$WORK/classes" .
    printf 'Main-Class: Hello\n' > "$WORK/hello.mf"
    "$JDK/bin/jar" cfm "$WORK/hello.jar" "$WORK/hello.mf" -C "$WORK/classes" Hello.class
    # The same in two: what the first says in its manifest has to be shown.
    mkdir "$WORK/lib"
    printf 'Main-Class: Many\nClass-Path: lib/more.jar\n' > "$WORK/split.mf"
    "$JDK/bin/jar" cfm "$WORK/split.jar" "$WORK/split.mf" -C "$WORK/classes" Many.class
    "$JDK/bin/jar" cf "$WORK/lib/more.jar" -C "$WORK/classes" many
    mkdir -m 755 "$WORK/made"
    (cd "$WORK" && MOAT_CACHE_DIR=$WORK/made "$MOAT" run -b jvm --jdk "$JDK" many.jar < /dev/null > /dev/null)
}

teardown_file()
{
    java_gone
}

setup()
{
    run_setup
    # Below root's own directories: above $dir some may be for others to write.
    CACHE=$WORK/cache-$BATS_TEST_NUMBER
    export MOAT_CACHE_DIR=$CACHE
    mkdir -m 755 "$CACHE"
    cd "$WORK" || return
}

teardown()
{
    cd /
    run_teardown
}

jvm() { run timeout -k 5 150 "$MOAT" run -b jvm --jdk "$JDK" "$@" < /dev/null; }
# The cache as the first run of many.jar leaves it.
made() { cp -a "$WORK/made/jvm" "$CACHE/"; }
notes() { find "$CACHE/jvm" -name '*.seen' 2> /dev/null | wc -l; }
archives() { find "$CACHE/jvm" -name '*.jsa' 2> /dev/null | wc -l; }
# What is Java's in the cache.
all_of_it() { find "$CACHE" -mindepth 1 ! -path "$CACHE/wasm*" ! -path "$CACHE/unikernel*" ! -path "$CACHE/microvm*" ! -path "$CACHE/sentry*" -printf '%P\n' | sort; }
# shared OPTION... : how many of the program's classes come from an archive
shared() { timeout -k 5 150 "$MOAT" run -b jvm --jdk "$JDK" --java-option -Xlog:class+load "$@" < /dev/null | grep -c 'many.C[0-9]* source: shared objects file'; }

@test "an archive is made after the first run and used by the second; what is printed is the program's alone" {
    local home first=$JDK
    for home in "$JDK" /usr/lib/jvm/*; do
        [ -e "$home/lib/server/libjvm.so" ] && [ ! -L "$home" ] || continue
        [ "$home" = "$first" ] || ! [ "$home" -ef "$first" ] || continue
        JDK=$home
        grep -qE '^JAVA_VERSION="(1[7-9]|[2-9][0-9])' "$home/release" || continue
        rm -rf "$CACHE/jvm"
        jvm many.jar a b
        assert_status 0
        assert_output "300 classes [a, b]"
        assert_equal "$(archives)" 1
        assert_equal "$(stat -c %a "$CACHE/jvm") $(stat -c '%a %u' "$CACHE"/jvm/*.jsa)" "700 444 $(id -u)"
        jvm many.jar a b
        assert_status 0
        assert_output "300 classes [a, b]"
        [ "$(shared many.jar)" = 300 ]
        assert_equal "$(archives)" 1
        # the same classes by another way are the same program
        [ "$(shared --class-path many.jar --main-class Many)" = 300 ]
        assert_equal "$(archives)" 1
    done
}

@test "with other collectors and sizes the archive is used, or one of its own is made" {
    made
    assert_equal "$(archives)" 1
    local o
    for o in -XX:+UseG1GC -XX:+UseParallelGC -XX:+UseSerialGC -Xint -Xmx128m; do
        [ "$(shared --java-option $o many.jar)" = 300 ]
        assert_equal "$(archives)" 1
    done
    jvm --java-option -XX:+UseZGC many.jar
    assert_equal "$(archives)" 2
    [ "$(shared --java-option -XX:+UseZGC many.jar)" = 300 ]
    # options that an archive would have to know, and those that it cannot be with
    jvm --java-option --add-opens=java.base/java.lang=ALL-UNNAMED many.jar
    assert_equal "$(archives)" 3
    for o in -Xshare:off -Xshare:auto --limit-modules=java.base; do
        jvm --java-option $o many.jar
        assert_status 0
        assert_equal "$(archives)" 3
    done
}

@test "another jar under the same name, as old and as large, has a key of its own" {
    cp many.jar changing.jar
    jvm changing.jar
    assert_equal "$(archives)" 1
    cp -p changing.jar second.jar
    mv second.jar changing.jar
    [ "$(shared changing.jar)" = 0 ]
    jvm changing.jar
    assert_equal "$(archives)" 2
    [ "$(shared changing.jar)" = 300 ]
}

@test "jars that a manifest names are part of it where the user's rules show them" {
    jvm --ro lib split.jar
    assert_status 0
    assert_equal "$(archives)" 1
    [ "$(shared --ro lib split.jar)" = 300 ]
    [ "$(shared --ro lib/more.jar split.jar)" = 300 ] # the same key: the same files
    cp lib/more.jar lib/more.new
    mv lib/more.new lib/more.jar
    [ "$(shared --ro lib split.jar)" = 0 ]
    jvm split.jar # cannot load them
    assert_status 1
    assert_equal "$(archives)" 2
}

# loaded CLASS OPTION... : from where a run takes a class, with the archives that are there
loaded() { timeout -k 5 150 "$MOAT" run -b jvm --jdk "$JDK" --class-archive read --java-option -Xlog:class+load "${@:2}" < /dev/null | sed -n "s/.*[] ]$1 source: //p"; }

@test "no archive is made after the first run of a small program, and none when none is wanted" {
    jvm hello.jar
    assert_status 0
    jvm -D many=20 many.jar
    assert_status 0
    assert_equal "$(archives) $(notes)" "0 2"
    jvm --class-archive off many.jar
    assert_status 0
    jvm --class-archive read many.jar
    assert_status 0
    jvm --class-archive read hello.jar
    jvm --class-archive off hello.jar
    assert_equal "$(archives) $(notes)" "0 2"
    jvm --class-archive sometimes many.jar
    assert_error 125 "--class-archive sometimes" "auto" "read" "off"
    run "$MOAT" run --class-archive off -b broker -- true
    assert_failure
}

@test "a small program has an archive after its second run, for the same words alone" {
    jvm hello.jar a b
    jvm hello.jar a c
    jvm -D moat.test=1 hello.jar a b
    jvm --class-path hello.jar --main-class Hello -- a b
    assert_equal "$(archives) $(notes)" "0 4"
    jvm hello.jar a b
    assert_status 0
    assert_line "arguments a|b"
    assert_equal "$(archives) $(notes)" "1 3"
    assert_equal "$(loaded Hello hello.jar a b)" "shared objects file"
    run loaded Hello hello.jar a c
    assert_match 'hello.jar$'
    run loaded Hello -D moat.test=1 hello.jar a b
    assert_match 'hello.jar$'
    # what the class path is, matters as ever
    cp hello.jar again.jar
    jvm again.jar
    cp hello.jar second.jar
    mv second.jar again.jar
    jvm again.jar
    assert_equal "$(archives)" 1
    # a large program's is for all that it may be told
    jvm many.jar a
    assert_equal "$(archives)" 2
    [ "$(shared many.jar b)" = 300 ]
}

@test "where the class path may change its archive holds the JDK's classes alone, and what it is now is run" {
    mkdir own
    cp classes/Hello.class own/
    jvm --class-path own --main-class Hello
    jvm --class-path own --main-class Hello
    assert_status 0
    assert_equal "$(archives) $(notes)" "1 0"
    assert_equal "$(loaded java.util.TreeSet --class-path own --main-class Hello)" "shared objects file"
    run loaded Hello --class-path own --main-class Hello
    assert_match 'own/$'
    printf 'public class Hello { public static void main(String[] a) { System.out.println("another"); } }' > own/Hello.java
    "$JDK/bin/javac" --release 17 -d own own/Hello.java
    jvm --class-path own --main-class Hello
    assert_output another
    # of the same name in another directory nothing is known
    mkdir other
    cd other
    cp -r ../own .
    jvm --class-path own --main-class Hello
    assert_equal "$(archives) $(notes)" "1 1"
    cd ..
    # a jar that the run may change
    cp many.jar mine.jar
    jvm --rw mine.jar mine.jar
    jvm --rw mine.jar mine.jar
    assert_output "300 classes []"
    assert_equal "$(archives) $(notes)" "2 1"
    [ "$(shared --rw mine.jar mine.jar)" = 0 ]
    assert_equal "$(loaded java.lang.Object --rw mine.jar mine.jar)" "shared objects file"
}

@test "a module of the JDK has an archive after the same command's second run" {
    jvm --module jdk.compiler/com.sun.tools.javac.Main -- -version
    jvm --module jdk.compiler/com.sun.tools.javac.Main -- -version
    assert_match '^javac '
    assert_equal "$(archives)" 1
    assert_equal "$(loaded com.sun.tools.javac.Main --module jdk.compiler/com.sun.tools.javac.Main -- -version)" "shared objects file"
}

@test "what is there is used by a run in the background, which makes none; without it it starts again" {
    local n=kept-$$-$BATS_TEST_NUMBER
    run "$MOAT" run -d --name "$n" -b jvm --jdk "$JDK" many.jar
    assert_status 0
    run timeout 60 "$MOAT" wait "$n"
    assert_output 0
    "$MOAT" rm "$n"
    assert_equal "$(archives)" 0
    made
    run "$MOAT" run -d --name "$n" -b jvm --jdk "$JDK" --java-option -Xlog:class+load many.jar
    assert_status 0
    run timeout 60 "$MOAT" wait "$n"
    assert_output 0
    assert_equal "$("$MOAT" logs "$n" | grep -c 'many.C[0-9]* source: shared')" 300
    rm -rf "$CACHE/jvm"
    run timeout 60 "$MOAT" start -a "$n"
    assert_status 0
    assert_contains "300 classes"
    refute_contains "source: shared"
    "$MOAT" rm "$n"
    [ "$(shared --class-archive read many.jar)" = 0 ]
    made
    [ "$(shared --class-archive off many.jar)" = 0 ]
    [ "$(shared --class-archive read many.jar)" = 300 ]
}

@test "a directory that is a link, another user's, or open to others is not used, and named" {
    local expected="300 classes []"
    mkdir -m 700 elsewhere
    ln -s "$WORK/elsewhere" "$CACHE/jvm"
    jvm many.jar
    assert_status 0
    assert_line "$expected"
    assert_contains "$CACHE/jvm is a link"
    assert_equal "$(ls -A elsewhere)" ""
    rm "$CACHE/jvm"
    made
    chown 4321 "$CACHE/jvm"
    jvm many.jar
    assert_status 0
    assert_contains "$CACHE/jvm belongs to uid 4321"
    [ "$(shared many.jar 2> /dev/null)" = 0 ]
    chown 0 "$CACHE/jvm"
    chmod 755 "$CACHE/jvm"
    [ "$(shared many.jar 2> /dev/null)" = 0 ]
    chmod 700 "$CACHE/jvm"
    [ "$(shared many.jar)" = 300 ]
    chmod 777 "$CACHE"
    jvm many.jar
    assert_contains "$CACHE belongs to uid 0 with mode 777"
    [ "$(shared many.jar 2> /dev/null)" = 0 ]
    chmod 755 "$CACHE"
}

@test "a run can change neither its archive nor, whatever is shown for writing, the directory" {
    made
    local archive before
    archive=$(echo "$CACHE"/jvm/*.jsa)
    before=$(sha256sum < "$archive")
    # shown to nobody: neither the directory nor the file under the host's name
    jvm --class-path many.jar --main-class Reach -- "$archive" "$CACHE/jvm" /.moat/classes.jsa
    refute_contains DONE
    # with the guard off, which is: another name for the same directory, each attempt works
    mkdir -p "$WORK/plain/jvm"
    jvm --rw "$WORK/plain" --class-path many.jar --main-class Reach -- "$WORK/plain/jvm"
    assert_contains "DONE make in"
    assert_contains "DONE move"
    jvm --rw "$CACHE" --class-path many.jar --main-class Reach -- "$archive" "$CACHE/jvm"
    refute_contains DONE
    jvm --rw "$WORK" --class-path many.jar --main-class Reach -- "$archive" "$CACHE/jvm" "$CACHE/jvm/../jvm"
    refute_contains DONE
    jvm --rw "$WORK" --class-path many.jar --main-class Reach -- "$CACHE"
    refute_contains "DONE move"
    rm -f "$CACHE"/planted* "$CACHE"/jvm/*.seen # of the runs above
    assert_equal "$(all_of_it)" $'jvm\njvm/'"${archive##*/}"
    assert_equal "$(sha256sum < "$archive")" "$before"
    # where there is no directory yet, the run cannot be the one who makes it
    rm -rf "$CACHE/jvm"
    jvm --rw "$CACHE" --class-path many.jar --main-class Reach -- "$CACHE/jvm"
    refute_contains DONE
    assert_equal "$(stat -c '%a %u' "$CACHE/jvm")" "700 0"
}

@test "what may be trusted some day is denied, too; where it cannot be, nothing runs" {
    mkdir -m 755 "$CACHE/jvm"
    jvm --rw "$CACHE" --class-path many.jar --main-class Reach -- "$CACHE/jvm"
    assert_status 0
    assert_contains "remove it with all that is in it"
    refute_contains chmod
    refute_contains DONE
    [ -z "$(ls -A "$CACHE/jvm")" ]
    rmdir "$CACHE/jvm"
    chmod 777 "$CACHE"
    jvm --rw "$WORK" --class-path many.jar --main-class Reach -- "$CACHE/jvm"
    refute_contains DONE
    chmod 755 "$CACHE"
    assert_equal "$(stat -c '%a %u' "$CACHE/jvm")" "700 0"
    local rule
    touch "$CACHE/jvm/file.jsa"
    for rule in "$CACHE/jvm" "$CACHE/jvm/file.jsa"; do
        jvm --rw "$rule" many.jar
        assert_status 125
        assert_contains "$CACHE/jvm may be read at most"
    done
    rm -r "$CACHE/jvm"
    mkdir -p elsewhere
    ln -s "$WORK/elsewhere" "$CACHE/jvm"
    jvm --rw "$CACHE" many.jar
    assert_status 125
    assert_contains "$CACHE/jvm is a link"
    rm "$CACHE/jvm"
    touch "$CACHE/jvm"
    jvm --rw "$CACHE" many.jar
    assert_status 125
    assert_contains "$CACHE/jvm is no directory"
    rm "$CACHE/jvm"
}

@test "an archive that is none, or does not fit, is passed over in silence and not given again" {
    made
    local archive kind
    archive=$(echo "$CACHE"/jvm/*.jsa)
    for kind in noise zeros short; do
        rm -f "$CACHE"/jvm/*
        case $kind in
        noise) head -c 100000 /dev/urandom > "$archive" ;;
        zeros) head -c 100000 /dev/zero > "$archive" ;;
        short) made; chmod u+w "$archive"; truncate -s 3000000 "$archive" ;;
        esac
        chmod 444 "$archive"
        jvm many.jar
        assert_status 0
        assert_output "300 classes []"
        assert_equal "$(all_of_it | grep -c none)" 1
        refute_exists "$archive"
        jvm many.jar
        assert_output "300 classes []"
        assert_equal "$(archives)" 0
    done
}

# making_is_seen: the list of a making on its way, copied to $dir/list
making_is_seen() { cp "$CACHE"/jvm/*.making/list "$dir/list" 2> /dev/null; }
no_making() { [ -z "$(find "$CACHE" -name '*.making')" ]; }

@test "a program that writes a list of its own has names of classes taken from it, and nothing else" {
    "$MOAT" run -b jvm --jdk "$JDK" --class-path many.jar --main-class Scribble > "$dir/out" 2>&1 < /dev/null 3>&- &
    local pid=$!
    wait_for 60 making_is_seen
    wait $pid
    assert_equal "$(head -1 "$dir/out")" scribbled
    assert_equal "$(head -1 "$dir/list")" planted/Name
    assert_equal "$(grep -cvE '^[A-Za-z0-9_$/-]+$' "$dir/list")" 0
    assert_equal "$(grep -c '^many/C' "$dir/list")" 300
    assert_equal "$(grep -c '^java/' "$dir/list" | grep -c '^[1-9]')" 1
    assert_equal "$(archives)" 1
    [ "$(shared --class-path many.jar --main-class Many)" = 300 ]
}

@test "a making whose moat is killed leaves nothing that is used, and the next one clears the rest" {
    local pid n
    for n in KILL TERM INT; do
        rm -rf "$CACHE/jvm"
        env --default-signal=INT "$MOAT" run -b jvm --jdk "$JDK" many.jar > "$dir/out" 2>&1 < /dev/null 3>&- &
        pid=$!
        wait_for 60 making_is_seen
        kill -$n $pid
        status=0
        wait $pid || status=$?
        assert_equal "$(cat "$dir/out")" "300 classes []"
        assert_equal "$(archives)" 0
        # the program's own status: it had ended when somebody did not want to wait
        [ $n = KILL ] || assert_equal "$status" 0
        [ $n = KILL ] || no_making
        [ $n = KILL ] || assert_equal "$(all_of_it)" "jvm" # and no mark
        nothing_left() { [ -z "$(leftovers 2>/dev/null)" ]; }
        wait_for 20 nothing_left
        jvm many.jar
        assert_equal "$(archives)" 1
        no_making
    done
}

@test "two first runs at once: one makes it, both say what the program says" {
    local p=() i
    for i in 1 2 3; do
        "$MOAT" run -b jvm --jdk "$JDK" -D stay=500 many.jar $i > "$dir/out$i" 2>&1 < /dev/null 3>&- &
        p+=($!)
    done
    for i in 1 2 3; do
        wait "${p[i - 1]}"
        assert_equal "$(cat "$dir/out$i")" "300 classes [$i]"
    done
    assert_equal "$(archives)" 1
    assert_equal "$(all_of_it | grep -c .)" 2
}

@test "the run that writes an archive has no network, and of files the class path and two of the making alone" {
    local write
    "$MOAT" run -b jvm --jdk "$JDK" many.jar > /dev/null < /dev/null 3>&- &
    local pid=$! child
    seen() { child=$(pgrep -P $pid -f class-archive) && write=$(tr '\0' '\n' < "/proc/$child/cmdline") && [ -n "$write" ]; }
    wait_for 60 seen
    wait $pid
    grep -qx -- --network <<< "$write"
    grep -qx none <<< "$write"
    grep -q '^write:' <<< "$write"
    mkdir -m 700 "$dir/made"
    touch "$dir/made/list" "$dir/made/archive"
    # the same words with an explanation, as the user can ask for
    run "$MOAT" explain -b jvm --jdk "$JDK" --class-archive "write:$dir/made" --class-path many.jar --main-class moat.None
    assert_status 0
    assert_match 'path /\.moat/classes\.jsa +rw'
    assert_match 'path /\.moat/classes\.list +r '
    assert_match 'programs and processes +none'
    assert_equal "$(grep -cE 'path .* [rxcs]*w[rxcs]* ' <<< "$output")" 1
}

@test "system df counts archives, system prune -a removes them" {
    made
    assert_equal "$("$MOAT" system df --json | jq -c '[.classArchives.total, (.classArchives.bytes > 1000000)]')" "[1,true]"
    "$MOAT" system prune -f > /dev/null
    assert_equal "$(archives)" 1
    "$MOAT" system prune -af > /dev/null
    assert_equal "$(archives)" 0
}
