"""Pictures per second at several batch sizes: gensearch against what people use."""

import time

import torch

import context
import peers
from measure import Contender, attempt, best_peer, check, print_table, ratio, run_rounds

NO_BF16 = "ONNX Runtime has no bf16 matrix products on this processor"


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


def others(bench, tower, converted, onnx, inputs):
    found = []
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
    return sorted(found, key=lambda c: c.precision, reverse=True)


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
    tower, converted, onnx = prepared
    frames = context.frames(batch, bench.image_size(bench.shape))
    inputs = context.pixels(frames)
    torch.compiler.reset()  # what it compiled for another batch
    contenders, opened = ours(bench, directory, frames)
    contenders += others(bench, tower, converted, onnx, inputs)
    check(contenders, peers.bind_pytorch(tower, inputs, "f32", False)())
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
    prepared = tower, peers.convert_openvino(tower, example), onnx
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
