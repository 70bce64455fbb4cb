"""What the kernel counts: CPU of all threads of some processes, and their memory."""
import glob
import os


def tree(root):
    """`root` and all its descendants, as far as they live."""
    children = {}
    for path in glob.glob("/proc/[0-9]*/stat"):
        try:
            with open(path) as file:
                text = file.read()
        except OSError:
            continue
        parent = int(text.rpartition(")")[2].split()[1])
        children.setdefault(parent, []).append(int(path.split("/")[2]))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def cpu_ns(pids):
    """Nanoseconds on a CPU, user and kernel, of every thread; schedstat counts in ns where stat has ticks of 10 ms."""
    total = 0
    for pid in pids:
        for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
            try:
                with open(path) as file:
                    total += int(file.read().split()[0])
            except OSError:
                pass
    return total


def memory_bytes(pids, directory=None):
    """Bytes in memory that are the processes' own: anonymous pages, and shared ones once (by proportion); what they keep as
    files in `directory` (a tmpfs) counts too. Program text does not."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/smaps_rollup") as file:
                fields = {line.split(":")[0]: int(line.split()[1]) for line in file if line.endswith("kB\n")}
        except OSError:
            continue
        total += (fields["Pss_Anon"] + fields["Pss_Shmem"]) * 1024
    if directory:
        for folder, _, names in os.walk(directory):
            total += sum(os.lstat(os.path.join(folder, name)).st_blocks * 512 for name in names)
    return total
