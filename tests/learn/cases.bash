# SPDX-License-Identifier: Apache-2.0
# Jobs of well-known programs for tests of `moat learn`: what they begin with, what is run, and what must come out the same.
# Used by tests/cli/learn.bats and by tests/learn/full.
#
# A case NAME is two functions: inputs_NAME makes its files in the working directory, always the same; job_NAME sets `job`, the
# command line. `uses` names the program that must be there, by its Debian package. What a program writes of clocks and inode
# numbers is left out of the comparison by `ignored`, a pattern of paths.

LEARN_CASES='tar sqlite3 python3 shell gcc git node ffmpeg imagemagick'

declare -gA uses=([tar]=tar [sqlite3]=sqlite3 [python3]=python3 [shell]=coreutils [gcc]=gcc [git]=git [node]=nodejs [ffmpeg]=ffmpeg
    [imagemagick]=imagemagick)
declare -gA program=([shell]=sort [imagemagick]=/usr/bin/convert)
declare -gA ignored=([git]='/\.git/index$')

inputs_tar()
{
    mkdir -p in/deep
    echo one > in/one
    seq 1000 > in/deep/numbers
    ln -s deep/numbers in/link
    ln -s in/one named
    touch -h -d @1700000000 in/deep/numbers in/one in/link in/deep in named
}
job_tar() { job=(tar -cf out.tar --sort=name in named); }

inputs_sqlite3()
{
    cat > fill.sql <<- 'END'
	create table t(a integer primary key, b text);
	insert into t(b) values ('x'), ('y'), ('z');
	begin; update t set b = b || a; create index i on t(b); commit;
	select * from t order by b desc;
	END
}
job_sqlite3() { job=(sqlite3 data.db ".read fill.sql"); }

inputs_python3()
{
    mkdir -p lib
    echo 'def double(x): return 2 * x' > lib/helper.py
    cat > main.py <<- 'END'
	import hashlib, json, os, sqlite3, sys, tempfile, zlib
	sys.path.insert(0, "lib"); sys.dont_write_bytecode = True
	import helper
	with open("out.json", "w") as f: json.dump({"a": helper.double(21), "h": hashlib.sha256(b"x").hexdigest()}, f)
	with tempfile.TemporaryDirectory() as d: open(os.path.join(d, "t"), "w").write("t")
	print(len(zlib.compress(b"x" * 1000)), sys.version_info[:2], sorted(os.listdir("lib")))
	END
}
job_python3() { job=(python3 main.py); }

inputs_shell()
{
    seq 100 -1 1 > numbers
    printf '#!/bin/sh\ncat "$1" | sort -n | head -n 3\n' > least
    chmod +x least
}
job_shell()
{
    # shellcheck disable=SC2016
    job=(sh -c './least numbers > least.txt; tr 0-9 a-j < numbers | md5sum > sum.txt; mkdir d && mv sum.txt d/; wc -l < numbers; realpath least')
}

inputs_gcc()
{
    cat > sum.c <<- 'END'
	#include "sum.h"
	#include <stdio.h>
	int main(void) { printf("%d\n", sum(20, 22)); return 0; }
	END
    echo 'static inline int sum(int a, int b) { return a + b; }' > sum.h
}
job_gcc() { job=(sh -c 'gcc -O2 -c -o sum.o sum.c && gcc -o sum sum.o && ./sum'); }

inputs_git() { mkdir -p src; echo 'int x;' > src/x.c; echo '# R' > README.md; }
job_git()
{
    # shellcheck disable=SC2016
    job=(sh -c 'export GIT_AUTHOR_DATE="1700000000 +0000" GIT_COMMITTER_DATE="1700000000 +0000" GIT_AUTHOR_NAME=a GIT_AUTHOR_EMAIL=a@b GIT_COMMITTER_NAME=a GIT_COMMITTER_EMAIL=a@b
        git init -q -b main . && git add README.md src && git commit -q -m one && echo more >> README.md && git commit -q -a -m two &&
        git log --oneline && git diff HEAD~ && git status --short && git gc -q')
}

inputs_node()
{
    cat > main.js <<- 'END'
	const fs = require('fs'), zlib = require('zlib'), os = require('os'), path = require('path');
	fs.writeFileSync('out.gz', zlib.gzipSync(fs.readFileSync('text')));
	console.log(path.basename(process.cwd()).length > 0, fs.readdirSync('d').join());
	END
    mkdir -p d
    seq 5000 > text
    touch d/a d/b
}
job_node() { job=(node main.js); }

inputs_ffmpeg()
{
    # A second of a tone, as WAV: a header and samples.
    { printf 'RIFF\x24\x7d\x00\x00WAVEfmt \x10\x00\x00\x00\x01\x00\x01\x00\x80\x3e\x00\x00\x00\x7d\x00\x00\x02\x00\x10\x00data\x00\x7d\x00\x00'
      awk 'BEGIN { for (i = 0; i < 16000; i++) printf "%c%c", (i * 37) % 120 + 1, (i / 61) % 90 + 1 }'; } | head -c 32044 > in.wav
}
job_ffmpeg() { job=(ffmpeg -nostdin -v error -y -i in.wav -fflags +bitexact -flags +bitexact -c:a flac out.flac); }

inputs_imagemagick()
{
    { echo "P3 16 16 255"; seq 768 | awk '{ print ($1 * 7) % 256 }'; } > in.ppm
}
job_imagemagick() { job=(/usr/bin/convert in.ppm -resize 200% -strip -define png:exclude-chunks=date,time out.png); }

# ---- running ------------------------------------------------------------------------------------------------------------

case_is_here() { command -v "${program[$1]:-$1}" > /dev/null; }

# fresh NAME: the working directory $work as the case begins, always by the same name.
fresh()
{
    cd / && rm -rf "$work" && mkdir -p "$work" && cd "$work" && "inputs_$1" && "job_$1"
}

# shot NAME: what came out: standard output ($shots/out), and each file with its type, its mode and its contents or target.
shot()
{
    cat "$shots/out"
    find . -mindepth 1 ! -name . -printf '%P %y %m %l\n' | grep -vE "${ignored[$1]:-^$}" | LC_ALL=C sort
    find . -type f -print0 | LC_ALL=C sort -z | xargs -0 -r sha256sum | grep -vE "${ignored[$1]:-^$}"
}

# learn NAME: unconfined, with its calls watched. The policy in $policy, what came out in $shots/NAME.
learn()
{
    fresh "$1" || return
    rm -f "$policy"
    "$MOAT" learn -o "$policy" -- "${job[@]}" > "$shots/out" 2> "$shots/err" < /dev/null
    echo "status $?" >> "$shots/out"
    [ -s "$policy" ] && shot "$1" > "$shots/$1"
}

# confined NAME POLICY: the same under a policy, in a fresh copy; 0 when the same came out. What was denied is in $shots/denied.
confined()
{
    fresh "$1" || return
    "$MOAT" run -b broker --deny-log --policy "$2" -- "${job[@]}" > "$shots/out" 2> "$shots/denied" < /dev/null
    echo "status $?" >> "$shots/out"
    shot "$1" > "$shots/confined"
    cmp -s "$shots/$1" "$shots/confined"
}

# The lines of a policy that are rules, by number.
rule_lines() { grep -nE '^  (- |["/].*: )' "$1" | cut -d: -f1; }

# without LINE FILE: the policy without one line, and without the name of a list that is empty then.
without()
{
    sed "$1d" "$2" | awk '
        /^[a-zA-Z]+:$/ { held = $0; next }
        held != "" && /^  [^#]/ { print held; held = "" }
        held != "" && /^[^ ]/ { held = "" }
        { print }'
}

# needed NAME LINE: the rule on that line is needed: without it the result changes, or a denial names what it gave.
needed()
{
    local text path
    text=$(sed -n "$2p" "$policy")
    without "$2" "$policy" > "$shots/less.yaml"
    confined "$1" "$shots/less.yaml" || return 0
    path=$(sed -E 's/^  (- )?"?//; s/"?$//; s/(:[rwxcs]+|"?: .*)$//' <<<"$text")
    grep -qF -- "$path" "$shots/denied" && return 0
    echo "without the line '$text' all is as before, and no denial names it" >&2
    return 1
}
