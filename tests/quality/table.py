#!/usr/bin/env python3
"""What `gensearch eval --json` printed, as a Markdown table: one row for each method, one column for each class.

    gensearch eval zoo.db QUERIES/queries.jsonl --json > figures.jsonl
    tests/quality/table.py figures.jsonl words pictures sketches
    tests/quality/table.py figures.jsonl conflicting --figure each5 --intervals

Figures are those of `eval`: top1, top5, top10, map5, map10, map, each5, refused. Milliseconds and bytes are those of
the last class that is named, and left out with --intervals.
"""

import argparse
import json
from pathlib import Path


def size(count: float) -> str:
    """1.0 kB is 1,000 bytes."""
    return f"{count / 1000:,.1f} kB"


def time(milliseconds: float) -> str:
    return f"{milliseconds:.0f}" if milliseconds >= 10 else f"{milliseconds:.2g}"


def cell(row: dict | None, figure: str, intervals: bool) -> str:
    if row is None or figure not in row:
        return ""
    found = row[figure]
    return f"{found['mean']:.3f}" + (f" ({found['low']:.3f}-{found['high']:.3f})" if intervals else "")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("figures", type=Path)
    parser.add_argument("classes", nargs="+")
    parser.add_argument("--figure", default="map")
    parser.add_argument("--intervals", action="store_true", help="the 95 %% interval beside each figure")
    args = parser.parse_args()
    rows = {(r["class"], r["method"]): r for r in map(json.loads, args.figures.read_text().splitlines())}
    missing = set(args.classes) - {group for group, _ in rows}
    if missing:
        parser.error(f"{args.figures}: no class {', '.join(sorted(missing))}")
    costs = [] if args.intervals else ["ms", "bytes/model"]
    print("| method |", " | ".join([*args.classes, *costs]), "|")
    print("|---|" + "---:|" * (len(args.classes) + len(costs)))
    for method in dict.fromkeys(method for _, method in rows):
        own = [rows.get((group, method)) for group in args.classes]
        cells = [cell(row, args.figure, args.intervals) for row in own]
        if not any(cells):
            continue
        if costs:
            last = [row for row in own if row][-1]
            cells += [time(last["milliseconds"]["median"]), size(last["bytes_per_model"])]
        print(f"| `{method}` |", " | ".join(cells), "|")


if __name__ == "__main__":
    main()
