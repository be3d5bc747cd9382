#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""A private apt below build/apt that also knows source packages, made from this system's own apt sources.

/etc/apt is only read. Signatures are checked by apt with the keys that the system's entries name.

  sources.py DIR prepare             writes the entries and fetches the indexes
  sources.py DIR source PACKAGE DEST unpacks the source package of the installed version of PACKAGE below DEST
  sources.py DIR deb PACKAGE DEST    downloads a binary package into DEST, prints its path
  sources.py DIR closure PACKAGE...  prints what apt would install for them on an empty system
"""
import glob
import os
import subprocess
import sys


def paragraphs(text):
    """The deb822 paragraphs of a .sources file, comments dropped."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    for block in "\n".join(lines).split("\n\n"):
        if block.strip():
            yield block.strip("\n")


def deb822(text):
    for block in paragraphs(text):
        fields = dict(line.split(":", 1) for line in block.splitlines() if ":" in line and line[0] not in " \t")
        if fields.get("Enabled", "yes").strip().lower() == "no" or "deb" not in fields["Types"].split():
            continue
        yield "\n".join("Types: deb deb-src" if line.startswith("Types:") else line for line in block.splitlines())


def one_line(text):
    for line in text.splitlines():
        if line.startswith("deb "):
            yield line
            yield "deb-src" + line[3:]


def write_entries(directory):
    parts = os.path.join(directory, "sources.list.d")
    os.makedirs(parts, exist_ok=True)
    for path in glob.glob("/etc/apt/sources.list.d/*.sources"):
        with open(path) as source, open(os.path.join(parts, os.path.basename(path)), "w") as out:
            out.write("\n\n".join(deb822(source.read())) + "\n")
    for path in ["/etc/apt/sources.list"] + glob.glob("/etc/apt/sources.list.d/*.list"):
        if os.path.exists(path):
            with open(path) as source, open(os.path.join(parts, "list-" + os.path.basename(path)), "w") as out:
                out.write("\n".join(one_line(source.read())) + "\n")


def options(directory):
    for sub in ("lists/partial", "cache/archives/partial"):
        os.makedirs(os.path.join(directory, sub), exist_ok=True)
    settings = {
        "Dir::Etc::sourcelist": "/dev/null",
        "Dir::Etc::sourceparts": os.path.join(directory, "sources.list.d"),
        "Dir::State::lists": os.path.join(directory, "lists"),
        "Dir::Cache": os.path.join(directory, "cache"),
        "APT::Sandbox::User": "root",
        "APT::Get::AllowUnauthenticated": "false",
        "Acquire::Retries": "3",
    }
    return [word for key, value in settings.items() for word in ("-o", f"{key}={value}")]


def apt(directory, *words, cwd=None, check=True):
    return subprocess.run(["apt-get", "-q", *options(directory), *words], cwd=cwd, check=check,
                          stdout=subprocess.PIPE, text=True)


def prepare(directory):
    write_entries(directory)
    # A third-party archive without sources makes update fail as a whole; what is needed decides, at the download.
    apt(directory, "update", check=False)


def source(directory, package, dest):
    """apt checks the .dsc against the signed index; the version is that of the package installed here."""
    query = subprocess.run(["dpkg-query", "-W", "-f", "${source:Package}=${source:Version}", package],
                           check=True, stdout=subprocess.PIPE, text=True)
    os.makedirs(dest, exist_ok=True)
    apt(directory, "source", "--download-only", query.stdout, cwd=dest)
    dsc = glob.glob(os.path.join(dest, "*.dsc"))
    if len(dsc) != 1:
        sys.exit(f"{dest}: expected one .dsc, found {dsc}")
    subprocess.run(["dpkg-source", "--no-check", "-x", dsc[0], os.path.join(dest, "src")], check=True,
                   stdout=subprocess.DEVNULL)


def deb(directory, package, dest):
    os.makedirs(dest, exist_ok=True)
    before = set(os.listdir(dest))
    apt(directory, "download", package, cwd=dest)
    new = sorted(set(os.listdir(dest)) - before)
    print(os.path.join(dest, new[0]) if new else "")


def closure(directory, *packages):
    status = os.path.join(directory, "empty-status")
    with open(status, "w"):
        pass
    plan = apt(directory, "-o", f"Dir::State::status={status}", "--simulate", "--no-install-recommends", "install",
               *packages).stdout
    print("\n".join(sorted(line.split()[1] for line in plan.splitlines() if line.startswith("Inst "))))


def main():
    directory, verb, *rest = sys.argv[1:]
    {"prepare": prepare, "source": source, "deb": deb, "closure": closure}[verb](os.path.abspath(directory), *rest)


if __name__ == "__main__":
    main()
