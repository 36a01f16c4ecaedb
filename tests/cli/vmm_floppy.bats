#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Floppy disks of all sizes with the firmware's own driver: booted from, read and written (moat-vmm alone; tests/cli/vmm_media.py).
bats_require_minimum_version 1.5.0
load vmm

setup() { vmm_setup; }

# boots KIB...: from a disk of each of these sizes, which finds its first sector and writes to its eighth
boots()
{
    for kib; do
        truncate -s 512 boot
        truncate -s "${kib}K" boot
        limit=60 media ask=r01 ask=w08K ask=r08 end
        assert_status 0
        assert_output "ready
00 $(head -c 1 boot | od -An -tx1 | tr -d ' ')
00 4b
00 4b
0 poweroff"
        assert_equal "$kib: $(tail -c +$((7 * 512 + 1)) boot | head -c 512 | tr -d K | wc -c) $(tail -c +4097 boot | tr -d '\0' | wc -c)" "$kib: 0 0"
    done
}

@test "disks of 5.25 inches" { boots 160 180 320 360 1200; }

@test "disks of 3.5 inches" { boots 720 1440 1680 1722 2880; }
