# SPDX-License-Identifier: Apache-2.0
# For java.bats and java_bombs.bats: compiles the probes in Java, plants what they look for, compares what they said.
load escape

MAIN_JDK=${JAVA_HOME:-}
[ -n "$MAIN_JDK" ] && [ -x "$MAIN_JDK/bin/java" ] || MAIN_JDK=$(java=$(type -P java) && dirname "$(dirname "$(readlink -f "$java")")") || MAIN_JDK=
unset JAVA_TOOL_OPTIONS _JAVA_OPTIONS JDK_JAVA_OPTIONS CLASSPATH

# `skip` is not for setup_file: there, has_jvm.
has_jvm() { (skip() { exit 1; }; require_jvm); }

# The first number of its version; 0 where it does not say. (Starting it takes longer.)
java_version()
{
    local n
    n=$(sed -n 's/^JAVA_VERSION="\([0-9]*\).*/\1/p' "$1/release" 2>/dev/null)
    echo "${n:-0}"
}

require_jvm()
{
    require_root
    require_command jq
    [ -n "$MAIN_JDK" ] || skip "needs a JDK (Debian package default-jdk-headless)"
    [ -x "$MAIN_JDK/bin/javac" ] || skip "needs javac, and $MAIN_JDK is a JRE (Debian package default-jdk-headless)"
    [ "$(java_version "$MAIN_JDK")" -ge 17 ] || skip "needs JDK 17 or later, and $MAIN_JDK is $(java_version "$MAIN_JDK")"
    "$MOAT" boundaries --json | jq -e '.[] | select(.name == "jvm") | .available' > /dev/null || skip "the boundary jvm is not in this build, or not on this host"
}

# Every other JDK of the machine that is new enough for the classes, once.
other_jdks()
{
    local jvm real seen=" $(readlink -f "$MAIN_JDK") "
    for jvm in /usr/lib/jvm/*/lib/server/libjvm.so; do
        real=$(readlink -f "${jvm%/lib/server/libjvm.so}")
        [[ $seen != *" $real "* ]] && [ -x "$real/bin/java" ] || continue
        seen+="$real "
        [ "$(java_version "$real")" -lt 17 ] || echo "$real"
    done
    return 0
}

# compile_probes DIR
compile_probes()
{
    local source=$BATS_TEST_DIRNAME/java
    # javac warns of sun.misc.Unsafe whatever it is told: shown only when it fails.
    "$MAIN_JDK/bin/javac" --release 17 -d "$1" "$source"/*.java > "$1/javac.log" 2>&1 || { cat "$1/javac.log" >&2; return 1; }
    rm "$1/javac.log"
    gcc -Wall -Wextra -Werror -shared -fPIC -nostdlib -o "$1/loaded.so" "$source/loaded.c" &&
        gcc -Wall -Wextra -Werror -o "$1/witness" "$source/witness.c"
}

# wait_for_facts FILE: until the empty line behind them
wait_for_facts() { wait_for 20 grep -qx '' "$1"; }

# For setup_file: what the tests of a file use, and take over by planted().
plant()
{
    local line disk
    # Not below /tmp, which is fresh inside.
    work=$(mktemp -d /var/tmp/moat-java-XXXXXX) && chmod 755 "$work"
    mkdir -m 755 "$work"/{out,classes,granted,granted/denied,granted/sub,state,brokered}
    mkdir -m 777 "$work/canaries"
    compile_probes "$work/classes" || return
    MOAT_CANARY=moat-canary-$RANDOM$RANDOM
    tmpfile=$(mktemp /tmp/moat-java-XXXXXX)
    chmod 644 "$tmpfile"
    cp "$work/classes/witness" "$work/granted/witness"
    cp "$work/classes/loaded.so" "$work/granted/given.so"
    cp "$work/classes/loaded.so" "$work/canaries/outside.so"
    echo "$MOAT_CANARY" | tee "$tmpfile" "$work/state/file" > "$work/granted/denied/key"
    ln -s "$work/canaries/secret" "$work/granted/link"
    ln -s "$work/canaries" "$work/granted/door"
    touch "$work/input" && chmod 666 "$work/input"
    mkfifo "$work/hold"
    exec 8<> "$work/hold"
    MOAT_CANARY=$MOAT_CANARY "$MOAT_BUILD/libexec/moat-probe" plant "$work/canaries" < "$work/hold" > "$work/facts" 3>&- 8>&- &
    planted=$!
    local listen=$((20000 + RANDOM % 10000))
    "$MAIN_JDK/bin/java" -Xmx64m -XX:+UsePerfData "-Dcanary=$MOAT_CANARY" -cp "$work/classes" Victim "$MOAT_CANARY" $listen \
        < "$work/hold" > "$work/facts-jvm" 2>&1 3>&- 8>&- &
    victim=$!
    wait_for_facts "$work/facts" && wait_for_facts "$work/facts-jvm" || return
    facts=()
    while IFS= read -r line; do facts+=("$line"); done < <(grep -h . "$work/facts" "$work/facts-jvm")
    # What has to be readable by this process, and is there everywhere: disks are not.
    for disk in /dev/*; do
        if [ -b "$disk" ] && head -c 1 "$disk" > /dev/null 2>&1; then facts+=("disk=$disk"); break; fi
    done
    [ ! -e /usr/libexec/coreutils/libstdbuf.so ] || facts+=(hostlib=/usr/libexec/coreutils/libstdbuf.so)
    facts+=("granted=$work/granted" "tmpfile=$tmpfile" "home=$(getent passwd "$(id -u)" | cut -d: -f6)" "state=$work/state/file" "listen=$listen"
        "init=$(cat /proc/1/comm)/$(cut -d' ' -f22 /proc/1/stat)" "hostname=$(cat /proc/sys/kernel/hostname)" "path=$PATH")
    "$MAIN_JDK/bin/java" -cp "$work/classes" Probes list > "$work/list"
    declare -p work facts tmpfile planted victim MOAT_CANARY | sed 's/^declare /declare -g /' > "$BATS_FILE_TMPDIR/planted"
}

planted() { . "$BATS_FILE_TMPDIR/planted"; }

# For teardown_file.
take_up()
{
    [ -n "${work-}" ] || return 0
    kill "${planted-}" "${victim-}" 2>/dev/null || true
    wait "${planted-}" "${victim-}" 2>/dev/null || true
    exec 8>&-
    "$MOAT" ps -aq 2>/dev/null | xargs -r "$MOAT" rm -f > /dev/null 2>&1 || true
    rm -rf "$work" "$tmpfile"
}

# A process that a probe may end; that of each run is another, and teardown ends it.
new_target()
{
    sleep 300 3>&- 8>&- &
    target=$!
    targets+=($target)
}

end_targets()
{
    kill ${targets[@]+"${targets[@]}"} 2>/dev/null || true
    wait ${targets[@]+"${targets[@]}"} 2>/dev/null || true
}

# probes_of OUTPUT COMMAND...: with the facts behind it, the secret in the caller's environment and keyring, and a
# descriptor of the secret left open. Standard error in OUTPUT.err.
probes_of()
{
    local out=$1 try status
    shift
    # Now and then a JVM crashes whose code was written into, bare or confined: once more.
    for try in 1 2; do : "$try"
        new_target
        status=0
        MOAT_CANARY=$MOAT_CANARY timeout -k 5 100 "$MOAT_BUILD/libexec/moat-probe" keyed "$@" "${facts[@]}" "target=$target" \
            < "$work/input" > "$out" 2> "$out.err" 3>&- 8>&- 5< "$work/canaries/secret" || status=$?
        [ $status = 134 ] || break
    done
    return $status
}

bare() { probes_of "$work/out/$1" "$2/bin/java" -Xmx256m "${@:3}" -cp "$work/classes" Probes; }

# confined OUTPUT [OPTION...]: $granted_by is how the directory is granted that may be written
confined()
{
    local out=$work/out/$1
    shift
    probes_of "$out" "$MOAT" run --rm -b jvm --jdk "${jdk:-$MAIN_JDK}" "${granted_by:---rw}" "$work/granted${granted_by:+:rwcx}" --deny "$work/granted/denied" "$@" \
        --class-path "$work/classes" --main-class Probes
}

# names OUTPUT WORD: those that said it; the secret has to be in what needs it
said() { awk -v word="$2" -v canary="$MOAT_CANARY" -F'\t' 'NR == FNR { needs[$1] = $3; next }
    { split($0, w, " ") } w[1] == word && !(word == "ESCAPED" && needs[w[2]] ~ /token/ && !index($0, canary)) { print w[2] }' \
    "$work/list" FS='\t' "$work/out/$1"; }

# rows [PATTERN]: names whose class and needs match it
rows() { awk -F'\t' -v p="${1:-.}" '($2 " " $3) ~ p { print $1 }' "$work/list"; }

# all_said OUTPUT STATUS: every row has a line, none is lost
all_said()
{
    local missing
    [ "$2" = 0 ] || { echo "the run ended with $2, after: $(tail -n 1 "$work/out/$1")" >&2; grep -v '^moat: denied' "$work/out/$1.err" | head -20 >&2; return 1; }
    missing=$(rows | grep -vxF -f <(awk '$1 != "lost" { print $2 }' "$work/out/$1")) || true
    [ -z "$missing" ] || { echo "no verdict: $missing; $(grep '^lost' "$work/out/$1")" >&2; return 1; }
}

# nothing_escapes OUTPUT STATUS [PATTERN]: of the rows whose class and needs match it
nothing_escapes()
{
    local escaped
    all_said "$1" "$2" || return
    escaped=$(said "$1" ESCAPED | grep -xF -f <(rows "${3:-.}")) || true
    if [ -n "$escaped" ]; then
        echo "escaped:" >&2
        grep -F -f <(sed 's/.*/ESCAPED & /' <<< "$escaped") "$work/out/$1" >&2
        return 1
    fi
    # And it was not asked to end.
    kill -0 "$target" || { echo "the process of the test's was ended" >&2; return 1; }
}
