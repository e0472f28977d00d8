"""From a request to a model: what will be opened, made, and why."""
