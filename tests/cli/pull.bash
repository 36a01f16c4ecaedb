# SPDX-License-Identifier: Apache-2.0
# For pull.bats: images made by umoci, Debian's docker-registry, and registries that misbehave (registry.py). All listen on
# 127.0.0.1, keep their files in the test's directory and are stopped by pid.
load run

ARCH=$(uname -m | sed 's/x86_64/amd64/; s/aarch64/arm64/')
OTHER_ARCH=$([ "$ARCH" = amd64 ] && echo arm64 || echo amd64)

free_port() { python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'; }

pull_setup_file()
{
    local p
    require_root
    for p in umoci skopeo docker-registry jq python3; do require_command $p; done
    export PULL=$BATS_FILE_TMPDIR
    export LAYOUT=$PULL/layout DOCKER_CONFIG=$PULL/no-config MOAT_PULL_STALL=20
    unset MOAT_REGISTRY SSL_CERT_FILE
    run_setup_file && make_images >"$PULL/make.log" 2>&1 || { cat "$PULL/make.log"; return 1; }
    REGISTRY=127.0.0.1:$(free_port)
    export REGISTRY
    start_docker_registry && push_images
}

# The layer of each image holds busybox, so that it can run.
make_images()
{
    umoci init --layout "$LAYOUT"
    umoci new --image "$LAYOUT:one"
    umoci unpack --image "$LAYOUT:one" "$PULL/bundle"
    cp -a "$MOAT_BUSYBOX/." "$PULL/bundle/rootfs/"
    echo first > "$PULL/bundle/rootfs/file"
    umoci repack --refresh-bundle --image "$LAYOUT:one" "$PULL/bundle"
    umoci config --image "$LAYOUT:one" --config.cmd cat --config.cmd /file --config.env FROM=registry --author test
    umoci tag --image "$LAYOUT:one" many
    many_layers "$PULL/bundle/rootfs"
    umoci config --image "$LAYOUT:one" --tag other --architecture "$OTHER_ARCH"
    add_index multi one "$ARCH" other "$OTHER_ARCH"
}

many_layers()
{
    local i root=$1
    mkdir -p "$root/gone/deep" "$root/kept" && echo x > "$root/gone/deep/file"
    for i in {1..6}; do
        echo "$i" > "$root/file"
        echo "$i" > "$root/kept/$i"
        mkdir "$root/dir$i" && ln -s "../file" "$root/dir$i/link" && ln "$root/file" "$root/dir$i/hard"
        [ "$i" != 3 ] || rm -rf "$root/gone" "$root/kept/1" "$root/dir1"
        [ "$i" != 4 ] || { mkdir "$root/gone" && echo again > "$root/gone/new"; }
        [ "$i" != 5 ] || { rm -r "$root/dir2" && echo file > "$root/dir2" && chown 12:34 "$root/dir2" && chmod 4751 "$root/dir2"; }
        umoci repack --refresh-bundle --image "$LAYOUT:many" "$PULL/bundle"
    done
}

# add_index NAME REF ARCH REF ARCH: an index in the layout, of manifests that are there.
add_index()
{
    local index=$LAYOUT/index.json document hash
    document=$(jq -c --arg one "$2" --arg a "$3" --arg two "$4" --arg b "$5" '
        def of($ref; $arch): .manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $ref)
            | {mediaType, digest, size, platform: {os: "linux", architecture: $arch}};
        {schemaVersion: 2, mediaType: "application/vnd.oci.image.index.v1+json", manifests: [of($two; $b), of($one; $a)]}' "$index")
    hash=$(printf %s "$document" | sha256sum | cut -d' ' -f1)
    printf %s "$document" > "$LAYOUT/blobs/sha256/$hash"
    jq -c --arg name "$1" --arg digest "sha256:$hash" --argjson size "${#document}" '
        .manifests += [{mediaType: "application/vnd.oci.image.index.v1+json", digest: $digest, size: $size,
                        annotations: {"org.opencontainers.image.ref.name": $name}}]' "$index" > "$index.new"
    mv "$index.new" "$index"
}

start_docker_registry()
{
    mkdir -p "$PULL/storage"
    cat > "$PULL/registry.yml" <<EOF
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $PULL/storage}}
http: {addr: $REGISTRY}
EOF
    docker-registry serve "$PULL/registry.yml" > "$PULL/registry.log" 2>&1 3>&- &
    echo $! > "$PULL/registry.pid"
    wait_for 10 curl_ping || { cat "$PULL/registry.log"; return 1; }
}

curl_ping() { python3 -c 'import sys, urllib.request; urllib.request.urlopen(sys.argv[1])' "http://$REGISTRY/v2/"; }

push_images()
{
    local name
    for name in one many; do
        skopeo copy -q --dest-tls-verify=false "oci:$LAYOUT:$name" "docker://$REGISTRY/team/$name:1" || return
    done
    skopeo copy -q --all --dest-tls-verify=false "oci:$LAYOUT:multi" "docker://$REGISTRY/team/multi"
}

stop_pid_file()
{
    [ -s "$1" ] || return 0
    local pid
    pid=$(cat "$1")
    rm -f "$1"
    kill "$pid" 2>/dev/null || return 0
    wait_for 5 not_running "$pid" || kill -9 "$pid"
}
not_running() { ! kill -0 "$1" 2>/dev/null; }

# odd_registry NAME OPTION...: registry.py; its address is $ADDRESS, its log $LOG.
odd_registry()
{
    local state=$PULL/$1
    shift
    if ! [ -s "$state/port" ]; then
        mkdir -p "$state"
        python3 "$BATS_TEST_DIRNAME/registry.py" "$state" "$LAYOUT" "$@" > "$state/out" 2>&1 3>&- &
        echo $! > "$state/pid"
        wait_for 10 test -s "$state/port" || { cat "$state/out"; return 1; }
    fi
    ADDRESS=127.0.0.1:$(cat "$state/port")
    LOG=$state/log
    : > "$LOG"
}

pull_teardown_file()
{
    local p
    for p in "$PULL"/*/pid "$PULL/registry.pid"; do stop_pid_file "$p"; done
}

# ---- what a test looks at -----------------------------------------------------------------------------------------

pull_setup()
{
    run_setup
    export MOAT_DATA_DIR=$BATS_TEST_TMPDIR/data
}

pull_teardown()
{
    local p
    for p in "${helpers[@]}"; do kill -9 "$p" 2>/dev/null && wait "$p" 2>/dev/null || true; done
}

id_of() { moat images --no-trunc --json | jq -r --arg name "$1" '.[] | select(.repository + ":" + .tag == $name) | .id'; }
root_of() { echo "$MOAT_DATA_DIR/images/$(id_of "$1" | cut -d: -f2)/rootfs"; }
digest_at() { skopeo inspect --raw --tls-verify=false "docker://$REGISTRY/$1" | sha256sum | cut -d' ' -f1; }

listing() { (cd "$1" && find . -printf '%P %y %m %U:%G %s %l\n' | sed 's/^\( *[^ ]* d .*\) [0-9]* $/\1/' | LC_ALL=C sort); }

# Nothing of a pull is left: no image, no name, no directory under way.
store_is_empty()
{
    local left
    left=$(find "$MOAT_DATA_DIR/images" "$MOAT_DATA_DIR/refs" -mindepth 1 ! -name .lock)
    [ -z "$left" ] || { echo "left in the store: $left" >&2; return 1; }
}

# refused REPOSITORY WORD...: the odd registry's repository cannot be pulled, the error has the words, nothing is left.
refused()
{
    local repository=$1
    shift
    run "$MOAT" pull -q "$ADDRESS/$repository:1"
    assert_error 125 "moat pull: $ADDRESS/$repository: " "$@" || { echo "repository: $repository" >&2; return 1; }
    store_is_empty
}

# never PATTERN FILE: no line of it matches.
never()
{
    grep -- "$1" "$2" >&2 || return 0
    echo "these lines of $2 should not be there: $1" >&2
    return 1
}

taken()
{
    run -0 "$MOAT" pull -q "$ADDRESS/$1:1" || { echo "repository: $1" >&2; return 1; }
    assert_output "$ADDRESS/$1:1"
    [ -n "$(id_of "$ADDRESS/$1:1")" ]
}

login() # login HOST...: docker's config.json with user:pass for these hosts
{
    export DOCKER_CONFIG=$BATS_TEST_TMPDIR/docker
    mkdir -p "$DOCKER_CONFIG"
    printf '%s\n' "$@" | jq -Rn '{auths: [inputs | {(.): {auth: ("user:pass" | @base64)}}] | add}' > "$DOCKER_CONFIG/config.json"
}
