"""How each type of generator is trained on a handful of pictures: ink [n, 3, 64, 64] -> a Trained one.

All memorise their pictures and learn to move between them; with so few that is all there is to learn. Most see a
picture as its principal components, which takes no training and keeps it sharp; two learn a convolutional decoder and
its codes instead. Six more numbers of every latent place the picture (nets.Placement), so that no two are the same."""

import math
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import nn

from nets import PLACE, Decoder, Denoiser, Flow, Placement, PrincipalPainter, Prior, perceptron

BATCH = 16  # pictures a step of a convolutional decoder
STEPS = 16  # of diffusion sampling
COMPONENTS = 48  # of the principal painter
TOKENS, STAGES = 64, 8  # words of a stage, stages of a picture


@dataclass
class Trained:
    """Graphs to export, by file name, each with its example inputs by name and its outputs' names; and the sampler."""

    sampler: dict
    graphs: dict = field(default_factory=dict)


# ---- shared ----------------------------------------------------------------------------------------------


def bfloat():
    return torch.autocast("cpu", torch.bfloat16)


def optimiser(parameters, steps, rate):
    adam = torch.optim.Adam(parameters, rate, betas=(0.9, 0.99))
    warm = max(1, steps // 20)

    def factor(step):
        return min((step + 1) / warm, 0.5 + 0.5 * math.cos(math.pi * min(1, step / steps)) + 0.01)

    return adam, torch.optim.lr_scheduler.LambdaLR(adam, factor)


def descend(adam, schedule, loss):
    adam.zero_grad(set_to_none=True)
    loss.backward()
    adam.step()
    schedule.step()


def report(name, step, steps, **figures):
    if step % (steps // 5 or 1) == 0 or step == steps - 1:
        print(f"  {name} {step:5d} ", *(f"{key} {value.item():.4f}" for key, value in figures.items()), flush=True)


def picture_loss(made, wanted):
    """Mean absolute difference of the pixels, and of their slopes, which is what keeps edges sharp."""
    loss = (made - wanted).abs().mean()
    for axis in (2, 3):
        loss = loss + (made.diff(dim=axis) - wanted.diff(dim=axis)).abs().mean()
    return loss


def principal_codes(ink, size):
    """Whitened principal components [n, size]: where the codes start, so that like pictures lie side by side."""
    flat = F.avg_pool2d(ink, 2).flatten(1)
    left, scale, _ = torch.linalg.svd(flat - flat.mean(0), full_matrices=False)
    codes = left[:, :size] * math.sqrt(len(ink))
    if codes.shape[1] < size:
        codes = torch.cat([codes, torch.randn(len(ink), size - codes.shape[1])], 1)
    return codes


def fit_codes(ink, concept, size, steps, noise=0.15):
    """A decoder and one code a picture, fitted together (generative latent optimisation, Bojanowski et al. 2018)."""
    decoder = Decoder(size, concept.widths).to(memory_format=torch.channels_last)
    codes = nn.Parameter(principal_codes(ink, size))
    groups = [{"params": decoder.parameters()}, {"params": [codes], "lr": 0.01}]
    adam, schedule = optimiser(groups, steps, 2e-3)
    for step in range(steps):
        index = torch.randint(len(ink), (BATCH,))
        content = codes[index] + noise * torch.randn(BATCH, size)
        with bfloat():
            made = decoder(content).float()
        loss = picture_loss(made, ink[index])
        descend(adam, schedule, loss + 1e-3 * content.square().mean())
        report("decoder", step, steps, loss=loss)
    return decoder, codes.detach()


def principal(ink):
    """A principal painter, the code [n, size] of every picture, and what each component weighs in pixels [size]."""
    painter = PrincipalPainter(min(COMPONENTS, len(ink) - 1) // 2 * 2)
    return painter, *painter.fit(ink)


def fit_painter(ink, concept, scale):
    """A painter of the concept's kind and the code [n, size] of every picture."""
    if concept.painter == "convolutional":
        return fit_codes(ink, concept, 24, int(2000 * scale))
    return principal(ink)[:2]


class DecodeGraph(nn.Module):
    """z [n, content + PLACE] -> image [n, 3, 64, 64] in 0 .. 1. `before` maps the normal content to the decoder's."""

    def __init__(self, decoder, placement, before=None):
        super().__init__()
        self.decoder, self.placement, self.before = decoder, placement, before or nn.Identity()

    def forward(self, z):
        content, place = z[:, :-PLACE], z[:, -PLACE:]
        return 1 - self.placement(self.decoder(self.before(content)), place)


def one_graph(graph, latent):
    sampler = {"path": "model.onnx", "procedure": "decode", "latent": [latent], "range": [0, 1]}
    return Trained(sampler, {"model.onnx": (graph, {"z": torch.randn(16, latent)}, ["image"])})


# ---- one function a type ---------------------------------------------------------------------------------


def normal_sample(statistics):
    """A draw from the encoder's normal distribution, and the divergence of that from the standard one."""
    mean, spread = statistics.chunk(2, 1)
    spread = spread.clamp(-8, 4)
    divergence = 0.5 * (mean.square() + spread.exp() - 1 - spread).sum(1).mean()
    return mean + torch.exp(spread / 2) * torch.randn_like(mean), divergence


def train_vae(ink, concept, scale, size=4, blur=1.0):
    """Variational autoencoder (Kingma and Welling 2014) of principal components.

    blur is the deviation, of a whole picture, that the likelihood forgives. Pictures are about 10 apart, so they stay
    separate, and the small divergence this leaves room for makes each of them fill a large cell of the latent space."""
    painter, codes, share = principal(ink)
    coder, decoder = perceptron(codes.shape[1], 256, 2 * size), perceptron(size, 192, codes.shape[1])
    steps = int(2500 * scale)
    adam, schedule = optimiser([*coder.parameters(), *decoder.parameters()], steps, 2e-3)
    for step in range(steps):
        wanted = codes[torch.randint(len(codes), (64,))]
        latent, divergence = normal_sample(coder(wanted))
        error = ((decoder(latent) - wanted) * share).square().sum(1).mean()
        descend(adam, schedule, error / (2 * blur**2) + divergence * min(1, step / (0.2 * steps)))
        report("vae", step, steps, error=error, divergence=divergence)
    return one_graph(DecodeGraph(painter, Placement(concept.hue), decoder), size + PLACE)


class Inverse(nn.Module):
    """Normal numbers -> codes: the flow backwards, then the codes' own scale and mean."""

    def __init__(self, flow, mean, scale):
        super().__init__()
        self.flow = flow
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, z):
        return self.flow.inverse(z) * self.scale + self.mean


def train_flow(ink, concept, scale, noise=0.15):
    """RealNVP (Dinh et al. 2017) from the codes of a fitted painter to normal numbers."""
    decoder, codes = fit_painter(ink, concept, scale)
    size = codes.shape[1]
    mean, deviation = codes.mean(0), codes.std(0)
    flow, steps = Flow(size), int(4000 * scale)
    adam, schedule = optimiser(flow.parameters(), steps, 1e-3)
    for step in range(steps):
        index = torch.randint(len(codes), (256,))
        x, volume = flow((codes[index] + noise * torch.randn(256, size) - mean) / deviation)
        loss = (0.5 * x.square().sum(1) - volume).mean() / size
        adam.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(flow.parameters(), 1.0)
        adam.step()
        schedule.step()
        report("flow", step, steps, loss=loss)
    return one_graph(DecodeGraph(decoder, Placement(concept.hue), Inverse(flow, mean, deviation)), size + PLACE)


def alpha(t):
    """Share of signal left at time t in 0 .. 1: the cosine schedule of Nichol and Dhariwal 2021."""
    return torch.cos(t * math.pi / 2) ** 2


class Rescale(nn.Module):
    def __init__(self, mean, scale):
        super().__init__()
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, x):
        return x * self.scale + self.mean


def train_diffusion(ink, concept, scale, noise=0.1):
    """Latent diffusion (Ho et al. 2020, Rombach et al. 2022) over the codes of a fitted painter, v-prediction."""
    decoder, codes = fit_painter(ink, concept, scale)
    size = codes.shape[1]
    mean, deviation = codes.mean(0), codes.std(0)
    denoiser, steps = Denoiser(size + PLACE), int(4000 * scale)
    adam, schedule = optimiser(denoiser.parameters(), steps, 2e-3)
    for step in range(steps):
        index = torch.randint(len(codes), (256,))
        content = (codes[index] + noise * torch.randn(256, size) - mean) / deviation
        clean = torch.cat([content, torch.randn(256, PLACE)], 1)
        t, dirt = torch.rand(256), torch.randn_like(clean)
        signal, rest = alpha(t).sqrt().unsqueeze(1), (1 - alpha(t)).sqrt().unsqueeze(1)
        loss = F.mse_loss(denoiser(signal * clean + rest * dirt, t), signal * dirt - rest * clean)
        descend(adam, schedule, loss)
        report("denoiser", step, steps, loss=loss)
    times = torch.linspace(0.98, 0.04, STEPS)
    latent = size + PLACE
    sampler = {
        "path": "denoiser.onnx",
        "decoder": "decoder.onnx",
        "procedure": "diffusion",
        "latent": [latent],
        "range": [0, 1],
        "prediction": "v",
        "timesteps": [round(t, 4) for t in times.tolist()],
        "alphas_cumprod": [round(a, 6) for a in alpha(times).tolist()],
    }
    graph = DecodeGraph(decoder, Placement(concept.hue), Rescale(mean, deviation))
    graphs = {
        "denoiser.onnx": (denoiser, {"x": torch.randn(16, latent), "t": torch.rand(16)}, ["v"]),
        "decoder.onnx": (graph, {"z": torch.randn(16, latent)}, ["image"]),
    }
    return Trained(sampler, graphs)


def nearest(points, centres):
    return torch.cdist(points, centres).argmin(1)


def k_means(points, count, rounds=30):
    """Centres [count, size] of points (Lloyd 1982); when there are no more points than centres, the points."""
    centres = points[torch.randperm(len(points))[:count]].clone()
    for _ in range(rounds):
        member = nearest(points, centres)
        for index in member.unique():
            centres[index] = points[member == index].mean(0)
    return F.pad(centres, (0, 0, 0, count - len(centres)))


def residual_tokens(points):
    """Each point as a word of every stage: the first is the nearest of 32 centres, each other one corrects what the
    words before it leave (residual quantisation, Lee et al. 2022). Words [n, STAGES], books [STAGES, TOKENS, size]."""
    left, words, books = points.clone(), [], []
    for stage in range(STAGES):
        books.append(k_means(left, TOKENS // 2 if stage < 2 else TOKENS))
        books[-1] = F.pad(books[-1], (0, 0, 0, TOKENS - len(books[-1])), value=1e3)  # words nobody says
        words.append(nearest(left, books[-1]))
        left = left - books[-1][words[-1]]
    print(f"  words leave {left.square().sum().item() / points.square().sum().item():.4f} of the variance", flush=True)
    return torch.stack(words, 1), torch.stack(books)


class TokenGraph(nn.Module):
    """tokens i32 [n, PLACE + STAGES] -> image: first the placement in quantiles of the normal, then the words."""

    def __init__(self, painter, placement, books):
        super().__init__()
        self.painter, self.placement = painter, placement
        self.books = nn.Parameter(books.flatten(0, 1))
        self.register_buffer("first", torch.arange(STAGES) * TOKENS)
        self.register_buffer("quantiles", torch.special.ndtri((torch.arange(TOKENS) + 0.5) / TOKENS).float())

    def forward(self, tokens):
        place, words = self.quantiles[tokens[:, :PLACE]], tokens[:, PLACE:] + self.first
        return 1 - self.placement(self.painter(self.books[words].sum(1)), place)


class StepGraph(nn.Module):
    def __init__(self, prior):
        super().__init__()
        self.prior = prior

    def forward(self, token, position, state):
        return self.prior.step(token, position, state)


def train_autoregressive(ink, concept, scale, temperature=1.0):
    """A recurrent network that says a picture in words, from the coarsest to the finest correction."""
    painter, codes, share = principal(ink)
    words, books = residual_tokens(codes * share)
    graph = TokenGraph(painter, Placement(concept.hue), torch.where(books > 100, 0, books) / share)
    length, steps = PLACE + STAGES, int(800 * scale)
    prior = Prior(TOKENS, length)
    adam, schedule = optimiser(prior.parameters(), steps, 4e-3)
    for step in range(steps):
        said = words[torch.randint(len(words), (64,))]
        tokens = torch.cat([torch.randint(TOKENS, (64, PLACE)), said], 1)
        loss = F.cross_entropy(prior(tokens).flatten(0, 1), tokens.flatten())
        descend(adam, schedule, loss)
        report("prior", step, steps, loss=loss)
    width = prior.cell.hidden_size
    sampler = {
        "path": "prior.onnx",
        "decoder": "decoder.onnx",
        "procedure": "autoregressive",
        "length": length,
        "vocabulary": TOKENS,
        "state": [width],
        "temperature": temperature,
        "range": [0, 1],
    }
    token = torch.full((16,), TOKENS, dtype=torch.int32)
    step = {"token": token, "position": torch.zeros(1, dtype=torch.int32), "state": torch.zeros(16, width)}
    tokens = torch.randint(TOKENS, (16, length), dtype=torch.int32)
    graphs = {
        "prior.onnx": (StepGraph(prior), step, ["logits", "state_out"]),
        "decoder.onnx": (graph, {"tokens": tokens}, ["image"]),
    }
    return Trained(sampler, graphs)


def gradient_penalty(critic, real):
    """R1 (Mescheder et al. 2018): the critic's slope at real pictures."""
    real = real.detach().requires_grad_(True)
    slope = torch.autograd.grad(critic(real).sum(), real, create_graph=True)[0]
    return slope.square().sum(1).mean()


def train_gan(ink, concept, scale, size=4, noise=0.04, anchor=4.0, penalty=0.02):
    """A GAN (Goodfellow et al. 2014) of principal components. One latent a picture is its anchor, and the generator is
    drawn to the picture of the nearest anchor, so that none is forgotten; the critic judges what lies between."""
    painter, codes, share = principal(ink)
    share = share / share.square().sum().sqrt()  # now a picture is about one unit from the mean, in pixels too
    generator, critic = perceptron(size, 192, codes.shape[1], 3), perceptron(codes.shape[1], 256, 1, 3)
    anchors, steps = torch.randn(len(codes), size), int(2500 * scale)
    adam, schedule = optimiser(generator.parameters(), steps, 2e-3)
    critic_adam, critic_schedule = optimiser(critic.parameters(), steps, 2e-3)
    for step in range(steps):
        real = (codes[torch.randint(len(codes), (64,))] + noise * torch.randn(64, codes.shape[1])) * share
        latent = torch.randn(64, size)
        made = generator(latent) * share
        loss = (F.softplus(critic(made.detach())) + F.softplus(-critic(real))).mean()
        if step % 4 == 0:
            loss = loss + 4 * penalty * gradient_penalty(critic, real)
        descend(critic_adam, critic_schedule, loss)
        fool = F.softplus(-critic(made)).mean()
        tie = (made - codes[nearest(latent, anchors)] * share).square().sum(1).mean()
        descend(adam, schedule, fool + anchor * tie)
        report("gan", step, steps, critic=loss, fool=fool, tie=tie)
    return one_graph(DecodeGraph(painter, Placement(concept.hue), generator), size + PLACE)


RECIPES = {
    "VAE": train_vae,
    "flow": train_flow,
    "diffusion": train_diffusion,
    "autoregressive": train_autoregressive,
    "GAN": train_gan,
}


def train(ink, concept, scale):
    torch.manual_seed(concept.seed)
    pictures = torch.from_numpy(ink).contiguous(memory_format=torch.channels_last)
    return RECIPES[concept.type](pictures, concept, scale * concept.effort, **concept.options)
