"""Rounds in which every contender is timed once, so that what else the machine does meets all of them alike.

    contenders = [Contender("gensearch", "f32", encode, ours=True), attempt("peer", "f32", make_peer)]
    check(contenders, reference)                      # wrong features are never timed
    outside = run_rounds(contenders, rounds=5, limit=60)
    faster = ratio(ours, best_peer(contenders, "f32"))

A contender is a function of no arguments that does the whole work once and returns features [n, dim].
"""

import os
import statistics
import sys
import time
from dataclasses import dataclass, field

import numpy as np

COSINE = {"f32": 0.999, "bf16": 0.999, "int8": 0.99}  # of a contender's feature and PyTorch's in f32, at least
SETTLED = 0.1  # of one core: what a process whose threads sleep stays below


@dataclass
class Contender:
    name: str
    precision: str
    run: object = None
    ours: bool = False
    refused: str = ""  # why it is not timed
    seconds: list = field(default_factory=list)  # of one run, by round

    @property
    def median(self):
        return statistics.median(self.seconds)

    @property
    def best(self):
        return min(self.seconds)

    def record(self):
        facts = {"name": self.name, "precision": self.precision, "ours": self.ours}
        return facts | ({"refused": self.refused} if self.refused else {"seconds": self.seconds})


def progress(text):
    """What is being done now, for who waits: some of it takes minutes."""
    print(f"  {text}", file=sys.stderr, flush=True)


def attempt(name, precision, make, ours=False):
    """The contender that make() builds; one with a reason where a library cannot do it on this machine."""
    progress(f"preparing {name}, {precision}")
    try:
        return Contender(name, precision, make(), ours)
    except Exception as error:  # as many kinds as there are libraries
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        return Contender(name, precision, ours=ours, refused=reason)


def cosines(features, reference):
    a, b = features.astype(np.float64), reference.astype(np.float64)
    return (a * b).sum(1) / (np.linalg.norm(a, axis=1) * np.linalg.norm(b, axis=1))


def fault(features, reference, least):
    """What is wrong with features [n, dim], or ''. Each must be near its own reference, and no nearer to another."""
    if features.shape != reference.shape or not np.isfinite(features).all():
        return f"features {features.shape} or not finite, expected {reference.shape}"
    found = cosines(features, reference).min()
    if found < least:
        return f"wrong features: cosine {found:.5f} with PyTorch f32"
    likeness = features @ reference.T
    if (likeness.max(1) - likeness.diagonal() > 1 - least).any():
        return "wrong features: more like another input's"
    return ""


def check(contenders, reference):
    """Runs each once, which warms it up, and refuses those whose features are wrong."""
    for contender in contenders:
        if not contender.refused:
            progress(f"first run of {contender.name}, {contender.precision}")
            try:
                contender.refused = fault(np.asarray(contender.run()), reference, COSINE[contender.precision])
            except Exception as error:  # a compiler, say, works at the first run
                contender.refused = str(error).strip().splitlines()[0]


def settle(limit=2.0):
    """Waits until the threads of whoever ran before have stopped spinning. False when they do not."""
    end = time.perf_counter() + limit
    while time.perf_counter() < end:
        wall, cpu = time.perf_counter(), time.process_time()
        time.sleep(0.02)
        if time.process_time() - cpu < SETTLED * (time.perf_counter() - wall):
            return True
    return False


def time_run(run, least):
    """Seconds of one run, the mean of as many as fill `least` seconds."""
    runs, start = 0, time.perf_counter()
    while True:
        run()
        runs += 1
        passed = time.perf_counter() - start
        if passed >= least:
            return passed / runs


def machine_seconds():
    """CPU seconds that the whole machine was busy or withheld since it started."""
    with open("/proc/stat") as stat:
        user, nice, system, _, _, irq, softirq, steal = (int(word) for word in stat.readline().split()[1:9])
    return (user + nice + system + irq + softirq + steal) / os.sysconf("SC_CLK_TCK")


class Outside:
    """How much of the machine others used while this was measured: `share` of all its cores, 0 to 1."""

    def __enter__(self):
        self.wall, self.busy, self.own = time.perf_counter(), machine_seconds(), self.own_seconds()
        return self

    def __exit__(self, *_):
        wall = (time.perf_counter() - self.wall) * os.cpu_count()
        others = machine_seconds() - self.busy - (self.own_seconds() - self.own)
        self.share = max(0.0, others / wall)

    @staticmethod
    def own_seconds():
        return sum(os.times()[:4])


def run_rounds(contenders, rounds, limit, least=0.3):
    """Fills in seconds: a contender that was timed for `limit` seconds already is left out of the next rounds. Every
    round starts with another contender. Returns what others used of the machine, 0 to 1."""
    spent = {id(c): 0.0 for c in contenders}
    with Outside() as outside:
        for i in range(rounds):
            timed = [c for c in contenders if not c.refused and spent[id(c)] < limit]
            first = i % len(timed) if timed else 0
            for contender in timed[first:] + timed[:first]:
                progress(f"round {i + 1} of {rounds}: {contender.name}, {contender.precision}")
                if not settle():
                    print(f"warning: threads still spin before {contender.name} is timed", flush=True)
                start = time.perf_counter()
                contender.seconds.append(time_run(contender.run, least))
                spent[id(contender)] += time.perf_counter() - start
    return outside.share


def ratio(ours, peer):
    """How many times as quick: the median over rounds of the ratio within a round."""
    return statistics.median(theirs / mine for mine, theirs in zip(ours.seconds, peer.seconds))


def best_peer(contenders, precision):
    peers = [c for c in contenders if c.seconds and not c.ours and c.precision == precision]
    return min(peers, key=lambda c: c.median) if peers else None


def print_table(header, results):
    """Markdown, the first column to the left, from pairs of a row and its record; each row is printed as soon as it is
    known. Returns the records."""

    def write(cells):
        print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)

    write(header)
    write(["---"] + ["---:"] * (len(header) - 1))
    records = []
    for row, record in results:
        write(row)
        records.append(record)
    return records
