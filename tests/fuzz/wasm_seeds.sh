#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Makes the seeds of fuzz_wasm_module in tests/fuzz/corpus/wasm_module/: small modules and bodies, in hex below. The
# first byte of a seed is what the target's head says: 00 a module, 01 a body, 02 and 04 features.
cd "$(dirname "$0")" || exit 99
mkdir -p corpus/wasm_module

seed() # NAME HEX...
{
    local name=$1 hex
    shift
    hex=$(tr -d ' \n' <<<"$*")
    printf '%b' "$(sed 's/../\\x&/g' <<<"$hex")" > "corpus/wasm_module/$name"
}
header="00 00 61 73 6d 01 00 00 00"
void="01 04 01 60 00 00"
f="03 02 01 00"
code="0a 04 01 02 00 0b"

seed empty "$header"
seed all-sections "$header 01 08 02 60 00 00 60 01 7f 00 02 10 02 01 6d 01 66 00 00 02 6d 6d 02 67 67 03 7f 00 03" \
    "03 02 01 00" \
    "04 05 01 70 01 01 02 05 03 01 00 01 06 06 01 7f 01 23 00 0b 07 0b 02 03 6f 6e 65 00 01 01 6d 02 00 08 01 02" \
    "09 07 01 00 41 01 0b 01 00 0c 01 01 0a 0a 02 05 00 20 00 1a 0b 02 00 0b 0b 05 01 01 02 68 69" \
    "00 16 04 6e 61 6d 65 00 02 01 78 01 0b 02 00 02 69 6e 02 04 6c 61 73 74"
seed elements "$header $void $f 04 07 02 70 00 01 6f 00 01 09 35 08 00 41 00 0b 01 00 01 00 01 00 02 00 41 00 0b" \
    "00 01 00 03 00 01 00" \
    "04 41 00 0b 01 d2 00 0b 05 70 01 d0 70 0b 06 01 41 00 0b 6f 01 d0 6f 0b 07 70 01 d2 00 0b $code"
seed data "$header 05 03 01 00 01 0b 12 03 00 41 00 0b 02 68 69 01 01 68 02 00 41 00 0b 01 68"
seed constants "$header 02 06 01 00 00 03 7f 00 06 39 06 7f 00 23 00 0b 7e 00 42 7f 0b 7d 00 43 00 00 80 7f 0b" \
    "7c 00 44 00 00 00 00 00 00 f0 7f 0b 7b 00 fd 0c 00 01 02 03 04 05 06 07 08 09 0a 0b 0c 0d 0e 0f 0b 6f 00 d0 6f 0b"
seed constants-extended "04 00 61 73 6d 01 00 00 00 06 0c 01 7f 00 41 01 41 02 6a 41 03 6c 0b"
seed over-long "$header 01 84 80 80 80 00 01 60 00 00"
seed body-numbers "01 00 41 01 41 7f 6a 44 00 00 00 00 00 00 f0 3f b0 0b"
seed body-blocks "01 01 01 7f 41 00 42 00 02 03 03 40 20 02 04 7f 41 01 05 41 02 0b 0d 00 0b 0b 0b"
seed body-table "01 00 41 00 42 00 41 00 0e 02 00 00 00 0b"
seed body-calls "01 00 20 00 10 00 41 00 11 01 00 20 01 0b"
seed body-tail-call "03 00 20 00 20 01 12 01 0b"
seed body-memory "01 00 41 00 41 00 28 02 04 36 02 00 41 00 41 00 41 00 fc 0a 00 00 fc 09 00 41 01 40 00 42 00 0b"
seed body-references "01 00 d2 00 d1 1a 41 00 41 00 25 01 26 01 d0 70 41 01 fc 0f 00 20 01 0b"
seed body-vectors "01 01 01 7b 41 00 20 02 fd 57 03 00 01 20 02 20 02 fd 0d 00 01 02 03 04 05 06 07 08 09 0a 0b" \
    "0c 0d 0e 1f fd ae 01 fd 15 0f 42 00 0b"
seed body-unreachable "01 00 00 1b 6a 42 00 0c 00 1b 0b"
