#!/bin/sh
# wg_gate.sh: the only command of an SSH key. Runs one of the four scripts beside it and nothing else. See README.md.
set -euf

refuse() {
  echo "refused: $1" >&2
  exit 126
}

[ $# -eq 0 ] || refuse "the gate takes no arguments"
words=${SSH_ORIGINAL_COMMAND-}
# Nothing that a shell would read as more than a word.
case $words in *[!A-Za-z0-9_=+./:,@\ -]*) refuse "a character that no script takes" ;; esac
# shellcheck disable=SC2086 # split on spaces, and nothing else happens: set -f
IFS=' ' && set -- $words
[ $# -gt 0 ] || refuse "no command"
[ "$1" != sudo ] || shift
[ $# -gt 0 ] || refuse "no command"
verb=${1##*/}
shift
case $verb:$# in
wg_apply.sh:3 | wg_remove.sh:2 | wg_gen_key.sh:2 | wg_show.sh:1) ;;
wg_apply.sh:4) [ "$4" = --psk-stdin ] || refuse "the fourth argument can only be --psk-stdin" ;;
*) refuse "only wg_apply.sh, wg_remove.sh, wg_gen_key.sh and wg_show.sh, with their own number of arguments" ;;
esac
script=$(cd "$(dirname "$0")" && pwd)/$verb
[ "$(id -u)" -eq 0 ] && exec "$script" "$@"
exec sudo -n "$script" "$@"
