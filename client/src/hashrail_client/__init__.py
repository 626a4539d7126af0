"""Client of the Hashrail partner API."""

from hashrail_client.client import AsyncHashrail, Hashrail, HashrailApiError, SignatureAuth
from hashrail_client.downloads import DownloadDiffersError

__all__ = ["AsyncHashrail", "DownloadDiffersError", "Hashrail", "HashrailApiError", "SignatureAuth"]
