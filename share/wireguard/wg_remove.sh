#!/bin/sh
# wg_remove.sh IFACE PUBKEY: the peer is gone, now and after a restart. See README.md.
set -eu
. "$(dirname "$0")/wg_common.sh"

[ $# -eq 2 ] || bad "usage: wg_remove.sh IFACE PUBKEY"
interface=$1 key=$2
check_interface "$interface"
check_key "$key"
need_interface "$interface"
hold_lock "$interface"

wg set "$interface" peer "$key" remove || refused "wg set failed"
! wg show "$interface" peers | grep -qxF "$key" || refused "the interface still has the peer"
write_peer "$interface" "$key" "" ""
echo removed
