"""Pictures per second at several batch sizes: gensearch against what people use."""

import time

import torch

import context
import peers
from measure import Contender, attempt, best_peer, check, ratio, run_rounds, table

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
    outside = run_rounds(contenders, bench.rounds)
    for encoder in opened:
        encoder.close()
    return contenders, outside


def against(contender, contenders):
    """'1.23x' of the best peer of its precision; nothing for a peer."""
    peer = best_peer(contenders, contender.precision) if contender.ours else None
    return f"{ratio(contender, peer):.2f}x" if peer and contender.seconds else ""


def rows(results):
    """One per contender; per batch: median, best, and how ours compares."""
    largest = results[max(results)]  # has every contender
    names = [(c.name, c.precision) for c in largest]
    for name, precision in names:
        row, reasons = [f"{name}, {precision}"], []
        for batch, contenders in results.items():
            contender = next((c for c in contenders if (c.name, c.precision) == (name, precision)), None)
            if contender and contender.seconds:
                speed = f"{batch / contender.median:.1f} ({batch / contender.best:.1f})"
                row.append(f"{speed} {against(contender, contenders)}".strip())
            else:
                row.append("n/a" if contender else "")
                reasons += [contender.refused] if contender and contender.refused not in reasons else []
        if reasons:
            row[0] += f" ({'; '.join(reasons)})"
        yield row


def run(bench):
    directory = bench.model(bench.shape)
    tower, _ = peers.towers(directory)
    example = context.pixels(context.frames(1, bench.image_size(bench.shape)))
    onnx = peers.export_onnx(tower, example, bench.folder / f"{bench.shape}-vision.onnx")
    prepared = tower, peers.convert_openvino(tower, example), onnx
    results, records = {}, []
    for batch in bench.batches:
        contenders, outside = measure_batch(bench, directory, prepared, batch)
        results[batch] = contenders
        records.append({"batch": batch, "outside": outside, "contenders": [c.record() for c in contenders]})
    one = preparation(bench, directory, context.frames(1, bench.image_size(bench.shape))[0])
    print(f"\n### Pictures per second, {bench.shape}: median (best), and against the best peer of the same precision\n")
    print(table(["", *(f"batch {batch}" for batch in results)], rows(results)))
    busy = ", ".join(f"{r['outside']:.0%} at batch {r['batch']}" for r in records)
    print(
        f"\nOurs starts from u8 frames of the tower's size, {one * 1e3:.2f} ms each on one core to prepare, the peers "
        f"from prepared pixels. Others used {busy} of the machine meanwhile."
    )
    return {"shape": bench.shape, "preparation_seconds": one, "batches": records}
