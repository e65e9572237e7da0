"""search over a published folder: what the database answers, from the files alone; what is damaged is refused."""

import hashlib
import json
import unittest

from harness import OTHER, TINY, Case, speckled


class SearchPublished(Case):
    COLOURS = {"reds": (200, 30, 30), "oranges": (220, 120, 20), "blues": (30, 30, 200), "greens": (20, 180, 20)}

    def setUp(self):
        super().setUp()
        self.share, self.out = self.make_share(), self.dir / "site"
        models = [
            self.folder_model(
                slug, colour, count=12, tags=["warm" if colour[0] > 99 else "cold"], authors=[f"By {slug}", "Ada"]
            )
            for slug, colour in self.COLOURS.items()
        ]
        self.index(*models, keep_features=8)
        self.query = self.dir / "query.png"
        self.query.write_bytes(speckled((195, 25, 25), 77))
        self.ok("publish", self.db, self.out, "--means", "f32", "--gaussian", "--features", 8, env=self.environment())

    def search(self, place, *words):
        return self.json("search", place, "--closest", *(("--encoder", TINY) if place is self.out else ()), *words)

    def compare(self, *words, tolerance=2e-3):
        found, expected = self.search(self.out, *words), self.search(self.db, *words)
        self.assertEqual([r["slug"] for r in found], [r["slug"] for r in expected], words)
        for a, b in zip(found, expected):
            self.assertEqual(
                (a["title"], a["type"], a["of"], a["conflict"]), (b["title"], b["type"], b["of"], b["conflict"])
            )
            for part, other in zip(a["parts"], b["parts"]):
                self.assertAlmostEqual(part["score"], other["score"], delta=tolerance * max(1, abs(other["score"])))
                self.assertEqual(part["matched"], other["matched"])

    def test_every_method_answers_as_over_the_database(self):
        for method in (
            "first-moment",
            "centred-moment",
            "first-second-moment",
            "gaussian-density",
            "gaussian-lowrank",
            "monte-carlo",
        ):
            for query in (("--text", "a red car"), ("--image", self.query), ("--model", "reds")):
                with self.subTest(method=method, query=query):
                    self.compare(*query, "--method", method)
        self.compare("--model", "reds", "--method", "frechet-lowrank")
        self.compare("--text", "warm", "--text", "red", "--weight", "-0.5", "--method", "gaussian-density")

    def test_eval_judges_as_over_the_database_what_search_finds_in_the_folder(self):
        queries = self.dir / "q.jsonl"
        parts = [
            ("words", {"kind": "text", "text": "a red car"}),
            ("picture", {"kind": "image", "file": "query.png"}),
            ("like", {"kind": "model", "model": "reds"}),
        ]
        lines = [
            {"class": name, "parts": [part], "expect": {"models": ["oranges"], "tags": ["warm"]}}
            for name, part in parts
        ]
        queries.write_text("".join(json.dumps(line) + "\n" for line in lines))
        rankings = self.dir / "rankings.jsonl"

        def rows(place, *options):
            found = self.json("eval", place, queries, "--quiet", *options)
            return {
                (r["class"], r["method"]): {k: r.get(k) for k in ("queries", "top1", "map", "refused")} for r in found
            }

        published = rows(self.out, "--encoder", TINY, "--rankings", rankings)
        database = rows(self.db)
        left_out = {"frechet", "titles", "default"}
        self.assertEqual(
            {key: row for key, row in published.items() if key[1] != "default"},
            {key: row for key, row in database.items() if key[1] not in left_out},
        )
        for line in map(json.loads, rankings.read_text().splitlines()):
            if line["method"] == "default":
                part = parts[line["line"] - 1][1]
                value = part.get("text") or part.get("model") or self.query
                found = self.search(self.out, f"--{part['kind']}", value)
                self.assertEqual([r["slug"] for r in found], line["models"])
        done = self.run_program("eval", self.out, queries, "--encoder", TINY)
        self.assertIn(b"left out: titles", done.stderr)
        self.assertIn(b"left out: frechet", done.stderr)

    def test_filters_are_those_of_the_database(self):
        for words in ("tag:warm", "-oranges", 'author:"by blues"', "type:other", "title:re author:ada"):
            with self.subTest(words):
                self.compare("--text", f"colour {words}", "--method", "first-moment")
        done = self.run_program("search", self.out, "--encoder", TINY, "--text", "x type:GAN")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no model passes the filters", done.stderr.decode())

    def test_without_a_method_the_low_rank_forms_rank_the_leading_candidates(self):
        found = self.search(self.out, "--image", self.query)
        expected = self.search(self.out, "--image", self.query, "--method", "gaussian-lowrank", "--candidates", 0)
        self.assertEqual([(r["slug"], r["score"]) for r in found], [(r["slug"], r["score"]) for r in expected])
        models = self.search(self.out, "--model", "reds")
        self.assertEqual(models, self.search(self.out, "--model", "reds", "--method", "frechet-lowrank"))
        self.assertEqual(len(models), 3)
        self.assertEqual([r["of"] for r in self.search(self.out, "--image", self.query, "--candidates", 2)], [2, 2])

    def test_what_a_folder_does_not_hold_is_said(self):
        self.ok("publish", self.db, self.out, env=self.environment())
        for method, says in (("gaussian-density", "--gaussian"), ("monte-carlo", "--features N")):
            self.refused(
                "search", self.out, "--encoder", TINY, "--text", "a", "--method", method, says=["model '", says]
            )
        self.refused("search", self.out, "--model", "reds", "--method", "frechet", says=["covariances"])
        self.refused("search", self.out, "--model", "nobody", says=["no model 'nobody'"])
        self.refused("search", self.out, "--text", "a", says=[self.out, "--encoder"])
        self.refused("search", self.out, "--text", "a", "--encoder", OTHER, says=[OTHER])

    def test_a_filter_on_a_field_that_was_not_published_is_refused(self):
        manifest = json.loads((self.out / "manifest.json").read_text())
        role = manifest["roles"]["catalog"]
        catalog = json.loads((self.out / role["path"]).read_text())
        for field in ("authors", "license"):
            del catalog[field]
        content = json.dumps(catalog).encode()
        role["path"] = f"catalog-{hashlib.sha256(content).hexdigest()[:16]}.json"
        (self.out / role["path"]).write_bytes(content)
        (self.out / "manifest.json").write_text(json.dumps(manifest))
        query = ("search", self.out, "--encoder", TINY, "--method", "first-moment", "--text")
        for words, missing in (("x author:ada", "authors"), ("x -license:mit", "license"), ("x -ada", "authors")):
            with self.subTest(words):
                self.refused(*query, words, says=[f"published without {missing}: publish it again"])
        self.assertEqual(len(self.search(self.out, "--text", "x tag:warm", "--method", "first-moment")), 2)

    def test_damage_is_refused(self):
        (second,) = (self.out / "second").glob("reds-*")
        content = second.read_bytes()
        second.write_bytes(content[:-2] + b"xx")
        query = ("search", self.out, "--encoder", TINY, "--text", "a", "--method", "gaussian-lowrank")
        self.refused(*query, says=["model 'reds'", second, "SHA-256"])
        second.unlink()
        self.refused(*query, says=["model 'reds'", second])
        second.write_bytes(content)
        manifest = json.loads((self.out / "manifest.json").read_text())
        catalog = manifest["roles"]["catalog"]["path"]
        for change, says in (
            ({"version": 9}, "version 9"),
            ({"format": "other"}, "format"),
            ({"count": 3}, "slug"),
            ({"encoder": {**manifest["encoder"], "tau": 0}}, "encoder.tau"),
            ({"encoder": {**manifest["encoder"], "dim": 5}}, "dimension"),
            ({"encoder": {**manifest["encoder"], "fingerprint": "0" * 64}}, "another encoder"),
            ({"roles": {}}, "roles.means"),
            ({"roles": {**manifest["roles"], "catalog": manifest["roles"]["means"]}}, "JSON"),
        ):
            with self.subTest(change=change):
                (self.out / "manifest.json").write_text(json.dumps({**manifest, **change}))
                self.refused("search", self.out, "--model", "reds", says=[says])
        (self.out / "manifest.json").write_text(json.dumps(manifest))
        (self.out / catalog).write_text("{}")
        self.refused("search", self.out, "--model", "reds", says=[catalog, "SHA-256"])
        self.refused("search", self.dir, "--model", "reds", says=["manifest.json"])


if __name__ == "__main__":
    unittest.main()
