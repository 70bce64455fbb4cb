#!/usr/bin/env bash
# Installs the Debian 12 packages that building, testing and trying Davenport needs, as far as they are missing.
# Where nothing is missing it does nothing, asks for nothing and needs no network. Otherwise: as root, or through sudo.
#   docker/install-packages.sh [GROUP...]          install; the groups add what one chore needs: fuzz, load, model, bench, browser, django, wordpress
#   docker/install-packages.sh --list [GROUP...]   print what is needed, one a line
set -euo pipefail

packages=(
  # the compiler and its tools
  g++ cmake ninja-build make pkg-config
  # libraries: loop, Redis, TLS, HTTP/2, text, hashing, configuration
  libevent-dev libhiredis-dev libssl-dev libnghttp2-dev libfmt-dev libxxhash-dev libtomlplusplus-dev libcli11-dev nlohmann-json3-dev
  # content codings
  zlib1g-dev libbrotli-dev libzstd-dev
  # tests
  doctest-dev nghttp2-client redis-server redis-tools openssl
  # what the scripts ask with
  curl ca-certificates
)

list=false
for argument in "$@"; do
  case "$argument" in
    --list) list=true ;;
    load) packages+=(python3) ;;
    fuzz) packages+=(clang-14 libclang-rt-14-dev) ;;
    model) packages+=(spin) ;;
    wordpress) packages+=(python3 nginx-light mariadb-server php-fpm php-cli php-mysql php-xml wordpress wordpress-theme-twentytwentythree chromium chromium-driver python3-selenium) ;;
    browser) packages+=(python3 chromium chromium-driver python3-selenium) ;;
    django) packages+=(python3 python3-django gunicorn) ;;
    bench) packages+=(wrk strace python3 nginx-light haproxy varnish trafficserver h2o libbenchmark-dev) ;;
    *)
      printf 'There is no group "%s": fuzz, load, model, bench, browser, django, wordpress\n' "$argument" >&2
      exit 1
      ;;
  esac
done

if $list; then
  printf '%s\n' "${packages[@]}"
  exit 0
fi

if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
  printf 'This is no Debian. What is needed goes by these names there: %s\n' "${packages[*]}" >&2
  exit 1
fi

missing=()
for package in "${packages[@]}"; do
  # shellcheck disable=SC2016  # dpkg-query's own variable
  status=$(dpkg-query -W -f='${db:Status-Status}' "$package" 2>/dev/null || true)
  [[ "$status" == installed* ]] || missing+=("$package")
done
((${#missing[@]} > 0)) || exit 0

as_root=()
if ((EUID != 0)); then
  if ! command -v sudo >/dev/null; then
    printf 'Missing: %s\nRun as root: apt-get install %s\n' "${missing[*]}" "${missing[*]}" >&2
    exit 1
  fi
  as_root=(sudo)
fi

printf 'Installing %s\n' "${missing[*]}" >&2
log=$(mktemp)
trap 'rm -f "$log"' EXIT
apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0 -o DPkg::Lock::Timeout=120)
if ! { "${apt[@]}" update && "${apt[@]}" install --yes --no-install-recommends "${missing[@]}"; } >"$log" 2>&1; then
  cat "$log" >&2
  printf 'The packages could not be installed: %s\n' "${missing[*]}" >&2
  exit 1
fi
