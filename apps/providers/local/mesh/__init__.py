"""A closed, textured surface from a picture and the mask of its subject."""
