# Read by the other scripts of this folder: checks, the lock, and the interface's file.
PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
config_folder=${WG_CONFIG_DIR:-/etc/wireguard}
lock_folder=${WG_LOCK_DIR:-/run/lock}
umask 077
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
trap 'exit 4' HUP INT TERM

leave() {
  code=$1 && shift
  echo "$*" >&2
  exit "$code"
}
bad() { leave 2 "$@"; }
refused() { leave 4 "$@"; }
unwritable() { leave 5 "$@"; }

# The whole text, on one line, matches the extended regular expression.
matches() { [ "$(printf '%s\n' "$1" | wc -l)" -eq 1 ] && printf '%s\n' "$1" | LC_ALL=C grep -qxE -e "$2"; }

check_interface() {
  matches "$1" '[A-Za-z0-9_=+][A-Za-z0-9_=+.-]{0,14}' || bad "the interface must be 1 to 15 of A-Z a-z 0-9 _ = + . - and begin with none of . -"
}
check_key() {
  matches "$1" '[A-Za-z0-9+/]{42}[AEIMQUYcgkosw048]=' || bad "a key must be 44 characters of base64"
  [ "$1" != AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA= ] || bad "the key is all zeros"
}
check_addresses() {
  byte='(25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])'
  one="($byte\\.$byte\\.$byte\\.$byte/32|[0-9a-f:]*:[0-9a-f:]*/128)"
  matches "$1" "$one(,$one)*" || bad "addresses must be IPv4/32 or IPv6/128 in lower case, with commas between"
}

need_interface() {
  wg show interfaces | tr ' ' '\n' | grep -qxF "$1" || leave 3 "there is no WireGuard interface $1"
}

# One script at a time for an interface; let go when the script ends.
hold_lock() {
  exec 9>"$lock_folder/wg-$1.lock"
  flock -w 10 9 || refused "another script has held $1 for ten seconds"
}

# write_peer IFACE KEY ADDRESSES PSK: its section in the interface's file; without addresses there is none afterwards. Without a preshared key
# the one that is there stays. Everything else in the file stays as it is.
write_peer() {
  file=$config_folder/$1.conf
  [ -f "$file" ] || return 0
  kept=$(section "$file" "$2" other)
  psk=$4
  [ -n "$psk" ] || psk=$(section "$file" "$2" own | sed -n 's/^[[:space:]]*[Pp][Rr][Ee][Ss][Hh][Aa][Rr][Ee][Dd][Kk][Ee][Yy][[:space:]]*=[[:space:]]*//p' | head -n 1)
  {
    printf '%s\n' "$kept"
    if [ -n "$3" ]; then
      printf '\n[Peer]\nPublicKey = %s\n' "$2"
      [ -z "$psk" ] || printf 'PresharedKey = %s\n' "$psk"
      printf 'AllowedIPs = %s\n' "$(printf '%s\n' "$3" | paste -sd, - | sed 's/,/, /g')"
    fi
  } >"$file.new" && sync "$file.new" && mv "$file.new" "$file" || refused "$file could not be written"
}

# section FILE KEY own|other: the peer's own section, or all of the file but that.
section() {
  awk -v key="$2" -v want="$3" '
    function flush() {
      if ((mine ? "own" : "other") == want) printf "%s", held
      held = ""; mine = 0
    }
    /^[[:space:]]*\[/ { flush() }
    { held = held $0 "\n" }
    tolower($0) ~ /^[[:space:]]*publickey[[:space:]]*=/ {
      value = $0; sub(/^[^=]*=[[:space:]]*/, "", value); sub(/[[:space:]]*(#.*)?$/, "", value)
      if (value == key) mine = 1
    }
    END { flush() }
  ' "$1"
}
