"""index: what is there is skipped, what was cut off goes on, and neither changes a bit of the result."""

import base64
import contextlib
import json
import os
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import unittest
from pathlib import Path

from harness import GOLDEN, OTHER, PROGRAM, TINY, ZOO, Case, speckled


class Index(Case):
    def test_an_unknown_kind_of_sampler_stops_before_the_first_sample(self):
        bad = self.write_model("odd", {"kind": "foldr", "path": "."})
        self.refused("index", self.db, bad, "--encoder", TINY, says=[bad, "sampler.kind", "foldr"])
        self.assertFalse(Path(self.db).exists())

    def test_folders_of_png_and_jpeg_are_indexed_and_found(self):
        reds = self.folder_model("reds", (200, 30, 30), count=20)
        photos = self.dir / "photos" / "in" / "deep"
        photos.mkdir(parents=True)
        for path in GOLDEN.glob("images/*.jpg"):
            shutil.copy(path, photos)
        count = len(list(photos.iterdir()))
        model = self.write_model("photos", {"kind": "folder", "path": "in"})
        self.index(reds, model)
        shown = {m["slug"]: m for m in self.json("show", self.db)}
        self.assertEqual((shown["reds"]["samples"], shown["photos"]["samples"]), (20, count))
        picture = self.dir / "reds" / "pictures" / "0003.png"
        self.assertEqual(self.json("search", self.db, "--image", picture)[0]["slug"], "reds")
        self.assertEqual(self.ok("verify", self.db), "")

    def test_samples_limits_a_folder(self):
        self.index(self.folder_model("reds", (200, 30, 30), count=9), samples=5)
        self.assertEqual(self.json("show", self.db, "reds")[0]["samples"], 5)

    def test_what_is_there_is_skipped_and_metadata_follows_the_file(self):
        model = self.folder_model("reds", (200, 30, 30))
        self.index(model)
        before = self.moments("reds")
        content = json.loads(model.read_text())
        model.write_text(json.dumps({**content, "title": "Crimson", "unknown": {"kept": [1]}}))
        done = self.run_program("index", self.db, model, "--encoder", TINY, "--samples", 100)
        self.assertEqual(done.returncode, 0)
        self.assertIn("has its 12 samples already", done.stderr.decode())
        shown = self.json("show", self.db, "reds")[0]
        self.assertEqual((shown["title"], shown["model"]["unknown"]), ("Crimson", {"kept": [1]}))
        self.assertEqual(self.moments("reds"), before)

    def test_another_seed_samples_anew(self):
        model = self.worker_model("noise")
        self.index(model, samples=20)
        first = self.moments("noise")
        self.index(model, samples=20, seed=2)
        self.assertNotEqual(self.moments("noise"), first)
        self.index(model, samples=20, seed=1)
        self.assertEqual(self.moments("noise"), first)
        with sqlite3.connect(self.db) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM run").fetchone(), (1,))

    def test_batches_do_not_change_which_features_are_kept(self):
        model = self.worker_model("noise")
        self.index(model, samples=50, keep_features=7, batch=50)
        other = str(self.dir / "other.db")
        self.ok(
            "index", other, model, "--encoder", TINY, "--samples", 50, "--keep-features", 7, "--batch", 3, "--quiet"
        )
        query = "SELECT sample_index FROM feature ORDER BY sample_index"
        with sqlite3.connect(self.db) as one, sqlite3.connect(other) as two:
            kept = one.execute(query).fetchall()
            self.assertEqual(len(kept), 7)
            self.assertEqual(kept, two.execute(query).fetchall())

    def test_neighbours_are_those_of_the_exact_distance(self):
        slugs = [f"m{i:02}" for i in range(24)]
        models = [self.folder_model(s, (10 * i, 255 - 10 * i, (i * 53) % 256), count=6) for i, s in enumerate(slugs)]
        self.index(*models[:12])
        self.index(*models)  # and what is new joins the old lists
        self.ok("remove", self.db, "m03")
        left = [s for s in slugs if s != "m03"]
        for slug in ("m00", "m07", "m19"):
            exact = {s: float(self.ok("frechet", self.db, slug, s)) for s in left if s != slug}
            nearest = sorted(exact, key=exact.get)[:20]
            listed = self.json("similar", self.db, slug, "--limit", 99)
            self.assertEqual([n["slug"] for n in listed], nearest)
            for entry in listed:
                self.assertAlmostEqual(entry["distance"], exact[entry["slug"]], delta=1e-6)

    def test_neighbours_can_wait(self):
        models = [
            self.folder_model(s, colour, count=6) for s, colour in (("reds", (200, 30, 30)), ("blues", (30, 30, 200)))
        ]
        flags = ("--encoder", TINY, "--samples", 6, "--no-neighbors", "--quiet")
        self.ok("index", self.db, *models, *flags)
        says = f"the neighbours of 2 models are missing or out of date: `gensearch neighbors {self.db}` finds them"
        done = self.run_program("verify", self.db)
        self.assertEqual((done.returncode, done.stdout), (0, b""))
        self.assertIn(says, done.stderr.decode())
        self.assertEqual(self.run_program("similar", self.db, "reds").returncode, 1)
        (result,) = self.json("neighbors", self.db, "--quiet")
        self.assertEqual((result["models"], result["made"], result["compared"]), (2, 2, 1))
        self.assertEqual([n["slug"] for n in self.json("similar", self.db, "reds")], ["blues"])
        self.assertNotIn(b"neighbours", self.run_program("verify", self.db).stderr)
        (result,) = self.json("neighbors", self.db, "--quiet")
        self.assertEqual(result["made"], 0)

    def test_distances_are_symmetric_and_zero_to_itself(self):
        self.index(self.folder_model("reds", (200, 30, 30)), self.folder_model("blues", (30, 30, 200)))
        one, two = self.ok("frechet", self.db, "reds", "blues"), self.ok("frechet", self.db, "blues", "reds")
        self.assertAlmostEqual(float(one), float(two), delta=1e-6)
        self.assertLess(float(self.ok("frechet", self.db, "reds", "reds")), 1e-5)


class Interrupted(Case):
    SAMPLES = 48
    FLAGS = ("--encoder", TINY, "--samples", SAMPLES, "--batch", 4, "--checkpoint", 0, "--keep-features", 5)

    def start(self, model):
        command = [PROGRAM, "index", self.db, model, *self.FLAGS, "--threads", 1]
        return subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE)

    def wait_for_samples(self, least):
        """Until a checkpoint holds that many, and the run is not yet over."""
        for _ in range(600):
            time.sleep(0.02)
            if not os.path.exists(self.db):
                continue
            shown = [json.loads(line) for line in self.run_program("show", self.db, "--json").stdout.splitlines()]
            if shown and shown[0]["samples"] >= least:
                self.assertFalse(shown[0]["finished"])
                return shown[0]["samples"]
        return self.fail("no checkpoint was ever written")

    def uninterrupted(self, model):
        whole = str(self.dir / "whole.db")
        self.ok("index", whole, model, *self.FLAGS, "--threads", 1, "--quiet")
        self.ok("stats", whole, "noise", "--out", self.dir / "whole.npz")
        with sqlite3.connect(whole) as db:
            kept = db.execute("SELECT slot, sample_index, vector FROM feature ORDER BY slot").fetchall()
            thumbnails = db.execute("SELECT position, webp FROM thumbnail ORDER BY position").fetchall()
        return (self.dir / "whole.npz").read_bytes(), kept, thumbnails

    def finish_and_compare(self, model):
        done = self.run_program("index", self.db, model, *self.FLAGS, "--threads", 1)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("resumed at", done.stderr.decode())
        whole, kept, thumbnails = self.uninterrupted(model)
        self.assertEqual(self.moments("noise"), whole)
        with sqlite3.connect(self.db) as db:
            self.assertEqual(
                db.execute("SELECT slot, sample_index, vector FROM feature ORDER BY slot").fetchall(), kept
            )
            self.assertEqual(
                db.execute("SELECT position, webp FROM thumbnail ORDER BY position").fetchall(), thumbnails
            )
            self.assertEqual(db.execute("SELECT count(*) FROM progress").fetchone(), (0,))
        self.assertEqual(self.ok("verify", self.db), "")

    def test_kill_9_loses_nothing_but_time(self):
        model = self.worker_model("noise", "--slow", 0.05)
        for least in (4, 16):
            with self.start(model) as process:
                self.wait_for_samples(least)
                process.kill()
        self.assertEqual(self.ok("verify", self.db), "")
        self.finish_and_compare(model)

    def test_sigint_checkpoints_and_says_so(self):
        model = self.worker_model("noise", "--slow", 0.05)
        with self.start(model) as process:
            self.wait_for_samples(4)
            process.send_signal(signal.SIGINT)
            message = process.stderr.read().decode()
            self.assertEqual(process.wait(), 130)
        self.assertIn("gensearch: interrupted; run again to resume", message)
        self.finish_and_compare(model)

    def test_a_worker_that_dies_keeps_what_was_encoded(self):
        good = self.folder_model("reds", (200, 30, 30))
        broken = self.worker_model("noise", "--die-at", 21)
        done = self.run_program("index", self.db, good, broken, *self.FLAGS)
        self.assertEqual(done.returncode, 2)
        self.assertIn("ran out of luck", done.stderr.decode())
        shown = {m["slug"]: m for m in self.json("show", self.db)}
        self.assertTrue(shown["reds"]["finished"])
        self.assertEqual((shown["noise"]["finished"], shown["noise"]["samples"]), (False, 20))
        self.assertEqual(self.ok("verify", self.db), "")
        self.assertEqual([m["slug"] for m in self.json("search", self.db, "--text", "x")], ["reds"])

    def test_the_former_moments_stay_until_the_new_ones_are_done(self):
        model = self.worker_model("noise")
        self.index(model, samples=20)
        before = self.moments("noise")
        self.worker_model("noise", "--die-at", 9)
        self.refused("index", self.db, model, *self.FLAGS, says=["noise"])
        self.assertEqual(self.moments("noise"), before)
        self.assertEqual(self.ok("verify", self.db), "")

    def test_two_at_once_end_with_one_good_database(self):
        models = [self.worker_model(f"noise{i}", "--slow", 0.01) for i in range(2)]
        processes = [self.start(model) for model in models]
        for process in processes:
            with process:
                self.assertEqual(process.wait(), 0, process.stderr.read())
        self.assertEqual({m["slug"]: m["samples"] for m in self.json("show", self.db)}, {"noise0": 48, "noise1": 48})
        self.assertEqual(self.ok("verify", self.db), "")


class Changed(Case):
    """What the samples come from has changed since they were taken."""

    FLAGS = ("--encoder", TINY, "--samples", 40, "--batch", 4, "--checkpoint", 0, "--threads", 1)

    def index_loudly(self, *models, status=0, flags=()):
        done = self.run_program("index", self.db, *models, *self.FLAGS, *flags)
        self.assertEqual(done.returncode, status, done.stderr.decode())
        return done.stderr.decode()

    def repaint(self, slug, colour, count=12):
        for i in range(count):
            (self.dir / slug / "pictures" / f"{i:04}.png").write_bytes(speckled(colour, 100 + i))

    def test_a_finished_folder_whose_pictures_changed_is_sampled_anew(self):
        model = self.folder_model("reds", (200, 30, 30))
        self.index_loudly(model)
        before = self.moments("reds")
        self.assertIn("has its 12 samples already", self.index_loudly(model))
        self.repaint("reds", (30, 30, 200))
        said = self.index_loudly(model)
        self.assertIn("reds: the files that its samples come from have changed: it is sampled anew", said)
        self.assertNotEqual(self.moments("reds"), before)
        fresh = self.dir / "fresh.db"
        self.ok("index", fresh, model, *self.FLAGS)
        after, self.db = self.moments("reds"), str(fresh)
        self.assertEqual(self.moments("reds"), after)

    def test_a_partial_run_over_changed_files_begins_anew(self):
        model = self.worker_model("noise", "--die-at", 21)
        self.index_loudly(model, status=2)
        self.assertEqual(self.json("show", self.db, "noise")[0]["samples"], 20)
        script = self.dir / "noise" / "worker.py"
        script.write_text((Path(__file__).parent / "worker.py").read_text())
        self.write_model("noise", {"kind": "worker", "command": [sys.executable, "worker.py"]})
        self.assertIn("its sampler block has changed", self.index_loudly(self.dir / "noise" / "model.json"))
        script.write_text(script.read_text() + "# a change\n")
        said = self.index_loudly(self.dir / "noise" / "model.json")
        self.assertIn("the files that its samples come from have changed", said)
        self.assertNotIn("resumed", said)

    def test_force_samples_anew_and_an_interrupted_force_resumes(self):
        model = self.worker_model("noise", "--slow", 0.05)
        self.index_loudly(model)
        before = self.moments("noise")
        self.assertIn("as --force asks", self.index_loudly(model, flags=["--force"]))
        self.assertEqual(self.moments("noise"), before)
        command = [PROGRAM, "index", self.db, model, *self.FLAGS, "--force"]
        with subprocess.Popen(list(map(str, command)), stderr=subprocess.DEVNULL) as process:
            for _ in range(600):
                with sqlite3.connect(self.db) as db:
                    if db.execute("SELECT 1 FROM run WHERE NOT finished AND count > 0").fetchall():
                        break
                time.sleep(0.02)
            process.kill()
        self.assertIn("resumed at", self.index_loudly(model))
        self.assertEqual(self.moments("noise"), before)

    def test_another_model_of_the_same_slug_is_refused_with_both_places(self):
        first = self.folder_model("twin", (200, 30, 30))
        self.index_loudly(first)
        before = self.moments("twin")
        there = self.dir / "there"
        shutil.copytree(self.dir / "twin", there)
        second = there / "model.json"
        second.write_text(second.read_text().replace("Twin", "Another"))
        self.refused("index", self.db, second, *self.FLAGS, says=["twin", first, second, "--replace"])
        self.assertEqual(self.moments("twin"), before)
        (kept,) = self.json("show", self.db, "twin")
        self.assertEqual((kept["title"], kept["state"], kept["error"]), ("Twin", "done", ""))
        described = second.read_text()
        self.worker_model("there", "--refuse")
        second.write_text(second.read_text().replace('"slug": "there"', '"slug": "twin"'))
        self.index_loudly(second, status=2, flags=["--replace"])
        self.assertEqual(self.json("show", self.db, "twin")[0]["title"], "Twin")  # whose moments are still there
        self.assertEqual(self.moments("twin"), before)
        second.write_text(described)
        self.index_loudly(second, flags=["--replace"])
        self.assertEqual(self.json("show", self.db, "twin")[0]["title"], "Another")

    def test_a_model_that_moved_is_the_same(self):
        model = self.folder_model("reds", (200, 30, 30))
        self.index_loudly(model)
        (self.dir / "reds").rename(self.dir / "moved")
        self.assertIn("has its 12 samples already", self.index_loudly(self.dir / "moved" / "model.json"))

    def test_a_run_in_int8_says_so(self):
        self.index_loudly(self.folder_model("reds", (200, 30, 30)), flags=["--precision", "int8"])
        with sqlite3.connect(self.db) as db:
            self.assertEqual(db.execute("SELECT precision FROM run").fetchall(), [("int8",)])

    def test_a_run_of_another_precision_is_not_resumed(self):
        model = self.worker_model("noise", "--die-at", 21)
        self.index_loudly(model, status=2)
        with sqlite3.connect(self.db) as db:
            db.execute("UPDATE run SET precision = 'bf16'")
        self.worker_model("noise", "--die-at", 21)
        said = self.index_loudly(model, status=2, flags=["--precision", "f32"])
        self.assertIn("another precision than f32", said)

    def test_a_database_of_version_1_keeps_its_finished_models(self):
        model = self.folder_model("reds", (200, 30, 30))
        self.index_loudly(model)
        before = self.moments("reds")
        with sqlite3.connect(self.db) as db:
            added = (("run", "source"), ("run", "precision"), ("run", "bad"), ("model", "path"), ("model", "error"))
            for table, column in added:
                db.execute(f"ALTER TABLE {table} DROP COLUMN {column}")
            for table in ("factor", "lowrank", "background", "background_mean", "background_words"):
                db.execute(f"DROP TABLE {table}")
            db.execute("PRAGMA user_version = 1")
        self.assertIn("has its 12 samples already", self.index_loudly(model))
        self.assertEqual(self.moments("reds"), before)
        self.repaint("reds", (30, 30, 200))
        self.assertIn("have changed", self.index_loudly(model))


class ManyModels(Case):
    FLAGS = ("--samples", 12, "--batch", 4, "--threads", 1)

    def test_a_model_that_fails_does_not_stop_the_others(self):
        first = self.worker_model("broken", "--refuse")
        others = [self.folder_model("reds", (200, 30, 30)), self.folder_model("blues", (30, 30, 200))]
        missing = self.write_model("missing", {"kind": "folder", "path": "nowhere"})
        done = self.run_program("index", self.db, first, *others, missing, "--encoder", TINY, *self.FLAGS)
        self.assertEqual(done.returncode, 2)
        lines = [line for line in done.stderr.decode().splitlines() if line.startswith("gensearch: ")]
        self.assertIn("the weights are missing", lines[0])
        self.assertIn("nowhere", lines[1])
        self.assertEqual(lines[2], "gensearch: 2 of 4 models failed: broken, missing")
        self.assertEqual([m["slug"] for m in self.json("similar", self.db, "reds")], ["blues"])
        shown = {m["slug"]: m for m in self.json("show", self.db)}
        states = {slug: m["state"] for slug, m in shown.items()}
        self.assertEqual(states, {"broken": "failed", "reds": "done", "blues": "done", "missing": "failed"})
        self.assertIn("nowhere", shown["missing"]["error"])
        self.assertIn("the weights are missing", shown["broken"]["error"])
        self.assertIn("failed", self.ok("show", self.db))
        self.worker_model("broken")
        self.ok("index", self.db, first, *self.FLAGS)
        self.assertEqual(self.json("show", self.db, "broken")[0]["state"], "done")

    def test_a_wrong_model_json_is_said_first_and_does_not_stop_the_others(self):
        untitled = self.dir / "untitled.json"
        untitled.write_text('{"slug": "untitled", "type": "GAN", "sampler": {"kind": "folder", "path": "."}}')
        reds, again = self.folder_model("reds", (200, 30, 30)), self.dir / "again.json"
        again.write_text(reds.read_text())
        done = self.run_program("index", self.db, untitled, reds, again, "--encoder", TINY, *self.FLAGS)
        self.assertEqual(done.returncode, 2)
        lines = [line for line in done.stderr.decode().splitlines() if line.startswith("gensearch: ")]
        self.assertIn(f"{untitled}: field 'title' is missing", lines[0])
        self.assertIn(f"{again}: slug 'reds' is that of {reds}", lines[1])
        self.assertEqual(lines[2], f"gensearch: 2 of 3 models failed: {untitled}, {again}")
        self.assertLess(done.stderr.find(b"again.json"), done.stderr.find(b"reds: 12 samples"))
        self.assertEqual([m["state"] for m in self.json("show", self.db)], ["done"])
        other = self.dir / "other.db"
        self.refused("index", other, untitled, says=["field 'title' is missing"])
        self.assertFalse(other.exists())

    def test_a_model_that_another_process_takes_over_does_not_stop_the_others(self):
        models = [self.worker_model("shared", "--slow", 1), self.folder_model("reds", (200, 30, 30))]
        command = [PROGRAM, "index", self.db, *models, "--encoder", TINY, *self.FLAGS, "--checkpoint", 0]
        with subprocess.Popen(list(map(str, command)), stderr=subprocess.PIPE, text=True) as index:
            moved = 0
            while not moved and index.poll() is None:
                time.sleep(0.05)
                with contextlib.suppress(sqlite3.OperationalError), sqlite3.connect(self.db) as db:
                    moved = db.execute(
                        "UPDATE run SET bad = bad + 1 WHERE count BETWEEN 4 AND 8 AND NOT finished"
                    ).rowcount
            said = index.communicate()[1]
        self.assertEqual(moved, 1)
        self.assertEqual(index.returncode, 2, said)
        self.assertIn("is being indexed by another process", said)
        self.assertIn("1 of 2 models failed: shared", said)
        shown = {m["slug"]: (m["state"], m["error"]) for m in self.json("show", self.db)}
        self.assertEqual(shown, {"shared": ("partial", ""), "reds": ("done", "")})

    def test_the_recorded_encoder_is_taken_when_none_is_named(self):
        self.ok("index", self.db, self.folder_model("reds", (200, 30, 30)), "--encoder", TINY, *self.FLAGS)
        self.ok("index", self.db, self.folder_model("blues", (30, 30, 200)), *self.FLAGS)
        self.assertEqual(len(self.json("show", self.db)), 2)


class Onnx(Case):
    def test_no_file_is_left_in_the_folders_of_the_user(self):
        home = self.dir / "home"
        folders = {"HOME": home, "XDG_CACHE_HOME": home / "cache", "TMPDIR": home / "tmp"}
        for folder in folders.values():
            folder.mkdir(parents=True, exist_ok=True)
        arguments = ("--encoder", TINY, "--samples", 4)
        self.ok("index", self.db, ZOO / "digits/model.json", *arguments, env={k: str(v) for k, v in folders.items()})
        self.assertEqual(sorted(p.name for p in home.rglob("*")), ["cache", "tmp"])

    def test_a_graph_that_draws_its_own_random_numbers_is_refused_by_node_operator_and_file(self):
        cases = json.loads((GOLDEN / "random_nodes.json").read_text())["cases"]
        graph = next(case["file"] for case in cases if case["case"] == "Loop")
        model = self.write_model(
            "dice", {"kind": "onnx", "procedure": "decode", "path": "dice.onnx", "latent": [60], "range": [-1, 1]}
        )
        (model.parent / "dice.onnx").write_bytes(base64.b64decode(graph))
        done = self.run_program("index", self.db, model, "--encoder", TINY, "--samples", 4)
        self.assertEqual(done.returncode, 2)
        said = done.stderr.decode()
        for part in (model.parent / "dice.onnx", "node 'noise' (RandomNormalLike)", "export the graph"):
            self.assertIn(str(part), said)

    def test_weights_beside_a_graph_are_read_and_their_change_or_loss_is_seen(self):
        forms = json.loads((GOLDEN / "onnx_forms/forms.json").read_text())["forms"]
        model = self.write_model("beside", next(form["sampler"] for form in forms if form["name"] == "external"))
        shutil.copytree(GOLDEN / "onnx_forms/below", model.parent / "below")
        arguments = ("index", self.db, model, "--encoder", TINY, "--samples", 20)
        done = self.run_program(*arguments)
        self.assertEqual(done.returncode, 0, done.stderr)
        before = self.moments("beside")
        data = model.parent / "below/external.onnx.data"
        data.write_bytes(bytes(data.stat().st_size))
        self.assertIn("have changed: it is sampled anew", self.run_program(*arguments).stderr.decode())
        self.assertNotEqual(self.moments("beside"), before)
        data.unlink()
        self.refused(*arguments, says=["model 'beside'", "below/external.onnx", "below/external.onnx.data"])


class BadInput(Case):
    def setUp(self):
        super().setUp()
        self.good = self.folder_model("reds", (200, 30, 30))

    def refused_index(self, *models, says=(), encoder=TINY, **options):
        return self.refused("index", self.db, *models, "--encoder", encoder, "--samples", 20, says=says, **options)

    def test_a_broken_model_json_makes_no_database(self):
        for name, text, says in (
            ("syntax", "{", []),
            ("no-slug", '{"title":"T","type":"GAN","sampler":{"kind":"folder","path":"."}}', ["slug"]),
            ("bad-slug", '{"slug":"A B","title":"T","type":"GAN","sampler":{"kind":"folder","path":"."}}', ["slug"]),
            ("no-title", '{"slug":"a","type":"GAN","sampler":{"kind":"folder","path":"."}}', ["title"]),
            ("bad-type", '{"slug":"a","title":"T","type":"magic","sampler":{"kind":"folder","path":"."}}', ["type"]),
            ("no-sampler", '{"slug":"a","title":"T","type":"GAN"}', ["sampler"]),
        ):
            with self.subTest(name):
                path = self.dir / f"{name}.json"
                path.write_text(text)
                self.refused_index(path, says=[path, *says])
                self.assertFalse(os.path.exists(self.db))

    def test_a_missing_model_json_is_named(self):
        self.refused_index("nowhere/model.json", says=["nowhere/model.json"])
        self.assertFalse(os.path.exists(self.db))

    def test_an_unknown_sampler_a_missing_folder_a_missing_command(self):
        for sampler, says in (
            ({"kind": "oracle"}, ["oracle"]),
            ({"kind": "folder"}, ["path"]),
            ({"kind": "folder", "path": "nowhere"}, ["nowhere"]),
            ({"kind": "worker"}, ["command"]),
            ({"kind": "worker", "command": ["no-such-program-at-all"]}, ["no-such-program-at-all"]),
        ):
            with self.subTest(sampler):
                self.refused_index(self.write_model("odd", sampler), says=says)

    def test_a_folder_with_a_damaged_picture_names_it(self):
        (self.dir / "reds" / "pictures" / "0005.png").write_bytes(b"\x89PNG\r\n\x1a\nand no more")
        self.refused_index(self.good, says=["0005.png"])

    def test_one_picture_is_not_enough(self):
        self.refused_index(self.folder_model("one", (1, 2, 3), count=1), says=["one", "at least 2"])

    def test_workers_that_hang_lie_or_refuse(self):
        for options, extra, says in (
            (["--hang-at", 3], {"timeout": 0.5}, []),
            (["--short-at", 3], {}, []),
            (["--refuse"], {}, ["the weights are missing"]),
        ):
            with self.subTest(options):
                self.refused_index(self.worker_model("noise", *options, **extra), says=["noise", *says])
                self.assertEqual(self.ok("verify", self.db), "")

    def test_a_missing_or_broken_encoder(self):
        broken = self.dir / "broken"
        shutil.copytree(TINY, broken)
        weights = broken / "model.safetensors"
        weights.write_bytes(weights.read_bytes()[:1000])
        self.refused_index(self.good, encoder=self.dir / "none", says=["none"])
        self.refused_index(self.good, encoder=broken, says=["model.safetensors"])
        self.assertFalse(os.path.exists(self.db))

    def test_another_encoder_is_refused_with_both_fingerprints(self):
        self.index(self.good)
        with sqlite3.connect(self.db) as db:
            (mine,) = db.execute("SELECT fingerprint FROM encoder").fetchone()
        line = self.refused_index(self.good, encoder=OTHER, says=[mine])
        self.assertEqual(len([w for w in re.split(r"[\s(),]", line) if len(w) == 64]), 2)
        self.refused("search", self.db, "--text", "x", "--encoder", OTHER, says=[mine])

    def test_a_file_that_is_no_database_is_left_alone(self):
        for name, content in (("text", b"hello\n" * 500), ("sqlite", None)):
            with self.subTest(name):
                path = self.dir / name
                if content:
                    path.write_bytes(content)
                else:
                    with sqlite3.connect(path) as db:
                        db.execute("CREATE TABLE theirs (x)")
                before = path.read_bytes()
                self.refused("index", path, self.good, "--encoder", TINY, says=[path, "no gensearch database"])
                self.refused("search", path, "--text", "x", says=[path, "no gensearch database"])
                self.assertEqual(path.read_bytes(), before)

    def test_numbers_out_of_range(self):
        for flag, value in (
            ("--samples", "1"),
            ("--samples", "many"),
            ("--seed", "-1"),
            ("--batch", "0"),
            ("--seed", 2**60),
        ):
            with self.subTest(flag):
                self.refused("index", self.db, self.good, "--encoder", TINY, flag, value, says=[flag, value])


if __name__ == "__main__":
    unittest.main()
