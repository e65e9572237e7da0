"""Moments and features that other programs computed: the database holds what NumPy says of them."""

import io
import json
import sqlite3
import unittest
import zipfile

from harness import GOLDEN, TINY, Case, npy

STATISTICS = GOLDEN / "statistics"
EXPECTED = json.loads((STATISTICS / "expected.json").read_text())


class Statistics(Case):
    def setUp(self):
        super().setUp()
        self.index(self.folder_model("reds", (200, 30, 30)), keep_features=5)
        with sqlite3.connect(self.db) as database:
            (self.encoder,) = database.execute("SELECT fingerprint FROM encoder").fetchone()

    def statistics_model(self, slug, path, **block):
        return self.write_model(slug, {"kind": "statistics", "path": str(path), **block})

    def load(self, slug):
        packed = zipfile.ZipFile(io.BytesIO(self.moments(slug)))
        mu, sigma, n = (npy(packed.read(f"{name}.npy")) for name in ("mu", "sigma", "n"))
        self.assertEqual(packed.read("encoder.npy")[-64:].decode(), self.encoder)
        return list(mu), list(sigma), n[0]

    def compare(self, slug, expected, count, delta=1e-7):
        mu, sigma, n = self.load(slug)
        self.assertEqual(n, count)
        flat = [value for row in expected["sigma"] for value in row]
        self.assertEqual((len(mu), len(sigma)), (len(expected["mu"]), len(flat)))
        for is_, should in zip(mu + sigma, expected["mu"] + flat, strict=True):
            self.assertAlmostEqual(is_, should, delta=delta)

    def test_moments_of_every_type_order_and_zip_are_those_of_numpy(self):
        files = ("stored", "deflated", "big", "f16", "streamed", "f4", "f2", "few")
        models = []
        for name in files:
            block = {"count": EXPECTED["count"]} if name == "stored" else {}
            models.append(self.statistics_model(name, STATISTICS / f"{name}.npz", encoder=self.encoder, **block))
        self.index(*models)
        for name in files[:5]:
            self.compare(name, EXPECTED, 60)
        for name in ("f4", "f2"):
            self.compare(name, EXPECTED["rounded"][name], 60)
        self.compare("few", EXPECTED["few"], 5)
        self.assertEqual(self.ok("verify", self.db), "")
        self.assertEqual(len(self.json("search", self.db, "--text", "a thing")), 9)

    def test_features_are_normalised_and_may_be_kept(self):
        models = [
            self.statistics_model("raw", STATISTICS / "features.npy", encoder=self.encoder),
            self.statistics_model("fortran", STATISTICS / "features_fortran.npy", encoder=self.encoder),
            self.statistics_model("npz", STATISTICS / "features.npz", encoder=self.encoder),
            self.statistics_model("named", STATISTICS / "named.npz", encoder=self.encoder, array="image"),
        ]
        self.index(*models, keep_features=5)
        for slug in ("raw", "fortran", "npz", "named"):
            self.compare(slug, EXPECTED, 60)
        self.assertEqual(self.ok("verify", self.db), "")
        ranking = self.json("search", self.db, "--text", "a thing", "--method", "monte-carlo")
        self.assertEqual(len(ranking), 5)
        moments = self.statistics_model("moments", STATISTICS / "deflated.npz", encoder=self.encoder)
        flags = ("--encoder", TINY, "--keep-features", 5)
        self.refused("index", self.db, moments, *flags, says=["holds moments, and no features that could be kept"])

    def test_what_stats_writes_comes_back(self):
        path = self.dir / "reds.npz"
        path.write_bytes(self.moments("reds"))
        self.index(self.statistics_model("again", path))
        self.assertEqual(self.moments("again"), self.moments("reds"))
        self.assertLess(abs(float(self.ok("frechet", self.db, "reds", "again"))), 1e-6)

    def test_another_encoder_is_refused(self):
        other = "0" * 64
        for block, says in (
            ({}, f'say so with "encoder": "{self.encoder}"'),
            ({"encoder": other}, f"of the encoder {other}, and this one is {self.encoder}"),
            ({"encoder": 5}, "field 'sampler.encoder' must be a string"),
        ):
            model = self.statistics_model("wrong", STATISTICS / "deflated.npz", **block)
            self.refused("index", self.db, model, "--encoder", TINY, says=[says])

    def test_what_is_no_moments_is_refused(self):
        for name, block, says in (
            ("stored.npz", {}, "does not tell how many samples it is of"),
            ("deflated.npz", {"count": 59}, "is of 60 samples, and the sampler block says 59"),
            ("deflated.npz", {"count": 1}, "field 'sampler.count' must be a whole number from 2 on"),
            ("wrong_skew.npz", {}, "'sigma' is not symmetric"),
            ("wrong_negative.npz", {}, "it has negative eigenvalues"),
            ("wrong_nan.npz", {}, "'sigma' holds nan"),
            ("wrong_long.npz", {}, "a mean squared length of 100, expected 1"),
            ("wrong_dim.npz", {}, "'mu' has 12 columns, and the encoder gives 20"),
            ("wrong_rows.npz", {}, "'sigma' has 12 rows and 20 columns"),
            ("wrong_axes.npz", {}, "'mu' is no array of numbers with 1 axes"),
            ("wrong_count.npz", {}, "'n' is no number of samples from 2 on"),
            ("wrong_feature.npy", {}, "feature 41 has no length, or is not finite"),
            ("wrong_arrays.npz", {}, "holds neither 'mu' and 'sigma' nor 'features'"),
            ("features.npz", {"array": "none"}, "holds no array 'none'"),
            ("expected.json", {}, "is no tar or ZIP archive"),
        ):
            model = self.statistics_model("wrong", STATISTICS / name, encoder=self.encoder, **block)
            self.refused("index", self.db, model, "--encoder", TINY, says=[says])


if __name__ == "__main__":
    unittest.main()
