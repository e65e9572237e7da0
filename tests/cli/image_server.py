"""Stand-ins for image servers: three protocols as documented, over pictures that depend on prompt and seed alone."""

import base64
import hashlib
import json
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from harness import png


def picture(prompt, seed, width, height):
    noise = hashlib.shake_128(f"{prompt} {seed}".encode()).digest(width * height * 3)
    return png(width, height, lambda x, y: noise[(y * width + x) * 3 : (y * width + x) * 3 + 3])


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, body, status=200):
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):  # noqa: N802
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.server.requests.append((self.path, body))
        if self.server.broken:
            return self.answer({"error": {"message": "out of memory"}}, 500)
        if self.path == "/v1/images/generations":
            width, height = map(int, body["size"].split("x"))
            data = base64.b64encode(picture(body["prompt"], body["seed"], width, height)).decode()
            return self.answer({"created": 1, "data": [{"b64_json": data}] * body["n"]})
        if self.path == "/sdapi/v1/txt2img":
            data = base64.b64encode(picture(body["prompt"], body["seed"], body["width"], body["height"])).decode()
            return self.answer({"images": [data], "parameters": body, "info": "{}"})
        if self.path == "/prompt":
            number = f"id-{len(self.server.queue)}"
            self.server.queue[number] = [2, body["prompt"]]  # done at the third look
            return self.answer({"prompt_id": number, "number": 1, "node_errors": {}})
        return self.answer({"error": "no such route"}, 404)

    def do_GET(self):  # noqa: N802
        url = urllib.parse.urlparse(self.path)
        if url.path.startswith("/history/"):
            number = url.path.removeprefix("/history/")
            entry = self.server.queue[number]
            entry[0] -= 1
            if entry[0] >= 0:
                return self.answer({})
            image = {"filename": number, "subfolder": "a b", "type": "output"}
            return self.answer({number: {"outputs": {"9": {"images": [image]}}, "status": {"status_str": "success"}}})
        query = dict(urllib.parse.parse_qsl(url.query))
        if url.path == "/view" and query["subfolder"] == "a b" and query["type"] == "output":
            workflow = self.server.queue[query["filename"]][1]
            text, sampler = workflow["6"]["inputs"]["text"], workflow["3"]["inputs"]
            return self.answer(picture(text, sampler["seed"], 16, 12))
        return self.answer({"error": "no such route"}, 404)


class ImageServer(ThreadingHTTPServer):
    """with ImageServer() as server: ... server.url, server.requests ..."""

    daemon_threads = True

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests, self.queue, self.broken = [], {}, False
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def __exit__(self, *_):
        self.shutdown()
        self.server_close()
