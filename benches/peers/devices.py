#!/usr/bin/env python3
"""The embedded model in PyTorch, ONNX Runtime or OpenVINO, as a contender of `pointsman bench devices`.

    pip install torch transformers safetensors              # for torch
    pip install onnx onnxruntime                            # besides, for ort; onnxruntime-gpu for --device cuda
    pip install onnx openvino nncf                          # besides, for openvino; nncf for its --dtype int8

    pointsman bench devices --out report \\
        --peer "torch bf16=python benches/peers/devices.py torch --dtype bf16 --compile" \\
        --peer "ort int8=python benches/peers/devices.py ort --dtype int8"

It reads the weights that Pointsman reads (model.safetensors and card.toml of --model), so that both compute the same. After
`READY name` it answers lines on standard input: `emb BATCH LENGTH` with the mean-pooled last layer of the first prompt as a
JSON list, `run BATCH LENGTH N` with {"wall": [...], "cpu": [...]}, the seconds of each of N runs from token ids on the host to
output on the host. Prompts are those of `pointsman bench`.
"""

import argparse
import contextlib
import json
import os
import pathlib
import sys
import tempfile
import time
import tomllib

# Threads that spin after their work would take time from the contender that is next.
os.environ.setdefault("KMP_BLOCKTIME", "1")
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

import numpy as np  # noqa: E402
import torch  # noqa: E402
from safetensors.numpy import load_file  # noqa: E402
from transformers import BertConfig, BertModel  # noqa: E402

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
DTYPES = {"f32": torch.float32, "bf16": torch.bfloat16, "f16": torch.float16}
#: What each program computes in; int8 is ONNX Runtime's dynamic quantisation, and weights of 8 bits in OpenVINO.
PROGRAMS = {"torch": ["f32", "bf16", "f16"], "ort": ["f32", "f16", "int8"], "openvino": ["f32", "bf16", "int8"]}


def ids(batch, length):
    """Token ids of (batch, length), as crates/pointsman/src/commands/bench/shape.rs makes them."""
    row, at = np.arange(batch)[:, None], np.arange(length)[None, :]
    values = (1000 + (at * 7919 + row * 104_729) % 28_000).astype(np.int64)
    values[:, -1] = 102
    values[:, 0] = 101
    return values


def weights(folder):
    """Tensors of the model in f32: int8 matrices come with a scale for each group of a row's columns, and
    with what their columns were multiplied by before they were rounded."""
    stored = load_file(folder / "model.safetensors")
    tensors = {}
    for name, values in stored.items():
        if any(name.endswith(part) and name.removesuffix(part) in stored for part in (".scale", ".divisor")):
            continue
        values = values.astype(np.float32)
        if stored[name].dtype == np.int8:
            rows, columns = values.shape
            scales = stored[f"{name}.scale"].reshape(rows, -1)
            values = (values.reshape(rows, scales.shape[1], -1) * scales[:, :, None]).reshape(rows, columns)
            if f"{name}.divisor" in stored:
                values /= stored[f"{name}.divisor"]
        tensors[name] = torch.from_numpy(values)
    return tensors


def bert(folder, attention):
    shape = tomllib.loads((folder / "card.toml").read_text())["encoder"]
    config = BertConfig(
        vocab_size=shape["vocab"],
        hidden_size=shape["hidden"],
        num_hidden_layers=shape["layers"],
        num_attention_heads=shape["heads"],
        intermediate_size=shape["intermediate"],
        max_position_embeddings=shape["max_positions"],
        type_vocab_size=shape["type_vocab"],
        layer_norm_eps=shape["layer_norm_eps"],
        hidden_act="gelu",
    )
    config._attn_implementation = attention
    model = BertModel(config, add_pooling_layer=False)
    missing, _ = model.load_state_dict(weights(folder), strict=False)
    lacking = [name for name in missing if "position_ids" not in name and "token_type_ids" not in name]
    if lacking:
        sys.exit(f"the weights lack {', '.join(lacking)}")
    return model.eval()


class Pooled(torch.nn.Module):
    """The mean over the tokens of each prompt."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, input_ids, attention_mask, token_type_ids):
        hidden = self.model(
            input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids
        ).last_hidden_state
        mask = attention_mask.unsqueeze(-1).to(hidden.dtype)
        return (hidden * mask).sum(1) / mask.sum(1)


def inputs(values):
    return values, np.ones_like(values), np.zeros_like(values)


def in_torch(args):
    dtype = DTYPES[args.dtype]
    model = Pooled(bert(args.model, "sdpa")).to(device=args.device, dtype=dtype)
    if args.compile:
        # Each shape is compiled for itself; after eight, torch would go on uncompiled and say nothing.
        torch._dynamo.config.recompile_limit = 256
        torch._dynamo.config.fail_on_recompile_limit_hit = True
    forward = torch.compile(model, dynamic=False) if args.compile else model

    def make(values):
        host = [torch.from_numpy(part) for part in inputs(values)]

        def run():
            with torch.inference_mode():
                # Reading the output waits for the device.
                return forward(*(part.to(args.device) for part in host)).float().cpu().numpy()

        return run

    return f"torch-{torch.__version__}-{args.dtype}{'-compiled' if args.compile else ''}-{args.device}", make


def export(folder, path):
    model, sample = Pooled(bert(folder, "eager")), [torch.from_numpy(part) for part in inputs(ids(2, 16))]
    axes = {0: "batch", 1: "length"}
    names = ["input_ids", "attention_mask", "token_type_ids"]
    with torch.no_grad():
        torch.onnx.export(
            model,
            tuple(sample),
            path,
            input_names=names,
            output_names=["pooled"],
            dynamic_axes={**{name: axes for name in names}, "pooled": {0: "batch"}},
            opset_version=17,
            dynamo=False,
        )


def in_onnx_runtime(args):
    import onnxruntime
    from onnxruntime.quantization import QuantType, quantize_dynamic
    from onnxruntime.transformers import optimizer

    folder = tempfile.TemporaryDirectory()
    path = f"{folder.name}/model.onnx"
    shape = tomllib.loads((args.model / "card.toml").read_text())["encoder"]
    export(args.model, path)
    fused = optimizer.optimize_model(
        path, model_type="bert", num_heads=shape["heads"], hidden_size=shape["hidden"], use_gpu=args.device == "cuda"
    )
    if args.dtype == "f16":
        fused.convert_float_to_float16(keep_io_types=True)
    fused.save_model_to_file(path)
    if args.dtype == "int8":
        # The fused operators have no inferred shapes: what is not known to be f32 is told to be.
        told = {"DefaultTensorType": 1}
        quantize_dynamic(path, path, weight_type=QuantType.QInt8, per_channel=True, extra_options=told)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = args.threads or os.cpu_count()
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    provider = {"cpu": "CPUExecutionProvider", "cuda": "CUDAExecutionProvider"}[args.device]
    session = onnxruntime.InferenceSession(path, options, providers=[provider])
    if provider not in session.get_providers():
        sys.exit(f"ort: this onnxruntime has no {provider}")
    names = [wanted.name for wanted in session.get_inputs()]
    all_names = ["input_ids", "attention_mask", "token_type_ids"]

    def make(values):
        fed = {name: part for name, part in zip(all_names, inputs(values)) if name in names}
        return lambda: session.run(None, fed)[0]

    make.keep = folder
    return f"ort-{onnxruntime.__version__}-{args.dtype}-{args.device}", make


def in_openvino(args):
    import openvino

    with tempfile.TemporaryDirectory() as folder:
        export(args.model, f"{folder}/model.onnx")
        core = openvino.Core()
        model = core.read_model(f"{folder}/model.onnx")
        if args.dtype == "int8":
            import nncf

            model = nncf.compress_weights(model, mode=nncf.CompressWeightsMode.INT8_SYM)
        settings = {
            "INFERENCE_NUM_THREADS": args.threads or os.cpu_count(),
            "NUM_STREAMS": 1,
            "PERFORMANCE_HINT": "LATENCY",
            "INFERENCE_PRECISION_HINT": "f32" if args.dtype == "f32" else "bf16",
        }
        compiled = core.compile_model(model, "CPU", settings)
    request = compiled.create_infer_request()
    names = ["input_ids", "attention_mask", "token_type_ids"]

    def make(values):
        fed = dict(zip(names, inputs(values)))

        def run():
            request.infer(fed, share_inputs=True)
            return request.get_output_tensor(0).data

        return run

    return f"openvino-{openvino.__version__.split('-')[0]}-{args.dtype}-cpu", make


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("program", choices=PROGRAMS)
    parser.add_argument("--model", type=pathlib.Path, default=REPOSITORY / "models/pointsman-small")
    parser.add_argument("--device", choices=["cpu", "cuda", "mps"], default="cpu")
    parser.add_argument("--dtype", choices=["f32", "bf16", "f16", "int8"], default="f32")
    parser.add_argument("--compile", action="store_true", help="torch.compile, a graph for each shape")
    parser.add_argument("--threads", type=int, help="threads on the processor [default: all]")
    args = parser.parse_args()
    if args.dtype not in PROGRAMS[args.program]:
        parser.error(f"{args.program}: --dtype is one of {', '.join(PROGRAMS[args.program])}")
    if args.program == "openvino" and args.device != "cpu":
        parser.error("openvino: --device is cpu")
    if args.threads:
        torch.set_num_threads(args.threads)
    # Nothing but answers may reach standard output.
    answers, sys.stdout = sys.stdout, sys.stderr
    begin = {"torch": in_torch, "ort": in_onnx_runtime, "openvino": in_openvino}[args.program]
    name, make = begin(args)
    print("READY", name, file=answers, flush=True)
    made = {}
    for line in sys.stdin:
        words = line.split()
        if not words:
            break
        shape = int(words[1]), int(words[2])
        run = made.setdefault(shape, None) or make(ids(*shape))
        made[shape] = run
        if words[0] == "emb":
            answer = [float(value) for value in run()[0]]
        else:
            answer = {"wall": [], "cpu": []}
            for _ in range(int(words[3])):
                wall, cpu = time.perf_counter(), time.process_time()
                run()
                answer["cpu"].append(time.process_time() - cpu)
                answer["wall"].append(time.perf_counter() - wall)
        print(json.dumps(answer), file=answers, flush=True)


if __name__ == "__main__":
    with contextlib.suppress(KeyboardInterrupt, BrokenPipeError):
        main()
