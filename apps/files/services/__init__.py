"""Writing and removing files. Bytes go through here, so that every one of them has a row and an end."""
