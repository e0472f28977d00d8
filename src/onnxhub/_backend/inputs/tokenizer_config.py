"""Settings of ``tokenizer_config.json`` that transformers' tokenizer classes apply to a ``tokenizer.json``.

``tokenizer.json`` alone is not what ``AutoTokenizer`` gives: the class that the configuration names has defaults of
its own, and they win (for ``BertTokenizer``, ``do_lower_case=True``). The rules are those of transformers 4.57:
``PreTrainedTokenizerFast.__init__`` and the ``__init__`` of each class; the oracle tests compare token ids.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from onnxhub._backend.inputs.tokenizer_bounds import check_tokens
from onnxhub.errors import IntegrityError

if TYPE_CHECKING:
    from typing import TypeAlias

    import tokenizers

    Options: TypeAlias = Mapping[str, object]
    Special: TypeAlias = Mapping[str, str | tokenizers.AddedToken]

__all__ = ["Family", "adapt", "check_settings", "collect_special_tokens", "find_family", "parse_added_tokens"]

ROLES = ("bos_token", "eos_token", "unk_token", "sep_token", "pad_token", "cls_token", "mask_token")
FLAGS = (
    "add_bos_token",
    "add_eos_token",
    "add_prefix_space",
    "do_lower_case",
    "split_special_tokens",
    "strip_accents",
    "tokenize_chinese_chars",
    "trim_offsets",
)
SIDES = ("padding_side", "truncation_side")
EXTRA = ("extra_special_tokens", "model_specific_special_tokens")
"""Special tokens without a role of their own: an object by name, or a list, as transformers 5 writes it."""
MOST_DIGITS = 9
"""Digits of the id of an added token."""


def _map_roles(
    bos: str = "",
    eos: str = "",
    unk: str = "",
    sep: str = "",
    pad: str = "",
    cls: str = "",
    mask: str = "",
) -> Mapping[str, str]:
    tokens = dict(zip(ROLES, (bos, eos, unk, sep, pad, cls, mask), strict=True))
    return {role: token for role, token in tokens.items() if token}


@dataclass(frozen=True)
class Family:
    """Tokenizer classes that treat their configuration alike."""

    special: Mapping[str, str] = field(default_factory=dict)
    """Role -> token, where the configuration names none."""
    extra: tuple[str, ...] = ()
    """Additional special tokens."""
    type_ids: bool = True
    """Whether the class tells the texts of a pair apart for the model."""
    padding_side: str = "right"
    bert_normalizer: bool = False
    """``do_lower_case``, ``strip_accents`` and ``tokenize_chinese_chars`` replace the normalizer's own."""
    roberta_processor: bool = False
    """``add_prefix_space`` and ``trim_offsets`` replace the post-processor's own."""
    bos_eos_template: tuple[bool, bool] | None = None
    """Defaults of ``add_bos_token`` and ``add_eos_token``, from which a new post-processor is made."""
    mask_flags: Mapping[str, bool] | None = None
    """How a mask token is matched that the configuration gives as a plain string."""


_WORDPIECE = _map_roles(unk="[UNK]", sep="[SEP]", pad="[PAD]", cls="[CLS]", mask="[MASK]")
_XLM = _map_roles("<s>", "</s>", "<unk>", "</s>", "<pad>", "<s>", "<mask>")
_SENTENCEPIECE = _map_roles("[CLS]", "[SEP]", "<unk>", "[SEP]", "<pad>", "[CLS]", "[MASK]")
_GPT = _map_roles("<|endoftext|>", "<|endoftext|>", "<|endoftext|>")
_LSTRIP = {"lstrip": True}
_VERBATIM = {"lstrip": True, "normalized": False}
_SPECIAL = {"lstrip": True, "special": True}

_BERT = Family(_WORDPIECE, bert_normalizer=True)
_ROBERTA = Family(_XLM, type_ids=False, roberta_processor=True, mask_flags=_VERBATIM)
_BART = Family(_XLM, type_ids=False, roberta_processor=True, mask_flags={**_SPECIAL, "normalized": True})
_XLM_ROBERTA = Family(_XLM, type_ids=False, mask_flags=_LSTRIP)
_GPT2 = Family(_GPT, type_ids=False)
_T5 = Family(_map_roles(eos="</s>", unk="<unk>", pad="<pad>"), type_ids=False)

FAMILIES: Mapping[str, Family] = {
    **dict.fromkeys(
        ("Bert", "ConvBert", "Electra", "LayoutLM", "Lxmert", "MobileBert", "RoFormer", "Splinter", "SqueezeBert"),
        _BERT,
    ),
    "DistilBert": Family(_WORDPIECE, type_ids=False, bert_normalizer=True),
    "Funnel": Family(_map_roles("<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>"), bert_normalizer=True),
    "MPNet": Family({**_XLM, "unk_token": "[UNK]"}, type_ids=False, bert_normalizer=True, mask_flags=_LSTRIP),
    **dict.fromkeys(("Roberta", "Longformer", "Blenderbot"), _ROBERTA),
    **dict.fromkeys(("Bart", "LED"), _BART),
    "Mvp": Family(_XLM, type_ids=False, roberta_processor=True, mask_flags=_LSTRIP),
    **dict.fromkeys(("XLMRoberta", "Barthez"), _XLM_ROBERTA),
    "Camembert": Family(_XLM, ("<s>NOTUSED", "</s>NOTUSED", "<unk>NOTUSED"), type_ids=False, mask_flags=_SPECIAL),
    "Albert": Family(_SENTENCEPIECE, mask_flags=_VERBATIM),
    "RemBert": Family(_SENTENCEPIECE, mask_flags=_LSTRIP),
    "BigBird": Family({**_SENTENCEPIECE, "bos_token": "<s>", "eos_token": "</s>"}, type_ids=False, mask_flags=_LSTRIP),
    "Deberta": Family({**_WORDPIECE, "bos_token": "[CLS]", "eos_token": "[SEP]"}, mask_flags=_LSTRIP),
    "DebertaV2": Family({**_WORDPIECE, "bos_token": "[CLS]", "eos_token": "[SEP]"}),
    "XLNet": Family(
        _map_roles("<s>", "</s>", "<unk>", "<sep>", "<pad>", "<cls>", "<mask>"),
        ("<eop>", "<eod>"),
        padding_side="left",
        mask_flags=_LSTRIP,
    ),
    "GPT2": _GPT2,
    "GPTNeoX": Family(_GPT, type_ids=False, bos_eos_template=(False, False)),
    "Qwen2": Family(_map_roles(eos="<|endoftext|>", unk="<|endoftext|>", pad="<|endoftext|>"), type_ids=False),
    "Llama": Family(
        _map_roles("<s>", "</s>", "<unk>"), type_ids=False, padding_side="left", bos_eos_template=(True, False)
    ),
    "Gemma": Family(
        _map_roles("<bos>", "<eos>", "<unk>", pad="<pad>"),
        type_ids=False,
        padding_side="left",
        bos_eos_template=(True, False),
    ),
    **dict.fromkeys(("T5", "MT5"), _T5),
}
"""Name of a class, without ``TokenizerFast``, -> family; what is not here is as generic as PreTrainedTokenizerFast."""

_MODEL_TYPES = {
    "albert": "Albert",
    "bart": "Bart",
    "bert": "Bert",
    "big_bird": "BigBird",
    "camembert": "Camembert",
    "convbert": "ConvBert",
    "data2vec-text": "Roberta",
    "deberta": "Deberta",
    "deberta-v2": "DebertaV2",
    "distilbert": "DistilBert",
    "electra": "Electra",
    "ernie": "Bert",
    "funnel": "Funnel",
    "gemma": "Gemma",
    "gemma2": "Gemma",
    "gpt2": "GPT2",
    "gpt_neo": "GPT2",
    "gpt_neox": "GPTNeoX",
    "gptj": "GPT2",
    "ibert": "Roberta",
    "layoutlm": "LayoutLM",
    "led": "LED",
    "llama": "Llama",
    "longformer": "Longformer",
    "longt5": "T5",
    "megatron-bert": "Bert",
    "mistral": "Llama",
    "mobilebert": "MobileBert",
    "mpnet": "MPNet",
    "mt5": "MT5",
    "nystromformer": "Albert",
    "opt": "GPT2",
    "qwen2": "Qwen2",
    "qwen3": "Qwen2",
    "rembert": "RemBert",
    "roberta": "Roberta",
    "roberta-prelayernorm": "Roberta",
    "roformer": "RoFormer",
    "splinter": "Splinter",
    "squeezebert": "SqueezeBert",
    "t5": "T5",
    "umt5": "T5",
    "xlm-roberta": "XLMRoberta",
    "xlm-roberta-xl": "XLMRoberta",
    "xlnet": "XLNet",
    "xmod": "XLMRoberta",
    "yoso": "Albert",
}
"""``model_type`` of config.json -> tokenizer class, for repositories that name none."""


def find_family(options: Options, config: Options) -> Family:
    """Return the family of the class that AutoTokenizer would take."""
    name = options.get("tokenizer_class") or config.get("tokenizer_class")
    if not isinstance(name, str):
        name = _MODEL_TYPES.get(str(config.get("model_type")), "")
    return FAMILIES.get(name.removesuffix("Fast").removesuffix("Tokenizer"), Family())


def collect_special_tokens(family: Family, options: Options, special_map: Options, vocabulary: Special) -> Special:
    """Return role -> token: the configuration's, else the default of the class.

    Args:
        family: The tokenizer's class.
        options: ``tokenizer_config.json``.
        special_map: ``special_tokens_map.json``; newer configurations, with ``added_tokens_decoder``, replace it.
        vocabulary: The added tokens of ``tokenizer.json`` and of the configuration, by content.
    """
    declared = {**options} if "added_tokens_decoder" in options else {**options, **special_map}
    special: dict[str, str | tokenizers.AddedToken] = {}
    for role in ROLES:
        token = _parse_token(declared[role]) if role in declared else family.special.get(role)
        if role == "mask_token" and family.mask_flags and isinstance(token, str) and token not in vocabulary:
            token = _make_token(token, family.mask_flags)
        if token is not None:
            special[role] = vocabulary.get(str(token), token) if isinstance(token, str) else token
    extra = declared.get("additional_special_tokens", family.extra)
    if isinstance(extra, Sequence) and not isinstance(extra, str):
        special.update(
            {
                f"additional_special_tokens.{index}": token
                for index, value in enumerate(extra)
                if (token := _parse_token(value)) is not None
            }
        )
    for key in EXTRA:
        special.update(
            {
                f"{key}.{name}": token
                for name, value in _name_tokens(options.get(key))
                if (token := _parse_token(value)) is not None
            }
        )
    return special


def _name_tokens(tokens: object) -> list[tuple[str, object]]:
    """Return tokens with their names; those of a list are named by their places."""
    if isinstance(tokens, Mapping):
        return list(tokens.items())
    return [(str(place), token) for place, token in enumerate(tokens)] if isinstance(tokens, list) else []


def check_settings(settings: Options, file: str) -> None:
    """Raise ``IntegrityError`` if a setting that is used has a value that it cannot have, as transformers would fail.

    Args:
        settings: ``tokenizer_config.json`` or ``special_tokens_map.json``.
        file: Which of them, for the errors.
    """
    for name in FLAGS:
        if settings.get(name) not in (None, False, True):
            raise IntegrityError(file, f"{name} is {_describe_value(settings[name])}, neither true nor false")
    for name in SIDES:
        if settings.get(name) not in (None, "", "left", "right"):
            raise IntegrityError(file, f"{name} is {_describe_value(settings[name])}, neither 'left' nor 'right'")
    check_tokens(_read_contents(settings, file), file)


def _read_contents(settings: Options, file: str) -> list[str]:
    """Return the texts of all tokens in the settings."""
    extra = settings.get("additional_special_tokens") or ()
    if not isinstance(extra, Sequence) or isinstance(extra, str):
        raise IntegrityError(file, f"additional_special_tokens is {_describe_value(extra)}, not a list of tokens")
    decoder = settings.get("added_tokens_decoder") or {}
    if not isinstance(decoder, Mapping):
        raise IntegrityError(
            file, f"added_tokens_decoder is {_describe_value(decoder)}, not an object of ids and tokens"
        )
    for key in decoder:
        if not key.isdecimal() or len(key) > MOST_DIGITS:
            raise IntegrityError(file, f"added_tokens_decoder has the key {key[:40]!r}, which is not the id of a token")
    contents: list[str] = []
    for key in EXTRA:
        if not isinstance(settings.get(key) or {}, Mapping | list):
            raise IntegrityError(
                file, f"{key} is {_describe_value(settings[key])}, neither an object nor a list of tokens"
            )
    named = [settings[role] for role in ROLES if settings.get(role) is not None]
    more = [token for key in EXTRA for _, token in _name_tokens(settings.get(key))]
    for token in (*named, *extra, *more, *decoder.values()):
        content = token.get("content") if isinstance(token, Mapping) else token
        if not isinstance(content, str):
            raise IntegrityError(file, f"a special or added token in it is {_describe_value(content)}, not a text")
        contents.append(content)
    return contents


def _describe_value(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 40 else f"a {type(value).__name__} of {len(text):,} characters"


def adapt(backend: tokenizers.Tokenizer, family: Family, options: Options, special: Special) -> None:
    """Configure a tokenizer as its class does, once, before its first use."""
    _add_tokens(backend, parse_added_tokens(options), special)
    _set_prefix_space(backend, options.get("add_prefix_space", False))
    if family.bert_normalizer:
        _set_bert_normalizer(backend, options)
    if family.roberta_processor:
        _set_roberta_processor(backend, options)
    # transformers 5 writes what a tokenizer adds into tokenizer.json alone, and this word beside it.
    if family.bos_eos_template and options.get("backend") != "tokenizers":
        _set_template(backend, family.bos_eos_template, options, special)
    # With this setting, special tokens in a text are words like any others; tokenizer.json has no entry for it.
    backend.encode_special_tokens = options.get("split_special_tokens") is True


def parse_added_tokens(options: Options) -> dict[int, tokenizers.AddedToken]:
    """Return ``added_tokens_decoder`` of a configuration: id -> token."""
    declared = options.get("added_tokens_decoder")
    entries = declared.items() if isinstance(declared, Mapping) else ()
    tokens = {int(key): _parse_token(value) for key, value in entries}
    return {index: token for index, token in tokens.items() if token is not None and not isinstance(token, str)}


def _parse_token(value: object) -> str | tokenizers.AddedToken | None:
    if isinstance(value, Mapping) and "content" in value:
        flags = {
            name: value[name] is True
            for name in ("single_word", "lstrip", "rstrip", "normalized", "special")
            if name in value
        }
        return _make_token(str(value["content"]), flags)
    return value if isinstance(value, str) else None


def _make_token(content: str, flags: Mapping[str, bool]) -> tokenizers.AddedToken:
    from tokenizers import AddedToken

    return AddedToken(content, **flags)


def _add_tokens(backend: tokenizers.Tokenizer, decoder: Mapping[int, tokenizers.AddedToken], special: Special) -> None:
    """Add the configuration's tokens that ``tokenizer.json`` lacks, and then the special tokens that neither has."""
    present = list(backend.get_added_tokens_decoder().values())
    # Tokens are equal if they are written alike; sets of that, since there may be a hundred thousand of them.
    written = set(map(repr, present))
    new = [token for _, token in sorted(decoder.items(), key=lambda entry: entry[0]) if repr(token) not in written]
    known = {token.content for token in (*present, *new)}
    contents = {str(getattr(token, "content", token)) for token in special.values()}
    tokens = [
        _make_token(token.content, {**_read_flags(token), "special": token.special or token.content in contents})
        for token in new
    ]
    written.update(map(repr, tokens))
    for token in special.values():
        if isinstance(token, str):
            more = None if token in known else _make_token(token, {"special": True})
        else:
            more = (
                None if repr(token) in written else _make_token(token.content, {**_read_flags(token), "special": True})
            )
        if more is not None:
            tokens.append(more)
            written.add(repr(more))
    backend.add_tokens(tokens)


def _read_flags(token: tokenizers.AddedToken) -> dict[str, bool]:
    return {name: bool(getattr(token, name)) for name in ("single_word", "lstrip", "rstrip", "normalized", "special")}


def _read_state(component: object) -> dict[str, object]:
    """Return a component's own description; empty for one that is written in Python."""
    described = component.__getstate__() if component is not None else None
    state = json.loads(described) if isinstance(described, bytes) else None
    return state if isinstance(state, dict) else {}


def _set_prefix_space(backend: tokenizers.Tokenizer, wanted: object) -> None:
    from tokenizers import pre_tokenizers

    state = _read_state(backend.pre_tokenizer)
    if state.get("add_prefix_space", wanted) != wanted and state["type"] == "ByteLevel":
        use_regex = state.get("use_regex", True) is True
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=bool(wanted), use_regex=use_regex)


def _set_bert_normalizer(backend: tokenizers.Tokenizer, options: Options) -> None:
    from tokenizers import normalizers

    state = _read_state(backend.normalizer)
    if state.get("type") != "BertNormalizer":
        return
    backend.normalizer = normalizers.BertNormalizer(
        clean_text=state.get("clean_text", True) is True,
        lowercase=bool(options.get("do_lower_case", True)),
        strip_accents=_parse_optional_bool(options.get("strip_accents")),
        handle_chinese_chars=bool(options.get("tokenize_chinese_chars", True)),
    )


def _set_roberta_processor(backend: tokenizers.Tokenizer, options: Options) -> None:
    from tokenizers import processors

    state = _read_state(backend.post_processor)
    prefix, trim = bool(options.get("add_prefix_space", False)), bool(options.get("trim_offsets", True))
    if state.get("type") == "RobertaProcessing":
        sep, cls = state["sep"], state["cls"]
        if isinstance(sep, list) and isinstance(cls, list):
            backend.post_processor = processors.RobertaProcessing(tuple(sep), tuple(cls), trim, prefix)
    elif state.get("type") == "ByteLevel":
        backend.post_processor = processors.ByteLevel(add_prefix_space=prefix, trim_offsets=trim)


def _set_template(
    backend: tokenizers.Tokenizer, defaults: tuple[bool, bool], options: Options, special: Special
) -> None:
    from tokenizers import processors

    wanted = zip(("bos_token", "eos_token"), defaults, strict=True)
    bos, eos = (
        str(getattr(special[role], "content", special[role]))
        if options.get(f"add_{role}", default) and role in special
        else ""
        for role, default in wanted
    )
    single, pair = ([bos and f"{bos}:{side}", f"${'AB'[side]}:{side}", eos and f"{eos}:{side}"] for side in (0, 1))
    backend.post_processor = processors.TemplateProcessing(
        single=" ".join(filter(None, single)),
        pair=" ".join(filter(None, single + pair)),
        special_tokens=[(token, backend.token_to_id(token)) for token in (bos, eos) if token],
    )


def _parse_optional_bool(value: object) -> bool | None:
    return None if value is None else bool(value)
