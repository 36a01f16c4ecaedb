# SPDX-License-Identifier: Apache-2.0
# _moat_list KIND: one word a line. Only the moat of PATH is asked, never the word that was typed: that may be ./moat in
# a stranger's folder.
_moat_list()
{
    case $1 in
    @image)
        command moat images | awk '
            NR > 1 { print $1 == "<none>" ? $3 : $1 ($2 == "<none>" || $2 == "latest" ? "" : ":" $2) }
            END { print "busybox" }' | sort -u
        ;;
    @sandbox) command moat ps -a --format '{{.Names}}' ;;
    @boundary) command moat boundaries | awk 'NR > 1 && /^[a-z]/ && $2 != "-" { print $1 }' ;;
    @variable) awk 'BEGIN { for (name in ENVIRON) print name }' ;;
    *) _moat_names "$1" ;;
    esac 2>/dev/null
}
