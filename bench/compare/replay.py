"""Hit ratios of the eviction policies on recorded traces, by bench/replay.cc, beside a reference simulator's."""
import glob
import lzma
import os
import re
import subprocess

# (file, format, size, {policy: reference object hit ratio}), as the traces' own README gives them.
RUNS = [
    ("adaptsize-request.trace.xz", "text", "1%", {"lru": 0.246, "s3-fifo": 0.270}),
    ("adaptsize-request.trace.xz", "text", "10%", {"lru": 0.344, "s3-fifo": 0.386}),
    ("web07.trace.xz", "u32", "5%", {"lru": 0.506, "s3-fifo": 0.541}),
]
ROOM = {"lru": 0.005, "s3-fifo": 0.0}       # how far below its reference a policy may be


def measure(run, folder):
    """[(trace, size, policy, object hit ratio, byte hit ratio, reference, reached)]"""
    found = []
    for name, form, size, references in RUNS:
        path = os.path.join(folder, name)
        if not glob.glob(path):
            continue
        with lzma.open(path) as file:
            trace = file.read()
        for policy, reference in references.items():
            done = subprocess.run([run.program("bench/replay"), "--format", form, "--policy", policy, "--size", size, "-"],
                                  input=trace, stdout=subprocess.PIPE, check=True)
            said = done.stdout.decode()
            objects, in_bytes = (float(number) for number in re.findall(r"hit ratio (\d\.\d+)", said))
            found.append((name, size, policy, objects, in_bytes, reference, round(objects, 3) >= reference - ROOM[policy]))
    return found


def lines(found):
    out = [["trace", "cache, of the footprint", "policy", "object hit ratio", "byte hit ratio", "reference", ""]]
    for name, size, policy, objects, in_bytes, reference, yes in found:
        out.append([name, size, policy, f"{objects:.4f}", f"{in_bytes:.4f}" if in_bytes != objects else "-", f"{reference:.3f}",
                    "reached" if yes else "missed"])
    return out
