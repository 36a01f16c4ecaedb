#compdef moat
# SPDX-License-Identifier: Apache-2.0
# Completion of moat for zsh, printed by `moat completion zsh`. _moat_commands, _moat_arguments and _moat_list come from
# the same rows as the help.

# _moat_offer OFFER...
_moat_offer()
{
    local o ret=1
    local -a found
    for o; do
        case $o in
        @file) _files && ret=0 ;;
        @dir) _files -/ && ret=0 ;;
        @*)
            found=(${(f)"$(_moat_list $o)"})
            compadd -a found && ret=0
            ;;
        *) compadd -- $o && ret=0 ;;
        esac
    done
    return ret
}

_moat()
{
    if (( CURRENT == 2 )); then
        if [[ $PREFIX == -* ]]; then
            compadd -- --help --version
        else
            _moat_commands
        fi
        return
    fi
    shift words
    (( CURRENT-- ))
    _moat_arguments
}
