#!/usr/bin/env python3
"""The sampler worker for image servers over HTTP (sampler.kind "http"); Python's standard library alone.

    {"kind": "http", "server": "http://127.0.0.1:8080", "protocol": "openai", "prompts": "p.txt", "size": [512, 512]}

protocol   "openai": POST /v1/images/generations (stable-diffusion.cpp, vLLM-Omni, SGLang), which must take "seed";
           "sdapi": POST /sdapi/v1/txt2img; "comfyui": POST /prompt, then GET /history/ID and /view
prompts    a list, or a text file, one prompt a line; sample i gets prompt i modulo their number
size       [width, height] that is asked for; not for comfyui
options    more fields of a request, such as {"steps": 20}; not for comfyui
workflow   for comfyui: a file in its API format. The text "%prompt%" and the value "%seed%" in it are replaced

Each sample is one request with a seed of its own, a function of the job's seed and of i, so that sample i is the same
in any batch, if the server keeps to its seeds. README.md has the protocol between gensearch and a worker.
"""

import base64
import hashlib
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

PATIENCE = 600  # seconds for one picture
POLL = 0.05  # seconds between two looks at ComfyUI's history


def fetch(url, body=None):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read()
    except urllib.error.HTTPError as error:
        raise ValueError(f"{url}: status {error.code}: {error.read(300).decode(errors='replace')}") from error
    except OSError as error:
        raise ValueError(f"{url}: {getattr(error, 'reason', error)}") from error


def fetch_json(url, body=None):
    data = fetch(url, body)
    try:
        return json.loads(data)
    except ValueError as error:
        raise ValueError(f"{url}: answered no JSON: {data[:100]!r}") from error


def pick(answer, url, *path):
    """What stands at the path in a server's answer."""
    for step in path:
        try:
            answer = answer[step]
        except (LookupError, TypeError) as error:
            raise ValueError(f"{url}: the answer has no {'.'.join(map(str, path))}") from error
    return answer


def ask_openai(sampler, prompt, seed):
    width, height = sampler["size"]
    url = sampler["server"] + "/v1/images/generations"
    body = {"prompt": prompt, "n": 1, "size": f"{width}x{height}", "response_format": "b64_json", "seed": seed}
    return base64.b64decode(pick(fetch_json(url, {**body, **sampler["options"]}), url, "data", 0, "b64_json"))


def ask_sdapi(sampler, prompt, seed):
    width, height = sampler["size"]
    url = sampler["server"] + "/sdapi/v1/txt2img"
    body = {"prompt": prompt, "seed": seed, "width": width, "height": height, "batch_size": 1, "n_iter": 1}
    picture = pick(fetch_json(url, {**body, **sampler["options"]}), url, "images", 0)
    return base64.b64decode(picture.split(",", 1)[-1])  # some servers put "data:image/png;base64," before it


def fill_in(node, prompt, seed):
    """The workflow with its placeholders replaced."""
    if isinstance(node, dict):
        return {key: fill_in(value, prompt, seed) for key, value in node.items()}
    if isinstance(node, list):
        return [fill_in(value, prompt, seed) for value in node]
    if node == "%seed%":
        return seed
    return node.replace("%prompt%", prompt) if isinstance(node, str) else node


def ask_comfyui(sampler, prompt, seed):
    server = sampler["server"]
    body = {"prompt": fill_in(sampler["workflow"], prompt, seed)}
    number = pick(fetch_json(server + "/prompt", body), server + "/prompt", "prompt_id")
    url = f"{server}/history/{urllib.parse.quote(number)}"
    deadline = time.monotonic() + PATIENCE
    while number not in (history := fetch_json(url)):
        if time.monotonic() > deadline:
            raise ValueError(f"{url}: no picture after {PATIENCE} seconds")
        time.sleep(POLL)
    for output in pick(history, url, number, "outputs").values():
        for image in output.get("images", []):
            place = {key: image.get(key, "") for key in ("filename", "subfolder", "type")}
            return fetch(f"{server}/view?{urllib.parse.urlencode(place)}")
    status = history[number].get("status", {}).get("status_str", "unknown")
    raise ValueError(f"{url}: the workflow made no picture (status: {status})")


PROTOCOLS = {"openai": ask_openai, "sdapi": ask_sdapi, "comfyui": ask_comfyui}


def is_size(value):
    return isinstance(value, list) and len(value) == 2 and all(type(side) is int and side > 0 for side in value)


def read_prompts(prompts, folder):
    if isinstance(prompts, str):
        prompts = [line for line in (folder / prompts).read_text(encoding="utf-8").splitlines() if line.strip()]
    if isinstance(prompts, list) and prompts and all(isinstance(prompt, str) for prompt in prompts):
        return prompts
    raise ValueError("field 'sampler.prompts' must be a list of texts, or a file of one a line")


def load(path):
    """The sampler block, checked, with its files read."""
    block = json.loads(Path(path).read_text(encoding="utf-8"))["sampler"]
    folder = Path(path).parent
    sampler = {"options": {}, **block}
    if sampler.get("protocol") not in PROTOCOLS:
        raise ValueError(f"field 'sampler.protocol' must be one of {', '.join(PROTOCOLS)}")
    if not str(sampler.get("server", "")).startswith(("http://", "https://")):
        raise ValueError("field 'sampler.server' must be an address such as http://127.0.0.1:8080")
    if not isinstance(sampler["options"], dict):
        raise ValueError("field 'sampler.options' must be an object")
    sampler["server"] = sampler["server"].rstrip("/")
    sampler["prompts"] = read_prompts(sampler.get("prompts"), folder)
    if sampler["protocol"] == "comfyui":
        if not isinstance(sampler.get("workflow"), str):
            raise ValueError("field 'sampler.workflow' must name a file in ComfyUI's API format")
        sampler["workflow"] = json.loads((folder / sampler["workflow"]).read_text(encoding="utf-8"))
    elif not is_size(sampler.get("size")):
        raise ValueError("field 'sampler.size' must be [width, height]")
    return sampler


def seed_of(seed, index):
    """31 bits, which every server takes."""
    return int.from_bytes(hashlib.sha256(f"{seed} {index}".encode()).digest()[:4], "little") >> 1


def sample(sampler, seed, index):
    prompt = sampler["prompts"][index % len(sampler["prompts"])]
    return PROTOCOLS[sampler["protocol"]](sampler, prompt, seed_of(seed, index))


def main():
    samplers = {}
    out = sys.stdout.buffer
    for line in sys.stdin.buffer:
        try:
            request = json.loads(line)
            path = request["model"]
            sampler = samplers[path] = samplers.get(path) or load(path)
            picture = sample(sampler, request["seed"], request["first"])
            answer = json.dumps({"pictures": [len(picture)]}).encode() + b"\n" + picture
        except (ValueError, OSError, KeyError, TypeError) as error:
            answer = json.dumps({"error": str(error)}).encode() + b"\n"
        out.write(answer)
        out.flush()


main()
