"""Makes files that repositories lack, in processes of their own: conversions, quantized graphs, tokenizers."""
