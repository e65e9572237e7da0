"""Folders as people have them: what cannot be read is left out, named and counted, and changes no other sample."""

import sqlite3
import unittest

from harness import GOLDEN, TINY, Case

JPEG = (GOLDEN / "images" / "ycc420.jpg").read_bytes()
DAMAGED = {
    "cut.jpg": JPEG[:-100],
    "page.jpg": b"<!DOCTYPE html><title>429 Too Many Requests</title>",
    "empty.png": b"",
    "phone.jpg": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic",
    "pointer.webp": b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
}


class Folders(Case):
    def damage(self, slug, files=DAMAGED):
        for name, data in files.items():
            (self.dir / slug / "pictures" / name).write_bytes(data)

    def run_index(self, model, *flags, database=None):
        command = ("index", database or self.db, model, "--encoder", TINY, "--threads", 1, "--samples", 1000, *flags)
        done = self.run_program(*command)
        return done.returncode, done.stderr.decode()

    def test_bad_pictures_are_named_counted_and_shown_and_change_nothing_else(self):
        model = self.folder_model("reds", (200, 30, 30), count=45)
        flags = ("--batch", 64, "--keep-features", 50)  # one batch, so that the good ones stand side by side in it
        self.run_index(model, *flags)
        before = self.moments("reds")
        self.damage("reds")
        code, said = self.run_index(model, *flags, "--bad-pictures", "10%")
        self.assertEqual(code, 0, said)
        self.assertEqual(self.moments("reds"), before)
        for name, why in (
            ("cut.jpg", "premature end"),
            ("page.jpg", "is HTML or XML, no picture"),
            ("empty.png", "is empty"),
            ("phone.jpg", "is a picture in the format HEIC; PNG, JPEG and WebP are read"),
            ("pointer.webp", "`git lfs pull` fetches it"),
        ):
            lines = [line for line in said.splitlines() if name in line]
            self.assertEqual(len(lines), 1, said)
            self.assertIn("reds: left out ", lines[0])
            self.assertIn(why, lines[0])
        self.assertIn("45 samples, and 5 pictures that cannot be read", said)
        shown = self.json("show", self.db, "reds")[0]
        self.assertEqual((shown["samples"], shown["bad_pictures"], shown["state"]), (45, 5, "done"))
        self.assertIn("45 of 1000 samples and 5 pictures that cannot be read", self.ok("show", self.db, "reds"))
        self.assertEqual(self.ok("verify", self.db), "")
        self.assertIn("has its 45 samples already, and 5 pictures", self.run_index(model, *flags)[1])

    def test_one_in_a_hundred_may_be_bad_and_no_more(self):
        model = self.folder_model("reds", (200, 30, 30), count=98)
        self.damage("reds", {"cut.jpg": DAMAGED["cut.jpg"]})
        code, said = self.run_index(model)  # 1 of 99
        self.assertEqual(code, 2)
        self.assertIn("model 'reds': 1 of 99 pictures cannot be read, and --bad-pictures allows 1%; the first: ", said)
        self.assertIn("cut.jpg: JPEG", said.splitlines()[-1])
        self.assertEqual(self.json("show", self.db, "reds")[0]["state"], "failed")
        self.damage("reds", {"one-more.jpg": JPEG})
        code, said = self.run_index(model)  # 1 of 100
        self.assertEqual(code, 0, said)
        self.assertEqual(self.json("show", self.db, "reds")[0]["bad_pictures"], 1)

    def test_a_run_that_had_too_many_resumes_with_a_larger_share_to_the_same_bits(self):
        model = self.folder_model("reds", (200, 30, 30), count=45)
        self.damage("reds")
        flags = ("--batch", 4, "--keep-features", 7, "--checkpoint", 0)
        for share in ("0%", "0%", "3%", "6.5%"):  # the second fails before it has read anything
            code, said = self.run_index(model, *flags, "--bad-pictures", share)
            self.assertEqual(code, 2, said)
            self.assertIn(f"--bad-pictures allows {share}", said)
            self.assertEqual(self.ok("verify", self.db), "")
        code, said = self.run_index(model, *flags, "--bad-pictures", "10%")
        self.assertEqual(code, 0, said)
        self.assertIn("resumed at", said)
        resumed = self.moments("reds")
        whole = self.dir / "whole.db"
        self.assertEqual(self.run_index(model, *flags, "--bad-pictures", "10%", database=whole)[0], 0)
        self.ok("stats", whole, "reds", "--out", self.dir / "whole.npz")
        self.assertEqual(resumed, (self.dir / "whole.npz").read_bytes())
        query = "SELECT slot, sample_index, vector FROM feature ORDER BY slot"
        with sqlite3.connect(self.db) as one, sqlite3.connect(whole) as two:
            self.assertEqual(one.execute(query).fetchall(), two.execute(query).fetchall())
            counts = "SELECT count, bad, finished FROM run"
            self.assertEqual(one.execute(counts).fetchall(), [(45, 5, 1)])
            self.assertEqual(two.execute(counts).fetchall(), [(45, 5, 1)])

    def test_batches_of_bad_pictures_alone(self):
        model = self.folder_model("reds", (200, 30, 30), count=3)
        self.damage("reds", {f"{i}.png": b"" for i in range(30)})
        code, said = self.run_index(model, "--batch", 2, "--bad-pictures", "100%", "--checkpoint", 0)
        self.assertEqual(code, 0, said)
        self.assertEqual(said.count("is empty"), 10)  # the first ten are named
        self.assertIn("3 samples, and 30 pictures that cannot be read", said)

    def test_what_is_no_sample_is_named_at_the_end(self):
        model = self.folder_model("reds", (200, 30, 30), count=20)
        pictures = self.dir / "reds" / "pictures"
        self.damage("reds", {"a.gif": b"GIF89a", "b.gif": b"GIF87a", "c.tif": b"II*\0", "wrong.gif": JPEG})
        (pictures / "gone.jpg").symlink_to("nowhere")
        (pictures / "up").symlink_to("..")
        (pictures / "@eaDir").mkdir()
        (pictures / "@eaDir" / "SYNOPHOTO_THUMB_XL.jpg").write_bytes(JPEG)
        code, said = self.run_index(model)
        self.assertEqual(code, 0, said)
        self.assertIn(
            "reds: left out 2 GIF, 1 TIFF (PNG, JPEG and WebP are read); 1 link to nothing: gone.jpg\n"
            "reds: 21 samples\n",
            said,
        )

    def test_the_share_is_a_percentage(self):
        model = self.folder_model("reds", (200, 30, 30))
        for share in ("1", "%", "-1%", "101%", "many%", "nan%"):
            self.refused("index", self.db, model, "--bad-pictures", share, says=[share, "such as 1%"])


if __name__ == "__main__":
    unittest.main()
