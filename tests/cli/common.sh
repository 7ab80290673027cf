# What the scripts of this folder begin with (`. "$(dirname "$0")/common.sh"`, behind what they make of their arguments): an own
# empty folder to work in ($tmp), which goes when they end; no database but one in it; what passed and failed is counted.
tmp=$(mktemp -d)
trap 'chmod -R u+w "$tmp" 2>/dev/null; rm -rf "$tmp"' EXIT
cd "$tmp" || exit 1
unset HONE_DB HONE_NUM_THREADS CPATH C_INCLUDE_PATH
export XDG_DATA_HOME="$tmp/data"
passed=0 failed=0
ok() { passed=$((passed + 1)); }
no() { failed=$((failed + 1)); echo "not ok: $*"; }
is() { if [ "$2" = "$3" ]; then ok; else no "$1: got '$2', expected '$3'"; fi; }
check() { # what, condition…
  what=$1
  shift
  if "$@"; then ok; else no "$what"; fi
}
has() { grep -q -- "$1" "$2"; }
end() { # the last line of a script
  echo "$passed passed, $failed failed"
  [ "$failed" = 0 ]
}
