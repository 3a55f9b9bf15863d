"""Write js/lib/records.ts from the records of nbdl/inspection, the one truth of the wire format.

python -m scripts.make_records_ts            write it
python -m scripts.make_records_ts --check    say whether it is stale (exit status 1)
"""

from __future__ import annotations

import argparse
import dataclasses
import re
import sys
from pathlib import Path

from nbdl.inspection import (  # noqa: F401 - they make kinds known
    data_records,
    tensor_records,
    walk_records,
)
from nbdl.inspection.records import Record

TARGET = Path(__file__).resolve().parent.parent / "js" / "lib" / "records.ts"

HEADER = """\
// Generated from nbdl/inspection/*records.py by `python -m scripts.make_records_ts`; do not edit.

/** Many numbers of one kind: `data` in C order, `shape` as in NumPy. */
export interface Numbers<T> {
  data: T;
  shape: number[];
}
"""

SIMPLE = {
    "str": "string",
    "int": "number",
    "float": "number",
    "bool": "boolean",
    "None": "null",
    "Float32s": "Numbers<Float32Array>",
    "Float64s": "Numbers<Float64Array>",
    "Int32s": "Numbers<Int32Array>",
    "Uint8s": "Numbers<Uint8Array>",
}


def split_top(text: str, separator: str) -> list[str]:
    """Split at separators that stand outside square brackets."""
    parts, depth, start = [], 0, 0
    for position, letter in enumerate(text):
        depth += {"[": 1, "]": -1}.get(letter, 0)
        if letter == separator and depth == 0:
            parts.append(text[start:position])
            start = position + 1
    return [part.strip() for part in [*parts, text[start:]]]


def typescript(annotation: str) -> str:
    """A Python annotation of a record as a TypeScript type."""
    alternatives = split_top(annotation, "|")
    if len(alternatives) > 1:
        return " | ".join(typescript(part) for part in alternatives)
    if annotation in SIMPLE:
        return SIMPLE[annotation]
    if annotation in Record.kinds:
        return annotation
    generic = re.fullmatch(r"(tuple|list|dict)\[(.*)\]", annotation)
    if generic is None:
        raise TypeError(f"a record uses a type that has no place on the wire: {annotation}")
    outer, inner = generic.group(1), split_top(generic.group(2), ",")
    if outer == "dict":
        return f"Record<{typescript(inner[0])}, {typescript(inner[1])}>"
    if outer == "tuple" and inner[-1] != "...":
        return f"[{', '.join(typescript(part) for part in inner)}]"
    item = typescript(inner[0])
    return f"({item})[]" if "|" in item else f"{item}[]"


def interface(kind: type[Record]) -> str:
    """One record as a TypeScript interface."""
    summary = (kind.__doc__ or "").split("\n")[0]
    lines = [f"/** {summary} */", f"export interface {kind.__name__} {{"]
    lines += [f"  {f.name}: {typescript(str(f.type))};" for f in dataclasses.fields(kind)]
    return "\n".join([*lines, "}"])


def generate() -> str:
    """The whole text of records.ts."""
    return "\n".join([HEADER, *(f"{interface(kind)}\n" for kind in Record.kinds.values())])


def main() -> int:
    """Write the file, or check it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--check", action="store_true", help="only say whether it is stale")
    fresh = generate()
    if not parser.parse_args().check:
        TARGET.write_text(fresh, encoding="utf-8")
        return 0
    if TARGET.read_text(encoding="utf-8") == fresh:
        return 0
    print("js/lib/records.ts is stale: run python -m scripts.make_records_ts", file=sys.stderr)
    return 1


if __name__ == "__main__":
    raise SystemExit(main())
