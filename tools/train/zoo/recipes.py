"""How each type of generator is trained on a handful of pictures: ink [n, 3, 64, 64] -> a Trained one.

All memorise their pictures and learn to move between them; with so few that is all there is to learn. A few more
numbers of every latent place the picture (nets.Placement), so that no two samples are the same."""

import math
from dataclasses import dataclass, field

import numpy as np
import torch
import torch.nn.functional as F
from nets import PLACE, Codebook, Critic, Decoder, Denoiser, Encoder, Flow, Painter, Placement, Prior
from torch import nn

BATCH = 16
STEPS = 16  # of diffusion sampling
CODES = 160


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


def fit_codes(ink, concept, size, steps, learn=True, noise=0.15):
    """A decoder and one code a picture, fitted together (generative latent optimisation, Bojanowski et al. 2018)."""
    decoder = Decoder(size, concept.widths).to(memory_format=torch.channels_last)
    codes = nn.Parameter(principal_codes(ink, size), requires_grad=learn)
    groups = [{"params": decoder.parameters()}] + ([{"params": [codes], "lr": 0.01}] if learn else [])
    adam, schedule = optimiser(groups, steps, 2e-3)
    for step in range(steps):
        index = torch.randint(len(ink), (BATCH,))
        content = codes[index] + noise * torch.randn(BATCH, size)
        with bfloat():
            made = decoder(content).float()
        loss = picture_loss(made, ink[index])
        descend(adam, schedule, loss + 1e-3 * content.square().mean())
        if step % 500 == 0 or step == steps - 1:
            print(f"  decoder {step:5d}  loss {loss.item():.4f}", flush=True)
    return decoder, codes.detach()


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


def train_vae(ink, concept, scale=1.0, size=12, weight=1500.0):
    """Variational autoencoder (Kingma and Welling 2014)."""
    steps = int(2667 * scale)
    encoder, decoder = Encoder(2 * size), Decoder(size, concept.widths)
    encoder.to(memory_format=torch.channels_last), decoder.to(memory_format=torch.channels_last)
    adam, schedule = optimiser([*encoder.parameters(), *decoder.parameters()], steps, 2e-3)
    for step in range(steps):
        index = torch.randint(len(ink), (BATCH,))
        with bfloat():
            mean, spread = encoder(ink[index]).float().chunk(2, 1)
            spread = spread.clamp(-8, 4)
            made = decoder(mean + torch.exp(spread / 2) * torch.randn_like(mean)).float()
        divergence = 0.5 * (mean.square() + spread.exp() - 1 - spread).sum(1).mean()
        loss = picture_loss(made, ink[index])
        descend(adam, schedule, loss * weight + divergence * min(1, step / (0.2 * steps)))
        if step % 500 == 0 or step == steps - 1:
            print(f"  vae {step:5d}  loss {loss.item():.4f}  divergence {divergence.item():.1f}", flush=True)
    return one_graph(DecodeGraph(decoder, Placement(concept.hue)), size + PLACE)


class Inverse(nn.Module):
    """Normal numbers -> codes: the flow backwards, then the codes' own scale and mean."""

    def __init__(self, flow, mean, scale):
        super().__init__()
        self.flow = flow
        self.register_buffer("mean", mean)
        self.register_buffer("scale", scale)

    def forward(self, z):
        return self.flow.inverse(z) * self.scale + self.mean


def train_flow(ink, concept, scale=1.0, size=24, noise=0.15):
    """RealNVP (Dinh et al. 2017) from the codes of a fitted decoder to normal numbers."""
    decoder, codes = fit_codes(ink, concept, size, int(2000 * scale))
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
        if step % 1000 == 0 or step == steps - 1:
            print(f"  flow {step:5d}  loss {loss.item():.4f}", flush=True)
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


def train_diffusion(ink, concept, scale=1.0, size=24, noise=0.1):
    """Latent diffusion (Ho et al. 2020, Rombach et al. 2022) over the codes of a fitted decoder, v-prediction."""
    decoder, codes = fit_codes(ink, concept, size, int(2000 * scale))
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
        if step % 1000 == 0 or step == steps - 1:
            print(f"  denoiser {step:5d}  loss {loss.item():.4f}", flush=True)
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


class TokenGraph(nn.Module):
    """tokens i32 [n, PLACE + 64] -> image: first the placement in quantiles of the normal, then the codes by rows."""

    def __init__(self, codebook, painter, placement):
        super().__init__()
        self.painter, self.placement = painter, placement
        count = len(codebook.codes)
        self.register_buffer("codes", codebook.codes.clone())
        self.register_buffer("levels", torch.special.ndtri((torch.arange(count) + 0.5) / count).float())

    def forward(self, tokens):
        place = self.levels[tokens[:, :PLACE]]
        features = self.codes[tokens[:, PLACE:]].view(-1, 8, 8, self.codes.shape[1]).permute(0, 3, 1, 2)
        return 1 - self.placement(self.painter(features), place)


class StepGraph(nn.Module):
    def __init__(self, prior):
        super().__init__()
        self.prior = prior

    def forward(self, token, position, state):
        return self.prior.step(token, position, state)


def fit_tokens(ink, concept, steps, width=16):
    """VQ-VAE (van den Oord et al. 2017): a painter, a codebook and every picture's tokens [n, 64]."""
    encoder, codebook, painter = Encoder(width, flat=False), Codebook(CODES, width), Painter(width, concept.widths)
    encoder.to(memory_format=torch.channels_last), painter.to(memory_format=torch.channels_last)
    adam, schedule = optimiser([*encoder.parameters(), *painter.parameters()], steps, 2e-3)
    for step in range(steps):
        index = torch.randint(len(ink), (BATCH,))
        with bfloat():
            features = encoder(ink[index]).float()
        quantised, commitment = codebook(features)
        with bfloat():
            made = painter(quantised).float()
        loss = picture_loss(made, ink[index])
        descend(adam, schedule, loss + 0.05 * commitment)
        if step % 500 == 0 or step == steps - 1:
            print(f"  tokens {step:5d}  loss {loss.item():.4f}", flush=True)
    codebook.eval()
    with torch.no_grad():
        tokens = codebook.tokens(encoder(ink))[0].view(len(ink), 64)
    print(f"  {len(tokens.unique())} of {CODES} codes used")
    return codebook, painter, tokens


def train_autoregressive(ink, concept, scale=1.0, temperature=0.9):
    """A recurrent prior over the tokens of a VQ-VAE."""
    codebook, painter, pictures = fit_tokens(ink, concept, int(2000 * scale))
    prior, steps = Prior(CODES, PLACE + 64), int(800 * scale)
    adam, schedule = optimiser(prior.parameters(), steps, 3e-3)
    for step in range(steps):
        place = torch.randint(CODES, (64, PLACE))
        tokens = torch.cat([place, pictures[torch.randint(len(pictures), (64,))]], 1)
        loss = F.cross_entropy(prior(tokens).flatten(0, 1), tokens.flatten())
        descend(adam, schedule, loss)
        if step % 250 == 0 or step == steps - 1:
            print(f"  prior {step:5d}  loss {loss.item():.4f}", flush=True)
    width = prior.cell.hidden_size
    sampler = {
        "path": "prior.onnx",
        "decoder": "decoder.onnx",
        "procedure": "autoregressive",
        "length": PLACE + 64,
        "vocabulary": CODES,
        "state": [width],
        "temperature": temperature,
        "range": [0, 1],
    }
    token = torch.full((16,), CODES, dtype=torch.int32)
    step = {"token": token, "position": torch.zeros(1, dtype=torch.int32), "state": torch.zeros(16, width)}
    tokens = torch.randint(CODES, (16, PLACE + 64), dtype=torch.int32)
    graph = TokenGraph(codebook, painter, Placement(concept.hue))
    graphs = {
        "prior.onnx": (StepGraph(prior), step, ["logits", "state_out"]),
        "decoder.onnx": (graph, {"tokens": tokens}, ["image"]),
    }
    return Trained(sampler, graphs)


def gradient_penalty(critic, real):
    """R1 (Mescheder et al. 2018): the critic's slope at real pictures."""
    real = real.detach().requires_grad_(True)
    slope = torch.autograd.grad(critic(real).sum(), real, create_graph=True)[0]
    return slope.square().sum([1, 2, 3]).mean()


def train_gan(ink, concept, scale=1.0, size=16, anchor=20.0):
    """A GAN (Goodfellow et al. 2014) whose generator starts from, and stays tied to, anchors: one latent a picture.

    The critic sees real and made pictures placed alike, so it cannot learn the few pictures by heart (as in
    differentiable augmentation, Zhao et al. 2020)."""
    generator, codes = fit_codes(ink, concept, size, int(1500 * scale), learn=False, noise=0.25)
    placement, critic, steps = Placement(concept.hue), Critic(), int(1200 * scale)
    critic.to(memory_format=torch.channels_last)
    adam, schedule = optimiser(generator.parameters(), steps, 5e-4)
    critic_adam, critic_schedule = optimiser(critic.parameters(), steps, 1e-3)
    average = torch.optim.swa_utils.AveragedModel(
        generator, multi_avg_fn=torch.optim.swa_utils.get_ema_multi_avg_fn(0.99)
    )
    for step in range(steps):
        index = torch.randint(len(ink), (BATCH,))
        near = codes[index] + 0.25 * torch.randn(BATCH, size)
        with bfloat():
            made, tied = generator(torch.cat([torch.randn(BATCH, size), near])).float().split(BATCH)
        made = placement(made, torch.randn(BATCH, PLACE))
        real = placement(ink[index], torch.randn(BATCH, PLACE))
        with bfloat():
            loss = (F.softplus(critic(made.detach())) + F.softplus(-critic(real))).float().mean()
        if step % 16 == 0:
            loss = loss + 16 * 0.5 * gradient_penalty(critic, real[:16])
        descend(critic_adam, critic_schedule, loss)
        with bfloat():
            fool = F.softplus(-critic(made)).float().mean()
        tie = picture_loss(tied, ink[index])
        descend(adam, schedule, fool + anchor * tie)
        average.update_parameters(generator)
        if step % 250 == 0 or step == steps - 1:
            print(
                f"  gan {step:5d}  critic {loss.item():.3f}  fool {fool.item():.3f}  tie {tie.item():.4f}", flush=True
            )
    return one_graph(DecodeGraph(average.module, placement), size + PLACE)


RECIPES = {
    "VAE": train_vae,
    "flow": train_flow,
    "diffusion": train_diffusion,
    "autoregressive": train_autoregressive,
    "GAN": train_gan,
}


def train(ink, concept, scale):
    torch.manual_seed(concept.seed)
    np.random.seed(concept.seed)
    pictures = torch.from_numpy(ink).contiguous(memory_format=torch.channels_last)
    return RECIPES[concept.type](pictures, concept, scale * concept.effort, **concept.options)
