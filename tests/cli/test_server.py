"""serve --api: answers as of the program's own commands; what is hostile, wrong or too much is refused by its code."""

import base64
import http.client
import json
import signal
import socket
import struct
import subprocess
import threading
import time
import unittest
import zlib
from contextlib import contextmanager

from harness import GOLDEN, OTHER, PROGRAM, TINY, VISION, Case, png, speckled

CATS, SEAS = (200, 30, 30), (20, 40, 220)
PICTURE = speckled(CATS, 5)


class Server:
    def __init__(self, test, *args):
        command = [PROGRAM, "serve", *map(str, args), "--listen", "127.0.0.1:0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=test.dir)
        line = self.process.stdout.readline().decode().strip()
        test.assertTrue(line.startswith("http://127.0.0.1:"), line or self.process.stderr.read().decode())
        self.port = int(line.rstrip("/").rsplit(":", 1)[1])
        test.addCleanup(self.end)

    def end(self, number=signal.SIGTERM):
        """The exit code, and what was written to standard error."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        self.process.wait(timeout=30)
        log = b"" if self.process.stderr.closed else self.process.stderr.read()
        self.process.stdout.close()
        self.process.stderr.close()
        return self.process.returncode, log.decode()

    def ask(self, method, path, body=None, **headers):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        data = answer.read()
        connection.close()
        is_json = (answer.getheader("Content-Type") or "").endswith("json")
        return answer, json.loads(data) if is_json and data else data

    def post(self, path, document, **headers):
        return self.ask("POST", path, json.dumps(document), Content_Type="application/json", **headers)

    @contextmanager
    def socket(self):
        with socket.create_connection(("127.0.0.1", self.port), timeout=30) as connection:
            yield connection

    def send_raw(self, text):
        """What comes back until the server closes the connection, or answers once."""
        with self.socket() as connection:
            connection.sendall(text)
            received = b""
            while b"\r\n\r\n" not in received:
                piece = connection.recv(65536)
                if not piece:
                    break
                received += piece
            return received


class Served(Case):
    """A server of three models."""

    def setUp(self):
        super().setUp()
        self.index(
            self.folder_model("cats", CATS, type="GAN", tags=["cat", "animal"], authors=["Ann"], family="F"),
            self.folder_model("seas", SEAS, type="VAE"),
            self.folder_model("greens", (30, 190, 40)),
        )
        (self.dir / "cat.png").write_bytes(PICTURE)

    def serve(self, *args):
        return Server(self, "--api", self.db, *args)

    def assert_problem(self, answer, status, code, says=""):
        head, body = answer
        self.assertEqual((head.status, body["status"], body["code"]), (status, status, code), body)
        self.assertEqual(head.getheader("Content-Type"), "application/problem+json")
        self.assertIn(says, body["detail"])

    def assert_feature(self, got, *args):
        want = self.json("encode", *args, "--encoder", TINY)[0]["feature"]
        self.assertEqual(len(got), len(want))
        self.assertLess(max(abs(a - b) for a, b in zip(got, want, strict=True)), 1e-5)


class Answers(Served):
    def test_features_are_those_of_encode(self):
        server = self.serve()
        head, body = server.post("/v1/encode", {"text": "a red cat"})
        self.assertEqual(head.status, 200)
        self.assertEqual((body["kind"], len(body["encoder"])), ("text", 64))
        self.assert_feature(body["feature"], "--text", "a red cat")
        for name in ("rgb.png", "ycc444.jpg", "lossy.webp"):
            path = GOLDEN / "images" / name
            head, body = server.ask("POST", "/v1/encode", path.read_bytes(), Content_Type="application/octet-stream")
            self.assertEqual((head.status, body["kind"]), (200, "image"))
            self.assert_feature(body["feature"], "--image", path)
        status, log = server.end()
        self.assertEqual(status, 0)
        lines = [json.loads(line) for line in log.splitlines()]
        self.assertEqual([(line["route"], line["status"]) for line in lines], [("encode", 200)] * 4)
        self.assertNotIn("red cat", log)

    def test_results_are_those_of_search(self):
        server = self.serve()
        picture = base64.b64encode(PICTURE).decode()
        feature = self.json("encode", "--image", "cat.png", "--encoder", TINY)[0]["feature"]
        cases = [
            ([{"text": "red"}], ["--text", "red"], {}),
            ([{"image": picture}], ["--image", "cat.png"], {}),
            ([{"sketch": picture}], ["--sketch", "cat.png"], {}),
            ([{"feature": feature, "kind": "image"}], ["--image", "cat.png"], {}),
            ([{"model": "cats"}], ["--model", "cats"], {}),
            (
                [{"text": "red"}, {"model": "seas", "weight": -0.5}],
                ["--text", "red", "--model", "seas", "--weight", -0.5],
                {},
            ),
            ([{"text": "red type:GAN"}], ["--text", "red type:GAN"], {}),
            ([{"text": "red"}], ["--text", "red", "--tag", "cat"], {"filters": {"tag": ["cat"]}}),
            (
                [{"text": "red"}],
                ["--text", "red", "--method", "first-moment", "--limit", 2],
                {"method": "first-moment", "limit": 2},
            ),
        ]
        for parts, args, more in cases:
            head, body = server.post("/v1/search", {"parts": parts, "closest": True, **more})
            self.assertEqual(head.status, 200, body)
            want = self.json("search", self.db, *args, "--closest")
            self.assertEqual([r["slug"] for r in body["results"]], [r["slug"] for r in want], args)
            for got, right in zip(body["results"], want, strict=True):
                self.assertAlmostEqual(got["probability"], right["probability"], delta=1e-4)
                self.assertEqual([p["kind"] for p in got["parts"]], [p["kind"] for p in right["parts"]])

    def test_models_are_listed_in_pages(self):
        server = self.serve()
        head, body = server.ask("GET", "/v1/models?first=1&count=1")
        self.assertEqual((head.status, body["count"], [m["slug"] for m in body["models"]]), (200, 3, ["greens"]))
        head, body = server.ask("GET", "/v1/models/cats")
        self.assertEqual(body["tags"], ["cat", "animal"])
        self.assertEqual((body["title"], body["type"], body["authors"], body["family"]), ("Cats", "GAN", ["Ann"], "F"))
        self.assert_problem(server.ask("GET", "/v1/models/dogs"), 404, "not_found", "dogs")
        for wrong in ("first=-1", "count=x", "count=1001", "first="):
            self.assert_problem(server.ask("GET", f"/v1/models?{wrong}"), 400, "bad_request", "whole numbers")

    def test_a_published_folder_is_served_and_searched(self):
        self.share = self.make_share()
        self.ok("publish", self.db, "public", env=self.environment())
        server = Server(self, "public", "--api", "public", "--encoder", TINY)
        head, body = server.post("/v1/search", {"parts": [{"text": "red"}], "closest": True})
        want = self.json("search", "public", "--text", "red", "--encoder", TINY, "--closest")
        self.assertEqual([r["slug"] for r in body["results"]], [r["slug"] for r in want])
        head, body = server.ask("GET", "/manifest.json")
        self.assertEqual(head.status, 200)
        self.assert_problem(server.ask("GET", "/v1/manifest.json"), 404, "not_found")

    def test_health_and_metrics(self):
        server = self.serve()
        self.assertEqual(server.ask("GET", "/healthz")[1], b"ok\n")
        self.assertEqual(server.ask("GET", "/readyz")[1], b"ready\n")
        server.post("/v1/encode", {"text": "x"})
        server.post("/v1/encode", {"text": 3})
        head, body = server.ask("GET", "/metrics")
        lines = dict(line.rsplit(" ", 1) for line in body.decode().splitlines() if not line.startswith("#"))
        self.assertEqual(lines['gensearch_answers_total{route="encode",status="2xx"}'], "1")
        self.assertEqual(lines['gensearch_answers_total{route="encode",status="4xx"}'], "1")
        self.assertEqual(lines['gensearch_answer_seconds_bucket{route="encode",le="+Inf"}'], "2")
        self.assertEqual((lines["gensearch_models"], lines["gensearch_encoded_total"]), ("3", "1"))

    def test_a_changed_database_is_read_anew_and_fails_no_request(self):
        server = self.serve("--rate", 0)
        failures, stop = [], threading.Event()

        def ask():
            while not stop.is_set():
                head, body = server.post("/v1/search", {"parts": [{"text": "red"}], "closest": True})
                if head.status != 200:
                    failures.append((head.status, body))

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for thread in threads:
            thread.start()
        self.index(self.folder_model("browns", (120, 80, 20)))
        server.process.send_signal(signal.SIGHUP)
        for _ in range(300):
            if server.ask("GET", "/metrics")[1].count(b"gensearch_models 4"):
                break
            time.sleep(0.1)
        else:
            self.fail("the new model was never read")
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(failures, [])

    def test_another_encoder_is_not_taken(self):
        self.refused("serve", "--api", self.db, "--encoder", OTHER, says=["the models were indexed with"])
        self.refused("serve", says=["name a folder, or a database with --api"])
        self.refused("serve", self.dir, "--proxy", "127.0.0.1", says=["without --api"])
        self.refused("serve", "--api", self.db, "--proxy", "localhost", says=["expected an address"])
        (self.dir / "empty").write_text("\n")
        self.refused("serve", "--api", self.db, "--token-file", "empty", says=["empty: its first line is empty"])

    def test_an_encoder_without_words_says_so(self):
        self.db = str(self.dir / "vision.db")
        self.index(self.folder_model("plain", CATS), encoder=VISION)
        server = self.serve()
        self.assert_problem(server.post("/v1/encode", {"text": "x"}), 400, "bad_request", "no text tower")
        self.assertEqual(server.ask("POST", "/v1/encode", PICTURE)[0].status, 200)


WORKER = """
import json, os, sys
SIDE = 24
for line in sys.stdin:
    request = json.loads(line)
    first, count = request["first"], request["count"]
    if request["seed"] == 13:
        sys.exit(3)
    with open("started", "a") as log:
        log.write(f"{os.getpid()}\\n")
    header = {"width": SIDE, "height": SIDE, "channels": 3, "count": count}
    sys.stdout.buffer.write(json.dumps(header).encode() + b"\\n")
    for i in range(first, first + count):
        for y in range(SIDE):
            for x in range(SIDE):
                sys.stdout.buffer.write(bytes((x * 9 % 256, (y * 7 + i * 31) % 256, request["seed"] * 50 % 256)))
    sys.stdout.buffer.flush()
"""


def painted(seed, i):
    """What WORKER makes."""
    return png(24, 24, lambda x, y: (x * 9 % 256, (y * 7 + i * 31) % 256, seed * 50 % 256))


class Samples(Served):
    def setUp(self):
        super().setUp()
        models = self.dir / "models"
        models.mkdir()
        for slug in ("paint", "other", "wrong"):
            path = self.write_model(slug, {"kind": "worker", "command": ["python3", "w.py"]})
            if slug == "wrong":
                path.write_text(path.read_text().replace('"wrong"', '"right"'))
            (path.parent / "w.py").write_text(WORKER)
            path.parent.rename(models / slug)
        (self.dir / "cats").rename(models / "cats")

    def pixels_of(self, picture):
        """The feature stands for the picture, whose PNG may be compressed in another way."""
        (self.dir / "one.png").write_bytes(picture)
        return self.json("encode", "--image", "one.png", "--encoder", TINY)[0]["feature"]

    def sample(self, server, **request):
        head, body = server.post("/v1/sample", request)
        self.assertEqual(head.status, 200, body)
        if head.getheader("Content-Type") == "image/png":
            return [body]
        boundary = head.getheader("Content-Type").split("boundary=")[1].encode()
        parts = body.split(b"--" + boundary)
        self.assertEqual((parts[0], parts[-1]), (b"", b"--\r\n"))
        return [part.split(b"\r\n\r\n", 1)[1][:-2] for part in parts[1:-1]]

    def test_samples_are_the_worker_s(self):
        server = self.serve("--models", "models", "--rate", 0)
        for request, want in (
            ({"model": "paint"}, [painted(1, 0)]),
            ({"model": "paint", "seed": 4, "first": 7, "count": 3}, [painted(4, i) for i in (7, 8, 9)]),
            ({"model": "other", "seed": 0, "count": 2}, [painted(0, 0), painted(0, 1)]),
            ({"model": "paint", "seed": 5, "first": 2}, [painted(5, 2)]),
        ):
            got = self.sample(server, **request)
            self.assertEqual(len(got), len(want))
            for a, b in zip(got, want, strict=True):
                self.assertEqual(self.pixels_of(a), self.pixels_of(b), request)
        started = (self.dir / "models" / "paint" / "started").read_text().split()
        self.assertEqual(len(set(started)), 1, "the worker stays warm, with another seed too")

    def test_a_folder_s_samples_end(self):
        server = self.serve("--models", "models")
        self.assertEqual(len(self.sample(server, model="cats", first=8, count=8)), 4)
        self.assert_problem(
            server.post("/v1/sample", {"model": "cats", "first": 12}), 400, "bad_request", "no sample 12"
        )

    def test_a_worker_that_dies_is_started_anew(self):
        server = self.serve("--models", "models", "--warm", 1)
        self.sample(server, model="paint")
        self.assert_problem(server.post("/v1/sample", {"model": "paint", "seed": 13}), 502, "worker_failed", "'paint'")
        self.sample(server, model="paint")
        self.sample(server, model="other")
        self.sample(server, model="paint")
        started = (self.dir / "models" / "paint" / "started").read_text().split()
        self.assertEqual(len(set(started)), 3, "one died, one was given up for another model's")
        self.assertIn("models/paint/model.json: worker 'python3'", server.end()[1])

    def test_what_is_not_sampled(self):
        server = self.serve("--models", "models")
        for request, status, code, says in (
            ({}, 400, "bad_request", "model is missing"),
            ({"model": "seas"}, 404, "not_found", "seas"),
            ({"model": "../paint"}, 404, "not_found", "paint"),
            ({"model": "paint", "count": 17}, 400, "bad_request", "count"),
            ({"model": "paint", "seed": -1}, 400, "bad_request", "seed"),
            ({"model": "paint", "seed": 2**53}, 400, "bad_request", "seed"),
            ({"model": "wrong"}, 502, "worker_failed", "wrong"),
        ):
            self.assert_problem(server.post("/v1/sample", request), status, code, says)
        self.assert_problem(
            self.serve().post("/v1/sample", {"model": "paint"}), 404, "not_found", "no model is sampled"
        )
        self.refused("serve", "--api", self.db, "--models", "nowhere", says=["nowhere: expected a folder of models"])


class Hostile(Served):
    """Everything here is harmless by itself: it only looks like what an attacker sends."""

    def test_bodies_that_are_no_picture_or_too_large_a_one(self):
        server = self.serve()
        for body, says in (
            (b"", "empty"),
            (b"<html>", "the picture"),
            (PICTURE[:60], "the picture"),
            (b"GIF89a" + bytes(40), "GIF"),
        ):
            self.assert_problem(server.ask("POST", "/v1/encode", body), 400, "bad_request", says)
        # A header that says 30000 x 30000, over nothing.
        header = struct.pack(">IIBBBBB", 30000, 30000, 8, 2, 0, 0, 0)
        chunk = struct.pack(">I", 13) + b"IHDR" + header + struct.pack(">I", zlib.crc32(b"IHDR" + header))
        bomb = PICTURE[:8] + chunk + PICTURE[33:]
        self.assert_problem(server.ask("POST", "/v1/encode", bomb), 400, "bad_request", "30000 x 30000 pixels")
        self.assertEqual(server.ask("POST", "/v1/encode", PICTURE)[0].status, 200)

    def test_bodies_that_are_too_long(self):
        server = self.serve()
        for path in ("/v1/encode", "/v1/search"):
            self.assert_problem(server.ask("POST", path, bytes((10 << 20) + 1)), 413, "too_large")
            said = f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n".encode()
            self.assertIn(b" 413 ", server.send_raw(said))

        def pieces():
            for _ in range(11):
                yield bytes(1 << 20)

        self.assert_problem(server.ask("POST", "/v1/encode", pieces()), 413, "too_large")
        endless = b"POST /v1/encode HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
        with server.socket() as connection:
            connection.sendall(endless)
            piece = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
            with self.assertRaises(OSError):
                for _ in range(100):
                    connection.sendall(piece)
                raise AssertionError("100 MB were read")
        self.assertEqual(server.ask("POST", "/v1/encode", PICTURE)[0].status, 200)

    def test_lengths_that_leave_open_where_a_request_ends(self):
        server = self.serve()
        for headers in (
            "Content-Length: 5\r\nTransfer-Encoding: chunked",
            "Transfer-Encoding: chunked\r\nContent-Length: 5",
            "Content-Length: 5\r\nContent-Length: 6",
            "Transfer-Encoding: gzip, chunked",
            "Transfer-Encoding: xchunked",
            "Content-Length: +5",
            "Content-Length: 5, 5",
            "Content-Length: -1",
        ):
            text = f"POST /v1/encode HTTP/1.1\r\nHost: x\r\n{headers}\r\n\r\nhello".encode()
            answer = server.send_raw(text + b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
            self.assertTrue(answer == b"" or b" 400 " in answer.split(b"\r\n")[0], (headers, answer))
            self.assertNotIn(b"200 OK", answer, headers)

    def test_paths_that_lead_elsewhere(self):
        (self.dir / "public").mkdir()
        (self.dir / "public" / "index.html").write_text("home")
        (self.dir / "secret").write_text("secret")
        server = Server(self, "public", "--api", self.db)
        for path in (
            "/../secret",
            "/%2e%2e/secret",
            "/..%2fsecret",
            "/v1/../secret",
            "/v1/models/../../secret",
            "//secret",
            "/v1/models/..%2f..%2fsecret",
            "/v1/models/%00",
            "/.%00./secret",
            "/v1/encode/",
            "/V1/encode",
        ):
            answer = server.send_raw(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            self.assertIn(answer.split(b" ")[1], (b"400", b"404"), path)

    def test_json_of_the_wrong_kind(self):
        server = self.serve()
        for document, says in (
            ([], "not a JSON object"),
            ({}, "text is missing"),
            ({"text": 5}, "text is 5"),
            ({"text": None}, "text is missing"),
            ({"text": "a", "txt": "b"}, "txt is no field"),
            ({"text": "a" * 9_000_000}, "a text of 9000000 bytes"),
        ):
            self.assert_problem(server.post("/v1/encode", document), 400, "bad_request", says)
        for document, says in (
            ({}, "parts is missing"),
            ({"parts": []}, "parts"),
            ({"parts": [{"text": "a"}] * 17}, "a list of 1 to 16"),
            ({"parts": [5]}, "parts[0]. is no object"),
            ({"parts": [{}]}, "expected text, image, sketch, model or feature"),
            ({"parts": [{"text": "a", "model": "cats"}]}, "expected one of them"),
            ({"parts": [{"text": "type:GAN"}]}, "only conditions"),
            ({"parts": [{"text": "a", "weight": 0}]}, "weight"),
            ({"parts": [{"text": "a", "weight": "1"}]}, "weight"),
            ({"parts": [{"image": "###"}]}, "base64"),
            ({"parts": [{"image": "AAAA"}]}, "the picture"),
            ({"parts": [{"feature": [1, 2]}]}, "numbers, the encoder's"),
            ({"parts": [{"feature": [1] * 24}]}, "feature"),
            ({"parts": [{"feature": [0.1], "kind": "noise"}]}, "noise"),
            ({"parts": [{"text": "a"}], "limit": 0}, "limit"),
            ({"parts": [{"text": "a"}], "limit": 1001}, "limit"),
            ({"parts": [{"text": "a"}], "method": "best"}, "best"),
            ({"parts": [{"text": "a"}], "method": "frechet"}, "no method for a text"),
            ({"parts": [{"text": "a"}], "filters": ["GAN"]}, "filters"),
            ({"parts": [{"text": "a"}], "filters": {"colour": ["red"]}}, "filters.colour"),
            ({"parts": [{"text": "a"}], "filters": {"type": [1]}}, "holds what is no text"),
            ({"parts": [[0] * 100_001]}, "values"),
        ):
            self.assert_problem(server.post("/v1/search", document), 400, "bad_request", says)
        deep = b'{"parts":' + b"[" * 50_000
        self.assert_problem(server.ask("POST", "/v1/search", deep), 400, "bad_request", "not JSON")
        self.assert_problem(server.post("/v1/search", {"parts": [{"model": "dogs"}]}), 404, "not_found", "dogs")

    def test_other_methods(self):
        server = self.serve()
        for method, path in (
            ("GET", "/v1/encode"),
            ("PUT", "/v1/search"),
            ("POST", "/v1/models"),
            ("TRACE", "/metrics"),
        ):
            head, body = server.ask(method, path)
            self.assert_problem((head, body), 405, "method_not_allowed")
            self.assertIn(head.getheader("Allow"), ("GET, HEAD, OPTIONS", "POST, OPTIONS"))
        head, body = server.ask("HEAD", "/v1/models")
        self.assertEqual((head.status, int(head.getheader("Content-Length")) > 0), (200, True))

    def test_tokens(self):
        (self.dir / "token").write_text("tell-nobody\n")
        server = self.serve("--token-file", "token")
        for sent in (
            {},
            {"Authorization": "Bearer wrong"},
            {"Authorization": "Bearer tell-nobody2"},
            {"Authorization": "Basic tell-nobody"},
            {"Authorization": "tell-nobody"},
        ):
            head, body = server.post("/v1/encode", {"text": "x"}, **sent)
            self.assert_problem((head, body), 401, "unauthorized")
            self.assertEqual(head.getheader("WWW-Authenticate"), "Bearer")
        self.assertEqual(server.ask("GET", "/metrics")[0].status, 401)
        self.assertEqual(server.ask("GET", "/healthz")[0].status, 200)
        self.assertEqual(server.post("/v1/encode", {"text": "x"}, Authorization="Bearer tell-nobody")[0].status, 200)

    def test_origins(self):
        server = self.serve("--allow-origin", "https://one.example")
        for origin, allowed in (
            ("https://one.example", True),
            ("https://two.example", False),
            ("null", False),
            ("https://one.example.evil.example", False),
        ):
            for method in ("POST", "OPTIONS"):
                head, _ = server.ask(method, "/v1/encode", PICTURE if method == "POST" else None, Origin=origin)
                told = head.getheader("Access-Control-Allow-Origin")
                self.assertEqual(told, origin if allowed else None)
                self.assertEqual(head.getheader("Vary"), "Origin")
        self.assertIsNone(
            self.serve().ask("POST", "/v1/encode", PICTURE, Origin="null")[0].getheader("Access-Control-Allow-Origin")
        )

    def test_an_address_may_ask_only_so_often(self):
        server = self.serve("--rate", "0.01")
        statuses = [server.ask("GET", "/v1/models")[0].status for _ in range(62)]
        self.assertEqual(statuses, [200] * 60 + [429] * 2)
        head, body = server.ask("GET", "/v1/models", X_Forwarded_For="10.0.0.1")
        self.assert_problem((head, body), 429, "too_many_requests")
        self.assertEqual(head.getheader("Retry-After"), "1")
        server = self.serve("--rate", "0.01", "--proxy", "127.0.0.1", "--proxy", "10.0.0.9")
        for forwarded in ("10.0.0.1", "bad, 10.0.0.2", "10.0.0.1, 10.0.0.3, 10.0.0.9", "[2001:db8::1]:80"):
            statuses = [server.ask("GET", "/v1/models", X_Forwarded_For=forwarded)[0].status for _ in range(61)]
            self.assertEqual(statuses, [200] * 60 + [429], forwarded)
        # What a client itself put in front is not believed.
        self.assertEqual(server.ask("GET", "/v1/models", X_Forwarded_For="10.0.0.77, 10.0.0.3")[0].status, 429)

    def test_more_connections_of_an_address_than_it_may_have(self):
        server = self.serve("--connections", "3")
        held = [socket.create_connection(("127.0.0.1", server.port), timeout=30) for _ in range(3)]
        time.sleep(0.3)
        with self.assertRaises((ConnectionError, http.client.BadStatusLine)):
            server.ask("GET", "/healthz")
        for connection in held:
            connection.close()

    def test_a_client_that_leaves_is_not_encoded_for(self):
        server = self.serve("--threads", "1")
        request = b"POST /v1/encode HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(PICTURE) + PICTURE
        for _ in range(40):
            with server.socket() as connection:
                connection.sendall(request)
        for _ in range(100):
            metrics = server.ask("GET", "/metrics")[1].decode()
            if "gensearch_requests_waiting 0" in metrics:
                break
            time.sleep(0.1)
        self.assertEqual(server.ask("POST", "/v1/encode", PICTURE)[0].status, 200)


if __name__ == "__main__":
    unittest.main()
