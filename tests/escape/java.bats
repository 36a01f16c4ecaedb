#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What a hostile jar tries (tests/escape/java), under bare java, where each attempt succeeds, and behind `moat run -b jvm`,
# where none does. What uses up resources is in java_bombs.bats.
bats_require_minimum_version 1.5.0
load java

setup_file()
{
    has_jvm || return 0
    export MOAT_RUN_DIR=$BATS_FILE_TMPDIR/run MOAT_DATA_DIR=$BATS_FILE_TMPDIR/data MOAT_CACHE_DIR=$BATS_FILE_TMPDIR/cache
    plant
}

teardown_file() { ! has_jvm || take_up; }

setup()
{
    require_jvm
    planted
    targets=()
}

teardown() { end_targets; }

# live OUTPUT...: what succeeded in one of the runs, or is not in this kernel
live()
{
    local out
    for out; do
        said "$out" ESCAPED
        said "$out" absent
        said "$out" inside | grep -xF -f <(rows inside) || true
    done
}

@test "every probe is live: under bare java it succeeds" {
    local jdk n=0 status outs=() dead
    while IFS= read -r jdk; do
        status=0
        bare "bare-$n" "$jdk" || status=$?
        all_said "bare-$n" $status
        outs+=("bare-$n")
        n=$((n + 1))
    done < <(echo "$MAIN_JDK"; other_jdks)
    dead=$(rows | grep -vxF -f <(rows "open|jar") | grep -vxF -f <(live "${outs[@]}")) || true
    [ -z "$dead" ] || { grep -h -F -f <(sed 's/.*/ & /' <<< "$dead") "$work"/out/bare-? >&2; return 1; }
    echo "# $(said bare-0 ESCAPED | wc -l) live, $(said bare-0 inside | wc -l) inside; not here: $(said bare-0 absent | tr '\n' ' ')" >&3
}

@test "nothing escapes" {
    local status i
    for ((i = 0; i < (MOAT_TEST_SCALE > 1 ? 3 : 1); i++)); do
        status=0
        confined plain || status=$?
        nothing_escapes plain $status
    done
    [ "$(said plain held | wc -l)" -ge 130 ] || { echo "only $(said plain held | wc -l) were held" >&2; return 1; }
}

@test "nothing escapes with the other JDKs of this machine" {
    local jdk status any=false
    while IFS= read -r jdk; do
        any=true status=0
        confined other || status=$?
        nothing_escapes other $status
    done < <(other_jdks)
    $any || skip "$MAIN_JDK is the only JDK here that is new enough"
}

@test "nothing escapes beside a broker process, and where an address is allowed" {
    local status=0
    confined brokered --broker "$work/brokered:rwc" --allow-net 192.0.2.77:80 || status=$?
    nothing_escapes brokered $status
}

@test "nothing escapes with java.lang opened to reflection" {
    local status=0
    confined opened --java-option=--add-opens=java.base/java.lang=ALL-UNNAMED || status=$?
    nothing_escapes opened $status
    [[ " $(said opened inside | tr '\n' ' ')" == *" reflection "* ]] || { grep ' reflection ' "$work/out/opened" >&2; return 1; }
}

# Then the JVM may make processes, and what is shown with x may run; nothing else may, and nothing reaches further.
# Its directory is shown as the class path's is: by a link in it nobody gets further either.
@test "nothing escapes by what a jar says of itself" {
    local status=0
    mkdir "$work/app"
    cat > "$work/manifest" <<END
Main-Class: Probes
Class-Path: ../canaries/ file:$work/canaries/
Launcher-Agent-Class: Agent
Add-Opens: java.base/java.lang
Enable-Native-Access: ALL-UNNAMED
END
    "$MAIN_JDK/bin/jar" --create --file "$work/app/app.jar" --manifest "$work/manifest" -C "$work/classes" .
    probes_of "$work/out/bare-jar" "$MAIN_JDK/bin/java" -Xmx256m -jar "$work/app/app.jar" manifest-class-path reflection
    grep -q "^ESCAPED manifest-class-path $MOAT_CANARY" "$work/out/bare-jar"
    grep -q "^inside reflection" "$work/out/bare-jar"
    probes_of "$work/out/jar" "$MOAT" run --rm -b jvm --jdk "$MAIN_JDK" --rw "$work/granted" --deny "$work/granted/denied" "$work/app/app.jar" || status=$?
    nothing_escapes jar $status
}

# Of what it says, names of classes are taken: the archive that is made of them is used by the next run, which cannot
# change it. (class path and jar are the same here, so the archive is.)
@test "a jar that writes its own list of classes gets an archive of names alone, and no hold on it" {
    local status=0 archive before
    export MOAT_CACHE_DIR=$work/cache
    mkdir -p "$work/listing"
    printf 'Main-Class: Bombs\n' > "$work/manifest"
    "$MAIN_JDK/bin/jar" --create --file "$work/listing/app.jar" --manifest "$work/manifest" -C "$work/classes" .
    run "$MOAT" run --rm -b jvm --jdk "$MAIN_JDK" "$work/listing/app.jar" list
    assert_success
    assert_contains "shared: 1"
    archive=$(echo "$MOAT_CACHE_DIR"/jvm/*.jsa)
    assert_exists "$archive"
    assert_equal "$(find "$MOAT_CACHE_DIR" -mindepth 1 | sort)" "$MOAT_CACHE_DIR/jvm"$'\n'"$archive"
    if grep -aq '^root:x:0' "$archive"; then return 1; fi # a source that it named
    before=$(cksum < "$archive")

    probes_of "$work/out/archived" "$MOAT" run --rm -b jvm --jdk "$MAIN_JDK" --rw "$work/granted" --deny "$work/granted/denied" \
        --class-path "$work/listing/app.jar" --main-class Probes || status=$?
    nothing_escapes archived $status
    grep -q '^held archive-write .*/.moat/' "$work/out/archived" # it was in use
    assert_equal "$(cksum < "$archive")" "$before"
}

@test "nothing escapes where one program may be executed" {
    local status=0
    confined executing --allow "$(type -P true):rx" || status=$?
    said executing ESCAPED | grep -qx raw-fork # this is that case
    # What lies beside the program, what is shown with x, and processes themselves.
    local -a own=(host-programs exec-jspawnhelper exec-java exec-loader raw-fork raw-vfork raw-clone raw-clone3 raw-exec-here raw-exec-memory raw-exec-memory-here)
    sed -i "/ \($(IFS=\|; echo "${own[*]}" | sed 's/|/\\|/g')\) /s/^ESCAPED/expected/" "$work/out/executing"
    nothing_escapes executing $status
}

@test "nothing escapes from an ordinary user's run" {
    local status=0 tools=$work/tools
    require_command setpriv util-linux
    as_nobody() { setpriv --reuid 65534 --regid 65534 --clear-groups "$@"; }
    as_nobody unshare -Ur true 2>/dev/null || skip "this host does not let an ordinary user make a user namespace"
    mkdir "$tools" && cp -r "$MOAT" "${MOAT%/*}/libexec" "$tools" && chmod -R a+rX "$tools"
    cp -r "$work/granted" "$work/his" && chown -R 65534 "$work/his" && mkdir -m 700 "$work/home" && chown 65534 "$work/home"
    probes_of "$work/out/ordinary" setpriv --reuid 65534 --regid 65534 --clear-groups env "HOME=$work/home" "XDG_RUNTIME_DIR=$work/home" "MOAT_RUN_DIR=$work/home/run" \
        "$tools/moat" run --rm -b jvm --jdk "$MAIN_JDK" --rw "$work/his" --deny "$work/his/denied" --class-path "$work/classes" \
        --main-class Probes "granted=$work/his" || status=$?
    nothing_escapes ordinary $status
}

@test "guard off: what is granted is seen" {
    local status=0 id got
    confined granted --rw "$work/canaries" --network host --allow "$(type -P cat):rx" || status=$?
    all_said granted $status
    got=" $(said granted ESCAPED | tr '\n' ' ')"
    for id in file-stream file-mapped symlink-planted outside-write outside-rename proc-root raw-open native-open directives heap-dump \
        tcp-loopback udp-loopback raw-tcp raw-abstract listen local-socket process-builder; do
        [[ $got == *" $id "* ]] || { echo "not seen: $id: $(grep " $id " "$work/out/granted"); seen:$got" >&2; return 1; }
    done
    [[ $got != *" denied-read "* && $got != *" shadow "* && $got != *" load-outside "* ]]
}

@test "guard off: libraries are loaded where a rule gives x" {
    local status=0 got id granted_by=--allow
    confined native || status=$?
    all_said native $status
    got=" $(said native ESCAPED | tr '\n' ' ')"
    for id in load-granted load-written load-library load-agent load-module load-attached raw-map-code; do
        [[ $got == *" $id "* ]] || { echo "not seen: $id: $(grep " $id " "$work/out/native"); seen:$got" >&2; return 1; }
    done
    # And no other file is.
    for id in load-tmp load-shm load-class-path load-outside raw-map-code-class-path; do
        [[ $got != *" $id "* ]] || { grep " $id " "$work/out/native" >&2; return 1; }
    done
}
