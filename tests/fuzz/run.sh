#!/bin/sh
# run.sh BUILD_DIR SECONDS [TARGET...]: each fuzz target for so long, from its seeds and what earlier runs found. Logs,
# the grown corpus and findings are kept in BUILD_DIR; ends with 1 if a target failed.
# A run that takes 60 s hangs; less proves nothing on a machine that others use.
set -eu
build=$1 seconds=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- request response chunked directives structured dates ranges uri proxy_protocol config redis_record redis_reply pair http2
mkdir -p "$build/findings"
failed=0
for target in "$@"; do
  mkdir -p "$build/corpus/$target"
  log=$build/findings/$target.log
  if "$build/tests/fuzz/fuzz_$target" -max_total_time="$seconds" -timeout=60 -max_len=4096 -print_final_stats=1 \
    -artifact_prefix="$build/findings/$target-" "$build/corpus/$target" "$here/corpus/$target" >"$log" 2>&1; then
    echo "$target: $(sed -n 's/^stat::number_of_executed_units: *//p' "$log") runs"
  else
    failed=1
    echo "$target: failed, see $log"
    grep -E '^broken|ERROR|SUMMARY|runtime error|Test unit' "$log" || true
  fi
done
exit $failed
