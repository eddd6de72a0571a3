"""The band: reads a mood, composes a piece in parts and plays it on numpy instruments."""
