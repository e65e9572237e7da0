"""A table of the zoo from its model.json files: what each model draws, learned from, takes and is licensed as.

    python tools/train/zoo/table.py [--zoo data/zoo] [--sums]    # --sums: a row a set of pictures, and a type, instead

Markdown on standard output.
"""

import argparse
import json
from collections import Counter
from pathlib import Path

from concepts import FILE
from samples import ROOT


def size_of(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.iterdir())


def print_table(head: list[str], right: int, rows: list[list]) -> None:
    """The last `right` columns are numbers."""
    print(f"| {' | '.join(head)} |\n|{'---|' * (len(head) - right)}{'---:|' * right}")
    for row in rows:
        print(f"| {' | '.join(f'{cell:,}' if isinstance(cell, int) else cell for cell in row)} |")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--zoo", type=Path, default=ROOT / "data/zoo")
    parser.add_argument("--sums", action="store_true")
    args = parser.parse_args()
    models = [json.loads(path.read_text()) for path in sorted(args.zoo.glob("*/model.json"))]
    sets = Counter(name for model in models for name in model["training"]["sets"])
    types = Counter(model["type"] for model in models)
    if args.sums:
        print_table(["pictures", "by", "licence", "models"], 1,
                    [[*FILE["sets"][name].values(), count] for name, count in sorted(sets.items())])  # fmt: skip
        print()
        print_table(["type", "models"], 1, [[name, count] for name, count in types.most_common()])
    else:
        rows = []
        for m in models:
            licences = sorted({FILE["sets"][name]["licence"] for name in m["training"]["sets"]})
            size = size_of(args.zoo / m["slug"])
            count = m["training"]["pictures"]
            rows.append([m["title"], m["type"], ", ".join(m["tags"]), ", ".join(licences), count, size])
        for folder in sorted(args.zoo.glob("decoder-*")):
            rows.append([folder.name, "shared by models", "", "", "", size_of(folder)])
        print_table(["model", "type", "tags", "licences of its pictures", "pictures", "bytes"], 2, rows)
    total = sum(size_of(folder) for folder in args.zoo.iterdir())
    tags = {tag for model in models for tag in model["tags"]}
    print(f"\n{len(models)} models, {len(types)} types, {len(tags)} tags, {total:,} bytes, under Apache-2.0.")


if __name__ == "__main__":
    main()
