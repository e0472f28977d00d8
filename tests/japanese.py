"""Japanese sentences and vocabularies, made anew and always the same ones."""

from __future__ import annotations

import json
import random
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")
CLAUSES = (
    "東京で働く人が増えている",
    "私は毎日図書館で本を読む",
    "京都の紅葉はとても美しかった",
    "山田太郎さんは大阪大学の教授です",
    "この映画は面白くなかった",
    "株価が急落したため、市場は混乱した",
    "すもももももももものうち",
    "昨日買った靴を返品したい",
    "彼女は歌いながら踊っていた",
    "スマートフォンのバッテリーがすぐ切れる",
    "お問い合わせありがとうございます",
    "首相は記者会見で増税を否定した",
)
ODD = (
    "㈱日立と㍿", "①②③", "ｶﾞｷﾞｸﾞﾊﾟﾋﾟ", "が", "パン", "２０２４年１２月３１日", "12,345円", "¥１，０００", "㎏と㎡", "Ⅷ世",
    "👨\u200d👩\u200d👧", "🗾🍣", "👍🏽", "𠮷野家", "𩸽を焼く", "髙島屋", "ＡＢＣ", "Straße", "İstanbul", "ΟΔΥΣΣΕΥΣ", "Café", "Cafe\u0301",
    "a\u0323\u0307", "각", "\u1100\u1161\u11a8", "ไทย", "हिन्दी", "e-mail: a.b@c.jp", "http://例え.jp/?q=1", "〜～", "「」『』", "…‥", "ﷺ", "ﬁn",
    "\u3000", "  ", "\n", "\r\n", "\t", "\x01", "\x7f", "\u200b", "\ufeff", "\u2028", "\xa0", "\x85", "\x1c", "\ufffd", "゛", "か\u3099", "ヴ", "うﾞ",
    "[MASK]", "[SEP]", "[CLS]", "[UNK]", "[mask]", "##a", "``x''", "a" * 101, "あ" * 120, "！？", "ー〜", "々〻", "A.D.", "Å", "ﾟ", "\u0301x",
)  # fmt: skip


def make_sentences(count: int = 2000) -> list[str]:
    """Return sentences of clauses, numbers, letters of other scripts, marks, blanks and controls; the last is long."""
    chance = random.Random(20261201)
    sentences = [*CLAUSES, *ODD, "", " ", "\n"]
    while len(sentences) < count - 1:
        parts = [chance.choice(CLAUSES if chance.random() < 0.6 else ODD) for _ in range(chance.randint(1, 5))]
        if chance.random() < 0.3:
            parts.insert(0, str(chance.randint(0, 10**6)))
        sentences.append(chance.choice(("", "、", " ", "\u3000")).join(parts) + chance.choice(("", "。", "！", "\n")))
    return [*sentences, "。".join(chance.choice(CLAUSES) for _ in range(3000))]


def make_vocabulary(sentences: Iterable[str] = (*CLAUSES, *ODD)) -> list[str]:
    """Return special tokens, characters, and pieces of the sentences: not all of them, so that some are unknown."""
    texts = [unicodedata.normalize("NFKC", text) for text in sentences]
    characters = {letter for text in texts for letter in text if not letter.isspace() and letter not in "踊靴𩸽"}
    pieces = {text[place : place + size] for text in texts for size in (2, 3) for place in range(0, len(text), 3)}
    whole = {piece for piece in pieces if piece and not any(map(str.isspace, piece))}
    return [*SPECIAL, *sorted(characters | whole), *sorted(f"##{piece}" for piece in characters | whole)]


def write_tokenizer(folder: Path, vocabulary: Iterable[str] | None = None, **settings: Any) -> None:
    """Write the files of a ``BertJapaneseTokenizer``, in the place of any other tokenizer."""
    for name in ("tokenizer.json", "special_tokens_map.json"):
        (folder / name).unlink(missing_ok=True)
    lines = make_vocabulary() if vocabulary is None else list(vocabulary)
    (folder / "vocab.txt").write_text("".join(f"{line}\n" for line in lines), encoding="utf-8", newline="\n")
    options = {"tokenizer_class": "BertJapaneseTokenizer", "model_max_length": 512, **settings}
    (folder / "tokenizer_config.json").write_text(json.dumps(options), encoding="utf-8")
