"""Families of models, one a file: `family` under a study's `model` is the name of the file.

Such a file has

- `build(shape, seed)`: an untrained `LanguageModel`; equal seeds give equal weights;
- `n_non_embedding(shape)`, `n_head(shape)`, `flops_per_token_exact(shape)`: what
  `scaletrace.models.counts` counts, in its conventions;
- `pass_bytes(shape, tokens)`: the GPU memory that a pass of so many tokens takes beside the
  weights, as `scaletrace.models.memory` reckons;
- `ZERO_OUTPUTS`: whether the head and the matrices that add to the stream begin at zero, on which
  the parametrisations rest that carry rates from one width or depth to another;
- `MIXED_PRECISION`: the module with its `MixedPrecision` form for a GPU; None where its fp32
  form is trained there.

The plan loads every family of a study to count: what needs torch is imported in `build`. The
docstring's first line says what the family is, in the schema and in config/README.md.
"""
