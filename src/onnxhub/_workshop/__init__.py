"""Functions behind the commands that do not run a task: inspect, export, compile, bench, verify, providers."""
