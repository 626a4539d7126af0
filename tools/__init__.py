"""What developers run: the reference pages, the recorded examples, the layout of the packages."""
