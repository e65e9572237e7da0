"""Pictures per second at several batch sizes: gensearch against what people use."""

import time
from dataclasses import dataclass

import torch

import context
import peers
from measure import Contender, attempt, best_peer, check, print_table, ratio, run_rounds

CALIBRATION = 16  # pictures that OpenVINO sees beforehand
NO_BF16 = "ONNX Runtime has no bf16 matrix products on this processor"


@dataclass
class Prepared:
    """The tower in every library's own form."""

    tower: object
    converted: object  # OpenVINO's
    quantised: object  # the same in int8
    onnx: object  # a path


def ours(bench, directory, frames):
    """Contenders and the encoders to close afterwards."""
    opened = []

    def make(precision, backend):
        encoder = bench.library.open(directory, bench.threads, len(frames), precision, backend=backend)
        opened.append(encoder)
        return lambda: encoder.images(frames)

    contenders = [
        attempt(name, precision, lambda p=precision, b=backend: make(p, b), ours=True)
        for name, precision, backend in context.OURS
    ]
    return contenders, opened


def int8_peers(bench, prepared, frames, inputs):
    for name, bind in (("OpenVINO", peers.bind_openvino), ("OpenVINO streams", peers.bind_openvino_streams)):
        if name == "OpenVINO" or len(inputs) > 1:
            yield attempt(name, "int8", lambda b=bind: b(prepared.quantised, inputs, "int8", bench.threads))
    onnx = peers.quantise_onnx(prepared.onnx)
    yield attempt("ONNX Runtime dynamic", "int8", lambda: peers.bind_onnxruntime(onnx, inputs, bench.threads))
    if bench.shape == "vit-b-32":
        directory = bench.model(bench.shape)
        yield attempt("faster-clip", "int8", lambda: peers.bind_faster_clip(directory, frames, bench.threads))


def others(bench, prepared, frames, inputs):
    tower, converted, onnx = prepared.tower, prepared.converted, prepared.onnx
    found = list(int8_peers(bench, prepared, frames, inputs))
    for precision in peers.TYPES:
        for name, compiled in (("PyTorch eager", False), ("PyTorch compiled", True)):
            found.append(
                attempt(name, precision, lambda p=precision, c=compiled: peers.bind_pytorch(tower, inputs, p, c))
            )
        for name, bind in (("OpenVINO", peers.bind_openvino), ("OpenVINO streams", peers.bind_openvino_streams)):
            if name == "OpenVINO" or len(inputs) > 1:
                found.append(
                    attempt(name, precision, lambda p=precision, b=bind: b(converted, inputs, p, bench.threads))
                )
    found.append(attempt("ONNX Runtime", "f32", lambda: peers.bind_onnxruntime(onnx, inputs, bench.threads)))
    found.append(Contender("ONNX Runtime", "bf16", refused=NO_BF16))
    return sorted(found, key=lambda c: ["f32", "bf16", "int8"].index(c.precision))


def preparation(bench, directory, frame):
    """Seconds that one thread takes to prepare a picture of the right size already: part of ours, not of theirs."""
    with bench.library.open(directory, 1, 1) as encoder:
        best = float("inf")
        for _ in range(50):
            start = time.perf_counter()
            encoder.prepare(frame)
            best = min(best, time.perf_counter() - start)
        return best


def measure_batch(bench, directory, prepared, batch):
    frames = context.frames(batch, bench.image_size(bench.shape))
    inputs = context.pixels(frames)
    torch.compiler.reset()  # what it compiled for another batch
    contenders, opened = ours(bench, directory, frames)
    contenders += others(bench, prepared, frames, inputs)
    check(contenders, peers.bind_pytorch(prepared.tower, inputs, "f32", False)())
    outside = run_rounds(contenders, bench.rounds, bench.limit)
    for encoder in opened:
        encoder.close()
    return contenders, outside


def against(contender, contenders):
    """'1.23x' of the best peer of its precision; nothing for a peer."""
    peer = best_peer(contenders, contender.precision) if contender.ours else None
    return f"{ratio(contender, peer):.2f}x" if peer and contender.seconds else ""


def rows(contenders, batch):
    """One per contender: median, best, and how ours compares."""
    for c in contenders:
        label = f"{c.name}, {c.precision}"
        if c.refused:
            yield [f"{label} ({c.refused})", "n/a", ""], c.record()
        else:
            speed = f"{batch / c.median:.1f} ({batch / c.best:.1f})"
            yield [label, speed, against(c, contenders)], c.record()


def run(bench):
    directory = bench.model(bench.shape)
    tower, _ = peers.towers(directory)
    example = context.pixels(context.frames(1, bench.image_size(bench.shape)))
    onnx = peers.export_onnx(tower, example, bench.folder / f"{bench.shape}-vision.onnx")
    converted = peers.convert_openvino(tower, example)
    calibration = context.pixels(context.frames(CALIBRATION, bench.image_size(bench.shape)))
    prepared = Prepared(tower, converted, peers.quantise_openvino(converted, calibration), onnx)
    one = preparation(bench, directory, context.frames(1, bench.image_size(bench.shape))[0])
    print(
        f"\n### Pictures per second, {bench.shape}: median (best), and against the best peer of the same precision\n\n"
        f"Ours starts from u8 frames of the tower's size, {one * 1e3:.2f} ms each on one core to prepare, the peers "
        "from prepared pixels.",
        flush=True,
    )
    records = []
    for batch in bench.batches:
        contenders, outside = measure_batch(bench, directory, prepared, batch)
        print(f"\nBatch {batch}; others used {outside:.0%} of the machine meanwhile\n")
        table = print_table(["", "pictures/s", "against the best peer"], rows(contenders, batch))
        records.append({"batch": batch, "outside": outside, "contenders": table})
    return {"shape": bench.shape, "preparation_seconds": one, "batches": records}
