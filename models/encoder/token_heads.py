"""The last block of a vision transformer, for the tokens that are read alone.

A timm VisionTransformer with ``global_pool="token"`` reads its logits from a prefix token (a distilled DeiT from two).
What its last block makes of the other tokens nobody reads, so while the network is finished that block computes

    keys and values                                           for all T tokens
    queries, attention output, projection, residual, MLP      for the P prefix tokens

and returns these (N, P, C); the norm after it works token by token. Of the block's twelve products of C x C per token two
are left, forward and backward. This module says for which models that is meant; models/encoder/heads.py tries whether the
logits stay the same.
"""

from collections.abc import Callable
from functools import partial

from timm.models.vision_transformer import Attention, Block, VisionTransformer
from torch import Tensor, nn
from torch.nn import functional as F

from models.encoder.watching import is_watched

_BLOCK_PARTS = {"norm1", "attn", "ls1", "drop_path1", "norm2", "mlp", "ls2", "drop_path2"}
_ATTENTION_PARTS = {"qkv", "q_norm", "k_norm", "attn_drop", "norm", "proj", "proj_drop"}


def short_cuts(model: nn.Module) -> dict[nn.Module, Callable[[Tensor], Tensor]]:
    """How the last block computes its prefix tokens (N, P, C) from all tokens (N, T, C); empty for models not meant here."""
    if not isinstance(model, VisionTransformer) or model.training or model.global_pool != "token":
        return {}
    block = model.blocks[-1]
    if type(block) is not Block or (attn := _known_attention(block)) is None:
        return {}
    return {block: partial(_prefix_of_block, block, attn, model.num_prefix_tokens)}


def _known_attention(block: Block) -> Attention | None:
    """The block's attention; None unless block and attention compute what is written below and nobody watches their parts run."""
    attn = block.attn
    if type(attn) is not Attention or type(attn.qkv) is not nn.Linear:
        return None
    if set(dict(block.named_children())) != _BLOCK_PARTS or set(dict(attn.named_children())) != _ATTENTION_PARTS:
        return None
    return None if any(is_watched(module) for module in (block, attn, attn.qkv, attn.attn_drop)) else attn


def _prefix_of_block(block: Block, attn: Attention, n_prefix_tokens: int, tokens: Tensor) -> Tensor:
    """The first tokens of the block's output, (N, T, C) -> (N, P, C)."""
    prefix = tokens[:, :n_prefix_tokens]
    prefix = prefix + block.drop_path1(block.ls1(_prefix_of_attention(attn, n_prefix_tokens, block.norm1(tokens))))
    return prefix + block.drop_path2(block.ls2(block.mlp(block.norm2(prefix))))


def _prefix_of_attention(attn: Attention, n_prefix_tokens: int, tokens: Tensor) -> Tensor:
    """What the first tokens gather from all tokens, (N, T, C) -> (N, P, C)."""
    n_query = attn.qkv.out_features // 3
    parts = [n_query, 2 * n_query]
    query_weight, other_weight = attn.qkv.weight.split(parts)
    query_bias, other_bias = (None, None) if attn.qkv.bias is None else attn.qkv.bias.split(parts)
    queries = F.linear(tokens[:, :n_prefix_tokens], query_weight, query_bias)
    keys, values = F.linear(tokens, other_weight, other_bias).chunk(2, dim=-1)
    q, k, v = (part.unflatten(2, (attn.num_heads, -1)).transpose(1, 2) for part in (queries, keys, values))
    gathered = F.scaled_dot_product_attention(attn.q_norm(q), attn.k_norm(k), v, scale=attn.scale)  # (N, heads, P, C / heads)
    return attn.proj_drop(attn.proj(attn.norm(gathered.transpose(1, 2).flatten(2))))
