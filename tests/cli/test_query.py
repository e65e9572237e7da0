"""search, similar, show, frechet, remove, encode, stats, verify: what they print, and their exit codes."""

import io
import json
import math
import os
import shutil
import sqlite3
import statistics
import struct
import unittest
import zipfile
from pathlib import Path

from harness import GOLDEN, TINY, VISION, Case, npy, speckled


class Commands(Case):
    COLOURS = {"blues": (20, 20, 200), "greens": (20, 180, 20), "reds": (200, 20, 20)}

    def setUp(self):
        super().setUp()
        models = [self.folder_model(slug, colour, count=14) for slug, colour in self.COLOURS.items()]
        self.index(*models, keep_features=10)
        self.red = self.dir / "query.png"
        self.red.write_bytes(speckled((195, 25, 25), 77))

    def load(self, slug):
        """mu [d], sigma [d][d], n of a model, read from its .npz."""
        archive = zipfile.ZipFile(io.BytesIO(self.moments(slug)))
        mu, sigma, n = (npy(archive.read(f"{name}.npy")) for name in ("mu", "sigma", "n"))
        return mu, [sigma[i * len(mu) : (i + 1) * len(mu)] for i in range(len(mu))], n[0]

    def test_search_prints_json_lines_of_the_agreed_shape(self):
        lines = self.json("search", self.db, "--text", "a thing", "--image", self.red)
        self.assertEqual([line["rank"] for line in lines], [1, 2, 3])
        self.assertEqual(lines[0]["slug"], "reds")
        agreed = {"rank", "slug", "title", "type", "score", "probability", "of", "conflict", "parts"}
        self.assertEqual(set(lines[0]), agreed)
        self.assertEqual([p["kind"] for p in lines[0]["parts"]], ["text", "image"])
        self.assertEqual(lines[0]["parts"][1]["input"], str(self.red))
        self.assertAlmostEqual(sum(line["probability"] for line in lines), 1, delta=1e-9)
        self.assertEqual(lines, sorted(lines, key=lambda line: -line["score"]))

    def test_scores_are_those_of_the_method_computed_here(self):
        (encoded,) = self.json("encode", "--encoder", TINY, "--text", "a red car")
        command = ("encode", "--encoder", TINY, "--text", "a red car", "--precision", "int8")
        self.refused(*command, says=["'int8', expected f32, bf16 or auto"])
        q = encoded["feature"]
        dot = lambda a, b: sum(x * y for x, y in zip(a, b))  # noqa: E731
        with sqlite3.connect(self.db) as db:
            (tau,) = db.execute("SELECT tau FROM encoder").fetchone()
        words = ("search", self.db, "--text", "a red car")
        first = {r["slug"]: r for r in self.json(*words, "--method", "first-moment")}
        second = {r["slug"]: r for r in self.json(*words, "--method", "first-second-moment")}
        for slug in self.COLOURS:
            mu, sigma, n = self.load(slug)
            self.assertEqual(n, 14)
            self.assertAlmostEqual(first[slug]["score"], dot(q, mu) / math.sqrt(dot(mu, mu)), delta=1e-5)
            quadratic = dot(q, [dot(row, q) for row in sigma])
            expected = tau * dot(q, mu) + tau**2 / 2 * quadratic
            self.assertAlmostEqual(second[slug]["score"], expected, delta=1e-4 * max(1, abs(expected)))
        weights = {slug: math.exp(tau * r["score"]) for slug, r in first.items()}
        for slug, result in first.items():
            self.assertAlmostEqual(result["probability"], weights[slug] / sum(weights.values()), delta=1e-6)

    def test_a_product_with_weights_is_that_of_the_parts_alone_at_equal_spreads(self):
        found = [self.json("search", self.db, "--text", text) for text in "ab"]
        alone = [{r["slug"]: math.log(r["probability"]) for r in lines} for lines in found]
        spreads = [statistics.pstdev(part.values()) for part in alone]
        product = dict.fromkeys(self.COLOURS, 1.0)
        for part, spread, weight in zip(alone, spreads, (2, -0.5)):
            tempered = {slug: math.exp(value * min(spreads) / spread) for slug, value in part.items()}
            for slug in product:
                product[slug] *= (tempered[slug] / sum(tempered.values())) ** weight
        total = sum(product.values())
        for line in self.json("search", self.db, "--text", "a", "--weight", "2", "--text", "b", "--weight", "-0.5"):
            self.assertAlmostEqual(line["probability"], product[line["slug"]] / total, delta=1e-9)
            self.assertEqual([part["weight"] for part in line["parts"]], [2, -0.5])

    def test_parts_that_no_model_makes_together_are_a_conflict_and_the_best_of_each_lead(self):
        blue = self.dir / "blue.png"
        blue.write_bytes(speckled(self.COLOURS["blues"], 78))
        query = ("search", self.db, "--image", self.red, "--image", blue)
        found = self.run_program(*query, "--json")
        lines = [json.loads(line) for line in found.stdout.splitlines()]
        self.assertEqual({r["slug"] for r in lines[:2]}, {"reds", "blues"})
        self.assertEqual([r["conflict"] for r in lines], [True] * 3)
        self.assertIn("no model makes all of this", found.stderr.decode())
        self.assertFalse(self.json("search", self.db, "--image", self.red, "--image", self.red)[0]["conflict"])

    def test_a_feature_that_was_encoded_before_is_the_picture(self):
        feature = self.dir / "feature.json"
        feature.write_text(self.ok("encode", "--encoder", TINY, "--image", self.red, "--json"))
        direct = self.json("search", self.db, "--image", self.red)
        for a, b in zip(direct, self.json("search", self.db, "--feature", feature)):
            self.assertEqual((a["slug"], b["parts"][0]["kind"]), (b["slug"], "image"))
            self.assertAlmostEqual(a["score"], b["score"], delta=1e-3)
        for text, says in (
            ("{}", "encode --json"),
            ('{"kind":"image","feature":[1,2]}', "2 numbers"),
            ('{"kind":"sound","feature":[1]}', "sound"),
            ('{"kind":"model","feature":[1]}', "--model"),
            (feature.read_text() * 2, "one line"),
            (feature.read_text().replace("[", "[1e9,", 1).replace(",", "", 0), "numbers"),
        ):
            with self.subTest(says):
                feature.write_text(text)
                self.refused("search", self.db, "--feature", feature, says=[feature, says])

    def test_a_model_finds_its_neighbours_and_not_itself(self):
        found = self.json("search", self.db, "--model", "reds")
        similar = self.json("similar", self.db, "reds")
        self.assertEqual([r["slug"] for r in found], [r["slug"] for r in similar])
        for a, b in zip(found, similar):
            self.assertAlmostEqual(-a["score"], b["distance"], delta=1e-9)
        self.refused("search", self.db, "--model", "nobody", says=["nobody"])
        mixed = self.json("search", self.db, "--model", "reds", "--image", self.red, "--limit", 1)
        self.assertEqual([p["kind"] for p in mixed[0]["parts"]], ["model", "image"])

    def test_low_rank_forms_without_a_rest_give_the_exact_distance(self):
        exact = self.json("search", self.db, "--model", "reds")
        found = self.json("search", self.db, "--model", "reds", "--method", "frechet-lowrank")
        self.assertEqual([r["slug"] for r in found], [r["slug"] for r in exact])
        for a, b in zip(found, exact):  # 14 samples: the covariances have a rank of 13
            self.assertAlmostEqual(a["score"], b["score"], delta=1e-4)
        self.refused("search", self.db, "--text", "a", "--method", "frechet-lowrank", says=["compares models", "text"])

    def test_filters_narrow_and_change_no_score(self):
        every = {r["slug"]: r["score"] for r in self.json("search", self.db, "--image", self.red)}
        for filters, slugs in (
            (("--title", "red"), {"reds"}),
            (("--title", "red", "--title", "blue"), {"reds", "blues"}),
            (("--type", "other"), {"reds", "blues", "greens"}),
            (("--text", "title:greens"), {"greens"}),
            (("--text", "-reds"), {"blues", "greens"}),
        ):
            with self.subTest(filters):
                found = self.json("search", self.db, "--image", self.red, *filters)
                self.assertEqual({r["slug"] for r in found}, slugs)
                self.assertEqual({r["of"] for r in found}, {len(slugs)})
                for r in found:
                    self.assertEqual(r["score"], every[r["slug"]])
        nothing = self.run_program("search", self.db, "--image", self.red, "--type", "GAN")
        self.assertEqual((nothing.returncode, nothing.stdout), (1, b""))
        self.assertIn("no model passes the filters", nothing.stderr.decode())
        self.refused("search", self.db, "--text", "type:GAN", says=["to rank by"])

    def test_filters_look_into_lists_of_the_model_json(self):
        known = {"tags": ["cat", "black and white"], "authors": ["Jane Doe"], "license": "MIT", "resolution": [64, 48]}
        tagged = self.folder_model("tagged", (90, 90, 90), **known)
        self.index(tagged, keep_features=10)
        said = ("tag:cat", 'tag:"black and white"', "author:doe", "license:mit", "resolution:64x48", "tag:dog tag:cat")
        for words in said:
            with self.subTest(words):
                found = self.json("search", self.db, "--text", f"x {words}")
                self.assertEqual([r["slug"] for r in found], ["tagged"])

    def test_candidates_are_the_leading_ones_by_first_moment(self):
        lead = self.json("search", self.db, "--image", self.red, "--method", "first-moment")[0]["slug"]
        (only,) = self.json("search", self.db, "--image", self.red, "--candidates", 1)
        self.assertEqual((only["slug"], only["of"], only["probability"]), (lead, 1, 1))

    def test_a_database_that_was_not_prepared_gives_the_same(self):
        queries = [("--method", m) for m in ("gaussian-density", "gaussian-lowrank", "first-second-moment")]
        before = [self.json("search", self.db, "--image", self.red, *q) for q in queries]
        with sqlite3.connect(self.db) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM factor JOIN lowrank USING (run_id)").fetchone(), (3,))
            db.execute("DELETE FROM factor")
            db.execute("DELETE FROM lowrank")
        self.assertEqual([self.json("search", self.db, "--image", self.red, *q) for q in queries], before)
        with sqlite3.connect(self.db) as db:
            self.assertEqual(db.execute("SELECT count(*) FROM factor JOIN lowrank USING (run_id)").fetchone(), (3,))

    def test_every_method_finds_the_red_ones(self):
        for method in ("gaussian-density", "gaussian-lowrank", "monte-carlo", "first-second-moment"):
            with self.subTest(method):
                best = self.json("search", self.db, "--image", self.red, "--method", method, "--limit", 1)
                self.assertEqual([r["slug"] for r in best], ["reds"])

    def test_monte_carlo_needs_kept_features(self):
        bare = str(self.dir / "bare.db")
        self.ok("index", bare, self.dir / "reds" / "model.json", "--encoder", TINY, "--samples", 20, "--quiet")
        self.refused("search", bare, "--text", "x", "--method", "monte-carlo", says=["reds", "--keep-features"])

    def test_tables_are_for_people(self):
        table = self.ok("search", self.db, "--image", self.red).splitlines()
        self.assertEqual(table[0].split(), ["rank", "score", "probability", "slug", "type", "title"])
        self.assertIn("reds", table[1])
        self.assertIn("greens", self.ok("show", self.db))
        self.assertIn('"sampler"', self.ok("show", self.db, "reds"))
        self.assertIn("greens", self.ok("similar", self.db, "reds"))

    def test_similar_leaves_the_model_itself_out(self):
        lines = self.json("similar", self.db, "reds")
        self.assertEqual({line["slug"] for line in lines}, {"blues", "greens"})
        self.assertEqual(set(lines[0]), {"rank", "slug", "title", "distance"})
        self.assertLessEqual(lines[0]["distance"], lines[1]["distance"])

    def test_a_removed_model_is_gone(self):
        self.ok("remove", self.db, "reds")
        self.assertEqual({m["slug"] for m in self.json("show", self.db)}, {"blues", "greens"})
        self.assertEqual([m["slug"] for m in self.json("similar", self.db, "blues")], ["greens"])
        self.refused("remove", self.db, "reds", says=["reds"])
        self.assertEqual(self.ok("verify", self.db), "")

    def test_unknown_slugs_are_named(self):
        for command in (
            ("similar", self.db, "mauves"),
            ("show", self.db, "mauves"),
            ("frechet", self.db, "reds", "mauves"),
        ):
            with self.subTest(command[0]):
                self.refused(*command, says=["mauves"])
        self.refused("stats", self.db, "mauves", "--out", self.dir / "x.npz", says=["mauves"])
        self.assertFalse((self.dir / "x.npz").exists())

    def test_verify_reports_damage_and_exits_with_2(self):
        with sqlite3.connect(self.db) as db:
            db.execute(
                "UPDATE moments SET mean = zeroblob(length(mean)) WHERE run_id = (SELECT min(run_id) FROM moments)"
            )
        done = self.run_program("verify", self.db)
        self.assertEqual(done.returncode, 2)
        self.assertIn("|mean|^2", done.stdout.decode())
        self.assertIn("1 fault", done.stderr.decode())

    def test_verify_looks_at_the_fingerprint(self):
        with sqlite3.connect(self.db) as db:
            db.execute("UPDATE encoder SET fingerprint = 'z' || substr(fingerprint, 2)")
        done = self.run_program("verify", self.db)
        self.assertEqual(done.returncode, 2)
        self.assertIn("the fingerprint of the encoder is no SHA-256: z", done.stdout.decode())

    def test_a_truncated_database_is_an_error(self):
        data = Path(self.db).read_bytes()
        with open(self.db, "wb") as file:
            file.write(data[: len(data) // 2 - 100])
        self.refused("search", self.db, "--text", "x", says=[self.db])

    def test_an_encoder_that_moved_is_asked_for(self):
        moved, gone = self.dir / "moved", self.dir / "gone"
        shutil.copytree(TINY, gone)
        other = str(self.dir / "other.db")
        self.ok("index", other, self.dir / "reds" / "model.json", "--encoder", gone, "--samples", 20, "--quiet")
        gone.rename(moved)
        self.refused("search", other, "--text", "x", says=["--encoder", gone])
        self.ok("search", other, "--text", "x", "--encoder", moved)

    def test_what_is_wrong_with_the_encoder_is_said(self):
        damaged = self.dir / "damaged"
        shutil.copytree(TINY, damaged)
        other = str(self.dir / "other.db")
        self.ok("index", other, self.dir / "reds" / "model.json", "--encoder", damaged, "--samples", 20, "--quiet")
        (damaged / "config.json").write_text("{")
        self.refused("search", other, "--text", "x", says=[damaged / "config.json", "not JSON"])


def cosine(a, b):
    dot = lambda x, y: sum(p * q for p, q in zip(x, y))  # noqa: E731
    return dot(a, b) / math.sqrt(dot(a, a) * dot(b, b))


class Background(Case):
    """What the models score for words and pictures that ask for nothing in particular, and the cut-offs that follow."""

    COLOURS = [
        (200, 20, 20),
        (20, 180, 20),
        (20, 20, 200),
        (200, 200, 20),
        (20, 200, 200),
        (200, 20, 200),
        (90, 90, 90),
        (250, 250, 250),
    ]

    def setUp(self):
        super().setUp()
        slugs = [f"m{i}" for i in range(len(self.COLOURS))]
        tags = ["red", "green", "blue", "yellow", "cyan", "pink", "grey", "white"]
        models = zip(slugs, self.COLOURS, tags)
        self.index(*(self.folder_model(slug, colour, count=6, tags=["colour", tag]) for slug, colour, tag in models))

    def select(self, sql):
        with sqlite3.connect(self.db) as db:
            return db.execute(sql).fetchall()

    def zoo(self):
        """slug -> mean, in the order of slugs."""
        rows = self.select(
            "SELECT slug, mean FROM model JOIN run ON model_id = model.id JOIN moments ON run_id = run.id ORDER BY slug"
        )
        return {slug: struct.unpack(f"<{len(mean) // 4}f", mean) for slug, mean in rows}

    def test_means_and_cut_off_of_words_are_those_computed_here(self):
        zoo = self.zoo()
        blobs = dict(self.select("SELECT kind, features FROM background_words"))
        dim = len(next(iter(zoo.values())))

        def scores_of(kind):
            halves = struct.unpack(f"<{len(blobs[kind]) // 2}e", blobs[kind])
            words = [halves[i : i + dim] for i in range(0, len(halves), dim)]
            self.assertGreater(len(words), 1)
            return [
                [cosine(word, mean) * math.sqrt(sum(x * x for x in word)) for mean in zoo.values()] for word in words
            ]

        scores = scores_of("vocabulary")
        slug_of = "(SELECT slug FROM run JOIN model ON model.id = model_id WHERE run.id = run_id)"
        expected = [statistics.fmean(column) for column in zip(*scores)]
        found = [m for (m,) in self.select(f"SELECT mean FROM background_mean WHERE kind = 'text' ORDER BY {slug_of}")]
        for a, b in zip(found, expected, strict=True):
            self.assertAlmostEqual(a, b, delta=1e-5)

        def quantile_of_leads(scores, q):
            centred = [[s - m for s, m in zip(row, expected)] for row in scores]
            leads = sorted(max(row) - statistics.median(row) for row in centred)
            at = q * (len(leads) - 1)
            return leads[int(at)] + (at - int(at)) * (leads[min(int(at) + 1, len(leads) - 1)] - leads[int(at)])

        cutoff = min(quantile_of_leads(scores, 0.8), quantile_of_leads(scores_of("tags"), 0.05))
        self.assertAlmostEqual(
            self.select("SELECT cutoff FROM background WHERE kind = 'text'")[0][0], cutoff, delta=1e-5
        )

    def test_pictures_have_a_background_of_their_own(self):
        ((models, lead, *densities),) = self.select(
            "SELECT models, cutoff, density_cutoff, lowrank_cutoff FROM background WHERE kind = 'image'"
        )
        self.assertEqual(models, len(self.COLOURS))
        self.assertTrue(-2 < lead < 2)
        self.assertTrue(all(math.isfinite(density) for density in densities))

    def test_a_picture_is_compared_with_the_cut_off_of_its_method(self):
        picture = self.dir / "m0" / "pictures" / "0001.png"
        for method, column in (
            ("gaussian-density", "density_cutoff"),
            ("gaussian-lowrank", "lowrank_cutoff"),
            ("first-moment", "cutoff"),
        ):
            search = ("search", self.db, "--image", picture, "--method", method)
            best = self.json(*search)[0]["score"]
            for cutoff, status in ((best + 1e-3, 1), (best - 1e-3, 0)):
                if column == "cutoff":  # of leads, which are not shown
                    cutoff = 3 if status else -3
                with self.subTest(method, status=status), sqlite3.connect(self.db) as db:
                    db.execute(f"UPDATE background SET {column} = ? WHERE kind = 'image'", (cutoff,))
                    db.commit()
                    self.assertEqual(self.run_program(*search).returncode, status)
        self.ok("search", self.db, "--sketch", picture)

    def test_below_the_cut_off_no_model_makes_it(self):
        with sqlite3.connect(self.db) as db:
            db.execute("UPDATE background SET cutoff = 3 WHERE kind = 'text'")
        words = ("search", self.db, "--text", "a red car")
        self.refused(*words, status=1, says=["no model makes what is asked for", "--closest"])
        self.assertEqual(self.run_program(*words).stdout, b"")
        self.assertEqual(len(self.json(*words, "--closest")), len(self.COLOURS))
        picture = self.dir / "m0" / "pictures" / "0001.png"
        with sqlite3.connect(self.db) as db:
            db.execute(
                "UPDATE background SET cutoff = -3, density_cutoff = -1e9, lowrank_cutoff = -1e9 WHERE kind = 'image'"
            )
        done = self.run_program(*words, "--image", picture, "--json")
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"no model here makes a red car", done.stderr)
        self.assertEqual([part["matched"] for part in json.loads(done.stdout.splitlines()[0])["parts"]], [False, True])

    def test_a_cut_off_of_another_zoo_refuses_nothing_and_that_is_said(self):
        with sqlite3.connect(self.db) as db:
            db.execute("PRAGMA foreign_keys = ON")
            db.execute("UPDATE background SET cutoff = 3, density_cutoff = 1e9, lowrank_cutoff = 1e9")
            db.execute("DELETE FROM model WHERE slug = 'm3'")
        done = self.run_program("search", self.db, "--text", "a red car")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"until the next `index`", done.stderr)

    def test_a_removal_makes_it_anew_and_few_models_have_no_cut_off(self):
        words = self.select("SELECT kind, features FROM background_words")
        self.ok("remove", self.db, "m3")
        self.assertEqual(
            self.select("SELECT kind, models, cutoff, density_cutoff, lowrank_cutoff FROM background ORDER BY kind"),
            [("image", 7, None, None, None), ("text", 7, None, None, None)],
        )
        self.assertEqual(self.select("SELECT count(*) FROM background_mean"), [(14,)])
        self.assertEqual(self.select("SELECT kind, features FROM background_words"), words)

    def test_without_it_words_rank_by_the_first_moment_and_nothing_is_refused(self):
        self.select("DELETE FROM background_mean")
        plain = self.json("search", self.db, "--text", "a red car", "--method", "first-moment")
        default = self.json("search", self.db, "--text", "a red car")
        self.assertEqual([r["score"] for r in plain], [r["score"] for r in default])


class OtherTokenizers(Case):
    """The words of a background are those of the encoder's own tokenizer, of whatever kind."""

    def test_models_are_indexed_and_searched(self):
        for name in ("siglip", "siglip2", "siglip2_gemma"):
            with self.subTest(name):
                self.db = str(self.dir / f"{name}.db")
                model = self.folder_model(f"{name.replace('_', '-')}", (200, 30, 30))
                self.index(model, encoder=GOLDEN / "siglip_tiny" / name)
                (found,) = self.json("search", self.db, "--text", "a red car")
                self.assertEqual(found["parts"][0]["matched"], True)


class Encode(Case):
    def test_features_are_of_length_one_and_in_order(self):
        picture = GOLDEN / "images" / "rgb.png"
        lines = self.json("encode", "--encoder", TINY, "--text", "b", "--image", picture, "--text", "a", "--tokens")
        self.assertEqual([line["kind"] for line in lines], ["text", "image", "text"])
        self.assertEqual([line["input"] for line in lines], ["b", str(picture), "a"])
        self.assertEqual(["tokens" in line for line in lines], [True, False, True])
        for line in lines:
            self.assertAlmostEqual(sum(x * x for x in line["feature"]), 1, delta=1e-5)

    def test_empty_words_are_refused(self):
        for text in ("", "  \t"):
            with self.subTest(text):
                self.refused("encode", "--encoder", TINY, "--text", text, says=["--text is empty"])

    def test_a_gpu_that_refuses_is_named_and_the_processor_takes_over(self):
        full = {"GENSEARCH_CUDA": os.environ["FAKE_CUDA"], "FAKE_CUDA_FULL": "1"}
        arguments = ("encode", "--encoder", TINY, "--text", "a red car")
        done = self.run_program(*arguments, "--device", "auto", "--precision", "auto", env=full)
        self.assertEqual(done.returncode, 0)
        self.assertIn("the GPU is not used: cuda: the fake device is full", done.stderr.decode())
        self.assertTrue(done.stdout)
        self.refused(*arguments, "--device", "cuda", env=full, says=["cuda: the fake device is full"])

    def test_without_json_the_bare_numbers(self):
        (line,) = self.json("encode", "--encoder", TINY, "--text", "a")
        bare = [float(x) for x in self.ok("encode", "--encoder", TINY, "--text", "a").split()]
        self.assertEqual(bare, line["feature"])

    def test_odd_text_is_text(self):
        for text in ("é" * 300, '🐈 \\ " \n', "</script>"):
            with self.subTest(text):
                (line,) = self.json("encode", "--encoder", TINY, "--text", text)
                self.assertEqual(line["input"], text)

    def test_merges_that_were_cut_short_are_noticed(self):
        encoder = self.dir / "cut"
        shutil.copytree(GOLDEN.parents[1] / "data/encoder", encoder)
        merges = (encoder / "merges.txt").read_text().splitlines(keepends=True)
        (encoder / "merges.txt").write_text("".join(merges[:3001]))
        says = ["merges.txt: 3000 merges, but the vocabulary has 4514 tokens"]
        self.refused("encode", "--encoder", encoder, "--text", "cat", says=says)

    def test_text_that_is_not_utf8_is_refused(self):
        self.refused("encode", "--encoder", TINY, "--text", os.fsdecode(b"caf\xe9"), says=["--text", "UTF-8"])

    def test_a_picture_may_be_called_anything(self):
        name = os.fsdecode(b"caf\xe9.png")
        shutil.copy(GOLDEN / "images" / "rgb.png", self.dir / name)
        (line,) = self.json("encode", "--encoder", TINY, "--image", name)
        self.assertEqual(line["input"], "caf\ufffd.png")

    def test_bad_pictures_are_named(self):
        (self.dir / "empty.png").write_bytes(b"")
        (self.dir / "text.jpg").write_text("no picture")
        for name in ("missing.png", "empty.png", "text.jpg", "."):
            with self.subTest(name):
                self.refused("encode", "--encoder", TINY, "--image", name, says=[name])


class PicturesOnly(Case):
    """An encoder without a text tower."""

    def test_pictures_are_found_and_words_are_refused(self):
        self.index(self.folder_model("reds", (200, 20, 20)), self.folder_model("blues", (20, 20, 200)), encoder=VISION)
        red = self.dir / "red.png"
        red.write_bytes(speckled((195, 25, 25), 77))
        self.assertEqual(self.json("search", self.db, "--image", red)[0]["slug"], "reds")
        self.assertEqual(self.json("search", self.db, "--image", red, "--method", "first-moment")[0]["slug"], "reds")
        reason = "dino_f32 (vit) encodes pictures only: it has no text tower"
        self.refused("search", self.db, "--text", "red", says=[reason])
        self.refused("search", self.db, "--image", self.dir / "missing.png", "--text", "red", says=[reason])
        self.refused("encode", "--encoder", VISION, "--text", "red", "--tokens", "--json", says=[reason])


class Nothing(Case):
    def test_an_empty_database_has_no_result(self):
        self.index(self.folder_model("reds", (200, 30, 30)))
        self.assertEqual(self.run_program("similar", self.db, "reds").returncode, 1)
        self.ok("remove", self.db, "reds")
        for command in (
            ("search", self.db, "--text", "x"),
            ("search", self.db, "--text", "x", "--json"),
            ("show", self.db),
        ):
            with self.subTest(command):
                done = self.run_program(*command)
                self.assertEqual((done.returncode, done.stdout), (1, b""))

    def test_a_missing_database_is_named(self):
        for command in (
            ("search", "no.db", "--text", "x"),
            ("similar", "no.db", "a"),
            ("show", "no.db"),
            ("frechet", "no.db", "a", "b"),
            ("remove", "no.db", "a"),
            ("stats", "no.db", "a", "--out", "x.npz"),
            ("publish", "no.db", "site"),
            ("verify", "no.db"),
        ):
            with self.subTest(command[0]):
                self.refused(*command, says=["no.db"])
                self.assertFalse((self.dir / "no.db").exists())


class Usage(Case):
    COMMANDS = (
        "index",
        "search",
        "similar",
        "show",
        "frechet",
        "remove",
        "encode",
        "stats",
        "publish",
        "verify",
        "serve",
    )

    def test_help_names_every_command_and_each_has_examples(self):
        overview = self.ok("--help")
        for command in self.COMMANDS:
            with self.subTest(command):
                self.assertIn(f"  {command} ", overview)
                text = self.ok(command, "--help")
                self.assertIn(f"usage: gensearch {command}", text)
                self.assertIn(f"examples:\n  gensearch {command}", text)

    def test_version(self):
        self.assertRegex(self.ok("--version"), r"^gensearch \d+\.\d+\.\d+\n$")

    def test_what_cannot_be_printed_is_an_error(self):
        for arguments in (("--help",), ("--version",), ("search", "--help")):
            with self.subTest(arguments), open("/dev/full", "w") as full:
                done = self.run_program(*arguments, stdout=full)
                self.assertEqual(done.returncode, 2)
                self.assertIn(b"standard output: No space left", done.stderr)

    def test_mistakes_are_one_line(self):
        for arguments, says in (
            ((), "command"),
            (("fly",), "fly"),
            (("search",), "DB"),
            (("search", "a.db"), "--text"),
            (("search", "a.db", "--weight", "2"), "none before it"),
            (("search", "a.db", "--text", "x", "--weight", "0"), "other than 0"),
            (("search", "a.db", "--frobnicate"), "--frobnicate"),
            (("search", "a.db", "--text"), "--text"),
            (("search", "a.db", "--text", "x", "--json=1"), "'--json=1': --json takes no value"),
            (("search", "a.db", "--help=1"), "'--help=1': --help takes no value"),
            (("search", "a.db", "--text", "x", "--encoder", ""), "--encoder is empty"),
            (("search", "a.db", "-text", "x"), "unknown option '-text', did you mean '--text'?"),
            (("search", "-x", "a.db"), "unknown option '-x'"),
            (("search", "a.db", "-json", "-x"), "unknown option '-json', did you mean '--json'?"),
            (("search", "a.db", "b.db", "--text", "x"), "b.db"),
            (("search", "a.db", "--text", "x", "--limit", "0"), "--limit"),
            (("search", "a.db", "--text", "x", "--method", "magic"), "first-moment"),
            (("stats", "a.db", "a"), "--out"),
            (("encode",), "--text"),
            (("frechet", "a.db", "a"), "SLUG"),
        ):
            with self.subTest(arguments):
                self.refused(*arguments, says=[says])


class Encoders(Case):
    """Encoders as folders hold them: what is assumed is said, and what cannot be done is refused."""

    def copy(self, encoder, name):
        shutil.copytree(encoder, self.dir / name)
        return self.dir / name

    def test_what_sentence_transformers_does_behind_clip_must_change_nothing(self):
        folder = self.dir / "st"
        self.copy(TINY, "st/0_CLIPModel")
        modules = [{"type": f"sentence_transformers.models.{name}"} for name in ("CLIPModel", "Normalize")]
        (folder / "modules.json").write_text(json.dumps(modules))
        plain = self.json("encode", "--text", "a", "--encoder", TINY)
        self.assertEqual(self.json("encode", "--text", "a", "--encoder", folder)[0]["feature"], plain[0]["feature"])
        modules.append({"type": "sentence_transformers.models.Dense"})
        (folder / "modules.json").write_text(json.dumps(modules))
        self.refused("encode", "--text", "a", "--encoder", folder, says=["modules.json: has the module", "Dense"])

    def test_encode_says_what_was_assumed(self):
        folder = self.copy(TINY, "bare")
        (folder / "preprocessor_config.json").unlink()
        done = self.run_program("encode", "--text", "a", "--encoder", folder)
        self.assertEqual(done.returncode, 0)
        self.assertIn("no preprocessor_config.json: pictures are prepared as CLIP's are", done.stderr.decode())

    def test_a_name_cannot_command_the_terminal(self):
        message = self.refused("encode", "--image", "red\x1b[31m.png", "--encoder", TINY, says=["red?[31m.png"])
        self.assertNotIn("\x1b", message)


if __name__ == "__main__":
    unittest.main()
