#!/usr/bin/env python3
"""How far two methods agree, by the rankings that `gensearch eval --rankings` wrote.

    gensearch eval zoo.db QUERIES/queries.jsonl --method gaussian-density --method gaussian-lowrank --rank 31 \\
        --rankings rankings.jsonl
    tests/quality/overlap.py rankings.jsonl gaussian-density gaussian-lowrank

Prints the mean share of the first 5 and 10 models that both have, over all queries that both rank.
"""

import argparse
import json
from pathlib import Path


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("rankings", type=Path)
    parser.add_argument("methods", nargs=2)
    args = parser.parse_args()
    found = {method: {} for method in args.methods}
    for row in map(json.loads, args.rankings.read_text().splitlines()):
        if row["method"] in found:
            found[row["method"]][row["line"]] = row["models"]
    one, two = (found[method] for method in args.methods)
    both = one.keys() & two.keys()
    if not both:
        parser.error(f"{args.rankings}: no query is ranked by both")
    for k in (5, 10):
        shares = [len(set(one[q][:k]) & set(two[q][:k])) / len(one[q][:k]) for q in both]
        print(f"top {k}: {sum(shares) / len(shares):.3f} of {len(both)} queries")


if __name__ == "__main__":
    main()
