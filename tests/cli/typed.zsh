#!/usr/bin/env zsh
# SPDX-License-Identifier: Apache-2.0
# typed.zsh SHELL SCRIPT KEYS...: types KEYS and a TAB into an interactive bash or zsh that has sourced the completion
# SCRIPT, in a terminal of its own; prints what the screen got, and the line that came of it between << and >>. Nothing
# waits for a time: the shell reads its keys in their order, and the last one makes it show its line.
zmodload zsh/zpty || exit 77
shell=$1 script=$2; shift 2
rc=$(mktemp -d) || exit
trap 'rm -rf $rc' EXIT
export TERM=dumb SCRIPT=$script

case $shell in
bash)
    print -r -- '. "$SCRIPT"; PS1="rea""dy> "; bind "set bell-style none" "set enable-bracketed-paste off"
        bind "set completion-query-items 0" "set page-completions off"
        bind -x '\''"\C-xs": echo "<<$READLINE_LINE>>"'\' > $rc/rc
    start=(bash --noprofile --rcfile $rc/rc -i)
    ;;
zsh)
    print -r -- 'autoload -Uz compinit; compinit -u -D; . $SCRIPT; PS1="rea""dy> "; LISTMAX=1000
        show() { print -r -- "<<$BUFFER>>" }; zle -N show; bindkey "^Xs" show; unsetopt beep zle_bracketed_paste' > $rc/.zshrc
    start=(env ZDOTDIR=$rc zsh -d -i)
    ;;
esac
zpty typed "${(@q)start}"
zpty -r typed screen '*ready>*'
for keys; do
    zpty -w -n typed $keys$'\t'$'\x18s'
    zpty -r typed screen '*<<*>>*'
    print -r -- ${screen//$'\r'/}
    zpty -w -n typed $'\x15'
done
zpty -d typed
