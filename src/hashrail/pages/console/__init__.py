"""The operator's console: pages over the verbs that the commands and the API call."""
