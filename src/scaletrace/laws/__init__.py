"""The parametric laws, one a file, loaded by the name that a study or a command gives.

A file has `LAW`, which owns all that its law is and does (see `scaletrace.fitting.law.Law`), and
`PER_BUDGET = True` where a study fits it to each budget by itself unless told otherwise.
Its docstring's first line stands in `config/README.md`.
"""
