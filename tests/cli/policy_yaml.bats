#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Policy files in YAML, `moat policy`, the profiles that come with moat, and questions about mistyped names.
bats_require_minimum_version 1.5.0
load run

setup_file() { run_setup_file; }
setup() { run_setup; }
teardown() { run_teardown; }
moat_run() { run "$MOAT" run --rm "$@"; }

# ---- YAML where JSON was --------------------------------------------------------------------------------------------

@test "a YAML file means what the same JSON means" {
    cat > p.yaml <<'YAML'
# limits of a small thing
version: 1
env:
  A: x y   # text without quotes
  N: 2
workdir: /usr
hostname: box
readOnlyRoot: true
limits:
  memory: 64m
  pids: 0x21
  cpus: .5
capabilities: {drop: [ALL], add: [KILL]}
mounts:
  - type: tmpfs
    target: /t
    mode: "1700"
YAML
    echo '{"version": 1, "env": {"A": "x y", "N": 2}, "workdir": "/usr", "hostname": "box", "readOnlyRoot": true, "limits": {"memory": "64m", "pids": 33, "cpus": 0.5}, "capabilities": {"drop": ["ALL"], "add": ["KILL"]}, "mounts": [{"type": "tmpfs", "target": "/t", "mode": "1700"}]}' > p.json
    "$MOAT" explain --json --policy p.yaml busybox > yaml.out
    "$MOAT" explain --json --policy p.json busybox > json.out
    cmp yaml.out json.out
    moat_run --policy p.yaml busybox sh -c 'echo "$A|$N"; pwd; hostname; stat -c %a /t; grep CapBnd /proc/self/status'
    assert_success
    assert_output $'x y|2\n/usr\nbox\n1700\nCapBnd:\t0000000000000020'
}

@test "YAML is known by its content too" {
    printf -- '---\nversion: 1\nhostname: box\n' > policy
    moat_run --policy policy busybox hostname
    assert_output box
}

@test "relative paths of a YAML file begin at its folder" {
    mkdir -p folder/data elsewhere
    echo content > folder/data/file
    printf 'version: 1\nmounts:\n  - source: data\n    target: /d\n    readOnly: true\n' > folder/p.yaml
    cd elsewhere
    moat_run --policy ../folder/p.yaml busybox cat /d/file
    assert_output content
}

@test "run tells line and column of the YAML, and the accepted form" {
    printf 'version: 1\nlimits:\n  # much\n  memory: 5q\n' > p.yaml
    moat_run --policy p.yaml busybox true
    assert_error 125 "p.yaml:4:11: limits.memory '5q': not a size; accepted: bytes" "512m"
}

@test "the Norway problem is refused by name with the remedy" {
    printf 'version: 1\nenv:\n  COUNTRY: no\n' > p.yaml
    moat_run --policy p.yaml busybox true
    assert_error 125 "p.yaml:3:12: 'no' without quotes" "false, or the word in quotes"
    printf 'version: 1\nenv:\n  COUNTRY: "no"\n' > p.yaml
    moat_run --policy p.yaml busybox sh -c 'echo $COUNTRY'
    assert_output no
}

@test "anchors, tags, further documents and names given twice are refused" {
    local text
    for text in 'a: &x 1' 'a: *x' 'a: !!python/object/apply:os.system [id]' 'version: 2' $'---\nversion: 1' '<<: {a: 1}' 'network:'; do
        printf 'version: 1\n%s\n' "$text" > p.yaml
        moat_run --policy p.yaml busybox true
        assert_error 125 "p.yaml:2:" || { echo "accepted: $text" >&2; false; }
    done
}

@test "a bomb ends at once and takes no memory" {
    { echo 'a: &a [x,x,x,x,x,x,x,x,x]'; for i in b c d e f g h; do echo "$i: &$i [*a,*a,*a,*a,*a,*a,*a,*a,*a]"; done; } > laughs.yaml
    head -c 900000 /dev/zero | tr '\0' '[' > deep.yaml
    { echo 'version: 1'; echo 'ro: ['; yes '1,' | head -n 70000; echo ']'; } > wide.yaml
    head -c 2000000 /dev/zero | tr '\0' 'x' > large.yaml
    run "$MOAT" policy check laughs.yaml deep.yaml wide.yaml large.yaml
    assert_status 1
    assert_contains "laughs.yaml:1:4: anchor &a: anchors are refused"
    assert_contains "nested too deep"
    assert_contains "wide.yaml:"
    assert_contains "large.yaml:1:1: "
}

@test "a file that cannot be text is refused, not obeyed" {
    printf 'version: 1\n"\\e[31m": 1\n' > p.yaml
    run "$MOAT" policy check p.yaml
    assert_status 1
    refute_contains $'\033'
    head -c 4096 /dev/urandom > noise.yaml
    run "$MOAT" policy check noise.yaml
    assert_status 1
}

# ---- the helper and the cache -----------------------------------------------------------------------------------------

# How often moat-yaml was started.
conversions()
{
    require_command strace
    strace -f -e trace=execve -o trace "$@" > /dev/null 2>&1 || true
    grep -c 'execve(".*/moat-yaml"' trace || true
}

@test "a conversion is kept, and a change of the file makes a new one" {
    echo "version: 1 # $RANDOM" > p.yaml
    assert_equal "$(conversions "$MOAT" policy check p.yaml)" 1
    assert_equal "$(conversions "$MOAT" policy check p.yaml)" 0
    echo "# more" >> p.yaml
    assert_equal "$(conversions "$MOAT" policy check p.yaml)" 1
    assert_equal "$(stat -c %a "$MOAT_DATA_DIR/cache" "$MOAT_DATA_DIR/cache/yaml" | sort -u)" 700
    assert_equal "$(find "$MOAT_DATA_DIR/cache/yaml" -type f ! -perm 600)" ""
}

@test "a converter that does not end is ended, and the file is named" {
    echo "version: 1" > p.yaml
    local n=0 last pids=()
    for last in 'exec sleep 1000' 'exec >&-; exec sleep 1000'; do # both at once: each takes its ten seconds
        n=$((n + 1))
        mkdir -p bin$n/libexec
        cp "$MOAT" bin$n/moat
        printf '#!/bin/sh\necho $$ > %s\n%s\n' "$dir/pid$n" "$last" > bin$n/libexec/moat-yaml
        chmod +x bin$n/libexec/moat-yaml
        timeout 60 bin$n/moat policy check p.yaml > out$n 2>&1 3>&- &
        pids+=($!)
    done
    for n in 1 2; do
        status=0
        wait "${pids[n - 1]}" || status=$?
        output=$(< out$n)
        assert_status 1
        assert_contains p.yaml
        assert_contains "moat-yaml"
        run kill -0 "$(< pid$n)"
        assert_failure
    done
}

@test "a kept conversion that was changed, cut or misnamed is not believed" {
    local entry
    printf 'version: 1\nhostname: good\n' > p.yaml
    printf 'version: 1\nhostname: evil\n' > q.yaml
    "$MOAT" policy check p.yaml q.yaml
    entry=$MOAT_DATA_DIR/cache/yaml/$(sha256sum < p.yaml | cut -d' ' -f1)-1
    assert_exists "$entry"
    cp "$entry" kept
    for damage in 'sed -i s/good/evil/' 'truncate -s -1' 'truncate -s 0' 'truncate -s +1' 'chmod 666'; do
        cp kept "$entry"
        $damage "$entry"
        assert_equal "$(conversions "$MOAT" policy check p.yaml)" 1 || { echo "$damage" >&2; false; }
        chmod 600 "$entry"
        cmp "$entry" kept # made anew
    done
    cp "$MOAT_DATA_DIR/cache/yaml/$(sha256sum < q.yaml | cut -d' ' -f1)-1" "$entry"
    moat_run --policy p.yaml busybox hostname
    assert_output good
    rm "$entry" && ln -s "$PWD/kept" "$entry"
    assert_equal "$(conversions "$MOAT" policy check p.yaml)" 1
}

@test "a cache that others may enter is not used" {
    echo "version: 1 # $RANDOM" > p.yaml
    "$MOAT" policy check p.yaml
    chmod 755 "$MOAT_DATA_DIR/cache/yaml"
    assert_equal "$(conversions "$MOAT" policy check p.yaml)" 1
    chmod 700 "$MOAT_DATA_DIR/cache/yaml"
    assert_equal "$(conversions "$MOAT" policy check p.yaml)" 0
}

@test "the cache does not grow without end" {
    local i
    for i in {1..140}; do echo "version: 1 # $i" > "$i.yaml"; done
    "$MOAT" policy check [0-9]*.yaml > /dev/null
    [ "$(find "$MOAT_DATA_DIR/cache/yaml" -type f | wc -l)" -le 130 ]
}

@test "without a data directory nothing is made, and the file is read all the same" {
    echo "version: 1" > p.yaml
    MOAT_DATA_DIR=$dir/none run "$MOAT" policy check p.yaml
    assert_success
    refute_exists none
}

@test "JSON and profiles start no helper" {
    echo '{"version": 1}' > p.json
    assert_equal "$(conversions "$MOAT" run --rm --policy p.json busybox true)" 0
    assert_equal "$(conversions "$MOAT" run --rm --profile tool busybox true)" 0
}

# ---- policy check -------------------------------------------------------------------------------------------------------

@test "check tells all mistakes of a file in their order, each with place and accepted form" {
    cat > p.yaml <<'YAML'
version: 1
memroy: 1g
readOnlyRoot: yes
limits:
  memory: 5q
  pids: many
ro: [./src, 3]
network: bridge
YAML
    run "$MOAT" policy check p.yaml
    assert_status 1
    assert_equal "$(cut -d: -f1-3 <<<"$output" | tr '\n' ' ')" "p.yaml:2:1 p.yaml:3:15 p.yaml:5:11 p.yaml:6:9 p.yaml:7:13 p.yaml:8:10 "
    assert_equal "$(grep -c '; accepted: ' <<<"$output")" 6
    assert_contains "accepted: true, or the word in quotes"
    assert_contains "accepted: none or host"
}

@test "check of JSON tells line and column too" {
    printf '{"version": 1,\n "limits": {"memory": "5q"},\n "ro": "x"}' > p.json
    run "$MOAT" policy check p.json
    assert_status 1
    assert_contains "p.json:2:23: limits.memory '5q'"
    assert_contains "p.json:3:8: ro must be"
    printf '{"version": 1,\n ]' > p.json
    run "$MOAT" policy check p.json
    assert_contains "p.json:2:2: expected"
}

@test "check of good files says so, with a summary, and ends with 0" {
    printf 'version: 1\nnetwork: host\nlimits: {memory: 512m, pids: 7}\n' > p.yaml
    echo '{"version": 1}' > p.json
    run "$MOAT" policy check p.yaml p.json
    assert_success
    assert_match '^p.yaml: ok: network of the host, .*512 MiB of memory, 7 processes'
    assert_match $'\np.json: ok: network none'
}

@test "check finds contradictions between members" {
    printf 'version: 1\nlimits:\n  cpus: 1\n  cpuQuota: 5000\n' > p.yaml
    run "$MOAT" policy check p.yaml
    assert_status 1
    assert_contains "not both"
    printf 'version: 1\nseccomp:\n  defaultAction: SCMP_ACT_NOPE\n' > p.yaml
    run "$MOAT" policy check p.yaml
    assert_status 1
    assert_match '^p.yaml:3:3: seccomp: .*SCMP_ACT_NOPE'
}

@test "check --json follows its schema, for good and bad" {
    require_command jq
    printf 'version: 1\n' > good.yaml
    printf 'version: 1\nnetwork: bridge\n' > bad.yaml
    "$MOAT" policy check --json good.yaml bad.yaml missing.json > check.json || [ $? = 1 ]
    judge policy-check.schema.json check.json
    assert_equal "$(jq -c '[.[] | [.file, .format, .ok, (.problems[0].line // 0)]]' check.json)" \
        '[["good.yaml","yaml",true,0],["bad.yaml","yaml",false,2],["missing.json","json",false,1]]'
}

@test "check goes on behind a file that cannot be read" {
    echo '{"version": 1}' > p.json
    run "$MOAT" policy check missing.yaml p.json
    assert_status 1
    assert_contains "missing.yaml:1:1: cannot read the file"
    assert_contains "p.json: ok"
}

@test "the samples are judged alike as JSON and as YAML" {
    local n=0 line
    while IFS= read -r line; do
        n=$((n + 1))
        printf '%s' "$line" > p.json
        python3 -c 'import json, sys; print(json.dumps(json.load(open("p.json")), indent=1))' > p.yaml # JSON is YAML
        local a=0 b=0
        "$MOAT" policy check p.json > /dev/null || a=$?
        "$MOAT" policy check p.yaml > /dev/null || b=$?
        [ $a = $b ] || { echo "JSON $a, YAML $b: $line" >&2; return 1; }
    done < <(sed -nE 's/^(GOOD|BAD)\("[^"]*"(, "([^"\\]|\\.)*")?, (.*)\)$/\4/p' "$MOAT_SRC/tests/unit/policyfile_samples.inc")
    [ $n -gt 30 ]
}

@test "policy without a verb, with a wrong one, or without a file is refused" {
    run "$MOAT" policy
    assert_error 125 "no verb given" "check FILE"
    run "$MOAT" policy chekc
    assert_error 125 "unknown verb 'chekc'"
    run "$MOAT" policy check
    assert_error 125 "no file given"
}

# ---- profiles -----------------------------------------------------------------------------------------------------------

@test "profiles are listed, shown and good" {
    local name
    run "$MOAT" policy profiles
    assert_success
    for name in build decode service tool; do
        assert_match "(^|"$'\n'")$name  +A "
        "$MOAT" policy show --profile $name > $name.yaml
        cmp $name.yaml "$MOAT_SRC/share/profiles/$name.yaml"
        "$MOAT" policy check $name.yaml
        "$MOAT" policy show --profile $name --json > $name.json
        judge policy.schema.json $name.json
    done
    "$MOAT" policy profiles --json > profiles.json
    judge policy-profiles.schema.json profiles.json
}

@test "profile tool: nothing writable but /tmp, no rights, little memory" {
    require_cgroup memory
    moat_run --profile tool busybox sh -c 'touch /x 2>/dev/null || echo closed; echo hi > /tmp/x && cat /tmp/x; cp /bin/busybox /tmp; /tmp/busybox true 2>/dev/null || echo no-exec; grep CapBnd /proc/self/status; ulimit -n; ls /sys/class/net'
    assert_success
    assert_output $'closed\nhi\nno-exec\nCapBnd:\t0000000000000000\n256\nlo'
    run "$MOAT" explain --json --profile tool busybox
    assert_contains "256 MiB"
}

@test "profile decode: a filter of the host, and nothing else" {
    run sh -c 'printf "b\na\n" | "$0" run -b broker --profile decode -- sort' "$MOAT"
    assert_output "a
b"
    run "$MOAT" run -b broker --profile decode -- sh -c 'cp /bin/true /tmp/x; /tmp/x; echo $?; ulimit -n'
    assert_match 126
    assert_match 64
}

@test "profile build: writes where it is told, and runs what it built" {
    mkdir out
    moat_run --profile build --rw out busybox sh -c "touch $dir/out/made; touch /x 2>/dev/null || echo closed; cp /bin/busybox /tmp/; /tmp/busybox echo built; cat /proc/1/comm"
    assert_success
    assert_output $'closed\nbuilt\nmoat-init'
    assert_exists out/made
}

@test "profile service: read-only root, fresh /run and /tmp, many files, no time limit" {
    require_command jq
    moat_run --profile service busybox sh -c 'touch /x 2>/dev/null || echo closed; touch /run/pid /tmp/x && ulimit -n'
    assert_success
    assert_output $'closed\n16384'
    run "$MOAT" explain --json --profile service busybox
    assert_equal "$(jq '[.items[] | select(.item == "time limit")] | length' <<<"$output")" 0
}

@test "defaults, profile, policy file, flags: the later one wins" {
    printf 'version: 1\nlimits: {memory: 128m, pids: 33}\ncapabilities: {add: [NET_RAW]}\n' > p.yaml
    value() { jq -r --arg item "$1" '[.items[] | select(.item == $item)] | last | .value' out.json; }
    require_command jq
    "$MOAT" explain --best-effort --json --profile tool busybox > out.json
    assert_equal "$(value memory) $(value processes) $(value capabilities) $(value 'root file system')" "256 MiB 64 0 of 41 read-only"
    "$MOAT" explain --best-effort --json --profile tool --policy p.yaml busybox > out.json
    assert_equal "$(value memory) $(value processes) $(value capabilities) $(value 'root file system')" "128 MiB 33 1 of 41 read-only"
    "$MOAT" explain --best-effort --json --policy p.yaml --pids-limit 5 --cap-drop NET_RAW --profile tool --read-only=false busybox > out.json
    assert_equal "$(value memory) $(value processes) $(value capabilities) $(value 'root file system')" "128 MiB 5 0 of 41 writable"
}

@test "a profile that does not exist gets a question or the list" {
    moat_run --profile buidl busybox true
    assert_error 125 "'buidl'" "did you mean build?"
    moat_run --profile ../../etc/passwd busybox true
    assert_error 125 "build, decode, service, tool"
    moat_run --bundle . --profile build
    assert_error 125 "--profile cannot go over a bundle"
}

# ---- mistyped values and names --------------------------------------------------------------------------------------------

@test "-m without a unit gets a question in the user's words" {
    moat_run -m 256 busybox true
    assert_error 125 "--memory '256'" "did you mean 256m?"
    refute_contains linux.resources
    printf 'version: 1\nlimits:\n  memory: 256\n' > p.yaml
    moat_run --policy p.yaml busybox true
    assert_error 125 "p.yaml:3:11" "did you mean 256m?"
}

@test "an image that is not there is refused by explain as by run and rmi, with the nearest name" {
    for command in run explain rmi; do
        run "$MOAT" $command busyboy
        assert_error 125 "busyboy" "did you mean busybox?"
    done
    run "$MOAT" explain busybox:latets
    assert_error 125 "did you mean busybox:latest?"
    run "$MOAT" explain nothing-like-it
    assert_error 125 "moat import"
    refute_contains "did you mean"
}

@test "explain finds the default image without importing it, and a directory" {
    MOAT_DATA_DIR=$dir/none run "$MOAT" explain busybox
    assert_success
    refute_exists none
    mkdir tree
    run "$MOAT" explain ./tree true
    assert_success
}

@test "explain counts what is given away apart, and names no block of ids" {
    require_command jq
    run "$MOAT" explain --network host busybox
    assert_success
    assert_match $'\n- network  +the host'
    assert_match ', 1 given away by the policy \(-\)'
    refute_contains 524288
    run "$MOAT" explain --json --network host busybox
    assert_equal "$(jq -r '.items[] | select(.item == "network") | .how' <<<"$output")" granted
    assert_equal "$(jq -r '.items[] | select(.item == "ids") | .value' <<<"$output")" "chosen at run time"
}
