"""``python -m onnxhub``: the command line."""

from onnxhub.cli import main

if __name__ == "__main__":
    main()
