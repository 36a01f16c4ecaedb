# SPDX-License-Identifier: Apache-2.0
# moat import, images, rmi: what a user sees, and what hostile archives cannot do.
bats_require_minimum_version 1.5.0
load ../lib

setup()
{
    DIR=$(mktemp -d "${BATS_TMPDIR:-/tmp}/moat-import.XXXXXX")
    export MOAT_DATA_DIR=$DIR/data
    cd "$DIR"
}

teardown()
{
    cd / && chmod -R u+rwx "$DIR" 2>/dev/null
    rm -rf "$DIR"
}

# rootfs_of IMAGE-ID
rootfs_of() { echo "$MOAT_DATA_DIR/images/${1#sha256:}/rootfs"; }

make_tree()
{
    mkdir -p tree/bin tree/proc
    echo hello > tree/file
    ln tree/file tree/hard
    ln -s file tree/soft
    printf x > tree/bin/su
    chmod 4755 tree/bin/su
    chmod 555 tree/bin
    touch -d @1000000000 tree/file tree/bin
}

# What a copy must keep, one line an entry. Inode numbers become "the same as".
listing() { (cd "$1" && find . -printf '%P %y %m %U:%G %s %l %T@\n' | sed 's/^\( d .*\) [0-9]* \([^ ]*\)$/\1 \2/; s/ d \([0-9:]* [0-9:]*\) [0-9]*/ d \1/' | LC_ALL=C sort); }

@test "a directory becomes an image with everything kept" {
    make_tree
    run -0 moat import tree mine:1
    assert_match '^sha256:[0-9a-f]{64}$'
    root=$(rootfs_of "$output")
    diff <(listing tree) <(listing "$root")
    [ "$root/file" -ef "$root/hard" ]
}

@test "a directory gives the same id as long as it does not change" {
    make_tree
    first=$(moat import tree a)
    assert_equal "$(moat import tree b)" "$first"
    echo changed > tree/file
    [ "$(moat import tree c)" != "$first" ]
}

@test "every kind of compression gives the same tree" {
    make_tree
    tar -C tree --format=pax -cf plain.tar .
    for how in cat:plain gzip:gz xz:xz zstd:zst bzip2:bz2; do
        program=${how%:*} suffix=${how#*:}
        command -v "$program" >/dev/null || { echo "# no $program here" >&3; continue; }
        "$program" < plain.tar > "t.$suffix"
        run -0 moat import "t.$suffix" "t:$suffix"
        diff <(listing tree) <(listing "$(rootfs_of "$output")") || { echo "kind: $suffix"; false; }
    done
}

@test "GNU, pax and ustar archives give the same tree, sparse files and long names too" {
    make_tree
    long=$(printf 'n%.0s' {1..150})
    mkdir -p "tree/$long" && echo long > "tree/$long/$long"
    sparse=tree/sparse
    truncate -s 3M $sparse && printf middle | dd of=$sparse bs=1 seek=1500000 conv=notrunc status=none
    for format in gnu pax; do
        tar -C tree --format=$format -S -cf $format.tar .
        id=$(moat import $format.tar t:$format)
        cmp $sparse "$(rootfs_of "$id")/sparse"
        assert_equal "$(cat "$(rootfs_of "$id")/$long/$long")" long
    done
    for version in 0.0 0.1 1.0; do
        tar -C tree --format=pax --sparse-version=$version -S -cf s.tar .
        cmp $sparse "$(rootfs_of "$(moat import s.tar s)")/sparse" || { echo "sparse version $version"; false; }
    done
}

@test "an archive on standard input" {
    make_tree
    run -0 bash -c 'tar -C tree -c . | "$MOAT" import - piped'
    assert_match '^sha256:'
}

@test "importing again is idempotent" {
    make_tree
    tar -C tree -czf t.tgz .
    first=$(moat import t.tgz a)
    assert_equal "$(moat import t.tgz a)" "$first"
    assert_equal "$(moat images -q | wc -l)" 1
    assert_equal "$(ls -A "$MOAT_DATA_DIR/images" | grep -c tmp)" 0
}

@test "images lists as docker does, and as JSON" {
    require_command jq
    make_tree
    moat import tree registry.example:5000/team/app:1.2 > id
    run -0 moat images
    assert_match '^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE'
    assert_match 'registry.example:5000/team/app +1\.2 +[0-9a-f]{12} '
    run -0 moat images --json
    assert_equal "$(jq -r '.[0] | .repository + ":" + .tag' <<<"$output")" registry.example:5000/team/app:1.2
    assert_equal "$(jq -r '.[0].id' <<<"$output")" "$(cat id)"
    assert_equal "$(jq -r '.[0].size' <<<"$output")" 7
    assert_equal "$(moat images -q)" "$(cut -c8-19 id)"
}

@test "images of an empty store is an empty list" {
    run -0 moat images --json
    assert_output '[]'
    run -0 moat images -q
    assert_output ''
    refute_exists "$MOAT_DATA_DIR"
}

@test "rmi takes the name, and the image with its last name" {
    make_tree
    id=$(moat import tree a)
    moat import tree b:2
    run -0 moat rmi a
    assert_output 'Untagged: a:latest'
    assert_exists "$(rootfs_of "$id")"
    run -0 moat rmi b:2
    assert_line 'Untagged: b:2'
    assert_line "Deleted: $id"
    assert_equal "$(ls -A "$MOAT_DATA_DIR/images" "$MOAT_DATA_DIR/refs" | grep -vc -e : -e '^$' -e '^.lock$')" 0
}

@test "rmi by id refuses an image of several names unless forced" {
    make_tree
    id=$(moat import tree a)
    moat import tree b
    run moat rmi "${id:7:12}"
    assert_error 125 '2 names' '--force'
    run -0 moat rmi --force "$id"
    assert_line "Deleted: $id"
}

@test "a name that moves on leaves an image without name" {
    make_tree
    old=$(moat import tree a)
    echo new > tree/file
    moat import tree a
    run -0 moat images
    assert_match "<none> +<none> +${old:7:12}"
    run -0 moat rmi "${old:7:12}"
    assert_output "Deleted: $old"
}

@test "rmi removes what an archive can make hard to remove" {
    mkdir -p deep/root
    (cd deep/root && for i in {1..500}; do mkdir d && cd d || exit; done; touch end)
    chmod 0 deep/root
    tar -C deep -cf t.tar root
    id=$(moat import t.tar t)
    run -0 moat rmi t
    refute_exists "$(rootfs_of "$id")"
    chmod 755 deep/root
}

@test "rmi of a missing image names it and the remedy" {
    run moat rmi ghost:1
    assert_error 125 ghost:1 'moat images'
}

@test "bad names are refused with an example, and nothing is imported" {
    make_tree
    for name in Upper a..b ../x /etc a/ 'a:' 'a:b/c' 'a b' 'a@sha256:00' '.hidden' 'a:.x' "$(printf 'a%.0s' {1..300})" ''; do
        run moat import tree "$name"
        assert_status 125
        assert_contains 'use ' || { echo "name: $name"; false; }
    done
    refute_exists "$MOAT_DATA_DIR/refs/.."/x
    run -0 moat images -q
    assert_output ''
}

@test "a missing file is refused with what may be given" {
    run moat import missing.tar a
    assert_error 125 missing.tar 'No such file' 'give a tar file, a directory, or oci:DIR'
}

@test "limits are kept and named" {
    make_tree
    run moat import --max-bytes 3 tree a
    assert_error 125 --max-bytes
    run moat import --max-entries 2 tree a
    assert_error 125 'more than 2 entries'
    run -0 moat images -q
    assert_output ''
}

@test "what is mounted in a directory, and the store itself, stay out" {
    require_root
    make_tree
    export MOAT_DATA_DIR=$DIR/tree/store
    mkdir -p tree/store
    run -0 unshare -m sh -c 'mount -t tmpfs none tree/proc && echo mounted > tree/proc/inside && exec "$MOAT" import tree a'
    id=$(grep -o 'sha256:.*' <<<"$output")
    root=$(rootfs_of "$id")
    assert_exists "$root/proc"
    refute_exists "$root/proc/inside"
    refute_exists "$root/store/images"
}

@test "an OCI layout: newest layer wins, whiteouts remove, the config is read" {
    mkdir canary && echo secret > canary/secret
    python3 "$MOAT_SRC/tests/cli/hostile_tars.py" "$DIR/made" "$DIR/canary"
    run -0 moat import oci:made/taken/layers.oci:v1 a
    root=$(rootfs_of "$output")
    assert_equal "$(cd "$root" && find . -type f | LC_ALL=C sort | tr '\n' ' ')" './keep/b ./keep/c ./opaque/both/new ./opaque/new '
    assert_equal "$(cat "$root/keep/b")" 2
    for word in '"A=b"' '"/init"' '"/work"' '"7:8"' '"SIGINT"' 1706933106; do
        grep -qF "$word" "$root/../config.json"
    done
    run moat import oci:made/taken/layers.oci:v2 a
    assert_error 125 v2 'it has: v1'
}

# The canary must have changed for an unpacker without guard: else the archives prove nothing.
@test "hostile archives do reach a canary where nobody guards" {
    mkdir canary && echo secret > canary/secret
    python3 "$MOAT_SRC/tests/cli/hostile_tars.py" "$DIR/made" "$DIR/canary"
    for attack in refused/symlink-absolute-then-write refused/dotdot taken/absolute; do
        rm -f canary/pwned && mkdir -p victim
        python3 - made/$attack.tar <<'P'
import sys, tarfile
t = tarfile.open(sys.argv[1])
t.extraction_filter = lambda member, path: member
t.extractall("victim")
P
        assert_exists canary/pwned || { echo "attack: $attack"; false; }
        rm -rf victim
    done
}

@test "hostile archives touch nothing outside the image" {
    require_command python3
    mkdir canary && echo secret > canary/secret
    python3 "$MOAT_SRC/tests/cli/hostile_tars.py" "$DIR/made" "$DIR/canary"
    state() { find canary -printf '%p %y %m %U:%G %T@ %C@ %s %n\n' | LC_ALL=C sort; cat canary/secret; }
    before=$(state)
    for f in made/refused/* made/taken/*; do
        source=$f
        [ ! -d "$f" ] || source=oci:$f
        run moat import "$source" victim
        case $f in made/refused/*) expected=125 ;; *) expected=0 ;; esac
        assert_status $expected || { echo "archive: $f"; false; }
        [ $expected = 0 ] || [ "$(grep -c . <<<"$output")" = 1 ] || report_run "one line for $f"
        ! grep -q '[[:cntrl:]]' <<<"${output//$'\n'/}" || report_run "control characters for $f"
        assert_equal "$(state)" "$before" || { echo "archive: $f"; false; }
    done
    # No device node, no foreign attribute that an overlay would read.
    [ -z "$(find "$MOAT_DATA_DIR" -type b -o -type c)" ]
    assert_equal "$(ls -A "$MOAT_DATA_DIR/images" | grep -c tmp)" 0
    python3 - "$MOAT_DATA_DIR" <<'P'
import os, sys
for top, dirs, files in os.walk(os.fsencode(sys.argv[1])):
    for name in dirs + files:
        for x in os.listxattr(top + b"/" + name, follow_symlinks=False):
            assert x == "user.kept" or x.startswith("security.selinux"), (top, name, x)
P
}

@test "names keep their bytes: no normal form, no character set" {
    mkdir canary && echo secret > canary/secret
    python3 "$MOAT_SRC/tests/cli/hostile_tars.py" "$DIR/made" "$DIR/canary"
    root=$(rootfs_of "$(moat import made/taken/names-of-any-byte.tar a)")
    assert_exists "$root/"$'e\xcc\x81'
    assert_exists "$root/"$'\xc3\xa9'
    assert_equal "$(ls "$root" | wc -l)" 4
}

tmp_exists() { ls -A "$MOAT_DATA_DIR/images" 2>/dev/null | grep -q '^\.tmp-'; }

@test "a killed import leaves no image, no process, and the next import clears up" {
    make_tree
    head -c 3000000 /dev/zero > tree/big
    tar -C tree -cf t.tar .
    mkfifo pipe
    { head -c 1000000 t.tar; sleep 20; } > pipe & feeder=$!
    "$MOAT" import - a < pipe & victim=$!
    wait_for 5 tmp_exists
    sleep 0.3
    unpacker=$(pgrep -P $victim)
    [ -n "$unpacker" ]
    # While it lives nobody takes its directory away.
    moat import tree other
    tmp_exists
    kill -9 $victim
    wait $victim || true
    wait_for 3 eval "! kill -0 $unpacker"
    kill $feeder
    run -0 moat images
    refute_contains $'\na  '
    tmp_exists
    moat import tree other
    ! tmp_exists
}

@test "an unprivileged user imports into a store of their own" {
    require_root
    command -v setpriv >/dev/null || skip "needs setpriv"
    make_tree
    tar -C tree -cf t.tar .
    chmod 755 "$DIR" && mkdir data && chown 65534:65534 data
    run setpriv --reuid 65534 --regid 65534 --clear-groups "$MOAT" import t.tar a
    assert_success
    assert_contains 'owners are kept only for root'
    id=$(grep -o 'sha256:.*' <<<"$output")
    assert_equal "$(stat -c %u:%a "$(rootfs_of "$id")/bin/su")" 65534:4755
    run -0 setpriv --reuid 65534 --regid 65534 --clear-groups "$MOAT" rmi a
}
