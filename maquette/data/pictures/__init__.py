"""Pictures: read, written, in sets, in patches, in films."""
