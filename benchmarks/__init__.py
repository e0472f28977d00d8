"""Side-by-side measurements: onnxhub, a script written by hand, and optimum, on the same models and texts."""
