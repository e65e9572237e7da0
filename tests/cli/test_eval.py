"""eval: its figures are those of what search prints, its files are what they say, its mistakes are named by line."""

import json
import sqlite3
import unittest
import xml.etree.ElementTree as ET

from harness import TINY, VISION, Case, speckled

COLOURS = {"blues": (20, 20, 200), "greens": (20, 180, 20), "reds": (200, 20, 20)}
TAGS = {"blues": ["cold"], "greens": ["cold", "leaf"], "reds": ["warm"]}
DIM = 20  # of TINY


def picture(name, **more):
    return {"kind": "image", "file": name, **more}


class Eval(Case):
    def setUp(self):
        super().setUp()
        models = [
            self.folder_model(slug, colour, tags=TAGS[slug], description=f"Pictures in {slug}")
            for slug, colour in COLOURS.items()
        ]
        self.index(*models, keep_features=10)
        self.set = self.dir / "set" / "q.jsonl"
        self.set.parent.mkdir()
        for slug, colour in COLOURS.items():
            (self.set.parent / f"{slug}.png").write_bytes(speckled(colour, 99))
        self.queries = [
            {"class": "right", "parts": [picture(f"{s}.png")], "expect": {"models": [s], "tags": TAGS[s][:1]}}
            for s in COLOURS
        ]
        self.queries += [
            {"class": "wrong", "parts": [picture("reds.png")], "expect": {"models": ["blues"]}},
            {"class": "words", "parts": [{"kind": "text", "text": "a leaf"}], "expect": {"tags": ["cold"]}},
            {
                "class": "mixed",
                "parts": [picture("reds.png"), picture("blues.png", weight=0.5)],
                "expect": {"each": [["reds"], ["blues", "greens"]]},
            },
            {"class": "like", "parts": [{"kind": "model", "model": "reds"}], "expect": {"models": ["greens"]}},
            {"class": "unmade", "parts": [{"kind": "text", "text": "a teapot"}], "expect": {"nothing": True}},
        ]

    def write(self, queries=None):
        self.set.write_text("".join(json.dumps(q) + "\n" for q in queries or self.queries))

    def rows(self, *args):
        return {(r["class"], r["method"]): r for r in self.json("eval", self.db, self.set, "--quiet", *args)}

    def search(self, query, method):
        """The slugs that `search` prints for a query of the set."""
        options = [] if method == "default" else ["--method", method]
        for part in query["parts"]:
            value = part.get("text") or part.get("model") or self.set.parent / part["file"]
            options += [f"--{part['kind']}", value, "--weight", part.get("weight", 1)]
        return [line["slug"] for line in self.json("search", self.db, *options)]

    def test_rankings_are_those_of_search_and_figures_those_of_the_rankings(self):
        self.write()
        file = self.dir / "rankings.jsonl"
        methods = ["default", "first-moment", "gaussian-lowrank", "monte-carlo"]
        rows = self.rows("--rankings", file, *[a for m in methods for a in ("--method", m)])
        rankings = [json.loads(line) for line in file.read_text().splitlines()]
        found = {(r["line"], r["method"]): r["models"] for r in rankings}
        for line, query in enumerate(self.queries, 1):
            for method in methods if "unmade" != query["class"] else []:
                self.assertEqual(found[line, method], self.search(query, method), (line, method))
        for method in methods:
            order = found[4, method]  # one model is relevant: its precision is one over its rank
            self.assertAlmostEqual(rows["wrong", method]["map"]["mean"], 1 / (order.index("blues") + 1))
            self.assertEqual(rows["wrong", method]["top1"]["mean"], float(order[0] == "blues"))
            order = found[5, method]  # two of three models are relevant
            ranks = sorted(order.index(s) + 1 for s in ("blues", "greens"))
            self.assertAlmostEqual(rows["words", method]["map"]["mean"], (1 / ranks[0] + 2 / ranks[1]) / 2)
            self.assertEqual(rows["mixed", method]["each5"]["mean"], 1)
            self.assertNotIn("map", rows["unmade", method])
        self.assertEqual(rows["right", "default"]["queries"], 3)
        self.assertEqual(rows["right", "default"]["top1"]["mean"], 1)

    def test_a_querys_own_model_parts_are_not_expected_to_be_ranked(self):
        like = {"class": "like", "parts": [{"kind": "model", "model": "blues"}]}
        self.write([{**like, "expect": {"tags": ["leaf"]}}, {**like, "expect": {"tags": ["cold"]}}])
        file = self.dir / "rankings.jsonl"
        rows = self.rows("--method", "first-moment", "--rankings", file)
        order = json.loads(file.read_text().splitlines()[0])["models"]  # only greens are relevant: blues are the query
        self.assertAlmostEqual(rows["like", "first-moment"]["map"]["mean"], 1 / (order.index("greens") + 1))
        for expect in ({"models": ["blues"]}, {"models": ["greens"], "each": [["blues"]]}):
            self.write([{**like, "expect": expect}])
            self.refused("eval", self.db, self.set, says=[f"{self.set}:1: ", "its own parts"])

    def test_an_emptied_database_is_refused(self):
        for slug in COLOURS:
            self.ok("remove", self.db, slug)
        self.write(self.queries[-1:])
        self.refused("eval", self.db, self.set, "--quiet", says=["no model to rank"])

    def test_a_query_says_how_many_bytes_of_a_model_it_reads(self):
        self.write()
        rows = self.rows()
        mean, packed, rank = 4 * DIM, 4 * DIM * (DIM + 1) // 2, DIM - 1
        lowrank = 64 + 4 * (DIM + rank + rank * DIM)
        self.assertEqual(rows["words", "first-moment"]["bytes_per_model"], mean)
        self.assertEqual(rows["words", "titles"]["bytes_per_model"], mean)
        self.assertEqual(rows["words", "gaussian-density"]["bytes_per_model"], mean + packed)
        self.assertEqual(rows["words", "gaussian-lowrank"]["bytes_per_model"], mean + lowrank)
        self.assertEqual(rows["words", "monte-carlo"]["bytes_per_model"], mean + 10 * mean)
        self.assertGreater(rows["words", "monte-carlo"]["milliseconds"]["p95"], 0)

    def test_methods_rank_only_what_they_can(self):
        self.write()
        classes = {}
        for group, method in self.rows():
            classes.setdefault(method, set()).add(group)
        every = {"right", "wrong", "words", "mixed", "like", "unmade"}
        self.assertEqual(classes["default"], every)
        self.assertEqual(classes["plain-product"], {"mixed"})
        self.assertEqual(classes["frechet"], {"like"})
        self.assertEqual(classes["titles"], every - {"like"})
        self.write(self.queries[:3])
        self.assertNotIn("frechet", {method for _, method in self.rows()})
        self.refused("eval", self.db, self.set, "--quiet", "--method", "frechet", says=["frechet ranks no query"])

    def test_titles_are_title_and_description_through_the_text_tower(self):
        self.write()
        file = self.dir / "rankings.jsonl"
        self.rows("--rankings", file, "--method", "titles")
        texts = ["a leaf", *[f"{slug.title()}. Pictures in {slug}" for slug in COLOURS]]
        options = [a for t in texts for a in ("--text", t)]
        query, *titles = [line["feature"] for line in self.json("encode", "--encoder", TINY, *options)]
        cosines = [sum(a * b for a, b in zip(query, title)) for title in titles]
        expected = [slug for _, slug in sorted(zip(cosines, COLOURS), reverse=True)]
        (found,) = [json.loads(line)["models"] for line in file.read_text().splitlines() if '"line":5' in line]
        self.assertEqual(found, expected)

    def test_the_plain_product_adds_scores(self):
        self.write()
        file = self.dir / "rankings.jsonl"
        self.rows("--rankings", file, "--method", "plain-product")
        totals = dict.fromkeys(COLOURS, 0)
        for name, weight in (("reds", 1), ("blues", 0.5)):
            for line in self.json("search", self.db, "--image", self.set.parent / f"{name}.png"):
                totals[line["slug"]] += weight * line["score"]
        (found,) = [json.loads(line)["models"] for line in file.read_text().splitlines()]
        self.assertEqual(found, sorted(totals, key=lambda slug: -totals[slug]))

    def test_the_plot_is_xml_with_every_method_by_name(self):
        self.queries[0]["class"] = "a < b & c"
        self.write(self.queries[:4])
        plot = self.dir / "plot.svg"
        table = self.ok("eval", self.db, self.set, "--quiet", "--svg", plot)
        self.assertIn("Top-1", table.splitlines()[0])
        texts = [e.text for e in ET.parse(plot).iter("{http://www.w3.org/2000/svg}text")]
        for text in ("a < b & c: mAP", "first-moment", "gaussian-lowrank", "titles", "bytes a model"):
            self.assertIn(text, texts)
        self.write(self.queries[-1:])
        self.refused("eval", self.db, self.set, "--quiet", "--svg", plot, says=["nothing to plot"])

    def test_a_class_is_plotted_by_one_figure_and_without_the_methods_that_lack_it(self):
        like = {"kind": "model", "model": "reds"}
        self.write(  # of both classes, frechet ranks only the second query, which has no mAP
            [
                {"class": "each", "parts": [{"kind": "text", "text": "a leaf"}], "expect": {"tags": ["cold"]}},
                {"class": "each", "parts": [like], "expect": {"each": [["greens"]]}},
                {"class": "nothing", "parts": [{"kind": "text", "text": "a leaf"}], "expect": {"tags": ["cold"]}},
                {"class": "nothing", "parts": [like], "expect": {"nothing": True}},
            ]
        )
        plot = self.dir / "plot.svg"
        for methods in (["first-moment", "frechet"], ["frechet", "first-moment"]):
            options = [a for m in methods for a in ("--method", m)]
            self.ok("eval", self.db, self.set, "--quiet", "--svg", plot, *options)
            texts = [e.text for e in ET.parse(plot).iter("{http://www.w3.org/2000/svg}text")]
            self.assertNotIn("nan", plot.read_text())
            self.assertNotIn("frechet", texts)
            self.assertEqual(texts.count("first-moment"), 4)
            self.assertEqual([t for t in texts if ": " in t], ["each: mAP"] * 2 + ["nothing: mAP"] * 2)

    def test_what_a_database_has_nothing_for_is_left_out_unless_it_is_asked_for(self):
        self.db = str(self.dir / "bare.db")
        self.index(self.dir / "reds" / "model.json")
        self.write([self.queries[2]])
        done = self.run_program("eval", self.db, self.set, "--quiet")
        self.assertEqual(done.returncode, 0)
        self.assertIn(b"left out: monte-carlo: model 'reds' kept no features", done.stderr)
        self.assertNotIn(b"monte-carlo", done.stdout)
        self.refused("eval", self.db, self.set, "--quiet", "--method", "monte-carlo", says=["kept no features"])

    def test_an_encoder_of_pictures_alone_has_no_titles(self):
        self.db = str(self.dir / "vision.db")
        self.index(self.dir / "reds" / "model.json", encoder=VISION)
        self.write([self.queries[2]])
        self.assertEqual(self.rows("--method", "default")["right", "default"]["top1"]["mean"], 1)
        self.refused("eval", self.db, self.set, "--quiet", "--method", "titles", says=["no text tower"])

    def test_mistakes_name_the_line(self):
        cases = [
            ({"models": ["pinks"]}, "no model here is 'pinks'"),
            ({"tags": ["hot"]}, "no model here has the tag 'hot'"),
            ({"each": [["reds"], ["pinks"]]}, "no model here is 'pinks'"),
        ]
        for expect, says in cases:
            self.write([self.queries[0], {**self.queries[1], "expect": expect}])
            self.refused("eval", self.db, self.set, says=[f"{self.set}:2: ", says])
        self.write([{**self.queries[0], "parts": [{"kind": "model", "model": "pinks"}]}])
        self.refused("eval", self.db, self.set, says=[f"{self.set}:1: ", "'pinks'"])
        (self.set.parent / "reds.png").write_bytes(b"no picture")
        self.write(self.queries)
        self.refused("eval", self.db, self.set, "--quiet", says=["reds.png"])

    def test_refused_is_the_share_that_search_says_no_model_makes(self):
        with sqlite3.connect(self.db) as db:  # three models have no cut-off of their own
            db.execute("UPDATE background SET cutoff = 3 WHERE kind = 'text'")
        self.write()
        rows = self.rows("--method", "default", "--method", "titles")
        self.refused("search", self.db, "--text", "a teapot", status=1, says=["no model makes"])
        self.assertEqual(rows["unmade", "default"]["refused"]["mean"], 1)
        self.assertEqual(rows["right", "default"]["refused"]["mean"], 0)
        self.assertNotIn("refused", rows["unmade", "titles"])

    def test_methods_are_checked(self):
        self.write()
        self.refused("eval", self.db, self.set, "--method", "luck", says=["luck", "plain-product", "monte-carlo"])
        self.refused("eval", self.db, self.set, *["--method", "titles"] * 2, says=["given twice"])
        self.refused("eval", self.dir / "no.db", self.set, says=["no.db"])


if __name__ == "__main__":
    unittest.main()
