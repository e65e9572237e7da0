"""First moment over a zoo's int8 means beside FAISS's SQ8 flat index: the same vectors, queries and threads, in turns.

    python3 -m venv build/faiss && build/faiss/bin/pip install numpy==2.4.6 faiss-cpu==1.15.1
    cmake --build build/native --target gensearch_bench
    build/faiss/bin/python tests/bench/first_moment.py [--count 1000000] [--dim 512] [--threads 2] [--rounds 5]

Recall@10 is the share of the true ten best, by exact f32 products, among the ten that were found. FAISS works on one
query with one thread, so it gets as many queries at a time as there are threads; gensearch gets one after another and
splits the table. Milliseconds are per query, the ten best included, the median (and best) over the rounds. A number
takes 8 bytes of memory: 4 GB as it stands.
"""

import argparse
import ctypes
import statistics
import time
from concurrent.futures import ThreadPoolExecutor

import faiss
import numpy as np

BEST, BLOCK, I8 = 10, 50000, 2


class Table(ctypes.Structure):  # gs_table of core/table.h
    _fields_ = [
        ("count", ctypes.c_size_t),
        ("dim", ctypes.c_size_t),
        ("element", ctypes.c_int),
        ("rows", ctypes.c_void_p),
        ("center", ctypes.c_void_p),
        ("spread", ctypes.c_void_p),
        ("scales", ctypes.c_void_p),
    ]


class Query(ctypes.Structure):  # gs_table_query
    _fields_ = [
        ("feature", ctypes.c_void_p),
        ("steps", ctypes.c_void_p),
        ("step", ctypes.c_double),
        ("offset", ctypes.c_double),
    ]


def sizes(*values):
    return [ctypes.c_size_t(value) for value in values]


class Ours:
    def __init__(self, library, rows, threads):
        count, dim = rows.shape
        self.core, self.threads = ctypes.CDLL(library), threads
        self.core.gs_rank_top.restype = ctypes.c_size_t
        self.center, self.spread, self.scales = (np.empty(n, np.float32) for n in (dim, dim, count))
        self.steps, self.norms = np.empty((count, dim), np.int8), np.empty(count)
        self.scores, self.query_steps = np.empty(count), np.empty(dim, np.int16)
        arrays = [a.ctypes.data for a in (self.center, self.spread, self.scales, self.steps)]
        made = map(ctypes.c_void_p, arrays)
        self.check("quantise", ctypes.c_void_p(rows.ctypes.data), *sizes(count, dim), *made, None)
        self.table = Table(count, dim, I8, arrays[3], *arrays[:3])
        self.check("norms", ctypes.byref(self.table), ctypes.c_void_p(self.norms.ctypes.data), None)
        self.pool = ThreadPoolExecutor(threads)

    def check(self, name, *arguments):
        if getattr(self.core, "gs_table_" + name)(*arguments) != 0:
            raise RuntimeError(f"gs_table_{name} failed")

    def range(self, query, first, n):
        """The best of rows first .. first + n: indices and scores."""
        norms, scores = (ctypes.c_void_p(a) for a in (self.norms.ctypes.data, self.scores[first:].ctypes.data))
        self.core.gs_table_first_moment(ctypes.byref(self.table), norms, ctypes.byref(query), *sizes(first, n), scores)
        top = np.empty(BEST, np.uint32)
        found = self.core.gs_rank_top(scores, *sizes(n, BEST), ctypes.c_void_p(top.ctypes.data))
        return top[:found].astype(np.int64) + first

    def search(self, feature):
        query = Query()
        steps = ctypes.c_void_p(self.query_steps.ctypes.data)
        feature_at = ctypes.c_void_p(feature.ctypes.data)
        self.check("query_init", ctypes.byref(query), ctypes.byref(self.table), feature_at, steps, None)
        share = -(-len(self.scores) // self.threads)
        firsts = range(0, len(self.scores), share)
        ranges = [(query, first, min(share, len(self.scores) - first)) for first in firsts]
        best = np.concatenate(list(self.pool.map(lambda r: self.range(*r), ranges)))
        return best[np.argsort(-self.scores[best], kind="stable")[:BEST]]

    def search_all(self, queries):
        return np.array([self.search(query) for query in queries])


def theirs(rows):
    """A vector's cosine is its product with the query: the rows have length 1."""
    index = faiss.IndexScalarQuantizer(rows.shape[1], faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT)
    index.train(rows[:100000])
    for first in range(0, len(rows), BLOCK):
        index.add(rows[first : first + BLOCK])
    return index


def make_vectors(random, mean, count):
    """Vectors of length 1 in a cone, as CLIP's are: a common mean and a spectrum that falls."""
    dim = len(mean)
    deviations = 1 / np.sqrt(1 + np.arange(dim) / 20)
    deviations /= np.linalg.norm(deviations)
    rows = np.empty((count, dim), np.float32)
    for first in range(0, count, BLOCK):
        part = rows[first : first + BLOCK]
        part[:] = random.standard_normal(part.shape, np.float32) * deviations + mean
        part /= np.linalg.norm(part, axis=1, keepdims=True)
    return rows


def exact(rows, queries):
    products = np.concatenate([rows[first : first + BLOCK] @ queries.T for first in range(0, len(rows), BLOCK)])
    return np.argsort(-products, axis=0, kind="stable")[:BEST].T


def recall(found, truth):
    return np.mean([len(set(a) & set(b)) / BEST for a, b in zip(found, truth, strict=True)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1000000, help="vectors (1000000)")
    parser.add_argument("--dim", type=int, default=512, help="their dimension (512)")
    parser.add_argument("--queries", type=int, default=40, help="(40)")
    parser.add_argument("--threads", type=int, default=2, help="of both (2)")
    parser.add_argument("--rounds", type=int, default=5, help="how often each is timed (5)")
    parser.add_argument("--library", default="build/native/tests/bench/libgensearch_bench.so")
    options = parser.parse_args()
    faiss.omp_set_num_threads(options.threads)
    random = np.random.default_rng(7)
    mean = random.standard_normal(options.dim).astype(np.float32)
    mean /= np.linalg.norm(mean)
    rows, queries = make_vectors(random, mean, options.count), make_vectors(random, mean, options.queries)
    truth = exact(rows, queries)
    ours, index = Ours(options.library, rows, options.threads), theirs(rows)
    del rows

    def search_theirs(some):
        step = options.threads
        return np.concatenate([index.search(some[i : i + step], BEST)[1] for i in range(0, len(some), step)])

    contenders = {"gensearch int8": ours.search_all, "FAISS SQ8 flat": search_theirs}
    recalls = {name: recall(search(queries), truth) for name, search in contenders.items()}
    times = {name: [] for name in contenders}
    for turn in range(options.rounds):
        for name in sorted(contenders, reverse=turn % 2 == 1):
            start = time.perf_counter()
            contenders[name](queries)
            times[name].append((time.perf_counter() - start) / len(queries) * 1e3)
    print(f"{options.count} x {options.dim}, {options.threads} threads\n")
    print(f"| | ms a query | recall@{BEST} |\n|---|---|---|")
    for name, found in times.items():
        print(f"| {name} | {statistics.median(found):.1f} ({min(found):.1f}) | {recalls[name]:.4f} |")


if __name__ == "__main__":
    main()
