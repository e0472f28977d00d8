"""Make tests/data/sentence_transformers.json: models that sentence-transformers saves, with what it gives for texts.

Run it where a sentence-transformers 6 is installed, with torch, onnx and nothing of this project:

    python tools/sentence_fixture.py tests/data/sentence_transformers.json
"""

import base64
import json
import sys
import tempfile
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import sentence_transformers
import torch
import transformers
from sentence_transformers import CrossEncoder, SentenceTransformer, SparseEncoder
from sentence_transformers.base.modules import Dense, Normalize, Transformer
from sentence_transformers.sentence_transformer.modules import Dropout, LayerNorm, Pooling
from sentence_transformers.sparse_encoder.modules import SpladePooling

WORDS = (
    "a",
    "the",
    "film",
    "book",
    "was",
    "very",
    "good",
    "bad",
    "slow",
    "query",
    ":",
    "Paris",
    "in",
    "is",
    "quite",
    "not",
    "and",
    "of",
    "read",
    "see",
    "answer",
)
TEXTS = ["a good film", "the book was very bad and slow", "Paris is in the book", "good " * 40, "not a film"]
QUERY, DOCUMENTS = "is Paris in the book", TEXTS[:3]
WIDTH = 8
ACTIVATIONS = (
    "Identity",
    "Tanh",
    "Sigmoid",
    "ReLU",
    "ReLU6",
    "LeakyReLU",
    "ELU",
    "SELU",
    "GELU",
    "SiLU",
    "Mish",
    "Softplus",
    "Softsign",
    "LogSigmoid",
    "Hardtanh",
    "Hardsigmoid",
    "Hardswish",
)
MODES = ("cls", "max", "mean", "mean_sqrt_len_tokens", "weightedmean", "lasttoken")


def make_tokenizer() -> Any:
    """Make a cased BERT tokenizer that knows words, not pieces of them."""
    words = dict.fromkeys(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS, "paris"])
    vocabulary = {word: index for index, word in enumerate(words)}
    return transformers.BertTokenizer(vocab=vocabulary, do_lower_case=False, model_max_length=24)


def make_base(kind: Any, folder: Path, output: str) -> None:
    """Save a tiny random BERT with its tokenizer, and its ONNX graph."""
    torch.manual_seed(7)
    tokenizer = make_tokenizer()
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=WIDTH,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=16,
        max_position_embeddings=32,
        initializer_range=0.6,
        num_labels=1,
    )
    options = {"add_pooling_layer": False} if kind is transformers.BertModel else {}
    model = kind._from_config(  # noqa: SLF001  # AutoModel has it in public, but not for a class
        config, attn_implementation="eager", **options
    ).eval()
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    export(model, folder / "model.onnx", output)


class Graph(torch.nn.Module):
    """The model with its inputs by position."""

    def __init__(self, model: Any) -> None:
        """Keep the model."""
        super().__init__()
        self.model = model

    def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any) -> Any:
        """Give the first output."""
        return self.model(input_ids=input_ids, attention_mask=attention_mask, token_type_ids=token_type_ids)[0]


def export(model: Any, path: Path, output: str) -> None:
    """Write the graph with dynamic axes."""
    ones = torch.ones(2, 5, dtype=torch.int64)
    names = ["input_ids", "attention_mask", "token_type_ids"]
    axes = {name: {0: "batch", 1: "tokens"} for name in names}
    axes[output] = {0: "batch"} if gives_scores(model) else {0: "batch", 1: "tokens"}
    torch.onnx.export(
        Graph(model),
        (ones, ones, ones * 0),
        str(path),
        input_names=names,
        output_names=[output],
        dynamic_axes=axes,
        opset_version=17,
        dynamo=False,
    )


def gives_scores(model: Any) -> bool:
    """Tell whether the output has no axis of tokens."""
    return isinstance(model, transformers.BertForSequenceClassification)


def files_of(folder: Path) -> dict[str, str]:
    """Give the files of a saved model but torch's own weights: JSON as it is, others in base 64."""
    found = {}
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        if path.suffix in (".json", ".jinja"):
            found[name] = path.read_text(encoding="utf-8")
        elif path.suffix == ".onnx" or (path.suffix == ".safetensors" and "/" in name):
            found[name] = "base64:" + base64.b64encode(path.read_bytes()).decode()
    return found


def listed(values: Any) -> Any:
    """Give an array as lists of numbers of seven digits."""
    return np.asarray(values, np.float64).round(7).tolist()


def dense_cases(base: Path) -> Any:
    """Give name, model, and what else the test must know, of each SentenceTransformer."""

    def model(
        *modules: Any, pooling: Any = "mean", include: bool = True, transformer: Any = None, **options: Any
    ) -> Any:
        torch.manual_seed(11)
        made = [module() for module in modules]
        start = Transformer(str(base), **(transformer or {}))
        return SentenceTransformer(modules=[start, Pooling(WIDTH, pooling, include), *made], device="cpu", **options)

    for mode in (*MODES, ("cls", "mean"), ("max", "lasttoken", "weightedmean")):
        yield f"pooling {mode}", model(pooling=mode), {}
        yield (
            f"pooling {mode}, prompt left out",
            model(pooling=mode, include=False, prompts={"query": "query: "}, default_prompt_name="query"),
            {},
        )
    yield "normalize", model(Normalize), {}
    for name in ACTIVATIONS:
        yield f"dense {name}", model(lambda n=name: Dense(WIDTH, 5, activation_function=getattr(torch.nn, n)())), {}
    yield "dense without bias", model(lambda: Dense(WIDTH, 5, bias=False)), {}
    yield "dense residual", model(lambda: Dense(WIDTH, WIDTH, use_residual=True)), {}
    yield "dense residual of another size", model(lambda: Dense(WIDTH, 5, use_residual=True)), {}
    yield "dense to another name", model(lambda: Dense(WIDTH, 5, module_output_name="other")), {}
    yield "two dense, normalize", model(lambda: Dense(WIDTH, 6), lambda: Dense(6, 4), Normalize), {}
    yield "normalize, dense", model(Normalize, lambda: Dense(WIDTH, 5)), {}
    yield "layer norm, dropout", model(lambda: LayerNorm(WIDTH), Dropout), {}
    yield "dense, layer norm, normalize", model(lambda: Dense(WIDTH, 5), lambda: LayerNorm(5), Normalize), {}
    yield "truncated", model(truncate_dim=3), {}
    yield "normalized, truncated", model(Normalize, truncate_dim=3), {"renormalize": True}
    yield "dense, truncated", model(lambda: Dense(WIDTH, 5), truncate_dim=2), {}
    yield "prompts", model(prompts={"query": "query: ", "document": "the book "}, default_prompt_name="document"), {}
    # As versions before 5.4 wrote them: newer ones read them still.
    yield "lower case", model(), {"older": {"do_lower_case": True}}
    yield "older length", model(), {"older": {"max_seq_length": 6}}
    yield "length", model(transformer={"processor_kwargs": {"model_max_length": 9}}), {}
    yield "length of the call", model(transformer={"processing_kwargs": {"text": {"max_length": 7}}}), {}
    for name in ("cosine", "dot", "euclidean", "manhattan"):
        yield f"similarity {name}", model(similarity_fn_name=name), {"similarity": name}


def ranking_cases(base: Path) -> Any:
    """Give name and model of each CrossEncoder."""
    for name in ("Sigmoid", "Identity"):
        yield f"activation {name}", CrossEncoder(str(base), device="cpu", activation_fn=getattr(torch.nn, name)())
    yield "no activation", CrossEncoder(str(base), device="cpu")
    yield "prompt", CrossEncoder(str(base), device="cpu", prompts={"web": "see : "}, default_prompt_name="web")


def sparse_cases(base: Path) -> Any:
    """Give name and model of each SparseEncoder."""

    def model(strategy: str = "max", activation: str = "relu", **options: Any) -> Any:
        start = Transformer(str(base), transformer_task="fill-mask")
        return SparseEncoder(modules=[start, SpladePooling(strategy, activation)], device="cpu", **options)

    for strategy in ("max", "sum"):
        for activation in ("relu", "log1p_relu"):
            yield f"{strategy} {activation}", model(strategy, activation)
    yield "most dimensions", model(max_active_dims=4)
    yield "prompt", model(prompts={"query": "query : "}, default_prompt_name="query")


def main(target: Path) -> None:
    """Write the fixture."""
    warnings.simplefilter("ignore")
    root = Path(tempfile.mkdtemp())
    kinds = {
        "feature-extraction": (transformers.BertModel, "last_hidden_state"),
        "text-ranking": (transformers.BertForSequenceClassification, "logits"),
        "sparse-feature-extraction": (transformers.BertForMaskedLM, "logits"),
    }
    bases: dict[str, dict[str, str]] = {}
    cases: list[dict[str, Any]] = []
    for task, (kind, output) in kinds.items():
        base = root / task
        make_base(kind, base, output)
        makers: dict[str, Any] = {
            "feature-extraction": dense_cases,
            "text-ranking": ranking_cases,
            "sparse-feature-extraction": sparse_cases,
        }
        for number, (name, model, *more) in enumerate(makers[task](base)):
            folder = root / f"{task}-{number}"
            model.save_pretrained(str(folder), create_model_card=False)
            case = {"name": name, "task": task, **(more[0] if more else {})}
            settings = folder / "sentence_bert_config.json"
            settings.write_text(json.dumps(json.loads(settings.read_text()) | case.pop("older", {}), indent=1))
            # What the first model of a task has, all others have too, mostly with the same content.
            files = files_of(folder)
            shared = bases.setdefault(task, {"model.onnx": files_of(base)["model.onnx"], **files})
            case["files"] = {name: text for name, text in files.items() if shared.get(name) != text}
            cases.append(case | answers(task, folder, case))
    versions = {"sentence_transformers": sentence_transformers.__version__, "transformers": transformers.__version__}
    made = {"versions": versions, "texts": TEXTS, "query": QUERY, "bases": bases}
    lines = ",\n  ".join(map(json.dumps, cases))  # a line for each, for whoever compares two versions
    target.write_text(json.dumps(made, indent=1)[:-2] + f',\n "cases": [\n  {lines}\n ]\n}}\n', encoding="utf-8")
    print(f"{len(cases)} models of {versions}, {target.stat().st_size:,} bytes")


def answers(task: str, folder: Path, case: dict[str, Any]) -> dict[str, Any]:
    """Load a saved model again, as others will, and give what it makes of the texts."""
    if task == "text-ranking":
        model = CrossEncoder(str(folder), device="cpu", local_files_only=True)
        return {"expected": listed(model.predict([(QUERY, text) for text in TEXTS]))}
    if task == "sparse-feature-extraction":
        model = SparseEncoder(str(folder), device="cpu", local_files_only=True)
        return {"expected": listed(model.encode(TEXTS, convert_to_sparse_tensor=False).numpy())}
    model = SentenceTransformer(str(folder), device="cpu", local_files_only=True)
    vectors = model.encode(TEXTS)
    if "similarity" in case:
        return {"expected": listed(vectors), "similarities": listed(model.similarity(vectors, vectors[:2]).numpy())}
    return {"expected": listed(vectors)}


main(Path(sys.argv[1]))
