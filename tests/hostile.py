"""Text that an attacker would send: every character that a terminal obeys or hides, and what must stay secret."""

from __future__ import annotations

import unicodedata

__all__ = ["HOSTILE", "SECRETS", "orders_in"]

CONTROLS = "".join(map(chr, [*range(0x20), *range(0x7F, 0xA0)]))
MARKS = "\u061c\u200b\u200c\u200d\u200e\u200f\u2028\u2029\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\U000e0041"
SECRETS = ("hf_AbCdEfGh0123456789", "pa55w0rd", "s1gnature")
HOSTILE = (
    f"a\x1b]0;PWNED\x07\x1b[2J{CONTROLS}{MARKS}\ud800 "
    f"{SECRETS[0]} https://user:{SECRETS[1]}@host/x?Signature={SECRETS[2]}&b=c\nonnxhub: forged"
)
"""With a second line that looks like one of ours."""


def orders_in(text: str, *, lines: bool = False) -> set[str]:
    """The characters of a printed text that no text from outside may bring there, and the secrets in it."""
    orders = {each for each in text if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl", "Zp"}}
    return orders - ({"\n"} if lines else set()) | {secret for secret in SECRETS if secret in text}
