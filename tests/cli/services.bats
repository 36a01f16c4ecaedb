#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Two services of Debian, detached, as their users run them: MOAT_SERVICES_TREE is a root with nginx-light, redis-server, redis-tools
# and curl (debootstrap --variant=minbase --include=nginx-light,redis-server,redis-tools,curl bookworm TREE).
load run

setup_file()
{
    [ -n "$MOAT_SERVICES_TREE" ] || return 0
    run_setup_file
    cp -a "$MOAT_SERVICES_TREE" "$BATS_FILE_TMPDIR/tree"
    # As images of nginx have it: what it logs is what the sandbox logs.
    ln -sf /dev/stdout "$BATS_FILE_TMPDIR/tree/var/log/nginx/access.log"
    ln -sf /dev/stderr "$BATS_FILE_TMPDIR/tree/var/log/nginx/error.log"
    "$MOAT" import "$BATS_FILE_TMPDIR/tree" services > /dev/null 2>&1
}
setup()
{
    [ -n "$MOAT_SERVICES_TREE" ] || skip "MOAT_SERVICES_TREE names no Debian tree with nginx, redis and curl"
    run_setup
}

teardown() { [ -z "$MOAT_SERVICES_TREE" ] || run_teardown; }

answers() { [ "$("$MOAT" exec red redis-cli PING 2>/dev/null)" = PONG ]; }
serves() { [ "$("$MOAT" exec web curl -s -o /dev/null -w '%{http_code}' http://127.0.0.1/ 2>/dev/null)" = 200 ]; }
logged() { grep -q '"GET / HTTP' "$dir/follow"; }

@test "redis: run -d, exec redis-cli, stop by its signal, wait, rm" {
    "$MOAT" run -d --name red services redis-server --save ''
    wait_for 10 answers
    "$MOAT" stop red
    assert_equal "$("$MOAT" wait red)" 0
    "$MOAT" logs red | grep -q "Received SIGTERM"
    assert_equal "$("$MOAT" inspect -f '{{.State.ExitReason}}' red)" stopped
    "$MOAT" rm red
}

@test "nginx: run -d, exec curl, the access line in logs -f, stop, wait, rm" {
    "$MOAT" run -d --name web --stop-signal QUIT services nginx -g 'daemon off;'
    "$MOAT" logs -f web > "$dir/follow" 2>/dev/null 3>&- &
    local follower=$!
    wait_for 10 serves
    wait_for 5 logged
    "$MOAT" stop web
    wait $follower # ends by itself
    assert_equal "$("$MOAT" wait web)" 0
    "$MOAT" rm web
}
