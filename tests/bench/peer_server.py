"""The server that people write first, FastAPI and PyTorch, one picture at a time or in batches: for server.py.

    uvicorn peer_server:app --port 9001          # GENSEARCH_ENCODER names the model, PEER_BATCHES=1 has it batch
"""

import asyncio
import io
import os

import torch
from fastapi import FastAPI, Request
from PIL import Image
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection

MOST = 32
ENCODER = os.environ["GENSEARCH_ENCODER"]
BATCHES = os.environ.get("PEER_BATCHES") == "1"
torch.set_num_threads(int(os.environ["PEER_THREADS"]))
processor = CLIPImageProcessor.from_pretrained(ENCODER)
model = CLIPVisionModelWithProjection.from_pretrained(ENCODER).eval()
app = FastAPI()
waiting: asyncio.Queue = asyncio.Queue()


def prepare(data):
    return processor(Image.open(io.BytesIO(data)).convert("RGB"), return_tensors="pt")["pixel_values"]


def encode(pixels):
    with torch.inference_mode():
        features = model(pixel_values=pixels).image_embeds
    return torch.nn.functional.normalize(features, dim=-1)


async def encode_batches():
    while True:
        batch = [await waiting.get()]
        while len(batch) < MOST and not waiting.empty():
            batch.append(waiting.get_nowait())
        pixels = torch.cat([pixels for pixels, _ in batch])
        features = await asyncio.to_thread(encode, pixels)
        for feature, (_, done) in zip(features, batch, strict=True):
            done.set_result(feature)


@app.on_event("startup")
async def start():
    if BATCHES:
        app.state.task = asyncio.create_task(encode_batches())


@app.post("/v1/encode")
async def answer(request: Request):
    data = await request.body()
    pixels = await asyncio.to_thread(prepare, data)
    if BATCHES:
        done = asyncio.get_running_loop().create_future()
        await waiting.put((pixels, done))
        feature = await done
    else:
        feature = (await asyncio.to_thread(encode, pixels))[0]
    return {"feature": feature.tolist()}
