"""What `/v1` serves, a module for each kind of object."""
