# SPDX-License-Identifier: Apache-2.0
# For tests of a PC by moat-vmm alone: its guest is a boot sector (tests/machine/boot_sector.S) that is asked for sectors.
load ../lib

VMM=$MOAT_BUILD/libexec/moat-vmm
FIRMWARE=/usr/share/seabios/bios-256k.bin

# A directory of the test's own, with the boot sector in it.
vmm_setup()
{
    [ -e "$FIRMWARE" ] || skip "no firmware: apt install seabios"
    cd "$BATS_TEST_TMPDIR" || return
    cp "$MOAT_BUILD/tests/machine/machine-boot-sector" boot
    chmod u+w boot
}

# media WORD...: a PC booted from it, and what tests/cli/vmm_media.py does with each word. $limit: seconds.
media() { run timeout -k 1 "${limit:-110}" python3 "$MOAT_SRC/tests/cli/vmm_media.py" "$VMM" boot "$@"; }
