"""IPTC inside Photoshop's image resources, as JPEG and TIFF hold it."""

import struct

IPTC_RESOURCE = 0x0404  # of Photoshop's image resources


def photoshop_iptc(resources: bytes) -> bytes:
    """The IPTC record among Photoshop's image resources; the others are thumbnails and print settings."""
    at = 0
    while resources[at : at + 4] == b"8BIM" and at + 12 <= len(resources):
        (kind,) = struct.unpack_from(">H", resources, at + 4)
        name = 1 + resources[at + 6]
        start = at + 6 + name + name % 2
        if start + 4 > len(resources):
            return b""
        (size,) = struct.unpack_from(">I", resources, start)
        if kind == IPTC_RESOURCE:
            return resources[start + 4 : start + 4 + size]
        at = start + 4 + size + size % 2
    return b""
