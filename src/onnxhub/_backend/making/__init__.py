"""What is generated: conversions, quantized graphs, tokenizers; in processes of their own."""
