"""How a call runs: from inputs to batches, and from batches to results."""
