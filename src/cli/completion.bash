# SPDX-License-Identifier: Apache-2.0
# Completion of moat for bash, printed by `moat completion bash`. _moat_table and _moat_list come from the same rows as
# the help. Words are compared as they are: compgen -W would evaluate them.

# _moat_value OPTION: whether it takes a value; $offers is what may be one.
_moat_value()
{
    local o
    for o in $options; do
        if [[ $o == "$1="* ]]; then offers=${o#*=}; return 0; fi
    done
    return 1
}

# _moat_offer OFFERS WORD PREFIX: those that begin with WORD, with PREFIX before each.
_moat_offer()
{
    local o w
    for o in ${1//,/ }; do
        case $o in
        @file) compopt -o default ;;
        @dir) compopt -o plusdirs ;;
        @*)
            while IFS= read -r w; do
                [[ $w != "$2"* ]] || COMPREPLY+=("$3$w")
            done < <(_moat_list "$o")
            ;;
        *) [[ $o != "$2"* ]] || COMPREPLY+=("$3$o") ;;
        esac
    done
}

# _moat_complete WORD...: the last one is to be completed.
_moat_complete()
{
    local words=("$@") options operands stop='' offers='' i j w position=0 ended=''
    local n=$(($# - 1)) cur=${!#}

    if [[ $n == 1 ]]; then
        offers=@command
        [[ $cur != -* ]] || offers=--help,--version
        _moat_offer "$offers" "$cur" ''
        return
    fi
    _moat_table "${words[1]}" || return
    for ((i = 2; i < n; i++)); do
        w=${words[i]}
        if [[ -n $ended || $w != -?* ]]; then
            position=$((position + 1)) ended=$ended$stop
        elif [[ $w == -- ]]; then
            ended=1
        elif [[ $w == --* ]]; then
            [[ $w == *=* ]] || ! _moat_value "$w" || i=$((i + 1))
        else
            # A letter with a value takes the rest of its word, or the next one.
            for ((j = 1; j < ${#w}; j++)); do
                _moat_value "-${w:j:1}" || continue
                [[ $j -lt $((${#w} - 1)) ]] || i=$((i + 1))
                break
            done
        fi
    done
    if [[ $i -gt $n ]]; then # the word is the value of the option before it
        _moat_offer "$offers" "$cur" ''
    elif [[ -z $ended && $cur == --*=* ]]; then
        ! _moat_value "${cur%%=*}" || _moat_offer "$offers" "${cur#*=}" "${cur%%=*}="
    elif [[ -z $ended && $cur == -* ]]; then
        for w in $options --help; do _moat_offer "${w%%=*}" "$cur" ''; done
    else
        for w in $operands; do
            if [[ $position == 0 || $w == *... ]]; then
                _moat_offer "${w%...}" "$cur" ''
                break
            fi
            position=$((position - 1))
        done
    fi
}

_moat()
{
    local IFS=$' \t\n' line=${COMP_LINE:0:COMP_POINT} words=() i w

    # readline takes words apart at : and =; put together what has no space between.
    for ((i = 0; i <= COMP_CWORD; i++)); do
        w=${line%%[![:space:]]*}
        [[ $i -gt 0 && -z $w ]] || words+=('')
        line=${line#"$w"} w=${COMP_WORDS[i]}
        [[ $i -lt $COMP_CWORD ]] || w=$line
        words[${#words[@]} - 1]+=$w line=${line#"$w"}
    done
    COMPREPLY=()
    _moat_complete "${words[@]}"
    # What is before the last of these has been typed, and readline does not replace it.
    w=${COMP_WORDBREAKS//[!:=]/} line=${words[${#words[@]} - 1]}
    [[ -z $w || $line != *[$w]* ]] || COMPREPLY=("${COMPREPLY[@]#"${line%"${line##*["$w"]}"}"}")
    return 0
}
complete -F _moat moat
