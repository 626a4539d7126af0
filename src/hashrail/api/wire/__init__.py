"""The wire: fields, cursors and the models that several operations share."""
