#!/usr/bin/env bash
# tests/model/run.sh: is the purge protocol right? Each correction taken away must be violated, all of them together must hold.
# run.sh            every counterexample (seconds each), the verifications that end by themselves, the leases
# run.sh NAME       one of them, with its trail replayed (steps in trail-NAME.txt of the working folder)
# Needs spin and gcc. Bounds: SECS a run (default 120), MEM MiB (default 2600). One run at a time.
set -u
here=$(cd "$(dirname "$0")" && pwd); work=${TMPDIR:-/tmp}/purge-model.$$; mkdir -p "$work"
SECS=${SECS:-120}; MEM=${MEM:-2600}; only=${1:-}; bad=0
one() { # one NAME violated|holds|bitstate DEFS...
  local name=$1 want=$2; shift 2; [[ -z $only || $only == "$name" ]] || return 0
  local d=$work/$name cf=(-DCOLLAPSE -DHC4) pa=() got; mkdir -p "$d"
  [[ $want == bitstate ]] && cf=(-DBITSTATE) && pa=(-w33 -k3)
  ( cd "$d" && spin -a "$@" "$here/purge_log.pml" >spin.out 2>&1 &&
    gcc -O2 -DSAFETY -DNOCLAIM "${cf[@]}" -DMEMLIM="$MEM" -w -o pan pan.c &&
    timeout -s INT "$SECS" ./pan -m10000 -E -n ${pa[@]+"${pa[@]}"} >pan.out 2>&1 ) || true
  local errs; errs=$(sed -n 's/.*errors: \([0-9]*\).*/\1/p' "$d/pan.out" | head -1)
  if [[ -z $errs ]]; then got="did not run"
  elif [[ $errs != 0 ]]; then got=violated
  elif grep -qE 'MEMLIM|nterrupted|Search not completed' "$d/pan.out"; then got="none found (not finished)"
  else got=holds; fi
  local ok="as expected"
  case $want:$got in violated:violated|holds:holds|bitstate:holds|bitstate:none*|holds:none*) ;; *) ok=UNEXPECTED; bad=1;; esac
  printf '%-12s %-26s %-12s %s  %s\n' "$name" "$got" "$ok" \
    "$(sed -n 's/^ *\([0-9.e+]*\) states, stored.*/\1 states/p' "$d/pan.out" | head -1)" "$*"
  [[ -z $only ]] || { (cd "$d" && spin -t -p -g -k ./*.trail "$@" "$here/purge_log.pml" >"$work/trail-$name.txt" 2>&1); echo "trail: $work/trail-$name.txt"; }
}
X="-DRETRY=0 -DRS=0 -DTR=0"; F="$X -DFO=1 -DMAXPOS=2"; N0="$X -DFO=0"
# the design as it stands, then every correction taken away alone
one base      violated -DBASE $F -DMAXN=3
one position  violated -DNO_ACKN $F -DMAXN=3
one head      violated -DNO_HEAD $F -DMAXN=4
one chainonly violated -DNO_HEAD -DCHAIN $F -DMAXN=4
one pidnonce  violated -DNO_PIDN $F -DMAXN=4
one repair    violated -DNO_REPAIR $F -DMAXN=4
one term      violated -DNO_TERM $F -DMAXN=4
one start     violated -DNO_START -DRETRY=0 -DRS=1 -DTR=0 -DFO=1 -DMAXP=1 -DMAXPOS=2 -DMAXN=2
one wait      violated -DNO_TOUCH -DRETRY=1 -DRS=0 -DTR=0 -DFO=1 -DMAXP=1
one own       violated -DNO_OWN -DOTHER=2 $N0
one joinpid   violated -DNO_JOINPID $N0 -DMAXP=1
one pidfirst  violated -DNO_PIDFIRST $N0 -DMAXP=1
one judge     violated -DNO_JUDGE $N0 -DMAXP=1
one cas       violated -DCAS_REFRESH -DNO_CAS $N0 -DMAXP=1
one torn      violated -DNO_TORN $N0 -DMAXP=1
one gc        violated -DNO_GCFL $N0 -DMAXP=1
one trim      violated -DNO_TRIMFL -DRETRY=0 -DRS=1 -DTR=1 -DFO=0 -DMAXPOS=2 -DMAXN=2 -DOTHER=2
one gap       violated -DNO_GAPAP $X -DTR=1 -DFO=0 -DMAXPOS=2 -DMAXN=2
one diskback  violated $N0 -DQR=1 -DMAXPOS=2 -DMAXN=4
# P2: leases
one lease-any    violated -DLEASE -DLH=5 -DISOT=9 -DTM=16
one lease-reply  violated -DLEASE -DHBACK -DFROMREPLY -DLH=6
one lease-acked  holds    -DLEASE -DHBACK -DLH=1 -DLL=2 -DISOT=9 -DTM=16
one lease-prob   holds    -DLEASE -DPROBATION -DLH=4 -DISOT=9 -DTM=16
# all corrections
one small     holds    $X -DFO=1 -DMAXP=1 -DMAXPOS=2 -DMAXN=2
one twice     holds    $N0 -DMAXP=2 -DMAXPOS=2 -DMAXN=3
one restart   holds    -DRETRY=1 -DRS=1 -DTR=0 -DFO=1 -DMAXP=1 -DMAXPOS=1 -DMAXN=2
one fork      bitstate $F -DMAXN=4
one trimmed   bitstate -DRETRY=0 -DRS=1 -DTR=1 -DFO=0 -DMAXPOS=2 -DMAXN=2
one three     bitstate -DN=3 $X -DFO=1 -DMAXP=1 -DMAXPOS=1 -DMAXN=2
echo "work: $work"; exit $bad
