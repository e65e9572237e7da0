"""The two towers as transformers has them, and how they are saved: see config() for every size."""

import torch
import torch.nn.functional as F
from transformers import CLIPConfig, CLIPTextModelWithProjection, CLIPVisionModelWithProjection

from space import DIM

PIXELS, PATCH, WIDTH, CONTEXT = 64, 8, 256, 48
VISION_LAYERS, TEXT_LAYERS = 6, 3
MEAN, STD = [0.5, 0.5, 0.5], [0.25, 0.25, 0.25]


def config(vocabulary: int) -> CLIPConfig:
    """The two specials are the last of the vocabulary, start before end, as in OpenAI's CLIP."""
    shared = {"hidden_size": WIDTH, "intermediate_size": 4 * WIDTH, "num_attention_heads": 4, "projection_dim": DIM,
              "hidden_act": "gelu"}
    start, end = vocabulary - 2, vocabulary - 1
    text = shared | {"vocab_size": vocabulary, "num_hidden_layers": TEXT_LAYERS, "max_position_embeddings": CONTEXT,
                     "bos_token_id": start, "eos_token_id": end, "pad_token_id": end}
    vision = shared | {"num_hidden_layers": VISION_LAYERS, "image_size": PIXELS, "patch_size": PATCH}
    return CLIPConfig(text_config=text, vision_config=vision, projection_dim=DIM)


def half_precision():
    """bfloat16 where the processor computes in it; elsewhere it costs three times the time (measured on AVX-512)."""
    return torch.autocast("cpu", torch.bfloat16, enabled=torch.cpu._is_avx512_bf16_supported())


class Text(CLIPTextModelWithProjection):
    def __init__(self, vocabulary: int):
        whole = config(vocabulary).text_config
        whole._attn_implementation = "eager"  # on short rows faster to train than the fused one
        super().__init__(whole)

    def features(self, tokens: torch.Tensor) -> torch.Tensor:
        return F.normalize(self(input_ids=tokens).text_embeds.float(), dim=-1)


class Vision(CLIPVisionModelWithProjection):
    def __init__(self):
        whole = config(512).vision_config
        whole._attn_implementation = "eager"
        super().__init__(whole)

    def features(self, pixels: torch.Tensor) -> torch.Tensor:
        """Unit rows [b, DIM] of pixels in 0..1."""
        return self.with_tokens(pixels)[0]

    def with_tokens(self, pixels: torch.Tensor, kept: torch.Tensor | None = None):
        """Besides the rows, every layer's patch tokens; kept [b, k] names the patches looked at, all when None."""
        tower = self.vision_model
        x = tower.embeddings((pixels - MEAN[0]) / STD[0])
        if kept is not None:
            rows = torch.cat([torch.zeros(len(x), 1, dtype=torch.long), kept + 1], 1)
            x = x.gather(1, rows[..., None].expand(-1, -1, x.shape[-1]))
        x, tokens = tower.pre_layrnorm(x), []
        for layer in tower.encoder.layers:
            x = layer(x, attention_mask=None)
            tokens.append(x[:, 1:])
        return F.normalize(self.visual_projection(tower.post_layernorm(x[:, 0])).float(), dim=-1), tokens
