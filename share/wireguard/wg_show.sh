#!/bin/sh
# wg_show.sh IFACE: a line for each peer, without private and preshared keys. See README.md.
set -eu
. "$(dirname "$0")/wg_common.sh"

[ $# -eq 1 ] || bad "usage: wg_show.sh IFACE"
check_interface "$1"
need_interface "$1"
# The first line of the dump has the private key, the second column of the others the preshared key.
dump=$(wg show "$1" dump) || refused "wg show failed"
printf '%s\n' "$dump" | awk -F '\t' -v OFS='\t' 'NR > 1 {print $1, $3, $4, $5, $6, $7, $8}'
