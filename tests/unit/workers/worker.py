"""A sampler worker for tests: python3 worker.py MODE.

Pixel (x, y, c) of sample i is (seed*31 + i*7 + y*3 + x + c) % 256.
"""
import json
import os
import signal
import subprocess
import sys
import time

WIDTH, HEIGHT = 5, 4
mode = sys.argv[1]
out = sys.stdout.buffer


def pixels(request, i, channels):
    base = request["seed"] * 31 + i * 7
    return bytes((base + y * 3 + x + c) % 256 for y in range(HEIGHT) for x in range(WIDTH) for c in range(channels))


def header(count, channels=3, width=WIDTH, height=HEIGHT):
    return json.dumps({"width": width, "height": height, "channels": channels, "count": count}).encode() + b"\n"


def say(*parts):
    out.write(b"".join(parts))
    out.flush()


def answer(request):
    first, count = request["first"], request["count"]
    channels = 1 if mode == "grey" else 3
    frames = [pixels(request, i, channels) for i in range(first, first + count)]
    good = header(count, channels)
    if mode in ("good", "grey"):
        say(good, *frames)
    elif mode == "by-two":  # fewer than asked, as often as it takes
        say(header(min(2, count)), *frames[:2])
    elif mode == "slowly":
        for byte in good + b"".join(frames):
            say(bytes([byte]))
    elif mode == "checks-request":
        known = sorted(request) == ["count", "first", "model", "op", "seed"] and request["op"] == "sample"
        there = os.path.isabs(request["model"]) and json.load(open(request["model"]))["slug"] == "w"
        here = os.path.samefile(os.path.dirname(request["model"]), os.getcwd())
        say(good, *frames) if known and there and here else say(json.dumps({"error": repr(request)}).encode() + b"\n")
    elif mode == "chatty":  # more than any pipe holds
        for i in range(20000):
            print(f"working on sample {i} of a long and talkative computation", file=sys.stderr)
        sys.stderr.flush()
        say(good, *frames)
    elif mode == "dies":
        print("first line\nCUDA is out of memory", file=sys.stderr)
        sys.exit(3)
    elif mode == "dies-in-frame":
        say(good, frames[0][:10])
        sys.exit(0)
    elif mode == "killed":
        os.kill(os.getpid(), signal.SIGKILL)
    elif mode == "hangs":
        time.sleep(60)
    elif mode == "hangs-in-frame":
        say(good, frames[0][:10])
        time.sleep(60)
    elif mode == "hangs-with-child":
        child = subprocess.Popen(["sleep", "60"])
        with open("child.pid", "w") as file:
            file.write(str(child.pid))
        time.sleep(60)
    elif mode == "talks-and-hangs":
        while True:
            print("still loading", file=sys.stderr, flush=True)
            time.sleep(0.01)
    elif mode == "closes":
        os.close(1)
        time.sleep(60)
    elif mode == "error":
        say(b'{"error":"no such checkpoint"}\n')
    elif mode == "traceback":
        say(b'{"error":"Traceback:\\n\\tno such checkpoint\\u001b[0m"}\n')
    elif mode == "junk":
        say(b"Loading weights...\n")
    elif mode == "long-junk":
        say(b"x" * 100000)
    elif mode == "no-object":
        say(b"[1,2]\n")
    elif mode == "too-long":
        say(good, *frames, b"!")
    elif mode == "too-many":
        say(header(count + 1), *frames, frames[0])
    elif mode == "none":
        say(header(0))
    elif mode == "nan":
        say(b'{"width":NaN,"height":4,"channels":3,"count":1}\n')
    elif mode == "negative":
        say(header(count, width=-5))
    elif mode == "fraction":
        say(header(count, height=4.5))
    elif mode == "huge":
        say(header(count, width=32768, height=32768))
    elif mode == "enormous":
        say(b'{"width":1e300,"height":4,"channels":3,"count":1}\n')
    elif mode == "no-width":
        say(b'{"height":4,"channels":3,"count":1}\n')
    elif mode == "string":
        say(b'{"width":"5","height":4,"channels":3,"count":1}\n')
    elif mode == "rgba":
        say(header(count, channels=4), *frames)
    elif mode == "two-channels":
        say(header(count, channels=2), *frames)


if mode == "dies-at-once":
    sys.exit("no module named torch")
for line in sys.stdin:
    answer(json.loads(line))
