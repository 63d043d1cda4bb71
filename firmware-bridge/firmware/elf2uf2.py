#!/usr/bin/env python3
"""An ELF file as UF2, which a Pico in its bootloader takes as a plain copy.

UF2: https://github.com/microsoft/uf2 ; family ids from its utils/uf2families.json.
`--sizes NAME ELF` states what an image takes of flash and RAM instead.
"""
import struct
import sys

FAMILIES = {"rp2040": 0xE48BFF56, "rp2350": 0xE48BFF59}
FLASH_AT = 0x10000000
PAGE = 256
PT_LOAD = 1


def segments(path):
    """Loaded segments as (physical address, virtual address, bytes, size in memory)."""
    elf = open(path, "rb").read()
    if elf[:6] != b"\x7fELF\x01\x01":
        sys.exit(f"{path}: not a 32-bit little-endian ELF file")
    table, = struct.unpack_from("<I", elf, 28)
    entry, count = struct.unpack_from("<HH", elf, 42)
    for index in range(count):
        kind, at, virtual, physical, stored, size = struct.unpack_from("<6I", elf, table + index * entry)
        if kind == PT_LOAD and size:
            yield physical, virtual, elf[at:at + stored], size


def uf2(path, family):
    pages = {}
    for physical, _, data, _ in segments(path):
        for offset, byte in enumerate(data):
            address = physical + offset
            page = pages.setdefault(address - address % PAGE, bytearray(PAGE))
            page[address % PAGE] = byte
    if not pages or min(pages) < FLASH_AT:
        sys.exit(f"{path}: nothing to flash, or not linked for flash at {FLASH_AT:#x}")
    blocks = []
    for number, address in enumerate(sorted(pages)):
        head = struct.pack("<8I", 0x0A324655, 0x9E5D5157, 0x2000, address, PAGE,
                           number, len(pages), FAMILIES[family])
        blocks.append(head + pages[address].ljust(476, b"\0") + struct.pack("<I", 0x0AB16F30))
    return b"".join(blocks)


def sizes(name, path):
    flash = sum(len(data) for _, _, data, _ in segments(path))
    ram = sum(size for _, virtual, _, size in segments(path) if virtual >= 0x20000000)
    return f"{name}: {flash} bytes of flash, {ram} bytes of RAM without the stack"


if __name__ == "__main__":
    if len(sys.argv) == 4 and sys.argv[1] == "--sizes":
        print(sizes(sys.argv[2], sys.argv[3]))
    elif len(sys.argv) == 5 and sys.argv[1] == "--family" and sys.argv[2] in FAMILIES:
        open(sys.argv[4], "wb").write(uf2(sys.argv[3], sys.argv[2]))
    else:
        sys.exit(__doc__ + "\nusage: elf2uf2.py --family rp2040|rp2350 ELF UF2")
