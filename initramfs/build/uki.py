# SPDX-License-Identifier: Apache-2.0
"""A unified kernel image: sections appended to systemd's EFI stub (as its `ukify` and objcopy do, but without a time
stamp of the build), and read back from one (uapi-group.org, "Unified Kernel Image")."""
import struct

SECTION = struct.Struct("<8sIIIIIIHHI")
READ_DATA = 0x40000040  # IMAGE_SCN_CNT_INITIALIZED_DATA | IMAGE_SCN_MEM_READ


def align(value, to):
    return (value + to - 1) // to * to


def headers(image):
    """(offset of the COFF header, of the optional header, of the section table, number of sections)"""
    pe = struct.unpack_from("<I", image, 0x3C)[0]
    if image[pe:pe + 4] != b"PE\0\0":
        raise ValueError("not a PE image")
    count, = struct.unpack_from("<H", image, pe + 6)
    optional_size, = struct.unpack_from("<H", image, pe + 20)
    return pe + 4, pe + 24, pe + 24 + optional_size, count


def sections(image):
    """{name: bytes}"""
    _, _, table, count = headers(image)
    result = {}
    for i in range(count):
        name, size, _, raw_size, raw, *_ = SECTION.unpack_from(image, table + i * SECTION.size)
        result[name.rstrip(b"\0").decode()] = bytes(image[raw:raw + min(size, raw_size)])
    return result


def build(stub, parts):
    """stub: bytes of linuxx64.efi.stub; parts: [(".linux", bytes), ...] in the order of their addresses."""
    out = bytearray(stub)
    coff, optional, table, count = headers(out)
    section_alignment, file_alignment = struct.unpack_from("<II", out, optional + 32)
    header_size, = struct.unpack_from("<I", out, optional + 60)
    end_of_table = table + (count + len(parts)) * SECTION.size
    if end_of_table > header_size:
        raise ValueError("the stub has no room for more section headers")
    end = 0
    for i in range(count):
        _, size, address, *_ = SECTION.unpack_from(out, table + i * SECTION.size)
        end = max(end, address + size)
    for i, (name, data) in enumerate(parts):
        address = align(end, max(section_alignment, 4096))
        end = address + len(data)
        out += bytes(-len(out) % file_alignment)
        raw = len(out)
        out += data + bytes(-len(data) % file_alignment)
        SECTION.pack_into(out, table + (count + i) * SECTION.size, name.encode(), len(data), address,
                          align(len(data), file_alignment), raw, 0, 0, 0, 0, READ_DATA)
    struct.pack_into("<H", out, coff + 2, count + len(parts))
    struct.pack_into("<I", out, coff + 4, 0)  # time stamp
    struct.pack_into("<I", out, optional + 56, align(end, section_alignment))  # SizeOfImage
    struct.pack_into("<I", out, optional + 64, 0)  # checksum
    return bytes(out)
