"""What a path stands for: the bodies and ETags of bench/load/pattern.h, made again in Python, to check answers."""
import functools

BLOCK = 1 << 20
MASK = (1 << 64) - 1


@functools.lru_cache(maxsize=1)
def _block():
    state, words = 0x9E3779B97F4A7C15, []
    for _ in range(BLOCK // 8):
        state ^= (state << 13) & MASK
        state ^= state >> 7
        state ^= (state << 17) & MASK
        words.append(state.to_bytes(8, "little"))
    return b"".join(words)


def hash_of(path):
    """FNV-1a, 64 bits."""
    value = 0xCBF29CE484222325
    for byte in path.encode():
        value = ((value ^ byte) * 0x100000001B3) & MASK
    return value


def size_of(path):
    text = path.split("/")[2]
    unit = {"k": 1 << 10, "m": 1 << 20}.get(text[-1], 1)
    return int(text.rstrip("km")) * unit


def etag_of(path):
    return f'"{hash_of(path):x}"'


def body_of(path):
    size, start = size_of(path), hash_of(path) % BLOCK
    block = _block()
    return (block * (2 + size // BLOCK))[start:start + size]
