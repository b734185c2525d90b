"""Commands for people, one module each: `add_arguments(parser)`, `run(arguments)` -> exit code."""
