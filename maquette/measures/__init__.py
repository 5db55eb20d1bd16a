"""Scores, each with its formula and source. A name means one thing in every recipe."""

HIGHER_IS_BETTER = {"r2", "accuracy", "macro_f1", "auroc", "coverage"}
