"""Archives as people have them: a tar or ZIP gives what its folder gives, an array what its pictures give as files."""

import io
import json
import shutil
import tarfile
import unittest
import zipfile

from harness import GOLDEN, TINY, Case, png, speckled

ARRAYS = GOLDEN / "arrays"
JPEG = (GOLDEN / "images" / "ycc420.jpg").read_bytes()


class Archives(Case):
    def run_index(self, *models, samples=1000, flags=()):
        command = ("index", self.db, *models, "--encoder", TINY, "--threads", 1, "--samples", samples, *flags)
        done = self.run_program(*command, "--no-neighbors")
        return done.returncode, done.stderr.decode()

    def archive_model(self, slug, path, **block):
        return self.write_model(slug, {"kind": "archive", "path": str(path), **block})

    def pack_tar(self, folder, name, mode="w", form=tarfile.PAX_FORMAT):
        path = self.dir / name
        with tarfile.open(path, mode, format=form) as tar:
            tar.add(folder, ".")
        return path

    def pack_zip(self, folder, name, how):
        path = self.dir / name
        with zipfile.ZipFile(path, "w", how) as packed:
            for file in sorted(folder.rglob("*")):
                packed.write(file, file.relative_to(folder))
        return path

    def classes(self):
        """A folder with subfolders, a name that is not ASCII, and files that are no samples."""
        model = self.folder_model("folder", (200, 30, 30), count=9)
        folder = self.dir / "folder" / "pictures"
        (folder / "grün").mkdir()
        for i in range(4):
            (folder / "grün" / f"{i}.png").write_bytes(speckled((30, 200, 30), i))
        (folder / "without-ending").write_bytes(JPEG)
        (folder / ".hidden.png").write_bytes(JPEG)
        (folder / "labels.txt").write_text("no picture")
        return model, folder

    def test_an_archive_gives_what_its_folder_gives(self):
        model, folder = self.classes()
        packed = {
            "pax": self.pack_tar(folder, "pax.tar"),
            "gnu": self.pack_tar(folder, "gnu.tar", form=tarfile.GNU_FORMAT),
            "ustar": self.pack_tar(folder, "ustar.tar", form=tarfile.USTAR_FORMAT),
            "gzip": self.pack_tar(folder, "t.tar.gz", "w:gz"),
            "xz": self.pack_tar(folder, "t.tar.xz", "w:xz"),
            "stored": self.pack_zip(folder, "stored.zip", zipfile.ZIP_STORED),
            "deflated": self.pack_zip(folder, "deflated.zip", zipfile.ZIP_DEFLATED),
        }
        models = [self.archive_model(slug, path) for slug, path in packed.items()]
        code, said = self.run_index(model, *models, samples=10)  # less than all: the order counts
        self.assertEqual(code, 0, said)
        for slug in packed:
            self.assertEqual(self.moments(slug), self.moments("folder"), slug)
        code, said = self.run_index(model, *models)
        self.assertEqual(code, 0, said)
        self.assertEqual(len({self.moments(slug) for slug in ("folder", *packed)}), 1)
        self.assertEqual({m["samples"] for m in self.json("show", self.db)}, {14})
        self.assertIn("has its 14 samples already", self.run_index(models[0])[1])
        self.assertEqual(self.ok("verify", self.db), "")

    def test_what_cannot_be_read_is_left_out_named_and_counted_as_in_a_folder(self):
        model, folder = self.classes()
        (folder / "cut.jpg").write_bytes(JPEG[:-100])
        (folder / "empty.png").write_bytes(b"")
        (folder / "a.gif").write_bytes(b"GIF89a")
        models = [
            self.archive_model("tar", self.pack_tar(folder, "t.tar")),
            self.archive_model("zip", self.pack_zip(folder, "t.zip", zipfile.ZIP_DEFLATED)),
        ]
        code, said = self.run_index(model, *models, flags=("--bad-pictures", "15%"))
        self.assertEqual(code, 0, said)
        self.assertEqual(len({self.moments(slug) for slug in ("folder", "tar", "zip")}), 1)
        self.assertEqual({(m["samples"], m["bad_pictures"]) for m in self.json("show", self.db)}, {(14, 2)})
        self.assertIn("tar: left out " + str(self.dir / "t.tar") + ": cut.jpg: JPEG", said)
        self.assertIn("t.zip: empty.png: is empty", said)
        self.assertIn("zip: left out 1 GIF (PNG, JPEG and WebP are read)", said)
        self.assertEqual(self.run_index(*models, flags=("--bad-pictures", "10%", "--force"))[0], 2)

    def test_a_member_that_cannot_be_unpacked_is_left_out(self):
        _, folder = self.classes()
        path = self.pack_zip(folder, "t.zip", zipfile.ZIP_DEFLATED)
        with zipfile.ZipFile(path) as packed:
            info = packed.getinfo("0003.png")
        data = bytearray(path.read_bytes())
        at = info.header_offset + 30 + len(info.filename)
        for i in range(at + 20, at + info.compress_size - 20):
            data[i] ^= 0x5A
        path.write_bytes(data)
        code, said = self.run_index(self.archive_model("zip", path), flags=("--bad-pictures", "10%"))
        self.assertEqual(code, 0, said)
        self.assertIn("t.zip: 0003.png: ", said)
        self.assertIn("13 samples, and 1 picture that cannot be read", said)

    def test_damaged_archives_are_refused(self):
        _, folder = self.classes()
        tar = self.pack_tar(folder, "t.tar").read_bytes()
        (self.dir / "nothing").mkdir()
        cases = {
            "cut": (tar[:5000], "damaged after"),
            "empty": (b"", "is empty"),
            "text": (b"no archive at all\n" * 100, "is no tar or ZIP archive"),
            "none": (self.pack_tar(self.dir / "nothing", "none.tar").read_bytes(), "holds no PNG, JPEG or WebP"),
        }
        for slug, (data, says) in cases.items():
            path = self.dir / f"{slug}.bin"
            path.write_bytes(data)
            model = self.archive_model(slug, path)
            self.refused("index", self.db, model, "--encoder", TINY, says=[str(path), says])
        gone = self.archive_model("gone", "nowhere.tar")
        self.refused("index", self.db, gone, "--encoder", TINY, says=["nowhere.tar", "sampler.path"])

    def write_pictures(self, slug, pixels, width, height):
        """A folder of RGB pictures, one after the other in pixels, under the names that give it an array's order."""
        folder = self.dir / slug / "pictures"
        folder.mkdir(parents=True)
        size = width * height * 3
        for i in range(len(pixels) // size):
            picture = pixels[i * size : (i + 1) * size]
            at = lambda x, y, p=picture: p[(y * width + x) * 3 : (y * width + x) * 3 + 3]  # noqa: E731
            (folder / str(i)).write_bytes(png(width, height, at))
        return self.write_model(slug, {"kind": "folder", "path": "pictures"})

    def test_arrays_of_every_type_order_and_layout_give_what_their_pictures_give(self):
        base = (ARRAYS / "base.npy").read_bytes()[-4 * 6 * 5 * 3 :]
        grey = bytes(value for value in base[::3] for _ in range(3))
        bits = bytes(255 * (value > 127) for value in grey)
        blocks = json.loads((ARRAYS / "pictures.json").read_text())
        folders = {"as-base": base, "as-grey": grey, "as-bits": bits}
        models = [self.write_pictures(slug, data, 5, 6) for slug, data in folders.items()]
        slugs = {name: name.replace(".", "-").replace("_", "-") for name in (*blocks, "grey.npy", "bits.npy")}
        models += [self.archive_model(slug, ARRAYS / name, **blocks.get(name, {})) for name, slug in slugs.items()]
        code, said = self.run_index(*models)
        self.assertEqual(code, 0, said)
        moments = {slug: self.moments(slug) for slug in (*folders, *slugs.values())}
        self.assertEqual(len(set(moments.values())), 3)
        for name in blocks:
            self.assertEqual(moments[slugs[name]], moments["as-base"], name)
        self.assertEqual(moments["grey-npy"], moments["as-grey"])
        self.assertEqual(moments["bits-npy"], moments["as-bits"])

    def test_a_picture_with_a_value_that_is_no_number_is_left_out(self):
        model = self.archive_model("nan", ARRAYS / "nan.npy", range=[0, 1])
        code, said = self.run_index(model, flags=("--bad-pictures", "25%"))
        self.assertEqual(code, 0, said)
        self.assertIn("nan.npy: picture 2 holds a value that is no number", said)
        self.assertIn("3 samples, and 1 picture that", said)

    def test_arrays_that_leave_something_open_are_refused(self):
        for name, block, says in (
            ("objects.npy", {}, "holds Python objects, which only unpickling would read"),
            ("complex.npy", {}, "holds complex numbers"),
            ("records.npy", {}, "holds records"),
            ("flat.npy", {}, "an array [4, 90], expected numbers of pictures"),
            ("one.npy", {}, "an array [6, 5, 3], expected numbers of pictures"),
            ("both_ends.npy", {}, "field 'sampler.layout' must be NCHW or NHWC"),
            ("base.npy", {"layout": "NCHW"}, "[4, 6, 5, 3], expected 1, 3 or 4 channels"),
            ("base.npy", {"layout": "CHW"}, "field 'sampler.layout' must be NCHW or NHWC"),
            ("f4.npy", {}, "field 'sampler.range' must tell which two values mean black and white"),
            ("f4.npy", {"range": [1, 0]}, "the lower first"),
            ("i4.npy", {}, "field 'sampler.range' must tell"),
            ("several.npz", {}, "field 'sampler.array' must tell which array of"),
            ("several.npz", {"array": "none"}, "holds no array named none"),
            ("several.npz", {"array": 1}, "must be the name of an array"),
            ("stored.npz", {"array": "arr_1"}, "an array [4], expected numbers of pictures"),
        ):
            model = self.archive_model("wrong", ARRAYS / name, **block)
            self.refused("index", self.db, model, "--encoder", TINY, says=[says])

    def test_files_that_are_not_what_numpy_writes_are_refused(self):
        base = (ARRAYS / "base.npy").read_bytes()
        header = base[10:128].decode()
        for found, put, says in (
            ("'|u1'", "'|u3'", "holds values of no known type (dtype '|u3')"),
            ("'descr'", "'other'", "expected descr, fortran_order and shape"),
            ("False", "Maybe", "expected True or False"),
            ("(4, 6,", "(4  6,", "expected ',' in a shape"),
            ("(4, 6,", "(4, 7,", "which is not what its shape says"),
            ("}", "]", "expected a string"),
            ("}", "}}", "expected nothing more"),
        ):
            path = self.dir / "wrong.npy"
            text = header.replace(found, put, 1)[: len(header)]
            path.write_bytes(base[:10] + text.encode() + base[128:])
            model = self.archive_model("wrong", path)
            self.refused("index", self.db, model, "--encoder", TINY, says=["wrong.npy", says])
        for data in (base[:-1], base + b"\0", base[:9], base[:60], base[:6] + b"\x09\0" + base[8:]):
            path.write_bytes(data)
            self.refused("index", self.db, model, "--encoder", TINY, says=["wrong.npy"])

    def test_a_tar_from_a_stream_of_small_members(self):
        """As WebDataset writes them: a picture and its label under one name."""
        path = self.dir / "shard.tar"
        with tarfile.open(path, "w") as tar:
            for i in range(6):
                for ending, data in (("cls", b"7"), ("png", speckled((20, 20, 220), i))):
                    info = tarfile.TarInfo(f"{i:06}.{ending}")
                    info.size = len(data)
                    tar.addfile(info, io.BytesIO(data))
        shutil.copy(path, self.dir / "moved.tar")
        code, said = self.run_index(self.archive_model("shard", path))
        self.assertEqual(code, 0, said)
        self.assertEqual(self.json("show", self.db, "shard")[0]["samples"], 6)


if __name__ == "__main__":
    unittest.main()
