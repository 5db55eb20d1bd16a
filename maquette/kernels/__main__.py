"""`python -m maquette.kernels`: compile all kernels for this processor now, not when they are first needed."""

from maquette.kernels import compile_first

for module in ("training", "painting", "word_vectors"):
    compile_first(f"maquette.kernels.{module}")
