"""Client of the Hashrail partner API."""
