#!/usr/bin/env python3
"""Loads `gensearch serve --api` with clients that encode pictures, beside `gensearch index` and FastAPI with PyTorch.

    build/bench/bin/pip install -r tests/bench/server_requirements.txt       # tests/bench/run makes build/bench
    build/bench/bin/python tests/bench/server.py [--build build/native] [--clients 64] [--seconds 30] [--shape vit-b-32]
    ... --encoder data/encoder --requests 100000       # so many in all: none may be lost, and memory must stay flat
    ... --only slow                                    # 450 slow clients and large pictures at once

Prints each row as it has it. Everything runs on one machine: the clients take their share of it.
"""

import argparse
import http.client
import json
import os
import pathlib
import random
import socket
import subprocess
import sys
import tempfile
import threading
import time

import numpy as np

import context
import pipeline

HERE = pathlib.Path(__file__).resolve().parent
ROOT = HERE.parent.parent


def resident(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


def percentile(times, share):
    return float(np.percentile(times, share)) * 1000 if len(times) else float("nan")


class Load:
    """Clients that ask for features: as quickly as answers come, or at a rate."""

    def __init__(self, port, pictures, source=None):
        self.port, self.pictures, self.source = port, pictures, source
        self.times, self.failures, self.lock = [], [], threading.Lock()

    def ask(self, connection, picture):
        started = time.monotonic()
        connection.request("POST", "/v1/encode", picture, {"Content-Type": "image/jpeg"})
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200 or len(json.loads(body)["feature"]) < 8:
            raise RuntimeError(f"{answer.status} {body[:200]}")
        return time.monotonic() - started

    def client(self, number, turns):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120, source_address=self.source)
        for turn in turns:
            try:
                took = self.ask(connection, self.pictures[(number * 31 + turn) % len(self.pictures)])
                with self.lock:
                    self.times.append(took)
            except (OSError, RuntimeError, http.client.HTTPException) as error:
                with self.lock:
                    self.failures.append(repr(error))
                connection.close()
        connection.close()

    def run(self, clients, turns):
        """turns(number): the turns of a client, which may sleep between them. Returns the seconds it took."""
        threads = [threading.Thread(target=self.client, args=(i, turns(i))) for i in range(clients)]
        started = time.monotonic()
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        return time.monotonic() - started


def closed(seconds):
    def turns(_):
        end, turn = time.monotonic() + seconds, 0
        while time.monotonic() < end:
            yield turn
            turn += 1

    return turns


def counted(total, clients):
    return lambda number: range(total // clients + (number < total % clients))


def at_rate(rate, clients, seconds):
    """Requests at random moments, rate of them a second in all."""

    def turns(number):
        chance, turn = random.Random(number), 0
        start = time.monotonic()
        due = start + chance.expovariate(rate / clients)
        while due < start + seconds:
            time.sleep(max(0, due - time.monotonic()))
            yield turn
            turn += 1
            due += chance.expovariate(rate / clients)

    return turns


class Server:
    def __init__(self, command, port=None, env=None):
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env={**os.environ, **(env or {})}, cwd=HERE
        )
        if port is None:
            port = int(self.process.stdout.readline().decode().strip().rstrip("/").rsplit(":", 1)[1])
        self.port = port
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port), timeout=1).close()
                return
            except OSError:
                time.sleep(0.2)
        raise SystemExit(f"{command[0]} did not start")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()


def row(name, rate, times, more=""):
    print(f"| {name} | {rate:.1f} | {percentile(times, 50):.0f} | {percentile(times, 99):.0f} | {more} |", flush=True)


class Bench:
    def __init__(self, args, work):
        self.args, self.work = args, work
        self.program = str(ROOT / args.build / "bin/gensearch")
        shared = context.Context(None, args.folder, args.threads, 1, 0, [], args.shape, True)
        self.encoder = args.encoder or shared.model(args.shape)
        self.model, paths = pipeline.folder_model(shared, 128)
        self.pictures = [path.read_bytes() for path in paths]
        self.database = f"{work}/zoo.db"

    def index(self, samples, database):
        command = [self.program, "index", database, self.model, "--encoder", self.encoder, "--samples", str(samples)]
        command += ["--precision", "f32", "--device", "cpu", "--threads", str(self.args.threads), "--quiet"]
        started = time.monotonic()
        subprocess.run(list(map(str, command)), check=True, stderr=subprocess.DEVNULL)
        return time.monotonic() - started

    def index_rate(self):
        """Of two runs, so that opening the encoder and closing the database do not count."""
        few, many = 8, len(self.pictures)
        self.index(few, self.database)
        short = self.index(few, f"{self.work}/short.db")
        return (many - few) / (self.index(many, f"{self.work}/long.db") - short)

    def ours(self):
        command = [self.program, "serve", "--api", self.database, "--encoder", self.encoder, "--threads"]
        command += [self.args.threads, "--rate", "0", "--connections", "0", "--listen", "127.0.0.1:0", "--quiet"]
        return Server(list(map(str, command)))

    def peer(self, batches, port):
        env = {"GENSEARCH_ENCODER": str(self.encoder), "PEER_BATCHES": str(batches), "HF_HUB_OFFLINE": "1"}
        env["PEER_THREADS"] = str(self.args.threads)
        return Server([sys.executable, "-m", "uvicorn", "peer_server:app", "--port", str(port)], port, env)

    def full(self, server, name, seconds, base=None):
        warm = Load(server.port, self.pictures)
        warm.run(4, counted(8, 4))
        before = resident(server.process.pid)
        load = Load(server.port, self.pictures)
        took = load.run(self.args.clients, closed(seconds))
        rate = len(load.times) / took
        more = f"{len(load.failures)} failed; {before:.0f} to {resident(server.process.pid):.0f} MB"
        row(name, rate, load.times, more + (f"; {rate / base:.2f} of index" if base else ""))
        return rate

    def throughput(self):
        rate = self.index_rate()
        print("| | pictures/s | p50 ms | p99 ms | |\n|---|---:|---:|---:|---|", flush=True)
        row("gensearch index", rate, [])
        with self.ours() as server:
            best = self.full(server, f"gensearch serve, {self.args.clients} clients", self.args.seconds, rate)
            load = Load(server.port, self.pictures)
            took = load.run(self.args.clients, at_rate(best / 2, self.args.clients, self.args.seconds))
            shares = percentile(load.times, 99) / percentile(load.times, 50)
            row("the same at half that rate", len(load.times) / took, load.times, f"p99 is {shares:.2f} of p50")
        for batches, name in ((0, "FastAPI and PyTorch"), (1, "the same, batching")):
            with self.peer(batches, 9201 + batches) as server:
                peer = self.full(server, name, self.args.seconds)
                print(f"gensearch serve is {best / peer:.2f} of it", flush=True)

    def many(self):
        with self.ours() as server:
            Load(server.port, self.pictures).run(self.args.clients, closed(3))
            before, load = resident(server.process.pid), Load(server.port, self.pictures)
            took = load.run(self.args.clients, counted(self.args.requests, self.args.clients))
            row(
                f"{self.args.requests} requests",
                len(load.times) / took,
                load.times,
                f"{len(load.failures)} failed; {before:.0f} to {resident(server.process.pid):.0f} MB",
            )

    def slow(self):
        """A good client, alone, then among others that send a byte now and then, or pictures that claim to be large."""
        bomb = bytearray(self.pictures[0])
        at = bomb.index(b"\xff\xc0")
        bomb[at + 5 : at + 9] = b"\x7f\x00\x7f\x00"  # 32512 x 32512
        with self.ours() as server:
            Load(server.port, self.pictures).run(4, counted(8, 4))
            quiet = Load(server.port, self.pictures)
            quiet.run(1, closed(self.args.seconds / 2))
            before = resident(server.process.pid)
            row("a good client, alone", len(quiet.times) / self.args.seconds * 2, quiet.times, f"{before:.0f} MB")
            stop = threading.Event()
            threads = [threading.Thread(target=self.dribble, args=(server.port, i, stop)) for i in range(450)]
            threads += [threading.Thread(target=self.bomb, args=(server.port, i, bytes(bomb), stop)) for i in range(4)]
            for thread in threads:
                thread.start()
            time.sleep(3)
            load = Load(server.port, self.pictures)
            load.run(1, closed(self.args.seconds))
            after = resident(server.process.pid)
            stop.set()
            share = percentile(load.times, 99) / percentile(quiet.times, 99)
            more = f"{after:.0f} MB; {len(load.failures)} failed; p99 is {share:.2f} of alone"
            row("among 450 slow ones and large pictures", len(load.times) / self.args.seconds, load.times, more)
            for thread in threads:
                thread.join()

    @staticmethod
    def dribble(port, number, stop):
        while not stop.is_set():
            try:
                source = (f"127.0.1.{number % 200 + 1}", 0)
                with socket.create_connection(("127.0.0.1", port), 10, source) as connection:
                    connection.sendall(b"POST /v1/encode HTTP/1.1\r\nHost: x\r\nContent-Length: 100000\r\n\r\n")
                    while not stop.wait(2):
                        connection.sendall(b"x")
            except OSError:
                stop.wait(0.5)

    @staticmethod
    def bomb(port, number, picture, stop):
        connection = http.client.HTTPConnection("127.0.0.1", port, 10, source_address=(f"127.0.2.{number + 1}", 0))
        while not stop.wait(0.05):
            try:
                connection.request("POST", "/v1/encode", picture)
                connection.getresponse().read()
            except (OSError, http.client.HTTPException):
                connection.close()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", default="build/native")
    parser.add_argument("--folder", type=pathlib.Path, default=ROOT / "build/bench")
    parser.add_argument("--shape", default="vit-b-32")
    parser.add_argument("--encoder", type=lambda path: pathlib.Path(path).resolve())
    parser.add_argument("--clients", type=int, default=64)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--requests", type=int, default=0)
    parser.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    parser.add_argument("--only", choices=["throughput", "slow"])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        bench = Bench(args, work)
        bench.index(8, bench.database)
        if args.requests:
            bench.many()
            return
        if args.only != "slow":
            bench.throughput()
        if args.only != "throughput":
            bench.slow()


if __name__ == "__main__":
    main()
