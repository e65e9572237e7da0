"""A sampler worker for tests: coloured noise that depends on the model, the seed and the index alone.

worker.py [--slow SECONDS] [--die-at INDEX] [--hang-at INDEX] [--short-at INDEX] [--refuse]
"""

import argparse
import hashlib
import json
import sys
import time

SIDE = 12


def frame(model, seed, index):
    key = f"{model.rsplit('/', 2)[-2]} {seed} {index}".encode()
    return hashlib.shake_128(key).digest(SIDE * SIDE * 3)


def answer(request, options):
    first, count = request["first"], request["count"]
    out = sys.stdout.buffer
    if options.refuse:
        out.write(b'{"error":"the weights are missing"}\n')
        return
    time.sleep(options.slow)
    indices = range(first, first + count)
    out.write(json.dumps({"width": SIDE, "height": SIDE, "channels": 3, "count": count}).encode() + b"\n")
    for index in indices:
        if index == options.die_at:
            sys.exit("the generator ran out of luck")
        if index == options.hang_at:
            out.flush()
            print("hangs", file=sys.stderr, flush=True)
            time.sleep(600)
        data = frame(request["model"], request["seed"], index)
        if index == options.short_at:
            out.write(data[: len(data) // 2])
            sys.exit(0)
        out.write(data)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--slow", type=float, default=0)
    parser.add_argument("--die-at", type=int)
    parser.add_argument("--hang-at", type=int)
    parser.add_argument("--short-at", type=int)
    parser.add_argument("--refuse", action="store_true")
    options = parser.parse_args()
    for line in sys.stdin.buffer:
        answer(json.loads(line), options)
        sys.stdout.buffer.flush()


main()
