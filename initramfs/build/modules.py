# SPDX-License-Identifier: Apache-2.0
"""Which kernel modules go where: the declared list, completed by what depmod says they need."""
import os


def read_list(path):
    """{section: [names]} of modules.list."""
    sections, current = {}, None
    with open(path) as file:
        for line in file:
            line = line.split("#", 1)[0].strip()
            if line.startswith("["):
                current = sections.setdefault(line.strip("[]"), [])
            elif line:
                current.append(line)
    return sections


def canonical(name):
    """Module names are equal up to '-' and '_'."""
    return os.path.basename(name).split(".ko")[0].replace("-", "_")


class Kernel:
    """The modules of one unpacked kernel (kernel.py)."""

    def __init__(self, directory):
        with open(os.path.join(directory, "version")) as file:
            self.version = file.read().strip()
        self.base = os.path.join(directory, "lib/modules", self.version)
        self.path, self.needs, self.soft, self.alias = {}, {}, {}, {}
        for line in self.lines("modules.dep"):
            path, _, needs = line.partition(":")
            self.path[canonical(path)] = path
            self.needs[canonical(path)] = [canonical(n) for n in needs.split()]
        for line in self.lines("modules.softdep"):
            words = line.split()
            self.soft.setdefault(canonical(words[1]), []).extend(w for w in words[2:] if not w.endswith(":"))
        for line in self.lines("modules.alias"):
            _, alias, name = line.split()
            self.alias.setdefault(canonical(alias), []).append(canonical(name))

    def lines(self, name):
        with open(os.path.join(self.base, name)) as file:
            return [line.rstrip("\n") for line in file if line.strip() and not line.startswith("#")]

    def closure(self, names):
        """Canonical names of the modules that exist of names, with all that they need."""
        found, queue = set(), [canonical(n) for n in names]
        while queue:
            name = queue.pop()
            if name in found or name not in self.path:
                continue
            found.add(name)
            queue += self.needs[name]
            for soft in self.soft.get(name, []):  # names or aliases: "crc32c" is what several modules offer
                queue += self.alias.get(canonical(soft), []) + [canonical(soft)]
        return found

    def files(self, names):
        """[(path below /lib/modules/VERSION, bytes)]: the closure's modules and the index files cut down to it."""
        chosen = self.closure(names)
        result = []
        for name in sorted(chosen):
            with open(os.path.join(self.base, self.path[name]), "rb") as file:
                result.append((self.path[name], file.read()))
        dep = [line for line in self.lines("modules.dep") if canonical(line.partition(":")[0]) in chosen]
        alias = [line for line in self.lines("modules.alias") if canonical(line.split()[-1]) in chosen]
        soft = [line for line in self.lines("modules.softdep") if canonical(line.split()[1]) in chosen]
        for index, lines in (("dep", dep), ("alias", alias), ("softdep", soft),
                             ("builtin", self.lines("modules.builtin"))):
            result.append((f"modules.{index}", "".join(line + "\n" for line in lines).encode()))
        return result
