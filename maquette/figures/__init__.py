"""Figures in one house style: plain functions from arrays and data frames to a matplotlib `Figure`.

Import them by subject: `from maquette.figures import classes, tables, training`, and to save them
`from maquette.figures.style import save`. This page imports nothing, so that `maquette.figures.numbers` costs no
matplotlib.
"""
