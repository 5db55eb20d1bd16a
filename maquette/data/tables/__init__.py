"""Tables: read, described, encoded, written."""
