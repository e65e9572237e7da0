"""The tables of tests/bench/README.md; run by tests/bench/run, which takes the same options."""

import argparse
import importlib
import json
import os
import pathlib
import sys
import time

SECTIONS = ["images", "resize", "text", "pipeline", "memory"]
SHAPES = ["vit-b-32", "vit-b-16", "vit-l-14", "vit-l-14-336", "tiny"]


def parse():
    parser = argparse.ArgumentParser(prog="tests/bench/run", description=__doc__)
    parser.add_argument("--only", action="append", choices=SECTIONS, help="this section; may be given several times")
    parser.add_argument("--shape", default="vit-b-32", choices=SHAPES, help="of the model (vit-b-32)")
    parser.add_argument("--batches", default="1,16,64,256", help="batch sizes of the section images (1,16,64,256)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each contender is timed (5)")
    parser.add_argument(
        "--seconds-per-contender",
        type=float,
        default=60,
        metavar="S",
        help="no further round in a table for who has been timed that long (60)",
    )
    parser.add_argument("--threads", type=int, default=0, help="of every contender (all cores)")
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"], help="cuda: pictures on a GPU (cpu)")
    parser.add_argument("--quick", action="store_true", help="one round of little: does it all work?")
    parser.add_argument("--json", type=pathlib.Path, help="write every measurement there too")
    parser.add_argument("--library", default="build/native/tests/bench/libgensearch_bench.so", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=pathlib.Path, default="build/bench", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.quick:
        arguments.rounds, arguments.batches = 1, "1,4"
    return arguments


def main():
    arguments = parse()
    threads = arguments.threads or len(os.sched_getaffinity(0))
    # Before torch is loaded: what it compiles is kept from run to run.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str((arguments.folder / "inductor").resolve()))
    import torch

    import machine
    from context import Context
    from library import Library

    torch.set_num_threads(threads)
    bench = Context(
        library=Library(arguments.library),
        folder=arguments.folder,
        threads=threads,
        rounds=arguments.rounds,
        limit=arguments.seconds_per_contender,
        batches=[int(batch) for batch in arguments.batches.split(",")],
        shape=arguments.shape,
        quick=arguments.quick,
    )
    report = {"machine": machine.describe(bench.library, threads), "rounds": bench.rounds, "sections": {}}
    print(machine.summary(report["machine"]), flush=True)
    sections = ["gpu"] if arguments.device == "cuda" else arguments.only or SECTIONS
    for name in sections:
        start = time.time()
        report["sections"][name] = importlib.import_module(name).run(bench)
        print(f"({name}: {time.time() - start:.0f} s)", file=sys.stderr, flush=True)
        if arguments.json:
            arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
