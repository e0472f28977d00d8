"""One line from an input to a result: a cached ``load`` and a call, nothing else. One file a task."""
