#!/usr/bin/env python3
"""Bytes of the static binary by library and by our rooms, and the budget that holds them.

    boards/size.py --debug kist.debug --binary kist --tools PREFIX- --source TOP [--libc libc.a] [--board NAME --budget FILE]

What is measured: the very link that is shipped (with link-time optimisation), before its symbols were stripped. Each function
counts for the source file that its first line comes from, each constant or variable for the compilation unit that declares it, by
the debug information; inlined code counts for the function it went into. Zeroed memory (.bss) is not in the file and not counted.
What has no symbol (string literals, padding, headers) is the last row. The total is the size of the stripped file; above the
budget the exit status is 1.
"""
import argparse
import bisect
import os
import re
import subprocess
import sys
from collections import Counter

LIBRARIES = {"mbedtls": "mbedtls", "curl": "curl", "zlib": "zlib", "zstd": "zstd", "cJSON": "cjson", "musl": "musl"}


def lines(*command):
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, errors="replace") as process:
        yield from process.stdout
    if process.returncode:
        sys.exit(f"size: {command[0]} failed")


def owner(path, top):
    """The row that a source file belongs to, None if it is neither ours nor a dependency's."""
    path = os.path.normpath(path)
    found = re.search(r"/build/deps/src/([A-Za-z]+)-", path)
    if found:
        return LIBRARIES.get(found.group(1), found.group(1))
    if path.startswith(top + os.sep):
        path = path[len(top) + 1:]
    if path.startswith("port/"):
        return "port"
    parts = path.split(os.sep)
    if parts[0] == "src":
        return "src/" + (parts[1] if len(parts) > 2 else parts[-1])
    return None


def data_units(readelf, elf):
    """Address of each variable with a fixed place -> the path of the compilation unit that declares it."""
    head = re.compile(r"\s*<[0-9a-f]+><([0-9a-f]+)>: Abbrev Number: \d+ \((DW_TAG_\w+)\)")
    attribute = re.compile(r"\s*<[0-9a-f]+>\s+(DW_AT_\w+)\s*:\s*(.*)")
    starts, names, places = [], [], {}
    tag = offset = None
    origin = name = folder = ""
    for line in lines(readelf, "--debug-dump=info", elf):
        found = head.match(line)
        if found:
            offset, tag = int(found.group(1), 16), found.group(2)
            origin = name = folder = ""
            if tag == "DW_TAG_compile_unit":
                starts.append(offset)
                names.append("")
            continue
        if tag not in ("DW_TAG_variable", "DW_TAG_compile_unit"):
            continue
        found = attribute.match(line)
        if not found:
            continue
        key, value = found.groups()
        if tag == "DW_TAG_compile_unit":
            text = value.rsplit("): ", 1)[-1].strip()
            if key == "DW_AT_name":
                name = text
            elif key == "DW_AT_comp_dir":
                folder = text
            names[-1] = os.path.join(folder, name)
        elif key in ("DW_AT_abstract_origin", "DW_AT_specification"):
            origin = value.strip().strip("<>")
        elif key == "DW_AT_location":
            place = re.search(r"\(DW_OP_addr: ([0-9a-f]+)\)$", value.strip())
            if place:
                places[int(place.group(1), 16)] = int(origin, 16) if origin else offset
    return {place: names[bisect.bisect(starts, die) - 1] for place, die in places.items()}


def library_symbols(nm, archive):
    return {line.split()[-1] for line in lines(nm, "--defined-only", archive) if len(line.split()) == 3} if archive else set()


def main():
    parser = argparse.ArgumentParser()
    for name in ("debug", "binary", "source"):
        parser.add_argument("--" + name, required=True)
    for name in ("tools", "libc", "board", "budget"):
        parser.add_argument("--" + name, default="")
    arg = parser.parse_args()
    top = os.path.realpath(arg.source)
    nm = arg.tools + "nm"

    units = data_units(arg.tools + "readelf", arg.debug)
    libc = library_symbols(nm, arg.libc)
    rows, seen = Counter(), set()
    for line in lines(nm, "-S", "-l", "--defined-only", arg.debug):
        symbol, _, place = line.rstrip("\n").partition("\t")
        field = symbol.split()
        if len(field) != 4 or field[2] in "bB" or field[0] in seen:
            continue
        seen.add(field[0])
        address, size, name = int(field[0], 16), int(field[1], 16), field[3]
        row = owner(place.rsplit(":", 1)[0], top) if place else None
        row = row or owner(units.get(address, ""), top)
        if not row:
            row = "musl" if name in libc or re.sub(r"\.\d+$", "", name) in libc else "compiler's runtime"
        rows[row] += size

    total = os.path.getsize(arg.binary)
    rows["strings, padding, headers"] = total - sum(rows.values())
    ours = {row: size for row, size in rows.items() if row.startswith(("src/", "port"))}
    for title, part in (("libraries", {r: s for r, s in rows.items() if r not in ours}), ("kist", ours)):
        print(f"{title:<32} {sum(part.values()):>9}")
        for row, size in sorted(part.items(), key=lambda item: -item[1]):
            print(f"  {row:<30} {size:>9}")
    print(f"{'total, stripped':<32} {total:>9}")

    limits = {}
    if arg.budget:
        with open(arg.budget, encoding="ascii") as file:
            limits = {f[0]: int(f[1]) for f in map(str.split, file) if f and not f[0].startswith("#")}
    if arg.board in limits:
        limit = limits[arg.board]
        print(f"{'budget ' + arg.board:<32} {limit:>9}  {'kept' if total <= limit else 'EXCEEDED'}, {limit - total:+} left")
        return total > limit
    return 0


if __name__ == "__main__":
    sys.exit(main())
