#!/bin/sh
# wg_gen_key.sh FOLDER NAME: a key pair in FOLDER/NAME.key and FOLDER/NAME.pub; the one that is there already stays. See README.md.
set -eu
. "$(dirname "$0")/wg_common.sh"

[ $# -eq 2 ] || bad "usage: wg_gen_key.sh FOLDER NAME"
folder=${1%/} name=$2
matches "$folder" '/[A-Za-z0-9._/-]+' || bad "the folder must be an absolute path of plain characters"
case $folder/ in */../*) bad "the folder must not go up" ;; esac
matches "$name" '[A-Za-z0-9_-]{1,64}' || bad "the name must be 1 to 64 of A-Z a-z 0-9 _ -"

umask 077
private=$folder/$name.key public=$folder/$name.pub
if [ -s "$private" ]; then
  known=$(wg pubkey <"$private" 2>/dev/null) || unwritable "$private is there and holds no key"
  echo "PRIVATE=$private"
  echo "PUBLIC=$known"
  exit 0
fi
set -C # an existing file is not written
{ true >"$private"; } 2>/dev/null || unwritable "$private exists or cannot be written"
{ true >"$public"; } 2>/dev/null || { rm -f "$private"; unwritable "$public exists or cannot be written"; }
set +C
if ! { wg genkey >"$private" && wg pubkey <"$private" >"$public" && sync "$private" "$public"; }; then
  rm -f "$private" "$public"
  unwritable "the keys could not be written"
fi
echo "PRIVATE=$private"
echo "PUBLIC=$(cat "$public")"
