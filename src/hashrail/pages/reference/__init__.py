"""The API reference at `/api/docs`: a page an operation, the error catalogue, the guides of docs/, and their search."""
