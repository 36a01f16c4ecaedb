#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What docker's commands do, one row a behaviour: row STATUS STDOUT STDERR COMMANDS. Every row is true of docker and has to
# be true of moat. MOAT_ROWS_CLIENT=docker runs the rows against docker, and so does the last test under --full.
# `c` is the client; it and the other words of the rows (q, up, is, said, eventually, ended) are in docker_rows.bash,
# and containers are called box, jar and tin.
#
# Written around what differs by design: where an image comes from, networks, the length of ids, the wording of errors.
bats_require_minimum_version 1.5.0
load docker_rows

setup_file() { rows_setup_file; }
teardown_file() { rows_teardown_file; }
setup() { rows_setup; }
teardown() { rows_clear; }

# ---- run: exit status -------------------------------------------------------------------------------------------

@test "run: status 0" { row 0 '' '' 'c run --rm busybox true'; }
@test "run: the workload's own status" { row 3 '' '' 'c run --rm busybox sh -c "exit 3"'; }
@test "run: 125, unknown option" { row 125 '' 'no-such-option' 'c run --no-such-option busybox true'; }
@test "run: 125, no such image" { row 125 '' 'nosuchimage' 'c run --pull never nosuchimage true'; }
@test "run: 125, malformed value" { row 125 '' 'lots' 'c run --memory lots busybox true'; }
@test "run: 125, a name with a blank" { row 125 '' '[nN]ame' 'c run --name "a b" busybox true'; }
@test "run: 126, not executable" { row 126 '' '/etc/passwd' 'c run --rm busybox /etc/passwd'; }
@test "run: 126, a directory" { row 126 '' '/etc' 'c run --rm busybox /etc'; }
@test "run: 127, not found in PATH" { row 127 '' 'nosuchprogram' 'c run --rm busybox nosuchprogram'; }
@test "run: 127, no such path" { row 127 '' '/no/such/program' 'c run --rm busybox /no/such/program'; }
@test "run: 137, killed" { row 137 '^up$' '' <<'-'
c run --name box busybox sh -c "$UP" & pid=$!
said box up
q kill box
wait $pid
-
}
@test "run: 143, ended by SIGTERM" { row 143 '' '' <<'-'
c run --init --name box busybox sleep 100 & pid=$!
is box running
q kill -s TERM box
wait $pid
-
}
@test "run: the client's SIGTERM goes to the workload" { row 7 '^up$' '' <<'-'
rows_client run --name box busybox sh -c "$UP" & pid=$!
said box up
pkill -TERM -P $pid || kill -TERM $pid # the client is a child of the subshell, or the subshell itself
wait $pid
-
}

# ---- run: what is left ------------------------------------------------------------------------------------------

@test "run: without --rm, ps -a has it" { row 0 '^box Exited \(3\) ' '' <<'-'
ended box 3
c ps -a --format '{{.Names}} {{.Status}}'
-
}
@test "run: with --rm, ps -a has nothing" { row 0 '' '' <<'-'
q run --rm busybox true
c ps -aq
-
}
@test "run: with --rm, nothing is left of a failed start" { row 0 '' '' <<'-'
c run --rm busybox nosuchprogram 2> /dev/null || [ $? = 127 ]
c ps -aq
-
}
@test "run: a command that is not there leaves Created" { row 0 '^box Created$' '' <<'-'
c run --name box busybox nosuchprogram 2> /dev/null || [ $? = 127 ]
c ps -a --format '{{.Names}} {{.Status}}'
-
}
@test "run: a name in use is 125, and the first stays" { row 0 '^125 one$' '[cC]onflict|in use' <<'-'
q run --name box busybox echo one
s=0; c run --name box busybox echo two || s=$?
echo $s $(c logs box)
-
}
@test "run: a name of a removed container is free" { row 0 $'^one\ntwo$' '' <<'-'
c run --rm --name box busybox echo one
c run --rm --name box busybox echo two
-
}
@test "run: --restart with --rm is refused" { row 125 '' '--restart.*--rm|--rm.*--restart' 'c run --rm --restart always busybox true'; }

# ---- run: options -----------------------------------------------------------------------------------------------

@test "run: stdout and stderr stay apart" { row 0 '^out$' '^err$' 'c run --rm busybox sh -c "echo out; echo err >&2"'; }
@test "run: -i reads stdin" { row 0 '^hello$' '' 'echo hello | c run --rm -i busybox cat'; }
@test "run: without -i stdin is empty" { row 0 '^0$' '' 'echo hello | c run --rm busybox wc -c'; }
@test "run: -i carries any bytes" { row 0 '' '' <<'-'
head -c 300000 /dev/urandom > blob
c run --rm -i busybox cat < blob | cmp - blob
-
}
@test "run: -t without a terminal of one's own" { row 0 '^/dev/pts/0$' '' 'c run --rm -t busybox tty'; }
@test "run: without -t there is no terminal" { row 1 '^not a tty$' '' 'c run --rm busybox tty'; }
@test "run: the image's command is the default" { row 0 '^hi$' '' 'echo "echo hi" | c run --rm -i busybox'; }
@test "run: -e, the later wins" { row 0 '^2\|x y$' '' <<'-'
c run --rm -e A=1 -e 'B=x y' -e A=2 busybox sh -c 'echo "$A|$B"'
-
}
@test "run: -e NAME takes the caller's value, or none" { row 0 '^own\|unset$' '' <<'-'
export ROWS_OWN=own
c run --rm -e ROWS_OWN -e ROWS_NONE busybox sh -c 'echo "$ROWS_OWN|${ROWS_NONE-unset}"'
-
}
@test "run: --env-file, and -e goes over it" { row 0 '^3\|x=y\|unset$' '' <<'-'
printf '# A=0\n\nA=1\nB=x=y\n' > env
c run --rm --env-file env -e A=3 busybox sh -c 'echo "$A|$B|${C-unset}"'
-
}
@test "run: --env-file that is not there" { row 125 '' 'nosuchfile' 'c run --rm --env-file nosuchfile busybox true'; }
@test "run: -w" { row 0 '^/usr/bin$' '' 'c run --rm -w /usr/bin busybox pwd'; }
@test "run: -w makes the directory" { row 0 '^/new/dir$' '' 'c run --rm -w /new/dir busybox pwd'; }
@test "run: -w relative is refused" { row 125 '' 'absolute' 'c run --rm -w usr busybox pwd'; }
@test "run: -u number" { row 0 $'^1000\n0$' '' 'c run --rm -u 1000 busybox sh -c "id -u; id -g"'; }
@test "run: -u number:number" { row 0 $'^1000\n1001$' '' 'c run --rm -u 1000:1001 busybox sh -c "id -u; id -g"'; }
@test "run: -u name" { row 0 $'^65534\n65534$' '' 'c run --rm -u nobody busybox sh -c "id -u; id -g"'; }
@test "run: -u unknown name" { row '12[56]' '' 'nosuchuser' 'c run --rm -u nosuchuser busybox id'; }
@test "run: --entrypoint" { row 0 '^a b$' '' 'c run --rm --entrypoint echo busybox a b'; }
@test "run: --hostname" { row 0 '^hh$' '' 'c run --rm --hostname hh busybox hostname'; }
@test "run: the host name is the short id" { row 0 '^same$' '' <<'-'
q run -d --name box busybox sleep 100
[ "$(c exec box hostname)" = "$(c ps -q)" ] && echo same
-
}
@test "run: --read-only" { row 1 '' 'Read-only file system' 'c run --rm --read-only busybox touch /x'; }
@test "run: --tmpfs, with options" { row 0 '^tmpfs$' '' <<'-'
c run --rm --read-only --tmpfs /t:size=1m busybox sh -c 'touch /t/x; df -k /t | awk "NR == 2 && \$2 == 1024 { print \$1 }"'
-
}
@test "run: -v, read-write" { row 0 $'^in\nout$' '' <<'-'
mkdir v; echo in > v/a
c run --rm -v "$PWD/v:/v" busybox sh -c 'cat /v/a; echo out > /v/b'
cat v/b
-
}
@test "run: -v, ro" { row 1 '^in$' 'Read-only file system' <<'-'
mkdir v; echo in > v/a
c run --rm -v "$PWD/v:/v:ro" busybox sh -c 'cat /v/a; echo out > /v/b'
-
}
@test "run: --mount type=bind,readonly" { row 1 '' 'Read-only file system' <<'-'
mkdir v
c run --rm --mount "type=bind,source=$PWD/v,target=/v,readonly" busybox touch /v/x
-
}
@test "run: --cap-drop ALL" { row 0 '^0000000000000000$' '' <<'-'
c run --rm --cap-drop ALL busybox awk '/CapEff/ { print $2 }' /proc/self/status
-
}
@test "run: --cap-drop CHOWN" { row 1 '' 'Operation not permitted' 'c run --rm --cap-drop CHOWN busybox chown 1:1 /tmp'; }
@test "run: --ulimit" { row 0 $'^100\n200$' '' 'c run --rm --ulimit nofile=100:200 busybox sh -c "ulimit -Sn; ulimit -Hn"'; }
@test "run: --pids-limit" { row '[12]' '' "can't fork" <<'-'
c run --rm --pids-limit 5 busybox sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait'
-
}
@test "run: --init is process 1" { row 0 '^[2-9][0-9]*$' '' "c run --rm --init busybox sh -c 'echo \$\$'"; }
@test "run: without --init the command is process 1" { row 0 '^1$' '' "c run --rm busybox sh -c 'echo \$\$'"; }
@test "run: -m, over it is 137 and OOMKilled" { row 0 '^137 true 137$' '' <<'-'
# The pause: docker hears of it by an event, which may come later than the end.
s=0; c run --name box -m 16m --tmpfs /t busybox sh -c 'dd if=/dev/zero of=/t/x bs=1M count=64; s=$?; sleep 0.3; exit $s' 2> err || s=$?
echo $s $(state box OOMKilled) $(state box ExitCode)
-
}
@test "run: killed otherwise is not OOMKilled" { row 0 '^false$' '' <<'-'
up box
q kill box
state box OOMKilled
-
}
@test "run: --shm-size" { row 0 '^7168$' '' <<'-'
c run --rm --shm-size 7m busybox df -k /dev/shm | awk 'NR == 2 { print $2 }'
-
}

# ---- run -d, create, start --------------------------------------------------------------------------------------

@test "run -d: prints one line and returns" { row 0 '^[0-9a-zA-Z_.-]+$' '' 'c run -d busybox sleep 100'; }
@test "run -d: what it prints is the id" { row 0 '^same$' '' <<'-'
id=$(c run -d --name box busybox sleep 100)
[ "$id" = "$(c inspect -f '{{.Id}}' box)" ] && [ "$id" = "$(c ps -q --no-trunc)" ] && echo same
-
}
@test "run -d: its output is in the logs alone" { row 0 '^[^ ]+ up$' '' <<'-'
id=$(c run -d --name box busybox sh -c "$UP")
said box up
echo $id $(c logs box)
-
}
@test "run -d: a missing command is 127 and leaves Created" { row 0 '^127 Created$' 'nosuchprogram' <<'-'
s=0; c run -d --name box busybox nosuchprogram > /dev/null || s=$?
echo $s $(c ps -a --format '{{.Status}}')
-
}
@test "run -d: not executable is 126" { row 126 '.*' '/etc/passwd' 'c run -d busybox /etc/passwd'; }
@test "run -d: a failing workload is no failure of run" { row 0 '^3$' '' <<'-'
q run -d --name box busybox sh -c 'exit 3'
c wait box
-
}
@test "run -d --rm: gone when it has ended" { row 0 '' '' <<'-'
q run -d --rm --name box busybox sh -c 'while [ ! -e /tmp/go ]; do sleep 0.05; done'
q exec box touch /tmp/go
gone() { [ -z "$(c ps -aq)" ]; }
eventually gone
-
}
@test "run -d --rm: gone when it was stopped" { row 0 '^box$' '' <<'-'
up box --rm
c stop box
gone() { [ -z "$(c ps -aq)" ]; }
eventually gone
-
}
@test "run -d: stdin is empty without -i" { row 0 '^end$' '' <<'-'
q run -d --name box busybox sh -c 'cat; echo end'
q wait box
c logs box
-
}
@test "create: prints the id" { row 0 '^[0-9a-zA-Z_.-]+$' '' 'c create busybox true'; }
@test "create: Created, not run" { row 0 '^Created created false 0$' '' <<'-'
q create --name box busybox sh -c 'echo ran'
echo $(c ps -a --format '{{.Status}}') $(state box Status) $(state box Running) $(state box ExitCode) $(c logs box)
-
}
@test "create: ps does not show it" { row 0 '' '' <<'-'
q create --name box busybox true
c ps -q
-
}
@test "create: a name in use" { row 1 '' '[cC]onflict|in use' <<'-'
q create --name box busybox true
c create --name box busybox true
-
}
@test "create, start, wait, logs" { row 0 $'^box\n4\nhi$' '' <<'-'
q create --name box busybox sh -c 'echo hi; exit 4'
c start box
c wait box
c logs box
-
}
@test "start -a: output and status" { row 4 '^out$' '^err$' <<'-'
q create --name box busybox sh -c 'echo out; echo err >&2; exit 4'
c start -a box
-
}
@test "start -ai: stdin" { row 0 '^hello$' '' <<'-'
q create -i --name box busybox cat
echo hello | c start -ai box
-
}
@test "start: again, and the logs go on" { row 0 $'^box\none\none$' '' <<'-'
q run --name box busybox echo one
c start box
q wait box
c logs box
-
}
@test "start: again, with what it wrote" { row 0 $'^1\n2$' '' <<'-'
c run --name box busybox sh -c 'echo x >> /count; wc -l < /count'
c start -a box
-
}
@test "start: again, with its options" { row 5 $'^v hh /usr\nv hh /usr$' '' <<'-'
c run --name box -e A=v --hostname hh -w /usr busybox sh -c 'echo $A $(hostname) $PWD; exit 5' || true
c start -a box
-
}
@test "start: one that runs is left alone" { row 0 '^box same$' '' <<'-'
up box
was=$(state box StartedAt)
echo $(c start box) $([ "$(state box StartedAt)" = "$was" ] && echo same)
-
}
@test "start: no such container" { row 1 '' 'No such container' 'c start nosuch'; }
@test "start: a missing command" { row 1 '' 'nosuchprogram' <<'-'
q create --name box busybox nosuchprogram
c start box
-
}

# ---- stop, kill, wait, restart ----------------------------------------------------------------------------------

@test "stop: prints the name; SIGTERM, and its status" { row 0 '^box 7$' '' <<'-'
up box
echo $(c stop box) $(state box ExitCode)
-
}
@test "stop: has ended when it returns" { row 0 '^box exited$' '' <<'-'
up box
echo $(c stop box) $(state box Status)
-
}
@test "stop -t: one that ignores SIGTERM is killed" { row 0 '^box Exited \(137\)' '' <<'-'
q run -d --name box busybox sleep 100
echo $(c stop -t 1 box) $(c ps -a --format '{{.Status}}')
-
}
@test "stop: 143 with --init" { row 0 '^box Exited \(143\)' '' <<'-'
q run -d --init --name box busybox sleep 100
echo $(c stop box) $(c ps -a --format '{{.Status}}')
-
}
@test "stop: --stop-signal" { row 0 '^box 8$' '' <<'-'
q run -d --name box --stop-signal USR1 busybox sh -c 'trap "exit 8" USR1; echo up; while :; do sleep 0.05; done'
said box up
echo $(c stop box) $(state box ExitCode)
-
}
@test "stop: --stop-timeout, not the 10 seconds" { row 0 '^box 137$' '' <<'-'
q run -d --name box --stop-timeout 1 busybox sleep 100
SECONDS=0
echo $(c stop box) $(state box ExitCode)
[ $SECONDS -lt 8 ]
-
}
@test "stop: one that has ended" { row 0 '^box$' '' <<'-'
ended box 3
c stop box
-
}
@test "stop: one that was never started" { row 0 '^box$' '' <<'-'
q create --name box busybox true
c stop box
-
}
@test "stop: several" { row 0 $'^box\njar$' '' <<'-'
up box; up jar
c stop box jar
-
}
@test "stop: no such container" { row 1 '' 'No such container' 'c stop nosuch'; }
@test "stop: one of two is not there; the other is stopped" { row 0 '^box 1 exited$' 'No such container' <<'-'
up box
s=0; out=$(c stop nosuch box) || s=$?
echo $out $s $(state box Status)
-
}
@test "kill: SIGKILL" { row 0 '^box 137$' '' <<'-'
up box
echo $(c kill box) $(c wait box)
-
}
@test "kill -s: by name" { row 0 '^box 7$' '' <<'-'
up box
echo $(c kill -s TERM box) $(c wait box)
-
}
@test "kill -s: with SIG, and by number" { row 0 $'^box 7\njar 7$' '' <<'-'
up box; up jar
echo $(c kill --signal SIGTERM box) $(c wait box)
echo $(c kill -s 15 jar) $(c wait jar)
-
}
@test "kill -s: a signal that ends nothing" { row 0 $'^box running\nup\nhup$' '' <<'-'
q run -d --name box busybox sh -c 'trap "echo hup" HUP; echo up; while :; do sleep 0.05; done'
said box up
echo $(c kill -s HUP box) $(state box Status)
said box hup
c logs box
-
}
@test "kill: no such signal" { row 1 '' 'FOO' <<'-'
up box
c kill -s FOO box
-
}
@test "kill: one that has ended" { row 1 '' 'not running' <<'-'
ended box 0
c kill box
-
}
@test "kill: no such container" { row 1 '' 'No such container' 'c kill nosuch'; }
@test "wait: prints the status" { row 0 '^7$' '' <<'-'
up box
c wait box > out & pid=$!
q stop box
wait $pid
cat out
-
}
@test "wait: several" { row 0 $'^3\n4$' '' <<'-'
q run -d --name box busybox sh -c 'exit 3'
q run -d --name jar busybox sh -c 'exit 4'
c wait box jar
-
}
@test "wait: one that has ended" { row 0 '^3$' '' <<'-'
ended box 3
c wait box
-
}
@test "wait: no such container" { row 1 '' 'No such container' 'c wait nosuch'; }
@test "restart: a running one" { row 0 '^box running other 0$' '' <<'-'
up box
was=$(state box StartedAt)
out=$(c restart box)
echo $out $(state box Status) $([ "$(state box StartedAt)" != "$was" ] && echo other) $(c inspect -f '{{.RestartCount}}' box)
-
}
@test "restart: one that has ended" { row 0 $'^box\none\none$' '' <<'-'
q run --name box busybox echo one
c restart box
q wait box
c logs box
-
}

# ---- rm, prune --------------------------------------------------------------------------------------------------

@test "rm: prints the name" { row 0 '^box$' '' <<'-'
ended box 0
c rm box
c ps -aq
-
}
@test "rm: a created one" { row 0 '^box$' '' <<'-'
q create --name box busybox true
c rm box
c ps -aq
-
}
@test "rm: a running one is refused" { row 0 '^1 running$' 'running' <<'-'
up box
s=0; c rm box || s=$?
echo $s $(state box Status)
-
}
@test "rm -f: a running one" { row 0 '^box$' '' <<'-'
up box
c rm -f box
c ps -aq
-
}
@test "rm -f: a paused one" { row 0 '^box$' '' <<'-'
up box
q pause box
c rm -f box
c ps -aq
-
}
@test "rm: no such container" { row 1 '' 'No such container' 'c rm nosuch'; }
@test "rm: one of three is not there; the others go" { row 0 $'^box\njar\n1$' 'No such container: nosuch' <<'-'
ended box 0; ended jar 0
s=0; c rm box nosuch jar || s=$?
echo $s
c ps -aq
-
}
@test "prune -f: what has ended goes, what runs stays" { row 0 '^tin$' '' <<'-'
up tin
ended box 0
q create --name jar busybox true
q prune -f
c ps -a --format '{{.Names}}'
-
}
@test "prune -f: says what went" { row 0 '^Deleted Containers:.*Total reclaimed space: ' '' <<'-'
ended box 0
c prune -f
-
}
@test "prune: asks, and no is no" { row 0 '[yY]/N.*box$' '' <<'-'
ended box 0
echo n | c prune
c ps -a --format '{{.Names}}'
-
}
@test "system prune -f: containers that have ended go" { row 0 '^tin$' '' <<'-'
up tin
ended box 0
q system prune -f
c ps -a --format '{{.Names}}'
-
}
@test "system df" { row 0 $'^TYPE +TOTAL +ACTIVE +SIZE +RECLAIMABLE\nImages +1 +1 .*\nContainers +2 +1 ' '' <<'-'
up tin
ended box 0
c system df
-
}

# ---- ps ---------------------------------------------------------------------------------------------------------

@test "ps: the heading" { row 0 '^CONTAINER ID +IMAGE +COMMAND +CREATED +STATUS +.*NAMES$' '' 'c ps'; }
@test "ps: the running ones" { row 0 '^box$' '' <<'-'
up box; ended jar 0
c ps --format '{{.Names}}'
-
}
@test "ps: one line each, in the columns" { row 0 $'NAMES\n[0-9a-z]+ +busybox +"sleep 100" +.* ago +Up .* box$' '' <<'-'
q run -d --name box busybox sleep 100
c ps
-
}
@test "ps -a: the newest first" { row 0 $'^jar\nbox$' '' <<'-'
up box; ended jar 0
c ps -a --format '{{.Names}}'
-
}
@test "ps -q: ids alone" { row 0 '^[0-9a-zA-Z_.-]+$' '' <<'-'
up box
c ps -q
-
}
@test "ps -q: serves as an operand" { row 0 '^[0-9a-zA-Z_.-]+$' '' <<'-'
up box
c rm -f $(c ps -q)
-
}
@test "ps -n" { row 0 $'^tin\njar$' '' <<'-'
for n in box jar tin; do q create --name $n busybox true; done
c ps -n 2 --format '{{.Names}}'
-
}
@test "ps -l: the latest" { row 0 '^jar$' '' <<'-'
up box; ended jar 0
c ps -l --format '{{.Names}}'
-
}
@test "ps --no-trunc: the whole command" { row 0 '^"sh -c .echo a command of some length.* and more of it.' '' <<'-'
q create --name box busybox sh -c 'echo a command of some length, more than is shown, and more of it'
c ps -a --no-trunc --format '{{.Command}}'
-
}
@test "ps --format: several fields" { row 0 '^[0-9a-zA-Z_.-]+ busybox box exited Exited \(3\) ' '' <<'-'
ended box 3
c ps -a --format '{{.ID}} {{.Image}} {{.Names}} {{.State}} {{.Status}}'
-
}
@test "ps --format: text around the fields" { row 0 '^<box>=busybox!$' '' <<'-'
ended box 3
c ps -a --format '<{{.Names}}>={{.Image}}!'
-
}
@test "ps --format: Up" { row 0 '^Up (Less than|[0-9]+) ' '' <<'-'
up box
c ps --format '{{.Status}}'
-
}
@test "ps --format: table" { row 0 $'^NAMES +IMAGE\nbox +busybox$' '' <<'-'
up box
c ps --format 'table {{.Names}}\t{{.Image}}'
-
}
@test "ps --format: no such field" { row 1 '' 'Nosuch' <<'-'
up box
c ps --format '{{.Nosuch}}'
-
}
@test "ps --filter name: a part of it" { row 0 '^one-a$' '' <<'-'
for n in one-a two-b; do q create --name $n busybox true; done
c ps -a --filter name=ne- --format '{{.Names}}'
-
}
@test "ps --filter status" { row 0 $'^box\ntin\njar$' '' <<'-'
up box; ended jar 0; q create --name tin busybox true
for s in running created exited; do c ps --filter status=$s --format '{{.Names}}'; done
-
}
@test "ps --filter status: unknown" { row 1 '' 'nosuch' 'c ps --filter status=nosuch'; }
@test "ps --filter exited" { row 0 '^jar$' '' <<'-'
ended box 0; ended jar 3
c ps -a --filter exited=3 --format '{{.Names}}'
-
}
@test "ps --filter label: by key and by value" { row 0 $'^box\nbox$' '' <<'-'
q create --name box --label k=v --label other= busybox true
q create --name jar --label k=w busybox true
c ps -a --filter label=k=v --format '{{.Names}}'
c ps -a --filter label=other --format '{{.Names}}'
-
}
@test "ps --filter: one key twice is or, two keys are and" { row 0 $'^jar\nbox\nbox$' '' <<'-'
ended box 0; ended jar 3; up tin
c ps -a --filter exited=3 --filter exited=0 --format '{{.Names}}'
c ps -a --filter name=box --filter status=exited --filter name=tin --format '{{.Names}}'
-
}
@test "ps --filter: unknown key" { row 1 '' 'nosuch' 'c ps --filter nosuch=1'; }
@test "ps: unknown option" { row 125 '' 'no-such-option' 'c ps --no-such-option'; }

# ---- logs, attach -----------------------------------------------------------------------------------------------

@test "logs: of one that has ended, streams apart" { row 0 '^out$' '^err$' <<'-'
q run --name box busybox sh -c 'echo out; echo err >&2' 2> /dev/null
c logs box
-
}
@test "logs: of one that runs" { row 0 '^up$' '' <<'-'
up box
c logs box
-
}
@test "logs: order of one stream, a last line without its end" { row 0 $'^1\n2\nend.$' '' <<'-'
q run --name box busybox sh -c 'echo 1; echo 2; printf end'
c logs box; echo .
-
}
@test "logs: a long line, control characters" { row 0 '^same$' '' <<'-'
c run --name box busybox sh -c 'head -c 100000 /dev/zero | tr "\0" x; printf "\001\033\t\n"' > a
c logs box > b
cmp a b && echo same
-
}
@test "logs --tail" { row 0 $'^2\n3$' '' <<'-'
q run --name box busybox seq 3
c logs --tail 2 box
c logs --tail 0 box
-
}
@test "logs --tail: all" { row 0 $'^1\n2\n3$' '' <<'-'
q run --name box busybox seq 3
c logs --tail all box
-
}
@test "logs -t: RFC 3339 and the line" { row 0 '^20[0-9-]{8}T[0-9:]{8}\.[0-9]{9}Z hi$' '' <<'-'
q run --name box busybox echo hi
c logs -t box
-
}
@test "logs --since: a time" { row 0 '^2$' '' <<'-'
q run --name box busybox sh -c 'echo 1; sleep 0.2; echo 2'
at=$(c logs -t box | awk '$2 == 2 { print $1 }')
c logs --since "$at" box
-
}
@test "logs --until: a time" { row 0 '^1$' '' <<'-'
q run --name box busybox sh -c 'echo 1; sleep 0.2; echo 2; sleep 0.2; echo 3'
at=$(c logs -t box | awk '$2 == 1 { print $1 }')
c logs --until "$at" box
-
}
@test "logs --since: a duration" { row 0 $'^1\n2$' '' <<'-'
q run --name box busybox seq 2
c logs --since 10m box
-
}
@test "logs -f: ends when the container ends" { row 0 $'^up\nbye$' '' <<'-'
q run -d --name box busybox sh -c 'echo up; while [ ! -e /tmp/go ]; do sleep 0.05; done; echo bye; exit 3'
c logs -f box > out & pid=$!
eventually grep up out
q exec box touch /tmp/go
wait $pid
cat out
-
}
@test "logs -f: of one that has ended" { row 0 '^hi$' '' <<'-'
q run --name box busybox echo hi
c logs -f box
-
}
@test "logs: no such container" { row 1 '' 'No such container' 'c logs nosuch'; }
@test "attach: output from then on, then the status" { row 7 '^tick$' '' <<'-'
q run -d --name box busybox sh -c 'trap "exit 7" TERM; while :; do echo tick; sleep 0.05; done'
c attach box > out & pid=$!
eventually grep tick out
q stop box
s=0; wait $pid || s=$?
uniq out
exit $s
-
}
@test "attach: stdin" { row 5 '^hello$' '' <<'-'
q run -d -i --name box busybox sh
{ echo 'echo hello'; said box hello > /dev/null; sleep 0.1; echo 'exit 5'; } | c attach box
-
}
@test "attach: the client's SIGTERM goes to the workload" { row 7 '' '' <<'-'
q run -d --name box busybox sh -c 'trap "exit 7" TERM; while :; do echo tick; sleep 0.05; done'
rows_client attach box > out & pid=$!
eventually grep tick out
pkill -TERM -P $pid || kill -TERM $pid
wait $pid
-
}
@test "attach: one that has ended" { row 1 '' '[sS]topped|not running' <<'-'
ended box 0
c attach box
-
}
@test "attach: no such container" { row 1 '' 'No such container' 'c attach nosuch'; }

# ---- exec, pause ------------------------------------------------------------------------------------------------

@test "exec: status, streams apart" { row 5 '^out$' '^err$' <<'-'
up box
c exec box sh -c 'echo out; echo err >&2; exit 5'
-
}
@test "exec: the container's own environment and directory" { row 0 '^v /usr$' '' <<'-'
up box -e A=v -w /usr
c exec box sh -c 'echo $A $PWD'
-
}
@test "exec: -e, -w, -u" { row 0 '^w /bin 1000$' '' <<'-'
up box -e A=v -w /usr
c exec -e A=w -w /bin -u 1000 box sh -c 'echo $A $PWD $(id -u)'
-
}
@test "exec: the container's user" { row 0 '^1000$' '' <<'-'
up box -u 1000
c exec box id -u
-
}
@test "exec -i: stdin" { row 0 '^hello$' '' <<'-'
up box
echo hello | c exec -i box cat
-
}
@test "exec: without -i stdin is empty" { row 0 '^0$' '' <<'-'
up box
echo hello | c exec box wc -c
-
}
@test "exec -t" { row 0 '^/dev/pts/[0-9]+$' '' <<'-'
up box
c exec -t box tty
-
}
@test "exec -d: returns at once, prints nothing" { row 0 '^up$' '' <<'-'
up box
c exec -d box sh -c 'echo lost; touch /tmp/done; sleep 100'
eventually q exec box ls /tmp/done
c logs box
-
}
@test "exec: among the container's processes" { row 0 '^1 sh$' '' <<'-'
up box
c exec box sh -c 'echo 1 $(cat /proc/1/comm)'
-
}
@test "exec: not executable" { row 126 '.*' '.*' <<'-'
up box
c exec box /etc/passwd
-
}
@test "exec: not found" { row '12[67]' '.*' '.*' <<'-'
up box
c exec box nosuchprogram
-
}
@test "exec: ends with the container" { row 137 '' '' <<'-'
up box
c exec box sh -c 'touch /tmp/up; exec sleep 100' & pid=$!
eventually q exec box ls /tmp/up
q kill box
wait $pid
-
}
@test "exec: one that has ended" { row 1 '' 'not running' <<'-'
ended box 0
c exec box true
-
}
@test "exec: one that was never started" { row 1 '' 'not running' <<'-'
q create --name box busybox true
c exec box true
-
}
@test "exec: no such container" { row 1 '' 'No such container' 'c exec nosuch true'; }
@test "pause: prints the name; (Paused)" { row 0 '^box Up .* \(Paused\) paused true$' '' <<'-'
up box
echo $(c pause box) $(c ps --format '{{.Status}}') $(state box Status) $(state box Paused)
-
}
@test "pause: nothing goes on" { row 0 '^same$' '' <<'-'
q run -d --name box busybox sh -c 'while :; do echo tick; sleep 0.02; done'
said box tick
q pause box
sleep 0.2; a=$(c logs box | wc -l); sleep 0.2; b=$(c logs box | wc -l)
[ $a = $b ] && echo same
-
}
@test "pause: exec is refused" { row 1 '' 'paused' <<'-'
up box
q pause box
c exec box true
-
}
@test "pause: twice is refused" { row 1 '' 'already paused' <<'-'
up box
q pause box
c pause box
-
}
@test "pause: start is refused" { row 1 '' 'paused' <<'-'
up box
q pause box
c start box
-
}
@test "pause: one that has ended" { row 1 '' 'not running' <<'-'
ended box 0
c pause box
-
}
@test "ps --filter status=paused" { row 0 '^box$' '' <<'-'
up box; up jar
q pause box
c ps --filter status=paused --format '{{.Names}}'
-
}
@test "unpause: goes on" { row 0 '^box running 0 7$' '' <<'-'
up box
q pause box
echo $(c unpause box) $(state box Status) $(c exec box sh -c 'echo $?') $(q stop box; state box ExitCode)
-
}
@test "unpause: one that is not paused" { row 1 '' 'not paused' <<'-'
up box
c unpause box
-
}

# ---- inspect, stats, update, events -----------------------------------------------------------------------------

@test "inspect -f: of one that runs" { row 0 '^running true false false 0 false$' '' <<'-'
up box
c inspect -f '{{.State.Status}} {{.State.Running}} {{.State.Paused}} {{.State.Restarting}} {{.State.ExitCode}} {{.State.OOMKilled}}' box
-
}
@test "inspect -f: of one that has ended" { row 0 '^exited false 3 0$' '' <<'-'
ended box 3
c inspect -f '{{.State.Status}} {{.State.Running}} {{.State.ExitCode}} {{.State.Pid}}' box
-
}
@test "inspect -f: name, image, policy, count" { row 0 '^/box busybox no 0$' '' <<'-'
up box
c inspect -f '{{.Name}} {{.Config.Image}} {{.HostConfig.RestartPolicy.Name}} {{.RestartCount}}' box
-
}
@test "inspect -f: what was asked for" { row 0 '^hh /usr 1000 67108864 33 true v$' '' <<'-'
q create --name box --hostname hh -w /usr -u 1000 -m 64m --pids-limit 33 --read-only --label k=v busybox true
f='{{.Config.Hostname}} {{.Config.WorkingDir}} {{.Config.User}} {{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}'
c inspect -f "$f {{.HostConfig.ReadonlyRootfs}} {{.Config.Labels.k}}" box
-
}
@test "inspect -f: the process" { row 0 '^sleep$' '' <<'-'
q run -d --name box busybox sleep 100
cat /proc/$(c inspect -f '{{.State.Pid}}' box)/comm
-
}
@test "inspect: times are RFC 3339, and in order" { row 0 '^in order$' '' <<'-'
q run --name box busybox sleep 0.01
a=$(c inspect -f '{{.Created}}' box) b=$(c inspect -f '{{.State.StartedAt}}' box) d=$(c inspect -f '{{.State.FinishedAt}}' box)
for t in $a $b $d; do [[ $t =~ ^20[0-9-]{8}T[0-9:]{8}(\.[0-9]+)?Z$ ]]; done
printf '%s\n' "$a" "$b" "$d" | sort -c && echo in order
-
}
@test "inspect: JSON, an array" { require_command jq; row 0 '^2 /box /jar exited 3 sh -c,exit 3 busybox$' '' <<'-'
ended box 3; q create --name jar busybox true
c inspect box jar | jq -r '[length, .[0].Name, .[1].Name, (.[0] | .State.Status, .State.ExitCode, .Path, (.Args | join(",")),
    .Config.Image)] | map(tostring) | join(" ")'
-
}
@test "inspect: no such container" { row 1 '^\[\]$' '[nN]o such object: nosuch' 'c inspect nosuch'; }
@test "inspect: one of two is not there" { row 1 '^/box$' '[nN]o such object: nosuch' <<'-'
ended box 0
c inspect -f '{{.Name}}' nosuch box
-
}
@test "inspect: a part of the id that no other has" { row 0 '^/box$' '' <<'-'
q create --name box busybox true
id=$(c create busybox true)
c rm ${id:0:10} > /dev/null
c inspect -f '{{.Name}}' $(c ps -aq)
-
}
@test "stats --no-stream: one line for each that runs" { row 0 $'^box\njar$' '' <<'-'
up box; up jar; ended tin 0
c stats --no-stream --format '{{.Name}}' | sort
-
}
@test "stats --no-stream: the heading, and figures" { row 0 $'NAME +CPU % +MEM USAGE / LIMIT +MEM % .*PIDS\n[0-9a-z]+ +box +[0-9.]+% +[0-9.]+[kKM]?i?B / 64MiB .* [1-9][0-9]*$' '' <<'-'
up box -m 64m
c stats --no-stream box
-
}
@test "stats: no such container" { row 1 '.*' 'No such container' 'c stats --no-stream nosuch'; }
@test "update -m: prints the name, and holds" { row 0 '^box 33554432$' '' <<'-'
up box -m 64m
echo $(c update -m 32m --memory-swap 32m box) $(c inspect -f '{{.HostConfig.Memory}}' box)
-
}
@test "update --pids-limit: holds for what runs" { row 0 '^box$' "can't fork" <<'-'
q run -d --name box busybox sleep 100
c update --pids-limit 4 box
c exec box sh -c 'for i in 1 2 3 4 5 6 7 8; do sleep 1 & done; wait' || true
-
}
@test "update --restart" { row 0 '^always box no$' '' <<'-'
q create --name box --restart always busybox true
echo $(c inspect -f '{{.HostConfig.RestartPolicy.Name}}' box) $(c update --restart no box) $(c inspect -f '{{.HostConfig.RestartPolicy.Name}}' box)
-
}
@test "update: no such container" { row 1 '' 'No such container' 'c update --restart no nosuch'; }
@test "events: of one run, in order" { row 0 $'^create box\nstart box\ndie box\ndestroy box$' '' <<'-'
from=$(date +%s.%N)
q run --rm --name box busybox true
gone() { c events --since "$from" --until "$(date +%s.%N)" --filter event=destroy | grep destroy; }
eventually gone
c events --since "$from" --until "$(date +%s.%N)" --format '{{.Action}} {{.Actor.Attributes.name}}' | grep -E '^(create|start|die|destroy) '
-
}
@test "events: the text of one" { row 0 '^20[0-9-]{8}T[0-9:]{8}\.[0-9]+[^ ]+ container die [0-9a-zA-Z_.-]+ \(.*exitCode=3.*image=busybox.*name=box.*\)$' '' <<'-'
from=$(date +%s.%N)
ended box 3
c events --since "$from" --until "$(date +%s.%N)" --filter event=die
-
}
@test "events: pause, unpause, kill, die, stop" { row 0 '^pause unpause kill die stop $' '' <<'-'
up box
from=$(date +%s.%N)
q pause box; q unpause box; q stop box
c events --since "$from" --until "$(date +%s.%N)" --format '{{.Action}}' | grep -v exec | tr '\n' ' '
-
}
@test "events --filter container" { row 0 '^jar$' '' <<'-'
from=$(date +%s.%N)
q create --name box busybox true; q create --name jar busybox true
c events --since "$from" --until "$(date +%s.%N)" --filter container=jar --format '{{.Actor.Attributes.name}}'
-
}
@test "events: as they come" { row 0 $'^start box\ndie box$' '.*' <<'-'
from=$(date +%s.%N)
q create --name box busybox true
rows_client events --since "$from" --filter event=start --filter event=die --format '{{.Action}} {{.Actor.Attributes.name}}' > out & pid=$!
q start box
eventually grep die out
pkill -TERM -P $pid || kill $pid
cat out
-
}

# ---- restart policies -------------------------------------------------------------------------------------------

@test "--restart on-failure:2: counts, then gives up" { row 0 '^2 3 a a a$' '' <<'-'
q run -d --name box --restart on-failure:2 busybox sh -c 'echo a; exit 3'
given_up() { [ "$(c inspect -f '{{.RestartCount}} {{.State.Status}}' box)" = '2 exited' ]; }
eventually given_up
echo $(c inspect -f '{{.RestartCount}}' box) $(state box ExitCode) $(c logs box)
-
}
@test "--restart on-failure: not after 0" { row 0 '^0 exited a$' '' <<'-'
q run -d --name box --restart on-failure busybox echo a
is box exited
sleep 0.3
echo $(c inspect -f '{{.RestartCount}} {{.State.Status}}' box) $(c logs box)
-
}
@test "--restart always: after it has ended, not after stop" { row 0 $'^box\n1 exited\nup\nup$' '' <<'-'
q run -d --name box --restart always busybox sh -c 'trap "exit 7" TERM; rm -f /tmp/go; echo up; while [ ! -e /tmp/go ]; do sleep 0.05; done'
said box up
q exec box touch /tmp/go
again() { [ "$(c inspect -f '{{.RestartCount}} {{.State.Status}}' box) $(c logs box | wc -l)" = '1 running 2' ]; }
eventually again
c stop box
sleep 0.3
c inspect -f '{{.RestartCount}} {{.State.Status}}' box
c logs box
-
}
@test "--restart always: not after kill" { row 0 '^exited 137$' '' <<'-'
up box --restart always
q kill box
is box exited
sleep 0.3
echo $(state box Status) $(state box ExitCode)
-
}
@test "--restart always: started again after stop, the policy holds again" { row 0 '^1 running 3$' '' <<'-'
q run -d --name box --restart always busybox sh -c 'trap "exit 7" TERM; rm -f /tmp/go; echo up; while [ ! -e /tmp/go ]; do sleep 0.05; done'
said box up
q stop box
q start box
counts() { echo "$(c inspect -f '{{.RestartCount}} {{.State.Status}}' box) $(c logs box | wc -l)"; }
again() { [ "$(counts)" = "$1" ]; }
eventually again '0 running 2'
q exec box touch /tmp/go
eventually again '1 running 3'
counts
-
}
@test "--restart: no such policy" { row 125 '' 'sometimes' 'c run -d --restart sometimes busybox true'; }
@test "update --restart no: ends the restarts" { row 0 '^exited 0$' '' <<'-'
q run -d --name box --restart always busybox sh -c 'echo up; while [ ! -e /tmp/go ]; do sleep 0.05; done'
said box up
q update --restart no box
q exec box touch /tmp/go
is box exited
sleep 0.3
echo $(state box Status) $(c inspect -f '{{.RestartCount}}' box)
-
}

# ---- the command line -------------------------------------------------------------------------------------------

@test "an unknown command" { row 1 '' 'nosuchcommand' 'c nosuchcommand'; }
@test "stop, kill, rm, wait, inspect, logs, exec without an operand" { row 0 '^1 1 1 1 1 1 1$' '.' <<'-'
all=
for command in stop kill rm wait inspect logs exec; do
    s=0; q $command || s=$?
    all="$all $s"
done
echo $all
-
}

# ---- the table itself -------------------------------------------------------------------------------------------

@test "docker keeps to these rows" {
    [ "$ROWS_CLIENT" = moat ] || return 0 # that is this run
    [ "$MOAT_TEST_SCALE" -ge 100 ] || skip "the same rows run against docker under --full only"
    run env -u BATS_TEST_TIMEOUT MOAT_ROWS_CLIENT=docker bats --formatter tap "$BATS_TEST_FILENAME" 3>&-
    [[ $output != *" # skip dockerd "* && $output != *" # skip needs "*docker* ]] || skip "$(sed -n 's/^.* # skip //p' <<<"$output" | head -n 1)"
    assert_success
}
