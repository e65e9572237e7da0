"""index --shard and merge: shards put together are what a single run makes, and what does not fit is refused."""

import re
import sqlite3
import sys
import unittest
from contextlib import closing
from pathlib import Path

from harness import HERE, OTHER, TINY, Case

EXACT = (  # all that is computed per model, and what a merge must not change
    "SELECT slug, json, seed, requested, keep, count, bad, mean, covariance FROM model"
    " JOIN run ON model_id = model.id JOIN moments ON run_id = run.id ORDER BY slug",
    "SELECT slug, position, width, height, webp FROM model"
    " JOIN run ON model_id = model.id JOIN thumbnail ON run_id = run.id ORDER BY slug, position",
    "SELECT slug, sample_index, vector FROM model"
    " JOIN run ON model_id = model.id JOIN feature ON run_id = run.id ORDER BY slug, sample_index",
)


def rows(path):
    with closing(sqlite3.connect(path)) as db:
        return [db.execute(query).fetchall() for query in EXACT]


class Merge(Case):
    def setUp(self):
        super().setUp()
        self.out = str(self.dir / "out.db")

    def part(self, name, *models, status=0, env=None, **options):
        """A database of its own with these models; its path."""
        path = str(self.dir / name)
        arguments = {"encoder": TINY, "samples": 40, "threads": 1, **options}
        flags = [text for key, value in arguments.items() for text in (f"--{key.replace('_', '-')}", value)]
        done = self.run_program("index", path, *models, *flags, env=env)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return path

    def unlucky(self):
        """A worker that takes its options from the environment, which is no part of its model."""
        command = f"exec '{sys.executable}' '{HERE / 'worker.py'}' $WORKER"
        return self.write_model("noise", {"kind": "worker", "command": ["sh", "-c", command]})

    def three(self):
        reds = self.folder_model("reds", (200, 30, 30), count=30)
        return [reds, self.folder_model("blues", (30, 30, 200), count=30), self.worker_model("noise")]

    def test_shards_merged_equal_a_single_run(self):
        models = self.three()
        whole = self.part("whole.db", *models, keep_features=5)
        parts = [self.part(f"{i}.db", *models, shard=f"{i}/4", keep_features=5) for i in (1, 2, 3, 4)]
        self.assertEqual([len(rows(part)[0]) for part in parts], [1, 1, 1, 0])
        done = self.run_program("merge", self.out, *parts)
        self.assertEqual(done.returncode, 0, done.stderr.decode())
        self.assertIn(f"{parts[0]}: 1 of 1 models taken in", done.stderr.decode())
        self.assertEqual(rows(self.out), rows(whole))
        self.assertEqual(self.run_program("verify", self.out).stderr, b"")  # nor is a neighbour missing
        for question in (["similar", "reds"], ["search", "--text", "red"], ["search", "--model", "noise"]):
            one, two = (self.json(question[0], db, *question[1:]) for db in (self.out, whole))
            self.assertEqual(one, two)

    def test_a_second_merge_changes_nothing(self):
        part = self.part("1.db", *self.three())
        self.ok("merge", self.out, part)
        before = rows(self.out)
        done = self.run_program("merge", self.out, part)
        self.assertIn("0 of 3 models taken in", done.stderr.decode())
        self.assertEqual(rows(self.out), before)

    def test_a_finished_model_takes_the_place_of_one_under_way_and_not_the_other_way(self):
        model = self.unlucky()
        good = self.part("good.db", model)
        cut = self.part("cut.db", model, status=2, batch=4, env={"WORKER": "--die-at 21"})
        self.ok("merge", self.out, cut)
        self.assertEqual(rows(self.out)[0], [])
        self.assertEqual(self.ok("verify", self.out), "")
        self.ok("merge", self.out, good, cut)
        self.assertEqual(rows(self.out), rows(good))

    def test_a_run_under_way_is_resumed_after_the_merge(self):
        model = self.unlucky()
        whole = self.part("whole.db", model, batch=4)
        cuts = [self.part(f"{at}.db", model, status=2, batch=4, env={"WORKER": f"--die-at {at}"}) for at in (9, 21, 13)]
        self.ok("merge", self.out, *cuts)
        done = self.run_program("index", self.out, model, "--encoder", TINY, "--samples", 40, "--batch", 4)
        self.assertIn("resumed at 20", done.stderr.decode())
        self.assertEqual(rows(self.out), rows(whole))

    def test_conflicts_are_refused_and_replace_settles_them(self):
        reds = self.folder_model("reds", (200, 30, 30))
        noise = self.worker_model("noise")
        first = self.part("1.db", noise)
        self.ok("merge", self.out, first)
        before = rows(self.out)
        for options, says in (({"seed": 2}, "seed 2, expected 1"), ({"precision": "int8"}, "precision int8, expected")):
            name = f"{next(iter(options))}.db"
            other = self.part(name, reds, noise, **options)
            self.refused("merge", self.out, other, says=[other, "'noise'", says, "--replace"])
            self.assertEqual(rows(self.out), before)  # 'reds' is not taken in either
        self.ok("merge", self.out, other, "--replace")
        self.assertEqual(rows(self.out), rows(other))
        self.assertEqual(self.run_program("verify", self.out).stderr, b"")

    def test_other_encoders_and_the_result_itself_are_refused(self):
        noise = self.worker_model("noise")
        one, two = self.part("1.db", noise), self.part("2.db", noise, encoder=OTHER)
        self.refused("merge", self.out, one, two, says=[one, two, "encoder"])
        self.assertFalse(Path(self.out).exists())
        self.refused("merge", one, one, says=[one, "merge into"])
        self.refused("merge", self.out, self.dir / "none.db", says=["none.db"])

    def test_a_shard_that_is_none_is_refused(self):
        model = self.worker_model("noise")
        for shard in ("0/2", "3/2", "1", "1/2x", "-1/2", "a/b", "1/"):
            message = self.refused("index", self.db, model, "--shard", shard, "--encoder", TINY)
            self.assertTrue(re.search(re.escape(f"--shard {shard}"), message), message)


if __name__ == "__main__":
    unittest.main()
