"""What the command does other than rendering: a module a verb, each with `run(words)` that returns the exit code."""
