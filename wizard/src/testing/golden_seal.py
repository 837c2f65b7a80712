"""Makes golden_seal.hex: one body sealed as TaskChampion's sync protocol says, with nothing but the standard library.

    python3 golden_seal.py > golden_seal.hex
"""

import hashlib
import struct
import uuid

SECRET = b"open sesame"
CLIENT = uuid.UUID("7ec5a4d2-0b1e-4c39-9f5d-3a6c8e2b7f10").bytes
VERSION = uuid.UUID("c5b2a1de-4d3f-4b8e-9a6c-0123456789ab").bytes
NONCE = bytes(range(12))
PLAIN = b'{"operations":[]}'


def chacha_block(key, counter, nonce):
    def rotate(value, by):
        return ((value << by) | (value >> (32 - by))) & 0xFFFFFFFF

    start = list(struct.unpack("<16I", b"expand 32-byte k" + key + struct.pack("<I", counter) + nonce))
    s = start[:]

    def quarter(a, b, c, d):
        for x, y, z, by in ((a, b, d, 16), (c, d, b, 12), (a, b, d, 8), (c, d, b, 7)):
            s[x] = (s[x] + s[y]) & 0xFFFFFFFF
            s[z] = rotate(s[z] ^ s[x], by)

    for _ in range(10):
        for i in range(4):
            quarter(i, 4 + i, 8 + i, 12 + i)
        for i in range(4):
            quarter(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4)
    return struct.pack("<16I", *((a + b) & 0xFFFFFFFF for a, b in zip(s, start)))


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(message), 16):
        total = (total + int.from_bytes(message[i : i + 16] + b"\1", "little")) * r % ((1 << 130) - 5)
    return ((total + int.from_bytes(key[16:], "little")) & ((1 << 128) - 1)).to_bytes(16, "little")


def padded(data):
    return data + bytes(-len(data) % 16)


key = hashlib.pbkdf2_hmac("sha256", SECRET, CLIENT, 600_000)
aad = b"\1" + VERSION
stream = b"".join(chacha_block(key, 1 + i, NONCE) for i in range(len(PLAIN) // 64 + 1))
ciphertext = bytes(a ^ b for a, b in zip(PLAIN, stream))
tag = poly1305(
    chacha_block(key, 0, NONCE)[:32],
    padded(aad) + padded(ciphertext) + struct.pack("<QQ", len(aad), len(ciphertext)),
)
print((b"\1" + NONCE + ciphertext + tag).hex())
