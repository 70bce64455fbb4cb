"""The faults of fleet.py: each is a function of the fleet that makes one, holds it and mends it; FAULTS also says by which counters of the
instances it shows that it was really met."""
import random
import signal
import time

from fleet_parts import PASSWORD, USER, Cluster, Redis, RedisError, slot_of

HELD = 5                                       # seconds of a fault
HANGING, HANGS = "a strict instance hangs", 1  # which


def nothing(_):
    time.sleep(HELD)


def master_is_killed(fleet):
    node = fleet.cluster.other_master()
    node.kill()
    time.sleep(HELD)
    node.start()


def log_master_is_stopped(fleet):
    node = fleet.cluster.log_master()
    node.signal(signal.SIGSTOP)
    time.sleep(HELD)
    node.signal(signal.SIGCONT)


def log_is_lost(fleet):
    """Started again before anybody is promoted: its replica copies an empty node."""
    node = fleet.cluster.log_master()
    node.kill()
    node.start()
    time.sleep(2)


def all_are_killed(fleet):
    for node in fleet.cluster.nodes:
        node.kill()
    time.sleep(HELD)
    for node in fleet.cluster.nodes:
        node.start()


def all_hang(fleet):
    for node in fleet.cluster.nodes:
        node.signal(signal.SIGSTOP)
    time.sleep(HELD)
    for node in fleet.cluster.nodes:
        node.signal(signal.SIGCONT)


def records_of(node):
    """Keys of stored answers."""
    connection, cursor, out = Redis(node.port), b"0", []
    while True:
        cursor, keys = connection.ask("SCAN", cursor, "MATCH", "davenport:{*", "COUNT", 1000)
        out += [key for key in keys if not key.startswith((b"davenport:{purge-log}", b"davenport:{popular}")) and not key.endswith(b":lease")]
        if cursor == b"0":
            connection.close()
            return out


def slots_move(fleet):
    """A third of the log's master, and the log, to another one: all slots open together, so that much is asked for meanwhile."""
    source, target = fleet.cluster.log_master(), fleet.cluster.other_master()
    from_id, to_id = source.ask("CLUSTER", "MYID"), target.ask("CLUSTER", "MYID")
    log = slot_of(Cluster.LOG)
    slots = sorted({slot_of(key) for key in records_of(source)} - {log})
    slots = slots[:len(slots) // 2]
    giving, taking = Redis(source.port), Redis(target.port)

    def open_slot(slot):
        taking.ask("CLUSTER", "SETSLOT", slot, "IMPORTING", from_id)
        giving.ask("CLUSTER", "SETSLOT", slot, "MIGRATING", to_id)

    def send(*keys):
        if keys:
            giving.ask("MIGRATE", "127.0.0.1", target.port, "", 0, 2000, "REPLACE", "KEYS", *keys)

    def close_slot(slot):
        taking.ask("CLUSTER", "SETSLOT", slot, "NODE", to_id)
        giving.ask("CLUSTER", "SETSLOT", slot, "NODE", to_id)

    for slot in slots:
        open_slot(slot)
        send(*giving.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000))
    time.sleep(HELD / 2)
    for slot in slots:
        send(*giving.ask("CLUSTER", "GETKEYSINSLOT", slot, 1000))
        close_slot(slot)
    # The log key by key: its scripts name several, and are told to try again.
    open_slot(log)
    for key in (b"davenport:{purge-log}:instances", Cluster.LOG, b"davenport:{purge-log}:ids"):
        send(key)
        time.sleep(0.3)
    close_slot(log)
    time.sleep(1)


def password_changes(fleet):
    for words in (("ACL", "SETUSER", USER, "resetpass", ">another"), ("CLIENT", "KILL", "USER", USER)):
        fleet.cluster.ask_all(*words)
    time.sleep(HELD)
    fleet.cluster.ask_all("ACL", "SETUSER", USER, "resetpass", ">" + PASSWORD)


def memory_is_full(fleet):
    fleet.cluster.ask_masters("CONFIG", "SET", "maxmemory-policy", "noeviction", "maxmemory", 1)
    time.sleep(HELD)
    fleet.cluster.ask_masters("CONFIG", "SET", "maxmemory", 0)


def records_are_changed(fleet):
    """One byte of each, anywhere, again and again: what is written meanwhile too."""
    chance, until = random.Random(7), time.time() + HELD
    while time.time() < until:
        for node in fleet.cluster.masters():
            connection = Redis(node.port)
            for key in records_of(node):
                try:
                    at = chance.randrange(max(1, connection.ask("STRLEN", key)))
                    old = connection.ask("GETRANGE", key, at, at)
                    if old:
                        connection.ask("SETRANGE", key, at, bytes([old[0] ^ 1 << chance.randrange(8)]))
                except RedisError:
                    pass                                 # it moves
            connection.close()
        time.sleep(0.2)


def instance_hangs(fleet):
    """For longer than its lease. What was sent to it meanwhile it answers when it wakes: with nothing that was purged while it slept."""
    fleet.instances[HANGS].process.send_signal(signal.SIGSTOP)
    time.sleep(HELD)
    fleet.instances[HANGS].process.send_signal(signal.SIGCONT)


FAULTS = [
    ("calm", nothing, ['redis_reads_total{result="found"}']),
    ("a master is killed", master_is_killed, ['redis_connections_total{event="ended"}']),
    ("the log's master hangs", log_master_is_stopped, ['redis_reads_total{result="late"}']),
    ("the log is lost", log_is_lost, ['purge_log_events_total{event="fork"}']),
    ("all of Redis is killed", all_are_killed, ['redis_connections_total{event="ended"}']),
    ("all of Redis hangs", all_hang, ['redis_reads_total{result="late"}']),
    ("slots move", slots_move, ['redis_errors_total{error="%s"}' % each for each in ("moved", "ask", "try_again")]),
    ("the password is wrong", password_changes, ['redis_errors_total{error="refused"}']),
    ("memory is full", memory_is_full, ['redis_errors_total{error="out_of_memory"}', 'redis_writes_total{result="failed"}']),
    ("records are changed", records_are_changed, ['redis_reads_total{result="damaged"}']),
    (HANGING, instance_hangs, ["purges answered with 202"]),
    ("calm again", nothing, ['redis_reads_total{result="found"}']),
]
# Of instances that have a key, in a Redis full of records that were written without it.
FAULTS_WITH_KEY = [("records without the key", nothing, ['redis_reads_total{result="damaged"}']),
                   ("records are changed, with a key", records_are_changed, ['redis_reads_total{result="damaged"}'])]
