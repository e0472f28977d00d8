"""Small random models of real architectures, exported to ONNX as a user's own would be.

The parity tests compare transformers' pipelines with ours over these very files. Each architecture has its own kind
of tokenizer, in two flavours: "generic" (tokenizer.json is the whole truth) and "real" (tokenizer_config.json names
the architecture's class and contradicts tokenizer.json, as many a repository of the Hub does).
"""

import contextlib
import functools
import io
import json
import logging
import random
import shutil
import tempfile
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any, Literal

import sentencepiece
import torch
import transformers
from filelock import FileLock
from tokenizers import (
    AddedToken,
    ByteLevelBPETokenizer,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    processors,
)

Flavour = Literal["generic", "real"]
FLAVOURS: tuple[Flavour, ...] = ("generic", "real")
HIDDEN = 32
SPARE_ROWS = 8

_FAST: Any = transformers.PreTrainedTokenizerFast
_AUTO: Any = transformers.AutoTokenizer

AUTO_CLASSES: Mapping[str, str] = MappingProxyType(
    {
        "text-classification": "AutoModelForSequenceClassification",
        "token-classification": "AutoModelForTokenClassification",
        "question-answering": "AutoModelForQuestionAnswering",
        "feature-extraction": "AutoModel",
        "fill-mask": "AutoModelForMaskedLM",
        "zero-shot-classification": "AutoModelForSequenceClassification",
        "text-ranking": "AutoModelForSequenceClassification",
        "multiple-choice": "AutoModelForMultipleChoice",
    }
)
EXPORTED_AS: Mapping[str, str] = MappingProxyType(
    {"zero-shot-classification": "text-classification", "text-ranking": "text-classification"}
)
"""Tasks that the exporter knows by another name."""
CORE_TASKS = ("text-classification", "token-classification", "question-answering")
MORE_TASKS = ("fill-mask", "zero-shot-classification", "text-ranking", "multiple-choice")
"""Those whose weights are kept for torch too: what they are compared with is no pipeline over ONNX."""
ALL_TASKS = tuple(AUTO_CLASSES)

# --- texts -----------------------------------------------------------------------------------------------------------

WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "english": tuple(
            "the a of and to in is was not for with that it on by from Ada Lovelace London Paris committee film book "
            "very good bad terrible wonderful boring author wrote river president Maria Geneva yesterday don't U.S. "
            "state-of-the-art isn't company Obama visited unbelievable running played internationalization".split()
        ),
        "german": tuple("der die das und nicht ein Straße München Größe Österreich über schön Zürich Jürgen".split()),
        "french": tuple("le la les et n'est pas été forêt Noël cœur Besançon l'hôtel où garçon aujourd'hui".split()),
        "spanish": tuple("el niño piñas Bogotá ¿qué? ¡hola! año también José Málaga".split()),
        "russian": tuple("Москва столица России ёлка и не был хороший фильм Анна".split()),
        "greek": tuple("Αθήνα είναι πόλη ΣΊΣΥΦΟΣ λόγος".split()),
        "turkish": tuple("İstanbul ışık DİYARBAKIR güzel".split()),
        "cjk": tuple(
            "東京 日本の 首都です 北京是 中国的首都。 我爱你 漢字 カタカナ ひらがな 서울은 대한민국의 수도".split()
        ),
        "arabic": tuple("القاهرة عاصمة مصر كِتَابٌ في العربية".split()),
        "hebrew": tuple("ירושלים שָׁלוֹם".split()),
        "hindi": tuple("दिल्ली भारत की राजधानी है हिन्दी क्षत्रिय".split()),
        "thai": tuple("กรุงเทพ เป็นเมืองหลวง ของไทย น้ำ".split()),
        "emoji": ("😀", "👍🏽", "👨‍👩‍👧‍👦", "🇫🇷", "❤️", "🏳️‍🌈", "😂😂", "™", "①"),
        "combining": (
            "cafe\u0301",
            "n\u0303",
            "A\u030angstro\u0308m",
            "ﬁne",
            "ﬀ",
            "x\u0327\u0301",
            "e\u0301\u0302",
            "Ⅳ",
            "ﬃ",
        ),
        "numbers": ("1843", "3.14", "1,000,000", "17:45", "50%", "$3.99", "€20", "2nd", "x2", "0", "½", "²", "10⁶"),
        "punctuation": (".", ",", "!", "?", "...", "—", "«mot»", "“quote”", "(x)", "a/b", "#tag", "@ada", "&", "``q''"),
        "web": ("ada@example.org", "https://example.org/a?b=c&d=e#f", "snake_case", "CamelCase", "C++", "e.g.", "\\n"),
        "special": (
            "[SEP]",
            "[CLS]",
            "[MASK]",
            "[UNK]",
            "[PAD]",
            "<s>",
            "</s>",
            "<pad>",
            "<mask>",
            "<unk>",
            "▁",
            "##ing",
        ),
        "odd": ("\u200b", "\ufeff", "\u00ad", "\x07", "\ufffd", "\u202e", "ꙮ", "𝕏", "Ａ", "㍿", "\u2028", "\u0085"),
    }
)
EUROPEAN = ("english", "english", "english", "german", "french", "spanish", "numbers", "punctuation")
SPACES = ("\n", "\t", "\r\n", "\n\n", "\u00a0", "  ", "     ", "\u3000", "", " \n ", "\u2009")


def texts(seed: int, count: int) -> list[str]:
    """Give texts of many scripts and lengths, odd characters and all; no text is blank."""
    chance = random.Random(seed)
    return [_text(chance) for _ in range(count)]


def qa_pairs(seed: int, count: int) -> list[tuple[str, str]]:
    """Give (question, context) pairs; some contexts need several windows."""
    chance = random.Random(f"qa-{seed}")
    return [(_question(chance), _text(chance, chance.choice((4, 12, 30, 80, 200)))) for _ in range(count)]


def _question(chance: random.Random) -> str:
    """Give a question short enough for the smallest window: a few plain words, or one of any script."""
    scripts, most = (("english", "german", "french"), 3) if chance.random() < 0.7 else (tuple(WORDS), 1)
    words = [chance.choice(WORDS[chance.choice(scripts)]) for _ in range(chance.randint(1, most))]
    return " ".join([chance.choice(("Who", "Where", "What", "Wann", "Où")), *words]) + "?"


def _text(chance: random.Random, length: int | None = None) -> str:
    """Join words of a few scripts, mostly by single spaces."""
    length = length or _length(chance)
    mood = chance.random()
    scripts = EUROPEAN if mood < 0.4 else tuple(WORDS) if mood < 0.7 else (chance.choice(tuple(WORDS)), "english")
    parts: list[str] = []
    for _ in range(length):
        word = chance.choice(WORDS[chance.choice(scripts)])
        word = chance.choice((str.upper, str.title, str.lower))(word) if chance.random() < 0.1 else word
        parts += [word, chance.choice(SPACES) if chance.random() < 0.08 else " "]
    text = "".join(parts if chance.random() < 0.1 else parts[:-1])
    return text if text.strip() and any(character.isalnum() for character in text) else f"{text}word"


def _length(chance: random.Random) -> int:
    """Draw a number of words: mostly a sentence, sometimes one word, seldom pages."""
    draw = chance.random()
    if draw < 0.1:
        return 1
    return chance.randint(60, 250) if draw > 0.95 else chance.randint(2, 30)


# --- architectures ---------------------------------------------------------------------------------------------------

BIO = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
BIOES = ("O", "B-PER", "I-PER", "E-PER", "S-PER", "B-LOC", "I-LOC", "E-LOC", "S-LOC")
BILOU = ("O", "B-ORG", "I-ORG", "L-ORG", "U-ORG")
PLAIN = ("O", "PER", "LOC", "ORG")
DASHED = ("O", "PER-FIRST", "PER-LAST", "LOC")
INSIDE = ("I-PER", "O", "I-LOC", "B-LOC", "B-O")
UNNAMED: tuple[str, ...] = ("LABEL_0", "LABEL_1", "LABEL_2")
SENTIMENT = ("NEGATIVE", "POSITIVE")
ENTAILMENT = ("contradiction", "neutral", "entailment")


@dataclass(frozen=True)
class Architecture:
    """What is needed to make one family's models."""

    model_type: str
    tokenizer: str
    vocabulary: Literal["wordpiece", "byte-bpe", "unigram"]
    specials: tuple[str, ...]
    positions: int = 128
    position_offset: int = 0
    tokenizer_options: Mapping[str, Any] = field(default_factory=dict)
    contradictions: Mapping[str, Any] = field(default_factory=dict)
    config: Mapping[str, Any] = field(default_factory=dict)
    text_labels: tuple[str, ...] = SENTIMENT
    token_labels: tuple[str, ...] = BIO
    nli_labels: tuple[str, ...] = ENTAILMENT
    problem_type: str | None = None
    tasks: tuple[str, ...] = CORE_TASKS


BERT_SPECIALS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
ROBERTA_SPECIALS = ("<s>", "<pad>", "</s>", "<unk>", "<mask>")
MPNET_SPECIALS = ("<s>", "<pad>", "</s>", "[UNK]", "<mask>")
MODERN_SPECIALS = ("[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]")
ALBERT_SPECIALS = ("<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]")
DEBERTA_SPECIALS = ("[PAD]", "[CLS]", "[SEP]", "[UNK]")
FAIRSEQ_SPECIALS = ("<unk>", "<s>", "</s>")
GPT2_SPECIALS = ("<|endoftext|>",)


def _added(content: str, **flags: bool) -> dict[str, Any]:
    """Describe one entry of added_tokens_decoder."""
    defaults = {"lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
    return {"content": content, **defaults, **flags}


ARCHITECTURES: Mapping[str, Architecture] = MappingProxyType(
    {
        "bert": Architecture(
            "bert",
            "BertTokenizerFast",
            "wordpiece",
            BERT_SPECIALS,
            positions=80,
            contradictions={"do_lower_case": False, "model_max_length": 72},
            problem_type="single_label_classification",
            tasks=ALL_TASKS,
        ),
        "bert-cased": Architecture(
            "bert",
            "BertTokenizerFast",
            "wordpiece",
            BERT_SPECIALS,
            tokenizer_options={"do_lower_case": False},
            contradictions={
                "do_lower_case": True,
                "strip_accents": False,
                "additional_special_tokens": ["Paris", "[E1]"],
            },
            text_labels=("1 star", "2 stars", "3 stars", "4 stars", "5 stars"),
        ),
        "bert-cjk": Architecture(
            "bert",
            "BertTokenizerFast",
            "wordpiece",
            BERT_SPECIALS,
            contradictions={"tokenize_chinese_chars": False, "padding_side": "left", "truncation_side": "left"},
            text_labels=("toxic", "insult", "threat"),
            problem_type="multi_label_classification",
            token_labels=BIOES,
        ),
        "distilbert": Architecture(
            "distilbert",
            "DistilBertTokenizerFast",
            "wordpiece",
            BERT_SPECIALS,
            contradictions={
                "strip_accents": False,
                "extra_added": [_added("committee", normalized=True, special=False)],
            },
            config={"dim": HIDDEN, "hidden_dim": 64, "n_layers": 2, "n_heads": 4},
            text_labels=("score",),
            problem_type="regression",
            token_labels=PLAIN,
            nli_labels=UNNAMED,
            tasks=ALL_TASKS,
        ),
        "electra": Architecture(
            "electra",
            "ElectraTokenizerFast",
            "wordpiece",
            BERT_SPECIALS,
            positions=96,
            contradictions={"do_lower_case": False, "tokenize_chinese_chars": False, "model_max_length": 72},
            config={"embedding_size": HIDDEN},
            token_labels=BIOES,
            tasks=(*CORE_TASKS, "text-ranking"),
        ),
        "mobilebert": Architecture(
            "mobilebert",
            "MobileBertTokenizerFast",
            "wordpiece",
            BERT_SPECIALS,
            positions=2048,
            contradictions={"strip_accents": False, "model_max_length": None},
            config={
                "embedding_size": 16,
                "intra_bottleneck_size": 16,
                "true_hidden_size": 16,
                "num_feedforward_networks": 1,
            },
            text_labels=("similarity",),
            token_labels=INSIDE,
        ),
        "mpnet": Architecture(
            "mpnet",
            "MPNetTokenizerFast",
            "wordpiece",
            MPNET_SPECIALS,
            position_offset=2,
            contradictions={"do_lower_case": False, "unk_token": "<unk>"},
            text_labels=("contradiction", "entailment", "neutral"),
            nli_labels=("Neutral", "Entailment", "Contradiction"),
            tasks=(*CORE_TASKS, "feature-extraction", "fill-mask", "zero-shot-classification"),
        ),
        "roberta": Architecture(
            "roberta",
            "RobertaTokenizerFast",
            "byte-bpe",
            ROBERTA_SPECIALS,
            positions=96,
            position_offset=2,
            contradictions={"add_prefix_space": True, "trim_offsets": False, "mask_token": "<mask>"},
            text_labels=("LABEL_0",),
            nli_labels=("CONTRADICTION", "NEUTRAL", "ENTAILMENT"),
            tasks=ALL_TASKS,
        ),
        "bart": Architecture(
            "bart",
            "BartTokenizerFast",
            "byte-bpe",
            ROBERTA_SPECIALS,
            contradictions={"add_prefix_space": True, "truncation_side": "left"},
            config={
                "d_model": HIDDEN,
                "encoder_layers": 2,
                "decoder_layers": 2,
                "encoder_attention_heads": 4,
                "decoder_attention_heads": 4,
                "encoder_ffn_dim": 64,
                "decoder_ffn_dim": 64,
                "decoder_start_token_id": 2,
                "forced_eos_token_id": 2,
                "init_std": 0.5,
            },
            text_labels=("contradiction", "neutral", "entailment"),
            tasks=("text-classification", "question-answering", "zero-shot-classification"),
        ),
        "modernbert": Architecture(
            "modernbert",
            "PreTrainedTokenizerFast",
            "byte-bpe",
            MODERN_SPECIALS,
            contradictions={
                "padding_side": "left",
                "add_prefix_space": True,
                "extra_added": [_added("   ", special=False)],
            },
            config={
                "local_attention": 16,
                "global_attn_every_n_layers": 2,
                "reference_compile": False,
                "attn_implementation": "eager",
                "initializer_cutoff_factor": 2.0,
            },
            token_labels=BILOU,
            tasks=("text-classification", "token-classification", "feature-extraction", "fill-mask"),
        ),
        "gpt2": Architecture(
            "gpt2",
            "GPT2TokenizerFast",
            "byte-bpe",
            GPT2_SPECIALS,
            tokenizer_options={"pad_token": "<|endoftext|>"},
            contradictions={"add_prefix_space": True, "padding_side": "left"},
            config={"n_embd": HIDDEN, "n_layer": 2, "n_head": 4},
            text_labels=("good", "bad", "neither"),
            tasks=("text-classification", "token-classification"),
        ),
        "qwen2": Architecture(
            "qwen2",
            "Qwen2TokenizerFast",
            "byte-bpe",
            GPT2_SPECIALS,
            contradictions={
                "padding_side": "left",
                "extra_added": [_added("<|im_start|>"), _added("the", lstrip=True)],
            },
            config={"num_key_value_heads": 2},
            text_labels=("no", "yes"),
            tasks=("text-classification", "token-classification"),
        ),
        "xlm-roberta": Architecture(
            "xlm-roberta",
            "XLMRobertaTokenizerFast",
            "unigram",
            FAIRSEQ_SPECIALS,
            positions=96,
            position_offset=2,
            contradictions={
                "extra_added": [_added("Ada", lstrip=True), _added("film", normalized=True, special=False)]
            },
            text_labels=("joy", "anger", "fear", "love", "surprise"),
            problem_type="multi_label_classification",
            nli_labels=("entailment", "neutral", "contradiction"),
            tasks=ALL_TASKS,
        ),
        "camembert": Architecture(
            "camembert",
            "CamembertTokenizerFast",
            "unigram",
            FAIRSEQ_SPECIALS,
            positions=2048,
            position_offset=2,
            contradictions={"additional_special_tokens": ["<s>NOTUSED", "la"], "model_max_length": None},
            token_labels=UNNAMED,
        ),
        "albert": Architecture(
            "albert",
            "AlbertTokenizerFast",
            "unigram",
            ALBERT_SPECIALS,
            contradictions={
                "padding_side": "left",
                "additional_special_tokens": ["London"],
                "extra_added": [_added("on", single_word=True, rstrip=True, normalized=True, special=False)],
            },
            config={"embedding_size": 16, "num_hidden_groups": 1},
            text_labels=("low", "middle", "high"),
            problem_type="regression",
            token_labels=DASHED,
        ),
        "deberta-v2": Architecture(
            "deberta-v2",
            "DebertaV2TokenizerFast",
            "unigram",
            DEBERTA_SPECIALS,
            contradictions={"do_lower_case": True, "split_by_punct": True, "additional_special_tokens": ["very"]},
            config={"relative_attention": True, "pos_att_type": ["p2c", "c2p"], "position_biased_input": False},
            token_labels=BILOU,
            nli_labels=("entailment", "not_entailment"),
            tasks=(*CORE_TASKS, "zero-shot-classification", "multiple-choice"),
        ),
    }
)

# --- building --------------------------------------------------------------------------------------------------------


def build(root: Path, architecture: str, task: str, flavour: Flavour = "generic") -> Path:
    """Give the folder of one model under root, made on first use; safe for several processes at once."""
    name = f"{architecture}-{task}"
    tokenizer = _once(root / "tokenizers" / f"{architecture}-{flavour}", _tokenizer_writer(architecture, flavour))
    graph = _once(root / "graphs" / name, functools.partial(_write_graph, root, architecture, task))
    return _once(root / "models" / f"{name}-{flavour}", functools.partial(_assemble, (tokenizer, graph)))


def cases(tasks: Sequence[str] = CORE_TASKS) -> list[tuple[str, str]]:
    """List every (architecture, task) that can be built."""
    return [(name, task) for name, made in ARCHITECTURES.items() for task in made.tasks if task in tasks]


def _once(target: Path, write: Callable[[Path], None]) -> Path:
    """Let write fill a fresh folder and move it into place, unless it is there."""
    target.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{target}.lock"):
        if not target.exists():
            fresh = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
            write(fresh)
            fresh.rename(target)
    return target


def _assemble(parts: Sequence[Path], folder: Path) -> None:
    """Copy the files of several folders into one."""
    for part in parts:
        shutil.copytree(part, folder, dirs_exist_ok=True)


# --- tokenizers ------------------------------------------------------------------------------------------------------


def _tokenizer_writer(architecture: str, flavour: Flavour) -> Callable[[Path], None]:
    """Choose how the flavour's files are written."""
    write = {"generic": _write_generic, "real": _write_real}[flavour]
    return functools.partial(write, ARCHITECTURES[architecture])


def _write_generic(made: Architecture, folder: Path) -> None:
    """Write a tokenizer whose tokenizer.json is the whole truth."""
    own = _trained(made)
    special = {name: str(value) for name, value in own.special_tokens_map.items() if isinstance(value, str)}
    generic = _FAST(
        tokenizer_object=own.backend_tokenizer,
        model_max_length=made.positions,
        model_input_names=own.model_input_names,
        **special,
    )
    generic.save_pretrained(folder)


def _write_real(made: Architecture, folder: Path) -> None:
    """Write the family's own tokenizer, then make tokenizer_config.json contradict tokenizer.json."""
    own = _trained(made)
    own.model_max_length = made.positions
    own.save_pretrained(folder)
    kept = {"tokenizer.json", "tokenizer_config.json", "special_tokens_map.json"}
    for path in [path for path in folder.iterdir() if path.name not in kept]:
        path.unlink()
    path = folder / "tokenizer_config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    changes = dict(made.contradictions)
    for number, entry in enumerate(changes.pop("extra_added", ())):
        config["added_tokens_decoder"][str(len(own) + number)] = entry
    config.update({key: value for key, value in changes.items() if value is not None})
    for key in [key for key, value in changes.items() if value is None]:
        config.pop(key, None)
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False), encoding="utf-8")


def _trained(made: Architecture) -> Any:
    """Make the vocabulary and hand it to the family's own class, which knows the rest of the pipeline."""
    with tempfile.TemporaryDirectory() as place:
        files = _VOCABULARIES[made.vocabulary](made, Path(place))
        if made.tokenizer == "PreTrainedTokenizerFast":
            return _modern(files, made)
        return getattr(transformers, made.tokenizer)(**files, **made.tokenizer_options)


def _corpus() -> list[str]:
    """Give the text that vocabularies are trained on: every word, and running text."""
    words = [word for script in ("english", "german", "french", "spanish", "russian", "cjk") for word in WORDS[script]]
    rare = [word for script, group in WORDS.items() if script not in ("special", "odd") for word in group]
    running = [text for text in texts(1, 300) if not any(word in text for word in WORDS["special"])]
    return [*words * 5, *rare, *running]


def _make_wordpieces(made: Architecture, place: Path) -> dict[str, str]:
    """Count out a WordPiece vocabulary with the casing of its class (the library's trainer breaks ties by chance)."""
    lowercase = made.tokenizer_options.get("do_lower_case", True)
    normalizer, splitter = normalizers.BertNormalizer(lowercase=lowercase), pre_tokenizers.BertPreTokenizer()
    words: Counter[str] = Counter()
    for text in _corpus():
        words.update(word for word, _ in splitter.pre_tokenize_str(normalizer.normalize_str(text)))
    alphabet = _most_common(Counter("".join(words.elements())), 220)
    pieces: Counter[str] = Counter()
    for word, count in words.items():
        if set(word) <= set(alphabet):
            pieces[word] += 2 * count
            for cut in range(2, len(word) - 1):
                pieces.update({word[:cut]: count, f"##{word[cut:]}": count})
    known = [*made.specials, *alphabet, *(f"##{character}" for character in alphabet)]
    known += [piece for piece in _most_common(pieces, 500) if piece not in alphabet]
    path = place / "vocab.txt"
    path.write_text("\n".join(known) + "\n", encoding="utf-8")
    return {"vocab_file": str(path)}


def _most_common(counts: Counter[str], number: int) -> list[str]:
    """List the most common strings; a tie goes to the smaller."""
    return sorted(counts, key=lambda string: (-counts[string], string))[:number]


def _train_byte_bpe(made: Architecture, place: Path) -> dict[str, str]:
    """Train a byte-level BPE vocabulary."""
    tokenizer = ByteLevelBPETokenizer()
    tokenizer.train_from_iterator(_corpus(), vocab_size=1000, special_tokens=list(made.specials), show_progress=False)
    vocabulary, merges = tokenizer.save_model(str(place))
    return {"vocab_file": vocabulary, "merges_file": merges}


def _train_unigram(made: Architecture, place: Path) -> dict[str, str]:
    """Train a SentencePiece model, whose normalizer tables transformers copies into tokenizer.json."""
    written = io.BytesIO()
    pad, unknown, first, last = (
        next((number for number, token in enumerate(made.specials) if token in names), -1)
        for names in (("<pad>", "[PAD]"), ("<unk>", "[UNK]"), ("<s>", "[CLS]"), ("</s>", "[SEP]"))
    )
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(_corpus()),
        model_writer=written,
        model_type="unigram",
        vocab_size=600,
        hard_vocab_limit=False,
        num_threads=1,
        minloglevel=2,
        **_piece_options("pad", pad, made),
        **_piece_options("unk", unknown, made),
        **_piece_options("bos", first, made),
        **_piece_options("eos", last, made),
        control_symbols=[token for token in made.specials if token == "[MASK]"],
    )
    path = place / "spiece.model"
    path.write_bytes(written.getvalue())
    return {"vocab_file": str(path)}


def _piece_options(role: str, number: int, made: Architecture) -> dict[str, Any]:
    """Number and name one of SentencePiece's own tokens."""
    return {f"{role}_id": number, **({f"{role}_piece": made.specials[number]} if number >= 0 else {})}


_VOCABULARIES: Mapping[str, Callable[[Architecture, Path], dict[str, str]]] = MappingProxyType(
    {"wordpiece": _make_wordpieces, "byte-bpe": _train_byte_bpe, "unigram": _train_unigram}
)


def _modern(files: Mapping[str, str], made: Architecture) -> Any:
    """Give ModernBERT's tokenizer: byte-level BPE between [CLS] and [SEP], with no class of its own."""
    backend = Tokenizer(models.BPE.from_file(files["vocab_file"], files["merges_file"]))
    backend.normalizer = normalizers.NFC()
    backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = decoders.ByteLevel()
    backend.add_special_tokens([AddedToken(token, lstrip=token == "[MASK]") for token in made.specials])
    backend.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:0 [SEP]",
        special_tokens=[(token, backend.token_to_id(token)) for token in ("[CLS]", "[SEP]")],
    )
    return _FAST(
        tokenizer_object=backend,
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        pad_token="[PAD]",
        mask_token=AddedToken("[MASK]", lstrip=True),
        model_input_names=["input_ids", "attention_mask"],
    )


# --- graphs ----------------------------------------------------------------------------------------------------------


def _write_graph(root: Path, architecture: str, task: str, folder: Path) -> None:
    """Make the model, and export it with its configuration."""
    from optimum.exporters.onnx import onnx_export_from_model

    tokenizer_folder = _once(
        root / "tokenizers" / f"{architecture}-generic", _tokenizer_writer(architecture, "generic")
    )
    tokenizer = _AUTO.from_pretrained(tokenizer_folder)
    with _quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = _model(ARCHITECTURES[architecture], task, tokenizer)
        _calibrate(model, task, tokenizer)
        if task in MORE_TASKS:
            model.save_pretrained(folder)
        onnx_export_from_model(model, folder, task=EXPORTED_AS.get(task, task), do_validation=False)
    (folder / "generation_config.json").unlink(missing_ok=True)


def _model(made: Architecture, task: str, tokenizer: Any) -> Any:
    """Make a random PyTorch model of the architecture."""
    config = transformers.AutoConfig.for_model(made.model_type, **_settings(made, tokenizer), **_labels(made, task))
    return getattr(transformers, AUTO_CLASSES[task]).from_config(config).eval()


def _settings(made: Architecture, tokenizer: Any) -> dict[str, Any]:
    """Give the configuration of a small model: two layers, and weights large enough to disagree."""
    ids = {f"{name}_token_id": getattr(tokenizer, f"{name}_token_id") for name in ("pad", "bos", "eos", "cls", "sep")}
    return {
        "vocab_size": len(tokenizer) + SPARE_ROWS,
        "hidden_size": HIDDEN,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 64,
        "max_position_embeddings": made.positions + made.position_offset,
        "initializer_range": 0.5,
        **{key: value for key, value in ids.items() if value is not None},
        **made.config,
    }


def _labels(made: Architecture, task: str) -> dict[str, Any]:
    """Give the labels of the task."""
    names = {
        "text-classification": made.text_labels,
        "token-classification": made.token_labels,
        "zero-shot-classification": made.nli_labels,
        "text-ranking": ("LABEL_0",),
    }.get(task)
    if names is None:
        return {}
    given: dict[str, Any] = {
        "id2label": dict(enumerate(names)),
        "label2id": {name: number for number, name in enumerate(names)},
    }
    if task == "text-classification" and made.problem_type:
        given["problem_type"] = made.problem_type
    return given


@torch.no_grad()
def _calibrate(model: Any, task: str, tokenizer: Any) -> None:
    """Centre and scale the last layer over some texts, so that every label wins now and then."""
    if task not in CORE_TASKS:
        return
    columns = 2 if task == "question-answering" else model.config.num_labels
    linear = [module for module in model.modules() if isinstance(module, torch.nn.Linear)]
    head = [module for module in linear if module.out_features == columns][-1]
    inputs = qa_pairs(2, 40) if task == "question-answering" else [(text,) for text in texts(2, 40)]
    seen = torch.cat([_head_outputs(model, head, tokenizer, given) for given in inputs])
    factor = 2.0 / seen.std(0).mean().clamp(min=1e-3)
    head.weight *= factor
    if head.bias is not None:
        head.bias.copy_((head.bias - seen.mean(0)) * factor)


def _head_outputs(model: Any, head: torch.nn.Linear, tokenizer: Any, given: tuple[str, ...]) -> torch.Tensor:
    """Run one text or pair and catch what the last layer gave."""
    caught: list[torch.Tensor] = []
    handle = head.register_forward_hook(lambda _module, _given, output: caught.append(output))
    try:
        model(**tokenizer(*given, truncation=True, return_tensors="pt"))
    finally:
        handle.remove()
    return caught[-1].reshape(-1, head.out_features)[-40:]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Silence the exporter: the tracer warns of every shape that it reads."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
