"""From run folders to pages, each one self-contained HTML file: a run, several compared, a whole tour."""

from maquette.report.compare import compare_runs
from maquette.report.gallery import write_gallery
from maquette.report.page import write_report

__all__ = ["compare_runs", "write_gallery", "write_report"]
