#!/usr/bin/env bash
# `make run`: builds Davenport and the demo shop, starts the shop on a free port and Davenport before it, waits until
# both answer, says what to try, and stays until Ctrl-C. Both are stopped by their pids, and nothing is left behind.
#   PORT, ADMIN_PORT   where to look for free ports first (8080, 9090)
#   BUILD_DIR          where to build (build)
#   DB_DELAY           what a query of the shop costs (50ms)
set -euo pipefail
cd "$(dirname "$0")/../.."

build_dir=${BUILD_DIR:-build}
db_delay=${DB_DELAY:-50ms}
work=""
shop_pid=""
davenport_pid=""
tail_pid=""

fail() {
  printf '%s\n' "$*" >&2
  exit 1
}

running() { [[ -n "$1" ]] && kill -0 "$1" 2>/dev/null; }

# TERM, and KILL for what has not ended after 5 s.
# shellcheck disable=SC2317  # called by the trap
stop() {
  local pid=$1
  running "$pid" || return 0
  kill -TERM "$pid" 2>/dev/null || true
  for ((i = 0; i < 50; i++)); do
    running "$pid" || break
    sleep 0.1
  done
  kill -KILL "$pid" 2>/dev/null || true
  wait "$pid" 2>/dev/null || true
}

# shellcheck disable=SC2317  # called by the trap
stop_all() {
  trap '' INT TERM
  stop "$tail_pid"
  stop "$davenport_pid"
  stop "$shop_pid"
  [[ -z "$work" ]] || rm -rf "$work"
}

# wait_for WHAT PID LOG COMMAND...: until the command succeeds, 15 s at most; the process must live meanwhile.
wait_for() {
  local what=$1 pid=$2 log=$3
  shift 3
  for ((i = 0; i < 150; i++)); do
    if "$@" >/dev/null 2>&1; then return; fi
    running "$pid" || break
    sleep 0.1
  done
  cat "$log" >&2
  fail "$what did not start; what it said stands above."
}

docker/install-packages.sh

cmake -S . -B "$build_dir" -G Ninja -DCMAKE_BUILD_TYPE=Release --log-level=WARNING
cmake --build "$build_dir" --parallel "${JOBS:-$(nproc)}" --target davenport davenport_demo_shop

trap stop_all EXIT
trap 'exit 0' INT TERM
work=$(mktemp -d)

shop_program=$build_dir/docker/demo/davenport_demo_shop
port=$("$shop_program" --find-port "${PORT:-8080}")
admin_port=$("$shop_program" --find-port "${ADMIN_PORT:-9090}")
[[ "$admin_port" != "$port" ]] || admin_port=$("$shop_program" --find-port "$((port + 1))")

"$shop_program" --listen 127.0.0.1:0 --db-delay "$db_delay" \
  --purge "http://127.0.0.1:$admin_port/purge" >"$work/shop.log" 2>&1 &
shop_pid=$!
wait_for "The shop" "$shop_pid" "$work/shop.log" grep -q '^shop on ' "$work/shop.log"
shop=$(sed -n 's/^shop on //p' "$work/shop.log")

cat >"$work/davenport.toml" <<TOML
listen = ["127.0.0.1:$port"]

[origin.shop]
servers = ["${shop#http://}"]

[cache.defaults]
ignore_client_no_cache = true   # a browser's reload is answered from the cache too

[admin]
address = "127.0.0.1:$admin_port"

[shutdown]
timeout = "2s"
TOML
"$build_dir/davenport" run "$work/davenport.toml" >"$work/davenport.log" 2>&1 &
davenport_pid=$!
site="http://127.0.0.1:$port"
admin="http://127.0.0.1:$admin_port"
wait_for "Davenport" "$davenport_pid" "$work/davenport.log" curl -fsS -m 2 "$admin/readyz"
wait_for "The shop behind Davenport" "$davenport_pid" "$work/davenport.log" curl -fsS -m 2 "$site/healthz"

bold="" plain=""
if [[ -t 1 ]]; then bold=$'\e[1m' plain=$'\e[0m'; fi
cat <<TEXT

${bold}Open  $site${plain}   the shop through Davenport (the foot of each page says what the cache did)
      $shop   the shop itself, whose database takes $db_delay a query
      $admin    Davenport's admin interface

${bold}A page twice: the second comes from the cache${plain}
  curl -so /dev/null -D - $site/product/17 | grep -iE '^(HTTP|cache-status|age)'

${bold}The same page without and with Davenport${plain}
  curl -so /dev/null -w '%{time_total} s\n' $shop/product/17
  curl -so /dev/null -w '%{time_total} s\n' $site/product/17

${bold}Under load (apt-get install wrk)${plain}
  wrk -t1 -c50 -d10s --timeout 10s --latency $shop/product/17
  wrk -t1 -c50 -d10s --timeout 10s --latency $site/product/17
  curl -s $shop/stats

${bold}Change a price: the shop purges the tag product-17${plain}
  curl -si -d price=12.50 $shop/admin/product/17 | grep -iE '^(HTTP|purge-status)'
  curl -s $site/api/price/17

${bold}Why is a page (not) served from the cache?${plain}
  $build_dir/davenport explain --admin $admin $site/product/17

${bold}Purge by hand${plain}
  $build_dir/davenport purge --admin $admin --url $site/product/17
  curl -s $admin/purge -d '{"tags": ["category-1"]}'

Configuration: $work/davenport.toml   Logs: $work/shop.log, $work/davenport.log
Ctrl-C ends both.
TEXT

# Whichever ends by itself takes the other with it.
tail -n +1 -F "$work/davenport.log" --pid "$davenport_pid" 2>/dev/null &
tail_pid=$!
wait -n "$shop_pid" "$davenport_pid" || true
running "$shop_pid" || { cat "$work/shop.log" >&2; fail "The shop has ended."; }
fail "Davenport has ended."
