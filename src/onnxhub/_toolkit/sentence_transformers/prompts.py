"""The preprocessor that sentence-transformers' three tasks share: a prompt before the text, and lower case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Generic, Literal, Self, TypeVar, get_args

from onnxhub._contracts.postprocessor import ItemT
from onnxhub._contracts.preprocessor import Preprocessor
from onnxhub._toolkit.text.requirements import require_inputs
from onnxhub.errors import InvalidOptionError, TaskMismatchError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from onnxhub._contracts.protocols import Backend, Tokenizer
    from onnxhub._toolkit.sentence_transformers.settings import SentenceSettings

__all__ = ["InputType", "PromptPreprocessor", "choose_prompt", "lower"]

InputT = TypeVar("InputT")
InputType = Literal["query", "document"]
"""Which side of a search a text is on."""
PROMPT_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "query": ("query",),
    "document": ("document", "passage", "corpus"),
}
"""The names that the prompt of a side may have; the first that a model has counts."""


@dataclass(frozen=True)
class PromptPreprocessor(Preprocessor[InputT, ItemT], Generic[InputT, ItemT]):
    """Texts to rows, the first text of each behind a prompt if there is one."""

    tokenizer: Tokenizer
    inputs: tuple[str, ...]
    lower_case: bool = False
    prompts: Mapping[str, str] | None = None
    """The model's named prompts."""
    prompt_name: str | None = None
    """The one that is put before each text."""
    default_prompt_name: str | None = None
    """The one where nothing else is asked for."""
    input_type: InputType | None = None
    """Which side of a search the texts are on; None: neither."""

    def __post_init__(self) -> None:
        if self.input_type not in (None, *PROMPT_NAMES):
            known = get_args(InputType)
            raise InvalidOptionError("input_type", self.input_type, "'query', 'document' or None", known)
        known = tuple(self.prompts or ())
        if self.prompt_name is not None and self.prompt_name not in known:
            names = ", ".join(map(repr, known)) or "None, for the model has no prompts"
            raise InvalidOptionError("prompt_name", self.prompt_name, names, known)

    @classmethod
    def _with_settings(cls, backend: Backend, task: str, settings: SentenceSettings, **more: Any) -> Self:
        """Build the preprocessor for a model with these settings.

        Raises:
            TaskMismatchError: they have a limit that the tokenizer does not, as one in the transformer's own folder.
        """
        limit, wanted = backend.tokenizer.max_length, settings.max_seq_length
        if settings.length_file and "/" in settings.length_file and wanted and (limit is None or limit > wanted):
            says = f"its {settings.length_file} says max_seq_length: {wanted}"
            raise TaskMismatchError(backend.model_id, task, (f"{says}, and its tokenizer takes {limit or 'any'}",))
        return cls(
            backend.tokenizer,
            require_inputs(backend, task),
            lower_case=settings.lower_case,
            prompts=settings.model.prompts,
            prompt_name=settings.model.default_prompt_name,
            default_prompt_name=settings.model.default_prompt_name,
            **more,
        )

    @property
    def prompt(self) -> str:
        """The text that is put before each text, as it is tokenised; empty if there is none."""
        prompt = "" if self.prompt_name is None else (self.prompts or {})[self.prompt_name]
        return lower(prompt) if self.lower_case else prompt

    def find_prompt(self, input_type: object) -> str | None:
        """Return the name of the prompt for a side of a search; for neither, the default one.

        As ``encode_query`` and ``encode_document`` of sentence-transformers: where a model has no prompt for a side, its
        default one is not for that side either.
        """
        if input_type is None:
            return self.default_prompt_name
        return next((name for name in PROMPT_NAMES.get(str(input_type), ()) if name in (self.prompts or {})), None)

    def apply_case(self, text: str) -> str:
        """Return the text as it is tokenised: lowered if the model wants that."""
        return lower(text) if self.lower_case else text


def choose_prompt(preprocessor: object, options: Mapping[str, object]) -> Mapping[str, object]:
    """Return the options of a call with the prompt that belongs to their ``input_type``, unless they name a prompt too."""
    asked = options.get("input_type", ...)
    if asked is ... or options.get("prompt_name", ...) is not ... or not isinstance(preprocessor, PromptPreprocessor):
        return options
    return {**options, "prompt_name": preprocessor.find_prompt(asked)}


def lower(text: str) -> str:
    """Lower a text as tokenizers do: letter by letter, so that no sigma becomes a final sigma."""
    return text.lower() if "Σ" not in text else "".join(map(str.lower, text))
