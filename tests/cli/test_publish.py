"""publish and serve: the folder is complete, truthful, reproducible, and never replaces somebody else's files."""

import gzip
import hashlib
import io
import json
import math
import os
import shutil
import signal
import sqlite3
import struct
import subprocess
import unittest
import urllib.error
import urllib.request
import zipfile

from harness import GOLDEN, OTHER, PROGRAM, RUNTIME, TINY, VISION, Case


def single(value):
    """Rounded to an f32."""
    return struct.unpack("<f", struct.pack("<f", value))[0]


def half(bits):
    return struct.unpack("<e", struct.pack("<H", bits))[0]


class Published(Case):
    def setUp(self):
        super().setUp()
        self.share = self.make_share()
        reds = self.folder_model(
            "reds", (200, 30, 30), count=30, tags=["red", "plain"], family="Plain", secret={"a": 1}
        )
        blues = self.folder_model("blues", (30, 30, 200), count=3)
        self.index(reds, blues)
        self.out = self.dir / "site"

    def publish(self, out=None):
        return self.ok("publish", self.db, out or self.out, env=self.environment())

    def refused_publish(self, out, *flags, says=()):
        return self.refused("publish", self.db, out, *flags, says=says, env=self.environment())

    def read_json(self, path):
        return json.loads((self.out / path).read_text())

    def files(self, folder):
        return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    def test_missing_neighbours_are_said_and_no_obstacle(self):
        with sqlite3.connect(self.db) as db:
            db.execute("DELETE FROM neighbor")
            db.execute("UPDATE run SET neighbors = NULL")
        done = self.run_program("publish", self.db, self.out, env=self.environment())
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"`gensearch neighbors {self.db}` finds them", done.stderr.decode())
        self.assertTrue((self.out / "manifest.json").exists())

    def test_the_manifest_names_every_file_and_every_name_its_hash(self):
        self.publish()
        files = self.files(self.out)
        manifest = json.loads(files.pop("manifest.json"))
        self.assertEqual(list(manifest["files"]), sorted(files))
        for path, content in files.items():
            digest = hashlib.sha256(content).hexdigest()
            self.assertEqual(manifest["files"][path], {"size": len(content), "sha256": digest})
            if path.startswith(("means-", "phrases-", "catalog-", "models/", "second/", "thumbs/", "encoder/")):
                self.assertIn(digest[:16], path)
        roles = {"means", "catalog", "phrases", "text", "vision", "tokenizer"}
        self.assertEqual({role for role in manifest["roles"]}, roles)
        for role in manifest["roles"].values():
            self.assertIn(role["path"], files)

    def test_what_the_site_needs_is_there_and_nothing_else_of_it(self):
        self.publish()
        names = {p for p in self.files(self.out) if not p.startswith(("models/", "second/", "thumbs/", "encoder/"))}
        plain = {p for p in names if not p.startswith(("means-", "phrases-", "catalog-"))}
        expected = {"index.html", "style.css", "app/main.js", "manifest.json"}
        wasm = ("core.js", "held.js", "memory.js", "gensearch.js", "gensearch.wasm")
        expected |= {f"wasm/{name}" for name in wasm}
        runtime = {name.replace(".mjs", ".js") for name in RUNTIME}
        self.assertEqual(plain, expected | {f"vendor/onnxruntime-web/{name}" for name in runtime})

    def test_the_catalog_the_pages_and_the_means_agree_with_the_database(self):
        self.publish()
        manifest = self.read_json("manifest.json")
        catalog = self.read_json(manifest["roles"]["catalog"]["path"])
        self.assertEqual((manifest["format"], manifest["version"], manifest["count"]), ("gensearch", 1, 2))
        self.assertEqual(catalog["slug"], ["blues", "reds"])
        self.assertEqual(catalog["samples"], [3, 30])
        self.assertEqual(catalog["tags"], [[], ["red", "plain"]])
        self.assertEqual(catalog["family"], ["", "Plain"])
        self.assertEqual([len(t) for t in catalog["thumbs"]], [3, 4])
        for i, slug in enumerate(catalog["slug"]):
            page = self.read_json(f"models/{slug}-{catalog['page'][i]}.json")
            self.assertEqual((page["slug"], page["samples"], page["seed"]), (slug, catalog["samples"][i], 1))
            self.assertEqual(len(page["thumbs"]), min(24, catalog["samples"][i]))
            self.assertEqual([t["hash"] for t in page["thumbs"]][:4], catalog["thumbs"][i])
            for thumb in page["thumbs"]:
                data = (self.out / "thumbs" / f"{thumb['hash']}.webp").read_bytes()
                self.assertEqual((data[:4], data[8:12]), (b"RIFF", b"WEBP"))
            self.assertEqual([n["slug"] for n in page["neighbors"]], [s for s in catalog["slug"] if s != slug])
            self.assertEqual(page["model"]["sampler"], {"kind": "folder"})
            self.assertAlmostEqual(page["mean_error"], self.mean_error(slug), delta=1e-4 * page["mean_error"])
            self.assertRegex(page["added"], r"^20\d\d-\d\d-\d\dT")
        self.assertEqual(page["model"]["secret"], {"a": 1})

    def test_tags_and_titles_are_encoded_ahead(self):
        self.publish()
        roles = self.read_json("manifest.json")["roles"]
        phrases = self.read_json(roles["catalog"]["path"])["phrases"]
        self.assertEqual(phrases, ["red", "plain", "Blues", "Reds"])
        data = (self.out / roles["phrases"]["path"]).read_bytes()
        texts = [word for phrase in phrases for word in ("--text", phrase)]
        features = [line["feature"] for line in self.json("encode", "--encoder", TINY, *texts)]
        count, dim = len(phrases), len(features[0])
        at = 64
        arrays = []
        for n in (dim, dim, count):  # center, spread, scales
            arrays.append(struct.unpack_from(f"<{n}f", data, at))
            at += 4 * n
        center, spread, scales = arrays
        for i, feature in enumerate(features):
            steps = struct.unpack_from(f"<{dim}b", data, at + i * dim)
            row = [c + s * scales[i] * step for c, s, step in zip(center, spread, steps)]
            cosine = sum(a * b for a, b in zip(row, feature)) / math.hypot(*row) / math.hypot(*feature)
            self.assertGreater(cosine, 0.999)

    def test_the_map_keeps_distances_of_the_means_as_well_as_a_plane_can(self):
        for i, colour in enumerate(((30, 200, 30), (220, 220, 30), (90, 90, 90))):
            self.folder_model(f"more{i}", colour)
        self.index(*(self.dir / f"more{i}" / "model.json" for i in range(3)))
        self.publish()
        catalog = self.read_json(self.read_json("manifest.json")["roles"]["catalog"]["path"])
        with sqlite3.connect(self.db) as db:
            rows = db.execute(
                "SELECT mean FROM moments JOIN run ON run.id = run_id JOIN model ON model.id = model_id ORDER BY slug"
            ).fetchall()
        means = [struct.unpack(f"<{len(mean) // 4}f", mean) for (mean,) in rows]
        units = [[v / math.hypot(*mean) for v in mean] for mean in means]
        middle = [sum(column) / len(units) for column in zip(*units)]
        offsets = [[a - b for a, b in zip(unit, middle)] for unit in units]
        places = list(zip(catalog["x"], catalog["y"]))
        # Each axis must be an eigenvector of the inner products of what the ones before leave, and the largest.
        gram = [[sum(a * b for a, b in zip(p, q)) for q in offsets] for p in offsets]
        for axis in (0, 1):
            column = [place[axis] for place in places]
            square = sum(c * c for c in column)
            product = [sum(g * c for g, c in zip(row, column)) for row in gram]
            for value, c in zip(product, column):
                self.assertAlmostEqual(value, square * c, delta=1e-3 * square)  # G c = |c|^2 c: an eigenvector
            gram = [[g - column[i] * column[j] for j, g in enumerate(row)] for i, row in enumerate(gram)]
            rest = sum(gram[i][i] for i in range(len(gram)))
            self.assertLessEqual(rest / (len(gram) - 2 - axis), square)
            self.assertGreater(max(column, key=abs), 0)

    def mean_error(self, slug):
        """From the trace of the covariance."""
        with sqlite3.connect(self.db) as db:
            count, packed = db.execute(
                "SELECT count, covariance FROM moments JOIN run ON run.id = run_id"
                " JOIN model ON model.id = model_id WHERE slug = ?",
                (slug,),
            ).fetchone()
        values = struct.unpack(f"<{len(packed) // 4}f", packed)
        dim = int((2 * len(values)) ** 0.5)
        return math.sqrt(sum(values[i * (i + 3) // 2] for i in range(dim)) / count)

    def test_the_binary_files_hold_what_search_computes_with(self):
        self.publish()
        manifest = self.read_json("manifest.json")
        catalog = self.read_json(manifest["roles"]["catalog"]["path"])
        fingerprint = bytes.fromhex(manifest["encoder"]["fingerprint"])[:16]
        dim = manifest["encoder"]["dim"]
        means = (self.out / manifest["roles"]["means"]["path"]).read_bytes()
        self.assertEqual(means[:8], b"GSMEANS\0")
        self.assertEqual(struct.unpack("<IIQQ", means[8:32]), (1, 1, 2, dim))
        self.assertEqual(means[48:64], fingerprint)
        rows = [half(bits) for bits in struct.unpack(f"<{2 * dim}H", means[64:])]
        second = (self.out / f"second/reds-{catalog['second'][1]}.bin").read_bytes()
        self.assertEqual(second[:8], b"GSLOWRK\0")
        version, element, rank, second_dim = struct.unpack("<IIQQ", second[8:32])
        self.assertEqual((version, element, rank, second_dim), (1, 1, min(64, dim - 1), dim))
        self.assertEqual(second[48:64], fingerprint)
        mean = struct.unpack(f"<{dim}f", second[64 : 64 + 4 * dim])
        for a, b in zip(rows[dim:], mean):
            self.assertAlmostEqual(a, b, delta=1e-3)
        self.assertEqual(len(second), 64 + 4 * dim + 4 * rank + 2 * rank * dim)

    def test_gaussians_and_features_are_published_when_asked_for(self):
        self.publish()
        self.assertFalse((self.out / "gaussian").exists() or (self.out / "features").exists())
        self.refused_publish(self.out, "--features", 5, says=["'blues'", "--keep-features"])
        self.index(*(self.dir / slug / "model.json" for slug in ("reds", "blues")), keep_features=10)
        self.ok("publish", self.db, self.out, "--gaussian", "--features", 5, env=self.environment())
        manifest = self.read_json("manifest.json")
        catalog = self.read_json(manifest["roles"]["catalog"]["path"])
        dim, fingerprint = manifest["encoder"]["dim"], bytes.fromhex(manifest["encoder"]["fingerprint"])[:16]
        for i, kept in enumerate((3, 5)):
            features = (self.out / f"features/{catalog['slug'][i]}-{catalog['features'][i]}.bin").read_bytes()
            self.assertEqual((features[:8], features[48:64]), (b"GSFEATS\0", fingerprint))
            self.assertEqual(struct.unpack("<IIQQ", features[8:32]), (1, 2, kept, dim))
            self.assertEqual(len(features), 64 + 4 * (2 * dim + kept) + kept * dim)
        gaussian = (self.out / f"gaussian/reds-{catalog['gaussian'][1]}.bin").read_bytes()
        self.assertEqual((gaussian[:8], gaussian[48:64]), (b"GSGAUSS\0", fingerprint))
        self.assertEqual(struct.unpack("<IIQQ", gaussian[8:32]), (1, 1, dim, dim))
        packed = dim * (dim + 1) // 2
        self.assertEqual(len(gaussian), 64 + 4 * dim + 2 * packed)
        numbers = [half(bits) for bits in struct.unpack(f"<{packed}H", gaussian[64 + 4 * dim :])]
        factor = [numbers[i * (i + 1) // 2 : (i + 1) * (i + 2) // 2] for i in range(dim)]
        logarithms = sum(2 * math.log(row[-1]) for row in factor)
        self.assertAlmostEqual(struct.unpack("<d", gaussian[40:48])[0], logarithms, delta=1e-3 * abs(logarithms))
        with zipfile.ZipFile(io.BytesIO(self.moments("reds"))) as archive:
            sigma = struct.unpack(f"<{dim * dim}d", archive.read("sigma.npy")[-8 * dim * dim :])
        for i in range(dim):
            for j in range(i + 1):
                product = sum(a * b for a, b in zip(factor[i], factor[j]))
                self.assertAlmostEqual(product, sigma[i * dim + j] + 0.001 * (i == j), delta=1e-5)

    def test_compressed_forms_hold_the_files(self):
        """gzip by Python's own zlib; of Brotli, that another publish takes over what is the same."""
        self.ok("publish", self.db, self.out, "--compress", env=self.environment())
        public = self.out
        forms = sorted(path for path in public.rglob("*.gz"))
        for path in forms:
            whole = path.with_suffix("").read_bytes()
            self.assertEqual(gzip.decompress(path.read_bytes()), whole)
            self.assertLess(path.stat().st_size, 0.9 * len(whole))
        names = {str(path.relative_to(public)) for path in forms}
        self.assertIn("manifest.json.gz", names)
        self.assertTrue([name for name in names if name.startswith("encoder/tokenizer-")], names)
        self.assertFalse([name for name in names if name.endswith(".webp.gz")])
        self.assertFalse([name for name in self.read_json("manifest.json")["files"] if name.endswith((".gz", ".br"))])
        (page,) = public.glob("models/blues-*.json.br")
        inode = page.stat().st_ino
        self.ok("publish", self.db, self.out, "--compress", env=self.environment())
        self.assertEqual(page.stat().st_ino, inode)
        self.assertGreaterEqual(page.stat().st_mtime, page.with_suffix("").stat().st_mtime)
        (public / "notes.txt.gz").write_text("mine")
        self.refused_publish(self.out, says=["holds notes.txt", "did not publish"])

    def test_the_catalog_holds_what_filters_look_at(self):
        seen = {"resolution": [32, 24], "created": "2026-11-30"}
        self.folder_model("greens", (30, 200, 30), authors=["Ada", "Bo"], license="MIT", tags=["a"], **seen)
        self.index(self.dir / "greens" / "model.json")
        self.publish()
        catalog = self.read_json(self.read_json("manifest.json")["roles"]["catalog"]["path"])
        self.assertEqual(catalog["authors"], [[], ["Ada", "Bo"], []])
        self.assertEqual(catalog["license"], ["", "MIT", ""])
        self.assertEqual(catalog["resolution"], ["", "32x24", ""])
        self.assertEqual(catalog["created"], ["", "2026-11-30", ""])
        self.assertEqual(catalog["tags"], [[], ["a"], ["red", "plain"]])

    def test_the_same_database_gives_the_same_bytes(self):
        self.publish()
        self.publish(self.dir / "again")
        self.assertEqual(self.files(self.out), self.files(self.dir / "again"))

    def test_nothing_of_this_machine_is_published(self):
        self.publish()
        for path, content in self.files(self.out).items():
            self.assertNotIn(str(self.dir).encode(), content, path)

    def test_a_published_folder_is_replaced_and_nothing_is_left_beside_it(self):
        self.publish()
        before = {f.name for f in (self.out / "second").iterdir()}
        self.ok("remove", self.db, "blues")
        self.publish()
        self.assertLess({f.name for f in (self.out / "second").iterdir()}, before)
        self.assertEqual(self.read_json("manifest.json")["count"], 1)
        self.assertEqual([p.name for p in self.dir.iterdir() if p.name.startswith(".")], [])

    def test_what_others_put_into_a_published_folder_is_left_alone(self):
        self.publish()
        published = self.files(self.out)
        for name in ("CNAME", "models/notes.txt"):
            with self.subTest(name):
                (self.out / name).write_text("example.org")
                self.refused("publish", self.db, self.out, says=[f"holds {name}, which gensearch did not publish"])
                self.assertEqual((self.out / name).read_text(), "example.org")
                (self.out / name).unlink()
        self.assertEqual(self.files(self.out), published)

    def test_places_it_may_take(self):
        (self.dir / "empty").mkdir()
        self.publish(self.dir / "empty")
        self.publish(f"{self.dir}/slash/")
        self.publish(self.dir / "deep" / "er")
        (self.dir / "link").symlink_to(self.dir / "empty")
        self.publish(self.dir / "link")
        self.assertTrue((self.dir / "link").is_symlink())
        self.assertTrue((self.dir / "empty" / "manifest.json").exists())

    def test_folders_of_others_are_left_alone(self):
        for name, content in (("notes.txt", "mine"), ("manifest.json", '{"format":"other"}'), ("manifest.json", "{")):
            with self.subTest(name + content):
                foreign = self.dir / "foreign"
                shutil.rmtree(foreign, ignore_errors=True)
                foreign.mkdir()
                (foreign / name).write_text(content)
                self.refused_publish(foreign, says=[foreign])
                self.assertEqual(self.files(foreign), {name: content.encode()})
        (self.dir / "file").write_text("mine")
        self.refused_publish(self.dir / "file", says=[self.dir / "file"])
        self.assertEqual((self.dir / "file").read_text(), "mine")

    def test_a_failure_leaves_the_old_folder(self):
        self.publish()
        before = self.files(self.out)
        shutil.rmtree(self.share / "wasm")
        self.refused_publish(self.out, says=["wasm"])
        self.assertEqual(self.files(self.out), before)
        self.assertEqual([p.name for p in self.dir.iterdir() if p.name.startswith(".")], [])

    def test_another_encoder_is_refused(self):
        self.refused_publish(self.out, "--encoder", OTHER, says=[self.fingerprint()])
        self.assertFalse(self.out.exists())

    def test_an_encoder_without_words_is_refused(self):
        self.db = str(self.dir / "vision.db")
        self.index(self.dir / "reds" / "model.json", encoder=VISION)
        self.refused_publish(self.out, says=["dino_f32 encodes pictures only"])
        self.assertFalse(self.out.exists())

    def fingerprint(self):
        self.publish(self.dir / "for-fingerprint")
        return json.loads((self.dir / "for-fingerprint" / "manifest.json").read_text())["encoder"]["fingerprint"]

    def test_an_empty_database_is_refused(self):
        self.ok("remove", self.db, "reds")
        self.ok("remove", self.db, "blues")
        self.refused_publish(self.out, says=["nothing to publish"])
        self.assertFalse(self.out.exists())

    def test_means_are_of_the_chosen_type(self):
        sizes = {}
        for number, name in enumerate(["f32", "f16", "int8"]):
            self.ok("publish", self.db, self.dir / name, "--means", name, env=self.environment())
            (path,) = (self.dir / name).glob("means-*.bin")
            content = path.read_bytes()
            self.assertEqual(int.from_bytes(content[12:16], "little"), number)
            sizes[name] = len(content)
        self.assertEqual(sizes["f32"] - 64, 2 * (sizes["f16"] - 64))
        self.refused_publish(self.dir / "none", "--means", "f8", says=["choose f32, f16 or int8"])

    def test_pictures_can_be_searched_with_when_the_vision_tower_is_published(self):
        self.publish()
        role = self.read_json("manifest.json")["roles"]["vision"]
        wanted = json.loads((TINY / "preprocessor_config.json").read_text())
        prepared = role["preprocess"]
        self.assertEqual(prepared["resize"], wanted["size"])
        self.assertEqual(prepared["crop"], wanted["crop_size"])
        self.assertEqual(prepared["resample"], wanted["resample"])
        self.assertEqual(prepared["rescale"], wanted["rescale_factor"])
        for name in ("mean", "std"):
            self.assertEqual([single(v) for v in prepared[name]], [single(v) for v in wanted[f"image_{name}"]])
        self.ok("publish", self.db, self.out, "--vision", "no", env=self.environment())
        self.assertNotIn("vision", self.read_json("manifest.json")["roles"])
        self.assertEqual(list((self.out / "encoder").glob("vision-*")), [])
        self.refused_publish(self.out, "--vision", "maybe", says=["--vision", "'maybe'", "yes, no or auto"])

    def test_exact_text_is_larger(self):
        self.publish()
        self.ok("publish", self.db, self.dir / "exact", "--exact-text", env=self.environment())
        quantised = self.read_json("manifest.json")
        exact = json.loads((self.dir / "exact" / "manifest.json").read_text())
        size = lambda m: m["files"][m["roles"]["text"]["path"]]["size"]  # noqa: E731
        self.assertGreater(size(exact), size(quantised))


class Graphs(Case):
    """The graphs of ONNX models: published with their data and nothing of this machine, when licence and size allow."""

    def setUp(self):
        super().setUp()
        self.share = self.make_share()
        self.out = self.dir / "site"
        forms = json.loads((GOLDEN / "onnx_forms/forms.json").read_text())["forms"]
        self.sampler = next(form["sampler"] for form in forms if form["name"] == "external")
        self.model = self.write_model("beside", {**self.sampler, "remark": "of mine"}, license="MIT")
        shutil.copytree(GOLDEN / "onnx_forms/below", self.model.parent / "below")
        self.index(self.model, self.folder_model("reds", (200, 30, 30)))

    def read_json(self, path):
        return json.loads((self.out / path).read_text())

    def graphs(self, slug="beside", *flags):
        self.ok("publish", self.db, self.out, *flags, env=self.environment())
        catalog = self.read_json(self.read_json("manifest.json")["roles"]["catalog"]["path"])
        page = catalog["page"][catalog["slug"].index(slug)]
        return self.read_json(f"models/{slug}-{page}.json").get("graphs")

    def test_graph_and_data_are_files_and_the_block_names_them(self):
        graphs = self.graphs()
        self.assertEqual(graphs["sampler"], {**self.sampler, "path": "0/graph.onnx"})
        self.assertEqual(set(graphs["files"]), {"0/graph.onnx", "0/external.onnx.data"})
        for name, original in (("0/graph.onnx", "external.onnx"), ("0/external.onnx.data", "external.onnx.data")):
            content = (self.model.parent / "below" / original).read_bytes()
            published = graphs["files"][name]
            self.assertEqual((self.out / published["path"]).read_bytes(), content)
            self.assertEqual(published["size"], len(content))
            self.assertIn(hashlib.sha256(content).hexdigest()[:16], published["path"])
        self.assertIsNone(self.graphs("reds"))

    def test_what_is_too_large_is_left_out(self):
        size = sum(file["size"] for file in self.graphs()["files"].values())
        self.assertIsNone(self.graphs("beside", "--graphs", size - 1))
        self.assertIsNone(self.graphs("beside", "--graphs", 0))
        self.assertIsNotNone(self.graphs("beside", "--graphs", size))

    def test_what_states_no_licence_is_left_out(self):
        self.write_model("beside", self.sampler)
        self.index(self.model)
        self.assertIsNone(self.graphs())

    def test_what_is_not_what_was_sampled_is_left_out(self):
        data = self.model.parent / "below/external.onnx.data"
        data.write_bytes(bytes(data.stat().st_size))
        self.assertIsNone(self.graphs())
        data.unlink()
        self.assertIsNone(self.graphs())

    def test_a_file_outside_of_the_graphs_folder_is_not_published(self):
        secret = self.dir / "secret"
        secret.write_text("mine")
        graph = self.model.parent / "below/external.onnx"
        name = b"../../secret"
        fake = b"\x0a\x08location\x12" + bytes([len(name)]) + name
        content = graph.read_bytes()
        doc = b"\x32" + bytes([len(fake)]) + fake  # ModelProto.doc_string
        graph.write_bytes(content + doc)
        self.index(self.model)
        self.assertIsNone(self.graphs())


class Serve(Case):
    def test_a_folder_is_served_until_interrupted(self):
        (self.dir / "public").mkdir()
        (self.dir / "public" / "index.html").write_text("<p>hello")
        command = [PROGRAM, "serve", str(self.dir / "public"), "--listen", "127.0.0.1:0"]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as server:
            address = server.stdout.readline().decode().strip()
            with urllib.request.urlopen(address) as response:
                self.assertEqual(response.read(), b"<p>hello")
            with self.assertRaises(urllib.error.HTTPError):
                urllib.request.urlopen(address + "nothing")
            server.send_signal(signal.SIGINT)
            self.assertEqual(server.wait(timeout=20), 0)

    def test_what_cannot_be_served(self):
        self.refused("serve", self.dir / "nowhere", says=["nowhere"])
        self.refused("serve", self.dir, "--listen", "nonsense", says=["nonsense"])
        self.assertEqual(os.listdir(self.dir), [])


if __name__ == "__main__":
    unittest.main()
