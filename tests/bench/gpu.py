"""Pictures per second on a GPU, in bf16 from u8 frames on the device: gensearch against PyTorch (eager and compiled,
both with SDPA), and against the tower's matrix products alone, the roof that no encoder passes."""

import copy
import sys

import torch

import context
import peers
from measure import Contender, attempt, best_peer, check, print_table, ratio, run_rounds

LARGE = 512  # pixels a side of frames that need a resize, beside those of the tower's size
DIFFERENT = 64  # frames of a batch; more are these again


class FromFrames(torch.nn.Module):
    """u8 frames [n, side, side, 3] -> features: resized with antialiasing where needed, normalised, encoded."""

    def __init__(self, tower, size, dtype):
        super().__init__()
        self.tower, self.size, self.dtype = tower, size, dtype
        self.register_buffer("scale", torch.from_numpy(1 / 255 / context.STD).view(1, 3, 1, 1), persistent=False)
        self.register_buffer("shift", torch.from_numpy(context.MEAN / context.STD).view(1, 3, 1, 1), persistent=False)

    def forward(self, frames):
        pixels = frames.permute(0, 3, 1, 2).float()
        if pixels.shape[-1] != self.size:
            pixels = torch.nn.functional.interpolate(pixels, (self.size, self.size), mode="bicubic", antialias=True)
            pixels = pixels.round().clamp(0, 255)
        return self.tower((pixels * self.scale - self.shift).to(self.dtype))


def synchronised(function):
    """function, and the features on the host: nothing is left running when the clock stops."""

    def run():
        with torch.no_grad():
            return function().float().cpu().numpy()

    return run


def bind(tower, size, frames, dtype, compiled):
    module = FromFrames(tower, size, dtype)
    if compiled:
        # The quickest mode: picks kernels by trying them, and replays a CUDA graph.
        module = torch.compile(module, dynamic=False, mode="max-autotune")
    return synchronised(lambda: module(frames))


def products(config, dim, batch):
    """The tower's matrix products as (rows, in, out, how often)."""
    width, inner, layers = config.hidden_size, config.intermediate_size, config.num_hidden_layers
    grid = config.image_size // config.patch_size
    tokens = batch * (grid * grid + 1)
    patches = (batch * grid * grid, 3 * config.patch_size**2, width, 1)
    layer = [(width, 3 * width), (width, width), (width, inner), (inner, width)]
    projection = (batch, width, dim, 1)
    return [patches, *((tokens, i, o, layers) for i, o in layer), projection]


def bind_products(config, dim, batch):
    """All of them one after the other in a CUDA graph, results overwritten; attention and all else left out."""
    work = []
    for rows, inputs, outputs, times in products(config, dim, batch):
        x = torch.randn(rows, inputs, device="cuda", dtype=torch.bfloat16)
        weight = torch.randn(outputs, inputs, device="cuda", dtype=torch.bfloat16)
        work.append((x, weight.t(), torch.empty(rows, outputs, device="cuda", dtype=torch.bfloat16), times))

    def once():
        for x, weight, y, times in work:
            for _ in range(times):
                torch.matmul(x, weight, out=y)

    once()
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        once()

    def run():
        graph.replay()
        torch.cuda.synchronize()

    return run


def measure(bench, towers, config, batch, side):
    """Contenders timed with one batch size and one size of frames; the share of the machine that others used."""
    dim = towers["f32"].projection.out_features
    frames = torch.from_numpy(context.frames(min(batch, DIFFERENT), side)).cuda()
    frames = frames.repeat(-(-batch // len(frames)), 1, 1, 1)[:batch].contiguous()
    torch.compiler.reset()
    opened = []

    def ours():
        encoder = bench.library.open(bench.model(bench.shape), bench.threads, batch, "bf16", device="cuda")
        opened.append(encoder)
        return lambda: encoder.images_on_device(frames.data_ptr(), *frames.shape[:3])

    def pytorch(compiled):
        return bind(towers["bf16"], config.image_size, frames, torch.bfloat16, compiled)

    contenders = [
        attempt("gensearch", "bf16", ours, ours=True),
        attempt("PyTorch eager", "bf16", lambda: pytorch(False)),
        attempt("PyTorch compiled", "bf16", lambda: pytorch(True)),
    ]
    check(contenders, bind(towers["f32"], config.image_size, frames, torch.float32, False)())
    roof = Contender("matrix products alone", "roof", bind_products(config, dim, batch))
    outside = run_rounds([*contenders, roof], bench.rounds, bench.limit)
    for encoder in opened:
        encoder.close()
    return [*contenders, roof], outside


def rows(contenders, batch):
    roof = contenders[-1]
    for c in contenders:
        if c.refused:
            yield [f"{c.name}, {c.precision} ({c.refused})", "n/a", "", ""], c.record()
            continue
        peer = best_peer(contenders, c.precision) if c.ours else None
        against = f"{ratio(c, peer):.2f}x" if peer else ""
        speed = f"{batch / c.median:.0f} ({batch / c.best:.0f})"
        yield [f"{c.name}, {c.precision}", speed, against, f"{ratio(c, roof):.0%}"], c.record()


def run(bench):
    if not torch.cuda.is_available():
        sys.exit("tests/bench: --device cuda needs an NVIDIA GPU and PyTorch's build for it; this machine has none")
    torch.backends.cudnn.allow_tf32 = False  # the reference is f32
    tower = peers.towers(bench.model(bench.shape))[0].cuda()
    config = tower.tower.config
    towers = {"f32": tower, "bf16": copy.deepcopy(tower).to(torch.bfloat16)}
    device = torch.cuda.get_device_name()
    print(f"\n### Pictures per second on {device}, {bench.shape}, from u8 frames on the device: median (best)")
    records = []
    for side in (config.image_size, LARGE):
        for batch in bench.batches:
            contenders, outside = measure(bench, towers, config, batch, side)
            print(f"\n{side}x{side}, batch {batch}\n")
            header = ["", "pictures/s", "against PyTorch's best", "of the roof"]
            facts = {"side": side, "batch": batch, "outside": outside}
            records.append(facts | {"contenders": print_table(header, rows(contenders, batch))})
    return {"shape": bench.shape, "device": device, "cuda": torch.version.cuda, "results": records}
