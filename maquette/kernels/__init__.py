"""Compiled with Numba for the processor: the inner loops that torch's operations would spend too long on.

Each is tested against the plain version that its docstring names. The first call on a machine compiles, for some
seconds; what was compiled is kept beside the file, or in the user's cache where that cannot be written.
"""
