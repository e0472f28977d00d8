"""Models whose JSON files say odd things: structure-aware mutants, and what loading and calling them comes to."""

from __future__ import annotations

import copy
import json
import shutil
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors

import onnxhub
from onnxhub.errors import OnnxHubError
from tests import tiny

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterator

QUIET = {"log_severity_level": 4, "intra_op_num_threads": 1}
LONG = "a good " * 40
DIGITS = "@5000 digits@"
"""Stands for a number that json.dumps cannot write."""
DEEP = "@3000 lists@"
"""Stands for lists in each other that it cannot."""


def nest(depth: int) -> object:
    """Give a list in a list, so many deep."""
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


ODD: tuple[object, ...] = (
    None, True, False, 0, 1, 2, -1, 0.5, 512.0, 2**31, 2**63, 2**64, 10**30, 1e30, float("nan"), float("inf"), DIGITS,
    "", "a", "a b", "x:y:z", "$A", "<s>", "[CLS]", "\ud800", "\0", "é" * 3, "a" * 3000, "9" * 5000, "true", "left",
    [], [1], ["a"], [[1], [1, 2]], {}, {"content": "x"}, {"content": 5}, {"a": {}}, nest(100), DEEP,
)  # fmt: skip
"""Values of every type, at the ends of every range."""
KEYS = (
    "model_type", "architectures", "id2label", "label2id", "pad_token_id", "eos_token_id", "is_encoder_decoder",
    "max_position_embeddings", "n_positions", "position_biased_input", "problem_type", "vocab_size", "hidden_size",
    "tokenizer_class", "model_max_length", "max_len", "padding_side", "truncation_side", "model_input_names", "backend",
    "bos_token", "eos_token", "mask_token", "add_bos_token", "add_eos_token", "add_prefix_space", "do_lower_case",
    "strip_accents", "additional_special_tokens", "added_tokens_decoder", "max_seq_length", "prompts",
    "default_prompt_name", "sentence_transformers", "sbert_ce_default_activation_function", "pooling_mode",
    "include_prompt", "similarity_fn_name", "type", "path", "normalizer", "pre_tokenizer", "post_processor", "decoder",
    "added_tokens", "return_all_scores", "truncate_dim", "type_vocab_size",
)  # fmt: skip
"""Keys that the library reads, to be put where they are not."""
CLASSES = ("Bert", "Roberta", "Llama", "GPTNeoX", "XLMRoberta", "Albert", "Camembert", "MPNet", "GPT2", "T5", "XLNet")


@dataclass(frozen=True)
class Subject:
    """A sound model, and what it is called with."""

    name: str
    task: str
    make: Callable[[Path], Path]
    inputs: list[Any]


def subjects() -> tuple[Subject, ...]:
    """Give a model for each task, for each kind of tokenizer, and one that comes with the package."""
    pair, query = ("Who?", "Anna is good. " * 30), ("good", ["a good one", "bad"])
    inputs: dict[str, list[Any]] = {
        "text-classification": ["good", LONG, ("a", "b")],
        "token-classification": ["good", LONG],
        "question-answering": [pair, ("Who is good?", "Anna is.")],
        "fill-mask": ["a [MASK] one", "[MASK] is good and bad"],
        "text-ranking": [query, query],
        "multiple-choice": [query, query],
        "sparse-feature-extraction": ["good", LONG],
    }
    made = [Subject(task, task, _plain(task), given) for task, given in inputs.items()]
    texts = inputs["text-classification"]
    return (
        *made,
        Subject("sentence-transformers", "feature-extraction", _make_sentence_transformer, ["good", LONG]),
        Subject("byte-level", "text-classification", _with_tokenizer(byte_level, "RobertaTokenizer"), texts),
        Subject("unigram", "text-classification", _with_tokenizer(unigram, "LlamaTokenizer"), texts),
        Subject("builtin", "text-classification", _copy_builtin, texts[:2]),
    )


def byte_level() -> Tokenizer:
    """Build a byte-level BPE tokenizer, as RoBERTa has."""
    words = ("<s>", "<pad>", "</s>", "<unk>", "<mask>", *sorted(pre_tokenizers.ByteLevel.alphabet())[:200], "go")
    vocabulary = {word: number for number, word in enumerate(words)}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("g", "o")], unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.RobertaProcessing(("</s>", 2), ("<s>", 0))
    tokenizer.add_special_tokens(list(words[:5]))
    return tokenizer


def unigram() -> Tokenizer:
    """Build a Unigram tokenizer with a chain of normalizers, as those from sentencepiece have."""
    words = [("<unk>", 0.0), ("<s>", 0.0), ("</s>", 0.0), ("▁a", -1.0), ("▁good", -2.0), ("o", -3.0), ("▁", -4.0)]
    tokenizer = Tokenizer(models.Unigram(words, unk_id=0, byte_fallback=False))
    steps = [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁"), normalizers.NFKC(), normalizers.Lowercase()]
    tokenizer.normalizer = normalizers.Sequence(steps)
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.Fuse(), decoders.Strip(" ", 1, 0)])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<s> $A", pair="<s> $A <s> $B", special_tokens=[("<s>", 1)]
    )
    tokenizer.add_special_tokens(["<unk>", "<s>", "</s>"])
    return tokenizer


def mutants(folder: Path, chance: random.Random, count: int) -> Iterator[tuple[str, bytes]]:
    """Give files of the model as they are not, one after the other: the name and the bytes of each."""
    names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.json"))
    names += ["config.json", "tokenizer_config.json", "tokenizer.json"]  # they say the most
    whole = {name: (folder / name).read_bytes() for name in names}
    trees = {name: json.loads(data) for name, data in whole.items()}
    for _ in range(count):
        name = chance.choice(names)
        if chance.random() < 0.05:
            yield name, _break(bytearray(whole[name]), chance)
            continue
        tree = copy.deepcopy(trees[name])
        for _ in range(chance.choice((1, 1, 1, 2, 4))):
            _change(tree, chance)
        yield name, written(tree)


def written(tree: object) -> bytes:
    """Give the file of a value, with lone surrogates, numbers of 5,000 digits and 3,000 lists in each other."""
    text = json.dumps(tree, ensure_ascii=True).replace(f'"{DIGITS}"', "9" * 5000)
    return text.replace(f'"{DEEP}"', "[" * 3000 + "]" * 3000).encode()


def tried(subject: Subject, folder: Path) -> bool:
    """Load the model and call it in every way; whether it answered.

    Raises:
        BaseException: what is not an error of the tree.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            with onnxhub.load(subject.task, folder, session_options=QUIET) as model:
                failures = model.attempt(subject.inputs)
                model(subject.inputs[0])
                model(subject.inputs)
        except OnnxHubError as error:
            str(error).encode()  # what is said can be written down
            return False
    return all(not isinstance(result, onnxhub.Failure) for result in failures)


def _plain(task: str) -> Callable[[Path], Path]:
    return lambda folder: tiny.make_model(folder, task)


def _make_sentence_transformer(folder: Path) -> Path:
    tiny.make_model(folder, "feature-extraction")
    return tiny.write_sentence_transformers(
        folder, dense=True, prompts={"query": "query: "}, default_prompt_name="query"
    )


def _with_tokenizer(make: Callable[[], Tokenizer], kind: str) -> Callable[[Path], Path]:
    def made(folder: Path) -> Path:
        tokenizer = make()
        roles = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>"}
        tiny.make_model(folder, token_type_ids=False)
        tiny.write_tokenizer(folder, tokenizer, token_type_ids=False, extra=_settings(kind, roles))
        (folder / "special_tokens_map.json").write_text(json.dumps(roles))
        return folder

    return made


def _settings(kind: str, roles: dict[str, str]) -> dict[str, Any]:
    gone = dict.fromkeys(("cls_token", "sep_token", "mask_token", "added_tokens_decoder", "do_lower_case"))
    return {**gone, **roles, "tokenizer_class": kind}


def _copy_builtin(folder: Path) -> Path:
    return Path(shutil.copytree(Path(onnxhub.__file__).parent / "builtin" / "sentiment", folder))


def _break(data: bytearray, chance: random.Random) -> bytes:
    place = chance.randrange(len(data))
    if chance.random() < 0.5:
        del data[place:]
    else:
        data[place] = chance.randrange(256)
    return bytes(data)


def _change(tree: Any, chance: random.Random) -> None:
    """Change one place of a value: replace, remove, rename, copy from elsewhere, or add a key."""
    places = list(_places(tree))
    if not places:
        return
    parent, key = chance.choice(places)
    kind = chance.random()
    if kind < 0.5:
        parent[key] = copy.deepcopy(chance.choice(ODD))
    elif kind < 0.6:
        other, place = chance.choice(places)
        parent[key] = copy.deepcopy(other[place])
    elif kind < 0.7:
        del parent[key]
    elif kind < 0.75:
        parent[key] = _near(parent[key], chance)
    elif isinstance(parent, dict):
        name = chance.choice(KEYS)
        named = f"{chance.choice(CLASSES)}Tokenizer"
        parent[name] = named if name == "tokenizer_class" else copy.deepcopy(chance.choice(ODD))
    elif parent:
        parent.insert(key, copy.deepcopy(chance.choice(ODD)))


def _places(tree: Any) -> Iterator[tuple[Any, Any]]:
    """Give each value by what it is in and its key there; of long lists and objects some."""
    waiting = [tree]
    while waiting:
        parent = waiting.pop()
        keys = list(parent) if isinstance(parent, dict) else range(len(parent))
        for key in keys[:40]:
            yield parent, key
            if isinstance(parent[key], dict | list):
                waiting.append(parent[key])


def _near(value: Any, chance: random.Random) -> Any:
    if isinstance(value, bool):
        return not value
    if isinstance(value, int):
        return value + chance.choice((-1, 1, 1000))
    return value + chance.choice(("x", " ", ":", "\ud800")) if isinstance(value, str) else [value]
