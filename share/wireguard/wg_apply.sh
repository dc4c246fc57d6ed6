#!/bin/sh
# wg_apply.sh IFACE PUBKEY CIDR[,CIDR] [--psk-stdin]: the peer has exactly these tunnel addresses, now and after a restart. See README.md.
set -eu
. "$(dirname "$0")/wg_common.sh"

{ [ $# -eq 3 ] || { [ $# -eq 4 ] && [ "$4" = --psk-stdin ]; }; } || bad "usage: wg_apply.sh IFACE PUBKEY CIDR[,CIDR] [--psk-stdin]"
interface=$1 key=$2 addresses=$3
check_interface "$interface"
check_key "$key"
check_addresses "$addresses"
psk=
if [ $# -eq 4 ]; then
  IFS= read -r psk || [ -n "$psk" ] || bad "no preshared key on the standard input"
  check_key "$psk"
fi
need_interface "$interface"
hold_lock "$interface"

# wg would take the address away from whoever has it, without a word.
wg show "$interface" allowed-ips | grep -vF "$key" | tr ' \t' '\n\n' >"$scratch/taken" || true
for address in $(printf %s "$addresses" | tr , ' '); do
  ! grep -qxiF "$address" "$scratch/taken" || refused "$address belongs to another peer"
done

if [ -n "$psk" ]; then
  printf '%s\n' "$psk" | wg set "$interface" peer "$key" preshared-key /dev/stdin allowed-ips "$addresses" || refused "wg set failed"
else
  wg set "$interface" peer "$key" allowed-ips "$addresses" || refused "wg set failed"
fi
found=$(wg show "$interface" allowed-ips | awk -F '\t' -v key="$key" '$1 == key {print $2}' | tr ' ' '\n' | sort)
[ "$(printf '%s\n' "$found" | grep -c .)" -eq "$(printf %s "$addresses" | tr , '\n' | sort -u | grep -c .)" ] ||
  refused "the interface does not have the peer as it was written"

write_peer "$interface" "$key" "$found" "$psk"
echo applied
