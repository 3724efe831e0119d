"""Makes tiny.safetensors: a small random BERT, its pooled output and its gradients, as PyTorch computes them.

    pip install torch transformers safetensors
    python make_golden.py

Weights are named as the encoder names them; `out.pooled` is the mean over each row's tokens, `out.loss` the loss below
and `grad.NAME` the gradient of the loss for each weight.
"""

import torch
from safetensors.torch import save_file
from transformers import BertConfig, BertModel

LENGTHS = [5, 1, 12, 7]
TASKS = 3

torch.manual_seed(7)
config = BertConfig(
    vocab_size=100,
    hidden_size=32,
    num_hidden_layers=2,
    num_attention_heads=4,
    intermediate_size=64,
    max_position_embeddings=16,
    type_vocab_size=2,
    hidden_act="gelu",
    layer_norm_eps=1e-12,
    hidden_dropout_prob=0.0,
    attention_probs_dropout_prob=0.0,
    initializer_range=0.3,
)
model = BertModel(config, add_pooling_layer=False).eval()
heads = {"task": torch.nn.Linear(32, TASKS), "difficulty": torch.nn.Linear(32, 1)}
for parameter in [p for p in model.parameters() if p.ndim == 1] + [h.bias for h in heads.values()]:
    torch.nn.init.normal_(parameter, mean=0.5, std=0.2)

longest = max(LENGTHS)
ids = torch.zeros(len(LENGTHS), longest, dtype=torch.long)
types, mask = torch.zeros_like(ids), torch.zeros_like(ids)
for row, length in enumerate(LENGTHS):
    # Not 0: PyTorch gives the padding token no gradient.
    ids[row, :length] = torch.randint(1, 100, (length,))
    types[row, length // 2 : length] = 1
    mask[row, :length] = 1

hidden = model(ids, mask, types).last_hidden_state
weights = mask.unsqueeze(2).float()
pooled = (hidden * weights).sum(1) / weights.sum(1)
# Any function of both heads serves, as long as every weight matters.
targets = torch.linspace(-1, 1, len(LENGTHS) * TASKS).reshape(len(LENGTHS), TASKS)
loss = ((heads["task"](pooled) - targets) ** 2).mean() + heads["difficulty"](pooled).tanh().mean()
loss.backward()

named = dict(model.named_parameters())
for name, head in heads.items():
    named.update({f"{name}.{key}": value for key, value in head.named_parameters()})
golden = {name: tensor.detach() for name, tensor in named.items()}
golden.update({f"grad.{name}": tensor.grad for name, tensor in named.items()})
flat = lambda t: torch.cat([t[row, :length] for row, length in enumerate(LENGTHS)]).to(torch.int64)
golden.update({
    "in.ids": flat(ids),
    "in.types": flat(types),
    "in.lengths": torch.tensor(LENGTHS),
    "in.targets": targets,
    "out.pooled": pooled.detach(),
    "out.loss": loss.detach().reshape(1),
})
save_file({name: tensor.contiguous() for name, tensor in golden.items()}, "tiny.safetensors")
