"""A small random model for each class of optimum.onnxruntime, exported as a user's own would be."""

import contextlib
import io
import logging
import warnings
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import torch
import transformers
from optimum.exporters.onnx import onnx_export_from_model

TEXT = {"vocab_size": 60, "hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
        "max_position_embeddings": 24}  # fmt: skip
IMAGE = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16, "image_size": 16,
         "patch_size": 8}  # fmt: skip
SOUND = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16,
         "conv_dim": (8, 8), "conv_stride": (5, 4), "conv_kernel": (10, 4), "num_feat_extract_layers": 2,
         "num_conv_pos_embeddings": 8, "num_conv_pos_embedding_groups": 2, "vocab_size": 20, "tdnn_dim": (16, 16),
         "tdnn_kernel": (3, 1), "tdnn_dilation": (1, 1), "xvector_output_dim": 8, "num_labels": 3,
         "classifier_proj_size": 8}  # fmt: skip
T5 = {"vocab_size": 40, "d_model": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2,
      "decoder_start_token_id": 0}  # fmt: skip
IDS = {"input_ids": ("tokens", (2, 7)), "attention_mask": ("ones", (2, 7)), "token_type_ids": ("zeros", (2, 7))}
PIXELS = {"pixel_values": ("floats", (2, 3, 16, 16))}
WAVES = {"input_values": ("floats", (2, 800))}


@dataclass(frozen=True)
class Family:
    """How to make one class's model, and what its graph is given."""

    ort_class: str
    task: str
    """As onnxhub calls it."""
    auto: str
    """transformers' class."""
    config: Callable[[], Any]
    inputs: Mapping[str, tuple[str, tuple[int, ...]]]
    exported_as: str = ""
    """As the exporter calls it, if by another name."""
    merged: bool | None = None
    """Whether two decoders become one; None: there is one."""
    inferred: str = ""
    """What ``load("auto")`` makes of it, where that is another task."""
    preprocessors: Any = None
    """What the exporter asks for sizes, for the one class that it cannot do without."""
    generated: Mapping[str, Any] = field(default_factory=dict)
    """Arguments of ``generate``, if it has that."""


def _config(name: str, **settings: Any) -> Callable[[], Any]:
    return lambda: getattr(transformers, name)(**settings)


def _bert() -> Any:
    return transformers.BertConfig(**TEXT)


def _clip() -> Any:
    text = {**TEXT, "max_position_embeddings": 16, "projection_dim": 8, "eos_token_id": 2}
    return transformers.CLIPConfig(text_config=text, vision_config={**IMAGE, "projection_dim": 8}, projection_dim=8)


def _vit_gpt2() -> Any:
    decoder = transformers.GPT2Config(vocab_size=40, n_embd=16, n_layer=1, n_head=2, n_positions=24, is_decoder=True,
                                      add_cross_attention=True, bos_token_id=1, eos_token_id=2)  # fmt: skip
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(
        transformers.ViTConfig(**IMAGE), decoder
    )
    config.decoder_start_token_id, config.pad_token_id, config.eos_token_id = 1, 0, 2
    return config


def _pix2struct() -> Any:
    text = {"vocab_size": 40, "hidden_size": 16, "d_kv": 8, "d_ff": 16, "num_layers": 1, "num_heads": 2,
            "decoder_start_token_id": 0}  # fmt: skip
    vision = {"hidden_size": 16, "d_ff": 16, "d_kv": 8, "num_hidden_layers": 1,
              "num_attention_heads": 2, "seq_len": 16}  # fmt: skip
    return transformers.Pix2StructConfig(text_config=text, vision_config=vision, is_encoder_decoder=True)


_PATCHES = SimpleNamespace(max_patches=16, patch_size={"height": 16, "width": 16})
_WHISPER = _config(
    "WhisperConfig", vocab_size=60, d_model=16, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2,
    decoder_attention_heads=2, encoder_ffn_dim=16, decoder_ffn_dim=16, num_mel_bins=80, max_source_positions=1500,
    max_target_positions=24, decoder_start_token_id=1, bos_token_id=1, eos_token_id=2, pad_token_id=0,
    suppress_tokens=None, begin_suppress_tokens=None,
)  # fmt: skip
_MOONSHINE = _config(
    "MoonshineConfig", vocab_size=60, hidden_size=16, intermediate_size=16, encoder_num_hidden_layers=1,
    decoder_num_hidden_layers=1, encoder_num_attention_heads=2, decoder_num_attention_heads=2,
    encoder_num_key_value_heads=2, decoder_num_key_value_heads=2, max_position_embeddings=24,
)  # fmt: skip
_SEGFORMER = _config(
    "SegformerConfig", num_encoder_blocks=2, depths=[1, 1], sr_ratios=[2, 1], hidden_sizes=[8, 16],
    patch_sizes=[3, 3], strides=[2, 2], num_attention_heads=[1, 2], mlp_ratios=[1, 1], decoder_hidden_size=16,
    num_labels=3,
)  # fmt: skip
_SWIN2SR = _config(
    "Swin2SRConfig", image_size=16, embed_dim=8, depths=[1], num_heads=[2], window_size=4, upscale=2, mlp_ratio=1.0
)

FAMILIES: Mapping[str, Family] = {
    "bert-features": Family("ORTModelForFeatureExtraction", "feature-extraction", "AutoModel", _bert, IDS),
    "bert-masked": Family("ORTModelForMaskedLM", "fill-mask", "AutoModelForMaskedLM", _bert, IDS),
    "bert-answers": Family(
        "ORTModelForQuestionAnswering", "question-answering", "AutoModelForQuestionAnswering", _bert, IDS
    ),
    "bert-texts": Family(
        "ORTModelForSequenceClassification", "text-classification", "AutoModelForSequenceClassification", _bert, IDS
    ),
    "bert-tokens": Family(
        "ORTModelForTokenClassification", "token-classification", "AutoModelForTokenClassification", _bert, IDS
    ),
    "bert-choices": Family(
        "ORTModelForMultipleChoice", "multiple-choice", "AutoModelForMultipleChoice", _bert,
        {name: (kind, (2, 3, 7)) for name, (kind, _) in IDS.items()},
    ),
    "vit": Family(
        "ORTModelForImageClassification", "image-classification", "AutoModelForImageClassification",
        _config("ViTConfig", **IMAGE, num_labels=3), PIXELS,
    ),
    "segformer": Family(
        "ORTModelForSemanticSegmentation", "image-segmentation", "AutoModelForSemanticSegmentation", _SEGFORMER,
        {"pixel_values": ("floats", (2, 3, 32, 32))}, exported_as="semantic-segmentation",
    ),
    "swin2sr": Family(
        "ORTModelForImageToImage", "image-to-image", "Swin2SRForImageSuperResolution", _SWIN2SR, PIXELS
    ),
    "clip": Family(
        "ORTModelForZeroShotImageClassification", "zero-shot-image-classification", "CLIPModel", _clip, {**IDS, **PIXELS}
    ),
    "wav2vec2": Family(
        "ORTModelForAudioClassification", "audio-classification", "AutoModelForAudioClassification",
        _config("Wav2Vec2Config", **SOUND), WAVES
    ),
    "wav2vec2-frames": Family(
        "ORTModelForAudioFrameClassification", "audio-frame-classification", "AutoModelForAudioFrameClassification",
        _config("Wav2Vec2Config", **SOUND), WAVES,
    ),
    "wav2vec2-xvector": Family(
        "ORTModelForAudioXVector", "audio-xvector", "AutoModelForAudioXVector", _config("Wav2Vec2Config", **SOUND), WAVES
    ),
    "wav2vec2-ctc": Family(
        "ORTModelForCTC", "automatic-speech-recognition", "AutoModelForCTC", _config("Wav2Vec2Config", **SOUND), WAVES
    ),
    "bert-custom": Family("ORTModelForCustomTasks", "custom", "AutoModel", _bert, IDS, exported_as="feature-extraction",
                          inferred="feature-extraction"),
    "gpt2": Family(
        "ORTModelForCausalLM", "text-generation", "AutoModelForCausalLM",
        _config("GPT2Config", vocab_size=40, n_embd=16, n_layer=1, n_head=2, n_positions=24, bos_token_id=1,
                eos_token_id=2),
        {"input_ids": ("tokens", (2, 7))}, exported_as="text-generation-with-past", generated={"max_new_tokens": 5},
    ),
    "t5-merged": Family(
        "ORTModelForSeq2SeqLM", "text2text-generation", "AutoModelForSeq2SeqLM", _config("T5Config", **T5), IDS,
        exported_as="text2text-generation-with-past", merged=True, generated={"max_new_tokens": 5},
    ),
    "t5-apart": Family(
        "ORTModelForSeq2SeqLM", "text2text-generation", "AutoModelForSeq2SeqLM", _config("T5Config", **T5), IDS,
        exported_as="text2text-generation-with-past", merged=False, generated={"max_new_tokens": 5},
    ),
    "t5-without-past": Family(
        "ORTModelForSeq2SeqLM", "text2text-generation", "AutoModelForSeq2SeqLM", _config("T5Config", **T5), IDS,
        generated={"max_new_tokens": 5, "use_cache": False},
    ),
    "whisper": Family(
        "ORTModelForSpeechSeq2Seq", "automatic-speech-recognition", "AutoModelForSpeechSeq2Seq", _WHISPER,
        {"input_features": ("floats", (1, 80, 3000))}, exported_as="automatic-speech-recognition-with-past", merged=True,
        generated={"max_new_tokens": 4},
    ),
    "moonshine": Family(
        "ORTModelForSpeechSeq2Seq", "automatic-speech-recognition", "AutoModelForSpeechSeq2Seq", _MOONSHINE,
        {"input_values": ("floats", (1, 16000))}, exported_as="automatic-speech-recognition-with-past", merged=True,
        generated={"max_new_tokens": 4},
    ),
    "vit-gpt2": Family(
        "ORTModelForVision2Seq", "image-to-text", "VisionEncoderDecoderModel", _vit_gpt2, PIXELS,
        exported_as="image-to-text-with-past", merged=True, generated={"max_new_tokens": 5},
    ),
    "pix2struct": Family(
        "ORTModelForPix2Struct", "image-to-text", "Pix2StructForConditionalGeneration", _pix2struct,
        {"flattened_patches": ("floats", (1, 16, 770)), "attention_mask": ("ones", (1, 16))},
        exported_as="image-to-text-with-past", merged=True, generated={"max_new_tokens": 4},
        preprocessors=[None, SimpleNamespace(image_processor=_PATCHES)],
    ),
}  # fmt: skip


def build(name: str, folder: Path) -> Path:
    """Export a family's model into a folder."""
    family = FAMILIES[name]
    with _quiet(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        kind, config = getattr(transformers, family.auto), family.config()
        model = (kind.from_config(config) if family.auto.startswith("Auto") else kind(config)).eval()
        model.config.architectures = [type(model).__name__]
        onnx_export_from_model(
            model, folder, task=family.exported_as or family.task, do_validation=False,
            no_post_process=family.merged is False, preprocessors=family.preprocessors,
        )  # fmt: skip
    if name == "vit":  # the one class of images that is a typed task, which wants to know how they are prepared
        size = {"height": IMAGE["image_size"], "width": IMAGE["image_size"]}
        transformers.ViTImageProcessor(size=size).save_pretrained(folder)
    return folder


def given(name: str, wanted: Mapping[str, Any]) -> dict[str, Any]:
    """Give arrays for those inputs of a graph that the family names."""
    chance = np.random.default_rng(0)
    made: dict[str, Any] = {}
    for key, (kind, shape) in FAMILIES[name].inputs.items():
        if kind == "tokens":
            made[key] = chance.integers(3, 39, shape)
            made[key][..., -1] = 2
        elif kind == "floats":
            made[key] = chance.normal(size=shape).astype(np.float32)
        else:
            made[key] = np.full(
                shape, int(kind == "ones"), np.float32 if key not in IDS or "patches" in wanted else int
            )
    return {key: value for key, value in made.items() if key in wanted}


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
