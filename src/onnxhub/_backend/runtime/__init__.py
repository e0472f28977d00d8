"""Sessions of ONNX Runtime: providers, threads, precision, schedules."""
