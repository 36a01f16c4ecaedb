#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Includes go one way only, and never in a circle. Prints TAP. A folder's row lists the folders whose headers it may use;
# a new folder under src/ needs a row here.
cd "$(dirname "$0")/../.." || exit 99

# policy is the vocabulary (structs and readers); host carries out the parts that touch the machine, so host sees policy.
arrows='
base:
policy:   base
host:     base policy
confine:  base policy host
image:    base policy host confine
unpack:   base policy host confine image
bootfile: base policy confine
pull:     base policy host confine image
yaml:     base policy host confine
boundary: base policy host confine image
sandbox:  base policy host confine image boundary
learn:    base policy confine
classcache: base
libmoat:  base policy host confine
cli:      base policy host confine image boundary sandbox learn classcache
codegen:  base
engine:   base
cpu:      base codegen
rewrite:  base cpu
net:      base policy confine cpu codegen
broker:   base policy host confine cpu codegen net
linux:    cpu
gofer:    base policy host confine linux
sentry:   base confine cpu codegen linux spt
spt:      base confine linux
unikernel: base policy host confine cpu rewrite linux engine
machine:  base policy confine cpu codegen
screen:   base confine machine
wasm:     base confine cpu codegen
wasi:     base policy confine wasm
wasmrun:  base policy confine codegen wasm wasi engine
jvm:      base confine cpu codegen engine
'
# Engines speak the control protocol and see nothing else of the boundary layer; that sees of an engine its record, or
# the page that it shares with it. Where in a JDK its library lies, how an image begins, what a screen's bytes are, the
# names of keys and the sizes of floppy disks are known once.
engines=' net broker linux sentry machine wasmrun jvm unpack yaml pull '

includes=$(grep -rnE '^[[:space:]]*#[[:space:]]*include[[:space:]]*"' --include='*.[ch]' src)
{
    printf '%s\n' "$arrows" | sed -n 's/^\([a-z]*\): *\(.*\)/A \1 \2/p'
    printf 'E %s\n' "$engines"
    for d in src/*/; do d=${d#src/}; echo "D ${d%/}"; done
    # file:line:#include "x" -> I file line x
    printf '%s\n' "$includes" | sed -nE 's/^([^:]+):([0-9]+):[^"]*"([^"]+)".*/I \1 \2 \3/p'
    find src -name '*.[ch]' -printf 'F %P\n'
} | awk '
function folder(path) { sub(/\/.*/, "", path); return path }
function walk(file, trail,    n, to, i) {
    state[file] = 1
    n = split(out[file], to, " ")
    for (i = 1; i <= n; i++) {
        if (state[to[i]] == 1) { cycles = cycles "# cycle: " trail " -> " to[i] "\n" }
        else if (!state[to[i]]) walk(to[i], trail " -> " to[i])
    }
    state[file] = 2
}
$1 == "A" { known[$2] = 1; for (i = 3; i <= NF; i++) may[$2, $i] = 1 }
$1 == "E" { for (i = 2; i <= NF; i++) engine[$i] = 1 }
$1 == "D" { folders[++nf] = $2 }
$1 == "F" { exists[$2] = 1 }
$1 == "I" { from[++ni] = $2; line[ni] = $3; inc[ni] = $4 }
END {
    for (i = 1; i <= ni; i++) {
        file = substr(from[i], 5); a = folder(file); to = inc[i]
        if (to !~ /\//) to = a "/" to
        if (!(to in exists)) continue               # generated, or a header of the system in quotes
        out[file] = out[file] " " to
        b = folder(to)
        if (a == b || (a, b) in may || (to == "boundary/control.h" && a in engine) ||
            (a == "boundary" && (to ~ /^[a-z]+\/record\.h$/ || to == "jvm/meter.h" || to == "machine/screen.h")) ||
            (a == "cli" && to ~ /^(jvm\/places|linux\/fs\/imgfs_format|machine\/keys|machine\/dev\/fdc)\.h$/)) continue
        bad[a] = bad[a] sprintf("# %s:%d: error: %s/ may not include %s/ (%s)\n", from[i], line[i], a, b, inc[i])
    }
    print "1.." (nf + 1)
    for (i = 1; i <= nf; i++) {
        d = folders[i]
        if (!(d in known)) bad[d] = bad[d] "# tests/unit/includes.sh:1: error: src/" d " has no row in the table of arrows\n"
        printf "%sok %d - includes of src/%s go one way\n%s", (bad[d] != "" ? "not " : ""), i, d, bad[d]
        if (bad[d] != "") failed = 1
    }
    for (file in out) if (!state[file]) walk(file, file)
    printf "%sok %d - no include cycle\n%s", (cycles != "" ? "not " : ""), nf + 1, cycles
    exit failed || cycles != ""
}'
