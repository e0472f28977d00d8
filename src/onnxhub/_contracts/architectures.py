"""Which built-in task an architecture of transformers is for: what the tasks' rows say, without importing them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["ARCHITECTURES"]

# faces: begin endings (make faces)
_ENDINGS: Final[Mapping[str, tuple[str, ...]]] = {
    "audio-classification": ("ForAudioClassification",),
    "audio-frame-classification": ("ForAudioFrameClassification",),
    "audio-xvector": ("ForXVector",),
    "automatic-speech-recognition": (
        "ForSpeechSeq2Seq",
        "ForCTC",
        "WhisperForConditionalGeneration",
        "MoonshineForConditionalGeneration",
        "Speech2TextForConditionalGeneration",
        "SpeechEncoderDecoderModel",
    ),
    "feature-extraction": ("Model",),
    "fill-mask": ("ForMaskedLM",),
    "image-classification": ("ForImageClassification",),
    "image-feature-extraction": (
        "ViTModel",
        "ViTMSNModel",
        "DeiTModel",
        "BeitModel",
        "SwinModel",
        "Swinv2Model",
        "Dinov2Model",
        "ConvNextModel",
        "ConvNextV2Model",
        "ResNetModel",
        "RegNetModel",
        "EfficientNetModel",
        "LevitModel",
        "MobileNetV1Model",
        "MobileNetV2Model",
        "MobileViTModel",
        "PvtModel",
        "SegformerModel",
        "CLIPVisionModel",
        "CLIPVisionModelWithProjection",
        "SiglipVisionModel",
    ),
    "image-segmentation": ("ForSemanticSegmentation",),
    "image-to-image": ("ForImageSuperResolution",),
    "image-to-text": ("VisionEncoderDecoderModel", "Pix2StructForConditionalGeneration"),
    "multiple-choice": ("ForMultipleChoice",),
    "question-answering": ("ForQuestionAnswering",),
    "text-classification": ("ForSequenceClassification",),
    "text-generation": ("ForCausalLM", "LMHeadModel"),
    "text2text-generation": ("T5WithLMHeadModel", "ForConditionalGeneration", "EncoderDecoderModel", "MTModel"),
    "token-classification": ("ForTokenClassification",),
    "zero-shot-image-classification": ("CLIPModel", "SiglipModel"),
}
# faces: end endings
"""Task -> the endings of its architectures' names."""

ARCHITECTURES: Final[Mapping[str, str]] = {ending: task for task, endings in _ENDINGS.items() for ending in endings}
"""End of an architecture's name -> the built-in task; of several that fit, the longest counts."""
