"""ONNX graphs as bytes: read, checked and described before ONNX Runtime sees them."""
