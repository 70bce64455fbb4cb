/* purge_log.pml: the fleet's purge protocol as it is built (docs/redis.md), as an explicit-state model (SPIN 6.5).
 *
 * One cached resource, N instances, one purge log on a Redis master with one replica, one record of the
 * resource in the store (another slot, thus another shard: it never fails over together with the log).
 * A purge of some other resource is only a log entry that cannot hurt, so every entry here purges the resource.
 *
 * A purge that holds at its instance before the log has it is not modelled: for what memory has it only takes validity away, and of records it
 * says nothing until it is followed; from then on it counts from its own place, as every entry here does (EmbeddedLog::follow()).
 *
 * Every correction is on by default. -DNO_<NAME> takes one away and gives its counterexample:
 *   NO_HEAD     a poll reads only what is after the own position: the own last entry is never read again
 *   NO_HEAD + CHAIN   ... but each entry names the nonce of the one before, and entry n+1 is checked against it
 *   NO_ACKN     confirmation is "position >= n" instead of "position n with nonce x"
 *   NO_PIDN     pid is (epoch, position) without the nonce of that position
 *   NO_TERM     answers of a master older than one already seen are believed
 *   NO_START    a (re)started instance believes the first master that answers, even an isolated one
 *   NO_REPAIR   entries lost by a failover are not appended again by who had applied them
 *   NO_TOUCH    the retry finds its purge id in the log, writes nothing, and WAITs on a fresh connection
 *   NO_OWN      the coordinator applies out of band and moves its position to n (skips what is between)
 *   NO_JOINPID  a request joins any flight of its key, however old
 *   NO_PIDFIRST pid is noted when the origin's answer is complete, not before the origin is asked
 *   NO_JUDGE    a record from Redis is judged when the read is issued, not when it is used
 *   NO_CAS      (with CAS_REFRESH, the other way to refresh) a 304's refresh sets the pid of whatever record is there
 *   NO_TORN     m: and b: are written by two commands and not matched when read
 *   NO_TRIMFL   a joiner does not raise its floor to the first entry that the trimmed log still has
 *   NO_GAPAP    a gap raises the floor to the head, but leaves the position behind (P5)
 *   NO_GCFL     the purge index forgets entries without raising the floor
 *   BASE        the design's text taken literally: NO_HEAD NO_ACKN NO_PIDN NO_TERM NO_START NO_REPAIR NO_TOUCH
 *   LEASE       (-DLEASE) another, timed model instead: leases and wait=all, see there
 * Bounds (each -D): N instances, MAXP purges, MAXPOS log positions, MAXN nonces, FO failovers, QR quick
 * restarts of a master that come back with an older disk, RS restarts of instances, TR trims, RETRY.
 */
#ifdef LEASE
/* ---------------------------------------------------------------------------------------------------------
 * P2: wait=all excuses an instance whose heartbeat, as the log's master sees it, is older than LH. Instance B
 * serves unvalidated hits only while now < (send time of the last renewing poll) + LL. The old master may be
 * isolated at any moment and then answers B for up to LD more; heartbeats reach the replica within LG.
 *   HBACK       only a heartbeat that the replica acknowledged renews the lease
 *   (default)   any answer renews it
 *   PROBATION   after its lease has run out B trusts a master again only when that master has answered polls
 *               without a break for LD+LG after its first reply: an isolated one would have gone silent
 *   FROMREPLY   the lease runs from the reply, not from the sending (wrong)
 * Time is in ticks of one common clock: add the clocks' drift to LH. */
#ifndef LL
#define LL 1
#endif
#ifndef LD
#define LD 2
#endif
#ifndef LG
#define LG 1
#endif
#ifndef LH
#define LH 3
#endif
#ifndef TM
#define TM 14
#endif
#ifndef ISOT
#define ISOT 6         /* isolation happens before this tick */
#endif
#define T0 1
byte now=T0, ls=T0, snt, lastok=T0, pr;
byte ho=T0, hr=T0, hu, hv, ti;        /* B's heartbeat at the old master, its replica, the promoted one */
byte out;                         /* poll: 0 none 1 sent 2 done by old 3 done by new 4 done by old and acknowledged */
bit  isol, prom, gone, knows, gl; /* gone: a 200 was given without B; gl: the poll that is out has seen that purge */

#define LEASED (now < ls+LL)
active proctype Clock() {
  do
  :: d_step { now<TM && !(!isol && hr!=ho && now>=hu+LG) -> now++ }   /* replication keeps its bound while linked */
  :: d_step { !isol && hr!=ho -> hr=ho; hu=0 }
  :: d_step { !isol && now<ISOT -> isol=1; ti=now }
  :: d_step { isol && !prom -> prom=1; hv=hr }
  :: d_step { prom && !gone && now>hv+LH -> gone=1; ti=0 }            /* wait=all: B is called dead: 200 */
  od
}
active proctype B() {
  do
  :: d_step { out==0 && now<TM -> out=1; snt=now }
  :: d_step { out==1 && (!isol || (ti!=0 && now<ti+LD)) -> out=2; if :: ho<now -> if :: hr==ho -> hu=now :: else fi; ho=now :: else fi }
  :: d_step { out==2 && !isol && hr>=snt && hr==ho -> out=4 }
  :: d_step { out==1 && prom -> out=3; hv=now; gl=gone }
  :: d_step { out>=2 ->
       if
       :: out==3 -> ls=snt; pr=0; lastok=snt; if :: gl -> knows=1 :: else fi
       :: out!=3 ->
#ifdef HBACK
          if :: out==4 -> ls=snt :: else fi
#else
#ifdef PROBATION
          if
          :: snt<ls+LL && pr==0 -> ls=snt
          :: else ->
             if
             :: pr==0 || snt>lastok+LL -> pr=now      /* from the reply */
             :: pr!=0 && snt<=lastok+LL && snt>=pr+LD+LG -> ls=snt; pr=0
             :: else
             fi
          fi;
          lastok=snt
#else
          ls=snt
#endif
#endif
       fi;
#ifdef FROMREPLY
       ls=now;
#endif
       out=0; snt=0; gl=0 }
  :: d_step { out==1 -> out=0; snt=0 }                                /* timed out */
  od
}
active proctype Judge() { assert(!(gone && !knows && LEASED)) }
#else
#ifdef BASE
#define NO_HEAD
#define NO_ACKN
#define NO_PIDN
#define NO_TERM
#define NO_START
#define NO_REPAIR
#define NO_TOUCH
#endif
#ifndef N
#define N 2
#endif
#ifndef MAXP
#define MAXP 2
#endif
#ifndef MAXPOS
#define MAXPOS 3
#endif
#ifndef MAXN
#define MAXN 4
#endif
#ifndef FO
#define FO 1
#endif
#ifndef QR
#define QR 0
#endif
#ifndef RS
#define RS 1
#endif
#ifndef TR
#define TR 1
#endif
#ifndef RETRY
#define RETRY 1
#endif
#ifndef LATE
#define LATE 0          /* instances that join late: the last LATE ones */
#endif
#ifndef THIRD
#define THIRD 1         /* another replica exists: a promoted master can get its WAIT while the old one still answers */
#endif
#ifndef OTHER
#define OTHER 99        /* the purge id that concerns another resource, if any */
#endif
#define W (MAXPOS+1)    /* position 0 is the root, nonce 0, the same for all */

/* ---- the log's two Redis nodes ---- */
byte ln[2*W];           /* nonce at (node, position) */
byte hd[2];            /* head position */
byte fst[2];            /* first position not trimmed */
byte term[2];           /* config epoch of the node's last promotion */
bit  cur;               /* the master that the cluster's majority agrees on */
bit  iso;               /* the other node is an old master that has not come back as replica */
bit  ans;               /* ... and still answers clients */
byte nn;                /* nonces drawn so far */
byte pof[MAXN+1];       /* nonce -> purge id */
byte nfo, nqr, nrs, ntr;

/* ---- origin, store ---- */
byte ver = 1;
byte rv, rp, rn, rm;    /* record: b: holds version rv; m: holds pid (rp, rn) and names version rm */

/* ---- instances ---- */
bit  ready[N];          /* has read the log since its start */
byte L[N*W];            /* the entries that it has applied: its lineage */
byte ap[N];             /* applied position */
byte lastp[N];          /* index: last purge of the resource */
byte flr[N];            /* floor */
byte tmax[N];           /* highest term seen */
byte mv[N], mp[N], mn[N];                         /* memory object: version, pid */
byte fs[N], fv[N], fp[N], fn[N], fneed[N];        /* flight: 0 none 2 origin asked 3 record read, not yet used */
bit  fk[N], fok[N];     /* flight was a 304; judged early */
byte ws[N], wv[N], wp[N], wn[N];                  /* detached write: 0 none 1 whole 2 m: only (torn) 3 refresh of pid */

/* ---- ghosts ---- */
byte need[N];           /* the oldest version that a request starting now at i may get */
byte good;              /* newest version that a 200, or an entry that must not be lost, covers */
byte acc;               /* the same for a 202 (while nothing has restarted): it may come late, but not never */
bit  done;              /* the release scripts have ended */
bit  capped;             /* the model's bounds stopped a repair: do not judge P4 */
byte rpos;              /* scratch, always 0 between steps */
byte rx, ry;

#define REP      (1-cur)
#define ANSW(m)  ((m)==cur || (iso && ans))
#define LINK     (!iso)
#define ACKED(m,p) ((m)==cur && (LINK -> hd[REP]>=(p) : THIRD))      /* WAIT at m says 1 */
#define LE(i,p)  L[(i)*W+(p)]
#define NE(m,p)  ln[(m)*W+(p)]

#ifdef NO_PIDN
#define KNOWN(i,p,x) (true)
#else
#define KNOWN(i,p,x) ((p)<=ap[i] && LE(i,p)==(x))
#endif
#define VALID(i,p,x) (ready[i] && (p)>=flr[i] && (p)>=lastp[i] && KNOWN(i,p,x))
#ifdef NO_TORN
#define WHOLE (rv!=0)
#else
#define WHOLE (rv!=0 && rm==rv)
#endif
#ifdef NO_TERM
#define FENCE(i,m) (true)
#else
#define FENCE(i,m) (term[m]>=tmax[i])
#endif
#ifdef NO_ACKN
#define CONF(i,p,x) (ready[i] && ap[i]>=(p))
#else
#define CONF(i,p,x) (ready[i] && ap[i]>=(p) && LE(i,p)==(x))
#endif

/* rpos := position of purge id q in node m's log, 0 if it is not there */
inline find(m,q) {
  rpos=0; rx=fst[m];
  do :: rx<=hd[m] && pof[NE(m,rx)]==q -> rpos=rx; break
     :: rx<=hd[m] && pof[NE(m,rx)]!=q -> rx++
     :: rx>hd[m] -> break
  od; rx=0
}
inline append(m,q) { nn++; pof[nn]=q; hd[m]++; NE(m,hd[m])=nn; rpos=hd[m] }
inline copylog(i,m) {               /* take over the whole log of node m */
  rx=0;
  do :: rx<=MAXPOS -> LE(i,rx)=((rx<=hd[m] && (rx>=fst[m] || rx==0)) -> NE(m,rx) : 0); rx++
     :: else -> break od; rx=0;
  ap[i]=hd[m]
}
inline adopt(i,m) {                 /* fork: the log is not a continuation of what was applied */
#ifndef NO_REPAIR
  ry=1;
  do :: ry<=ap[i] && LE(i,ry)!=0 && (ry>hd[m] || LE(i,ry)!=NE(m,ry)) ->
        find(m,pof[LE(i,ry)]);
        if :: rpos==0 && hd[m]<MAXPOS && nn<MAXN -> append(m,pof[LE(i,ry)])
           :: rpos==0 && !(hd[m]<MAXPOS && nn<MAXN) -> capped=1
           :: else fi;
        rpos=0; ry++
     :: ry<=ap[i] && !(LE(i,ry)!=0 && (ry>hd[m] || LE(i,ry)!=NE(m,ry))) -> ry++
     :: ry>ap[i] -> break od; ry=0;
#endif
  copylog(i,m); lastp[i]=ap[i]; flr[i]=ap[i]
}
#define APN(i) LE(i,ap[i])
#ifdef NO_HEAD
#define BEHIND(i,m) (false)
#else
#define BEHIND(i,m) (hd[m]<ap[i] || (ap[i]>=fst[m] && NE(m,ap[i])!=APN(i)))
#endif
#ifdef CHAIN
#define BROKEN(i,m) (NE(m,ap[i])!=APN(i))
#else
#define BROKEN(i,m) (false)
#endif
/* Gap: entries after the own last one, or (so that it cannot be compared) that one itself, are trimmed. */
#ifdef NO_HEAD
#define GAP(i,m) (ap[i]+1<fst[m])
#else
#define GAP(i,m) (ap[i]+1<fst[m] || (ap[i]!=0 && ap[i]<fst[m]))
#endif

inline poll(i,m) {
  tmax[i]=term[m];
  if
  :: BEHIND(i,m) -> adopt(i,m)
  :: !BEHIND(i,m) && hd[m]>ap[i] && GAP(i,m) ->          /* gap: trimmed under us */
#ifdef NO_GAPAP
     flr[i]=hd[m]
#else
     copylog(i,m); lastp[i]=ap[i]; flr[i]=ap[i]
#endif
  :: !BEHIND(i,m) && hd[m]>ap[i] && !GAP(i,m) && BROKEN(i,m) -> adopt(i,m)
  :: !BEHIND(i,m) && hd[m]>ap[i] && !GAP(i,m) && !BROKEN(i,m) ->
     ap[i]=ap[i]+1; LE(i,ap[i])=NE(m,ap[i]);
     if :: pof[APN(i)]!=OTHER -> lastp[i]=ap[i] :: else fi
  fi;
  assert(VALID(i,ap[i],APN(i)))     /* P5: what is filled from here on is valid here until the next purge */
}
#define CANPOLL(i,m) (ready[i] && ANSW(m) && FENCE(i,m) && (BEHIND(i,m) || hd[m]>ap[i]))

#ifdef NO_START
#define TRUST(m) (true)
#else
#define TRUST(m) (((m)==cur && (LINK || THIRD)) || !(iso && ans))   /* heartbeat acknowledged by the replica, or D has gone by */
#endif
inline join(i,m) {
  ready[i]=1; copylog(i,m); tmax[i]=term[m];
  lastp[i]=0; rx=fst[m];
  do :: rx<=hd[m] && pof[NE(m,rx)]!=OTHER -> lastp[i]=rx; rx++
     :: rx<=hd[m] && pof[NE(m,rx)]==OTHER -> rx++
     :: rx>hd[m] -> break od; rx=0;
#ifdef NO_TRIMFL
  flr[i]=0
#else
  flr[i]=fst[m]-1
#endif
}

#ifdef NO_JOINPID
#define JOINABLE(i) (true)
#else
#define JOINABLE(i) (VALID(i,fp[i],fn[i]) || fs[i]==3)
#endif
/* Joining a flight that reads the record is safe: it is judged when it is used, else the origin is asked. */

inline drop(i) { fs[i]=0; fv[i]=0; fp[i]=0; fn[i]=0; fneed[i]=0; fk[i]=0; fok[i]=0 }
inline store(i) {
  mv[i]=fv[i]; mp[i]=fp[i]; mn[i]=fn[i]
}

inline complete(i) {                /* the origin's answer is complete */
  assert(fv[i]>=fneed[i]);
#ifdef NO_PIDFIRST
  fp[i]=ap[i]; fn[i]=APN(i);
#endif
  store(i);
#ifdef CAS_REFRESH
  if :: ws[i]!=2 -> ws[i]=(fk[i] -> 3 : 1);
#else
  if :: ws[i]!=2 -> ws[i]=1;                                /* a 304 writes the whole record anew, as a 200 does */
#endif
  wv[i]=fv[i]; wp[i]=fp[i]; wn[i]=fn[i] :: else fi;
  drop(i)
}
#define MISS(i) (ready[i] && !(mv[i]!=0 && VALID(i,mp[i],mn[i])) && fs[i]==0)
#ifdef NO_JUDGE
#define FINE(i) (fok[i])
#define READOK(i) fok[i]=VALID(i,rp,rn)
#else
#define FINE(i) VALID(i,fp[i],fn[i])
#define READOK(i) skip
#endif
/* Noting the pid and asking are one step here: a later asking would only give a newer version with that pid. */
inline ask(i) { fs[i]=2; fp[i]=ap[i]; fn[i]=APN(i); fv[i]=ver; fk[i]=(mv[i]==ver); fok[i]=0 }
inline judge(i) {                   /* the record has arrived */
  if
  :: FINE(i) -> assert(fv[i]>=fneed[i]); store(i); drop(i)
  :: !FINE(i) -> ask(i)
  fi
}

inline write(i) {
  if
  :: ws[i]==1 ->
#ifdef NO_TORN
     rv=wv[i]; ws[i]=2
#else
     rv=wv[i]; rm=wv[i]; rp=wp[i]; rn=wn[i]; ws[i]=0
#endif
  :: ws[i]==2 -> rm=wv[i]; rp=wp[i]; rn=wn[i]; ws[i]=0
  :: ws[i]==3 ->
     if
#ifdef NO_CAS
     :: rv!=0 -> rp=wp[i]; rn=wn[i]
#else
     :: rv==wv[i] && rm==wv[i] -> rp=wp[i]; rn=wn[i]
#endif
     :: else fi; ws[i]=0
  fi;
  if :: ws[i]==0 -> wv[i]=0; wp[i]=0; wn[i]=0 :: else fi
}

proctype Inst(byte i) {
  do
  /* the log */
  :: d_step { CANPOLL(i,0) -> poll(i,0) }
  :: d_step { CANPOLL(i,1) -> poll(i,1) }
  :: d_step { !ready[i] && ANSW(0) && TRUST(0) -> join(i,0) }
  :: d_step { !ready[i] && ANSW(1) && TRUST(1) -> join(i,1) }
  /* a request that starts now: memory hit, join, or a new flight */
  :: d_step { mv[i]!=0 && VALID(i,mp[i],mn[i]) && mv[i]<need[i] -> assert(false) }
  :: d_step { MISS(i) -> fneed[i]=need[i]; ask(i) }
  :: d_step { MISS(i) && WHOLE -> fneed[i]=need[i]; fs[i]=3; fv[i]=rv; fp[i]=rp; fn[i]=rn; READOK(i) }
  :: d_step { fs[i]!=0 && JOINABLE(i) && fneed[i]<need[i] -> fneed[i]=need[i] }
  /* a flight that nobody new may join is left to its old waiters; the next request starts another one */
  :: d_step { fs[i]!=0 && fs[i]!=3 && !JOINABLE(i) -> drop(i) }
  /* the flight */
  :: d_step { fs[i]==3 -> judge(i) }
  :: d_step { fs[i]==2 -> complete(i) }
  /* the detached write: late, or never */
  :: d_step { ws[i]!=0 -> write(i) }
  :: d_step { ws[i]==1 || ws[i]==3 -> ws[i]=0; wv[i]=0; wp[i]=0; wn[i]=0 }
#ifdef NO_GCFL
  :: d_step { lastp[i]!=0 -> lastp[i]=0 }
#endif
  /* restart: memory and flights are lost, a write on its way is not */
  :: d_step { ready[i] && nrs<RS -> nrs++; acc=0; ready[i]=0; mv[i]=0; mp[i]=0; mn[i]=0; drop(i);
       ap[i]=0; lastp[i]=0; flr[i]=0; tmax[i]=0; rx=0;
       do :: rx<=MAXPOS -> LE(i,rx)=0; rx++ :: else -> break od; rx=0 }
  od
}

inline copynode(a,b) {              /* node a := node b */
  rx=0; do :: rx<=MAXPOS -> NE(a,rx)=NE(b,rx); rx++ :: else -> break od; rx=0;
  hd[a]=hd[b]; fst[a]=fst[b]
}
proctype Redis() {
  do
  :: d_step { LINK && hd[REP]<hd[cur] -> hd[REP]=hd[REP]+1; NE(REP,hd[REP])=NE(cur,hd[REP]) }
  :: d_step { LINK && nfo<FO -> nfo++; iso=1; ans=1; cur=REP; term[cur]=term[REP]+1 }
  :: d_step { iso && ans -> ans=0 }                               /* cluster-node-timeout has gone by */
  :: d_step { iso -> iso=0; ans=0; copynode(REP,cur) }            /* comes back as replica, full sync */
  :: d_step { LINK && nqr<QR && hd[cur]>=fst[cur] ->             /* restarts from an older disk before a failover */
       nqr++; NE(cur,hd[cur])=0; hd[cur]=hd[cur]-1; copynode(REP,cur) }
  :: d_step { ntr<TR && fst[cur]<hd[cur] && (!LINK || hd[REP]>fst[cur]) ->     /* never the last entry */
       ntr++; fst[cur]=fst[cur]+1; if :: LINK -> fst[REP]=fst[cur] :: else fi }
  od
}

/* The release script: the origin first, then the purge, by any instance, with a retry under the same id. */
proctype Script() {
  byte q, c, m, pos, non, v0, try; bit found;
  do
  :: atomic { q<MAXP -> q++; try=0; if :: q!=OTHER -> ver++; v0=ver :: else fi };
again:
     atomic {                        /* EVAL at some instance c, on the master m that c holds for the right one */
       if :: c=0 :: c=1
#if N>2
          :: c=2
#endif
       fi;
       if :: ready[c] && ANSW(0) && FENCE(c,0) -> m=0
          :: ready[c] && ANSW(1) && FENCE(c,1) -> m=1
          :: else -> goto over fi;
       d_step { find(m,q); pos=rpos; rpos=0; found=(pos!=0) };
       if :: pos==0 && hd[m]<MAXPOS && nn<MAXN -> d_step { append(m,q); pos=rpos; rpos=0; tmax[c]=term[m] }
          :: pos==0 && !(hd[m]<MAXPOS && nn<MAXN) -> goto over
          :: else fi;
       non=NE(m,pos) };
     if
     :: atomic { ACKED(m,pos) && NE(cur,pos)==non -> skip }
#ifdef NO_TOUCH
     :: atomic { m==cur && (LINK || THIRD) && found -> skip }        /* nothing written on this connection: WAIT says 1 at once */
#endif
     :: goto maybe                                        /* reply lost, or WAIT says 0: 202 or 503 */
     fi;
#ifdef NO_OWN
     atomic { ready[c] -> if :: ap[c]<pos -> d_step { ap[c]=pos; LE(c,pos)=non; if :: q!=OTHER -> lastp[c]=pos :: else fi } :: else fi };
#endif
     if
     :: atomic { CONF(c,pos,non) ->                       /* applied here: 200, with who has confirmed */
          assert(LE(c,pos)==non);                         /* P3: applied here */
          assert(hd[cur]>=pos && NE(cur,pos)==non);      /* P3: the log that survives has it */
          if :: CONF(0,pos,non) && need[0]<v0 -> need[0]=v0 :: else fi;
          if :: CONF(1,pos,non) && need[1]<v0 -> need[1]=v0 :: else fi;
#if N>2
          if :: CONF(2,pos,non) && need[2]<v0 -> need[2]=v0 :: else fi;
#endif
          if :: good<v0 -> good=v0 :: else fi;
          goto over }
     :: goto maybe
     fi;
maybe: atomic { if :: CONF(c,pos,non) && acc<v0 && nrs==0 -> acc=v0 :: else fi };     /* 202: recorded, applied here */
        atomic { if :: try<RETRY -> try++; goto again :: goto over fi };
over: atomic { c=0; m=0; pos=0; non=0; v0=0; try=0; found=0 }
  :: atomic { q==MAXP -> q=0; done=1; break }
  od
}

/* P4, P5: failures have stopped, the old master is back, all tails say that nothing is left. */
#define DRY(i)  (ready[i] && !CANPOLL(i,0) && !CANPOLL(i,1))
#if N>2
#define ALLDRY  DRY(0) && DRY(1) && DRY(2)
#else
#define ALLDRY  DRY(0) && DRY(1)
#endif
inline quietcheck(i) {
  assert(!(mv[i]!=0 && VALID(i,mp[i],mn[i]) && mv[i]<rx));        /* P4: memory */
  assert(!(WHOLE && VALID(i,rp,rn) && rv<rx));                    /* P4: record */
  assert(VALID(i,ap[i],APN(i)))                                   /* P5: a fill that begins now will be valid */
}
proctype Check() {
  d_step { done && !capped && LINK && hd[REP]==hd[cur] && ALLDRY ->
    rx=(good>acc -> good : acc); ry=fst[cur];            /* purge id q covers version q+1 */
    do :: ry<=hd[cur] && pof[NE(cur,ry)]!=OTHER && pof[NE(cur,ry)]+1>rx -> rx=pof[NE(cur,ry)]+1; ry++
       :: ry<=hd[cur] && !(pof[NE(cur,ry)]!=OTHER && pof[NE(cur,ry)]+1>rx) -> ry++
       :: ry>hd[cur] -> break od;
    quietcheck(0); quietcheck(1);
#if N>2
    quietcheck(2);
#endif
    rx=0; ry=0 }
}

init {
  atomic {
    fst[0]=1; fst[1]=1; term[0]=1; rv=1; rm=1;
    rx=0; do :: rx<N-LATE -> ready[rx]=1; tmax[rx]=1; rx++ :: else -> break od; rx=0;
    run Redis(); run Script(); run Check();
    run Inst(0); run Inst(1);
#if N>2
    run Inst(2);
#endif
  }
}
#endif /* LEASE */
