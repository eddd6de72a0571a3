"""The illustrator: reads a prompt, paints a scene by program and sets sprites into it.

No network draws here. One (MiniLM) helps to understand the words; the rest is procedure.
"""
