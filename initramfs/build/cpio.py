# SPDX-License-Identifier: Apache-2.0
"""Writes a cpio archive (newc) as the kernel unpacks it: the same bytes for the same content, no device of the build."""
import os


class Archive:
    def __init__(self, mtime):
        self.mtime = mtime
        self.out = bytearray()
        self.inode = 0
        self.known = set()

    def entry(self, name, mode, data=b""):
        self.inode += 1
        encoded = name.encode() + b"\0"
        fields = (self.inode, mode, 0, 0, 1, self.mtime, len(data), 0, 0, 0, 0, len(encoded), 0)
        self.out += b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
        self.pad()
        self.out += data
        self.pad()

    def pad(self):
        self.out += bytes(-len(self.out) % 4)

    def directory(self, name, mode=0o755):
        """With its parents."""
        if name and name not in self.known:
            self.directory(os.path.dirname(name))
            self.known.add(name)
            self.entry(name, 0o040000 | mode)

    def file(self, name, data, mode=0o644):
        self.directory(os.path.dirname(name))
        self.entry(name, 0o100000 | mode, data)

    def symlink(self, name, target):
        self.directory(os.path.dirname(name))
        self.entry(name, 0o120777, target.encode())

    def finish(self):
        self.inode = 0
        mtime, self.mtime = self.mtime, 0
        self.entry("TRAILER!!!", 0)
        self.mtime = mtime
        self.out += bytes(-len(self.out) % 512)
        return bytes(self.out)
