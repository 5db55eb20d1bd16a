"""From run folders to pages: one self-contained HTML file for a run, for several runs compared, and for a whole tour."""

from maquette.report.compare import compare_runs
from maquette.report.gallery import GalleryEntry, write_gallery
from maquette.report.page import write_report

__all__ = ["GalleryEntry", "compare_runs", "write_gallery", "write_report"]
