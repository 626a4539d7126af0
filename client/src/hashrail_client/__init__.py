"""Client of the Hashrail partner API."""

from hashrail_client.client import AsyncHashrail, Hashrail, HashrailApiError, SignatureAuth

__all__ = ["AsyncHashrail", "Hashrail", "HashrailApiError", "SignatureAuth"]
