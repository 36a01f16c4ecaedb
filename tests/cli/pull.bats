# SPDX-License-Identifier: Apache-2.0
# moat pull: what a user sees of a real registry, and what a hostile one cannot do.
bats_require_minimum_version 1.5.0
load pull

setup_file() { pull_setup_file; }
teardown_file() { pull_teardown_file; }
setup() { pull_setup; }
teardown() { pull_teardown; }

# ---- a registry as there are many ---------------------------------------------------------------------------------

@test "an image is pulled, named, and runs as it says" {
    run -0 moat pull "$REGISTRY/team/one:1"
    assert_line "1: Pulling from team/one"
    assert_match '[0-9a-f]{12}: Pull complete'
    assert_line "Digest: sha256:$(digest_at team/one:1)"
    assert_line "Status: Downloaded newer image for $REGISTRY/team/one:1"
    assert_equal "${lines[-1]}" "$REGISTRY/team/one:1"
    assert_equal "$(id_of "$REGISTRY/team/one:1")" "sha256:$(digest_at team/one:1)"
    assert_equal "$(moat images --json | jq -r '.[0].digest')" "sha256:$(digest_at team/one:1)"
    run -0 moat run --rm "$REGISTRY/team/one:1"
    assert_output first
    run -0 moat run --rm "$REGISTRY/team/one:1" sh -c 'echo $FROM'
    assert_output registry
}

@test "the tree is that of umoci unpack, whiteouts and all" {
    run -0 moat pull "$REGISTRY/team/many:1"
    assert_equal "$(grep -c 'Pull complete' <<<"$output")" 7
    umoci unpack --image "$LAYOUT:many" "$dir/bundle"
    diff <(listing "$dir/bundle/rootfs") <(listing "$(root_of "$REGISTRY/team/many:1")")
    (cd "$dir/bundle/rootfs" && find . -type f -exec sha256sum {} + | LC_ALL=C sort) > sums
    (cd "$(root_of "$REGISTRY/team/many:1")" && sha256sum --quiet -c) < sums
    [ -s sums ]
    refute_exists "$(root_of "$REGISTRY/team/many:1")/gone/deep"
    assert_equal "$(ls -A "$MOAT_DATA_DIR/images" | grep -c tmp)" 0
}

@test "of an index, this machine's image or the one that --platform names" {
    run -0 moat pull "$REGISTRY/team/multi"
    assert_line "Using default tag: latest"
    assert_line "Digest: sha256:$(digest_at team/multi)"
    own=$(jq -r --arg n one '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $n).digest' "$LAYOUT/index.json")
    other=$(jq -r --arg n other '.manifests[] | select(.annotations["org.opencontainers.image.ref.name"] == $n).digest' "$LAYOUT/index.json")
    assert_equal "$(id_of "$REGISTRY/team/multi:latest")" "$own"
    run -0 --separate-stderr moat pull --platform "linux/$OTHER_ARCH" "$REGISTRY/team/multi"
    [[ $stderr == *"note: the image is for linux/$OTHER_ARCH"* ]]
    assert_equal "$(id_of "$REGISTRY/team/multi:latest")" "$other"
    run -125 moat pull --platform linux/s390x "$REGISTRY/team/multi"
    assert_contains "it has no image for linux/s390x; it has: linux/$OTHER_ARCH linux/$ARCH"
    run -125 moat pull --platform windows/amd64 "$REGISTRY/team/multi"
    assert_contains "only images of linux"
    run -125 moat pull --platform linux/ "$REGISTRY/team/multi"
    assert_contains "not OS/ARCH"
}

@test "pulled again: up to date, without a layer; a moved tag is newer" {
    moat pull -q "$REGISTRY/team/one:1"
    run -0 moat pull "$REGISTRY/team/one:1"
    assert_line "Status: Image is up to date for $REGISTRY/team/one:1"
    refute_contains "Pulling fs layer"
    run -0 moat pull --json "$REGISTRY/team/one:1"
    assert_equal "$(jq -r '.status + " " + (.downloadedBytes | tostring)' <<<"$output")" "up-to-date 0"
    skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/team/one:1" "docker://$REGISTRY/team/moves"
    moat pull -q "$REGISTRY/team/moves"
    skopeo copy -q --src-tls-verify=false --dest-tls-verify=false "docker://$REGISTRY/team/many:1" "docker://$REGISTRY/team/moves"
    run -0 moat pull "$REGISTRY/team/moves"
    assert_line "Status: Downloaded newer image for $REGISTRY/team/moves:latest"
    assert_equal "$(id_of "$REGISTRY/team/moves:latest")" "sha256:$(digest_at team/many:1)"
}

@test "by digest: pulled, listed without a tag, found, removed" {
    digest=sha256:$(digest_at team/multi)
    run -0 moat pull "$REGISTRY/team/multi@$digest"
    assert_equal "${lines[-1]}" "$REGISTRY/team/multi@$digest"
    assert_equal "$(moat images --json | jq -r '.[0] | .repository + " " + (.tag | tostring) + " " + .digest')" "$REGISTRY/team/multi null $digest"
    run -0 moat run --rm "$REGISTRY/team/multi@$digest"
    assert_output first
    run -0 moat rmi "$REGISTRY/team/multi@$digest"
    assert_line "Untagged: $REGISTRY/team/multi@$digest"
    store_is_empty
    run -125 moat pull "$REGISTRY/team/multi@sha256:$(printf '0%.0s' {1..64})"
    assert_contains "has no such image"
    store_is_empty
}

@test "a tag is found by the digest it was pulled with, and stays when that is not its name" {
    moat pull -q "$REGISTRY/team/multi"
    moat pull -q "$REGISTRY/team/one:1"
    run -0 moat run --rm "$REGISTRY/team/multi@sha256:$(digest_at team/multi)"
    run -125 moat rmi "$REGISTRY/team/multi@sha256:$(digest_at team/multi)"
    assert_contains "it has 2 names"
    run -0 moat rmi "$REGISTRY/team/multi"
    run -0 moat run --rm "$REGISTRY/team/one:1"
}

@test "--quiet prints the reference only, --json one object" {
    run -0 --separate-stderr moat pull -q "$REGISTRY/team/one:1"
    assert_output "$REGISTRY/team/one:1"
    [ -z "$stderr" ]
    moat rmi "$REGISTRY/team/one:1"
    moat pull --json "$REGISTRY/team/one:1" > "$dir/json"
    assert_equal "$(jq -r .status "$dir/json")" downloaded
    judge pull.schema.json "$dir/json"
    moat images --json > "$dir/images"
    judge images.schema.json "$dir/images"
}

@test "on a terminal, bars; in a pipe, lines" {
    require_command script bsdutils
    script -qec "stty rows 40 cols 100; $MOAT pull $REGISTRY/team/many:1" /dev/null > "$dir/typescript"
    grep -q $'\033\[7A' "$dir/typescript"
    run -0 moat pull "$REGISTRY/team/one:1"
    refute_contains $'\033'
}

@test "a name without a host needs a default registry" {
    run -125 moat pull team/one:1
    assert_error 125 "names no registry" MOAT_REGISTRY /etc/moat/registry
    MOAT_REGISTRY=$REGISTRY run -0 moat pull -q team/one:1
    assert_output "team/one:1"
    [ -n "$(id_of team/one:1)" ]
    MOAT_REGISTRY=$REGISTRY/team run -0 moat pull -q one:1
    assert_output "one:1"
    run -0 moat run --rm one:1
    MOAT_REGISTRY=team run -125 moat pull one:1
    assert_error 125 "default registry" MOAT_REGISTRY
    run -125 moat pull 'UPPER/case'
    run -125 moat pull one@sha256:12
    assert_error 125 "sha256: and 64 hex digits"
    run -125 moat pull
    run -125 moat pull a b
}

@test "the registry is gone: a clear error, and the image still runs" {
    odd_registry dies
    moat pull -q "$ADDRESS/plain:1"
    stop_pid_file "$PULL/dies/pid"
    run -125 moat pull "$ADDRESS/plain:1"
    assert_contains "$ADDRESS"
    assert_match '(refused|connect)'
    run -0 moat run --rm "$ADDRESS/plain:1"
    assert_output first
    rm "$PULL/dies/port"
}

# ---- registries that break or lie ---------------------------------------------------------------------------------

@test "documents that are none, or of another kind, are refused by name" {
    odd_registry odd
    refused schema1 "schema 1" "push the image again"
    refused schema1-typed "schema 1"
    refused no-json "line 1, column 1"
    refused empty "the end"
    refused cut "expected"
    refused array "no JSON object"
    refused both "an index and a manifest"
    refused confused "comes as"
    refused no-layers "no layers"
    refused strange-type "application/vnd.example.thing"
    refused artifact "describes no image"
    refused strange-layer "application/vnd.example.layer"
    refused bad-digest "not sha256 and 64 hex digits"
    refused negative "size"
    refused no-platform "no image for linux/$ARCH" s390x
    refused absent "no such image" "manifest unknown"
}

@test "sizes have bounds: documents, layers, their number, nesting" {
    odd_registry odd
    refused huge "more than 4194304 bytes"
    refused huge-config "5242880 bytes"
    refused too-large "more than 68719476736 bytes"
    refused too-many "513 layers"
    refused too-deep "nested deeper"
    refused long-header "headers"
    taken deep
}

@test "other content than the digest or the size says is refused" {
    odd_registry odd
    refused altered "digest sha256:" "other content"
    refused larger "more than the" bytes
    refused endless "more than the" bytes
    refused shorter "not the" bytes
    refused ends-early "not the" bytes
    refused swapped bytes
    refused header-lies "says its digest is"
}

@test "a pinned digest holds against a registry that serves something else" {
    odd_registry odd
    digest=$(jq -r '.manifests[0].digest' "$LAYOUT/index.json")
    run -0 moat pull -q "$ADDRESS/plain@$digest"
    moat rmi "$ADDRESS/plain@$digest"
    run -125 moat pull -q "$ADDRESS/swapped@$digest"
    assert_contains "other content"
    store_is_empty
}

@test "a broken connection goes on where it was, and ends after some attempts" {
    odd_registry odd
    taken resumes
    assert_equal "$(grep -c 'GET /v2/resumes/blobs' "$LOG")" 3 # configuration, layer, the rest of it
    taken resumes-whole
    taken hiccup
    assert_equal "$(moat images -q | wc -l)" 1
    moat rmi -f "$(moat images -q)"
    refused resumes-wrong "another part"
    refused breaks "again and again"
    refused unavailable "status 503"
}

@test "a registry that stalls is given up" {
    odd_registry odd
    export MOAT_PULL_STALL=1
    refused stalls "for 1 seconds"
    refused mute "for 1 seconds"
    MOAT_PULL_STALL=0 run -125 moat pull -q "$ADDRESS/plain:1"
    assert_error 125 MOAT_PULL_STALL "1 to 3600"
}

# ---- logins -------------------------------------------------------------------------------------------------------

@test "tokens: fetched without a login, renewed when they expire, never for more than this repository" {
    odd_registry odd
    taken bearer
    grep -q '^GET /token?service=the+service&scope=repository%3[aA]bearer%3[aA]pull -$\|^GET /token?service=the%20service&scope=repository%3[aA]bearer%3[aA]pull -$' "$LOG"
    moat rmi "$ADDRESS/bearer:1"
    taken expires
    [ "$(grep -c /token "$LOG")" -ge 3 ]
    odd_registry asks --ping bearer
    taken plain
    grep -q '^GET /v2/plain/manifests/1 Bearer:' "$LOG"
}

@test "logins that are refused, missing or not understood say so" {
    odd_registry odd
    refused denied "refused (status 401)" "docker's config.json" "who?[31m are you"
    refused basic "user name and a password" "log in"
    refused private "login service"
    refused odd-login "not known here" Negotiate
    odd_registry asks --ping bearer
    refused odd-token "no token that is understood"
    refute_contains X-Evil
}

@test "the login of docker's config.json opens its host, and only its host" {
    odd_registry odd
    login "$ADDRESS"
    taken basic
    grep -q 'GET /v2/basic/manifests/1 Basic:user:pass' "$LOG"
    moat rmi "$ADDRESS/basic:1"
    : > "$LOG"
    login "127.0.0.1:1" "https://elsewhere.example/v1/"
    refused basic "log in"
    never 'Basic:' "$LOG"
    echo '{"auths":{"'"$ADDRESS"'":{"auth":"dXNlcg=="}}}' > "$DOCKER_CONFIG/config.json"
    run -125 moat pull -q "$ADDRESS/basic:1"
    assert_error 125 "USER:PASSWORD" "$DOCKER_CONFIG/config.json"
    never 'Basic:' "$LOG"
}

@test "neither password nor token follows a redirect to another host" {
    odd_registry target
    target=$ADDRESS target_log=$LOG
    odd_registry redirects --other "$target"
    login "$ADDRESS" # not for the target
    : > "$target_log"
    taken elsewhere
    moat rmi "$ADDRESS/elsewhere:1"
    taken private # token by password, then redirects
    grep -q '/token?.* Basic:user:pass' "$LOG"
    grep -q 'GET /v2/private/blobs/.* Bearer:' "$LOG"
    assert_equal "$(grep -c 'GET /v2/plain/blobs' "$target_log")" 2
    never '[^-]$' "$target_log"
}

@test "a login service on another host gets no password without verified TLS" {
    odd_registry target
    target=$ADDRESS target_log=$LOG
    odd_registry realm --ping bearer --realm "http://$target/token"
    login "$ADDRESS"
    : > "$target_log"
    taken plain # its token needs no password
    grep -q '^GET /token?.* -$' "$target_log"
    moat rmi "$ADDRESS/plain:1"
    refused private "login service"
    never 'user:pass' "$target_log"
}

@test "redirects have an end, a scheme and no user name" {
    odd_registry odd
    refused circle "more than 5 redirects"
    refused to-file "http or https"
    refused to-password "http or https"
}

# ---- TLS; names that are not loopback, in a mount namespace with a hosts file of its own ---------------------------------

make_certificates()
{
    require_command openssl
    cd "$PULL" || return
    [ ! -e server.pem ] || return 0
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.pem 2>/dev/null
    openssl req -newkey rsa:2048 -nodes -subj /CN=registry.test -keyout server.key -out server.csr 2>/dev/null
    printf 'subjectAltName=DNS:registry.test,IP:127.0.0.1\n' > server.ext
    openssl x509 -req -days 2 -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile server.ext -out server.pem 2>/dev/null
}

# with_hosts COMMAND...: registry.test is 127.0.0.1
with_hosts()
{
    printf '127.0.0.1 localhost registry.test wrong.test\n' > "$PULL/hosts"
    unshare -m sh -c 'mount --bind "$1" /etc/hosts && shift && exec "$@"' sh "$PULL/hosts" "$@"
}

@test "TLS: the certificate must be vouched for and be the host's" {
    make_certificates
    odd_registry tls --tls "$PULL/server.pem" "$PULL/server.key"
    port=${ADDRESS#*:}
    run -125 with_hosts "$MOAT" pull -q "registry.test:$port/plain:1"
    assert_error 125 "certificate" SSL_CERT_FILE
    store_is_empty
    export SSL_CERT_FILE=$PULL/ca.pem
    run -0 with_hosts "$MOAT" pull -q "registry.test:$port/plain:1"
    run -125 with_hosts "$MOAT" pull -q "wrong.test:$port/plain:1"
    assert_contains "certificate"
    run -0 with_hosts "$MOAT" pull -q --insecure-registry "wrong.test:$port" "wrong.test:$port/plain:1"
    SSL_CERT_FILE=/nowhere run -125 moat pull -q "$ADDRESS/plain:1"
    assert_error 125 SSL_CERT_FILE /nowhere
    unset SSL_CERT_FILE
    run -0 moat pull -q "$ADDRESS/plain:2" # loopback: any certificate
}

@test "without TLS only loopback and what --insecure-registry names" {
    odd_registry odd
    port=${ADDRESS#*:}
    run -125 with_hosts "$MOAT" pull -q "registry.test:$port/plain:1"
    assert_error 125 "registry.test:$port"
    store_is_empty
    never . "$LOG"
    run -125 with_hosts "$MOAT" pull -q --insecure-registry "wrong.test:$port" "registry.test:$port/plain:1"
    run -0 with_hosts "$MOAT" pull -q --insecure-registry "registry.test:$port" "registry.test:$port/plain:1"
    run -125 moat pull --insecure-registry a/b "$ADDRESS/plain:1"
    assert_error 125 "not HOST"
}

@test "a registry elsewhere can point neither to http nor to this machine" {
    make_certificates
    export SSL_CERT_FILE=$PULL/ca.pem
    odd_registry target
    target=$ADDRESS target_log=$LOG
    odd_registry tls-http --tls "$PULL/server.pem" "$PULL/server.key" --other "http://$target"
    : > "$target_log"
    run -125 with_hosts "$MOAT" pull -q "registry.test:${ADDRESS#*:}/elsewhere:1"
    assert_error 125 "only https is taken"
    store_is_empty
    never . "$target_log"
    odd_registry tls-target --tls "$PULL/server.pem" "$PULL/server.key"
    target=$ADDRESS target_log=$LOG
    odd_registry tls-local --tls "$PULL/server.pem" "$PULL/server.key" --other "https://$target"
    run -125 with_hosts "$MOAT" pull -q "registry.test:${ADDRESS#*:}/elsewhere:1"
    assert_error 125 "address of this machine"
    store_is_empty
    never . "$target_log"
}

# ---- deaths -------------------------------------------------------------------------------------------------------

stalled_pull()
{
    odd_registry odd
    MOAT_PULL_STALL=600 "$MOAT" pull "$ADDRESS/stalls:1" > "$dir/out" 2> "$dir/err" 3>&- &
    pid=$!
    helpers+=("$pid")
    wait_for 10 grep -q 'GET /v2/stalls/blobs/.*' "$LOG"
    wait_for 10 helper_is_there
    helper=$(pgrep -P "$pid")
}
helper_is_there() { pgrep -P "$pid"; }

@test "killed: the helper ends too, and moat system check clears what is left" {
    stalled_pull
    kill -9 "$pid"
    wait "$pid" || true
    wait_for 5 not_running "$helper"
    left=$(ls -A "$MOAT_DATA_DIR/images" | grep -c '^\.tmp-') # what was fetched, and perhaps a tree begun
    [ "$left" -ge 1 ]
    run -0 moat system check --json
    assert_equal "$(jq .imageBuilds <<<"$output")" "$left"
    store_is_empty
}

@test "the helper is killed: an error that says so, and nothing is left" {
    stalled_pull
    kill -9 "$helper"
    code=0
    wait "$pid" || code=$?
    assert_equal "$code" 125
    grep -q 'moat-pull was ended by signal 9' "$dir/err"
    store_is_empty
}

@test "interrupted: tidy, and ended by the signal" {
    stalled_pull
    kill -TERM "$pid"
    code=0
    wait "$pid" || code=$?
    assert_equal "$code" 143
    grep -q interrupted "$dir/err"
    not_running "$helper"
    store_is_empty
}

# ---- the walls ----------------------------------------------------------------------------------------------------

@test "the helper is shut in: no capability, own root, filter, nothing of moat's" {
    stalled_pull
    status=/proc/$helper/status
    assert_equal "$(awk '/^Cap(Prm|Eff|Bnd|Inh|Amb)/ { print $2 }' $status | sort -u)" 0000000000000000
    assert_equal "$(awk '/^NoNewPrivs/ { print $2 }' $status)" 1
    assert_equal "$(awk '/^Seccomp:/ { print $2 }' $status)" 2
    assert_equal "$(ls "/proc/$helper/root" | tr '\n' ' ')" "blobs etc "
    [ "$(readlink "/proc/$helper/ns/mnt")" != "$(readlink /proc/self/ns/mnt)" ]
    [ -z "$(tr '\0' '\n' < "/proc/$helper/environ")" ]
    run -0 bash -c "ls -l /proc/$helper/fd | awk '\$11 ~ /^\// { print \$11 }' | grep -v '^/dev/null\$\|/images/\.tmp-\|/ca-certificates.crt\$' | wc -l"
    assert_output 0
    assert_equal "$(awk '/Max core/ { print $5 }' "/proc/$helper/limits")" 0
}

# taken_over HELPER FILE: $MOAT is one whose helper is FILE.
taken_over()
{
    mkdir -p "$dir/bin/libexec"
    cp "$MOAT" "$dir/bin/moat"
    cp "$(dirname "$MOAT")/libexec/moat-"{pull,unpack} "$dir/bin/libexec"
    cp "$2" "$dir/bin/libexec/$1"
    chmod +x "$dir/bin/libexec/$1"
    /usr/bin/python3 -c pass || skip "needs /usr/bin/python3"
    ADDRESS=127.0.0.1:9
    MOAT=$dir/bin/moat
}

@test "a helper that was taken over cannot hold moat: silence, repetition and floods end" {
    taken_over moat-pull "$BATS_TEST_DIRNAME/liar.py"
    export MOAT_PULL_STALL=1
    local lie pids=()
    for lie in half again; do # both at once, each with a store of its own
        (MOAT_DATA_DIR=$dir/$lie && refused $lie "nothing new for 10 seconds") > "$dir/$lie.said" 2>&1 3>&- &
        pids+=($!)
    done
    for lie in 0 1; do
        wait "${pids[lie]}" || { cat "$dir"/*.said >&2; false; }
    done
    run -0 timeout 60 "$MOAT" pull -q "$ADDRESS/flood:1"
}

@test "interrupted while a layer is unpacked by a helper that does not end" {
    printf '#!/bin/sh\necho $$ > %s\nexec sleep 1000\n' "$dir/unpacks" > unpack
    taken_over moat-unpack unpack
    cp "$BATS_TEST_DIRNAME/liar.py" "$dir/bin/libexec/moat-pull"
    "$MOAT" pull -q "$ADDRESS/honest:1" > "$dir/out" 2> "$dir/err" 3>&- &
    pid=$!
    helpers+=("$pid")
    wait_for 10 test -s unpacks
    kill -TERM "$pid"
    code=0
    wait "$pid" || code=$?
    assert_equal "$code" 143
    not_running "$(< unpacks)"
    store_is_empty
}

@test "a helper that was taken over convinces moat of nothing" {
    taken_over moat-pull "$BATS_TEST_DIRNAME/liar.py"
    refused content "its bytes have the digest"
    refused link "sha256/"
    refused fifo "no regular file"
    refused path "another request"
    refused number "not understood"
    refused version "not understood"
    refused unended "not understood"
    refused length "not understood"
    refused torn "without a result"
    refused words "?]0;owned??moat: all is well"
    refused silent "status 3"
    refused closed "ended by signal 9"
    run -125 "$MOAT" pull -q "$ADDRESS/other@sha256:$(printf 'a%.0s' {1..64})"
    assert_error 125 "instead of sha256:aaaaaaaaaaaa"
    store_is_empty
}

@test "moat itself does not link libcurl" {
    require_command readelf binutils
    readelf -d "$MOAT" > "$dir/dynamic"
    never NEEDED "$dir/dynamic"
    readelf -d "$(dirname "$MOAT")/libexec/moat-pull" | grep -q libcurl
}

@test "without root: the same, with files that belong to the puller" {
    require_userns
    require_command setpriv util-linux
    odd_registry odd
    own=$(mktemp -d "${BATS_TMPDIR:-/tmp}/moat-pull.XXXXXX")
    chown 12345:12345 "$own"
    as=(env -u DOCKER_CONFIG MOAT_DATA_DIR="$own/data" HOME="$own" setpriv --reuid 12345 --regid 12345 --clear-groups)
    "${as[@]}" "$MOAT" version > /dev/null || { rm -rf "$own"; skip "another user does not reach $MOAT"; }
    run "${as[@]}" "$MOAT" pull "$ADDRESS/plain:1"
    strangers=$(find "$own" ! -user 12345)
    rm -rf "$own"
    assert_success
    assert_contains "Status: Downloaded"
    assert_contains "all files belong to you"
    assert_equal "$strangers" ""
}

# ---- surroundings -------------------------------------------------------------------------------------------------

@test "names are looked up by DNS from inside the walls" {
    require_command ip iproute2
    mkdir "$dir/state"
    echo 'nameserver 127.0.0.1' > "$dir/resolv.conf"
    cat > "$dir/dns.py" <<'EOF'
import socket
s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
s.bind(("127.0.0.1", 53))
while True:
    q, peer = s.recvfrom(512)
    name = q[12 : q.index(b"\0", 12) + 5]
    known = name.startswith(b"\x08registry\x03dns\x04test\0") and name[-3] == 1
    answer = b"\xc0\x0c\0\x01\0\x01\0\0\0\x05\0\x04\x7f\0\0\x01" if known else b""
    s.sendto(q[:2] + b"\x85\x80\0\x01" + (b"\0\x01" if known else b"\0\0") + b"\0\0\0\0" + name + answer, peer)
EOF
    cat > "$dir/inside" <<'EOF'
ip link set lo up && mount --bind "$1/resolv.conf" /etc/resolv.conf || exit 77
python3 "$1/dns.py" & dns=$!
python3 "$2/registry.py" "$1/state" "$LAYOUT" & registry=$!
for i in $(seq 100); do [ -s "$1/state/port" ] && break; sleep 0.05; done
host=registry.dns.test:$(cat "$1/state/port")
"$MOAT" pull -q --insecure-registry "$host" "$host/plain:1"; code=$?
"$MOAT" pull -q --insecure-registry "unknown.$host" "unknown.$host/plain:1" 2> "$1/unknown"
kill $dns $registry
exit $code
EOF
    run unshare -mn sh "$dir/inside" "$dir" "$BATS_TEST_DIRNAME" 3>&-
    [ "$status" != 77 ] || skip "no network namespace, or no /etc/resolv.conf to cover"
    assert_success
    assert_match '^registry.dns.test:[0-9]*/plain:1$'
    grep -q 'unknown.registry.dns.test: .*name resolution' "$dir/unknown"
}

@test "several pulls of one image at a time: all succeed, one image, nothing left" {
    for i in 1 2 3; do
        "$MOAT" pull -q "$REGISTRY/team/many:1" > "$dir/out$i" 2>&1 3>&- &
        helpers+=($!)
    done
    for p in "${helpers[@]}"; do wait "$p" || { cat "$dir"/out*; false; }; done
    helpers=()
    assert_equal "$(moat images -q | wc -l)" 1
    assert_equal "$(find "$MOAT_DATA_DIR/images" -name '.tmp-*' | wc -l)" 0
}

@test "a full disk is said so" {
    mkdir "$dir/small"
    run unshare -m sh -c 'mount -t tmpfs -o size=600k none "$1" && MOAT_DATA_DIR=$1/data "$2" pull -q "$3"; code=$?; ls -A "$1/data/images" > "$4"; exit $code' \
        sh "$dir/small" "$MOAT" "$REGISTRY/team/one:1" "$dir/left"
    assert_error 125 "No space left on device"
    assert_equal "$(cat "$dir/left")" .lock
}
